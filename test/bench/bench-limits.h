/* bench-limits.h: the two sides of bench-limits: libuv alone, without SSH. */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

#include <stddef.h>
#include <stdint.h>

enum limit { LIMIT_SINK, LIMIT_ECHO, LIMIT_RELAY };

enum {
  LIMIT_WRITE = 256 * 1024,        /* gathered, as a block of sealed packets */
  LIMIT_READ = 512 * 1024,         /* the read buffer of a loop */
  LIMIT_MESSAGE = 100,
  LIMIT_CONNECTIONS = 128          /* at most */
};

/* What the server tells when its last connection has closed. */
struct limit_server {
  uint64_t bytes;                  /* it has read */
  double cpu;                      /* seconds, from its first byte on */
};

/* A process of its own: writes its port (int) into fd, serves until all have
 * gone, writes a struct limit_server. Does not return. */
void limit_serve(enum limit what, int fd) __attribute__((noreturn));

struct limit_job {
  enum limit what;
  unsigned connections;            /* a relay: receivers */
  uint64_t count;                  /* bytes; rounds of each; lines */
  unsigned rate;                   /* a relay's lines a second; 0: a burst */
};

struct limit_result {
  double wall;                     /* seconds */
  double cpu;                      /* ours */
  uint64_t done;                   /* bytes, messages or deliveries */
  double p50_us;                   /* of messages and deliveries */
  double p99_us;
};

/* The other side, in this process. 0, or -1 when something did not work. */
int limit_drive(const struct limit_job* job,
                int port,
                struct limit_result* result);

#endif
