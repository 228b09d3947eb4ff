/* bench-limits-drive.c: the side that sends, asks and hears. */
#include "bench-limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "bench-timing.h"

struct one {                       /* a connection */
  uv_tcp_t tcp;                    /* first */
  uv_connect_t connect;
  uint64_t got;                    /* bytes; of the message, of the line */
  uint64_t rounds;
  uint64_t sent_at;                /* echo */
  char head[sizeof(uint64_t)];     /* of a line: when it was sent */
};

static struct {
  const struct limit_job* job;
  uv_loop_t loop;
  struct one* ones;
  unsigned total;                  /* connections */
  unsigned connected;
  uint64_t left;                   /* bytes or lines to send */
  uint64_t expected;
  uv_write_t write;
  uv_timer_t pace;
  double* latencies;
  uint64_t began;
  double cpu;
  struct limit_result* result;
  int err;
} all;

static char buffer[LIMIT_READ];
static char block[LIMIT_WRITE];

/* 0: nothing is wrong, and on it goes. */
static void check(int err) {
  if (err == 0)
    return;
  if (all.err == 0)
    all.err = err;
  uv_stop(&all.loop);
}

static void on_alloc(uv_handle_t* handle, size_t wanted, uv_buf_t* buf) {
  *buf = uv_buf_init(buffer, sizeof(buffer));
}

static void finished(uint64_t sent_at) {
  uint64_t n = all.result->done++;

  all.latencies[n] = (double) (uv_hrtime() - sent_at) / 1e3;
  if (all.result->done == all.expected)
    uv_stop(&all.loop);
}

/* ---- bulk ---------------------------------------------------------------- */

static void send_bulk(uv_write_t* req, int status) {
  uv_stream_t* stream = (uv_stream_t*) &all.ones[0].tcp;
  uv_buf_t buf;
  int n;

  check(status);
  while (all.err == 0 && all.left != 0) {
    buf = uv_buf_init(block, all.left < sizeof(block) ? (unsigned) all.left
                                                      : sizeof(block));
    n = uv_try_write(stream, &buf, 1);
    if (n < 0 && n != UV_EAGAIN) {
      check(n);
      return;
    }
    n = n < 0 ? 0 : n;
    all.left -= buf.len;
    all.result->done += buf.len;
    if ((unsigned) n == buf.len)
      continue;
    buf = uv_buf_init(block + n, (unsigned) buf.len - (unsigned) n);
    n = uv_write(&all.write, stream, &buf, 1, send_bulk);
    check(n);
    return;
  }
  uv_stop(&all.loop);
}

/* ---- echo ---------------------------------------------------------------- */

static void ping(struct one* one) {
  uv_buf_t buf = uv_buf_init(block, LIMIT_MESSAGE);

  one->got = 0;
  one->sent_at = uv_hrtime();
  if (uv_try_write((uv_stream_t*) &one->tcp, &buf, 1) != LIMIT_MESSAGE)
    check(UV_EIO);
}

static void on_echo(uv_stream_t* stream, ssize_t n, const uv_buf_t* buf) {
  struct one* one = (struct one*) stream;

  if (n < 0) {
    check((int) n);
    return;
  }
  one->got += (uint64_t) n;
  if (one->got < LIMIT_MESSAGE)
    return;
  finished(one->sent_at);
  if (++one->rounds < all.job->count)
    ping(one);
}

/* ---- relay: the first one sends, the others hear ------------------------- */

static void send_line(void) {
  uint64_t now = uv_hrtime();
  uv_buf_t buf = uv_buf_init(block, LIMIT_MESSAGE);
  int n;

  memcpy(block, &now, sizeof(now));
  do
    n = uv_try_write((uv_stream_t*) &all.ones[0].tcp, &buf, 1);
  while (n == UV_EAGAIN);
  if (n != LIMIT_MESSAGE)
    check(n < 0 ? n : UV_EIO);
  all.left--;
}

static void on_pace(uv_timer_t* timer) {
  uint64_t due = (uv_hrtime() - all.began) / 1000 * all.job->rate / 1000000;

  while (all.left != 0 && all.err == 0 && all.job->count - all.left < due)
    send_line();
}

static void on_line(uv_stream_t* stream, ssize_t n, const uv_buf_t* buf) {
  struct one* one = (struct one*) stream;
  uint64_t sent_at;
  ssize_t i = 0;
  uint64_t step;

  if (n < 0) {
    check((int) n);
    return;
  }
  while (i < n) {
    if (one->got < sizeof(one->head)) {
      one->head[one->got++] = buf->base[i++];
      continue;
    }
    step = LIMIT_MESSAGE - one->got;
    if (step > (uint64_t) (n - i))
      step = (uint64_t) (n - i);
    one->got += step;
    i += (ssize_t) step;
    if (one->got == LIMIT_MESSAGE) {
      one->got = 0;
      memcpy(&sent_at, one->head, sizeof(sent_at));
      finished(sent_at);
    }
  }
}

/* ---- all are connected --------------------------------------------------- */

static void start_relay(void) {
  if (all.job->rate != 0) {
    check(uv_timer_init(&all.loop, &all.pace));
    check(uv_timer_start(&all.pace, on_pace, 1, 1));
    return;
  }
  while (all.left != 0 && all.err == 0)
    send_line();
}

static void start(void) {
  unsigned i;

  for (i = 0; i < all.total && all.job->what != LIMIT_SINK; i++)
    if (all.job->what == LIMIT_ECHO || i != 0)
      check(uv_read_start((uv_stream_t*) &all.ones[i].tcp, on_alloc,
                          all.job->what == LIMIT_ECHO ? on_echo : on_line));
  all.began = uv_hrtime();
  all.cpu = timing_cpu();
  if (all.job->what == LIMIT_SINK)
    send_bulk(&all.write, 0);
  else if (all.job->what == LIMIT_RELAY)
    start_relay();
  else
    for (i = 0; i < all.total; i++)
      ping(&all.ones[i]);
}

static void on_connect(uv_connect_t* req, int status) {
  check(status != 0 ? status : uv_tcp_nodelay((uv_tcp_t*) req->handle, 1));
  all.connected++;
  if (all.connected == all.total)
    uv_stop(&all.loop);
}

static int connect_all(int port) {
  struct sockaddr_in at;
  unsigned i;
  int err = uv_ip4_addr("127.0.0.1", port, &at);

  for (i = 0; err == 0 && i < all.total; i++) {
    err = uv_tcp_init(&all.loop, &all.ones[i].tcp);
    if (err == 0)
      err = uv_tcp_connect(&all.ones[i].connect, &all.ones[i].tcp,
                           (const struct sockaddr*) &at, on_connect);
  }
  if (err == 0)
    uv_run(&all.loop, UV_RUN_DEFAULT);
  return err != 0 ? err : all.err;
}

static void close_it(uv_handle_t* handle, void* arg) {
  if (!uv_is_closing(handle))
    uv_close(handle, NULL);
}

static void sum_up(struct limit_result* r) {
  r->wall = (double) (uv_hrtime() - all.began) / 1e9;
  r->cpu = timing_cpu() - all.cpu;
  if (all.job->what == LIMIT_SINK)
    return;
  r->p50_us = timing_percentile(all.latencies, r->done, 50);
  r->p99_us = timing_percentile(all.latencies, r->done, 99);
}

int limit_drive(const struct limit_job* job,
                int port,
                struct limit_result* result) {
  int err;

  memset(&all, 0, sizeof(all));
  memset(result, 0, sizeof(*result));
  all.job = job;
  all.result = result;
  all.left = job->count;
  all.total = job->connections + (job->what == LIMIT_RELAY);
  all.expected = job->what == LIMIT_SINK ? 0 : job->count * job->connections;
  all.ones = calloc(all.total, sizeof(*all.ones));
  all.latencies = calloc(all.expected + 1, sizeof(double));
  if (all.ones == NULL || all.latencies == NULL ||
      uv_loop_init(&all.loop) != 0)
    abort();
  err = connect_all(port);
  if (err == 0) {
    start();
    uv_run(&all.loop, UV_RUN_DEFAULT);
    sum_up(result);
    err = all.err;
  }
  uv_walk(&all.loop, close_it, NULL);
  uv_run(&all.loop, UV_RUN_DEFAULT);
  (void) uv_loop_close(&all.loop);
  free(all.ones);
  free(all.latencies);
  if (err != 0)
    fprintf(stderr, "bench-limits: %s\n", uv_strerror(err));
  return err == 0 ? 0 : -1;
}
