/* ext_info.c: RFC 8308, and what OpenSSH's PROTOCOL (section 1) names in it.
 *
 * Both roles tell right behind their first NEWKEYS what they can do; a client
 * obeys the server's list of signatures. A client that says so hears that list
 * once more behind its first USERAUTH_REQUEST.
 * What else the peer tells is skipped, and so is a version that we do not
 * know. What the second one says of anything but signatures is too late. */
#include "transport/transport.h"

enum { EXTENSIONS_MAX = 64 };

static const struct {
  const char* name;
  unsigned bit;
  int from_server;
  int from_client;
} extensions[] = {
  { "ping@openssh.com",                EXTENSION_PING,      1, 1 },
  { "publickey-hostbound@openssh.com", EXTENSION_HOSTBOUND, 1, 0 },
  { "ext-info-in-auth@openssh.com",    EXTENSION_IN_AUTH,   0, 1 },
};

static int is_told(size_t i, int by_server) {
  return by_server ? extensions[i].from_server : extensions[i].from_client;
}

static void write_sig_algs(struct buf* m) {
  wr_cstr(m, "server-sig-algs");
  wr_cstr(m, uvssh__sign_default());
}

void uvssh__ext_info_send(struct transport* t) {
  int server = t->desk->is_server;
  uint32_t count = server ? 1 : 0;
  struct buf* m;
  size_t i;

  if (!t->peer_ext_info)
    return;
  for (i = 0; i < ARRAY_SIZE(extensions); i++)
    count += is_told(i, server) ? 1 : 0;
  m = uvssh__message(t, MSG_EXT_INFO);
  wr_u32(m, count);
  if (server)
    write_sig_algs(m);
  for (i = 0; i < ARRAY_SIZE(extensions); i++) {
    if (!is_told(i, server))
      continue;
    wr_cstr(m, extensions[i].name);
    wr_cstr(m, "0");               /* its version */
  }
  uvssh__send(t);
}

void uvssh__ext_info_send_in_auth(struct transport* t) {
  struct buf* m;

  if ((t->extensions & EXTENSION_IN_AUTH) == 0)
    return;
  m = uvssh__message(t, MSG_EXT_INFO);
  wr_u32(m, 1);
  write_sig_algs(m);
  uvssh__send(t);
}

/* value: a string that is the list, of the peer's text: rd_namelist() bounds
 * it. */
static int keep_sig_algs(struct transport* t, rd_t value) {
  str_t list = uvssh__rd_namelist(&value);

  if (value.bad)
    return UVSSH_EMESSAGE;
  uvssh__free(t->sig_algs);
  t->sig_algs = uvssh__strndup(list.base, list.len);
  return t->sig_algs == NULL ? UV_ENOMEM : 0;
}

static void keep_extension(struct transport* t, str_t name, str_t version) {
  size_t i;

  if (t->in_since_newkeys != 1 || !str_is(version, "0"))
    return;
  for (i = 0; i < ARRAY_SIZE(extensions); i++)
    if (is_told(i, !t->desk->is_server) && str_is(name, extensions[i].name))
      t->extensions |= extensions[i].bit;
}

int uvssh__on_ext_info(struct transport* t, rd_t* m) {
  uint32_t count = rd_u32(m);      /* nr-extensions */
  uint32_t i;
  str_t name;
  rd_t value;
  int err;

  if (count > EXTENSIONS_MAX)
    return UVSSH_EMESSAGE;
  for (i = 0; i < count && !m->bad; i++) {
    name = rd_str(m);              /* extension-name */
    value = *m;                    /* extension-value */
    keep_extension(t, name, rd_str(m));
    if (m->bad || t->desk->is_server || !str_is(name, "server-sig-algs"))
      continue;
    err = keep_sig_algs(t, value);
    if (err != 0)
      return err;
  }
  return rd_end(m);
}

int uvssh__sig_alg_allowed(const struct transport* t, const char* name) {
  return t->sig_algs == NULL ||
         uvssh__namelist_has(str_of(t->sig_algs), str_of(name));
}

const struct sign_alg* uvssh__sign_for(const struct transport* t,
                                       const uvssh_key_t* key) {
  const struct sign_alg* alg = uvssh__sign_next(key, NULL);
  char theirs[600];

  while (alg != NULL && !uvssh__sig_alg_allowed(t, alg->name))
    alg = uvssh__sign_next(key, alg);
  if (alg == NULL && t->sig_algs != NULL)
    uvssh__log(&t->desk->log, UVSSH_LOG_ERROR,
               "a key %s is not tried: the server takes only %s",
               uvssh_key_name(key),
               uvssh__escape(theirs, sizeof(theirs), t->sig_algs,
                             strlen(t->sig_algs)));
  return alg;
}
