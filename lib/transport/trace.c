/* trace.c: what a person who looks for a fault is told of each packet: a line
 * of the log, the program's trace callback, or both.
 *
 * Happy path: number, name, sequence number and size of a message as it is
 * before it is compressed and sealed, and after it was opened. Only where the
 * config says so also its bytes.
 * Failures: without memory the bytes are left out.
 *
 * Never tells, where no bytes are asked for, the size of a login's message: it
 * would tell a password's. Is not called where nobody listens (desk->traced).
 */
#include "transport/transport.h"

int uvssh__trace_is_wanted(const struct desk* desk) {
  return desk->config.trace != NULL || log_wants(&desk->log, UVSSH_LOG_PACKET);
}

static int is_login(uint8_t number) {
  return number >= MSG_USERAUTH_REQUEST && number < MSG_GLOBAL_REQUEST;
}

static void log_line(const struct log* log,
                     int outgoing,
                     const char* name,
                     uint8_t number,
                     uint32_t seq,
                     size_t size) {
  const char* direction = outgoing ? "out" : "in";

  if (is_login(number))
    uvssh__log(log, UVSSH_LOG_PACKET, "%s %s #%u", direction, name, seq);
  else
    uvssh__log(log, UVSSH_LOG_PACKET, "%s %s #%u, %zu bytes", direction, name,
               seq, size);
}

void uvssh__trace(const struct transport* t,
                  int outgoing,
                  uint32_t seq,
                  str_t head,
                  str_t body) {
  const uvssh_config_t* c = &t->desk->config;
  struct buf whole = { .secret = 1 };
  uvssh_packet_t packet = {
    .outgoing = outgoing,
    .number = head.base[0],
    .name = uvssh__msg_name(head.base[0]),
    .sequence = seq
  };

  log_line(&t->desk->log, outgoing, packet.name, head.base[0], seq,
           head.len + body.len);
  if (c->trace == NULL)
    return;
  if (c->trace_payload || !is_login(head.base[0]))
    packet.size = head.len + body.len;
  if (c->trace_payload) {
    wr_bytes(&whole, head.base, head.len);
    wr_bytes(&whole, body.base, body.len);
    packet.payload = whole.bad ? NULL : whole.base;
  }
  c->trace(c->trace_arg, t->desk->pub, &packet);
  uvssh__buf_free(&whole);
}
