/* play_reach.c: the way to each place, by the shortest road; see play.h. */
#include "play.h"

static void say(struct play* pl, const char* name) {
  play_say(pl, message_named(name));
}

static void first_keys(struct play* pl) {
  play_ident(pl);
  say(pl, "kexinit");
  say(pl, pl->m.is_server ? "kex init" : "kex reply");
  /* Where a guess was announced, that was it. */
  if (pl->m.guess_is_wrong)
    say(pl, pl->m.is_server ? "kex init" : "kex reply");
  say(pl, "newkeys");
}

static void to_open(struct play* pl) {
  static const struct value yes[] = {
    { 0, NULL }, { 5, NULL }, { 1000, NULL }, { 32768, NULL }, { 0, "" }
  };
  static const struct value open[] = {
    { 0, "session" }, { 5, NULL }, { 1000, NULL }, { 32768, NULL }
  };

  if (pl->m.is_server) {
    say(pl, "service userauth");
    say(pl, "login none");
    play_say_with(pl, message_named("open session"), open);
    return;
  }
  say(pl, "service accept");
  play_attempt(pl, UVSSH_AUTH_NONE);
  say(pl, "login success");
  play_open(pl);
  play_say_with(pl, message_named("confirmation"), yes);
}

static void hold_jobs(struct play* pl) {
  pl->m.jobs_held = 1;
  pl->p->app->pipe.jobs = JOBS_HELD;
}

static void keys_up_to(struct play* pl, int place) {
  play_ident(pl);
  if (place == S1 || place == C1)
    return;
  say(pl, "kexinit");
  if (place == S2 || place == C2)
    return;
  if (place == S2p || place == C2p)
    hold_jobs(pl);
  if (place == C2v)
    pl->m.say_hostkey = SAY_NOTHING;
  say(pl, pl->m.is_server ? "kex init" : "kex reply");
  if (pl->m.guess_is_wrong)
    say(pl, pl->m.is_server ? "kex init" : "kex reply");
}

static void server_login_up_to(struct play* pl, int place) {
  if (place == S4)
    return;
  say(pl, "service userauth");
  if (place == S6)
    pl->m.say_auth = SAY_NOTHING;
  if (place == S6)
    say(pl, "login none");
  if (place == S5p) {
    hold_jobs(pl);
    say(pl, "login signed");
  }
}

static void client_login_up_to(struct play* pl, int place) {
  if (place == C4)
    return;
  say(pl, "service accept");
  if (place == C5)
    return;
  play_attempt(pl, place == C6N   ? UVSSH_AUTH_NONE
                   : place == C6P ? UVSSH_AUTH_PASSWORD
                                  : UVSSH_AUTH_PUBLICKEY);
  if (place == C7p)
    hold_jobs(pl);
  if (place == C7p || place == C8)
    say(pl, "pk ok");
}

static void again_up_to(struct play* pl, int place) {
  if (place == S8 || place == C10)
    return;
  play_rekey(pl);
  if (place == S9 || place == C11)
    return;
  say(pl, "kexinit");
  if (place == S10 || place == C12)
    return;
  if (place == S10p || place == C12p)
    hold_jobs(pl);
  say(pl, pl->m.is_server ? "kex init" : "kex reply");
  if (pl->m.guess_is_wrong)
    say(pl, pl->m.is_server ? "kex init" : "kex reply");
}

void play_reach(struct play* pl, int place) {
  int behind = place_behind(place);

  if (behind <= S3 || (behind >= C1 && behind <= C3)) {
    keys_up_to(pl, place);
  } else {
    first_keys(pl);
    if (behind <= S6)
      server_login_up_to(pl, place);
    else if (behind >= C4 && behind <= C8)
      client_login_up_to(pl, place);
    else
      to_open(pl);
    if ((behind >= S8 && behind <= S11) || behind >= C10)
      again_up_to(pl, place);
  }
  CHECK_EQ(pl->m.place, place);
}
