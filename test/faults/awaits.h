/* awaits.h: a client and a server in memory, with the test's clock; one
 * question is asked, and nobody answers it. */
#ifndef AWAITS_H
#define AWAITS_H

#include "both.h"

enum question {
  ASK_HOSTKEY, ASK_AUTH, ASK_PROMPT, ASK_SIGN, ASK_CHANNEL, ASK_REQUEST,
  ASK_GLOBAL, ASK_NOTHING
};

struct awaits {
  struct both b;
  enum question held;              /* the one that nobody answers */
  uvssh_reply_t reply;
  int asked;
  uvssh_key_t* card;
  int globals, drains, shut;
};
extern struct awaits aw;

void awaits_begin(enum question held);
/* Over `transport`; NULL: over a pipe to the server. Goes as far as it can. */
struct peer* awaits_come(uvssh_transport_t* transport);

#endif
