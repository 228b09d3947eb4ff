/* inside_server.c: the server of the talk: a banner, two factors, a channel of
 * its own, an echo by hand or by relay, the end of a process. */
#include "inside_talk.h"

void talk_on_drained(uvssh_server_t* server) {
  struct both* b = server->data;

  b->drains++;
  at(b->clients[0], AT_SERVER_DRAINED);
}

void talk_on_closed(uvssh_server_t* server) {
  struct both* b = server->data;

  both_on_server_close(server);
  at(b->clients[0], AT_SERVER_CLOSED);
}

static void on_connection(uvssh_server_t* server, int status) {
  struct both* b = server->data;
  struct peer* p;

  CHECK_EQ(status, 0);
  if (b->served_count > 0)         /* of the calls inside: nobody's */
    return;
  p = peer_new(b);
  if (talk.where == AT_CONNECTION && talk.turn % 2 == 1)
    at(b->clients[0], AT_CONNECTION);        /* before it is taken */
  if (uvssh_server_accept(server, &p->session, &b->server_on) == 0)
    b->served[b->served_count++] = p;
  else
    free(p);
  if (b->served_count > 0)
    at(served_last(b), AT_CONNECTION);
}

static void on_auth(uvssh_session_t* session,
                    const uvssh_auth_t* a,
                    uvssh_reply_t reply) {
  static const uvssh_prompt_t prompt = { "a new one", 0 };
  static const uvssh_prompts_t form = { UVSSH_AUTH_PASSWORD, "", "", &prompt,
                                        1 };
  CHECK(!peer_of(session)->extra);
  at(peer_of(session), AT_SERVER_AUTH);
  CHECK_STR(a->user, "someone");             /* still shown */
  if (a->method == UVSSH_AUTH_NONE)
    (void) uvssh_reply_reject(reply);
  else if (a->method == UVSSH_AUTH_PUBLICKEY)
    (void) uvssh_reply_partial(reply, UVSSH_AUTH_PASSWORD);
  else if (talk.way == OVER_OWN && a->new_password == NULL)
    (void) uvssh_reply_prompt(reply, &form);
  else
    (void) uvssh_reply_accept(reply);
}

static void on_server_open(uvssh_req_t* r, int status) {
  talked.back_begun[0] = status == 0;
  (void) talk_done(r, AT_SERVER_OPEN);
  uvssh_channel_close(&talked.back[0]);
}

static void on_server_ready(uvssh_session_t* session) {
  static const uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_OTHER,
                                             .name = "back@example.com" };
  struct peer* p = peer_of(session);

  CHECK(!p->extra);
  at(p, AT_SERVER_READY);
  talk_began(R_SERVER_OPEN,
             uvssh_channel_open(talk_req(R_SERVER_OPEN), session,
                                &talked.back[0], &what,
                                &p->both->server_channel_on, on_server_open));
}

static void on_global(uvssh_session_t* session,
                      const uvssh_session_request_t* ask,
                      uvssh_reply_t reply) {
  CHECK(!peer_of(session)->extra);
  at(peer_of(session), AT_SERVER_GLOBAL);
  CHECK_STR(ask->name + 1, "@example.com");
  (void) uvssh_reply_accept(reply);
}

static void on_server_channel(uvssh_session_t* session,
                              const uvssh_channel_open_t* ask,
                              uvssh_reply_t reply) {
  struct peer* p = peer_of(session);

  CHECK(!p->extra);
  at(p, AT_SERVER_CHANNEL);
  if (ask->type == UVSSH_CHANNEL_SESSION &&
      uvssh_channel_accept(reply, &p->channel,
                           &p->both->server_channel_on) == 0)
    p->channels++;
  else
    (void) uvssh_channel_reject(reply, UVSSH_OPEN_PROHIBITED, "no");
}

static void on_server_write(uvssh_req_t* r, int status) {
  (void) talk_done(r, AT_SERVER_WRITE);
}

/* Back it goes, copied, as long as there is room; and one lent write at the
 * end. */
static void on_server_read(uvssh_channel_t* channel,
                           int stream,
                           ssize_t nread,
                           const uv_buf_t* buf) {
  struct peer* p = peer_of(channel->session);
  uv_buf_t last = uv_buf_init(talked.bytes, TALK_BYTES);

  CHECK(!p->extra);
  at(p, nread > 0 ? AT_SERVER_READ : AT_SERVER_READ_END);
  if (nread > 0) {
    if (uvssh_channel_send(channel, UVSSH_DATA, buf->base, buf->len) ==
        UV_ENOBUFS)
      (void) uvssh_channel_read_stop(channel);
    return;
  }
  talk_began(R_SERVER_WRITE,
             uvssh_channel_write(talk_req(R_SERVER_WRITE), channel,
                                 UVSSH_STDERR, &last, 1, on_server_write));
  (void) uvssh_channel_exit(channel, 3, 0);
}

static void on_relay(uvssh_req_t* r, int status) {
  struct peer* p = talk_done(r, AT_SERVER_RELAY);

  (void) uvssh_channel_exit(&p->channel, 3, 0);
}

static void on_server_request(uvssh_channel_t* channel,
                              const uvssh_channel_request_t* ask,
                              uvssh_reply_t reply) {
  struct peer* p = peer_of(channel->session);

  CHECK(!p->extra);
  at(p, AT_SERVER_REQUEST);
  (void) uvssh_reply_accept(reply);
  if (ask->type != UVSSH_REQUEST_EXEC)
    return;
  CHECK_STR(ask->command, "talk");
  if (talk.way == BY_LOGIN)
    talk_began(R_RELAY, uvssh_channel_relay(talk_req(R_RELAY), channel, channel,
                                            on_relay));
  else
    (void) uvssh_channel_read_start(channel, on_server_read);
}

static void on_drain(uvssh_channel_t* channel) {
  CHECK(!peer_of(channel->session)->extra);
  at(peer_of(channel->session), AT_SERVER_DRAIN);
  (void) uvssh_channel_read_start(channel, on_server_read);
}

static void on_server_channel_close(uvssh_channel_t* channel, int status) {
  struct peer* p = peer_of(channel->session);

  if (channel == &p->channel) {
    peer_channel_close(channel, status);
    at(p, AT_SERVER_CHANNEL_CLOSE);
  } else {
    talked.back_closes[0]++;
  }
}

static void on_server_session_close(uvssh_session_t* session,
                                    const uvssh_end_t* end) {
  peer_close(session, end);
  at(peer_of(session), AT_SERVER_CLOSE);
}

void talk_server_handlers(struct both* b) {
  b->on_connection = on_connection;
  b->server_config.banner = "hello";
  b->server_config.queue_bytes = 32 * 1024;
  b->server_config.drain_bytes = 8 * 1024;
  b->server_on.on_auth = on_auth;
  b->server_on.on_ready = on_server_ready;
  b->server_on.on_request = on_global;
  b->server_on.on_channel = on_server_channel;
  b->server_on.on_close = on_server_session_close;
  b->server_channel_on.on_request = on_server_request;
  b->server_channel_on.on_drain = on_drain;
  b->server_channel_on.on_close = on_server_channel_close;
}
