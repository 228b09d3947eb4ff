/* Windows that grow where they are what the peer waits for, and shrink when
 * that is over. The peer here keeps to its window, and its way is as long as
 * the test says: time is a variable. */
#include "peer.h"

#define KIB (1024u)
#define MIB (1024u * 1024u)

enum { START = 64 * 1024, LONG_MS = 100 };

static uint8_t zeros[32768];
static uint64_t lost;              /* by a test that failed before */

struct far {                       /* one channel of the peer */
  struct peer* p;
  struct app_channel* ch;
  uint32_t id;
  uint64_t window;
};

/* By how much all windows have grown. */
static uint64_t grown(void) {
  return uvssh_window_budget_used() - lost;
}

static struct peer* begin(void) {
  struct peer* p = peer_new(PEER_CLIENT);

  uvssh_window_budget_set(256 * MIB);
  lost = uvssh_window_budget_used();
  p->app->server_config.window_bytes = START;
  p->app->server_config.window_most_bytes = MIB;
  p->app->read_served = 1;
  return p;
}

static void go(struct peer* p) {
  peer_open(p);
  peer_reach_open(p);
}

static void far_open(struct far* f, struct peer* p, unsigned i) {
  f->p = p;
  f->ch = &p->app->served[i];
  f->id = peer_channel(p, 7 + i, 1000);
  f->window = rd_u32(&p->m);
}

/* The usual beginning: one far peer with one channel. */
static struct peer* begin_far(struct far* f) {
  struct peer* p = begin();

  go(p);
  far_open(f, p, 0);
  return p;
}

/* Credit that has come by now. */
static uint64_t far_hear(struct far* f) {
  uint64_t credit = 0;

  while (peer_next(f->p) >= 0) {
    CHECK_EQ(f->p->last[0], MSG_CHANNEL_WINDOW_ADJUST);
    CHECK_EQ(rd_u32(&f->p->m), 7 + (uint32_t) (f->ch - f->p->app->served));
    credit += rd_u32(&f->p->m);
  }
  return credit;
}

static void far_send(struct far* f, uint64_t n) {
  uint64_t part;

  for (f->window -= n; n != 0; n -= part) {
    part = n < sizeof(zeros) ? n : sizeof(zeros);
    peer_data(f->p, f->id, zeros, part);
  }
}

/* All that is allowed leaves; what it is answered with takes so long. */
static void far_trip(struct far* f, uint64_t ms) {
  uint64_t credit;

  far_send(f, f->window);
  credit = far_hear(f);
  pipe_sleep(&f->p->app->pipe, ms);
  f->window += credit + far_hear(f);
}

static void far_trips(struct far* f, unsigned count, uint64_t ms) {
  while (count-- != 0)
    far_trip(f, ms);
}

/* ---- when ---------------------------------------------------------------- */

TEST(window_grows_where_credit_takes_time) {
  static const struct {
    uint64_t ms;
    uint64_t window;               /* behind many trips */
  } rows[] = {
    { 0, START }, { 1, START }, { 2, START }, { 3, MIB }, { 20, MIB },
    { LONG_MS, MIB }, { 700, MIB }, { 3999, MIB }, { 4000, START }
  };
  struct peer* p;
  struct far f;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    NOTE("%u ms", (unsigned) rows[i].ms);
    p = begin();
    go(p);
    far_open(&f, p, 0);
    far_trips(&f, 12, rows[i].ms);
    CHECK_EQ(f.window, rows[i].window);
    CHECK_EQ(grown(), rows[i].window - START);
    far_trips(&f, 12, rows[i].ms);
    CHECK_EQ(f.window, rows[i].window);
    peer_alive(p);
    peer_end(p);
    CHECK_EQ(grown(), 0);
  }
}

TEST(window_doubles_with_each_trip) {
  struct far f;
  struct peer* p = begin_far(&f);
  uint64_t want;

  far_trip(&f, LONG_MS);
  CHECK_EQ(f.window, START);
  for (want = START; want < MIB; want *= 2) {
    CHECK_EQ(f.window, want);
    far_trip(&f, LONG_MS);
  }
  CHECK_EQ(grown(), MIB - START);
  peer_end(p);
}

/* It sends and pauses as it likes: the window is not what it waits for. */
TEST(window_stays_where_the_peer_pauses_by_itself) {
  struct far f;
  struct peer* p = begin_far(&f);
  unsigned i;

  for (i = 0; i < 100; i++) {
    far_send(&f, f.window - 1);
    f.window += far_hear(&f);
    pipe_sleep(&p->app->pipe, LONG_MS);
  }
  CHECK_EQ(grown(), 0);
  peer_end(p);
}

/* All of it is used up, but slowly: the way of the credit is a small part. */
TEST(window_stays_where_the_wait_is_a_small_part) {
  struct far f;
  struct peer* p = begin_far(&f);
  unsigned i;

  for (i = 0; i < 100; i++) {
    far_send(&f, START / 2);
    pipe_sleep(&p->app->pipe, 10 * LONG_MS);
    far_trip(&f, LONG_MS);
  }
  CHECK_EQ(grown(), 0);
  peer_end(p);
}

/* One fast answer shows that the way is short: the waits have other causes. */
TEST(window_stays_on_a_short_way_with_hiccups) {
  struct far f;
  struct peer* p = begin_far(&f);

  far_trips(&f, 3, 1);
  far_trips(&f, 20, LONG_MS);
  CHECK_EQ(grown(), 0);
  peer_end(p);
}

TEST(window_stays_where_the_reader_is_slow) {
  struct far f;
  struct peer* p = begin_far(&f);
  unsigned i;

  for (i = 0; i < 20; i++) {
    CHECK_EQ(uvssh_channel_read_stop(&f.ch->pub), 0);
    far_send(&f, f.window);
    pipe_sleep(&p->app->pipe, 10 * LONG_MS);
    CHECK_EQ(far_hear(&f), 0);
    CHECK_EQ(uvssh_channel_read_start(&f.ch->pub, app_read), 0);
    f.window = far_hear(&f);
    CHECK_EQ(f.window, START);
    pipe_sleep(&p->app->pipe, LONG_MS);
  }
  CHECK_EQ(grown(), 0);
  peer_end(p);
}

/* It stops for a moment for each piece, as one that writes to a disk does, and
 * is faster than the way. */
TEST(window_grows_for_a_reader_that_stops_and_starts) {
  struct far f;
  struct peer* p = begin_far(&f);
  uint64_t credit;
  unsigned i;

  for (i = 0; i < 20; i++) {
    f.ch->stop_after = 1;          /* behind the first piece */
    far_send(&f, f.window);
    credit = far_hear(&f);
    pipe_sleep(&p->app->pipe, 2);
    f.ch->stop_after = 0;
    CHECK_EQ(uvssh_channel_read_start(&f.ch->pub, app_read), 0);
    credit += far_hear(&f);
    pipe_sleep(&p->app->pipe, LONG_MS);
    f.window += credit;
  }
  CHECK_EQ(grown(), MIB - START);
  peer_end(p);
}

/* What comes while it reads nothing waits for it, not for the window. */
TEST(window_stays_where_the_reader_has_stopped) {
  struct far f;
  struct peer* p = begin_far(&f);
  uint64_t credit;

  far_send(&f, f.window);
  credit = far_hear(&f);
  CHECK_EQ(uvssh_channel_read_stop(&f.ch->pub), 0);
  pipe_sleep(&p->app->pipe, LONG_MS);
  f.window += credit;
  far_send(&f, f.window);
  pipe_sleep(&p->app->pipe, LONG_MS);
  CHECK_EQ(far_hear(&f), 0);
  CHECK_EQ(grown(), 0);
  peer_data(p, f.id, zeros, 1);
  peer_ended(p, UVSSH_EMESSAGE, 2);
  peer_end(p);
}

/* ---- how far ------------------------------------------------------------- */

TEST(window_growth_is_bounded) {
  static const struct {
    const char* what;
    uint32_t most;
    uint64_t session;
    uint64_t budget;
    uint64_t window;
  } rows[] = {
    { "no growth", START, 64 * MIB, 64 * MIB, START },
    { "less than the start", 1, 64 * MIB, 64 * MIB, START },
    { "none, said otherwise", 0, 64 * MIB, 64 * MIB, START },
    { "no power of two", 300 * KIB, 64 * MIB, 64 * MIB, 300 * KIB },
    { "half of the session", 4 * MIB, 1536 * KIB, 64 * MIB, 768 * KIB },
    { "a small session", 4 * MIB, 2 * START, 64 * MIB, START },
    { "no budget", 4 * MIB, 64 * MIB, 0, START },
    { "too little for a growth", 4 * MIB, 64 * MIB, 64 * KIB - 4, START },
    { "a quarter", 4 * MIB, 64 * MIB, 64 * KIB, START + 16 * KIB },
    { "a quarter, in two", 4 * MIB, 64 * MIB, 400 * KIB, START + 100 * KIB },
  };
  struct peer* p;
  struct far f;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    NOTE("%s", rows[i].what);
    p = begin();
    p->app->server_config.window_most_bytes = rows[i].most;
    p->app->server_config.session_bytes = rows[i].session;
    uvssh_window_budget_set(rows[i].budget);
    go(p);
    far_open(&f, p, 0);
    far_trips(&f, 16, LONG_MS);
    CHECK_EQ(grown(), rows[i].window - START);
    CHECK(f.window <= rows[i].window && f.window > rows[i].window / 2);
    peer_end(p);
  }
}

/* Nobody gets all that is left, and who comes later gets some. */
TEST(window_budget_is_shared) {
  struct peer* p = begin();
  struct far f[4];
  uint64_t had[4];
  uint64_t sum = 0;
  unsigned i;

  p->app->server_config.window_most_bytes = 16 * MIB;
  uvssh_window_budget_set(2 * MIB);
  go(p);
  for (i = 0; i < ARRAY_SIZE(f); i++) {
    far_open(&f[i], p, i);
    far_trips(&f[i], 20, LONG_MS);
    had[i] = grown() - sum;
    CHECK_EQ(had[i], (2 * MIB - sum) / 4);
    sum += had[i];
  }
  CHECK(sum <= 2 * MIB);
  uvssh_window_budget_set(MIB);    /* what has grown stays */
  far_trips(&f[3], 10, LONG_MS);
  CHECK_EQ(grown(), sum);
  peer_u32(p, MSG_CHANNEL_EOF, f[0].id);
  pipe_run(&p->app->pipe);
  CHECK_EQ(grown(), sum - had[0]);
  peer_u32(p, MSG_CHANNEL_CLOSE, f[1].id);
  pipe_run(&p->app->pipe);
  CHECK_EQ(grown(), had[2] + had[3]);
  uvssh_channel_close(&f[2].ch->pub);
  pipe_run(&p->app->pipe);
  CHECK_EQ(grown(), had[3]);
  peer_end(p);
  CHECK_EQ(grown(), 0);
}

/* What one does not need any more another one of the session may have. */
TEST(window_growth_of_a_session_is_shared) {
  struct peer* p = begin();
  struct far f[2];

  p->app->server_config.session_bytes = MIB;
  go(p);
  far_open(&f[0], p, 0);
  far_open(&f[1], p, 1);
  far_trips(&f[0], 10, LONG_MS);
  CHECK_EQ(grown(), MIB / 2 - 2 * START);
  far_trips(&f[1], 10, LONG_MS);
  CHECK_EQ(grown(), MIB / 2 - 2 * START);
  peer_u32(p, MSG_CHANNEL_EOF, f[0].id);
  far_trips(&f[1], 10, LONG_MS);
  CHECK_EQ(grown(), MIB / 2 - 2 * START);
  CHECK(f[1].window > MIB / 4);
  peer_end(p);
}

TEST(window_limit_may_change_while_it_runs) {
  struct peer* p = begin();
  uvssh_config_t config;
  struct far f;

  go(p);
  far_open(&f, p, 0);
  far_trips(&f, 3, LONG_MS);
  CHECK_EQ(f.window, START * 4);
  uvssh_session_config(&p->side->pub, &config);
  config.window_most_bytes = START;
  CHECK_EQ(uvssh_session_configure(&p->side->pub, &config), 0);
  far_trips(&f, 10, LONG_MS);
  CHECK_EQ(f.window, START * 4);   /* of what is granted nothing is taken */
  config.window_most_bytes = MIB;
  CHECK_EQ(uvssh_session_configure(&p->side->pub, &config), 0);
  far_trips(&f, 10, LONG_MS);
  CHECK_EQ(grown(), MIB - START);
  config.window_most_bytes = 0x80000000u;
  CHECK_EQ(uvssh_session_configure(&p->side->pub, &config), UV_EINVAL);
  peer_end(p);
}

/* However large: so one that is nearly enough is. */
TEST(window_credit_comes_at_a_mib) {
  struct peer* p = begin();
  struct far f;

  p->app->server_config.window_bytes = 8 * MIB;
  go(p);
  far_open(&f, p, 0);
  CHECK_EQ(f.window, 8 * MIB);
  far_send(&f, MIB - 1);
  CHECK_EQ(far_hear(&f), 0);
  far_send(&f, 1);
  CHECK_EQ(far_hear(&f), MIB);
  peer_end(p);
}

/* The user has said how large it is. */
TEST(window_that_was_set_stays) {
  static const uint32_t sizes[] = { START / 2, START, 2 * START, 2 * MIB };
  struct peer* p;
  struct far f;
  unsigned trips;
  size_t i;

  for (i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
    trips = i % 2 * 10;
    NOTE("%u bytes, %u trips before", (unsigned) sizes[i / 2], trips);
    p = begin();
    go(p);
    far_open(&f, p, 0);
    far_trips(&f, trips, LONG_MS);
    CHECK_EQ(uvssh_channel_set_window(&f.ch->pub, sizes[i / 2]), 0);
    f.window += far_hear(&f);
    far_trips(&f, 20, LONG_MS);
    CHECK_EQ(f.window, sizes[i / 2]);
    CHECK_EQ(grown(), 0);
    peer_end(p);
  }
}

/* ---- and back ------------------------------------------------------------ */

/* What was allowed stays allowed and counted; it is not given again. */
TEST(window_shrinks_by_what_is_not_given_again) {
  static const size_t pieces[] = { 1000, 4096, 32768 };
  uint64_t begun;                  /* so much of it is used before the pause */
  struct peer* p;
  struct far f;
  uint64_t used;
  size_t i;

  for (i = 0; i < 2 * ARRAY_SIZE(pieces); i++) {
    begun = i % 2 * MIB / 4;
    p = begin();
    go(p);
    far_open(&f, p, 0);
    far_trips(&f, 10, LONG_MS);
    CHECK_EQ(f.window, MIB);
    far_send(&f, begun);
    pipe_sleep(&p->app->pipe, 60 * 1000);
    CHECK_EQ(far_hear(&f), 0);
    CHECK_EQ(grown(), MIB - START);
    if (begun != 0) {              /* what was consumed is not given now */
      far_send(&f, 1);
      CHECK_EQ(far_hear(&f), 0);
      CHECK_EQ(grown(), f.window - START);
    }
    while (f.window > START) {
      used = f.window - START;
      far_send(&f, used < pieces[i / 2] ? used : pieces[i / 2]);
      CHECK_EQ(far_hear(&f), 0);
      used = f.window - START;
      CHECK_EQ(grown(), used);
    }
    far_send(&f, START / 2);
    CHECK_EQ(far_hear(&f), START / 2);
    pipe_sleep(&p->app->pipe, LONG_MS);
    f.window += START / 2;
    far_trips(&f, 10, LONG_MS);    /* and grows again */
    CHECK_EQ(grown(), MIB - START);
    peer_end(p);
  }
}

/* For each while that it was not used up it halves. */
TEST(window_halves_while_it_is_not_used) {
  static const struct {
    uint64_t ms;
    uint64_t window;
  } rows[] = {
    { 3000, MIB }, { 4200, MIB / 2 }, { 8200, MIB / 4 }, { 12200, MIB / 8 },
    { 16200, START }, { 200000, START }, { 0xffffffff, START }
  };
  struct peer* p;
  struct far f;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    NOTE("%u ms", (unsigned) rows[i].ms);
    p = begin();
    p->app->server_config.rekey_ms = 0;
    go(p);
    far_open(&f, p, 0);
    far_trips(&f, 10, LONG_MS);
    CHECK_EQ(f.window, MIB);
    pipe_sleep(&p->app->pipe, rows[i].ms - LONG_MS);
    p->app->server_config.window_most_bytes = 0;
    far_send(&f, MIB);
    f.window += far_hear(&f);
    far_send(&f, f.window);
    f.window += far_hear(&f);
    CHECK_EQ(f.window, rows[i].window);
    CHECK_EQ(grown(), rows[i].window - START);
    peer_end(p);
  }
}

/* ---- and whatever else goes on ------------------------------------------- */

/* Of a grown window a stopped reader is held just that, and no more. */
TEST(window_that_has_grown_holds_what_was_allowed) {
  struct peer* p = begin();
  struct far f;
  size_t before;
  unsigned i;

  p->app->server_config.window_most_bytes = 4 * START;
  go(p);
  far_open(&f, p, 0);
  far_trips(&f, 10, LONG_MS);
  CHECK_EQ(f.window, 4 * START);
  CHECK_EQ(uvssh_channel_read_stop(&f.ch->pub), 0);
  before = heap_bytes();
  for (i = 0; f.window > 0; i++) {
    far_send(&f, 1);
    if (i % 4096 == 0)
      pipe_sleep(&p->app->pipe, LONG_MS);
  }
  CHECK_EQ(far_hear(&f), 0);
  CHECK(heap_bytes() - before < 4 * START + 4 * START / 8);
  CHECK_EQ(grown(), 3 * START);
  pipe_sleep(&p->app->pipe, 60 * 1000);
  CHECK_EQ(grown(), 3 * START);
  peer_data(p, f.id, zeros, 1);
  peer_ended(p, UVSSH_EMESSAGE, 2);
  peer_end(p);
  CHECK_EQ(grown(), 0);
}

/* The peer has ended, or its wire: only what is held can still be held. */
TEST(window_of_an_ended_channel_counts_what_is_held) {
  struct peer* p;
  struct far f;
  int gone;

  for (gone = 0; gone < 2; gone++) {
    p = begin();
    go(p);
    far_open(&f, p, 0);
    far_trips(&f, 10, LONG_MS);
    CHECK_EQ(uvssh_channel_read_stop(&f.ch->pub), 0);
    far_send(&f, MIB / 2);
    if (gone)
      peer_hang_up(p);
    else
      peer_u32(p, MSG_CHANNEL_EOF, f.id);
    pipe_run(&p->app->pipe);
    CHECK_EQ(grown(), MIB / 2 - START);
    CHECK_EQ(uvssh_channel_read_start(&f.ch->pub, app_read), 0);
    pipe_run(&p->app->pipe);
    CHECK_EQ(grown(), 0);
    CHECK_EQ(f.ch->ends, 1);
    peer_end(p);
  }
}

/* Half a trip: what one side has sent arrives, then what the other has. */
static void cross(struct pipe* p, struct side* from) {
  from->other->stop = 1;
  pipe_run(p);
  from->other->stop = 0;
  p->now += LONG_MS / 2;
}

static void far_transfer(struct app_channel* from,
                         struct app_channel* to,
                         size_t n) {
  struct pipe* p = &from->app->pipe;
  size_t start = to->got[UVSSH_DATA];
  size_t done = 0;
  uint8_t block[4096];
  unsigned trips;
  int err = 0;

  to->pattern = 1;
  for (trips = 0; to->got[UVSSH_DATA] < start + n; trips++) {
    CHECK(trips < 1000);
    for (err = 0; done < n; done += err == 0 ? sizeof(block) : 0) {
      app_pattern(block, start + done, sizeof(block));
      err = uvssh_channel_send(&from->pub, UVSSH_DATA, block, sizeof(block));
      if (err == UV_ENOBUFS)
        break;
      CHECK_EQ(err, 0);
    }
    cross(p, &p->client);
    cross(p, &p->server);
  }
}

/* Both roles, all bytes, through exchanges of keys. */
TEST(window_growth_loses_nothing) {
  struct app* a = app_new();
  uint64_t before;
  unsigned i;

  uvssh_window_budget_set(256 * MIB);
  a->server_config.window_bytes = a->client_config.window_bytes = 8 * KIB;
  a->server_config.rekey_bytes = a->client_config.rekey_bytes = 300 * KIB;
  a->server_config.packet_bytes = a->client_config.packet_bytes = 2000;
  app_login(a);
  app_channel(a, 0);
  app_channel(a, 1);
  pipe_chunk(&a->pipe, 5000, 1);
  for (i = 0; i < 2; i++) {
    far_transfer(&a->asked[i], &a->served[i], MIB);
    before = grown();
    CHECK(before >= 64 * KIB);
    far_transfer(&a->served[i], &a->asked[i], MIB);
    CHECK(grown() >= before + 64 * KIB);
  }
  CHECK(a->pipe.server.session.transport.rekeys >= 3);
  app_end(a);
  CHECK_EQ(grown(), 0);
}
