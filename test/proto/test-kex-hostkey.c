/* Public values and host keys that are wrong, and who is asked about them. RFC
 * 4253 section 8, RFC 8731. */
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

TEST(lesson_62_63_public_value_refused_by_server) {
  values_refused(PEER_CLIENT);
}

TEST(lesson_62_63_public_value_refused_by_client) {
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

TEST(lesson_71_72_a_wrong_bit_in_the_hosts_signature) {
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

TEST(lesson_73_75_host_key_blobs) {
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
TEST(lesson_5_nothing_leaves_before_the_host_key_is_accepted) {
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
