/* limit.c: how many sessions may not be logged in yet, in all and from one
 * source; and who goes when the house is full.
 *
 * Happy path: a session enters, moves from place to place as its login goes on,
 * and leaves when it is logged in or closed.
 * The house is full: the newcomer takes another one's. Whose session is over
 * anyway goes first; then who has not said who he is, has not exchanged keys,
 * tries to log in: the first of these places that holds more than a quarter of
 * the house. Who is being judged by the user goes only where such are more than
 * half of it. In a place, one of the source that has most there goes, and of
 * these who has been there longest.
 * Failures: one source has too many; no memory.
 *
 * So who moves on is safe in each place for as long as a quarter of the house
 * takes to come in behind him: docs/design/decisions.md, "A full house".
 * The work for a newcomer does not depend on how many there are: the sessions
 * of a source in a place are a crowd, and crowds of equal size have a list.
 *
 * Never: closes anybody itself. What is no IP address is a source of its own,
 * and counts in all, not by source. */
#include "loop/loop.h"

struct crowd {                     /* those of one source in one place */
  struct queue link;               /* of limit->rank */
  struct queue members;            /* struct source, as they came here */
  unsigned count;
};

struct origin {                    /* one source, while it has somebody here */
  struct node node;                /* first */
  unsigned count;
  struct crowd crowd[PLACES];
};

void uvssh__limit_init(struct limit* l) {
  unsigned i, k;

  memset(l, 0, sizeof(*l));
  uvssh__sources_init(&l->origins);
  for (i = 0; i < PLACES; i++)
    for (k = 0; k < RANKS; k++)
      queue_init(&l->rank[i][k]);
}

/* Nobody is in it any more. */
void uvssh__limit_free(struct limit* l) {
  uvssh__sources_free(&l->origins);
}

/* ---- places -------------------------------------------------------------- */

static void crowd_rank(struct limit* l, struct crowd* c, unsigned place) {
  unsigned rank = c->count < RANKS ? c->count : RANKS;

  queue_remove(&c->link);
  if (rank != 0)
    queue_push(&l->rank[place][rank - 1], &c->link);
}

static void take_place(struct limit* l, struct source* s, enum place place) {
  struct crowd* c = &s->origin->crowd[place];

  s->place = place;
  queue_push(&c->members, &s->link);
  c->count++;
  l->in_place[place]++;
  crowd_rank(l, c, place);
}

static void give_place(struct limit* l, struct source* s) {
  struct crowd* c = &s->origin->crowd[s->place];

  queue_remove(&s->link);
  c->count--;
  l->in_place[s->place]--;
  crowd_rank(l, c, s->place);
}

void uvssh__limit_move(struct limit* l, struct source* s, enum place place) {
  if (s->origin == NULL || s->place == place)
    return;
  give_place(l, s);
  take_place(l, s, place);
}

/* ---- a full house -------------------------------------------------------- */

static int is_over_quarter(const struct limit* l,
                           enum place place,
                           unsigned total) {
  return l->in_place[place] > total / 4 + (total % 4 != 0);
}

static enum place place_to_clear(const struct limit* l, unsigned total) {
  unsigned place;

  if (l->in_place[PLACE_OVER] != 0)
    return PLACE_OVER;
  for (place = PLACE_IDENT; place <= PLACE_AUTH; place++)
    if (is_over_quarter(l, (enum place) place, total))
      return (enum place) place;
  if (l->in_place[PLACE_ASKED] > total / 2)
    return PLACE_ASKED;
  place = PLACE_AUTH;              /* nobody's turn: who is furthest */
  while (l->in_place[place] == 0)
    place = place == PLACE_IDENT ? PLACE_ASKED : place - 1;
  return (enum place) place;
}

/* Somebody is there. */
static struct source* least_deserving(struct limit* l, unsigned total) {
  enum place place = place_to_clear(l, total);
  unsigned rank = RANKS;
  struct crowd* c;

  while (queue_empty(&l->rank[place][rank - 1])) {
    l->origins.looked++;
    rank--;
  }
  c = CONTAINER_OF(l->rank[place][rank - 1].next, struct crowd, link);
  return CONTAINER_OF(c->members.next, struct source, link);
}

/* ---- in and out ---------------------------------------------------------- */

static struct origin* origin_new(struct limit* l,
                                 const uint8_t key[SOURCE_KEY]) {
  struct origin* o = (struct origin*) uvssh__calloc(1, sizeof(*o));
  unsigned i;

  if (o == NULL)
    return NULL;
  for (i = 0; i < PLACES; i++) {
    queue_init(&o->crowd[i].link);
    queue_init(&o->crowd[i].members);
  }
  if (uvssh__sources_add(&l->origins, &o->node, key) != 0) {
    uvssh__free(o);
    return NULL;
  }
  return o;
}

static void name_it(struct limit* l, uint8_t key[SOURCE_KEY]) {
  l->nameless++;
  memcpy(key + 1, &l->nameless, sizeof(l->nameless));
}

int uvssh__limit_enter(struct limit* l,
                       const uvssh_config_t* config,
                       struct source* s,
                       struct source** out) {
  unsigned most = config->preauth_per_source;
  struct origin* o;

  *out = NULL;
  if (s->key[0] == 0)
    name_it(l, s->key);
  o = (struct origin*) uvssh__sources_find(&l->origins, s->key);
  if (o != NULL && most != 0 && o->count >= most)
    return UVSSH_ELIMIT;
  if (o == NULL)
    o = origin_new(l, s->key);
  if (o == NULL)
    return UV_ENOMEM;
  o->count++;                      /* the one who goes may be its last one */
  if (config->preauth_total != 0 && l->count >= config->preauth_total) {
    *out = least_deserving(l, config->preauth_total);
    uvssh__limit_leave(l, *out);
  }
  s->origin = o;
  l->count++;
  take_place(l, s, PLACE_IDENT);
  return 0;
}

void uvssh__limit_leave(struct limit* l, struct source* s) {
  struct origin* o = s->origin;

  if (o == NULL)
    return;
  give_place(l, s);
  s->origin = NULL;
  l->count--;
  if (--o->count != 0)
    return;
  uvssh__sources_remove(&l->origins, &o->node);
  uvssh__free(o);
}
