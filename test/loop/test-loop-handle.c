/* Handles for other threads: their life, and functions that are posted. What is
 * sent: test-loop-handle-send.c. */
#include "both.h"

/* What a post has seen. */
struct note {
  struct both* b;
  uvssh_handle_t* handle;
  int ran;
  int nulls;
  int err;                         /* what a call inside of it returned */
  uvssh_session_t* session;
  int at;                          /* the how manieth it was */
};

static int order;

static void on_post(uvssh_session_t* session, void* arg) {
  struct note* n = arg;

  n->ran++;
  n->nulls += session == NULL;
  n->session = session;
  n->at = ++order;
  if (session != NULL)
    CHECK_EQ(peer_of(session)->closes, 0);
}

static uvssh_handle_t* handle_new(struct peer* p) {
  uvssh_handle_t* h = NULL;

  CHECK_EQ(uvssh_handle_create(&h, &p->session), 0);
  CHECK(h != NULL);
  return h;
}

/* ---- create, ref, unref -------------------------------------------------- */

TEST(handle_create_arguments) {
  uvssh_session_t zeroed = { 0 };
  uvssh_handle_t* untouched = (uvssh_handle_t*) &zeroed;
  uvssh_handle_t* h = untouched;

  CHECK_EQ(uvssh_handle_create(NULL, &zeroed), UV_EINVAL);
  CHECK_EQ(uvssh_handle_create(&h, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_handle_create(&h, &zeroed), UV_ENOTCONN);
  CHECK(h == untouched);
  CHECK(uvssh_handle_ref(NULL) == NULL);
  uvssh_handle_unref(NULL);
  CHECK_EQ(uvssh_handle_post(NULL, on_post, NULL), UV_EINVAL);
}

static int in_on_close;

static void create_in_close(uvssh_session_t* session, const uvssh_end_t* end) {
  uvssh_handle_t* h;

  in_on_close = uvssh_handle_create(&h, session);
  peer_close(session, end);
}

TEST(handle_create_from_first_to_last) {
  struct both b;
  struct peer* p;
  struct peer* s;
  uvssh_handle_t* h = NULL;

  in_on_close = 0;
  both_open(&b);
  b.client_on.on_close = create_in_close;
  both_listen(&b);
  p = both_client(&b, GOAL_LOGIN);
  uvssh_handle_unref(handle_new(p));           /* not even connected */
  UNTIL(&b, p->readies == 1 && b.served_count == 1 &&
                served_last(&b)->readies == 1);
  s = served_last(&b);
  uvssh_handle_unref(handle_new(p));
  uvssh_handle_unref(handle_new(s));
  CHECK_EQ(uvssh_session_disconnect(&s->session, 11, ""), 0);
  CHECK_EQ(uvssh_handle_create(&h, &s->session), UV_ENOTCONN);
  uvssh_session_close(&p->session);
  CHECK_EQ(uvssh_handle_create(&h, &p->session), UV_ENOTCONN);
  UNTIL(&b, p->closes == 1);
  CHECK_EQ(in_on_close, UV_ENOTCONN);
  CHECK_EQ(uvssh_handle_create(&h, &p->session), UV_ENOTCONN);
  CHECK(h == NULL);
  both_close(&b);
}

static void unref_elsewhere(void* arg) {
  uvssh_handle_unref(arg);
}

/* What was taken is done also when nobody holds a handle any more. */
TEST(handle_unref_leaves_what_was_taken) {
  struct both b;
  struct peer* p;
  uvssh_handle_t* h;
  uvssh_handle_t* same;
  uv_thread_t thread;
  struct note n = { 0 };

  both_open(&b);
  both_listen(&b);
  p = both_login(&b);
  h = handle_new(p);
  same = uvssh_handle_ref(h);
  CHECK(same == h);
  CHECK_EQ(uvssh_handle_post(h, on_post, &n), 0);
  uvssh_handle_unref(h);
  CHECK_EQ(uvssh_handle_post(same, on_post, &n), 0);
  CHECK_EQ(uv_thread_create(&thread, unref_elsewhere, same), 0);
  CHECK_EQ(uv_thread_join(&thread), 0);
  CHECK_EQ(n.ran, 0);
  UNTIL(&b, n.ran == 2);
  h = handle_new(p);                           /* there may be others later */
  CHECK_EQ(uvssh_handle_post(h, on_post, &n), 0);
  UNTIL(&b, n.ran == 3);
  CHECK_EQ(n.nulls, 0);
  uvssh_handle_unref(h);
  both_close(&b);
}

/* ---- posts --------------------------------------------------------------- */

static uv_thread_t loop_thread;

static void on_post_there(uvssh_session_t* session, void* arg) {
  uv_thread_t self = uv_thread_self();

  CHECK(uv_thread_equal(&self, &loop_thread));
  on_post(session, arg);
}

static void post_elsewhere(void* arg) {
  struct note* n = arg;

  n->err = uvssh_handle_post(n->handle, on_post_there, n);
}

TEST(handle_post_runs_on_the_loop) {
  struct both b;
  struct peer* p;
  struct note n = { 0 };
  uv_thread_t thread;

  loop_thread = uv_thread_self();
  both_open(&b);
  both_listen(&b);
  p = both_login(&b);
  n.handle = handle_new(p);
  CHECK_EQ(uvssh_handle_post(n.handle, NULL, &n), UV_EINVAL);
  CHECK_EQ(uvssh_handle_post(n.handle, on_post_there, &n), 0);
  CHECK_EQ(n.ran, 0);                          /* never inside the call */
  UNTIL(&b, n.ran == 1);
  CHECK(n.session == &p->session);
  CHECK_EQ(uv_thread_create(&thread, post_elsewhere, &n), 0);
  UNTIL(&b, n.ran == 2);                       /* the loop may well sleep */
  CHECK_EQ(uv_thread_join(&thread), 0);
  CHECK_EQ(n.err, 0);
  CHECK_EQ(n.nulls, 0);
  uvssh_handle_unref(n.handle);
  both_close(&b);
}

TEST(handle_post_order_over_handles) {
  struct both b;
  struct peer* p;
  uvssh_handle_t* h[3];
  struct note n[30];
  int i;

  memset(n, 0, sizeof(n));
  order = 0;
  both_open(&b);
  both_listen(&b);
  p = both_login(&b);
  for (i = 0; i < 3; i++)
    h[i] = handle_new(p);
  for (i = 0; i < 30; i++)
    CHECK_EQ(uvssh_handle_post(h[i * 7 % 3], on_post, &n[i]), 0);
  UNTIL(&b, order == 30);
  for (i = 0; i < 30; i++)
    CHECK_EQ(n[i].at, i + 1);
  for (i = 0; i < 3; i++)
    uvssh_handle_unref(h[i]);
  both_close(&b);
}

/* Posted in a post: another time round, with the loop's other work between. */
static void on_post_again(uvssh_session_t* session, void* arg) {
  struct note* n = arg;
  uvssh_post_cb next = n->ran < 4 ? on_post_again : on_post;

  on_post(session, n);
  n->err = uvssh_handle_post(n->handle, next, n);
}

TEST(handle_post_in_a_post) {
  struct both b;
  struct note n = { 0 };
  int before;

  both_open(&b);
  b.client_config.handle_messages = 1;         /* what runs does not wait */
  both_listen(&b);
  n.handle = handle_new(both_login(&b));
  CHECK_EQ(uvssh_handle_post(n.handle, on_post_again, &n), 0);
  while (n.ran < 6) {
    before = n.ran;
    both_turn(&b, "all have run");
    CHECK(n.ran <= before + 1);
    CHECK_EQ(n.err, 0);
  }
  both_close(&b);
  CHECK_EQ(n.ran, 6);
  CHECK_EQ(n.nulls, 0);
  uvssh_handle_unref(n.handle);
}

/* ---- what a post may do -------------------------------------------------- */

static void on_post_close(uvssh_session_t* session, void* arg) {
  on_post(session, arg);
  uvssh_session_close(session);
  uvssh_session_close(session);
}

static void on_post_disconnect(uvssh_session_t* session, void* arg) {
  on_post(session, arg);
  CHECK_EQ(uvssh_session_disconnect(session, 11, "posted"), 0);
}

static void on_post_close_server(uvssh_session_t* session, void* arg) {
  struct note* n = arg;

  on_post(session, arg);
  uvssh_server_close(&n->b->server, both_on_server_close);
}

static void on_post_unref(uvssh_session_t* session, void* arg) {
  struct note* n = arg;

  on_post(session, arg);
  uvssh_handle_unref(n->handle);
  uvssh_session_close(session);
}

static void on_post_close_channel(uvssh_session_t* session, void* arg) {
  on_post(session, arg);
  uvssh_channel_abort(&peer_of(session)->channel);
  uvssh_channel_close(&peer_of(session)->channel);
}

/* Each, with sends and posts before and behind it, at the server's end. */
TEST(handle_post_that_closes) {
  static const uvssh_post_cb acts[] = {
    on_post_close, on_post_disconnect, on_post_close_server,
    on_post_unref, on_post_close_channel,
  };
  struct both b;
  struct peer* s;
  struct note n[3];
  uint64_t id;
  size_t i;

  for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
    NOTE("act %zu", i);
    memset(n, 0, sizeof(n));
    both_open(&b);
    both_listen(&b);
    both_channel(&b, "");
    s = served_last(&b);
    id = s->channel.id;
    n[1].b = &b;
    n[1].handle = handle_new(s);
    CHECK_EQ(uvssh_handle_post(n[1].handle, on_post, &n[0]), 0);
    CHECK_EQ(uvssh_handle_send(n[1].handle, id, UVSSH_DATA, "before", 6), 0);
    CHECK_EQ(uvssh_handle_post(n[1].handle, acts[i], &n[1]), 0);
    CHECK_EQ(uvssh_handle_send(n[1].handle, id, UVSSH_DATA, "behind", 6), 0);
    CHECK_EQ(uvssh_handle_post(n[1].handle, on_post, &n[2]), 0);
    UNTIL(&b, acts[i] == on_post_close_server ? b.server_closes == 1
                                              : s->channel_closes == 1);
    b.server_closes = 0;           /* both_close() begins to count there */
    both_close(&b);
    CHECK_EQ(n[0].ran + n[1].ran + n[2].ran, 3);
    CHECK_EQ(n[0].nulls + n[1].nulls, 0);
    if (acts[i] != on_post_unref)
      uvssh_handle_unref(n[1].handle);
  }
}
