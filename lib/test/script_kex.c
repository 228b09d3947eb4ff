/* script_kex.c: a script's key exchange, step by step: curve25519-sha256 and
 * the cipher that was set. RFC 4253 sections 7 and 8, RFC 8731, strict KEX.
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

  snprintf(kex, sizeof(kex), "curve25519-sha256%s%s",
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
  wr_str(&b, s->q_c.base, s->q_c.len);
  wr_str(&b, s->q_s.base, s->q_s.len);
  wr_bytes(&b, s->k.base, s->k.len);
  uvssh__sha256.init(&state);
  uvssh__sha256.update(&state, b.base, b.len);
  uvssh__sha256.final(&state, s->h);
  bad = b.bad;
  uvssh__buf_free(&b);
  if (!s->has_id)
    memcpy(s->session_id, s->h, sizeof(s->h));
  s->has_id = 1;
  return bad ? UV_ENOMEM : 0;
}

static void letter(const struct script* s, char c, uint8_t out[64]) {
  struct hash_state state;
  unsigned i;

  for (i = 0; i < 2; i++) {
    uvssh__sha256.init(&state);
    uvssh__sha256.update(&state, s->k.base, s->k.len);
    uvssh__sha256.update(&state, s->h, 32);
    if (i == 0) {
      uvssh__sha256.update(&state, &c, 1);
      uvssh__sha256.update(&state, s->session_id, 32);
    } else {
      uvssh__sha256.update(&state, out, 32);
    }
    uvssh__sha256.final(&state, out + 32 * i);
  }
}

static int make_keys(struct script* s, int to_server, struct keys* keys) {
  uint8_t iv[64], key[64], mac[64];
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

/* ---- a client's half ----------------------------------------------------- */

int uvssh__script_make_init(struct script* s) {
  struct buf* m;
  int err;

  uvssh__buf_reset(&s->q_c);
  err = uvssh__curve25519.start(s->secret, &s->q_c);
  if (err != 0)
    return err;
  m = uvssh__script_message(s, MSG_KEX_ECDH_INIT);
  wr_str(m, s->q_c.base, s->q_c.len);
  return m->bad ? UV_ENOMEM : 0;
}

int uvssh__script_say_init(struct script* s) {
  int err = uvssh__script_make_init(s);
  return err == 0 ? uvssh__script_send(s) : err;
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
            ? uvssh__key_verify(key, alg, s->h, 32, signature)
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
  err = uvssh__curve25519.finish(s->secret, q_s, &s->k);
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
  err = uvssh__curve25519.respond(q_c, &s->q_s, &s->k);
  if (err == 0)
    err = both_keys(s);
  if (err != 0)
    return err;
  return uvssh__key_sign(s->hostkey, uvssh__sign_find(STR("ssh-ed25519")),
                         s->h, 32, signature);
}

int uvssh__script_make_reply(struct script* s) {
  struct buf signature = { 0 };
  struct buf* m;
  int err = uvssh__script_make_signature(s, &signature);

  if (err == 0) {
    m = uvssh__script_message(s, MSG_KEX_ECDH_REPLY);
    wr_str(m, s->k_s.base, s->k_s.len);
    wr_str(m, s->q_s.base, s->q_s.len);
    wr_str(m, signature.base, signature.len);
    err = m->bad ? UV_ENOMEM : 0;
  }
  uvssh__buf_free(&signature);
  return err;
}

int uvssh__script_say_reply(struct script* s) {
  int err = uvssh__script_make_reply(s);
  return err == 0 ? uvssh__script_send(s) : err;
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
