/* json.h: just enough JSON to read vectors.
 *
 * A text becomes an array of nodes in the order of the file. Objects hold key,
 * value, key, value. Escapes other than the one-character ones stay as they
 * are: no vector has them in a field that is read.
 */
#ifndef KAT_JSON_H
#define KAT_JSON_H

#include <stddef.h>
#include <stdint.h>

enum json_type { JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_OTHER };

struct json_node {
  enum json_type type;
  const char* text;                /* of a string or a number; ends in NUL */
  size_t next;                     /* index of the next sibling; 0: the last */
  size_t child;                    /* index of the first child; 0: none */
};

struct json {
  char* text;
  struct json_node* nodes;         /* nodes[0] is the root */
  size_t count;
  size_t room;
};

/* 0, or -1 when the file cannot be read or is not JSON. */
int json_load(struct json* json, const char* path);
void json_free(struct json* json);

/* Walk: `for (i = json_first(j, list); i != 0; i = json_next(j, i))`. */
size_t json_first(const struct json* json, size_t node);
size_t json_next(const struct json* json, size_t node);
/* The value of a key of an object; 0 when there is none. */
size_t json_get(const struct json* json, size_t object, const char* key);
/* The text of such a value; "" when there is none. */
const char* json_text(const struct json* json, size_t object, const char* key);
long json_int(const struct json* json, size_t object, const char* key);
/* 1 when the array of strings at this key has this one. */
int json_has(const struct json* json,
             size_t object,
             const char* key,
             const char* text);

#endif
