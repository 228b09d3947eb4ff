/* pipe.h: two sessions joined in memory, or one joined to a script (peer.h).
 *
 * There is no loop, no socket and no clock: the test carries the bytes, in
 * pieces of a size it chooses, runs the jobs when it wants to, and time is a
 * variable. What libuv does for a session in lib/loop/attach.c, this does.
 *
 *   struct pipe p;
 *   pipe_init(&p);
 *   CHECK_EQ(pipe_server(&p, NULL, &server_handlers), 0);
 *   CHECK_EQ(pipe_client(&p, NULL, &client_handlers), 0);
 *   p.server.chunk = 7;              client receives 7 bytes at a time
 *   pipe_run(&p);                    until nothing moves any more
 *   pipe_sleep(&p, 300);             ... and for 300 ms of its time
 *   pipe_free(&p);                   closes what is open
 *
 * The public functions work on p.server.pub and p.client.pub. Each piece is fed
 * from a block of its very size that is freed at once, so a sanitizer sees who
 * reads beyond it or keeps it. A session's memory is spoilt once it is closed.
 * Checked always: on_close comes once, and the work ends.
 */
#ifndef PIPE_H
#define PIPE_H

#include "check.h"
#include "session/session.h"

struct pipe;

enum cut {                         /* what happens at side.cut_at */
  CUT_EOF,                         /* the other reads that; it may go on to */
                                   /* send */
  CUT_BOTH,                        /* both sides get UV_EOF */
  CUT_RESET,                       /* both sides get UV_ECONNRESET */
  CUT_SILENCE                      /* what comes later is lost */
};

enum fault {                       /* what happens to write number fault_at */
  FAULT_SHORT,                     /* one byte goes; the rest of it, ... */
  FAULT_HELD,                      /* ... or all, once nothing else moves */
  FAULT_FAILS                      /* this and every later one: UV_EPIPE */
};

enum jobs {
  JOBS_NOW,                        /* inside submit() */
  JOBS_LATER,                      /* after pipe.job_steps steps */
  JOBS_HELD                        /* at pipe_release_jobs() */
};

struct side {                      /* one end */
  struct session session;
  uvssh_session_t pub;
  struct pipe* pipe;
  struct side* other;
  uvssh_config_t config;
  uvssh_session_handlers_t on;     /* the test's */
  int scripted;                    /* no session: peer.c */
  int up;                          /* a session, not closed yet */
  int dirty;
  int closes;                      /* on_close has come */
  uvssh_end_t end;                 /* its text is end_text */
  char end_text[1100];
  uvssh_req_t start_req;           /* a client's */
  int started;                     /* 1: that is done, with start_status */
  int start_status;

  /* What it sends. */
  uint8_t* wire;                   /* on its way to the other */
  size_t at;
  size_t len;
  size_t cap;
  size_t chunk;                    /* bytes a step; 0: 512 KiB */
  int random_chunk;                /* 1..chunk */
  int hold;                        /* taken, and not reported as written */
  int owes;                        /* such a report */
  int stop;                        /* nothing of it is delivered for now */
  uint64_t delivered;
  uint64_t cut_at;                 /* UINT64_MAX: never */
  enum cut cut;
  int cut_late;                    /* only once nothing else moves */
  int is_cut;
  uint64_t swallowed;              /* sent, and will never arrive */
  uint64_t flip_at;                /* this byte arrives changed; UINT64_MAX */
  unsigned writes;                 /* the transport was given, so far */
  unsigned fault_at;               /* 0: none of them */
  enum fault fault;
  uint64_t fault_offset;           /* what it had taken by then */
  uint64_t rekeys;                 /* of a session that has closed */
  uv_buf_t rest;                   /* of the write that was short or held */
  uint64_t sent;                   /* bytes, in all writes */
  int told;                        /* the other knows that it has gone */
};

struct waiting_job {
  struct job* job;
  unsigned steps;
};

struct pipe {
  struct side server;
  struct side client;
  struct slots* slots;
  struct pool pool;
  struct hostkeys hostkeys;        /* one of Ed25519; a test's, too */
  uint64_t now;
  uint64_t seed;                   /* of pipe_random() */
  uint64_t steps;                  /* taken so far */
  enum jobs jobs;
  unsigned job_steps;
  struct waiting_job waiting[16];
  unsigned waiting_count;
  unsigned late_every;             /* each n-th question whether it is late: */
                                   /* yes; 0: never */
  uint64_t late_asked;             /* so many of these, so far */
  void (*on_step)(struct pipe* p); /* before every step; or NULL */
};

void pipe_init(struct pipe* p);
/* Closes what is open and gives everything back. */
void pipe_free(struct pipe* p);
/* The same, but for slots and key: for the next round of a sweep. */
void pipe_reset(struct pipe* p);

/* config NULL: the defaults. 0 or what setting it up came to. */
int pipe_server(struct pipe* p,
                const uvssh_config_t* config,
                const uvssh_session_handlers_t* handlers);
int pipe_client(struct pipe* p,
                const uvssh_config_t* config,
                const uvssh_session_handlers_t* handlers);

/* One step: what is due of each side, one piece each way. 0: nothing moved. */
int pipe_step(struct pipe* p);
/* Until nothing moves. */
void pipe_run(struct pipe* p);
/* Only this side's turn and output. */
int pipe_turn(struct side* s);
/* Runs, and lets so much time pass, stopping at each deadline on the way. */
void pipe_sleep(struct pipe* p, uint64_t ms);
/* The next deadline of either side; UINT64_MAX: none. */
uint64_t pipe_deadline(struct pipe* p);
/* Runs, and goes to the next deadline. 0: there is none. */
int pipe_wait(struct pipe* p);
/* Until both sides are closed; fails where time does not help. */
void pipe_finish(struct pipe* p);

/* Runs the jobs that are held. */
void pipe_release_jobs(struct pipe* p);
/* Puts bytes on the way as if this side had sent them. */
void pipe_inject(struct side* s, const void* base, size_t len);
uint64_t pipe_random(struct pipe* p);
/* Both sides send in pieces of this size; 0: 512 KiB. */
void pipe_chunk(struct pipe* p, size_t chunk, int is_random);

#endif
