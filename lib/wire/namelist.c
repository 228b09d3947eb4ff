/* namelist.c: names with commas between them (RFC 4251 sections 5 and 6).
 *
 * Good way: a list within the limits of wire.h, possibly empty. Refused: bytes
 * that are not printable US-ASCII, an empty name, a name, a list or a number
 * of names above the limit. One comma at the very end is overlooked.
 *
 * Never: takes more than one look at a byte; allocates.
 */
#include "wire/wire.h"

static int namelist_valid(str_t list) {
  size_t names = 1;
  size_t len = 0;                  /* of the name that i is in */
  size_t i;

  if (list.len > NAMELIST_BYTES_MAX)
    return 0;
  for (i = 0; i < list.len; i++) {
    uint8_t c = list.base[i];

    if (c == ',') {
      if (len == 0)
        return 0;
      names += 1;
      len = 0;
      continue;
    }
    len += 1;
    if (c < 33 || c > 126 || len > NAME_BYTES_MAX)
      return 0;
  }
  return len != 0 && names <= NAMELIST_NAMES_MAX;
}

str_t uvssh__rd_namelist(rd_t* r) {
  static const str_t none = { NULL, 0 };
  str_t list = rd_str(r);

  if (list.len == 0)
    return list;
  if (list.base[list.len - 1] == ',')
    list.len -= 1;
  if (!namelist_valid(list)) {     /* a lone comma too: an empty name */
    r->bad = 1;
    return none;
  }
  return list;
}

int uvssh__namelist_next(str_t* list, str_t* name) {
  const uint8_t* comma;

  if (list->len == 0)
    return 0;
  name->base = list->base;
  comma = memchr(list->base, ',', list->len);
  if (comma == NULL) {
    name->len = list->len;
    list->base += list->len;
    list->len = 0;
    return 1;
  }
  name->len = (size_t) (comma - list->base);
  list->base = comma + 1;
  list->len -= name->len + 1;
  return 1;
}

int uvssh__namelist_has(str_t list, str_t name) {
  str_t each;

  while (uvssh__namelist_next(&list, &each)) {
    if (str_eq(each, name))
      return 1;
  }
  return 0;
}

int uvssh__namelist_common(str_t ours, str_t theirs, str_t* name) {
  str_t each;

  while (uvssh__namelist_next(&ours, &each)) {
    if (uvssh__namelist_has(theirs, each)) {
      *name = each;
      return 1;
    }
  }
  return 0;
}
