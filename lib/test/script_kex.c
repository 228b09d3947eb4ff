/* script_kex.c: a script's key exchange, step by step, by the method and for
 * the cipher that were set. RFC 4253 sections 7 and 8, RFC 4419, RFC 5656, RFC
 * 8731, strict KEX.
 *
 * The other side's choice is taken for granted: the script offers one method
 * only. What it was shown it checks: the signature over the hash.
 */
#include "test/test.h"

#include <stdio.h>

int uvssh__script_say_ident(struct script* s) {
  wr_bytes(&s->wire, s->ident, strlen(s->ident));
  wr_bytes(&s->wire, "\r\n", 2);
  return s->wire.bad ? UV_ENOMEM : 0;
}

/* ---- KEXINIT ------------------------------------------------------------- */

static const char* marks(const struct script* s) {
  static const char* const both[2][4] = {
    { ",kex-strict-c-v00@openssh.com,kex-strict-c",
      ",kex-strict-c-v00@openssh.com", ",kex-strict-c", "" },
    { ",kex-strict-s-v00@openssh.com,kex-strict-s",
      ",kex-strict-s-v00@openssh.com", ",kex-strict-s", "" }
  };

  return both[s->role == PEER_SERVER][s->strict];
}

static const char* default_list(const struct script* s,
                                unsigned i,
                                const char* kex) {
  return i < LIST_HOSTKEY       ? kex
         : i < LIST_CIPHER_CS   ? "ssh-ed25519"
         : i < LIST_MAC_CS      ? s->cipher->name
         : i >= LIST_LANG_CS    ? ""
         : i >= LIST_COMP_CS    ? "none"
         : s->mac != NULL       ? s->mac->name
                                : "hmac-sha2-256";
}

int uvssh__script_make_kexinit(struct script* s) {
  struct buf* m = uvssh__script_message(s, MSG_KEXINIT);
  char kex[300];
  unsigned i;

  snprintf(kex, sizeof(kex), "%s%s%s", s->kex->name,
           !s->ext_info             ? ""
           : s->role == PEER_CLIENT ? ",ext-info-c"
                                    : ",ext-info-s",
           s->has_id ? "" : marks(s));
  wr_bytes(m, "0123456789abcdef", 16);
  for (i = 0; i < LISTS; i++)
    wr_cstr(m, s->lists[i] != NULL ? s->lists[i] : default_list(s, i, kex));
  wr_bool(m, s->follows);
  wr_u32(m, 0);
  uvssh__buf_reset(&s->i_mine);
  wr_bytes(&s->i_mine, m->base, m->len);
  return m->bad || s->i_mine.bad ? UV_ENOMEM : 0;
}

int uvssh__script_say_kexinit(struct script* s) {
  int err = uvssh__script_make_kexinit(s);

  return err == 0 ? uvssh__script_send(s) : err;
}

void uvssh__script_hear_kexinit(struct script* s) {
  uvssh__buf_reset(&s->i_theirs);
  wr_bytes(&s->i_theirs, s->last, rd_left(&s->m) + 1);
  s->has_theirs = 1;
  if (!s->has_id)
    s->is_strict = s->strict != STRICT_NONE;
}

/* ---- hash and keys ------------------------------------------------------- */

static int hash_of(struct script* s) {
  struct hash_state state;
  struct buf b = { 0 };
  int client = s->role == PEER_CLIENT;
  const struct buf* i_c = client ? &s->i_mine : &s->i_theirs;
  const struct buf* i_s = client ? &s->i_theirs : &s->i_mine;
  int bad;

  wr_cstr(&b, client ? s->ident : s->ident_theirs);
  wr_cstr(&b, client ? s->ident_theirs : s->ident);
  wr_str(&b, i_c->base, i_c->len);
  wr_str(&b, i_s->base, i_s->len);
  wr_str(&b, s->k_s.base, s->k_s.len);
  if (s->kex->group_exchange)
    wr_bytes(&b, s->group.base, s->group.len);
  wr_str(&b, s->q_c.base, s->q_c.len);
  wr_str(&b, s->q_s.base, s->q_s.len);
  wr_bytes(&b, s->k.base, s->k.len);
  s->kex->hash->init(&state);
  s->kex->hash->update(&state, b.base, b.len);
  s->kex->hash->final(&state, s->h);
  bad = b.bad;
  uvssh__buf_free(&b);
  if (!s->has_id) {
    memcpy(s->session_id, s->h, sizeof(s->h));
    s->id_len = s->kex->hash->size;
  }
  s->has_id = 1;
  return bad ? UV_ENOMEM : 0;
}

enum { LETTER = 2 * HASH_SIZE_MAX }; /* enough for any key */

static void letter(const struct script* s, char c, uint8_t out[LETTER]) {
  const struct hash_alg* hash = s->kex->hash;
  struct hash_state state;
  size_t have;

  for (have = 0; have + hash->size <= LETTER; have += hash->size) {
    hash->init(&state);
    hash->update(&state, s->k.base, s->k.len);
    hash->update(&state, s->h, hash->size);
    if (have == 0) {
      hash->update(&state, &c, 1);
      hash->update(&state, s->session_id, s->id_len);
    } else {
      hash->update(&state, out, have);
    }
    hash->final(&state, out + have);
  }
}

static int make_keys(struct script* s, int to_server, struct keys* keys) {
  uint8_t iv[LETTER], key[LETTER], mac[LETTER];
  int sealing = to_server == (s->role == PEER_CLIENT);
  int shift = to_server ? 0 : 1;

  letter(s, (char) ('A' + shift), iv);
  letter(s, (char) ('C' + shift), key);
  letter(s, (char) ('E' + shift), mac);
  uvssh__keys_free(keys);
  return uvssh__keys_init(keys, s->cipher, s->mac, key, iv, mac, sealing);
}

static int both_keys(struct script* s) {
  int client = s->role == PEER_CLIENT;
  int err = hash_of(s);

  if (err == 0)
    err = make_keys(s, 1, client ? &s->next_out : &s->next_in);
  if (err == 0)
    err = make_keys(s, 0, client ? &s->next_in : &s->next_out);
  return err;
}

static void keep(struct buf* b, str_t bytes) {
  uvssh__buf_reset(b);
  wr_bytes(b, bytes.base, bytes.len);
}

/* ---- groups -------------------------------------------------------------- */

static str_t group_of(const struct script* s) {
  static const str_t none = { NULL, 0 };
  str_t text = { s->group.base, s->group.len };

  if (!s->kex->group_exchange)
    return none;
  text.base += 3 * 4;
  text.len -= 3 * 4;
  return text;
}

static int say_made(struct script* s, int err) {
  return err == 0 ? uvssh__script_send(s) : err;
}

int uvssh__script_make_request(struct script* s) {
  struct buf* m = uvssh__script_message(s, MSG_KEX_DH_GEX_REQUEST);

  uvssh__buf_reset(&s->group);
  wr_u32(&s->group, GEX_BITS_MIN);
  wr_u32(&s->group, GEX_BITS_MIN);
  wr_u32(&s->group, GEX_BITS_MAX);
  wr_bytes(m, s->group.base, s->group.len);
  return m->bad || s->group.bad ? UV_ENOMEM : 0;
}

int uvssh__script_say_request(struct script* s) {
  return say_made(s, uvssh__script_make_request(s));
}

int uvssh__script_hear_group(struct script* s) {
  str_t text = rd_rest(&s->m);
  struct dh_group group;

  wr_bytes(&s->group, text.base, text.len);
  return s->group.bad ? UV_ENOMEM : uvssh__dh_group_read(text, &group);
}

/* As small as the peer lets us: what a test has to wait for. */
int uvssh__script_make_group(struct script* s) {
  str_t asked = rd_rest(&s->m);
  struct buf* m = uvssh__script_message(s, MSG_KEX_DH_GEX_GROUP);
  int err;

  if (asked.len != 3 * 4)
    return UVSSH_EMESSAGE;
  uvssh__buf_reset(&s->group);
  wr_bytes(&s->group, asked.base, asked.len);
  err = uvssh__gex_choose(get_u32(asked.base), get_u32(asked.base),
                          get_u32(asked.base + 8), &s->group);
  wr_bytes(m, group_of(s).base, group_of(s).len);
  return err == 0 && m->bad ? UV_ENOMEM : err;
}

int uvssh__script_say_group(struct script* s) {
  return say_made(s, uvssh__script_make_group(s));
}

/* ---- a client's half ----------------------------------------------------- */

int uvssh__script_make_init(struct script* s) {
  struct buf* m;
  int err;

  uvssh__buf_reset(&s->q_c);
  uvssh__buf_reset(&s->secret);
  err = s->kex->start(group_of(s), &s->secret, &s->q_c);
  if (err != 0)
    return err;
  m = uvssh__script_message(s, s->kex->group_exchange ? MSG_KEX_DH_GEX_INIT
                                                      : MSG_KEX_ECDH_INIT);
  wr_str(m, s->q_c.base, s->q_c.len);
  return m->bad ? UV_ENOMEM : 0;
}

int uvssh__script_say_init(struct script* s) {
  return say_made(s, uvssh__script_make_init(s));
}

/* By the algorithm that the signature names. */
static int check_signature(const struct script* s, str_t k_s, str_t signature) {
  rd_t r = rd_of(signature.base, signature.len);
  const struct sign_alg* alg = uvssh__sign_find(rd_str(&r));
  uvssh_key_t* key;
  int err;

  if (alg == NULL)
    return UVSSH_EHOSTKEY;
  err = uvssh__key_from_blob(&key, k_s);
  if (err != 0)
    return err;
  err = uvssh__key_fits(key, alg)
            ? uvssh__key_verify(key, alg, s->h, s->kex->hash->size, signature)
            : UVSSH_EHOSTKEY;
  uvssh_key_unref(key);
  return err;
}

int uvssh__script_hear_reply(struct script* s) {
  str_t k_s = rd_str(&s->m);
  str_t q_s = rd_str(&s->m);
  str_t signature = rd_str(&s->m);
  int err = rd_end(&s->m);

  if (err != 0)
    return err;
  keep(&s->k_s, k_s);
  keep(&s->q_s, q_s);
  uvssh__buf_free(&s->k);
  err = s->kex->finish(group_of(s), str_of_buf(&s->secret), q_s, &s->k);
  if (err == 0)
    err = both_keys(s);
  return err == 0 ? check_signature(s, k_s, signature) : err;
}

/* ---- a server's half ----------------------------------------------------- */

int uvssh__script_make_signature(struct script* s, struct buf* signature) {
  str_t q_c = rd_str(&s->m);
  str_t blob;
  int err = rd_end(&s->m);

  if (err != 0)
    return err;
  blob.base = uvssh_key_blob(s->hostkey, &blob.len);
  keep(&s->q_c, q_c);
  keep(&s->k_s, blob);
  uvssh__buf_reset(&s->q_s);
  uvssh__buf_free(&s->k);
  err = s->kex->respond(group_of(s), q_c, &s->q_s, &s->k);
  if (err == 0)
    err = both_keys(s);
  if (err != 0)
    return err;
  return uvssh__key_sign(s->hostkey, uvssh__sign_next(s->hostkey, NULL),
                         s->h, s->kex->hash->size, signature);
}

int uvssh__script_make_reply(struct script* s) {
  struct buf signature = { 0 };
  struct buf* m;
  int err = uvssh__script_make_signature(s, &signature);

  if (err == 0) {
    m = uvssh__script_message(s, s->kex->group_exchange ? MSG_KEX_DH_GEX_REPLY
                                                        : MSG_KEX_ECDH_REPLY);
    wr_str(m, s->k_s.base, s->k_s.len);
    wr_str(m, s->q_s.base, s->q_s.len);
    wr_str(m, signature.base, signature.len);
    err = m->bad ? UV_ENOMEM : 0;
  }
  uvssh__buf_free(&signature);
  return err;
}

int uvssh__script_say_reply(struct script* s) {
  return say_made(s, uvssh__script_make_reply(s));
}

/* ---- NEWKEYS ------------------------------------------------------------- */

void uvssh__script_change_keys(struct script* s) {
  uvssh__keys_free(&s->out);
  s->out = s->next_out;
  memset(&s->next_out, 0, sizeof(s->next_out));
  if (s->is_strict)
    s->seq_out = 0;
  s->has_theirs = 0;
}

int uvssh__script_say_newkeys(struct script* s) {
  int err;

  (void) uvssh__script_message(s, MSG_NEWKEYS);
  err = uvssh__script_send(s);
  uvssh__script_change_keys(s);
  return err;
}
