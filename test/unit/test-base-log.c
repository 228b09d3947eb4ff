/* Escaping, byte by byte and character by character, and the log callback. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

/* ---- an examiner that shares nothing with log.c: Unicode, table 3-7 ------ */

static size_t char_at(const uint8_t* p, size_t left) {
  static const struct {
    uint8_t first[2], second[2];
    size_t len;
  } rows[] = {
    { { 0x00, 0x7f }, { 0, 0 }, 1 },
    { { 0xc2, 0xdf }, { 0x80, 0xbf }, 2 },
    { { 0xe0, 0xe0 }, { 0xa0, 0xbf }, 3 },
    { { 0xe1, 0xec }, { 0x80, 0xbf }, 3 },
    { { 0xed, 0xed }, { 0x80, 0x9f }, 3 },
    { { 0xee, 0xef }, { 0x80, 0xbf }, 3 },
    { { 0xf0, 0xf0 }, { 0x90, 0xbf }, 4 },
    { { 0xf1, 0xf3 }, { 0x80, 0xbf }, 4 },
    { { 0xf4, 0xf4 }, { 0x80, 0x8f }, 4 },
  };
  size_t i;
  size_t k;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    if (p[0] < rows[i].first[0] || p[0] > rows[i].first[1])
      continue;
    if (left < rows[i].len)
      return 0;
    if (rows[i].len > 1 &&
        (p[1] < rows[i].second[0] || p[1] > rows[i].second[1])) {
      return 0;
    }
    for (k = 2; k < rows[i].len; k++) {
      if (p[k] < 0x80 || p[k] > 0xbf)
        return 0;
    }
    return rows[i].len;
  }
  return 0;
}

static size_t encode(uint32_t c, uint8_t* out) {
  if (c < 0x80) {
    out[0] = (uint8_t) c;
    return 1;
  }
  if (c < 0x800) {
    out[0] = (uint8_t) (0xc0 | c >> 6);
    out[1] = (uint8_t) (0x80 | (c & 0x3f));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = (uint8_t) (0xe0 | c >> 12);
    out[1] = (uint8_t) (0x80 | (c >> 6 & 0x3f));
    out[2] = (uint8_t) (0x80 | (c & 0x3f));
    return 3;
  }
  out[0] = (uint8_t) (0xf0 | c >> 18);
  out[1] = (uint8_t) (0x80 | (c >> 12 & 0x3f));
  out[2] = (uint8_t) (0x80 | (c >> 6 & 0x3f));
  out[3] = (uint8_t) (0x80 | (c & 0x3f));
  return 4;
}

/* One piece of escaped text: the bytes it stands for; 0: that is no piece. */
static size_t unescape_one(const char* text, uint8_t* out, size_t* len) {
  static const char letters[] = "n\nr\rt\t\\\\";
  unsigned value;
  size_t n;
  size_t i;
  int used = 0;

  if (text[0] != '\\') {
    n = char_at((const uint8_t*) text, strlen(text));
    memcpy(out, text, n);
    *len = n;
    return n;
  }
  for (i = 0; letters[i] != '\0'; i += 2) {
    if (text[1] == letters[i]) {
      out[0] = (uint8_t) letters[i + 1];
      *len = 1;
      return 2;
    }
  }
  if (sscanf(text, "\\x%2x%n", &value, &used) == 1 && used == 4) {
    out[0] = (uint8_t) value;
    *len = 1;
    return 4;
  }
  if (sscanf(text, "\\u{%x}%n", &value, &used) == 1 && used > 0) {
    *len = encode(value, out);
    return (size_t) used;
  }
  return 0;
}

static int shows_control(const char* text) {
  for (; *text != '\0'; text++) {
    if ((uint8_t) *text < 0x20 || *text == 0x7f)
      return 1;
  }
  return 0;
}

/* What comes out is harmless UTF-8, and says what went in. */
static void round_trip(const uint8_t* base, size_t len) {
  char text[1024];
  uint8_t back[1024];
  size_t at = 0;
  const char* p = text;

  uvssh__escape(text, sizeof(text), base, len);
  CHECK(!shows_control(text));
  while (*p != '\0') {
    size_t n = 0;
    size_t used = unescape_one(p, back + at, &n);
    CHECK(used != 0);
    at += n;
    p += used;
  }
  CHECK_MEM(back, at, base, len);
}

/* ---- the table ----------------------------------------------------------- */

static const struct {
  const char* in;
  const char* out;
} table[] = {
  { "", "" },
  { "plain text, ~!@#$%^&*()'\"`", "plain text, ~!@#$%^&*()'\"`" },
  { "a\\b", "a\\\\b" },
  { "\\n", "\\\\n" },
  { "\n", "\\n" },
  { "\r\n\t", "\\r\\n\\t" },
  { "\x01\x1f\x7f", "\\x01\\x1f\\x7f" },
  { "\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07" },
  { "\x08\x0b\x0c", "\\x08\\x0b\\x0c" },
  { "\xc3\xa4\xc3\xb6\xc3\xbc", "\xc3\xa4\xc3\xb6\xc3\xbc" },
  { "\xe2\x82\xac", "\xe2\x82\xac" },
  { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
  { "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
  /* C1: U+0080, U+0085, U+009B (a CSI), U+009F; not U+00A0 */
  { "\xc2\x80\xc2\x85", "\\u{80}\\u{85}" },
  { "\xc2\x9b" "2J\xc2\x9f", "\\u{9b}2J\\u{9f}" },
  { "\xc2\xa0", "\xc2\xa0" },
  /* separators and direction */
  { "\xe2\x80\xa8\xe2\x80\xa9", "\\u{2028}\\u{2029}" },
  { "\xe2\x80\x8e\xe2\x80\x8f", "\\u{200e}\\u{200f}" },
  { "\xe2\x80\xaa\xe2\x80\xae", "\\u{202a}\\u{202e}" },
  { "\xe2\x81\xa6\xe2\x81\xa9", "\\u{2066}\\u{2069}" },
  { "\xe2\x81\xa5\xe2\x81\xaa", "\xe2\x81\xa5\xe2\x81\xaa" },
  { "\xd8\x9c", "\\u{61c}" },
  { "\xef\xbb\xbf", "\\u{feff}" },
  { "\xe2\x80\x8b", "\\u{200b}" },
  { "\xe2\x80\x8c\xe2\x80\x8d", "\xe2\x80\x8c\xe2\x80\x8d" },
  /* bytes that are no UTF-8 */
  { "\x80\xbf", "\\x80\\xbf" },
  { "\xc0\x80", "\\xc0\\x80" },                       /* overlong */
  { "\xc1\xbf", "\\xc1\\xbf" },
  { "\xe0\x80\x80", "\\xe0\\x80\\x80" },
  { "\xe0\x9f\xbf", "\\xe0\\x9f\\xbf" },
  { "\xf0\x80\x80\x80", "\\xf0\\x80\\x80\\x80" },
  { "\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf" },
  { "\xed\xa0\x80", "\\xed\\xa0\\x80" },              /* surrogates */
  { "\xed\xbf\xbf", "\\xed\\xbf\\xbf" },
  { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },     /* above U+10FFFF */
  { "\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80" },
  { "\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80" },
  { "\xfe\xff", "\\xfe\\xff" },
  { "\xc3", "\\xc3" },                                /* cut short */
  { "\xe2\x82", "\\xe2\\x82" },
  { "\xf0\x9f\x98", "\\xf0\\x9f\\x98" },
  { "\xc3(", "\\xc3(" },
  { "\xe2\x82(", "\\xe2\\x82(" },
  { "\xc3\xc3\xa4", "\\xc3\xc3\xa4" },                /* and caught again */
};

TEST(escape_table) {
  char out[128];
  size_t i;

  for (i = 0; i < ARRAY_SIZE(table); i++) {
    NOTE("row %zu", i);
    CHECK(uvssh_escape(out, sizeof(out), table[i].in) == out);
    CHECK_STR(out, table[i].out);
    round_trip((const uint8_t*) table[i].in, strlen(table[i].in));
  }
}

TEST(escape_nul_and_nothing) {
  char out[32];
  CHECK_STR(uvssh__escape(out, sizeof(out), "a\0b\0", 4), "a\\x00b\\x00");
  CHECK_STR(uvssh__escape(out, sizeof(out), NULL, 0), "");
}

TEST(escape_every_byte_and_pair) {
  uint8_t bytes[2];
  uint32_t i;

  for (i = 0; i < 0x10000; i++) {
    bytes[0] = (uint8_t) (i >> 8);
    bytes[1] = (uint8_t) i;
    NOTE("%02x %02x", bytes[0], bytes[1]);
    round_trip(bytes, 2);
    if (bytes[0] == 0)
      round_trip(bytes + 1, 1);
  }
}

static int must_escape(uint32_t c) {
  return c < 0x20 || c == '\\' || (c >= 0x7f && c <= 0x9f) || c == 0x61c ||
         c == 0x200b || c == 0x200e || c == 0x200f || c == 0x2028 ||
         c == 0x2029 || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0xfeff ||
         (c >= 0xd800 && c <= 0xdfff);
}

TEST(escape_every_character) {
  uint8_t bytes[5];
  char out[16];
  uint32_t c;

  for (c = 1; c <= 0x10ffff; c++) {
    size_t n = encode(c, bytes);
    bytes[n] = 0;
    uvssh_escape(out, sizeof(out), (const char*) bytes);
    if ((strcmp(out, (const char*) bytes) == 0) == must_escape(c))
      FAIL("U+%04X became %s", c, out);
  }
}

TEST(escape_random_bytes) {
  uint8_t bytes[100];
  uint32_t random = 7;
  size_t round;
  size_t i;

  for (round = 0; round < 3000; round++) {
    for (i = 0; i < sizeof(bytes); i++) {
      random = random * 1664525 + 1013904223;
      bytes[i] = (uint8_t) (random >> 24);
      if ((random >> 16 & 3) == 0)        /* more that nearly is UTF-8 */
        bytes[i] |= 0xc0;
      else if ((random >> 16 & 3) == 1)
        bytes[i] = (bytes[i] & 0x3f) | 0x80;
    }
    NOTE("round %zu", round);
    round_trip(bytes, sizeof(bytes));
  }
}

/* Cut at every size: the longest run of whole pieces that fits, then NUL. */
TEST(escape_cut_at_every_size) {
  static const char in[] = "a\xc3\xa4\n\xe2\x80\xae\xf0\x9f\x98\x80\xff\\z";
  static const char* const pieces[] = {
    "a", "\xc3\xa4", "\\n", "\\u{202e}", "\xf0\x9f\x98\x80", "\\xff", "\\\\",
    "z"
  };
  char out[64];
  char want[64];
  size_t size;
  size_t i;

  for (size = 0; size < 40; size++) {
    NOTE("size %zu", size);
    want[0] = '\0';
    for (i = 0; i < ARRAY_SIZE(pieces); i++) {
      if (strlen(want) + strlen(pieces[i]) + 1 > size)
        break;
      strcat(want, pieces[i]);
    }
    memset(out, '#', sizeof(out));
    CHECK(uvssh_escape(out, size, in) == out);
    CHECK_EQ(out[size], '#');      /* nothing behind */
    if (size != 0)
      CHECK_STR(out, want);
    else
      CHECK_EQ(out[0], '#');
  }
}

/* Reads no byte behind its end, wherever a character is cut. */
TEST(escape_input_cut_at_every_byte) {
  static const char in[] = "x\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
  size_t len;

  for (len = 0; len < sizeof(in); len++) {
    uint8_t* copy = uvssh__malloc(len);
    memcpy(copy, in, len);
    round_trip(copy, len);
    uvssh__free(copy);
  }
}

/* ---- the callback -------------------------------------------------------- */

static struct {
  int count;
  uvssh_log_level level;
  const uvssh_session_t* session;
  char text[2048];
} seen;

static void log_cb(void* arg,
                   uvssh_log_level level,
                   const uvssh_session_t* session,
                   const char* text) {
  CHECK(arg == &seen);
  seen.count += 1;
  seen.level = level;
  seen.session = session;
  snprintf(seen.text, sizeof(seen.text), "%s", text);
}

TEST(log_levels) {
  static char place;
  struct log log = { log_cb, &seen, UVSSH_LOG_INFO, NULL };

  log.session = (const uvssh_session_t*) (void*) &place;
  memset(&seen, 0, sizeof(seen));
  uvssh__log(&log, UVSSH_LOG_PACKET, "no");
  CHECK_EQ(seen.count, 0);
  CHECK(!log_wants(&log, UVSSH_LOG_PACKET));
  uvssh__log(&log, UVSSH_LOG_INFO, "%s %d", "yes", 2);
  CHECK_EQ(seen.count, 1);
  CHECK_EQ(seen.level, UVSSH_LOG_INFO);
  CHECK(seen.session == log.session);
  CHECK_STR(seen.text, "yes 2");
  uvssh__log(&log, UVSSH_LOG_ERROR, "worse");
  CHECK_EQ(seen.count, 2);
  CHECK_EQ(seen.level, UVSSH_LOG_ERROR);

  log.cb = NULL;
  CHECK(!log_wants(&log, UVSSH_LOG_ERROR));
  uvssh__log(&log, UVSSH_LOG_ERROR, "nobody");
  CHECK_EQ(seen.count, 2);
}

TEST(log_long_line_is_cut_between_characters) {
  static const struct {
    const char* one;
    size_t len;
  } rows[] = {
    { "x", 1023 },                 /* all that fits beside the NUL */
    { "\xc3\xa4", 1022 },          /* 511 of 2 */
    { "\xe2\x82\xac", 1023 },      /* 341 of 3 would fit: at most one less */
    { "\xf0\x9f\x98\x80", 1020 },
  };
  struct log log = { log_cb, &seen, UVSSH_LOG_ERROR, NULL };
  size_t i;
  size_t at;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    char text[4096] = "";
    size_t n = strlen(rows[i].one);

    NOTE("row %zu", i);
    for (at = 0; at + n < sizeof(text); at += n)
      memcpy(text + at, rows[i].one, n + 1);
    uvssh__log(&log, UVSSH_LOG_ERROR, "%s", text);
    at = strlen(seen.text);
    CHECK_EQ(at % n, 0);
    CHECK(at <= rows[i].len && at + n >= rows[i].len);
    CHECK_MEM(seen.text, at, text, at);
  }
}
