/* flow.h: bytes through a channel that must all come, in order, whatever the
 * session runs over: an echo with exchanges of keys on its way, and a peer that
 * does not read.
 *
 *   struct peer* p = ...               its channel is open
 *   flow_echo(&b, p, served, 2 << 20);
 *
 * Each byte is a function of its place. */
#ifndef FLOW_H
#define FLOW_H

#include "both.h"
#include "loop/loop.h"

/* What a server does with a channel on "echo" and "read" is peer_request()'s:
 * here the channel of `client` must be an echo. Both sides exchange keys again
 * meanwhile; it ends with EOF, and on_close of the channel. */
void flow_echo(struct both* b,
               struct peer* client,
               struct peer* served,
               size_t bytes);

/* `from` sends until nothing is taken any more, while the transport of `to` is
 * not read; then it is, and all comes. `least`: so much must have been taken,
 * or nothing was tested. Neither channel is read before. */
void flow_pressure(struct both* b,
                   struct peer* from,
                   struct peer* to,
                   size_t least);

/* Runs what there is to do, for a while that no test may ask about. */
void flow_rest(struct both* b, unsigned ms);

static inline uvssh_transport_t* flow_transport(struct peer* p) {
  return attach_of(&p->session)->transport;
}

#endif
