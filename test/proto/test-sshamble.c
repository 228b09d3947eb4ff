/* What the scanner SSHamble (runZero, 2024) tries on a server that says no to
 * every login: its checks by its own names, each as one row. After each of
 * them, and a channel and a command right behind it, nobody is in and nothing
 * runs. */
#include "auth.h"

#include <stdio.h>
#include <stdlib.h>

static void service(struct peer* p, const char* name) {
  wr_cstr(peer_message(p, MSG_SERVICE_REQUEST), name);
  peer_send(p);
}

/* ---- the ways in --------------------------------------------------------- */

static void skip_ssh_userauth(struct peer* p) {
  service(p, "ssh-connection");
}

static void skip_auth(struct peer* p) {
  service(p, "ssh-userauth");
}

static void auth_none(struct peer* p) {
  service(p, "ssh-userauth");
  none(p, "root");
}

static void success(struct peer* p) {
  service(p, "ssh-userauth");
  peer_message(p, MSG_USERAUTH_SUCCESS);
  peer_send(p);
}

static void method(struct peer* p, const char* name, size_t len) {
  struct buf* m;

  service(p, "ssh-userauth");
  m = peer_message(p, MSG_USERAUTH_REQUEST);
  wr_cstr(m, "root");
  wr_cstr(m, "ssh-connection");
  wr_str(m, name, len);
  peer_send(p);
}

static void method_empty(struct peer* p) {
  method(p, "", 0);
}

static void method_null(struct peer* p) {
  method(p, "\0", 1);
}

static void pubkey_half(struct peer* p) {
  service(p, "ssh-userauth");
  probe(p, "root", p->app->user_key);
}

static void pubkey_any(struct peer* p) {
  service(p, "ssh-userauth");
  proof(p, "root", p->app->user_key);
}

/* Right key, right name, and no signature. */
static void pubkey_unsigned(struct peer* p) {
  struct buf* m;

  service(p, "ssh-userauth");
  m = request(p, "root", "publickey");
  wr_bool(m, 1);
  wr_cstr(m, "ssh-ed25519");
  wr_blob(m, p->app->user_key);
  wr_cstr(m, "");
  peer_send(p);
}

/* Which keys does it know? */
static void pubkey_hunt(struct peer* p) {
  uvssh_key_t* key;
  unsigned i;

  service(p, "ssh-userauth");
  for (i = 0; i < 3; i++) {
    CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0), 0);
    probe(p, "root", key);
    uvssh_key_unref(key);
    peer_skip(p);
    pipe_sleep(&p->app->pipe, 300);
  }
}

static void password_of(struct peer* p, const char* text, size_t len) {
  struct buf* m;

  service(p, "ssh-userauth");
  m = request(p, "root", "password");
  wr_bool(m, 0);
  wr_str(m, text, len);
  peer_send(p);
}

static void password_any(struct peer* p) {
  password_of(p, "anything", 8);
}

static void password_empty(struct peer* p) {
  password_of(p, "", 0);
}

static void password_null(struct peer* p) {
  password_of(p, "\0", 1);
}

static void password_user(struct peer* p) {
  password_of(p, "root", 4);
}

static void password_change(struct peer* p, const char* text, size_t len) {
  struct buf* m;

  service(p, "ssh-userauth");
  m = request(p, "root", "password");
  wr_bool(m, 1);
  wr_str(m, text, len);
  wr_str(m, text, len);
  peer_send(p);
}

static void password_change_empty(struct peer* p) {
  password_change(p, "", 0);
}

static void password_change_null(struct peer* p) {
  password_change(p, "\0", 1);
}

static void keyboard(struct peer* p) {
  struct buf* m;

  service(p, "ssh-userauth");
  m = request(p, "root", "keyboard-interactive");
  wr_cstr(m, "");
  wr_cstr(m, "");
  peer_send(p);
}

static void keyboard_answer(struct peer* p) {
  struct buf* m;

  keyboard(p);
  m = peer_message(p, 61);         /* nobody asked */
  wr_u32(m, 1);
  wr_cstr(m, "root");
  peer_send(p);
}

static void gssapi(struct peer* p) {
  struct buf* m;

  service(p, "ssh-userauth");
  m = request(p, "root", "gssapi-with-mic");
  wr_u32(m, 1);
  wr_str(m, "\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02", 11);
  peer_send(p);
}

static void nothing(struct peer* p) {
}

static const struct check {
  const char* name;
  void (*run)(struct peer* p);
  unsigned asked;                  /* times that on_auth was */
} checks[] = {
  { "skip-ssh-userauth", skip_ssh_userauth, 0 },
  { "vuln-exec-skip-auth", nothing, 0 },
  { "skip-auth", skip_auth, 0 },
  { "auth-none, skip-auth-none", auth_none, 1 },
  { "skip-auth-success", success, 0 },
  { "skip-auth-method-empty", method_empty, 0 },
  { "skip-auth-method-null", method_null, 0 },
  { "skip-auth-pubkey-any, pubkey-any-half", pubkey_half, 1 },
  { "pubkey-any, pubkey-user", pubkey_any, 1 },
  { "pubkey without a signature", pubkey_unsigned, 0 },
  { "pubkey-hunt", pubkey_hunt, 3 },
  { "password-any", password_any, 1 },
  { "password-empty", password_empty, 1 },
  { "password-null", password_null, 0 },
  { "password-user", password_user, 1 },
  { "password-change-empty", password_change_empty, 0 },
  { "password-change-null", password_change_null, 0 },
  { "keyboard-any, -empty, -null, -user", keyboard, 0 },
  { "keyboard with an answer", keyboard_answer, 0 },
  { "gssapi-any", gssapi, 0 },
};

/* ---- and then ------------------------------------------------------------ */

static void ask_for_all(struct peer* p) {
  struct buf* m = peer_message(p, MSG_CHANNEL_OPEN);

  wr_cstr(m, "session");
  wr_u32(m, 0);
  wr_u32(m, 1000);
  wr_u32(m, 32768);
  peer_send(p);
  peer_request(p, 0, "env", 0, "\0\0\0\1a\0\0\0\1b", 10);
  peer_request(p, 0, "exec", 1, "\0\0\0\2id", 6);
  peer_request(p, 0, "shell", 1, NULL, 0);
  m = peer_message(p, MSG_GLOBAL_REQUEST);
  wr_cstr(m, "tcpip-forward");
  wr_bool(m, 1);
  wr_cstr(m, "");
  wr_u32(m, 0);
  peer_send(p);
}

static void nobody_is_in(struct peer* p) {
  CHECK_EQ(p->heard[MSG_USERAUTH_SUCCESS], 0);
  CHECK_EQ(p->heard[MSG_USERAUTH_PK_OK], 0);
  CHECK_EQ(p->heard[MSG_CHANNEL_OPEN_CONFIRMATION], 0);
  CHECK_EQ(p->heard[MSG_CHANNEL_SUCCESS], 0);
  CHECK_EQ(p->heard[MSG_REQUEST_SUCCESS], 0);
  CHECK_EQ(p->app->served_count, 0);
  CHECK_EQ(p->app->server_ready, 0);
  CHECK(strstr(p->app->log, "channel") == NULL);
  CHECK(strstr(p->app->log, "global") == NULL);
}

static void try_it(struct peer* p, const struct check* c, int wait_first) {
  NOTE("%s, %s", c->name, wait_first ? "answered first" : "in one segment");
  peer_open(p);
  peer_reach_service(p);
  c->run(p);
  if (wait_first) {
    peer_skip(p);
    pipe_sleep(&p->app->pipe, 1000);
    peer_skip(p);
  }
  CHECK_EQ(uvssh_session_key(&p->side->pub) == NULL, 1);
  if (p->side->session.ending == E_RUNNING)
    ask_for_all(p);
  peer_skip(p);
  nobody_is_in(p);
  if (wait_first)
    CHECK_EQ(p->app->auths, c->asked);
  CHECK_EQ(p->last[0], MSG_DISCONNECT);
  peer_hang_up(p);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->closes, 1);
  CHECK(p->side->end.phase == UVSSH_PHASE_AUTH);
  peer_again(p);
}

TEST(lesson_2_3_4_17_19_32_sshamble_on_a_server_that_says_no) {
  struct peer* p = peer_new(PEER_CLIENT);
  size_t i;

  p->app->say_auth = SAY_NO;
  for (i = 0; i < ARRAY_SIZE(checks); i++) {
    try_it(p, &checks[i], 0);
    try_it(p, &checks[i], 1);
  }
  peer_end(p);
}

/* pubkey-bulkhalf: keys by the thousand; and it knows none, or all. */
TEST(lesson_21_sshamble_many_keys) {
  struct peer* p = peer_new(PEER_CLIENT);
  unsigned say, i;

  for (say = SAY_YES; say <= SAY_NO; say++) {
    p->app->say_auth = (enum say) say;
    peer_open(p);
    peer_reach_auth(p);
    app_log_clear(p->app);
    for (i = 0; i < 1000 && p->side->session.ending == E_RUNNING; i++) {
      app_log_clear(p->app);
      probe(p, "root", p->app->user_key);
      pipe_sleep(&p->app->pipe, 300);
      peer_skip(p);
    }
    CHECK_EQ(p->app->auths, say == SAY_YES ? 127 : 6);
    CHECK_EQ(p->last[0], MSG_DISCONNECT);
    CHECK_EQ(get_u32(p->last + 1), 14);
    CHECK_EQ(p->heard[MSG_USERAUTH_SUCCESS], 0);
    CHECK_EQ(p->app->server_ready, 0);
    peer_again(p);
  }
  peer_end(p);
}

/* vuln-tcp-forward, vuln-generic-env: what a user may do who is in, where no
 * callback says yes to it. */
TEST(lesson_18_sshamble_in_and_nobody_is_asked) {
  struct peer* p = peer_new(PEER_CLIENT);
  uint32_t id;
  struct buf* m;

  p->app->on_server.on_request = NULL;
  p->app->on_served.on_request = NULL;
  peer_open(p);
  peer_reach_open(p);
  id = peer_channel(p, 0, 1000);
  peer_request(p, id, "env", 1, "\0\0\0\12LD_PRELOAD\0\0\0\1x", 19);
  peer_expect(p, MSG_CHANNEL_FAILURE);
  peer_request(p, id, "exec", 1, "\0\0\0\2id", 6);
  peer_expect(p, MSG_CHANNEL_FAILURE);
  m = peer_message(p, MSG_GLOBAL_REQUEST);
  wr_cstr(m, "tcpip-forward");
  wr_bool(m, 1);
  wr_cstr(m, "");
  wr_u32(m, 0);
  peer_send(p);
  peer_expect(p, MSG_REQUEST_FAILURE);
  peer_alive(p);
  peer_again(p);

  p->app->on_server.on_channel = NULL;
  peer_open(p);
  peer_reach_open(p);
  m = peer_message(p, MSG_CHANNEL_OPEN);
  wr_cstr(m, "direct-tcpip");
  wr_u32(m, 0);
  wr_u32(m, 1000);
  wr_u32(m, 32768);
  wr_cstr(m, "127.0.0.1");
  wr_u32(m, 22);
  wr_cstr(m, "127.0.0.1");
  wr_u32(m, 1);
  peer_send(p);
  peer_expect(p, MSG_CHANNEL_OPEN_FAILURE);
  peer_alive(p);
  peer_end(p);
}
