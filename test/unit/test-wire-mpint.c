/* mpints: RFC 4251's own examples, and all that is no canonical number. */
#include "check.h"

#include "wire/wire.h"

#define B(literal) (const uint8_t*) (literal), sizeof(literal) - 1

static const struct {
  const uint8_t* number;           /* unsigned, big-endian */
  size_t number_len;
  const uint8_t* wire;
  size_t wire_len;
} good[] = {
  { B(""), B("\0\0\0\0") },
  { B("\x01"), B("\0\0\0\x01\x01") },
  { B("\x7f"), B("\0\0\0\x01\x7f") },
  { B("\x80"), B("\0\0\0\x02\0\x80") },             /* RFC 4251 section 5 */
  { B("\xff"), B("\0\0\0\x02\0\xff") },
  { B("\x01\0"), B("\0\0\0\x02\x01\0") },
  { B("\x80\0"), B("\0\0\0\x03\0\x80\0") },
  { B("\x09\xa3\x78\xf9\xb2\xe3\x32\xa7"),          /* RFC 4251 section 5 */
    B("\0\0\0\x08\x09\xa3\x78\xf9\xb2\xe3\x32\xa7") },
};

/* Strings that are no mpint we take: negative, or longer than need be. */
static const struct {
  const uint8_t* wire;
  size_t wire_len;
} refused[] = {
  { B("\0\0\0\x01\0") },                            /* zero as a byte */
  { B("\0\0\0\x02\0\0") },
  { B("\0\0\0\x02\0\x01") },
  { B("\0\0\0\x02\0\x7f") },
  { B("\0\0\0\x03\0\0\x80") },
  { B("\0\0\0\x01\x80") },                          /* -128 */
  { B("\0\0\0\x01\xff") },                          /* -1 */
  { B("\0\0\0\x02\xed\xcc") },                      /* RFC 4251: -1234 */
  { B("\0\0\0\x05\xff\x21\x52\x41\x11") },          /* RFC 4251: -deadbeef */
  { B("\0\0\0\x02\xff\x80") },
};

TEST(mpint_good) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(good); i++) {
    struct buf b = { 0 };
    rd_t r = rd_of(good[i].wire, good[i].wire_len);
    str_t s = uvssh__rd_mpint(&r);

    NOTE("row %zu", i);
    CHECK_EQ(rd_end(&r), 0);
    CHECK_MEM(s.base, s.len, good[i].number, good[i].number_len);
    uvssh__wr_mpint(&b, good[i].number, good[i].number_len);
    CHECK_MEM(b.base, b.len, good[i].wire, good[i].wire_len);
    uvssh__buf_free(&b);
  }
}

TEST(mpint_refused) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(refused); i++) {
    uint8_t* copy = uvssh__malloc(refused[i].wire_len);
    rd_t r = rd_of(copy, refused[i].wire_len);

    NOTE("row %zu", i);
    memcpy(copy, refused[i].wire, refused[i].wire_len);
    CHECK_EQ(uvssh__rd_mpint(&r).len, 0);
    CHECK_EQ(r.bad, 1);
    CHECK_EQ(rd_u8(&r), 0);
    CHECK_EQ(rd_end(&r), UVSSH_EMESSAGE);
    uvssh__free(copy);
  }
}

TEST(mpint_truncated_at_every_byte) {
  size_t i;
  size_t len;

  for (i = 0; i < ARRAY_SIZE(good); i++) {
    for (len = 0; len < good[i].wire_len; len++) {
      uint8_t* copy = uvssh__malloc(len);
      rd_t r;

      NOTE("row %zu, %zu bytes", i, len);
      memcpy(copy, good[i].wire, len);
      r = rd_of(copy, len);
      CHECK_EQ(uvssh__rd_mpint(&r).len, 0);
      CHECK_EQ(rd_end(&r), UVSSH_EMESSAGE);
      uvssh__free(copy);
    }
  }
}

TEST(mpint_writer_drops_leading_zeros) {
  uint8_t number[64];
  size_t zeros;

  for (zeros = 0; zeros <= 64; zeros++) {
    struct buf b = { 0 };
    rd_t r;
    str_t s;

    NOTE("%zu zeros", zeros);
    memset(number, 0xc3, sizeof(number));
    memset(number, 0, zeros);
    uvssh__wr_mpint(&b, number, sizeof(number));
    CHECK_EQ(b.len, zeros == 64 ? 4 : 4 + 1 + 64 - zeros);
    r = rd_of(b.base, b.len);
    s = uvssh__rd_mpint(&r);
    CHECK_EQ(rd_end(&r), 0);
    CHECK_MEM(s.base, s.len, number + zeros, 64 - zeros);
    uvssh__buf_free(&b);
  }
}

TEST(mpint_powers_of_two) {
  uint8_t number[66];
  size_t n;

  for (n = 0; n < 8 * sizeof(number); n++) {
    struct buf b = { 0 };
    rd_t r;
    str_t s;

    NOTE("2^%zu", n);
    memset(number, 0, sizeof(number));
    number[sizeof(number) - 1 - n / 8] = (uint8_t) (1u << n % 8);
    uvssh__wr_mpint(&b, number, sizeof(number));
    CHECK_EQ(b.len, 4 + n / 8 + 1 + (n % 8 == 7));
    r = rd_of(b.base, b.len);
    s = uvssh__rd_mpint(&r);
    CHECK_EQ(rd_end(&r), 0);
    CHECK_EQ(s.len, n / 8 + 1);
    CHECK_MEM(s.base, s.len, number + sizeof(number) - s.len, s.len);
    uvssh__buf_free(&b);
  }
}

TEST(mpint_nothing) {
  struct buf b = { 0 };
  uvssh__wr_mpint(&b, NULL, 0);
  CHECK_MEM(b.base, b.len, "\0\0\0\0", 4);
  uvssh__buf_free(&b);
}

TEST(mpint_long) {
  enum { LONG = 100000 };
  uint8_t* number = uvssh__malloc(LONG);
  struct buf b = { 0 };
  rd_t r;
  str_t s;

  memset(number, 0xff, LONG);
  uvssh__wr_mpint(&b, number, LONG);
  CHECK_EQ(b.len, 4 + 1 + LONG);
  r = rd_of(b.base, b.len);
  s = uvssh__rd_mpint(&r);
  CHECK_EQ(rd_end(&r), 0);
  CHECK_MEM(s.base, s.len, number, LONG);
  uvssh__buf_free(&b);
  uvssh__free(number);
}

TEST(mpint_too_long) {
  static const uint8_t one = 1;    /* refused before the second byte is read */
  struct buf b = { 0 };
  heap_fail_at(0);
  uvssh__wr_mpint(&b, &one, UINT32_MAX);
  CHECK_EQ(heap_count(), 0);       /* and before memory is asked for */
  CHECK_EQ(b.bad, 1);
  CHECK_EQ(b.len, 0);
  uvssh__buf_free(&b);
}

TEST(mpint_out_of_memory) {
  uint8_t number[200];

  memset(number, 0x80, sizeof(number));
  HEAP_SWEEP(n) {
    struct buf b = { 0 };
    uvssh__wr_mpint(&b, number, sizeof(number));
    CHECK_EQ(b.bad, heap_failed());
    CHECK_EQ(b.len, heap_failed() ? 0 : 205);
    uvssh__buf_free(&b);
  }
}
