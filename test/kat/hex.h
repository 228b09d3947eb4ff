/* hex.h: bytes that stand as hexadecimal digits in a vector. */
#ifndef KAT_HEX_H
#define KAT_HEX_H

#include "check.h"

static inline int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  FAIL("'%c' is no hexadecimal digit", c);
}

/* The number of bytes; spaces are passed over. Fails the test when they are
 * more than size. */
static inline size_t hex_read(uint8_t* out, size_t size, const char* text) {
  size_t n = 0;

  while (*text != '\0') {
    if (*text == ' ') {
      text++;
      continue;
    }
    CHECK(n < size && text[1] != '\0');
    out[n++] = (uint8_t) (hex_digit(text[0]) << 4 | hex_digit(text[1]));
    text += 2;
  }
  return n;
}

#endif
