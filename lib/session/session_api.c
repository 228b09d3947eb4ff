/* session_api.c: the public functions of a session that need no loop. */
#include "session/session.h"

#include <stdlib.h>

enum { TEXT_MAX = 16 * 1024 };     /* of a user's name, or a password */

/* ---- sessions whose on_close is running ---------------------------------- */

static uv_once_t once = UV_ONCE_INIT;
static uv_mutex_t lock;
static struct session* closing;

static void make_lock(void) {
  if (uv_mutex_init(&lock) != 0)
    abort();
}

void uvssh__session_closing_push(struct session* s) {
  uv_once(&once, make_lock);
  uv_mutex_lock(&lock);
  s->closing_next = closing;
  closing = s;
  uv_mutex_unlock(&lock);
}

void uvssh__session_closing_pop(struct session* s) {
  struct session** at;

  uv_mutex_lock(&lock);
  for (at = &closing; *at != s; at = &(*at)->closing_next)
    ;
  *at = s->closing_next;
  uv_mutex_unlock(&lock);
}

static struct session* find_closing(const uvssh_session_t* pub) {
  struct session* s;

  uv_once(&once, make_lock);
  uv_mutex_lock(&lock);
  for (s = closing; s != NULL && s->desk.pub != pub; s = s->closing_next)
    ;
  uv_mutex_unlock(&lock);
  return s;
}

/* What still answers inside on_close; NULL: not open. */
static const struct session* any(const uvssh_session_t* pub) {
  if (pub == NULL)
    return NULL;
  return pub->impl != NULL ? (const struct session*) pub->impl
                           : find_closing(pub);
}

/* Open and not ending; NULL otherwise. */
static struct session* running(const uvssh_session_t* pub) {
  struct session* s = pub == NULL ? NULL : (struct session*) pub->impl;
  return s == NULL || s->ending != E_RUNNING || s->desk.ended ? NULL : s;
}

static struct session* ready(const uvssh_session_t* pub) {
  struct session* s = running(pub);
  return s == NULL || !s->desk.logged_in ? NULL : s;
}

/* ---- ending -------------------------------------------------------------- */

int uvssh_session_disconnect(uvssh_session_t* session,
                             unsigned reason,
                             const char* text) {
  struct session* s = running(session);

  if (s == NULL)
    return UV_ENOTCONN;
  if (!s->started || s->transport.phase == T_IDENT)
    uvssh__session_drop(s, 0);
  else
    uvssh__session_disconnect(s, reason, text == NULL ? "" : text);
  return 0;
}

void uvssh_session_close(uvssh_session_t* session) {
  struct session* s = session == NULL ? NULL : (struct session*) session->impl;

  if (s != NULL)
    uvssh__session_drop(s, 0);
}

/* ---- settings ------------------------------------------------------------ */

int uvssh_session_configure(uvssh_session_t* session,
                            const uvssh_config_t* config) {
  struct session* s = running(session);
  int err;

  if (config == NULL)
    return UV_EINVAL;
  if (s == NULL)
    return UV_ENOTCONN;
  err = uvssh__config_check_log(config, s->desk.is_server, &s->desk.log);
  if (err != 0)
    return err;
  uvssh__config_update(&s->desk.config, config);
  desk_wake(&s->desk);             /* times may have changed */
  return 0;
}

void uvssh_session_config(const uvssh_session_t* session,
                          uvssh_config_t* config) {
  const struct session* s = any(session);

  if (s == NULL)
    uvssh_config_init(config);
  else
    *config = s->desk.config;
}

/* ---- asking the peer ----------------------------------------------------- */

int uvssh_session_request(uvssh_req_t* req,
                          uvssh_session_t* session,
                          const uvssh_session_request_t* what,
                          uvssh_req_cb cb) {
  struct session* s = ready(session);

  if (what == NULL)
    return UV_EINVAL;
  return s == NULL ? UV_ENOTCONN
                   : uvssh__global_request(&s->conn, req, what, cb);
}

int uvssh_session_ping(uvssh_req_t* req,
                       uvssh_session_t* session,
                       uvssh_req_cb cb) {
  struct session* s = ready(session);

  if (req == NULL)
    return UV_EINVAL;
  return s == NULL ? UV_ENOTCONN : uvssh__ping(&s->conn, req, cb);
}

int uvssh_client_no_more_sessions(uvssh_session_t* session) {
  struct session* s = ready(session);

  if (s == NULL)
    return UV_ENOTCONN;
  return s->desk.is_server ? UV_EINVAL : uvssh__no_more_sessions(&s->conn);
}

int uvssh_session_rekey(uvssh_req_t* req,
                        uvssh_session_t* session,
                        uvssh_req_cb cb) {
  struct session* s = ready(session);

  if (s == NULL)
    return UV_ENOTCONN;
  if (s->transport.hs != NULL || s->transport.phase != T_READY ||
      s->transport.rekey_req != NULL)
    return UV_EBUSY;
  uvssh__kex_start(&s->transport);
  if (s->transport.hs == NULL)
    return UV_ENOMEM;
  if (req != NULL) {
    uvssh__request_begin(req, &s->desk, NULL, cb);
    s->transport.rekey_req = req;
  }
  return 0;
}

int uvssh_channel_open(uvssh_req_t* req,
                       uvssh_session_t* session,
                       uvssh_channel_t* channel,
                       const uvssh_channel_open_t* what,
                       const uvssh_channel_handlers_t* handlers,
                       uvssh_req_cb cb) {
  struct session* s = ready(session);

  if (req == NULL || channel == NULL || what == NULL || handlers == NULL)
    return UV_EINVAL;
  return s == NULL ? UV_ENOTCONN
                   : uvssh__channel_open(&s->conn, req, channel, what,
                                         handlers, cb);
}

/* ---- logging in ---------------------------------------------------------- */

static int attempt(uvssh_req_t* req,
                   uvssh_session_t* session,
                   const char* user,
                   unsigned method,
                   uvssh_req_cb cb,
                   struct auth** auth) {
  struct session* s = running(session);

  if (req == NULL || user == NULL || strlen(user) > TEXT_MAX)
    return UV_EINVAL;
  if (s == NULL || s->desk.logged_in)
    return UV_ENOTCONN;
  *auth = &s->auth;
  return uvssh__auth_client_start(*auth, req, user, method, cb);
}

int uvssh_auth_none(uvssh_req_t* req,
                    uvssh_session_t* session,
                    const char* user,
                    uvssh_req_cb cb) {
  struct auth* auth;
  int err = attempt(req, session, user, UVSSH_AUTH_NONE, cb, &auth);

  if (err == 0)
    uvssh__auth_client_none(auth);
  return err;
}

int uvssh_auth_password(uvssh_req_t* req,
                        uvssh_session_t* session,
                        const char* user,
                        const char* password,
                        uvssh_req_cb cb) {
  struct auth* auth;
  int err = password == NULL || strlen(password) > TEXT_MAX
                ? UV_EINVAL
                : attempt(req, session, user, UVSSH_AUTH_PASSWORD, cb, &auth);

  if (err == 0)
    uvssh__auth_client_password(auth, password);
  return err;
}

int uvssh_auth_publickey(uvssh_req_t* req,
                         uvssh_session_t* session,
                         const char* user,
                         uvssh_key_t* key,
                         uvssh_req_cb cb) {
  struct auth* auth;
  int err = key == NULL || !uvssh_key_has_secret(key)
                ? UV_EINVAL
                : attempt(req, session, user, UVSSH_AUTH_PUBLICKEY, cb, &auth);

  if (err == 0)
    uvssh__auth_client_publickey(auth, key);
  return err;
}

/* ---- looking ------------------------------------------------------------- */

int uvssh_session_is_ready(const uvssh_session_t* session) {
  const struct session* s = any(session);
  return s != NULL && s->is_ready;
}

const char* uvssh_session_user(const uvssh_session_t* session) {
  const struct session* s = any(session);
  return s == NULL || !s->desk.logged_in ? "" : s->auth.user;
}

uvssh_key_t* uvssh_session_key(const uvssh_session_t* session) {
  const struct session* s = any(session);
  return s == NULL || !s->desk.logged_in ? NULL : s->auth.key;
}

int uvssh_session_peername(const uvssh_session_t* session,
                           struct sockaddr* name,
                           int* namelen) {
  const struct session* s = any(session);

  if (s == NULL)
    return UV_ENOTCONN;
  if (s->peer_len == 0)
    return UV_ENOTSUP;
  if (name == NULL || namelen == NULL || *namelen < s->peer_len)
    return UV_EINVAL;
  memcpy(name, &s->peer, (size_t) s->peer_len);
  *namelen = s->peer_len;
  return 0;
}

static const char* cipher_name(const struct half* half) {
  return half->keys.cipher == NULL ? "" : half->keys.cipher->name;
}

static const char* mac_name(const struct half* half) {
  return half->keys.mac == NULL ? "" : half->keys.mac->name;
}

void uvssh_session_info(const uvssh_session_t* session,
                        uvssh_session_info_t* info) {
  const struct session* s = any(session);
  const struct transport* t;
  unsigned out;

  memset(info, 0, sizeof(*info));
  info->kex = info->hostkey_algorithm = info->cipher_in = info->cipher_out = "";
  info->mac_in = info->mac_out = "";
  info->compression_in = info->compression_out = "";
  info->rtt_ms = -1;
  if (s == NULL)
    return;
  t = &s->transport;
  out = s->desk.is_server ? 1 : 0;
  if (strlen(t->ident_peer) > 8)
    uvssh_escape(info->peer_software, sizeof(info->peer_software),
                 strchr(t->ident_peer + 4, '-') + 1);
  if (t->agreed.kex != NULL) {
    info->kex = t->agreed.kex->name;
    info->post_quantum = t->agreed.kex->post_quantum;
    info->hostkey_algorithm = t->agreed.sign->name;
    info->compression_in = t->agreed.compression[out == 0]->name;
    info->compression_out = t->agreed.compression[out]->name;
  }
  info->cipher_in = cipher_name(&t->in);
  info->cipher_out = cipher_name(&t->out);
  info->mac_in = mac_name(&t->in);
  info->mac_out = mac_name(&t->out);
  info->strict = t->strict;
  info->auth_method = s->auth.method;
  info->auth_trivial = s->auth.trivial;
  info->bytes_in = t->in.bytes;
  info->bytes_out = t->out.bytes;
  info->packets_in = t->in.packets;
  info->packets_out = t->out.packets;
  info->rekeys = t->rekeys;
  info->rtt_ms = s->conn.rtt_ms;
}

const uint8_t* uvssh_session_id(const uvssh_session_t* session, size_t* len) {
  const struct session* s = any(session);

  *len = s == NULL ? 0 : s->transport.session_id_len;
  return *len == 0 ? NULL : s->transport.session_id;
}
