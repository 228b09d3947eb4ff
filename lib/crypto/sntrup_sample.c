/* sntrup_sample.c: small polynomials out of random numbers: NTRU Prime, round
 * 3, section 3.3: any one, and one of weight w = 286.
 *
 * Happy path: any one has a third of 2^30 for each of -1, 0, 1. Of weight w:
 * w of 761 numbers are made even, with a sign in bit 1, the others odd; once
 * they are sorted, their order in the polynomial is random.
 * Failures: none.
 *
 * Never compares with a branch: the network that sorts (Batcher's; Knuth,
 * volume 3, 5.2.2, algorithm M) looks at the same places for any numbers.
 */
#include "crypto/crypto.h"

enum { P = SNTRUP_P, W = SNTRUP_W, TOP = 512 };

_Static_assert(TOP < P && P <= 2 * TOP, "the power of 2 below P");

static void random_numbers(uint32_t out[P]) {
  uint8_t bytes[4 * P];
  unsigned i;

  uvssh__random(bytes, sizeof(bytes));
  for (i = 0; i < P; i++)
    out[i] = (uint32_t) bytes[4 * i] | (uint32_t) bytes[4 * i + 1] << 8 |
             (uint32_t) bytes[4 * i + 2] << 16 |
             (uint32_t) bytes[4 * i + 3] << 24;
  uvssh__wipe(bytes, sizeof(bytes));
}

static inline void order(uint32_t* a, uint32_t* b) {
  uint32_t is_less = (uint32_t) (((uint64_t) *b - *a) >> 63);
  uint32_t change = (*a ^ *b) & opaque(0 - is_less);

  *a ^= change;
  *b ^= change;
}

void uvssh__sntrup_sort(uint32_t v[P]) {
  unsigned p, q, d, r, i;

  for (p = TOP; p != 0; p /= 2) {
    for (q = TOP, d = p, r = 0;; d = q - p, q /= 2, r = p) {
      for (i = 0; i + d < P; i++)
        if ((i & p) == r)
          order(v + i, v + i + d);
      if (q == p)
        break;
    }
  }
}

void uvssh__sntrup_small(struct sntrup_poly* p) {
  uint32_t v[P];
  unsigned i;

  random_numbers(v);
  memset(p, 0, sizeof(*p));
  for (i = 0; i < P; i++)
    p->c[i] = (int16_t) ((int) ((v[i] & 0x3fffffff) * 3 >> 30) - 1);
  uvssh__wipe(v, sizeof(v));
}

void uvssh__sntrup_short(struct sntrup_poly* p) {
  uint32_t v[P];
  unsigned i;

  random_numbers(v);
  for (i = 0; i < P; i++)
    v[i] = i < W ? v[i] & ~1u : (v[i] & ~3u) | 1;
  uvssh__sntrup_sort(v);
  memset(p, 0, sizeof(*p));
  for (i = 0; i < P; i++)
    p->c[i] = (int16_t) ((int) (v[i] & 3) - 1);
  uvssh__wipe(v, sizeof(v));
}
