/* bench-client-meter.h: what a measured part has cost: time, the client's CPU,
 * and the server's where --server-pid names it. */
#ifndef BENCH_CLIENT_METER_H
#define BENCH_CLIENT_METER_H

#include "bench-process.h"

struct meter {
  uint64_t began;                  /* ns */
  double own_s;
  struct usage server;
  double wall_s, client_s, server_s;   /* meter_stop(): differences; server_s */
};                                     /* is NAN where it is not known */

/* Says so where --server-pid cannot be used, and ends. */
void meter_begin(struct meter* m);

/* The measured part is over. */
void meter_stop(struct meter* m);

/* Where closing connections is part of it, once they are closed: what the
 * server has used until it has come to rest, and has as few processes as when
 * it began, is its part. Blocks, at most some seconds. */
void meter_closed(struct meter* m);

/* CPU of server and client for one of `count`, in units of `unit_s` seconds:
 * server_cpu_NAME and client_cpu_NAME. */
void meter_print(const struct meter* m,
                 double count,
                 double unit_s,
                 const char* name,
                 const char* unit);

/* Until the server has come to rest: it has done what its last messages ask
 * for. At most five seconds. Blocks. */
void meter_rest(void);

/* As usage_of() with --server-pid, memory too; *usage is NAN without. */
void meter_memory(struct usage* usage);

#endif
