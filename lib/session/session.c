/* session.c: one connection, without a socket and without a clock.
 *
 * A byte's way: feed -> identification or packets -> dispatch -> a room's
 * handler -> the user's callback. And back: the user's call -> a room's queue
 * -> (wake) -> turn -> sealed blocks -> output.
 *
 * Input pauses, and is kept, while a job is away, while a client's user thinks
 * about a host key, while replies pile up that the peer does not read, and from
 * login until on_ready; and until the next turn where it has held the loop for
 * long enough. */
#include "session/session.h"

int uvssh__session_init(struct session* s,
                        const uvssh_session_handlers_t* handlers,
                        const struct hostkeys* hostkeys) {
  struct desk* d = &s->desk;

  d->on = *handlers;
  d->is_server = hostkeys != NULL;
  d->log.cb = d->config.log;
  d->log.arg = d->config.log_arg;
  d->log.level = d->config.log_level;
  d->log.session = d->pub;
  d->traced = uvssh__trace_is_wanted(d);
  queue_init(&d->questions);
  queue_init(&d->done);
  uvssh__transport_init(&s->transport, d, hostkeys);
  uvssh__conn_init(&s->conn, d, &s->transport);
  return uvssh__auth_init(&s->auth, d, &s->transport);
}

void uvssh__session_free(struct session* s) {
  uvssh__conn_free(&s->conn);
  uvssh__auth_free(&s->auth);
  uvssh__transport_free(&s->transport);
  uvssh__free(s->end_text);
  s->end_text = NULL;
  uvssh__wipe_stack();
}

void uvssh__session_start(struct session* s) {
  s->started = 1;
  s->started_at = s->heard_at = s->data_at = desk_now(&s->desk);
  uvssh__ident_send(&s->transport);
}

/* ---- where it stands ----------------------------------------------------- */

static enum state login_state(const struct auth* auth) {
  switch (auth->phase) {
    case A_SERVICE: return ST_SERVICE;
    case A_IDLE: return ST_AUTH;
    case A_WAIT: return ST_WAIT;
    case A_QUERY: return ST_QUERY;
    case A_SIGNED: return ST_SIGNED;
    case A_DONE: break;
  }
  return ST_OPEN;
}

enum state uvssh__session_state(const struct session* s) {
  const struct transport* t = &s->transport;

  switch (t->phase) {
    case T_IDENT:
    case T_KEXINIT:
      return ST_KEXINIT;
    case T_KEX:
      return t->rekeying ? ST_REKEY_KEX : ST_KEX;
    case T_GROUP:
      return t->rekeying ? ST_REKEY_GROUP : ST_GROUP;
    case T_GROUP_KEX:
      return t->rekeying ? ST_REKEY_GROUP_KEX : ST_GROUP_KEX;
    case T_NEWKEYS:
      return t->rekeying ? ST_REKEY_NEWKEYS : ST_NEWKEYS;
    case T_READY:
      break;
  }
  return t->rekeying ? ST_REKEY_SENT : login_state(&s->auth);
}

uvssh_phase uvssh__session_phase(const struct session* s) {
  if (!s->started)
    return UVSSH_PHASE_CONNECT;
  if (s->desk.logged_in)
    return UVSSH_PHASE_OPEN;
  if (s->transport.phase == T_IDENT)
    return UVSSH_PHASE_IDENT;
  return s->transport.phase == T_READY ? UVSSH_PHASE_AUTH : UVSSH_PHASE_KEX;
}

/* ---- in ------------------------------------------------------------------ */

/* What a hasty client sends right behind its login waits for on_ready: the user
 * hears of no channel before he has heard who is there. */
static int is_paused(const struct session* s) {
  return s->yielded || s->desk.job != NULL || kex_is_asking(&s->transport) ||
         (uvssh__replies_pile_up(&s->transport) && !s->lost) ||
         (s->desk.logged_in && !s->told_ready);
}

int uvssh__session_wants_input(const struct session* s) {
  if (!s->started || s->lost || s->ending >= E_READERS)
    return 0;
  return s->ending == E_SAYING || !is_paused(s);
}

/* Before login a peer gets only so much of our attention. */
static int within_preauth(const struct session* s) {
  const uvssh_config_t* c = &s->desk.config;

  return s->desk.logged_in || !s->desk.is_server ||
         (s->transport.in.bytes <= c->preauth_bytes &&
          s->transport.in.packets <= c->preauth_packets);
}

/* Behind the first NEWKEYS the client asks for the service. */
static void after_message(struct session* s) {
  if (!s->desk.is_server && !s->auth_begun && s->transport.phase == T_READY) {
    s->auth_begun = 1;
    uvssh__auth_begin(&s->auth);
  }
}

/* A login may hold a password, and lies where all sessions of the loop read
 * into: whatever has become of the message, nothing of it stays there. */
static int is_of_login(const rd_t* m) {
  return m->at[0] >= MSG_USERAUTH_REQUEST && m->at[0] < MSG_GLOBAL_REQUEST;
}

static void wipe_message(const rd_t* m) {
  uvssh__wipe((void*) (uintptr_t) m->at, rd_left(m));
}

static int one_message(struct session* s, uint8_t** p, size_t* n) {
  rd_t m, whole;
  int err = uvssh__packet_next(&s->transport, p, n, &m);
  int wipe;

  if (err <= 0)
    return err;
  s->heard_at = desk_now(&s->desk);
  s->missed = 0;
  whole = m;
  wipe = is_of_login(&m);          /* NEWKEYS goes, with a stream */
  err = within_preauth(s) ? uvssh__dispatch(s, &m) : UVSSH_ELIMIT;
  if (wipe)
    wipe_message(&whole);
  if (err == 0)
    after_message(s);
  return err == 0 ? 1 : err;
}

/* 1: go on; 0: more bytes are needed; or a code. */
static int step(struct session* s, uint8_t** p, size_t* n) {
  size_t before = *n;
  int err;

  if (s->transport.phase != T_IDENT)
    return one_message(s, p, n);
  err = uvssh__ident_feed(&s->transport, p, n);
  s->transport.in.bytes += before - *n;
  if (err == 0 && !within_preauth(s))
    err = UVSSH_ELIMIT;
  return err != 0 ? err : s->transport.phase != T_IDENT;
}

/* Before login there is never so much. */
static void yield_if_late(struct session* s, size_t n, unsigned messages) {
  if (!s->desk.logged_in || (n == 0 && packet_kept(&s->transport) == 0) ||
      !desk_is_late(&s->desk, messages))
    return;
  s->yielded = 1;
  desk_wake(&s->desk);
}

static void run_input(struct session* s, uint8_t* p, size_t n) {
  unsigned messages = 0;
  int err = 1;

  while (err > 0 && s->ending <= E_EMPTYING && !is_paused(s)) {
    err = step(s, &p, &n);
    if (s->desk.failed != 0)       /* that came first */
      err = s->desk.failed;
    if (err > 0)
      yield_if_late(s, n, ++messages);
  }
  if (err < 0)
    uvssh__session_fail(s, err);
  if (s->ending > E_EMPTYING)
    return;
  if (n != 0)
    err = uvssh__packet_keep(&s->transport, p, n);
  if (err < 0)
    uvssh__session_fail(s, err);
  else
    uvssh__packet_tidy(&s->transport);
}

static void trace_last(const struct session* s, const rd_t* m) {
  const str_t whole = { m->at, rd_left(m) };
  const str_t none = { NULL, 0 };

  uvssh__trace(&s->transport, 0, s->transport.in.seq - 1, whole, none);
}

/* We have said DISCONNECT, in peace: what still comes is dropped, but for the
 * peer's own. Two ends that say it at once would wait for each other. */
static void run_last(struct session* s, uint8_t* p, size_t n) {
  uint8_t number;
  rd_t m;
  int err = 1;

  while (err > 0 && !s->deaf) {
    err = uvssh__packet_next(&s->transport, &p, &n, &m);
    if (err > 0 && s->desk.traced)
      trace_last(s, &m);
    if (err > 0 && is_of_login(&m))
      wipe_message(&m);
    number = err > 0 ? rd_u8(&m) : 0;
    if (number == MSG_DISCONNECT && !s->lost)
      s->lost = UVSSH_EDISCONNECT;
    s->deaf = err < 0 || s->lost || number == MSG_NEWKEYS;
  }
}

/* What waited in the tail while input was paused. */
static void resume_input(struct session* s) {
  if (s->ending <= E_EMPTYING && packet_kept(&s->transport) != 0 &&
      !is_paused(s) && s->transport.phase != T_IDENT)
    run_input(s, NULL, 0);
}

void uvssh__session_feed(struct session* s, uint8_t* bytes, size_t n) {
  if (s->ending <= E_EMPTYING)
    run_input(s, bytes, n);
  else if (s->ending == E_SAYING && s->end.status == 0)
    run_last(s, bytes, n);
  desk_wake(&s->desk);
}

/* What came before the end is read before the end: it waits while a logged-in
 * session's input pauses (for a job, or for on_ready: not for long). */
static void end_if_lost(struct session* s) {
  if (!s->lost || s->ending > E_EMPTYING)
    return;
  if (s->desk.logged_in && packet_kept(&s->transport) != 0 && is_paused(s))
    return;
  uvssh__session_gone(s, s->lost);
}

void uvssh__session_lost(struct session* s, int status) {
  if (s->lost == 0)
    s->lost = status;
  resume_input(s);
  end_if_lost(s);
  desk_wake(&s->desk);
}

void uvssh__session_unwritable(struct session* s,
                               int status,
                               uint64_t wait_ms) {
  uint64_t now = desk_now(&s->desk);

  if (s->lost || s->unwritable)
    return;
  s->unwritable = status;
  s->unwritable_until = wait_ms < UINT64_MAX - now ? now + wait_ms : UINT64_MAX;
  if (s->ending > E_EMPTYING)
    uvssh__session_lost(s, status);
  desk_wake(&s->desk);
}

static void end_if_unwritable(struct session* s) {
  if (s->unwritable && !s->lost &&
      (desk_now(&s->desk) >= s->unwritable_until ||
       uvssh__replies_pile_up(&s->transport)))
    uvssh__session_lost(s, s->unwritable);
}

void uvssh__session_job(struct session* s, struct job* job) {
  int err = uvssh__job_finish(job);

  if (err != 0)
    uvssh__session_fail(s, err);
  else
    after_message(s);
  desk_wake(&s->desk);
}

/* ---- a turn of the loop -------------------------------------------------- */

static void complete_start(struct session* s) {
  uvssh_req_t* req = s->start_req;

  if (req == NULL || s->auth.phase == A_SERVICE)
    return;
  s->start_req = NULL;
  uvssh__request_done(&s->desk, req, 0);
}

static void complete_rekey(struct session* s) {
  struct transport* t = &s->transport;
  uvssh_req_t* req = t->rekey_req;

  if (!t->rekey_done || req == NULL)
    return;
  t->rekey_done = 0;
  t->rekey_req = NULL;
  uvssh__request_done(&s->desk, req, 0);
}

static void tell_ready(struct session* s) {
  if (!s->desk.logged_in || s->told_ready || s->ending != E_RUNNING)
    return;
  s->told_ready = 1;
  s->is_ready = 1;
  s->data_at = s->heard_at = desk_now(&s->desk);
  if (s->desk.is_server)
    uvssh__hostkeys_tell(&s->conn);
  if (s->desk.on.on_ready != NULL)
    s->desk.on.on_ready(s->desk.pub);
}

static void rekey_if_due(struct session* s) {
  if (s->desk.logged_in && s->transport.hs == NULL &&
      s->transport.phase == T_READY && uvssh__rekey_is_due(&s->transport))
    uvssh__kex_start(&s->transport);
}

static void turn_running(struct session* s) {
  if (s->desk.failed != 0) {
    uvssh__session_fail(s, s->desk.failed);
    return;
  }
  uvssh__session_tick(s);
  if (s->ending > E_EMPTYING)
    return;
  tell_ready(s);
  resume_input(s);
  end_if_unwritable(s);
  end_if_lost(s);
  complete_start(s);
  complete_rekey(s);
  uvssh__pings_again(&s->conn);
}

void uvssh__session_turn(struct session* s) {
  s->yielded = 0;
  if (s->ending <= E_EMPTYING)
    turn_running(s);
  uvssh__requests_run(&s->desk);
  uvssh__auth_client_tidy(&s->auth);
  uvssh__conn_work(&s->conn);
  if (s->ending <= E_EMPTYING) {
    rekey_if_due(s);
    uvssh__conn_pump(&s->conn);
  }
  if (s->ending <= E_EMPTYING && s->desk.failed != 0)
    uvssh__session_fail(s, s->desk.failed);
  uvssh__session_end_step(s);
}

/* ---- out ----------------------------------------------------------------- */

/* Input that waited for replies to leave goes on. */
int uvssh__session_output(struct session* s, uv_buf_t* out) {
  int piled_up = uvssh__replies_pile_up(&s->transport);

  if (s->lost || s->unwritable || s->ending >= E_READERS || !s->started ||
      !uvssh__output_next(&s->transport, out))
    return 0;
  if (piled_up)
    desk_wake(&s->desk);
  return 1;
}

/* Whatever else it leads to, a completion or a packet, wakes by itself; so a
 * reply that has left costs no second turn. */
void uvssh__session_wrote(struct session* s) {
  uvssh__output_done(&s->transport);
  uvssh__conn_written(&s->conn);
  if (s->ending <= E_EMPTYING)
    uvssh__conn_pump(&s->conn);
  if (s->transport.blocks != NULL || s->ending != E_RUNNING)
    desk_wake(&s->desk);
}
