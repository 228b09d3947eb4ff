/* sntrup761: NIST's known answer, many keys, ciphertexts that nobody made. */
#include "hex.h"

#include <mbedtls/aes.h>

#include "crypto/crypto.h"

struct pair {
  uint8_t ek[SNTRUP_EK];
  uint8_t dk[SNTRUP_DK];
  uint8_t ct[SNTRUP_CT];
  uint8_t k[SNTRUP_SHARED];
};

static void make(struct pair* p) {
  CHECK_EQ(uvssh__sntrup_keygen(p->ek, p->dk), 0);
  uvssh__sntrup_encaps(p->ct, p->k, p->ek);
}

/* ---- the random numbers of NIST's vectors -------------------------------- */

/* CTR_DRBG with AES-256 and without a derivation function, SP 800-90A. */
static struct {
  uint8_t key[32];
  uint8_t v[16];
} drbg;

static void drbg_block(uint8_t out[16]) {
  mbedtls_aes_context aes;
  int i = 15;

  while (i >= 0 && ++drbg.v[i] == 0)
    i--;
  mbedtls_aes_init(&aes);
  CHECK_EQ(mbedtls_aes_setkey_enc(&aes, drbg.key, 256), 0);
  CHECK_EQ(mbedtls_aes_crypt_ecb(&aes, MBEDTLS_AES_ENCRYPT, drbg.v, out), 0);
  mbedtls_aes_free(&aes);
}

static void drbg_update(const uint8_t given[48]) {
  uint8_t next[48];
  unsigned i;

  for (i = 0; i < 48; i += 16)
    drbg_block(next + i);
  for (i = 0; i < 48; i++)
    next[i] ^= given[i];
  memcpy(drbg.key, next, 32);
  memcpy(drbg.v, next + 32, 16);
}

static void drbg_init(const uint8_t seed[48]) {
  memset(&drbg, 0, sizeof(drbg));
  drbg_update(seed);
}

static void drbg_random(void* out, size_t len) {
  static const uint8_t nothing[48];
  uint8_t block[16];
  uint8_t* p = out;
  size_t n;

  for (; len != 0; p += n, len -= n) {
    n = len < sizeof(block) ? len : sizeof(block);
    drbg_block(block);
    memcpy(p, block, n);
  }
  drbg_update(nothing);
}

/* ---- the answer ---------------------------------------------------------- */

static void line(struct hash_state* h, const char* name, const uint8_t* base,
                 size_t len) {
  char digits[3];

  uvssh__sha256.update(h, name, strlen(name));
  for (; len != 0; base++, len--) {
    snprintf(digits, sizeof(digits), "%02X", *base);
    uvssh__sha256.update(h, digits, 2);
  }
  uvssh__sha256.update(h, "\n", 1);
}

/* SHA-256 of the first vector of NIST's file as its own program writes it: so
 * PQClean has it for sntrup761. All of a key, a ciphertext and a secret are in
 * it, and their random numbers are drawn in the same order. */
TEST(sntrup_known_answer) {
  static const char answer[] = "afc42c3a5b10f4ef69654250097ebda9"
                               "b9564570f4086744b24a6daf2bd1f89a";
  void (*source)(void*, size_t) = uvssh__random_source;
  uint8_t seed[48], k[SNTRUP_SHARED], got[32], want[32];
  struct hash_state h;
  struct pair p;
  unsigned i;

  CHECK_EQ(uvssh__crypto_init(), 0);
  for (i = 0; i < sizeof(seed); i++)
    seed[i] = (uint8_t) i;
  drbg_init(seed);
  drbg_random(seed, sizeof(seed));
  drbg_init(seed);
  uvssh__random_source = drbg_random;
  make(&p);
  uvssh__random_source = source;
  uvssh__sntrup_decaps(k, p.dk, p.ct);
  CHECK_MEM(k, sizeof(k), p.k, sizeof(p.k));

  uvssh__sha256.init(&h);
  uvssh__sha256.update(&h, "count = 0\n", 10);
  line(&h, "seed = ", seed, sizeof(seed));
  line(&h, "pk = ", p.ek, sizeof(p.ek));
  line(&h, "sk = ", p.dk, sizeof(p.dk));
  line(&h, "ct = ", p.ct, sizeof(p.ct));
  line(&h, "ss = ", p.k, sizeof(p.k));
  uvssh__sha256.final(&h, got);
  hex_read(want, sizeof(want), answer);
  CHECK_MEM(got, sizeof(got), want, sizeof(want));
}

/* ---- many keys ----------------------------------------------------------- */

TEST(sntrup_there_and_back) {
  unsigned rounds = check_release() ? 10000 : 100;
  uint8_t k[SNTRUP_SHARED];
  struct pair p;
  unsigned i;

  CHECK_EQ(uvssh__crypto_init(), 0);
  for (i = 0; i < rounds; i += check_share()) {
    NOTE("round %u", i);
    make(&p);
    uvssh__sntrup_decaps(k, p.dk, p.ct);
    CHECK_MEM(k, sizeof(k), p.k, sizeof(p.k));
  }
}

/* ---- ciphertexts that nobody made ---------------------------------------- */

static void sha512(uint8_t out[64], uint8_t number, const uint8_t* a,
                   size_t a_len, const uint8_t* b, size_t b_len) {
  struct hash_state h;

  uvssh__sha512.init(&h);
  uvssh__sha512.update(&h, &number, 1);
  uvssh__sha512.update(&h, a, a_len);
  uvssh__sha512.update(&h, b, b_len);
  uvssh__sha512.final(&h, out);
}

/* What the specification makes of rho, which ends 32 bytes before the key. */
static void check_rejected(const struct pair* p) {
  const uint8_t* rho = p->dk + SNTRUP_DK - 32 - SNTRUP_SMALL;
  uint8_t k[SNTRUP_SHARED], inner[64], want[64];

  sha512(inner, 3, rho, SNTRUP_SMALL, NULL, 0);
  sha512(want, 0, inner, 32, p->ct, sizeof(p->ct));
  uvssh__sntrup_decaps(k, p->dk, p->ct);
  CHECK_MEM(k, sizeof(k), want, sizeof(k));
  CHECK(memcmp(k, p->k, sizeof(k)) != 0);
}

/* Each byte, the last one always, with another bit of it each time. */
TEST(sntrup_rejects) {
  uint8_t k[SNTRUP_SHARED];
  struct pair p;
  unsigned i;

  CHECK_EQ(uvssh__crypto_init(), 0);
  make(&p);
  for (i = (SNTRUP_CT - 1) % check_share(); i < SNTRUP_CT;
       i += check_share()) {
    NOTE("byte %u", i);
    p.ct[i] ^= (uint8_t) (1 << i % 8);
    check_rejected(&p);
    p.ct[i] ^= (uint8_t) (1 << i % 8);
  }
  uvssh__sntrup_decaps(k, p.dk, p.ct);
  CHECK_MEM(k, sizeof(k), p.k, sizeof(p.k));
}

/* Well made, but for an r that has a coefficient too few or too many. */
TEST(sntrup_rejects_weight) {
  uint8_t small[SNTRUP_SMALL], inner[64], digest[64];
  struct sntrup_poly r, h;
  struct pair p;
  int round, i;

  CHECK_EQ(uvssh__crypto_init(), 0);
  make(&p);
  for (round = 0; round < 3; round++) {
    NOTE("weight %d", SNTRUP_W - 1 + round);
    uvssh__sntrup_short(&r);
    for (i = 0; (r.c[i] != 0) != (round == 0); i++)
      ;
    if (round != 1)
      r.c[i] = round == 2;
    uvssh__sntrup_decode(&h, p.ek);
    uvssh__sntrup_multiply(&h, &h, &r);
    uvssh__sntrup_round(&h);
    uvssh__sntrup_encode_rounded(p.ct, &h);
    uvssh__sntrup_encode_small(small, &r);
    sha512(inner, 3, small, sizeof(small), NULL, 0);
    sha512(digest, 2, inner, 32, p.dk + SNTRUP_DK - 32, 32);
    memcpy(p.ct + SNTRUP_ROUNDED, digest, 32);
    if (round != 1) {
      check_rejected(&p);
      continue;
    }
    sha512(digest, 1, inner, 32, p.ct, sizeof(p.ct));
    uvssh__sntrup_decaps(p.k, p.dk, p.ct);
    CHECK_MEM(p.k, sizeof(p.k), digest, sizeof(p.k));
  }
}

/* Whatever its bytes are; and one that was made for another key. */
TEST(sntrup_rejects_what_was_never_made) {
  struct pair p, other;
  unsigned i;

  CHECK_EQ(uvssh__crypto_init(), 0);
  make(&p);
  for (i = 0; i < 256; i += 51) {
    memset(p.ct, (int) i, sizeof(p.ct));
    check_rejected(&p);
  }
  make(&other);
  memcpy(p.ct, other.ct, sizeof(p.ct));
  check_rejected(&p);
  for (i = 0; i < 100; i++) {
    uvssh__random(p.ct, sizeof(p.ct));
    check_rejected(&p);
  }
}

/* g would be 0 each time. */
static void no_random(void* out, size_t len) {
  memset(out, 0x20, len);
}

TEST(sntrup_without_randomness) {
  void (*source)(void*, size_t) = uvssh__random_source;
  struct pair p;

  CHECK_EQ(uvssh__crypto_init(), 0);
  uvssh__random_source = no_random;
  CHECK_EQ(uvssh__sntrup_keygen(p.ek, p.dk), UVSSH_ECRYPTO);
  uvssh__random_source = source;
}

/* Every text of the right length is a public key: of some something is made. */
TEST(sntrup_any_public_key) {
  struct pair p;
  unsigned i;

  CHECK_EQ(uvssh__crypto_init(), 0);
  for (i = 0; i < 256; i += 51) {
    memset(p.ek, (int) i, sizeof(p.ek));
    uvssh__sntrup_encaps(p.ct, p.k, p.ek);
  }
}
