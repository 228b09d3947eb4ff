/* Name-lists: every limit, every bad byte, and what the lists are for. */
#include "check.h"

#include "wire/wire.h"

/* Reads a list from a block of exactly its size. 1: taken, and all read. */
static int takes(const void* base, size_t len) {
  uint8_t* copy = uvssh__malloc(4 + len);
  rd_t r = rd_of(copy, 4 + len);
  str_t list;
  int err;

  put_u32(copy, (uint32_t) len);
  if (len != 0)
    memcpy(copy + 4, base, len);
  list = uvssh__rd_namelist(&r);
  err = rd_end(&r);
  CHECK_EQ(err, r.bad ? UVSSH_EMESSAGE : 0);
  if (err != 0) {
    CHECK(list.base == NULL);
    CHECK_EQ(list.len, 0);
  }
  uvssh__free(copy);
  return err == 0;
}

static int takes_text(const char* text) {
  return takes(text, strlen(text));
}

/* `count` times `name` with commas between. */
static void repeat(struct buf* b, const char* name, size_t count) {
  size_t i;
  uvssh__buf_reset(b);
  for (i = 0; i < count; i++) {
    if (i != 0)
      wr_u8(b, ',');
    wr_bytes(b, name, strlen(name));
  }
}

TEST(namelist_good) {
  CHECK(takes_text(""));
  CHECK(takes_text("a"));
  CHECK(takes_text("a,b"));
  CHECK(takes_text("curve25519-sha256,curve25519-sha256@libssh.org"));
  CHECK(takes_text("!~,\"[]{}\\"));
  CHECK(takes_text("none,zlib@openssh.com,"));      /* the trailing one */
}

TEST(namelist_empty_names) {
  CHECK(!takes_text(","));
  CHECK(!takes_text(",,"));
  CHECK(!takes_text(",a"));
  CHECK(!takes_text("a,,"));
  CHECK(!takes_text("a,,b"));
  CHECK(!takes_text(",a,"));
}

TEST(namelist_every_byte) {
  int i;
  for (i = 0; i < 256; i++) {
    uint8_t text[3] = { 'a', (uint8_t) i, 'b' };
    NOTE("%02x", i);
    CHECK_EQ(takes(text, 3), i > 32 && i < 127);
    CHECK_EQ(takes(text + 1, 1), i > 32 && i < 127 && i != ',');
  }
}

TEST(namelist_truncated_at_every_byte) {
  static const uint8_t wire[] = "\0\0\0\x08" "aes,none";
  size_t len;

  for (len = 0; len < sizeof(wire) - 1; len++) {
    uint8_t* copy = uvssh__malloc(len);
    rd_t r;

    NOTE("%zu bytes", len);
    memcpy(copy, wire, len);
    r = rd_of(copy, len);
    CHECK_EQ(uvssh__rd_namelist(&r).len, 0);
    CHECK_EQ(rd_end(&r), UVSSH_EMESSAGE);
    uvssh__free(copy);
  }
}

TEST(namelist_trailing_comma_is_left_out) {
  rd_t r = rd_of("\0\0\0\x04" "a,b,", 8);
  str_t list = uvssh__rd_namelist(&r);
  CHECK_EQ(rd_end(&r), 0);
  CHECK(str_is(list, "a,b"));
}

TEST(namelist_name_limit) {
  char text[NAME_BYTES_MAX + 8];

  memset(text, 'x', sizeof(text));
  CHECK(takes(text, NAME_BYTES_MAX));
  CHECK(!takes(text, NAME_BYTES_MAX + 1));
  text[2] = ',';                   /* each name counts anew */
  CHECK(takes(text, NAME_BYTES_MAX + 3));
  CHECK(!takes(text, NAME_BYTES_MAX + 4));
}

TEST(namelist_count_limit) {
  struct buf b = { 0 };

  repeat(&b, "abc", NAMELIST_NAMES_MAX);
  CHECK(takes(b.base, b.len));
  wr_u8(&b, ',');
  CHECK(takes(b.base, b.len));
  repeat(&b, "abc", NAMELIST_NAMES_MAX + 1);
  CHECK(!takes(b.base, b.len));
  repeat(&b, "a", 8000);           /* few bytes, many names */
  CHECK(b.len < NAMELIST_BYTES_MAX);
  CHECK(!takes(b.base, b.len));
  uvssh__buf_free(&b);
}

TEST(namelist_bytes_limit) {
  struct buf b = { 0 };

  repeat(&b, "abcdefghijklmno", 1024);    /* 16 * 1024 - 1 */
  CHECK_EQ(b.len, NAMELIST_BYTES_MAX - 1);
  CHECK(takes(b.base, b.len));
  wr_u8(&b, 'p');
  CHECK(takes(b.base, b.len));
  wr_u8(&b, 'q');
  CHECK(!takes(b.base, b.len));
  uvssh__buf_free(&b);
}

TEST(namelist_hostile_sizes) {
  struct buf b = { 0 };

  memset(uvssh__buf_reserve(&b, 35000), ',', 35000);
  CHECK(!takes(b.base, 35000));    /* commas only */
  CHECK(!takes(b.base, NAMELIST_BYTES_MAX));
  memset(b.base, 'x', 35000);
  CHECK(!takes(b.base, 32768));    /* one name */
  CHECK(!takes(b.base, NAMELIST_BYTES_MAX));
  memset(b.base, 0, 35000);
  CHECK(!takes(b.base, 35000));    /* NUL only */
  CHECK(!takes(b.base, 1));
  uvssh__buf_free(&b);
}

/* What stands behind a refused list is not read any more. */
TEST(namelist_refused_ends_the_cursor) {
  rd_t r = rd_of("\0\0\0\x01,\x07", 6);
  CHECK_EQ(uvssh__rd_namelist(&r).len, 0);
  CHECK_EQ(rd_u8(&r), 0);
  CHECK_EQ(uvssh__rd_namelist(&r).len, 0);
  CHECK_EQ(rd_end(&r), UVSSH_EMESSAGE);
}

/* ---- using them ---------------------------------------------------------- */

TEST(namelist_next) {
  str_t list = STR("one,two,three");
  str_t name;

  CHECK_EQ(uvssh__namelist_next(&list, &name), 1);
  CHECK(str_is(name, "one"));
  CHECK_EQ(uvssh__namelist_next(&list, &name), 1);
  CHECK(str_is(name, "two"));
  CHECK_EQ(uvssh__namelist_next(&list, &name), 1);
  CHECK(str_is(name, "three"));
  CHECK_EQ(uvssh__namelist_next(&list, &name), 0);
  CHECK_EQ(uvssh__namelist_next(&list, &name), 0);

  list = STR("one,");
  CHECK_EQ(uvssh__namelist_next(&list, &name), 1);
  CHECK(str_is(name, "one"));
  CHECK_EQ(uvssh__namelist_next(&list, &name), 0);

  list = (str_t) { NULL, 0 };
  CHECK_EQ(uvssh__namelist_next(&list, &name), 0);
}

TEST(namelist_has_whole_names_only) {
  str_t list = STR("aes128-ctr,aes256-ctr,none");

  CHECK(uvssh__namelist_has(list, STR("aes128-ctr")));
  CHECK(uvssh__namelist_has(list, STR("none")));
  CHECK(!uvssh__namelist_has(list, STR("aes")));
  CHECK(!uvssh__namelist_has(list, STR("non")));
  CHECK(!uvssh__namelist_has(list, STR("none2")));
  CHECK(!uvssh__namelist_has(list, STR("ctr")));
  CHECK(!uvssh__namelist_has(list, STR("NONE")));
  CHECK(!uvssh__namelist_has(list, STR("aes128-ctr,aes256-ctr")));
  CHECK(!uvssh__namelist_has(list, STR("")));
  CHECK(!uvssh__namelist_has(STR(""), STR("none")));
  CHECK(!uvssh__namelist_has(STR(""), STR("")));
}

TEST(namelist_common_is_ours_first) {
  str_t name;

  CHECK_EQ(uvssh__namelist_common(STR("a,b,c"), STR("c,b"), &name), 1);
  CHECK(str_is(name, "b"));
  CHECK_EQ(uvssh__namelist_common(STR("c,b"), STR("a,b,c"), &name), 1);
  CHECK(str_is(name, "c"));
  CHECK_EQ(uvssh__namelist_common(STR("a,b"), STR("c,d"), &name), 0);
  CHECK_EQ(uvssh__namelist_common(STR(""), STR("c"), &name), 0);
  CHECK_EQ(uvssh__namelist_common(STR("c"), STR(""), &name), 0);
  CHECK_EQ(uvssh__namelist_common(STR(""), STR(""), &name), 0);
}
