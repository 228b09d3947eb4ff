/* bench-primitive-login.c: see bench-primitive-login.h. */
#include "bench-primitive-login.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "bench-timing.h"

enum {
  PROOFS = 64,                     /* different ones: how long a verification */
                                   /* takes depends on its input */
  EXCHANGED = 1100,                /* both identifications and KEXINIT, both */
                                   /* public values, host key, secret: so much */
                                   /* it is with bench-client */
  DERIVED = 101,                   /* secret, hash, letter, session id */
  DERIVED_TIMES = 4,               /* two digests each way */
  PROVEN = 147                     /* what the signature of a user is of */
};

static struct {
  uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
  uint8_t secret_key[crypto_sign_SECRETKEYBYTES];
  uint8_t peer[crypto_scalarmult_BYTES];
  uint8_t exchanged[EXCHANGED];
  uint8_t message[PROOFS][PROVEN];
  uint8_t signature[PROOFS][crypto_sign_BYTES];
  int failures;
} all;

int login_primitive_init(void) {
  uint8_t scalar[crypto_scalarmult_SCALARBYTES];
  int i;

  randombytes_buf(scalar, sizeof(scalar));
  randombytes_buf(all.exchanged, sizeof(all.exchanged));
  randombytes_buf(all.message, sizeof(all.message));
  if (crypto_scalarmult_base(all.peer, scalar) != 0 ||
      crypto_sign_keypair(all.public_key, all.secret_key) != 0)
    return -1;
  for (i = 0; i < PROOFS; i++)
    if (crypto_sign_detached(all.signature[i], NULL, all.message[i], PROVEN,
                             all.secret_key) != 0)
      return -1;
  return 0;
}

void login_primitive_begin(struct login_sample* s) {
  if (s->cpu <= 0)
    s->cpu = timing_cpu();
}

/* A pair and a secret of its own each time, and so another signature. */
static void agree(void) {
  uint8_t secret[crypto_scalarmult_SCALARBYTES];
  uint8_t point[crypto_scalarmult_BYTES];
  uint8_t shared[crypto_scalarmult_BYTES];
  uint8_t digest[crypto_hash_sha256_BYTES];
  uint8_t key[crypto_hash_sha256_BYTES];
  uint8_t signature[crypto_sign_BYTES];
  int i;

  randombytes_buf(secret, sizeof(secret));
  all.failures += crypto_scalarmult_base(point, secret) != 0;
  all.failures += crypto_scalarmult(shared, secret, all.peer) != 0;
  memcpy(all.exchanged, shared, sizeof(shared));
  crypto_hash_sha256(digest, all.exchanged, sizeof(all.exchanged));
  all.failures += crypto_sign_detached(signature, NULL, digest, sizeof(digest),
                                       all.secret_key) != 0;
  all.failures += crypto_sign_detached(signature, NULL, digest, sizeof(digest),
                                       all.secret_key) != 0;   /* the check */
  for (i = 0; i < DERIVED_TIMES; i++)
    crypto_hash_sha256(key, all.exchanged + i, DERIVED);
}

void login_agrees(struct login_sample* s) {
  uint64_t began;
  uint64_t took;

  if (++s->seen[0] % LOGIN_EVERY != 0)
    return;
  began = primitive_ticks();
  agree();
  took = primitive_ticks() - began;
  primitive_note(&s->agreeing, took, took);
}

void login_proves(struct login_sample* s) {
  uint64_t i = s->proving.count % PROOFS;
  uint64_t began;
  uint64_t took;

  if (++s->seen[1] % LOGIN_EVERY != LOGIN_EVERY / 2)
    return;
  began = primitive_ticks();
  all.failures += crypto_sign_verify_detached(all.signature[i], all.message[i],
                                              PROVEN, all.public_key) != 0;
  took = primitive_ticks() - began;
  primitive_note(&s->proving, took, took);
}

void login_primitive_print(const struct login_sample* s, uint64_t logins) {
  double spent = primitive_seconds((double) (s->agreeing.spent +
                                             s->proving.spent));
  double bare = primitive_each(&s->agreeing) + primitive_each(&s->proving);
  double cpu;

  if (logins == 0 || s->agreeing.count == 0 || s->proving.count == 0)
    return;
  cpu = (timing_cpu() - s->cpu - spent) / (double) logins;
  fprintf(stderr,
          "{\"bench\": \"logins\", \"logins\": %llu, \"timed\": %llu, "
          "\"server_cpu_ms\": %.4f, \"primitive_ms\": %.4f, "
          "\"rest_ms\": %.4f}\n",
          (unsigned long long) logins, (unsigned long long) s->proving.count,
          cpu * 1e3, bare * 1e3, (cpu - bare) * 1e3);
}

int login_primitive_failures(void) {
  return all.failures;
}
