/* mac_hmac.c: hmac-sha2-256, hmac-sha2-512 (RFC 6668), and their
 * -etm@openssh.com forms.
 *
 * The two hash states that begin with the key's pads are made once a key and
 * copied for every packet: two compressions less each.
 *
 * Never compares: keys.c does, in constant time.
 */
#include "crypto/crypto.h"

#include <sodium.h>

#define FUNCTIONS(hash, size)                                                 \
  _Static_assert(crypto_auth_hmac##hash##_BYTES == size, "RFC 6668 section 2");\
                                                                              \
  static int hash##_init(void* state, const uint8_t* key) {                   \
    return crypto_auth_hmac##hash##_init(state, key, size) == 0               \
               ? 0                                                            \
               : UVSSH_ECRYPTO;                                               \
  }                                                                           \
                                                                              \
  static void hash##_done(void* state) {                                      \
    uvssh__wipe(state, sizeof(crypto_auth_hmac##hash##_state));               \
  }                                                                           \
                                                                              \
  static int hash##_tag(void* state, uint32_t seq, const uint8_t* a,          \
                        size_t a_len, const uint8_t* b, size_t b_len,         \
                        uint8_t* tag) {                                       \
    crypto_auth_hmac##hash##_state s;                                         \
    uint8_t number[4];                                                        \
                                                                              \
    memcpy(&s, state, sizeof(s));                                             \
    put_u32(number, seq);                                                     \
    crypto_auth_hmac##hash##_update(&s, number, sizeof(number));              \
    if (a_len != 0)                                                           \
      crypto_auth_hmac##hash##_update(&s, a, a_len);                          \
    if (b_len != 0)                                                           \
      crypto_auth_hmac##hash##_update(&s, b, b_len);                          \
    crypto_auth_hmac##hash##_final(&s, tag);                                  \
    uvssh__wipe(&s, sizeof(s));                                               \
    return 0;                                                                 \
  }

FUNCTIONS(sha256, 32)
FUNCTIONS(sha512, 64)

#define ROW(object, its_name, hash, is_etm)                                   \
  const struct mac_alg object = {                                             \
    .name = its_name,                                                         \
    .key_size = crypto_auth_hmac##hash##_BYTES,                               \
    .tag_size = crypto_auth_hmac##hash##_BYTES,                               \
    .state_size = sizeof(crypto_auth_hmac##hash##_state),                     \
    .etm = is_etm,                                                            \
    .init = hash##_init,                                                      \
    .done = hash##_done,                                                      \
    .tag = hash##_tag                                                         \
  }

ROW(uvssh__hmac_sha256_etm, "hmac-sha2-256-etm@openssh.com", sha256, 1);
ROW(uvssh__hmac_sha512_etm, "hmac-sha2-512-etm@openssh.com", sha512, 1);
ROW(uvssh__hmac_sha256, "hmac-sha2-256", sha256, 0);
ROW(uvssh__hmac_sha512, "hmac-sha2-512", sha512, 0);
