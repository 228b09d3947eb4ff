/* server.c: a server owns its host keys, its settings and the list of its
 * sessions; and knows how to go.
 *
 * shutdown: stops listening, closes who is not logged in, waits for the others
 * until the deadline, then says DISCONNECT to them.
 * close: closes everything at once; its callback is the last. */
#include "loop/loop.h"

struct server* uvssh__server_of(const uvssh_server_t* pub) {
  return pub == NULL ? NULL : (struct server*) pub->impl;
}

static struct server* server_new(const uvssh_config_t* config, int* err) {
  struct server* server = (struct server*) uvssh__calloc(1, sizeof(*server));

  *err = server == NULL ? UV_ENOMEM
                        : uvssh__config_copy(&server->config, config, 1);
  if (*err != 0) {
    uvssh__free(server);
    return NULL;
  }
  queue_init(&server->listeners);
  queue_init(&server->sessions);
  uvssh__limit_init(&server->limit);
  uvssh__penalties_init(&server->penalties);
  server->log.cb = server->config.log;
  server->log.arg = server->config.log_arg;
  server->log.level = server->config.log_level;
  return server;
}

static void server_free(struct server* server) {
  unsigned i;

  for (i = 0; i < server->hostkeys.count; i++)
    uvssh_key_unref(server->hostkeys.key[i]);
  uvssh__limit_free(&server->limit);
  uvssh__penalties_free(&server->penalties);
  uvssh__config_free(&server->config);
  uvssh__free(server);
}

/* ---- a life -------------------------------------------------------------- */

static void on_deadline(struct alarm* alarm);

int uvssh_server_init(uv_loop_t* loop,
                      uvssh_server_t* pub,
                      const uvssh_config_t* config) {
  struct server* server;
  int err;

  if (loop == NULL || pub == NULL)
    return UV_EINVAL;
  if (pub->impl != NULL)
    return UV_EBUSY;
  if (uvssh__crypto_init() != 0)   /* its tables begin with random bytes */
    return UVSSH_ECRYPTO;
  server = server_new(config, &err);
  if (server == NULL)
    return err;
  err = uvssh__loop_get(loop, &server->loop);
  if (err != 0) {
    server_free(server);
    return err;
  }
  uvssh__alarm_init(server->loop, &server->alarm, on_deadline);
  server->handles = 1;
  server->pub = pub;
  pub->loop = loop;
  pub->impl = server;
  return 0;
}

int uvssh_server_add_key(uvssh_server_t* pub, uvssh_key_t* key) {
  struct server* server = uvssh__server_of(pub);
  struct hostkeys* keys;
  unsigned i;

  if (server == NULL)
    return UV_ENOTCONN;
  if (key == NULL || !uvssh_key_has_secret(key))
    return UV_EINVAL;
  if (key_is_external(key))        /* an exchange does not wait for it */
    return UV_ENOTSUP;
  keys = &server->hostkeys;
  for (i = 0; i < keys->count; i++)
    if (uvssh_key_equal(keys->key[i], key))
      return UV_EINVAL;
  if (keys->count == ARRAY_SIZE(keys->key))
    return UV_EINVAL;
  keys->key[keys->count++] = uvssh_key_ref(key);
  return 0;
}

/* ---- its sessions -------------------------------------------------------- */

uvssh_session_t* uvssh_server_next(const uvssh_server_t* pub,
                                   const uvssh_session_t* prev) {
  const struct server* server = uvssh__server_of(pub);
  const struct queue* at;

  if (server == NULL)
    return NULL;
  if (prev == NULL)
    at = &server->sessions;
  else if (prev->impl != NULL && attach_of(prev)->server == server &&
           !queue_empty(&attach_of(prev)->of_server))  /* it has left */
    at = &attach_of(prev)->of_server;
  else
    return NULL;
  at = at->next;
  if (at == &server->sessions)
    return NULL;
  return CONTAINER_OF(at, struct attach, of_server)->session.desk.pub;
}

/* ---- the end ------------------------------------------------------------- */

static void tell_drained(struct server* server) {
  uvssh_server_cb cb = server->on_drained;

  server->on_drained = NULL;
  if (cb != NULL)
    cb(server->pub);
}

static void finish(struct server* server) {
  uvssh_server_t* pub = server->pub;
  struct loop* loop = server->loop;
  uvssh_server_cb cb = server->on_closed;

  if (!server->closing || server->handles != 0 ||
      !queue_empty(&server->sessions))
    return;
  tell_drained(server);
  server_free(server);
  pub->impl = NULL;
  if (cb != NULL)
    cb(pub);
  uvssh__loop_put(loop);
}

void uvssh__server_handle_closed(struct server* server) {
  server->handles--;
  finish(server);
}

void uvssh__server_left(struct server* server) {
  if (server->draining && !server->closing && queue_empty(&server->sessions)) {
    uvssh__alarm_stop(&server->alarm);
    tell_drained(server);
  }
  finish(server);
}

static void on_deadline(struct alarm* alarm) {
  struct server* server = CONTAINER_OF(alarm, struct server, alarm);
  uvssh_session_t* s = NULL;

  if (!server->draining) {
    uvssh__listeners_resume(server);
    return;
  }
  if (queue_empty(&server->sessions)) {
    tell_drained(server);
    return;
  }
  while ((s = uvssh_server_next(server->pub, s)) != NULL)
    if (uvssh_session_disconnect(s, UVSSH_DISCONNECT_BY_APPLICATION,
                                 "the server is going down") != 0 &&
        attach_of(s)->session.ending == E_READERS)
      uvssh_session_close(s);      /* its peer has gone, its reader has not */
}

static void start_deadline(struct server* server, uint64_t timeout_ms) {
  uint64_t now = loop_now(server->loop);

  if (timeout_ms < UINT64_MAX - now)
    uvssh__alarm_start(&server->alarm, now + timeout_ms);
}

int uvssh_server_shutdown(uvssh_server_t* pub,
                          uint64_t timeout_ms,
                          uvssh_server_cb cb) {
  struct server* server = uvssh__server_of(pub);
  uvssh_session_t* s = NULL;

  if (server == NULL)
    return UV_ENOTCONN;
  if (server->draining || server->closing)
    return UV_EBUSY;
  server->draining = 1;
  server->on_drained = cb;
  uvssh__listeners_close(server);
  uvssh__alarm_stop(&server->alarm);
  while ((s = uvssh_server_next(pub, s)) != NULL)
    if (!attach_of(s)->session.desk.logged_in)
      uvssh_session_close(s);
  if (queue_empty(&server->sessions))
    timeout_ms = 0;
  start_deadline(server, timeout_ms);
  return 0;
}

static void on_alarm_closed(struct alarm* alarm) {
  uvssh__server_handle_closed(CONTAINER_OF(alarm, struct server, alarm));
}

void uvssh_server_close(uvssh_server_t* pub, uvssh_server_cb cb) {
  struct server* server = uvssh__server_of(pub);
  uvssh_session_t* s = NULL;

  if (server == NULL || server->closing)
    return;
  server->closing = 1;
  server->on_closed = cb;
  uvssh__listeners_close(server);
  while ((s = uvssh_server_next(pub, s)) != NULL)
    uvssh_session_close(s);
  uvssh__alarm_close(&server->alarm, on_alarm_closed);
}
