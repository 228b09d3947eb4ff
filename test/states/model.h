/* model.h: what an SSH session is, as a second and small one: no bytes, no
 * keys, no memory, only what is legal, what must be answered, and what the user
 * must hear. Written from RFC 4252 to 4254, 8308 and the oracle; nothing of it
 * comes from lib/.
 *
 *   model.c        places, keys, what any message may do
 *   model_auth.c   logging in, both roles
 *   model_conn.c   channels, both roles
 *   model_ask.c    requests of the peer
 *   model_do.c     what the user does, and time
 *
 * Each step leaves behind what the session must have said (`wire`, and for each
 * channel what must have left on it, in that order) and what its user must
 * have heard (`events`). play.c does the same step with a real session, and
 * compares.
 */
#ifndef MODEL_H
#define MODEL_H

#include "messages.h"
#include "oracle.h"

enum { NOTES_MAX = 340, CHANNELS_MAX = 24, ITEMS_MAX = 64, ASKED_MAX = 128 };

struct notes {
  unsigned count;
  char line[NOTES_MAX][56];
};

void notes_add(struct notes* n, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

enum what { WHAT_DATA, WHAT_STDERR, WHAT_EXIT, WHAT_EOF, WHAT_CLOSE, WHATS };

struct model_item {                /* to be sent on a channel */
  enum what what;
  uint32_t len;
};

struct model_channel {
  int used;
  uint32_t id;                     /* the session's number */
  uint32_t peer_id;
  int opening;                     /* ours, unanswered */
  int has_user;                    /* on_close has not come */
  int eof_in, close_in, close_out;
  int closing;                     /* the user has closed it */
  int eof_queued;
  int told;                        /* its reader heard the end */
  int has_process;
  uint32_t window_in, window_out, packet_out;
  uint64_t linger_at;
  unsigned asked;                  /* requests of ours, unanswered */
  unsigned waiting;                /* requests of the peer, unanswered */
  struct model_item items[ITEMS_MAX];
  unsigned item_count;
  uint32_t sent[WHATS];            /* in this step: bytes, or how many */
};

enum about { ABOUT_HOSTKEY, ABOUT_LOGIN, ABOUT_FORM, ABOUT_CHANNEL, ABOUT_ASK };

/* A question to the user that waits, or an answer that waits for those before
 * it; in the order of asking. */
struct model_question {
  enum about about;
  unsigned number;                 /* play.c has its reply by this; 0: none */
  int verdict;                     /* ASK: 0 none yet, 1 yes, -1 no */
  int is_process;
  uint32_t channel;                /* ASK: of this id; GLOBAL */
  uint32_t peer_id, window, packet;  /* CHANNEL */
  uint64_t deadline;
};

#define GLOBAL UINT32_MAX

struct model {
  int is_server;
  int strict;                      /* the peer will say so */
  int guess_is_wrong;              /* so will its KEXINIT */
  int group;                       /* its method is an exchange of groups */
  const uvssh_config_t* config;
  uint64_t now;
  /* The user's mind. */
  enum say say_hostkey, say_auth, say_form, say_channel, say_request;
  int jobs_held;                   /* what is slow does not come back yet */

  int place;
  int over;                        /* it has ended ... */
  unsigned reason;                 /* ... and said this; 0: nothing */
  int unsure;                      /* the step's outcome depends on keys that
                                      the model does not compute */
  int quiet;                       /* our KEXINIT is out, our NEWKEYS not */
  int skip;                        /* a wrong guess will come */
  int first_done;                  /* the first exchange is over */
  unsigned fresh;                  /* 1: nothing came behind their NEWKEYS */
  uint32_t seq;                    /* of the message that comes now */
  unsigned heard;                  /* messages of the peer */
  unsigned ignored;
  unsigned rekeys;
  int rekey_asked;                 /* a request of the user's waits for it */
  unsigned deferred_count;
  uint64_t started_at, exchange_at;

  char user[80];
  unsigned requests, failures, late, banners, changes, banner_bytes;
  unsigned passed, next;           /* methods */
  int none_seen, change_asked;
  uint64_t asked_at, refuse_at;    /* refuse_at: 0, no refusal waits */
  unsigned method;                 /* of the attempt */
  int is_probe;
  int success_is_next;
  int key_is_refused;              /* by their list of algorithms */
  int has_ping, is_bound, wants_info;  /* their EXT_INFO has said so */
  int no_sessions;                 /* they open none any more */
  int was_informed;                /* by one more of them, in the login */
  int logged_in;
  int login_method;

  struct model_channel channels[CHANNELS_MAX];
  uint32_t next_id;
  unsigned asked;                  /* global requests of ours */
  struct model_question questions[ASKED_MAX];
  unsigned question_count;
  unsigned numbers;                /* of questions, so far */

  struct notes wire, deferred, events;
  uint8_t* waiting;                /* came in a pause: u32 length, bytes */
  size_t waiting_len;
  int has_early;                   /* or this: one that came before a verdict */
  int batch;                       /* several messages come in one read */
  int any_order;                   /* of events, in this step */
};

/* Zeroes it, but for config and mind. */
void model_begin(struct model* m);
void model_free(struct model* m);
/* Before each step. */
void model_step(struct model* m);

/* The peer says its identification; ours and KEXINIT are out. */
void model_ident(struct model* m);
/* The peer says this. as_due: what it says of keys is what this exchange needs,
 * not just anything of that form. */
void model_hear(struct model* m, const uint8_t* payload, size_t len,
                int as_due);
/* The session has given credit: 0 where it may not. */
int model_credit(struct model* m, uint32_t peer_id, uint32_t bytes);

/* ---- what the user does; the code that it must come to ------------------- */

int model_answer(struct model* m, unsigned number, enum say say);
void model_release_jobs(struct model* m);
int model_rekey(struct model* m);
int model_attempt(struct model* m, unsigned method);
int model_open(struct model* m);
int model_global(struct model* m, int want_reply);
int model_ask(struct model* m, struct model_channel* c, const char* name,
              int want_reply);
int model_send(struct model* m, struct model_channel* c, enum what stream,
               uint32_t len);
int model_shutdown(struct model* m, struct model_channel* c);
int model_exit(struct model* m, struct model_channel* c);
void model_close(struct model* m, struct model_channel* c, int drop);
/* So much time passes. */
void model_sleep(struct model* m, uint64_t ms);

/* ---- for the files of the model ------------------------------------------ */

void model_end(struct model* m, unsigned reason);
/* The session says this; waits where keys are being exchanged. */
void model_say(struct model* m, unsigned number, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
int model_is_paused(const struct model* m);
/* Handles what came in the pause. */
void model_go_on(struct model* m);
/* Our NEWKEYS leaves. */
void model_newkeys(struct model* m);
struct model_question* model_put(struct model* m, enum about about);
void model_drop(struct model* m, struct model_question* q);
struct model_question* model_about(struct model* m, enum about about);

void model_hear_auth(struct model* m, unsigned number, str_t body, int as_due);
/* Before the verdict on the last one: may this one wait? */
int model_may_wait(struct model* m, unsigned number, str_t body);
void model_verdict(struct model* m, enum say say);
void model_form(struct model* m, enum say say);
void model_signed(struct model* m);
void model_refuse_now(struct model* m);
void model_login_due(struct model* m);

void model_hear_conn(struct model* m, unsigned number, str_t body);
struct model_channel* model_channel(struct model* m, uint32_t id);
/* Those that are being opened, too. */
unsigned model_channel_count(const struct model* m);
void model_opened(struct model* m, struct model_question* q, enum say say);
/* What can leave, leaves; what is over, ends. */
void model_pump(struct model* m);

void model_hear_global(struct model* m, str_t body);
void model_hear_request(struct model* m, struct model_channel* c,
                        const struct message_row* row, const struct fields* f);
void model_answered(struct model* m, struct model_question* q, int verdict);
/* Somebody's own name: x@y. */
int model_has_at(str_t name);
void model_drop_asks(struct model* m, struct model_channel* c);

#endif
