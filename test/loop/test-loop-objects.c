/* The caller's objects: in use until the last callback, his again in it. */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

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
  CHECK_STR(info.kex, "curve25519-sha256");
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

/* ---- memory that goes, or is used again, inside the callback -------------------------- */

enum { ROUNDS = 5 };

/* A client that comes back, each time from on_close. */
static void on_close_again(uvssh_session_t* session, const uvssh_end_t* end);

static const uvssh_session_handlers_t again = { .on_close = on_close_again };

static void on_again(uvssh_req_t* req, int status) {
  CHECK_EQ(status, UVSSH_EHOSTKEY);          /* nobody says yes to it */
}

static void on_connected(uv_connect_t* connect, int status) {
  struct peer* p = connect->data;

  CHECK_EQ(status, 0);
  CHECK_EQ(uvssh_transport_stream(&p->transport, (uv_stream_t*) &p->tcp), 0);
  memset(&p->start_req, 0xdd, sizeof(p->start_req));
  CHECK_EQ(uvssh_client_start(&p->start_req, &p->session, &p->transport,
                              on_again), 0);
}

static void begin_again(struct peer* p) {
  struct both* b = p->both;

  memset(&p->session, 0, sizeof(p->session));
  memset(&p->tcp, 0xdd, sizeof(p->tcp));
  memset(&p->transport, 0xdd, sizeof(p->transport));
  CHECK_EQ(uvssh_session_init(&b->loop, &p->session, NULL, &again), 0);
  CHECK_EQ(uv_tcp_init(&b->loop, &p->tcp), 0);
  p->connect.data = p;
  CHECK_EQ(uv_tcp_connect(&p->connect, &p->tcp,
                          (struct sockaddr*) &b->address, on_connected), 0);
}

static void on_close_again(uvssh_session_t* session, const uvssh_end_t* end) {
  struct peer* p = peer_of(session);

  CHECK_EQ(end->status, UVSSH_EHOSTKEY);
  if (++p->extra < ROUNDS)
    begin_again(p);
}

TEST(objects_client_again_inside_on_close) {
  struct both b;
  struct peer* p;

  both_open(&b);
  both_listen(&b);
  p = peer_new(&b);
  begin_again(p);
  UNTIL(&b, p->extra == ROUNDS);
  free(p);
  CHECK_EQ(b.served_count, ROUNDS);
  both_close(&b);
}

/* A server's one session object, served again and again from on_close. */
static void serve_again(struct peer* p);

static void on_close_serve(uvssh_session_t* session, const uvssh_end_t* end) {
  struct peer* p = peer_of(session);

  CHECK(end->by_peer && end->status < 0);
  if (++p->extra < ROUNDS)
    serve_again(p);
}

static void serve_again(struct peer* p) {
  static const uvssh_session_handlers_t on = { .on_close = on_close_serve };
  struct both* b = p->both;
  uv_os_sock_t fds[2];

  memset(&p->session, 0, sizeof(p->session));
  memset(&p->tcp, 0xdd, sizeof(p->tcp));
  memset(&p->transport, 0xdd, sizeof(p->transport));
  CHECK_EQ(uv_socketpair(SOCK_STREAM, 0, fds, 0, 0), 0);
  CHECK_EQ(uv_tcp_init(&b->loop, &p->tcp), 0);
  CHECK_EQ(uv_tcp_open(&p->tcp, fds[0]), 0);
  CHECK_EQ(uvssh_transport_stream(&p->transport, (uv_stream_t*) &p->tcp), 0);
  CHECK_EQ(uvssh_server_serve(&b->server, &p->session, &p->transport, &on), 0);
  close(fds[1]);
}

TEST(objects_served_again_inside_on_close) {
  struct both b;
  struct peer* p;

  both_open(&b);
  both_server(&b);
  p = peer_new(&b);
  serve_again(p);
  UNTIL(&b, p->extra == ROUNDS);
  CHECK(uvssh_server_next(&b.server, NULL) == NULL);
  free(p);
  both_close(&b);
}

/* Everything of a peer is freed in its last callback. */
struct brief {
  uvssh_session_t session;
  uvssh_channel_t* channel;
  int* gone;
};

static void brief_channel_close(uvssh_channel_t* channel, int status) {
  memset(channel, 0xdd, sizeof(*channel));
  free(channel);
}

static void brief_channel(uvssh_session_t* session,
                          const uvssh_channel_open_t* ask,
                          uvssh_reply_t reply) {
  static const uvssh_channel_handlers_t on = { .on_close =
                                                   brief_channel_close };
  struct brief* p = (struct brief*) (void*) session;

  p->channel = calloc(1, sizeof(*p->channel));
  CHECK_EQ(uvssh_channel_accept(reply, p->channel, &on), 0);
}

static void brief_close(uvssh_session_t* session, const uvssh_end_t* end) {
  int* gone = ((struct brief*) (void*) session)->gone;

  memset(session, 0xdd, sizeof(struct brief));
  free(session);
  *gone += 1;
}

static void brief_accept(uvssh_server_t* server, int status) {
  static const uvssh_session_handlers_t on = { .on_auth = peer_auth,
                                               .on_channel = brief_channel,
                                               .on_close = brief_close };
  struct brief* p = calloc(1, sizeof(*p));

  CHECK_EQ(status, 0);
  p->gone = &((struct both*) server->data)->drains;
  CHECK_EQ(uvssh_server_accept(server, &p->session, &on), 0);
}

TEST(objects_freed_inside_on_close) {
  struct both b;
  struct peer* client[3];
  int i;

  both_open(&b);
  b.on_connection = brief_accept;
  both_listen(&b);
  for (i = 0; i < 3; i++) {
    client[i] = both_client(&b, GOAL_CHANNEL);
    UNTIL(&b, client[i]->open != PENDING);
    CHECK_EQ(client[i]->open, 0);
  }
  uvssh_session_close(&client[0]->session);
  uvssh_channel_close(&client[1]->channel);
  UNTIL(&b, b.drains == 1 && client[1]->channel_closes == 1);
  both_close(&b);
  CHECK_EQ(b.drains, 3);
}

/* A channel object that is opened again from its own on_close. */
static void reopen(struct peer* p);

static void on_reopened(uvssh_req_t* req, int status) {
  CHECK_EQ(status, 0);
  uvssh_channel_close(req->channel);
}

static void on_channel_close_again(uvssh_channel_t* channel, int status) {
  struct peer* p = peer_of(channel->session);

  CHECK_EQ(status, 0);
  if (++p->extra <= ROUNDS)
    reopen(p);
}

static void reopen(struct peer* p) {
  static const uvssh_channel_handlers_t on = { .on_close =
                                                   on_channel_close_again };
  uint64_t id = p->channel.id;

  memset(&p->channel, 0, sizeof(p->channel));
  memset(&p->open_req, 0xdd, sizeof(p->open_req));
  CHECK_EQ(uvssh_channel_open(&p->open_req, &p->session, &p->channel,
                              &session_type, &on, on_reopened), 0);
  CHECK(p->channel.id > id);
}

static void brief_channel_only(uvssh_session_t* session,
                               const uvssh_channel_open_t* ask,
                               uvssh_reply_t reply) {
  static const uvssh_channel_handlers_t on = { .on_close =
                                                   brief_channel_close };
  uvssh_channel_t* channel = calloc(1, sizeof(*channel));

  CHECK_EQ(uvssh_channel_accept(reply, channel, &on), 0);
}

TEST(objects_channel_again_inside_on_close) {
  struct both b;
  struct peer* p;

  both_open(&b);
  b.server_on.on_channel = brief_channel_only;
  both_listen(&b);
  p = both_login(&b);
  p->extra = 0;
  reopen(p);
  UNTIL(&b, p->extra > ROUNDS);
  both_close(&b);
}

/* A server begun again in its own close callback. */
static void on_server_again(uvssh_server_t* server) {
  struct both* b = server->data;

  memset(server, 0, sizeof(*server));
  if (++b->drains < ROUNDS) {
    both_listen(b);
    uvssh_server_close(server, on_server_again);
  }
}

TEST(objects_server_again_inside_its_close) {
  struct both b;

  both_open(&b);
  both_listen(&b);
  uvssh_server_close(&b.server, on_server_again);
  UNTIL(&b, b.drains == ROUNDS);
  both_close(&b);
}

/* ---- requests ------------------------------------------------------------------------ */

static int writes;

static void on_written(uvssh_req_t* req, int status) {
  static char bytes[] = "some bytes";
  uv_buf_t buf = uv_buf_init(bytes, sizeof(bytes));
  uvssh_channel_t* channel = req->channel;

  CHECK_EQ(status, 0);
  if (++writes == 100)
    return;
  memset(req, 0xdd, sizeof(*req));
  CHECK_EQ(uvssh_channel_write(req, channel, UVSSH_DATA, &buf, 1, on_written),
           0);
}

TEST(objects_request_again_inside_its_callback) {
  struct both b;
  struct peer* p;
  uvssh_req_t req = { .data = NULL };

  both_open(&b);
  both_listen(&b);
  p = both_channel(&b, "read");
  writes = 0;
  req.channel = &p->channel;
  on_written(&req, 0);
  UNTIL(&b, writes == 100 && served_last(&b)->got == 99 * 11);
  both_close(&b);
}

/* One request object for a whole login. */
static void on_step(uvssh_req_t* req, int status) {
  struct peer* p = peer_of(req->session);

  CHECK_EQ(status, 0);
  memset(req, 0xdd, sizeof(*req));
  switch (++p->extra) {
    case 1:
      CHECK_EQ(uvssh_auth_none(req, &p->session, "u", on_step), 0);
      break;
    case 2:
      CHECK_EQ(uvssh_channel_open(req, &p->session, &p->channel, &session_type,
                                  &p->both->client_channel_on, on_step), 0);
      break;
    case 3:
      CHECK_EQ(uvssh_channel_exec(req, &p->channel, "read", on_step), 0);
      break;
    case 4:
      CHECK_EQ(uvssh_session_rekey(req, &p->session, on_step), 0);
      break;
    case 5:
      CHECK_EQ(uvssh_channel_shutdown(req, &p->channel, on_step), 0);
      break;
    default:
      uvssh_session_close(&p->session);
      break;
  }
}

TEST(objects_one_request_for_all) {
  struct both b;
  struct peer* p;

  both_open(&b);
  both_listen(&b);
  p = both_client(&b, GOAL_CONNECT);
  UNTIL(&b, p->connected);
  CHECK_EQ(uvssh_transport_stream(&p->transport, (uv_stream_t*) &p->tcp), 0);
  p->extra = 0;
  p->open = 0;                     /* it will be */
  CHECK_EQ(uvssh_client_start(&p->start_req, &p->session, &p->transport,
                              on_step), 0);
  UNTIL(&b, p->closes == 1);
  CHECK_EQ(p->extra, 6);
  both_close(&b);
}
