/* Every method of the table, in both roles, in first exchanges and in later
 * ones; and what an exchange of groups has of its own: RFC 4419, RFC 8270. What
 * is legal when: test/states. What is no public value and no group:
 * test/unit/test-crypto-kex-heavy.c. */
#include "peer.h"

#include <stdio.h>

static const struct kex_alg* method(unsigned n) {
  str_t names = str_of(uvssh__algo_known(ALGO_KEX));
  str_t name;

  while (uvssh__namelist_next(&names, &name))
    if (n-- == 0)
      return uvssh__kex_find(name);
  return NULL;
}

static struct peer* peer_with(enum role role, const struct kex_alg* kex) {
  struct peer* p = peer_new(role);

  p->app->server_config.kex = uvssh__algo_known(ALGO_KEX);
  p->kex = kex;
  peer_open(p);
  return p;
}

static void every_method(enum role role) {
  const struct kex_alg* kex;
  uvssh_session_info_t info;
  struct peer* p;
  unsigned n;

  for (n = 0; (kex = method(n)) != NULL; n++) {
    NOTE("%s", kex->name);
    p = peer_with(role, kex);
    peer_reach_auth(p);
    peer_alive(p);
    uvssh_session_info(&p->side->pub, &info);
    CHECK_STR(info.kex, kex->name);
    peer_end(p);
  }
  CHECK(n >= 8);
}

TEST(kex_methods_of_a_server) {
  every_method(PEER_CLIENT);
}

TEST(kex_methods_of_a_client) {
  every_method(PEER_SERVER);
}

/* CVE-2021-3634: the identifier keeps its own length, whatever the hashes of
 * later exchanges are. */
static void one_after_the_other(enum role role, unsigned first) {
  struct peer* p = peer_with(role, method(first));
  const uint8_t* id;
  uint8_t kept[HASH_SIZE_MAX];
  size_t kept_len, len;
  unsigned n;

  NOTE("%s first", p->kex->name);
  peer_reach_open(p);
  id = uvssh_session_id(&p->side->pub, &kept_len);
  CHECK_EQ(kept_len, p->kex->hash->size);
  memcpy(kept, id, kept_len);
  for (n = 0; (p->kex = method(n)) != NULL; n++) {
    if (p->role == PEER_SERVER || n % 2 == 0) {
      peer_rekey(p);
    } else {
      CHECK_EQ(uvssh_session_rekey(NULL, &p->side->pub, NULL), 0);
      pipe_run(&p->app->pipe);
      peer_rekey(p);
    }
    peer_alive(p);
    id = uvssh_session_id(&p->side->pub, &len);
    CHECK_MEM(id, len, kept, kept_len);
  }
  p->kex = method(0);
  peer_end(p);
}

TEST(lesson_16_one_identifier_for_hashes_of_all_sizes) {
  unsigned n;

  for (n = 0; method(n) != NULL; n += 2) {
    one_after_the_other(PEER_CLIENT, n);
    one_after_the_other(PEER_SERVER, n);
  }
}

/* ---- an exchange of groups, as a server ---------------------------------- */

static struct peer* client_at_group(enum strict strict) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->app->server_config.kex = uvssh__dh_gex.name;
  p->kex = &uvssh__dh_gex;
  p->strict = strict;
  peer_open(p);
  peer_say_ident(p);
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  return p;
}

static void ask(struct peer* p, uint32_t min, uint32_t wish, uint32_t max) {
  struct buf* m = peer_message(p, MSG_KEX_DH_GEX_REQUEST);

  wr_u32(m, min);
  wr_u32(m, wish);
  wr_u32(m, max);
  peer_send(p);
}

/* Two of ten servers answered the second one, too: Baeumer and others, CCS
 * 2025. */
TEST(lesson_11_two_group_requests) {
  static const enum strict modes[] = { STRICT_BOTH, STRICT_NONE };
  unsigned i;

  for (i = 0; i < ARRAY_SIZE(modes); i++) {
    struct peer* p = client_at_group(modes[i]);
    ask(p, 2048, 2048, 8192);
    ask(p, 2048, 2048, 8192);
    peer_expect(p, MSG_KEX_DH_GEX_GROUP);
    peer_ended(p, UVSSH_EUNEXPECTED, 2);
    peer_end(p);
  }
}

/* The last word before the end of the exchange decides nothing: each once. */
TEST(lesson_11_group_messages_in_another_order) {
  static const uint8_t numbers[] = { 30, 31, 32, 33, 35, 49 };
  unsigned i, later;

  for (i = 0; i < ARRAY_SIZE(numbers); i++) {
    for (later = 0; later < 2; later++) {
      struct peer* p;
      if (later && numbers[i] == 32)
        continue;                  /* that is its place */
      NOTE("message %u, %s 34", numbers[i], later ? "behind" : "before");
      p = client_at_group(STRICT_BOTH);
      if (later) {
        ask(p, 2048, 2048, 8192);
        peer_expect(p, MSG_KEX_DH_GEX_GROUP);
      }
      wr_u32(peer_message(p, numbers[i]), 2048);
      peer_send(p);
      peer_ended(p, UVSSH_EUNEXPECTED, 2);
      peer_end(p);
    }
  }
}

TEST(group_wishes_that_cannot_be) {
  static const uint32_t rows[][3] = {
    { 512, 1024, 2047 }, { 8193, 8193, 9000 }, { 3000, 2048, 8192 },
    { 2048, 8192, 4096 }, { 4096, 2048, 1024 }
  };
  unsigned i;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    struct peer* p = client_at_group(STRICT_BOTH);
    NOTE("row %u", i);
    ask(p, rows[i][0], rows[i][1], rows[i][2]);
    peer_ended(p, UVSSH_EKEX, 3);
    peer_end(p);
  }
}

TEST(group_is_hashed_as_it_was_asked_for) {
  struct peer* p = client_at_group(STRICT_BOTH);

  wr_u32(&p->group, 1024);         /* what is no size of ours counts, too */
  wr_u32(&p->group, 1500);
  wr_u32(&p->group, 20000);
  ask(p, 1024, 1500, 20000);
  peer_expect(p, MSG_KEX_DH_GEX_GROUP);
  CHECK_EQ(uvssh__script_hear_group(&p->script), 0);
  peer_say_kex(p);
  peer_read_kex(p);                /* and its signature is right */
  peer_read_newkeys(p);
  peer_end(p);
}

/* Public values that are none, in every exchange that has numbers. */
TEST(lesson_64_ends_the_session) {
  static const struct {
    const struct kex_alg* kex;
    uint8_t len;
    uint8_t bytes[2];
  } rows[] = {
    { &uvssh__dh_modp2048, 0, { 0 } }, { &uvssh__dh_modp2048, 1, { 1 } },
    { &uvssh__dh_modp4096, 1, { 0x80 } }, { &uvssh__dh_modp2048, 2, { 0, 7 } },
    { &uvssh__dh_gex, 0, { 0 } }, { &uvssh__dh_gex, 1, { 1 } },
    { &uvssh__ecdh_nistp256, 1, { 0 } }, { &uvssh__ecdh_nistp521, 0, { 0 } }
  };
  unsigned i;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    struct peer* p = peer_with(PEER_CLIENT, rows[i].kex);
    NOTE("row %u", i);
    peer_say_ident(p);
    peer_say_kexinit(p);
    peer_read_kexinit(p);
    peer_agree_group(p);
    wr_str(peer_message(p, rows[i].kex->group_exchange ? MSG_KEX_DH_GEX_INIT
                                                       : MSG_KEX_ECDH_INIT),
           rows[i].bytes, rows[i].len);
    peer_send(p);
    peer_ended(p, UVSSH_EKEX, 3);
    peer_end(p);
  }
}

/* ---- ... and as a client ------------------------------------------------- */

static struct peer* server_at_group(void) {
  struct peer* p = peer_with(PEER_SERVER, &uvssh__dh_gex);

  peer_say_ident(p);
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  peer_expect(p, MSG_KEX_DH_GEX_REQUEST);
  return p;
}

TEST(group_is_asked_for) {
  struct peer* p = server_at_group();

  CHECK_EQ(rd_u32(&p->m), 2048);   /* RFC 8270 */
  CHECK_EQ(rd_u32(&p->m), 4096);
  CHECK_EQ(rd_u32(&p->m), 8192);
  CHECK_EQ(rd_end(&p->m), 0);
  peer_end(p);
}

/* p as it is, and with one bit changed; g; what it comes to. */
TEST(lesson_65_groups_that_are_refused) {
  static const struct {
    uint32_t bits;                 /* of a group that is known */
    int flip;                      /* 1 + the byte of p, from its end */
    uint8_t g[2];
    int err;
  } rows[] = {
    { 2048, 0, { 2 }, 0 }, { 4096, 0, { 5 }, 0 },
    { 2048, 1, { 2 }, UVSSH_EKEX },        /* even */
    { 2048, 9, { 2 }, UVSSH_EKEX },        /* another number */
    { 2048, 0, { 1 }, UVSSH_EKEX },
    { 2048, 0, { 0 }, UVSSH_EMESSAGE },    /* 0 is empty */
    { 2048, 0, { 0x80 }, UVSSH_EMESSAGE }  /* negative */
  };
  uint8_t p_bytes[513];
  struct dh_group group;
  struct buf* m;
  unsigned i;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    struct peer* p = server_at_group();
    NOTE("row %u", i);
    group = uvssh__dh_group(rows[i].bits);
    p_bytes[0] = 0;
    memcpy(p_bytes + 1, group.p.base, group.p.len);
    if (rows[i].flip != 0)
      p_bytes[1 + group.p.len - (size_t) rows[i].flip] ^= 1;
    m = peer_message(p, MSG_KEX_DH_GEX_GROUP);
    wr_str(m, p_bytes, 1 + group.p.len);
    wr_str(m, rows[i].g, 1);
    peer_send(p);
    if (rows[i].err == 0)
      peer_expect(p, MSG_KEX_DH_GEX_INIT);
    else
      peer_ended(p, rows[i].err, rows[i].err == UVSSH_EKEX ? 3 : 2);
    peer_end(p);
  }
}

/* A job is away while a group is looked at: nothing else is. */
TEST(group_is_a_job) {
  struct peer* p = server_at_group();

  p->app->pipe.jobs = JOBS_HELD;
  CHECK_EQ(uvssh__script_make_group(&p->script), 0);
  peer_send(p);
  peer_expect_nothing(p);
  CHECK_EQ(uvssh__session_wants_input(&p->side->session), 0);
  pipe_sleep(&p->app->pipe, 19999);
  CHECK_EQ(p->side->session.ending, E_RUNNING);
  pipe_release_jobs(&p->app->pipe);
  peer_expect(p, MSG_KEX_DH_GEX_INIT);
  peer_end(p);
}
