/* bench-client-echo.h: messages there and back, beside another workload. */
#ifndef BENCH_CLIENT_ECHO_H
#define BENCH_CLIENT_ECHO_H

#include <uv.h>

#include "bench-stats.h"

/* A MiB there and back, and compared: what a server that swallows bytes has
 * understood cannot be seen otherwise. Runs the loop. */
void echo_check(uv_loop_t* loop);

struct echo_aside;

/* One connection, on a loop and thread of its own, that sends 100 bytes every
 * so many ms. Returns when it has begun. */
struct echo_aside* echo_aside_start(unsigned every_ms);

/* Stops it. *times: of each message, in ns; free them. */
void echo_aside_stop(struct echo_aside* aside, struct samples* times);

#endif
