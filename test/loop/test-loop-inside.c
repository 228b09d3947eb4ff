/* Any object may be closed, and any function called, from inside any callback,
 * in both roles: a talk with every kind of callback in it (inside.h), once for
 * each pair of a callback and an act. And the same from outside, in every turn
 * of the loop: so whatever is awaited then is closed. */
#include <signal.h>
#include <stdio.h>

#include "folder.h"
#include "inside.h"

static char folder[256];

static void begin(void) {
  uvssh_key_t* key = NULL;

  signal(SIGPIPE, SIG_IGN);        /* uv_try_write() of inside_own.c */
  memset(&talk, 0, sizeof(talk));
  folder_make(folder, sizeof(folder));
  snprintf(talk.id_file, sizeof(talk.id_file), "%s/id", folder);
  CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0), 0);
  CHECK_EQ(uvssh_key_save(key, talk.id_file, NULL), 0);
  uvssh_key_unref(key);
}

static void note(void) {
  NOTE("%s: in %s, turn %u%s: %s", talk.way == OVER_OWN ? "own" : "login",
       point_name(talk.where), talk.turn,
       talk.at_server ? " of the server" : "", talk.what->name);
}

/* 1: it came to that. */
static int try(enum point where, unsigned act, unsigned turn) {
  talk.where = where;
  talk.what = &acts[act];
  talk.turn = turn;
  note();
  talk_all();
  return talk.acted;
}

TEST(inside_every_callback) {
  unsigned share = check_share();
  unsigned where, act, number = 0;
  int reached;

  begin();
  for (where = 0; where < POINTS; where++) {
    for (act = 0; act < act_count; act++) {
      if (number++ % share != 0)
        continue;
      reached = 0;
      for (talk.way = OVER_OWN; talk.way < WAYS; talk.way++)
        reached |= try((enum point) where, act, 0);
      CHECK(reached);
    }
  }
  folder_drop(folder);
}

/* In the connection callback, before it is accepted. */
TEST(inside_a_connection_that_is_not_taken) {
  unsigned act;

  begin();
  for (act = 0; act < act_count; act++)
    CHECK(try(AT_CONNECTION, act, 1));
  folder_drop(folder);
}

TEST(outside_in_every_turn) {
  unsigned share = check_share();
  unsigned act, turn, number = 0;

  begin();
  for (act = 0; act < act_count; act++) {
    for (talk.way = OVER_OWN; talk.way < WAYS; talk.way++) {
      for (talk.at_server = 0; talk.at_server < 2; talk.at_server++) {
        turn = number++ % share;
        while (try(AT_NOTHING, act, turn))
          turn += share;
      }
    }
  }
  folder_drop(folder);
}
