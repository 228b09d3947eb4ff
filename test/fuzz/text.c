/* text.c: a fuzz target: the small readers of text, each against one that is as
 * plain as can be. The first byte says which:
 *
 *   0 name-lists: what is one, and what two have in common
 *   1 lists of algorithms in a config
 *   2 base64, both ways
 *   3 names of methods to log in; server-sig-algs
 *   4 a config of any numbers and texts, checked and copied
 */
#include "place.h"

#include "auth/auth.h"

#include <stdlib.h>

/* The next part, up to a NUL; text ends in NUL, given back with free(). */
static char* next_text(str_t* rest) {
  const void* nul = rest->len == 0 ? NULL : memchr(rest->base, 0, rest->len);
  size_t n = nul == NULL ? rest->len
                         : (size_t) ((const uint8_t*) nul - rest->base);
  char* text = (char*) malloc(n + 1);
  size_t skip = nul == NULL ? n : n + 1;

  MUST(text != NULL);
  if (n != 0)
    memcpy(text, rest->base, n);
  text[n] = '\0';
  if (skip != 0)
    rest->base += skip;
  rest->len -= skip;
  return text;
}

/* ---- name-lists ---------------------------------------------------------- */

/* The i-th name of a list; NULL: there is none. Static. */
static const char* naive_name(const char* list, size_t i) {
  static char name[NAMELIST_BYTES_MAX + 1];
  size_t n;

  for (; i != 0; i--) {
    list = strchr(list, ',');
    if (list == NULL)
      return NULL;
    list++;
  }
  n = strcspn(list, ",");
  if (n > NAMELIST_BYTES_MAX)
    return "";
  memcpy(name, list, n);
  name[n] = '\0';
  return name;
}

static int naive_is_name(const char* name) {
  size_t i;

  for (i = 0; name[i] != '\0'; i++)
    if (name[i] <= ' ' || name[i] > '~')
      return 0;
  return i > 0 && i <= 64;
}

static int naive_is_list(const char* list) {
  const char* name;
  size_t i;

  if (list[0] == '\0')
    return 1;
  if (strlen(list) > NAMELIST_BYTES_MAX)
    return 0;
  for (i = 0; (name = naive_name(list, i)) != NULL; i++)
    if (!naive_is_name(name))
      return 0;
  return i <= 1024;
}

/* Of what naive_name() returned, before it is called again. */
static void keep_name(char out[NAME_BYTES_MAX + 1], const char* name) {
  size_t len = strnlen(name, NAME_BYTES_MAX);

  memcpy(out, name, len);
  out[len] = '\0';
}

static int naive_has(const char* list, const char* name) {
  char copy[NAME_BYTES_MAX + 1];
  const char* each;
  size_t i;

  keep_name(copy, name);
  for (i = 0; (each = naive_name(list, i)) != NULL; i++)
    if (strcmp(each, copy) == 0)
      return 1;
  return 0;
}

/* As a list of the wire: with one comma behind it, it is the same. */
static int read_list(const char* text, str_t* list, uint8_t** copy) {
  size_t len = strlen(text);
  rd_t r;

  *copy = (uint8_t*) malloc(len + 4);
  MUST(*copy != NULL);
  put_u32(*copy, (uint32_t) len);
  memcpy(*copy + 4, text, len);
  r = rd_of(*copy, len + 4);
  *list = uvssh__rd_namelist(&r);
  MUST(r.bad || rd_end(&r) == 0);
  return !r.bad;
}

static void common(str_t ours, const char* ours_text, str_t theirs,
                   const char* theirs_text) {
  char first[NAME_BYTES_MAX + 1] = "";
  const char* each;
  str_t name;
  int found;
  size_t i = 0;

  if (ours.len != 0 && theirs.len != 0)
    for (i = 0; first[0] == '\0' && i < 64 &&
                (each = naive_name(ours_text, i)) != NULL; i++) {
      keep_name(first, each);
      if (!naive_has(theirs_text, first))
        first[0] = '\0';
    }
  found = uvssh__namelist_common(ours, theirs, &name);
  if (first[0] != '\0')
    MUST(found && str_is(name, first));
  else
    MUST(!found || i == 64);
}

static void cut_comma(char* list) {
  size_t len = strlen(list);

  if (len != 0 && list[len - 1] == ',')
    list[len - 1] = '\0';
}

static void lists(str_t rest) {
  char* text[2];
  uint8_t* copy[2];
  str_t list[2];
  int good[2];
  int i;

  for (i = 0; i < 2; i++) {
    text[i] = next_text(&rest);
    good[i] = read_list(text[i], &list[i], &copy[i]);
    if (strcmp(text[i], ",") == 0) {
      MUST(!good[i]);
      continue;
    }
    if (strlen(text[i]) <= NAMELIST_BYTES_MAX)
      cut_comma(text[i]);
    MUST(good[i] == naive_is_list(text[i]));
    MUST(!good[i] || str_is(list[i], text[i]));
  }
  if (good[0] && good[1])
    common(list[0], text[0], list[1], text[1]);
  for (i = 0; i < 2; i++) {
    free(text[i]);
    free(copy[i]);
  }
}

/* ---- lists of algorithms ------------------------------------------------- */

static int naive_check(const char* known, const char* list) {
  const char* name;
  char copy[200];
  size_t i;

  for (i = 0; (name = naive_name(list, i)) != NULL; i++) {
    if (strlen(name) >= sizeof(copy))
      return 0;
    strcpy(copy, name);
    if (copy[0] == '\0' || strlen(copy) > NAME_BYTES_MAX ||
        !naive_has(known, copy))
      return 0;
  }
  return 1;
}

/* One row for each byte of the pattern: which heads of the name fit so far. */
static int naive_fits(const char* pattern, const char* name) {
  char row[NAME_BYTES_MAX + 1] = { 1 };
  size_t len = strlen(name);
  size_t i;

  for (; *pattern != '\0'; pattern++) {
    if (*pattern == '*') {
      for (i = 1; i <= len; i++)
        row[i] = row[i] || row[i - 1];
      continue;
    }
    for (i = len; i > 0; i--)
      row[i] = row[i - 1] &&
               (*pattern == '?' ||
                lower((uint8_t) *pattern) == (uint8_t) name[i - 1]);
    row[0] = 0;
  }
  return row[len];
}

static int naive_removes(const char* patterns, const char* name) {
  const char* pattern;
  size_t i;

  for (i = 0; (pattern = naive_name(patterns, i)) != NULL; i++)
    if (naive_fits(pattern, name))
      return 1;
  return 0;
}

static int naive_check_patterns(const char* known, const char* list) {
  const char* name;
  char copy[NAMELIST_BYTES_MAX + 1];
  size_t i;

  for (i = 0; (name = naive_name(list, i)) != NULL; i++) {
    strcpy(copy, name);
    if (copy[0] == '\0' || strlen(copy) > NAME_BYTES_MAX)
      return 0;
    if ((copy[0] == '!' || strpbrk(copy, "*?") == NULL) &&
        !naive_has(known, copy))
      return 0;
  }
  return 1;
}

/* Is the i-th known name, copied to `name`, to be in the list? -1: there is
 * none. */
static int naive_wants(char how,
                       const char* names,
                       const char* defaults,
                       const char* known,
                       size_t i,
                       char name[NAMELIST_BYTES_MAX + 1]) {
  const char* found = naive_name(known, i);

  if (found == NULL)
    return -1;
  strcpy(name, found);
  if (how == '-')
    return naive_has(defaults, name) && !naive_removes(names, name);
  return naive_has(names, name) || (how != 0 && naive_has(defaults, name));
}

static void one_kind(const char* text,
                     const char* defaults,
                     const char* known) {
  char how = strchr("+-^", *text) != NULL ? *text : 0;
  const char* names = how != 0 ? text + 1 : text;
  char list[PREFS_MAX];
  char name[NAMELIST_BYTES_MAX + 1];
  size_t i, len = 0;
  str_t bad;
  int good = how == '-' ? naive_check_patterns(known, names)
                        : naive_check(known, names);
  int err = uvssh__prefs_apply(text, defaults, known, list, &bad);
  int wants;

  MUST((err == 0 || bad.base == NULL) == good);
  MUST(err == 0 || err == UV_EINVAL);
  if (!good)
    return;
  for (i = 0; (wants = naive_wants(how, names, defaults, known, i, name)) >= 0;
       i++) {
    MUST(wants == naive_has(list, name));
    len += wants ? strlen(name) + 1 : 0;
  }
  MUST(err == (len == 0 ? UV_EINVAL : 0));
  MUST(len == 0 ? list[0] == '\0' : strlen(list) + 1 == len);
  MUST(how != '+' || strncmp(list, defaults, strlen(defaults)) == 0);
  if (how == 0 || how == '^') {
    strcpy(name, naive_name(names, 0));
    MUST(strcmp(naive_name(list, 0), name) == 0);
  }
}

static void algorithms(str_t rest) {
  char* text = next_text(&rest);
  unsigned kind;

  for (kind = ALGO_KEX; kind <= ALGO_COMPRESSION; kind++) {
    const char* known = uvssh__algo_known((enum algo) kind);

    one_kind(text, uvssh__algo_default((enum algo) kind, 0), known);
    one_kind(text, uvssh__algo_default((enum algo) kind, 1), known);
  }
  one_kind(text, uvssh__sign_default(), uvssh__sign_default());
  free(text);
}

/* ---- base64 -------------------------------------------------------------- */

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* How many bytes; -1: this is no canonical base64. */
static long naive_base64(str_t text, int with_lines, uint8_t* out) {
  uint32_t bits = 0;
  unsigned count = 0, padding = 0;
  long n = 0;
  size_t i;

  for (i = 0; i < text.len; i++) {
    char c = (char) text.base[i];
    const char* at = c == '\0' ? NULL : strchr(digits, c);

    if (with_lines && (c == '\n' || c == '\r'))
      continue;
    if (c == '=' && count % 4 >= 2 && padding < 2) {
      padding++;
      if (count % 4 + padding > 4)
        return -1;
      continue;
    }
    if (at == NULL || padding != 0)
      return -1;
    bits = bits << 6 | (uint32_t) (at - digits);
    count++;
    if (count % 4 != 1)
      out[n++] = (uint8_t) (bits >> (8 - count % 4 * 2) % 8);
  }
  if ((count % 4 + padding) % 4 != 0)
    return -1;
  if (count % 4 == 2 && (bits & 15) != 0)
    return -1;
  return count % 4 == 3 && (bits & 3) != 0 ? -1 : n;
}

static void base64(str_t text) {
  int with_lines;

  for (with_lines = 0; with_lines < 2; with_lines++) {
    uint8_t* want = (uint8_t*) malloc(text.len + 1);
    struct buf out = { 0 };
    struct buf back = { 0 };
    long n;
    int err;

    MUST(want != NULL);
    n = naive_base64(text, with_lines, want);
    err = uvssh__base64_read(&out, text, with_lines ? "\r\n" : NULL);
    MUST((n < 0) == (err == UVSSH_EKEYFORMAT));
    if (n >= 0) {
      MUST(err == 0 && out.len == (size_t) n);
      MUST(n == 0 || memcmp(out.base, want, out.len) == 0);
      uvssh__base64_write(&back, str_of_buf(&out), 1);
      MUST(with_lines || str_eq(str_of_buf(&back), text));
    }
    uvssh__buf_free(&back);
    uvssh__buf_free(&out);
    free(want);
  }
}

/* ---- logins -------------------------------------------------------------- */

static void methods(str_t rest) {
  char* text = next_text(&rest);
  unsigned want = 0;

  if (naive_is_list(text) && text[0] != '\0') {
    want |= naive_has(text, "none") ? UVSSH_AUTH_NONE : 0;
    want |= naive_has(text, "password") ? UVSSH_AUTH_PASSWORD : 0;
    want |= naive_has(text, "publickey") ? UVSSH_AUTH_PUBLICKEY : 0;
    MUST((uvssh__auth_methods_of(str_of(text)) & ~7u) == 0);
    MUST((uvssh__auth_methods_of(str_of(text)) & want) == want);
  }
  free(text);
}

/* EXT_INFO, as a client reads it. */
static void extensions(str_t rest) {
  uint8_t* copy = fuzz_copy(rest.base, rest.len);
  rd_t m = rd_of(copy, rest.len);
  struct place p;

  place_open(&p, 0);
  if (uvssh__on_ext_info(&p.t, &m) == 0 && p.t.sig_algs != NULL) {
    MUST(naive_is_list(p.t.sig_algs));
    MUST(uvssh__sig_alg_allowed(&p.t, KEY_ED25519) ==
         (p.t.sig_algs[0] != '\0' && naive_has(p.t.sig_algs, KEY_ED25519)));
  }
  place_close(&p);
  free(copy);
}

/* ---- config -------------------------------------------------------------- */

static uint64_t next_number(struct input* in, uint64_t usual) {
  unsigned how = input_u8(in);

  if (how < 128)
    return usual;
  return ((uint64_t) input_u16(in) << 16 | input_u16(in)) << how % 33;
}

static void numbers(uvssh_config_t* c, struct input* in) {
  c->packet_bytes = (unsigned) next_number(in, c->packet_bytes);
  c->window_bytes = (unsigned) next_number(in, c->window_bytes);
  c->window_most_bytes = (unsigned) next_number(in, c->window_most_bytes);
  c->queue_bytes = (unsigned) next_number(in, c->queue_bytes);
  c->drain_bytes = (unsigned) next_number(in, c->drain_bytes);
  c->rekey_packets = next_number(in, c->rekey_packets);
  c->session_bytes = (size_t) next_number(in, c->session_bytes);
  c->login_timeout_ms = next_number(in, c->login_timeout_ms);
  c->source_prefix4 = (unsigned) next_number(in, c->source_prefix4);
  c->source_prefix6 = (unsigned) next_number(in, c->source_prefix6);
}

static int same(const char* a, const char* b) {
  return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void configs(struct input in) {
  uvssh_config_t c, copy;
  uvssh_text_error_t error;
  char* text[4];
  str_t rest;
  int i;

  uvssh_config_init(&c);
  numbers(&c, &in);
  rest.base = in.at;
  rest.len = in.left;
  for (i = 0; i < 4; i++)
    text[i] = next_text(&rest);
  c.software = text[0];
  c.banner = text[1];
  c.ciphers = text[2][0] == '\0' ? NULL : text[2];
  c.macs = text[3][0] == '\0' ? NULL : text[3];
  if (uvssh__config_copy(&copy, &c, 0) == 0) {
    MUST(uvssh_config_check(&copy, NULL) == 0);
    MUST(naive_check(uvssh__algo_known(ALGO_CIPHER),
                     copy.ciphers == NULL ? "aes256-ctr" : copy.ciphers));
    MUST(same(copy.software, c.software) && copy.software != c.software);
    MUST(same(copy.banner, c.banner));
    MUST((copy.ciphers == NULL) == (c.ciphers == NULL));
    MUST(copy.packet_bytes <= DATA_MAX && copy.session_bytes >=
         copy.window_bytes);
    uvssh__config_free(&copy);
  } else {
    MUST(uvssh_config_check(&c, &error) == UV_EINVAL);
    MUST(*error.text != '\0' && strlen(error.text) < sizeof(error.text));
  }
  for (i = 0; i < 4; i++)
    free(text[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct input in = { data, size };
  uint8_t what = input_u8(&in);
  uint8_t* copy;
  str_t rest;

  fuzz_begin();
  copy = fuzz_copy(in.at, in.left);
  rest.base = copy;
  rest.len = in.left;
  switch (what % 6) {
    case 0: lists(rest); break;
    case 1: algorithms(rest); break;
    case 2: base64(rest); break;
    case 3: methods(rest); break;
    case 4: extensions(rest); break;
    default: configs(in); break;
  }
  free(copy);
  return fuzz_end();
}
