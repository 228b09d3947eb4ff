/* A whole session, closed at every step and from inside every callback. Nothing
 * may crash or leak, and whatever began completes once. (What else disturbs it
 * is in test/faults/.) */
#include "app.h"

TEST(disturb_not_at_all) {
  struct app* a = app_new();
  unsigned i;

  app_script(a);
  CHECK(app_script_is_complete(a));
  CHECK_EQ(a->req_count, 14);
  for (i = 0; i < a->req_count; i++) {
    NOTE("request %u", i);
    CHECK_EQ(a->reqs[i].status, i == 0 ? UVSSH_EPARTIAL : 0);
  }
  CHECK_EQ(a->served[0].got[0], 43007);
  CHECK_EQ(a->asked[0].got[0], 20007);
  CHECK_EQ(a->asked[0].got[1], 10);
  app_end(a);
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
  unsigned stride = check_stride();
  unsigned n, count;
  enum action what;

  app_script(a);
  count = a->callbacks;
  app_end(a);
  CHECK(count > 30);
  for (n = 1; n <= count; n++)
    for (what = n % stride; what < ACTIONS; what += stride) {
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
  unsigned stride = check_stride();
  uint64_t n, count;
  enum action what;

  app_script(a);
  CHECK(app_script_is_complete(a));
  count = a->pipe.steps;
  app_end(a);
  for (n = 1; n <= count; n++)
    for (what = (enum action) (n % stride); what < ACTIONS; what += stride) {
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
