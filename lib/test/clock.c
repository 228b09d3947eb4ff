/* clock.c: a loop's time in a test's hand; and how a test knows that nothing
 * moves any more.
 *
 * A loop is at rest when the sessions have nothing to do, no job of theirs is
 * away, and the loop itself would sleep: several times in a row, since what a
 * socket of this machine brings may take a turn to show.
 */
#include "test/test.h"

enum {
  FIRST_MS = 1000000,
  RESTS = 3,
  TURNS_MAX = 50 * 1000 * 1000
};

static int moves(uv_loop_t* loop) {
  uint64_t now, due;

  return uvssh_clock_next(loop, &now, &due) > 0 ||
         (uv_loop_alive(loop) && uv_backend_timeout(loop) == 0);
}

int uvssh__test_turn(uv_loop_t* loop, struct rest* rest) {
  uint64_t now, due;
  int waits = uvssh_clock_next(loop, &now, &due) > 0;

  uv_run(loop, waits ? UV_RUN_ONCE : UV_RUN_NOWAIT);
  rest->turns++;
  rest->rests = moves(loop) ? 0 : rest->rests + 1;
  return rest->rests < RESTS && rest->turns < TURNS_MAX;
}

static int settle(uv_loop_t* loop) {
  struct rest rest = { 0, 0 };

  while (uvssh__test_turn(loop, &rest))
    ;
  return rest.rests < RESTS ? UV_ETIMEDOUT : 0;
}

int uvssh_test_clock(uv_loop_t* loop) {
  uint64_t now, due;

  if (loop != NULL && uvssh_clock_next(loop, &now, &due) >= 0)
    return UV_EBUSY;
  return uvssh_clock_set(loop, FIRST_MS);
}

int uvssh_test_clock_end(uv_loop_t* loop) {
  return uvssh_clock_end(loop);
}

int uvssh_test_advance(uv_loop_t* loop, uint64_t ms) {
  uint64_t now, due, until;
  int err = uvssh_clock_next(loop, &now, &due);

  if (err < 0)
    return err;
  until = ms < UINT64_MAX - now ? now + ms : UINT64_MAX - 1;
  do {
    err = settle(loop);
    if (err != 0)
      return err;
    err = uvssh_clock_next(loop, &now, &due);
    if (err < 0)                   /* all have gone, and it was given back */
      return 0;
    err = uvssh_clock_set(loop, due < until ? due : until);
  } while (err == 0 && due < until);
  return err == 0 ? settle(loop) : err;
}
