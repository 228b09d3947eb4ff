/* buf.c: bytes that grow.
 *
 * Good way: reserve() gives room behind len, the caller fills it and adds to
 * len; put() does both. The capacity doubles, so n bytes cost O(n).
 * Out of memory, or a size that no size_t holds: `bad` is set, and from then
 * on nothing is added. Only free() clears it: reset() must not turn a result
 * with a hole into one that looks whole.
 *
 * Never: realloc() of a secret (it would leave the old bytes behind).
 */
#include "base/base.h"

#include <assert.h>

#define CAP_MIN 64

static void buf_drop(struct buf* b) {
  if (b->secret)
    uvssh__free_secret(b->base, b->cap);
  else
    uvssh__free(b->base);
}

/* cap is at least len */
static uint8_t* buf_move(struct buf* b, size_t cap) {
  uint8_t* base;

  if (!b->secret)
    return uvssh__realloc(b->base, cap);

  base = uvssh__malloc(cap);
  if (base == NULL)
    return NULL;
  if (b->base != NULL)
    memcpy(base, b->base, b->len);
  buf_drop(b);
  return base;
}

static size_t buf_next_cap(const struct buf* b, size_t need) {
  size_t cap = b->cap < CAP_MIN ? CAP_MIN : b->cap;

  while (cap < need) {
    if (cap > SIZE_MAX / 2)
      return need;
    cap *= 2;
  }
  return cap;
}

uint8_t* uvssh__buf_reserve(struct buf* b, size_t n) {
  uint8_t* base;
  size_t cap;

  if (b->bad)
    return NULL;
  if (b->base != NULL && n <= b->cap - b->len)
    return b->base + b->len;
  if (n > SIZE_MAX - b->len) {
    b->bad = 1;
    return NULL;
  }

  cap = buf_next_cap(b, b->len + n);
  base = buf_move(b, cap);
  if (base == NULL) {
    b->bad = 1;
    return NULL;
  }
  b->base = base;
  b->cap = cap;
  return base + b->len;
}

void uvssh__buf_put(struct buf* b, const void* base, size_t n) {
  uint8_t* p;

  if (n == 0)
    return;
  p = uvssh__buf_reserve(b, n);
  if (p == NULL)
    return;
  memcpy(p, base, n);
  b->len += n;
}

void uvssh__buf_shift(struct buf* b, size_t n) {
  assert(n <= b->len);
  if (n == 0)
    return;
  b->len -= n;
  if (b->len != 0)
    memmove(b->base, b->base + n, b->len);
  if (b->secret)
    uvssh__wipe(b->base + b->len, n);
}

/* A secret is wiped as far as the capacity goes: what was written into a
 * reserve and then given up is a secret too. */
void uvssh__buf_reset(struct buf* b) {
  if (b->secret && b->base != NULL)
    uvssh__wipe(b->base, b->cap);
  b->len = 0;
}

/* `secret` is what the buffer is for, so it outlives the contents. */
void uvssh__buf_free(struct buf* b) {
  buf_drop(b);
  b->base = NULL;
  b->len = 0;
  b->cap = 0;
  b->bad = 0;
}
