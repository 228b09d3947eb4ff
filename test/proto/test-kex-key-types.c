/* Host keys of each type: offered, chosen, shown again, refused. RFC 4253
 * section 7.1, RFC 5656 section 3, RFC 8332. One row a type: lib/keys.c. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS   /* a fault is made inside */

#include "peer.h"

#include <mbedtls/rsa.h>

#include "keys.h"

/* The server has these rows' keys, and no other. */
static void set_hostkeys(struct app* a, const size_t* rows, size_t count) {
  struct hostkeys* keys = &a->pipe.hostkeys;
  size_t i;

  while (keys->count > 0)
    uvssh_key_unref(keys->key[--keys->count]);
  for (i = 0; i < count; i++)
    keys->key[keys->count++] = key_of_row(&key_rows[rows[i]]);
}

static void set_all(struct app* a) {
  static const size_t all[KEY_ROWS] = { 4, 3, 2, 1, 0 };

  set_hostkeys(a, all, KEY_ROWS);
}

static const char* agreed(const struct side* s) {
  uvssh_session_info_t info;

  uvssh_session_info(&s->pub, &info);
  return info.hostkey_algorithm;
}

static char shown[64];

static void on_hostkey(uvssh_session_t* session, uvssh_key_t* key,
                       uvssh_host_verdict verdict, uvssh_reply_t reply) {
  snprintf(shown, sizeof(shown), "%s", uvssh_key_name(key));
  CHECK_EQ(uvssh_reply_accept(reply), 0);
}

static struct app* begin(void) {
  struct app* a = app_new();

  a->on_client.on_hostkey = on_hostkey;
  shown[0] = '\0';
  return a;
}

static void rekeyed(uvssh_req_t* req, int status) {
  CHECK_EQ(status, 0);
  *(int*) req->data = 1;
}

/* A session by this algorithm, and a re-exchange. */
static void run(struct app* a, const char* algorithm, const char* key) {
  uvssh_req_t req;
  int done = 0;

  memset(&req, 0, sizeof(req));
  req.data = &done;
  NOTE("%s", algorithm);
  app_login(a);
  CHECK_STR(agreed(&a->pipe.client), algorithm);
  CHECK_STR(agreed(&a->pipe.server), algorithm);
  CHECK_STR(shown, key);
  shown[0] = '\0';
  CHECK_EQ(uvssh_session_rekey(&req, &a->pipe.client.pub, rekeyed), 0);
  pipe_run(&a->pipe);
  CHECK(done);
  CHECK_STR(shown, "");            /* it is the same: nobody is asked again */
}

TEST(hostkeys_of_each_type) {
  size_t i;
  str_t rest, name;

  for (i = 0; i < KEY_ROWS; i++) {
    rest = str_of(key_rows[i].algorithms);
    while (uvssh__namelist_next(&rest, &name)) {
      struct app* a = begin();
      char algorithm[64];
      snprintf(algorithm, sizeof(algorithm), "%.*s", (int) name.len, name.base);
      set_hostkeys(a, &i, 1);
      a->client_config.hostkey_algorithms = algorithm;
      run(a, algorithm, key_rows[i].name);
      app_end(a);
    }
  }
}

/* The client's order decides, not that of the server's keys or config. */
TEST(hostkeys_of_a_server_with_all) {
  static const struct {
    const char* client;
    const char* server;
    const char* algorithm;
    const char* key;
  } rows[] = {
    { NULL, NULL, "ssh-ed25519", "ssh-ed25519" },
    { "rsa-sha2-256,ssh-ed25519", NULL, "rsa-sha2-256", "ssh-rsa" },
    { "rsa-sha2-256,rsa-sha2-512", "rsa-sha2-512", "rsa-sha2-512", "ssh-rsa" },
    { "ecdsa-sha2-nistp521,ssh-ed25519", "ssh-ed25519,ecdsa-sha2-nistp521",
      "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521" },
    { NULL, "rsa-sha2-256,ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384",
      "ecdsa-sha2-nistp384" },
  };
  size_t i;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    struct app* a = begin();
    set_all(a);
    a->client_config.hostkey_algorithms = rows[i].client;
    a->server_config.hostkey_algorithms = rows[i].server;
    run(a, rows[i].algorithm, rows[i].key);
    app_end(a);
  }
}

/* Only what there is a key for is offered. */
TEST(hostkeys_of_a_server_with_some) {
  static const size_t some[] = { 4, 2 };
  struct app* a = begin();

  set_hostkeys(a, some, 2);
  run(a, "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384");
  app_end(a);
}

TEST(hostkeys_none_in_common) {
  static const size_t some[] = { 4, 2 };
  struct peer* p = peer_new(PEER_CLIENT);

  set_hostkeys(p->app, some, 2);
  p->lists[LIST_HOSTKEY] = "ssh-ed25519,ecdsa-sha2-nistp256,ssh-rsa";
  peer_open(p);
  peer_say_ident(p);
  peer_say_kexinit(p);
  peer_ended(p, UVSSH_ENOALGO, 3);
  peer_end(p);
}

/* lesson 75: a key of one type where another algorithm was agreed on, and its
 * own right signature. */
TEST(lesson_75_host_key_of_another_algorithm) {
  str_t rest = str_of(uvssh__sign_default());
  str_t name;
  size_t i;

  while (uvssh__namelist_next(&rest, &name)) {
    for (i = 0; i < KEY_ROWS; i++) {
      struct peer* p = peer_new(PEER_SERVER);
      const char* first;
      char algorithm[64];
      snprintf(algorithm, sizeof(algorithm), "%.*s", (int) name.len, name.base);
      set_hostkeys(p->app, &i, 1);
      p->app->on_client.on_hostkey = on_hostkey;
      p->lists[LIST_HOSTKEY] = algorithm;
      first = uvssh__sign_next(p->app->pipe.hostkeys.key[0], NULL)->name;
      NOTE("%s, and a key %s", algorithm, key_rows[i].name);
      shown[0] = '\0';
      peer_open(p);
      peer_say_ident(p);
      peer_say_kexinit(p);
      peer_read_kexinit(p);
      peer_say_kex(p);
      if (strcmp(algorithm, first) == 0) {
        peer_say_newkeys(p);
        peer_read_newkeys(p);
        CHECK_STR(shown, key_rows[i].name);
      } else {
        peer_ended(p, UVSSH_EKEX, 3);
        CHECK_STR(shown, "");
      }
      peer_end(p);
    }
  }
}

/* lesson 69: the key went wrong in memory: the server ends, and has told
 * nobody a signature. */
TEST(lesson_69_faulty_signature_is_not_sent) {
  static const size_t rows[] = { 0, 1, 4 };
  size_t i;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    struct peer* p = peer_new(PEER_CLIENT);
    const char* first;
    uvssh_key_t* key;
    set_hostkeys(p->app, &rows[i], 1);
    key = p->app->pipe.hostkeys.key[0];
    if (rows[i] == 4) {
      mbedtls_rsa_context* rsa = *(mbedtls_rsa_context**) key->state;
      CHECK_EQ(mbedtls_mpi_add_int(&rsa->DP, &rsa->DP, 2), 0);
    } else {                       /* in the middle of what is kept */
      ((uint8_t*) key->state)[20] ^= 1;
    }
    first = uvssh__sign_next(key, NULL)->name;
    NOTE("%s", first);
    p->lists[LIST_HOSTKEY] = first;
    peer_open(p);
    peer_say_ident(p);
    peer_say_kexinit(p);
    peer_read_kexinit(p);
    peer_say_kex(p);
    peer_ended(p, UVSSH_ECRYPTO, 11);
    CHECK_EQ(p->heard[MSG_KEX_ECDH_REPLY], 0);
    CHECK_EQ(p->heard[MSG_NEWKEYS], 0);
    peer_end(p);
  }
}
