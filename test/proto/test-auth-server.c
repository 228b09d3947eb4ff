/* Logging in at a server: verdicts and when they leave, counts, keys, and what
 * is forgotten. RFC 4252. */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>

static struct buf* request(struct peer* p, const char* user,
                           const char* method) {
  struct buf* m = peer_message(p, MSG_USERAUTH_REQUEST);

  wr_cstr(m, user);
  wr_cstr(m, "ssh-connection");
  wr_cstr(m, method);
  return m;
}

static void none(struct peer* p, const char* user) {
  (void) request(p, user, "none");
  peer_send(p);
}

static void password(struct peer* p, const char* user, const char* text) {
  struct buf* m = request(p, user, "password");

  wr_bool(m, 0);
  wr_cstr(m, text);
  peer_send(p);
}

static void change(struct peer* p, const char* user, const char* text) {
  struct buf* m = request(p, user, "password");

  wr_bool(m, 1);
  wr_cstr(m, text);
  wr_cstr(m, "new");
  peer_send(p);
}

static void wr_blob(struct buf* m, const uvssh_key_t* key) {
  size_t len;
  const uint8_t* blob = uvssh_key_blob(key, &len);

  wr_str(m, blob, len);
}

static void probe(struct peer* p, const char* user, const uvssh_key_t* key) {
  struct buf* m = request(p, user, "publickey");

  wr_bool(m, 0);
  wr_cstr(m, "ssh-ed25519");
  wr_blob(m, key);
  peer_send(p);
}

/* RFC 4252 section 7, made here. */
static void sign(struct peer* p, const char* user, const uvssh_key_t* key,
                 struct buf* signature) {
  struct buf data = { 0 };

  wr_str(&data, p->session_id, 32);
  wr_u8(&data, MSG_USERAUTH_REQUEST);
  wr_cstr(&data, user);
  wr_cstr(&data, "ssh-connection");
  wr_cstr(&data, "publickey");
  wr_bool(&data, 1);
  wr_cstr(&data, "ssh-ed25519");
  wr_blob(&data, key);
  CHECK_EQ(uvssh__key_sign(key, uvssh__sign_find(STR("ssh-ed25519")), data.base,
                           data.len, signature), 0);
  uvssh__buf_free(&data);
}

static void say_signed(struct peer* p, const char* user, const uvssh_key_t* key,
                       struct buf* signature) {
  struct buf* m = request(p, user, "publickey");

  wr_bool(m, 1);
  wr_cstr(m, "ssh-ed25519");
  wr_blob(m, key);
  wr_str(m, signature->base, signature->len);
  uvssh__buf_free(signature);
  peer_send(p);
}

static void proof(struct peer* p, const char* user, const uvssh_key_t* key) {
  struct buf signature = { 0 };

  sign(p, user, key, &signature);
  say_signed(p, user, key, &signature);
}

static struct peer* begin(enum say say) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->app->say_auth = say;
  peer_open(p);
  peer_reach_auth(p);
  return p;
}

/* The next message is FAILURE with these. */
static void failed(struct peer* p, const char* methods, int partial) {
  rd_t* m = peer_expect(p, MSG_USERAUTH_FAILURE);
  str_t list = rd_str(m);

  CHECK_MEM(list.base, list.len, methods, strlen(methods));
  CHECK_EQ(rd_bool(m), partial);
  CHECK_EQ(rd_end(m), 0);
}

static const char all[] = "publickey,password";

/* Nothing comes before its time, and then it does. */
static void failed_after(struct peer* p, uint64_t ms) {
  pipe_sleep(&p->app->pipe, ms - 1);
  peer_expect_nothing(p);
  pipe_sleep(&p->app->pipe, 1);
  failed(p, all, 0);
}

/* ---- time ---------------------------------------------------------------- */

TEST(sec_85_refusals_leave_at_a_constant_time) {
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

TEST(sec_20_failures_are_counted) {
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

TEST(sec_21_requests_of_any_outcome_are_counted) {
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

/* ---- verdicts ------------------------------------------------------------ */

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

/* ---- methods ------------------------------------------------------------- */

TEST(sec_17_methods_that_are_not_there) {
  static char huge[30001];
  const char* names[] = { "", "hostbased", "keyboard-interactive",
                          "gssapi-with-mic", "gssapi-keyex", "NONE", "none ",
                          "publickey-hostbound-v00@openssh.com", huge };
  struct peer* p = begin(SAY_YES);
  size_t i;

  memset(huge, 'h', sizeof(huge) - 1);
  p->app->server_config.auth_tries = 100;
  peer_again(p);
  peer_open(p);
  peer_reach_auth(p);
  for (i = 0; i < ARRAY_SIZE(names); i++) {
    NOTE("%.40s", names[i]);
    wr_cstr(request(p, "bob", names[i]), "whatever");
    peer_send(p);
    failed_after(p, 300);
  }
  CHECK_EQ(p->app->auths, 0);
  peer_end(p);
}

/* No callback: no. */
TEST(sec_18_nobody_decides) {
  struct peer* p = peer_new(PEER_CLIENT);

  memset(&p->app->on_server, 0, sizeof(p->app->on_server));
  p->app->server_config.auth_tries = 100;
  peer_open(p);
  peer_reach_auth(p);
  none(p, "bob");
  failed(p, all, 0);
  password(p, "bob", "x");
  failed_after(p, 300);
  probe(p, "bob", p->app->user_key);
  failed_after(p, 300);
  proof(p, "bob", p->app->user_key);
  failed_after(p, 300);
  peer_end(p);
}

TEST(auth_methods_that_are_switched_off) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->app->server_config.auth_methods = UVSSH_AUTH_PUBLICKEY;
  peer_open(p);
  peer_reach_auth(p);
  none(p, "bob");
  failed(p, "publickey", 0);
  password(p, "bob", "secret");
  pipe_sleep(&p->app->pipe, 300);
  failed(p, "publickey", 0);
  CHECK_EQ(p->app->auths, 0);
  proof(p, "bob", p->app->user_key);
  peer_expect(p, MSG_USERAUTH_SUCCESS);
  peer_end(p);
}

static struct {
  unsigned passed;
  unsigned next;                   /* 0: say yes */
  char new_password[20];
  const uvssh_key_t* only;
  int ask_change;
} plan;

static void on_auth(uvssh_session_t* session, const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  uvssh_prompts_t form = { .instruction = "too old" };

  app_of(session)->auths++;
  plan.passed = attempt->passed;
  if (attempt->new_password != NULL)
    snprintf(plan.new_password, sizeof(plan.new_password), "%s",
             attempt->new_password);
  if (plan.only != NULL && !uvssh_key_equal(attempt->key, plan.only))
    CHECK_EQ(uvssh_reply_reject(reply), 0);
  else if (plan.ask_change && attempt->new_password == NULL)
    CHECK_EQ(uvssh_reply_prompt(reply, &form), 0);
  else if (plan.next != 0)
    CHECK_EQ(uvssh_reply_partial(reply, plan.next), 0);
  else
    CHECK_EQ(uvssh_reply_accept(reply), 0);
}

static struct peer* begin_plan(void) {
  struct peer* p = peer_new(PEER_CLIENT);

  memset(&plan, 0, sizeof(plan));
  p->app->on_server.on_auth = on_auth;
  peer_open(p);
  peer_reach_auth(p);
  return p;
}

TEST(auth_two_factors) {
  struct peer* p = begin_plan();

  plan.next = UVSSH_AUTH_PUBLICKEY;
  password(p, "bob", "right");
  failed(p, "publickey", 1);
  CHECK_EQ(plan.passed, 0);
  password(p, "bob", "right");     /* not asked for any more */
  pipe_sleep(&p->app->pipe, 300);
  failed(p, "publickey", 0);
  CHECK_EQ(p->app->auths, 1);
  plan.next = 0;
  probe(p, "bob", p->app->user_key);
  peer_expect(p, MSG_USERAUTH_PK_OK);
  CHECK_EQ(plan.passed, UVSSH_AUTH_PASSWORD);
  proof(p, "bob", p->app->user_key);
  peer_expect(p, MSG_USERAUTH_SUCCESS);
  CHECK_EQ(plan.passed, UVSSH_AUTH_PASSWORD);
  CHECK(uvssh_key_equal(uvssh_session_key(&p->side->pub), p->app->user_key));
  peer_end(p);
}

TEST(sec_24_another_user_begins_anew) {
  struct peer* p = begin_plan();

  plan.next = UVSSH_AUTH_PUBLICKEY;
  password(p, "bob", "right");
  failed(p, "publickey", 1);
  plan.next = UVSSH_AUTH_PASSWORD;
  proof(p, "root", p->app->user_key);
  failed(p, "password", 1);
  CHECK_EQ(plan.passed, 0);
  plan.next = UVSSH_AUTH_PUBLICKEY;
  password(p, "bob", "right");
  failed(p, "publickey", 1);
  CHECK_EQ(plan.passed, 0);
  plan.next = 0;
  proof(p, "root", p->app->user_key);
  peer_expect(p, MSG_USERAUTH_SUCCESS);
  CHECK_EQ(plan.passed, 0);
  CHECK_STR(uvssh_session_user(&p->side->pub), "root");
  peer_end(p);
}

TEST(sec_28_the_key_of_another_user_is_not_kept) {
  struct peer* p = begin_plan();

  plan.next = UVSSH_AUTH_PASSWORD;
  proof(p, "bob", p->app->user_key);
  failed(p, "password", 1);
  plan.next = 0;
  password(p, "root", "right");
  peer_expect(p, MSG_USERAUTH_SUCCESS);
  CHECK(uvssh_session_key(&p->side->pub) == NULL);
  peer_end(p);
}

TEST(sec_32_password_change_asked_for_and_not) {
  struct peer* p = begin_plan();

  change(p, "bob", "right");
  failed_after(p, 300);
  CHECK_EQ(p->app->auths, 0);
  plan.ask_change = 1;
  password(p, "bob", "old");
  CHECK(str_is(rd_str(peer_expect(p, MSG_USERAUTH_PASSWD_CHANGEREQ)),
               "too old"));
  change(p, "root", "old");        /* he was not asked to */
  failed_after(p, 300);
  change(p, "bob", "old");         /* nor bob, any more */
  failed_after(p, 300);
  password(p, "bob", "old");
  peer_expect(p, MSG_USERAUTH_PASSWD_CHANGEREQ);
  change(p, "bob", "old");
  peer_expect(p, MSG_USERAUTH_SUCCESS);
  CHECK_STR(plan.new_password, "new");
  CHECK_EQ(p->app->auths, 3);
  peer_end(p);
}

/* ---- keys ---------------------------------------------------------------- */

TEST(sec_22_23_probe_one_key_and_sign_with_another) {
  struct peer* p = begin_plan();
  uvssh_key_t* other;

  CHECK_EQ(uvssh_key_generate(&other, UVSSH_KEY_ED25519, 0), 0);
  plan.only = p->app->user_key;
  probe(p, "bob", p->app->user_key);
  peer_expect(p, MSG_USERAUTH_PK_OK);
  proof(p, "bob", other);
  failed_after(p, 300);
  plan.only = NULL;
  probe(p, "bob", p->app->user_key);
  peer_expect(p, MSG_USERAUTH_PK_OK);
  proof(p, "bob", other);
  peer_expect(p, MSG_USERAUTH_SUCCESS);
  CHECK(uvssh_key_equal(uvssh_session_key(&p->side->pub), other));
  uvssh_key_unref(other);
  peer_end(p);
}

TEST(sec_71_a_wrong_bit_in_a_users_signature) {
  struct peer* p = peer_new(PEER_CLIENT);
  struct buf signature = { 0 };
  size_t len = 1;
  size_t n;

  p->app->server_config.auth_rejection_ms = 0;
  p->app->server_config.auth_tries = 1000;
  p->app->server_config.auth_requests = 1000;
  peer_open(p);
  peer_reach_auth(p);
  for (n = 0; n < len; n++) {
    sign(p, "bob", p->app->user_key, &signature);
    len = signature.len;
    signature.base[n] ^= 1;
    say_signed(p, "bob", p->app->user_key, &signature);
    failed(p, all, 0);
    sign(p, "bob", p->app->user_key, &signature);
    signature.len = n;
    say_signed(p, "bob", p->app->user_key, &signature);
    failed(p, all, 0);
  }
  CHECK_EQ(len, 83);
  sign(p, "bob", p->app->user_key, &signature);
  wr_u8(&signature, 0);
  say_signed(p, "bob", p->app->user_key, &signature);
  failed(p, all, 0);
  sign(p, "root", p->app->user_key, &signature);
  say_signed(p, "bob", p->app->user_key, &signature);
  failed(p, all, 0);
  p->session_id[5] ^= 1;           /* signed for another session */
  proof(p, "bob", p->app->user_key);
  failed(p, all, 0);
  p->session_id[5] ^= 1;
  CHECK_EQ(p->app->auths, 0);
  proof(p, "bob", p->app->user_key);
  peer_expect(p, MSG_USERAUTH_SUCCESS);
  peer_end(p);
}

/* algorithm, blob */
static void key_refused(struct peer* p, int is_signed, const char* algorithm,
                        const uint8_t* blob, size_t len) {
  struct buf* m = request(p, "bob", "publickey");

  wr_bool(m, is_signed);
  wr_cstr(m, algorithm);
  wr_str(m, blob, len);
  if (is_signed)
    wr_cstr(m, "signature");
  peer_send(p);
  failed(p, all, 0);
}

TEST(sec_73_75_76_algorithm_and_key_do_not_fit) {
  static const char* const algorithms[] = { "", "ssh-rsa", "rsa-sha2-512",
                                            "ssh-ed25519 ", "ssh-ed25519\0x" };
  struct peer* p = peer_new(PEER_CLIENT);
  uint8_t blob[60] = { 0 };
  size_t i;
  const uint8_t* good;
  size_t len;
  int is_signed;

  p->app->server_config.auth_rejection_ms = 0;
  p->app->server_config.auth_tries = 1000;
  p->app->server_config.auth_requests = 1000;
  peer_open(p);
  peer_reach_auth(p);
  good = uvssh_key_blob(p->app->user_key, &len);
  memcpy(blob, good, len);
  for (is_signed = 0; is_signed < 2; is_signed++) {
    for (i = 0; i < 4; i++)
      key_refused(p, is_signed, algorithms[i], blob, len);
    for (i = 0; i < len; i++)
      key_refused(p, is_signed, "ssh-ed25519", blob, i);
    key_refused(p, is_signed, "ssh-ed25519", blob, len + 1);
    for (i = 0; i < 4 + 11 + 4; i++) {
      blob[i] ^= 1;
      key_refused(p, is_signed, "ssh-ed25519", blob, len);
      blob[i] ^= 1;
    }
  }
  CHECK_EQ(p->app->auths, 0);
  peer_end(p);
}

/* ---- malformed ----------------------------------------------------------- */

static void write_request(struct peer* p, unsigned which) {
  struct buf* m = request(p, "bob", which == 0   ? "none"
                                    : which <= 2 ? "password"
                                                 : "publickey");

  if (which == 0)
    return;
  wr_bool(m, which == 2 || which == 4);
  wr_cstr(m, which <= 2 ? "secret" : "ssh-ed25519");
  if (which == 2)
    wr_cstr(m, "new");
  if (which >= 3)
    wr_blob(m, p->app->user_key);
  if (which == 4)
    wr_cstr(m, "signature");
}

TEST(sec_42_43_requests_cut_or_longer_by_a_byte) {
  struct peer* p = peer_new(PEER_CLIENT);
  unsigned which;
  size_t n, len;

  p->app->say_auth = SAY_NOTHING;
  for (which = 0; which < 5; which++) {
    write_request(p, which);
    len = p->message.len;
    for (n = 1; n <= len + 8; n++) {
      if (n == len || n == 4 + 3 + 4 + 14 + 4)
        continue;
      NOTE("request %u, %zu of %zu bytes", which, n, len);
      peer_open(p);
      peer_reach_auth(p);
      write_request(p, which);
      wr_bytes(&p->message, "\0\0\0\0\0\0\0\0", 8);
      p->message.len = n;
      peer_send(p);
      peer_ended(p, UVSSH_EMESSAGE, 2);
      CHECK_EQ(p->app->auths, 0);
      peer_again(p);
    }
  }
  peer_end(p);
}

TEST(auth_text_with_a_zero_byte) {
  struct peer* p = begin(SAY_YES);
  struct buf* m = peer_message(p, MSG_USERAUTH_REQUEST);

  wr_str(m, "bob\0x", 5);
  wr_cstr(m, "ssh-connection");
  wr_cstr(m, "none");
  peer_send(p);
  peer_ended(p, UVSSH_EMESSAGE, 2);
  peer_end(p);
  p = begin(SAY_YES);
  m = request(p, "bob", "password");
  wr_bool(m, 0);
  wr_str(m, "secret\0x", 8);
  peer_send(p);
  peer_ended(p, UVSSH_EMESSAGE, 2);
  CHECK_EQ(p->app->auths, 0);
  peer_end(p);
}

TEST(auth_banner_is_sent_once) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->app->server_config.banner = "No trespassing.\r\n";
  peer_open(p);
  peer_reach_auth(p);
  CHECK(str_is(rd_str(peer_expect(p, MSG_USERAUTH_BANNER)),
               "No trespassing.\r\n"));
  wr_cstr(peer_message(p, MSG_SERVICE_REQUEST), "ssh-userauth");
  peer_send(p);
  peer_expect(p, MSG_SERVICE_ACCEPT);
  none(p, "bob");
  peer_expect(p, MSG_USERAUTH_SUCCESS);
  CHECK_EQ(p->heard[MSG_USERAUTH_BANNER], 1);
  peer_end(p);
}

/* Neither a password nor a key of the login is left when it is over. */
static const char secret[] = "a very secret password";
static int seen;

static void on_free(const void* base, size_t size) {
  const char* at = base;
  size_t i;

  for (i = 0; size >= sizeof(secret) - 1 && i <= size - (sizeof(secret) - 1);
       i++)
    if (memcmp(at + i, secret, sizeof(secret) - 1) == 0)
      seen++;
}

TEST(auth_password_is_wiped) {
  struct peer* p = begin(SAY_NOTHING);

  heap_on_free(on_free);
  seen = 0;
  password(p, "bob", secret);
  password(p, "bob", secret);      /* this one waits */
  pipe_run(&p->app->pipe);
  uvssh__buf_reset(&p->message);
  uvssh__wipe(p->message.base, p->message.cap);
  CHECK_EQ(uvssh_reply_reject(p->app->auth_reply), 0);
  pipe_sleep(&p->app->pipe, 300);
  CHECK_EQ(uvssh_reply_accept(p->app->auth_reply), 0);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->app->server_ready, 1);
  peer_end(p);
  CHECK_EQ(seen, 0);
}
