/* Every allocation fails once, ours and libuv's, in a whole session over each
 * transport, on a loop, with files and threads: see stage.h. Somebody is told
 * UV_ENOMEM, or nobody notices; the server goes on: a client that comes next
 * has all of its talk, and the loop can be closed. */
#include <fcntl.h>
#include <unistd.h>

#include "library.h"
#include "stage.h"

/* ---- a loop that has room ------------------------------------------------ */

enum { HIGH_FD = 250 };

static void on_nothing(uv_poll_t* poll, int status, int events) {
}

/* libuv cannot grow its list of watchers without memory: it aborts. */
static void make_room(uv_loop_t* loop) {
  uv_poll_t poll;
  int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, HIGH_FD);
  int ends[2];

  CHECK(fd >= HIGH_FD);
  CHECK_EQ(close(fd), 0);
  CHECK_EQ(pipe(ends), 0);
  CHECK_EQ(dup2(ends[0], fd), fd);
  CHECK_EQ(uv_poll_init(loop, &poll, fd), 0);
  CHECK_EQ(uv_poll_start(&poll, UV_READABLE, on_nothing), 0);
  uv_close((uv_handle_t*) &poll, NULL);
  uv_run(loop, UV_RUN_NOWAIT);
  close(ends[0]);
  close(ends[1]);
  close(fd);
}

/* ---- one case ------------------------------------------------------------ */

struct memory {                    /* whose */
  const char* name;
  void (*fail)(size_t n);
  int (*has_failed)(void);
};

static void library_fail_at(size_t n) {
  library_fail(n, 0);
}

static const struct memory ours = { "of ours", heap_fail_at, heap_failed };
static const struct memory theirs = { "of libuv", library_fail_at,
                                      library_failed };

static struct side* come(struct stage* s) {
  return stage_come(s, library_pause);
}

/* The side that had no room for a channel is told it by a call. */
static int is_told(const struct stage* s) {
  return stage_was_told(s, UV_ENOMEM) || stage_was_told(s, UVSSH_EOPEN);
}

/* 1: there were so many allocations. */
static int run(const struct scene* scene, const struct memory* m, size_t n) {
  static const struct fault none = { CALL_uv_accept, 1, 0 };
  struct stage s;
  struct side* first;
  struct side* last;
  int failed;

  stage_open(&s, scene);
  make_room(&s.loop);
  calls_crowd(scene->crowd);
  calls_arm(&none);
  m->fail(n);
  library_pause(scene == &scene_stream);
  scene->listen(&s);
  library_pause(0);
  first = last = come(&s);
  if (!stage_talk(&s, first)) {
    CHECK(m->has_failed());
    uvssh_session_close(&first->session);
    STAGE_UNTIL(&s, first->closes == 1);
    last = come(&s);
    CHECK(stage_talk(&s, last));
  }
  stage_leave(&s, last);
  failed = m->has_failed();
  m->fail(0);
  calls_disarm();
  if (last != first || !failed)
    side_check(last);
  if (failed && !(first->end.status == UVSSH_EDISCONNECT && first->talked) &&
      !is_told(&s))
    FAIL("told was %s first", uvssh_err_name(s.codes[0]));
  stage_close(&s);
  return failed;
}

static void sweep(const struct scene* scene, const struct memory* m,
                  size_t least) {
  static size_t number;
  size_t n = 1 + number++ % check_share();

  for (;; n += check_share()) {
    NOTE("%s: allocation %zu %s", scene->name, n, m->name);
    if (!run(scene, m, n))
      break;
  }
  CHECK(n > least);
}

/* ---- all of them --------------------------------------------------------- */

/* libuv needs some for paths and names, not for sockets and pipes. */
#define SWEEP(name, theirs_least)                                             \
  TEST(bar_3_allocations_over_##name) {                                       \
    sweep(&scene_##name, &ours, 100);                                         \
  }                                                                           \
  TEST(bar_3_libuvs_allocations_over_##name) {                                \
    if (!library_is_there("libuv.so"))                                        \
      SKIP("libuv is no shared object here");                                 \
    sweep(&scene_##name, &theirs, theirs_least);                              \
  }

SWEEP(tcp, 1)
SWEEP(stream, 0)
SWEEP(pair, 0)
SWEEP(command, 0)
SWEEP(jump, 1)
