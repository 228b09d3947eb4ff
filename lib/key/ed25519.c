/* ed25519.c: ssh-ed25519, RFC 8032, RFC 8709, by libsodium.
 *
 * Happy path: 32 bytes of public key, 64 of signature.
 * Failures: any other length, and a private half that does not make the public
 * one: UVSSH_EKEYFORMAT. A wrong signature: UVSSH_ECRYPTO.
 *
 * Never trusts a stored public half for signing: it is made from the seed.
 */
#include "key/key.h"

#include <sodium.h>

#define PUBLIC crypto_sign_PUBLICKEYBYTES
#define SECRET crypto_sign_SECRETKEYBYTES        /* seed, public half */
#define SEED crypto_sign_SEEDBYTES
#define SIGNATURE crypto_sign_BYTES

struct ed25519 {
  uint8_t public_key[PUBLIC];
  uint8_t secret_key[SECRET];
  int has_secret;
};

static int from_seed(struct ed25519* k, const uint8_t* seed) {
  if (crypto_sign_seed_keypair(k->public_key, k->secret_key, seed) != 0)
    return UVSSH_ECRYPTO;
  k->has_secret = 1;
  return 0;
}

static int ed25519_generate(const struct key_type* type,
                            void* state,
                            unsigned bits) {
  uint8_t seed[SEED];
  int err;

  uvssh__random(seed, sizeof(seed));
  err = from_seed(state, seed);
  uvssh__wipe(seed, sizeof(seed));
  return err;
}

static int ed25519_read_public(const struct key_type* type,
                               void* state,
                               rd_t* blob) {
  struct ed25519* k = state;
  str_t public_key = rd_str(blob);

  if (rd_end(blob) != 0 || public_key.len != PUBLIC)
    return UVSSH_EKEYFORMAT;
  memcpy(k->public_key, public_key.base, PUBLIC);
  return 0;
}

static void ed25519_write_public(const void* state, struct buf* blob) {
  const struct ed25519* k = state;
  wr_str(blob, k->public_key, PUBLIC);
}

static int ed25519_read_private(const struct key_type* type,
                                void* state,
                                rd_t* section) {
  struct ed25519* k = state;
  str_t public_key = rd_str(section);
  str_t secret_key = rd_str(section);
  int err;

  if (section->bad || public_key.len != PUBLIC || secret_key.len != SECRET)
    return UVSSH_EKEYFORMAT;
  err = from_seed(k, secret_key.base);
  if (err != 0)
    return err;
  if (!uvssh__equal(k->public_key, public_key.base, PUBLIC) ||
      !uvssh__equal(k->secret_key, secret_key.base, SECRET))
    return UVSSH_EKEYFORMAT;
  return 0;
}

static void ed25519_write_private(const void* state, struct buf* section) {
  const struct ed25519* k = state;
  wr_str(section, k->public_key, PUBLIC);
  wr_str(section, k->secret_key, SECRET);
}

static int ed25519_has_secret(const void* state) {
  const struct ed25519* k = state;
  return k->has_secret;
}

static int ed25519_sign(const void* state,
                        const struct sign_alg* alg,
                        const uint8_t* data,
                        size_t len,
                        struct buf* signature) {
  const struct ed25519* k = state;
  uint8_t* out = uvssh__buf_reserve(signature, SIGNATURE);

  if (out == NULL)
    return UV_ENOMEM;
  if (crypto_sign_detached(out, NULL, data, len, k->secret_key) != 0)
    return UVSSH_ECRYPTO;
  signature->len += SIGNATURE;
  return 0;
}

static int ed25519_verify(const void* state,
                          const struct sign_alg* alg,
                          const uint8_t* data,
                          size_t len,
                          str_t signature) {
  const struct ed25519* k = state;

  if (signature.len != SIGNATURE)
    return UVSSH_EKEYFORMAT;
  if (crypto_sign_verify_detached(signature.base, data, len, k->public_key) !=
      0)
    return UVSSH_ECRYPTO;
  return 0;
}

/* The same data have but one signature: it is made again, which takes half of
 * what a verification does. */
static int ed25519_check(const void* state,
                         const struct sign_alg* alg,
                         const uint8_t* data,
                         size_t len,
                         str_t signature) {
  const struct ed25519* k = state;
  uint8_t again[SIGNATURE];

  if (memcmp(k->public_key, k->secret_key + SEED, PUBLIC) != 0 ||
      crypto_sign_detached(again, NULL, data, len, k->secret_key) != 0 ||
      !str_eq(signature, (str_t) { again, sizeof(again) }))
    return UVSSH_ECRYPTO;
  return 0;
}

static void ed25519_wipe(void* state) {
  uvssh__wipe(state, sizeof(struct ed25519));
}

const struct key_type uvssh__ed25519 = {
  .name = KEY_ED25519,
  .type = UVSSH_KEY_ED25519,
  .bits = 256,
  .state_size = sizeof(struct ed25519),
  .generate = ed25519_generate,
  .read_public = ed25519_read_public,
  .write_public = ed25519_write_public,
  .read_private = ed25519_read_private,
  .write_private = ed25519_write_private,
  .has_secret = ed25519_has_secret,
  .sign = ed25519_sign,
  .verify = ed25519_verify,
  .check = ed25519_check,
  .wipe = ed25519_wipe
};
