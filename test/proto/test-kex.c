/* The order of an exchange, and its time: the published violations, and what a
 * peer may cost before it has logged in. RFC 4253 section 7. */
#include "peer.h"

#include <stdio.h>

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
