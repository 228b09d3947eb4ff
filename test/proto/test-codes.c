/* Every cryptographic call comes to something else than success, once and from
 * then on, with each kind of number that a library might say: the session may
 * end as it likes, but it never goes on as if nothing had been.
 *
 * CVE-2026-59847, CVE-2025-5987, CVE-2025-5372, CVE-2023-2283 (all libssh): a
 * code was misread, and a tag, a signature or a key was taken for right.
 *
 * The linker leads the calls through here (GNU ld and lld). Not here: what can
 * only come to 0 (hashes, HMAC, ChaCha20). */
#include "peer.h"

#include <limits.h>
#include <mbedtls/aes.h>
#include <mbedtls/gcm.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum call {
  SCALARMULT, SCALARMULT_BASE, SIGN, VERIFY, POLY1305_VERIFY, GCM_KEY, GCM_OPEN,
  GCM_SEAL, AES_KEY, AES_CTR, MBED_GCM_KEY, MBED_GCM_OPEN, MBED_GCM_SEAL, CALLS
};

static const char* const names[CALLS] = {
  "crypto_scalarmult", "crypto_scalarmult_base", "crypto_sign_detached",
  "crypto_sign_verify_detached", "crypto_onetimeauth_poly1305_verify",
  "crypto_aead_aes256gcm_beforenm",
  "crypto_aead_aes256gcm_decrypt_detached_afternm",
  "crypto_aead_aes256gcm_encrypt_detached_afternm", "mbedtls_aes_setkey_enc",
  "mbedtls_aes_crypt_ctr", "mbedtls_gcm_setkey", "mbedtls_gcm_auth_decrypt",
  "mbedtls_gcm_crypt_and_tag"
};

static const int codes[] = { -1, 1, 2, INT_MIN, INT_MAX, -0x12, 0x10000 };

static struct {
  enum call call;
  int code;
  unsigned at;                     /* the at-th; 0: none */
  int for_ever;
  unsigned count;                  /* of this call so far */
  int fired;
  int portable;                    /* the processor has no AES */
} plan;

/* What the call comes to. It has been done: what it wrote looks right. */
static int came_to(enum call call, int real) {
  if (call != plan.call || plan.at == 0)
    return real;
  plan.count++;
  if (plan.count != plan.at && !(plan.for_ever && plan.count > plan.at))
    return real;
  plan.fired = 1;
  return plan.code;
}

#define LED(call, name, params, args)                                         \
  int __real_##name params;                                                   \
  int __wrap_##name params;                                                   \
  int __wrap_##name params {                                                  \
    return came_to(call, __real_##name args);                                 \
  }

LED(SCALARMULT, crypto_scalarmult,
    (unsigned char* q, const unsigned char* n, const unsigned char* p),
    (q, n, p))
LED(SCALARMULT_BASE, crypto_scalarmult_base,
    (unsigned char* q, const unsigned char* n), (q, n))
LED(SIGN, crypto_sign_detached,
    (unsigned char* sig, unsigned long long* len, const unsigned char* m,
     unsigned long long n, const unsigned char* key), (sig, len, m, n, key))
LED(VERIFY, crypto_sign_verify_detached,
    (const unsigned char* sig, const unsigned char* m, unsigned long long n,
     const unsigned char* key), (sig, m, n, key))
LED(POLY1305_VERIFY, crypto_onetimeauth_poly1305_verify,
    (const unsigned char* tag, const unsigned char* m, unsigned long long n,
     const unsigned char* key), (tag, m, n, key))
LED(GCM_KEY, crypto_aead_aes256gcm_beforenm,
    (crypto_aead_aes256gcm_state* state, const unsigned char* key),
    (state, key))
LED(GCM_OPEN, crypto_aead_aes256gcm_decrypt_detached_afternm,
    (unsigned char* m, unsigned char* secret_nonce, const unsigned char* c,
     unsigned long long n, const unsigned char* tag, const unsigned char* ad,
     unsigned long long ad_len, const unsigned char* nonce,
     const crypto_aead_aes256gcm_state* state),
    (m, secret_nonce, c, n, tag, ad, ad_len, nonce, state))
LED(GCM_SEAL, crypto_aead_aes256gcm_encrypt_detached_afternm,
    (unsigned char* c, unsigned char* tag, unsigned long long* tag_len,
     const unsigned char* m, unsigned long long n, const unsigned char* ad,
     unsigned long long ad_len, const unsigned char* secret_nonce,
     const unsigned char* nonce, const crypto_aead_aes256gcm_state* state),
    (c, tag, tag_len, m, n, ad, ad_len, secret_nonce, nonce, state))
LED(AES_KEY, mbedtls_aes_setkey_enc,
    (mbedtls_aes_context* aes, const unsigned char* key, unsigned bits),
    (aes, key, bits))
LED(AES_CTR, mbedtls_aes_crypt_ctr,
    (mbedtls_aes_context* aes, size_t n, size_t* used,
     unsigned char counter[16], unsigned char stream[16],
     const unsigned char* in, unsigned char* out),
    (aes, n, used, counter, stream, in, out))
LED(MBED_GCM_KEY, mbedtls_gcm_setkey,
    (mbedtls_gcm_context* gcm, mbedtls_cipher_id_t cipher,
     const unsigned char* key, unsigned bits), (gcm, cipher, key, bits))
LED(MBED_GCM_OPEN, mbedtls_gcm_auth_decrypt,
    (mbedtls_gcm_context* gcm, size_t n, const unsigned char* iv, size_t iv_len,
     const unsigned char* ad, size_t ad_len, const unsigned char* tag,
     size_t tag_len, const unsigned char* in, unsigned char* out),
    (gcm, n, iv, iv_len, ad, ad_len, tag, tag_len, in, out))
LED(MBED_GCM_SEAL, mbedtls_gcm_crypt_and_tag,
    (mbedtls_gcm_context* gcm, int mode, size_t n, const unsigned char* iv,
     size_t iv_len, const unsigned char* ad, size_t ad_len,
     const unsigned char* in, unsigned char* out, size_t tag_len,
     unsigned char* tag),
    (gcm, mode, n, iv, iv_len, ad, ad_len, in, out, tag_len, tag))

int __real_crypto_aead_aes256gcm_is_available(void);
int __wrap_crypto_aead_aes256gcm_is_available(void);
int __wrap_crypto_aead_aes256gcm_is_available(void) {
  return !plan.portable && __real_crypto_aead_aes256gcm_is_available();
}

/* ---- a session, as far as it comes --------------------------------------- */

static struct app_req rekey;       /* it may end with its session only */

/* 1: all of it went well. */
static int goes_well(struct app* a) {
  unsigned round;

  app_open(a);
  pipe_run(&a->pipe);
  if (!a->pipe.client.started || a->pipe.client.start_status != 0)
    return 0;
  app_attempt(a, "bob");
  pipe_sleep(&a->pipe, 1000);      /* a refusal leaves */
  if (!a->login.done || a->login.status != 0)
    return 0;
  CHECK_EQ(a->client_ready, 1);
  if (!a->pipe.client.up || uvssh_session_user(&a->pipe.client.pub) == NULL)
    return 0;
  for (round = 1; round <= 2; round++) {
    if (round == 1)
      app_channel(a, 0);
    if (!a->asked[0].open.done || a->asked[0].open.status != 0 ||
        uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, "x", 1) != 0)
      return 0;
    pipe_run(&a->pipe);
    if (a->served[0].got[0] != round ||
        uvssh_channel_send(&a->served[0].pub, UVSSH_DATA, "y", 1) != 0)
      return 0;
    pipe_run(&a->pipe);
    if (a->asked[0].got[0] != round)
      return 0;
    if (round == 2)
      break;
    if (uvssh_session_rekey(app_req(a, &rekey, NULL), &a->pipe.client.pub,
                            app_done) != 0)
      return 0;
    pipe_run(&a->pipe);
    if (!rekey.done || rekey.status != 0)
      return 0;
  }
  return a->pipe.client.up && a->pipe.server.up;
}

static const struct mode {
  const char* cipher;
  const char* mac;
  int portable;
  unsigned calls;                  /* that it makes: bits */
} modes[] = {
  { "chacha20-poly1305@openssh.com", NULL, 0,
    1u << SCALARMULT | 1u << SCALARMULT_BASE | 1u << SIGN | 1u << VERIFY |
    1u << POLY1305_VERIFY },
  { "aes256-gcm@openssh.com", NULL, 0,
    1u << GCM_KEY | 1u << GCM_OPEN | 1u << GCM_SEAL },
  { "aes256-gcm@openssh.com", NULL, 1,
    1u << MBED_GCM_KEY | 1u << MBED_GCM_OPEN | 1u << MBED_GCM_SEAL },
  { "aes256-ctr", "hmac-sha2-256-etm@openssh.com", 0,
    1u << AES_KEY | 1u << AES_CTR },
  { "aes256-ctr", "hmac-sha2-256", 0, 1u << AES_KEY | 1u << AES_CTR },
};

static int attempt(const struct mode* mode) {
  struct app* a = app_new();
  int well;

  a->client_config.ciphers = mode->cipher;
  a->client_config.macs = mode->mac;
  a->client_config.linger_ms = a->server_config.linger_ms = 1000;
  plan.portable = mode->portable;
  plan.count = 0;
  plan.fired = 0;
  well = goes_well(a);
  if (plan.fired && !well && a->login.done && a->login.status == UVSSH_EAUTH)
    CHECK_EQ(plan.call, VERIFY);   /* a user's signature: no, and no more */
  plan.at = 0;
  app_end(a);
  return well;
}

/* Until it is not called so often. */
static unsigned sweep(const struct mode* mode, enum call call) {
  unsigned n, fired = 0;
  size_t i;
  int for_ever;

  for (n = 1;; n++) {
    for (i = 0; i < ARRAY_SIZE(codes); i++) {
      if (check_share() > 1 && i != n % ARRAY_SIZE(codes))
        continue;
      for (for_ever = 0; for_ever < 2; for_ever++) {
        NOTE("%s %s, call %u of %s is %d%s", mode->cipher,
             mode->mac != NULL ? mode->mac : "", n, names[call], codes[i],
             for_ever ? ", and all later ones" : "");
        plan.call = call;
        plan.code = codes[i];
        plan.at = n;
        plan.for_ever = for_ever;
        if (attempt(mode)) {
          CHECK_EQ(plan.fired, 0);
          return fired;
        }
        CHECK_EQ(plan.fired, 1);
        fired++;
      }
    }
  }
}

TEST(lesson_70_71_72_codes_that_are_not_success) {
  enum call call;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(modes); i++) {
    NOTE("mode %zu", i);
    if (strstr(modes[i].cipher, "gcm") != NULL && !modes[i].portable &&
        !__real_crypto_aead_aes256gcm_is_available())
      continue;
    CHECK_EQ(attempt(&modes[i]), 1);
    for (call = 0; call < CALLS; call++)
      if ((modes[i].calls & 1u << call) != 0)
        CHECK(sweep(&modes[i], call) >= 2);
  }
}
