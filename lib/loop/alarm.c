/* alarm.c: something that is due at a time: a timer of libuv; or, where the
 * loop's clock is replaced, an entry in a list that the loop's turns look at.
 *
 * Happy path: started with an absolute time of loop_now(), it calls back once,
 * from the loop, at that time or later; due already: in the next turn.
 * A replaced clock stands still until somebody sets it, and runs the loop.
 *
 * Never: calls back from inside a call, polls, allocates.
 */
#include "loop/loop.h"

/* ---- one alarm ----------------------------------------------------------- */

/* Cannot fail: libuv only links the timer into the loop. */
void uvssh__alarm_init(struct loop* loop, struct alarm* alarm, alarm_cb cb) {
  uv_timer_init(loop->uv, &alarm->timer);
  alarm->timer.data = alarm;
  alarm->loop = loop;
  alarm->due = UINT64_MAX;
  alarm->cb = cb;
  alarm->is_calling = 0;
  queue_init(&alarm->link);
}

static void on_timer(uv_timer_t* timer) {
  struct alarm* alarm = (struct alarm*) timer->data;

  alarm->due = UINT64_MAX;
  alarm->is_calling = 1;
  alarm->cb(alarm);
  alarm->is_calling = 0;
}

/* libuv would run a timer that its own callback starts for now in the same
 * round, again and again. */
static uint64_t wait_for(const struct alarm* alarm, uint64_t now) {
  if (alarm->due > now)
    return alarm->due - now;
  return alarm->is_calling ? 1 : 0;
}

/* Ordered by time; of two at once the one that was set first comes first. */
static void enlist(struct alarm* alarm) {
  struct loop* loop = alarm->loop;
  struct queue* at = loop->alarms.prev;

  while (at != &loop->alarms &&
         CONTAINER_OF(at, struct alarm, link)->due > alarm->due)
    at = at->prev;
  queue_push(at->next, &alarm->link);
  if (alarm->due <= loop_now(loop))
    uvssh__loop_wake(loop);
}

void uvssh__alarm_start(struct alarm* alarm, uint64_t due) {
  uint64_t now = loop_now(alarm->loop);

  uvssh__alarm_stop(alarm);
  if (due == UINT64_MAX || uv_is_closing((uv_handle_t*) &alarm->timer))
    return;
  alarm->due = due;
  if (alarm->loop->has_clock)
    enlist(alarm);
  else
    uv_timer_start(&alarm->timer, on_timer, wait_for(alarm, now), 0);
}

void uvssh__alarm_stop(struct alarm* alarm) {
  alarm->due = UINT64_MAX;
  queue_remove(&alarm->link);
  uv_timer_stop(&alarm->timer);
}

static void on_closed(uv_handle_t* handle) {
  struct alarm* alarm = (struct alarm*) handle->data;
  alarm->closed(alarm);
}

void uvssh__alarm_close(struct alarm* alarm, alarm_cb closed) {
  uvssh__alarm_stop(alarm);
  alarm->closed = closed;
  uv_close((uv_handle_t*) &alarm->timer, on_closed);
}

/* ---- a replaced clock's -------------------------------------------------- */

static uint64_t first_due(const struct loop* loop) {
  if (queue_empty(&loop->alarms))
    return UINT64_MAX;
  return CONTAINER_OF(loop->alarms.next, struct alarm, link)->due;
}

int uvssh__alarms_wait(const struct loop* loop) {
  return !queue_empty(&loop->alarms) && first_due(loop) <= loop_now(loop);
}

/* One that a callback sets again waits for the next turn, even if it is due. */
void uvssh__alarms_turn(struct loop* loop) {
  struct queue due;
  struct alarm* alarm;

  if (queue_empty(&loop->alarms))
    return;
  queue_init(&due);
  while (uvssh__alarms_wait(loop)) {
    alarm = CONTAINER_OF(loop->alarms.next, struct alarm, link);
    queue_remove(&alarm->link);
    queue_push(&due, &alarm->link);
  }
  while (!queue_empty(&due)) {
    alarm = CONTAINER_OF(due.next, struct alarm, link);
    queue_remove(&alarm->link);
    alarm->due = UINT64_MAX;
    alarm->cb(alarm);
  }
}

/* ---- replacing ----------------------------------------------------------- */

/* The clock holds the loop's part of ours, so it outlives the sessions. */
int uvssh_clock_set(uv_loop_t* uv, uint64_t now) {
  struct loop* loop = uv == NULL ? NULL : uvssh__loop_find(uv);
  int err;

  if (uv == NULL)
    return UV_EINVAL;
  if (loop == NULL) {
    err = uvssh__loop_get(uv, &loop);
    if (err != 0)
      return err;
    loop->has_clock = loop->clock_holds = 1;
  }
  if (!loop->has_clock)
    return UV_EBUSY;
  if (now < loop->clock)
    return UV_EINVAL;
  loop->clock = now;
  if (uvssh__alarms_wait(loop))
    uvssh__loop_wake(loop);
  return 0;
}

int uvssh_clock_next(uv_loop_t* uv, uint64_t* now, uint64_t* due) {
  const struct loop* loop = uv == NULL ? NULL : uvssh__loop_find(uv);

  if (loop == NULL || !loop->has_clock || now == NULL || due == NULL)
    return UV_EINVAL;
  *now = loop->clock;
  *due = first_due(loop);
  return uvssh__alarms_wait(loop) || loop_has_dirty(loop) ||
         loop->waiting > 0 || loop->away > 0 || loop->errands > 0;
}

int uvssh_clock_end(uv_loop_t* uv) {
  struct loop* loop = uv == NULL ? NULL : uvssh__loop_find(uv);

  if (loop == NULL || !loop->clock_holds)
    return UV_EINVAL;
  loop->clock_holds = 0;
  uvssh__loop_put(loop);
  return 0;
}
