/* mlkem_poly.c: polynomials of degree < 256 modulo q = 3329, FIPS 203 section
 * 4.3: the number-theoretic transform, its inverse, products.
 *
 * Coefficients are signed, and not always reduced; how large they may be and
 * become stands at each function (|x| < 2^15 everywhere). A product of two is
 * Montgomery's: mul(a, b) is a b / 2^16 modulo q, so constants are kept times
 * 2^16. The loops are plain, with lengths that are constant after inlining: a
 * compiler makes vectors of them.
 *
 * Failures: none. Never divides, never branches on a coefficient.
 */
#include "crypto/crypto.h"

enum {
  Q = MLKEM_Q,
  ROW = MLKEM_ROW,
  Q_INVERSE = -3327,               /* of q, modulo 2^16 */
  TO_MONTGOMERY = 1353,            /* 2^32 modulo q: for times 2^16 */
  SCALE = 1441,                    /* 2^32 / 128 modulo q */
  RECIPROCAL = 20159               /* 2^26 / q, rounded */
};

/* 17^BitRev7(i) times 2^16, modulo q, between -q/2 and q/2: appendix A. From 64
 * on first those of an even i, then those of an odd i. */
static const int16_t zetas[128] = {
  -1044, -758, -359, -1517, 1493, 1422, 287, 202,
  -171, 622, 1577, 182, 962, -1202, -1474, 1468,
  573, -1325, 264, 383, -829, 1458, -1602, -130,
  -681, 1017, 732, 608, -1542, 411, -205, -1571,
  1223, 652, -552, 1015, -1293, 1491, -282, -1544,
  516, -8, -320, -666, -1618, -1162, 126, 1469,
  -853, -90, -271, 830, 107, -1421, -247, -951,
  -398, 961, -1508, -725, 448, -1065, 677, -1275,
  -1103, 555, -1251, 1550, 422, 177, -291, 1574,
  -246, 1159, -777, -602, -1590, -872, 418, -156,
  817, 603, 1322, -1465, -1215, 1218, -874, -1187,
  -1185, -1278, -1510, -870, -108, 996, 958, 1522,
  430, 843, 871, 105, 587, -235, -460, 1653,
  778, -147, 1483, 1119, 644, 349, 329, -75,
  1097, 610, -1285, 384, -136, -1335, 220, -1659,
  -1530, 794, -854, 478, -308, 991, -1460, 1628
};

static inline int16_t low(int32_t v) {
  return (int16_t) v;
}

static inline int16_t high(int32_t v) {
  return (int16_t) (v >> 16);
}

/* a b / 2^16; |result| < q for any a and |b| < q. by is b's, from twin(). Both
 * differences have the same low half, so that it is enough to take the high. */
static inline int16_t twin(int16_t b) {
  return low(b * Q_INVERSE);
}

static inline int16_t mul(int16_t a, int16_t b, int16_t by) {
  return (int16_t) (high(a * b) - high(low(a * by) * Q));
}

/* a / 2^16; |result| < q for |a| < 2^15 q. */
static inline int16_t montgomery(int32_t a) {
  return high(a - low(low(a) * Q_INVERSE) * Q);
}

/* Any a to |result| <= q / 2. */
static inline int16_t barrett(int16_t a) {
  int16_t times = (int16_t) ((a * RECIPROCAL + (1 << 25)) >> 26);
  return (int16_t) (a - times * Q);
}

/* ---- sums ---------------------------------------------------------------- */

void uvssh__mlkem_add(struct mlkem_poly* to, const struct mlkem_poly* p) {
  unsigned i;

  for (i = 0; i < MLKEM_N; i++)
    to->c[i] = (int16_t) (to->c[i] + p->c[i]);
}

void uvssh__mlkem_subtract(struct mlkem_poly* from,
                           const struct mlkem_poly* p) {
  unsigned i;

  for (i = 0; i < MLKEM_N; i++)
    from->c[i] = (int16_t) (from->c[i] - p->c[i]);
}

void uvssh__mlkem_canonical(struct mlkem_poly* p) {
  unsigned i;

  for (i = 0; i < MLKEM_N; i++) {
    int16_t v = barrett(p->c[i]);
    p->c[i] = (int16_t) (v + ((v >> 15) & Q));
  }
}

static void reduce(struct mlkem_poly* p) {
  unsigned i;

  for (i = 0; i < MLKEM_N; i++)
    p->c[i] = barrett(p->c[i]);
}

/* ---- the transform, algorithms 9 and 10 ---------------------------------- */

/* One butterfly there, and one back. */
static inline void forward(int16_t* a, int16_t* b, int16_t zeta, int16_t by) {
  int16_t t = mul(*b, zeta, by);

  *b = (int16_t) (*a - t);
  *a = (int16_t) (*a + t);
}

static inline void backward(int16_t* a, int16_t* b, int16_t zeta, int16_t by) {
  int16_t t = *a;

  *a = (int16_t) (t + *b);
  *b = mul((int16_t) (*b - t), zeta, by);
}

/* A layer: pairs that are len apart have one zeta for 2 len of them. */
static inline void forward_layer(struct mlkem_poly* p, unsigned len) {
  const int16_t* zeta = zetas + MLKEM_N / 2 / len;
  unsigned start, i;

  for (start = 0; start < MLKEM_N; start += 2 * len) {
    int16_t* restrict a = p->c + start;
    int16_t* restrict b = a + len;
    int16_t z = *zeta++, by = twin(z);
    for (i = 0; i < len; i++)
      forward(&a[i], &b[i], z, by);
  }
}

static inline void backward_layer(struct mlkem_poly* p, unsigned len) {
  unsigned k = MLKEM_N / len;
  unsigned start, i;

  for (start = 0; start < MLKEM_N; start += 2 * len) {
    int16_t* restrict a = p->c + start;
    int16_t* restrict b = a + len;
    int16_t z = zetas[--k % (MLKEM_N / 2)], by = twin(z);   /* never below 0 */
    for (i = 0; i < len; i++)
      backward(&a[i], &b[i], z, by);
  }
}

/* The last two layers are within eight coefficients each. They work on rows of
 * all eights' first, second, ... coefficients, with a zeta for each eight. */
static inline void forward_rows(int16_t* restrict a, int16_t* restrict b,
                                const int16_t* zeta) {
  unsigned i;

  for (i = 0; i < ROW; i++)
    forward(&a[i], &b[i], zeta[i], twin(zeta[i]));
}

/* Back, they are used from the last on. */
static inline void backward_rows(int16_t* restrict a, int16_t* restrict b,
                                 const int16_t* zeta) {
  unsigned i;

  for (i = 0; i < ROW; i++) {
    int16_t z = zeta[ROW - 1 - i];
    backward(&a[i], &b[i], z, twin(z));
  }
}

static void to_rows(struct mlkem_poly* p) {
  struct mlkem_poly from = *p;
  unsigned i;

  for (i = 0; i < MLKEM_N; i++)
    p->c[mlkem_slot(i)] = from.c[i];
  uvssh__wipe(&from, sizeof(from));
}

static void from_rows(struct mlkem_poly* p) {
  struct mlkem_poly from = *p;
  unsigned i;

  for (i = 0; i < MLKEM_N; i++)
    p->c[i] = from.c[mlkem_slot(i)];
  uvssh__wipe(&from, sizeof(from));
}

/* Each layer adds less than q to what a coefficient may be: from |x| < 3 q, 7
 * layers stay below 10 q < 2^15. */
void uvssh__mlkem_ntt(struct mlkem_poly* p) {
  int16_t* row = p->c;
  unsigned i;

  forward_layer(p, 128);
  forward_layer(p, 64);
  forward_layer(p, 32);
  forward_layer(p, 16);
  forward_layer(p, 8);
  to_rows(p);
  for (i = 0; i < 4; i++)
    forward_rows(row + i * ROW, row + (i + 4) * ROW, zetas + 32);
  for (i = 0; i < 2; i++) {
    forward_rows(row + i * ROW, row + (i + 2) * ROW, zetas + 64);
    forward_rows(row + (i + 4) * ROW, row + (i + 6) * ROW, zetas + 96);
  }
  reduce(p);
}

/* From q / 2: a layer doubles what a coefficient may be, unless it is below q
 * anyway. Four layers to 8 q, reduced; three more to 4 q. The last product also
 * takes away the 1 / 2^16 of a dot product. */
void uvssh__mlkem_inverse_ntt(struct mlkem_poly* p) {
  int16_t* row = p->c;
  unsigned i;

  reduce(p);
  for (i = 0; i < 2; i++) {
    backward_rows(row + i * ROW, row + (i + 2) * ROW, zetas + 96);
    backward_rows(row + (i + 4) * ROW, row + (i + 6) * ROW, zetas + 64);
  }
  for (i = 0; i < 4; i++)
    backward_rows(row + i * ROW, row + (i + 4) * ROW, zetas + 32);
  from_rows(p);
  backward_layer(p, 8);
  backward_layer(p, 16);
  reduce(p);
  backward_layer(p, 32);
  backward_layer(p, 64);
  backward_layer(p, 128);
  for (i = 0; i < MLKEM_N; i++)
    p->c[i] = mul(p->c[i], SCALE, twin(SCALE));
}

/* ---- products in the transform's domain, algorithms 11 and 12 ------------ */

/* Products modulo X^2 - gamma, of one row of even coefficients and the row of
 * odd ones behind it; gamma is a zeta, or minus that one. */
static inline void add_products(int32_t even[ROW], int32_t odd[ROW],
                                const int16_t* a, const int16_t* b,
                                const int16_t* zeta, int sign) {
  unsigned i;

  for (i = 0; i < ROW; i++) {
    int16_t gamma = (int16_t) (sign * zeta[i]);
    even[i] += a[i] * b[i] + a[i + ROW] * mul(b[i + ROW], gamma, twin(gamma));
    odd[i] += a[i] * b[i + ROW] + a[i + ROW] * b[i];
  }
}

/* One of a and b may be q, the other q / 2: three sums of two products are
 * below 4 q q, and montgomery() takes nearly 10. */
static inline void dot_rows(int16_t* out, const struct mlkem_poly* a,
                            const struct mlkem_poly* b, unsigned at,
                            const int16_t* zeta, int sign) {
  int32_t even[ROW] = { 0 }, odd[ROW] = { 0 };
  unsigned i, k;

  for (k = 0; k < MLKEM_K; k++)
    add_products(even, odd, a[k].c + at, b[k].c + at, zeta, sign);
  for (i = 0; i < ROW; i++) {
    out[at + i] = montgomery(even[i]);
    out[at + ROW + i] = montgomery(odd[i]);
  }
}

void uvssh__mlkem_dot(struct mlkem_poly* out,
                      const struct mlkem_poly a[MLKEM_K],
                      const struct mlkem_poly b[MLKEM_K]) {
  dot_rows(out->c, a, b, 0, zetas + 64, 1);
  dot_rows(out->c, a, b, 2 * ROW, zetas + 64, -1);
  dot_rows(out->c, a, b, 4 * ROW, zetas + 96, 1);
  dot_rows(out->c, a, b, 6 * ROW, zetas + 96, -1);
}

void uvssh__mlkem_to_montgomery(struct mlkem_poly* p) {
  unsigned i;

  for (i = 0; i < MLKEM_N; i++)
    p->c[i] = mul(p->c[i], TO_MONTGOMERY, twin(TO_MONTGOMERY));
}
