/* Every number, in every place, in both roles, with a body that is right,
 * empty, or random; strict and not; behind a guess that was right or wrong:
 * what the oracle and the model say, happens, and nothing else. */
#include "play.h"

#include <stdio.h>

enum body { RIGHT, EMPTY, RANDOM_A, RANDOM_B, BODIES };

static size_t random_body(struct pipe* p, uint8_t* out) {
  size_t n = 1 + (size_t) (pipe_random(p) % 40);
  size_t i;

  for (i = 0; i < n; i++)
    out[i] = (uint8_t) pipe_random(p);
  return n;
}

static void say(struct play* pl, unsigned number, enum body body,
                const struct message_row* row) {
  uint8_t payload[PAYLOAD_MAX];
  size_t len = 1;

  if (body == RIGHT && row != NULL) {
    play_say(pl, row);
    return;
  }
  payload[0] = (uint8_t) number;
  if (body >= RANDOM_A)
    len += random_body(&pl->p->app->pipe, payload + 1);
  play_say_bytes(pl, payload, len, 0);
}

/* What came in a pause is looked at behind it. */
static void go_on(struct play* pl) {
  if (!play_is_alive(pl))
    return;
  if (pl->m.jobs_held)
    play_release_jobs(pl);
  else if (model_is_paused(&pl->m))
    play_answer(pl, pl->numbers, SAY_YES);
}

static void one_case(struct play* pl, int place, enum strict strict,
                     enum guess guess, unsigned number, enum body body,
                     const struct message_row* row) {
  static const char* const bodies[] = { "right", "empty", "random", "random" };

  if (!play_is_turn(pl))
    return;
  NOTE("%s, message %u, %s body, %s%s%s", place_names[place], number,
       row != NULL ? row->name : bodies[body],
       strict == STRICT_NONE ? "not strict" : "strict",
       guess == GUESS_RIGHT ? ", right guess" : "",
       guess == GUESS_WRONG ? ", wrong guess" : "");
  pl->m.say_auth = pl->m.say_hostkey = SAY_YES;
  pl->m.jobs_held = 0;
  play_begin(pl, strict, guess);
  play_reach(pl, place);
  say(pl, number, body, row);
  go_on(pl);
  /* Strict from their KEXINIT on, and for what came before it. */
  if (play_is_alive(pl) && (place == S1 || place == C1) && number != 20)
    play_say(pl, message_row(MSG_KEXINIT));
  /* One more waits for no verdict; what follows EXT_INFO is SUCCESS. */
  if (play_is_alive(pl) && oracle_cell(place_behind(place), number) == 'Q')
    say(pl, number, body, row);
  if (play_is_alive(pl) && pl->m.success_is_next) {
    play_say(pl, message_row(MSG_USERAUTH_SUCCESS));
    if (play_is_alive(pl))         /* and behind that all is as ever */
      play_say(pl, message_row(MSG_GLOBAL_REQUEST));
  }
  play_over(pl);
}

/* All rows of a number, then the bodies that no row has. */
static void one_number(struct play* pl, int place, enum strict strict,
                       enum guess guess, unsigned number) {
  enum body body;
  unsigned i;

  for (i = 0; i < message_rows_count; i++)
    if (message_rows[i].number == number)
      one_case(pl, place, strict, guess, number, RIGHT, &message_rows[i]);
  for (body = EMPTY; body < BODIES; body++)
    one_case(pl, place, strict, guess, number, body, NULL);
}

/* The way to an exchange of groups is dear, and its places are as others are to
 * what is not of keys: a sample of that. */
static int is_worth_it(int place, unsigned number) {
  return !place_is_group(place) || number < 50 || number % 32 == 0;
}

static void every_number(int place, enum strict strict, enum guess guess) {
  struct play* pl = play_new(place_is_server(place) ? PEER_CLIENT
                                                    : PEER_SERVER);
  unsigned number;

  pl->p->app->server_config.auth_methods |= UVSSH_AUTH_NONE;
  pl->p->app->pipe.seed = (uint64_t) place;
  pl->group_first = place_is_group(place) && guess == GUESS_RIGHT;
  for (number = 0; number < 256; number++)
    if (is_worth_it(place, number))
      one_number(pl, place, strict, guess, number);
  printf("%s: %llu cases, %llu steps compared\n", place_names[place],
         (unsigned long long) pl->cases, (unsigned long long) pl->steps);
  play_end(pl);
}

#define PLACE(place)                                                          \
  TEST(lesson_1_2_3_4_6_7_8_13_##place##_strict) {                            \
    every_number(place, STRICT_BOTH, GUESS_NONE);                             \
  }                                                                           \
  TEST(lesson_1_2_3_4_6_7_8_13_##place##_not_strict) {                        \
    every_number(place, STRICT_NONE, GUESS_NONE);                             \
  }

#define RIGHT_GUESS(place)                                                    \
  TEST(lesson_14_##place##_right_guess) {                                     \
    every_number(place, STRICT_BOTH, GUESS_RIGHT);                            \
  }
#define WRONG_GUESS(place)                                                    \
  TEST(lesson_14_##place##_wrong_guess) {                                     \
    every_number(place, STRICT_BOTH, GUESS_WRONG);                            \
  }                                                                           \
  TEST(lesson_14_##place##_wrong_guess_not_strict) {                          \
    every_number(place, STRICT_NONE, GUESS_WRONG);                            \
  }

EARLY_PLACES(PLACE)
LATER_PLACES(PLACE)
#define GUESSES(X) X(S2) X(S3) X(S10) X(C2) X(C3) X(C12) X(S2G) X(C2G)
GUESSES(RIGHT_GUESS)
GUESSES(WRONG_GUESS)
WRONG_GUESS(S10G)
WRONG_GUESS(C12G)
