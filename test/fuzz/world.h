/* world.h: a session in memory, with a peer that says what the input says, an
 * app that does what the input says, and time that goes on when it says so.
 *
 * The input is a row of records:
 *   u16 n below 0x8000, n bytes   a message of the peer
 *   u16 0x8000 | what << 8 | how  something else: enum deed
 *
 * world.c       the session's surroundings; records
 * world_peer.c  messages become packets; what an honest peer would say
 * world_app.c   the user of the library
 *
 * Messages are sealed with keys that are known: behind each NEWKEYS the keys of
 * the exchange are replaced. So an input that goes through an exchange is one
 * that a fuzzer can find.
 */
#ifndef WORLD_H
#define WORLD_H

#include "fuzz.h"
#include "session/session.h"

enum start { AT_KEX, AT_LOGIN, AT_OPEN };

enum deed {
  DO_TIME,                         /* a step in time; 255: to the deadline */
  DO_MOOD,                         /* 8 bits of what the app decides by */
  DO_ANSWER,                       /* one question that is open */
  DO_CHANNEL,                      /* how: which and what */
  DO_SESSION,
  DO_LOGIN,                        /* client: an attempt */
  DO_WRITES,                       /* 1: the transport takes nothing; 0: does */
  DO_JOBS,                         /* 1: jobs come back later; 0: they do */
  DO_PIECES,                       /* most bytes a read; 0: no limit */
  DO_BATCH,                        /* so many messages make one read */
  DO_LOSE,                         /* the transport ends */
  DO_HONEST,                       /* what an honest peer would say */
  DO_MEMORY,                       /* the n-th allocation from now on fails */
  DEEDS
};

enum { QUESTIONS = 16, CHANNELS = 12, REQUESTS = 200 };

enum about {
  ABOUT_LOGIN,
  ABOUT_PROBE,                     /* would this key do? */
  ABOUT_HOSTKEY,
  ABOUT_FORM,
  ABOUT_CHANNEL,
  ABOUT_OTHER
};

struct world {
  struct session s;
  uvssh_session_t pub;
  struct pool pool;
  struct hostkeys hostkeys;
  uint64_t now;
  int is_server;
  int dirty;
  /* the transport */
  int writing;
  int full;                        /* it takes nothing */
  size_t piece;
  struct job* job;                 /* away */
  int jobs_later;
  /* the peer */
  struct keys keys;                /* that it seals with */
  const void* known;               /* the session's keys for them */
  struct buf wire;                 /* sealed, not yet fed */
  unsigned batch;
  unsigned batched;
  /* what the log tells */
  int in_exchange;
  int disconnected;
  /* the app */
  uint64_t mood;
  struct question_of_app {
    uvssh_reply_t reply;
    enum about about;
  } questions[QUESTIONS];
  unsigned question_count;
  struct app_channel* channels;
  unsigned channel_count;
  unsigned request_count;
  unsigned closes;                 /* on_close of the session */
  unsigned readies;
  int let_in;                      /* server: the app has said yes to a login */
  int trusted;                     /* client: ... to the host key */
};

/* ---- world.c ------------------------------------------------------------- */

int world_run(int is_server,
              enum start start,
              const uint8_t* data,
              size_t size);
/* Turns until nothing is left to do. */
void world_turn(struct world* w);

/* ---- world_peer.c -------------------------------------------------------- */

/* Keys of an exchange that are in use by now give way to those we know. */
void peer_know_keys(struct world* w);
void peer_say(struct world* w, const uint8_t* payload, size_t len);
void peer_flush(struct world* w);
void peer_honest(struct world* w, uint8_t how);
void peer_close(struct world* w);

/* ---- world_app.c --------------------------------------------------------- */

extern const uvssh_session_handlers_t app_handlers;

void app_answer(struct world* w, uint8_t how);
void app_channel(struct world* w, uint8_t how);
void app_session(struct world* w, uint8_t how);
void app_login(struct world* w, uint8_t how);
void app_client_starts(struct world* w);
/* Everything was given back and told. */
void app_check_end(const struct world* w);

#endif
