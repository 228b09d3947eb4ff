/* Every call of libuv and of the system fails once, with every error that it
 * may have: at each of its places in a whole session over each transport. See
 * calls.h and stage.h.
 *
 * A row says what comes of it. Whatever that is: no crash, no leak of memory or
 * descriptors, no hang, every callback once, and the server goes on: a client
 * that comes next has all of its talk, and the loop can be closed. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>

#include "stage.h"

enum outcome {
  SURVIVES,                        /* nobody notices */
  TOLD,                            /* that, or this very code is told */
  ENDS                             /* that, or some other failure is told */
};

struct row {
  enum call call;
  int error;                       /* of libuv; of the system: errno */
  enum outcome outcome;
};

#define UV(name, error, outcome) { CALL_uv_##name, UV_##error, outcome }
#define SYS(name, error, outcome) { CALL_##name, error, outcome }

static const struct row rows[] = {
  UV(accept, EAGAIN, ENDS), UV(accept, ENOMEM, ENDS),
  UV(accept, EMFILE, ENDS),
  UV(cancel, EBUSY, SURVIVES), UV(cancel, EINVAL, SURVIVES),
  UV(async_init, EMFILE, TOLD), UV(async_init, ENOMEM, TOLD),
  UV(fileno, EBADF, ENDS),
  UV(fs_close, EIO, TOLD),
  UV(fs_fstat, EIO, TOLD),
  UV(fs_fsync, EIO, TOLD), UV(fs_fsync, ENOSPC, TOLD),
  UV(fs_open, EACCES, TOLD), UV(fs_open, EMFILE, TOLD),
  UV(fs_open, EIO, TOLD),
  UV(fs_read, EIO, TOLD), UV(fs_read, EINTR, TOLD), UV(fs_read, ENOMEM, TOLD),
  UV(fs_stat, EACCES, TOLD), UV(fs_stat, ENOMEM, TOLD),
  UV(fs_write, ENOSPC, TOLD), UV(fs_write, EIO, TOLD),
  UV(getaddrinfo, ENOMEM, TOLD), UV(getaddrinfo, EINVAL, TOLD),
  UV(listen, EADDRINUSE, TOLD), UV(listen, ENOBUFS, TOLD),
  UV(mutex_init, ENOMEM, TOLD), UV(mutex_init, EAGAIN, TOLD),
  UV(pipe, EMFILE, TOLD), UV(pipe, ENFILE, TOLD),
  UV(pipe_open, ENOMEM, TOLD), UV(pipe_open, EBADF, TOLD),
  UV(poll_init, ENOMEM, SURVIVES), UV(poll_init, ENOSPC, SURVIVES),
  UV(poll_start, EINVAL, TOLD),
  UV(process_kill, EPERM, SURVIVES), UV(process_kill, ESRCH, SURVIVES),
  UV(queue_work, ENOMEM, TOLD),
  UV(read_start, EINVAL, TOLD), UV(read_start, ENOTCONN, TOLD),
  UV(read_start, EALREADY, ENDS),
  UV(spawn, ENOMEM, TOLD), UV(spawn, EAGAIN, TOLD), UV(spawn, EMFILE, TOLD),
  UV(spawn, EACCES, TOLD), UV(spawn, ENOENT, TOLD),
  UV(tcp_bind, EACCES, TOLD), UV(tcp_bind, EADDRINUSE, TOLD),
  UV(tcp_connect, EADDRNOTAVAIL, TOLD), UV(tcp_connect, EMFILE, TOLD),
  UV(tcp_connect, ENETUNREACH, TOLD), UV(tcp_connect, ENOMEM, TOLD),
  UV(tcp_getpeername, ENOTCONN, SURVIVES),
  UV(tcp_getpeername, ENOBUFS, SURVIVES),
  UV(tcp_getsockname, ENOBUFS, TOLD),
  UV(tcp_init, ENOMEM, TOLD), UV(tcp_init, EMFILE, TOLD),
  UV(tcp_init_ex, ENOMEM, TOLD), UV(tcp_init_ex, EMFILE, TOLD),
  UV(tcp_nodelay, EINVAL, SURVIVES),

  SYS(accept4, EMFILE, ENDS), SYS(accept4, ENFILE, ENDS),
  SYS(accept4, ENOBUFS, ENDS), SYS(accept4, ENOMEM, ENDS),
  SYS(accept4, ECONNABORTED, ENDS), SYS(accept4, EINTR, SURVIVES),
  SYS(accept4, EAGAIN, SURVIVES), SYS(accept4, EPERM, ENDS),
  SYS(accept4, EPROTO, ENDS),
  SYS(bind, EADDRINUSE, TOLD), SYS(bind, EACCES, TOLD),
  SYS(close, EINTR, SURVIVES), SYS(close, EIO, SURVIVES),
  SYS(connect, ECONNREFUSED, TOLD), SYS(connect, ENETUNREACH, TOLD),
  SYS(connect, ETIMEDOUT, TOLD), SYS(connect, EADDRNOTAVAIL, TOLD),
  SYS(connect, EACCES, TOLD), SYS(connect, EINTR, SURVIVES),
  SYS(epoll_ctl, ENOMEM, SURVIVES), SYS(epoll_ctl, ENOSPC, SURVIVES),
  SYS(epoll_pwait, EINTR, SURVIVES), SYS(epoll_wait, EINTR, SURVIVES),
  SYS(fcntl, EMFILE, SURVIVES), SYS(fcntl, EINVAL, SURVIVES),
  SYS(fork, EAGAIN, TOLD), SYS(fork, ENOMEM, TOLD),
  SYS(getaddrinfo, EAI_AGAIN, ENDS), SYS(getaddrinfo, EAI_NONAME, ENDS),
  SYS(getaddrinfo, EAI_FAIL, ENDS), SYS(getaddrinfo, EAI_MEMORY, ENDS),
  SYS(getaddrinfo, EAI_SYSTEM, ENDS),
  SYS(getpeername, ENOTCONN, SURVIVES), SYS(getpeername, ENOBUFS, SURVIVES),
  SYS(getsockname, ENOBUFS, ENDS),
  SYS(ioctl, EINTR, SURVIVES), SYS(ioctl, EBADF, ENDS),
  SYS(listen, EADDRINUSE, TOLD),
  SYS(open, EMFILE, TOLD), SYS(open, EACCES, TOLD), SYS(open, EINTR, TOLD),
  SYS(open, ENOENT, ENDS),
  SYS(pipe2, EMFILE, TOLD), SYS(pipe2, ENFILE, TOLD),
  SYS(read, EINTR, SURVIVES), SYS(read, EAGAIN, ENDS),
  SYS(read, SHORT_RESULT, SURVIVES), SYS(read, ECONNRESET, ENDS),
  SYS(read, EIO, ENDS), SYS(read, ETIMEDOUT, ENDS),
  SYS(send, EINTR, SURVIVES), SYS(send, EAGAIN, SURVIVES),
  SYS(send, ENOBUFS, SURVIVES), SYS(send, SHORT_RESULT, SURVIVES),
  SYS(send, EPIPE, ENDS), SYS(send, ECONNRESET, ENDS),
  SYS(send, ENOMEM, ENDS),
  SYS(setsockopt, ENOPROTOOPT, ENDS),
  SYS(socket, EMFILE, TOLD), SYS(socket, ENFILE, TOLD),
  SYS(socket, ENOBUFS, TOLD), SYS(socket, EAFNOSUPPORT, TOLD),
  SYS(write, EINTR, SURVIVES), SYS(write, EAGAIN, ENDS),
  SYS(write, SHORT_RESULT, SURVIVES), SYS(write, EPIPE, ENDS),
  SYS(write, EIO, ENDS), SYS(write, ENOSPC, ENDS),
};

/* ---- one case ------------------------------------------------------------ */

static unsigned cases;
static unsigned scenes;
static unsigned char reached[sizeof(rows) / sizeof(rows[0])];

static unsigned open_fds(void) {
  unsigned n = 0;
  int fd;

  for (fd = 0; fd < 128; fd++)
    n += fcntl(fd, F_GETFD) >= 0;
  return n;
}

static struct side* come(struct stage* s) {
  return stage_come(s, calls_pause);
}

static int as_uv(const struct fault* f) {
  return f->error < 0 ? f->error : uv_translate_sys_error(f->error);
}

static void judge(const struct stage* s,
                  const struct row* row,
                  const struct fault* f,
                  const struct side* first) {
  int survived = first->end.status == UVSSH_EDISCONNECT && first->talked;

  if (survived) {
    side_check(first);
    return;
  }
  if (row->outcome == SURVIVES)
    FAIL("it did not survive: %s", uvssh_err_name(s->codes[0]));
  CHECK(s->code_count > 0);
  if (row->outcome == TOLD && !stage_was_told(s, as_uv(f)))
    FAIL("told was %s first", uvssh_err_name(s->codes[0]));
}

/* 1: the call was made so many times. */
static int run(const struct scene* scene,
               const struct row* row,
               const struct fault* f) {
  unsigned fds = open_fds();
  struct stage s;
  struct side* first;
  struct side* last;
  int fired;

  stage_open(&s, scene);
  calls_crowd(scene->crowd);
  calls_arm(f);
  scene->listen(&s);
  first = last = come(&s);
  if (!stage_talk(&s, first)) {
    fired = calls_fired();
    CHECK(fired);
    calls_disarm();
    uvssh_session_close(&first->session);
    STAGE_UNTIL(&s, first->closes == 1);
    last = come(&s);
    if (!stage_talk(&s, last))
      FAIL("who comes next: %s", uvssh_err_name(last->end.status));
  }
  stage_leave(&s, last);
  fired = calls_fired();
  if (last != first || !fired)
    side_check(last);
  calls_disarm();
  if (fired)
    judge(&s, row, f, first);
  stage_close(&s);
  if (f->error != 0)               /* before that libuv makes some, once */
    CHECK_EQ(open_fds(), fds);
  return fired;
}

/* ---- all of them --------------------------------------------------------- */

static void say(const struct scene* scene,
                const struct row* row,
                const struct fault* f) {
  NOTE("%s: %s no. %u: %s", scene->name, calls_name(f->call), f->nth,
       f->error == SHORT_RESULT ? "short"
                                : row->error == 0 ? "none"
                                                  : uvssh_err_name(as_uv(f)));
}

/* From the first call to the last, and one time more, when none is left. */
static void sweep(const struct scene* scene, const struct row* row) {
  static unsigned number;
  unsigned share = check_share();
  struct fault f = { row->call, 1 + number++ % share, row->error };

  for (;; f.nth += share) {
    say(scene, row, &f);
    cases++;
    if (!run(scene, row, &f))
      return;
  }
}

static int is_of(const struct scene* scene, enum call call) {
  const enum call* at = scene->only;

  while (at != NULL && *at != CALLS && *at != call)
    at++;
  return at == NULL || *at == call;
}

static void sweep_all(const struct scene* scene) {
  static const struct row nothing = { CALL_uv_accept, 0, SURVIVES };
  static const struct fault none = { CALL_uv_accept, 1, 0 };
  unsigned counts[CALLS];
  unsigned i;

  cases = 0;
  scenes++;
  say(scene, &nothing, &none);
  run(scene, &nothing, &none);
  for (i = 0; i < CALLS; i++)
    counts[i] = calls_count((enum call) i);
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    if (counts[rows[i].call] != 0 && is_of(scene, rows[i].call)) {
      sweep(scene, &rows[i]);
      reached[i] = 1;
    }
  printf("# %s: %u cases\n", scene->name, cases);
}

TEST(calls_over_tcp) {
  sweep_all(&scene_tcp);
}

TEST(calls_over_a_stream) {
  sweep_all(&scene_stream);
}

TEST(calls_over_a_pair) {
  sweep_all(&scene_pair);
}

TEST(calls_over_a_command) {
  sweep_all(&scene_command);
}

TEST(calls_over_a_channel) {
  sweep_all(&scene_jump);
}

/* ---- what is called at an early end only --------------------------------- */

/* A client that is closed after so many turns of the loop; another follows. 1:
 * the call that fails was made. */
static int run_closed(const struct fault* f, unsigned turns) {
  struct stage s;
  struct side* first;
  int fired;

  stage_open(&s, &scene_tcp);
  scene_tcp.listen(&s);
  calls_arm(f);
  first = come(&s);
  while (turns-- > 0)
    stage_turn(&s, "the end");
  uvssh_session_close(&first->session);
  STAGE_UNTIL(&s, first->closes == 1);
  fired = calls_fired();
  calls_disarm();
  CHECK(stage_talk(&s, come(&s)));
  stage_close(&s);
  return fired;
}

TEST(calls_of_a_client_that_is_closed) {
  unsigned i, turns, fired;

  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct fault f = { CALL_uv_cancel, 1, rows[i].error };

    if (rows[i].call != CALL_uv_cancel)
      continue;
    for (turns = fired = 0; turns < 40; turns++) {
      say(&scene_tcp, &rows[i], &f);
      fired += run_closed(&f, turns) != 0;
    }
    CHECK(fired > 0);
    reached[i] = 1;
  }
}

/* Which of its ways it goes depends on its version. */
static int is_libuv_to_choose(enum call call) {
  return call == CALL_epoll_wait || call == CALL_epoll_pwait ||
         call == CALL_fork || call == CALL_pipe2 || call == CALL_accept4 ||
         call == CALL_ioctl;
}

TEST(calls_are_all_reached) {
  unsigned i;

  if (scenes != 5 || check_share() != 1)
    SKIP("not all of them were asked for");
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    if (!reached[i] && !is_libuv_to_choose(rows[i].call))
      FAIL("%s is in no scene", calls_name(rows[i].call));
}
