/* bench-stats.h: figures: their percentiles, a table for people, JSON for
 * machines. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>
#include <stdint.h>

struct samples {                   /* zeroed is empty */
  uint64_t* values;
  size_t count;
  size_t room;
  int sorted;
};

/* No memory: the program ends. */
void samples_add(struct samples* s, uint64_t value);
void samples_free(struct samples* s);

/* The value that `part` of them (0 to 1) do not exceed; NAN of none. */
double samples_at(struct samples* s, double part);

/* One result. As a table the title is a line and each figure another; as JSON
 * all is one object in one line, under the names, and nothing else is printed.
 * A text is copied nowhere and needs no escape. */
void result_begin(int json, const char* title);
void result_text(const char* name, const char* label, const char* value);
void result_number(const char* name,
                   const char* label,
                   double value,
                   int decimals,
                   const char* unit);
void result_end(void);

/* p50, p90, p99 and max of nanoseconds, in units of `unit_ns`, under the names
 * with `suffix` ("us"), which is also their unit. */
void result_times(struct samples* s, double unit_ns, const char* suffix);

#endif
