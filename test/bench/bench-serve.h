/* bench-serve.h: one loop's server of bench-server: its sessions, and what they
 * run. Nothing is shared between two of these but the options. */
#ifndef BENCH_SERVE_H
#define BENCH_SERVE_H

#include <uvssh.h>

#include "bench-primitive-login.h"
#include "bench-watch.h"

enum { SERVED_KEYS = 64 };

struct serve_options {             /* the same for all loops; lent */
  const char* host_key;
  uvssh_key_t* keys[SERVED_KEYS];  /* who may log in; none: anybody */
  unsigned key_count;
  size_t primitive;                /* bytes of data a packet; 0: not measured */
  int login_primitive;             /* measured within logins */
  int exact;                       /* how the loop is watched */
  uint64_t window_most;            /* bytes; 0: windows do not grow */
  uvssh_loops_t* loops;            /* that share the port; NULL: only one */
};

struct serve_counts {
  uint64_t sessions;               /* that logged in */
  uint64_t now;                    /* connections that are there */
  uint64_t most;
  uint64_t commands;
  uint64_t messages;               /* reads of data */
  uint64_t bytes_in;               /* data of channels */
  uint64_t bytes_out;
  uint64_t pauses;                 /* a relay waited for a slow reader */
};

struct served {
  uv_loop_t* loop;
  uvssh_server_t server;
  const struct serve_options* options;
  struct serve_counts counts;
  struct login_sample login;
  struct watch watch;
  uvssh_group_t relays;            /* the commands "relay" */
  size_t unchecked;                /* bytes to each of them since their queues */
                                   /* were looked at */
  unsigned full;                   /* of them: their queues are */
};

/* 0 or a code; then nothing is left open but the watch. */
int served_init(struct served* s,
                uv_loop_t* loop,
                const struct serve_options* options,
                int port);
/* Ends all its sessions. */
void served_close(struct served* s);

#endif
