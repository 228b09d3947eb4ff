/* Several loops in several threads, which share nothing but a key; and what
 * must not be called from another thread. */
#include "both.h"

enum { THREADS = 4, CLIENTS = 8 };

/* ---- loops of their own --------------------------------------------------------- */

static uvssh_key_t* shared;

struct world {
  uv_thread_t thread;
  struct both b;
};

static void talk(struct both* b) {
  struct peer* p[CLIENTS];
  int i;

  for (i = 0; i < CLIENTS; i++) {
    p[i] = both_client(b, GOAL_ASK);
    p[i]->command = "echo";
  }
  for (i = 0; i < CLIENTS; i++) {
    UNTIL(b, p[i]->ask != PENDING);
    CHECK_EQ(p[i]->ask, 0);
    CHECK_EQ(uvssh_channel_read_start(&p[i]->channel, peer_read), 0);
    CHECK_EQ(uvssh_channel_send(&p[i]->channel, UVSSH_DATA, "0123456789", 10),
             0);
    CHECK_EQ(uvssh_session_rekey(NULL, &p[i]->session, NULL), 0);
  }
  for (i = 0; i < CLIENTS; i++) {
    UNTIL(b, p[i]->got == 10);
    if (i % 2 == 0)
      uvssh_session_close(&p[i]->session);
  }
}

/* A check that fails here ends the whole program. */
static void live(void* arg) {
  struct world* w = arg;
  int round;

  for (round = 0; round < 5; round++) {
    both_open(&w->b);
    uvssh_key_unref(w->b.key);
    w->b.key = uvssh_key_ref(shared);
    both_listen(&w->b);
    talk(&w->b);
    both_close(&w->b);
  }
}

TEST(threads_loops) {
  static struct world worlds[THREADS];
  int i;

  CHECK_EQ(uvssh_key_generate(&shared, UVSSH_KEY_ED25519, 0), 0);
  for (i = 0; i < THREADS; i++)
    CHECK_EQ(uv_thread_create(&worlds[i].thread, live, &worlds[i]), 0);
  for (i = 0; i < THREADS; i++)
    CHECK_EQ(uv_thread_join(&worlds[i].thread), 0);
  uvssh_key_unref(shared);
}

/* A loop that is made here and runs there. */
static void run_elsewhere(void* arg) {
  struct both* b = arg;

  talk(b);
  both_close(b);
}

TEST(threads_loop_moves) {
  static struct both b;
  uv_thread_t thread;

  both_open(&b);
  both_listen(&b);
  both_login(&b);
  CHECK_EQ(uv_thread_create(&thread, run_elsewhere, &b), 0);
  CHECK_EQ(uv_thread_join(&thread), 0);
}

/* ---- replies from another thread ---------------------------------------------------- */

struct wrong {
  uvssh_reply_t reply;
  int err[6];
  int found;
};

static void answer(void* arg) {
  static const uvssh_channel_handlers_t on = { 0 };
  static const uvssh_prompts_t form = { 0 };
  static const char* const answers[] = { "" };
  struct wrong* w = arg;
  uvssh_channel_t channel = { 0 };

  w->err[0] = uvssh_reply_accept(w->reply);
  w->err[1] = uvssh_reply_reject(w->reply);
  w->err[2] = uvssh_reply_partial(w->reply, UVSSH_AUTH_PASSWORD);
  w->err[3] = uvssh_reply_prompt(w->reply, &form);
  w->err[4] = uvssh_reply_answers(w->reply, answers, 1);
  w->err[5] = uvssh_channel_accept(w->reply, &channel, &on);
  w->found = uvssh_reply_session(w->reply) != NULL;
}

static void check_wrong_thread(uvssh_reply_t reply) {
  struct wrong w = { .reply = reply };
  uv_thread_t thread;
  size_t i;

  CHECK_EQ(uv_thread_create(&thread, answer, &w), 0);
  CHECK_EQ(uv_thread_join(&thread), 0);
  for (i = 0; i < 6; i++)
    CHECK_EQ(w.err[i], UV_EINVAL);
  CHECK_EQ(w.found, 0);
}

static void on_auth_wrong(uvssh_session_t* session,
                          const uvssh_auth_t* attempt,
                          uvssh_reply_t reply) {
  check_wrong_thread(reply);
  CHECK(uvssh_reply_session(reply) == session);
  CHECK_EQ(uvssh_reply_accept(reply), 0);            /* it is still open */
  CHECK_EQ(uvssh_reply_accept(reply), UV_ECANCELED);
}

static void on_channel_wrong(uvssh_session_t* session,
                             const uvssh_channel_open_t* ask,
                             uvssh_reply_t reply) {
  check_wrong_thread(reply);
  CHECK_EQ(uvssh_reply_accept(reply), UV_EINVAL);    /* of the wrong kind */
  peer_channel(session, ask, reply);
}

static void on_request_wrong(uvssh_channel_t* channel,
                             const uvssh_channel_request_t* ask,
                             uvssh_reply_t reply) {
  check_wrong_thread(reply);
  peer_request(channel, ask, reply);
}

TEST(threads_reply_on_the_wrong_one) {
  struct both b;

  both_open(&b);
  b.server_on.on_auth = on_auth_wrong;
  b.server_on.on_channel = on_channel_wrong;
  b.server_channel_on.on_request = on_request_wrong;
  both_listen(&b);
  both_channel(&b, "echo");
  both_close(&b);
}

/* Two threads that hammer at the same reply while its loop runs on. */
static int hammering;

static void hammer(void* arg) {
  struct wrong* w = arg;

  while (__atomic_load_n(&hammering, __ATOMIC_SEQ_CST)) {
    answer(w);
    if (w->err[0] != UV_EINVAL && w->err[0] != UV_ECANCELED)
      abort();
  }
}

static uvssh_reply_t kept;

static void on_auth_kept(uvssh_session_t* session,
                         const uvssh_auth_t* attempt,
                         uvssh_reply_t reply) {
  if (kept.serial == 0)
    kept = reply;
  else
    CHECK_EQ(uvssh_reply_accept(reply), 0);
}

TEST(threads_reply_while_the_loop_runs) {
  struct both b;
  struct peer* p;
  struct wrong w[2];
  uv_thread_t threads[2];
  int i;

  memset(&kept, 0, sizeof(kept));
  both_open(&b);
  b.server_on.on_auth = on_auth_kept;
  both_listen(&b);
  p = both_client(&b, GOAL_LOGIN);
  UNTIL(&b, kept.serial != 0);
  __atomic_store_n(&hammering, 1, __ATOMIC_SEQ_CST);
  for (i = 0; i < 2; i++) {
    w[i].reply = kept;
    CHECK_EQ(uv_thread_create(&threads[i], hammer, &w[i]), 0);
  }
  for (i = 0; i < 10; i++)
    both_login(&b);
  CHECK_EQ(p->auth, PENDING);
  CHECK_EQ(uvssh_reply_accept(kept), 0);
  UNTIL(&b, p->auth == 0);
  both_close(&b);                  /* its table of replies goes, too */
  __atomic_store_n(&hammering, 0, __ATOMIC_SEQ_CST);
  for (i = 0; i < 2; i++)
    CHECK_EQ(uv_thread_join(&threads[i]), 0);
}
