/* sntrup_bytes.c: polynomials as bytes: NTRU Prime, round 3, section 4: small
 * ones, all of R/q, and rounded ones.
 *
 * A small one has two bits a coefficient. Of the others pairs of numbers below
 * m become numbers below m * m, of which whole bytes are taken off until they
 * are below 2^14; so a tree grows from 761 leaves to one root.
 *
 * Happy path: encode level by level upwards; decode from the root downwards.
 * Failures: none: every text of the right length is a polynomial.
 *
 * Never encodes with a division, or with a branch on what is secret. The
 * decoder divides: what it is given was sent by somebody.
 */
#include "crypto/crypto.h"

#include <assert.h>

enum {
  P = SNTRUP_P,
  Q = SNTRUP_Q,
  LIMIT = 1 << 14,                 /* of what stays of a pair */
  LEVELS = 11                      /* 761, 381, 191, 96, 48, ... 1 */
};

/* ---- small --------------------------------------------------------------- */

void uvssh__sntrup_encode_small(uint8_t out[SNTRUP_SMALL],
                                const struct sntrup_poly* p) {
  unsigned i, k;

  for (i = 0; i < SNTRUP_SMALL; i++) {
    int byte = 0;
    for (k = 0; k < 4 && 4 * i + k < P; k++)
      byte |= (p->c[4 * i + k] + 1) << 2 * k;
    out[i] = (uint8_t) byte;
  }
}

void uvssh__sntrup_decode_small(struct sntrup_poly* p,
                                const uint8_t in[SNTRUP_SMALL]) {
  unsigned i;

  memset(p, 0, sizeof(*p));
  for (i = 0; i < P; i++)
    p->c[i] = (int16_t) ((in[i / 4] >> i % 4 * 2 & 3) - 1);
}

/* ---- the tree ------------------------------------------------------------ */

/* One level: numbers below m, the last one below last. */
struct level {
  unsigned n;
  uint32_t m;
  uint32_t last;
  size_t at;                       /* of its bytes, from the beginning */
};

/* Bytes that are taken off a number below m, and below what the rest is. */
static unsigned shrink(uint32_t* m) {
  unsigned bytes = 0;

  for (; *m >= LIMIT; bytes++)
    *m = (*m + 255) >> 8;
  return bytes;
}

/* What the last pair is below: an odd one has no partner and goes up alone. */
static uint32_t last_pair(const struct level* l) {
  return l->n % 2 ? l->m * l->m : l->m * l->last;
}

static struct level level_above(const struct level* l) {
  struct level up = { .n = (l->n + 1) / 2, .m = l->m * l->m };
  uint32_t last = last_pair(l);
  unsigned bytes = shrink(&up.m);
  unsigned of_last = shrink(&last);

  up.last = l->n % 2 ? l->last : last;
  up.at = l->at + (l->n / 2 - 1) * bytes + of_last;
  return up;
}

static uint8_t* put_bytes(uint8_t* out, uint32_t* v, unsigned n) {
  for (; n != 0; n--, *v >>= 8)
    *out++ = (uint8_t) *v;
  return out;
}

/* Bytes of the root: until nothing is left of it. */
static unsigned root_bytes(uint32_t last) {
  unsigned bytes = 0;

  for (; last > 1; bytes++)
    last = (last + 255) >> 8;
  return bytes;
}

/* r: numbers below m, written over. Returns how many bytes it made. */
static size_t encode(uint8_t* out, uint32_t r[P], uint32_t m) {
  struct level l = { .n = P, .m = m, .last = m };
  uint8_t* end = out;
  unsigned i;

  while (l.n > 1) {
    for (i = 0; i < l.n / 2; i++) {
      uint32_t below = i + 1 < l.n / 2 ? l.m * l.m : last_pair(&l);
      uint32_t v = r[2 * i] + l.m * r[2 * i + 1];
      end = put_bytes(end, &v, shrink(&below));
      r[i] = v;
    }
    if (l.n % 2)
      r[i] = r[2 * i];
    l = level_above(&l);
  }
  end = put_bytes(end, r, root_bytes(l.last));
  return (size_t) (end - out);
}

static uint32_t get_bytes(const uint8_t* in, unsigned n) {
  uint32_t v = 0;

  while (n-- != 0)
    v = v << 8 | in[n];
  return v;
}

/* The numbers of a level out of those above it, in place. */
static void split(uint32_t* r, const struct level* l, const uint8_t* in) {
  uint32_t below = l->m * l->m;
  unsigned bytes = shrink(&below);
  unsigned i = l->n / 2;

  if (l->n % 2)
    r[2 * i] = r[i];
  while (i-- != 0) {
    int is_last = i + 1 == l->n / 2;
    uint32_t v, high_below = is_last && l->n % 2 == 0 ? l->last : l->m;
    unsigned taken = bytes;
    if (is_last) {
      below = last_pair(l);
      taken = shrink(&below);
    }
    v = get_bytes(in + l->at + i * bytes, taken) + (r[i] << 8 * taken);
    r[2 * i] = v % l->m;
    r[2 * i + 1] = v / l->m % high_below;
  }
}

static void decode(uint32_t r[P], const uint8_t* in, uint32_t m) {
  struct level levels[LEVELS];
  struct level* l = levels;

  *l = (struct level) { .n = P, .m = m, .last = m };
  for (; l->n > 1; l++)
    l[1] = level_above(l);
  assert(l == levels + LEVELS - 1);
  r[0] = get_bytes(in + l->at, root_bytes(l->last)) % l->last;
  while (l-- != levels)
    split(r, l, in);
}

/* ---- R/q, and rounded ---------------------------------------------------- */

void uvssh__sntrup_encode(uint8_t out[SNTRUP_POLY],
                          const struct sntrup_poly* p) {
  uint32_t r[P];
  unsigned i;

  for (i = 0; i < P; i++)
    r[i] = (uint32_t) (p->c[i] + Q / 2);
  i = (unsigned) encode(out, r, Q);
  assert(i == SNTRUP_POLY);
}

void uvssh__sntrup_decode(struct sntrup_poly* p,
                          const uint8_t in[SNTRUP_POLY]) {
  uint32_t r[P];
  unsigned i;

  decode(r, in, Q);
  memset(p, 0, sizeof(*p));
  for (i = 0; i < P; i++)
    p->c[i] = (int16_t) (r[i] - Q / 2);
}

/* A third, with a product: exact for multiples of 3 up to q. */
void uvssh__sntrup_encode_rounded(uint8_t out[SNTRUP_ROUNDED],
                                  const struct sntrup_poly* p) {
  uint32_t r[P];
  unsigned i;

  for (i = 0; i < P; i++)
    r[i] = (uint32_t) (p->c[i] + Q / 2) * 10923 >> 15;
  i = (unsigned) encode(out, r, (Q + 2) / 3);
  assert(i == SNTRUP_ROUNDED);
  uvssh__wipe(r, sizeof(r));       /* of a ciphertext that was not sent */
}

void uvssh__sntrup_decode_rounded(struct sntrup_poly* p,
                                  const uint8_t in[SNTRUP_ROUNDED]) {
  uint32_t r[P];
  unsigned i;

  decode(r, in, (Q + 2) / 3);
  memset(p, 0, sizeof(*p));
  for (i = 0; i < P; i++)
    p->c[i] = (int16_t) (3 * (int) r[i] - Q / 2);
}
