/* mlkem_bytes.c: polynomials as bytes, FIPS 203 section 4.2.1: ByteEncode,
 * ByteDecode, Compress, Decompress.
 *
 * Happy path: four coefficients of 4, 10 or 12 bits at a time, the lowest bit
 * first; a message has one bit a coefficient.
 * Failure: 12 bits that are no number modulo q: the decoder says 0.
 *
 * Never divides by q: a product with its reciprocal is exact here (unit tests
 * try each value). Never branches on a coefficient.
 */
#include "crypto/crypto.h"

#include <assert.h>

enum { Q = MLKEM_Q };

/* ---- four at a time ------------------------------------------------------ */

static inline void pack(uint8_t* out, const uint16_t v[4], unsigned bits) {
  uint64_t all = (uint64_t) v[0] | (uint64_t) v[1] << bits |
                 (uint64_t) v[2] << 2 * bits | (uint64_t) v[3] << 3 * bits;
  unsigned i;

  for (i = 0; i < bits / 2; i++)
    out[i] = (uint8_t) (all >> 8 * i);
}

static inline void unpack(uint16_t v[4], const uint8_t* in, unsigned bits) {
  uint64_t all = 0;
  unsigned i;

  for (i = 0; i < bits / 2; i++)
    all |= (uint64_t) in[i] << 8 * i;
  for (i = 0; i < 4; i++)
    v[i] = (uint16_t) (all >> i * bits & ((1u << bits) - 1));
}

void uvssh__mlkem_encode(uint8_t out[MLKEM_POLY], struct mlkem_poly* p) {
  uint16_t v[4];
  unsigned i, k;

  uvssh__mlkem_canonical(p);
  for (i = 0; i < MLKEM_N; i += 4, out += 6) {
    for (k = 0; k < 4; k++)
      v[k] = (uint16_t) p->c[mlkem_slot(i + k)];
    pack(out, v, 12);
  }
}

int uvssh__mlkem_decode(struct mlkem_poly* p, const uint8_t in[MLKEM_POLY]) {
  uint32_t beyond = 0;             /* its highest bit: one was q or more */
  uint16_t v[4];
  unsigned i, k;

  for (i = 0; i < MLKEM_N; i += 4, in += 6) {
    unpack(v, in, 12);
    for (k = 0; k < 4; k++) {
      p->c[mlkem_slot(i + k)] = (int16_t) v[k];
      beyond |= (uint32_t) (Q - 1) - v[k];
    }
  }
  return beyond >> 31 == 0;
}

/* ---- fewer bits ---------------------------------------------------------- */

/* 2^bits / q times v, rounded, for 0 <= v < q. The reciprocal is too large by
 * less than 1 / 2^36 a unit, and no numerator reaches 2^22. */
static inline uint16_t compressed(int16_t v, unsigned bits) {
  const uint64_t reciprocal = ((uint64_t) 1 << 36) / Q + 1;
  uint64_t n = ((uint64_t) v << bits) + Q / 2;

  return (uint16_t) (n * reciprocal >> 36 & ((1u << bits) - 1));
}

static inline int16_t decompressed(uint16_t v, unsigned bits) {
  return (int16_t) ((v * (uint32_t) Q + (1u << (bits - 1))) >> bits);
}

static inline void compress(uint8_t* out, const struct mlkem_poly* p,
                            unsigned bits) {
  uint16_t v[4];
  unsigned i, k;

  for (i = 0; i < MLKEM_N; i += 4, out += bits / 2) {
    for (k = 0; k < 4; k++)
      v[k] = compressed(p->c[i + k], bits);
    pack(out, v, bits);
  }
}

static inline void decompress(struct mlkem_poly* p, const uint8_t* in,
                              unsigned bits) {
  uint16_t v[4];
  unsigned i, k;

  for (i = 0; i < MLKEM_N; i += 4, in += bits / 2) {
    unpack(v, in, bits);
    for (k = 0; k < 4; k++)
      p->c[i + k] = decompressed(v[k], bits);
  }
}

void uvssh__mlkem_compress(uint8_t* out, struct mlkem_poly* p, unsigned bits) {
  assert(bits == MLKEM_DU || bits == MLKEM_DV);
  uvssh__mlkem_canonical(p);
  if (bits == MLKEM_DU)
    compress(out, p, MLKEM_DU);
  else
    compress(out, p, MLKEM_DV);
}

void uvssh__mlkem_decompress(struct mlkem_poly* p, const uint8_t* in,
                             unsigned bits) {
  assert(bits == MLKEM_DU || bits == MLKEM_DV);
  if (bits == MLKEM_DU)
    decompress(p, in, MLKEM_DU);
  else
    decompress(p, in, MLKEM_DV);
}

/* ---- messages: one bit a coefficient ------------------------------------- */

void uvssh__mlkem_from_message(struct mlkem_poly* p, const uint8_t m[32]) {
  unsigned i;

  for (i = 0; i < MLKEM_N; i++)
    p->c[i] = (int16_t) (opaque((uint32_t) m[i / 8] >> i % 8 & 1) *
                         ((Q + 1) / 2));
}

void uvssh__mlkem_to_message(uint8_t m[32], struct mlkem_poly* p) {
  unsigned i;

  uvssh__mlkem_canonical(p);
  memset(m, 0, 32);
  for (i = 0; i < MLKEM_N; i++)
    m[i / 8] = (uint8_t) (m[i / 8] | compressed(p->c[i], 1) << i % 8);
}
