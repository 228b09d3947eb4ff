/* inside_call.c: every function whose docstring lets it be called inside
 * callbacks, called there: with what is there, and whatever it answers. What it
 * takes on ends later, as everything does: each callback once.
 *
 * test-inside.py compares this file with include/. Those that end a session, a
 * channel or a server are acts. */
#include "inside.h"

enum { REQS = 16 };

static struct {
  uvssh_req_t reqs[REQS];
  unsigned req_count;              /* taken, and what came back of them */
  unsigned done;
  uvssh_session_t by_name, above, below;
  uvssh_channel_t channel;
  uvssh_group_t group;
  uvssh_member_t staying;
  uvssh_transport_t up, down, command, unused[2];
  uvssh_server_t server;
  uvssh_loops_t loops;             /* not started: that blocks */
  uv_tcp_t tcp;
  unsigned begun, closes;          /* sessions */
  unsigned posts, posted;
  int channel_begun, channel_closes;
  int server_begun, server_closes;
} c;

static char text[64] = "called inside";

/* ---- what comes back ----------------------------------------------------- */

static void on_done(uvssh_req_t* req, int status) {
  c.done++;
}

static void on_channel_open(uvssh_req_t* req, int status) {
  c.done++;
  c.channel_begun = status == 0;
}

static void on_channel_close(uvssh_channel_t* channel, int status) {
  c.channel_closes++;
}

static void on_session_close(uvssh_session_t* session, const uvssh_end_t* end) {
  c.closes++;
}

static void on_post(uvssh_session_t* session, void* arg) {
  c.posts++;
}

static void on_sign(void* arg,
                    const char* algorithm,
                    const uv_buf_t* data,
                    uvssh_reply_t reply) {
}

static void on_server_close(uvssh_server_t* server) {
  c.server_closes++;
}

static const uvssh_session_handlers_t session_on = {
  .on_close = on_session_close
};
static const uvssh_channel_handlers_t channel_on = {
  .on_close = on_channel_close
};

static uvssh_req_t* req(void) {
  CHECK(c.req_count < REQS);
  memset(&c.reqs[c.req_count], 0, sizeof(uvssh_req_t));
  return &c.reqs[c.req_count];
}

/* The request of req() is on its way when the call has said yes. */
static void took(int err) {
  CHECK(err <= 0);
  c.req_count += err == 0;
}

/* ---- what it is about ---------------------------------------------------- */

static void call_plain(struct both* b) {
  char out[64];
  uint8_t modes[] = { 53, 0, 0, 0, 1, 0 };
  uvssh_pty_t pty = { .modes = modes, .modes_len = sizeof(modes) };
  uvssh_config_t config;
  uvssh_payload_t* payload = NULL;
  uint64_t now, due;
  uint32_t value;

  CHECK(uvssh_version_string() != NULL);
  CHECK(uvssh_strerror(UV_ENOMEM) != NULL);
  CHECK(uvssh_err_name(UV_ENOMEM) != NULL);
  CHECK(uvssh_escape(out, sizeof(out), text) == out);
  uvssh_config_init(&config);
  (void) uvssh_config_check(&config, NULL);
  uvssh_window_budget_set((uint64_t) 256 << 20);
  (void) uvssh_window_budget_used();
  CHECK_EQ(uvssh_pty_mode(&pty, 53, &value), 0);
  CHECK_EQ(uvssh_payload_create(&payload, text, sizeof(text)), 0);
  uvssh_payload_unref(payload);
  CHECK_EQ(uvssh_clock_set(&b->loop, 1), UV_EBUSY);
  CHECK_EQ(uvssh_clock_next(&b->loop, &now, &due), UV_EINVAL);
  CHECK_EQ(uvssh_clock_end(&b->loop), UV_EINVAL);
}

static void call_keys(void) {
  uvssh_key_t* key = NULL;
  uvssh_key_t* other = NULL;
  uvssh_key_t* half = NULL;
  char line[256];
  size_t len = sizeof(line);

  CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0), 0);
  CHECK_EQ(uvssh_key_fingerprint(key, line, &len), 0);
  len = sizeof(line);
  CHECK_EQ(uvssh_key_public_line(key, line, &len), 0);
  CHECK_EQ(uvssh_key_parse(&half, line, len, NULL), 0);
  CHECK_EQ(uvssh_key_external(&other, half, on_sign, NULL, NULL), 0);
  CHECK(uvssh_key_equal(key, other) && uvssh_key_has_secret(other));
  CHECK(uvssh_key_blob(key, &len) != NULL && uvssh_key_name(key) != NULL);
  CHECK_EQ(uvssh_known_hosts_update(NULL, "host", 22, &key, 1), UV_EINVAL);
  CHECK_EQ(uvssh_known_hosts_check(NULL, "host", 22, key, NULL),
           UVSSH_HOST_UNKNOWN);
  uvssh_key_unref(uvssh_key_ref(key));
  uvssh_key_unref(key);
  uvssh_key_unref(other);
  uvssh_key_unref(half);
}

static void call_replies(void) {
  uvssh_reply_t none = { 0, 0, 0 };
  const char* answer = text;
  uvssh_prompt_t prompt = { text, 0 };
  uvssh_prompts_t form = { UVSSH_AUTH_PASSWORD, "", "", &prompt, 1 };

  CHECK_EQ(uvssh_reply_accept(none), UV_ECANCELED);
  CHECK_EQ(uvssh_reply_reject(none), UV_ECANCELED);
  CHECK_EQ(uvssh_reply_partial(none, UVSSH_AUTH_PASSWORD), UV_ECANCELED);
  CHECK_EQ(uvssh_reply_prompt(none, &form), UV_ECANCELED);
  CHECK_EQ(uvssh_reply_answers(none, &answer, 1), UV_ECANCELED);
  CHECK_EQ(uvssh_reply_signature(none, text, 4), UV_ECANCELED);
  CHECK(uvssh_reply_session(none) == NULL);
  CHECK_EQ(uvssh_channel_accept(none, &c.channel, &channel_on), UV_ECANCELED);
  CHECK_EQ(uvssh_channel_reject(none, UVSSH_OPEN_SHORTAGE, text), UV_ECANCELED);
}

static void call_session(struct both* b, struct peer* p) {
  static const uvssh_session_request_t ask = { .type = UVSSH_GLOBAL_OTHER,
                                               .name = "y@example.com" };
  static const uvssh_channel_open_t open = { .type = UVSSH_CHANNEL_OTHER,
                                             .name = "extra@example.com" };
  uvssh_session_t* s = &p->session;
  struct sockaddr_storage name;
  uvssh_session_info_t info;
  uvssh_config_t config;
  int len = sizeof(name);
  size_t id;

  uvssh_session_config(s, &config);
  if (s->impl != NULL)
    (void) uvssh_session_configure(s, &config);
  (void) uvssh_session_is_ready(s);
  (void) uvssh_session_user(s);
  (void) uvssh_session_key(s);
  (void) uvssh_session_peername(s, (struct sockaddr*) &name, &len);
  uvssh_session_info(s, &info);
  (void) uvssh_session_id(s, &id);
  took(uvssh_auth_none(req(), s, "someone", on_done));
  took(uvssh_auth_password(req(), s, "someone", "x", on_done));
  took(uvssh_auth_publickey(req(), s, "someone", b->key, on_done));
  took(uvssh_session_request(req(), s, &ask, on_done));
  took(uvssh_session_ping(req(), s, on_done));
  took(uvssh_session_rekey(req(), s, on_done));
  took(uvssh_channel_open(req(), s, &c.channel, &open, &channel_on,
                          on_channel_open));
}

static void call_handle(struct peer* p) {
  uvssh_handle_t* h = NULL;

  if (uvssh_handle_create(&h, &p->session) != 0)
    return;
  uvssh_handle_unref(uvssh_handle_ref(h));
  c.posted += uvssh_handle_post(h, on_post, NULL) == 0;
  (void) uvssh_handle_send(h, p->channel.id, UVSSH_DATA, text, 4);
  uvssh_handle_unref(h);
}

/* c.staying is a member until its channel ends. */
static void call_group(uvssh_channel_t* ch) {
  uvssh_group_t group = { 0 };
  uvssh_member_t member = { 0 };
  uvssh_payload_t* payload = NULL;

  CHECK_EQ(uvssh_payload_create(&payload, text, 8), 0);
  CHECK_EQ(uvssh_group_init(&group, UVSSH_SLOW_SKIP, 0), 0);
  if (uvssh_group_join(&group, &member, ch) == 0)
    CHECK(uvssh_group_next(&group, NULL) == &member);
  CHECK(uvssh_group_send(&group, UVSSH_DATA, payload, NULL) >= 0);
  uvssh_group_leave(&member);
  uvssh_group_end(&group);
  uvssh_group_end(&c.group);
  CHECK_EQ(uvssh_group_init(&c.group, UVSSH_SLOW_DROP_OLDEST, 100), 0);
  (void) uvssh_group_join(&c.group, &c.staying, ch);
  CHECK(uvssh_group_send(&c.group, UVSSH_DATA, payload, NULL) >= 0);
  uvssh_payload_unref(payload);
}

static void call_channel(struct peer* p) {
  static const uvssh_channel_request_t size = {
    .type = UVSSH_REQUEST_WINDOW_CHANGE, .pty = { .cols = 80, .rows = 25 }
  };
  uvssh_channel_t* ch = &p->channel;
  uvssh_payload_t* payload = NULL;
  uv_buf_t buf = uv_buf_init(text, 8);

  (void) uvssh_channel_is_open(ch);
  (void) uvssh_channel_queue_size(ch);
  (void) uvssh_channel_set_window(ch, 50 * 1000);
  (void) uvssh_channel_request(NULL, ch, &size, NULL);
  took(uvssh_channel_exec(req(), ch, "talk", on_done));
  (void) uvssh_channel_send(ch, UVSSH_DATA, text, 8);
  took(uvssh_channel_write(req(), ch, UVSSH_DATA, &buf, 1, on_done));
  CHECK_EQ(uvssh_payload_create(&payload, text, 8), 0);
  (void) uvssh_channel_send_payload(ch, UVSSH_DATA, payload);
  uvssh_payload_unref(payload);
  call_group(ch);
  (void) uvssh_channel_read_start(ch, peer_read);
  (void) uvssh_channel_read_stop(ch);
  (void) uvssh_channel_read_start(ch, peer_read);
  CHECK(uvssh_channel_relay(req(), ch, ch, on_done) != 0);
  (void) uvssh_transport_channel(&c.unused[0], &c.channel);
  took(uvssh_channel_shutdown(req(), ch, on_done));
}

static void call_server(struct both* b) {
  struct sockaddr_storage name;
  uvssh_session_t* s = NULL;
  int len = sizeof(name);

  while ((s = uvssh_server_next(&b->server, s)) != NULL)
    CHECK(s->server == &b->server);
  (void) uvssh_server_getsockname(&b->server, (struct sockaddr*) &name, &len);
  CHECK(uvssh_server_add_key(&b->server, b->key) != 0);
  (void) uvssh_server_listen(&b->server, "127.0.0.1", 0, b->on_connection);
  (void) uvssh_server_listen_shared(&b->server, "127.0.0.1", 0,
                                    b->on_connection);
  CHECK(uvssh_server_listen_stream(&b->server, NULL, b->on_connection) != 0);
  CHECK_EQ(uvssh_loops_listen(&c.loops, &b->server, "127.0.0.1", 0,
                              b->on_connection), UV_ENOTCONN);
  uvssh_loops_stop(&c.loops);
  CHECK(uvssh_server_accept(&c.server, &c.by_name, &session_on) != 0);
  if (uvssh_server_init(&b->loop, &c.server, NULL) == 0) {
    c.server_begun = 1;
    uvssh_server_close(&c.server, on_server_close);
  }
}

/* More sessions: one by name, and two over a pipe. */
static void call_sessions(struct both* b) {
  uvssh_client_login_t what = { .host = "127.0.0.1", .port = 1,
                                .user = "someone" };

  CHECK_EQ(uvssh_session_init(&b->loop, &c.by_name, NULL, &session_on), 0);
  CHECK_EQ(uvssh_session_init(&b->loop, &c.above, NULL, &session_on), 0);
  c.begun += 2;
  took(uvssh_client_connect(req(), &c.by_name, "127.0.0.1", 1, on_done));
  CHECK_EQ(uvssh_client_login(req(), &c.by_name, &what, on_done), UV_EBUSY);
  CHECK_EQ(uvssh_client_no_more_sessions(&c.by_name), UV_ENOTCONN);
  CHECK_EQ(uvssh_test_pipe(&b->loop, &c.up, &c.down, NULL), 0);
  CHECK_EQ(uvssh_test_pipe_hold(&c.up, 1), 0);
  CHECK_EQ(uvssh_test_pipe_hold(&c.up, 0), 0);
  took(uvssh_client_start(req(), &c.above, &c.up, on_done));
  if (uvssh_server_serve(&b->server, &c.below, &c.down, &session_on) == 0)
    c.begun++;
  else
    c.down.ops->close(&c.down);
  (void) uvssh_test_pipe_cut(&c.up, UV_EOF);
  CHECK_EQ(uvssh_transport_stream(&c.unused[0], NULL), UV_EINVAL);
  CHECK_EQ(uvssh_transport_pair(&c.unused[0], NULL, NULL), UV_EINVAL);
  if (talk.where != AT_NOTHING &&  /* a process takes its time */
      uvssh_transport_command(&c.command, &b->loop, "true") == 0)
    c.command.ops->close(&c.command);
}

void call_everything(struct both* b, struct peer* p) {
  call_plain(b);
  call_keys();
  call_replies();
  call_handle(p);
  call_session(b, p);
  call_channel(p);
  call_server(b);
  call_sessions(b);
}

/* ---- its end ------------------------------------------------------------- */

void call_begin(void) {
  memset(&c, 0, sizeof(c));
}

void call_end(void) {
  uvssh_session_close(&c.by_name);
  uvssh_session_close(&c.above);
  uvssh_session_close(&c.below);
}

int call_has_ended(void) {
  return c.closes == c.begun && c.done == c.req_count && c.posts == c.posted &&
         c.channel_closes == c.channel_begun && c.group.members == 0 &&
         c.server_closes == c.server_begun;
}
