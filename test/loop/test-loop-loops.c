/* Several loops in several threads that serve one port: see uvssh/loops.h. The
 * clients are on the loop of the test. */
#define _GNU_SOURCE                /* syscall() */
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "both.h"

enum { LOOPS = 3, CLIENTS = 48, NO_INDEX = 99 };

/* A kernel that does not spread connections over several sockets. */
static int no_share;

#ifdef __linux__
int setsockopt(int fd, int level, int name, const void* value, socklen_t len) {
  if (__atomic_load_n(&no_share, __ATOMIC_SEQ_CST) && level == SOL_SOCKET &&
      name == SO_REUSEPORT) {
    errno = ENOPROTOOPT;
    return -1;
  }
  return (int) syscall(SYS_setsockopt, fd, level, name, value, len);
}
#endif

/* ---- what is served ------------------------------------------------------ */

struct guest {
  uvssh_session_t session;         /* first */
  uvssh_channel_t channel;
  uvssh_req_t req;
  struct home* home;
};

struct home {                      /* of one loop; its thread's */
  uvssh_server_t server;
  struct house* house;
  uv_loop_t* loop;
  uv_thread_t thread;
  uv_signal_t signal;
  unsigned begins, ends, came, went;
};

struct house {
  uvssh_loops_t loops;             /* first */
  uvssh_key_t* key;
  uvssh_config_t config;
  int port;                        /* 0: any */
  int found;                       /* that it became */
  int follows;                     /* the others ask for that one */
  unsigned fails_at;               /* begin of this one; or NO_INDEX */
  int fails_with;
  unsigned stops_at;               /* the same, for a stop in it */
  int drains;                      /* and is not closed: that is forgotten */
  int waits;                       /* at the first stop, for its sessions */
  int closed;                      /* servers; atomic */
  int waiting;                     /* end callbacks that are over; the same */
  int has_signal;
  struct home homes[LOOPS];
  uv_mutex_t lock;                 /* of these */
  uvssh_handle_t* readers[CLIENTS];
  uint64_t channels[CLIENTS];
  unsigned reader_count;
};

static void on_auth(uvssh_session_t* session,
                    const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  struct home* h = ((struct guest*) (void*) session)->home;
  uv_thread_t self = uv_thread_self();

  CHECK(session->loop == h->loop);
  CHECK(uv_thread_equal(&self, &h->thread));
  CHECK_EQ(uvssh_reply_accept(reply), 0);
}

/* To everybody who reads, on whatever loop. */
static void on_word(uvssh_channel_t* channel,
                    int stream,
                    ssize_t nread,
                    const uv_buf_t* buf) {
  struct house* h = ((struct guest*) (void*) channel->session)->home->house;
  unsigned i;

  if (nread < 0)
    return;
  uv_mutex_lock(&h->lock);
  for (i = 0; i < h->reader_count; i++)
    CHECK_EQ(uvssh_handle_send(h->readers[i], h->channels[i], UVSSH_DATA,
                               buf->base, (size_t) nread), 0);
  uv_mutex_unlock(&h->lock);
}

static void join_in(struct guest* g) {
  struct house* h = g->home->house;

  uv_mutex_lock(&h->lock);
  CHECK(h->reader_count < CLIENTS);
  CHECK_EQ(uvssh_handle_create(&h->readers[h->reader_count], &g->session), 0);
  h->channels[h->reader_count++] = g->channel.id;
  uv_mutex_unlock(&h->lock);
  CHECK_EQ(uvssh_channel_read_start(&g->channel, on_word), 0);
}

static void on_relayed(uvssh_req_t* req, int status) {
}

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  struct guest* g = (struct guest*) (void*) channel->session;

  if (strcmp(ask->command, "join") == 0)
    join_in(g);
  else
    CHECK_EQ(uvssh_channel_relay(&g->req, channel, channel, on_relayed), 0);
  CHECK_EQ(uvssh_reply_accept(reply), 0);
}

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* ask,
                       uvssh_reply_t reply) {
  static const uvssh_channel_handlers_t on = { .on_request = on_request };

  CHECK_EQ(uvssh_channel_accept(
               reply, &((struct guest*) (void*) session)->channel, &on), 0);
}

static void on_close(uvssh_session_t* session, const uvssh_end_t* end) {
  struct guest* g = (struct guest*) (void*) session;

  g->home->went++;
  free(g);
}

static void on_connection(uvssh_server_t* server, int status) {
  static const uvssh_session_handlers_t on = {
    .on_auth = on_auth, .on_channel = on_channel, .on_close = on_close
  };
  struct guest* g = calloc(1, sizeof(*g));

  CHECK(g != NULL);
  CHECK_EQ(status, 0);
  g->home = server->data;
  g->home->came++;
  CHECK_EQ(uvssh_server_accept(server, &g->session, &on), 0);
}

/* ---- where it is served -------------------------------------------------- */

static void on_signal(uv_signal_t* signal, int signum) {
}

static void watch_signal(struct home* h) {
  CHECK_EQ(uv_signal_init(h->loop, &h->signal), 0);
  CHECK_EQ(uv_signal_start(&h->signal, on_signal, SIGUSR1), 0);
  uv_unref((uv_handle_t*) &h->signal);
}

static int port_of(const uvssh_server_t* server) {
  struct sockaddr_in name;
  int len = sizeof(name);

  CHECK_EQ(uvssh_server_getsockname(server, (struct sockaddr*) &name, &len), 0);
  return ntohs(name.sin_port);
}

static int begin(uvssh_loops_t* loops, unsigned index, uv_loop_t* loop) {
  struct house* house = (struct house*) (void*) loops;
  struct home* h = &house->homes[index];
  int err;

  h->begins++;
  h->house = house;
  h->loop = loop;
  h->thread = uv_thread_self();
  h->server.data = h;
  if (house->has_signal)
    watch_signal(h);
  err = uvssh_server_init(loop, &h->server, &house->config);
  if (err == 0)
    err = uvssh_server_add_key(&h->server, house->key);
  if (err == 0)
    err = uvssh_loops_listen(loops, &h->server, "127.0.0.1",
                             index > 0 && house->follows ? house->found
                                                         : house->port,
                             on_connection);
  if (err == 0) {
    CHECK(index == 0 || house->found == port_of(&h->server));
    house->found = port_of(&h->server);
  }
  if (index == house->stops_at)
    uvssh_loops_stop(loops);
  return index == house->fails_at ? house->fails_with : err;
}

static void on_closed(uvssh_server_t* server) {
  struct home* h = server->data;

  __atomic_add_fetch(&h->house->closed, 1, __ATOMIC_SEQ_CST);
}

static void on_drained(uvssh_server_t* server) {
  uvssh_server_close(server, on_closed);
}

static void end(uvssh_loops_t* loops, unsigned index, uv_loop_t* loop) {
  struct house* house = (struct house*) (void*) loops;
  struct home* h = &house->homes[index];
  uv_thread_t self = uv_thread_self();

  CHECK(h->loop == loop);
  CHECK(uv_thread_equal(&self, &h->thread));
  h->ends++;
  CHECK_EQ(uvssh_loops_join(loops), UV_EINVAL);
  if (house->drains)
    uvssh_server_shutdown(&h->server, 0, NULL);
  else if (house->waits && h->ends == 1)
    uvssh_server_shutdown(&h->server, UINT64_MAX, on_drained);
  else
    uvssh_server_close(&h->server, NULL);
  __atomic_add_fetch(&house->waiting, 1, __ATOMIC_SEQ_CST);
}

static void house_open(struct house* h) {
  memset(h, 0, sizeof(*h));
  CHECK_EQ(uvssh_key_generate(&h->key, UVSSH_KEY_ED25519, 0), 0);
  CHECK_EQ(uv_mutex_init(&h->lock), 0);
  uvssh_config_init(&h->config);
  h->config.auth_methods = UVSSH_AUTH_NONE;
  h->config.preauth_per_source = 0;
  h->config.penalty_sources = 0;   /* all come from one address */
  h->fails_at = h->stops_at = NO_INDEX;
}

static void house_close(struct house* h) {
  unsigned i;

  CHECK(h->loops.impl == NULL);
  for (i = 0; i < LOOPS; i++)
    CHECK_EQ(h->homes[i].came, h->homes[i].went);
  for (i = 0; i < h->reader_count; i++)
    uvssh_handle_unref(h->readers[i]);
  uv_mutex_destroy(&h->lock);
  uvssh_key_unref(h->key);
}

static int house_start(struct house* h) {
  return uvssh_loops_start(&h->loops, LOOPS, begin, end);
}

static void house_stop(struct house* h) {
  uvssh_loops_stop(&h->loops);
  CHECK_EQ(uvssh_loops_join(&h->loops), 0);
}

/* ---- clients of it ------------------------------------------------------- */

static struct both b;

static void clients_open(const struct house* h, const char* command) {
  int i;

  both_open(&b);
  CHECK_EQ(uv_ip4_addr("127.0.0.1", h->found,
                       (struct sockaddr_in*) (void*) &b.address), 0);
  for (i = 0; i < CLIENTS; i++)
    both_client(&b, GOAL_ASK)->command = command;
  for (i = 0; i < CLIENTS; i++) {
    UNTIL(&b, b.clients[i]->ask != PENDING);
    CHECK_EQ(b.clients[i]->ask, 0);
    CHECK_EQ(uvssh_channel_read_start(&b.clients[i]->channel, peer_read), 0);
  }
}

static void say(struct peer* p) {
  CHECK_EQ(uvssh_channel_send(&p->channel, UVSSH_DATA, "0123456789", 10), 0);
}

/* Each gets so many bytes. */
static void hear(size_t bytes) {
  int i;

  for (i = 0; i < CLIENTS; i++)
    UNTIL(&b, b.clients[i]->got == bytes);
}

static void echo_all(struct house* h, int follows) {
  int i;

  h->follows = follows;
  CHECK_EQ(house_start(h), 0);
  CHECK_EQ(h->loops.count, LOOPS);
  clients_open(h, "echo");
  for (i = 0; i < CLIENTS; i++)
    say(b.clients[i]);
  hear(10);
  for (i = 0; i < CLIENTS; i += 2)
    uvssh_session_close(&b.clients[i]->session);
  house_stop(h);                   /* while the others run */
  for (i = 1; i < CLIENTS; i += 2)
    UNTIL(&b, b.clients[i]->closes == 1);
  both_close(&b);
}

static unsigned came_to(const struct house* h) {
  unsigned i, all = 0;

  for (i = 0; i < LOOPS; i++) {
    CHECK_EQ(h->homes[i].begins, 1);
    CHECK_EQ(h->homes[i].ends, 1);
    all += h->homes[i].came;
  }
  return all;
}

/* That one gets nobody: once in 10^8 times. */
TEST(loops_share_the_clients) {
  struct house h;
  int follows;

  for (follows = 0; follows < 2; follows++) {
    house_open(&h);
    echo_all(&h, follows);
    CHECK_EQ(came_to(&h), CLIENTS);
#ifdef __linux__
    CHECK(h.homes[0].came > 0 && h.homes[1].came > 0 && h.homes[2].came > 0);
#endif
    house_close(&h);
  }
}

/* Who looks first takes them. */
TEST(loops_share_one_socket) {
  struct house h;
  int follows;

  __atomic_store_n(&no_share, 1, __ATOMIC_SEQ_CST);
  for (follows = 0; follows < 2; follows++) {
    house_open(&h);
    echo_all(&h, follows);
    CHECK_EQ(came_to(&h), CLIENTS);
    house_close(&h);
  }
  __atomic_store_n(&no_share, 0, __ATOMIC_SEQ_CST);
}

TEST(loops_reach_each_other_by_handles) {
  struct house h;

  house_open(&h);
  CHECK_EQ(house_start(&h), 0);
  clients_open(&h, "join");
  say(b.clients[0]);
  hear(10);
  say(b.clients[CLIENTS - 1]);
  hear(20);
  both_close(&b);
  house_stop(&h);
  CHECK_EQ(came_to(&h), CLIENTS);
  house_close(&h);
}

/* ---- beginnings that end ------------------------------------------------- */

static void check_homes(struct house* h, unsigned begun) {
  unsigned i;

  CHECK(h->loops.impl == NULL);
  for (i = 0; i < LOOPS; i++) {
    CHECK_EQ(h->homes[i].begins, i < begun);
    CHECK_EQ(h->homes[i].ends, i < begun);
    CHECK(h->homes[i].server.impl == NULL);
    h->homes[i].begins = h->homes[i].ends = 0;
  }
}

TEST(loops_begin_fails) {
  struct house h;
  unsigned i;

  house_open(&h);
  for (i = 0; i < LOOPS; i++) {
    NOTE("loop %u", i);
    h.fails_at = i;
    h.fails_with = -4711;
    CHECK_EQ(house_start(&h), -4711);
    check_homes(&h, i + 1);
    CHECK_EQ(uvssh_loops_join(&h.loops), UV_ENOTCONN);
    h.fails_with = UV_EBUSY;       /* as a server that was left would be */
    CHECK_EQ(house_start(&h), UV_EBUSY);
    check_homes(&h, i + 1);
  }
  h.fails_at = NO_INDEX;
  CHECK_EQ(house_start(&h), 0);
  house_stop(&h);
  check_homes(&h, LOOPS);
  house_close(&h);
}

TEST(loops_stop_in_begin) {
  struct house h;
  unsigned i;

  house_open(&h);
  for (i = 0; i < LOOPS; i++) {
    NOTE("loop %u", i);
    h.stops_at = i;
    CHECK_EQ(house_start(&h), UV_ECANCELED);
    check_homes(&h, i + 1);
  }
  house_close(&h);
}

static int stopping;

static void stop_and_stop(void* arg) {
  uvssh_loops_t* loops = arg;

  while (__atomic_load_n(&stopping, __ATOMIC_SEQ_CST)) {
    uvssh_loops_stop(loops);
    uv_sleep(0);
  }
}

/* Whatever start() and join() are at. */
TEST(loops_stop_at_any_time) {
  struct house h;
  uv_thread_t thread;
  unsigned rounds = check_release() ? 1000 : 60;
  unsigned i, j;
  int err;

  house_open(&h);
  __atomic_store_n(&stopping, 1, __ATOMIC_SEQ_CST);
  CHECK_EQ(uv_thread_create(&thread, stop_and_stop, &h.loops), 0);
  for (i = 0; i < rounds; i++) {
    err = house_start(&h);
    CHECK(err == 0 || err == UV_ECANCELED);
    CHECK_EQ(uvssh_loops_join(&h.loops), err == 0 ? 0 : UV_ENOTCONN);
    for (j = 0; j < LOOPS; j++) {
      CHECK(h.homes[j].begins <= 1);
      CHECK(h.homes[j].begins == 0 ? h.homes[j].ends == 0
                                   : h.homes[j].ends > 0);
      h.homes[j].begins = h.homes[j].ends = 0;
    }
  }
  __atomic_store_n(&stopping, 0, __ATOMIC_SEQ_CST);
  CHECK_EQ(uv_thread_join(&thread), 0);
  house_close(&h);
}

/* ---- ends ---------------------------------------------------------------- */

TEST(loops_start_again) {
  struct house h;
  int round;

  house_open(&h);
  h.has_signal = 1;                /* is left, and closed by join() */
  for (round = 0; round < 3; round++) {
    CHECK_EQ(house_start(&h), 0);
    h.port = h.found;              /* the same once more */
    CHECK_EQ(house_start(&h), UV_EBUSY);
    house_stop(&h);
    check_homes(&h, LOOPS);
    CHECK_EQ(uvssh_loops_join(&h.loops), UV_ENOTCONN);
    uvssh_loops_stop(&h.loops);
  }
  house_close(&h);
}

struct joiner {
  struct house* house;
  uv_sem_t* back;
  int err;
};

static void join_from_there(void* arg) {
  struct joiner* j = arg;

  j->err = uvssh_loops_join(&j->house->loops);
  uv_sem_post(j->back);
}

/* One waits; the other is told so at once. */
TEST(loops_join_twice_at_once) {
  struct joiner j[2];
  struct house h;
  uv_thread_t threads[2];
  uv_sem_t back;
  int i;

  house_open(&h);
  CHECK_EQ(uv_sem_init(&back, 0), 0);
  CHECK_EQ(house_start(&h), 0);
  for (i = 0; i < 2; i++) {
    j[i].house = &h;
    j[i].back = &back;
    CHECK_EQ(uv_thread_create(&threads[i], join_from_there, &j[i]), 0);
  }
  uv_sem_wait(&back);
  uvssh_loops_stop(&h.loops);
  for (i = 0; i < 2; i++)
    CHECK_EQ(uv_thread_join(&threads[i]), 0);
  CHECK_EQ(j[0].err + j[1].err, UV_EALREADY);
  uv_sem_destroy(&back);
  house_close(&h);
}

/* One has a session: nobody else gets in, and the other loops hear the second
 * stop all the same. */
static void end_together(void) {
  struct house h;
  unsigned i;

  house_open(&h);
  h.waits = 1;
  h.has_signal = 1;
  CHECK_EQ(house_start(&h), 0);
  both_open(&b);
  CHECK_EQ(uv_ip4_addr("127.0.0.1", h.found,
                       (struct sockaddr_in*) (void*) &b.address), 0);
  both_client(&b, GOAL_LOGIN);
  UNTIL(&b, b.clients[0]->readies == 1);
  uvssh_loops_stop(&h.loops);
  while (__atomic_load_n(&h.closed, __ATOMIC_SEQ_CST) != LOOPS - 1 ||
         __atomic_load_n(&h.waiting, __ATOMIC_SEQ_CST) != LOOPS)
    uv_sleep(0);
  CHECK_EQ(both_socket(&b), -1);
  CHECK_EQ(errno, ECONNREFUSED);
  CHECK_EQ(b.clients[0]->closes, 0);
  uvssh_loops_stop(&h.loops);
  UNTIL(&b, b.clients[0]->closes == 1);
  CHECK_EQ(uvssh_loops_join(&h.loops), 0);
  for (i = 0; i < LOOPS; i++)
    CHECK_EQ(h.homes[i].ends, 2);
  both_close(&b);
  house_close(&h);
}

TEST(loops_end_together) {
  end_together();
}

TEST(loops_end_together_with_one_socket) {
  __atomic_store_n(&no_share, 1, __ATOMIC_SEQ_CST);
  end_together();
  __atomic_store_n(&no_share, 0, __ATOMIC_SEQ_CST);
}

/* Its servers are not closed: the code says so, and nothing is freed that is
 * still in use. */
TEST(loops_server_is_left) {
  static struct house h;

  HEAP_KEPT();
  house_open(&h);
  h.drains = 1;
  CHECK_EQ(house_start(&h), 0);
  uvssh_loops_stop(&h.loops);
  CHECK_EQ(uvssh_loops_join(&h.loops), UV_EBUSY);
  CHECK(h.homes[0].server.impl != NULL);
  memset(h.homes, 0, sizeof(h.homes));
  h.drains = 0;
  CHECK_EQ(house_start(&h), 0);
  house_stop(&h);
  house_close(&h);
}

/* ---- addresses ----------------------------------------------------------- */

TEST(loops_do_not_share_with_strangers) {
  struct house one, other;

  house_open(&one);
  house_open(&other);
  CHECK_EQ(house_start(&one), 0);
  other.port = one.found;
  CHECK_EQ(house_start(&other), UV_EADDRINUSE);
  check_homes(&other, 1);
  house_stop(&one);
  CHECK_EQ(house_start(&other), 0);
  CHECK_EQ(other.found, one.found);
  house_stop(&other);
  house_close(&one);
  house_close(&other);
}

/* Those of the other kind do, with all who say that they do. */
TEST(loops_listen_shared) {
  uvssh_server_t more[2];
  int err = 0;
  int port, i;

  memset(more, 0, sizeof(more));
  both_open(&b);
  both_server(&b);
  err = uvssh_server_listen_shared(&b.server, "127.0.0.1", 0, both_accept);
  if (err == UV_ENOTSUP) {
    both_close(&b);
    SKIP("the system does not spread connections");
  }
  CHECK_EQ(err, 0);
  port = port_of(&b.server);
  for (i = 0; i < 2; i++) {
    CHECK_EQ(uvssh_server_init(&b.loop, &more[i], &b.server_config), 0);
    CHECK_EQ(uvssh_server_add_key(&more[i], b.key), 0);
  }
  CHECK_EQ(uvssh_server_listen(&more[0], "127.0.0.1", port, both_accept),
           UV_EADDRINUSE);
  CHECK_EQ(uvssh_server_listen_shared(&more[1], "127.0.0.1", port, both_accept),
           0);
  CHECK_EQ(port_of(&more[1]), port);
  for (i = 0; i < 2; i++)
    uvssh_server_close(&more[i], NULL);
  uv_run(&b.loop, UV_RUN_NOWAIT);
  CHECK_EQ(uv_ip4_addr("127.0.0.1", port,
                       (struct sockaddr_in*) (void*) &b.address), 0);
  both_login(&b);
  both_close(&b);
}

TEST(loops_listen_shared_says_no) {
  __atomic_store_n(&no_share, 1, __ATOMIC_SEQ_CST);
  both_open(&b);
  CHECK_EQ(uvssh_server_listen_shared(&b.server, "::1", 0, both_accept),
           UV_ENOTCONN);
  both_server(&b);
  CHECK_EQ(uvssh_server_listen_shared(&b.server, "host", 0, both_accept),
           UV_EINVAL);
  CHECK_EQ(uvssh_server_listen_shared(&b.server, NULL, 0, both_accept),
           UV_EINVAL);
  CHECK_EQ(uvssh_server_listen_shared(&b.server, "127.0.0.1", 0, NULL),
           UV_EINVAL);
  CHECK_EQ(uvssh_server_listen_shared(&b.server, "127.0.0.1", 0, both_accept),
           UV_ENOTSUP);
  both_close(&b);
  __atomic_store_n(&no_share, 0, __ATOMIC_SEQ_CST);
}

/* ---- what cannot be ------------------------------------------------------ */

TEST(loops_arguments) {
  uvssh_loops_t none = { 0 };

  CHECK_EQ(uvssh_loops_start(NULL, 1, begin, end), UV_EINVAL);
  CHECK_EQ(uvssh_loops_start(&none, 1, NULL, end), UV_EINVAL);
  CHECK_EQ(uvssh_loops_start(&none, 1, begin, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_loops_start(&none, 1025, begin, end), UV_EINVAL);
  CHECK_EQ(uvssh_loops_join(NULL), UV_EINVAL);
  CHECK_EQ(uvssh_loops_join(&none), UV_ENOTCONN);
  uvssh_loops_stop(NULL);
  uvssh_loops_stop(&none);
  both_open(&b);
  both_server(&b);
  CHECK_EQ(uvssh_loops_listen(NULL, &b.server, "127.0.0.1", 0, both_accept),
           UV_EINVAL);
  CHECK_EQ(uvssh_loops_listen(&none, &b.server, NULL, 0, both_accept),
           UV_EINVAL);
  CHECK_EQ(uvssh_loops_listen(&none, &b.server, "127.0.0.1", 0, both_accept),
           UV_ENOTCONN);
  both_close(&b);
}

TEST(loops_without_memory) {
  struct house h;
  unsigned i;
  int err;

  house_open(&h);
  HEAP_SWEEP(n) {
    err = house_start(&h);
    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    if (err == 0)
      house_stop(&h);
    CHECK(h.loops.impl == NULL);
    for (i = 0; i < LOOPS; i++)
      h.homes[i].begins = h.homes[i].ends = 0;
  }
  house_close(&h);
}
