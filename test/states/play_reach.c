/* play_reach.c: the way to each place, by the shortest road; see play.h. */
#include "play.h"

static void say(struct play* pl, const char* name) {
  play_say(pl, message_named(name));
}

/* Where a guess was announced, the first message was it. */
static void say_first(struct play* pl, const char* name) {
  if (pl->m.guess_is_wrong)
    say(pl, name);
  say(pl, name);
}

static void say_group(struct play* pl) {
  say_first(pl, pl->m.is_server ? "group request" : "group");
}

static void say_keys(struct play* pl) {
  if (pl->m.group)
    say(pl, pl->m.is_server ? "group init" : "group reply");
  else
    say_first(pl, pl->m.is_server ? "kex init" : "kex reply");
}

static void first_keys(struct play* pl) {
  play_ident(pl);
  say(pl, "kexinit");
  say_keys(pl);
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

/* Behind KEXINIT. */
static void method_up_to(struct play* pl, int place) {
  if (pl->m.place == place)
    return;
  if (place == C2Gp || place == C12Gp)
    hold_jobs(pl);
  if (pl->m.group)
    say_group(pl);
  if (pl->m.place == place)
    return;
  if (place >= LOOKING && place != C2v && place != C2Kv)
    hold_jobs(pl);
  if (place == C2v || place == C2Kv)
    pl->m.say_hostkey = SAY_NOTHING;
  say_keys(pl);
}

static void keys_up_to(struct play* pl, int place) {
  if (place_is_group(place))
    play_use_group(pl);
  play_ident(pl);
  if (place == S1 || place == C1)
    return;
  say(pl, "kexinit");
  method_up_to(pl, place);
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
  if (place_is_group(place))
    play_use_group(pl);
  play_rekey(pl);
  if (place == S9 || place == C11)
    return;
  say(pl, "kexinit");
  method_up_to(pl, place);
}

void play_reach(struct play* pl, int place) {
  int behind = place_behind(place);

  if (place_is_early(place)) {
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
