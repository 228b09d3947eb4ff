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
   * already so. A failure ends the session with that code. */
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
 * t       yours; overwritten but for data
 * s       given: closed with the session; its data pointer is ours meanwhile;
 *         a connected uv_tcp_t gets TCP_NODELAY
 * return  0; UV_EINVAL
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_transport_stream(uvssh_transport_t* t, uv_stream_t* s);

#ifdef __cplusplus
}
#endif
#endif
