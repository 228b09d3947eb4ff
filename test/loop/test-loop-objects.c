/* The caller's objects: in use until the last callback, his again in it. */
#include <arpa/inet.h>

#include "both.h"

static const uvssh_channel_open_t session_type = {
  .type = UVSSH_CHANNEL_SESSION
};

static void on_done(uvssh_req_t* req, int status) {
  *(int*) req->data = status;
}

/* ---- in use ------------------------------------------------------------------- */

TEST(objects_busy) {
  struct both b;
  struct peer* client;
  struct peer* served;
  int done = PENDING;
  uvssh_req_t req = { .data = &done };

  both_open(&b);
  both_listen(&b);
  client = both_channel(&b, "");
  served = served_last(&b);
  CHECK_EQ(uvssh_server_init(&b.loop, &b.server, NULL), UV_EBUSY);
  CHECK_EQ(uvssh_session_init(&b.loop, &served->session, NULL, &b.client_on),
           UV_EBUSY);
  CHECK_EQ(uvssh_session_init(&b.loop, &client->session, NULL, &b.client_on),
           UV_EBUSY);
  CHECK_EQ(uvssh_client_start(&req, &client->session, &client->transport,
                              on_done), UV_EBUSY);
  CHECK_EQ(uvssh_client_start(&req, &served->session, &client->transport,
                              on_done), UV_EBUSY);
  CHECK_EQ(uvssh_auth_none(&req, &client->session, "again", on_done),
           UV_ENOTCONN);
  CHECK_EQ(uvssh_channel_open(&req, &client->session, &client->channel,
                              &session_type, &b.client_channel_on, on_done),
           UV_EBUSY);
  CHECK_EQ(done, PENDING);
  both_close(&b);
}

TEST(objects_busy_login) {
  struct both b;
  struct peer* client;
  int done = PENDING;
  uvssh_req_t req = { .data = &done };

  both_open(&b);
  both_listen(&b);
  client = both_client(&b, GOAL_START);
  UNTIL(&b, client->connected);
  CHECK_EQ(uvssh_auth_none(&req, &client->session, "early", on_done),
           UV_ENOTCONN);
  UNTIL(&b, client->start != PENDING);
  CHECK_EQ(uvssh_auth_none(&req, &client->session, "one", on_done), 0);
  CHECK_EQ(uvssh_auth_none(&client->auth_req, &client->session, "two", on_done),
           UV_EBUSY);
  UNTIL(&b, done != PENDING);
  CHECK_EQ(done, 0);
  CHECK_STR(uvssh_session_user(&client->session), "one");
  both_close(&b);
}

/* The peer is told no, and everything goes on. */
static int second_accept;

static void on_channel_twice(uvssh_session_t* session,
                             const uvssh_channel_open_t* ask,
                             uvssh_reply_t reply) {
  struct peer* p = peer_of(session);

  if (p->channels == 0) {
    peer_channel(session, ask, reply);
    return;
  }
  second_accept = uvssh_channel_accept(reply, &p->channel,
                                       &p->both->server_channel_on);
  CHECK_EQ(uvssh_channel_reject(reply, UVSSH_OPEN_PROHIBITED, "late"),
           UV_ECANCELED);
}

TEST(objects_channel_busy) {
  struct both b;
  struct peer* client;
  uvssh_channel_t second = { 0 };
  int done = PENDING;
  uvssh_req_t req = { .data = &done };

  both_open(&b);
  b.server_on.on_channel = on_channel_twice;
  both_listen(&b);
  client = both_channel(&b, "echo");
  CHECK_EQ(uvssh_channel_open(&req, &client->session, &second, &session_type,
                              &b.client_channel_on, on_done), 0);
  UNTIL(&b, done != PENDING);
  CHECK_EQ(second_accept, UV_EBUSY);
  CHECK_EQ(done, UVSSH_EOPEN);
  CHECK_EQ(req.result, UVSSH_OPEN_SHORTAGE);
  CHECK(second.impl == NULL);
  CHECK(uvssh_channel_is_open(&client->channel));
  CHECK_EQ(client->channel_closes, 0);
  both_close(&b);
}

/* ---- the order of the end -------------------------------------------------------- */

static char events[64];
static int in_call;                /* of ours into the library */

static void event(char c) {
  CHECK_EQ(in_call, 0);
  CHECK(strlen(events) + 1 < sizeof(events));
  events[strlen(events)] = c;
}

static void on_write_event(uvssh_req_t* req, int status) {
  CHECK(status < 0);
  event('w');
}

static void on_ask_event(uvssh_req_t* req, int status) {
  CHECK(status < 0);
  event('a');
}

static void on_channel_event(uvssh_channel_t* channel, int status) {
  event('c');
  peer_channel_close(channel, status);
}

static void on_session_event(uvssh_session_t* session, const uvssh_end_t* end) {
  event('s');
  peer_close(session, end);
}

static void on_server_event(uvssh_server_t* server) {
  event('S');
  both_on_server_close(server);
}

static void no_answer(uvssh_channel_t* channel,
                      const uvssh_channel_request_t* ask,
                      uvssh_reply_t reply) {
}

/* A write that has no window left, and requests without an answer. */
static void add_pending(struct peer* p, uvssh_req_t reqs[3], char* bytes) {
  static const uvssh_channel_request_t ask = { .type = UVSSH_REQUEST_OTHER,
                                               .name = "x@example.com" };
  static const uvssh_session_request_t global = { .type = UVSSH_GLOBAL_OTHER,
                                                  .name = "y@example.com" };
  uv_buf_t buf = uv_buf_init(bytes, 1 << 20);

  CHECK_EQ(uvssh_channel_write(&reqs[0], &p->channel, UVSSH_DATA, &buf, 1,
                               on_write_event), 0);
  CHECK_EQ(uvssh_channel_request(&reqs[1], &p->channel, &ask, on_ask_event), 0);
  CHECK_EQ(uvssh_session_request(&reqs[2], &p->session, &global, on_ask_event),
           0);
}

static void no_global_answer(uvssh_session_t* session,
                             const uvssh_session_request_t* ask,
                             uvssh_reply_t reply) {
}

enum { END_CLOSE, END_SERVER, END_CHANNEL_FIRST, ENDS };

static void end_it(struct both* b, struct peer* p, int how) {
  in_call = 1;
  if (how == END_CHANNEL_FIRST) {
    uvssh_channel_close(&p->channel);
    uvssh_channel_abort(&p->channel);
    uvssh_channel_close(&p->channel);
    CHECK_EQ(uvssh_channel_is_open(&p->channel), 0);
  }
  if (how == END_SERVER) {
    uvssh_server_close(&b->server, on_server_event);
    uvssh_server_close(&b->server, both_on_server_close);  /* dropped */
    CHECK_EQ(uvssh_server_shutdown(&b->server, 0, NULL), UV_EBUSY);
  } else {
    uvssh_session_close(&p->session);
    uvssh_session_close(&p->session);
    CHECK_EQ(uvssh_session_disconnect(&p->session, 11, ""), UV_ENOTCONN);
    CHECK_EQ(uvssh_session_is_ready(&p->session), 0);
  }
  in_call = 0;
}

TEST(objects_order_of_the_end) {
  static char bytes[1 << 20];
  struct both b;
  struct peer* client;
  struct peer* p;
  uvssh_req_t reqs[3];
  int how;

  for (how = 0; how < ENDS; how++) {
    NOTE("how %d", how);
    memset(events, 0, sizeof(events));
    both_open(&b);
    b.client_config.window_bytes = 4096;
    b.server_config.window_bytes = 4096;
    b.client_on.on_request = no_global_answer;
    b.client_channel_on.on_request = no_answer;
    b.server_on.on_close = on_session_event;
    b.server_channel_on.on_close = on_channel_event;
    both_listen(&b);
    client = both_channel(&b, "");
    p = served_last(&b);
    add_pending(p, reqs, bytes);
    UNTIL(&b, p->channel.impl != NULL &&
                  uvssh_channel_queue_size(&p->channel) < sizeof(bytes));
    end_it(&b, p, how);
    UNTIL(&b, p->closes == 1 && client->closes == 1);
    if (how == END_SERVER)
      UNTIL(&b, b.server_closes == 1);
    CHECK_EQ(strlen(events), how == END_SERVER ? 6 : 5);
    CHECK_EQ(strcspn(events, "s"), 4);               /* the last but 'S' */
    CHECK(strcspn(events, "w") < strcspn(events, "c"));
    CHECK(strchr(events, 'a') != strrchr(events, 'a'));
    b.server_closes = 0;
    both_close(&b);
  }
}

/* ---- looking, inside on_close ------------------------------------------------------- */

static int looks;

static void on_close_look(uvssh_session_t* session, const uvssh_end_t* end) {
  struct peer* p = peer_of(session);
  uvssh_session_info_t info;
  struct sockaddr_in name;
  uvssh_config_t config;
  int name_len = sizeof(name);
  size_t len = 0;

  CHECK_STR(uvssh_session_user(session), "someone");
  if (session->server != NULL)
    CHECK(uvssh_key_equal(uvssh_session_key(session), p->both->key));
  uvssh_session_info(session, &info);
  CHECK_STR(info.kex, "mlkem768x25519-sha256");
  CHECK_STR(info.peer_software, "uvssh_0.1.0");
  CHECK(info.bytes_in > 0 && info.bytes_out > 0);
  CHECK_EQ(uvssh_session_peername(session, (struct sockaddr*) &name, &name_len),
           0);
  CHECK_EQ(name.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
  CHECK(uvssh_session_id(session, &len) != NULL);
  CHECK_EQ(len, 32);
  CHECK_EQ(uvssh_session_is_ready(session), 0);
  uvssh_session_config(session, &config);
  CHECK_EQ(config.channels, 77);
  CHECK_EQ(uvssh_session_configure(session, &config), UV_ENOTCONN);
  uvssh_session_close(session);                      /* once more: nothing */
  looks++;
  peer_close(session, end);
}

TEST(objects_look_inside_on_close) {
  struct both b;
  struct peer* client;
  int done = PENDING;
  uvssh_req_t req = { .data = &done };

  looks = 0;
  both_open(&b);
  b.server_config.channels = b.client_config.channels = 77;
  b.server_on.on_close = b.client_on.on_close = on_close_look;
  both_listen(&b);
  client = both_client(&b, GOAL_START);
  UNTIL(&b, client->start != PENDING);
  CHECK_EQ(uvssh_auth_publickey(&req, &client->session, "someone", b.key,
                                on_done), 0);
  UNTIL(&b, done != PENDING);
  CHECK_EQ(done, 0);
  uvssh_session_close(&client->session);
  both_close(&b);
  CHECK_EQ(looks, 2);
}

/* Socket and alarm close in the same round of the loop: who leaves costs one
 * system call less. */
TEST(objects_a_session_closes_within_a_round) {
  struct both b;
  struct peer* served;

  both_open(&b);
  both_listen(&b);
  both_login(&b);
  served = served_last(&b);
  uvssh_session_close(&served->session);
  CHECK_EQ(served->closes, 0);
  uv_run(&b.loop, UV_RUN_NOWAIT);
  CHECK_EQ(served->closes, 1);
  both_close(&b);
}
