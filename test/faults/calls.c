/* calls.c: see calls.h. Counted with atomics: the thread pool calls, too. */
#include "calls.h"

#include <pthread.h>

enum { FDS = 256 };

static const char* const names[] = {
#define XX(name) #name,
  CALLS_UV(XX) CALLS_SYSTEM(XX)
#undef XX
};

static struct {
  struct fault fault;
  int armed;
  int paused;
  int fired;
  unsigned counts[CALLS];
  unsigned long moves;
  unsigned crowd;
  unsigned crowded;
  int no_share;
  unsigned char pipes[FDS];
} calls;

static __thread int asks_epoll;

#define GET(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define SET(x, v) __atomic_store_n(&(x), (v), __ATOMIC_SEQ_CST)
#define ADD(x, v) __atomic_add_fetch(&(x), (v), __ATOMIC_SEQ_CST)

const char* calls_name(enum call call) {
  return names[call];
}

static void in_child(void) {
  calls.armed = 0;
}

__attribute__((constructor)) static void set_up(void) {
  pthread_atfork(NULL, NULL, in_child);
}

void calls_arm(const struct fault* fault) {
  unsigned i;

  calls.fault = *fault;
  for (i = 0; i < CALLS; i++)
    SET(calls.counts[i], 0);
  SET(calls.fired, 0);
  SET(calls.crowded, 0);
  SET(calls.paused, 0);
  SET(calls.armed, 1);
}

void calls_disarm(void) {
  SET(calls.armed, 0);
}

int calls_armed(void) {
  return GET(calls.armed) && !GET(calls.paused);
}

void calls_pause(int pause) {
  SET(calls.paused, pause);
}

int calls_fired(void) {
  return GET(calls.fired);
}

unsigned calls_count(enum call call) {
  return GET(calls.counts[call]);
}

int calls_hit(enum call call) {
  if (!calls_armed() || (call == CALL_epoll_ctl && !asks_epoll))
    return 0;
  if (ADD(calls.counts[call], 1) != calls.fault.nth ||
      call != calls.fault.call || calls.fault.error == 0)
    return 0;
  SET(calls.fired, 1);
  return calls.fault.error;
}

void calls_crowd(unsigned nth) {
  calls.crowd = nth;
}

int calls_crowded(void) {
  return calls_armed() && calls.crowd != 0 &&
         ADD(calls.crowded, 1) % calls.crowd == 0;
}

void calls_no_share(int none) {
  SET(calls.no_share, none);
}

int calls_shares(void) {
  return !GET(calls.no_share);
}

void calls_moved(void) {
  ADD(calls.moves, 1);
}

unsigned long calls_moves(void) {
  return GET(calls.moves);
}

void calls_own_pipe(int fd) {
  if (fd < FDS)
    calls.pipes[fd] = 1;
}

int calls_owns_pipe(int fd) {
  return fd < FDS && calls.pipes[fd];
}

void calls_ask_epoll(int asks) {
  asks_epoll = asks;
}
