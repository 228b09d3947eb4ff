/* Compression between two sessions: from when on, in which direction, over
 * exchanges of keys, and what is spent for it. RFC 4253 section 6.2. */
#include "app.h"

static const char* const names[] = { "zlib", "zlib@openssh.com" };

static uint64_t wire_bytes(struct app* a, uint64_t* rekeys) {
  uvssh_session_info_t info;

  uvssh_session_info(&a->pipe.client.pub, &info);
  *rekeys = info.rekeys;
  return info.bytes_in + info.bytes_out;
}

static void check_names(struct app* a, const char* in, const char* out) {
  uvssh_session_info_t info;

  uvssh_session_info(&a->pipe.client.pub, &info);
  CHECK_STR(info.compression_in, in);
  CHECK_STR(info.compression_out, out);
  uvssh_session_info(&a->pipe.server.pub, &info);
  CHECK_STR(info.compression_in, out);
  CHECK_STR(info.compression_out, in);
}

static void both_ways(struct app* a, size_t n) {
  app_login(a);
  app_channel(a, 0);
  app_channel(a, 1);
  app_transfer(&a->asked[0], &a->served[0], n);
  app_transfer(&a->served[1], &a->asked[1], n);
}

TEST(compression_is_off_unless_named) {
  struct app* a = app_new();

  app_login(a);
  check_names(a, "none", "none");
  app_end(a);
  a = app_new();                   /* one side alone does not make it */
  a->client_config.compression = "zlib@openssh.com,none";
  app_login(a);
  check_names(a, "none", "none");
  app_end(a);
}

TEST(compression_both_ways_in_pieces) {
  static const size_t chunks[] = { 1, 7, 1000, 0 };
  struct app* a;
  uint64_t rekeys;
  size_t i, k;

  for (i = 0; i < ARRAY_SIZE(names); i++)
    for (k = 0; k < ARRAY_SIZE(chunks); k++) {
      NOTE("%s, chunks of %zu", names[i], chunks[k]);
      a = app_new();
      a->server_config.compression = a->client_config.compression = names[i];
      pipe_chunk(&a->pipe, chunks[k], 0);
      both_ways(a, 300000);
      check_names(a, names[i], names[i]);
      CHECK(wire_bytes(a, &rekeys) < 200000);
      app_end(a);
    }
}

/* Each exchange begins new streams, whoever began it, and data is under way. */
TEST(compression_over_exchanges) {
  struct app* a;
  uint64_t rekeys;
  size_t i, k, side;

  for (i = 0; i < ARRAY_SIZE(names); i++)
    for (side = 0; side < 3; side++) {
      NOTE("%s, side %zu", names[i], side);
      a = app_new();
      a->server_config.compression = a->client_config.compression = names[i];
      if (side != 1)
        a->client_config.rekey_packets = 3;
      if (side != 0)
        a->server_config.rekey_packets = 2;
      pipe_chunk(&a->pipe, 777, 0);
      both_ways(a, 300000);
      CHECK(wire_bytes(a, &rekeys) < 200000);
      for (k = 0; k < 50; k++) {   /* each message is an occasion */
        app_transfer(&a->asked[0], &a->served[0], 20);
        pipe_run(&a->pipe);
      }
      (void) wire_bytes(a, &rekeys);
      CHECK(rekeys >= 10);
      app_end(a);
    }
}

/* Names are chosen for each direction; a later offer may be another one. */
TEST(compression_whole_sessions) {
  struct app* a;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(names); i++) {
    NOTE("%s", names[i]);
    a = app_new();
    a->server_config.compression = "none,zlib,zlib@openssh.com";
    a->client_config.compression = names[i];
    app_script(a);
    CHECK(app_script_is_complete(a));
    app_end(a);
  }
}

/* ---- a peer that does not compress as it said ---------------------------- */

static void liar(struct app* a, struct side* s) {
  struct side* other = s->other;

  uvssh__compression_stop(&s->session.transport.out);
  CHECK_EQ(uvssh_session_request(NULL, &s->pub,
                                 &(uvssh_session_request_t) {
                                   .type = UVSSH_GLOBAL_OTHER,
                                   .name = "lie@example.com" }, NULL), 0);
  pipe_run(&a->pipe);
  CHECK_EQ(other->end.status, UVSSH_ECOMPRESSION);
  CHECK_EQ(other->end.reason, UVSSH_DISCONNECT_COMPRESSION_ERROR);
  CHECK_EQ(s->end.status, UVSSH_EDISCONNECT);
}

TEST(lesson_94_what_does_not_inflate) {
  struct app* a;
  int client;

  for (client = 0; client < 2; client++) {
    a = app_new();
    a->server_config.compression = a->client_config.compression =
        "zlib@openssh.com";
    app_login(a);
    liar(a, client ? &a->pipe.client : &a->pipe.server);
    app_end(a);
  }
}

/* An IGNORE of so many bytes, in a packet of some hundred; what the server made
 * of it. */
static int inflated(int logged_in, size_t n) {
  static const uint8_t number = MSG_IGNORE;
  static uint8_t zeros[PACKET_MAX];
  struct app* a = app_new();
  int status;

  a->server_config.compression = a->client_config.compression = "zlib";
  if (logged_in)
    app_login(a);
  else
    app_start(a);
  uvssh__send_data(&a->pipe.client.session.transport, &number, 1, zeros, n - 1);
  CHECK(a->pipe.client.session.transport.unsent < 1500);
  pipe_run(&a->pipe);
  status = a->pipe.server.end.status;
  CHECK_EQ(a->pipe.server.closes, status != 0);
  app_end(a);
  return status;
}

TEST(lesson_94_what_inflates_without_end) {
  CHECK_EQ(inflated(0, PACKET_PREAUTH_MAX), 0);
  CHECK_EQ(inflated(0, PACKET_PREAUTH_MAX + 1), UVSSH_ECOMPRESSION);
  CHECK_EQ(inflated(1, PACKET_MAX), 0);
  CHECK_EQ(inflated(1, PACKET_MAX + 1), UVSSH_ECOMPRESSION);
}

/* What a packet was before it was inflated lies in the bytes that were read. */
TEST(compression_leaves_no_password_behind) {
  static const uint8_t number = MSG_IGNORE;
  static const uint8_t text[] = "....a password, some text, a password again";
  struct app* a = app_new();
  struct transport* client = &a->pipe.client.session.transport;
  uint8_t bytes[200];
  uint8_t* at = bytes;
  uv_buf_t out;
  size_t i, n;
  rd_t m;

  a->server_config.compression = a->client_config.compression = "zlib";
  app_start(a);
  uvssh__send_data(client, &number, 1, text, sizeof(text));
  CHECK_EQ(uvssh__output_next(client, &out), 1);
  n = out.len;
  CHECK(n <= sizeof(bytes));
  memcpy(bytes, out.base, n);
  CHECK_EQ(uvssh__packet_next(&a->pipe.server.session.transport, &at, &n, &m),
           1);
  CHECK_EQ(rd_left(&m), 1 + sizeof(text));
  for (i = 5; i < out.len - 16 - bytes[4]; i++)
    CHECK_EQ(bytes[i], 0);
  CHECK(i > 30);
  uvssh__output_done(client);
  app_end(a);
}
