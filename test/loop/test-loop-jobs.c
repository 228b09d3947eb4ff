/* Many logins at once: the slow crypto leaves for the thread pool and comes
 * back, also to sessions that have gone meanwhile. */
#include <stdio.h>

#include "both.h"
#include "loop/loop.h"

enum { CROWD = 64 };

static struct loop* loop_of(struct both* b) {
  return uvssh__server_of(&b->server)->loop;
}

static void crowd_open(struct both* b) {
  both_open(b);
  b->server_config.preauth_per_source = 0;
  both_listen(b);
}

static struct {
  uv_tcp_t tcp;
  uvssh_transport_t transport;
} lines[CROWD];

/* All are accepted before the first says a word, so that their exchanges meet:
 * libuv may accept only one connection a turn. */
static void crowd_start(struct both* b) {
  int sockets[CROWD];
  unsigned i;

  for (i = 0; i < CROWD; i++) {
    sockets[i] = both_socket(b);
    CHECK(sockets[i] >= 0);
  }
  UNTIL(b, b->served_count == CROWD);
  for (i = 0; i < CROWD; i++) {
    CHECK_EQ(uv_tcp_init(&b->loop, &lines[i].tcp), 0);
    CHECK_EQ(uv_tcp_open(&lines[i].tcp, sockets[i]), 0);
    CHECK_EQ(uvssh_transport_stream(&lines[i].transport,
                                    (uv_stream_t*) &lines[i].tcp), 0);
    both_client_over(b, GOAL_START, &lines[i].transport);
  }
}

static void on_authed(uvssh_req_t* req, int status) {
  peer_of(req->session)->auth = status;
}

/* Each with a key of his own: four exchanges and proofs a session. */
static int log_in(struct both* b, struct peer* p) {
  if (p->start != 0 || p->auth != PENDING || p->extra)
    return p->auth == 0;
  p->extra = 1;
  CHECK_EQ(uvssh_auth_publickey(&p->auth_req, &p->session, "someone", b->key,
                                on_authed), 0);
  return 0;
}

static unsigned all_in(struct both* b) {
  unsigned n = 0;
  unsigned i;

  for (i = 0; i < b->client_count; i++) {
    CHECK_EQ(b->clients[i]->closes, 0);
    n += log_in(b, b->clients[i]) ? 1u : 0u;
  }
  return n;
}

TEST(jobs_many_logins) {
  struct both b;
  unsigned away = 0;
  unsigned waiting = 0;
  unsigned i;

  crowd_open(&b);
  crowd_start(&b);
  while (all_in(&b) < CROWD) {
    uv_run(&b.loop, UV_RUN_ONCE);
    if (loop_of(&b)->away > away)
      away = loop_of(&b)->away;
    if (loop_of(&b)->waiting > waiting)
      waiting = loop_of(&b)->waiting;
  }
  printf("%d logins at once: at most %u jobs waited, %u were away\n", CROWD,
         waiting, away);
  CHECK(away > 0);
  CHECK(away <= 2);                /* the user's own work finds threads */
  for (i = 0; i < CROWD; i++)
    UNTIL(&b, b.served[i]->readies == 1);
  CHECK_EQ(b.served_count, CROWD);
  both_close(&b);
}

/* Alone, a login pays no way to the pool. */
TEST(jobs_one_login) {
  struct both b;
  struct peer* p;

  crowd_open(&b);
  p = both_client(&b, GOAL_LOGIN);
  while (p->auth == PENDING) {
    uv_run(&b.loop, UV_RUN_ONCE);
    CHECK_EQ(loop_of(&b)->away, 0);
  }
  CHECK_EQ(p->auth, 0);
  both_close(&b);
}

enum { CLOSE_SERVED, CLOSE_CLIENTS, CLOSE_ALL_AT_ONCE, CLOSE_AND_STOP, HOWS };

/* While some jobs are on the pool and others wait for a place there. */
TEST(jobs_closed_while_away) {
  struct both b;
  unsigned i, turns;
  int how;

  for (how = 0; how < HOWS; how++) {
    for (turns = 0; turns < 6; turns++) {
      NOTE("how %d, %u turns", how, turns);
      crowd_open(&b);
      crowd_start(&b);
      UNTIL(&b, loop_of(&b)->away > 0 && loop_of(&b)->waiting > 4);
      for (i = 0; i < turns; i++)
        uv_run(&b.loop, UV_RUN_NOWAIT);
      for (i = 0; i < CROWD; i++) {
        if (how != CLOSE_CLIENTS && i < b.served_count)
          uvssh_session_close(&b.served[i]->session);
        if (how != CLOSE_SERVED)
          uvssh_session_close(&b.clients[i]->session);
      }
      if (how == CLOSE_AND_STOP)
        CHECK_EQ(uvssh_server_shutdown(&b.server, 0, NULL), 0);
      both_close(&b);
    }
  }
}

static unsigned gone(const struct both* b) {
  unsigned n = 0;
  unsigned i;

  for (i = 0; i < b->served_count; i++)
    n += (unsigned) b->served[i]->closes;
  return n;
}

/* Peers that leave in the middle of an exchange. */
TEST(jobs_peers_leave) {
  struct both b;
  unsigned i;

  crowd_open(&b);
  crowd_start(&b);
  UNTIL(&b, loop_of(&b)->away > 0);
  for (i = 0; i < CROWD; i += 2)
    uvssh_session_close(&b.clients[i]->session);
  for (i = 1; i < CROWD; i += 2)
    UNTIL(&b, b.clients[i]->start == 0);
  UNTIL(&b, gone(&b) == b.served_count - CROWD / 2);
  both_close(&b);
}

/* Re-exchanges of many sessions that carry data. */
TEST(jobs_rekeys) {
  struct both b;
  struct peer* p[16];
  uvssh_req_t req[16];
  size_t i;

  crowd_open(&b);
  for (i = 0; i < 16; i++) {
    p[i] = both_channel(&b, "echo");
    CHECK_EQ(uvssh_channel_read_start(&p[i]->channel, peer_read), 0);
  }
  for (i = 0; i < 16; i++) {
    CHECK_EQ(uvssh_session_rekey(&req[i], &p[i]->session, on_authed), 0);
    CHECK_EQ(uvssh_session_rekey(&req[i], &p[i]->session, on_authed), UV_EBUSY);
    p[i]->auth = PENDING;
    CHECK_EQ(uvssh_channel_send(&p[i]->channel, UVSSH_DATA, "12345", 5), 0);
  }
  for (i = 0; i < 16; i++) {
    UNTIL(&b, p[i]->auth == 0);
    UNTIL(&b, p[i]->got == 5);
  }
  both_close(&b);
}
