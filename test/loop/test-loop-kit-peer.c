/* The scripted peer of uvssh/test.h, in either role, against a server and a
 * client: it behaves, it misbehaves, and it says in words what it missed. */
#include "both.h"

static uvssh_transport_t end;      /* of the session under test */

static const uvssh_test_login_t nobody = { .user = "u" };

/* A server is tested. */
static uvssh_test_peer_t* visitor(struct both* b,
                                  const uvssh_test_pipe_t* options) {
  uvssh_test_peer_t* peer = NULL;

  memset(&end, 0, sizeof(end));
  both_server(b);
  CHECK_EQ(uvssh_test_peer_open(&peer, &b->loop, UVSSH_TEST_CLIENT, &end,
                                options), 0);
  (void) both_serve(b, &end);
  return peer;
}

/* A client is tested. */
static uvssh_test_peer_t* host(struct both* b, enum goal goal) {
  uvssh_test_peer_t* peer = NULL;

  memset(&end, 0, sizeof(end));
  CHECK_EQ(uvssh_test_peer_open(&peer, &b->loop, UVSSH_TEST_SERVER, &end, NULL),
           0);
  (void) both_client_over(b, goal, &end);
  return peer;
}

static void begin(struct both* b) {
  both_open(b);
  both_clock(b);
}

static void finish(struct both* b, uvssh_test_peer_t* peer, const char* error) {
  CHECK_STR(uvssh_test_peer_error(peer), error);
  uvssh_test_peer_close(peer);
  both_close(b);
}

/* ---- behaving ------------------------------------------------------------ */

TEST(kit_peer_reaches_each_point) {
  uvssh_test_pipe_t options = { .chunk = 1 };
  uvssh_test_peer_t* peer;
  struct both b;
  uvssh_test_point point;

  for (point = UVSSH_TEST_AT_IDENT; point <= UVSSH_TEST_AT_LOGIN; point++) {
    begin(&b);
    peer = visitor(&b, &options);
    CHECK_EQ(uvssh_test_peer_reach(peer, point, &nobody), 0);
    CHECK_EQ(uvssh_test_peer_reach(peer, point, &nobody), 0);
    both_pass(&b, 0);
    CHECK_EQ(uvssh_session_is_ready(&b.served[0]->session),
             point == UVSSH_TEST_AT_LOGIN);
    finish(&b, peer, "");

    begin(&b);
    peer = host(&b, GOAL_LOGIN);
    CHECK_EQ(uvssh_test_peer_reach(peer, point, NULL), 0);
    both_pass(&b, 0);
    CHECK_EQ(b.clients[0]->auth == 0, point == UVSSH_TEST_AT_LOGIN);
    CHECK_EQ(b.clients[0]->start == 0, point >= UVSSH_TEST_AT_SERVICE);
    finish(&b, peer, "");
  }
}

static unsigned seen;

static void on_auth(uvssh_session_t* session,
                    const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  seen = attempt->method;
  if (attempt->method == UVSSH_AUTH_PASSWORD)
    CHECK_STR(attempt->password, "secret");
  CHECK_STR(attempt->user, "u");
  CHECK_EQ(uvssh_reply_accept(reply), 0);
}

TEST(kit_peer_logs_in_by_any_method) {
  uvssh_test_login_t logins[3] = { { .user = "u" },
                                   { .user = "u", .password = "secret" },
                                   { .user = "u" } };
  static const unsigned methods[3] = {
    UVSSH_AUTH_NONE, UVSSH_AUTH_PASSWORD, UVSSH_AUTH_PUBLICKEY
  };
  uvssh_test_peer_t* peer;
  uvssh_key_t* key;
  struct both b;
  unsigned i;

  CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0), 0);
  logins[2].key = key;
  for (i = 0; i < 3; i++) {
    begin(&b);
    b.server_on.on_auth = on_auth;
    peer = visitor(&b, NULL);
    CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_LOGIN, &logins[i]), 0);
    both_pass(&b, 0);
    CHECK(uvssh_session_is_ready(&b.served[0]->session));
    CHECK_EQ(seen, methods[i]);
    finish(&b, peer, "");
  }
  uvssh_key_unref(key);
}

/* The first "none" is refused at once, a password later. */
TEST(kit_peer_is_refused) {
  const uvssh_test_login_t login = { .user = "u", .password = "wrong" };
  uvssh_test_peer_t* peer;
  struct both b;

  begin(&b);
  b.server_on.on_auth = NULL;
  peer = visitor(&b, NULL);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_LOGIN, &nobody),
           UVSSH_EUNEXPECTED);
  finish(&b, peer,
         "expected USERAUTH_SUCCESS (52), got USERAUTH_FAILURE (51)");

  begin(&b);
  b.server_on.on_auth = NULL;
  peer = visitor(&b, NULL);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_LOGIN, &login),
           UV_ETIMEDOUT);
  finish(&b, peer, "expected USERAUTH_SUCCESS (52) some time, got nothing");
}

static void on_done(uvssh_req_t* req, int status) {
  *(int*) req->data = status;
}

/* A server that takes one thing, and is asked for another one first. */
TEST(kit_peer_lets_in_whom_it_was_told) {
  uvssh_test_login_t login = { .user = "u", .password = "secret" };
  uvssh_test_peer_t* peer;
  struct both b;
  int done = PENDING;
  uvssh_req_t req = { .data = &done };
  uvssh_key_t* key;

  CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0), 0);
  begin(&b);
  peer = host(&b, GOAL_START);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_SERVICE, NULL), 0);
  CHECK_EQ(uvssh_auth_password(&req, &b.clients[0]->session, "u", "wrong",
                               on_done), 0);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_LOGIN, &login),
           UV_ETIMEDOUT);
  CHECK_EQ(done, UVSSH_EAUTH);
  finish(&b, peer, "expected USERAUTH_REQUEST (50), got nothing");

  begin(&b);
  login.password = NULL;
  login.key = key;
  done = PENDING;
  peer = host(&b, GOAL_START);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_SERVICE, NULL), 0);
  CHECK_EQ(uvssh_auth_publickey(&req, &b.clients[0]->session, "u", key,
                                on_done), 0);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_LOGIN, &login), 0);
  both_pass(&b, 0);
  CHECK_EQ(done, 0);
  finish(&b, peer, "");

  begin(&b);                       /* b.key is the server's, not the user's */
  peer = host(&b, GOAL_START);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_SERVICE, NULL), 0);
  CHECK_EQ(uvssh_auth_publickey(&req, &b.clients[0]->session, "u", b.key,
                                on_done), 0);
  CHECK(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_LOGIN, &login) < 0);
  CHECK_EQ(done, UVSSH_EAUTH);
  finish(&b, peer, "expected USERAUTH_REQUEST (50), got nothing");
  uvssh_key_unref(key);
}

TEST(kit_peer_with_every_cipher) {
  static const char* const pairs[][2] = {
    { "chacha20-poly1305@openssh.com", NULL },
    { "aes256-gcm@openssh.com", NULL },
    { "aes256-ctr", "hmac-sha2-256" },
    { "aes256-ctr", "hmac-sha2-256-etm@openssh.com" }
  };
  uvssh_test_pipe_t options = { .chunk = 3 };
  uvssh_test_peer_t* peer;
  struct both b;
  unsigned i;

  for (i = 0; i < 4; i++) {
    begin(&b);
    peer = visitor(&b, &options);
    CHECK_EQ(uvssh_test_peer_cipher(peer, pairs[i][0], pairs[i][1]), 0);
    CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_LOGIN, &nobody), 0);
    CHECK_EQ(uvssh_test_peer_rekey(peer), 0);
    CHECK_EQ(uvssh_test_peer_channel(peer, 1000, NULL), 0);
    CHECK_EQ(uvssh_test_peer_cipher(peer, "aes256-ctr", NULL), UV_EINVAL);
    CHECK_EQ(uvssh_test_peer_cipher(peer, "aes256", NULL), UV_EINVAL);
    CHECK_EQ(uvssh_test_peer_cipher(peer, NULL, NULL), UV_EINVAL);
    finish(&b, peer, "");
  }
}

/* Bytes for a channel, both ways, as a server; and what the client makes of
 * more than its window. */
TEST(kit_peer_serves_a_channel) {
  static const char bytes[30000];
  uvssh_test_peer_t* peer;
  struct both b;
  struct peer* p;
  uint32_t id;

  begin(&b);
  b.client_config.window_bytes = 40000;
  peer = host(&b, GOAL_CHANNEL);
  p = b.clients[0];
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_LOGIN, NULL), 0);
  CHECK_EQ(uvssh_test_peer_channel(peer, 1000, &id), 0);
  both_pass(&b, 0);
  CHECK_EQ(p->open, 0);
  CHECK_EQ(uvssh_channel_send(&p->channel, UVSSH_DATA, "abc", 3), 0);
  CHECK_EQ(uvssh_test_peer_expect(peer, UVSSH_TEST_CHANNEL_DATA), 0);
  CHECK_EQ(uvssh_test_peer_get_u32(peer), 0);
  CHECK_EQ(uvssh_test_peer_expect_text(peer, "abc"), 0);
  CHECK_EQ(uvssh_test_peer_data(peer, id, bytes, 30000), 0);
  CHECK_EQ(uvssh_test_peer_data(peer, id, bytes, 10000), 0);
  CHECK_EQ(uvssh_test_peer_expect_nothing(peer), 0);
  CHECK_EQ(uvssh_test_peer_data(peer, id, bytes, 1), 0);
  CHECK_EQ(uvssh_test_peer_expect_end(peer, 2), 0);
  CHECK_EQ(p->closes, 1);
  finish(&b, peer, "");
}

/* ---- misbehaving --------------------------------------------------------- */

TEST(kit_peer_says_what_is_forbidden) {
  static const int numbers[] = {
    UVSSH_TEST_SERVICE_ACCEPT, UVSSH_TEST_NEWKEYS, UVSSH_TEST_USERAUTH_SUCCESS,
    UVSSH_TEST_GLOBAL_REQUEST, UVSSH_TEST_CHANNEL_OPEN, UVSSH_TEST_CHANNEL_DATA
  };
  uvssh_test_peer_t* peer;
  struct both b;
  unsigned i;

  for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
    NOTE("message %d", numbers[i]);
    begin(&b);
    peer = visitor(&b, NULL);
    CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_SERVICE, NULL), 0);
    CHECK_EQ(uvssh_test_peer_begin(peer, numbers[i]), 0);
    CHECK_EQ(uvssh_test_peer_send(peer), 0);
    CHECK_EQ(uvssh_test_peer_expect_end(peer, 2), 0);
    CHECK_EQ(b.served[0]->closes, 1);
    finish(&b, peer, "");
  }
}

TEST(kit_peer_speaks_something_else) {
  uvssh_test_peer_t* peer;
  struct both b;

  begin(&b);
  peer = visitor(&b, NULL);
  CHECK_EQ(uvssh_test_peer_ident(peer, "SSH-1.5-old"), 0);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_IDENT, NULL), 0);
  CHECK_EQ(uvssh_test_peer_ident(peer, "SSH-2.0-late"), UV_EINVAL);
  both_pass(&b, 100000);
  CHECK_EQ(b.served[0]->end.status, UVSSH_EVERSION);
  finish(&b, peer, "");

  begin(&b);
  peer = visitor(&b, NULL);
  CHECK_EQ(uvssh_test_peer_raw(peer, "GET / HTTP/1.1\r\n\r\n", 18), 0);
  both_pass(&b, 100000);
  CHECK_EQ(b.served[0]->closes, 1);
  CHECK_EQ(uvssh_test_peer_ident(peer, ""), UV_EINVAL);
  CHECK_EQ(uvssh_test_peer_ident(peer, NULL), UV_EINVAL);
  finish(&b, peer, "");
}

TEST(kit_peer_leaves) {
  uvssh_test_peer_t* peer;
  struct both b;

  begin(&b);
  peer = visitor(&b, NULL);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_LOGIN, &nobody), 0);
  both_pass(&b, 0);
  uvssh_test_peer_close(peer);
  CHECK_EQ(b.served[0]->closes, 0);
  both_pass(&b, 0);
  CHECK_EQ(b.served[0]->closes, 1);
  CHECK_EQ(b.served[0]->end.status, UV_EOF);
  CHECK_EQ(b.served[0]->end.by_peer, 1);
  both_close(&b);
  uvssh_test_peer_close(NULL);
}

/* ---- what it missed ------------------------------------------------------ */

static void wrong_password(uvssh_test_peer_t* peer) {
  CHECK_EQ(uvssh_test_peer_begin(peer, UVSSH_TEST_USERAUTH_REQUEST), 0);
  uvssh_test_peer_put_text(peer, "u");
  uvssh_test_peer_put_text(peer, "ssh-connection");
  uvssh_test_peer_put_text(peer, "password");
  uvssh_test_peer_put_u8(peer, 0);
  uvssh_test_peer_put_string(peer, "guess", 5);
  CHECK_EQ(uvssh_test_peer_send(peer), 0);
}

static void on_auth_no(uvssh_session_t* session,
                       const uvssh_auth_t* attempt,
                       uvssh_reply_t reply) {
  CHECK_EQ(uvssh_reply_reject(reply), 0);
}

TEST(kit_peer_waits_for_no_time) {
  uvssh_test_peer_t* peer;
  struct both b;

  begin(&b);
  b.server_config.auth_rejection_ms = 300;
  b.server_on.on_auth = on_auth_no;
  peer = visitor(&b, NULL);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_SERVICE, NULL), 0);
  wrong_password(peer);
  both_pass(&b, 299);
  CHECK_EQ(uvssh_test_peer_expect_nothing(peer), 0);
  both_pass(&b, 1);
  CHECK_EQ(uvssh_test_peer_expect(peer, UVSSH_TEST_USERAUTH_FAILURE), 0);
  CHECK_EQ(uvssh_test_peer_expect_text(peer, "publickey,password"), 0);
  CHECK_EQ(uvssh_test_peer_get_u8(peer), 0);
  finish(&b, peer, "");
}

/* The first thing stays, with its text. */
TEST(kit_peer_tells_what_went_wrong) {
  uvssh_test_peer_t* peer;
  struct both b;
  int got;

  begin(&b);
  peer = visitor(&b, NULL);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_SERVICE, NULL), 0);
  CHECK_EQ(uvssh_test_peer_next(peer), 0);
  CHECK_EQ(uvssh_test_peer_expect(peer, 99), UV_ETIMEDOUT);
  CHECK_EQ(uvssh_test_peer_next(peer), UV_ETIMEDOUT);
  CHECK_EQ(uvssh_test_peer_expect_nothing(peer), UV_ETIMEDOUT);
  CHECK_EQ(uvssh_test_peer_channel(peer, 1, NULL), UV_ETIMEDOUT);
  finish(&b, peer, "expected CHANNEL_SUCCESS (99), got nothing");

  begin(&b);
  peer = visitor(&b, NULL);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_SERVICE, NULL), 0);
  CHECK_EQ(uvssh_test_peer_say(peer, "\x5e", 1), 0);
  got = uvssh_test_peer_expect(peer, UVSSH_TEST_USERAUTH_SUCCESS);
  CHECK_EQ(got, UVSSH_EUNEXPECTED);
  finish(&b, peer, "expected USERAUTH_SUCCESS (52), got DISCONNECT (1), reason "
                   "2, \"message not allowed now\"");

  begin(&b);
  peer = visitor(&b, NULL);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_LOGIN, &nobody), 0);
  CHECK_EQ(uvssh_test_peer_say(peer, "\x5e", 1), 0);
  CHECK_EQ(uvssh_test_peer_expect_end(peer, 11), UVSSH_EUNEXPECTED);
  finish(&b, peer, "expected the end with reason 11, got 2");

  begin(&b);
  peer = visitor(&b, NULL);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_LOGIN, &nobody), 0);
  CHECK_EQ(uvssh_test_peer_expect_end(peer, 2), UV_ETIMEDOUT);
  finish(&b, peer, "expected the end, got nothing");

  begin(&b);
  peer = visitor(&b, NULL);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_LOGIN, &nobody), 0);
  uvssh_session_close(&b.served[0]->session);
  CHECK_EQ(uvssh_test_peer_next(peer), UV_EOF);
  CHECK_EQ(uvssh_test_peer_await(peer, 94), UV_EOF);
  finish(&b, peer, "expected CHANNEL_DATA (94) some time, got the end");
}

TEST(kit_peer_reads_fields) {
  uvssh_test_peer_t* peer;
  struct both b;
  size_t len = 7;
  int i;

  for (i = 0; i < 3; i++) {
    begin(&b);
    peer = visitor(&b, NULL);
    CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_LOGIN, &nobody), 0);
    CHECK_EQ(uvssh_test_peer_say(peer, "\xff", 1), 0);
    CHECK_EQ(uvssh_test_peer_await(peer, UVSSH_TEST_UNIMPLEMENTED), 0);
    if (i == 0) {
      CHECK_EQ(uvssh_test_peer_expect_u32(peer, 5000), UVSSH_EUNEXPECTED);
    } else if (i == 1) {
      (void) uvssh_test_peer_get_u32(peer);
      CHECK_STR(uvssh_test_peer_error(peer), "");
      CHECK_EQ(uvssh_test_peer_get_u32(peer), 0);
    } else {
      CHECK(uvssh_test_peer_get_string(peer, &len) == NULL);
      CHECK_EQ(len, 0);
      CHECK_EQ(uvssh_test_peer_expect_text(peer, "x"), UVSSH_EMESSAGE);
    }
    finish(&b, peer, i == 0   ? "expected the number 5000, got 2"
                     : i == 1 ? "UNIMPLEMENTED (3) has no such number"
                              : "UNIMPLEMENTED (3) has no such string");
  }
}

/* ---- a peer that does not read ------------------------------------------- */

/* Nothing is lost, and the writer waits. */
TEST(kit_peer_holds_who_writes) {
  enum { BULK = 1000000 };
  static char bytes[BULK];
  uvssh_test_peer_t* peer;
  struct both b;
  int wrote = PENDING;
  uvssh_req_t req = { .data = &wrote };
  uv_buf_t buf = uv_buf_init(bytes, BULK);
  const char* at;
  size_t got = 0;
  size_t len, i;

  for (i = 0; i < BULK; i++)
    bytes[i] = (char) (i * 7 + i / 256);
  begin(&b);
  peer = visitor(&b, NULL);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_LOGIN, &nobody), 0);
  CHECK_EQ(uvssh_test_peer_channel(peer, BULK, NULL), 0);
  CHECK_EQ(uvssh_channel_write(&req, &b.served[0]->channel, UVSSH_DATA, &buf, 1,
                               on_done), 0);
  both_pass(&b, 0);
  CHECK_EQ(wrote, PENDING);
  while (got < BULK) {
    CHECK_EQ(uvssh_test_peer_expect(peer, UVSSH_TEST_CHANNEL_DATA), 0);
    (void) uvssh_test_peer_get_u32(peer);
    at = uvssh_test_peer_get_string(peer, &len);
    CHECK(len <= BULK - got);
    CHECK(memcmp(at, bytes + got, len) == 0);
    got += len;
  }
  both_pass(&b, 0);
  CHECK_EQ(wrote, 0);
  finish(&b, peer, "");
}

TEST(kit_peer_arguments) {
  uvssh_test_peer_t* peer = NULL;
  struct both b;

  both_open(&b);
  CHECK_EQ(uvssh_test_peer_open(&peer, &b.loop, UVSSH_TEST_CLIENT, &end, NULL),
           UV_EINVAL);             /* no clock */
  both_clock(&b);
  CHECK_EQ(uvssh_test_peer_open(NULL, &b.loop, UVSSH_TEST_CLIENT, &end, NULL),
           UV_EINVAL);
  CHECK_EQ(uvssh_test_peer_open(&peer, &b.loop, UVSSH_TEST_SERVER, NULL, NULL),
           UV_EINVAL);
  peer = visitor(&b, NULL);
  CHECK_EQ(uvssh_test_peer_rekey(peer), UV_EINVAL);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_LOGIN, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_LOGIN, &nobody), 0);
  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_KEYS, NULL), UV_EINVAL);
  finish(&b, peer, "");
}
