/* mlkem.c: ML-KEM-768, FIPS 203: a pair of keys from a seed, a shared secret
 * for a public key, and that secret again from the ciphertext.
 *
 * Written here, as sntrup761 is, because no library of Debian 12 or 13 has it:
 * see docs/design/decisions.md. Written from the standard; sections
 * and algorithms are named where they are. keccak.c, mlkem_poly.c,
 * mlkem_bytes.c and mlkem_sample.c are its parts. With the meson option
 * `mlkem` mlkem_sodium.c stands in for all of them.
 *
 * Happy path: keygen (algorithm 16), encaps (17), decaps (18). Seeds and the
 * message come from the caller, who takes them from uvssh__random() and gives
 * none of them a second time.
 * Failure: a public key whose numbers are not all below q (section 7.2) is
 * UVSSH_EKEX, before any work is done for it. A ciphertext that was made
 * otherwise is none: the secret is then one that nobody knows (section 6.3).
 *
 * Never branches on a secret or indexes by one; wipes what it held.
 */
#include "crypto/crypto.h"

enum {
  VECTOR = MLKEM_K * MLKEM_POLY,   /* of polynomials, 12 bits a coefficient */
  U_SIZE = MLKEM_N * MLKEM_DU / 8, /* one of u; v is what is left */
  DK_EK = VECTOR,                  /* in a private key: where the public one, */
  DK_HASH = DK_EK + MLKEM_EK,      /* H of that, */
  DK_Z = DK_HASH + 32              /* and z stand */
};

_Static_assert(MLKEM_EK == VECTOR + 32 && MLKEM_DK == DK_Z + 32, "table 3");
_Static_assert(MLKEM_CT == MLKEM_K * U_SIZE + MLKEM_N * MLKEM_DV / 8,
               "table 3");

/* Row `row` of the matrix, or of its transpose. */
static void matrix_row(struct mlkem_poly out[MLKEM_K],
                       const uint8_t rho[32],
                       unsigned row,
                       int transposed) {
  unsigned j;

  for (j = 0; j < MLKEM_K; j++)
    uvssh__mlkem_uniform(&out[j], rho, transposed ? row : j,
                         transposed ? j : row);
}

/* A vector of a key; 0: not all of it is below q. */
static int read_vector(struct mlkem_poly v[MLKEM_K], const uint8_t* key) {
  int good = 1;
  unsigned i;

  for (i = 0; i < MLKEM_K; i++)
    good &= uvssh__mlkem_decode(&v[i], key + i * MLKEM_POLY);
  return good;
}

/* Three small polynomials, transformed. */
static void small_vector(struct mlkem_poly out[MLKEM_K],
                         const uint8_t seed[32]) {
  unsigned i;

  for (i = 0; i < MLKEM_K; i++) {
    uvssh__mlkem_small(&out[i], seed, i);
    uvssh__mlkem_ntt(&out[i]);
  }
}

/* ---- K-PKE, section 5 ---------------------------------------------------- */

/* Algorithm 13. */
static void pke_keygen(uint8_t* ek, uint8_t* dk, const uint8_t d[32]) {
  struct mlkem_poly s[MLKEM_K], row[MLKEM_K];
  struct mlkem_poly t, e;
  uint8_t seeds[64];               /* rho, sigma */
  uint8_t input[33];
  unsigned i;

  memcpy(input, d, 32);
  input[32] = MLKEM_K;
  uvssh__sha3(seeds, sizeof(seeds), input, sizeof(input));
  small_vector(s, seeds + 32);
  for (i = 0; i < MLKEM_K; i++) {
    matrix_row(row, seeds, i, 0);
    uvssh__mlkem_dot(&t, row, s);
    uvssh__mlkem_to_montgomery(&t);
    uvssh__mlkem_small(&e, seeds + 32, MLKEM_K + i);
    uvssh__mlkem_ntt(&e);
    uvssh__mlkem_add(&t, &e);
    uvssh__mlkem_encode(ek + i * MLKEM_POLY, &t);
  }
  for (i = 0; i < MLKEM_K; i++)
    uvssh__mlkem_encode(dk + i * MLKEM_POLY, &s[i]);
  memcpy(ek + VECTOR, seeds, 32);
  uvssh__wipe(input, sizeof(input));
  uvssh__wipe(seeds, sizeof(seeds));
  uvssh__wipe(s, sizeof(s));
  uvssh__wipe(&e, sizeof(e));
}

/* Algorithm 14; t is the public key's, decoded. */
static void pke_encrypt(uint8_t* ct,
                        const struct mlkem_poly t[MLKEM_K],
                        const uint8_t rho[32],
                        const uint8_t m[32],
                        const uint8_t r[32]) {
  struct mlkem_poly y[MLKEM_K], row[MLKEM_K];
  struct mlkem_poly sum, e;
  unsigned i;

  small_vector(y, r);
  for (i = 0; i < MLKEM_K; i++) {
    matrix_row(row, rho, i, 1);
    uvssh__mlkem_dot(&sum, row, y);
    uvssh__mlkem_inverse_ntt(&sum);
    uvssh__mlkem_small(&e, r, MLKEM_K + i);
    uvssh__mlkem_add(&sum, &e);
    uvssh__mlkem_compress(ct + i * U_SIZE, &sum, MLKEM_DU);
  }
  uvssh__mlkem_dot(&sum, t, y);
  uvssh__mlkem_inverse_ntt(&sum);
  uvssh__mlkem_small(&e, r, 2 * MLKEM_K);
  uvssh__mlkem_add(&sum, &e);
  uvssh__mlkem_from_message(&e, m);
  uvssh__mlkem_add(&sum, &e);
  uvssh__mlkem_compress(ct + MLKEM_K * U_SIZE, &sum, MLKEM_DV);
  uvssh__wipe(y, sizeof(y));
  uvssh__wipe(&sum, sizeof(sum));
  uvssh__wipe(&e, sizeof(e));
}

/* Algorithm 15. */
static void pke_decrypt(uint8_t m[32], const uint8_t* dk, const uint8_t* ct) {
  struct mlkem_poly s[MLKEM_K], u[MLKEM_K];
  struct mlkem_poly v, w;
  unsigned i;

  (void) read_vector(s, dk);       /* our own */
  for (i = 0; i < MLKEM_K; i++) {
    uvssh__mlkem_decompress(&u[i], ct + i * U_SIZE, MLKEM_DU);
    uvssh__mlkem_ntt(&u[i]);
  }
  uvssh__mlkem_dot(&w, u, s);
  uvssh__mlkem_inverse_ntt(&w);
  uvssh__mlkem_decompress(&v, ct + MLKEM_K * U_SIZE, MLKEM_DV);
  uvssh__mlkem_subtract(&v, &w);
  uvssh__mlkem_to_message(m, &v);
  uvssh__wipe(s, sizeof(s));
  uvssh__wipe(&w, sizeof(w));
  uvssh__wipe(&v, sizeof(v));
}

/* ---- ML-KEM, sections 6 and 7 -------------------------------------------- */

int uvssh__mlkem_keygen(uint8_t ek[MLKEM_EK],
                        uint8_t dk[MLKEM_DK],
                        const uint8_t seed[MLKEM_SEED]) {
  pke_keygen(ek, dk, seed);
  memcpy(dk + DK_EK, ek, MLKEM_EK);
  uvssh__sha3(dk + DK_HASH, 32, ek, MLKEM_EK);
  memcpy(dk + DK_Z, seed + 32, 32);
  return 0;
}

/* K and r, 32 bytes each, of a message and the hash of a public key. */
static void make_secrets(uint8_t out[64],
                         const uint8_t m[32],
                         const uint8_t hash[32]) {
  uint8_t input[64];

  memcpy(input, m, 32);
  memcpy(input + 32, hash, 32);
  uvssh__sha3(out, 64, input, sizeof(input));
  uvssh__wipe(input, sizeof(input));
}

int uvssh__mlkem_encaps(uint8_t ct[MLKEM_CT],
                        uint8_t shared[MLKEM_SHARED],
                        const uint8_t ek[MLKEM_EK],
                        const uint8_t m[32]) {
  struct mlkem_poly t[MLKEM_K];
  uint8_t secrets[64];
  uint8_t hash[32];

  if (!read_vector(t, ek))
    return UVSSH_EKEX;
  uvssh__sha3(hash, sizeof(hash), ek, MLKEM_EK);
  make_secrets(secrets, m, hash);
  pke_encrypt(ct, t, ek + VECTOR, m, secrets + 32);
  memcpy(shared, secrets, MLKEM_SHARED);
  uvssh__wipe(secrets, sizeof(secrets));
  return 0;
}

/* All bits set where all bytes are equal, else none. */
static uint32_t equal_mask(const uint8_t* a, const uint8_t* b, size_t len) {
  uint32_t differ = 0;
  size_t i;

  for (i = 0; i < len; i++)
    differ |= (uint32_t) (a[i] ^ b[i]);
  return opaque(0 - (opaque(differ - 1) >> 31));
}

int uvssh__mlkem_decaps(uint8_t shared[MLKEM_SHARED],
                        const uint8_t dk[MLKEM_DK],
                        const uint8_t ct[MLKEM_CT]) {
  const uint8_t* ek = dk + DK_EK;
  struct mlkem_poly t[MLKEM_K];
  uint8_t again[MLKEM_CT];         /* the ciphertext as it ought to be */
  uint8_t secrets[64];
  uint8_t rejected[32];
  uint8_t m[32];
  uint32_t mask;
  unsigned i;

  pke_decrypt(m, dk, ct);
  make_secrets(secrets, m, dk + DK_HASH);
  uvssh__shake256(rejected, sizeof(rejected), (str_t) { dk + DK_Z, 32 },
                  (str_t) { ct, MLKEM_CT });
  (void) read_vector(t, ek);       /* our own */
  pke_encrypt(again, t, ek + VECTOR, m, secrets + 32);
  mask = equal_mask(ct, again, MLKEM_CT);
  for (i = 0; i < MLKEM_SHARED; i++)
    shared[i] = (uint8_t) ((secrets[i] & mask) | (rejected[i] & ~mask));
  uvssh__wipe(again, sizeof(again));
  uvssh__wipe(secrets, sizeof(secrets));
  uvssh__wipe(rejected, sizeof(rejected));
  uvssh__wipe(m, sizeof(m));
  return 0;
}
