/* sntrup_invert.c: 1 / f modulo x^p - x - 1, and modulo q or 3: Bernstein and
 * Yang, "Fast constant-time gcd computation and modular inversion", 2019.
 *
 * Both polynomials lie reversed, x^p f(1 / x): what a step cancels is the
 * constant coefficient. A division step makes of f, g and the cofactors v, r
 *
 *   g, r = (f0 g - g0 f) / x, f0 r - g0 x v
 *   f, v = g, r when delta > 0 and g0 is not 0, else f, x v
 *
 * and 2 p - 1 steps are enough for any pair. The factor 2^-16 of a Montgomery
 * product meets g and r alike, and goes out with the last division by f0.
 *
 * Happy path: one pass over two arrays a step, from one half of the memory to
 * the other; coefficients that cannot matter any more, or do not exist yet,
 * are left out, which depends on the step's number alone.
 * Failure: 0 modulo 3: there is no inverse. Modulo q there always is one.
 *
 * Never branches on a coefficient or on delta.
 */
#include "crypto/crypto.h"

enum {
  P = SNTRUP_P,
  STEPS = 2 * P - 1,
  FRONT = 16,                      /* room for coefficient -1 */
  BLOCK = 32,                      /* of coefficients, for vectors */
  ROOM = SNTRUP_ROOM,
  ALL = FRONT + ROOM + BLOCK
};

_Static_assert(ROOM % BLOCK == 0 && ROOM > P, "whole blocks");

struct modulus {
  int16_t q;
  int16_t inverse;                 /* of q, modulo 2^16 */
  int16_t square;                  /* 2^32 modulo q */
};

struct half {
  int16_t f[ALL];
  int16_t g[ALL];
  int16_t v[ALL];
  int16_t r[ALL];
};

struct step {
  int16_t f0, f0_twin;             /* reduced, and times q's inverse */
  int16_t g0, g0_twin;
  int16_t swap;                    /* all bits or none */
};

static inline int16_t low(int32_t v) {
  return (int16_t) v;
}

static inline int16_t high(int32_t v) {
  return (int16_t) (v >> 16);
}

/* a b / 2^16 modulo q; by is low(b * inverse). |result| <= q / 2 + 1 + |a b| /
 * 2^16: with |b| <= q / 2 and |a| < 2 q below 0.6 q, and so the difference of
 * two below 2 q again. (Of q = 3 it is 4 at most.) */
static inline int16_t mul(int16_t a, int16_t b, int16_t by, int16_t q) {
  return (int16_t) (high(a * b) - high(low(a * by) * q));
}

static inline int16_t reduced(int16_t a, int16_t q) {
  return (int16_t) (q == 3 ? sntrup_mod_3(a) : sntrup_mod_q(a));
}

/* The new a and b of a block: a or b, and f0 b - g0 a. */
static inline void combine_block(int16_t* restrict new_a,
                                 int16_t* restrict new_b,
                                 const int16_t* restrict a,
                                 const int16_t* restrict b,
                                 struct step s, int16_t q) {
  unsigned i;

  for (i = 0; i < BLOCK; i++) {
    int16_t x = a[i], y = b[i];
    new_a[i] = (int16_t) (x ^ (s.swap & (x ^ y)));
    new_b[i] = (int16_t) (mul(y, s.f0, s.f0_twin, q) -
                          mul(x, s.g0, s.g0_twin, q));
  }
}

static void combine(int16_t* new_a, int16_t* new_b,
                    const int16_t* a, const int16_t* b,
                    unsigned n, struct step s, int16_t q) {
  unsigned i;

  for (i = 0; i < n; i += BLOCK)
    combine_block(new_a + i, new_b + i, a + i, b + i, s, q);
}

static inline struct step next_step(const struct half* h, int32_t* delta,
                                    struct modulus m) {
  struct step s;
  uint32_t nonzero, swap;

  s.f0 = reduced(h->f[FRONT], m.q);
  s.g0 = reduced(h->g[FRONT], m.q);
  s.f0_twin = low(s.f0 * m.inverse);
  s.g0_twin = low(s.g0 * m.inverse);
  nonzero = (uint32_t) (s.g0 | -s.g0) >> 31;
  swap = opaque(0 - (nonzero & (uint32_t) -*delta >> 31));
  s.swap = low((int32_t) swap);
  *delta = (int32_t) (((uint32_t) *delta ^ swap) - swap) + 1;
  return s;
}

/* How many coefficients count in a step: as many of f and g as steps are left
 * can reach, as many of v and r as there were steps. */
static inline unsigned whole_blocks(unsigned n) {
  unsigned up = (n + BLOCK - 1) / BLOCK * BLOCK;
  return up < ROOM ? up : ROOM;
}

/* Returns which half has the result; delta is 0 when it is one. */
static inline unsigned all_steps(struct half h[2], int32_t* delta,
                                 struct modulus m) {
  unsigned i, at = 0;

  *delta = 1;
  for (i = 0; i < STEPS; i++, at ^= 1) {
    struct half* from = &h[at];
    struct half* to = &h[at ^ 1];
    struct step s = next_step(from, delta, m);
    combine(to->f + FRONT, to->g + FRONT - 1, from->f + FRONT, from->g + FRONT,
            whole_blocks(STEPS - i + 1), s, m.q);
    combine(to->v + FRONT, to->r + FRONT, from->v + FRONT - 1, from->r + FRONT,
            whole_blocks(i + 2), s, m.q);
  }
  return at;
}

/* 2^16 / a modulo q: a^(q - 2) in Montgomery's form. */
static inline int16_t reciprocal(int16_t a, struct modulus m) {
  int16_t x = reduced(mul(m.square, a, low(a * m.inverse), m.q), m.q);
  int16_t all = x;
  int i;

  for (i = 11; i >= 0; i--) {      /* the bits of q - 2 below the highest */
    if ((m.q - 2) >> (i + 1) == 0)
      continue;
    all = mul(all, all, low(all * m.inverse), m.q);
    all = reduced(all, m.q);
    if ((m.q - 2) >> i & 1)
      all = reduced(mul(all, x, low(x * m.inverse), m.q), m.q);
  }
  return all;
}

/* scale / in. */
static inline int invert(struct sntrup_poly* out, const struct sntrup_poly* in,
                         int16_t scale, struct modulus m) {
  struct half h[2];
  int32_t delta;
  unsigned i, at;
  int16_t f0, by;

  memset(h, 0, sizeof(h));
  h[0].f[FRONT] = 1;
  h[0].f[FRONT + P - 1] = -1;
  h[0].f[FRONT + P] = -1;
  for (i = 0; i < P; i++)
    h[0].g[FRONT + i] = in->c[P - 1 - i];
  h[0].r[FRONT] = scale;
  at = all_steps(h, &delta, m);
  f0 = reciprocal(reduced(h[at].f[FRONT], m.q), m);
  by = low(f0 * m.inverse);
  memset(out, 0, sizeof(*out));
  for (i = 0; i < P; i++)
    out->c[i] = reduced(mul(h[at].v[FRONT + P - 1 - i], f0, by, m.q), m.q);
  uvssh__wipe(h, sizeof(h));
  uvssh__wipe_stack();             /* the steps' is far below the caller's */
  return delta == 0;
}

void uvssh__sntrup_invert_triple(struct sntrup_poly* out,
                                 const struct sntrup_poly* in) {
  static const struct modulus q = { SNTRUP_Q, 15631, -433 };
  (void) invert(out, in, -1530, q);              /* 1 / 3 modulo q */
}

int uvssh__sntrup_invert_3(struct sntrup_poly* out,
                           const struct sntrup_poly* in) {
  static const struct modulus three = { 3, -21845, 1 };
  return invert(out, in, 1, three);
}
