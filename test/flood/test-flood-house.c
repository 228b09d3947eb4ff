/* Who goes when as many are there as may be (lib/loop/limit.c): by a model that
 * is looked through, and by what it costs. */
#include <stdio.h>
#include <stdlib.h>

#include "both.h"
#include "loop/loop.h"

static void key_of(struct source* s, uint32_t i) {
  memset(s, 0, sizeof(*s));
  s->key[0] = 4;
  s->key[1] = (uint8_t) (i >> 24);
  s->key[2] = (uint8_t) (i >> 16);
  s->key[3] = (uint8_t) (i >> 8);
  s->key[4] = (uint8_t) i;
}

static struct source* enter(struct limit* l,
                            const uvssh_config_t* c,
                            struct source* s,
                            uint32_t from) {
  struct source* out = NULL;

  key_of(s, from);
  CHECK_EQ(uvssh__limit_enter(l, c, s, &out), 0);
  return out;
}

static void empty(struct limit* l, struct source* all, unsigned count) {
  unsigned i;

  for (i = 0; i < count; i++)
    uvssh__limit_leave(l, &all[i]);
  CHECK_EQ(l->count, 0);
  CHECK_EQ(l->origins.count, 0);
  uvssh__limit_free(l);
}

/* ---- what it costs ------------------------------------------------------- */

/* Each from another source, or in pairs, or so many of few: whatever it is, a
 * newcomer costs no more than the ranks there are, and a chain. */
TEST(house_work_is_bounded) {
  enum { COMERS = 100000 };
  static const uint32_t sources[] = { COMERS, COMERS / 2, 1000, 128, 20, 5 };
  struct source* all = (struct source*) calloc(COMERS, sizeof(*all));
  struct limit l;
  uvssh_config_t c;
  uint64_t before, most, out;
  size_t bytes, top;
  uint32_t i, k;

  CHECK(all != NULL);
  uvssh_config_init(&c);
  for (k = 0; k < ARRAY_SIZE(sources); k++) {
    uvssh__limit_init(&l);
    bytes = heap_bytes();
    most = top = out = 0;
    for (i = 0; i < COMERS; i++) {
      before = l.origins.looked;
      out += enter(&l, &c, &all[i], i % sources[k]) != NULL;
      if (l.origins.looked - before > most)
        most = l.origins.looked - before;
      if (heap_bytes() - bytes > top)
        top = heap_bytes() - bytes;
      CHECK(l.count <= c.preauth_total);
    }
    printf("%d come from %u sources: at most %u looked at for one, %zu KiB\n",
           COMERS, (unsigned) sources[k], (unsigned) most, top / 1024);
    CHECK_EQ(out, COMERS - c.preauth_total);
    CHECK(most <= RANKS + 12);
    CHECK(top <= 128 * 1024);
    empty(&l, all, COMERS);
  }
  free(all);
}

/* One source alone meets its own limit first, and costs nothing then. */
TEST(house_per_source) {
  static struct source all[100];
  struct source* out;
  struct limit l;
  uvssh_config_t c;
  unsigned i;

  uvssh_config_init(&c);
  uvssh__limit_init(&l);
  for (i = 0; i < 100; i++) {
    key_of(&all[i], 1);
    CHECK_EQ(uvssh__limit_enter(&l, &c, &all[i], &out),
             i < c.preauth_per_source ? 0 : UVSSH_ELIMIT);
  }
  CHECK_EQ(l.count, c.preauth_per_source);
  empty(&l, all, 100);
}

/* What has no address is a source of its own, each. */
TEST(house_without_addresses) {
  static struct source all[200];
  struct source* out;
  struct limit l;
  uvssh_config_t c;
  unsigned i;

  uvssh_config_init(&c);
  uvssh__limit_init(&l);
  for (i = 0; i < 200; i++) {
    memset(&all[i], 0, sizeof(all[i]));
    CHECK_EQ(uvssh__limit_enter(&l, &c, &all[i], &out), 0);
    CHECK(out == (i < 128 ? NULL : &all[i - 128]));
  }
  empty(&l, all, 200);
}

/* ---- who goes ------------------------------------------------------------ */

/* Those of one place, in a house of 128: how many come in behind somebody there
 * before he has to go. */
static const struct {
  enum place attackers;
  enum place honest;
  unsigned safe_for;
} crowds[] = {
  { PLACE_IDENT, PLACE_IDENT, 127 },     /* all the house is theirs */
  { PLACE_KEX, PLACE_IDENT, 31 },
  { PLACE_AUTH, PLACE_IDENT, 31 },
  { PLACE_ASKED, PLACE_IDENT, 31 },
  { PLACE_IDENT, PLACE_KEX, UINT32_MAX },
  { PLACE_IDENT, PLACE_AUTH, UINT32_MAX },
  { PLACE_IDENT, PLACE_ASKED, UINT32_MAX },
  { PLACE_KEX, PLACE_AUTH, UINT32_MAX },
  { PLACE_AUTH, PLACE_KEX, UINT32_MAX },
};

/* The house is the attackers', each from a source of his own; then an honest
 * one comes, and they come on, to no more than the first place. */
TEST(house_honest_are_safe) {
  enum { COMERS = 5000 };
  static struct source all[COMERS];
  static struct source honest;
  struct source* out;
  struct limit l;
  uvssh_config_t c;
  unsigned i, k;

  uvssh_config_init(&c);
  for (k = 0; k < ARRAY_SIZE(crowds); k++) {
    NOTE("row %u", k);
    uvssh__limit_init(&l);
    for (i = 0; i < 1000; i++) {
      (void) enter(&l, &c, &all[i], i);
      uvssh__limit_move(&l, &all[i], crowds[k].attackers);
    }
    CHECK(enter(&l, &c, &honest, UINT32_MAX) != NULL);
    uvssh__limit_move(&l, &honest, crowds[k].honest);
    for (; i < COMERS; i++) {
      out = enter(&l, &c, &all[i], i);
      CHECK(out != NULL);
      if (out == &honest)
        break;
    }
    if (crowds[k].safe_for == UINT32_MAX)
      CHECK_EQ(i, COMERS);
    else
      CHECK(i - 1000 >= crowds[k].safe_for && i < COMERS);
    uvssh__limit_leave(&l, &honest);
    empty(&l, all, COMERS);
  }
}

/* While no more sources than a quarter of the house holds have somebody in a
 * place, however often they come, each keeps one there. */
TEST(house_few_sources_harm_nobody) {
  enum { COMERS = 20000 };
  static struct source all[COMERS];
  static struct source honest[20];
  struct source* out;
  struct limit l;
  uvssh_config_t c;
  unsigned i, k;

  uvssh_config_init(&c);
  uvssh__limit_init(&l);
  for (i = 0; i < COMERS; i++) {
    key_of(&all[i], i % 12);
    if (uvssh__limit_enter(&l, &c, &all[i], &out) == 0 && i % 2)
      uvssh__limit_move(&l, &all[i], PLACE_KEX);
    if (i == 1000)
      for (k = 0; k < 20; k++)
        (void) enter(&l, &c, &honest[k], 1000 + k);
  }
  for (k = 0; k < 20; k++)
    CHECK(honest[k].origin != NULL);
  for (k = 0; k < 20; k++)
    uvssh__limit_leave(&l, &honest[k]);
  empty(&l, all, COMERS);
}

/* ---- a model that is looked through -------------------------------------- */

struct guest {
  struct source source;            /* first */
  int is_in;
  enum place place;
  uint32_t from;
  unsigned since;                  /* that it is in this place */
};

enum { GUESTS = 400, SOURCES = 37 };

static struct guest guests[GUESTS];

static unsigned in_place(enum place place) {
  unsigned i, n = 0;

  for (i = 0; i < GUESTS; i++)
    n += guests[i].is_in && guests[i].place == place;
  return n;
}

static unsigned crowd_of(uint32_t from, enum place place) {
  unsigned i, n = 0;

  for (i = from; i < GUESTS; i += SOURCES)
    n += guests[i].is_in && guests[i].place == place;
  return n;
}

static int may_clear(unsigned total, enum place place) {
  unsigned quarter = (total + 3) / 4;
  unsigned i;

  if (in_place(PLACE_OVER) != 0)
    return place == PLACE_OVER;
  for (i = PLACE_IDENT; i <= PLACE_AUTH; i++)
    if (in_place((enum place) i) > quarter)
      return place == i;
  if (in_place(PLACE_ASKED) > total / 2)
    return place == PLACE_ASKED;
  if (in_place(PLACE_AUTH) != 0)
    return place == PLACE_AUTH;
  return place != PLACE_ASKED ||
         in_place(PLACE_IDENT) + in_place(PLACE_KEX) == 0;
}

/* Was it right that this one goes? */
static void judge(const struct guest* g, unsigned total) {
  unsigned mine = crowd_of(g->from, g->place);
  unsigned i;

  CHECK(g->is_in);
  CHECK(may_clear(total, g->place));
  for (i = 0; i < GUESTS; i++) {
    if (!guests[i].is_in || guests[i].place != g->place)
      continue;
    CHECK(crowd_of(guests[i].from, g->place) <= mine);
    if (guests[i].from == g->from)
      CHECK(guests[i].since >= g->since);
  }
}

static void come(struct limit* l, const uvssh_config_t* c, struct guest* g) {
  struct source* out;
  struct guest* gone;
  int err;

  key_of(&g->source, g->from);
  err = uvssh__limit_enter(l, c, &g->source, &out);
  if (err != 0) {
    CHECK_EQ(err, UVSSH_ELIMIT);
    return;
  }
  if (out != NULL) {
    gone = (struct guest*) (void*) out;
    judge(gone, c->preauth_total);
    gone->is_in = 0;
  }
  g->is_in = 1;
  g->place = PLACE_IDENT;
}

static void go_on(struct limit* l, struct guest* g, uint64_t dice) {
  enum place place = (enum place) (dice % PLACES);

  if (dice / PLACES % 6 == 0) {
    uvssh__limit_leave(l, &g->source);
    g->is_in = 0;
  } else if (place != g->place) {
    uvssh__limit_move(l, &g->source, place);
    g->place = place;
  }
}

TEST(house_like_a_list) {
  enum { STEPS = 20000 };
  static const unsigned totals[] = { 1, 2, 3, 5, 16, 128 };
  struct limit l;
  uvssh_config_t c;
  uint64_t seed = 11;
  struct guest* g;
  enum place place;
  unsigned i, k;

  uvssh_config_init(&c);
  c.preauth_per_source = 20;
  for (k = 0; k < ARRAY_SIZE(totals); k++) {
    NOTE("%u places", totals[k]);
    c.preauth_total = totals[k];
    uvssh__limit_init(&l);
    memset(guests, 0, sizeof(guests));
    for (i = 0; i < STEPS / check_share(); i++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      g = &guests[(seed >> 33) % GUESTS];
      place = g->is_in ? g->place : PLACES;
      g->from = (uint32_t) (g - guests) % SOURCES;
      if (g->is_in)
        go_on(&l, g, seed >> 43);
      else
        come(&l, &c, g);
      if (g->is_in && g->place != place)
        g->since = i;
      CHECK(l.count <= totals[k]);
    }
    for (i = 0; i < GUESTS; i++)
      uvssh__limit_leave(&l, &guests[i].source);
    CHECK_EQ(l.count, 0);
    uvssh__limit_free(&l);
  }
}
