/* messages.h: every message that we know how to write, one row each: its
 * number, the types of its fields, and a value for each. What the tests of
 * this folder say, cut short, lengthen, flip and pair comes from here: a new
 * message, method or request joins with one row of messages.c.
 *
 * The types are the RFCs', a letter a field:
 *
 *   u uint32   b boolean   s string   t string that is text (no NUL)
 *   n name-list   k the 16 bytes of a cookie   P uint32, a port
 *   p  a password's fields: b t, and t where b is true
 *   q  a public key's: b s s, and s where b is true
 *   w  the same, with a host key behind the user's
 *   x  as many pairs of strings as the uint32 before it says
 *   l  strings, as many as there are
 *   *  anything: what is told apart by nobody
 *
 * Rows of one number differ in one field, their key; the last one of them has
 * no key, and stands for all other values.
 */
#ifndef MESSAGES_H
#define MESSAGES_H

#include "peer.h"

enum { VALUES_MAX = 14, FIELDS_MAX = 16, PAYLOAD_MAX = 4096 };

struct value {
  uint32_t number;
  const char* text;
};

enum { FROM_CLIENT = 1, FROM_SERVER = 2, FROM_BOTH = 3 };

struct message_row {
  uint8_t number;
  unsigned from;                   /* who may say it at all */
  const char* name;
  const char* types;
  int key;                         /* which field; -1: none */
  const char* key_text;            /* NULL: any other */
  struct value values[VALUES_MAX];
};

extern const struct message_row message_rows[];
extern const unsigned message_rows_count;

/* Texts that stand for what is known only when it is said. */
extern const char value_key[];     /* the user's public key */
extern const char value_signature[];
extern const char value_pairs[];   /* one pair: what is true of signatures */
extern const char value_extensions[];  /* three: all that EXT_INFO may name */
extern const char value_hostkey[]; /* the server's public key */

struct fields {
  uint32_t u[FIELDS_MAX];
  str_t s[FIELDS_MAX];
  unsigned count;
};

/* 0 where the bytes behind the number are not just these fields. */
int message_parse(const char* types, str_t body, struct fields* f);
/* Only as far as the types say. */
int message_prefix(const char* types, str_t body, struct fields* f);
/* The row that this is to be read by; NULL: nobody's number. */
const struct message_row* message_find(const uint8_t* payload, size_t len);
/* Begins and writes the message, as p's next one. The messages of a key
 * exchange are those that this exchange needs, where it has come to them. */
struct buf* message_write(struct peer* p, const struct message_row* row);
/* The same with other values. */
struct buf* message_write_with(struct peer* p,
                               const struct message_row* row,
                               const struct value* values);
/* The first row of this number, and the one of this name. */
const struct message_row* message_row(uint8_t number);
const struct message_row* message_named(const char* name);

#endif
