/* known-hosts.c: a fuzz target: a known_hosts file, and hosts that are looked
 * up in it. Two keys: of the same text the one cannot be known and changed at
 * once, and what is said of a key does not depend on the case of the name.
 *
 * Input: the text of the file. What it says after its last NUL is a host. */
#include "fuzz.h"

#include <stdlib.h>

#include "files/files.h"

static uvssh_key_t* make_key(uint8_t fill) {
  struct buf blob = { 0 };
  uvssh_key_t* key = NULL;
  uint8_t bytes[32];

  memset(bytes, fill, sizeof(bytes));
  wr_cstr(&blob, "ssh-ed25519");
  wr_str(&blob, bytes, sizeof(bytes));
  MUST(uvssh__key_from_blob(&key, str_of_buf(&blob)) == 0);
  uvssh__buf_free(&blob);
  return key;
}

static uvssh_host_verdict look(str_t text, const char* host, int port,
                               const uvssh_key_t* key) {
  uvssh_host_verdict verdict;
  unsigned line = 7;

  verdict = uvssh__known_hosts_check(text, host, port, key, &line);
  MUST((verdict == UVSSH_HOST_UNKNOWN) == (line == 0));
  return verdict;
}

/* Upper case where there was lower case. */
static void shout(char* host) {
  for (; *host != '\0'; host++)
    if (*host >= 'a' && *host <= 'z')
      *host = (char) (*host - 'a' + 'A');
}

/* What we add ourselves is known, or revoked before. */
static void add(str_t text, const char* host, int port,
                const uvssh_key_t* key) {
  struct buf more = { 0 };
  uvssh_host_verdict verdict;

  wr_bytes(&more, text.base, text.len);
  wr_u8(&more, '\n');
  if (uvssh__known_hosts_line(&more, host, port, key) == 0) {
    verdict = look(str_of_buf(&more), host, port, key);
    MUST(verdict == UVSSH_HOST_KNOWN || verdict == UVSSH_HOST_REVOKED);
  }
  uvssh__buf_free(&more);
}

/* All algorithms, each once, in whatever order. */
static void order(str_t text, const char* host, int port) {
  str_t rest = str_of(uvssh__sign_default());
  struct buf list = { 0 };
  str_t name;

  if (uvssh__known_hosts_order(text, host, port, &list) == 0) {
    MUST(list.len == rest.len);
    while (uvssh__namelist_next(&rest, &name))
      MUST(uvssh__namelist_has(str_of_buf(&list), name));
  }
  uvssh__buf_free(&list);
}

static void look_at(str_t text, char* host) {
  static const int ports[] = { 22, 2222 };
  uvssh_key_t* keys[2] = { make_key(1), make_key(2) };
  uvssh_host_verdict said[2][2];
  size_t i, k;

  for (i = 0; i < 2; i++) {
    order(text, host, ports[i]);
    for (k = 0; k < 2; k++) {
      said[i][k] = look(text, host, ports[i], keys[k]);
      add(text, host, ports[i], keys[k]);
    }
  }
  shout(host);
  for (i = 0; i < 2; i++)
    for (k = 0; k < 2; k++)
      MUST(look(text, host, ports[i], keys[k]) == said[i][k]);
  uvssh_key_unref(keys[0]);
  uvssh_key_unref(keys[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  char host[300] = "host.example";
  uint8_t* copy;
  size_t at = size;
  str_t text;

  fuzz_begin();
  copy = fuzz_copy(data, size);
  while (at > 0 && copy[at - 1] != 0)
    at--;
  if (at > 0 && size - at < sizeof(host)) {
    memcpy(host, copy + at, size - at);
    host[size - at] = '\0';
  }
  text.base = copy;
  text.len = at > 0 ? at - 1 : size;
  look_at(text, host);
  free(copy);
  return fuzz_end();
}
