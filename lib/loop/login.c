/* login.c: uvssh_client_login(): connect, host key and login in one, written on
 * the functions that a caller has too. RFC 4252.
 *
 * Happy path: the session starts; its host key is looked up in known_hosts;
 * "none" tells the methods; then each key, each key file (read in the thread
 * pool), the password, as far as the server goes on with its method; after a
 * partial success what is left, with the methods that it named.
 * Failures: nothing is left to try: the session ends, and the caller hears
 * which methods the server would have gone on with. Whatever else ends the
 * session ends this.
 * Bounds: each identity once, at most ATTEMPTS_MAX attempts, PROMPTS_MAX
 * questions for a password.
 *
 * Never: a password that is kept longer than it may be needed; a secret or a
 * name of the peer in a log line. */
#include "loop/loop.h"

#include <stdio.h>

enum { ATTEMPTS_MAX = 64, IDENTITIES_MAX = 64, PROMPTS_MAX = 3,
       TEXT_MAX = 16 * 1024 };

struct errand {                    /* a key file, away to be read */
  uv_work_t work;
  struct loop* loop;
  struct client_login* login;      /* NULL: it has ended */
  uvssh_key_t* key;
  int status;
  char path[];
};

struct client_login {
  struct attach* attach;
  uvssh_req_t* req;                /* the caller's */
  uvssh_req_t step;                /* ours, of one function at a time */
  int stepping;                    /* it is out */
  char* host;
  int port;
  char* user;
  uvssh_known_hosts_t* hosts;
  uvssh_key_t* keys[IDENTITIES_MAX];
  unsigned key_count;
  unsigned next_key;
  char* files[IDENTITIES_MAX];
  unsigned file_count;
  unsigned next_file;
  uvssh_key_t* tried[ATTEMPTS_MAX];  /* none of them again */
  unsigned tried_count;
  char* password;                  /* given, and not tried yet */
  unsigned attempts;
  int is_password;                 /* the last one */
  unsigned prompts;                /* asked so far */
  int no_password;                 /* none is given, and none asked for */
  unsigned methods;                /* that can continue */
  int last;                        /* how the last attempt went */
  struct errand* errand;           /* NULL: none is away */
  struct question question;        /* the password */
  void (*on_hostkey)(uvssh_session_t*, uvssh_key_t*, uvssh_host_verdict,
                     uvssh_reply_t);
};

static void go_on(struct client_login* l);

static struct session* session_in(const struct client_login* l) {
  return &l->attach->session;
}

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

/* The step is not out any more. */
static void finish(struct client_login* l, int status) {
  struct session* s = session_in(l);

  s->desk.on.on_hostkey = l->on_hostkey;
  uvssh__question_close(&l->question);
  if (l->errand != NULL) {
    (void) uv_cancel((uv_req_t*) &l->errand->work);
    l->errand->login = NULL;
  }
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
    finish(a->login, ended_with(&a->session));
}

/* Ends the session with this, where it does not end already. */
static void give_up(struct client_login* l, int err) {
  struct session* s = session_in(l);

  if (s->ending == E_RUNNING)
    uvssh__session_fail(s, err);
  else
    err = ended_with(s);
  finish(l, err);
}

static void fail_login(struct client_login* l) {
  struct session* s = session_in(l);
  struct buf names = { 0 };
  char text[256];

  uvssh__auth_method_names(l->methods, &names);
  snprintf(text, sizeof(text),
           "nothing is left to try; the server goes on with %.*s",
           names.len == 0 ? 7 : (int) names.len,
           names.len == 0 ? "nothing" : (const char*) names.base);
  uvssh__buf_free(&names);
  if (s->ending == E_RUNNING && s->end_text == NULL)
    s->end_text = uvssh__strndup(text, strlen(text));
  give_up(l, l->last);
}

/* ---- one attempt --------------------------------------------------------- */

static void on_step(uvssh_req_t* req, int status) {
  struct client_login* l = CONTAINER_OF(req, struct client_login, step);

  l->stepping = 0;
  if (status == UVSSH_EPARTIAL && l->is_password)
    l->no_password = 1;            /* it was right */
  if (status != UVSSH_EAUTH && status != UVSSH_EPARTIAL) {
    finish(l, status);
    return;
  }
  l->last = status;
  l->methods = req->result;
  go_on(l);
}

/* err: what starting it said. */
static void stepped(struct client_login* l, int err) {
  l->stepping = err == 0;
  if (err != 0)
    give_up(l, err);
}

static void try_password(struct client_login* l, const char* password) {
  l->attempts++;
  l->is_password = 1;
  stepped(l, uvssh_auth_password(&l->step, session_in(l)->desk.pub, l->user,
                                 password, on_step));
}

/* 1: this key is tried now; 0: it is passed over. Its reference is ours. */
static int try_key(struct client_login* l, uvssh_key_t* key) {
  struct session* s = session_in(l);
  const struct sign_alg* sign = uvssh__sign_find(str_of(uvssh_key_name(key)));
  unsigned i;
  int use = sign != NULL && uvssh__sig_alg_allowed(&s->transport, sign->name);

  for (i = 0; i < l->tried_count; i++)
    use &= !uvssh_key_equal(l->tried[i], key);
  if (!use) {
    uvssh_key_unref(key);
    return 0;
  }
  l->attempts++;
  l->is_password = 0;
  l->tried[l->tried_count++] = key;
  stepped(l, uvssh_auth_publickey(&l->step, s->desk.pub, l->user, key,
                                  on_step));
  return 1;
}

/* ---- key files ----------------------------------------------------------- */

static void on_pool(uv_work_t* work) {
  struct errand* e = CONTAINER_OF(work, struct errand, work);

  e->status = uvssh_key_load(&e->key, e->path, NULL);
}

static void log_file(struct client_login* l, const struct errand* e) {
  char path[512];

  uvssh__escape(path, sizeof(path), e->path, strlen(e->path));
  uvssh__log(&session_in(l)->desk.log,
             e->status == UV_ENOENT ? UVSSH_LOG_INFO : UVSSH_LOG_ERROR,
             "key file %s is passed over: %s", path,
             e->status == 0 ? "it holds no private key"
                            : uvssh_strerror(e->status));
}

static void on_back(uv_work_t* work, int status) {
  struct errand* e = CONTAINER_OF(work, struct errand, work);
  struct client_login* l = e->login;
  struct loop* loop = e->loop;
  int trying = 0;

  loop->errands--;
  uvssh__slots_enter(loop->slots);
  if (status != 0)
    e->status = status;
  if (l != NULL) {
    l->errand = NULL;
    if (e->key == NULL || !uvssh_key_has_secret(e->key)) {
      log_file(l, e);
    } else if (session_in(l)->ending == E_RUNNING) {
      trying = try_key(l, e->key);
      e->key = NULL;
    }
    if (!trying)
      go_on(l);
  }
  uvssh_key_unref(e->key);
  uvssh__free(e);
  uvssh__loop_put(loop);
}

/* 0 when it is away; the loop stays until it is back. */
static int read_file(struct client_login* l, const char* path) {
  size_t len = strlen(path);
  struct errand* e = (struct errand*) uvssh__calloc(1, sizeof(*e) + len + 1);
  int err;

  if (e == NULL)
    return UV_ENOMEM;
  e->login = l;
  memcpy(e->path, path, len + 1);
  err = uvssh__loop_get(l->attach->loop->uv, &e->loop);
  if (err == 0) {
    err = uv_queue_work(e->loop->uv, &e->work, on_pool, on_back);
    if (err != 0)
      uvssh__loop_put(e->loop);
  }
  if (err != 0) {
    uvssh__free(e);
    return err;
  }
  e->loop->errands++;
  l->errand = e;
  return 0;
}

/* ---- the password -------------------------------------------------------- */

static int on_answer(struct question* q, const struct answer* a) {
  struct client_login* l = (struct client_login*) q->owner;

  if (a->kind == ANSWER_ANSWERS && a->number == 1 && a->answers[0] != NULL &&
      strlen(a->answers[0]) <= TEXT_MAX) {
    uvssh__question_close(q);
    try_password(l, a->answers[0]);
    return 0;
  }
  if (a->kind != ANSWER_REJECT)
    return UV_EINVAL;
  uvssh__question_close(q);
  l->no_password = 1;
  go_on(l);
  return 0;
}

static void ask_password(struct client_login* l) {
  struct desk* desk = &session_in(l)->desk;
  char user[256], host[256], text[600];
  const uvssh_prompt_t prompt = { text, 0 };
  const uvssh_prompts_t form = { UVSSH_AUTH_PASSWORD, "", "", &prompt, 1 };
  int err = uvssh__question_open(&l->question, desk, on_answer);

  if (err != 0) {
    give_up(l, err);
    return;
  }
  l->prompts++;
  l->question.owner = l;
  uvssh__escape(user, sizeof(user), l->user, strlen(l->user));
  uvssh__escape(host, sizeof(host), l->host, strlen(l->host));
  snprintf(text, sizeof(text), "%s@%s's password: ", user, host);
  desk->on.on_prompt(desk->pub, &form, l->question.reply);
}

/* ---- what comes next ----------------------------------------------------- */

/* 1: something is under way, or it has ended. */
static int next_key(struct client_login* l) {
  uvssh_key_t* key;
  int err;

  while (l->next_key < l->key_count) {
    key = uvssh_key_ref(l->keys[l->next_key++]);
    if (try_key(l, key))
      return 1;
  }
  if (l->next_file == l->file_count)
    return 0;
  err = read_file(l, l->files[l->next_file++]);
  if (err != 0)
    give_up(l, err);
  return 1;
}

static int next_password(struct client_login* l) {
  char* password = l->password;

  if (password != NULL) {
    l->password = NULL;
    l->no_password = 1;            /* this one, once */
    try_password(l, password);
    uvssh__free_secret(password, strlen(password));
    return 1;
  }
  if (l->no_password || l->prompts >= PROMPTS_MAX ||
      session_in(l)->desk.on.on_prompt == NULL)
    return 0;
  ask_password(l);
  return 1;
}

/* From the loop only, but for ends that call nobody. */
static void go_on(struct client_login* l) {
  if (session_in(l)->ending != E_RUNNING) {
    finish(l, ended_with(session_in(l)));
    return;
  }
  if (l->attempts < ATTEMPTS_MAX) {
    if ((l->methods & UVSSH_AUTH_PUBLICKEY) && next_key(l))
      return;
    if ((l->methods & UVSSH_AUTH_PASSWORD) && next_password(l))
      return;
  }
  fail_login(l);
}

static void on_start(uvssh_req_t* req, int status) {
  struct client_login* l = CONTAINER_OF(req, struct client_login, step);
  struct session* s = session_in(l);

  l->stepping = 0;
  s->desk.on.on_hostkey = l->on_hostkey;
  if (status != 0) {
    finish(l, status);
    return;
  }
  stepped(l, uvssh_auth_none(&l->step, s->desk.pub, l->user, on_step));
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
    uvssh__log(&session_in(l)->desk.log, UVSSH_LOG_ERROR,
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
      what->port < 0 || what->port > 65535 || strlen(what->user) > TEXT_MAX ||
      (what->password != NULL && strlen(what->password) > TEXT_MAX) ||
      what->key_count > IDENTITIES_MAX ||
      (what->keys == NULL && what->key_count != 0) ||
      (what->transport != NULL && what->transport->ops == NULL))
    return UV_EINVAL;
  for (i = 0; i < what->key_count; i++)
    if (what->keys[i] == NULL || !uvssh_key_has_secret(what->keys[i]))
      return UV_EINVAL;
  for (i = 0; what->files != NULL && what->files[i] != NULL; i++)
    if (i == IDENTITIES_MAX)
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

static int start(struct client_login* l, const uvssh_client_login_t* what) {
  uvssh_session_t* session = session_in(l)->desk.pub;

  return what->transport != NULL
             ? uvssh_client_start(&l->step, session, what->transport, on_start)
             : uvssh_client_connect(&l->step, session, what->host, what->port,
                                    on_start);
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
