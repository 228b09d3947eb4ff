/* session.h: one connection: what is asked of you, and what you can do to it.
 *
 * A server's sessions begin in uvssh_server_accept() or uvssh_server_serve(),
 * a client's in uvssh_session_init(). */
#ifndef UVSSH_SESSION_H
#define UVSSH_SESSION_H

#include "uvssh/config.h"
#include "uvssh/key.h"
#include "uvssh/transport.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {                             /* RFC 4253 section 11.1, the useful ones */
  UVSSH_DISCONNECT_NOT_ALLOWED = 1,
  UVSSH_DISCONNECT_PROTOCOL_ERROR = 2,
  UVSSH_DISCONNECT_KEY_EXCHANGE_FAILED = 3,
  UVSSH_DISCONNECT_MAC_ERROR = 5,
  UVSSH_DISCONNECT_COMPRESSION_ERROR = 6,
  UVSSH_DISCONNECT_SERVICE_NOT_AVAILABLE = 7,
  UVSSH_DISCONNECT_VERSION_NOT_SUPPORTED = 8,
  UVSSH_DISCONNECT_HOST_KEY_NOT_VERIFIABLE = 9,
  UVSSH_DISCONNECT_CONNECTION_LOST = 10,
  UVSSH_DISCONNECT_BY_APPLICATION = 11,
  UVSSH_DISCONNECT_TOO_MANY = 12,
  UVSSH_DISCONNECT_NO_MORE_AUTH = 14
};

typedef enum {                     /* in order: >= works */
  UVSSH_PHASE_CONNECT,
  UVSSH_PHASE_IDENT,
  UVSSH_PHASE_KEX,
  UVSSH_PHASE_AUTH,
  UVSSH_PHASE_OPEN
} uvssh_phase;

typedef struct {                   /* how a session ended */
  int status;                      /* 0: we closed it in peace */
  uvssh_phase phase;               /* how far it had come */
  int by_peer;
  unsigned reason;                 /* UVSSH_DISCONNECT_*; 0: none was sent */
  const char* text;                /* escaped; what the peer said, or what */
                                   /* could not be agreed on; "" for none */
} uvssh_end_t;

typedef enum {
  UVSSH_HOST_UNKNOWN = 1,
  UVSSH_HOST_CHANGED,
  UVSSH_HOST_REVOKED,
  UVSSH_HOST_KNOWN
} uvssh_host_verdict;

typedef struct {                   /* one attempt of a user at a server */
  unsigned method;                 /* one UVSSH_AUTH_* */
  unsigned passed;                 /* UVSSH_AUTH_* this user has passed here; */
                                   /* 0 again when the user's name changes */
  const char* user;
  const char* password;            /* or NULL */
  const char* new_password;        /* or NULL */
  uvssh_key_t* key;                /* or NULL; uvssh_key_ref() to keep */
  int key_proven;                  /* 0: "would this key do?"; 1: signed */
} uvssh_auth_t;

typedef struct {
  const char* text;
  int echo;
} uvssh_prompt_t;

typedef struct {                   /* a form to fill in, both ways */
  unsigned method;                 /* to a client: PASSWORD, it must change */
  const char* name;                /* these two may be NULL when you ask */
  const char* instruction;
  const uvssh_prompt_t* prompts;
  unsigned count;
} uvssh_prompts_t;

typedef enum {
  UVSSH_CHANNEL_SESSION = 1,
  UVSSH_CHANNEL_DIRECT_TCPIP,
  UVSSH_CHANNEL_OTHER
} uvssh_channel_type;

/* The structs below both ask and are asked. They are flat: what a type does
 * not use is zero. */
typedef struct {
  uvssh_channel_type type;
  const char* name;                /* OTHER: "x@example.com" */
  const char* host;                /* DIRECT_TCPIP: where to */
  int port;
  const char* origin_host;         /* DIRECT_TCPIP: where from; NULL to ask: */
  int origin_port;                 /* "127.0.0.1" */
  const void* extra;               /* OTHER */
  size_t extra_len;
} uvssh_channel_open_t;

typedef enum {
  UVSSH_GLOBAL_OTHER = 1
} uvssh_global_type;

typedef struct {
  uvssh_global_type type;
  const char* name;                /* OTHER */
  const void* extra;
  size_t extra_len;
} uvssh_session_request_t;

/* Copied. A NULL entry answers "no". */
typedef struct {
  /* Client: may this be the server's key? Asked once the server has proven
   * that it owns it. */
  void (*on_hostkey)(uvssh_session_t* session,
                     uvssh_key_t* key,
                     uvssh_host_verdict verdict,
                     uvssh_reply_t reply);
  /* Client: a form; answer with uvssh_reply_answers(). */
  void (*on_prompt)(uvssh_session_t* session,
                    const uvssh_prompts_t* form,
                    uvssh_reply_t reply);
  void (*on_banner)(uvssh_session_t* session, const char* text);  /* client */
  /* Server: one attempt. Strings are shown and secret. */
  void (*on_auth)(uvssh_session_t* session,
                  const uvssh_auth_t* attempt,
                  uvssh_reply_t reply);
  void (*on_ready)(uvssh_session_t* session);       /* logged in */
  void (*on_channel)(uvssh_session_t* session,
                     const uvssh_channel_open_t* ask,
                     uvssh_reply_t reply);
  void (*on_request)(uvssh_session_t* session,
                     const uvssh_session_request_t* ask,
                     uvssh_reply_t reply);
  /* Client: all keys of the server, its present one among them, each of which
   * it has proven to be its own; once, and only if it tells them. So that a new
   * key can be noted before the old one goes. Shown: uvssh_key_ref() keeps. */
  void (*on_hostkeys)(uvssh_session_t* session,
                      uvssh_key_t* const* keys,
                      unsigned count);
  void (*on_close)(uvssh_session_t* session, const uvssh_end_t* end);
} uvssh_session_handlers_t;

struct uvssh_session_s {
  void* data;                      /* yours */
  uv_loop_t* loop;                 /* read-only */
  uvssh_server_t* server;          /* read-only; NULL in a client */
  void* impl;                      /* private */
};

typedef struct {                   /* what was agreed, and what it carried; */
                                   /* names are static text, "" before */
  char peer_software[256];         /* escaped */
  const char* kex;
  const char* hostkey_algorithm;
  const char* cipher_in;
  const char* cipher_out;
  const char* mac_in;              /* "" with an AEAD cipher */
  const char* mac_out;
  const char* compression_in;      /* "none", too; the delayed kind begins */
  const char* compression_out;     /* at login */
  int strict;
  int post_quantum;                /* what is recorded today stays secret, */
                                   /* whatever computers are built */
  unsigned auth_method;            /* UVSSH_AUTH_* that logged in; 0 before */
  int auth_trivial;                /* client: the server let us in without a */
                                   /* password or a signature */
  uint64_t bytes_in, bytes_out, packets_in, packets_out, rekeys;
  int64_t rtt_ms;                  /* from the last ping or keepalive to its */
                                   /* answer; -1: there was none */
} uvssh_session_info_t;

/**
 * Begin a client's session; start it with uvssh_client_start().
 *
 * After success the way out is uvssh_session_close(), started or not.
 *
 * loop      lent until on_close
 * session   yours, zeroed; in use until on_close
 * config    copied; NULL: the defaults
 * handlers  copied
 * return    0; UV_EBUSY in use; UV_EINVAL an algorithm list or number that
 *           cannot be; UV_ENOMEM; UVSSH_ECRYPTO
 * thread    loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_session_init(uv_loop_t* loop,
                                    uvssh_session_t* session,
                                    const uvssh_config_t* config,
                                    const uvssh_session_handlers_t* handlers);

/**
 * New limits, times and methods for this session only, from now on.
 *
 * Algorithms, software, banner, log, trace, key log and the preauth_total
 * family stay.
 *
 * config  copied
 * return  0; UV_EINVAL; UV_ENOTCONN
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_session_configure(uvssh_session_t* session,
                                         const uvssh_config_t* config);

/**
 * What holds for this session now; change it and give it to configure().
 *
 * config  out; its strings are shown: they live as long as the session
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN void uvssh_session_config(const uvssh_session_t* session,
                                       uvssh_config_t* config);

/**
 * Ask the peer something that concerns the whole connection.
 *
 * req     lent until cb; NULL: no answer is wanted
 * what    copied
 * cb      once; 0, UVSSH_EREQUEST, or what ended the session
 * return  0; UV_EINVAL; UV_ENOTCONN not logged in; UV_ENOBUFS too many are
 *         unanswered (64), or wait to leave
 * thread  loop      inside callbacks: yes      RFC 4254 4      since 0.1
 */
UVSSH_EXTERN int uvssh_session_request(uvssh_req_t* req,
                                       uvssh_session_t* session,
                                       const uvssh_session_request_t* what,
                                       uvssh_req_cb cb);

/**
 * Ask the peer whether it is there, and see how long that takes.
 *
 * By ping@openssh.com, or, where the peer has not offered that, by a
 * keepalive@openssh.com, whose every answer is one. How long it took is in
 * req->result, in milliseconds, and in uvssh_session_info(). It has no time
 * limit of its own: config.keepalive_ms ends a session whose peer is gone.
 *
 * req     lent until cb
 * cb      once; 0 answered, or what ended the session
 * return  0; UV_EINVAL; UV_ENOTCONN not logged in; UV_ENOBUFS too many are
 *         unanswered (64, with other requests), or wait to leave
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_session_ping(uvssh_req_t* req,
                                    uvssh_session_t* session,
                                    uvssh_req_cb cb);

/**
 * Exchange keys again, now. Data waits meanwhile and goes on afterwards.
 *
 * req     lent until cb; NULL: do not tell
 * cb      once; 0 when new keys are in use both ways, or what ended the session
 * return  0; UV_ENOTCONN not logged in; UV_EBUSY an exchange is under way;
 *         UV_ENOMEM
 * thread  loop      inside callbacks: yes      RFC 4253 9      since 0.1
 */
UVSSH_EXTERN int uvssh_session_rekey(uvssh_req_t* req,
                                     uvssh_session_t* session,
                                     uvssh_req_cb cb);

/**
 * Send what is queued, say why, wait for the peer to close, all in at most
 * linger_ms; then close.
 *
 * on_close comes with status 0. Before the peer has said who it is: closed at
 * once.
 *
 * reason  UVSSH_DISCONNECT_*
 * text    copied, at most 256 bytes are sent
 * return  0; UV_ENOTCONN not open, or ending already
 * thread  loop      inside callbacks: yes      RFC 4253 11.1      since 0.1
 */
UVSSH_EXTERN int uvssh_session_disconnect(uvssh_session_t* session,
                                          unsigned reason,
                                          const char* text);

/**
 * Close now: nothing more is sent. on_close follows, from the loop.
 *
 * thread  loop      inside callbacks: yes, and twice      since 0.1
 */
UVSSH_EXTERN void uvssh_session_close(uvssh_session_t* session);

/* These six, and uvssh_session_config(), still answer inside on_close. */

/** 1 from on_ready until the session begins to end. Loop's thread. */
UVSSH_EXTERN int uvssh_session_is_ready(const uvssh_session_t* session);

/** Who logged in, as the peer wrote it; "" before login. Shown: lives as long
 * as the session. Loop's thread. */
UVSSH_EXTERN const char* uvssh_session_user(const uvssh_session_t* session);

/** The key that signed for this login, or NULL; uvssh_key_ref() to keep it
 * beyond the session. Loop's thread. */
UVSSH_EXTERN uvssh_key_t* uvssh_session_key(const uvssh_session_t* session);

/** As uv_tcp_getpeername(); UV_ENOTSUP where the transport knows none. Loop's
 * thread. */
UVSSH_EXTERN int uvssh_session_peername(const uvssh_session_t* session,
                                        struct sockaddr* name,
                                        int* namelen);

/** Fills *info; names are "" where nothing was agreed yet. Loop's thread. */
UVSSH_EXTERN void uvssh_session_info(const uvssh_session_t* session,
                                     uvssh_session_info_t* info);

/** The session identifier (RFC 4253 section 7.2), the same for all its life;
 * NULL and 0 before the first key exchange. Loop's thread. */
UVSSH_EXTERN const uint8_t* uvssh_session_id(const uvssh_session_t* session,
                                             size_t* len);

#ifdef __cplusplus
}
#endif
#endif
