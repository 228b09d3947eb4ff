/* pipe.c: two ends in memory, carried by the turns of a loop.
 *
 * Happy path: what an end writes is put on its way; a turn takes a piece off it
 * each way and feeds the other end, from a block of its very size that is freed
 * at once, so a sanitizer sees who reads beyond it or keeps it. The writer is
 * told that it has been taken once no more than `room` is on the way.
 * The idle handle runs only while something can move, so a loop can rest.
 *
 * next_move() alone says what happens next; nothing else tests for it.
 *
 * Never: feeds or answers inside a call of the end's owner.
 */
#include "test/test.h"

enum { CHUNK = 65536, ROOM = 65536 };

struct joint {
  uv_idle_t idle;
  struct end a, b;
  size_t chunk;
  size_t room;
};

static size_t on_the_way(const struct end* e) {
  return e->way.len - e->at;
}

static void lose_the_way(struct end* e) {
  uvssh__buf_free(&e->way);
  e->at = 0;
}

/* ---- what happens next --------------------------------------------------- */

enum move {
  M_NOTHING,
  M_ANSWER,                        /* the writer hears that it is taken */
  M_CUT,
  M_PIECE,
  M_END                            /* the reader hears that no more comes */
};

static enum move next_move(const struct end* from) {
  const struct end* to = from->other;

  if (from->owes && on_the_way(from) <= from->joint->room)
    return M_ANSWER;
  if (!from->is_cut && from->taken >= from->cut_at)
    return M_CUT;
  if (to->closed || to->told || !to->reading)
    return M_NOTHING;
  if (to->broken != 0)
    return M_END;
  if (from->is_cut)
    return from->cut_status == UV_EOF ? M_END : M_NOTHING;
  if (from->held)
    return M_NOTHING;
  if (on_the_way(from) > 0)
    return M_PIECE;
  return from->closed ? M_END : M_NOTHING;
}

/* ---- moves --------------------------------------------------------------- */

static void feed(struct end* to, ssize_t nread, uint8_t* bytes) {
  if (to->cb != NULL)
    to->cb(to->owner, bytes, nread);
  else
    uvssh_transport_feed(to->t, nread, bytes);
}

static void answer(struct end* from) {
  from->owes = 0;
  if (from->t != NULL)
    uvssh_transport_wrote(from->t, from->broken);
}

static void cut(struct end* from) {
  struct end* to = from->other;

  from->is_cut = 1;
  lose_the_way(from);
  if (from->cut_status == UV_EOF)
    return;
  to->is_cut = 1;
  to->cut_status = from->cut_status;
  lose_the_way(to);
  from->broken = to->broken = from->cut_status;
}

static void end(struct end* to) {
  to->told = 1;
  feed(to, to->broken != 0 ? to->broken : UV_EOF, NULL);
}

static void piece(struct end* from) {
  size_t n = on_the_way(from);
  uint8_t* block;

  if (n > from->joint->chunk)
    n = from->joint->chunk;
  if (n > from->cut_at - from->taken)
    n = (size_t) (from->cut_at - from->taken);
  block = (uint8_t*) uvssh__malloc(n);
  if (block == NULL) {
    from->other->broken = UV_ENOMEM;
    return;
  }
  memcpy(block, from->way.base + from->at, n);
  from->at += n;
  from->taken += n;
  if (on_the_way(from) == 0)
    lose_the_way(from);
  feed(from->other, (ssize_t) n, block);
  uvssh__free_secret(block, n);
}

static void move(struct end* from) {
  switch (next_move(from)) {
    case M_NOTHING: break;
    case M_ANSWER: answer(from); break;
    case M_CUT: cut(from); break;
    case M_PIECE: piece(from); break;
    case M_END: end(from->other); break;
  }
}

static void on_idle(uv_idle_t* idle);

/* After whatever may have changed what happens next. */
static void touch(struct joint* j) {
  if (uv_is_closing((uv_handle_t*) &j->idle))
    return;
  if (next_move(&j->a) != M_NOTHING || next_move(&j->b) != M_NOTHING)
    uv_idle_start(&j->idle, on_idle);
  else
    uv_idle_stop(&j->idle);
}

static void on_idle(uv_idle_t* idle) {
  struct joint* j = (struct joint*) idle->data;

  move(&j->a);
  move(&j->b);
  touch(j);
}

/* ---- an end's owner ------------------------------------------------------ */

int uvssh__end_write(struct end* e, const void* base, size_t len) {
  if (e->is_cut || e->other->closed)
    return 0;                      /* lost: nobody will hear it */
  if (e->at > e->way.len / 2) {
    uvssh__buf_shift(&e->way, e->at);
    e->at = 0;
  }
  wr_bytes(&e->way, base, len);
  if (e->way.bad)
    return UV_ENOMEM;
  e->sent += len;
  touch(e->joint);
  return 0;
}

void uvssh__end_read(struct end* e, int reading) {
  e->reading = reading;
  touch(e->joint);
}

static void on_closed(uv_handle_t* handle) {
  struct joint* j = (struct joint*) handle->data;

  lose_the_way(&j->a);
  lose_the_way(&j->b);
  uvssh__free(j);
}

void uvssh__end_close(struct end* e) {
  struct joint* j = e->joint;

  e->closed = 1;
  e->owes = 0;
  lose_the_way(e->other);
  if (e->other->closed)
    uv_close((uv_handle_t*) &j->idle, on_closed);
  else
    touch(j);
}

/* ---- a transport --------------------------------------------------------- */

/* The library's own word of `reserved` is the first. */
static struct end** end_of(const uvssh_transport_t* t) {
  return (struct end**) (uintptr_t) &t->reserved[1];
}

static int on_read_start(uvssh_transport_t* t) {
  uvssh__end_read(*end_of(t), 1);
  return 0;
}

static int on_read_stop(uvssh_transport_t* t) {
  uvssh__end_read(*end_of(t), 0);
  return 0;
}

static int on_write(uvssh_transport_t* t, const uv_buf_t bufs[], unsigned n) {
  struct end* e = *end_of(t);
  unsigned i;
  int err = 0;

  for (i = 0; i < n && err == 0; i++)
    err = uvssh__end_write(e, bufs[i].base, bufs[i].len);
  if (err != 0)
    return err;
  e->owes = 1;
  touch(e->joint);
  return 0;
}

static void on_close(uvssh_transport_t* t) {
  struct end* e = *end_of(t);

  if (e == NULL)
    return;
  *end_of(t) = NULL;
  e->t = NULL;
  uvssh__end_close(e);
  uvssh_transport_closed(t);
}

static const uvssh_transport_ops_t ops = {
  on_read_start, on_read_stop, on_write, on_close, NULL
};

static void join(struct end* e, uvssh_transport_t* t) {
  void* data = t->data;

  memset(t, 0, sizeof(*t));
  t->data = data;
  t->ops = &ops;
  *end_of(t) = e;
  e->t = t;
}

static struct end* open_end(const uvssh_transport_t* t) {
  return t == NULL || t->ops != &ops ? NULL : *end_of(t);
}

/* ---- a life -------------------------------------------------------------- */

static void end_init(struct end* e, struct joint* j, struct end* other) {
  e->joint = j;
  e->other = other;
  e->cut_at = UINT64_MAX;
}

static struct joint* joint_new(uv_loop_t* loop,
                               const uvssh_test_pipe_t* options) {
  struct joint* j = (struct joint*) uvssh__calloc(1, sizeof(*j));

  if (j == NULL)
    return NULL;
  j->chunk = CHUNK;
  j->room = ROOM;
  end_init(&j->a, j, &j->b);
  end_init(&j->b, j, &j->a);
  if (options != NULL) {
    j->chunk = options->chunk != 0 ? options->chunk : j->chunk;
    j->room = options->room != 0 ? options->room : j->room;
    j->a.cut_at = options->cut_after != 0 ? options->cut_after : UINT64_MAX;
    j->a.cut_status = options->cut_status;
  }
  uv_idle_init(loop, &j->idle);    /* cannot fail */
  j->idle.data = j;
  return j;
}

int uvssh__pipe_end(uv_loop_t* loop,
                    struct end** a,
                    end_cb cb,
                    void* owner,
                    uvssh_transport_t* b,
                    const uvssh_test_pipe_t* options) {
  struct joint* j;

  if (loop == NULL || b == NULL || (options != NULL && options->cut_status > 0))
    return UV_EINVAL;
  j = joint_new(loop, options);
  if (j == NULL)
    return UV_ENOMEM;
  j->a.cb = cb;
  j->a.owner = owner;
  join(&j->b, b);
  *a = &j->a;
  return 0;
}

int uvssh_test_pipe(uv_loop_t* loop,
                    uvssh_transport_t* a,
                    uvssh_transport_t* b,
                    const uvssh_test_pipe_t* options) {
  struct end* e;
  int err;

  if (a == NULL || a == b)
    return UV_EINVAL;
  err = uvssh__pipe_end(loop, &e, NULL, NULL, b, options);
  if (err == 0)
    join(e, a);
  return err;
}

static void cut_here(struct end* e, int status) {
  if (e->is_cut)
    return;
  e->cut_status = status;
  e->cut_at = e->sent;
  touch(e->joint);
}

void uvssh__end_finish(struct end* e) {
  cut_here(e, UV_EOF);
}

int uvssh_test_pipe_cut(uvssh_transport_t* t, int status) {
  struct end* e = open_end(t);

  if (e == NULL || status > 0)
    return UV_EINVAL;
  cut_here(e, status);
  return 0;
}

int uvssh_test_pipe_hold(uvssh_transport_t* t, int hold) {
  struct end* e = open_end(t);

  if (e == NULL)
    return UV_EINVAL;
  e->held = hold;
  touch(e->joint);
  return 0;
}
