/* world_rows.h: what messages are made of: for whoever makes or changes one.
 *
 * A message is a row: its number, the name that tells it from others of that
 * number (or NULL), and its fields, a letter each:
 *
 *   b byte or boolean       u uint32            c the cookie's 16 bytes
 *   h a channel's number    z a window, a size  r what is left
 *   w the row's name        s any text          U a user's name
 *   S a service             A a key algorithm   K a key   G a signature
 *   P a point               x, e, m, o, l       KEXINIT's lists
 *   M an mpint              B a size in bits
 *   i uint32, 1 as a rule
 *
 * A new message joins with one row. Every message that has a name in
 * lib/wire/msgname.c must have one: rows_check().
 */
#ifndef WORLD_ROWS_H
#define WORLD_ROWS_H

#include "world.h"

enum { FIELDS = 16 };

struct row {
  uint8_t number;
  const char* name;
  const char* fields;
};

struct field {
  char kind;
  int is_string;                   /* the bytes begin with their length */
  size_t at;                       /* in the payload */
  size_t len;                      /* with the length word */
};

struct fields {
  struct field at[FIELDS];
  unsigned count;
};

void rows_check(void);
const struct row* row_at(unsigned which);        /* any number will do */
/* The row of this payload, with its fields; NULL: it fits none. */
const struct row* row_read(str_t payload, struct fields* fields);
/* Appends one field, usually as it should be; `random` says which one. */
void field_write(struct buf* m, const struct row* row, char kind,
                 uint64_t random);
void row_write(struct buf* m, const struct row* row, uint64_t random);

#endif
