/* wire.c: a fuzz target: the cursor, name-lists and mpints of lib/wire.
 *
 * The first byte says what is read; what was read well is written again and
 * has to be the same.
 */
#include "fuzz.h"

#include <stdlib.h>

/* The bytes say which field is read next. A cursor that is bad stays so, and
 * gives nothing. */
static void cursor(const uint8_t* p, size_t n) {
  rd_t r = rd_of(p, n);
  size_t before;
  str_t s;

  while (!r.bad && rd_left(&r) != 0) {
    before = rd_left(&r);
    switch (rd_u8(&r) % 6) {
      case 0: (void) rd_bool(&r); break;
      case 1: (void) rd_u32(&r); break;
      case 2: s = rd_str(&r); MUST(s.len < before); break;
      case 3:
        s = rd_text(&r);
        MUST(r.bad || s.len == 0 || memchr(s.base, 0, s.len) == NULL);
        break;
      case 4: s = uvssh__rd_mpint(&r); MUST(s.len < before); break;
      default: (void) uvssh__rd_namelist(&r); break;
    }
    MUST(rd_left(&r) < before);
  }
  MUST((rd_end(&r) == 0) == (!r.bad));
  if (r.bad) {
    MUST(rd_left(&r) == 0 && rd_u32(&r) == 0 && rd_str(&r).len == 0);
    MUST(rd_rest(&r).len == 0 && rd_end(&r) == UVSSH_EMESSAGE);
  }
}

static void mpint(const uint8_t* p, size_t n) {
  struct buf b = { 0 };
  rd_t r = rd_of(p, n);
  str_t s = uvssh__rd_mpint(&r);

  if (!r.bad) {
    uvssh__wr_mpint(&b, s.base, s.len);
    MUST(b.len == n - rd_left(&r) && memcmp(b.base, p, b.len) == 0);
  }
  uvssh__buf_reset(&b);
  uvssh__wr_mpint(&b, p, n);       /* and any number there is */
  r = rd_of(b.base, b.len);
  s = uvssh__rd_mpint(&r);
  MUST(rd_end(&r) == 0 && s.len <= n);
  MUST(s.len == 0 || memcmp(s.base, p + (n - s.len), s.len) == 0);
  uvssh__buf_free(&b);
}

/* Names come out as they went in, and each is found. */
static void namelist(const uint8_t* p, size_t n) {
  rd_t r = rd_of(p, n);
  str_t list = uvssh__rd_namelist(&r);
  str_t other = uvssh__rd_namelist(&r);
  str_t rest = list;
  str_t name;
  size_t bytes = 0;
  size_t names = 0;

  if (r.bad)
    return;
  MUST(list.len <= NAMELIST_BYTES_MAX);
  while (uvssh__namelist_next(&rest, &name)) {
    MUST(name.len != 0 && name.len <= NAME_BYTES_MAX);
    if (names < 8)
      MUST(uvssh__namelist_has(list, name));
    bytes += name.len;
    names++;
  }
  MUST(names <= NAMELIST_NAMES_MAX);
  MUST(list.len == (names == 0 ? 0 : bytes + names - 1));
  if (names < 64 && uvssh__namelist_common(list, other, &name))
    MUST(uvssh__namelist_has(other, name) && uvssh__namelist_has(list, name));
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct input in = { data, size };
  uint8_t what = input_u8(&in);
  uint8_t* copy;

  fuzz_begin();
  copy = fuzz_copy(in.at, in.left);
  if (what % 3 == 0)
    cursor(copy, in.left);
  else if (what % 3 == 1)
    mpint(copy, in.left);
  else
    namelist(copy, in.left);
  free(copy);
  return fuzz_end();
}
