/* Handles in many threads: two loops whose sessions come and go, and eight
 * threads that send and post to all of them meanwhile. For ThreadSanitizer
 * above all (docs/testing.md): what a post gets here is written and read
 * without atomics, so that it sees whether the handle alone orders it. */
#include "both.h"

enum { WORLDS = 2, ROUNDS = 8, PAIRS = 5, TARGETS = WORLDS * PAIRS * 2 };
enum { SENDERS = 8, POSTS = 20000 };
enum { BURST = 24, GOAL = 4000 };  /* records that a round waits for */

/* ---- a channel that is written to ---------------------------------------- */

struct record {
  uint32_t sender;
  uint32_t number;                 /* from 0, of this sender to this channel */
  uint64_t filler;
};

struct target {
  uvssh_handle_t* handle;          /* the board's */
  uint64_t channel_id;
  int may_close;
  int is_open;                     /* on the board; this and users: its lock */
  int users;                       /* senders that are at it */
  uint32_t sent[SENDERS];          /* taken from each, by that sender */
  uint32_t got[SENDERS];           /* and read, on the loop */
  uint8_t part[sizeof(struct record)];
  size_t part_len;
  unsigned* total;                 /* records, of the whole round */
};

static void take_record(struct target* t) {
  struct record r;

  memcpy(&r, t->part, sizeof(r));
  CHECK(r.sender < SENDERS);
  CHECK_EQ(r.number, t->got[r.sender]);
  t->got[r.sender]++;
  ++*t->total;
}

static void on_records(uvssh_channel_t* channel,
                       int stream,
                       ssize_t nread,
                       const uv_buf_t* buf) {
  struct target* t = peer_of(channel->session)->data;
  ssize_t i;

  for (i = 0; i < nread; i++) {
    t->part[t->part_len++] = (uint8_t) buf->base[i];
    if (t->part_len < sizeof(struct record))
      continue;
    t->part_len = 0;
    take_record(t);
  }
}

static int send_records(struct target* t, unsigned sender, unsigned count) {
  struct record r[8];
  unsigned i;
  int err;

  memset(r, 0, sizeof(r));
  for (i = 0; i < count; i++) {
    r[i].sender = sender;
    r[i].number = t->sent[sender] + i;
  }
  err = uvssh_handle_send(t->handle, t->channel_id, UVSSH_DATA, r,
                          count * sizeof(r[0]));
  if (err == 0)
    t->sent[sender] += count;
  return err;
}

/* What `to` reads was sent by a handle of `from`. */
static void target_open(struct target* t, struct peer* from, struct peer* to) {
  CHECK_EQ(uvssh_handle_create(&t->handle, &from->session), 0);
  t->channel_id = from->channel.id;
  to->data = t;
  CHECK_EQ(uvssh_channel_read_start(&to->channel, on_records), 0);
}

/* ---- the board: what may be written to just now -------------------------- */

static uv_mutex_t board_lock;
static struct target* board[TARGETS];
static int is_over;                /* no more rounds */

static struct target* board_take(unsigned at) {
  struct target* t;

  uv_mutex_lock(&board_lock);
  t = board[at % (TARGETS)];
  if (t != NULL && !t->is_open)
    t = NULL;
  if (t != NULL)
    t->users++;
  uv_mutex_unlock(&board_lock);
  return t;
}

static void board_give_back(struct target* t) {
  uv_mutex_lock(&board_lock);
  t->users--;
  uv_mutex_unlock(&board_lock);
}

static void board_put(unsigned at, struct target* t) {
  uv_mutex_lock(&board_lock);
  board[at] = t;
  t->is_open = 1;
  uv_mutex_unlock(&board_lock);
}

/* 1: nobody is at it any more. */
static int board_withdraw(struct target* t) {
  int users;

  uv_mutex_lock(&board_lock);
  t->is_open = 0;
  users = t->users;
  uv_mutex_unlock(&board_lock);
  return users == 0;
}

static int board_is_over(void) {
  int over;

  uv_mutex_lock(&board_lock);
  over = is_over;
  uv_mutex_unlock(&board_lock);
  return over;
}

/* ---- senders ------------------------------------------------------------- */

struct post {
  uvssh_handle_t* handle;          /* a reference of its own */
  unsigned taken;
  unsigned ran;
};

struct sender {
  uv_thread_t thread;
  unsigned number;
  unsigned random;
  unsigned count;
  struct post posts[POSTS];
};

static struct sender senders[SENDERS];

static unsigned next_random(struct sender* s, unsigned below) {
  s->random = s->random * 1103515245 + 12345;
  return (s->random >> 16) % below;
}

static void on_count(uvssh_session_t* session, void* arg) {
  struct post* p = arg;

  if (++p->ran == p->taken)
    uvssh_handle_unref(p->handle);
}

static void on_again(uvssh_session_t* session, void* arg) {
  struct post* p = arg;
  int err;

  p->taken++;
  err = uvssh_handle_post(p->handle, on_count, p);
  if (err != 0)
    p->taken--;
  CHECK(err == 0 || err == UV_ENOBUFS || err == UV_ENOTCONN);
  CHECK(session != NULL || err == UV_ENOTCONN);
  on_count(session, p);
}

static void on_end(uvssh_session_t* session, void* arg) {
  uvssh_session_close(session);    /* NULL is fine */
  on_count(session, arg);
}

static int send_post(struct sender* s, struct target* t) {
  static const uvssh_post_cb some[] = { on_count, on_again };
  struct post* p = &s->posts[s->count];
  uvssh_post_cb cb = some[next_random(s, 2)];
  int err;

  if (s->count == POSTS)
    return 0;
  if (t->may_close && next_random(s, 100) == 0)
    cb = on_end;
  p->handle = uvssh_handle_ref(t->handle);
  p->taken = 1;
  err = uvssh_handle_post(p->handle, cb, p);
  if (err == 0) {
    s->count++;
    return 0;
  }
  p->taken = 0;
  uvssh_handle_unref(p->handle);
  return err;
}

static void send_burst(struct sender* s, struct target* t) {
  int err = 0;
  int i;

  for (i = 0; i < BURST && err != UV_ENOTCONN; i++) {
    if (next_random(s, 4) == 0)
      err = send_post(s, t);
    else
      err = send_records(t, s->number, 1 + next_random(s, 8));
    CHECK(err == 0 || err == UV_ENOTCONN || err == UV_ENOBUFS);
    if (err == UV_ENOBUFS)
      uv_sleep(0);
  }
}

static void storm(void* arg) {
  struct sender* s = arg;
  struct target* t;

  while (!board_is_over()) {
    t = board_take(next_random(s, 1000));
    if (t == NULL) {
      uv_sleep(0);
      continue;
    }
    send_burst(s, t);
    board_give_back(t);
  }
}

/* ---- worlds -------------------------------------------------------------- */

struct world {
  uv_thread_t thread;
  unsigned number;
  struct both b;
  uv_timer_t beat;
  unsigned total;
  struct target targets[ROUNDS][PAIRS * 2];
};

static struct world worlds[WORLDS];
static uvssh_key_t* shared;

/* Turns go on where the test waits for a sender, not for the loop. Mail is not
 * looked at for that. */
static void on_beat(uv_timer_t* timer) {
}

static void world_open(struct world* w) {
  struct both* b = &w->b;

  w->total = 0;
  both_open(b);
  uvssh_key_unref(b->key);
  b->key = uvssh_key_ref(shared);
  b->server_config.handle_bytes = b->client_config.handle_bytes = 16 * 1024;
  b->server_config.handle_messages = b->client_config.handle_messages = 64;
  both_listen(b);
  CHECK_EQ(uv_timer_init(&b->loop, &w->beat), 0);
  CHECK_EQ(uv_timer_start(&w->beat, on_beat, 1, 1), 0);
}

static void world_publish(struct world* w, struct target* targets) {
  struct peer* ends[2];
  unsigned i;

  for (i = 0; i < PAIRS * 2; i++) {
    if (i % 2 == 0) {
      ends[0] = both_channel(&w->b, "");
      ends[1] = served_last(&w->b);
    }
    targets[i].may_close = i / 2 == 1;
    targets[i].total = &w->total;
    target_open(&targets[i], ends[i % 2], ends[1 - i % 2]);
    board_put(w->number * PAIRS * 2 + i, &targets[i]);
  }
}

static int all_has_come(const struct target* t) {
  return memcmp(t->sent, t->got, sizeof(t->got)) == 0;
}

/* The first pair stays until all that was taken has come; posts end the second
 * whenever; the others end here and with the server, under fire. */
static void world_end(struct world* w, struct target* targets) {
  struct both* b = &w->b;
  int i;

  uvssh_session_close(&b->clients[2]->session);
  (void) uvssh_session_disconnect(&b->served[3]->session, 11, "");
  for (i = 0; i < 2; i++) {
    UNTIL(b, board_withdraw(&targets[i]));
    UNTIL(b, all_has_come(&targets[i]));
  }
  uv_close((uv_handle_t*) &w->beat, NULL);
  both_close(b);
  for (i = 0; i < PAIRS * 2; i++) {
    while (!board_withdraw(&targets[i]))
      uv_sleep(0);
    CHECK_EQ(uvssh_handle_post(targets[i].handle, on_count, NULL), UV_ENOTCONN);
    uvssh_handle_unref(targets[i].handle);
  }
}

/* A check that fails here ends the whole program. */
static void live(void* arg) {
  struct world* w = arg;
  int round;

  for (round = 0; round < ROUNDS; round++) {
    world_open(w);
    world_publish(w, w->targets[round]);
    UNTIL(&w->b, w->total >= GOAL);
    world_end(w, w->targets[round]);
  }
}

static void threads_start(void) {
  unsigned i;

  for (i = 0; i < WORLDS; i++) {
    worlds[i].number = i;
    CHECK_EQ(uv_thread_create(&worlds[i].thread, live, &worlds[i]), 0);
  }
  for (i = 0; i < SENDERS; i++) {
    senders[i].number = i;
    senders[i].random = i;
    CHECK_EQ(uv_thread_create(&senders[i].thread, storm, &senders[i]), 0);
  }
}

static void threads_join(void) {
  unsigned i;

  for (i = 0; i < WORLDS; i++)
    CHECK_EQ(uv_thread_join(&worlds[i].thread), 0);
  uv_mutex_lock(&board_lock);
  is_over = 1;
  uv_mutex_unlock(&board_lock);
  for (i = 0; i < SENDERS; i++)
    CHECK_EQ(uv_thread_join(&senders[i].thread), 0);
}

TEST(handle_storm) {
  unsigned posts = 0;
  unsigned i;
  unsigned n;

  CHECK_EQ(uv_mutex_init(&board_lock), 0);
  CHECK_EQ(uvssh_key_generate(&shared, UVSSH_KEY_ED25519, 0), 0);
  threads_start();
  threads_join();
  for (i = 0; i < SENDERS; i++) {
    for (n = 0; n < senders[i].count; n++) {
      if (senders[i].posts[n].ran != senders[i].posts[n].taken)
        FAIL("sender %u, post %u ran %u times of %u", i, n,
             senders[i].posts[n].ran, senders[i].posts[n].taken);
    }
    posts += senders[i].count;
  }
  CHECK(posts > 0);
  uvssh_key_unref(shared);
  uv_mutex_destroy(&board_lock);
}
