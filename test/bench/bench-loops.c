/* bench-loops.c: bench-server --loops N.
 *
 * Each loop has a server of its own, and counts for itself; what it counted is
 * looked at when its thread has ended. A relay reaches those of its loop. */
#include "bench-loops.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct half {                      /* one loop's */
  struct served served;
  double cpu;                      /* s, of its thread, at the end */
};

static struct {
  uvssh_loops_t loops;
  struct serve_options* options;
  struct half halves[BENCH_LOOPS];
  uv_signal_t signals[2];
  int port;
} all;

static void on_signal(uv_signal_t* handle, int signum) {
  uvssh_loops_stop(&all.loops);
}

static void watch_signals(uv_loop_t* loop) {
  static const int signums[] = { SIGTERM, SIGINT };
  unsigned i;

  for (i = 0; i < 2; i++) {
    uv_signal_init(loop, &all.signals[i]);
    uv_signal_start(&all.signals[i], on_signal, signums[i]);
    uv_unref((uv_handle_t*) &all.signals[i]);
  }
}

static int begin(uvssh_loops_t* loops, unsigned index, uv_loop_t* loop) {
  struct served* s = &all.halves[index].served;
  struct sockaddr_in name;
  int len = sizeof(name);
  int err = served_init(s, loop, all.options, all.port);

  if (err != 0 || index != 0)
    return err;
  watch_signals(loop);
  err = uvssh_server_getsockname(&s->server, (struct sockaddr*) &name, &len);
  all.port = ntohs(name.sin_port);
  return err;
}

static double thread_cpu(void) {
#ifdef CLOCK_THREAD_CPUTIME_ID
  struct timespec t;

  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0)
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
#endif
  return 0;
}

static void end(uvssh_loops_t* loops, unsigned index, uv_loop_t* loop) {
  all.halves[index].cpu = thread_cpu();
  served_close(&all.halves[index].served);
}

static void print_loop(const struct half* h, unsigned index, int json) {
  const struct serve_counts* c = &h->served.counts;

  fprintf(stderr,
          json ? "{\"bench\": \"server-loop\", \"loop\": %u, \"sessions\": "
                 "%llu, \"messages\": %llu, \"bytes_in\": %llu, \"bytes_out\": "
                 "%llu, \"turns\": %llu, \"cpu_s\": %.3f}\n"
               : "bench-server: loop %u: %llu sessions, %llu messages, %llu "
                 "bytes in, %llu bytes out, %llu turns, CPU %.3f s\n",
          index, (unsigned long long) c->sessions,
          (unsigned long long) c->messages, (unsigned long long) c->bytes_in,
          (unsigned long long) c->bytes_out,
          (unsigned long long) h->served.watch.turns, h->cpu);
}

static uint64_t larger(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

/* The most of a loop is the most of all; connections at most are those of the
 * loops at different times. */
static void add_up(struct served* total, const struct served* s) {
  struct serve_counts* t = &total->counts;

  t->sessions += s->counts.sessions;
  t->now += s->counts.now;
  t->most += s->counts.most;
  t->commands += s->counts.commands;
  t->messages += s->counts.messages;
  t->bytes_in += s->counts.bytes_in;
  t->bytes_out += s->counts.bytes_out;
  t->pauses += s->counts.pauses;
  total->watch.exact = s->watch.exact;
  total->watch.turns += s->watch.turns;
  total->watch.most_ns = larger(total->watch.most_ns, s->watch.most_ns);
  total->watch.most_cpu_ns = larger(total->watch.most_cpu_ns,
                                    s->watch.most_cpu_ns);
  total->watch.most_reads_ns = larger(total->watch.most_reads_ns,
                                      s->watch.most_reads_ns);
  total->watch.most_turn_ns = larger(total->watch.most_turn_ns,
                                     s->watch.most_turn_ns);
  callback_add(&total->watch.callbacks, &s->watch.callbacks);
}

int bench_loops(struct serve_options* options,
                unsigned count,
                int port,
                int json,
                struct served* total) {
  unsigned i;
  int err;

  options->loops = &all.loops;
  all.options = options;
  all.port = port;
  err = uvssh_loops_start(&all.loops, count, begin, end);
  if (err != 0)
    return err;
  printf("listening: 127.0.0.1, port %d\n", all.port);
  fflush(stdout);
  err = uvssh_loops_join(&all.loops);
  for (i = 0; i < count; i++) {
    print_loop(&all.halves[i], i, json);
    add_up(total, &all.halves[i].served);
  }
  return err;
}
