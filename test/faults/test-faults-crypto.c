/* Every call of libsodium and mbedTLS that can fail does so: at each of its
 * places in a whole session, with each code it may return, without having done
 * anything; and with codes that none should, once or from then on, when what it
 * wrote looks right. The session ends or the login is refused; nothing is
 * verified, opened or sealed by a call that has failed.
 *
 * CVE-2026-59847, CVE-2025-5987, CVE-2025-5372, CVE-2023-2283 (all libssh): a
 * code was misread, and a tag, a signature or a key was taken for right.
 *
 * The program has functions of these names, which lead on to the libraries'. A
 * new call of theirs joins with a row and a hook. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <mbedtls/aes.h>
#include <mbedtls/ecdh.h>
#include <mbedtls/error.h>
#include <mbedtls/gcm.h>
#include <sodium.h>

#include "app.h"

/* ---- which one fails ----------------------------------------------------- */

static struct {
  const char* name;                /* NULL: none */
  unsigned nth;
  unsigned count;
  int value;
  int does;                        /* it does its work, all the same */
  int for_ever;                    /* all later ones, too */
  int flips;                       /* a bit of the signature */
  int portable;                    /* no AES instructions */
} plan;

static int hit(const char* name) {
  if (plan.name == NULL || strcmp(plan.name, name) != 0)
    return 0;
  plan.count++;
  return plan.count == plan.nth || (plan.for_ever && plan.count > plan.nth);
}

static void find(void* out, const char* name) {
  void* symbol = dlsym(RTLD_NEXT, name);

  CHECK(symbol != NULL);
  memcpy(out, &symbol, sizeof(symbol));
}

#define HOOK(name, params, args)                                              \
  int name params {                                                           \
    static __typeof__(&name) next;                                            \
    int is_hit = hit(#name);                                                  \
    int real = 0;                                                             \
    if (next == NULL)                                                         \
      find(&next, #name);                                                     \
    if (!is_hit || plan.does)                                                 \
      real = next args;                                                       \
    return is_hit ? plan.value : real;                                        \
  }

typedef unsigned char byte;
typedef unsigned long long large;

HOOK(crypto_scalarmult_base, (byte* q, const byte* n), (q, n))
HOOK(crypto_scalarmult, (byte* q, const byte* n, const byte* p), (q, n, p))
int crypto_sign_detached(byte* sig, large* sig_len, const byte* m, large len,
                         const byte* sk) {
  static __typeof__(&crypto_sign_detached) next;
  int is_hit = hit("crypto_sign_detached");
  int real = 0;

  if (next == NULL)
    find(&next, "crypto_sign_detached");
  if (!is_hit || plan.does)
    real = next(sig, sig_len, m, len, sk);
  if (is_hit && plan.flips)
    sig[m[0] % crypto_sign_BYTES] ^= 1;
  return is_hit ? plan.value : real;
}

HOOK(crypto_sign_verify_detached,
     (const byte* sig, const byte* m, large len, const byte* pk),
     (sig, m, len, pk))
HOOK(crypto_onetimeauth_poly1305_verify,
     (const byte* h, const byte* in, large len, const byte* k),
     (h, in, len, k))
HOOK(crypto_auth_hmacsha256_init,
     (crypto_auth_hmacsha256_state* state, const byte* key, size_t len),
     (state, key, len))
HOOK(crypto_auth_hmacsha512_init,
     (crypto_auth_hmacsha512_state* state, const byte* key, size_t len),
     (state, key, len))
HOOK(crypto_aead_aes256gcm_beforenm,
     (crypto_aead_aes256gcm_state* state, const byte* k), (state, k))
HOOK(crypto_aead_aes256gcm_encrypt_detached_afternm,
     (byte* c, byte* mac, large* mac_len, const byte* m, large len,
      const byte* ad, large ad_len, const byte* nsec, const byte* npub,
      const crypto_aead_aes256gcm_state* state),
     (c, mac, mac_len, m, len, ad, ad_len, nsec, npub, state))
HOOK(crypto_aead_aes256gcm_decrypt_detached_afternm,
     (byte* m, byte* nsec, const byte* c, large len, const byte* mac,
      const byte* ad, large ad_len, const byte* npub,
      const crypto_aead_aes256gcm_state* state),
     (m, nsec, c, len, mac, ad, ad_len, npub, state))
HOOK(mbedtls_gcm_setkey,
     (mbedtls_gcm_context* ctx, mbedtls_cipher_id_t id, const byte* key,
      unsigned bits),
     (ctx, id, key, bits))
HOOK(mbedtls_gcm_crypt_and_tag,
     (mbedtls_gcm_context* ctx, int mode, size_t len, const byte* iv,
      size_t iv_len, const byte* ad, size_t ad_len, const byte* in, byte* out,
      size_t tag_len, byte* tag),
     (ctx, mode, len, iv, iv_len, ad, ad_len, in, out, tag_len, tag))
HOOK(mbedtls_gcm_auth_decrypt,
     (mbedtls_gcm_context* ctx, size_t len, const byte* iv, size_t iv_len,
      const byte* ad, size_t ad_len, const byte* tag, size_t tag_len,
      const byte* in, byte* out),
     (ctx, len, iv, iv_len, ad, ad_len, tag, tag_len, in, out))
HOOK(mbedtls_aes_setkey_enc,
     (mbedtls_aes_context* ctx, const byte* key, unsigned bits),
     (ctx, key, bits))
HOOK(mbedtls_aes_crypt_ctr,
     (mbedtls_aes_context* ctx, size_t len, size_t* off, byte nonce[16],
      byte block[16], const byte* in, byte* out),
     (ctx, len, off, nonce, block, in, out))

typedef int random_cb(void*, byte*, size_t);

HOOK(mbedtls_ecp_gen_keypair,
     (mbedtls_ecp_group* group, mbedtls_mpi* d, mbedtls_ecp_point* q,
      random_cb* rng, void* arg),
     (group, d, q, rng, arg))
HOOK(mbedtls_ecdh_compute_shared,
     (mbedtls_ecp_group* group, mbedtls_mpi* z, const mbedtls_ecp_point* q,
      const mbedtls_mpi* d, random_cb* rng, void* arg),
     (group, z, q, d, rng, arg))
HOOK(mbedtls_mpi_exp_mod,
     (mbedtls_mpi* x, const mbedtls_mpi* a, const mbedtls_mpi* e,
      const mbedtls_mpi* n, mbedtls_mpi* rr),
     (x, a, e, n, rr))

int crypto_aead_aes256gcm_is_available(void) {
  static __typeof__(&crypto_aead_aes256gcm_is_available) next;

  if (next == NULL)
    find(&next, "crypto_aead_aes256gcm_is_available");
  return !plan.portable && next();
}

/* ---- what may fail how --------------------------------------------------- */

#define CHACHA "chacha20-poly1305@openssh.com"
#define GCM "aes256-gcm@openssh.com"
#define GCM128 "aes128-gcm@openssh.com"
#define CTR "aes256-ctr"
#define HARDWARE MBEDTLS_ERR_ERROR_CORRUPTION_DETECTED

static const struct row {
  const char* name;
  int value;
  const char* cipher;
  int portable;
} rows[] = {
  { "crypto_scalarmult_base", -1, CHACHA, 0 },
  { "crypto_scalarmult", -1, CHACHA, 0 },
  { "crypto_sign_detached", -1, CHACHA, 0 },
  { "crypto_sign_verify_detached", -1, CHACHA, 0 },
  { "crypto_onetimeauth_poly1305_verify", -1, CHACHA, 0 },
  { "crypto_auth_hmacsha256_init", -1, CTR, 0 },
  { "crypto_auth_hmacsha512_init", -1, CTR, 0 },
  { "crypto_aead_aes256gcm_beforenm", -1, GCM, 0 },
  { "crypto_aead_aes256gcm_encrypt_detached_afternm", -1, GCM, 0 },
  { "crypto_aead_aes256gcm_decrypt_detached_afternm", -1, GCM, 0 },
  { "mbedtls_gcm_setkey", MBEDTLS_ERR_GCM_BAD_INPUT, GCM, 1 },
  { "mbedtls_gcm_setkey", MBEDTLS_ERR_CIPHER_ALLOC_FAILED, GCM, 1 },
  { "mbedtls_gcm_setkey", HARDWARE, GCM, 1 },
  { "mbedtls_gcm_crypt_and_tag", MBEDTLS_ERR_GCM_BAD_INPUT, GCM, 1 },
  { "mbedtls_gcm_crypt_and_tag", HARDWARE, GCM, 1 },
  { "mbedtls_gcm_crypt_and_tag", 1, GCM, 1 },
  { "mbedtls_gcm_auth_decrypt", MBEDTLS_ERR_GCM_AUTH_FAILED, GCM, 1 },
  { "mbedtls_gcm_auth_decrypt", MBEDTLS_ERR_GCM_BAD_INPUT, GCM, 1 },
  { "mbedtls_gcm_auth_decrypt", HARDWARE, GCM, 1 },
  { "mbedtls_gcm_auth_decrypt", 1, GCM, 1 },
  { "mbedtls_gcm_setkey", HARDWARE, GCM128, 0 },
  { "mbedtls_gcm_auth_decrypt", MBEDTLS_ERR_GCM_AUTH_FAILED, GCM128, 0 },
  { "mbedtls_aes_setkey_enc", MBEDTLS_ERR_AES_INVALID_KEY_LENGTH, CTR, 0 },
  { "mbedtls_aes_setkey_enc", HARDWARE, CTR, 0 },
  { "mbedtls_aes_crypt_ctr", MBEDTLS_ERR_AES_BAD_INPUT_DATA, CTR, 0 },
  { "mbedtls_aes_crypt_ctr", HARDWARE, CTR, 0 },
  { "mbedtls_ecp_gen_keypair", MBEDTLS_ERR_ECP_RANDOM_FAILED, GCM128, 0 },
  { "mbedtls_ecp_gen_keypair", MBEDTLS_ERR_ECP_ALLOC_FAILED, GCM128, 0 },
  { "mbedtls_ecdh_compute_shared", MBEDTLS_ERR_ECP_BAD_INPUT_DATA, GCM128, 0 },
  { "mbedtls_ecdh_compute_shared", MBEDTLS_ERR_MPI_ALLOC_FAILED, GCM128, 0 },
  { "mbedtls_mpi_exp_mod", MBEDTLS_ERR_MPI_BAD_INPUT_DATA, GCM128, 0 },
  { "mbedtls_mpi_exp_mod", MBEDTLS_ERR_MPI_ALLOC_FAILED, GCM128, 0 },
};

/* NULL: any will do. */
static const char* kex_of(const struct row* row) {
  return strstr(row->name, "_mpi_") != NULL ? "diffie-hellman-group14-sha256"
         : strstr(row->name, "_ecp_") != NULL ||
               strstr(row->name, "_ecdh_") != NULL
             ? "ecdh-sha2-nistp256"
             : NULL;
}

static int refused(const struct app* a) {
  return a->reqs[1].done && a->reqs[1].status == UVSSH_EAUTH;
}

/* One side had the failure; the other one was told, or could not be. */
static int is_seen(int status, int other) {
  return (status == UVSSH_ECRYPTO || status == UVSSH_EMAC ||
          status == UVSSH_EKEX || status == UV_ENOMEM) &&
         (other == UVSSH_EDISCONNECT || other == UV_EOF);
}

/* Returns 0 where the call was not made so often. */
static int run(const struct row* row, unsigned nth) {
  struct app* a = app_new();
  int server, client;

  NOTE("%s no. %u: %d%s", row->name, nth, plan.value,
       plan.for_ever ? ", and all later ones" : "");
  a->unit = 10;
  a->client_config.ciphers = row->cipher;
  if (strstr(row->name, "sha512") != NULL)
    a->client_config.macs = "hmac-sha2-512";
  a->server_config.kex = a->client_config.kex = kex_of(row);
  a->server_config.auth_rejection_ms = 0;
  plan.portable = row->portable;
  plan.name = row->name;
  plan.nth = nth;
  plan.count = 0;
  app_script(a);
  plan.name = NULL;
  server = a->pipe.server.end.status;
  client = a->pipe.client.end.status;
  if (plan.count < nth) {
    CHECK(app_script_is_complete(a));
  } else if (plan.flips) {         /* seen by whose it is */
    CHECK(server == UVSSH_ECRYPTO || client == UVSSH_ECRYPTO);
  } else if (refused(a)) {         /* the server could not verify the user */
    CHECK_EQ(a->server_ready + a->client_ready, 0);
  } else if (app_script_is_complete(a)) {
    CHECK(server != UVSSH_EDISCONNECT);  /* it was the last packet */
  } else if (!plan.for_ever) {
    CHECK(is_seen(server, client) || is_seen(client, server));
  }
  app_end(a);
  return plan.count >= nth;
}

static int is_here(const struct row* row) {
  return strcmp(row->cipher, GCM) != 0 || row->portable ||
         crypto_aead_aes256gcm_is_available();
}

TEST(lesson_70_every_call_fails_once) {
  unsigned i, nth;

  plan.does = plan.for_ever = 0;
  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    if (!is_here(&rows[i]))
      continue;
    plan.value = rows[i].value;
    for (nth = 1; run(&rows[i], nth); nth++)
      ;
    CHECK(nth > 2);                /* it is called, on both sides */
  }
}

/* No side sends a signature that went wrong. */
TEST(lesson_69_ed25519_faulty_signature) {
  unsigned nth;

  plan.does = plan.flips = 1;
  plan.value = plan.for_ever = 0;
  for (nth = 1; run(&rows[2], nth); nth++)
    ;
  plan.does = plan.flips = 0;
  CHECK(nth > 4);
}

TEST(lesson_70_codes_that_are_not_success) {
  static const int codes[] = { -1, 1, 2, INT_MIN, INT_MAX, -0x12, 0x10000 };
  unsigned i, k, nth, stride;

  plan.does = 1;
  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    if (!is_here(&rows[i]) ||
        (i != 0 && strcmp(rows[i].name, rows[i - 1].name) == 0))
      continue;
    stride = check_share() * (kex_of(&rows[i]) != NULL ? 5 : 1);
    for (k = 0; k < ARRAY_SIZE(codes) * 2; k++) {
      plan.value = codes[k / 2];
      plan.for_ever = k % 2 != 0;
      for (nth = 1 + k % stride; run(&rows[i], nth);)
        nth += stride;
    }
  }
  plan.does = plan.for_ever = 0;
}
