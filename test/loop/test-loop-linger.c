/* How long a close waits: for what is queued, for a peer that is deaf, and for
 * one who says goodbye at the same time. */
#include "both.h"

static void on_done(uvssh_req_t* req, int status) {
  *(int*) req->data = status;
}

enum { BULK = 32 << 20 };          /* more than any window */

static char* bulk;

/* A channel that can never send all it has: nobody reads at the other end. Over
 * a socket, or over a pipe and with a clock of the test's. */
static struct peer* stuck(struct both* b,
                          int socket,
                          uint64_t linger_ms,
                          int* wrote) {
  static uvssh_req_t req;
  uv_buf_t buf;

  bulk = calloc(1, BULK);
  both_open(b);
  b->server_config.linger_ms = linger_ms;
  if (socket) {
    both_listen(b);
    both_channel(b, "");
  } else {
    both_clock(b);
    both_server(b);
    CHECK_EQ(both_joined(b, GOAL_ASK, "", NULL)->ask, 0);
  }
  buf = uv_buf_init(bulk, BULK);
  *wrote = PENDING;
  req.data = wrote;
  CHECK_EQ(uvssh_channel_write(&req, &b->served[0]->channel, UVSSH_DATA, &buf,
                               1, on_done), 0);
  return b->served[0];
}

TEST(times_linger_channel) {
  struct both b;
  struct peer* p;
  int wrote;
  uint64_t ms;

  for (ms = 0; ms <= 10000; ms += 10000) {
    p = stuck(&b, 0, ms, &wrote);
    uvssh_channel_close(&p->channel);
    if (ms != 0)
      both_pass(&b, ms - 1);
    CHECK_EQ(p->channel_closes, 0);
    both_pass(&b, ms != 0);
    CHECK_EQ(p->channel_closes, 1);
    CHECK_EQ(p->channel_status, UV_ETIMEDOUT);
    CHECK(wrote < 0);
    CHECK_EQ(p->closes, 0);        /* the session goes on */
    both_pass(&b, 3600 * 1000);
    CHECK(uvssh_session_is_ready(&p->session));
    both_close(&b);
    free(bulk);
  }
}

/* Nothing waits for the one that drops what it has. */
TEST(times_linger_abort) {
  struct both b;
  struct peer* p;
  int wrote;

  p = stuck(&b, 1, 3600 * 1000, &wrote);
  uvssh_channel_abort(&p->channel);
  UNTIL(&b, p->channel_closes == 1);
  CHECK_EQ(p->channel_status, 0);
  CHECK_EQ(wrote, UV_ECANCELED);
  UNTIL(&b, b.clients[0]->channel_closes == 1);
  both_close(&b);
  free(bulk);
}

TEST(times_linger_disconnect) {
  struct both b;
  struct peer* p;
  int wrote;
  uint64_t ms;

  for (ms = 0; ms <= 10; ms += 10) {
    p = stuck(&b, 1, ms, &wrote);
    CHECK_EQ(uvssh_session_disconnect(&p->session, 11, "enough"), 0);
    CHECK_EQ(uvssh_session_disconnect(&p->session, 11, "twice"), UV_ENOTCONN);
    UNTIL(&b, p->closes == 1);
    CHECK_EQ(p->end.status, 0);
    CHECK_EQ(p->end.reason, 11);
    CHECK(wrote < 0);
    both_close(&b);
    free(bulk);
  }
}

/* Both ends at once: neither waits for the other. */
TEST(times_linger_both_say_it) {
  struct both b;
  struct peer* p;

  both_open(&b);
  b.server_config.linger_ms = b.client_config.linger_ms = 3600 * 1000;
  both_listen(&b);
  p = both_channel(&b, "echo");
  CHECK_EQ(uvssh_session_disconnect(&p->session, 11, "one"), 0);
  CHECK_EQ(uvssh_session_disconnect(&b.served[0]->session, 2, "two"), 0);
  UNTIL(&b, p->closes == 1 && b.served[0]->closes == 1);
  CHECK_EQ(p->end.status, 0);
  CHECK_EQ(p->end.reason, 11);
  CHECK_EQ(b.served[0]->end.status, 0);
  CHECK_EQ(b.served[0]->end.reason, 2);
  both_close(&b);
}

/* With a peer that reads, all that was queued arrives before the end. */
TEST(times_linger_delivers) {
  struct both b;
  struct peer* p;
  int wrote;

  p = stuck(&b, 1, 60 * 1000, &wrote);
  CHECK_EQ(uvssh_channel_read_start(&b.clients[0]->channel, peer_read), 0);
  CHECK_EQ(uvssh_session_disconnect(&p->session, 11, "all said"), 0);
  UNTIL(&b, p->closes == 1 && b.clients[0]->closes == 1);
  CHECK_EQ(wrote, 0);
  CHECK_EQ(b.clients[0]->got, BULK);
  CHECK_EQ(b.clients[0]->end.reason, 11);
  CHECK_STR(b.clients[0]->text, "all said");
  CHECK_EQ(p->end.status, 0);
  both_close(&b);
  free(bulk);
}
