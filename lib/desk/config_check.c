/* config_check.c: what a config may say, and what its lists of algorithms mean.
 *
 * Happy path: every number is within its row, strings are what may go on the
 * wire, every list comes to at least one algorithm.
 * Failures: UV_EINVAL, and one line for a person: the field, what is wrong, and
 * what could be.
 *
 * Never: looks at the callbacks; allocates.
 */
#include "desk/desk.h"

#include <stdio.h>

enum { SOFTWARE_MAX = 200, BANNER_MAX = 32768 };
#define PENALTIES_MAX ((uint64_t) 1 << 24)
#define MS_MAX (((uint64_t) 1 << 40) - 1)

static int wrong(uvssh_text_error_t* error, const char* format, ...)
    PRINTF_LIKE(2, 3);

static int wrong(uvssh_text_error_t* error, const char* format, ...) {
  va_list args;

  error->line = 0;
  va_start(args, format);
  vsnprintf(error->text, sizeof(error->text), format, args);
  va_end(args);
  return UV_EINVAL;
}

/* ---- numbers ------------------------------------------------------------- */

struct number {
  const char* field;
  size_t at;
  size_t size;
  uint64_t least;
  uint64_t most;
};

#define ROW(field, least, most)                                               \
  { #field, offsetof(uvssh_config_t, field),                                  \
    sizeof(((uvssh_config_t*) 0)->field), least, most }

/* Those that are not here may be anything. */
static const struct number numbers[] = {
  ROW(source_prefix4, 0, 32),
  ROW(source_prefix6, 0, 128),
  ROW(penalty_sources, 0, PENALTIES_MAX),
  ROW(penalty_most_ms, 0, MS_MAX),
  ROW(penalty_login_ms, 0, MS_MAX),
  ROW(penalty_silent_ms, 0, MS_MAX),
  ROW(penalty_timeout_ms, 0, MS_MAX),
  ROW(penalty_protocol_ms, 0, MS_MAX),
  ROW(handle_bytes, 1, UINT32_MAX),
  ROW(handle_messages, 1, UINT32_MAX),
  ROW(auth_rejection_ms, 0, MS_MAX),
  ROW(connect_timeout_ms, 0, MS_MAX),
  ROW(ident_timeout_ms, 0, MS_MAX),
  ROW(kex_timeout_ms, 0, MS_MAX),
  ROW(login_timeout_ms, 0, MS_MAX),
  ROW(reply_timeout_ms, 0, MS_MAX),
  ROW(idle_timeout_ms, 0, MS_MAX),
  ROW(linger_ms, 0, MS_MAX),
  ROW(keepalive_ms, 0, MS_MAX),
  ROW(rekey_packets, 0, (uint64_t) 1 << 31),
  ROW(rekey_ms, 0, MS_MAX),
  ROW(window_bytes, 1024, INT32_MAX),
  ROW(window_most_bytes, 0, INT32_MAX),
  ROW(packet_bytes, 1024, 32 * 1024),
  ROW(drain_bytes, 1, UINT32_MAX),
  ROW(preauth_bytes, 4096, UINT32_MAX),
  ROW(preauth_packets, 16, UINT32_MAX)
};

static uint64_t value_of(const uvssh_config_t* c, size_t at, size_t size) {
  const uint8_t* place = (const uint8_t*) c + at;
  uint32_t narrow;
  uint64_t wide;

  if (size == sizeof(wide)) {
    memcpy(&wide, place, sizeof(wide));
    return wide;
  }
  memcpy(&narrow, place, sizeof(narrow));
  return narrow;
}

static int check_numbers(const uvssh_config_t* c, uvssh_text_error_t* error) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(numbers); i++) {
    const struct number* row = &numbers[i];
    uint64_t value = value_of(c, row->at, row->size);

    if (value < row->least || value > row->most)
      return wrong(error, "%s: %llu is not from %llu to %llu", row->field,
                   (unsigned long long) value, (unsigned long long) row->least,
                   (unsigned long long) row->most);
  }
  return 0;
}

/* Pairs of which the first must not be above the second. */
static const struct pair {
  struct number small;
  struct number large;
} pairs[] = {
  { ROW(penalty_least_ms, 0, 0), ROW(penalty_most_ms, 0, 0) },
  { ROW(drain_bytes, 0, 0), ROW(queue_bytes, 0, 0) },
  { ROW(window_bytes, 0, 0), ROW(session_bytes, 0, 0) }
};

static int check_pairs(const uvssh_config_t* c, uvssh_text_error_t* error) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(pairs); i++) {
    const struct pair* row = &pairs[i];
    uint64_t small = value_of(c, row->small.at, row->small.size);
    uint64_t large = value_of(c, row->large.at, row->large.size);

    if (small > large)
      return wrong(error, "%s: %llu is more than %s, which is %llu",
                   row->small.field, (unsigned long long) small,
                   row->large.field, (unsigned long long) large);
  }
  return 0;
}

/* ---- strings ------------------------------------------------------------- */

/* RFC 4253 section 4.2: printable US-ASCII without blanks and minus signs; we
 * allow the minus sign, as everybody does. */
static int software_ok(const char* text) {
  size_t i;

  for (i = 0; text[i] != '\0'; i++)
    if (text[i] < 33 || text[i] > 126 || i >= SOFTWARE_MAX)
      return 0;
  return i > 0;
}

static int check_strings(const uvssh_config_t* c, uvssh_text_error_t* error) {
  if (c->software == NULL || !software_ok(c->software))
    return wrong(error, "software: give 1 to %d printable characters without "
                 "a space", SOFTWARE_MAX);
  if (c->banner != NULL && strlen(c->banner) > BANNER_MAX)
    return wrong(error, "banner: it has more than %d bytes", BANNER_MAX);
  return 0;
}

/* ---- lists of algorithms ------------------------------------------------- */

static const char* algo_known(unsigned kind) {
  return uvssh__algo_known((enum algo) kind);
}

static const char* algo_default(unsigned kind, int is_server) {
  return uvssh__algo_default((enum algo) kind, is_server);
}

static const char* sign_known(unsigned kind) {
  return uvssh__sign_default();
}

static const char* sign_default(unsigned kind, int is_server) {
  return uvssh__sign_default();
}

static const struct list {
  const char* field;
  size_t at;
  unsigned kind;
  const char* (*known)(unsigned kind);
  const char* (*defaults)(unsigned kind, int is_server);
} lists[CONFIG_LISTS] = {
#define LIST(field) #field, offsetof(uvssh_config_t, field)
  { LIST(kex), ALGO_KEX, algo_known, algo_default },
  { LIST(hostkey_algorithms), 0, sign_known, sign_default },
  { LIST(ciphers), ALGO_CIPHER, algo_known, algo_default },
  { LIST(macs), ALGO_MAC, algo_known, algo_default },
  { LIST(compression), ALGO_COMPRESSION, algo_known, algo_default }
};

static int wrong_list(uvssh_text_error_t* error,
                      const struct list* row,
                      int is_server,
                      str_t bad) {
  const char* known = row->known(row->kind);
  char name[4 * NAME_BYTES_MAX];

  if (bad.base == NULL)
    return wrong(error, "%s: nothing is left for a %s; known are %s",
                 row->field, is_server ? "server" : "client", known);
  if (bad.len == 0)
    return wrong(error, "%s: a name is missing; known are %s", row->field,
                 known);
  uvssh__escape(name, sizeof(name), bad.base, bad.len);
  return wrong(error, "%s: \"%s\" is not known; known are %s", row->field,
               name, known);
}

int uvssh__config_plain(uvssh_config_t* c,
                        int is_server,
                        struct config_lists* room,
                        uvssh_text_error_t* error) {
  unsigned i;

  for (i = 0; i < CONFIG_LISTS; i++) {
    const struct list* row = &lists[i];
    const char** text = (const char**) (void*) ((char*) c + row->at);
    str_t bad;

    if (*text == NULL)
      continue;
    if (uvssh__prefs_apply(*text, row->defaults(row->kind, is_server),
                           row->known(row->kind), room->text[i], &bad) != 0)
      return wrong_list(error, row, is_server, bad);
    *text = room->text[i];
  }
  return 0;
}

/* ---- all of it ----------------------------------------------------------- */

int uvssh__config_check(const uvssh_config_t* config,
                        int is_server,
                        uvssh_text_error_t* error) {
  uvssh_config_t plain = *config;
  struct config_lists room;
  int err = check_strings(config, error);

  if (err == 0)
    err = check_numbers(config, error);
  if (err == 0)
    err = check_pairs(config, error);
  return err != 0 ? err
                  : uvssh__config_plain(&plain, is_server, &room, error);
}

int uvssh_config_check(const uvssh_config_t* config,
                       uvssh_text_error_t* error) {
  uvssh_text_error_t unseen;
  int err;

  if (error == NULL)
    error = &unseen;
  if (config == NULL)
    return wrong(error, "there is no config");
  err = uvssh__config_check(config, 0, error);
  return err != 0 ? err : uvssh__config_check(config, 1, error);
}
