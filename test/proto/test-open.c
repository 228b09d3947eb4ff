/* Channels that are asked for, by the peer and by us. RFC 4254 section 5.1. */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>

static struct peer* begin(enum say say) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->app->say_request = say;
  peer_open(p);
  peer_reach_open(p);
  return p;
}

/* ---- opens --------------------------------------------------------------- */

static void open_named(struct peer* p, const char* type, uint32_t id) {
  struct buf* m = peer_message(p, MSG_CHANNEL_OPEN);

  wr_cstr(m, type);
  wr_u32(m, id);
  wr_u32(m, 1000);
  wr_u32(m, 32768);
}

static void refused(struct peer* p, uint32_t id, uint32_t reason) {
  rd_t* m;

  peer_send(p);
  m = peer_expect(p, MSG_CHANNEL_OPEN_FAILURE);
  CHECK_EQ(rd_u32(m), id);
  CHECK_EQ(rd_u32(m), reason);
}

TEST(open_types_that_nobody_serves) {
  static const char* const types[] = { "", "x11", "forwarded-tcpip",
    "direct-streamlocal", "auth-agent", "tun", "SESSION", "session " };
  struct peer* p = begin(SAY_YES);
  size_t i;

  for (i = 0; i < ARRAY_SIZE(types); i++) {
    NOTE("%s", types[i]);
    open_named(p, types[i], 50);
    wr_cstr(&p->message, "more");
    refused(p, 50, UVSSH_OPEN_UNKNOWN_TYPE);
  }
  CHECK(strstr(p->app->log, "channel") == NULL);
  peer_end(p);
}

TEST(open_refused_by_the_user_and_without_one) {
  struct peer* p = begin(SAY_YES);

  p->app->say_channel = SAY_NO;
  open_named(p, "session", 4);
  refused(p, 4, UVSSH_OPEN_CONNECT_FAILED);
  CHECK(str_is(rd_str(&p->m), "n\no"));
  p->app->say_channel = SAY_NOTHING;
  open_named(p, "x@example.com", 5);
  wr_cstr(&p->message, "extra");
  peer_send(p);
  peer_expect_nothing(p);
  CHECK_EQ(uvssh_reply_accept(p->app->channel_reply), UV_EINVAL);
  CHECK_EQ(uvssh_reply_partial(p->app->channel_reply, 2), UV_EINVAL);
  CHECK_EQ(uvssh_reply_reject(p->app->channel_reply), 0);
  CHECK_EQ(uvssh_reply_reject(p->app->channel_reply), UV_ECANCELED);
  peer_expect(p, MSG_CHANNEL_OPEN_FAILURE);
  CHECK_EQ(rd_u32(&p->m), 5);
  CHECK_EQ(rd_u32(&p->m), UVSSH_OPEN_PROHIBITED);
  peer_end(p);
  p = peer_new(PEER_CLIENT);
  p->app->on_server.on_channel = NULL;
  peer_open(p);
  peer_reach_open(p);
  open_named(p, "session", 5);
  refused(p, 5, UVSSH_OPEN_PROHIBITED);
  open_named(p, "x@example.com", 5);
  refused(p, 5, UVSSH_OPEN_UNKNOWN_TYPE);
  peer_end(p);
}

TEST(open_into_an_object_in_use) {
  struct peer* p = begin(SAY_YES);
  uvssh_channel_handlers_t none = { 0 };

  (void) peer_channel(p, 1, 1000);
  p->app->say_channel = SAY_NOTHING;
  open_named(p, "session", 2);
  peer_send(p);
  peer_expect_nothing(p);
  CHECK_EQ(uvssh_channel_accept(p->app->channel_reply, NULL, &none), UV_EINVAL);
  CHECK_EQ(uvssh_channel_accept(p->app->channel_reply, &p->app->served[1].pub,
                                NULL), UV_EINVAL);
  CHECK_EQ(uvssh_channel_accept(p->app->channel_reply, &p->app->served[0].pub,
                                &none), UV_EBUSY);
  peer_expect(p, MSG_CHANNEL_OPEN_FAILURE);
  peer_end(p);
}

/* ---- direct-tcpip -------------------------------------------------------- */

static char seen[256];

static void on_direct(uvssh_session_t* session,
                      const uvssh_channel_open_t* ask,
                      uvssh_reply_t reply) {
  CHECK_EQ(ask->type, UVSSH_CHANNEL_DIRECT_TCPIP);
  CHECK_STR(ask->name, "");
  CHECK(ask->extra == NULL && ask->extra_len == 0);
  snprintf(seen, sizeof(seen), "%s:%d from %s:%d", ask->host, ask->port,
           ask->origin_host, ask->origin_port);
  CHECK_EQ(uvssh_channel_reject(reply, UVSSH_OPEN_CONNECT_FAILED, "no"), 0);
}

struct direct {
  const char* host;
  size_t host_len;
  uint32_t port;
  const char* origin;
  size_t origin_len;
  uint32_t origin_port;
  const char* behind;
  const char* seen;                /* NULL: malformed */
};

static void say_direct(struct peer* p, const struct direct* d) {
  open_named(p, "direct-tcpip", 6);
  wr_str(&p->message, d->host, d->host_len);
  wr_u32(&p->message, d->port);
  wr_str(&p->message, d->origin, d->origin_len);
  wr_u32(&p->message, d->origin_port);
  wr_bytes(&p->message, d->behind, strlen(d->behind));
}

TEST(open_direct_tcpip) {
  static const struct direct rows[] = {
    { "example.com", 11, 22, "192.0.2.1", 9, 50000, "",
      "example.com:22 from 192.0.2.1:50000" },
    { "", 0, 0, "", 0, 65535, "", ":0 from :65535" },
    { "::1", 3, 65535, "a", 1, 0, "", "::1:65535 from a:0" },
    { "h", 1, 65536, "a", 1, 0, "", NULL },
    { "h", 1, 22, "a", 1, 0xffffffff, "", NULL },
    { "h\0x", 3, 22, "a", 1, 1, "", NULL },
    { "h", 1, 22, "\0", 1, 1, "", NULL },
    { "h", 1, 22, "a", 1, 1, "more", NULL },
  };
  struct peer* p = peer_new(PEER_CLIENT);
  size_t i;

  p->app->on_server.on_channel = on_direct;
  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    NOTE("row %zu", i);
    peer_open(p);
    peer_reach_open(p);
    seen[0] = '\0';
    say_direct(p, &rows[i]);
    if (rows[i].seen != NULL) {
      refused(p, 6, UVSSH_OPEN_CONNECT_FAILED);
      CHECK_STR(seen, rows[i].seen);
      peer_alive(p);
    } else {
      peer_send(p);
      peer_ended(p, UVSSH_EMESSAGE, 2);
      CHECK_STR(seen, "");
    }
    peer_again(p);
  }
  peer_end(p);
}

/* Cut off at every byte. */
TEST(open_direct_tcpip_cut) {
  static const struct direct whole = { "host", 4, 22, "a", 1, 1, "", NULL };
  struct peer* p = peer_new(PEER_CLIENT);
  size_t cut;

  p->app->on_server.on_channel = on_direct;
  for (cut = 1; cut <= 21; cut++) {
    NOTE("%zu bytes less", cut);
    peer_open(p);
    peer_reach_open(p);
    say_direct(p, &whole);
    p->message.len -= cut;
    peer_send(p);
    peer_ended(p, UVSSH_EMESSAGE, 2);
    peer_again(p);
  }
  peer_end(p);
}

/* What a client never asks for is refused, and nobody is asked. */
TEST(open_types_that_a_client_never_asked_for) {
  static const char* const types[] = { "session", "forwarded-tcpip",
    "forwarded-streamlocal@openssh.com", "x11", "auth-agent",
    "auth-agent@openssh.com" };
  struct peer* p = peer_new(PEER_SERVER);
  size_t i;

  p->app->on_client.on_channel = on_direct;
  peer_open(p);
  peer_reach_open(p);
  for (i = 0; i < ARRAY_SIZE(types); i++) {
    NOTE("%s", types[i]);
    open_named(p, types[i], 50);
    if (i != 0)
      wr_cstr(&p->message, "whatever");
    refused(p, 50, UVSSH_OPEN_PROHIBITED);
  }
  open_named(p, "direct-tcpip", 51);
  wr_cstr(&p->message, "host");
  wr_u32(&p->message, 22);
  wr_cstr(&p->message, "origin");
  wr_u32(&p->message, 1);
  refused(p, 51, UVSSH_OPEN_PROHIBITED);
  peer_alive(p);
  peer_end(p);
}

/* No answer in time is no. */
TEST(open_question_expires) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->app->server_config.reply_timeout_ms = 5000;
  p->app->say_channel = SAY_NOTHING;
  peer_open(p);
  peer_reach_open(p);
  open_named(p, "session", 2);
  peer_send(p);
  pipe_sleep(&p->app->pipe, 4999);
  peer_expect_nothing(p);
  pipe_sleep(&p->app->pipe, 1);
  peer_expect(p, MSG_CHANNEL_OPEN_FAILURE);
  CHECK_EQ(uvssh_reply_reject(p->app->channel_reply), UV_ECANCELED);
  peer_end(p);
}

TEST(lesson_93_open_limit) {
  struct peer* p = peer_new(PEER_CLIENT);
  uint32_t id;
  unsigned i;

  p->app->server_config.channels = 3;
  peer_open(p);
  peer_reach_open(p);
  for (i = 0; i < 2; i++)
    (void) peer_channel(p, i, 1000);
  p->app->say_channel = SAY_NOTHING;
  open_named(p, "session", 2);     /* a question counts, too */
  peer_send(p);
  peer_expect_nothing(p);
  open_named(p, "session", 3);
  refused(p, 3, UVSSH_OPEN_SHORTAGE);
  CHECK_EQ(uvssh_reply_reject(p->app->channel_reply), 0);
  peer_expect(p, MSG_CHANNEL_OPEN_FAILURE);
  p->app->say_channel = SAY_YES;
  id = peer_channel(p, 3, 1000);
  open_named(p, "session", 4);
  refused(p, 4, UVSSH_OPEN_SHORTAGE);
  peer_u32(p, MSG_CHANNEL_CLOSE, id);
  peer_expect(p, MSG_CHANNEL_CLOSE);
  (void) peer_channel(p, 5, 1000);
  peer_end(p);
}

TEST(lesson_90_rejected_opens_cost_nothing) {
  struct peer* p = begin(SAY_YES);
  size_t bytes = 0;
  uint32_t i;

  p->app->say_channel = SAY_NO;
  for (i = 0; i < 100000; i++) {
    open_named(p, i % 2 == 0 ? "session" : "x11", i);
    peer_send(p);
    if (i % 100 == 0)
      peer_skip(p);
    app_log_clear(p->app);
    if (i == 1000)
      bytes = heap_bytes();
  }
  peer_skip(p);
  CHECK_EQ(p->heard[MSG_CHANNEL_OPEN_FAILURE], 100000);
  CHECK(heap_bytes() <= bytes + 65536);
  p->app->say_channel = SAY_YES;
  CHECK_EQ(peer_channel(p, 1, 1000), 0);
  peer_end(p);
}

TEST(lesson_92_channel_numbers_are_never_used_again) {
  struct peer* p = begin(SAY_YES);
  struct buf* m;
  size_t bytes = 0;
  uint32_t i, k, id;

  for (i = 0; i < 2000; i++) {
    p->app->served_count = 0;
    app_log_clear(p->app);
    id = peer_channel(p, i, 1000);
    CHECK_EQ(id, i);
    peer_u32(p, MSG_CHANNEL_CLOSE, id);
    peer_expect(p, MSG_CHANNEL_CLOSE);
    pipe_run(&p->app->pipe);
    CHECK_EQ(p->app->served[0].closes, 1);
    if (i == 100)
      bytes = heap_bytes();
  }
  CHECK_EQ(heap_bytes(), bytes);
  /* What comes late for those that are gone reaches nobody. */
  for (k = 93; k <= 100; k++) {
    m = peer_message(p, (uint8_t) k);
    wr_u32(m, 7);
    if (k == 93 || k == 95)
      wr_u32(m, 1);
    if (k == 94 || k == 95 || k == 98)
      wr_cstr(m, "late");
    if (k == 98)
      wr_bool(m, 1);
    peer_send(p);
  }
  peer_expect_nothing(p);
  peer_alive(p);
  peer_end(p);
}

TEST(lesson_91_messages_for_numbers_that_never_were) {
  struct peer* p = peer_new(PEER_CLIENT);
  struct buf* m;
  uint32_t k, i;
  static const uint32_t ids[] = { 1, 77, 0xffffffff };

  for (k = 91; k <= 100; k++)
    for (i = 0; i < 3; i++) {
      NOTE("message %u for %u", (unsigned) k, (unsigned) ids[i]);
      peer_open(p);
      peer_reach_open(p);
      CHECK_EQ(peer_channel(p, 0, 1000), 0);
      m = peer_message(p, (uint8_t) k);
      wr_u32(m, ids[i]);
      if (k == 91)
        wr_bytes(m, "\0\0\0\0\0\0\1\0\0\0\1\0", 12);
      if (k == 92 || k == 93 || k == 95)
        wr_u32(m, 1);
      if (k == 92 || k == 94 || k == 95 || k == 98)
        wr_cstr(m, "x@y");
      if (k == 92)
        wr_cstr(m, "");
      if (k == 98)
        wr_bool(m, 0);
      peer_send(p);
      peer_ended(p, UVSSH_EUNEXPECTED, 2);
      peer_again(p);
    }
  peer_end(p);
}

/* ---- ours ---------------------------------------------------------------- */

static void expect_open(struct peer* p, uint32_t* id) {
  rd_t* m = peer_expect(p, MSG_CHANNEL_OPEN);

  CHECK(str_is(rd_str(m), "session"));
  *id = rd_u32(m);
}

static struct buf* confirmation(struct peer* p, uint32_t id, uint32_t packet) {
  struct buf* m = peer_message(p, MSG_CHANNEL_OPEN_CONFIRMATION);

  wr_u32(m, id);
  wr_u32(m, 40);
  wr_u32(m, 1000);
  wr_u32(m, packet);
  return m;
}

TEST(open_answers_of_a_server) {
  struct peer* p = peer_new(PEER_SERVER);
  struct buf* m;
  uint32_t id;

  peer_open(p);
  peer_reach_open(p);
  app_channel(p->app, 0);
  expect_open(p, &id);
  m = peer_message(p, MSG_CHANNEL_OPEN_FAILURE);
  wr_u32(m, id);
  wr_u32(m, UVSSH_OPEN_SHORTAGE);
  wr_cstr(m, "no\x1b[2J more");
  wr_cstr(m, "");
  peer_send(p);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->app->asked[0].open.status, UVSSH_EOPEN);
  CHECK_EQ(p->app->asked[0].open.req.result, UVSSH_OPEN_SHORTAGE);
  CHECK_EQ(p->app->asked[0].closes, 0);
  /* An answer to nothing. */
  peer_send(p);
  peer_ended(p, UVSSH_EUNEXPECTED, 2);
  peer_again(p);

  peer_open(p);
  peer_reach_open(p);
  app_channel(p->app, 0);
  expect_open(p, &id);
  (void) confirmation(p, id, 8);
  peer_send(p);
  peer_ended(p, UVSSH_EMESSAGE, 2);
  CHECK_EQ(p->app->asked[0].open.status, UVSSH_EMESSAGE);
  CHECK_EQ(p->app->asked[0].closes, 0);
  peer_again(p);

  peer_open(p);
  peer_reach_open(p);
  app_channel(p->app, 0);
  expect_open(p, &id);
  peer_data(p, id, "x", 1);        /* not open yet */
  peer_ended(p, UVSSH_EUNEXPECTED, 2);
  peer_again(p);

  peer_open(p);
  peer_reach_open(p);
  app_channel(p->app, 0);
  expect_open(p, &id);
  (void) confirmation(p, id, 100);
  peer_send(p);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->app->asked[0].open.status, 0);
  (void) confirmation(p, id, 100); /* twice */
  peer_send(p);
  peer_ended(p, UVSSH_EUNEXPECTED, 2);
  CHECK_EQ(p->app->asked[0].status, UVSSH_EUNEXPECTED);
  peer_end(p);
}

/* Closed before the answer: at a yes it is closed there, too. */
TEST(open_closed_before_the_answer) {
  struct peer* p = peer_new(PEER_SERVER);
  uint32_t id, second;

  peer_open(p);
  peer_reach_open(p);
  app_channel(p->app, 0);
  uvssh_channel_close(&p->app->asked[0].pub);
  CHECK(p->app->asked[0].pub.impl == NULL);
  expect_open(p, &id);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->app->asked[0].open.status, UV_ECANCELED);
  p->app->asked[0].in_use = 0;
  app_channel(p->app, 0);          /* the object is free at once */
  expect_open(p, &second);
  CHECK(second != id);
  (void) confirmation(p, id, 100);
  peer_send(p);
  peer_data(p, id, "x", 1);
  CHECK_EQ(rd_u32(peer_expect(p, MSG_CHANNEL_CLOSE)), 40);
  peer_u32(p, MSG_CHANNEL_CLOSE, id);
  peer_alive(p);
  CHECK_EQ(p->app->asked[0].open.done, 0);
  peer_end(p);
}

/* What we ask for, as it lies on the wire. */
TEST(open_direct_tcpip_of_ours) {
  static const uvssh_channel_open_t what[] = {
    { .type = UVSSH_CHANNEL_DIRECT_TCPIP, .host = "example.com", .port = 443 },
    { .type = UVSSH_CHANNEL_DIRECT_TCPIP, .host = "h", .port = 1,
      .origin_host = "192.0.2.1", .origin_port = 65535 },
  };
  struct peer* p = peer_new(PEER_SERVER);
  uvssh_channel_t ch[2];
  uvssh_req_t req[2];
  rd_t* m;
  size_t i;

  memset(ch, 0, sizeof(ch));
  memset(req, 0, sizeof(req));
  peer_open(p);
  peer_reach_open(p);
  for (i = 0; i < 2; i++) {
    CHECK_EQ(uvssh_channel_open(&req[i], &p->app->pipe.client.pub, &ch[i],
                                &what[i], &(uvssh_channel_handlers_t) { 0 },
                                NULL), 0);
    m = peer_expect(p, MSG_CHANNEL_OPEN);
    CHECK(str_is(rd_str(m), "direct-tcpip"));
    (void) rd_take(m, 12);
    CHECK(str_is(rd_str(m), what[i].host));
    CHECK_EQ(rd_u32(m), what[i].port);
    CHECK(str_is(rd_str(m), i == 0 ? "127.0.0.1" : "192.0.2.1"));
    CHECK_EQ(rd_u32(m), what[i].origin_port);
    CHECK_EQ(rd_end(m), 0);
  }
  peer_end(p);
}

static int open_err(uvssh_session_t* s, const uvssh_channel_open_t* what) {
  static uvssh_channel_t ch;
  static uvssh_req_t req;

  return uvssh_channel_open(&req, s, &ch, what,
                            &(uvssh_channel_handlers_t) { 0 }, NULL);
}

TEST(open_arguments_of_direct_tcpip) {
  static const uvssh_channel_open_t wrong[] = {
    { .type = UVSSH_CHANNEL_DIRECT_TCPIP, .port = 22 },
    { .type = UVSSH_CHANNEL_DIRECT_TCPIP, .host = "h", .port = 65536 },
    { .type = UVSSH_CHANNEL_DIRECT_TCPIP, .host = "h", .port = -1 },
    { .type = UVSSH_CHANNEL_DIRECT_TCPIP, .host = "h", .origin_port = 65536 },
    { .type = UVSSH_CHANNEL_DIRECT_TCPIP, .host = "h", .origin_port = -1 },
    { .type = (uvssh_channel_type) 99 },
    { .type = (uvssh_channel_type) 0 },
  };
  static const uvssh_channel_open_t right[] = {
    { .type = UVSSH_CHANNEL_SESSION },
    { .type = UVSSH_CHANNEL_DIRECT_TCPIP, .host = "h", .port = 22 },
  };
  char host[1026];
  uvssh_channel_open_t longer = { .type = UVSSH_CHANNEL_DIRECT_TCPIP,
                                  .host = host, .port = 22 };
  struct app* a = app_new();
  size_t i;

  memset(host, 'h', sizeof(host));
  host[sizeof(host) - 1] = '\0';
  app_login(a);
  for (i = 0; i < ARRAY_SIZE(wrong); i++) {
    NOTE("row %zu", i);
    CHECK_EQ(open_err(&a->pipe.client.pub, &wrong[i]), UV_EINVAL);
  }
  CHECK_EQ(open_err(&a->pipe.client.pub, &longer), UV_EINVAL);
  for (i = 0; i < ARRAY_SIZE(right); i++)    /* a server asks for neither */
    CHECK_EQ(open_err(&a->pipe.server.pub, &right[i]), UV_EINVAL);
  app_end(a);
}

TEST(open_arguments) {
  struct app* a = app_new();
  uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_SESSION };
  uvssh_channel_open_t other = { .type = UVSSH_CHANNEL_OTHER };
  uvssh_session_t* s = &a->pipe.client.pub;
  uvssh_channel_t ch;
  uvssh_req_t req;

  memset(&ch, 0, sizeof(ch));
  memset(&req, 0, sizeof(req));
  app_start(a);
  CHECK_EQ(uvssh_channel_open(&req, s, &ch, &what, &a->on_asked, NULL),
           UV_ENOTCONN);
  app_attempt(a, "bob");
  CHECK_EQ(uvssh_channel_open(NULL, s, &ch, &what, &a->on_asked, NULL),
           UV_EINVAL);
  CHECK_EQ(uvssh_channel_open(&req, s, NULL, &what, &a->on_asked, NULL),
           UV_EINVAL);
  CHECK_EQ(uvssh_channel_open(&req, s, &ch, NULL, &a->on_asked, NULL),
           UV_EINVAL);
  CHECK_EQ(uvssh_channel_open(&req, s, &ch, &what, NULL, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_channel_open(&req, s, &ch, &other, &a->on_asked, NULL),
           UV_EINVAL);
  app_channel(a, 0);
  CHECK_EQ(uvssh_channel_open(&req, s, &a->asked[0].pub, &what, &a->on_asked,
                              NULL), UV_EBUSY);
  app_end(a);
}
