/* bench-client-run.c: one command, as ssh runs it: for harnesses that start a
 * client for each transfer.
 *
 * Happy path: standard input goes to the command, EOF too; its output and error
 * come here; its exit status is ours. A file is read where it is and written
 * where it is, 256 KiB at a time and without a thread: a disk that makes us
 * wait is not what is measured.
 *
 * Failures: a line, and the exit status 255.
 *
 * Never: a terminal. For people there is samples/exec.c. */
#include <stdio.h>

#include "bench-client-link.h"

enum { BLOCK = 256 * 1024, PIECES = 2 };

struct piece {
  uvssh_req_t req;                 /* first */
  char bytes[BLOCK];
};

static struct {
  struct link link;
  struct piece pieces[PIECES];
  struct piece* reading;           /* a pipe, into it */
  uv_pipe_t pipe;
  int has_pipe;
  int ended;                       /* the input */
} run;

/* ---- input --------------------------------------------------------------- */

static void read_into(struct piece* piece);

static void on_written(uvssh_req_t* req, int status) {
  if (status == 0 && !run.ended)
    read_into((struct piece*) req);
}

static void got(struct piece* piece, ssize_t nread) {
  uv_buf_t buf = uv_buf_init(piece->bytes, nread > 0 ? (unsigned) nread : 0);
  int err;

  if (nread > 0) {
    err = uvssh_channel_write(&piece->req, &run.link.channel, UVSSH_DATA, &buf,
                              1, on_written);
  } else {
    run.ended = 1;
    err = uvssh_channel_shutdown(NULL, &run.link.channel, NULL);
    if (nread < 0 && nread != UV_EOF)
      fail("standard input: %s", uvssh_strerror((int) nread));
  }
  if (err != 0 && err != UV_ENOTCONN)      /* the command wants no more */
    fail("the input cannot be sent: %s", uvssh_strerror(err));
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  *buf = uv_buf_init(run.reading->bytes, BLOCK);
}

static void on_pipe(uv_stream_t* stream, ssize_t nread, const uv_buf_t* buf) {
  if (nread == 0)
    return;
  uv_read_stop(stream);
  got(run.reading, nread);
}

static void read_file(struct piece* piece) {
  uv_buf_t buf = uv_buf_init(piece->bytes, BLOCK);
  uv_fs_t req;
  ssize_t n = uv_fs_read(NULL, &req, 0, &buf, 1, -1, NULL);

  uv_fs_req_cleanup(&req);
  got(piece, n);
}

static void read_into(struct piece* piece) {
  int err;

  if (!run.has_pipe) {
    read_file(piece);
    return;
  }
  run.reading = piece;
  err = uv_read_start((uv_stream_t*) &run.pipe, on_alloc, on_pipe);
  if (err != 0)
    got(piece, err);
}

/* A file keeps two pieces on their way; a pipe gives what it has. */
static void on_ready(struct link* link) {
  size_t i;

  for (i = 0; i < (run.has_pipe ? 1 : PIECES) && !run.ended; i++)
    read_into(&run.pieces[i]);
}

static void open_input(uv_loop_t* loop) {
  int err;

  if (uv_guess_handle(0) == UV_FILE)
    return;
  uv_pipe_init(loop, &run.pipe, 0);
  err = uv_pipe_open(&run.pipe, 0);
  if (err != 0)
    fail("standard input: %s; give a file or a pipe", uvssh_strerror(err));
  run.has_pipe = 1;
}

/* ---- output -------------------------------------------------------------- */

/* Waits for who reads it: nothing else is to be done meanwhile. */
static void on_read(struct link* link, int stream, const char* base,
                    size_t len) {
  uv_buf_t buf;
  uv_fs_t req;
  ssize_t n;

  while (len > 0) {
    buf = uv_buf_init((char*) (uintptr_t) base, (unsigned) len);
    n = uv_fs_write(NULL, &req, stream == UVSSH_STDERR ? 2 : 1, &buf, 1, -1,
                    NULL);
    uv_fs_req_cleanup(&req);
    if (n == UV_EAGAIN) {
      uv_sleep(1);                 /* somebody made it non-blocking */
      continue;
    }
    if (n < 0)
      fail("standard output: %s", uvssh_strerror((int) n));
    base += n;
    len -= (size_t) n;
  }
}

/* ---- the command --------------------------------------------------------- */

static void on_end(struct link* link) {
  if (*link->failure != '\0')
    fail("%s", link->failure);
  run.ended = 1;
  if (run.has_pipe)
    uv_close((uv_handle_t*) &run.pipe, NULL);
}

int measure_run(uv_loop_t* loop) {
  static const struct link_handlers on = {
    .on_ready = on_ready, .on_read = on_read, .on_end = on_end
  };

  open_input(loop);
  link_start(&run.link, loop, options.command, &on);
  uv_run(loop, UV_RUN_DEFAULT);
  if (run.link.exit_status < 0)
    fail("the command was killed, or nobody said how it ended");
  return run.link.exit_status;
}
