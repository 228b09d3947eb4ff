/* json.c: see json.h. Reads files of the project's own tests only, so it is
 * short rather than complete: a file that is not JSON is refused, one that is
 * odd may be read oddly, none is read outside its text.
 */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32

static char* read_file(const char* path) {
  FILE* f = fopen(path, "rb");
  char* text = NULL;
  long size;

  if (f == NULL)
    return NULL;
  if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0) {
    rewind(f);
    text = malloc((size_t) size + 1);
    if (text != NULL) {
      text[fread(text, 1, (size_t) size, f)] = '\0';
    }
  }
  fclose(f);
  return text;
}

static void skip_space(char** at) {
  *at += strspn(*at, " \t\r\n");
}

static size_t add_node(struct json* json, enum json_type type) {
  struct json_node node = { .type = type, .text = "" };

  if (json->count == json->room) {
    size_t room = json->room == 0 ? 1024 : json->room * 2;
    void* nodes = realloc(json->nodes, room * sizeof(node));
    if (nodes == NULL)
      abort();
    json->nodes = nodes;
    json->room = room;
  }
  json->nodes[json->count] = node;
  return json->count++;
}

/* Ends the string in place; 0 or -1. */
static int read_string(struct json* json, size_t node, char** at) {
  char* from = ++*at;
  char* to = from;

  json->nodes[node].text = from;
  while (*from != '"') {
    if (*from == '\0')
      return -1;
    if (*from == '\\' && from[1] != 'u') {
      from++;
      if (*from == '\0')
        return -1;
      if (*from == 'n')
        *from = '\n';
    }
    *to++ = *from++;
  }
  *to = '\0';
  *at = from + 1;
  return 0;
}

static int read_value(struct json* json, char** at, int depth);

/* The children of an array or object, up to its bracket. */
static int read_children(struct json* json, size_t node, char** at, int depth) {
  int is_object = json->nodes[node].type == JSON_OBJECT;
  char end = is_object ? '}' : ']';
  size_t last = 0;
  size_t n, child;

  ++*at;
  skip_space(at);
  for (n = 0; **at != end; n++) {
    if (n != 0) {
      if (*(*at)++ != (is_object && n % 2 != 0 ? ':' : ','))
        return -1;
    }
    child = json->count;
    if (read_value(json, at, depth + 1) != 0)
      return -1;
    if (last == 0)
      json->nodes[node].child = child;
    else
      json->nodes[last].next = child;
    last = child;
  }
  ++*at;
  return 0;
}

static int read_other(struct json* json, size_t node, char** at) {
  size_t n = strcspn(*at, ",:]} \t\r\n");

  json->nodes[node].text = *at;    /* ends where its delimiter stands */
  *at += n;
  return n == 0 ? -1 : 0;
}

static int read_value(struct json* json, char** at, int depth) {
  size_t node;
  int err;

  if (depth > DEPTH_MAX)
    return -1;
  skip_space(at);
  if (**at == '{' || **at == '[') {
    node = add_node(json, **at == '{' ? JSON_OBJECT : JSON_ARRAY);
    err = read_children(json, node, at, depth);
  } else if (**at == '"') {
    node = add_node(json, JSON_STRING);
    err = read_string(json, node, at);
  } else {
    node = add_node(json, JSON_OTHER);
    err = read_other(json, node, at);
  }
  skip_space(at);
  return err;
}

int json_load(struct json* json, const char* path) {
  char* at;

  memset(json, 0, sizeof(*json));
  json->text = read_file(path);
  if (json->text == NULL)
    return -1;
  at = json->text;
  if (read_value(json, &at, 0) == 0 && *at == '\0')
    return 0;
  json_free(json);
  return -1;
}

void json_free(struct json* json) {
  free(json->text);
  free(json->nodes);
  memset(json, 0, sizeof(*json));
}

size_t json_first(const struct json* json, size_t node) {
  return json->nodes[node].child;
}

size_t json_next(const struct json* json, size_t node) {
  return json->nodes[node].next;
}

size_t json_get(const struct json* json, size_t object, const char* key) {
  size_t k = json->nodes[object].child;

  while (k != 0) {
    size_t value = json->nodes[k].next;
    if (value == 0)
      return 0;
    if (strcmp(json->nodes[k].text, key) == 0)
      return value;
    k = json->nodes[value].next;
  }
  return 0;
}

const char* json_text(const struct json* json, size_t object, const char* key) {
  size_t value = json_get(json, object, key);
  return value == 0 ? "" : json->nodes[value].text;
}

long json_int(const struct json* json, size_t object, const char* key) {
  return strtol(json_text(json, object, key), NULL, 10);
}

int json_has(const struct json* json,
             size_t object,
             const char* key,
             const char* text) {
  size_t list = json_get(json, object, key);
  size_t i;

  if (list == 0)
    return 0;
  for (i = json_first(json, list); i != 0; i = json_next(json, i))
    if (strcmp(json->nodes[i].text, text) == 0)
      return 1;
  return 0;
}
