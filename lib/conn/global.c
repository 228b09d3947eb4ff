/* global.c: requests about the whole connection. RFC 4254 section 4, and those
 * of OpenSSH's PROTOCOL, one row each.
 *
 * Refused without asking: what the user has no callback for, what is not asked
 * in this role, and keepalives, whose refusal is the answer that their sender
 * waits for. */
#include "conn/conn.h"

/* ---- the peer asks ------------------------------------------------------- */

/* What follows want_reply of a request that this role knows. *verdict: -1, the
 * answer, when one is wanted; 0: it comes later, or nobody wants one. */
static int take_keepalive(struct conn* c, rd_t* m, int* verdict) {
  (void) rd_rest(m);
  return 0;
}

static int take_no_more_sessions(struct conn* c, rd_t* m, int* verdict) {
  int err = rd_end(m);

  c->no_sessions = 1;
  *verdict = 1;
  return err;
}

static int skip_strings(rd_t* m) {
  while (rd_left(m) != 0)
    (void) rd_str(m);
  return rd_end(m);
}

static int take_hostkeys_prove(struct conn* c, rd_t* m, int* verdict) {
  if (*verdict == 0)               /* for nobody: no work is done for that */
    return skip_strings(m);
  *verdict = 0;
  return uvssh__on_hostkeys_prove(c, m);
}

/* Whether anybody listens or not: what cannot be read ends the session. */
static int take_hostkeys(struct conn* c, rd_t* m, int* verdict) {
  rd_t list = *m;
  int err = skip_strings(m);

  *verdict = 1;
  return err != 0 ? err : uvssh__on_hostkeys(c, &list);
}

typedef int (*take_fn)(struct conn* c, rd_t* m, int* verdict);

static const struct global_kind {
  const char* name;
  take_fn server;                  /* NULL: not asked in this role: no */
  take_fn client;
} kinds[] = {
  { "keepalive@openssh.com", take_keepalive, take_keepalive },
  { "no-more-sessions@openssh.com", take_no_more_sessions, NULL },
  { HOSTKEYS_PROVE, take_hostkeys_prove, NULL },
  { HOSTKEYS_TELL, NULL, take_hostkeys },
};

static int take_known(struct conn* c,
                      const struct global_kind* kind,
                      int want_reply,
                      rd_t* m) {
  take_fn take = c->desk->is_server ? kind->server : kind->client;
  int verdict = want_reply ? -1 : 0;
  struct ask* a;
  int err = take == NULL ? 0 : take(c, m, &verdict);

  if (err == 0 && want_reply && verdict != 0)
    err = uvssh__ask_new(c, NULL, verdict, &a);
  return err;
}

static int ask_user(struct conn* c, str_t name, int want_reply, rd_t* m) {
  static const uvssh_reply_t inert = { 0, 0, 0 };
  str_t rest = rd_rest(m);         /* request-specific data */
  int verdict = c->desk->on.on_request == NULL ? -1 : 0;
  uvssh_session_request_t what;
  struct ask* a = NULL;
  int err = want_reply ? uvssh__ask_new(c, NULL, verdict, &a) : 0;

  if (err != 0 || verdict != 0)
    return err;
  memset(&what, 0, sizeof(what));
  what.type = UVSSH_GLOBAL_OTHER;
  what.name = text_at(name);
  what.extra = rest.base;
  what.extra_len = rest.len;
  c->desk->on.on_request(c->desk->pub, &what,
                         a == NULL ? inert : a->question.reply);
  return 0;
}

int uvssh__on_global_request(struct conn* c, rd_t* m) {
  str_t name = rd_text(m);         /* request name in US-ASCII only */
  int want_reply = rd_bool(m);     /* want reply */
  size_t i;

  if (m->bad)
    return UVSSH_EMESSAGE;
  for (i = 0; i < ARRAY_SIZE(kinds); i++)
    if (str_is(name, kinds[i].name))
      return take_known(c, &kinds[i], want_reply, m);
  return ask_user(c, name, want_reply, m);
}

/* ---- we ask -------------------------------------------------------------- */

/* Answers come in the order of the requests; one that nobody waits for is
 * harmless. */
static int on_reply(struct conn* c, int status, rd_t* m) {
  struct request* r;

  if (queue_empty(&c->requests))
    return 0;
  r = CONTAINER_OF(c->requests.next, struct request, item.link);
  switch (r->item.kind) {
    case REQUEST_PING:
      c->request_count--;
      uvssh__keepalive_answered(c, r);
      uvssh__request_done(c->desk, req_of(r), 0);
      return 0;
    case REQUEST_KEEPALIVE:
      queue_remove(&r->item.link);
      uvssh__keepalive_answered(c, r);
      c->keepalive_out = 0;
      return 0;
    case REQUEST_PROOF:
      queue_remove(&r->item.link);
      return uvssh__hostkeys_answered(c, m);
    default:
      c->request_count--;
      uvssh__request_done(c->desk, req_of(r), status);
      return 0;
  }
}

int uvssh__on_request_success(struct conn* c, rd_t* m) {
  return on_reply(c, 0, m);        /* with response specific data */
}

int uvssh__on_request_failure(struct conn* c, rd_t* m) {
  int err = rd_end(m);
  return err != 0 ? err : on_reply(c, UVSSH_EREQUEST, NULL);
}

struct buf* uvssh__global_begin(struct conn* c,
                                const char* name,
                                int want_reply) {
  struct buf* m = uvssh__message(c->transport, MSG_GLOBAL_REQUEST);

  wr_cstr(m, name);
  wr_bool(m, want_reply);
  return m;
}

int uvssh__global_request(struct conn* c,
                          uvssh_req_t* req,
                          const uvssh_session_request_t* what,
                          uvssh_req_cb cb) {
  struct buf* m;

  if (what->type != UVSSH_GLOBAL_OTHER || what->name == NULL ||
      (what->extra == NULL && what->extra_len != 0) ||
      what->extra_len > DATA_MAX || strlen(what->name) > NAME_BYTES_MAX)
    return UV_EINVAL;
  if (c->request_count + c->ping_count >= REQUESTS_MAX ||
      !conn_takes_messages(c))
    return UV_ENOBUFS;
  m = uvssh__global_begin(c, what->name, req != NULL);
  wr_bytes(m, what->extra, what->extra_len);
  uvssh__send(c->transport);
  if (req == NULL)
    return 0;
  uvssh__request_begin(req, c->desk, NULL, cb);
  queue_push(&c->requests, &request_of(req)->item.link);
  c->request_count++;
  return 0;
}

int uvssh__no_more_sessions(struct conn* c) {
  if (c->no_sessions)
    return 0;
  if (!conn_takes_messages(c))
    return UV_ENOBUFS;
  (void) uvssh__global_begin(c, "no-more-sessions@openssh.com", 0);
  uvssh__send(c->transport);
  c->no_sessions = 1;
  return 0;
}
