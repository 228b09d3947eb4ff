/* mbedtls.c: what every call into mbedTLS's big numbers needs: our randomness,
 * with which it blinds, and its codes as ours.
 *
 * Never: a call with a secret and without this source, where it takes one. */
#include "crypto/crypto.h"

#include <mbedtls/bignum.h>
#include <mbedtls/ecp.h>
#include <mbedtls/md.h>

/* A code may be the sum of a module's own and of that of what it called, which
 * is the part below; even INT_MIN, which has no negation, is some failure. */
#define LOW_LEVEL 0x7f

int uvssh__mbedtls_random(void* arg, unsigned char* out, size_t len) {
  uvssh__random(out, len);
  return 0;
}

int uvssh__mbedtls_status(int rc) {
  if (rc == 0)
    return 0;
  if (rc == MBEDTLS_ERR_ECP_ALLOC_FAILED || rc == MBEDTLS_ERR_MD_ALLOC_FAILED ||
      (rc < 0 && ((0u - (unsigned) rc) & LOW_LEVEL) ==
                     (unsigned) -MBEDTLS_ERR_MPI_ALLOC_FAILED))
    return UV_ENOMEM;
  return UVSSH_ECRYPTO;
}

int uvssh__mbedtls_read_status(int rc) {
  int err = uvssh__mbedtls_status(rc);

  return err == UVSSH_ECRYPTO ? UVSSH_EKEYFORMAT : err;
}
