/* play_listen.c: what the session says, in the model's words; see play.h. */
#include "play.h"

/* ---- on channels --------------------------------------------------------- */

static struct play_lane* lane(struct play* pl, uint32_t peer_id) {
  unsigned i;

  for (i = 0; i < pl->lane_count; i++)
    if (pl->lanes[i].peer_id == peer_id)
      return &pl->lanes[i];
  CHECK(pl->lane_count < PLAY_LANES);
  memset(&pl->lanes[i], 0, sizeof(pl->lanes[i]));
  pl->lanes[i].peer_id = peer_id;
  pl->lane_count++;
  return &pl->lanes[i];
}

/* No data behind EOF, nothing behind CLOSE; how it ended may be told between
 * them. */
static void on_lane(struct play* pl, uint32_t peer_id, enum what what,
                    uint32_t n) {
  struct play_lane* l = lane(pl, peer_id);

  CHECK_EQ(l->sent[WHAT_CLOSE], 0);
  if (what != WHAT_EXIT)
    CHECK(l->sent[WHAT_EOF] == 0 || what == WHAT_CLOSE);
  l->sent[what] += n;
}

static void hear_data(struct play* pl, unsigned number, rd_t* r) {
  uint32_t id = rd_u32(r);
  uint32_t code = number == MSG_CHANNEL_EXTENDED_DATA ? rd_u32(r) : 0;
  str_t data = rd_str(r);
  unsigned i;

  CHECK_EQ(rd_end(r), 0);
  CHECK(data.len != 0);
  CHECK(code <= 1);
  for (i = 0; i < CHANNELS_MAX; i++)
    if (pl->m.channels[i].used && pl->m.channels[i].peer_id == id)
      CHECK(data.len <= pl->m.channels[i].packet_out);
  on_lane(pl, id, code == 1 ? WHAT_STDERR : WHAT_DATA, (uint32_t) data.len);
}

static void hear_request(struct play* pl, rd_t* r) {
  uint32_t id = rd_u32(r);
  str_t name = rd_str(r);
  int want_reply = rd_bool(r);

  CHECK(!r->bad);
  if (str_is(name, "exit-status") || str_is(name, "exit-signal")) {
    CHECK_EQ(want_reply, 0);
    on_lane(pl, id, WHAT_EXIT, 1);
    return;
  }
  notes_add(&pl->wire, "98 %u %.*s %d", (unsigned) id, (int) name.len,
            (const char*) name.base, want_reply);
}

/* ---- logging in ---------------------------------------------------------- */

static void hear_login(struct play* pl, rd_t* r) {
  str_t method;
  int more = 0;

  CHECK(str_is(rd_str(r), "bob"));
  CHECK(str_is(rd_str(r), "ssh-connection"));
  method = rd_str(r);
  if (!str_is(method, "none"))
    more = rd_bool(r);
  CHECK(!r->bad);
  notes_add(&pl->wire, "50 %.*s%s", (int) method.len,
            (const char*) method.base,
            method.len >= 9 && memcmp(method.base, "publickey", 9) == 0
                ? (more ? " signed" : " probe")
            : more                      ? " changed"
                                        : "");
}

static void hear_failure(struct play* pl, rd_t* r) {
  str_t list = rd_str(r);
  int partial = rd_bool(r);
  unsigned which = 0;

  CHECK_EQ(rd_end(r), 0);
  if (uvssh__namelist_has(list, STR("password")))
    which |= UVSSH_AUTH_PASSWORD;
  if (uvssh__namelist_has(list, STR("publickey")))
    which |= UVSSH_AUTH_PUBLICKEY;
  notes_add(&pl->wire, "51 %u %d", which, partial);
}

/* ---- keys ---------------------------------------------------------------- */

static void hear_keys(struct play* pl, unsigned number) {
  struct peer* p = pl->p;

  notes_add(&pl->wire, "%u", number);
  if (number == MSG_KEXINIT) {
    uvssh__script_hear_kexinit(&p->script);
  } else if (number == MSG_KEX_DH_GEX_REQUEST) {
    CHECK_EQ(uvssh__script_make_group(&p->script), 0);
    CHECK(p->message.len <= sizeof(pl->group));
    memcpy(pl->group, p->message.base, p->message.len);
    pl->group_len = p->message.len;
  } else if (number == MSG_KEX_DH_GEX_GROUP && p->kex->group_exchange) {
    CHECK_EQ(uvssh__script_hear_group(&p->script), 0);
  } else if (number == MSG_KEX_ECDH_INIT || number == MSG_KEX_DH_GEX_INIT) {
    /* Of a group that we have not said nothing can be made. */
    if (pl->m.unsure)
      return;
    CHECK_EQ(uvssh__script_make_reply(&p->script), 0);
    CHECK(p->message.len <= sizeof(pl->reply));
    memcpy(pl->reply, p->message.base, p->message.len);
    pl->reply_len = p->message.len;
  } else {
    /* Whoever has said what we cannot know the keys of, hears no more. */
    CHECK(uvssh__script_hear_reply(&p->script) == 0 || pl->m.unsure);
    if (pl->keys_later)
      uvssh__script_change_keys(&p->script);
    pl->keys_later = 0;
  }
}

/* ---- all ----------------------------------------------------------------- */

static void hear_open(struct play* pl, unsigned number, rd_t* r) {
  uint32_t a;

  if (number == MSG_CHANNEL_OPEN)
    (void) rd_str(r);
  a = rd_u32(r);
  if (number == MSG_CHANNEL_OPEN_CONFIRMATION)
    notes_add(&pl->wire, "91 %u %u", (unsigned) a, (unsigned) rd_u32(r));
  else
    notes_add(&pl->wire, "%u %u", number, (unsigned) a);
  CHECK(!r->bad);
}

static void hear_window(struct play* pl, rd_t* r) {
  uint32_t id = rd_u32(r);
  uint32_t bytes = rd_u32(r);

  CHECK_EQ(rd_end(r), 0);
  if (!pl->m.over && !pl->m.unsure)
    CHECK(model_credit(&pl->m, id, bytes));
}

static void hear_global(struct play* pl, rd_t* r) {
  (void) rd_str(r);
  notes_add(&pl->wire, "80 %d", rd_bool(r));
  CHECK(!r->bad);
}

static void hear_end(struct play* pl, rd_t* r) {
  pl->said_end = 1;
  pl->reason = rd_u32(r);
}

static void hear(struct play* pl, unsigned number, rd_t* r) {
  switch (number) {
    case 1: hear_end(pl, r); break;
    case 20: case 30: case 31: case 32: case 33: case 34:
      hear_keys(pl, number);
      break;
    case 5: CHECK(str_is(rd_str(r), "ssh-userauth"));
      notes_add(&pl->wire, "5 ssh-userauth");
      break;
    case 50: hear_login(pl, r); break;
    case 51: hear_failure(pl, r); break;
    case 60: notes_add(&pl->wire, "60 key"); break;
    case 80: hear_global(pl, r); break;
    case 90: case 91: case 92: hear_open(pl, number, r); break;
    case 93: hear_window(pl, r); break;
    case 94: case 95: hear_data(pl, number, r); break;
    case 96: on_lane(pl, rd_u32(r), WHAT_EOF, 1); break;
    case 97: on_lane(pl, rd_u32(r), WHAT_CLOSE, 1); break;
    case 98: hear_request(pl, r); break;
    case 6: case 7: case 21: case 52: case 81: case 82:
      notes_add(&pl->wire, "%u", number);
      break;
    case 3: case 99: case 100: case 193:
      notes_add(&pl->wire, "%u %u", number, (unsigned) rd_u32(r));
      break;
    default:
      FAIL("the session says %u", number);
  }
}

void play_listen(struct play* pl) {
  int number;

  while ((number = peer_next(pl->p)) >= 0) {
    CHECK(!pl->said_end);          /* nothing comes behind DISCONNECT */
    hear(pl, (unsigned) number, &pl->p->m);
    /* Its keys are not those that the model has gone on with. */
    if (pl->m.unsure && (number == 21 || number == 31 || number == 33 || number == 1))
      break;
  }
}
