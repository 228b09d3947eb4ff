/* S12: DISCONNECT has been said. Whatever comes then, in any place, moves
 * nothing: no answer, no callback, until the peer has gone or linger_ms are
 * over; then on_close, once. */
#include "play.h"

#include <stdio.h>

enum how { BY_FAULT, BY_USER };

static void end(struct play* pl, enum how how) {
  static const uint8_t illegal[] = { 0 };
  struct peer* p = pl->p;

  if (how == BY_FAULT)
    peer_send_bytes(p, illegal, sizeof(illegal));
  else
    CHECK_EQ(uvssh_session_disconnect(&p->side->pub, 11, "bye"), 0);
  CHECK_EQ(rd_u32(peer_await(p, MSG_DISCONNECT)), how == BY_FAULT ? 2 : 11);
  pl->events.count = 0;
}

/* The way its keys are is the way that they stay. */
static void hear_nothing(struct play* pl, unsigned number,
                         const struct message_row* row) {
  struct peer* p = pl->p;
  struct pipe* pipe = &p->app->pipe;
  uint8_t payload[PAYLOAD_MAX] = { (uint8_t) number };
  size_t len = row == NULL ? 1 : play_write(pl, row, payload);
  int is_last = number == MSG_DISCONNECT;
  unsigned i;

  for (i = 0; i < 2; i++) {
    peer_send_bytes(p, payload, len);
    peer_expect_nothing(p);
  }
  if (!is_last)
    CHECK_EQ(pl->events.count, 0);
  if (p->side->up)
    pipe_sleep(pipe, p->app->server_config.linger_ms - 1);
  CHECK(p->side->up || is_last);
  if (!is_last)
    CHECK_EQ(pl->events.count, 0);
  pipe_sleep(pipe, 1);
  CHECK_EQ(p->side->closes, 1);
  CHECK_EQ(p->side->end.reason, p->side->end.status == 0 ? 11 : 2);
}

static void one_case(struct play* pl, int place, enum how how, unsigned number,
                     const struct message_row* row) {
  if (!play_is_turn(pl))
    return;
  NOTE("%s, message %u (%s), the end by %s", place_names[place], number,
       row != NULL ? row->name : "", how == BY_USER ? "the user" : "a fault");
  pl->m.say_auth = pl->m.say_hostkey = SAY_YES;
  pl->m.jobs_held = 0;
  play_begin(pl, STRICT_BOTH, GUESS_NONE);
  play_reach(pl, place);
  end(pl, how);
  hear_nothing(pl, number, row);
  play_over(pl);
}

static void every_message(int place, enum how how) {
  struct play* pl = play_new(place_is_server(place) ? PEER_CLIENT
                                                    : PEER_SERVER);
  unsigned i;

  pl->p->app->server_config.auth_methods |= UVSSH_AUTH_NONE;
  for (i = 0; i < 256; i++)
    if (message_row((uint8_t) i) == NULL)
      one_case(pl, place, how, i, NULL);
  for (i = 0; i < message_rows_count; i++)
    one_case(pl, place, how, message_rows[i].number, &message_rows[i]);
  printf("%s: %llu cases\n", place_names[place],
         (unsigned long long) pl->cases);
  play_end(pl);
}

TEST(states_behind_disconnect_by_a_fault_nothing_moves) {
  int place;

  for (place = S1; place < LOOKING; place++)
    every_message(place, BY_FAULT);
}

TEST(states_behind_disconnect_by_the_user_nothing_moves) {
  int place;

  for (place = S1; place < PLACES; place++)
    every_message(place, BY_USER);
}
