/* A whole session, disturbed: shaken, closed at every step and from inside
 * every callback, without memory at every allocation. Nothing may crash or
 * leak, and whatever began completes once. */
#include "app.h"

#include <stdio.h>
#include <stdlib.h>

static int is_complete(const struct app* a) {
  return a->asked[0].exit_status == 3 && a->asked[1].got[0] == 5000 &&
         a->pipe.client.end.status == 0;
}

TEST(disturb_not_at_all) {
  struct app* a = app_new();
  unsigned i;

  app_script(a);
  CHECK(is_complete(a));
  CHECK_EQ(a->req_count, 9);
  for (i = 0; i < a->req_count; i++) {
    NOTE("request %u", i);
    CHECK_EQ(a->reqs[i].status, 0);
  }
  CHECK_EQ(a->served[0].got[0], 43000);
  CHECK_EQ(a->asked[0].got[0], 20000);
  CHECK_EQ(a->asked[0].got[1], 10);
  app_end(a);
}

/* Pieces of random sizes, jobs that take random times, a transport that is
 * backed up at random: the result is the same. */
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

TEST(bar_2_five_hundred_seeds) {
  struct app* a;
  unsigned seed, i;

  for (seed = 1; seed <= 500; seed++) {
    NOTE("seed %u", seed);
    a = app_new();
    a->pipe.seed = seed;
    a->server_config.rekey_packets = 20 + pipe_random(&a->pipe) % 50;
    pipe_chunk(&a->pipe, 1 + (size_t) (pipe_random(&a->pipe) % 3000), 1);
    a->pipe.jobs = JOBS_LATER;
    a->pipe.job_steps = (unsigned) (pipe_random(&a->pipe) % 20);
    app_login(a);
    app_channel(a, 0);
    for (i = 0; i < 40; i++) {
      a->pipe.on_step = shake;
      CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, 0, "0123456789", 10), 0);
      CHECK_EQ(uvssh_channel_send(&a->served[0].pub, 0, "0123456789", 10), 0);
      (void) pipe_step(&a->pipe);
      (void) pipe_step(&a->pipe);
    }
    steady(&a->pipe);
    pipe_run(&a->pipe);
    CHECK_EQ(a->served[0].got[0], 400);
    CHECK_EQ(a->asked[0].got[0], 400);
    CHECK_EQ(a->pipe.server.closes + a->pipe.client.closes, 0);
    app_end(a);
  }
}

/* ---- closing ------------------------------------------------------------- */

enum action {
  CLOSE_SERVER, CLOSE_CLIENT, CLOSE_BOTH, DISCONNECT_SERVER, DISCONNECT_CLIENT,
  CLOSE_CHANNEL, ABORT_CHANNEL, CLOSE_ALL_CHANNELS, ACTIONS
};

static void act(struct app* a, enum action what, uvssh_channel_t* channel) {
  unsigned i;

  if (what == CLOSE_SERVER || what == CLOSE_BOTH)
    uvssh_session_close(&a->pipe.server.pub);
  if (what == CLOSE_CLIENT || what == CLOSE_BOTH)
    uvssh_session_close(&a->pipe.client.pub);
  if (what == DISCONNECT_SERVER)
    (void) uvssh_session_disconnect(&a->pipe.server.pub, 2, "server");
  if (what == DISCONNECT_CLIENT)
    (void) uvssh_session_disconnect(&a->pipe.client.pub, 2, "client");
  if (what == CLOSE_CHANNEL && channel != NULL)
    uvssh_channel_close(channel);
  if (what == ABORT_CHANNEL && channel != NULL)
    uvssh_channel_abort(channel);
  for (i = 0; i < APP_CHANNELS && what == CLOSE_ALL_CHANNELS; i++) {
    uvssh_channel_close(&a->asked[i].pub);
    uvssh_channel_abort(&a->served[i].pub);
    uvssh_channel_abort(&a->asked[i].pub);
    uvssh_channel_close(&a->served[i].pub);
  }
}

static struct {
  enum action what;
  uint64_t when;
} trap;

static void on_any(struct app* a, uvssh_session_t* session,
                   uvssh_channel_t* channel) {
  if (a->callbacks == trap.when)
    act(a, trap.what, channel);
}

TEST(bar_5_close_from_inside_every_callback) {
  struct app* a = app_new();
  unsigned n, count;
  enum action what;

  app_script(a);
  count = a->callbacks;
  app_end(a);
  CHECK(count > 30);
  for (n = 1; n <= count; n++)
    for (what = 0; what < ACTIONS; what++) {
      NOTE("callback %u of %u, action %d", n, count, (int) what);
      trap.what = what;
      trap.when = n;
      a = app_new();
      a->on_any = on_any;
      app_script(a);
      CHECK(a->callbacks >= n);
      app_end(a);
    }
}

static void on_step(struct pipe* p) {
  if (p->steps == trap.when)
    act(CONTAINER_OF(p, struct app, pipe), trap.what, NULL);
}

/* Jobs take their time here, so there is something to close during each. */
static struct app* slow(void) {
  struct app* a = app_new();

  a->pipe.jobs = JOBS_LATER;
  a->pipe.job_steps = 3;
  pipe_chunk(&a->pipe, 2000, 0);
  return a;
}

TEST(bar_5_close_at_every_step) {
  struct app* a = slow();
  uint64_t n, count;
  enum action what;

  app_script(a);
  CHECK(is_complete(a));
  count = a->pipe.steps;
  app_end(a);
  for (n = 1; n <= count; n++)
    for (what = 0; what < ACTIONS; what++) {
      NOTE("step %u of %u, action %d", (unsigned) n, (unsigned) count,
           (int) what);
      trap.what = what;
      trap.when = n;
      a = slow();
      a->pipe.on_step = on_step;
      app_script(a);
      app_end(a);
    }
}

/* ---- memory -------------------------------------------------------------- */

static void sweep(struct app* a) {
  uvssh_key_t* key = a->user_key;
  size_t last = 0;

  HEAP_SWEEP(n) {
    NOTE("allocation %zu", n);
    app_script(a);
    last = n;
    if (!heap_failed())
      CHECK(is_complete(a));
    pipe_reset(&a->pipe);
    a->req_count = a->callbacks = a->served_count = 0;
    a->read_served = 1;
    a->server_ready = a->client_ready = 0;
    memset(a->served, 0, sizeof(a->served));
    memset(a->asked, 0, sizeof(a->asked));
    app_log_clear(a);
    CHECK(a->user_key == key);
  }
  CHECK(last > 100);
}

TEST(bar_3_every_allocation_fails_once) {
  struct app* a = app_new();

  sweep(a);
  app_end(a);
}

static void on_sign(void* arg, const char* algorithm, const uv_buf_t* data,
                    uvssh_reply_t reply) {
  struct buf signature = { 0 };
  int err = uvssh__key_sign(arg, uvssh__sign_find(str_of(algorithm)),
                            (const uint8_t*) data->base, data->len, &signature);

  if (err == 0)
    err = uvssh_reply_signature(reply, signature.base, signature.len);
  else
    err = uvssh_reply_reject(reply);
  CHECK(err == 0 || heap_failed());
  uvssh__buf_free(&signature);
}

TEST(bar_3_and_with_a_secret_elsewhere) {
  struct app* a = app_new();
  uvssh_key_t* secret = a->user_key;

  CHECK_EQ(uvssh_key_external(&a->user_key, secret, on_sign, secret, NULL), 0);
  sweep(a);
  app_end(a);
  uvssh_key_unref(secret);
}
