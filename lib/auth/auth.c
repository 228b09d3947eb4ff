/* auth.c: how authentication begins and ends, in both roles. What is needed
 * only until login is one allocation, which goes then. */
#include "auth/auth.h"

int uvssh__auth_init(struct auth* auth,
                     struct desk* desk,
                     struct transport* transport) {
  memset(auth, 0, sizeof(*auth));
  auth->desk = desk;
  auth->transport = transport;
  auth->login = (struct login*) uvssh__calloc(1, sizeof(*auth->login));
  if (auth->login == NULL)
    return UV_ENOMEM;
  queue_init(&auth->login->question.link);
  auth->login->pending.secret = 1;
  auth->login->secret.secret = 1;
  auth->login->methods = UVSSH_AUTH_PASSWORD | UVSSH_AUTH_PUBLICKEY;
  return 0;
}

static void login_free(struct auth* auth) {
  struct login* l = auth->login;

  if (l == NULL)
    return;
  auth->login = NULL;
  uvssh__question_close(&l->question);
  uvssh_key_unref(l->attempt.key);
  uvssh_key_unref(l->key);
  uvssh__buf_free(&l->pending);
  uvssh__buf_free(&l->secret);
  uvssh__free_secret(l, sizeof(*l));
}

static void forget_user(struct auth* auth) {
  if (auth->user != auth->brief)
    uvssh__free(auth->user);
  auth->user = NULL;
}

int uvssh__auth_set_user(struct auth* auth, str_t user) {
  char* copy = auth->brief;

  if (user.len >= sizeof(auth->brief)) {
    copy = uvssh__strndup(user.base, user.len);
    if (copy == NULL)
      return UV_ENOMEM;
  } else {                         /* it may be the old one */
    if (user.len != 0)
      memmove(copy, user.base, user.len);
    copy[user.len] = '\0';
  }
  forget_user(auth);
  auth->user = copy;
  return 0;
}

void uvssh__auth_free(struct auth* auth) {
  login_free(auth);
  uvssh_key_unref(auth->key);
  forget_user(auth);
  auth->key = NULL;
}

int uvssh__auth_succeed(struct auth* auth) {
  auth->phase = A_DONE;
  auth->desk->logged_in = 1;
  login_free(auth);
  desk_wake(auth->desk);
  return uvssh__compression_login(auth->transport);
}

void uvssh__auth_end(struct auth* auth, int status) {
  struct login* l = auth->login;

  if (l == NULL)
    return;
  uvssh__question_close(&l->question);
  if (l->req != NULL)
    uvssh__request_done(auth->desk, l->req, status);
  l->req = NULL;
}
