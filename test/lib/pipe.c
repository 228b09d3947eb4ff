/* pipe.c: see pipe.h. Its own memory is libc's, so the heap of check.h sees the
 * library only. */
#include "pipe.h"

#include <stdlib.h>
#include <stdio.h>

enum {
  STEPS_MAX = 50 * 1000 * 1000,
  FIRST_MS = 1000000,
  TURN_BYTES = 512 * 1024,         /* as lib/loop/attach.c ... */
  READ_BUFFER = 512 * 1024         /* ... and lib/loop/stream.c */
};

static struct side* side_of(const struct desk* desk) {
  return CONTAINER_OF(session_of(desk), struct side, session);
}

/* ---- what a session needs ------------------------------------------------ */

static void on_wake(struct desk* desk) {
  side_of(desk)->dirty = 1;
}

static uint64_t on_now(const struct desk* desk) {
  return side_of(desk)->pipe->now;
}

static int on_submit(struct desk* desk, struct job* job) {
  struct pipe* p = side_of(desk)->pipe;

  if (p->jobs == JOBS_NOW) {
    job->run(job);
    return 1;
  }
  CHECK(p->waiting_count < ARRAY_SIZE(p->waiting));
  p->waiting[p->waiting_count].job = job;
  p->waiting[p->waiting_count++].steps = p->job_steps;
  return 0;
}

/* By count, so that the same run is the same again. */
static int on_late(const struct desk* desk) {
  struct pipe* p = side_of(desk)->pipe;

  return p->late_every != 0 && ++p->late_asked % p->late_every == 0;
}

static const struct desk_ops ops = { on_wake, on_submit, on_now, on_late };

static void finish_job(struct pipe* p, unsigned i) {
  struct job* job = p->waiting[i].job;

  p->waiting[i] = p->waiting[--p->waiting_count];
  if (job->desk == NULL) {
    job->dispose(job);             /* its session has gone */
    return;
  }
  job->run(job);
  uvssh__session_job(session_of(job->desk), job);
}

static int step_jobs(struct pipe* p) {
  unsigned before = p->waiting_count;
  unsigned i;

  if (p->jobs == JOBS_HELD)
    return 0;
  for (i = 0; i < p->waiting_count; i++) {
    if (p->waiting[i].steps-- == 0) {
      finish_job(p, i);
      break;
    }
  }
  return before != 0;
}

void pipe_release_jobs(struct pipe* p) {
  uvssh__slots_enter(p->slots);
  while (p->waiting_count != 0)
    finish_job(p, 0);
}

/* ---- a life -------------------------------------------------------------- */

uint64_t pipe_random(struct pipe* p) {
  uint64_t z = p->seed += 0x9e3779b97f4a7c15;

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

static void side_init(struct side* s, struct pipe* p, struct side* other) {
  memset(s, 0, sizeof(*s));
  s->pipe = p;
  s->other = other;
  s->cut_at = s->flip_at = UINT64_MAX;
}

void pipe_init(struct pipe* p) {
  memset(p, 0, sizeof(*p));
  side_init(&p->server, p, &p->client);
  side_init(&p->client, p, &p->server);
  p->now = FIRST_MS;
  CHECK_EQ(uvssh__crypto_init(), 0);
  p->slots = uvssh__slots_create();
  CHECK(p->slots != NULL);
  uvssh__pool_init(&p->pool);
  CHECK_EQ(uvssh_key_generate(&p->hostkeys.key[0], UVSSH_KEY_ED25519, 0), 0);
  p->hostkeys.count = 1;
}

static void on_close(uvssh_session_t* pub, const uvssh_end_t* end) {
  struct side* s = CONTAINER_OF(pub, struct side, pub);

  CHECK_EQ(s->closes, 0);
  CHECK(pub->impl == NULL);
  s->closes = 1;
  s->end = *end;
  snprintf(s->end_text, sizeof(s->end_text), "%s", end->text);
  s->end.text = s->end_text;
  if (s->on.on_close != NULL)
    s->on.on_close(pub, end);
}

static void side_close(struct side* s) {
  s->up = 0;
  s->rest.len = 0;
  s->rekeys = s->session.transport.rekeys;
  uvssh__session_closed(&s->session);
  CHECK_EQ(s->closes, 1);
  uvssh__session_free(&s->session);
  uvssh__config_free(&s->config);
  memset(&s->session, 0xdd, sizeof(s->session));
}

static int side_open(struct side* s,
                     const uvssh_config_t* config,
                     const uvssh_session_handlers_t* handlers,
                     const struct hostkeys* hostkeys) {
  uvssh_session_handlers_t mine = *handlers;
  int err = uvssh__config_copy(&s->config, config, hostkeys != NULL);

  if (err != 0)
    return err;
  s->on = *handlers;
  mine.on_close = on_close;
  memset(&s->session, 0, sizeof(s->session));
  s->session.desk.config = s->config;
  s->session.desk.ops = &ops;
  s->session.desk.slots = s->pipe->slots;
  s->session.desk.pool = &s->pipe->pool;
  s->session.desk.pub = &s->pub;
  uvssh__slots_enter(s->pipe->slots);
  err = uvssh__session_init(&s->session, &mine, hostkeys);
  if (err != 0) {
    uvssh__session_free(&s->session);
    uvssh__config_free(&s->config);
    return err;
  }
  s->pub.impl = &s->session;
  s->up = 1;
  return 0;
}

int pipe_server(struct pipe* p,
                const uvssh_config_t* config,
                const uvssh_session_handlers_t* handlers) {
  int err = side_open(&p->server, config, handlers, &p->hostkeys);

  if (err == 0)
    uvssh__session_start(&p->server.session);
  return err;
}

static void on_started(uvssh_req_t* req, int status) {
  struct side* s = CONTAINER_OF(req, struct side, start_req);

  CHECK_EQ(s->started, 0);
  CHECK_EQ(s->closes, 0);
  s->started = 1;
  s->start_status = status;
}

int pipe_client(struct pipe* p,
                const uvssh_config_t* config,
                const uvssh_session_handlers_t* handlers) {
  struct side* s = &p->client;
  int err = side_open(s, config, handlers, NULL);

  if (err != 0)
    return err;
  uvssh__request_begin(&s->start_req, &s->session.desk, NULL, on_started);
  s->session.start_req = &s->start_req;
  uvssh__session_start(&s->session);
  return 0;
}

static void side_drop(struct side* s) {
  if (!s->up)
    return;
  uvssh_session_close(&s->pub);
  side_close(s);
}

void pipe_reset(struct pipe* p) {
  uvssh__slots_enter(p->slots);
  side_drop(&p->client);
  side_drop(&p->server);
  pipe_release_jobs(p);
  uvssh__pool_free(&p->pool);
  uvssh__pool_init(&p->pool);
  free(p->server.wire);
  free(p->client.wire);
  side_init(&p->server, p, &p->client);
  side_init(&p->client, p, &p->server);
}

void pipe_free(struct pipe* p) {
  pipe_reset(p);
  uvssh__pool_free(&p->pool);
  uvssh__slots_destroy(p->slots);
  while (p->hostkeys.count > 0)
    uvssh_key_unref(p->hostkeys.key[--p->hostkeys.count]);
  memset(p, 0, sizeof(*p));
}

/* ---- bytes --------------------------------------------------------------- */

void pipe_inject(struct side* s, const void* base, size_t len) {
  if (len == 0)
    return;
  if (s->at == s->len)
    s->at = s->len = 0;
  if (s->cap - s->len < len) {
    s->cap = (s->len + len) * 2;
    s->wire = realloc(s->wire, s->cap);
    CHECK(s->wire != NULL);
  }
  memcpy(s->wire + s->len, base, len);
  s->len += len;
}

static void lose(struct side* s, int status) {
  if (s->up && !s->session.lost)
    uvssh__session_lost(&s->session, status);
}

/* What is on the way is lost. */
static void swallow(struct side* s) {
  s->swallowed += s->len - s->at;
  s->at = s->len = 0;
}

static void cut(struct side* s) {
  int status = s->cut == CUT_RESET ? UV_ECONNRESET : UV_EOF;

  s->is_cut = 1;
  swallow(s);
  if (s->cut == CUT_SILENCE)
    return;
  s->told = 1;
  lose(s->other, status);
  if (s->cut != CUT_EOF)
    lose(s, status);
}

static int is_due(const struct side* s) {
  return s->delivered >= s->cut_at && !s->is_cut && !s->stop &&
         s->other->up && !s->other->scripted;
}

static size_t piece(struct side* s) {
  size_t n = s->len - s->at;
  size_t max = s->chunk != 0 ? s->chunk : READ_BUFFER;

  if (s->random_chunk)
    max = 1 + (size_t) (pipe_random(s->pipe) % max);
  if (n > max)
    n = max;
  if (n > s->cut_at - s->delivered)
    n = (size_t) (s->cut_at - s->delivered);
  return n;
}

/* One piece from s to the other. */
static int deliver(struct side* s) {
  struct side* to = s->other;
  uint8_t* block;
  size_t n;

  if (s->stop || to->scripted || (!to->up && to->closes == 0))
    return 0;
  if (!to->up || s->is_cut) {
    n = s->len - s->at;
    swallow(s);
    return n != 0;
  }
  if (is_due(s)) {
    if (!s->cut_late)
      cut(s);
    return !s->cut_late;
  }
  n = piece(s);
  if (n == 0) {
    if (s->up || s->scripted || s->told || s->closes == 0)
      return 0;
    s->told = 1;
    lose(to, UV_EOF);
    return 1;
  }
  if (!uvssh__session_wants_input(&to->session))
    return 0;
  block = malloc(n);
  CHECK(block != NULL);
  memcpy(block, s->wire + s->at, n);
  if (s->flip_at - s->delivered < n)
    block[s->flip_at - s->delivered] ^= 1;
  s->at += n;
  s->delivered += n;
  uvssh__session_feed(&to->session, block, n);
  memset(block, 0xee, n);
  free(block);
  return 1;
}

/* ---- turns --------------------------------------------------------------- */

/* As lib/loop/attach.c does where a transport cannot. */
static void write_fails(struct side* s, const uv_buf_t* buf) {
  s->swallowed += buf->len;
  s->owes = 0;
  uvssh__session_unwritable(&s->session, UV_EPIPE, LAST_WORDS_MS);
}

static void put(struct side* s, const char* base, size_t n) {
  if (s->is_cut)
    s->swallowed += n;
  else
    pipe_inject(s, base, n);
}

/* What the transport does with one write. */
static void write_one(struct side* s, uv_buf_t* buf) {
  size_t n = buf->len;

  s->owes = 1;
  if (++s->writes == s->fault_at) {
    s->fault_offset = s->sent;
    if (s->fault == FAULT_FAILS) {
      write_fails(s, buf);
      return;
    }
    n = s->fault == FAULT_SHORT ? 1 : 0;
    s->rest = uv_buf_init(buf->base + n, (unsigned) (buf->len - n));
  }
  s->sent += buf->len;
  put(s, buf->base, n);
}

static int let_rest_go(struct side* s) {
  if (s->rest.len == 0)
    return 0;
  put(s, s->rest.base, s->rest.len);
  s->rest.len = 0;
  return 1;
}

static void write_out(struct side* s) {
  size_t turn = 0;
  uv_buf_t buf;

  while (!s->owes && turn < TURN_BYTES &&
         uvssh__session_output(&s->session, &buf)) {
    CHECK(buf.len != 0);
    turn += buf.len;
    write_one(s, &buf);
    if (!s->owes || s->hold || s->rest.len != 0)
      return;
    s->owes = 0;
    uvssh__session_wrote(&s->session);
  }
  if (turn >= TURN_BYTES)
    s->dirty = 1;                  /* the rest next turn */
}

int pipe_turn(struct side* s) {
  struct session* session = &s->session;
  int report = s->owes && !s->hold && s->rest.len == 0;

  if (!s->up)
    return 0;
  uvssh__slots_enter(s->pipe->slots);
  if (!s->dirty && !report &&
      uvssh__session_deadline(session) > s->pipe->now &&
      !session_wants_close(session))
    return 0;
  if (report) {
    s->owes = 0;
    if (!session->lost)
      uvssh__session_wrote(session);
  }
  s->dirty = 0;
  uvssh__session_turn(session);
  write_out(s);
  if (session_wants_close(session))
    side_close(s);
  return 1;
}

/* Nothing moves: what waited for that. */
static int last_resort(struct pipe* p) {
  struct side* sides[] = { &p->server, &p->client };
  unsigned i;

  for (i = 0; i < ARRAY_SIZE(sides); i++) {
    if (let_rest_go(sides[i]))
      return 1;
    if (is_due(sides[i])) {
      cut(sides[i]);
      return 1;
    }
  }
  return 0;
}

int pipe_step(struct pipe* p) {
  int moved = 0;

  CHECK(++p->steps < STEPS_MAX);   /* or it never ends */
  uvssh__slots_enter(p->slots);
  if (p->on_step != NULL)
    p->on_step(p);
  moved |= step_jobs(p);
  moved |= pipe_turn(&p->server);
  moved |= pipe_turn(&p->client);
  moved |= deliver(&p->server);
  moved |= deliver(&p->client);
  return moved || last_resort(p);
}

void pipe_run(struct pipe* p) {
  while (pipe_step(p))
    ;
}

/* ---- time ---------------------------------------------------------------- */

uint64_t pipe_deadline(struct pipe* p) {
  uint64_t first = UINT64_MAX;
  uint64_t at;

  if (p->server.up)
    first = uvssh__session_deadline(&p->server.session);
  if (p->client.up) {
    at = uvssh__session_deadline(&p->client.session);
    first = at < first ? at : first;
  }
  return first;
}

void pipe_sleep(struct pipe* p, uint64_t ms) {
  uint64_t until = p->now + ms;
  uint64_t at;

  for (;;) {
    pipe_run(p);
    at = pipe_deadline(p);
    if (at > until)
      break;
    CHECK(at > p->now);            /* what is due has been done */
    p->now = at;
  }
  p->now = until;
  pipe_run(p);
}

int pipe_wait(struct pipe* p) {
  uint64_t at;

  pipe_run(p);
  at = pipe_deadline(p);
  if (at == UINT64_MAX)
    return 0;
  CHECK(at > p->now);
  p->now = at;
  pipe_run(p);
  return 1;
}

void pipe_finish(struct pipe* p) {
  pipe_run(p);
  while (p->server.up || p->client.up)
    CHECK(pipe_wait(p));
}

void pipe_chunk(struct pipe* p, size_t chunk, int is_random) {
  p->server.chunk = p->client.chunk = chunk;
  p->server.random_chunk = p->client.random_chunk = is_random;
}
