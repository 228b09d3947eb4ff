/* pace.c: how long the loop is held at a time.
 *
 * A callback of libuv does work for HELD_NS; a session that has more to read
 * than that yields, and goes on in another turn (loop.c).
 * What libuv has polled is many callbacks, one a socket: those of them that
 * come too late get no buffer, and libuv asks again in the next turn. Whoever
 * has read in this round waits until all who were left out have, too; who comes
 * in joins the next round, so each round ends. Those who are not logged in have
 * less time, and a round of their own: a crowd that comes in is not felt by who
 * is there. However late it is, one of either reads: what others do with the
 * loop's time shuts nobody out.
 *
 * Never where the loop's clock is replaced: who does that wants the same run to
 * be the same again. */
#include "loop/loop.h"

#define HELD_NS (1500 * 1000)

enum { STRIDE = 4 };

/* To send somebody away costs 1 us, too, which is what the end of a connection
 * costs: not for more than so many, for libuv asks up to 48 times a turn, each
 * time again for all of them. */
static const unsigned left_out_max[2] = { 1024, 256 };
static const uint64_t reads_ns[2] = { 300 * 1000, 1500 * 1000 };

uint64_t (*uvssh__loop_hrtime)(void) = uv_hrtime;

static uint64_t look(struct loop* loop) {
  uint64_t now = uvssh__loop_hrtime();

  if (loop->reads_began == 0)
    loop->reads_began = now;
  loop->reads_took = now - loop->reads_began;
  return now;
}

int uvssh__loop_is_late(struct loop* loop) {
  uint64_t now;

  if (loop->has_clock)
    return 0;
  now = look(loop);
  if (loop->late_at == 0)
    loop->late_at = now + HELD_NS;
  return now >= loop->late_at;
}

/* ---- reading ------------------------------------------------------------- */

void uvssh__reads_begin(struct loop* loop) {
  struct gate* g;
  int i;

  for (i = 0; i < 2; i++) {
    g = &loop->gates[i];
    g->is_shut = g->left_out != 0;
    if (!g->is_shut)
      g->round++;
    g->left_out = 0;
    g->has_read = 0;
  }
  loop->reads = 0;
  loop->reads_began = 0;
  loop->reads_took = 0;
}

/* The clock is not read for every small message. */
static int are_late(struct loop* loop, int logged_in) {
  if (loop->has_clock)
    return 0;
  if (loop->reads_took >= reads_ns[logged_in])
    return 1;
  if (!logged_in || ++loop->reads % STRIDE == 0)
    (void) look(loop);
  return loop->reads_took >= reads_ns[logged_in];
}

int uvssh__may_read(struct attach* a) {
  int logged_in = a->session.desk.logged_in != 0;
  struct gate* g = &a->loop->gates[logged_in];

  if (g->is_shut && a->round == g->round)
    return 0;
  if (g->left_out < left_out_max[logged_in] && are_late(a->loop, logged_in) &&
      g->has_read) {
    g->left_out++;
    return 0;
  }
  g->has_read = 1;
  a->round = g->round;
  return 1;
}
