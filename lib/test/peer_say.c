/* peer_say.c: messages of a peer, field by field, out and in. */
#include "test/test.h"

/* ---- saying -------------------------------------------------------------- */

int uvssh__peer_said(uvssh_test_peer_t* peer, int err) {
  struct buf* wire = &peer->script.wire;

  if (err == 0)
    err = uvssh__end_write(peer->end, wire->base, wire->len);
  uvssh__buf_reset(wire);
  if (err != 0)
    return uvssh__peer_fail(peer, err, "saying a message: %s",
                            uvssh_strerror(err));
  return peer->status;
}

int uvssh_test_peer_begin(uvssh_test_peer_t* peer, int number) {
  (void) uvssh__script_message(&peer->script, (uint8_t) number);
  return peer->status;
}

void uvssh_test_peer_put_u8(uvssh_test_peer_t* peer, int value) {
  wr_u8(&peer->script.message, (uint8_t) value);
}

void uvssh_test_peer_put_u32(uvssh_test_peer_t* peer, uint32_t value) {
  wr_u32(&peer->script.message, value);
}

void uvssh_test_peer_put_string(uvssh_test_peer_t* peer,
                                const void* base,
                                size_t len) {
  wr_str(&peer->script.message, base, len);
}

void uvssh_test_peer_put_text(uvssh_test_peer_t* peer, const char* text) {
  wr_cstr(&peer->script.message, text);
}

void uvssh_test_peer_put_bytes(uvssh_test_peer_t* peer,
                               const void* base,
                               size_t len) {
  wr_bytes(&peer->script.message, base, len);
}

int uvssh_test_peer_send(uvssh_test_peer_t* peer) {
  if (peer->status != 0)
    return peer->status;
  return uvssh__peer_said(peer, uvssh__script_send(&peer->script));
}

int uvssh_test_peer_say(uvssh_test_peer_t* peer,
                        const void* payload,
                        size_t len) {
  if (peer->status != 0)
    return peer->status;
  return uvssh__peer_said(
      peer, uvssh__script_seal(&peer->script, payload, len, NULL));
}

int uvssh_test_peer_raw(uvssh_test_peer_t* peer, const void* base, size_t len) {
  if (peer->status != 0)
    return peer->status;
  wr_bytes(&peer->script.wire, base, len);
  return uvssh__peer_said(peer, peer->script.wire.bad ? UV_ENOMEM : 0);
}

int uvssh_test_peer_data(uvssh_test_peer_t* peer,
                         uint32_t id,
                         const void* base,
                         size_t len) {
  (void) uvssh_test_peer_begin(peer, MSG_CHANNEL_DATA);
  uvssh_test_peer_put_u32(peer, id);
  uvssh_test_peer_put_string(peer, base, len);
  return uvssh_test_peer_send(peer);
}

int uvssh_test_peer_request(uvssh_test_peer_t* peer,
                            uint32_t id,
                            const char* name,
                            int want_reply,
                            const void* fields,
                            size_t len) {
  (void) uvssh_test_peer_begin(peer, MSG_CHANNEL_REQUEST);
  uvssh_test_peer_put_u32(peer, id);
  uvssh_test_peer_put_text(peer, name);
  uvssh_test_peer_put_u8(peer, want_reply != 0);
  uvssh_test_peer_put_bytes(peer, fields, len);
  return uvssh_test_peer_send(peer);
}

/* ---- what a message says ------------------------------------------------- */

static void check_field(uvssh_test_peer_t* peer, const char* what) {
  int number = peer->script.last[0];

  if (peer->script.m.bad)
    (void) uvssh__peer_fail(peer, UVSSH_EMESSAGE, "%s (%d) has no such %s",
                            uvssh__msg_name((uint8_t) number), number, what);
}

int uvssh_test_peer_get_u8(uvssh_test_peer_t* peer) {
  int value = rd_u8(&peer->script.m);

  check_field(peer, "byte");
  return value;
}

uint32_t uvssh_test_peer_get_u32(uvssh_test_peer_t* peer) {
  uint32_t value = rd_u32(&peer->script.m);

  check_field(peer, "number");
  return value;
}

const void* uvssh_test_peer_get_string(uvssh_test_peer_t* peer, size_t* len) {
  str_t s = rd_str(&peer->script.m);

  check_field(peer, "string");
  *len = s.len;
  return s.base;
}

int uvssh_test_peer_expect_u32(uvssh_test_peer_t* peer, uint32_t value) {
  uint32_t got = uvssh_test_peer_get_u32(peer);

  if (peer->status == 0 && got != value)
    return uvssh__peer_fail(peer, UVSSH_EUNEXPECTED,
                            "expected the number %u, got %u", (unsigned) value,
                            (unsigned) got);
  return peer->status;
}

int uvssh_test_peer_expect_text(uvssh_test_peer_t* peer, const char* text) {
  str_t s = rd_str(&peer->script.m);
  char got[160];

  check_field(peer, "string");
  if (peer->status == 0 && !str_is(s, text)) {
    uvssh__escape(got, sizeof(got), s.base, s.len);
    return uvssh__peer_fail(peer, UVSSH_EUNEXPECTED,
                            "expected the text \"%s\", got \"%s\"", text, got);
  }
  return peer->status;
}
