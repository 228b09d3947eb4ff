/* stream.c: a transport over any uv_stream_t: reading and closing. Writing is
 * in stream_posix.c and stream_win.c.
 *
 * All sessions of a loop read into one buffer: libuv asks for it and fills it
 * back to back, and what a session keeps it copies. An empty buffer is the
 * answer to one that has read its share of this turn; libuv then says
 * UV_ENOBUFS, which means nothing here, and comes back next turn. */
#include "loop/loop.h"

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  uvssh_transport_t* t = (uvssh_transport_t*) handle->data;
  struct attach* a = words_of(t)->attach;
  size_t budget = a == NULL ? 0 : uvssh__attach_budget(a);

  *buf = uv_buf_init(NULL, 0);
  if (budget == 0)
    return;
  if (a->loop->read_buffer == NULL)
    a->loop->read_buffer = (char*) uvssh__malloc(READ_BUFFER);
  if (a->loop->read_buffer != NULL)
    *buf = uv_buf_init(a->loop->read_buffer, READ_BUFFER);
}

static void on_read(uv_stream_t* stream, ssize_t nread, const uv_buf_t* buf) {
  uvssh_transport_t* t = (uvssh_transport_t*) stream->data;
  struct attach* a = words_of(t)->attach;

  if (nread == UV_ENOBUFS &&
      (a == NULL || a->loop->read_buffer != NULL))
    return;
  uvssh_transport_feed(t, nread == UV_ENOBUFS ? UV_ENOMEM : nread, buf->base);
}

static int stream_read_start(uvssh_transport_t* t) {
  int err = uv_read_start(words_of(t)->stream, on_alloc, on_read);
  return err == UV_EALREADY ? 0 : err;
}

static int stream_read_stop(uvssh_transport_t* t) {
  return uv_read_stop(words_of(t)->stream);
}

static void part_closed(uvssh_transport_t* t) {
  if (--words_of(t)->closing == 0)
    uvssh_transport_closed(t);
}

static void on_stream_closed(uv_handle_t* handle) {
  part_closed((uvssh_transport_t*) handle->data);
}

void uvssh__stream_write_closed(uvssh_transport_t* t) {
  part_closed(t);
}

static void stream_close(uvssh_transport_t* t) {
  words_of(t)->closing = 2;
  uv_close((uv_handle_t*) words_of(t)->stream, on_stream_closed);
  uvssh__stream_write_close(t);
}

static int stream_peername(const uvssh_transport_t* t,
                           struct sockaddr* name,
                           int* namelen) {
  const uv_stream_t* stream = words_of(t)->stream;

  if (stream->type != UV_TCP)
    return UV_ENOTSUP;
  return uv_tcp_getpeername((const uv_tcp_t*) stream, name, namelen);
}

static const uvssh_transport_ops_t ops = { stream_read_start, stream_read_stop,
                                           uvssh__stream_write, stream_close,
                                           stream_peername };

int uvssh_transport_stream(uvssh_transport_t* t, uv_stream_t* s) {
  if (t == NULL || s == NULL || uv_is_closing((uv_handle_t*) s))
    return UV_EINVAL;
  if (s->type != UV_TCP && s->type != UV_NAMED_PIPE && s->type != UV_TTY)
    return UV_EINVAL;
  memset(t->reserved, 0, sizeof(t->reserved));
  if (s->type == UV_TCP)           /* what is written is complete */
    (void) uv_tcp_nodelay((uv_tcp_t*) s, 1);
  t->ops = &ops;
  words_of(t)->stream = s;
  s->data = t;
  uvssh__stream_write_open(t);
  return 0;
}
