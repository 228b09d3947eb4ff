/* The caller's memory inside a last callback: freed there, or used again. So are
 * requests in theirs. */
#include <sys/socket.h>
#include <unistd.h>

#include "both.h"

static const uvssh_channel_open_t session_type = {
  .type = UVSSH_CHANNEL_SESSION
};

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
