/* All pairs of legal messages in every place: the same one twice, and any two
 * in either order. The second is judged where the first has led to. */
#include "play.h"

#include <stdio.h>

static int is_legal(int place, unsigned number) {
  return strchr("AQEIiP", oracle_cell(place_behind(place), number)) != NULL;
}

/* Not one of these: the number is nobody's, and the answer UNIMPLEMENTED. */
static const struct message_row nobodys = { .number = 9, .name = "nobody's",
                                            .types = "", .key = -1 };

static const struct message_row* row_at(unsigned i) {
  return i == 0 ? &nobodys : &message_rows[i - 1];
}

static int takes(int place, const struct message_row* row) {
  return row == &nobodys || is_legal(place, row->number);
}

static void one_pair(struct play* pl, int place, enum strict strict,
                     const struct message_row* a,
                     const struct message_row* b) {
  if (!play_is_turn(pl))
    return;
  NOTE("%s, %s, then %s, %s", place_names[place], a->name, b->name,
       strict == STRICT_NONE ? "not strict" : "strict");
  pl->m.say_auth = pl->m.say_hostkey = SAY_YES;
  pl->m.jobs_held = 0;
  play_begin(pl, strict, GUESS_NONE);
  play_reach(pl, place);
  play_say(pl, a);
  if (play_is_alive(pl) && !pl->keys_later)  /* it would need those keys */
    play_say(pl, b);
  if (play_is_alive(pl) && pl->m.jobs_held)
    play_release_jobs(pl);
  else if (play_is_alive(pl) && (place == C2v || place == C2Kv))
    play_answer(pl, pl->numbers, SAY_YES);
  else if (play_is_alive(pl) && pl->m.place == S6 && pl->numbers != 0)
    play_answer(pl, pl->numbers, SAY_NO);
  play_over(pl);
}

static void every_pair(int place, enum strict strict) {
  struct play* pl = play_new(place_is_server(place) ? PEER_CLIENT
                                                    : PEER_SERVER);
  unsigned a, b;

  pl->p->app->server_config.auth_methods |= UVSSH_AUTH_NONE;
  for (a = 0; a <= message_rows_count; a++)
    for (b = 0; b <= message_rows_count; b++)
      if (takes(place, row_at(a)) && takes(place, row_at(b)))
        one_pair(pl, place, strict, row_at(a), row_at(b));
  printf("%s: %llu pairs\n", place_names[place],
         (unsigned long long) pl->cases);
  play_end(pl);
}

#define PLACE(place)                                                          \
  TEST(lesson_13_pairs_##place) {                                             \
    every_pair(place, STRICT_BOTH);                                           \
  }

#define EARLY(place)                                                          \
  PLACE(place)                                                                \
  TEST(lesson_13_pairs_##place##_not_strict) {                                \
    every_pair(place, STRICT_NONE);                                           \
  }

EARLY_PLACES(EARLY)
LATER_PLACES(PLACE)
