/* The cursors of wire.h: values, every truncation, lengths that lie. */
#include "check.h"

#include "wire/wire.h"

/* One of each type. */
static void write_all(struct buf* b) {
  wr_u8(b, 0xfe);
  wr_bool(b, 1);
  wr_bool(b, 0);
  wr_bool(b, 256);                 /* true is always 1 */
  wr_u32(b, 0x89abcdef);
  wr_cstr(b, "text");
  wr_str(b, "a\0b", 3);
  wr_str(b, NULL, 0);
  wr_bytes(b, "rest", 4);
}

static const uint8_t all[] = {
  0xfe, 1, 0, 1, 0x89, 0xab, 0xcd, 0xef,            /* 8 */
  0, 0, 0, 4, 't', 'e', 'x', 't',                   /* 16 */
  0, 0, 0, 3, 'a', 0, 'b',                          /* 23 */
  0, 0, 0, 0,                                       /* 27 */
  'r', 'e', 's', 't'
};

TEST(wire_write_and_read) {
  struct buf b = { 0 };
  rd_t r;
  str_t s;

  write_all(&b);
  CHECK_EQ(b.bad, 0);
  CHECK_MEM(b.base, b.len, all, sizeof(all));

  r = rd_of(b.base, b.len);
  CHECK_EQ(rd_left(&r), sizeof(all));
  CHECK_EQ(rd_u8(&r), 0xfe);
  CHECK_EQ(rd_bool(&r), 1);
  CHECK_EQ(rd_bool(&r), 0);
  CHECK_EQ(rd_bool(&r), 1);
  CHECK_EQ(rd_u32(&r), 0x89abcdef);
  CHECK(str_is(rd_text(&r), "text"));
  s = rd_str(&r);
  CHECK_MEM(s.base, s.len, "a\0b", 3);
  s = rd_str(&r);
  CHECK_EQ(s.len, 0);
  CHECK_EQ(r.bad, 0);
  CHECK_EQ(rd_end(&r), UVSSH_EMESSAGE);   /* something is left */
  s = rd_rest(&r);
  CHECK_MEM(s.base, s.len, "rest", 4);
  CHECK_EQ(rd_end(&r), 0);
  CHECK_EQ(rd_left(&r), 0);
  CHECK_EQ(rd_u8(&r), 0);          /* and one too many */
  CHECK_EQ(rd_end(&r), UVSSH_EMESSAGE);
  uvssh__buf_free(&b);
}

TEST(wire_bool_is_any_byte) {
  int i;
  for (i = 0; i < 256; i++) {
    uint8_t c = (uint8_t) i;
    rd_t r = rd_of(&c, 1);
    CHECK_EQ(rd_bool(&r), i != 0);
    CHECK_EQ(rd_end(&r), 0);
  }
}

/* Cut anywhere before the rest: what is whole is right, the first that is not
 * and all behind it are zero and empty. In a block of exactly that size, so
 * that a sanitizer sees one byte too many. */
TEST(wire_truncated_at_every_byte) {
  size_t len;

  for (len = 0; len < 27; len++) {
    uint8_t* copy = uvssh__malloc(len);
    rd_t r;
    str_t s;

    NOTE("%zu bytes", len);
    memcpy(copy, all, len);
    r = rd_of(copy, len);
    CHECK_EQ(rd_u8(&r), len >= 1 ? 0xfe : 0);
    CHECK_EQ(rd_bool(&r), len >= 2);
    CHECK_EQ(rd_bool(&r), 0);
    CHECK_EQ(rd_bool(&r), len >= 4);
    CHECK_EQ(rd_u32(&r), len >= 8 ? 0x89abcdef : 0);
    s = rd_text(&r);
    CHECK_MEM(s.base, s.len, "text", len >= 16 ? 4 : 0);
    s = rd_str(&r);
    CHECK_MEM(s.base, s.len, "a\0b", len >= 23 ? 3 : 0);
    s = rd_str(&r);
    CHECK_EQ(s.len, 0);
    CHECK_EQ(r.bad, 1);
    CHECK_EQ(rd_left(&r), 0);
    s = rd_rest(&r);
    CHECK_EQ(s.len, 0);
    CHECK_EQ(rd_u32(&r), 0);
    CHECK_EQ(rd_end(&r), UVSSH_EMESSAGE);
    uvssh__free(copy);
  }
}

TEST(wire_lengths_that_lie) {
  static const uint32_t lies[] = {
    5, 6, 0x7fffffff, 0x80000000, 0xfffffffb, 0xfffffffc, 0xffffffff
  };
  uint8_t bytes[8] = { 0, 0, 0, 0, 'a', 'b', 'c', 'd' };
  size_t i;

  for (i = 0; i < ARRAY_SIZE(lies); i++) {
    rd_t r = rd_of(bytes, sizeof(bytes));
    str_t s;

    NOTE("%08x", lies[i]);
    put_u32(bytes, lies[i]);
    s = rd_str(&r);
    CHECK(s.base == NULL);
    CHECK_EQ(s.len, 0);
    CHECK_EQ(r.bad, 1);
    CHECK_EQ(rd_u8(&r), 0);
    CHECK_EQ(rd_end(&r), UVSSH_EMESSAGE);
  }
}

TEST(wire_take_too_much) {
  uint8_t bytes[4] = { 0 };
  rd_t r = rd_of(bytes, 4);
  CHECK(rd_take(&r, 4) == bytes);
  CHECK(rd_take(&r, 0) != NULL);
  CHECK_EQ(rd_end(&r), 0);
  CHECK(rd_take(&r, SIZE_MAX) == NULL);
  CHECK(rd_take(&r, 0) == NULL);   /* bad is for ever */
  CHECK_EQ(r.bad, 1);
}

TEST(wire_empty) {
  rd_t r = rd_of(NULL, 0);
  CHECK_EQ(rd_left(&r), 0);
  CHECK_EQ(rd_end(&r), 0);
  CHECK_EQ(rd_rest(&r).len, 0);
  CHECK_EQ(rd_end(&r), 0);
  CHECK_EQ(rd_u8(&r), 0);
  CHECK_EQ(rd_end(&r), UVSSH_EMESSAGE);
}

TEST(wire_text_holds_no_nul) {
  struct buf b = { 0 };
  size_t at;

  for (at = 0; at < 5; at++) {
    char text[] = "hello";
    rd_t r;

    text[at] = '\0';
    uvssh__buf_reset(&b);
    wr_str(&b, text, 5);
    r = rd_of(b.base, b.len);
    (void) rd_text(&r);
    CHECK_EQ(rd_end(&r), UVSSH_EMESSAGE);
  }
  uvssh__buf_reset(&b);
  wr_str(&b, "", 0);
  rd_t r = rd_of(b.base, b.len);
  CHECK_EQ(rd_text(&r).len, 0);
  CHECK_EQ(rd_end(&r), 0);
  uvssh__buf_free(&b);
}

TEST(wire_writer_out_of_memory) {
  HEAP_SWEEP(n) {
    struct buf b = { 0 };
    write_all(&b);
    wr_cstr(&b, "so much that it must grow once more, and then again, since "
                "sixty-four bytes are soon gone");
    CHECK_EQ(b.bad, heap_failed());
    uvssh__buf_free(&b);
  }
}

#if SIZE_MAX > UINT32_MAX
TEST(wire_string_too_long_for_its_length) {
  struct buf b = { 0 };
  wr_str(&b, "never read", (size_t) UINT32_MAX + 1);
  CHECK_EQ(b.bad, 1);
  CHECK_EQ(b.len, 0);
  uvssh__buf_free(&b);
}
#endif

TEST(wire_str_eq) {
  str_t none = { NULL, 0 };
  CHECK(str_eq(none, STR("")));
  CHECK(!str_eq(none, STR("a")));
  CHECK(str_eq(STR("abc"), str_of("abc")));
  CHECK(!str_eq(STR("abc"), STR("abd")));
  CHECK(!str_is(STR("abc"), "ab"));
  CHECK(!str_is(STR("ab"), "abc"));
}
