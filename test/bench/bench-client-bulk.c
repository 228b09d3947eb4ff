/* bench-client-bulk.c: up and down: how fast bytes go one way.
 *
 * Happy path: all connections are logged in and have a channel, then the clock
 * starts and each asks for its command. Up: zeros from one block that is lent,
 * a few writes at a time; EOF; the exit status is 0 when the server has read
 * all of it. Down: as many bytes as were asked for; each is a zero, or each is
 * its place modulo 256, as bench-server sends them.
 *
 * What was uploaded cannot be seen here. So a MiB of counters goes to the echo
 * of the same server, and back, when the clock has stopped.
 *
 * Failures: a line, and the exit status 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench-client-echo.h"
#include "bench-client-link.h"
#include "bench-client-meter.h"
#include "bench-stats.h"

enum { BLOCK = 256 * 1024, WRITES = 4 };

struct piece {                     /* that is being written */
  uvssh_req_t req;                 /* first */
  uint64_t len;
};

struct transfer {
  struct link link;                /* first */
  char source[COMMAND_MAX];
  struct piece pieces[WRITES];
  uint64_t total;
  uint64_t queued;                 /* up */
  uint64_t moved;
};

static struct {
  struct transfer* transfers;
  uint64_t begun, open, done;
  uint64_t moved;
  uvssh_session_info_t agreed;
  struct meter meter;
} run;

static char zeros[BLOCK];          /* lent to all writes; nobody writes to it */
static uint8_t places[BLOCK + 256];      /* modulo 256 */

static void count(struct transfer* t, uint64_t n) {
  t->moved += n;
  run.moved += n;
  progress_done(run.moved);
}

/* ---- up ------------------------------------------------------------------ */

static void write_next(struct transfer* t, struct piece* piece);

static void on_written(uvssh_req_t* req, int status) {
  struct piece* piece = (struct piece*) req;

  if (status != 0)
    return;                        /* on_end says why */
  count(req->data, piece->len);
  write_next(req->data, piece);
}

/* The last is followed by EOF. */
static void write_next(struct transfer* t, struct piece* piece) {
  uint64_t left = t->total - t->queued;
  uv_buf_t buf;
  int err;

  if (left == 0)
    return;
  piece->len = left < BLOCK ? left : BLOCK;
  piece->req.data = t;
  buf = uv_buf_init(zeros, (unsigned) piece->len);
  err = uvssh_channel_write(&piece->req, &t->link.channel, UVSSH_DATA, &buf, 1,
                            on_written);
  if (err == 0)
    t->queued += piece->len;
  if (err == 0 && t->queued == t->total)
    err = uvssh_channel_shutdown(NULL, &t->link.channel, NULL);
  if (err != 0 && err != UV_ENOTCONN)      /* closed: on_done counts */
    fail("up: %s", uvssh_strerror(err));
}

static void on_ready(struct link* link) {
  struct transfer* t = (struct transfer*) link;
  size_t i;

  for (i = 0; options.what == DO_UP && i < WRITES; i++)
    write_next(t, &t->pieces[i]);
}

/* ---- down ---------------------------------------------------------------- */

static void init_places(void) {
  size_t i;

  for (i = 0; i < sizeof(places); i++)
    places[i] = (uint8_t) i;
}

/* Whether these are the bytes from `at` on. */
static int is_right(const char* base, size_t len, uint64_t at) {
  return len <= BLOCK && (memcmp(base, zeros, len) == 0 ||
                          memcmp(base, places + at % 256, len) == 0);
}

static void on_read(struct link* link, int stream, const char* base,
                    size_t len) {
  struct transfer* t = (struct transfer*) link;

  if (stream != UVSSH_DATA)
    fail("%s: the server complains: %.*s", options.name,
         (int) (len < 200 ? len : 200), base);
  if (options.what == DO_UP)
    fail("up: the server sends %zu bytes, where it should swallow what it gets",
         len);
  if (!is_right(base, len, t->moved))
    fail("down: the %zu bytes from %llu on are neither zeros nor their places "
         "modulo 256", len, (unsigned long long) t->moved);
  count(t, len);
}

/* ---- both ---------------------------------------------------------------- */

static void open_next(uv_loop_t* loop);

static void on_open(struct link* link) {
  uint64_t i;

  open_next(link->session.loop);
  progress_done(++run.open);
  if (run.open < options.connections)
    return;
  uvssh_session_info(&link->session, &run.agreed);
  meter_begin(&run.meter);
  for (i = 0; i < options.connections; i++)
    link_exec(&run.transfers[i].link);
}

static void on_done(struct link* link) {
  struct transfer* t = (struct transfer*) link;

  if (link->exit_status != 0)
    fail("%s: the exit status of \"%s\" is %d, not 0", options.name,
         link->command, link->exit_status);
  if (t->moved != t->total)
    fail("%s: %llu bytes have moved, not %llu", options.name,
         (unsigned long long) t->moved, (unsigned long long) t->total);
  if (++run.done == options.connections) {
    meter_stop(&run.meter);
    progress_stop();
  }
}

static void on_end(struct link* link) {
  if (*link->failure != '\0')
    fail("%s: %s", options.name, link->failure);
}

static void print_result(void) {
  double gib = (double) run.moved / (1 << 30);

  result_begin(options.json, options.name);
  result_number("bytes", "bytes", (double) run.moved, 0, "");
  result_number("connections", "connections", (double) options.connections, 0,
                "");
  result_text("cipher", "cipher", options.what == DO_UP
              ? run.agreed.cipher_out : run.agreed.cipher_in);
  result_text("mac", "MAC", options.what == DO_UP ? run.agreed.mac_out
                                                  : run.agreed.mac_in);
  result_text("kex", "key exchange", run.agreed.kex);
  result_number("mib_s", "rate", 1024 * gib / run.meter.wall_s, 1, "MiB/s");
  meter_print(&run.meter, gib, 1, "s_gib", "s/GiB");
  result_number("wall_s", "time", run.meter.wall_s, 3, "s");
  result_end();
}

static void open_next(uv_loop_t* loop) {
  static const struct link_handlers on = {
    .on_open = on_open, .on_ready = on_ready, .on_read = on_read,
    .on_done = on_done, .on_end = on_end
  };
  uint64_t each = options.bytes / options.connections;
  uint64_t rest = options.bytes % options.connections;
  struct transfer* t = &run.transfers[run.begun];

  if (run.begun == options.connections)
    return;
  t->total = each + (run.begun++ < rest);
  command_source(t->source, t->total);
  link_start(&t->link, loop,
             options.what == DO_UP ? command_sink() : t->source, &on);
}

static int measure(uv_loop_t* loop) {
  int i;

  init_places();
  link_sources(options.connections);
  run.transfers = need(options.connections, sizeof(*run.transfers));
  progress_start(loop, "MiB", options.bytes, 1 << 20);
  for (i = 0; i < LINKS_AT_ONCE; i++)
    open_next(loop);
  uv_run(loop, UV_RUN_DEFAULT);
  if (options.what == DO_UP)
    echo_check(loop);
  print_result();
  free(run.transfers);
  return 0;
}

int measure_up(uv_loop_t* loop) {
  return measure(loop);
}

int measure_down(uv_loop_t* loop) {
  return measure(loop);
}
