/* micro-kex: what it costs to agree on keys and to log in, beside the primitive
 * calls that this cannot do without.
 *
 *   micro-kex [--json] [--ms N]
 *
 * Primitives: key pair, shared secret, signature, verification, the hash of an
 * exchange; each of ours, in the same rounds as the bare one (bench-timing.h).
 *
 * Logins: a server and a client in memory (micro-pair.h), from the first byte
 * of either to the end of the session: curve25519-sha256, an Ed25519 host key,
 * an Ed25519 user key that is asked about and then signed with, a session
 * channel, exec, exit status, close, disconnect. There is no kernel in it. Each
 * side is timed by itself, and its ratio is to the sum of what it needs:
 *
 *   server   key pair, shared secret, sign (host), verify (user), hash
 *   client   key pair, shared secret, verify (host), sign (user), hash
 *
 * The same login with mlkem768x25519-sha256 has its ratio to that one, and the
 * method's three steps to ML-KEM's and X25519's calls, whosever ML-KEM it is.
 *
 * Small packets are not in that sum: what they cost stands in micro-seal.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench-timing.h"
#include "micro-pair.h"

enum { HASHED = 2800 };            /* both KEXINIT, and the rest */

enum row {
  BARE_PAIR,
  OUR_PAIR,
  BARE_SHARED,
  OUR_RESPOND,
  BARE_SIGN,
  OUR_SIGN,
  BARE_VERIFY,
  OUR_VERIFY,
  BARE_HASH,
  OUR_HASH,
  LOGIN_SERVER,
  LOGIN_CLIENT,
  BARE_KEYGEN,                     /* of ML-KEM-768 */
  BARE_ENCAPS,
  BARE_DECAPS,
  HYBRID_START,
  HYBRID_RESPOND,
  HYBRID_FINISH,
  HYBRID_SERVER,
  HYBRID_CLIENT,
  ROWS
};

static struct {
  struct pair* pair;
  const struct kex_alg* kex;
  const struct sign_alg* sign;
  uvssh_key_t* key;
  uint8_t secret[32];
  uint8_t point[32];
  uint8_t peer[32];
  uint8_t ed_secret[crypto_sign_SECRETKEYBYTES];
  uint8_t ed_public[crypto_sign_PUBLICKEYBYTES];
  uint8_t signature[crypto_sign_BYTES];
  uint8_t message[HASHED];
  uint8_t digest[HASH_SIZE_MAX];
  struct buf ours;                 /* a signature of ours */
  uint8_t seed[MLKEM_SEED];
  uint8_t ek[MLKEM_EK];
  uint8_t dk[MLKEM_DK];
  uint8_t ct[MLKEM_CT];
  uint8_t shared[MLKEM_SHARED];
  struct buf hybrid_secret;        /* a client's, and what it sent */
  struct buf hybrid_client;
  struct buf hybrid_server;        /* what was answered */
  double server_ns;                /* of the logins of this round */
  double client_ns;
  int failures;
} all;

/* ---- one by one ---------------------------------------------------------- */

static void bare_pair(void* arg, size_t n) {
  while (n-- != 0) {
    randombytes_buf(all.secret, sizeof(all.secret));
    all.failures += crypto_scalarmult_base(all.point, all.secret) != 0;
  }
}

static void our_pair(void* arg, size_t n) {
  struct buf secret = { .secret = 1 };
  struct buf out = { 0 };

  while (n-- != 0) {
    uvssh__buf_reset(&secret);
    uvssh__buf_reset(&out);
    all.failures += all.kex->start(STR(""), &secret, &out) != 0;
  }
  uvssh__buf_free(&secret);
  uvssh__buf_free(&out);
}

static void bare_shared(void* arg, size_t n) {
  while (n-- != 0)
    all.failures += crypto_scalarmult(all.point, all.secret, all.peer) != 0;
}

/* A server's whole part: a pair, and the secret. */
static void our_respond(void* arg, size_t n) {
  struct buf out = { 0 };
  struct buf k = { .secret = 1 };

  while (n-- != 0) {
    uvssh__buf_reset(&out);
    uvssh__buf_reset(&k);
    all.failures += all.kex->respond(STR(""),
                                     (str_t) { all.peer, sizeof(all.peer) },
                                     &out, &k) != 0;
  }
  uvssh__buf_free(&out);
  uvssh__buf_free(&k);
}

static void bare_verify(void* arg, size_t n) {
  while (n-- != 0)
    all.failures += crypto_sign_verify_detached(all.signature, all.message, 32,
                                                all.ed_public) != 0;
}

/* Twice: no signature leaves without a check. */
static void bare_sign(void* arg, size_t n) {
  for (n *= 2; n != 0; n--)
    all.failures += crypto_sign_detached(all.signature, NULL, all.message, 32,
                                         all.ed_secret) != 0;
}

static void our_sign(void* arg, size_t n) {
  while (n-- != 0) {
    uvssh__buf_reset(&all.ours);
    all.failures += uvssh__key_sign(all.key, all.sign, all.message, 32,
                                    &all.ours) != 0;
  }
}

static void our_verify(void* arg, size_t n) {
  while (n-- != 0)
    all.failures += uvssh__key_verify(all.key, all.sign, all.message, 32,
                                      str_of_buf(&all.ours)) != 0;
}

static void bare_hash(void* arg, size_t n) {
  while (n-- != 0)
    crypto_hash_sha256(all.digest, all.message, sizeof(all.message));
}

static void our_hash(void* arg, size_t n) {
  struct hash_state state;

  while (n-- != 0) {
    uvssh__sha256.init(&state);
    uvssh__sha256.update(&state, all.message, sizeof(all.message));
    uvssh__sha256.final(&state, all.digest);
  }
}

/* ---- a hybrid, step by step ---------------------------------------------- */

static const struct kex_alg* const hybrid = &uvssh__mlkem768x25519;

static void bare_keygen(void* arg, size_t n) {
  while (n-- != 0) {
    uvssh__random(all.seed, sizeof(all.seed));
    all.failures += uvssh__mlkem_keygen(all.ek, all.dk, all.seed) != 0;
  }
}

static void bare_encaps(void* arg, size_t n) {
  while (n-- != 0) {
    uvssh__random(all.seed, 32);
    all.failures += uvssh__mlkem_encaps(all.ct, all.shared, all.ek,
                                        all.seed) != 0;
  }
}

static void bare_decaps(void* arg, size_t n) {
  while (n-- != 0)
    all.failures += uvssh__mlkem_decaps(all.shared, all.dk, all.ct) != 0;
}

static void hybrid_start(void* arg, size_t n) {
  while (n-- != 0) {
    uvssh__buf_reset(&all.hybrid_secret);
    uvssh__buf_reset(&all.hybrid_client);
    all.failures += hybrid->start(STR(""), &all.hybrid_secret,
                                  &all.hybrid_client) != 0;
  }
}

static void hybrid_respond(void* arg, size_t n) {
  struct buf k = { .secret = 1 };

  while (n-- != 0) {
    uvssh__buf_reset(&all.hybrid_server);
    uvssh__buf_reset(&k);
    all.failures += hybrid->respond(STR(""), str_of_buf(&all.hybrid_client),
                                    &all.hybrid_server, &k) != 0;
  }
  uvssh__buf_free(&k);
}

static void hybrid_finish(void* arg, size_t n) {
  struct buf k = { .secret = 1 };

  while (n-- != 0) {
    uvssh__buf_reset(&k);
    all.failures += hybrid->finish(STR(""), str_of_buf(&all.hybrid_secret),
                                   str_of_buf(&all.hybrid_server), &k) != 0;
  }
  uvssh__buf_free(&k);
}

/* ---- logins -------------------------------------------------------------- */

static void log_in(const char* kex, size_t n) {
  all.pair->config.kex = kex;
  all.pair->server_ns = all.pair->client_ns = 0;
  while (n-- != 0)
    pair_login(all.pair, "noop");
  all.server_ns = all.pair->server_ns;
  all.client_ns = all.pair->client_ns;
}

static void logins(void* arg, size_t n) {
  log_in("curve25519-sha256", n);
}

static void hybrid_logins(void* arg, size_t n) {
  log_in(hybrid->name, n);
}

static void nothing(void* arg, size_t n) {
}

static double server_spent(void* arg) {
  return all.server_ns;
}

static double client_spent(void* arg) {
  return all.client_ns;
}

/* A round has them all, so that its sum is that of the same moment. */
static const struct lap laps[ROWS] = {
  [BARE_PAIR] = { .run = bare_pair, .base = BARE_PAIR },
  [OUR_PAIR] = { .run = our_pair, .base = BARE_PAIR },
  [BARE_SHARED] = { .run = bare_shared, .base = BARE_SHARED },
  [OUR_RESPOND] = { .run = our_respond, .base = BARE_SHARED },
  [BARE_SIGN] = { .run = bare_sign, .base = BARE_SIGN },
  [OUR_SIGN] = { .run = our_sign, .base = BARE_SIGN },
  [BARE_VERIFY] = { .run = bare_verify, .base = BARE_VERIFY },
  [OUR_VERIFY] = { .run = our_verify, .base = BARE_VERIFY },
  [BARE_HASH] = { .run = bare_hash, .base = BARE_HASH },
  [OUR_HASH] = { .run = our_hash, .base = BARE_HASH },
  [LOGIN_SERVER] = { .run = logins, .base = BARE_PAIR, .spent = server_spent },
  [LOGIN_CLIENT] = { .run = nothing, .base = BARE_PAIR, .spent = client_spent },
  [BARE_KEYGEN] = { .run = bare_keygen, .base = BARE_KEYGEN },
  [BARE_ENCAPS] = { .run = bare_encaps, .base = BARE_ENCAPS },
  [BARE_DECAPS] = { .run = bare_decaps, .base = BARE_DECAPS },
  [HYBRID_START] = { .run = hybrid_start, .base = BARE_KEYGEN },
  [HYBRID_RESPOND] = { .run = hybrid_respond, .base = BARE_ENCAPS },
  [HYBRID_FINISH] = { .run = hybrid_finish, .base = BARE_DECAPS },
  [HYBRID_SERVER] = { .run = hybrid_logins, .base = LOGIN_SERVER,
                      .spent = server_spent },
  [HYBRID_CLIENT] = { .run = nothing, .base = LOGIN_CLIENT,
                      .spent = client_spent },
};

/* ---- output -------------------------------------------------------------- */

static const struct {
  const char* name;
  enum row ours;
  size_t count;                    /* of those that it needs: their sum */
  enum row bare[5];
} shown[] = {
  { "X25519 key pair", OUR_PAIR, 1, { BARE_PAIR } },
  { "X25519 server: pair + secret", OUR_RESPOND, 2,
    { BARE_PAIR, BARE_SHARED } },
  { "Ed25519 sign and check", OUR_SIGN, 1, { BARE_SIGN } },
  { "Ed25519 verify", OUR_VERIFY, 1, { BARE_VERIFY } },
  { "SHA-256 of 2800 bytes", OUR_HASH, 1, { BARE_HASH } },
  { "login, server's side", LOGIN_SERVER, 5,
    { BARE_PAIR, BARE_SHARED, BARE_SIGN, BARE_VERIFY, BARE_HASH } },
  { "login, client's side", LOGIN_CLIENT, 5,
    { BARE_PAIR, BARE_SHARED, BARE_SIGN, BARE_VERIFY, BARE_HASH } },
  { "hybrid client: both pairs", HYBRID_START, 2, { BARE_KEYGEN, BARE_PAIR } },
  { "hybrid server: all of it", HYBRID_RESPOND, 3,
    { BARE_ENCAPS, BARE_PAIR, BARE_SHARED } },
  { "hybrid client: both secrets", HYBRID_FINISH, 2,
    { BARE_DECAPS, BARE_SHARED } },
  { "hybrid login to X25519's, server", HYBRID_SERVER, 1, { LOGIN_SERVER } },
  { "hybrid login to X25519's, client", HYBRID_CLIENT, 1, { LOGIN_CLIENT } },
  { "ML-KEM-768 key pair", BARE_KEYGEN, 1, { BARE_KEYGEN } },
  { "ML-KEM-768 encapsulate", BARE_ENCAPS, 1, { BARE_ENCAPS } },
  { "ML-KEM-768 decapsulate", BARE_DECAPS, 1, { BARE_DECAPS } },
};

static double bare_of(size_t i, const struct lap_result* r) {
  double sum = 0;
  size_t k;

  for (k = 0; k < shown[i].count; k++)
    sum += r[shown[i].bare[k]].ns;
  return sum;
}

static void show(size_t i, const struct lap_result* r, int json) {
  double bare = bare_of(i, r);
  double ours = r[shown[i].ours].ns;

  if (json)
    printf("{\"bench\": \"micro-kex\", \"what\": \"%s\", \"bare_us\": %.2f, "
           "\"us\": %.2f, \"per_s\": %.0f, \"ratio\": %.4f}\n",
           shown[i].name, bare / 1e3, ours / 1e3, 1e9 / ours, ours / bare);
  else
    printf("%-32s %10.1f %10.1f %10.0f %8.3f\n", shown[i].name, bare / 1e3,
           ours / 1e3, 1e9 / ours, ours / bare);
}

/* ---- set up -------------------------------------------------------------- */

static void set_up(void) {
  uint8_t scalar[32];

  if (uvssh__crypto_init() != 0)
    abort();
  all.pair = pair_new();
  all.kex = uvssh__kex_find(STR("curve25519-sha256"));
  all.sign = uvssh__sign_find(STR("ssh-ed25519"));
  if (uvssh_key_generate(&all.key, UVSSH_KEY_ED25519, 0) != 0)
    abort();
  uvssh__random(scalar, sizeof(scalar));
  uvssh__random(all.secret, sizeof(all.secret));
  uvssh__random(all.message, sizeof(all.message));
  all.failures += crypto_scalarmult_base(all.peer, scalar) != 0;
  all.failures += crypto_sign_keypair(all.ed_public, all.ed_secret) != 0;
}

int main(int argc, char** argv) {
  struct timing_options o;
  struct lap_result r[ROWS];
  size_t i;

  timing_options(&o, argc, argv);
  set_up();
  timing_run(laps, ROWS, NULL, 2, 5 * o.ms, r);
  if (!o.json)
    printf("Agreeing on keys and logging in, in memory. Microseconds of one "
           "thread; bare:\nthe primitives that it cannot do without, in the "
           "same rounds.\n\n%-32s %10s %10s %10s %8s\n",
           "", "bare us", "ours us", "a second", "/bare");
  for (i = 0; i < ARRAY_SIZE(shown); i++)
    show(i, r, o.json);
  uvssh__buf_free(&all.ours);
  uvssh__buf_free(&all.hybrid_secret);
  uvssh__buf_free(&all.hybrid_client);
  uvssh__buf_free(&all.hybrid_server);
  uvssh_key_unref(all.key);
  pair_free(all.pair);
  if (all.failures != 0)
    fprintf(stderr, "micro-kex: %d calls failed\n", all.failures);
  return all.failures != 0;
}
