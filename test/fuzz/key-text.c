/* key-text.c: a fuzz target: uvssh_key_parse(), which reads private key files
 * and lines of .pub files. A key that was read is written, and read again.
 */
#include "fuzz.h"

#include <stdlib.h>

static void again(const uvssh_key_t* key, const char* text, size_t len) {
  uvssh_key_t* second = NULL;

  MUST(uvssh_key_parse(&second, text, len, NULL) == 0);
  MUST(uvssh_key_equal(key, second));
  uvssh_key_unref(second);
}

static void look_at(uvssh_key_t* key) {
  struct buf text = { 0 };
  char line[4096];                 /* room for RSA's longest */
  size_t len = sizeof(line);

  MUST(uvssh_key_public_line(key, line, &len) == 0);
  again(key, line, len);
  len = sizeof(line);
  MUST(uvssh_key_fingerprint(key, line, &len) == 0 && strlen(line) == len);
  if (uvssh_key_has_secret(key)) {
    MUST(uvssh__key_write(key, "comment", &text) == 0);
    again(key, (const char*) text.base, text.len);
    uvssh__buf_free(&text);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uvssh_key_t* key = NULL;
  uint8_t* copy;

  fuzz_begin();
  copy = fuzz_copy(data, size);
  if (uvssh_key_parse(&key, (const char*) copy, size, NULL) == 0)
    look_at(key);
  else
    MUST(key == NULL);
  uvssh_key_unref(key);
  free(copy);
  return fuzz_end();
}
