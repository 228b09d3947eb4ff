/* ping@openssh.com, and keepalive@openssh.com where the peer has not offered
 * it: what is asked, what answers, and what an exchange of keys does to it. */
#include "peer.h"

static const enum role roles[] = { PEER_CLIENT, PEER_SERVER };

static void log_in(struct peer* p) {
  if (p->role == PEER_CLIENT) {
    wr_cstr(peer_message(p, MSG_SERVICE_REQUEST), "ssh-userauth");
    peer_send(p);
    peer_expect(p, MSG_SERVICE_ACCEPT);
    wr_cstr(peer_message(p, MSG_USERAUTH_REQUEST), "bob");
    wr_cstr(&p->message, "ssh-connection");
    wr_cstr(&p->message, "none");
    peer_send(p);
    peer_expect(p, MSG_USERAUTH_SUCCESS);
    peer_expect(p, MSG_GLOBAL_REQUEST);
    return;
  }
  peer_expect(p, MSG_SERVICE_REQUEST);
  wr_cstr(peer_message(p, MSG_SERVICE_ACCEPT), "ssh-userauth");
  peer_send(p);
  pipe_run(&p->app->pipe);
  p->app->method = UVSSH_AUTH_NONE;
  app_attempt(p->app, "bob");
  peer_expect(p, MSG_USERAUTH_REQUEST);
  peer_message(p, MSG_USERAUTH_SUCCESS);
  peer_send(p);
  pipe_run(&p->app->pipe);
}

/* Logged in; the peer's EXT_INFO names this. NULL: it says none. */
static struct peer* begin(enum role role, const char* name,
                          const char* version) {
  struct peer* p = peer_new(role);

  peer_open(p);
  peer_reach_service(p);
  if (name != NULL) {
    wr_u32(peer_message(p, MSG_EXT_INFO), 1);
    wr_cstr(&p->message, name);
    wr_cstr(&p->message, version);
    peer_send(p);
  }
  log_in(p);
  return p;
}

static struct peer* begin_with_ping(enum role role) {
  return begin(role, "ping@openssh.com", "0");
}

static void ping(struct peer* p, struct app_req* r) {
  CHECK_EQ(uvssh_session_ping(app_req(p->app, r, NULL), &p->side->pub,
                              app_done), 0);
}

static str_t expect_ping(struct peer* p) {
  rd_t* m = peer_expect(p, MSG_PING);
  str_t data = rd_str(m);

  CHECK_EQ(rd_end(m), 0);
  CHECK(data.len <= 8);
  return data;
}

/* Bytes that stay. */
static size_t keep_ping(struct peer* p, uint8_t out[8]) {
  str_t data = expect_ping(p);

  memcpy(out, data.base, data.len);
  return data.len;
}

static void pong(struct peer* p, const uint8_t* base, size_t len) {
  wr_str(peer_message(p, MSG_PONG), base, len);
  peer_send(p);
  pipe_run(&p->app->pipe);
}

static int64_t rtt(struct peer* p) {
  uvssh_session_info_t info;

  uvssh_session_info(&p->side->pub, &info);
  return info.rtt_ms;
}

TEST(ping_takes_as_long_as_it_takes) {
  struct app_req r;
  struct peer* p;
  uint8_t data[8];
  size_t i, n;

  for (i = 0; i < 2; i++) {
    p = begin_with_ping(roles[i]);
    CHECK_EQ(rtt(p), -1);
    ping(p, &r);
    n = keep_ping(p, data);
    pipe_sleep(&p->app->pipe, 30);
    CHECK_EQ(r.done, 0);
    pong(p, data, n);
    CHECK(r.done && r.status == 0);
    CHECK_EQ(r.req.result, 30);
    CHECK_EQ(rtt(p), 30);
    pong(p, data, n);              /* twice is harmless */
    peer_expect_nothing(p);
    CHECK_EQ(p->side->closes, 0);
    peer_end(p);
  }
}

TEST(ping_between_our_own_sessions) {
  struct app_req r[2];
  struct app* a = app_new();

  app_login(a);
  CHECK_EQ(uvssh_session_ping(app_req(a, &r[0], NULL), &a->pipe.client.pub,
                              app_done), 0);
  CHECK_EQ(uvssh_session_ping(app_req(a, &r[1], NULL), &a->pipe.server.pub,
                              app_done), 0);
  pipe_run(&a->pipe);
  CHECK(r[0].done && r[0].status == 0);
  CHECK(r[1].done && r[1].status == 0);
  CHECK(a->pipe.client.session.transport.extensions != 0);
  CHECK(a->pipe.server.session.transport.extensions != 0);
  app_end(a);
}

/* What answers another, or none, does not count. */
TEST(ping_is_matched_by_what_is_in_it) {
  struct peer* p = begin_with_ping(PEER_SERVER);
  struct app_req r[2];
  uint8_t data[2][8];
  size_t n;

  ping(p, &r[0]);
  ping(p, &r[1]);
  n = keep_ping(p, data[0]);
  CHECK_EQ(keep_ping(p, data[1]), n);
  CHECK(memcmp(data[0], data[1], n) != 0);
  pong(p, data[0], n - 1);
  pong(p, NULL, 0);
  pong(p, (const uint8_t*) "somebody else's", 15);
  CHECK_EQ(r[0].done + r[1].done, 0);
  pong(p, data[1], n);
  CHECK_EQ(r[0].done, 0);
  CHECK_EQ(r[1].done, 1);
  pong(p, data[0], n);
  CHECK_EQ(r[0].done, 1);
  wr_cstr(peer_message(p, MSG_PONG), "x");
  wr_u8(&p->message, 0);
  peer_send(p);
  peer_ended(p, UVSSH_EMESSAGE, 2);
  peer_end(p);
}

/* Any answer is one. */
TEST(ping_by_keepalive_where_it_is_not_offered) {
  static const struct { const char* name; const char* version; } said[] = {
    { NULL, NULL }, { "ping@openssh.com", "1" }, { "ping@openssh.com", "" },
    { "ping@openssh.co", "0" }, { "publickey-hostbound@openssh.com", "0" },
  };
  static const uint8_t answers[] = { MSG_REQUEST_SUCCESS, MSG_REQUEST_FAILURE };
  struct app_req r;
  struct peer* p;
  rd_t* m;
  size_t i, k;

  for (i = 0; i < 2; i++)
    for (k = 0; k < ARRAY_SIZE(said); k++) {
      NOTE("role %zu, %s", i, said[k].name == NULL ? "" : said[k].name);
      p = begin(roles[i], said[k].name, said[k].version);
      ping(p, &r);
      m = peer_expect(p, MSG_GLOBAL_REQUEST);
      CHECK(str_is(rd_str(m), "keepalive@openssh.com"));
      CHECK_EQ(rd_bool(m), 1);
      CHECK_EQ(rd_end(m), 0);
      pipe_sleep(&p->app->pipe, 20);
      peer_message(p, answers[k % 2]);
      peer_send(p);
      pipe_run(&p->app->pipe);
      CHECK(r.done && r.status == 0);
      CHECK_EQ(r.req.result, 20);
      CHECK_EQ(rtt(p), 20);
      peer_alive(p);
      peer_end(p);
    }
}

/* The library's own tells the time, too. */
TEST(ping_keepalive_measures) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->app->server_config.keepalive_ms = 1000;
  peer_open(p);
  peer_reach_open(p);
  pipe_sleep(&p->app->pipe, 1000);
  peer_expect(p, MSG_GLOBAL_REQUEST);
  pipe_sleep(&p->app->pipe, 70);
  CHECK_EQ(rtt(p), -1);
  peer_message(p, MSG_REQUEST_FAILURE);
  peer_send(p);
  pipe_run(&p->app->pipe);
  CHECK_EQ(rtt(p), 70);
  peer_end(p);
}

TEST(ping_has_a_bound_and_ends_with_the_session) {
  static const char* const offers[] = { NULL, "ping@openssh.com" };
  struct app_req r[65];
  struct peer* p;
  size_t i, k;

  for (k = 0; k < 2; k++) {
    p = begin(PEER_CLIENT, offers[k], "0");
    for (i = 0; i < 64; i++)
      ping(p, &r[i]);
    CHECK_EQ(uvssh_session_ping(app_req(p->app, &r[64], NULL), &p->side->pub,
                                app_done), UV_ENOBUFS);
    uvssh_session_close(&p->side->pub);
    pipe_run(&p->app->pipe);
    for (i = 0; i < 64; i++)
      CHECK(r[i].done == 1 && r[i].status == UV_ECANCELED);
    peer_end(p);
  }
}

/* Who has said KEXINIT answers none: it is asked again, and that time is not
 * the way's. */
TEST(ping_lost_in_an_exchange_comes_again) {
  struct app_req r[2];
  struct peer* p;
  uint8_t data[8], again[8];
  size_t i, n;

  for (i = 0; i < 2; i++) {
    NOTE("role %zu", i);
    p = begin_with_ping(roles[i]);
    ping(p, &r[0]);
    n = keep_ping(p, data);
    pipe_sleep(&p->app->pipe, 5);
    peer_rekey(p);
    CHECK_EQ(keep_ping(p, again), n);
    CHECK_MEM(data, n, again, n);
    peer_expect_nothing(p);
    pipe_sleep(&p->app->pipe, 5);
    pong(p, data, n);
    CHECK(r[0].done && r[0].status == 0);
    CHECK_EQ(r[0].req.result, 10);
    CHECK_EQ(rtt(p), -1);
    ping(p, &r[1]);
    n = keep_ping(p, data);
    pong(p, data, n);
    CHECK_EQ(rtt(p), 0);
    peer_end(p);
  }
}

/* Asked meanwhile, it leaves behind the exchange, once. */
TEST(ping_within_an_exchange_waits) {
  struct app_req r;
  struct peer* p;
  uint8_t data[8];
  size_t i, n;

  for (i = 0; i < 2; i++) {
    p = begin_with_ping(roles[i]);
    CHECK_EQ(uvssh_session_rekey(NULL, &p->side->pub, NULL), 0);
    ping(p, &r);
    peer_read_kexinit(p);
    peer_expect_nothing(p);
    peer_rekey(p);
    n = keep_ping(p, data);
    peer_expect_nothing(p);
    pong(p, data, n);
    CHECK(r.done && r.status == 0);
    peer_end(p);
  }
}

TEST(ping_only_when_logged_in) {
  struct app* a = app_new();
  struct app_req r;

  app_start(a);
  CHECK_EQ(uvssh_session_ping(app_req(a, &r, NULL), &a->pipe.client.pub,
                              app_done), UV_ENOTCONN);
  CHECK_EQ(uvssh_session_ping(NULL, &a->pipe.client.pub, NULL), UV_EINVAL);
  app_end(a);
}

/* sshd asks on a channel: answered, whatever the user does. */
TEST(ping_of_a_server_on_a_channel) {
  struct app* a = app_new();
  uvssh_channel_request_t what = { .type = UVSSH_REQUEST_OTHER,
                                   .name = "keepalive@openssh.com" };
  struct app_req r;

  a->say_request = SAY_NOTHING;
  app_login(a);
  app_channel(a, 0);
  CHECK_EQ(uvssh_channel_request(app_req(a, &r, NULL), &a->served[0].pub,
                                 &what, app_done), 0);
  pipe_run(&a->pipe);
  CHECK(r.done && r.status == UVSSH_EREQUEST);
  CHECK_EQ(uvssh_channel_request(app_req(a, &r, NULL), &a->asked[0].pub,
                                 &what, app_done), 0);
  pipe_run(&a->pipe);
  CHECK(r.done && r.status == UVSSH_EREQUEST);
  CHECK(strstr(a->log, "keepalive") == NULL);
  app_end(a);
}
