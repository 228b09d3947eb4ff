/* channel.c: one channel's life. RFC 4254 section 5.3; the two halves of the
 * oracle's sub-machine: what the peer has ended (eof_in, close_in) and what we
 * have (eof_out, close_out) are independent.
 *
 * Happy path: EOF and CLOSE go behind what is queued; when all has been taken
 * by the transport, on_close. The memory of the number goes when the peer has
 * closed, too.
 * The peer closes first: what we had queued is dropped, CLOSE is answered,
 * what a reader holds is still delivered, then on_close.
 *
 * on_close comes from the loop only, once. */
#include "conn/conn.h"

struct channel* uvssh__channel_new(struct conn* c,
                                   uvssh_channel_t* pub,
                                   const uvssh_channel_handlers_t* handlers) {
  struct channel* ch = (struct channel*) uvssh__calloc(1, sizeof(*ch));

  if (ch == NULL)
    return NULL;
  ch->conn = c;
  ch->pub = pub;
  ch->on = *handlers;
  queue_init(&ch->items);
  queue_init(&ch->asks);
  queue_init(&ch->requests);
  queue_init(&ch->members);
  queue_init(&ch->ready);
  queue_init(&ch->work);
  return ch;
}

void uvssh__channel_free(struct channel* ch) {
  if (ch->relay_to != NULL)
    uvssh__relay_end(ch, UV_ECANCELED);
  if (ch->relay_from != NULL)
    uvssh__relay_end(ch->relay_from, UV_ECANCELED);
  uvssh__channel_drop_queue(ch, UV_ECANCELED);
  uvssh__channel_drop_held(ch);
  uvssh__asks_drop(&ch->asks, &ch->ask_count);
  queue_remove(&ch->ready);
  queue_remove(&ch->work);
  uvssh__free(ch);
}

struct channel* uvssh__channel_live(const uvssh_channel_t* channel) {
  struct channel* ch = channel == NULL ? NULL : (struct channel*) channel->impl;

  if (ch == NULL || !ch->open || ch->closing || ch->close_in ||
      ch->conn->desk->ended)
    return NULL;
  return ch;
}

void uvssh__channel_touch(struct channel* ch) {
  if (queue_empty(&ch->work))
    queue_push(&ch->conn->work, &ch->work);
  desk_wake(ch->conn->desk);
}

/* ---- the peer's halves --------------------------------------------------- */

/* 0: *ch is to be looked at, or NULL where the message is late and harmless. */
static int find(struct conn* c, rd_t* m, struct channel** ch) {
  uint32_t id = rd_u32(m);         /* recipient channel */
  int err = rd_end(m);

  *ch = uvssh__mux_find(c, id);
  if (err != 0)
    return err;
  if (*ch == NULL)
    return mux_is_gone(c, id) ? 0 : UVSSH_EUNEXPECTED;
  return (*ch)->open ? 0 : UVSSH_EUNEXPECTED;
}

int uvssh__on_channel_eof(struct conn* c, rd_t* m) {
  struct channel* ch;
  int err = find(c, m, &ch);

  if (err != 0 || ch == NULL)
    return err;
  if (ch->close_in || (ch->eof_in && !ch->close_out))
    return UVSSH_EUNEXPECTED;
  ch->eof_in = 1;
  uvssh__channel_touch(ch);
  return 0;
}

int uvssh__on_channel_close(struct conn* c, rd_t* m) {
  struct channel* ch;
  int err = find(c, m, &ch);

  if (err != 0 || ch == NULL)
    return err;
  if (ch->close_in)
    return UVSSH_EUNEXPECTED;
  ch->close_in = 1;
  ch->eof_in = 1;
  if (!ch->close_out)
    uvssh__channel_drop_queue(ch, UV_ECANCELED);
  if (!ch->closing && !ch->close_out)
    uvssh__channel_queue_item(ch, &ch->close_item, ITEM_CLOSE);
  ch->eof_queued = 1;
  uvssh__asks_drop(&ch->asks, &ch->ask_count);
  if (!ch->began)
    uvssh__channel_drop_held(ch);
  uvssh__channel_touch(ch);
  return 0;
}

/* ---- our halves ---------------------------------------------------------- */

void uvssh__channel_linger(struct channel* ch) {
  const struct desk* d = ch->conn->desk;

  ch->linger_at = desk_now(d) + d->config.linger_ms;
}

void uvssh__channel_begin_close(struct channel* ch, int drop) {
  if (drop)
    uvssh__channel_drop_queue(ch, UV_ECANCELED);
  if (ch->relay_to != NULL)
    uvssh__relay_end(ch, UV_ECANCELED);
  ch->reading = 0;
  uvssh__channel_drop_held(ch);
  if (!ch->closing) {
    ch->closing = 1;
    ch->conn->lingering += ch->pub != NULL ? 1 : 0;
    uvssh__channel_linger(ch);
    uvssh__asks_drop(&ch->asks, &ch->ask_count);
    if (!ch->eof_queued && !drop)
      uvssh__channel_queue_item(ch, &ch->eof_item, ITEM_EOF);
    ch->eof_queued = 1;
    if (!ch->close_in)
      uvssh__channel_queue_item(ch, &ch->close_item, ITEM_CLOSE);
  }
  uvssh__channel_touch(ch);
}

int uvssh_channel_shutdown(uvssh_req_t* req,
                           uvssh_channel_t* channel,
                           uvssh_req_cb cb) {
  struct channel* ch = uvssh__channel_live(channel);

  if (ch == NULL)
    return UV_ENOTCONN;
  if (ch->eof_queued)
    return UV_EPIPE;
  ch->eof_queued = 1;
  if (req == NULL) {
    uvssh__channel_queue_item(ch, &ch->eof_item, ITEM_EOF);
    return 0;
  }
  uvssh__request_begin(req, ch->conn->desk, channel, cb);
  uvssh__channel_queue_item(ch, &request_of(req)->item, ITEM_EOF);
  return 0;
}

int uvssh_channel_exit(uvssh_channel_t* channel,
                       int64_t exit_status,
                       int term_signal) {
  struct channel* ch = uvssh__channel_live(channel);

  if (ch == NULL || !ch->conn->desk->is_server)
    return UV_ENOTCONN;
  ch->exit_status = exit_status;
  ch->term_signal = term_signal;
  uvssh__channel_queue_item(ch, &ch->exit_item, ITEM_EXIT);
  uvssh__channel_begin_close(ch, 0);
  return 0;
}

/* An open that the peer has not answered is forgotten; when the answer is yes
 * after all, the channel is closed there. */
static void cancel_open(struct channel* ch) {
  uvssh_req_t* req = ch->open_req;

  ch->open_req = NULL;
  ch->pub->impl = NULL;
  ch->pub = NULL;
  uvssh__request_done(ch->conn->desk, req, UV_ECANCELED);
}

static void close_public(uvssh_channel_t* channel, int drop) {
  struct channel* ch = channel == NULL ? NULL : (struct channel*) channel->impl;

  if (ch == NULL)
    return;
  if (ch->open_req != NULL)
    cancel_open(ch);
  else
    uvssh__channel_begin_close(ch, drop);
}

void uvssh_channel_close(uvssh_channel_t* channel) {
  close_public(channel, 0);
}

void uvssh_channel_abort(uvssh_channel_t* channel) {
  close_public(channel, 1);
}

int uvssh_channel_is_open(const uvssh_channel_t* channel) {
  return uvssh__channel_live(channel) != NULL;
}

/* ---- what a turn of the loop does ---------------------------------------- */

static void fail_requests(struct channel* ch, int status) {
  struct request* r;

  while (!queue_empty(&ch->requests)) {
    r = CONTAINER_OF(ch->requests.next, struct request, item.link);
    ch->request_count--;
    uvssh__request_done(ch->conn->desk, req_of(r), status);
  }
}

/* Writes that are sealed but not taken stand on the session's list. */
static void fail_sent(struct channel* ch, int status) {
  struct queue* at = ch->conn->sent.next;
  struct request* r;

  while (at != &ch->conn->sent) {
    r = CONTAINER_OF(at, struct request, item.link);
    at = at->next;
    if (req_of(r)->channel == ch->pub)
      uvssh__request_done(ch->conn->desk, req_of(r), status);
  }
  ch->unwritten = 0;
}

/* The requests complete first, and in this very turn, so on_close is last. */
void uvssh__channel_finish(struct channel* ch, int status) {
  struct conn* c = ch->conn;
  uvssh_channel_t* pub = ch->pub;
  struct holder* holder;
  int was_open = ch->open;
  int pending = status == 0 ? UV_ECANCELED : status;

  c->lingering -= ch->closing ? 1 : 0;
  ch->closing = 1;                 /* a callback may close it once more */
  if (ch->open_req != NULL)
    uvssh__request_done(c->desk, ch->open_req, pending);
  ch->open_req = NULL;
  if (ch->relay_to != NULL)
    uvssh__relay_end(ch, pending);
  if (ch->relay_from != NULL)
    uvssh__relay_end(ch->relay_from, pending);
  uvssh__channel_drop_queue(ch, pending);
  fail_sent(ch, pending);
  fail_requests(ch, pending);
  uvssh__asks_drop(&ch->asks, &ch->ask_count);
  uvssh__channel_drop_held(ch);
  ch->reading = 0;
  if (!was_open)                   /* its memory is the caller's again with */
    pub->impl = ch->pub = NULL;    /* the request's callback */
  uvssh__requests_run(c->desk);
  if (!was_open)
    return;
  holder = ch->holder;
  ch->holder = NULL;
  if (holder != NULL)
    holder->gone(holder, status);
  uvssh__channel_leave_groups(ch);
  pub->impl = ch->pub = NULL;
  if (ch->on.on_close != NULL)
    ch->on.on_close(pub, status);
}

/* Nothing of the user's waits any more: all that he sent has been taken (or has
 * had its time), all that he reads has been read. */
static int is_over(const struct channel* ch) {
  if (ch->closing)
    return ch->close_out ? ch->unwritten == 0 : 0;
  return ch->close_in && ch->close_out && ch->unwritten == 0 &&
         ch->relay_to == NULL &&
         (!ch->began || ch->told || (ch->held == NULL && !ch->reading));
}

void uvssh__channel_work(struct channel* ch) {
  struct conn* c = ch->conn;

  uvssh__channel_deliver(ch);
  uvssh__window_give(ch);
  if (ch->full && !c->refused && ch->queued < c->desk->config.drain_bytes) {
    ch->full = 0;
    if (ch->pub != NULL && ch->on.on_drain != NULL && !ch->closing)
      ch->on.on_drain(ch->pub);
  }
  uvssh__relay_drained(ch);
  if (ch->pub != NULL && is_over(ch))
    uvssh__channel_finish(ch, 0);
  if (ch->pub == NULL && ch->close_in && ch->close_out)
    uvssh__mux_remove(ch);
}

/* No data may come that would remind us: the window may have run down. */
static void touch_all(struct conn* c) {
  struct channel* ch;
  unsigned i;

  c->credit_waits = 0;
  for (i = 0; i < c->table_size; i++)
    for (ch = c->table[i]; ch != NULL; ch = ch->next)
      uvssh__channel_touch(ch);
}

void uvssh__conn_work(struct conn* c) {
  struct queue due;
  struct channel* ch;

  if (c->refused && c->desk->queued < c->desk->config.session_bytes) {
    c->refused = 0;                /* other channels had been in its way */
    touch_all(c);
  }
  if (c->credit_waits && !c->transport->kexinit_sent)
    touch_all(c);
  queue_move(&c->work, &due);
  while (!queue_empty(&due) && c->desk->ended != ENDED) {
    ch = CONTAINER_OF(due.next, struct channel, work);
    queue_remove(&ch->work);
    uvssh__channel_work(ch);
  }
  while (!queue_empty(&due))       /* it ended meanwhile */
    queue_remove(due.next);
}

/* ---- time: closing waits linger_ms for the peer to take something -------- */

static int lingers(const struct channel* ch) {
  return ch->pub != NULL && ch->closing;
}

uint64_t uvssh__conn_deadline(const struct conn* c) {
  const struct channel* ch;
  uint64_t first = UINT64_MAX;
  unsigned i;

  if (c->lingering == 0)
    return first;
  for (i = 0; i < c->table_size; i++)
    for (ch = c->table[i]; ch != NULL; ch = ch->next)
      if (lingers(ch) && ch->linger_at < first)
        first = ch->linger_at;
  return first;
}

/* The time is up: what is queued is dropped, and the user hears on_close; the
 * CLOSE itself leaves when it can. */
void uvssh__conn_tick(struct conn* c) {
  struct queue due;
  struct channel* ch;
  unsigned i;

  if (c->lingering == 0)
    return;
  queue_init(&due);
  uvssh__conn_pump(c);             /* what waits only for the end of a turn */
  for (i = 0; i < c->table_size; i++) {
    for (ch = c->table[i]; ch != NULL; ch = ch->next) {
      if (!lingers(ch) || ch->linger_at > desk_now(c->desk))
        continue;
      queue_remove(&ch->work);
      queue_push(&due, &ch->work);
    }
  }
  while (!queue_empty(&due) && !c->desk->ended) {
    ch = CONTAINER_OF(due.next, struct channel, work);
    queue_remove(&ch->work);
    uvssh__channel_finish(ch, ch->queued != 0 || ch->unwritten != 0
                                  ? UV_ETIMEDOUT
                                  : 0);
    uvssh__channel_touch(ch);
  }
  while (!queue_empty(&due))
    queue_remove(due.next);
}
