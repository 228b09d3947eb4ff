/* cipher_chacha.c: chacha20-poly1305@openssh.com, PROTOCOL.chacha20poly1305 and
 * draft-ietf-sshm-chacha20-poly1305.
 *
 * The key is two: the first half for the body, and for the Poly1305 key, which
 * is the first 32 bytes of its block 0; the second half for packet_length. The
 * nonce is the sequence number, so no packet changes the state.
 *
 * libsodium's ChaCha20 is a staircase: 512 bytes cost what 200 do, and each odd
 * 64 bytes half of that. So it is handed pieces of 256 or 512 where it pays:
 *   up to 448 bytes   the keystream of blocks 0.., xored by hand: one call for
 *                     the Poly1305 key and the body
 *   up to 4 KiB       copied, then in place; odd ends by hand as above
 *   more              out of place from the caller's memory
 * Opening is always in place.
 *
 * Failure: a wrong tag is UVSSH_EMAC, and nothing was decrypted.
 * Never decrypts a body before its tag was right. The length is the exception
 * by design: it is decrypted first, and bounded by the caller.
 */
#include "crypto/crypto.h"

#include <assert.h>
#include <sodium.h>

#define BLOCK 64
#define LANE 512                   /* what the fastest code takes at a time */
#define HALF_LANE 256
#define DIRECT_MAX 128             /* up to here odd blocks are cheaper */
#define LENT_MIN 4096              /* from here on the copy is avoided */
#define TAIL_MAX 255               /* padding_length is a byte */
#define TAG 16

struct chacha {
  uint8_t body_key[32];
  uint8_t length_key[32];
};

static void nonce_of(uint8_t nonce[8], uint32_t seq) {
  put_u32(nonce, 0);
  put_u32(nonce + 4, seq);
}

static void xor_by_hand(uint8_t* p, const uint8_t* stream, size_t len) {
  uint64_t a, b;
  size_t i = 0;

  for (; len - i >= sizeof(a); i += sizeof(a)) {
    memcpy(&a, p + i, sizeof(a));
    memcpy(&b, stream + i, sizeof(b));
    a ^= b;
    memcpy(p + i, &a, sizeof(a));
  }
  for (; i < len; i++)
    p[i] ^= stream[i];
}

/* The keystream's beginning: the Poly1305 key, and from BLOCK on that of the
 * body. Returns the bytes made: what a body of len bytes ends well with. */
static size_t begin(const struct chacha* s,
                    const uint8_t nonce[8],
                    uint8_t stream[LANE],
                    size_t len) {
  size_t made = LANE;

  if (len <= HALF_LANE - BLOCK)
    made = HALF_LANE;
  else if (len >= LANE && len % LANE <= BLOCK)   /* lanes, one block at most */
    made = BLOCK;
  crypto_stream_chacha20(stream, made, nonce, s->body_key);
  return made;
}

/* Encrypts or decrypts `len` bytes at `p` from block 1 on, with the `made`
 * bytes of begin() and what else is needed; uses `stream` up. */
static void crypt_in_place(const struct chacha* s,
                           const uint8_t nonce[8],
                           uint8_t stream[LANE],
                           size_t made,
                           uint8_t* p,
                           size_t len) {
  size_t n = made - BLOCK < len ? made - BLOCK : len;
  size_t direct, odd;
  uint64_t at = made / BLOCK;

  xor_by_hand(p, stream + BLOCK, n);
  p += n;
  len -= n;
  odd = len % LANE;
  direct = odd <= DIRECT_MAX ? len : len - odd;
  if (direct != 0)
    crypto_stream_chacha20_xor_ic(p, p, direct, nonce, at, s->body_key);
  if (direct == len)
    return;
  n = odd <= HALF_LANE ? HALF_LANE : LANE;
  memset(stream, 0, n);
  at += direct / BLOCK;
  crypto_stream_chacha20_xor_ic(stream, stream, n, nonce, at, s->body_key);
  xor_by_hand(p + direct, stream, odd);
}

static int chacha_init(void* state,
                       const uint8_t* key,
                       const uint8_t* iv,
                       int sealing) {
  memcpy(state, key, sizeof(struct chacha));
  return 0;
}

static void chacha_done(void* state) {
  uvssh__wipe(state, sizeof(struct chacha));
}

static int chacha_length(void* state,
                         uint32_t seq,
                         const uint8_t* packet,
                         uint32_t* packet_length) {
  const struct chacha* s = state;
  uint8_t nonce[8];
  uint8_t plain[4];

  nonce_of(nonce, seq);
  crypto_stream_chacha20_xor_ic(plain, packet, 4, nonce, 0, s->length_key);
  *packet_length = get_u32(plain);
  return 0;
}

static int chacha_open(void* state, uint32_t seq, uint8_t* packet, size_t len) {
  const struct chacha* s = state;
  uint8_t nonce[8];
  uint8_t stream[LANE];
  size_t made;
  int err;

  nonce_of(nonce, seq);
  made = begin(s, nonce, stream, len);
  err = crypto_onetimeauth_poly1305_verify(packet + 4 + len, packet, 4 + len,
                                           stream);
  if (err == 0)
    crypt_in_place(s, nonce, stream, made, packet + 4, len);
  uvssh__wipe(stream, sizeof(stream));
  return err == 0 ? 0 : UVSSH_EMAC;
}

static void seal_copied(const struct chacha* s,
                        const uint8_t nonce[8],
                        uint8_t* out,
                        size_t len,
                        uint8_t mac_key[32]) {
  uint8_t stream[LANE];
  size_t made = begin(s, nonce, stream, len);

  memcpy(mac_key, stream, 32);
  crypt_in_place(s, nonce, stream, made, out + 4, len);
  uvssh__wipe(stream, sizeof(stream));
}

/* [64 zero | header | first of body], [middle of body: LANEs], [rest | padding]
 * of which only the first and the last go through the scratch. */
static void seal_lent(const struct chacha* s,
                      const uint8_t nonce[8],
                      uint8_t* out,
                      size_t head,
                      const uint8_t* body,
                      size_t body_len,
                      size_t tail,
                      uint8_t mac_key[32]) {
  uint8_t scratch[2 * LANE];
  const uint8_t* key = s->body_key;
  size_t header = head - 4;
  size_t first = HALF_LANE - BLOCK - header;
  size_t middle = (body_len - first) / LANE * LANE;
  size_t rest = body_len - first - middle;
  size_t n = rest + tail;

  memset(scratch, 0, BLOCK);
  memcpy(scratch + BLOCK, out + 4, header);
  memcpy(scratch + BLOCK + header, body, first);
  crypto_stream_chacha20_xor_ic(scratch, scratch, HALF_LANE, nonce, 0, key);
  memcpy(mac_key, scratch, 32);
  memcpy(out + 4, scratch + BLOCK, HALF_LANE - BLOCK);
  out += head + first;
  body += first;

  crypto_stream_chacha20_xor_ic(out, body, middle, nonce, HALF_LANE / BLOCK,
                                key);
  out += middle;
  body += middle;

  if (rest != 0)
    memcpy(scratch, body, rest);
  memcpy(scratch + rest, out + rest, tail);
  if (n > DIRECT_MAX) {            /* up to a whole piece, of anything */
    n = (n + HALF_LANE - 1) / HALF_LANE * HALF_LANE;
    memset(scratch + rest + tail, 0, n - rest - tail);
  }
  crypto_stream_chacha20_xor_ic(scratch, scratch, n, nonce,
                                (HALF_LANE + middle) / BLOCK, key);
  memcpy(out, scratch, rest + tail);
  uvssh__wipe(scratch, n < HALF_LANE ? HALF_LANE : n);
}

static int chacha_seal(void* state,
                       uint32_t seq,
                       uint8_t* out,
                       size_t head,
                       const uint8_t* body,
                       size_t body_len,
                       size_t tail) {
  const struct chacha* s = state;
  uint8_t nonce[8];
  uint8_t mac_key[32];
  size_t len = head - 4 + body_len + tail;

  assert(head >= 4);
  nonce_of(nonce, seq);
  if (body_len >= LENT_MIN && head - 4 <= HALF_LANE - BLOCK &&
      tail <= TAIL_MAX) {
    seal_lent(s, nonce, out, head, body, body_len, tail, mac_key);
  } else {
    if (body_len != 0)
      memcpy(out + head, body, body_len);
    seal_copied(s, nonce, out, len, mac_key);
  }
  crypto_stream_chacha20_xor_ic(out, out, 4, nonce, 0, s->length_key);
  crypto_onetimeauth_poly1305(out + 4 + len, out, 4 + len, mac_key);
  uvssh__wipe(mac_key, sizeof(mac_key));
  return 0;
}

const struct cipher_alg uvssh__chacha20_poly1305 = {
  .name = "chacha20-poly1305@openssh.com",
  .key_size = sizeof(struct chacha),
  .iv_size = 0,
  .block_size = 8,
  .tag_size = TAG,
  .state_size = sizeof(struct chacha),
  .init = chacha_init,
  .done = chacha_done,
  .length = chacha_length,
  .open = chacha_open,
  .seal = chacha_seal
};
