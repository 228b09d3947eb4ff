/* jump.c: a transport over a channel of another session: the session above is
 * carried by the session below.
 *
 * Happy path: what the channel's peer sends is fed from where it was decrypted,
 * and decrypted there once more; a block to write is lent to the channel, and
 * written when the session below has taken it. Reading that stops lets the
 * channel's window run dry, a channel without window holds the write: so
 * back-pressure goes through both sessions.
 * The end from below: EOF, CLOSE, the channel closed by its owner, the session
 * below ended: what had come is read first, then the end. From above: the
 * channel is closed, and what is queued in it dropped.
 *
 * It never calls anybody from inside a call: the channel's reader and its
 * requests are called from the loop, and only there it feeds. Its state is in
 * the transport's reserved words, but for the request of a write, which may
 * outlive them. */
#include "loop/loop.h"

struct carry {
  uvssh_req_t req;                 /* first */
  uvssh_transport_t* t;            /* NULL: it is closed */
  int busy;
};

static uvssh_transport_t* transport_of(struct holder* holder) {
  struct transport_words* w = CONTAINER_OF(holder, struct transport_words,
                                           holder);
  return CONTAINER_OF(w, uvssh_transport_t, reserved);
}

/* ---- reading ------------------------------------------------------------- */

/* A DISCONNECT below is for the session below. */
static void end(uvssh_transport_t* t, int status) {
  if (words_of(t)->end == 0)
    words_of(t)->end = status == UVSSH_EDISCONNECT ? UV_EOF : status;
  uvssh_transport_feed(t, (ssize_t) words_of(t)->end, NULL);
}

/* The last we hear of it, as a reader would: what anybody may have cut has not
 * ended in peace. */
static void on_gone(struct holder* holder, int status) {
  uvssh_transport_t* t = transport_of(holder);

  words_of(t)->channel = NULL;
  if (status == UV_EOF)
    status = UV_ECONNRESET;
  end(t, status == 0 ? UV_EOF : status);
}

static void on_read(uvssh_channel_t* channel,
                    int stream,
                    ssize_t nread,
                    const uv_buf_t* buf) {
  uvssh_transport_t* t =
      transport_of(((struct channel*) channel->impl)->holder);

  if (nread < 0)
    end(t, (int) nread);
  else if (stream == UVSSH_DATA)
    uvssh_transport_feed(t, nread, buf->base);
}

static int jump_read_start(uvssh_transport_t* t) {
  struct transport_words* w = words_of(t);

  if (w->end != 0)
    uvssh_transport_feed(t, (ssize_t) w->end, NULL);
  if (w->channel == NULL)
    return 0;
  if (w->attach->session.desk.slots != w->channel->conn->desk->slots)
    return UV_EINVAL;              /* of two loops */
  uvssh__channel_read(w->channel, on_read);
  return 0;
}

static int jump_read_stop(uvssh_transport_t* t) {
  if (words_of(t)->channel != NULL)
    words_of(t)->channel->reading = 0;
  return 0;
}

/* ---- writing ------------------------------------------------------------- */

/* Nothing is taken any more. What had come is still read, however long that
 * takes; the end stands behind it, and says more than this. */
static void stop_writing(uvssh_transport_t* t) {
  const struct channel* ch = words_of(t)->channel;

  if (ch != NULL && !ch->closing)  /* else the end comes at once */
    uvssh__attach_unwritable(words_of(t)->attach);
}

static void on_written(uvssh_req_t* req, int status) {
  struct carry* carry = (struct carry*) (void*) req;

  carry->busy = 0;
  if (carry->t == NULL)
    uvssh__free(carry);
  else if (status == 0)
    uvssh_transport_wrote(carry->t, 0);
  else
    stop_writing(carry->t);
}

static int jump_write(uvssh_transport_t* t,
                      const uv_buf_t bufs[],
                      unsigned nbufs) {
  struct transport_words* w = words_of(t);
  int err;

  if (w->carry == NULL)
    w->carry = (struct carry*) uvssh__calloc(1, sizeof(*w->carry));
  if (w->carry == NULL)
    return UV_ENOMEM;
  w->carry->t = t;
  if (w->channel == NULL || uvssh__channel_live(w->channel->pub) == NULL) {
    stop_writing(t);
    return 0;
  }
  if (w->channel->eof_queued)
    return UV_EPIPE;
  err = uvssh__channel_write(&w->carry->req, w->channel, UVSSH_DATA, bufs,
                             nbufs, on_written);
  w->carry->busy = err == 0;
  return err;
}

/* ---- the end and the beginning ------------------------------------------- */

static void jump_close(uvssh_transport_t* t) {
  struct transport_words* w = words_of(t);
  struct channel* ch = w->channel;
  struct carry* carry = w->carry;

  w->channel = NULL;
  w->carry = NULL;
  if (ch != NULL) {
    ch->holder = NULL;
    uvssh__channel_begin_close(ch, 1);       /* the lent bytes are free */
  }
  if (carry != NULL && carry->busy)
    carry->t = NULL;
  else
    uvssh__free(carry);
  uvssh_transport_closed(t);
}

static const uvssh_transport_ops_t ops = { jump_read_start, jump_read_stop,
                                           jump_write, jump_close, NULL };

int uvssh_transport_channel(uvssh_transport_t* t, uvssh_channel_t* channel) {
  struct channel* ch = uvssh__channel_live(channel);
  struct transport_words* w;

  if (t == NULL || channel == NULL)
    return UV_EINVAL;
  if (ch == NULL)
    return UV_ENOTCONN;
  if (ch->eof_queued)
    return UV_EPIPE;
  if (ch->reading || ch->holder != NULL || ch->relay_to != NULL ||
      ch->relay_from != NULL)
    return UV_EBUSY;
  memset(t->reserved, 0, sizeof(t->reserved));
  w = words_of(t);
  w->holder.gone = on_gone;
  w->channel = ch;
  w->end = ch->told ? UV_EOF : 0;  /* it comes once: it may have come */
  ch->holder = &w->holder;
  ch->began = 1;                   /* what comes before the session starts */
  t->ops = &ops;                   /* outlives the peer */
  return 0;
}
