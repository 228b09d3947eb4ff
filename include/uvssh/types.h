/* types.h: the nouns, the value that answers a question, and the request. */
#ifndef UVSSH_TYPES_H
#define UVSSH_TYPES_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct uvssh_server_s uvssh_server_t;
typedef struct uvssh_session_s uvssh_session_t;
typedef struct uvssh_channel_s uvssh_channel_t;
typedef struct uvssh_transport_s uvssh_transport_t;
typedef struct uvssh_req_s uvssh_req_t;
typedef struct uvssh_payload_s uvssh_payload_t;
typedef struct uvssh_group_s uvssh_group_t;
typedef struct uvssh_member_s uvssh_member_t;

/* Plain data, one thread at a time. */
typedef struct uvssh_known_hosts_s uvssh_known_hosts_t;

/* Opaque, reference counted, usable from any thread. */
typedef struct uvssh_key_s uvssh_key_t;
typedef struct uvssh_handle_s uvssh_handle_t;

/* The right to answer one question of the peer, once, now or later, on the
 * loop's thread. A value that points at nothing: copy it, keep it, drop it.
 * Dropped, it becomes "no" after config.reply_timeout_ms. A second answer, one
 * after the session has gone, or where none was wanted (serial 0): harmless,
 * UV_ECANCELED. One of the wrong kind: UV_EINVAL, the question stays open. */
typedef struct {
  uint32_t loop, slot;             /* private */
  uint64_t serial;                 /* 0: no answer is wanted; never reused */
} uvssh_reply_t;

/* result: with UVSSH_EOPEN an UVSSH_OPEN_*; with EAUTH and EPARTIAL the
 * UVSSH_AUTH_* that can continue; of a ping the milliseconds that it took. */
typedef void (*uvssh_req_cb)(uvssh_req_t* req, int status);

struct uvssh_req_s {               /* yours again in its callback */
  void* data;                      /* yours */
  uvssh_session_t* session;        /* read-only */
  uvssh_channel_t* channel;        /* read-only; NULL: none */
  uint32_t result;                 /* read-only, in the callback */
  const char* text;                /* the same; what the peer said, escaped */
  void* reserved[12];
};

typedef struct {                   /* what is wrong in what a person wrote */
  unsigned line;                   /* where; 0: it has no lines */
  char text[1000];                 /* one line, escaped, without its end */
} uvssh_text_error_t;

#ifdef __cplusplus
}
#endif
#endif
