/* inside_own.c: a transport that the test has written, over a TCP socket. Each
 * of its functions is a callback, too. What it writes is answered inside
 * write() when the kernel takes all at once. */
#include "inside.h"

static struct own {
  uv_tcp_t tcp;
  uv_connect_t connect;
  uv_write_t write;
  struct peer* peer;
  void (*connected)(struct peer*);
  char bytes[65536];
} own;

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  *buf = uv_buf_init(own.bytes, sizeof(own.bytes));
}

static void on_read(uv_stream_t* stream, ssize_t nread, const uv_buf_t* buf) {
  uvssh_transport_feed(&own.peer->transport, nread, buf->base);
}

static int own_read_start(uvssh_transport_t* t) {
  int err = uv_read_start((uv_stream_t*) &own.tcp, on_alloc, on_read);

  at(own.peer, AT_OWN_READ_START);
  return err == UV_EALREADY ? 0 : err;
}

static int own_read_stop(uvssh_transport_t* t) {
  at(own.peer, AT_OWN_READ_STOP);
  return uv_read_stop((uv_stream_t*) &own.tcp);
}

static void on_write(uv_write_t* req, int status) {
  if (status != UV_ECANCELED)
    uvssh_transport_wrote(&own.peer->transport, status);
}

static int own_write(uvssh_transport_t* t,
                     const uv_buf_t bufs[],
                     unsigned nbufs) {
  int n = uv_try_write((uv_stream_t*) &own.tcp, bufs, nbufs);
  uv_buf_t rest = bufs[0];

  CHECK_EQ(nbufs, 1);
  at(own.peer, AT_OWN_WRITE);
  if (n == (int) rest.len) {
    uvssh_transport_wrote(t, 0);
    return 0;
  }
  if (n < 0 && n != UV_EAGAIN)
    return n;
  n = n < 0 ? 0 : n;
  rest = uv_buf_init(rest.base + n, (unsigned) rest.len - (unsigned) n);
  return uv_write(&own.write, (uv_stream_t*) &own.tcp, &rest, 1, on_write);
}

static void on_closed(uv_handle_t* handle) {
  uvssh_transport_closed(&own.peer->transport);
}

static void own_close(uvssh_transport_t* t) {
  at(own.peer, AT_OWN_CLOSE);
  uv_close((uv_handle_t*) &own.tcp, on_closed);
}

static int own_peername(const uvssh_transport_t* t,
                        struct sockaddr* name,
                        int* namelen) {
  at(own.peer, AT_OWN_PEERNAME);
  return uv_tcp_getpeername(&own.tcp, name, namelen);
}

static const uvssh_transport_ops_t ops = { own_read_start, own_read_stop,
                                           own_write, own_close,
                                           own_peername };

static void on_connect(uv_connect_t* connect, int status) {
  if (status != 0) {               /* nobody listens any more */
    uvssh_session_close(&own.peer->session);
    own_close_unused(own.peer);
    return;
  }
  CHECK_EQ(uv_tcp_nodelay(&own.tcp, 1), 0);
  own.peer->transport.ops = &ops;
  own.connected(own.peer);
}

int own_connect(struct both* b,
                struct peer* p,
                void (*connected)(struct peer*)) {
  memset(&own, 0, sizeof(own));
  own.peer = p;
  own.connected = connected;
  CHECK_EQ(uv_tcp_init(&b->loop, &own.tcp), 0);
  return uv_tcp_connect(&own.connect, &own.tcp, (struct sockaddr*) &b->address,
                        on_connect);
}

void own_close_unused(struct peer* p) {
  if (!uv_is_closing((uv_handle_t*) &own.tcp))
    uv_close((uv_handle_t*) &own.tcp, NULL);
}
