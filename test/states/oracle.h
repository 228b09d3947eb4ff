/* oracle.h: which message is legal when, from whom: one table, written from the
 * rules (RFC 4250 to 4254, 8308, the strict key exchange), not from
 * lib/session/dispatch.c. test-states-matrix.c asks about every cell of it, and
 * model.c stands on it.
 *
 *   D  the session ends, DISCONNECT says 2     7  ... says 7
 *   C  it ends in silence                      U  UNIMPLEMENTED, it goes on
 *   I  consumed in silence                     A  accepted
 *   Q  waits for the verdict; one more: D      P  PONG
 *   i  D where the exchange is strict, else I  u  D where it is, else U
 *   E  accepted, when 52 follows
 *
 * Where a body is not right, A and most others become D: that is the model's
 * part. Keyboard-interactive is not built, so its states do not occur, and its
 * messages are those of nobody.
 *
 * An exchange of groups (RFC 4419) has places of its own: G, what group is it to
 * be, and K behind it, for the keys. They are as S2, S10, C2, C12 but for the
 * messages of the method. The old request of one number, 30, is nowhere legal.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include "session/session.h"

/* Who waits for what. A place with a small letter is a pause: a job is on the
 * pool (p), or the user thinks about a host key (v); what comes there is not
 * looked at before the place that follows it. */
enum place {
  S1, S2, S3, S4, S5, S6, S8, S9, S10, S11,
  C1, C2, C3, C4, C5, C6N, C6P, C7, C8, C10, C11, C12, C13,
  S2G, S2K, S10G, S10K, C2G, C2K, C12G, C12K,
  LOOKING,
  S2p = LOOKING, S5p, S10p, C2p, C2v, C7p, C12p,
  S2Kp, S10Kp, C2Gp, C2Kp, C2Kv, C12Gp, C12Kp,
  PLACES
};

/* A row each for who makes a test of every place: before a first exchange is
 * over, where strictness counts, and from then on. */
#define EARLY_PLACES(X)                                                       \
  X(S1) X(S2) X(S2p) X(S3) X(C1) X(C2) X(C2p) X(C2v) X(C3)                    \
  X(S2G) X(S2K) X(S2Kp) X(C2G) X(C2Gp) X(C2K) X(C2Kp) X(C2Kv)
#define LATER_PLACES(X)                                                       \
  X(S4) X(S5) X(S5p) X(S6) X(S8) X(S9) X(S10) X(S10p) X(S11)                  \
  X(C4) X(C5) X(C6N) X(C6P) X(C7) X(C7p) X(C8) X(C10) X(C11) X(C12) X(C12p)   \
  X(C13) X(S10G) X(S10K) X(S10Kp) X(C12G) X(C12Gp) X(C12K) X(C12Kp)

extern const char* const place_names[PLACES];

static inline int place_is_server(int place) {
  return place_names[place][0] == 'S';
}
/* Of an exchange of groups. */
int place_is_group(int place);
/* Before the first exchange is over. */
int place_is_early(int place);

/* What uvssh__session_state() says there. */
enum state place_state(int place);
/* The place where what came in a pause is looked at; any other: itself. */
int place_behind(int place);
/* One of the letters above. */
char oracle_cell(int place, unsigned number);

#endif
