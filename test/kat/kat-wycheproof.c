/* Wycheproof's vectors, where the environment variable UVSSH_VECTORS names the
 * folder that holds wycheproof/; else every test here is skipped.
 *
 *   x25519             through the key exchange; a shared secret of zeros must
 *                      be refused
 *   ed25519            through keys and signatures
 *   hmac_sha256, _512  through the MAC: keys as long as the hash, messages
 *                      from 4 bytes on
 *   aes_gcm            256-bit and 128-bit keys, 12-byte IV, 16-byte tag, on
 *                      the libraries: packets have 4 bytes of AAD, no vector
 *                      has
 *   chacha20_poly1305  12-byte nonces, on the calls that the cipher is made of
 */
#include "wycheproof.h"

#include <mbedtls/gcm.h>

#include "key/key.h"
#include "rfc8439.h"

static int any(const struct json* j, size_t group) {
  return 1;
}

static int has_sizes(const struct json* j, size_t group) {
  return json_int(j, group, "keySize") == 256 &&
         json_int(j, group, "ivSize") == 96 &&
         json_int(j, group, "tagSize") == 128;
}

static int has_128_sizes(const struct json* j, size_t group) {
  return json_int(j, group, "keySize") == 128 &&
         json_int(j, group, "ivSize") == 96 &&
         json_int(j, group, "tagSize") == 128;
}

/* ---- x25519 -------------------------------------------------------------- */

static int run_x25519(const struct json* j, size_t group, size_t test) {
  struct field public_key = field_of(j, test, "public");
  struct field secret = field_of(j, test, "private");
  struct field shared = field_of(j, test, "shared");
  int zero = json_has(j, test, "flags", "ZeroSharedSecret");
  str_t peer = { public_key.base, public_key.len };
  str_t scalar = { secret.base, secret.len };
  struct buf k = { 0 };
  struct buf want = { 0 };

  CHECK(is_valid(j, test));
  CHECK_EQ(uvssh__curve25519.finish(STR(""), scalar, peer, &k),
           zero ? UVSSH_EKEX : 0);
  if (!zero)
    uvssh__wr_mpint(&want, shared.base, shared.len);
  CHECK_MEM(k.base, k.len, want.base, want.len);
  uvssh__buf_free(&k);
  uvssh__buf_free(&want);
  free(public_key.base);
  free(secret.base);
  free(shared.base);
  return 1;
}

TEST(wycheproof_x25519) {
  struct json j;
  load(&j, "x25519", 518);
  CHECK_EQ(for_each(&j, any, run_x25519), 518);
  json_free(&j);
}

/* ---- ed25519 ------------------------------------------------------------- */

static int run_ed25519(const struct json* j, size_t group, size_t test) {
  const struct sign_alg* alg = uvssh__sign_find(STR("ssh-ed25519"));
  size_t public_key = json_get(j, group, "publicKey");
  struct field pk = field_of(j, public_key, "pk");
  struct field message = field_of(j, test, "msg");
  struct field bare = field_of(j, test, "sig");
  struct buf blob = { 0 };
  struct buf signature = { 0 };
  uvssh_key_t* key;
  int err;

  wr_cstr(&blob, "ssh-ed25519");
  wr_str(&blob, pk.base, pk.len);
  wr_cstr(&signature, "ssh-ed25519");
  wr_str(&signature, bare.base, bare.len);
  CHECK_EQ(uvssh__key_from_blob(&key, str_of_buf(&blob)), 0);
  err = uvssh__key_verify(key, alg, message.base, message.len,
                          str_of_buf(&signature));
  if (is_valid(j, test))
    CHECK_EQ(err, 0);
  else
    CHECK_EQ(err, bare.len == 64 ? UVSSH_ECRYPTO : UVSSH_EKEYFORMAT);
  uvssh_key_unref(key);
  uvssh__buf_free(&blob);
  uvssh__buf_free(&signature);
  free(pk.base);
  free(message.base);
  free(bare.base);
  return 1;
}

TEST(wycheproof_ed25519) {
  struct json j;
  load(&j, "ed25519", 151);
  CHECK_EQ(for_each(&j, any, run_ed25519), 151);
  json_free(&j);
}

/* ---- hmac_sha256, hmac_sha512 -------------------------------------------- */

static int has_32_byte_key(const struct json* j, size_t group) {
  return json_int(j, group, "keySize") == 256;
}

static int has_64_byte_key(const struct json* j, size_t group) {
  return json_int(j, group, "keySize") == 512;
}

static int run_mac(const struct mac_alg* mac, const struct json* j,
                   size_t test) {
  struct field key = field_of(j, test, "key");
  struct field message = field_of(j, test, "msg");
  struct field tag = field_of(j, test, "tag");
  void* state = malloc(mac->state_size);
  uint8_t got[64];
  int ran = message.len >= 4;

  CHECK(state != NULL && tag.len <= mac->tag_size);
  CHECK_EQ(key.len, mac->key_size);
  if (ran) {
    CHECK_EQ(mac->init(state, key.base), 0);
    CHECK_EQ(mac->tag(state, get_u32(message.base), message.base + 4,
                      message.len - 4, NULL, 0, got), 0);
    CHECK_EQ(uvssh__equal(got, tag.base, tag.len), is_valid(j, test));
    mac->done(state);
  }
  free(state);
  free(key.base);
  free(message.base);
  free(tag.base);
  return ran;
}

static int run_hmac256(const struct json* j, size_t group, size_t test) {
  return run_mac(&uvssh__hmac_sha256, j, test);
}

static int run_hmac512(const struct json* j, size_t group, size_t test) {
  return run_mac(&uvssh__hmac_sha512, j, test);
}

TEST(wycheproof_hmac_sha256) {
  struct json j;
  load(&j, "hmac_sha256", 174);
  CHECK_EQ(for_each(&j, has_32_byte_key, run_hmac256), 100);
  json_free(&j);
}

TEST(wycheproof_hmac_sha512) {
  struct json j;
  load(&j, "hmac_sha512", 174);
  CHECK_EQ(for_each(&j, has_64_byte_key, run_hmac512), 100);
  json_free(&j);
}

/* ---- aes_gcm ------------------------------------------------------------- */

struct aead {
  struct field key, iv, aad, msg, ct, tag;
};

static void aead_read(struct aead* a, const struct json* j, size_t test) {
  a->key = field_of(j, test, "key");
  a->iv = field_of(j, test, "iv");
  a->aad = field_of(j, test, "aad");
  a->msg = field_of(j, test, "msg");
  a->ct = field_of(j, test, "ct");
  a->tag = field_of(j, test, "tag");
  CHECK(a->iv.len == 12 && a->tag.len == 16);
  CHECK_EQ(a->msg.len, a->ct.len);
}

static void aead_free(struct aead* a) {
  free(a->key.base);
  free(a->iv.base);
  free(a->aad.base);
  free(a->msg.base);
  free(a->ct.base);
  free(a->tag.base);
}

static int run_gcm_libsodium(const struct json* j, size_t group, size_t test) {
  struct aead a;
  uint8_t* got;
  int rc;

  aead_read(&a, j, test);
  got = malloc(a.ct.len + 1);
  CHECK(got != NULL);
  rc = crypto_aead_aes256gcm_decrypt_detached(got, NULL, a.ct.base, a.ct.len,
                                              a.tag.base, a.aad.base,
                                              a.aad.len, a.iv.base,
                                              a.key.base);
  CHECK_EQ(rc == 0, is_valid(j, test));
  if (rc == 0)
    CHECK_MEM(got, a.ct.len, a.msg.base, a.msg.len);
  free(got);
  aead_free(&a);
  return 1;
}

static int run_gcm_mbedtls(const struct json* j, size_t group, size_t test) {
  mbedtls_gcm_context gcm;
  struct aead a;
  uint8_t* got;
  int rc;

  aead_read(&a, j, test);
  got = malloc(a.ct.len + 1);
  CHECK(got != NULL);
  mbedtls_gcm_init(&gcm);
  CHECK_EQ(mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, a.key.base,
                              (unsigned) a.key.len * 8), 0);
  rc = mbedtls_gcm_auth_decrypt(&gcm, a.ct.len, a.iv.base, 12, a.aad.base,
                                a.aad.len, a.tag.base, 16, a.ct.base, got);
  CHECK_EQ(rc == 0, is_valid(j, test));
  if (rc == 0)
    CHECK_MEM(got, a.ct.len, a.msg.base, a.msg.len);
  mbedtls_gcm_free(&gcm);
  free(got);
  aead_free(&a);
  return 1;
}

TEST(wycheproof_aes_gcm_libsodium) {
  struct json j;
  load(&j, "aes_gcm", 316);
  if (!crypto_aead_aes256gcm_is_available()) {
    json_free(&j);
    SKIP("the processor has no AES instructions");
  }
  CHECK_EQ(for_each(&j, has_sizes, run_gcm_libsodium), 66);
  json_free(&j);
}

TEST(wycheproof_aes_gcm_mbedtls) {
  struct json j;
  load(&j, "aes_gcm", 316);
  CHECK_EQ(for_each(&j, has_sizes, run_gcm_mbedtls), 66);
  CHECK_EQ(for_each(&j, has_128_sizes, run_gcm_mbedtls), 67);
  json_free(&j);
}

/* ---- chacha20_poly1305 --------------------------------------------------- */

static int run_chacha(const struct json* j, size_t group, size_t test) {
  struct aead a;
  uint8_t tag[16];
  uint8_t* got;

  aead_read(&a, j, test);
  rfc8439_tag(tag, a.key.base, a.iv.base, a.aad.base, a.aad.len, a.ct.base,
              a.ct.len);
  CHECK_EQ(uvssh__equal(tag, a.tag.base, 16), is_valid(j, test));
  if (is_valid(j, test)) {
    got = malloc(a.msg.len + 16);
    CHECK(got != NULL);
    rfc8439_seal(got, a.key.base, a.iv.base, a.aad.base, a.aad.len, a.msg.base,
                 a.msg.len);
    CHECK_MEM(got, a.msg.len, a.ct.base, a.ct.len);
    CHECK_MEM(got + a.msg.len, 16, a.tag.base, 16);
    free(got);
  }
  aead_free(&a);
  return 1;
}

TEST(wycheproof_chacha20_poly1305) {
  struct json j;
  load(&j, "chacha20_poly1305", 325);
  CHECK(for_each(&j, has_sizes, run_chacha) >= 300);
  json_free(&j);
}
