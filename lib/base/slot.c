/* slot.c: numbers that name living things and are never used twice.
 *
 * The value of the user (uvssh_reply_t) names a table, a slot in it and a
 * serial. Good way: all three still fit, and the thing is found. Otherwise:
 *   - UV_ECANCELED: no answer was wanted (serial 0), or the thing has gone, or
 *     its table has;
 *   - UV_EINVAL: another thread than the one that runs the table's loop.
 *
 * Threads: `registry` is under its mutex: the list, the ids, each table's
 * owner. All else of a table is touched by its owner only, so find() looks at
 * the owner before it looks at a slot. The owner may compare itself without
 * the mutex: whoever hands a loop to another thread has to order that anyway.
 *
 * Never: follows a pointer that came from outside.
 */
#include "base/base.h"

#include <assert.h>

#define SLOTS_MIN 8
#define SLOTS_MAX (1u << 24)       /* their bytes fit a size_t of 32 bits */
#define SLOT_NONE UINT32_MAX

struct slot {
  void* thing;
  uint64_t serial;                 /* 0: free */
  uint32_t next;                   /* free: the next free one */
};

struct slots {
  struct queue link;               /* in the registry */
  uint32_t id;
  uv_thread_t owner;
  struct slot* base;               /* bound: one an open question, and
                                    * SLOTS_MAX */
  uint32_t cap;
  uint32_t free;                   /* the first free slot, or SLOT_NONE */
  uint64_t serial;                 /* the last one that was given out */
};

static struct {
  uv_once_t once;
  uv_mutex_t mutex;
  int err;                         /* of the mutex's making */
  struct queue tables;
  uint32_t id;                     /* the last one that was given out */
  uint64_t serial;                 /* the highest of the tables destroyed */
} registry = { .once = UV_ONCE_INIT };

static void registry_init(void) {
  queue_init(&registry.tables);
  registry.err = uv_mutex_init(&registry.mutex);
}

/* 0 and locked, or a code. */
static int registry_lock(void) {
  uv_once(&registry.once, registry_init);
  if (registry.err == 0)
    uv_mutex_lock(&registry.mutex);
  return registry.err;
}

/* locked */
static struct slots* registry_find(uint32_t id) {
  struct queue* q;

  for (q = registry.tables.next; q != &registry.tables; q = q->next) {
    struct slots* slots = CONTAINER_OF(q, struct slots, link);
    if (slots->id == id)
      return slots;
  }
  return NULL;
}

static struct slot* slots_at(struct slots* slots, const uvssh_reply_t* reply) {
  struct slot* slot;

  if (reply->serial == 0 || reply->slot >= slots->cap)
    return NULL;
  slot = &slots->base[reply->slot];
  return slot->serial == reply->serial ? slot : NULL;
}

static int owned_by_me(const struct slots* slots) {
  uv_thread_t self = uv_thread_self();

  return uv_thread_equal(&self, &slots->owner);
}

struct slots* uvssh__slots_create(void) {
  struct slots* slots = uvssh__calloc(1, sizeof(*slots));

  if (slots == NULL)
    return NULL;
  if (registry_lock() != 0) {
    uvssh__free(slots);
    return NULL;
  }

  /* Ids come round after 2^32 tables. Serials go on where those of a table
   * that had the id before ended, so its values stay dead even then. */
  do
    registry.id += 1;
  while (registry_find(registry.id) != NULL);
  slots->id = registry.id;
  slots->serial = registry.serial;
  slots->owner = uv_thread_self();
  slots->free = SLOT_NONE;
  queue_push(&registry.tables, &slots->link);

  uv_mutex_unlock(&registry.mutex);
  return slots;
}

void uvssh__slots_destroy(struct slots* slots) {
  int err;

  if (slots == NULL)
    return;

  err = registry_lock();
  assert(err == 0);                /* it was when the table was made */
  (void) err;
  queue_remove(&slots->link);
  if (slots->serial > registry.serial)
    registry.serial = slots->serial;
  uv_mutex_unlock(&registry.mutex);

  uvssh__free(slots->base);
  uvssh__free(slots);
}

void uvssh__slots_enter(struct slots* slots) {
  int err;

  if (owned_by_me(slots))          /* each callback but the first */
    return;

  err = registry_lock();
  assert(err == 0);
  (void) err;
  slots->owner = uv_thread_self();
  uv_mutex_unlock(&registry.mutex);
}

static int slots_grow(struct slots* slots) {
  uint32_t cap = slots->cap == 0 ? SLOTS_MIN : slots->cap * 2;
  struct slot* base;
  uint32_t i;

  if (cap > SLOTS_MAX)
    return UV_ENOMEM;
  base = uvssh__realloc(slots->base, cap * sizeof(*base));
  if (base == NULL)
    return UV_ENOMEM;

  for (i = slots->cap; i < cap; i++) {
    base[i].thing = NULL;
    base[i].serial = 0;
    base[i].next = i + 1 < cap ? i + 1 : SLOT_NONE;
  }
  slots->base = base;
  slots->free = slots->cap;        /* only a full table grows */
  slots->cap = cap;
  return 0;
}

int uvssh__slots_add(struct slots* slots, void* thing, uvssh_reply_t* reply) {
  struct slot* slot;
  int err;

  if (slots->free == SLOT_NONE) {
    err = slots_grow(slots);
    if (err != 0)
      return err;
  }

  reply->loop = slots->id;
  reply->slot = slots->free;
  reply->serial = slots->serial += 1;

  slot = &slots->base[reply->slot];
  slots->free = slot->next;
  slot->thing = thing;
  slot->serial = reply->serial;
  return 0;
}

void uvssh__slots_remove(struct slots* slots, const uvssh_reply_t* reply) {
  struct slot* slot;

  if (reply->loop != slots->id)
    return;
  slot = slots_at(slots, reply);
  if (slot == NULL)
    return;
  slot->thing = NULL;
  slot->serial = 0;
  slot->next = slots->free;
  slots->free = reply->slot;
}

int uvssh__slots_find(const uvssh_reply_t* reply, void** thing) {
  struct slots* slots;
  struct slot* slot = NULL;
  int err;

  *thing = NULL;
  if (reply->serial == 0)
    return UV_ECANCELED;
  err = registry_lock();
  if (err != 0)                    /* then there never was a table */
    return UV_ECANCELED;

  slots = registry_find(reply->loop);
  if (slots != NULL && !owned_by_me(slots))
    err = UV_EINVAL;
  else if (slots == NULL || (slot = slots_at(slots, reply)) == NULL)
    err = UV_ECANCELED;
  else
    *thing = slot->thing;

  uv_mutex_unlock(&registry.mutex);
  return err;
}
