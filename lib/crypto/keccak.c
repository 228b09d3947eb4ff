/* keccak.c: SHA-3 and SHAKE, FIPS 202, for ML-KEM: the two libraries that
 * Debian 12 has know neither.
 *
 * Happy path: init with a rate, absorb once or often, pad once, squeeze once or
 * often. uvssh__sha3() and uvssh__shake256() are all of that in one call.
 * Failures: none, whatever the bytes are.
 *
 * Never branches on a byte or indexes by one; what a one-call function held is
 * wiped, and who keeps a state wipes it.
 */
#include "crypto/crypto.h"

#include <assert.h>

enum { LANES = 25, ROUNDS = 24 };

_Static_assert(sizeof(((struct keccak*) 0)->lane) == 8 * LANES, "the state");

static const uint64_t constants[ROUNDS] = {      /* of iota, section 3.2.5 */
  0x0000000000000001, 0x0000000000008082, 0x800000000000808a,
  0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
  0x8000000080008081, 0x8000000000008009, 0x000000000000008a,
  0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
  0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
  0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
  0x000000000000800a, 0x800000008000000a, 0x8000000080008081,
  0x8000000000008080, 0x0000000080000001, 0x8000000080008008
};

static inline uint64_t rotated(uint64_t v, unsigned bits) {
  return v << bits | v >> (64 - bits);
}

/* chi of one row, section 3.2.4. */
static inline void chi(uint64_t out[5], uint64_t a, uint64_t b, uint64_t c,
                       uint64_t d, uint64_t e) {
  out[0] = a ^ (~b & c);
  out[1] = b ^ (~c & d);
  out[2] = c ^ (~d & e);
  out[3] = d ^ (~e & a);
  out[4] = e ^ (~a & b);
}

/* One round, section 3.3. The lane (x, y) of the standard is a[x + 5 y]. rho
 * turns a lane by its own number of bits, and pi says in which row of the
 * result it is: both are in the numbers of the last five calls. */
static inline void do_round(uint64_t out[LANES], const uint64_t a[LANES],
                            uint64_t constant) {
  uint64_t c[5], d[5];             /* theta: parities of the columns */

  c[0] = a[0] ^ a[5] ^ a[10] ^ a[15] ^ a[20];
  c[1] = a[1] ^ a[6] ^ a[11] ^ a[16] ^ a[21];
  c[2] = a[2] ^ a[7] ^ a[12] ^ a[17] ^ a[22];
  c[3] = a[3] ^ a[8] ^ a[13] ^ a[18] ^ a[23];
  c[4] = a[4] ^ a[9] ^ a[14] ^ a[19] ^ a[24];
  d[0] = c[4] ^ rotated(c[1], 1);
  d[1] = c[0] ^ rotated(c[2], 1);
  d[2] = c[1] ^ rotated(c[3], 1);
  d[3] = c[2] ^ rotated(c[4], 1);
  d[4] = c[3] ^ rotated(c[0], 1);
#define LANE(at, bits) rotated(a[at] ^ d[(at) % 5], bits)
  chi(out, a[0] ^ d[0], LANE(6, 44), LANE(12, 43), LANE(18, 21), LANE(24, 14));
  chi(out + 5, LANE(3, 28), LANE(9, 20), LANE(10, 3), LANE(16, 45),
      LANE(22, 61));
  chi(out + 10, LANE(1, 1), LANE(7, 6), LANE(13, 25), LANE(19, 8),
      LANE(20, 18));
  chi(out + 15, LANE(4, 27), LANE(5, 36), LANE(11, 10), LANE(17, 15),
      LANE(23, 56));
  chi(out + 20, LANE(2, 62), LANE(8, 55), LANE(14, 39), LANE(15, 41),
      LANE(21, 2));
#undef LANE
  out[0] ^= constant;
}

static void permute(uint64_t a[LANES]) {
  uint64_t b[LANES];
  unsigned i;

  for (i = 0; i < ROUNDS; i += 2) {
    do_round(b, a, constants[i]);
    do_round(a, b, constants[i + 1]);
  }
  uvssh__wipe(b, sizeof(b));
}

/* ---- the sponge, section 4; bytes are bits from the lowest on (B.1) ------ */

static uint64_t get_lane(const uint8_t* p) {
  return (uint64_t) p[0] | (uint64_t) p[1] << 8 | (uint64_t) p[2] << 16 |
         (uint64_t) p[3] << 24 | (uint64_t) p[4] << 32 |
         (uint64_t) p[5] << 40 | (uint64_t) p[6] << 48 | (uint64_t) p[7] << 56;
}

static void put_lane(uint8_t* p, uint64_t v) {
  p[0] = (uint8_t) v;
  p[1] = (uint8_t) (v >> 8);
  p[2] = (uint8_t) (v >> 16);
  p[3] = (uint8_t) (v >> 24);
  p[4] = (uint8_t) (v >> 32);
  p[5] = (uint8_t) (v >> 40);
  p[6] = (uint8_t) (v >> 48);
  p[7] = (uint8_t) (v >> 56);
}

void uvssh__keccak_init(struct keccak* k, unsigned rate) {
  assert(rate % 8 == 0 && rate < 8 * LANES);
  memset(k, 0, sizeof(*k));
  k->rate = rate;
}

void uvssh__keccak_absorb(struct keccak* k, const void* base, size_t len) {
  const uint8_t* p = (const uint8_t*) base;

  while (len != 0) {
    if (k->at % 8 == 0 && len >= 8) {
      k->lane[k->at / 8] ^= get_lane(p);
      k->at += 8;
      p += 8;
      len -= 8;
    } else {
      k->lane[k->at / 8] ^= (uint64_t) *p++ << 8 * (k->at % 8);
      k->at++;
      len--;
    }
    if (k->at == k->rate) {
      permute(k->lane);
      k->at = 0;
    }
  }
}

void uvssh__keccak_pad(struct keccak* k, uint8_t suffix) {
  k->lane[k->at / 8] ^= (uint64_t) suffix << 8 * (k->at % 8);
  k->lane[k->rate / 8 - 1] ^= (uint64_t) 1 << 63;
  k->at = k->rate;                 /* nothing of this block to give */
}

void uvssh__keccak_squeeze(struct keccak* k, void* base, size_t len) {
  uint8_t* p = (uint8_t*) base;

  while (len != 0) {
    if (k->at == k->rate) {
      permute(k->lane);
      k->at = 0;
    }
    if (k->at % 8 == 0 && len >= 8) {
      put_lane(p, k->lane[k->at / 8]);
      k->at += 8;
      p += 8;
      len -= 8;
    } else {
      *p++ = (uint8_t) (k->lane[k->at / 8] >> 8 * (k->at % 8));
      k->at++;
      len--;
    }
  }
}

/* ---- in one call --------------------------------------------------------- */

void uvssh__sha3(void* out, size_t size, const void* base, size_t len) {
  struct keccak k;

  assert(size == 32 || size == 64);
  uvssh__keccak_init(&k, 200 - 2 * (unsigned) size);
  uvssh__keccak_absorb(&k, base, len);
  uvssh__keccak_pad(&k, KECCAK_SHA3);
  uvssh__keccak_squeeze(&k, out, size);
  uvssh__wipe(&k, sizeof(k));
}

void uvssh__shake256(void* out, size_t size, str_t a, str_t b) {
  struct keccak k;

  uvssh__keccak_init(&k, SHAKE256_RATE);
  uvssh__keccak_absorb(&k, a.base, a.len);
  uvssh__keccak_absorb(&k, b.base, b.len);
  uvssh__keccak_pad(&k, KECCAK_SHAKE);
  uvssh__keccak_squeeze(&k, out, size);
  uvssh__wipe(&k, sizeof(k));
}
