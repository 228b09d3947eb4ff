/* A peer that resets raises no SIGPIPE, though its disposition is the default;
 * and the library changes neither that nor the mask. Each case runs in a
 * process of its own, which would die. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "both.h"
#include "loop/loop.h"

#define CASE "UVSSH_SIGPIPE_CASE"

enum { BULK = 48 << 20 };

/* ---- a transport over two real pipes --------------------------------------------- */

struct duplex {
  uvssh_transport_t t;
  uv_pipe_t out;
  uv_pipe_t in;
};

static void duplex_open(struct both* b, struct duplex* d, int in, int out) {
  CHECK_EQ(uv_pipe_init(&b->loop, &d->in, 0), 0);
  CHECK_EQ(uv_pipe_open(&d->in, in), 0);
  CHECK_EQ(uv_pipe_init(&b->loop, &d->out, 0), 0);
  CHECK_EQ(uv_pipe_open(&d->out, out), 0);
  CHECK_EQ(uvssh_transport_pair(&d->t, (uv_stream_t*) &d->in,
                                (uv_stream_t*) &d->out), 0);
}

/* ---- one case ------------------------------------------------------------------------ */

static struct duplex ends[2];
static int over_pipes;

static void begin(struct both* b, const char* how) {
  static uvssh_transport_t t[2];
  static uv_pipe_t pipes[2];
  int fds[4];
  int i;

  both_open(b);
  b->client_config.window_bytes = b->server_config.window_bytes = 2 * BULK;
  b->client_config.session_bytes = b->server_config.session_bytes =
      (uint64_t) 64 * BULK;
  if (strstr(how, "tcp") != NULL) {
    both_listen(b);
    both_channel(b, "");
    return;
  }
  both_server(b);
  over_pipes = strstr(how, "pipe") != NULL;
  if (over_pipes) {
    CHECK_EQ(pipe(fds), 0);
    CHECK_EQ(pipe(fds + 2), 0);
    duplex_open(b, &ends[0], fds[0], fds[3]);
    duplex_open(b, &ends[1], fds[2], fds[1]);
    both_serve(b, &ends[0].t);
    both_client_over(b, GOAL_ASK, &ends[1].t);
  } else {
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    for (i = 0; i < 2; i++) {
      CHECK_EQ(uv_pipe_init(&b->loop, &pipes[i], 0), 0);
      CHECK_EQ(uv_pipe_open(&pipes[i], fds[i]), 0);
      CHECK_EQ(uvssh_transport_stream(&t[i], (uv_stream_t*) &pipes[i]), 0);
    }
    both_serve(b, &t[0]);
    both_client_over(b, GOAL_ASK, &t[1]);
  }
  UNTIL(b, b->clients[0]->ask != PENDING);
  CHECK_EQ(b->clients[0]->ask, 0);
}

static uvssh_transport_t* transport_of(struct peer* p) {
  return attach_of(&p->session)->transport;
}

/* Where this end reads. */
static uv_stream_t* reader_of(struct peer* p) {
  return words_of(transport_of(p))->in;
}

/* Gone at once, and for a TCP with RST; libuv does not notice. */
static void cut_off(struct peer* p) {
  struct linger hard = { 1, 0 };
  int null = open("/dev/null", O_RDWR);
  uv_os_fd_t fd;

  CHECK_EQ(uv_fileno((uv_handle_t*) reader_of(p), &fd), 0);
  (void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  CHECK_EQ(dup2(null, fd), fd);
  close(null);
}

/* What a TCP has to tell is fetched: the next write gets EPIPE. */
static void forget_error(struct peer* p) {
  uv_os_fd_t fd;
  int error;
  socklen_t len = sizeof(error);

  CHECK_EQ(uv_fileno((uv_handle_t*) reader_of(p), &fd), 0);
  (void) getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
}

static void on_done(uvssh_req_t* req, int status) {
  *(int*) req->data = status;
}

static void write_to_nobody(struct both* b,
                            struct peer* from,
                            struct peer* to,
                            int backed_up) {
  uv_buf_t buf = uv_buf_init(calloc(1, BULK), BULK);
  char* bytes = buf.base;
  int done = PENDING;
  uvssh_req_t req = { .data = &done };

  uv_read_stop(reader_of(to));
  if (!backed_up) {
    cut_off(to);
    forget_error(from);
  }
  CHECK_EQ(uvssh_channel_write(&req, &from->channel, UVSSH_DATA, &buf, 1,
                               on_done), 0);
  if (backed_up) {
    UNTIL(b, words_of(transport_of(from))->writer != NULL);
    cut_off(to);
    forget_error(from);
  }
  UNTIL(b, from->closes == 1);
  CHECK(from->end.by_peer);
  CHECK(done < 0 && done != UV_ECANCELED);
  CHECK_EQ(from->channel_status, from->end.status);
  both_close(b);
  free(bytes);
}

static void check_untouched(const struct sigaction before[],
                            const sigset_t* mask_before,
                            int pends) {
  struct sigaction now;
  sigset_t mask;
  sigset_t pending;
  int i;

  for (i = 1; i < 32; i++) {
    CHECK_EQ(sigaction(i, NULL, &now), 0);
    CHECK(now.sa_handler == before[i].sa_handler);
    CHECK_EQ(now.sa_flags, before[i].sa_flags);
  }
  CHECK_EQ(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
  for (i = 1; i < 32; i++)
    CHECK_EQ(sigismember(&mask, i), sigismember(mask_before, i));
  CHECK_EQ(sigpending(&pending), 0);
  CHECK_EQ(sigismember(&pending, SIGPIPE), pends);
}

/* "pends": somebody else's SIGPIPE waits, blocked: it is to stay. */
static void run_case(const char* how) {
  struct sigaction before[32];
  struct sigaction dfl;
  sigset_t mask;
  struct both b;
  int pends = strstr(how, "pends") != NULL;
  int server_writes = strstr(how, "server") != NULL;
  int i;

  memset(&dfl, 0, sizeof(dfl));
  dfl.sa_handler = SIG_DFL;
  CHECK_EQ(sigaction(SIGPIPE, &dfl, NULL), 0);
  sigemptyset(&mask);
  if (pends)
    sigaddset(&mask, SIGPIPE);
  CHECK_EQ(pthread_sigmask(SIG_SETMASK, &mask, NULL), 0);
  if (pends)
    raise(SIGPIPE);
  for (i = 1; i < 32; i++)
    CHECK_EQ(sigaction(i, NULL, &before[i]), 0);

  begin(&b, how);
  write_to_nobody(&b, (server_writes ? b.served : b.clients)[0],
                  (server_writes ? b.clients : b.served)[0],
                  strstr(how, "backed") != NULL);
  check_untouched(before, &mask, pends);
}

/* ---- each in a process of its own ------------------------------------------------------ */

static void start_case(const char* how) {
  int status;
  pid_t pid = fork();

  CHECK(pid >= 0);
  if (pid == 0) {
    setenv(CASE, how, 1);
    dup2(2, 1);                    /* this program's lines are its parent's */
    execl("/proc/self/exe", "sigpipe", (char*) NULL);
    _exit(99);
  }
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK(!WIFSIGNALED(status));
  CHECK_EQ(WEXITSTATUS(status), 0);
}

TEST(sigpipe) {
  static const char* const over[] = { "tcp", "unix", "pipe" };
  static const char* const when[] = { "now", "backed" };
  static const char* const who[] = { "server", "client" };
  char how[64];
  size_t i;

  if (getenv(CASE) != NULL) {
    NOTE("%s", getenv(CASE));
    run_case(getenv(CASE));
    return;
  }
  for (i = 0; i < 12; i++) {
    snprintf(how, sizeof(how), "%s %s %s", over[i / 4], when[i / 2 % 2],
             who[i % 2]);
    NOTE("%s", how);
    start_case(how);
  }
  start_case("pipe now server pends");
  start_case("unix backed client pends");
}
