/* cipher_ctr.c: aes256-ctr, aes192-ctr, aes128-ctr, RFC 4344 section 4, by
 * mbedTLS.
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
                    unsigned bits,
                    const uint8_t* iv) {
  struct ctr* s = state;
  memcpy(s->counter, iv, BLOCK);
  mbedtls_aes_init(&s->aes);
  if (mbedtls_aes_setkey_enc(&s->aes, key, bits) != 0)  /* for both ways */
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

#define ROW(bits)                                                             \
  static int init_##bits(void* state, const uint8_t* key, const uint8_t* iv,  \
                         int sealing) {                                       \
    return ctr_init(state, key, bits, iv);                                    \
  }                                                                           \
                                                                              \
  const struct cipher_alg uvssh__aes##bits##_ctr = {                          \
    .name = "aes" #bits "-ctr",                                               \
    .key_size = bits / 8,                                                     \
    .iv_size = BLOCK,                                                         \
    .block_size = BLOCK,                                                      \
    .tag_size = 0,                                                            \
    .state_size = sizeof(struct ctr),                                         \
    .init = init_##bits,                                                      \
    .done = ctr_done,                                                         \
    .crypt = ctr_crypt                                                        \
  }

ROW(256);
ROW(192);
ROW(128);
