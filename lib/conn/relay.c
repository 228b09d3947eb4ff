/* relay.c: what one channel receives, another sends. With from == to an echo.
 *
 * Back-pressure: while the target's queue is above a mark, the source is not
 * read; its window runs down, and its peer stops. Nothing else does. */
#include "conn/conn.h"

static void relay_copy(struct channel* from,
                       struct channel* to,
                       int stream,
                       const uint8_t* base,
                       size_t len) {
  size_t mark = to->conn->desk->config.drain_bytes;

  if (to->conn->desk->ended) {     /* nothing may follow DISCONNECT, and the */
    from->reading = 0;             /* relay ends with that session */
    return;
  }
  if (!to->conn->desk->is_server)
    stream = UVSSH_DATA;           /* clients have no stderr to send */
  if (to->eof_queued || to->closing ||
      uvssh__channel_queue_copy(to, stream, base, len) != 0) {
    uvssh__relay_end(from, UV_ECANCELED);
    return;
  }
  if (to->queued >= mark)
    uvssh__conn_pump(to->conn);    /* it may wait for the end of this turn */
  if (to->queued >= mark)
    from->reading = 0;
}

void uvssh__relay_data(struct channel* from,
                       int stream,
                       const uint8_t* base,
                       ssize_t n) {
  struct channel* to = from->relay_to;

  if (n > 0) {
    relay_copy(from, to, stream, base, (size_t) n);
  } else if (n != UV_EOF) {
    uvssh__relay_end(from, (int) n);
  } else {
    from->relay_ended = 1;
    uvssh__channel_touch(to);
  }
}

void uvssh__relay_drained(struct channel* to) {
  struct channel* from = to->relay_from;

  if (from == NULL)
    return;
  if (from->relay_ended) {
    if (to->queued == 0)
      uvssh__relay_end(from, 0);
  } else if (!from->reading &&
             to->queued < to->conn->desk->config.drain_bytes / 2 + 1) {
    from->reading = 1;
    uvssh__channel_touch(from);
  }
}

void uvssh__relay_end(struct channel* from, int status) {
  uvssh_req_t* req = from->relay_req;

  from->relay_to->relay_from = NULL;
  from->relay_to = NULL;
  from->relay_req = NULL;
  from->reading = 0;
  uvssh__channel_touch(from);      /* its end may have waited for this one */
  uvssh__request_done(from->conn->desk, req, status);
}

int uvssh_channel_relay(uvssh_req_t* req,
                        uvssh_channel_t* from,
                        uvssh_channel_t* to,
                        uvssh_req_cb cb) {
  struct channel* source = uvssh__channel_live(from);
  struct channel* target = uvssh__channel_live(to);

  if (req == NULL)
    return UV_EINVAL;
  if (source == NULL || target == NULL)
    return UV_ENOTCONN;
  if (source->conn->desk->slots != target->conn->desk->slots)
    return UV_EINVAL;              /* of two loops */
  if (source->reading || source->relay_to != NULL ||
      target->relay_from != NULL || source->holder != NULL ||
      target->holder != NULL)
    return UV_EBUSY;
  uvssh__request_begin(req, source->conn->desk, from, cb);
  source->relay_to = target;
  target->relay_from = source;
  source->relay_req = req;
  source->relay_ended = source->told;  /* EOF comes once: it may have come */
  source->reading = 1;
  source->began = 1;
  uvssh__channel_touch(source);
  uvssh__channel_touch(target);
  return 0;
}
