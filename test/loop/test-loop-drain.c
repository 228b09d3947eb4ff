/* How a server goes: shutdown, its deadline, close; and the walk over its
 * sessions. */
#include <errno.h>
#include <unistd.h>

#include "both.h"

static void on_drained(uvssh_server_t* server) {
  struct both* b = server->data;
  unsigned i;

  CHECK_EQ(b->drains, 0);
  b->drains++;
  for (i = 0; i < b->served_count; i++)
    CHECK(b->data != NULL || b->served[i]->closes == 1);
}

TEST(drain_empty) {
  struct both b;

  both_open(&b);
  both_listen(&b);
  CHECK_EQ(uvssh_server_shutdown(&b.server, 3600 * 1000, on_drained), 0);
  CHECK_EQ(b.drains, 0);           /* from the loop, not from the call */
  CHECK_EQ(uvssh_server_shutdown(&b.server, 0, on_drained), UV_EBUSY);
  UNTIL(&b, b.drains == 1);
  CHECK_EQ(uvssh_server_shutdown(&b.server, 0, on_drained), UV_EBUSY);
  CHECK_EQ(uvssh_server_listen(&b.server, "127.0.0.1", 0, both_accept),
           UV_ECANCELED);
  both_close(&b);
}

TEST(drain_waits_for_who_is_in) {
  struct both b;
  struct peer* in;
  struct peer* before_login;
  int fd, refused;

  both_open(&b);
  both_listen(&b);
  in = both_channel(&b, "echo");
  before_login = both_client(&b, GOAL_START);
  UNTIL(&b, before_login->start != PENDING);
  CHECK_EQ(uvssh_server_shutdown(&b.server, 3600 * 1000, on_drained), 0);
  UNTIL(&b, before_login->closes == 1 && b.served[1]->closes == 1);
  CHECK_EQ(b.served[1]->end.status, 0);
  CHECK_EQ(b.drains, 0);
  fd = both_socket(&b);            /* nobody listens there any more */
  refused = errno;
  CHECK(fd < 0 && refused == ECONNREFUSED);

  CHECK_EQ(uvssh_channel_read_start(&in->channel, peer_read), 0);
  CHECK_EQ(uvssh_channel_send(&in->channel, UVSSH_DATA, "abc", 3), 0);
  UNTIL(&b, in->got == 3);         /* it works as before */
  CHECK_EQ(b.drains, 0);
  CHECK_EQ(uvssh_session_disconnect(&in->session, 11, "bye"), 0);
  UNTIL(&b, b.drains == 1);
  CHECK_EQ(b.served[0]->end.status, UVSSH_EDISCONNECT);
  both_close(&b);
  CHECK_EQ(b.drains, 1);
}

TEST(drain_deadline) {
  struct both b;
  struct peer* p[3];
  uint64_t ms;
  int i;

  for (ms = 0; ms <= 20; ms += 20) {
    both_open(&b);
    both_listen(&b);
    for (i = 0; i < 3; i++)
      p[i] = both_channel(&b, "");
    CHECK_EQ(uvssh_server_shutdown(&b.server, ms, on_drained), 0);
    UNTIL(&b, b.drains == 1);
    for (i = 0; i < 3; i++) {
      UNTIL(&b, p[i]->closes == 1);
      CHECK_EQ(p[i]->end.status, UVSSH_EDISCONNECT);
      CHECK_EQ(p[i]->end.reason, UVSSH_DISCONNECT_BY_APPLICATION);
      CHECK_STR(p[i]->text, "the server is going down");
      CHECK_EQ(b.served[i]->end.status, 0);
    }
    both_close(&b);
  }
}

/* The deadline does not wait for peers that hang, nor for readers that sleep
 * over what a peer left behind. */
static void read_once(uvssh_channel_t* channel,
                      int stream,
                      ssize_t nread,
                      const uv_buf_t* buf) {
  peer_of(channel->session)->got += (size_t) nread;
  CHECK_EQ(uvssh_channel_read_stop(channel), 0);
}

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  CHECK_EQ(uvssh_reply_accept(reply), 0);
  CHECK_EQ(uvssh_channel_read_start(channel, read_once), 0);
}

TEST(drain_deadline_and_held_bytes) {
  static char bytes[100 * 1000];
  struct both b;
  struct peer* p;

  both_open(&b);
  b.client_config.linger_ms = 20;
  b.server_channel_on.on_request = on_request;
  both_listen(&b);
  p = both_channel(&b, "");
  CHECK_EQ(uvssh_channel_send(&p->channel, UVSSH_DATA, bytes, sizeof(bytes)),
           0);
  UNTIL(&b, b.served[0]->got > 0);
  CHECK_EQ(uvssh_session_disconnect(&p->session, 11, "bye"), 0);
  UNTIL(&b, p->closes == 1);
  CHECK_EQ(b.served[0]->closes, 0);        /* there is more to read */
  CHECK_EQ(uvssh_session_disconnect(&b.served[0]->session, 11, ""),
           UV_ENOTCONN);
  CHECK_EQ(uvssh_server_shutdown(&b.server, 10, on_drained), 0);
  UNTIL(&b, b.drains == 1);
  CHECK_EQ(b.served[0]->end.status, UVSSH_EDISCONNECT);
  both_close(&b);
}

TEST(drain_deadline_and_deaf_peer) {
  struct both b;

  both_open(&b);
  both_clock(&b);
  b.server_config.linger_ms = 5000;
  both_server(&b);
  CHECK_EQ(both_joined(&b, GOAL_ASK, "", NULL)->ask, 0);
  CHECK_EQ(uvssh_test_pipe_hold(&b.served[0]->transport, 1), 0);
  CHECK_EQ(uvssh_server_shutdown(&b.server, 10000, on_drained), 0);
  both_pass(&b, 10000 + 4999);
  CHECK_EQ(b.drains, 0);
  both_pass(&b, 1);
  CHECK_EQ(b.drains, 1);
  both_close(&b);
}

/* What was held is read to its end, and then the session goes by itself. */
TEST(drain_held_bytes_are_read) {
  static char bytes[100 * 1000];
  struct both b;
  struct peer* p;
  struct peer* served;

  both_open(&b);
  b.client_config.linger_ms = 20;
  b.server_channel_on.on_request = on_request;
  both_listen(&b);
  p = both_channel(&b, "");
  served = b.served[0];
  CHECK_EQ(uvssh_channel_send(&p->channel, UVSSH_DATA, bytes, sizeof(bytes)),
           0);
  UNTIL(&b, served->got > 0);
  CHECK_EQ(uvssh_session_disconnect(&p->session, 11, "bye"), 0);
  UNTIL(&b, p->closes == 1);
  CHECK_EQ(uvssh_channel_is_open(&served->channel), 0);
  CHECK_EQ(uvssh_channel_send(&served->channel, UVSSH_DATA, "x", 1),
           UV_ENOTCONN);
  CHECK_EQ(uvssh_channel_read_start(&served->channel, peer_read), 0);
  UNTIL(&b, served->closes == 1);
  CHECK_EQ(served->got, sizeof(bytes));
  CHECK_EQ(served->read_end, UVSSH_EDISCONNECT);
  both_close(&b);
}

/* ---- close while it drains --------------------------------------------------------- */

static void on_closed_after_drain(uvssh_server_t* server) {
  struct both* b = server->data;

  CHECK_EQ(b->drains, b->data == NULL ? 1 : 0);      /* that one came first */
  both_on_server_close(server);
}

TEST(drain_closed_meanwhile) {
  struct both b;
  int with_cb;

  for (with_cb = 0; with_cb < 2; with_cb++) {
    both_open(&b);
    b.data = with_cb ? NULL : &b;
    both_listen(&b);
    both_channel(&b, "");
    CHECK_EQ(uvssh_server_shutdown(&b.server, 3600 * 1000,
                                   with_cb ? on_drained : NULL), 0);
    uv_run(&b.loop, UV_RUN_NOWAIT);
    CHECK_EQ(b.drains, 0);
    uvssh_server_close(&b.server, on_closed_after_drain);
    UNTIL(&b, b.server_closes == 1);
    CHECK_EQ(b.drains, with_cb);
    b.server_closes = 0;
    both_close(&b);
  }
}

static void on_drained_close(uvssh_server_t* server) {
  on_drained(server);
  uvssh_server_close(server, both_on_server_close);
}

TEST(drain_close_in_its_callback) {
  struct both b;
  struct peer* p;
  int leaves;

  for (leaves = 0; leaves < 2; leaves++) {
    both_open(&b);
    both_listen(&b);
    p = both_channel(&b, "");
    CHECK_EQ(uvssh_server_shutdown(&b.server, leaves ? 3600 * 1000 : 5,
                                   on_drained_close), 0);
    if (leaves)
      uvssh_session_close(&p->session);
    UNTIL(&b, b.server_closes == 1);
    b.server_closes = 0;
    both_close(&b);
  }
}

/* Nothing tells, and nothing hangs. */
TEST(drain_close_without_callbacks) {
  struct both b;
  struct peer* p;

  both_open(&b);
  both_listen(&b);
  p = both_login(&b);
  CHECK_EQ(uvssh_server_shutdown(&b.server, 5, NULL), 0);
  uvssh_server_close(&b.server, NULL);
  UNTIL(&b, b.server.impl == NULL && p->closes == 1);
  both_close(&b);
}

/* ---- the walk ------------------------------------------------------------------------ */

static unsigned walk(struct both* b, int close_them) {
  uvssh_session_t* s = NULL;
  unsigned n = 0;

  while ((s = uvssh_server_next(&b->server, s)) != NULL) {
    CHECK(s->server == &b->server);
    if (close_them == 1)
      uvssh_session_close(s);
    if (close_them == 2)
      CHECK_EQ(uvssh_session_disconnect(s, 11, "walk"), 0);
    n++;
  }
  return n;
}

TEST(drain_walk) {
  struct both b;
  uvssh_session_t other = { 0 };
  int how, i;

  for (how = 1; how <= 2; how++) {
    both_open(&b);
    both_listen(&b);
    CHECK_EQ(walk(&b, 0), 0);
    for (i = 0; i < 6; i++)
      both_login(&b);
    CHECK_EQ(walk(&b, 0), 6);
    CHECK(uvssh_server_next(&b.server, &other) == NULL);
    CHECK(uvssh_server_next(&b.server, &b.clients[0]->session) == NULL);
    CHECK_EQ(walk(&b, how), 6);    /* their on_close comes from the loop */
    for (i = 0; i < 6; i++)
      UNTIL(&b, b.served[i]->closes == 1);
    CHECK_EQ(walk(&b, 0), 0);
    CHECK(uvssh_server_next(&b.server, &b.served[0]->session) == NULL);
    both_close(&b);
  }
}

/* A session whose on_close runs is not found any more; the others are. */
static void on_close_walk(uvssh_session_t* session, const uvssh_end_t* end) {
  struct peer* p = peer_of(session);
  struct both* b = p->both;
  uvssh_session_t* s = NULL;

  peer_close(session, end);
  while ((s = uvssh_server_next(&b->server, s)) != NULL) {
    CHECK(s != session);
    CHECK_EQ(peer_of(s)->closes, 0);
    uvssh_session_close(s);
  }
  CHECK(uvssh_server_next(&b->server, session) == NULL);
}

TEST(drain_walk_in_on_close) {
  struct both b;
  int i;

  both_open(&b);
  b.server_on.on_close = on_close_walk;
  both_listen(&b);
  for (i = 0; i < 4; i++)
    both_login(&b);
  uvssh_session_close(&b.served[2]->session);
  for (i = 0; i < 4; i++)
    UNTIL(&b, b.served[i]->closes == 1);
  both_close(&b);
}
