/* bench-process.h: what another process, and this one, have used. */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdint.h>

struct usage {
  double cpu_s;                    /* user and system */
  double pss_kib, rss_kib;         /* of processes that are there now */
  unsigned processes;
};

/* Of a process, its descendants, and those of them that have been waited for;
 * where a program forks for each connection that is all of it. Memory only
 * where it is asked for: reading it costs the server time.
 * 0; UV_ESRCH no such process; UV_ENOTSUP not on this system. */
int usage_of(uint64_t pid, int with_memory, struct usage* usage);

/* CPU seconds of this process. */
double usage_own(void);

#endif
