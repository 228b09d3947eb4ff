/* bench-callback.c: see bench-callback.h. */
#include "bench-callback.h"

#include <stddef.h>
#include <time.h>
#include <uv.h>

enum { STEP_NS = 50 * 1000 };

static __thread struct callback_watch* watched;

uint64_t callback_cpu_ns(void) {
#ifdef CLOCK_THREAD_CPUTIME_ID
  struct timespec t;

  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0)
    return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
#endif
  return 0;
}

void callback_watch(struct callback_watch* w) {
  watched = w;
}

struct callback_watch* callback_watched(void) {
  return watched;
}

uint64_t callback_begin(struct callback_watch* w) {
  uint64_t now = uv_hrtime();

  if (now - w->asked_at < STEP_NS)
    return now;
  w->asked_at = now;
  w->cpu_ns = callback_cpu_ns();
  return now;
}

void callback_end(struct callback_watch* w,
                  enum callback_kind kind,
                  uint64_t began) {
  struct callback_most* most = &w->most[kind];
  uint64_t wall = uv_hrtime() - began;
  uint64_t cpu;

  most->calls++;
  if (wall > most->wall_ns)
    most->wall_ns = wall;
  if (wall <= most->cpu_ns)
    return;                        /* it has not had more than that */
  cpu = callback_cpu_ns() - w->cpu_ns;
  if (cpu > wall)
    cpu = wall;
  if (cpu > most->cpu_ns)
    most->cpu_ns = cpu;
}

const char* callback_name(enum callback_kind kind) {
  static const char* const names[] = {
#define XX(kind) #kind,
    CALLBACK_KINDS(XX)
#undef XX
    "none"
  };

  return names[kind];
}

enum callback_kind callback_longest(const struct callback_watch* w) {
  unsigned longest = CALLBACKS;
  unsigned i;

  for (i = 0; i < CALLBACKS; i++)
    if (w->most[i].calls != 0 &&
        (longest == CALLBACKS ||
         w->most[i].cpu_ns > w->most[longest].cpu_ns))
      longest = i;
  return (enum callback_kind) longest;
}

static void keep_more(uint64_t* most, uint64_t more) {
  if (more > *most)
    *most = more;
}

void callback_add(struct callback_watch* total,
                  const struct callback_watch* w) {
  unsigned i;

  for (i = 0; i < CALLBACKS; i++) {
    total->most[i].calls += w->most[i].calls;
    keep_more(&total->most[i].cpu_ns, w->most[i].cpu_ns);
    keep_more(&total->most[i].wall_ns, w->most[i].wall_ns);
  }
}
