/* login.c: uvssh_client_login(): connect, host key and login in one, written on
 * the functions that a caller has too.
 *
 * Happy path: the session starts, with the types of host keys first that
 * known_hosts has of this host; its key is looked up there; login_try.c logs
 * in.
 * Failures: whatever ends the session ends this.
 *
 * Never: a password that is kept longer than it may be needed; a secret or a
 * name of the peer in a log line. */
#include "loop/loop.h"

#include <assert.h>

static void free_password(struct client_login* l) {
  if (l->password != NULL)
    uvssh__free_secret(l->password, strlen(l->password));
  l->password = NULL;
}

static void login_free(struct client_login* l) {
  unsigned i;

  for (i = 0; i < l->key_count; i++)
    uvssh_key_unref(l->keys[i]);
  for (i = 0; i < l->file_count; i++)
    uvssh__free(l->files[i]);
  for (i = 0; i < l->tried_count; i++)
    uvssh_key_unref(l->tried[i]);
  free_password(l);
  uvssh__free(l->host);
  uvssh__free(l->user);
  uvssh__free(l);
}

/* ---- the end ------------------------------------------------------------- */

void uvssh__login_finish(struct client_login* l, int status) {
  struct session* s = login_session(l);

  s->desk.on.on_hostkey = l->on_hostkey;
  uvssh__login_stop_trying(l);
  l->attach->login = NULL;
  l->req->result = status == UVSSH_EAUTH || status == UVSSH_EPARTIAL
                       ? l->methods
                       : 0;
  uvssh__request_done(&s->desk, l->req, status);
  login_free(l);
}

/* What the session ended with, for those that did not get that far. */
static int ended_with(const struct session* s) {
  return s->end.status != 0 ? s->end.status : UV_ECANCELED;
}

void uvssh__login_end(struct attach* a) {
  if (!a->login->stepping)         /* otherwise the step is told */
    uvssh__login_finish(a->login, ended_with(&a->session));
}

void uvssh__login_give_up(struct client_login* l, int err) {
  struct session* s = login_session(l);

  if (s->ending == E_RUNNING)
    uvssh__session_fail(s, err);
  else
    err = ended_with(s);
  uvssh__login_finish(l, err);
}

/* ---- the host key -------------------------------------------------------- */

static void on_hostkey(uvssh_session_t* session,
                       uvssh_key_t* key,
                       uvssh_host_verdict asked,
                       uvssh_reply_t reply) {
  struct client_login* l = attach_of(session)->login;
  unsigned line = 0;
  uvssh_host_verdict verdict = uvssh_known_hosts_check(l->hosts, l->host,
                                                       l->port, key, &line);

  if (verdict == UVSSH_HOST_CHANGED || verdict == UVSSH_HOST_REVOKED)
    uvssh__log(&login_session(l)->desk.log, UVSSH_LOG_ERROR,
               "the host key is %s: known_hosts line %u",
               verdict == UVSSH_HOST_REVOKED ? "revoked" : "another one", line);
  if (verdict == UVSSH_HOST_KNOWN)
    (void) uvssh_reply_accept(reply);
  else if (verdict == UVSSH_HOST_REVOKED || l->on_hostkey == NULL)
    (void) uvssh_reply_reject(reply);
  else
    l->on_hostkey(session, key, verdict, reply);
}

/* ---- the beginning ------------------------------------------------------- */

static int check(const uvssh_client_login_t* what) {
  unsigned i;

  if (what->host == NULL || what->host[0] == '\0' || what->user == NULL ||
      strlen(what->host) > HOST_TEXT_MAX || what->port < 0 ||
      what->port > 65535 || strlen(what->user) > LOGIN_TEXT ||
      (what->password != NULL && strlen(what->password) > LOGIN_TEXT) ||
      what->key_count > LOGIN_IDENTITIES ||
      (what->keys == NULL && what->key_count != 0) ||
      (what->transport != NULL && what->transport->ops == NULL))
    return UV_EINVAL;
  for (i = 0; i < what->key_count; i++)
    if (what->keys[i] == NULL || !uvssh_key_has_secret(what->keys[i]))
      return UV_EINVAL;
  for (i = 0; what->files != NULL && what->files[i] != NULL; i++)
    if (i == LOGIN_IDENTITIES)
      return UV_EINVAL;
  return 0;
}

static int copy_text(char** out, const char* text) {
  *out = text == NULL ? NULL : uvssh__strndup(text, strlen(text));
  return text == NULL || *out != NULL;
}

static int fill(struct client_login* l, const uvssh_client_login_t* what) {
  int good = copy_text(&l->host, what->host) &&
             copy_text(&l->user, what->user) &&
             copy_text(&l->password, what->password);
  unsigned i;

  l->port = what->port;
  l->hosts = what->hosts;
  for (i = 0; i < what->key_count; i++)
    l->keys[l->key_count++] = uvssh_key_ref(what->keys[i]);
  for (i = 0; good && what->files != NULL && what->files[i] != NULL; i++) {
    good = copy_text(&l->files[i], what->files[i]);
    l->file_count += good ? 1 : 0;
  }
  queue_init(&l->question.link);
  return good ? 0 : UV_ENOMEM;
}

static void on_start(uvssh_req_t* req, int status) {
  struct client_login* l = CONTAINER_OF(req, struct client_login, step);
  struct session* s = login_session(l);

  l->stepping = 0;
  s->desk.on.on_hostkey = l->on_hostkey;
  if (status != 0) {
    uvssh__login_finish(l, status);
    return;
  }
  uvssh__login_try(l);
}

static int connect_or_start(struct client_login* l,
                            const uvssh_client_login_t* what) {
  uvssh_session_t* session = login_session(l)->desk.pub;

  return what->transport != NULL
             ? uvssh_client_start(&l->step, session, what->transport, on_start)
             : uvssh_client_connect(&l->step, session, what->host, what->port,
                                    on_start);
}

/* Where the config has no order of host key algorithms, that of known_hosts:
 * it goes with the config. */
static int prefer_known(struct client_login* l,
                        const uvssh_client_login_t* what) {
  const char** list = &l->attach->own_config.hostkey_algorithms;
  int err = uvssh__known_hosts_prefer(what->hosts, what->host, what->port,
                                      list);

  login_session(l)->desk.config.hostkey_algorithms = *list;
  return err;
}

static int start(struct client_login* l, const uvssh_client_login_t* what) {
  const char** list = &l->attach->own_config.hostkey_algorithms;
  int order = *list == NULL && what->hosts != NULL;
  int err = order ? prefer_known(l, what) : 0;

  if (err == 0)
    err = connect_or_start(l, what);
  if (err != 0 && order) {         /* the next one may be another host */
    uvssh__free((void*) (uintptr_t) *list);
    *list = login_session(l)->desk.config.hostkey_algorithms = NULL;
  }
  return err;
}

int uvssh_client_login(uvssh_req_t* req,
                       uvssh_session_t* session,
                       const uvssh_client_login_t* what,
                       uvssh_req_cb cb) {
  struct attach* a = session == NULL ? NULL : attach_of(session);
  struct client_login* l;
  int err = req == NULL || what == NULL ? UV_EINVAL : check(what);

  if (err == 0)
    err = uvssh__client_may_start(a);
  if (err != 0)
    return err;
  l = (struct client_login*) uvssh__calloc(1, sizeof(*l));
  if (l == NULL)
    return UV_ENOMEM;
  assert(a != NULL);               /* or it might not have started */
  l->attach = a;
  l->req = req;
  err = fill(l, what);
  if (err == 0)
    err = start(l, what);
  if (err != 0) {
    login_free(l);
    return err;
  }
  l->stepping = 1;
  l->on_hostkey = a->session.desk.on.on_hostkey;
  a->session.desk.on.on_hostkey = on_hostkey;
  a->login = l;
  uvssh__request_begin(req, &a->session.desk, NULL, cb);
  return 0;
}
