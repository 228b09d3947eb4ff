/* Sources that keep failing are shut out for a while: over sockets, from
 * addresses of 127.0.0.0/8, by a clock that the test moves; and the table
 * itself, with more sources than it holds. */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "both.h"
#include "loop/loop.h"

/* ---- over sockets -------------------------------------------------------- */

static void penalties_open(struct both* b) {
  both_open(b);
  both_clock(b);
  b->server_config.penalty_sources = 100;
}

/* It ends without a word: the connection was closed when it was taken. */
static void check_turned_away(struct both* b, struct peer* p) {
  UNTIL(b, p->closes == 1);
  CHECK(p->end.by_peer);
  CHECK(p->end.phase <= UVSSH_PHASE_IDENT);
  CHECK(p->start < 0);
}

/* The clock stands: nothing of it is a timeout, or runs off. */
static struct peer* came_from(struct both* b,
                              enum goal goal,
                              const char* from) {
  struct peer* p = both_client_from(b, goal, from);

  UNTIL(b, p->closes == 1 || p->auth != PENDING ||
           (goal == GOAL_START && p->start != PENDING));
  return p;
}

static void on_auth_wrong(uvssh_session_t* session,
                          const uvssh_auth_t* attempt,
                          uvssh_reply_t reply) {
  if (attempt->method == UVSSH_AUTH_PASSWORD)
    (void) uvssh_reply_reject(reply);
  else
    (void) uvssh_reply_accept(reply);
}

static void on_tried(uvssh_req_t* req, int status) {
  peer_of(req->session)->auth = status;
}

static void fail_login(struct both* b, const char* from) {
  struct peer* p = came_from(b, GOAL_START, from);

  CHECK_EQ(p->start, 0);
  CHECK_EQ(uvssh_auth_password(&p->auth_req, &p->session, "someone", "wrong",
                               on_tried), 0);
  while (p->auth == PENDING)
    both_pass(b, 1);               /* the refusal's time; it runs off, too */
  CHECK_EQ(p->auth, UVSSH_EAUTH);
  uvssh_session_close(&p->session);
  UNTIL(b, served_last(b)->closes == 1);
}

static void leave(struct both* b, const char* from) {
  struct peer* p = came_from(b, GOAL_START, from);

  CHECK_EQ(p->start, 0);
  uvssh_session_close(&p->session);
  UNTIL(b, served_last(b)->closes == 1);
}

static void talk_nonsense(struct both* b, const char* from) {
  struct sockaddr_in source;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  unsigned before = b->served_count;

  CHECK(fd >= 0);
  CHECK_EQ(uv_ip4_addr(from, 0, &source), 0);
  CHECK_EQ(bind(fd, (struct sockaddr*) &source, sizeof(source)), 0);
  CHECK_EQ(connect(fd, (struct sockaddr*) &b->address,
                   sizeof(struct sockaddr_in)), 0);
  CHECK_EQ(send(fd, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL), 18);
  UNTIL(b, b->served_count == before + 1 && b->served[before]->closes == 1);
  close(fd);
}

static void say_nothing(struct both* b, const char* from) {
  struct peer* p = both_client_from(b, GOAL_CONNECT, from);
  unsigned before = b->served_count;

  UNTIL(b, b->served_count == before + 1);
  while (b->served[before]->closes == 0)
    both_pass(b, 1000);
  CHECK_EQ(b->served[before]->end.status, UV_ETIMEDOUT);
  CHECK(p->connected);
}

/* As often as it takes; what runs off between is below one time. */
static const struct {
  void (*offend)(struct both* b, const char* from);
  unsigned times;
  uint64_t lasts;
} offences[] = {
  { fail_login, 4, 20000 },
  { leave, 15, 15000 },
  { talk_nonsense, 2, 20000 },
  { say_nothing, 0, 0 },           /* 10 s that take 10 s: never enough */
};

TEST(penalties_of_each_offence) {
  struct both b;
  unsigned i, k;

  for (k = 0; k < ARRAY_SIZE(offences); k++) {
    NOTE("offence %u", k);
    penalties_open(&b);
    b.server_on.on_auth = on_auth_wrong;
    both_listen(&b);
    for (i = 0; i < (offences[k].times == 0 ? 5 : offences[k].times); i++)
      offences[k].offend(&b, "127.0.0.2");
    if (offences[k].times != 0) {
      check_turned_away(&b, came_from(&b, GOAL_LOGIN, "127.0.0.2"));
      CHECK_EQ(b.served_count, offences[k].times);   /* nobody was asked */
      CHECK_EQ(came_from(&b, GOAL_LOGIN, "127.0.0.3")->auth, 0);
      both_pass(&b, offences[k].lasts - 1000);
      check_turned_away(&b, came_from(&b, GOAL_LOGIN, "127.0.0.2"));
      both_pass(&b, 1000);
    }
    CHECK_EQ(came_from(&b, GOAL_LOGIN, "127.0.0.2")->auth, 0);
    both_close(&b);
  }
}

/* Who is there when his source is shut out stays; logging in, or being closed
 * by us, is no offence. */
TEST(penalties_spare) {
  struct both b;
  struct peer* in;
  struct peer* slow;

  penalties_open(&b);
  b.server_config.penalty_least_ms = 1;
  both_listen(&b);
  in = came_from(&b, GOAL_LOGIN, "127.0.0.2");
  CHECK_EQ(in->auth, 0);
  uvssh_session_close(&in->session);
  UNTIL(&b, b.served[0]->closes == 1);
  slow = came_from(&b, GOAL_START, "127.0.0.2");
  CHECK_EQ(slow->start, 0);
  uvssh_session_close(&b.served[1]->session);
  UNTIL(&b, slow->closes == 1);

  in = came_from(&b, GOAL_LOGIN, "127.0.0.2");
  CHECK_EQ(in->auth, 0);
  slow = came_from(&b, GOAL_START, "127.0.0.2");
  CHECK_EQ(slow->start, 0);
  leave(&b, "127.0.0.2");
  check_turned_away(&b, came_from(&b, GOAL_LOGIN, "127.0.0.2"));
  CHECK_EQ(in->closes, 0);
  CHECK_EQ(uvssh_auth_none(&slow->auth_req, &slow->session, "someone",
                           on_tried), 0);
  UNTIL(&b, slow->auth != PENDING);
  CHECK_EQ(slow->auth, 0);
  both_close(&b);
}

static void on_auth_never(uvssh_session_t* session,
                          const uvssh_auth_t* attempt,
                          uvssh_reply_t reply) {
  if (peer_of(session)->extra++ == 0 && peer_of(session)->both->data != NULL)
    (void) uvssh_reply_reject(reply);
}

/* A timeout that passes while the user thinks is not the peer's, but what he
 * has done wrong before is. */
TEST(penalties_spare_who_is_asked_about) {
  struct both b;
  struct peer* p;
  int wrong;

  for (wrong = 0; wrong < 2; wrong++) {
    NOTE("wrong %d", wrong);
    penalties_open(&b);
    b.data = wrong ? &b : NULL;
    b.server_config.penalty_least_ms = 1;
    b.server_config.reply_timeout_ms = 0;
    b.server_on.on_auth = on_auth_never;
    both_listen(&b);
    p = came_from(&b, GOAL_START, "127.0.0.2");
    CHECK_EQ(p->start, 0);
    do {
      p->auth = PENDING;
      CHECK_EQ(uvssh_auth_password(&p->auth_req, &p->session, "someone", "word",
                                   on_tried), 0);
      while (p->auth == PENDING && b.served[0]->extra <= wrong)
        both_pass(&b, 1);
    } while (b.served[0]->extra <= wrong);
    while (b.served[0]->closes == 0)
      both_pass(&b, 1000);
    CHECK_EQ(b.served[0]->end.status, UV_ETIMEDOUT);
    p = came_from(&b, GOAL_START, "127.0.0.2");
    if (wrong)
      check_turned_away(&b, p);
    else
      CHECK_EQ(p->start, 0);
    both_close(&b);
  }
}

TEST(penalties_off) {
  struct both b;
  int i;

  penalties_open(&b);
  b.server_config.penalty_sources = 0;
  b.server_config.penalty_least_ms = 0;
  both_listen(&b);
  for (i = 0; i < 20; i++)
    leave(&b, "127.0.0.2");
  CHECK_EQ(came_from(&b, GOAL_LOGIN, "127.0.0.2")->auth, 0);
  both_close(&b);
}

/* What cannot be; and it stays as the server began. */
TEST(penalties_settings) {
  struct both b;
  uvssh_config_t c;

  both_open(&b);
  c = b.server_config;
  c.penalty_least_ms = c.penalty_most_ms + 1;
  CHECK_EQ(uvssh_server_init(&b.loop, &b.server, &c), UV_EINVAL);
  c = b.server_config;
  c.penalty_sources = (1 << 24) + 1;
  CHECK_EQ(uvssh_server_init(&b.loop, &b.server, &c), UV_EINVAL);
  b.server_config.penalty_sources = 7;
  both_listen(&b);
  (void) both_login(&b);
  uvssh_session_config(&b.served[0]->session, &c);
  CHECK_EQ(c.penalty_sources, 7);
  c.penalty_sources = 8;
  c.penalty_most_ms = c.penalty_least_ms = c.penalty_login_ms = 1;
  c.penalty_silent_ms = c.penalty_timeout_ms = c.penalty_protocol_ms = 1;
  CHECK_EQ(uvssh_session_configure(&b.served[0]->session, &c), 0);
  uvssh_session_config(&b.served[0]->session, &c);
  CHECK_EQ(c.penalty_sources, 7);
  CHECK_EQ(c.penalty_least_ms, 15000);
  CHECK_EQ(c.penalty_most_ms, 600000);
  CHECK_EQ(c.penalty_login_ms, 5000);
  CHECK_EQ(c.penalty_silent_ms, 1000);
  CHECK_EQ(c.penalty_timeout_ms, 10000);
  CHECK_EQ(c.penalty_protocol_ms, 10000);
  both_close(&b);
}

/* ---- the table ----------------------------------------------------------- */

enum { SOURCES = 100000 };

static void key_of(uint8_t key[SOURCE_KEY], uint32_t i) {
  memset(key, 0, SOURCE_KEY);
  key[0] = 4;
  key[1] = (uint8_t) (i >> 24);
  key[2] = (uint8_t) (i >> 16);
  key[3] = (uint8_t) (i >> 8);
  key[4] = (uint8_t) i;
}

static int bites(struct penalties* t, uint32_t i, uint64_t now) {
  uint8_t key[SOURCE_KEY];

  key_of(key, i);
  return uvssh__penalty_bites(t, key, now);
}

static void add(struct penalties* t,
                const uvssh_config_t* c,
                uint32_t i,
                uint64_t ms,
                uint64_t now) {
  uint8_t key[SOURCE_KEY];

  key_of(key, i);
  uvssh__penalty_add(t, c, key, ms, now);
}

/* It gathers, runs off, bites at last, to its end, and begins anew. */
TEST(penalties_add_up) {
  struct penalties t;
  uvssh_config_t c;
  int i;

  uvssh_config_init(&c);
  uvssh__penalties_init(&t);
  add(&t, &c, 1, 5000, 0);
  add(&t, &c, 1, 5000, 1000);
  add(&t, &c, 1, 5999, 1000);      /* 14 s and 999 ms are left */
  CHECK_EQ(bites(&t, 1, 1000), 0);
  add(&t, &c, 1, 1, 1000);
  CHECK_EQ(bites(&t, 1, 1000), 1);
  CHECK_EQ(bites(&t, 2, 1000), 0);
  CHECK_EQ(bites(&t, 1, 15999), 1);
  CHECK_EQ(bites(&t, 1, 16000), 0);
  add(&t, &c, 1, 14999, 17000);
  CHECK_EQ(bites(&t, 1, 17000), 0);
  for (i = 0; i < 1000; i++)
    add(&t, &c, 1, 5000, 17000);
  CHECK_EQ(bites(&t, 1, 17000 + 599999), 1);
  CHECK_EQ(bites(&t, 1, 17000 + 600000), 0);
  CHECK_EQ(t.table.count, 0);
  CHECK_EQ(heap_live(), 0);
  uvssh__penalties_free(&t);
}

/* More sources than it may hold: memory has its bound, what ends last stays,
 * and no step looks at more than a path of the heap and a chain. */
TEST(penalties_overflow) {
  struct penalties t;
  uvssh_config_t c;
  uint64_t before, most = 0;
  size_t full = 0;
  uint32_t i, n;

  uvssh_config_init(&c);
  uvssh__penalties_init(&t);
  add(&t, &c, UINT32_MAX, 600000, 0);      /* outlives the flood */
  for (i = 0; i < SOURCES; i++) {
    before = t.table.looked;
    add(&t, &c, i, 15000 + i * 7919 % 1000, 0);
    if (t.table.looked - before > most)
      most = t.table.looked - before;
    if (i == c.penalty_sources)
      full = heap_bytes();
  }
  printf("%u sources: %zu KiB, at most %u looked at for one\n", t.table.count,
         full / 1024, (unsigned) most);
  CHECK_EQ(t.table.count, c.penalty_sources);
  CHECK(heap_bytes() <= full + 4096);
  CHECK(full < 8 * 1024 * 1024);
  CHECK(most <= 100);              /* two paths of 17, and a short chain */
  CHECK_EQ(bites(&t, UINT32_MAX, 0), 1);
  for (i = n = 0; i < SOURCES; i++)
    n += bites(&t, i, 0) ? 1u : 0u;
  CHECK_EQ(n, c.penalty_sources - 1);
  for (i = 0; i < SOURCES; i++)    /* over: they go as others come */
    CHECK_EQ(bites(&t, i, 16000), 0);
  CHECK_EQ(t.table.count, 1);
  uvssh__penalties_free(&t);
  CHECK_EQ(heap_live(), 0);
}

/* Against a list that is looked through: the same answers always. */
TEST(penalties_like_a_list) {
  enum { NAMES = 64, STEPS = 20000 };
  uint64_t until[NAMES] = { 0 };
  int bit[NAMES] = { 0 };
  struct penalties t;
  uvssh_config_t c;
  uint64_t now = 1000, seed = 7, ms;
  unsigned i, k;

  uvssh_config_init(&c);
  uvssh__penalties_init(&t);
  for (i = 0; i < STEPS; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    k = (unsigned) (seed >> 33) % NAMES;
    ms = (seed >> 40) % 9000;
    now += (seed >> 50) % 200;
    if (until[k] <= now) {
      until[k] = now;
      bit[k] = 0;
    }
    CHECK_EQ(bites(&t, k, now), bit[k]);
    if (ms == 0)
      continue;
    until[k] = until[k] + ms > now + 600000 ? now + 600000 : until[k] + ms;
    bit[k] |= until[k] - now >= 15000;
    add(&t, &c, k, ms, now);
    CHECK_EQ(bites(&t, k, now), bit[k]);
  }
  uvssh__penalties_free(&t);
}

/* Without memory an offence is not noted, and nothing is lost. */
TEST(penalties_without_memory) {
  struct penalties t;
  uvssh_config_t c;
  uint32_t i;

  uvssh_config_init(&c);
  HEAP_SWEEP(n) {
    uvssh__penalties_init(&t);
    for (i = 0; i < 40; i++)
      add(&t, &c, i, 20000, 0);
    CHECK(t.table.count == 40 || heap_failed());
    CHECK(t.table.count >= 39 - 1);
    uvssh__penalties_free(&t);
  }
  HEAP_SWEEP(n) {                  /* of the only one */
    uvssh__penalties_init(&t);
    add(&t, &c, 1, 20000, 0);
    CHECK_EQ(t.table.count, heap_failed() ? 0 : 1);
    CHECK_EQ(bites(&t, 1, 0), heap_failed() ? 0 : 1);
    uvssh__penalties_free(&t);
  }
}
