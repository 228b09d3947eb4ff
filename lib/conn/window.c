/* window.c: how much the peer may send before we have consumed some. RFC 4254
 * section 5.2.
 *
 * Happy path: credit is given for what was consumed, in large steps. Each trip
 * of it is watched: from when it leaves to the first bytes that it allowed. A
 * peer that sent all it was allowed before, to the byte, and then nothing until
 * the credit was there, has been waiting for the window: where the reader had
 * kept up, and the wait is a good part of the time, the window doubles.
 * It halves again for each while in which a window is not used up. Credit
 * cannot be taken back: a window shrinks by what is consumed and not given
 * again, so that a silent peer keeps what it has, and it stays counted.
 *
 * Counted is what a peer may make us hold beyond the window that its channel
 * began with: in its session, and in the budget of the process.
 *
 * Never: a timer; a window that grows for a reader that is slow, or across a
 * way on which credit takes no time. */
#include "conn/conn.h"

enum {
  STEP_MOST = 1024 * 1024,         /* credit is given at this, at the latest */
  GROWTH_LEAST = 16 * 1024,        /* the rest of a budget that is worth it */
  TRIP_LEAST_MS = 3,               /* credit that is faster caps nobody */
  UNUSED_MS = 4000,                /* longer than any way there and back */
  BUDGET_MIB = 256
};

static struct {                    /* of the process; any thread */
  size_t most;
  size_t used;
} budget = { (size_t) BUDGET_MIB << 20, 0 };

/* ---- the budget ---------------------------------------------------------- */

void uvssh_window_budget_set(uint64_t bytes) {
  size_t most = bytes < SIZE_MAX ? (size_t) bytes : SIZE_MAX;

  __atomic_store_n(&budget.most, most, __ATOMIC_RELAXED);
}

uint64_t uvssh_window_budget_used(void) {
  return __atomic_load_n(&budget.used, __ATOMIC_RELAXED);
}

/* A window has at most a quarter of what the others leave: some remains for
 * whoever comes later. */
static uint32_t budget_take(uint32_t has, uint32_t want) {
  size_t most = __atomic_load_n(&budget.most, __ATOMIC_RELAXED);
  size_t used = __atomic_load_n(&budget.used, __ATOMIC_RELAXED);
  size_t share;

  do {
    share = used < most ? (most - used + has) / 4 : 0;
    share = share > has ? share - has : 0;
    if (share < want && share < GROWTH_LEAST)
      return 0;
    share = share < want ? share : want;
  } while (!__atomic_compare_exchange_n(&budget.used, &used, used + share, 0,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  return (uint32_t) share;
}

static void budget_give(struct channel* ch, uint32_t n) {
  ch->window_grown -= n;
  __atomic_sub_fetch(&budget.used, n, __ATOMIC_RELAXED);
}

/* ---- what is counted ----------------------------------------------------- */

/* In the session: so much for this channel. */
static void reserve(struct channel* ch, uint32_t bytes) {
  ch->conn->desk->reserved += bytes;
  ch->conn->desk->reserved -= ch->window_counted;
  ch->window_counted = bytes;
}

/* Allowed, held, and consumed but not given back; when no more can come, only
 * what is held. */
static int64_t promised(const struct channel* ch) {
  if (!ch->eof_in && !ch->closing && !ch->conn->draining)
    return ch->window_max - (ch->credit < 0 ? ch->credit : 0);
  return ch->held == NULL ? 0 : ch->window_max - ch->credit - ch->window_in;
}

/* What the peer can no longer make us hold is not counted any more. */
static void count(struct channel* ch) {
  int64_t beyond = promised(ch) - ch->window_start;

  if (beyond < 0)
    beyond = 0;
  if (beyond < ch->window_grown)
    budget_give(ch, ch->window_grown - (uint32_t) beyond);
  reserve(ch, ch->window_start + (uint32_t) beyond);
}

/* ---- its size ------------------------------------------------------------ */

/* Goes round after 49 days: only differences count. */
static uint32_t now(const struct channel* ch) {
  return (uint32_t) desk_now(ch->conn->desk);
}

void uvssh__window_begin(struct channel* ch, uint32_t bytes) {
  ch->window_start = ch->window_max = ch->window_in = bytes;
  ch->lap_at = now(ch);
  reserve(ch, bytes);
}

void uvssh__window_end(struct channel* ch) {
  budget_give(ch, ch->window_grown);
  reserve(ch, 0);
}

static uint32_t least(uint64_t a, uint64_t b) {
  return (uint32_t) (a < b ? a : b);
}

/* The first half of session_bytes is for this; the other one is left to the
 * beginnings of other channels. */
static uint32_t growth(const struct channel* ch) {
  const struct desk* d = ch->conn->desk;
  uint32_t most = d->config.window_most_bytes;
  uint64_t half = d->config.session_bytes / 2;

  if (ch->window_max >= most || d->reserved >= half)
    return 0;
  return least(least(ch->window_max, most - ch->window_max),
               half - d->reserved);
}

static void grow(struct channel* ch) {
  uint32_t more = budget_take(ch->window_grown, growth(ch));

  ch->window_grown += more;
  ch->window_max += more;
  ch->credit += more;
  count(ch);
}

/* Halves it for each while that has passed since one was last used up. */
static void shrink(struct channel* ch, uint32_t unused_ms) {
  uint32_t halvings = unused_ms / UNUSED_MS;
  uint32_t bytes = halvings < 32 ? ch->window_max >> halvings : 0;

  if (bytes < ch->window_start)
    bytes = ch->window_start;
  ch->credit -= ch->window_max - bytes;
  ch->window_max = bytes;
  count(ch);
}

/* Allowed, held and consumed bytes together are window_max: a smaller one is
 * paid for by what will be consumed. */
int uvssh_channel_set_window(uvssh_channel_t* channel, uint32_t bytes) {
  struct channel* ch = uvssh__channel_live(channel);

  if (bytes < 1024 || bytes > INT32_MAX)
    return UV_EINVAL;
  if (ch == NULL)
    return UV_ENOTCONN;
  ch->credit += (int64_t) bytes - ch->window_max;
  ch->window_start = ch->window_max = bytes;
  ch->is_fixed = 1;
  ch->watching = 0;
  count(ch);
  uvssh__channel_touch(ch);
  return 0;
}

/* ---- trips of credit ----------------------------------------------------- */

static void watch(struct channel* ch) {
  if (ch->watching || ch->is_fixed)
    return;
  ch->watching = 1;
  ch->before = ch->window_in;
  ch->left_at = ch->quiet_at = now(ch);
}

/* The wait was a good part of the time since the last trip ended, so the window
 * is what the peer waited for, and no pause of its own or of the reader; and
 * credit does take time on this way. */
static int has_waited(const struct channel* ch, uint32_t at) {
  uint32_t wait = at - ch->quiet_at;

  return ch->before == 0 && ch->held == NULL && ch->reading &&
         wait > (at - ch->lap_at) / 8 &&
         ch->conn->trip_least_ms >= TRIP_LEAST_MS;
}

/* The first bytes that a credit allowed are here. */
static void back(struct channel* ch) {
  uint32_t at = now(ch);

  if (at - ch->left_at < ch->conn->trip_least_ms)
    ch->conn->trip_least_ms = at - ch->left_at;
  if (at - ch->lap_at >= UNUSED_MS)
    shrink(ch, at - ch->lap_at);
  else if (has_waited(ch, at))
    grow(ch);
  ch->watching = 0;
  ch->lap_at = at;
}

void uvssh__window_arrived(struct channel* ch, uint32_t n) {
  ch->window_in -= n;
  if (!ch->watching)
    return;
  if (n > ch->before)
    back(ch);
  else
    ch->before -= n;
}

/* ---- credit -------------------------------------------------------------- */

/* Half of the window at least, for its other half keeps the peer going. */
static int64_t step(const struct channel* ch) {
  return least(ch->window_max / 2, STEP_MOST);
}

/* Only what has grown is looked at by the clock for each piece. */
static void look_at_time(struct channel* ch) {
  uint32_t at = now(ch);

  if (at - ch->lap_at >= UNUSED_MS) {
    shrink(ch, at - ch->lap_at);
    ch->lap_at = at;
  }
}

void uvssh__window_consumed(struct channel* ch, size_t n) {
  ch->credit += (int64_t) n;
  if (ch->watching && ch->before == 0)
    ch->quiet_at = now(ch);
  if (ch->window_max > ch->window_start)
    look_at_time(ch);
  if (ch->window_counted > ch->window_start)
    count(ch);
  if (ch->credit >= step(ch))
    uvssh__channel_touch(ch);
}

/* Not for less than a step, and never during an exchange: it would have to
 * wait, and there may be one of these for every channel. */
void uvssh__window_give(struct channel* ch) {
  struct transport* t = ch->conn->transport;
  struct buf* m;

  count(ch);
  if (ch->eof_in || ch->close_out || ch->closing || !ch->open)
    return;
  if (ch->credit <= 0 || ch->credit < step(ch))
    return;
  if (t->kexinit_sent) {
    ch->conn->credit_waits = 1;
    return;
  }
  m = uvssh__message(t, MSG_CHANNEL_WINDOW_ADJUST);
  wr_u32(m, ch->peer_id);
  wr_u32(m, (uint32_t) ch->credit);
  uvssh__send(t);
  watch(ch);
  ch->window_in += (uint32_t) ch->credit;
  ch->credit = 0;
}
