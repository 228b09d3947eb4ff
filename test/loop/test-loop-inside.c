/* Any object may be closed from inside any callback, in both roles: a small
 * conversation with every callback in it, once for each pair of a callback and
 * a way to end things there. */
#include "both.h"

enum point {                       /* where it happens */
  AT_CONNECTION,
  AT_SERVER_AUTH,
  AT_SERVER_READY,
  AT_SERVER_GLOBAL,
  AT_SERVER_CHANNEL,
  AT_SERVER_REQUEST,
  AT_SERVER_READ,
  AT_SERVER_READ_END,
  AT_SERVER_DRAIN,
  AT_SERVER_WRITE,
  AT_SERVER_CHANNEL_CLOSE,
  AT_SERVER_CLOSE,
  AT_CLIENT_HOSTKEY,
  AT_CLIENT_BANNER,
  AT_CLIENT_START,
  AT_CLIENT_AUTH,
  AT_CLIENT_READY,
  AT_CLIENT_OPEN,
  AT_CLIENT_GLOBAL,
  AT_CLIENT_REQUEST,
  AT_CLIENT_EXIT,
  AT_CLIENT_READ,
  AT_CLIENT_READ_END,
  AT_CLIENT_WRITE,
  AT_CLIENT_CHANNEL_CLOSE,
  AT_CLIENT_CLOSE,
  POINTS
};

enum act {                         /* and what */
  CLOSE_SESSION,
  DISCONNECT,
  DISCONNECT_AND_CLOSE,
  CLOSE_CHANNEL,
  ABORT_CHANNEL,
  EXIT_CHANNEL,
  REKEY,
  CLOSE_SERVER,
  SHUTDOWN_SERVER,
  CLOSE_OTHER_END,
  CLOSE_BOTH_ENDS,
  ACTS
};

enum { BYTES = 200 * 1000 };

static enum point where;
static enum act what;
static int acted;
static char bytes[BYTES];
static uvssh_req_t write_req[2];   /* the server's and the client's */
static uvssh_req_t global_req;
static uvssh_req_t rekey_req;

static void on_drained(uvssh_server_t* server) {
  ((struct both*) server->data)->drains++;
}

/* `extra`: the session was closed here: it must not be asked again. */
static void close_it(struct peer* p) {
  uvssh_session_close(&p->session);
  p->extra = 1;
}

static struct peer* other_end(struct peer* p) {
  struct both* b = p->both;

  return p != b->clients[0] ? b->clients[0]
                            : b->served_count > 0 ? b->served[0] : p;
}

static void act(struct both* b, struct peer* p) {
  switch (what) {
    case CLOSE_SESSION:
      close_it(p);
      break;
    case DISCONNECT:
      (void) uvssh_session_disconnect(&p->session, 11, "inside");
      break;
    case DISCONNECT_AND_CLOSE:
      (void) uvssh_session_disconnect(&p->session, 11, "inside");
      close_it(p);
      break;
    case CLOSE_CHANNEL:
      uvssh_channel_close(&p->channel);
      break;
    case ABORT_CHANNEL:
      uvssh_channel_abort(&p->channel);
      break;
    case EXIT_CHANNEL:
      (void) uvssh_channel_exit(&p->channel, 3, 0);
      break;
    case REKEY:
      (void) uvssh_session_rekey(&rekey_req, &p->session, NULL);
      break;
    case CLOSE_SERVER:
      uvssh_server_close(&b->server, both_on_server_close);
      break;
    case SHUTDOWN_SERVER:
      CHECK_EQ(uvssh_server_shutdown(&b->server, 0, on_drained), 0);
      break;
    case CLOSE_OTHER_END:
      close_it(other_end(p));
      break;
    default:
      close_it(p);
      close_it(other_end(p));
      break;
  }
}

static void at(struct peer* p, enum point point) {
  if (point != AT_SERVER_CLOSE && point != AT_CLIENT_CLOSE)
    CHECK_EQ(p->closes, 0);
  if (point != where || acted)
    return;
  acted = 1;
  act(p->both, p);
}

/* ---- the server ----------------------------------------------------------------- */

static void on_connection(uvssh_server_t* server, int status) {
  struct both* b = server->data;

  if (where == AT_CONNECTION && !acted && what >= CLOSE_SERVER) {
    acted = 1;
    act(b, b->clients[0]);
    return;
  }
  both_accept(server, status);
  at(served_last(b), AT_CONNECTION);
}

static void on_auth(uvssh_session_t* session,
                    const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  struct peer* p = peer_of(session);

  CHECK(!p->extra);
  at(p, AT_SERVER_AUTH);
  CHECK_STR(attempt->password, "secret");          /* still shown */
  (void) uvssh_reply_accept(reply);
}

static void on_server_ready(uvssh_session_t* session) {
  CHECK(!peer_of(session)->extra);
  at(peer_of(session), AT_SERVER_READY);
}

static void on_global(uvssh_session_t* session,
                      const uvssh_session_request_t* ask,
                      uvssh_reply_t reply) {
  CHECK(!peer_of(session)->extra);
  at(peer_of(session), AT_SERVER_GLOBAL);
  CHECK_STR(ask->name, "x@example.com");
  (void) uvssh_reply_accept(reply);
}

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* ask,
                       uvssh_reply_t reply) {
  struct peer* p = peer_of(session);

  CHECK(!p->extra);
  at(p, AT_SERVER_CHANNEL);
  if (uvssh_channel_accept(reply, &p->channel, &p->both->server_channel_on) == 0)
    p->channels++;
}

static void on_server_write(uvssh_req_t* req, int status) {
  at(peer_of(req->session), AT_SERVER_WRITE);
}

/* Back it goes, copied, as long as there is room; and one lent write at the
 * end. */
static void on_server_read(uvssh_channel_t* channel,
                           int stream,
                           ssize_t nread,
                           const uv_buf_t* buf) {
  struct peer* p = peer_of(channel->session);
  uv_buf_t last = uv_buf_init(bytes, BYTES);

  CHECK(!p->extra);
  at(p, nread > 0 ? AT_SERVER_READ : AT_SERVER_READ_END);
  if (nread > 0) {
    if (uvssh_channel_send(channel, UVSSH_DATA, buf->base, buf->len) ==
        UV_ENOBUFS)
      (void) uvssh_channel_read_stop(channel);
    return;
  }
  (void) uvssh_channel_write(&write_req[0], channel, UVSSH_STDERR, &last, 1,
                             on_server_write);
  (void) uvssh_channel_exit(channel, 3, 0);
}

static void on_server_request(uvssh_channel_t* channel,
                              const uvssh_channel_request_t* ask,
                              uvssh_reply_t reply) {
  struct peer* p = peer_of(channel->session);

  CHECK(!p->extra);
  at(p, AT_SERVER_REQUEST);
  CHECK_STR(ask->command, "talk");
  (void) uvssh_reply_accept(reply);
  (void) uvssh_channel_read_start(channel, on_server_read);
}

static void on_drain(uvssh_channel_t* channel) {
  CHECK(!peer_of(channel->session)->extra);
  at(peer_of(channel->session), AT_SERVER_DRAIN);
  (void) uvssh_channel_read_start(channel, on_server_read);
}

static void on_server_channel_close(uvssh_channel_t* channel, int status) {
  peer_channel_close(channel, status);
  at(peer_of(channel->session), AT_SERVER_CHANNEL_CLOSE);
}

static void on_server_session_close(uvssh_session_t* session,
                                    const uvssh_end_t* end) {
  peer_close(session, end);
  at(peer_of(session), AT_SERVER_CLOSE);
}

/* ---- the client: whatever ends something ends all ---------------------------------- */

static void leave(struct peer* p) {
  (void) uvssh_session_disconnect(&p->session, 11, "done");
}

static void on_client_write(uvssh_req_t* req, int status) {
  struct peer* p = peer_of(req->session);

  at(p, AT_CLIENT_WRITE);
  (void) uvssh_channel_shutdown(NULL, &p->channel, NULL);
}

static void on_client_read(uvssh_channel_t* channel,
                           int stream,
                           ssize_t nread,
                           const uv_buf_t* buf) {
  CHECK(!peer_of(channel->session)->extra);
  at(peer_of(channel->session), nread > 0 ? AT_CLIENT_READ
                                          : AT_CLIENT_READ_END);
}

static void on_client_request(uvssh_req_t* req, int status) {
  struct peer* p = peer_of(req->session);
  uv_buf_t buf = uv_buf_init(bytes, BYTES);

  at(p, AT_CLIENT_REQUEST);
  if (status != 0) {
    leave(p);
    return;
  }
  (void) uvssh_channel_read_start(&p->channel, on_client_read);
  (void) uvssh_channel_write(&write_req[1], &p->channel, UVSSH_DATA, &buf, 1,
                             on_client_write);
}

static void on_client_exit(uvssh_channel_t* channel,
                           const uvssh_channel_request_t* ask,
                           uvssh_reply_t reply) {
  CHECK_EQ(ask->type, UVSSH_REQUEST_EXIT_STATUS);
  CHECK_EQ(reply.serial, 0);
  at(peer_of(channel->session), AT_CLIENT_EXIT);
}

static void on_client_open(uvssh_req_t* req, int status) {
  struct peer* p = peer_of(req->session);

  p->open = status;
  at(p, AT_CLIENT_OPEN);
  if (status != 0 || uvssh_channel_exec(&p->ask_req, &p->channel, "talk",
                                        on_client_request) != 0)
    leave(p);
}

static void on_client_global(uvssh_req_t* req, int status) {
  at(peer_of(req->session), AT_CLIENT_GLOBAL);
}

static void on_client_ready(uvssh_session_t* session) {
  static const uvssh_channel_open_t type = { .type = UVSSH_CHANNEL_SESSION };
  static const uvssh_session_request_t ask = { .type = UVSSH_GLOBAL_OTHER,
                                               .name = "x@example.com" };
  struct peer* p = peer_of(session);

  CHECK(!p->extra);
  at(p, AT_CLIENT_READY);
  (void) uvssh_session_request(&global_req, session, &ask, on_client_global);
  (void) uvssh_channel_open(&p->open_req, session, &p->channel, &type,
                            &p->both->client_channel_on, on_client_open);
}

static void on_client_auth(uvssh_req_t* req, int status) {
  struct peer* p = peer_of(req->session);

  at(p, AT_CLIENT_AUTH);
  if (status != 0)
    leave(p);
}

static void on_client_start(uvssh_req_t* req, int status) {
  struct peer* p = peer_of(req->session);

  at(p, AT_CLIENT_START);
  if (status != 0 || uvssh_auth_password(&p->auth_req, &p->session, "someone",
                                         "secret", on_client_auth) != 0)
    leave(p);
}

static void on_hostkey(uvssh_session_t* session,
                       uvssh_key_t* key,
                       uvssh_host_verdict verdict,
                       uvssh_reply_t reply) {
  at(peer_of(session), AT_CLIENT_HOSTKEY);
  CHECK(uvssh_key_equal(key, peer_of(session)->both->key));
  (void) uvssh_reply_accept(reply);
}

static void on_banner(uvssh_session_t* session, const char* text) {
  CHECK(!peer_of(session)->extra);
  at(peer_of(session), AT_CLIENT_BANNER);
  CHECK_STR(text, "hello");
}

static void on_client_channel_close(uvssh_channel_t* channel, int status) {
  struct peer* p = peer_of(channel->session);

  peer_channel_close(channel, status);
  at(p, AT_CLIENT_CHANNEL_CLOSE);
  leave(p);
}

static void on_client_close(uvssh_session_t* session, const uvssh_end_t* end) {
  peer_close(session, end);
  at(peer_of(session), AT_CLIENT_CLOSE);
}

/* ---- a conversation ------------------------------------------------------------------- */

static void set_handlers(struct both* b) {
  b->on_connection = on_connection;
  b->server_config.banner = "hello";
  b->server_config.queue_bytes = 32 * 1024;
  b->server_config.drain_bytes = 8 * 1024;
  b->client_config.window_bytes = 40 * 1000;
  b->server_on.on_auth = on_auth;
  b->server_on.on_ready = on_server_ready;
  b->server_on.on_request = on_global;
  b->server_on.on_channel = on_channel;
  b->server_on.on_close = on_server_session_close;
  b->server_channel_on.on_request = on_server_request;
  b->server_channel_on.on_drain = on_drain;
  b->server_channel_on.on_close = on_server_channel_close;
  b->client_on.on_hostkey = on_hostkey;
  b->client_on.on_banner = on_banner;
  b->client_on.on_ready = on_client_ready;
  b->client_on.on_close = on_client_close;
  b->client_channel_on.on_request = on_client_exit;
  b->client_channel_on.on_close = on_client_channel_close;
}

static void talk(void) {
  struct both b;
  struct peer* client;
  int server_gone;

  acted = 0;
  both_open(&b);
  set_handlers(&b);
  both_listen(&b);
  client = both_client(&b, GOAL_CONNECT);
  UNTIL(&b, client->connected);
  CHECK_EQ(uvssh_transport_stream(&client->transport,
                                  (uv_stream_t*) &client->tcp), 0);
  if (uvssh_client_start(&client->start_req, &client->session,
                         &client->transport, on_client_start) != 0)
    client->transport.ops = NULL;  /* closed before: the stream is ours */
  UNTIL(&b, client->closes == 1);
  UNTIL(&b, b.served_count == 0 || b.served[0]->closes == 1);
  CHECK_EQ(acted, 1);
  server_gone = acted && what == CLOSE_SERVER;
  if (server_gone)
    UNTIL(&b, b.server_closes == 1);
  if (what == SHUTDOWN_SERVER)
    UNTIL(&b, b.drains == 1);
  b.server_closes -= server_gone;
  both_close(&b);
}

TEST(inside_every_callback) {
  for (where = (enum point) 0; where < POINTS; where++) {
    for (what = (enum act) 0; what < ACTS; what++) {
      NOTE("at %d, act %d", (int) where, (int) what);
      talk();
    }
  }
}
