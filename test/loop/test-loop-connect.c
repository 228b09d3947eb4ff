/* test-loop-connect.c: uvssh_client_connect(): names, addresses, their order
 * and delay, the end in every state.
 *
 * Three functions of libuv stand here in front of libuv's own: the resolver,
 * so that a test chooses the addresses and the moment, and uv_tcp_connect(),
 * which is written down and passed on. */
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "both.h"

#define TRIED_MAX 64

/* ---- the resolver, and what was tried -------------------------------------- */

enum answer { ANSWER_REAL, ANSWER_SOON, ANSWER_NEVER };

static struct {
  enum answer mode;
  int status;
  int cannot_cancel;
  struct sockaddr_storage address[TRIED_MAX];
  unsigned count;
  /* what came of it */
  uv_getaddrinfo_t* pending;
  uv_getaddrinfo_cb cb;
  uv_timer_t timer;
  int cancels;
  int given;                       /* lists that were not freed */
  unsigned tried;
  struct sockaddr_storage tries[TRIED_MAX];
} net;

static struct addrinfo* make_list(void) {
  struct addrinfo* list = NULL;
  struct addrinfo* at;
  unsigned i;

  for (i = net.count; i-- > 0;) {
    at = calloc(1, sizeof(*at));
    CHECK(at != NULL);
    at->ai_family = net.address[i].ss_family;
    at->ai_addr = (struct sockaddr*) &net.address[i];
    at->ai_next = list;
    list = at;
  }
  net.given += list != NULL;
  return list;
}

static void resolver_answer(int status) {
  uv_getaddrinfo_t* req = net.pending;

  net.pending = NULL;
  uv_timer_stop(&net.timer);
  uv_close((uv_handle_t*) &net.timer, NULL);
  net.cb(req, status, status == 0 ? make_list() : NULL);
}

static void on_resolver(uv_timer_t* timer) {
  resolver_answer(timer->data != NULL ? UV_ECANCELED : net.status);
}

int uv_getaddrinfo(uv_loop_t* loop,
                   uv_getaddrinfo_t* req,
                   uv_getaddrinfo_cb cb,
                   const char* node,
                   const char* service,
                   const struct addrinfo* hints) {
  typedef int (*real_fn)(uv_loop_t*, uv_getaddrinfo_t*, uv_getaddrinfo_cb,
                         const char*, const char*, const struct addrinfo*);
  real_fn real;

  if (net.mode == ANSWER_REAL) {
    *(void**) &real = dlsym(RTLD_NEXT, "uv_getaddrinfo");
    return real(loop, req, cb, node, service, hints);
  }
  CHECK(net.pending == NULL);
  net.pending = req;
  net.cb = cb;
  CHECK_EQ(uv_timer_init(loop, &net.timer), 0);
  net.timer.data = NULL;
  uv_timer_start(&net.timer, on_resolver,
                 net.mode == ANSWER_SOON ? 0 : 1000 * 1000, 0);
  return 0;
}

void uv_freeaddrinfo(struct addrinfo* list) {
  struct addrinfo* next;

  if (net.mode == ANSWER_REAL) {
    freeaddrinfo(list);
    return;
  }
  net.given -= list != NULL;
  for (; list != NULL; list = next) {
    next = list->ai_next;
    free(list);
  }
}

int uv_cancel(uv_req_t* req) {
  int (*real)(uv_req_t*);

  if (net.mode == ANSWER_REAL) {
    *(void**) &real = dlsym(RTLD_NEXT, "uv_cancel");
    return real(req);
  }
  CHECK(net.pending == (uv_getaddrinfo_t*) req);
  net.cancels++;
  if (net.cannot_cancel)
    return UV_EBUSY;
  net.timer.data = req;
  uv_timer_start(&net.timer, on_resolver, 0, 0);
  return 0;
}

int uv_tcp_connect(uv_connect_t* req,
                   uv_tcp_t* tcp,
                   const struct sockaddr* address,
                   uv_connect_cb cb) {
  int (*real)(uv_connect_t*, uv_tcp_t*, const struct sockaddr*, uv_connect_cb);

  *(void**) &real = dlsym(RTLD_NEXT, "uv_tcp_connect");
  CHECK(net.tried < TRIED_MAX);
  memcpy(&net.tries[net.tried++], address,
         address->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                       : sizeof(struct sockaddr_in6));
  return real(req, tcp, address, cb);
}

/* ---- addresses --------------------------------------------------------------- */

static void net_reset(enum answer mode) {
  memset(&net, 0, sizeof(net));
  net.mode = mode;
}

static int port_of(const struct sockaddr_storage* address) {
  return ntohs(address->ss_family == AF_INET
                   ? ((const struct sockaddr_in*) address)->sin_port
                   : ((const struct sockaddr_in6*) address)->sin6_port);
}

static void net_add(const struct sockaddr_storage* address) {
  CHECK(net.count < TRIED_MAX);
  net.address[net.count++] = *address;
}

/* A socket of 127.0.0.1 that is bound. */
static int bound(struct sockaddr_storage* address) {
  socklen_t len = sizeof(struct sockaddr_in);
  struct sockaddr_in in;
  int fd = socket(AF_INET, SOCK_STREAM, 0);

  CHECK(fd >= 0);
  memset(address, 0, sizeof(*address));
  CHECK_EQ(uv_ip4_addr("127.0.0.1", 0, &in), 0);
  CHECK_EQ(bind(fd, (struct sockaddr*) &in, sizeof(in)), 0);
  CHECK_EQ(getsockname(fd, (struct sockaddr*) address, &len), 0);
  return fd;
}

/* Nobody listens there: what is bound and does not listen refuses. */
struct refuser {
  int fd;
  struct sockaddr_storage address;
};

static void refuser_open(struct refuser* r) {
  r->fd = bound(&r->address);
}

/* Its backlog is full: what connects there hears nothing. */
struct silent {
  int fd;
  int filler[8];
  struct sockaddr_storage address;
};

static void silent_open(struct silent* s) {
  unsigned i;

  s->fd = bound(&s->address);
  CHECK_EQ(listen(s->fd, 0), 0);
  for (i = 0; i < 8; i++) {
    s->filler[i] = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(s->filler[i] >= 0);
    CHECK_EQ(fcntl(s->filler[i], F_SETFL, O_NONBLOCK), 0);
    (void) connect(s->filler[i], (struct sockaddr*) &s->address,
                   sizeof(struct sockaddr_in));
  }
}

static void silent_close(struct silent* s) {
  unsigned i;

  for (i = 0; i < 8; i++)
    close(s->filler[i]);
  close(s->fd);
}

/* ---- a client ------------------------------------------------------------------ */

static void on_connected(uvssh_req_t* req, int status) {
  struct peer* p = peer_of(req->session);

  CHECK_EQ(p->start, PENDING);
  CHECK_EQ(p->closes, 0);
  p->start = status;
  if (p->extra)                    /* inside its callback */
    uvssh_session_close(&p->session);
}

static struct peer* client(struct both* b) {
  struct peer* p = peer_new(b);

  CHECK_EQ(uvssh_session_init(&b->loop, &p->session, &b->client_config,
                              &b->client_on), 0);
  b->clients[b->client_count++] = p;
  return p;
}

static struct peer* dial(struct both* b, const char* host, int port) {
  struct peer* p = client(b);

  CHECK_EQ(uvssh_client_connect(&p->start_req, &p->session, host, port,
                                on_connected), 0);
  CHECK_EQ(p->start, PENDING);
  return p;
}

static void check_failed(struct both* b, struct peer* p, int status) {
  UNTIL(b, p->closes == 1);
  CHECK_EQ(p->start, status);
  CHECK_EQ(p->end.status, status);
  CHECK_EQ(p->end.phase, UVSSH_PHASE_CONNECT);
  CHECK_EQ(p->end.by_peer, 0);
  CHECK_EQ(p->end.reason, 0);
}

static void finish(struct both* b) {
  both_close(b);
  CHECK_EQ(net.given, 0);
  CHECK(net.pending == NULL);
}

/* ---- names and addresses ------------------------------------------------------- */

static void check_host(const char* host, const char* listening) {
  struct both b;
  struct peer* p;
  struct sockaddr_storage name;
  int len = sizeof(name);

  net_reset(ANSWER_REAL);
  both_open(&b);
  both_server(&b);
  if (uvssh_server_listen(&b.server, listening, 0, b.on_connection) != 0) {
    both_close(&b);
    SKIP("cannot listen on %s here", listening);
  }
  CHECK_EQ(uvssh_server_getsockname(&b.server, (struct sockaddr*) &b.address,
                                    &len), 0);
  p = dial(&b, host, port_of(&b.address));
  UNTIL(&b, p->start != PENDING);
  CHECK_EQ(p->start, 0);
  len = sizeof(name);
  CHECK_EQ(uvssh_session_peername(&p->session, (struct sockaddr*) &name, &len),
           0);
  CHECK_EQ(port_of(&name), port_of(&b.address));
  finish(&b);
}

TEST(connect_numeric_four) {
  check_host("127.0.0.1", "127.0.0.1");
}

TEST(connect_numeric_six) {
  check_host("::1", "::1");
}

TEST(connect_name) {
  check_host("localhost", "127.0.0.1");
}

TEST(connect_unknown_name) {
  struct both b;
  struct peer* p;

  net_reset(ANSWER_SOON);
  net.status = UV_EAI_NONAME;
  both_open(&b);
  p = dial(&b, "nobody\n.invalid", 0);
  check_failed(&b, p, UV_EAI_NONAME);
  CHECK_STR(p->text, "nobody\\n.invalid: unknown node or service");
  CHECK_EQ(net.tried, 0);
  finish(&b);
}

TEST(connect_no_address) {
  struct both b;
  struct sockaddr_storage local;

  net_reset(ANSWER_SOON);
  memset(&local, 0, sizeof(local));
  local.ss_family = AF_UNIX;
  net_add(&local);
  both_open(&b);
  check_failed(&b, dial(&b, "host.example", 0), UV_EAI_NODATA);
  finish(&b);
}

TEST(connect_refused) {
  struct both b;
  struct peer* p;
  struct refuser r;
  char text[128];

  net_reset(ANSWER_REAL);
  refuser_open(&r);
  both_open(&b);
  p = dial(&b, "127.0.0.1", port_of(&r.address));
  check_failed(&b, p, UV_ECONNREFUSED);
  snprintf(text, sizeof(text),
           "127.0.0.1 port %d: connection refused (1 of 1 addresses tried)",
           port_of(&r.address));
  CHECK_STR(p->text, text);
  finish(&b);
  close(r.fd);
}

/* ---- several addresses --------------------------------------------------------- */

static void add_four(int port) {
  struct sockaddr_storage s;

  memset(&s, 0, sizeof(s));
  CHECK_EQ(uv_ip4_addr("127.0.0.1", port, (struct sockaddr_in*) &s), 0);
  net_add(&s);
}

static void add_six(int port) {
  struct sockaddr_storage s;

  memset(&s, 0, sizeof(s));
  CHECK_EQ(uv_ip6_addr("::1", port, (struct sockaddr_in6*) &s), 0);
  net_add(&s);
}

/* Ports below 20 of this machine: nobody listens there. */
static void check_order(const char* resolved, const char* tried) {
  char got[TRIED_MAX + 1] = "";
  struct both b;
  struct peer* p;
  unsigned i;

  NOTE("resolved %s", resolved);
  net_reset(ANSWER_SOON);
  for (i = 0; resolved[i] != '\0'; i++)
    resolved[i] < 'a' ? add_four(resolved[i] - '0') : add_six(resolved[i] -
                                                              'a' + 1);
  both_open(&b);
  p = dial(&b, "host.example", 0);
  UNTIL(&b, p->closes == 1);
  CHECK_EQ(p->end.phase, UVSSH_PHASE_CONNECT);
  CHECK(p->start < 0);
  for (i = 0; i < net.tried; i++)
    got[i] = (char) (net.tries[i].ss_family == AF_INET
                         ? '0' + port_of(&net.tries[i])
                         : 'a' + port_of(&net.tries[i]) - 1);
  CHECK_STR(got, tried);
  finish(&b);
}

TEST(connect_order) {
  check_order("1", "1");
  check_order("a", "a");
  check_order("123", "123");
  check_order("123a", "1a23");
  check_order("abc123", "a1b2c3");
  check_order("12ab", "1a2b");
  check_order("a1234", "a1234");
  check_order("abcd12", "a1b2cd");
}

TEST(connect_bound_of_addresses) {
  struct both b;
  struct refuser r;
  struct peer* p;
  unsigned i;

  net_reset(ANSWER_SOON);
  refuser_open(&r);
  for (i = 0; i < 40; i++)
    net_add(&r.address);
  both_open(&b);
  p = dial(&b, "host.example", 0);
  check_failed(&b, p, UV_ECONNREFUSED);
  CHECK_EQ(net.tried, 32);
  CHECK_STR(p->text, "host.example port 22: connection refused "
                     "(32 of 32 addresses tried)");
  finish(&b);
  close(r.fd);
}

TEST(connect_second_when_first_refuses) {
  struct both b;
  struct refuser r;
  struct peer* p;

  net_reset(ANSWER_SOON);
  refuser_open(&r);
  both_open(&b);
  both_listen(&b);
  net_add(&r.address);
  net_add(&b.address);
  p = dial(&b, "host.example", 0);
  UNTIL(&b, p->start != PENDING);
  CHECK_EQ(p->start, 0);
  CHECK_EQ(net.tried, 2);
  finish(&b);
  close(r.fd);
}

/* Time stands still here: what fails is not waited for. */
TEST(connect_next_at_once_when_one_fails) {
  struct both b;
  struct refuser r;
  struct peer* p;

  net_reset(ANSWER_SOON);
  refuser_open(&r);
  both_open(&b);
  CHECK_EQ(uvssh_clock_set(&b.loop, 1000), 0);
  both_listen(&b);
  net_add(&r.address);
  net_add(&r.address);
  net_add(&b.address);
  p = dial(&b, "host.example", 0);
  UNTIL(&b, p->start != PENDING);
  CHECK_EQ(p->start, 0);
  CHECK_EQ(uvssh_clock_end(&b.loop), 0);
  finish(&b);
  close(r.fd);
}

/* 250 ms each, and the whole of it no more than is allowed. */
TEST(connect_at_its_times) {
  struct both b;
  struct silent s;
  struct peer* p;
  uint64_t now = 1000;
  unsigned i;

  net_reset(ANSWER_SOON);
  silent_open(&s);
  for (i = 0; i < 8; i++)
    net_add(&s.address);
  both_open(&b);
  b.client_config.connect_timeout_ms = 1000;
  CHECK_EQ(uvssh_clock_set(&b.loop, now), 0);
  p = dial(&b, "host.example", 0);
  UNTIL(&b, net.tried == 1);
  for (i = 1; i < 4; i++) {
    CHECK_EQ(uvssh_clock_set(&b.loop, now += 249), 0);
    both_pass(&b, 5);
    CHECK_EQ(net.tried, i);
    CHECK_EQ(uvssh_clock_set(&b.loop, ++now), 0);
    UNTIL(&b, net.tried == i + 1);
  }
  CHECK_EQ(uvssh_clock_set(&b.loop, now += 249), 0);
  both_pass(&b, 5);
  CHECK_EQ(p->start, PENDING);
  CHECK_EQ(uvssh_clock_set(&b.loop, ++now), 0);
  check_failed(&b, p, UV_ETIMEDOUT);
  CHECK_EQ(net.tried, 4);
  CHECK_EQ(uvssh_clock_end(&b.loop), 0);
  finish(&b);
  silent_close(&s);
}

/* The first says nothing, so the second is tried while it waits; and a third
 * is not, for the second is there at once. */
TEST(connect_second_after_a_delay) {
  struct both b;
  struct silent s;
  struct peer* p;

  net_reset(ANSWER_SOON);
  silent_open(&s);
  both_open(&b);
  both_listen(&b);
  net_add(&s.address);
  net_add(&b.address);
  net_add(&b.address);
  p = dial(&b, "host.example", 0);
  UNTIL(&b, p->start != PENDING);
  CHECK_EQ(p->start, 0);
  CHECK_EQ(net.tried, 2);
  both_pass(&b, 300);
  CHECK_EQ(net.tried, 2);
  CHECK_EQ(b.served_count, 1);
  finish(&b);
  silent_close(&s);
}

/* All three are under way; the last is refused, then the time is up. */
TEST(connect_time_is_up) {
  struct both b;
  struct silent s;
  struct refuser r;
  struct peer* p;

  net_reset(ANSWER_SOON);
  silent_open(&s);
  refuser_open(&r);
  net_add(&s.address);
  net_add(&s.address);
  net_add(&r.address);
  both_open(&b);
  b.client_config.connect_timeout_ms = 700;
  p = dial(&b, "host.example", 2222);
  check_failed(&b, p, UV_ETIMEDOUT);
  CHECK_EQ(net.tried, 3);
  CHECK_STR(p->text, "host.example port 2222: connection timed out "
                     "(3 of 3 addresses tried)");
  finish(&b);
  silent_close(&s);
  close(r.fd);
}

/* The callback does not wait for a resolver that cannot be cancelled, on_close
 * does. */
TEST(connect_time_is_up_while_resolving) {
  struct both b;
  struct peer* p;

  net_reset(ANSWER_NEVER);
  net.cannot_cancel = 1;
  both_open(&b);
  b.client_config.connect_timeout_ms = 1;
  p = dial(&b, "host.example", 0);
  UNTIL(&b, p->start != PENDING);
  CHECK_EQ(p->start, UV_ETIMEDOUT);
  both_pass(&b, 20);
  CHECK_EQ(p->closes, 0);
  CHECK_EQ(net.cancels, 1);
  resolver_answer(0);
  check_failed(&b, p, UV_ETIMEDOUT);
  CHECK_STR(p->text, "host.example: connection timed out");
  finish(&b);
}

/* ---- closing ------------------------------------------------------------------- */

enum moment {
  AT_ONCE, RESOLVING, RESOLVING_FOR_EVER, CONNECTING, CONNECTING_TWO, MOMENTS
};

static void check_close(enum moment moment, int politely) {
  struct both b;
  struct silent s;
  struct peer* p;

  NOTE("moment %d, politely %d", moment, politely);
  net_reset(moment >= CONNECTING ? ANSWER_SOON : ANSWER_NEVER);
  net.cannot_cancel = moment == RESOLVING_FOR_EVER;
  silent_open(&s);
  net_add(&s.address);
  net_add(&s.address);
  both_open(&b);
  b.client_config.connect_timeout_ms = 0;
  p = dial(&b, "host.example", 0);
  if (moment == RESOLVING)
    uv_run(&b.loop, UV_RUN_NOWAIT);
  if (moment >= CONNECTING)
    UNTIL(&b, net.tried == (moment == CONNECTING ? 1 : 2));
  if (politely)
    CHECK_EQ(uvssh_session_disconnect(&p->session, 11, "bye"), 0);
  else
    uvssh_session_close(&p->session);
  CHECK_EQ(p->start, PENDING);
  CHECK_EQ(p->closes, 0);
  if (moment == RESOLVING_FOR_EVER) {
    uv_run(&b.loop, UV_RUN_NOWAIT);
    CHECK_EQ(p->closes, 0);
    resolver_answer(0);
  }
  UNTIL(&b, p->closes == 1);
  CHECK_EQ(p->start, UV_ECANCELED);
  CHECK_EQ(p->end.status, 0);
  CHECK_EQ(p->end.phase, UVSSH_PHASE_CONNECT);
  CHECK_EQ(net.cancels, moment < CONNECTING);
  finish(&b);
  silent_close(&s);
}

TEST(connect_close_in_every_state) {
  int moment;

  for (moment = AT_ONCE; moment < MOMENTS; moment++) {
    check_close((enum moment) moment, 0);
    check_close((enum moment) moment, 1);
  }
}

/* Closed in the callback of the loop that brings the answer, before the
 * session had its turn. */
TEST(connect_close_when_the_answer_is_there) {
  struct both b;
  struct peer* p;

  net_reset(ANSWER_NEVER);
  both_open(&b);
  both_listen(&b);
  net_add(&b.address);
  p = dial(&b, "host.example", 0);
  uv_run(&b.loop, UV_RUN_NOWAIT);
  uvssh_session_close(&p->session);
  resolver_answer(0);
  UNTIL(&b, p->closes == 1);
  CHECK_EQ(p->start, UV_ECANCELED);
  CHECK_EQ(net.tried, 0);
  finish(&b);
}

TEST(connect_close_inside) {
  struct both b;
  struct refuser r;
  struct peer* there;
  struct peer* refused;

  net_reset(ANSWER_REAL);
  refuser_open(&r);
  both_open(&b);
  both_listen(&b);
  there = dial(&b, "127.0.0.1", port_of(&b.address));
  refused = dial(&b, "127.0.0.1", port_of(&r.address));
  there->extra = refused->extra = 1;
  UNTIL(&b, there->closes == 1 && refused->closes == 1);
  CHECK_EQ(there->start, 0);
  CHECK_EQ(there->end.status, 0);
  CHECK_EQ(refused->start, UV_ECONNREFUSED);
  CHECK_EQ(refused->end.status, UV_ECONNREFUSED);
  finish(&b);
  close(r.fd);
}

/* ---- misuse and shortage -------------------------------------------------------- */

TEST(connect_misuse) {
  struct both b;
  struct peer* p;
  uvssh_session_t zeroed = { 0 };
  uvssh_transport_t transport = { 0 };
  uvssh_transport_ops_t ops = { 0 };
  uvssh_req_t req;
  char host[300];

  net_reset(ANSWER_NEVER);
  both_open(&b);
  both_listen(&b);
  transport.ops = &ops;
  memset(host, 'a', sizeof(host));
  host[sizeof(host) - 1] = '\0';
  p = client(&b);
#define TRY(req, session, host, port) \
  uvssh_client_connect(req, session, host, port, on_connected)
  CHECK_EQ(TRY(&req, &zeroed, "a", 0), UV_ENOTCONN);
  CHECK_EQ(TRY(&req, NULL, "a", 0), UV_ENOTCONN);
  CHECK_EQ(TRY(NULL, &p->session, "a", 0), UV_EINVAL);
  CHECK_EQ(TRY(&req, &p->session, NULL, 0), UV_EINVAL);
  CHECK_EQ(TRY(&req, &p->session, "", 0), UV_EINVAL);
  CHECK_EQ(TRY(&req, &p->session, host, 0), UV_EINVAL);
  CHECK_EQ(TRY(&req, &p->session, "a", -1), UV_EINVAL);
  CHECK_EQ(TRY(&req, &p->session, "a", 65536), UV_EINVAL);
  CHECK_EQ(TRY(&p->start_req, &p->session, "a", 1), 0);
  CHECK_EQ(TRY(&req, &p->session, "a", 0), UV_EBUSY);
  CHECK_EQ(uvssh_client_start(&req, &p->session, &transport, on_connected),
           UV_EBUSY);
  uvssh_session_close(&p->session);
  CHECK_EQ(TRY(&req, &p->session, "a", 0), UV_ENOTCONN);
  UNTIL(&b, p->closes == 1);
  net_reset(ANSWER_REAL);
  p = dial(&b, "127.0.0.1", port_of(&b.address));
  UNTIL(&b, p->start == 0);
  CHECK_EQ(TRY(&req, &p->session, "a", 0), UV_EBUSY);
  CHECK_EQ(TRY(&req, &served_last(&b)->session, "a", 0), UV_EBUSY);
#undef TRY
  both_close(&b);
}

static int is_connected(const struct peer* p) {
  struct sockaddr_storage name;
  int len = sizeof(name);

  return uvssh_session_peername(&p->session, (struct sockaddr*) &name, &len) ==
         0;
}

static void one_round(struct both* b) {
  struct peer* p = peer_new(b);
  int err = uvssh_session_init(&b->loop, &p->session, &b->client_config,
                               &b->client_on);

  if (err == 0) {
    err = uvssh_client_connect(&p->start_req, &p->session, "host.example", 0,
                               on_connected);
    if (err == 0)
      UNTIL(b, p->start != PENDING || is_connected(p));
    if (err == 0 && p->start != PENDING)
      CHECK(heap_failed());
    uvssh_session_close(&p->session);
    UNTIL(b, p->closes == 1);
    CHECK_EQ(p->start == PENDING, err != 0);
  }
  if (err != 0)
    CHECK_EQ(err, UV_ENOMEM);
  free(p);
}

TEST(connect_out_of_memory) {
  struct both b;
  struct sockaddr_storage address;
  int fd = bound(&address);
  int round;

  CHECK_EQ(listen(fd, 128), 0);    /* the kernel takes them */
  for (round = 1; round <= 2; round++) {
    net_reset(ANSWER_SOON);
    net_add(&address);
    if (round == 2)
      net_add(&address);
    both_open(&b);
    HEAP_SWEEP(n) {
      net.tried = 0;
      one_round(&b);
    }
    finish(&b);
  }
  close(fd);
}

/* ---- a server that says nothing ---------------------------------------------------- */

static void on_hello(uv_stream_t* listener, int status) {
  uv_tcp_t* tcp = listener->data;

  CHECK_EQ(status, 0);
  CHECK_EQ(uv_tcp_init(listener->loop, tcp), 0);
  CHECK_EQ(uv_accept(listener, (uv_stream_t*) tcp), 0);
  uv_close((uv_handle_t*) tcp, NULL);
}

TEST(connect_closed_before_the_banner) {
  struct both b;
  struct sockaddr_storage address;
  uv_tcp_t listener, tcp;
  struct peer* p;
  int fd = bound(&address);

  net_reset(ANSWER_REAL);
  both_open(&b);
  CHECK_EQ(uv_tcp_init(&b.loop, &listener), 0);
  CHECK_EQ(uv_tcp_open(&listener, fd), 0);
  listener.data = &tcp;
  CHECK_EQ(uv_listen((uv_stream_t*) &listener, 8, on_hello), 0);
  p = dial(&b, "127.0.0.1", port_of(&address));
  UNTIL(&b, p->closes == 1);
  CHECK_EQ(p->start, UVSSH_ENOBANNER);
  CHECK_EQ(p->end.status, UVSSH_ENOBANNER);
  CHECK_EQ(p->end.phase, UVSSH_PHASE_IDENT);
  CHECK_EQ(p->end.by_peer, 1);
  uv_close((uv_handle_t*) &listener, NULL);
  finish(&b);
}
