/* What becomes of slow members of a group: each policy in each state that a
 * reader can be in, compared with a model. */
#include "room.h"

enum { SENDS = 25 };

/* ---- the policies, against a model --------------------------------------- */

struct situation {
  const char* name;
  uint32_t window;                 /* the reader's, when it comes */
  unsigned before;                 /* lines that were sent to it first, */
  uint32_t adjust;                 /* what it then allows, */
  size_t left;                     /* and what of them has left */
  size_t copies;                   /* bytes that were copied for it next */
  void (*block)(struct room* room, struct reader* r);
  int blocked;                     /* nothing leaves while lines come */
  int gone;                        /* it takes nothing, and is not counted */
  void (*release)(struct room* room, struct reader* r);
};

static void hold(struct room* room, struct reader* r) {
  room->p->side->hold = 1;
  CHECK_EQ(uvssh_session_request(
               NULL, &room->p->side->pub,
               &(uvssh_session_request_t){ .type = UVSSH_GLOBAL_OTHER,
                                           .name = "x@example.com" },
               NULL), 0);
  pipe_run(&room->p->app->pipe);   /* in flight, for as long as that */
}

static void unhold(struct room* room, struct reader* r) {
  room->p->side->hold = 0;
}

static void exchange(struct room* room, struct reader* r) {
  CHECK_EQ(uvssh_session_rekey(NULL, &room->p->side->pub, NULL), 0);
}

static void finish_exchange(struct room* room, struct reader* r) {
  peer_rekey(room->p);
}

static void shut(struct room* room, struct reader* r) {
  CHECK_EQ(uvssh_channel_shutdown(NULL, &r->pub, NULL), 0);
}

static void close_it(struct room* room, struct reader* r) {
  uvssh_channel_close(&r->pub);
}

static void exit_it(struct room* room, struct reader* r) {
  CHECK_EQ(uvssh_channel_exit(&r->pub, 0, 0), 0);
}

static void abort_it(struct room* room, struct reader* r) {
  uvssh_channel_abort(&r->pub);
}

static void peer_closes(struct room* room, struct reader* r) {
  peer_u32(room->p, MSG_CHANNEL_CLOSE, r->id);
  pipe_run(&room->p->app->pipe);
}

static void leave_it(struct room* room, struct reader* r) {
  uvssh_group_leave(&r->member);
  uvssh_group_leave(&r->member);
}

static void disconnect(struct room* room, struct reader* r) {
  room->p->side->stop = 1;
  peer_hang_up(room->p);
  pipe_run(&room->p->app->pipe);
}

static const struct situation situations[] = {
  { .name = "keeps up", .window = 1000 * 1000 },
  { .name = "no window", .blocked = 1, .release = give_window },
  { .name = "transport held", .window = 1000 * 1000, .block = hold,
    .blocked = 1, .release = unhold },
  { .name = "key exchange", .window = 1000 * 1000, .block = exchange,
    .blocked = 1, .release = finish_exchange },
  { .name = "some copies", .copies = 450, .blocked = 1,
    .release = give_window },
  { .name = "copies up to the bound", .copies = BOUND, .blocked = 1,
    .release = give_window },
  { .name = "lines, then copies", .before = 3, .copies = 690, .blocked = 1,
    .release = give_window },
  { .name = "partly left", .window = 40, .before = 1, .left = 40, .blocked = 1,
    .release = give_window },
  { .name = "partly left of a batch", .before = 4, .adjust = 250, .left = 250,
    .blocked = 1, .release = give_window },
  { .name = "the last of a batch, partly", .before = 2, .adjust = 150,
    .left = 150, .copies = 300, .blocked = 1, .release = give_window },
  { .name = "shut down", .block = shut, .gone = 1, .release = give_window },
  { .name = "closing", .before = 2, .block = close_it, .gone = 1,
    .release = give_window },
  { .name = "exiting", .before = 2, .block = exit_it, .gone = 1,
    .release = give_window },
  { .name = "aborted", .block = abort_it, .gone = 1 },
  { .name = "closed by the peer", .block = peer_closes, .gone = 1 },
  { .name = "has left", .before = 2, .block = leave_it, .gone = 1,
    .release = give_window },
  { .name = "its session has ended", .block = disconnect, .gone = 1 },
};

struct model {                     /* of a reader's queue */
  size_t queued;
  size_t waiting;                  /* of it: lines that may be dropped */
  unsigned lines[200];             /* that it has, or gets, in order */
  unsigned count;
  unsigned first;                  /* of them that may be dropped */
  unsigned copies_at;              /* copies stand before this one */
  unsigned sent, skipped, dropped, closed;
};

static void model_begin(struct model* m, const struct situation* s) {
  memset(m, 0, sizeof(*m));
  while (m->count < s->before) {
    m->lines[m->count] = m->count;
    m->count++;
  }
  m->copies_at = m->count;
  m->sent = s->before;
  m->first = (unsigned) ((s->left + LEN - 1) / LEN);
  m->queued = s->before * LEN - s->left + s->copies;
  m->waiting = (m->count - m->first) * LEN;
}

static void model_drop(struct model* m) {
  unsigned n = m->count - m->first - 1;

  memmove(m->lines + m->first, m->lines + m->first + 1, n * sizeof(*m->lines));
  m->count--;
  m->copies_at -= m->copies_at > m->first;
  m->queued -= LEN;
  m->waiting -= LEN;
  m->dropped++;
}

static void model_send(struct model* m, const struct situation* s,
                       uvssh_slow policy, unsigned number) {
  if (s->gone || m->closed)
    return;
  if (policy == UVSSH_SLOW_DROP_OLDEST && m->queued - m->waiting < BOUND)
    while (m->queued >= BOUND)
      model_drop(m);
  if (m->queued >= BOUND) {
    m->closed += policy == UVSSH_SLOW_CLOSE;
    m->skipped += policy != UVSSH_SLOW_CLOSE;
    return;
  }
  m->lines[m->count++] = number;
  m->sent++;
  if (s->blocked) {
    m->queued += LEN;
    m->waiting += LEN;
  }
}

/* What its peer must have in the end. */
static size_t model_text(const struct model* m, const struct situation* s,
                         char* out) {
  size_t len = 0;
  unsigned i;

  for (i = 0; i <= m->count; i++) {
    if (i == m->copies_at) {
      memset(out + len, '#', s->copies);
      len += s->copies;
    }
    if (i < m->count) {
      line_text(out + len, m->lines[i], LEN);
      len += LEN;
    }
  }
  return m->closed ? s->left : len;
}

static void prepare(struct room* room, struct reader* r,
                    const struct situation* s) {
  static char copies[BOUND];
  unsigned i;

  for (i = 0; i < s->before; i++)
    CHECK_EQ(say(room, i), 1);
  if (s->adjust != 0)
    peer_adjust(room->p, r->id, s->adjust);
  hear(room);
  CHECK_EQ(r->len, s->left);
  memset(copies, '#', sizeof(copies));
  CHECK_EQ(uvssh_channel_send(&r->pub, UVSSH_DATA, copies, s->copies), 0);
  if (s->block != NULL)
    s->block(room, r);
}

static void play(const struct situation* s, uvssh_slow policy) {
  struct room* room = room_new(policy, BOUND, 1);
  struct reader* r = enter(room, s->window);
  struct model m;
  char want[GOT];
  unsigned i;

  model_begin(&m, s);
  prepare(room, r, s);
  for (i = s->before; i < s->before + SENDS; i++) {
    unsigned sent = m.sent;
    model_send(&m, s, policy, i);
    CHECK_EQ(say(room, i), m.sent - sent);
    if (s->blocked && !m.closed)
      CHECK_EQ(uvssh_channel_queue_size(&r->pub), m.queued);
  }
  CHECK_EQ(room->group.sent, m.sent);
  CHECK_EQ(room->group.skipped, m.skipped);
  CHECK_EQ(room->group.dropped, m.dropped);
  CHECK_EQ(room->group.closed, m.closed);
  CHECK_EQ(r->member.lost, m.skipped + m.dropped + m.closed);
  if (s->release != NULL)
    s->release(room, r);
  hear(room);
  if (s->block == NULL || s->blocked || s->release != NULL)
    CHECK_MEM(r->got, r->len, want, model_text(&m, s, want));
  if (m.closed)
    CHECK(r->got_close && !r->got_eof);
  CHECK_EQ(r->was_member, 0);
  room_end(room);
}

TEST(group_policies_in_every_state) {
  unsigned i, policy;

  for (i = 0; i < ARRAY_SIZE(situations); i++) {
    for (policy = UVSSH_SLOW_SKIP; policy <= UVSSH_SLOW_CLOSE; policy++) {
      NOTE("%s, policy %u", situations[i].name, policy);
      play(&situations[i], (uvssh_slow) policy);
    }
  }
}

/* A bound of 0 is the channel's own; a payload beyond it is taken where
 * nothing is queued. */
TEST(group_bounds) {
  struct room* room = room_new(UVSSH_SLOW_SKIP, 0, 2);
  struct reader* slow = enter(room, 0);
  uvssh_payload_t* large;
  static char bytes[3 * 1024 * 1024];

  CHECK_EQ(uvssh_payload_create(&large, bytes, sizeof(bytes)), 0);
  CHECK_EQ(uvssh_group_send(&room->group, UVSSH_DATA, large, NULL), 1);
  CHECK_EQ(uvssh_channel_queue_size(&slow->pub), sizeof(bytes));
  CHECK_EQ(uvssh_group_send(&room->group, UVSSH_DATA, large, NULL), 0);
  uvssh_payload_unref(large);
  CHECK_EQ(say(room, 1), 0);
  CHECK_EQ(slow->member.lost, 2);
  CHECK_EQ(say(room, 2), 0);
  slow->member.lost = 0;           /* the caller's to count anew */
  CHECK_EQ(say(room, 3), 0);
  CHECK_EQ(slow->member.lost, 1);
  CHECK_EQ(room->group.skipped, 4);
  room_end(room);
}

/* session_bytes are a bound as well, and what other channels have queued does
 * not make room. */
TEST(group_session_bound) {
  unsigned policy;

  for (policy = UVSSH_SLOW_SKIP; policy <= UVSSH_SLOW_CLOSE; policy++) {
    struct room* room = room_new((uvssh_slow) policy, BOUND, 2);
    struct reader* r = enter(room, 0);
    struct reader* other = enter(room, 0);
    static char bytes[40000];

    NOTE("policy %u", policy);
    room->p->side->session.desk.config.session_bytes = sizeof(bytes);
    CHECK_EQ(say(room, 0), 2);
    uvssh_group_leave(&other->member);
    CHECK_EQ(uvssh_channel_send(&other->pub, UVSSH_DATA, bytes,
                                sizeof(bytes) - 250), 0);
    CHECK_EQ(say(room, 1), 1);
    CHECK_EQ(say(room, 2), policy == UVSSH_SLOW_DROP_OLDEST);
    CHECK_EQ(room->group.dropped, policy == UVSSH_SLOW_DROP_OLDEST ? 1 : 0);
    CHECK_EQ(room->group.skipped, policy == UVSSH_SLOW_SKIP);
    CHECK_EQ(room->group.closed, policy == UVSSH_SLOW_CLOSE);
    if (policy != UVSSH_SLOW_CLOSE) {
      CHECK_EQ(uvssh_channel_queue_size(&r->pub), 2 * LEN);
      CHECK_EQ(r->drains, 0);
      peer_adjust(room->p, other->id, sizeof(bytes));
      pipe_run(&room->p->app->pipe);
      CHECK_EQ(r->drains, 1);      /* it had lost one: there is room again */
    }
    room_end(room);
  }
}

/* What is dropped has not left: who waits for room is told of none. It would
 * send, lose, and be told again, for as long as the reader is away. */
TEST(group_dropping_is_no_draining) {
  struct room* room = room_new(UVSSH_SLOW_DROP_OLDEST, BOUND, 1);
  struct reader* r = enter(room, 0);
  unsigned i;

  for (i = 0; i < 100; i++) {
    CHECK_EQ(say(room, i), 1);
    pipe_run(&room->p->app->pipe);
  }
  CHECK_EQ(r->member.lost, 90);
  CHECK_EQ(r->drains, 0);
  peer_adjust(room->p, r->id, 1);
  pipe_run(&room->p->app->pipe);
  CHECK_EQ(r->drains, 1);
  room_end(room);
}
