/* bench-timing.h: how the small measuring programs measure.
 *
 * A machine's speed drifts by a half within minutes, so nothing is measured
 * before or after what it is compared with. A row of laps is run, one after the
 * other, round after round; a lap's ratio to another one is taken within each
 * round, and the median over all rounds is what counts.
 *
 *   static void bare(void* arg, size_t n);      n operations
 *   static void ours(void* arg, size_t n);
 *   const struct lap laps[] = { { bare, 0 }, { ours, 0 } };
 *   struct lap_result r[2];
 *   timing_run(laps, 2, &thing, 64, 200, r);    batches of 64, for 200 ms
 *   printf("%.1f ns, %.2f of bare\n", r[1].ns, r[1].ratio);
 */
#ifndef BENCH_TIMING_H
#define BENCH_TIMING_H

#include <stddef.h>
#include <stdint.h>

#define TIMING_LAPS_MAX 24
#define TIMING_GIB (1024.0 * 1024.0 * 1024.0)

struct lap {
  void (*run)(void* arg, size_t n);
  size_t base;                     /* the lap that this one's ratio is to */
  /* Nanoseconds of the last run(), where not all of it counts; or NULL. */
  double (*spent)(void* arg);
};

struct lap_result {
  double ns;                       /* for one operation */
  double ratio;                    /* to the base lap */
};

/* Rounds for about so many milliseconds, and nine at least, behind some that
 * warm up. Returns how many counted. */
size_t timing_run(const struct lap* laps,
                  size_t count,
                  void* arg,
                  size_t batch,
                  uint64_t ms,
                  struct lap_result* results);

/* Sorts the values. */
double timing_median(double* values, size_t n);
/* The value that so many of a hundred do not exceed. Sorts, too. */
double timing_percentile(double* values, size_t n, double percent);

/* Seconds of processor that this process has used. */
double timing_cpu(void);

/* What every program here takes; ends it with a word where it is another. */
struct timing_options {
  int json;                        /* --json */
  uint64_t ms;                     /* --ms N: for each row */
};
void timing_options(struct timing_options* o, int argc, char** argv);

#endif
