/* accept.c: what a server takes from its sockets.
 *
 * A connection is taken first, and counted by its address; the user is asked
 * only about those that the limits let pass, and what he does not take is
 * closed. In a full house another session is closed for it.
 * Running out of descriptors closes nothing: libuv drops the connection, the
 * user is told, listening goes on; so it does where there is no memory for a
 * connection: it is taken into a spare handle, and closed. */
#include "loop/loop.h"

enum { TAKEN_MAX = 32 };

static void on_socket_closed(uv_handle_t* handle) {
  struct attach* a = (struct attach*) handle->data;
  struct server* server = a->server;

  uvssh__attach_free(a);
  uvssh__server_handle_closed(server);
}

/* Nobody took it, or may. */
static void turn_away(struct attach* a) {
  uvssh__limit_leave(&a->server->limit, &a->source);
  a->socket.handle.data = a;
  a->server->handles++;
  uv_close(&a->socket.handle, on_socket_closed);
}

static int init_socket(struct attach* a, const uv_stream_t* listener) {
  uv_loop_t* uv = a->loop->uv;

  if (listener->type == UV_TCP)
    return uv_tcp_init(uv, &a->socket.tcp);
  return uv_pipe_init(uv, &a->socket.pipe, 0);
}

static int check_limits(struct attach* a) {
  struct server* server = a->server;
  struct sockaddr* address = (struct sockaddr*) &a->session.peer;
  int len = sizeof(a->session.peer);
  struct source* out;
  int err;

  if (a->socket.handle.type == UV_TCP &&
      uv_tcp_getpeername(&a->socket.tcp, address, &len) == 0)
    a->session.peer_len = len;
  else
    address = NULL;
  if (uvssh__source_key(&server->config, address, a->source.key) &&
      uvssh__penalty_bites(&server->penalties, a->source.key,
                           loop_now(server->loop)))
    return UVSSH_ELIMIT;
  err = uvssh__limit_enter(&server->limit, &server->config, &a->source, &out);
  if (err == 0 && out != NULL)
    uvssh__attach_evict(CONTAINER_OF(out, struct attach, source));
  return err;
}

void uvssh__listener_release(struct listener* l) {
  if (l->gone && !l->spare_used)
    uvssh__free(l);
}

/* libuv listens no more until what it has accepted is taken. One at a time. */
static void turn_away_unseen(struct listener* l);

static void on_spare_closed(uv_handle_t* handle) {
  struct listener* l = (struct listener*) handle->data;
  struct server* server = l->server;

  l->spare_used = 0;
  if (l->owed)
    turn_away_unseen(l);
  uvssh__listener_release(l);
  uvssh__server_handle_closed(server);
}

static void turn_away_unseen(struct listener* l) {
  uv_loop_t* uv = l->server->loop->uv;

  l->owed = l->spare_used;
  if (l->spare_used)
    return;
  l->spare_used = 1;
  l->server->handles++;
  if (l->stream->type == UV_TCP)
    (void) uv_tcp_init(uv, &l->spare.tcp);
  else
    (void) uv_pipe_init(uv, &l->spare.pipe, 0);
  l->spare.handle.data = l;
  (void) uv_accept(l->stream, &l->spare.stream);
  uv_close(&l->spare.handle, on_spare_closed);
}

/* 0 and *out, or a code; the socket is closed then. */
static int take(struct listener* l, struct attach** out) {
  struct server* server = l->server;
  struct attach* a = NULL;
  int err = uvssh__attach_new(server->loop, &server->config, &a);

  if (err == 0) {
    a->server = server;
    err = init_socket(a, l->stream);
  }
  if (err != 0) {
    if (a != NULL)
      uvssh__attach_free(a);
    turn_away_unseen(l);
    return err;
  }
  err = uv_accept(l->stream, &a->socket.stream);
  if (err == 0)
    err = check_limits(a);
  if (err != 0) {
    turn_away(a);
    return err;
  }
  *out = a;
  return 0;
}

/* At most so many a turn: who comes in a crowd is heard, at least once, before
 * the house has filled up behind him, and nobody waits long for a crowd. libuv
 * keeps what is not taken. */
static int takes_more(struct server* server) {
  unsigned most;

  if (server->turn != server->loop->turn)
    server->taken = 0;
  server->turn = server->loop->turn;
  most = server->config.preauth_total / 16;
  if (server->config.preauth_total == 0 || most > TAKEN_MAX)
    most = TAKEN_MAX;
  return server->taken <= most;
}

static void resume_soon(struct server* server) {
  uvssh__alarm_start(&server->alarm, loop_now(server->loop));
}

static void hold(struct listener* l) {
  if (l->held++ == 0)
    l->since = ++l->server->holds;
  resume_soon(l->server);
}

void uvssh__listener_heard(uv_stream_t* stream, int status) {
  struct listener* l = (struct listener*) stream->data;
  struct server* server;
  struct attach* a = NULL;

  if (l == NULL || l->server->draining || l->server->closing)
    return;
  server = l->server;
  uvssh__slots_enter(server->loop->slots);
  if (status == 0 && !takes_more(server)) {
    hold(l);
    return;
  }
  server->taken++;
  if (status == 0)
    status = take(l, &a);
  if (status == UVSSH_ELIMIT) {
    uvssh__log(&server->log, UVSSH_LOG_INFO,
               "a source has too many connections that are not logged in, or "
               "has failed too often: one is refused");
    return;
  }
  server->pending = a;
  l->cb(server->pub, status);
  a = server->pending;
  server->pending = NULL;
  if (a != NULL)
    turn_away(a);
}

/* The one that waits longest: a crowd at one does not keep the others out. */
static struct listener* held_listener(const struct server* server) {
  struct listener* first = NULL;
  struct listener* l;
  struct queue* at;

  for (at = server->listeners.next; at != &server->listeners; at = at->next) {
    l = CONTAINER_OF(at, struct listener, link);
    if (l->held != 0 && (first == NULL || l->since < first->since))
      first = l;
  }
  return first;
}

/* One by one: libuv goes on with the rest, or (on Windows) has said them all
 * already. A listener may go in its call. */
void uvssh__listeners_resume(struct server* server) {
  struct listener* l;

  while ((l = held_listener(server)) != NULL) {
    if (!takes_more(server)) {
      resume_soon(server);
      return;
    }
    l->held--;
    l->since = ++server->holds;
    uvssh__listener_heard(l->stream, 0);
  }
}

static int begin(struct server* server,
                 struct attach* a,
                 uvssh_session_t* session,
                 const uvssh_session_handlers_t* handlers) {
  int err = uvssh__attach_bind(a, session, handlers, &server->hostkeys);

  if (err == 0)
    queue_push(&server->sessions, &a->of_server);
  return err;
}

int uvssh_server_accept(uvssh_server_t* pub,
                        uvssh_session_t* session,
                        const uvssh_session_handlers_t* handlers) {
  struct server* server = uvssh__server_of(pub);
  struct attach* a = server == NULL ? NULL : server->pending;
  int err;

  if (session == NULL || handlers == NULL)
    return UV_EINVAL;
  if (a == NULL || server->draining || server->closing)
    return UV_EAGAIN;
  if (session->impl != NULL)
    return UV_EBUSY;
  err = begin(server, a, session, handlers);
  if (err != 0)
    return err;
  server->pending = NULL;
  (void) uvssh_transport_stream(&a->own, &a->socket.stream);
  uvssh__attach_start(a, &a->own);
  return 0;
}

int uvssh_server_serve(uvssh_server_t* pub,
                       uvssh_session_t* session,
                       uvssh_transport_t* transport,
                       const uvssh_session_handlers_t* handlers) {
  struct server* server = uvssh__server_of(pub);
  struct attach* a;
  int err;

  if (server == NULL || server->closing || server->draining)
    return UV_ECANCELED;
  if (session == NULL || handlers == NULL || transport == NULL ||
      transport->ops == NULL || server->hostkeys.count == 0)
    return UV_EINVAL;
  if (session->impl != NULL)
    return UV_EBUSY;
  err = uvssh__attach_new(server->loop, &server->config, &a);
  if (err != 0)
    return err;
  a->server = server;
  err = begin(server, a, session, handlers);
  if (err != 0) {
    uvssh__attach_free(a);
    return err;
  }
  uvssh__attach_start(a, transport);
  return 0;
}
