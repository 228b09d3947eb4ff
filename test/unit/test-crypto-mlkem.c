/* ML-KEM's polynomials: the transform and its inverse against products made
 * term by term, bytes and compression against the standard's own divisions, for
 * each value there is. */
#include "check.h"

#include "crypto/crypto.h"

enum { Q = MLKEM_Q, N = MLKEM_N };

static unsigned state = 1;

static unsigned below(unsigned n) {
  state = state * 1103515245 + 12345;
  return (state >> 8) % n;
}

static int modulo(long v) {
  return (int) ((v % Q + Q) % Q);
}

static struct mlkem_poly any(void) {
  struct mlkem_poly p;
  unsigned i;

  for (i = 0; i < N; i++)
    p.c[i] = (int16_t) below(Q);
  return p;
}

/* As numbers modulo q. */
static void check_same(struct mlkem_poly a, struct mlkem_poly b) {
  unsigned i;

  for (i = 0; i < N; i++) {
    NOTE("coefficient %u", i);
    CHECK_EQ(modulo(a.c[i]), modulo(b.c[i]));
  }
}

/* ---- the transform ------------------------------------------------------- */

/* There and back is a product with 2^16, for whatever it may be given: all of
 * the largest, and what is random. */
TEST(mlkem_ntt_there_and_back) {
  struct mlkem_poly p, q;
  unsigned round, i;

  for (round = 0; round < 20000 / check_share(); round++) {
    p = any();
    for (i = 0; i < N && round < 4; i++)
      p.c[i] = (int16_t) (round < 2 ? (round ? Q - 1 : 1 - Q)
                                    : ((i + round) % 2 ? Q - 1 : 1 - Q));
    q = p;
    uvssh__mlkem_ntt(&q);
    for (i = 0; i < N; i++)
      CHECK(q.c[i] >= -Q / 2 && q.c[i] <= Q / 2);
    uvssh__mlkem_inverse_ntt(&q);
    for (i = 0; i < N; i++) {
      CHECK(q.c[i] > -Q && q.c[i] < Q);
      CHECK_EQ(modulo(q.c[i]), modulo(p.c[i] * 65536L));
    }
  }
}

/* Section 4.3: the pair 2 i of the transform is the polynomial modulo
 * X^2 - 17^(2 BitRev7(i) + 1). */
TEST(mlkem_ntt_is_the_standards) {
  struct mlkem_poly p = any(), t = p;
  unsigned i, k;

  uvssh__mlkem_ntt(&t);
  for (i = 0; i < N / 2; i++) {
    long root = 1, power = 1, even = 0, odd = 0;
    unsigned reversed = 0;
    for (k = 0; k < 7; k++)
      reversed |= (i >> k & 1) << (6 - k);
    for (k = 0; k < 2 * reversed + 1; k++)
      root = root * 17 % Q;
    for (k = 0; k < N / 2; k++) {
      even = (even + p.c[2 * k] * power) % Q;
      odd = (odd + p.c[2 * k + 1] * power) % Q;
      power = power * root % Q;
    }
    NOTE("pair %u", i);
    CHECK_EQ(modulo(t.c[mlkem_slot(2 * i)]), even);
    CHECK_EQ(modulo(t.c[mlkem_slot(2 * i + 1)]), odd);
  }
}

/* Term by term, X^256 being -1. */
static struct mlkem_poly product_sum(const struct mlkem_poly* a,
                                     const struct mlkem_poly* b) {
  struct mlkem_poly sum;
  long c[N] = { 0 };
  unsigned i, j, k;

  for (k = 0; k < MLKEM_K; k++)
    for (i = 0; i < N; i++)
      for (j = 0; j < N; j++)
        c[(i + j) % N] += (i + j < N ? 1L : -1L) * a[k].c[i] * b[k].c[j];
  for (i = 0; i < N; i++)
    sum.c[i] = (int16_t) modulo(c[i]);
  return sum;
}

TEST(mlkem_dot_is_a_product) {
  struct mlkem_poly a[MLKEM_K], b[MLKEM_K], want, got;
  unsigned round, i, k;

  for (round = 0; round < 20; round++) {
    for (k = 0; k < MLKEM_K; k++) {
      a[k] = any();
      b[k] = any();
      for (i = 0; i < N && round == 0; i++)
        a[k].c[i] = b[k].c[i] = Q - 1;
    }
    want = product_sum(a, b);
    for (k = 0; k < MLKEM_K; k++) {
      uvssh__mlkem_ntt(&a[k]);
      uvssh__mlkem_ntt(&b[k]);
      if (round % 2)               /* as what was read from bytes is */
        uvssh__mlkem_canonical(&a[k]);
    }
    uvssh__mlkem_dot(&got, a, b);
    uvssh__mlkem_inverse_ntt(&got);
    check_same(got, want);
  }
}

/* The largest that a dot product may be given. */
TEST(mlkem_dot_of_the_largest) {
  struct mlkem_poly a[MLKEM_K], b[MLKEM_K], out;
  unsigned i, k, signs;

  for (signs = 0; signs < 16; signs++) {
    for (k = 0; k < MLKEM_K; k++) {
      for (i = 0; i < N; i++) {
        unsigned at = mlkem_slot(i), odd = i % 2;
        a[k].c[at] = (int16_t) (signs >> odd & 1 ? Q : -Q);
        b[k].c[at] = (int16_t) (signs >> (2 + odd) & 1 ? Q / 2 : -Q / 2);
      }
    }
    uvssh__mlkem_dot(&out, a, b);
    for (i = 0; i < N; i++)
      CHECK(out.c[i] > -Q && out.c[i] < Q);
  }
}

TEST(mlkem_to_montgomery_and_canonical) {
  struct mlkem_poly p, q;
  long v;

  for (v = -32768; v < 32768; v++) {
    p.c[v & (N - 1)] = (int16_t) v;
    if ((v & (N - 1)) != N - 1)
      continue;
    q = p;
    uvssh__mlkem_canonical(&q);
    check_same(q, p);
    for (unsigned i = 0; i < N; i++)
      CHECK(q.c[i] >= 0 && q.c[i] < Q);
    q = p;
    uvssh__mlkem_to_montgomery(&q);
    for (unsigned i = 0; i < N; i++)
      CHECK_EQ(modulo(q.c[i]), modulo(p.c[i] * 65536L));
  }
}

/* ---- bytes --------------------------------------------------------------- */

TEST(mlkem_encode_each_value) {
  uint8_t bytes[MLKEM_POLY], again[MLKEM_POLY];
  struct mlkem_poly p, q;
  unsigned v, i;

  for (v = 0; v < 4096; v++) {
    NOTE("%u", v);
    for (i = 0; i < N; i++)
      p.c[i] = (int16_t) (v < Q ? (v + i) % Q : 0);
    uvssh__mlkem_encode(bytes, &p);
    for (i = 0; i < N; i++) {      /* bit by bit, as the standard has it */
      unsigned k, n = 0;
      for (k = 0; k < 12; k++)
        n |= ((unsigned) bytes[(12 * i + k) / 8] >> (12 * i + k) % 8 & 1) << k;
      CHECK_EQ(n, p.c[mlkem_slot(i)]);
    }
    if (v >= Q) {                  /* one of them is v itself */
      i = v % N;
      bytes[i / 2 * 3 + i % 2] =
          (uint8_t) (i % 2 ? (bytes[i / 2 * 3 + 1] & 15) | v << 4 : v);
      bytes[i / 2 * 3 + i % 2 + 1] = (uint8_t) (i % 2 ? v >> 4 : v >> 8);
    }
    CHECK_EQ(uvssh__mlkem_decode(&q, bytes), v < Q);
    if (v >= Q)
      continue;
    check_same(p, q);
    uvssh__mlkem_encode(again, &q);
    CHECK_MEM(again, sizeof(again), bytes, sizeof(bytes));
  }
}

/* Section 4.2.1, (4.7): to the nearest; ties do not occur, q being odd. */
static unsigned nearest(unsigned v, unsigned bits) {
  return ((2u * (v << bits) + Q) / (2 * Q)) & ((1u << bits) - 1);
}

TEST(mlkem_compress_each_value) {
  static const unsigned widths[] = { MLKEM_DU, MLKEM_DV };
  uint8_t bytes[32 * MLKEM_DU];
  struct mlkem_poly p, q;
  unsigned w, v, i;

  for (w = 0; w < 2; w++) {
    unsigned bits = widths[w];
    for (v = 0; v < Q; v++) {
      NOTE("%u in %u bits", v, bits);
      for (i = 0; i < N; i++)
        p.c[i] = (int16_t) ((v + i) % Q);
      uvssh__mlkem_compress(bytes, &p, bits);
      uvssh__mlkem_decompress(&q, bytes, bits);
      for (i = 0; i < N; i++) {
        unsigned x = (v + i) % Q, y = nearest(x, bits);
        int far;
        /* (4.8), and never further off than half a step. */
        CHECK_EQ(q.c[i], (2u * y * Q + (1u << bits)) >> (bits + 1));
        far = modulo((int) x - q.c[i]);
        far = far > Q / 2 ? Q - far : far;
        CHECK(far <= (Q + (1 << bits)) / (2 << bits));
      }
    }
  }
}

TEST(mlkem_messages) {
  struct mlkem_poly p;
  uint8_t m[32], got[32];
  unsigned v, i;

  for (v = 0; v < Q; v++) {        /* each value is nearer to 0 or to q / 2 */
    for (i = 0; i < N; i++)
      p.c[i] = (int16_t) ((v + i) % Q);
    uvssh__mlkem_to_message(m, &p);
    for (i = 0; i < N; i++)
      CHECK_EQ(m[i / 8] >> i % 8 & 1, nearest((v + i) % Q, 1));
  }
  for (v = 0; v < 256; v++) {
    memset(m, (int) v, sizeof(m));
    m[v % 32] ^= 0x5a;
    uvssh__mlkem_from_message(&p, m);
    for (i = 0; i < N; i++)
      CHECK_EQ(p.c[i], (m[i / 8] >> i % 8 & 1) * 1665);
    uvssh__mlkem_to_message(got, &p);
    CHECK_MEM(got, sizeof(got), m, sizeof(m));
  }
}

/* ---- samples ------------------------------------------------------------- */

TEST(mlkem_uniform_is_in_range) {
  uint8_t rho[32] = { 0 };
  struct mlkem_poly p;
  unsigned round, i;
  long sum = 0;

  for (round = 0; round < 1000; round++) {
    rho[0] = (uint8_t) round;
    rho[1] = (uint8_t) (round >> 8);
    uvssh__mlkem_uniform(&p, rho, round % 3, round % 2);
    for (i = 0; i < N; i++) {
      CHECK(p.c[i] >= 0 && p.c[i] < Q);
      sum += p.c[i];
    }
  }
  sum /= 1000 * N;                 /* five deviations are 10 */
  CHECK(sum > Q / 2 - 10 && sum < Q / 2 + 10);
}

/* -2 .. 2 come 1, 4, 6, 4, 1 times in 16. */
TEST(mlkem_small_is_binomial) {
  static const unsigned sixteenths[5] = { 1, 4, 6, 4, 1 };
  unsigned count[5] = { 0 };
  uint8_t seed[32] = { 7 };
  struct mlkem_poly p;
  unsigned round, i;

  for (round = 0; round < 250; round++) {
    seed[1] = (uint8_t) round;
    uvssh__mlkem_small(&p, seed, round % 7);
    for (i = 0; i < N; i++) {
      CHECK(p.c[i] >= -2 && p.c[i] <= 2);
      count[p.c[i] + 2]++;
    }
  }
  for (i = 0; i < 5; i++) {
    NOTE("%d", (int) i - 2);
    CHECK(count[i] > 4000 * sixteenths[i] * 19 / 20);
    CHECK(count[i] < 4000 * sixteenths[i] * 21 / 20);
  }
}
