/* prefs.c: what a person writes for a list of algorithms, and what that means:
 * as in ssh_config(5).
 *
 *   a,b    these, in this order
 *   +a,b   the default list, then these
 *   ^a,b   these, then the rest of the default list
 *   -a,b*  the default list without these; '*' and '?' are wildcards
 *
 * Happy path: the list that results, each name once.
 * Failures: a name that is not known, also behind '-': a misspelled one would
 * take nothing away; an empty name; nothing is left. A pattern with wildcards
 * may fit nothing: it says what must not be, whatever this version has.
 *
 * Never: allocates; has a name that `known` does not have.
 */
#include "crypto/crypto.h"

static void append(char list[PREFS_MAX], str_t name) {
  char text[NAME_BYTES_MAX + 1];

  if (uvssh__namelist_has(str_of(list), name))
    return;
  memcpy(text, name.base, name.len);
  text[name.len] = '\0';
  uvssh__algo_append(list, PREFS_MAX, text);
}

static void append_all(char list[PREFS_MAX], str_t names) {
  str_t name;

  while (uvssh__namelist_next(&names, &name))
    append(list, name);
}

/* '!' negates elsewhere, and here nothing. */
static int is_pattern(str_t name) {
  return name.len <= NAME_BYTES_MAX && name.base[0] != '!' &&
         (memchr(name.base, '*', name.len) != NULL ||
          memchr(name.base, '?', name.len) != NULL);
}

/* 0; or UV_EINVAL and the name that cannot be. */
static int check(str_t names, const char* known, int patterns, str_t* bad) {
  int ends_in_comma = names.len != 0 && names.base[names.len - 1] == ',';

  do {                             /* no names at all are an empty one, too */
    bad->base = names.base;
    bad->len = 0;
    (void) uvssh__namelist_next(&names, bad);
    if (bad->len == 0)
      return UV_EINVAL;
    if (patterns && is_pattern(*bad))
      continue;
    if (!uvssh__namelist_has(str_of(known), *bad))
      return UV_EINVAL;
  } while (names.len != 0);
  if (!ends_in_comma)
    return 0;
  bad->len = 0;
  return UV_EINVAL;
}

static int fits_one(str_t patterns, str_t name) {
  str_t pattern;

  while (uvssh__namelist_next(&patterns, &pattern))
    if (uvssh__glob_fits(pattern, name))
      return 1;
  return 0;
}

static void append_others(char list[PREFS_MAX], str_t names, str_t without) {
  str_t name;

  while (uvssh__namelist_next(&names, &name))
    if (!fits_one(without, name))
      append(list, name);
}

int uvssh__prefs_apply(const char* text,
                       const char* defaults,
                       const char* known,
                       char list[PREFS_MAX],
                       str_t* bad) {
  int has_sign = text[0] == '+' || text[0] == '-' || text[0] == '^';
  char how = '\0';
  str_t names = str_of(has_sign ? text + 1 : text);
  int err;

  if (has_sign)
    how = text[0];
  err = check(names, known, how == '-', bad);
  list[0] = '\0';
  if (err != 0)
    return err;
  if (how == '+')
    append_all(list, str_of(defaults));
  if (how == '-')
    append_others(list, str_of(defaults), names);
  else
    append_all(list, names);
  if (how == '^')
    append_all(list, str_of(defaults));
  bad->base = NULL;
  return list[0] != '\0' ? 0 : UV_EINVAL;
}
