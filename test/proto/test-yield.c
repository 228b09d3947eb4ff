/* A session that has held the loop for long enough yields: what is left to read
 * waits for its next turn, nothing is lost, nothing comes out of order, and the
 * transport is not read meanwhile. Here that is asked and answered by count:
 * each question says yes, and each fourth message asks. */
#include "served.h"

#include <stdlib.h>

enum { MESSAGES = 2000, PER_CALL = LATE_STRIDE, PER_STEP = 2 * PER_CALL };

static struct {
  size_t got;                      /* before this step */
  unsigned yields;
} seen;

/* A step is a turn and a piece: two calls that may yield. */
static void on_step(struct pipe* p) {
  struct app* a = CONTAINER_OF(p, struct app, pipe);
  struct session* s = &p->server.session;

  CHECK(a->served[0].got[0] - seen.got <= PER_STEP);
  seen.got = a->served[0].got[0];
  if (!p->server.up || !s->yielded)
    return;
  seen.yields++;
  CHECK(p->server.dirty);
  CHECK_EQ(uvssh__session_wants_input(s), s->ending == E_SAYING);
}

static void say_bytes(struct peer* p, uint32_t id, size_t from, size_t n) {
  uint8_t byte;
  size_t i;

  for (i = from; i < from + n; i++) {
    byte = app_byte(i);
    peer_data(p, id, &byte, 1);
  }
}

static struct peer* begin_late(uint32_t* id) {
  struct peer* p = begin(100, id);

  p->app->served[0].pattern = 1;
  p->app->pipe.late_every = 1;
  p->app->pipe.on_step = on_step;
  memset(&seen, 0, sizeof(seen));
  return p;
}

TEST(yield_a_flood_takes_turns) {
  uint32_t id;
  struct peer* p = begin_late(&id);
  struct transport* t = &p->side->session.transport;

  say_bytes(p, id, 0, MESSAGES);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->app->served[0].got[0], MESSAGES);
  CHECK(seen.yields >= MESSAGES / PER_STEP - 1);
  CHECK_EQ(p->side->session.yielded, 0);
  CHECK(uvssh__session_wants_input(&p->side->session));
  CHECK(t->tail.base == NULL);     /* nothing is kept of it */
  peer_alive(p);
  peer_end(p);
}

/* What was fed and not read is copied once, and read where it lies. */
TEST(yield_copies_once) {
  uint32_t id;
  struct peer* p = begin_late(&id);
  struct transport* t = &p->side->session.transport;
  const uint8_t* base = NULL;
  unsigned turns = 0;

  p->app->pipe.on_step = NULL;
  say_bytes(p, id, 0, MESSAGES);
  while (p->app->served[0].got[0] < MESSAGES) {
    CHECK(pipe_step(&p->app->pipe));
    if (packet_kept(t) == 0)
      continue;
    if (base == NULL)
      base = t->tail.base;
    CHECK(t->tail.base == base);
    turns++;
  }
  CHECK(turns > MESSAGES / PER_STEP - 2);
  peer_end(p);
}

/* ---- the end comes behind what is left ----------------------------------- */

enum parting { END_EOF, END_CLOSE, END_DISCONNECT, END_LOST, ENDS };

static void say_end(struct peer* p, enum parting how, uint32_t id) {
  struct buf* m;

  if (how == END_EOF || how == END_CLOSE) {
    m = peer_message(p, how == END_EOF ? MSG_CHANNEL_EOF : MSG_CHANNEL_CLOSE);
    wr_u32(m, id);
    peer_send(p);
  } else if (how == END_DISCONNECT) {
    m = peer_message(p, MSG_DISCONNECT);
    wr_u32(m, 11);
    wr_cstr(m, "");
    wr_cstr(m, "");
    peer_send(p);
  } else {
    peer_hang_up(p);
  }
}

TEST(yield_and_the_end) {
  static const int wanted[] = { UV_EOF, UV_EOF, UVSSH_EDISCONNECT,
                                UV_ECONNRESET };
  struct app_channel* ch;
  struct peer* p;
  uint32_t id;
  int how;

  for (how = 0; how < ENDS; how++) {
    NOTE("end %d", how);
    p = begin_late(&id);
    ch = &p->app->served[0];
    say_bytes(p, id, 0, 203);
    say_end(p, (enum parting) how, id);
    pipe_run(&p->app->pipe);
    CHECK_EQ(ch->got[0], 203);
    CHECK_EQ(ch->ends, 1);
    CHECK_EQ(ch->end, wanted[how]);
    CHECK_EQ(p->side->closes, how >= END_DISCONNECT);
    CHECK(seen.yields > 0);
    peer_end(p);
  }
}

/* ---- what was held for a reader ------------------------------------------ */

TEST(yield_held_bytes_take_turns) {
  uint32_t id;
  struct peer* p = begin_late(&id);
  struct app_channel* ch = &p->app->served[0];
  uint8_t piece[1500];             /* no two of them share memory */
  unsigned steps = 0;
  size_t i;

  p->app->pipe.on_step = NULL;
  CHECK_EQ(uvssh_channel_read_stop(&ch->pub), 0);
  for (i = 0; i < 40; i++) {
    app_pattern(piece, i * sizeof(piece), sizeof(piece));
    peer_data(p, id, piece, sizeof(piece));
  }
  say_end(p, END_EOF, id);
  pipe_run(&p->app->pipe);
  CHECK_EQ(ch->got[0], 0);
  CHECK_EQ(uvssh_channel_read_start(&ch->pub, app_read), 0);
  while (ch->ends == 0) {
    CHECK(pipe_step(&p->app->pipe));
    CHECK(ch->got[0] <= ++steps * PER_CALL * sizeof(piece));
  }
  CHECK_EQ(ch->got[0], 40 * sizeof(piece));
  CHECK_EQ(ch->end, UV_EOF);
  peer_end(p);
}

/* ---- a whole session, late at every question ----------------------------- */

/* Many messages at a time. */
static struct app* late_app(unsigned every) {
  struct app* a = app_new();

  a->server_config.packet_bytes = a->client_config.packet_bytes = 1024;
  a->pipe.late_every = every;
  return a;
}

TEST(yield_a_whole_session) {
  struct app* a;
  unsigned every;

  for (every = 1; every < 6; every++) {
    NOTE("every %u", every);
    a = late_app(every);
    app_script(a);
    CHECK(app_script_is_complete(a));
    CHECK(a->pipe.late_asked > 0);
    CHECK_EQ(a->served[0].got[0], 43007);
    CHECK_EQ(a->asked[0].got[0], 20007);
    app_end(a);
  }
}

static unsigned close_at;

static void on_any(struct app* a,
                   uvssh_session_t* session,
                   uvssh_channel_t* channel) {
  if (a->callbacks == close_at)
    uvssh_session_close(&a->pipe.server.pub);
}

/* ... and closed in each callback: what waits goes with it. */
TEST(yield_closed_meanwhile) {
  struct app* a = late_app(1);
  unsigned last;

  app_script(a);
  last = a->callbacks;
  for (close_at = 1; close_at <= last; close_at++) {
    NOTE("callback %u", close_at);
    app_script_again(a);
    a->on_any = on_any;
    a->pipe.late_every = 1;
    app_script(a);
    CHECK(a->callbacks >= close_at);
  }
  app_end(a);
}
