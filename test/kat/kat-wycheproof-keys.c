/* Wycheproof's ECDSA and RSA signatures, as they come in messages: through key
 * blobs and signatures of RFC 4253 section 6.6.
 *
 * A DER signature's two INTEGERs have the bytes of two mpints, so what is wrong
 * with a number there is wrong here, too. What is wrong with DER itself is
 * passed over: SSH has none.
 */
#include "wycheproof.h"

#include "key/key.h"

static int any(const struct json* j, size_t group) {
  return 1;
}

/* The answer for one signature; 1: it verifies. */
static int verifies(struct buf* blob,
                    const char* algorithm,
                    const struct field* message,
                    const uint8_t* bare,
                    size_t len) {
  const struct sign_alg* alg = uvssh__sign_find(str_of(algorithm));
  struct buf signature = { 0 };
  uvssh_key_t* key = NULL;
  int err;

  CHECK(alg != NULL);
  wr_cstr(&signature, algorithm);
  wr_str(&signature, bare, len);
  CHECK_EQ(uvssh__key_from_blob(&key, str_of_buf(blob)), 0);
  err = uvssh__key_verify(key, alg, message->base, message->len,
                          str_of_buf(&signature));
  CHECK(err == 0 || err == UVSSH_ECRYPTO || err == UVSSH_EKEYFORMAT);
  uvssh_key_unref(key);
  uvssh__buf_free(&signature);
  uvssh__buf_free(blob);
  return err == 0;
}

/* ---- ECDSA --------------------------------------------------------------- */

static const struct curve {
  const char* algorithm;
  const char* name;
  const char* file;                /* r and s behind each other */
  int tests;
  size_t fit;                      /* of them have the length of two numbers */
  const char* der;
  int der_tests;
  size_t der_fit;                  /* of them are good DER */
  size_t size;
} curves[] = {
  { "ecdsa-sha2-nistp256", "nistp256", "ecdsa_secp256r1_sha256_p1363", 262,
    241, "ecdsa_secp256r1_sha256", 484, 293, 32 },
  { "ecdsa-sha2-nistp384", "nistp384", "ecdsa_secp384r1_sha384_p1363", 280,
    261, "ecdsa_secp384r1_sha384", 504, 313, 48 },
  { "ecdsa-sha2-nistp521", "nistp521", "ecdsa_secp521r1_sha512_p1363", 318,
    304, "ecdsa_secp521r1_sha512", 542, 352, 66 }
};

static const struct curve* curve;

static void ecdsa_blob(struct buf* blob, const struct json* j, size_t group) {
  struct field point = field_of(j, json_get(j, group, "publicKey"),
                                "uncompressed");

  memset(blob, 0, sizeof(*blob));
  wr_cstr(blob, curve->algorithm);
  wr_cstr(blob, curve->name);
  wr_str(blob, point.base, point.len);
  free(point.base);
}

static int run_p1363(const struct json* j, size_t group, size_t test) {
  struct field message = field_of(j, test, "msg");
  struct field both = field_of(j, test, "sig");
  int fits = both.len == 2 * curve->size;
  struct buf bare = { 0 };
  struct buf blob;

  if (fits) {
    ecdsa_blob(&blob, j, group);
    uvssh__wr_mpint(&bare, both.base, curve->size);
    uvssh__wr_mpint(&bare, both.base + curve->size, curve->size);
    CHECK_EQ(verifies(&blob, curve->algorithm, &message, bare.base, bare.len),
             is_valid(j, test));
  }
  uvssh__buf_free(&bare);
  free(message.base);
  free(both.base);
  return fits;
}

/* What follows a tag and a length in the form that DER wants; 0: not so. */
static int der_take(str_t* rest, uint8_t tag, str_t* content) {
  size_t head = 2;
  size_t len;

  if (rest->len < 2 || rest->base[0] != tag)
    return 0;
  len = rest->base[1];
  if (len == 0x81 && rest->len > 2 && rest->base[2] >= 0x80)
    len = rest->base[head++];
  else if (len >= 0x80)
    return 0;
  if (rest->len - head < len)
    return 0;
  content->base = rest->base + head;
  content->len = len;
  rest->base += head + len;
  rest->len -= head + len;
  return 1;
}

static int run_der(const struct json* j, size_t group, size_t test) {
  struct field message = field_of(j, test, "msg");
  struct field der = field_of(j, test, "sig");
  str_t rest = { der.base, der.len };
  str_t body, r, s;
  int fits = der_take(&rest, 0x30, &body) && rest.len == 0 &&
             der_take(&body, 2, &r) && der_take(&body, 2, &s) && body.len == 0;
  struct buf bare = { 0 };
  struct buf blob;

  if (fits) {
    ecdsa_blob(&blob, j, group);
    wr_str(&bare, r.base, r.len);
    wr_str(&bare, s.base, s.len);
    CHECK_EQ(verifies(&blob, curve->algorithm, &message, bare.base, bare.len),
             is_valid(j, test));
  }
  uvssh__buf_free(&bare);
  free(message.base);
  free(der.base);
  return fits;
}

TEST(wycheproof_ecdsa) {
  struct json j;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(curves); i++) {
    curve = &curves[i];
    load(&j, curve->file, curve->tests);
    CHECK_EQ(for_each(&j, any, run_p1363), curve->fit);
    json_free(&j);
    load(&j, curve->der, curve->der_tests);
    CHECK_EQ(for_each(&j, any, run_der), curve->der_fit);
    json_free(&j);
  }
}

/* ---- RSA ----------------------------------------------------------------- */

static const char* rsa_algorithm;

/* "Acceptable" are those without a NULL in the hash's identifier, which RFC
 * 8017 lets a verifier take; ours does not. */
static int is_good(const struct json* j, size_t test) {
  return is_valid(j, test) && !json_has(j, test, "flags", "MissingNull");
}

static int run_rsa(const struct json* j, size_t group, size_t test) {
  size_t public_key = json_get(j, group, "publicKey");
  struct field n = field_of(j, public_key, "modulus");
  struct field e = field_of(j, public_key, "publicExponent");
  struct field message = field_of(j, test, "msg");
  struct field bare = field_of(j, test, "sig");
  struct buf blob = { 0 };

  wr_cstr(&blob, "ssh-rsa");
  uvssh__wr_mpint(&blob, e.base, e.len);
  uvssh__wr_mpint(&blob, n.base, n.len);
  CHECK_EQ(verifies(&blob, rsa_algorithm, &message, bare.base, bare.len),
           is_good(j, test));
  free(n.base);
  free(e.base);
  free(message.base);
  free(bare.base);
  return 1;
}

TEST(wycheproof_rsa) {
  static const struct {
    const char* file;
    const char* algorithm;
    int tests;
  } rows[] = {
    { "rsa_signature_2048_sha256", "rsa-sha2-256", 259 },
    { "rsa_signature_2048_sha512", "rsa-sha2-512", 259 },
    { "rsa_signature_3072_sha256", "rsa-sha2-256", 259 },
    { "rsa_signature_3072_sha512", "rsa-sha2-512", 260 },
    { "rsa_signature_4096_sha256", "rsa-sha2-256", 258 },
    { "rsa_signature_4096_sha512", "rsa-sha2-512", 259 }
  };
  struct json j;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    rsa_algorithm = rows[i].algorithm;
    load(&j, rows[i].file, rows[i].tests);
    CHECK_EQ(for_each(&j, any, run_rsa), rows[i].tests);
    json_free(&j);
  }
}
