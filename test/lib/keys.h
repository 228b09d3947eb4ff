/* keys.h: one row a type of key: a new one joins every test of keys with a row.
 */
#ifndef TEST_LIB_KEYS_H
#define TEST_LIB_KEYS_H

#include "key/key.h"

enum { KEY_ROWS = 5 };

struct key_row {
  const char* name;                /* of the blob, and of uvssh_key_name() */
  uvssh_key_type type;
  unsigned bits;
  const char* algorithms;          /* that sign with it, best first */
  const char* text;                /* a private key file */
  const char* line;                /* its .pub, without the comment "test" */
  const char* fingerprint;
};

extern const struct key_row key_rows[KEY_ROWS];

/* Its key with the secret; the caller's. */
uvssh_key_t* key_of_row(const struct key_row* row);
const struct key_row* key_row_of(const char* name);

#endif
