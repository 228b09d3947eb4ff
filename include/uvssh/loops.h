/* loops.h: one port served by several loops, each in a thread of its own.
 *
 * A session lives on one loop from beginning to end, so nothing of it needs a
 * lock. What your code shares between loops is yours to lock; to reach a
 * session of another loop take a uvssh_handle_t. */
#ifndef UVSSH_LOOPS_H
#define UVSSH_LOOPS_H

#include "uvssh/server.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct uvssh_loops_s uvssh_loops_t;

struct uvssh_loops_s {
  void* data;                      /* yours */
  unsigned count;                  /* read-only: how many loops */
  void* impl;                      /* private */
};

/* In the thread of loop `index` (from 0), one after the other, before any of
 * the loops runs: make your server there. Not 0: none of them is started. */
typedef int (*uvssh_loops_begin_cb)(uvssh_loops_t* loops,
                                    unsigned index,
                                    uv_loop_t* loop);

/* In that thread, when the end was asked for: shut your server down. Comes for
 * each uvssh_loops_stop(), but several before the loop looks are one; and where
 * the start failed, in those whose begin was called, also where it failed. */
typedef void (*uvssh_loops_end_cb)(uvssh_loops_t* loops,
                                   unsigned index,
                                   uv_loop_t* loop);

/**
 * Start loops in threads of their own.
 *
 * Returns when all have begun. They run until uvssh_loops_stop(), and then
 * until none of them has anything left to do. Blocks on the begin callbacks.
 *
 * loops   yours, zeroed; in use until uvssh_loops_join()
 * count   1..1024; 0: as many as the machine runs at once, at most that
 * begin   in each thread
 * end     in each thread
 * return  0; UV_EBUSY in use; UV_EINVAL; what begin returned; UV_ECANCELED
 *         stopped meanwhile; UV_ENOMEM, UV_EMFILE, UV_EAGAIN, ... no loop, or
 *         no thread. Not 0: what had begun has ended, and nothing is in use
 * thread  any but theirs      inside callbacks: it blocks      since 0.1
 */
UVSSH_EXTERN int uvssh_loops_start(uvssh_loops_t* loops,
                                   unsigned count,
                                   uvssh_loops_begin_cb begin,
                                   uvssh_loops_end_cb end);

/**
 * Listen on an address on which the others of these loops listen, too.
 *
 * Each connection goes to one of them. Where the kernel spreads connections
 * over several sockets (SO_REUSEPORT on Linux and DragonFly, SO_REUSEPORT_LB on
 * FreeBSD) each has its own; elsewhere they take turns on one. Call it in each
 * begin callback, with the same address.
 *
 * server  of one of these loops
 * host    as uvssh_server_listen()
 * port    the same in each; 0: the kernel chooses once, for all of them
 * return  as uvssh_server_listen(); UV_EADDRINUSE also where another process
 *         shares the address; UV_ENOTCONN not started; UV_ECANCELED stopped;
 *         UV_ENOTSUP on Windows, for all loops but the first
 * thread  that of the server's loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_loops_listen(uvssh_loops_t* loops,
                                    uvssh_server_t* server,
                                    const char* host,
                                    int port,
                                    uvssh_connection_cb cb);

/**
 * Ask all loops to end: their end callbacks come. Harmless where they are not
 * started, or gone. Not from a handler of signal(2): from a uv_signal_t.
 *
 * thread  any      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN void uvssh_loops_stop(uvssh_loops_t* loops);

/**
 * Wait until all threads have ended; blocks.
 *
 * Handles of yours that are left in a loop then, as a uv_signal_t that is not
 * referenced may be, work until then, and are closed without a callback.
 *
 * return  0: all is yours again, and may be started anew; UV_EBUSY: so it is,
 *         but a server, a session or a clock was left open in a loop: the
 *         memory of the loops is not given back; UV_EINVAL on one of their own
 *         threads; UV_EALREADY another thread waits; UV_ENOTCONN not started
 * thread  any but theirs      inside callbacks: it blocks      since 0.1
 */
UVSSH_EXTERN int uvssh_loops_join(uvssh_loops_t* loops);

#ifdef __cplusplus
}
#endif
#endif
