/* Logging in with a key of each type, on both sides; which algorithm a client
 * takes. RFC 4252 section 7, RFC 5656, RFC 8332 section 3. One row a type:
 * lib/keys.c. */
#include "auth.h"

#include "keys.h"

static void set_user_key(struct app* a, size_t row) {
  uvssh_key_unref(a->user_key);
  a->user_key = key_of_row(&key_rows[row]);
}

TEST(user_keys_of_each_type) {
  size_t i;

  for (i = 0; i < KEY_ROWS; i++) {
    struct app* a = app_new();
    NOTE("%s", key_rows[i].name);
    set_user_key(a, i);
    app_login(a);
    CHECK(uvssh_key_equal(uvssh_session_key(&a->pipe.server.pub),
                          a->user_key));
    app_end(a);
  }
}

/* ---- the client: server-sig-algs ----------------------------------------- */

/* Up to the client's attempt at a server that says this (NULL: nothing). */
static void attempt_where(struct peer* p, const char* list) {
  struct buf* m;

  peer_open(p);
  peer_reach_service(p);
  if (list != NULL) {
    m = peer_message(p, MSG_EXT_INFO);
    wr_u32(m, 1);
    wr_cstr(m, "server-sig-algs");
    wr_cstr(m, list);
    peer_send(p);
  }
  peer_await(p, MSG_SERVICE_REQUEST);
  wr_cstr(peer_message(p, MSG_SERVICE_ACCEPT), "ssh-userauth");
  peer_send(p);
  pipe_run(&p->app->pipe);
  app_attempt(p->app, "bob");
}

/* The algorithm of the client's request where the server says this (NULL: it
 * says nothing); "": there is none, and the session goes on. */
static void asks_with(size_t row, const char* list, const char* want) {
  struct peer* p = peer_new(PEER_SERVER);

  NOTE("%s: %s", key_rows[row].name, list == NULL ? "nothing" : list);
  set_user_key(p->app, row);
  attempt_where(p, list);
  if (*want == '\0') {
    peer_expect_nothing(p);
    CHECK_EQ(p->app->login.done, 1);
    CHECK_EQ(p->app->login.status, UVSSH_EAUTH);
    CHECK_EQ(p->side->closes, 0);
  } else {
    rd_t* r = peer_expect(p, MSG_USERAUTH_REQUEST);
    str_t algorithm;
    (void) rd_str(r);              /* user, service, method */
    (void) rd_str(r);
    (void) rd_str(r);
    CHECK_EQ(rd_bool(r), 0);
    algorithm = rd_str(r);
    CHECK_MEM(algorithm.base, algorithm.len, want, strlen(want));
  }
  peer_end(p);
}

TEST(user_key_algorithm_by_server_sig_algs) {
  enum { RSA = 4 };
  size_t i;

  CHECK_STR(key_rows[RSA].name, "ssh-rsa");
  asks_with(RSA, "rsa-sha2-256,rsa-sha2-512", "rsa-sha2-512");
  asks_with(RSA, "ssh-rsa,rsa-sha2-256", "rsa-sha2-256");
  asks_with(RSA, "ssh-rsa,ssh-ed25519", "");   /* SHA-1: never */
  for (i = 0; i < KEY_ROWS; i++) {
    str_t first = str_of(key_rows[i].algorithms);
    char name[64];
    str_t s;
    (void) uvssh__namelist_next(&first, &s);
    snprintf(name, sizeof(name), "%.*s", (int) s.len, s.base);
    asks_with(i, NULL, name);
    asks_with(i, uvssh__sign_default(), name);
    asks_with(i, name, name);
    asks_with(i, "", "");
    asks_with(i, "ssh-dss,ssh-rsa", "");
  }
}

/* Some servers name the key's type, where the algorithm was asked for; any
 * other name is none of ours. */
TEST(user_key_is_welcome_by_the_name_of_its_type) {
  static const struct {
    const char* name;
    int err;
  } rows[] = {
    { "ssh-rsa", 0 }, { "rsa-sha2-512", 0 }, { "rsa-sha2-256", 1 },
    { "ssh-ed25519", 1 }, { "", 1 }
  };
  size_t i;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    struct peer* p = peer_new(PEER_SERVER);

    NOTE("%s", rows[i].name);
    set_user_key(p->app, 4);
    attempt_where(p, NULL);
    peer_expect(p, MSG_USERAUTH_REQUEST);
    wr_cstr(peer_message(p, MSG_USERAUTH_PK_OK), rows[i].name);
    wr_blob(&p->message, p->app->user_key);
    peer_send(p);
    if (rows[i].err) {
      peer_ended(p, UVSSH_EUNEXPECTED, 2);
    } else {
      pipe_run(&p->app->pipe);
      peer_expect(p, MSG_USERAUTH_REQUEST);
    }
    peer_end(p);
  }
}

/* The log says why. */
static char log_text[2048];

static void on_log(void* arg, uvssh_log_level level,
                   const uvssh_session_t* session, const char* text) {
  if (level == UVSSH_LOG_ERROR)
    snprintf(log_text, sizeof(log_text), "%s", text);
}

TEST(user_key_that_is_not_tried_is_logged) {
  struct peer* p = peer_new(PEER_SERVER);

  set_user_key(p->app, 4);
  p->app->client_config.log = on_log;
  p->app->client_config.log_level = UVSSH_LOG_ERROR;
  log_text[0] = '\0';
  attempt_where(p, "ssh-rsa,ssh-ed25519");
  CHECK_STR(log_text,
            "a key ssh-rsa is not tried: the server takes only "
            "ssh-rsa,ssh-ed25519");
  peer_end(p);
}

/* ---- the server ---------------------------------------------------------- */

/* publickey with this key, this algorithm's name in the request and in what is
 * signed, and the signature made by `sign` under the name `inner`. */
static void say(struct peer* p, const uvssh_key_t* key, const char* algorithm,
                const struct sign_alg* sign_with, const char* inner) {
  struct buf data = { 0 }, made = { 0 }, signature = { 0 };
  struct buf* m;
  rd_t r;
  str_t bare;

  wr_str(&data, p->session_id, p->id_len);
  wr_u8(&data, MSG_USERAUTH_REQUEST);
  wr_cstr(&data, "bob");
  wr_cstr(&data, "ssh-connection");
  wr_cstr(&data, "publickey");
  wr_bool(&data, 1);
  wr_cstr(&data, algorithm);
  wr_blob(&data, key);
  CHECK_EQ(uvssh__key_sign(key, sign_with, data.base, data.len, &made), 0);
  r = rd_of(made.base, made.len);
  (void) rd_str(&r);
  bare = rd_str(&r);
  wr_cstr(&signature, inner);
  wr_str(&signature, bare.base, bare.len);
  m = request(p, "bob", "publickey");
  wr_bool(m, 1);
  wr_cstr(m, algorithm);
  wr_blob(m, key);
  wr_str(m, signature.base, signature.len);
  peer_send(p);
  uvssh__buf_free(&data);
  uvssh__buf_free(&made);
  uvssh__buf_free(&signature);
}

/* lesson 75: all pairs of a key, the request's algorithm and the signature's
 * name, with a signature that is right for the key. */
TEST(lesson_75_auth_all_pairs) {
  static const char* const more[] = { "ssh-rsa", "ssh-dss", "", "rsa-sha2",
                                      "ecdsa-sha2-nistp224" };
  const char* names[16];
  char list[512];
  size_t count = 0, i, j, k;
  char* at;
  struct peer* p;

  snprintf(list, sizeof(list), "%s", uvssh__sign_default());
  for (at = strtok(list, ","); at != NULL; at = strtok(NULL, ","))
    names[count++] = at;
  for (i = 0; i < ARRAY_SIZE(more); i++)
    names[count++] = more[i];
  p = peer_new(PEER_CLIENT);
  p->app->server_config.auth_rejection_ms = 0;
  p->app->server_config.auth_tries = 5000;
  p->app->server_config.auth_requests = 5000;
  p->app->server_config.preauth_bytes = 16 << 20;
  p->app->server_config.preauth_packets = 10000;
  p->app->say_auth = SAY_NO;
  peer_open(p);
  peer_reach_auth(p);
  for (i = 0; i < KEY_ROWS; i++) {
    uvssh_key_t* key = key_of_row(&key_rows[i]);
    for (j = 0; j < count; j++) {
      for (k = 0; k < count; k++) {
        const struct sign_alg* alg = uvssh__sign_find(str_of(names[j]));
        unsigned before = p->app->auths;
        int right = j == k && alg != NULL && uvssh__key_fits(key, alg);
        if (alg == NULL || !uvssh__key_fits(key, alg))
          alg = uvssh__sign_next(key, NULL);
        if (!right && j != k && (j + k + i) % (2 * check_share()) != 0)
          continue;
        NOTE("%s, %s, %s", key_rows[i].name, names[j], names[k]);
        say(p, key, names[j], alg, names[k]);
        failed(p, all, 0);
        CHECK_EQ(p->app->auths - before, right);   /* only then is one asked */
      }
    }
    uvssh_key_unref(key);
  }
  peer_end(p);
}
