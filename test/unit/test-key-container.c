/* The bytes of a key file: every bit, every length, every field wrong. */
#include "test-key-text.h"

/* The text of such bytes. */
static int parse_bytes(const uint8_t* bytes, size_t len) {
  struct buf text = { 0 };
  str_t s = { bytes, len };
  uvssh_key_t* key = NULL;
  int err;

  wr_bytes(&text, BEGIN "\n", sizeof(BEGIN));
  uvssh__base64_write(&text, s, 1);
  wr_bytes(&text, "\n" END "\n", sizeof(END) + 1);
  err = parse(&key, text.base, text.len);
  CHECK_EQ(key != NULL, err == 0);
  uvssh_key_unref(key);
  uvssh__buf_free(&text);
  return err;
}

static void bytes_of(struct buf* bytes, const char* comment) {
  uvssh_key_t* key = read_file();
  struct buf text = { 0 };
  str_t body;

  CHECK_EQ(uvssh__key_write(key, comment, &text), 0);
  body.base = text.base + sizeof(BEGIN) - 1;
  body.len = text.len - (sizeof(BEGIN) - 1) - sizeof(END);
  CHECK_EQ(uvssh__base64_read(bytes, body, "\n"), 0);
  uvssh__buf_free(&text);
  uvssh_key_unref(key);
}

/* Without a comment no bit is free: all are refused. */
TEST(openssh_bytes_flipped) {
  struct buf bytes = { 0 };
  size_t bit;

  bytes_of(&bytes, "");
  CHECK_EQ(parse_bytes(bytes.base, bytes.len), 0);
  for (bit = 0; bit < bytes.len * 8; bit++) {
    NOTE("bit %zu", bit);
    bytes.base[bit / 8] ^= (uint8_t) (1 << bit % 8);
    CHECK_EQ(parse_bytes(bytes.base, bytes.len), UVSSH_EKEYFORMAT);
    bytes.base[bit / 8] ^= (uint8_t) (1 << bit % 8);
  }
  uvssh__buf_free(&bytes);
}

TEST(openssh_bytes_truncated) {
  struct buf bytes = { 0 };
  size_t len;

  bytes_of(&bytes, "comment");
  for (len = 0; len < bytes.len; len++) {
    NOTE("%zu bytes", len);
    CHECK_EQ(parse_bytes(bytes.base, len), UVSSH_EKEYFORMAT);
  }
  wr_u8(&bytes, 0);
  CHECK_EQ(parse_bytes(bytes.base, bytes.len), UVSSH_EKEYFORMAT);
  uvssh__buf_free(&bytes);
}

/* A file field by field, each of which can be another one. */
struct fields {
  const char* cipher;
  const char* kdf;
  const char* options;
  uint32_t keys;
  uint32_t check[2];
  const char* name;
  int wrong_public;                /* 1: outside, 2: inside, 3: behind seed */
  int wrong_seed;
  size_t padding;                  /* beside what is needed */
  int wrong_padding;
};

static const struct fields good = { .cipher = "none", .kdf = "none",
                                    .options = "", .keys = 1,
                                    .name = "ssh-ed25519" };

static void write_public(struct buf* b, const uint8_t* public_key, int wrong) {
  wr_str(b, public_key, 32);
  if (wrong)
    b->base[b->len - 1] ^= 1;
}

static int parse_fields(const struct fields* f) {
  uvssh_key_t* key = read_file();
  const uint8_t* public_key = key->blob + 19;
  struct buf secret = { 0 }, section = { 0 }, blob = { 0 }, bytes = { 0 };
  size_t pad = 0;
  int err;

  key->type->write_private(key->state, &secret);
  if (f->wrong_seed)
    secret.base[40] ^= 1;
  if (f->wrong_public == 3)
    secret.base[secret.len - 1] ^= 1;
  wr_u32(&section, f->check[0]);
  wr_u32(&section, f->check[1]);
  wr_cstr(&section, f->name);
  write_public(&section, public_key, f->wrong_public == 2);
  wr_bytes(&section, secret.base + 36, 4 + 64);
  wr_cstr(&section, "comment");
  while (section.len % 8 != 0 || pad < f->padding)
    wr_u8(&section, (uint8_t) ++pad);
  if (f->wrong_padding)
    section.base[section.len - 1] ^= 1;

  wr_cstr(&blob, "ssh-ed25519");
  write_public(&blob, public_key, f->wrong_public == 1);
  wr_bytes(&bytes, "openssh-key-v1", 15);
  wr_cstr(&bytes, f->cipher);
  wr_cstr(&bytes, f->kdf);
  wr_cstr(&bytes, f->options);
  wr_u32(&bytes, f->keys);
  wr_str(&bytes, blob.base, blob.len);
  wr_str(&bytes, section.base, section.len);
  err = parse_bytes(bytes.base, bytes.len);
  uvssh__buf_free(&secret);
  uvssh__buf_free(&section);
  uvssh__buf_free(&blob);
  uvssh__buf_free(&bytes);
  uvssh_key_unref(key);
  return err;
}

#define REFUSED(change)                                                       \
  do {                                                                        \
    f = good;                                                                 \
    change;                                                                   \
    CHECK_EQ(parse_fields(&f), UVSSH_EKEYFORMAT);                             \
  } while (0)

TEST(openssh_fields) {
  struct fields f = good;
  CHECK_EQ(parse_fields(&f), 0);
  f.padding = 24;                  /* to a larger block */
  CHECK_EQ(parse_fields(&f), 0);
  f.padding = 300;                 /* more than a byte can say */
  CHECK_EQ(parse_fields(&f), UVSSH_EKEYFORMAT);
  f = good;
  f.cipher = "aes256-ctr";
  f.kdf = "bcrypt";
  CHECK_EQ(parse_fields(&f), UVSSH_EPASSPHRASE);

  REFUSED(f.cipher = "aes256-ctr");
  REFUSED(f.cipher = "");
  REFUSED(f.kdf = "bcrypt");
  REFUSED(f.kdf = "");
  REFUSED(f.options = "x");
  REFUSED(f.keys = 0);
  REFUSED(f.keys = 2);
  REFUSED(f.keys = UINT32_MAX);
  REFUSED(f.check[0] = 1);
  REFUSED(f.check[1] = 0x80000000);
  REFUSED(f.name = "ssh-rsa");
  REFUSED(f.name = "");
  REFUSED(f.wrong_public = 1);
  REFUSED(f.wrong_public = 2);
  REFUSED(f.wrong_public = 3);
  REFUSED(f.wrong_seed = 1);
  REFUSED(f.wrong_padding = 1);
}
