/* How channels end, and in which order. RFC 4254 section 5.3. */
#include "served.h"

#include <stdio.h>
#include <stdlib.h>

static void expect_mark(struct peer* p, uint8_t number) {
  CHECK_EQ(rd_u32(peer_expect(p, number)), 9);
  CHECK_EQ(rd_end(&p->m), 0);
}

/* A write of six bytes into a window of three. */
static void write_half(struct peer* p, struct app_req* write) {
  uv_buf_t buf = uv_buf_init("abcdef", 6);

  CHECK_EQ(uvssh_channel_write(app_req(p->app, write, "write"), served(p), 0,
                               &buf, 1, app_done), 0);
  expect_data(p, "abc");
}

/* ---- ours ---------------------------------------------------------------- */

TEST(close_goes_behind_what_is_queued) {
  uint32_t id;
  struct peer* p = begin(3, &id);

  CHECK_EQ(uvssh_channel_send(served(p), UVSSH_DATA, "abcdef", 6), 0);
  uvssh_channel_close(served(p));
  uvssh_channel_close(served(p));
  CHECK_EQ(uvssh_channel_is_open(served(p)), 0);
  CHECK_EQ(uvssh_channel_send(served(p), UVSSH_DATA, "x", 1), UV_ENOTCONN);
  CHECK_EQ(uvssh_channel_shutdown(NULL, served(p), NULL), UV_ENOTCONN);
  CHECK_EQ(uvssh_channel_exit(served(p), 0, 0), UV_ENOTCONN);
  CHECK_EQ(uvssh_channel_read_start(served(p), app_read), UV_ENOTCONN);
  CHECK_EQ(uvssh_channel_read_stop(served(p)), UV_ENOTCONN);
  CHECK_EQ(uvssh_channel_set_window(served(p), 10000), UV_ENOTCONN);
  CHECK_EQ(uvssh_channel_queue_size(served(p)), 0);
  expect_data(p, "abc");
  peer_expect_nothing(p);
  peer_data(p, id, "late", 4);     /* nobody reads it any more */
  CHECK_EQ(p->app->served[0].closes, 0);
  peer_adjust(p, id, 10);
  expect_data(p, "def");
  expect_mark(p, MSG_CHANNEL_EOF);
  expect_mark(p, MSG_CHANNEL_CLOSE);
  CHECK_STR(p->app->log, "s0 closed 0; ");   /* before the peer's CLOSE */
  peer_data(p, id, "later", 5);
  peer_request(p, id, "x@y", 1, NULL, 0);
  peer_adjust(p, id, 1);
  peer_u32(p, MSG_CHANNEL_EOF, id);
  peer_u32(p, MSG_CHANNEL_CLOSE, id);
  peer_expect_nothing(p);
  CHECK_STR(p->app->log, "s0 closed 0; ");
  peer_alive(p);
  peer_end(p);
}

TEST(exit_goes_behind_what_is_queued) {
  uint32_t id;
  struct peer* p = begin(3, &id);
  rd_t* m;

  CHECK_EQ(uvssh_channel_send(served(p), UVSSH_DATA, "abcdef", 6), 0);
  CHECK_EQ(uvssh_channel_exit(served(p), 258, 0), 0);
  expect_data(p, "abc");
  peer_expect_nothing(p);
  peer_adjust(p, id, 10);
  expect_data(p, "def");
  m = peer_expect(p, MSG_CHANNEL_REQUEST);
  CHECK_EQ(rd_u32(m), 9);
  CHECK(str_is(rd_str(m), "exit-status"));
  CHECK_EQ(rd_bool(m), 0);
  CHECK_EQ(rd_u32(m), 258);
  expect_mark(p, MSG_CHANNEL_EOF);
  expect_mark(p, MSG_CHANNEL_CLOSE);
  peer_end(p);

  p = begin(3, &id);
  CHECK_EQ(uvssh_channel_shutdown(NULL, served(p), NULL), 0);
  expect_mark(p, MSG_CHANNEL_EOF);
  CHECK_EQ(uvssh_channel_exit(served(p), 0, 15), 0);
  m = peer_expect(p, MSG_CHANNEL_REQUEST);
  (void) rd_u32(m);
  CHECK(str_is(rd_str(m), "exit-signal"));
  CHECK_EQ(rd_bool(m), 0);
  CHECK(str_is(rd_str(m), "TERM"));
  expect_mark(p, MSG_CHANNEL_CLOSE);
  peer_end(p);
}

TEST(abort_drops_what_is_queued) {
  uint32_t id;
  struct peer* p = begin(3, &id);
  struct app_req write;

  write_half(p, &write);
  CHECK_EQ(write.done, 0);
  uvssh_channel_abort(served(p));
  CHECK_EQ(write.done, 0);         /* not inside the call */
  expect_mark(p, MSG_CHANNEL_CLOSE);
  CHECK_STR(p->app->log, "write UV_ECANCELED; s0 closed 0; ");
  peer_end(p);
}

TEST(close_waits_for_linger_ms_and_no_longer) {
  struct peer* p;
  uv_buf_t buf = uv_buf_init("abcdef", 6);
  struct app_req write;
  uint32_t id;

  p = peer_new(PEER_CLIENT);
  p->app->server_config.linger_ms = 700;
  peer_open(p);
  peer_reach_open(p);
  id = peer_channel(p, 9, 3);
  app_log_clear(p->app);
  CHECK_EQ(uvssh_channel_write(app_req(p->app, &write, "write"), served(p), 0,
                               &buf, 1, app_done), 0);
  uvssh_channel_close(served(p));
  expect_data(p, "abc");
  pipe_sleep(&p->app->pipe, 699);
  CHECK_STR(p->app->log, "");
  pipe_sleep(&p->app->pipe, 1);
  CHECK_STR(p->app->log, "write UV_ETIMEDOUT; s0 closed UV_ETIMEDOUT; ");
  peer_await(p, MSG_CHANNEL_CLOSE);
  peer_u32(p, MSG_CHANNEL_CLOSE, id);
  peer_alive(p);
  peer_end(p);
}

/* Without time to wait there is still what can leave at once, be it in few
 * packets at the end of the turn. */
TEST(close_without_linger_sends_what_it_can) {
  static char much[600];
  struct peer* p = peer_new(PEER_CLIENT);

  p->app->server_config.linger_ms = 0;
  peer_open(p);
  peer_reach_open(p);
  peer_channel(p, 9, 1000);
  app_log_clear(p->app);
  memset(much, 'x', sizeof(much) - 1);
  CHECK_EQ(uvssh_channel_send(served(p), 0, much, sizeof(much) - 1), 0);
  CHECK_EQ(uvssh_channel_send(served(p), 0, "bye", 3), 0);
  uvssh_channel_close(served(p));
  expect_data(p, much);
  expect_data(p, "bye");
  expect_mark(p, MSG_CHANNEL_EOF);
  expect_mark(p, MSG_CHANNEL_CLOSE);
  peer_end(p);
}

/* A peer that takes a little again and again gets all of it. */
TEST(close_waits_for_a_peer_that_takes_some) {
  struct peer* p;
  uint32_t id;
  int i;

  p = peer_new(PEER_CLIENT);
  p->app->server_config.linger_ms = 700;
  peer_open(p);
  peer_reach_open(p);
  id = peer_channel(p, 9, 3);
  app_log_clear(p->app);
  CHECK_EQ(uvssh_channel_send(served(p), 0, "abcdefghijklmno", 15), 0);
  uvssh_channel_close(served(p));
  expect_data(p, "abc");
  for (i = 0; i < 4; i++) {
    pipe_sleep(&p->app->pipe, 600);
    CHECK_STR(p->app->log, "");
    peer_adjust(p, id, 3);
    CHECK_EQ(rd_u32(peer_expect(p, MSG_CHANNEL_DATA)), 9);
  }
  expect_mark(p, MSG_CHANNEL_EOF);
  expect_mark(p, MSG_CHANNEL_CLOSE);
  CHECK_STR(p->app->log, "s0 closed 0; ");
  peer_end(p);
}

/* The transport takes nothing any more: on_close comes all the same. */
TEST(close_while_the_transport_is_stuck) {
  struct app* a = app_new();

  app_login(a);
  app_channel(a, 0);
  a->pipe.client.hold = 1;
  CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, 0, "x", 1), 0);
  pipe_run(&a->pipe);
  CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, 0, "y", 1), 0);
  uvssh_channel_close(&a->asked[0].pub);
  pipe_sleep(&a->pipe, 9999);
  CHECK_EQ(a->asked[0].closes, 0);
  pipe_sleep(&a->pipe, 1);
  CHECK_EQ(a->asked[0].closes, 1);
  CHECK_EQ(a->asked[0].status, UV_ETIMEDOUT);
  a->pipe.client.hold = 0;
  pipe_run(&a->pipe);
  CHECK_EQ(a->served[0].closes, 1);
  CHECK_EQ(a->served[0].text[0][1], '\0');   /* "y" was dropped */
  app_end(a);
}

/* ---- the peer's ---------------------------------------------------------- */

TEST(close_of_the_peer_drops_what_we_had_queued) {
  uint32_t id;
  struct peer* p = begin(3, &id);
  struct app_req write;

  write_half(p, &write);
  peer_u32(p, MSG_CHANNEL_CLOSE, id);      /* without EOF: legal */
  expect_mark(p, MSG_CHANNEL_CLOSE);
  CHECK_STR(p->app->log, "write UV_ECANCELED; s0 end UV_EOF; s0 closed 0; ");
  peer_end(p);
}

TEST(close_order_of_what_the_peer_may_not_do) {
  static const uint8_t twice[][2] = {
    { MSG_CHANNEL_EOF, MSG_CHANNEL_EOF },
    { MSG_CHANNEL_EOF, MSG_CHANNEL_DATA },
    { MSG_CHANNEL_EOF, MSG_CHANNEL_EXTENDED_DATA },
  };
  struct peer* p;
  struct buf* m;
  uint32_t id;
  size_t i, k;

  for (i = 0; i < ARRAY_SIZE(twice); i++) {
    p = begin(100, &id);
    for (k = 0; k < 2; k++) {
      CHECK_EQ(p->side->session.ending, E_RUNNING);
      m = peer_message(p, twice[i][k]);
      wr_u32(m, id);
      if (twice[i][k] == MSG_CHANNEL_EXTENDED_DATA)
        wr_u32(m, 1);
      if (twice[i][k] != MSG_CHANNEL_EOF)
        wr_cstr(m, "x");
      peer_send(p);
      pipe_run(&p->app->pipe);
    }
    peer_ended(p, UVSSH_EUNEXPECTED, 2);
    peer_end(p);
  }
}

TEST(close_requests_after_eof_are_legal) {
  uint32_t id;
  struct peer* p = begin(100, &id);

  peer_u32(p, MSG_CHANNEL_EOF, id);
  peer_expect_nothing(p);
  peer_request(p, id, "x@y", 1, NULL, 0);
  peer_expect(p, MSG_CHANNEL_SUCCESS);
  peer_adjust(p, id, 5);
  CHECK_EQ(uvssh_channel_send(served(p), 0, "still", 5), 0);
  expect_data(p, "still");
  CHECK_STR(p->app->log, "s0 end UV_EOF; s0 x@y; ");
  peer_end(p);
}

/* Unanswered requests go with the channel. */
TEST(close_ends_what_is_asked_both_ways) {
  struct app* a = app_new();
  struct app_req exec;
  uvssh_reply_t reply;

  a->say_request = SAY_NOTHING;
  app_login(a);
  app_channel(a, 0);
  CHECK_EQ(uvssh_channel_exec(app_req(a, &exec, "exec"), &a->asked[0].pub, "ls",
                              app_done), 0);
  pipe_run(&a->pipe);
  reply = a->served[0].reply;
  app_log_clear(a);
  uvssh_channel_close(&a->asked[0].pub);
  pipe_run(&a->pipe);
  CHECK(strstr(a->log, "exec UV_ECANCELED; c0 closed 0; ") != NULL);
  CHECK_EQ(a->served[0].end, UV_EOF);
  CHECK_EQ(a->served[0].status, 0);
  CHECK_EQ(uvssh_reply_accept(reply), UV_ECANCELED);
  app_end(a);
}
