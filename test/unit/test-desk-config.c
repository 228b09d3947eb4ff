/* What a config may say: each field at its bounds, and the line that tells. */
#include "check.h"

#include "desk/desk.h"

#include <stdio.h>

/* ---- numbers ------------------------------------------------------------- */

#define MS ((uint64_t) 1 << 40)

struct bound {
  const char* field;
  size_t at;
  size_t size;
  uint64_t least;
  uint64_t most;                   /* 0: it has none */
};

#define ROW(field, least, most)                                               \
  { #field, offsetof(uvssh_config_t, field),                                  \
    sizeof(((uvssh_config_t*) 0)->field), least, most }

static const struct bound bounds[] = {
  ROW(source_prefix4, 0, 32), ROW(source_prefix6, 0, 128),
  ROW(penalty_sources, 0, 1 << 24), ROW(penalty_most_ms, 15000, MS - 1),
  ROW(penalty_least_ms, 0, 600000), ROW(penalty_login_ms, 0, MS - 1),
  ROW(penalty_silent_ms, 0, MS - 1), ROW(penalty_timeout_ms, 0, MS - 1),
  ROW(penalty_protocol_ms, 0, MS - 1), ROW(handle_bytes, 1, 0),
  ROW(handle_messages, 1, 0), ROW(auth_rejection_ms, 0, MS - 1),
  ROW(connect_timeout_ms, 0, MS - 1), ROW(ident_timeout_ms, 0, MS - 1),
  ROW(kex_timeout_ms, 0, MS - 1), ROW(login_timeout_ms, 0, MS - 1),
  ROW(reply_timeout_ms, 0, MS - 1), ROW(idle_timeout_ms, 0, MS - 1),
  ROW(linger_ms, 0, MS - 1), ROW(keepalive_ms, 0, MS - 1),
  ROW(rekey_packets, 0, (uint64_t) 1 << 31), ROW(rekey_ms, 0, MS - 1),
  ROW(window_bytes, 1024, 128 << 20), ROW(window_most_bytes, 0, INT32_MAX),
  ROW(packet_bytes, 1024, 32768), ROW(queue_bytes, 256 * 1024, 0),
  ROW(drain_bytes, 1, 1024 * 1024), ROW(preauth_bytes, 4096, 0),
  ROW(preauth_packets, 16, 0), ROW(session_bytes, 2 << 20, 0)
};

static void set(uvssh_config_t* c, const struct bound* row, uint64_t value) {
  uint32_t narrow = (uint32_t) value;
  uint8_t* place = (uint8_t*) c + row->at;

  if (row->size == sizeof(value))
    memcpy(place, &value, sizeof(value));
  else
    memcpy(place, &narrow, sizeof(narrow));
}

static void expect(const struct bound* row, uint64_t value, int err) {
  uvssh_text_error_t error;
  uvssh_config_t c;

  NOTE("%s = %llu", row->field, (unsigned long long) value);
  uvssh_config_init(&c);
  set(&c, row, value);
  CHECK_EQ(uvssh_config_check(&c, &error), err);
  CHECK_EQ(uvssh_config_check(&c, NULL), err);
  if (err != 0) {
    CHECK_EQ(error.line, 0);
    CHECK(strstr(error.text, row->field) != NULL);
  }
}

TEST(config_numbers) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(bounds); i++) {
    const struct bound* row = &bounds[i];
    uint64_t largest = row->size == 8 ? UINT64_MAX : UINT32_MAX;

    expect(row, row->least, 0);
    expect(row, row->most != 0 ? row->most : largest, 0);
    if (row->least != 0)
      expect(row, row->least - 1, UV_EINVAL);
    if (row->most != 0) {
      expect(row, row->most + 1, UV_EINVAL);
      expect(row, largest, UV_EINVAL);
    }
  }
}

/* ---- words --------------------------------------------------------------- */

static char long_text[40000];

static const char* long_of(size_t len) {
  memset(long_text, 'x', len);
  long_text[len] = '\0';
  return long_text;
}

static void says(const uvssh_config_t* c, const char* text) {
  uvssh_text_error_t error;

  CHECK_EQ(uvssh_config_check(c, &error), UV_EINVAL);
  CHECK_STR(error.text, text);
}

TEST(config_software_and_banner) {
  static const char what[] =
      "software: give 1 to 200 printable characters without a space";
  static const char* const bad[] = { NULL, "", "a b", "a\n", "a\x7f", "\xc3" };
  uvssh_config_t c;
  size_t i;

  uvssh_config_init(&c);
  CHECK_EQ(uvssh_config_check(&c, NULL), 0);
  for (i = 0; i < ARRAY_SIZE(bad); i++) {
    c.software = bad[i];
    says(&c, what);
  }
  c.software = long_of(200);
  CHECK_EQ(uvssh_config_check(&c, NULL), 0);
  c.software = long_of(201);
  says(&c, what);
  uvssh_config_init(&c);
  c.banner = long_of(32768);
  CHECK_EQ(uvssh_config_check(&c, NULL), 0);
  c.banner = long_of(32769);
  says(&c, "banner: it has more than 32768 bytes");
}

TEST(config_words) {
  uvssh_text_error_t error;
  uvssh_config_t c;

  uvssh_config_init(&c);
  c.packet_bytes = 7;
  says(&c, "packet_bytes: 7 is not from 1024 to 32768");
  uvssh_config_init(&c);
  c.drain_bytes = c.queue_bytes + 1;
  says(&c, "drain_bytes: 1048577 is more than queue_bytes, which is 1048576");
  CHECK_EQ(uvssh_config_check(NULL, &error), UV_EINVAL);
  CHECK_STR(error.text, "there is no config");
  CHECK_EQ(uvssh_config_check(NULL, NULL), UV_EINVAL);
}

/* ---- lists of algorithms ------------------------------------------------- */

static const char* const fields[CONFIG_LISTS] = {
  "kex", "hostkey_algorithms", "ciphers", "macs", "compression"
};

static const char** list_of(uvssh_config_t* c, unsigned i) {
  const char** places[CONFIG_LISTS] = {
    &c->kex, &c->hostkey_algorithms, &c->ciphers, &c->macs, &c->compression
  };
  return places[i];
}

static const char* known_of(unsigned i) {
  static const enum algo kinds[CONFIG_LISTS] = {
    ALGO_KEX, ALGO_KEX, ALGO_CIPHER, ALGO_MAC, ALGO_COMPRESSION
  };
  return i == 1 ? uvssh__sign_default() : uvssh__algo_known(kinds[i]);
}

TEST(config_lists_say_which_are_known) {
  char text[1000];
  uvssh_config_t c;
  unsigned i;

  for (i = 0; i < CONFIG_LISTS; i++) {
    NOTE("%s", fields[i]);
    uvssh_config_init(&c);
    *list_of(&c, i) = known_of(i);
    CHECK_EQ(uvssh_config_check(&c, NULL), 0);
    *list_of(&c, i) = "+x\x1b[2J";
    snprintf(text, sizeof(text), "%s: \"x\\x1b[2J\" is not known; known are %s",
             fields[i], known_of(i));
    says(&c, text);
    *list_of(&c, i) = "^";
    snprintf(text, sizeof(text), "%s: a name is missing; known are %s",
             fields[i], known_of(i));
    says(&c, text);
    *list_of(&c, i) = "-*";
    snprintf(text, sizeof(text),
             "%s: nothing is left for a client; known are %s", fields[i],
             known_of(i));
    says(&c, text);
  }
}

/* However long the name, the text has room. */
TEST(config_long_name) {
  uvssh_text_error_t error;
  uvssh_config_t c;

  uvssh_config_init(&c);
  c.ciphers = long_of(sizeof(long_text) - 1);
  CHECK_EQ(uvssh_config_check(&c, &error), UV_EINVAL);
  CHECK(strstr(error.text, "xxx\" is not known; known are ") != NULL);
  CHECK(strstr(error.text, uvssh__algo_known(ALGO_CIPHER)) != NULL);
}

/* ---- copies -------------------------------------------------------------- */

struct lines {
  unsigned count;
  uvssh_log_level level;
  char last[1024];
};

static void on_log(void* arg,
                   uvssh_log_level level,
                   const uvssh_session_t* session,
                   const char* text) {
  struct lines* lines = (struct lines*) arg;

  lines->count++;
  lines->level = level;
  snprintf(lines->last, sizeof(lines->last), "%s", text);
  CHECK(session == NULL);
}

TEST(config_copy_is_plain) {
  uvssh_config_t c, copy;
  int side;

  for (side = 0; side < 2; side++) {
    uvssh_config_init(&c);
    c.ciphers = "-*gcm*,*-ctr";
    c.macs = "^hmac-sha2-256";
    CHECK_EQ(uvssh__config_copy(&copy, &c, side), 0);
    CHECK_STR(copy.ciphers, "chacha20-poly1305@openssh.com");
    CHECK_EQ(strncmp(copy.macs, "hmac-sha2-256,hmac-sha2-256-etm@", 32), 0);
    CHECK(copy.kex == NULL && copy.compression == NULL);
    uvssh__config_free(&copy);
    c.kex = "+curve25519-sha256";
    CHECK_EQ(uvssh__config_copy(&copy, &c, side), 0);
    CHECK_STR(copy.kex, uvssh__algo_default(ALGO_KEX, side));
    uvssh__config_free(&copy);
  }
}

/* Who gives a config away hears why it was not taken: once, as an error. */
TEST(config_copy_logs) {
  struct lines lines = { 0 };
  uvssh_text_error_t error;
  uvssh_config_t c, copy;

  uvssh_config_init(&c);
  c.log = on_log;
  c.log_arg = &lines;
  CHECK_EQ(uvssh__config_copy(&copy, &c, 0), 0);
  uvssh__config_free(&copy);
  CHECK_EQ(lines.count, 0);
  c.macs = "hmac-md5";
  CHECK_EQ(uvssh__config_copy(&copy, &c, 0), UV_EINVAL);
  CHECK_EQ(lines.count, 1);
  CHECK_EQ(lines.level, UVSSH_LOG_ERROR);
  CHECK_EQ(uvssh_config_check(&c, &error), UV_EINVAL);
  CHECK_EQ(lines.count, 1);
  CHECK_STR(lines.last, error.text);
}

/* Memory that runs out anywhere is UV_ENOMEM, and nothing is left behind. */
TEST(config_copy_memory) {
  uvssh_config_t c, copy;

  uvssh_config_init(&c);
  c.kex = "+curve25519-sha256";
  c.banner = "hello";
  HEAP_SWEEP(n) {
    int err = uvssh__config_copy(&copy, &c, 1);

    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    if (err == 0)
      uvssh__config_free(&copy);
  }
}
