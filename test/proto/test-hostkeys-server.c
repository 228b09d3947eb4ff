/* hostkeys-00 and hostkeys-prove-00@openssh.com as a server: all its keys are
 * told, and proven to whoever asks; no-more-sessions@openssh.com. */
#include "peer.h"

#define PROVE "hostkeys-prove-00@openssh.com"

static const struct { uvssh_key_type type; unsigned bits; } more[] = {
  { UVSSH_KEY_ECDSA, 256 }, { UVSSH_KEY_RSA, 2048 },
  { UVSSH_KEY_ED25519, 256 },      /* the next one of its type */
};

enum { KEYS = 1 + ARRAY_SIZE(more) };

static void wr_blob(struct buf* m, const uvssh_key_t* key) {
  size_t len;
  const uint8_t* blob = uvssh_key_blob(key, &len);

  wr_str(m, blob, len);
}

/* A server with a key of each type; the pipe gives them back. */
static struct peer* begin(void) {
  struct peer* p = peer_new(PEER_CLIENT);
  struct hostkeys* keys = &p->app->pipe.hostkeys;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(more); i++)
    CHECK_EQ(uvssh_key_generate(&keys->key[keys->count++], more[i].type,
                                more[i].bits), 0);
  peer_open(p);
  peer_reach_open(p);
  return p;
}

static uvssh_key_t* key_of(struct peer* p, size_t i) {
  return p->app->pipe.hostkeys.key[i];
}

static struct buf* ask(struct peer* p, const char* name, int want_reply) {
  struct buf* m = peer_message(p, MSG_GLOBAL_REQUEST);

  wr_cstr(m, name);
  wr_bool(m, want_reply);
  return m;
}

static void ask_user(struct peer* p) {
  (void) ask(p, "x@y", 1);
  peer_send(p);
}

/* ---- telling ------------------------------------------------------------- */

TEST(hostkeys_are_told_behind_the_login) {
  struct peer* p = begin();
  rd_t* m;
  str_t blob;
  size_t i;

  peer_again(p);
  peer_open(p);
  peer_reach_auth(p);
  wr_cstr(peer_message(p, MSG_USERAUTH_REQUEST), "bob");
  wr_cstr(&p->message, "ssh-connection");
  wr_cstr(&p->message, "none");
  peer_send(p);
  peer_expect(p, MSG_USERAUTH_SUCCESS);
  m = peer_expect(p, MSG_GLOBAL_REQUEST);
  CHECK(str_is(rd_str(m), "hostkeys-00@openssh.com"));
  CHECK_EQ(rd_bool(m), 0);
  for (i = 0; i < KEYS; i++) {
    blob.base = uvssh_key_blob(key_of(p, i), &blob.len);
    CHECK(str_eq(rd_str(m), blob));
  }
  CHECK_EQ(rd_end(m), 0);
  peer_rekey(p);
  peer_expect_nothing(p);          /* not a second time */
  peer_end(p);
}

/* ---- proving ------------------------------------------------------------- */

static void expect_proof(struct peer* p, rd_t* m, const uvssh_key_t* key,
                         const char* algorithm) {
  struct buf data = { 0 };

  wr_cstr(&data, PROVE);
  wr_str(&data, p->session_id, 32);
  wr_blob(&data, key);
  CHECK_EQ(uvssh__key_verify(key, uvssh__sign_find(str_of(algorithm)),
                             data.base, data.len, rd_str(m)), 0);
  uvssh__buf_free(&data);
}

static const char* const algorithms[] = { "ssh-ed25519", "ecdsa-sha2-nistp256",
                                          "rsa-sha2-512" };

TEST(hostkeys_are_proven_in_the_order_asked) {
  static const int orders[][KEYS + 1] = {
    { 0, -1 }, { 1, -1 }, { 2, -1 }, { 2, 0, -1 }, { 1, 0, 2, -1 },
  };
  struct peer* p = begin();
  struct buf* m;
  rd_t* r;
  size_t i;
  const int* k;

  for (i = 0; i < ARRAY_SIZE(orders); i++) {
    NOTE("order %zu", i);
    if (i == 2)
      peer_rekey(p);               /* the session's id stays */
    m = ask(p, PROVE, 1);
    for (k = orders[i]; *k >= 0; k++)
      wr_blob(m, key_of(p, (size_t) *k));
    peer_send(p);
    r = peer_expect(p, MSG_REQUEST_SUCCESS);
    for (k = orders[i]; *k >= 0; k++)
      expect_proof(p, r, key_of(p, (size_t) *k), algorithms[*k]);
    CHECK_EQ(rd_end(r), 0);
  }
  peer_end(p);
}

/* With the exchange's algorithm, where that is RSA's. */
TEST(hostkeys_are_proven_with_the_algorithm_of_the_exchange) {
  static const char* const names[] = { "rsa-sha2-256", "rsa-sha2-512" };
  struct peer* p = begin();
  uvssh_key_t* ed25519 = key_of(p, 0);
  size_t i;

  for (i = 0; i < 2; i++) {
    NOTE("%s", names[i]);
    p->side->session.transport.agreed.sign = uvssh__sign_find(str_of(names[i]));
    wr_blob(ask(p, PROVE, 1), key_of(p, 2));
    wr_blob(&p->message, ed25519);
    peer_send(p);
    expect_proof(p, peer_expect(p, MSG_REQUEST_SUCCESS), key_of(p, 2),
                 names[i]);
  }
  peer_end(p);
}

static void refused(struct peer* p) {
  peer_send(p);
  peer_expect(p, MSG_REQUEST_FAILURE);
  peer_expect_nothing(p);
}

TEST(hostkeys_of_others_are_not_proven) {
  struct peer* p = begin();
  struct buf* m;
  size_t len;
  const uint8_t* blob = uvssh_key_blob(key_of(p, 0), &len);
  unsigned i;

  (void) ask(p, PROVE, 1);         /* none */
  refused(p);
  wr_blob(ask(p, PROVE, 1), p->app->user_key);
  refused(p);
  wr_blob(ask(p, PROVE, 1), key_of(p, 0));
  wr_blob(&p->message, p->app->user_key);
  refused(p);
  wr_blob(ask(p, PROVE, 1), key_of(p, 0));  /* one twice */
  wr_blob(&p->message, key_of(p, 0));
  refused(p);
  wr_str(ask(p, PROVE, 1), blob, len - 1);
  refused(p);
  wr_cstr(ask(p, PROVE, 1), "");
  refused(p);
  m = ask(p, PROVE, 1);
  for (i = 0; i < 5000; i++)
    wr_cstr(m, "");
  refused(p);
  wr_blob(ask(p, PROVE, 0), key_of(p, 0));  /* nobody wants it */
  peer_send(p);
  peer_expect_nothing(p);
  CHECK_EQ(p->side->session.conn.proofs, 0);
  wr_u32(ask(p, PROVE, 1), 5);
  peer_send(p);
  peer_ended(p, UVSSH_EMESSAGE, 2);
  peer_end(p);
}

/* Signatures are work: so many a session. */
TEST(hostkeys_are_proven_so_often) {
  struct peer* p = begin();
  unsigned i;

  for (i = 0; i < PROOFS_MAX; i++) {
    wr_blob(ask(p, PROVE, 1), key_of(p, 1));
    peer_send(p);
    peer_expect(p, MSG_REQUEST_SUCCESS);
  }
  wr_blob(ask(p, PROVE, 1), key_of(p, 1));
  refused(p);
  peer_end(p);
}

/* Behind the user's answers, of which one is missing; and one that waits like
 * this is enough. */
TEST(hostkeys_are_proven_when_it_is_their_turn) {
  struct peer* p = begin();
  uvssh_reply_t reply;

  p->app->say_request = SAY_NOTHING;
  ask_user(p);
  pipe_run(&p->app->pipe);
  reply = p->app->global_reply;
  wr_blob(ask(p, PROVE, 1), key_of(p, 0));
  peer_send(p);
  wr_blob(ask(p, PROVE, 1), key_of(p, 1));
  peer_send(p);
  ask_user(p);
  peer_expect_nothing(p);
  CHECK_EQ(uvssh_reply_reject(reply), 0);
  peer_expect(p, MSG_REQUEST_FAILURE);
  expect_proof(p, peer_expect(p, MSG_REQUEST_SUCCESS), key_of(p, 0),
               "ssh-ed25519");
  peer_expect(p, MSG_REQUEST_FAILURE);
  peer_expect_nothing(p);
  CHECK_EQ(uvssh_reply_accept(p->app->global_reply), 0);
  peer_expect(p, MSG_REQUEST_SUCCESS);
  ask_user(p);                     /* and it may end while one waits */
  wr_blob(ask(p, PROVE, 1), key_of(p, 0));
  peer_send(p);
  peer_expect_nothing(p);
  peer_end(p);
}

/* The session goes while the job is away. */
TEST(hostkeys_the_job_outlives_the_session) {
  struct peer* p = begin();

  p->app->pipe.jobs = JOBS_HELD;
  wr_blob(ask(p, PROVE, 1), key_of(p, 2));
  peer_send(p);
  ask_user(p);
  peer_expect_nothing(p);
  CHECK_EQ(p->app->pipe.waiting_count, 1);
  CHECK(strstr(p->app->log, "global") == NULL);  /* input waits for it */
  uvssh_session_close(&p->side->pub);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->closes, 1);
  p->app->pipe.jobs = JOBS_NOW;
  pipe_release_jobs(&p->app->pipe);
  peer_end(p);
}

/* A client has none to prove, and a server is told none. */
TEST(hostkeys_the_other_way_round) {
  static const char* const names[] = { PROVE, "hostkeys-00@openssh.com",
                                       "no-more-sessions@openssh.com" };
  struct peer* p;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(names); i++) {
    NOTE("%s", names[i]);
    p = peer_new(i == 1 ? PEER_CLIENT : PEER_SERVER);
    peer_open(p);
    peer_reach_open(p);
    wr_blob(ask(p, names[i], 1), p->app->user_key);
    refused(p);
    CHECK(strstr(p->app->log, "global") == NULL);
    peer_end(p);
  }
}

/* ---- no more sessions ---------------------------------------------------- */

static void open_as(struct peer* p, const char* type) {
  struct buf* m = peer_message(p, MSG_CHANNEL_OPEN);

  wr_cstr(m, type);
  wr_u32(m, 3);
  wr_u32(m, 1000);
  wr_u32(m, 1000);
  peer_send(p);
}

TEST(no_more_sessions_and_all_else_goes_on) {
  struct peer* p = begin();
  uint32_t id = peer_channel(p, 1, 1000);
  rd_t* m;

  (void) ask(p, "no-more-sessions@openssh.com", 0);
  peer_send(p);
  open_as(p, "session");
  m = peer_expect(p, MSG_CHANNEL_OPEN_FAILURE);
  CHECK_EQ(rd_u32(m), 3);
  CHECK_EQ(rd_u32(m), UVSSH_OPEN_PROHIBITED);
  open_as(p, "other@y");
  peer_expect(p, MSG_CHANNEL_OPEN_CONFIRMATION);
  peer_request(p, id, "shell", 1, NULL, 0);
  peer_expect(p, MSG_CHANNEL_SUCCESS);
  (void) ask(p, "no-more-sessions@openssh.com", 1);
  peer_send(p);
  peer_expect(p, MSG_REQUEST_SUCCESS);
  wr_u8(ask(p, "no-more-sessions@openssh.com", 1), 0);
  peer_send(p);
  peer_ended(p, UVSSH_EMESSAGE, 2);
  peer_end(p);
}

TEST(no_more_sessions_of_a_client) {
  uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_SESSION };
  struct app* a = app_new();
  uvssh_channel_t channel = { 0 };
  struct app_req r;

  app_start(a);
  CHECK_EQ(uvssh_client_no_more_sessions(&a->pipe.client.pub), UV_ENOTCONN);
  app_attempt(a, "bob");
  app_channel(a, 0);
  CHECK_EQ(uvssh_client_no_more_sessions(&a->pipe.server.pub), UV_EINVAL);
  CHECK_EQ(uvssh_client_no_more_sessions(&a->pipe.client.pub), 0);
  CHECK_EQ(uvssh_client_no_more_sessions(&a->pipe.client.pub), 0);
  CHECK_EQ(uvssh_channel_open(app_req(a, &r, NULL), &a->pipe.client.pub,
                              &channel, &what, &a->on_asked, app_done),
           UV_EPERM);
  pipe_run(&a->pipe);
  CHECK_EQ(a->pipe.server.session.conn.no_sessions, 1);
  CHECK_EQ(a->asked[0].closes, 0);
  app_end(a);
}
