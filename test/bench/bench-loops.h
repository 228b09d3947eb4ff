/* bench-loops.h: bench-server on several loops, each in a thread of its own. */
#ifndef BENCH_LOOPS_H
#define BENCH_LOOPS_H

#include "bench-serve.h"

enum { BENCH_LOOPS = 64 };

/* Serves until SIGTERM or SIGINT, then prints a line for each loop to stderr.
 * total: the counters of all of them. 0 or a code. */
int bench_loops(struct serve_options* options,
                unsigned count,
                int port,
                int json,
                struct served* total);

#endif
