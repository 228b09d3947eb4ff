/* Growing, shifting, running out of memory, wiping; and the list. */
#include "check.h"

#include "base/base.h"

static void fill(struct buf* b, size_t n) {
  size_t i;
  for (i = 0; i < n; i++) {
    uint8_t c = (uint8_t) (i * 7);
    uvssh__buf_put(b, &c, 1);
  }
}

static int is_filled(const struct buf* b, size_t from, size_t n) {
  size_t i;
  if (b->len != n)
    return 0;
  for (i = 0; i < n; i++) {
    if (b->base[i] != (uint8_t) ((from + i) * 7))
      return 0;
  }
  return 1;
}

TEST(buf_grows_by_factors) {
  struct buf b = { 0 };
  heap_fail_at(0);
  fill(&b, 100000);
  CHECK(!b.bad);
  CHECK(is_filled(&b, 0, 100000));
  CHECK(heap_count() < 20);
  CHECK(b.cap >= b.len);
  uvssh__buf_free(&b);
  CHECK(b.base == NULL);
  CHECK_EQ(b.len, 0);
  CHECK_EQ(b.cap, 0);
  uvssh__buf_free(&b);
}

TEST(buf_put_nothing) {
  struct buf b = { 0 };
  uvssh__buf_put(&b, NULL, 0);
  CHECK(b.base == NULL);
  CHECK(uvssh__buf_reserve(&b, 0) != NULL);
  CHECK_EQ(b.len, 0);
  uvssh__buf_free(&b);
}

TEST(buf_reserve_stays_until_it_must_move) {
  struct buf b = { 0 };
  uint8_t* p = uvssh__buf_reserve(&b, 1000);
  CHECK(p == b.base);
  CHECK(b.cap >= 1000);
  b.len = 10;
  CHECK(uvssh__buf_reserve(&b, b.cap - 10) == p + 10);
  CHECK_EQ(b.len, 10);
  uvssh__buf_free(&b);
}

TEST(buf_shift) {
  struct buf b = { 0 };
  size_t left = 1000;
  size_t n;

  fill(&b, left);
  uvssh__buf_shift(&b, 0);
  CHECK(is_filled(&b, 0, left));
  for (n = 1; n <= left; n++) {
    uvssh__buf_shift(&b, n);
    left -= n;
    CHECK(is_filled(&b, 1000 - left, left));
  }
  uvssh__buf_shift(&b, left);
  CHECK_EQ(b.len, 0);
  uvssh__buf_free(&b);

  uvssh__buf_shift(&b, 0);         /* of one without memory */
}

TEST(buf_reset_keeps_memory) {
  struct buf b = { 0 };
  fill(&b, 500);
  size_t cap = b.cap;
  uint8_t* base = b.base;
  uvssh__buf_reset(&b);
  CHECK_EQ(b.len, 0);
  CHECK_EQ(b.cap, cap);
  CHECK(b.base == base);
  uvssh__buf_free(&b);

  uvssh__buf_reset(&b);            /* of one without memory */
  CHECK(b.base == NULL);
}

/* ---- out of memory ------------------------------------------------------- */

static void sweep(int secret) {
  HEAP_SWEEP(n) {
    struct buf b = { 0 };
    b.secret = secret;
    fill(&b, 3000);
    CHECK_EQ(b.bad, heap_failed());
    if (!b.bad)
      CHECK_EQ(b.len, 3000);
    CHECK(is_filled(&b, 0, b.len));       /* no hole, nothing after it */
    uvssh__buf_free(&b);
    CHECK_EQ(b.bad, 0);
  }
}

TEST(buf_out_of_memory) {
  sweep(0);
}

TEST(buf_out_of_memory_secret) {
  sweep(1);
}

TEST(buf_bad_is_sticky) {
  struct buf b = { 0 };
  uvssh__buf_put(&b, "abc", 3);
  heap_fail_at(1);
  CHECK(uvssh__buf_reserve(&b, 1000) == NULL);
  CHECK_EQ(b.bad, 1);
  uvssh__buf_put(&b, "d", 1);      /* there would be room */
  CHECK_MEM(b.base, b.len, "abc", 3);
  uvssh__buf_reset(&b);
  CHECK_EQ(b.bad, 1);
  CHECK(uvssh__buf_reserve(&b, 0) == NULL);
  uvssh__buf_free(&b);
  CHECK_EQ(b.bad, 0);
}

TEST(buf_size_overflow) {
  struct buf b = { 0 };
  CHECK(uvssh__buf_reserve(&b, SIZE_MAX) == NULL);
  CHECK_EQ(b.bad, 1);
  uvssh__buf_free(&b);

  uvssh__buf_put(&b, "abc", 3);
  heap_fail_at(0);
  CHECK(uvssh__buf_reserve(&b, SIZE_MAX) == NULL);
  CHECK_EQ(heap_count(), 0);       /* seen before anyone is asked */
  CHECK_EQ(b.bad, 1);
  CHECK_EQ(b.len, 3);
  b.bad = 0;
  CHECK(uvssh__buf_reserve(&b, SIZE_MAX - 3) == NULL);
  CHECK_EQ(b.len, 3);
  b.bad = 0;
  CHECK(uvssh__buf_reserve(&b, SIZE_MAX / 2 + 1) == NULL);
  CHECK_MEM(b.base, b.len, "abc", 3);
  uvssh__buf_free(&b);
}

/* ---- secrets ------------------------------------------------------------- */

static size_t let_go;
static size_t found;

static int holds_secret(const void* base, size_t size) {
  const char* p = base;
  for (; size >= 6; p++, size--) {
    if (memcmp(p, "secret", 6) == 0)
      return 1;
  }
  return 0;
}

static void look_for_secret(const void* base, size_t size) {
  let_go += 1;
  found += (size_t) holds_secret(base, size);
}

static void use_and_free(int secret) {
  struct buf b = { 0 };
  size_t i;

  let_go = found = 0;
  heap_on_free(look_for_secret);
  b.secret = secret;
  for (i = 0; i < 300; i++)
    uvssh__buf_put(&b, "secret", 6);
  memcpy(uvssh__buf_reserve(&b, 6), "secret", 6);     /* not committed */
  uvssh__buf_free(&b);
  heap_on_free(NULL);
  CHECK_EQ(b.secret, secret);      /* what it is for, it stays for */
}

TEST(buf_secret_is_wiped_on_grow_and_free) {
  use_and_free(1);
  CHECK(let_go > 2);
  CHECK_EQ(found, 0);
  use_and_free(0);                 /* the looking works */
  CHECK(found > 0);
}

TEST(buf_secret_is_wiped_on_reset) {
  struct buf b = { .secret = 1 };
  uvssh__buf_put(&b, "secret", 6);
  memcpy(uvssh__buf_reserve(&b, 6), "secret", 6);
  uvssh__buf_reset(&b);
  CHECK(!holds_secret(b.base, b.cap));
  uvssh__buf_free(&b);
}

TEST(buf_secret_is_wiped_on_shift) {
  struct buf b = { .secret = 1 };
  uvssh__buf_put(&b, "abcsecret", 9);
  uvssh__buf_shift(&b, 5);
  CHECK_MEM(b.base, b.len, "cret", 4);
  CHECK_MEM(b.base + 4, 5, "\0\0\0\0\0", 5);
  uvssh__buf_free(&b);
}

/* ---- the list ------------------------------------------------------------ */

struct item {
  int value;
  struct queue link;
};

static int sum(struct queue* q) {
  struct queue* each;
  int digits = 0;
  for (each = q->next; each != q; each = each->next)
    digits = digits * 10 + CONTAINER_OF(each, struct item, link)->value;
  return digits;
}

TEST(queue_keeps_order) {
  struct item items[5];
  struct queue q;
  struct queue other;
  int i;

  queue_init(&q);
  CHECK(queue_empty(&q));
  for (i = 0; i < 5; i++) {
    items[i].value = i + 1;
    queue_push(&q, &items[i].link);
  }
  CHECK_EQ(sum(&q), 12345);
  queue_remove(&items[2].link);
  CHECK_EQ(sum(&q), 1245);
  queue_remove(&items[2].link);    /* twice is harmless */
  CHECK_EQ(sum(&q), 1245);
  queue_remove(&items[0].link);
  queue_remove(&items[4].link);
  CHECK_EQ(sum(&q), 24);

  queue_move(&q, &other);
  CHECK(queue_empty(&q));
  CHECK_EQ(sum(&other), 24);
  queue_move(&q, &other);          /* nothing: the target is made empty */
  CHECK(queue_empty(&other));
}
