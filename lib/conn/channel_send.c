/* channel_send.c: what the caller sends: lent, copied or shared bytes. RFC 4254
 * section 5.2.
 *
 * Happy path: the queue is empty, there is window, and the transport keeps up:
 * copied and shared bytes are sealed from the caller's memory, at once, and
 * nothing is allocated. Otherwise they wait in the queue (channel_out.c). So do
 * small ones where much has been sealed in this turn of the loop already: at
 * its end they leave together, in few packets.
 * Refused: beyond queue_bytes (copied and shared) and session_bytes. */
#include "conn/conn.h"

enum { COPY_LEAST = 32, COPY_MOST = 2048, MUCH_SEALED = 512 };

/* How much of it was sealed: small ones leave together with what follows. */
static size_t seal_now(struct channel* ch,
                       int stream,
                       const uint8_t* base,
                       size_t len) {
  if (len < GATHER_BELOW && ch->conn->transport->unsent >= MUCH_SEALED)
    return 0;
  return uvssh__channel_seal_now(ch, stream, base, len);
}

static struct copy* add_copy(struct channel* ch, int stream, size_t cap) {
  struct copy* copy = (struct copy*) uvssh__malloc(sizeof(*copy) + cap);

  if (copy == NULL)
    return NULL;
  memset(copy, 0, sizeof(*copy));
  copy->cap = cap;
  copy->item.stream = (uint8_t) stream;
  uvssh__channel_queue_item(ch, &copy->item, ITEM_COPY);
  return copy;
}

/* Small sends that have to wait share one allocation: a large one, where they
 * are all that waits. Kinds and streams that take turns begin small each time,
 * or it would cost that much for a byte. */
static struct copy* copy_with_room(struct channel* ch, int stream, size_t len) {
  struct copy* copy;
  struct item* last;
  size_t cap = COPY_MOST;

  if (!queue_empty(&ch->items)) {
    last = CONTAINER_OF(ch->items.prev, struct item, link);
    copy = CONTAINER_OF(last, struct copy, item);
    cap = COPY_LEAST;
    if (last->kind == ITEM_COPY && last->stream == stream) {
      if (copy->cap - copy->len >= len)
        return copy;
      cap = copy->cap < COPY_MOST / 2 ? copy->cap * 2 : COPY_MOST;
    }
  }
  return add_copy(ch, stream, cap > len ? cap : len);
}

/* Whole or not at all: where a part has left, the session cannot go on. */
static int out_of_memory(struct channel* ch, size_t done) {
  if (done != 0)
    desk_fail(ch->conn->desk, UV_ENOMEM);
  return UV_ENOMEM;
}

int uvssh__channel_queue_copy(struct channel* ch,
                              int stream,
                              const uint8_t* base,
                              size_t len) {
  size_t done = seal_now(ch, stream, base, len);
  struct copy* copy;

  if (done == len)
    return 0;
  copy = copy_with_room(ch, stream, len - done);
  if (copy == NULL)
    return out_of_memory(ch, done);
  memcpy(copy->data + copy->len, base + done, len - done);
  copy->len += len - done;
  uvssh__channel_count_in(ch, len - done);
  return 0;
}

void uvssh__channel_queue_given(struct conn* c,
                                uint32_t id,
                                struct copy* copy) {
  struct channel* ch = uvssh__mux_find(c, id);

  if (ch == NULL || uvssh__channel_live(ch->pub) == NULL || ch->eof_queued) {
    uvssh__copy_release(copy);
    return;
  }
  copy->done = uvssh__channel_seal_now(ch, copy->item.stream, copy->data,
                                       copy->len);
  if (copy->done == copy->len) {
    uvssh__copy_release(copy);
    return;
  }
  uvssh__channel_count_in(ch, copy->len - copy->done);
  uvssh__channel_queue_item(ch, &copy->item, ITEM_COPY);
}

/* May data of this stream be queued? 0 or a code. */
static int may_send(const uvssh_channel_t* channel,
                    int stream,
                    struct channel** out) {
  struct channel* ch = uvssh__channel_live(channel);

  *out = ch;
  if (stream != UVSSH_DATA && stream != UVSSH_STDERR)
    return UV_EINVAL;
  if (ch == NULL)
    return UV_ENOTCONN;
  if (stream == UVSSH_STDERR && !ch->conn->desk->is_server)
    return UV_EINVAL;
  if (ch->eof_queued)
    return UV_EPIPE;
  return 0;
}

int uvssh__channel_has_room(const struct channel* ch,
                            size_t bound,
                            size_t spare) {
  const struct desk* desk = ch->conn->desk;

  return ch->queued - spare < bound &&
         desk->queued - spare < desk->config.session_bytes;
}

/* What waits only for the end of this turn does not make a queue full. */
int uvssh__channel_may_queue(struct channel* ch, size_t bound) {
  const struct desk* desk = ch->conn->desk;

  if (uvssh__channel_has_room(ch, bound, 0))
    return 1;
  uvssh__conn_pump(ch->conn);
  if (uvssh__channel_has_room(ch, bound, 0))
    return 1;
  if (desk->queued >= desk->config.session_bytes)
    ch->conn->refused = 1;
  ch->full = 1;
  return 0;
}

/* The same, and within the limits of copied and shared bytes. */
static int may_queue(const uvssh_channel_t* channel,
                     int stream,
                     struct channel** out) {
  int err = may_send(channel, stream, out);

  if (err != 0)
    return err;
  return uvssh__channel_may_queue(*out, (*out)->conn->desk->config.queue_bytes)
             ? 0
             : UV_ENOBUFS;
}

int uvssh_channel_send(uvssh_channel_t* channel,
                       int stream,
                       const void* base,
                       size_t len) {
  struct channel* ch;
  int err = may_queue(channel, stream, &ch);

  if (err != 0 || len == 0)
    return err;
  if (base == NULL || len > INT32_MAX)
    return UV_EINVAL;
  return uvssh__channel_queue_copy(ch, stream, (const uint8_t*) base, len);
}

int uvssh__channel_queue_payload(struct channel* ch,
                                 int stream,
                                 uvssh_payload_t* payload,
                                 struct membership* owner) {
  size_t done = seal_now(ch, stream, payload->data, payload->len);

  if (done == payload->len)
    return 0;
  if (uvssh__shared_add(ch, stream, payload, done, owner) != 0)
    return out_of_memory(ch, done);
  return 0;
}

int uvssh_channel_send_payload(uvssh_channel_t* channel,
                               int stream,
                               uvssh_payload_t* payload) {
  struct channel* ch;
  int err = may_queue(channel, stream, &ch);

  if (err != 0)
    return err;
  if (payload == NULL)
    return UV_EINVAL;
  return uvssh__channel_queue_payload(ch, stream, payload, NULL);
}

static int copy_bufs(struct request* r, const uv_buf_t bufs[], unsigned count) {
  r->bufs = &r->one;
  if (count > 1)
    r->bufs = (uv_buf_t*) uvssh__malloc(count * sizeof(*bufs));
  if (r->bufs == NULL)
    return UV_ENOMEM;
  memcpy(r->bufs, bufs, count * sizeof(*bufs));
  r->item.count = (uint16_t) count;
  uvssh__write_skip_empty(r);
  return 0;
}

int uvssh__channel_write(uvssh_req_t* req,
                         struct channel* ch,
                         int stream,
                         const uv_buf_t bufs[],
                         unsigned nbufs,
                         uvssh_req_cb cb) {
  struct request* r = request_of(req);
  int err;

  uvssh__request_begin(req, ch->conn->desk, ch->pub, cb);
  err = copy_bufs(r, bufs, nbufs);
  if (err != 0)
    return err;
  r->item.stream = (uint8_t) stream;
  uvssh__channel_count_in(ch, uvssh__write_left(r));
  uvssh__channel_queue_item(ch, &r->item, ITEM_WRITE);
  return 0;
}

int uvssh_channel_write(uvssh_req_t* req,
                        uvssh_channel_t* channel,
                        int stream,
                        const uv_buf_t bufs[],
                        unsigned nbufs,
                        uvssh_req_cb cb) {
  struct channel* ch;
  int err = may_send(channel, stream, &ch);

  if (err != 0)
    return err;
  if (req == NULL || bufs == NULL || nbufs == 0 || nbufs > 1024)
    return UV_EINVAL;
  if (ch->conn->desk->queued >= ch->conn->desk->config.session_bytes)
    return UV_ENOBUFS;
  return uvssh__channel_write(req, ch, stream, bufs, nbufs, cb);
}

size_t uvssh_channel_queue_size(const uvssh_channel_t* channel) {
  const struct channel* ch = uvssh__channel_live(channel);
  return ch == NULL ? 0 : ch->queued;
}
