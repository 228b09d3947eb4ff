/* bench-watch.h: how long a loop was held: the longest callback by itself, see
 * bench-callback.h; and the longest time between two of its polls, where all
 * callbacks of one poll add up, and what of it was spent where. */
#ifndef BENCH_WATCH_H
#define BENCH_WATCH_H

#include <uv.h>

#include "bench-callback.h"

struct watch {
  int exact;
  uv_prepare_t before_poll;        /* behind the library's */
  uv_check_t after_turn;           /* the same */
  uv_check_t after_reads;          /* before the library's */
  uint64_t turns;
  uint64_t polled;                 /* ns: when the last poll began */
  uint64_t idle;                   /* ns: libuv's count of sleep, then */
  uint64_t reads;                  /* ns: this iteration's so far */
  uint64_t read_at;
  uint64_t turn_at;
  uint64_t cpu_ns;                 /* of the thread, when the last poll began */
  uint64_t most_ns;                /* of one iteration */
  uint64_t most_cpu_ns;            /* of one: processor, with the poll's own */
  uint64_t most_reads_ns;          /* of its callbacks of sockets */
  uint64_t most_turn_ns;           /* of the library's turn behind them */
  struct callback_watch callbacks; /* exact: each by itself */
};

/* Exact: libuv tells how long it slept, which costs one system call more each
 * time it does, and each callback is timed. Otherwise in steps of libuv's clock,
 * 1 to 2 ms, and no callback is. To be called in the loop's thread, before it
 * has a server: what is started first runs last. 0 or UV_*. */
int watch_init(struct watch* w, uv_loop_t* loop, int exact);
/* After it has one. */
void watch_start(struct watch* w);
void watch_stop(struct watch* w);

#endif
