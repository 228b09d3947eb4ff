/* A session over two streams: pipes, sockets, a terminal. */
#define _GNU_SOURCE                /* posix_openpt() */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "flow.h"

enum { BULK = 3 << 19 };

/* ---- two ends ------------------------------------------------------------ */

struct side {
  uvssh_transport_t t;
  uv_pipe_t in;
  uv_pipe_t out;
  uv_tty_t tty;
};

static struct side sides[2];       /* a server's, a client's */

static void side_open(struct both* b, struct side* s, int in, int out) {
  CHECK_EQ(uv_pipe_init(&b->loop, &s->in, 0), 0);
  CHECK_EQ(uv_pipe_open(&s->in, in), 0);
  CHECK_EQ(uv_pipe_init(&b->loop, &s->out, 0), 0);
  CHECK_EQ(uv_pipe_open(&s->out, out), 0);
  CHECK_EQ(uvssh_transport_pair(&s->t, (uv_stream_t*) &s->in,
                                (uv_stream_t*) &s->out), 0);
}

enum over { PIPES, SOCKETS, TERMINAL };

static void connect_them(struct both* b, enum over over) {
  int fds[4];

  memset(sides, 0, sizeof(sides));
  if (over == PIPES) {
    CHECK_EQ(pipe(fds), 0);
    CHECK_EQ(pipe(fds + 2), 0);
  } else {
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds + 2), 0);
  }
  side_open(b, &sides[0], fds[0], fds[3]);
  side_open(b, &sides[1], fds[2], fds[1]);
}

/* 0: there is none here. The master is one that libuv cannot open again: it
 * would write to it in blocking mode. */
static int connect_terminal(struct both* b) {
  struct termios mode;
  uv_os_fd_t own;
  int fds[2];
  int i;

  memset(sides, 0, sizeof(sides));
  fds[0] = posix_openpt(O_RDWR | O_NOCTTY);
  if (fds[0] < 0 || grantpt(fds[0]) != 0 || unlockpt(fds[0]) != 0)
    return 0;
  fds[1] = open(ptsname(fds[0]), O_RDWR | O_NOCTTY);
  if (fds[1] < 0 || tcgetattr(fds[1], &mode) != 0)
    return 0;
  cfmakeraw(&mode);
  CHECK_EQ(tcsetattr(fds[1], TCSANOW, &mode), 0);
  for (i = 0; i < 2; i++) {
    CHECK_EQ(uv_tty_init(&b->loop, &sides[i].tty, fds[i], 1), 0);
    CHECK_EQ(uv_fileno((uv_handle_t*) &sides[i].tty, &own), 0);
    if (own != fds[i])             /* opened once more; ours goes */
      close(fds[i]);
    CHECK_EQ(uvssh_transport_stream(&sides[i].t,
                                    (uv_stream_t*) &sides[i].tty), 0);
  }
  return 1;
}

static int begin(struct both* b, enum over over, const char* command) {
  both_open(b);
  both_server(b);
  if (over != TERMINAL) {
    connect_them(b, over);
  } else if (!connect_terminal(b)) {
    both_close(b);
    return 0;
  }
  both_serve(b, &sides[0].t);
  both_client_over(b, GOAL_ASK, &sides[1].t)->command = command;
  UNTIL(b, b->clients[0]->ask != PENDING);
  CHECK_EQ(b->clients[0]->ask, 0);
  return 1;
}

/* ---- bytes --------------------------------------------------------------- */

static void check_echo(enum over over) {
  struct both b;
  struct sockaddr_storage name;
  int len = sizeof(name);

  if (!begin(&b, over, "echo"))
    SKIP("no terminals here");
  CHECK_EQ(uvssh_session_peername(&b.clients[0]->session,
                                  (struct sockaddr*) &name, &len), UV_ENOTSUP);
  flow_echo(&b, b.clients[0], b.served[0], BULK);
  both_close(&b);
}

TEST(pair_of_pipes) {
  check_echo(PIPES);
}

TEST(pair_of_sockets) {
  check_echo(SOCKETS);
}

TEST(pair_terminal) {
  check_echo(TERMINAL);
}

static void check_pressure(enum over over) {
  struct both b;

  if (!begin(&b, over, ""))
    SKIP("no terminals here");
  flow_pressure(&b, b.clients[0], b.served[0], 1 << 20);
  flow_pressure(&b, b.served[0], b.clients[0], 1 << 20);
  both_close(&b);
}

TEST(pair_of_pipes_that_nobody_reads) {
  check_pressure(PIPES);
}

TEST(pair_of_sockets_that_nobody_reads) {
  check_pressure(SOCKETS);
}

TEST(pair_terminal_that_nobody_reads) {
  check_pressure(TERMINAL);
}

/* ---- ends ---------------------------------------------------------------- */

static struct peer* victim_of(struct both* b, int which) {
  return which % 2 == 0 ? b->served[0] : b->clients[0];
}

/* The other one sees the end of its input. */
TEST(pair_closed_by_one) {
  struct both b;
  int over, which;

  for (over = PIPES; over <= TERMINAL; over++)
    for (which = 0; which < 2; which++) {
      NOTE("over %d, %d closes", over, which);
      if (!begin(&b, (enum over) over, ""))
        SKIP("no terminals here");
      uvssh_session_close(&victim_of(&b, which)->session);
      UNTIL(&b, b.served[0]->closes == 1 && b.clients[0]->closes == 1);
      CHECK_EQ(victim_of(&b, which)->end.status, 0);
      CHECK(victim_of(&b, which + 1)->end.status < 0);
      if (over != TERMINAL)
        CHECK_EQ(victim_of(&b, which + 1)->end.status, UV_EOF);
      both_close(&b);
    }
}

/* While a write waits for room: nothing of it stays. */
TEST(pair_closed_while_it_writes) {
  struct both b;
  uvssh_transport_t* t;
  char chunk[16384] = { 0 };
  int over, which;

  for (over = PIPES; over <= TERMINAL; over++)
    for (which = 0; which < 4; which++) {
      NOTE("over %d, %d", over, which);
      if (!begin(&b, (enum over) over, ""))
        SKIP("no terminals here");
      t = flow_transport(b.served[0]);
      CHECK_EQ(t->ops->read_stop(t), 0);
      t = flow_transport(b.clients[0]);
      while (words_of(t)->writer == NULL) {
        (void) uvssh_channel_send(&b.clients[0]->channel, UVSSH_DATA, chunk,
                                  sizeof(chunk));
        both_turn(&b, "it is full");
      }
      if (which < 2)
        uvssh_session_close(&victim_of(&b, which)->session);
      else
        (void) uvssh_session_disconnect(&victim_of(&b, which)->session, 11,
                                        "");
      both_close(&b);
    }
}

TEST(pair_closed_at_any_turn) {
  struct both b;
  int turns;
  int i;

  for (turns = 0; turns < 80; turns++) {
    NOTE("%d", turns);
    both_open(&b);
    both_server(&b);
    connect_them(&b, turns % 2 == 0 ? PIPES : SOCKETS);
    both_serve(&b, &sides[0].t);
    both_client_over(&b, GOAL_ASK, &sides[1].t)->command = "echo";
    for (i = 0; i < turns / 4; i++)
      uv_run(&b.loop, UV_RUN_NOWAIT);
    uvssh_session_close(&victim_of(&b, turns / 2)->session);
    both_close(&b);
    CHECK(uv_is_closing((uv_handle_t*) &sides[1].in));   /* they were given */
    CHECK(uv_is_closing((uv_handle_t*) &sides[1].out));
  }
}

TEST(pair_arguments) {
  uvssh_transport_t t = { .data = &t };
  uv_loop_t loop[2];
  uv_pipe_t pipes[2];
  uv_timer_t timer;
  uv_stream_t* s = (uv_stream_t*) &pipes[0];
  int i;

  for (i = 0; i < 2; i++) {
    CHECK_EQ(uv_loop_init(&loop[i]), 0);
    CHECK_EQ(uv_pipe_init(&loop[i], &pipes[i], 0), 0);
  }
  CHECK_EQ(uv_timer_init(&loop[0], &timer), 0);
  CHECK_EQ(uvssh_transport_pair(NULL, s, s), UV_EINVAL);
  CHECK_EQ(uvssh_transport_pair(&t, NULL, s), UV_EINVAL);
  CHECK_EQ(uvssh_transport_pair(&t, s, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_transport_pair(&t, s, (uv_stream_t*) &timer), UV_EINVAL);
  CHECK_EQ(uvssh_transport_pair(&t, (uv_stream_t*) &timer, s), UV_EINVAL);
  CHECK_EQ(uvssh_transport_pair(&t, s, (uv_stream_t*) &pipes[1]), UV_EINVAL);
  CHECK_EQ(uvssh_transport_pair(&t, s, s), 0);
  CHECK(t.data == &t);
  uv_close((uv_handle_t*) s, NULL);
  CHECK_EQ(uvssh_transport_pair(&t, s, s), UV_EINVAL);
  uv_close((uv_handle_t*) &pipes[1], NULL);
  uv_close((uv_handle_t*) &timer, NULL);
  for (i = 0; i < 2; i++) {
    CHECK_EQ(uv_run(&loop[i], UV_RUN_DEFAULT), 0);
    CHECK_EQ(uv_loop_close(&loop[i]), 0);
  }
}
