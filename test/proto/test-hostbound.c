/* publickey-hostbound-v00@openssh.com: a login that is bound to the server's
 * key, both sides; and EXT_INFO within the login. */
#include "auth.h"

#define BOUND "publickey-hostbound-v00@openssh.com"

/* ---- the server reads ---------------------------------------------------- */

struct variant {                   /* what is said, and what is signed */
  const char* name;
  const char* method;
  const char* signed_method;
  int says_key, signs_key;         /* 0 none, 1 the server's, 2 another one */
  int is_right;
};

static const struct variant variants[] = {
  { "right", BOUND, BOUND, 1, 1, 1 },
  { "plain", "publickey", "publickey", 0, 0, 1 },
  { "another server's", BOUND, BOUND, 2, 2, 0 },
  { "made for another server", BOUND, BOUND, 1, 2, 0 },
  { "not bound", BOUND, BOUND, 1, 0, 0 },
  { "not bound, and plain", BOUND, "publickey", 1, 0, 0 },
  { "of the other method", BOUND, "publickey", 1, 1, 0 },
  { "bound, and said to be plain", "publickey", BOUND, 0, 1, 0 },
};

static uvssh_key_t* other_key;

static void wr_hostkey(struct peer* p, struct buf* m, int which) {
  if (which == 1)
    wr_blob(m, p->app->pipe.hostkeys.key[0]);
  else if (which == 2)
    wr_blob(m, other_key);
}

static void wr_fields(struct peer* p, struct buf* m, const char* method,
                      int hostkey) {
  wr_cstr(m, "bob");
  wr_cstr(m, "ssh-connection");
  wr_cstr(m, method);
  wr_bool(m, 1);
  wr_cstr(m, "ssh-ed25519");
  wr_blob(m, p->app->user_key);
  wr_hostkey(p, m, hostkey);
}

static void say_variant(struct peer* p, const struct variant* v) {
  struct buf signature = { 0 };
  struct buf data = { 0 };
  struct buf* m;

  wr_str(&data, p->session_id, 32);
  wr_u8(&data, MSG_USERAUTH_REQUEST);
  wr_fields(p, &data, v->signed_method, v->signs_key);
  CHECK_EQ(uvssh__key_sign(p->app->user_key,
                           uvssh__sign_find(STR("ssh-ed25519")), data.base,
                           data.len, &signature), 0);
  m = peer_message(p, MSG_USERAUTH_REQUEST);
  wr_fields(p, m, v->method, v->says_key);
  wr_str(m, signature.base, signature.len);
  peer_send(p);
  uvssh__buf_free(&signature);
  uvssh__buf_free(&data);
}

TEST(hostbound_server_takes_only_what_is_bound_to_it) {
  struct peer* p = begin(SAY_YES);
  size_t i;

  CHECK_EQ(uvssh_key_generate(&other_key, UVSSH_KEY_ED25519, 0), 0);
  p->app->server_config.auth_tries = 100;
  for (i = 0; i < ARRAY_SIZE(variants); i++) {
    NOTE("%s", variants[i].name);
    peer_again(p);
    peer_open(p);
    peer_reach_auth(p);
    p->app->auths = 0;
    say_variant(p, &variants[i]);
    if (variants[i].is_right)
      peer_expect(p, MSG_USERAUTH_SUCCESS);
    else
      failed_after(p, 300);
    CHECK_EQ(p->app->auths, variants[i].is_right);
  }
  uvssh_key_unref(other_key);
  peer_end(p);
}

TEST(hostbound_probe) {
  struct peer* p = begin(SAY_YES);
  struct buf* m;
  int i;

  for (i = 0; i < 3; i++) {        /* no key, the server's, the user's */
    NOTE("%d", i);
    m = request(p, "bob", BOUND);
    wr_bool(m, 0);
    wr_cstr(m, "ssh-ed25519");
    wr_blob(m, p->app->user_key);
    if (i == 0)
      wr_cstr(m, "");
    else
      wr_blob(m, i == 1 ? p->app->pipe.hostkeys.key[0] : p->app->user_key);
    peer_send(p);
    if (i == 1)
      peer_expect(p, MSG_USERAUTH_PK_OK);
    else
      failed_after(p, 300);
  }
  m = request(p, "bob", BOUND);    /* as the plain method says it */
  wr_bool(m, 0);
  wr_cstr(m, "ssh-ed25519");
  wr_blob(m, p->app->user_key);
  peer_send(p);
  peer_ended(p, UVSSH_EMESSAGE, 2);
  peer_end(p);
}

/* The key of the first exchange, whatever came later. Nobody is told of it in
 * a list of methods. */
TEST(hostbound_is_no_method_of_its_own) {
  struct peer* p = begin(SAY_YES);

  p->app->server_config.auth_methods = UVSSH_AUTH_PASSWORD;
  peer_again(p);
  peer_open(p);
  peer_reach_auth(p);
  say_variant(p, &variants[0]);
  pipe_sleep(&p->app->pipe, 300);
  failed(p, "password", 0);
  CHECK_EQ(p->app->auths, 0);
  peer_end(p);
}

/* ---- the client writes --------------------------------------------------- */

static void say_extensions(struct peer* p, const char* name) {
  wr_u32(peer_message(p, MSG_EXT_INFO), 1);
  wr_cstr(&p->message, name);
  wr_cstr(&p->message, "0");
  peer_send(p);
}

static void reach_idle(struct peer* p, const char* extension) {
  peer_open(p);
  peer_reach_service(p);
  if (extension != NULL)
    say_extensions(p, extension);
  peer_expect(p, MSG_SERVICE_REQUEST);
  wr_cstr(peer_message(p, MSG_SERVICE_ACCEPT), "ssh-userauth");
  peer_send(p);
  pipe_run(&p->app->pipe);
}

/* The request, up to the signature, is what is signed. */
static void expect_login(struct peer* p, int is_bound, int is_signed) {
  rd_t* m = peer_expect(p, MSG_USERAUTH_REQUEST);
  const uint8_t* start = m->at;
  struct buf data = { 0 };
  str_t blob;
  size_t len;

  CHECK(str_is(rd_str(m), "bob"));
  CHECK(str_is(rd_str(m), "ssh-connection"));
  CHECK(str_is(rd_str(m), is_bound ? BOUND : "publickey"));
  CHECK_EQ(rd_bool(m), is_signed);
  CHECK(str_is(rd_str(m), "ssh-ed25519"));
  (void) rd_str(m);
  if (is_bound) {
    blob.base = uvssh_key_blob(p->app->pipe.hostkeys.key[0], &blob.len);
    CHECK(str_eq(rd_str(m), blob));
  }
  len = (size_t) (m->at - start);
  if (is_signed) {
    wr_str(&data, p->session_id, 32);
    wr_u8(&data, MSG_USERAUTH_REQUEST);
    wr_bytes(&data, start, len);
    CHECK_EQ(uvssh__key_verify(p->app->user_key,
                               uvssh__sign_find(STR("ssh-ed25519")), data.base,
                               data.len, rd_str(m)), 0);
  }
  CHECK_EQ(rd_end(m), 0);
  uvssh__buf_free(&data);
}

TEST(hostbound_client_binds_where_it_is_offered) {
  static const struct { const char* extension; int is_bound; } rows[] = {
    { NULL, 0 }, { "publickey-hostbound@openssh.com", 1 },
    { "ping@openssh.com", 0 }, { "ext-info-in-auth@openssh.com", 0 },
  };
  struct peer* p = peer_new(PEER_SERVER);
  size_t i, len;
  const uint8_t* blob;

  p->app->method = UVSSH_AUTH_PUBLICKEY;
  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    NOTE("%s", rows[i].extension == NULL ? "" : rows[i].extension);
    reach_idle(p, rows[i].extension);
    app_attempt(p->app, "bob");
    expect_login(p, rows[i].is_bound, 0);
    wr_cstr(peer_message(p, MSG_USERAUTH_PK_OK), "ssh-ed25519");
    blob = uvssh_key_blob(p->app->user_key, &len);
    wr_str(&p->message, blob, len);
    peer_send(p);
    expect_login(p, rows[i].is_bound, 1);
    peer_again(p);
  }
  peer_end(p);
}

/* ---- EXT_INFO within the login ------------------------------------------- */

TEST(ext_info_in_auth_is_sent_once_to_who_asked) {
  static const struct { const char* name; int is_sent; } rows[] = {
    { "ext-info-in-auth@openssh.com", 1 }, { "ping@openssh.com", 0 },
    { "publickey-hostbound@openssh.com", 0 },
  };
  struct peer* p = peer_new(PEER_CLIENT);
  rd_t* m;
  size_t i;

  p->app->say_auth = SAY_NO;
  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    NOTE("%s", rows[i].name);
    peer_open(p);
    peer_reach_service(p);
    say_extensions(p, rows[i].name);
    wr_cstr(peer_message(p, MSG_SERVICE_REQUEST), "ssh-userauth");
    peer_send(p);
    peer_expect(p, MSG_SERVICE_ACCEPT);
    none(p, "bob");
    if (rows[i].is_sent) {
      m = peer_expect(p, MSG_EXT_INFO);
      CHECK_EQ(rd_u32(m), 1);
      CHECK(str_is(rd_str(m), "server-sig-algs"));
      CHECK(str_is(rd_str(m), uvssh__sign_default()));
      CHECK_EQ(rd_end(m), 0);
    }
    peer_expect(p, MSG_USERAUTH_FAILURE);
    none(p, "bob");
    failed_after(p, 300);
    peer_again(p);
  }
  peer_end(p);
}

/* Once; what it says of signatures counts, what it offers does not any more.
 * The next one must stand before SUCCESS. */
TEST(ext_info_in_auth_is_heard_once) {
  struct peer* p = peer_new(PEER_SERVER);

  p->app->method = UVSSH_AUTH_PASSWORD;
  reach_idle(p, NULL);
  app_attempt(p->app, "bob");
  peer_expect(p, MSG_USERAUTH_REQUEST);
  wr_u32(peer_message(p, MSG_EXT_INFO), 2);
  wr_cstr(&p->message, "publickey-hostbound@openssh.com");
  wr_cstr(&p->message, "0");
  wr_cstr(&p->message, "server-sig-algs");
  wr_cstr(&p->message, "rsa-sha2-512");
  peer_send(p);
  wr_cstr(peer_message(p, MSG_USERAUTH_FAILURE), "password,publickey");
  wr_bool(&p->message, 0);
  peer_send(p);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->app->login.done, 1);
  CHECK_EQ(p->side->session.transport.extensions, 0);
  p->app->method = UVSSH_AUTH_PUBLICKEY;
  app_attempt(p->app, "bob");
  CHECK_EQ(p->app->login.status, UVSSH_EAUTH);  /* not with Ed25519 */
  peer_expect_nothing(p);
  p->app->method = UVSSH_AUTH_PASSWORD;
  app_attempt(p->app, "bob");
  peer_expect(p, MSG_USERAUTH_REQUEST);
  say_extensions(p, "server-sig-algs");
  wr_cstr(peer_message(p, MSG_USERAUTH_FAILURE), "password");
  wr_bool(&p->message, 0);
  peer_send(p);
  peer_ended(p, UVSSH_EUNEXPECTED, 2);
  peer_end(p);
}

/* A client that could not ask for it is sent none. */
TEST(ext_info_in_auth_not_where_we_have_not_asked) {
  struct peer* p = peer_new(PEER_SERVER);

  p->ext_info = 0;
  p->app->method = UVSSH_AUTH_PASSWORD;
  reach_idle(p, NULL);
  app_attempt(p->app, "bob");
  peer_expect(p, MSG_USERAUTH_REQUEST);
  say_extensions(p, "server-sig-algs");
  wr_cstr(peer_message(p, MSG_USERAUTH_FAILURE), "password");
  wr_bool(&p->message, 0);
  peer_send(p);
  peer_ended(p, UVSSH_EUNEXPECTED, 2);
  peer_end(p);
}
