/* stream.c: a transport over any uv_stream_t, or over two of them: reading and
 * closing. Writing is in stream_posix.c and stream_win.c.
 *
 * All sessions of a loop read into one buffer: libuv asks for it and fills it
 * back to back, and what a session keeps it copies. An empty buffer is the
 * answer to one that has read its share of this turn, or comes too late in it
 * (pace.c); libuv then says UV_ENOBUFS, which means nothing here, and comes
 * back next turn. */
#include "loop/loop.h"

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  uvssh_transport_t* t = (uvssh_transport_t*) handle->data;
  struct attach* a = words_of(t)->attach;
  size_t budget = a == NULL ? 0 : uvssh__attach_budget(a);

  *buf = uv_buf_init(NULL, 0);
  if (budget == 0 || !uvssh__may_read(a))
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
  if (words_of(t)->command != NULL)
    uvssh__command_fed(words_of(t)->command);
}

int uvssh__stream_read_start(uvssh_transport_t* t) {
  int err = uv_read_start(words_of(t)->in, on_alloc, on_read);
  return err == UV_EALREADY ? 0 : err;
}

int uvssh__stream_read_stop(uvssh_transport_t* t) {
  return uv_read_stop(words_of(t)->in);
}

/* ---- the end ------------------------------------------------------------- */

void uvssh__stream_part_closed(uvssh_transport_t* t) {
  struct transport_words* w = words_of(t);

  if (--w->closing != 0)
    return;
  if (w->command != NULL)
    uvssh__command_free(w->command);
  uvssh_transport_closed(t);
}

static void on_closed(uv_handle_t* handle) {
  uvssh__stream_part_closed((uvssh_transport_t*) handle->data);
}

void uvssh__stream_close(uvssh_transport_t* t, unsigned more) {
  struct transport_words* w = words_of(t);

  w->closing = more + (w->in == w->out ? 2 : 3);
  uv_close((uv_handle_t*) w->in, on_closed);
  if (w->out != w->in)
    uv_close((uv_handle_t*) w->out, on_closed);
  uvssh__stream_write_close(t);
}

static void stream_close(uvssh_transport_t* t) {
  uvssh__stream_close(t, 0);
}

/* ---- the beginning ------------------------------------------------------- */

static int stream_peername(const uvssh_transport_t* t,
                           struct sockaddr* name,
                           int* namelen) {
  const uv_stream_t* in = words_of(t)->in;

  if (in->type != UV_TCP)
    return UV_ENOTSUP;
  return uv_tcp_getpeername((const uv_tcp_t*) in, name, namelen);
}

static const uvssh_transport_ops_t ops = { uvssh__stream_read_start,
                                           uvssh__stream_read_stop,
                                           uvssh__stream_write, stream_close,
                                           stream_peername };

void uvssh__stream_open(uvssh_transport_t* t,
                        uv_stream_t* in,
                        uv_stream_t* out,
                        const uvssh_transport_ops_t* functions) {
  memset(t->reserved, 0, sizeof(t->reserved));
  t->ops = functions;
  words_of(t)->in = in;
  words_of(t)->out = out;
  in->data = out->data = t;
  if (out->type == UV_TCP)         /* what is written is complete */
    (void) uv_tcp_nodelay((uv_tcp_t*) out, 1);
  uvssh__stream_write_open(t);
}

static int is_fit(const uv_stream_t* s) {
  return s != NULL && !uv_is_closing((const uv_handle_t*) s) &&
         (s->type == UV_TCP || s->type == UV_NAMED_PIPE || s->type == UV_TTY);
}

int uvssh_transport_stream(uvssh_transport_t* t, uv_stream_t* s) {
  return uvssh_transport_pair(t, s, s);
}

int uvssh_transport_pair(uvssh_transport_t* t,
                         uv_stream_t* in,
                         uv_stream_t* out) {
  if (t == NULL || !is_fit(in) || !is_fit(out) || in->loop != out->loop)
    return UV_EINVAL;
  uvssh__stream_open(t, in, out, &ops);
  return 0;
}
