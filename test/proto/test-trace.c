/* The packet trace and the key log: what both sides are told is the same, adds
 * up to the session's own counters, and makes the session identifier out of
 * nothing but what was told. RFC 4253 section 8. */
#include "app.h"

#include <stdio.h>
#include <stdlib.h>

enum { PACKETS = 400, LINES = 4 };

struct told {                      /* one packet, kept */
  uvssh_packet_t packet;
  uint8_t* payload;
};

struct watcher {                   /* one side's */
  const uvssh_session_t* session;
  struct told told[2][PACKETS];    /* in, out */
  unsigned count[2];
  char line[LINES][400];
  unsigned lines;
};

static void on_packet(void* arg,
                      const uvssh_session_t* session,
                      const uvssh_packet_t* packet) {
  struct watcher* w = (struct watcher*) arg;
  struct told* told = &w->told[packet->outgoing][w->count[packet->outgoing]++];

  CHECK(w->count[packet->outgoing] < PACKETS);
  CHECK(session == w->session);
  told->packet = *packet;
  told->payload = NULL;
  if (packet->payload != NULL) {
    told->payload = (uint8_t*) malloc(packet->size);
    CHECK(told->payload != NULL);
    memcpy(told->payload, packet->payload, packet->size);
    CHECK_EQ(told->payload[0], packet->number);
  }
}

static void on_keylog(void* arg,
                      const uvssh_session_t* session,
                      const char* line) {
  struct watcher* w = (struct watcher*) arg;

  CHECK(w->lines < LINES && strlen(line) < sizeof(w->line[0]));
  CHECK(session == w->session);
  strcpy(w->line[w->lines++], line);
}

static void watch(uvssh_config_t* c, struct watcher* w, int payload) {
  c->trace = on_packet;
  c->trace_arg = w;
  c->trace_payload = payload;
  c->keylog = on_keylog;
  c->keylog_arg = w;
}

static void forget(struct watcher* w) {
  unsigned way, i;

  for (way = 0; way < 2; way++)
    for (i = 0; i < w->count[way]; i++)
      free(w->told[way][i].payload);
  free(w);
}

struct scene {
  struct app* app;
  struct watcher* server;
  struct watcher* client;
};

static struct scene scene(int payload) {
  struct scene s = { app_new(), calloc(1, sizeof(struct watcher)),
                     calloc(1, sizeof(struct watcher)) };

  CHECK(s.server != NULL && s.client != NULL);
  s.server->session = &s.app->pipe.server.pub;
  s.client->session = &s.app->pipe.client.pub;
  watch(&s.app->server_config, s.server, payload);
  watch(&s.app->client_config, s.client, payload);
  s.app->method = UVSSH_AUTH_PASSWORD;
  s.app->server_config.auth_methods = UVSSH_AUTH_PASSWORD;
  return s;
}

static void end(struct scene* s) {
  app_end(s->app);
  forget(s->server);
  forget(s->client);
}

/* A login, data, and an exchange of keys by the client. */
static void play(struct scene* s) {
  struct app* a = s->app;
  struct app_req rekey;

  app_login(a);
  app_channel(a, 0);
  app_transfer(&a->asked[0], &a->served[0], 100000);
  CHECK_EQ(uvssh_session_rekey(app_req(a, &rekey, NULL), &a->pipe.client.pub,
                               app_done), 0);
  pipe_run(&a->pipe);
  CHECK_EQ(rekey.done, 1);
  CHECK_EQ(rekey.status, 0);
}

/* ---- the trace ----------------------------------------------------------- */

static int is_login(unsigned number) {
  return number >= MSG_USERAUTH_REQUEST && number < MSG_GLOBAL_REQUEST;
}

/* What one has sent is what the other has got. */
static void same(const struct watcher* from,
                 const struct watcher* to,
                 int payload) {
  unsigned i;

  CHECK_EQ(from->count[1], to->count[0]);
  for (i = 0; i < from->count[1]; i++) {
    const struct told* a = &from->told[1][i];
    const struct told* b = &to->told[0][i];

    NOTE("packet %u: %s", i, a->packet.name);
    CHECK_EQ(a->packet.outgoing, 1);
    CHECK_EQ(b->packet.outgoing, 0);
    CHECK_EQ(a->packet.number, b->packet.number);
    CHECK_STR(a->packet.name, uvssh__msg_name((uint8_t) a->packet.number));
    CHECK(a->packet.name == b->packet.name);
    CHECK_EQ(a->packet.sequence, b->packet.sequence);
    CHECK_EQ(a->packet.size, b->packet.size);
    CHECK_EQ(a->payload != NULL, payload);
    CHECK_EQ(b->payload != NULL, payload);
    CHECK_EQ(a->packet.size != 0, payload || !is_login(a->packet.number));
    if (payload)
      CHECK_MEM(a->payload, a->packet.size, b->payload, b->packet.size);
  }
}

static void counted(const struct watcher* w) {
  uvssh_session_info_t info;

  uvssh_session_info(w->session, &info);
  CHECK_EQ(w->count[0], info.packets_in);
  CHECK_EQ(w->count[1], info.packets_out);
}

TEST(trace_of_every_packet) {
  int payload;

  for (payload = 0; payload < 2; payload++) {
    struct scene s = scene(payload);

    NOTE("payload %d", payload);
    play(&s);
    same(s.server, s.client, payload);
    same(s.client, s.server, payload);
    counted(s.server);
    counted(s.client);
    end(&s);
  }
}

/* Told is what was said, not how it was packed. */
TEST(trace_of_compressed_packets) {
  static const char name[] = "zlib@openssh.com";
  struct scene s = scene(1);

  if (uvssh__namelist_has(str_of(uvssh__algo_known(ALGO_COMPRESSION)),
                          str_of(name))) {
    s.app->client_config.compression = name;
    s.app->server_config.compression = name;
  }
  play(&s);
  same(s.server, s.client, 1);
  same(s.client, s.server, 1);
  counted(s.server);
  end(&s);
}

/* The sequence numbers of a strict exchange begin again behind NEWKEYS. */
TEST(trace_sequence_numbers) {
  struct scene s = scene(0);
  uint32_t next = 0;
  unsigned i;

  play(&s);
  for (i = 0; i < s.client->count[1]; i++) {
    const uvssh_packet_t* p = &s.client->told[1][i].packet;

    CHECK_EQ(p->sequence, next);
    next = p->number == MSG_NEWKEYS ? 0 : next + 1;
  }
  end(&s);
}

static int find(const struct watcher* w, const char* text) {
  size_t len = strlen(text);
  unsigned way, i, found = 0;
  size_t at;

  for (way = 0; way < 2; way++)
    for (i = 0; i < w->count[way]; i++) {
      const struct told* t = &w->told[way][i];

      for (at = 0; t->payload != NULL && at + len <= t->packet.size; at++)
        found += memcmp(t->payload + at, text, len) == 0;
    }
  return (int) found;
}

TEST(trace_shows_a_password_only_where_asked_to) {
  struct scene s = scene(1);

  app_login(s.app);
  CHECK_EQ(find(s.client, "ssh-userauth"), 2);
  CHECK_EQ(find(s.server, "password"), find(s.client, "password"));
  CHECK(find(s.client, "password") != 0);
  end(&s);
}

/* Nobody listens: nothing is asked of a packet but one flag. */
TEST(trace_is_off) {
  struct app* a = app_new();

  app_login(a);
  CHECK_EQ(a->pipe.server.session.desk.traced, 0);
  CHECK_EQ(a->pipe.client.session.desk.traced, 0);
  app_end(a);
}

/* Without memory the bytes are left out, and the session goes on. */
TEST(trace_without_memory) {
  struct scene s = scene(1);
  struct told* last;

  app_login(s.app);
  last = &s.client->told[1][s.client->count[1]];
  heap_fail_from(1);
  uvssh__trace(&s.app->pipe.client.session.transport, 1, 7, STR("\2x"),
               (str_t) { NULL, 0 });
  heap_fail_at(0);
  CHECK_EQ(last->packet.number, MSG_IGNORE);
  CHECK_EQ(last->packet.size, 2);
  CHECK(last->packet.payload == NULL);
  end(&s);
}

/* ---- the key log --------------------------------------------------------- */

/* The first message of this number; its fields. */
static rd_t message(const struct watcher* w, unsigned way, unsigned number) {
  unsigned i;

  for (i = 0; i < w->count[way]; i++)
    if (w->told[way][i].packet.number == number)
      return rd_of(w->told[way][i].payload + 1,
                   w->told[way][i].packet.size - 1);
  FAIL("message %u was not told of", number);
  return rd_of("", 0);
}

static size_t from_hex(uint8_t* out, const char* hex) {
  size_t n;

  for (n = 0; hex[2 * n] != '\0' && hex[2 * n] != ' '; n++) {
    char byte[3] = { hex[2 * n], hex[2 * n + 1], '\0' };
    char* last;

    out[n] = (uint8_t) strtoul(byte, &last, 16);
    CHECK(last == byte + 2);
  }
  return n;
}

/* A payload again with its number, as a string. */
static void wr_message(struct buf* b, uint8_t number, rd_t fields) {
  wr_u32(b, (uint32_t) (rd_left(&fields) + 1));
  wr_u8(b, number);
  wr_bytes(b, fields.at, rd_left(&fields));
}

/* H out of what the client was told: RFC 5656 section 4. */
static void exchange_hash(const struct scene* s, uint8_t h[32]) {
  const struct watcher* w = s->client;
  const struct transport* t = &s->app->pipe.client.session.transport;
  rd_t init = message(w, 1, MSG_KEX_ECDH_INIT);
  rd_t reply = message(w, 0, MSG_KEX_ECDH_REPLY);
  uint8_t k[200];
  size_t k_len = from_hex(k, strrchr(w->line[0], ' ') + 1);
  struct hash_state state;
  struct buf b = { 0 };
  str_t k_s, q_s;

  wr_cstr(&b, t->ident_ours);
  wr_cstr(&b, t->ident_peer);
  wr_message(&b, MSG_KEXINIT, message(w, 1, MSG_KEXINIT));
  wr_message(&b, MSG_KEXINIT, message(w, 0, MSG_KEXINIT));
  k_s = rd_str(&reply);
  q_s = rd_str(&reply);
  wr_str(&b, k_s.base, k_s.len);
  wr_bytes(&b, init.at, rd_left(&init));       /* Q_C, a string */
  wr_str(&b, q_s.base, q_s.len);
  wr_str(&b, k, k_len);
  CHECK(!b.bad && !reply.bad);
  uvssh__sha256.init(&state);
  uvssh__sha256.update(&state, b.base, b.len);
  uvssh__sha256.final(&state, h);
  uvssh__buf_free(&b);
}

TEST(keylog_has_the_secret) {
  struct scene s = scene(1);
  uint8_t h[32];
  const uint8_t* id;
  size_t len;

  s.app->client_config.kex = "curve25519-sha256";
  play(&s);
  exchange_hash(&s, h);
  id = uvssh_session_id(s.client->session, &len);
  CHECK_MEM(h, 32, id, len);
  end(&s);
}

/* One line an exchange, the same for both; its first word is the cookie that
 * the client sent in that exchange. */
TEST(keylog_lines) {
  static const char type[] = " SHARED_SECRET ";
  struct scene s = scene(1);
  uint8_t cookie[64];
  unsigned i, k, at = 0;

  play(&s);
  CHECK_EQ(s.client->lines, 2);
  CHECK_EQ(s.server->lines, 2);
  for (i = 0; i < 2; i++) {
    const char* line = s.client->line[i];

    CHECK_STR(line, s.server->line[i]);
    CHECK_EQ(from_hex(cookie, line), 16);
    CHECK_EQ(strncmp(line + 32, type, sizeof(type) - 1), 0);
    CHECK_EQ(strspn(line + 32 + sizeof(type) - 1, "0123456789abcdef") % 2, 0);
    for (k = at; s.client->told[1][k].packet.number != MSG_KEXINIT; k++)
      CHECK(k < s.client->count[1]);
    CHECK_MEM(s.client->told[1][k].payload + 1, 16, cookie, 16);
    at = k + 1;
  }
  CHECK(strcmp(s.client->line[0], s.client->line[1]) != 0);
  end(&s);
}

static unsigned lines_let_go;

static void look_for_line(const void* base, size_t size) {
  static const char type[] = " SHARED_SECRET ";
  size_t i;

  for (i = 0; i + sizeof(type) - 1 <= size; i++)
    lines_let_go += memcmp((const char*) base + i, type, sizeof(type) - 1) == 0;
}

/* No piece of a line is left in memory that is given back. */
TEST(keylog_is_wiped) {
  struct scene s = scene(0);

  lines_let_go = 0;
  heap_on_free(look_for_line);
  play(&s);
  heap_on_free(NULL);
  CHECK_EQ(s.client->lines, 2);
  CHECK_EQ(lines_let_go, 0);
  end(&s);
}

/* Without memory there is no line, and the session goes on: each allocation of
 * a line is the first that fails. */
TEST(keylog_without_memory) {
  struct scene s = scene(0);
  struct transport* t;
  struct exchange x = { 0 };
  struct handshake hs = { 0 };
  static const uint8_t payload[17];

  app_login(s.app);
  t = &s.app->pipe.client.session.transport;
  wr_bytes(&hs.i_ours, payload, sizeof(payload));
  wr_str(&x.k, "key", 3);
  t->hs = &hs;
  HEAP_SWEEP(n)
    uvssh__keylog(t, &x);
  t->hs = NULL;
  CHECK_STR(s.client->line[s.client->lines - 1],
            "00000000000000000000000000000000 SHARED_SECRET 6b6579");
  CHECK_EQ(s.client->lines, 2);
  uvssh__buf_free(&hs.i_ours);
  uvssh__buf_free(&x.k);
  end(&s);
}
