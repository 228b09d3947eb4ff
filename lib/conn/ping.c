/* ping.c: is the peer there, and how far away: ping@openssh.com, and
 * keepalive@openssh.com for a peer that has not offered it. OpenSSH's PROTOCOL.
 *
 * Happy path: PING with its number, PONG with the same bytes. A keepalive is a
 * global request that nobody grants: any answer is one.
 * Failures: a PING that reaches the peer while keys are being exchanged is
 * dropped there, so what is unanswered then is sent again behind the exchange.
 *
 * Never: a time that an exchange of keys was part of counts as the way's. */
#include "conn/conn.h"

static void note_time(struct conn* c, struct request* r) {
  uint64_t now = desk_now(c->desk);
  uint32_t took = (uint32_t) now - r->began;

  req_of(r)->result = took;
  if (took <= now - c->transport->kex_finished)
    c->rtt_ms = took;
}

static void ask(struct conn* c, uvssh_req_t* req, unsigned kind) {
  struct request* r = request_of(req);

  r->began = (uint32_t) desk_now(c->desk);
  r->item.kind = (uint8_t) kind;
  queue_push(&c->requests, &r->item.link);
  (void) uvssh__global_begin(c, "keepalive@openssh.com", 1);
  uvssh__send(c->transport);
}

void uvssh__keepalive_send(struct conn* c) {
  if (c->keepalive_out)
    return;
  c->keepalive_out = 1;
  uvssh__request_begin(&c->keepalive, c->desk, NULL, NULL);
  ask(c, &c->keepalive, REQUEST_KEEPALIVE);
}

void uvssh__keepalive_answered(struct conn* c, struct request* r) {
  note_time(c, r);
}

static void send_ping(struct conn* c, const struct request* r) {
  struct buf* m = uvssh__message(c->transport, MSG_PING);
  uint8_t number[4];

  put_u32(number, (uint32_t) r->end);
  wr_str(m, number, sizeof(number));
  uvssh__send(c->transport);
}

int uvssh__ping(struct conn* c, uvssh_req_t* req, uvssh_req_cb cb) {
  struct request* r;

  if (c->request_count + c->ping_count >= REQUESTS_MAX ||
      !conn_takes_messages(c))
    return UV_ENOBUFS;
  uvssh__request_begin(req, c->desk, NULL, cb);
  if ((c->transport->extensions & EXTENSION_PING) == 0) {
    c->request_count++;
    ask(c, req, REQUEST_PING);
    return 0;
  }
  r = request_of(req);
  r->began = (uint32_t) desk_now(c->desk);
  r->end = ++c->ping_last;
  r->item.count = (uint16_t) (c->transport->rekeys +
                              (c->transport->kexinit_sent ? 1 : 0));
  queue_push(&c->pings, &r->item.link);
  c->ping_count++;
  send_ping(c, r);
  return 0;
}

void uvssh__pings_again(struct conn* c) {
  struct queue* at;
  struct request* r;

  if (c->ping_rekeys == c->transport->rekeys || c->transport->kexinit_sent)
    return;
  c->ping_rekeys = c->transport->rekeys;
  for (at = c->pings.next; at != &c->pings; at = at->next) {
    r = CONTAINER_OF(at, struct request, item.link);
    if (r->item.count == (uint16_t) c->ping_rekeys)
      continue;                    /* it had waited for these keys */
    r->item.count = (uint16_t) c->ping_rekeys;
    send_ping(c, r);
  }
}

/* One that answers nothing is harmless. */
int uvssh__on_pong(struct conn* c, rd_t* m) {
  str_t data = rd_str(m);          /* data */
  struct request* r;
  struct queue* at;
  int err = rd_end(m);

  if (err != 0 || data.len != 4)
    return err;
  for (at = c->pings.next; at != &c->pings; at = at->next) {
    r = CONTAINER_OF(at, struct request, item.link);
    if ((uint32_t) r->end != get_u32(data.base))
      continue;
    c->ping_count--;
    note_time(c, r);
    uvssh__request_done(c->desk, req_of(r), 0);
    return 0;
  }
  return 0;
}
