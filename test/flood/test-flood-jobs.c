/* Key exchanges of many who come from one place: another one's login, and what
 * the user gives to the thread pool himself, wait for a few of their jobs only.
 * Jobs are counted. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "both.h"
#include "loop/loop.h"
#include "test/test.h"

/* ---- jobs of nobody ------------------------------------------------------ */

enum { CROWD = 500 };

struct chore {                     /* of a session of its own */
  struct session session;
  struct job job;
  unsigned began;                  /* how many had begun, with it */
  int done;
};

static struct chore crowd[CROWD], other[8];
static atomic_uint begun;

static void on_wake(struct desk* desk) {
}

static uint64_t on_now(const struct desk* desk) {
  return 0;
}

static const struct desk_ops ops = { on_wake, NULL, on_now, NULL };

static void run(struct job* job) {
  CONTAINER_OF(job, struct chore, job)->began = atomic_fetch_add(&begun, 1) + 1;
}

static int done(struct job* job) {
  CONTAINER_OF(job, struct chore, job)->done++;
  return 0;
}

static void dispose(struct job* job) {
}

static void key_of(uint8_t key[SOURCE_KEY], uint32_t source) {
  memset(key, 0, SOURCE_KEY);
  key[0] = 6;
  memcpy(key + 1, &source, sizeof(source));
}

static void submit(struct loop* loop, struct chore* c, uint32_t source,
                   enum cost cost) {
  uint8_t key[SOURCE_KEY];

  key_of(key, source);
  memset(c, 0, sizeof(*c));
  c->session.desk.ops = &ops;
  c->session.desk.is_server = 1;
  c->job.desk = &c->session.desk;
  c->job.cost = cost;
  c->job.run = run;
  c->job.done = done;
  c->job.dispose = dispose;
  if (uvssh__work_submit(loop, &c->job, key) == 1)
    CHECK_EQ(uvssh__job_finish(&c->job), 0);
}

static struct loop* loop_of(struct both* b) {
  return uvssh__server_of(&b->server)->loop;
}

/* They are no sessions, which would keep the loop awake. */
static void finish_beside(struct both* b, unsigned away) {
  uvssh__loop_wake(loop_of(b));
  while (loop_of(b)->waiting != 0 || loop_of(b)->away != away)
    uv_run(&b->loop, UV_RUN_ONCE);
}

static void finish(struct both* b) {
  finish_beside(b, 0);
}

static void jobs_open(struct both* b) {
  both_open(b);
  both_server(b);
  atomic_store(&begun, 0);
}

/* Where the pool takes none for want of memory, a turn runs a few, not all. */
TEST(jobs_without_memory_wait_for_their_turn) {
  struct both b;
  unsigned i, before;
  enum cost cost;

  for (cost = COST_LIGHT; cost < COSTS; cost++) {
    NOTE("cost %u", cost);
    jobs_open(&b);
    for (i = 0; i < CROWD; i++)
      submit(loop_of(&b), &crowd[i], i % 3, cost);
    heap_fail_from(1);
    uvssh__loop_wake(loop_of(&b));
    while (loop_of(&b)->waiting != 0) {
      before = atomic_load(&begun);
      uvssh__work_turn(loop_of(&b));
      loop_of(&b)->inline_jobs = 0;
      CHECK(atomic_load(&begun) - before <= 5);
    }
    heap_fail_at(0);
    CHECK_EQ(atomic_load(&begun), CROWD);
    both_close(&b);
  }
}

/* Who comes last, behind a crowd from one source, has his turn at once. Places
 * on the pool are taken away, so that jobs run in the order they are begun. */
TEST(jobs_take_turns_by_source) {
  struct both b;
  unsigned i, before, round, taken;
  enum cost cost;

  for (cost = COST_LIGHT; cost < COSTS; cost++) {
    NOTE("cost %u", cost);
    jobs_open(&b);
    for (i = 0; i < CROWD; i++)
      submit(loop_of(&b), &crowd[i], 1, cost);
    for (i = 0; i < 8; i++)
      submit(loop_of(&b), &other[i], 2 + i % 2, cost);
    before = atomic_load(&begun);
    taken = cost == COST_LIGHT ? 2 : 1;
    loop_of(&b)->away += taken;
    finish_beside(&b, taken);
    loop_of(&b)->away -= taken;
    CHECK_EQ(atomic_load(&begun), CROWD + 8);
    for (i = 0; i < 8; i++) {
      CHECK_EQ(other[i].done, 1);
      round = i / 2 + 1;           /* of three lines */
      CHECK(other[i].began <= before + round * 3);
    }
    for (i = 0; i < CROWD; i++)
      CHECK_EQ(crowd[i].done, 1);
    both_close(&b);
  }
}

/* One of the other cost, behind a crowd, is begun within two turns. */
TEST(jobs_take_turns_by_cost) {
  struct both b;
  struct loop* loop;
  uint64_t before;
  enum cost cost;
  unsigned i;

  for (cost = COST_LIGHT; cost < COSTS; cost++) {
    NOTE("cost %u", cost);
    jobs_open(&b);
    loop = loop_of(&b);
    for (i = 0; i < CROWD; i++)
      submit(loop, &crowd[i], i, cost);
    submit(loop, &other[0], 0, (cost + 1) % COSTS);
    before = loop->jobs_begun;
    uvssh__loop_wake(loop);
    while (loop->lanes[(cost + 1) % COSTS].waiting != 0)
      uv_run(&b.loop, UV_RUN_ONCE);
    CHECK(loop->jobs_begun - before <= 2 * (4 + 2));
    finish(&b);
    CHECK_EQ(other[0].done, 1);
    for (i = 0; i < CROWD; i++)
      CHECK_EQ(crowd[i].done, 1);
    CHECK_EQ(loop->lanes[COST_LIGHT].lines.count, 0);
    CHECK_EQ(loop->lanes[COST_HEAVY].lines.count, 0);
    both_close(&b);
  }
}

/* Many sources, and no chain that many of them share. */
TEST(jobs_of_many_sources) {
  struct both b;
  struct lane* lane;
  uint64_t before, most = 0;
  unsigned i;

  jobs_open(&b);
  lane = &loop_of(&b)->lanes[COST_HEAVY];
  for (i = 0; i < CROWD; i++) {
    before = lane->lines.looked;
    submit(loop_of(&b), &crowd[i], i << 16, COST_HEAVY);
    if (lane->lines.looked - before > most)
      most = lane->lines.looked - before;
  }
  CHECK_EQ(lane->lines.count, CROWD);
  CHECK(most <= 10);
  finish(&b);
  both_close(&b);
}

TEST(jobs_without_memory) {
  struct both b;
  unsigned i;

  jobs_open(&b);
  for (i = 0; i < CROWD; i++) {
    heap_fail_from(i < 100 ? 1 : 0);
    submit(loop_of(&b), &crowd[i], i, COST_LIGHT);
  }
  heap_fail_at(0);
  finish(&b);
  for (i = 0; i < CROWD; i++)
    CHECK_EQ(crowd[i].done, 1);
  both_close(&b);
}

/* ---- the user's own work ------------------------------------------------- */

enum { USERS = 20 };

static uv_sem_t gate;
static unsigned users;

static void run_when_let(struct job* job) {
  run(job);
  uv_sem_wait(&gate);
}

static void on_user_work(uv_work_t* work) {
}

static void on_user_done(uv_work_t* work, int status) {
  CHECK_EQ(status, 0);
  users++;
}

/* Ours do not end: two threads of four are theirs, and what the user gives to
 * the pool runs on the others. */
TEST(jobs_leave_threads_to_the_user) {
  struct both b;
  uv_work_t work[USERS];
  unsigned i;

  CHECK_EQ(uv_sem_init(&gate, 0), 0);
  jobs_open(&b);
  for (i = 0; i < CROWD; i++) {
    submit(loop_of(&b), &crowd[i], i % 50, COST_HEAVY);
    crowd[i].job.run = run_when_let;
  }
  uvssh__loop_wake(loop_of(&b));
  while (loop_of(&b)->away < 2)
    uv_run(&b.loop, UV_RUN_NOWAIT);
  users = 0;
  for (i = 0; i < USERS; i++)
    CHECK_EQ(uv_queue_work(&b.loop, &work[i], on_user_work, on_user_done), 0);
  while (users < USERS) {
    uv_run(&b.loop, UV_RUN_NOWAIT);
    CHECK_EQ(loop_of(&b)->away, 2);
  }
  CHECK(atomic_load(&begun) <= 2);
  CHECK_EQ(loop_of(&b)->waiting, CROWD - 2);
  for (i = 0; i < CROWD; i++)
    uv_sem_post(&gate);
  finish(&b);
  CHECK_EQ(atomic_load(&begun), CROWD);
  both_close(&b);
  uv_sem_destroy(&gate);
}

/* ---- real ones ----------------------------------------------------------- */

struct guest {
  uvssh_session_t session;         /* first */
};

static int fds[CROWD];
static uint8_t text[4096];
static size_t text_len;
static unsigned readies;

static void on_guest(uvssh_server_t* server, int status) {
  struct both* b = server->data;
  struct guest* g = (struct guest*) calloc(1, sizeof(*g));

  CHECK_EQ(status, 0);
  CHECK(g != NULL);
  CHECK_EQ(uvssh_server_accept(server, &g->session, &b->server_on), 0);
}

static void on_guest_ready(uvssh_session_t* session) {
  readies++;
}

static void on_guest_close(uvssh_session_t* session, const uvssh_end_t* end) {
  free(session);
}

/* Up to its public value; the rest never comes. */
static void learn_text(void) {
  static struct script s;

  uvssh__script_init(&s, PEER_CLIENT);
  CHECK_EQ(uvssh__script_say_ident(&s), 0);
  CHECK_EQ(uvssh__script_say_kexinit(&s), 0);
  CHECK_EQ(uvssh__script_say_init(&s), 0);
  text_len = s.wire.len;
  CHECK(text_len <= sizeof(text));
  memcpy(text, s.wire.base, text_len);
  uvssh__script_reset(&s);
}

static int come(struct both* b) {
  struct sockaddr_in from;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

  CHECK(fd >= 0);
  CHECK_EQ(uv_ip4_addr("127.0.0.2", 0, &from), 0);
  CHECK_EQ(bind(fd, (struct sockaddr*) &from, sizeof(from)), 0);
  if (connect(fd, (struct sockaddr*) &b->address, sizeof(from)) != 0)
    CHECK_EQ(errno, EINPROGRESS);
  return fd;
}

/* All are there; then all begin their exchanges at once, and again. */
static void storm(struct both* b) {
  unsigned i;

  for (i = 0; i < CROWD; i++) {
    if (i % 64 == 0)
      uv_run(&b->loop, UV_RUN_NOWAIT);
    if (fds[i] >= 0)
      close(fds[i]);
    fds[i] = come(b);
  }
  while (uvssh__server_of(&b->server)->limit.count < CROWD)
    uv_run(&b->loop, UV_RUN_NOWAIT);
  for (i = 0; i < CROWD; i++)
    CHECK_EQ(send(fds[i], text, text_len, MSG_NOSIGNAL), (ssize_t) text_len);
  UNTIL(b, loop_of(b)->waiting > CROWD / 2);
}

TEST(jobs_of_a_crowd_let_a_login_pass) {
  struct both b;
  struct peer* p;
  uint64_t before, most = 0;
  unsigned i, left = UINT32_MAX;

  readies = 0;
  learn_text();
  memset(fds, -1, sizeof(fds));
  both_open(&b);
  b.server_config.preauth_total = b.server_config.preauth_per_source = 0;
  b.server_on.on_ready = on_guest_ready;
  b.server_on.on_close = on_guest_close;
  b.on_connection = on_guest;
  both_listen(&b);
  for (i = 0; i < 5; i++) {
    storm(&b);
    before = loop_of(&b)->jobs_begun;
    p = both_client_from(&b, GOAL_LOGIN, "127.0.0.3");
    UNTIL(&b, p->auth != PENDING);
    CHECK_EQ(p->auth, 0);
    before = loop_of(&b)->jobs_begun - before;
    most = before > most ? before : most;
    left = loop_of(&b)->waiting < left ? loop_of(&b)->waiting : left;
    while (loop_of(&b)->waiting != 0)
      uv_run(&b.loop, UV_RUN_ONCE);
  }
  CHECK(most <= CROWD / 2);        /* six a turn, for what a login takes */
  CHECK(left > 0);
  printf("beside %d exchanges: at most %u jobs of all until a login was "
         "through, at least %u still waited then\n", CROWD, (unsigned) most,
         left);
  for (i = 0; i < CROWD; i++)
    close(fds[i]);
  UNTIL(&b, readies == 5);
  both_close(&b);
}
