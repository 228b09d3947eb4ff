/* app.c: see app.h. */
#include "app.h"

#include <stdio.h>
#include <stdlib.h>

void app_note(struct app* a, const char* format, ...) {
  size_t len = strlen(a->log);
  va_list args;

  CHECK(len + 200 < sizeof(a->log));
  va_start(args, format);
  (void) vsnprintf(a->log + len, 190, format, args);  /* cut, if it is long */
  va_end(args);
  len += strlen(a->log + len);
  snprintf(a->log + len, 3, "; ");
}

void app_log_clear(struct app* a) {
  a->log[0] = '\0';
}

struct app* app_of(const uvssh_session_t* session) {
  return (struct app*) session->data;
}

void app_tried(struct app* a, int err) {
  if (err != 0)
    a->refused++;
  if (!a->tolerant)
    CHECK_EQ(err, 0);
}

static void any(struct app* a, uvssh_session_t* session,
                uvssh_channel_t* channel) {
  a->callbacks++;
  if (a->on_any != NULL)
    a->on_any(a, session, channel);
}

uint64_t app_heard(const uvssh_session_t* session) {
  return session == NULL || session->impl == NULL
             ? 0
             : CONTAINER_OF(session, struct side, pub)->session.transport.in
                   .bytes;
}

static uint64_t said(const uvssh_session_t* session) {
  return session == NULL || session->impl == NULL
             ? 0
             : CONTAINER_OF(session, struct side, pub)->session.transport.out
                   .bytes;
}

uvssh_req_t* app_req(struct app* a, struct app_req* r, const char* name) {
  memset(r, 0, sizeof(*r));
  r->app = a;
  r->name = name;
  return &r->req;
}

void app_done(uvssh_req_t* req, int status) {
  struct app_req* r = CONTAINER_OF(req, struct app_req, req);

  CHECK_EQ(r->done, 0);
  r->done = 1;
  r->status = status;
  r->heard = app_heard(req->session);
  r->said = said(req->session);
  r->stage = r->app->stage;
  any(r->app, req->session, req->channel);
  if (r->name != NULL)
    app_note(r->app, "%s %s", r->name, uvssh_err_name(status));
}

/* ---- channels ------------------------------------------------------------ */

static struct app_channel* channel_of(uvssh_channel_t* channel) {
  struct app_channel* ch = CONTAINER_OF(channel, struct app_channel, pub);

  CHECK(ch->in_use);
  CHECK_EQ(ch->closes, 0);         /* on_close is the last */
  return ch;
}

uint8_t app_byte(size_t i) {
  return (uint8_t) (i ^ (i >> 8) * 167 ^ (i >> 16) * 59);
}

void app_pattern(uint8_t* out, size_t i, size_t n) {
  size_t k;

  for (k = 0; k < n; k++)
    out[k] = app_byte(i + k);
}

void app_read(uvssh_channel_t* channel,
              int stream,
              ssize_t nread,
              const uv_buf_t* buf) {
  struct app_channel* ch = channel_of(channel);
  size_t at = ch->got[stream];
  size_t i;

  CHECK_EQ(ch->ends, 0);
  any(ch->app, channel->session, channel);
  if (nread <= 0) {
    CHECK(nread != 0);
    ch->ends = 1;
    ch->end = nread;
    app_note(ch->app, "%s end %s", ch->name, uvssh_err_name((int) nread));
    return;
  }
  CHECK_EQ(nread, buf->len);
  for (i = 0; i < buf->len; i++) {
    if (ch->pattern && stream == UVSSH_DATA)
      CHECK_EQ((uint8_t) buf->base[i], app_byte(at + i));
    if (at + i + 1 < sizeof(ch->text[0]))
      ch->text[stream][at + i] = buf->base[i];
  }
  ch->got[stream] += buf->len;
  memset(buf->base, 0x77, buf->len);  /* it is ours for this call */
  if (ch->stop_after != 0 && ch->got[stream] >= (size_t) ch->stop_after)
    app_tried(ch->app, uvssh_channel_read_stop(channel));
}

static void on_close(uvssh_channel_t* channel, int status) {
  struct app_channel* ch = channel_of(channel);

  CHECK(channel->impl == NULL);
  any(ch->app, channel->session, channel);
  ch->closes++;
  ch->status = status;
  ch->heard = app_heard(ch->name[0] == 's' ? &ch->app->pipe.server.pub
                                           : &ch->app->pipe.client.pub);
  ch->stage = ch->app->stage;
  app_note(ch->app, "%s closed %s", ch->name, uvssh_err_name(status));
}

static void on_drain(uvssh_channel_t* channel) {
  struct app_channel* ch = channel_of(channel);

  any(ch->app, channel->session, channel);
  ch->drains++;
}

static const char* kind_name(const uvssh_channel_request_t* ask) {
  static const char* const names[] = {
    "?", "pty", "env", "shell", "exec", "subsystem", "window-change", "signal",
    "break", "exit-status", "exit-signal", "eow", "other"
  };
  return names[ask->type];
}

static void answer(struct app* a, enum say say, uvssh_reply_t reply) {
  if (reply.serial == 0 || say == SAY_NOTHING)
    return;
  if (say == SAY_YES)
    app_tried(a, uvssh_reply_accept(reply));
  else
    app_tried(a, uvssh_reply_reject(reply));
  CHECK_EQ(uvssh_reply_accept(reply), UV_ECANCELED);
}

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  struct app_channel* ch = channel_of(channel);

  app_note(ch->app, "%s %s", ch->name,
           ask->type == UVSSH_REQUEST_OTHER  ? ask->name
           : ask->type == UVSSH_REQUEST_EXEC ? ask->command
                                             : kind_name(ask));
  any(ch->app, channel->session, channel);
  ch->reply = reply;
  if (ask->type == UVSSH_REQUEST_EXIT_STATUS)
    ch->exit_status = ask->number;
  answer(ch->app, ch->app->say_request, reply);
}

void app_channel_begin(struct app* a,
                       struct app_channel* ch,
                       char role,
                       unsigned i) {
  CHECK(!ch->in_use || ch->closes == 1);
  memset(ch, 0, sizeof(*ch));
  ch->app = a;
  ch->in_use = 1;
  ch->name[0] = role;
  ch->name[1] = (char) ('0' + i);
}

void app_opened(uvssh_req_t* req, int status) {
  struct app_channel* ch = CONTAINER_OF(req, struct app_channel, open.req);

  app_done(req, status);
  if (status != 0) {
    CHECK(ch->pub.impl == NULL);
    return;
  }
  app_tried(ch->app, uvssh_channel_read_start(&ch->pub, app_read));
}

void app_channel(struct app* a, unsigned i) {
  struct app_channel* ch = &a->asked[i];
  uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_SESSION };

  app_channel_begin(a, ch, 'c', i);
  CHECK_EQ(uvssh_channel_open(app_req(a, &ch->open, NULL), &a->pipe.client.pub,
                              &ch->pub, &what, &a->on_asked, app_opened),
           0);
  pipe_run(&a->pipe);
}

/* ---- the server ---------------------------------------------------------- */

static const char* method_name(unsigned method) {
  return method == UVSSH_AUTH_NONE       ? "none"
         : method == UVSSH_AUTH_PASSWORD ? "password"
                                         : "publickey";
}

static void on_auth(uvssh_session_t* session,
                    const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  struct app* a = app_of(session);

  a->auths++;
  app_note(a, "auth %s %s%s%s%s%s", method_name(attempt->method),
           attempt->user,
           attempt->method != UVSSH_AUTH_PUBLICKEY ? ""
           : attempt->key_proven                   ? " signed"
                                                   : " probe",
           attempt->password != NULL ? " " : "",
           attempt->password != NULL ? attempt->password : "",
           attempt->new_password != NULL ? " changed" : "");
  any(a, session, NULL);
  a->auth_reply = reply;
  if (a->partial && attempt->method == UVSSH_AUTH_PASSWORD)
    app_tried(a, uvssh_reply_partial(reply, UVSSH_AUTH_PUBLICKEY));
  else
    answer(a, a->say_auth, reply);
}

static void on_server_ready(uvssh_session_t* session) {
  struct app* a = app_of(session);

  any(a, session, NULL);
  a->server_ready++;
  app_note(a, "ready");
}

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* ask,
                       uvssh_reply_t reply) {
  struct app* a = app_of(session);
  struct app_channel* ch;

  app_note(a, "channel%s%s", ask->type == UVSSH_CHANNEL_OTHER ? " " : "",
           ask->type == UVSSH_CHANNEL_OTHER ? ask->name : "");
  any(a, session, NULL);
  a->channel_reply = reply;
  if (a->say_channel == SAY_NOTHING)
    return;
  if (a->say_channel == SAY_NO) {
    CHECK_EQ(uvssh_channel_reject(reply, UVSSH_OPEN_CONNECT_FAILED, "n\no"), 0);
    return;
  }
  if (!a->tolerant)
    CHECK_EQ(uvssh_reply_accept(reply), UV_EINVAL);
  ch = &a->served[a->served_count % APP_CHANNELS];
  app_channel_begin(a, ch, 's', a->served_count % APP_CHANNELS);
  a->served_count++;
  if (uvssh_channel_accept(reply, &ch->pub, &a->on_served) != 0) {
    CHECK(a->tolerant);
    CHECK(ch->pub.impl == NULL);
    ch->in_use = 0;
  } else if (a->read_served) {
    app_tried(a, uvssh_channel_read_start(&ch->pub, app_read));
  }
}

static void on_global(uvssh_session_t* session,
                      const uvssh_session_request_t* ask,
                      uvssh_reply_t reply) {
  struct app* a = app_of(session);

  app_note(a, "global %s", ask->name);
  any(a, session, NULL);
  a->global_reply = reply;
  answer(a, a->say_request, reply);
}

static void channel_over(const struct app_channel* ch) {
  if (ch->in_use && (ch->open.app == NULL || ch->open.status == 0))
    CHECK_EQ(ch->closes, 1);
}

/* A session's on_close comes behind all that is its own. */
static void all_over(const struct app* a, const uvssh_session_t* session) {
  int is_server = session == &a->pipe.server.pub;
  unsigned i;

  for (i = 0; i < a->req_count; i++)
    if (a->reqs[i].req.session == session && !a->reqs[i].refused)
      CHECK_EQ(a->reqs[i].done, 1);
  for (i = 0; i < APP_CHANNELS; i++)
    channel_over(is_server ? &a->served[i] : &a->asked[i]);
}

static void on_server_closed(uvssh_session_t* session, const uvssh_end_t* end) {
  all_over(app_of(session), session);
  any(app_of(session), session, NULL);
  app_note(app_of(session), "server closed %s", uvssh_err_name(end->status));
}

/* ---- the client ---------------------------------------------------------- */

static void on_hostkey(uvssh_session_t* session,
                       uvssh_key_t* key,
                       uvssh_host_verdict verdict,
                       uvssh_reply_t reply) {
  struct app* a = app_of(session);

  CHECK(uvssh_key_equal(key, a->pipe.hostkeys.key[0]));
  CHECK_EQ(verdict, UVSSH_HOST_UNKNOWN);
  any(a, session, NULL);
  app_tried(a, uvssh_reply_accept(reply));
}

static void on_client_ready(uvssh_session_t* session) {
  any(app_of(session), session, NULL);
  app_of(session)->client_ready++;
}

static void on_client_closed(uvssh_session_t* session, const uvssh_end_t* end) {
  all_over(app_of(session), session);
  any(app_of(session), session, NULL);
  app_note(app_of(session), "client closed %s", uvssh_err_name(end->status));
}

/* ---- both ---------------------------------------------------------------- */

struct app* app_new(void) {
  struct app* a = calloc(1, sizeof(*a));

  CHECK(a != NULL);
  pipe_init(&a->pipe);
  CHECK_EQ(uvssh_key_generate(&a->user_key, UVSSH_KEY_ED25519, 0), 0);
  uvssh_config_init(&a->server_config);
  uvssh_config_init(&a->client_config);
  a->server_config.auth_methods =
      UVSSH_AUTH_NONE | UVSSH_AUTH_PASSWORD | UVSSH_AUTH_PUBLICKEY;
  a->on_server.on_auth = on_auth;
  a->on_server.on_ready = on_server_ready;
  a->on_server.on_channel = on_channel;
  a->on_server.on_request = on_global;
  a->on_server.on_close = on_server_closed;
  a->on_client.on_hostkey = on_hostkey;
  a->on_client.on_ready = on_client_ready;
  a->on_client.on_close = on_client_closed;
  a->on_served.on_request = on_request;
  a->on_served.on_drain = on_drain;
  a->on_served.on_close = on_close;
  a->on_asked = a->on_served;
  a->read_served = 1;
  a->method = UVSSH_AUTH_PUBLICKEY;
  return a;
}

void app_open(struct app* a) {
  a->pipe.server.pub.data = a->pipe.client.pub.data = a;
  CHECK_EQ(pipe_server(&a->pipe, &a->server_config, &a->on_server), 0);
  CHECK_EQ(pipe_client(&a->pipe, &a->client_config, &a->on_client), 0);
}

void app_start(struct app* a) {
  app_open(a);
  pipe_run(&a->pipe);
  CHECK(a->pipe.client.started);
  CHECK_EQ(a->pipe.client.start_status, 0);
}

void app_attempt(struct app* a, const char* user) {
  uvssh_session_t* client = &a->pipe.client.pub;
  uvssh_req_t* req = app_req(a, &a->login, "login");
  int err;

  if (a->method == UVSSH_AUTH_NONE)
    err = uvssh_auth_none(req, client, user, app_done);
  else if (a->method == UVSSH_AUTH_PASSWORD)
    err = uvssh_auth_password(req, client, user, "secret", app_done);
  else
    err = uvssh_auth_publickey(req, client, user, a->user_key, app_done);
  CHECK_EQ(err, 0);
  pipe_run(&a->pipe);
}

void app_login(struct app* a) {
  app_start(a);
  app_attempt(a, "bob");
  CHECK(a->login.done);
  CHECK_EQ(a->login.status, 0);
  CHECK_EQ(a->server_ready, 1);
  CHECK_EQ(a->client_ready, 1);
  app_log_clear(a);
}

void app_end(struct app* a) {
  pipe_free(&a->pipe);
  uvssh_key_unref(a->user_key);
  free(a);
}

/* ---- data ---------------------------------------------------------------- */

void app_transfer(struct app_channel* from, struct app_channel* to, size_t n) {
  struct pipe* p = &from->app->pipe;
  size_t start = to->got[UVSSH_DATA];
  size_t done = 0;
  uint8_t block[5000];
  size_t part;
  int err;

  to->pattern = 1;
  while (to->got[UVSSH_DATA] < start + n) {
    while (done < n) {
      part = n - done < sizeof(block) ? n - done : sizeof(block);
      app_pattern(block, start + done, part);
      err = uvssh_channel_send(&from->pub, UVSSH_DATA, block, part);
      if (err == UV_ENOBUFS)
        break;
      CHECK_EQ(err, 0);
      done += part;
    }
    CHECK(pipe_step(p) || to->got[UVSSH_DATA] == start + n);
  }
}
