/* awaits.c: see awaits.h. A talk with a pause. */
#include "awaits.h"

struct awaits aw;

/* 1: this is the one. */
static int hold(enum question question, uvssh_reply_t reply) {
  if (question != aw.held || aw.asked)
    return 0;
  aw.asked = 1;
  aw.reply = reply;
  return 1;
}

static void on_hostkey(uvssh_session_t* session,
                       uvssh_key_t* key,
                       uvssh_host_verdict verdict,
                       uvssh_reply_t reply) {
  if (!hold(ASK_HOSTKEY, reply))
    (void) uvssh_reply_accept(reply);
}

static void on_prompt(uvssh_session_t* session,
                      const uvssh_prompts_t* form,
                      uvssh_reply_t reply) {
  CHECK(hold(ASK_PROMPT, reply));
}

static void on_sign(void* arg,
                    const char* algorithm,
                    const uv_buf_t* data,
                    uvssh_reply_t reply) {
  CHECK(hold(ASK_SIGN, reply));
}

static void on_attempt(uvssh_session_t* session,
                       const uvssh_auth_t* attempt,
                       uvssh_reply_t reply) {
  static const uvssh_prompt_t prompt = { "a new one", 0 };
  static const uvssh_prompts_t form = { UVSSH_AUTH_PASSWORD, "", "", &prompt,
                                        1 };

  if (hold(ASK_AUTH, reply))
    return;
  if (aw.held == ASK_PROMPT)
    (void) uvssh_reply_prompt(reply, &form);
  else
    (void) uvssh_reply_accept(reply);
}

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* ask,
                       uvssh_reply_t reply) {
  if (!hold(ASK_CHANNEL, reply))
    peer_channel(session, ask, reply);
}

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  if (!hold(ASK_REQUEST, reply))
    (void) uvssh_reply_accept(reply);
}

static void on_global(uvssh_session_t* session,
                      const uvssh_session_request_t* ask,
                      uvssh_reply_t reply) {
  if (!hold(ASK_GLOBAL, reply))
    (void) uvssh_reply_accept(reply);
}

/* ---- the client ---------------------------------------------------------- */

/* The status so far. A session that was told to end meanwhile takes nothing. */
static int began(int err) {
  CHECK(err == 0 || err == UV_ENOTCONN);
  return err == 0 ? PENDING : err;
}

static void on_ask(uvssh_req_t* req, int status) {
  CHECK_EQ(peer_of(req->session)->ask, PENDING);
  peer_of(req->session)->ask = status;
}

static void on_global_done(uvssh_req_t* req, int status) {
  aw.globals--;
}

static void on_open(uvssh_req_t* req, int status) {
  struct peer* p = peer_of(req->session);

  CHECK_EQ(p->open, PENDING);
  p->open = status;
  if (status == 0)
    p->ask = began(uvssh_channel_exec(&p->ask_req, &p->channel, "x", on_ask));
}

static void on_auth(uvssh_req_t* req, int status) {
  static const uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_SESSION };
  static const uvssh_session_request_t ask = { .type = UVSSH_GLOBAL_OTHER,
                                               .name = "x@example.com" };
  struct peer* p = peer_of(req->session);

  CHECK_EQ(p->auth, PENDING);
  p->auth = status;
  if (status != 0) {
    uvssh_session_close(&p->session);
    return;
  }
  aw.globals += uvssh_session_request(&p->relay_req, &p->session, &ask,
                                     on_global_done) == 0;
  p->open = began(uvssh_channel_open(&p->open_req, &p->session, &p->channel,
                                     &what, &aw.b.client_channel_on, on_open));
}

static void on_start(uvssh_req_t* req, int status) {
  struct peer* p = peer_of(req->session);

  CHECK_EQ(p->start, PENDING);
  p->start = status;
  if (status != 0)
    return;
  if (aw.held == ASK_SIGN)
    p->auth = began(uvssh_auth_publickey(&p->auth_req, &p->session, "x",
                                         aw.card, on_auth));
  else
    p->auth = began(uvssh_auth_password(&p->auth_req, &p->session, "x", "y",
                                        on_auth));
}

struct peer* awaits_come(uvssh_transport_t* transport) {
  struct peer* p = peer_new(&aw.b);
  struct peer* served;

  CHECK_EQ(uvssh_session_init(&aw.b.loop, &p->session, &aw.b.client_config,
                              &aw.b.client_on), 0);
  aw.b.clients[aw.b.client_count++] = p;
  if (transport == NULL) {
    served = aw.b.served[aw.b.served_count++] = peer_new(&aw.b);
    transport = &p->transport;
    CHECK_EQ(uvssh_test_pipe(&aw.b.loop, &served->transport, transport, NULL),
             0);
    CHECK_EQ(uvssh_server_serve(&aw.b.server, &served->session,
                                &served->transport, &aw.b.server_on), 0);
  }
  CHECK_EQ(uvssh_client_start(&p->start_req, &p->session, transport, on_start),
           0);
  return p;
}

void awaits_begin(enum question held) {
  memset(&aw, 0, sizeof(aw));
  aw.held = held;
  both_open(&aw.b);
  aw.b.client_config.keepalive_ms = 60 * 1000;
  aw.b.server_config.keepalive_ms = 60 * 1000;
  aw.b.client_on.on_hostkey = on_hostkey;
  aw.b.client_on.on_prompt = on_prompt;
  aw.b.server_on.on_auth = on_attempt;
  aw.b.server_on.on_channel = on_channel;
  aw.b.server_on.on_request = on_global;
  aw.b.server_channel_on.on_request = on_request;
  both_clock(&aw.b);
  both_server(&aw.b);
  CHECK_EQ(uvssh_key_external(&aw.card, aw.b.key, on_sign, NULL, NULL), 0);
}
