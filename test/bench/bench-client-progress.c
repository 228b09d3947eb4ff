/* bench-client-progress.c: progress, and the end of a run that stands still.
 *
 * Happy path: a timer that keeps no loop alive looks; every two seconds there
 * is a line on stderr, so a run of less than two seconds prints none.
 *
 * Failures: a number that has not moved for --timeout seconds ends the program
 * with what it was: a server that is stuck is found out, and not waited for. */
#include <stdio.h>

#include "bench-client.h"

enum { EVERY_MS = 500, TOLD_MS = 2000 };

static struct {
  uv_timer_t timer;
  const char* what;
  uint64_t total, unit, done;
  uint64_t told;                   /* done, at the last tick */
  uint64_t began, moved, line;     /* ms of the loop; the last line */
} progress;

static void on_tick(uv_timer_t* timer) {
  uint64_t now = uv_now(timer->loop);

  if (progress.done != progress.told)
    progress.moved = now;
  progress.told = progress.done;
  if (now - progress.moved >= options.timeout * 1000)
    fail("%s: nothing has moved for %llu s, at %llu of %llu %s; is the server "
         "stuck? (--timeout)", options.name,
         (unsigned long long) options.timeout,
         (unsigned long long) (progress.done / progress.unit),
         (unsigned long long) (progress.total / progress.unit), progress.what);
  if (now - progress.line < TOLD_MS)
    return;
  progress.line = now;
  fprintf(stderr, "%s: %llu of %llu %s, %llu s\n", options.name,
          (unsigned long long) (progress.done / progress.unit),
          (unsigned long long) (progress.total / progress.unit), progress.what,
          (unsigned long long) ((now - progress.began) / 1000));
}

void progress_start(uv_loop_t* loop, const char* what, uint64_t total,
                 uint64_t unit) {
  uv_update_time(loop);
  progress.what = what;
  progress.total = total;
  progress.unit = unit;
  progress.done = progress.told = 0;
  progress.began = progress.moved = progress.line = uv_now(loop);
  uv_timer_init(loop, &progress.timer);
  uv_unref((uv_handle_t*) &progress.timer);
  uv_timer_start(&progress.timer, on_tick, EVERY_MS, EVERY_MS);
}

void progress_done(uint64_t done) {
  progress.done = done;
}

void progress_stop(void) {
  uv_close((uv_handle_t*) &progress.timer, NULL);
}
