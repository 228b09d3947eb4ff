/* hmac_sha1.c: HMAC-SHA1, RFC 2104, only for the hashed names of known_hosts:
 * no row in algo.c, nothing that goes over the wire rests on it.
 *
 * mbedTLS's SHA-1: libsodium has none. */
#include "crypto/crypto.h"

#include <mbedtls/sha1.h>
#include <mbedtls/version.h>

#if MBEDTLS_VERSION_NUMBER < 0x03000000
# define mbedtls_sha1_starts mbedtls_sha1_starts_ret
# define mbedtls_sha1_update mbedtls_sha1_update_ret
# define mbedtls_sha1_finish mbedtls_sha1_finish_ret
#endif

enum { BLOCK = 64 };

/* out := SHA1(pad, text) */
static int hash(const uint8_t pad[BLOCK],
                str_t text,
                uint8_t out[HMAC_SHA1_SIZE]) {
  mbedtls_sha1_context c;
  int rc;

  mbedtls_sha1_init(&c);
  rc = mbedtls_sha1_starts(&c);
  if (rc == 0)
    rc = mbedtls_sha1_update(&c, pad, BLOCK);
  if (rc == 0 && text.len != 0)
    rc = mbedtls_sha1_update(&c, text.base, text.len);
  if (rc == 0)
    rc = mbedtls_sha1_finish(&c, out);
  mbedtls_sha1_free(&c);
  return rc == 0 ? 0 : UVSSH_ECRYPTO;
}

int uvssh__hmac_sha1(const uint8_t key[HMAC_SHA1_SIZE],
                     str_t text,
                     uint8_t out[HMAC_SHA1_SIZE]) {
  uint8_t pad[BLOCK];
  str_t inner = { out, HMAC_SHA1_SIZE };
  size_t i;
  int err;

  for (i = 0; i < BLOCK; i++)
    pad[i] = (uint8_t) ((i < HMAC_SHA1_SIZE ? key[i] : 0) ^ 0x36);
  err = hash(pad, text, out);
  for (i = 0; i < BLOCK; i++)
    pad[i] ^= 0x36 ^ 0x5c;
  return err != 0 ? err : hash(pad, inner, out);
}
