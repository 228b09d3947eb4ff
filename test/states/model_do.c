/* model_do.c: what the user does, and time; see model.h. */
#include "model.h"

enum { OUR_REQUESTS_MAX = 64, WAIT_MAX = 128 };

/* ---- answers ------------------------------------------------------------- */

static struct model_question* question(struct model* m, unsigned number) {
  unsigned i;

  for (i = 0; number != 0 && i < m->question_count; i++)
    if (m->questions[i].number == number)
      return &m->questions[i];
  return NULL;
}

static void answer(struct model* m, struct model_question* q, enum say say) {
  switch (q->about) {
    case ABOUT_HOSTKEY:
      model_drop(m, q);
      m->exchange_at = m->now;
      if (say == SAY_YES)
        model_newkeys(m);
      else
        model_end(m, 9);
      break;
    case ABOUT_LOGIN:
      model_drop(m, q);
      model_verdict(m, say);
      break;
    case ABOUT_FORM:
      model_drop(m, q);
      if (say == SAY_YES)
        model_form(m, say);
      else
        model_form(m, SAY_NO);
      break;
    case ABOUT_CHANNEL:
      model_opened(m, q, say);
      break;
    default:
      model_answered(m, q, say == SAY_YES ? 1 : -1);
      break;
  }
}

/* SAY_NOTHING: a login has passed in part. */
int model_answer(struct model* m, unsigned number, enum say say) {
  struct model_question* q = question(m, number);

  if (q == NULL || m->over)
    return UV_ECANCELED;
  answer(m, q, say);
  if (!m->over && !model_is_paused(m) && m->place != S6)
    model_go_on(m);
  if (!m->over)
    model_login_due(m);
  model_pump(m);
  return 0;
}

/* ---- the session --------------------------------------------------------- */

/* While keys are exchanged only so much of the user's waits for them. */
static int takes_messages(const struct model* m) {
  return m->deferred.count < WAIT_MAX;
}

int model_rekey(struct model* m) {
  if (m->over || !m->logged_in)
    return UV_ENOTCONN;
  if (m->place != S8 && m->place != C10)
    return UV_EBUSY;
  m->place = m->is_server ? S9 : C11;
  m->quiet = 1;
  m->exchange_at = m->now;
  m->rekey_asked = 1;
  notes_add(&m->wire, "20");
  return 0;
}

int model_attempt(struct model* m, unsigned method) {
  static const char* const names[] = { "", "none", "password", "",
                                       "publickey probe" };
  static const char bound[] = "publickey-hostbound-v00@openssh.com probe";

  if (m->over || m->place != C5)
    return UV_ENOTCONN;
  m->method = method;
  m->changes = 0;
  if (method == UVSSH_AUTH_PUBLICKEY && m->key_is_refused) {
    notes_add(&m->events, "login UVSSH_EAUTH");
    return 0;
  }
  model_say(m, 50, "%s",
            method == UVSSH_AUTH_PUBLICKEY && m->is_bound ? bound
                                                          : names[method]);
  m->place = method == UVSSH_AUTH_NONE       ? C6N
             : method == UVSSH_AUTH_PASSWORD ? C6P
                                             : C7;
  return 0;
}

int model_global(struct model* m, int want_reply) {
  if (m->over || !m->logged_in)
    return UV_ENOTCONN;
  if (m->asked >= OUR_REQUESTS_MAX || !takes_messages(m))
    return UV_ENOBUFS;
  m->asked += want_reply ? 1 : 0;
  model_say(m, 80, "%d", want_reply);
  return 0;
}

/* ---- channels ------------------------------------------------------------ */

int model_open(struct model* m) {
  struct model_channel* c;

  if (m->over || !m->logged_in)
    return UV_ENOTCONN;
  if (model_channel_count(m) >= m->config->channels)
    return UVSSH_ELIMIT;
  if (!takes_messages(m))
    return UV_ENOBUFS;
  for (c = m->channels; c->used; c++)
    ;
  memset(c, 0, sizeof(*c));
  c->used = c->opening = c->has_user = 1;
  c->id = m->next_id++;
  c->window_in = m->config->window_bytes;
  model_say(m, 90, "%u", (unsigned) c->id);
  return 0;
}

static int is_live(const struct model* m, const struct model_channel* c) {
  return !m->over && c->used && c->has_user && !c->opening && !c->closing &&
         !c->close_in;
}

int model_ask(struct model* m, struct model_channel* c, const char* name,
              int want_reply) {
  if (!is_live(m, c))
    return UV_ENOTCONN;
  if (c->asked >= OUR_REQUESTS_MAX || !takes_messages(m))
    return UV_ENOBUFS;
  c->asked += want_reply ? 1 : 0;
  model_say(m, 98, "%u %s %d", (unsigned) c->peer_id, name, want_reply);
  return 0;
}

static void queue_item(struct model_channel* c, enum what what, uint32_t len) {
  CHECK(c->item_count < ITEMS_MAX);
  c->items[c->item_count].what = what;
  c->items[c->item_count++].len = len;
}

int model_send(struct model* m, struct model_channel* c, enum what stream,
               uint32_t len) {
  if (!is_live(m, c))
    return UV_ENOTCONN;
  if (c->eof_queued)
    return UV_EPIPE;
  if (len != 0)
    queue_item(c, stream, len);
  model_pump(m);
  return 0;
}

int model_shutdown(struct model* m, struct model_channel* c) {
  if (!is_live(m, c))
    return UV_ENOTCONN;
  if (c->eof_queued)
    return UV_EPIPE;
  c->eof_queued = 1;
  queue_item(c, WHAT_EOF, 0);
  model_pump(m);
  return 0;
}

int model_exit(struct model* m, struct model_channel* c) {
  if (!is_live(m, c) || !m->is_server)
    return UV_ENOTCONN;
  queue_item(c, WHAT_EXIT, 0);
  model_close(m, c, 0);
  return 0;
}

static void drop_data(struct model_channel* c) {
  unsigned i = 0;

  while (i < c->item_count) {
    if (c->items[i].what > WHAT_STDERR) {
      i++;
      continue;
    }
    c->item_count--;
    memmove(&c->items[i], &c->items[i + 1],
            (c->item_count - i) * sizeof(c->items[0]));
  }
}

void model_close(struct model* m, struct model_channel* c, int drop) {
  if (m->over || !c->used || !c->has_user)
    return;
  if (c->opening) {                /* forgotten: closed when it is confirmed */
    notes_add(&m->events, "opened %u UV_ECANCELED", (unsigned) c->id);
    c->has_user = 0;
    return;
  }
  if (drop)
    drop_data(c);
  if (!c->closing) {
    c->closing = 1;
    c->linger_at = m->now + m->config->linger_ms;
    model_drop_asks(m, c);
    if (!c->eof_queued && !drop)
      queue_item(c, WHAT_EOF, 0);
    c->eof_queued = 1;
    if (!c->close_in)
      queue_item(c, WHAT_CLOSE, 0);
  }
  model_pump(m);
}

/* ---- time ---------------------------------------------------------------- */

/* A client's user may think about his login as long as he likes. */
static uint64_t exchange_deadline(const struct model* m) {
  return m->quiet || m->place == S11 || m->place == C13 || m->place == S3 ||
                 m->place == C3
             ? m->exchange_at + m->config->kex_timeout_ms
             : UINT64_MAX;
}

static uint64_t login_deadline(const struct model* m) {
  return m->is_server && !m->logged_in
             ? m->started_at + m->config->login_timeout_ms
             : UINT64_MAX;
}

static uint64_t linger_deadline(const struct model* m) {
  const struct model_channel* c;
  uint64_t first = UINT64_MAX;

  for (c = m->channels; c < m->channels + CHANNELS_MAX; c++)
    if (c->used && c->has_user && c->closing && c->linger_at < first)
      first = c->linger_at;
  return first;
}

static uint64_t deadline(const struct model* m) {
  uint64_t at[4] = { exchange_deadline(m), login_deadline(m),
                     linger_deadline(m), UINT64_MAX };
  uint64_t first = m->refuse_at != 0 ? m->refuse_at : UINT64_MAX;
  unsigned i;

  for (i = 0; i < ARRAY_SIZE(at); i++)
    first = at[i] < first ? at[i] : first;
  for (i = 0; i < m->question_count; i++)
    if (m->questions[i].deadline < first)
      first = m->questions[i].deadline;
  return first;
}

/* The user did not answer in time: that is a no. */
static void expire(struct model* m) {
  unsigned i = 0;

  while (i < m->question_count && !m->over) {
    if (m->questions[i].deadline > m->now) {
      i++;
      continue;
    }
    answer(m, &m->questions[i], SAY_NO);
    i = 0;
  }
}

static void stop_lingering(struct model* m) {
  struct model_channel* c;

  for (c = m->channels; c < m->channels + CHANNELS_MAX; c++) {
    if (!c->used || !c->has_user || !c->closing || c->linger_at > m->now)
      continue;
    for (; c->asked > 0; c->asked--)
      notes_add(&m->events, "answered %u UV_%s", (unsigned) c->id,
                c->items[0].what <= WHAT_STDERR ? "ETIMEDOUT" : "ECANCELED");
    notes_add(&m->events, "closed %u %s", (unsigned) c->id,
              c->items[0].what <= WHAT_STDERR ? "UV_ETIMEDOUT" : "0");
    c->has_user = 0;
    drop_data(c);
  }
}

static void due(struct model* m) {
  if (exchange_deadline(m) <= m->now || login_deadline(m) <= m->now) {
    model_end(m, 11);
    return;
  }
  model_login_due(m);
  expire(m);
  stop_lingering(m);
  if (!m->over && !model_is_paused(m) && m->place != S6)
    model_go_on(m);
  model_pump(m);
}

void model_sleep(struct model* m, uint64_t ms) {
  uint64_t until = m->now + ms;
  uint64_t at;

  m->any_order = 1;
  for (;;) {
    at = deadline(m);
    if (m->over || at > until)
      break;
    m->now = at;
    due(m);
  }
  m->now = until;
}
