/* sntrup.c: sntrup761, Streamlined NTRU Prime, round 3 of NIST's competition:
 * a pair of keys, a shared secret for a public key, and that secret again from
 * the ciphertext.
 *
 * Written here, as ML-KEM is, because no library of Debian 12 has it: see
 * docs/design/decisions.md. Written from the specification, whose names stand
 * at the functions. sntrup_poly.c, sntrup_invert.c, sntrup_bytes.c and
 * sntrup_sample.c are its parts.
 *
 *   private key  f, 1 / g (small), the public key, rho, its hash
 *   public key   h = g / 3 f
 *   ciphertext   h r, rounded; a hash that confirms r
 *
 * Failures: random numbers that are none: UVSSH_ECRYPTO. Every text of the
 * right length is a public key; a ciphertext that was made otherwise gives a
 * secret that nobody knows, made of rho.
 *
 * Never branches on a secret or indexes by one, but for whether a g that was
 * drawn has an inverse: one that has none is thrown away. Wipes what it held.
 */
#include "crypto/crypto.h"

enum {
  P = SNTRUP_P,
  W = SNTRUP_W,
  TRIES = 4,                       /* one g in 10^9 has no inverse */
  HASH = 32,                       /* bytes that are taken of SHA-512 */
  DK_V = SNTRUP_SMALL,             /* in a private key: where 1 / g, */
  DK_EK = 2 * SNTRUP_SMALL,        /* the public key, */
  DK_RHO = DK_EK + SNTRUP_EK,      /* rho, and the hash */
  DK_HASH = DK_RHO + SNTRUP_SMALL  /* of the public key stand */
};

_Static_assert(SNTRUP_EK == SNTRUP_POLY, "h alone");
_Static_assert(SNTRUP_DK == DK_HASH + HASH, "a private key");
_Static_assert(SNTRUP_CT == SNTRUP_ROUNDED + HASH, "a ciphertext");

/* Hash: a number in front says what it is for. */
static void hash(uint8_t out[HASH], uint8_t number, str_t a, str_t b) {
  uint8_t digest[HASH_SIZE_MAX];
  struct hash_state state;

  uvssh__sha512.init(&state);
  uvssh__sha512.update(&state, &number, 1);
  uvssh__sha512.update(&state, a.base, a.len);
  uvssh__sha512.update(&state, b.base, b.len);
  uvssh__sha512.final(&state, digest);
  memcpy(out, digest, HASH);
  uvssh__wipe(digest, sizeof(digest));
}

/* HashConfirm; `small` is r, encoded. */
static void confirm(uint8_t out[HASH],
                    const uint8_t small[SNTRUP_SMALL],
                    const uint8_t ek_hash[HASH]) {
  uint8_t r_hash[HASH];

  hash(r_hash, 3, (str_t) { small, SNTRUP_SMALL }, STR(""));
  hash(out, 2, (str_t) { r_hash, HASH }, (str_t) { ek_hash, HASH });
  uvssh__wipe(r_hash, sizeof(r_hash));
}

/* HashSession; number: 1, or 0 for a ciphertext that is none. */
static void session(uint8_t shared[SNTRUP_SHARED],
                    uint8_t number,
                    const uint8_t small[SNTRUP_SMALL],
                    const uint8_t ct[SNTRUP_CT]) {
  uint8_t r_hash[HASH];

  hash(r_hash, 3, (str_t) { small, SNTRUP_SMALL }, STR(""));
  hash(shared, number, (str_t) { r_hash, HASH }, (str_t) { ct, SNTRUP_CT });
  uvssh__wipe(r_hash, sizeof(r_hash));
}

/* KeyGen, ZKeyGen. */
int uvssh__sntrup_keygen(uint8_t ek[SNTRUP_EK], uint8_t dk[SNTRUP_DK]) {
  struct sntrup_poly f, g, v, h;
  unsigned tries = TRIES;

  do {
    if (tries-- == 0)
      return UVSSH_ECRYPTO;
    uvssh__sntrup_small(&g);
  } while (!uvssh__sntrup_invert_3(&v, &g));
  uvssh__sntrup_short(&f);
  uvssh__sntrup_invert_triple(&h, &f);
  uvssh__sntrup_multiply(&h, &h, &g);
  uvssh__sntrup_encode(ek, &h);

  uvssh__sntrup_encode_small(dk, &f);
  uvssh__sntrup_encode_small(dk + DK_V, &v);
  memcpy(dk + DK_EK, ek, SNTRUP_EK);
  uvssh__random(dk + DK_RHO, SNTRUP_SMALL);
  hash(dk + DK_HASH, 4, (str_t) { ek, SNTRUP_EK }, STR(""));
  uvssh__wipe(&f, sizeof(f));
  uvssh__wipe(&g, sizeof(g));
  uvssh__wipe(&v, sizeof(v));
  return 0;
}

/* Hide: the ciphertext of r, and r encoded. */
static void hide(uint8_t ct[SNTRUP_CT],
                 uint8_t small[SNTRUP_SMALL],
                 const struct sntrup_poly* r,
                 const uint8_t ek[SNTRUP_EK],
                 const uint8_t ek_hash[HASH]) {
  struct sntrup_poly h, product;

  uvssh__sntrup_encode_small(small, r);
  uvssh__sntrup_decode(&h, ek);
  uvssh__sntrup_multiply(&product, &h, r);
  uvssh__sntrup_round(&product);
  uvssh__sntrup_encode_rounded(ct, &product);
  confirm(ct + SNTRUP_ROUNDED, small, ek_hash);
  uvssh__wipe(&product, sizeof(product));
}

/* Encap. */
void uvssh__sntrup_encaps(uint8_t ct[SNTRUP_CT],
                          uint8_t shared[SNTRUP_SHARED],
                          const uint8_t ek[SNTRUP_EK]) {
  uint8_t small[SNTRUP_SMALL];
  uint8_t ek_hash[HASH];
  struct sntrup_poly r;

  uvssh__sntrup_short(&r);
  hash(ek_hash, 4, (str_t) { ek, SNTRUP_EK }, STR(""));
  hide(ct, small, &r, ek, ek_hash);
  session(shared, 1, small, ct);
  uvssh__wipe(&r, sizeof(r));
  uvssh__wipe(small, sizeof(small));
}

/* Any bit set where v is not 0: then all bits, else none. */
static uint32_t nonzero_mask(uint32_t v) {
  return opaque(0 - (opaque(v | (0 - v)) >> 31));
}

/* Decrypt: r; where what comes out has not w coefficients that are not 0, w
 * times 1, which no ciphertext is made of. */
static void decrypt(struct sntrup_poly* r,
                    const uint8_t dk[SNTRUP_DK],
                    const uint8_t ct[SNTRUP_CT]) {
  struct sntrup_poly small, e;
  uint32_t weight = 0;
  unsigned i;
  int good;

  uvssh__sntrup_decode_rounded(r, ct);
  uvssh__sntrup_decode_small(&small, dk);
  uvssh__sntrup_multiply(&e, r, &small);
  uvssh__sntrup_triple_mod_3(&e);
  uvssh__sntrup_decode_small(&small, dk + DK_V);
  uvssh__sntrup_multiply_3(r, &e, &small);
  for (i = 0; i < P; i++)
    weight += (uint32_t) r->c[i] & 1;
  good = (int) ~nonzero_mask(weight ^ W);
  for (i = 0; i < P; i++) {
    int otherwise = i < W;
    r->c[i] = (int16_t) (((r->c[i] ^ otherwise) & good) ^ otherwise);
  }
  uvssh__wipe(&small, sizeof(small));
  uvssh__wipe(&e, sizeof(e));
}

/* Decap. */
void uvssh__sntrup_decaps(uint8_t shared[SNTRUP_SHARED],
                          const uint8_t dk[SNTRUP_DK],
                          const uint8_t ct[SNTRUP_CT]) {
  uint8_t again[SNTRUP_CT];        /* the ciphertext as it ought to be */
  uint8_t small[SNTRUP_SMALL];
  struct sntrup_poly r;
  uint32_t differ = 0, bad;
  unsigned i;

  decrypt(&r, dk, ct);
  hide(again, small, &r, dk + DK_EK, dk + DK_HASH);
  for (i = 0; i < SNTRUP_CT; i++)
    differ |= (uint32_t) (ct[i] ^ again[i]);
  bad = nonzero_mask(differ);
  for (i = 0; i < SNTRUP_SMALL; i++)
    small[i] = (uint8_t) (small[i] ^ (bad & (small[i] ^ dk[DK_RHO + i])));
  session(shared, (uint8_t) (1 + bad), small, ct);
  uvssh__wipe(&r, sizeof(r));
  uvssh__wipe(small, sizeof(small));
  uvssh__wipe(again, sizeof(again));
}
