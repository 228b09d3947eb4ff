/* wycheproof.h: reads Wycheproof's vectors, where the environment variable
 * UVSSH_VECTORS names the folder that holds wycheproof/; else load() skips the
 * test. */
#ifndef KAT_WYCHEPROOF_H
#define KAT_WYCHEPROOF_H

#include <stdio.h>
#include <stdlib.h>

#include "hex.h"
#include "json.h"

#include "crypto/crypto.h"

#define BYTES_MAX 65536            /* of hexadecimal digits */

struct field {
  uint8_t* base;
  size_t len;
};

/* Exactly as large as the bytes: a read behind them is seen. */
static inline struct field field_of(const struct json* j, size_t test,
                             const char* key) {
  const char* text = json_text(j, test, key);
  struct field f = { malloc(strlen(text) / 2 + 1), 0 };

  CHECK(f.base != NULL && strlen(text) <= BYTES_MAX);
  f.len = hex_read(f.base, strlen(text) / 2, text);
  return f;
}

static inline void load(struct json* j, const char* name, int tests) {
  const char* folder = getenv("UVSSH_VECTORS");
  char path[4096];

  if (folder == NULL)
    SKIP("UVSSH_VECTORS is not set");
  CHECK_EQ(uvssh__crypto_init(), 0);
  snprintf(path, sizeof(path), "%s/wycheproof/%s_test.json", folder, name);
  if (json_load(j, path) != 0)
    FAIL("cannot read %s", path);
  CHECK_EQ(json_int(j, 0, "numberOfTests"), tests);
}

static inline int is_valid(const struct json* j, size_t test) {
  NOTE("tcId %s", json_text(j, test, "tcId"));
  return strcmp(json_text(j, test, "result"), "invalid") != 0;
}

/* Calls run for every test of every group that `fits`; returns how many. */
static inline size_t for_each(
    const struct json* j,
    int (*fits)(const struct json* j, size_t group),
    int (*run)(const struct json* j, size_t group, size_t test)) {
  size_t g, t;
  size_t ran = 0;

  for (g = json_first(j, json_get(j, 0, "testGroups")); g != 0;
       g = json_next(j, g)) {
    if (!fits(j, g))
      continue;
    for (t = json_first(j, json_get(j, g, "tests")); t != 0;
         t = json_next(j, t))
      ran += run(j, g, t) ? 1 : 0;
  }
  return ran;
}

#endif
