/* bench-callback.h: how long each callback that libuv makes into the library
 * takes, by itself: what a loop's other handles wait for at the least.
 *
 * On Linux, where the program's own uv_close() and so on come before libuv's
 * (bench-callback-calls.c); elsewhere nothing is counted.
 *
 * What counts is the thread's processor time, so neither other programs nor, as
 * far as the kernel knows of it, the host of a virtual machine. To ask for it
 * is a system call, so it is asked once in STEP_NS, and at the end of a
 * callback that the clock says could be the longest: what is reported is up to
 * STEP_NS more than it was, never less. */
#ifndef BENCH_CALLBACK_H
#define BENCH_CALLBACK_H

#include <stdint.h>

#define CALLBACK_KINDS(XX)                                                    \
  XX(after_work) XX(alloc) XX(async) XX(check) XX(close) XX(connection)       \
  XX(idle) XX(poll) XX(prepare) XX(read) XX(timer)

enum callback_kind {
#define XX(kind) CALLBACK_##kind,
  CALLBACK_KINDS(XX)
#undef XX
  CALLBACKS
};

struct callback_most {
  uint64_t calls;
  uint64_t cpu_ns;                 /* the longest's processor time */
  uint64_t wall_ns;                /* the longest by the clock: another one, */
                                   /* as a rule */
};

struct callback_watch {            /* one loop's */
  struct callback_most most[CALLBACKS];
  uint64_t asked_at;               /* the processor time was cpu_ns then */
  uint64_t cpu_ns;
};

/* From here on in this thread; what is started before is not watched: libuv's
 * own handles of the loop, those of the program. */
void callback_watch(struct callback_watch* w);
/* The longest of all kinds; CALLBACKS: none was called. */
enum callback_kind callback_longest(const struct callback_watch* w);
const char* callback_name(enum callback_kind kind);
void callback_add(struct callback_watch* total, const struct callback_watch* w);

/* What this thread has used so far; 0 where nobody knows. */
uint64_t callback_cpu_ns(void);

/* For bench-callback-calls.c. */
struct callback_watch* callback_watched(void);       /* NULL: this thread's */
                                                     /* is not */
uint64_t callback_begin(struct callback_watch* w);
void callback_end(struct callback_watch* w, enum callback_kind kind,
                  uint64_t began);

#endif
