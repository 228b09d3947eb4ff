/* place.h: a transport with a desk and without a session, for the targets that
 * look at one file of lib/transport. */
#ifndef PLACE_H
#define PLACE_H

#include "fuzz.h"
#include "transport/transport.h"

struct place {
  struct desk desk;
  struct pool pool;
  struct transport t;
  struct hostkeys hostkeys;
};

void place_open(struct place* p, int is_server);
void place_close(struct place* p);
/* Drops what the transport wants to send. */
void place_drop_output(struct place* p);

#endif
