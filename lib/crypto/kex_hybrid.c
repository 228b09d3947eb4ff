/* kex_hybrid.c: a KEM and X25519, so that who wants to read along has to break
 * both: mlkem768x25519-sha256, RFC 10042; sntrup761x25519-sha512 and its
 * @openssh.com name, RFC 9941.
 *
 *   message 30   the KEM's public key, then X25519's public value
 *   message 31   the ciphertext, then X25519's public value
 *   K            the hash of the KEM's secret and then X25519's: a string
 *
 * Happy path: a server answers a key with a ciphertext; both have K.
 * Failures: another length, a key of ML-KEM whose numbers are not below q (FIPS
 * 203 section 7.2), an all-zero result of X25519: UVSSH_EKEX. A forged
 * ciphertext is none: K differs then, and with it the exchange hash, whose
 * signature does not verify. UV_ENOMEM.
 *
 * Never uses a key or a seed for a second exchange.
 */
#include "crypto/crypto.h"

#include <assert.h>

#define KEM_SHARED 32

_Static_assert(MLKEM_SHARED == KEM_SHARED && SNTRUP_SHARED == KEM_SHARED,
               "of either");

struct kem {
  const struct hash_alg* hash;     /* of K */
  size_t ek;                       /* sizes: public key, */
  size_t dk;                       /* private key, */
  size_t ct;                       /* ciphertext */
  int (*keygen)(uint8_t* ek, uint8_t* dk);
  int (*encaps)(uint8_t* ct, uint8_t* shared, const uint8_t* ek);
  int (*decaps)(uint8_t* shared, const uint8_t* dk, const uint8_t* ct);
};

/* ---- with any KEM -------------------------------------------------------- */

/* K, of the two secrets one behind the other. */
static int write_k(const struct kem* kem, struct buf* k,
                   const uint8_t both[KEM_SHARED + X25519_SIZE]) {
  uint8_t digest[HASH_SIZE_MAX];

  uvssh__hash(kem->hash, both, KEM_SHARED + X25519_SIZE, digest);
  wr_str(k, digest, kem->hash->size);
  uvssh__wipe(digest, sizeof(digest));
  return k->bad ? UV_ENOMEM : 0;
}

/* What is kept for finish(): the KEM's private key, then X25519's. */
static int start(const struct kem* kem, struct buf* secret,
                 struct buf* client_public) {
  uint8_t* dk;
  uint8_t* ek;
  int err;

  secret->secret = 1;
  dk = uvssh__buf_reserve(secret, kem->dk + X25519_SIZE);
  ek = uvssh__buf_reserve(client_public, kem->ek + X25519_SIZE);
  if (dk == NULL || ek == NULL)
    return UV_ENOMEM;
  err = kem->keygen(ek, dk);
  client_public->len += kem->ek;
  if (err == 0)
    err = uvssh__x25519_pair(dk + kem->dk, client_public);
  uvssh__wipe_stack();
  if (err == 0)
    secret->len += kem->dk + X25519_SIZE;
  return err;
}

/* The server's two halves; `both` gets the two secrets. */
static int answer(const struct kem* kem, const uint8_t* peer, struct buf* out,
                  uint8_t both[KEM_SHARED + X25519_SIZE]) {
  uint8_t* ct = uvssh__buf_reserve(out, kem->ct + X25519_SIZE);
  uint8_t scalar[X25519_SIZE];
  int err;

  if (ct == NULL)
    return UV_ENOMEM;
  err = kem->encaps(ct, both, peer);
  if (err != 0)
    return err;
  out->len += kem->ct;
  err = uvssh__x25519_pair(scalar, out);
  if (err == 0)
    err = uvssh__x25519(both + KEM_SHARED, scalar, peer + kem->ek);
  uvssh__wipe(scalar, sizeof(scalar));
  return err;
}

static int respond(const struct kem* kem, str_t client_public,
                   struct buf* server_public, struct buf* k) {
  uint8_t both[KEM_SHARED + X25519_SIZE];
  int err;

  k->secret = 1;
  if (client_public.len != kem->ek + X25519_SIZE)
    return UVSSH_EKEX;
  err = answer(kem, client_public.base, server_public, both);
  if (err == 0)
    err = write_k(kem, k, both);
  uvssh__wipe(both, sizeof(both));
  uvssh__wipe_stack();
  return err;
}

static int finish(const struct kem* kem, str_t secret, str_t server_public,
                  struct buf* k) {
  uint8_t both[KEM_SHARED + X25519_SIZE];
  int err;

  k->secret = 1;
  assert(secret.len == kem->dk + X25519_SIZE);
  if (server_public.len != kem->ct + X25519_SIZE)
    return UVSSH_EKEX;
  err = uvssh__x25519(both + KEM_SHARED, secret.base + kem->dk,
                      server_public.base + kem->ct);
  if (err == 0)
    err = kem->decaps(both, secret.base, server_public.base);
  if (err == 0)
    err = write_k(kem, k, both);
  uvssh__wipe(both, sizeof(both));
  uvssh__wipe_stack();
  return err;
}

/* ---- the KEMs ------------------------------------------------------------ */

static int mlkem_keygen(uint8_t* ek, uint8_t* dk) {
  uint8_t seed[MLKEM_SEED];
  int err;

  uvssh__random(seed, sizeof(seed));
  err = uvssh__mlkem_keygen(ek, dk, seed);
  uvssh__wipe(seed, sizeof(seed));
  return err;
}

static int mlkem_encaps(uint8_t* ct, uint8_t* shared, const uint8_t* ek) {
  uint8_t m[32];
  int err;

  uvssh__random(m, sizeof(m));
  err = uvssh__mlkem_encaps(ct, shared, ek, m);
  uvssh__wipe(m, sizeof(m));
  return err;
}

static const struct kem mlkem = {
  .hash = &uvssh__sha256,
  .ek = MLKEM_EK,
  .dk = MLKEM_DK,
  .ct = MLKEM_CT,
  .keygen = mlkem_keygen,
  .encaps = mlkem_encaps,
  .decaps = uvssh__mlkem_decaps
};

static int sntrup_encaps(uint8_t* ct, uint8_t* shared, const uint8_t* ek) {
  uvssh__sntrup_encaps(ct, shared, ek);
  return 0;
}

static int sntrup_decaps(uint8_t* shared, const uint8_t* dk,
                         const uint8_t* ct) {
  uvssh__sntrup_decaps(shared, dk, ct);
  return 0;
}

static const struct kem sntrup = {
  .hash = &uvssh__sha512,
  .ek = SNTRUP_EK,
  .dk = SNTRUP_DK,
  .ct = SNTRUP_CT,
  .keygen = uvssh__sntrup_keygen,
  .encaps = sntrup_encaps,
  .decaps = sntrup_decaps
};

/* ---- the methods --------------------------------------------------------- */

/* For each KEM the functions of its methods. */
#define STEPS(kem)                                                            \
  static int kem##_start(str_t group, struct buf* secret,                     \
                         struct buf* client_public) {                         \
    return start(&kem, secret, client_public);                                \
  }                                                                           \
  static int kem##_respond(str_t group, str_t client_public,                  \
                           struct buf* server_public, struct buf* k) {        \
    return respond(&kem, client_public, server_public, k);                    \
  }                                                                           \
  static int kem##_finish(str_t group, str_t secret, str_t server_public,     \
                          struct buf* k) {                                    \
    return finish(&kem, secret, server_public, k);                            \
  }

STEPS(mlkem)
STEPS(sntrup)

const struct kex_alg uvssh__mlkem768x25519 = {
  .name = "mlkem768x25519-sha256",
  .hash = &uvssh__sha256,
  .cost = COST_LIGHT,
  .post_quantum = 1,
  .start = mlkem_start,
  .respond = mlkem_respond,
  .finish = mlkem_finish
};

/* A pair of keys takes two inversions, seven times what the rest does. */
const struct kex_alg uvssh__sntrup761x25519 = {
  .name = "sntrup761x25519-sha512",
  .hash = &uvssh__sha512,
  .cost = COST_LIGHT,
  .start_cost = COST_HEAVY,
  .post_quantum = 1,
  .start = sntrup_start,
  .respond = sntrup_respond,
  .finish = sntrup_finish
};

const struct kex_alg uvssh__sntrup761x25519_openssh = {
  .name = "sntrup761x25519-sha512@openssh.com",
  .hash = &uvssh__sha512,
  .cost = COST_LIGHT,
  .start_cost = COST_HEAVY,
  .post_quantum = 1,
  .start = sntrup_start,
  .respond = sntrup_respond,
  .finish = sntrup_finish
};
