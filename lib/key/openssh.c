/* openssh.c: OpenSSH's private key file (PROTOCOL.key) both ways, and the line
 * of a .pub file.
 *
 * Happy path: one key, not encrypted, whose public half is made from the
 * private one and found equal at all three places where the file has it.
 * Failures: any oddity is UVSSH_EKEYFORMAT, trailing bytes, unequal check
 * numbers and wrong padding too; an encrypted file is UVSSH_EPASSPHRASE.
 *
 * Never reads a file: text in, key out. Never keeps decoded secrets: the
 * buffers wipe themselves.
 */
#include "key/key.h"

#define BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"
#define END "-----END OPENSSH PRIVATE KEY-----"
#define MAGIC "openssh-key-v1"     /* and its NUL */
#define BLOCK 8                    /* of the cipher "none" */
#define COLUMNS 70
#define TEXT_MAX 65536

static int is_space(uint8_t c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int only_space(str_t s) {
  size_t i;
  for (i = 0; i < s.len; i++)
    if (!is_space(s.base[i]))
      return 0;
  return 1;
}

static void skip(str_t* s, size_t n) {
  s->base += n;
  s->len -= n;
}

static int starts_with(str_t s, str_t with) {
  return s.len >= with.len && memcmp(s.base, with.base, with.len) == 0;
}

/* ---- reading ------------------------------------------------------------- */

/* The padding is 1, 2, 3 ... up to a whole block; some pad to larger ones. */
static int read_padding(rd_t* r) {
  str_t padding = rd_rest(r);
  size_t i;

  if (padding.len > 255)
    return UVSSH_EKEYFORMAT;
  for (i = 0; i < padding.len; i++)
    if (padding.base[i] != i + 1)
      return UVSSH_EKEYFORMAT;
  return 0;
}

/* The blob of the file is that of the key that was made from the secret. */
static int check_public_half(const uvssh_key_t* key) {
  struct buf made = { 0 };
  str_t blob = { key->blob, key->blob_len };
  int err = 0;

  wr_cstr(&made, key->type->name);
  key->type->write_public(key->state, &made);
  if (made.bad)
    err = UV_ENOMEM;
  else if (!str_eq(str_of_buf(&made), blob))
    err = UVSSH_EKEYFORMAT;
  uvssh__buf_free(&made);
  return err;
}

/* The private section, into a key that has only its blob. */
static int read_section(uvssh_key_t* key, str_t section) {
  rd_t r = rd_of(section.base, section.len);
  uint32_t check = rd_u32(&r);
  int same = check == rd_u32(&r);
  str_t name = rd_str(&r);
  int err;

  if (r.bad || !same || section.len % BLOCK != 0 ||
      !str_is(name, key->type->name))
    return UVSSH_EKEYFORMAT;
  err = key->type->read_private(key->type, key->state, &r);
  if (err != 0)
    return err;
  (void) rd_str(&r);               /* comment */
  if (r.bad || read_padding(&r) != 0)
    return UVSSH_EKEYFORMAT;
  return check_public_half(key);
}

/* How it is protected; 0 when not at all. */
static int read_protection(rd_t* r) {
  str_t cipher = rd_text(r);
  str_t kdf = rd_text(r);
  str_t options = rd_str(r);

  if (r->bad)
    return UVSSH_EKEYFORMAT;
  if (str_is(cipher, "none") && str_is(kdf, "none") && options.len == 0)
    return 0;
  if (!str_is(cipher, "none") && str_is(kdf, "bcrypt"))
    return UVSSH_EPASSPHRASE;
  return UVSSH_EKEYFORMAT;
}

static int read_container(uvssh_key_t** key, str_t bytes) {
  rd_t r = rd_of(bytes.base, bytes.len);
  const uint8_t* magic = rd_take(&r, sizeof(MAGIC));
  const struct key_type* type;
  str_t blob, section;
  uvssh_key_t* made;
  rd_t name;
  int err;

  if (magic == NULL || memcmp(magic, MAGIC, sizeof(MAGIC)) != 0)
    return UVSSH_EKEYFORMAT;
  err = read_protection(&r);
  if (err != 0)
    return err;
  if (rd_u32(&r) != 1)             /* number of keys */
    return UVSSH_EKEYFORMAT;
  blob = rd_str(&r);
  section = rd_str(&r);
  if (rd_end(&r) != 0)
    return UVSSH_EKEYFORMAT;
  name = rd_of(blob.base, blob.len);
  type = uvssh__key_type_find(rd_str(&name));
  if (name.bad || type == NULL)
    return UVSSH_EKEYFORMAT;
  err = uvssh__key_create(&made, type, blob);
  if (err != 0)
    return err;
  err = read_section(made, section);
  if (err == 0)
    *key = made;
  else
    uvssh_key_unref(made);
  return err;
}

/* Cuts `text` at the first place where `mark` begins; 0 when there is none. */
static int cut(str_t text, str_t mark, str_t* before, str_t* behind) {
  str_t rest = text;

  for (; rest.len >= mark.len; skip(&rest, 1)) {
    if (!starts_with(rest, mark))
      continue;
    before->base = text.base;
    before->len = text.len - rest.len;
    skip(&rest, mark.len);
    *behind = rest;
    return 1;
  }
  return 0;
}

/* Takes END and the space behind it off the text's end: what is before it is
 * secret, and not looked at. */
static int cut_end(str_t* text) {
  str_t last;

  while (text->len != 0 && is_space(text->base[text->len - 1]))
    text->len--;
  if (text->len < sizeof(END) - 1)
    return 0;
  text->len -= sizeof(END) - 1;
  last.base = text->base + text->len;
  last.len = sizeof(END) - 1;
  return str_is(last, END);
}

/* A NUL, and a second END, are no base64. */
static int parse_private(uvssh_key_t** key, str_t body) {
  struct buf bytes = { .secret = 1 };
  int err;

  skip(&body, sizeof(BEGIN) - 1);
  if (!cut_end(&body))
    return UVSSH_EKEYFORMAT;
  if (body.len == 0 || (body.base[0] != '\n' && body.base[0] != '\r'))
    return UVSSH_EKEYFORMAT;
  err = uvssh__base64_read(&bytes, body, "\r\n");
  if (err == 0)
    err = read_container(key, str_of_buf(&bytes));
  uvssh__buf_free(&bytes);
  uvssh__wipe_stack();
  return err;
}

/* "name base64 [comment]" and nothing on a second line. */
static int parse_line(uvssh_key_t** key, str_t text) {
  struct buf blob = { 0 };
  uvssh_key_t* made = NULL;
  str_t line = text, rest, name, base64;
  int err;

  if (cut(text, STR("\n"), &line, &rest) && !only_space(rest))
    return UVSSH_EKEYFORMAT;
  if (!cut(line, STR(" "), &name, &rest))
    return UVSSH_EKEYFORMAT;
  if (!cut(rest, STR(" "), &base64, &rest))
    base64 = rest;
  while (base64.len != 0 && is_space(base64.base[base64.len - 1]))
    base64.len--;                  /* the CR of a line without a comment */
  err = uvssh__base64_read(&blob, base64, NULL);
  if (err == 0)
    err = uvssh__key_from_blob(&made, str_of_buf(&blob));
  if (err == 0 && !str_is(name, made->type->name)) {
    uvssh_key_unref(made);
    err = UVSSH_EKEYFORMAT;
  }
  if (err == 0)
    *key = made;
  uvssh__buf_free(&blob);
  return err;
}

int uvssh_key_parse(uvssh_key_t** key,
                    const char* text,
                    size_t len,
                    const char* passphrase) {
  str_t s = { (const uint8_t*) text, len };
  int err = uvssh__crypto_init();

  if (err != 0)
    return err;
  if (key == NULL || (text == NULL && len != 0))
    return UV_EINVAL;
  if (len == 0 || len > TEXT_MAX)
    return UVSSH_EKEYFORMAT;
  if (starts_with(s, STR(BEGIN)))
    return parse_private(key, s);
  return memchr(text, 0, len) != NULL ? UVSSH_EKEYFORMAT : parse_line(key, s);
}

/* ---- writing ------------------------------------------------------------- */

static void write_section(const uvssh_key_t* key,
                          const char* comment,
                          struct buf* section) {
  uint8_t check[4];
  uint8_t pad = 0;

  uvssh__random(check, sizeof(check));
  wr_bytes(section, check, sizeof(check));
  wr_bytes(section, check, sizeof(check));
  wr_cstr(section, key->type->name);
  key->type->write_private(key->state, section);
  wr_cstr(section, comment);
  while (!section->bad && section->len % BLOCK != 0)
    wr_u8(section, ++pad);
}

static void write_container(const uvssh_key_t* key,
                            const char* comment,
                            struct buf* bytes) {
  struct buf section = { .secret = 1 };

  write_section(key, comment, &section);
  wr_bytes(bytes, MAGIC, sizeof(MAGIC));
  wr_cstr(bytes, "none");          /* cipher */
  wr_cstr(bytes, "none");          /* kdf */
  wr_u32(bytes, 0);                /* its options */
  wr_u32(bytes, 1);                /* keys */
  wr_str(bytes, key->blob, key->blob_len);
  wr_str(bytes, section.base, section.len);
  bytes->bad |= section.bad;
  uvssh__buf_free(&section);
}

static void write_columns(struct buf* text, str_t base64) {
  while (base64.len != 0) {
    size_t n = base64.len < COLUMNS ? base64.len : COLUMNS;
    wr_bytes(text, base64.base, n);
    wr_u8(text, '\n');
    skip(&base64, n);
  }
}

int uvssh__key_write(const uvssh_key_t* key,
                     const char* comment,
                     struct buf* text) {
  struct buf bytes = { .secret = 1 };
  struct buf base64 = { .secret = 1 };
  int bad;

  if (!uvssh_key_has_secret(key) || key_is_external(key))
    return UV_EINVAL;
  text->secret = 1;
  write_container(key, comment == NULL ? "" : comment, &bytes);
  uvssh__base64_write(&base64, str_of_buf(&bytes), 1);
  wr_bytes(text, BEGIN "\n", sizeof(BEGIN));
  write_columns(text, str_of_buf(&base64));
  wr_bytes(text, END "\n", sizeof(END));
  bad = text->bad || base64.bad || bytes.bad;
  uvssh__buf_free(&base64);
  uvssh__buf_free(&bytes);
  uvssh__wipe_stack();
  return bad ? UV_ENOMEM : 0;
}
