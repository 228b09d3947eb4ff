/* X25519: RFC 7748, through the key exchange method that uses it. */
#include "hex.h"

#include "crypto/crypto.h"

/* Section 5.2, and section 6.1 from both sides. */
static const struct {
  const char* scalar;
  const char* u;
  const char* result;
} rows[] = {
  { "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
    "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
    "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552" },
  { "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
    "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
    "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957" },
  { "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
    "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
    "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" },
  { "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
    "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
    "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" },
};

/* The shared secret itself, out of the mpint that it comes as. */
static void multiply(uint8_t out[32],
                     const uint8_t scalar[32],
                     const uint8_t u[32]) {
  struct buf k = { 0 };
  str_t peer = { u, 32 };
  str_t secret = { scalar, 32 };
  rd_t r;
  str_t value;

  CHECK_EQ(uvssh__curve25519.finish(STR(""), secret, peer, &k), 0);
  CHECK(k.secret);
  r = rd_of(k.base, k.len);
  value = uvssh__rd_mpint(&r);
  CHECK_EQ(rd_end(&r), 0);
  CHECK(value.len <= 32);
  memset(out, 0, 32);
  memcpy(out + 32 - value.len, value.base, value.len);
  uvssh__buf_free(&k);
}

TEST(x25519_rfc7748) {
  uint8_t scalar[32], u[32], want[32], got[32];
  size_t i;

  CHECK_EQ(uvssh__crypto_init(), 0);
  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    NOTE("row %zu", i);
    hex_read(scalar, 32, rows[i].scalar);
    hex_read(u, 32, rows[i].u);
    hex_read(want, 32, rows[i].result);
    multiply(got, scalar, u);
    CHECK_MEM(got, 32, want, 32);
  }
}

TEST(x25519_rfc7748_iterated) {
  uint8_t k[32] = { 9 };
  uint8_t u[32] = { 9 };
  uint8_t got[32], want[32];
  int i;

  for (i = 1; i <= 1000; i++) {
    multiply(got, k, u);
    memcpy(u, k, 32);
    memcpy(k, got, 32);
    if (i == 1) {
      hex_read(want, 32, "422c8e7a6227d7bca1350b3e2bb7279f"
                         "7897b87bb6854b783c60e80311ae3079");
      CHECK_MEM(k, 32, want, 32);
    }
  }
  hex_read(want, 32, "684cf59ba83309552800ef566f2f4d3c"
                     "1c3887c49360e3875f2eb94d99532c51");
  CHECK_MEM(k, 32, want, 32);
}

static const char* next_random;

static void typed_random(void* out, size_t len) {
  CHECK_EQ(hex_read(out, len, next_random), len);
}

/* Section 6.1 as the two sides play it. */
TEST(x25519_rfc7748_exchange) {
  void (*source)(void*, size_t) = uvssh__random_source;
  uint8_t want[32];
  struct buf secret = { 0 };
  struct buf a = { 0 }, b = { 0 }, ka = { 0 }, kb = { 0 };

  uvssh__random_source = typed_random;
  next_random = rows[2].scalar;
  CHECK_EQ(uvssh__curve25519.start(STR(""), &secret, &a), 0);
  next_random = rows[3].scalar;
  CHECK_EQ(uvssh__curve25519.respond(STR(""), str_of_buf(&a), &b, &kb), 0);
  uvssh__random_source = source;
  CHECK_EQ(uvssh__curve25519.finish(STR(""), str_of_buf(&secret),
                                    str_of_buf(&b), &ka), 0);

  hex_read(want, 32, rows[3].u);
  CHECK_MEM(a.base, a.len, want, 32);
  hex_read(want, 32, rows[2].u);
  CHECK_MEM(b.base, b.len, want, 32);
  hex_read(want, 32, rows[2].result);
  CHECK_EQ(ka.len, 36);            /* the first bit is 0 */
  CHECK_MEM(ka.base + 4, 32, want, 32);
  CHECK_MEM(ka.base, ka.len, kb.base, kb.len);
  uvssh__buf_free(&secret);
  uvssh__buf_free(&a);
  uvssh__buf_free(&b);
  uvssh__buf_free(&ka);
  uvssh__buf_free(&kb);
}
