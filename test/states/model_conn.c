/* model_conn.c: channels: RFC 4254 section 5; see model.h. */
#include "model.h"

enum { PACKET_LEAST = 9 };

struct model_channel* model_channel(struct model* m, uint32_t id) {
  unsigned i;

  for (i = 0; i < CHANNELS_MAX; i++)
    if (m->channels[i].used && m->channels[i].id == id)
      return &m->channels[i];
  return NULL;
}

unsigned model_channel_count(const struct model* m) {
  unsigned n = 0;
  unsigned i;

  for (i = 0; i < CHANNELS_MAX; i++)
    n += m->channels[i].used != 0;
  for (i = 0; i < m->question_count; i++)
    n += m->questions[i].about == ABOUT_CHANNEL;
  return n;
}

static struct model_channel* channel_new(struct model* m) {
  struct model_channel* c = m->channels;

  while (c->used)
    c++;
  CHECK(c < m->channels + CHANNELS_MAX);
  memset(c, 0, sizeof(*c));
  c->used = c->has_user = 1;
  c->id = m->next_id++;
  c->window_in = m->config->window_bytes;
  return c;
}

/* ---- what leaves --------------------------------------------------------- */

void model_drop_asks(struct model* m, struct model_channel* c) {
  unsigned i = 0;

  while (i < m->question_count) {
    if (m->questions[i].about == ABOUT_ASK && m->questions[i].channel == c->id)
      model_drop(m, &m->questions[i]);
    else
      i++;
  }
  c->waiting = 0;
}

static void user_is_told(struct model* m, struct model_channel* c, int status) {
  for (; c->asked > 0; c->asked--)
    notes_add(&m->events, "answered %u UV_ECANCELED", (unsigned) c->id);
  notes_add(&m->events, "closed %u %s", (unsigned) c->id,
            uvssh_err_name(status));
  model_drop_asks(m, c);
  c->closing = 1;
  c->has_user = 0;
}

static void item_leaves(struct model_channel* c) {
  struct model_item* first = &c->items[0];
  uint32_t n = first->len;

  if (first->what <= WHAT_STDERR) {
    if (n > c->window_out)
      n = c->window_out;
    c->window_out -= n;
    first->len -= n;
    c->sent[first->what] += n;
    if (first->len != 0)
      return;
  } else {
    c->sent[first->what]++;
  }
  if (first->what == WHAT_CLOSE)
    c->close_out = 1;
  c->item_count--;
  memmove(c->items, c->items + 1, c->item_count * sizeof(*first));
}

static int can_leave(const struct model* m, const struct model_channel* c) {
  return !m->quiet && !c->opening && c->item_count != 0 &&
         (c->items[0].what > WHAT_STDERR || c->window_out != 0);
}

void model_pump(struct model* m) {
  struct model_channel* c;

  for (c = m->channels; c < m->channels + CHANNELS_MAX && !m->over; c++) {
    if (!c->used || c->opening)
      continue;
    while (can_leave(m, c)) {
      item_leaves(c);
      c->linger_at = m->now + m->config->linger_ms;
    }
    if (c->has_user && !c->told && !c->closing && c->eof_in) {
      c->told = 1;
      notes_add(&m->events, "end %u", (unsigned) c->id);
    }
    if (c->has_user && c->close_out && (c->closing || c->close_in))
      user_is_told(m, c, 0);
    if (!c->has_user && c->close_in && c->close_out)
      c->used = 0;
  }
}

/* When a window grows is the session's own affair; how far is not. */
static uint32_t model_window(const struct model* m) {
  return m->config->window_most_bytes > m->config->window_bytes
             ? m->config->window_most_bytes
             : m->config->window_bytes;
}

int model_credit(struct model* m, uint32_t peer_id, uint32_t bytes) {
  struct model_channel* c;

  for (c = m->channels; c < m->channels + CHANNELS_MAX; c++) {
    if (!c->used || c->opening || c->peer_id != peer_id)
      continue;
    if (c->eof_in || c->sent[WHAT_CLOSE] != 0 || c->close_out || m->quiet ||
        bytes == 0 || bytes > model_window(m) - c->window_in)
      return 0;
    c->window_in += bytes;
    return 1;
  }
  return 0;
}

/* ---- channels ------------------------------------------------------------ */

void model_opened(struct model* m, struct model_question* q, enum say say) {
  struct model_channel* c;
  uint32_t peer_id = q->peer_id;
  uint32_t window = q->window;
  uint32_t packet = q->packet;

  model_drop(m, q);
  if (say != SAY_YES) {
    model_say(m, 92, "%u", (unsigned) peer_id);
    return;
  }
  c = channel_new(m);
  c->peer_id = peer_id;
  c->window_out = window;
  c->packet_out = packet;
  model_say(m, 91, "%u %u", (unsigned) peer_id, (unsigned) c->id);
}

/* RFC 4254 sections 6.1 and 7.2: a client is asked for neither of these, and
 * for what it has not requested, which is all that there is. */
static int may_open(const struct model* m, const struct message_row* row,
                    str_t name) {
  static const char* const unasked[] = { "auth-agent@openssh.com",
    "forwarded-streamlocal@openssh.com", "x11", "forwarded-tcpip" };
  size_t i;

  if (row->key_text != NULL)
    return m->is_server && !(m->no_sessions && str_is(name, "session"));
  for (i = 0; i < ARRAY_SIZE(unasked) && !m->is_server; i++)
    if (str_is(name, unasked[i]))
      return 0;
  return model_has_at(name);
}

static void hear_open(struct model* m, const struct message_row* row,
                      str_t body) {
  struct model_question* q;
  struct fields f;

  if (!message_parse(row->types, body, &f) ||
      (may_open(m, row, f.s[0]) && f.u[3] < PACKET_LEAST)) {
    model_end(m, 2);
    return;
  }
  if (!may_open(m, row, f.s[0]) || !m->is_server ||
      model_channel_count(m) >= m->config->channels) {
    model_say(m, 92, "%u", (unsigned) f.u[1]);
    return;
  }
  notes_add(&m->events, "open %.*s", (int) (f.s[0].len < 30 ? f.s[0].len : 30),
            f.s[0].len == 0 ? "" : (const char*) f.s[0].base);
  q = model_put(m, ABOUT_CHANNEL);
  q->peer_id = f.u[1];
  q->window = f.u[2];
  q->packet = f.u[3];
  if (m->say_channel != SAY_NOTHING)
    model_opened(m, q, m->say_channel);
}

static void hear_opened(struct model* m, struct model_channel* c,
                        unsigned number, const struct fields* f) {
  if (number == 91 && f->u[3] < PACKET_LEAST) {
    model_end(m, 2);
    return;
  }
  if (c->has_user)
    notes_add(&m->events, "opened %u %s", (unsigned) c->id,
              number == 91 ? "0" : "UVSSH_EOPEN");
  c->opening = 0;
  if (number == 92) {
    c->used = 0;
    return;
  }
  c->peer_id = f->u[1];
  c->window_out = f->u[2];
  c->packet_out = f->u[3];
  if (!c->has_user) {              /* it was closed meanwhile */
    c->closing = c->eof_queued = 1;
    c->items[c->item_count++].what = WHAT_CLOSE;
  }
}

static void hear_data(struct model* m, struct model_channel* c, int stream,
                      uint32_t code, str_t data) {
  if (c->close_in || (c->eof_in && !c->close_out) ||
      data.len > c->window_in || data.len > m->config->packet_bytes) {
    model_end(m, 2);
    return;
  }
  c->window_in -= (uint32_t) data.len;
  if (!c->close_out && !c->closing && data.len != 0 &&
      code == (uint32_t) stream)
    notes_add(&m->events, "data %u %d %u", (unsigned) c->id, stream,
              (unsigned) data.len);
}

static void hear_close(struct model* m, struct model_channel* c) {
  unsigned i;

  c->close_in = c->eof_in = 1;
  model_drop_asks(m, c);
  if (c->close_out)
    return;
  /* What was to be sent goes; what ends the channel stays. */
  for (i = 0; i < c->item_count;) {
    if (c->items[i].what > WHAT_STDERR) {
      i++;
      continue;
    }
    c->item_count--;
    memmove(&c->items[i], &c->items[i + 1],
            (c->item_count - i) * sizeof(c->items[0]));
  }
  if (!c->closing)
    c->items[c->item_count++].what = WHAT_CLOSE;
  c->eof_queued = 1;
}

/* On a channel that is there. */
static void hear_on(struct model* m, struct model_channel* c,
                    const struct message_row* row, const struct fields* f) {
  if (c->opening) {
    model_end(m, 2);
    return;
  }
  switch (row->number) {
    case 93:
      if (f->u[1] > UINT32_MAX - c->window_out)
        model_end(m, 2);
      else
        c->window_out += f->u[1];
      break;
    case 94: hear_data(m, c, 0, 0, f->s[1]); break;
    case 95: hear_data(m, c, 1, f->u[1], f->s[2]); break;
    case 96:
      if (c->close_in || (c->eof_in && !c->close_out))
        model_end(m, 2);
      else
        c->eof_in = 1;
      break;
    case 97:
      if (c->close_in)
        model_end(m, 2);
      else
        hear_close(m, c);
      break;
    case 98:
      if (c->close_in)
        model_end(m, 2);
      else if (!c->close_out)
        model_hear_request(m, c, row, f);
      break;
    default:
      if (c->asked == 0)
        break;
      c->asked--;
      notes_add(&m->events, "answered %u %s", (unsigned) c->id,
                row->number == 99 ? "0" : "UVSSH_EREQUEST");
      break;
  }
}

static void hear_channel(struct model* m, const struct message_row* row,
                         str_t body) {
  struct model_channel* c;
  struct fields f;
  const char* types = row->types;

  if (row->number == 98 && message_prefix("utb", body, &f)) {
    c = model_channel(m, f.u[0]);
    if (c == NULL || c->opening || c->close_in || c->close_out)
      types = "utb*";              /* nobody looks at the rest */
  }
  if (!message_parse(types, body, &f)) {
    model_end(m, 2);
    return;
  }
  c = model_channel(m, f.u[0]);
  if ((row->number == 91 || row->number == 92)) {
    if (row->number == 91 && f.u[3] < PACKET_LEAST)
      model_end(m, 2);
    else if (c == NULL || !c->opening)
      model_end(m, 2);
    else
      hear_opened(m, c, row->number, &f);
  } else if (c != NULL) {
    hear_on(m, c, row, &f);
  } else if (f.u[0] >= m->next_id) {
    model_end(m, 2);               /* it never was */
  }
}

void model_hear_conn(struct model* m, unsigned number, str_t body) {
  uint8_t payload[PAYLOAD_MAX];
  const struct message_row* row;
  struct fields f;

  CHECK(body.len < sizeof(payload));
  payload[0] = (uint8_t) number;
  if (body.len != 0)
    memcpy(payload + 1, body.base, body.len);
  row = message_find(payload, body.len + 1);
  CHECK(row != NULL);
  if (number == 80) {
    model_hear_global(m, body);
  } else if (number == 81 || number == 82) {
    if (number == 82 && body.len != 0) {
      model_end(m, 2);
    } else if (m->asked > 0) {
      m->asked--;
      notes_add(&m->events, "answered g %s", number == 81 ? "0"
                                                          : "UVSSH_EREQUEST");
    }
  } else if (number == 90) {
    hear_open(m, row, body);
  } else if (message_parse("*", body, &f)) {
    hear_channel(m, row, body);
  }
}
