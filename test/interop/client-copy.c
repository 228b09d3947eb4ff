/* client-copy.c: exec, shell and subsystem: standard input to the channel, and
 * EOF after it; its output to standard output and standard error.
 *
 * One block of input is under way at a time: read, then written, then the next.
 * Files are read in the thread pool, pipes and sockets by the loop. Output
 * blocks where nobody reads it: so does this client. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "client.h"

static struct {
  uv_fs_t file;
  uv_pipe_t pipe;
  int is_pipe;
  uvssh_req_t req;
  char block[64 * 1024];
} in;

/* ---- output ------------------------------------------------------------- */

static void on_data(client_t* c, int stream, const uv_buf_t* buf) {
  int fd = stream == UVSSH_STDERR ? 2 : 1;
  size_t at = 0;

  while (at < buf->len) {
    ssize_t n = write(fd, buf->base + at, buf->len - at);
    if (n >= 0) {
      at += (size_t) n;
    } else if (errno == EAGAIN) {
      struct pollfd ready = { .fd = fd, .events = POLLOUT };
      poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      client_fail(c, EXIT_FAILED, "failed", "cannot write the output");
      return;
    }
  }
}

/* ---- input -------------------------------------------------------------- */

static void read_on(client_t* c);

static void on_written(uvssh_req_t* req, int status) {
  if (status == 0)
    read_on(req->data);
}

static void on_input(client_t* c, ssize_t n) {
  uv_buf_t buf = uv_buf_init(in.block, n < 0 ? 0 : (unsigned) n);

  if (!uvssh_channel_is_open(&c->channel))
    return;
  client_moves(c, "input");
  if (n > 0)
    uvssh_channel_write(&in.req, &c->channel, UVSSH_DATA, &buf, 1, on_written);
  else
    uvssh_channel_shutdown(NULL, &c->channel, NULL);
}

static void on_file(uv_fs_t* fs) {
  ssize_t n = fs->result;

  uv_fs_req_cleanup(fs);
  on_input(fs->data, n);
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  *buf = uv_buf_init(in.block, sizeof(in.block));
}

static void on_pipe(uv_stream_t* pipe, ssize_t nread, const uv_buf_t* buf) {
  if (nread == 0)
    return;
  uv_read_stop(pipe);
  on_input(pipe->data, nread);
}

static void read_on(client_t* c) {
  uv_buf_t buf = uv_buf_init(in.block, sizeof(in.block));
  int err = 0;

  if (in.is_pipe)
    err = uv_read_start((uv_stream_t*) &in.pipe, on_alloc, on_pipe);
  else
    err = uv_fs_read(c->loop, &in.file, 0, &buf, 1, -1, on_file);
  if (err != 0)
    client_fail(c, EXIT_FAILED, "failed", uv_strerror(err));
}

static void on_end(client_t* c) {
  if (in.is_pipe)
    uv_close((uv_handle_t*) &in.pipe, NULL);
}

static void on_started(client_t* c) {
  int err = 0;

  in.req.data = c;
  in.file.data = c;
  in.is_pipe = uv_guess_handle(0) != UV_FILE;
  if (in.is_pipe) {
    err = uv_pipe_init(c->loop, &in.pipe, 0);
    in.pipe.data = c;
    c->on_end = on_end;
    if (err == 0)
      err = uv_pipe_open(&in.pipe, 0);
  }
  if (err != 0)
    client_fail(c, EXIT_FAILED, "failed", uv_strerror(err));
  else
    read_on(c);
}

/* ---- the end ------------------------------------------------------------ */

static void on_closed(client_t* c) {
  if (*c->exit_signal != '\0') {
    fprintf(stderr, "signal %s\n", c->exit_signal);
    client_leave(c, EXIT_NO_STATUS);
  } else if (c->has_status) {
    client_leave(c, (int) (c->exit_status & 255));
  } else if (c->talk.type == UVSSH_REQUEST_EXEC) {
    fputs("no status\n", stderr);
    client_leave(c, EXIT_NO_STATUS);
  } else {
    client_leave(c, 0);
  }
}

static void begin(client_t* c, uvssh_request_type type, const char* what) {
  talk_t talk = { .type = type,
                  .what = what,
                  .on_started = on_started,
                  .on_data = on_data,
                  .on_closed = on_closed };
  talk_begin(c, &talk);
}

void copy_exec(client_t* c, const char* command) {
  begin(c, UVSSH_REQUEST_EXEC, command);
}

void copy_shell(client_t* c, const char* none) {
  begin(c, UVSSH_REQUEST_SHELL, NULL);
}

void copy_subsystem(client_t* c, const char* name) {
  begin(c, UVSSH_REQUEST_SUBSYSTEM, name);
}
