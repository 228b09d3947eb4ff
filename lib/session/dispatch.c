/* dispatch.c: which message is legal when, and from whom: one table.
 *
 * A row names the states in which a server, and in which a client, may receive
 * the message; anywhere else it ends the session. Handlers never test the
 * state. The table is checked against the oracle by test/states. */
#include "session/session.h"

/* Sets of states. */
#define FIRST_KEX                                                             \
  (ST_KEXINIT | ST_KEX | ST_GROUP | ST_GROUP_KEX | ST_NEWKEYS)
#define LOGIN (ST_SERVICE | ST_AUTH | ST_WAIT | ST_QUERY | ST_SIGNED)
#define ATTEMPTS (ST_AUTH | ST_WAIT | ST_QUERY | ST_SIGNED)
#define ANSWERED (ST_WAIT | ST_QUERY | ST_SIGNED)
#define RUNNING (ST_OPEN | ST_REKEY_SENT)
#define REKEY                                                                 \
  (ST_REKEY_KEX | ST_REKEY_GROUP | ST_REKEY_GROUP_KEX | ST_REKEY_NEWKEYS)
#define ALWAYS (FIRST_KEX | LOGIN | RUNNING | REKEY)

enum {
  NOT_IN_STRICT_KEX = 1,           /* nor while the first keys are agreed on */
  EXT_INFO_PLACES = 2,             /* right behind the peer's NEWKEYS, before */
                                   /* SUCCESS (RFC 8308 section 2.4), or once */
                                   /* in a login that we asked for it in */
  UNKNOWN = 4,                     /* answered UNIMPLEMENTED where allowed */
  PEER_DATA = 8                    /* counts for idle_timeout_ms */
};

struct row {
  int (*transport)(struct transport* t, rd_t* m);
  int (*auth)(struct auth* auth, rd_t* m);
  int (*conn)(struct conn* c, rd_t* m);
  int (*session)(struct session* s, rd_t* m);
  unsigned server;
  unsigned client;
  unsigned flags;
};

static int on_ping(struct session* s, rd_t* m) {
  str_t data = rd_str(m);          /* data */
  struct buf* out;

  if (rd_end(m) != 0)
    return UVSSH_EMESSAGE;
  if (uvssh__session_state(s) != ST_OPEN)
    return 0;                      /* no answer before login or in a rekey */
  out = uvssh__message(&s->transport, MSG_PONG);
  wr_str(out, data.base, data.len);
  uvssh__send(&s->transport);
  return 0;
}

#define T(handler) .transport = uvssh__on_##handler
#define A(handler) .auth = uvssh__on_##handler
#define C(handler) .conn = uvssh__on_##handler
#define S(handler) .session = handler
#define BOTH(states) .server = (states), .client = (states)
#define SERVER(states) .server = (states)
#define CLIENT(states) .client = (states)
#define SKIPPED .flags = NOT_IN_STRICT_KEX
#define NOBODYS(states) BOTH(states), .flags = UNKNOWN
#define NOBODYS_EARLY(states) BOTH(states), .flags = UNKNOWN | NOT_IN_STRICT_KEX

/* Who receives it in which states. What stands nowhere is legal nowhere. */
static const struct row rows[256] = {
  /* RFC 4253 section 12, RFC 8308 */
  [MSG_DISCONNECT] = { T(disconnect), BOTH(ALWAYS) },
  [MSG_IGNORE] = { T(ignore), BOTH(ALWAYS), SKIPPED },
  [MSG_UNIMPLEMENTED] = { T(unimplemented), BOTH(ALWAYS), SKIPPED },
  [MSG_DEBUG] = { T(debug), BOTH(ALWAYS), SKIPPED },
  [MSG_SERVICE_REQUEST] = { A(service_request),
                            SERVER(ST_SERVICE | ST_AUTH | ST_WAIT) },
  [MSG_SERVICE_ACCEPT] = { A(service_accept), CLIENT(ST_SERVICE) },
  [MSG_EXT_INFO] = { T(ext_info), SERVER(ST_SERVICE),
                     CLIENT(ST_SERVICE | ANSWERED),
                     .flags = EXT_INFO_PLACES },
  [9 ... 19] = { NOBODYS_EARLY(ALWAYS) },

  /* RFC 4253 section 7, RFC 5656, RFC 4419 (its old request, 30, is not) */
  [MSG_KEXINIT] = { T(kexinit), BOTH(ST_KEXINIT | RUNNING) },
  [MSG_NEWKEYS] = { T(newkeys), BOTH(ST_NEWKEYS | ST_REKEY_NEWKEYS) },
  [22 ... 29] = { NOBODYS_EARLY(ALWAYS) },
  [MSG_KEX_ECDH_INIT] = { T(kex_init), SERVER(ST_KEX | ST_REKEY_KEX) },
  [MSG_KEX_ECDH_REPLY] = { T(kex_31), CLIENT(ST_KEX | ST_REKEY_KEX | ST_GROUP |
                                             ST_REKEY_GROUP) },
  [MSG_KEX_DH_GEX_INIT] = { T(kex_init),
                            SERVER(ST_GROUP_KEX | ST_REKEY_GROUP_KEX) },
  [MSG_KEX_DH_GEX_REPLY] = { T(kex_reply),
                             CLIENT(ST_GROUP_KEX | ST_REKEY_GROUP_KEX) },
  [MSG_KEX_DH_GEX_REQUEST] = { T(group_request),
                               SERVER(ST_GROUP | ST_REKEY_GROUP) },

  /* RFC 4252 section 6; late requests are ignored, section 5.1 */
  [MSG_USERAUTH_REQUEST] = { A(userauth_request),
                             SERVER(ST_AUTH | ST_WAIT | ST_OPEN) },
  [MSG_USERAUTH_FAILURE] = { A(userauth_failure), CLIENT(ANSWERED) },
  [MSG_USERAUTH_SUCCESS] = { A(userauth_success),
                             CLIENT(ST_WAIT | ST_SIGNED) },
  [MSG_USERAUTH_BANNER] = { A(userauth_banner), CLIENT(ATTEMPTS) },
  [54 ... 59] = { NOBODYS(ATTEMPTS) },
  [MSG_USERAUTH_PK_OK] = { A(userauth_60), CLIENT(ST_WAIT | ST_QUERY) },
  [62] = { NOBODYS(ATTEMPTS) },
  [67 ... 79] = { NOBODYS(ATTEMPTS) },

  /* RFC 4254 section 9 */
  [MSG_GLOBAL_REQUEST] = { C(global_request), BOTH(RUNNING) },
  [MSG_REQUEST_SUCCESS] = { C(request_success), BOTH(RUNNING) },
  [MSG_REQUEST_FAILURE] = { C(request_failure), BOTH(RUNNING) },
  [83 ... 89] = { NOBODYS(RUNNING) },
  [MSG_CHANNEL_OPEN] = { C(channel_open), BOTH(RUNNING) },
  [MSG_CHANNEL_OPEN_CONFIRMATION] = { C(channel_confirmation), BOTH(RUNNING) },
  [MSG_CHANNEL_OPEN_FAILURE] = { C(channel_failure_open), BOTH(RUNNING) },
  [MSG_CHANNEL_WINDOW_ADJUST] = { C(window_adjust), BOTH(RUNNING) },
  [MSG_CHANNEL_DATA] = { C(channel_data), BOTH(RUNNING), .flags = PEER_DATA },
  [MSG_CHANNEL_EXTENDED_DATA] = { C(channel_extended_data), BOTH(RUNNING),
                                  .flags = PEER_DATA },
  [MSG_CHANNEL_EOF] = { C(channel_eof), BOTH(RUNNING) },
  [MSG_CHANNEL_CLOSE] = { C(channel_close), BOTH(RUNNING) },
  [MSG_CHANNEL_REQUEST] = { C(channel_request), BOTH(RUNNING) },
  [MSG_CHANNEL_SUCCESS] = { C(channel_success), BOTH(RUNNING) },
  [MSG_CHANNEL_FAILURE] = { C(channel_failure), BOTH(RUNNING) },
  [101 ... 127] = { NOBODYS(RUNNING) },

  /* local extensions; ping@openssh.com */
  [128 ... 191] = { NOBODYS_EARLY(FIRST_KEX | RUNNING) },
  [MSG_PING] = { S(on_ping), BOTH(ALWAYS), SKIPPED },
  [MSG_PONG] = { C(pong), BOTH(ALWAYS), SKIPPED },
  [194 ... 255] = { NOBODYS_EARLY(FIRST_KEX | RUNNING) },
};

/* EXT_INFO, in a state where it may come at all. */
static int may_inform(struct session* s, enum state state) {
  if (state == ST_SERVICE)
    return s->transport.in_since_newkeys == 1;
  if (s->transport.peer_ext_info && !s->informed_in_auth)
    s->informed_in_auth = 1;       /* ours has told that it may */
  else
    s->success_is_next = 1;
  return 1;
}

static int is_legal(struct session* s, const struct row* row, uint8_t number) {
  enum state state = uvssh__session_state(s);
  unsigned where = s->desk.is_server ? row->server : row->client;

  if ((where & state) == 0)
    return 0;
  if ((row->flags & NOT_IN_STRICT_KEX) != 0 && s->transport.strict &&
      (state & FIRST_KEX) != 0)
    return 0;
  if (s->success_is_next) {
    s->success_is_next = 0;        /* and then it was */
    return number == MSG_USERAUTH_SUCCESS || number == MSG_DISCONNECT;
  }
  return (row->flags & EXT_INFO_PLACES) == 0 || may_inform(s, state);
}

static int call(struct session* s, const struct row* row, rd_t* m) {
  if (row->transport != NULL)
    return row->transport(&s->transport, m);
  if (row->auth != NULL)
    return row->auth(&s->auth, m);
  if (row->conn != NULL)
    return row->conn(&s->conn, m);
  return row->session(s, m);
}

int uvssh__dispatch(struct session* s, rd_t* m) {
  str_t whole = { m->at, rd_left(m) };
  uint8_t number = rd_u8(m);
  const struct row* row = &rows[number];

  if (s->desk.traced)
    uvssh__trace(&s->transport, 0, s->transport.in.seq - 1, whole,
                 (str_t) { NULL, 0 });
  if (uvssh__kex_skip_guess(&s->transport, number))
    return 0;
  if (!is_legal(s, row, number)) {
    uvssh__log(&s->desk.log, UVSSH_LOG_INFO, "%s (%u) is not allowed now",
               uvssh__msg_name(number), number);
    return UVSSH_EUNEXPECTED;
  }
  if ((row->flags & PEER_DATA) != 0)
    s->data_at = desk_now(&s->desk);
  if ((row->flags & UNKNOWN) != 0) {
    uvssh__unimplemented_send(&s->transport);
    return 0;
  }
  return call(s, row, m);
}
