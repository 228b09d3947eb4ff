/* packet_out.c: the binary packet protocol, outward. RFC 4253 section 6.
 *
 * A message is written into the scratch buffer of the loop and sealed into the
 * last output block; channel data is sealed straight from where it lies. What
 * has to wait for our NEWKEYS waits as a message, never as a packet.
 *
 * Bounds: blocks hold at most SEAL_AHEAD_MAX of channel data, and replies
 * until uvssh__replies_pile_up() stops the reading that causes them; deferred
 * messages have their own two limits. */
#include "transport/transport.h"

enum { SCRATCH_KEPT = 8192 };

struct buf* uvssh__message(struct transport* t, uint8_t number) {
  struct buf* m = &t->desk->pool->scratch;

  uvssh__buf_reset(m);
  m->bad = 0;
  wr_u8(m, number);
  return m;
}

int uvssh__message_fits(struct transport* t) {
  struct buf* m = &t->desk->pool->scratch;

  if (m->len <= MESSAGE_MAX)
    return 1;
  uvssh__buf_free(m);              /* it would stay that large */
  return 0;
}

/* Room for n bytes in one piece: a small block while little is queued. */
static uint8_t* reserve(struct transport* t, size_t n, int bulk) {
  struct block* last = t->last;
  struct block* block;

  if (last != NULL && !(t->in_flight && last == t->blocks) &&
      last->cap - last->len >= n)
    return last->data + last->len;
  if (t->unsent != 0 || bulk)
    block = uvssh__block_get(t->desk->pool, n > BLOCK_BIG ? n : BLOCK_BIG);
  else
    block = uvssh__block_get(t->desk->pool, n);
  if (block == NULL) {
    desk_fail(t->desk, UV_ENOMEM);
    return NULL;
  }
  if (last == NULL)
    t->blocks = block;
  else
    last->next = block;
  t->last = block;
  return block->data;
}

static void queued(struct transport* t, size_t n, int reply) {
  t->last->len += n;
  t->unsent += n;
  t->sealed_end += n;
  if (reply && t->in_flight)
    t->unsent_replies += n;
  desk_wake(t->desk);
}

/* The least padding is 4, and block size divides what is encrypted. */
static size_t padding_for(const struct keys* keys, size_t payload) {
  size_t block = keys->block_size == 0 ? 8 : keys->block_size;
  size_t used = (keys->clear == 0 ? 5 : 1) + payload;
  size_t padding = block - used % block;

  return padding < 4 ? padding + block : padding;
}

/* What was reserved for a packet stays unused: no plaintext is left there, and
 * an empty block is nothing to write. */
static void unreserve(struct transport* t, uint8_t* out, size_t n) {
  struct block** at = &t->blocks;
  struct block* before = NULL;

  uvssh__wipe(out, n);
  if (t->last->len != 0)
    return;
  for (; *at != t->last; at = &(*at)->next)
    before = *at;
  *at = NULL;
  uvssh__block_put(t->desk->pool, t->last);
  t->last = before;
}

/* Compressing takes ten times as long as sealing: a byte of it counts for more,
 * so that a turn is no longer for it. */
enum { DEFLATE_COST = 4 };

/* Some of a packet may be on its way into a key stream or a compressed one: the
 * peer would not understand what follows. */
static void give_up(struct transport* t, int err) {
  t->unsealed = 1;
  desk_fail(t->desk, err);
}

/* Bytes of the packet, which stands behind what is queued; 0: it could not be
 * made. */
static size_t seal_payload(struct transport* t,
                           str_t head,
                           const uint8_t* body,
                           size_t body_len,
                           int bulk) {
  struct half* half = &t->out;
  size_t padding = padding_for(&half->keys, head.len + body_len);
  size_t length = 1 + head.len + body_len + padding;
  size_t total = 4 + length + half->keys.tag_size;
  uint8_t* out = reserve(t, total, bulk);
  int err;

  if (out == NULL) {
    t->unsealed |= half->compressor != NULL;
    return 0;
  }
  put_u32(out, (uint32_t) length);
  out[4] = (uint8_t) padding;
  memcpy(out + 5, head.base, head.len);
  memcpy(out + 5 + head.len + body_len, t->padding, padding);
  err = uvssh__seal(&half->keys, half->seq, out, 5 + head.len, body, body_len,
                    padding);
  if (err == 0)
    return total;
  unreserve(t, out, total);
  give_up(t, err);
  return 0;
}

static void count(struct half* half, size_t total) {
  half->seq++;
  half->packets++;
  half->key_packets++;
  half->bytes += total;
  half->key_bytes += total;
}

static void seal(struct transport* t,
                 str_t head,
                 const uint8_t* body,
                 size_t body_len,
                 int bulk) {
  const str_t plain[] = { head, { body, body_len } };
  uint32_t seq;
  size_t total;
  int err;

  if (t->unsealed)
    return;
  if (t->out.compressor != NULL) {
    err = uvssh__deflate(t->out.compressor, head.base, head.len, body, body_len,
                         &head);
    if (err != 0) {
      give_up(t, err);
      return;
    }
    body_len = 0;
    t->deflated += (plain[0].len + plain[1].len) * DEFLATE_COST;
  }
  total = seal_payload(t, head, body, body_len, bulk);
  if (total == 0)
    return;
  seq = t->out.seq;
  count(&t->out, total);
  queued(t, total, !bulk);
  if (t->desk->traced)             /* behind that: it may be somebody who */
    uvssh__trace(t, 1, seq, plain[0], plain[1]);   /* sends all the same */
}

static void defer(struct transport* t, const struct buf* m) {
  if (t->deferred_count >= DEFERRED_MAX ||
      4 + m->len > DEFERRED_BYTES_MAX - t->deferred.len) {
    desk_fail(t->desk, UVSSH_ELIMIT);
    return;
  }
  wr_u32(&t->deferred, (uint32_t) m->len);
  wr_bytes(&t->deferred, m->base, m->len);
  if (t->deferred.bad)
    desk_fail(t->desk, UV_ENOMEM);
  t->deferred_count++;
}

static int belongs_to_kex(uint8_t number) {
  return number <= MSG_DEBUG || (number >= MSG_KEXINIT && number <= 49);
}

void uvssh__send(struct transport* t) {
  struct buf* m = &t->desk->pool->scratch;

  if (m->bad)
    desk_fail(t->desk, UV_ENOMEM);
  else if (t->kexinit_sent && !belongs_to_kex(m->base[0]))
    defer(t, m);
  else
    seal(t, str_of_buf(m), NULL, 0, 0);
  uvssh__wipe(m->base, m->len);
  if (m->cap > SCRATCH_KEPT)       /* every message wipes all of it */
    uvssh__buf_free(m);
}

int uvssh__can_send_data(const struct transport* t) {
  return !t->kexinit_sent && !t->in_flight &&
         t->unsent + t->deflated < SEAL_AHEAD_MAX && t->desk->failed == 0;
}

void uvssh__send_data(struct transport* t,
                      const uint8_t* head,
                      size_t head_len,
                      const uint8_t* body,
                      size_t body_len) {
  str_t first = { head, head_len };

  seal(t, first, body, body_len, body_len >= BLOCK_SMALL / 2);
}

void uvssh__send_deferred(struct transport* t) {
  rd_t waiting = rd_of(t->deferred.base, t->deferred.len);
  str_t message = rd_str(&waiting);

  while (!waiting.bad) {           /* the last may be cut: out of memory */
    seal(t, message, NULL, 0, 0);
    message = rd_str(&waiting);
  }
  uvssh__buf_free(&t->deferred);
  t->deferred_count = 0;
}

void uvssh__send_raw(struct transport* t, const void* base, size_t len) {
  uint8_t* out = reserve(t, len, 0);

  if (out == NULL)
    return;
  memcpy(out, base, len);
  t->out.bytes += len;
  queued(t, len, 1);
}

int uvssh__output_next(struct transport* t, uv_buf_t* out) {
  if (t->in_flight || t->blocks == NULL)
    return 0;
  t->in_flight = 1;
  t->unsent -= t->blocks->len;
  t->unsent_replies = 0;
  t->deflated_in_flight = t->deflated;
  t->deflated = 0;
  *out = uv_buf_init((char*) t->blocks->data, (unsigned) t->blocks->len);
  return 1;
}

void uvssh__output_done(struct transport* t) {
  struct block* block = t->blocks;

  t->in_flight = 0;
  t->written_end += block->len;
  t->blocks = block->next;
  if (t->blocks == NULL)
    t->last = NULL;
  uvssh__block_put(t->desk->pool, block);
}

int uvssh__replies_pile_up(const struct transport* t) {
  return t->unsent_replies > REPLIES_MAX;
}
