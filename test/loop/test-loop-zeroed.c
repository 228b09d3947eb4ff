/* A zeroed object is "not open": every call on it is a clean error. So is one
 * whose last callback has come. */
#include "both.h"

static void on_req(uvssh_req_t* req, int status) {
  FAIL("a callback of what was never started");
}

static void on_connection(uvssh_server_t* server, int status) {
}

static void check_session(uvssh_session_t* s) {
  static const uvssh_session_request_t ask = { .type = UVSSH_GLOBAL_OTHER,
                                               .name = "x@example.com" };
  static const uvssh_channel_open_t open = { .type = UVSSH_CHANNEL_SESSION };
  static const uvssh_channel_handlers_t on = { 0 };
  uvssh_session_info_t info;
  struct sockaddr_storage name;
  uvssh_channel_t channel = { 0 };
  uvssh_transport_t transport = { 0 };
  uvssh_config_t config;
  uvssh_key_t* key = NULL;
  uvssh_req_t req;
  int name_len = sizeof(name);
  size_t len = 1;

  uvssh_session_config(s, &config);
  CHECK_EQ(config.channels, 256);
  CHECK_EQ(uvssh_session_configure(s, &config), UV_ENOTCONN);
  CHECK_EQ(uvssh_session_configure(s, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_session_request(&req, s, &ask, on_req), UV_ENOTCONN);
  CHECK_EQ(uvssh_session_request(&req, s, NULL, on_req), UV_EINVAL);
  CHECK_EQ(uvssh_session_rekey(&req, s, on_req), UV_ENOTCONN);
  CHECK_EQ(uvssh_session_disconnect(s, 11, "bye"), UV_ENOTCONN);
  uvssh_session_close(s);
  CHECK_EQ(uvssh_session_is_ready(s), 0);
  CHECK_STR(uvssh_session_user(s), "");
  CHECK(uvssh_session_key(s) == NULL);
  CHECK_EQ(uvssh_session_peername(s, (struct sockaddr*) &name, &name_len),
           UV_ENOTCONN);
  uvssh_session_info(s, &info);
  CHECK_STR(info.kex, "");
  CHECK_STR(info.cipher_in, "");
  CHECK_STR(info.mac_out, "");
  CHECK_STR(info.hostkey_algorithm, "");
  CHECK_EQ(info.bytes_in, 0);
  CHECK(uvssh_session_id(s, &len) == NULL);
  CHECK_EQ(len, 0);
  CHECK_EQ(uvssh_channel_open(&req, s, &channel, &open, &on, on_req),
           UV_ENOTCONN);
  CHECK_EQ(uvssh_auth_none(&req, s, "a", on_req), UV_ENOTCONN);
  CHECK_EQ(uvssh_auth_password(&req, s, "a", "b", on_req), UV_ENOTCONN);
  CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0), 0);
  CHECK_EQ(uvssh_auth_publickey(&req, s, "a", key, on_req), UV_ENOTCONN);
  uvssh_key_unref(key);
  CHECK(uvssh_client_start(&req, s, &transport, on_req) < 0);
  transport.ops = (const uvssh_transport_ops_t*) 8;
  CHECK_EQ(uvssh_client_start(&req, s, &transport, on_req), UV_ENOTCONN);
}

static void check_group(uvssh_channel_t* ch, uvssh_payload_t* payload) {
  uvssh_group_t group = { 0 };
  uvssh_member_t member = { 0 };

  CHECK_EQ(uvssh_group_join(&group, &member, ch), UV_ENOTCONN);
  CHECK_EQ(uvssh_group_send(&group, UVSSH_DATA, payload, NULL), UV_ENOTCONN);
  CHECK(uvssh_group_next(&group, NULL) == NULL);
  uvssh_group_leave(&member);
  uvssh_group_end(&group);
  CHECK_EQ(uvssh_group_init(&group, UVSSH_SLOW_SKIP, 0), 0);
  CHECK_EQ(uvssh_group_join(&group, &member, ch), UV_ENOTCONN);
}

static void check_channel(uvssh_channel_t* ch) {
  static const uvssh_channel_request_t ask = { .type = UVSSH_REQUEST_SHELL };
  char byte = 0;
  uv_buf_t buf = uv_buf_init(&byte, 1);
  uvssh_payload_t* payload = NULL;
  uvssh_req_t req;

  CHECK_EQ(uvssh_channel_request(&req, ch, &ask, on_req), UV_ENOTCONN);
  CHECK_EQ(uvssh_channel_request(&req, ch, NULL, on_req), UV_EINVAL);
  CHECK_EQ(uvssh_channel_exec(&req, ch, "ls", on_req), UV_ENOTCONN);
  CHECK_EQ(uvssh_channel_read_start(ch, peer_read), UV_ENOTCONN);
  CHECK_EQ(uvssh_channel_read_start(ch, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_channel_read_stop(ch), UV_ENOTCONN);
  CHECK_EQ(uvssh_channel_set_window(ch, 4096), UV_ENOTCONN);
  CHECK_EQ(uvssh_channel_set_window(ch, 1), UV_EINVAL);
  CHECK_EQ(uvssh_channel_write(&req, ch, UVSSH_DATA, &buf, 1, on_req),
           UV_ENOTCONN);
  CHECK_EQ(uvssh_channel_send(ch, UVSSH_DATA, "x", 1), UV_ENOTCONN);
  CHECK_EQ(uvssh_channel_send(ch, 7, "x", 1), UV_EINVAL);
  CHECK_EQ(uvssh_payload_create(&payload, "x", 1), 0);
  CHECK_EQ(uvssh_channel_send_payload(ch, UVSSH_DATA, payload), UV_ENOTCONN);
  check_group(ch, payload);
  uvssh_payload_unref(payload);
  CHECK_EQ(uvssh_channel_queue_size(ch), 0);
  CHECK_EQ(uvssh_channel_shutdown(&req, ch, on_req), UV_ENOTCONN);
  CHECK_EQ(uvssh_channel_exit(ch, 0, 0), UV_ENOTCONN);
  uvssh_channel_close(ch);
  uvssh_channel_abort(ch);
  CHECK_EQ(uvssh_channel_is_open(ch), 0);
  CHECK_EQ(uvssh_channel_relay(&req, ch, ch, on_req), UV_ENOTCONN);
}

static void check_server(uvssh_server_t* server) {
  uvssh_session_handlers_t on = { 0 };
  struct sockaddr_storage name;
  uvssh_session_t session = { 0 };
  uvssh_transport_t transport = { 0 };
  uvssh_key_t* key = NULL;
  uv_tcp_t tcp;
  int len = sizeof(name);

  memset(&tcp, 0, sizeof(tcp));
  CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0), 0);
  CHECK_EQ(uvssh_server_add_key(server, key), UV_ENOTCONN);
  uvssh_key_unref(key);
  CHECK_EQ(uvssh_server_add_key_file(server, "no-such-file"), UV_ENOTCONN);
  CHECK_EQ(uvssh_server_listen(server, "127.0.0.1", 0, on_connection),
           UV_ENOTCONN);
  CHECK_EQ(uvssh_server_listen_stream(server, (uv_stream_t*) &tcp,
                                      on_connection), UV_ENOTCONN);
  CHECK_EQ(uvssh_server_getsockname(server, (struct sockaddr*) &name, &len),
           UV_ENOTCONN);
  CHECK_EQ(uvssh_server_accept(server, &session, &on), UV_EAGAIN);
  CHECK_EQ(uvssh_server_serve(server, &session, &transport, &on),
           UV_ECANCELED);
  CHECK(uvssh_server_next(server, NULL) == NULL);
  CHECK(uvssh_server_next(server, &session) == NULL);
  CHECK_EQ(uvssh_server_shutdown(server, 0, NULL), UV_ENOTCONN);
  uvssh_server_close(server, NULL);
}

TEST(zeroed_session) {
  uvssh_session_t s = { 0 };

  check_session(&s);
  check_session(NULL);
}

TEST(zeroed_channel) {
  uvssh_channel_t ch = { 0 };

  check_channel(&ch);
  check_channel(NULL);
}

TEST(zeroed_server) {
  uvssh_server_t server = { 0 };

  check_server(&server);
  check_server(NULL);
}

TEST(zeroed_reply) {
  static const uvssh_channel_handlers_t on = { 0 };
  static const uvssh_prompts_t form = { 0 };
  static const char* const answers[] = { "" };
  uvssh_reply_t reply = { 0, 0, 0 };
  uvssh_channel_t channel = { 0 };

  CHECK_EQ(uvssh_reply_accept(reply), UV_ECANCELED);
  CHECK_EQ(uvssh_reply_reject(reply), UV_ECANCELED);
  CHECK_EQ(uvssh_reply_partial(reply, UVSSH_AUTH_PASSWORD), UV_ECANCELED);
  CHECK_EQ(uvssh_reply_prompt(reply, &form), UV_ECANCELED);
  CHECK_EQ(uvssh_reply_answers(reply, answers, 1), UV_ECANCELED);
  CHECK(uvssh_reply_session(reply) == NULL);
  CHECK_EQ(uvssh_channel_accept(reply, &channel, &on), UV_ECANCELED);
  CHECK_EQ(uvssh_channel_reject(reply, 1, "no"), UV_ECANCELED);
  reply.loop = reply.slot = UINT32_MAX;
  reply.serial = UINT64_MAX;
  CHECK_EQ(uvssh_reply_accept(reply), UV_ECANCELED);
  CHECK(uvssh_reply_session(reply) == NULL);
}

TEST(zeroed_init) {
  uvssh_session_handlers_t on = { 0 };
  uvssh_session_t s = { 0 };
  uvssh_server_t server = { 0 };
  uvssh_transport_t transport;
  uvssh_config_t config;
  uv_stream_t stream;
  uv_loop_t loop;

  CHECK_EQ(uv_loop_init(&loop), 0);
  CHECK_EQ(uvssh_session_init(NULL, &s, NULL, &on), UV_EINVAL);
  CHECK_EQ(uvssh_session_init(&loop, NULL, NULL, &on), UV_EINVAL);
  CHECK_EQ(uvssh_session_init(&loop, &s, NULL, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_server_init(NULL, &server, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_server_init(&loop, NULL, NULL), UV_EINVAL);
  uvssh_config_init(&config);
  config.ciphers = "rot13";
  CHECK_EQ(uvssh_session_init(&loop, &s, &config, &on), UV_EINVAL);
  CHECK_EQ(uvssh_server_init(&loop, &server, &config), UV_EINVAL);
  CHECK(s.impl == NULL);
  CHECK(server.impl == NULL);
  memset(&stream, 0, sizeof(stream));
  CHECK_EQ(uvssh_transport_stream(NULL, &stream), UV_EINVAL);
  CHECK_EQ(uvssh_transport_stream(&transport, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_transport_stream(&transport, &stream), UV_EINVAL);
  CHECK_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
  CHECK_EQ(uv_loop_close(&loop), 0);
}

/* The same once more, on objects that have been used. */
TEST(zeroed_again_after_close) {
  struct both b;
  struct peer* client;

  both_open(&b);
  both_listen(&b);
  client = both_channel(&b, "read");
  uvssh_session_close(&client->session);
  UNTIL(&b, client->closes == 1 && served_last(&b)->closes == 1);
  check_session(&client->session);
  check_session(&served_last(&b)->session);
  check_channel(&client->channel);
  check_channel(&served_last(&b)->channel);
  uvssh_server_close(&b.server, both_on_server_close);
  UNTIL(&b, b.server_closes == 1);
  check_server(&b.server);
  b.server_closes = 0;
  both_close(&b);
}

/* Begun and not started: nothing to ask yet, and the way out is close. */
TEST(zeroed_not_started) {
  struct both b;
  struct peer* p;
  uvssh_transport_t transport = { 0 };
  uvssh_req_t req;
  size_t len;
  int how;

  for (how = 0; how < 2; how++) {
    both_open(&b);
    p = peer_new(&b);
    CHECK_EQ(uvssh_session_init(&b.loop, &p->session, NULL, &b.client_on), 0);
    CHECK_EQ(uvssh_session_init(&b.loop, &p->session, NULL, &b.client_on),
             UV_EBUSY);
    CHECK_EQ(uvssh_auth_none(&req, &p->session, "a", on_req), UV_ENOTCONN);
    CHECK_EQ(uvssh_session_rekey(&req, &p->session, on_req), UV_ENOTCONN);
    CHECK_EQ(uvssh_client_start(NULL, &p->session, &transport, on_req),
             UV_EINVAL);
    CHECK_EQ(uvssh_client_start(&req, &p->session, &transport, on_req),
             UV_EINVAL);
    CHECK(uvssh_session_id(&p->session, &len) == NULL);
    if (how == 0)
      uvssh_session_close(&p->session);
    else
      CHECK_EQ(uvssh_session_disconnect(&p->session, 11, "bye"), 0);
    CHECK_EQ(p->closes, 0);
    CHECK_EQ(uv_run(&b.loop, UV_RUN_DEFAULT), 0);
    CHECK_EQ(p->closes, 1);
    CHECK_EQ(p->end.status, 0);
    CHECK_EQ(p->end.phase, UVSSH_PHASE_CONNECT);
    free(p);
    both_close(&b);
  }
}
