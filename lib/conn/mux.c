/* mux.c: channel numbers, and how channels begin. RFC 4254 section 5.1.
 *
 * Happy path: OPEN is put to the user, who accepts into an object of his;
 * CONFIRMATION leaves. Ours the other way round.
 * Failures: an unknown type, the limit of channels, no room for a window: all
 * answered with OPEN_FAILURE, the session goes on.
 *
 * Numbers are never used twice in a session. */
#include "conn/conn.h"

enum { PACKET_LEAST = 9 };

struct open {                      /* a channel that the peer asks for */
  struct queue link;
  struct question question;
  struct conn* conn;
  uint32_t peer_id;
  uint32_t window;
  uint32_t packet;
};

void uvssh__conn_init(struct conn* c,
                      struct desk* desk,
                      struct transport* transport) {
  memset(c, 0, sizeof(*c));
  c->desk = desk;
  c->transport = transport;
  c->table = c->first_table;
  c->table_size = ARRAY_SIZE(c->first_table);
  c->trip_least_ms = UINT32_MAX;
  queue_init(&c->ready);
  queue_init(&c->work);
  queue_init(&c->sent);
  queue_init(&c->opens);
  queue_init(&c->asks);
  queue_init(&c->requests);
  queue_init(&c->pings);
  c->rtt_ms = -1;
}

/* ---- the table ----------------------------------------------------------- */

struct channel* uvssh__mux_find(const struct conn* c, uint32_t id) {
  struct channel* ch;

  if (c->table_size == 0)
    return NULL;
  for (ch = c->table[id & (c->table_size - 1)]; ch != NULL; ch = ch->next)
    if (ch->id == id)
      return ch;
  return NULL;
}

static void insert(struct channel** table, unsigned size, struct channel* ch) {
  struct channel** bucket = &table[ch->id & (size - 1)];

  ch->next = *bucket;
  *bucket = ch;
}

static void table_free(struct conn* c) {
  if (c->table != c->first_table)
    uvssh__free(c->table);
}

static int grow(struct conn* c) {
  unsigned size = c->table_size * 2;
  struct channel** table;
  struct channel* next;
  struct channel* ch;
  unsigned i;

  if (c->count < c->table_size)
    return 0;
  table = (struct channel**) uvssh__calloc(size, sizeof(struct channel*));
  if (table == NULL)
    return UV_ENOMEM;
  for (i = 0; i < c->table_size; i++) {
    for (ch = c->table[i]; ch != NULL; ch = next) {
      next = ch->next;
      insert(table, size, ch);
    }
  }
  table_free(c);
  c->table = table;
  c->table_size = size;
  return 0;
}

/* Every channel may be made to hold window_max bytes; together they stay below
 * session_bytes. Its first half is given out freely, of the second each channel
 * gets a small share, so the windows get smaller while many are open. */
static uint32_t window_for(const struct desk* d) {
  uint64_t left = d->config.session_bytes > d->reserved
                      ? d->config.session_bytes - d->reserved
                      : 0;
  uint64_t share = left > d->config.session_bytes / 2 ? left / 2 : left / 32;
  uint32_t window = d->config.window_bytes;

  if (share < WINDOW_LEAST)
    share = WINDOW_LEAST;
  if (left < WINDOW_LEAST && left < window)
    return 0;
  return share < window ? (uint32_t) share : window;
}

static struct channel* add(struct conn* c,
                           uvssh_channel_t* pub,
                           const uvssh_channel_handlers_t* handlers) {
  uint32_t window = window_for(c->desk);
  struct channel* ch;

  if (window == 0 || c->next_id == UINT32_MAX || grow(c) != 0)
    return NULL;
  ch = uvssh__channel_new(c, pub, handlers);
  if (ch == NULL)
    return NULL;
  ch->id = c->next_id++;
  uvssh__window_begin(ch, window);
  ch->packet_in = c->desk->config.packet_bytes;
  c->count++;
  insert(c->table, c->table_size, ch);
  pub->session = c->desk->pub;
  pub->id = (uint64_t) ch->id + 1;
  pub->impl = ch;
  return ch;
}

void uvssh__mux_remove(struct channel* ch) {
  struct conn* c = ch->conn;
  struct channel** at = &c->table[ch->id & (c->table_size - 1)];

  while (*at != ch)
    at = &(*at)->next;
  *at = ch->next;
  c->count--;
  uvssh__window_end(ch);
  uvssh__channel_free(ch);
}

/* ---- the peer opens ------------------------------------------------------ */

static void refuse(struct conn* c,
                   uint32_t peer_id,
                   unsigned reason,
                   const char* text) {
  struct buf* m = uvssh__message(c->transport, MSG_CHANNEL_OPEN_FAILURE);
  size_t len = strlen(text);

  wr_u32(m, peer_id);
  wr_u32(m, reason);
  wr_str(m, text, len < 256 ? len : 256);
  wr_cstr(m, "");                  /* language tag */
  uvssh__send(c->transport);
}

static void open_free(struct open* o) {
  uvssh__question_close(&o->question);
  queue_remove(&o->link);
  o->conn->open_count--;
  uvssh__free(o);
}

static int confirm(struct open* o, const struct answer* a) {
  struct conn* c = o->conn;
  struct channel* ch;
  struct buf* m;
  int err = a->channel->impl != NULL ? UV_EBUSY : 0;

  ch = err != 0 ? NULL : add(c, a->channel, a->handlers);
  if (ch == NULL) {
    refuse(c, o->peer_id, UVSSH_OPEN_SHORTAGE, "no room");
    return err != 0 ? err : UV_ENOMEM;
  }
  ch->open = 1;
  ch->peer_id = o->peer_id;
  ch->window_out = o->window;
  ch->packet_out = o->packet < DATA_MAX ? o->packet : DATA_MAX;
  m = uvssh__message(c->transport, MSG_CHANNEL_OPEN_CONFIRMATION);
  wr_u32(m, ch->peer_id);
  wr_u32(m, ch->id);
  wr_u32(m, ch->window_in);
  wr_u32(m, ch->packet_in);
  uvssh__send(c->transport);
  return 0;
}

static int on_answer(struct question* q, const struct answer* a) {
  struct open* o = (struct open*) q->owner;
  int err = 0;

  switch (a->kind) {
    case ANSWER_CHANNEL:
      err = confirm(o, a);
      break;
    case ANSWER_NO_CHANNEL:
      refuse(o->conn, o->peer_id, a->number, a->text);
      break;
    case ANSWER_REJECT:
      refuse(o->conn, o->peer_id, UVSSH_OPEN_PROHIBITED, "refused");
      break;
    default:
      return UV_EINVAL;
  }
  open_free(o);
  return err;
}

static int ask(struct conn* c,
               struct open* from,
               const uvssh_channel_open_t* what) {
  struct desk* d = c->desk;
  struct open* o = (struct open*) uvssh__calloc(1, sizeof(*o));
  int err;

  if (o == NULL)
    return UV_ENOMEM;
  o->conn = c;
  o->peer_id = from->peer_id;
  o->window = from->window;
  o->packet = from->packet;
  o->question.owner = o;
  err = uvssh__question_open(&o->question, d, on_answer);
  if (err != 0) {
    uvssh__free(o);
    return err;
  }
  queue_push(&c->opens, &o->link);
  c->open_count++;
  d->on.on_channel(d->pub, what, o->question.reply);
  return 0;
}

/* 0: may be put to the user; or an UVSSH_OPEN_*. */
static unsigned may_ask(const struct conn* c,
                        const struct open_kind* k,
                        str_t name) {
  if (!(c->desk->is_server ? k->to_server : k->to_client) ||
      (c->no_sessions && k->type == UVSSH_CHANNEL_SESSION))
    return UVSSH_OPEN_PROHIBITED;
  if (k->name != NULL)
    return 0;
  if (!c->desk->is_server && uvssh__open_is_unasked(name))
    return UVSSH_OPEN_PROHIBITED;
  return name.len != 0 && memchr(name.base, '@', name.len) != NULL
             ? 0
             : UVSSH_OPEN_UNKNOWN_TYPE;
}

/* 0 as above: there is room, and somebody who may be asked. */
static unsigned can_ask(const struct conn* c, const struct open_kind* k) {
  if (c->count + c->open_count >= c->desk->config.channels)
    return UVSSH_OPEN_SHORTAGE;
  if (c->desk->leaving)
    return UVSSH_OPEN_PROHIBITED;
  if (c->desk->on.on_channel != NULL)
    return 0;
  return k->name == NULL ? UVSSH_OPEN_UNKNOWN_TYPE : UVSSH_OPEN_PROHIBITED;
}

int uvssh__on_channel_open(struct conn* c, rd_t* m) {
  str_t type = rd_text(m);         /* channel type in US-ASCII only */
  struct open o = { .peer_id = rd_u32(m) };  /* sender channel */
  uvssh_channel_open_t what = { .name = "" };
  const struct open_kind* k = uvssh__open_kind(type);
  unsigned no;

  o.window = rd_u32(m);            /* initial window size */
  o.packet = rd_u32(m);            /* maximum packet size */
  k->read(m, &what);               /* channel type specific data */
  if (rd_end(m) != 0)
    return UVSSH_EMESSAGE;
  no = may_ask(c, k, type);
  if (no == 0 && o.packet < PACKET_LEAST)
    return UVSSH_EMESSAGE;
  if (no == 0)
    no = can_ask(c, k);
  if (no != 0) {
    refuse(c, o.peer_id, no,
           no == UVSSH_OPEN_SHORTAGE ? "too many channels" : "refused");
    return 0;
  }
  what.type = k->type;
  if (k->name == NULL)
    what.name = text_at(type);
  return ask(c, &o, &what);
}

/* ---- we open ------------------------------------------------------------- */

int uvssh__channel_open(struct conn* c,
                        uvssh_req_t* req,
                        uvssh_channel_t* channel,
                        const uvssh_channel_open_t* what,
                        const uvssh_channel_handlers_t* handlers,
                        uvssh_req_cb cb) {
  const struct open_kind* k = uvssh__open_kind_of(what);
  struct channel* ch;
  struct buf* m;

  if (k == NULL || k->check(what) != 0 ||
      !(c->desk->is_server ? k->to_client : k->to_server))
    return UV_EINVAL;
  if (c->no_sessions && k->type == UVSSH_CHANNEL_SESSION)
    return UV_EPERM;
  if (channel->impl != NULL)
    return UV_EBUSY;
  if (c->count + c->open_count >= c->desk->config.channels)
    return UVSSH_ELIMIT;
  if (!conn_takes_messages(c))
    return UV_ENOBUFS;
  ch = add(c, channel, handlers);
  if (ch == NULL)
    return UV_ENOMEM;
  uvssh__request_begin(req, c->desk, channel, cb);
  ch->open_req = req;
  m = uvssh__message(c->transport, MSG_CHANNEL_OPEN);
  wr_cstr(m, k->name == NULL ? what->name : k->name);
  wr_u32(m, ch->id);
  wr_u32(m, ch->window_in);
  wr_u32(m, ch->packet_in);
  k->write(m, what);
  uvssh__send(c->transport);
  return 0;
}

int uvssh__on_channel_confirmation(struct conn* c, rd_t* m) {
  struct channel* ch = uvssh__mux_find(c, rd_u32(m));  /* recipient channel */
  uint32_t peer_id = rd_u32(m);    /* sender channel */
  uint32_t window = rd_u32(m);     /* initial window size */
  uint32_t packet = rd_u32(m);     /* maximum packet size */
  uvssh_req_t* req;
  (void) rd_rest(m);               /* channel type specific data */

  if (m->bad || packet < PACKET_LEAST)
    return UVSSH_EMESSAGE;
  if (ch == NULL || ch->open)
    return UVSSH_EUNEXPECTED;
  ch->open = 1;
  ch->peer_id = peer_id;
  ch->window_out = window;
  ch->packet_out = packet < DATA_MAX ? packet : DATA_MAX;
  req = ch->open_req;
  ch->open_req = NULL;
  if (req == NULL) {
    uvssh__channel_begin_close(ch, 1);  /* it was closed meanwhile */
    return 0;
  }
  uvssh__request_done(c->desk, req, 0);
  uvssh__requests_run(c->desk);    /* before what the peer asks in it */
  return 0;
}

int uvssh__on_channel_failure_open(struct conn* c, rd_t* m) {
  struct channel* ch = uvssh__mux_find(c, rd_u32(m));  /* recipient channel */
  uint32_t reason = rd_u32(m);     /* reason code */
  str_t description = rd_str(m);   /* description */
  (void) rd_str(m);                /* language tag */

  if (rd_end(m) != 0)
    return UVSSH_EMESSAGE;
  if (ch == NULL || ch->open)
    return UVSSH_EUNEXPECTED;
  if (ch->open_req != NULL) {
    ch->open_req->result = reason;
    uvssh__request_text(ch->open_req, description);
    uvssh__request_done(c->desk, ch->open_req, UVSSH_EOPEN);
    ch->open_req = NULL;
  }
  if (ch->pub != NULL)
    ch->pub->impl = NULL;
  uvssh__mux_remove(ch);
  return 0;
}

/* ---- the end ------------------------------------------------------------- */

static struct channel* any_with_pub(const struct conn* c) {
  struct channel* ch;
  unsigned i;

  for (i = 0; i < c->table_size; i++)
    for (ch = c->table[i]; ch != NULL; ch = ch->next)
      if (ch->pub != NULL)
        return ch;
  return NULL;
}

static void fail_requests(struct conn* c, struct queue* list, int status) {
  while (!queue_empty(list))
    uvssh__request_done(c->desk,
                        req_of(CONTAINER_OF(list->next, struct request,
                                            item.link)),
                        status);
}

void uvssh__conn_end(struct conn* c, int status) {
  int pending = status == 0 ? UV_ECANCELED : status;
  struct channel* ch;

  while (!queue_empty(&c->opens))
    open_free(CONTAINER_OF(c->opens.next, struct open, link));
  uvssh__asks_drop(&c->asks, &c->ask_count);
  if (c->keepalive_out)
    queue_remove(&request_of(&c->keepalive)->item.link);
  c->keepalive_out = 0;
  uvssh__hostkeys_forget(c);
  fail_requests(c, &c->requests, pending);
  fail_requests(c, &c->pings, pending);
  while ((ch = any_with_pub(c)) != NULL) {
    uvssh__channel_tell_end(ch, status);
    uvssh__channel_finish(ch, status);
  }
  fail_requests(c, &c->sent, pending);
}

void uvssh__conn_free(struct conn* c) {
  unsigned i;

  for (i = 0; i < c->table_size; i++)
    while (c->table[i] != NULL)
      uvssh__mux_remove(c->table[i]);
  table_free(c);
  c->table = NULL;
  c->table_size = 0;
}

int uvssh__conn_is_quiet(const struct conn* c) {
  const struct channel* ch;
  unsigned i;

  for (i = 0; i < c->table_size; i++)
    for (ch = c->table[i]; ch != NULL; ch = ch->next)
      if (!queue_empty(&ch->items))
        return 0;
  return 1;
}

/* What was to be sent cannot leave any more: whoever waits for that, to read
 * on, must hear of it now. A relay back to the same peer ends, and what it had
 * not read goes with it, unless its owner begins to read. */
static void drain(struct channel* ch, int status) {
  struct channel* from = ch->relay_from;

  if (from != NULL) {
    uvssh__relay_end(from, status);
    from->began = from->conn != ch->conn;
  }
  uvssh__channel_drop_queue(ch, status);
  fail_requests(ch->conn, &ch->requests, status);
  ch->request_count = 0;
  ch->unwritten = 0;
  uvssh__channel_touch(ch);
}

void uvssh__conn_drain(struct conn* c, int status) {
  struct channel* ch;
  unsigned i;

  c->draining = 1;
  c->drain_status = status;
  fail_requests(c, &c->sent, status);
  for (i = 0; i < c->table_size; i++)
    for (ch = c->table[i]; ch != NULL; ch = ch->next)
      drain(ch, status);
}

int uvssh__conn_is_read(const struct conn* c) {
  const struct channel* ch;
  unsigned i;

  for (i = 0; i < c->table_size; i++)
    for (ch = c->table[i]; ch != NULL; ch = ch->next)
      if (ch->pub != NULL && ch->began && !ch->closing && !ch->told &&
          ch->held != NULL)
        return 0;
  return 1;
}
