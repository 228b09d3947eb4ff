/* auth_methods.c: the server's methods, one row each. RFC 4252 sections 5.2
 * and 8; publickey is in auth_pubkey.c.
 *
 * A method that no row knows, that is not switched on, or that is not among
 * those a partial success asked for, is refused as any other attempt is. */
#include "auth/auth.h"

static int read_none(struct auth* auth, rd_t* m) {
  struct login* l = auth->login;
  int err = rd_end(m);

  if (err != 0)
    return err;
  l->attempt.free_of_charge = !l->none_seen;
  l->none_seen = 1;
  return uvssh__auth_ask(auth, NULL, NULL);
}

/* A change that we have not asked for is refused unseen: who checks only the
 * old password would let it pass for a login. */
static int read_password(struct auth* auth, rd_t* m) {
  int change = rd_bool(m);
  str_t old = rd_text(m);          /* plaintext password in UTF-8 */
  str_t new = { NULL, 0 };
  char* password = NULL;
  char* new_password = NULL;
  int err;

  if (change)
    new = rd_text(m);              /* plaintext new password */
  err = rd_end(m);
  if (err != 0)
    return err;
  if (change && !auth->login->change_asked)
    return uvssh__auth_refuse(auth);
  password = uvssh__strndup(old.base, old.len);
  if (change)
    new_password = uvssh__strndup(new.base, new.len);
  if (password == NULL || (change && new_password == NULL))
    err = UV_ENOMEM;
  else
    err = uvssh__auth_ask(auth, password, new_password);
  if (password != NULL)
    uvssh__free_secret(password, old.len);
  if (new_password != NULL)
    uvssh__free_secret(new_password, new.len);
  return err;
}

/* In the order in which they are told to the client; a second name of a method
 * is not told, for EXT_INFO tells of it. */
static const struct {
  const char* name;
  int (*read)(struct auth* auth, rd_t* m);
  unsigned method;
  int is_second_name;
} methods[] = {
  { "publickey", uvssh__auth_publickey_read, UVSSH_AUTH_PUBLICKEY, 0 },
  { AUTH_HOSTBOUND, uvssh__auth_hostbound_read, UVSSH_AUTH_PUBLICKEY, 1 },
  { "password", read_password, UVSSH_AUTH_PASSWORD, 0 },
  { "none", read_none, UVSSH_AUTH_NONE, 0 },
};

int uvssh__auth_method_open(const struct auth* auth, unsigned method) {
  unsigned next = auth->login->next;

  return auth->desk->on.on_auth != NULL &&
         (auth->desk->config.auth_methods & method) != 0 &&
         (next == 0 || (next & method) != 0);
}

int uvssh__auth_method(struct auth* auth, str_t name, rd_t* m) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(methods); i++) {
    if (!str_is(name, methods[i].name))
      continue;
    auth->login->attempt.method = methods[i].method;
    return methods[i].read(auth, m);
  }
  return uvssh__auth_refuse(auth);
}

void uvssh__auth_method_names(unsigned which, struct buf* list) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(methods); i++) {
    if ((which & methods[i].method) == 0 || methods[i].is_second_name)
      continue;
    if (list->len != 0)
      wr_u8(list, ',');
    wr_bytes(list, methods[i].name, strlen(methods[i].name));
  }
}

unsigned uvssh__auth_methods_of(str_t list) {
  unsigned which = 0;
  str_t name;
  size_t i;

  while (uvssh__namelist_next(&list, &name))
    for (i = 0; i < ARRAY_SIZE(methods); i++)
      if (!methods[i].is_second_name && str_is(name, methods[i].name))
        which |= methods[i].method;
  return which;
}
