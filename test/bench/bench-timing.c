/* bench-timing.c: see bench-timing.h. */
#include "bench-timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { ROUNDS_MAX = 20000, ROUNDS_MIN = 9, ROUNDS_WARM = 20 };

static double times[TIMING_LAPS_MAX][ROUNDS_MAX];
static double values[ROUNDS_MAX];

static void run_round(const struct lap* laps,
                      size_t count,
                      void* arg,
                      size_t batch,
                      size_t round) {
  uint64_t began;
  double ns;
  size_t i;

  for (i = 0; i < count; i++) {
    began = uv_hrtime();
    laps[i].run(arg, batch);
    ns = (double) (uv_hrtime() - began);
    if (laps[i].spent != NULL)
      ns = laps[i].spent(arg);
    times[i][round] = ns / (double) batch;
  }
}

static void sum_up(const struct lap* laps,
                   size_t count,
                   size_t rounds,
                   struct lap_result* results) {
  size_t i;
  size_t r;

  for (i = 0; i < count; i++) {
    for (r = 0; r < rounds; r++)
      values[r] = times[i][r] / times[laps[i].base][r];
    results[i].ratio = timing_median(values, rounds);
  }
  for (i = 0; i < count; i++)
    results[i].ns = timing_median(times[i], rounds);
}

size_t timing_run(const struct lap* laps,
                  size_t count,
                  void* arg,
                  size_t batch,
                  uint64_t ms,
                  struct lap_result* results) {
  uint64_t began = uv_hrtime();
  uint64_t end;
  size_t n = 0;
  int warm;

  for (warm = 0; warm < ROUNDS_WARM; warm++) {
    run_round(laps, count, arg, batch, 0);
    if (uv_hrtime() - began > ms * 100000)
      break;                       /* slow ones: a tenth is enough */
  }
  end = uv_hrtime() + ms * 1000000;
  while (n < ROUNDS_MAX && (n < ROUNDS_MIN || uv_hrtime() < end))
    run_round(laps, count, arg, batch, n++);
  sum_up(laps, count, n, results);
  return n;
}

static int by_value(const void* a, const void* b) {
  double x = *(const double*) a;
  double y = *(const double*) b;

  return x < y ? -1 : x > y;
}

double timing_median(double* list, size_t n) {
  return timing_percentile(list, n, 50);
}

double timing_percentile(double* list, size_t n, double percent) {
  size_t i = (size_t) ((double) n * percent / 100);

  if (n == 0)
    return 0;
  qsort(list, n, sizeof(list[0]), by_value);
  return list[i < n ? i : n - 1];
}

double timing_cpu(void) {
  uv_rusage_t r;

  if (uv_getrusage(&r) != 0)
    return 0;
  return (double) (r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
         (double) (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

void timing_options(struct timing_options* o, int argc, char** argv) {
  char* end;
  int i;

  o->json = 0;
  o->ms = 200;
  for (i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--json") == 0) {
      o->json = 1;
    } else if (strcmp(argv[i], "--ms") == 0 && i + 1 < argc) {
      o->ms = strtoul(argv[++i], &end, 10);
      if (*end != '\0' || o->ms == 0 || o->ms > 600 * 1000) {
        fprintf(stderr, "%s: --ms takes 1 to 600000 milliseconds\n", argv[0]);
        exit(2);
      }
    } else {
      fprintf(stderr, "usage: %s [--json] [--ms N]\n"
                      "  --json  a line for each row, for a machine\n"
                      "  --ms N  measure each row for N milliseconds (200)\n",
              argv[0]);
      exit(2);
    }
  }
}
