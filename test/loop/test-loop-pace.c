/* How long the loop is held at a time: who floods waits for himself, a crowd
 * that comes in is not felt by who is there, and everybody gets his turn.
 *
 * The clock of lib/loop/pace.c, which else stands still in these tests, is ours
 * here: each look is a millisecond later. So what is too long is a number of
 * looks, the same each time. */
#include "both.h"
#include "loop/loop.h"

enum { FLOOD = 100, FLOODS = 40, SOCKETS = 40, CROWD = 256 };

static uint64_t ticks;

static uint64_t tick(void) {
  return ticks += 1000 * 1000;
}

static uint64_t (*standing)(void);

static void slow_down(void) {
  if (uvssh__loop_hrtime != tick)
    standing = uvssh__loop_hrtime;
  uvssh__loop_hrtime = tick;
}

static void speed_up(void) {
  uvssh__loop_hrtime = standing;
}

/* ---- who may read -------------------------------------------------------- */

/* Sockets that are always ready, in the same order, as epoll tells them. */
struct sockets {
  struct loop loop;
  struct attach a[SOCKETS];
  unsigned reads[SOCKETS];
};

static struct sockets* sockets_new(int logged_in) {
  struct sockets* s = calloc(1, sizeof(*s));
  unsigned i;

  CHECK(s != NULL);
  for (i = 0; i < SOCKETS; i++) {
    s->a[i].loop = &s->loop;
    s->a[i].session.desk.logged_in = logged_in;
  }
  slow_down();
  return s;
}

static unsigned poll_all(struct sockets* s) {
  unsigned count = 0;
  unsigned i;

  uvssh__reads_begin(&s->loop);
  for (i = 0; i < SOCKETS; i++)
    if (uvssh__may_read(&s->a[i])) {
      s->reads[i]++;
      count++;
    }
  return count;
}

static void sockets_free(struct sockets* s) {
  speed_up();
  free(s);
}

/* No turn is long, and after any number of them nobody is behind. */
TEST(pace_reads_in_rounds) {
  struct sockets* s;
  unsigned least, most, i, turn;
  int logged_in;

  for (logged_in = 0; logged_in < 2; logged_in++) {
    s = sockets_new(logged_in);
    for (turn = 0; turn < 500; turn++) {
      NOTE("logged in: %d, turn %u", logged_in, turn);
      i = poll_all(s);
      CHECK(i > 0);
      CHECK(i <= 12);
      least = most = s->reads[0];
      for (i = 1; i < SOCKETS; i++) {
        least = s->reads[i] < least ? s->reads[i] : least;
        most = s->reads[i] > most ? s->reads[i] : most;
      }
      CHECK(most - least <= 1);
    }
    CHECK(least > 5);
    sockets_free(s);
  }
}

/* The last in the order is there already; the others come in. */
TEST(pace_a_crowd_is_not_felt) {
  struct sockets* s = sockets_new(0);
  unsigned turn;

  s->a[SOCKETS - 1].session.desk.logged_in = 1;
  for (turn = 1; turn < 100; turn++) {
    CHECK(poll_all(s) < SOCKETS / 2);
    CHECK_EQ(s->reads[SOCKETS - 1], turn);
  }
  sockets_free(s);
}

/* One that took long, others are left out; they read in the next turn. */
TEST(pace_a_long_callback_counts) {
  struct sockets* s = sockets_new(1);

  uvssh__reads_begin(&s->loop);
  CHECK(uvssh__may_read(&s->a[0]));
  while (!uvssh__loop_is_late(&s->loop))
    ;
  CHECK(!uvssh__may_read(&s->a[1]));
  uvssh__reads_begin(&s->loop);
  CHECK(!uvssh__may_read(&s->a[0]));
  CHECK(uvssh__may_read(&s->a[1]));
  uvssh__reads_begin(&s->loop);
  CHECK(uvssh__may_read(&s->a[0]));
  sockets_free(s);
}

/* Behind others that take all the time, in each turn: somebody logged in, what
 * is done for other threads. */
TEST(pace_nobody_is_shut_out) {
  enum { TURNS = 50 };
  struct sockets* s;
  unsigned reads;
  unsigned turn;
  int logged_in;

  for (logged_in = 0; logged_in < 2; logged_in++) {
    s = sockets_new(1);
    s->a[1].session.desk.logged_in = logged_in;
    reads = 0;
    for (turn = 0; turn < TURNS; turn++) {
      NOTE("logged in: %d, turn %u", logged_in, turn);
      uvssh__reads_begin(&s->loop);
      s->loop.late_at = 0;
      if (uvssh__may_read(&s->a[0]) || logged_in)
        while (!uvssh__loop_is_late(&s->loop))
          ;
      reads += (unsigned) uvssh__may_read(&s->a[1]);
    }
    CHECK(reads >= TURNS / 2);
    sockets_free(s);
  }
}

/* Sockets that are always ready, and in each turn so many come that have
 * something to say once: they do not stop those that are there. */
TEST(pace_newcomers_stop_nobody) {
  enum { TURNS = 100, PER_TURN = 4 };
  static struct attach* a[TURNS * PER_TURN];
  struct sockets* s = sockets_new(0);
  uvssh_config_t config;
  unsigned count = 0;
  unsigned turn, i;

  uvssh_config_init(&config);
  for (turn = 0; turn < TURNS; turn++) {
    (void) poll_all(s);
    for (i = 0; i < count; i++)
      if (a[i] != NULL && uvssh__may_read(a[i])) {
        uvssh__attach_free(a[i]);
        a[i] = NULL;
      }
    for (i = 0; i < PER_TURN; i++)
      CHECK_EQ(uvssh__attach_new(&s->loop, &config, &a[count++]), 0);
  }
  for (i = 0; i < SOCKETS; i++)
    CHECK(s->reads[i] > 1);
  for (i = 0; i < count; i++)
    if (a[i] != NULL)
      uvssh__attach_free(a[i]);
  sockets_free(s);
}

/* While there is time, everybody reads in every turn. */
TEST(pace_nobody_waits_without_need) {
  struct sockets* s = sockets_new(1);
  unsigned turn;

  for (turn = 0; turn < 10; turn++) {
    speed_up();
    CHECK_EQ(poll_all(s), SOCKETS);
    slow_down();
    s->loop.has_clock = 1;         /* where it is replaced it never ends */
    CHECK_EQ(poll_all(s), SOCKETS);
    s->loop.has_clock = 0;
  }
  sockets_free(s);
}

/* ---- one that floods ----------------------------------------------------- */

static unsigned asked;             /* what has come of the floods */

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  if (ask->type != UVSSH_REQUEST_WINDOW_CHANGE) {
    peer_request(channel, ask, reply);
    return;
  }
  CHECK_EQ(ask->pty.cols, peer_of(channel->session)->extra++);  /* in order */
  asked++;
}

static void flood(struct peer* p) {
  uvssh_channel_request_t what = { .type = UVSSH_REQUEST_WINDOW_CHANGE };
  unsigned i;

  for (i = 0; i < FLOOD; i++) {
    what.pty.cols = i;
    CHECK_EQ(uvssh_channel_request(NULL, &p->channel, &what, NULL), 0);
  }
}

/* Nobody's memory grows while he waits for his turn. */
static void turn(struct both* b) {
  const struct attach* a;
  unsigned i;

  both_turn(b, "the floods are over");
  for (i = 0; i < b->served_count; i++) {
    a = attach_of(&b->served[i]->session);
    CHECK(!a->session.yielded || !a->reading);
  }
}

/* What comes of the floods while a byte goes to and fro: one of them reads on,
 * in each turn, and the others wait. */
TEST(pace_floods_are_not_felt) {
  struct both b;
  struct peer* quiet;
  unsigned most = 0;
  unsigned before;
  int i;

  asked = 0;
  both_open(&b);
  b.server_channel_on.on_request = on_request;
  both_listen(&b);
  for (i = 0; i < FLOODS; i++)
    (void) both_channel(&b, "read");
  quiet = both_channel(&b, "echo");
  CHECK_EQ(uvssh_channel_read_start(&quiet->channel, peer_read), 0);
  slow_down();
  for (i = 0; i < FLOODS; i++)
    flood(b.clients[i]);
  for (i = 1; i <= 20; i++) {
    before = asked;
    CHECK_EQ(uvssh_channel_send(&quiet->channel, UVSSH_DATA, "x", 1), 0);
    while (quiet->got < (size_t) i)
      turn(&b);
    if (i > 2 && asked - before > most)
      most = asked - before;
  }
  printf("%u of %u messages while one byte went to and fro\n", most,
         (unsigned) FLOODS * FLOOD);
  CHECK(most <= 100);
  CHECK(asked < FLOODS * FLOOD);   /* or nothing was tested */
  while (asked < FLOODS * FLOOD)
    turn(&b);
  speed_up();
  both_close(&b);
}

/* ---- many that write ----------------------------------------------------- */

enum { WRITERS = 16, WRITTEN = 1024 * 1024 };

static size_t queued(const struct both* b) {
  size_t sum = 0;
  unsigned i;

  for (i = 0; i < b->served_count; i++)
    sum += uvssh_channel_queue_size(&b->served[i]->channel);
  return sum;
}

/* A turn has two callbacks that write, and each is late at its third look. With
 * each block comes one, and two of them may be of sessions that have sealed one
 * block more, for their next turn. */
TEST(pace_writers_take_turns) {
  enum { BLOCK = 8 * 32 * 1024, MOST = 2 * (3 + 2) * BLOCK };
  static char bytes[WRITTEN];
  uv_buf_t buf = uv_buf_init(bytes, sizeof(bytes));
  uvssh_req_t reqs[WRITERS];
  struct both b;
  size_t most = 0;
  size_t before;
  unsigned i;

  both_open(&b);
  both_listen(&b);
  for (i = 0; i < WRITERS; i++)
    (void) both_channel(&b, "read");
  slow_down();
  for (i = 0; i < WRITERS; i++) {
    CHECK_EQ(uvssh_channel_read_start(&b.clients[i]->channel, peer_read), 0);
    CHECK_EQ(uvssh_channel_write(&reqs[i], &b.served[i]->channel, UVSSH_DATA,
                                 &buf, 1, NULL), 0);
  }
  while ((before = queued(&b)) != 0) {
    both_turn(&b, "all has been written");
    if (before - queued(&b) > most)
      most = before - queued(&b);
  }
  printf("%zu of %zu bytes in a turn\n", most, WRITERS * sizeof(bytes));
  CHECK(most <= MOST);
  for (i = 0; i < WRITERS; i++)
    UNTIL(&b, b.clients[i]->got == sizeof(bytes));
  speed_up();
  both_close(&b);
}

/* ---- posts of other threads ---------------------------------------------- */

static unsigned posted;
static unsigned posts_in_turn;
static unsigned posts_most;

static uvssh_handle_t* handle;     /* of the server's end */
static uintptr_t post_count;

static void on_post(uvssh_session_t* session, void* arg) {
  CHECK(session != NULL);
  if (posted == 5)                 /* behind those that wait */
    CHECK_EQ(uvssh_handle_post(handle, on_post, (void*) post_count++), 0);
  CHECK_EQ((uintptr_t) arg, posted);
  posted++;
  posts_in_turn++;
  if (posts_in_turn > posts_most)
    posts_most = posts_in_turn;
}

TEST(pace_posts_take_turns) {
  struct both b;

  posted = posts_most = 0;
  post_count = 0;
  both_open(&b);
  both_listen(&b);
  (void) both_login(&b);
  CHECK_EQ(uvssh_handle_create(&handle, &served_last(&b)->session), 0);
  slow_down();
  while (post_count < 400)
    CHECK_EQ(uvssh_handle_post(handle, on_post, (void*) post_count++), 0);
  while (posted < 401) {
    posts_in_turn = 0;
    both_turn(&b, "the posts have run");
  }
  CHECK(posts_most <= 12);
  speed_up();
  uvssh_handle_unref(handle);
  both_close(&b);
}

static unsigned waiting;
static unsigned waiting_most;

/* Two for each that has run, as far as there is room. */
static void on_greedy(uvssh_session_t* session, void* arg) {
  int err = 0;
  int i;

  if (session == NULL)
    return;
  waiting--;
  posted++;
  for (i = 0; i < 2 && err == 0; i++) {
    err = uvssh_handle_post(handle, on_greedy, NULL);
    if (err == 0 && ++waiting > waiting_most)
      waiting_most = waiting;
  }
  CHECK(err == 0 || err == UV_ENOBUFS);
}

/* What the loop had no time for counts, too. */
TEST(pace_posts_stay_bounded) {
  enum { ROOM = 16 };
  struct both b;

  posted = waiting_most = 0;
  waiting = 1;
  both_open(&b);
  b.server_config.handle_messages = ROOM;
  both_listen(&b);
  (void) both_login(&b);
  CHECK_EQ(uvssh_handle_create(&handle, &served_last(&b)->session), 0);
  slow_down();
  CHECK_EQ(uvssh_handle_post(handle, on_greedy, NULL), 0);
  while (posted < 400)
    both_turn(&b, "the posts have run");
  CHECK(waiting_most >= ROOM);
  CHECK(waiting_most <= ROOM + LATE_STRIDE);
  speed_up();
  uvssh_handle_unref(handle);
  both_close(&b);
}

/* ---- memory -------------------------------------------------------------- */

enum { LARGE_CROWD = 4096, PIECE = 1024 };

/* Sessions that come and go. */
struct crowd {
  uv_loop_t uv;
  uvssh_config_t config;
  struct loop* loop;
  unsigned count;
  struct attach* a[LARGE_CROWD];
};

static struct crowd* crowd_new(void) {
  struct crowd* c = calloc(1, sizeof(*c));

  CHECK(c != NULL);
  uvssh_config_init(&c->config);
  CHECK_EQ(uv_loop_init(&c->uv), 0);
  CHECK_EQ(uvssh__loop_get(&c->uv, &c->loop), 0);
  return c;
}

/* How often that gave memory back. */
static unsigned crowd_becomes(struct crowd* c, unsigned count) {
  unsigned before = c->loop->given_back;

  for (; c->count < count; c->count++)
    CHECK_EQ(uvssh__attach_new(c->loop, &c->config, &c->a[c->count]), 0);
  while (c->count > count)
    uvssh__attach_free(c->a[--c->count]);
  uvssh__loop_wake(c->loop);       /* as a listener would keep it going */
  uv_run(&c->uv, UV_RUN_NOWAIT);
  uv_run(&c->uv, UV_RUN_NOWAIT);
  return c->loop->given_back - before;
}

static void crowd_free(struct crowd* c) {
  while (c->count != 0)
    uvssh__attach_free(c->a[--c->count]);
  uvssh__loop_put(c->loop);
  uv_run(&c->uv, UV_RUN_DEFAULT);
  CHECK_EQ(uv_loop_close(&c->uv), 0);
  free(c);
}

static unsigned given_back(unsigned crowd, unsigned stay) {
  struct crowd* c = crowd_new();
  unsigned given;

  CHECK_EQ(crowd_becomes(c, crowd), 0);
  given = crowd_becomes(c, stay);
  crowd_free(c);
  return given;
}

/* Once, when of a crowd hardly anybody is left. */
TEST(pace_memory_is_given_back) {
  CHECK_EQ(given_back(CROWD, 0), 1);
  CHECK_EQ(given_back(CROWD, CROWD / 64), 1);
  CHECK_EQ(given_back(CROWD, CROWD / 64 + 1), 0);
  CHECK_EQ(given_back(CROWD - 1, 0), 0);
}

/* While a large one leaves, whenever so many have; and behind the last. */
TEST(pace_memory_is_given_back_in_pieces) {
  struct crowd* c = crowd_new();
  unsigned given = 0;
  unsigned at;

  CHECK_EQ(crowd_becomes(c, LARGE_CROWD), 0);
  for (at = LARGE_CROWD - 1; at > PIECE; at -= 31) {
    given += crowd_becomes(c, at);
    CHECK(given <= (LARGE_CROWD - at) / PIECE);
    CHECK(given >= (LARGE_CROWD - at) / (PIECE + 31));
  }
  CHECK_EQ(crowd_becomes(c, 0), 1);
  CHECK_EQ(crowd_becomes(c, CROWD - 1), 0);
  CHECK_EQ(crowd_becomes(c, 0), 0);
  crowd_free(c);
}

/* Some leave and others come, for ever: no need. */
TEST(pace_memory_is_kept_for_those_who_come) {
  struct crowd* c = crowd_new();
  unsigned i;

  for (i = 0; i < 10; i++) {
    CHECK_EQ(crowd_becomes(c, LARGE_CROWD), 0);
    CHECK_EQ(crowd_becomes(c, LARGE_CROWD - PIECE + 1), 0);
  }
  crowd_free(c);
}
