/* compression.c: when packets are compressed, RFC 4253 section 6.2.
 *
 * What was agreed comes into force with a direction's NEWKEYS; the delayed kind
 * (zlib@openssh.com) with USERAUTH_SUCCESS, in both directions at once, and
 * from then on with NEWKEYS, too. Every exchange begins with a fresh stream.
 *
 * Failures: UV_ENOMEM; what the peer sent is no stream, or makes more of itself
 * than a packet may hold: UVSSH_ECOMPRESSION.
 * Never costs a direction without it more than one look at a pointer. */
#include "transport/transport.h"

struct compressor {
  const struct compression_alg* alg;
  void* state;
  int deflating;
  struct buf out;                  /* secret; the last payload */
};

enum { OUT_KEPT = PACKET_PREAUTH_MAX * 2 };

void uvssh__compression_stop(struct half* half) {
  struct compressor* c = half->compressor;

  half->compressor = NULL;
  if (c == NULL)
    return;
  c->alg->close(c->state, c->deflating);
  uvssh__buf_free(&c->out);
  uvssh__free(c);
}

static int start(struct half* half,
                 const struct compression_alg* alg,
                 int deflating) {
  struct compressor* c;
  int err;

  uvssh__compression_stop(half);
  c = (struct compressor*) uvssh__calloc(1, sizeof(*c));
  if (c == NULL)
    return UV_ENOMEM;
  err = alg->open(&c->state, deflating);
  if (err != 0) {
    uvssh__free(c);
    return err;
  }
  c->alg = alg;
  c->deflating = deflating;
  c->out.secret = 1;
  half->compressor = c;
  return 0;
}

static int start_in(struct transport* t, const struct compression_alg* alg) {
  return start(&t->in, alg, 0);
}

/* Without it nothing leaves that the peer would understand. */
static int start_out(struct transport* t, const struct compression_alg* alg) {
  int err = start(&t->out, alg, 1);

  t->unsealed |= err != 0;
  return err;
}

int uvssh__compression_newkeys(struct transport* t,
                               struct half* half,
                               const struct compression_alg* alg) {
  if (alg->open == NULL || (alg->delayed && !t->desk->logged_in)) {
    uvssh__compression_stop(half);
    return 0;
  }
  return half == &t->in ? start_in(t, alg) : start_out(t, alg);
}

int uvssh__compression_login(struct transport* t) {
  unsigned out = t->desk->is_server ? 1 : 0;
  const struct compression_alg* ours = t->agreed.compression[out];
  const struct compression_alg* theirs = t->agreed.compression[1 - out];
  int err = 0;

  if (ours->delayed)
    err = start_out(t, ours);
  if (err == 0 && theirs->delayed)
    err = start_in(t, theirs);
  return err;
}

/* An emptied buffer of its own: the last one may have been a large one. */
static struct buf* fresh(struct compressor* c) {
  if (c->out.cap > OUT_KEPT)
    uvssh__buf_free(&c->out);
  uvssh__buf_reset(&c->out);
  return &c->out;
}

int uvssh__deflate(struct compressor* c,
                   const uint8_t* head,
                   size_t head_len,
                   const uint8_t* body,
                   size_t body_len,
                   str_t* payload) {
  struct buf* out = fresh(c);
  int err = c->alg->deflate(c->state, head, head_len, body, body_len, out);

  *payload = str_of_buf(out);
  return err;
}

int uvssh__inflate(struct compressor* c,
                   str_t payload,
                   size_t most,
                   rd_t* m) {
  struct buf* out = fresh(c);
  int err = c->alg->inflate(c->state, payload, most, out);

  if (err == 0 && out->len == 0)   /* a message has its number */
    err = UVSSH_ECOMPRESSION;
  if (err == 0)
    *m = rd_of(out->base, out->len);
  return err;
}
