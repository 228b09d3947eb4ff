/* bench-server: the server that is measured, on the public API only.
 *
 *   bench-server [OPTION]... PORT HOST_KEY [AUTHORIZED_KEYS]
 *
 * Listens on 127.0.0.1, in the foreground; PORT 0: the kernel chooses, and the
 * first line of the output says what. HOST_KEY is made where there is none.
 * Without AUTHORIZED_KEYS anybody with a key may log in, under any name. What
 * can be run is in bench-serve.c.
 *
 * SIGUSR1 prints the counters to stderr; SIGTERM and SIGINT, too, and end it. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef _WIN32
#include <sys/resource.h>
#endif

#include "bench-loops.h"

static const char usage[] =
    "usage: bench-server [OPTION]... PORT HOST_KEY [AUTHORIZED_KEYS]\n"
    "\n"
    "Serves the commands sink, source N, echo, noop and relay on 127.0.0.1.\n"
    "PORT 0 lets the kernel choose. HOST_KEY is an Ed25519 key in OpenSSH's\n"
    "format, and is made where there is none. AUTHORIZED_KEYS has one public\n"
    "key a line; without it any key may log in.\n"
    "\n"
    "  --primitive N  run the bare cipher now and then on N bytes of data, and\n"
    "                 print a line for each sink and source: CPU seconds per\n"
    "                 GiB of it, and of the whole\n"
    "  --login-primitive  run the bare calls that a login needs in every 16th,\n"
    "                 and print at the end what they cost, and a login\n"
    "  --window-most MIB  so far the window of a channel may grow; 32; 0: it\n"
    "                 stays at 2 MiB\n"
    "  --held         measure exactly how long the loop is held, and on Linux how\n"
    "                 long by each callback; without it in steps of 1 to 2 ms, a\n"
    "                 system call a turn and two looks at the clock for each\n"
    "                 callback cheaper\n"
    "  --loops N      so many loops, each in a thread of its own, share the\n"
    "                 port, and a line for each comes at the end; a relay reaches\n"
    "                 the channels of its own loop\n"
    "  --json         counters as one line of JSON\n";

struct program {
  struct serve_options serve;
  struct served served;            /* of several loops: the sum */
  unsigned loops;                  /* 0: the main thread's only */
  int json;
  uv_signal_t signals[3];
};

/* ---- counters ------------------------------------------------------------ */

/* [calls, the longest's ms of processor, the longest by the clock], a kind. */
static void print_callbacks(const struct callback_watch* w) {
  const struct callback_most* most = w->most;
  const char* comma = "";
  unsigned i;

  fprintf(stderr, "\"callbacks\": {");
  for (i = 0; i < CALLBACKS; i++) {
    if (most[i].calls == 0)
      continue;
    fprintf(stderr, "%s\"%s\": [%llu, %.3f, %.3f]", comma,
            callback_name((enum callback_kind) i),
            (unsigned long long) most[i].calls, (double) most[i].cpu_ns / 1e6,
            (double) most[i].wall_ns / 1e6);
    comma = ", ";
  }
  fprintf(stderr, "}");
}

static void print_longest_json(const struct callback_watch* w) {
  enum callback_kind kind = callback_longest(w);

  if (kind == CALLBACKS)
    return;
  fprintf(stderr, ", \"callback\": \"%s\", \"callback_ms\": %.3f, ",
          callback_name(kind), (double) w->most[kind].cpu_ns / 1e6);
  print_callbacks(w);
}

static void print_longest_text(const struct callback_watch* w) {
  enum callback_kind kind = callback_longest(w);

  if (kind != CALLBACKS)
    fprintf(stderr, "bench-server: longest callback %.3f ms of processor "
            "(%s)\n", (double) w->most[kind].cpu_ns / 1e6,
            callback_name(kind));
}

static void print_json(const struct served* s, const uv_rusage_t* r) {
  const struct serve_counts* c = &s->counts;

  fprintf(stderr,
          "{\"bench\": \"server\", \"sessions\": %llu, \"now\": %llu, "
          "\"most\": %llu, \"commands\": %llu, \"messages\": %llu, "
          "\"bytes_in\": %llu, \"bytes_out\": %llu, \"pauses\": %llu, "
          "\"turns\": %llu, \"cpu_user_s\": %ld.%06ld, "
          "\"cpu_system_s\": %ld.%06ld, \"held_ms\": %.3f, "
          "\"held_reads_ms\": %.3f, \"held_turn_ms\": %.3f, "
          "\"held_cpu_ms\": %.3f, \"held_exact\": %s",
          (unsigned long long) c->sessions, (unsigned long long) c->now,
          (unsigned long long) c->most, (unsigned long long) c->commands,
          (unsigned long long) c->messages, (unsigned long long) c->bytes_in,
          (unsigned long long) c->bytes_out, (unsigned long long) c->pauses,
          (unsigned long long) s->watch.turns, r->ru_utime.tv_sec,
          r->ru_utime.tv_usec, r->ru_stime.tv_sec, r->ru_stime.tv_usec,
          (double) s->watch.most_ns / 1e6,
          (double) s->watch.most_reads_ns / 1e6,
          (double) s->watch.most_turn_ns / 1e6,
          (double) s->watch.most_cpu_ns / 1e6,
          s->watch.exact ? "true" : "false");
  print_longest_json(&s->watch.callbacks);
  fprintf(stderr, "}\n");
}

static void print_text(const struct served* s, const uv_rusage_t* r) {
  const struct serve_counts* c = &s->counts;

  fprintf(stderr,
          "bench-server: %llu sessions logged in, %llu connections now, %llu "
          "at most; %llu commands\n"
          "bench-server: %llu messages, %llu bytes in, %llu bytes out, %llu "
          "pauses for a slow reader\n"
          "bench-server: %llu turns of the loop, CPU %ld.%03ld s user, "
          "%ld.%03ld s system\n"
          "bench-server: longest turn %.1f ms; longest part of one: %.1f ms "
          "in reads, %.1f ms behind them%s\n",
          (unsigned long long) c->sessions, (unsigned long long) c->now,
          (unsigned long long) c->most, (unsigned long long) c->commands,
          (unsigned long long) c->messages, (unsigned long long) c->bytes_in,
          (unsigned long long) c->bytes_out, (unsigned long long) c->pauses,
          (unsigned long long) s->watch.turns, r->ru_utime.tv_sec,
          r->ru_utime.tv_usec / 1000, r->ru_stime.tv_sec,
          r->ru_stime.tv_usec / 1000, (double) s->watch.most_ns / 1e6,
          (double) s->watch.most_reads_ns / 1e6,
          (double) s->watch.most_turn_ns / 1e6,
          s->watch.exact ? "" : " (reads: up to 2 ms more; see --held)");
  print_longest_text(&s->watch.callbacks);
}

static void print_counts(const struct program* p) {
  uv_rusage_t r;

  memset(&r, 0, sizeof(r));
  (void) uv_getrusage(&r);
  if (p->json)
    print_json(&p->served, &r);
  else
    print_text(&p->served, &r);
  if (p->serve.login_primitive)
    login_primitive_print(&p->served.login, p->served.counts.sessions);
  if (bare_failures() != 0 || login_primitive_failures() != 0)
    fprintf(stderr, "bench-server: %d bare calls failed; their times mean "
                    "nothing\n", bare_failures() + login_primitive_failures());
}

static void on_signal(uv_signal_t* handle, int signum) {
  struct program* p = handle->data;
  unsigned i;

  print_counts(p);
  if (signum != SIGTERM && signum != SIGINT)
    return;
  for (i = 0; i < 3; i++)
    if (p->signals[i].data != NULL)
      uv_close((uv_handle_t*) &p->signals[i], NULL);
  served_close(&p->served);
}

static void on_signals(struct program* p, uv_loop_t* loop) {
#ifdef SIGUSR1
  static const int signums[] = { SIGTERM, SIGINT, SIGUSR1 };
#else
  static const int signums[] = { SIGTERM, SIGINT };
#endif
  unsigned i;

  for (i = 0; i < sizeof(signums) / sizeof(signums[0]); i++) {
    uv_signal_init(loop, &p->signals[i]);
    uv_signal_start(&p->signals[i], on_signal, signums[i]);
    p->signals[i].data = p;
  }
}

/* ---- the command line ---------------------------------------------------- */

__attribute__((format(printf, 1, 2)))
static void fail(const char* format, ...) {
  va_list args;

  va_start(args, format);
  fprintf(stderr, "bench-server: ");
  vfprintf(stderr, format, args);
  fprintf(stderr, "\n");
  va_end(args);
  exit(2);
}

static unsigned long number(const char* text, unsigned long max,
                            const char* what) {
  char* rest;
  unsigned long n = strtoul(text, &rest, 10);

  if (*text < '0' || *text > '9' || *rest != '\0' || n > max)
    fail("%s is a number from 0 to %lu, not '%s'; see --help", what, max, text);
  return n;
}

/* Lines with options before the key are not understood: they are refused, not
 * passed over. */
static void read_keys(struct serve_options* o, const char* path) {
  char line[4096];
  FILE* file = fopen(path, "r");
  unsigned at;

  if (file == NULL)
    fail("cannot read %s", path);
  for (at = 1; fgets(line, sizeof(line), file) != NULL; at++) {
    line[strcspn(line, "\r\n")] = '\0';
    if (line[0] == '\0' || line[0] == '#')
      continue;
    if (o->key_count == SERVED_KEYS)
      fail("%s: more than %d keys", path, SERVED_KEYS);
    if (uvssh_key_parse(&o->keys[o->key_count], line, strlen(line), NULL) != 0)
      fail("%s, line %u: not an Ed25519 public key", path, at);
    o->key_count++;
  }
  fclose(file);
  if (o->key_count == 0)
    fail("%s holds no key, so nobody could log in", path);
}

/* Returns the port. */
static int parse(struct program* p, int argc, char** argv) {
  int i;

  p->serve.window_most = 32 << 20;
  for (i = 1; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
    if (strcmp(argv[i], "--window-most") == 0 && i + 1 < argc) {
      p->serve.window_most = number(argv[++i], 2047, "--window-most") << 20;
    } else if (strcmp(argv[i], "--held") == 0) {
      p->serve.exact = 1;
    } else if (strcmp(argv[i], "--login-primitive") == 0) {
      p->serve.login_primitive = 1;
    } else if (strcmp(argv[i], "--json") == 0) {
      p->json = 1;
    } else if (strcmp(argv[i], "--primitive") == 0 && i + 1 < argc) {
      p->serve.primitive = number(argv[++i], PRIMITIVE_DATA_MAX, "--primitive");
    } else if (strcmp(argv[i], "--loops") == 0 && i + 1 < argc) {
      p->loops = (unsigned) number(argv[++i], BENCH_LOOPS, "--loops");
    } else if (strcmp(argv[i], "--help") == 0) {
      fputs(usage, stdout);
      exit(0);
    } else {
      fail("no option %s, or it lacks its number; see --help", argv[i]);
    }
  }
  if (p->loops != 0 && (p->serve.primitive != 0 || p->serve.login_primitive))
    fail("what a primitive costs is measured on one loop: not with --loops");
  if (argc - i < 2 || argc - i > 3) {
    fputs(usage, stderr);
    exit(2);
  }
  p->serve.host_key = argv[i + 1];
  if (argc - i == 3)
    read_keys(&p->serve, argv[i + 2]);
  return (int) number(argv[i], 65535, "PORT");
}

/* Thousands of sessions, a descriptor each. */
static void raise_descriptors(void) {
#ifndef _WIN32
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  (void) setrlimit(RLIMIT_NOFILE, &limit);
#endif
}

/* On the main thread. */
static int serve_one(struct program* p, int port) {
  uv_loop_t* loop = uv_default_loop();
  struct sockaddr_in name;
  int len = sizeof(name);
  int err = served_init(&p->served, loop, &p->serve, port);

  if (err == 0)
    err = uvssh_server_getsockname(&p->served.server, (struct sockaddr*) &name,
                                   &len);
  if (err != 0)
    return err;
  on_signals(p, loop);
  printf("listening: 127.0.0.1, port %d\n", ntohs(name.sin_port));
  fflush(stdout);
  err = uv_run(loop, UV_RUN_DEFAULT);
  uv_loop_close(loop);
  return err;
}

static int serve_many(struct program* p, int port) {
  int err = bench_loops(&p->serve, p->loops, port, p->json, &p->served);

  if (err == 0)
    print_counts(p);
  return err;
}

int main(int argc, char** argv) {
  static struct program p;
  int port = parse(&p, argc, argv);
  int err;
  unsigned i;

  raise_descriptors();
  if (primitive_init() != 0 ||
      (p.serve.login_primitive && login_primitive_init() != 0))
    fail("libsodium does not start");
  err = p.loops != 0 ? serve_many(&p, port) : serve_one(&p, port);
  if (err != 0)
    fail("port %d, host key %s: %s", port, p.serve.host_key,
         uvssh_strerror(err));
  for (i = 0; i < p.serve.key_count; i++)
    uvssh_key_unref(p.serve.keys[i]);
  bare_free();
  return 0;
}
