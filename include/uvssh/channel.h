/* channel.h: one stream inside a session, with requests beside it. */
#ifndef UVSSH_CHANNEL_H
#define UVSSH_CHANNEL_H

#include "uvssh/session.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {                             /* RFC 4254 section 5.1 */
  UVSSH_OPEN_PROHIBITED = 1,
  UVSSH_OPEN_CONNECT_FAILED = 2,
  UVSSH_OPEN_UNKNOWN_TYPE = 3,
  UVSSH_OPEN_SHORTAGE = 4
};

typedef enum {
  UVSSH_REQUEST_PTY = 1,
  UVSSH_REQUEST_ENV,
  UVSSH_REQUEST_SHELL,
  UVSSH_REQUEST_EXEC,
  UVSSH_REQUEST_SUBSYSTEM,
  UVSSH_REQUEST_WINDOW_CHANGE,
  UVSSH_REQUEST_SIGNAL,
  UVSSH_REQUEST_BREAK,
  UVSSH_REQUEST_EXIT_STATUS,
  UVSSH_REQUEST_EXIT_SIGNAL,
  UVSSH_REQUEST_EOW,               /* the peer reads no more of our data */
  UVSSH_REQUEST_OTHER
} uvssh_request_type;

typedef struct {
  const char* term;
  unsigned cols, rows, width_px, height_px;
  const uint8_t* modes;            /* RFC 4254 section 8, encoded */
  size_t modes_len;
} uvssh_pty_t;

/* Both asks and is asked; what a type does not use is zero. */
typedef struct {
  uvssh_request_type type;
  const char* name;                /* ENV; OTHER: "x@example.com" */
  const char* value;               /* ENV */
  const char* command;             /* EXEC */
  const char* subsystem;           /* SUBSYSTEM */
  const char* signal;              /* SIGNAL, EXIT_SIGNAL: "TERM", no "SIG" */
  const char* text;                /* EXIT_SIGNAL */
  int core;                        /* EXIT_SIGNAL */
  uint32_t number;                 /* EXIT_STATUS; BREAK: ms */
  uvssh_pty_t pty;                 /* PTY; WINDOW_CHANGE */
  const void* extra;               /* OTHER */
  size_t extra_len;
} uvssh_channel_request_t;

/* Copied; a NULL entry answers "no". SHELL, EXEC and SUBSYSTEM: once one of
 * them is accepted or waits for you, another is refused without asking you.
 * Answers leave in the order of the questions. */
typedef struct {
  void (*on_request)(uvssh_channel_t* channel,
                     const uvssh_channel_request_t* ask,
                     uvssh_reply_t reply);
  void (*on_drain)(uvssh_channel_t* channel);  /* below drain_bytes again, */
                                   /* after a send was refused or the queue */
                                   /* had reached queue_bytes */
  void (*on_close)(uvssh_channel_t* channel, int status); /* 0: in peace */
} uvssh_channel_handlers_t;

struct uvssh_channel_s {
  void* data;                      /* yours */
  uvssh_session_t* session;        /* read-only */
  uint64_t id;                     /* read-only: ours, never reused, not 0 */
  void* impl;                      /* private */
};

/* Both in the order they were sent, under one window; other codes: dropped. */
enum { UVSSH_DATA = 0, UVSSH_STDERR = 1 };

/* nread > 0: buf->len is nread, at most packet_bytes; shown, and with that
 * consumed. Once, after the last byte: UV_EOF (the peer sent EOF or CLOSE), or
 * what ended the session; UV_ECONNRESET where only the connection ended, since
 * anybody may have cut it. Never 0; none after your uvssh_channel_close(). A
 * reader that is stopped while nothing is held hears of the end by on_close
 * alone: what it has given to others to write is still theirs to finish. */
typedef void (*uvssh_read_cb)(uvssh_channel_t* channel,
                              int stream,
                              ssize_t nread,
                              const uv_buf_t* buf);

/**
 * Ask the peer for a channel.
 *
 * If cb reports a failure the channel was never open: no on_close comes.
 *
 * req       lent until cb
 * channel   yours, zeroed; in use until on_close
 * what      copied
 * handlers  copied
 * cb        once; 0; UVSSH_EOPEN (result: UVSSH_OPEN_*, text); UV_ECANCELED
 *           closed meanwhile; what ended the session
 * return    0; UV_EINVAL, also for what this role does not ask; UV_EPERM a
 *           session, behind uvssh_client_no_more_sessions(); UV_EBUSY in
 *           use; UV_ENOTCONN not logged in;
 *           UVSSH_ELIMIT too many channels; UV_ENOBUFS too much waits to
 *           leave; UV_ENOMEM, also when session_bytes leave no window
 * thread    loop      inside callbacks: yes      RFC 4254 5.1      since 0.1
 */
UVSSH_EXTERN int uvssh_channel_open(uvssh_req_t* req,
                                    uvssh_session_t* session,
                                    uvssh_channel_t* channel,
                                    const uvssh_channel_open_t* what,
                                    const uvssh_channel_handlers_t* handlers,
                                    uvssh_req_cb cb);

/**
 * Answer on_channel: yes, it is this one. When there is no room for it, or it
 * is in use, the peer is told no.
 *
 * channel   yours, zeroed; in use until on_close
 * handlers  copied
 * return    0; UV_EBUSY in use; UV_ECANCELED, UV_EINVAL as reply.h; UV_ENOMEM
 * thread    loop      inside callbacks: yes      RFC 4254 5.1      since 0.1
 */
UVSSH_EXTERN int uvssh_channel_accept(uvssh_reply_t reply,
                                      uvssh_channel_t* channel,
                                      const uvssh_channel_handlers_t* handlers);

/**
 * Answer on_channel: no, and why. uvssh_reply_reject() says PROHIBITED.
 *
 * reason  UVSSH_OPEN_*
 * text    copied, for people
 * return  as reply.h
 * thread  loop      inside callbacks: yes      RFC 4254 5.1      since 0.1
 */
UVSSH_EXTERN int uvssh_channel_reject(uvssh_reply_t reply,
                                      unsigned reason,
                                      const char* text);

/**
 * Ask something about this channel: a shell, a command, a new size, a signal.
 *
 * It overtakes data that is queued: the end of a process, which must not, is
 * uvssh_channel_exit().
 *
 * req     lent until cb; NULL: no answer is wanted (WINDOW_CHANGE, SIGNAL,
 *         EXIT_STATUS, EXIT_SIGNAL, EOW never have one: with req UV_EINVAL)
 * what    copied
 * cb      once; 0; UVSSH_EREQUEST; UV_ECANCELED closed; what ended the session
 * return  0; UV_EINVAL, also for what this role does not ask; UV_ENOTCONN not
 *         open; UV_ENOBUFS too many are unanswered (64), or wait to leave
 * thread  loop      inside callbacks: yes      RFC 4254 5.4, 6      since 0.1
 */
UVSSH_EXTERN int uvssh_channel_request(uvssh_req_t* req,
                                       uvssh_channel_t* channel,
                                       const uvssh_channel_request_t* what,
                                       uvssh_req_cb cb);

/** As uvssh_channel_request() with EXEC. command copied. */
UVSSH_EXTERN int uvssh_channel_exec(uvssh_req_t* req,
                                    uvssh_channel_t* channel,
                                    const char* command,
                                    uvssh_req_cb cb);

/**
 * Give cb what the peer sends, from now on; also what was held meanwhile.
 *
 * A channel begins stopped, and holds up to window_bytes. Where reading was
 * begun and is stopped, what is held outlives the peer; on_close waits then.
 *
 * cb      not inside this call
 * return  0; UV_EINVAL cb is NULL; UV_ENOTCONN not open; UV_EBUSY a relay or
 *         a transport reads
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_channel_read_start(uvssh_channel_t* channel,
                                          uvssh_read_cb cb);

/** No more callbacks until read_start; the peer's window runs down. 0;
 * UV_ENOTCONN. Loop's thread. Inside callbacks: yes. */
UVSSH_EXTERN int uvssh_channel_read_stop(uvssh_channel_t* channel);

/**
 * Hold at most so many unread bytes, for this channel only.
 *
 * What the peer was already allowed to send stays allowed. The window does not
 * grow any more.
 *
 * bytes   1 KiB .. 2^31 - 1
 * return  0; UV_EINVAL; UV_ENOTCONN
 * thread  loop      inside callbacks: yes      RFC 4254 5.2      since 0.1
 */
UVSSH_EXTERN int uvssh_channel_set_window(uvssh_channel_t* channel,
                                          uint32_t bytes);

/**
 * Queue bytes for the peer; cb comes when the transport has taken them.
 *
 * Order is kept per channel. Waits for window and for key re-exchange: bound
 * it with uvssh_channel_queue_size().
 *
 * req     lent until cb
 * stream  UVSSH_DATA or UVSSH_STDERR (servers only)
 * bufs    bytes lent until cb; the array copied; 1..1024 entries
 * cb      once; status 0, UV_ECANCELED (closed), or what ended the session
 * return  0; UV_EINVAL; UV_ENOTCONN not open; UV_EPIPE after shutdown;
 *         UV_ENOBUFS session_bytes are queued; UV_ENOMEM
 * thread  loop      inside callbacks: yes      RFC 4254 5.2      since 0.1
 */
UVSSH_EXTERN int uvssh_channel_write(uvssh_req_t* req,
                                     uvssh_channel_t* channel,
                                     int stream,
                                     const uv_buf_t bufs[],
                                     unsigned nbufs,
                                     uvssh_req_cb cb);

/**
 * Queue bytes that are copied, whole or not at all.
 *
 * Taken while queue_size() < queue_bytes, and less than session_bytes are
 * queued in all; otherwise UV_ENOBUFS, and on_drain will come.
 *
 * base    copied; len 0 is fine and does nothing
 * return  0; UV_ENOBUFS; UV_ENOTCONN; UV_EPIPE after shutdown; UV_EINVAL;
 *         UV_ENOMEM
 * thread  loop      inside callbacks: yes      RFC 4254 5.2      since 0.1
 */
UVSSH_EXTERN int uvssh_channel_send(uvssh_channel_t* channel,
                                    int stream,
                                    const void* base,
                                    size_t len);

/** Bytes that are queued and not yet sealed for the transport; 0 when not open.
 * Loop's thread. */
UVSSH_EXTERN size_t uvssh_channel_queue_size(const uvssh_channel_t* channel);

/**
 * One counted payload for many channels (broadcast).
 *
 * payload  out; one reference, yours; untouched on failure
 * base     copied once
 * return   0; UV_EINVAL more than 2^31 - 1 bytes; UV_ENOMEM
 * thread   loop: a payload belongs to one loop      since 0.1
 */
UVSSH_EXTERN int uvssh_payload_create(uvssh_payload_t** payload,
                                      const void* base,
                                      size_t len);

/** Give your reference back; NULL is fine. Loop's thread. */
UVSSH_EXTERN void uvssh_payload_unref(uvssh_payload_t* payload);

/** As uvssh_channel_send(), not copied: payload kept until it has left. */
UVSSH_EXTERN int uvssh_channel_send_payload(uvssh_channel_t* channel,
                                            int stream,
                                            uvssh_payload_t* payload);

/**
 * EOF behind what is queued; reading goes on.
 *
 * req     lent until cb; NULL: do not tell
 * cb      once, when EOF has been taken by the transport; 0, UV_ECANCELED,
 *         or what ended the session
 * return  0; UV_ENOTCONN; UV_EPIPE it was asked before
 * thread  loop      inside callbacks: yes      RFC 4254 5.3      since 0.1
 */
UVSSH_EXTERN int uvssh_channel_shutdown(uvssh_req_t* req,
                                        uvssh_channel_t* channel,
                                        uvssh_req_cb cb);

/**
 * Server: send the end of a process behind what is queued, then close.
 *
 * The arguments are uv_exit_cb's: a signal other than 0 counts.
 *
 * return  0; UV_ENOTCONN not open, or a client's
 * thread  loop      inside callbacks: yes      RFC 4254 6.10      since 0.1
 */
UVSSH_EXTERN int uvssh_channel_exit(uvssh_channel_t* channel,
                                    int64_t exit_status,
                                    int term_signal);

/** EOF and CLOSE behind what is queued, of which some must leave every
 * linger_ms or the rest is dropped and the status is UV_ETIMEDOUT; then
 * on_close. Loop's thread. Inside callbacks: yes, and twice. */
UVSSH_EXTERN void uvssh_channel_close(uvssh_channel_t* channel);

/** The same at once: what is queued is dropped (a reader that is too slow).
 * Loop's thread. Inside callbacks: yes. */
UVSSH_EXTERN void uvssh_channel_abort(uvssh_channel_t* channel);

/** 1 between open and close, 0 otherwise. Loop's thread. */
UVSSH_EXTERN int uvssh_channel_is_open(const uvssh_channel_t* channel);

/**
 * One terminal mode of a PTY request.
 *
 * opcode  RFC 4254 section 8
 * value   out
 * return  0; UV_ENOENT it is not among them
 * thread  any      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_pty_mode(const uvssh_pty_t* pty,
                                uint8_t opcode,
                                uint32_t* value);

/**
 * Carry data one way between channels of one loop, with back-pressure.
 *
 * from == to is an echo. Reading of `from` belongs to the relay until cb. EOF
 * is not carried over.
 *
 * req     lent until cb
 * cb      once; 0 at EOF of `from` when all has left; UV_ECANCELED one of them
 *         was closed here; what ended one of the sessions
 * return  0; UV_EINVAL two loops; UV_EBUSY `from` is read already, or `to` has
 *         a relay; UV_ENOTCONN
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_channel_relay(uvssh_req_t* req,
                                     uvssh_channel_t* from,
                                     uvssh_channel_t* to,
                                     uvssh_req_cb cb);

#ifdef __cplusplus
}
#endif
#endif
