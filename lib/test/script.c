/* script.c: one end of SSH in memory: identification lines and packets, in the
 * clear and under keys. RFC 4253 sections 4.2 and 6.
 *
 * Happy path: what is said is sealed and appended to `wire`, for whoever
 * carries it; what has come is opened where it lies, one message a call.
 * Failure: a packet that is not right is a code. The first one is the end.
 *
 * Never: decides what may be said, or when.
 */
#include "test/test.h"

void uvssh__script_init(struct script* s, enum role role) {
  s->role = role;
  s->ident = "SSH-2.0-peer";
  s->ext_info = 1;
  s->kex = &uvssh__curve25519;
  s->cipher = &uvssh__aes256_gcm;
}

void uvssh__script_reset(struct script* s) {
  uvssh__keys_free(&s->in);
  uvssh__keys_free(&s->out);
  uvssh__keys_free(&s->next_in);
  uvssh__keys_free(&s->next_out);
  uvssh__buf_free(&s->i_mine);
  uvssh__buf_free(&s->i_theirs);
  uvssh__buf_free(&s->group);
  s->secret.secret = 1;
  uvssh__buf_free(&s->secret);
  uvssh__buf_free(&s->q_c);
  uvssh__buf_free(&s->q_s);
  uvssh__buf_free(&s->k_s);
  uvssh__buf_free(&s->k);
  uvssh__buf_free(&s->message);
  uvssh__buf_free(&s->wire);
  s->is_strict = s->has_theirs = s->has_id = s->has_length = 0;
  s->seq_in = s->seq_out = 0;
  s->ident_theirs[0] = '\0';
  memset(s->heard, 0, sizeof(s->heard));
}

int uvssh__script_cipher(struct script* s,
                         const char* cipher,
                         const char* mac) {
  const struct cipher_alg* c = uvssh__cipher_find(str_of(cipher));
  const struct mac_alg* m = mac == NULL ? NULL : uvssh__mac_find(str_of(mac));

  if (c == NULL || (m == NULL) != (mac == NULL) ||
      (m == NULL) != (c->tag_size != 0))
    return UV_EINVAL;
  s->cipher = c;
  s->mac = m;
  return 0;
}

static size_t block_of(const struct keys* keys) {
  return keys->block_size == 0 ? 8 : keys->block_size;
}

/* The part of a packet that is padded to whole blocks. */
static size_t padded(const struct keys* keys, size_t length) {
  return length + (keys->clear != 0 ? 0 : 4);
}

/* ---- saying -------------------------------------------------------------- */

struct buf* uvssh__script_message(struct script* s, uint8_t number) {
  uvssh__buf_reset(&s->message);
  wr_u8(&s->message, number);
  return &s->message;
}

int uvssh__script_send(struct script* s) {
  if (s->message.bad)
    return UV_ENOMEM;
  return uvssh__script_seal(s, s->message.base, s->message.len, NULL);
}

static unsigned padding_for(const struct keys* keys, size_t len) {
  size_t n = 4;

  while (padded(keys, n + 1 + len) % block_of(keys) != 0)
    n++;
  return (unsigned) n;
}

int uvssh__script_seal(struct script* s,
                       const void* payload,
                       size_t len,
                       const struct odd* odd) {
  static const struct odd none;
  const struct odd* o = odd == NULL ? &none : odd;
  unsigned padding = o->set_padding ? o->padding : padding_for(&s->out, len);
  unsigned bytes = o->padding_bytes != 0 ? o->padding_bytes : padding;
  size_t size = 5 + len + bytes;
  uint8_t* out = uvssh__buf_reserve(&s->wire, size + s->out.tag_size + 64);
  int err;

  if (out == NULL)
    return UV_ENOMEM;
  memset(out, 0, size + s->out.tag_size);
  put_u32(out, o->set_length ? o->length : (uint32_t) (size - 4));
  out[4] = (uint8_t) padding;
  if (len != 0)
    memcpy(out + 5, payload, len);
  err = uvssh__seal(&s->out, s->seq_out, out, 5 + len, NULL, 0, bytes);
  if (err != 0)
    return err;
  s->seq_out++;
  if (o->flip != 0)
    out[o->flip - 1] ^= 1;
  s->wire.len += size + s->out.tag_size;
  return 0;
}

/* ---- hearing ------------------------------------------------------------- */

int uvssh__script_take_ident(struct script* s,
                             const uint8_t* at,
                             size_t len,
                             size_t* used) {
  const uint8_t* end = len == 0 ? NULL : (const uint8_t*) memchr(at, '\n', len);
  size_t n;

  *used = 0;
  if (end == NULL)
    return len > sizeof(s->ident_theirs) ? UVSSH_EVERSION : 0;
  n = (size_t) (end - at);
  if (n == 0 || end[-1] != '\r' || n > sizeof(s->ident_theirs))
    return UVSSH_EVERSION;
  memcpy(s->ident_theirs, at, n - 1);
  s->ident_theirs[n - 1] = '\0';
  *used = n + 1;
  return 1;
}

static void take_newkeys(struct script* s) {
  uvssh__keys_free(&s->in);
  s->in = s->next_in;
  memset(&s->next_in, 0, sizeof(s->next_in));
  if (s->is_strict)
    s->seq_in = 0;
}

/* Opens the length, once a packet. */
static int take_length(struct script* s, uint8_t* at, size_t len) {
  int err;

  if (s->has_length)
    return 1;
  if (len < uvssh__keys_head(&s->in))
    return 0;
  err = uvssh__open_length(&s->in, s->seq_in, at, &s->length);
  if (err != 0)
    return err;
  if (s->length < 6 || s->length > SCRIPT_PACKET_MAX ||
      padded(&s->in, s->length) % block_of(&s->in) != 0)
    return UVSSH_EPACKET;
  s->has_length = 1;
  return 1;
}

int uvssh__script_take(struct script* s,
                       uint8_t* at,
                       size_t len,
                       size_t* used) {
  int err = take_length(s, at, len);
  size_t total, body;

  *used = 0;
  if (err != 1)
    return err;
  total = 4 + (size_t) s->length + s->in.tag_size;
  if (len < total)
    return 0;
  err = uvssh__open(&s->in, s->seq_in, at, s->length);
  if (err != 0)
    return err;
  if (at[4] < 4 || at[4] > s->length - 2)
    return UVSSH_EPACKET;
  body = s->length - 1 - at[4];
  memcpy(s->last, at + 5, body);
  s->m = rd_of(s->last, body);
  s->has_length = 0;
  s->seq_in++;
  s->heard[rd_u8(&s->m)]++;
  if (s->last[0] == MSG_NEWKEYS)
    take_newkeys(s);
  *used = total;
  return 1;
}
