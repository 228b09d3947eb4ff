/* peer_client.c: the actions of a client, by the contract of README.md. */
#include "peer_client.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 32 * 1024 };

typedef struct {                   /* a channel, and what it is to send */
  channel_t* ch;
  uint8_t out[PIECE];
  size_t at, len;
  int ends;                        /* EOF is next */
  int sent_eof;
} run_t;

/* ---- a channel ---------------------------------------------------------- */

static void open_run(run_t* r, client_t* c) {
  memset(r, 0, sizeof(*r));
  r->ch = lib_open(c);
}

static void open_command(run_t* r, client_t* c, const char* command) {
  open_run(r, c);
  lib_ask(r->ch, "exec", command);
}

/* Send what is in `out`, then EOF. 1: something has moved; -1: nothing may be
 * read, the socket is full. */
static int write_some(run_t* r) {
  ssize_t n = 0;

  if (r->sent_eof || (r->at == r->len && !r->ends))
    return 0;
  if (r->at == r->len) {
    n = lib_send_eof(r->ch);
    r->sent_eof = n > 0;
  } else {
    n = lib_write(r->ch, r->out + r->at, r->len - r->at);
    r->at += n > 0 ? (size_t) n : 0;
  }
  return n < 0 ? -1 : n > 0;
}

/* As lib_read(), once write_some() has said `moved`. */
static ssize_t read_after(run_t* r,
                          int moved,
                          int stream,
                          void* out,
                          size_t len) {
  return moved < 0 ? 0 : lib_read(r->ch, stream, out, len);
}

static void expect(run_t* r, int status) {
  ending_t end;

  lib_until_closed(r->ch);
  lib_ending(r->ch, &end);
  if (!end.told || end.status != status || end.signal[0] != '\0')
    peer_wrong("exit status %d %s, not %d", end.status, end.signal, status);
}

/* ---- exec, shell, subsystem --------------------------------------------- */

static void from_stdin(run_t* r) {
  ssize_t n = 0;

  if (r->at < r->len || r->ends || (n = peer_stdin(r->out, PIECE)) < 0)
    return;
  r->at = 0;
  r->len = (size_t) n;
  r->ends = n == 0;
}

/* What has come on one of the two, to the same of ours; as lib_read(). */
static ssize_t pass_on(run_t* r, int moved, int stream) {
  char data[PIECE];
  ssize_t n = read_after(r, moved, stream, data, sizeof(data));

  if (n > 0)
    peer_write(stream == 0 ? STDOUT_FILENO : STDERR_FILENO, data, (size_t) n);
  return n;
}

static int exit_code(const ending_t* end, const char* action) {
  if (end->signal[0] != '\0')
    fprintf(stderr, "signal %s\n", end->signal);
  else if (end->told)
    return end->status & 255;
  else if (strcmp(action, "exec") != 0)
    return 0;
  else
    fputs("no status\n", stderr);
  return EXIT_SIGNALLED;
}

static int attended(client_t* c, const peer_options_t* o) {
  ending_t end;
  run_t r;
  int ended[2] = { 0, 0 };

  open_run(&r, c);
  lib_ask(r.ch, o->action, o->text);
  while (!ended[0] || !ended[1]) {
    int moved = 0;
    int came = 0;
    from_stdin(&r);
    moved = write_some(&r);
    for (int i = 0; i < 2; i++) {
      ssize_t n = ended[i] ? -1 : pass_on(&r, moved, i);
      came |= n > 0;
      ended[i] = n < 0;
    }
    lib_turn(r.ch, moved > 0 || came);
  }
  lib_until_closed(r.ch);
  lib_ending(r.ch, &end);
  lib_close(r.ch);
  return exit_code(&end, o->action);
}

/* ---- up, down, both ----------------------------------------------------- */

static void refill(run_t* r, pattern_t* p) {
  if (r->at < r->len || r->ends)
    return;
  r->at = 0;
  r->len = pattern_next(p, r->out, PIECE);
  r->ends = r->len == 0;
  pattern_taken(p, r->out, r->len);
}

/* Send to `sink`, and hear that all of it was understood. */
static void drown(client_t* c, uint64_t size, char hex[HASH_HEX]) {
  char answer[256];
  pattern_t p;
  run_t r;
  size_t len = 0;
  ssize_t n = 0;

  pattern_init(&p, size);
  open_command(&r, c, "sink");
  while (n >= 0) {
    int moved = 0;
    refill(&r, &p);
    moved = write_some(&r);
    n = read_after(&r, moved, 0, answer + len, sizeof(answer) - len);
    len += n > 0 ? (size_t) n : 0;
    if (len == sizeof(answer))
      peer_wrong("the server says too much");
    lib_turn(r.ch, moved > 0 || n > 0);
  }
  expect(&r, 0);
  pattern_hex(&p, hex);
  if (len != HASH_HEX || memcmp(answer, hex, HASH_HEX - 1) != 0)
    peer_wrong("the server got %.*s, not %s", (int) len, answer, hex);
  lib_close(r.ch);
}

static int up(client_t* c, const peer_options_t* o) {
  char hex[HASH_HEX];

  drown(c, o->size, hex);
  puts(hex);
  return 0;
}

/* All that comes; `out`: what is sent meanwhile, NULL: nothing, no EOF. */
static void exchange(run_t* r, pattern_t* in, pattern_t* out) {
  uint8_t data[PIECE];
  ssize_t n = 0;

  while (n >= 0) {
    int moved = 0;
    if (out != NULL)
      refill(r, out);
    moved = write_some(r);
    n = read_after(r, moved, 0, data, sizeof(data));
    if (n > 0)
      pattern_check(in, data, (size_t) n);
    lib_turn(r->ch, moved > 0 || n > 0);
  }
}

/* down and both: what comes must be the pattern. */
static int receive(client_t* c, const peer_options_t* o, int sends) {
  char command[64] = "echo";
  char hex[HASH_HEX];
  pattern_t in, out;
  run_t r;

  if (!sends)
    snprintf(command, sizeof(command), "source %s", o->text);
  pattern_init(&in, o->size);
  pattern_init(&out, o->size);
  open_command(&r, c, command);
  exchange(&r, &in, sends ? &out : NULL);
  expect(&r, 0);
  if (in.differs || in.at != in.size)
    peer_wrong("what came differs at byte %llu", (unsigned long long) in.at);
  pattern_hex(&in, hex);
  puts(hex);
  lib_close(r.ch);
  return 0;
}

/* ---- close -------------------------------------------------------------- */

static void client_first(client_t* c) {
  char back[5];
  size_t len = 0;
  run_t r;

  open_command(&r, c, "cat");
  memcpy(r.out, "hello", r.len = sizeof(back));
  while (len < sizeof(back)) {
    int moved = write_some(&r);
    ssize_t n = read_after(&r, moved, 0, back + len, sizeof(back) - len);
    if (n < 0)
      peer_wrong("the server closed");
    len += (size_t) n;
    lib_turn(r.ch, moved > 0 || n > 0);
  }
  if (memcmp(back, "hello", sizeof(back)) != 0)
    peer_wrong("%.5s came back", back);
  lib_close(r.ch);
}

static void server_first(client_t* c, const char* command, int status) {
  run_t r;

  open_command(&r, c, command);
  expect(&r, status);
  lib_close(r.ch);
}

static void both_close(client_t* c) {
  run_t r;

  open_run(&r, c);
  lib_ask_unheard(r.ch, "noop");
  lib_close(r.ch);
}

static void leave_busy(client_t* c, int abruptly) {
  char data[PIECE];
  run_t r;

  open_command(&r, c, "source " LARGE);
  while (lib_read(r.ch, 0, data, sizeof(data)) == 0)
    lib_turn(r.ch, 0);
  lib_leave(c, abruptly);
}

static int closing(client_t* c, const char* how) {
  char hex[HASH_HEX];

  if (strcmp(how, "client-first") == 0)
    client_first(c);
  else if (strcmp(how, "server-first") == 0)
    server_first(c, "exit 7", 7);
  else if (strcmp(how, "both") == 0)
    both_close(c);
  else if (strcmp(how, "eof-first") == 0)
    drown(c, 0, hex);
  else
    leave_busy(c, strcmp(how, "abort") == 0);
  printf("closed %s\n", how);
  if (strcmp(how, "abort") == 0 || strcmp(how, "disconnect") == 0) {
    fflush(stdout);
    _exit(0);
  }
  server_first(c, "noop", 0);      /* the session is still good */
  return 0;
}

/* ---- the client --------------------------------------------------------- */

int client_act(client_t* c, const peer_options_t* o) {
  if (strcmp(o->action, "up") == 0)
    return up(c, o);
  if (strcmp(o->action, "down") == 0)
    return receive(c, o, 0);
  if (strcmp(o->action, "both") == 0)
    return receive(c, o, 1);
  if (strcmp(o->action, "close") == 0)
    return closing(c, o->text);
  return attended(c, o);
}
