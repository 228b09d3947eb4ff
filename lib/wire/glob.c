/* glob.c: does a name fit a pattern, as in ssh_config(5) and known_hosts.
 *
 * Happy path: '*' stands for any bytes, '?' for one, the rest for itself.
 * Failures: none.
 *
 * Never: takes more steps than the pattern has bytes times those of the name;
 * recurses; allocates.
 */
#include "wire/wire.h"

/* A '*' that did not reach far enough takes one byte more, only the last one:
 * so it is quick whatever the pattern. */
int uvssh__glob_fits(str_t pattern, str_t name) {
  size_t p = 0, n = 0;
  size_t star = SIZE_MAX, from = 0;

  while (n < name.len) {
    if (p < pattern.len && pattern.base[p] == '*') {
      star = p++;
      from = n;
    } else if (p < pattern.len && (pattern.base[p] == '?' ||
                                   lower(pattern.base[p]) == name.base[n])) {
      p++;
      n++;
    } else if (star != SIZE_MAX) {
      p = star + 1;
      n = ++from;
    } else {
      return 0;
    }
  }
  while (p < pattern.len && pattern.base[p] == '*')
    p++;
  return p == pattern.len;
}
