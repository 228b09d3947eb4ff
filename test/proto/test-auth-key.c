/* Logging in at a server: keys, signatures, malformed requests, and secrets.
 * RFC 4252 section 7. */
#include "auth.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- keys ---------------------------------------------------------------- */

TEST(lesson_71_a_wrong_bit_in_a_users_signature) {
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

TEST(lesson_73_75_76_algorithm_and_key_do_not_fit) {
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

TEST(lesson_42_43_requests_cut_or_longer_by_a_byte) {
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
