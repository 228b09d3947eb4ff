/* kex.c: one key exchange from KEXINIT to NEWKEYS. RFC 4253 sections 7 to 9.
 *
 * Happy path: both KEXINIT, the method's messages (kex_server.c, kex_client.c),
 * both NEWKEYS. Each direction changes its keys, and in a strict exchange its
 * sequence number, right behind its own NEWKEYS.
 * Failures: nothing in common, a method's message that cannot be, a signature
 * that does not verify, the deadline (session/timer.c).
 *
 * The session identifier is the first H, with its own length, for ever. */
#include "transport/transport.h"

#include <assert.h>

void uvssh__kex_start(struct transport* t) {
  assert(t->hs == NULL);
  t->hs = (struct handshake*) uvssh__calloc(1, sizeof(*t->hs));
  if (t->hs == NULL) {
    desk_fail(t->desk, UV_ENOMEM);
    return;
  }
  queue_init(&t->hs->question.link);
  t->hs->secret.secret = 1;
  t->kex_started = desk_now(t->desk);
  t->rekeying = t->session_id_len != 0;
  uvssh__kexinit_send(t);
  t->kexinit_sent = 1;
}

int uvssh__on_kexinit(struct transport* t, rd_t* m) {
  int err;

  if (t->hs == NULL)
    uvssh__kex_start(t);
  if (t->desk->failed != 0)        /* without an offer of ours nothing would */
    return t->desk->failed;        /* be in common */
  wr_bytes(&t->hs->i_peer, m->at - 1, rd_left(m) + 1);
  if (t->hs->i_peer.bad)
    return UV_ENOMEM;
  err = uvssh__kexinit_read(t, m);
  if (err != 0)
    return err;
  t->phase = t->hs->offer.kex->group_exchange ? T_GROUP : T_KEX;
  return t->desk->is_server ? 0 : uvssh__kex_client_begin(t);
}

int uvssh__kex_skip_guess(struct transport* t, uint8_t number) {
  if (t->hs == NULL || !t->hs->skip_guess || number < 30 || number > 49)
    return 0;
  t->hs->skip_guess = 0;
  return 1;
}

/* ---- the exchange hash --------------------------------------------------- */

int uvssh__exchange_init(struct exchange* x, const struct transport* t) {
  const struct handshake* hs = t->hs;
  int server = t->desk->is_server;

  memset(x, 0, sizeof(*x));
  x->k.secret = 1;
  x->kex = hs->offer.kex;
  x->sign = hs->offer.sign;
  wr_cstr(&x->prefix, server ? t->ident_peer : t->ident_ours);
  wr_cstr(&x->prefix, server ? t->ident_ours : t->ident_peer);
  if (server) {
    wr_str(&x->prefix, hs->i_peer.base, hs->i_peer.len);
    wr_str(&x->prefix, hs->i_ours.base, hs->i_ours.len);
  } else {
    wr_str(&x->prefix, hs->i_ours.base, hs->i_ours.len);
    wr_str(&x->prefix, hs->i_peer.base, hs->i_peer.len);
  }
  wr_bytes(&x->group, hs->group.base, hs->group.len);
  return x->prefix.bad || x->group.bad ? UV_ENOMEM : 0;
}

static void hash_str(const struct hash_alg* hash,
                     struct hash_state* state,
                     const struct buf* b) {
  uint8_t len[4];

  put_u32(len, (uint32_t) b->len);
  hash->update(state, len, sizeof(len));
  hash->update(state, b->base, b->len);
}

void uvssh__exchange_hash(struct exchange* x) {
  const struct hash_alg* hash = x->kex->hash;
  struct hash_state state;

  hash->init(&state);
  hash->update(&state, x->prefix.base, x->prefix.len);
  hash_str(hash, &state, &x->k_s);
  hash->update(&state, x->group.base, x->group.len);
  hash_str(hash, &state, &x->q_c);
  hash_str(hash, &state, &x->q_s);
  hash->update(&state, x->k.base, x->k.len);   /* encoded already */
  hash->final(&state, x->h);
}

void uvssh__exchange_free(struct exchange* x) {
  uvssh__buf_free(&x->prefix);
  uvssh__buf_free(&x->k_s);
  uvssh__buf_free(&x->group);
  uvssh__buf_free(&x->q_c);
  uvssh__buf_free(&x->q_s);
  x->k.secret = 1;
  uvssh__buf_free(&x->k);
  uvssh__buf_free(&x->signature);
  uvssh__wipe(x->h, sizeof(x->h));
}

/* ---- keys, RFC 4253 section 7.2 ------------------------------------------ */

enum { MATERIAL_MAX = 64 };

struct material {                  /* one direction's */
  uint8_t iv[MATERIAL_MAX];
  uint8_t key[MATERIAL_MAX];
  uint8_t mac_key[MATERIAL_MAX];
};

/* K1 = HASH(K || H || letter || session_id), K2 = HASH(K || H || K1), ... as
 * far as somebody wants it; begun: behind K || H, which all have in common. */
static void derive(const struct transport* t,
                   const struct exchange* x,
                   const struct hash_state* begun,
                   char letter,
                   uint8_t* out,
                   size_t size) {
  const struct hash_alg* hash = x->kex->hash;
  uint8_t digest[HASH_SIZE_MAX];
  struct hash_state state;
  size_t have;
  size_t n;

  for (have = 0; have < size; have += n) {
    state = *begun;                /* final() wipes it */
    if (have == 0) {
      hash->update(&state, &letter, 1);
      hash->update(&state, t->session_id, t->session_id_len);
    } else {
      hash->update(&state, out, have);
    }
    hash->final(&state, digest);
    n = hash->size < size - have ? hash->size : size - have;
    memcpy(out + have, digest, n);
  }
  uvssh__wipe(digest, sizeof(digest));
}

/* direction 0: client to server (letters A, C, E); 1: server to client. */
static int make_keys(const struct transport* t,
                     const struct exchange* x,
                     const struct hash_state* begun,
                     unsigned direction,
                     int sealing,
                     struct keys* keys) {
  const struct cipher_alg* cipher = t->hs->offer.cipher[direction];
  const struct mac_alg* mac = t->hs->offer.mac[direction];
  struct material m;
  int err;

  assert(cipher->iv_size <= MATERIAL_MAX && cipher->key_size <= MATERIAL_MAX);
  assert(mac == NULL || mac->key_size <= MATERIAL_MAX);
  derive(t, x, begun, (char) ('A' + direction), m.iv, cipher->iv_size);
  derive(t, x, begun, (char) ('C' + direction), m.key, cipher->key_size);
  derive(t, x, begun, (char) ('E' + direction), m.mac_key,
         mac == NULL ? 0 : mac->key_size);
  memset(keys, 0, sizeof(*keys));
  err = uvssh__keys_init(keys, cipher, mac, m.key, m.iv, m.mac_key, sealing);
  uvssh__wipe(&m, sizeof(m));
  return err;
}

/* ours: for what leaves; the other direction's wait in the handshake. */
static int make_both(struct transport* t,
                     const struct exchange* x,
                     struct keys* ours) {
  const struct hash_alg* hash = x->kex->hash;
  unsigned out = t->desk->is_server ? 1 : 0;
  struct hash_state begun;
  int err;

  hash->init(&begun);
  hash->update(&begun, x->k.base, x->k.len);
  hash->update(&begun, x->h, hash->size);
  err = make_keys(t, x, &begun, out, 1, ours);
  if (err == 0)
    err = make_keys(t, x, &begun, 1 - out, 0, &t->hs->next_in);
  uvssh__wipe(&begun, sizeof(begun));
  return err;
}

static void install(struct transport* t, struct half* half, struct keys* keys) {
  uvssh__keys_free(&half->keys);
  half->keys = *keys;
  memset(keys, 0, sizeof(*keys));
  if (t->strict)
    half->seq = 0;
  half->key_bytes = 0;
  half->key_packets = 0;
}

int uvssh__kex_newkeys(struct transport* t, struct exchange* x) {
  unsigned out = t->desk->is_server ? 1 : 0;
  struct keys ours;
  uint64_t sealed = t->out.packets;
  int first = t->session_id_len == 0;
  int err;

  if (first) {
    t->session_id_len = x->kex->hash->size;
    memcpy(t->session_id, x->h, t->session_id_len);
  }
  uvssh__keylog(t, x);
  err = make_both(t, x, &ours);
  if (err != 0) {
    uvssh__keys_free(&ours);
    return err;
  }
  (void) uvssh__message(t, MSG_NEWKEYS);
  uvssh__send(t);
  if (t->out.packets == sealed) {  /* it could not leave: the old keys stay */
    uvssh__keys_free(&ours);
    return t->desk->failed;
  }
  install(t, &t->out, &ours);
  t->agreed = t->hs->offer;
  t->phase = T_NEWKEYS;
  t->kexinit_sent = 0;
  err = uvssh__compression_newkeys(t, &t->out, t->agreed.compression[out]);
  if (err != 0)
    return err;
  if (first)
    uvssh__ext_info_send(t);
  uvssh__send_deferred(t);
  return 0;
}

int uvssh__on_newkeys(struct transport* t, rd_t* m) {
  unsigned in = t->desk->is_server ? 0 : 1;
  int err = rd_end(m);

  if (err != 0)
    return err;
  install(t, &t->in, &t->hs->next_in);
  err = uvssh__compression_newkeys(t, &t->in, t->agreed.compression[in]);
  if (err != 0)
    return err;
  t->in_since_newkeys = 0;
  t->phase = T_READY;
  t->kex_finished = desk_now(t->desk);
  t->rekeys += t->rekeying ? 1 : 0;
  t->rekey_done = t->rekey_req != NULL;
  t->rekeying = 0;
  uvssh__handshake_free(t);
  desk_wake(t->desk);
  return 0;
}

void uvssh__handshake_free(struct transport* t) {
  struct handshake* hs = t->hs;

  if (hs == NULL)
    return;
  t->hs = NULL;
  uvssh__question_close(&hs->question);
  uvssh__exchange_free(&hs->asked);
  uvssh_key_unref(hs->hostkey);
  uvssh__buf_free(&hs->i_ours);
  uvssh__buf_free(&hs->i_peer);
  uvssh__buf_free(&hs->group);
  uvssh__buf_free(&hs->secret);
  uvssh__buf_free(&hs->q_c);
  uvssh__keys_free(&hs->next_in);
  uvssh__free_secret(hs, sizeof(*hs));
}

static int half_is_due(const struct half* half, const uvssh_config_t* c) {
  return (c->rekey_bytes != 0 && half->key_bytes >= c->rekey_bytes) ||
         half->key_packets >= (c->rekey_packets != 0 ? c->rekey_packets
                                                     : (uint64_t) 1 << 31);
}

int uvssh__rekey_is_due(const struct transport* t) {
  const uvssh_config_t* c = &t->desk->config;

  return half_is_due(&t->in, c) || half_is_due(&t->out, c) ||
         (c->rekey_ms != 0 &&
          desk_now(t->desk) >= t->kex_finished + c->rekey_ms);
}

/* ---- the whole transport ------------------------------------------------- */

void uvssh__transport_init(struct transport* t,
                           struct desk* desk,
                           const struct hostkeys* hostkeys) {
  memset(t, 0, sizeof(*t));
  t->desk = desk;
  t->hostkeys = hostkeys;
  t->agreed.compression[0] = uvssh__compression_find(STR("none"));
  t->agreed.compression[1] = t->agreed.compression[0];
  t->tail.secret = 1;
  t->deferred.secret = 1;
}

void uvssh__transport_free(struct transport* t) {
  struct block* next;

  uvssh__handshake_free(t);
  uvssh__keys_free(&t->in.keys);
  uvssh__keys_free(&t->out.keys);
  uvssh__compression_stop(&t->in);
  uvssh__compression_stop(&t->out);
  for (; t->blocks != NULL; t->blocks = next) {
    next = t->blocks->next;
    uvssh__block_put(t->desk->pool, t->blocks);
  }
  uvssh__buf_free(&t->tail);
  uvssh__buf_free(&t->deferred);
  uvssh_key_unref(t->hostkey);
  uvssh__free(t->sig_algs);
  uvssh__free(t->peer_text);
  uvssh__free(t->failure);
  t->last = NULL;
  t->hostkey = NULL;
  t->sig_algs = t->peer_text = t->failure = NULL;
}
