/* escape.c: a fuzz target: text of the peer made harmless (lib/base/log.c).
 *
 * What comes out is well-formed, shows nothing that moves a cursor, fits, and
 * is the beginning of what more room would have held.
 */
#include "fuzz.h"

#include <stdlib.h>

static void is_harmless(const char* text) {
  const uint8_t* p = (const uint8_t*) text;

  for (; *p != 0; p++) {
    MUST(*p >= 0x20 && *p != 0x7f);
    MUST(!(p[0] == 0xc2 && p[1] < 0xa0));            /* C1 */
    MUST(!(p[0] == 0xe2 && p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae));
    MUST(!(p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
    MUST(!(p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct input in = { data, size };
  size_t room = input_u8(&in) + 1u;
  size_t whole_size;
  uint8_t* copy;
  char* whole;
  char* cut;

  fuzz_begin();
  copy = fuzz_copy(in.at, in.left);
  whole_size = in.left * 8 + 1;
  whole = (char*) malloc(whole_size);
  cut = (char*) malloc(room);
  MUST(whole != NULL && cut != NULL);
  MUST(uvssh__escape(whole, whole_size, copy, in.left) == whole);
  MUST(uvssh__escape(cut, room, copy, in.left) == cut);
  is_harmless(whole);
  MUST(strlen(whole) < whole_size && strlen(cut) < room);
  MUST(strncmp(whole, cut, strlen(cut)) == 0);
  free(cut);
  free(whole);
  free(copy);
  return fuzz_end();
}
