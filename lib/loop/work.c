/* work.c: jobs of the sessions: slow crypto.
 *
 * A light job runs at once while nothing waits and few have run this turn: a
 * login that is alone pays no wake-up. Otherwise jobs wait in a queue by
 * source, are taken from the queues in turn, and when several wait they go to
 * the thread pool, at most AWAY_MAX of a loop, so that the user's own
 * uv_queue_work() finds threads. Heavy jobs always go there. */
#include "loop/loop.h"

enum { INLINE_MAX = 4, AWAY_MAX = 2 };

struct errand {                    /* one job on the thread pool */
  uv_work_t work;
  struct loop* loop;
  struct job* job;
};

static void finish(struct job* job) {
  if (job->desk != NULL)
    uvssh__session_job(session_of(job->desk), job);
  else
    job->dispose(job);             /* its session has gone */
}

static void on_pool(uv_work_t* work) {
  struct errand* e = CONTAINER_OF(work, struct errand, work);

  e->job->run(e->job);
}

static void on_back(uv_work_t* work, int status) {
  struct errand* e = CONTAINER_OF(work, struct errand, work);
  struct loop* loop = e->loop;

  if (status != 0)
    e->job->status = status;
  loop->away--;
  uvssh__slots_enter(loop->slots);
  finish(e->job);
  uvssh__free(e);
  uvssh__loop_put(loop);
}

/* 0 when it is on its way; the loop stays until it is back. */
static int send_away(struct loop* loop, struct job* job) {
  struct errand* e = (struct errand*) uvssh__calloc(1, sizeof(*e));
  struct loop* same;
  int err;

  if (e == NULL)
    return UV_ENOMEM;
  e->loop = loop;
  e->job = job;
  err = uvssh__loop_get(loop->uv, &same);
  if (err == 0) {
    err = uv_queue_work(loop->uv, &e->work, on_pool, on_back);
    if (err != 0)
      uvssh__loop_put(same);
  }
  if (err != 0) {
    uvssh__free(e);
    return err;
  }
  loop->away++;
  return 0;
}

static int is_light(const struct job* job) {
  return job->cost == COST_LIGHT;
}

static void enqueue(struct loop* loop, struct job* job, unsigned source) {
  queue_push(&loop->jobs[source % SOURCES], &job->link);
  loop->waiting++;
  loop->waiting_light += is_light(job) ? 1 : 0;
}

/* The next source's first job; heavy ones only while the pool takes them. */
static struct job* dequeue(struct loop* loop) {
  struct queue* list;
  struct job* job;
  unsigned i;

  for (i = 0; i < SOURCES; i++) {
    list = &loop->jobs[(loop->next_source + i) % SOURCES];
    if (queue_empty(list))
      continue;
    job = CONTAINER_OF(list->next, struct job, link);
    if (!is_light(job) && job->desk != NULL && loop->away >= AWAY_MAX)
      continue;
    loop->next_source = (loop->next_source + i + 1) % SOURCES;
    queue_remove(&job->link);
    loop->waiting--;
    loop->waiting_light -= is_light(job) ? 1 : 0;
    return job;
  }
  return NULL;
}

int uvssh__work_submit(struct loop* loop, struct job* job, unsigned source) {
  if (is_light(job) && loop->waiting == 0 && loop->inline_jobs < INLINE_MAX) {
    loop->inline_jobs++;
    job->run(job);
    return 1;
  }
  enqueue(loop, job, source);
  return 0;
}

/* Alone in the queue a light job stays here: the pool is for when several
 * wait. */
static void start(struct loop* loop, struct job* job) {
  if (job->desk != NULL) {
    if (loop->away < AWAY_MAX && (!is_light(job) || loop->waiting > 0) &&
        send_away(loop, job) == 0)
      return;
    loop->inline_jobs++;
    job->run(job);
  }
  finish(job);
}

void uvssh__work_turn(struct loop* loop) {
  struct job* job;

  while (loop->waiting > 0 &&
         (loop->inline_jobs < INLINE_MAX || loop->away < AWAY_MAX)) {
    job = dequeue(loop);
    if (job == NULL)
      return;
    start(loop, job);
  }
}

int uvssh__work_waits(const struct loop* loop) {
  return loop->waiting_light > 0 ||
         (loop->waiting > 0 && loop->away < AWAY_MAX);
}

void uvssh__work_drop(struct loop* loop) {
  struct job* job;

  while ((job = dequeue(loop)) != NULL)
    finish(job);
}
