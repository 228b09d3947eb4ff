/* Logging in at a server: when refusals leave, and what is counted. RFC 4252
 * section 4. */
#include "auth.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- time ---------------------------------------------------------------- */

TEST(lesson_85_refusals_leave_at_a_constant_time) {
  struct peer* p = begin(SAY_NO);

  p->app->server_config.auth_tries = 20;
  peer_again(p);
  peer_open(p);
  peer_reach_auth(p);
  password(p, "bob", "wrong");
  failed_after(p, 300);
  probe(p, "bob", p->app->user_key);
  failed_after(p, 300);
  proof(p, "bob", p->app->user_key);
  failed_after(p, 300);
  (void) request(p, "bob", "hostbased");
  peer_send(p);
  failed_after(p, 300);
  change(p, "bob", "unsolicited");
  failed_after(p, 300);
  /* A verdict that takes longer goes to the next step of the grid. */
  p->app->say_auth = SAY_NOTHING;
  password(p, "bob", "slow");
  pipe_sleep(&p->app->pipe, 100);
  CHECK_EQ(uvssh_reply_reject(p->app->auth_reply), 0);
  failed_after(p, 200);
  password(p, "bob", "slower");
  pipe_sleep(&p->app->pipe, 301);
  CHECK_EQ(uvssh_reply_reject(p->app->auth_reply), 0);
  failed_after(p, 299);
  peer_end(p);
}

TEST(auth_first_none_is_free) {
  struct peer* p = begin(SAY_NO);

  none(p, "bob");
  failed(p, all, 0);               /* at once */
  none(p, "bob");
  failed_after(p, 300);
  CHECK_EQ(p->side->session.auth.login->failures, 1);
  peer_end(p);
}

TEST(auth_login_takes_its_time_and_no_more) {
  struct peer* p = peer_new(PEER_CLIENT);
  unsigned i;

  p->app->say_auth = SAY_NO;
  p->app->server_config.auth_tries = 1000;
  p->app->server_config.auth_requests = 1000;
  peer_open(p);
  peer_reach_auth(p);
  for (i = 0; i < 59; i++) {       /* it is busy, and still */
    password(p, "bob", "x");
    pipe_sleep(&p->app->pipe, 1000);
  }
  pipe_sleep(&p->app->pipe, 999);
  CHECK_EQ(p->side->session.ending, E_RUNNING);
  pipe_sleep(&p->app->pipe, 1);
  peer_ended(p, UV_ETIMEDOUT, 11);
  CHECK_EQ(p->side->end.phase, UVSSH_PHASE_AUTH);
  peer_end(p);
}

TEST(auth_question_expires) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->app->say_auth = SAY_NOTHING;
  p->app->server_config.reply_timeout_ms = 1000;
  peer_open(p);
  peer_reach_auth(p);
  password(p, "bob", "x");
  failed_after(p, 1200);
  CHECK_EQ(uvssh_reply_accept(p->app->auth_reply), UV_ECANCELED);
  peer_end(p);
}

/* ---- counts -------------------------------------------------------------- */

TEST(lesson_20_failures_are_counted) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->app->say_auth = SAY_NO;
  p->app->server_config.auth_tries = 3;
  peer_open(p);
  peer_reach_auth(p);
  none(p, "bob");
  failed(p, all, 0);
  password(p, "bob", "1");
  failed_after(p, 300);
  probe(p, "eve", p->app->user_key);
  failed_after(p, 300);
  password(p, "bob", "3");
  pipe_sleep(&p->app->pipe, 299);
  peer_expect_nothing(p);
  pipe_sleep(&p->app->pipe, 1);
  peer_ended(p, UVSSH_EAUTH, 14);
  CHECK_EQ(p->app->auths, 4);
  peer_end(p);
}

TEST(lesson_21_requests_of_any_outcome_are_counted) {
  struct peer* p = begin(SAY_YES);
  unsigned i;

  for (i = 0; i < 127; i++) {      /* SERVICE_REQUEST was one */
    app_log_clear(p->app);
    probe(p, "bob", p->app->user_key);
    peer_expect(p, MSG_USERAUTH_PK_OK);
  }
  probe(p, "bob", p->app->user_key);
  peer_ended(p, UVSSH_EAUTH, 14);
  CHECK_EQ(p->app->auths, 127);
  peer_end(p);
}

TEST(auth_service_may_be_asked_for_again) {
  struct peer* p = begin(SAY_NO);
  unsigned i;

  for (i = 0; i < 3; i++) {
    wr_cstr(peer_message(p, MSG_SERVICE_REQUEST), "ssh-userauth");
    peer_send(p);
    peer_expect(p, MSG_SERVICE_ACCEPT);
    password(p, "bob", "x");
    failed_after(p, 300);
  }
  p->app->say_auth = SAY_YES;
  password(p, "bob", "right");
  peer_expect(p, MSG_USERAUTH_SUCCESS);
  peer_end(p);

  p = begin(SAY_NO);
  for (i = 0; i < 127; i++) {
    wr_cstr(peer_message(p, MSG_SERVICE_REQUEST), "ssh-userauth");
    peer_send(p);
    peer_expect(p, MSG_SERVICE_ACCEPT);
  }
  wr_cstr(peer_message(p, MSG_SERVICE_REQUEST), "ssh-userauth");
  peer_send(p);
  peer_ended(p, UVSSH_EAUTH, 14);
  peer_end(p);
}

TEST(auth_late_requests_are_ignored_up_to_a_number) {
  struct peer* p = peer_new(PEER_CLIENT);
  unsigned i;

  peer_open(p);
  peer_reach_open(p);
  for (i = 0; i < 16; i++)
    password(p, "root", "x");
  peer_expect_nothing(p);
  peer_alive(p);
  CHECK_EQ(p->app->auths, 1);
  CHECK_STR(uvssh_session_user(&p->side->pub), "bob");
  password(p, "root", "x");
  peer_ended(p, UVSSH_EUNEXPECTED, 2);
  peer_end(p);
}
