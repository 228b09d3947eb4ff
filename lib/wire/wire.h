/* wire.h: the data types of RFC 4251 section 5, in and out, and the numbers of
 * the messages.
 *
 * A cursor never fails halfway: once a read runs past the end it answers zero
 * and empty for ever, and rd_end() says so once. A handler therefore reads as
 * the RFC's table does and has one check. The same for a writer and memory:
 * `bad` of its buffer. Nothing here adds two numbers of the wire.
 */
#ifndef UVSSH_WIRE_H
#define UVSSH_WIRE_H

#include "base/base.h"

typedef struct {                   /* lent bytes */
  const uint8_t* base;
  size_t len;
} str_t;

typedef struct {
  const uint8_t* at;
  const uint8_t* end;
  int bad;
} rd_t;

#define STR(literal) ((str_t) { (const uint8_t*) (literal), \
                                sizeof(literal) - 1 })

static inline str_t str_of(const char* text) {
  str_t s = { (const uint8_t*) text, strlen(text) };
  return s;
}

static inline str_t str_of_buf(const struct buf* b) {
  str_t s = { b->base, b->len };
  return s;
}

static inline int str_eq(str_t a, str_t b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.base, b.base, a.len) == 0);
}

static inline int str_is(str_t a, const char* text) {
  return str_eq(a, str_of(text));
}

static inline rd_t rd_of(const void* base, size_t len) {
  rd_t r = { (const uint8_t*) base, (const uint8_t*) base, 0 };
  if (len != 0)                    /* NULL + 0 is undefined */
    r.end += len;
  return r;
}

static inline size_t rd_left(const rd_t* r) {
  return r->bad ? 0 : (size_t) (r->end - r->at);
}

static inline const uint8_t* rd_take(rd_t* r, size_t n) {
  const uint8_t* p = r->at;
  if (r->bad || (size_t) (r->end - p) < n) {
    r->bad = 1;
    return NULL;
  }
  if (n != 0)
    r->at += n;
  return p;
}

static inline uint32_t get_u32(const uint8_t* p) {
  return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 |
         p[3];
}

static inline void put_u32(uint8_t* p, uint32_t v) {
  p[0] = (uint8_t) (v >> 24);
  p[1] = (uint8_t) (v >> 16);
  p[2] = (uint8_t) (v >> 8);
  p[3] = (uint8_t) v;
}

static inline uint8_t rd_u8(rd_t* r) {
  const uint8_t* p = rd_take(r, 1);
  return p == NULL ? 0 : *p;
}

static inline int rd_bool(rd_t* r) {
  return rd_u8(r) != 0;
}

static inline uint32_t rd_u32(rd_t* r) {
  const uint8_t* p = rd_take(r, 4);
  return p == NULL ? 0 : get_u32(p);
}

static inline str_t rd_str(rd_t* r) {
  str_t s = { NULL, rd_u32(r) };
  s.base = rd_take(r, s.len);
  if (s.base == NULL)
    s.len = 0;
  return s;
}

/* A string that is text for people or a name: no NUL inside. */
static inline str_t rd_text(rd_t* r) {
  str_t s = rd_str(r);
  if (s.len != 0 && memchr(s.base, 0, s.len) != NULL)
    r->bad = 1;
  return s;
}

static inline str_t rd_rest(rd_t* r) {
  str_t s = { r->at, rd_left(r) };
  (void) rd_take(r, s.len);
  return s;
}

/* 0 when every byte was read and none was missing. */
static inline int rd_end(const rd_t* r) {
  return r->bad || r->at != r->end ? UVSSH_EMESSAGE : 0;
}

/* ---- writers ------------------------------------------------------------- */

static inline void wr_u8(struct buf* b, uint8_t v) {
  uint8_t* p = uvssh__buf_reserve(b, 1);
  if (p != NULL) {
    *p = v;
    b->len += 1;
  }
}

static inline void wr_bool(struct buf* b, int v) {
  wr_u8(b, v != 0);
}

static inline void wr_u32(struct buf* b, uint32_t v) {
  uint8_t* p = uvssh__buf_reserve(b, 4);
  if (p != NULL) {
    put_u32(p, v);
    b->len += 4;
  }
}

static inline void wr_bytes(struct buf* b, const void* base, size_t len) {
  uvssh__buf_put(b, base, len);
}

static inline void wr_str(struct buf* b, const void* base, size_t len) {
  if (len > UINT32_MAX) {
    b->bad = 1;
    return;
  }
  wr_u32(b, (uint32_t) len);
  wr_bytes(b, base, len);
}

static inline void wr_cstr(struct buf* b, const char* text) {
  wr_str(b, text, strlen(text));
}

/* ---- mpint.c ------------------------------------------------------------- */

/* Unsigned big-endian bytes as an mpint, in time that depends on len and on
 * the number of leading zero bytes only (which any mpint shows anyway). */
void uvssh__wr_mpint(struct buf* b, const uint8_t* base, size_t len);
/* A canonical mpint that is not negative, without its leading zero byte; zero
 * is empty. Anything else sets r->bad. */
str_t uvssh__rd_mpint(rd_t* r);
/* The same of what stands behind its length. 0 or UVSSH_EMESSAGE. */
int uvssh__mpint_value(str_t bytes, str_t* value) MUST_CHECK;

/* ---- namelist.c ---------------------------------------------------------- */

#define NAMELIST_BYTES_MAX 16384
#define NAMELIST_NAMES_MAX 1024
#define NAME_BYTES_MAX 64          /* RFC 4251 section 6 */

/* A name-list within these limits: printable US-ASCII, no empty name but for
 * one trailing comma, which some peers send. Anything else sets r->bad. */
str_t uvssh__rd_namelist(rd_t* r);
/* Takes the next name off *list; 0 at the end. */
int uvssh__namelist_next(str_t* list, str_t* name);
int uvssh__namelist_has(str_t list, str_t name);
/* The first name of `ours` that `theirs` also has; 0 where there is none. */
int uvssh__namelist_common(str_t ours, str_t theirs, str_t* name);

/* ---- glob.c -------------------------------------------------------------- */

static inline uint8_t lower(uint8_t c) {           /* ASCII */
  return c >= 'A' && c <= 'Z' ? (uint8_t) (c + 32) : c;
}

/* 1 when the name, which is in lower case, fits a pattern with * and ?. */
int uvssh__glob_fits(str_t pattern, str_t name);

/* ---- message numbers ----------------------------------------------------- */

enum {
  MSG_DISCONNECT = 1,              /* RFC 4253 section 12 */
  MSG_IGNORE = 2,
  MSG_UNIMPLEMENTED = 3,
  MSG_DEBUG = 4,
  MSG_SERVICE_REQUEST = 5,
  MSG_SERVICE_ACCEPT = 6,
  MSG_EXT_INFO = 7,                /* RFC 8308 */
  MSG_NEWCOMPRESS = 8,
  MSG_KEXINIT = 20,
  MSG_NEWKEYS = 21,
  MSG_KEX_ECDH_INIT = 30,          /* RFC 5656; also KEXDH, HYBRID */
  MSG_KEX_ECDH_REPLY = 31,
  MSG_KEX_DH_GEX_GROUP = 31,       /* RFC 4419 section 5 */
  MSG_KEX_DH_GEX_INIT = 32,
  MSG_KEX_DH_GEX_REPLY = 33,
  MSG_KEX_DH_GEX_REQUEST = 34,
  MSG_USERAUTH_REQUEST = 50,       /* RFC 4252 section 6 */
  MSG_USERAUTH_FAILURE = 51,
  MSG_USERAUTH_SUCCESS = 52,
  MSG_USERAUTH_BANNER = 53,
  MSG_USERAUTH_PK_OK = 60,         /* 60..79 mean what the method says */
  MSG_USERAUTH_PASSWD_CHANGEREQ = 60,
  MSG_GLOBAL_REQUEST = 80,         /* RFC 4254 section 9 */
  MSG_REQUEST_SUCCESS = 81,
  MSG_REQUEST_FAILURE = 82,
  MSG_CHANNEL_OPEN = 90,
  MSG_CHANNEL_OPEN_CONFIRMATION = 91,
  MSG_CHANNEL_OPEN_FAILURE = 92,
  MSG_CHANNEL_WINDOW_ADJUST = 93,
  MSG_CHANNEL_DATA = 94,
  MSG_CHANNEL_EXTENDED_DATA = 95,
  MSG_CHANNEL_EOF = 96,
  MSG_CHANNEL_CLOSE = 97,
  MSG_CHANNEL_REQUEST = 98,
  MSG_CHANNEL_SUCCESS = 99,
  MSG_CHANNEL_FAILURE = 100,
  MSG_PING = 192,                  /* ping@openssh.com */
  MSG_PONG = 193
};

/* "CHANNEL_DATA", or "message" for a number without a name. msgname.c */
const char* uvssh__msg_name(uint8_t number);

#endif
