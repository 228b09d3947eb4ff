/* app_script.c: a whole session, from the identification to DISCONNECT, for
 * those who disturb it. See app.h.
 *
 * Happy path: stage by stage, each until nothing moves any more.
 * Disturbed: it goes on with whatever still works, and takes note of what a
 * call refuses. A patient one waits in vain instead, until a deadline ends it.
 * Checked always: each request, channel and session is over, and once.
 * Never: leaves anything open. */
#include "app.h"

static size_t units(const struct app* a, size_t n) {
  return n * (a->unit == 0 ? 1000 : a->unit);
}

/* A request of the script keeps its number, whatever became of others. */
static uvssh_req_t* begin(struct app* a) {
  CHECK(a->req_count < APP_REQUESTS);
  return app_req(a, &a->reqs[a->req_count++], NULL);
}

/* What was refused at once will not complete. */
static void begun(struct app* a, int err) {
  struct app_req* r = &a->reqs[a->req_count - 1];

  r->refused = err;
  r->begun = err != 0 ? 0 : app_heard(r->req.session);
  app_tried(a, err);
}

static int is_stuck(const struct app* a) {
  const struct pipe* p = &a->pipe;

  return a->patient && (p->server.swallowed != 0 || p->client.swallowed != 0 ||
                        !p->server.up || !p->client.up);
}

/* ---- stages -------------------------------------------------------------- */

static void say_half(struct app* a) {
  begun(a, uvssh_auth_password(begin(a), &a->pipe.client.pub, "bob", "half",
                               app_done));
}

static void say_key(struct app* a) {
  begun(a, uvssh_auth_publickey(begin(a), &a->pipe.client.pub, "bob",
                                a->user_key, app_done));
}

static void open_one(struct app* a, unsigned i) {
  struct app_channel* ch = &a->asked[i];
  uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_SESSION };
  int err;

  app_channel_begin(a, ch, 'c', i);
  err = uvssh_channel_open(app_req(a, &ch->open, NULL), &a->pipe.client.pub,
                           &ch->pub, &what, &a->on_asked, app_opened);
  app_tried(a, err);
  if (err != 0)
    ch->in_use = 0;
}

static void open_first(struct app* a) {
  open_one(a, 0);
}

static void ask(struct app* a, uvssh_channel_request_t what) {
  begun(a, uvssh_channel_request(begin(a), &a->asked[0].pub, &what, app_done));
}

static void ask_command(struct app* a) {
  uvssh_channel_request_t pty = { .type = UVSSH_REQUEST_PTY,
                                  .pty = { .term = "vt100", .cols = 80 } };
  uvssh_channel_request_t env = { .type = UVSSH_REQUEST_ENV, .name = "A",
                                  .value = "b" };
  uvssh_channel_request_t exec = { .type = UVSSH_REQUEST_EXEC,
                                   .command = "list" };
  uvssh_channel_request_t size = { .type = UVSSH_REQUEST_WINDOW_CHANGE,
                                   .pty = { .cols = 132 } };

  ask(a, pty);
  ask(a, env);
  ask(a, exec);
  app_tried(a, uvssh_channel_request(NULL, &a->asked[0].pub, &size, NULL));
}

static uint8_t block[40000];

static void send_n(struct app* a, struct app_channel* ch, int stream,
                   size_t n) {
  app_tried(a, uvssh_channel_send(&ch->pub, stream, block, n));
}

static void send_there(struct app* a) {
  uv_buf_t buf = uv_buf_init((char*) block, (unsigned) units(a, 40));

  send_n(a, &a->asked[0], UVSSH_DATA, units(a, 3));
  begun(a, uvssh_channel_write(begin(a), &a->asked[0].pub, UVSSH_DATA, &buf, 1,
                               app_done));
}

static void send_back(struct app* a) {
  send_n(a, &a->served[0], UVSSH_DATA, units(a, 20));
  send_n(a, &a->served[0], UVSSH_STDERR, 10);
}

static void ask_global(struct app* a, struct side* s) {
  uvssh_session_request_t global = { .type = UVSSH_GLOBAL_OTHER,
                                     .name = "x@example.com" };

  begun(a, uvssh_session_request(begin(a), &s->pub, &global, app_done));
}

/* What is asked and sent during an exchange waits for its end. */
static void exchange(struct app* a, struct side* s, struct app_channel* from) {
  ask_global(a, s);
  begun(a, uvssh_session_rekey(begin(a), &s->pub, app_done));
  ask_global(a, s);
  send_n(a, from, UVSSH_DATA, 7);
}

static void exchange_client(struct app* a) {
  exchange(a, &a->pipe.client, &a->asked[0]);
}

static void exchange_server(struct app* a) {
  exchange(a, &a->pipe.server, &a->served[0]);
}

static void open_second(struct app* a) {
  a->read_served = 0;
  open_one(a, 1);
}

static void echo(struct app* a) {
  begun(a, uvssh_channel_relay(begin(a), &a->served[1].pub, &a->served[1].pub,
                               app_done));
  send_n(a, &a->asked[1], UVSSH_DATA, units(a, 5));
  begun(a, uvssh_channel_shutdown(begin(a), &a->asked[1].pub, app_done));
}

static void close_second(struct app* a) {
  uvssh_channel_close(&a->asked[1].pub);
}

static void leave_command(struct app* a) {
  app_tried(a, uvssh_channel_exit(&a->served[0].pub, 3, 0));
}

static void say_bye(struct app* a) {
  app_tried(a, uvssh_session_disconnect(&a->pipe.client.pub, 11, "bye"));
}

static void (*const stages[])(struct app* a) = {
  say_half, say_key, open_first, ask_command, send_there, send_back,
  exchange_client, exchange_server, open_second, echo, close_second,
  leave_command, say_bye
};

/* ---- all of it ----------------------------------------------------------- */

static void check_over(struct app* a) {
  unsigned i;

  CHECK_EQ(a->pipe.client.started, 1);
  CHECK_EQ(a->pipe.client.closes, 1);
  CHECK_EQ(a->pipe.server.closes, 1);
  for (i = 0; i < a->req_count; i++)
    CHECK_EQ(a->reqs[i].done, a->reqs[i].refused == 0);
  for (i = 0; i < APP_CHANNELS; i++) {
    if (a->asked[i].in_use) {
      CHECK_EQ(a->asked[i].open.done, 1);
      CHECK_EQ(a->asked[i].closes, a->asked[i].open.status == 0);
    }
    CHECK_EQ(a->served[i].closes, a->served[i].in_use);
    CHECK(a->asked[i].pub.impl == NULL && a->served[i].pub.impl == NULL);
  }
}

static int both_begin(struct app* a) {
  struct pipe* p = &a->pipe;

  p->server.pub.data = p->client.pub.data = a;
  if (pipe_server(p, &a->server_config, &a->on_server) != 0)
    return 0;
  if (pipe_client(p, &a->client_config, &a->on_client) == 0)
    return 1;
  uvssh_session_close(&p->server.pub);
  pipe_run(p);
  CHECK_EQ(p->server.closes, 1);
  return 0;
}

void app_script(struct app* a) {
  a->tolerant = a->partial = 1;
  a->on_client.on_request = a->on_server.on_request;
  if (a->server_config.idle_timeout_ms == 0)
    a->server_config.idle_timeout_ms = a->client_config.idle_timeout_ms = 60000;
  if (!both_begin(a))
    return;
  pipe_run(&a->pipe);
  for (a->stage = 1; a->stage <= ARRAY_SIZE(stages); a->stage++) {
    if (is_stuck(a))
      break;
    stages[a->stage - 1](a);
    pipe_run(&a->pipe);
  }
  pipe_finish(&a->pipe);
  pipe_release_jobs(&a->pipe);
  check_over(a);
}

int app_script_is_complete(const struct app* a) {
  return a->asked[0].exit_status == 3 &&
         a->served[0].got[0] == units(a, 43) + 7 &&
         a->asked[0].got[0] == units(a, 20) + 7 && a->asked[0].got[1] == 10 &&
         a->asked[1].got[0] == units(a, 5) &&
         a->pipe.client.rekeys == 2 && a->pipe.server.rekeys == 2 &&
         a->pipe.client.end.status == 0;
}

void app_script_again(struct app* a) {
  pipe_reset(&a->pipe);
  a->req_count = a->callbacks = a->served_count = a->refused = a->stage = 0;
  a->read_served = 1;
  a->server_ready = a->client_ready = 0;
  a->auths = 0;
  memset(a->served, 0, sizeof(a->served));
  memset(a->asked, 0, sizeof(a->asked));
  app_log_clear(a);
}
