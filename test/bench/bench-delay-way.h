/* bench-delay-way.h: connections that take their time, for bench-delay. */
#ifndef BENCH_DELAY_WAY_H
#define BENCH_DELAY_WAY_H

#include <stdint.h>
#include <uv.h>

struct delayer {                   /* yours, zeroed */
  uv_tcp_t server;
  struct sockaddr_in target;
  uint64_t delay_ns;               /* each way */
  uint64_t most;                   /* bytes on each way of a connection */
  uint64_t most_held;              /* that were on one, so far */
  uint64_t pauses;                 /* a sender waited, for it was full */
  uint64_t connections;
  struct pair* pairs;              /* linked */
};

/* Listens on 127.0.0.1; *port 0: the kernel chooses, and it is told. 0, UV_*. */
int delayer_listen(struct delayer* d, uv_loop_t* loop, int* port);
/* Closes everything. */
void delayer_close(struct delayer* d);

#endif
