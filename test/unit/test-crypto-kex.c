/* curve25519-sha256, and the hybrids of it, whose values end with X25519's: both
 * sides agree; whatever is no public value is refused; no secret stays behind.
 */
#include "check.h"

#include "crypto/crypto.h"

static const struct method {
  const struct kex_alg* kex;
  size_t client;                   /* how long what it sends is */
  size_t server;
  int hybrid;                      /* K is a string, of the hash's length */
  enum cost start;
} methods[] = {
  { &uvssh__curve25519, 32, 32, 0, COST_LIGHT },
  { &uvssh__curve25519_libssh, 32, 32, 0, COST_LIGHT },
  { &uvssh__mlkem768x25519, 1184 + 32, 1088 + 32, 1, COST_LIGHT },
  { &uvssh__sntrup761x25519, 1158 + 32, 1039 + 32, 1, COST_HEAVY },
  { &uvssh__sntrup761x25519_openssh, 1158 + 32, 1039 + 32, 1, COST_HEAVY }
};

struct exchange {
  struct buf secret;
  struct buf client, server, k_client, k_server;
};

static const str_t none = { NULL, 0 };  /* of a group */

static int play(const struct kex_alg* kex, struct exchange* x) {
  int err = kex->start(none, &x->secret, &x->client);
  if (err == 0)
    err = kex->respond(none, str_of_buf(&x->client), &x->server, &x->k_server);
  if (err == 0)
    err = kex->finish(none, str_of_buf(&x->secret), str_of_buf(&x->server),
                      &x->k_client);
  return err;
}

static void drop(struct exchange* x) {
  uvssh__buf_free(&x->secret);
  uvssh__buf_free(&x->client);
  uvssh__buf_free(&x->server);
  uvssh__buf_free(&x->k_client);
  uvssh__buf_free(&x->k_server);
  memset(x, 0, sizeof(*x));
}

TEST(kex_agrees) {
  size_t i, round;

  CHECK_EQ(uvssh__crypto_init(), 0);
  for (i = 0; i < ARRAY_SIZE(methods); i++) {
    for (round = 0; round < 50; round++) {
      struct exchange x = { 0 };
      rd_t r;
      CHECK_EQ(play(methods[i].kex, &x), 0);
      CHECK_EQ(x.client.len, methods[i].client);
      CHECK_EQ(x.server.len, methods[i].server);
      CHECK(x.secret.secret && x.k_client.secret && x.k_server.secret);
      CHECK_MEM(x.k_client.base, x.k_client.len, x.k_server.base,
                x.k_server.len);
      r = rd_of(x.k_client.base, x.k_client.len);
      if (methods[i].hybrid)
        CHECK_EQ(rd_str(&r).len, methods[i].kex->hash->size);
      else
        CHECK(uvssh__rd_mpint(&r).len <= 32);
      CHECK_EQ(rd_end(&r), 0);
      drop(&x);
    }
  }
}

/* What a server does may run on the loop; a pair of keys may be too dear. */
TEST(kex_costs) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(methods); i++) {
    CHECK_EQ(methods[i].kex->cost, COST_LIGHT);
    CHECK_EQ(methods[i].kex->start_cost, methods[i].start);
    CHECK_EQ(methods[i].kex->post_quantum, methods[i].hybrid);
  }
}

TEST(kex_fresh_every_time) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(methods); i++) {
    struct exchange x = { 0 }, y = { 0 };
    CHECK_EQ(play(methods[i].kex, &x), 0);
    CHECK_EQ(play(methods[i].kex, &y), 0);
    CHECK(memcmp(x.client.base, y.client.base, 32) != 0);
    CHECK(memcmp(x.server.base, y.server.base, 32) != 0);
    CHECK(memcmp(x.client.base + x.client.len - 32,
                 y.client.base + y.client.len - 32, 32) != 0);
    CHECK(memcmp(x.server.base + x.server.len - 32,
                 y.server.base + y.server.len - 32, 32) != 0);
    drop(&x);
    drop(&y);
  }
}

/* The client's value to the server, and the server's to the client. */
static void refused(const struct kex_alg* kex, struct exchange* x,
                    str_t client, str_t server) {
  uvssh__buf_reset(&x->k_server);
  uvssh__buf_reset(&x->k_client);
  uvssh__buf_reset(&x->server);
  CHECK_EQ(kex->respond(none, client, &x->server, &x->k_server), UVSSH_EKEX);
  CHECK_EQ(kex->finish(none, str_of_buf(&x->secret), server, &x->k_client),
           UVSSH_EKEX);
  CHECK_EQ(x->k_client.len, 0);
  CHECK_EQ(x->k_server.len, 0);
}

/* Of the right bytes too few, or too many. */
TEST(kex_wrong_length) {
  uint8_t p[1500] = { 9 }, q[1500] = { 9 };
  const struct method* m;
  size_t len;

  for (m = methods; m < methods + ARRAY_SIZE(methods); m++) {
    struct exchange x = { 0 };
    CHECK_EQ(play(m->kex, &x), 0);
    memcpy(p, x.client.base, x.client.len);
    memcpy(q, x.server.base, x.server.len);
    for (len = 0; len <= m->client + 64; len++) {
      NOTE("%s, %zu bytes", m->kex->name, len);
      if (len != m->client && len != m->server)
        refused(m->kex, &x, (str_t) { p, len }, (str_t) { q, len });
    }
    refused(m->kex, &x, (str_t) { p, m->client - 1 },
            (str_t) { q, m->server + 1 });
    refused(m->kex, &x, (str_t) { p, m->client + 1 },
            (str_t) { q, m->server - 1 });
    drop(&x);
  }
}

/* Ends both values with this point. */
static void refused_point(const struct method* m, const uint8_t point[32]) {
  struct exchange x = { 0 };
  uint8_t client[1500], server[1500];

  CHECK_EQ(play(m->kex, &x), 0);
  memcpy(client, x.client.base, m->client);
  memcpy(server, x.server.base, m->server);
  memcpy(client + m->client - 32, point, 32);
  memcpy(server + m->server - 32, point, 32);
  refused(m->kex, &x, (str_t) { client, m->client },
          (str_t) { server, m->server });
  drop(&x);
}

/* The points of low order, and what is equal to them modulo p: RFC 7748
 * section 6.1, RFC 8731 section 3. */
TEST(kex_low_order) {
  static const uint8_t points[][32] = {
    { 0 },
    { 1 },
    { 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa,
      0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd,
      0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
    { 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55,
      0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86,
      0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57 },
    { 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
    { 0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
    { 0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
  };
  size_t i, k;

  for (i = 0; i < ARRAY_SIZE(methods); i++) {
    for (k = 0; k < ARRAY_SIZE(points); k++) {
      uint8_t high[32];
      NOTE("%s, point %zu", methods[i].kex->name, k);
      refused_point(&methods[i], points[k]);
      memcpy(high, points[k], 32); /* the highest bit is masked */
      high[31] |= 0x80;
      refused_point(&methods[i], high);
    }
  }
}

TEST(kex_out_of_memory) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(methods); i++) {
    HEAP_SWEEP(n) {
      struct exchange x = { 0 };
      int err = play(methods[i].kex, &x);
      CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
      drop(&x);
    }
  }
}

static struct buf watched;
static int shown;

static void look_for_k(const void* base, size_t size) {
  const uint8_t* p = base;
  size_t i;

  for (i = 0; i + 16 <= size; i++)
    if (memcmp(p + i, watched.base + 8, 16) == 0)
      shown = 1;
}

TEST(kex_k_wiped) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(methods); i++) {
    struct exchange x = { 0 };
    CHECK_EQ(play(methods[i].kex, &x), 0);
    uvssh__buf_put(&watched, x.k_client.base, x.k_client.len);
    CHECK(watched.len >= 24);
    shown = 0;
    heap_on_free(look_for_k);
    drop(&x);
    heap_on_free(NULL);
    CHECK(!shown);
    uvssh__buf_free(&watched);
  }
}
