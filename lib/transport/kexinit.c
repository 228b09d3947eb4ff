/* kexinit.c: what we offer, what the peer offers, what both have. RFC 4253
 * section 7.1: the client's first name that the server also has, eight times,
 * each on its own.
 *
 * Names that are no algorithms stand at the end of the kex list, in the first
 * KEXINIT only: ext-info-c, -s (RFC 8308) and the strict key exchange in both
 * spellings, of which one must match. */
#include "transport/transport.h"

#include <stdio.h>

/* A client holds to the key of the first exchange. */
static int may_be_asked(const struct transport* t, const struct sign_alg* alg) {
  if (t->desk->is_server)
    return uvssh__hostkey_for(t, alg) != NULL;
  return t->hostkey == NULL || uvssh__key_fits(t->hostkey, alg);
}

static void list_of_keys(const struct transport* t, struct buf* list) {
  const char* text = t->desk->config.hostkey_algorithms;
  str_t names = str_of(text != NULL ? text : uvssh__sign_default());
  const struct sign_alg* alg;
  str_t name;

  while (uvssh__namelist_next(&names, &name)) {
    alg = uvssh__sign_find(name);
    if (alg == NULL || !may_be_asked(t, alg))
      continue;
    if (list->len != 0)
      wr_u8(list, ',');
    wr_bytes(list, name.base, name.len);
  }
}

static void write_hostkeys(const struct transport* t, struct buf* m) {
  struct buf list = { 0 };

  list_of_keys(t, &list);
  wr_str(m, list.base, list.len);
  m->bad |= list.bad;
  uvssh__buf_free(&list);
}

static const char* list_or_default(const char* text,
                                   enum algo kind,
                                   int is_server) {
  return text != NULL ? text : uvssh__algo_default(kind, is_server);
}

static const char* kex_names(const struct transport* t) {
  return list_or_default(t->desk->config.kex, ALGO_KEX, t->desk->is_server);
}

static void write_kex(const struct transport* t, struct buf* m) {
  /* For Paramiko 3.4 and later the last kex-strict-* is what counts, and it
   * knows the first name of it only. */
  static const char server[] =
      ",ext-info-s,kex-strict-s,kex-strict-s-v00@openssh.com";
  static const char client[] =
      ",ext-info-c,kex-strict-c,kex-strict-c-v00@openssh.com";
  const char* text = kex_names(t);
  const char* marks = t->desk->is_server ? server : client;
  size_t marks_len = t->session_id_len == 0 ? strlen(marks) : 0;

  wr_u32(m, (uint32_t) (strlen(text) + marks_len));
  wr_bytes(m, text, strlen(text));
  wr_bytes(m, marks, marks_len);
}

void uvssh__kexinit_send(struct transport* t) {
  const uvssh_config_t* c = &t->desk->config;
  int server = t->desk->is_server;
  const char* ciphers = list_or_default(c->ciphers, ALGO_CIPHER, server);
  const char* macs = list_or_default(c->macs, ALGO_MAC, server);
  const char* compression =
      list_or_default(c->compression, ALGO_COMPRESSION, server);
  struct buf* m = uvssh__message(t, MSG_KEXINIT);
  uint8_t fresh[KEXINIT_COOKIE + sizeof(t->padding)];

  uvssh__random(fresh, sizeof(fresh));  /* a system call, so both at once */
  memcpy(t->padding, fresh + KEXINIT_COOKIE, sizeof(t->padding));
  wr_bytes(m, fresh, KEXINIT_COOKIE);
  write_kex(t, m);
  write_hostkeys(t, m);
  wr_cstr(m, ciphers);             /* client to server, server to client */
  wr_cstr(m, ciphers);
  wr_cstr(m, macs);
  wr_cstr(m, macs);
  wr_cstr(m, compression);
  wr_cstr(m, compression);
  wr_cstr(m, "");                  /* languages */
  wr_cstr(m, "");
  wr_bool(m, 0);                   /* first_kex_packet_follows: never */
  wr_u32(m, 0);
  wr_bytes(&t->hs->i_ours, m->base, m->len);
  if (t->hs->i_ours.bad || m->bad)
    desk_fail(t->desk, UV_ENOMEM);
  else
    uvssh__send(t);
}

struct lists {                     /* one side's KEXINIT */
  str_t kex, hostkey, cipher[2], mac[2], compression[2], language[2];
  int follows;
};

/* read: with a check, but for our own. */
static int read_lists(rd_t* m, str_t (*read)(rd_t*), struct lists* l) {
  unsigned i;

  (void) rd_take(m, KEXINIT_COOKIE);
  l->kex = read(m);
  l->hostkey = read(m);
  for (i = 0; i < 2; i++)
    l->cipher[i] = read(m);
  for (i = 0; i < 2; i++)
    l->mac[i] = read(m);
  for (i = 0; i < 2; i++)
    l->compression[i] = read(m);
  for (i = 0; i < 2; i++)
    l->language[i] = read(m);
  l->follows = rd_bool(m);
  (void) rd_u32(m);                /* reserved */
  return rd_end(m);
}

/* Room for what is told of a list; a line of the log has 1024 bytes. */
enum { TOLD_MAX = 460, FAILURE_MAX = 2 * TOLD_MAX + 60 };

/* Kept for the log and uvssh_end_t.text; without memory they say less. */
static int fail(struct transport* t, const char* text) {
  uvssh__free(t->failure);
  t->failure = uvssh__strndup(text, strlen(text));
  return UVSSH_ENOALGO;
}

/* A list that does not fit ends in dots: no escape is shorter than its byte. */
static const char* told(char out[TOLD_MAX], str_t list) {
  static const char more[] = "...";

  uvssh__escape(out, TOLD_MAX - sizeof(more), list.base, list.len);
  if (strlen(out) < list.len)
    memcpy(out + strlen(out), more, sizeof(more));
  return list.len == 0 ? "nothing" : out;
}

static int none_in_common(struct transport* t,
                          const char* what,
                          str_t ours,
                          str_t theirs) {
  char a[TOLD_MAX];
  char b[TOLD_MAX];
  char text[FAILURE_MAX];

  snprintf(text, sizeof(text), "no %s in common: ours %s; the peer's %s", what,
           told(a, ours), told(b, theirs));
  return fail(t, text);
}

/* 0 and *name: the client's first that the server has, too. */
static int choose(struct transport* t,
                  const char* what,
                  str_t ours,
                  str_t theirs,
                  str_t* name) {
  int found = t->desk->is_server ? uvssh__namelist_common(theirs, ours, name)
                                 : uvssh__namelist_common(ours, theirs, name);
  return found ? 0 : none_in_common(t, what, ours, theirs);
}

static int choose_direction(struct transport* t,
                            const struct lists* ours,
                            const struct lists* theirs,
                            unsigned i,
                            struct offer* o) {
  str_t name;
  int err = choose(t, "cipher", ours->cipher[i], theirs->cipher[i], &name);

  if (err != 0)
    return err;
  o->cipher[i] = uvssh__cipher_find(name);
  o->mac[i] = NULL;
  if (o->cipher[i]->tag_size == 0) {  /* an AEAD cipher needs no MAC */
    err = choose(t, "MAC", ours->mac[i], theirs->mac[i], &name);
    if (err != 0)
      return err;
    o->mac[i] = uvssh__mac_find(name);
  }
  err = choose(t, "compression", ours->compression[i], theirs->compression[i],
               &name);
  if (err == 0)
    o->compression[i] = uvssh__compression_find(name);
  return err;
}

/* A mark such as ext-info-c is no method, though both sides may list it: only
 * what the tables know can be chosen. */
static int choose_kex(struct transport* t,
                      const struct lists* ours,
                      const struct lists* theirs,
                      struct offer* o) {
  str_t first = t->desk->is_server ? theirs->kex : ours->kex;
  str_t second = t->desk->is_server ? ours->kex : theirs->kex;
  str_t name;

  while (uvssh__namelist_next(&first, &name)) {
    o->kex = uvssh__kex_find(name);
    if (o->kex != NULL && uvssh__namelist_has(second, name))
      return 0;
  }
  return none_in_common(t, "key exchange", str_of(kex_names(t)), theirs->kex);
}

static int first_names_equal(str_t a, str_t b) {
  str_t x;
  str_t y;

  return uvssh__namelist_next(&a, &x) && uvssh__namelist_next(&b, &y) &&
         str_eq(x, y);
}

/* Marks count in the first exchange only. */
static int read_marks(struct transport* t, const struct lists* theirs) {
  int server = t->desk->is_server;
  str_t info = server ? STR("ext-info-c") : STR("ext-info-s");
  str_t v00 = server ? STR("kex-strict-c-v00@openssh.com")
                     : STR("kex-strict-s-v00@openssh.com");
  str_t standard = server ? STR("kex-strict-c") : STR("kex-strict-s");

  if (t->session_id_len != 0)
    return 0;
  t->peer_ext_info = uvssh__namelist_has(theirs->kex, info);
  t->strict = uvssh__namelist_has(theirs->kex, v00) ||
              uvssh__namelist_has(theirs->kex, standard);
  if (!t->strict && t->desk->config.require_strict)
    return fail(t, "the peer knows no strict key exchange");
  if (!t->strict)
    uvssh__log(&t->desk->log, UVSSH_LOG_INFO,
               "the peer knows no strict key exchange");
  /* In force from this message on, and for what came before it. The count does
   * not wrap as sequence numbers do. */
  return t->strict && t->in.packets != 1 ? UVSSH_EUNEXPECTED : 0;
}

int uvssh__kexinit_read(struct transport* t, rd_t* m) {
  struct offer* o = &t->hs->offer;
  struct lists theirs;
  struct lists ours;
  rd_t mine = rd_of(t->hs->i_ours.base, t->hs->i_ours.len);
  str_t name;
  int err;

  err = read_lists(m, uvssh__rd_namelist, &theirs);
  if (err != 0)
    return err;
  (void) rd_u8(&mine);
  err = read_lists(&mine, rd_str, &ours);
  if (err == 0)
    err = read_marks(t, &theirs);
  if (err == 0)
    err = choose_kex(t, &ours, &theirs, o);
  if (err == 0)
    err = choose(t, "host key algorithm", ours.hostkey, theirs.hostkey, &name);
  if (err != 0)
    return err;
  o->sign = uvssh__sign_find(name);
  err = choose_direction(t, &ours, &theirs, 0, o);
  if (err == 0)
    err = choose_direction(t, &ours, &theirs, 1, o);
  t->hs->skip_guess = theirs.follows &&
                      !(first_names_equal(ours.kex, theirs.kex) &&
                        first_names_equal(ours.hostkey, theirs.hostkey));
  return err;
}
