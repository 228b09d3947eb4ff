/* bench-client-login.c: logins, so many of them at the same time.
 *
 * Happy path: each connects, exchanges keys, logs in by key, opens a channel,
 * runs noop, gets its exit status and the channel's end; so long it took. Then
 * it closes the connection, and the next takes its place. With --echo another
 * session, on a loop and a thread of its own, meanwhile sends a message every
 * 5 ms: how long they take is what other users notice of the logins.
 *
 * Failures: each login that fails is counted, the first three with their
 * reason; the exit status is then 1. */
#include <stdio.h>
#include <stdlib.h>

#include "bench-client-echo.h"
#include "bench-client-link.h"
#include "bench-client-meter.h"
#include "bench-stats.h"

enum { ECHO_EVERY_MS = 5, REASONS = 3 };

struct login {
  struct link link;                /* first */
  uint64_t began;                  /* ns */
};

static struct {
  struct login* logins;
  uint64_t begun, over, failed;
  struct samples times;
  struct meter meter;
} run;

/* ---- a login ------------------------------------------------------------- */

static void next_login(struct login* login, uv_loop_t* loop);

static void on_done(struct link* link) {
  struct login* login = (struct login*) link;

  if (link->exit_status == 0)
    samples_add(&run.times, uv_hrtime() - login->began);
  else
    snprintf(link->failure, sizeof(link->failure), "%s: exit status %d",
             command_noop(), link->exit_status);
}

static void on_end(struct link* link) {
  if (*link->failure != '\0' && run.failed++ < REASONS)
    fprintf(stderr, "bench-client: a login failed: %s\n", link->failure);
  progress_done(++run.over);
  if (run.begun < options.count)
    next_login((struct login*) link, link->u.handle.loop);
  else if (run.over == options.count)
    progress_stop();
}

static void next_login(struct login* login, uv_loop_t* loop) {
  static const struct link_handlers on = {
    .on_done = on_done, .on_end = on_end
  };

  run.begun++;
  login->began = uv_hrtime();
  link_start(&login->link, loop, command_noop(), &on);
}

static void run_logins(uv_loop_t* loop) {
  uint64_t n = options.in_flight < options.count ? options.in_flight
                                                 : options.count;
  uint64_t i;

  run.logins = need(n, sizeof(*run.logins));
  progress_start(loop, "logins", options.count, 1);
  meter_begin(&run.meter);
  for (i = 0; i < n; i++)
    next_login(&run.logins[i], loop);
  uv_run(loop, UV_RUN_DEFAULT);
  meter_stop(&run.meter);
  meter_closed(&run.meter);
  free(run.logins);
}

/* ---- what is printed ----------------------------------------------------- */

static void print_result(struct samples* echo) {
  double n = (double) options.count;

  result_begin(options.json, options.name);
  result_number("count", "logins", n, 0, "");
  result_number("in_flight", "at the same time", (double) options.in_flight, 0,
                "");
  result_number("failed", "failed", (double) run.failed, 0, "");
  result_number("rate", "rate", n / run.meter.wall_s, 1, "logins/s");
  result_times(&run.times, 1e6, "ms");
  meter_print(&run.meter, n, 1e-3, "ms", "ms/login");
  if (echo != NULL) {
    result_number("echo_count", "messages of the other session",
                  (double) echo->count, 0, "");
    result_number("echo_p50_ms", "their p50",
                  samples_at(echo, 0.5) / 1e6, 3, "ms");
    result_number("echo_p99_ms", "their p99",
                  samples_at(echo, 0.99) / 1e6, 3, "ms");
    result_number("echo_max_ms", "their max",
                  samples_at(echo, 1) / 1e6, 3, "ms");
  }
  result_number("wall_s", NULL, run.meter.wall_s, 3, "s");
  result_end();
}

int measure_login(uv_loop_t* loop) {
  struct echo_aside* aside = NULL;
  struct samples echo = { 0 };

  link_sources(options.count < 20000 ? options.in_flight : options.count / 10);
  if (options.echo)
    aside = echo_aside_start(ECHO_EVERY_MS);
  run_logins(loop);
  if (aside != NULL)
    echo_aside_stop(aside, &echo);
  print_result(aside == NULL ? NULL : &echo);
  samples_free(&echo);
  samples_free(&run.times);
  return run.failed == 0 ? 0 : 1;
}
