/* transport.h: what a session runs over.
 *
 * A transport is four functions that you write, or one of the ready-made ones.
 * It moves bytes; it knows nothing of SSH. */
#ifndef UVSSH_TRANSPORT_H
#define UVSSH_TRANSPORT_H

#include "uvssh/types.h"
#include "uvssh/version.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What you write; lent until closed. All are called on the loop's thread. */
typedef struct {
  /* Begin and stop to call uvssh_transport_feed(). Both may come when it is
   * already so, and stop inside feed(). A failure ends the session with that
   * code. */
  int (*read_start)(uvssh_transport_t* t);
  int (*read_stop)(uvssh_transport_t* t);
  /* The bytes are lent until uvssh_transport_wrote(); one write at a time. */
  int (*write)(uvssh_transport_t* t, const uv_buf_t bufs[], unsigned nbufs);
  /* Answer with uvssh_transport_closed(), now or later; last call. A write
   * that is under way need not be answered any more. */
  void (*close)(uvssh_transport_t* t);
  /* As uv_tcp_getpeername(); or NULL. */
  int (*peername)(const uvssh_transport_t* t,
                  struct sockaddr* name,
                  int* namelen);
} uvssh_transport_ops_t;

struct uvssh_transport_s {         /* given: yours again in on_close */
  void* data;                      /* yours */
  const uvssh_transport_ops_t* ops;
  void* reserved[8];               /* private */
};

/**
 * Bytes have come.
 *
 * nread   > 0: so many bytes; 0: ignored; UV_EOF or another code: the end
 * bytes   shown to us, and overwritten: packets are decrypted in place
 * thread  loop      inside callbacks: of the transport, yes      since 0.1
 */
UVSSH_EXTERN void uvssh_transport_feed(uvssh_transport_t* t,
                                       ssize_t nread,
                                       void* bytes);

/**
 * The bytes of the last write() have been taken; may come inside write().
 *
 * status  0, or what ends the session
 * thread  loop      inside callbacks: of the transport, yes      since 0.1
 */
UVSSH_EXTERN void uvssh_transport_wrote(uvssh_transport_t* t, int status);

/**
 * The transport is closed, its memory is no longer in use by it; may come
 * inside close().
 *
 * thread  loop      inside callbacks: of the transport, yes      since 0.1
 */
UVSSH_EXTERN void uvssh_transport_closed(uvssh_transport_t* t);

/**
 * Over one connected stream: uv_tcp_t, uv_pipe_t, uv_tty_t.
 *
 * Writing never raises SIGPIPE, and no signal disposition is changed.
 *
 * t       yours; overwritten but for data
 * s       given: closed with the session; its data pointer is ours meanwhile;
 *         a connected uv_tcp_t gets TCP_NODELAY; a uv_tty_t should be raw
 *         (uv_tty_set_mode()), and becomes non-blocking
 * return  0; UV_EINVAL no such stream, or one that is closing
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_transport_stream(uvssh_transport_t* t, uv_stream_t* s);

/**
 * Over two streams of one loop: a program's own standard input and output, or
 * those of a process it has started.
 *
 * t        yours; overwritten but for data
 * in, out  given: read from one, written to the other, both closed with the
 *          session; their data pointers are ours meanwhile; may be the same
 * return   0; UV_EINVAL as above, also for streams of two loops
 * thread   loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_transport_pair(uvssh_transport_t* t,
                                      uv_stream_t* in,
                                      uv_stream_t* out);

/**
 * Over the standard input and output of a command that is started now, as
 * OpenSSH's ProxyCommand: "/bin/sh -c 'exec command'", on Windows cmd.exe. Its
 * standard error is ours; signals are at their defaults, and none is blocked.
 *
 * The end of its output is the end of the connection, and so is its own. With
 * the session its pipes are closed and it is told to go (SIGTERM); after two
 * seconds it is killed (SIGKILL). on_close comes when it has gone.
 *
 * t        yours; overwritten but for data. No session is to have it: call
 *          t->ops->close(t), and keep t until the loop has run out
 * loop     that of the session
 * command  copied; never words of a peer: a shell reads it
 * return   0; UV_EINVAL; UV_ENOMEM; UV_EMFILE and what else uv_pipe() and
 *          uv_spawn() say. A command that the shell does not find ends: the
 *          session says UVSSH_ENOBANNER
 * thread   loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_transport_command(uvssh_transport_t* t,
                                         uv_loop_t* loop,
                                         const char* command);

/**
 * Over an open channel of another session: a jump.
 *
 * Reading and writing of the channel belong to the transport until it is
 * closed; closing it aborts the channel. Back-pressure holds through both
 * sessions. What the peer sends as stderr is dropped. The session above ends by
 * UV_EOF, or by what ended the session below.
 *
 * t        yours; overwritten but for data. No session is to have it: call
 *          t->ops->close(t)
 * channel  open, not read (or stopped) and not relayed, of the same loop as the
 *          session above; lent until its own on_close, which comes to you as
 *          always: keep channel and t until then, and t also until the on_close
 *          of the session above
 * return   0; UV_EINVAL; UV_ENOTCONN; UV_EPIPE it was shut down; UV_EBUSY it is
 *          read, relayed, or has a transport already
 * thread   loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_transport_channel(uvssh_transport_t* t,
                                         uvssh_channel_t* channel);

#ifdef __cplusplus
}
#endif
#endif
