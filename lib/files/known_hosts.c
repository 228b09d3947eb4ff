/* known_hosts.c: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT", as OpenSSH reads it.
 *
 *   [@marker] pattern,pattern,... type base64 [comment]
 *   [@marker] |1|salt|hash type base64 [comment]
 *
 * A host is looked up as "host", or as "[host]:port" where the port is not 22;
 * a port that has no line of its own is also known by the line of the plain
 * name, but that does not make it a changed one. Names are compared in lower
 * case.
 * Read, and matching nothing: comments, @cert-authority, other markers, keys
 * that are not what they say they are. A line may be as long as it likes, and
 * ends at a NUL: who reads less of it than ssh may miss that a key is revoked,
 * who reads more may know one that ssh does not.
 * A line that may not be trusted any more outweighs all others.
 *
 * Never allocates but to look at a key that differs, and what it writes. */
#include "files/files.h"

#include <assert.h>
#include <stdio.h>

enum {
  KEY_TEXT_MAX = 16 * 1024,        /* of a key in base64 */
  NAME_MAX_BYTES = HOST_TEXT_MAX + 16,  /* "[", "]:65535" */
  PATTERN_MAX = 1022,              /* as ssh: a longer one is a no */
  PORT_DEFAULT = 22
};

/* ---- words --------------------------------------------------------------- */

static int is_blank(uint8_t c) {
  return c == ' ' || c == '\t';
}

static str_t drop(str_t s, size_t n) {
  s.base += n;
  s.len -= n;
  return s;
}

/* Cuts off what stands before `at` or the end, and `at` itself. */
static str_t cut(str_t* rest, char at) {
  const uint8_t* p =
      rest->len == 0 ? NULL
                     : (const uint8_t*) memchr(rest->base, at, rest->len);
  str_t head = *rest;

  if (p == NULL) {
    *rest = drop(*rest, rest->len);
    return head;
  }
  head.len = (size_t) (p - rest->base);
  *rest = drop(*rest, head.len + 1);
  return head;
}

static str_t next_word(str_t* line) {
  str_t word;
  size_t n = 0;

  while (n < line->len && is_blank(line->base[n]))
    n++;
  *line = word = drop(*line, n);
  for (n = 0; n < line->len && !is_blank(line->base[n]); n++)
    ;
  word.len = n;
  *line = drop(*line, n);
  return word;
}

/* ---- names --------------------------------------------------------------- */

/* One pattern with '!' that fits is a no for the whole line. */
static int matches_list(str_t list, str_t name) {
  int found = 0;

  while (list.len != 0) {
    str_t pattern = cut(&list, ',');
    int negated = pattern.len != 0 && pattern.base[0] == '!';
    if (negated)
      pattern = drop(pattern, 1);
    if (pattern.len > PATTERN_MAX)
      return 0;
    if (!uvssh__glob_fits(pattern, name))
      continue;
    if (negated)
      return 0;
    found = 1;
  }
  return found;
}

static int read_sha1(str_t base64, uint8_t out[HMAC_SHA1_SIZE]) {
  uint8_t room[64];
  struct buf b = { .base = room, .cap = sizeof(room) };

  if (base64.len != (HMAC_SHA1_SIZE + 2) / 3 * 4 ||
      uvssh__base64_read(&b, base64, NULL) != 0 || b.len != HMAC_SHA1_SIZE)
    return 0;
  /* cppcheck-suppress uninitvar ; filled through b */
  memcpy(out, room, HMAC_SHA1_SIZE);
  return 1;
}

/* |1|salt|HMAC-SHA1(salt, name) */
static int matches_hash(str_t names, str_t name) {
  uint8_t salt[HMAC_SHA1_SIZE], want[HMAC_SHA1_SIZE], got[HMAC_SHA1_SIZE];

  names = drop(names, 1);
  if (!str_is(cut(&names, '|'), "1") || !read_sha1(cut(&names, '|'), salt) ||
      !read_sha1(names, want))
    return 0;
  return uvssh__hmac_sha1(salt, name, got) == 0 &&
         memcmp(want, got, sizeof(got)) == 0;
}

/* As it stands in the file; in lower case. */
static int name_of(char name[NAME_MAX_BYTES], const char* host, int port) {
  size_t len = strlen(host);
  char* at;

  if (len == 0 || len > HOST_TEXT_MAX || port < 0 || port > 65535)
    return UV_EINVAL;
  if (port == 0 || port == PORT_DEFAULT)
    memcpy(name, host, len + 1);
  else
    snprintf(name, NAME_MAX_BYTES, "[%s]:%d", host, port);
  for (at = name; *at != '\0'; at++)
    *at = (char) lower((uint8_t) *at);
  return 0;
}

/* ---- a line -------------------------------------------------------------- */

enum marker { MARKER_NONE, MARKER_REVOKED, MARKER_OTHER };

/* What a line says of the key. */
enum said { NOTHING, THIS_KEY, ANOTHER_KEY };

static enum marker read_marker(str_t* line) {
  str_t rest = *line;
  str_t word = next_word(&rest);

  if (word.len == 0 || word.base[0] != '@')
    return MARKER_NONE;
  *line = rest;
  return str_is(word, "@revoked") ? MARKER_REVOKED : MARKER_OTHER;
}

/* Our key's type, so what is no such key is a line that cannot be read. */
static enum said compare_key(str_t base64, const uvssh_key_t* key) {
  uint8_t room[KEY_TEXT_MAX];
  struct buf blob = { .base = room, .cap = sizeof(room) };
  uvssh_key_t* other = NULL;
  int err;

  if (base64.len > KEY_TEXT_MAX ||
      uvssh__base64_read(&blob, base64, "\r\v\f") != 0)
    return NOTHING;
  if (str_eq(str_of_buf(&blob), key_blob(key)))
    return THIS_KEY;
  err = uvssh__key_from_blob(&other, str_of_buf(&blob));
  if (err == 0 && strcmp(uvssh_key_name(other), uvssh_key_name(key)) != 0)
    err = UVSSH_EKEYFORMAT;
  uvssh_key_unref(other);
  return err == 0 || err == UV_ENOMEM ? ANOTHER_KEY : NOTHING;
}

/* 1 when it is of this name and this type of key; *line is what follows. */
static int line_fits(str_t* text,
                     str_t name,
                     const char* type,
                     enum marker* marker) {
  str_t line = *text;
  str_t names;

  line = cut(&line, '\0');
  if (line.len != 0 && line.base[line.len - 1] == '\r')
    line.len--;
  *marker = read_marker(&line);
  names = next_word(&line);
  if (*marker == MARKER_OTHER || names.len == 0 || names.base[0] == '#' ||
      !str_is(next_word(&line), type))
    return 0;
  *text = line;
  return names.base[0] == '|' ? matches_hash(names, name)
                              : matches_list(names, name);
}

static enum said read_line(str_t line,
                           str_t name,
                           const uvssh_key_t* key,
                           enum marker* marker) {
  return line_fits(&line, name, uvssh_key_name(key), marker)
             ? compare_key(next_word(&line), key)
             : NOTHING;
}

/* ---- a file -------------------------------------------------------------- */

static uvssh_host_verdict look_up(str_t text,
                                  str_t name,
                                  const uvssh_key_t* key,
                                  unsigned* line) {
  uvssh_host_verdict verdict = UVSSH_HOST_UNKNOWN;
  enum marker marker = MARKER_NONE;
  enum said said;
  unsigned number = 0;

  *line = 0;
  while (text.len != 0) {
    number++;
    said = read_line(cut(&text, '\n'), name, key, &marker);
    if (said == THIS_KEY && marker == MARKER_REVOKED) {
      *line = number;
      return UVSSH_HOST_REVOKED;
    }
    if (said == THIS_KEY && verdict != UVSSH_HOST_KNOWN) {
      verdict = UVSSH_HOST_KNOWN;
      *line = number;
    }
    if (said == ANOTHER_KEY && marker == MARKER_NONE &&
        verdict == UVSSH_HOST_UNKNOWN) {
      verdict = UVSSH_HOST_CHANGED;
      *line = number;
    }
  }
  return verdict;
}

uvssh_host_verdict uvssh__known_hosts_check(str_t text,
                                            const char* host,
                                            int port,
                                            const uvssh_key_t* key,
                                            unsigned* line) {
  uvssh_host_verdict verdict;
  char name[NAME_MAX_BYTES];

  *line = 0;
  if (name_of(name, host, port) != 0)
    return UVSSH_HOST_UNKNOWN;
  verdict = look_up(text, str_of(name), key, line);
  if (verdict != UVSSH_HOST_UNKNOWN || name[0] != '[')
    return verdict;
  (void) name_of(name, host, 0);
  verdict = look_up(text, str_of(name), key, line);
  if (verdict != UVSSH_HOST_CHANGED)
    return verdict;
  *line = 0;                       /* another server of that machine */
  return UVSSH_HOST_UNKNOWN;
}

/* ---- which keys it has --------------------------------------------------- */

/* A bit for each name of the default list, in its order: this host is known by
 * such a key. One pass: a file may be long, and its names hashed. */
static uint64_t known_names(str_t text, str_t name) {
  uint64_t known = 0;

  while (text.len != 0) {
    str_t line = cut(&text, '\n');
    str_t rest = str_of(uvssh__sign_default());
    str_t algorithm;
    uint64_t bit;
    for (bit = 1; uvssh__namelist_next(&rest, &algorithm); bit <<= 1) {
      const struct key_type* type = uvssh__sign_find(algorithm)->type;
      str_t at = line;
      enum marker marker;
      assert(bit != 0);
      if ((known & bit) == 0 && line_fits(&at, name, type->name, &marker) &&
          marker == MARKER_NONE)
        known |= bit;
    }
  }
  return known;
}

/* Of the default list those that are among `wanted`. */
static void put_names(struct buf* list, uint64_t wanted) {
  str_t rest = str_of(uvssh__sign_default());
  str_t algorithm;

  for (; uvssh__namelist_next(&rest, &algorithm); wanted >>= 1) {
    if ((wanted & 1) == 0)
      continue;
    if (list->len != 0)
      wr_u8(list, ',');
    wr_bytes(list, algorithm.base, algorithm.len);
  }
}

int uvssh__known_hosts_order(str_t text,
                             const char* host,
                             int port,
                             struct buf* list) {
  char name[NAME_MAX_BYTES];
  uint64_t known;

  if (name_of(name, host, port) != 0)
    return UV_EINVAL;
  known = known_names(text, str_of(name));
  if (known == 0 && name[0] == '[') {    /* then it may be by the plain one */
    (void) name_of(name, host, 0);
    known = known_names(text, str_of(name));
  }
  put_names(list, known);
  put_names(list, ~known);
  return list->bad ? UV_ENOMEM : 0;
}

/* ---- writing ------------------------------------------------------------- */

/* What means something else in such a line, or ends it. */
static int is_plain(const char* host) {
  const char* at;

  for (at = host; *at != '\0'; at++)
    if ((unsigned char) *at <= ' ' || *at == 0x7f ||
        strchr(",*?!#|@[]\"", *at) != NULL)
      return 0;
  return 1;
}

int uvssh__known_hosts_line(struct buf* out,
                            const char* host,
                            int port,
                            const uvssh_key_t* key) {
  char name[NAME_MAX_BYTES];
  int err = is_plain(host) ? name_of(name, host, port) : UV_EINVAL;

  if (err != 0)
    return err;
  wr_bytes(out, name, strlen(name));
  wr_u8(out, ' ');
  wr_bytes(out, uvssh_key_name(key), strlen(uvssh_key_name(key)));
  wr_u8(out, ' ');
  uvssh__base64_write(out, key_blob(key), 1);
  wr_u8(out, '\n');
  return out->bad ? UV_ENOMEM : 0;
}

/* ---- a host's keys change ------------------------------------------------ */

struct wanted {                    /* the keys that a host has from now on */
  uvssh_key_t* const* keys;
  unsigned count;
  uint64_t seen;                   /* those that stand there */
};

enum fate { KEEP, DROP, BY_HAND };

/* A key that we cannot read is nobody's to take away. */
static enum fate fate_of_key(str_t base64, struct wanted* w) {
  uint8_t room[KEY_TEXT_MAX];
  struct buf blob = { .base = room, .cap = sizeof(room) };
  uvssh_key_t* key = NULL;
  enum fate fate = DROP;
  unsigned i;

  if (base64.len > KEY_TEXT_MAX ||
      uvssh__base64_read(&blob, base64, "\r\v\f") != 0 ||
      uvssh__key_from_blob(&key, str_of_buf(&blob)) != 0)
    return KEEP;
  for (i = 0; i < w->count; i++) {
    if (!uvssh_key_equal(w->keys[i], key))
      continue;
    w->seen |= (uint64_t) 1 << i;
    fate = KEEP;
  }
  uvssh_key_unref(key);
  return fate;
}

static int is_same_name(str_t a, str_t b) {
  size_t i;

  for (i = 0; i < a.len && i < b.len; i++)
    if (lower(a.base[i]) != lower(b.base[i]))
      return 0;
  return a.len == b.len;
}

/* Ours to change are lines of this name alone, without a marker. */
static enum fate fate_of_line(str_t line, str_t name, struct wanted* w) {
  enum marker marker;
  str_t names;

  line = cut(&line, '\0');
  marker = read_marker(&line);
  names = next_word(&line);
  if (names.len == 0 || names.base[0] == '#')
    return KEEP;
  if (names.base[0] == '|' ? !matches_hash(names, name)
                           : !matches_list(names, name))
    return KEEP;
  if (marker != MARKER_NONE ||
      (names.base[0] != '|' && !is_same_name(names, name)))
    return BY_HAND;
  (void) next_word(&line);         /* its type stands in the key, too */
  return fate_of_key(next_word(&line), w);
}

int uvssh__known_hosts_renew(struct buf* out,
                             str_t text,
                             const char* host,
                             int port,
                             uvssh_key_t* const* keys,
                             unsigned count) {
  struct wanted w = { keys, count, 0 };
  char name[NAME_MAX_BYTES];
  int err = count > 64 ? UV_EINVAL : name_of(name, host, port);
  unsigned i;

  while (err == 0 && text.len != 0) {
    str_t line = cut(&text, '\n');
    enum fate fate = fate_of_line(line, str_of(name), &w);

    if (fate == BY_HAND)
      err = UV_EPERM;
    if (fate != KEEP)
      continue;
    wr_bytes(out, line.base, line.len);
    wr_u8(out, '\n');
  }
  if (err == 0 && w.seen == 0)
    err = UV_ENOENT;
  for (i = 0; err == 0 && i < count; i++)
    if ((w.seen >> i & 1) == 0)
      err = uvssh__known_hosts_line(out, host, port, keys[i]);
  return err == 0 && out->bad ? UV_ENOMEM : err;
}
