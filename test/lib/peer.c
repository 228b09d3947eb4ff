/* peer.c: see peer.h. */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- a life -------------------------------------------------------------- */

struct peer* peer_new(enum role role) {
  struct peer* p = calloc(1, sizeof(*p));

  CHECK(p != NULL);
  p->app = app_new();
  p->role = role;
  p->ident = "SSH-2.0-peer";
  p->ext_info = 1;
  peer_cipher(p, "aes256-gcm@openssh.com", NULL);
  p->side = role == PEER_CLIENT ? &p->app->pipe.server : &p->app->pipe.client;
  p->mine = p->side->other;
  return p;
}

void peer_cipher(struct peer* p, const char* cipher, const char* mac) {
  p->cipher = uvssh__cipher_find(str_of(cipher));
  p->mac = mac == NULL ? NULL : uvssh__mac_find(str_of(mac));
  CHECK(p->cipher != NULL);
  CHECK(mac == NULL || p->mac != NULL);
}

void peer_open(struct peer* p) {
  struct app* a = p->app;

  p->side->pub.data = a;
  p->mine->scripted = 1;
  if (p->role == PEER_CLIENT)
    CHECK_EQ(pipe_server(&a->pipe, &a->server_config, &a->on_server), 0);
  else
    CHECK_EQ(pipe_client(&a->pipe, &a->client_config, &a->on_client), 0);
}

static void forget(struct peer* p) {
  uvssh__keys_free(&p->in);
  uvssh__keys_free(&p->out);
  uvssh__keys_free(&p->next_in);
  uvssh__keys_free(&p->next_out);
  uvssh__buf_free(&p->i_mine);
  uvssh__buf_free(&p->i_theirs);
  uvssh__buf_free(&p->q_c);
  uvssh__buf_free(&p->q_s);
  uvssh__buf_free(&p->k_s);
  uvssh__buf_free(&p->k);
  uvssh__buf_free(&p->message);
  p->is_strict = p->has_theirs = p->has_id = 0;
  p->seq_in = p->seq_out = 0;
  p->ident_theirs[0] = '\0';
  memset(p->heard, 0, sizeof(p->heard));
}

void peer_again(struct peer* p) {
  struct app* a = p->app;

  pipe_reset(&a->pipe);
  forget(p);
  a->server_ready = a->client_ready = 0;
  a->auths = a->served_count = 0;
  memset(a->served, 0, sizeof(a->served));
  memset(a->asked, 0, sizeof(a->asked));
  app_log_clear(a);
}

void peer_end(struct peer* p) {
  forget(p);
  app_end(p->app);
  free(p);
}

/* ---- saying -------------------------------------------------------------- */

void peer_raw(struct peer* p, const void* base, size_t len) {
  pipe_inject(p->mine, base, len);
}

struct buf* peer_message(struct peer* p, uint8_t number) {
  uvssh__buf_reset(&p->message);
  wr_u8(&p->message, number);
  return &p->message;
}

void peer_send(struct peer* p) {
  CHECK(!p->message.bad);
  peer_send_bytes(p, p->message.base, p->message.len);
}

void peer_send_bytes(struct peer* p, const void* payload, size_t len) {
  static const struct odd none;

  peer_send_odd(p, payload, len, &none);
}

static unsigned padding_for(const struct keys* keys, size_t len) {
  size_t block = keys->block_size == 0 ? 8 : keys->block_size;
  size_t n = 4;

  while ((n + 1 + len + (keys->clear != 0 ? 0 : 4)) % block != 0)
    n++;
  return (unsigned) n;
}

void peer_send_odd(struct peer* p,
                   const void* payload,
                   size_t len,
                   const struct odd* odd) {
  unsigned padding =
      odd->set_padding ? odd->padding : padding_for(&p->out, len);
  unsigned bytes = odd->padding_bytes != 0 ? odd->padding_bytes : padding;
  size_t size = 5 + len + bytes;
  uint8_t* out = calloc(1, size + p->out.tag_size + 64);

  CHECK(out != NULL);
  put_u32(out, odd->set_length ? odd->length : (uint32_t) (size - 4));
  out[4] = (uint8_t) padding;
  if (len != 0)
    memcpy(out + 5, payload, len);
  CHECK_EQ(uvssh__seal(&p->out, p->seq_out, out, 5 + len, NULL, 0, bytes), 0);
  p->seq_out++;
  if (odd->flip != 0)
    out[odd->flip - 1] ^= 1;
  peer_raw(p, out, size + p->out.tag_size);
  free(out);
}

void peer_hang_up(struct peer* p) {
  p->mine->scripted = 0;
  p->mine->closes = 1;
}

/* ---- hearing ------------------------------------------------------------- */

static void take_newkeys(struct peer* p) {
  uvssh__keys_free(&p->in);
  p->in = p->next_in;
  memset(&p->next_in, 0, sizeof(p->next_in));
  if (p->is_strict)
    p->seq_in = 0;
}

int peer_next(struct peer* p) {
  struct side* s = p->side;
  uint32_t length;
  uint8_t* at;
  size_t total;

  pipe_run(&p->app->pipe);
  if (p->ident_theirs[0] == '\0')
    peer_read_ident(p);
  if (s->len == s->at)
    return -1;
  at = s->wire + s->at;
  CHECK(s->len - s->at >= uvssh__keys_head(&p->in));
  CHECK_EQ(uvssh__open_length(&p->in, p->seq_in, at, &length), 0);
  total = 4 + (size_t) length + p->in.tag_size;
  CHECK(length >= 12 || p->in.block_size > 8 || length >= 5);
  CHECK(total <= s->len - s->at && total < sizeof(p->last));
  CHECK_EQ(uvssh__open(&p->in, p->seq_in, at, length), 0);
  CHECK(at[4] >= 4);
  CHECK((length + (p->in.clear != 0 ? 0 : 4)) %
            (p->in.block_size == 0 ? 8 : p->in.block_size) == 0);
  memcpy(p->last, at + 5, length - 1 - at[4]);
  p->m = rd_of(p->last, length - 1 - at[4]);
  s->at += total;
  p->seq_in++;
  p->heard[p->last[0]]++;
  if (p->last[0] == MSG_NEWKEYS)
    take_newkeys(p);
  return rd_u8(&p->m);
}

rd_t* peer_expect(struct peer* p, uint8_t number) {
  int got = peer_next(p);

  while (got == MSG_IGNORE || got == MSG_DEBUG)
    got = peer_next(p);
  CHECK_EQ(got, number);
  return &p->m;
}

void peer_expect_nothing(struct peer* p) {
  CHECK_EQ(peer_next(p), -1);
}

rd_t* peer_await(struct peer* p, uint8_t number) {
  int got;

  do {
    got = peer_next(p);
    CHECK(got >= 0);
  } while (got != number);
  return &p->m;
}

void peer_skip(struct peer* p) {
  while (peer_next(p) >= 0)
    ;
}

void peer_ended(struct peer* p, int status, unsigned reason) {
  struct side* s = p->side;
  int last = -1;
  int got;

  while ((got = peer_next(p)) >= 0) {
    CHECK(last != MSG_DISCONNECT);
    last = got;
  }
  if (reason != 0) {
    CHECK_EQ(last, MSG_DISCONNECT);
    p->m = rd_of(p->last + 1, 4);
    CHECK_EQ(rd_u32(&p->m), reason);
  } else {
    CHECK(last != MSG_DISCONNECT);
  }
  peer_hang_up(p);
  pipe_run(&p->app->pipe);
  CHECK_EQ(s->up, 0);
  CHECK_EQ(s->closes, 1);
  CHECK_EQ(s->end.status, status);
  CHECK_EQ(s->end.by_peer, status == UV_EOF || status == UVSSH_EDISCONNECT);
}

void peer_alive(struct peer* p) {
  uint32_t seq = p->seq_out;

  peer_message(p, 9);              /* there is no such message */
  peer_send(p);
  CHECK_EQ(rd_u32(peer_await(p, MSG_UNIMPLEMENTED)), seq);
  CHECK_EQ(p->side->closes, 0);
}

/* ---- key exchange -------------------------------------------------------- */

void peer_say_ident(struct peer* p) {
  peer_raw(p, p->ident, strlen(p->ident));
  peer_raw(p, "\r\n", 2);
}

void peer_read_ident(struct peer* p) {
  struct side* s = p->side;
  uint8_t* at = s->wire + s->at;
  uint8_t* end;
  size_t n;

  if (s->len == s->at)
    return;
  end = memchr(at, '\n', s->len - s->at);
  CHECK(end != NULL && end > at && end[-1] == '\r');
  n = (size_t) (end - at) - 1;
  CHECK(n < sizeof(p->ident_theirs));
  memcpy(p->ident_theirs, at, n);
  p->ident_theirs[n] = '\0';
  s->at += n + 2;
}

static const char* marks(const struct peer* p) {
  static const char* const both[2][4] = {
    { ",kex-strict-c-v00@openssh.com,kex-strict-c",
      ",kex-strict-c-v00@openssh.com", ",kex-strict-c", "" },
    { ",kex-strict-s-v00@openssh.com,kex-strict-s",
      ",kex-strict-s-v00@openssh.com", ",kex-strict-s", "" }
  };

  return both[p->role == PEER_SERVER][p->strict];
}

void peer_say_kexinit(struct peer* p) {
  struct buf* m = peer_message(p, MSG_KEXINIT);
  char kex[300];
  const char* text;
  unsigned i;

  wr_bytes(m, "0123456789abcdef", 16);
  for (i = 0; i < LISTS; i++) {
    text = i < LIST_HOSTKEY       ? kex
           : i < LIST_CIPHER_CS   ? "ssh-ed25519"
           : i < LIST_MAC_CS      ? p->cipher->name
           : i >= LIST_LANG_CS    ? ""
           : i >= LIST_COMP_CS    ? "none"
           : p->mac != NULL       ? p->mac->name
                                  : "hmac-sha2-256";
    snprintf(kex, sizeof(kex), "curve25519-sha256%s%s",
             !p->ext_info             ? ""
             : p->role == PEER_CLIENT ? ",ext-info-c"
                                      : ",ext-info-s",
             p->has_id ? "" : marks(p));
    wr_cstr(m, p->lists[i] != NULL ? p->lists[i] : text);
  }
  wr_bool(m, p->follows);
  wr_u32(m, 0);
  uvssh__buf_reset(&p->i_mine);
  wr_bytes(&p->i_mine, m->base, m->len);
  peer_send(p);
}

void peer_read_kexinit(struct peer* p) {
  peer_expect(p, MSG_KEXINIT);
  uvssh__buf_reset(&p->i_theirs);
  wr_bytes(&p->i_theirs, p->last, rd_left(&p->m) + 1);
  p->has_theirs = 1;
  if (!p->has_id)
    p->is_strict = p->strict != STRICT_NONE;
}

static void hash_of(struct peer* p) {
  struct hash_state state;
  struct buf b = { 0 };
  int client = p->role == PEER_CLIENT;
  const struct buf* i_c = client ? &p->i_mine : &p->i_theirs;
  const struct buf* i_s = client ? &p->i_theirs : &p->i_mine;

  wr_cstr(&b, client ? p->ident : p->ident_theirs);
  wr_cstr(&b, client ? p->ident_theirs : p->ident);
  wr_str(&b, i_c->base, i_c->len);
  wr_str(&b, i_s->base, i_s->len);
  wr_str(&b, p->k_s.base, p->k_s.len);
  wr_str(&b, p->q_c.base, p->q_c.len);
  wr_str(&b, p->q_s.base, p->q_s.len);
  wr_bytes(&b, p->k.base, p->k.len);
  uvssh__sha256.init(&state);
  uvssh__sha256.update(&state, b.base, b.len);
  uvssh__sha256.final(&state, p->h);
  uvssh__buf_free(&b);
  if (!p->has_id)
    memcpy(p->session_id, p->h, sizeof(p->h));
  p->has_id = 1;
}

static void letter(struct peer* p, char c, uint8_t out[64]) {
  struct hash_state state;
  unsigned i;

  for (i = 0; i < 2; i++) {
    uvssh__sha256.init(&state);
    uvssh__sha256.update(&state, p->k.base, p->k.len);
    uvssh__sha256.update(&state, p->h, 32);
    if (i == 0) {
      uvssh__sha256.update(&state, &c, 1);
      uvssh__sha256.update(&state, p->session_id, 32);
    } else {
      uvssh__sha256.update(&state, out, 32);
    }
    uvssh__sha256.final(&state, out + 32 * i);
  }
}

static void make_keys(struct peer* p, int to_server, struct keys* keys) {
  uint8_t iv[64], key[64], mac[64];
  int sealing = to_server == (p->role == PEER_CLIENT);
  int shift = to_server ? 0 : 1;

  letter(p, (char) ('A' + shift), iv);
  letter(p, (char) ('C' + shift), key);
  letter(p, (char) ('E' + shift), mac);
  uvssh__keys_free(keys);
  CHECK_EQ(uvssh__keys_init(keys, p->cipher, p->mac, key, iv, mac, sealing), 0);
}

static void both_keys(struct peer* p) {
  int client = p->role == PEER_CLIENT;

  hash_of(p);
  make_keys(p, 1, client ? &p->next_out : &p->next_in);
  make_keys(p, 0, client ? &p->next_in : &p->next_out);
}

static void say_init(struct peer* p) {
  struct buf* m;

  uvssh__buf_reset(&p->q_c);
  CHECK_EQ(uvssh__curve25519.start(p->secret, &p->q_c), 0);
  m = peer_message(p, MSG_KEX_ECDH_INIT);
  wr_str(m, p->q_c.base, p->q_c.len);
  peer_send(p);
}

void peer_make_reply(struct peer* p, struct buf* signature) {
  const uvssh_key_t* key = p->app->pipe.hostkeys.key[0];
  size_t len;
  const uint8_t* blob = uvssh_key_blob(key, &len);
  str_t q_c = rd_str(peer_expect(p, MSG_KEX_ECDH_INIT));

  uvssh__buf_reset(&p->q_c);
  uvssh__buf_reset(&p->q_s);
  uvssh__buf_reset(&p->k_s);
  uvssh__buf_free(&p->k);
  wr_bytes(&p->q_c, q_c.base, q_c.len);
  wr_bytes(&p->k_s, blob, len);
  CHECK_EQ(uvssh__curve25519.respond(q_c, &p->q_s, &p->k), 0);
  both_keys(p);
  CHECK_EQ(uvssh__key_sign(key, uvssh__sign_find(STR("ssh-ed25519")), p->h, 32,
                           signature), 0);
}

static void say_reply(struct peer* p) {
  struct buf signature = { 0 };
  struct buf* m;

  peer_make_reply(p, &signature);
  m = peer_message(p, MSG_KEX_ECDH_REPLY);
  wr_str(m, p->k_s.base, p->k_s.len);
  wr_str(m, p->q_s.base, p->q_s.len);
  wr_str(m, signature.base, signature.len);
  uvssh__buf_free(&signature);
  peer_send(p);
}

void peer_say_kex(struct peer* p) {
  if (p->role == PEER_CLIENT)
    say_init(p);
  else
    say_reply(p);
}

void peer_read_kex(struct peer* p) {
  rd_t* m = peer_expect(p, MSG_KEX_ECDH_REPLY);
  str_t k_s = rd_str(m);
  str_t q_s = rd_str(m);
  str_t signature = rd_str(m);
  uvssh_key_t* key;

  CHECK_EQ(rd_end(m), 0);
  uvssh__buf_reset(&p->k_s);
  uvssh__buf_reset(&p->q_s);
  uvssh__buf_free(&p->k);
  wr_bytes(&p->k_s, k_s.base, k_s.len);
  wr_bytes(&p->q_s, q_s.base, q_s.len);
  CHECK_EQ(uvssh__curve25519.finish(p->secret, q_s, &p->k), 0);
  both_keys(p);
  CHECK_EQ(uvssh__key_from_blob(&key, k_s), 0);
  CHECK_EQ(uvssh__key_verify(key, uvssh__sign_find(STR("ssh-ed25519")), p->h,
                             32, signature), 0);
  uvssh_key_unref(key);
}

void peer_say_newkeys(struct peer* p) {
  peer_message(p, MSG_NEWKEYS);
  peer_send(p);
  uvssh__keys_free(&p->out);
  p->out = p->next_out;
  memset(&p->next_out, 0, sizeof(p->next_out));
  if (p->is_strict)
    p->seq_out = 0;
  p->has_theirs = 0;
}

void peer_read_newkeys(struct peer* p) {
  peer_expect(p, MSG_NEWKEYS);
}

static void exchange(struct peer* p) {
  peer_say_kexinit(p);
  if (!p->has_theirs)
    peer_read_kexinit(p);
  peer_say_kex(p);
  if (p->role == PEER_CLIENT)
    peer_read_kex(p);
  if (p->role == PEER_CLIENT)
    peer_read_newkeys(p);
  peer_say_newkeys(p);
  if (p->role == PEER_SERVER)
    peer_read_newkeys(p);
}

void peer_rekey(struct peer* p) {
  exchange(p);
}

void peer_reach_service(struct peer* p) {
  peer_say_ident(p);
  exchange(p);
  if (p->role == PEER_CLIENT && p->ext_info)
    peer_expect(p, MSG_EXT_INFO);
  pipe_run(&p->app->pipe);
}

void peer_reach_auth(struct peer* p) {
  peer_reach_service(p);
  if (p->role == PEER_CLIENT) {
    wr_cstr(peer_message(p, MSG_SERVICE_REQUEST), "ssh-userauth");
    peer_send(p);
    peer_expect(p, MSG_SERVICE_ACCEPT);
    return;
  }
  CHECK(str_is(rd_str(peer_expect(p, MSG_SERVICE_REQUEST)), "ssh-userauth"));
  wr_cstr(peer_message(p, MSG_SERVICE_ACCEPT), "ssh-userauth");
  peer_send(p);
  pipe_run(&p->app->pipe);
  CHECK(p->side->started);
  CHECK_EQ(p->side->start_status, 0);
}

void peer_reach_open(struct peer* p) {
  struct buf* m;

  peer_reach_auth(p);
  if (p->role == PEER_CLIENT) {
    m = peer_message(p, MSG_USERAUTH_REQUEST);
    wr_cstr(m, "bob");
    wr_cstr(m, "ssh-connection");
    wr_cstr(m, "none");
    peer_send(p);
    peer_expect(p, MSG_USERAUTH_SUCCESS);
    CHECK_EQ(p->app->server_ready, 1);
    return;
  }
  p->app->method = UVSSH_AUTH_NONE;
  app_attempt(p->app, "bob");
  peer_expect(p, MSG_USERAUTH_REQUEST);
  peer_message(p, MSG_USERAUTH_SUCCESS);
  peer_send(p);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->app->client_ready, 1);
}

/* ---- connection ---------------------------------------------------------- */

uint32_t peer_channel(struct peer* p, uint32_t id, uint32_t window) {
  struct buf* m = peer_message(p, MSG_CHANNEL_OPEN);
  rd_t* r;

  wr_cstr(m, "session");
  wr_u32(m, id);
  wr_u32(m, window);
  wr_u32(m, 32768);
  peer_send(p);
  r = peer_expect(p, MSG_CHANNEL_OPEN_CONFIRMATION);
  CHECK_EQ(rd_u32(r), id);
  return rd_u32(r);
}

void peer_data(struct peer* p, uint32_t id, const void* base, size_t len) {
  struct buf* m = peer_message(p, MSG_CHANNEL_DATA);

  wr_u32(m, id);
  wr_str(m, base, len);
  peer_send(p);
}

void peer_u32(struct peer* p, uint8_t number, uint32_t id) {
  wr_u32(peer_message(p, number), id);
  peer_send(p);
}

void peer_adjust(struct peer* p, uint32_t id, uint32_t bytes) {
  struct buf* m = peer_message(p, MSG_CHANNEL_WINDOW_ADJUST);

  wr_u32(m, id);
  wr_u32(m, bytes);
  peer_send(p);
}

void peer_request(struct peer* p,
                  uint32_t id,
                  const char* name,
                  int want_reply,
                  const void* extra,
                  size_t len) {
  struct buf* m = peer_message(p, MSG_CHANNEL_REQUEST);

  wr_u32(m, id);
  wr_cstr(m, name);
  wr_bool(m, want_reply);
  wr_bytes(m, extra, len);
  peer_send(p);
}
