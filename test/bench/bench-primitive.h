/* bench-primitive.h: what the bare calls of a cipher (micro-bare.h) cost, timed
 * inside the transfer that they are compared with: a machine's speed drifts by
 * a third within minutes.
 *
 * Every PRIMITIVE_EVERY-th packet's worth of a transfer they run once, on a hot
 * buffer, timed with the processor's cycle counter. One thread. */
#ifndef BENCH_PRIMITIVE_H
#define BENCH_PRIMITIVE_H

#include "micro-bare.h"

enum { PRIMITIVE_EVERY = 16, PRIMITIVE_DATA_MAX = 32768 };

struct primitive_time {            /* of calls of one kind */
  uint64_t count;
  uint64_t ticks;                  /* over count */
  uint64_t least;                  /* of one */
  uint64_t spent;                  /* ticks of all that measuring takes */
};

struct primitive_sample {
  const struct bare* bare;         /* NULL: nothing is measured */
  int opening;
  size_t data;                     /* bytes in a packet */
  uint64_t carried;                /* bytes since the last one */
  struct primitive_time time;
};

/* 0 or -1. Before anything else here. */
int primitive_init(void);
/* The names on the wire; mac "" with an AEAD cipher. NULL: there is none. */
const struct bare* primitive_find(const char* cipher, const char* mac);
/* So many bytes have been carried: measures where it is time to. */
void primitive_carried(struct primitive_sample* s, uint64_t bytes);
/* Seconds of the bare calls for a GiB of data; 0: nothing was measured. */
double primitive_per_gib(const struct primitive_sample* s);
/* Seconds that measuring took. */
double primitive_spent(const struct primitive_sample* s);


/* For other calls: the processor's cycle counter, or nanoseconds. */
uint64_t primitive_ticks(void);
/* One took `one`, and with what it needed `all`. */
void primitive_note(struct primitive_time* t, uint64_t one, uint64_t all);
/* Seconds of one, on the average; 0: nothing was measured. */
double primitive_each(const struct primitive_time* t);
double primitive_seconds(double ticks);

#endif
