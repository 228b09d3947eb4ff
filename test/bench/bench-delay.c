/* bench-delay: a far way on one machine.
 *
 *   bench-delay [OPTION]... LISTEN_PORT TARGET_PORT DELAY_MS
 *   bench-delay [OPTION]... --bare MIB DELAY_MS
 *
 * The first hands each connection to LISTEN_PORT (0: the kernel chooses, and
 * the first line of the output says what) on to TARGET_PORT, everything
 * DELAY_MS later, either way; so the round trip is twice that. The rate is not
 * limited. All is on 127.0.0.1. SIGTERM and SIGINT end it.
 * The second sends bytes through such a way without SSH, and says how fast:
 * what can be reached at most.
 *
 * TCP ends at the proxy, so its own windows see no delay: only what is above it
 * does. */
#include "bench-delay-way.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: bench-delay [OPTION]... LISTEN_PORT TARGET_PORT DELAY_MS\n"
    "       bench-delay [OPTION]... --bare MIB DELAY_MS\n"
    "\n"
    "Hands connections to 127.0.0.1 on to another port there, and everything\n"
    "on them DELAY_MS later, each way, at any rate. LISTEN_PORT 0 lets the\n"
    "kernel choose.\n"
    "\n"
    "  --bare MIB  send so much through such a way without SSH, and say how\n"
    "              fast it was\n"
    "  --hold MIB  most that is under way in one direction of a connection; a\n"
    "              sender waits where there is more; 512. Rate times delay has\n"
    "              to fit\n";

enum { PIECE = 256 * 1024, IN_FLIGHT = 4 };
#define MIB ((uint64_t) 1 << 20)

/* ---- bytes without SSH --------------------------------------------------- */

struct bare {
  uint64_t bytes;
  uint64_t left;                   /* to send */
  uint64_t got;
  uint64_t begun;                  /* ns */
  uint64_t first;                  /* when the first byte came */
  uint64_t last;
  uv_loop_t loop;
  uv_thread_t thread;
  uv_tcp_t server;
  uv_tcp_t from;
  uv_tcp_t to;
  uv_connect_t connect;
  uv_write_t writes[IN_FLIGHT];
  char* piece;
  char* read;
  int port;                        /* of the proxy */
  uv_async_t over;                 /* to the proxy's thread */
};

__attribute__((format(printf, 1, 2), noreturn)) static void fail(
    const char* text, ...) {
  va_list args;

  fputs("bench-delay: ", stderr);
  va_start(args, text);
  vfprintf(stderr, text, args);
  va_end(args);
  fputc('\n', stderr);
  exit(1);
}

static void must(int err, const char* what) {
  if (err != 0)
    fail("%s: %s", what, uv_strerror(err));
}

static void on_written(uv_write_t* req, int status);

static void send_piece(struct bare* b, uv_write_t* req) {
  uint64_t n = b->left < PIECE ? b->left : PIECE;
  uv_buf_t buf = uv_buf_init(b->piece, (unsigned) n);

  if (n == 0)
    return;
  b->left -= n;
  req->data = b;
  must(uv_write(req, (uv_stream_t*) &b->from, &buf, 1, on_written), "write");
}

static void on_written(uv_write_t* req, int status) {
  must(status, "write");
  send_piece(req->data, req);
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  *buf = uv_buf_init(((struct bare*) handle->data)->read, PIECE);
}

static void on_read(uv_stream_t* stream, ssize_t n, const uv_buf_t* buf) {
  struct bare* b = stream->data;

  if (n == 0)
    return;
  if (n < 0)
    fail("the connection ended after %llu bytes: %s",
         (unsigned long long) b->got, uv_strerror((int) n));
  b->last = uv_hrtime();
  if (b->got == 0)
    b->first = b->last;
  b->got += (uint64_t) n;
  if (b->got != b->bytes)
    return;
  uv_close((uv_handle_t*) &b->server, NULL);
  uv_close((uv_handle_t*) &b->from, NULL);
  uv_close((uv_handle_t*) &b->to, NULL);
}

static void on_taken(uv_stream_t* server, int status) {
  struct bare* b = server->data;

  must(status, "accept");
  must(uv_accept(server, (uv_stream_t*) &b->to), "accept");
  must(uv_read_start((uv_stream_t*) &b->to, on_alloc, on_read), "read");
}

static void on_connected(uv_connect_t* req, int status) {
  struct bare* b = req->data;
  int i;

  must(status, "connect");
  b->begun = uv_hrtime();
  for (i = 0; i < IN_FLIGHT; i++)
    send_piece(b, &b->writes[i]);
}

static void run_bare(void* arg) {
  struct bare* b = arg;
  struct sockaddr_in name;

  uv_ip4_addr("127.0.0.1", b->port, &name);
  b->connect.data = b;
  must(uv_tcp_connect(&b->connect, &b->from, (const struct sockaddr*) &name,
                      on_connected), "connect");
  uv_run(&b->loop, UV_RUN_DEFAULT);
  uv_async_send(&b->over);
}

static void bare_listen(struct bare* b, int* port) {
  struct sockaddr_in name;
  int len = sizeof(name);

  b->left = b->bytes;
  b->piece = calloc(1, PIECE);
  b->read = malloc(PIECE);
  if (b->piece == NULL || b->read == NULL)
    fail("no memory");
  must(uv_loop_init(&b->loop), "loop");
  uv_tcp_init(&b->loop, &b->server);
  uv_tcp_init(&b->loop, &b->from);
  uv_tcp_init(&b->loop, &b->to);
  b->server.data = b->to.data = b;
  uv_ip4_addr("127.0.0.1", 0, &name);
  must(uv_tcp_bind(&b->server, (const struct sockaddr*) &name, 0), "bind");
  must(uv_listen((uv_stream_t*) &b->server, 8, on_taken), "listen");
  must(uv_tcp_getsockname(&b->server, (struct sockaddr*) &name, &len), "port");
  *port = ntohs(name.sin_port);
}

/* ---- the program --------------------------------------------------------- */

struct program {
  struct delayer delayer;
  struct bare bare;
  int is_bare;
  uv_signal_t signals[2];
};

static void finish(struct program* p) {
  int i;

  for (i = 0; i < 2; i++)
    uv_close((uv_handle_t*) &p->signals[i], NULL);
  if (p->is_bare)
    uv_close((uv_handle_t*) &p->bare.over, NULL);
  delayer_close(&p->delayer);
}

static void on_signal(uv_signal_t* handle, int signum) {
  finish(handle->data);
}

static void on_over(uv_async_t* async) {
  finish(async->data);
}

static uint64_t number(const char* text, uint64_t most, const char* what) {
  char* rest;
  unsigned long long n = strtoull(text, &rest, 10);

  if (*text < '0' || *text > '9' || *rest != '\0' || n > most)
    fail("%s is a number up to %llu, not \"%s\"; see --help", what,
         (unsigned long long) most, text);
  return n;
}

static void parse(struct program* p, int argc, char** argv, int* port) {
  int target = 0;
  int i;

  p->delayer.most = 512 * MIB;
  for (i = 1; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
    if (strcmp(argv[i], "--help") == 0) {
      fputs(usage, stdout);
      exit(0);
    } else if (strcmp(argv[i], "--bare") == 0 && i + 1 < argc) {
      p->is_bare = 1;
      p->bare.bytes = number(argv[++i], 1 << 20, "--bare") * MIB;
    } else if (strcmp(argv[i], "--hold") == 0 && i + 1 < argc) {
      p->delayer.most = number(argv[++i], 1 << 20, "--hold") * MIB;
    } else {
      fail("no option %s, or it lacks its number; see --help", argv[i]);
    }
  }
  if (argc - i != (p->is_bare ? 1 : 3) || p->delayer.most == 0 ||
      (p->is_bare && p->bare.bytes == 0)) {
    fputs(usage, stderr);
    exit(2);
  }
  if (!p->is_bare) {
    *port = (int) number(argv[i], 65535, "LISTEN_PORT");
    target = (int) number(argv[i + 1], 65535, "TARGET_PORT");
  } else {
    bare_listen(&p->bare, &target);
  }
  p->delayer.delay_ns = number(argv[argc - 1], 60000, "DELAY_MS") * 1000000;
  uv_ip4_addr("127.0.0.1", target, &p->delayer.target);
}

static void say(const struct program* p) {
  const struct bare* b = &p->bare;
  double mib = (double) b->bytes / (double) MIB;

  if (p->is_bare)
    printf("bare TCP, %.0f ms each way: %.0f MiB in %.3f s, %.1f MiB/s; "
           "%.3f s behind the first byte, %.1f MiB/s\n",
           (double) p->delayer.delay_ns / 1e6, mib,
           (double) (b->last - b->begun) / 1e9,
           mib * 1e9 / (double) (b->last - b->begun),
           (double) (b->last - b->first) / 1e9,
           mib * 1e9 / (double) (b->last - b->first));
  fprintf(stderr, "bench-delay: %llu connections, %.1f MiB under way in one "
          "direction at most, %llu pauses for that\n",
          (unsigned long long) p->delayer.connections,
          (double) p->delayer.most_held / (double) MIB,
          (unsigned long long) p->delayer.pauses);
}

int main(int argc, char** argv) {
  static struct program p;
  static const int signums[] = { SIGTERM, SIGINT };
  uv_loop_t* loop = uv_default_loop();
  int port = 0;
  int i;

  parse(&p, argc, argv, &port);
#ifndef _WIN32
  signal(SIGPIPE, SIG_IGN);
#endif
  must(delayer_listen(&p.delayer, loop, &port), "listen");
  for (i = 0; i < 2; i++) {
    uv_signal_init(loop, &p.signals[i]);
    p.signals[i].data = &p;
    uv_signal_start(&p.signals[i], on_signal, signums[i]);
    uv_unref((uv_handle_t*) &p.signals[i]);
  }
  if (p.is_bare) {
    p.bare.port = port;
    uv_async_init(loop, &p.bare.over, on_over);
    p.bare.over.data = &p;
    must(uv_thread_create(&p.bare.thread, run_bare, &p.bare), "thread");
  } else {
    printf("listening: 127.0.0.1, port %d\n", port);
    fflush(stdout);
  }
  uv_run(loop, UV_RUN_DEFAULT);
  if (p.is_bare) {
    uv_thread_join(&p.bare.thread);
    uv_loop_close(&p.bare.loop);
    free(p.bare.piece);
    free(p.bare.read);
  }
  uv_loop_close(loop);
  say(&p);
  return 0;
}
