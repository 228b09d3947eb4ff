/* Diffie-Hellman with known exponents, and NIST's curves with known secrets.
 *
 * RFC 3526 and RFC 7919 give a formula for each prime; what it yields was
 * hashed by another program, and so was what these exponents yield: no RFC has
 * vectors for either. The point of P-256 is that of RFC 5903 section 8.1. */
#include "hex.h"

#include "crypto/crypto.h"

static void hash_is(const void* base, size_t len, const char* text) {
  uint8_t want[32], got[32];

  hex_read(want, 32, text);
  uvssh__hash(&uvssh__sha256, base, len, got);
  CHECK_MEM(got, 32, want, 32);
}

/* ---- the primes ---------------------------------------------------------- */

TEST(dh_primes) {
  static const struct {
    uint32_t bits;
    const char* hash;
  } rows[] = {
    { 2048, "d66436f79bbd6b2e38c0ffbd079be904"
            "d2641415e2e67140e09448be9a60890e" },
    { 3072, "48cf8b092fbce4359d9871abf74f98e2"
            "5b6163379eaa15cd9087e800c6d1c55c" },
    { 4096, "4ee95187682bcb230ad26a95205f6920"
            "e84708f6251b3894329b09ec23919e33" },
    { 6144, "227ac9066b3ddd9e193670cda2388fa8"
            "84f65ba0cf98b742d1fe77a6687c79c7" },
    { 8192, "770b14efaf6f049929c523113b3fa99a"
            "8d11dab1b18af3609590122075d19833" },
  };
  size_t i;

  CHECK_EQ(uvssh__crypto_init(), 0);
  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    struct buf text = { 0 };
    struct dh_group group;
    NOTE("%u bits", (unsigned) rows[i].bits);
    CHECK_EQ(uvssh__gex_choose(rows[i].bits, rows[i].bits, rows[i].bits, &text),
             0);
    CHECK_EQ(uvssh__dh_group_read(str_of_buf(&text), &group), 0);
    CHECK_EQ(group.p.len * 8, rows[i].bits);
    CHECK_MEM(group.g.base, group.g.len, "\2", 1);
    hash_is(group.p.base, group.p.len, rows[i].hash);
    if (rows[i].bits <= 4096)
      CHECK(str_eq(uvssh__dh_group(rows[i].bits).p, group.p));
    uvssh__buf_free(&text);
  }
}

/* ---- exponents ----------------------------------------------------------- */

static unsigned factor, offset;

static void counting(void* out, size_t len) {
  uint8_t* p = out;
  size_t i;

  for (i = 0; i < len; i++)
    p[i] = (uint8_t) (i * factor + offset);
}

static const struct {
  const struct kex_alg* kex;
  unsigned bits;                   /* of a group exchange; 0: none */
  const char* e;
  const char* f;
  const char* k;
} rows[] = {
  { &uvssh__dh_modp2048, 0,
    "399f55c452d57a5e002056ca885deecf"
    "a81c8f72783814d134ab2a9cfb812885",
    "0da980936e13309204f0064a4c972f80"
    "be1b3d6b92d527ed6503dccf2d039cf5",
    "f29c77eae50a0772d1e4ae9c52de40a1"
    "1b9bc8565c9456a893240f92d0671572" },
  { &uvssh__dh_gex, 2048,
    "399f55c452d57a5e002056ca885deecf"
    "a81c8f72783814d134ab2a9cfb812885",
    "0da980936e13309204f0064a4c972f80"
    "be1b3d6b92d527ed6503dccf2d039cf5",
    "f29c77eae50a0772d1e4ae9c52de40a1"
    "1b9bc8565c9456a893240f92d0671572" },
  { &uvssh__dh_modp4096, 0,
    "dbc06580c241cf0f38dc27ad54fb4693"
    "475232f5d83292d08b8b1a2358deda9a",
    "684e8a00e9cdec76527a1b223700b955"
    "d1c03c5e1a7b10fdabc47cc44752f38f",
    "26ed40e3cd6f4d188022bd62577e1473"
    "c0c7c873b7a6ec3c25cf8dca04298388" },
};

TEST(dh_with_known_exponents) {
  void (*source)(void*, size_t) = uvssh__random_source;
  size_t i;

  uvssh__random_source = counting;
  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    struct buf group = { 0 }, secret = { 0 }, e = { 0 }, f = { 0 };
    struct buf k_c = { 0 }, k_s = { 0 };
    const struct kex_alg* kex = rows[i].kex;
    NOTE("%s", kex->name);
    if (rows[i].bits != 0)
      CHECK_EQ(uvssh__gex_choose(rows[i].bits, rows[i].bits, 8192, &group), 0);
    factor = 7;
    offset = 1;
    CHECK_EQ(kex->start(str_of_buf(&group), &secret, &e), 0);
    factor = 11;
    offset = 3;
    CHECK_EQ(kex->respond(str_of_buf(&group), str_of_buf(&e), &f, &k_s), 0);
    CHECK_EQ(kex->finish(str_of_buf(&group), str_of_buf(&secret),
                         str_of_buf(&f), &k_c), 0);
    hash_is(e.base, e.len, rows[i].e);
    hash_is(f.base, f.len, rows[i].f);
    hash_is(k_s.base, k_s.len, rows[i].k);
    CHECK_MEM(k_c.base, k_c.len, k_s.base, k_s.len);
    uvssh__buf_free(&group);
    uvssh__buf_free(&secret);
    uvssh__buf_free(&e);
    uvssh__buf_free(&f);
    uvssh__buf_free(&k_c);
    uvssh__buf_free(&k_s);
  }
  uvssh__random_source = source;
}

/* ---- a curve ------------------------------------------------------------- */

TEST(ecdh_rfc5903_p256) {
  uint8_t i[32], gr[65] = { 4 }, shared[32];
  struct buf k = { 0 }, want = { 0 };

  hex_read(i, 32, "C88F01F510D9AC3F70A292DAA2316DE5"
                  "44E9AAB8AFE84049C62A9C57862D1433");
  hex_read(gr + 1, 64, "D12DFB5289C8D4F81208B70270398C34"
                       "2296970A0BCCB74C736FC7554494BF63"
                       "56FBF3CA366CC23E8157854C13C58D6A"
                       "AC23F046ADA30F8353E74F33039872AB");
  hex_read(shared, 32, "D6840F6B42F6EDAFD13116E0E1256520"
                       "2FEF8E9ECE7DCE03812464D04B9442DE");
  CHECK_EQ(uvssh__ecdh_nistp256.finish(STR(""), (str_t) { i, 32 },
                                       (str_t) { gr, 65 }, &k), 0);
  uvssh__wr_mpint(&want, shared, 32);
  CHECK_MEM(k.base, k.len, want.base, want.len);
  uvssh__buf_free(&k);
  uvssh__buf_free(&want);
}
