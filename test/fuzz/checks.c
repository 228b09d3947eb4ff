/* checks.c: the checks of test/lib/check.h for targets that use test/lib/: what
 * does not hold ends the program, as MUST() does. */
#include "check.h"
#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>

void check_fail(const char* file, int line, const char* format, ...) {
  char text[500];
  va_list args;

  va_start(args, format);
  (void) vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  fuzz_broken(file, line, text);
}

void check_eq(const char* file, int line, const char* what, long long a,
              long long b) {
  if (a != b)
    check_fail(file, line, "%s: %lld, %lld", what, a, b);
}

void check_mem(const char* file, int line, const char* what, const void* a,
               size_t a_len, const void* b, size_t b_len) {
  if (a_len != b_len || (a_len != 0 && memcmp(a, b, a_len) != 0))
    check_fail(file, line, "%s", what);
}

void check_note(const char* format, ...) {
}
