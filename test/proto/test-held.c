/* Bytes that a reader has not taken yet, when the peer leaves. */
#include "served.h"

#include <stdio.h>
#include <stdlib.h>

enum left { LEFT_EOF, LEFT_CLOSE, LEFT_DISCONNECT, LEFT_LOST };

static void leave(struct peer* p, enum left how, uint32_t id) {
  struct buf* m;

  switch (how) {
    case LEFT_EOF:
      peer_u32(p, MSG_CHANNEL_EOF, id);
      break;
    case LEFT_CLOSE:
      peer_u32(p, MSG_CHANNEL_CLOSE, id);
      break;
    case LEFT_DISCONNECT:
      m = peer_message(p, MSG_DISCONNECT);
      wr_u32(m, 11);
      wr_cstr(m, "");
      wr_cstr(m, "");
      peer_send(p);
      break;
    case LEFT_LOST:
      peer_hang_up(p);
      break;
  }
}

static int end_of(enum left how) {
  return how == LEFT_DISCONNECT ? UVSSH_EDISCONNECT
         : how == LEFT_LOST     ? UV_ECONNRESET
                                : UV_EOF;
}

/* Reading had begun, and is stopped: what is held outlives the peer. */
TEST(held_bytes_outlive_the_peer) {
  struct peer* p;
  struct app_channel* ch;
  uint32_t id;
  enum left how;

  for (how = LEFT_EOF; how <= LEFT_LOST; how++) {
    NOTE("way %d", (int) how);
    p = begin(100, &id);
    ch = &p->app->served[0];
    CHECK_EQ(uvssh_channel_read_stop(&ch->pub), 0);
    peer_data(p, id, "held", 4);
    peer_data(p, id, "more", 4);
    leave(p, how, id);
    pipe_sleep(&p->app->pipe, 100000);
    CHECK_STR(p->app->log, "");
    CHECK_EQ(p->side->closes, 0);
    ch->stop_after = 4;
    CHECK_EQ(uvssh_channel_read_start(&ch->pub, app_read), 0);
    pipe_run(&p->app->pipe);
    CHECK_EQ(ch->got[0], 4);
    CHECK_STR(p->app->log, "");
    ch->stop_after = 0;
    CHECK_EQ(uvssh_channel_read_start(&ch->pub, app_read), 0);
    pipe_run(&p->app->pipe);
    CHECK_STR(ch->text[0], "heldmore");
    CHECK_EQ(ch->ends, 1);
    CHECK_EQ(ch->end, end_of(how));
    CHECK_EQ(ch->closes, how != LEFT_EOF);
    CHECK_EQ(p->side->closes, how >= LEFT_DISCONNECT);
    peer_end(p);
  }
}

/* Nobody had begun to read: it is dropped, and nobody is waited for. */
TEST(held_bytes_that_nobody_began_to_read) {
  struct peer* p;
  uint32_t id;
  enum left how;

  for (how = LEFT_CLOSE; how <= LEFT_LOST; how++) {
    p = peer_new(PEER_CLIENT);
    p->app->read_served = 0;
    peer_open(p);
    peer_reach_open(p);
    id = peer_channel(p, 9, 100);
    peer_data(p, id, "held", 4);
    leave(p, how, id);
    pipe_run(&p->app->pipe);
    CHECK_EQ(p->app->served[0].closes, 1);
    CHECK_EQ(p->app->served[0].got[0], 0);
    CHECK_EQ(p->side->closes, how >= LEFT_DISCONNECT);
    peer_end(p);
  }
}

/* The user may close instead of reading. */
TEST(held_bytes_dropped_by_close) {
  struct peer* p;
  uint32_t id;
  enum left how;

  for (how = LEFT_EOF; how <= LEFT_LOST; how++) {
    NOTE("way %d", (int) how);
    p = begin(100, &id);
    CHECK_EQ(uvssh_channel_read_stop(served(p)), 0);
    peer_data(p, id, "held", 4);
    leave(p, how, id);
    pipe_run(&p->app->pipe);
    uvssh_channel_close(served(p));
    pipe_run(&p->app->pipe);
    CHECK_EQ(p->app->served[0].closes, 1);
    CHECK_EQ(p->app->served[0].got[0], 0);
    CHECK_EQ(p->app->served[0].ends, 0);
    CHECK_EQ(p->side->closes, how >= LEFT_DISCONNECT);
    peer_end(p);
  }
}

/* ---- streams that take turns, in one chunk ------------------------------- */

enum in_callback { GO_ON, STOP, CLOSE, ABORT, CLOSE_ALL, WAYS };

static struct {
  enum in_callback what;
  char text[200];                  /* what was shown; stderr in upper case */
  size_t len;
} turns;

static void on_turn(uvssh_channel_t* channel,
                    int stream,
                    ssize_t nread,
                    const uv_buf_t* buf) {
  ssize_t i;

  CHECK(nread > 0);
  for (i = 0; i < nread; i++)
    turns.text[turns.len++] =
        (char) (stream == UVSSH_DATA ? buf->base[i] : buf->base[i] - 32);
  memset(buf->base, 0x77, buf->len);   /* the heads are not in it */
  if (turns.what == STOP)
    CHECK_EQ(uvssh_channel_read_stop(channel), 0);
  else if (turns.what == CLOSE)
    uvssh_channel_close(channel);
  else if (turns.what == ABORT)
    uvssh_channel_abort(channel);
  else if (turns.what == CLOSE_ALL)
    uvssh_session_close(channel->session);
}

static void peer_piece(struct peer* p, uint32_t id, const char* text) {
  int is_stderr = *text < 'a';
  struct buf* m = peer_message(p, is_stderr ? MSG_CHANNEL_EXTENDED_DATA
                                            : MSG_CHANNEL_DATA);
  char lower[8] = "";
  size_t i;

  for (i = 0; text[i] != '\0'; i++)
    lower[i] = (char) (is_stderr ? text[i] + 32 : text[i]);
  wr_u32(m, id);
  if (is_stderr)
    wr_u32(m, UVSSH_STDERR);
  wr_cstr(m, lower);
  peer_send(p);
}

/* A stop lets one run through, and what comes meanwhile goes on behind it. */
static void read_turns(struct peer* p, uint32_t id) {
  unsigned i;

  for (i = 0; i < 100 && turns.len < 17; i++) {
    if (uvssh_channel_read_start(served(p), on_turn) != 0)
      break;
    pipe_run(&p->app->pipe);
    if (i == 2 && turns.what == STOP)
      peer_piece(p, id, "XYZ");
    pipe_run(&p->app->pipe);
  }
  if (turns.what == GO_ON)
    peer_piece(p, id, "XYZ");
  pipe_run(&p->app->pipe);
}

TEST(held_streams_take_turns) {
  static const char* const pieces[] = { "abc", "D", "e", "FGH", "i", "jk",
                                        "lmn" };
  struct peer* p;
  uint32_t id;
  unsigned what, i;

  for (what = GO_ON; what < WAYS; what++) {
    NOTE("in the callback: %u", what);
    memset(&turns, 0, sizeof(turns));
    turns.what = (enum in_callback) what;
    p = begin(100, &id);
    CHECK_EQ(uvssh_channel_read_stop(served(p)), 0);
    for (i = 0; i < ARRAY_SIZE(pieces); i++)
      peer_piece(p, id, pieces[i]);
    pipe_run(&p->app->pipe);
    read_turns(p, id);
    CHECK_STR(turns.text, what <= STOP ? "abcDeFGHijklmnXYZ" : "abc");
    CHECK_EQ(p->app->served[0].closes, what > STOP);
    peer_end(p);
  }
}
