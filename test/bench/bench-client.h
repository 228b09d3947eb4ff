/* bench-client.h: what the parts of bench-client share. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include <uvssh.h>

/* What can be measured; a set, so that an option says whom it is for. */
enum {
  DO_RUN = 1,                      /* no workload: run a command, as ssh does */
  DO_UP = 2,
  DO_DOWN = 4,
  DO_LOGIN = 8,
  DO_IDLE = 16,
  DO_ECHO = 32,
  DO_RELAY = 64,
  DO_ALL = 127
};

enum no_login { LOGIN, SILENT, IDENT };

struct options {                   /* numbers are within the table's bounds */
  unsigned what;                   /* one DO_* */
  const char* name;                /* its word */
  const char* host;                /* a numeric address */
  const char* user;
  const char* key_file;
  const char* ciphers;             /* NULL: the library's own order */
  const char* macs;
  const char* kex;
  const char* command;             /* DO_RUN */
  uint64_t port;
  uint64_t bytes;
  uint64_t count;                  /* of logins, sessions, rounds; 0: ours */
  uint64_t in_flight;              /* 0: ours */
  uint64_t connections;
  uint64_t size;                   /* of a message, a line */
  uint64_t receivers;
  uint64_t lines;
  uint64_t rate;                   /* lines a second; 0: a burst */
  uint64_t seconds;                /* idle: stay so long; 0: until the input */
                                   /* ends */
  uint64_t sources;                /* addresses to come from; 0: ours */
  uint64_t timeout;                /* seconds in which nothing moved */
  uint64_t server_pid;             /* 0: not known */
  enum no_login no_login;
  uint64_t window_most;            /* MiB; 0: windows do not grow */
  int shell;                       /* the server runs a shell */
  int echo;                        /* login: beside somebody's echo */
  int json;
};

extern struct options options;

/* Fills options, or says what is wrong and leaves with status 2. */
void options_parse(int argc, char** argv);

/* One line on stderr, and the end. Status 1: what was measured is wrong. */
__attribute__((format(printf, 1, 2), noreturn)) void fail(const char* text,
                                                          ...);

/* The commands as the server knows them. */
enum { COMMAND_MAX = 48 };
const char* command_sink(void);
void command_source(char command[COMMAND_MAX], uint64_t bytes);
const char* command_echo(void);
const char* command_noop(void);

/* Each measures, prints, and returns the exit status. */
int measure_run(uv_loop_t* loop);
int measure_up(uv_loop_t* loop);
int measure_down(uv_loop_t* loop);
int measure_login(uv_loop_t* loop);
int measure_idle(uv_loop_t* loop);
int measure_echo(uv_loop_t* loop);
int measure_relay(uv_loop_t* loop);

/* ---- progress ------------------------------------------------------------ */

/* From now on so many of `total` are done: told on stderr every two seconds.
 * Where the number stands still for --timeout seconds the program says so and
 * ends. `what` is plural, and so many of `unit` are one. */
void progress_start(uv_loop_t* loop,
                 const char* what,
                 uint64_t total,
                 uint64_t unit);
void progress_done(uint64_t done);
void progress_stop(void);

/* Zeroed. Where there is none the program ends. */
void* need(size_t count, size_t size);

#endif
