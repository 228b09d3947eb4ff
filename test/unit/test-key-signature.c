/* Signatures: made, verified, and everything else refused. */
#include "check.h"

#include "key/key.h"

static const char message[] = "what is signed";

struct signed_message {
  uvssh_key_t* key;
  const struct sign_alg* alg;
  struct buf signature;
};

static void setup(struct signed_message* s) {
  memset(s, 0, sizeof(*s));
  CHECK_EQ(uvssh_key_generate(&s->key, UVSSH_KEY_ED25519, 0), 0);
  s->alg = uvssh__sign_find(STR("ssh-ed25519"));
  CHECK(s->alg != NULL && uvssh__key_fits(s->key, s->alg));
  CHECK_EQ(uvssh__key_sign(s->key, s->alg, message, sizeof(message),
                           &s->signature), 0);
}

static void teardown(struct signed_message* s) {
  uvssh__buf_free(&s->signature);
  uvssh_key_unref(s->key);
}

/* The signature in memory that ends where it does. */
static int verify(const struct signed_message* s,
                  const uint8_t* signature,
                  size_t len) {
  uint8_t* copy = uvssh__malloc(len);
  str_t exact = { copy, len };
  int err;

  CHECK(copy != NULL);
  if (len != 0)
    memcpy(copy, signature, len);
  err = uvssh__key_verify(s->key, s->alg, message, sizeof(message), exact);
  uvssh__free(copy);
  return err;
}

TEST(signature_round_trip) {
  struct signed_message s;
  uvssh_key_t* public_key = NULL;
  str_t blob;

  setup(&s);
  CHECK_EQ(verify(&s, s.signature.base, s.signature.len), 0);
  blob.base = uvssh_key_blob(s.key, &blob.len);
  CHECK_EQ(uvssh__key_from_blob(&public_key, blob), 0);
  CHECK_EQ(uvssh__key_verify(public_key, s.alg, message, sizeof(message),
                             str_of_buf(&s.signature)), 0);
  CHECK_EQ(uvssh__key_sign(public_key, s.alg, message, 1, &s.signature),
           UV_EINVAL);
  uvssh_key_unref(public_key);
  teardown(&s);
}

TEST(signature_empty_message) {
  struct signed_message s;
  struct buf signature = { 0 };

  setup(&s);
  CHECK_EQ(uvssh__key_sign(s.key, s.alg, NULL, 0, &signature), 0);
  CHECK_EQ(uvssh__key_verify(s.key, s.alg, NULL, 0, str_of_buf(&signature)), 0);
  CHECK_EQ(uvssh__key_verify(s.key, s.alg, "", 1, str_of_buf(&signature)),
           UVSSH_ECRYPTO);
  uvssh__buf_free(&signature);
  teardown(&s);
}

TEST(signature_flipped) {
  struct signed_message s;
  size_t bit;

  setup(&s);
  for (bit = 0; bit < s.signature.len * 8; bit++) {
    NOTE("bit %zu", bit);
    s.signature.base[bit / 8] ^= (uint8_t) (1 << bit % 8);
    CHECK_EQ(verify(&s, s.signature.base, s.signature.len),
             bit / 8 < 19 ? UVSSH_EKEYFORMAT : UVSSH_ECRYPTO);
    s.signature.base[bit / 8] ^= (uint8_t) (1 << bit % 8);
  }
  CHECK_EQ(verify(&s, s.signature.base, s.signature.len), 0);
  teardown(&s);
}

TEST(signature_truncated) {
  struct signed_message s;
  size_t len;

  setup(&s);
  for (len = 0; len < s.signature.len; len++) {
    NOTE("%zu bytes", len);
    CHECK_EQ(verify(&s, s.signature.base, len), UVSSH_EKEYFORMAT);
  }
  teardown(&s);
}

TEST(signature_trailing) {
  struct signed_message s;

  setup(&s);
  wr_u8(&s.signature, 0);
  CHECK_EQ(verify(&s, s.signature.base, s.signature.len), UVSSH_EKEYFORMAT);
  teardown(&s);
}

/* Every length of the signature itself, with a frame that fits it. */
TEST(signature_wrong_size) {
  struct signed_message s;
  struct buf other = { 0 };
  size_t len;

  setup(&s);
  for (len = 0; len <= 80; len++) {
    static const uint8_t zero[80];
    uvssh__buf_reset(&other);
    wr_cstr(&other, "ssh-ed25519");
    wr_str(&other, zero, len);
    NOTE("%zu bytes", len);
    CHECK_EQ(verify(&s, other.base, other.len),
             len == 64 ? UVSSH_ECRYPTO : UVSSH_EKEYFORMAT);
  }
  uvssh__buf_free(&other);
  teardown(&s);
}

/* The right signature under another name. */
TEST(signature_other_name) {
  static const char* const names[] = { "", "ssh-rsa", "ssh-ed2551",
                                       "ssh-ed25519x", "SSH-ED25519",
                                       "ssh-ed25519-cert-v01@openssh.com" };
  struct signed_message s;
  size_t i;

  setup(&s);
  for (i = 0; i < ARRAY_SIZE(names); i++) {
    struct buf other = { 0 };
    wr_cstr(&other, names[i]);
    wr_str(&other, s.signature.base + 19, 64);
    NOTE("\"%s\"", names[i]);
    CHECK_EQ(verify(&s, other.base, other.len), UVSSH_EKEYFORMAT);
    uvssh__buf_free(&other);
  }
  teardown(&s);
}

TEST(signature_other_key_or_message) {
  struct signed_message a, b;

  setup(&a);
  setup(&b);
  CHECK_EQ(verify(&a, b.signature.base, b.signature.len), UVSSH_ECRYPTO);
  CHECK_EQ(uvssh__key_verify(a.key, a.alg, message, sizeof(message) - 1,
                             str_of_buf(&a.signature)), UVSSH_ECRYPTO);
  teardown(&a);
  teardown(&b);
}

/* An algorithm of another type of key: neither signs nor verifies. */
TEST(signature_other_algorithm) {
  static const struct key_type other_type = { .name = "ssh-ed25519" };
  static const struct sign_alg other = { "ssh-ed25519", &other_type,
                                         COST_LIGHT, NULL };
  struct signed_message s;
  struct buf signature = { 0 };

  setup(&s);
  CHECK(!uvssh__key_fits(s.key, &other));
  CHECK_EQ(uvssh__key_sign(s.key, &other, "a", 1, &signature), UV_EINVAL);
  CHECK_EQ(uvssh__key_verify(s.key, &other, message, sizeof(message),
                             str_of_buf(&s.signature)), UVSSH_EKEYFORMAT);
  CHECK_EQ(signature.len, 0);
  teardown(&s);
}

TEST(signature_out_of_memory) {
  struct signed_message s;

  setup(&s);
  HEAP_SWEEP(n) {
    struct buf signature = { 0 };
    int err = uvssh__key_sign(s.key, s.alg, message, sizeof(message),
                              &signature);
    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    uvssh__buf_free(&signature);
  }
  teardown(&s);
}

TEST(sign_names) {
  CHECK_STR(uvssh__sign_default(),
            "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,"
            "ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256");
  CHECK(uvssh__sign_find(STR("")) == NULL);
  CHECK(uvssh__sign_find(STR("ssh-ed25519\0")) == NULL);
  CHECK_EQ(uvssh__sign_find(STR("ssh-ed25519"))->cost, COST_LIGHT);
}
