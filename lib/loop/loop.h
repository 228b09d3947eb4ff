/* loop.h: where sessions meet libuv.
 *
 *   loop.c       what all sessions of one uv_loop_t share; its turns
 *   attach.c     the one place where a session meets a transport and a timer
 *   work.c       jobs: inline, in order, or on the thread pool
 *   stream.c     the transport over a uv_stream_t: reading, closing
 *   stream_posix.c, stream_win.c   ... and writing
 *   server.c     sessions of a server, its end
 *   listen.c     its sockets, and what is accepted from them
 *   limit.c      how many are not logged in yet, in all and by source
 *   client.c     the client's beginnings
 *   key_file.c   keys on disk
 *   key_file_posix.c, key_file_win.c   ... and who may read them
 */
#ifndef UVSSH_LOOP_INTERNAL_H
#define UVSSH_LOOP_INTERNAL_H

#include "session/session.h"
#include "uvssh/client.h"
#include "uvssh/server.h"

#define READ_BUFFER (512 * 1024)   /* shared by a loop's sessions */
#define TURN_BYTES (512 * 1024)    /* most a session reads or writes a turn */
#define SOURCES 64                 /* queues of jobs, by source */

struct attach;

/* ---- loop.c -------------------------------------------------------------- */

/* One a uv_loop_t, from its first server or session to its last. */
struct loop {
  struct queue link;               /* of all loops */
  uv_loop_t* uv;
  unsigned refs;
  struct slots* slots;
  struct pool pool;
  char* read_buffer;               /* made at the first read */
  uint64_t turn;                   /* counts them */
  struct queue dirty;              /* struct attach: to be run this turn */
  uv_prepare_t prepare;
  uv_check_t check;
  uv_idle_t idle;                  /* runs while somebody is still dirty */
  unsigned handles;                /* of these three, not yet closed */
  /* jobs */
  struct queue jobs[SOURCES];
  unsigned waiting;                /* in these queues */
  unsigned waiting_light;          /* of them */
  unsigned next_source;
  unsigned away;                   /* on the thread pool; at most AWAY_MAX */
  unsigned inline_jobs;            /* this turn */
};

int uvssh__loop_get(uv_loop_t* uv, struct loop** loop) MUST_CHECK;
void uvssh__loop_put(struct loop* loop);
/* Somebody is dirty: the loop neither rests nor sleeps before its turn, even
 * where no handle of a transport keeps it going. */
void uvssh__loop_wake(struct loop* loop);
static inline uint64_t loop_now(const struct loop* loop) {
  return uv_now(loop->uv);
}

/* ---- work.c -------------------------------------------------------------- */

/* 1: it has run. source: who asks, for fairness. */
int uvssh__work_submit(struct loop* loop, struct job* job, unsigned source);
/* Starts what waits, at most so much a turn. */
void uvssh__work_turn(struct loop* loop);
/* 1 while jobs wait for no more than a turn. */
int uvssh__work_waits(const struct loop* loop);
/* The last session has gone: what waits frees itself. */
void uvssh__work_drop(struct loop* loop);

/* ---- stream.c ------------------------------------------------------------ */

/* stream_posix.c, stream_win.c: before the first write; the op; and its end. */
void uvssh__stream_write_open(uvssh_transport_t* t);
int uvssh__stream_write(uvssh_transport_t* t,
                        const uv_buf_t bufs[],
                        unsigned nbufs);
/* Stops writing; uvssh__stream_write_closed() follows, maybe at once. */
void uvssh__stream_write_close(uvssh_transport_t* t);
void uvssh__stream_write_closed(uvssh_transport_t* t);

/* The reserved words of a transport. */
struct transport_words {
  struct attach* attach;           /* set while a session runs over it */
  uv_stream_t* stream;
  void* writer;                    /* a write that waits for room */
  uintptr_t closing;               /* parts that are not closed yet */
};

_Static_assert(sizeof(struct transport_words) <=
                   sizeof(((uvssh_transport_t*) 0)->reserved),
               "a transport's state must fit its reserved words");

static inline struct transport_words* words_of(const uvssh_transport_t* t) {
  return (struct transport_words*) (uintptr_t) t->reserved;
}

/* ---- key_file_posix.c, key_file_win.c ------------------------------------ */

/* UV_EPERM where others than the owner may read this file. */
int uvssh__key_file_check(const char* path) MUST_CHECK;

/* ---- attach.c ------------------------------------------------------------ */

struct source {                    /* whom an address counts for */
  struct queue link;               /* of a bucket, while not logged in */
  uint8_t key[17];                 /* family, prefix */
  int counted;
};

struct attach {
  struct session session;          /* first: one block for all of it */
  struct loop* loop;
  uvssh_transport_t* transport;    /* NULL: none yet */
  uvssh_transport_t own;           /* of an accepted connection */
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } socket;
  uv_timer_t timer;
  uint64_t armed;                  /* for when; UINT64_MAX: not */
  struct queue dirty;              /* on loop->dirty */
  int is_dirty;
  int reading;
  int writing;
  int closing;
  int running;                     /* its turn is on the stack */
  uint64_t turn;                   /* the loop's, of the counts below */
  size_t turn_in;
  size_t turn_out;
  struct server* server;           /* NULL in a client */
  struct queue of_server;          /* on server->sessions */
  struct source source;
  uvssh_config_t own_config;       /* client: owns its strings */
};

/* A session that is not started; the config's strings must outlive it. */
int uvssh__attach_new(struct loop* loop,
                      const uvssh_config_t* config,
                      struct attach** out) MUST_CHECK;
/* Gives it to the user: his object, his handlers. */
int uvssh__attach_bind(struct attach* a,
                       uvssh_session_t* pub,
                       const uvssh_session_handlers_t* handlers,
                       const struct hostkeys* hostkeys) MUST_CHECK;
void uvssh__attach_start(struct attach* a, uvssh_transport_t* transport);
/* Before bind, or where it failed. */
void uvssh__attach_free(struct attach* a);
/* Runs what is due, writes, reads or not, sets the timer, closes. */
void uvssh__attach_turn(struct attach* a);
/* Bytes that may still be read this turn. */
size_t uvssh__attach_budget(struct attach* a);

static inline struct attach* attach_of(const uvssh_session_t* pub) {
  return (struct attach*) pub->impl;
}

/* ---- server.c, listen.c, limit.c ----------------------------------------- */

struct listener {
  struct queue link;
  struct server* server;
  uvssh_connection_cb cb;
  uv_stream_t* stream;             /* ours below, or the user's */
  int is_ours;
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
  } own;
};

struct server {
  uvssh_server_t* pub;
  struct loop* loop;
  uvssh_config_t config;           /* owns its strings */
  struct log log;
  struct hostkeys hostkeys;
  struct queue listeners;
  struct queue sessions;           /* struct attach */
  struct attach* pending;          /* accepted, and not by the user yet */
  unsigned preauth;                /* sessions that are not logged in */
  struct queue sources[SOURCES];   /* struct source: of these sessions */
  uv_timer_t timer;                /* shutdown's deadline */
  int draining;                    /* shutdown was called */
  int closing;                     /* close was called */
  unsigned handles;                /* not yet closed */
  uvssh_server_cb on_drained;
  uvssh_server_cb on_closed;
};

/* NULL where it is not open. */
struct server* uvssh__server_of(const uvssh_server_t* pub);
/* A session's on_close has come. */
void uvssh__server_left(struct server* server);
void uvssh__server_handle_closed(struct server* server);
void uvssh__listeners_close(struct server* server);

/* 0, or UVSSH_ELIMIT: one more from there is too many. */
int uvssh__limit_enter(struct server* server,
                       struct source* source,
                       const struct sockaddr* peer) MUST_CHECK;
void uvssh__limit_leave(struct server* server, struct source* source);

#endif
