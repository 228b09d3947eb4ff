/* Key files: what ssh-keygen wrote, what we write, and texts that are none. */
#include "test-key-text.h"

/* ---- good ---------------------------------------------------------------- */

TEST(openssh_read) {
  uvssh_key_t* key = read_file();
  char text[200];
  size_t len = sizeof(text);

  CHECK(uvssh_key_has_secret(key));
  CHECK_EQ(uvssh_key_public_line(key, text, &len), 0);
  CHECK_STR(text, line);
  len = sizeof(text);
  CHECK_EQ(uvssh_key_fingerprint(key, text, &len), 0);
  CHECK_STR(text, "SHA256:q/OqZc8jseh1uxnY3C1LrZP/2Z4vZu/ZrQ/Ev2TvNKg");
  uvssh_key_unref(key);
}

TEST(openssh_read_passphrase_not_needed) {
  uvssh_key_t* key = NULL;
  CHECK_EQ(uvssh_key_parse(&key, file, sizeof(file) - 1, "unused"), 0);
  uvssh_key_unref(key);
}

static void check_bits(void* out, size_t len) {
  static const uint8_t check[4] = { 0x8b, 0xb2, 0xda, 0x5e };
  CHECK_EQ(len, 4);
  memcpy(out, check, 4);
}

/* With ssh-keygen's check number it is its file, byte for byte. */
TEST(openssh_write_as_ssh_keygen) {
  void (*source)(void*, size_t) = uvssh__random_source;
  uvssh_key_t* key = read_file();
  struct buf text = { 0 };

  uvssh__random_source = check_bits;
  CHECK_EQ(uvssh__key_write(key, "nobody: only for tests", &text), 0);
  uvssh__random_source = source;
  CHECK_MEM(text.base, text.len, file, sizeof(file) - 1);
  uvssh__buf_free(&text);
  uvssh_key_unref(key);
}

TEST(openssh_round_trip) {
  static const char* const comments[] = { NULL, "", "a", "1234567", "12345678",
                                          "with spaces and \xc3\xa4" };
  uvssh_key_t* key = read_file();
  size_t i;

  for (i = 0; i < ARRAY_SIZE(comments); i++) {
    uvssh_key_t* again = NULL;
    struct buf text = { 0 };
    NOTE("comment %zu", i);
    CHECK_EQ(uvssh__key_write(key, comments[i], &text), 0);
    CHECK(text.secret);
    CHECK_EQ(parse(&again, text.base, text.len), 0);
    CHECK(uvssh_key_equal(key, again) && uvssh_key_has_secret(again));
    CHECK_MEM(key->state, key->type->state_size, again->state,
              again->type->state_size);
    uvssh__buf_free(&text);
    uvssh_key_unref(again);
  }
  uvssh_key_unref(key);
}

TEST(openssh_line_ends) {
  struct buf text = { 0 };
  uvssh_key_t* key = NULL;
  size_t i;

  for (i = 0; i < sizeof(file) - 1; i++) {
    if (file[i] == '\n')
      wr_u8(&text, '\r');
    wr_u8(&text, (uint8_t) file[i]);
  }
  CHECK_EQ(parse(&key, text.base, text.len), 0);
  uvssh_key_unref(key);
  uvssh__buf_free(&text);
  CHECK_EQ(parse(&key, file, sizeof(file) - 2), 0);   /* no last one */
  uvssh_key_unref(key);
}

TEST(openssh_encrypted) {
  CHECK_EQ(parse_text(encrypted), UVSSH_EPASSPHRASE);
}

TEST(openssh_write_refused) {
  uvssh_key_t* key = NULL;
  struct buf text = { 0 };

  CHECK_EQ(parse(&key, line, sizeof(line) - 1), 0);
  CHECK_EQ(uvssh__key_write(key, "", &text), UV_EINVAL);
  CHECK_EQ(uvssh__key_write(NULL, "", &text), UV_EINVAL);
  CHECK_EQ(text.len, 0);
  uvssh_key_unref(key);
}

TEST(openssh_out_of_memory) {
  uvssh_key_t* key = read_file();

  HEAP_SWEEP(n) {
    struct buf text = { 0 };
    int err = uvssh__key_write(key, "comment", &text);
    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    uvssh__buf_free(&text);
  }
  HEAP_SWEEP(n) {
    uvssh_key_t* again = NULL;
    int err = uvssh_key_parse(&again, file, sizeof(file) - 1, NULL);
    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    uvssh_key_unref(again);
  }
  HEAP_SWEEP(n) {
    uvssh_key_t* again = NULL;
    int err = uvssh_key_parse(&again, line, sizeof(line) - 1, NULL);
    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    uvssh_key_unref(again);
  }
  uvssh_key_unref(key);
}

/* ---- the text around the bytes ------------------------------------------- */

TEST(openssh_text_truncated) {
  uvssh_key_t* none = NULL;
  size_t len;

  for (len = 0; len < sizeof(file) - 2; len++) {
    NOTE("%zu bytes", len);
    CHECK_EQ(parse(&none, file, len), UVSSH_EKEYFORMAT);
  }
  for (len = 0; len < sizeof(encrypted) - 2; len++) {
    NOTE("%zu bytes, encrypted", len);
    CHECK_EQ(parse(&none, encrypted, len), UVSSH_EKEYFORMAT);
  }
}

/* Every bit of the text. What is accepted, in the comment, is the same key. */
TEST(openssh_text_flipped) {
  uvssh_key_t* key = read_file();
  char copy[sizeof(file) - 1];
  size_t accepted = 0;
  size_t bit;

  for (bit = 0; bit < sizeof(copy) * 8; bit++) {
    uvssh_key_t* other = NULL;
    int err;
    memcpy(copy, file, sizeof(copy));
    copy[bit / 8] = (char) (copy[bit / 8] ^ 1 << bit % 8);
    NOTE("bit %zu", bit);
    err = parse(&other, copy, sizeof(copy));
    if (err == 0) {
      accepted += 1;
      CHECK(uvssh_key_equal(key, other));
    } else {
      CHECK_EQ(err, UVSSH_EKEYFORMAT);
    }
    uvssh_key_unref(other);
  }
  CHECK(accepted < 22 * 8);        /* bits of the comment */
  uvssh_key_unref(key);
}

TEST(openssh_text_odd) {
  static const char* const texts[] = {
    "",
    "\n",
    BEGIN,
    BEGIN "\n",
    BEGIN END,
    BEGIN "\n" END "\n",
    BEGIN "\nAAAA\n" END "\n",
    BEGIN "\n====\n" END "\n",
    BEGIN "AAAA\n" END "\n",
    "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    "PuTTY-User-Key-File-3: ssh-ed25519\n",
    "ssh-ed25519",
    "ssh-ed25519 ",
    "ssh-ed25519  ",
    "ssh-ed25519 AAAA",
    " ",
    "#",
  };
  struct buf text = { 0 };
  uvssh_key_t* none = NULL;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(texts); i++) {
    NOTE("row %zu", i);
    CHECK_EQ(parse_text(texts[i]), UVSSH_EKEYFORMAT);
  }
  wr_bytes(&text, file, sizeof(file) - 1);
  wr_bytes(&text, file, sizeof(file) - 1);       /* two keys */
  CHECK_EQ(parse(&none, text.base, text.len), UVSSH_EKEYFORMAT);
  uvssh__buf_reset(&text);
  wr_bytes(&text, " ", 1);                       /* something before it */
  wr_bytes(&text, file, sizeof(file) - 1);
  CHECK_EQ(parse(&none, text.base, text.len), UVSSH_EKEYFORMAT);
  uvssh__buf_free(&text);
  CHECK_EQ(parse(&none, file, sizeof(file)), UVSSH_EKEYFORMAT);   /* NUL */
}

TEST(openssh_too_long) {
  uvssh_key_t* key = NULL;
  struct buf text = { 0 };

  wr_bytes(&text, file, sizeof(file) - 1);
  while (text.len < 65536)
    wr_u8(&text, '\n');
  CHECK_EQ(parse(&key, text.base, text.len), 0);
  uvssh_key_unref(key);
  key = NULL;
  wr_u8(&text, '\n');
  CHECK_EQ(parse(&key, text.base, text.len), UVSSH_EKEYFORMAT);
  uvssh__buf_free(&text);
}

TEST(openssh_parse_arguments) {
  uvssh_key_t* key = NULL;
  CHECK_EQ(uvssh_key_parse(NULL, file, sizeof(file) - 1, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_key_parse(&key, NULL, 5, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_key_parse(&key, NULL, 0, NULL), UVSSH_EKEYFORMAT);
}
