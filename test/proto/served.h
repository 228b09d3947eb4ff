/* served.h: a server under test that has one channel, for tests of what it does
 * with it. The peer's number of it is 9. */
#ifndef SERVED_H
#define SERVED_H

#include "peer.h"

/* Logged in; the channel has this window, *id is the session's number of it. */
static inline struct peer* begin(uint32_t window, uint32_t* id) {
  struct peer* p = peer_new(PEER_CLIENT);

  peer_open(p);
  peer_reach_open(p);
  *id = peer_channel(p, 9, window);
  app_log_clear(p->app);
  return p;
}

static inline uvssh_channel_t* served(struct peer* p) {
  return &p->app->served[0].pub;
}

static inline void expect_data(struct peer* p, const char* text) {
  rd_t* m = peer_expect(p, MSG_CHANNEL_DATA);

  CHECK_EQ(rd_u32(m), 9);
  CHECK(str_is(rd_str(m), text));
}

#endif
