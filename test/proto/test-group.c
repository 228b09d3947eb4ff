/* One payload for many channels: who is in the group, and the order of what its
 * members get. Slow ones: test-group-slow.c. */
#include "room.h"

/* ---- who is in it -------------------------------------------------------- */

TEST(group_arguments) {
  struct room* room = room_new(UVSSH_SLOW_SKIP, BOUND, 4);
  struct reader* r = enter(room, 100);
  uvssh_group_t group = { 0 };
  uvssh_member_t member = { 0 };
  uvssh_channel_t channel = { 0 };
  uvssh_payload_t* payload = line(0);

  CHECK_EQ(uvssh_group_send(&group, UVSSH_DATA, payload, NULL), UV_ENOTCONN);
  CHECK_EQ(uvssh_group_join(&group, &member, &r->pub), UV_ENOTCONN);
  CHECK(uvssh_group_next(&group, NULL) == NULL);
  uvssh_group_end(&group);
  uvssh_group_end(NULL);
  uvssh_group_leave(&member);
  uvssh_group_leave(NULL);
  CHECK_EQ(uvssh_group_init(&group, (uvssh_slow) 3, 0), UV_EINVAL);
  CHECK_EQ(uvssh_group_init(&group, (uvssh_slow) -1, 0), UV_EINVAL);
  CHECK_EQ(uvssh_group_init(&group, UVSSH_SLOW_CLOSE, 0), 0);
  CHECK_EQ(uvssh_group_init(&group, UVSSH_SLOW_CLOSE, 0), UV_EBUSY);
  CHECK_EQ(uvssh_group_join(&group, &member, NULL), UV_ENOTCONN);
  CHECK_EQ(uvssh_group_join(&group, &member, &channel), UV_ENOTCONN);
  CHECK_EQ(uvssh_group_join(&group, &r->member, &r->pub), UV_EBUSY);
  CHECK_EQ(uvssh_group_join(&room->group, &member, &r->pub), UV_EBUSY);
  CHECK_EQ(uvssh_group_send(&group, UVSSH_DATA, NULL, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_group_send(&group, 2, payload, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_group_send(&group, -1, payload, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_group_send(&group, UVSSH_DATA, payload, NULL), 0);
  CHECK_EQ(uvssh_group_join(&group, &member, &r->pub), 0);
  CHECK(member.channel == &r->pub);
  CHECK_EQ(group.members, 1);
  CHECK_EQ(uvssh_group_send(&group, UVSSH_DATA, payload, &r->member), 1);
  CHECK_EQ(uvssh_group_send(&group, UVSSH_STDERR, payload, &member), 0);
  CHECK_EQ(uvssh_channel_shutdown(NULL, &r->pub, NULL), 0);
  uvssh_group_leave(&member);
  CHECK_EQ(uvssh_group_join(&group, &member, &r->pub), UV_EPIPE);
  uvssh_group_end(&group);
  uvssh_payload_unref(payload);
  room_end(room);
}

/* Members in the order they came, whoever leaves; then there is nobody. */
TEST(group_walk_and_end) {
  struct room* room = room_new(UVSSH_SLOW_SKIP, BOUND, 5);
  uvssh_member_t* m = NULL;
  unsigned i;

  for (i = 0; i < 5; i++)
    enter(room, 0);
  CHECK_EQ(say(room, 7), 5);
  uvssh_group_leave(&room->readers[0].member);
  uvssh_group_leave(&room->readers[2].member);
  CHECK_EQ(uvssh_group_join(&room->group, &room->readers[0].member,
                            &room->readers[0].pub), 0);
  for (i = 0; i < 4; i++) {
    m = uvssh_group_next(&room->group, m);
    CHECK(m == &room->readers["1340"[i] - '0'].member);
    CHECK(m->data == &room->readers["1340"[i] - '0']);
  }
  CHECK(uvssh_group_next(&room->group, m) == NULL);
  CHECK_EQ(room->group.members, 4);
  uvssh_group_end(&room->group);
  uvssh_group_end(&room->group);
  CHECK_EQ(room->group.members, 0);
  CHECK_EQ(room->group.sent, 5);   /* the counts stay */
  for (i = 0; i < 5; i++) {
    CHECK(room->readers[i].member.channel == NULL);
    give_window(room, &room->readers[i]);
  }
  hear(room);
  for (i = 0; i < 5; i++)          /* what was queued still goes out */
    CHECK_EQ(room->readers[i].len, LEN);
  CHECK_EQ(uvssh_group_init(&room->group, UVSSH_SLOW_SKIP, 0), 0);
  CHECK_EQ(room->group.sent, 0);
  room_end(room);
}

/* What was queued for a member that left belongs to nobody: it is not dropped
 * when the channel comes back. Nor is what another group has queued. */
TEST(group_drops_only_its_own) {
  struct room* room = room_new(UVSSH_SLOW_DROP_OLDEST, 3 * LEN, 1);
  struct reader* r = enter(room, 0);
  uvssh_group_t group = { 0 };
  uvssh_member_t member = { 0 };
  uvssh_payload_t* payload = line(500);
  char want[5 * LEN];
  unsigned i;

  CHECK_EQ(say(room, 0), 1);
  uvssh_group_leave(&r->member);
  CHECK_EQ(uvssh_group_join(&room->group, &r->member, &r->pub), 0);
  CHECK_EQ(uvssh_group_init(&group, UVSSH_SLOW_DROP_OLDEST, 3 * LEN), 0);
  CHECK_EQ(uvssh_group_join(&group, &member, &r->pub), 0);
  CHECK_EQ(uvssh_group_send(&group, UVSSH_DATA, payload, NULL), 1);
  uvssh_payload_unref(payload);
  for (i = 1; i < 10; i++)
    CHECK_EQ(say(room, i), 1);
  CHECK_EQ(room->group.dropped, 8);
  CHECK_EQ(group.dropped, 0);
  give_window(room, r);
  hear(room);
  line_text(want, 0, LEN);
  line_text(want + LEN, 500, LEN);
  line_text(want + 2 * LEN, 9, LEN);
  CHECK_MEM(r->got, r->len, want, 3 * LEN);
  CHECK_EQ(say(room, 10), 1);
  uvssh_group_end(&group);
  room_end(room);
}

/* ... and its memory is the caller's again, whatever is still queued. */
TEST(group_member_is_free_when_it_has_left) {
  struct room* room = room_new(UVSSH_SLOW_DROP_OLDEST, BOUND, 1);
  struct reader* r = enter(room, 0);
  uvssh_member_t spoilt;
  unsigned i;

  for (i = 0; i < 2 * SHARED_ROOM; i++)
    CHECK_EQ(say(room, i), 1);
  uvssh_group_leave(&r->member);
  memset(&spoilt, 0x5a, sizeof(spoilt));
  r->member = spoilt;
  give_window(room, r);
  hear(room);
  CHECK_EQ(r->len, BOUND);
  CHECK_MEM(&r->member, sizeof(spoilt), &spoilt, sizeof(spoilt));
  memset(&r->member, 0, sizeof(r->member));
  CHECK_EQ(uvssh_group_join(&room->group, &r->member, &r->pub), 0);
  CHECK_EQ(say(room, 1), 1);
  room_end(room);
}

/* Streams and copies keep their places between payloads; the other stream is
 * written in upper case here. */
TEST(group_keeps_the_order) {
  struct room* room = room_new(UVSSH_SLOW_SKIP, 0, 1);
  struct reader* r = enter(room, 0);
  uvssh_payload_t* payload;
  char want[200];
  size_t len = 0;
  unsigned i;

  CHECK_EQ(uvssh_payload_create(&payload, "p", 1), 0);
  for (i = 0; i < 100; i++) {
    if (i % 7 == 3)
      CHECK_EQ(uvssh_channel_send(&r->pub, UVSSH_DATA, "c", 1), 0);
    else if (i % 7 == 5)
      CHECK_EQ(uvssh_channel_send_payload(&r->pub, UVSSH_DATA, payload), 0);
    else
      CHECK_EQ(uvssh_group_send(&room->group,
                                i % 7 == 1 ? UVSSH_STDERR : UVSSH_DATA, payload,
                                NULL), 1);
    want[len++] = i % 7 == 3 ? 'c' : i % 7 == 1 ? 'P' : 'p';
    if (i == 50)
      peer_adjust(room->p, r->id, 20);
    if (i % 10 == 0)
      hear(room);
  }
  CHECK_EQ(r->len, 20);
  give_window(room, r);
  hear(room);
  CHECK_MEM(r->got, r->len, want, len);
  uvssh_payload_unref(payload);
  room_end(room);
}

/* Clients have no stderr to send: they skip it. */
TEST(group_of_a_client) {
  struct app* a = app_new();
  uvssh_group_t group = { 0 };
  uvssh_member_t member = { 0 };
  uvssh_payload_t* payload = line(1);

  app_login(a);
  app_channel(a, 0);
  CHECK_EQ(uvssh_group_init(&group, UVSSH_SLOW_CLOSE, 0), 0);
  CHECK_EQ(uvssh_group_join(&group, &member, &a->asked[0].pub), 0);
  CHECK_EQ(uvssh_group_send(&group, UVSSH_STDERR, payload, NULL), 0);
  CHECK_EQ(member.lost, 1);
  CHECK_EQ(group.skipped, 1);
  CHECK_EQ(uvssh_group_send(&group, UVSSH_DATA, payload, NULL), 1);
  uvssh_payload_unref(payload);
  pipe_run(&a->pipe);
  CHECK_EQ(a->served[0].got[0], LEN);
  app_end(a);
  CHECK_EQ(group.members, 0);
}
