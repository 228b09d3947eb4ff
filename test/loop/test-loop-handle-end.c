/* Handles for other threads, when what they name has gone: each post has run
 * exactly once, with NULL where there was no session any more. */
#include "both.h"

struct note {
  struct peer* peer;
  uvssh_handle_t* handle;
  int ran;
  int nulls;
  int taken;
  int err;                         /* what a call inside of it returned */
};

static void on_post(uvssh_session_t* session, void* arg) {
  struct note* n = arg;

  n->ran++;
  n->nulls += session == NULL;
  if (n->peer != NULL)                         /* on_close is the last one */
    CHECK_EQ(n->peer->closes, 0);
}

static uvssh_handle_t* handle_new(struct peer* p) {
  uvssh_handle_t* h = NULL;

  CHECK_EQ(uvssh_handle_create(&h, &p->session), 0);
  return h;
}

static void check_gone(uvssh_handle_t* h) {
  struct note n = { 0 };

  CHECK_EQ(uvssh_handle_post(h, on_post, &n), UV_ENOTCONN);
  CHECK_EQ(uvssh_handle_send(h, 1, UVSSH_DATA, "x", 1), UV_ENOTCONN);
  CHECK_EQ(uvssh_handle_send(h, 1, UVSSH_DATA, NULL, 0), UV_ENOTCONN);
  CHECK_EQ(n.ran, 0);
}

static struct note late;

static void on_close_late(uvssh_session_t* session, const uvssh_end_t* end) {
  if (late.handle != NULL)
    check_gone(late.handle);
  peer_close(session, end);
}

/* The loop is closed while handles are still there. */
TEST(handle_end_outlives_the_loop) {
  struct both b;
  struct peer* p;
  uvssh_handle_t* server_handle;

  memset(&late, 0, sizeof(late));
  both_open(&b);
  b.client_on.on_close = on_close_late;
  both_listen(&b);
  p = both_channel(&b, "");
  late.handle = handle_new(p);
  server_handle = handle_new(served_last(&b));
  uvssh_session_close(&p->session);
  UNTIL(&b, p->closes == 1);
  check_gone(late.handle);
  both_close(&b);
  check_gone(late.handle);
  check_gone(server_handle);
  CHECK(uvssh_handle_ref(late.handle) == late.handle);
  uvssh_handle_unref(late.handle);
  uvssh_handle_unref(late.handle);
  uvssh_handle_unref(server_handle);
}

static void on_last_post(uvssh_session_t* session, void* arg) {
  struct note* n = arg;

  on_post(session, n);
  if (session != NULL)
    return;
  n->err = uvssh_handle_post(n->handle, on_post, n);
  uvssh_session_close(&n->peer->session);      /* it is over already */
  uvssh_channel_close(&n->peer->channel);
  uvssh_server_close(&n->peer->both->server, both_on_server_close);
  uvssh_handle_unref(n->handle);
}

/* Behind the poll, in which the loop looks at its mail, and before things are
 * closed. */
static void on_check(uv_check_t* check) {
  struct note* n = check->data;
  int err = uvssh_handle_post(n->handle, on_last_post, n);

  if (err == 0)
    n->taken++;
  else
    CHECK_EQ(err, UV_ENOTCONN);
}

/* A post that comes in the very turn in which the session goes. */
TEST(handle_end_last_post) {
  struct both b;
  uv_check_t check;
  struct note n = { 0 };

  both_open(&b);
  both_listen(&b);
  both_channel(&b, "");
  n.peer = served_last(&b);
  n.handle = handle_new(n.peer);
  CHECK(uvssh_handle_ref(n.handle) == n.handle);
  CHECK_EQ(uv_check_init(&b.loop, &check), 0);
  check.data = &n;
  CHECK_EQ(uv_check_start(&check, on_check), 0);
  uvssh_session_close(&n.peer->session);
  UNTIL(&b, b.server_closes == 1);
  n.peer = NULL;
  CHECK_EQ(n.ran, n.taken);
  CHECK_EQ(n.nulls, 1);
  CHECK_EQ(n.err, UV_ENOTCONN);
  uv_close((uv_handle_t*) &check, NULL);
  b.server_closes = 0;                         /* of both_close() alone */
  both_close(&b);
  uvssh_handle_unref(n.handle);
}

/* A session that never began has nothing that keeps the loop going; neither
 * does what waits for it. It is done when the session is closed. */
TEST(handle_end_keeps_nothing_alive) {
  uvssh_session_handlers_t on = { 0 };
  uvssh_session_t session = { 0 };
  uvssh_handle_t* h;
  struct note n = { 0 };
  uv_loop_t loop;

  CHECK_EQ(uv_loop_init(&loop), 0);
  CHECK_EQ(uvssh_session_init(&loop, &session, NULL, &on), 0);
  CHECK_EQ(uvssh_handle_create(&h, &session), 0);
  CHECK_EQ(uvssh_handle_post(h, on_post, &n), 0);
  CHECK_EQ(uvssh_handle_send(h, 1, UVSSH_DATA, "nobody", 6), 0);
  CHECK_EQ(uv_loop_alive(&loop), 0);
  CHECK_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
  CHECK_EQ(n.ran, 0);
  uvssh_session_close(&session);
  CHECK_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
  CHECK_EQ(n.ran, 1);
  CHECK_EQ(uv_loop_close(&loop), 0);
  check_gone(h);
  uvssh_handle_unref(h);
}

/* ---- the same object again ----------------------------------------------- */

static struct both* again;

static void on_close_again(uvssh_session_t* session, const uvssh_end_t* end) {
  struct peer* p = peer_of(session);

  check_gone(late.handle);
  if (p->extra++ > 0) {
    peer_close(session, end);
    return;
  }
  CHECK_EQ(uvssh_session_init(&again->loop, session, NULL, &again->client_on),
           0);
}

/* A handle names a session, not the object that it was in. */
TEST(handle_end_not_the_next_session) {
  struct both b;
  struct peer* p;
  uvssh_handle_t* h;
  struct note n = { 0 };

  memset(&late, 0, sizeof(late));
  again = &b;
  both_open(&b);
  b.client_on.on_close = on_close_again;
  both_listen(&b);
  p = both_login(&b);
  late.handle = handle_new(p);
  uvssh_session_close(&p->session);
  UNTIL(&b, p->extra == 1);
  check_gone(late.handle);
  h = handle_new(p);
  CHECK(h != late.handle);
  CHECK_EQ(uvssh_handle_post(h, on_post, &n), 0);
  check_gone(late.handle);
  both_close(&b);
  CHECK_EQ(n.ran, 1);
  uvssh_handle_unref(late.handle);
  uvssh_handle_unref(h);
}

/* ---- at the same moment -------------------------------------------------- */

enum { RACERS = 3, ROUNDS = 30 };

struct racer {
  uv_thread_t thread;
  uvssh_handle_t* handle;
  uint64_t channel_id;
  int taken;
  int ran;                         /* on the loop's thread */
  int err;
};

static int started;                /* posts that were taken, of all racers */

static void on_race(uvssh_session_t* session, void* arg) {
  ((struct racer*) arg)->ran++;
}

static void race(void* arg) {
  struct racer* r = arg;

  for (;;) {
    r->err = uvssh_handle_post(r->handle, on_race, r);
    if (r->err == 0) {
      r->taken++;
      __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
    } else if (r->err != UV_ENOBUFS) {
      break;
    }
    (void) uvssh_handle_send(r->handle, r->channel_id, UVSSH_DATA, "race", 4);
  }
  uvssh_handle_unref(r->handle);
}

/* They go on until they are told that it has gone. */
TEST(handle_end_races_with_posts) {
  struct both b;
  struct peer* p;
  struct racer r[RACERS];
  int round;
  int i;

  both_open(&b);
  b.server_config.handle_messages = 64;
  both_listen(&b);
  for (round = 0; round < ROUNDS; round++) {
    p = both_channel(&b, "");
    memset(r, 0, sizeof(r));
    __atomic_store_n(&started, 0, __ATOMIC_SEQ_CST);
    for (i = 0; i < RACERS; i++) {
      r[i].handle = handle_new(served_last(&b));
      r[i].channel_id = served_last(&b)->channel.id;
      CHECK_EQ(uv_thread_create(&r[i].thread, race, &r[i]), 0);
    }
    UNTIL(&b, __atomic_load_n(&started, __ATOMIC_SEQ_CST) > 10 * (round % 3));
    uvssh_session_close(round % 2 == 0 ? &p->session
                                       : &served_last(&b)->session);
    UNTIL(&b, served_last(&b)->closes == 1);
    for (i = 0; i < RACERS; i++) {
      CHECK_EQ(uv_thread_join(&r[i].thread), 0);
      CHECK_EQ(r[i].err, UV_ENOTCONN);
      CHECK_EQ(r[i].ran, r[i].taken);
    }
  }
  both_close(&b);
}
