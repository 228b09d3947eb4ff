/* group.c: one payload for many channels, and what becomes of slow readers.
 *
 * Happy path: each member's channel seals the payload, or queues a reference.
 * A member that is slow: the group's policy, and it is counted. A member that
 * ends: passed over, and out of the group before its on_close.
 *
 * Never: calls anybody back, copies a payload, allocates for a member. */
#include "conn/conn.h"

static struct group* group_of(const uvssh_group_t* group) {
  return (struct group*) (uintptr_t) group->reserved;
}

static struct membership* membership_of(const uvssh_member_t* member) {
  return (struct membership*) (uintptr_t) member->reserved;
}

static uvssh_member_t* member_of(struct queue* in_group) {
  return CONTAINER_OF(CONTAINER_OF(in_group, struct membership, in_group),
                      uvssh_member_t, reserved);
}

static int is_open(const uvssh_group_t* group) {
  return group != NULL && group_of(group)->members.next != NULL;
}

int uvssh_group_init(uvssh_group_t* group,
                     uvssh_slow policy,
                     size_t queue_bytes) {
  struct group* g = group_of(group);

  if (is_open(group))
    return UV_EBUSY;
  if (policy != UVSSH_SLOW_SKIP && policy != UVSSH_SLOW_DROP_OLDEST &&
      policy != UVSSH_SLOW_CLOSE)
    return UV_EINVAL;
  group->members = group->sent = group->skipped = group->dropped = 0;
  group->closed = 0;
  queue_init(&g->members);
  g->queue_bytes = queue_bytes;
  g->policy = policy;
  return 0;
}

/* ---- members ------------------------------------------------------------- */

static int is_member(const struct channel* ch, const uvssh_group_t* group) {
  const struct queue* at;

  for (at = ch->members.next; at != &ch->members; at = at->next)
    if (CONTAINER_OF(at, struct membership, in_channel)->group == group)
      return 1;
  return 0;
}

static int on_other_loop(const struct group* g, const struct channel* ch) {
  const struct channel* first;

  if (queue_empty(&g->members))
    return 0;
  first = (struct channel*) member_of(g->members.next)->channel->impl;
  return first->conn->desk->slots != ch->conn->desk->slots;
}

int uvssh_group_join(uvssh_group_t* group,
                     uvssh_member_t* member,
                     uvssh_channel_t* channel) {
  struct channel* ch = uvssh__channel_live(channel);
  struct membership* m = membership_of(member);

  if (m->group != NULL)
    return UV_EBUSY;
  if (!is_open(group) || ch == NULL)
    return UV_ENOTCONN;
  if (ch->eof_queued)
    return UV_EPIPE;
  if (is_member(ch, group))
    return UV_EBUSY;
  if (on_other_loop(group_of(group), ch))
    return UV_EINVAL;
  member->channel = channel;
  m->group = group;
  m->waiting = 0;
  queue_init(&m->batches);
  queue_push(&group_of(group)->members, &m->in_group);
  queue_push(&ch->members, &m->in_channel);
  group->members++;
  return 0;
}

void uvssh_group_leave(uvssh_member_t* member) {
  struct membership* m;

  if (member == NULL || membership_of(member)->group == NULL)
    return;
  m = membership_of(member);
  m->group->members--;
  queue_remove(&m->in_group);
  queue_remove(&m->in_channel);
  uvssh__shared_disown(m);
  memset(m, 0, sizeof(*m));
  member->channel = NULL;
}

void uvssh_group_end(uvssh_group_t* group) {
  struct group* g;

  if (!is_open(group))
    return;
  g = group_of(group);
  while (!queue_empty(&g->members))
    uvssh_group_leave(member_of(g->members.next));
  memset(g, 0, sizeof(*g));
}

void uvssh__channel_leave_groups(struct channel* ch) {
  struct membership* m;

  while (!queue_empty(&ch->members)) {
    m = CONTAINER_OF(ch->members.next, struct membership, in_channel);
    uvssh_group_leave(CONTAINER_OF(m, uvssh_member_t, reserved));
  }
}

uvssh_member_t* uvssh_group_next(const uvssh_group_t* group,
                                 const uvssh_member_t* prev) {
  struct queue* next;

  if (!is_open(group))
    return NULL;
  next = prev == NULL ? group_of(group)->members.next
                      : membership_of(prev)->in_group.next;
  return next == &group_of(group)->members ? NULL : member_of(next);
}

/* ---- sending ------------------------------------------------------------- */

static int lost(uvssh_member_t* member, uint64_t* count) {
  member->lost++;
  *count += 1;
  return 0;
}

/* It cannot have this one. */
static int refuse(uvssh_member_t* member, struct channel* ch) {
  uvssh_group_t* group = membership_of(member)->group;

  if (group_of(group)->policy != UVSSH_SLOW_CLOSE)
    return lost(member, &group->skipped);
  uvssh__channel_begin_close(ch, 1);
  return lost(member, &group->closed);
}

/* Only where that makes room enough. */
static int make_room(uvssh_member_t* member, struct channel* ch, size_t bound) {
  struct membership* m = membership_of(member);

  if (group_of(m->group)->policy != UVSSH_SLOW_DROP_OLDEST ||
      !uvssh__channel_has_room(ch, bound, m->waiting))
    return 0;
  while (!uvssh__channel_has_room(ch, bound, 0)) {
    uvssh__shared_drop_oldest(ch, m);
    (void) lost(member, &m->group->dropped);
  }
  return 1;
}

/* 1: it took the payload. */
static int deliver(uvssh_member_t* member,
                   int stream,
                   uvssh_payload_t* payload) {
  struct membership* m = membership_of(member);
  struct channel* ch = uvssh__channel_live(member->channel);
  size_t bound = group_of(m->group)->queue_bytes;

  if (ch == NULL || ch->eof_queued)
    return 0;
  if (bound == 0)
    bound = ch->conn->desk->config.queue_bytes;
  if (stream == UVSSH_STDERR && !ch->conn->desk->is_server)
    return lost(member, &m->group->skipped);
  if (!uvssh__channel_may_queue(ch, bound) && !make_room(member, ch, bound))
    return refuse(member, ch);
  if (uvssh__channel_queue_payload(ch, stream, payload, m) != 0) {
    ch->full = 1;                  /* perhaps nothing waits that will leave */
    uvssh__channel_touch(ch);
    return refuse(member, ch);
  }
  m->group->sent++;
  return 1;
}

int uvssh_group_send(uvssh_group_t* group,
                     int stream,
                     uvssh_payload_t* payload,
                     const uvssh_member_t* except) {
  uvssh_member_t* member = NULL;
  int count = 0;

  if ((stream != UVSSH_DATA && stream != UVSSH_STDERR) || payload == NULL)
    return UV_EINVAL;
  if (!is_open(group))
    return UV_ENOTCONN;
  while ((member = uvssh_group_next(group, member)) != NULL)
    if (member != except)
      count += deliver(member, stream, payload);
  return count;
}
