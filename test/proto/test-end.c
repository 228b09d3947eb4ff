/* How sessions end, and what is told to whom. RFC 4253 section 11.1. */
#include "served.h"

#include <stdio.h>
#include <stdlib.h>

TEST(disconnect_sends_what_is_queued_first) {
  uint32_t id;
  struct peer* p = begin(3, &id);
  rd_t* m;

  CHECK_EQ(uvssh_channel_send(served(p), 0, "abcdef", 6), 0);
  CHECK_EQ(uvssh_session_disconnect(&p->side->pub, 12, "full"), 0);
  CHECK_EQ(uvssh_session_disconnect(&p->side->pub, 12, "full"), UV_ENOTCONN);
  CHECK_EQ(uvssh_session_is_ready(&p->side->pub), 0);
  expect_data(p, "abc");
  peer_expect_nothing(p);
  peer_adjust(p, id, 3);
  expect_data(p, "def");
  m = peer_expect(p, MSG_DISCONNECT);
  CHECK_EQ(rd_u32(m), 12);
  CHECK(str_is(rd_str(m), "full"));
  CHECK_EQ(p->side->closes, 0);
  peer_data(p, id, "late", 4);     /* discarded */
  peer_hang_up(p);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->closes, 1);
  CHECK_EQ(p->side->end.status, 0);
  CHECK_EQ(p->side->end.reason, 12);
  CHECK_EQ(p->side->end.by_peer, 0);
  CHECK_EQ(p->app->served[0].got[0], 0);
  CHECK_EQ(p->app->served[0].closes, 1);
  CHECK_EQ(p->app->served[0].status, 0);
  peer_end(p);
}

TEST(disconnect_waits_for_linger_ms_and_no_longer) {
  uint32_t id;
  struct peer* p = begin(3, &id);

  CHECK_EQ(uvssh_channel_send(served(p), 0, "abcdef", 6), 0);
  CHECK_EQ(uvssh_session_disconnect(&p->side->pub, 12, "full"), 0);
  pipe_sleep(&p->app->pipe, 9999);
  CHECK_EQ(p->side->session.ending, E_EMPTYING);
  pipe_sleep(&p->app->pipe, 1);
  peer_await(p, MSG_DISCONNECT);
  pipe_sleep(&p->app->pipe, 10000); /* the peer stays, and is left */
  CHECK_EQ(p->side->closes, 1);
  CHECK_EQ(p->side->end.status, 0);
  peer_end(p);
}

TEST(close_of_a_session_says_nothing) {
  uint32_t id;
  struct peer* p = begin(100, &id);

  CHECK_EQ(uvssh_channel_send(served(p), 0, "abc", 3), 0);
  uvssh_session_close(&p->side->pub);
  uvssh_session_close(&p->side->pub);
  CHECK_EQ(p->side->closes, 0);    /* never inside the call */
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->closes, 1);
  CHECK_EQ(p->side->end.status, 0);
  CHECK_EQ(p->side->end.reason, 0);
  peer_skip(p);
  CHECK_EQ(p->heard[MSG_DISCONNECT], 0);
  CHECK_STR(p->app->log, "s0 closed 0; server closed 0; ");
  uvssh_session_close(&p->side->pub);
  CHECK_EQ(uvssh_session_disconnect(&p->side->pub, 11, ""), UV_ENOTCONN);
  peer_end(p);
}

/* The end of a session by the peer, as everybody is told it, in order. */
TEST(end_of_a_session_as_it_is_told) {
  uint32_t id;
  struct peer* p = begin(3, &id);
  uv_buf_t buf = uv_buf_init("abcdef", 6);
  uvssh_session_request_t what = { .type = UVSSH_GLOBAL_OTHER, .name = "x@y" };
  struct app_req write, global;

  CHECK_EQ(uvssh_channel_write(app_req(p->app, &write, "write"), served(p), 0,
                               &buf, 1, app_done), 0);
  CHECK_EQ(uvssh_session_request(app_req(p->app, &global, "global"),
                                 &p->side->pub, &what, app_done), 0);
  pipe_run(&p->app->pipe);
  peer_hang_up(p);
  pipe_run(&p->app->pipe);
  CHECK_EQ(write.status, UV_EOF);
  CHECK_EQ(global.status, UV_EOF);
  CHECK_EQ(p->app->served[0].end, UV_ECONNRESET);  /* not the peer's EOF */
  CHECK_EQ(p->app->served[0].status, UV_EOF);
  CHECK(strstr(p->app->log, "s0 closed UV_EOF; server closed UV_EOF; ") !=
        NULL);
  CHECK_EQ(p->side->end.phase, UVSSH_PHASE_OPEN);
  CHECK_EQ(p->side->end.by_peer, 1);
  peer_end(p);
}

/* These still answer inside on_close. */
static unsigned answered;

static void on_close(uvssh_session_t* session, const uvssh_end_t* end) {
  uvssh_session_info_t info;
  size_t len;

  CHECK_STR(uvssh_session_user(session), "bob");
  CHECK(uvssh_session_key(session) != NULL);
  CHECK_EQ(uvssh_session_is_ready(session), 0);
  uvssh_session_info(session, &info);
  CHECK_STR(info.kex, "mlkem768x25519-sha256");
  CHECK(info.packets_in > 5);
  CHECK(uvssh_session_id(session, &len) != NULL);
  CHECK_EQ(uvssh_session_rekey(NULL, session, NULL), UV_ENOTCONN);
  uvssh_session_close(session);
  answered++;
}

TEST(close_of_a_session_still_answers_inside) {
  struct app* a = app_new();

  answered = 0;
  a->on_server.on_close = on_close;
  app_login(a);
  uvssh_session_close(&a->pipe.client.pub);
  pipe_run(&a->pipe);
  CHECK_EQ(answered, 1);
  CHECK_STR(uvssh_session_user(&a->pipe.server.pub), "");
  app_end(a);
}

/* Escaped, and cut. */
TEST(lesson_105_text_of_disconnect_is_harmless) {
  uint32_t id;
  struct peer* p = begin(100, &id);
  char text[2000];
  struct buf* m = peer_message(p, MSG_DISCONNECT);
  size_t i;

  memset(text, '\x1b', sizeof(text));
  wr_u32(m, 0xffffffff);
  wr_str(m, text, sizeof(text));
  wr_cstr(m, "");
  peer_send(p);
  peer_ended(p, UVSSH_EDISCONNECT, 0);
  CHECK_EQ(p->side->end.reason, 0xffffffff);
  CHECK(strlen(p->side->end.text) > 100);
  for (i = 0; p->side->end.text[i] != '\0'; i++)
    CHECK(p->side->end.text[i] >= 32 && p->side->end.text[i] < 127);
  peer_end(p);
}

/* ---- the peer takes nothing more, and may have said why ------------------- */

static void say_disconnect(struct peer* p) {
  struct buf* m = peer_message(p, MSG_DISCONNECT);

  wr_u32(m, UVSSH_DISCONNECT_BY_APPLICATION);
  wr_cstr(m, "bye");
  wr_cstr(m, "");
  peer_send(p);
}

static void unwritable(struct peer* p, int status) {
  uvssh__session_unwritable(&p->side->session, status, LAST_WORDS_MS);
}

TEST(unwritable_still_hears_why) {
  uint32_t id;
  struct peer* p = begin(100, &id);

  CHECK_EQ(uvssh_channel_send(served(p), 0, "abc", 3), 0);
  unwritable(p, UV_EPIPE);
  CHECK_EQ(uvssh_channel_send(served(p), 0, "def", 3), 0);
  say_disconnect(p);
  peer_hang_up(p);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->closes, 1);
  CHECK_EQ(p->side->end.status, UVSSH_EDISCONNECT);
  CHECK_EQ(p->side->end.reason, UVSSH_DISCONNECT_BY_APPLICATION);
  CHECK_STR(p->side->end.text, "bye");
  peer_end(p);
}

TEST(unwritable_does_not_wait_for_long) {
  uint32_t id;
  struct peer* p = begin(100, &id);

  unwritable(p, UV_EPIPE);
  unwritable(p, UV_ECONNRESET);
  pipe_sleep(&p->app->pipe, 199);
  CHECK_EQ(p->side->closes, 0);
  pipe_sleep(&p->app->pipe, 1);
  CHECK_EQ(p->side->closes, 1);
  CHECK_EQ(p->side->end.status, UV_EPIPE);
  CHECK_EQ(p->side->end.by_peer, 1);
  peer_end(p);
}

/* What fails meanwhile, or is ended by the user, waits for nobody. */
TEST(unwritable_and_ending) {
  uint32_t id;
  struct peer* p = begin(100, &id);

  unwritable(p, UV_EPIPE);
  peer_send_bytes(p, "\x5f", 1);   /* an EXTENDED_DATA that is cut */
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->closes, 1);
  CHECK_EQ(p->side->end.status, UVSSH_EMESSAGE);
  peer_again(p);
  peer_open(p);
  peer_reach_open(p);
  unwritable(p, UV_EPIPE);
  CHECK_EQ(uvssh_session_disconnect(&p->side->pub, 11, ""), 0);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->closes, 1);
  CHECK_EQ(p->side->end.status, 0);
  peer_again(p);
  peer_open(p);
  peer_reach_open(p);
  CHECK_EQ(uvssh_session_disconnect(&p->side->pub, 11, ""), 0);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->closes, 0);    /* it waits for the peer's end ... */
  unwritable(p, UV_EPIPE);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->closes, 1);    /* ... which this is */
  peer_end(p);
}
