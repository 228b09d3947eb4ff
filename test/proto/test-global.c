/* Global requests, keepalive, and idle sessions. RFC 4254 section 4. */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>

static struct peer* begin(enum say say) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->app->say_request = say;
  peer_open(p);
  peer_reach_open(p);
  return p;
}

/* ---- global requests ----------------------------------------------------- */

TEST(global_requests_are_answered_in_order) {
  struct peer* p = begin(SAY_NOTHING);
  uvssh_reply_t first;

  wr_cstr(peer_message(p, MSG_GLOBAL_REQUEST), "one@y");
  wr_bool(&p->message, 1);
  peer_send(p);
  peer_expect_nothing(p);
  first = p->app->global_reply;
  wr_cstr(peer_message(p, MSG_GLOBAL_REQUEST), "two@y");
  wr_bool(&p->message, 1);
  peer_send(p);
  wr_cstr(peer_message(p, MSG_GLOBAL_REQUEST), "keepalive@openssh.com");
  wr_bool(&p->message, 1);
  peer_send(p);
  wr_cstr(peer_message(p, MSG_GLOBAL_REQUEST), "silent@y");
  wr_bool(&p->message, 0);
  peer_send(p);
  peer_expect_nothing(p);
  CHECK_EQ(p->app->global_reply.serial, 0);   /* no answer is wanted */
  CHECK_EQ(uvssh_reply_accept(p->app->global_reply), UV_ECANCELED);
  CHECK(strstr(p->app->log, "global one@y; global two@y; global silent@y;") !=
        NULL);
  p->app->say_request = SAY_YES;
  CHECK_EQ(uvssh_reply_reject(first), 0);
  peer_expect(p, MSG_REQUEST_FAILURE);
  peer_expect_nothing(p);
  pipe_sleep(&p->app->pipe, 60000);  /* the second's time is up: no */
  peer_expect(p, MSG_REQUEST_FAILURE);
  peer_expect(p, MSG_REQUEST_FAILURE);
  peer_expect_nothing(p);
  peer_end(p);
}

/* What ends the session ends what is asked; closing is no success. */
TEST(global_request_completes_when_the_session_ends) {
  uvssh_session_request_t what = { .type = UVSSH_GLOBAL_OTHER, .name = "x@y" };
  struct app_req req;
  struct app* a;
  unsigned how;

  for (how = 0; how < 3; how++) {
    NOTE("way %u", how);
    a = app_new();
    a->say_request = SAY_NOTHING;
    app_login(a);
    CHECK_EQ(uvssh_session_request(app_req(a, &req, "global"),
                                   &a->pipe.client.pub, &what, app_done), 0);
    pipe_run(&a->pipe);
    CHECK_EQ(req.done, 0);
    if (how == 0)
      uvssh_session_close(&a->pipe.client.pub);
    else if (how == 1)
      uvssh_session_close(&a->pipe.server.pub);
    else
      CHECK_EQ(uvssh_session_disconnect(&a->pipe.client.pub, 11, ""), 0);
    pipe_finish(&a->pipe);
    CHECK_EQ(req.done, 1);
    CHECK_EQ(req.status, how == 1 ? UV_EOF : UV_ECANCELED);
    CHECK_EQ(a->pipe.client.end.status, how == 1 ? UV_EOF : 0);
    app_end(a);
  }
}

/* ---- keepalive, idle ----------------------------------------------------- */

/* A peer that answers at once, in the same millisecond, is alive. */
TEST(keepalive_that_is_answered) {
  struct app* a = app_new();

  a->client_config.keepalive_ms = 1000;
  app_login(a);
  pipe_sleep(&a->pipe, 100 * 1000);
  CHECK_EQ(a->pipe.client.closes, 0);
  app_end(a);
}

TEST(keepalive_that_is_not_answered) {
  struct peer* p = peer_new(PEER_CLIENT);
  unsigned i;

  p->app->server_config.keepalive_ms = 1000;
  p->app->server_config.keepalive_count = 3;
  peer_open(p);
  peer_reach_open(p);
  pipe_sleep(&p->app->pipe, 999);
  peer_expect_nothing(p);
  pipe_sleep(&p->app->pipe, 1);
  CHECK(str_is(rd_str(peer_expect(p, MSG_GLOBAL_REQUEST)),
               "keepalive@openssh.com"));
  CHECK_EQ(rd_bool(&p->m), 1);
  for (i = 0; i < 10; i++) {       /* any packet shows that it is there */
    pipe_sleep(&p->app->pipe, 900);
    wr_cstr(peer_message(p, MSG_IGNORE), "");
    peer_send(p);
  }
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->session.ending, E_RUNNING);
  pipe_sleep(&p->app->pipe, 3999);
  CHECK_EQ(p->side->session.ending, E_RUNNING);
  pipe_sleep(&p->app->pipe, 1);
  peer_ended(p, UV_ETIMEDOUT, 11);
  peer_end(p);
}

/* Its answers are not taken for those of the user's requests. */
TEST(keepalive_and_requests_of_the_user) {
  struct peer* p = peer_new(PEER_CLIENT);
  uvssh_session_request_t what = { .type = UVSSH_GLOBAL_OTHER, .name = "x@y" };
  struct app_req one, two;

  p->app->server_config.keepalive_ms = 1000;
  peer_open(p);
  peer_reach_open(p);
  CHECK_EQ(uvssh_session_request(app_req(p->app, &one, NULL), &p->side->pub,
                                 &what, app_done), 0);
  pipe_sleep(&p->app->pipe, 1000);
  CHECK_EQ(uvssh_session_request(app_req(p->app, &two, NULL), &p->side->pub,
                                 &what, app_done), 0);
  peer_message(p, MSG_REQUEST_SUCCESS);
  peer_send(p);
  peer_message(p, MSG_REQUEST_FAILURE);
  peer_send(p);
  pipe_run(&p->app->pipe);
  CHECK(one.done && one.status == 0 && !two.done);
  peer_message(p, MSG_REQUEST_SUCCESS);
  peer_send(p);
  pipe_run(&p->app->pipe);
  CHECK(two.done && two.status == 0);
  peer_end(p);
}

TEST(idle_counts_data_of_the_peer_only) {
  struct peer* p = peer_new(PEER_CLIENT);
  uint32_t id;
  unsigned i;

  p->app->server_config.idle_timeout_ms = 10000;
  p->app->server_config.keepalive_ms = 1000;
  p->app->server_config.keepalive_count = 100;
  peer_open(p);
  peer_reach_open(p);
  id = peer_channel(p, 1, 100000);
  pipe_sleep(&p->app->pipe, 9000);
  peer_data(p, id, "x", 1);
  for (i = 0; i < 9; i++) {
    pipe_sleep(&p->app->pipe, 1000);
    peer_message(p, MSG_REQUEST_FAILURE);
    peer_send(p);
    CHECK_EQ(uvssh_channel_send(&p->app->served[0].pub, 0, "y", 1), 0);
  }
  pipe_sleep(&p->app->pipe, 999);
  CHECK_EQ(p->side->session.ending, E_RUNNING);
  pipe_sleep(&p->app->pipe, 1);
  peer_ended(p, UV_ETIMEDOUT, 11);
  peer_end(p);
}
