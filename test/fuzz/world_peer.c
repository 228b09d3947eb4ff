/* world_peer.c: what the peer says, sealed; and what an honest one would say
 * where no fuzzer could find it: a proof of a host key, of a user's key. */
#include "world.h"

#include <stdlib.h>

/* ---- keys ---------------------------------------------------------------- */

void peer_know_keys(struct world* w) {
  static const uint8_t material[64] = { 3, 1, 4, 1, 5, 9, 2, 6, 5 };
  struct keys* theirs = &w->s.transport.in.keys;

  if (theirs->allocation == w->known)
    return;
  uvssh__keys_free(theirs);
  uvssh__keys_free(&w->keys);
  MUST(uvssh__keys_init(theirs, &uvssh__chacha20_poly1305, NULL, material,
                        material, NULL, 0) == 0);
  MUST(uvssh__keys_init(&w->keys, &uvssh__chacha20_poly1305, NULL, material,
                        material, NULL, 1) == 0);
  w->known = theirs->allocation;
}

void peer_close(struct world* w) {
  uvssh__keys_free(&w->keys);
  uvssh__buf_free(&w->wire);
}

/* ---- packets ------------------------------------------------------------- */

static void seal(struct world* w, const uint8_t* payload, size_t len) {
  size_t block = w->keys.block_size == 0 ? 8 : w->keys.block_size;
  size_t used = (w->keys.clear == 0 ? 5 : 1) + len;
  size_t least = block - used % block;
  size_t padding = least < 4 ? least + block : least;
  size_t length = 1 + len + padding;
  size_t total = 4 + length + w->keys.tag_size;
  uint32_t seq = w->s.transport.in.seq + w->batched;
  uint8_t* out = uvssh__buf_reserve(&w->wire, total);

  MUST(out != NULL);
  put_u32(out, (uint32_t) length);
  out[4] = (uint8_t) padding;
  memset(out + 5 + len, 0, padding);
  MUST(uvssh__seal(&w->keys, seq, out, 5, payload, len, padding) == 0);
  w->wire.len += total;
  w->batched++;
}

void peer_flush(struct world* w) {
  struct input in = { w->wire.base, w->wire.len };
  const uint8_t* at;
  uint8_t* copy;
  size_t n;

  w->batched = 0;
  fuzz_memory_hold(0);
  while ((n = input_take(&in, w->piece == 0 ? SIZE_MAX : w->piece, &at)) != 0) {
    if (session_wants_close(&w->s))
      break;
    copy = fuzz_copy(at, n);
    uvssh__session_feed(&w->s, copy, n);
    free(copy);
  }
  fuzz_memory_hold(1);
  uvssh__buf_reset(&w->wire);
  peer_know_keys(w);
  fuzz_memory_hold(0);
}

/* A transport that is not read has no bytes for us: what paused has to end
 * first. One that waits for its user is not heard at all. */
void peer_say(struct world* w, const uint8_t* payload, size_t len) {
  if (!uvssh__session_wants_input(&w->s) ||
      packet_kept(&w->s.transport) != 0)
    return;
  fuzz_memory_hold(1);
  seal(w, payload, len);
  fuzz_memory_hold(0);
  if (w->batched > w->batch || payload[0] == MSG_NEWKEYS)
    peer_flush(w);
}

/* A message that was made while the memory was on hold. */
static void say(struct world* w, struct buf* m) {
  MUST(!m->bad);
  fuzz_memory_hold(0);
  peer_flush(w);
  if (m->len != 0)
    peer_say(w, m->base, m->len);
  uvssh__buf_free(m);
}

/* ---- an honest peer ------------------------------------------------------ */

static void say_kexinit(struct world* w) {
  static const uint8_t cookie[16] = { 9 };
  struct buf m = { 0 };
  int i;

  wr_u8(&m, MSG_KEXINIT);
  wr_bytes(&m, cookie, sizeof(cookie));
  wr_cstr(&m, "curve25519-sha256,ext-info-c,kex-strict-c,kex-strict-s");
  wr_cstr(&m, KEY_ED25519);
  for (i = 0; i < 2; i++)
    wr_cstr(&m, "chacha20-poly1305@openssh.com");
  for (i = 0; i < 2; i++)
    wr_cstr(&m, "hmac-sha2-256");
  for (i = 0; i < 2; i++)
    wr_cstr(&m, "none");
  for (i = 0; i < 2; i++)
    wr_cstr(&m, "");
  wr_bool(&m, 0);
  wr_u32(&m, 0);
  say(w, &m);
}

static void say_kex_init(struct world* w) {
  struct buf secret = { 0 };
  struct buf q_c = { 0 };
  struct buf m = { 0 };

  MUST(uvssh__curve25519.start(STR(""), &secret, &q_c) == 0);
  wr_u8(&m, MSG_KEX_ECDH_INIT);
  wr_str(&m, q_c.base, q_c.len);
  uvssh__buf_free(&secret);
  uvssh__buf_free(&q_c);
  say(w, &m);
}

/* The server's half, over what this client has said. */
static void say_kex_reply(struct world* w) {
  const struct transport* t = &w->s.transport;
  uvssh_key_t* key = fuzz_key(KEY_OF_HOST);
  struct exchange x;
  struct buf m = { 0 };
  const uint8_t* blob;
  size_t len;

  if (t->desk->is_server || t->hs == NULL || t->phase != T_KEX ||
      t->hs->q_c.len == 0 || w->s.ending > E_EMPTYING)
    return;                        /* a job may still be making what it says */
  MUST(uvssh__exchange_init(&x, t) == 0);
  blob = uvssh_key_blob(key, &len);
  wr_bytes(&x.k_s, blob, len);
  wr_bytes(&x.q_c, t->hs->q_c.base, t->hs->q_c.len);
  MUST(x.kex->respond(exchange_group(&x), str_of_buf(&x.q_c), &x.q_s,
                       &x.k) == 0);
  uvssh__exchange_hash(&x);
  MUST(uvssh__key_sign(key, x.sign, x.h, x.kex->hash->size, &x.signature) == 0);
  wr_u8(&m, MSG_KEX_ECDH_REPLY);
  wr_str(&m, x.k_s.base, x.k_s.len);
  wr_str(&m, x.q_s.base, x.q_s.len);
  wr_str(&m, x.signature.base, x.signature.len);
  uvssh__exchange_free(&x);
  say(w, &m);
}

static void say_newkeys(struct world* w) {
  struct buf m = { 0 };

  wr_u8(&m, MSG_NEWKEYS);
  say(w, &m);
}

/* A user's proof of his key, RFC 4252 section 7. */
static void say_proof(struct world* w, const char* user) {
  const struct sign_alg* alg = uvssh__sign_find(STR(KEY_ED25519));
  const struct transport* t = &w->s.transport;
  uvssh_key_t* key = fuzz_key(KEY_OF_USER);
  struct buf m = { 0 };
  struct buf data = { 0 };
  struct buf signature = { 0 };
  const uint8_t* blob;
  size_t len;

  blob = uvssh_key_blob(key, &len);
  wr_u8(&m, MSG_USERAUTH_REQUEST);
  wr_cstr(&m, user);
  wr_cstr(&m, "ssh-connection");
  wr_cstr(&m, "publickey");
  wr_bool(&m, 1);
  wr_cstr(&m, KEY_ED25519);
  wr_str(&m, blob, len);
  wr_str(&data, t->session_id, t->session_id_len);
  wr_bytes(&data, m.base, m.len);
  MUST(uvssh__key_sign(key, alg, data.base, data.len, &signature) == 0);
  wr_str(&m, signature.base, signature.len);
  uvssh__buf_free(&signature);
  uvssh__buf_free(&data);
  say(w, &m);
}

static void say_pk_ok(struct world* w) {
  struct buf m = { 0 };
  size_t len;
  const uint8_t* blob = uvssh_key_blob(fuzz_key(KEY_OF_USER), &len);

  wr_u8(&m, MSG_USERAUTH_PK_OK);
  wr_cstr(&m, KEY_ED25519);
  wr_str(&m, blob, len);
  say(w, &m);
}

static void say_service(struct world* w) {
  struct buf m = { 0 };

  wr_u8(&m, w->is_server ? MSG_SERVICE_REQUEST : MSG_SERVICE_ACCEPT);
  wr_cstr(&m, "ssh-userauth");
  say(w, &m);
}

void peer_honest(struct world* w, uint8_t how) {
  fuzz_memory_hold(1);
  switch (how % 8) {
    case 0: say_kexinit(w); break;
    case 1:
      if (w->is_server)
        say_kex_init(w);
      else
        say_kex_reply(w);
      break;
    case 2: say_kex_reply(w); break;
    case 3: say_newkeys(w); break;
    case 4: say_service(w); break;
    case 5: say_pk_ok(w); break;
    case 6: say_proof(w, "user"); break;
    default: say_proof(w, "other"); break;
  }
  fuzz_memory_hold(0);
}
