/* group.h: one payload for many channels, and what becomes of slow readers. */
#ifndef UVSSH_GROUP_H
#define UVSSH_GROUP_H

#include "uvssh/channel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where a member's queue is at its bound when a payload comes. A payload is
 * never cut in two; copies, writes, EOF and exit status are never dropped. */
typedef enum {
  UVSSH_SLOW_SKIP,                 /* it does not get this one */
  UVSSH_SLOW_DROP_OLDEST,          /* payloads of this group that have not */
                                   /* begun to leave make room, oldest first; */
                                   /* where they are not enough: SKIP */
  UVSSH_SLOW_CLOSE                 /* its channel is aborted: a member gets */
                                   /* everything, or ends */
} uvssh_slow;

/* In use from init to end. The counts are of payloads and members: */
struct uvssh_group_s {
  void* data;                      /* yours */
  uint64_t members;                /* read-only; those that end included */
  uint64_t sent;                   /* read-only: taken by a member's queue */
  uint64_t skipped;                /* read-only: ... not taken */
  uint64_t dropped;                /* read-only: ... taken, then dropped */
  uint64_t closed;                 /* read-only: members aborted */
  void* reserved[6];
};

/* In use from join to leave; it leaves by itself before on_close. */
struct uvssh_member_s {
  void* data;                      /* yours */
  uvssh_channel_t* channel;        /* read-only; NULL: no member */
  uint64_t lost;                   /* payloads it did not get, since you set */
                                   /* this to 0: skipped, dropped, the one */
                                   /* that closed it */
  void* reserved[8];
};

/**
 * Begin a group.
 *
 * Its members are channels of one loop, of any sessions.
 *
 * group        yours, zeroed; in use until uvssh_group_end()
 * queue_bytes  a payload is taken while less is queued in its channel, by
 *              whomever; 0: the channel's own queue_bytes
 * return       0; UV_EBUSY in use; UV_EINVAL no such policy
 * thread       loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_group_init(uvssh_group_t* group,
                                  uvssh_slow policy,
                                  size_t queue_bytes);

/** All members leave; what is queued for them still goes out. Harmless twice.
 * Loop's thread. Inside callbacks: yes. */
UVSSH_EXTERN void uvssh_group_end(uvssh_group_t* group);

/**
 * Add a channel. It may be in several groups.
 *
 * Allocates nothing.
 *
 * member   yours, zeroed; in use until it has left
 * return   0; UV_EBUSY the member is in use, or the channel in this group;
 *          UV_ENOTCONN group or channel not open; UV_EPIPE after shutdown;
 *          UV_EINVAL the others are on another loop
 * thread   loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_group_join(uvssh_group_t* group,
                                  uvssh_member_t* member,
                                  uvssh_channel_t* channel);

/** Take it out; what is queued for it still goes out. Of no group: harmless.
 * `lost` stays. Loop's thread. Inside callbacks: yes. */
UVSSH_EXTERN void uvssh_group_leave(uvssh_member_t* member);

/**
 * Send one payload to all members, as uvssh_channel_send_payload().
 *
 * No memory, and session_bytes, are a full queue, too: the policy decides. A
 * member whose channel ends is passed over and not counted. A member that lost
 * one for want of room gets its channel's on_drain once there is some: not for
 * what was dropped, but when bytes have left and less than drain_bytes wait.
 *
 * stream   UVSSH_DATA or UVSSH_STDERR; clients' channels have only the first,
 *          and skip the other
 * payload  kept until it has left everywhere
 * except   NULL, or one that does not get it
 * return   how many took it; UV_EINVAL; UV_ENOTCONN group not open
 * thread   loop      inside callbacks: yes      RFC 4254 5.2      since 0.1
 */
UVSSH_EXTERN int uvssh_group_send(uvssh_group_t* group,
                                  int stream,
                                  uvssh_payload_t* payload,
                                  const uvssh_member_t* except);

/** Walk: NULL gives the first, then the next, in the order they came; NULL at
 * the end. prev is a member. Loop's thread. Inside callbacks: yes. */
UVSSH_EXTERN uvssh_member_t* uvssh_group_next(const uvssh_group_t* group,
                                              const uvssh_member_t* prev);

#ifdef __cplusplus
}
#endif
#endif
