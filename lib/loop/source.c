/* source.c: where somebody comes from, as the limits see it: an IPv4 /32 and an
 * IPv6 /64 unless set otherwise; and a table by such sources.
 *
 * Happy path: an address becomes a key; what belongs to the key is found in a
 * table that doubles when it is full. Its hash has a secret of its own, so
 * nobody chooses addresses that meet in one chain.
 * Failures: where there is no memory to grow, chains get longer; where there
 * is none to begin, nothing can be put in.
 *
 * Never: allocates or frees what is in it. */
#include "loop/loop.h"

enum { TABLE_FIRST = 16 };

/* ---- keys ---------------------------------------------------------------- */

static void mask(uint8_t* key, size_t len, unsigned bits) {
  size_t i;
  unsigned keep;

  for (i = 0; i < len; i++) {
    keep = bits > i * 8 ? bits - (unsigned) (i * 8) : 0;
    if (keep < 8)
      key[i] = (uint8_t) (key[i] & (0xff00u >> keep));
  }
}

/* An IPv4 address inside IPv6 is the same source as the address itself. */
int uvssh__source_key(const uvssh_config_t* c,
                      const struct sockaddr* peer,
                      uint8_t key[SOURCE_KEY]) {
  static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255 };
  const struct sockaddr_in6* six = (const struct sockaddr_in6*) (const void*)
      peer;
  const struct sockaddr_in* four = (const struct sockaddr_in*) (const void*)
      peer;

  memset(key, 0, SOURCE_KEY);
  if (peer == NULL)
    return 0;
  if (peer->sa_family == AF_INET) {
    memcpy(key + 1, &four->sin_addr, 4);
  } else if (peer->sa_family == AF_INET6 &&
             memcmp(&six->sin6_addr, mapped, sizeof(mapped)) == 0) {
    memcpy(key + 1, (const uint8_t*) &six->sin6_addr + 12, 4);
  } else if (peer->sa_family == AF_INET6) {
    key[0] = 6;
    memcpy(key + 1, &six->sin6_addr, 16);
    mask(key + 1, 16, c->source_prefix6);
    return 1;
  } else {
    return 0;
  }
  key[0] = 4;
  mask(key + 1, 4, c->source_prefix4);
  return 1;
}

/* ---- a table ------------------------------------------------------------- */

void uvssh__sources_init(struct sources* t) {
  memset(t, 0, sizeof(*t));
  uvssh__random(t->secret, sizeof(t->secret));
}

void uvssh__sources_free(struct sources* t) {
  uvssh__free(t->bucket);
  memset(t, 0, sizeof(*t));
}

static struct node** bucket_of(const struct sources* t,
                               struct node** bucket,
                               unsigned size,
                               const uint8_t key[SOURCE_KEY]) {
  return &bucket[uvssh__table_hash(t->secret, key, SOURCE_KEY) & (size - 1)];
}

static void link_in(struct node** bucket, struct node* n) {
  n->next = *bucket;
  *bucket = n;
}

static int grow(struct sources* t) {
  unsigned size = t->size == 0 ? TABLE_FIRST : t->size * 2;
  struct node** bucket;
  struct node* next;
  struct node* n;
  unsigned i;

  if (t->count < t->size)
    return 0;
  bucket = (struct node**) uvssh__calloc(size, sizeof(struct node*));
  if (bucket == NULL)
    return t->size == 0 ? UV_ENOMEM : 0;
  for (i = 0; i < t->size; i++) {
    for (n = t->bucket[i]; n != NULL; n = next) {
      next = n->next;
      link_in(bucket_of(t, bucket, size, n->key), n);
    }
  }
  uvssh__free(t->bucket);
  t->bucket = bucket;
  t->size = size;
  return 0;
}

struct node* uvssh__sources_find(struct sources* t,
                                 const uint8_t key[SOURCE_KEY]) {
  struct node* n;

  if (t->count == 0)
    return NULL;
  for (n = *bucket_of(t, t->bucket, t->size, key); n != NULL; n = n->next) {
    t->looked++;
    if (memcmp(n->key, key, SOURCE_KEY) == 0)
      return n;
  }
  return NULL;
}

int uvssh__sources_add(struct sources* t,
                       struct node* n,
                       const uint8_t key[SOURCE_KEY]) {
  int err = grow(t);

  if (err != 0)
    return err;
  memcpy(n->key, key, SOURCE_KEY);
  link_in(bucket_of(t, t->bucket, t->size, key), n);
  t->count++;
  return 0;
}

/* The last one takes the table with it. */
void uvssh__sources_remove(struct sources* t, struct node* n) {
  struct node** at = bucket_of(t, t->bucket, t->size, n->key);

  while (*at != n)
    at = &(*at)->next;
  *at = n->next;
  t->count--;
  if (t->count != 0)
    return;
  uvssh__free(t->bucket);
  t->bucket = NULL;
  t->size = 0;
}
