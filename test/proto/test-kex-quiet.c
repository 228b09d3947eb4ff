/* What leaves during an exchange, and what waits. RFC 4253 section 7.1. */
#include "peer.h"

#include <stdio.h>

/* Whatever waits: from our KEXINIT to our NEWKEYS only 1-4 and 20-49 leave,
 * and then the rest, in its order. */
static void quiet_server(enum jobs jobs) {
  struct peer* p = peer_new(PEER_CLIENT);
  uvssh_session_request_t what = { .type = UVSSH_GLOBAL_OTHER, .name = "g@y" };
  struct app_req req;
  uint32_t id;

  p->app->server_config.keepalive_ms = 1000;
  p->app->server_config.kex_timeout_ms = 60000;
  peer_open(p);
  peer_reach_open(p);
  id = peer_channel(p, 5, 100000);
  p->app->pipe.jobs = jobs;
  p->app->pipe.job_steps = 4;
  CHECK_EQ(uvssh_session_rekey(NULL, &p->side->pub, NULL), 0);
  CHECK_EQ(uvssh_channel_send(&p->app->served[0].pub, UVSSH_DATA, "abc", 3), 0);
  CHECK_EQ(uvssh_session_request(app_req(p->app, &req, NULL), &p->side->pub,
                                 &what, app_done), 0);
  peer_request(p, id, "shell", 1, NULL, 0);   /* on its way already */
  wr_cstr(peer_message(p, MSG_PING), "ping");
  peer_send(p);
  peer_message(p, 9);
  peer_send(p);
  peer_data(p, id, "xyz", 3);
  peer_read_kexinit(p);
  peer_expect(p, MSG_UNIMPLEMENTED);
  pipe_sleep(&p->app->pipe, 10000);
  peer_expect_nothing(p);
  CHECK_EQ(p->app->served[0].got[0], 3);
  peer_say_kexinit(p);
  peer_expect_nothing(p);
  peer_say_kex(p);
  peer_read_kex(p);
  peer_read_newkeys(p);
  peer_expect(p, MSG_GLOBAL_REQUEST);
  peer_expect(p, MSG_CHANNEL_SUCCESS);
  peer_expect(p, MSG_CHANNEL_DATA);
  peer_say_newkeys(p);
  peer_expect_nothing(p);
  peer_alive(p);
  peer_end(p);
}

TEST(lesson_87_nothing_but_the_exchange_leaves_a_server) {
  quiet_server(JOBS_NOW);
  quiet_server(JOBS_LATER);
}

TEST(lesson_87_nothing_but_the_exchange_leaves_a_client) {
  struct peer* p = peer_new(PEER_SERVER);
  uvssh_session_request_t what = { .type = UVSSH_GLOBAL_OTHER, .name = "g@y" };
  struct app_req req;

  p->app->client_config.keepalive_ms = 1000;
  p->app->client_config.kex_timeout_ms = 60000;
  peer_open(p);
  peer_reach_open(p);
  CHECK_EQ(uvssh_session_rekey(NULL, &p->side->pub, NULL), 0);
  CHECK_EQ(uvssh_session_request(app_req(p->app, &req, NULL), &p->side->pub,
                                 &what, app_done), 0);
  app_channel(p->app, 0);
  peer_read_kexinit(p);
  pipe_sleep(&p->app->pipe, 10000);
  peer_expect_nothing(p);
  peer_say_kexinit(p);
  peer_say_kex(p);                 /* has read 30 */
  peer_read_newkeys(p);
  peer_expect(p, MSG_GLOBAL_REQUEST);
  peer_expect(p, MSG_CHANNEL_OPEN);
  peer_say_newkeys(p);
  peer_alive(p);
  peer_end(p);
}

/* Replies that we owe wait in a queue with an end. */
TEST(lesson_87_deferred_replies_are_limited) {
  struct peer* p = peer_new(PEER_CLIENT);
  unsigned i;

  peer_open(p);
  peer_reach_open(p);
  CHECK_EQ(uvssh_session_rekey(NULL, &p->side->pub, NULL), 0);
  peer_read_kexinit(p);
  for (i = 0; i < 256; i++) {
    app_log_clear(p->app);
    wr_cstr(peer_message(p, MSG_GLOBAL_REQUEST), "x@y");
    wr_bool(&p->message, 1);
    peer_send(p);
  }
  peer_expect_nothing(p);
  CHECK_EQ(p->side->session.ending, E_RUNNING);
  wr_cstr(peer_message(p, MSG_GLOBAL_REQUEST), "x@y");
  wr_bool(&p->message, 1);
  peer_send(p);
  peer_ended(p, UVSSH_ELIMIT, 2);
  peer_end(p);
}

TEST(lesson_87_a_user_who_asks_much_is_told_to_wait) {
  struct peer* p = peer_new(PEER_CLIENT);
  uvssh_session_request_t what = { .type = UVSSH_GLOBAL_OTHER, .name = "g@y" };
  unsigned i;
  int err = 0;

  peer_open(p);
  peer_reach_open(p);
  CHECK_EQ(uvssh_session_rekey(NULL, &p->side->pub, NULL), 0);
  for (i = 0; i < 200 && err == 0; i++)
    err = uvssh_session_request(NULL, &p->side->pub, &what, NULL);
  CHECK_EQ(err, UV_ENOBUFS);
  CHECK(i > 100);
  peer_read_kexinit(p);
  peer_rekey(p);
  peer_skip(p);
  CHECK_EQ(p->heard[MSG_GLOBAL_REQUEST], i);  /* its host keys, too */
  CHECK_EQ(uvssh_session_request(NULL, &p->side->pub, &what, NULL), 0);
  peer_alive(p);
  peer_end(p);
}

/* By their size, too: his session does not end by it. */
TEST(lesson_87_a_user_who_asks_at_length_is_told_to_wait) {
  static const uint8_t extra[32768];
  struct peer* p = peer_new(PEER_CLIENT);
  uvssh_session_request_t what = { .type = UVSSH_GLOBAL_OTHER, .name = "g@y",
                                   .extra = extra };
  unsigned i, n;
  int err;

  for (n = 32768; n != 0; n /= 2) {
    peer_open(p);
    peer_reach_open(p);
    CHECK_EQ(uvssh_session_rekey(NULL, &p->side->pub, NULL), 0);
    what.extra_len = n;
    err = 0;
    for (i = 0; i < 200 && err == 0; i++)
      err = uvssh_session_request(NULL, &p->side->pub, &what, NULL);
    CHECK_EQ(err, UV_ENOBUFS);
    CHECK(p->side->session.transport.deferred.len <= 65536);
    for (i = 0; i < 120; i++) {
      wr_cstr(peer_message(p, MSG_GLOBAL_REQUEST), "x@y");
      wr_bool(&p->message, 1);
      peer_send(p);
    }
    peer_read_kexinit(p);
    peer_rekey(p);
    peer_skip(p);
    peer_alive(p);
    peer_again(p);
  }
  peer_end(p);
}

TEST(lesson_88_pings_during_an_exchange_cost_nothing) {
  struct peer* p = peer_new(PEER_CLIENT);
  uint8_t data[256] = { 0 };
  size_t bytes;
  unsigned i;

  peer_open(p);
  peer_reach_open(p);
  CHECK_EQ(uvssh_session_rekey(NULL, &p->side->pub, NULL), 0);
  peer_read_kexinit(p);
  peer_say_kexinit(p);
  peer_expect_nothing(p);
  bytes = heap_bytes();
  for (i = 0; i < 100000; i++) {
    wr_str(peer_message(p, MSG_PING), data, sizeof(data));
    peer_send(p);
    if (i % 1000 == 0)
      pipe_run(&p->app->pipe);
  }
  peer_expect_nothing(p);
  CHECK(heap_bytes() <= bytes + 4096);
  peer_say_kex(p);
  peer_read_kex(p);
  peer_read_newkeys(p);
  peer_expect_nothing(p);
  peer_say_newkeys(p);
  peer_alive(p);
  peer_end(p);
}
