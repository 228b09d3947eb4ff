/* sntrup761's polynomials: each reduction for each value there is, products
 * against products made term by term, inverses by their products, the sorting
 * network, bytes there and back. */
#include "check.h"

#include <stdlib.h>

#include "crypto/crypto.h"

enum { P = SNTRUP_P, Q = SNTRUP_Q, W = SNTRUP_W };

static unsigned state = 1;

static unsigned below(unsigned n) {
  state = state * 1103515245 + 12345;
  return (state >> 8) % n;
}

static int centered(long v, int m) {
  int rest = (int) ((v % m + m) % m);
  return rest > m / 2 ? rest - m : rest;
}

/* Reduced modulo m, or small: 3. */
static struct sntrup_poly any(int m) {
  struct sntrup_poly p = { .c = { 0 } };
  unsigned i;

  for (i = 0; i < P; i++)
    p.c[i] = (int16_t) ((int) below((unsigned) m) - m / 2);
  return p;
}

/* The largest, with the signs that a number says. */
static struct sntrup_poly largest(int m, unsigned signs) {
  struct sntrup_poly p = { .c = { 0 } };
  unsigned i;

  for (i = 0; i < P; i++)
    p.c[i] = (int16_t) (signs >> i % 3 & 1 ? m / 2 : -(m / 2));
  return p;
}

static void check_same(const struct sntrup_poly* a,
                       const struct sntrup_poly* b) {
  unsigned i;

  for (i = 0; i < SNTRUP_ROOM; i++) {
    NOTE("coefficient %u", i);
    CHECK_EQ(a->c[i], b->c[i]);
  }
}

static void check_is_one(const struct sntrup_poly* p) {
  struct sntrup_poly one = { .c = { 1 } };
  check_same(p, &one);
}

/* ---- reductions ---------------------------------------------------------- */

TEST(sntrup_reduces_each_value) {
  int v;

  for (v = -32768; v < 32768; v++) {
    NOTE("%d", v);
    CHECK_EQ(sntrup_mod_q((int16_t) v), centered(v, Q));
    CHECK_EQ(sntrup_mod_3((int16_t) v), centered(v, 3));
  }
}

TEST(sntrup_rounds_and_triples_each_value) {
  struct sntrup_poly p = { .c = { 0 } }, q;
  int v;

  for (v = -(Q / 2); v <= Q / 2; v++) {
    int far;
    NOTE("%d", v);
    p.c[0] = p.c[P - 1] = (int16_t) v;
    q = p;
    uvssh__sntrup_round(&q);
    far = q.c[0] - v;
    CHECK(q.c[0] % 3 == 0 && far >= -1 && far <= 1);
    CHECK(q.c[0] >= -(Q / 2) && q.c[0] <= Q / 2);
    CHECK_EQ(q.c[P - 1], q.c[0]);
    uvssh__sntrup_triple_mod_3(&p);
    CHECK_EQ(p.c[0], centered(centered(3L * v, Q), 3));
    CHECK_EQ(p.c[P - 1], p.c[0]);
  }
}

/* ---- products ------------------------------------------------------------ */

/* Term by term, x^p being x + 1. */
static struct sntrup_poly product(const struct sntrup_poly* a,
                                  const struct sntrup_poly* b, int m) {
  struct sntrup_poly out = { .c = { 0 } };
  static long c[2 * P];
  unsigned i, j;

  memset(c, 0, sizeof(c));
  for (i = 0; i < P; i++)
    for (j = 0; j < P; j++)
      c[i + j] += a->c[i] * b->c[j];
  for (i = 2 * P - 1; i >= P; i--) {
    c[i - P] += c[i];
    c[i - P + 1] += c[i];
  }
  for (i = 0; i < P; i++)
    out.c[i] = (int16_t) centered(c[i], m);
  return out;
}

TEST(sntrup_multiply_is_a_product) {
  struct sntrup_poly a, b, got, want;
  unsigned round;

  for (round = 0; round < 80; round += check_share()) {
    a = round < 64 ? largest(Q, round / 8) : any(Q);
    b = round < 64 ? largest(3, round % 8) : any(3);
    NOTE("round %u", round);
    uvssh__sntrup_multiply(&got, &a, &b);
    want = product(&a, &b, Q);
    check_same(&got, &want);
    uvssh__sntrup_multiply(&a, &a, &b);          /* in place */
    check_same(&a, &want);
  }
}

TEST(sntrup_multiply_3_is_a_product) {
  struct sntrup_poly a, b, got, want;
  unsigned round;

  for (round = 0; round < 80; round += check_share()) {
    a = round < 64 ? largest(3, round / 8) : any(3);
    b = round < 64 ? largest(3, round % 8) : any(3);
    NOTE("round %u", round);
    uvssh__sntrup_multiply_3(&got, &a, &b);
    want = product(&a, &b, 3);
    check_same(&got, &want);
  }
}

/* ---- inverses ------------------------------------------------------------ */

static void check_inverses(const struct sntrup_poly* p) {
  struct sntrup_poly v;
  unsigned i;

  uvssh__sntrup_invert_triple(&v, p);
  for (i = 0; i < P; i++)
    CHECK(v.c[i] >= -(Q / 2) && v.c[i] <= Q / 2);
  uvssh__sntrup_multiply(&v, &v, p);
  for (i = 0; i < P; i++)
    v.c[i] = sntrup_mod_q((int16_t) (3 * v.c[i]));
  check_is_one(&v);
  if (uvssh__sntrup_invert_3(&v, p)) {
    uvssh__sntrup_multiply_3(&v, &v, p);
    check_is_one(&v);
  } else {
    FAIL("no inverse");
  }
}

/* Some powers of x, and what is random: 1 in 10^9 of these would have none
 * modulo 3. */
TEST(sntrup_inverses) {
  struct sntrup_poly p;
  unsigned i;

  for (i = 0; i < P; i += 4 * check_share()) {
    NOTE("x^%u", i);
    memset(&p, 0, sizeof(p));
    p.c[i] = i % 8 ? 1 : -1;
    check_inverses(&p);
  }
  for (i = 0; i < 100; i += check_share()) {
    NOTE("round %u", i);
    p = i < 8 ? largest(3, i) : any(3);
    check_inverses(&p);
  }
}

/* x^p - x - 1 has a factor of degree 19 modulo 3: that one, and all that it
 * divides. */
static const int8_t factor[20] = { 1, 1, 0, 1, 1, 1, -1, 1, -1, 1,
                                   0, 1, -1, -1, -1, -1, 1, 0, -1, -1 };

TEST(sntrup_without_inverse) {
  struct sntrup_poly p = { .c = { 0 } }, v;
  unsigned i;

  CHECK_EQ(uvssh__sntrup_invert_3(&v, &p), 0);
  for (i = 0; i < sizeof(factor); i++)
    p.c[i] = factor[i];
  CHECK_EQ(uvssh__sntrup_invert_3(&v, &p), 0);
  for (i = 0; i < 20; i++) {
    struct sntrup_poly times = any(3);
    NOTE("round %u", i);
    uvssh__sntrup_multiply_3(&times, &times, &p);
    CHECK_EQ(uvssh__sntrup_invert_3(&v, &times), 0);
  }
  p.c[0] = (int16_t) -p.c[0];
  CHECK_EQ(uvssh__sntrup_invert_3(&v, &p), 1);
}

/* ---- bytes --------------------------------------------------------------- */

TEST(sntrup_encodes_each_value) {
  uint8_t bytes[SNTRUP_POLY], rounded[SNTRUP_ROUNDED];
  struct sntrup_poly p = { .c = { 0 } }, q;
  unsigned v, i;

  for (v = 0; v < Q; v += 7) {
    NOTE("%u", v);
    for (i = 0; i < P; i++)
      p.c[i] = (int16_t) ((int) ((v + 6 * i) % Q) - Q / 2);
    uvssh__sntrup_encode(bytes, &p);
    uvssh__sntrup_decode(&q, bytes);
    check_same(&q, &p);
    uvssh__sntrup_round(&p);
    uvssh__sntrup_encode_rounded(rounded, &p);
    uvssh__sntrup_decode_rounded(&q, rounded);
    check_same(&q, &p);
  }
}

/* All zero is all the lowest; whatever the bytes are, numbers come out. */
TEST(sntrup_decodes_any_bytes) {
  uint8_t bytes[SNTRUP_POLY];
  struct sntrup_poly p;
  unsigned round, i;

  for (round = 0; round < 300; round++) {
    NOTE("round %u", round);
    for (i = 0; i < sizeof(bytes); i++)
      bytes[i] = (uint8_t) (round < 2 ? 0 - round : below(256));
    uvssh__sntrup_decode(&p, bytes);
    for (i = 0; i < P; i++) {
      CHECK(p.c[i] >= -(Q / 2) && p.c[i] <= Q / 2);
      CHECK(round != 0 || p.c[i] == -(Q / 2));
    }
    uvssh__sntrup_decode_rounded(&p, bytes);
    for (i = 0; i < P; i++) {
      CHECK(p.c[i] >= -(Q / 2) && p.c[i] <= Q / 2 && p.c[i] % 3 == 0);
      CHECK(round != 0 || p.c[i] == -(Q / 2));
    }
  }
}

TEST(sntrup_encodes_small) {
  uint8_t bytes[SNTRUP_SMALL];
  struct sntrup_poly p, q;
  unsigned round, i;

  for (round = 0; round < 50; round++) {
    p = any(3);
    uvssh__sntrup_encode_small(bytes, &p);
    for (i = 0; i < P; i++)
      CHECK_EQ(bytes[i / 4] >> i % 4 * 2 & 3, p.c[i] + 1);
    CHECK(bytes[SNTRUP_SMALL - 1] < 4);
    uvssh__sntrup_decode_small(&q, bytes);
    check_same(&q, &p);
  }
}

/* ---- samples ------------------------------------------------------------- */

static int compare(const void* a, const void* b) {
  uint32_t x = *(const uint32_t*) a, y = *(const uint32_t*) b;
  return x < y ? -1 : x > y;
}

/* What sorts each row of zeroes and ones, sorts everything; these are some. */
TEST(sntrup_sorts) {
  uint32_t got[P], want[P];
  unsigned round, i;

  for (round = 0; round < 600; round++) {
    NOTE("round %u", round);
    for (i = 0; i < P; i++)
      got[i] = round < 250 ? (below(250) < round ? 0xffffffff : 0)
               : round < 500 ? (i + 3 * round) % P * (uint32_t) 0x00abcdef
                             : below(1 << 20) << 12 | below(1 << 12);
    memcpy(want, got, sizeof(want));
    qsort(want, P, sizeof(want[0]), compare);
    uvssh__sntrup_sort(got);
    CHECK_MEM(got, sizeof(got), want, sizeof(want));
  }
}

/* Exactly w, in each place w times in 761, half of them with each sign; of any
 * small one each third. */
TEST(sntrup_samples) {
  enum { ROUNDS = 700 };
  static unsigned set[P], minus, thirds[3];
  struct sntrup_poly p;
  unsigned round, i;

  CHECK_EQ(uvssh__crypto_init(), 0);
  for (round = 0; round < ROUNDS; round++) {
    unsigned weight = 0;
    uvssh__sntrup_short(&p);
    for (i = 0; i < P; i++) {
      CHECK(p.c[i] >= -1 && p.c[i] <= 1);
      weight += p.c[i] != 0;
      set[i] += p.c[i] != 0;
      minus += p.c[i] < 0;
    }
    CHECK_EQ(weight, W);
    uvssh__sntrup_small(&p);
    for (i = 0; i < P; i++)
      thirds[p.c[i] + 1]++;
  }
  for (i = 0; i < P; i++)          /* seven deviations of 12.8 */
    CHECK(set[i] > ROUNDS * W / P - 90 && set[i] < ROUNDS * W / P + 90);
  CHECK(minus > ROUNDS * W / 100 * 49 && minus < ROUNDS * W / 100 * 51);
  for (i = 0; i < 3; i++)
    CHECK(thirds[i] > ROUNDS * P / 50 * 16 && thirds[i] < ROUNDS * P / 50 * 17);
}
