/* timer.c: all the times of a session, in one place: when something is due
 * next, and what is due now. The session itself has no clock: desk_now() is
 * the time of whoever runs it.
 *
 *   identification, key exchange, login   from their start
 *   idle                                  from the last channel data
 *   keepalive                             from the last packet of any kind
 *   re-exchange                           from the last NEWKEYS
 *   refusals, open questions, lingering   each its own
 */
#include "session/session.h"

static uint64_t after(uint64_t from, uint64_t ms) {
  return ms == 0 ? UINT64_MAX : from + ms;
}

static uint64_t least(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static int is_exchanging(const struct session* s) {
  return s->transport.hs != NULL;
}

/* In a client the user's time is free: while he thinks about a question, or
 * about how to log in, no clock runs. */
static int is_thinking(const struct session* s) {
  if (s->desk.is_server || s->desk.logged_in)
    return 0;
  return !queue_empty(&s->desk.questions) || s->auth.phase == A_IDLE;
}

/* The login is counted from the start, and without his time. */
static void count_thinking(struct session* s) {
  uint64_t now = desk_now(&s->desk);

  if (s->thinking)
    s->started_at += now - s->thought_at;
  s->thinking = is_thinking(s);
  s->thought_at = now;
}

static uint64_t exchange_deadline(const struct session* s) {
  if (!is_exchanging(s) || s->transport.phase == T_IDENT || is_thinking(s))
    return UINT64_MAX;
  return after(s->transport.kex_started, s->desk.config.kex_timeout_ms);
}

static uint64_t login_deadline(const struct session* s) {
  const uvssh_config_t* c = &s->desk.config;
  uint64_t first = UINT64_MAX;

  if (s->desk.logged_in || is_thinking(s))
    return UINT64_MAX;
  if (s->transport.phase == T_IDENT)
    first = after(s->started_at, c->ident_timeout_ms);
  return least(first, after(s->started_at, c->login_timeout_ms));
}

/* When a keepalive is sent, or one that was sent counts as missed. */
static uint64_t keepalive_deadline(const struct session* s) {
  uint64_t from = s->asked_at > s->heard_at ? s->asked_at : s->heard_at;

  if (is_exchanging(s))            /* the exchange has its own deadline */
    return UINT64_MAX;
  return after(from, s->desk.config.keepalive_ms);
}

static uint64_t running_deadline(const struct session* s) {
  const uvssh_config_t* c = &s->desk.config;
  uint64_t first;

  if (!s->desk.logged_in)
    return UINT64_MAX;
  first = least(after(s->data_at, c->idle_timeout_ms), keepalive_deadline(s));
  if (!is_exchanging(s))
    first = least(first, after(s->transport.kex_finished, c->rekey_ms));
  return first;
}

uint64_t uvssh__session_deadline(const struct session* s) {
  uint64_t first = UINT64_MAX;

  if (!s->started || s->ending == E_CLOSED)
    return UINT64_MAX;
  if (s->ending == E_SAYING || s->ending == E_EMPTYING)
    first = s->linger_at;
  if (s->ending > E_EMPTYING)
    return first;
  if (s->unwritable && !s->lost)
    first = least(first, s->unwritable_until);
  first = least(first, exchange_deadline(s));
  first = least(first, login_deadline(s));
  first = least(first, running_deadline(s));
  first = least(first, uvssh__questions_deadline(&s->desk));
  first = least(first, uvssh__auth_deadline(&s->auth));
  return least(first, uvssh__conn_deadline(&s->conn));
}

static int tick_timeouts(struct session* s) {
  uint64_t now = desk_now(&s->desk);

  if (exchange_deadline(s) <= now || login_deadline(s) <= now)
    return UV_ETIMEDOUT;
  if (s->desk.logged_in &&
      after(s->data_at, s->desk.config.idle_timeout_ms) <= now)
    return UV_ETIMEDOUT;
  return 0;
}

static int tick_keepalive(struct session* s) {
  if (!s->desk.logged_in || keepalive_deadline(s) > desk_now(&s->desk))
    return 0;
  if (s->missed >= s->desk.config.keepalive_count)
    return UV_ETIMEDOUT;
  s->missed++;
  s->asked_at = desk_now(&s->desk);
  uvssh__keepalive_send(&s->conn);
  return 0;
}

void uvssh__session_tick(struct session* s) {
  int err;

  if (!s->started || s->ending > E_EMPTYING)
    return;
  count_thinking(s);
  err = tick_timeouts(s);
  if (err == 0)
    err = tick_keepalive(s);
  if (err == 0)
    err = uvssh__auth_tick(&s->auth);
  if (err != 0) {
    uvssh__session_fail(s, err);
    return;
  }
  uvssh__questions_expire(&s->desk);
  uvssh__conn_tick(&s->conn);
}
