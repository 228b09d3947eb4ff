/* The exchange itself: values, signatures, order, and what may leave
 * meanwhile. RFC 4253 sections 7 to 9, RFC 8731, RFC 8308. */
#include "peer.h"

#include <stdio.h>

/* ---- public values ------------------------------------------------------- */

static const uint8_t low_order[][32] = {
  { 0 },
  { 1 },
  { 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
    0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
    0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
  { 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
    0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
    0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57 },
  { 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
};

static void value_refused(struct peer* p, const uint8_t* value, size_t len) {
  struct buf signature = { 0 };
  struct buf* m;

  peer_open(p);
  peer_say_ident(p);
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  if (p->role == PEER_CLIENT) {
    m = peer_message(p, MSG_KEX_ECDH_INIT);
    wr_str(m, value, len);
  } else {
    peer_make_reply(p, &signature);
    m = peer_message(p, MSG_KEX_ECDH_REPLY);
    wr_str(m, p->k_s.base, p->k_s.len);
    wr_str(m, value, len);
    wr_str(m, signature.base, signature.len);
    uvssh__buf_free(&signature);
  }
  peer_send(p);
  peer_ended(p, UVSSH_EKEX, 3);
  CHECK_EQ(p->heard[MSG_NEWKEYS], 0);
  peer_again(p);
}

static void values_refused(enum role role) {
  static const size_t wrong[] = { 0, 1, 16, 31, 33, 64, 1000 };
  struct peer* p = peer_new(role);
  uint8_t value[1000];
  size_t i;

  memset(value, 9, sizeof(value));
  for (i = 0; i < ARRAY_SIZE(wrong); i++)
    value_refused(p, value, wrong[i]);
  for (i = 0; i < ARRAY_SIZE(low_order); i++)
    value_refused(p, low_order[i], 32);
  peer_end(p);
}

TEST(sec_62_63_public_value_refused_by_server) {
  values_refused(PEER_CLIENT);
}

TEST(sec_62_63_public_value_refused_by_client) {
  values_refused(PEER_SERVER);
}

/* ---- the host key -------------------------------------------------------- */

static void reply_with(struct peer* p, struct buf* k_s, struct buf* signature,
                       int status) {
  struct buf* m = peer_message(p, MSG_KEX_ECDH_REPLY);

  wr_str(m, k_s->base, k_s->len);
  wr_str(m, p->q_s.base, p->q_s.len);
  wr_str(m, signature->base, signature->len);
  peer_send(p);
  uvssh__buf_free(signature);
  peer_ended(p, status, status == UVSSH_EHOSTKEY ? 9 : 3);
  CHECK_EQ(p->heard[MSG_NEWKEYS], 0);
  CHECK_EQ(p->heard[MSG_SERVICE_REQUEST], 0);
  peer_again(p);
}

static void until_reply(struct peer* p, struct buf* signature) {
  peer_open(p);
  peer_say_ident(p);
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  peer_make_reply(p, signature);
}

TEST(sec_71_72_a_wrong_bit_in_the_hosts_signature) {
  struct peer* p = peer_new(PEER_SERVER);
  struct buf signature = { 0 };
  size_t n;
  size_t len = 1;

  for (n = 0; n < len; n++) {
    NOTE("byte %zu", n);
    until_reply(p, &signature);
    len = signature.len;
    signature.base[n] ^= 1;
    reply_with(p, &p->k_s, &signature, UVSSH_EKEX);
  }
  CHECK_EQ(len, 4 + 11 + 4 + 64);
  for (n = 0; n < len; n++) {
    NOTE("cut to %zu", n);
    until_reply(p, &signature);
    signature.len = n;
    reply_with(p, &p->k_s, &signature, UVSSH_EKEX);
  }
  peer_end(p);
}

TEST(sec_73_75_host_key_blobs) {
  struct peer* p = peer_new(PEER_SERVER);
  struct buf signature = { 0 };
  size_t n;

  for (n = 0; n < 51; n++) {
    NOTE("blob of %zu bytes", n);
    until_reply(p, &signature);
    p->k_s.len = n;
    reply_with(p, &p->k_s, &signature, UVSSH_EKEX);
    NOTE("byte %zu of the blob", n);
    until_reply(p, &signature);
    p->k_s.base[n] ^= 1;
    reply_with(p, &p->k_s, &signature, UVSSH_EKEX);
  }
  until_reply(p, &signature);
  wr_u8(&p->k_s, 0);
  reply_with(p, &p->k_s, &signature, UVSSH_EKEX);
  peer_end(p);
}

static void on_hostkey_no(uvssh_session_t* session, uvssh_key_t* key,
                          uvssh_host_verdict verdict, uvssh_reply_t reply) {
  CHECK_EQ(uvssh_reply_partial(reply, 1), UV_EINVAL);
  CHECK_EQ(uvssh_reply_reject(reply), 0);
}

static uvssh_reply_t asked;

static void on_hostkey_later(uvssh_session_t* session, uvssh_key_t* key,
                             uvssh_host_verdict verdict, uvssh_reply_t reply) {
  asked = reply;
}

TEST(host_key_refused_or_nobody_asked) {
  struct peer* p = peer_new(PEER_SERVER);
  struct buf signature = { 0 };

  p->app->on_client.on_hostkey = on_hostkey_no;
  until_reply(p, &signature);
  reply_with(p, &p->k_s, &signature, UVSSH_EHOSTKEY);
  p->app->on_client.on_hostkey = NULL;
  until_reply(p, &signature);
  reply_with(p, &p->k_s, &signature, UVSSH_EHOSTKEY);
  peer_end(p);
}

/* Nothing is sent and nothing read while a person thinks, for however long. */
TEST(sec_5_nothing_leaves_before_the_host_key_is_accepted) {
  struct peer* p = peer_new(PEER_SERVER);
  uvssh_reply_t reply;

  p->app->on_client.on_hostkey = on_hostkey_later;
  peer_open(p);
  peer_say_ident(p);
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  peer_say_kex(p);
  peer_say_newkeys(p);
  wr_cstr(peer_message(p, MSG_SERVICE_ACCEPT), "ssh-userauth");
  peer_send(p);
  peer_message(p, MSG_USERAUTH_SUCCESS);
  peer_send(p);
  pipe_sleep(&p->app->pipe, 3600 * 1000);
  peer_expect_nothing(p);
  CHECK_EQ(p->side->closes, 0);
  reply = asked;
  CHECK(uvssh_reply_session(reply) == &p->side->pub);
  CHECK_EQ(uvssh_reply_accept(reply), 0);
  CHECK_EQ(uvssh_reply_accept(reply), UV_ECANCELED);
  CHECK_EQ(uvssh_reply_reject(reply), UV_ECANCELED);
  peer_expect(p, MSG_NEWKEYS);
  peer_ended(p, UVSSH_EUNEXPECTED, 2);   /* that SUCCESS */
  CHECK_EQ(p->heard[MSG_USERAUTH_REQUEST], 0);
  CHECK_EQ(p->app->client_ready, 0);
  peer_end(p);
}

TEST(host_key_verdict_after_the_session_has_gone) {
  struct peer* p = peer_new(PEER_SERVER);

  p->app->on_client.on_hostkey = on_hostkey_later;
  peer_open(p);
  peer_say_ident(p);
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  peer_say_kex(p);
  pipe_run(&p->app->pipe);
  uvssh_session_close(&p->side->pub);
  CHECK_EQ(uvssh_reply_accept(asked), UV_ECANCELED);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->closes, 1);
  CHECK_EQ(uvssh_reply_accept(asked), UV_ECANCELED);
  CHECK(uvssh_reply_session(asked) == NULL);
  peer_end(p);
}

/* A re-exchange must show the same key; the user is not asked again. */
TEST(host_key_changes_in_a_later_exchange) {
  struct peer* p = peer_new(PEER_SERVER);
  uvssh_key_t* old;

  peer_open(p);
  peer_reach_open(p);
  old = p->app->pipe.hostkeys.key[0];
  CHECK_EQ(uvssh_key_generate(&p->app->pipe.hostkeys.key[0], UVSSH_KEY_ED25519,
                              0), 0);
  uvssh_key_unref(old);
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  peer_say_kex(p);
  peer_ended(p, UVSSH_EHOSTKEY, 9);
  peer_end(p);
}

/* ---- the published violations of the strict exchange ---------------------
 * (Baeumer, Maehren, Brinkmann, Schwenk: CCS 2025.) All in one segment, so
 * that what must not run would; the session must never accept the service. */

static void channel_open(struct peer* p) {
  struct buf* m = peer_message(p, MSG_CHANNEL_OPEN);

  wr_cstr(m, "session");
  wr_u32(m, 0);
  wr_u32(m, 1000);
  wr_u32(m, 32768);
  peer_send(p);
}

static void login(struct peer* p) {
  struct buf* m = peer_message(p, MSG_USERAUTH_REQUEST);

  wr_cstr(m, "root");
  wr_cstr(m, "ssh-connection");
  wr_cstr(m, "none");
  peer_send(p);
}

static void gex_request(struct peer* p) {
  struct buf* m = peer_message(p, 34);

  wr_u32(m, 2048);
  wr_u32(m, 3072);
  wr_u32(m, 8192);
  peer_send(p);
}

static void violated(struct peer* p) {
  peer_ended(p, UVSSH_EUNEXPECTED, 2);
  CHECK_EQ(p->heard[MSG_SERVICE_ACCEPT], 0);
  CHECK_EQ(p->heard[MSG_CHANNEL_OPEN_CONFIRMATION], 0);
  CHECK_EQ(p->app->auths, 0);
  CHECK_EQ(p->app->served_count, 0);
  peer_again(p);
}

static void violations(enum jobs jobs, enum strict strict) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->app->pipe.jobs = jobs;
  p->app->pipe.job_steps = 3;
  p->strict = strict;

  peer_open(p);                    /* 1, 2: group exchange requested twice */
  peer_say_ident(p);
  peer_say_kexinit(p);
  gex_request(p);
  gex_request(p);
  violated(p);

  if (strict != STRICT_NONE) {     /* 3: IGNORE between 31 and NEWKEYS */
    peer_open(p);
    peer_say_ident(p);
    peer_say_kexinit(p);
    peer_read_kexinit(p);
    peer_say_kex(p);
    wr_cstr(peer_message(p, MSG_IGNORE), "x");
    peer_send(p);
    peer_read_kex(p);
    violated(p);
  }

  peer_open(p);                    /* 4, 5: a channel right behind KEXINIT */
  peer_say_ident(p);
  peer_say_kexinit(p);
  channel_open(p);
  peer_request(p, 0, "exec", 1, "\0\0\0\2id", 6);
  violated(p);

  peer_open(p);                    /* 6, 7: a login before KEXINIT */
  peer_say_ident(p);
  login(p);
  peer_say_kexinit(p);
  violated(p);

  peer_open(p);                    /* 8: between 30 and NEWKEYS; and a login */
  peer_say_ident(p);
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  peer_say_kex(p);
  channel_open(p);
  peer_read_kex(p);
  violated(p);
  peer_open(p);
  peer_say_ident(p);
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  peer_say_kex(p);
  login(p);
  peer_read_kex(p);
  violated(p);
  peer_end(p);
}

TEST(sec_4_7_11_12_published_violations_strict) {
  violations(JOBS_NOW, STRICT_BOTH);
  violations(JOBS_LATER, STRICT_BOTH);
}

TEST(sec_4_7_11_12_published_violations_not_strict) {
  violations(JOBS_NOW, STRICT_NONE);
  violations(JOBS_LATER, STRICT_NONE);
}

/* Terrapin: a packet is slipped in before NEWKEYS and the first one behind it
 * is taken out. */
TEST(sec_9_10_terrapin) {
  struct peer* p = peer_new(PEER_CLIENT);

  peer_cipher(p, "chacha20-poly1305@openssh.com", NULL);
  peer_open(p);
  peer_say_ident(p);
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  wr_cstr(peer_message(p, MSG_IGNORE), "x");
  peer_send(p);
  violated(p);

  /* Without a strict exchange it works, as it must: and is said. */
  p->strict = STRICT_NONE;
  peer_open(p);
  peer_say_ident(p);
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  wr_cstr(peer_message(p, MSG_IGNORE), "x");
  peer_send(p);
  p->seq_out--;                    /* the client does not know of it */
  peer_say_kex(p);
  peer_read_kex(p);
  peer_read_newkeys(p);
  peer_say_newkeys(p);
  p->seq_out++;                    /* its first packet is lost */
  peer_alive(p);
  CHECK_EQ(p->side->session.transport.strict, 0);
  peer_end(p);
}

TEST(kex_ignore_before_the_first_keys_is_limited) {
  struct peer* p = peer_new(PEER_CLIENT);
  unsigned i;

  p->strict = STRICT_NONE;
  peer_open(p);
  peer_say_ident(p);
  for (i = 0; i < 8; i++) {
    wr_cstr(peer_message(p, MSG_IGNORE), "x");
    peer_send(p);
  }
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->session.ending, E_RUNNING);
  wr_cstr(peer_message(p, MSG_IGNORE), "x");
  peer_send(p);
  peer_ended(p, UVSSH_EUNEXPECTED, 2);
  peer_end(p);
}

/* ---- EXT_INFO, RFC 8308 -------------------------------------------------- */

static struct buf* ext_info(struct peer* p, uint32_t count) {
  struct buf* m = peer_message(p, MSG_EXT_INFO);

  wr_u32(m, count);
  return m;
}

static void ext_refused(struct peer* p) {
  peer_send(p);
  peer_ended(p, UVSSH_EMESSAGE, 2);
  peer_again(p);
  peer_open(p);
  peer_reach_service(p);
}

TEST(sec_44_45_extension_counts) {
  static const enum role roles[] = { PEER_CLIENT, PEER_SERVER };
  struct peer* p;
  struct buf* m;
  size_t i;
  unsigned n;

  for (i = 0; i < 2; i++) {
    p = peer_new(roles[i]);
    peer_open(p);
    peer_reach_service(p);
    ext_info(p, 1);
    ext_refused(p);
    ext_info(p, 65);
    ext_refused(p);
    ext_info(p, 0xffffffff);
    ext_refused(p);
    wr_cstr(ext_info(p, 0), "more");
    ext_refused(p);
    m = ext_info(p, 65);
    for (n = 0; n < 130; n++)
      wr_cstr(m, "x");
    ext_refused(p);
    m = ext_info(p, 64);
    for (n = 0; n < 128; n++)
      wr_cstr(m, "x");
    peer_send(p);
    peer_alive(p);
    peer_end(p);
  }
}

TEST(sec_8_ext_info_only_once_and_only_first) {
  struct peer* p = peer_new(PEER_CLIENT);

  peer_open(p);
  peer_reach_service(p);
  ext_info(p, 0);
  peer_send(p);
  ext_info(p, 0);
  peer_send(p);
  peer_ended(p, UVSSH_EUNEXPECTED, 2);
  peer_again(p);
  peer_open(p);
  peer_reach_service(p);
  wr_cstr(peer_message(p, MSG_IGNORE), "");
  peer_send(p);
  ext_info(p, 0);
  peer_send(p);
  peer_ended(p, UVSSH_EUNEXPECTED, 2);
  peer_end(p);
}

/* 1: the client signs with Ed25519 where the server says this. */
static int signs(const char* list, int twice) {
  struct peer* p = peer_new(PEER_SERVER);
  struct buf* m;
  int result;

  peer_open(p);
  peer_reach_service(p);
  m = ext_info(p, twice ? 3 : 1);
  if (twice) {
    wr_cstr(m, "delay-compression");
    wr_cstr(m, "?");
    wr_cstr(m, "server-sig-algs");
    wr_cstr(m, "ssh-ed25519");
  }
  wr_cstr(m, "server-sig-algs");
  wr_cstr(m, list);
  peer_send(p);
  peer_expect(p, MSG_SERVICE_REQUEST);
  wr_cstr(peer_message(p, MSG_SERVICE_ACCEPT), "ssh-userauth");
  peer_send(p);
  pipe_run(&p->app->pipe);
  app_attempt(p->app, "bob");
  result = peer_next(p) == MSG_USERAUTH_REQUEST;
  CHECK_EQ(p->app->login.done, !result);
  if (!result)
    CHECK_EQ(p->app->login.status, UVSSH_EAUTH);
  peer_end(p);
  return result;
}

TEST(ext_info_server_sig_algs_is_obeyed) {
  CHECK_EQ(signs("ssh-ed25519", 0), 1);
  CHECK_EQ(signs("rsa-sha2-256,ssh-ed25519", 0), 1);
  CHECK_EQ(signs("rsa-sha2-256,rsa-sha2-512", 0), 0);
  CHECK_EQ(signs("", 0), 0);
  CHECK_EQ(signs("rsa-sha2-256", 1), 0);
}

TEST(ext_info_is_sent_only_to_who_knows_it) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->ext_info = 0;
  peer_open(p);
  peer_reach_auth(p);              /* fails where EXT_INFO comes */
  peer_again(p);
  p->ext_info = 1;
  peer_open(p);
  peer_reach_open(p);
  peer_rekey(p);
  peer_expect_nothing(p);          /* not a second time */
  peer_end(p);
}

/* ---- what leaves during an exchange -------------------------------------- */

/* Whatever waits: from our KEXINIT to our NEWKEYS only 1-4 and 20-49 leave,
 * and then the rest, in its order. */
static void quiet_server(enum jobs jobs) {
  struct peer* p = peer_new(PEER_CLIENT);
  uvssh_session_request_t what = { .type = UVSSH_GLOBAL_OTHER, .name = "g@y" };
  struct app_req req;
  uint32_t id;

  p->app->server_config.keepalive_ms = 1000;
  p->app->server_config.kex_timeout_ms = 60000;
  peer_open(p);
  peer_reach_open(p);
  id = peer_channel(p, 5, 100000);
  p->app->pipe.jobs = jobs;
  p->app->pipe.job_steps = 4;
  CHECK_EQ(uvssh_session_rekey(NULL, &p->side->pub, NULL), 0);
  CHECK_EQ(uvssh_channel_send(&p->app->served[0].pub, UVSSH_DATA, "abc", 3), 0);
  CHECK_EQ(uvssh_session_request(app_req(p->app, &req, NULL), &p->side->pub,
                                 &what, app_done), 0);
  peer_request(p, id, "shell", 1, NULL, 0);   /* on its way already */
  wr_cstr(peer_message(p, MSG_PING), "ping");
  peer_send(p);
  peer_message(p, 9);
  peer_send(p);
  peer_data(p, id, "xyz", 3);
  peer_read_kexinit(p);
  peer_expect(p, MSG_UNIMPLEMENTED);
  pipe_sleep(&p->app->pipe, 10000);
  peer_expect_nothing(p);
  CHECK_EQ(p->app->served[0].got[0], 3);
  peer_say_kexinit(p);
  peer_expect_nothing(p);
  peer_say_kex(p);
  peer_read_kex(p);
  peer_read_newkeys(p);
  peer_expect(p, MSG_GLOBAL_REQUEST);
  peer_expect(p, MSG_CHANNEL_SUCCESS);
  peer_expect(p, MSG_CHANNEL_DATA);
  peer_say_newkeys(p);
  peer_expect_nothing(p);
  peer_alive(p);
  peer_end(p);
}

TEST(sec_87_nothing_but_the_exchange_leaves_a_server) {
  quiet_server(JOBS_NOW);
  quiet_server(JOBS_LATER);
}

TEST(sec_87_nothing_but_the_exchange_leaves_a_client) {
  struct peer* p = peer_new(PEER_SERVER);
  uvssh_session_request_t what = { .type = UVSSH_GLOBAL_OTHER, .name = "g@y" };
  struct app_req req;

  p->app->client_config.keepalive_ms = 1000;
  p->app->client_config.kex_timeout_ms = 60000;
  peer_open(p);
  peer_reach_open(p);
  CHECK_EQ(uvssh_session_rekey(NULL, &p->side->pub, NULL), 0);
  CHECK_EQ(uvssh_session_request(app_req(p->app, &req, NULL), &p->side->pub,
                                 &what, app_done), 0);
  app_channel(p->app, 0);
  peer_read_kexinit(p);
  pipe_sleep(&p->app->pipe, 10000);
  peer_expect_nothing(p);
  peer_say_kexinit(p);
  peer_say_kex(p);                 /* has read 30 */
  peer_read_newkeys(p);
  peer_expect(p, MSG_GLOBAL_REQUEST);
  peer_expect(p, MSG_CHANNEL_OPEN);
  peer_say_newkeys(p);
  peer_alive(p);
  peer_end(p);
}

/* Replies that we owe wait in a queue with an end. */
TEST(sec_87_deferred_replies_are_limited) {
  struct peer* p = peer_new(PEER_CLIENT);
  unsigned i;

  peer_open(p);
  peer_reach_open(p);
  CHECK_EQ(uvssh_session_rekey(NULL, &p->side->pub, NULL), 0);
  peer_read_kexinit(p);
  for (i = 0; i < 64; i++) {
    app_log_clear(p->app);
    wr_cstr(peer_message(p, MSG_GLOBAL_REQUEST), "x@y");
    wr_bool(&p->message, 1);
    peer_send(p);
  }
  peer_expect_nothing(p);
  CHECK_EQ(p->side->session.ending, E_RUNNING);
  wr_cstr(peer_message(p, MSG_GLOBAL_REQUEST), "x@y");
  wr_bool(&p->message, 1);
  peer_send(p);
  peer_ended(p, UVSSH_ELIMIT, 2);
  peer_end(p);
}

TEST(sec_87_a_user_who_asks_much_is_told_to_wait) {
  struct peer* p = peer_new(PEER_CLIENT);
  uvssh_session_request_t what = { .type = UVSSH_GLOBAL_OTHER, .name = "g@y" };
  unsigned i;
  int err = 0;

  peer_open(p);
  peer_reach_open(p);
  CHECK_EQ(uvssh_session_rekey(NULL, &p->side->pub, NULL), 0);
  for (i = 0; i < 100 && err == 0; i++)
    err = uvssh_session_request(NULL, &p->side->pub, &what, NULL);
  CHECK_EQ(err, UV_ENOBUFS);
  CHECK(i > 10);
  peer_read_kexinit(p);
  peer_rekey(p);
  peer_skip(p);
  CHECK_EQ(p->heard[MSG_GLOBAL_REQUEST], i - 1);
  CHECK_EQ(uvssh_session_request(NULL, &p->side->pub, &what, NULL), 0);
  peer_alive(p);
  peer_end(p);
}

TEST(sec_88_pings_during_an_exchange_cost_nothing) {
  struct peer* p = peer_new(PEER_CLIENT);
  uint8_t data[256] = { 0 };
  size_t bytes;
  unsigned i;

  peer_open(p);
  peer_reach_open(p);
  CHECK_EQ(uvssh_session_rekey(NULL, &p->side->pub, NULL), 0);
  peer_read_kexinit(p);
  peer_say_kexinit(p);
  peer_expect_nothing(p);
  bytes = heap_bytes();
  for (i = 0; i < 100000; i++) {
    wr_str(peer_message(p, MSG_PING), data, sizeof(data));
    peer_send(p);
    if (i % 1000 == 0)
      pipe_run(&p->app->pipe);
  }
  peer_expect_nothing(p);
  CHECK(heap_bytes() <= bytes + 4096);
  peer_say_kex(p);
  peer_read_kex(p);
  peer_read_newkeys(p);
  peer_expect_nothing(p);
  peer_say_newkeys(p);
  peer_alive(p);
  peer_end(p);
}

/* ---- before login -------------------------------------------------------- */

TEST(sec_97_packets_and_bytes_before_login_are_limited) {
  struct peer* p = peer_new(PEER_CLIENT);
  uint8_t data[30000] = { 0 };
  unsigned i;

  p->app->server_config.preauth_packets = 100;
  peer_open(p);
  peer_reach_service(p);
  for (i = 0; i < 97; i++) {       /* KEXINIT, 30, NEWKEYS were the first */
    wr_cstr(peer_message(p, MSG_IGNORE), "");
    peer_send(p);
  }
  peer_expect_nothing(p);
  wr_cstr(peer_message(p, MSG_IGNORE), "");
  peer_send(p);
  peer_ended(p, UVSSH_ELIMIT, 2);
  peer_again(p);
  p->app->server_config.preauth_packets = 1000;
  peer_open(p);
  peer_reach_service(p);
  for (i = 0; i < 8; i++) {
    wr_str(peer_message(p, MSG_IGNORE), data, sizeof(data));
    peer_send(p);
  }
  peer_expect_nothing(p);
  wr_str(peer_message(p, MSG_IGNORE), data, sizeof(data));
  peer_send(p);
  peer_ended(p, UVSSH_ELIMIT, 2);
  peer_end(p);
}

TEST(kex_takes_its_time_and_no_more) {
  struct peer* p = peer_new(PEER_CLIENT);

  peer_open(p);
  peer_say_ident(p);
  pipe_sleep(&p->app->pipe, 19999);
  CHECK_EQ(p->side->session.ending, E_RUNNING);
  pipe_sleep(&p->app->pipe, 1);
  peer_ended(p, UV_ETIMEDOUT, 11);
  peer_end(p);
}

/* While a job is away nothing of the peer is looked at, and the clock runs. */
TEST(kex_job_is_away) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->strict = STRICT_NONE;
  p->app->pipe.jobs = JOBS_HELD;
  peer_open(p);
  peer_say_ident(p);
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  peer_say_kex(p);
  peer_message(p, 9);
  peer_send(p);
  peer_expect_nothing(p);
  CHECK_EQ(uvssh__session_wants_input(&p->side->session), 0);
  pipe_release_jobs(&p->app->pipe);
  peer_read_kex(p);
  peer_read_newkeys(p);
  peer_await(p, MSG_UNIMPLEMENTED);
  peer_again(p);

  peer_open(p);
  peer_say_ident(p);
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  peer_say_kex(p);
  pipe_sleep(&p->app->pipe, 20000);
  peer_ended(p, UV_ETIMEDOUT, 11);
  CHECK_EQ(p->app->pipe.waiting_count, 1);
  pipe_release_jobs(&p->app->pipe);
  peer_end(p);
}
