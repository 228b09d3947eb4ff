/* kex_group.c: what a group exchange has before it: RFC 4419 section 3, RFC
 * 8270. Message 34 out and 31 in as a client, 34 in and 31 out as a server.
 *
 * Happy path: the client says what sizes it takes; the server answers with a
 * group; the exchange goes on in it (kex_client.c, kex_server.c: 32 and 33).
 * Failures: a wish that no group of ours fulfils; a group that is not what was
 * asked for, or not fit (crypto/dh_group.c). The old request of one number, 30,
 * is refused by the table of messages.
 *
 * Never looks at a group itself: that is a job's work.
 */
#include "transport/transport.h"

int uvssh__group_request_send(struct transport* t) {
  struct buf* group = &t->hs->group;
  struct buf* m;

  wr_u32(group, GEX_BITS_MIN);
  wr_u32(group, GEX_BITS_WISH);
  wr_u32(group, GEX_BITS_MAX);
  if (group->bad)
    return UV_ENOMEM;
  m = uvssh__message(t, MSG_KEX_DH_GEX_REQUEST);
  wr_bytes(m, group->base, group->len);
  uvssh__send(t);
  return 0;
}

int uvssh__on_group_request(struct transport* t, rd_t* m) {
  struct buf* group = &t->hs->group;
  uint32_t min = rd_u32(m);        /* min, bits */
  uint32_t wish = rd_u32(m);       /* n, preferred */
  uint32_t max = rd_u32(m);        /* max */
  struct buf* out;
  int err = rd_end(m);

  if (err != 0)
    return err;
  wr_u32(group, min);
  wr_u32(group, wish);
  wr_u32(group, max);
  err = uvssh__gex_choose(min, wish, max, group);
  if (err != 0)
    return err;
  out = uvssh__message(t, MSG_KEX_DH_GEX_GROUP);
  wr_bytes(out, group->base + 3 * 4, group->len - 3 * 4);
  uvssh__send(t);
  t->phase = T_GROUP_KEX;
  return 0;
}

static int on_group(struct transport* t, rd_t* m) {
  struct buf* group = &t->hs->group;
  rd_t whole = *m;
  str_t text = rd_rest(&whole);
  int err;

  (void) uvssh__rd_mpint(m);       /* p */
  (void) uvssh__rd_mpint(m);       /* g */
  err = rd_end(m);
  if (err != 0)
    return err;
  wr_bytes(group, text.base, text.len);
  if (group->bad)
    return UV_ENOMEM;
  t->phase = T_GROUP_KEX;
  return uvssh__kex_client_start(t);
}

/* One number, two messages. */
int uvssh__on_kex_31(struct transport* t, rd_t* m) {
  return t->hs->offer.kex->group_exchange ? on_group(t, m)
                                          : uvssh__on_kex_reply(t, m);
}
