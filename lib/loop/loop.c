/* loop.c: what all sessions of one uv_loop_t share, made with the first and
 * closed with the last, so that the loop can be closed then.
 *
 * A turn: whoever was touched since the last one is run once, before the loop
 * polls (prepare) and right after it has (check). Output of a whole turn leaves
 * in one write a session. While somebody still has something to do, an idle
 * handle keeps the loop from sleeping.
 *
 * No turn holds the loop for long (pace.c): who is left waits for the next one,
 * in the same order, and a session that has yielded comes behind all others, so
 * that who floods waits for himself. */
#include "loop/loop.h"

#include <stdlib.h>

#define CROWD 256
#define CROWD_PIECE 1024           /* their memory: less than a millisecond */

static uv_once_t once = UV_ONCE_INIT;
static uv_mutex_t lock;
static struct queue loops;

static void make_lock(void) {
  queue_init(&loops);
  if (uv_mutex_init(&lock) != 0)
    abort();
}

/* ---- turns --------------------------------------------------------------- */

static void on_idle(uv_idle_t* idle) {
}

void uvssh__loop_wake(struct loop* loop) {
  uv_idle_start(&loop->idle, on_idle);
}

static struct attach* take_first(struct queue* list) {
  struct attach* a = CONTAINER_OF(list->next, struct attach, dirty);

  queue_remove(&a->dirty);
  return a;
}

/* The clock is not read for every small message. */
static int is_over(struct attach* a, unsigned count) {
  return (count % LATE_STRIDE == 0 || a->turn_out >= LOOK_BYTES) &&
         uvssh__loop_is_late(a->loop);
}

/* Who is left comes before those that have come meanwhile. */
static void run_dirty(struct loop* loop) {
  struct queue due;
  struct attach* a;
  unsigned count = 0;

  queue_move(&loop->dirty, &due);
  while (!queue_empty(&due)) {
    a = take_first(&due);
    if (a->session.yielded) {
      queue_push(&loop->slow, &a->dirty);
      continue;
    }
    a->is_dirty = 0;
    uvssh__attach_turn(a);
    if (is_over(a, ++count))
      break;
  }
  queue_put_back(&due, &loop->dirty);
}

/* One at least, however late it is. */
static void run_slow(struct loop* loop) {
  struct queue due;
  struct attach* a;

  queue_move(&loop->slow, &due);
  while (!queue_empty(&due)) {
    a = take_first(&due);
    a->is_dirty = 0;
    uvssh__attach_turn(a);
    if (uvssh__loop_is_late(loop))
      break;
  }
  queue_put_back(&due, &loop->slow);
}

/* Of a crowd hardly anybody is left, or of a large one many have left: all of
 * it at once would take too long. Not for few: that costs more than it gives. */
static void give_back_if_due(struct loop* loop) {
  int is_end = loop->most_sessions >= CROWD &&
               loop->sessions <= loop->most_sessions / 64;

  if (!is_end && loop->crowd - loop->sessions < CROWD_PIECE)
    return;
  if (is_end)
    loop->most_sessions = loop->sessions;
  loop->crowd = loop->sessions;
  loop->given_back++;
  uvssh__give_back();
}

static void run_turn(struct loop* loop) {
  uvssh__slots_enter(loop->slots);
  loop_begin(loop);
  give_back_if_due(loop);
  loop->turn++;
  loop->inline_jobs = 0;
  uvssh__alarms_turn(loop);
  uvssh__work_turn(loop);
  if (!queue_empty(&loop->dirty))
    run_dirty(loop);
  if (!queue_empty(&loop->slow))
    run_slow(loop);
  if (uvssh__work_waits(loop) || loop_has_dirty(loop) ||
      uvssh__alarms_wait(loop))
    uv_idle_start(&loop->idle, on_idle);
  else
    uv_idle_stop(&loop->idle);
  loop_end(loop);
}

static void on_prepare(uv_prepare_t* prepare) {
  struct loop* loop = (struct loop*) prepare->data;

  run_turn(loop);
  uvssh__reads_begin(loop);
}

static void on_check(uv_check_t* check) {
  run_turn((struct loop*) check->data);
}

/* ---- beginning and end --------------------------------------------------- */

static void loop_free(struct loop* loop) {
  if (loop->slots != NULL)
    uvssh__slots_destroy(loop->slots);
  uvssh__pool_free(&loop->pool);
  uvssh__free_secret(loop->read_buffer, READ_BUFFER);
  uvssh__mail_free(loop);
  uvssh__work_free(loop);
  uvssh__free(loop);
}

static void on_handle_closed(uv_handle_t* handle) {
  struct loop* loop = (struct loop*) handle->data;

  if (--loop->handles == 0)
    loop_free(loop);
}

static void close_handle(struct loop* loop, uv_handle_t* handle) {
  loop->handles++;
  uv_close(handle, on_handle_closed);
}

/* None of these three can fail: libuv only links them into the loop. */
static void start_handles(struct loop* loop) {
  uv_prepare_init(loop->uv, &loop->prepare);
  uv_check_init(loop->uv, &loop->check);
  uv_idle_init(loop->uv, &loop->idle);
  loop->prepare.data = loop->check.data = loop->idle.data = loop;
  uv_prepare_start(&loop->prepare, on_prepare);
  uv_check_start(&loop->check, on_check);
  uv_unref((uv_handle_t*) &loop->prepare);
  uv_unref((uv_handle_t*) &loop->check);
}

static struct loop* loop_new(uv_loop_t* uv) {
  struct loop* loop = (struct loop*) uvssh__calloc(1, sizeof(*loop));

  if (loop == NULL)
    return NULL;
  loop->uv = uv;
  loop->slots = uvssh__slots_create();
  if (loop->slots == NULL) {
    uvssh__free(loop);
    return NULL;
  }
  uvssh__pool_init(&loop->pool);
  queue_init(&loop->dirty);
  queue_init(&loop->slow);
  queue_init(&loop->alarms);
  uvssh__work_init(loop);
  start_handles(loop);
  return loop;
}

static struct loop* find(const uv_loop_t* uv) {
  struct queue* at;
  struct loop* loop;

  for (at = loops.next; at != &loops; at = at->next) {
    loop = CONTAINER_OF(at, struct loop, link);
    if (loop->uv == uv)
      return loop;
  }
  return NULL;
}

struct loop* uvssh__loop_find(const uv_loop_t* uv) {
  struct loop* loop;

  uv_once(&once, make_lock);
  uv_mutex_lock(&lock);
  loop = find(uv);
  uv_mutex_unlock(&lock);
  return loop;
}

int uvssh__loop_get(uv_loop_t* uv, struct loop** out) {
  struct loop* loop;

  if (uvssh__crypto_init() != 0)
    return UVSSH_ECRYPTO;
  uv_once(&once, make_lock);
  uv_mutex_lock(&lock);
  loop = find(uv);
  if (loop == NULL) {
    loop = loop_new(uv);
    if (loop != NULL)
      queue_push(&loops, &loop->link);
  }
  if (loop != NULL)
    loop->refs++;
  uv_mutex_unlock(&lock);
  *out = loop;
  return loop == NULL ? UV_ENOMEM : 0;
}

void uvssh__loop_put(struct loop* loop) {
  uv_mutex_lock(&lock);
  if (--loop->refs != 0) {
    uv_mutex_unlock(&lock);
    return;
  }
  queue_remove(&loop->link);
  uv_mutex_unlock(&lock);
  uvssh__work_drop(loop);
  close_handle(loop, (uv_handle_t*) &loop->prepare);
  close_handle(loop, (uv_handle_t*) &loop->check);
  close_handle(loop, (uv_handle_t*) &loop->idle);
  if (loop->has_mail)
    close_handle(loop, (uv_handle_t*) &loop->async);
}
