/* Logging in as a client, at a server that answers as it likes. RFC 4252. */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>

static struct peer* begin(unsigned method) {
  struct peer* p = peer_new(PEER_SERVER);

  p->app->method = method;
  peer_open(p);
  peer_reach_auth(p);
  return p;
}

static void attempt(struct peer* p) {
  app_attempt(p->app, "bob");
  peer_expect(p, MSG_USERAUTH_REQUEST);
}

static void failure(struct peer* p, const char* methods, int partial) {
  struct buf* m = peer_message(p, MSG_USERAUTH_FAILURE);

  wr_cstr(m, methods);
  wr_bool(m, partial);
  peer_send(p);
  pipe_run(&p->app->pipe);
}

static void pk_ok(struct peer* p, const char* algorithm,
                  const uvssh_key_t* key) {
  struct buf* m = peer_message(p, MSG_USERAUTH_PK_OK);
  size_t len;
  const uint8_t* blob = uvssh_key_blob(key, &len);

  wr_cstr(m, algorithm);
  wr_str(m, blob, len);
}

static void success(struct peer* p) {
  peer_message(p, MSG_USERAUTH_SUCCESS);
  peer_send(p);
  pipe_run(&p->app->pipe);
}

TEST(client_is_told_what_can_continue) {
  struct peer* p = begin(UVSSH_AUTH_NONE);
  uvssh_req_t req;

  memset(&req, 0, sizeof(req));
  attempt(p);
  CHECK_EQ(uvssh_auth_none(&req, &p->side->pub, "bob", app_done), UV_EBUSY);
  failure(p, "password,publickey,hostbased", 0);
  CHECK_EQ(p->app->login.status, UVSSH_EAUTH);
  CHECK_EQ(p->app->login.req.result, UVSSH_AUTH_PASSWORD |
                                     UVSSH_AUTH_PUBLICKEY);
  attempt(p);
  failure(p, "publickey", 1);
  CHECK_EQ(p->app->login.status, UVSSH_EPARTIAL);
  CHECK_EQ(p->app->login.req.result, UVSSH_AUTH_PUBLICKEY);
  attempt(p);
  failure(p, "", 0);
  CHECK_EQ(p->app->login.req.result, 0);
  attempt(p);
  success(p);
  CHECK_EQ(p->app->login.status, 0);
  CHECK_EQ(p->app->client_ready, 1);
  CHECK_EQ(uvssh_auth_none(&req, &p->side->pub, "bob", app_done), UV_ENOTCONN);
  peer_end(p);
}

TEST(client_arguments) {
  struct peer* p = begin(UVSSH_AUTH_NONE);
  uvssh_session_t* s = &p->side->pub;
  uvssh_session_t zero;
  uvssh_req_t req;

  memset(&zero, 0, sizeof(zero));
  memset(&req, 0, sizeof(req));
  CHECK_EQ(uvssh_auth_none(NULL, s, "bob", app_done), UV_EINVAL);
  CHECK_EQ(uvssh_auth_none(&req, s, NULL, app_done), UV_EINVAL);
  CHECK_EQ(uvssh_auth_password(&req, s, "bob", NULL, app_done), UV_EINVAL);
  CHECK_EQ(uvssh_auth_publickey(&req, s, "bob", NULL, app_done), UV_EINVAL);
  CHECK_EQ(uvssh_auth_none(&req, &zero, "bob", app_done), UV_ENOTCONN);
  peer_end(p);
}

TEST(client_not_before_the_service_is_accepted) {
  struct peer* p = peer_new(PEER_SERVER);
  uvssh_req_t req;

  memset(&req, 0, sizeof(req));
  peer_open(p);
  CHECK_EQ(uvssh_auth_none(&req, &p->side->pub, "bob", app_done), UV_ENOTCONN);
  peer_reach_service(p);
  CHECK_EQ(uvssh_auth_none(&req, &p->side->pub, "bob", app_done), UV_ENOTCONN);
  CHECK_EQ(p->side->started, 0);
  peer_end(p);
}

TEST(client_service_accept_for_something_else) {
  struct peer* p = peer_new(PEER_SERVER);

  peer_open(p);
  peer_reach_service(p);
  wr_cstr(peer_message(p, MSG_SERVICE_ACCEPT), "ssh-connection");
  peer_send(p);
  peer_ended(p, UVSSH_EUNEXPECTED, 2);
  CHECK(p->side->started);
  CHECK_EQ(p->side->start_status, UVSSH_EUNEXPECTED);
  peer_end(p);
}

TEST(lesson_22_pk_ok_for_another_key_or_algorithm) {
  struct peer* p = begin(UVSSH_AUTH_PUBLICKEY);
  unsigned i;

  for (i = 0; i < 4; i++) {
    attempt(p);
    pk_ok(p, i == 1 ? "rsa-sha2-256" : "ssh-ed25519",
          i == 0 ? p->app->pipe.hostkeys.key[0] : p->app->user_key);
    if (i == 2)
      wr_u8(&p->message, 0);
    if (i == 3)
      p->message.len--;
    peer_send(p);
    peer_ended(p, i < 2 ? UVSSH_EUNEXPECTED : UVSSH_EMESSAGE, 2);
    CHECK_EQ(p->heard[MSG_USERAUTH_REQUEST], 1);
    peer_again(p);
    peer_open(p);
    peer_reach_auth(p);
  }
  attempt(p);
  pk_ok(p, "ssh-ed25519", p->app->user_key);
  peer_send(p);
  peer_expect(p, MSG_USERAUTH_REQUEST);
  success(p);
  CHECK_EQ(p->app->login.status, 0);
  CHECK(uvssh_key_equal(uvssh_session_key(&p->side->pub), p->app->user_key));
  peer_end(p);
}

TEST(client_signs_on_the_pool) {
  struct peer* p = begin(UVSSH_AUTH_PUBLICKEY);

  p->app->pipe.jobs = JOBS_HELD;
  attempt(p);
  pk_ok(p, "ssh-ed25519", p->app->user_key);
  peer_send(p);
  success(p);                      /* too early: it waits, and is wrong */
  peer_expect_nothing(p);
  CHECK_EQ(p->app->client_ready, 0);
  pipe_release_jobs(&p->app->pipe);
  peer_expect(p, MSG_USERAUTH_REQUEST);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->app->client_ready, 1);   /* an answer to the signature by then */
  peer_again(p);
  p->app->pipe.jobs = JOBS_NOW;
  peer_open(p);
  peer_reach_auth(p);
  p->app->pipe.jobs = JOBS_HELD;
  attempt(p);
  pk_ok(p, "ssh-ed25519", p->app->user_key);
  peer_send(p);
  pipe_run(&p->app->pipe);
  uvssh_session_close(&p->side->pub);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->app->login.status, UV_ECANCELED);
  CHECK_EQ(p->side->closes, 1);
  pipe_release_jobs(&p->app->pipe);
  peer_end(p);
}

/* ---- a new password ------------------------------------------------------ */

static uvssh_reply_t asked;
static unsigned asks;

static void on_prompt(uvssh_session_t* session, const uvssh_prompts_t* form,
                      uvssh_reply_t reply) {
  CHECK_EQ(form->method, UVSSH_AUTH_PASSWORD);
  CHECK_EQ(form->count, 1);
  CHECK_EQ(form->prompts[0].echo, 0);
  CHECK_STR(form->instruction, "too old");
  asked = reply;
  asks++;
}

static void change_request(struct peer* p) {
  struct buf* m = peer_message(p, MSG_USERAUTH_PASSWD_CHANGEREQ);

  wr_cstr(m, "too old");
  wr_cstr(m, "");
  peer_send(p);
}

TEST(client_password_change) {
  static const char* const two[] = { "a", "b" };
  static const char* const missing[] = { NULL };
  static const char* const right[] = { "newer" };
  struct peer* p = begin(UVSSH_AUTH_PASSWORD);
  rd_t* m;

  p->app->on_client.on_prompt = on_prompt;
  asks = 0;
  peer_again(p);
  peer_open(p);
  peer_reach_auth(p);
  attempt(p);
  change_request(p);
  peer_expect_nothing(p);
  CHECK_EQ(asks, 1);
  CHECK_EQ(uvssh_reply_accept(asked), UV_EINVAL);
  CHECK_EQ(uvssh_reply_answers(asked, two, 2), UV_EINVAL);
  CHECK_EQ(uvssh_reply_answers(asked, missing, 1), UV_EINVAL);
  CHECK_EQ(uvssh_reply_answers(asked, right, 1), 0);
  CHECK_EQ(uvssh_reply_answers(asked, right, 1), UV_ECANCELED);
  m = peer_expect(p, MSG_USERAUTH_REQUEST);
  CHECK(str_is(rd_str(m), "bob"));
  CHECK(str_is(rd_str(m), "ssh-connection"));
  CHECK(str_is(rd_str(m), "password"));
  CHECK_EQ(rd_bool(m), 1);
  CHECK(str_is(rd_str(m), "secret"));
  CHECK(str_is(rd_str(m), "newer"));
  CHECK_EQ(rd_end(m), 0);
  change_request(p);               /* that one does not please, either */
  peer_expect_nothing(p);
  CHECK_EQ(asks, 2);
  CHECK_EQ(uvssh_reply_reject(asked), 0);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->app->login.status, UVSSH_EAUTH);
  /* Asked again before the answer. */
  attempt(p);
  change_request(p);
  change_request(p);
  peer_ended(p, UVSSH_EUNEXPECTED, 2);
  CHECK_EQ(uvssh_reply_answers(asked, right, 1), UV_ECANCELED);
  CHECK_EQ(p->app->login.status, UVSSH_EUNEXPECTED);
  peer_end(p);
}

TEST(client_password_change_that_nobody_answers) {
  struct peer* p = begin(UVSSH_AUTH_PASSWORD);

  attempt(p);
  change_request(p);
  peer_expect_nothing(p);
  CHECK_EQ(p->app->login.status, UVSSH_EAUTH);
  peer_end(p);
}

/* Nothing pleases this server; the next attempt has a count of its own. */
TEST(client_password_change_for_ever) {
  static const char* const right[] = { "newer" };
  struct peer* p = peer_new(PEER_SERVER);
  int i, k;

  p->app->on_client.on_prompt = on_prompt;
  p->app->method = UVSSH_AUTH_PASSWORD;
  peer_open(p);
  peer_reach_auth(p);
  asks = 0;
  for (i = 0; i < 2; i++) {
    attempt(p);
    for (k = 0; k < 8; k++) {
      change_request(p);
      peer_expect_nothing(p);
      CHECK_EQ(uvssh_reply_answers(asked, right, 1), 0);
      (void) peer_expect(p, MSG_USERAUTH_REQUEST);
    }
    CHECK_EQ(asks, (i + 1) * 8);
    if (i == 0)
      failure(p, "password", 0);
  }
  change_request(p);
  peer_ended(p, UVSSH_ELIMIT, 2);
  CHECK_EQ(asks, 16);
  CHECK_EQ(p->app->login.status, UVSSH_ELIMIT);
  peer_end(p);
}

/* FAILURE and SUCCESS may come while the user thinks. */
TEST(client_password_change_overtaken) {
  static const char* const right[] = { "newer" };
  struct peer* p = peer_new(PEER_SERVER);

  p->app->on_client.on_prompt = on_prompt;
  p->app->method = UVSSH_AUTH_PASSWORD;
  peer_open(p);
  peer_reach_auth(p);
  attempt(p);
  change_request(p);
  failure(p, "publickey", 0);
  CHECK_EQ(p->app->login.status, UVSSH_EAUTH);
  CHECK_EQ(uvssh_reply_answers(asked, right, 1), UV_ECANCELED);
  attempt(p);
  change_request(p);
  success(p);
  CHECK_EQ(p->app->client_ready, 1);
  CHECK_EQ(uvssh_reply_answers(asked, right, 1), UV_ECANCELED);
  peer_alive(p);
  peer_end(p);
}

/* ---- banners ------------------------------------------------------------- */

static unsigned banners;
static size_t banner_bytes;

static void on_banner(uvssh_session_t* session, const char* text) {
  banners++;
  banner_bytes += strlen(text);
}

static void banner(struct peer* p, size_t len) {
  struct buf* m = peer_message(p, MSG_USERAUTH_BANNER);
  char* text = malloc(len + 1);

  CHECK(text != NULL);
  memset(text, 'b', len);
  wr_str(m, text, len);
  wr_cstr(m, "en");
  free(text);
  peer_send(p);
}

TEST(client_banners_are_limited) {
  struct peer* p = peer_new(PEER_SERVER);
  unsigned i;

  p->app->on_client.on_banner = on_banner;
  p->app->method = UVSSH_AUTH_NONE;
  banners = 0;
  banner_bytes = 0;
  peer_open(p);
  peer_reach_auth(p);
  for (i = 0; i < 16; i++)
    banner(p, 4);
  peer_expect_nothing(p);
  CHECK_EQ(banners, 16);
  CHECK_EQ(banner_bytes, 64);
  banner(p, 4);
  peer_ended(p, UVSSH_ELIMIT, 2);
  CHECK_EQ(banners, 16);
  peer_again(p);

  banner_bytes = 0;
  peer_open(p);
  peer_reach_auth(p);
  attempt(p);
  banner(p, 32768);
  banner(p, 0);
  banner(p, 32768);
  peer_expect_nothing(p);
  CHECK_EQ(banner_bytes, 65536);
  banner(p, 1);
  peer_ended(p, UVSSH_ELIMIT, 2);
  CHECK_EQ(p->app->login.status, UVSSH_ELIMIT);
  peer_end(p);
}

/* ---- the end ------------------------------------------------------------- */

TEST(client_attempt_completes_when_the_session_ends) {
  static const int how[] = { UV_EOF, UV_ECONNRESET, UVSSH_EDISCONNECT,
                             UV_ECANCELED, UV_ETIMEDOUT };
  struct peer* p;
  struct buf* m;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(how); i++) {
    NOTE("%s", uvssh_err_name(how[i]));
    p = begin(UVSSH_AUTH_PASSWORD);
    attempt(p);
    if (how[i] == UV_EOF) {
      peer_hang_up(p);
    } else if (how[i] == UV_ECONNRESET) {
      uvssh__session_lost(&p->side->session, UV_ECONNRESET);
    } else if (how[i] == UVSSH_EDISCONNECT) {
      m = peer_message(p, MSG_DISCONNECT);
      wr_u32(m, 12);
      wr_cstr(m, "too\nmany \xff");
      peer_send(p);                /* without a language: it counts */
    } else if (how[i] == UV_ECANCELED) {
      uvssh_session_close(&p->side->pub);
    } else {
      pipe_sleep(&p->app->pipe, 70000);
    }
    pipe_run(&p->app->pipe);
    CHECK_EQ(p->side->closes, 1);
    CHECK_EQ(p->app->login.done, 1);
    CHECK_EQ(p->app->login.status, how[i]);
    CHECK_EQ(p->side->end.status, how[i] == UV_ECANCELED ? 0 : how[i]);
    if (how[i] == UVSSH_EDISCONNECT) {
      CHECK_EQ(p->side->end.reason, 12);
      CHECK_STR(p->side->end.text, "too\\nmany \\xff");
      CHECK_EQ(p->side->end.by_peer, 1);
    }
    peer_end(p);
  }
}

TEST(client_malformed_answers) {
  static const uint8_t numbers[] = { 51, 53 };
  struct peer* p = peer_new(PEER_SERVER);
  struct buf* m;
  size_t i, n;

  p->app->method = UVSSH_AUTH_NONE;
  for (i = 0; i < ARRAY_SIZE(numbers); i++)
    for (n = 1; n <= 14; n++) {
      NOTE("message %u, %zu bytes", numbers[i], n);
      peer_open(p);
      peer_reach_auth(p);
      attempt(p);
      m = peer_message(p, numbers[i]);
      wr_cstr(m, "abc");
      if (i == 0)
        wr_bool(m, 0);
      else
        wr_cstr(m, "e");
      if (n == m->len)
        n++;
      wr_bytes(m, "\0\0\0\0\0\0\0\0", 8);
      m->len = n;
      peer_send(p);
      peer_ended(p, UVSSH_EMESSAGE, 2);
      peer_again(p);
    }
  peer_end(p);
}
