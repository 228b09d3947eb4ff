/* bench-callback-calls.c: puts a clock around each callback that libuv makes
 * into the library.
 *
 * The program has functions of these names, which the dynamic linker finds
 * before libuv's. Each hands another callback on than it was given: one that
 * looks at the clock, calls the given one, and looks again. libuv's handles
 * have no room for what was given, so each function that is given as a callback
 * has a place of its own, and each place a caller: few functions are.
 *
 * A thread that is not watched pays for one more call where a handle is
 * started, and nothing in its callbacks.
 * Those of clients only (connecting, processes, names, files) are not here. */
#define _GNU_SOURCE                /* RTLD_NEXT */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "bench-callback.h"

enum { PLACES = 16 };              /* of one kind */

typedef void (*any_cb)(void);

static any_cb given[CALLBACKS][PLACES];

/* Its place; loops in several threads share them. */
static unsigned place_of(enum callback_kind kind, any_cb cb) {
  any_cb none;
  unsigned i;

  for (i = 0; i < PLACES; i++) {
    none = NULL;
    if (__atomic_compare_exchange_n(&given[kind][i], &none, cb, 0,
                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
        none == cb)
      return i;
  }
  fprintf(stderr, "bench-server: more than %d functions are %s callbacks\n",
          PLACES, callback_name(kind));
  abort();
}

/* ---- callbacks ----------------------------------------------------------- */

#define CALLER(kind, i, params, args)                                         \
  static void kind##_at_##i params {                                          \
    struct callback_watch* w = callback_watched();                            \
    uint64_t began = w == NULL ? 0 : callback_begin(w);                       \
                                                                              \
    ((uv_##kind##_cb) given[CALLBACK_##kind][i]) args;                        \
    if (w != NULL)                                                            \
      callback_end(w, CALLBACK_##kind, began);                                \
  }

#define CALLERS(kind, params, args)                                           \
  CALLER(kind, 0, params, args) CALLER(kind, 1, params, args)                 \
  CALLER(kind, 2, params, args) CALLER(kind, 3, params, args)                 \
  CALLER(kind, 4, params, args) CALLER(kind, 5, params, args)                 \
  CALLER(kind, 6, params, args) CALLER(kind, 7, params, args)                 \
  CALLER(kind, 8, params, args) CALLER(kind, 9, params, args)                 \
  CALLER(kind, 10, params, args) CALLER(kind, 11, params, args)               \
  CALLER(kind, 12, params, args) CALLER(kind, 13, params, args)               \
  CALLER(kind, 14, params, args) CALLER(kind, 15, params, args)               \
  static uv_##kind##_cb kind##_caller(uv_##kind##_cb cb) {                    \
    static const uv_##kind##_cb at[PLACES] = {                                \
      kind##_at_0, kind##_at_1, kind##_at_2, kind##_at_3, kind##_at_4,        \
      kind##_at_5, kind##_at_6, kind##_at_7, kind##_at_8, kind##_at_9,        \
      kind##_at_10, kind##_at_11, kind##_at_12, kind##_at_13, kind##_at_14,   \
      kind##_at_15                                                            \
    };                                                                        \
                                                                              \
    if (cb == NULL || callback_watched() == NULL)                             \
      return cb;                                                              \
    return at[place_of(CALLBACK_##kind, (any_cb) cb)];                        \
  }

CALLERS(after_work, (uv_work_t* req, int status), (req, status))
CALLERS(alloc, (uv_handle_t* h, size_t size, uv_buf_t* buf), (h, size, buf))
CALLERS(async, (uv_async_t* async), (async))
CALLERS(check, (uv_check_t* check), (check))
CALLERS(close, (uv_handle_t* handle), (handle))
CALLERS(connection, (uv_stream_t* stream, int status), (stream, status))
CALLERS(idle, (uv_idle_t* idle), (idle))
CALLERS(poll, (uv_poll_t* poll, int status, int events), (poll, status, events))
CALLERS(prepare, (uv_prepare_t* prepare), (prepare))
CALLERS(read, (uv_stream_t* s, ssize_t n, const uv_buf_t* buf), (s, n, buf))
CALLERS(timer, (uv_timer_t* timer), (timer))

/* ---- what starts them ---------------------------------------------------- */

/* libuv's own. */
#define NEXT(name, found)                                                     \
  static __typeof__(&name) found;                                             \
  static void __attribute__((constructor)) find_##name(void) {                \
    *(void**) (void*) &found = dlsym(RTLD_NEXT, #name);                       \
  }

NEXT(uv_async_init, next_async_init)
int uv_async_init(uv_loop_t* loop, uv_async_t* async, uv_async_cb cb) {
  return next_async_init(loop, async, async_caller(cb));
}

NEXT(uv_check_start, next_check_start)
int uv_check_start(uv_check_t* check, uv_check_cb cb) {
  return next_check_start(check, check_caller(cb));
}

NEXT(uv_close, next_close)
void uv_close(uv_handle_t* handle, uv_close_cb cb) {
  next_close(handle, close_caller(cb));
}

NEXT(uv_idle_start, next_idle_start)
int uv_idle_start(uv_idle_t* idle, uv_idle_cb cb) {
  return next_idle_start(idle, idle_caller(cb));
}

NEXT(uv_listen, next_listen)
int uv_listen(uv_stream_t* stream, int backlog, uv_connection_cb cb) {
  return next_listen(stream, backlog, connection_caller(cb));
}

NEXT(uv_poll_start, next_poll_start)
int uv_poll_start(uv_poll_t* poll, int events, uv_poll_cb cb) {
  return next_poll_start(poll, events, poll_caller(cb));
}

NEXT(uv_prepare_start, next_prepare_start)
int uv_prepare_start(uv_prepare_t* prepare, uv_prepare_cb cb) {
  return next_prepare_start(prepare, prepare_caller(cb));
}

NEXT(uv_queue_work, next_queue_work)
int uv_queue_work(uv_loop_t* loop,
                  uv_work_t* req,
                  uv_work_cb work,
                  uv_after_work_cb after) {
  return next_queue_work(loop, req, work, after_work_caller(after));
}

NEXT(uv_read_start, next_read_start)
int uv_read_start(uv_stream_t* stream, uv_alloc_cb alloc, uv_read_cb read) {
  return next_read_start(stream, alloc_caller(alloc), read_caller(read));
}

NEXT(uv_timer_start, next_timer_start)
int uv_timer_start(uv_timer_t* timer,
                   uv_timer_cb cb,
                   uint64_t timeout,
                   uint64_t repeat) {
  return next_timer_start(timer, timer_caller(cb), timeout, repeat);
}
