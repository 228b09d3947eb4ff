/* sntrup_poly.c: polynomials of degree < p = 761 modulo x^p - x - 1, their
 * coefficients modulo q = 4591 or modulo 3: NTRU Prime, round 3, section 3.
 *
 * Coefficients are "reduced" at every call: |x| <= (q - 1) / 2, or |x| <= 1
 * where a polynomial is small. One of two factors always is small, so that 12
 * products are added up in 16 bits before the sum is reduced; a compiler makes
 * vectors of these loops. What stands behind the last coefficient is zero.
 *
 * Failures: none. Never divides, never branches on a coefficient.
 */
#include "crypto/crypto.h"

enum {
  P = SNTRUP_P,
  Q = SNTRUP_Q,
  ROOM = SNTRUP_ROOM,
  ROWS = 12,                       /* of a product at a time */
  FRONT = 16,                      /* zeroes in front, for ROWS - 1 */
  WIDTH = ROOM + FRONT             /* of such rows: P + ROWS - 1 at least */
};

_Static_assert(ROOM % ROWS == 0 && WIDTH >= P + ROWS - 1 && FRONT >= ROWS,
               "rows fit");
_Static_assert((ROWS + 1) * (Q / 2) < 32768, "their sum fits in 16 bits");

/* sum += a * (12 coefficients of b); a has zeroes on both sides. */
static void add_rows(int16_t* restrict sum,
                     const int16_t* restrict a,
                     const int16_t* restrict b) {
  unsigned i, k;

  for (i = 0; i < WIDTH; i++) {
    const int16_t* from = a + i;
    int16_t s = sum[i];
    for (k = 0; k < ROWS; k++)
      s = (int16_t) (s + from[FRONT - k] * b[k]);
    sum[i] = sntrup_mod_q(s);
  }
}

void uvssh__sntrup_multiply(struct sntrup_poly* out,
                            const struct sntrup_poly* a,
                            const struct sntrup_poly* small) {
  int16_t padded[FRONT + WIDTH + FRONT] = { 0 };
  int16_t sum[2 * ROOM + FRONT] = { 0 };
  unsigned i;

  memcpy(padded + FRONT, a->c, P * sizeof(a->c[0]));
  for (i = 0; i < ROOM; i += ROWS)
    add_rows(sum + i, padded, small->c + i);

  /* x^p is x + 1. Three reduced ones are far below 2^15. */
  memset(out, 0, sizeof(*out));
  out->c[0] = sntrup_mod_q((int16_t) (sum[0] + sum[P]));
  for (i = 1; i < P; i++)
    out->c[i] = sntrup_mod_q((int16_t) (sum[i] + sum[i + P] + sum[i + P - 1]));
  uvssh__wipe(padded, sizeof(padded));
  uvssh__wipe(sum, sizeof(sum));
}

/* The products of small ones are small enough (3 p < q / 2) to be right as
 * integers; only then they are taken modulo 3. */
void uvssh__sntrup_multiply_3(struct sntrup_poly* out,
                              const struct sntrup_poly* a,
                              const struct sntrup_poly* b) {
  unsigned i;

  _Static_assert(3 * P <= Q / 2, "no product of small ones reaches q / 2");
  uvssh__sntrup_multiply(out, a, b);
  for (i = 0; i < P; i++)
    out->c[i] = sntrup_mod_3(out->c[i]);
}

void uvssh__sntrup_triple_mod_3(struct sntrup_poly* p) {
  unsigned i;

  for (i = 0; i < P; i++)
    p->c[i] = sntrup_mod_3(sntrup_mod_q((int16_t) (3 * p->c[i])));
}

void uvssh__sntrup_round(struct sntrup_poly* p) {
  unsigned i;

  for (i = 0; i < P; i++)
    p->c[i] = (int16_t) (p->c[i] - sntrup_mod_3(p->c[i]));
}
