/* What handles may be given before the loop, or the peer, has taken it; how
 * often the loop is woken for it; and what fails.
 *
 * uv_async_init(), uv_async_send() and uv_mutex_init() of the library come by
 * here: they are counted, and made to fail. */
#include <dlfcn.h>

#include "both.h"

enum { WINDOW = 32 * 1024, PIECE = 1024, ROOM = 64 * 1024 };

static uv_async_t* async;          /* the one that was made last */
static int wakes;                  /* of it */
static int async_err;              /* what the next uv_async_init() says */
static int mutex_in;               /* the so manieth uv_mutex_init() fails */

static void* real(const char* name) {
  void* found = dlsym(RTLD_NEXT, name);

  CHECK(found != NULL);
  return found;
}

int uv_async_init(uv_loop_t* loop, uv_async_t* handle, uv_async_cb cb) {
  int (*next)(uv_loop_t*, uv_async_t*, uv_async_cb);
  int err = async_err;

  async_err = 0;
  if (err != 0)
    return err;
  async = handle;
  wakes = 0;
  *(void**) &next = real("uv_async_init");
  return next(loop, handle, cb);
}

int uv_async_send(uv_async_t* handle) {
  int (*next)(uv_async_t*);

  if (handle == async)
    wakes++;
  *(void**) &next = real("uv_async_send");
  return next(handle);
}

int uv_mutex_init(uv_mutex_t* mutex) {
  int (*next)(uv_mutex_t*);

  if (mutex_in != 0 && --mutex_in == 0)
    return UV_EAGAIN;
  *(void**) &next = real("uv_mutex_init");
  return next(mutex);
}

/* ---- one reader ---------------------------------------------------------- */

static char pieces[2 * ROOM];      /* what it got */
static size_t got;

static void on_bytes(uvssh_channel_t* channel,
                     int stream,
                     ssize_t nread,
                     const uv_buf_t* buf) {
  if (nread <= 0)
    return;
  CHECK((size_t) nread <= sizeof(pieces) - got);
  memcpy(pieces + got, buf->base, (size_t) nread);
  got += (size_t) nread;
}

static void on_count(uvssh_session_t* session, void* arg) {
  ++*(int*) arg;
}

struct line {
  struct both b;
  struct peer* client;             /* reads nothing before line_read() */
  uvssh_handle_t* handle;          /* of the server's end */
  uint64_t id;
};

static void line_open(struct line* l) {
  got = 0;
  l->b.client_config.window_bytes = WINDOW;
  both_listen(&l->b);
  l->client = both_channel(&l->b, "");
  l->id = served_last(&l->b)->channel.id;
  CHECK_EQ(uvssh_handle_create(&l->handle, &served_last(&l->b)->session), 0);
}

static void line_read(struct line* l) {
  CHECK_EQ(uvssh_channel_read_start(&l->client->channel, on_bytes), 0);
}

static void line_close(struct line* l) {
  uvssh_handle_unref(l->handle);
  both_close(&l->b);
}

static int send_bytes(struct line* l, int byte, size_t len) {
  static char bytes[ROOM];

  CHECK(len <= sizeof(bytes));
  memset(bytes, byte, len);
  return uvssh_handle_send(l->handle, l->id, UVSSH_DATA, bytes, len);
}

/* All that was given until now is done, and has left as far as it can. */
static void settle(struct line* l) {
  int done = 0;
  int i;

  for (i = 1; i <= 3; i++) {
    CHECK_EQ(uvssh_handle_post(l->handle, on_count, &done), 0);
    UNTIL(&l->b, done == i);
  }
}

/* ---- bounds -------------------------------------------------------------- */

TEST(handle_bounds_bytes) {
  struct line l;
  uvssh_handle_t* other;

  both_open(&l.b);
  l.b.server_config.handle_bytes = 1000;
  line_open(&l);
  line_read(&l);
  CHECK_EQ(uvssh_handle_create(&other, &served_last(&l.b)->session), 0);
  CHECK_EQ(send_bytes(&l, 'a', 600), 0);
  CHECK_EQ(send_bytes(&l, 'b', 401), UV_ENOBUFS);
  CHECK_EQ(uvssh_handle_send(other, l.id, UVSSH_DATA, pieces, 401), UV_ENOBUFS);
  CHECK_EQ(send_bytes(&l, 'c', 400), 0);
  CHECK_EQ(send_bytes(&l, 'd', 1), UV_ENOBUFS);
  CHECK_EQ(send_bytes(&l, 'd', 0), 0);
  CHECK_EQ(send_bytes(&l, 'd', 1001), UV_EMSGSIZE);
  UNTIL(&l.b, got == 1000);
  CHECK_EQ(send_bytes(&l, 'e', 1000), 0);
  UNTIL(&l.b, got == 2000);
  CHECK_EQ(pieces[599], 'a');
  CHECK_EQ(pieces[600], 'c');
  CHECK_EQ(pieces[999], 'c');
  CHECK_EQ(pieces[1000], 'e');
  uvssh_handle_unref(other);
  line_close(&l);
}

TEST(handle_bounds_messages) {
  struct line l;
  int ran = 0;
  int never = 0;

  both_open(&l.b);
  l.b.server_config.handle_messages = 3;
  line_open(&l);
  line_read(&l);
  CHECK_EQ(uvssh_handle_post(l.handle, on_count, &ran), 0);
  CHECK_EQ(send_bytes(&l, 'a', 1), 0);
  CHECK_EQ(uvssh_handle_post(l.handle, on_count, &ran), 0);
  CHECK_EQ(uvssh_handle_post(l.handle, on_count, &never), UV_ENOBUFS);
  CHECK_EQ(send_bytes(&l, 'b', 1), UV_ENOBUFS);
  CHECK_EQ(send_bytes(&l, 'b', 0), UV_ENOBUFS);
  UNTIL(&l.b, ran == 2);
  CHECK_EQ(send_bytes(&l, 'c', 1), 0);
  CHECK_EQ(send_bytes(&l, 'd', 0), 0);
  CHECK_EQ(send_bytes(&l, 'e', 1), 0);
  CHECK_EQ(send_bytes(&l, 'f', 1), UV_ENOBUFS);
  UNTIL(&l.b, got == 3);
  CHECK_MEM(pieces, got, "ace", 3);
  CHECK_EQ(never, 0);
  line_close(&l);
}

/* The peer's window is full: what has not left counts, and posts still run. */
TEST(handle_bounds_until_they_have_left) {
  struct line l;
  int sent = 0;
  int i;
  int err;

  both_open(&l.b);
  l.b.server_config.handle_bytes = ROOM;
  line_open(&l);
  while (sent < (WINDOW + ROOM) / PIECE) {
    err = send_bytes(&l, sent, PIECE);
    if (err == 0)
      sent++;
    else
      CHECK_EQ(err, UV_ENOBUFS);
    settle(&l);
  }
  CHECK_EQ(send_bytes(&l, 'x', 1), UV_ENOBUFS);
  settle(&l);
  CHECK_EQ(send_bytes(&l, 'x', 1), UV_ENOBUFS);
  CHECK_EQ(uvssh_channel_queue_size(&served_last(&l.b)->channel), ROOM);
  line_read(&l);
  UNTIL(&l.b, got == WINDOW + ROOM);
  for (i = 0; i < sent; i++) {
    NOTE("piece %d", i);
    CHECK_EQ(pieces[i * PIECE], i);
    CHECK_EQ(pieces[i * PIECE + PIECE - 1], i);
  }
  CHECK_EQ(send_bytes(&l, 'y', ROOM / 2), 0);
  line_close(&l);                  /* it is still on its way */
}

/* A message counts as a whole until its last byte has left. */
TEST(handle_bounds_until_all_of_it_has_left) {
  struct line l;

  both_open(&l.b);
  l.b.server_config.handle_bytes = WINDOW + PIECE;
  line_open(&l);
  CHECK_EQ(send_bytes(&l, 'a', WINDOW + PIECE), 0);
  settle(&l);
  CHECK_EQ(uvssh_channel_queue_size(&served_last(&l.b)->channel), PIECE);
  CHECK_EQ(send_bytes(&l, 'b', 1), UV_ENOBUFS);
  line_read(&l);
  UNTIL(&l.b, got == WINDOW + PIECE);
  CHECK_EQ(send_bytes(&l, 'b', WINDOW + PIECE), 0);
  line_close(&l);
}

/* Many small ones hold memory too: no more of them than messages, either. */
TEST(handle_bounds_small_sends) {
  enum { MOST = 100 };
  struct line l;
  int ran = 0;
  int i;

  both_open(&l.b);
  l.b.server_config.handle_messages = MOST;
  line_open(&l);
  CHECK_EQ(send_bytes(&l, 'a', WINDOW), 0);
  settle(&l);
  for (i = 0; i < MOST; i++) {
    CHECK_EQ(send_bytes(&l, 'b', 1), 0);
    if (i % 10 == 0)
      settle(&l);
  }
  settle(&l);
  CHECK_EQ(send_bytes(&l, 'c', 1), UV_ENOBUFS);
  for (i = 0; i < MOST; i++)       /* posts are not kept out by a slow reader */
    CHECK_EQ(uvssh_handle_post(l.handle, on_count, &ran), 0);
  CHECK_EQ(uvssh_handle_post(l.handle, on_count, &ran), UV_ENOBUFS);
  UNTIL(&l.b, ran == MOST);
  line_read(&l);
  UNTIL(&l.b, got == WINDOW + MOST);
  CHECK_EQ(send_bytes(&l, 'd', 1), 0);
  UNTIL(&l.b, got == WINDOW + MOST + 1);
  CHECK_EQ(pieces[WINDOW + MOST], 'd');
  line_close(&l);
}

static void on_rekeyed(uvssh_req_t* req, int status) {
  CHECK_EQ(status, 0);
  *(int*) req->data = 1;
}

/* No data may leave while keys are exchanged. */
TEST(handle_bounds_in_an_exchange) {
  struct line l;
  int rekeyed = 0;
  uvssh_req_t req = { .data = &rekeyed };

  both_open(&l.b);
  line_open(&l);
  line_read(&l);
  CHECK_EQ(uvssh_session_rekey(&req, &served_last(&l.b)->session, on_rekeyed),
           0);
  CHECK_EQ(send_bytes(&l, 'a', 100), 0);
  CHECK_EQ(send_bytes(&l, 'b', 1), 0);
  UNTIL(&l.b, rekeyed == 1 && got == 101);
  CHECK_EQ(pieces[100], 'b');
  line_close(&l);
}

/* ---- waking the loop ----------------------------------------------------- */

TEST(handle_wakes_once_for_many) {
  enum { MANY = 1000 };
  struct line l;
  uvssh_handle_t* other;
  int ran = 0;
  int i;

  both_open(&l.b);
  line_open(&l);
  line_read(&l);
  CHECK_EQ(uvssh_handle_create(&other, &l.client->session), 0);
  CHECK_EQ(wakes, 0);
  for (i = 0; i < MANY; i++) {
    CHECK_EQ(uvssh_handle_post(l.handle, on_count, &ran), 0);
    CHECK_EQ(send_bytes(&l, i, 10), 0);
    CHECK_EQ(uvssh_handle_post(other, on_count, &ran), 0);
  }
  CHECK_EQ(wakes, 1);
  CHECK_EQ(ran, 0);
  both_turn(&l.b, "a turn");       /* one is enough for all */
  CHECK_EQ(ran, 2 * MANY);
  CHECK_EQ(wakes, 1);
  UNTIL(&l.b, got == 10 * MANY);
  CHECK_EQ(wakes, 1);
  CHECK_EQ(uvssh_handle_post(other, on_count, &ran), 0);
  CHECK_EQ(wakes, 2);
  CHECK_EQ(uvssh_handle_post(l.handle, on_count, &ran), 0);
  CHECK_EQ(wakes, 2);
  UNTIL(&l.b, ran == 2 * MANY + 2);
  uvssh_handle_unref(other);
  line_close(&l);
}

/* ---- failures ------------------------------------------------------------ */

TEST(handle_create_fails) {
  struct both b;
  struct peer* p;
  uvssh_handle_t* untouched = (uvssh_handle_t*) &b;
  uvssh_handle_t* h = untouched;
  int ran = 0;

  both_open(&b);
  both_listen(&b);
  p = both_login(&b);
  mutex_in = 1;
  CHECK_EQ(uvssh_handle_create(&h, &p->session), UV_EAGAIN);
  async_err = UV_EMFILE;
  CHECK_EQ(uvssh_handle_create(&h, &p->session), UV_EMFILE);
  mutex_in = 2;
  CHECK_EQ(uvssh_handle_create(&h, &p->session), UV_EAGAIN);
  CHECK(h == untouched);
  CHECK_EQ(uvssh_handle_create(&h, &p->session), 0);
  CHECK_EQ(uvssh_handle_post(h, on_count, &ran), 0);
  UNTIL(&b, ran == 1);
  uvssh_handle_unref(h);
  both_close(&b);
}

static int give(uvssh_session_t* session, int* taken, int* ran) {
  uvssh_handle_t* h;
  int err = uvssh_handle_create(&h, session);

  if (err != 0)
    return err;
  err = uvssh_handle_post(h, on_count, ran);
  *taken = err == 0;
  if (err == 0)
    err = uvssh_handle_send(h, 1, UVSSH_DATA, "nobody", 6);
  uvssh_handle_unref(h);
  return err;
}

TEST(handle_memory) {
  uvssh_session_handlers_t on = { 0 };
  uvssh_session_t session = { 0 };
  uv_loop_t loop;
  int taken;
  int ran;
  int err;

  CHECK_EQ(uv_loop_init(&loop), 0);
  HEAP_SWEEP(n) {
    taken = ran = 0;
    err = uvssh_session_init(&loop, &session, NULL, &on);
    if (err == 0)
      err = give(&session, &taken, &ran);
    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    uvssh_session_close(&session);
    CHECK_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
    CHECK_EQ(ran, taken);
  }
  CHECK_EQ(uv_loop_close(&loop), 0);
}
