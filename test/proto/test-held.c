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
