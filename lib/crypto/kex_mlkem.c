/* kex_mlkem.c: mlkem768x25519-sha256, RFC 10042: ML-KEM-768 and X25519, so that
 * who wants to read along has to break both.
 *
 *   message 30   the public key (1184 bytes), then X25519's public value
 *   message 31   the ciphertext (1088 bytes), then X25519's public value
 *   K            SHA-256 of ML-KEM's secret and then X25519's: a string
 *
 * Happy path: a server answers a key with a ciphertext; both have K.
 * Failures: another length, a key whose numbers are not below q (FIPS 203
 * section 7.2), an all-zero result of X25519: UVSSH_EKEX. A forged ciphertext
 * is none: K differs then, and with it the exchange hash, whose signature does
 * not verify. UV_ENOMEM.
 *
 * Never uses a key or a seed for a second exchange.
 */
#include "crypto/crypto.h"

#include <assert.h>

/* What start() keeps for finish(): ML-KEM's private key, then X25519's. */
enum { SECRET = MLKEM_DK + X25519_SIZE };

/* K, of the two secrets one behind the other. */
static int write_k(struct buf* k, const uint8_t both[2 * 32]) {
  struct hash_state state;
  uint8_t digest[32];

  uvssh__sha256.init(&state);
  uvssh__sha256.update(&state, both, 2 * 32);
  uvssh__sha256.final(&state, digest);
  wr_str(k, digest, sizeof(digest));
  uvssh__wipe(digest, sizeof(digest));
  return k->bad ? UV_ENOMEM : 0;
}

static int mlkem_start(str_t group,
                       struct buf* secret,
                       struct buf* client_public) {
  uint8_t seed[MLKEM_SEED];
  uint8_t* dk;
  uint8_t* ek;
  int err;

  secret->secret = 1;
  dk = uvssh__buf_reserve(secret, SECRET);
  ek = uvssh__buf_reserve(client_public, MLKEM_EK + X25519_SIZE);
  if (dk == NULL || ek == NULL)
    return UV_ENOMEM;
  uvssh__random(seed, sizeof(seed));
  err = uvssh__mlkem_keygen(ek, dk, seed);
  uvssh__wipe(seed, sizeof(seed));
  client_public->len += MLKEM_EK;
  if (err == 0)
    err = uvssh__x25519_pair(dk + MLKEM_DK, client_public);
  uvssh__wipe_stack();
  if (err == 0)
    secret->len += SECRET;
  return err;
}

/* The server's two halves; `both` gets the two secrets. */
static int answer(const uint8_t* peer, struct buf* out, uint8_t both[64]) {
  uint8_t* ct = uvssh__buf_reserve(out, MLKEM_CT + X25519_SIZE);
  uint8_t scalar[X25519_SIZE];
  uint8_t m[32];
  int err;

  if (ct == NULL)
    return UV_ENOMEM;
  uvssh__random(m, sizeof(m));
  err = uvssh__mlkem_encaps(ct, both, peer, m);
  uvssh__wipe(m, sizeof(m));
  if (err != 0)
    return err;
  out->len += MLKEM_CT;
  err = uvssh__x25519_pair(scalar, out);
  if (err == 0)
    err = uvssh__x25519(both + MLKEM_SHARED, scalar, peer + MLKEM_EK);
  uvssh__wipe(scalar, sizeof(scalar));
  return err;
}

static int mlkem_respond(str_t group,
                         str_t client_public,
                         struct buf* server_public,
                         struct buf* k) {
  uint8_t both[MLKEM_SHARED + X25519_SIZE];
  int err;

  k->secret = 1;
  if (client_public.len != MLKEM_EK + X25519_SIZE)
    return UVSSH_EKEX;
  err = answer(client_public.base, server_public, both);
  if (err == 0)
    err = write_k(k, both);
  uvssh__wipe(both, sizeof(both));
  uvssh__wipe_stack();
  return err;
}

static int mlkem_finish(str_t group,
                        str_t secret,
                        str_t server_public,
                        struct buf* k) {
  uint8_t both[MLKEM_SHARED + X25519_SIZE];
  int err;

  k->secret = 1;
  assert(secret.len == SECRET);
  if (server_public.len != MLKEM_CT + X25519_SIZE)
    return UVSSH_EKEX;
  err = uvssh__x25519(both + MLKEM_SHARED, secret.base + MLKEM_DK,
                      server_public.base + MLKEM_CT);
  if (err == 0)
    err = uvssh__mlkem_decaps(both, secret.base, server_public.base);
  if (err == 0)
    err = write_k(k, both);
  uvssh__wipe(both, sizeof(both));
  uvssh__wipe_stack();
  return err;
}

const struct kex_alg uvssh__mlkem768x25519 = {
  .name = "mlkem768x25519-sha256",
  .hash = &uvssh__sha256,
  .cost = COST_LIGHT,
  .post_quantum = 1,
  .start = mlkem_start,
  .respond = mlkem_respond,
  .finish = mlkem_finish
};
