/* request.c: channel requests. RFC 4254 sections 5.4 and 6.
 *
 * Happy path: a request is put to the user; the answer leaves when those before
 * it have left. Ours are answered in the order we sent them.
 * Refused without asking: what no row of the table knows and no name of the
 * form x@y names; what this role is not asked; a second process; sshd's
 * keepalive, which any answer is an answer to.
 *
 * The same ordering serves global requests (global.c). */
#include "conn/conn.h"

/* ---- answers in order ---------------------------------------------------- */

static void send_verdict(struct conn* c,
                         struct channel* ch,
                         int yes,
                         const struct buf* extra) {
  struct buf* m;

  if (ch == NULL) {
    m = uvssh__message(c->transport,
                       yes ? MSG_REQUEST_SUCCESS : MSG_REQUEST_FAILURE);
    if (extra != NULL)
      wr_bytes(m, extra->base, extra->len);
  } else {
    m = uvssh__message(c->transport,
                       yes ? MSG_CHANNEL_SUCCESS : MSG_CHANNEL_FAILURE);
    wr_u32(m, ch->peer_id);
  }
  uvssh__send(c->transport);
}

static struct queue* list_of(struct conn* c, struct channel* ch) {
  return ch == NULL ? &c->asks : &ch->asks;
}

static unsigned* count_of(struct conn* c, struct channel* ch) {
  return ch == NULL ? &c->ask_count : &ch->ask_count;
}

static void ask_free(struct ask* a, unsigned* count) {
  uvssh__question_close(&a->question);
  queue_remove(&a->link);
  *count -= 1;
  uvssh__buf_free(&a->extra);
  uvssh__free(a);
}

static void flush(struct conn* c, struct channel* ch) {
  struct queue* list = list_of(c, ch);
  struct ask* a;

  while (!queue_empty(list)) {
    a = CONTAINER_OF(list->next, struct ask, link);
    if (a->verdict == 0)
      return;
    send_verdict(c, ch, a->verdict > 0, &a->extra);
    ask_free(a, count_of(c, ch));
  }
}

static int on_answer(struct question* q, const struct answer* answer) {
  struct ask* a = (struct ask*) q->owner;
  struct channel* ch = a->channel;

  if (answer->kind != ANSWER_ACCEPT && answer->kind != ANSWER_REJECT)
    return UV_EINVAL;
  uvssh__question_close(q);
  a->verdict = answer->kind == ANSWER_ACCEPT ? 1 : -1;
  if (a->is_process && ch != NULL)
    ch->process = a->verdict > 0 ? PROCESS_ACCEPTED : PROCESS_NONE;
  flush(a->conn, ch);              /* may free a */
  return 0;
}

int uvssh__ask_new(struct conn* c,
                   struct channel* ch,
                   int verdict,
                   struct ask** out) {
  struct queue* list = list_of(c, ch);
  struct ask* a;
  int err;

  *out = NULL;
  if (verdict != 0 && queue_empty(list)) {
    send_verdict(c, ch, verdict > 0, NULL);
    return 0;
  }
  if (*count_of(c, ch) >= ASKS_MAX)
    return UVSSH_ELIMIT;
  a = (struct ask*) uvssh__calloc(1, sizeof(*a));
  if (a == NULL)
    return UV_ENOMEM;
  a->conn = c;
  a->channel = ch;
  a->verdict = verdict;
  a->question.owner = a;
  if (verdict == 0) {
    err = uvssh__question_open(&a->question, c->desk, on_answer);
    if (err != 0) {
      uvssh__free(a);
      return err;
    }
  }
  queue_push(list, &a->link);
  *count_of(c, ch) += 1;
  *out = a;
  return 0;
}

int uvssh__ask_succeed(struct conn* c, struct buf* extra) {
  struct ask* a = NULL;
  int err = 0;

  if (queue_empty(&c->asks))
    send_verdict(c, NULL, 1, extra);
  else
    err = uvssh__ask_new(c, NULL, 1, &a);
  if (a != NULL) {
    a->extra = *extra;
    memset(extra, 0, sizeof(*extra));
  }
  uvssh__buf_free(extra);
  return err;
}

void uvssh__asks_drop(struct queue* asks, unsigned* count) {
  while (!queue_empty(asks))
    ask_free(CONTAINER_OF(asks->next, struct ask, link), count);
}

/* ---- the peer asks ------------------------------------------------------- */

/* 0: put it to the user; -1: no. */
static int look_up(const struct channel* ch,
                   const struct request_kind* kind,
                   str_t name) {
  unsigned side = ch->conn->desk->is_server ? KIND_TO_SERVER : KIND_TO_CLIENT;

  if (ch->closing || ch->pub == NULL || ch->on.on_request == NULL ||
      str_is(name, "keepalive@openssh.com"))
    return -1;
  if (kind == NULL)
    return name.len != 0 && memchr(name.base, '@', name.len) != NULL ? 0 : -1;
  if ((kind->flags & side) == 0)
    return -1;
  return (kind->flags & KIND_PROCESS) != 0 && ch->process != PROCESS_NONE ? -1
                                                                          : 0;
}

static int put(struct channel* ch,
               const uvssh_channel_request_t* what,
               int want_reply,
               int is_process) {
  static const uvssh_reply_t inert = { 0, 0, 0 };
  struct ask* a = NULL;
  int err = 0;

  if (is_process)
    ch->process = want_reply ? PROCESS_ASKED : PROCESS_ACCEPTED;
  if (want_reply)
    err = uvssh__ask_new(ch->conn, ch, 0, &a);
  if (err != 0)
    return err;
  if (a != NULL)
    a->is_process = is_process;
  ch->on.on_request(ch->pub, what, a == NULL ? inert : a->question.reply);
  return 0;
}

static int on_request(struct channel* ch, str_t name, int want_reply, rd_t* m) {
  const struct request_kind* kind = uvssh__request_kind(name);
  uvssh_channel_request_t what;
  struct ask* none;
  str_t rest;

  memset(&what, 0, sizeof(what));
  what.type = UVSSH_REQUEST_OTHER;
  if (kind != NULL) {
    what.type = kind->type;
    kind->read(m, &what);
  } else {
    rest = rd_rest(m);
    what.name = text_at(name);
    what.extra = rest.base;
    what.extra_len = rest.len;
    name = str_of(what.name);
  }
  if (rd_end(m) != 0)
    return UVSSH_EMESSAGE;
  if (look_up(ch, kind, name) == 0)
    return put(ch, &what, want_reply,
               kind != NULL && (kind->flags & KIND_PROCESS) != 0);
  return want_reply ? uvssh__ask_new(ch->conn, ch, -1, &none) : 0;
}

int uvssh__on_channel_request(struct conn* c, rd_t* m) {
  uint32_t id = rd_u32(m);         /* recipient channel */
  str_t name = rd_text(m);         /* request type in US-ASCII only */
  int want_reply = rd_bool(m);     /* want reply */
  struct channel* ch = uvssh__mux_find(c, id);

  if (m->bad)
    return UVSSH_EMESSAGE;
  if (ch == NULL)
    return mux_is_gone(c, id) ? 0 : UVSSH_EUNEXPECTED;
  if (!ch->open || ch->close_in)
    return UVSSH_EUNEXPECTED;
  if (ch->close_out)               /* our CLOSE crossed it: no answer is due */
    return 0;
  return on_request(ch, name, want_reply, m);
}

/* ---- we ask -------------------------------------------------------------- */

static int on_reply(struct conn* c, rd_t* m, int status) {
  uint32_t id = rd_u32(m);         /* recipient channel */
  struct channel* ch = uvssh__mux_find(c, id);
  struct request* r;

  if (rd_end(m) != 0)
    return UVSSH_EMESSAGE;
  if (ch == NULL)
    return mux_is_gone(c, id) ? 0 : UVSSH_EUNEXPECTED;
  if (!ch->open)
    return UVSSH_EUNEXPECTED;
  if (queue_empty(&ch->requests))  /* nothing was asked: harmless */
    return 0;
  r = CONTAINER_OF(ch->requests.next, struct request, item.link);
  ch->request_count--;
  uvssh__request_done(c->desk, req_of(r), status);
  return 0;
}

int uvssh__on_channel_success(struct conn* c, rd_t* m) {
  return on_reply(c, m, 0);
}

int uvssh__on_channel_failure(struct conn* c, rd_t* m) {
  return on_reply(c, m, UVSSH_EREQUEST);
}

/* What a caller may ask: fields that must be there are there. */
static int is_complete(const uvssh_channel_request_t* what) {
  switch (what->type) {
    case UVSSH_REQUEST_ENV:
      return what->name != NULL && what->value != NULL;
    case UVSSH_REQUEST_EXEC:
      return what->command != NULL;
    case UVSSH_REQUEST_SUBSYSTEM:
      return what->subsystem != NULL;
    case UVSSH_REQUEST_SIGNAL:
    case UVSSH_REQUEST_EXIT_SIGNAL:
      return what->signal != NULL;
    case UVSSH_REQUEST_OTHER:
      return what->name != NULL && strchr(what->name, '@') != NULL &&
             (what->extra != NULL || what->extra_len == 0) &&
             what->extra_len <= DATA_MAX;
    case UVSSH_REQUEST_PTY:
      return what->pty.modes != NULL || what->pty.modes_len == 0;
    default:
      return 1;
  }
}

static int may_ask(const struct channel* ch,
                   const struct request_kind* kind,
                   const uvssh_req_t* req,
                   const uvssh_channel_request_t* what) {
  unsigned side = ch->conn->desk->is_server ? KIND_TO_CLIENT : KIND_TO_SERVER;

  if (kind == NULL ? what->type != UVSSH_REQUEST_OTHER
                   : (kind->flags & side) == 0)
    return UV_EINVAL;
  if (kind != NULL && (kind->flags & KIND_NO_REPLY) != 0 && req != NULL)
    return UV_EINVAL;
  if (!is_complete(what))
    return UV_EINVAL;
  if (ch->request_count >= REQUESTS_MAX || !conn_takes_messages(ch->conn))
    return UV_ENOBUFS;
  return 0;
}

int uvssh_channel_request(uvssh_req_t* req,
                          uvssh_channel_t* channel,
                          const uvssh_channel_request_t* what,
                          uvssh_req_cb cb) {
  struct channel* ch = uvssh__channel_live(channel);
  const struct request_kind* kind;
  struct buf* m;
  int err;

  if (what == NULL)
    return UV_EINVAL;
  if (ch == NULL)
    return UV_ENOTCONN;
  kind = uvssh__request_kind_of(what->type);
  err = may_ask(ch, kind, req, what);
  if (err != 0)
    return err;
  m = uvssh__message(ch->conn->transport, MSG_CHANNEL_REQUEST);
  wr_u32(m, ch->peer_id);
  wr_cstr(m, kind == NULL ? what->name : kind->name);
  wr_bool(m, req != NULL);
  if (kind == NULL)
    wr_bytes(m, what->extra, what->extra_len);
  else
    kind->write(m, what);
  if (!uvssh__message_fits(ch->conn->transport))
    return UV_EINVAL;
  uvssh__send(ch->conn->transport);
  if (req == NULL)
    return 0;
  uvssh__request_begin(req, ch->conn->desk, channel, cb);
  queue_push(&ch->requests, &request_of(req)->item.link);
  ch->request_count++;
  return 0;
}

int uvssh_channel_exec(uvssh_req_t* req,
                       uvssh_channel_t* channel,
                       const char* command,
                       uvssh_req_cb cb) {
  uvssh_channel_request_t what;

  memset(&what, 0, sizeof(what));
  what.type = UVSSH_REQUEST_EXEC;
  what.command = command;
  return uvssh_channel_request(req, channel, &what, cb);
}
