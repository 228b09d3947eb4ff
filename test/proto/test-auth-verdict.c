/* Logging in at a server: verdicts that come now, later, never or too late, and
 * requests that wait for them. RFC 4252 section 5. */
#include "auth.h"

#include <stdio.h>
#include <stdlib.h>

TEST(auth_verdict_later_and_only_once) {
  struct peer* p = begin(SAY_NOTHING);
  uvssh_prompts_t form = { .instruction = "change it" };
  uvssh_reply_t reply;

  none(p, "bob");
  peer_expect_nothing(p);
  reply = p->app->auth_reply;
  CHECK(uvssh_reply_session(reply) == &p->side->pub);
  /* Answers to other questions leave it open. */
  CHECK_EQ(uvssh_reply_prompt(reply, &form), UV_EINVAL);
  CHECK_EQ(uvssh_reply_prompt(reply, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_reply_answers(reply, NULL, 0), UV_EINVAL);
  CHECK_EQ(uvssh_reply_partial(reply, 0), UV_EINVAL);
  CHECK_EQ(uvssh_channel_reject(reply, 1, "no"), UV_EINVAL);
  CHECK_EQ(uvssh_channel_accept(reply, &p->app->served[0].pub,
                                &p->app->on_served), UV_EINVAL);
  peer_expect_nothing(p);
  CHECK_EQ(uvssh_reply_accept(reply), 0);
  CHECK_EQ(uvssh_reply_accept(reply), UV_ECANCELED);
  CHECK_EQ(uvssh_reply_reject(reply), UV_ECANCELED);
  CHECK(uvssh_reply_session(reply) == NULL);
  CHECK_EQ(p->app->server_ready, 0);     /* never inside the call */
  peer_expect(p, MSG_USERAUTH_SUCCESS);
  CHECK_EQ(p->app->server_ready, 1);
  peer_end(p);
}

/* How the client may leave while its verdict is awaited. */
static void leaves(unsigned how) {
  struct peer* p = begin(SAY_NOTHING);
  struct buf* m;

  none(p, "bob");
  pipe_run(&p->app->pipe);
  if (how == 0) {
    peer_hang_up(p);
  } else if (how == 1) {
    m = peer_message(p, MSG_DISCONNECT);
    wr_u32(m, 11);
    wr_cstr(m, "");
    wr_cstr(m, "");
    peer_send(p);
  } else if (how == 2) {
    peer_message(p, MSG_CHANNEL_OPEN);
    peer_send(p);
  } else if (how == 3) {
    uvssh_session_close(&p->side->pub);
  } else {
    CHECK_EQ(uvssh_session_disconnect(&p->side->pub, 11, "bye"), 0);
    pipe_turn(p->side);
  }
  while (p->side->up && p->side->session.ending <= E_EMPTYING)
    CHECK(pipe_step(&p->app->pipe));
  CHECK_EQ(uvssh_reply_accept(p->app->auth_reply), UV_ECANCELED);
  pipe_run(&p->app->pipe);
  peer_skip(p);
  CHECK_EQ(p->heard[MSG_USERAUTH_SUCCESS], 0);
  peer_hang_up(p);
  pipe_finish(&p->app->pipe);
  CHECK_EQ(uvssh_reply_accept(p->app->auth_reply), UV_ECANCELED);
  CHECK_EQ(p->app->server_ready, 0);
  CHECK_EQ(p->side->end.phase, UVSSH_PHASE_AUTH);
  peer_end(p);
}

TEST(auth_verdict_is_void_when_the_client_has_left) {
  unsigned how;

  for (how = 0; how < 5; how++) {
    NOTE("way %u", how);
    leaves(how);
  }
}

TEST(auth_client_leaves_while_a_signature_is_verified) {
  struct peer* p = begin(SAY_YES);

  p->app->pipe.jobs = JOBS_HELD;
  proof(p, "bob", p->app->user_key);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->app->pipe.waiting_count, 1);
  uvssh_session_close(&p->side->pub);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->closes, 1);
  pipe_release_jobs(&p->app->pipe);
  CHECK_EQ(p->app->auths, 0);
  peer_end(p);
}

/* What came meanwhile goes on in its order, also when more comes at the very
 * moment of the verdict. */
TEST(auth_pipelined_requests_keep_their_order) {
  struct peer* p = begin(SAY_NOTHING);

  p->app->server_config.auth_rejection_ms = 0;
  peer_again(p);
  peer_open(p);
  peer_reach_auth(p);
  password(p, "bob", "one");
  password(p, "bob", "two");
  pipe_run(&p->app->pipe);
  CHECK_STR(p->app->log, "auth password bob one; ");
  CHECK_EQ(uvssh_reply_partial(p->app->auth_reply,
                               UVSSH_AUTH_PASSWORD | UVSSH_AUTH_PUBLICKEY), 0);
  password(p, "bob", "three");
  {
    /* its bytes come before the turn in which the second one would go on */
    uint8_t bytes[200];
    size_t n = p->mine->len - p->mine->at;
    CHECK(n < sizeof(bytes));
    memcpy(bytes, p->mine->wire + p->mine->at, n);
    p->mine->at = p->mine->len;
    uvssh__session_feed(&p->side->session, bytes, n);
  }
  pipe_run(&p->app->pipe);
  CHECK_STR(p->app->log,
            "auth password bob one; auth password bob two; ");
  CHECK_EQ(uvssh_reply_reject(p->app->auth_reply), 0);
  pipe_run(&p->app->pipe);
  CHECK_STR(p->app->log, "auth password bob one; auth password bob two; "
                         "auth password bob three; ");
  peer_end(p);
}
