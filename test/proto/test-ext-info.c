/* EXT_INFO: counts, places, and what the client makes of it. RFC 8308. */
#include "peer.h"

#include <stdio.h>

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

TEST(lesson_44_45_extension_counts) {
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

TEST(lesson_8_ext_info_only_once_and_only_first) {
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
