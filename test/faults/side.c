/* side.c: the talk of stage.h, at both ends. */
#include <stdio.h>
#include <stdlib.h>

#include "stage.h"

enum { BYTES = 20000, BACK = 3000, PIECE = 10, PIECES = 3 };

static char bytes[BYTES];

static struct side* side_of(const uvssh_session_t* session) {
  return (struct side*) (uintptr_t) session;
}

/* ---- asking -------------------------------------------------------------- */

/* Whatever cannot be asked ends the session that it was to be asked of. */
static int try(struct side* p, int err) {
  if (stage_tell(p->stage, err) != 0)
    uvssh_session_close(&p->session);
  return err;
}

static void began(struct side* p, struct ask* ask, int err) {
  CHECK_EQ(ask->begun, 0);
  ask->begun = try(p, err) == 0;
}

/* 1: go on. */
static int done(struct ask* ask, int status) {
  struct side* p = side_of(ask->req.session);

  CHECK_EQ(ask->done, 0);
  CHECK_EQ(p->closes, 0);
  ask->done = 1;
  ask->status = stage_tell(p->stage, status);
  if (status != 0)
    uvssh_session_close(&p->session);
  return status == 0;
}

#define DONE(field)                                                           \
  done(&side_of(req->session)->field, status)

/* ---- the client ---------------------------------------------------------- */

static void on_jump(uvssh_req_t* req, int status) {
  struct side* p = side_of(req->session);

  if (!DONE(jump_open))
    return;
  p->jump_opens = 1;
  scene_go_on(p);
}

static void on_rekey(uvssh_req_t* req, int status) {
  struct side* p = side_of(req->session);
  uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_DIRECT_TCPIP,
                                .host = "inner", .port = 22 };

  if (!DONE(rekey))
    return;
  p->talked = 1;
  if (p->stage->scene->goes_on && p->is_base)
    began(p, &p->jump_open,
          uvssh_channel_open(&p->jump_open.req, &p->session, &p->jump, &what,
                             &p->stage->channel_on, on_jump));
}

static void on_global(uvssh_req_t* req, int status) {
  struct side* p = side_of(req->session);

  if (status == UVSSH_EREQUEST)
    status = 0;
  if (DONE(global))
    began(p, &p->rekey,
          uvssh_session_rekey(&p->rekey.req, &p->session, on_rekey));
}

/* Both channels are over, and were what they should be. */
static void maybe_go_on(struct side* p) {
  static const uvssh_session_request_t ask = { .type = UVSSH_GLOBAL_OTHER,
                                               .name = "x@example.com" };

  if (p->channel_closes == 1 && p->back_closes == 1 && !p->global.begun)
    began(p, &p->global, uvssh_session_request(&p->global.req, &p->session,
                                               &ask, on_global));
}

static void on_read(uvssh_channel_t* channel,
                    int stream,
                    ssize_t nread,
                    const uv_buf_t* buf) {
  struct side* p = side_of(channel->session);

  p->stage->events++;
  if (nread > 0 && channel == &p->back)
    p->back_got += (size_t) nread;
  else if (nread > 0)
    p->got += (size_t) nread;
  else
    stage_tell(p->stage, (int) nread);
}

static void on_eof(uvssh_req_t* req, int status) {
  (void) DONE(eof);
}

/* All that was sent stands in the queue: the post came behind it. */
static void maybe_shut_down(struct side* p) {
  if (p->post_ran && p->write.done && !p->eof.begun &&
      uvssh_channel_is_open(&p->channel))
    began(p, &p->eof,
          uvssh_channel_shutdown(&p->eof.req, &p->channel, on_eof));
}

static void on_post(uvssh_session_t* session, void* arg) {
  struct side* p = arg;

  CHECK(session == NULL || session == &p->session);
  CHECK_EQ(p->post_ran, 0);
  p->post_ran = 1;
  if (session != NULL)
    maybe_shut_down(p);
}

static void on_write(uvssh_req_t* req, int status) {
  if (DONE(write))
    maybe_shut_down(side_of(req->session));
}

struct helper {                    /* the other thread, and what it is told */
  struct side* side;
  uvssh_handle_t* handle;
  uint64_t id;
  int err;
};

static void help(void* arg) {
  struct helper* h = arg;
  int i;

  for (i = 0; i < PIECES && h->err == 0; i++)
    h->err = uvssh_handle_send(h->handle, h->id, UVSSH_DATA, bytes, PIECE);
  if (h->err == 0)
    h->err = uvssh_handle_post(h->handle, on_post, h->side);
}

static void send_from_a_thread(struct side* p) {
  struct helper h = { p, NULL, p->channel.id, 0 };
  uv_thread_t thread;

  STAGE_AGAIN(p->stage, uvssh_handle_create(&h.handle, &p->session));
  CHECK_EQ(uv_thread_create(&thread, help, &h), 0);
  CHECK_EQ(uv_thread_join(&thread), 0);
  p->posted = try(p, h.err) == 0;
  uvssh_handle_unref(h.handle);
}

static void on_exec(uvssh_req_t* req, int status) {
  struct side* p = side_of(req->session);
  uv_buf_t buf = uv_buf_init(bytes, BYTES);

  if (!DONE(exec))
    return;
  (void) try(p, uvssh_channel_read_start(&p->channel, on_read));
  began(p, &p->write, uvssh_channel_write(&p->write.req, &p->channel,
                                          UVSSH_DATA, &buf, 1, on_write));
  send_from_a_thread(p);
}

static void on_open(uvssh_req_t* req, int status) {
  struct side* p = side_of(req->session);

  if (!DONE(open))
    return;
  p->channel_opens = 1;
  began(p, &p->exec,
        uvssh_channel_exec(&p->exec.req, &p->channel, "echo", on_exec));
}

static void on_login(uvssh_req_t* req, int status) {
  static const uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_SESSION };
  struct side* p = side_of(req->session);

  if (!DONE(login))
    return;
  p->stage->logged_in = 1;
  began(p, &p->open,
        uvssh_channel_open(&p->open.req, &p->session, &p->channel, &what,
                           &p->stage->channel_on, on_open));
}

int side_login(struct side* p, const char* host, uvssh_transport_t* transport) {
  const char* files[] = { "/nonexistent/id", p->stage->id, NULL };
  uvssh_client_login_t what = { .host = host, .user = "someone",
                                .password = "secret" };
  int err;

  p->stage->logged_in = 0;
  what.port = ntohs(((struct sockaddr_in*) &p->stage->address)->sin_port);
  what.transport = transport;
  what.hosts = p->stage->hosts;
  what.files = files;
  err = uvssh_client_login(&p->login.req, &p->session, &what, on_login);
  p->login.begun = err == 0;
  return err;
}

static void on_hostkey(uvssh_session_t* session,
                       uvssh_key_t* key,
                       uvssh_host_verdict verdict,
                       uvssh_reply_t reply) {
  (void) uvssh_reply_accept(reply);
}

void side_check(const struct side* p) {
  CHECK_EQ(p->got, BYTES + PIECE * PIECES);
  CHECK_EQ(p->channel_status, 0);
  CHECK_EQ(p->back_got, BACK);
  CHECK_EQ(p->exit_seen, 1);
  CHECK_EQ(p->end.status, UVSSH_EDISCONNECT);
  CHECK_EQ(p->end.reason, UVSSH_DISCONNECT_BY_APPLICATION);
}

/* ---- the server ---------------------------------------------------------- */

/* A key or the password. */
static void on_auth(uvssh_session_t* session,
                    const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  if (attempt->method == UVSSH_AUTH_NONE)
    (void) uvssh_reply_reject(reply);
  else
    (void) uvssh_reply_accept(reply);
}

static void on_back_write(uvssh_req_t* req, int status) {
  (void) DONE(back_write);
}

static void on_back_open(uvssh_req_t* req, int status) {
  struct side* p = side_of(req->session);
  uv_buf_t buf = uv_buf_init(bytes, BACK);

  if (!DONE(back_open))
    return;
  p->back_opens = 1;
  began(p, &p->back_write,
        uvssh_channel_write(&p->back_write.req, &p->back, UVSSH_DATA, &buf, 1,
                            on_back_write));
  uvssh_channel_close(&p->back);
}

static void on_ready(uvssh_session_t* session) {
  static const uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_OTHER,
                                             .name = "back@example.com" };
  struct side* p = side_of(session);

  p->stage->events++;
  if (!p->is_client)
    began(p, &p->back_open,
          uvssh_channel_open(&p->back_open.req, session, &p->back, &what,
                             &p->stage->channel_on, on_back_open));
}

static void on_echo(uvssh_channel_t* channel,
                    int stream,
                    ssize_t nread,
                    const uv_buf_t* buf) {
  struct side* p = side_of(channel->session);

  p->stage->events++;
  if (nread > 0) {
    p->got += (size_t) nread;
    (void) try(p, uvssh_channel_send(channel, UVSSH_DATA, buf->base, buf->len));
  } else if (nread == UV_EOF) {
    (void) try(p, uvssh_channel_exit(channel, 0, 0));
  } else {
    stage_tell(p->stage, (int) nread);
  }
}

/* ---- at both ends -------------------------------------------------------- */

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  struct side* p = side_of(channel->session);

  p->stage->events++;
  (void) uvssh_reply_accept(reply);
  p->exit_seen += ask->type == UVSSH_REQUEST_EXIT_STATUS;
  if (ask->type == UVSSH_REQUEST_EXEC)
    (void) try(p, uvssh_channel_read_start(channel, on_echo));
}

static void accept_channel(struct side* p,
                           uvssh_reply_t reply,
                           uvssh_channel_t* channel,
                           int* opens) {
  *opens = stage_tell(p->stage, uvssh_channel_accept(
                                    reply, channel,
                                    &p->stage->channel_on)) == 0;
}

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* ask,
                       uvssh_reply_t reply) {
  struct side* p = side_of(session);

  p->stage->events++;
  if (p->is_client) {
    accept_channel(p, reply, &p->back, &p->back_opens);
    (void) try(p, uvssh_channel_read_start(&p->back, on_read));
  } else if (ask->type == UVSSH_CHANNEL_SESSION) {
    accept_channel(p, reply, &p->channel, &p->channel_opens);
  } else {
    accept_channel(p, reply, &p->jump, &p->jump_opens);
    if (p->jump_opens)
      scene_go_on(p);
  }
}

static void on_channel_close(uvssh_channel_t* channel, int status) {
  struct side* p = side_of(channel->session);

  CHECK_EQ(p->closes, 0);
  stage_tell(p->stage, status);
  if (channel == &p->channel) {
    p->channel_closes++;
    p->channel_status = status;
  } else if (channel == &p->back) {
    p->back_closes++;
  } else {
    p->jump_closes++;
  }
  if (p->is_client)
    maybe_go_on(p);
}

static void on_close(uvssh_session_t* session, const uvssh_end_t* end) {
  struct side* p = side_of(session);

  CHECK_EQ(p->closes, 0);
  CHECK(session->impl == NULL);
  p->closes++;
  p->end = *end;
  p->end.text = NULL;
  stage_tell(p->stage, end->status);
}

void side_handlers(struct stage* s) {
  s->client_on.on_hostkey = on_hostkey;
  s->client_on.on_ready = on_ready;
  s->client_on.on_channel = on_channel;
  s->client_on.on_close = on_close;
  s->server_on.on_auth = on_auth;
  s->server_on.on_ready = on_ready;
  s->server_on.on_channel = on_channel;
  s->server_on.on_close = on_close;
  s->channel_on.on_request = on_request;
  s->channel_on.on_close = on_channel_close;
}

struct side* side_new(struct stage* s, int is_client) {
  struct side* p = calloc(1, sizeof(*p));

  CHECK(p != NULL && s->side_count < SIDES);
  s->sides[s->side_count++] = p;
  p->stage = s;
  p->is_client = is_client;
  if (!is_client)
    return p;
  STAGE_AGAIN(s, uvssh_session_init(&s->loop, &p->session, &s->config,
                                    &s->client_on));
  p->in_use = 1;
  return p;
}
