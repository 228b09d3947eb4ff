/* calls.h: lets one call of libuv or of the system fail, once.
 *
 *   struct fault f = { CALL_uv_listen, 1, UV_EADDRINUSE };
 *   calls_arm(&f);
 *   ...                               the first uv_listen() of lib/ fails
 *   calls_disarm();
 *   CHECK(calls_fired());
 *
 * What begins with "uv_" is called by lib/, and caught by the linker (--wrap:
 * meson.build names them); the rest is the system's, called by lib/ or by libuv
 * on its behalf, and caught because the program has a function of that name.
 *
 * Only between arm and disarm, on every thread, not in a child.
 * Never: decides what should come of it; the rows of the tests do.
 */
#ifndef CALLS_H
#define CALLS_H

#include "check.h"

/* Those that can fail. What else of libuv lib/ calls stands with its reason in
 * test-calls.py, which compares this list with the library. */
#define CALLS_UV(XX)                                                          \
  XX(uv_accept) XX(uv_async_init) XX(uv_cancel) XX(uv_cond_init)              \
  XX(uv_fileno) XX(uv_fs_close) XX(uv_fs_fstat) XX(uv_fs_fsync)               \
  XX(uv_fs_ftruncate) XX(uv_fs_link) XX(uv_fs_open) XX(uv_fs_read)            \
  XX(uv_fs_rename) XX(uv_fs_stat) XX(uv_fs_unlink) XX(uv_fs_write)            \
  XX(uv_getaddrinfo) XX(uv_listen) XX(uv_loop_init) XX(uv_mutex_init)         \
  XX(uv_os_homedir) XX(uv_pipe) XX(uv_pipe_open) XX(uv_poll_init)             \
  XX(uv_poll_start) XX(uv_process_kill) XX(uv_queue_work) XX(uv_read_start)   \
  XX(uv_spawn) XX(uv_tcp_bind) XX(uv_tcp_connect) XX(uv_tcp_getpeername)      \
  XX(uv_tcp_getsockname) XX(uv_tcp_init) XX(uv_tcp_init_ex)                   \
  XX(uv_tcp_nodelay) XX(uv_tcp_open) XX(uv_thread_create)

#define CALLS_SYSTEM(XX)                                                      \
  XX(accept4) XX(bind) XX(close) XX(connect) XX(epoll_ctl) XX(epoll_pwait)    \
  XX(epoll_wait) XX(fcntl) XX(fork) XX(getaddrinfo) XX(getpeername)           \
  XX(getsockname) XX(ioctl) XX(listen) XX(open) XX(pipe2)      \
  XX(read) XX(send) XX(setsockopt) XX(socket) XX(write)

/* A name that has two addresses. */
#define CALLS_HOST "host.test"

enum call {
#define XX(name) CALL_##name,
  CALLS_UV(XX) CALLS_SYSTEM(XX)
#undef XX
  CALLS
};

/* Other errors of the system's calls are errno's: above 0. */
enum {
  SHORT_RESULT = -1                /* less than was asked for */
};

struct fault {
  enum call call;
  unsigned nth;                    /* from 1 */
  int error;                       /* 0: none fails, but all are counted */
};

const char* calls_name(enum call call);
void calls_arm(const struct fault* fault);
void calls_disarm(void);
/* What the test itself calls in between is not asked. */
void calls_pause(int pause);
int calls_fired(void);             /* since calls_arm() */
unsigned calls_count(enum call call);        /* the same */
/* Bytes and connections that moved: who waits sees that something happens. */
unsigned long calls_moves(void);

/* Every nth send() and write() of a session finds no room, before the faults
 * are asked: so that waiting for room is part of the script. 0: none. */
void calls_crowd(unsigned nth);

/* From here on, on every thread: setsockopt() knows no SO_REUSEPORT. */
void calls_no_share(int none);

/* For those who catch: the error of this call, 0: it is made as always. */
int calls_hit(enum call call);
int calls_crowded(void);
int calls_shares(void);
void calls_moved(void);
/* Whether calls are caught at all. */
int calls_armed(void);
/* Of pipes, reading and writing is caught for these alone. */
void calls_own_pipe(int fd);
int calls_owns_pipe(int fd);
/* From and to here epoll_ctl() is for a question that libuv can take no for an
 * answer to; elsewhere it aborts. */
void calls_ask_epoll(int asks);

#endif
