/* pattern.c: see pattern.h. */
#include "pattern.h"

void pattern_fill(uint8_t* out, uint64_t at, size_t len) {
  for (size_t i = 0; i < len; i++) {
    uint64_t n = (at + i) / 8;
    unsigned byte = (unsigned) ((at + i) % 8);

    if (byte != 0 || len - i < 8) {
      out[i] = (uint8_t) (n >> (8 * byte));
      continue;
    }
    for (size_t k = 0; k < 8; k++)
      out[i + k] = (uint8_t) (n >> (8 * k));
    i += 7;
  }
}
