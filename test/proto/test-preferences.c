/* Preferences and what comes of them: "+a", "-a", "^a" in a config, the choice
 * of both sides, and what is told where nothing is left to choose. */
#include "peer.h"

#include <stdio.h>

enum list { KEX, HOSTKEY, CIPHERS, MACS };

struct row {
  enum list list;
  const char* client;              /* NULL: the default */
  const char* server;
  const char* chosen;
};

#define CHACHA "chacha20-poly1305@openssh.com"
#define GCM "aes256-gcm@openssh.com"

static const struct row rows[] = {
  { CIPHERS, NULL, NULL, CHACHA },
  { CIPHERS, "^aes256-ctr", NULL, "aes256-ctr" },
  { CIPHERS, NULL, "^aes256-ctr", CHACHA },    /* the client's word counts */
  { CIPHERS, "+aes256-ctr", NULL, CHACHA },
  { CIPHERS, "-chacha*", NULL, GCM },
  { CIPHERS, NULL, "-chacha*", GCM },
  { CIPHERS, "-*-ctr", "-*@openssh.com,aes1*-ctr", NULL },
  { CIPHERS, "-*gcm*,chacha*", "^" GCM, "aes256-ctr" },
  { KEX, "^curve25519-sha256@libssh.org", NULL,
    "curve25519-sha256@libssh.org" },
  { KEX, "-curve25519-sha256@libssh.org", "curve25519-sha256@libssh.org",
    NULL },
  { HOSTKEY, "^ssh-ed25519", "+ssh-ed25519", "ssh-ed25519" },
  { MACS, "^hmac-sha2-256", NULL, "hmac-sha2-256" },
  { MACS, "-*-etm@*", "-hmac-sha2-512*", "hmac-sha2-256" },
  { MACS, "-*256*", "-*512*", NULL }
};

static void put(uvssh_config_t* c, enum list list, const char* text) {
  switch (list) {
    case KEX: c->kex = text; break;
    case HOSTKEY: c->hostkey_algorithms = text; break;
    case CIPHERS: c->ciphers = text; break;
    case MACS:
      c->ciphers = "aes256-ctr";   /* one that needs a MAC */
      c->macs = text;
      break;
  }
}

static const char* chosen(const uvssh_session_info_t* info, enum list list) {
  switch (list) {
    case KEX: return info->kex;
    case HOSTKEY: return info->hostkey_algorithm;
    case CIPHERS: return info->cipher_in;
    case MACS: break;
  }
  return info->mac_in;
}

static void agree(struct app* a, const struct row* row) {
  uvssh_session_info_t server, client;

  app_login(a);
  uvssh_session_info(&a->pipe.server.pub, &server);
  uvssh_session_info(&a->pipe.client.pub, &client);
  CHECK_STR(chosen(&server, row->list), row->chosen);
  CHECK_STR(chosen(&client, row->list), row->chosen);
  CHECK_STR(server.cipher_in, client.cipher_out);
  CHECK_STR(server.mac_out, client.mac_in);
  CHECK_EQ(server.post_quantum, client.post_quantum);
  CHECK_EQ(server.post_quantum,
           uvssh__kex_find(str_of(server.kex))->post_quantum);
}

/* Who finds out says why; the other is told only that it is over. */
static void disagree(struct app* a) {
  const uvssh_end_t* end = &a->pipe.server.end;

  app_open(a);
  pipe_finish(&a->pipe);
  if (end->status != UVSSH_ENOALGO)
    end = &a->pipe.client.end;
  CHECK_EQ(end->status, UVSSH_ENOALGO);
  CHECK_EQ(end->reason, UVSSH_DISCONNECT_KEY_EXCHANGE_FAILED);
  CHECK(strstr(end->text, " in common: ours ") != NULL);
  CHECK(strstr(end->text, "; the peer's ") != NULL);
}

TEST(preferences_rows) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    const struct row* row = &rows[i];
    struct app* a = app_new();

    NOTE("client %s, server %s", row->client == NULL ? "" : row->client,
         row->server == NULL ? "" : row->server);
    put(&a->client_config, row->list, row->client);
    put(&a->server_config, row->list, row->server);
    if (row->chosen != NULL)
      agree(a, row);
    else
      disagree(a);
    app_end(a);
  }
}

/* A session shows what its lists came to, and takes them back. */
TEST(preferences_as_they_are_shown) {
  struct app* a = app_new();
  uvssh_config_t c;

  a->client_config.ciphers = "-*gcm*,*ctr";
  app_login(a);
  uvssh_session_config(&a->pipe.client.pub, &c);
  CHECK_STR(c.ciphers, CHACHA);
  CHECK(c.macs == NULL);
  CHECK_EQ(uvssh_session_configure(&a->pipe.client.pub, &c), 0);
  app_end(a);
}

/* configure() does not take a list, and looks at it all the same. */
TEST(preferences_that_are_refused_later) {
  struct app* a = app_new();
  uvssh_config_t c;

  app_login(a);
  uvssh_session_config(&a->pipe.client.pub, &c);
  c.macs = "-hmac-md5";
  CHECK_EQ(uvssh_session_configure(&a->pipe.client.pub, &c), UV_EINVAL);
  app_end(a);
}

/* ---- what is told -------------------------------------------------------- */

struct lines {
  unsigned errors;
  char last[1024];
};

static void on_log(void* arg,
                   uvssh_log_level level,
                   const uvssh_session_t* session,
                   const char* text) {
  struct lines* lines = (struct lines*) arg;

  lines->errors += level == UVSSH_LOG_ERROR;
  snprintf(lines->last, sizeof(lines->last), "%s", text);
}

TEST(preferences_failure_in_words) {
  static const char text[] =
      "no cipher in common: ours aes256-ctr; the peer's " CHACHA "," GCM;
  struct app* a = app_new();
  struct lines lines = { 0 };
  char line[256];

  a->server_config.ciphers = "aes256-ctr";
  a->server_config.log = on_log;
  a->server_config.log_arg = &lines;
  a->client_config.ciphers = CHACHA "," GCM;
  app_open(a);
  pipe_finish(&a->pipe);
  CHECK_STR(a->pipe.server.end.text, text);
  snprintf(line, sizeof(line), "session ends: no algorithm in common: %s",
           text);
  CHECK_STR(lines.last, line);
  CHECK_EQ(lines.errors, 1);       /* said once */
  app_end(a);
}

TEST(preferences_strict_is_missed_in_words) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->app->server_config.require_strict = 1;
  p->strict = STRICT_NONE;
  peer_open(p);
  peer_say_ident(p);
  pipe_run(&p->app->pipe);
  peer_say_kexinit(p);
  peer_ended(p, UVSSH_ENOALGO, UVSSH_DISCONNECT_KEY_EXCHANGE_FAILED);
  CHECK_STR(p->side->end.text, "the peer knows no strict key exchange");
  peer_end(p);
}

/* A peer's list of any length: what is told of it has an end, and its own text
 * cannot move a cursor. */
TEST(preferences_long_lists_are_cut) {
  static char names[16000];
  struct peer* p = peer_new(PEER_CLIENT);
  size_t i;

  for (i = 0; i < sizeof(names) - 1; i++)
    names[i] = i % 40 == 39 ? ',' : '\\';
  names[sizeof(names) - 2] = 'x';
  p->lists[LIST_CIPHER_SC] = names;
  peer_open(p);
  peer_say_ident(p);
  pipe_run(&p->app->pipe);
  peer_say_kexinit(p);
  peer_ended(p, UVSSH_ENOALGO, UVSSH_DISCONNECT_KEY_EXCHANGE_FAILED);
  CHECK(strlen(p->side->end.text) < 1000);
  CHECK(strstr(p->side->end.text, "; the peer's \\\\\\\\") != NULL);
  CHECK_STR(p->side->end.text + strlen(p->side->end.text) - 3, "...");
  peer_end(p);
}
