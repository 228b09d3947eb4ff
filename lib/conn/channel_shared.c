/* channel_shared.c: payloads that wait in a channel's queue. RFC 4254 section
 * 5.2.
 *
 * An item is a batch of neighbours: their references, no copies. So a payload
 * that waits costs a pointer a reader, and small ones of a batch leave together
 * in one packet.
 *
 * What a group's member has queued, and what has not begun to leave, is on the
 * member's list and counted in `waiting`: that is what may be dropped. */
#include "conn/conn.h"

/* Its end of the queue, or NULL: a new batch is needed. */
static struct shared* open_batch(struct channel* ch,
                                 int stream,
                                 const struct membership* owner) {
  struct shared* shared;
  struct item* last;

  if (queue_empty(&ch->items))
    return NULL;
  last = CONTAINER_OF(ch->items.prev, struct item, link);
  if (last->kind != ITEM_PAYLOAD || last->stream != stream ||
      last->count == SHARED_ROOM)
    return NULL;
  shared = CONTAINER_OF(last, struct shared, item);
  return shared->owner == owner ? shared : NULL;
}

static struct shared* add_batch(struct channel* ch,
                                int stream,
                                struct membership* owner) {
  struct shared* shared =
      (struct shared*) uvssh__malloc(sizeof(struct shared));

  if (shared == NULL)
    return NULL;
  memset(shared, 0, offsetof(struct shared, payloads));
  shared->item.stream = (uint8_t) stream;
  shared->owner = owner;
  queue_init(&shared->owned);
  if (owner != NULL)
    queue_push(&owner->batches, &shared->owned);
  return shared;
}

/* The first one begins to leave: it is not to be dropped any more. */
static void begin(struct shared* shared) {
  if (shared->owner != NULL)
    shared->owner->waiting -= shared->payloads[shared->item.at]->len;
}

int uvssh__shared_add(struct channel* ch,
                      int stream,
                      uvssh_payload_t* payload,
                      size_t done,
                      struct membership* owner) {
  struct shared* shared = open_batch(ch, stream, owner);
  int is_new = shared == NULL;

  if (is_new)
    shared = add_batch(ch, stream, owner);
  if (shared == NULL)
    return UV_ENOMEM;
  shared->payloads[shared->item.count++] = payload;
  payload->refs++;
  if (owner != NULL)
    owner->waiting += payload->len;
  if (done != 0) {                 /* then the queue was empty */
    begin(shared);
    shared->done = done;
  }
  uvssh__channel_count_in(ch, payload->len - done);
  if (is_new)
    uvssh__channel_queue_item(ch, &shared->item, ITEM_PAYLOAD);
  return 0;
}

size_t uvssh__shared_left(const struct shared* shared) {
  size_t left = 0;
  unsigned i;

  for (i = shared->item.at; i < shared->item.count; i++)
    left += shared->payloads[i]->len;
  return left - shared->done;
}

struct piece uvssh__shared_piece(const struct shared* shared,
                                 uint8_t* room,
                                 size_t max) {
  const uvssh_payload_t* payload = shared->payloads[shared->item.at];
  struct piece p = { payload->data + shared->done,
                     payload->len - shared->done };
  unsigned i = shared->item.at;
  size_t n = p.len;

  if (p.len >= GATHER_BELOW || i + 1u == shared->item.count)
    return p;
  memcpy(room, p.base, n);
  for (p.base = room, p.len = n; ++i < shared->item.count && p.len < max;) {
    payload = shared->payloads[i];
    n = payload->len < max - p.len ? payload->len : max - p.len;
    memcpy(room + p.len, payload->data, n);
    p.len += n;
  }
  return p;
}

void uvssh__shared_advance(struct shared* shared, size_t n) {
  uvssh_payload_t* payload;
  size_t part;

  for (; n != 0; n -= part) {
    payload = shared->payloads[shared->item.at];
    part = payload->len - shared->done;
    if (shared->done == 0)
      begin(shared);
    if (part > n) {
      shared->done += n;
      return;
    }
    shared->done = 0;
    shared->item.at++;
    uvssh_payload_unref(payload);
  }
}

void uvssh__shared_free(struct shared* shared) {
  while (shared->item.at < shared->item.count)
    uvssh_payload_unref(shared->payloads[shared->item.at++]);
  queue_remove(&shared->owned);
  uvssh__free(shared);
}

/* The oldest of a batch that has not begun; one that has keeps its place in
 * front. Its bytes, or 0: there is none. */
static size_t drop_first(struct shared* shared) {
  unsigned i = shared->item.at + (shared->done != 0 ? 1u : 0u);
  uvssh_payload_t* payload;
  size_t len;

  if (i >= shared->item.count)
    return 0;
  payload = shared->payloads[i];
  len = payload->len;
  shared->payloads[i] = shared->payloads[shared->item.at++];
  shared->owner->waiting -= len;
  uvssh_payload_unref(payload);
  return len;
}

void uvssh__shared_drop_oldest(struct channel* ch, struct membership* owner) {
  struct queue* at = owner->batches.next;
  struct shared* shared = CONTAINER_OF(at, struct shared, owned);
  size_t len = drop_first(shared);

  if (len == 0) {                  /* the first batch's last has begun */
    shared = CONTAINER_OF(at->next, struct shared, owned);
    len = drop_first(shared);
  }
  uvssh__channel_dropped(ch, &shared->item, len,
                         shared->item.at == shared->item.count);
}

void uvssh__shared_disown(struct membership* owner) {
  struct shared* shared;

  while (!queue_empty(&owner->batches)) {
    shared = CONTAINER_OF(owner->batches.next, struct shared, owned);
    queue_remove(&shared->owned);
    shared->owner = NULL;
  }
  owner->waiting = 0;
}
