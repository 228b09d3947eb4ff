/* loops.c: several loops, each in a thread of its own.
 *
 * Good way: the threads begin one after the other; when all have, they run
 * together, until a stop wakes them all; then until none has anything left.
 * join() waits for that, and gives the memory back.
 * Otherwise: one does not begin. Then it and those before it are stopped and
 * joined at once, and its code is told.
 *
 * Threads: all that they share is under one mutex of the process, which makes
 * a stop harmless at any time, also while start() or join() is at work. It is
 * held for a few system calls at most, and in no callback.
 * Never: touches a session. */
#include "loop/loop.h"

#include <stdlib.h>

#define LOOPS_MAX 1024

struct spot {                     /* where several of them listen */
  struct queue link;
  char* host;
  int port;                        /* as it was said: maybe 0 */
  struct share share;
};

struct worker {
  struct loops* loops;
  unsigned index;
  uv_loop_t uv;
  uv_async_t async;                /* keeps the loop going */
  uv_thread_t thread;
  unsigned heard;                  /* of these stops */
  int has_begun;                   /* or has failed to */
  int is_out;                      /* of work, after a stop */
  int is_gone;                     /* its async may not be used any more */
  int err;                         /* of its begin */
  int is_left;                     /* something of the library's is open */
};

struct loops {
  uvssh_loops_t* pub;
  uvssh_loops_begin_cb begin;
  uvssh_loops_end_cb end;
  uv_cond_t changed;
  int may_run;                     /* all have begun, or one has not */
  unsigned stops;                  /* not 0: it is stopping */
  unsigned running;                /* threads that are not out of work */
  int is_busy;                     /* in start() or join() */
  unsigned made;                   /* threads; at most count */
  unsigned count;
  struct queue spots;              /* bound: listen calls of one loop */
  struct worker workers[];
};

static uv_once_t once = UV_ONCE_INIT;
static uv_mutex_t lock;            /* of each struct loops, and who has one */

static void make_lock(void) {
  if (uv_mutex_init(&lock) != 0)
    abort();
}

static void enter(void) {
  uv_once(&once, make_lock);
  uv_mutex_lock(&lock);
}

static void leave(void) {
  uv_mutex_unlock(&lock);
}

/* ---- listening, under the lock ------------------------------------------- */

static struct spot* spot_find(struct loops* a, const char* host, int port) {
  struct queue* at;
  struct spot* p;

  for (at = a->spots.next; at != &a->spots; at = at->next) {
    p = CONTAINER_OF(at, struct spot, link);
    if ((p->port == port || p->share.port == port) &&
        strcmp(p->host, host) == 0)
      return p;
  }
  return NULL;
}

static void spot_free(struct spot* p) {
  queue_remove(&p->link);
  uvssh__listen_end(&p->share);
  uvssh__free(p->host);
  uvssh__free(p);
}

static void spots_free(struct loops* a) {
  while (!queue_empty(&a->spots))
    spot_free(CONTAINER_OF(a->spots.next, struct spot, link));
}

static struct spot* spot_new(struct loops* a, const char* host, int port) {
  struct spot* p = (struct spot*) uvssh__calloc(1, sizeof(*p));

  if (p == NULL)
    return NULL;
  queue_push(&a->spots, &p->link);
  p->port = port;
  p->host = uvssh__strndup(host, strlen(host));
  if (p->host != NULL)
    return p;
  spot_free(p);
  return NULL;
}

static int listen_in(struct loops* a,
                     uvssh_server_t* server,
                     const char* host,
                     int port,
                     uvssh_connection_cb cb) {
  struct spot* p = spot_find(a, host, port);
  int err;

  if (p != NULL)
    return uvssh__listen_next(server, host, &p->share, cb);
  p = spot_new(a, host, port);
  if (p == NULL)
    return UV_ENOMEM;
  err = uvssh__listen_first(server, host, port, cb, &p->share);
  if (err != 0)
    spot_free(p);
  return err;
}

int uvssh_loops_listen(uvssh_loops_t* pub,
                       uvssh_server_t* server,
                       const char* host,
                       int port,
                       uvssh_connection_cb cb) {
  struct loops* a;
  int err;

  if (pub == NULL || host == NULL)
    return UV_EINVAL;
  enter();
  a = (struct loops*) pub->impl;
  if (a == NULL)
    err = UV_ENOTCONN;
  else if (a->stops != 0)
    err = UV_ECANCELED;
  else
    err = listen_in(a, server, host, port, cb);
  leave();
  return err;
}

/* ---- a thread ------------------------------------------------------------ */

/* uv_stop() is not the end of it. */
static void run_out(uv_loop_t* uv) {
  while (uv_run(uv, UV_RUN_DEFAULT) != 0)
    ;
}

static void close_left(uv_handle_t* handle, void* arg) {
  if (!uv_is_closing(handle))
    uv_close(handle, NULL);
}

/* 1: it cannot be. */
static int worker_close(struct worker* w) {
  uv_close((uv_handle_t*) &w->async, NULL);
  run_out(&w->uv);
  if (uv_loop_close(&w->uv) == 0)
    return 0;
  if (uvssh__loop_find(&w->uv) != NULL)
    return 1;                      /* its handles are the library's */
  uv_walk(&w->uv, close_left, NULL);
  run_out(&w->uv);
  return uv_loop_close(&w->uv) != 0;
}

/* Under the lock. */
static void wake(struct loops* a) {
  unsigned i;

  for (i = 0; i < a->made; i++)
    if (!a->workers[i].is_gone)
      uv_async_send(&a->workers[i].async);
}

/* A stop, or the last of them is out of work. */
static void on_wake(uv_async_t* async) {
  struct worker* w = CONTAINER_OF(async, struct worker, async);
  struct loops* a = w->loops;
  int is_stop, may_end;

  enter();
  is_stop = w->heard != a->stops;
  w->heard = a->stops;
  may_end = !w->is_out || a->running == 0;
  leave();
  if (may_end)
    uv_unref((uv_handle_t*) async);
  if (is_stop)
    a->end(a->pub, w->index, &w->uv);
}

/* Out of work, it waits for the others: its handles that are not referenced,
 * such as one for signals, work until the last has gone. */
static void run(struct worker* w) {
  struct loops* a = w->loops;

  run_out(&w->uv);
  uv_ref((uv_handle_t*) &w->async);
  enter();
  w->is_out = 1;
  if (--a->running == 0)
    wake(a);
  leave();
  run_out(&w->uv);
  enter();
  w->is_gone = 1;
  leave();
}

static void live(void* arg) {
  struct worker* w = (struct worker*) arg;
  struct loops* a = w->loops;
  int err = a->begin(a->pub, w->index, &w->uv);

  enter();
  w->err = err;
  w->has_begun = 1;
  uv_cond_broadcast(&a->changed);
  while (!a->may_run)
    uv_cond_wait(&a->changed, &lock);
  leave();
  run(w);
  w->is_left = worker_close(w);
}

/* ---- beginning ----------------------------------------------------------- */

static int worker_open(struct loops* a, unsigned index) {
  struct worker* w = &a->workers[index];
  int err = uv_loop_init(&w->uv);

  if (err != 0)
    return err;
  err = uv_async_init(&w->uv, &w->async, on_wake);
  if (err != 0) {
    (void) uv_loop_close(&w->uv);
    return err;
  }
  w->loops = a;
  w->index = index;
  err = uv_thread_create(&w->thread, live, w);
  if (err != 0)
    (void) worker_close(w);
  return err;
}

/* Under the lock, which is let go of meanwhile. */
static int worker_begin(struct loops* a, unsigned index) {
  struct worker* w = &a->workers[index];
  int err;

  if (a->stops != 0)
    return UV_ECANCELED;
  leave();
  err = worker_open(a, index);
  enter();
  if (err != 0)
    return err;
  a->made++;
  while (!w->has_begun)
    uv_cond_wait(&a->changed, &lock);
  return w->err;
}

static struct loops* loops_new(uvssh_loops_t* pub, unsigned count, int* err) {
  size_t size = sizeof(struct loops) + count * sizeof(struct worker);
  struct loops* a = (struct loops*) uvssh__calloc(1, size);

  *err = a == NULL ? UV_ENOMEM : uv_cond_init(&a->changed);
  if (*err != 0) {
    uvssh__free(a);
    return NULL;
  }
  queue_init(&a->spots);
  a->pub = pub;
  a->count = count;
  return a;
}

/* ---- the end ------------------------------------------------------------- */

/* Under the lock. */
static void stop(struct loops* a) {
  a->stops++;
  spots_free(a);
  wake(a);
}

/* 0, or UV_EBUSY. Under the lock, which is let go of meanwhile. */
static int join_all(struct loops* a) {
  int is_left = 0;
  unsigned i;

  leave();
  for (i = 0; i < a->made; i++) {
    (void) uv_thread_join(&a->workers[i].thread);
    is_left |= a->workers[i].is_left;
  }
  enter();
  a->pub->impl = NULL;
  uv_cond_destroy(&a->changed);
  spots_free(a);
  if (is_left)
    return UV_EBUSY;               /* those handles point into it */
  uvssh__free(a);
  return 0;
}

/* Under the lock. */
static int begin_all(struct loops* a) {
  unsigned i;
  int err = 0;

  for (i = 0; i < a->count && err == 0; i++)
    err = worker_begin(a, i);
  if (err == 0 && a->stops != 0)
    err = UV_ECANCELED;
  a->running = a->made;
  a->may_run = 1;
  uv_cond_broadcast(&a->changed);
  if (err != 0) {
    stop(a);
    (void) join_all(a);
  } else {
    a->is_busy = 0;
  }
  return err;
}

int uvssh_loops_start(uvssh_loops_t* pub,
                      unsigned count,
                      uvssh_loops_begin_cb begin,
                      uvssh_loops_end_cb end) {
  struct loops* a = NULL;
  int err;

  if (pub == NULL || begin == NULL || end == NULL || count > LOOPS_MAX)
    return UV_EINVAL;
  if (count == 0)
    count = uv_available_parallelism();
  if (count > LOOPS_MAX)           /* a large machine */
    count = LOOPS_MAX;
  enter();
  err = pub->impl != NULL ? UV_EBUSY : 0;
  if (err == 0)
    a = loops_new(pub, count, &err);
  if (a != NULL) {
    a->begin = begin;
    a->end = end;
    a->is_busy = 1;
    pub->count = count;
    pub->impl = a;
    err = begin_all(a);
  }
  leave();
  return err;
}

void uvssh_loops_stop(uvssh_loops_t* pub) {
  if (pub == NULL)
    return;
  enter();
  if (pub->impl != NULL)
    stop((struct loops*) pub->impl);
  leave();
}

static int is_mine(const struct loops* a) {
  uv_thread_t self = uv_thread_self();
  unsigned i;

  for (i = 0; i < a->made; i++)
    if (uv_thread_equal(&self, &a->workers[i].thread))
      return 1;
  return 0;
}

int uvssh_loops_join(uvssh_loops_t* pub) {
  struct loops* a;
  int err = 0;

  if (pub == NULL)
    return UV_EINVAL;
  enter();
  a = (struct loops*) pub->impl;
  if (a == NULL)
    err = UV_ENOTCONN;
  else if (is_mine(a))
    err = UV_EINVAL;
  else if (a->is_busy)
    err = UV_EALREADY;
  if (err == 0) {
    a->is_busy = 1;
    err = join_all(a);
  }
  leave();
  return err;
}
