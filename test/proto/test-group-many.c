/* A thousand members that stop and go on at random: each has what its policy
 * says. What a delivery costs. */
#include "room.h"

enum { HEAD = 6, LINE_MAX_BYTES = 400 };

/* ---- a thousand, at random ----------------------------------------------- */

/* Number, length, and bytes that follow from both. */
static uvssh_payload_t* numbered(unsigned number, size_t len) {
  uint8_t bytes[LINE_MAX_BYTES];
  uvssh_payload_t* payload;

  put_u32(bytes, number);
  bytes[4] = (uint8_t) (len >> 8);
  bytes[5] = (uint8_t) len;
  app_pattern(bytes + HEAD, number, len - HEAD);
  CHECK_EQ(uvssh_payload_create(&payload, bytes, len), 0);
  return payload;
}

static void one_line(struct reader* r) {
  const uint8_t* got = (const uint8_t*) r->got;
  unsigned number = get_u32(got);
  size_t len = (size_t) got[4] << 8 | got[5];
  size_t i;

  CHECK(r->lines == 0 || number > r->last);
  for (i = HEAD; i < len; i++)
    CHECK_EQ(got[i], app_byte(number + i - HEAD));
  r->last = number;
  r->lines++;
}

/* Whole lines, each later than the one before. */
static void on_line(struct reader* r, str_t data) {
  size_t len;

  CHECK(r->len + data.len <= GOT);
  memcpy(r->got + r->len, data.base, data.len);
  r->len += data.len;
  for (; r->len >= HEAD; r->len -= len) {
    len = (size_t) (uint8_t) r->got[4] << 8 | (uint8_t) r->got[5];
    if (len > r->len)
      return;
    one_line(r);
    memmove(r->got, r->got + len, r->len - len);
  }
}

struct crowd {
  struct room* room;
  uvssh_slow policy;
  unsigned sent;
  unsigned held;
};

static unsigned any(struct crowd* c, unsigned n) {
  return (unsigned) (pipe_random(&c->room->p->app->pipe) % n);
}

static struct reader* any_reader(struct crowd* c) {
  return &c->room->readers[any(c, c->room->max)];
}

/* Nobody is called back in it: who is open now has taken it, or lost it. */
static void send_one(struct crowd* c) {
  size_t len = HEAD + any(c, LINE_MAX_BYTES - HEAD);
  uvssh_payload_t* payload = numbered(c->sent++, len);
  struct reader* not_to = any(c, 3) == 0 ? any_reader(c) : NULL;
  uvssh_group_t* group = &c->room->group;
  uint64_t before = group->skipped + group->closed;
  int want = 0;
  unsigned i;

  for (i = 0; i < c->room->max; i++)
    want += uvssh_channel_is_open(&c->room->readers[i].pub) &&
            &c->room->readers[i] != not_to;
  want -= uvssh_group_send(group, UVSSH_DATA, payload,
                           not_to == NULL ? NULL : &not_to->member);
  CHECK_EQ(want, group->skipped + group->closed - before);
  if (not_to != NULL)
    not_to->not_for_it++;
  uvssh_payload_unref(payload);
}

static void exchange_keys(struct crowd* c) {
  c->room->p->side->hold = 0;
  hear(c->room);
  CHECK_EQ(uvssh_session_rekey(NULL, &c->room->p->side->pub, NULL), 0);
  send_one(c);
  send_one(c);
  peer_rekey(c->room->p);
}

static void do_something(struct crowd* c) {
  struct reader* r = any_reader(c);

  switch (any(c, 12)) {
    case 0:
      c->room->p->side->hold = !c->room->p->side->hold;
      break;
    case 1:
      if (any(c, 50) == 0)
        exchange_keys(c);
      break;
    case 2:
      if (any(c, 10) == 0)
        uvssh_channel_close(&r->pub);
      break;
    case 3:
    case 4:
      hear(c->room);
      break;
    default:
      if (r->pub.impl != NULL)
        peer_adjust(c->room->p, r->id, any(c, 3000));
  }
}

static void check_reader(const struct crowd* c, const struct reader* r) {
  if (r->closes != 0) {
    CHECK(r->lines <= c->sent);
    return;
  }
  CHECK_EQ(r->len, 0);             /* no payload was cut */
  CHECK_EQ(r->lines + r->member.lost + r->not_for_it, c->sent);
  if (c->policy == UVSSH_SLOW_CLOSE)
    CHECK_EQ(r->member.lost, 0);
}

static void check_crowd(const struct crowd* c) {
  const uvssh_group_t* group = &c->room->group;
  unsigned i;

  CHECK(group->sent > 10 * c->room->max);
  CHECK_EQ(group->skipped != 0, c->policy == UVSSH_SLOW_SKIP);
  CHECK_EQ(group->dropped != 0, c->policy == UVSSH_SLOW_DROP_OLDEST);
  CHECK_EQ(group->closed != 0, c->policy == UVSSH_SLOW_CLOSE);
  for (i = 0; i < c->room->max; i++) {
    NOTE("policy %d, reader %u", c->policy, i);
    check_reader(c, &c->room->readers[i]);
  }
}

static void play_crowd(uvssh_slow policy, unsigned members, unsigned lines) {
  struct crowd c = { .policy = policy };
  unsigned i;

  c.room = room_new(policy, 2000, members);
  c.room->on_data = on_line;
  for (i = 0; i < members; i++)
    enter(c.room, any(&c, 3) * 5000);
  while (c.sent < lines) {
    for (i = any(&c, members); i != 0; i--)
      do_something(&c);
    for (i = any(&c, 8); i != 0; i--)
      send_one(&c);
  }
  c.room->p->side->hold = 0;
  for (i = 0; i < members; i++)
    if (c.room->readers[i].pub.impl != NULL)
      give_window(c.room, &c.room->readers[i]);
  hear(c.room);
  check_crowd(&c);
  room_end(c.room);
}

TEST(group_of_a_thousand) {
  unsigned members = 1000 / check_share();
  unsigned lines = check_release() ? 1000 : 100;
  unsigned policy;

  if (members < 10)
    members = 10;
  for (policy = UVSSH_SLOW_SKIP; policy <= UVSSH_SLOW_CLOSE; policy++)
    play_crowd((uvssh_slow) policy, members, lines);
}

/* ---- what a delivery costs ----------------------------------------------- */

enum { LINES = 500, READERS = 100 };

/* Many sessions of one loop, each with a channel of the group. */
struct loop {
  struct app* apps[READERS];
  uvssh_member_t members[READERS];
  uvssh_group_t group;
  unsigned count;
};

static struct slots* share_slots(struct app* a, struct slots* slots) {
  struct slots* own = a->pipe.slots;

  a->pipe.slots = slots;
  return own;
}

static void loop_begin(struct loop* l, unsigned count) {
  unsigned i;

  memset(l, 0, sizeof(*l));
  l->count = count;
  CHECK_EQ(uvssh_group_init(&l->group, UVSSH_SLOW_SKIP, 0), 0);
  for (i = 0; i < count; i++) {
    l->apps[i] = app_new();
    if (i != 0)
      uvssh__slots_destroy(share_slots(l->apps[i], l->apps[0]->pipe.slots));
    app_login(l->apps[i]);
    app_channel(l->apps[i], 0);
    CHECK_EQ(uvssh_group_join(&l->group, &l->members[i],
                              &l->apps[i]->served[0].pub), 0);
  }
}

static void loop_end(struct loop* l) {
  unsigned i;

  uvssh_group_end(&l->group);
  for (i = l->count; i-- != 0;) {
    pipe_reset(&l->apps[i]->pipe);
    if (i != 0)
      (void) share_slots(l->apps[i], uvssh__slots_create());
    app_end(l->apps[i]);
  }
}

static uint64_t packets_out(const struct loop* l) {
  uint64_t n = 0;
  unsigned i;

  for (i = 0; i < l->count; i++)
    n += l->apps[i]->pipe.server.session.transport.out.packets;
  return n;
}

static void run_all(struct loop* l) {
  unsigned i;

  for (i = 0; i < l->count; i++)
    pipe_run(&l->apps[i]->pipe);
}

/* Sends LINES lines, so many a turn of the loop. */
static void burst(struct loop* l, unsigned a_turn) {
  uvssh_payload_t* payload = line(1);
  unsigned i;

  for (i = 0; i < LINES; i++) {
    CHECK_EQ(uvssh_group_send(&l->group, UVSSH_DATA, payload, NULL), l->count);
    if ((i + 1) % a_turn == 0)
      run_all(l);
  }
  uvssh_payload_unref(payload);
  for (i = 0; i < l->count; i++) {
    CHECK_EQ(l->apps[i]->asked[0].got[0], (size_t) LINES * LEN);
    l->apps[i]->asked[0].got[0] = 0;
  }
}

/* Who keeps up costs no allocation, and a packet for each line; many lines in
 * one turn cost an allocation and a packet for every SHARED_ROOM. */
TEST(group_costs) {
  static struct loop l;
  unsigned batches = LINES / SHARED_ROOM + 1;
  uint64_t packets;

  loop_begin(&l, check_share() > 1 ? 10 : READERS);
  burst(&l, 1);                    /* blocks for output are there then */
  packets = packets_out(&l);
  heap_fail_at(0);
  burst(&l, 1);
  CHECK_EQ(heap_count(), 1);       /* the payload */
  CHECK_EQ(packets_out(&l) - packets, LINES * l.count);
  burst(&l, LINES);
  packets = packets_out(&l);
  heap_fail_at(0);
  burst(&l, LINES);
  CHECK(heap_count() <= batches * l.count + 1);
  CHECK(packets_out(&l) - packets <= (batches + 4) * l.count);
  CHECK_EQ(l.group.sent, (uint64_t) 4 * LINES * l.count);
  loop_end(&l);
}

/* ---- sessions that end, loops that differ -------------------------------- */

TEST(group_members_leave_with_their_session) {
  static struct loop l;
  struct app* other = app_new();
  uvssh_member_t member = { 0 };

  loop_begin(&l, 3);
  app_login(other);
  app_channel(other, 0);
  CHECK_EQ(uvssh_group_join(&l.group, &member, &other->served[0].pub),
           UV_EINVAL);
  uvssh_session_disconnect(&l.apps[1]->pipe.server.pub,
                           UVSSH_DISCONNECT_BY_APPLICATION, "");
  pipe_finish(&l.apps[1]->pipe);
  CHECK_EQ(l.group.members, 2);
  CHECK(l.members[1].channel == NULL);
  l.apps[0]->pipe.client.cut_at = 0;
  l.apps[0]->pipe.client.cut = CUT_RESET;
  CHECK_EQ(uvssh_channel_send(&l.apps[0]->asked[0].pub, UVSSH_DATA, "x", 1), 0);
  pipe_run(&l.apps[0]->pipe);
  CHECK_EQ(l.group.members, 1);
  CHECK(uvssh_group_next(&l.group, NULL) == &l.members[2]);
  app_end(other);
  loop_end(&l);
}

/* ---- without memory ------------------------------------------------------ */

/* A line is queued whole or not at all, for each member by itself, and counted.
 * Returns 0 when there were fewer than n allocations. */
static int send_without(uvssh_slow policy, uint32_t window, size_t n) {
  struct room* room = room_new(policy, 0, 3);
  uvssh_payload_t* payload = line(1);
  int failed, took;
  unsigned i;

  for (i = 0; i < 3; i++)
    enter(room, i == 1 ? window : 0);
  heap_fail_at(n);
  took = uvssh_group_send(&room->group, UVSSH_DATA, payload, NULL);
  failed = heap_failed();
  heap_fail_at(0);
  uvssh_payload_unref(payload);
  CHECK_EQ(took, failed ? 2 : 3);
  CHECK_EQ(room->group.sent, took);
  CHECK_EQ(room->group.skipped, failed && policy != UVSSH_SLOW_CLOSE);
  CHECK_EQ(room->group.closed, failed && policy == UVSSH_SLOW_CLOSE);
  if (room->p->side->session.desk.failed == 0) {
    for (i = 0; i < 3; i++)
      give_window(room, &room->readers[i]);
    hear(room);
    for (i = 0; i < 3; i++)
      CHECK_EQ(room->readers[i].len,
               room->readers[i].member.lost == 0 ? LEN : 0);
  } else {
    CHECK_EQ(room->p->side->session.desk.failed, UV_ENOMEM);
  }
  room_end(room);
  return failed;
}

/* The old one went, and there is no memory for the new one: nothing waits, and
 * nothing is sealed when the transport is free again. */
TEST(group_drops_all_and_has_no_memory) {
  struct room* room = room_new(UVSSH_SLOW_DROP_OLDEST, LEN, 1);
  struct reader* r = enter(room, 1000);
  uvssh_payload_t* payload = line(1);

  room->p->side->hold = 1;
  CHECK_EQ(uvssh_channel_send(&r->pub, UVSSH_DATA, "x", 1), 0);
  pipe_run(&room->p->app->pipe);
  CHECK_EQ(uvssh_group_send(&room->group, UVSSH_DATA, payload, NULL), 1);
  CHECK_EQ(uvssh_channel_queue_size(&r->pub), LEN);
  heap_fail_at(1);
  CHECK_EQ(uvssh_group_send(&room->group, UVSSH_DATA, payload, NULL), 0);
  heap_fail_at(0);
  uvssh_payload_unref(payload);
  CHECK_EQ(room->group.dropped, 1);
  CHECK_EQ(room->group.skipped, 1);
  CHECK_EQ(uvssh_channel_queue_size(&r->pub), 0);
  pipe_run(&room->p->app->pipe);
  CHECK_EQ(r->drains, 1);          /* nothing else would tell of the room */
  room->p->side->hold = 0;
  hear(room);
  CHECK_EQ(r->len, 1);
  peer_alive(room->p);
  room_end(room);
}

TEST(group_without_memory) {
  unsigned policy;
  size_t n;

  for (policy = UVSSH_SLOW_SKIP; policy <= UVSSH_SLOW_CLOSE; policy++) {
    for (n = 1; send_without((uvssh_slow) policy, 0, n); n++)
      NOTE("policy %u, allocation %zu", policy, n + 1);
    CHECK_EQ(n, 4);
    for (n = 1; send_without((uvssh_slow) policy, 40, n); n++)
      NOTE("policy %u, a part has left, allocation %zu", policy, n + 1);
    CHECK(n >= 4);
  }
}
