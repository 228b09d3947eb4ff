/* play.c: see play.h. */
#include "play.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- a life -------------------------------------------------------------- */

static struct side* side_of_play(const struct play* pl) {
  return pl->p->side;
}

/* The table of questions takes its memory at the first one, and keeps it. */
static void warm_up(struct slots* slots) {
  uvssh_reply_t reply;

  uvssh__slots_enter(slots);
  CHECK_EQ(uvssh__slots_add(slots, slots, &reply), 0);
  uvssh__slots_remove(slots, &reply);
}

struct play* play_new(enum role role) {
  struct play* pl = calloc(1, sizeof(*pl));
  struct app* a;

  CHECK(pl != NULL);
  pl->p = peer_new(role);
  a = pl->p->app;
  a->data = pl;
  a->server_config.log_level = UVSSH_LOG_ERROR;
  pl->m.is_server = role == PEER_CLIENT;
  pl->m.config = role == PEER_CLIENT ? &a->server_config : &a->client_config;
  play_set_handlers(pl);
  warm_up(a->pipe.slots);
  return pl;
}

void play_end(struct play* pl) {
  model_free(&pl->m);
  peer_end(pl->p);
  free(pl);
}

/* A first name that nobody has makes the announced guess a wrong one. */
static const char* guessed_list(struct play* pl) {
  const struct peer* p = pl->p;
  char c = p->role == PEER_CLIENT ? 'c' : 's';
  size_t n = (size_t) snprintf(pl->kex_list, sizeof(pl->kex_list),
                               "x@example.com,%s,ext-info-%c", p->kex->name, c);

  if (p->strict != STRICT_NONE)
    snprintf(pl->kex_list + n, sizeof(pl->kex_list) - n,
             ",kex-strict-%c-v00@openssh.com,kex-strict-%c", c, c);
  return pl->kex_list;
}

static void like(struct play* pl) {
#define GROUP "diffie-hellman-group-exchange-sha256"
#define CURVE "curve25519-sha256"
  struct app* a = pl->p->app;

  a->server_config.kex = a->client_config.kex =
      pl->group_first ? GROUP "," CURVE : CURVE "," GROUP;
}

static void use(struct play* pl, const struct kex_alg* kex) {
  pl->p->kex = kex;
  pl->p->lists[LIST_KEX] = pl->m.guess_is_wrong ? guessed_list(pl) : NULL;
  pl->m.group = kex->group_exchange;
}

void play_use_group(struct play* pl) {
  use(pl, &uvssh__dh_gex);
}

void play_begin(struct play* pl, enum strict strict, enum guess guess) {
  struct peer* p = pl->p;

  p->strict = strict;
  p->follows = guess != GUESS_NONE;
  p->hostkey = p->app->pipe.hostkeys.key[0];
  pl->m.strict = strict != STRICT_NONE;
  pl->m.guess_is_wrong = guess == GUESS_WRONG;
  like(pl);
  use(pl, &uvssh__curve25519);
  pl->m.now = p->app->pipe.now;
  model_begin(&pl->m);
  pl->said_end = pl->keys_later = 0;
  pl->reply_len = pl->group_len = 0;
  pl->numbers = 0;
  memset(pl->replies, 0, sizeof(pl->replies));
  pl->heap = heap_live();
  p->app->pipe.jobs = pl->m.jobs_held ? JOBS_HELD : JOBS_NOW;
  peer_open(p);
  pl->cases++;
}

/* The step has no factor in common with the lengths of tables and messages, so
 * that a share sees all of them somewhere. */
int play_is_turn(struct play* pl) {
  return pl->turns++ * 7919 % 10007 % check_share() == 0;
}

/* What is pending when it ends has had its callback, and memory is back. */
void play_over(struct play* pl) {
  struct side* s = side_of_play(pl);
  struct pipe* pipe = &pl->p->app->pipe;

  if (s->up)
    uvssh_session_close(&s->pub);
  pipe_run(pipe);
  CHECK_EQ(s->up, 0);
  CHECK_EQ(s->closes, 1);
  CHECK(s->pub.impl == NULL);
  play_user_is_done(pl);
  peer_again(pl->p);
  CHECK_EQ(heap_live(), pl->heap);
}

/* ---- comparing ----------------------------------------------------------- */

static int by_text(const void* a, const void* b) {
  return strcmp(a, b);
}

static void show(const char* title, const struct notes* n, char* out,
                 size_t size) {
  size_t len = strlen(out);
  unsigned i;

  len += (size_t) snprintf(out + len, size - len, "%s[", title);
  for (i = 0; i < n->count && len < size; i++)
    len += (size_t) snprintf(out + len, size - len, "%s%s", i != 0 ? "; " : "",
                             n->line[i]);
  if (len < size)
    snprintf(out + len, size - len, "] ");
}

static void compare_notes(const char* what, struct notes* want,
                          struct notes* got, int any_order) {
  char text[1400] = "";
  unsigned i;

  if (any_order) {
    qsort(want->line, want->count, sizeof(want->line[0]), by_text);
    qsort(got->line, got->count, sizeof(got->line[0]), by_text);
  }
  for (i = 0; i < want->count && i < got->count; i++)
    if (strcmp(want->line[i], got->line[i]) != 0)
      break;
  if (i == want->count && i == got->count)
    return;
  show("the model has ", want, text, sizeof(text));
  show("the session ", got, text, sizeof(text));
  FAIL("%s: %s", what, text);
}

static void compare_lanes(struct play* pl) {
  uint32_t want[WHATS];
  uint64_t sum = 0;
  unsigned i, k, n;

  for (i = 0; i < pl->lane_count; i++) {
    memset(want, 0, sizeof(want));
    for (k = 0; k < CHANNELS_MAX; k++)
      for (n = 0; n < WHATS; n++)
        if (pl->m.channels[k].peer_id == pl->lanes[i].peer_id)
          want[n] += pl->m.channels[k].sent[n];
    for (n = 0; n < WHATS; n++) {
      if (pl->lanes[i].sent[n] != want[n])
        FAIL("channel %u, kind %u: the session has sent %u, the model %u",
             (unsigned) pl->lanes[i].peer_id, n,
             (unsigned) pl->lanes[i].sent[n], (unsigned) want[n]);
      sum += want[n];
    }
  }
  for (k = 0; k < CHANNELS_MAX; k++)
    for (n = 0; n < WHATS; n++)
      sum -= pl->m.channels[k].sent[n];
  CHECK_EQ(sum, 0);                /* or something did not leave */
}

/* After the end a user hears of ends only. */
static int is_news(const char* event) {
  static const char* const ends[] = { "closed ", "end ", "answered ", "login ",
                                      "opened ", "rekeyed " };
  size_t i;

  for (i = 0; i < ARRAY_SIZE(ends); i++)
    if (strncmp(event, ends[i], strlen(ends[i])) == 0)
      return 0;
  return 1;
}

static void keep_news(struct notes* n) {
  unsigned i;
  unsigned k = 0;

  for (i = 0; i < n->count; i++)
    if (is_news(n->line[i]))
      memmove(n->line[k++], n->line[i], sizeof(n->line[0]));
  n->count = k;
}

static void compare_end(struct play* pl) {
  struct side* s = side_of_play(pl);

  if (pl->m.reason != 0) {
    CHECK(pl->said_end);
    CHECK_EQ(pl->reason, pl->m.reason);
  } else {
    CHECK(!pl->said_end);
  }
  peer_hang_up(pl->p);
  pipe_run(&pl->p->app->pipe);
  CHECK_EQ(s->closes, 1);
  CHECK_EQ(s->end.by_peer, pl->m.reason == 0);
  if (pl->m.reason != 0)
    CHECK_EQ(s->end.reason, pl->m.reason);
  CHECK(s->end.status < 0);
  keep_news(&pl->m.events);
  keep_news(&pl->events);
}

/* The keys that the model has not computed decide: on, or a known end. */
static void compare_unsure(struct play* pl) {
  if (!pl->said_end) {
    CHECK_EQ(side_of_play(pl)->closes, 0);
    return;
  }
  CHECK(pl->reason == 2 || pl->reason == 3);
}

static void compare_state(struct play* pl) {
  const struct model* m = &pl->m;
  struct side* s = side_of_play(pl);
  uvssh_session_info_t info;

  CHECK_EQ(s->closes, 0);
  CHECK(!pl->said_end);
  CHECK_EQ(uvssh__session_state(&s->session), place_state(m->place));
  CHECK_EQ(uvssh_session_is_ready(&s->pub), m->logged_in);
  uvssh_session_info(&s->pub, &info);
  CHECK_EQ(info.rekeys, m->rekeys);
  if (m->first_done)
    CHECK_EQ(info.strict, m->strict);
  if (m->logged_in)
    CHECK_EQ(info.auth_method, m->login_method);
  if (m->is_server)
    CHECK_STR(uvssh_session_user(&s->pub), m->logged_in ? m->user : "");
  play_compare_channels(pl);
}

void play_compare(struct play* pl) {
  pl->steps++;
  if (pl->m.unsure) {
    compare_unsure(pl);
    return;
  }
  /* A refusal leaves with the loop's next turn; what came with it in one read
   * may be the end before that. */
  if (pl->m.over && pl->m.any_order && pl->wire.count < pl->m.wire.count)
    pl->m.wire.count = pl->wire.count;
  compare_notes("said", &pl->m.wire, &pl->wire, 0);
  if (pl->m.over) {
    compare_end(pl);
  } else {
    compare_state(pl);
    compare_lanes(pl);
  }
  compare_notes("heard", &pl->m.events, &pl->events, pl->m.any_order);
}

void play_step(struct play* pl) {
  model_step(&pl->m);
  pl->wire.count = pl->events.count = pl->lane_count = 0;
}

/* ---- the peer says ------------------------------------------------------- */

void play_ident(struct play* pl) {
  play_step(pl);
  peer_say_ident(pl->p);
  model_ident(&pl->m);
  play_listen(pl);
  play_compare(pl);
}

/* Its new keys count behind a NEWKEYS that counts. */
static int changes_keys(const struct play* pl, const uint8_t* payload,
                        size_t len) {
  const struct model* m = &pl->m;

  return payload[0] == MSG_NEWKEYS && len == 1 && !m->over &&
         oracle_cell(place_behind(m->place), MSG_NEWKEYS) == 'A';
}

void play_say_bytes(struct play* pl, const uint8_t* payload, size_t len,
                    int as_due) {
  struct peer* p = pl->p;
  int keys = changes_keys(pl, payload, len);

  play_step(pl);
  if (payload[0] == MSG_KEX_DH_GEX_REQUEST &&
      (pl->m.place == S2G || pl->m.place == S10G)) {
    uvssh__buf_reset(&p->group);   /* it will be hashed as it was said */
    wr_bytes(&p->group, payload + 1, len - 1);
  }
  pl->m.seq = p->seq_out;
  model_hear(&pl->m, payload, len, as_due);
  peer_send_bytes(p, payload, len);
  if (keys && p->next_out.cipher != NULL)
    uvssh__script_change_keys(&p->script);
  else if (keys)
    pl->keys_later = 1;
  play_listen(pl);
  play_compare(pl);
}

/* Of the exchange: the right one, now. */
static int is_due(const struct play* pl, const struct message_row* row) {
  int place = pl->m.place;

  switch (row->number) {
    case MSG_KEX_ECDH_INIT: return place == S2 || place == S10;
    case MSG_KEX_DH_GEX_INIT: return place == S2K || place == S10K;
    case MSG_KEX_ECDH_REPLY:
      if (strcmp(row->types, "ss") == 0)
        return pl->group_len != 0 && (place == C2G || place == C12G);
      return pl->reply_len != 0 && (place == C2 || place == C12);
    case MSG_KEX_DH_GEX_REPLY:
      return pl->reply_len != 0 && (place == C2K || place == C12K);
    default: return 0;
  }
}

static int is_of_method(const struct message_row* row) {
  return row->number >= 30 && row->number < 50;
}

/* What was made when the session spoke. */
static size_t made_before(const struct play* pl, const struct message_row* row,
                          uint8_t* payload) {
  int group = strcmp(row->types, "ss") == 0;
  size_t len = group ? pl->group_len : pl->reply_len;

  memcpy(payload, group ? pl->group : pl->reply, len);
  return len;
}

size_t play_write(struct play* pl, const struct message_row* row,
                  uint8_t* payload) {
  struct peer* p = pl->p;
  struct buf* m = &p->message;

  if (is_due(pl, row) && row->types[1] != '\0')
    return made_before(pl, row, payload);
  if (row->number == MSG_KEXINIT)
    CHECK_EQ(uvssh__script_make_kexinit(&p->script), 0);
  else if (is_due(pl, row))
    CHECK_EQ(uvssh__script_make_init(&p->script), 0);
  else
    m = message_write(p, row);
  CHECK(m->len <= PAYLOAD_MAX);
  memcpy(payload, m->base, m->len);
  return m->len;
}

void play_say(struct play* pl, const struct message_row* row) {
  uint8_t payload[PAYLOAD_MAX];
  int as_due = is_due(pl, row);
  size_t len = play_write(pl, row, payload);

  if (row->number == 60)           /* only one of them names our key */
    as_due = row == message_row(60);
  else if (!is_of_method(row))
    as_due = 1;

  play_say_bytes(pl, payload, len, as_due);
}

void play_say_with(struct play* pl, const struct message_row* row,
                   const struct value* values) {
  struct buf* m = message_write_with(pl->p, row, values);
  uint8_t payload[PAYLOAD_MAX];
  size_t len = m->len;

  CHECK(len <= sizeof(payload));
  memcpy(payload, m->base, len);
  play_say_bytes(pl, payload, len, 1);
}

int play_is_same(const struct message_row* row, const uint8_t* golden,
                 size_t golden_len, const uint8_t* payload, size_t len) {
  str_t a = { golden + 1, golden_len - 1 };
  str_t b = { payload + 1, len - 1 };
  struct fields x;
  struct fields y;
  unsigned i;

  if (row->number < 50)            /* exact: it is hashed */
    return golden_len == len && memcmp(golden, payload, len) == 0;
  if (!message_parse(row->types, a, &x) || !message_parse(row->types, b, &y))
    return 0;
  for (i = 0; i < x.count; i++)
    if (x.u[i] != y.u[i] || !str_eq(x.s[i], y.s[i]))
      return 0;
  return x.count == y.count;
}
