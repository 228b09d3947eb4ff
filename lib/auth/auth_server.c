/* auth_server.c: RFC 4252 as a server.
 *
 * Happy path: SERVICE_REQUEST, then requests one at a time; each is put to the
 * user, whose verdict may come later; success ends it.
 * Failures: a refusal leaves when auth_rejection_ms have passed since the
 * request (or a multiple, when the verdict took longer), so that its time
 * tells nothing; too many failures or requests end the session.
 *
 * Everything known about a user name is dropped when another name comes. */
#include "auth/auth.h"

enum { LATE_MAX = 16, TEXT_MAX = 16 * 1024 };

/* ---- the service, RFC 4253 section 10 ------------------------------------ */

static void send_banner(struct auth* auth) {
  const char* text = auth->desk->config.banner;
  struct buf* m;

  if (text == NULL || auth->login->banner_sent)
    return;
  auth->login->banner_sent = 1;
  m = uvssh__message(auth->transport, MSG_USERAUTH_BANNER);
  wr_cstr(m, text);
  wr_cstr(m, "");                  /* language tag */
  uvssh__send(auth->transport);
}

static int count_request(struct auth* auth) {
  return ++auth->login->requests > auth->desk->config.auth_requests
             ? UVSSH_EAUTH
             : 0;
}

/* One message may come before the verdict on the last one; it waits. */
static int keep_pending(struct auth* auth, const rd_t* m) {
  struct buf* pending = &auth->login->pending;

  if (pending->len != 0)
    return UVSSH_EUNEXPECTED;
  wr_bytes(pending, m->at - 1, rd_left(m) + 1);
  return pending->bad ? UV_ENOMEM : 0;
}

/* The verdict has been given, and this message is here before the turn in which
 * the one that waited goes on: that one first. */
static int take_pending(struct auth* auth);

/* NOLINTNEXTLINE(misc-no-recursion): one deep, for it is taken out before */
static int catch_up(struct auth* auth) {
  return auth->phase == A_IDLE && auth->login->pending.len != 0
             ? take_pending(auth)
             : 0;
}

/* Some clients ask again before every attempt: accepted, and counted. */
/* NOLINTNEXTLINE(misc-no-recursion): see catch_up() */
int uvssh__on_service_request(struct auth* auth, rd_t* m) {
  rd_t start = *m;
  str_t name = rd_text(m);         /* service name */
  struct buf* out;
  int err = rd_end(m);

  if (err == 0 && !str_is(name, "ssh-userauth"))
    err = UVSSH_ESERVICE;
  if (err == 0)
    err = catch_up(auth);
  if (err != 0)
    return err;
  if (auth->phase == A_DONE)
    return UVSSH_EUNEXPECTED;
  if (auth->phase == A_WAIT)
    return keep_pending(auth, &start);
  err = count_request(auth);
  if (err != 0)
    return err;
  out = uvssh__message(auth->transport, MSG_SERVICE_ACCEPT);
  wr_str(out, name.base, name.len);
  uvssh__send(auth->transport);
  auth->phase = A_IDLE;
  send_banner(auth);
  return 0;
}

/* ---- requests ------------------------------------------------------------ */

static void clear_attempt(struct login* l) {
  uvssh_key_unref(l->attempt.key);
  memset(&l->attempt, 0, sizeof(l->attempt));
}

/* RFC 4252 section 5: with another user name all partial state goes. */
static int set_user(struct auth* auth, str_t user) {
  struct login* l = auth->login;

  clear_attempt(l);
  if (auth->user != NULL && str_is(user, auth->user))
    return 0;
  l->passed = l->next = 0;
  l->change_asked = 0;
  uvssh_key_unref(auth->key);
  auth->key = NULL;
  return uvssh__auth_set_user(auth, user);
}

/* NOLINTNEXTLINE(misc-no-recursion): see catch_up() */
int uvssh__on_userauth_request(struct auth* auth, rd_t* m) {
  rd_t start = *m;
  str_t user = rd_text(m);         /* user name in ISO-10646 UTF-8 */
  str_t service = rd_text(m);      /* service name in US-ASCII */
  str_t method = rd_text(m);       /* method name in US-ASCII */
  int err = catch_up(auth);

  if (err != 0)
    return err;
  if (auth->phase == A_DONE)       /* RFC 4252 section 5.1: ignored */
    return ++auth->late > LATE_MAX ? UVSSH_EUNEXPECTED : 0;
  if (m->bad)
    return UVSSH_EMESSAGE;
  if (auth->phase == A_WAIT)
    return keep_pending(auth, &start);
  err = count_request(auth);
  if (err != 0)
    return err;
  if (!str_is(service, "ssh-connection"))
    return UVSSH_ESERVICE;
  err = set_user(auth, user);
  if (err != 0)
    return err;
  if (!auth->login->informed)
    uvssh__ext_info_send_in_auth(auth->transport);
  auth->login->informed = 1;
  auth->phase = A_WAIT;
  auth->login->asked_at = desk_now(auth->desk);
  return uvssh__auth_method(auth, method, m);
}

/* ---- verdicts ------------------------------------------------------------ */

static void send_failure(struct auth* auth, int partial) {
  struct login* l = auth->login;
  unsigned methods = l->next != 0 ? l->next : auth->desk->config.auth_methods;
  struct buf list = { 0 };
  struct buf* m;

  uvssh__auth_method_names(methods & ~(unsigned) UVSSH_AUTH_NONE, &list);
  m = uvssh__message(auth->transport, MSG_USERAUTH_FAILURE);
  wr_str(m, list.base, list.len);
  wr_bool(m, partial);
  m->bad |= list.bad;
  uvssh__buf_free(&list);
  uvssh__send(auth->transport);
  auth->phase = A_IDLE;
  clear_attempt(l);
}

/* The first point on the grid of auth_rejection_ms from the request on that is
 * not over: its time tells no more than how many grid steps it took. */
static uint64_t refusal_time(const struct auth* auth) {
  uint64_t step = auth->desk->config.auth_rejection_ms;
  uint64_t took = desk_now(auth->desk) - auth->login->asked_at;

  if (step == 0)
    return desk_now(auth->desk);
  return auth->login->asked_at + step * (took == 0 ? 1 : (took + step - 1) /
                                                         step);
}

int uvssh__auth_refuse(struct auth* auth) {
  struct login* l = auth->login;

  if (l->attempt.free_of_charge) {
    send_failure(auth, 0);
    desk_wake(auth->desk);
    return 0;
  }
  l->failures++;
  l->refuse_at = refusal_time(auth);
  desk_wake(auth->desk);           /* the session's deadline has changed */
  return 0;
}

static void succeed(struct auth* auth) {
  struct attempt* a = &auth->login->attempt;
  int err;

  if (a->proven) {
    uvssh_key_unref(auth->key);
    auth->key = uvssh_key_ref(a->key);
  }
  (void) uvssh__message(auth->transport, MSG_USERAUTH_SUCCESS);
  uvssh__send(auth->transport);
  auth->method = a->method;
  err = uvssh__auth_succeed(auth);
  if (err != 0)
    desk_fail(auth->desk, err);
}

static void send_pk_ok(struct auth* auth) {
  struct attempt* a = &auth->login->attempt;
  struct buf* m = uvssh__message(auth->transport, MSG_USERAUTH_PK_OK);

  wr_cstr(m, a->sign->name);
  wr_key(m, a->key);
  uvssh__send(auth->transport);
  auth->phase = A_IDLE;
  clear_attempt(auth->login);
}

static void partial(struct auth* auth, unsigned methods) {
  struct login* l = auth->login;

  l->passed |= l->attempt.method;
  l->next = methods;
  if (l->attempt.proven) {
    uvssh_key_unref(auth->key);
    auth->key = uvssh_key_ref(l->attempt.key);
  }
  send_failure(auth, 1);
}

static const char* change_text(const uvssh_prompts_t* form) {
  const char* text = form->instruction;

  if (text == NULL && form->count > 0 && form->prompts != NULL)
    text = form->prompts[0].text;
  return text == NULL ? "" : text;
}

static void ask_change(struct auth* auth, const uvssh_prompts_t* form) {
  struct buf* m = uvssh__message(auth->transport,
                                 MSG_USERAUTH_PASSWD_CHANGEREQ);

  wr_cstr(m, change_text(form));
  wr_cstr(m, "");                  /* language tag */
  uvssh__send(auth->transport);
  auth->login->change_asked = 1;
  auth->phase = A_IDLE;
  clear_attempt(auth->login);
}

static int verdict_fits(const struct attempt* t, const struct answer* a) {
  switch (a->kind) {
    case ANSWER_ACCEPT:
    case ANSWER_REJECT:
      return 1;
    case ANSWER_PARTIAL:
      return (a->number & (UVSSH_AUTH_PASSWORD | UVSSH_AUTH_PUBLICKEY)) != 0;
    case ANSWER_PROMPT:
      return t->method == UVSSH_AUTH_PASSWORD &&
             strlen(change_text(a->form)) <= TEXT_MAX;
    default:
      return 0;
  }
}

static int on_verdict(struct question* q, const struct answer* a) {
  struct auth* auth = (struct auth*) q->owner;
  const struct attempt* t = &auth->login->attempt;
  int is_probe = t->method == UVSSH_AUTH_PUBLICKEY && !t->proven;

  if (!verdict_fits(t, a))
    return UV_EINVAL;
  uvssh__question_close(q);
  if (a->kind == ANSWER_REJECT)
    return uvssh__auth_refuse(auth);
  if (is_probe)
    send_pk_ok(auth);
  else if (a->kind == ANSWER_ACCEPT)
    succeed(auth);
  else if (a->kind == ANSWER_PARTIAL)
    partial(auth, a->number);
  else
    ask_change(auth, a->form);
  desk_wake(auth->desk);           /* what came meanwhile goes on */
  return 0;
}

int uvssh__auth_ask(struct auth* auth,
                    const char* password,
                    const char* new_password) {
  struct desk* desk = auth->desk;
  struct login* l = auth->login;
  uvssh_key_t* key = l->attempt.key;
  uvssh_auth_t shown;
  int err;

  if (!uvssh__auth_method_open(auth, l->attempt.method))
    return uvssh__auth_refuse(auth);
  l->question.owner = auth;
  err = uvssh__question_open(&l->question, desk, on_verdict);
  if (err != 0)
    return err;
  memset(&shown, 0, sizeof(shown));
  shown.method = l->attempt.method;
  shown.passed = l->passed;
  shown.user = auth->user;
  shown.password = password;
  shown.new_password = new_password;
  shown.key = uvssh_key_ref(key);  /* an answer in there ends the attempt */
  shown.key_proven = l->attempt.proven;
  desk->on.on_auth(desk->pub, &shown, l->question.reply);
  uvssh_key_unref(key);
  return 0;
}

/* ---- time ---------------------------------------------------------------- */

uint64_t uvssh__auth_deadline(const struct auth* auth) {
  const struct login* l = auth->login;
  return l == NULL || l->refuse_at == 0 ? UINT64_MAX : l->refuse_at;
}

/* What came before the verdict goes on after it. */
/* NOLINTNEXTLINE(misc-no-recursion): see catch_up() */
static int take_pending(struct auth* auth) {
  struct buf message = auth->login->pending;
  rd_t m = rd_of(message.base, message.len);
  int err;

  memset(&auth->login->pending, 0, sizeof(auth->login->pending));
  auth->login->pending.secret = 1;
  err = rd_u8(&m) == MSG_SERVICE_REQUEST ? uvssh__on_service_request(auth, &m)
                                         : uvssh__on_userauth_request(auth, &m);
  uvssh__buf_free(&message);
  return err;
}

int uvssh__auth_tick(struct auth* auth) {
  struct login* l = auth->login;

  if (l == NULL || !auth->desk->is_server)
    return 0;
  if (l->refuse_at != 0 && l->refuse_at <= desk_now(auth->desk)) {
    l->refuse_at = 0;
    if (l->failures >= auth->desk->config.auth_tries)
      return UVSSH_EAUTH;
    send_failure(auth, 0);
  }
  if (l->pending.len != 0 && auth->phase == A_IDLE)
    return take_pending(auth);
  return 0;
}
