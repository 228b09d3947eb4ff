/* What users test with (uvssh/test.h): time that stands still; pipes that are
 * slow, full, held back and cut; and what servers and clients make of it. */
#include "both.h"

static const uvssh_test_pipe_t whole;

static void begin(struct both* b) {
  both_open(b);
  both_clock(b);
}

/* ---- time ---------------------------------------------------------------- */

TEST(kit_clock_once_and_first) {
  struct both b;

  both_open(&b);
  CHECK_EQ(uvssh_test_advance(&b.loop, 1), UV_EINVAL);
  CHECK_EQ(uvssh_test_clock_end(&b.loop), UV_EINVAL);
  CHECK_EQ(uvssh_test_clock(NULL), UV_EINVAL);
  both_server(&b);
  CHECK_EQ(uvssh_test_clock(&b.loop), UV_EBUSY);
  CHECK_EQ(uvssh_test_advance(&b.loop, 1), UV_EINVAL);
  both_close(&b);

  both_open(&b);
  CHECK_EQ(uvssh_test_clock(&b.loop), 0);
  CHECK_EQ(uvssh_test_clock(&b.loop), UV_EBUSY);
  CHECK_EQ(uv_loop_close(&b.loop), UV_EBUSY);
  CHECK_EQ(uvssh_test_clock_end(&b.loop), 0);
  CHECK_EQ(uvssh_test_clock_end(&b.loop), UV_EINVAL);
  both_close(&b);
}

TEST(kit_clock_set_and_next) {
  static uvssh_transport_t ends[2];
  struct both b;
  uint64_t now, due;

  both_open(&b);
  CHECK_EQ(uvssh_clock_next(&b.loop, &now, &due), UV_EINVAL);
  CHECK_EQ(uvssh_clock_set(&b.loop, 5), 0);
  CHECK_EQ(uvssh_clock_set(&b.loop, 4), UV_EINVAL);
  CHECK_EQ(uvssh_clock_set(&b.loop, 70), 0);
  CHECK_EQ(uvssh_clock_next(&b.loop, &now, &due), 0);
  CHECK_EQ(now, 70);
  CHECK(due == UINT64_MAX);
  b.server_config.ident_timeout_ms = 20;
  both_server(&b);
  memset(ends, 0, sizeof(ends));
  CHECK_EQ(uvssh_test_pipe(&b.loop, &ends[0], &ends[1], NULL), 0);
  (void) both_serve(&b, &ends[0]);
  CHECK_EQ(uvssh_clock_next(&b.loop, &now, &due), 1);
  CHECK_EQ(uv_run(&b.loop, UV_RUN_DEFAULT), 0);
  CHECK_EQ(uvssh_clock_next(&b.loop, &now, &due), 0);
  CHECK_EQ(due, 90);
  ends[1].ops->close(&ends[1]);
  CHECK_EQ(uvssh_clock_end(&b.loop), 0);
  CHECK_EQ(uvssh_clock_set(&b.loop, 71), 0);     /* those that are there */
  both_close(&b);
  CHECK_EQ(uvssh_clock_set(NULL, 1), UV_EINVAL);
}

TEST(kit_clock_no_memory) {
  uv_loop_t loop;
  int err;

  CHECK_EQ(uv_loop_init(&loop), 0);
  HEAP_SWEEP(n) {
    err = uvssh_test_clock(&loop);
    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    CHECK_EQ(uvssh_test_clock_end(&loop), err == 0 ? 0 : UV_EINVAL);
    CHECK_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
  }
  CHECK_EQ(uv_loop_close(&loop), 0);
}

/* With nothing to do uv_run() comes back, whatever is due later. */
TEST(kit_clock_holds_no_loop_open) {
  struct both b;
  uint64_t now, due;

  begin(&b);
  both_server(&b);
  both_joined(&b, GOAL_LOGIN, "", &whole);
  CHECK_EQ(uv_run(&b.loop, UV_RUN_DEFAULT), 0);
  CHECK_EQ(b.clients[0]->auth, 0);
  CHECK(uvssh_session_is_ready(&b.served[0]->session));
  CHECK_EQ(uvssh_clock_next(&b.loop, &now, &due), 0);
  CHECK(due != UINT64_MAX && due > now);
  both_close(&b);
}

TEST(kit_clock_to_the_millisecond) {
  struct both b;

  begin(&b);
  b.server_config.idle_timeout_ms = 60000;
  both_server(&b);
  both_joined(&b, GOAL_CHANNEL, "", &whole);
  both_pass(&b, 0);
  CHECK_EQ(b.clients[0]->open, 0);
  both_pass(&b, 59999);
  CHECK_EQ(b.served[0]->closes, 0);
  both_pass(&b, 1);
  CHECK_EQ(b.served[0]->closes, 1);
  CHECK_EQ(b.served[0]->end.status, UV_ETIMEDOUT);
  CHECK_EQ(b.clients[0]->closes, 1);
  both_close(&b);
}

/* All that is due on the way happens at its time, in order: 9 keepalives are
 * answered; then nobody answers, and after 3 more it is over. */
TEST(kit_clock_stops_on_the_way) {
  struct both b;
  uvssh_session_info_t info;
  uint64_t from;

  begin(&b);
  b.server_config.keepalive_ms = 1000;
  b.server_config.keepalive_count = 3;
  both_server(&b);
  both_joined(&b, GOAL_LOGIN, "", &whole);
  both_pass(&b, 0);
  uvssh_session_info(&b.served[0]->session, &info);
  from = info.packets_in;
  both_pass(&b, 9000);
  uvssh_session_info(&b.served[0]->session, &info);
  CHECK_EQ(info.packets_in, from + 9);
  CHECK_EQ(uvssh_test_pipe_hold(&b.clients[0]->transport, 1), 0);
  both_pass(&b, 3999);
  CHECK_EQ(b.served[0]->closes, 0);
  both_pass(&b, 1 + b.server_config.linger_ms);
  CHECK_EQ(b.served[0]->closes, 1);
  CHECK_EQ(b.served[0]->end.status, UV_ETIMEDOUT);
  both_close(&b);
}

static void on_pool(uv_work_t* work) {
  uv_sleep(30);
}

/* No time goes by while jobs are on the thread pool, which is busy. */
TEST(kit_clock_waits_for_jobs) {
  enum { CLIENTS = 40, THREADS = 8 };
  static uvssh_transport_t t[CLIENTS][2];
  static uv_work_t works[THREADS];
  struct both b;
  unsigned i;

  memset(t, 0, sizeof(t));
  begin(&b);
  b.server_config.kex_timeout_ms = b.client_config.kex_timeout_ms = 1;
  b.server_config.preauth_total = CLIENTS;
  both_server(&b);
  for (i = 0; i < CLIENTS; i++) {
    CHECK_EQ(uvssh_test_pipe(&b.loop, &t[i][0], &t[i][1], NULL), 0);
    (void) both_serve(&b, &t[i][0]);
    (void) both_client_over(&b, GOAL_LOGIN, &t[i][1]);
  }
  for (i = 0; i < THREADS; i++)
    CHECK_EQ(uv_queue_work(&b.loop, &works[i], on_pool, NULL), 0);
  both_pass(&b, 3600 * 1000);
  for (i = 0; i < CLIENTS; i++)
    CHECK_EQ(b.clients[i]->auth, 0);
  both_close(&b);
}

TEST(kit_clock_drain) {
  struct both b;

  begin(&b);
  both_server(&b);
  both_joined(&b, GOAL_LOGIN, "", &whole);
  both_pass(&b, 0);
  CHECK_EQ(uvssh_server_shutdown(&b.server, 5000, NULL), 0);
  both_pass(&b, 4999);
  CHECK_EQ(b.clients[0]->closes, 0);
  both_pass(&b, 1);
  CHECK_EQ(b.clients[0]->end.status, UVSSH_EDISCONNECT);
  both_close(&b);
}

static void on_drained(uvssh_server_t* server) {
  ((struct both*) server->data)->drains++;
}

/* What is due at once is due in the next turn, and what has come otherwise is
 * not due any more. */
TEST(kit_clock_drain_at_once) {
  struct both b;
  uint64_t now, due;

  begin(&b);
  both_server(&b);
  CHECK_EQ(uvssh_server_shutdown(&b.server, 5000, on_drained), 0);
  CHECK_EQ(b.drains, 0);
  CHECK_EQ(uv_run(&b.loop, UV_RUN_DEFAULT), 0);
  CHECK_EQ(b.drains, 1);
  both_close(&b);

  begin(&b);
  both_server(&b);
  both_joined(&b, GOAL_LOGIN, "", &whole);
  CHECK_EQ(uvssh_server_shutdown(&b.server, 5000, on_drained), 0);
  uvssh_session_close(&b.clients[0]->session);
  both_pass(&b, 0);
  CHECK_EQ(b.drains, 1);
  CHECK_EQ(uvssh_clock_next(&b.loop, &now, &due), 0);
  CHECK(due == UINT64_MAX);
  both_close(&b);
}

/* ---- pipes --------------------------------------------------------------- */

static void echo(struct both* b, struct peer* p, size_t len) {
  static const char bytes[100000];

  both_pass(b, 0);
  CHECK_EQ(p->ask, 0);
  CHECK_EQ(uvssh_channel_read_start(&p->channel, peer_read), 0);
  CHECK_EQ(uvssh_channel_send(&p->channel, UVSSH_DATA, bytes, len), 0);
  both_pass(b, 0);
  CHECK_EQ(p->got, len);
}

TEST(kit_pipe_of_any_size) {
  static const size_t sizes[][2] = { { 1, 1 }, { 1, 0 }, { 2, 3 }, { 7, 100 },
                                     { 1000, 1 }, { 0, 1 }, { 0, 0 } };
  uvssh_test_pipe_t options;
  struct both b;
  unsigned i;

  for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    NOTE("chunk %zu, room %zu", sizes[i][0], sizes[i][1]);
    options = whole;
    options.chunk = sizes[i][0];
    options.room = sizes[i][1];
    begin(&b);
    both_server(&b);
    echo(&b, both_joined(&b, GOAL_ASK, "echo", &options), 5000);
    both_close(&b);
  }
}

/* A turn brings one piece, of no more than that. */
TEST(kit_pipe_pieces) {
  static uvssh_transport_t ends[2];
  uvssh_test_pipe_t options = { .chunk = 7 };
  uvssh_session_info_t info;
  uint64_t turns = 0;
  struct both b;

  memset(ends, 0, sizeof(ends));
  begin(&b);
  both_server(&b);
  CHECK_EQ(uvssh_test_pipe(&b.loop, &ends[0], &ends[1], &options), 0);
  (void) both_serve(&b, &ends[0]);
  (void) both_client_over(&b, GOAL_LOGIN, &ends[1]);
  while (uv_run(&b.loop, UV_RUN_NOWAIT) != 0)
    turns++;
  CHECK_EQ(b.clients[0]->readies, 1);
  uvssh_session_info(&b.served[0]->session, &info);
  CHECK(info.bytes_in > 500 && turns >= info.bytes_in / 7);
  both_close(&b);
}

static void on_wrote(uvssh_req_t* req, int status) {
  *(int*) req->data = status;
}

/* A write waits for room, not for who reads; and then for who reads. */
TEST(kit_pipe_hold) {
  static char bytes[200000];
  struct both b;
  struct peer* p;
  int wrote = PENDING;
  uvssh_req_t req = { .data = &wrote };
  uv_buf_t buf = uv_buf_init(bytes, sizeof(bytes));

  begin(&b);
  both_server(&b);
  p = both_joined(&b, GOAL_ASK, "read", &whole);
  both_pass(&b, 0);
  CHECK_EQ(uvssh_test_pipe_hold(&b.clients[0]->transport, 1), 0);
  CHECK_EQ(uvssh_channel_write(&req, &p->channel, UVSSH_DATA, &buf, 1,
                               on_wrote), 0);
  both_pass(&b, 5000);
  CHECK_EQ(wrote, PENDING);
  CHECK_EQ(b.served[0]->got, 0);
  CHECK_EQ(uvssh_test_pipe_hold(&b.clients[0]->transport, 0), 0);
  both_pass(&b, 0);
  CHECK_EQ(wrote, 0);
  CHECK_EQ(b.served[0]->got, sizeof(bytes));
  both_close(&b);
}

static int is_an_end(const struct peer* p, int status) {
  return p->end.status == status || p->end.status == UVSSH_EDISCONNECT ||
         p->end.status == UVSSH_ENOBANNER ||
         (status == UV_ECONNRESET && p->end.status == UV_EOF);
}

/* The server's bytes end at each of them; both sides come to their end. */
static void sweep(int status, unsigned step) {
  uvssh_test_pipe_t options = whole;
  struct both b;
  int logged_in = 0;

  options.cut_status = status;
  for (options.cut_after = 1; !logged_in; options.cut_after += step) {
    NOTE("cut at %u", (unsigned) options.cut_after);
    begin(&b);
    both_server(&b);
    both_joined(&b, GOAL_LOGIN, "", &options);
    both_pass(&b, 0);
    logged_in = b.clients[0]->auth == 0;
    if (!logged_in && status == 0)
      both_pass(&b, 3600 * 1000);
    if (!logged_in) {              /* the server may know no better */
      CHECK(b.served[0]->closes ||
            uvssh_session_is_ready(&b.served[0]->session));
      CHECK_EQ(b.clients[0]->closes, 1);
      CHECK(is_an_end(b.clients[0], status == 0 ? UV_ETIMEDOUT : status));
      CHECK(b.clients[0]->start != PENDING);
    }
    both_close(&b);
  }
  CHECK(options.cut_after > 500);
}

TEST(kit_pipe_cut_eof) {
  sweep(UV_EOF, 7);
}

TEST(kit_pipe_cut_reset) {
  sweep(UV_ECONNRESET, 7);
}

TEST(kit_pipe_cut_silence) {
  sweep(0, 29);
}

/* Behind what was written: this still arrives, what follows does not. */
TEST(kit_pipe_cut_now) {
  struct both b;
  struct peer* p;

  begin(&b);
  b.client_config.linger_ms = 100;
  both_server(&b);
  p = both_joined(&b, GOAL_ASK, "read", &whole);
  both_pass(&b, 0);
  CHECK_EQ(uvssh_test_pipe_hold(&p->transport, 1), 0);
  CHECK_EQ(uvssh_channel_send(&p->channel, UVSSH_DATA, "abc", 3), 0);
  both_pass(&b, 0);
  CHECK_EQ(b.served[0]->got, 0);
  CHECK_EQ(uvssh_test_pipe_cut(&p->transport, 0), 0);
  CHECK_EQ(uvssh_channel_send(&p->channel, UVSSH_DATA, "def", 3), 0);
  CHECK_EQ(uvssh_test_pipe_hold(&p->transport, 0), 0);
  both_pass(&b, 1000);
  CHECK_EQ(b.served[0]->got, 3);
  CHECK_EQ(b.served[0]->closes + p->closes, 0);
  CHECK_EQ(uvssh_session_disconnect(&p->session, 11, "not heard"), 0);
  both_pass(&b, 1000);
  CHECK_EQ(p->closes, 1);
  CHECK_EQ(b.served[0]->closes, 0);
  both_close(&b);
}

TEST(kit_pipe_arguments) {
  uvssh_test_pipe_t wrong = { .cut_status = 1 };
  uvssh_transport_t other = { .data = NULL };
  static uvssh_transport_t ends[2];
  struct both b;

  begin(&b);
  ends[0].data = &b;
  CHECK_EQ(uvssh_test_pipe(NULL, &ends[0], &ends[1], NULL), UV_EINVAL);
  CHECK_EQ(uvssh_test_pipe(&b.loop, NULL, &ends[1], NULL), UV_EINVAL);
  CHECK_EQ(uvssh_test_pipe(&b.loop, &ends[0], NULL, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_test_pipe(&b.loop, &ends[0], &ends[0], NULL), UV_EINVAL);
  CHECK_EQ(uvssh_test_pipe(&b.loop, &ends[0], &ends[1], &wrong), UV_EINVAL);
  CHECK_EQ(uvssh_test_pipe_cut(NULL, 0), UV_EINVAL);
  CHECK_EQ(uvssh_test_pipe_hold(&other, 0), UV_EINVAL);
  CHECK_EQ(uvssh_test_pipe(&b.loop, &ends[0], &ends[1], NULL), 0);
  CHECK(ends[0].data == &b);
  CHECK_EQ(uvssh_test_pipe_cut(&ends[0], 1), UV_EINVAL);
  ends[0].ops->close(&ends[0]);    /* ends that no session has taken */
  CHECK_EQ(uvssh_test_pipe_cut(&ends[0], 0), UV_EINVAL);
  ends[1].ops->close(&ends[1]);
  both_close(&b);
}
