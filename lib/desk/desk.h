/* desk.h: what all rooms of one session share, and what leaves a session and
 * comes back: questions to the user, jobs for the thread pool, sealed bytes.
 *
 *   question.c   ask, answer in any order and from any callback, expire
 *   reply.c      the public uvssh_reply_*: finds the question, hands over
 *   request.c    the caller's uvssh_req_t, and its completion from the loop
 *   job.c        slow crypto leaves, runs on any thread, comes back
 *   pool.c       output blocks and the scratch buffer that a loop's sessions
 *                share
 *   config.c     defaults, and copies
 *   config_check.c  what can be, and what lists of algorithms mean
 *
 * The rooms below the loop know nothing of it but `struct desk_ops`, which
 * the loop, or a test, fills in. See docs/design/decisions.md, "The desk".
 */
#ifndef UVSSH_DESK_H
#define UVSSH_DESK_H

#include "key/key.h"
#include "uvssh/reply.h"
#include "uvssh/channel.h"

struct desk;
struct job;

/* ---- upwards: what a session needs of whoever runs it -------------------- */

struct desk_ops {
  /* There is something to do: call uvssh__session_turn() soon. May come often,
   * and from inside the user's calls: it must not run anything itself. */
  void (*wake)(struct desk* desk);
  /* Run this job, now or later. 1: it has run, inside this call; 0: it comes
   * back through uvssh__session_job(). */
  int (*submit)(struct desk* desk, struct job* job);
  /* Milliseconds from any beginning; never goes back. */
  uint64_t (*now)(const struct desk* desk);
  /* 1: whoever is on the stack has held the loop for long enough; the rest is
   * for a later turn. Asked between messages. NULL: it never has. */
  int (*is_late)(const struct desk* desk);
};

/* ---- pool.c -------------------------------------------------------------- */

/* Sealed bytes on their way. Eight packets of 32 KiB fit a big one (writes of
 * that size measured best, docs/design/datapath.md); small ones carry the
 * replies and keystrokes of idle sessions. */
struct block {
  struct block* next;
  size_t cap;
  size_t len;
  uint8_t* data;
};

#define BLOCK_SMALL 4000
#define BLOCK_BIG (8 * (32 * 1024 + 64) + 1024)

/* One a loop. Bounds: POOL_KEEP_* blocks of each size wait for reuse. */
struct pool {
  struct block* small;
  struct block* big;
  unsigned small_count;
  unsigned big_count;
  struct buf scratch;              /* the message that is being written */
};

void uvssh__pool_init(struct pool* pool);
void uvssh__pool_free(struct pool* pool);
struct block* uvssh__block_get(struct pool* pool, size_t room); /* or NULL */
void uvssh__block_put(struct pool* pool, struct block* block);

/* ---- the desk ------------------------------------------------------------ */

struct desk {                      /* one a session */
  uvssh_session_t* pub;            /* the user's object */
  uvssh_session_handlers_t on;
  uvssh_config_t config;           /* strings belong to the server or session */
  struct log log;
  const struct desk_ops* ops;
  struct slots* slots;             /* of the loop */
  struct pool* pool;               /* of the loop */
  int is_server;
  int logged_in;                   /* authentication has succeeded */
  int traced;                      /* each packet is told of */
  int leaving;                     /* disconnect() was called: nothing new */
  int ended;                       /* ENDED_*: nothing more is asked or sent */
  int failed;                      /* what a room without a way to return it */
                                   /* ran into; the session ends with it */
  struct job* job;                 /* away; input waits for it */
  struct queue done;               /* struct request: callbacks that are due */
  struct queue questions;          /* struct question; at most */
                                   /* QUESTIONS_MAX */
  unsigned question_count;
  uint64_t queued;                 /* bytes in all write queues */
  uint64_t reserved;               /* bytes that peers may make us hold */
};

enum {
  ENDED_WIRE = 1,                  /* readers may go on with what is held */
  ENDED                            /* nothing is told any more, but for the */
                                   /* ends of what is pending */
};

#define QUESTIONS_MAX 320          /* all channels may ask, and then some */

static inline uint64_t desk_now(const struct desk* d) {
  return d->ops->now(d);
}

static inline void desk_wake(struct desk* d) {
  d->ops->wake(d);
}

/* A clock is not read for every message; but a message may be a hundred, where
 * the user sends it to a room full of people. */
#define LATE_STRIDE 4

/* count: of the caller's, so far. */
static inline int desk_is_late(const struct desk* d, unsigned count) {
  return count % LATE_STRIDE == 0 && d->ops->is_late != NULL &&
         d->ops->is_late(d);
}

/* The first failure counts. */
static inline void desk_fail(struct desk* d, int err) {
  if (d->failed == 0)
    d->failed = err;
  desk_wake(d);
}

/* ---- question.c ---------------------------------------------------------- */

enum answer_kind {
  ANSWER_ACCEPT,
  ANSWER_REJECT,
  ANSWER_PARTIAL,
  ANSWER_PROMPT,
  ANSWER_ANSWERS,
  ANSWER_SIGNATURE,
  ANSWER_CHANNEL,
  ANSWER_NO_CHANNEL
};

struct answer {
  enum answer_kind kind;
  unsigned number;                 /* PARTIAL: methods; NO_CHANNEL: reason; */
                                   /* ANSWERS: count */
  const char* text;                /* NO_CHANNEL */
  const uvssh_prompts_t* form;     /* PROMPT */
  const char* const* answers;      /* ANSWERS */
  str_t signature;                 /* SIGNATURE */
  uvssh_channel_t* channel;        /* CHANNEL */
  const uvssh_channel_handlers_t* handlers;
};

/* Embedded in whatever asks. Open while reply.serial is not 0. The answer
 * function looks at the kind first: UV_EINVAL leaves the question open;
 * otherwise it closes the question and acts. It never calls the user. */
struct question {
  struct queue link;
  struct desk* desk;
  void* owner;                     /* for the answer function */
  uvssh_reply_t reply;
  uint64_t deadline;               /* 0: none */
  int (*answer)(struct question* q, const struct answer* a);
};

/* Opens q; q->reply is what the user gets. UVSSH_ELIMIT, UV_ENOMEM. */
int uvssh__question_open(struct question* q,
                         struct desk* desk,
                         int (*answer)(struct question*, const struct answer*))
    MUST_CHECK;
/* It can no longer be answered. Closing twice is harmless. */
void uvssh__question_close(struct question* q);
static inline int question_is_open(const struct question* q) {
  return q->reply.serial != 0;
}
/* Answers no for the user where the time is up. */
void uvssh__questions_expire(struct desk* desk);
uint64_t uvssh__questions_deadline(const struct desk* desk); /* or UINT64_MAX */

/* ---- request.c ----------------------------------------------------------- */

/* The head of whatever stands in a queue. */
struct item {
  struct queue link;
  uint8_t kind;                    /* the queue's own */
  uint8_t stream;
  uint16_t count;                  /* bufs of a write, and the first that is */
  uint16_t at;                     /* not done */
};

/* What lies in the reserved words of a uvssh_req_t. */
struct request {
  struct item item;                /* on the list of whoever completes it */
  uvssh_req_cb cb;
  char* text;                      /* ours; shown to the callback */
  size_t end;                      /* a write: due when so much was written; */
                                   /* goes round on 32 bits, so differences */
                                   /* count. No wider: the words are aligned */
                                   /* for pointers */
  uv_buf_t* bufs;                  /* a write: what is left, from `at` on */
  uv_buf_t one;                    /* bufs, where there is only one */
  int status;
  uint32_t began;                  /* a ping: when; ms. Its number is `end`, */
                                   /* and `count` the exchange of keys behind */
                                   /* which it left */
};

_Static_assert(sizeof(struct request) <= sizeof(((uvssh_req_t*) 0)->reserved),
               "a request must fit its reserved words");

static inline struct request* request_of(uvssh_req_t* req) {
  return (struct request*) (void*) req->reserved;
}

static inline uvssh_req_t* req_of(struct request* r) {
  return CONTAINER_OF(r, uvssh_req_t, reserved);
}

/* Ours from here until its callback. */
void uvssh__request_begin(uvssh_req_t* req,
                          struct desk* desk,
                          uvssh_channel_t* channel,
                          uvssh_req_cb cb);
/* Its callback is due; it may be on any list. Text of the peer is escaped. */
void uvssh__request_done(struct desk* desk, uvssh_req_t* req, int status);
void uvssh__request_text(uvssh_req_t* req, str_t text);
/* Calls back what is due, in order. */
void uvssh__requests_run(struct desk* desk);

/* ---- job.c --------------------------------------------------------------- */

/* Made by a room, with copies of all that it needs. run() may be on any thread
 * and touches the job alone; done() is on the loop again and not called when
 * the session has ended meanwhile; dispose() always comes last. */
struct job {
  struct queue link;               /* of whoever runs it */
  struct desk* desk;               /* NULL: the session has gone */
  enum cost cost;
  int status;                      /* what run() came to */
  void (*run)(struct job* job);
  int (*done)(struct job* job);    /* a failure ends the session */
  void (*dispose)(struct job* job);
};

/* At most one a session: input waits until it is back. 0, or done()'s result
 * where it could run at once. */
int uvssh__job_submit(struct desk* desk, struct job* job) MUST_CHECK;
/* The session goes; the job frees itself when it is back. */
void uvssh__job_cancel(struct desk* desk);
/* Back on the loop: done() and dispose(). */
int uvssh__job_finish(struct job* job) MUST_CHECK;

/* ---- config_check.c ------------------------------------------------------ */

/* 0; or UV_EINVAL, and the reason in words. */
int uvssh__config_check(const uvssh_config_t* config,
                        int is_server,
                        uvssh_text_error_t* error) MUST_CHECK;

enum { CONFIG_LISTS = 5 };

struct config_lists {
  char text[CONFIG_LISTS][PREFS_MAX];
};

/* Every list that is not NULL becomes what it comes to, in `room`; UV_EINVAL
 * as above. */
int uvssh__config_plain(uvssh_config_t* config,
                        int is_server,
                        struct config_lists* room,
                        uvssh_text_error_t* error) MUST_CHECK;

/* ---- config.c ------------------------------------------------------------ */

/* As uvssh__config_check(); the reason goes into the log. */
int uvssh__config_check_log(const uvssh_config_t* config,
                            int is_server,
                            const struct log* log) MUST_CHECK;
/* A copy that owns its strings, with plain lists; in == NULL: the defaults.
 * Checks, too. */
int uvssh__config_copy(uvssh_config_t* out,
                       const uvssh_config_t* in,
                       int is_server) MUST_CHECK;
void uvssh__config_free(uvssh_config_t* config);
/* Takes from `in` what may change while a session runs. */
void uvssh__config_update(uvssh_config_t* config, const uvssh_config_t* in);

#endif
