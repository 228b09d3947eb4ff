/* Times: that each of them comes, and what it leads to. By the loop's own clock
 * never when; by one that the test moves, to the millisecond. */
#include <sys/socket.h>
#include <unistd.h>

#include "both.h"

static void on_done(uvssh_req_t* req, int status) {
  *(int*) req->data = status;
}

static void begin(struct both* b) {
  both_open(b);
  both_clock(b);
}

static struct peer* joined(struct both* b, enum goal goal) {
  both_server(b);
  return both_joined(b, goal, "", NULL);
}

static struct peer* started(struct both* b) {
  struct peer* p = joined(b, GOAL_START);

  CHECK_EQ(p->start, 0);
  return p;
}

/* ---- before login --------------------------------------------------------------- */

static void check_silent(const char* said, uvssh_phase phase, unsigned reason) {
  struct both b;
  int fd;

  both_open(&b);
  if (phase == UVSSH_PHASE_IDENT)
    b.server_config.ident_timeout_ms = 20;
  else
    b.server_config.kex_timeout_ms = 20;
  b.server_config.linger_ms = 10;
  both_listen(&b);
  fd = both_socket(&b);
  CHECK(fd >= 0);
  CHECK_EQ(write(fd, said, strlen(said)), (ssize_t) strlen(said));
  UNTIL(&b, b.served_count == 1 && b.served[0]->closes == 1);
  CHECK_EQ(b.served[0]->end.status, UV_ETIMEDOUT);
  CHECK_EQ(b.served[0]->end.phase, phase);
  CHECK_EQ(b.served[0]->end.reason, reason);
  CHECK_EQ(b.served[0]->end.by_peer, 0);
  close(fd);
  both_close(&b);
}

TEST(times_ident) {
  check_silent("", UVSSH_PHASE_IDENT, UVSSH_DISCONNECT_BY_APPLICATION);
  check_silent("SSH-2.0-half", UVSSH_PHASE_IDENT,
               UVSSH_DISCONNECT_BY_APPLICATION);
}

TEST(times_kex) {
  check_silent("SSH-2.0-silent\r\n", UVSSH_PHASE_KEX,
               UVSSH_DISCONNECT_BY_APPLICATION);
}

TEST(times_login) {
  struct both b;
  struct peer* p;

  begin(&b);
  b.server_config.login_timeout_ms = 1500;
  b.server_config.ident_timeout_ms = b.server_config.kex_timeout_ms = 1000;
  both_server(&b);
  p = both_joined(&b, GOAL_CONNECT, "", NULL);
  CHECK_EQ(p->start, 0);
  both_pass(&b, 1499);             /* the whole of it, not of each step */
  CHECK_EQ(b.served[0]->closes, 0);
  both_pass(&b, 1);
  CHECK_EQ(b.served[0]->end.status, UV_ETIMEDOUT);
  CHECK_EQ(b.served[0]->end.phase, UVSSH_PHASE_AUTH);
  CHECK_EQ(p->closes, 1);
  CHECK_EQ(p->end.by_peer, 1);
  both_close(&b);
}

TEST(times_login_ends_with_login) {
  struct both b;
  uvssh_config_t config;

  begin(&b);
  joined(&b, GOAL_LOGIN);
  uvssh_session_config(&b.served[0]->session, &config);
  config.login_timeout_ms = config.ident_timeout_ms = config.kex_timeout_ms = 1;
  CHECK_EQ(uvssh_session_configure(&b.served[0]->session, &config), 0);
  both_pass(&b, 3600 * 1000);
  CHECK(uvssh_session_is_ready(&b.served[0]->session));
  both_close(&b);
}

/* A client of a server that never says anything. */
TEST(times_client_ident) {
  struct both b;
  struct peer* p;
  struct sockaddr_in any;
  int len = sizeof(b.address);
  int fd = socket(AF_INET, SOCK_STREAM, 0);

  both_open(&b);
  b.client_config.ident_timeout_ms = 20;
  CHECK_EQ(uv_ip4_addr("127.0.0.1", 0, &any), 0);
  CHECK_EQ(bind(fd, (struct sockaddr*) &any, sizeof(any)), 0);
  CHECK_EQ(listen(fd, 5), 0);
  CHECK_EQ(getsockname(fd, (struct sockaddr*) &b.address, (socklen_t*) &len),
           0);
  p = both_client(&b, GOAL_START);
  UNTIL(&b, p->closes == 1);
  CHECK_EQ(p->start, UV_ETIMEDOUT);
  CHECK_EQ(p->end.status, UV_ETIMEDOUT);
  CHECK_EQ(p->end.phase, UVSSH_PHASE_IDENT);
  close(fd);
  both_close(&b);
}

/* While a client's user thinks about the key, or about his password, no clock
 * runs. */
static uvssh_reply_t asked;

static void on_hostkey_later(uvssh_session_t* session,
                             uvssh_key_t* key,
                             uvssh_host_verdict verdict,
                             uvssh_reply_t reply) {
  asked = reply;
}

TEST(times_client_thinks) {
  struct both b;
  struct peer* p;
  int done = PENDING;
  uvssh_req_t req = { .data = &done };

  memset(&asked, 0, sizeof(asked));
  begin(&b);
  b.client_config.kex_timeout_ms = b.client_config.login_timeout_ms = 400;
  b.client_on.on_hostkey = on_hostkey_later;
  p = joined(&b, GOAL_START);
  CHECK(asked.serial != 0);
  both_pass(&b, 5000);
  CHECK_EQ(p->start, PENDING);
  CHECK_EQ(uvssh_reply_accept(asked), 0);
  both_pass(&b, 5000);
  CHECK_EQ(p->start, 0);
  CHECK_EQ(uvssh_auth_none(&req, &p->session, "u", on_done), 0);
  both_pass(&b, 0);
  CHECK_EQ(done, 0);
  both_close(&b);
}

/* ---- refusals --------------------------------------------------------------------- */

static void on_auth_no(uvssh_session_t* session,
                       const uvssh_auth_t* attempt,
                       uvssh_reply_t reply) {
  if (attempt->method != UVSSH_AUTH_PASSWORD) {
    CHECK_EQ(uvssh_reply_accept(reply), 0);
    return;
  }
  peer_of(session)->extra++;
  CHECK_EQ(uvssh_reply_reject(reply), 0);
  CHECK_EQ(uvssh_reply_accept(reply), UV_ECANCELED);
}

/* It waits, and others log in meanwhile. */
TEST(times_refusal_waits) {
  struct both b;
  struct peer* p;
  int done = PENDING;
  uvssh_req_t req = { .data = &done };

  begin(&b);
  b.server_config.auth_rejection_ms = 5000;
  b.server_on.on_auth = on_auth_no;
  p = started(&b);
  CHECK_EQ(uvssh_auth_password(&req, &p->session, "u", "p", on_done), 0);
  both_pass(&b, 4999);
  CHECK_EQ(b.served[0]->extra, 1);
  CHECK_EQ(both_joined(&b, GOAL_LOGIN, "", NULL)->auth, 0);
  CHECK_EQ(done, PENDING);
  uvssh_session_close(&p->session);
  both_pass(&b, 0);
  CHECK_EQ(done, UV_ECANCELED);
  both_close(&b);
}

TEST(times_refusal_comes) {
  struct both b;
  struct peer* p;
  int done = PENDING;
  uvssh_req_t req = { .data = &done };

  begin(&b);
  b.server_config.auth_rejection_ms = 300;
  b.server_on.on_auth = on_auth_no;
  p = started(&b);
  CHECK_EQ(uvssh_auth_password(&req, &p->session, "u", "p", on_done), 0);
  both_pass(&b, 299);
  CHECK_EQ(done, PENDING);
  both_pass(&b, 1);
  CHECK_EQ(done, UVSSH_EAUTH);
  CHECK_EQ(req.result, UVSSH_AUTH_PASSWORD | UVSSH_AUTH_PUBLICKEY);
  CHECK_EQ(p->closes, 0);
  both_close(&b);
}

/* The first "none" asks what there is, and costs nothing. */
TEST(times_refusal_of_none) {
  struct both b;
  struct peer* p;
  int done = PENDING;
  uvssh_req_t req = { .data = &done };

  begin(&b);
  b.server_config.auth_rejection_ms = 3600 * 1000;
  b.server_config.auth_methods = UVSSH_AUTH_PASSWORD;
  p = started(&b);
  CHECK_EQ(uvssh_auth_none(&req, &p->session, "u", on_done), 0);
  both_pass(&b, 0);
  CHECK_EQ(done, UVSSH_EAUTH);
  CHECK_EQ(req.result, UVSSH_AUTH_PASSWORD);
  both_close(&b);
}

/* ---- questions that nobody answers --------------------------------------------------- */

static void on_auth_later(uvssh_session_t* session,
                          const uvssh_auth_t* attempt,
                          uvssh_reply_t reply) {
  asked = reply;
}

TEST(times_reply_auth) {
  struct both b;
  struct peer* p;
  int done = PENDING;
  uvssh_req_t req = { .data = &done };

  begin(&b);
  b.server_config.reply_timeout_ms = 2000;
  b.server_on.on_auth = on_auth_later;
  p = started(&b);
  CHECK_EQ(uvssh_auth_password(&req, &p->session, "u", "p", on_done), 0);
  both_pass(&b, 1999);
  CHECK(uvssh_reply_session(asked) == &b.served[0]->session);
  both_pass(&b, 1 + b.server_config.auth_rejection_ms);
  CHECK_EQ(done, UVSSH_EAUTH);
  CHECK_EQ(uvssh_reply_accept(asked), UV_ECANCELED);
  CHECK(uvssh_reply_session(asked) == NULL);
  both_close(&b);
}

static void on_channel_later(uvssh_session_t* session,
                             const uvssh_channel_open_t* ask,
                             uvssh_reply_t reply) {
  asked = reply;
}

TEST(times_reply_channel) {
  struct both b;
  struct peer* p;
  uvssh_channel_t channel = { 0 };

  begin(&b);
  b.server_config.reply_timeout_ms = 2000;
  b.server_on.on_channel = on_channel_later;
  p = joined(&b, GOAL_CHANNEL);
  both_pass(&b, 1999);
  CHECK_EQ(p->open, PENDING);
  both_pass(&b, 1);
  CHECK_EQ(p->open, UVSSH_EOPEN);
  CHECK_EQ(p->open_req.result, UVSSH_OPEN_PROHIBITED);
  CHECK_EQ(uvssh_channel_accept(asked, &channel, &b.server_channel_on),
           UV_ECANCELED);
  CHECK(channel.impl == NULL);
  both_close(&b);
}

static void on_request_later(uvssh_channel_t* channel,
                             const uvssh_channel_request_t* ask,
                             uvssh_reply_t reply) {
  asked = reply;
}

TEST(times_reply_request) {
  struct both b;
  struct peer* p;

  begin(&b);
  b.server_config.reply_timeout_ms = 2000;
  b.server_channel_on.on_request = on_request_later;
  p = joined(&b, GOAL_ASK);
  both_pass(&b, 1999);
  CHECK_EQ(p->ask, PENDING);
  both_pass(&b, 1);
  CHECK_EQ(p->ask, UVSSH_EREQUEST);
  CHECK_EQ(uvssh_reply_accept(asked), UV_ECANCELED);
  both_close(&b);
}

/* ---- after login --------------------------------------------------------------------- */

static void check_timed_out(struct both* b, struct peer* p) {
  UNTIL(b, p->closes == 1);
  CHECK_EQ(p->end.status, UV_ETIMEDOUT);
  CHECK_EQ(p->end.phase, UVSSH_PHASE_OPEN);
  CHECK_EQ(p->end.by_peer, 0);
}

TEST(times_idle) {
  struct both b;
  struct peer* p;

  both_open(&b);
  b.server_config.idle_timeout_ms = 20;
  both_listen(&b);
  p = both_channel(&b, "");
  check_timed_out(&b, b.served[0]);
  UNTIL(&b, p->closes == 1);
  CHECK_EQ(p->end.status, UVSSH_EDISCONNECT);
  CHECK_EQ(p->channel_status, UVSSH_EDISCONNECT);
  CHECK_EQ(b.served[0]->channel_status, UV_ETIMEDOUT);
  both_close(&b);
}

/* What we send, and a peer that answers keepalives, is not the peer's data. */
TEST(times_idle_counts_peer_data) {
  struct both b;

  int i;

  begin(&b);
  b.server_config.idle_timeout_ms = 60;
  b.server_config.keepalive_ms = 5;
  joined(&b, GOAL_CHANNEL);
  CHECK_EQ(uvssh_channel_read_start(&b.clients[0]->channel, peer_read), 0);
  for (i = 0; i < 60; i++) {
    CHECK_EQ(uvssh_channel_send(&b.served[0]->channel, UVSSH_DATA, "x", 1), 0);
    both_pass(&b, 1);
  }
  CHECK_EQ(b.clients[0]->got, 60);
  CHECK_EQ(b.served[0]->closes, 1);
  CHECK_EQ(b.served[0]->end.status, UV_ETIMEDOUT);
  both_close(&b);
}

/* A peer that answers stays, however often it is asked. */
TEST(times_keepalive_answered) {
  struct both b;
  uvssh_session_info_t info;
  uint64_t from;

  begin(&b);
  b.server_config.keepalive_ms = 4000;
  b.server_config.keepalive_count = 2;
  joined(&b, GOAL_LOGIN);
  uvssh_session_info(&b.served[0]->session, &info);
  from = info.packets_in;
  both_pass(&b, 12 * 4000);
  uvssh_session_info(&b.served[0]->session, &info);
  CHECK_EQ(info.packets_in, from + 12);
  CHECK(uvssh_session_is_ready(&b.served[0]->session));
  both_close(&b);
}

TEST(times_keepalive_unanswered) {
  struct both b;
  struct peer* p;

  both_open(&b);
  b.server_config.keepalive_ms = 5;
  b.server_config.linger_ms = 5;
  both_listen(&b);
  p = both_channel(&b, "");
  uv_read_stop((uv_stream_t*) &p->tcp);
  check_timed_out(&b, b.served[0]);
  both_close(&b);
}

/* Both ask each other, and both are asked. */
TEST(times_keepalive_both_ways) {
  struct both b;
  struct peer* p;

  begin(&b);
  b.server_config.keepalive_ms = b.client_config.keepalive_ms = 5;
  p = joined(&b, GOAL_CHANNEL);
  both_pass(&b, 60000);
  CHECK_EQ(p->closes + b.served[0]->closes, 0);
  uvssh_session_close(&b.served[0]->session);
  both_pass(&b, 0);
  CHECK_EQ(p->closes, 1);
  CHECK_EQ(p->end.status, UV_EOF);
  both_close(&b);
}

TEST(times_rekey) {
  struct both b;
  struct peer* p;
  uvssh_session_info_t info;

  both_open(&b);
  b.server_config.rekey_ms = 10;
  both_listen(&b);
  p = both_channel(&b, "");
  UNTIL(&b, (uvssh_session_info(&p->session, &info), info.rekeys >= 3) ||
                p->closes == 1);
  CHECK_EQ(p->closes, 0);
  both_close(&b);
}

/* ---- configure ---------------------------------------------------------------------- */

TEST(times_configured_after_login) {
  struct both b;
  uvssh_config_t config;
  int round;

  for (round = 0; round < 2; round++) {
    both_open(&b);
    both_listen(&b);
    both_channel(&b, "");
    uvssh_session_config(&b.served[0]->session, &config);
    CHECK_EQ(config.idle_timeout_ms, 0);
    config.linger_ms = 5;
    if (round == 0)
      config.idle_timeout_ms = 10;
    else
      config.keepalive_ms = 5;
    CHECK_EQ(uvssh_session_configure(&b.served[0]->session, &config), 0);
    if (round == 1)
      uv_read_stop((uv_stream_t*) &b.clients[0]->tcp);
    check_timed_out(&b, b.served[0]);
    both_close(&b);
  }
}
