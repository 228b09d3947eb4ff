/* client-list.c: which algorithms the library has.
 *
 * It is asked for a name that nobody has: the refusal says which there are. */
#include <stdio.h>
#include <string.h>

#include "client.h"

#define AT(field) offsetof(uvssh_config_t, field)

static const struct list {
  const char* title;               /* peers/README.md */
  size_t at;
} lists[] = {
  { "kex", AT(kex) },
  { "hostkey", AT(hostkey_algorithms) },
  { "cipher", AT(ciphers) },
  { "mac", AT(macs) },
  { "compression", AT(compression) },
};

static int list_one(const struct list* list) {
  static const char nobody[] = "?";
  static const char before[] = "; known are ";
  const char* name = nobody;
  const char* known = NULL;
  uvssh_config_t config;
  uvssh_text_error_t error;

  uvssh_config_init(&config);
  memcpy((char*) &config + list->at, &name, sizeof(name));
  if (uvssh_config_check(&config, &error) != 0)
    known = strstr(error.text, before);
  if (known == NULL) {
    fprintf(stderr, "failed: %s: no list\n", list->title);
    return EXIT_UNEXPECTED;
  }
  printf("%s %s\n", list->title, known + strlen(before));
  return 0;
}

int list_algorithms(void) {
  int status = 0;

  for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
    status |= list_one(&lists[i]);
  return status;
}
