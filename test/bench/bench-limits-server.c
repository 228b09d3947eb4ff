/* bench-limits-server.c: a server that does nothing but read and write. What
 * the socket does not take at once is copied and waits. */
#include "bench-limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "bench-timing.h"

struct peer {
  uv_tcp_t tcp;                    /* first */
  struct peer* next;
};

struct later {
  uv_write_t req;                  /* first */
  char bytes[];
};

static struct {
  enum limit what;
  uv_loop_t loop;
  uv_tcp_t listener;
  struct peer* peers;
  unsigned count;
  double cpu;                      /* at the first byte */
  struct limit_server told;
} all;

static char buffer[LIMIT_READ];

static void give_up(const char* what, int err) {
  fprintf(stderr, "bench-limits: the server cannot %s: %s\n", what,
          uv_strerror(err));
  _exit(1);
}

static void on_alloc(uv_handle_t* handle, size_t wanted, uv_buf_t* buf) {
  *buf = uv_buf_init(buffer, sizeof(buffer));
}

static void on_written(uv_write_t* req, int status) {
  free(req);
}

static void put(struct peer* to, const char* base, size_t n) {
  uv_buf_t buf = uv_buf_init((char*) (uintptr_t) base, (unsigned) n);
  uv_stream_t* stream = (uv_stream_t*) &to->tcp;
  int done = uv_try_write(stream, &buf, 1);
  struct later* later;

  if (done == (int) n)
    return;
  if (done < 0 && done != UV_EAGAIN)
    give_up("write", done);
  if (done < 0)
    done = 0;
  n -= (size_t) done;
  later = malloc(sizeof(*later) + n);
  if (later == NULL)
    abort();
  memcpy(later->bytes, base + done, n);
  buf = uv_buf_init(later->bytes, (unsigned) n);
  done = uv_write(&later->req, stream, &buf, 1, on_written);
  if (done != 0)
    give_up("write", done);
}

static void on_closed(uv_handle_t* handle) {
  struct peer* peer = (struct peer*) handle;
  struct peer** at = &all.peers;

  while (*at != peer)
    at = &(*at)->next;
  *at = peer->next;
  free(peer);
  if (--all.count == 0)
    uv_stop(&all.loop);
}

static void on_read(uv_stream_t* stream, ssize_t n, const uv_buf_t* buf) {
  struct peer* from = (struct peer*) stream;
  struct peer* to;

  if (n == 0)
    return;
  if (n < 0) {
    uv_close((uv_handle_t*) stream, on_closed);
    return;
  }
  if (all.told.bytes == 0)
    all.cpu = timing_cpu();
  all.told.bytes += (uint64_t) n;
  if (all.what == LIMIT_ECHO)
    put(from, buf->base, (size_t) n);
  for (to = all.peers; all.what == LIMIT_RELAY && to != NULL; to = to->next)
    if (to != from)
      put(to, buf->base, (size_t) n);
}

static void on_connection(uv_stream_t* listener, int status) {
  struct peer* peer = calloc(1, sizeof(*peer));
  int err;

  if (peer == NULL)
    abort();
  err = uv_tcp_init(&all.loop, &peer->tcp);
  if (err == 0)
    err = uv_accept(listener, (uv_stream_t*) &peer->tcp);
  if (err == 0)
    err = uv_tcp_nodelay(&peer->tcp, 1);
  if (err == 0)
    err = uv_read_start((uv_stream_t*) &peer->tcp, on_alloc, on_read);
  if (err != 0)
    give_up("accept", err);
  peer->next = all.peers;
  all.peers = peer;
  all.count++;
}

static int listen_somewhere(void) {
  struct sockaddr_in at;
  int len = sizeof(at);
  int err = uv_ip4_addr("127.0.0.1", 0, &at);

  if (err == 0)
    err = uv_tcp_init(&all.loop, &all.listener);
  if (err == 0)
    err = uv_tcp_bind(&all.listener, (struct sockaddr*) &at, 0);
  if (err == 0)
    err = uv_listen((uv_stream_t*) &all.listener, LIMIT_CONNECTIONS,
                    on_connection);
  if (err == 0)
    err = uv_tcp_getsockname(&all.listener, (struct sockaddr*) &at, &len);
  if (err != 0)
    give_up("listen", err);
  return ntohs(at.sin_port);
}

static void tell(int fd, const void* base, size_t n) {
  if (write(fd, base, n) != (ssize_t) n)
    _exit(1);
}

void limit_serve(enum limit what, int fd) {
  int port;

  alarm(120);                      /* whatever becomes of the other side */
  all.what = what;
  if (uv_loop_init(&all.loop) != 0)
    _exit(1);
  port = listen_somewhere();
  tell(fd, &port, sizeof(port));
  uv_run(&all.loop, UV_RUN_DEFAULT);
  all.told.cpu = timing_cpu() - all.cpu;
  tell(fd, &all.told, sizeof(all.told));
  _exit(0);
}
