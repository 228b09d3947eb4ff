/* The strict key exchange: what may not be said before NEWKEYS, where, and by
 * whom. A table of messages by the gaps of the first exchange, in both roles.
 *
 * Seven of ten servers let something through that this table holds (Baeumer,
 * Maehren, Brinkmann, Schwenk: CCS 2025): group exchange asked for twice,
 * IGNORE, a channel right behind KEXINIT, a login before it. All that needs no
 * answer is said in one segment, so that what must not run would. */
#include "peer.h"

#include <stdio.h>

enum gap {                         /* the message comes before the peer's ... */
  KEXINIT,
  KEX,                             /* a client's 30; a server's: before it has
                                      read the client's */
  REPLY,                           /* a client has said 30, and not read 31 */
  NEWKEYS,
  GAPS
};

/* ---- the messages -------------------------------------------------------- */

static void say_text(struct peer* p, uint8_t number) {
  wr_cstr(peer_message(p, number), "x");
  peer_send(p);
}

static void say_ignore(struct peer* p) {
  say_text(p, MSG_IGNORE);
}

static void say_unimplemented(struct peer* p) {
  wr_u32(peer_message(p, MSG_UNIMPLEMENTED), 0);
  peer_send(p);
}

static void say_debug(struct peer* p) {
  struct buf* m = peer_message(p, MSG_DEBUG);

  wr_bool(m, 0);
  wr_cstr(m, "x");
  wr_cstr(m, "");
  peer_send(p);
}

static void say_ping(struct peer* p) {
  say_text(p, MSG_PING);
}

static void say_ext_info(struct peer* p) {
  struct buf* m = peer_message(p, MSG_EXT_INFO);

  wr_u32(m, 1);
  wr_cstr(m, "server-sig-algs");
  wr_cstr(m, "ssh-rogue");
  peer_send(p);
}

static void say_service(struct peer* p) {
  wr_cstr(peer_message(p, p->role == PEER_CLIENT ? MSG_SERVICE_REQUEST
                                                 : MSG_SERVICE_ACCEPT),
          "ssh-userauth");
  peer_send(p);
}

static void say_login(struct peer* p) {
  struct buf* m = peer_message(p, MSG_USERAUTH_REQUEST);

  wr_cstr(m, "root");
  wr_cstr(m, "ssh-connection");
  wr_cstr(m, "none");
  peer_send(p);
}

static void say_success(struct peer* p) {
  peer_message(p, MSG_USERAUTH_SUCCESS);
  peer_send(p);
}

static void say_channel(struct peer* p) {
  struct buf* m = peer_message(p, MSG_CHANNEL_OPEN);

  wr_cstr(m, "session");
  wr_u32(m, 0);
  wr_u32(m, 1000);
  wr_u32(m, 32768);
  peer_send(p);
  peer_request(p, 0, "exec", 1, "\0\0\0\2id", 6);
}

static void say_gex(struct peer* p) {
  struct buf* m = peer_message(p, 34);

  wr_u32(m, 2048);
  wr_u32(m, 3072);
  wr_u32(m, 8192);
  peer_send(p);
}

static void say_gex_twice(struct peer* p) {
  say_gex(p);
  say_gex(p);
}

static void say_kexinit_again(struct peer* p) {
  peer_send_bytes(p, p->i_mine.base, p->i_mine.len);
}

static void say_early_newkeys(struct peer* p) {
  peer_message(p, MSG_NEWKEYS);
  peer_send(p);
}

/* 30 or 31 a second time, byte for byte: the last thing that was said. */
static void say_kex_again(struct peer* p) {
  uint8_t copy[2000];
  size_t len = p->message.len;

  CHECK(len <= sizeof(copy));
  CHECK_EQ(p->message.base[0], p->role == PEER_CLIENT ? MSG_KEX_ECDH_INIT
                                                      : MSG_KEX_ECDH_REPLY);
  memcpy(copy, p->message.base, len);
  peer_send_bytes(p, copy, len);
}

static void say_unassigned(struct peer* p) {
  peer_message(p, 9);
  peer_send(p);
}

static void say_unassigned_kex(struct peer* p) {
  peer_message(p, 22);
  peer_send(p);
}

static void say_local(struct peer* p) {
  peer_message(p, 250);
  peer_send(p);
}

#define AT(gap) (1u << (gap))
#define ALL_GAPS (AT(KEXINIT) | AT(KEX) | AT(REPLY) | AT(NEWKEYS))

static const struct violation {
  const char* name;
  void (*say)(struct peer* p);
  unsigned gaps;                   /* of a client's exchange ... */
  unsigned server_gaps;            /* ... and of a server's */
  int is_skipped;                  /* without a strict exchange: 1 skipped; */
                                   /* 0 refused; -1 answered UNIMPLEMENTED */
} violations[] = {
  { "IGNORE", say_ignore, ALL_GAPS, ALL_GAPS, 1 },
  { "UNIMPLEMENTED", say_unimplemented, ALL_GAPS, ALL_GAPS, 1 },
  { "DEBUG", say_debug, ALL_GAPS, ALL_GAPS, 1 },
  { "PING", say_ping, ALL_GAPS, ALL_GAPS, 1 },
  { "number 9", say_unassigned, ALL_GAPS, ALL_GAPS, -1 },
  { "number 22", say_unassigned_kex, ALL_GAPS, ALL_GAPS, -1 },
  { "number 250", say_local, ALL_GAPS, ALL_GAPS, -1 },
  { "EXT_INFO", say_ext_info, ALL_GAPS, ALL_GAPS, 0 },
  { "the service", say_service, ALL_GAPS, ALL_GAPS, 0 },
  { "a login", say_login, ALL_GAPS, ALL_GAPS, 0 },
  { "SUCCESS", say_success, ALL_GAPS, ALL_GAPS, 0 },
  { "a channel and a command", say_channel, ALL_GAPS, ALL_GAPS, 0 },
  { "group exchange", say_gex, ALL_GAPS, ALL_GAPS, 0 },
  { "group exchange twice", say_gex_twice, ALL_GAPS, ALL_GAPS, 0 },
  { "KEXINIT twice", say_kexinit_again, ALL_GAPS & ~AT(KEXINIT),
    ALL_GAPS & ~AT(KEXINIT), 0 },
  { "NEWKEYS too early", say_early_newkeys, AT(KEXINIT) | AT(KEX),
    AT(KEXINIT) | AT(KEX) | AT(REPLY), 0 },
  { "30 or 31 twice", say_kex_again, AT(REPLY) | AT(NEWKEYS), AT(NEWKEYS), 0 },
};

/* ---- the exchange around them -------------------------------------------- */

static void reach(struct peer* p, enum gap gap) {
  peer_open(p);
  peer_say_ident(p);
  if (gap == KEXINIT)
    return;
  peer_say_kexinit(p);
  if (p->role == PEER_CLIENT) {
    if (gap >= REPLY)
      peer_say_kex(p);
    if (gap != NEWKEYS)
      return;
    peer_read_kexinit(p);
    peer_read_kex(p);
    return;
  }
  if (gap >= REPLY)
    pipe_run(&p->app->pipe);       /* its 30 is there */
  if (gap == NEWKEYS) {
    peer_read_kexinit(p);
    peer_say_kex(p);
  }
}

static void go_on(struct peer* p, enum gap gap) {
  if (gap == KEXINIT)
    peer_say_kexinit(p);
  if (p->role == PEER_CLIENT) {
    if (gap <= KEX)
      peer_say_kex(p);
    if (gap <= REPLY) {
      peer_read_kexinit(p);
      peer_read_kex(p);
    }
    peer_read_newkeys(p);
    peer_say_newkeys(p);
  } else {
    if (gap <= REPLY) {
      peer_read_kexinit(p);
      peer_say_kex(p);
    }
    peer_say_newkeys(p);
    peer_read_newkeys(p);
  }
  peer_alive(p);
}

/* It has ended by it, and nothing was believed: no word of a login, of a
 * service or of a channel has left. */
static void refused(struct peer* p) {
  unsigned number;

  peer_ended(p, UVSSH_EUNEXPECTED, 2);
  CHECK_EQ(p->side->end.phase, UVSSH_PHASE_KEX);
  for (number = MSG_USERAUTH_REQUEST; number < 256; number++)
    CHECK_EQ(p->heard[number], 0);
  CHECK_EQ(p->heard[MSG_SERVICE_REQUEST] + p->heard[MSG_SERVICE_ACCEPT], 0);
  CHECK_EQ(p->app->auths, 0);
  CHECK_EQ(p->app->served_count, 0);
  CHECK_EQ(p->app->client_ready + p->app->server_ready, 0);
  peer_again(p);
}

static void one(struct peer* p, const struct violation* v, enum gap gap) {
  reach(p, gap);
  v->say(p);
  if (p->strict != STRICT_NONE && gap == KEXINIT)
    peer_say_kexinit(p);           /* only that tells that it is strict */
  if (p->strict != STRICT_NONE || v->is_skipped == 0) {
    if (p->role == PEER_CLIENT && gap == REPLY) {
      peer_read_kexinit(p);        /* what comes then is encrypted */
      peer_read_kex(p);
    }
    refused(p);
    return;
  }
  go_on(p, gap);
  CHECK_EQ(p->side->session.transport.strict, 0);
  CHECK(p->side->session.transport.sig_algs == NULL);
  peer_again(p);
}

static void every_one(enum role role, enum strict strict, enum jobs jobs) {
  struct peer* p = peer_new(role);
  const struct violation* v;
  unsigned gaps;
  size_t i;
  enum gap gap;

  p->strict = strict;
  p->app->pipe.jobs = jobs;
  p->app->pipe.job_steps = 3;
  for (i = 0; i < ARRAY_SIZE(violations); i++)
    for (gap = KEXINIT; gap < GAPS; gap++) {
      v = &violations[i];
      gaps = role == PEER_CLIENT ? v->gaps : v->server_gaps;
      if ((gaps & AT(gap)) == 0 || (strict == STRICT_NONE && v->is_skipped < 0))
        continue;
      NOTE("%s, gap %d, role %d, strict %d", v->name, gap, role, strict);
      one(p, v, gap);
    }
  peer_end(p);
}

TEST(lesson_4_7_8_9_10_11_12_13_server_refuses_in_a_strict_exchange) {
  every_one(PEER_CLIENT, STRICT_BOTH, JOBS_NOW);
  every_one(PEER_CLIENT, STRICT_BOTH, JOBS_LATER);
  every_one(PEER_CLIENT, STRICT_V00, JOBS_NOW);
  every_one(PEER_CLIENT, STRICT_STANDARD, JOBS_NOW);
}

TEST(lesson_5_6_8_9_10_11_12_13_client_refuses_in_a_strict_exchange) {
  every_one(PEER_SERVER, STRICT_BOTH, JOBS_NOW);
  every_one(PEER_SERVER, STRICT_BOTH, JOBS_LATER);
  every_one(PEER_SERVER, STRICT_V00, JOBS_NOW);
  every_one(PEER_SERVER, STRICT_STANDARD, JOBS_NOW);
}

TEST(lesson_4_7_8_11_13_server_without_a_strict_exchange) {
  every_one(PEER_CLIENT, STRICT_NONE, JOBS_NOW);
  every_one(PEER_CLIENT, STRICT_NONE, JOBS_LATER);
}

TEST(lesson_5_6_8_11_13_client_without_a_strict_exchange) {
  every_one(PEER_SERVER, STRICT_NONE, JOBS_NOW);
  every_one(PEER_SERVER, STRICT_NONE, JOBS_LATER);
}

/* KEXINIT is the first packet where it is the first, not where its number is
 * that of the first again. */
TEST(lesson_10_sequence_numbers_that_wrap_before_kexinit) {
  static const enum role roles[] = { PEER_CLIENT, PEER_SERVER };
  struct transport* t;
  struct peer* p;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(roles); i++) {
    p = peer_new(roles[i]);
    p->app->server_config.preauth_packets = UINT32_MAX;
    p->app->server_config.preauth_bytes = UINT32_MAX;
    peer_open(p);
    peer_say_ident(p);
    pipe_run(&p->app->pipe);
    t = &p->side->session.transport;
    t->in.seq = UINT32_MAX;        /* as after so many of them */
    t->in.packets = UINT32_MAX - 10;
    say_unassigned(p);             /* the next one has the number 0 */
    pipe_run(&p->app->pipe);
    CHECK_EQ(p->side->session.ending, E_RUNNING);
    CHECK_EQ(t->in.seq, 0);
    peer_say_kexinit(p);
    refused(p);
    peer_end(p);
  }
}
