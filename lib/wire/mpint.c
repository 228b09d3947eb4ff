/* mpint.c: integers of any size (RFC 4251 section 5).
 *
 * Good way: the shortest form of a number that is not negative. Refused when
 * read: negative numbers, of which SSH has none, and a leading zero byte
 * without need, so that one number has one form. An empty string is zero.
 *
 * Never: computes with the number; branches on its bytes when it writes one,
 * but for the leading zero bytes, whose count the length shows anyway.
 */
#include "wire/wire.h"

void uvssh__wr_mpint(struct buf* b, const uint8_t* base, size_t len) {
  size_t pad;
  uint8_t* p;

  while (len != 0 && *base == 0) {
    base += 1;
    len -= 1;
  }
  if (len == 0) {
    wr_u32(b, 0);
    return;
  }
  if (len > UINT32_MAX - 8) {      /* also: the sums below fit a size_t */
    b->bad = 1;
    return;
  }

  pad = base[0] >> 7;              /* 1: a zero byte keeps it positive */
  p = uvssh__buf_reserve(b, 4 + pad + len);
  if (p == NULL)
    return;
  put_u32(p, (uint32_t) (pad + len));
  p[4] = 0;
  memcpy(p + 4 + pad, base, len);
  b->len += 4 + pad + len;
}

int uvssh__mpint_value(str_t bytes, str_t* value) {
  *value = bytes;
  if (bytes.len == 0)
    return 0;
  if ((bytes.base[0] & 0x80) != 0)
    return UVSSH_EMESSAGE;
  if (bytes.base[0] != 0)
    return 0;
  if (bytes.len == 1 || (bytes.base[1] & 0x80) == 0)
    return UVSSH_EMESSAGE;
  value->base += 1;
  value->len -= 1;
  return 0;
}

str_t uvssh__rd_mpint(rd_t* r) {
  static const str_t none = { NULL, 0 };
  str_t value;

  if (uvssh__mpint_value(rd_str(r), &value) == 0)
    return value;
  r->bad = 1;
  return none;
}
