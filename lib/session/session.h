/* session.h: one connection: bytes and a time in, bytes and a deadline out.
 *
 *   session.c    owns transport, auth and conn; feed, turn, output
 *   dispatch.c   THE table: which message is legal when, from whom
 *   timer.c      the next deadline, and what is due: the one place for both
 *   end.c        how a session ends: codes to reasons, DISCONNECT, on_close
 *   session_api.c  the public functions
 *
 * Whoever runs it (lib/loop/attach.c, or a test in memory) calls:
 *   feed      bytes of the peer, which are decrypted in place
 *   lost      the transport has ended
 *   turn      when desk_ops.wake() asked for it: callbacks, output
 *   output    the next bytes to write; wrote when they have been taken
 *   deadline  when to call turn again, if nothing else happens
 *   closed    the transport is closed: everything ends, on_close
 */
#ifndef UVSSH_SESSION_INTERNAL_H
#define UVSSH_SESSION_INTERNAL_H

#include "auth/auth.h"
#include "conn/conn.h"
#include "uvssh/session.h"

/* Where a session stands, one bit each: the states of the oracle. */
enum state {
  ST_KEXINIT = 1 << 0,             /* S1, C1: the peer's first KEXINIT */
  ST_KEX = 1 << 1,                 /* S2, C2: a message of the method */
  ST_NEWKEYS = 1 << 2,             /* S3, C3 */
  ST_SERVICE = 1 << 3,             /* S4, C4 */
  ST_AUTH = 1 << 4,                /* S5, C5: nothing pending */
  ST_WAIT = 1 << 5,                /* S6: a verdict; C6: an answer */
  ST_QUERY = 1 << 6,               /* C7 */
  ST_SIGNED = 1 << 7,              /* C8 */
  ST_OPEN = 1 << 8,                /* S8, C10 */
  ST_REKEY_SENT = 1 << 9,          /* S9, C11: our KEXINIT, not the peer's */
  ST_REKEY_KEX = 1 << 10,          /* S10, C12 */
  ST_REKEY_NEWKEYS = 1 << 11,      /* S11, C13 */
  ST_GROUP = 1 << 12,              /* S2, C2g of a group exchange: what group */
                                   /* is wished; which one it is */
  ST_GROUP_KEX = 1 << 13,          /* S2g, C2 behind C2g: a public value */
  ST_REKEY_GROUP = 1 << 14,        /* the same again */
  ST_REKEY_GROUP_KEX = 1 << 15
};

enum ending {
  E_RUNNING,
  E_EMPTYING,                      /* disconnect(): the queues come first */
  E_SAYING,                        /* DISCONNECT leaves, until the peer goes */
                                   /* or linger_ms; input is discarded */
  E_READERS,                       /* the wire is gone; readers finish */
  E_CLOSE,                         /* the transport is to be closed now */
  E_CLOSED                         /* on_close has come */
};

struct session {
  struct desk desk;
  struct transport transport;
  struct auth auth;
  struct conn conn;
  enum ending ending;
  int lost;                        /* why the transport moves nothing more; */
                                   /* 0: it does */
  int unwritable;                  /* why it takes nothing more, while what */
                                   /* has come is still read; 0: it does */
  uint64_t unwritable_until;       /* ms */
  int deaf;                        /* E_SAYING: input is not looked at either */
  int yielded;                     /* it was late: the rest of the input waits */
                                   /* for the next turn */
  int started;
  int told_ready;                  /* on_ready has come */
  int is_ready;
  int auth_begun;                  /* client: the service is asked for */
  int success_is_next;             /* client: EXT_INFO came before SUCCESS */
  int informed_in_auth;            /* client: and one came within the login */
  uint64_t started_at;             /* ms, all of these */
  uint64_t thought_at;             /* client: its user was seen thinking, */
  int thinking;                    /* or not */
  uint64_t heard_at;               /* any packet of the peer */
  uint64_t data_at;                /* channel data of the peer */
  uint64_t asked_at;               /* the last keepalive; 0: none since heard */
  unsigned missed;                 /* keepalives without an answer */
  uint64_t linger_at;
  struct sockaddr_storage peer;    /* as the transport told at the start */
  int peer_len;                    /* 0: it knows none */
  uvssh_req_t* start_req;          /* client: uvssh_client_start() */
  struct session* closing_next;    /* on_close is running, maybe nested */
  uvssh_end_t end;                 /* for on_close */
  int was_asking;                  /* at the end the user thought about it */
  char* end_text;                  /* what end.text points at; may be NULL */
  unsigned say_reason;             /* E_EMPTYING: what DISCONNECT will say */
  char say_text[257];
};

/* desk.pub, desk.config, desk.ops, desk.slots and desk.pool are set before;
 * hostkeys: a server's, lent until free. */
int uvssh__session_init(struct session* s,
                        const uvssh_session_handlers_t* handlers,
                        const struct hostkeys* hostkeys) MUST_CHECK;
void uvssh__session_free(struct session* s);
/* A transport is there: say who we are. */
void uvssh__session_start(struct session* s);

void uvssh__session_feed(struct session* s, uint8_t* bytes, size_t n);
/* status: UV_EOF, UV_ECONNRESET, ...: nothing more will come or go. */
void uvssh__session_lost(struct session* s, int status);
/* The same of writing only: what the peer said before may still come, and says
 * more than this status. For wait_ms at most; UINT64_MAX: the end will come. */
void uvssh__session_unwritable(struct session* s, int status, uint64_t wait_ms);
/* The kernel gives what came before a reset at once, if at all. */
#define LAST_WORDS_MS 200
/* What is due. */
void uvssh__session_turn(struct session* s);
/* 1 while bytes of the peer are wanted. */
int uvssh__session_wants_input(const struct session* s);
int uvssh__session_output(struct session* s, uv_buf_t* out);
void uvssh__session_wrote(struct session* s);
void uvssh__session_job(struct session* s, struct job* job);
uint64_t uvssh__session_deadline(const struct session* s);  /* or UINT64_MAX */
/* 1 when the transport is to be closed; then `closed`. */
static inline int session_wants_close(const struct session* s) {
  return s->ending >= E_CLOSE;
}
/* Its place is needed: says so where it can; then write, and drop it. */
void uvssh__session_crowded_out(struct session* s);
/* Close without a word. */
void uvssh__session_drop(struct session* s, int status);
/* All that is pending completes, on_close comes; the public object is free. */
void uvssh__session_closed(struct session* s);

/* ---- for the files of this folder ---------------------------------------- */

enum state uvssh__session_state(const struct session* s);
uvssh_phase uvssh__session_phase(const struct session* s);
/* One message: checked against the table, handled. */
int uvssh__dispatch(struct session* s, rd_t* m) MUST_CHECK;
/* The one way to fail: maps the code to a reason, says it, ends. */
void uvssh__session_fail(struct session* s, int err);
void uvssh__session_disconnect(struct session* s,
                               unsigned reason,
                               const char* text);
/* The transport moves nothing any more, and all that it brought was read. */
void uvssh__session_gone(struct session* s, int status);
/* There is no transport, and will be none. text: escaped, copied. */
void uvssh__session_unreached(struct session* s, int err, const char* text);
/* Moves an end that has begun on, where what it waits for has come. */
void uvssh__session_end_step(struct session* s);
/* What is due by time; may fail the session. */
void uvssh__session_tick(struct session* s);
/* While on_close runs its object is free already (impl is NULL), and yet it
 * still answers: this is how the session behind it is found. */
void uvssh__session_closing_push(struct session* s);
void uvssh__session_closing_pop(struct session* s);
static inline struct session* session_of(const struct desk* desk) {
  return CONTAINER_OF(desk, struct session, desk);
}

#endif
