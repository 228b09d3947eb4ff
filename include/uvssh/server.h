/* server.h: listens, limits, and owns the host keys of its sessions. */
#ifndef UVSSH_SERVER_H
#define UVSSH_SERVER_H

#include "uvssh/session.h"

#ifdef __cplusplus
extern "C" {
#endif

struct uvssh_server_s {
  void* data;                      /* yours */
  uv_loop_t* loop;                 /* read-only */
  void* impl;                      /* private */
};

typedef void (*uvssh_server_cb)(uvssh_server_t* server);

/* status 0: a connection waits for uvssh_server_accept(), which must come in
 * this callback; another session may have had to end for it, see
 * preauth_total. UV_ENOMEM, ...: one could not be taken; listening goes on.
 * Without a descriptor left libuv closes what waits, mostly without a word. */
typedef void (*uvssh_connection_cb)(uvssh_server_t* server, int status);

/**
 * Begin a server.
 *
 * loop    lent until the close callback
 * server  yours, zeroed; in use until the close callback
 * config  copied; NULL: the defaults
 * return  0; UV_EBUSY in use; UV_EINVAL an algorithm list or number that
 *         cannot be; UV_ENOMEM; UVSSH_ECRYPTO
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_server_init(uv_loop_t* loop,
                                   uvssh_server_t* server,
                                   const uvssh_config_t* config);

/**
 * Add a host key: up to 8, of any types.
 *
 * All types are offered, and the client's order decides; of one type the first
 * is shown. The others are only told to clients (hostkeys-00@openssh.com), and
 * proven, so that they know a new key before the old one goes. Sessions that
 * are there keep the key that they began with.
 *
 * key     kept
 * return  0; UV_EINVAL it has no secret, or is there already, or there are 8;
 *         UV_ENOTSUP its secret is elsewhere (uvssh_key_external());
 *         UV_ENOTCONN not open
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_server_add_key(uvssh_server_t* server,
                                      uvssh_key_t* key);

/**
 * Add the key in this file; where there is none, make an Ed25519 key in it.
 *
 * Blocks on the disk. A new file has mode 0600; a folder is not made.
 *
 * path    copied
 * return  as uvssh_key_load(), uvssh_key_save(), uvssh_server_add_key();
 *         UV_EPERM others may read the file (POSIX)
 * thread  loop      inside callbacks: it blocks      since 0.1
 */
UVSSH_EXTERN int uvssh_server_add_key_file(uvssh_server_t* server,
                                           const char* path);

/**
 * Listen on an address; may be called for several.
 *
 * host    a numeric address, copied: "127.0.0.1", "::1", "0.0.0.0", "::" (only
 *         IPv6 then); names are not looked up: UV_EINVAL
 * port    0: the kernel chooses, see uvssh_server_getsockname()
 * cb      for every connection that the limits let pass
 * return  0; UV_EADDRINUSE, UV_EACCES, UV_EADDRNOTAVAIL, ...; UV_EINVAL also
 *         for a server without a key; UV_ENOTCONN not open; UV_ECANCELED
 *         shutting down or closing; UV_ENOMEM
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_server_listen(uvssh_server_t* server,
                                     const char* host,
                                     int port,
                                     uvssh_connection_cb cb);

/**
 * Listen on an address on which other servers may listen, too: those of other
 * loops of this process, or of other processes of the same user, as long as all
 * of them share. The kernel gives each connection to one of them.
 *
 * Whoever stops listening loses the connections that wait for it. For the loops
 * of one process uvssh_loops_listen() does more.
 *
 * return  as uvssh_server_listen(); UV_ENOTSUP the system does not spread
 *         connections: only Linux, FreeBSD and DragonFly do
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_server_listen_shared(uvssh_server_t* server,
                                            const char* host,
                                            int port,
                                            uvssh_connection_cb cb);

/**
 * Listen on a stream of your own: uv_tcp_t or uv_pipe_t.
 *
 * stream  bound, not yet listening; lent until the server's close callback,
 *         its data pointer is ours meanwhile; you close it then
 * cb      as uvssh_server_listen()
 * return  as uvssh_server_listen()
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_server_listen_stream(uvssh_server_t* server,
                                            uv_stream_t* stream,
                                            uvssh_connection_cb cb);

/** The address of the first listening socket, as uv_tcp_getsockname();
 * UV_ENOTCONN where there is none, UV_ENOTSUP where it is no TCP socket. Loop's
 * thread. */
UVSSH_EXTERN int uvssh_server_getsockname(const uvssh_server_t* server,
                                          struct sockaddr* name,
                                          int* namelen);

/**
 * Take the connection that waits. Only in the connection callback; one that is
 * not accepted there is closed.
 *
 * session   yours, zeroed; in use until on_close
 * handlers  copied
 * return    0; UV_EBUSY in use; UV_EAGAIN none waits; UV_ENOMEM
 * thread    loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_server_accept(uvssh_server_t* server,
                                     uvssh_session_t* session,
                                     const uvssh_session_handlers_t* handlers);

/**
 * Serve anything else as a connection; needs no listening, and does not count
 * for preauth_total and preauth_per_source.
 *
 * session    yours, zeroed; in use until on_close
 * transport  given; on failure it is yours again
 * handlers   copied
 * return     0; UV_EBUSY; UV_EINVAL no key; UV_ENOMEM; UV_ECANCELED shutting
 *            down or closing
 * thread     loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_server_serve(uvssh_server_t* server,
                                    uvssh_session_t* session,
                                    uvssh_transport_t* transport,
                                    const uvssh_session_handlers_t* handlers);

/**
 * Walk over the sessions, in no promised order. Closing any of them in the
 * walk is fine; what has had its on_close is no longer found.
 *
 * prev    NULL: the first
 * return  the next, or NULL
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN uvssh_session_t* uvssh_server_next(const uvssh_server_t* server,
                                                const uvssh_session_t* prev);

/**
 * Stop listening, and wait for the sessions to leave.
 *
 * You tell the sessions, in your own words; after timeout_ms those that are
 * left are disconnected. Sessions that are not logged in go at once.
 *
 * cb      once, when the last session is gone, or when the server is closed;
 *         NULL: do not tell
 * return  0; UV_EBUSY it was asked before; UV_ENOTCONN; UV_ENOMEM
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_server_shutdown(uvssh_server_t* server,
                                       uint64_t timeout_ms,
                                       uvssh_server_cb cb);

/**
 * Stop listening and close all its sessions at once.
 *
 * cb      once, after the on_close of its last session; the memory is yours
 *         again; NULL: do not tell. Dropped where the server is not open
 * thread  loop      inside callbacks: yes, and twice (the second cb is dropped)
 *         since 0.1
 */
UVSSH_EXTERN void uvssh_server_close(uvssh_server_t* server,
                                     uvssh_server_cb cb);

#ifdef __cplusplus
}
#endif
#endif
