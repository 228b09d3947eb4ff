/* bench-client.c: measures an SSH server: bulk, logins, idle sessions, echo,
 * relay.
 *
 * usage: bench-client WORKLOAD [OPTION ...]
 *        bench-client [OPTION ...] COMMAND ...
 *
 * It stands on the public functions of the library and speaks to any server
 * that knows a few commands, or has a shell. One idea a file:
 *
 *   bench-client-options.c  the command line
 *   bench-client-link.c     one connection that logs in and runs a command
 *   bench-client-bulk.c     up, down         bench-client-echo.c   echo
 *   bench-client-login.c    login            bench-client-relay.c  relay
 *   bench-client-idle.c     idle             bench-client-run.c    a command
 *   bench-client-progress.c    progress, and runs that stand still
 *   bench-client-meter.c    what the measured part has cost
 *   bench-stats.c           percentiles, table, JSON
 *   bench-process.c         CPU and memory of the server
 *
 * Happy path: the workload's connections are opened, then the clock starts, and
 * what came back is compared with what was sent. A table, or a line of JSON.
 *
 * Failures: whatever is not as it should be is a line on stderr and the exit
 * status 1; wrong use is 2.
 *
 * Never: one run is no result. Machines differ, and the same one from minute to
 * minute: compare servers by runs in turn. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef _WIN32
# include <sys/resource.h>
#endif

#include "bench-client-link.h"

enum { DESCRIPTORS_OF_OURS = 40 };

static const struct {
  unsigned what;
  int (*measure)(uv_loop_t* loop);
} workloads[] = {
  { DO_RUN, measure_run },     { DO_UP, measure_up },
  { DO_DOWN, measure_down },   { DO_LOGIN, measure_login },
  { DO_IDLE, measure_idle },   { DO_ECHO, measure_echo },
  { DO_RELAY, measure_relay }
};

void fail(const char* text, ...) {
  va_list args;

  fflush(stdout);
  fputs("bench-client: ", stderr);
  va_start(args, text);
  vfprintf(stderr, text, args);
  va_end(args);
  fputc('\n', stderr);
  exit(options.what == DO_RUN ? 255 : 1);   /* as ssh */
}

void* need(size_t count, size_t size) {
  void* p = calloc(count, size);

  if (p == NULL)
    fail("no memory for %zu times %zu bytes; ask for less", count, size);
  return p;
}

const char* command_sink(void) {
  return options.shell ? "cat >/dev/null" : "sink";
}

void command_source(char command[COMMAND_MAX], uint64_t bytes) {
  snprintf(command, COMMAND_MAX,
           options.shell ? "head -c %llu /dev/zero" : "source %llu",
           (unsigned long long) bytes);
}

const char* command_echo(void) {
  return options.shell ? "cat" : "echo";
}

const char* command_noop(void) {
  return options.shell ? "true" : "noop";
}

/* At the same time. */
static uint64_t connections(void) {
  switch (options.what) {
    case DO_LOGIN:
      return options.in_flight + 1;
    case DO_IDLE:
      return options.count;
    case DO_RELAY:
      return options.receivers + 1;
    default:
      return options.connections;
  }
}

/* As many descriptors as this system gives us. */
static void check_descriptors(void) {
#ifndef _WIN32
  uint64_t wanted = connections() + DESCRIPTORS_OF_OURS;
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur != RLIM_INFINITY && wanted > limit.rlim_cur)
    fail("%s: %llu connections need more than the %llu descriptors of this "
         "process; ask for fewer, or raise ulimit -Hn", options.name,
         (unsigned long long) connections(),
         (unsigned long long) limit.rlim_cur);
#endif
}

static void set_defaults(void) {
  if (options.count == 0)
    options.count = options.what == DO_ECHO ? 5000 : 1000;
  if (options.in_flight == 0)
    options.in_flight = options.what == DO_IDLE ? 32 : 1;
}

int main(int argc, char** argv) {
  uv_loop_t* loop = uv_default_loop();
  int status = 1;
  size_t i;

  options_parse(argc, argv);
  set_defaults();
  check_descriptors();
  link_init();
  for (i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
    if (workloads[i].what == options.what)
      status = workloads[i].measure(loop);
  link_free();
  if (uv_loop_close(loop) != 0)
    fail("something is still open at the end: a fault of this program");
  return status;
}
