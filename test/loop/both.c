/* both.c: see both.h. */
#include "both.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/loop.h"

/* How fast the machine is must not tell a test where a session yields. */
static uint64_t stand_still(void) {
  return 1;
}

__attribute__((constructor)) static void stop_the_clock(void) {
  uvssh__loop_hrtime = stand_still;
}

/* ---- handlers -------------------------------------------------------------- */

void peer_auth(uvssh_session_t* session,
               const uvssh_auth_t* attempt,
               uvssh_reply_t reply) {
  (void) uvssh_reply_accept(reply);
}

void peer_ready(uvssh_session_t* session) {
  peer_of(session)->readies++;
}

void peer_channel(uvssh_session_t* session,
                  const uvssh_channel_open_t* ask,
                  uvssh_reply_t reply) {
  struct peer* p = peer_of(session);

  p->channels++;
  CHECK_EQ(uvssh_channel_accept(reply, &p->channel,
                                &p->both->server_channel_on), 0);
}

void peer_close(uvssh_session_t* session, const uvssh_end_t* end) {
  struct peer* p = peer_of(session);

  CHECK_EQ(p->closes, 0);
  CHECK(session->impl == NULL);
  p->closes++;
  p->end = *end;
  strncpy(p->text, end->text, sizeof(p->text) - 1);
  p->end.text = p->text;
}

void peer_channel_close(uvssh_channel_t* channel, int status) {
  struct peer* p = peer_of(channel->session);

  CHECK_EQ(p->closes, 0);
  CHECK(channel->impl == NULL);
  p->channel_closes++;
  p->channel_status = status;
}

void peer_read(uvssh_channel_t* channel,
               int stream,
               ssize_t nread,
               const uv_buf_t* buf) {
  struct peer* p = peer_of(channel->session);

  CHECK(nread != 0);
  CHECK_EQ(p->read_end, 0);
  CHECK_EQ(p->channel_closes, 0);
  if (nread > 0)
    p->got += (size_t) nread;
  else
    p->read_end = nread;
}

static void on_relayed(uvssh_req_t* req, int status) {
  peer_of(req->session)->relay = status;
  (void) uvssh_channel_exit(req->channel, 0, 0);
}

void peer_request(uvssh_channel_t* channel,
                  const uvssh_channel_request_t* ask,
                  uvssh_reply_t reply) {
  struct peer* p = peer_of(channel->session);

  (void) uvssh_reply_accept(reply);
  if (ask->type != UVSSH_REQUEST_EXEC)
    return;
  if (strcmp(ask->command, "echo") == 0)
    CHECK_EQ(uvssh_channel_relay(&p->relay_req, channel, channel, on_relayed),
             0);
  if (strcmp(ask->command, "read") == 0)
    CHECK_EQ(uvssh_channel_read_start(channel, peer_read), 0);
}

static void on_hostkey(uvssh_session_t* session,
                       uvssh_key_t* key,
                       uvssh_host_verdict verdict,
                       uvssh_reply_t reply) {
  (void) uvssh_reply_accept(reply);
}

/* ---- a client, step by step -------------------------------------------------- */

static void on_ask(uvssh_req_t* req, int status) {
  peer_of(req->session)->ask = status;
}

static void on_open(uvssh_req_t* req, int status) {
  struct peer* p = peer_of(req->session);

  p->open = status;
  if (status == 0 && p->goal >= GOAL_ASK)
    CHECK_EQ(uvssh_channel_exec(&p->ask_req, &p->channel, p->command, on_ask),
             0);
}

static void on_auth(uvssh_req_t* req, int status) {
  static const uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_SESSION };
  struct peer* p = peer_of(req->session);

  p->auth = status;
  if (status == 0 && p->goal >= GOAL_CHANNEL)
    CHECK_EQ(uvssh_channel_open(&p->open_req, &p->session, &p->channel, &what,
                                &p->both->client_channel_on, on_open), 0);
}

static void on_start(uvssh_req_t* req, int status) {
  struct peer* p = peer_of(req->session);

  p->start = status;
  if (status == 0 && p->goal >= GOAL_LOGIN)
    CHECK_EQ(uvssh_auth_none(&p->auth_req, &p->session, "someone", on_auth), 0);
}

static void on_connect(uv_connect_t* connect, int status) {
  struct peer* p = connect->data;

  if (status == UV_ECANCELED)      /* the test ended before */
    return;
  CHECK_EQ(status, 0);
  p->connected = 1;
  if (p->goal < GOAL_START)
    return;
  CHECK_EQ(uvssh_transport_stream(&p->transport, (uv_stream_t*) &p->tcp), 0);
  CHECK_EQ(uvssh_client_start(&p->start_req, &p->session, &p->transport,
                              on_start), 0);
}

struct peer* peer_new(struct both* b) {
  struct peer* p = calloc(1, sizeof(*p));

  CHECK(p != NULL);
  p->both = b;
  p->start = p->auth = p->open = p->ask = p->relay = PENDING;
  p->channel_status = PENDING;
  p->command = "";
  return p;
}

static struct peer* client_new(struct both* b, enum goal goal) {
  struct peer* p = peer_new(b);

  CHECK(b->client_count < PEERS_MAX);
  b->clients[b->client_count++] = p;
  p->goal = goal;
  CHECK_EQ(uvssh_session_init(&b->loop, &p->session, &b->client_config,
                              &b->client_on), 0);
  return p;
}

struct peer* both_client_from(struct both* b, enum goal goal, const char* from) {
  struct peer* p = client_new(b, goal);
  struct sockaddr_in source;

  CHECK_EQ(uv_tcp_init(&b->loop, &p->tcp), 0);
  p->has_tcp = 1;
  if (from != NULL) {
    CHECK_EQ(uv_ip4_addr(from, 0, &source), 0);
    CHECK_EQ(uv_tcp_bind(&p->tcp, (struct sockaddr*) &source, 0), 0);
  }
  p->connect.data = p;
  CHECK_EQ(uv_tcp_connect(&p->connect, &p->tcp, (struct sockaddr*) &b->address,
                          on_connect), 0);
  return p;
}

struct peer* both_client(struct both* b, enum goal goal) {
  return both_client_from(b, goal, NULL);
}

struct peer* both_client_over(struct both* b,
                              enum goal goal,
                              uvssh_transport_t* transport) {
  struct peer* p = client_new(b, goal);

  CHECK_EQ(uvssh_client_start(&p->start_req, &p->session, transport, on_start),
           0);
  return p;
}

struct peer* both_login(struct both* b) {
  struct peer* p = both_client(b, GOAL_LOGIN);

  UNTIL(b, p->auth != PENDING);
  CHECK_EQ(p->auth, 0);
  UNTIL(b, served_last(b)->readies == 1 && p->readies == 1);
  return p;
}

struct peer* both_channel(struct both* b, const char* command) {
  struct peer* p = both_client(b, GOAL_ASK);

  p->command = command;
  UNTIL(b, p->ask != PENDING);
  CHECK_EQ(p->ask, 0);
  return p;
}

void both_turn(struct both* b, const char* wanted) {
  b->rests = uv_run(&b->loop, UV_RUN_ONCE) == 0 ? b->rests + 1 : 0;
  if (b->rests > 1)
    FAIL("the loop came to rest before %s", wanted);
}

static void on_timer(uv_timer_t* timer) {
  *(int*) timer->data = 1;
}

void both_pass(struct both* b, uint64_t ms) {
  uv_timer_t timer;
  int rang = 0;

  if (b->has_clock) {
    CHECK_EQ(uvssh_test_advance(&b->loop, ms), 0);
    return;
  }
  CHECK_EQ(uv_timer_init(&b->loop, &timer), 0);
  timer.data = &rang;
  uv_timer_start(&timer, on_timer, ms, 0);
  UNTIL(b, rang);
  uv_close((uv_handle_t*) &timer, NULL);
  uv_run(&b->loop, UV_RUN_NOWAIT);
}

/* ---- the server ---------------------------------------------------------------- */

void both_accept(uvssh_server_t* server, int status) {
  struct both* b = server->data;
  struct peer* p;

  if (status != 0) {
    b->refused++;
    return;
  }
  CHECK(b->served_count < PEERS_MAX);
  p = b->served[b->served_count++] = peer_new(b);
  CHECK_EQ(uvssh_server_accept(server, &p->session, &b->server_on), 0);
}

struct peer* both_serve(struct both* b, uvssh_transport_t* transport) {
  struct peer* p = peer_new(b);

  CHECK(b->served_count < PEERS_MAX);
  b->served[b->served_count++] = p;
  CHECK_EQ(uvssh_server_serve(&b->server, &p->session, transport,
                              &b->server_on), 0);
  return p;
}

struct peer* both_joined(struct both* b,
                         enum goal goal,
                         const char* command,
                         const uvssh_test_pipe_t* options) {
  struct peer* served = peer_new(b);
  struct peer* p = client_new(b, goal);

  CHECK(b->served_count < PEERS_MAX);
  b->served[b->served_count++] = served;
  p->command = command;
  CHECK_EQ(uvssh_test_pipe(&b->loop, &served->transport, &p->transport,
                           options), 0);
  CHECK_EQ(uvssh_server_serve(&b->server, &served->session, &served->transport,
                              &b->server_on), 0);
  CHECK_EQ(uvssh_client_start(&p->start_req, &p->session, &p->transport,
                              on_start), 0);
  both_pass(b, 0);
  return p;
}

struct peer* served_last(struct both* b) {
  CHECK(b->served_count > 0);
  return b->served[b->served_count - 1];
}

void both_open(struct both* b) {
  memset(b, 0, sizeof(*b));
  CHECK_EQ(uv_loop_init(&b->loop), 0);
  uvssh_config_init(&b->server_config);
  uvssh_config_init(&b->client_config);
  b->server_config.auth_methods = UVSSH_AUTH_NONE | UVSSH_AUTH_PASSWORD |
                                  UVSSH_AUTH_PUBLICKEY;
  b->server_config.auth_rejection_ms = 1;
  b->server_config.penalty_sources = 0;    /* all come from one address */
  b->server_on.on_auth = peer_auth;
  b->server_on.on_ready = peer_ready;
  b->server_on.on_channel = peer_channel;
  b->server_on.on_close = peer_close;
  b->client_on.on_hostkey = on_hostkey;
  b->client_on.on_ready = peer_ready;
  b->client_on.on_close = peer_close;
  b->server_channel_on.on_request = peer_request;
  b->server_channel_on.on_close = peer_channel_close;
  b->client_channel_on.on_close = peer_channel_close;
  b->on_connection = both_accept;
  CHECK_EQ(uvssh_key_generate(&b->key, UVSSH_KEY_ED25519, 0), 0);
}

void both_clock(struct both* b) {
  CHECK_EQ(uvssh_test_clock(&b->loop), 0);
  b->has_clock = 1;
}

void both_server(struct both* b) {
  CHECK_EQ(uvssh_server_init(&b->loop, &b->server, &b->server_config), 0);
  b->server.data = b;
  CHECK_EQ(uvssh_server_add_key(&b->server, b->key), 0);
}

void both_listen(struct both* b) {
  int len = sizeof(b->address);

  both_server(b);
  CHECK_EQ(uvssh_server_listen(&b->server, "127.0.0.1", 0, b->on_connection),
           0);
  CHECK_EQ(uvssh_server_getsockname(&b->server,
                                    (struct sockaddr*) &b->address, &len), 0);
}

int both_socket(const struct both* b) {
  int fd = socket(b->address.ss_family, SOCK_STREAM, 0);

  if (fd >= 0 && connect(fd, (const struct sockaddr*) &b->address,
                         sizeof(struct sockaddr_in)) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

/* ---- the end --------------------------------------------------------------------- */

void both_on_server_close(uvssh_server_t* server) {
  struct both* b = server->data;
  unsigned i;

  CHECK(server->impl == NULL);
  b->server_closes++;
  for (i = 0; i < b->served_count; i++)
    CHECK_EQ(b->served[i]->closes, 1);
}

static void close_client(struct peer* p) {
  uvssh_session_close(&p->session);
  if (p->has_tcp && p->transport.ops == NULL &&
      !uv_is_closing((uv_handle_t*) &p->tcp))
    uv_close((uv_handle_t*) &p->tcp, NULL);
}

/* A channel that was accepted or opened has its on_close before its session. */
static void check_peer(struct peer* p) {
  CHECK_EQ(p->closes, 1);
  CHECK_EQ(p->channel_closes, p->channels > 0 || p->open == 0);
  free(p);
}

void both_close(struct both* b) {
  int had_server = b->server.impl != NULL;
  unsigned i;

  for (i = 0; i < b->client_count; i++)
    close_client(b->clients[i]);
  uvssh_server_close(&b->server, both_on_server_close);
  if (b->has_clock)
    CHECK_EQ(uvssh_test_clock_end(&b->loop), 0);
  CHECK_EQ(uv_run(&b->loop, UV_RUN_DEFAULT), 0);
  CHECK_EQ(b->server_closes, had_server);
  CHECK_EQ(uv_loop_close(&b->loop), 0);
  for (i = 0; i < b->client_count; i++)
    check_peer(b->clients[i]);
  for (i = 0; i < b->served_count; i++)
    check_peer(b->served[i]);
  uvssh_key_unref(b->key);
}
