/* client.h: the other role on the same session. */
#ifndef UVSSH_CLIENT_H
#define UVSSH_CLIENT_H

#include "uvssh/session.h"

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif
#endif
