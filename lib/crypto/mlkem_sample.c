/* mlkem_sample.c: polynomials out of seeds, FIPS 203 section 4.2.2: SampleNTT
 * (algorithm 7) and SamplePolyCBD with eta = 2 (algorithm 8).
 *
 * Happy path: three blocks of SHAKE128 are nearly always enough for a uniform
 * polynomial; it reads as many as it takes. A small one is 128 bytes of
 * SHAKE256, four bits a coefficient.
 * Failures: none.
 *
 * Branches only on what came of rho, which is public; a small polynomial is
 * secret, and so are the bytes it is made of: they are wiped.
 */
#include "crypto/crypto.h"

enum { NOISE = 128 };

/* Coefficients of one block behind the n that are there: 112 at most. */
static unsigned take(int16_t* c, unsigned n, const uint8_t* block) {
  unsigned i;

  for (i = 0; i < SHAKE128_RATE; i += 3) {
    unsigned three = block[i] | (unsigned) block[i + 1] << 8 |
                     (unsigned) block[i + 2] << 16;
    unsigned first = three & 0xfff, second = three >> 12;
    c[n] = (int16_t) first;        /* kept, or written over: no branch, which */
    n += first < MLKEM_Q;          /* a processor could not foretell */
    c[n] = (int16_t) second;
    n += second < MLKEM_Q;
  }
  return n;
}

void uvssh__mlkem_uniform(struct mlkem_poly* p,
                          const uint8_t rho[32],
                          unsigned first,
                          unsigned second) {
  uint8_t index[2] = { (uint8_t) first, (uint8_t) second };
  uint8_t block[SHAKE128_RATE];
  int16_t c[MLKEM_N + SHAKE128_RATE / 3 * 2];
  struct keccak k;
  unsigned n = 0;

  uvssh__keccak_init(&k, SHAKE128_RATE);
  uvssh__keccak_absorb(&k, rho, 32);
  uvssh__keccak_absorb(&k, index, sizeof(index));
  uvssh__keccak_pad(&k, KECCAK_SHAKE);
  while (n < MLKEM_N) {
    uvssh__keccak_squeeze(&k, block, sizeof(block));
    n = take(c, n, block);
  }
  for (n = 0; n < MLKEM_N; n++)
    p->c[mlkem_slot(n)] = c[n];
}

void uvssh__mlkem_small(struct mlkem_poly* p,
                        const uint8_t seed[32],
                        unsigned number) {
  uint8_t byte = (uint8_t) number;
  uint8_t noise[NOISE];
  unsigned i;

  uvssh__shake256(noise, sizeof(noise), (str_t) { seed, 32 },
                  (str_t) { &byte, 1 });
  for (i = 0; i < NOISE; i++) {
    /* Two bits each: how many of them are set. */
    unsigned sums = (noise[i] & 0x55u) + (noise[i] >> 1 & 0x55u);
    p->c[2 * i] = (int16_t) ((int) (sums & 3) - (int) (sums >> 2 & 3));
    p->c[2 * i + 1] = (int16_t) ((int) (sums >> 4 & 3) - (int) (sums >> 6));
  }
  uvssh__wipe(noise, sizeof(noise));
}
