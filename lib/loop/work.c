/* work.c: jobs of the sessions: slow crypto.
 *
 * A light job runs at once while nothing waits and few have run this turn: a
 * login that is alone pays no wake-up. Otherwise jobs wait in a line of their
 * source, the lines take turns, and when several wait they go to the thread
 * pool, at most AWAY_MAX of a loop, so that the user's own uv_queue_work()
 * finds threads. Heavy jobs always go there.
 *
 * A session has one job at most, and a source one line: however many sessions
 * it has, each other source's next job comes after at most one of its own. */
#include "loop/loop.h"

enum { INLINE_MAX = 4, AWAY_MAX = 2, LONG_LINE = 64 };

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

/* ---- who is next --------------------------------------------------------- */

void uvssh__work_init(struct loop* loop) {
  struct lane* lane;
  unsigned i;

  for (i = 0; i < COSTS; i++) {
    lane = &loop->lanes[i];
    uvssh__sources_init(&lane->lines);
    queue_init(&lane->ring);
    queue_init(&lane->common.link);
    queue_init(&lane->common.jobs);
  }
}

void uvssh__work_free(struct loop* loop) {
  unsigned i;

  for (i = 0; i < COSTS; i++)
    uvssh__sources_free(&loop->lanes[i].lines);
}

static struct line* line_of(struct lane* lane,
                            const uint8_t source[SOURCE_KEY]) {
  struct line* line = (struct line*) uvssh__sources_find(&lane->lines, source);

  if (line != NULL)
    return line;
  line = (struct line*) uvssh__calloc(1, sizeof(*line));
  if (line == NULL || uvssh__sources_add(&lane->lines, &line->node, source)) {
    uvssh__free(line);
    return &lane->common;
  }
  queue_init(&line->jobs);
  queue_init(&line->link);
  return line;
}

static void enqueue(struct loop* loop,
                    struct job* job,
                    const uint8_t source[SOURCE_KEY]) {
  struct lane* lane = &loop->lanes[job->cost];
  struct line* line = line_of(lane, source);

  if (queue_empty(&line->jobs))
    queue_push(&lane->ring, &line->link);
  queue_push(&line->jobs, &job->link);
  lane->waiting++;
  loop->waiting++;
}

/* The first line's first job; the line goes to the end, or away. */
static struct job* take_from(struct lane* lane) {
  struct line* line = CONTAINER_OF(lane->ring.next, struct line, link);
  struct job* job = CONTAINER_OF(line->jobs.next, struct job, link);

  queue_remove(&job->link);
  queue_remove(&line->link);
  if (!queue_empty(&line->jobs)) {
    queue_push(&lane->ring, &line->link);
  } else if (line != &lane->common) {
    uvssh__sources_remove(&lane->lines, &line->node);
    uvssh__free(line);
  }
  lane->waiting--;
  return job;
}

/* Heavy ones only while the pool takes them. */
static int is_blocked(const struct loop* loop, unsigned lane) {
  return loop->lanes[lane].waiting == 0 ||
         (lane == COST_HEAVY && loop->away >= AWAY_MAX);
}

static struct job* dequeue(struct loop* loop) {
  unsigned lane = loop->next_lane;

  if (is_blocked(loop, lane))
    lane = (lane + 1) % COSTS;
  if (is_blocked(loop, lane))
    return NULL;
  loop->next_lane = (lane + 1) % COSTS;
  loop->waiting--;
  return take_from(&loop->lanes[lane]);
}

/* ---- running them -------------------------------------------------------- */

static int is_light(const struct job* job) {
  return job->cost == COST_LIGHT;
}

int uvssh__work_submit(struct loop* loop,
                       struct job* job,
                       const uint8_t source[SOURCE_KEY]) {
  if (is_light(job) && loop->waiting == 0 && loop->inline_jobs < INLINE_MAX) {
    loop->inline_jobs++;
    loop->jobs_begun++;
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
    loop->jobs_begun++;
    if (loop->away < AWAY_MAX && (!is_light(job) || loop->waiting > 0) &&
        send_away(loop, job) == 0)
      return;
    loop->inline_jobs++;
    job->run(job);
  }
  finish(job);
}

/* More would be done sooner, but in a crowd whoever is there already waits for
 * each of them: half as many. */
void uvssh__work_turn(struct loop* loop) {
  unsigned most = loop->waiting > LONG_LINE ? INLINE_MAX / 2 : INLINE_MAX;
  struct job* job;

  while (loop->waiting > 0 && loop->inline_jobs <= most &&
         (loop->inline_jobs < most || loop->away < AWAY_MAX)) {
    job = dequeue(loop);
    if (job == NULL)
      return;
    start(loop, job);
  }
}

int uvssh__work_waits(const struct loop* loop) {
  return loop->lanes[COST_LIGHT].waiting > 0 ||
         (loop->waiting > 0 && loop->away < AWAY_MAX);
}

void uvssh__work_drop(struct loop* loop) {
  struct job* job;

  while ((job = dequeue(loop)) != NULL)
    finish(job);
}
