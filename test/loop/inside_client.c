/* inside_client.c: the client of the talk. Whatever ends something of it ends
 * all. */
#include "inside_talk.h"

static void leave(struct peer* p) {
  (void) uvssh_session_disconnect(&p->session, 11, "done");
}

static void on_client_write(uvssh_req_t* r, int status) {
  (void) talk_done(r, AT_CLIENT_WRITE);
}

static void on_client_shutdown(uvssh_req_t* r, int status) {
  (void) talk_done(r, AT_CLIENT_SHUTDOWN);
}

static void on_client_rekey(uvssh_req_t* r, int status) {
  (void) talk_done(r, AT_CLIENT_REKEY);
}

static void on_client_read(uvssh_channel_t* channel,
                           int stream,
                           ssize_t nread,
                           const uv_buf_t* buf) {
  CHECK(!peer_of(channel->session)->extra);
  at(peer_of(channel->session), nread > 0 ? AT_CLIENT_READ
                                          : AT_CLIENT_READ_END);
}

static void on_post(uvssh_session_t* session, void* arg) {
  talked.posts++;
  at(arg, AT_CLIENT_POST);
}

static void post(struct peer* p) {
  uvssh_handle_t* h = NULL;

  if (uvssh_handle_create(&h, &p->session) != 0)
    return;
  talked.posted += uvssh_handle_post(h, on_post, p) == 0;
  uvssh_handle_unref(h);
}

static void on_client_request(uvssh_req_t* r, int status) {
  struct peer* p = talk_done(r, AT_CLIENT_REQUEST);
  uv_buf_t buf = uv_buf_init(talked.bytes, TALK_BYTES);

  if (status != 0) {
    leave(p);
    return;
  }
  post(p);
  (void) uvssh_channel_read_start(&p->channel, on_client_read);
  talk_began(R_WRITE,
             uvssh_channel_write(talk_req(R_WRITE), &p->channel, UVSSH_DATA,
                                 &buf, 1, on_client_write));
  talk_began(R_EOF, uvssh_channel_shutdown(talk_req(R_EOF), &p->channel,
                                           on_client_shutdown));
}

static void on_client_exit(uvssh_channel_t* channel,
                           const uvssh_channel_request_t* ask,
                           uvssh_reply_t reply) {
  CHECK_EQ(ask->type, UVSSH_REQUEST_EXIT_STATUS);
  CHECK_EQ(reply.serial, 0);
  at(peer_of(channel->session), AT_CLIENT_EXIT);
}

static void on_client_open(uvssh_req_t* r, int status) {
  struct peer* p = peer_of(r->session);

  p->open = status;
  (void) talk_done(r, AT_CLIENT_OPEN);
  if (status != 0 ||
      !talk_began(R_EXEC,
                  uvssh_channel_exec(talk_req(R_EXEC), &p->channel, "talk",
                                     on_client_request)))
    leave(p);
}

static void on_client_global(uvssh_req_t* r, int status) {
  (void) talk_done(r, AT_CLIENT_GLOBAL);
}

static void on_client_channel(uvssh_session_t* session,
                              const uvssh_channel_open_t* ask,
                              uvssh_reply_t reply) {
  struct peer* p = peer_of(session);

  CHECK(!p->extra);
  at(p, AT_CLIENT_CHANNEL);
  if (strcmp(ask->name, "back@example.com") == 0)
    talked.back_begun[1] =
        uvssh_channel_accept(reply, &talked.back[1],
                             &p->both->client_channel_on) == 0;
}

static void on_client_ready(uvssh_session_t* session) {
  static const uvssh_channel_open_t type = { .type = UVSSH_CHANNEL_SESSION };
  static const uvssh_session_request_t ask = { .type = UVSSH_GLOBAL_OTHER,
                                               .name = "x@example.com" };
  struct peer* p = peer_of(session);

  CHECK(!p->extra);
  at(p, AT_CLIENT_READY);
  talk_began(R_GLOBAL, uvssh_session_request(talk_req(R_GLOBAL), session, &ask,
                                             on_client_global));
  talk_began(R_REKEY, uvssh_session_rekey(talk_req(R_REKEY), session,
                                          on_client_rekey));
  talk_began(R_OPEN,
             uvssh_channel_open(talk_req(R_OPEN), session, &p->channel, &type,
                                &p->both->client_channel_on, on_client_open));
}

static void on_client_password(uvssh_req_t* r, int status) {
  struct peer* p = talk_done(r, AT_CLIENT_AUTH);

  if (status != 0)
    leave(p);
}

static void on_client_key(uvssh_req_t* r, int status) {
  struct peer* p = talk_done(r, AT_CLIENT_KEY);

  uvssh_key_unref(talked.card);
  talked.card = NULL;
  if ((status != UVSSH_EPARTIAL && status != UVSSH_EAUTH) ||
      !talk_began(R_PASSWORD,
                  uvssh_auth_password(talk_req(R_PASSWORD), &p->session,
                                      "someone", "secret",
                                      on_client_password)))
    leave(p);
}

static void on_release(void* arg) {
  talked.releases++;
  at(arg, AT_CLIENT_RELEASE);
}

/* A card that says no; the password follows. */
static void on_sign(void* arg,
                    const char* algorithm,
                    const uv_buf_t* data,
                    uvssh_reply_t reply) {
  struct peer* p = arg;

  at(p, AT_CLIENT_SIGN);
  CHECK_STR(algorithm, "ssh-ed25519");
  CHECK(data->len > 0);
  (void) uvssh_reply_reject(reply);
}

static void on_client_start(uvssh_req_t* r, int status) {
  struct peer* p = talk_done(r, AT_CLIENT_START);

  if (status != 0 ||
      !talk_began(R_KEY,
                  uvssh_auth_publickey(talk_req(R_KEY), &p->session, "someone",
                                       talked.card, on_client_key)))
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

static void on_prompt(uvssh_session_t* session,
                      const uvssh_prompts_t* form,
                      uvssh_reply_t reply) {
  const char* answer = "newer";

  CHECK(!peer_of(session)->extra);
  at(peer_of(session), AT_CLIENT_PROMPT);
  CHECK_EQ(form->count, 1);
  CHECK(form->prompts[0].text[0] != '\0');   /* still shown */
  (void) uvssh_reply_answers(reply, &answer, 1);
}

static void on_hostkeys(uvssh_session_t* session, uvssh_key_t* const* keys,
                        unsigned count) {
  at(peer_of(session), AT_CLIENT_HOSTKEYS);
}

static void on_banner(uvssh_session_t* session, const char* text) {
  CHECK(!peer_of(session)->extra);
  at(peer_of(session), AT_CLIENT_BANNER);
  CHECK_STR(text, "hello");
}

static void on_client_channel_close(uvssh_channel_t* channel, int status) {
  struct peer* p = peer_of(channel->session);

  if (channel != &p->channel) {
    talked.back_closes[1]++;
    return;
  }
  peer_channel_close(channel, status);
  at(p, AT_CLIENT_CHANNEL_CLOSE);
  leave(p);
}

static void on_client_close(uvssh_session_t* session, const uvssh_end_t* end) {
  peer_close(session, end);
  at(peer_of(session), AT_CLIENT_CLOSE);
}

/* ---- its beginning ------------------------------------------------------- */

static void start_over_own(struct peer* p) {
  if (!talk_began(R_START, uvssh_client_start(talk_req(R_START), &p->session,
                                              &p->transport,
                                              on_client_start)))
    own_close_unused(p);           /* closed before: it is ours */
}

static void on_client_login(uvssh_req_t* r, int status) {
  struct peer* p = talk_done(r, AT_CLIENT_AUTH);

  if (status != 0)
    leave(p);
}

void talk_come(struct both* b, struct peer* p) {
  const char* files[] = { talk.id_file, NULL };
  uvssh_client_login_t what = { .host = "127.0.0.1", .user = "someone",
                                .files = files };

  CHECK_EQ(uvssh_session_init(&b->loop, &p->session, &b->client_config,
                              &b->client_on), 0);
  b->clients[b->client_count++] = p;
  what.port = ntohs(((struct sockaddr_in*) &b->address)->sin_port);
  if (talk.way == OVER_OWN) {
    CHECK_EQ(uvssh_key_external(&talked.card, b->key, on_sign, p, on_release),
             0);
    CHECK_EQ(own_connect(b, p, start_over_own), 0);
    return;
  }
  CHECK(talk_began(R_LOGIN, uvssh_client_login(talk_req(R_LOGIN), &p->session,
                                               &what, on_client_login)));
}

void talk_client_handlers(struct both* b) {
  b->client_config.window_bytes = 40 * 1000;
  b->client_on.on_hostkey = on_hostkey;
  b->client_on.on_prompt = on_prompt;
  b->client_on.on_banner = on_banner;
  b->client_on.on_hostkeys = on_hostkeys;
  b->client_on.on_ready = on_client_ready;
  b->client_on.on_channel = on_client_channel;
  b->client_on.on_close = on_client_close;
  b->client_channel_on.on_request = on_client_exit;
  b->client_channel_on.on_close = on_client_channel_close;
}
