/* login_try.c: what uvssh_client_login() logs in with, one after the other. RFC
 * 4252.
 *
 * Happy path: "none" tells the methods; then each key, each key file (read in
 * the thread pool), the password, as far as the server goes on with its method;
 * after a partial success what is left, with the methods that it named.
 * Failures: nothing is left to try: the session ends, and the caller hears
 * which methods the server would have gone on with.
 * Bounds: each identity once, at most LOGIN_ATTEMPTS attempts, PROMPTS_MAX
 * questions for a password. */
#include "loop/loop.h"

#include <stdio.h>

enum { PROMPTS_MAX = 3 };

struct errand {                    /* a key file, away to be read */
  uv_work_t work;
  struct loop* loop;
  struct client_login* login;      /* NULL: it has ended */
  uvssh_key_t* key;
  int status;
  char path[];
};

static void go_on(struct client_login* l);

static void fail_login(struct client_login* l) {
  struct session* s = login_session(l);
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
  uvssh__login_give_up(l, l->last);
}

/* ---- one attempt --------------------------------------------------------- */

static void on_step(uvssh_req_t* req, int status) {
  struct client_login* l = CONTAINER_OF(req, struct client_login, step);

  l->stepping = 0;
  if (status == UVSSH_EPARTIAL && l->is_password)
    l->no_password = 1;            /* it was right */
  if (status != UVSSH_EAUTH && status != UVSSH_EPARTIAL) {
    uvssh__login_finish(l, status);
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
    uvssh__login_give_up(l, err);
}

static void try_password(struct client_login* l, const char* password) {
  l->attempts++;
  l->is_password = 1;
  stepped(l, uvssh_auth_password(&l->step, login_session(l)->desk.pub, l->user,
                                 password, on_step));
}

/* 1: this key is tried now; 0: it is passed over. Its reference is ours. */
static int try_key(struct client_login* l, uvssh_key_t* key) {
  struct session* s = login_session(l);
  unsigned i;
  int use = uvssh__sign_for(&s->transport, key) != NULL;

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
  uvssh__log(&login_session(l)->desk.log,
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
    } else if (login_session(l)->ending == E_RUNNING) {
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
      strlen(a->answers[0]) <= LOGIN_TEXT) {
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
  struct desk* desk = &login_session(l)->desk;
  char user[256], host[256], text[600];
  const uvssh_prompt_t prompt = { text, 0 };
  const uvssh_prompts_t form = { UVSSH_AUTH_PASSWORD, "", "", &prompt, 1 };
  int err = uvssh__question_open(&l->question, desk, on_answer);

  if (err != 0) {
    uvssh__login_give_up(l, err);
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
    uvssh__login_give_up(l, err);
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
      login_session(l)->desk.on.on_prompt == NULL)
    return 0;
  ask_password(l);
  return 1;
}

/* From the loop only, but for ends that call nobody. */
static void go_on(struct client_login* l) {
  if (login_session(l)->ending != E_RUNNING) {
    uvssh__login_give_up(l, UV_ECANCELED);
    return;
  }
  if (l->attempts < LOGIN_ATTEMPTS) {
    if ((l->methods & UVSSH_AUTH_PUBLICKEY) && next_key(l))
      return;
    if ((l->methods & UVSSH_AUTH_PASSWORD) && next_password(l))
      return;
  }
  fail_login(l);
}

/* ---- for login.c --------------------------------------------------------- */

void uvssh__login_try(struct client_login* l) {
  stepped(l, uvssh_auth_none(&l->step, login_session(l)->desk.pub, l->user,
                             on_step));
}

void uvssh__login_stop_trying(struct client_login* l) {
  uvssh__question_close(&l->question);
  if (l->errand == NULL)
    return;
  (void) uv_cancel((uv_req_t*) &l->errand->work);
  l->errand->login = NULL;
}
