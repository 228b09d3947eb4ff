/* handle.h: the way to a session from other threads.
 *
 * With keys, the only functions that any thread may call. A handle belongs to
 * one session and names it also when it has gone. It keeps nothing alive: no
 * loop, no server, no session.
 *
 * What is given to the handles of one session is done in the order in which it
 * was given, whoever gave it: bytes are queued for their channel, posts run. It
 * is bounded: config.handle_messages that wait for the loop; of sends that have
 * not left, wherever they wait, that many too, and config.handle_bytes. */
#ifndef UVSSH_HANDLE_H
#define UVSSH_HANDLE_H

#include "uvssh/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* On the loop's thread. session NULL: it has gone, arg is all there is. */
typedef void (*uvssh_post_cb)(uvssh_session_t* session, void* arg);

/**
 * Make a handle of this session.
 *
 * handle  out; one reference, yours; untouched on failure
 * return  0; UV_EINVAL; UV_ENOTCONN the session is not open, or ending;
 *         UV_ENOMEM, UV_EMFILE, ... what a loop's first handle ran into
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_handle_create(uvssh_handle_t** handle,
                                     uvssh_session_t* session);

/** One reference more; returns handle. Any thread. */
UVSSH_EXTERN uvssh_handle_t* uvssh_handle_ref(uvssh_handle_t* handle);

/** Give a reference back; NULL is fine. What was taken is still done. Any
 * thread. */
UVSSH_EXTERN void uvssh_handle_unref(uvssh_handle_t* handle);

/**
 * Run a function on the loop of the session.
 *
 * cb      exactly once: with the session, or with NULL when it has gone; not
 *         inside this call. It may do what a callback may, also close things
 * return  0; UV_ENOTCONN the session has gone (no cb), also when its loop has;
 *         UV_ENOBUFS too much waits, nothing was taken; UV_ENOMEM; UV_EINVAL
 * thread  any      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_handle_post(uvssh_handle_t* handle,
                                   uvssh_post_cb cb,
                                   void* arg);

/**
 * Queue bytes for a channel of the session, whole or not at all.
 *
 * Where the channel is not open, or sends no more, when they come to it, they
 * are dropped. A number is never given to another channel.
 *
 * channel_id  uvssh_channel_t.id
 * stream      UVSSH_DATA or UVSSH_STDERR (servers only)
 * base        copied; len 0 is fine and sends nothing
 * return      0; UV_ENOTCONN the session has gone; UV_ENOBUFS too much waits;
 *             UV_EMSGSIZE more than config.handle_bytes; UV_EINVAL; UV_ENOMEM
 * thread      any      inside callbacks: yes      RFC 4254 5.2      since 0.1
 */
UVSSH_EXTERN int uvssh_handle_send(uvssh_handle_t* handle,
                                   uint64_t channel_id,
                                   int stream,
                                   const void* base,
                                   size_t len);

#ifdef __cplusplus
}
#endif
#endif
