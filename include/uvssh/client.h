/* client.h: the other role on the same session. */
#ifndef UVSSH_CLIENT_H
#define UVSSH_CLIENT_H

#include "uvssh/known_hosts.h"
#include "uvssh/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Connect to a host by name or address, then as uvssh_client_start().
 *
 * All its addresses are tried, IPv6 and IPv4 in turn, a new one every 250 ms or
 * when one has failed; the first that connects is used.
 * config.connect_timeout_ms bounds all of it. on_close waits for a resolver
 * that is at work.
 *
 * req      lent until cb
 * session  from uvssh_session_init()
 * host     copied: a name, or an address, with a zone where it has one; at
 *          most 255 bytes
 * port     0: 22
 * cb       as uvssh_client_start(); UV_EAI_*: the name is not known;
 *          UV_ECONNREFUSED, ...: what the last address failed with;
 *          UV_ETIMEDOUT
 * return   0; UV_EINVAL; UV_EBUSY started before; UV_ENOTCONN; UV_ENOMEM
 * thread   loop      inside callbacks: yes      RFC 8305      since 0.1
 */
UVSSH_EXTERN int uvssh_client_connect(uvssh_req_t* req,
                                      uvssh_session_t* session,
                                      const char* host,
                                      int port,
                                      uvssh_req_cb cb);

/**
 * Speak SSH over this transport: identification, key exchange, host key.
 *
 * A failure ends the session: cb, then on_close.
 *
 * req        lent until cb
 * session    from uvssh_session_init()
 * transport  given; on failure of the call it is yours again
 * cb         once; 0 when the host key is accepted and logging in may begin,
 *            or what ended the session
 * return     0; UV_EINVAL; UV_EBUSY started before; UV_ENOTCONN; UV_ENOMEM
 * thread     loop      inside callbacks: yes      RFC 4253      since 0.1
 */
UVSSH_EXTERN int uvssh_client_start(uvssh_req_t* req,
                                    uvssh_session_t* session,
                                    uvssh_transport_t* transport,
                                    uvssh_req_cb cb);

typedef struct {                   /* connect, host key, and login in one */
  const char* host;                /* also what the host key is looked up by; */
                                   /* at most 255 bytes */
  int port;                        /* 0: 22 */
  uvssh_transport_t* transport;    /* not NULL: given; instead of connecting */
  const char* user;
  uvssh_known_hosts_t* hosts;      /* lent until cb; NULL: all are UNKNOWN */
  uvssh_key_t* const* keys;        /* kept until cb; tried in this order */
  unsigned key_count;              /* at most 64 */
  const char* const* files;        /* NULL-ended, or NULL; at most 64: key */
                                   /* files, tried after keys; read in the */
                                   /* thread pool; one that is no use is */
                                   /* passed over */
  const char* password;            /* NULL: on_prompt is asked for it */
} uvssh_client_login_t;

/**
 * All of the way to a session that is logged in.
 *
 * Host key: what `hosts` knows is accepted, what it has revoked is refused;
 * otherwise on_hostkey is asked, with the verdict. The types of keys that
 * `hosts` has of this host are asked for first, unless
 * config.hostkey_algorithms gives an order. Login: "none" is asked to
 * learn the methods, then the keys, the files, the password, each as far as the
 * server goes on with its method. A failed login ends the session: cb, then
 * on_close.
 *
 * req     lent until cb
 * what    copied but for what it says is lent or kept; strings too
 * cb      once; 0 logged in; UVSSH_EAUTH or UVSSH_EPARTIAL nothing is left to
 *         try (result: the UVSSH_AUTH_* that could continue); UVSSH_EHOSTKEY;
 *         as uvssh_client_connect(); what ended the session
 * return  0; UV_EINVAL; UV_EBUSY started before; UV_ENOTCONN; UV_ENOMEM; the
 *         transport is yours again then
 * thread  loop      inside callbacks: yes      RFC 4252      since 0.1
 */
UVSSH_EXTERN int uvssh_client_login(uvssh_req_t* req,
                                    uvssh_session_t* session,
                                    const uvssh_client_login_t* what,
                                    uvssh_req_cb cb);

/* Logging in, one method at a time. cb: 0 logged in; UVSSH_EAUTH refused;
 * UVSSH_EPARTIAL right, and one more is needed; with both req->result holds the
 * UVSSH_AUTH_* that can continue, and the session stays as it is; anything else
 * ended the session. Strings are copied; a password's copy is wiped. Return: 0;
 * UV_EBUSY one is under way; UV_ENOTCONN before uvssh_client_start()'s cb or
 * after login; UV_EINVAL; UV_ENOMEM. Thread: loop. Inside callbacks: yes. */

/** Asks which methods there are, or logs in where nothing is needed. RFC 4252
 * section 5.2. Since 0.1. */
UVSSH_EXTERN int uvssh_auth_none(uvssh_req_t* req,
                                 uvssh_session_t* session,
                                 const char* user,
                                 uvssh_req_cb cb);

/** A password; where the server wants it changed, on_prompt is asked for the
 * new one (one prompt). RFC 4252 section 8. Since 0.1. */
UVSSH_EXTERN int uvssh_auth_password(uvssh_req_t* req,
                                     uvssh_session_t* session,
                                     const char* user,
                                     const char* password,
                                     uvssh_req_cb cb);

/** A key with its secret: asked about first, then signed with. key kept until
 * cb. RFC 4252 section 7. Since 0.1. */
UVSSH_EXTERN int uvssh_auth_publickey(uvssh_req_t* req,
                                      uvssh_session_t* session,
                                      const char* user,
                                      uvssh_key_t* key,
                                      uvssh_req_cb cb);

/**
 * The server shall open no session channel any more: nobody who gets hold of
 * this connection later can start a program through it.
 *
 * For no-more-sessions@openssh.com; other servers overlook it. From here on
 * uvssh_channel_open() of a session is UV_EPERM.
 *
 * return  0, also the second time; UV_ENOTCONN not logged in; UV_EINVAL a
 *         server's session; UV_ENOBUFS too much waits to leave
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_client_no_more_sessions(uvssh_session_t* session);

#ifdef __cplusplus
}
#endif
#endif
