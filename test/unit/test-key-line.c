/* Lines of .pub files, and the base64 in them. */
#include "test-key-text.h"

/* ---- lines --------------------------------------------------------------- */

static int parse_line_with(const char* before, const char* behind) {
  struct buf text = { 0 };
  uvssh_key_t* key = NULL;
  int err;

  wr_bytes(&text, before, strlen(before));
  wr_bytes(&text, line, sizeof(line) - 1);
  wr_bytes(&text, behind, strlen(behind));
  err = parse(&key, text.base, text.len);
  if (err == 0)
    CHECK(!uvssh_key_has_secret(key));
  uvssh_key_unref(key);
  uvssh__buf_free(&text);
  return err;
}

TEST(line_good) {
  CHECK_EQ(parse_line_with("", ""), 0);
  CHECK_EQ(parse_line_with("", "\n"), 0);
  CHECK_EQ(parse_line_with("", "\r\n"), 0);
  CHECK_EQ(parse_line_with("", " "), 0);
  CHECK_EQ(parse_line_with("", " me@there"), 0);
  CHECK_EQ(parse_line_with("", " me, there \xc3\xa4\n"), 0);
  CHECK_EQ(parse_line_with("", " me\r\n\n"), 0);
}

TEST(line_odd) {
  CHECK_EQ(parse_line_with(" ", ""), UVSSH_EKEYFORMAT);
  CHECK_EQ(parse_line_with("\n", ""), UVSSH_EKEYFORMAT);
  CHECK_EQ(parse_line_with("x", ""), UVSSH_EKEYFORMAT);
  CHECK_EQ(parse_line_with("restrict ", ""), UVSSH_EKEYFORMAT);
  CHECK_EQ(parse_line_with("", "="), UVSSH_EKEYFORMAT);
  CHECK_EQ(parse_line_with("", "A"), UVSSH_EKEYFORMAT);
  CHECK_EQ(parse_line_with("", "AAAA"), UVSSH_EKEYFORMAT);
  CHECK_EQ(parse_line_with("", "\rAAAA"), UVSSH_EKEYFORMAT);
  CHECK_EQ(parse_line_with("", "\nssh-ed25519 AAAA"), UVSSH_EKEYFORMAT);
  CHECK_EQ(parse_line_with("", "\nx"), UVSSH_EKEYFORMAT);
}

TEST(line_truncated) {
  uvssh_key_t* none = NULL;
  size_t len;

  for (len = 0; len < sizeof(line) - 1; len++) {
    NOTE("%zu bytes", len);
    CHECK_EQ(parse(&none, line, len), UVSSH_EKEYFORMAT);
  }
}

/* A bit of the 32 bytes makes another key; every other is refused. */
TEST(line_flipped) {
  char copy[sizeof(line) - 1];
  uvssh_key_t* key = NULL;
  size_t bit;

  CHECK_EQ(parse(&key, line, sizeof(copy)), 0);
  for (bit = 0; bit < sizeof(copy) * 8; bit++) {
    uvssh_key_t* other = NULL;
    int err;
    memcpy(copy, line, sizeof(copy));
    copy[bit / 8] = (char) (copy[bit / 8] ^ 1 << bit % 8);
    NOTE("bit %zu", bit);
    err = parse(&other, copy, sizeof(copy));
    if (bit / 8 < 12 + 25)         /* name, frame of the blob */
      CHECK_EQ(err, UVSSH_EKEYFORMAT);
    if (err == 0)
      CHECK(!uvssh_key_equal(key, other));
    uvssh_key_unref(other);
  }
  uvssh_key_unref(key);
}

/* ---- base64 -------------------------------------------------------------- */

TEST(base64_rfc4648) {
  static const struct {
    const char* bytes;
    const char* text;
    const char* unpadded;
  } rows[] = {
    { "", "", "" },
    { "f", "Zg==", "Zg" },
    { "fo", "Zm8=", "Zm8" },
    { "foo", "Zm9v", "Zm9v" },
    { "foob", "Zm9vYg==", "Zm9vYg" },
    { "fooba", "Zm9vYmE=", "Zm9vYmE" },
    { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
  };
  size_t i;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    struct buf b = { 0 };
    NOTE("row %zu", i);
    uvssh__base64_write(&b, str_of(rows[i].bytes), 1);
    CHECK_MEM(b.base, b.len, rows[i].text, strlen(rows[i].text));
    uvssh__buf_reset(&b);
    uvssh__base64_write(&b, str_of(rows[i].bytes), 0);
    CHECK_MEM(b.base, b.len, rows[i].unpadded, strlen(rows[i].unpadded));
    uvssh__buf_reset(&b);
    CHECK_EQ(uvssh__base64_read(&b, str_of(rows[i].text), NULL), 0);
    CHECK_MEM(b.base, b.len, rows[i].bytes, strlen(rows[i].bytes));
    uvssh__buf_free(&b);
  }
}

TEST(base64_refused) {
  static const char* const texts[] = {
    "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm8", "Zm9=", "Zm9v=", "=", "==",
    "====", "Zg==Zg==", "Zm9v ", " Zm9v", "Zm-v", "Zm_v", "Zm9v\n", "Zm\n9v",
    "Z\xc3\xa4==", "Zm9v!", "\xabm9v", "\xafm9v", "Zm9\x80"
  };
  size_t i;

  for (i = 0; i < ARRAY_SIZE(texts); i++) {
    struct buf b = { 0 };
    NOTE("\"%s\"", texts[i]);
    CHECK_EQ(uvssh__base64_read(&b, str_of(texts[i]), NULL), UVSSH_EKEYFORMAT);
    CHECK_EQ(b.len, 0);
    uvssh__buf_free(&b);
  }
}

TEST(base64_nul) {
  struct buf b = { 0 };
  str_t text = { (const uint8_t*) "Zm\0009v", 5 };

  CHECK_EQ(uvssh__base64_read(&b, text, "\r\n"), UVSSH_EKEYFORMAT);
  CHECK_EQ(uvssh__base64_read(&b, STR("Z\nm9\r\nv"), "\r\n"), 0);
  CHECK_MEM(b.base, b.len, "foo", 3);
  uvssh__buf_free(&b);
}
