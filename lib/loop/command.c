/* command.c: a transport over the standard input and output of a process that
 * a shell starts, as OpenSSH's ProxyCommand. Its streams are a pair's
 * (stream.c); here is the process.
 *
 * Happy path: the pipes close with the session, the process is told to go
 * (SIGTERM), it exits, closed is said. One that stays is killed after GRACE_MS.
 * Its own end: what it has written is fed, and then UV_EOF, even where a
 * process that it left behind holds the pipe.
 * Failures: the shell cannot be started: nothing has begun. The command cannot:
 * the shell says so on standard error, and exits.
 *
 * It never signals a process that has exited, and never waits for one. The
 * child has libuv's clean state: default signals, an empty mask, and of our
 * descriptors standard error only. */
#include "loop/loop.h"

#include <signal.h>

/* Long enough for a process to say goodbye, short for a user who waits for
 * on_close. In real time, also where the loop's clock is replaced. */
enum { GRACE_MS = 2000 };

struct command {
  uv_process_t process;
  uv_pipe_t in;                    /* its output */
  uv_pipe_t out;                   /* its input */
  uv_timer_t grace;
  uvssh_transport_t* t;
  int exited;
  int reading;
  int closing;
  unsigned parts;                  /* of the process, not closed yet */
};

static struct command* command_of(const uvssh_transport_t* t) {
  return words_of(t)->command;
}

/* ---- its own end --------------------------------------------------------- */

static int holds(const struct command* c) {
  return uvssh__command_holds((const uv_stream_t*) &c->in);
}

void uvssh__command_fed(struct command* c) {
  if (c->exited && c->reading && !c->closing && !holds(c))
    uvssh_transport_feed(c->t, UV_EOF, NULL);
}

static void on_part_closed(uv_handle_t* handle) {
  struct command* c = (struct command*) handle->data;

  if (--c->parts == 0)
    uvssh__stream_part_closed(c->t);
}

static void close_process(struct command* c) {
  c->parts = 2;
  uv_close((uv_handle_t*) &c->process, on_part_closed);
  uv_close((uv_handle_t*) &c->grace, on_part_closed);
}

static void on_gone(uv_process_t* process, int64_t status, int signum) {
  struct command* c = (struct command*) process->data;

  c->exited = 1;
  if (c->closing)
    close_process(c);
  else
    uvssh__command_fed(c);
}

/* ---- the functions of the transport -------------------------------------- */

static int command_read_start(uvssh_transport_t* t) {
  int err = uvssh__stream_read_start(t);

  command_of(t)->reading = err == 0;
  uvssh__command_fed(command_of(t));
  return err;
}

static int command_read_stop(uvssh_transport_t* t) {
  command_of(t)->reading = 0;
  return uvssh__stream_read_stop(t);
}

static void on_grace(uv_timer_t* grace) {
  struct command* c = (struct command*) grace->data;

  (void) uv_process_kill(&c->process, SIGKILL);
}

static void command_close(uvssh_transport_t* t) {
  struct command* c = command_of(t);

  c->closing = 1;
  uvssh__stream_close(t, 1);
  if (c->exited) {
    close_process(c);
    return;
  }
  (void) uv_process_kill(&c->process, SIGTERM);
  uv_timer_start(&c->grace, on_grace, GRACE_MS, 0);
}

static const uvssh_transport_ops_t ops = { command_read_start,
                                           command_read_stop,
                                           uvssh__stream_write, command_close,
                                           NULL };

void uvssh__command_free(struct command* c) {
  uvssh__free(c);
}

/* ---- the beginning ------------------------------------------------------- */

/* The caller's transport is not ours any more: it is not touched. */
static void on_failed_closed(uv_handle_t* handle) {
  struct command* c = (struct command*) handle->data;

  if (--c->parts == 0)
    uvssh__command_free(c);
}

static void give_up(struct command* c) {
  c->parts = 3;
  c->in.data = c->out.data = c;
  if (c->process.type == UV_PROCESS) {       /* it had come so far */
    c->parts++;
    uv_close((uv_handle_t*) &c->process, on_failed_closed);
  }
  uv_close((uv_handle_t*) &c->in, on_failed_closed);
  uv_close((uv_handle_t*) &c->out, on_failed_closed);
  uv_close((uv_handle_t*) &c->grace, on_failed_closed);
}

static int start(struct command* c, uv_loop_t* loop, const char* command) {
  int err;

  (void) uv_pipe_init(loop, &c->in, 0);
  (void) uv_pipe_init(loop, &c->out, 0);
  (void) uv_timer_init(loop, &c->grace);
  err = uvssh__command_spawn(command, loop, &c->process, &c->in, &c->out,
                             on_gone);
  c->process.data = c->grace.data = c;
  if (err != 0)
    give_up(c);
  return err;
}

int uvssh_transport_command(uvssh_transport_t* t,
                            uv_loop_t* loop,
                            const char* command) {
  struct command* c;
  int err;

  if (t == NULL || loop == NULL || command == NULL)
    return UV_EINVAL;
  c = (struct command*) uvssh__calloc(1, sizeof(*c));
  if (c == NULL)
    return UV_ENOMEM;
  err = start(c, loop, command);
  if (err != 0)
    return err;
  uvssh__stream_open(t, (uv_stream_t*) &c->in, (uv_stream_t*) &c->out, &ops);
  words_of(t)->command = c;
  c->t = t;
  return 0;
}
