/* bench-stats.c: see bench-stats.h.
 *
 * Happy path: a result is printed when it is complete, in one go, and flushed,
 * so that a reader at a pipe has it at once.
 *
 * Failures: where there is no memory for a sample the program ends with a line
 * that says so: a figure of some of the samples would be wrong.
 *
 * Never: a number that JSON does not know. What is not finite is null. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench-stats.h"

static struct {
  int json;
  int some;                        /* a figure has been printed */
} result;

void samples_add(struct samples* s, uint64_t value) {
  size_t room = s->room == 0 ? 1024 : 2 * s->room;
  uint64_t* values;

  if (s->count == s->room) {
    values = realloc(s->values, room * sizeof(*values));
    if (values == NULL) {
      fprintf(stderr, "no memory for %zu samples; ask for fewer\n", room);
      exit(1);
    }
    s->values = values;
    s->room = room;
  }
  s->values[s->count++] = value;
  s->sorted = 0;
}

void samples_free(struct samples* s) {
  free(s->values);
  memset(s, 0, sizeof(*s));
}

static int compare(const void* a, const void* b) {
  uint64_t x = *(const uint64_t*) a;
  uint64_t y = *(const uint64_t*) b;

  return (x > y) - (x < y);
}

double samples_at(struct samples* s, double part) {
  size_t at;

  if (s->count == 0)
    return NAN;
  if (!s->sorted)
    qsort(s->values, s->count, sizeof(*s->values), compare);
  s->sorted = 1;
  at = (size_t) (part * (double) s->count);
  return (double) s->values[at < s->count ? at : s->count - 1];
}

/* ---- a result ------------------------------------------------------------ */

void result_begin(int json, const char* title) {
  result.json = json;
  result.some = 0;
  if (json)
    printf("{\"workload\": \"%s\"", title);
  else
    printf("%s\n", title);
}

void result_text(const char* name, const char* label, const char* value) {
  if (result.json)
    printf(", \"%s\": \"%s\"", name, value);
  else if (label != NULL)
    printf("  %-34s %s\n", label, value);
}

void result_number(const char* name, const char* label, double value,
                   int decimals, const char* unit) {
  char text[64];

  if (isfinite(value))
    snprintf(text, sizeof(text), "%.*f", decimals, value);
  else
    snprintf(text, sizeof(text), "null");
  if (result.json)
    printf(", \"%s\": %s", name, text);
  else if (label != NULL)
    printf("  %-34s %s%s%s\n", label, isfinite(value) ? text : "not known",
           isfinite(value) && *unit != '\0' ? " " : "",
           isfinite(value) ? unit : "");
}

void result_end(void) {
  printf("%s\n", result.json ? "}" : "");
  fflush(stdout);
}

void result_times(struct samples* s, double unit_ns, const char* suffix) {
  static const struct {
    const char* name;
    double part;
  } rows[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "max", 1 } };
  int decimals = unit_ns < 1e5 ? 1 : 3;
  char name[32];
  size_t i;

  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    snprintf(name, sizeof(name), "%s_%s", rows[i].name, suffix);
    result_number(name, rows[i].name,
                  samples_at(s, rows[i].part) / unit_ns, decimals,
                  suffix);
  }
}
