/* A whole session over a transport that takes and brings its bytes in odd
 * pieces: the result is the same; and over one that fails at some write, which
 * ends it with the code, phase and reason that follow from what had arrived. */
#include "trace.h"

static struct trace trace;

static void check_result(const struct app* a) {
  unsigned i;

  CHECK(app_script_is_complete(a));
  CHECK_EQ(a->pipe.server.end.status, UVSSH_EDISCONNECT);
  CHECK_EQ(a->refused, 0);
  for (i = 0; i < a->req_count; i++) {
    NOTE("request %u", i);
    CHECK_EQ(a->reqs[i].status, i == 0 ? UVSSH_EPARTIAL : 0);
  }
}

/* ---- algorithms ---------------------------------------------------------- */

/* Name number i of the table, from the first again behind the last. */
static const char* algorithm(enum algo kind, uint64_t i, char out[64]) {
  str_t names = str_of(uvssh__algo_known(kind));
  str_t rest = names;
  str_t name;
  uint64_t count = 0;

  while (uvssh__namelist_next(&rest, &name))
    count++;
  CHECK(count != 0);
  rest = names;
  for (i %= count; uvssh__namelist_next(&rest, &name) && i != 0; i--)
    ;
  CHECK(name.len < 64);
  memcpy(out, name.base, name.len);
  out[name.len] = '\0';
  return out;
}

static unsigned algorithms(enum algo kind) {
  str_t rest = str_of(uvssh__algo_known(kind));
  str_t name;
  unsigned n = 0;

  while (uvssh__namelist_next(&rest, &name))
    n++;
  return n;
}

static struct { char cipher[64], mac[64]; } names;

static void choose(struct app* a, uint64_t cipher, uint64_t mac) {
  a->client_config.ciphers = algorithm(ALGO_CIPHER, cipher, names.cipher);
  a->client_config.macs = algorithm(ALGO_MAC, mac, names.mac);
}

/* ---- pieces -------------------------------------------------------------- */

TEST(bar_2_one_byte_at_a_time) {
  struct app* a;
  unsigned cipher, mac;

  for (cipher = 0; cipher < algorithms(ALGO_CIPHER); cipher++)
    for (mac = 0; mac < algorithms(ALGO_MAC); mac++) {
      a = app_new();
      choose(a, cipher, mac);
      NOTE("%s, %s", names.cipher, names.mac);
      pipe_chunk(&a->pipe, 1, 0);
      a->unit = 10;
      app_script(a);
      check_result(a);
      app_end(a);
    }
}

/* Pieces of random sizes, jobs that take random times, a transport that is
 * backed up at random. */
static void shake(struct pipe* p) {
  p->server.hold = pipe_random(p) % 4 == 0;
  p->client.hold = pipe_random(p) % 4 == 0;
  p->server.stop = pipe_random(p) % 8 == 0;
  p->client.stop = pipe_random(p) % 8 == 0;
}

static void steady(struct pipe* p) {
  p->server.hold = p->client.hold = p->server.stop = p->client.stop = 0;
  p->on_step = NULL;
}

static void shake_one(unsigned seed) {
  struct app* a = app_new();
  struct pipe* p = &a->pipe;
  unsigned i;

  p->seed = seed;
  choose(a, seed, seed / algorithms(ALGO_CIPHER));
  NOTE("seed %u, %s, %s", seed, names.cipher, names.mac);
  a->server_config.rekey_packets = 20 + pipe_random(p) % 50;
  pipe_chunk(p, 1 + (size_t) (pipe_random(p) % 3000), 1);
  p->jobs = JOBS_LATER;
  p->job_steps = (unsigned) (pipe_random(p) % 20);
  app_login(a);
  app_channel(a, 0);
  for (i = 0; i < 40; i++) {
    p->on_step = shake;
    CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, 0, "0123456789", 10), 0);
    CHECK_EQ(uvssh_channel_send(&a->served[0].pub, 0, "0123456789", 10), 0);
    (void) pipe_step(p);
    (void) pipe_step(p);
  }
  steady(p);
  pipe_run(p);
  CHECK_EQ(a->served[0].got[0], 400);
  CHECK_EQ(a->asked[0].got[0], 400);
  CHECK_EQ(p->server.closes + p->client.closes, 0);
  app_end(a);
}

TEST(bar_2_five_hundred_seeds) {
  unsigned seeds = check_release() ? 10000 : 500;
  unsigned seed;

  for (seed = 1; seed <= seeds; seed += check_share())
    shake_one(seed);
}

/* The whole script, with the pieces alone: between its stages nothing moves. */
TEST(bar_2_whole_script_in_random_pieces) {
  unsigned seeds = check_release() ? 10000 : 500;
  struct app* a;
  unsigned seed;

  for (seed = 1; seed <= seeds; seed += check_share()) {
    a = app_new();
    a->pipe.seed = seed;
    a->unit = 1 + (size_t) (pipe_random(&a->pipe) % 200);
    choose(a, seed, seed / algorithms(ALGO_CIPHER));
    NOTE("seed %u, %s, %s", seed, names.cipher, names.mac);
    pipe_chunk(&a->pipe, 1 + (size_t) (pipe_random(&a->pipe) % 600), 1);
    a->pipe.jobs = JOBS_LATER;
    a->pipe.job_steps = (unsigned) (pipe_random(&a->pipe) % 20);
    app_script(a);
    check_result(a);
    app_end(a);
  }
}

/* ---- every write --------------------------------------------------------- */

static struct side* side_of(struct app* a, int server) {
  return server ? &a->pipe.server : &a->pipe.client;
}

static unsigned writes_of(struct app* a, int server) {
  unsigned n;

  app_script(a);
  check_result(a);
  n = side_of(a, server)->writes;
  CHECK(n >= 12);
  app_end(a);
  return n;
}

/* Write k is taken in two parts, or not at once. unit 1000: data that is in
 * pieces of the window and of the packet. */
static void delay_every(int server, enum fault fault, size_t unit) {
  struct app* a = app_new();
  unsigned k, count;

  a->unit = unit;
  count = writes_of(a, server);
  for (k = 1; k <= count; k++) {
    a = app_new();
    a->unit = unit;
    side_of(a, server)->fault_at = k;
    side_of(a, server)->fault = fault;
    app_script(a);
    NOTE("write %u of %u", k, count);
    CHECK(side_of(a, server)->writes >= k);
    check_result(a);
    app_end(a);
  }
}

TEST(bar_2_every_write_is_short) {
  delay_every(0, FAULT_SHORT, 10);
  delay_every(1, FAULT_SHORT, 10);
  delay_every(0, FAULT_SHORT, 1000);
  delay_every(1, FAULT_SHORT, 1000);
}

TEST(bar_2_every_write_is_refused_for_now) {
  delay_every(0, FAULT_HELD, 10);
  delay_every(1, FAULT_HELD, 10);
  delay_every(0, FAULT_HELD, 1000);
  delay_every(1, FAULT_HELD, 1000);
}

/* Nothing is lost of what the peer says before it, nor said twice. */
static void fail_every(int server) {
  struct app* a = trace_app(NULL);
  unsigned k, count = writes_of(a, server);
  struct side* s;

  trace_make(&trace, NULL);
  for (k = 1; k <= count; k++) {
    a = trace_app(NULL);
    s = side_of(a, server);
    s->fault_at = k;
    s->fault = FAULT_FAILS;
    app_script(a);
    NOTE("write %u of %u: %s", k, count,
         trace_where(&trace, server, s->fault_offset));
    CHECK_EQ(s->writes, k);
    CHECK_EQ(s->delivered, s->fault_offset);
    trace_check(&trace, a, server, s->fault_offset, UV_EPIPE);
    app_end(a);
  }
}

TEST(bar_2_every_write_of_the_server_fails) {
  fail_every(1);
}

TEST(bar_2_every_write_of_the_client_fails) {
  fail_every(0);
}
