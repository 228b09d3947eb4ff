/* auth_client.c: RFC 4252 as a client: one method at a time.
 *
 * Happy path: SERVICE_REQUEST behind the first NEWKEYS; then none, password or
 * publickey as the caller says; SUCCESS.
 * Failures: FAILURE completes the request with what can continue; a message
 * that answers another question than ours ends the session.
 *
 * A password leaves only over keys whose host key the user has accepted: there
 * is no way to be asked for one before. */
#include "auth/auth.h"

enum { BANNERS_MAX = 16, BANNER_BYTES_MAX = 64 * 1024, CHANGES_MAX = 8 };

void uvssh__auth_begin(struct auth* auth) {
  struct buf* m = uvssh__message(auth->transport, MSG_SERVICE_REQUEST);

  wr_cstr(m, "ssh-userauth");
  uvssh__send(auth->transport);
}

int uvssh__on_service_accept(struct auth* auth, rd_t* m) {
  str_t name = rd_text(m);         /* service name */
  int err = rd_end(m);

  if (err != 0)
    return err;
  if (!str_is(name, "ssh-userauth"))
    return UVSSH_EUNEXPECTED;
  auth->phase = A_IDLE;
  desk_wake(auth->desk);
  return 0;
}

/* The request's fields up to the method's name. */
struct buf* uvssh__auth_request(struct auth* auth, const char* method) {
  struct buf* m = uvssh__message(auth->transport, MSG_USERAUTH_REQUEST);

  wr_cstr(m, auth->user);
  wr_cstr(m, "ssh-connection");
  wr_cstr(m, method);
  return m;
}

void uvssh__auth_client_done(struct auth* auth, int status, unsigned methods) {
  struct login* l = auth->login;
  uvssh_req_t* req = l->req;

  uvssh__question_close(&l->question);
  uvssh__buf_free(&l->secret);
  l->secret.secret = 1;
  l->has_secret = 0;
  l->req = NULL;
  if (req == NULL)
    return;
  req->result = methods;
  uvssh__request_done(auth->desk, req, status);
}

void uvssh__auth_client_tidy(struct auth* auth) {
  struct login* l = auth->login;
  uvssh_key_t* key;

  if (l == NULL || l->req != NULL)
    return;
  key = l->key;
  l->key = NULL;
  uvssh_key_unref(key);            /* its release() may call us */
}

int uvssh__on_userauth_failure(struct auth* auth, rd_t* m) {
  str_t methods = uvssh__rd_namelist(m);  /* that can continue */
  int partial = rd_bool(m);
  int err = rd_end(m);

  if (err != 0)
    return err;
  auth->phase = A_IDLE;
  auth->login->methods = uvssh__auth_methods_of(methods);
  uvssh__auth_client_done(auth, partial ? UVSSH_EPARTIAL : UVSSH_EAUTH,
                          auth->login->methods);
  return 0;
}

int uvssh__on_userauth_success(struct auth* auth, rd_t* m) {
  struct login* l = auth->login;
  int err = rd_end(m);

  if (err != 0)
    return err;
  /* Lesson: a server that lets everybody in may then play the part of one that
   * asks for a password. */
  auth->method = l->method;
  auth->trivial = auth->phase != A_SIGNED && !l->has_secret;
  if (auth->trivial && auth->desk->config.refuse_trivial_auth)
    return UVSSH_EAUTH;
  if (auth->phase == A_SIGNED)
    auth->key = uvssh_key_ref(l->key);
  uvssh__auth_client_done(auth, 0, 0);
  return uvssh__auth_succeed(auth);
}

int uvssh__on_userauth_banner(struct auth* auth, rd_t* m) {
  struct login* l = auth->login;
  str_t text = rd_text(m);         /* message in UTF-8 */
  char* copy;
  (void) rd_str(m);                /* language tag */

  if (rd_end(m) != 0)
    return UVSSH_EMESSAGE;
  if (++l->banners > BANNERS_MAX || text.len > BANNER_BYTES_MAX -
                                                   l->banner_bytes)
    return UVSSH_ELIMIT;
  l->banner_bytes += (unsigned) text.len;
  if (auth->desk->on.on_banner == NULL)
    return 0;
  copy = uvssh__strndup(text.base, text.len);
  if (copy == NULL)
    return UV_ENOMEM;
  auth->desk->on.on_banner(auth->desk->pub, copy);
  uvssh__free(copy);
  return 0;
}

/* ---- publickey ----------------------------------------------------------- */

/* The server means the key we asked about, or it lies. */
/* RFC 4252 section 7: the algorithm of the request. node's ssh2 names the type
 * of an RSA key instead; it is the blob that counts. */
static int names_our_key(const struct login* l, str_t algorithm) {
  return str_is(algorithm, l->sign->name) ||
         str_is(algorithm, uvssh_key_name(l->key));
}

static int on_pk_ok(struct auth* auth, rd_t* m) {
  struct login* l = auth->login;
  str_t algorithm = rd_str(m);     /* public key algorithm name */
  str_t blob = rd_str(m);          /* public key blob */
  int err = rd_end(m);

  if (err != 0)
    return err;
  if (!names_our_key(l, algorithm) || !str_eq(blob, key_blob(l->key)))
    return UVSSH_EUNEXPECTED;
  return uvssh__auth_publickey_sign(auth);
}

/* ---- password ------------------------------------------------------------ */

static int on_new_password(struct question* q, const struct answer* a) {
  struct auth* auth = (struct auth*) q->owner;
  struct login* l = auth->login;
  struct buf* m;

  if (a->kind == ANSWER_REJECT) {
    auth->phase = A_IDLE;
    uvssh__auth_client_done(auth, UVSSH_EAUTH, l->methods);
    return 0;
  }
  if (a->kind != ANSWER_ANSWERS || a->number != 1 || a->answers[0] == NULL)
    return UV_EINVAL;
  m = uvssh__auth_request(auth, "password");
  wr_bool(m, 1);
  wr_str(m, l->secret.base, l->secret.len);
  wr_cstr(m, a->answers[0]);
  if (!uvssh__message_fits(auth->transport))
    return UV_EINVAL;
  uvssh__question_close(q);
  uvssh__send(auth->transport);
  return 0;
}

static int on_change_request(struct auth* auth, rd_t* m) {
  struct desk* desk = auth->desk;
  struct login* l = auth->login;
  str_t prompt = rd_text(m);       /* prompt in UTF-8 */
  const uvssh_prompt_t ask = { "New password: ", 0 };
  uvssh_prompts_t form = { UVSSH_AUTH_PASSWORD, "", NULL, &ask, 1 };
  char* text;
  int err;
  (void) rd_str(m);                /* language tag */

  err = rd_end(m);
  if (err != 0)
    return err;
  if (!l->has_secret || question_is_open(&l->question))
    return UVSSH_EUNEXPECTED;
  if (++l->changes > CHANGES_MAX)  /* nothing would ever please it */
    return UVSSH_ELIMIT;
  text = uvssh__strndup(prompt.base, prompt.len);
  if (text == NULL)
    return UV_ENOMEM;
  l->question.owner = auth;
  err = uvssh__question_open(&l->question, desk, on_new_password);
  form.instruction = text;
  if (err == 0 && desk->on.on_prompt != NULL)
    desk->on.on_prompt(desk->pub, &form, l->question.reply);
  else if (err == 0)
    (void) uvssh_reply_reject(l->question.reply);
  uvssh__free(text);
  return err;
}

int uvssh__on_userauth_60(struct auth* auth, rd_t* m) {
  if (auth->phase == A_QUERY)
    return on_pk_ok(auth, m);
  return on_change_request(auth, m);
}

/* ---- what the caller starts ---------------------------------------------- */

int uvssh__auth_client_start(struct auth* auth,
                             uvssh_req_t* req,
                             const char* user,
                             unsigned method,
                             uvssh_req_cb cb) {
  struct login* l = auth->login;
  uvssh_key_t* key;
  int err;

  if (auth->desk->is_server || auth->phase == A_SERVICE ||
      auth->phase == A_DONE)
    return UV_ENOTCONN;
  if (l->req != NULL)
    return UV_EBUSY;
  l->method = method;
  err = uvssh__auth_set_user(auth, str_of(user));
  if (err != 0)
    return err;
  key = l->key;                    /* inside the callback of the last one */
  l->key = NULL;
  uvssh__request_begin(req, auth->desk, NULL, cb);
  l->req = req;
  uvssh_key_unref(key);            /* its release() may call us */
  return 0;
}

void uvssh__auth_client_none(struct auth* auth) {
  (void) uvssh__auth_request(auth, "none");
  uvssh__send(auth->transport);
  auth->phase = A_WAIT;
}

void uvssh__auth_client_password(struct auth* auth, const char* password) {
  struct buf* m = uvssh__auth_request(auth, "password");

  wr_bool(m, 0);
  wr_cstr(m, password);
  uvssh__send(auth->transport);
  uvssh__buf_free(&auth->login->secret);
  auth->login->secret.secret = 1;
  wr_bytes(&auth->login->secret, password, strlen(password));
  if (auth->login->secret.bad)     /* it may be asked for again */
    desk_fail(auth->desk, UV_ENOMEM);
  auth->login->has_secret = 1;
  auth->login->changes = 0;
  auth->phase = A_WAIT;
}

void uvssh__auth_client_publickey(struct auth* auth, uvssh_key_t* key) {
  struct login* l = auth->login;

  l->sign = uvssh__sign_for(auth->transport, key);
  if (l->sign == NULL) {
    uvssh__auth_client_done(auth, UVSSH_EAUTH, l->methods);
    return;
  }
  l->key = uvssh_key_ref(key);
  uvssh__auth_publickey_ask(auth);
}
