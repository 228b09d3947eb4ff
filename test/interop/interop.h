/* interop.h: what the files of the test server share. */
#ifndef INTEROP_H
#define INTEROP_H

#include <sodium.h>
#include <uvssh.h>

typedef struct run_s run_t;

enum { RUN_BLOCK = 64 * 1024, RUN_BLOCKS = 4 };

typedef struct {                   /* one lent write of `source` */
  uvssh_req_t req;
  uint8_t bytes[RUN_BLOCK];
} block_t;

struct run_s {                     /* one channel and what it runs */
  uvssh_channel_t channel;
  uvssh_req_t req;                 /* relay or shutdown */
  crypto_hash_sha256_state hash;
  uint64_t at, size;               /* of the pattern */
  unsigned writing;                /* writes under way */
  int watching;                    /* report window-change, signal, break */
  int copied;                      /* sendsource: on_drain goes on */
  int stopped;                     /* cat: reading waits for its writes */
  int tty;
  char notes[2048];                /* env and pty, as they came */
  char line[1024];                 /* of the shell */
  size_t line_len;
  block_t* blocks[RUN_BLOCKS];
  struct job_s* job;               /* whose way back is cut in on_close */
};

typedef struct {                   /* one session */
  uvssh_session_t ssh;
  uvssh_req_t rekey;               /* the session's, so it outlives a run */
  run_t* rekeying;                 /* who is told; NULL: nobody any more */
} peer_t;

/* Work that leaves for the thread pool and comes back with an answer. */
typedef struct job_s job_t;
struct job_s {
  uv_work_t work;
  void (*done)(job_t* job);
  run_t* run;                      /* NULL: there is none, or it has gone */
  uvssh_reply_t reply;
  int verdict;
};

/** Come back to done() from the pool; without memory: the question expires. */
void job_start(uv_loop_t* loop,
               void (*done)(job_t*),
               run_t* run,
               uvssh_reply_t reply,
               int verdict);

/** Take a session channel; the commands are served from then on. */
int run_accept(uvssh_reply_t reply);

/** Text on stdout of the channel. */
void run_say(run_t* r, const char* text);

/** Exit with 0 once everything has left. */
void run_leave(run_t* r);

/* interop-streams.c */
void run_sink(run_t* r, const char* arg);
void run_source(run_t* r, const char* arg);
void run_sendsource(run_t* r, const char* arg);
void run_echo(run_t* r, const char* arg);
void run_cat(run_t* r, const char* arg);
void run_drain(uvssh_channel_t* channel);

#endif
