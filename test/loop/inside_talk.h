/* inside_talk.h: what the files of the talk share: inside_talk.c (its beginning
 * and end), inside_server.c and inside_client.c (its two sides). */
#ifndef INSIDE_TALK_H
#define INSIDE_TALK_H

#include "inside.h"

enum { TALK_BYTES = 200 * 1000, TALK_REQS = 16 };

enum {                             /* a slot for each request */
  R_START, R_KEY, R_PASSWORD, R_LOGIN, R_GLOBAL, R_OPEN, R_EXEC, R_WRITE, R_EOF,
  R_REKEY, R_SERVER_OPEN, R_SERVER_WRITE, R_RELAY
};

/* What was taken has to come back once. */
struct talked {
  uvssh_req_t reqs[TALK_REQS];
  int begun[TALK_REQS];
  int done[TALK_REQS];
  uvssh_channel_t back[2];         /* the server's, the client's */
  int back_begun[2], back_closes[2];
  uvssh_key_t* card;
  int releases, posts, posted;
  char bytes[TALK_BYTES];
};
extern struct talked talked;

uvssh_req_t* talk_req(int slot);
/* 1: it is on its way. */
int talk_began(int slot, int err);
/* In its callback. */
struct peer* talk_done(uvssh_req_t* req, enum point point);

void talk_server_handlers(struct both* b);
void talk_client_handlers(struct both* b);
/* The client, on its way. */
void talk_come(struct both* b, struct peer* p);

#endif
