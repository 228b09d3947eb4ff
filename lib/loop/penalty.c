/* penalty.c: a source that keeps failing is shut out for a while.
 *
 * Happy path: a session that ends without a login adds some time to what its
 * source has gathered; once that is penalty_least_ms, connections from there
 * are closed at once, before anything is said or computed, until it is over.
 * Then it is forgotten. What an entry gathers runs off as time goes by, and
 * never exceeds penalty_most_ms.
 * The table is full: the entry that would end first goes. No memory: the
 * offence is not noted.
 *
 * Entries are in a table by source and in a heap by their ends, so each step is
 * of O(log n). They go when the next ones come.
 *
 * Never: touches who is logged in or has a connection already; tells the peer
 * anything. */
#include "loop/loop.h"

#include <assert.h>

enum { HEAP_FIRST = 16 };

struct penalty {
  struct node node;                /* first */
  uint64_t until;                  /* ms */
  unsigned at;                     /* in the heap */
  int bites;                       /* it has once been long enough */
};

void uvssh__penalties_init(struct penalties* t) {
  memset(t, 0, sizeof(*t));
  uvssh__sources_init(&t->table);
}

/* ---- the heap: who ends first stands first ------------------------------- */

static void put(struct penalties* t, struct penalty* p, unsigned at) {
  t->heap[at] = p;
  p->at = at;
  t->table.looked++;
}

static void sift_up(struct penalties* t, struct penalty* p) {
  unsigned at = p->at;

  while (at != 0 && t->heap[(at - 1) / 2]->until > p->until) {
    put(t, t->heap[(at - 1) / 2], at);
    at = (at - 1) / 2;
  }
  put(t, p, at);
}

static void sift_down(struct penalties* t, struct penalty* p) {
  unsigned count = t->table.count;
  unsigned at = p->at;
  unsigned child;

  while ((child = at * 2 + 1) < count) {
    if (child + 1 < count && t->heap[child + 1]->until < t->heap[child]->until)
      child++;
    if (t->heap[child]->until >= p->until)
      break;
    put(t, t->heap[child], at);
    at = child;
  }
  put(t, p, at);
}

static int heap_grow(struct penalties* t) {
  unsigned cap = t->cap == 0 ? HEAP_FIRST : t->cap * 2;
  struct penalty** heap;

  if (t->table.count < t->cap)
    return 0;
  heap = (struct penalty**) uvssh__realloc(t->heap, cap * sizeof(*heap));
  if (heap == NULL)
    return UV_ENOMEM;
  t->heap = heap;
  t->cap = cap;
  return 0;
}

/* There is a heap while there are entries, and only then. */
static void heap_drop_empty(struct penalties* t) {
  if (t->table.count != 0)
    return;
  uvssh__free(t->heap);
  t->heap = NULL;
  t->cap = 0;
}

/* ---- entries ------------------------------------------------------------- */

static void drop_first(struct penalties* t) {
  struct penalty* p;
  struct penalty* last;

  assert(t->heap != NULL);
  p = t->heap[0];
  last = t->heap[t->table.count - 1];
  uvssh__sources_remove(&t->table, &p->node);
  if (last != p) {
    last->at = 0;
    sift_down(t, last);
  }
  uvssh__free(p);
  heap_drop_empty(t);
}

/* Two for each that may come: so all that is over goes. */
static void forget(struct penalties* t, uint64_t now) {
  unsigned i;

  for (i = 0; i < 2; i++)
    if (t->heap != NULL && t->heap[0]->until <= now)
      drop_first(t);
}

void uvssh__penalties_free(struct penalties* t) {
  while (t->table.count != 0)
    drop_first(t);
  uvssh__sources_free(&t->table);
}

static struct penalty* find(struct penalties* t,
                            const uint8_t key[SOURCE_KEY],
                            uint64_t now) {
  struct penalty* p = (struct penalty*) uvssh__sources_find(&t->table, key);

  if (p != NULL && p->until <= now) {
    p->until = now;                /* over: it begins again */
    p->bites = 0;
    sift_down(t, p);
  }
  return p;
}

static struct penalty* penalty_new(struct penalties* t,
                                   unsigned most,
                                   const uint8_t key[SOURCE_KEY],
                                   uint64_t now) {
  struct penalty* p;

  while (t->table.count >= most)
    drop_first(t);
  p = (struct penalty*) uvssh__calloc(1, sizeof(*p));
  if (p == NULL || heap_grow(t) != 0 ||
      uvssh__sources_add(&t->table, &p->node, key) != 0) {
    uvssh__free(p);
    heap_drop_empty(t);
    return NULL;
  }
  p->until = now;
  p->at = t->table.count - 1;
  t->heap[p->at] = p;
  sift_up(t, p);
  return p;
}

int uvssh__penalty_bites(struct penalties* t,
                         const uint8_t key[SOURCE_KEY],
                         uint64_t now) {
  const struct penalty* p;

  forget(t, now);
  p = find(t, key, now);
  return p != NULL && p->bites;
}

void uvssh__penalty_add(struct penalties* t,
                        const uvssh_config_t* c,
                        const uint8_t key[SOURCE_KEY],
                        uint64_t ms,
                        uint64_t now) {
  struct penalty* p;

  if (c->penalty_sources == 0 || ms == 0)
    return;
  forget(t, now);
  p = find(t, key, now);
  if (p == NULL)
    p = penalty_new(t, c->penalty_sources, key, now);
  if (p == NULL)
    return;
  p->until += ms;
  if (p->until > now + c->penalty_most_ms)
    p->until = now + c->penalty_most_ms;
  if (p->until - now >= c->penalty_least_ms)
    p->bites = 1;
  sift_down(t, p);
}

/* ---- offences ------------------------------------------------------------ */

/* What is our fault, or ours to decide, is none of his. */
static uint64_t penalty_for(const struct session* s, const uvssh_config_t* c) {
  switch (s->end.status) {
    case UV_ENOMEM:
    case UVSSH_ECRYPTO:
      return 0;
    case UV_ETIMEDOUT:
      if (!s->was_asking)
        return c->penalty_timeout_ms;
      break;
    default:
      break;
  }
  if (s->auth.login != NULL && s->auth.login->failures != 0)
    return c->penalty_login_ms;
  switch (s->end.status) {
    case 0:
    case UV_ETIMEDOUT:             /* while the user thought about him */
      return 0;
    case UVSSH_ENOBANNER:
    case UVSSH_ENOALGO:
      return c->penalty_silent_ms;
    default:
      return s->end.by_peer ? c->penalty_silent_ms : c->penalty_protocol_ms;
  }
}

void uvssh__penalty_judge(struct server* server, const struct attach* a) {
  const uvssh_config_t* c = &server->config;

  /* Who has logged in, or had to make room, counts no more. */
  if (a->source.origin == NULL || a->source.key[0] == 0 || server->draining ||
      server->closing)
    return;
  uvssh__penalty_add(&server->penalties, c, a->source.key,
                     penalty_for(&a->session, c), loop_now(server->loop));
}
