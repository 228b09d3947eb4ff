/* Bytes that handles send: order, bounds, and channels that take none. */
#include "both.h"

static char text[4096];            /* what the first channel's reader got */
static size_t text_len;
static int stderr_len;

static void on_text(uvssh_channel_t* channel,
                    int stream,
                    ssize_t nread,
                    const uv_buf_t* buf) {
  if (nread <= 0)
    return;
  CHECK((size_t) nread <= sizeof(text) - text_len);
  memcpy(text + text_len, buf->base, (size_t) nread);
  text_len += (size_t) nread;
  stderr_len += stream == UVSSH_STDERR ? (int) nread : 0;
}

struct line {                      /* a channel, and a handle of the server's */
  struct both b;
  struct peer* client;
  struct peer* server;
  uvssh_handle_t* handle;
  uint64_t id;
};

static void line_open(struct line* l) {
  text_len = 0;
  stderr_len = 0;
  both_listen(&l->b);
  l->client = both_channel(&l->b, "");
  l->server = served_last(&l->b);
  l->id = l->server->channel.id;
  CHECK_EQ(uvssh_handle_create(&l->handle, &l->server->session), 0);
}

static void line_read(struct line* l) {
  CHECK_EQ(uvssh_channel_read_start(&l->client->channel, on_text), 0);
}

static void line_close(struct line* l) {
  uvssh_handle_unref(l->handle);
  both_close(&l->b);
}

static int send_text(struct line* l, const char* what) {
  return uvssh_handle_send(l->handle, l->id, UVSSH_DATA, what, strlen(what));
}

static void on_count(uvssh_session_t* session, void* arg) {
  ++*(int*) arg;
}

/* All that was given until now has been done. */
static void settle(struct line* l) {
  int done = 0;

  CHECK_EQ(uvssh_handle_post(l->handle, on_count, &done), 0);
  UNTIL(&l->b, done == 1);
}

/* ---- arguments ----------------------------------------------------------- */

TEST(handle_send_arguments) {
  struct line l;
  uvssh_handle_t* h;

  both_open(&l.b);
  l.b.server_config.handle_bytes = 100;
  line_open(&l);
  line_read(&l);
  CHECK_EQ(uvssh_handle_create(&h, &l.client->session), 0);
  CHECK_EQ(uvssh_handle_send(NULL, l.id, UVSSH_DATA, "x", 1), UV_EINVAL);
  CHECK_EQ(uvssh_handle_send(l.handle, l.id, UVSSH_DATA, NULL, 1), UV_EINVAL);
  CHECK_EQ(uvssh_handle_send(l.handle, l.id, 2, "x", 1), UV_EINVAL);
  CHECK_EQ(uvssh_handle_send(l.handle, l.id, -1, "x", 1), UV_EINVAL);
  CHECK_EQ(uvssh_handle_send(h, 1, UVSSH_STDERR, "x", 1), UV_EINVAL);
  CHECK_EQ(uvssh_handle_send(l.handle, l.id, UVSSH_DATA, text, 101),
           UV_EMSGSIZE);
  CHECK_EQ(uvssh_handle_send(l.handle, l.id, UVSSH_DATA, text,
                             (size_t) INT32_MAX + 1), UV_EMSGSIZE);
  CHECK_EQ(uvssh_handle_send(l.handle, l.id, UVSSH_DATA, text, SIZE_MAX),
           UV_EMSGSIZE);
  CHECK_EQ(uvssh_handle_send(l.handle, l.id, UVSSH_DATA, NULL, 0), 0);
  CHECK_EQ(uvssh_handle_send(l.handle, l.id, UVSSH_DATA, "x", 0), 0);
  CHECK_EQ(uvssh_handle_send(l.handle, l.id, UVSSH_STDERR, "err", 3), 0);
  CHECK_EQ(send_text(&l, "data"), 0);
  UNTIL(&l.b, text_len == 7);
  CHECK_MEM(text, 7, "errdata", 7);
  CHECK_EQ(stderr_len, 3);
  uvssh_handle_unref(h);
  line_close(&l);
}

/* ---- order --------------------------------------------------------------- */

static void on_send_from_here(uvssh_session_t* session, void* arg) {
  CHECK_EQ(uvssh_channel_send(&peer_of(session)->channel, UVSSH_DATA, arg,
                              strlen(arg)), 0);
}

/* Of two handles; with posts between them that send themselves. */
TEST(handle_send_order_with_posts) {
  struct line l;
  uvssh_handle_t* other;
  char here[] = "here ";

  both_open(&l.b);
  line_open(&l);
  line_read(&l);
  CHECK_EQ(uvssh_handle_create(&other, &l.server->session), 0);
  CHECK_EQ(send_text(&l, "one "), 0);
  CHECK_EQ(uvssh_handle_post(other, on_send_from_here, here), 0);
  CHECK_EQ(uvssh_handle_send(other, l.id, UVSSH_DATA, "two ", 4), 0);
  CHECK_EQ(send_text(&l, "three "), 0);
  CHECK_EQ(uvssh_handle_post(l.handle, on_send_from_here, here), 0);
  CHECK_EQ(uvssh_handle_send(other, l.id, UVSSH_DATA, "four", 4), 0);
  UNTIL(&l.b, text_len == 28);
  CHECK_MEM(text, text_len, "one here two three here four", 28);
  uvssh_handle_unref(other);
  line_close(&l);
}

static uvssh_channel_t second[2];  /* the client's and the server's */
static int second_closes;
static char second_text[64];
static size_t second_len;

static void on_second_text(uvssh_channel_t* channel,
                           int stream,
                           ssize_t nread,
                           const uv_buf_t* buf) {
  if (nread <= 0)
    return;
  CHECK((size_t) nread <= sizeof(second_text) - second_len);
  memcpy(second_text + second_len, buf->base, (size_t) nread);
  second_len += (size_t) nread;
}

static void on_second_close(uvssh_channel_t* channel, int status) {
  second_closes++;
}

static const uvssh_channel_handlers_t second_on = {
  .on_close = on_second_close,
};

static void on_channel_second(uvssh_session_t* session,
                              const uvssh_channel_open_t* ask,
                              uvssh_reply_t reply) {
  if (peer_of(session)->channels == 0)
    peer_channel(session, ask, reply);
  else
    CHECK_EQ(uvssh_channel_accept(reply, &second[1], &second_on), 0);
}

static void on_second_open(uvssh_req_t* req, int status) {
  CHECK_EQ(status, 0);
  peer_of(req->session)->extra = 1;
}

/* Opens one more channel in the same session. */
static void second_open(struct line* l, uvssh_req_t* req) {
  static const uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_SESSION };

  second_len = 0;
  second_closes = 0;
  memset(second, 0, sizeof(second));
  l->client->extra = 0;
  CHECK_EQ(uvssh_channel_open(req, &l->client->session, &second[0], &what,
                              &second_on, on_second_open), 0);
  /* Until the peer has said yes there is nothing to send to. */
  UNTIL(&l->b, l->client->extra == 1);
  CHECK_EQ(uvssh_channel_read_start(&second[0], on_second_text), 0);
}

TEST(handle_send_to_two_channels) {
  struct line l;
  uvssh_req_t req;
  int i;

  both_open(&l.b);
  l.b.server_on.on_channel = on_channel_second;
  line_open(&l);
  line_read(&l);
  second_open(&l, &req);
  CHECK(second[1].id != l.id);
  for (i = 0; i < 10; i++) {
    CHECK_EQ(uvssh_handle_send(l.handle, i % 2 == 0 ? l.id : second[1].id,
                               UVSSH_DATA, &"0123456789"[i], 1), 0);
  }
  UNTIL(&l.b, text_len == 5 && second_len == 5);
  CHECK_MEM(text, text_len, "02468", 5);
  CHECK_MEM(second_text, second_len, "13579", 5);
  line_close(&l);
  CHECK_EQ(second_closes, 2);
}

/* ---- nobody there -------------------------------------------------------- */

/* Each is dropped, and its bytes count no longer. */
static void check_dropped(struct line* l, uint64_t id) {
  size_t before = text_len;

  CHECK_EQ(uvssh_handle_send(l->handle, id, UVSSH_DATA, text, 1000), 0);
  CHECK_EQ(uvssh_handle_send(l->handle, l->id, UVSSH_DATA, "x", 1), UV_ENOBUFS);
  settle(l);
  CHECK_EQ(text_len, before);
}

TEST(handle_send_to_no_channel) {
  struct line l;
  uvssh_req_t req;
  uint64_t old;

  both_open(&l.b);
  l.b.server_config.handle_bytes = 1000;
  l.b.server_on.on_channel = on_channel_second;
  line_open(&l);
  line_read(&l);
  check_dropped(&l, 0);
  check_dropped(&l, l.id + 1);                 /* not yet */
  check_dropped(&l, UINT32_MAX);
  check_dropped(&l, (uint64_t) UINT32_MAX + 1);
  check_dropped(&l, ((uint64_t) 1 << 32) + l.id);
  check_dropped(&l, UINT64_MAX);
  second_open(&l, &req);
  old = second[1].id;
  uvssh_channel_close(&second[1]);
  check_dropped(&l, old);                      /* closing */
  UNTIL(&l.b, second_closes == 2);
  check_dropped(&l, old);                      /* gone */
  second_open(&l, &req);
  CHECK(second[1].id != old);
  check_dropped(&l, old);                      /* not the next one's */
  CHECK_EQ(second_len, 0);
  CHECK_EQ(uvssh_channel_shutdown(NULL, &l.server->channel, NULL), 0);
  check_dropped(&l, l.id);                     /* half closed, from here */
  line_close(&l);
}

/* The peer sends no more; it still reads. */
TEST(handle_send_to_half_a_channel) {
  struct line l;

  both_open(&l.b);
  line_open(&l);
  CHECK_EQ(uvssh_channel_read_start(&l.server->channel, peer_read), 0);
  CHECK_EQ(uvssh_channel_shutdown(NULL, &l.client->channel, NULL), 0);
  UNTIL(&l.b, l.server->read_end == UV_EOF);
  line_read(&l);
  CHECK_EQ(send_text(&l, "still"), 0);
  UNTIL(&l.b, text_len == 5);
  CHECK_MEM(text, text_len, "still", 5);
  line_close(&l);
}

/* An open that the peer has not answered. */
TEST(handle_send_before_the_channel_is_open) {
  static const uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_SESSION };
  static const char byte = 'x';
  struct line l;
  struct peer* p;
  uvssh_handle_t* h;
  int done = 0;

  both_open(&l.b);
  both_listen(&l.b);
  p = both_login(&l.b);
  CHECK_EQ(uvssh_channel_open(&p->open_req, &p->session, &p->channel, &what,
                              &l.b.client_channel_on, NULL), 0);
  CHECK_EQ(uvssh_handle_create(&h, &p->session), 0);
  CHECK_EQ(uvssh_handle_send(h, p->channel.id, UVSSH_DATA, &byte, 1), 0);
  CHECK_EQ(uvssh_handle_post(h, on_count, &done), 0);
  UNTIL(&l.b, done == 1 && served_last(&l.b)->channels == 1);
  text_len = 0;
  CHECK_EQ(uvssh_channel_read_start(&served_last(&l.b)->channel, on_text), 0);
  both_turn(&l.b, "the peer has read");
  CHECK_EQ(text_len, 0);
  p->open = 0;                     /* as its callback would have it */
  uvssh_handle_unref(h);
  both_close(&l.b);
}
