/* Compression streams: there and back in pieces of every kind, and what a peer
 * may send instead of one. RFC 4253 section 6.2, RFC 1950. */
#include "check.h"

#include <stdlib.h>
#include <zlib.h>

#include "crypto/crypto.h"

enum { MOST = 262144 };

struct stream {
  const struct compression_alg* alg;
  void* deflating;
  void* inflating;
  struct buf squeezed;
  struct buf out;
};

static void stream_open(struct stream* s) {
  memset(s, 0, sizeof(*s));
  s->alg = uvssh__compression_find(STR("zlib"));
  CHECK(s->alg != NULL);
  s->squeezed.secret = s->out.secret = 1;
  CHECK_EQ(s->alg->open(&s->deflating, 1), 0);
  CHECK_EQ(s->alg->open(&s->inflating, 0), 0);
}

static void stream_close(struct stream* s) {
  s->alg->close(s->deflating, 1);
  s->alg->close(s->inflating, 0);
  uvssh__buf_free(&s->squeezed);
  uvssh__buf_free(&s->out);
}

static int inflate_bytes(struct stream* s, const void* base, size_t len,
                         size_t most) {
  str_t in = { base, len };

  uvssh__buf_reset(&s->out);
  return s->alg->inflate(s->inflating, in, most, &s->out);
}

/* A payload in two parts, all of which comes back at once. */
static void carry(struct stream* s, const uint8_t* base, size_t head,
                  size_t body) {
  uvssh__buf_reset(&s->squeezed);
  CHECK_EQ(s->alg->deflate(s->deflating, base, head, base + head, body,
                           &s->squeezed), 0);
  CHECK_EQ(inflate_bytes(s, s->squeezed.base, s->squeezed.len, head + body), 0);
  CHECK_MEM(s->out.base, s->out.len, base, head + body);
}

TEST(zlib_names) {
  CHECK(uvssh__compression_find(STR("zlib"))->delayed == 0);
  CHECK(uvssh__compression_find(STR("zlib@openssh.com"))->delayed == 1);
  CHECK(uvssh__compression_find(STR("none"))->open == NULL);
  CHECK(uvssh__compression_find(STR("zlib@openssh")) == NULL);
  CHECK(uvssh__compression_find(STR("")) == NULL);
  CHECK_STR(uvssh__algo_default(ALGO_COMPRESSION, 0), "none");
  CHECK_STR(uvssh__algo_default(ALGO_COMPRESSION, 1), "none");
}

TEST(zlib_there_and_back) {
  static const size_t bodies[] = { 0, 1, 2, 100, 1015, 1016, 1017, 1018, 5000,
                                   32768 };
  uint8_t text[9 + 32768];
  struct stream s;
  size_t i, k, kind;

  for (kind = 0; kind < 3; kind++) {
    for (i = 0; i < sizeof(text); i++)
      text[i] = (uint8_t) (kind == 0 ? 0x61u : kind == 1 ? i / 7 : i * i * i / 77);
    stream_open(&s);
    for (k = 0; k < 3 * ARRAY_SIZE(bodies); k++) {
      NOTE("kind %zu, payload %zu", kind, k);
      carry(&s, text, 1 + k % 9, bodies[k % ARRAY_SIZE(bodies)]);
      CHECK(s.squeezed.len <= 9 + bodies[k % ARRAY_SIZE(bodies)] + 64);
    }
    stream_close(&s);
  }
}

/* What may come out is bounded before it does. */
TEST(zlib_bomb) {
  static uint8_t zeros[1000000];
  struct stream s;
  size_t most;

  for (most = MOST - 1; most <= MOST + 1; most++) {
    stream_open(&s);
    CHECK_EQ(s.alg->deflate(s.deflating, zeros, MOST, NULL, 0, &s.squeezed), 0);
    CHECK(s.squeezed.len < 1000);
    CHECK_EQ(inflate_bytes(&s, s.squeezed.base, s.squeezed.len, most),
             most < MOST ? UVSSH_ECOMPRESSION : 0);
    CHECK(s.out.len <= most + 1);
    CHECK(s.out.cap <= 4 * MOST);
    stream_close(&s);
  }
  stream_open(&s);
  CHECK_EQ(s.alg->deflate(s.deflating, zeros, sizeof(zeros), NULL, 0,
                          &s.squeezed), 0);
  CHECK_EQ(inflate_bytes(&s, s.squeezed.base, s.squeezed.len, 100),
           UVSSH_ECOMPRESSION);
  CHECK(s.out.cap <= 2048);
  stream_close(&s);
}

TEST(zlib_garbage) {
  static const struct {
    const char* bytes;
    size_t len;
    int err;
  } rows[] = {
    { "\x78\x9c", 2, 0 },                       /* only a header: no message */
    { "\x78", 1, 0 },
    { "\x78\x9d", 2, UVSSH_ECOMPRESSION },      /* its check is wrong */
    { "\x00\x00", 2, UVSSH_ECOMPRESSION },
    { "\xff\xff\xff\xff", 4, UVSSH_ECOMPRESSION },
    { "\x79\xbb\0\0\0\1", 6, UVSSH_ECOMPRESSION },  /* a dictionary */
    { "\x78\x9c\x07", 3, UVSSH_ECOMPRESSION },  /* a block of no kind */
    { "\x78\x9c\x00\x01\x00\x00\x00", 7, UVSSH_ECOMPRESSION },  /* length */
    { "\x78\x9c\x03\x00\x00\x00\x00\x01", 8, UVSSH_ECOMPRESSION },  /* ends */
  };
  struct stream s;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    NOTE("row %zu", i);
    stream_open(&s);
    CHECK_EQ(inflate_bytes(&s, rows[i].bytes, rows[i].len, MOST), rows[i].err);
    CHECK_EQ(s.out.len, 0);
    stream_close(&s);
  }
}

/* A stream that ends: nothing could follow it, so it must not. */
TEST(zlib_end) {
  uint8_t ended[100];
  uLongf len = sizeof(ended);
  struct stream s;

  CHECK_EQ(compress(ended, &len, (const Bytef*) "a message", 9), Z_OK);
  stream_open(&s);
  CHECK_EQ(inflate_bytes(&s, ended, len, MOST), UVSSH_ECOMPRESSION);
  stream_close(&s);
}

TEST(zlib_cut_and_flipped) {
  uint8_t text[2000], wrong[3000];
  struct stream s;
  size_t i, n;
  int err;

  for (i = 0; i < sizeof(text); i++)
    text[i] = (uint8_t) (i * i / 100);
  for (i = 0; i < 400; i++) {
    NOTE("%zu", i);
    stream_open(&s);
    CHECK_EQ(s.alg->deflate(s.deflating, text, sizeof(text), NULL, 0,
                            &s.squeezed), 0);
    n = s.squeezed.len;
    CHECK(n < sizeof(wrong));
    memcpy(wrong, s.squeezed.base, n);
    if (i % 2 == 0)
      n = n * i / 400;             /* cut: less comes out, and that is all */
    else
      wrong[n * i / 400] ^= (uint8_t) (1 << i % 8);
    err = inflate_bytes(&s, wrong, n, MOST);
    CHECK(err == 0 || (err == UVSSH_ECOMPRESSION && i % 2 != 0));
    if (i % 2 == 0)
      CHECK_MEM(s.out.base, s.out.len, text, s.out.len);
    stream_close(&s);
  }
}

TEST(zlib_out_of_memory) {
  uint8_t text[5000] = { 1 };

  HEAP_SWEEP(n) {
    const struct compression_alg* alg = uvssh__compression_find(STR("zlib"));
    struct buf out = { .secret = 1 };
    struct buf back = { .secret = 1 };
    void* deflating = NULL;
    void* inflating = NULL;
    str_t in;
    int err = alg->open(&deflating, 1);

    if (err == 0)
      err = alg->open(&inflating, 0);
    if (err == 0)
      err = alg->deflate(deflating, text, sizeof(text), NULL, 0, &out);
    in = str_of_buf(&out);
    if (err == 0)
      err = alg->inflate(inflating, in, sizeof(text), &back);
    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    if (deflating != NULL)
      alg->close(deflating, 1);
    if (inflating != NULL)
      alg->close(inflating, 0);
    uvssh__buf_free(&out);
    uvssh__buf_free(&back);
  }
}

static size_t freed_blocks;
static size_t freed_set;

static void look_at_freed(const void* base, size_t size) {
  const uint8_t* p = base;
  size_t i;

  freed_blocks += 1;
  for (i = 0; i < size; i++)
    freed_set += p[i] != 0;
}

/* What was said lies in its memory: it is wiped. (What a buffer has more than
 * it asked for was never written to, and is zero in fresh memory only.) */
TEST(zlib_wiped) {
  uint8_t text[1000];
  struct stream s;

  memset(text, 0x5a, sizeof(text));
  stream_open(&s);
  carry(&s, text, 9, sizeof(text) - 9);
  freed_blocks = freed_set = 0;
  heap_on_free(look_at_freed);
  s.alg->close(s.deflating, 1);
  s.alg->close(s.inflating, 0);
  heap_on_free(NULL);
  uvssh__buf_free(&s.squeezed);
  uvssh__buf_free(&s.out);
  CHECK(freed_blocks >= 8);
  CHECK_EQ(freed_set, 0);
}
