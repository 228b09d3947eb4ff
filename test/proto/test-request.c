/* Opens, channel requests and global requests: order, limits, refusals. RFC
 * 4254 sections 4 to 6. */
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
  static const char* const types[] = { "", "x11", "direct-tcpip",
    "forwarded-tcpip", "auth-agent", "tun", "SESSION", "session " };
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

TEST(sec_93_open_limit) {
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

TEST(sec_90_rejected_opens_cost_nothing) {
  struct peer* p = begin(SAY_YES);
  size_t bytes = 0;
  uint32_t i;

  p->app->say_channel = SAY_NO;
  for (i = 0; i < 100000; i++) {
    open_named(p, i % 2 == 0 ? "session" : "direct-tcpip", i);
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

TEST(sec_92_channel_numbers_are_never_used_again) {
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

TEST(sec_91_messages_for_numbers_that_never_were) {
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

/* ---- channel requests ---------------------------------------------------- */

/* Answers leave in the order of the questions, whatever the user's order. */
TEST(request_answers_keep_the_order_of_the_questions) {
  struct peer* p = begin(SAY_NOTHING);
  uint32_t id = peer_channel(p, 9, 1000);
  uvssh_reply_t replies[5];
  unsigned i;

  for (i = 0; i < 5; i++) {
    peer_request(p, id, "x@y", 1, NULL, 0);
    peer_expect_nothing(p);
    replies[i] = p->app->served[0].reply;
  }
  peer_request(p, id, "unknown", 1, NULL, 0);   /* its no waits for its turn */
  for (i = 4; i > 0; i--) {
    if (i % 2 == 0)
      CHECK_EQ(uvssh_reply_accept(replies[i]), 0);
    else
      CHECK_EQ(uvssh_reply_reject(replies[i]), 0);
    peer_expect_nothing(p);
  }
  CHECK_EQ(uvssh_reply_accept(replies[0]), 0);
  peer_expect(p, MSG_CHANNEL_SUCCESS);
  CHECK_EQ(rd_u32(&p->m), 9);
  peer_expect(p, MSG_CHANNEL_FAILURE);
  peer_expect(p, MSG_CHANNEL_SUCCESS);
  peer_expect(p, MSG_CHANNEL_FAILURE);
  peer_expect(p, MSG_CHANNEL_SUCCESS);
  peer_expect(p, MSG_CHANNEL_FAILURE);
  peer_end(p);
}

TEST(request_second_process_is_refused) {
  static const char* const kinds[] = { "shell", "exec", "subsystem" };
  struct peer* p = begin(SAY_YES);
  uint32_t id;
  unsigned i, k;

  for (i = 0; i < 3; i++) {
    id = peer_channel(p, i, 1000);
    p->app->say_request = SAY_NO;
    for (k = 0; k < 3; k++) {      /* refused ones do not count */
      peer_request(p, id, kinds[k], 1, k == 0 ? NULL : "\0\0\0\1x",
                   k == 0 ? 0 : 5);
      peer_expect(p, MSG_CHANNEL_FAILURE);
    }
    p->app->say_request = i == 1 ? SAY_NOTHING : SAY_YES;
    app_log_clear(p->app);
    peer_request(p, id, kinds[i], i != 2, i == 0 ? NULL : "\0\0\0\1x",
                 i == 0 ? 0 : 5);
    for (k = 0; k < 3; k++)
      peer_request(p, id, kinds[k], 1, k == 0 ? NULL : "\0\0\0\1x",
                   k == 0 ? 0 : 5);
    pipe_run(&p->app->pipe);
    CHECK(strchr(strchr(p->app->log, ';') + 1, ';') == NULL);   /* one line */
    if (i == 1) {
      peer_expect_nothing(p);
      CHECK_EQ(uvssh_reply_accept(p->app->served[1].reply), 0);
    }
    if (i != 2)
      peer_expect(p, MSG_CHANNEL_SUCCESS);
    for (k = 0; k < 3; k++)
      peer_expect(p, MSG_CHANNEL_FAILURE);
  }
  peer_end(p);
}

TEST(request_kinds_that_a_server_is_not_asked) {
  static const char* const names[] = { "", "x11-req", "xon-xoff",
    "auth-agent-req@openssh.com", "exit-status", "exit-signal", "SHELL" };
  struct peer* p = begin(SAY_YES);
  uint32_t id = peer_channel(p, 9, 1000);
  size_t i;

  app_log_clear(p->app);
  for (i = 0; i < ARRAY_SIZE(names); i++) {
    NOTE("%s", names[i]);
    if (strcmp(names[i], "exit-status") == 0)
      peer_request(p, id, names[i], 1, "\0\0\0\0", 4);
    else if (strcmp(names[i], "exit-signal") == 0)
      peer_request(p, id, names[i], 1, "\0\0\0\1T\0\0\0\0\0\0\0\0\0", 14);
    else
      peer_request(p, id, names[i], 1, NULL, 0);
    peer_expect(p, MSG_CHANNEL_FAILURE);
    if (i < 4)
      peer_request(p, id, names[i], 0, NULL, 0);
    peer_expect_nothing(p);
  }
  CHECK_STR(p->app->log, "");
  peer_end(p);
}

TEST(request_without_a_callback_is_refused) {
  struct peer* p = peer_new(PEER_CLIENT);
  uint32_t id;

  p->app->on_served.on_request = NULL;
  p->app->on_server.on_request = NULL;
  peer_open(p);
  peer_reach_open(p);
  id = peer_channel(p, 9, 1000);
  peer_request(p, id, "shell", 1, NULL, 0);
  peer_expect(p, MSG_CHANNEL_FAILURE);
  wr_cstr(peer_message(p, MSG_GLOBAL_REQUEST), "tcpip-forward");
  wr_bool(&p->message, 1);
  peer_send(p);
  peer_expect(p, MSG_REQUEST_FAILURE);
  peer_end(p);
}

TEST(request_unanswered_ones_are_limited) {
  struct peer* p = begin(SAY_NOTHING);
  uint32_t id = peer_channel(p, 9, 1000);
  unsigned i;

  for (i = 0; i < 64; i++)
    peer_request(p, id, "x@y", 1, NULL, 0);
  peer_expect_nothing(p);
  CHECK_EQ(p->side->closes, 0);
  peer_request(p, id, "x@y", 0, NULL, 0);   /* wants no answer: no question */
  peer_alive(p);
  peer_request(p, id, "x@y", 1, NULL, 0);
  peer_ended(p, UVSSH_ELIMIT, 2);
  CHECK_EQ(uvssh_reply_accept(p->app->served[0].reply), UV_ECANCELED);
  peer_end(p);
}

/* Every kind, cut at each byte and longer by some. */
TEST(sec_42_43_53_57_requests_cut_or_longer_by_a_byte) {
  static const struct { const char* name; const char* body; size_t len; }
  kinds[] = {
    { "pty-req", "\0\0\0\2vt\0\0\0\120\0\0\0\30\0\0\0\0\0\0\0\0\0\0\0\1\0", 27 },
    { "env", "\0\0\0\1A\0\0\0\1b", 10 },
    { "shell", "", 0 },
    { "exec", "\0\0\0\2ls", 6 },
    { "subsystem", "\0\0\0\4sftp", 8 },
    { "window-change", "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4", 16 },
    { "signal", "\0\0\0\4TERM", 8 },
    { "break", "\0\0\1\0", 4 },
    { "eow@openssh.com", "", 0 },
  };
  struct peer* p = peer_new(PEER_CLIENT);
  uint8_t body[60];
  uint32_t id;
  size_t i, n;

  for (i = 0; i < ARRAY_SIZE(kinds); i++)
    for (n = 0; n <= kinds[i].len + 8; n++) {
      NOTE("%s, %zu of %zu bytes", kinds[i].name, n, kinds[i].len);
      peer_open(p);
      peer_reach_open(p);
      id = peer_channel(p, 9, 1000);
      app_log_clear(p->app);
      memset(body, 0, sizeof(body));
      memcpy(body, kinds[i].body, kinds[i].len);
      peer_request(p, id, kinds[i].name, 1, body, n);
      if (n == kinds[i].len) {
        peer_expect(p, MSG_CHANNEL_SUCCESS);
      } else {
        peer_ended(p, UVSSH_EMESSAGE, 2);
        CHECK_STR(p->app->log, "s0 end UVSSH_EMESSAGE; s0 closed "
                               "UVSSH_EMESSAGE; server closed "
                               "UVSSH_EMESSAGE; ");
      }
      peer_again(p);
    }
  peer_end(p);
}

TEST(request_text_with_a_zero_byte) {
  struct peer* p = begin(SAY_YES);
  uint32_t id = peer_channel(p, 9, 1000);

  peer_request(p, id, "exec", 1, "\0\0\0\3l\0s", 7);
  peer_ended(p, UVSSH_EMESSAGE, 2);
  peer_end(p);
}

static uvssh_pty_t pty;
static uint8_t modes[200000];

static void on_pty(uvssh_channel_t* channel, const uvssh_channel_request_t* ask,
                   uvssh_reply_t reply) {
  pty = ask->pty;
  CHECK(pty.modes_len <= sizeof(modes));
  memcpy(modes, pty.modes, pty.modes_len);
  pty.modes = modes;
  CHECK_EQ(uvssh_reply_accept(reply), 0);
}

TEST(sec_53_terminal_modes) {
  struct peer* p = peer_new(PEER_CLIENT);
  struct buf b = { 0 };
  uint32_t value = 7;
  uint32_t id;
  unsigned i;

  p->app->on_served.on_request = on_pty;
  peer_open(p);
  peer_reach_open(p);
  id = peer_channel(p, 9, 1000);
  wr_cstr(&b, "vt100");
  for (i = 0; i < 4; i++)
    wr_u32(&b, i);
  wr_u32(&b, 5 * 10000 + 3);
  for (i = 0; i < 10000; i++) {
    wr_u8(&b, (uint8_t) (1 + i % 159));
    wr_u32(&b, i);
  }
  wr_bytes(&b, "\3\0\0", 3);       /* cut */
  peer_request(p, id, "pty-req", 1, b.base, b.len);
  peer_expect(p, MSG_CHANNEL_SUCCESS);
  CHECK_EQ(uvssh_pty_mode(&pty, 159, &value), 0);
  CHECK_EQ(value, 158);
  CHECK_EQ(uvssh_pty_mode(&pty, 160, &value), UV_ENOENT);
  CHECK_EQ(uvssh_pty_mode(&pty, 0, &value), UV_ENOENT);
  modes[0] = 160;                  /* from here on nobody knows the lengths */
  CHECK_EQ(uvssh_pty_mode(&pty, 2, &value), UV_ENOENT);
  pty.modes_len = 0;
  CHECK_EQ(uvssh_pty_mode(&pty, 1, &value), UV_ENOENT);
  uvssh__buf_free(&b);
  peer_end(p);
}

TEST(request_of_ours_are_limited_and_in_order) {
  struct app* a = app_new();
  static struct app_req reqs[65];
  uvssh_channel_request_t what = { .type = UVSSH_REQUEST_OTHER,
                                   .name = "x@y" };
  unsigned i;

  app_login(a);
  app_channel(a, 0);
  for (i = 0; i < 64; i++)
    CHECK_EQ(uvssh_channel_request(app_req(a, &reqs[i], NULL),
                                   &a->asked[0].pub, &what, app_done), 0);
  CHECK_EQ(uvssh_channel_request(app_req(a, &reqs[64], NULL),
                                 &a->asked[0].pub, &what, app_done),
           UV_ENOBUFS);
  pipe_run(&a->pipe);
  for (i = 0; i < 64; i++)
    CHECK(reqs[i].done && reqs[i].status == 0);
  a->say_request = SAY_NO;
  CHECK_EQ(uvssh_channel_request(app_req(a, &reqs[0], NULL), &a->asked[0].pub,
                                 &what, app_done), 0);
  pipe_run(&a->pipe);
  CHECK_EQ(reqs[0].status, UVSSH_EREQUEST);
  app_end(a);
}

TEST(request_arguments) {
  struct app* a = app_new();
  uvssh_channel_request_t what;
  uvssh_channel_t* ch;
  uvssh_req_t req;
  unsigned type;

  app_login(a);
  app_channel(a, 0);
  ch = &a->asked[0].pub;
  memset(&what, 0, sizeof(what));
  memset(&req, 0, sizeof(req));
  CHECK_EQ(uvssh_channel_request(&req, ch, NULL, NULL), UV_EINVAL);
  for (type = 0; type <= UVSSH_REQUEST_OTHER + 1; type++) {
    what.type = (uvssh_request_type) type;
    if (type == UVSSH_REQUEST_PTY || type == UVSSH_REQUEST_SHELL ||
        type == UVSSH_REQUEST_BREAK)
      continue;
    NOTE("type %u", type);
    CHECK_EQ(uvssh_channel_request(&req, ch, &what, NULL), UV_EINVAL);
  }
  CHECK_EQ(uvssh_channel_exec(&req, ch, NULL, NULL), UV_EINVAL);
  what.type = UVSSH_REQUEST_OTHER;
  what.name = "without-an-at-sign";
  CHECK_EQ(uvssh_channel_request(&req, ch, &what, NULL), UV_EINVAL);
  app_end(a);
}

/* ---- global requests ----------------------------------------------------- */

TEST(global_requests_are_answered_in_order) {
  struct peer* p = begin(SAY_NOTHING);
  uvssh_reply_t first;

  wr_cstr(peer_message(p, MSG_GLOBAL_REQUEST), "one@y");
  wr_bool(&p->message, 1);
  peer_send(p);
  peer_expect_nothing(p);
  first = p->app->global_reply;
  wr_cstr(peer_message(p, MSG_GLOBAL_REQUEST), "two@y");
  wr_bool(&p->message, 1);
  peer_send(p);
  wr_cstr(peer_message(p, MSG_GLOBAL_REQUEST), "keepalive@openssh.com");
  wr_bool(&p->message, 1);
  peer_send(p);
  wr_cstr(peer_message(p, MSG_GLOBAL_REQUEST), "silent@y");
  wr_bool(&p->message, 0);
  peer_send(p);
  peer_expect_nothing(p);
  CHECK_EQ(p->app->global_reply.serial, 0);   /* no answer is wanted */
  CHECK_EQ(uvssh_reply_accept(p->app->global_reply), UV_ECANCELED);
  CHECK(strstr(p->app->log, "global one@y; global two@y; global silent@y;") !=
        NULL);
  p->app->say_request = SAY_YES;
  CHECK_EQ(uvssh_reply_reject(first), 0);
  peer_expect(p, MSG_REQUEST_FAILURE);
  peer_expect_nothing(p);
  pipe_sleep(&p->app->pipe, 60000);  /* the second's time is up: no */
  peer_expect(p, MSG_REQUEST_FAILURE);
  peer_expect(p, MSG_REQUEST_FAILURE);
  peer_expect_nothing(p);
  peer_end(p);
}

/* What ends the session ends what is asked; closing is no success. */
TEST(global_request_completes_when_the_session_ends) {
  uvssh_session_request_t what = { .type = UVSSH_GLOBAL_OTHER, .name = "x@y" };
  struct app_req req;
  struct app* a;
  unsigned how;

  for (how = 0; how < 3; how++) {
    NOTE("way %u", how);
    a = app_new();
    a->say_request = SAY_NOTHING;
    app_login(a);
    CHECK_EQ(uvssh_session_request(app_req(a, &req, "global"),
                                   &a->pipe.client.pub, &what, app_done), 0);
    pipe_run(&a->pipe);
    CHECK_EQ(req.done, 0);
    if (how == 0)
      uvssh_session_close(&a->pipe.client.pub);
    else if (how == 1)
      uvssh_session_close(&a->pipe.server.pub);
    else
      CHECK_EQ(uvssh_session_disconnect(&a->pipe.client.pub, 11, ""), 0);
    pipe_finish(&a->pipe);
    CHECK_EQ(req.done, 1);
    CHECK_EQ(req.status, how == 1 ? UV_EOF : UV_ECANCELED);
    CHECK_EQ(a->pipe.client.end.status, how == 1 ? UV_EOF : 0);
    app_end(a);
  }
}

/* ---- keepalive, idle ----------------------------------------------------- */

/* A peer that answers at once, in the same millisecond, is alive. */
TEST(keepalive_that_is_answered) {
  struct app* a = app_new();

  a->client_config.keepalive_ms = 1000;
  app_login(a);
  pipe_sleep(&a->pipe, 100 * 1000);
  CHECK_EQ(a->pipe.client.closes, 0);
  app_end(a);
}

TEST(keepalive_that_is_not_answered) {
  struct peer* p = peer_new(PEER_CLIENT);
  unsigned i;

  p->app->server_config.keepalive_ms = 1000;
  p->app->server_config.keepalive_count = 3;
  peer_open(p);
  peer_reach_open(p);
  pipe_sleep(&p->app->pipe, 999);
  peer_expect_nothing(p);
  pipe_sleep(&p->app->pipe, 1);
  CHECK(str_is(rd_str(peer_expect(p, MSG_GLOBAL_REQUEST)),
               "keepalive@openssh.com"));
  CHECK_EQ(rd_bool(&p->m), 1);
  for (i = 0; i < 10; i++) {       /* any packet shows that it is there */
    pipe_sleep(&p->app->pipe, 900);
    wr_cstr(peer_message(p, MSG_IGNORE), "");
    peer_send(p);
  }
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->session.ending, E_RUNNING);
  pipe_sleep(&p->app->pipe, 3999);
  CHECK_EQ(p->side->session.ending, E_RUNNING);
  pipe_sleep(&p->app->pipe, 1);
  peer_ended(p, UV_ETIMEDOUT, 11);
  peer_end(p);
}

/* Its answers are not taken for those of the user's requests. */
TEST(keepalive_and_requests_of_the_user) {
  struct peer* p = peer_new(PEER_CLIENT);
  uvssh_session_request_t what = { .type = UVSSH_GLOBAL_OTHER, .name = "x@y" };
  struct app_req one, two;

  p->app->server_config.keepalive_ms = 1000;
  peer_open(p);
  peer_reach_open(p);
  CHECK_EQ(uvssh_session_request(app_req(p->app, &one, NULL), &p->side->pub,
                                 &what, app_done), 0);
  pipe_sleep(&p->app->pipe, 1000);
  CHECK_EQ(uvssh_session_request(app_req(p->app, &two, NULL), &p->side->pub,
                                 &what, app_done), 0);
  peer_message(p, MSG_REQUEST_SUCCESS);
  peer_send(p);
  peer_message(p, MSG_REQUEST_FAILURE);
  peer_send(p);
  pipe_run(&p->app->pipe);
  CHECK(one.done && one.status == 0 && !two.done);
  peer_message(p, MSG_REQUEST_SUCCESS);
  peer_send(p);
  pipe_run(&p->app->pipe);
  CHECK(two.done && two.status == 0);
  peer_end(p);
}

TEST(idle_counts_data_of_the_peer_only) {
  struct peer* p = peer_new(PEER_CLIENT);
  uint32_t id;
  unsigned i;

  p->app->server_config.idle_timeout_ms = 10000;
  p->app->server_config.keepalive_ms = 1000;
  p->app->server_config.keepalive_count = 100;
  peer_open(p);
  peer_reach_open(p);
  id = peer_channel(p, 1, 100000);
  pipe_sleep(&p->app->pipe, 9000);
  peer_data(p, id, "x", 1);
  for (i = 0; i < 9; i++) {
    pipe_sleep(&p->app->pipe, 1000);
    peer_message(p, MSG_REQUEST_FAILURE);
    peer_send(p);
    CHECK_EQ(uvssh_channel_send(&p->app->served[0].pub, 0, "y", 1), 0);
  }
  pipe_sleep(&p->app->pipe, 999);
  CHECK_EQ(p->side->session.ending, E_RUNNING);
  pipe_sleep(&p->app->pipe, 1);
  peer_ended(p, UV_ETIMEDOUT, 11);
  peer_end(p);
}
