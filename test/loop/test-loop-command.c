/* A session over a command: what it says and hears, how it ends, and what a
 * child is given. The children are this program, in a role of their own:
 * "env UVSSH_CHILD=role program". */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flow.h"

#define CHILD "UVSSH_CHILD"

enum { BULK = 3 << 19, FDS = 256 };

/* ---- children ------------------------------------------------------------ */

static int connect_to(int port) {
  struct sockaddr_in to;
  int fd = socket(AF_INET, SOCK_STREAM, 0);

  memset(&to, 0, sizeof(to));
  to.sin_family = AF_INET;
  to.sin_port = htons((uint16_t) port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect(fd, (struct sockaddr*) &to, sizeof(to)) == 0 ? fd : -1;
}

/* 0: at an end. */
static int carry(int from, int to, size_t* count) {
  char bytes[16384];
  ssize_t n = read(from, bytes, sizeof(bytes));
  ssize_t done = 0;
  ssize_t some;

  while (n > 0 && done < n) {
    some = write(to, bytes + done, (size_t) (n - done));
    if (some <= 0)
      return 0;
    done += some;
  }
  *count += n > 0 ? (size_t) n : 0;
  return n > 0;
}

/* Between its standard streams and a port; until so many bytes have come. */
static void bridge(int port, size_t most) {
  int fd = connect_to(port);
  struct pollfd wait[2] = { { .fd = 0, .events = POLLIN },
                            { .fd = fd, .events = POLLIN } };
  size_t count = 0;

  while (fd >= 0 && count < most && poll(wait, 2, -1) > 0) {
    if (wait[0].revents != 0 && !carry(0, fd, &count))
      break;
    if (wait[1].revents != 0 && !carry(fd, 1, &count))
      break;
  }
  if (fd >= 0)
    close(fd);
}

/* As the software of an SSH peer: a session shows it. */
static void tell_state(void) {
  struct sigaction action;
  sigset_t mask;
  int ignored = 0;
  int blocked = 0;
  int fds = 0;
  int i;

  sigprocmask(SIG_SETMASK, NULL, &mask);
  for (i = 1; i < 32; i++) {
    blocked += sigismember(&mask, i);
    if (sigaction(i, NULL, &action) == 0)
      ignored += action.sa_handler == SIG_IGN;
  }
  for (i = 3; i < FDS; i++)
    fds += fcntl(i, F_GETFD) >= 0;
  dprintf(1, "SSH-2.0-pipe_%d_ignored_%d_blocked_%d_fds_%d_err_%d\r\n",
          sigaction(SIGPIPE, NULL, &action) == 0 &&
              action.sa_handler == SIG_DFL,
          ignored, blocked, fds, fcntl(2, F_GETFD) >= 0);
}

static void wait_for_eof(void) {
  char byte;

  while (read(0, &byte, 1) > 0)
    ;
}

static int mark_fd;

static void mark(int signum) {
  if (write(mark_fd, "T", 1) == 1)
    _exit(0);
}

static void child(const char* role) {
  int port = strchr(role, ':') == NULL ? 0 : atoi(strchr(role, ':') + 1);

  if (strncmp(role, "bridge:", 7) == 0) {
    bridge(port, SIZE_MAX);
  } else if (strncmp(role, "die:", 4) == 0) {
    bridge(port, 100 * 1000);
    kill(getpid(), SIGKILL);
  } else if (strncmp(role, "stubborn:", 9) == 0) {
    signal(SIGTERM, SIG_IGN);
    bridge(port, SIZE_MAX);
    for (;;)
      pause();
  } else if (strncmp(role, "mark:", 5) == 0) {
    signal(SIGTERM, mark);
    mark_fd = port;
    dprintf(1, "SSH-2.0-x\r\n");
    for (;;)
      pause();
  } else if (strcmp(role, "state") == 0) {
    tell_state();
    wait_for_eof();
  } else if (strcmp(role, "orphan") == 0 && fork() == 0) {
    close(2);                      /* holds the pipes, and stays */
    wait_for_eof();
  }
  _exit(0);
}

__attribute__((constructor)) static void maybe_child(void) {
  if (getenv(CHILD) != NULL)
    child(getenv(CHILD));
}

/* ---- sessions over them -------------------------------------------------- */

static const char* command_of(const char* role, const struct both* b) {
  static char line[1024];
  char path[512];
  size_t len = sizeof(path);
  int port = b == NULL
                 ? 0
                 : ntohs(((const struct sockaddr_in*) &b->address)->sin_port);

  CHECK_EQ(uv_exepath(path, &len), 0);
  snprintf(line, sizeof(line), "env " CHILD "=%s:%d '%s'", role, port, path);
  if (b == NULL)
    snprintf(line, sizeof(line), "env " CHILD "=%s '%s'", role, path);
  return line;
}

static struct peer* start(struct both* b,
                          uvssh_transport_t* t,
                          enum goal goal,
                          const char* command) {
  CHECK_EQ(uvssh_transport_command(t, &b->loop, command), 0);
  return both_client_over(b, goal, t);
}

/* Larger than what the kernel takes: the transport is full first. */
static void large_windows(struct both* b) {
  b->server_config.window_bytes = b->client_config.window_bytes = 64 << 20;
  b->server_config.session_bytes = b->client_config.session_bytes =
      (uint64_t) 1 << 30;
}

/* With a channel, through a bridge to the server. */
static struct peer* begin(struct both* b,
                          uvssh_transport_t* t,
                          const char* role,
                          const char* ask) {
  struct peer* p;

  both_open(b);
  large_windows(b);
  both_listen(b);
  p = start(b, t, GOAL_ASK, command_of(role, b));
  p->command = ask;
  UNTIL(b, p->ask != PENDING);
  CHECK_EQ(p->ask, 0);
  return p;
}

/* No process of ours is left, alive or not. */
static void end(struct both* b) {
  both_close(b);
  CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
  CHECK_EQ(errno, ECHILD);
}

TEST(command_echo) {
  struct both b;
  uvssh_transport_t t;
  struct sockaddr_storage name;
  int len = sizeof(name);
  struct peer* p = begin(&b, &t, "bridge", "echo");

  CHECK_EQ(uvssh_session_peername(&p->session, (struct sockaddr*) &name, &len),
           UV_ENOTSUP);
  flow_echo(&b, p, b.served[0], BULK);
  end(&b);
}

TEST(command_nobody_reads) {
  struct both b;
  uvssh_transport_t t;
  struct peer* p = begin(&b, &t, "bridge", "");

  flow_pressure(&b, p, b.served[0], 1 << 20);
  flow_pressure(&b, b.served[0], p, 1 << 20);
  end(&b);
}

/* ---- its own end --------------------------------------------------------- */

/* The child has gone, and the loop knows. */
static void wait_for_exit(struct both* b) {
  siginfo_t info;

  CHECK_EQ(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
  flow_rest(b, 2);
}

/* Whatever it was, it was no SSH. */
TEST(command_that_ends_at_once) {
  static const char* const commands[] = { "true", "false", "",
    "/no/such/command 2>/dev/null", "echo hello", "kill -9 $$",
    "sh -c 'exit 3'" };
  struct both b;
  uvssh_transport_t t;
  struct peer* p;
  size_t i;
  int rest;

  for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
    for (rest = 0; rest < 2; rest++) {
      NOTE("%s, %s", commands[i], rest ? "later" : "at once");
      both_open(&b);
      CHECK_EQ(uvssh_transport_command(&t, &b.loop, commands[i]), 0);
      if (rest)                    /* it has gone before the session starts */
        wait_for_exit(&b);
      p = both_client_over(&b, GOAL_START, &t);
      UNTIL(&b, p->closes == 1);
      CHECK_EQ(p->end.status, UVSSH_ENOBANNER);
      CHECK(p->end.by_peer);
      CHECK(p->start != PENDING && p->start != 0);
      end(&b);
    }
}

/* What it has said is read before its end, late as it may be. */
TEST(command_that_says_something_and_ends) {
  struct both b;
  uvssh_transport_t t;
  struct peer* p;
  int rest;

  for (rest = 0; rest < 2; rest++) {
    NOTE("%s", rest ? "later" : "at once");
    both_open(&b);
    CHECK_EQ(uvssh_transport_command(&t, &b.loop,
                                     "printf 'SSH-2.0-x\\r\\n'"), 0);
    if (rest)
      wait_for_exit(&b);
    p = both_client_over(&b, GOAL_START, &t);
    UNTIL(&b, p->closes == 1);
    CHECK_EQ(p->end.status, UV_EOF);
    CHECK_EQ(p->end.phase, UVSSH_PHASE_KEX);
    end(&b);
  }
}

/* Its end counts, though a child of its own holds the pipes. */
TEST(command_that_leaves_a_child) {
  struct both b;
  uvssh_transport_t t;
  struct peer* p;

  both_open(&b);
  p = start(&b, &t, GOAL_START, command_of("orphan", NULL));
  UNTIL(&b, p->closes == 1);
  CHECK_EQ(p->end.status, UVSSH_ENOBANNER);
  end(&b);
}

TEST(command_dies_on_the_way) {
  struct both b;
  uvssh_transport_t t;
  struct peer* p = begin(&b, &t, "die", "echo");
  char* bytes = calloc(1, 1 << 20);
  uv_buf_t buf = uv_buf_init(bytes, 1 << 20);
  uvssh_req_t req;

  CHECK_EQ(uvssh_channel_read_start(&p->channel, peer_read), 0);
  CHECK_EQ(uvssh_channel_write(&req, &p->channel, UVSSH_DATA, &buf, 1, NULL),
           0);
  UNTIL(&b, p->closes == 1);
  CHECK_EQ(p->end.status, UV_EOF);
  CHECK_EQ(p->read_end, UV_ECONNRESET);
  CHECK(p->got < 1 << 20);
  end(&b);
  free(bytes);
}

/* ---- our end ------------------------------------------------------------- */

/* Nothing of its input interests it: SIGTERM ends it. */
TEST(command_that_does_nothing) {
  struct both b;
  uvssh_transport_t t;
  struct peer* p;

  both_open(&b);
  p = start(&b, &t, GOAL_START, "sleep 1000");
  flow_rest(&b, 10);
  uvssh_session_close(&p->session);
  UNTIL(&b, p->closes == 1);
  CHECK_EQ(p->end.status, 0);
  end(&b);
}

/* ... which it may do something about. */
TEST(command_is_told_to_go) {
  struct both b;
  uvssh_transport_t t;
  uvssh_session_info_t info;
  struct peer* p;
  char command[1024];
  char role[32];
  char byte = 0;
  int fds[2];

  CHECK_EQ(pipe(fds), 0);
  CHECK_EQ(fcntl(fds[0], F_SETFD, FD_CLOEXEC), 0);
  snprintf(role, sizeof(role), "mark:%d", fds[1]);
  snprintf(command, sizeof(command), "%s", command_of(role, NULL));
  both_open(&b);
  p = start(&b, &t, GOAL_START, command);
  do {
    both_turn(&b, "the child is there");
    uvssh_session_info(&p->session, &info);
  } while (info.peer_software[0] == '\0');
  uvssh_session_close(&p->session);
  UNTIL(&b, p->closes == 1);
  end(&b);
  close(fds[1]);
  CHECK_EQ(read(fds[0], &byte, 1), 1);
  CHECK_EQ(byte, 'T');
  close(fds[0]);
}

/* One that ignores SIGTERM, and the end of its input, is killed. */
TEST(command_that_will_not_go) {
  struct both b;
  uvssh_transport_t t;
  struct peer* p = begin(&b, &t, "stubborn", "");

  uvssh_session_close(&p->session);
  UNTIL(&b, p->closes == 1);
  CHECK_EQ(p->end.status, 0);
  end(&b);
}

/* While a write waits for room, too. */
TEST(command_closed_while_it_does_not_read) {
  struct both b;
  uvssh_transport_t t;
  struct peer* p = begin(&b, &t, "bridge", "");
  uvssh_transport_t* there = flow_transport(b.served[0]);
  char chunk[16384] = { 0 };

  CHECK_EQ(there->ops->read_stop(there), 0);
  while (words_of(&t)->writer == NULL) {
    (void) uvssh_channel_send(&p->channel, UVSSH_DATA, chunk, sizeof(chunk));
    both_turn(&b, "it is full");
  }
  uvssh_session_close(&p->session);
  UNTIL(&b, p->closes == 1);
  end(&b);
}

TEST(command_closed_at_any_turn) {
  struct both b;
  uvssh_transport_t t;
  int turns;
  int i;

  for (turns = 0; turns < 40; turns++) {
    NOTE("%d", turns);
    both_open(&b);
    both_listen(&b);
    start(&b, &t, GOAL_ASK, command_of("bridge", &b))->command = "echo";
    for (i = 0; i < turns; i++)
      flow_rest(&b, turns % 2 == 0 ? 1 : 3);
    uvssh_session_close(&b.clients[0]->session);
    end(&b);
  }
}

/* One that no session got. */
TEST(command_without_a_session) {
  static const char* const commands[] = { "true", "cat" };
  struct both b;
  uvssh_transport_t t;
  size_t i;

  for (i = 0; i < 2; i++) {
    both_open(&b);
    CHECK_EQ(uvssh_transport_command(&t, &b.loop, commands[i]), 0);
    flow_rest(&b, i == 0 ? 20 : 1);
    t.ops->close(&t);
    end(&b);
  }
}

/* ---- what a child is given ----------------------------------------------- */

static int inherited(void) {
  int n = 0;
  int flags;
  int i;

  for (i = 3; i < FDS; i++) {
    flags = fcntl(i, F_GETFD);
    n += flags >= 0 && !(flags & FD_CLOEXEC);
  }
  return n;
}

/* Ours ignores SIGPIPE, blocks signals, and has a session whose write waits. */
TEST(command_starts_clean) {
  struct both b;
  uvssh_transport_t t;
  uvssh_session_info_t info;
  struct sigaction ignore;
  struct sigaction before;
  sigset_t all;
  char want[128];
  char chunk[16384] = { 0 };
  int fds = inherited();
  struct peer* p;
  uvssh_transport_t* there;

  both_open(&b);
  large_windows(&b);
  both_listen(&b);
  p = both_channel(&b, "");
  there = flow_transport(b.served[0]);
  CHECK_EQ(there->ops->read_stop(there), 0);
  while (words_of(flow_transport(p))->writer == NULL) {
    (void) uvssh_channel_send(&p->channel, UVSSH_DATA, chunk, sizeof(chunk));
    both_turn(&b, "it is full");
  }
  memset(&ignore, 0, sizeof(ignore));
  ignore.sa_handler = SIG_IGN;
  CHECK_EQ(sigaction(SIGPIPE, &ignore, &before), 0);
  sigemptyset(&all);
  sigaddset(&all, SIGTERM);
  sigaddset(&all, SIGPIPE);
  CHECK_EQ(sigprocmask(SIG_BLOCK, &all, NULL), 0);
  p = start(&b, &t, GOAL_START, command_of("state", NULL));
  CHECK_EQ(sigprocmask(SIG_UNBLOCK, &all, NULL), 0);
  CHECK_EQ(sigaction(SIGPIPE, &before, NULL), 0);
  do {
    both_turn(&b, "the child has said what it is");
    uvssh_session_info(&p->session, &info);
  } while (info.peer_software[0] == '\0');
  snprintf(want, sizeof(want), "pipe_1_ignored_0_blocked_0_fds_%d_err_1", fds);
  CHECK_STR(info.peer_software, want);
  end(&b);
}

/* ---- where it cannot begin ----------------------------------------------- */

TEST(command_arguments) {
  uvssh_transport_t t = { .data = &t };
  uv_loop_t loop;

  CHECK_EQ(uv_loop_init(&loop), 0);
  CHECK_EQ(uvssh_transport_command(NULL, &loop, "true"), UV_EINVAL);
  CHECK_EQ(uvssh_transport_command(&t, NULL, "true"), UV_EINVAL);
  CHECK_EQ(uvssh_transport_command(&t, &loop, NULL), UV_EINVAL);
  HEAP_SWEEP(n) {
    int err = uvssh_transport_command(&t, &loop, "true");

    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    CHECK(t.data == &t);
    if (err == 0)
      t.ops->close(&t);
    CHECK_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
  }
  CHECK_EQ(uv_loop_close(&loop), 0);
}

/* Not one descriptor, one, two ... are left. */
TEST(command_without_descriptors) {
  struct rlimit before;
  struct rlimit few;
  uvssh_transport_t t;
  uv_loop_t loop;
  int fds[64];
  int i, err;

  CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  CHECK_EQ(uv_loop_init(&loop), 0);
  CHECK_EQ(uv_run(&loop, UV_RUN_NOWAIT), 0);
  few = before;
  few.rlim_cur = 64;
  for (i = 0; i < 64; i++)
    fds[i] = -1;
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  for (i = 0; i < 64 && (fds[i] = open("/dev/null", O_CLOEXEC)) >= 0; i++)
    ;
  for (err = UV_EMFILE; err != 0 && i > 0;) {
    err = uvssh_transport_command(&t, &loop, "true");
    if (err != 0)
      CHECK_EQ(err, UV_EMFILE);
    else
      t.ops->close(&t);
    CHECK_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
    close(fds[--i]);
    fds[i] = -1;
  }
  CHECK_EQ(err, 0);
  while (i > 0)
    close(fds[--i]);
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  CHECK_EQ(uv_loop_close(&loop), 0);
}
