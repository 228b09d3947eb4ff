/* attach.c: the one place where a session meets a transport and an alarm.
 *
 * Happy path: bytes are fed when they come; the session is marked; in this
 * loop's turn it runs, its output is written, reading is stopped or started,
 * and the alarm is set when the next deadline is earlier than it was.
 * The end: transport and alarm are closed; in the last close callback the
 * user hears on_close, and the memory goes. So on_close is never inside a call.
 */
#include "loop/loop.h"

enum { ROUNDS_MAX = 8 };

/* ---- what a session needs ------------------------------------------------ */

static struct attach* attach_of_desk(const struct desk* desk) {
  return CONTAINER_OF(session_of(desk), struct attach, session);
}

static void on_wake(struct desk* desk) {
  struct attach* a = attach_of_desk(desk);

  if (a->is_dirty)
    return;
  a->is_dirty = 1;
  if (a->running)
    return;
  queue_push(&a->loop->dirty, &a->dirty);
  uvssh__loop_wake(a->loop);
}

static int on_submit(struct desk* desk, struct job* job) {
  struct attach* a = attach_of_desk(desk);
  return uvssh__work_submit(a->loop, job, a->source.key);
}

static uint64_t on_now(const struct desk* desk) {
  return loop_now(attach_of_desk(desk)->loop);
}

static int on_late(const struct desk* desk) {
  return uvssh__loop_is_late(attach_of_desk(desk)->loop);
}

static const struct desk_ops ops = { on_wake, on_submit, on_now, on_late };

/* ---- a life -------------------------------------------------------------- */

int uvssh__attach_new(struct loop* loop,
                      const uvssh_config_t* config,
                      struct attach** out) {
  struct attach* a = (struct attach*) uvssh__calloc(1, sizeof(*a));

  if (a == NULL)
    return UV_ENOMEM;
  a->loop = loop;
  a->round = loop->gates[0].round; /* it joins the next one */
  loop->sessions++;
  if (loop->sessions > loop->most_sessions)
    loop->most_sessions = loop->sessions;
  if (loop->sessions > loop->crowd)
    loop->crowd = loop->sessions;
  queue_init(&a->dirty);
  queue_init(&a->of_server);
  queue_init(&a->source.link);
  a->session.desk.config = *config;
  a->session.desk.ops = &ops;
  a->session.desk.slots = loop->slots;
  a->session.desk.pool = &loop->pool;
  *out = a;
  return 0;
}

static void on_alarm(struct alarm* alarm) {
  on_wake(&CONTAINER_OF(alarm, struct attach, alarm)->session.desk);
}

int uvssh__attach_bind(struct attach* a,
                       uvssh_session_t* pub,
                       const uvssh_session_handlers_t* handlers,
                       const struct hostkeys* hostkeys) {
  struct loop* same;
  int err;

  a->session.desk.pub = pub;
  err = uvssh__session_init(&a->session, handlers, hostkeys);
  if (err == 0)
    err = uvssh__loop_get(a->loop->uv, &same);
  if (err != 0) {
    uvssh__session_free(&a->session);
    return err;
  }
  uvssh__alarm_init(a->loop, &a->alarm, on_alarm);
  pub->loop = a->loop->uv;
  pub->server = a->server == NULL ? NULL : a->server->pub;
  pub->impl = a;
  return 0;
}

void uvssh__attach_free(struct attach* a) {
  a->loop->sessions--;
  queue_remove(&a->dirty);
  uvssh__free(a->winner);
  uvssh__free_secret(a, sizeof(*a));
}

static void note_peer(struct attach* a) {
  uvssh_transport_t* t = a->transport;
  int len = sizeof(a->session.peer);

  if (a->session.peer_len == 0 && t->ops->peername != NULL &&
      t->ops->peername(t, (struct sockaddr*) &a->session.peer, &len) == 0)
    a->session.peer_len = len;
  if (a->source.key[0] == 0 && a->session.peer_len != 0)
    (void) uvssh__source_key(&a->session.desk.config,
                             (struct sockaddr*) &a->session.peer,
                             a->source.key);
}

void uvssh__attach_start(struct attach* a, uvssh_transport_t* transport) {
  a->transport = transport;
  words_of(transport)->attach = a;
  note_peer(a);
  uvssh__session_start(&a->session);
}

/* ---- the end ------------------------------------------------------------- */

static void part_closed(struct attach* a) {
  struct server* server = a->server;
  struct loop* loop = a->loop;

  if (--a->open_parts != 0)
    return;
  uvssh__slots_enter(loop->slots);
  if (server != NULL) {
    uvssh__penalty_judge(server, a);
    uvssh__limit_leave(&server->limit, &a->source);
  }
  queue_remove(&a->of_server);
  if (a->handle != NULL)
    uvssh__handle_detach(a->handle);
  if (a->login != NULL)
    uvssh__login_end(a);
  uvssh__session_closed(&a->session);  /* on_close */
  uvssh__session_free(&a->session);
  uvssh_handle_unref(a->handle);   /* its last bytes have gone with that */
  uvssh__config_free(&a->own_config);
  uvssh__attach_free(a);
  if (server != NULL)
    uvssh__server_left(server);
  uvssh__loop_put(loop);
}

static void on_alarm_closed(struct alarm* alarm) {
  part_closed(CONTAINER_OF(alarm, struct attach, alarm));
}

/* A transport of ours tells its end from a callback of libuv, in the same round
 * as the alarm; any other may do it in the middle of a call, so there the alarm
 * comes last. */
static void close_attach(struct attach* a) {
  if (a->closing)
    return;
  a->closing = 1;
  a->open_parts = 1;
  if (a->transport == &a->own) {
    a->open_parts = 2;
    uvssh__alarm_close(&a->alarm, on_alarm_closed);
  }
  if (a->connecting != NULL)
    uvssh__connecting_close(a);
  else if (a->transport != NULL)
    a->transport->ops->close(a->transport);
  else
    uvssh__attach_closed(a);
}

void uvssh__attach_closed(struct attach* a) {
  if (uv_is_closing((uv_handle_t*) &a->alarm.timer))
    part_closed(a);
  else
    uvssh__alarm_close(&a->alarm, on_alarm_closed);
}

void uvssh_transport_closed(uvssh_transport_t* t) {
  struct attach* a = words_of(t)->attach;

  if (a == NULL || !a->closing)
    return;
  words_of(t)->attach = NULL;
  uvssh__attach_closed(a);
}

/* ---- bytes --------------------------------------------------------------- */

static void enter(struct attach* a) {
  uvssh__slots_enter(a->loop->slots);
  if (a->turn == a->loop->turn)
    return;
  a->turn = a->loop->turn;
  a->turn_in = a->turn_out = 0;
}

size_t uvssh__attach_budget(struct attach* a) {
  enter(a);
  return a->closing || a->turn_in >= TURN_BYTES ? 0 : TURN_BYTES - a->turn_in;
}

static void set_reading(struct attach* a);

void uvssh_transport_feed(uvssh_transport_t* t, ssize_t nread, void* bytes) {
  struct attach* a = words_of(t)->attach;
  struct loop* loop;

  if (a == NULL || a->closing || nread == 0)
    return;
  enter(a);
  loop = a->loop;
  loop_begin(loop);
  if (nread < 0) {
    uvssh__session_lost(&a->session, (int) nread);
  } else {
    a->turn_in += (size_t) nread;
    uvssh__session_feed(&a->session, (uint8_t*) bytes, (size_t) nread);
  }
  if (a->session.yielded && !a->running)
    set_reading(a);                /* it may have to wait for its turn */
  loop_end(loop);
}

/* 1: a write was under way. */
static int end_write(struct attach* a) {
  if (a == NULL || a->closing || !a->writing)
    return 0;
  enter(a);
  a->writing = 0;
  return 1;
}

void uvssh_transport_wrote(uvssh_transport_t* t, int status) {
  struct attach* a = words_of(t)->attach;

  if (!end_write(a))
    return;
  if (status < 0)
    uvssh__session_unwritable(&a->session, status, LAST_WORDS_MS);
  else
    uvssh__session_wrote(&a->session);
}

void uvssh__attach_unwritable(struct attach* a) {
  if (end_write(a))
    uvssh__session_unwritable(&a->session, UV_EOF, UINT64_MAX);
}

/* One block at least, however late it is. */
static int may_write(struct attach* a) {
  return a->turn_out < LOOK_BYTES ||
         (a->turn_out < TURN_BYTES && !uvssh__loop_is_late(a->loop));
}

static void write_out(struct attach* a) {
  uv_buf_t buf;
  int err;

  while (!a->writing && may_write(a) &&
         uvssh__session_output(&a->session, &buf)) {
    if (buf.len >= LOOK_BYTES)     /* writing seals the next one, too: the */
      (void) uvssh__loop_is_late(a->loop);   /* time for that begins here */
    a->writing = 1;
    a->turn_out += buf.len + a->session.transport.deflated_in_flight;
    err = a->transport->ops->write(a->transport, &buf, 1);
    if (err != 0) {
      a->writing = 0;
      uvssh__session_unwritable(&a->session, err, LAST_WORDS_MS);
    }
  }
  if (!a->writing && !may_write(a))
    on_wake(&a->session.desk);     /* the rest next turn */
}

static void set_reading(struct attach* a) {
  int wants;
  int err;

  if (a->transport == NULL)
    return;
  wants = uvssh__session_wants_input(&a->session);
  if (wants == a->reading)
    return;
  a->reading = wants;
  err = wants ? a->transport->ops->read_start(a->transport)
              : a->transport->ops->read_stop(a->transport);
  if (err != 0)
    uvssh__session_lost(&a->session, err);
}

/* ---- time ---------------------------------------------------------------- */

/* A deadline that moved away is left: the alarm comes early, and is set again
 * then. So traffic does not restart it. */
static void arm(struct attach* a) {
  uint64_t deadline = a->connecting != NULL
                          ? uvssh__connecting_deadline(a)
                          : uvssh__session_deadline(&a->session);

  if (deadline < a->alarm.due && !a->closing)
    uvssh__alarm_start(&a->alarm, deadline);
}

/* ---- who else comes ------------------------------------------------------ */

static enum place place_of(const struct session* s) {
  if (s->ending > E_EMPTYING)
    return PLACE_OVER;
  if (s->transport.phase == T_IDENT)
    return PLACE_IDENT;
  if (s->transport.phase != T_READY)
    return PLACE_KEX;
  return queue_empty(&s->desk.questions) ? PLACE_AUTH : PLACE_ASKED;
}

static void note_place(struct attach* a) {
  struct limit* l = &a->server->limit;

  if (a->session.desk.logged_in)
    uvssh__limit_leave(l, &a->source);
  else
    uvssh__limit_move(l, &a->source, place_of(&a->session));
}

/* What the transport does not take at once is not said. Who has logged in since
 * his last turn has left by himself. */
void uvssh__attach_evict(struct attach* a) {
  if (a->session.desk.logged_in)
    return;
  enter(a);
  uvssh__session_crowded_out(&a->session);
  write_out(a);
  uvssh__session_drop(&a->session, UVSSH_ELIMIT);
}

/* ---- a turn -------------------------------------------------------------- */

void uvssh__attach_turn(struct attach* a) {
  struct session* s = &a->session;
  int rounds = 0;

  if (a->closing)
    return;
  enter(a);
  a->running = 1;
  do {
    a->is_dirty = 0;
    if (a->connecting != NULL)
      uvssh__connecting_turn(a);
    uvssh__session_turn(s);
    write_out(a);
  } while (a->is_dirty && !s->yielded && ++rounds < ROUNDS_MAX &&
           may_write(a));
  if (a->server != NULL)
    note_place(a);
  set_reading(a);                  /* may bring bytes, or fail, at once */
  a->running = 0;
  if (a->is_dirty)
    queue_push(&a->loop->dirty, &a->dirty);
  if (session_wants_close(s))
    close_attach(a);
  arm(a);
}
