/* A login with a key whose secret is elsewhere; and a server that lets everybody
 * in (lesson 29 of the protocol's history: it may then play another part). */
#include "peer.h"

struct signer {                    /* the world outside */
  uvssh_key_t* secret;
  uvssh_reply_t reply;
  uint8_t data[1024];
  size_t len;
  unsigned asked;
  unsigned released;
  int now;                         /* answers inside the question */
  char algorithm[64];
};

static void answer(struct signer* s, const uvssh_key_t* with, int expected) {
  struct buf signature = { 0 };

  CHECK_EQ(uvssh__key_sign(with, uvssh__sign_find(str_of(s->algorithm)),
                           s->data, s->len, &signature), 0);
  CHECK_EQ(uvssh_reply_signature(s->reply, signature.base, signature.len),
           expected);
  uvssh__buf_free(&signature);
}

static void on_sign(void* arg, const char* algorithm, const uv_buf_t* data,
                    uvssh_reply_t reply) {
  struct signer* s = (struct signer*) arg;

  s->asked++;
  s->reply = reply;
  CHECK(data->len <= sizeof(s->data));
  memcpy(s->data, data->base, data->len);
  s->len = data->len;
  CHECK(strlen(algorithm) < sizeof(s->algorithm));
  strcpy(s->algorithm, algorithm);
  if (s->now)
    answer(s, s->secret, 0);
}

static void on_release(void* arg) {
  ((struct signer*) arg)->released++;
}

/* The user's key is external from here on. */
static struct peer* begin(struct signer* s) {
  struct peer* p = peer_new(PEER_SERVER);
  uvssh_key_t* external;

  memset(s, 0, sizeof(*s));
  s->secret = p->app->user_key;
  CHECK_EQ(uvssh_key_external(&external, s->secret, on_sign, s, on_release), 0);
  p->app->user_key = external;
  p->app->method = UVSSH_AUTH_PUBLICKEY;
  peer_open(p);
  peer_reach_auth(p);
  return p;
}

static void end(struct peer* p, struct signer* s) {
  peer_end(p);
  CHECK_EQ(s->released, 1);
  uvssh_key_unref(s->secret);
}

static void say_pk_ok(struct peer* p) {
  struct buf* m = peer_message(p, MSG_USERAUTH_PK_OK);
  size_t len;
  const uint8_t* blob = uvssh_key_blob(p->app->user_key, &len);

  wr_cstr(m, "ssh-ed25519");
  wr_str(m, blob, len);
  peer_send(p);
  pipe_run(&p->app->pipe);
}

static void attempt(struct peer* p) {
  app_attempt(p->app, "bob");
  peer_expect(p, MSG_USERAUTH_REQUEST);
  say_pk_ok(p);
}

static void say_failure(struct peer* p, const char* methods) {
  struct buf* m = peer_message(p, MSG_USERAUTH_FAILURE);

  wr_cstr(m, methods);
  wr_bool(m, 0);
  peer_send(p);
  pipe_run(&p->app->pipe);
}

static void say_success(struct peer* p) {
  peer_message(p, MSG_USERAUTH_SUCCESS);
  peer_send(p);
  pipe_run(&p->app->pipe);
}

/* The signed request, checked as a server does. */
static void read_signed(struct peer* p) {
  rd_t* m = peer_expect(p, MSG_USERAUTH_REQUEST);
  struct buf data = { 0 };
  size_t len;
  const uint8_t* blob = uvssh_key_blob(p->app->user_key, &len);
  str_t signature;

  wr_str(&data, p->session_id, 32);
  wr_u8(&data, MSG_USERAUTH_REQUEST);
  wr_cstr(&data, "bob");
  wr_cstr(&data, "ssh-connection");
  wr_cstr(&data, "publickey");
  wr_bool(&data, 1);
  wr_cstr(&data, "ssh-ed25519");
  wr_str(&data, blob, len);
  (void) rd_str(m);
  (void) rd_str(m);
  (void) rd_str(m);
  CHECK_EQ(rd_bool(m), 1);
  CHECK(str_is(rd_str(m), "ssh-ed25519"));
  (void) rd_str(m);
  signature = rd_str(m);
  CHECK_EQ(rd_end(m), 0);
  CHECK_EQ(uvssh__key_verify(p->app->user_key,
                             uvssh__sign_find(STR("ssh-ed25519")), data.base,
                             data.len, signature), 0);
  uvssh__buf_free(&data);
}

TEST(external_signs_now) {
  struct signer s;
  struct peer* p = begin(&s);
  uvssh_session_info_t info;

  s.now = 1;
  attempt(p);
  read_signed(p);
  say_success(p);
  CHECK_EQ(p->app->login.status, 0);
  CHECK_EQ(s.asked, 1);
  CHECK(uvssh_key_equal(uvssh_session_key(&p->side->pub), s.secret));
  uvssh_session_info(&p->side->pub, &info);
  CHECK_EQ(info.auth_method, UVSSH_AUTH_PUBLICKEY);
  CHECK_EQ(info.auth_trivial, 0);
  end(p, &s);
}

TEST(external_signs_later) {
  struct signer s;
  struct peer* p = begin(&s);

  attempt(p);
  peer_expect_nothing(p);
  CHECK_EQ(s.asked, 1);
  pipe_sleep(&p->app->pipe, 10 * 60 * 1000);   /* the user's time is free */
  CHECK_EQ(p->side->closes, 0);
  CHECK_EQ(uvssh_reply_accept(s.reply), UV_EINVAL);
  CHECK_EQ(uvssh_reply_signature(s.reply, NULL, 0), UV_EINVAL);
  answer(&s, s.secret, 0);
  answer(&s, s.secret, UV_ECANCELED);
  read_signed(p);
  say_success(p);
  CHECK_EQ(p->app->login.status, 0);
  end(p, &s);
}

TEST(external_on_the_pool) {
  struct signer s;
  struct peer* p = begin(&s);

  attempt(p);
  p->app->pipe.jobs = JOBS_HELD;
  answer(&s, s.secret, 0);
  peer_expect_nothing(p);
  pipe_release_jobs(&p->app->pipe);
  read_signed(p);
  say_success(p);
  CHECK_EQ(p->app->login.status, 0);
  end(p, &s);
}

/* A signature that does not fit is never sent: it may be of other data. */
TEST(external_says_no_or_nonsense) {
  struct signer s;
  struct peer* p = begin(&s);
  uvssh_key_t* other;
  unsigned i;

  CHECK_EQ(uvssh_key_generate(&other, UVSSH_KEY_ED25519, 0), 0);
  app_attempt(p->app, "bob");
  peer_expect(p, MSG_USERAUTH_REQUEST);
  say_failure(p, "password,publickey");
  for (i = 0; i < 4; i++) {
    NOTE("answer %u", i);
    attempt(p);
    if (i == 0)
      CHECK_EQ(uvssh_reply_reject(s.reply), 0);
    else if (i == 1)
      CHECK_EQ(uvssh_reply_signature(s.reply, "nonsense", 8), 0);
    else if (i == 2)
      CHECK_EQ(uvssh_reply_signature(s.reply, "", 0), 0);
    else
      answer(&s, other, 0);
    peer_expect_nothing(p);
    CHECK_EQ(p->app->login.status, UVSSH_EAUTH);
    CHECK_EQ(p->app->login.req.result,
             UVSSH_AUTH_PASSWORD | UVSSH_AUTH_PUBLICKEY);
    CHECK_EQ(s.asked, i + 1);
  }
  uvssh_key_unref(other);
  attempt(p);                      /* and then the right one */
  answer(&s, s.secret, 0);
  read_signed(p);
  say_success(p);
  CHECK_EQ(p->app->login.status, 0);
  end(p, &s);
}

/* While the signer thinks nothing is out that the server could answer. */
TEST(external_server_is_impatient) {
  struct signer s;
  struct peer* p = begin(&s);
  unsigned i;

  for (i = 0; i < 3; i++) {
    NOTE("message %u", i);
    attempt(p);
    if (i == 0)
      say_pk_ok(p);
    else if (i == 1)
      say_failure(p, "password");
    else
      say_success(p);
    peer_ended(p, UVSSH_EUNEXPECTED, 2);
    CHECK_EQ(p->app->login.status, UVSSH_EUNEXPECTED);
    answer(&s, s.secret, UV_ECANCELED);
    CHECK_EQ(p->app->client_ready, 0);
    peer_again(p);
    peer_open(p);
    peer_reach_auth(p);
  }
  end(p, &s);
}

TEST(external_session_closes_meanwhile) {
  struct signer s;
  struct peer* p = begin(&s);

  attempt(p);
  uvssh_session_close(&p->side->pub);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->app->login.status, UV_ECANCELED);
  answer(&s, s.secret, UV_ECANCELED);
  end(p, &s);
}

/* The session has the last reference: the key, and what the signer stands on,
 * stay until the attempt's callback, and no longer. */
static struct signer* lonely;
static int asked_inside;

static void on_sign_no(void* arg, const char* algorithm, const uv_buf_t* data,
                       uvssh_reply_t reply) {
  asked_inside++;
  CHECK_EQ(uvssh_reply_reject(reply), 0);
  CHECK_EQ(lonely->released, 0);
}

static void on_refused(uvssh_req_t* req, int status) {
  CHECK_EQ(status, UVSSH_EAUTH);
  CHECK_EQ(lonely->released, 0);
  *(int*) req->data = 1;
}

TEST(external_key_is_kept_until_the_callback) {
  struct signer s;
  struct peer* p = begin(&s);
  struct signer alone = { 0 };
  uvssh_key_t* key;
  int done = 0;
  uvssh_req_t req = { .data = &done };

  lonely = &alone;
  CHECK_EQ(uvssh_key_external(&key, s.secret, on_sign_no, lonely, on_release),
           0);
  CHECK_EQ(uvssh_auth_publickey(&req, &p->side->pub, "bob", key, on_refused),
           0);
  uvssh_key_unref(key);
  pipe_run(&p->app->pipe);
  peer_expect(p, MSG_USERAUTH_REQUEST);
  say_pk_ok(p);
  CHECK_EQ(asked_inside, 1);
  CHECK_EQ(done, 1);
  CHECK_EQ(lonely->released, 1);
  end(p, &s);
}

TEST(external_key_arguments) {
  struct signer s;
  uvssh_key_t* key;
  uvssh_key_t* external = NULL;
  uvssh_key_t* again;
  struct buf text = { 0 };

  memset(&s, 0, sizeof(s));
  CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0), 0);
  CHECK_EQ(uvssh_key_external(NULL, key, on_sign, &s, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_key_external(&external, NULL, on_sign, &s, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_key_external(&external, key, NULL, &s, NULL), UV_EINVAL);
  CHECK(external == NULL);
  HEAP_SWEEP(n) {
    int err = uvssh_key_external(&external, key, on_sign, &s, on_release);
    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    if (err == 0)
      uvssh_key_unref(external);
  }
  CHECK_EQ(s.released, 1);
  CHECK_EQ(uvssh_key_external(&external, key, on_sign, &s, NULL), 0);
  CHECK_EQ(uvssh_key_has_secret(external), 1);
  CHECK(uvssh_key_equal(external, key));
  CHECK_EQ(uvssh_key_save(external, "never-made", NULL), UV_ENOTSUP);
  CHECK_EQ(uvssh__key_write(external, "", &text), UV_EINVAL);
  /* One of an external one: the same public half, another signer. */
  CHECK_EQ(uvssh_key_external(&again, external, on_sign, &s, NULL), 0);
  uvssh_key_unref(again);
  uvssh_key_unref(external);
  uvssh_key_unref(key);
}

/* ---- who asks for nothing ------------------------------------------------ */

TEST(lesson_29_trivial_login_is_told) {
  struct peer* p = peer_new(PEER_SERVER);
  uvssh_session_info_t info;

  p->app->method = UVSSH_AUTH_NONE;
  peer_open(p);
  peer_reach_auth(p);
  uvssh_session_info(&p->side->pub, &info);
  CHECK_EQ(info.auth_method, 0);
  app_attempt(p->app, "bob");
  peer_expect(p, MSG_USERAUTH_REQUEST);
  say_success(p);
  CHECK_EQ(p->app->login.status, 0);
  uvssh_session_info(&p->side->pub, &info);
  CHECK_EQ(info.auth_method, UVSSH_AUTH_NONE);
  CHECK_EQ(info.auth_trivial, 1);
  peer_end(p);
}

TEST(lesson_29_trivial_login_is_refused) {
  struct peer* p = peer_new(PEER_SERVER);
  uvssh_session_info_t info;

  p->app->client_config.refuse_trivial_auth = 1;
  p->app->method = UVSSH_AUTH_NONE;
  peer_open(p);
  peer_reach_auth(p);
  app_attempt(p->app, "bob");
  peer_expect(p, MSG_USERAUTH_REQUEST);
  say_success(p);
  peer_ended(p, UVSSH_EAUTH, 14);
  CHECK_EQ(p->app->login.status, UVSSH_EAUTH);
  CHECK_EQ(p->app->client_ready, 0);
  peer_again(p);                   /* a password is an answer to something */
  p->app->method = UVSSH_AUTH_PASSWORD;
  peer_open(p);
  peer_reach_auth(p);
  app_attempt(p->app, "bob");
  peer_expect(p, MSG_USERAUTH_REQUEST);
  say_success(p);
  CHECK_EQ(p->app->login.status, 0);
  uvssh_session_info(&p->side->pub, &info);
  CHECK_EQ(info.auth_method, UVSSH_AUTH_PASSWORD);
  CHECK_EQ(info.auth_trivial, 0);
  peer_end(p);
}
