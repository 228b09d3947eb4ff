/* Random walks: a peer that says what is legal and, now and then, what is not;
 * a user who opens, sends, closes, asks, answers late or twice, changes his
 * mind; time; jobs that come back late. After each step the session and its
 * model are compared (play.h).
 *
 * A life is made from its seed alone. One that fails says which it was and what
 * came last, and can be lived again:
 *
 *   UVSSH_WALK_SEED=123 test-states-walk */
#include "play.h"

#include <stdio.h>
#include <stdlib.h>

enum { LIFE_STEPS = 1000, HISTORY = 6 };

struct walk {
  struct play* pl;
  uint64_t seed;                   /* of this life */
  uint64_t state;                  /* of its random numbers */
  uint32_t peer_id;                /* the last one that the peer has given */
  size_t chunk;                    /* most bytes of a read; 0: all there is */
  int rude;                        /* what is said now may be wrong in itself */
  unsigned step;
  char history[HISTORY][40];
};

static unsigned roll(struct walk* w, unsigned n) {
  uint64_t z = w->state += 0x9e3779b97f4a7c15;

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return (unsigned) ((z ^ (z >> 31)) % n);
}

static int one_in(struct walk* w, unsigned n) {
  return roll(w, n) == 0;
}

static void note(struct walk* w, const char* what) {
  unsigned i = ++w->step;

  snprintf(w->history[i % HISTORY], sizeof(w->history[0]), "%s", what);
  NOTE("seed %llu, step %u, %s: %s; %s; %s; %s; now %s",
       (unsigned long long) w->seed, i, place_names[w->pl->m.place],
       w->history[(i + 2) % HISTORY], w->history[(i + 3) % HISTORY],
       w->history[(i + 4) % HISTORY], w->history[(i + 5) % HISTORY], what);
}

/* ---- the peer ------------------------------------------------------------ */

static struct model_channel* some_channel(struct walk* w) {
  struct model_channel* c = w->pl->m.channels;
  struct model_channel* found = NULL;
  unsigned n = 0;

  for (; c < w->pl->m.channels + CHANNELS_MAX; c++)
    if (c->used && one_in(w, ++n))
      found = c;
  return found;
}

static uint32_t some_id(struct walk* w) {
  const struct model_channel* c = some_channel(w);

  if (c == NULL || one_in(w, 20))
    return roll(w, w->pl->m.next_id + 2);
  return c->id;
}

static const char* some_data(struct walk* w, uint32_t id) {
  static char text[8200];
  const struct model_channel* c = model_channel(&w->pl->m, id);
  unsigned max = c == NULL || one_in(w, 50) ? 2000 : c->window_in;
  unsigned n = roll(w, one_in(w, 4) ? 1200 : 40);

  if (w->rude && c != NULL)        /* a byte too many */
    n = c->window_in + 1;
  else if (n > max)
    n = max;
  memset(text, 'x', n);
  text[n] = '\0';
  return text;
}

static uint32_t some_packet(struct walk* w) {
  return one_in(w, 40) ? roll(w, 9) : 9 + roll(w, 3000);
}

/* What the row says, about a channel that is there, and so on. */
static void choose(struct walk* w, const struct message_row* row,
                   struct value* v) {
  memcpy(v, row->values, sizeof(row->values));
  switch (row->number) {
    case 50:
      if (one_in(w, 4))
        v[0].text = "alice";
      break;
    case 80:
      v[1].number = roll(w, 2);
      break;
    case 90:
      v[1].number = ++w->peer_id;
      v[2].number = roll(w, 3000);
      v[3].number = some_packet(w);
      break;
    case 91:
      v[0].number = some_id(w);
      v[1].number = ++w->peer_id;
      v[2].number = roll(w, 3000);
      v[3].number = some_packet(w);
      break;
    case 93:
      v[0].number = some_id(w);
      v[1].number = one_in(w, 200) ? UINT32_MAX : roll(w, 3000);
      break;
    case 94: case 95:
      v[0].number = some_id(w);
      v[row->number - 93].text = some_data(w, v[0].number);
      if (row->number == 95)
        v[1].number = roll(w, 4) != 0;
      break;
    case 92: case 96: case 97: case 98: case 99: case 100:
      v[0].number = some_id(w);
      if (row->number == 98)
        v[2].number = roll(w, 4) != 0;
      break;
    default:
      break;
  }
}

/* The exchange writes these, and has to go on with what it wrote. */
static int is_of_keys(const struct message_row* row) {
  return row->number >= 20 && row->number < 50;
}

static int would_end(struct walk* w, const struct message_row* row,
                     const struct value* v) {
  static struct model copy;
  struct buf* m;
  int over;

  if (strchr("D7C", oracle_cell(place_behind(w->pl->m.place),
                                row->number)) != NULL)
    return 1;
  if (w->rude || model_is_paused(&w->pl->m) || is_of_keys(row))
    return 0;
  copy = w->pl->m;
  copy.waiting = NULL;
  copy.waiting_len = 0;
  m = message_write_with(w->pl->p, row, v);
  model_step(&copy);
  model_hear(&copy, m->base, m->len, row->number != 60 ||
                                         row == message_row(60));
  over = copy.over;
  free(copy.waiting);
  return over;
}

static void say(struct walk* w, const struct message_row* row,
                const struct value* v) {
  struct play* pl = w->pl;

  /* It cannot have these keys yet. */
  if (row->number == MSG_NEWKEYS &&
      (pl->m.place == S2p || pl->m.place == S10p || pl->m.place == S2Kp ||
       pl->m.place == S10Kp))
    return;
  note(w, row->name);
  if (is_of_keys(row) || row->number == 60)
    play_say(pl, row);
  else
    play_say_with(pl, row, v);
}

static void say_any(struct walk* w) {
  struct value v[VALUES_MAX];
  const struct message_row* row;
  unsigned tries;
  int bold = one_in(w, 150);

  w->rude = one_in(w, 80);
  for (tries = 0; tries < 60; tries++) {
    row = &message_rows[roll(w, message_rows_count)];
    choose(w, row, v);
    if (bold || !would_end(w, row, v)) {
      say(w, row, v);
      break;
    }
  }
  w->rude = 0;
}

static void say_odd(struct walk* w) {
  uint8_t payload[42];
  size_t len = 1 + roll(w, 40);
  size_t i;

  note(w, "random bytes");
  for (i = 0; i < len; i++)
    payload[i] = (uint8_t) roll(w, 256);
  play_say_bytes(w->pl, payload, len, 0);
}

/* What leads on from here; NULL: many things. */
static const char* next_name(struct walk* w) {
  static const char* const logins[] = {
    "login none", "login password", "login changed password", "login key",
    "login signed", "login unknown"
  };
  static const char* const verdicts[] = {
    "login failure", "login partial", "login success"
  };

  switch (w->pl->m.place) {
    case S1: case C1: case S9: case C11: return "kexinit";
    case S2: case S10: return "kex init";
    case C2: case C12: return "kex reply";
    case S2G: case S10G: return "group request";
    case S2K: case S10K: return "group init";
    case C2G: case C12G: return "group";
    case C2K: case C12K: return "group reply";
    case S3: case S11: case C3: case C13: return "newkeys";
    case S4: return "service userauth";
    case C4: return "service accept";
    case S5: return logins[roll(w, ARRAY_SIZE(logins))];
    case C7: return one_in(w, 3) ? "login failure" : "pk ok";
    case C6N: case C6P: case C8: return verdicts[roll(w, 3)];
    default: return NULL;
  }
}

static void say_next(struct walk* w) {
  const char* name = next_name(w);
  struct value v[VALUES_MAX];
  const struct message_row* row;

  if (name == NULL) {
    say_any(w);
    return;
  }
  row = message_named(name);
  choose(w, row, v);
  say(w, row, v);
}

/* ---- the user ------------------------------------------------------------ */

static void think(struct walk* w) {
  static const enum say often[] = { SAY_YES, SAY_YES, SAY_NO, SAY_NOTHING,
                                    SAY_NOTHING };
  struct model* m = &w->pl->m;

  note(w, "another mind");
  m->say_auth = often[roll(w, 5)];
  m->say_form = often[roll(w, 5)];
  m->say_channel = often[roll(w, 5)];
  m->say_request = often[roll(w, 5)];
  m->say_hostkey = one_in(w, 3) ? SAY_NOTHING : SAY_YES;
}

static void answer(struct walk* w) {
  struct model* m = &w->pl->m;
  unsigned number = roll(w, w->pl->numbers + 1);

  if (m->question_count != 0 && !one_in(w, 8))
    number = m->questions[roll(w, m->question_count)].number;
  if (number == 0)
    return;
  note(w, "an answer");
  play_answer(w->pl, number, roll(w, 3) == 0 ? SAY_NO
                             : one_in(w, 4)  ? SAY_NOTHING
                                             : SAY_YES);
}

static void use_channel(struct walk* w) {
  struct play* pl = w->pl;
  struct model_channel* c = some_channel(w);

  if (c == NULL || !c->has_user || c->item_count > ITEMS_MAX - 8)
    return;
  switch (roll(w, 12)) {
    case 0: note(w, "shutdown"); play_shutdown(pl, c); break;
    case 1: note(w, "exit"); play_exit(pl, c); break;
    case 2: note(w, "close"); play_close(pl, c, 0); break;
    case 3: note(w, "abort"); play_close(pl, c, 1); break;
    case 4: case 5: note(w, "ask"); play_ask(pl, c, (int) roll(w, 2)); break;
    default:
      note(w, "send");
      play_send(pl, c, pl->m.is_server && one_in(w, 4) ? WHAT_STDERR
                                                       : WHAT_DATA,
                roll(w, one_in(w, 5) ? 5000 : 60));
      break;
  }
}

static void attempt(struct walk* w) {
  static const unsigned methods[] = { UVSSH_AUTH_NONE, UVSSH_AUTH_PASSWORD,
                                      UVSSH_AUTH_PUBLICKEY };

  if (w->pl->m.place != C5)
    return;
  note(w, "attempt");
  play_attempt(w->pl, methods[roll(w, 3)]);
}

static void use_session(struct walk* w) {
  switch (roll(w, 6)) {
    case 0: case 1: note(w, "open"); play_open(w->pl); break;
    case 2: note(w, "request"); play_global(w->pl, (int) roll(w, 2)); break;
    case 3:
      if (!one_in(w, 3))
        break;
      note(w, "rekey");
      play_rekey(w->pl);
      break;
    default:
      attempt(w);
      break;
  }
}

/* A client's time before login is its user's, and is not the model's. */
static void sleep_some(struct walk* w) {
  if (!w->pl->m.is_server && !w->pl->m.logged_in)
    return;
  note(w, "time");
  play_sleep(w->pl, one_in(w, 40) ? 20000 : roll(w, 700));
}

static void use_jobs(struct walk* w) {
  struct play* pl = w->pl;

  if (pl->m.jobs_held) {
    note(w, "jobs come back");
    play_release_jobs(pl);
  } else if (one_in(w, 4)) {
    note(w, "jobs are held");
    pl->m.jobs_held = 1;
    pl->p->app->pipe.jobs = JOBS_HELD;
  }
}

/* ---- a life -------------------------------------------------------------- */

static void take_step(struct walk* w) {
  unsigned what = roll(w, 100);
  int full = w->pl->m.question_count > ASKED_MAX - 16;

  if (full || what < 8)
    answer(w);
  else if (what < 40)
    say_next(w);
  else if (what < 62)
    say_any(w);
  else if (what < 80)
    use_channel(w);
  else if (what < 88)
    use_session(w);
  else if (what < 93)
    sleep_some(w);
  else if (what < 97)
    use_jobs(w);
  else if (what < 99 || !one_in(w, 4))
    think(w);
  else
    say_odd(w);
}

static void configure(struct walk* w) {
  struct app* a = w->pl->p->app;
  uvssh_config_t* c = w->pl->m.is_server ? &a->server_config
                                         : &a->client_config;

  c->auth_methods = roll(w, 8);
  c->auth_tries = 1 + roll(w, 12);
  c->auth_requests = 4 + roll(w, 40);
  /* At once means the loop's next turn, and how many messages come before that
   * is a matter of how they are cut into reads. */
  c->auth_rejection_ms = w->chunk != 0 ? 300 : roll(w, 2) * 300;
  c->refuse_trivial_auth = one_in(w, 6);
  c->channels = 1 + roll(w, 6);
  c->window_bytes = 1024 + roll(w, 3000);
  c->window_most_bytes = roll(w, 5) * 4000;
  c->packet_bytes = one_in(w, 2) ? 1024 : 4096;
  c->linger_ms = 1000 + roll(w, 3000);
  c->reply_timeout_ms = roll(w, 3) * 5000;
}

/* It leaves in peace, from wherever it is. */
static void leave(struct walk* w) {
  struct play* pl = w->pl;
  struct peer* p = pl->p;

  note(w, "disconnect");
  if (pl->m.jobs_held)
    play_release_jobs(pl);
  if (!play_is_alive(pl))
    return;
  CHECK_EQ(uvssh_session_disconnect(&p->side->pub, 11, "bye"), 0);
  pipe_sleep(&p->app->pipe, w->pl->m.config->linger_ms);
  CHECK_EQ(p->side->closes, 1);
  CHECK_EQ(p->side->end.status, 0);
}

static unsigned live(struct walk* w, uint64_t seed) {
  struct play* pl = w->pl;
  unsigned turns = 0;

  w->seed = w->state = seed;
  w->peer_id = 100;
  w->step = 0;
  memset(w->history, 0, sizeof(w->history));
  w->chunk = one_in(w, 3) ? 1 + roll(w, 64) : 0;
  configure(w);
  pl->m.jobs_held = 0;
  think(w);
  pl->group_first = one_in(w, 16); /* which is dear */
  play_begin(pl, one_in(w, 3) ? STRICT_NONE : STRICT_BOTH,
             (enum guess) (one_in(w, 4) ? 1 + roll(w, 2) : 0));
  if (pl->group_first)
    play_use_group(pl);
  pl->p->app->pipe.seed = seed;
  pl->p->mine->chunk = w->chunk;
  pl->p->mine->random_chunk = 1;
  play_ident(pl);
  while (turns++ < LIFE_STEPS && play_is_alive(pl))
    take_step(w);
  if (play_is_alive(pl))
    leave(w);
  play_over(pl);
  return w->step;
}

static void walk(enum role role) {
  struct walk w = { .pl = play_new(role) };
  const char* one = getenv("UVSSH_WALK_SEED");
  uint64_t steps = (check_release() ? 5000000 : 500000) / check_share();
  uint64_t seed = 1;
  uint64_t lives = 0;

  if (one != NULL) {
    (void) live(&w, strtoull(one, NULL, 10));
    steps = 0;
  }
  for (; w.pl->steps < steps; seed++, lives++)
    (void) live(&w, seed);
  printf("%llu lives, %llu steps compared\n", (unsigned long long) lives,
         (unsigned long long) w.pl->steps);
  play_end(w.pl);
}

TEST(states_walks_of_a_server) {
  walk(PEER_CLIENT);
}

TEST(states_walks_of_a_client) {
  walk(PEER_SERVER);
}
