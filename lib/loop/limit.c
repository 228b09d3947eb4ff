/* limit.c: how many sessions may not be logged in yet, in all and from one
 * source: an IPv4 /32 and an IPv6 /64 unless set otherwise. What is no IP
 * address counts in all, not by source.
 *
 * The table holds an entry for each such session and no other, so it is
 * bounded by preauth_total. */
#include "loop/loop.h"

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
static int fill_key(const uvssh_config_t* c,
                    const struct sockaddr* peer,
                    uint8_t key[17]) {
  static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255 };
  const struct sockaddr_in6* six = (const struct sockaddr_in6*) (const void*)
      peer;
  const struct sockaddr_in* four = (const struct sockaddr_in*) (const void*)
      peer;

  memset(key, 0, 17);
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

static struct queue* bucket_of(struct server* server, const uint8_t key[17]) {
  unsigned hash = 5381;
  size_t i;

  for (i = 0; i < 17; i++)
    hash = hash * 33 + key[i];
  return &server->sources[hash % SOURCES];
}

static unsigned count(const struct queue* bucket, const uint8_t key[17]) {
  const struct queue* at;
  const struct source* s;
  unsigned n = 0;

  for (at = bucket->next; at != bucket; at = at->next) {
    s = CONTAINER_OF(at, struct source, link);
    n += memcmp(s->key, key, 17) == 0;
  }
  return n;
}

int uvssh__limit_enter(struct server* server,
                       struct source* source,
                       const struct sockaddr* peer) {
  const uvssh_config_t* c = &server->config;
  struct queue* bucket;

  if (c->preauth_total != 0 && server->preauth >= c->preauth_total)
    return UVSSH_ELIMIT;
  if (fill_key(c, peer, source->key)) {
    bucket = bucket_of(server, source->key);
    if (c->preauth_per_source != 0 &&
        count(bucket, source->key) >= c->preauth_per_source)
      return UVSSH_ELIMIT;
    queue_push(bucket, &source->link);
  }
  source->counted = 1;
  server->preauth++;
  return 0;
}

void uvssh__limit_leave(struct server* server, struct source* source) {
  if (!source->counted)
    return;
  source->counted = 0;
  server->preauth--;
  queue_remove(&source->link);
}
