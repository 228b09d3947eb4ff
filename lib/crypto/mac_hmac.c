/* mac_hmac.c: hmac-sha2-256 (RFC 6668) and hmac-sha2-256-etm@openssh.com.
 *
 * The two hash states that begin with the key's pads are made once a key and
 * copied for every packet: two compressions less each.
 *
 * Never compares: keys.c does, in constant time.
 */
#include "crypto/crypto.h"

#include <sodium.h>

static int hmac_init(void* state, const uint8_t* key) {
  if (crypto_auth_hmacsha256_init(state, key, 32) != 0)
    return UVSSH_ECRYPTO;
  return 0;
}

static void hmac_done(void* state) {
  uvssh__wipe(state, sizeof(crypto_auth_hmacsha256_state));
}

static int hmac_tag(void* state,
                    uint32_t seq,
                    const uint8_t* a,
                    size_t a_len,
                    const uint8_t* b,
                    size_t b_len,
                    uint8_t* tag) {
  crypto_auth_hmacsha256_state s;
  uint8_t number[4];

  memcpy(&s, state, sizeof(s));
  put_u32(number, seq);
  crypto_auth_hmacsha256_update(&s, number, sizeof(number));
  if (a_len != 0)
    crypto_auth_hmacsha256_update(&s, a, a_len);
  if (b_len != 0)
    crypto_auth_hmacsha256_update(&s, b, b_len);
  crypto_auth_hmacsha256_final(&s, tag);
  uvssh__wipe(&s, sizeof(s));
  return 0;
}

const struct mac_alg uvssh__hmac_sha256_etm = {
  .name = "hmac-sha2-256-etm@openssh.com",
  .key_size = 32,
  .tag_size = crypto_auth_hmacsha256_BYTES,
  .state_size = sizeof(crypto_auth_hmacsha256_state),
  .etm = 1,
  .init = hmac_init,
  .done = hmac_done,
  .tag = hmac_tag
};

const struct mac_alg uvssh__hmac_sha256 = {
  .name = "hmac-sha2-256",
  .key_size = 32,
  .tag_size = crypto_auth_hmacsha256_BYTES,
  .state_size = sizeof(crypto_auth_hmacsha256_state),
  .etm = 0,
  .init = hmac_init,
  .done = hmac_done,
  .tag = hmac_tag
};
