/* packet_in.c: the binary packet protocol, inward. RFC 4253 section 6.
 *
 * Happy path: a packet that lies whole in the bytes of this read is decrypted
 * there, and its payload is shown from there: no copy. What is left of an
 * unfinished one moves to the tail, is completed there by copying, and is
 * decrypted there.
 * Failures: a length that cannot be (before anything is done with it), a wrong
 * tag, padding that cannot be, compressed data that cannot be.
 *
 * It never trusts a length for an allocation. */
#include "transport/transport.h"

static size_t packet_most(const struct transport* t) {
  return t->desk->logged_in ? PACKET_MAX : PACKET_PREAUTH_MAX;
}

/* 5: padding_length and the least padding, which leaves no room for a payload;
 * that is refused below, when the padding is known. */
static int length_ok(const struct transport* t, uint32_t packet_length) {
  const struct keys* k = &t->in.keys;
  size_t block = k->block_size == 0 ? 8 : k->block_size;

  return packet_length >= 5 && packet_length <= packet_most(t) &&
         (packet_length + (k->clear == 0 ? 4u : 0u)) % block == 0;
}

/* Bytes of the packet that begins at `at`, as far as they can be known: at
 * first those that tell its length. 0 or a code. */
static int packet_size(struct transport* t,
                       uint8_t* at,
                       size_t have,
                       size_t* need) {
  size_t head = uvssh__keys_head(&t->in.keys);
  int err;

  if (t->packet_length == 0) {
    *need = head;
    if (have < head)
      return 0;
    err = uvssh__open_length(&t->in.keys, t->in.seq, at, &t->packet_length);
    if (err != 0)
      return err;
    if (!length_ok(t, t->packet_length))
      return UVSSH_EPACKET;
  }
  *need = 4 + (size_t) t->packet_length + t->in.keys.tag_size;
  return 0;
}

/* What was compressed is no longer needed, and may hold a password. */
static int inflate_packet(struct transport* t, uint8_t* at, rd_t* m) {
  str_t payload = rd_rest(m);
  int err = uvssh__inflate(t->in.compressor, payload, packet_most(t), m);

  if (!t->desk->logged_in)
    uvssh__wipe(at + 5, payload.len);
  return err != 0 ? err : 1;
}

static int open_packet(struct transport* t, uint8_t* at, rd_t* m) {
  uint32_t length = t->packet_length;
  uint8_t padding;
  int err;

  t->packet_length = 0;
  err = uvssh__open(&t->in.keys, t->in.seq, at, length);
  if (err != 0)
    return err;
  padding = at[4];
  if (padding < 4 || padding > length - 2)   /* a payload has its number */
    return UVSSH_EPACKET;
  *m = rd_of(at + 5, length - 1 - padding);
  t->in.seq++;
  t->in.packets++;
  t->in.key_packets++;
  t->in.bytes += 4 + (uint64_t) length + t->in.keys.tag_size;
  t->in.key_bytes += 4 + (uint64_t) length + t->in.keys.tag_size;
  if (t->in_since_newkeys < 2)
    t->in_since_newkeys++;
  return t->in.compressor == NULL ? 1 : inflate_packet(t, at, m);
}

/* The packet begins in the tail: complete it there. */
static int next_in_tail(struct transport* t, uint8_t** p, size_t* n, rd_t* m) {
  size_t need;
  size_t have;
  size_t more;
  uint8_t* at;
  int err;

  for (;;) {
    have = t->tail.len - t->tail_at;
    at = t->tail.base + t->tail_at;
    err = packet_size(t, at, have, &need);
    if (err != 0)
      return err;
    if (have >= need && t->packet_length != 0) {
      t->tail_at += need;
      return open_packet(t, at, m);
    }
    if (have >= need)
      continue;                    /* the length has just become known */
    more = need - have < *n ? need - have : *n;
    if (more == 0)
      return 0;
    uvssh__buf_put(&t->tail, *p, more);
    if (t->tail.bad)
      return UV_ENOMEM;
    *p += more;
    *n -= more;
  }
}

int uvssh__packet_next(struct transport* t, uint8_t** p, size_t* n, rd_t* m) {
  size_t need;
  uint8_t* at = *p;
  int err;

  if (packet_kept(t) != 0)
    return next_in_tail(t, p, n, m);
  uvssh__packet_tidy(t);
  if (*n == 0)
    return 0;
  err = packet_size(t, at, *n, &need);
  if (err != 0)
    return err;
  if (t->packet_length == 0 || *n < need) {
    err = uvssh__packet_keep(t, *p, *n);
    *p += *n;
    *n = 0;
    return err;
  }
  *p += need;
  *n -= need;
  return open_packet(t, at, m);
}

int uvssh__packet_keep(struct transport* t, const uint8_t* p, size_t n) {
  if (t->tail_at != 0) {
    uvssh__buf_shift(&t->tail, t->tail_at);
    t->tail_at = 0;
  }
  uvssh__buf_put(&t->tail, p, n);
  return t->tail.bad ? UV_ENOMEM : 0;
}

void uvssh__packet_tidy(struct transport* t) {
  if (packet_kept(t) != 0)
    return;
  t->tail_at = 0;
  uvssh__buf_free(&t->tail);
  t->tail.secret = 1;              /* decrypted messages lie in it */
}
