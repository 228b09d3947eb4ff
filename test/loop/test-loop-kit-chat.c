/* A chat, tested as a user would test his: every line goes to all who are in.
 * Its visitors are scripted peers behind slow pipes; the time is the test's. */
#include "both.h"

enum { VISITORS = 3 };

static struct both b;
static uvssh_transport_t ends[VISITORS];
static uvssh_test_peer_t* visitors[VISITORS];
static uint32_t ids[VISITORS];
static int dropped;                /* lines that a slow visitor missed */

/* ---- the chat ------------------------------------------------------------ */

static void say_to_all(const uv_buf_t* line, size_t len) {
  uvssh_payload_t* payload;
  unsigned i;

  CHECK_EQ(uvssh_payload_create(&payload, line->base, len), 0);
  for (i = 0; i < b.served_count; i++) {
    int err = uvssh_channel_send_payload(&b.served[i]->channel, UVSSH_DATA,
                                         payload);

    if (err == UV_ENOBUFS)
      dropped++;
  }
  uvssh_payload_unref(payload);
}

static void on_line(uvssh_channel_t* channel,
                    int stream,
                    ssize_t nread,
                    const uv_buf_t* buf) {
  if (nread > 0)
    say_to_all(buf, (size_t) nread);
  else
    uvssh_channel_close(channel);
}

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  if (ask->type != UVSSH_REQUEST_SHELL)
    return;
  CHECK_EQ(uvssh_reply_accept(reply), 0);
  CHECK_EQ(uvssh_channel_read_start(channel, on_line), 0);
}

/* ---- its visitors -------------------------------------------------------- */

static void enter(unsigned i) {
  static const uvssh_test_login_t login = { .user = "u" };
  uvssh_test_peer_t* peer = visitors[i];

  CHECK_EQ(uvssh_test_peer_reach(peer, UVSSH_TEST_AT_LOGIN, &login), 0);
  CHECK_EQ(uvssh_test_peer_channel(peer, 1 << 30, &ids[i]), 0);
  CHECK_EQ(uvssh_test_peer_request(peer, ids[i], "shell", 1, "", 0), 0);
  CHECK_EQ(uvssh_test_peer_await(peer, UVSSH_TEST_CHANNEL_SUCCESS), 0);
}

static void open_chat(const uvssh_test_pipe_t* pipe) {
  unsigned i;

  dropped = 0;
  both_open(&b);
  both_clock(&b);
  b.server_config.idle_timeout_ms = 600 * 1000;
  b.server_config.queue_bytes = 64 * 1024;
  b.server_config.drain_bytes = 16 * 1024;
  b.server_channel_on.on_request = on_request;
  both_server(&b);
  memset(ends, 0, sizeof(ends));
  for (i = 0; i < VISITORS; i++) {
    CHECK_EQ(uvssh_test_peer_open(&visitors[i], &b.loop, UVSSH_TEST_CLIENT,
                                  &ends[i], pipe), 0);
    (void) both_serve(&b, &ends[i]);
    enter(i);
  }
}

static void close_chat(void) {
  unsigned i;

  for (i = 0; i < VISITORS; i++) {
    if (visitors[i] != NULL)
      CHECK_STR(uvssh_test_peer_error(visitors[i]), "");
    uvssh_test_peer_close(visitors[i]);
    visitors[i] = NULL;
  }
  both_close(&b);
}

static void hear(unsigned i, const char* line) {
  CHECK_EQ(uvssh_test_peer_await(visitors[i], UVSSH_TEST_CHANNEL_DATA), 0);
  CHECK_EQ(uvssh_test_peer_expect_u32(visitors[i], 0), 0);
  CHECK_EQ(uvssh_test_peer_expect_text(visitors[i], line), 0);
}

/* ---- tests --------------------------------------------------------------- */

TEST(chat_everybody_hears_it) {
  static const size_t chunks[] = { 1, 5, 0 };
  uvssh_test_pipe_t pipe = { .chunk = 0 };
  unsigned i, k;

  for (k = 0; k < 3; k++) {
    pipe.chunk = chunks[k];
    open_chat(&pipe);
    CHECK_EQ(uvssh_test_peer_data(visitors[1], ids[1], "hello\r\n", 7), 0);
    for (i = 0; i < VISITORS; i++)
      hear(i, "hello\r\n");
    close_chat();
  }
}

/* One who does not read keeps nobody waiting, and costs a bounded amount. */
TEST(chat_a_slow_visitor) {
  static char line[4000];
  unsigned i;

  memset(line, 'x', sizeof(line) - 1);
  open_chat(NULL);
  CHECK_EQ(uvssh_test_pipe_hold(&ends[2], 1), 0);
  for (i = 0; i < 100; i++) {
    CHECK_EQ(uvssh_test_peer_data(visitors[0], ids[0], line, sizeof(line) - 1),
             0);
    hear(0, line);
    hear(1, line);
    CHECK(uvssh_channel_queue_size(&b.served[2]->channel) <=
          b.server_config.queue_bytes + sizeof(line));
  }
  CHECK(dropped > 0 && dropped < 100);
  CHECK_EQ(uvssh_test_pipe_hold(&ends[2], 0), 0);
  hear(2, line);
  close_chat();
}

TEST(chat_a_visitor_is_cut_off) {
  open_chat(NULL);
  CHECK_EQ(uvssh_test_pipe_cut(&ends[1], UV_ECONNRESET), 0);
  CHECK_EQ(uvssh_test_peer_data(visitors[0], ids[0], "still here?", 11), 0);
  hear(0, "still here?");
  hear(2, "still here?");
  CHECK_EQ(b.served[1]->closes, 1);
  CHECK_EQ(b.served[1]->channel_closes, 1);
  close_chat();
}

TEST(chat_the_silent_leave) {
  unsigned i;

  open_chat(NULL);
  for (i = 0; i < 3; i++) {
    both_pass(&b, 599 * 1000);
    CHECK_EQ(uvssh_test_peer_data(visitors[0], ids[0], "tick", 4), 0);
    hear(0, "tick");
  }
  CHECK_EQ(b.served[0]->closes, 0);
  CHECK(!uvssh_session_is_ready(&b.served[1]->session));
  CHECK_EQ(uvssh_test_peer_expect_end(visitors[1],
                                      UVSSH_DISCONNECT_BY_APPLICATION), 0);
  CHECK_EQ(b.served[1]->end.status, UV_ETIMEDOUT);
  close_chat();
}

TEST(chat_who_breaks_the_rules_goes_alone) {
  open_chat(NULL);
  CHECK_EQ(uvssh_test_peer_data(visitors[2], ids[2] + 1, "x", 1), 0);
  CHECK_EQ(uvssh_test_peer_expect_end(visitors[2],
                                      UVSSH_DISCONNECT_PROTOCOL_ERROR), 0);
  CHECK_EQ(uvssh_test_peer_data(visitors[0], ids[0], "gone", 4), 0);
  hear(1, "gone");
  CHECK_EQ(b.served[2]->closes, 1);
  close_chat();
}
