/* play.h: the same step in a session and in its model, and then: are they the
 * same? The session stands in memory (peer.h); a script is its peer, and its
 * user does what the test says, and notes what he hears.
 *
 *   struct play* pl = play_new(PEER_CLIENT);     the session is a server
 *   play_begin(pl, STRICT_BOTH, GUESS_NONE);
 *   play_reach(pl, S8);
 *   play_say(pl, message_row(MSG_GLOBAL_REQUEST));
 *   play_over(pl);
 *   play_end(pl);
 *
 * After every step these must be equal: what the session has said, message for
 * message; what left on each channel, to the byte; what its user has heard, in
 * order; its state, inside and in public. Where the model has ended, the
 * session must have said the same reason as its last word, and its user hears
 * nothing but ends.
 *
 *   play.c         a life; steps of the peer; comparing
 *   play_listen.c  what the session says
 *   play_user.c    its user: what he hears
 *   play_do.c      ... and what he does
 *   play_reach.c   the way to each place
 */
#ifndef PLAY_H
#define PLAY_H

#include "model.h"

enum guess { GUESS_NONE, GUESS_RIGHT, GUESS_WRONG };

enum { PLAY_REQUESTS = 256, PLAY_LANES = 32 };

struct play_lane {                 /* what left on a channel in this step */
  uint32_t peer_id;
  uint32_t sent[WHATS];
};

struct play_channel {
  uvssh_channel_t pub;
  struct play* play;
  int in_use;                      /* on_close, or a failed open, is to come */
};

struct play_request {
  uvssh_req_t req;
  struct play* play;
  char what[24];
  int in_use;                      /* its callback is to come */
};

struct play {
  struct peer* p;
  struct model m;
  struct notes wire, events;       /* as in the model, and seen */
  struct play_lane lanes[PLAY_LANES];
  unsigned lane_count;
  int said_end;
  unsigned reason;
  uint8_t reply[600];              /* 31, which answers the last 30 */
  size_t reply_len;
  uint8_t group[600];              /* 31 of a group exchange, answers a 34 */
  size_t group_len;
  char kex_list[200];              /* of a peer whose guess is wrong */
  int group_first;                 /* the session likes groups best, so that */
                                   /* guessing one is right */
  int keys_later;                  /* our NEWKEYS has been said too early */
  uint32_t seen_id;                /* of the last 90 or 91 */
  struct play_channel channels[CHANNELS_MAX * 2];
  struct play_request requests[PLAY_REQUESTS];
  struct play_reply { unsigned number; uvssh_reply_t reply; }
      replies[ASKED_MAX * 2];      /* those that wait, and some that do not */
  unsigned numbers;
  size_t heap;                     /* blocks between two lives */
  uint64_t turns, cases, steps;
};

struct play* play_new(enum role role);
void play_end(struct play* pl);
/* A session is there, and has said nothing yet. */
void play_begin(struct play* pl, enum strict strict, enum guess guess);
/* The exchanges from now on are of groups. */
void play_use_group(struct play* pl);
/* Whether the next case is to be tried: about one in check_share() is. */
int play_is_turn(struct play* pl);
/* Its end, if that has not come; then all must be over, and given back. */
void play_over(struct play* pl);

/* ---- the peer ------------------------------------------------------------ */

void play_ident(struct play* pl);
/* The message of this row: the right one, where it is of an exchange. */
void play_say(struct play* pl, const struct message_row* row);
void play_say_with(struct play* pl, const struct message_row* row,
                   const struct value* values);
/* Into `payload`, PAYLOAD_MAX bytes; the length. */
size_t play_write(struct play* pl, const struct message_row* row,
                  uint8_t* payload);
/* Anything; as_due: see model_hear(). */
void play_say_bytes(struct play* pl, const uint8_t* payload, size_t len,
                    int as_due);
/* Whether changed bytes still are what they were, for the model. */
int play_is_same(const struct message_row* row, const uint8_t* golden,
                 size_t golden_len, const uint8_t* payload, size_t len);
static inline int play_is_alive(const struct play* pl) {
  return !pl->m.over && !pl->m.unsure;
}

/* ---- the user ------------------------------------------------------------ */

void play_release_jobs(struct play* pl);
void play_answer(struct play* pl, unsigned number, enum say say);
void play_rekey(struct play* pl);
void play_attempt(struct play* pl, unsigned method);
void play_open(struct play* pl);
void play_global(struct play* pl, int want_reply);
void play_ask(struct play* pl, struct model_channel* c, int want_reply);
void play_send(struct play* pl, struct model_channel* c, enum what stream,
               uint32_t len);
void play_shutdown(struct play* pl, struct model_channel* c);
void play_exit(struct play* pl, struct model_channel* c);
void play_close(struct play* pl, struct model_channel* c, int drop);
void play_sleep(struct play* pl, uint64_t ms);

/* From the first byte on. A server has one channel open from S8 on (its number
 * is 0), and so has a client from C10 on. */
void play_reach(struct play* pl, int place);

/* ---- for the files of play ----------------------------------------------- */

void play_step(struct play* pl);
/* Hears all that the session says now. */
void play_listen(struct play* pl);
void play_compare(struct play* pl);
void play_set_handlers(struct play* pl);
struct play_channel* play_channel(struct play* pl, uint32_t id);
struct play_channel* play_channel_new(struct play* pl);
void play_accept_channel(struct play* pl, uvssh_reply_t reply);
void play_on_read(uvssh_channel_t* channel, int stream, ssize_t nread,
                  const uv_buf_t* buf);
extern const uvssh_channel_handlers_t play_channel_handlers;
/* What the user may ask of his channels, and what they answer. */
void play_compare_channels(struct play* pl);
/* Nothing of the user's is open any more. */
void play_user_is_done(const struct play* pl);

#endif
