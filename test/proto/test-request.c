/* Channel requests: order, limits, refusals, and their fields. RFC 4254
 * sections 5.4 and 6. */
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
TEST(lesson_42_43_53_57_requests_cut_or_longer_by_a_byte) {
  static const struct { const char* name; const char* body; size_t len; }
  kinds[] = {
    { "pty-req", "\0\0\0\2vt\0\0\0\120\0\0\0\30\0\0\0\0\0\0\0\0"
                 "\0\0\0\1\0", 27 },
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

TEST(lesson_53_terminal_modes) {
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
