/* packet.c: a fuzz target: uvssh__packet_next() under every cipher.
 *
 * First byte: cipher (bits 0..2), behind login (8), honestly sealed (16).
 * Second: size of the pieces. Then, raw: the wire; or sealed: records of
 * (u16 length, bytes), where the bytes are padding_length, payload and padding
 * of one packet, which is sealed with the right keys. A record whose length has
 * its highest bit set is spoiled in one bit on its way.
 *
 * A message comes out as it went in, or an error does.
 */
#include "place.h"

#include <stdlib.h>

enum { SUITES = 8, LOGGED_IN = 8, SEALED = 16 };

static const struct {
  const struct cipher_alg* cipher;
  const struct mac_alg* mac;
} suites[SUITES] = {
  { NULL, NULL },
  { &uvssh__chacha20_poly1305, NULL },
  { &uvssh__aes256_gcm, NULL },
  { &uvssh__aes256_ctr, &uvssh__hmac_sha256 },
  { &uvssh__aes256_ctr, &uvssh__hmac_sha256_etm },
  { &uvssh__aes128_gcm, NULL },
  { &uvssh__aes192_ctr, &uvssh__hmac_sha512_etm },
  { &uvssh__aes128_ctr, &uvssh__hmac_sha512 },
};

static void make_keys(unsigned suite, int sealing, struct keys* keys) {
  static const uint8_t material[64] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

  memset(keys, 0, sizeof(*keys));
  if (suites[suite].cipher != NULL)
    MUST(uvssh__keys_init(keys, suites[suite].cipher, suites[suite].mac,
                          material, material, material, sealing) == 0);
}

/* One read of the transport. 1: more is welcome. */
static int feed(struct place* p, const uint8_t* bytes, size_t n) {
  uint8_t* copy = fuzz_copy(bytes, n);
  uint8_t* at = copy;
  size_t left = n;
  int err;
  rd_t m;

  do {
    err = uvssh__packet_next(&p->t, &at, &left, &m);
    if (err > 0) {
      MUST(rd_left(&m) >= 1 && rd_left(&m) <= PACKET_MAX);
      p->desk.question_count += m.at[0];     /* reads both of its ends */
      p->desk.question_count += m.end[-1];
    }
  } while (err > 0);
  if (err == 0) {
    MUST(left == 0);
    uvssh__packet_tidy(&p->t);
  }
  MUST(packet_kept(&p->t) < PACKET_MAX + 64);
  free(copy);
  return err == 0;
}

/* In the clear a length that cannot be is seen as soon as it is there. */
static void raw(struct place* p, struct input in, size_t piece) {
  uint32_t max = p->desk.logged_in ? PACKET_MAX : PACKET_PREAUTH_MAX;
  uint32_t first = in.left < 8 ? 12 : get_u32(in.at);
  const uint8_t* at;
  size_t n;

  do
    n = input_take(&in, piece, &at);
  while (n != 0 && feed(p, at, n));
  if (p->t.in.keys.cipher == NULL &&
      (first < 5 || first > max || first % 8 != 4))
    MUST(in.left != 0 || n != 0);
}

/* Exactly one packet, in pieces; what came of it. */
static int feed_packet(struct place* p,
                       const uint8_t* bytes,
                       size_t n,
                       size_t piece,
                       const uint8_t* plain,
                       size_t plain_len) {
  struct input in = { bytes, n };
  const uint8_t* at;
  uint8_t* copy;
  uint8_t* next;
  size_t left;
  int err = 0;
  rd_t m;

  while (err == 0 && in.left != 0) {
    left = input_take(&in, piece, &at);
    next = copy = fuzz_copy(at, left);
    err = uvssh__packet_next(&p->t, &next, &left, &m);
    if (err > 0) {
      MUST(left == 0 && in.left == 0);
      MUST(rd_left(&m) == plain_len - 1 - plain[0]);
      MUST(memcmp(m.at, plain + 1, rd_left(&m)) == 0);
    }
    free(copy);
  }
  return err;
}

/* Seals what the record says; how long the packet is. */
static size_t seal(struct keys* keys,
                   uint32_t seq,
                   struct input* in,
                   unsigned length,
                   uint8_t* out,
                   size_t* plain_len) {
  size_t block = keys->block_size == 0 ? 8 : keys->block_size;
  size_t clear = keys->clear == 0 ? 4 : 0;
  const uint8_t* at;
  size_t n = input_take(in, length, &at);
  size_t len = (n + clear + block - 1) / block * block - clear;

  if (len < 5)
    len += block;
  put_u32(out, (uint32_t) len);
  memset(out + 4, 0, len);
  memcpy(out + 4, at, n);
  MUST(uvssh__seal(keys, seq, out, 4 + len, NULL, 0, 0) == 0);
  *plain_len = len;
  return 4 + len + keys->tag_size;
}

static void sealed(struct place* p,
                   unsigned suite,
                   struct input in,
                   size_t piece) {
  static uint8_t out[4 + 0x8000 + 64 + 64];
  static uint8_t plain[0x8000 + 64];
  struct keys keys;
  unsigned head;
  size_t plain_len;
  size_t n;
  int err = 1;

  make_keys(suite, 1, &keys);
  while (err > 0 && in.left > 2) {
    head = input_u16(&in);
    memset(plain, 0, sizeof(plain));
    memcpy(plain, in.at, (head & 0x7fff) < in.left ? head & 0x7fff : in.left);
    n = seal(&keys, p->t.in.seq, &in, head & 0x7fff, out, &plain_len);
    if ((head & 0x8000) != 0)
      out[n - 1] ^= 1;
    if ((head & 0x8000) != 0 && suite == 0)
      plain[plain_len - 1] ^= 1;
    err = feed_packet(p, out, n, piece, plain, plain_len);
    MUST(err != 0);
    if ((head & 0x8000) != 0 && suite != 0)
      MUST(err < 0);
    else if (plain[0] >= 4 && plain[0] <= plain_len - 2 &&
             plain_len <= PACKET_PREAUTH_MAX)
      MUST(err == 1);
    else
      MUST(err == UVSSH_EPACKET);
  }
  uvssh__keys_free(&keys);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct input in = { data, size };
  uint8_t what = input_u8(&in);
  size_t piece = input_u8(&in);
  unsigned suite = (what & 7u) % SUITES;
  struct place p;

  fuzz_begin();
  place_open(&p, 1);
  p.desk.logged_in = (what & LOGGED_IN) != 0;
  p.t.phase = T_READY;
  make_keys(suite, 0, &p.t.in.keys);
  if (piece == 0)
    piece = SIZE_MAX;
  if ((what & SEALED) != 0)
    sealed(&p, suite, in, piece);
  else
    raw(&p, in, piece);
  place_close(&p);
  return fuzz_end();
}
