/* bench-client-idle.c: sessions that do nothing, and what they cost.
 *
 * Happy path: a few sessions come and go, so that the server has once touched
 * what it needs; its memory is read. Then --count sessions log in, at most
 * --in-flight at a time, each with one channel that runs echo (with --no-login:
 * connections that only connect). READY is printed; while they stay the
 * server's memory and CPU are read; at the end of standard input, or after
 * --seconds, all leave, and its memory is read again.
 *
 * Failures: a session that cannot be opened, or that ends before it should:
 * counted, the first with its reason; the exit status is 1.
 *
 * Never: keepalives. Nothing is sent from READY to the end. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench-client-link.h"
#include "bench-client-meter.h"
#include "bench-stats.h"

enum { WARM = 8, BUFFER = 512 };

enum place { COMING, HERE, GONE };

struct guest {
  struct link link;                /* first; of --no-login only the TCP part */
  enum place place;
};

static struct {
  uv_loop_t* loop;
  struct guest* guests;
  uint64_t begun, here, gone;
  uint64_t failed;                 /* did not come, or left too soon */
  int leaving;
  uv_timer_t stay;
  uv_pipe_t input;
  int has_input;
  uint64_t began, ready;           /* ns */
  struct usage before, full, end, after;
  double full_at, end_at;          /* s */
  double own_cpu_s;                /* to come */
} run;

static const char ident[] = "SSH-2.0-bench\r\n";

static void come_next(void);
static void leave_all(void);

/* ---- one of them --------------------------------------------------------- */

static void all_are_here(void);

static void is_here(struct guest* g) {
  if (g->place != COMING)
    return;
  g->place = HERE;
  progress_done(++run.here);
  if (run.here + run.failed == options.count)
    all_are_here();
  else
    come_next();
}

static void is_gone(struct guest* g, const char* why) {
  enum place was = g->place;

  g->place = GONE;
  run.gone++;
  if (run.leaving)
    return;
  if (was == HERE)
    run.here--;
  if (run.failed++ == 0)
    fprintf(stderr, "bench-client: idle: %s: %s\n",
            was == HERE ? "a session did not stay" : "a session did not come",
            *why == '\0' ? "the server closed it" : why);
  if (run.here + run.failed < options.count)
    come_next();
  else if (was == COMING)
    all_are_here();
}

static void on_ready(struct link* link) {
  is_here((struct guest*) link);
}

static void on_end(struct link* link) {
  is_gone((struct guest*) link, link->failure);
}

/* ---- one that does not log in -------------------------------------------- */

static void on_raw_close(uv_handle_t* handle) {
  struct guest* g = handle->data;

  is_gone(g, g->link.failure);
}

static void raw_close(struct guest* g, int err) {
  if (err != 0 && !run.leaving)
    snprintf(g->link.failure, sizeof(g->link.failure), "%s",
             err == UV_EOF ? "the server closed it" : uvssh_strerror(err));
  if (!uv_is_closing(&g->link.u.handle))
    uv_close(&g->link.u.handle, on_raw_close);
}

static void on_raw_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  static char bytes[BUFFER];       /* nobody looks at them */

  *buf = uv_buf_init(bytes, sizeof(bytes));
}

/* The server has said who it is. */
static void on_raw_read(uv_stream_t* stream, ssize_t nread,
                        const uv_buf_t* buf) {
  if (nread < 0)
    raw_close(stream->data, (int) nread);
  else if (nread > 0)
    is_here(stream->data);
}

static void on_raw_connect(uv_connect_t* req, int status) {
  struct guest* g = req->data;
  uv_buf_t buf = uv_buf_init((char*) (uintptr_t) ident, sizeof(ident) - 1);

  if (status == 0)
    status = uv_read_start(&g->link.u.stream, on_raw_alloc, on_raw_read);
  if (status == 0 && options.no_login == IDENT &&
      uv_try_write(&g->link.u.stream, &buf, 1) != (int) buf.len)
    status = UV_EPIPE;
  if (status != 0)
    raw_close(g, status);
}

static void raw_start(struct guest* g) {
  int err = link_dial(run.loop, &g->link.u.tcp, &g->link.connect,
                      on_raw_connect);

  g->link.connect.data = g->link.u.handle.data = g;
  if (err != 0)
    raw_close(g, err);
}

/* ---- all of them --------------------------------------------------------- */

static void come_next(void) {
  static const struct link_handlers on = {
    .on_ready = on_ready, .on_end = on_end
  };
  struct guest* g;

  if (run.begun == options.count || run.leaving)
    return;
  g = &run.guests[run.begun++];
  if (options.no_login != LOGIN)
    raw_start(g);
  else
    link_start(&g->link, run.loop, command_echo(), &on);
}

static void leave_all(void) {
  uint64_t i;

  if (run.leaving)
    return;
  meter_memory(&run.end);
  run.end_at = (double) uv_hrtime() / 1e9;
  run.leaving = 1;
  uv_close((uv_handle_t*) &run.stay, NULL);
  if (run.has_input)
    uv_close((uv_handle_t*) &run.input, NULL);
  for (i = 0; i < run.begun; i++) {
    if (run.guests[i].place == GONE)
      continue;
    if (options.no_login != LOGIN)
      raw_close(&run.guests[i], 0);
    else
      link_leave(&run.guests[i].link);
  }
}

/* ---- how long they stay -------------------------------------------------- */

static void on_input_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  static char bytes[BUFFER];

  *buf = uv_buf_init(bytes, sizeof(bytes));
}

static void on_input(uv_stream_t* stream, ssize_t nread, const uv_buf_t* buf) {
  if (nread < 0)
    leave_all();
}

static void on_stay_over(uv_timer_t* timer) {
  leave_all();
}

/* Until the end of standard input. A file ends at once. */
static void wait_for_input(void) {
  run.has_input = uv_guess_handle(0) != UV_FILE;
  if (!run.has_input) {
    uv_timer_start(&run.stay, on_stay_over, 0, 0);
    return;
  }
  uv_pipe_init(run.loop, &run.input, 0);
  if (uv_pipe_open(&run.input, 0) != 0 ||
      uv_read_start((uv_stream_t*) &run.input, on_input_alloc, on_input) != 0)
    fail("idle: standard input cannot be read; give --seconds");
}

static void on_ready_told(uv_timer_t* timer) {
  meter_rest();                    /* the last login is over for it, too */
  meter_memory(&run.full);
  run.full_at = (double) uv_hrtime() / 1e9;
  if (options.seconds > 0)
    uv_timer_start(timer, on_stay_over, options.seconds * 1000, 0);
  else
    wait_for_input();
}

static void print_ready(void) {
  double took = (double) (run.ready - run.began) / 1e9;

  if (options.json)
    printf("{\"workload\": \"idle\", \"ready\": %llu, \"setup_s\": %.3f}\n",
           (unsigned long long) run.here, took);
  else
    printf("READY %llu %.3f\n", (unsigned long long) run.here, took);
  fflush(stdout);
}

static void all_are_here(void) {
  run.ready = uv_hrtime();
  run.own_cpu_s = usage_own() - run.own_cpu_s;
  progress_stop();
  print_ready();
  uv_timer_start(&run.stay, on_ready_told, 0, 0);
}

/* ---- what is printed ----------------------------------------------------- */

static void print_result(void) {
  double n = (double) options.count;
  double stayed = run.end_at - run.full_at;
  double took = (double) (run.ready - run.began) / 1e9;

  result_begin(options.json, options.name);
  result_number("count", "sessions", n, 0, "");
  result_text("login", "logged in", options.no_login == LOGIN ? "yes"
              : options.no_login == IDENT ? "no, ident only" : "no, silent");
  result_number("failed", "failed", (double) run.failed, 0, "");
  result_number("setup_s", "time to come", took, 2, "s");
  result_number("setup_server_cpu_ms", "server CPU to come",
                (run.full.cpu_s - run.before.cpu_s) / n * 1e3, 3, "ms/session");
  result_number("setup_client_cpu_ms", "client CPU to come",
                run.own_cpu_s / n * 1e3, 3, "ms/session");
  result_number("pss_kib", "server PSS",
                (run.full.pss_kib - run.before.pss_kib) / n, 2, "KiB/session");
  result_number("rss_kib", "server RSS",
                (run.full.rss_kib - run.before.rss_kib) / n, 2, "KiB/session");
  result_number("base_pss_mib", "server PSS without them",
                run.before.pss_kib / 1024, 1, "MiB");
  result_number("idle_s", "stayed", stayed, 1, "s");
  result_number("idle_cpu_s", "server CPU meanwhile",
                run.end.cpu_s - run.full.cpu_s, 6, "s");
  result_number("after_pss_kib", "server PSS left behind",
                (run.after.pss_kib - run.before.pss_kib) / n, 2, "KiB/session");
  result_end();
}

/* ---- the workload -------------------------------------------------------- */

static uint64_t warm;              /* that are over */

static void on_warm_end(struct link* link) {
  if (*link->failure != '\0')
    fail("idle: %s", link->failure);
  warm++;
}

/* They run echo, and leave when it has begun: as those do that count. */
static void warm_up(void) {
  static const struct link_handlers on = {
    .on_ready = link_leave, .on_end = on_warm_end
  };
  struct link* links = need(WARM, sizeof(*links));
  size_t i;

  for (i = 0; i < WARM; i++)
    link_start(&links[i], run.loop, command_echo(), &on);
  uv_run(run.loop, UV_RUN_DEFAULT);
  free(links);
}

static void run_guests(void) {
  uint64_t i;

  run.guests = need(options.count, sizeof(*run.guests));
  uv_timer_init(run.loop, &run.stay);
  progress_start(run.loop, "sessions", options.count, 1);
  meter_rest();
  meter_memory(&run.before);
  run.began = uv_hrtime();
  run.own_cpu_s = usage_own();
  for (i = 0; i < options.in_flight; i++)
    come_next();
  uv_run(run.loop, UV_RUN_DEFAULT);
  free(run.guests);
}

int measure_idle(uv_loop_t* loop) {
  run.loop = loop;
  link_sources(options.count);
  if (options.no_login == LOGIN)
    warm_up();
  run_guests();
  meter_rest();                    /* it has seen all of them leave */
  meter_memory(&run.after);
  print_result();
  return run.failed == 0 ? 0 : 1;
}
