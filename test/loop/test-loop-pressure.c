/* Back-pressure over real sockets, and the share that each session gets. */
#include <stdio.h>

#include "both.h"
#include "loop/loop.h"

enum { BULK = 64 << 20 };

static char chunk[64 * 1024];

static void on_done(uvssh_req_t* req, int status) {
  *(int*) req->data = status;
}

static uvssh_transport_t* transport_of(struct peer* p) {
  return attach_of(&p->session)->transport;
}

/* ---- a client that does not read --------------------------------------------------- */

static int drained;

static void on_drain(uvssh_channel_t* channel) {
  uvssh_config_t config;

  uvssh_session_config(channel->session, &config);
  CHECK(uvssh_channel_queue_size(channel) < config.drain_bytes);
  drained++;
}

static size_t fill(uvssh_channel_t* channel) {
  size_t n = 0;

  while (uvssh_channel_send(channel, UVSSH_DATA, chunk, sizeof(chunk)) == 0) {
    n += sizeof(chunk);
    CHECK(n < BULK);
  }
  return n;
}

/* Another session's bytes come back meanwhile. */
static void check_echo(struct both* b, struct peer* p, size_t bytes) {
  size_t want = p->got + bytes;
  uv_buf_t buf = uv_buf_init(calloc(1, bytes), (unsigned) bytes);
  char* base = buf.base;
  int done = PENDING;
  uvssh_req_t req = { .data = &done };

  CHECK_EQ(uvssh_channel_write(&req, &p->channel, UVSSH_DATA, &buf, 1, on_done),
           0);
  UNTIL(b, p->got == want && done != PENDING);
  CHECK_EQ(done, 0);
  free(base);
}

TEST(pressure_client_does_not_read) {
  struct both b;
  struct peer* deaf;
  struct peer* echo;
  uvssh_channel_t* channel;
  uvssh_config_t config;
  size_t sent = 0;
  size_t more;
  size_t before;

  drained = 0;
  both_open(&b);
  b.server_channel_on.on_drain = on_drain;
  both_listen(&b);
  deaf = both_channel(&b, "");
  channel = &b.served[0]->channel;
  echo = both_channel(&b, "echo");
  CHECK_EQ(uvssh_channel_read_start(&echo->channel, peer_read), 0);
  uv_read_stop((uv_stream_t*) &deaf->tcp);
  before = heap_bytes();
  uvssh_session_config(&b.served[0]->session, &config);
  do {                             /* until the kernel takes no more */
    more = fill(channel);
    sent += more;
    CHECK(uvssh_channel_queue_size(channel) >= config.queue_bytes);
    CHECK(uvssh_channel_queue_size(channel) <
          config.queue_bytes + sizeof(chunk));
    CHECK_EQ(uvssh_channel_send(channel, UVSSH_DATA, "x", 1), UV_ENOBUFS);
    check_echo(&b, echo, 100 * 1000);
    CHECK(heap_bytes() - before < 4u << 20);
  } while (more != 0);
  check_echo(&b, echo, 8 << 20);
  CHECK_EQ(deaf->closes + deaf->channel_closes, 0);

  drained = 0;
  CHECK_EQ(uvssh_channel_read_start(&deaf->channel, peer_read), 0);
  CHECK_EQ(transport_of(deaf)->ops->read_start(transport_of(deaf)), 0);
  UNTIL(&b, deaf->got == sent);
  CHECK_EQ(drained, 1);
  both_close(&b);
}

/* The same by the channel's window alone: its socket is read. */
TEST(pressure_window_runs_down) {
  struct both b;
  struct peer* p;
  size_t sent;

  drained = 0;
  both_open(&b);
  b.server_channel_on.on_drain = on_drain;
  both_listen(&b);
  p = both_channel(&b, "");
  sent = fill(&b.served[0]->channel);
  while (uvssh_channel_queue_size(&b.served[0]->channel) == 0 ||
         drained != 0) {
    drained = 0;
    sent += fill(&b.served[0]->channel);
    uv_run(&b.loop, UV_RUN_NOWAIT);
  }
  CHECK(sent < 8u << 20);          /* 2 MiB of window, 1 MiB of queue */
  CHECK_EQ(uvssh_channel_read_start(&p->channel, peer_read), 0);
  UNTIL(&b, p->got == sent);
  CHECK(drained >= 1);
  both_close(&b);
}

/* ---- a client that writes everything before it reads ---------------------------------- */

TEST(pressure_echo_of_one_who_does_not_read) {
  struct both b;
  struct peer* p;
  uv_buf_t buf = uv_buf_init(calloc(1, BULK), BULK);
  char* base = buf.base;
  int done = PENDING;
  uvssh_req_t req = { .data = &done };
  size_t before, queued;
  int still = 0;

  both_open(&b);
  both_listen(&b);
  p = both_channel(&b, "echo");
  before = heap_bytes();
  CHECK_EQ(uvssh_channel_write(&req, &p->channel, UVSSH_DATA, &buf, 1, on_done),
           0);
  while (still < 50) {             /* until nothing moves any more */
    queued = uvssh_channel_queue_size(&p->channel);
    uv_run(&b.loop, UV_RUN_NOWAIT);
    still = queued == uvssh_channel_queue_size(&p->channel) ? still + 1 : 0;
    CHECK(heap_bytes() - before < 8u << 20);
  }
  CHECK_EQ(done, PENDING);
  CHECK_EQ(uvssh_channel_read_start(&p->channel, peer_read), 0);
  UNTIL(&b, p->got == BULK);
  UNTIL(&b, done != PENDING);
  CHECK_EQ(done, 0);
  both_close(&b);
  free(base);
}

/* What it did not read goes with it, and the server's session, too. */
TEST(pressure_echo_of_one_who_leaves) {
  struct both b;
  struct peer* p;
  uv_buf_t buf = uv_buf_init(calloc(1, BULK), BULK);
  char* base = buf.base;
  int done = PENDING;
  uvssh_req_t req = { .data = &done };
  int how, i;

  for (how = 0; how < 2; how++) {
    done = PENDING;
    both_open(&b);
    b.client_config.linger_ms = 20;
    both_listen(&b);
    p = both_channel(&b, "echo");
    CHECK_EQ(uvssh_channel_write(&req, &p->channel, UVSSH_DATA, &buf, 1,
                                 on_done), 0);
    UNTIL(&b, uvssh_channel_queue_size(&b.served[0]->channel) >= 128 * 1024);
    for (i = 0; i < 20; i++)       /* ... and more is held behind it */
      uv_run(&b.loop, UV_RUN_NOWAIT);
    if (how == 0)
      uvssh_session_close(&p->session);
    else
      CHECK_EQ(uvssh_session_disconnect(&p->session, 11, "bye"), 0);
    UNTIL(&b, b.served[0]->closes == 1 && p->closes == 1);
    CHECK(b.served[0]->relay < 0);
    CHECK(done < 0);
    both_close(&b);
  }
  free(base);
}

/* A reader who has stopped until his write is done, or until on_drain: both
 * come when the peer has gone, and then he reads the rest. */
static uvssh_req_t back_req;

static void read_back(uvssh_channel_t* channel,
                      int stream,
                      ssize_t nread,
                      const uv_buf_t* buf);

static void on_back(uvssh_req_t* req, int status) {
  peer_of(req->session)->extra++;
  CHECK_EQ(uvssh_channel_read_start(req->channel, read_back), 0);
}

static void read_back(uvssh_channel_t* channel,
                      int stream,
                      ssize_t nread,
                      const uv_buf_t* buf) {
  struct peer* p = peer_of(channel->session);
  uv_buf_t out = uv_buf_init(chunk, sizeof(chunk));

  if (nread < 0) {
    p->read_end = nread;
    return;
  }
  p->got += (size_t) nread;
  if (uvssh_channel_write(&back_req, channel, UVSSH_DATA, &out, 1, on_back) ==
      0)
    CHECK_EQ(uvssh_channel_read_stop(channel), 0);
}

static void on_request_back(uvssh_channel_t* channel,
                            const uvssh_channel_request_t* ask,
                            uvssh_reply_t reply) {
  CHECK_EQ(uvssh_reply_accept(reply), 0);
  CHECK_EQ(uvssh_channel_read_start(channel, read_back), 0);
}

TEST(pressure_reader_waits_for_his_write) {
  struct both b;
  struct peer* p;
  struct peer* served;
  uvssh_session_info_t info;
  uv_buf_t buf = uv_buf_init(calloc(1, BULK), BULK);
  char* base = buf.base;
  int done = PENDING;
  uvssh_req_t req = { .data = &done };

  both_open(&b);
  b.client_config.window_bytes = 4096;     /* of 64 KiB that come back */
  b.server_channel_on.on_request = on_request_back;
  both_listen(&b);
  p = both_channel(&b, "");
  served = b.served[0];
  CHECK_EQ(uvssh_channel_write(&req, &p->channel, UVSSH_DATA, &buf, 1, on_done),
           0);
  UNTIL(&b, served->got > 0 &&
                (uvssh_session_info(&served->session, &info),
                 info.bytes_in > 1100 * 1000));
  uvssh_session_close(&p->session);
  UNTIL(&b, served->closes == 1);
  CHECK(served->extra >= 1);
  CHECK(served->got > 1000 * 1000);
  CHECK(served->read_end < 0);
  both_close(&b);
  free(base);
}

/* ---- bounds of a session ---------------------------------------------------------------- */

TEST(pressure_session_bytes) {
  struct both b;
  struct peer* p;
  uv_buf_t buf = uv_buf_init(calloc(1, 1 << 20), 1 << 20);
  char* base = buf.base;
  int done[8];
  uvssh_req_t req[8];
  int i;

  both_open(&b);
  b.client_config.session_bytes = b.client_config.window_bytes = 2 << 20;
  b.server_config.window_bytes = 4096;
  both_listen(&b);
  p = both_channel(&b, "");
  for (i = 0; i < 2; i++) {
    req[i].data = &done[i];
    CHECK_EQ(uvssh_channel_write(&req[i], &p->channel, UVSSH_DATA, &buf, 1,
                                 on_done), 0);
  }
  CHECK_EQ(uvssh_channel_write(&req[2], &p->channel, UVSSH_DATA, &buf, 1,
                               on_done), UV_ENOBUFS);
  CHECK_EQ(uvssh_channel_send(&p->channel, UVSSH_DATA, "x", 1), UV_ENOBUFS);
  uvssh_channel_abort(&p->channel);
  UNTIL(&b, p->channel_closes == 1);
  CHECK_EQ(done[0], UV_ECANCELED);
  CHECK_EQ(done[1], UV_ECANCELED);
  both_close(&b);
  free(base);
}

/* ---- who sends in bulk does not starve the others ------------------------------------- */

static unsigned turns;

static void on_prepare(uv_prepare_t* prepare) {
  turns++;
}

TEST(pressure_budget) {
  struct both b;
  struct peer* bulk;
  struct peer* echo;
  uv_prepare_t prepare;
  uv_buf_t buf = uv_buf_init(calloc(1, BULK), BULK);
  char* base = buf.base;
  int done = PENDING;
  uvssh_req_t req = { .data = &done };
  unsigned worst = 0;
  unsigned before;
  size_t got, pings, most = 0;

  both_open(&b);
  b.server_config.window_bytes = 16 << 20;
  b.server_config.session_bytes = (uint64_t) 1 << 30;
  both_listen(&b);
  bulk = both_channel(&b, "read");
  echo = both_channel(&b, "echo");
  CHECK_EQ(uvssh_channel_read_start(&echo->channel, peer_read), 0);
  uv_prepare_init(&b.loop, &prepare);
  uv_prepare_start(&prepare, on_prepare);
  CHECK_EQ(uvssh_channel_write(&req, &bulk->channel, UVSSH_DATA, &buf, 1,
                               on_done), 0);
  for (pings = 1; b.served[0]->got < BULK; pings++) {
    CHECK_EQ(uvssh_channel_send(&echo->channel, UVSSH_DATA, "x", 1), 0);
    before = turns;
    while (echo->got < pings) {
      got = b.served[0]->got;
      uv_run(&b.loop, UV_RUN_ONCE);
      if (b.served[0]->got - got > most)
        most = b.served[0]->got - got;
    }
    if (turns - before > worst)
      worst = turns - before;
  }
  printf("%zu pings beside 64 MiB: at most %u turns each, at most %zu KiB read "
         "a turn\n", pings, worst, most / 1024);
  CHECK(pings > 10);
  CHECK(worst <= 12);
  CHECK(most <= 1 << 20);          /* 512 KiB, and one read beyond it */
  UNTIL(&b, done != PENDING);
  uv_close((uv_handle_t*) &prepare, NULL);
  both_close(&b);
  free(base);
}
