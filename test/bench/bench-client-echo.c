/* bench-client-echo.c: messages there and back.
 *
 * Happy path: all connections are opened and each sends some messages that do
 * not count; then each sends --count messages, --in-flight of them before the
 * first has come back. A message is a piece of a stream whose bytes are
 * counters, at a place of its own for each connection: each byte that comes is
 * compared with what was sent there.
 *
 * Failures: a byte that is wrong, one too many, an end before the end: a line,
 * and the exit status 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../interop/pattern.h"
#include "bench-client-echo.h"
#include "bench-client-link.h"
#include "bench-client-meter.h"

enum { WARM_MOST = 100, CHECK_SIZE = 65535, CHECK_MESSAGES = 16 };

struct echo;

struct flow {
  struct link link;                /* first */
  struct echo* echo;
  uint64_t place;                  /* of its bytes among all counters */
  uint64_t sent, got;              /* messages; bytes */
  uint64_t until;                  /* messages */
  uint64_t* began;                 /* ns; of those on their way, a ring */
};

struct echo {
  uv_loop_t* loop;
  struct flow* flows;
  uint64_t count;                  /* connections */
  uint64_t size, in_flight;
  uint64_t begun;                  /* connections that are, or come */
  uint64_t ready;
  uint64_t waited_for;             /* connections that are not through */
  int aside;                       /* of another workload */
  int measured;                    /* the messages count */
  int leaving;
  uint64_t returned;               /* messages that count */
  struct samples times;
  void (*on_ready)(struct echo* e);     /* all are */
  void (*on_through)(struct echo* e);   /* all are, with `until` */
  uint8_t* out;                    /* a message */
  uint8_t* expected;               /* the same, of what comes */
};

/* ---- a connection -------------------------------------------------------- */

static void send_one(struct flow* f) {
  struct echo* e = f->echo;
  int err;

  pattern_fill(e->out, f->place + f->sent * e->size, e->size);
  f->began[f->sent % e->in_flight] = uv_hrtime();
  err = uvssh_channel_send(&f->link.channel, UVSSH_DATA, e->out, e->size);
  if (err != 0)
    fail("echo: message %llu cannot be sent: %s", (unsigned long long) f->sent,
         uvssh_strerror(err));
  f->sent++;
}

static void fill_up(struct flow* f) {
  struct echo* e = f->echo;

  while (f->sent < f->until && f->sent - f->got / e->size < e->in_flight)
    send_one(f);
}

/* Message number n is back. */
static void came_back(struct flow* f, uint64_t n) {
  struct echo* e = f->echo;

  if (e->measured) {
    samples_add(&e->times, uv_hrtime() - f->began[n % e->in_flight]);
    e->returned++;
    if (!e->aside)
      progress_done(e->returned);
  }
  if (n + 1 == f->until && --e->waited_for == 0)
    e->on_through(e);
  else
    fill_up(f);
}

static void on_read(struct link* link, int stream, const char* base,
                    size_t len) {
  struct flow* f = (struct flow*) link;
  struct echo* e = f->echo;
  size_t n;

  if (stream != UVSSH_DATA)
    fail("echo: the server complains: %.*s", (int) (len < 200 ? len : 200),
         base);
  while (len > 0) {
    n = (size_t) (e->size - f->got % e->size);
    if (n > len)
      n = len;
    if (f->got + n > f->sent * e->size)
      fail("echo: more has come back than was sent");
    pattern_fill(e->expected, f->place + f->got, n);
    if (memcmp(base, e->expected, n) != 0)
      fail("echo: what came back is not what was sent, in the %zu bytes from "
           "%llu on", n, (unsigned long long) f->got);
    f->got += n;
    base += n;
    len -= n;
    if (f->got % e->size == 0)
      came_back(f, f->got / e->size - 1);
  }
}

static void open_next(struct echo* e);

static void on_ready(struct link* link) {
  struct echo* e = ((struct flow*) link)->echo;

  open_next(e);
  if (!e->aside)
    progress_done(e->ready);
  if (++e->ready == e->count)
    e->on_ready(e);
}

static void on_end(struct link* link) {
  struct echo* e = ((struct flow*) link)->echo;

  if (!e->leaving || *link->failure != '\0')
    fail("echo: %s", *link->failure == '\0' ? "a connection has ended too soon"
                                            : link->failure);
}

/* ---- all of them --------------------------------------------------------- */

static void open_next(struct echo* e) {
  static const struct link_handlers on = {
    .on_ready = on_ready, .on_read = on_read, .on_end = on_end
  };

  if (e->begun < e->count)
    link_start(&e->flows[e->begun++].link, e->loop, command_echo(), &on);
}

static void echo_open(struct echo* e, uv_loop_t* loop, uint64_t count,
                      uint64_t size, uint64_t in_flight) {
  uint64_t i;

  e->loop = loop;
  e->count = count;
  e->size = size;
  e->in_flight = in_flight;
  e->out = need(1, size);
  e->expected = need(1, size);
  e->flows = need(count, sizeof(*e->flows));
  for (i = 0; i < count; i++) {
    e->flows[i].echo = e;
    e->flows[i].place = i << 40;
    e->flows[i].began = need(in_flight, sizeof(uint64_t));
  }
  for (i = 0; i < LINKS_AT_ONCE; i++)
    open_next(e);
}

/* Each connection sends so many messages more. */
static void echo_go_on(struct echo* e, uint64_t messages) {
  uint64_t i;

  e->waited_for = e->count;
  for (i = 0; i < e->count; i++)
    e->flows[i].until += messages;
  for (i = 0; i < e->count; i++)
    fill_up(&e->flows[i]);
}

static void echo_leave(struct echo* e) {
  uint64_t i;

  e->leaving = 1;
  for (i = 0; i < e->count; i++)
    link_leave(&e->flows[i].link);
}

static void echo_free(struct echo* e) {
  uint64_t i;

  for (i = 0; i < e->count; i++)
    free(e->flows[i].began);
  free(e->flows);
  free(e->out);
  free(e->expected);
}

/* ---- the workload -------------------------------------------------------- */

static struct meter meter;

static void on_all_through(struct echo* e) {
  meter_stop(&meter);
  echo_leave(e);
  progress_stop();
}

static void on_warm(struct echo* e) {
  e->measured = 1;
  e->on_through = on_all_through;
  meter_begin(&meter);
  echo_go_on(e, options.count);
}

static void on_all_ready(struct echo* e) {
  e->on_through = on_warm;
  echo_go_on(e, options.count / 10 < WARM_MOST ? options.count / 10 + 1
                                               : WARM_MOST);
}

static void print_result(struct echo* e) {
  double n = (double) e->returned;

  result_begin(options.json, options.name);
  result_number("count", "messages", n, 0, "");
  result_number("connections", "connections", (double) options.connections, 0,
                "");
  result_number("size", "size", (double) options.size, 0, "bytes");
  result_number("in_flight", "on their way, each connection",
                (double) options.in_flight, 0, "");
  result_number("rate", "rate", n / meter.wall_s, 0, "messages/s");
  result_times(&e->times, 1e3, "us");
  meter_print(&meter, n, 1e-6, "us", "us/message");
  result_number("wall_s", NULL, meter.wall_s, 3, "s");
  result_end();
}

int measure_echo(uv_loop_t* loop) {
  struct echo e = { .on_ready = on_all_ready };

  link_sources(options.connections);
  progress_start(loop, "messages", options.connections * options.count, 1);
  echo_open(&e, loop, options.connections, options.size, options.in_flight);
  uv_run(loop, UV_RUN_DEFAULT);
  if (e.returned != options.connections * options.count)
    fail("echo: %llu messages came back, not %llu",
         (unsigned long long) e.returned,
         (unsigned long long) (options.connections * options.count));
  print_result(&e);
  samples_free(&e.times);
  echo_free(&e);
  return 0;
}

/* ---- behind a bulk transfer ---------------------------------------------- */

static void on_check_through(struct echo* e) {
  echo_leave(e);
}

static void on_check_ready(struct echo* e) {
  e->on_through = on_check_through;
  echo_go_on(e, CHECK_MESSAGES);
}

void echo_check(uv_loop_t* loop) {
  struct echo e = { .aside = 1, .on_ready = on_check_ready };

  echo_open(&e, loop, 1, CHECK_SIZE, CHECK_MESSAGES);
  uv_run(loop, UV_RUN_DEFAULT);
  echo_free(&e);
}

/* ---- beside another workload --------------------------------------------- */

struct echo_aside {
  struct echo echo;                /* first */
  uv_thread_t thread;
  uv_loop_t loop;
  uv_timer_t timer;
  uv_async_t stop;
  uv_sem_t begun;
  unsigned every_ms;
};

static void on_aside_through(struct echo* e) {
}

/* One that is late keeps the next from leaving. */
static void on_every(uv_timer_t* timer) {
  struct echo_aside* aside = timer->data;

  if (aside->echo.waited_for == 0)
    echo_go_on(&aside->echo, 1);
}

static void on_aside_ready(struct echo* e) {
  struct echo_aside* aside = (struct echo_aside*) e;

  e->measured = 1;
  e->on_through = on_aside_through;
  uv_timer_start(&aside->timer, on_every, aside->every_ms, aside->every_ms);
  uv_sem_post(&aside->begun);
}

static void on_stop(uv_async_t* async) {
  struct echo_aside* aside = async->data;

  uv_close((uv_handle_t*) &aside->timer, NULL);
  uv_close((uv_handle_t*) &aside->stop, NULL);
  echo_leave(&aside->echo);
}

static void run_aside(void* arg) {
  struct echo_aside* aside = arg;

  uv_run(&aside->loop, UV_RUN_DEFAULT);
}

struct echo_aside* echo_aside_start(unsigned every_ms) {
  struct echo_aside* aside = need(1, sizeof(*aside));

  aside->every_ms = every_ms;
  aside->echo.aside = 1;
  aside->echo.on_ready = on_aside_ready;
  if (uv_loop_init(&aside->loop) != 0 || uv_sem_init(&aside->begun, 0) != 0 ||
      uv_async_init(&aside->loop, &aside->stop, on_stop) != 0)
    fail("login: no second loop for --echo");
  uv_timer_init(&aside->loop, &aside->timer);
  aside->timer.data = aside->stop.data = aside;
  echo_open(&aside->echo, &aside->loop, 1, 100, 1);
  if (uv_thread_create(&aside->thread, run_aside, aside) != 0)
    fail("login: no thread for --echo");
  uv_sem_wait(&aside->begun);
  return aside;
}

void echo_aside_stop(struct echo_aside* aside, struct samples* times) {
  uv_async_send(&aside->stop);
  uv_thread_join(&aside->thread);
  if (uv_loop_close(&aside->loop) != 0)
    fail("login: something of --echo is still open: a fault of this program");
  uv_sem_destroy(&aside->begun);
  *times = aside->echo.times;
  echo_free(&aside->echo);
  free(aside);
}
