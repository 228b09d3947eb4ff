/* bench-client-relay.c: lines from one sender to many receivers, by way of the
 * server.
 *
 * Happy path: all run the command relay; after a moment for the server to have
 * all of them the sender begins. A line says when it left and its number, so
 * each receiver knows how long it took and whether one is missing. The sender
 * itself hears nothing.
 *
 * Failures: a line twice, out of order, or not as it was sent, is wrong at
 * once. A server may drop lines for a slow reader: they are counted as lost,
 * also those that have not come STILL_MS after the last that came; the result
 * is printed, and the exit status is 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench-client-link.h"
#include "bench-client-meter.h"
#include "bench-stats.h"

enum { LINE_MOST = 32768, HEAD = 32, SETTLE_MS = 300, AFTER_MS = 100,
       STILL_MS = 5000 };

struct receiver {
  struct link link;                /* first */
  uint64_t next;                   /* line */
  size_t have;                     /* bytes of a line */
  char* line;
};

static struct {
  struct receiver* all;            /* the first one sends */
  uint64_t count;                  /* with it */
  uint64_t begun, ready;
  uint64_t sent;
  uint64_t delivered, lost, through;
  uint64_t moved_at;               /* ms of the loop */
  uint64_t began;                  /* ns */
  uv_timer_t pace;                 /* the moment before, then the rate */
  uv_timer_t still;
  int leaving;
  struct samples times;
  struct meter meter;
  char line[LINE_MOST + 1];
} run;

/* ---- the end ------------------------------------------------------------- */

static void leave(void) {
  uint64_t i;

  run.leaving = 1;
  uv_close((uv_handle_t*) &run.pace, NULL);
  uv_close((uv_handle_t*) &run.still, NULL);
  for (i = 0; i < run.count; i++) {
    if (i > 0)                     /* those at the end */
      run.lost += options.lines - run.all[i].next;
    link_leave(&run.all[i].link);
  }
}

static void on_moment_over(uv_timer_t* timer) {
  leave();
}

/* All is here, or nothing comes any more. In the moment that is left may come
 * what should not. */
static void all_through(void) {
  meter_stop(&run.meter);
  progress_stop();
  uv_timer_stop(&run.still);
  uv_timer_start(&run.pace, on_moment_over, AFTER_MS, 0);
}

/* All has been sent, and nothing has come for long. */
static void on_still(uv_timer_t* timer) {
  if (run.sent == options.lines &&
      uv_now(timer->loop) - run.moved_at >= STILL_MS)
    all_through();
}

/* ---- receivers ----------------------------------------------------------- */

/* "TIME NUMBER xxx...\n", of 20 and 10 digits. */
static void take_line(struct receiver* r) {
  unsigned long long began, n;
  size_t last = (size_t) options.size - 1;

  if (r->line[20] != ' ' || r->line[31] != ' ' || r->line[last] != '\n' ||
      memcmp(r->line + HEAD, run.line + HEAD, last - HEAD) != 0)
    fail("relay: what came is not a line that was sent");
  r->line[20] = r->line[31] = '\0';
  began = strtoull(r->line, NULL, 10);
  n = strtoull(r->line + 21, NULL, 10);
  if (n < r->next || n >= run.sent)
    fail("relay: line %llu came where line %llu was due", n,
         (unsigned long long) r->next);
  run.lost += n - r->next;
  r->next = n + 1;
  samples_add(&run.times, uv_hrtime() - began);
  progress_done(++run.delivered);
  if (r->next == options.lines && ++run.through == options.receivers)
    all_through();
}

static void on_read(struct link* link, int stream, const char* base,
                    size_t len) {
  struct receiver* r = (struct receiver*) link;
  size_t size = (size_t) options.size;
  size_t n;

  if (stream != UVSSH_DATA)
    fail("relay: the server complains: %.*s", (int) (len < 200 ? len : 200),
         base);
  if (r == run.all)
    fail("relay: the sender has got %zu bytes, it should get none", len);
  run.moved_at = uv_now(link->session.loop);
  while (len > 0 && !run.leaving) {
    n = size - r->have < len ? size - r->have : len;
    memcpy(r->line + r->have, base, n);
    r->have += n;
    base += n;
    len -= n;
    if (r->have == size) {
      r->have = 0;
      take_line(r);
    }
  }
}

/* ---- the sender ---------------------------------------------------------- */

/* 0; UV_ENOBUFS: on_drain comes. */
static int send_line(void) {
  char head[48];
  int err;

  snprintf(head, sizeof(head), "%020llu %010llu ",
           (unsigned long long) uv_hrtime(), (unsigned long long) run.sent);
  memcpy(run.line, head, HEAD);
  err = uvssh_channel_send(&run.all->link.channel, UVSSH_DATA, run.line,
                           (size_t) options.size);
  if (err == 0)
    run.sent++;
  else if (err != UV_ENOBUFS)
    fail("relay: line %llu cannot be sent: %s", (unsigned long long) run.sent,
         uvssh_strerror(err));
  return err;
}

/* As many as are due. */
static void send_due(uint64_t due) {
  if (due > options.lines)
    due = options.lines;
  while (!run.leaving && run.sent < due)
    if (send_line() != 0)
      return;
}

static uint64_t due_by_now(void) {
  if (options.rate == 0)
    return options.lines;
  return 1 + (uv_hrtime() - run.began) * options.rate / 1000000000u;
}

static void on_pace(uv_timer_t* timer) {
  send_due(due_by_now());
  run.moved_at = uv_now(timer->loop);
  if (run.sent == options.lines)
    uv_timer_stop(timer);
}

static void on_drain(struct link* link) {
  send_due(due_by_now());
}

static void on_settled(uv_timer_t* timer) {
  uint64_t every = options.rate == 0 ? 0 : 1000 / options.rate;

  meter_begin(&run.meter);
  run.began = uv_hrtime();
  run.moved_at = uv_now(timer->loop);
  if (options.rate > 0)
    uv_timer_start(timer, on_pace, 0, every > 0 ? every : 1);
  else
    send_due(options.lines);
}

/* ---- all of it ----------------------------------------------------------- */

static void open_next(uv_loop_t* loop);

static void on_ready(struct link* link) {
  open_next(link->session.loop);
  progress_done(++run.ready);
  if (run.ready == run.count)
    uv_timer_start(&run.pace, on_settled, SETTLE_MS, 0);
}

static void on_end(struct link* link) {
  if (!run.leaving || *link->failure != '\0')
    fail("relay: %s", *link->failure == '\0' ? "a connection has ended too soon"
                                             : link->failure);
}

static void print_result(void) {
  double n = (double) run.delivered;

  result_begin(options.json, options.name);
  result_number("receivers", "receivers", (double) options.receivers, 0, "");
  result_number("lines", "lines", (double) options.lines, 0, "");
  result_number("size", "size", (double) options.size, 0, "bytes");
  result_number("line_rate", "lines a second, 0: a burst",
                (double) options.rate, 0, "");
  result_number("delivered", "deliveries", n, 0, "");
  result_number("lost", "lost", (double) run.lost, 0, "");
  result_number("rate", "rate", n / run.meter.wall_s, 0, "deliveries/s");
  result_times(&run.times, 1e3, "us");
  meter_print(&run.meter, n, 1e-6, "us", "us/delivery");
  result_number("wall_s", NULL, run.meter.wall_s, 3, "s");
  result_end();
}

static void open_next(uv_loop_t* loop) {
  static const struct link_handlers on = {
    .on_ready = on_ready, .on_read = on_read, .on_drain = on_drain,
    .on_end = on_end
  };
  struct receiver* r = &run.all[run.begun];

  if (run.begun == run.count)
    return;
  run.begun++;
  r->line = need(1, (size_t) options.size);
  link_start(&r->link, loop, "relay", &on);
}

static void start_all(uv_loop_t* loop) {
  uint64_t i;

  run.count = options.receivers + 1;
  run.all = need(run.count, sizeof(*run.all));
  memset(run.line, 'x', sizeof(run.line));
  run.line[options.size - 1] = '\n';
  uv_timer_init(loop, &run.pace);
  uv_timer_init(loop, &run.still);
  uv_timer_start(&run.still, on_still, STILL_MS / 5, STILL_MS / 5);
  for (i = 0; i < LINKS_AT_ONCE; i++)
    open_next(loop);
}

int measure_relay(uv_loop_t* loop) {
  uint64_t i;

  link_sources(options.receivers);
  progress_start(loop, "deliveries", options.lines * options.receivers, 1);
  start_all(loop);
  uv_run(loop, UV_RUN_DEFAULT);
  print_result();
  for (i = 0; i < run.count; i++)
    free(run.all[i].line);
  free(run.all);
  samples_free(&run.times);
  if (run.lost > 0)
    fprintf(stderr, "bench-client: relay: %llu of %llu deliveries were lost\n",
            (unsigned long long) run.lost,
            (unsigned long long) (options.lines * options.receivers));
  return run.lost == 0 ? 0 : 1;
}
