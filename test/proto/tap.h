/* tap.h: somebody on the way between two sides of a pipe. He holds no key: he
 * puts packets in while they are in the clear, takes sealed ones out, and
 * changes KEXINIT.
 *
 *   struct tap t;
 *   tap_on(&t, a);                   after app_open()
 *   t.s2c.put_before = 3;            an IGNORE before the server's NEWKEYS
 *   t.s2c.put_count = 1;
 *   t.s2c.put = ignore;
 *   t.s2c.put_len = sizeof(ignore);
 *   t.s2c.drop = 1;                  and its first sealed packets do not come
 *   pipe_run(&a->pipe);
 *   tap_off(&t);
 */
#ifndef TAP_H
#define TAP_H

#include "app.h"

#include <stdlib.h>

enum at { AT_IDENT, AT_PACKETS, AT_SEALED };

struct road {                      /* one direction */
  struct side* s;
  enum at at;
  uint8_t* kept;                   /* the beginning of a packet */
  size_t kept_len;
  uint64_t passed;                 /* bytes that may be delivered */
  unsigned packets;                /* in the clear, so far */

  /* what he does */
  unsigned put_before;             /* 1: KEXINIT, 2: 30 or 31, 3: NEWKEYS */
  unsigned put_count;
  const void* put;                 /* its payload */
  size_t put_len;
  unsigned drop;                   /* so many first sealed writes go */
  const char* change;              /* in KEXINIT, wherever it stands ... */
  const char* into;                /* ... this, of the same length */

  size_t dropped;                  /* bytes */
};

struct tap {
  struct app* app;
  struct road c2s, s2c;
};

static inline void pass(struct road* r, const void* base, size_t len) {
  pipe_inject(r->s, base, len);
  r->passed += len;
}

/* A packet in the clear. */
static inline void put(struct road* r) {
  uint8_t packet[256] = { 0 };
  size_t padding = 4;

  while ((5 + r->put_len + padding) % 8 != 0)
    padding++;
  CHECK(5 + r->put_len + padding <= sizeof(packet));
  put_u32(packet, (uint32_t) (1 + r->put_len + padding));
  packet[4] = (uint8_t) padding;
  memcpy(packet + 5, r->put, r->put_len);
  pass(r, packet, 5 + r->put_len + padding);
}

static inline void change(const struct road* r, uint8_t* at, size_t len) {
  size_t n = strlen(r->change);
  size_t i;

  CHECK_EQ(n, strlen(r->into));
  for (i = 0; i + n <= len; i++)
    if (memcmp(at + i, r->change, n) == 0)
      memcpy(at + i, r->into, n);
}

static inline void packet(struct road* r, uint8_t* at, size_t len) {
  unsigned i;

  r->packets++;
  if (r->change != NULL && at[5] == MSG_KEXINIT)
    change(r, at, len);
  if (r->put_before == r->packets)
    for (i = 0; i < r->put_count; i++)
      put(r);
  pass(r, at, len);
  if (at[5] == MSG_NEWKEYS)
    r->at = AT_SEALED;
}

/* How much of what is here is a line or a packet; 0: not all of one. */
static inline size_t unit(const struct road* r, const uint8_t* at, size_t len) {
  const uint8_t* end;
  size_t n;

  if (r->at == AT_SEALED)
    return len;
  if (r->at == AT_IDENT) {
    end = (const uint8_t*) memchr(at, '\n', len);
    return end == NULL ? 0 : (size_t) (end - at) + 1;
  }
  if (len < 6)
    return 0;
  n = 4 + (size_t) get_u32(at);
  return len < n ? 0 : n;
}

static inline void take(struct road* r, uint8_t* at, size_t len) {
  size_t n;

  for (; len != 0 && (n = unit(r, at, len)) != 0; at += n, len -= n) {
    if (r->at == AT_IDENT) {
      pass(r, at, n);
      r->at = AT_PACKETS;
    } else if (r->at == AT_PACKETS) {
      packet(r, at, n);
    } else if (r->drop > 0) {
      r->drop--;
      r->dropped += n;
    } else {
      pass(r, at, n);
    }
  }
  free(r->kept);
  r->kept = NULL;
  r->kept_len = len;
  if (len != 0) {
    r->kept = malloc(len);
    CHECK(r->kept != NULL);
    memcpy(r->kept, at, len);
  }
}

/* What its side has written since the last step goes through his hands; only
 * what has passed them is delivered. */
static inline void look(struct road* r) {
  struct side* s = r->s;
  size_t ready = (size_t) (r->passed - s->delivered);
  size_t fresh = s->len - s->at - ready;
  uint8_t* copy;

  if (fresh != 0 && s->up) {
    copy = malloc(r->kept_len + fresh);
    CHECK(copy != NULL);
    if (r->kept_len != 0)
      memcpy(copy, r->kept, r->kept_len);
    s->len -= fresh;
    memcpy(copy + r->kept_len, s->wire + s->len, fresh);
    take(r, copy, r->kept_len + fresh);
    free(copy);
  }
  s->chunk = (size_t) (r->passed - s->delivered);
  s->stop = s->up && s->chunk == 0;
}

static inline void on_step(struct pipe* p) {
  struct tap* t = (struct tap*) CONTAINER_OF(p, struct app, pipe)->data;

  look(&t->c2s);
  look(&t->s2c);
}

static inline void tap_on(struct tap* t, struct app* a) {
  memset(t, 0, sizeof(*t));
  t->app = a;
  t->c2s.s = &a->pipe.client;
  t->s2c.s = &a->pipe.server;
  a->data = t;
  a->pipe.on_step = on_step;
}

static inline void tap_off(struct tap* t) {
  free(t->c2s.kept);
  free(t->s2c.kept);
  t->app->pipe.on_step = NULL;
}

#endif
