/* cipher_ctr.c: aes256-ctr, RFC 4344 section 4, by mbedTLS.
 *
 * One key stream over all packets of a direction; the counter starts at what
 * the key exchange gave. Has no tag: keys.c joins it with a MAC.
 *
 * Never used alone.
 */
#include "crypto/crypto.h"

#include <mbedtls/aes.h>

#define BLOCK 16

struct ctr {
  mbedtls_aes_context aes;
  uint8_t counter[BLOCK];
  uint8_t stream[BLOCK];           /* of the block that is begun */
  size_t used;                     /* bytes of it */
};

static int ctr_init(void* state,
                    const uint8_t* key,
                    const uint8_t* iv,
                    int sealing) {
  struct ctr* s = state;
  memcpy(s->counter, iv, BLOCK);
  mbedtls_aes_init(&s->aes);
  if (mbedtls_aes_setkey_enc(&s->aes, key, 256) != 0)   /* for both ways */
    return UVSSH_ECRYPTO;
  return 0;
}

static void ctr_done(void* state) {
  struct ctr* s = state;
  mbedtls_aes_free(&s->aes);
  uvssh__wipe(s, sizeof(*s));
}

static int ctr_crypt(void* state, const uint8_t* in, uint8_t* out, size_t len) {
  struct ctr* s = state;
  if (len != 0 && mbedtls_aes_crypt_ctr(&s->aes, len, &s->used, s->counter,
                                        s->stream, in, out) != 0)
    return UVSSH_ECRYPTO;
  return 0;
}

const struct cipher_alg uvssh__aes256_ctr = {
  .name = "aes256-ctr",
  .key_size = 32,
  .iv_size = BLOCK,
  .block_size = BLOCK,
  .tag_size = 0,
  .state_size = sizeof(struct ctr),
  .init = ctr_init,
  .done = ctr_done,
  .crypt = ctr_crypt
};
