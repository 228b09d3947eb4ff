/* Values that name things: found while they live, harmless afterwards, and
 * useless on another thread. */
#include "check.h"

#include "base/base.h"

static void expect(const uvssh_reply_t* reply, int err, void* thing) {
  void* found = &found;
  CHECK_EQ(uvssh__slots_find(reply, &found), err);
  CHECK(found == thing);
}

TEST(slot_lives_and_dies) {
  struct slots* slots = uvssh__slots_create();
  uvssh_reply_t reply;
  int thing;

  CHECK(slots != NULL);
  CHECK_EQ(uvssh__slots_add(slots, &thing, &reply), 0);
  CHECK(reply.serial != 0);
  expect(&reply, 0, &thing);
  expect(&reply, 0, &thing);       /* to find is not to take */
  uvssh__slots_remove(slots, &reply);
  expect(&reply, UV_ECANCELED, NULL);
  uvssh__slots_remove(slots, &reply);
  expect(&reply, UV_ECANCELED, NULL);
  uvssh__slots_destroy(slots);
  expect(&reply, UV_ECANCELED, NULL);
  uvssh__slots_destroy(NULL);
}

TEST(slot_value_forged) {
  struct slots* slots = uvssh__slots_create();
  uvssh_reply_t zero = { 0 };
  uvssh_reply_t reply;
  uvssh_reply_t other;
  int thing;

  CHECK_EQ(uvssh__slots_add(slots, &thing, &reply), 0);
  expect(&zero, UV_ECANCELED, NULL);
  other = reply;
  other.serial = 0;
  expect(&other, UV_ECANCELED, NULL);
  uvssh__slots_remove(slots, &other);
  other = reply;
  other.serial += 1;
  expect(&other, UV_ECANCELED, NULL);
  other.serial = UINT64_MAX;
  expect(&other, UV_ECANCELED, NULL);
  uvssh__slots_remove(slots, &other);
  other = reply;
  for (other.slot = 1; other.slot < 40; other.slot++)
    expect(&other, UV_ECANCELED, NULL);   /* free ones, and behind the end */
  other.slot = UINT32_MAX;
  expect(&other, UV_ECANCELED, NULL);
  uvssh__slots_remove(slots, &other);
  other = reply;
  other.loop += 1;
  expect(&other, UV_ECANCELED, NULL);
  uvssh__slots_remove(slots, &other);

  expect(&reply, 0, &thing);       /* nobody hit it */
  uvssh__slots_destroy(slots);
}

/* A free slot keeps serial 0; a value with serial 0 must not match it. */
TEST(slot_free_one_is_not_found_by_zero) {
  struct slots* slots = uvssh__slots_create();
  uvssh_reply_t reply;
  int thing;

  CHECK_EQ(uvssh__slots_add(slots, &thing, &reply), 0);
  uvssh__slots_remove(slots, &reply);
  reply.serial = 0;
  expect(&reply, UV_ECANCELED, NULL);
  uvssh__slots_remove(slots, &reply);     /* must not be freed twice */

  uvssh_reply_t a;
  uvssh_reply_t b;
  CHECK_EQ(uvssh__slots_add(slots, &thing, &a), 0);
  CHECK_EQ(uvssh__slots_add(slots, &thing, &b), 0);
  CHECK(a.slot != b.slot);
  uvssh__slots_destroy(slots);
}

TEST(slot_reused_has_a_new_serial) {
  struct slots* slots = uvssh__slots_create();
  uvssh_reply_t old = { 0 };
  uvssh_reply_t reply;
  int thing;
  int i;

  for (i = 0; i < 1000; i++) {
    CHECK_EQ(uvssh__slots_add(slots, &thing, &reply), 0);
    CHECK_EQ(reply.slot, 0);       /* the table does not grow */
    CHECK(reply.serial > old.serial);
    expect(&old, UV_ECANCELED, NULL);
    uvssh__slots_remove(slots, &old);     /* stale: takes nothing away */
    expect(&reply, 0, &thing);
    uvssh__slots_remove(slots, &reply);
    old = reply;
  }
  uvssh__slots_destroy(slots);
}

TEST(slot_tables_are_apart) {
  struct slots* a = uvssh__slots_create();
  struct slots* b = uvssh__slots_create();
  uvssh_reply_t in_a;
  uvssh_reply_t in_b;
  int things[2];

  CHECK_EQ(uvssh__slots_add(a, &things[0], &in_a), 0);
  CHECK_EQ(uvssh__slots_add(b, &things[1], &in_b), 0);
  CHECK(in_a.loop != in_b.loop);
  uvssh__slots_remove(a, &in_b);
  uvssh__slots_remove(b, &in_a);
  expect(&in_a, 0, &things[0]);
  expect(&in_b, 0, &things[1]);
  uvssh__slots_destroy(a);
  expect(&in_a, UV_ECANCELED, NULL);
  expect(&in_b, 0, &things[1]);

  a = uvssh__slots_create();       /* not found in a later table either */
  uvssh_reply_t again;
  CHECK_EQ(uvssh__slots_add(a, &things[0], &again), 0);
  CHECK(again.loop != in_a.loop);
  CHECK(again.serial != in_a.serial);
  expect(&in_a, UV_ECANCELED, NULL);
  uvssh__slots_destroy(a);
  uvssh__slots_destroy(b);
}

/* Against a plain array as the model. */
TEST(slot_many_in_any_order) {
  enum { N = 3000 };
  static uvssh_reply_t replies[N];
  static char things[N];
  struct slots* slots = uvssh__slots_create();
  uint32_t random = 1;
  size_t i;
  int step;

  memset(replies, 0, sizeof(replies));
  for (step = 0; step < 60000; step++) {
    random = random * 1664525 + 1013904223;
    i = (random >> 8) % N;
    if (replies[i].serial == 0) {
      CHECK_EQ(uvssh__slots_add(slots, &things[i], &replies[i]), 0);
      CHECK(replies[i].slot < 4096);      /* bound: the most at one time */
    } else {
      expect(&replies[i], 0, &things[i]);
      uvssh__slots_remove(slots, &replies[i]);
      expect(&replies[i], UV_ECANCELED, NULL);
      replies[i].serial = 0;
    }
  }
  for (i = 0; i < N; i++) {
    if (replies[i].serial != 0)
      expect(&replies[i], 0, &things[i]);
  }
  uvssh__slots_destroy(slots);
}

TEST(slot_out_of_memory) {
  uvssh_reply_t replies[100];
  int things[100];

  HEAP_SWEEP(n) {
    struct slots* slots = uvssh__slots_create();
    int added = 0;
    int i;

    if (slots == NULL) {
      CHECK(heap_failed());
      continue;
    }
    for (i = 0; i < 100; i++) {
      int err = uvssh__slots_add(slots, &things[i], &replies[i]);
      if (err != 0) {
        CHECK_EQ(err, UV_ENOMEM);
        CHECK(heap_failed());
        err = uvssh__slots_add(slots, &things[i], &replies[i]);
      }
      CHECK_EQ(err, 0);            /* one failure, and on it goes */
      added += 1;
    }
    for (i = 0; i < added; i++)
      expect(&replies[i], 0, &things[i]);
    uvssh__slots_destroy(slots);
  }
}

/* ---- threads: results are carried back, checks are made here ------------- */

struct visit {
  struct slots* slots;
  const uvssh_reply_t* reply;
  int before;
  int after;
  void* thing;
};

static void visit_cb(void* arg) {
  struct visit* v = arg;

  v->before = uvssh__slots_find(v->reply, &v->thing);
  if (v->slots == NULL)
    return;
  uvssh__slots_enter(v->slots);
  v->after = uvssh__slots_find(v->reply, &v->thing);
}

static void visit(struct visit* v) {
  uv_thread_t thread;

  CHECK_EQ(uv_thread_create(&thread, visit_cb, v), 0);
  CHECK_EQ(uv_thread_join(&thread), 0);
}

TEST(slot_other_thread_is_refused) {
  struct slots* slots = uvssh__slots_create();
  struct visit v = { 0 };
  uvssh_reply_t reply;
  uvssh_reply_t zero = { 0 };
  int thing;

  CHECK_EQ(uvssh__slots_add(slots, &thing, &reply), 0);
  v.reply = &reply;
  visit(&v);
  CHECK_EQ(v.before, UV_EINVAL);
  CHECK(v.thing == NULL);
  expect(&reply, 0, &thing);       /* still open for the right one */

  zero.loop = reply.loop;          /* inert, whoever comes with it */
  v.reply = &zero;
  visit(&v);
  CHECK_EQ(v.before, UV_ECANCELED);

  uvssh__slots_destroy(slots);
  v.reply = &reply;
  visit(&v);
  CHECK_EQ(v.before, UV_ECANCELED);
}

TEST(slot_loop_moves_to_another_thread) {
  struct slots* slots = uvssh__slots_create();
  struct visit v = { .slots = slots };
  uvssh_reply_t reply;
  int thing;

  CHECK_EQ(uvssh__slots_add(slots, &thing, &reply), 0);
  v.reply = &reply;
  visit(&v);
  CHECK_EQ(v.before, UV_EINVAL);
  CHECK_EQ(v.after, 0);
  CHECK(v.thing == &thing);

  expect(&reply, UV_EINVAL, NULL); /* it is no longer ours */
  uvssh__slots_enter(slots);
  expect(&reply, 0, &thing);
  uvssh__slots_enter(slots);
  expect(&reply, 0, &thing);
  uvssh__slots_destroy(slots);
}

enum { WORKERS = 4, ROUNDS = 2000 };

static struct {
  uv_mutex_t mutex;
  uvssh_reply_t posted[WORKERS];   /* the last value of each worker */
} board;

struct worker {
  size_t me;
  int wrong;
};

static void worker_round(struct worker* w, struct slots* slots, size_t round) {
  uvssh_reply_t reply;
  uvssh_reply_t theirs;
  void* thing;
  int err;

  uvssh__slots_enter(slots);
  if (uvssh__slots_add(slots, w, &reply) != 0)
    w->wrong += 1;
  uv_mutex_lock(&board.mutex);
  board.posted[w->me] = reply;
  theirs = board.posted[(w->me + 1 + round % (WORKERS - 1)) % WORKERS];
  uv_mutex_unlock(&board.mutex);

  err = uvssh__slots_find(&theirs, &thing);
  if (err != UV_EINVAL && err != UV_ECANCELED)
    w->wrong += 1;
  if (uvssh__slots_find(&reply, &thing) != 0 || thing != w)
    w->wrong += 1;
  uvssh__slots_remove(slots, &reply);
  if (uvssh__slots_find(&reply, &thing) != UV_ECANCELED)
    w->wrong += 1;
}

static void worker_cb(void* arg) {
  struct worker* w = arg;
  size_t round;

  for (round = 0; round < ROUNDS; round += 10) {
    struct slots* slots = uvssh__slots_create();
    size_t i;

    if (slots == NULL) {
      w->wrong += 1;
      return;
    }
    for (i = 0; i < 10; i++)
      worker_round(w, slots, round + i);
    uvssh__slots_destroy(slots);
  }
}

TEST(slot_many_threads) {
  struct worker workers[WORKERS] = { { 0 } };
  uv_thread_t threads[WORKERS];
  size_t i;

  memset(board.posted, 0, sizeof(board.posted));
  CHECK_EQ(uv_mutex_init(&board.mutex), 0);
  for (i = 0; i < WORKERS; i++) {
    workers[i].me = i;
    CHECK_EQ(uv_thread_create(&threads[i], worker_cb, &workers[i]), 0);
  }
  for (i = 0; i < WORKERS; i++)
    CHECK_EQ(uv_thread_join(&threads[i]), 0);
  for (i = 0; i < WORKERS; i++)
    CHECK_EQ(workers[i].wrong, 0);
  uv_mutex_destroy(&board.mutex);
}
