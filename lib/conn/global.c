/* global.c: requests about the whole connection. RFC 4254 section 4.
 *
 * Refused without asking: what the user has no callback for, and keepalives,
 * whose refusal is the answer that their sender waits for. */
#include "conn/conn.h"

int uvssh__on_global_request(struct conn* c, rd_t* m) {
  static const uvssh_reply_t inert = { 0, 0, 0 };
  str_t name = rd_text(m);         /* request name in US-ASCII only */
  int want_reply = rd_bool(m);     /* want reply */
  str_t rest = rd_rest(m);         /* request-specific data */
  uvssh_session_request_t what;
  struct ask* a = NULL;
  int keepalive = str_is(name, "keepalive@openssh.com");
  int verdict;
  int err = 0;

  if (m->bad)
    return UVSSH_EMESSAGE;
  verdict = keepalive || c->desk->on.on_request == NULL ? -1 : 0;
  if (want_reply)
    err = uvssh__ask_new(c, NULL, verdict, &a);
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

/* Answers come in the order of the requests; one that nobody waits for is
 * harmless. */
static int on_reply(struct conn* c, int status) {
  struct request* r;

  if (queue_empty(&c->requests))
    return 0;
  r = CONTAINER_OF(c->requests.next, struct request, item.link);
  if (r == request_of(&c->keepalive)) {
    queue_remove(&r->item.link);
    c->keepalive_out = 0;
    return 0;
  }
  c->request_count--;
  uvssh__request_done(c->desk, req_of(r), status);
  return 0;
}

int uvssh__on_request_success(struct conn* c, rd_t* m) {
  (void) rd_rest(m);               /* response specific data */
  return on_reply(c, 0);
}

int uvssh__on_request_failure(struct conn* c, rd_t* m) {
  int err = rd_end(m);
  return err != 0 ? err : on_reply(c, UVSSH_EREQUEST);
}

static void write_request(struct conn* c,
                          const char* name,
                          int want_reply,
                          const void* extra,
                          size_t extra_len) {
  struct buf* m = uvssh__message(c->transport, MSG_GLOBAL_REQUEST);

  wr_cstr(m, name);
  wr_bool(m, want_reply);
  wr_bytes(m, extra, extra_len);
  uvssh__send(c->transport);
}

void uvssh__keepalive_send(struct conn* c) {
  if (c->keepalive_out)
    return;
  c->keepalive_out = 1;
  uvssh__request_begin(&c->keepalive, c->desk, NULL, NULL);
  queue_push(&c->requests, &request_of(&c->keepalive)->item.link);
  write_request(c, "keepalive@openssh.com", 1, NULL, 0);
}

int uvssh__global_request(struct conn* c,
                          uvssh_req_t* req,
                          const uvssh_session_request_t* what,
                          uvssh_req_cb cb) {
  if (what->type != UVSSH_GLOBAL_OTHER || what->name == NULL ||
      (what->extra == NULL && what->extra_len != 0) ||
      what->extra_len > DATA_MAX || strlen(what->name) > NAME_BYTES_MAX)
    return UV_EINVAL;
  if (c->request_count >= REQUESTS_MAX || !conn_takes_messages(c))
    return UV_ENOBUFS;
  write_request(c, what->name, req != NULL, what->extra, what->extra_len);
  if (req == NULL)
    return 0;
  uvssh__request_begin(req, c->desk, NULL, cb);
  queue_push(&c->requests, &request_of(req)->item.link);
  c->request_count++;
  return 0;
}
