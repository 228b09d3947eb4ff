/* A channel's own states: 91 to 100 for one that is opening, open, half closed,
 * closed by us, gone, or never was; in both roles, also while keys are being
 * exchanged. The letters are those of RFC 4254 section 5 as the oracle has
 * them: D, the end; I, nothing; A, what the model says (R: behind the new
 * keys); F, the channel is gone. */
#include "play.h"

#include <stdio.h>

enum stage {
  OPENING,                         /* ours, unanswered */
  OPEN,
  AFTER_EOF,                       /* of the peer */
  CLOSE_SENT,                      /* by us; the peer's has not come */
  BOTH_EOF,                        /* the peer's EOF, then our CLOSE */
  GONE,                            /* both have closed */
  NEVER,                           /* the number was not given out */
  STAGES
};

static const char* const stage_names[STAGES] = {
  "opening", "open", "after EOF", "close sent", "after EOF, close sent", "gone",
  "never was"
};

static const struct { unsigned number; const char* cells; } law[] = {
  { 91,  "ADDDDDD" },
  { 92,  "ADDDDDD" },
  { 93,  "DAAIIID" },
  { 94,  "DADIIID" },
  { 95,  "DADIIID" },
  { 96,  "DADIIID" },
  { 97,  "DAAFFID" },
  { 98,  "DAAIIID" },
  { 99,  "DAAIIID" },
  { 100, "DAAIIID" },
};

static char cell(unsigned number, enum stage stage) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(law); i++)
    if (law[i].number == number)
      return law[i].cells[stage];
  FAIL("no law for %u", number);
}

static void say_of(struct play* pl, const char* name, uint32_t id) {
  const struct message_row* row = message_named(name);
  struct value values[VALUES_MAX];

  memcpy(values, row->values, sizeof(values));
  values[0].number = id;
  play_say_with(pl, row, values);
}

/* The channel it is about: 0, but for those that are not there yet. */
static uint32_t reach_stage(struct play* pl, enum stage stage) {
  struct model_channel* c = model_channel(&pl->m, 0);

  switch (stage) {
    case OPENING:
      play_open(pl);
      return 1;
    case AFTER_EOF: case BOTH_EOF:
      say_of(pl, "eof", 0);
      if (stage == AFTER_EOF)
        break;
      play_close(pl, c, 0);
      break;
    case CLOSE_SENT: case GONE:
      play_close(pl, c, 0);
      if (stage == GONE)
        say_of(pl, "close", 0);
      break;
    case NEVER:
      return 1;
    default:
      break;
  }
  return 0;
}

static unsigned moved(const struct play* pl) {
  unsigned n = pl->m.wire.count + pl->m.events.count;
  unsigned i, k;

  for (i = 0; i < CHANNELS_MAX; i++)
    for (k = 0; k < WHATS; k++)
      n += pl->m.channels[i].sent[k];
  return n;
}

static void check_letter(struct play* pl, char letter, unsigned number) {
  if (letter == 'D') {
    CHECK(pl->m.over);
    CHECK_EQ(pl->m.reason, 2);
    return;
  }
  CHECK(!pl->m.over);
  if (letter == 'I' || letter == 'F')
    CHECK_EQ(moved(pl), 0);
  if (letter == 'F')
    CHECK(model_channel(&pl->m, 0) == NULL);
  if (letter == 'A' && number != 93 && number != 99 && number != 100)
    CHECK(moved(pl) != 0);
}

/* In the exchange our CLOSE waits, so the stages behind it are reached before
 * it begins. */
static void one_case(struct play* pl, enum stage stage, int rekeying,
                     const struct message_row* row) {
  struct value values[VALUES_MAX];
  uint32_t id;

  NOTE("%s, %s%s", row->name, stage_names[stage], rekeying ? ", new keys" : "");
  pl->m.say_auth = pl->m.say_hostkey = SAY_YES;
  play_begin(pl, STRICT_BOTH, GUESS_NONE);
  play_reach(pl, pl->m.is_server ? S8 : C10);
  id = reach_stage(pl, stage);
  if (rekeying)
    play_rekey(pl);
  memcpy(values, row->values, sizeof(values));
  values[0].number = id;
  play_say_with(pl, row, values);
  /* What nobody may be asked, and wants no answer, moves nothing either. */
  if (row->number != 98 || cell(98, stage) != 'A')
    check_letter(pl, rekeying && row->number == 97 &&
                             cell(97, stage) == 'A' ? 'R'
                                                    : cell(row->number, stage),
                 row->number);
  else
    CHECK(!pl->m.over);
  play_over(pl);
}

static void every_stage(enum role role) {
  struct play* pl = play_new(role);
  enum stage stage;
  unsigned i, rekeying;

  pl->p->app->server_config.auth_methods |= UVSSH_AUTH_NONE;
  for (stage = OPENING; stage < STAGES; stage++)
    for (i = 0; i < message_rows_count; i++)
      for (rekeying = 0; rekeying < 2; rekeying++)
        if (message_rows[i].number >= 91 && message_rows[i].number <= 100)
          one_case(pl, stage, (int) rekeying, &message_rows[i]);
  printf("%llu cases\n", (unsigned long long) pl->cases);
  play_end(pl);
}

TEST(lesson_13_91_92_channel_states_of_a_server) {
  every_stage(PEER_CLIENT);
}

TEST(lesson_13_91_92_channel_states_of_a_client) {
  every_stage(PEER_SERVER);
}

/* An exit status behind EOF, and CLOSE without EOF, are in order. */
TEST(states_a_client_hears_the_exit_status_behind_eof) {
  struct play* pl = play_new(PEER_SERVER);

  play_begin(pl, STRICT_BOTH, GUESS_NONE);
  play_reach(pl, C10);
  say_of(pl, "eof", 0);
  say_of(pl, "request exit status", 0);
  CHECK_EQ(pl->m.events.count, 1);
  say_of(pl, "close", 0);
  CHECK(!pl->m.over);
  play_over(pl);
  play_begin(pl, STRICT_BOTH, GUESS_NONE);
  play_reach(pl, C10);
  say_of(pl, "close", 0);
  CHECK(!pl->m.over);
  CHECK(model_channel(&pl->m, 0) == NULL);
  play_over(pl);
  play_end(pl);
}
