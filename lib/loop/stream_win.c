/* stream_win.c: writing to a stream on Windows, which knows no SIGPIPE: at once
 * what can be, the rest by uv_write(). */
#include "loop/loop.h"

struct writer {
  uv_write_t req;
  uvssh_transport_t* t;
};

void uvssh__stream_write_open(uvssh_transport_t* t) {
  (void) t;
}

static void on_written(uv_write_t* req, int status) {
  struct writer* w = (struct writer*) req->data;
  uvssh_transport_t* t = w->t;

  uvssh__free(w);
  if (words_of(t)->closing != 0) {
    uvssh__stream_part_closed(t);
    return;
  }
  words_of(t)->writer = NULL;
  uvssh_transport_wrote(t, status);
}

int uvssh__stream_write(uvssh_transport_t* t,
                        const uv_buf_t bufs[],
                        unsigned nbufs) {
  uv_stream_t* stream = words_of(t)->out;
  struct writer* w;
  uv_buf_t rest = bufs[0];
  int n;

  if (nbufs != 1)
    return UV_EINVAL;
  n = uv_try_write(stream, bufs, 1);
  if (n < 0 && n != UV_EAGAIN)
    return n;
  if (n == (int) rest.len) {
    uvssh_transport_wrote(t, 0);
    return 0;
  }
  if (n > 0) {
    rest.base += n;
    rest.len -= (unsigned) n;
  }
  w = (struct writer*) uvssh__calloc(1, sizeof(*w));
  if (w == NULL)
    return UV_ENOMEM;
  w->t = t;
  w->req.data = w;
  n = uv_write(&w->req, stream, &rest, 1, on_written);
  if (n != 0)
    uvssh__free(w);
  else
    words_of(t)->writer = w;
  return n;
}

/* libuv completes the write with UV_ECANCELED when the stream closes. */
void uvssh__stream_write_close(uvssh_transport_t* t) {
  if (words_of(t)->writer == NULL)
    uvssh__stream_part_closed(t);
}
