/* micro-bare.c: see micro-bare.h. One thread; buffers of its own, which stay in
 * the cache. */
#include "micro-bare.h"

#include <mbedtls/aes.h>
#include <mbedtls/gcm.h>
#include <sodium.h>
#include <string.h>

static uint8_t key[64];
static uint8_t nonce[16];
static uint8_t plain[BARE_ROOM];
static crypto_aead_aes256gcm_state gcm_key;
static mbedtls_gcm_context gcm_portable;
static mbedtls_aes_context aes;
static mbedtls_gcm_context gcm_128;
static crypto_auth_hmacsha256_state hmac_key;
static crypto_auth_hmacsha512_state hmac512_key;
static int failures;               /* of calls that cannot fail */

static void chacha_seal(uint8_t* p, size_t len) {
  uint8_t poly[32] = { 0 };
  crypto_stream_chacha20_xor_ic(p, p, 4, nonce, 0, key + 32);
  crypto_stream_chacha20_xor_ic(poly, poly, 32, nonce, 0, key);
  crypto_stream_chacha20_xor_ic(p + 4, p + 4, len - 4, nonce, 1, key);
  crypto_onetimeauth_poly1305(p + len, p, len, poly);
}

static void chacha_open(const uint8_t* p, size_t len) {
  uint8_t poly[32] = { 0 };
  crypto_stream_chacha20_xor_ic(plain, p, 4, nonce, 0, key + 32);
  crypto_stream_chacha20_xor_ic(poly, poly, 32, nonce, 0, key);
  failures += crypto_onetimeauth_poly1305_verify(p + len, p, len, poly) != 0;
  crypto_stream_chacha20_xor_ic(plain + 4, p + 4, len - 4, nonce, 1, key);
}

static void gcm_seal(uint8_t* p, size_t len) {
  failures += crypto_aead_aes256gcm_encrypt_detached_afternm(
      p + 4, p + len, NULL, p + 4, len - 4, p, 4, NULL, nonce, &gcm_key) != 0;
}

static void gcm_open(const uint8_t* p, size_t len) {
  failures += crypto_aead_aes256gcm_decrypt_detached_afternm(
      plain + 4, NULL, p + 4, len - 4, p + len, p, 4, nonce, &gcm_key) != 0;
}

static void mbed_seal(mbedtls_gcm_context* gcm, uint8_t* p, size_t len) {
  failures += mbedtls_gcm_crypt_and_tag(gcm, MBEDTLS_GCM_ENCRYPT, len - 4,
                                        nonce, 12, p, 4, p + 4, p + 4, 16,
                                        p + len) != 0;
}

static void mbed_open(mbedtls_gcm_context* gcm, const uint8_t* p, size_t len) {
  failures += mbedtls_gcm_auth_decrypt(gcm, len - 4, nonce, 12, p, 4, p + len,
                                       16, p + 4, plain + 4) != 0;
}

static void portable_seal(uint8_t* p, size_t len) {
  mbed_seal(&gcm_portable, p, len);
}

static void portable_open(const uint8_t* p, size_t len) {
  mbed_open(&gcm_portable, p, len);
}

static void gcm128_seal(uint8_t* p, size_t len) {
  mbed_seal(&gcm_128, p, len);
}

static void gcm128_open(const uint8_t* p, size_t len) {
  mbed_open(&gcm_128, p, len);
}

static void ctr(const uint8_t* in, uint8_t* out, size_t len) {
  static uint8_t stream[16];
  uint8_t counter[16];
  size_t used = 0;

  memcpy(counter, nonce, 16);
  failures += mbedtls_aes_crypt_ctr(&aes, len, &used, counter, stream, in,
                                    out) != 0;
}

static void hmac(const uint8_t* p, size_t len, uint8_t* tag) {
  crypto_auth_hmacsha256_state s = hmac_key;
  crypto_auth_hmacsha256_update(&s, nonce, 4);
  crypto_auth_hmacsha256_update(&s, p, len);
  crypto_auth_hmacsha256_final(&s, tag);
}

static void hmac512(const uint8_t* p, size_t len, uint8_t* tag) {
  crypto_auth_hmacsha512_state s = hmac512_key;
  crypto_auth_hmacsha512_update(&s, nonce, 4);
  crypto_auth_hmacsha512_update(&s, p, len);
  crypto_auth_hmacsha512_final(&s, tag);
}

static void etm_seal(uint8_t* p, size_t len) {
  ctr(p + 4, p + 4, len - 4);
  hmac(p, len, p + len);
}

static void etm_open(const uint8_t* p, size_t len) {
  uint8_t tag[32];
  hmac(p, len, tag);
  failures += sodium_memcmp(tag, p + len, 32) != 0;
  ctr(p + 4, plain + 4, len - 4);
}

static void etm512_seal(uint8_t* p, size_t len) {
  ctr(p + 4, p + 4, len - 4);
  hmac512(p, len, p + len);
}

static void etm512_open(const uint8_t* p, size_t len) {
  uint8_t tag[64];
  hmac512(p, len, tag);
  failures += sodium_memcmp(tag, p + len, 64) != 0;
  ctr(p + 4, plain + 4, len - 4);
}

static void mac_seal(uint8_t* p, size_t len) {
  hmac(p, len, p + len);
  ctr(p, p, len);
}

static void mac_open(const uint8_t* p, size_t len) {
  uint8_t tag[32];
  ctr(p, plain, len);
  hmac(plain, len, tag);
  failures += sodium_memcmp(tag, p + len, 32) != 0;
}

const struct bare bares[] = {
  { "chacha20-poly1305", "chacha20-poly1305@openssh.com", NULL, chacha_seal,
    chacha_open },
  { "aes256-gcm", "aes256-gcm@openssh.com", NULL, gcm_seal, gcm_open },
  { "aes256-gcm mbedtls", NULL, NULL, portable_seal, portable_open },
  { "aes256-ctr etm", "aes256-ctr", "hmac-sha2-256-etm@openssh.com", etm_seal,
    etm_open },
  { "aes256-ctr mac", "aes256-ctr", "hmac-sha2-256", mac_seal, mac_open },
  { "aes256-ctr etm512", "aes256-ctr", "hmac-sha2-512-etm@openssh.com",
    etm512_seal, etm512_open },
  { "aes128-gcm", "aes128-gcm@openssh.com", NULL, gcm128_seal, gcm128_open },
};
const size_t bare_count = sizeof(bares) / sizeof(bares[0]);

int bare_set_up(const uint8_t given[BARE_KEY], const uint8_t iv[BARE_IV]) {
  if (sodium_init() < 0)
    return -1;
  memcpy(key, given, sizeof(key));
  memcpy(nonce, iv, sizeof(nonce));
  mbedtls_gcm_init(&gcm_portable);
  mbedtls_gcm_init(&gcm_128);
  mbedtls_aes_init(&aes);
  failures += mbedtls_gcm_setkey(&gcm_portable, MBEDTLS_CIPHER_ID_AES, key,
                                 256) != 0;
  failures += mbedtls_gcm_setkey(&gcm_128, MBEDTLS_CIPHER_ID_AES, key,
                                 128) != 0;
  failures += mbedtls_aes_setkey_enc(&aes, key, 256) != 0;
  crypto_auth_hmacsha256_init(&hmac_key, key, 32);
  crypto_auth_hmacsha512_init(&hmac512_key, key, 64);
  if (crypto_aead_aes256gcm_is_available())
    crypto_aead_aes256gcm_beforenm(&gcm_key, key);
  return failures == 0 ? 0 : -1;
}

void bare_free(void) {
  mbedtls_gcm_free(&gcm_portable);
  mbedtls_gcm_free(&gcm_128);
  mbedtls_aes_free(&aes);
}

int bare_failures(void) {
  return failures;
}

int bare_is_here(const struct bare* b) {
  return b->seal != gcm_seal || crypto_aead_aes256gcm_is_available();
}
