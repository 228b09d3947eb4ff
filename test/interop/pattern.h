/* pattern.h: the bytes that transfers are made of: 64-bit counters from 0 on,
 * little-endian, so that a lost, doubled or misplaced block shows. */
#ifndef PATTERN_H
#define PATTERN_H

#include <stddef.h>
#include <stdint.h>

/** The len bytes that stand at this offset. */
void pattern_fill(uint8_t* out, uint64_t at, size_t len);

#endif
