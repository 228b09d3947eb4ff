/* ML-KEM-768, whosever it is: all that needs no file. */
#include "hex.h"

#include "crypto/crypto.h"

#if defined(UVSSH_SODIUM_MLKEM)
# include <sodium.h>
#endif

struct pair {
  uint8_t ek[MLKEM_EK];
  uint8_t dk[MLKEM_DK];
  uint8_t ct[MLKEM_CT];
  uint8_t k[MLKEM_SHARED];
  uint8_t m[32];
};

static void make(struct pair* p, const uint8_t seed[MLKEM_SEED]) {
  CHECK_EQ(uvssh__mlkem_keygen(p->ek, p->dk, seed), 0);
  CHECK_EQ(uvssh__mlkem_encaps(p->ct, p->k, p->ek, p->m), 0);
}

static void make_any(struct pair* p) {
  uint8_t seed[MLKEM_SEED];

  CHECK_EQ(uvssh__crypto_init(), 0);
  uvssh__random(seed, sizeof(seed));
  uvssh__random(p->m, sizeof(p->m));
  make(p, seed);
}

/* ---- thousands of vectors ------------------------------------------------ */

/* Those of the tests of Go's crypto/mlkem. C2SP's CCTV, where the idea is from,
 * has the hashes of a draft, whose seeds were hashed without k. */
static const struct {
  unsigned tests;
  const char* hash;
} accumulated[] = {
  { 100, "1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415" },
  { 10000, "8a518cc63da366322a8e7a818c7a0d63483cb3528d34a4cf42f35d5ad73f22fc" },
  { 1000000, "424bf8f0e8ae99b78d788a6e2e8e9cda"
             "f9773fc0c08a6f433507cb559edfd0f0" }
};

/* A private key ends with the public one, its hash, and z. */
static void check_end(const struct pair* p, const uint8_t z[32]) {
  const uint8_t* ek = p->dk + MLKEM_DK - MLKEM_EK - 64;
  uint8_t hash[32];

  CHECK_MEM(ek, MLKEM_EK, p->ek, MLKEM_EK);
  uvssh__sha3(hash, sizeof(hash), p->ek, MLKEM_EK);
  CHECK_MEM(ek + MLKEM_EK, 32, hash, 32);
  CHECK_MEM(ek + MLKEM_EK + 32, 32, z, 32);
}

/* Seeds, message and a ciphertext of nobody come from SHAKE128 of nothing; what
 * is made of them goes into SHAKE128. */
static void accumulate(unsigned tests, uint8_t out[32]) {
  uint8_t seed[MLKEM_SEED], random_ct[MLKEM_CT], k[MLKEM_SHARED];
  struct keccak from, to;
  struct pair p;

  uvssh__keccak_init(&from, SHAKE128_RATE);
  uvssh__keccak_pad(&from, KECCAK_SHAKE);
  uvssh__keccak_init(&to, SHAKE128_RATE);
  while (tests-- != 0) {
    uvssh__keccak_squeeze(&from, seed, sizeof(seed));
    uvssh__keccak_squeeze(&from, p.m, sizeof(p.m));
    uvssh__keccak_squeeze(&from, random_ct, sizeof(random_ct));
    make(&p, seed);
    check_end(&p, seed + 32);
    uvssh__keccak_absorb(&to, p.ek, sizeof(p.ek));
    uvssh__keccak_absorb(&to, p.ct, sizeof(p.ct));
    uvssh__keccak_absorb(&to, p.k, sizeof(p.k));
    CHECK_EQ(uvssh__mlkem_decaps(k, p.dk, p.ct), 0);
    CHECK_MEM(k, sizeof(k), p.k, sizeof(p.k));
    CHECK_EQ(uvssh__mlkem_decaps(k, p.dk, random_ct), 0);
    uvssh__keccak_absorb(&to, k, sizeof(k));
  }
  uvssh__keccak_pad(&to, KECCAK_SHAKE);
  uvssh__keccak_squeeze(&to, out, 32);
}

TEST(mlkem_accumulated) {
  size_t row = check_share() > 1 ? 0 : check_release() ? 2 : 1;
  uint8_t got[32], want[32];

  CHECK_EQ(uvssh__crypto_init(), 0);
  accumulate(accumulated[row].tests, got);
  hex_read(want, sizeof(want), accumulated[row].hash);
  CHECK_MEM(got, sizeof(got), want, sizeof(want));
}

/* ---- public keys that are none ------------------------------------------- */

static void put_coefficient(uint8_t* ek, unsigned i, unsigned v) {
  uint8_t* p = ek + i / 2 * 3;

  if (i % 2 == 0) {
    p[0] = (uint8_t) v;
    p[1] = (uint8_t) ((p[1] & 0xf0) | v >> 8);
  } else {
    p[1] = (uint8_t) ((p[1] & 0x0f) | v << 4);
    p[2] = (uint8_t) (v >> 4);
  }
}

/* FIPS 203 section 7.2: each of the 768 numbers, from q on, and every value of
 * one of them. Nothing may have been made of it. */
TEST(mlkem_modulus) {
  struct pair p;
  uint8_t ek[MLKEM_EK], untouched[MLKEM_CT];
  unsigned i, v;

  make_any(&p);
  memset(untouched, 0xa5, sizeof(untouched));
  for (i = 0; i < MLKEM_K * MLKEM_N; i++) {
    for (v = MLKEM_Q; v < 4096; v += i == 1 ? 1 : 766) {
      NOTE("coefficient %u is %u", i, v);
      memcpy(ek, p.ek, sizeof(ek));
      put_coefficient(ek, i, v);
      memset(p.ct, 0xa5, sizeof(p.ct));
      CHECK_EQ(uvssh__mlkem_encaps(p.ct, p.k, ek, p.m), UVSSH_EKEX);
      CHECK_MEM(p.ct, sizeof(p.ct), untouched, sizeof(untouched));
    }
  }
  for (i = 0; i < MLKEM_K * MLKEM_N; i += check_share()) {
    NOTE("coefficient %u is q - 1", i);
    memcpy(ek, p.ek, sizeof(ek));
    put_coefficient(ek, i, MLKEM_Q - 1);
    CHECK_EQ(uvssh__mlkem_encaps(p.ct, p.k, ek, p.m), 0);
  }
}

/* ---- ciphertexts that nobody made ---------------------------------------- */

/* FIPS 203 algorithm 18, line 7: SHAKE256 of z and the ciphertext. */
static void rejected(uint8_t out[32], const struct pair* p) {
  struct keccak k;

  uvssh__keccak_init(&k, SHAKE256_RATE);
  uvssh__keccak_absorb(&k, p->dk + MLKEM_DK - 32, 32);
  uvssh__keccak_absorb(&k, p->ct, sizeof(p->ct));
  uvssh__keccak_pad(&k, KECCAK_SHAKE);
  uvssh__keccak_squeeze(&k, out, 32);
}

/* Each bit. */
TEST(mlkem_rejects) {
  struct pair p;
  uint8_t k[32], want[32];
  unsigned i;

  make_any(&p);
  for (i = 0; i < 8 * MLKEM_CT; i += check_share()) {
    NOTE("bit %u", i);
    p.ct[i / 8] ^= (uint8_t) (1 << i % 8);
    CHECK_EQ(uvssh__mlkem_decaps(k, p.dk, p.ct), 0);
    rejected(want, &p);
    CHECK_MEM(k, 32, want, 32);
    CHECK(memcmp(k, p.k, 32) != 0);
    p.ct[i / 8] ^= (uint8_t) (1 << i % 8);
  }
  CHECK_EQ(uvssh__mlkem_decaps(k, p.dk, p.ct), 0);
  CHECK_MEM(k, 32, p.k, 32);
}

/* ---- the other one ------------------------------------------------------- */

#if defined(UVSSH_SODIUM_MLKEM)
TEST(mlkem_as_libsodium) {
  uint8_t seed[MLKEM_SEED], ek[MLKEM_EK], dk[MLKEM_DK], ct[MLKEM_CT];
  uint8_t k[32], want[32];
  struct pair p;
  unsigned i;

  CHECK_EQ(uvssh__crypto_init(), 0);
  for (i = 0; i < 2000 / check_share(); i++) {
    uvssh__random(seed, sizeof(seed));
    uvssh__random(p.m, sizeof(p.m));
    make(&p, seed);
    CHECK_EQ(crypto_kem_mlkem768_seed_keypair(ek, dk, seed), 0);
    CHECK_MEM(p.ek, sizeof(p.ek), ek, sizeof(ek));
    CHECK_MEM(p.dk, sizeof(p.dk), dk, sizeof(dk));
    CHECK_EQ(crypto_kem_mlkem768_enc_deterministic(ct, k, ek, p.m), 0);
    CHECK_MEM(p.ct, sizeof(p.ct), ct, sizeof(ct));
    CHECK_MEM(p.k, sizeof(p.k), k, sizeof(k));
    ct[i % MLKEM_CT] ^= (uint8_t) (1 + i % 255);
    CHECK_EQ(crypto_kem_mlkem768_dec(want, ct, dk), 0);
    CHECK_EQ(uvssh__mlkem_decaps(k, p.dk, ct), 0);
    CHECK_MEM(k, sizeof(k), want, sizeof(want));
  }
}
#endif
