/* Faults of other implementations that no other test of this folder holds: one
 * test each, by the number of its row in docs/lessons.md. */
#include "check.h"

#include "files/files.h"

#include <stdio.h>
#include <stdlib.h>

/* CVE-2026-0967: a pattern that a matcher tries in as many ways as there are.
 * One that does would not end in a lifetime: 20 stars and 255 letters. */
TEST(lesson_59_patterns_cost_little) {
  static const char* const pieces[] = { "*", "*a", "a*", "*?", "?*a", "**a" };
  char host[HOST_TEXT_MAX + 1];
  char pattern[1024];
  size_t room = 1000 * (sizeof(pattern) + 200);
  char* text = malloc(room);
  const char* blob = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"
                     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  uvssh_key_t* key;
  unsigned line;
  size_t i, k, n;

  CHECK(text != NULL);
  CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0), 0);
  memset(host, 'a', HOST_TEXT_MAX);
  host[HOST_TEXT_MAX] = '\0';
  for (i = 0; i < ARRAY_SIZE(pieces); i++) {
    NOTE("%s", pieces[i]);
    pattern[0] = '\0';
    while (strlen(pattern) + 8 < 1022)
      strcat(pattern, pieces[i]);
    strcat(pattern, "b");
    n = 0;
    for (k = 0; k < 1000; k++)
      n += (size_t) snprintf(text + n, room - n, "%s %s\n", pattern, blob);
    CHECK_EQ(uvssh__known_hosts_check(str_of(text), host, 22, key, &line),
             UVSSH_HOST_UNKNOWN);
    host[HOST_TEXT_MAX - 1] = 'b';
    CHECK_EQ(uvssh__known_hosts_check(str_of(text), host, 22, key, &line),
             i == 0 ? UVSSH_HOST_CHANGED : UVSSH_HOST_UNKNOWN);
    host[HOST_TEXT_MAX - 1] = 'a';
  }
  uvssh_key_unref(key);
  free(text);
}
