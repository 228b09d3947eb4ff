/* peer_reach.c: a peer that behaves, up to a point: lines, keys, service,
 * login, a channel, another exchange of keys. RFC 4253, 4252, 4254 section 5.1.
 *
 * Each step says what is its own turn to say, and waits for the session's.
 * A server lets in whoever shows what the test has set.
 */
#include "test/test.h"

#define DO(call)                                                              \
  do {                                                                        \
    int did = (call);                                                         \
    if (did != 0)                                                             \
      return did;                                                             \
  } while (0)

/* The session has heard what was said last. */
static int settled(uvssh_test_peer_t* peer) {
  struct rest rest = { 0, 0 };

  while (uvssh__test_turn(peer->loop, &rest))
    ;
  return peer->status;
}

static int is_client(const uvssh_test_peer_t* peer) {
  return peer->script.role == PEER_CLIENT;
}

/* A step of the script that reads the message which came last. */
static int heard(uvssh_test_peer_t* peer, int err, const char* what) {
  if (err == 0)
    return 0;
  return uvssh__peer_fail(peer, err, "%s: %s", what, uvssh_strerror(err));
}

/* ---- settings ------------------------------------------------------------ */

int uvssh_test_peer_cipher(uvssh_test_peer_t* peer,
                           const char* cipher,
                           const char* mac) {
  if (cipher == NULL)
    return UV_EINVAL;
  return uvssh__script_cipher(&peer->script, cipher, mac);
}

int uvssh_test_peer_ident(uvssh_test_peer_t* peer, const char* ident) {
  size_t len = ident == NULL ? 0 : strlen(ident);

  if (len == 0 || len > 250 || peer->at_point >= 0)
    return UV_EINVAL;
  memcpy(peer->ident, ident, len + 1);
  peer->script.ident = peer->ident;
  return 0;
}

/* ---- keys ---------------------------------------------------------------- */

static int exchange(uvssh_test_peer_t* peer) {
  struct script* s = &peer->script;

  DO(uvssh__peer_said(peer, uvssh__script_say_kexinit(s)));
  DO(uvssh_test_peer_expect(peer, MSG_KEXINIT));
  uvssh__script_hear_kexinit(s);
  if (is_client(peer)) {
    DO(uvssh__peer_said(peer, uvssh__script_say_init(s)));
    DO(uvssh_test_peer_expect(peer, MSG_KEX_ECDH_REPLY));
    DO(heard(peer, uvssh__script_hear_reply(s), "its key exchange"));
    DO(uvssh_test_peer_expect(peer, MSG_NEWKEYS));
    return uvssh__peer_said(peer, uvssh__script_say_newkeys(s));
  }
  DO(uvssh_test_peer_expect(peer, MSG_KEX_ECDH_INIT));
  DO(uvssh__peer_said(peer, uvssh__script_say_reply(s)));
  DO(uvssh__peer_said(peer, uvssh__script_say_newkeys(s)));
  return uvssh_test_peer_expect(peer, MSG_NEWKEYS);
}

int uvssh_test_peer_rekey(uvssh_test_peer_t* peer) {
  if (peer->status != 0)
    return peer->status;
  if (peer->at_point < UVSSH_TEST_AT_KEYS)
    return UV_EINVAL;
  DO(exchange(peer));
  return settled(peer);
}

static int reach_ident(uvssh_test_peer_t* peer) {
  DO(uvssh__peer_said(peer, uvssh__script_say_ident(&peer->script)));
  return uvssh__peer_take_ident(peer);
}

static int reach_keys(uvssh_test_peer_t* peer) {
  DO(exchange(peer));
  return uvssh_test_peer_expect(peer, MSG_EXT_INFO);
}

static int reach_service(uvssh_test_peer_t* peer) {
  if (is_client(peer)) {
    DO(uvssh_test_peer_begin(peer, MSG_SERVICE_REQUEST));
    uvssh_test_peer_put_text(peer, "ssh-userauth");
    DO(uvssh_test_peer_send(peer));
    return uvssh_test_peer_expect(peer, MSG_SERVICE_ACCEPT);
  }
  DO(uvssh_test_peer_expect(peer, MSG_SERVICE_REQUEST));
  DO(uvssh_test_peer_expect_text(peer, "ssh-userauth"));
  DO(uvssh_test_peer_begin(peer, MSG_SERVICE_ACCEPT));
  uvssh_test_peer_put_text(peer, "ssh-userauth");
  return uvssh_test_peer_send(peer);
}

/* ---- a client's login ---------------------------------------------------- */

/* The user's key, with the row of its type that this library has: see
 * lib/test/names.py. */
static int adopt(uvssh_key_t* mine, const uvssh_key_t* key) {
  *mine = *key;
  mine->type = uvssh__key_type_find(str_of(uvssh_key_name(key)));
  return mine->type != NULL && !key_is_external(key) &&
         uvssh_key_has_secret(key);
}

static const struct sign_alg* alg_of(const uvssh_key_t* key) {
  str_t list = str_of(uvssh__sign_default());
  const struct sign_alg* alg;
  str_t name;

  while (uvssh__namelist_next(&list, &name)) {
    alg = uvssh__sign_find(name);
    if (alg != NULL && uvssh__key_fits(key, alg))
      return alg;
  }
  return NULL;
}

/* RFC 4252 section 7: the signature over the session's id and the request. */
static int put_signature(uvssh_test_peer_t* peer, const uvssh_key_t* key) {
  struct script* s = &peer->script;
  const struct sign_alg* alg;
  uvssh_key_t mine;
  struct buf data = { 0 };
  struct buf signature = { 0 };
  size_t len;
  const uint8_t* blob = uvssh_key_blob(key, &len);
  int err = UV_EINVAL;

  if (adopt(&mine, key) && (alg = alg_of(&mine)) != NULL) {
    wr_bool(&s->message, 1);
    wr_cstr(&s->message, alg->name);
    wr_str(&s->message, blob, len);
    wr_str(&data, s->session_id, s->id_len);
    wr_bytes(&data, s->message.base, s->message.len);
    err = data.bad ? UV_ENOMEM : uvssh__key_sign(&mine, alg, data.base,
                                                 data.len, &signature);
  }
  if (err == 0)
    wr_str(&s->message, signature.base, signature.len);
  uvssh__buf_free(&data);
  uvssh__buf_free(&signature);
  return heard(peer, err, "signing with the user's key");
}

/* Banners and the like may come before it; a refusal is one at once. */
static int await_in(uvssh_test_peer_t* peer) {
  int got;

  do {
    got = uvssh_test_peer_next(peer);
  } while (got > 0 && got != MSG_USERAUTH_SUCCESS &&
           got != MSG_USERAUTH_FAILURE);
  if (got == MSG_USERAUTH_FAILURE)
    return uvssh__peer_fail(peer, UVSSH_EUNEXPECTED,
                            "expected USERAUTH_SUCCESS (52), "
                            "got USERAUTH_FAILURE (51)");
  if (got <= 0)
    DO(uvssh_test_peer_await(peer, MSG_USERAUTH_SUCCESS));
  return uvssh_test_peer_await(peer, MSG_GLOBAL_REQUEST);  /* its host keys */
}

static int ask_in(uvssh_test_peer_t* peer, const uvssh_test_login_t* login) {
  DO(uvssh_test_peer_begin(peer, MSG_USERAUTH_REQUEST));
  uvssh_test_peer_put_text(peer, login->user);
  uvssh_test_peer_put_text(peer, "ssh-connection");
  uvssh_test_peer_put_text(peer, login->key != NULL        ? "publickey"
                                 : login->password != NULL ? "password"
                                                           : "none");
  if (login->key != NULL) {
    DO(put_signature(peer, login->key));
  } else if (login->password != NULL) {
    uvssh_test_peer_put_u8(peer, 0);
    uvssh_test_peer_put_text(peer, login->password);
  }
  DO(uvssh_test_peer_send(peer));
  return await_in(peer);
}

/* ---- a server's ---------------------------------------------------------- */

enum verdict { REFUSED, LET_IN, KEY_IS_GOOD };

static enum verdict judge_key(uvssh_test_peer_t* peer,
                              const uvssh_test_login_t* login) {
  rd_t* m = &peer->script.m;
  int has_signature = rd_bool(m);
  str_t alg = rd_str(m);
  str_t blob = rd_str(m);
  size_t len = 0;
  const uint8_t* wanted =
      login == NULL || login->key == NULL ? NULL
                                          : uvssh_key_blob(login->key, &len);

  if (wanted != NULL &&
      (blob.base == NULL || blob.len != len ||
       memcmp(blob.base, wanted, len) != 0))
    return REFUSED;
  if (has_signature)
    return LET_IN;
  (void) uvssh_test_peer_begin(peer, MSG_USERAUTH_PK_OK);
  uvssh_test_peer_put_string(peer, alg.base, alg.len);
  uvssh_test_peer_put_string(peer, blob.base, blob.len);
  return KEY_IS_GOOD;
}

static enum verdict judge(uvssh_test_peer_t* peer,
                          const uvssh_test_login_t* login) {
  rd_t* m = &peer->script.m;
  str_t user = rd_str(m);
  str_t service = rd_str(m);
  str_t method = rd_str(m);
  int is_key = str_is(method, "publickey");
  int is_password = str_is(method, "password");

  if (!str_is(service, "ssh-connection"))
    return REFUSED;
  if (login != NULL) {
    if ((login->user != NULL && !str_is(user, login->user)) ||
        is_key != (login->key != NULL) ||
        is_password != (login->key == NULL && login->password != NULL))
      return REFUSED;
    if (is_password && (rd_bool(m) || !str_is(rd_str(m), login->password)))
      return REFUSED;
  }
  return is_key ? judge_key(peer, login) : LET_IN;
}

static int refuse(uvssh_test_peer_t* peer) {
  DO(uvssh_test_peer_begin(peer, MSG_USERAUTH_FAILURE));
  uvssh_test_peer_put_text(peer, "publickey,password");
  uvssh_test_peer_put_u8(peer, 0);
  return uvssh_test_peer_send(peer);
}

static int let_in(uvssh_test_peer_t* peer, const uvssh_test_login_t* login) {
  for (;;) {
    DO(uvssh_test_peer_expect(peer, MSG_USERAUTH_REQUEST));
    switch (judge(peer, login)) {
      case REFUSED:
        DO(refuse(peer));
        break;
      case KEY_IS_GOOD:            /* it has said so */
        DO(uvssh_test_peer_send(peer));
        break;
      case LET_IN:
        DO(uvssh_test_peer_begin(peer, MSG_USERAUTH_SUCCESS));
        return uvssh_test_peer_send(peer);
    }
  }
}

/* ---- steps --------------------------------------------------------------- */

static int step(uvssh_test_peer_t* peer,
                int point,
                const uvssh_test_login_t* login) {
  switch (point) {
    case UVSSH_TEST_AT_IDENT: return reach_ident(peer);
    case UVSSH_TEST_AT_KEYS: return reach_keys(peer);
    case UVSSH_TEST_AT_SERVICE: return reach_service(peer);
    default: return is_client(peer) ? ask_in(peer, login)
                                    : let_in(peer, login);
  }
}

int uvssh_test_peer_reach(uvssh_test_peer_t* peer,
                          uvssh_test_point point,
                          const uvssh_test_login_t* login) {
  if (peer->status != 0)
    return peer->status;
  if ((int) point < peer->at_point || point > UVSSH_TEST_AT_LOGIN ||
      (point == UVSSH_TEST_AT_LOGIN && is_client(peer) &&
       (login == NULL || login->user == NULL)))
    return UV_EINVAL;
  while (peer->at_point < (int) point) {
    DO(step(peer, peer->at_point + 1, login));
    peer->at_point++;
  }
  return settled(peer);
}

/* ---- a channel ----------------------------------------------------------- */

static int open_channel(uvssh_test_peer_t* peer,
                        uint32_t mine,
                        uint32_t window) {
  DO(uvssh_test_peer_begin(peer, MSG_CHANNEL_OPEN));
  uvssh_test_peer_put_text(peer, "session");
  uvssh_test_peer_put_u32(peer, mine);
  uvssh_test_peer_put_u32(peer, window);
  uvssh_test_peer_put_u32(peer, 32768);
  DO(uvssh_test_peer_send(peer));
  DO(uvssh_test_peer_expect(peer, MSG_CHANNEL_OPEN_CONFIRMATION));
  return uvssh_test_peer_expect_u32(peer, mine);
}

static int confirm_channel(uvssh_test_peer_t* peer,
                           uint32_t theirs,
                           uint32_t mine,
                           uint32_t window) {
  DO(uvssh_test_peer_begin(peer, MSG_CHANNEL_OPEN_CONFIRMATION));
  uvssh_test_peer_put_u32(peer, theirs);
  uvssh_test_peer_put_u32(peer, mine);
  uvssh_test_peer_put_u32(peer, window);
  uvssh_test_peer_put_u32(peer, 32768);
  return uvssh_test_peer_send(peer);
}

int uvssh_test_peer_channel(uvssh_test_peer_t* peer,
                            uint32_t window,
                            uint32_t* id) {
  uint32_t mine = peer->channels;
  uint32_t theirs;
  size_t len;

  if (peer->status != 0)
    return peer->status;
  if (is_client(peer)) {
    DO(open_channel(peer, mine, window));
    theirs = uvssh_test_peer_get_u32(peer);
  } else {
    DO(uvssh_test_peer_expect(peer, MSG_CHANNEL_OPEN));
    (void) uvssh_test_peer_get_string(peer, &len);
    theirs = uvssh_test_peer_get_u32(peer);
    DO(confirm_channel(peer, theirs, mine, window));
  }
  peer->channels++;
  if (id != NULL)
    *id = theirs;
  return settled(peer);
}
