/* The methods that are jobs: NIST's curves, fixed groups, a group exchange.
 * Both sides agree; whatever is no public value is refused; so is what is no group;
 * no secret stays behind. Lessons 64 to 66. */
#include "check.h"

#include "crypto/crypto.h"

enum { PUBLIC_MAX = 1100 };

static const struct method {
  const struct kex_alg* kex;
  uint32_t bits;                   /* of a prime; 0: a curve */
  size_t size;                     /* of a curve's point */
} methods[] = {
  { &uvssh__ecdh_nistp256, 0, 65 },
  { &uvssh__ecdh_nistp384, 0, 97 },
  { &uvssh__ecdh_nistp521, 0, 133 },
  { &uvssh__dh_modp2048, 2048, 0 },
  { &uvssh__dh_modp4096, 4096, 0 },
  { &uvssh__dh_gex, 2048, 0 }
};

struct exchange {
  struct buf group, secret, client, server, k_client, k_server;
};

static void begin(const struct method* m, struct exchange* x) {
  memset(x, 0, sizeof(*x));
  NOTE("%s", m->kex->name);
  if (m->kex->group_exchange)
    CHECK_EQ(uvssh__gex_choose(m->bits, m->bits, m->bits, &x->group), 0);
}

static int play(const struct kex_alg* kex, struct exchange* x) {
  str_t group = str_of_buf(&x->group);
  int err = kex->start(group, &x->secret, &x->client);

  if (err == 0)
    err = kex->respond(group, str_of_buf(&x->client), &x->server, &x->k_server);
  if (err == 0)
    err = kex->finish(group, str_of_buf(&x->secret), str_of_buf(&x->server),
                      &x->k_client);
  return err;
}

static void drop(struct exchange* x) {
  uvssh__buf_free(&x->group);
  uvssh__buf_free(&x->secret);
  uvssh__buf_free(&x->client);
  uvssh__buf_free(&x->server);
  uvssh__buf_free(&x->k_client);
  uvssh__buf_free(&x->k_server);
}

TEST(kex_heavy_agrees) {
  struct exchange x, y;
  size_t i, round;
  rd_t r;

  CHECK_EQ(uvssh__crypto_init(), 0);
  for (i = 0; i < ARRAY_SIZE(methods); i++) {
    begin(&methods[i], &y);
    CHECK_EQ(play(methods[i].kex, &y), 0);
    for (round = 0; round < 6; round++) {
      begin(&methods[i], &x);
      CHECK_EQ(play(methods[i].kex, &x), 0);
      CHECK(x.secret.secret && x.k_client.secret && x.k_server.secret);
      CHECK_MEM(x.k_client.base, x.k_client.len, x.k_server.base,
                x.k_server.len);
      r = rd_of(x.k_client.base, x.k_client.len);
      CHECK(uvssh__rd_mpint(&r).len != 0);
      CHECK_EQ(rd_end(&r), 0);
      CHECK(!str_eq(str_of_buf(&x.client), str_of_buf(&y.client)));
      CHECK(!str_eq(str_of_buf(&x.server), str_of_buf(&y.server)));
      drop(&x);
    }
    drop(&y);
  }
}

TEST(kex_heavy_costs_and_names) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(methods); i++) {
    CHECK_EQ(methods[i].kex->cost, COST_HEAVY);
    CHECK_EQ(methods[i].kex->start_cost, COST_HEAVY);
    CHECK_EQ(methods[i].kex->modular, methods[i].bits != 0);
    CHECK_EQ(methods[i].kex->post_quantum, 0);
    CHECK(uvssh__kex_find(str_of(methods[i].kex->name)) == methods[i].kex);
    CHECK_EQ(uvssh__namelist_has(str_of(uvssh__algo_default(ALGO_KEX, 1)),
                                 str_of(methods[i].kex->name)),
             !methods[i].kex->modular);
    CHECK(uvssh__namelist_has(str_of(uvssh__algo_default(ALGO_KEX, 0)),
                              str_of(methods[i].kex->name)));
  }
}

/* ---- what is no public value --------------------------------------------- */

/* x: that has started. */
static void refused(const struct method* m, const struct exchange* x,
                    const uint8_t* p, size_t len) {
  struct buf server = { 0 }, k_server = { 0 }, k_client = { 0 };
  str_t group = str_of_buf(&x->group);
  str_t peer = { p, len };

  CHECK_EQ(m->kex->respond(group, peer, &server, &k_server), UVSSH_EKEX);
  CHECK_EQ(m->kex->finish(group, str_of_buf(&x->secret), peer, &k_client),
           UVSSH_EKEX);
  CHECK_EQ(k_client.len, 0);
  CHECK_EQ(k_server.len, 0);
  CHECK_EQ(server.len, 0);         /* nothing was made for it */
  uvssh__buf_free(&server);
  uvssh__buf_free(&k_server);
  uvssh__buf_free(&k_client);
}

static void refused_points(const struct method* m, const struct exchange* x) {
  uint8_t p[200] = { 0 };
  size_t i, len;

  memcpy(p, x->client.base, m->size);
  for (len = 0; len <= m->size + 4; len++)
    if (len != m->size)
      refused(m, x, p, len);
  for (i = 0; i < 256; i++) {      /* compressed and hybrid ones, too */
    p[0] = (uint8_t) i;
    if (i != 4)
      refused(m, x, p, m->size);
  }
  p[0] = (uint8_t) (2 + (p[m->size - 1] & 1));
  refused(m, x, p, 1 + m->size / 2);
  p[0] = 4;
  for (i = 1; i < m->size; i += 3) {
    p[i] ^= 1;                     /* off the curve */
    refused(m, x, p, m->size);
    p[i] ^= 1;
  }
  memset(p + 1, 0, m->size - 1);
  refused(m, x, p, m->size);
  memset(p + 1, 0xff, m->size - 1);  /* above the field */
  refused(m, x, p, m->size);
}

/* p plus d, behind a zero byte; times two in the last case. */
static size_t near_p(const struct method* m, int d, uint8_t* out) {
  str_t p = uvssh__dh_group(m->bits).p;
  size_t i = p.len;
  int carry = d;

  out[0] = 0;
  memcpy(out + 1, p.base, p.len);
  for (; carry != 0; i--) {
    carry += out[i];
    out[i] = (uint8_t) carry;
    carry >>= 8;
  }
  return p.len + 1;
}

static void refused_numbers(const struct method* m, const struct exchange* x) {
  static const uint8_t small[][4] = {
    { 1, 0 }, { 1, 1 },            /* 0 that is not empty; 1 */
    { 2, 0, 2 }, { 2, 0x80, 0 },   /* not the shortest form; negative */
    { 1, 2 }, { 1, 4 }, { 1, 7 },  /* 1 to 3 bits are set */
    { 3, 0, 0x7f, 0xff }, { 1, 0xff }
  };
  static const int offsets[] = { -1, 0, 1, 2, 1000 };
  uint8_t big[PUBLIC_MAX] = { 0 };
  size_t i, len;

  refused(m, x, big, 0);
  for (i = 0; i < ARRAY_SIZE(small); i++)
    refused(m, x, small[i] + 1, small[i][0]);
  for (i = 0; i < ARRAY_SIZE(offsets); i++) {
    NOTE("%s, p + %d", m->kex->name, offsets[i]);
    len = near_p(m, offsets[i], big);
    refused(m, x, big, len);
  }
  memset(big, 0x5a, sizeof(big));  /* longer than p */
  refused(m, x, big, m->bits / 8 + 1);
  refused(m, x, big, sizeof(big));
  memset(big, 0, m->bits / 8);     /* 2^(n - 1) */
  big[0] = 0x40;
  refused(m, x, big, m->bits / 8);
  len = near_p(m, -2, big);
  refused(m, x, big + 1, len - 1);    /* without its zero: negative */
}

TEST(lesson_64_what_is_no_public_value) {
  const struct method* m = methods;
  struct exchange x;

  for (; m < methods + ARRAY_SIZE(methods); m++) {
    begin(m, &x);
    CHECK_EQ(m->kex->start(str_of_buf(&x.group), &x.secret, &x.client), 0);
    if (m->bits == 0)
      refused_points(m, &x);
    else
      refused_numbers(m, &x);
    drop(&x);
  }
}

/* The edges that are inside. */
TEST(lesson_64_the_largest_public_value) {
  uint8_t big[PUBLIC_MAX] = { 0 };
  struct exchange x;
  size_t len;

  begin(&methods[3], &x);
  len = near_p(&methods[3], -2, big);
  CHECK_EQ(methods[3].kex->respond(STR(""), (str_t) { big, len }, &x.server,
                                   &x.k_server), 0);
  drop(&x);
}

/* ---- exponents ----------------------------------------------------------- */

/* CVE-2016-0739, CVE-2016-0787: bits were taken for bytes. */
TEST(lesson_66_exponents_are_long) {
  struct exchange x;
  unsigned set[64 * 8] = { 0 };
  unsigned round, rounds = 100;
  size_t i;

  for (round = 0; round < rounds; round++) {
    begin(&methods[3], &x);
    CHECK_EQ(methods[3].kex->start(STR(""), &x.secret, &x.client), 0);
    CHECK_EQ(x.secret.len, 64);
    for (i = 0; i < 512; i++)
      set[i] += x.secret.base[i / 8] >> (7 - i % 8) & 1;
    drop(&x);
  }
  CHECK_EQ(set[0], rounds);        /* always as long as it can be */
  for (i = 1; i < 512; i++)        /* 1 in 10^20 */
    CHECK(set[i] > 5 && set[i] < rounds - 5);
}

/* ---- groups -------------------------------------------------------------- */

TEST(gex_choice) {
  static const struct {
    uint32_t min, wish, max, bits; /* bits 0: there is none */
  } rows[] = {
    { 2048, 2048, 8192, 2048 }, { 2048, 2049, 8192, 3072 },
    { 1024, 1024, 8192, 2048 }, { 0, 0, UINT32_MAX, 2048 },
    { 2048, 3072, 8192, 3072 }, { 2048, 4096, 8192, 4096 },
    { 2048, 5000, 8192, 6144 }, { 2048, 7680, 8192, 8192 },
    { 2048, 8192, 8192, 8192 }, { 2048, 10000, 16384, 8192 },
    { 2048, 3500, 3800, 3072 }, { 3072, 3072, 3072, 3072 },
    { 3073, 3500, 4095, 0 }, { 8193, 9000, 10000, 0 }, { 512, 1024, 2047, 0 },
    { 3000, 2048, 8192, 0 }, { 2048, 4096, 3072, 0 }, { 8192, 4096, 2048, 0 },
    { UINT32_MAX, UINT32_MAX, UINT32_MAX, 0 }
  };
  struct dh_group group;
  size_t i;
  int err;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    struct buf text = { 0 };
    NOTE("row %zu", i);
    err = uvssh__gex_choose(rows[i].min, rows[i].wish, rows[i].max, &text);
    CHECK_EQ(err, rows[i].bits != 0 ? 0 : UVSSH_EKEX);
    if (err == 0) {
      CHECK_EQ(uvssh__dh_group_read(str_of_buf(&text), &group), 0);
      CHECK_EQ(group.p.len * 8, rows[i].bits);
      CHECK_EQ(uvssh__gex_check(str_of_buf(&text), rows[i].min, rows[i].max),
               0);
    }
    uvssh__buf_free(&text);
  }
}

/* All of 2048 bits. */
static const char safe_prime[] =  /* nobody's: out of a list of random ones */
    "e98f2a209ba9f4c8c1ffb02490e599a99fbe28f6a053e240a4bd5fede80b23fea8a1"
    "476e9ef6605a4b4b41cc74cb945c7e168a91db112424480a85cbf5853234b9b1f60f"
    "030d38f678ba80ae1461f716c463d7396151eb5f037cc88690feef8d16a1b67f56c1"
    "1874db5aa3d541beff390077c79c86434edbc2b46821d2ae5d2fa4fff1b086b07669"
    "b09498ea11b0fe26c773f79aca044e085e0ba43bbe1ebe954aa1ec7a465a3232699e"
    "54958b1760ab7a04d9627ec1810970706c96b58bf84999ebed8846d8b384cb945bf7"
    "82141b1be2b7c0e04d531a2334db41bbfd1bea428c5fd22f50babdbdfcc5b848f64c"
    "ba8d039636311f8d844dfffbd77a429a9923";
static const char prime[] =       /* (p - 1) / 2 is none */
    "efce87e436d28a101e0489e7bd3bc0c44abeed8f483dd1d06b28df394afe3aaf1127"
    "6e856293994ee06c328520917e17d9c1ef4db30b76ed5cb498f6881f37f8742e1a72"
    "c8cd6f2f58c80e0ab6d82a836f853d3ac9e745e39674b6f23df74b21337c8f1a5734"
    "fe9e659a191d07f4d6921de0c26a731830b7a03929b168c0e985f185956bdfa2c9a6"
    "0d7dc1d5a9e1586d74270fd83f3197ac202df7d4155db04566b72175aaf3057be8ac"
    "90151760890101b70e9bc0bc2acceec6413912cb38ba351645b8296ffc0d2e0b50da"
    "e13ea41666e761c659584d6517c64da31b447b557156dc2b28dbd6a18a569b81d0b9"
    "a347ce6efee17779ca78ada81dd8c5888861";
static const char half[] =        /* (p - 1) / 2 is prime, p is not */
    "e4e2031668246bf855a02670f96e630e4407a60e2fff661541f9f0d0d9f0d5e249bd"
    "a08aac39108856f45b80f405df947ee9aff9ae63c2cc12986853cbaa4b531e7aebb1"
    "992af17554973455a6dff91fec0426bfb303c1b0e51694eae3cd57c9d9f0f32ba182"
    "9753ed66785da29bf2eac94b271ba34f63505a5b4a4376143f74851b780eee8dce6c"
    "8a62bb53de4f7ccf4f40f351f89d9b52e20366023ef05cda9ef990f101dc87625bc1"
    "0f9bd73f2fd75495a73132bf8230558cdea2f2d0d600b5feef646714ca39e467a184"
    "7b784538ff2612716844f8ee80fac12e314f4b53ea2a12ff8f24e7db0fa5bc49f382"
    "7d7f560ce5fb96a7252bd17204df043a1497";

static size_t digits(const char* text, uint8_t* out) {
  size_t i;

  out[0] = 0;
  for (i = 0; text[2 * i] != '\0'; i++) {
    unsigned high = (unsigned char) text[2 * i];
    unsigned low = (unsigned char) text[2 * i + 1];
    out[i + 1] = (uint8_t) ((high > '9' ? high - 'a' + 10 : high - '0') << 4 |
                            (low > '9' ? low - 'a' + 10 : low - '0'));
  }
  return i + 1;
}

static int check(const uint8_t* p, size_t p_len, const uint8_t* g,
                 size_t g_len) {
  struct buf text = { 0 };
  int err;

  wr_str(&text, p, p_len);
  wr_str(&text, g, g_len);
  err = uvssh__gex_check(str_of_buf(&text), 2048, 8192);
  uvssh__buf_free(&text);
  return err;
}

TEST(lesson_65_what_is_no_group) {
  static const uint8_t gs[][3] = {
    { 1, 2 }, { 1, 3 }, { 1, 5 }, { 2, 0x12, 0x34 },
    { 0 }, { 1, 1 },               /* 0; 1 */
    { 1, 0 }, { 2, 0, 2 }, { 1, 0x80 }  /* other forms; negative */
  };
  uint8_t p[PUBLIC_MAX], g[PUBLIC_MAX];
  size_t len = digits(safe_prime, p);
  size_t i;

  for (i = 0; i < ARRAY_SIZE(gs); i++) {
    NOTE("g %zu", i);
    CHECK_EQ(check(p, len, gs[i] + 1, gs[i][0]), i < 4 ? 0 : UVSSH_EKEX);
  }
  memcpy(g, p, len);
  CHECK_EQ(check(p, len, g, len), UVSSH_EKEX);        /* p */
  g[len - 1]--;
  CHECK_EQ(check(p, len, g, len), UVSSH_EKEX);        /* p - 1 */
  g[len - 1]--;
  CHECK_EQ(check(p, len, g, len), 0);                 /* p - 2 */
  p[len - 1]--;
  CHECK_EQ(check(p, len, gs[0] + 1, 1), UVSSH_EKEX);  /* even */
  p[len - 1] = (uint8_t) (p[len - 1] + 3);
  CHECK_EQ(check(p, len, gs[0] + 1, 1), UVSSH_EKEX);  /* p + 2 */
  (void) digits(prime, p);
  CHECK_EQ(check(p, len, gs[0] + 1, 1), UVSSH_EKEX);
  (void) digits(half, p);
  CHECK_EQ(check(p, len, gs[0] + 1, 1), UVSSH_EKEX);
  CHECK_EQ(check(p + 1, len - 1, gs[0] + 1, 1), UVSSH_EKEX);  /* negative */
  memset(p, 0, sizeof(p));
  CHECK_EQ(check(p, 0, gs[0] + 1, 1), UVSSH_EKEX);
}

TEST(lesson_65_sizes_of_a_group) {
  struct buf text = { 0 };
  uint8_t p[PUBLIC_MAX];

  CHECK_EQ(uvssh__gex_choose(2048, 2048, 2048, &text), 0);
  CHECK_EQ(uvssh__gex_check(str_of_buf(&text), 2048, 2048), 0);
  CHECK_EQ(uvssh__gex_check(str_of_buf(&text), 2049, 8192), UVSSH_EKEX);
  CHECK_EQ(uvssh__gex_check(str_of_buf(&text), 1024, 2047), UVSSH_EKEX);
  wr_u8(&text, 0);
  CHECK_EQ(uvssh__gex_check(str_of_buf(&text), 2048, 2048), UVSSH_EKEX);
  CHECK_EQ(uvssh__gex_check(STR(""), 0, 8192), UVSSH_EKEX);
  uvssh__buf_free(&text);
  memset(p, 0xff, sizeof(p));
  p[0] = 0x7f;                     /* 2047 bits, 8199 bits */
  CHECK_EQ(check(p, 256, (const uint8_t*) "\2", 1), UVSSH_EKEX);
  CHECK_EQ(check(p, 1025, (const uint8_t*) "\2", 1), UVSSH_EKEX);
  p[0] = 1;                        /* 8193 bits */
  CHECK_EQ(check(p, 1025, (const uint8_t*) "\2", 1), UVSSH_EKEX);
}

/* ---- memory -------------------------------------------------------------- */

TEST(kex_heavy_out_of_memory) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(methods); i++) {
    HEAP_SWEEP(n) {
      struct exchange x = { 0 };
      int err = methods[i].kex->group_exchange
                    ? uvssh__gex_choose(2048, 2048, 2048, &x.group)
                    : 0;
      if (err == 0)
        err = play(methods[i].kex, &x);
      CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
      drop(&x);
    }
  }
}

static struct buf watched[2];      /* the secret, K */
static int shown;

static void look(const void* base, size_t size) {
  const uint8_t* p = base;
  size_t i, k;

  for (k = 0; k < 2; k++)
    for (i = 0; i + 16 <= size; i++)
      if (memcmp(p + i, watched[k].base + 8, 16) == 0)
        shown = 1;
}

TEST(kex_heavy_wiped) {
  struct exchange x;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(methods); i++) {
    begin(&methods[i], &x);
    CHECK_EQ(play(methods[i].kex, &x), 0);
    uvssh__buf_put(&watched[0], x.secret.base, x.secret.len);
    uvssh__buf_put(&watched[1], x.k_client.base, x.k_client.len);
    shown = 0;
    heap_on_free(look);
    drop(&x);
    heap_on_free(NULL);
    CHECK(!shown);
    uvssh__buf_free(&watched[0]);
    uvssh__buf_free(&watched[1]);
  }
}
