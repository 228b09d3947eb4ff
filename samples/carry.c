/* carry.c: standard input, output and error on a channel, for exec.c.
 *
 * A piece is read, then written, and only then the next is read. So who does
 * not take what is written stops who sends it: a pipe that nobody reads stops
 * the channel, whose window runs down until the host waits; a host that does
 * not read stops standard input. At most a piece is under way in each
 * direction, and what the window allows waits in the channel.
 *
 * The end of the input is EOF for the command, and its output goes on. An
 * output that cannot be written is a failure, told once. */
#include <stdio.h>
#include <string.h>

#include "carry.h"

enum { PIECE = 64 * 1024 };        /* bytes; at least config.packet_bytes */

/* libuv has streams for terminals, pipes and sockets; all else (files,
 * /dev/null) is read and written as a file. */
typedef struct {
  uv_file fd;
  int is_stream;
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tty_t tty;
    uv_pipe_t pipe;
    uv_tcp_t tcp;
  } u;
  uv_fs_t file_req;
  uv_write_t write_req;
  uv_buf_t rest;                   /* of the piece, still to be written */
  char piece[PIECE];
} standard_t;

static struct {
  standard_t fds[3];
  uv_loop_t* loop;
  uvssh_channel_t* channel;
  uvssh_req_t sent;
  carry_cb on_failure;
  void (*on_finish)(void);         /* NULL: it does not end yet */
  int writing;                     /* a piece of output */
  int closed;
} carry = { .closed = 1 };

static int take(uv_loop_t* loop, standard_t* s, uv_file fd) {
  int err = 0;

  s->fd = fd;
  s->write_req.data = s->file_req.data = s;
  switch (uv_guess_handle(fd)) {
    case UV_TTY:
      err = uv_tty_init(loop, &s->u.tty, fd, 0);
      s->is_stream = err == 0;
      return err;
    case UV_NAMED_PIPE:
      s->is_stream = 1;
      uv_pipe_init(loop, &s->u.pipe, 0);
      return uv_pipe_open(&s->u.pipe, fd);
    case UV_TCP:
      s->is_stream = 1;
      uv_tcp_init(loop, &s->u.tcp);
      return uv_tcp_open(&s->u.tcp, fd);
    default:
      return 0;
  }
}

int carry_init(uv_loop_t* loop, carry_cb on_failure) {
  int err = 0;
  uv_file fd;

  carry.closed = 0;
  carry.loop = loop;
  carry.on_failure = on_failure;
  for (fd = 0; err == 0 && fd < 3; fd++)
    err = take(loop, &carry.fds[fd], fd);
  return err;
}

void carry_close(void) {
  uv_file fd;

  if (carry.closed)
    return;
  carry.closed = 1;
  for (fd = 0; fd < 3; fd++)
    if (carry.fds[fd].is_stream)
      uv_close(&carry.fds[fd].u.handle, NULL);
}

/* BEGIN input */
static void read_input(void);

static void on_sent(uvssh_req_t* req, int status) {
  if (status == 0)
    read_input();
}

/* A piece of standard input, or its end: EOF for the command, whose output
 * goes on. */
static void got_input(ssize_t nread) {
  uv_buf_t buf = uv_buf_init(carry.fds[0].piece, (unsigned) nread);

  if (carry.closed)
    return;
  if (nread <= 0)
    uvssh_channel_shutdown(NULL, carry.channel, NULL);
  else
    uvssh_channel_write(&carry.sent, carry.channel, UVSSH_DATA, &buf, 1,
                        on_sent);
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  *buf = uv_buf_init(carry.fds[0].piece, PIECE);
}

static void on_stream_input(uv_stream_t* stream, ssize_t nread,
                            const uv_buf_t* buf) {
  if (nread == 0)
    return;                        /* nothing there after all */
  uv_read_stop(stream);
  got_input(nread);
}

static void on_file_input(uv_fs_t* req) {
  ssize_t nread = req->result;

  uv_fs_req_cleanup(req);
  got_input(nread);
}

static void read_input(void) {
  standard_t* s = &carry.fds[0];
  uv_buf_t buf = uv_buf_init(s->piece, PIECE);
  int err;

  if (carry.closed)
    return;
  if (s->is_stream)
    err = uv_read_start(&s->u.stream, on_alloc, on_stream_input);
  else
    err = uv_fs_read(carry.loop, &s->file_req, s->fd, &buf, 1, -1,
                     on_file_input);
  if (err != 0)
    got_input(err);                /* as if it had ended */
}

void carry_input(uvssh_channel_t* channel) {
  carry.channel = channel;
  read_input();
}
/* END input */

/* BEGIN output */
static void write_output(standard_t* s);

/* n: so many bytes of the rest are written, or why not. */
static void wrote(standard_t* s, ssize_t n) {
  if (carry.closed)
    return;
  if (n < 0) {
    carry.on_failure((int) n);
    return;
  }
  s->rest.base += n;
  s->rest.len -= (size_t) n;
  if (s->rest.len > 0) {
    write_output(s);
    return;
  }
  carry.writing = 0;
  if (carry.on_finish != NULL)
    carry.on_finish();
  else
    uvssh_channel_read_start(carry.channel, carry_output);
}

static void on_stream_wrote(uv_write_t* req, int status) {
  standard_t* s = req->data;

  wrote(s, status == 0 ? (ssize_t) s->rest.len : status);
}

static void on_file_wrote(uv_fs_t* req) {
  ssize_t n = req->result;

  uv_fs_req_cleanup(req);
  wrote(req->data, n);
}

static void write_output(standard_t* s) {
  int err;

  if (s->is_stream)
    err = uv_write(&s->write_req, &s->u.stream, &s->rest, 1, on_stream_wrote);
  else
    err = uv_fs_write(carry.loop, &s->file_req, s->fd, &s->rest, 1, -1,
                      on_file_wrote);
  if (err != 0)
    wrote(s, err);
}

void carry_output(uvssh_channel_t* channel, int stream, ssize_t nread,
                  const uv_buf_t* buf) {
  standard_t* s = stream == UVSSH_STDERR ? &carry.fds[2] : &carry.fds[1];

  if (nread < 0)
    return;                        /* the channel's on_close is next */
  carry.channel = channel;
  uvssh_channel_read_stop(channel);
  memcpy(s->piece, buf->base, (size_t) nread);   /* at most packet_bytes */
  s->rest = uv_buf_init(s->piece, (unsigned) nread);
  carry.writing = 1;
  write_output(s);
}

void carry_finish(void (*cb)(void)) {
  carry.on_finish = cb;
  if (!carry.writing || carry.closed)
    cb();
}
/* END output */
