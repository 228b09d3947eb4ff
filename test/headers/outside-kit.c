/* outside-kit.c: a user's unit test of a small server, C and C++ at once.
 *
 * test-outside.py compiles it against the installed libraries; the guide's
 * chapter about testing shows its pieces.
 */
#include <stdio.h>
#include <string.h>
#include <uvssh.h>
#include <uvssh/test.h>

/* BEGIN server */
/* What is tested: it lets "me" in, and answers the command "ask" with 42. */
typedef struct {
  uvssh_session_t session;
  uvssh_channel_t channel;
  int closed;
  int status;
} visit_t;

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  if (ask->type != UVSSH_REQUEST_EXEC || strcmp(ask->command, "ask") != 0)
    return;                        /* no answer is a no */
  uvssh_reply_accept(reply);
  uvssh_channel_send(channel, UVSSH_DATA, "42\n", 3);
  uvssh_channel_exit(channel, 0, 0);
}

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* ask,
                       uvssh_reply_t reply) {
  visit_t* visit = (visit_t*) session->data;
  uvssh_channel_handlers_t handlers;

  (void) ask;
  memset(&handlers, 0, sizeof(handlers));
  handlers.on_request = on_request;
  uvssh_channel_accept(reply, &visit->channel, &handlers);
}

static void on_auth(uvssh_session_t* session,
                    const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  (void) session;
  if (attempt->method == UVSSH_AUTH_PASSWORD &&
      strcmp(attempt->user, "me") == 0 &&
      strcmp(attempt->password, "secret") == 0)
    uvssh_reply_accept(reply);
  else
    uvssh_reply_reject(reply);
}

static void on_close(uvssh_session_t* session, const uvssh_end_t* end) {
  visit_t* visit = (visit_t*) session->data;

  visit->closed += 1;
  visit->status = end->status;
}
/* END server */

/* BEGIN world */
typedef struct {
  uv_loop_t loop;
  uvssh_server_t server;
  visit_t visit;
  uvssh_transport_t transport;     /* the server's end of the pipe */
  uvssh_test_peer_t* peer;         /* the other end: a client */
} world_t;

static int failures;

#define CHECK(x)                                                              \
  do {                                                                        \
    if (!(x)) {                                                               \
      printf("%s:%d: %s\n", __func__, __LINE__, #x);                          \
      failures += 1;                                                          \
    }                                                                         \
  } while (0)

static void world_open(world_t* w, const uvssh_test_pipe_t* pipe) {
  uvssh_session_handlers_t handlers;
  uvssh_config_t config;
  uvssh_key_t* key = NULL;

  memset(w, 0, sizeof(*w));
  uvssh_config_init(&config);
  config.auth_methods = UVSSH_AUTH_PASSWORD;
  config.idle_timeout_ms = 60 * 1000;
  CHECK(uv_loop_init(&w->loop) == 0);
  CHECK(uvssh_test_clock(&w->loop) == 0);        /* before server and session */
  CHECK(uvssh_server_init(&w->loop, &w->server, &config) == 0);
  CHECK(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0) == 0);
  CHECK(uvssh_server_add_key(&w->server, key) == 0);
  uvssh_key_unref(key);

  memset(&handlers, 0, sizeof(handlers));
  handlers.on_auth = on_auth;
  handlers.on_channel = on_channel;
  handlers.on_close = on_close;
  CHECK(uvssh_test_peer_open(&w->peer, &w->loop, UVSSH_TEST_CLIENT,
                             &w->transport, pipe) == 0);
  w->visit.session.data = &w->visit;
  CHECK(uvssh_server_serve(&w->server, &w->visit.session, &w->transport,
                           &handlers) == 0);
}

static void world_close(world_t* w) {
  if (uvssh_test_peer_error(w->peer)[0] != '\0') {
    printf("%s\n", uvssh_test_peer_error(w->peer));
    failures += 1;
  }
  uvssh_test_peer_close(w->peer);
  uvssh_server_close(&w->server, NULL);
  uvssh_test_clock_end(&w->loop);
  uv_run(&w->loop, UV_RUN_DEFAULT);
  CHECK(w->visit.closed == 1);
  CHECK(uv_loop_close(&w->loop) == 0);
}
/* END world */

static uvssh_test_login_t login_of_me(void) {
  uvssh_test_login_t login;

  memset(&login, 0, sizeof(login));
  login.user = "me";
  login.password = "secret";
  return login;
}

/* BEGIN answer */
static void it_answers(size_t chunk) {
  static const char command[] = { 0, 0, 0, 3, 'a', 's', 'k' };
  uvssh_test_login_t login = login_of_me();
  uvssh_test_pipe_t pipe;
  uint32_t channel = 0;
  world_t w;

  memset(&pipe, 0, sizeof(pipe));
  pipe.chunk = chunk;
  world_open(&w, &pipe);
  uvssh_test_peer_reach(w.peer, UVSSH_TEST_AT_LOGIN, &login);
  uvssh_test_peer_channel(w.peer, 1 << 20, &channel);
  uvssh_test_peer_request(w.peer, channel, "exec", 1, command, sizeof(command));
  uvssh_test_peer_await(w.peer, UVSSH_TEST_CHANNEL_SUCCESS);
  uvssh_test_peer_await(w.peer, UVSSH_TEST_CHANNEL_DATA);
  uvssh_test_peer_expect_u32(w.peer, 0);         /* the peer's channel */
  uvssh_test_peer_expect_text(w.peer, "42\n");
  world_close(&w);
}
/* END answer */

/* BEGIN time */
static void a_refusal_takes_its_time(void) {
  world_t w;

  world_open(&w, NULL);
  uvssh_test_peer_reach(w.peer, UVSSH_TEST_AT_SERVICE, NULL);
  uvssh_test_peer_begin(w.peer, UVSSH_TEST_USERAUTH_REQUEST);
  uvssh_test_peer_put_text(w.peer, "me");
  uvssh_test_peer_put_text(w.peer, "ssh-connection");
  uvssh_test_peer_put_text(w.peer, "password");
  uvssh_test_peer_put_u8(w.peer, 0);
  uvssh_test_peer_put_text(w.peer, "guessed");
  uvssh_test_peer_send(w.peer);
  uvssh_test_advance(&w.loop, 299);
  uvssh_test_peer_expect_nothing(w.peer);
  uvssh_test_advance(&w.loop, 1);
  uvssh_test_peer_expect(w.peer, UVSSH_TEST_USERAUTH_FAILURE);
  world_close(&w);
}

static void who_is_idle_goes(void) {
  uvssh_test_login_t login = login_of_me();
  world_t w;

  world_open(&w, NULL);
  uvssh_test_peer_reach(w.peer, UVSSH_TEST_AT_LOGIN, &login);
  uvssh_test_advance(&w.loop, 59 * 1000);
  CHECK(uvssh_session_is_ready(&w.visit.session));
  uvssh_test_advance(&w.loop, 1000);
  uvssh_test_peer_expect_end(w.peer, UVSSH_DISCONNECT_BY_APPLICATION);
  world_close(&w);
  CHECK(w.visit.status == UV_ETIMEDOUT);
}
/* END time */

/* BEGIN forbidden */
static void nobody_opens_a_channel_before_login(void) {
  world_t w;

  world_open(&w, NULL);
  uvssh_test_peer_reach(w.peer, UVSSH_TEST_AT_SERVICE, NULL);
  uvssh_test_peer_begin(w.peer, UVSSH_TEST_CHANNEL_OPEN);
  uvssh_test_peer_put_text(w.peer, "session");
  uvssh_test_peer_put_u32(w.peer, 0);
  uvssh_test_peer_put_u32(w.peer, 32768);
  uvssh_test_peer_put_u32(w.peer, 32768);
  uvssh_test_peer_send(w.peer);
  uvssh_test_peer_expect_end(w.peer, UVSSH_DISCONNECT_PROTOCOL_ERROR);
  world_close(&w);
  CHECK(w.visit.status == UVSSH_EUNEXPECTED);
}
/* END forbidden */

/* BEGIN cut */
/* 0: all was said before. */
static int it_survives_a_cut(uint64_t at) {
  uvssh_test_login_t login = login_of_me();
  uvssh_test_pipe_t pipe;
  world_t w;
  int is_cut;

  memset(&pipe, 0, sizeof(pipe));
  pipe.cut_after = at;
  pipe.cut_status = UV_ECONNRESET;
  world_open(&w, &pipe);
  is_cut = uvssh_test_peer_reach(w.peer, UVSSH_TEST_AT_LOGIN, &login) < 0;
  uvssh_test_advance(&w.loop, 0);
  CHECK(w.visit.closed == is_cut);
  uvssh_test_peer_close(w.peer);
  w.peer = NULL;
  uvssh_server_close(&w.server, NULL);
  uvssh_test_clock_end(&w.loop);
  uv_run(&w.loop, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&w.loop) == 0);
  return is_cut;
}
/* END cut */

int main(void) {
  uint64_t at;

  it_answers(1);
  it_answers(0);
  a_refusal_takes_its_time();
  who_is_idle_goes();
  nobody_opens_a_channel_before_login();
  for (at = 1; it_survives_a_cut(at); at++)
    ;
  CHECK(at > 100);
  if (failures == 0)
    printf("all is well\n");
  return failures != 0;
}
