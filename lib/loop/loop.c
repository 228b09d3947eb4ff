/* loop.c: what all sessions of one uv_loop_t share, made with the first and
 * closed with the last, so that the loop can be closed then.
 *
 * A turn: whoever was touched since the last one is run once, before the loop
 * polls (prepare) and right after it has (check). Output of a whole turn leaves
 * in one write a session. While somebody still has something to do, an idle
 * handle keeps the loop from sleeping. */
#include "loop/loop.h"

#include <stdlib.h>

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

static void run_turn(struct loop* loop) {
  struct queue due;
  struct attach* a;

  uvssh__slots_enter(loop->slots);
  loop->turn++;
  loop->inline_jobs = 0;
  uvssh__alarms_turn(loop);
  uvssh__work_turn(loop);
  queue_move(&loop->dirty, &due);
  while (!queue_empty(&due)) {
    a = CONTAINER_OF(due.next, struct attach, dirty);
    queue_remove(&a->dirty);
    a->is_dirty = 0;
    uvssh__attach_turn(a);
  }
  if (uvssh__work_waits(loop) || !queue_empty(&loop->dirty) ||
      uvssh__alarms_wait(loop))
    uv_idle_start(&loop->idle, on_idle);
  else
    uv_idle_stop(&loop->idle);
}

static void on_prepare(uv_prepare_t* prepare) {
  run_turn((struct loop*) prepare->data);
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
