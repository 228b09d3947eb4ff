/* Terrapin, and what else somebody on the way can do to the first exchange of
 * our client with our server (CVE-2023-48795, CVE-2023-46445, -46446; Baeumer,
 * Brinkmann, Schwenk: USENIX Security 2024). He holds no key: he puts packets
 * in while they are in the clear, takes sealed ones out, and changes KEXINIT.
 *
 * Where one side knows no strict exchange, that side is a script: the marks
 * cannot be taken out on the way, for the hash covers them. */
#include "peer.h"
#include "tap.h"

#include <stdio.h>

static const struct mode {
  const char* cipher;
  const char* mac;
  size_t block;
  size_t counted;                  /* bytes of the length in the blocks */
  size_t tag;
  int falls;                       /* not strict: packets can be taken out */
} modes[] = {
  { "chacha20-poly1305@openssh.com", NULL, 8, 0, 16, 1 },
  { "aes256-gcm@openssh.com", NULL, 16, 0, 16, 0 },
  { "aes256-ctr", "hmac-sha2-256-etm@openssh.com", 16, 0, 32, 0 },
  { "aes256-ctr", "hmac-sha2-256", 16, 4, 32, 0 },
  { "aes128-gcm@openssh.com", NULL, 16, 0, 16, 0 },
  { "aes192-ctr", "hmac-sha2-512-etm@openssh.com", 16, 0, 64, 0 },
  { "aes128-ctr", "hmac-sha2-512", 16, 4, 64, 0 },
};

/* ---- our two sides, and he ----------------------------------------------- */

static const uint8_t ignore[] = { MSG_IGNORE, 0, 0, 0, 0 };
static const uint8_t ext_info[] = { MSG_EXT_INFO, 0, 0, 0, 1,
    0, 0, 0, 15, 's', 'e', 'r', 'v', 'e', 'r', '-', 's', 'i', 'g', '-', 'a',
    'l', 'g', 's', 0, 0, 0, 3, 'r', 's', 'a' };
static const uint8_t login[] = { MSG_USERAUTH_REQUEST, 0, 0, 0, 4, 'r', 'o',
    'o', 't', 0, 0, 0, 14, 's', 's', 'h', '-', 'c', 'o', 'n', 'n', 'e', 'c',
    't', 'i', 'o', 'n', 0, 0, 0, 4, 'n', 'o', 'n', 'e' };

static struct {
  unsigned not_strict;             /* lines that say so */
} heard;

static void on_log(void* arg, uvssh_log_level level,
                   const uvssh_session_t* session, const char* text) {
  if (strcmp(text, "the peer knows no strict key exchange") == 0)
    heard.not_strict++;
}

static void listen_to(uvssh_config_t* config) {
  config->log = on_log;
  config->log_level = UVSSH_LOG_INFO;
}

static struct app* begin(struct tap* t, const struct mode* mode) {
  struct app* a = app_new();

  a->client_config.ciphers = mode->cipher;
  a->client_config.macs = mode->mac;
  listen_to(&a->client_config);
  listen_to(&a->server_config);
  heard.not_strict = 0;
  app_open(a);
  tap_on(t, a);
  return a;
}

/* Nobody is in, nobody was asked, and nothing is left. */
static void nothing_came_of_it(struct tap* t) {
  struct app* a = t->app;

  pipe_finish(&a->pipe);
  CHECK_EQ(a->auths, 0);
  CHECK_EQ(a->client_ready + a->server_ready, 0);
  CHECK_EQ(a->pipe.client.closes, 1);
  CHECK_EQ(a->pipe.server.closes, 1);
  CHECK_EQ(heard.not_strict, 0);
  tap_off(t);
  app_end(a);
}

TEST(lesson_9_on_the_way_and_idle) {
  uvssh_session_info_t info;
  struct tap t;
  struct app* a;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(modes); i++) {
    NOTE("%s %zu", modes[i].cipher, i);
    a = begin(&t, &modes[i]);
    pipe_run(&a->pipe);
    CHECK_EQ(a->pipe.client.started, 1);
    app_attempt(a, "bob");
    pipe_run(&a->pipe);
    CHECK_EQ(a->client_ready, 1);
    CHECK_EQ(a->server_ready, 1);
    CHECK_EQ(t.c2s.at, AT_SEALED);
    CHECK_EQ(t.s2c.at, AT_SEALED);
    CHECK_EQ(t.c2s.packets, 3);
    CHECK_EQ(t.s2c.packets, 3);
    uvssh_session_info(&a->pipe.client.pub, &info);
    CHECK_EQ(info.strict, 1);
    CHECK_STR(info.cipher_out, modes[i].cipher);
    uvssh_session_info(&a->pipe.server.pub, &info);
    CHECK_EQ(info.strict, 1);
    CHECK_EQ(heard.not_strict, 0);
    tap_off(&t);
    app_end(a);
  }
}

static const struct {
  const char* name;
  const uint8_t* payload;
  size_t len;
} put_in[] = {
  { "IGNORE", ignore, sizeof(ignore) },
  { "EXT_INFO", ext_info, sizeof(ext_info) },
  { "a login", login, sizeof(login) },
};

/* He puts something in at each gap, and takes as many sealed packets out as
 * would make the numbers right again. */
static void put_and_drop(const struct mode* mode, size_t what, int to_server,
                         unsigned before, unsigned count, unsigned drop) {
  struct tap t;
  struct app* a = begin(&t, mode);
  struct road* r = to_server ? &t.c2s : &t.s2c;
  struct side* attacked = to_server ? &a->pipe.server : &a->pipe.client;

  NOTE("%s, %s %s, before packet %u, %u in, %u out", mode->cipher,
       put_in[what].name, to_server ? "to the server" : "to the client", before,
       count, drop);
  r->put = put_in[what].payload;
  r->put_len = put_in[what].len;
  r->put_before = before;
  r->put_count = count;
  r->drop = drop;
  pipe_run(&a->pipe);
  pipe_finish(&a->pipe);
  CHECK_EQ(attacked->end.status, UVSSH_EUNEXPECTED);
  CHECK_EQ(attacked->end.reason, 2);
  CHECK_EQ(attacked->end.by_peer, 0);
  CHECK_EQ(attacked->end.phase, UVSSH_PHASE_KEX);
  CHECK_EQ(attacked->other->end.by_peer, 1);
  nothing_came_of_it(&t);
}

TEST(lesson_7_8_9_10_terrapin_between_our_own) {
  unsigned before, count, drop;
  size_t i, what;
  int to_server;

  for (i = 0; i < ARRAY_SIZE(modes); i++)
    for (what = 0; what < ARRAY_SIZE(put_in); what++)
      for (to_server = 0; to_server < 2; to_server++)
        for (before = 1; before <= 3; before++)
          for (count = 1; count <= 2; count++)
            for (drop = 0; drop <= 2; drop++)
              put_and_drop(&modes[i], what, to_server, before, count, drop);
}

static size_t sealed(const struct mode* mode, size_t payload) {
  size_t padding = 4;

  while ((mode->counted + 1 + payload + padding) % mode->block != 0)
    padding++;
  return 4 + 1 + payload + padding + mode->tag;
}

/* Without anything in the clear before it a packet that is missing is
 * missed: by the tag of the next one. */
TEST(lesson_9_sealed_packets_taken_out) {
#define PAIR(name) (4 + sizeof(name) - 1 + 4 + 1)
  /* EXT_INFO of a server; of a client, and in the same write it asks for the
   * service. */
  const size_t first[] = {
    1 + 4 + 4 + 15 + 4 + strlen(uvssh__sign_default()) +
        PAIR("ping@openssh.com") + PAIR("publickey-hostbound@openssh.com"),
    1 + 4 + PAIR("ping@openssh.com") + PAIR("ext-info-in-auth@openssh.com")
  };
  struct side* attacked;
  struct tap t;
  struct app* a;
  size_t i;
  int to_server;

  for (i = 0; i < ARRAY_SIZE(modes); i++)
    for (to_server = 0; to_server < 2; to_server++) {
      NOTE("%s %zu, to server %d", modes[i].cipher, i, to_server);
      a = begin(&t, &modes[i]);
      attacked = to_server ? &a->pipe.server : &a->pipe.client;
      (to_server ? &t.c2s : &t.s2c)->drop = 1;
      pipe_run(&a->pipe);
      CHECK_EQ(to_server ? t.c2s.dropped : t.s2c.dropped,
               sealed(&modes[i], first[to_server]) +
                   (to_server ? sealed(&modes[i], 1 + 4 + 12) : 0));
      if (to_server)               /* nothing follows by itself: it does now */
        uvssh_session_disconnect(&a->pipe.client.pub, 11, "enough");
      pipe_finish(&a->pipe);
      CHECK(attacked->end.status == UVSSH_EMAC ||
            attacked->end.status == UVSSH_EPACKET);
      CHECK_EQ(attacked->end.phase, UVSSH_PHASE_AUTH);
      nothing_came_of_it(&t);
    }
}

/* The marks may be changed on the way, or all the rest of KEXINIT: the host's
 * signature is not over what the client has then. */
TEST(lesson_9_marks_taken_out_on_the_way) {
  static const struct {
    const char* change;
    const char* into;
  } rows[] = {
    { "kex-strict-", "kex-strikt-" },
    { "ext-info-", "ext-inf0-" },
    { "chacha20-poly1305@", "chacha20-poly1304@" },
  };
  struct tap t;
  struct app* a;
  unsigned ways;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(rows); i++)
    for (ways = 1; ways < 4; ways++) {
      NOTE("%s, ways %u", rows[i].change, ways);
      a = begin(&t, &modes[0]);
      a->client_config.ciphers = NULL;
      tap_off(&t);                 /* with all ciphers, that is */
      pipe_reset(&a->pipe);
      app_open(a);
      tap_on(&t, a);
      t.c2s.change = (ways & 1) != 0 ? rows[i].change : NULL;
      t.s2c.change = (ways & 2) != 0 ? rows[i].change : NULL;
      t.c2s.into = t.s2c.into = rows[i].into;
      pipe_run(&a->pipe);
      CHECK_EQ(a->pipe.client.end.status, UVSSH_EKEX);
      CHECK_EQ(a->pipe.client.end.reason, 3);
      heard.not_strict = 0;        /* it was said, as it seemed */
      nothing_came_of_it(&t);
    }
}

/* ---- one of them is a script that knows no strict exchange --------------- */

static void send_ignore(struct peer* p) {
  peer_send_bytes(p, ignore, sizeof(ignore));
}

/* Up to its NEWKEYS, with an IGNORE before that it does not know of. */
static void reach_with_ignore(struct peer* p) {
  peer_open(p);
  peer_say_ident(p);
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  send_ignore(p);
  p->seq_out--;
  peer_say_kex(p);
  if (p->role == PEER_CLIENT) {
    peer_read_kex(p);
    peer_read_newkeys(p);
  }
  peer_say_newkeys(p);
  if (p->role == PEER_SERVER)
    peer_read_newkeys(p);
}

/* Sealed, and lost. */
static void lose_one(struct peer* p) {
  struct side* s = p->mine;
  size_t len = s->len - s->at;

  send_ignore(p);
  CHECK(s->len - s->at > len);
  s->len = s->at + len;
}

static void without_strict(struct peer* p, const struct mode* mode) {
  uvssh_session_info_t info;
  unsigned i;

  peer_cipher(p, mode->cipher, mode->mac);
  p->strict = STRICT_NONE;
  reach_with_ignore(p);
  uvssh_session_info(&p->side->pub, &info);
  CHECK_EQ(info.strict, 0);
  CHECK_EQ(heard.not_strict, 1);
  lose_one(p);
  if (mode->falls) {               /* it works, as it must: and was said */
    peer_alive(p);
  } else {
    for (i = 0; i < 20; i++)       /* the first or, by chance, the next */
      send_ignore(p);
    peer_skip(p);
    CHECK(p->side->session.ending != E_RUNNING);
    peer_hang_up(p);
    pipe_run(&p->app->pipe);
    CHECK_EQ(p->side->closes, 1);
  }
  CHECK_EQ(p->app->auths, 0);
  peer_again(p);
}

TEST(lesson_9_terrapin_without_a_strict_exchange) {
  static const enum role roles[] = { PEER_CLIENT, PEER_SERVER };
  struct peer* p;
  size_t i, k;

  for (k = 0; k < ARRAY_SIZE(roles); k++) {
    p = peer_new(roles[k]);
    listen_to(&p->app->client_config);
    listen_to(&p->app->server_config);
    for (i = 0; i < ARRAY_SIZE(modes); i++) {
      NOTE("role %zu, %s %zu", k, modes[i].cipher, i);
      heard.not_strict = 0;
      without_strict(p, &modes[i]);
    }
    peer_end(p);
  }
}
