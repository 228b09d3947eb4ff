/* loop.h: where sessions meet libuv.
 *
 *   loop.c       what all sessions of one uv_loop_t share; its turns
 *   pace.c       how long that holds the loop at a time
 *   alarm.c      timers; and the clock, where it is replaced
 *   attach.c     the one place where a session meets a transport and an alarm
 *   work.c       jobs: inline, in order, or on the thread pool
 *   stream.c     the transport over one or two uv_stream_t: reading, closing
 *   stream_posix.c, stream_win.c   ... and writing
 *   command.c    ... over those of a process
 *   command_posix.c, command_win.c   ... which a shell starts
 *   jump.c       the transport over a channel of another session
 *   server.c     sessions of a server, its end
 *   listen.c     its sockets
 *   listen_posix.c, listen_win.c   ... which several loops share
 *   accept.c     what is taken from them
 *   loops.c      several loops, each in a thread of its own
 *   source.c     where somebody comes from; tables by that
 *   limit.c      how many are not logged in yet, in all and by source
 *   penalty.c    who has failed too often to be let in
 *   client.c     the client's beginnings
 *   connect.c    from a host's name to a socket
 *   login.c      from there to a session that is logged in
 *   login_try.c  ... with which keys and passwords
 *   handle.c     what other threads send and post
 *   file.c       a file, whole
 *   key_file.c   keys on disk
 *   key_file_posix.c, key_file_win.c   ... and who may read them
 *   known_hosts_file.c   known_hosts on disk
 */
#ifndef UVSSH_LOOP_INTERNAL_H
#define UVSSH_LOOP_INTERNAL_H

#include "files/files.h"
#include "session/session.h"
#include "uvssh/client.h"
#include "uvssh/clock.h"
#include "uvssh/handle.h"
#include "uvssh/loops.h"
#include "uvssh/server.h"

#define READ_BUFFER (512 * 1024)   /* shared by a loop's sessions */
#define TURN_BYTES (512 * 1024)    /* most a session reads or writes a turn */
#define LOOK_BYTES (64 * 1024)     /* written: worth a look at the clock */

struct attach;

/* ---- source.c ------------------------------------------------------------ */

#define SOURCE_KEY 17              /* family (4, 6; 0: none), address */

struct node {                      /* first in whatever is in such a table */
  struct node* next;
  uint8_t key[SOURCE_KEY];
};

struct sources {
  struct node** bucket;
  unsigned size;                   /* a power of two; 0: none yet */
  unsigned count;
  uint8_t secret[TABLE_SECRET];
  uint64_t looked;                 /* at so many, so far; tests ask */
};

/* 1: it is an address; 0: none, and the key is 0. peer may be NULL. */
int uvssh__source_key(const uvssh_config_t* config,
                      const struct sockaddr* peer,
                      uint8_t key[SOURCE_KEY]);
void uvssh__sources_init(struct sources* t);
void uvssh__sources_free(struct sources* t);       /* what is in it stays */
struct node* uvssh__sources_find(struct sources* t,
                                 const uint8_t key[SOURCE_KEY]);
/* There is none with this key. 0 or UV_ENOMEM. */
int uvssh__sources_add(struct sources* t,
                       struct node* n,
                       const uint8_t key[SOURCE_KEY]) MUST_CHECK;
void uvssh__sources_remove(struct sources* t, struct node* n);

/* ---- loop.c -------------------------------------------------------------- */

struct line {                      /* jobs of one source */
  struct node node;                /* first */
  struct queue link;               /* of lane->ring, while there are some */
  struct queue jobs;
};

struct lane {                      /* jobs of one cost; bound: one a session */
  struct sources lines;
  struct queue ring;               /* struct line: whose turn is next */
  struct line common;              /* of those there was no memory for */
  unsigned waiting;
};

struct gate {                      /* who reads, where not all can in a turn */
  uint64_t round;                  /* counts them; each reads once in one */
  unsigned left_out;               /* since the loop has polled */
  int has_read;                    /* one at least, since then */
  int is_shut;                     /* somebody was left out before: now them */
};

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
  struct queue slow;               /* the same, behind these: they have */
                                   /* yielded */
  unsigned sessions;
  unsigned most_sessions;          /* of a crowd, until it has left */
  unsigned crowd;                  /* most since memory was last given back */
  unsigned given_back;             /* so often */
  unsigned depth;                  /* of callbacks of libuv, and within them */
  uint64_t late_at;                /* uv_hrtime(): the outermost has held the */
                                   /* loop for long enough; 0: not asked yet */
  struct gate gates[2];            /* of those logged in: [1] */
  unsigned reads;                  /* since the loop has polled; all three */
  uint64_t reads_began;            /* uv_hrtime(); 0: not asked yet */
  uint64_t reads_took;             /* ns, at the last look */
  uv_prepare_t prepare;
  uv_check_t check;
  uv_idle_t idle;                  /* runs while somebody is still dirty */
  unsigned handles;                /* of these three, not yet closed */
  /* jobs */
  struct lane lanes[COSTS];
  unsigned next_lane;
  unsigned waiting;                /* in all lanes */
  uint64_t jobs_begun;             /* counts them */
  unsigned away;                   /* on the thread pool; at most AWAY_MAX */
  unsigned errands;                /* resolvers and key files, there too */
  unsigned inline_jobs;            /* this turn */
  int has_clock;                   /* 0: libuv's, and no alarm is listed */
  int clock_holds;                 /* it is one of refs */
  uint64_t clock;
  struct queue alarms;             /* struct alarm, by time */
  /* handles; made with the first one */
  int has_mail;
  uv_async_t async;
  uv_mutex_t mail_lock;
  struct queue mail;               /* uvssh_handle_t: something waits there */
};

int uvssh__loop_get(uv_loop_t* uv, struct loop** loop) MUST_CHECK;
void uvssh__loop_put(struct loop* loop);
/* Somebody is dirty: the loop neither rests nor sleeps before its turn, even
 * where no handle of a transport keeps it going. */
void uvssh__loop_wake(struct loop* loop);
/* NULL: it has no server and no session. */
struct loop* uvssh__loop_find(const uv_loop_t* uv);
static inline uint64_t loop_now(const struct loop* loop) {
  return loop->has_clock ? loop->clock : uv_now(loop->uv);
}
/* Around all that a callback of libuv has us do: its time begins. */
static inline void loop_begin(struct loop* loop) {
  if (loop->depth++ == 0)
    loop->late_at = 0;
}
static inline void loop_end(struct loop* loop) {
  loop->depth--;
}
static inline int loop_has_dirty(const struct loop* loop) {
  return !queue_empty(&loop->dirty) || !queue_empty(&loop->slow);
}

/* ---- pace.c -------------------------------------------------------------- */

/* 1: a callback has had its time. The first question starts it. */
int uvssh__loop_is_late(struct loop* loop);
/* The loop is about to poll. */
void uvssh__reads_begin(struct loop* loop);
/* 1: now; 0: libuv is to ask again after the next poll. */
int uvssh__may_read(struct attach* a);
/* The clock of these, uv_hrtime(); tests put one of their own in its place. */
extern uint64_t (*uvssh__loop_hrtime)(void);

/* ---- alarm.c ------------------------------------------------------------- */

struct alarm;
typedef void (*alarm_cb)(struct alarm* alarm);

struct alarm {
  struct loop* loop;
  uv_timer_t timer;
  struct queue link;               /* of loop->alarms */
  uint64_t due;                    /* UINT64_MAX: not set */
  alarm_cb cb;
  int is_calling;                  /* cb is on the stack, by libuv's timer */
  alarm_cb closed;
};

void uvssh__alarm_init(struct loop* loop, struct alarm* alarm, alarm_cb cb);
/* due: in loop_now()'s time, UINT64_MAX: never. Replaces what was set. The
 * callback comes once, from the loop, never inside this call. */
void uvssh__alarm_start(struct alarm* alarm, uint64_t due);
void uvssh__alarm_stop(struct alarm* alarm);
/* Once; `closed` comes from the loop, and the memory is free in it. */
void uvssh__alarm_close(struct alarm* alarm, alarm_cb closed);
/* Calls back what is due by a replaced clock; 1: something is. */
void uvssh__alarms_turn(struct loop* loop);
int uvssh__alarms_wait(const struct loop* loop);

/* ---- handle.c ------------------------------------------------------------ */

/* The session goes: what its handles hold is done, or dropped. */
void uvssh__handle_detach(uvssh_handle_t* handle);
/* The loop goes, its async is closed, and no handle is attached to it. */
void uvssh__mail_free(struct loop* loop);

/* ---- work.c -------------------------------------------------------------- */

void uvssh__work_init(struct loop* loop);
void uvssh__work_free(struct loop* loop);
/* 1: it has run. source: who asks, for fairness. */
int uvssh__work_submit(struct loop* loop,
                       struct job* job,
                       const uint8_t source[SOURCE_KEY]);
/* Starts what waits, at most so much a turn. */
void uvssh__work_turn(struct loop* loop);
/* 1 while jobs wait for no more than a turn. */
int uvssh__work_waits(const struct loop* loop);
/* The last session has gone: what waits frees itself. */
void uvssh__work_drop(struct loop* loop);

/* ---- stream.c ------------------------------------------------------------ */

/* Over these two, which may be one, with these functions. */
void uvssh__stream_open(uvssh_transport_t* t,
                        uv_stream_t* in,
                        uv_stream_t* out,
                        const uvssh_transport_ops_t* ops);
int uvssh__stream_read_start(uvssh_transport_t* t);
int uvssh__stream_read_stop(uvssh_transport_t* t);
/* Closes both, and waits for so many parts more. */
void uvssh__stream_close(uvssh_transport_t* t, unsigned more);
/* One of all these parts is closed; after the last one closed is said. */
void uvssh__stream_part_closed(uvssh_transport_t* t);

/* stream_posix.c, stream_win.c: before the first write; the op; and its end. */
void uvssh__stream_write_open(uvssh_transport_t* t);
int uvssh__stream_write(uvssh_transport_t* t,
                        const uv_buf_t bufs[],
                        unsigned nbufs);
/* Stops writing; uvssh__stream_part_closed() follows, maybe at once. */
void uvssh__stream_write_close(uvssh_transport_t* t);

/* ---- command.c, command_posix.c, command_win.c --------------------------- */

struct command;

/* What came from the streams of a command has been fed. */
void uvssh__command_fed(struct command* command);
/* All its parts are closed. */
void uvssh__command_free(struct command* command);
/* command_posix.c, command_win.c: starts it; in: its output, out: its input.
 * After a failure process->type says whether it is to be closed. */
int uvssh__command_spawn(const char* command,
                         uv_loop_t* loop,
                         uv_process_t* process,
                         uv_pipe_t* in,
                         uv_pipe_t* out,
                         uv_exit_cb cb) MUST_CHECK;
/* 1 while the stream may hold bytes that were not read. */
int uvssh__command_holds(const uv_stream_t* in);

/* ---- jump.c, and the reserved words of a transport ----------------------- */

struct carry;

struct transport_words {
  struct attach* attach;           /* set while a session runs over it */
  union {
    struct {                       /* stream, pair, command */
      uv_stream_t* in;
      uv_stream_t* out;
      void* writer;                /* a write that waits for room */
      uintptr_t closing;           /* parts that are not closed yet */
      struct command* command;     /* NULL: none */
    };
    struct {                       /* channel */
      struct holder holder;        /* of the channel */
      struct channel* channel;     /* NULL: it has gone, or we have */
      struct carry* carry;         /* the write; made with the first one */
      intptr_t end;                /* what ended it, or 0 */
    };
  };
};

_Static_assert(sizeof(struct transport_words) <=
                   sizeof(((uvssh_transport_t*) 0)->reserved),
               "a transport's state must fit its reserved words");

/* The others are for whoever wrote the transport: lib/test/pipe.c, too. */
_Static_assert(offsetof(struct transport_words, attach) == 0,
               "of any transport only the first word is a session's");

static inline struct transport_words* words_of(const uvssh_transport_t* t) {
  return (struct transport_words*) (uintptr_t) t->reserved;
}

/* ---- file.c -------------------------------------------------------------- */

/* A descriptor, mode 0600 where it is made; or a code. Flags: UV_FS_O_*. */
int uvssh__file_open(const char* path, int flags);
int uvssh__file_close(int file);
/* Appends all that is left of it; UV_EFBIG: then text has more than max. */
int uvssh__file_read(int file, struct buf* text, size_t max) MUST_CHECK;
/* All of it, and until the disk has it. */
int uvssh__file_write(int file, str_t text) MUST_CHECK;
/* Makes the file complete beside its place, mode 0600; publish() moves or links
 * it there, and what is left of it beside goes. */
int uvssh__file_make(const char* path,
                     str_t text,
                     int (*publish)(const char* made, const char* path))
    MUST_CHECK;

/* ---- key_file_posix.c, key_file_win.c ------------------------------------ */

/* UV_EPERM where others than the owner may read this file. */
int uvssh__key_file_check(const char* path) MUST_CHECK;

/* ---- attach.c ------------------------------------------------------------ */

enum place {                       /* how far somebody is, for limit.c */
  PLACE_OVER,                      /* it ends */
  PLACE_IDENT,
  PLACE_KEX,
  PLACE_AUTH,
  PLACE_ASKED,                     /* the user thinks about him */
  PLACES
};

struct source {                    /* whom an address counts for */
  uint8_t key[SOURCE_KEY];
  struct origin* origin;           /* while it counts */
  enum place place;
  struct queue link;               /* of those in the same place */
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
  struct alarm alarm;              /* its next deadline, or earlier */
  struct queue dirty;              /* on loop->dirty, or ->slow */
  int is_dirty;
  int reading;
  int writing;
  int closing;
  int open_parts;                  /* closing: so many must tell their end */
  int running;                     /* its turn is on the stack */
  uint64_t round;                  /* it has read last in; of its gate */
  uint64_t turn;                   /* the loop's, of the counts below */
  size_t turn_in;
  size_t turn_out;
  uvssh_handle_t* handle;          /* NULL: none was made */
  struct connecting* connecting;   /* client: not NULL while it does */
  struct candidate* winner;        /* client: its socket is under `own` */
  struct client_login* login;      /* client: not NULL while it does */
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
/* What it runs over is closed: now the rest. */
void uvssh__attach_closed(struct attach* a);
/* The write that is under way, if any, has failed, and no other will do; what
 * has come is still read, and its end is sure to come. NULL is fine. */
void uvssh__attach_unwritable(struct attach* a);
/* Bytes that may still be read this turn. */
size_t uvssh__attach_budget(struct attach* a);
/* Somebody else has taken its place: it is told so, and closed, unless it has
 * logged in meanwhile. */
void uvssh__attach_evict(struct attach* a);

static inline struct attach* attach_of(const uvssh_session_t* pub) {
  return (struct attach*) pub->impl;
}

/* ---- connect.c ----------------------------------------------------------- */

/* 0, or the code of a start that cannot be; a: or NULL. */
int uvssh__client_may_start(const struct attach* a) MUST_CHECK;
/* These three only while a->connecting: what is due; when next, or UINT64_MAX;
 * gives up, and calls uvssh__attach_closed() when nothing is left. */
void uvssh__connecting_turn(struct attach* a);
uint64_t uvssh__connecting_deadline(const struct attach* a);
void uvssh__connecting_close(struct attach* a);

/* ---- login.c, login_try.c ------------------------------------------------ */

enum { LOGIN_ATTEMPTS = 64, LOGIN_IDENTITIES = 64, LOGIN_TEXT = 16 * 1024 };

struct client_login {
  struct attach* attach;
  uvssh_req_t* req;                /* the caller's */
  uvssh_req_t step;                /* ours, of one function at a time */
  int stepping;                    /* it is out */
  char* host;
  int port;
  char* user;
  uvssh_known_hosts_t* hosts;
  uvssh_key_t* keys[LOGIN_IDENTITIES];
  unsigned key_count;
  unsigned next_key;
  char* files[LOGIN_IDENTITIES];
  unsigned file_count;
  unsigned next_file;
  uvssh_key_t* tried[LOGIN_ATTEMPTS];  /* none of them again */
  unsigned tried_count;
  char* password;                  /* given, and not tried yet */
  unsigned attempts;
  int is_password;                 /* the last one */
  unsigned prompts;                /* asked so far */
  int no_password;                 /* none is given, and none asked for */
  unsigned methods;                /* that can continue */
  int last;                        /* how the last attempt went */
  struct errand* errand;           /* NULL: none is away */
  struct question question;        /* the password */
  void (*on_hostkey)(uvssh_session_t*, uvssh_key_t*, uvssh_host_verdict,
                     uvssh_reply_t);
};

static inline struct session* login_session(const struct client_login* l) {
  return &l->attach->session;
}

/* *list: as uvssh__known_hosts_order(), to be freed. */
int uvssh__known_hosts_prefer(const uvssh_known_hosts_t* hosts,
                              const char* host,
                              int port,
                              const char** list) MUST_CHECK;

/* The session goes, and a->login with it. */
void uvssh__login_end(struct attach* a);
/* The caller is told, and l is freed. The step is not out any more. */
void uvssh__login_finish(struct client_login* l, int status);
/* ... and the session ends with this, where it does not end already. */
void uvssh__login_give_up(struct client_login* l, int err);
/* The host is the right one: logs in. */
void uvssh__login_try(struct client_login* l);
/* What is away, or asked, comes back to nobody. */
void uvssh__login_stop_trying(struct client_login* l);

/* ---- limit.c, penalty.c -------------------------------------------------- */

#define RANKS 32                   /* crowds above this count as this */

/* Bound: preauth_total. */
struct limit {
  struct sources origins;          /* struct origin */
  struct queue rank[PLACES][RANKS];  /* struct crowd, by size less one */
  unsigned in_place[PLACES];
  unsigned count;                  /* sessions that are not logged in */
  uint64_t nameless;               /* without an address, so far */
};

void uvssh__limit_init(struct limit* l);
void uvssh__limit_free(struct limit* l);
/* s->key is set, or 0. 0, and *out is who must go for it (he counts no more),
 * or NULL; UVSSH_ELIMIT: one more from there is too many; UV_ENOMEM. */
int uvssh__limit_enter(struct limit* l,
                       const uvssh_config_t* config,
                       struct source* s,
                       struct source** out) MUST_CHECK;
/* Both harmless where it does not count. */
void uvssh__limit_move(struct limit* l, struct source* s, enum place place);
void uvssh__limit_leave(struct limit* l, struct source* s);

struct penalty;

/* Bound: penalty_sources. */
struct penalties {
  struct sources table;            /* struct penalty */
  struct penalty** heap;
  unsigned cap;
};

void uvssh__penalties_init(struct penalties* t);
void uvssh__penalties_free(struct penalties* t);
/* 1: nobody from there is let in now. */
int uvssh__penalty_bites(struct penalties* t,
                         const uint8_t key[SOURCE_KEY],
                         uint64_t now);
void uvssh__penalty_add(struct penalties* t,
                        const uvssh_config_t* config,
                        const uint8_t key[SOURCE_KEY],
                        uint64_t ms,
                        uint64_t now);
/* A session of it ends: what does that cost its source? */
void uvssh__penalty_judge(struct server* server, const struct attach* a);

/* ---- server.c, listen.c, accept.c ---------------------------------------- */

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
  union {                          /* for what there is no memory for */
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } spare;
  int spare_used;                  /* until it is closed */
  int owed;                        /* one more waits to be turned away */
  unsigned held;                   /* so many wait for the next turn */
  uint64_t since;                  /* that they do: one of server->holds */
  int gone;                        /* closed: only the spare is waited for */
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
  struct limit limit;
  struct penalties penalties;
  uint64_t turn;                   /* the loop's, of the count below */
  unsigned taken;                  /* from the listeners */
  uint64_t holds;                  /* counts who of these had to wait */
  struct alarm alarm;              /* shutdown's deadline; before that: the */
                                   /* next turn, for who is held */
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
/* A new turn: those that were held go on. */
void uvssh__listeners_resume(struct server* server);
/* A connection waits, or could not be taken. */
void uvssh__listener_heard(uv_stream_t* stream, int status);
/* Its memory goes, once it and its spare are closed. */
void uvssh__listener_release(struct listener* l);

/* An address that several loops listen on. */
struct share {
  int port;
  int has_socket;                  /* one for all of them: the kernel does not */
  uv_os_sock_t socket;             /* spread connections over several */
};

/* As uvssh_server_listen(), for the first of these loops, which tells how; and
 * for the others. The share is closed when no other is to come. */
int uvssh__listen_first(uvssh_server_t* server,
                        const char* host,
                        int port,
                        uvssh_connection_cb cb,
                        struct share* share) MUST_CHECK;
int uvssh__listen_next(uvssh_server_t* server,
                       const char* host,
                       const struct share* share,
                       uvssh_connection_cb cb) MUST_CHECK;
void uvssh__listen_end(struct share* share);

/* ---- listen_posix.c, listen_win.c ---------------------------------------- */

/* Before it is bound: the kernel spreads connections over all sockets of this
 * address that said so. UV_ENOTSUP: it does not. */
int uvssh__socket_share(const uv_tcp_t* tcp) MUST_CHECK;
/* The same socket, once more; UV_ENOTSUP: there is no such thing. */
int uvssh__socket_copy(const uv_handle_t* handle,
                       uv_os_sock_t* copy) MUST_CHECK;
int uvssh__socket_open(uv_tcp_t* tcp, uv_os_sock_t socket) MUST_CHECK;
void uvssh__socket_close(uv_os_sock_t socket);

#endif
