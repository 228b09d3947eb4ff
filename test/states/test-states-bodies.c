/* Every message in every place that takes it, as it should be but for its
 * length or a bit: cut at each byte, longer by 1 to 8 bytes, with each bit of
 * each byte turned. What is still a message of that form does what the model
 * says of it; all else is the documented end. */
#include "play.h"

#include <stdio.h>

enum { LONGER_MAX = 8 };

struct sweep {
  struct play* pl;
  int place;
  enum strict strict;
  const struct message_row* row;
};

static void reach(struct sweep* w) {
  struct play* pl = w->pl;

  pl->m.say_auth = pl->m.say_hostkey = SAY_YES;
  pl->m.jobs_held = 0;
  play_begin(pl, w->strict, GUESS_NONE);
  play_reach(pl, w->place);
}

enum change { SHORTER, LONGER, FLIPPED };

/* The message as it is due now, changed: the new length. */
static size_t change(enum change how, size_t at, uint8_t* payload,
                     size_t len) {
  if (how == SHORTER)
    return at;
  if (how == FLIPPED) {
    payload[1 + at / 8] ^= (uint8_t) (1 << at % 8);
    return len;
  }
  memset(payload + len, (int) at, at);
  return len + at;
}

static void one_case(struct sweep* w, enum change how, size_t at) {
  static const char* const hows[] = { "cut at", "longer by", "flipped at bit" };
  struct play* pl = w->pl;
  uint8_t golden[PAYLOAD_MAX];
  uint8_t payload[PAYLOAD_MAX + LONGER_MAX];
  size_t golden_len, len;

  if (!play_is_turn(pl))
    return;
  NOTE("%s, %s, %s %zu, %s", place_names[w->place], w->row->name, hows[how], at,
       w->strict == STRICT_NONE ? "not strict" : "strict");
  reach(w);
  golden_len = play_write(pl, w->row, golden);
  memcpy(payload, golden, golden_len);
  len = change(how, at, payload, golden_len);
  play_say_bytes(pl, payload, len,
                 play_is_same(w->row, golden, golden_len, payload, len) &&
                     (w->row->number != 60 || w->row == message_row(60)));
  if (play_is_alive(pl) && pl->m.jobs_held)
    play_release_jobs(pl);
  else if (play_is_alive(pl) && (w->place == C2v || w->place == C2Kv))
    play_answer(pl, pl->numbers, SAY_YES);
  /* One that waits for a verdict is looked at behind it. */
  if (play_is_alive(pl) && pl->m.has_early)
    play_answer(pl, pl->numbers, SAY_NO);
  play_over(pl);
}

static int is_legal(int place, unsigned number) {
  return strchr("AQEIiPC", oracle_cell(place_behind(place), number)) != NULL;
}

static size_t length_of(struct sweep* w) {
  uint8_t payload[PAYLOAD_MAX];
  size_t len;

  NOTE("%s, %s", place_names[w->place], w->row->name);
  reach(w);
  len = play_write(w->pl, w->row, payload);
  play_over(w->pl);
  return len;
}

/* Where numbers of 2048 bits are computed with, some of them do. */
static void sweep_row(struct sweep* w) {
  size_t stride = place_is_group(w->place) ? 101 : 1;
  size_t len = length_of(w);
  size_t i;

  for (i = 1; i < len; i += stride)
    one_case(w, SHORTER, i);
  for (i = 1; i <= LONGER_MAX; i++)
    one_case(w, LONGER, i);
  for (i = 0; i < (len - 1) * 8; i += stride)
    one_case(w, FLIPPED, i);
}

static void sweep_place(int place, enum strict strict) {
  struct sweep w = { .place = place, .strict = strict };
  unsigned i;

  w.pl = play_new(place_is_server(place) ? PEER_CLIENT : PEER_SERVER);
  w.pl->p->app->server_config.auth_methods |= UVSSH_AUTH_NONE;
  w.pl->p->app->server_config.auth_methods |= UVSSH_AUTH_PASSWORD;
  for (i = 0; i < message_rows_count; i++) {
    w.row = &message_rows[i];
    if (is_legal(place, w.row->number))
      sweep_row(&w);
  }
  printf("%s: %llu cases\n", place_names[place],
         (unsigned long long) w.pl->cases);
  play_end(w.pl);
}

#define PLACE(place)                                                          \
  TEST(lesson_42_43_44_##place##_cut_longer_flipped) {                        \
    sweep_place(place, STRICT_BOTH);                                          \
  }                                                                           \
  TEST(lesson_42_43_44_##place##_cut_longer_flipped_not_strict) {             \
    sweep_place(place, STRICT_NONE);                                          \
  }

EARLY_PLACES(PLACE)
LATER_PLACES(PLACE)
