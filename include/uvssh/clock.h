/* clock.h: a loop's time as a variable. For tests; with what uvssh/test.h has,
 * most need none of this. */
#ifndef UVSSH_CLOCK_H
#define UVSSH_CLOCK_H

#include "uvssh/types.h"
#include "uvssh/version.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Give the servers and sessions of a loop a clock of their own, or move it on.
 *
 * It stands still until it is set again. What is due then is done in the next
 * turn of the loop, never in this call. Such deadlines are no timers of libuv:
 * uv_run() does not wait for them. Other timers of the loop are not affected.
 *
 * loop    at the first call: without server and session. uv_loop_close() is
 *         UV_EBUSY from here until uvssh_clock_end()
 * now_ms  not less than it was
 * return  0; UV_EBUSY it has a server or a session, and no such clock;
 *         UV_EINVAL; UV_ENOMEM; UVSSH_ECRYPTO
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_clock_set(uv_loop_t* loop, uint64_t now_ms);

/**
 * What such a clock says, and what happens next.
 *
 * now_ms  overwritten with the time that was set
 * due_ms  overwritten with the first deadline; UINT64_MAX: there is none
 * return  1: something is due, or under way on this thread or on the thread
 *         pool: run the loop before the clock is moved on; 0: nothing happens
 *         until due_ms, unless bytes come; UV_EINVAL: there is no such clock
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_clock_next(uv_loop_t* loop,
                                  uint64_t* now_ms,
                                  uint64_t* due_ms);

/**
 * Give such a clock back.
 *
 * Servers and sessions that are still there keep it until they are closed, and
 * it can still be set; then the loop's time is libuv's again.
 *
 * return  0; UV_EINVAL: there is none, or it was given back already
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_clock_end(uv_loop_t* loop);

#ifdef __cplusplus
}
#endif
#endif
