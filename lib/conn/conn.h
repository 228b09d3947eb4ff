/* conn.h: the connection protocol, RFC 4254: channels, requests, windows.
 *
 *   mux.c          ids, the table of channels, open, confirm, refuse
 *   open_kinds.c   the table of channel types: one row each
 *   channel.c      one channel's life: states, the order of its end
 *   channel_in.c   data of the peer, held bytes, the reader
 *   window.c       credit, and how far a window grows and shrinks
 *   channel_out.c  its write queue, and packets made from it
 *   channel_send.c what the caller sends: lent, copied or shared bytes
 *   channel_shared.c  payloads that wait in that queue
 *   group.c        one payload for many channels; slow readers
 *   relay.c        one channel's data into another, with back-pressure
 *   request.c      channel requests both ways, answered in order
 *   request_kinds.c  the table of requests: one row each
 *   global.c       global requests both ways
 *   ping.c         ping@openssh.com, keepalive@openssh.com
 *   hostkeys_server.c  tells the server's keys, and proves them
 *   hostkeys_client.c  hears of them, and lets them be proven
 *   tty_modes.c    RFC 4254 section 8
 *   signal_name.c  RFC 4254 section 6.10
 *   payload.c      one counted payload for many channels
 *
 * Credit is given for what was consumed, and only then. Data waits in the
 * channels' queues, never in sealed packets.
 */
#ifndef UVSSH_CONN_INTERNAL_H
#define UVSSH_CONN_INTERNAL_H

#include "transport/transport.h"
#include "uvssh/group.h"

#define ASKS_MAX 64                /* requests of the peer, each list */
#define HOSTKEYS_SAID_MAX 64       /* strings in a server's list of keys */
#define REQUESTS_MAX 64            /* requests of ours, each list */
#define PROOFS_MAX 8               /* hostkeys-prove-00 a session */
#define HOSTKEYS_TOLD_MAX 32       /* of them a client keeps so many */
#define REPLIES_ROOM 8192          /* for replies, behind the user's messages */
#define WINDOW_LEAST (16 * 1024)   /* no channel is opened with less */
#define GATHER_BELOW 2048          /* smaller pieces leave together */
#define SHARED_ROOM 32             /* payloads in an item */

enum item_kind {
  ITEM_WRITE,                      /* struct request: lent bytes */
  ITEM_COPY,                       /* struct copy */
  ITEM_PAYLOAD,                    /* struct shared: a batch of payloads */
  ITEM_EXIT,
  ITEM_EOF,
  ITEM_CLOSE
};

struct copy {
  struct item item;
  size_t cap;
  size_t len;
  size_t done;
  void (*release)(struct copy* copy);  /* when it has left, or was dropped; */
                                   /* NULL: uvssh__free() */
  uint8_t data[];
};

struct uvssh_payload_s {
  unsigned refs;
  size_t len;
  uint8_t data[];
};

/* What lies in the reserved words of a uvssh_group_t ... */
struct group {
  struct queue members;            /* struct membership; next NULL: not open */
  size_t queue_bytes;
  size_t policy;
};

/* ... and of a uvssh_member_t. */
struct membership {
  uvssh_group_t* group;            /* NULL: no member */
  struct queue in_group;
  struct queue in_channel;
  struct queue batches;            /* struct shared: of the group, queued; */
                                   /* bound: its queue_bytes */
  size_t waiting;                  /* bytes of payloads in them that have not */
                                   /* begun to leave: they may be dropped */
};

_Static_assert(sizeof(struct group) <= sizeof(((uvssh_group_t*) 0)->reserved),
               "a group must fit its reserved words");
_Static_assert(sizeof(struct membership) <=
                   sizeof(((uvssh_member_t*) 0)->reserved),
               "a member must fit its reserved words");

struct shared {
  struct item item;                /* count, and at: the first that is left */
  size_t done;                     /* bytes of that one that have left */
  struct queue owned;              /* on its owner's batches */
  struct membership* owner;        /* NULL: nobody drops them */
  uvssh_payload_t* payloads[SHARED_ROOM];  /* kept */
};

struct piece {                     /* of data, in one place */
  const uint8_t* base;
  size_t len;
};

enum {                             /* a run's head: 4 bytes */
  RUN_HEAD = 4,
  RUN_UNIT = 2,                    /* of the run's length in it */
  RUN_STREAM = 1                   /* the rest of it */
};

struct chunk {                     /* bytes held for a reader: runs of one */
                                   /* stream, each behind its head */
  struct chunk* next;
  size_t cap;
  size_t len;                      /* with the heads */
  size_t first;                    /* the head of the first that is not shown */
  size_t last;                     /* the head of the one that may go on */
  uint8_t data[];
};

struct holder {                    /* who reads and writes for the owner */
  void (*gone)(struct holder* holder, int status);  /* the last it hears */
};

struct channel {
  struct conn* conn;
  struct channel* next;            /* of the same bucket */
  uvssh_channel_t* pub;            /* NULL before open and after on_close */
  uvssh_channel_handlers_t on;
  uint32_t id;                     /* ours; the public id is one more */
  uint32_t peer_id;

  unsigned open : 1;               /* confirmed, by us or by the peer */
  unsigned eof_in : 1;
  unsigned close_in : 1;
  unsigned eof_queued : 1;         /* no more data from us */
  unsigned eof_out : 1;            /* ... and EOF is sealed */
  unsigned closing : 1;            /* CLOSE is queued; the user reads no more */
  unsigned close_out : 1;          /* ... and sealed */
  unsigned told : 1;               /* the reader has been told the end */
  unsigned reading : 1;
  unsigned began : 1;              /* it was reading once */
  unsigned full : 1;               /* on_drain is owed */
  unsigned relay_ended : 1;        /* its source has ended; the rest leaves */
  unsigned process : 2;            /* shell, exec, subsystem: PROCESS_* */
  unsigned is_fixed : 1;           /* the user has set the window */
  unsigned watching : 1;           /* a credit is on its trip */

  uvssh_read_cb read;
  uint32_t packet_in;              /* most data a message, as we said */
  uint32_t window_in;              /* the peer may still send so much */
  uint32_t window_max;             /* and make us hold so much, unread */
  uint32_t window_start;           /* what it began with, or was set to */
  uint32_t window_grown;           /* of the process's budget: promised to */
                                   /* the peer beyond that */
  uint32_t window_counted;         /* of the session's bytes */
  int64_t credit;                  /* consumed, not yet given back */
  uint32_t before;                 /* may still come without the credit that */
                                   /* is watched */
  uint32_t left_at;                /* when that left; ms */
  uint32_t quiet_at;               /* since then all that came is consumed, */
                                   /* where `before` is 0 */
  uint32_t lap_at;                 /* when a window was last used up */
  struct chunk* held;              /* at most window_max bytes */
  struct chunk* held_last;

  uint32_t window_out;
  uint32_t packet_out;             /* most data a message */
  struct queue items;              /* bound: queue_bytes, and lent writes up */
                                   /* to session_bytes */
  size_t queued;
  unsigned unwritten;              /* write requests sealed, not yet taken */
  uint64_t linger_at;              /* closing: then what is queued goes; */
                                   /* later each time that some has left */
  struct item exit_item;
  struct item eof_item;
  struct item close_item;
  int64_t exit_status;
  int term_signal;

  uvssh_req_t* open_req;           /* ours, until the peer has answered */
  struct queue asks;               /* struct ask: of the peer, in order */
  unsigned ask_count;
  struct queue requests;           /* struct request: ours, in order */
  unsigned request_count;

  struct channel* relay_to;        /* our reader, instead of `read` */
  struct channel* relay_from;      /* who writes to us */
  uvssh_req_t* relay_req;
  struct holder* holder;           /* NULL: nobody */
  struct queue members;            /* struct membership: of groups */

  struct queue ready;              /* on conn->ready: has something to seal */
  struct queue work;               /* on conn->work: has something to tell */
};

enum { PROCESS_NONE, PROCESS_ASKED, PROCESS_ACCEPTED };

struct conn {
  struct desk* desk;
  struct transport* transport;
  struct channel** table;          /* buckets; table_size is a power of two */
  struct channel* first_table[4];  /* for as long as it is that small */
  unsigned table_size;
  unsigned count;
  unsigned lingering;              /* closing, and on_close has not come */
  uint32_t next_id;
  int draining;                    /* the wire is gone: readers finish */
  int drain_status;
  struct queue ready;
  struct queue work;
  struct queue sent;               /* struct request: sealed writes, in order */
  struct queue opens;              /* struct open: of the peer */
  unsigned open_count;
  struct queue asks;               /* struct ask: global, in order */
  unsigned ask_count;
  struct queue requests;           /* struct request: ours, global, in order */
  unsigned request_count;
  uvssh_req_t keepalive;
  int keepalive_out;               /* the one above is unanswered */
  struct queue pings;              /* struct request: ours, unanswered; */
  unsigned ping_count;             /* at most REQUESTS_MAX */
  uint32_t ping_last;              /* number of the last one */
  uint64_t ping_rekeys;            /* exchanges that they have lived through */
  int64_t rtt_ms;                  /* of the last answer; -1: none yet */
  int no_sessions;                 /* no-more-sessions@openssh.com */
  unsigned proofs;                 /* server: that were asked for */
  struct told* told;               /* client: keys that are to be proven */
  int was_told;                    /* client: the server has told its keys */
  int credit_waits;                /* an exchange holds some back */
  uint32_t trip_least_ms;          /* the fastest that credit brought bytes */
  int refused;                     /* a send, for session_bytes */
};

/* ---- mux.c --------------------------------------------------------------- */

void uvssh__conn_init(struct conn* c,
                      struct desk* desk,
                      struct transport* transport);
/* Everything: on_close of channels that are left, requests. */
void uvssh__conn_end(struct conn* c, int status);
void uvssh__conn_free(struct conn* c);
/* The wire is gone: readers that had begun get what they hold, and the end. */
void uvssh__conn_drain(struct conn* c, int status);
/* 1 when no such reader holds bytes any more. */
int uvssh__conn_is_read(const struct conn* c);
/* 1 when nothing waits in any write queue, and no channel is closing. */
int uvssh__conn_is_quiet(const struct conn* c);
struct channel* uvssh__mux_find(const struct conn* c, uint32_t id);
/* 1 when an id was open once and is gone: late messages are harmless. */
static inline int mux_is_gone(const struct conn* c, uint32_t id) {
  return id < c->next_id;
}
void uvssh__mux_remove(struct channel* ch);        /* and frees it */
int uvssh__channel_open(struct conn* c,
                        uvssh_req_t* req,
                        uvssh_channel_t* channel,
                        const uvssh_channel_open_t* what,
                        const uvssh_channel_handlers_t* handlers,
                        uvssh_req_cb cb) MUST_CHECK;
int uvssh__on_channel_open(struct conn* c, rd_t* m) MUST_CHECK;
int uvssh__on_channel_confirmation(struct conn* c, rd_t* m) MUST_CHECK;
int uvssh__on_channel_failure_open(struct conn* c, rd_t* m) MUST_CHECK;

/* ---- open_kinds.c -------------------------------------------------------- */

struct open_kind {
  const char* name;                /* NULL: any name@domain */
  uvssh_channel_type type;
  int to_server;                   /* who may be asked */
  int to_client;
  /* The fields behind the maximum packet size. Text stays in place. */
  void (*read)(rd_t* m, uvssh_channel_open_t* what);
  int (*check)(const uvssh_channel_open_t* what);  /* 0, UV_EINVAL */
  void (*write)(struct buf* m, const uvssh_channel_open_t* what);
};

const struct open_kind* uvssh__open_kind(str_t name);  /* never NULL */
/* NULL: there is no such type. */
const struct open_kind* uvssh__open_kind_of(const uvssh_channel_open_t* what);
/* 1: what a client gets only where it has asked for it, and ours never has. */
int uvssh__open_is_unasked(str_t name);

/* ---- channel.c ----------------------------------------------------------- */

struct channel* uvssh__channel_new(struct conn* c,
                                   uvssh_channel_t* pub,
                                   const uvssh_channel_handlers_t* handlers);
void uvssh__channel_free(struct channel* ch);
/* The public object's channel when it is open and not closing, or NULL. */
struct channel* uvssh__channel_live(const uvssh_channel_t* channel);
/* Look at it in this turn of the loop. */
void uvssh__channel_touch(struct channel* ch);
/* All that a turn does for it: tell, credit, drain, end. May free it. */
void uvssh__channel_work(struct channel* ch);
void uvssh__conn_work(struct conn* c);
/* Closing: so much time again, from now on. */
void uvssh__channel_linger(struct channel* ch);
/* Queues EOF and CLOSE; drop: behind nothing. */
void uvssh__channel_begin_close(struct channel* ch, int drop);
/* Completes all that is pending, then on_close. */
void uvssh__channel_finish(struct channel* ch, int status);
uint64_t uvssh__conn_deadline(const struct conn* c);
void uvssh__conn_tick(struct conn* c);
int uvssh__on_channel_eof(struct conn* c, rd_t* m) MUST_CHECK;
int uvssh__on_channel_close(struct conn* c, rd_t* m) MUST_CHECK;

/* ---- channel_in.c -------------------------------------------------------- */

int uvssh__on_channel_data(struct conn* c, rd_t* m) MUST_CHECK;
int uvssh__on_channel_extended_data(struct conn* c, rd_t* m) MUST_CHECK;
/* Begins to read; cb not inside this call. */
void uvssh__channel_read(struct channel* ch, uvssh_read_cb cb);
/* Gives the reader what is held, and the end where it has come. */
void uvssh__channel_deliver(struct channel* ch);
void uvssh__channel_tell_end(struct channel* ch, int status);
void uvssh__channel_drop_held(struct channel* ch);

/* ---- window.c ------------------------------------------------------------ */

/* The first is called once, and the second before the channel is freed. */
void uvssh__window_begin(struct channel* ch, uint32_t bytes);
void uvssh__window_end(struct channel* ch);
/* Of the peer, within window_in; not yet shown or held. */
void uvssh__window_arrived(struct channel* ch, uint32_t n);
/* By the reader, who is shown them next. */
void uvssh__window_consumed(struct channel* ch, size_t n);
/* What is due of credit leaves. */
void uvssh__window_give(struct channel* ch);

/* ---- channel_out.c ------------------------------------------------------- */

int uvssh__on_window_adjust(struct conn* c, rd_t* m) MUST_CHECK;
/* Seals from the queues, one packet a channel in turn, while it can. */
void uvssh__conn_pump(struct conn* c);
/* Completes the writes that the transport has taken. */
void uvssh__conn_written(struct conn* c);
/* Seals what can leave at once, past an empty queue; how much that was. */
size_t uvssh__channel_seal_now(struct channel* ch,
                               int stream,
                               const uint8_t* base,
                               size_t len);
void uvssh__channel_count_in(struct channel* ch, size_t n);
/* So much of this item goes, and the item where that is all, to make room for
 * what is queued next: on_drain waits until something leaves. */
void uvssh__channel_dropped(struct channel* ch,
                            struct item* item,
                            size_t n,
                            int is_done);
void uvssh__copy_release(struct copy* copy);
/* Of a write: bytes that are left; and on to the next buffer that has some. */
size_t uvssh__write_left(const struct request* r);
void uvssh__write_skip_empty(struct request* r);
/* channel_send.c: copies (or seals at once); never refuses for size. */
int uvssh__channel_queue_copy(struct channel* ch,
                              int stream,
                              const uint8_t* base,
                              size_t len) MUST_CHECK;
/* The same of bytes that lie in a full copy with an owner: given. A channel
 * that takes none any more drops them. */
void uvssh__channel_queue_given(struct conn* c,
                                uint32_t id,
                                struct copy* copy);
/* uvssh_channel_write() without session_bytes, on a live channel before EOF. */
int uvssh__channel_write(uvssh_req_t* req,
                         struct channel* ch,
                         int stream,
                         const uv_buf_t bufs[],
                         unsigned nbufs,
                         uvssh_req_cb cb) MUST_CHECK;
void uvssh__channel_queue_item(struct channel* ch,
                               struct item* item,
                               enum item_kind kind);
/* Everything but EXIT, EOF and CLOSE goes; lent writes with this status. */
void uvssh__channel_drop_queue(struct channel* ch, int status);

/* 1: less than `bound` is queued, and than session_bytes in all; `spare` bytes
 * of the channel's queue do not count. */
int uvssh__channel_has_room(const struct channel* ch,
                            size_t bound,
                            size_t spare);
/* The same, when all has left that can. 0: on_drain is owed. */
int uvssh__channel_may_queue(struct channel* ch, size_t bound);
/* Seals a payload at once, or queues it. owner: who may drop it, or NULL. */
int uvssh__channel_queue_payload(struct channel* ch,
                                 int stream,
                                 uvssh_payload_t* payload,
                                 struct membership* owner) MUST_CHECK;

/* ---- channel_shared.c ---------------------------------------------------- */

/* To the end of the queue; `done` bytes of it have left. 0, UV_ENOMEM. */
int uvssh__shared_add(struct channel* ch,
                      int stream,
                      uvssh_payload_t* payload,
                      size_t done,
                      struct membership* owner) MUST_CHECK;
size_t uvssh__shared_left(const struct shared* shared);
/* The next piece: small neighbours are put together in `room`. */
struct piece uvssh__shared_piece(const struct shared* shared,
                                 uint8_t* room,
                                 size_t max);
void uvssh__shared_advance(struct shared* shared, size_t n);
void uvssh__shared_free(struct shared* shared);
/* Of the payloads that `waiting` counts, which is not 0, the oldest goes. */
void uvssh__shared_drop_oldest(struct channel* ch, struct membership* owner);
/* Nobody drops them any more. */
void uvssh__shared_disown(struct membership* owner);

/* ---- group.c ------------------------------------------------------------- */

/* The channel ends: it leaves all groups. */
void uvssh__channel_leave_groups(struct channel* ch);

/* ---- relay.c ------------------------------------------------------------- */

/* Takes what the reader would get; n < 0: the end. */
void uvssh__relay_data(struct channel* from,
                       int stream,
                       const uint8_t* base,
                       ssize_t n);
/* What `to` had to send has become less: go on, or complete. */
void uvssh__relay_drained(struct channel* to);
/* One of the two ends: the request completes, the other goes on alone. */
void uvssh__relay_end(struct channel* from, int status);

/* ---- request.c, request_kinds.c ------------------------------------------ */

/* A request of the peer that wants an answer, in the order of its list. */
struct ask {
  struct queue link;
  struct question question;
  struct conn* conn;
  struct channel* channel;         /* NULL: global */
  struct buf extra;                /* global: what success says; at most one */
                                   /* ask of a session has some */
  int is_process;
  int verdict;                     /* 0 none yet, 1 yes, -1 no */
};

int uvssh__on_channel_request(struct conn* c, rd_t* m) MUST_CHECK;
int uvssh__on_channel_success(struct conn* c, rd_t* m) MUST_CHECK;
int uvssh__on_channel_failure(struct conn* c, rd_t* m) MUST_CHECK;
/* Opens a question for the user, or (verdict given) keeps its place in the
 * order. *out is NULL where the answer has left at once. */
int uvssh__ask_new(struct conn* c,
                   struct channel* ch,
                   int verdict,
                   struct ask** out) MUST_CHECK;
/* A global one's success, with what it says, behind those that wait; takes
 * `extra`. */
int uvssh__ask_succeed(struct conn* c, struct buf* extra) MUST_CHECK;
/* They are no longer wanted. */
void uvssh__asks_drop(struct queue* asks, unsigned* count);

struct request_kind {
  const char* name;
  uvssh_request_type type;
  unsigned flags;                  /* KIND_* */
  /* The fields behind want_reply. Text stays in place: see text_at(). */
  void (*read)(rd_t* m, uvssh_channel_request_t* ask);
  void (*write)(struct buf* m, const uvssh_channel_request_t* ask);
};

enum {
  KIND_TO_SERVER = 1,              /* who may be asked */
  KIND_TO_CLIENT = 2,
  KIND_PROCESS = 4,                /* one of shell, exec, subsystem */
  KIND_NO_REPLY = 8,
  KIND_REFUSED = 16                /* known, and not supported */
};

const struct request_kind* uvssh__request_kind(str_t name);   /* or NULL */
const struct request_kind* uvssh__request_kind_of(uvssh_request_type type);

/* A string that was read from a message, with a NUL behind it: moved one byte
 * towards its length field, which has been read. No copy, no allocation. */
static inline char* text_at(str_t s) {
  char* p;

  if (s.base == NULL)
    return (char*) (uintptr_t) "";
  p = (char*) (uintptr_t) s.base;
  memmove(p - 1, p, s.len);
  p[(ptrdiff_t) s.len - 1] = '\0';
  return p - 1;
}

/* ---- signal_name.c ------------------------------------------------------- */

/* "TERM"; a signal without a name there gets one of ours. Static text. */
const char* uvssh__signal_name(int signum);

/* ---- global.c ------------------------------------------------------------ */

int uvssh__on_global_request(struct conn* c, rd_t* m) MUST_CHECK;
int uvssh__on_request_success(struct conn* c, rd_t* m) MUST_CHECK;
int uvssh__on_request_failure(struct conn* c, rd_t* m) MUST_CHECK;
/* Begins one of ours; more fields may follow, then uvssh__send(). */
struct buf* uvssh__global_begin(struct conn* c,
                                const char* name,
                                int want_reply);
int uvssh__global_request(struct conn* c,
                          uvssh_req_t* req,
                          const uvssh_session_request_t* what,
                          uvssh_req_cb cb) MUST_CHECK;
/* Client: this server shall open no session channel any more. */
int uvssh__no_more_sessions(struct conn* c) MUST_CHECK;

/* ---- ping.c -------------------------------------------------------------- */

enum {                             /* item.kind in conn.requests: who asks */
  REQUEST_USER,
  REQUEST_PING,
  REQUEST_KEEPALIVE,
  REQUEST_PROOF
};

/* Asks whether the peer is alive, unless it was asked already. */
void uvssh__keepalive_send(struct conn* c);
int uvssh__ping(struct conn* c, uvssh_req_t* req, uvssh_req_cb cb) MUST_CHECK;
/* A keepalive of the library's, or a ping sent as one, was answered. */
void uvssh__keepalive_answered(struct conn* c, struct request* r);
/* Keys were exchanged: pings that came into it were not answered. */
void uvssh__pings_again(struct conn* c);
int uvssh__on_pong(struct conn* c, rd_t* m) MUST_CHECK;

/* ---- hostkeys_server.c, hostkeys_client.c -------------------------------- */

#define HOSTKEYS_TELL "hostkeys-00@openssh.com"
#define HOSTKEYS_PROVE "hostkeys-prove-00@openssh.com"

/* Behind the login. */
void uvssh__hostkeys_tell(struct conn* c);
/* The peer's two requests, what follows want_reply; the second one's has been
 * seen to be strings. */
int uvssh__on_hostkeys_prove(struct conn* c, rd_t* m) MUST_CHECK;
int uvssh__on_hostkeys(struct conn* c, rd_t* m) MUST_CHECK;
/* The answer to ours; NULL: no. */
int uvssh__hostkeys_answered(struct conn* c, rd_t* proofs) MUST_CHECK;
void uvssh__hostkeys_forget(struct conn* c);
/* What is signed for one key. */
void uvssh__hostkeys_signed_data(const struct transport* t,
                                 const uvssh_key_t* key,
                                 struct buf* data);

/* 1 while another message of the user's may be sent: not many wait for the
 * keys of an exchange, and one of the largest leaves room for replies. */
static inline int conn_takes_messages(const struct conn* c) {
  return c->transport->deferred_count < DEFERRED_MAX / 2 &&
         c->transport->deferred.len <
             DEFERRED_BYTES_MAX - DATA_MAX - REPLIES_ROOM &&
         c->transport->unsent_replies < REPLIES_MAX;
}

#endif
