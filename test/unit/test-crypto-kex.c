/* curve25519-sha256: both sides agree; whatever is no public value is refused;
 * no secret stays behind.
 */
#include "check.h"

#include "crypto/crypto.h"

static const struct kex_alg* const methods[] = {
  &uvssh__curve25519, &uvssh__curve25519_libssh
};

struct exchange {
  uint8_t secret[KEX_SECRET_MAX];
  struct buf client, server, k_client, k_server;
};

static int play(const struct kex_alg* kex, struct exchange* x) {
  int err = kex->start(x->secret, &x->client);
  if (err == 0)
    err = kex->respond(str_of_buf(&x->client), &x->server, &x->k_server);
  if (err == 0)
    err = kex->finish(x->secret, str_of_buf(&x->server), &x->k_client);
  return err;
}

static void drop(struct exchange* x) {
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
      CHECK_EQ(play(methods[i], &x), 0);
      CHECK_EQ(x.client.len, 32);
      CHECK_EQ(x.server.len, 32);
      CHECK(x.k_client.secret && x.k_server.secret);
      CHECK_MEM(x.k_client.base, x.k_client.len, x.k_server.base,
                x.k_server.len);
      r = rd_of(x.k_client.base, x.k_client.len);
      CHECK(uvssh__rd_mpint(&r).len <= 32);
      CHECK_EQ(rd_end(&r), 0);
      drop(&x);
    }
  }
}

TEST(kex_fresh_every_time) {
  struct exchange x = { 0 }, y = { 0 };

  CHECK_EQ(play(methods[0], &x), 0);
  CHECK_EQ(play(methods[0], &y), 0);
  CHECK(memcmp(x.client.base, y.client.base, 32) != 0);
  CHECK(memcmp(x.server.base, y.server.base, 32) != 0);
  drop(&x);
  drop(&y);
}

static void refused(const struct kex_alg* kex, const uint8_t* p, size_t len) {
  struct exchange x = { 0 };
  str_t peer = { p, len };

  CHECK_EQ(kex->start(x.secret, &x.client), 0);
  CHECK_EQ(kex->respond(peer, &x.server, &x.k_server), UVSSH_EKEX);
  CHECK_EQ(kex->finish(x.secret, peer, &x.k_client), UVSSH_EKEX);
  CHECK_EQ(x.k_client.len, 0);
  CHECK_EQ(x.k_server.len, 0);
  drop(&x);
}

TEST(kex_wrong_length) {
  uint8_t p[64] = { 9 };
  size_t len;

  for (len = 0; len <= sizeof(p); len++) {
    NOTE("%zu bytes", len);
    if (len != 32)
      refused(methods[0], p, len);
  }
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
  size_t i;

  for (i = 0; i < ARRAY_SIZE(points); i++) {
    uint8_t high[32];
    NOTE("point %zu", i);
    refused(methods[0], points[i], 32);
    memcpy(high, points[i], 32);   /* the highest bit is masked */
    high[31] |= 0x80;
    refused(methods[0], high, 32);
  }
}

TEST(kex_out_of_memory) {
  HEAP_SWEEP(n) {
    struct exchange x = { 0 };
    int err = play(methods[0], &x);
    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    drop(&x);
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
  struct exchange x = { 0 };

  CHECK_EQ(play(methods[0], &x), 0);
  uvssh__buf_put(&watched, x.k_client.base, x.k_client.len);
  CHECK(watched.len >= 24);
  shown = 0;
  heap_on_free(look_for_k);
  drop(&x);
  heap_on_free(NULL);
  CHECK(!shown);
  uvssh__buf_free(&watched);
}
