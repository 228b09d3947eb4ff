/* ext_info.c: RFC 8308. A server tells which signatures it takes from users,
 * right behind its first NEWKEYS; a client obeys. What else the peer tells is
 * skipped. */
#include "transport/transport.h"

enum { EXTENSIONS_MAX = 64 };

void uvssh__ext_info_send(struct transport* t) {
  struct buf* m;

  if (!t->desk->is_server || !t->peer_ext_info)
    return;
  m = uvssh__message(t, MSG_EXT_INFO);
  wr_u32(m, 1);
  wr_cstr(m, "server-sig-algs");
  wr_cstr(m, uvssh__sign_default());
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

int uvssh__on_ext_info(struct transport* t, rd_t* m) {
  uint32_t count = rd_u32(m);      /* nr-extensions */
  uint32_t i;
  str_t name;
  rd_t value;
  int err;

  if (count > EXTENSIONS_MAX)
    return UVSSH_EMESSAGE;
  for (i = 0; i < count && !m->bad; i++) {
    name = rd_str(m);
    value = *m;
    (void) rd_str(m);
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
