/* stream_posix.c: writing to a stream without SIGPIPE.
 *
 * libuv writes with write(2), which raises SIGPIPE when the peer has reset; a
 * program that has not ignored it dies. A library must not change that for the
 * whole process, so we send to sockets ourselves, with MSG_NOSIGNAL (or
 * SO_NOSIGPIPE where that is how it is done), and write to what is no socket
 * (a pipe, a terminal) with the signal blocked in this thread, for this one
 * call.
 *
 * Happy path: one system call takes everything. When the socket is full, a
 * uv_poll_t on a second descriptor of it tells when there is room (libuv allows
 * one watcher a descriptor, and the stream reads from the first); without a
 * free descriptor a timer asks again. */
#include "loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { RETRY_MS = 20 };

#ifdef MSG_NOSIGNAL
enum { SEND_FLAGS = MSG_NOSIGNAL | MSG_DONTWAIT };
#else
enum { SEND_FLAGS = MSG_DONTWAIT };
#endif

struct writer {                    /* a write that waits for room */
  union {
    uv_handle_t handle;
    uv_poll_t poll;
    uv_timer_t timer;
  } watch;
  uvssh_transport_t* t;            /* NULL: the write is done */
  int fd;                          /* the second descriptor; -1: a timer */
  uv_buf_t rest;
  int closes_transport;
};

/* ---- one attempt --------------------------------------------------------- */

/* The signal may be pending already, for a reason of somebody else's: then it
 * stays so. */
static ssize_t write_masked(int fd, const void* base, size_t len) {
  sigset_t pipe_only;
  sigset_t before;
  sigset_t pending;
  ssize_t n;
  int error;
  int sig;

  sigemptyset(&pipe_only);
  sigaddset(&pipe_only, SIGPIPE);
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
  n = write(fd, base, len);
  error = errno;
  if (n < 0 && error == EPIPE && !sigismember(&pending, SIGPIPE)) {
    sigpending(&pending);
    if (sigismember(&pending, SIGPIPE))
      sigwait(&pipe_only, &sig);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  errno = error;
  return n;
}

/* Bytes taken, 0 when it is full, or a code. */
static ssize_t attempt(int fd, const char* base, size_t len) {
  ssize_t n;

  do {
    n = send(fd, base, len, SEND_FLAGS);
    if (n < 0 && errno == ENOTSOCK)
      n = write_masked(fd, base, len);
  } while (n < 0 && errno == EINTR);
  if (n >= 0)
    return n;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
    return 0;
  return uv_translate_sys_error(errno);
}

/* libuv writes to a terminal that it could not open once more (the master of a
 * pseudo-terminal) in blocking mode: that would hold the loop. */
void uvssh__stream_write_open(uvssh_transport_t* t) {
  uv_stream_t* out = words_of(t)->out;

  if (out->type == UV_TTY)
    (void) uv_stream_set_blocking(out, 0);
#ifdef SO_NOSIGPIPE                /* elsewhere every send() says it */
  int on = 1;
  uv_os_fd_t fd;

  if (uv_fileno((uv_handle_t*) out, &fd) == 0)
    (void) setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
#endif
}

/* ---- waiting for room ---------------------------------------------------- */

static void on_watch_closed(uv_handle_t* handle) {
  struct writer* w = (struct writer*) handle->data;
  uvssh_transport_t* t = w->t;
  int closes_transport = w->closes_transport;

  if (w->fd >= 0)
    close(w->fd);
  uvssh__free(w);
  if (closes_transport)
    uvssh__stream_part_closed(t);
}

static void end_wait(struct writer* w) {
  words_of(w->t)->writer = NULL;
  uv_close(&w->watch.handle, on_watch_closed);
}

/* status: a watch that has ended by a failure tells nothing more. */
static void go_on(struct writer* w, int status) {
  uvssh_transport_t* t = w->t;
  uv_os_fd_t fd;
  int err = uv_fileno((uv_handle_t*) words_of(t)->out, &fd);
  ssize_t n = err != 0 ? err : attempt(fd, w->rest.base, w->rest.len);

  if (n == 0 && status != 0)
    n = status;
  if (n > 0) {
    w->rest.base += n;
    w->rest.len -= (size_t) n;
  }
  if (n >= 0 && w->rest.len != 0)
    return;
  end_wait(w);
  uvssh_transport_wrote(t, n < 0 ? (int) n : 0);
}

static void on_poll(uv_poll_t* poll, int status, int events) {
  go_on((struct writer*) poll->data, status);
}

static void on_retry(uv_timer_t* timer) {
  go_on((struct writer*) timer->data, 0);
}

static int watch(struct writer* w, uv_loop_t* loop, int fd) {
  w->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (w->fd >= 0 && uv_poll_init(loop, &w->watch.poll, w->fd) == 0) {
    w->watch.handle.data = w;
    return uv_poll_start(&w->watch.poll, UV_WRITABLE, on_poll);
  }
  if (w->fd >= 0)
    close(w->fd);
  w->fd = -1;
  uv_timer_init(loop, &w->watch.timer);
  w->watch.handle.data = w;
  return uv_timer_start(&w->watch.timer, on_retry, RETRY_MS, RETRY_MS);
}

static int wait_for_room(uvssh_transport_t* t, int fd, uv_buf_t rest) {
  struct writer* w = (struct writer*) uvssh__calloc(1, sizeof(*w));
  int err;

  if (w == NULL)
    return UV_ENOMEM;
  w->t = t;
  w->rest = rest;
  words_of(t)->writer = w;
  err = watch(w, words_of(t)->out->loop, fd);
  if (err != 0)
    end_wait(w);
  return err;
}

/* ---- the op -------------------------------------------------------------- */

/* A session writes one block at a time: nbufs is 1. */
int uvssh__stream_write(uvssh_transport_t* t,
                        const uv_buf_t bufs[],
                        unsigned nbufs) {
  uv_buf_t rest = bufs[0];
  uv_os_fd_t fd;
  ssize_t n;
  int err = uv_fileno((uv_handle_t*) words_of(t)->out, &fd);

  if (err != 0 || nbufs != 1)
    return err != 0 ? err : UV_EINVAL;
  n = attempt(fd, rest.base, rest.len);
  if (n < 0)
    return (int) n;
  if ((size_t) n == rest.len) {
    uvssh_transport_wrote(t, 0);
    return 0;
  }
  rest.base += n;
  rest.len -= (size_t) n;
  return wait_for_room(t, fd, rest);
}

void uvssh__stream_write_close(uvssh_transport_t* t) {
  struct writer* w = (struct writer*) words_of(t)->writer;

  if (w == NULL) {
    uvssh__stream_part_closed(t);
    return;
  }
  w->closes_transport = 1;
  end_wait(w);
}
