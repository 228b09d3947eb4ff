/* The time of an exchange, and what a peer may cost before it has logged in. Its
 * order: test-strict.c, test-terrapin.c. RFC 4253 section 7. */
#include "peer.h"

#include <stdio.h>

TEST(kex_ignore_before_the_first_keys_is_limited) {
  struct peer* p = peer_new(PEER_CLIENT);
  unsigned i;

  p->strict = STRICT_NONE;
  peer_open(p);
  peer_say_ident(p);
  for (i = 0; i < 8; i++) {
    wr_cstr(peer_message(p, MSG_IGNORE), "x");
    peer_send(p);
  }
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->session.ending, E_RUNNING);
  wr_cstr(peer_message(p, MSG_IGNORE), "x");
  peer_send(p);
  peer_ended(p, UVSSH_EUNEXPECTED, 2);
  peer_end(p);
}

/* ---- before login -------------------------------------------------------- */

TEST(lesson_97_packets_and_bytes_before_login_are_limited) {
  struct peer* p = peer_new(PEER_CLIENT);
  uint8_t data[30000] = { 0 };
  unsigned i;

  p->app->server_config.preauth_packets = 100;
  peer_open(p);
  peer_reach_service(p);
  for (i = 0; i < 97; i++) {       /* KEXINIT, 30, NEWKEYS were the first */
    wr_cstr(peer_message(p, MSG_IGNORE), "");
    peer_send(p);
  }
  peer_expect_nothing(p);
  wr_cstr(peer_message(p, MSG_IGNORE), "");
  peer_send(p);
  peer_ended(p, UVSSH_ELIMIT, 2);
  peer_again(p);
  p->app->server_config.preauth_packets = 1000;
  peer_open(p);
  peer_reach_service(p);
  for (i = 0; i < 8; i++) {
    wr_str(peer_message(p, MSG_IGNORE), data, sizeof(data));
    peer_send(p);
  }
  peer_expect_nothing(p);
  wr_str(peer_message(p, MSG_IGNORE), data, sizeof(data));
  peer_send(p);
  peer_ended(p, UVSSH_ELIMIT, 2);
  peer_end(p);
}

TEST(kex_takes_its_time_and_no_more) {
  struct peer* p = peer_new(PEER_CLIENT);

  peer_open(p);
  peer_say_ident(p);
  pipe_sleep(&p->app->pipe, 19999);
  CHECK_EQ(p->side->session.ending, E_RUNNING);
  pipe_sleep(&p->app->pipe, 1);
  peer_ended(p, UV_ETIMEDOUT, 11);
  peer_end(p);
}

/* While a job is away nothing of the peer is looked at, and the clock runs. */
TEST(kex_job_is_away) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->strict = STRICT_NONE;
  p->app->pipe.jobs = JOBS_HELD;
  peer_open(p);
  peer_say_ident(p);
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  peer_say_kex(p);
  peer_message(p, 9);
  peer_send(p);
  peer_expect_nothing(p);
  CHECK_EQ(uvssh__session_wants_input(&p->side->session), 0);
  pipe_release_jobs(&p->app->pipe);
  peer_read_kex(p);
  peer_read_newkeys(p);
  peer_await(p, MSG_UNIMPLEMENTED);
  peer_again(p);

  peer_open(p);
  peer_say_ident(p);
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  peer_say_kex(p);
  pipe_sleep(&p->app->pipe, 20000);
  peer_ended(p, UV_ETIMEDOUT, 11);
  CHECK_EQ(p->app->pipe.waiting_count, 1);
  pipe_release_jobs(&p->app->pipe);
  peer_end(p);
}
