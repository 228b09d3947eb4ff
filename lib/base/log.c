/* log.c: one line for the log callback, and text made harmless.
 *
 * Escaped is whatever could move a cursor, start a line, hide, or turn round
 * the direction of what follows: C0, DEL, C1, line and paragraph separator,
 * the marks and overrides of direction, zero-width space, byte order mark, and
 * every byte that is not part of well-formed UTF-8 (RFC 3629: no overlong
 * form, no surrogate, nothing above U+10FFFF). The backslash too, so that what
 * comes out says in one way only what went in.
 *
 * Never: allocates; writes half an escape or half a character.
 */
#include "base/base.h"

#include <stdio.h>

#define LINE_BYTES 1024
#define PIECE_BYTES 12             /* "\u{10ffff}" is the longest */

/* ---- text ---------------------------------------------------------------- */

/* How many bytes the character at p has, and its number; 0: none is there. */
static size_t utf8_get(const uint8_t* p, size_t left, uint32_t* number) {
  static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
  uint32_t c = p[0];
  size_t len;
  size_t i;

  if (c < 0x80) {
    *number = c;
    return 1;
  }
  if (c < 0xc0 || c > 0xf7)
    return 0;
  len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
  if (left < len)
    return 0;

  c &= 0x7fu >> len;
  for (i = 1; i < len; i++) {
    if ((p[i] & 0xc0) != 0x80)
      return 0;
    c = c << 6 | (p[i] & 0x3fu);
  }
  if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
    return 0;
  *number = c;
  return len;
}

static int is_harmful(uint32_t c) {
  return (c >= 0x80 && c <= 0x9f) ||       /* C1 */
         c == 0x061c ||                    /* direction */
         c == 0x200b ||                    /* of no width */
         c == 0x200e || c == 0x200f ||     /* direction */
         (c >= 0x2028 && c <= 0x202e) ||   /* separators, direction */
         (c >= 0x2066 && c <= 0x2069) ||   /* direction */
         c == 0xfeff;                      /* byte order mark */
}

static size_t put_hex(char* out, uint32_t value, size_t digits) {
  size_t i;

  for (i = digits; i > 0; i--) {
    out[i - 1] = "0123456789abcdef"[value & 15];
    value >>= 4;
  }
  return digits;
}

static size_t hex_digits(uint32_t value) {
  size_t digits = 1;

  while ((value >>= 4) != 0)
    digits += 1;
  return digits;
}

static size_t escape_byte(char* piece, uint8_t c) {
  piece[0] = '\\';
  switch (c) {
    case '\\':
      piece[1] = '\\';
      return 2;
    case '\n':
      piece[1] = 'n';
      return 2;
    case '\r':
      piece[1] = 'r';
      return 2;
    case '\t':
      piece[1] = 't';
      return 2;
    default:
      piece[1] = 'x';
      return 2 + put_hex(piece + 2, c, 2);
  }
}

/* What is at p, as it is to be shown: *len bytes of it in `piece`. Returns how
 * many bytes of the text that was. */
static size_t escape_one(const uint8_t* p,
                         size_t left,
                         char piece[PIECE_BYTES],
                         size_t* len) {
  uint32_t c = 0;
  size_t used = utf8_get(p, left, &c);

  if (used == 0) {
    *len = escape_byte(piece, *p);
    return 1;
  }
  if (c < 0x20 || c == 0x7f || c == '\\') {
    *len = escape_byte(piece, *p);
    return 1;
  }
  if (is_harmful(c)) {
    memcpy(piece, "\\u{", 3);
    *len = 3 + put_hex(piece + 3, c, hex_digits(c));
    piece[(*len)++] = '}';
    return used;
  }
  memcpy(piece, p, used);
  *len = used;
  return used;
}

char* uvssh__escape(char* out, size_t size, const void* base, size_t len) {
  const uint8_t* p = base;
  size_t at = 0;

  if (size == 0)
    return out;
  while (len != 0) {
    char piece[PIECE_BYTES];
    size_t n;
    size_t used = escape_one(p, len, piece, &n);

    if (n >= size - at)            /* one byte is for the NUL */
      break;
    memcpy(out + at, piece, n);
    at += n;
    p += used;
    len -= used;
  }
  out[at] = '\0';
  return out;
}

char* uvssh_escape(char* out, size_t size, const char* text) {
  return uvssh__escape(out, size, text, strlen(text));
}

/* ---- the callback -------------------------------------------------------- */

/* A line that was cut may end in part of a character: drop that one. */
static void drop_last_character(char* text, size_t len) {
  while (len > 0 && ((uint8_t) text[len - 1] & 0xc0) == 0x80)
    len -= 1;
  if (len > 0 && ((uint8_t) text[len - 1] & 0x80) != 0)
    len -= 1;
  text[len] = '\0';
}

void uvssh__log(const struct log* log,
                uvssh_log_level level,
                const char* format,
                ...) {
  char text[LINE_BYTES];
  va_list args;
  int n;

  if (!log_wants(log, level))
    return;
  va_start(args, format);
  n = vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  if (n < 0)
    return;
  if ((size_t) n >= sizeof(text))
    drop_last_character(text, sizeof(text) - 1);
  log->cb(log->arg, level, log->session, text);
}
