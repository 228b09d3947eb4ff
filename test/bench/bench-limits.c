/* bench-limits: what this machine can do through libuv alone, without SSH: what
 * any server here has to pay to the kernel.
 *
 *   bench-limits [--json] [--quick] [--reps N] [bulk | echo | relay ...]
 *
 *   bulk    bytes one way: writes of 256 KiB, reads of 512 KiB; seconds of
 *           processor for a GiB, of who sends and of who receives
 *   echo    messages of 100 bytes there and back, on 1 and 32 connections
 *   relay   lines of 100 bytes from one to 100: 50 a second, and a burst
 *
 * The other side is a process of its own on 127.0.0.1. All are run in turn,
 * N times over (3); each result is a line with --json, and the table has the
 * medians (least to most). What arrives is counted: a byte too few, and the
 * exit status is 1.
 */
#include "bench-limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "bench-timing.h"

enum { REPS_MAX = 100, ROWS = 5 };

static const struct row {
  const char* group;
  const char* what;
  struct limit_job job;
  uint64_t quick;                  /* count with --quick */
} rows[ROWS] = {
  { "bulk", "bulk", { LIMIT_SINK, 1, (uint64_t) 2 << 30, 0 },
    (uint64_t) 256 << 20 },
  { "echo", "echo, 1 connection", { LIMIT_ECHO, 1, 20000, 0 }, 4000 },
  { "echo", "echo, 32 connections", { LIMIT_ECHO, 32, 2000, 0 }, 400 },
  { "relay", "relay to 100, 50 lines/s", { LIMIT_RELAY, 100, 250, 50 }, 50 },
  { "relay", "relay to 100, a burst", { LIMIT_RELAY, 100, 500, 0 }, 500 },
};

struct sample {
  struct limit_result drive;
  struct limit_server serve;
};

static struct sample samples[ROWS][REPS_MAX];

static struct {
  int json;
  int quick;
  unsigned reps;
  unsigned wanted;                 /* a bit a row */
} options = { 0, 0, 3, 0 };

/* ---- a run --------------------------------------------------------------- */

static struct limit_job job_of(const struct row* row) {
  struct limit_job job = row->job;

  if (options.quick)
    job.count = row->quick;
  return job;
}

/* Bytes that the server has to have read. */
static uint64_t expected(const struct limit_job* job) {
  if (job->what == LIMIT_SINK)
    return job->count;
  if (job->what == LIMIT_RELAY)
    return job->count * LIMIT_MESSAGE;
  return job->count * job->connections * LIMIT_MESSAGE;
}

static int hear(int fd, void* base, size_t n) {
  size_t have = 0;
  ssize_t got;

  while (have < n) {
    got = read(fd, (char*) base + have, n - have);
    if (got <= 0)
      return -1;
    have += (size_t) got;
  }
  return 0;
}

static int run(const struct row* row, struct sample* s) {
  struct limit_job job = job_of(row);
  int ends[2];
  int port;
  int err;
  pid_t child;

  if (pipe(ends) != 0)
    return -1;
  fflush(NULL);
  child = fork();
  if (child < 0)
    return -1;
  if (child == 0) {
    close(ends[0]);
    limit_serve(job.what, ends[1]);
  }
  close(ends[1]);
  err = hear(ends[0], &port, sizeof(port));
  if (err == 0)
    err = limit_drive(&job, port, &s->drive);
  if (err == 0)
    err = hear(ends[0], &s->serve, sizeof(s->serve));
  close(ends[0]);
  if (waitpid(child, NULL, 0) != child)
    err = -1;
  if (err == 0 && s->serve.bytes != expected(&job)) {
    fprintf(stderr, "bench-limits: %s: the server read %llu bytes of %llu\n",
            row->what, (unsigned long long) s->serve.bytes,
            (unsigned long long) expected(&job));
    err = -1;
  }
  return err;
}

/* ---- output -------------------------------------------------------------- */

/* Of a GiB in seconds, or of a message in microseconds. */
static double each(const struct row* row,
                   const struct sample* s,
                   double seconds) {
  double done = (double) s->drive.done;

  return row->job.what == LIMIT_SINK ? seconds / (done / TIMING_GIB)
                                     : seconds / done * 1e6;
}

static void show_json(const struct row* row, const struct sample* s) {
  const struct limit_job job = job_of(row);

  printf("{\"bench\": \"bench-limits\", \"what\": \"%s\", "
         "\"connections\": %u, \"count\": %llu, \"rate\": %u, "
         "\"wall_s\": %.4f, ",
         row->group, job.connections, (unsigned long long) job.count,
         job.rate, s->drive.wall);
  if (job.what == LIMIT_SINK)
    printf("\"sender_cpu_s_gib\": %.4f, \"receiver_cpu_s_gib\": %.4f}\n",
           each(row, s, s->drive.cpu), each(row, s, s->serve.cpu));
  else
    printf("\"server_cpu_us\": %.3f, \"client_cpu_us\": %.3f, "
           "\"p50_us\": %.1f, \"p99_us\": %.1f}\n",
           each(row, s, s->serve.cpu), each(row, s, s->drive.cpu),
           s->drive.p50_us, s->drive.p99_us);
  fflush(stdout);
}

enum column { SERVER_CPU, CLIENT_CPU, RATE, P50, P99, COLUMNS };

static double value(const struct row* row,
                    const struct sample* s,
                    enum column column) {
  switch (column) {
    case SERVER_CPU: return each(row, s, s->serve.cpu);
    case CLIENT_CPU: return each(row, s, s->drive.cpu);
    case RATE: return 1 / each(row, s, s->drive.wall) *
                      (row->job.what == LIMIT_SINK ? 1 : 1e6);
    case P50: return s->drive.p50_us;
    default: return s->drive.p99_us;
  }
}

static void show_cell(enum column c, double median, double least, double most) {
  int digits = median >= 100 ? 0 : median >= 10 ? 1 : 2;
  char text[64];

  if (median <= 0)                 /* latencies of bulk */
    snprintf(text, sizeof(text), "-");
  else
    snprintf(text, sizeof(text), "%.*f (%.*f-%.*f)", digits, median, digits,
             least, digits, most);
  printf("%*s", c == RATE ? 26 : 20, text);
}

static void show_table(void) {
  double list[REPS_MAX];
  double median;
  unsigned i, c, k;

  printf("libuv %s alone, 127.0.0.1: median (least-most)\n\n%-26s",
         uv_version_string(), "");
  printf("%20s%20s%26s%20s%20s\n", "server CPU", "client CPU", "a second",
         "p50 us", "p99 us");
  for (i = 0; i < ROWS; i++) {
    if ((options.wanted & 1u << i) == 0)
      continue;
    printf("%-26s", rows[i].what);
    for (c = 0; c < COLUMNS; c++) {
      for (k = 0; k < options.reps; k++)
        list[k] = value(&rows[i], &samples[i][k], (enum column) c);
      median = timing_median(list, options.reps);
      show_cell((enum column) c, median, list[0], list[options.reps - 1]);
    }
    printf("\n");
  }
  printf("\nCPU: bulk: seconds for a GiB (the server receives, the client "
         "sends); the others:\nmicroseconds for a message or delivery.\n");
}

/* ---- options ------------------------------------------------------------- */

static void usage(void) {
  fprintf(stderr, "usage: bench-limits [--json] [--quick] [--reps N] "
                  "[bulk | echo | relay ...]\n"
                  "  --json    a line for each measurement, for a machine\n"
                  "  --quick   small sizes\n"
                  "  --reps N  all of it so many times over, 1 to 100 (3)\n");
  exit(2);
}

static void want(const char* group) {
  unsigned before = options.wanted;
  unsigned i;

  for (i = 0; i < ROWS; i++)
    if (strcmp(rows[i].group, group) == 0)
      options.wanted |= 1u << i;
  if (options.wanted == before)
    usage();
}

static void parse(int argc, char** argv) {
  int i;

  for (i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--json") == 0) {
      options.json = 1;
    } else if (strcmp(argv[i], "--quick") == 0) {
      options.quick = 1;
    } else if (strcmp(argv[i], "--reps") == 0 && i + 1 < argc) {
      options.reps = (unsigned) strtoul(argv[++i], NULL, 10);
      if (options.reps < 1 || options.reps > REPS_MAX)
        usage();
    } else {
      want(argv[i]);
    }
  }
  if (options.wanted == 0)
    options.wanted = (1u << ROWS) - 1;
}

int main(int argc, char** argv) {
  unsigned rep;
  unsigned i;

  parse(argc, argv);
  for (rep = 0; rep < options.reps; rep++) {
    for (i = 0; i < ROWS; i++) {
      if ((options.wanted & 1u << i) == 0)
        continue;
      fprintf(stderr, "bench-limits: %u of %u: %s\n", rep + 1, options.reps,
              rows[i].what);
      if (run(&rows[i], &samples[i][rep]) != 0)
        return 1;
      if (options.json)
        show_json(&rows[i], &samples[i][rep]);
    }
  }
  if (!options.json)
    show_table();
  return 0;
}
