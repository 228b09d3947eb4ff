/* channel_out.c: the write queue of a channel, and packets made from it. RFC
 * 4254 section 5.2.
 *
 * Happy path: one packet a channel in turn is made from the queues, from where
 * the bytes lie. What is sent while the queue is empty does not even enter it.
 * Waits for: window; the end of a key exchange; the transport.
 *
 * EXIT, EOF and CLOSE keep their place behind the data. */
#include "conn/conn.h"

/* ---- sealing ------------------------------------------------------------- */

static void seal(struct channel* ch,
                 int stream,
                 const uint8_t* base,
                 size_t n) {
  uint8_t head[13];
  size_t len = 5;

  head[0] = MSG_CHANNEL_DATA;
  put_u32(head + 1, ch->peer_id);  /* recipient channel */
  if (stream != UVSSH_DATA) {
    head[0] = MSG_CHANNEL_EXTENDED_DATA;
    put_u32(head + 5, (uint32_t) stream);  /* data_type_code */
    len = 9;
  }
  put_u32(head + len, (uint32_t) n);
  ch->window_out -= (uint32_t) n;
  uvssh__send_data(ch->conn->transport, head, len + 4, base, n);
}

static size_t fits(const struct channel* ch, size_t n) {
  if (n > ch->packet_out)
    n = ch->packet_out;
  return n < ch->window_out ? n : ch->window_out;
}

size_t uvssh__channel_seal_now(struct channel* ch,
                               int stream,
                               const uint8_t* base,
                               size_t len) {
  size_t done = 0;
  size_t n;

  while (done < len && queue_empty(&ch->items) &&
         uvssh__can_send_data(ch->conn->transport)) {
    n = fits(ch, len - done);
    if (n == 0)
      break;
    seal(ch, stream, base + done, n);
    done += n;
  }
  return done;
}

static void send_exit(struct channel* ch) {
  struct buf* m = uvssh__message(ch->conn->transport, MSG_CHANNEL_REQUEST);

  wr_u32(m, ch->peer_id);
  if (ch->term_signal == 0) {
    wr_cstr(m, "exit-status");
    wr_bool(m, 0);
    wr_u32(m, (uint32_t) ch->exit_status);
  } else {
    wr_cstr(m, "exit-signal");
    wr_bool(m, 0);
    wr_cstr(m, uvssh__signal_name(ch->term_signal));
    wr_bool(m, 0);                 /* core dumped: not known */
    wr_cstr(m, "");                /* error message */
    wr_cstr(m, "");                /* language tag */
  }
  uvssh__send(ch->conn->transport);
}

static void send_mark(struct channel* ch, uint8_t number) {
  struct buf* m = uvssh__message(ch->conn->transport, number);

  wr_u32(m, ch->peer_id);
  uvssh__send(ch->conn->transport);
}

/* ---- the queue ----------------------------------------------------------- */

static int needs_window(const struct item* item) {
  return item->kind <= ITEM_PAYLOAD;
}

/* On the ready list while its first item could leave. */
static void mark_ready(struct channel* ch) {
  const struct item* first;

  if (queue_empty(&ch->items) || !queue_empty(&ch->ready))
    return;
  first = CONTAINER_OF(ch->items.next, struct item, link);
  if (!ch->open || (needs_window(first) && ch->window_out == 0))
    return;
  queue_push(&ch->conn->ready, &ch->ready);
  desk_wake(ch->conn->desk);
}

void uvssh__channel_count_in(struct channel* ch, size_t n) {
  ch->queued += n;
  ch->conn->desk->queued += n;
  if (ch->queued >= ch->conn->desk->config.queue_bytes)
    ch->full = 1;
}

static void take_out(struct channel* ch, size_t n) {
  ch->queued -= n;
  ch->conn->desk->queued -= n;
  if (ch->conn->refused)
    desk_wake(ch->conn->desk);
}

static void count_out(struct channel* ch, size_t n) {
  take_out(ch, n);
  if (ch->full || ch->relay_from != NULL)
    uvssh__channel_touch(ch);
}

void uvssh__channel_queue_item(struct channel* ch,
                               struct item* item,
                               enum item_kind kind) {
  item->kind = (uint8_t) kind;
  queue_push(&ch->items, &item->link);
  mark_ready(ch);
}

void uvssh__copy_release(struct copy* copy) {
  if (copy->release != NULL)
    copy->release(copy);
  else
    uvssh__free(copy);
}

/* Sealed, or given up. Completion of a write waits for the transport. */
static void item_done(struct channel* ch, struct item* item, int status) {
  struct request* r;

  queue_remove(&item->link);
  switch (item->kind) {
    case ITEM_COPY:
      uvssh__copy_release(CONTAINER_OF(item, struct copy, item));
      return;
    case ITEM_PAYLOAD:
      uvssh__shared_free(CONTAINER_OF(item, struct shared, item));
      return;
    case ITEM_EXIT:
    case ITEM_CLOSE:
      return;
    case ITEM_EOF:
      if (item == &ch->eof_item)
        return;
      break;
    default:
      break;
  }
  r = CONTAINER_OF(item, struct request, item);
  if (status != 0) {
    uvssh__request_done(ch->conn->desk, req_of(r), status);
    return;
  }
  r->end = (size_t) ch->conn->transport->sealed_end;
  queue_push(&ch->conn->sent, &item->link);
  ch->unwritten++;
}

size_t uvssh__write_left(const struct request* r) {
  size_t left = 0;
  unsigned i;

  for (i = r->item.at; i < r->item.count; i++)
    left += r->bufs[i].len;
  return left;
}

static size_t item_left(struct item* item) {
  struct copy* copy;

  switch (item->kind) {
    case ITEM_WRITE:
      return uvssh__write_left(CONTAINER_OF(item, struct request, item));
    case ITEM_COPY:
      copy = CONTAINER_OF(item, struct copy, item);
      return copy->len - copy->done;
    case ITEM_PAYLOAD:
      return uvssh__shared_left(CONTAINER_OF(item, struct shared, item));
    default:
      return 0;
  }
}

void uvssh__channel_dropped(struct channel* ch,
                            struct item* item,
                            size_t n,
                            int is_done) {
  take_out(ch, n);
  if (is_done)
    item_done(ch, item, UV_ECANCELED);
  if (queue_empty(&ch->items))
    queue_remove(&ch->ready);
  mark_ready(ch);                  /* what is first now may need no window */
}

/* What comes behind the data still leaves: the end of a process, EOF, CLOSE. */
void uvssh__channel_drop_queue(struct channel* ch, int status) {
  struct queue all;
  struct item* item;

  queue_move(&ch->items, &all);
  while (!queue_empty(&all)) {
    item = CONTAINER_OF(all.next, struct item, link);
    if (item->kind == ITEM_EXIT || item->kind == ITEM_CLOSE ||
        item == &ch->eof_item) {
      queue_remove(&item->link);
      queue_push(&ch->items, &item->link);
      continue;
    }
    count_out(ch, item_left(item));
    item_done(ch, item, status);
  }
  mark_ready(ch);                  /* data waits for window, they do not */
}

/* ---- from the queue into packets ----------------------------------------- */

void uvssh__write_skip_empty(struct request* r) {
  while (r->item.at < r->item.count && r->bufs[r->item.at].len == 0)
    r->item.at++;
}

/* The next piece of a write: small neighbours are put together in `room`. */
static struct piece write_piece(struct request* r, uint8_t* room, size_t max) {
  struct piece p = { NULL, 0 };
  unsigned i = r->item.at;
  size_t n;

  if (i == r->item.count)
    return p;
  p.base = (const uint8_t*) r->bufs[i].base;
  p.len = r->bufs[i].len;
  if (p.len >= GATHER_BELOW || i + 1u == r->item.count)
    return p;
  for (p.base = room, p.len = 0; i < r->item.count && p.len < max; i++) {
    n = r->bufs[i].len < max - p.len ? r->bufs[i].len : max - p.len;
    if (n != 0)                    /* an empty one may be NULL */
      memcpy(room + p.len, r->bufs[i].base, n);
    p.len += n;
  }
  return p;
}

static void write_advance(struct request* r, size_t n) {
  uv_buf_t* b;
  size_t part;

  for (; n != 0; n -= part) {
    b = &r->bufs[r->item.at];
    part = n < b->len ? n : b->len;
    b->base += part;
    b->len -= part;
    uvssh__write_skip_empty(r);
  }
}

static struct piece next_piece(struct item* item, uint8_t* room, size_t max) {
  struct copy* copy;
  struct piece p;

  switch (item->kind) {
    case ITEM_WRITE:
      return write_piece(CONTAINER_OF(item, struct request, item), room, max);
    case ITEM_COPY:
      copy = CONTAINER_OF(item, struct copy, item);
      p.base = copy->data + copy->done;
      p.len = copy->len - copy->done;
      return p;
    default:
      return uvssh__shared_piece(CONTAINER_OF(item, struct shared, item), room,
                                 max);
  }
}

static void advance(struct item* item, size_t n) {
  switch (item->kind) {
    case ITEM_WRITE:
      write_advance(CONTAINER_OF(item, struct request, item), n);
      break;
    case ITEM_COPY:
      CONTAINER_OF(item, struct copy, item)->done += n;
      break;
    default:
      uvssh__shared_advance(CONTAINER_OF(item, struct shared, item), n);
      break;
  }
}

static void pump_data(struct channel* ch, struct item* item) {
  uint8_t room[GATHER_BELOW * 2];
  struct piece p = next_piece(item, room, sizeof(room));
  size_t n = fits(ch, p.len);

  if (n != 0) {
    seal(ch, item->stream, p.base, n);
    advance(item, n);
    count_out(ch, n);
    if (ch->closing && ch->conn->desk->config.linger_ms != 0)
      uvssh__channel_linger(ch);   /* the peer takes it */
  }
  if (item_left(item) == 0)
    item_done(ch, item, 0);
}

/* One packet's worth of the first item. */
static void pump_one(struct channel* ch) {
  struct item* item = CONTAINER_OF(ch->items.next, struct item, link);

  switch (item->kind) {
    case ITEM_EXIT:
      send_exit(ch);
      break;
    case ITEM_EOF:
      ch->eof_out = 1;
      send_mark(ch, MSG_CHANNEL_EOF);
      break;
    case ITEM_CLOSE:
      ch->close_out = 1;
      send_mark(ch, MSG_CHANNEL_CLOSE);
      uvssh__channel_touch(ch);
      break;
    default:
      pump_data(ch, item);
      return;
  }
  item_done(ch, item, 0);
}

void uvssh__conn_pump(struct conn* c) {
  struct channel* ch;

  while (!queue_empty(&c->ready) && uvssh__can_send_data(c->transport)) {
    ch = CONTAINER_OF(c->ready.next, struct channel, ready);
    queue_remove(&ch->ready);
    pump_one(ch);
    mark_ready(ch);
  }
}

void uvssh__conn_written(struct conn* c) {
  struct request* r;
  struct channel* ch;

  while (!queue_empty(&c->sent)) {
    r = CONTAINER_OF(c->sent.next, struct request, item.link);
    if ((ptrdiff_t) ((size_t) c->transport->written_end - r->end) < 0)
      return;
    ch = (struct channel*) req_of(r)->channel->impl;
    ch->unwritten--;
    if (ch->closing || ch->close_in)
      uvssh__channel_touch(ch);
    uvssh__request_done(c->desk, req_of(r), 0);
  }
}

int uvssh__on_window_adjust(struct conn* c, rd_t* m) {
  uint32_t id = rd_u32(m);         /* recipient channel */
  uint32_t bytes = rd_u32(m);      /* bytes to add */
  struct channel* ch = uvssh__mux_find(c, id);

  if (rd_end(m) != 0)
    return UVSSH_EMESSAGE;
  if (ch == NULL)
    return mux_is_gone(c, id) ? 0 : UVSSH_EUNEXPECTED;
  if (!ch->open)
    return UVSSH_EUNEXPECTED;
  if (bytes > UINT32_MAX - ch->window_out)
    return UVSSH_EMESSAGE;
  ch->window_out += bytes;
  mark_ready(ch);
  return 0;
}
