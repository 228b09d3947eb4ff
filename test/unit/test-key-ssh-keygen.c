/* Key files exchanged with ssh-keygen, where there is one. */
#include "check.h"
#include "folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys.h"

static char folder[256];

/* What a command prints; its exit status. */
static int run(char* out, size_t size, const char* format, const char* path) {
  char command[1024];
  FILE* f;
  size_t n;

  snprintf(command, sizeof(command), format, path);
  f = popen(command, "r");
  CHECK(f != NULL);
  n = fread(out, 1, size - 1, f);
  out[n] = '\0';
  return pclose(f);
}

static void path_of(char* out, size_t size, const char* name) {
  CHECK((size_t) snprintf(out, size, "%s/%s", folder, name) < size);
}

static void setup(void) {
  char text[64];

  if (run(text, sizeof(text), "command -v %s", "ssh-keygen") != 0)
    SKIP("no ssh-keygen here");
  folder_make(folder, sizeof(folder));
}

static void remove_file(const char* name) {
  char path[512];
  path_of(path, sizeof(path), name);
  unlink(path);
}

static void teardown(void) {
  CHECK(folder_drop(folder) <= 2);
}

static void write_file(const char* path, const struct buf* text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

  CHECK(fd >= 0);
  CHECK_EQ(write(fd, text->base, text->len), text->len);
  CHECK_EQ(close(fd), 0);
}

static int read_key(uvssh_key_t** key, const char* name) {
  char path[512];
  char text[8192];
  size_t n;
  FILE* f;

  path_of(path, sizeof(path), name);
  f = fopen(path, "r");
  CHECK(f != NULL);
  n = fread(text, 1, sizeof(text), f);
  fclose(f);
  return uvssh_key_parse(key, text, n, NULL);
}

static void show(char* out, size_t size, const uvssh_key_t* key,
                 int (*what)(const uvssh_key_t*, char*, size_t*)) {
  size_t len = size;
  CHECK_EQ(what(key, out, &len), 0);
}

static void check_begins(const char* text, const char* with) {
  CHECK_MEM(text, strnlen(text, strlen(with)), with, strlen(with));
}

TEST(ssh_keygen_reads_ours) {
  static const char* const comments[] = { "", "a", "comment of a key",
                                          "12345678" };
  char path[512], out[1024], want[256], fingerprint[100];
  size_t i;

  setup();
  path_of(path, sizeof(path), "k");
  for (i = 0; i < ARRAY_SIZE(comments); i++) {
    struct buf text = { 0 };
    uvssh_key_t* key;
    CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0), 0);
    CHECK_EQ(uvssh__key_write(key, comments[i], &text), 0);
    write_file(path, &text);

    show(want, sizeof(want), key, uvssh_key_public_line);
    CHECK_EQ(run(out, sizeof(out), "ssh-keygen -y -f '%s' 2>&1", path), 0);
    check_begins(out, want);

    show(fingerprint, sizeof(fingerprint), key, uvssh_key_fingerprint);
    snprintf(want, sizeof(want), "256 %s ", fingerprint);
    CHECK_EQ(run(out, sizeof(out), "ssh-keygen -l -f '%s' 2>&1", path), 0);
    check_begins(out, want);
    CHECK(strstr(out, comments[i]) != NULL);

    remove_file("k");
    uvssh__buf_free(&text);
    uvssh_key_unref(key);
  }
  teardown();
}

TEST(ssh_keygen_reads_our_line) {
  char path[512], out[1024], want[256], fingerprint[100];
  struct buf text = { 0 };
  uvssh_key_t* key;

  setup();
  path_of(path, sizeof(path), "k");
  CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0), 0);
  show(want, sizeof(want), key, uvssh_key_public_line);
  wr_bytes(&text, want, strlen(want));
  wr_u8(&text, '\n');
  write_file(path, &text);
  show(fingerprint, sizeof(fingerprint), key, uvssh_key_fingerprint);
  snprintf(want, sizeof(want), "256 %s ", fingerprint);
  CHECK_EQ(run(out, sizeof(out), "ssh-keygen -l -f '%s' 2>&1", path), 0);
  check_begins(out, want);
  uvssh__buf_free(&text);
  uvssh_key_unref(key);
  teardown();
}

TEST(ssh_keygen_writes_for_us) {
  static const char* const comments[] = { "", "a", "ab", "abc", "abcd", "abcde",
                                          "abcdef", "abcdefg", "a b c" };
  char path[512], out[1024], want[256], command[256];
  uvssh_key_t *key, *public_key;
  size_t i;

  setup();
  path_of(path, sizeof(path), "k");
  for (i = 0; i < ARRAY_SIZE(comments); i++) {
    snprintf(command, sizeof(command),
             "ssh-keygen -q -t ed25519 -N '' -C '%s' -f '%%s' 2>&1",
             comments[i]);
    CHECK_EQ(run(out, sizeof(out), command, path), 0);
    CHECK_EQ(read_key(&key, "k"), 0);
    CHECK_EQ(read_key(&public_key, "k.pub"), 0);
    CHECK(uvssh_key_has_secret(key) && !uvssh_key_has_secret(public_key));
    CHECK(uvssh_key_equal(key, public_key));
    show(want, sizeof(want), key, uvssh_key_fingerprint);
    CHECK_EQ(run(out, sizeof(out), "ssh-keygen -l -f '%s' 2>&1", path), 0);
    CHECK(strstr(out, want) != NULL);
    uvssh_key_unref(key);
    uvssh_key_unref(public_key);
    remove_file("k");
    remove_file("k.pub");
  }
  teardown();
}

/* One row a type, both ways: public halves and fingerprints are the same. */
TEST(ssh_keygen_reads_ours_of_each_type) {
  char path[512], out[1024], want[256];
  size_t i;

  setup();
  path_of(path, sizeof(path), "k");
  for (i = 0; i < KEY_ROWS; i++) {
    uvssh_key_t* key = key_of_row(&key_rows[i]);
    struct buf text = { 0 };
    NOTE("%s", key_rows[i].name);
    CHECK_EQ(uvssh__key_write(key, "comment", &text), 0);
    write_file(path, &text);
    CHECK_EQ(run(out, sizeof(out), "ssh-keygen -y -f '%s' 2>&1", path), 0);
    check_begins(out, key_rows[i].line);
    snprintf(want, sizeof(want), "%u %s comment ", key_rows[i].bits,
             key_rows[i].fingerprint);
    CHECK_EQ(run(out, sizeof(out), "ssh-keygen -l -f '%s' 2>&1", path), 0);
    check_begins(out, want);
    remove_file("k");
    uvssh__buf_free(&text);
    uvssh_key_unref(key);
  }
  teardown();
}

static const char* type_word(uvssh_key_type type) {
  return type == UVSSH_KEY_ED25519 ? "ed25519"
         : type == UVSSH_KEY_ECDSA ? "ecdsa"
                                   : "rsa";
}

TEST(ssh_keygen_writes_for_us_each_type) {
  char path[512], out[1024], want[256], command[256];
  uvssh_key_t *key, *public_key;
  size_t i;

  setup();
  path_of(path, sizeof(path), "k");
  for (i = 0; i < KEY_ROWS; i++) {
    NOTE("%s", key_rows[i].name);
    snprintf(command, sizeof(command),
             "ssh-keygen -q -t %s -b %u -N '' -C test -f '%%s' 2>&1",
             type_word(key_rows[i].type), key_rows[i].bits);
    CHECK_EQ(run(out, sizeof(out), command, path), 0);
    CHECK_EQ(read_key(&key, "k"), 0);
    CHECK_EQ(read_key(&public_key, "k.pub"), 0);
    CHECK_STR(uvssh_key_name(key), key_rows[i].name);
    CHECK(uvssh_key_has_secret(key) && uvssh_key_equal(key, public_key));
    show(want, sizeof(want), key, uvssh_key_fingerprint);
    CHECK_EQ(run(out, sizeof(out), "ssh-keygen -l -f '%s' 2>&1", path), 0);
    CHECK(strstr(out, want) != NULL);
    uvssh_key_unref(key);
    uvssh_key_unref(public_key);
    remove_file("k");
    remove_file("k.pub");
  }
  teardown();
}

TEST(ssh_keygen_encrypts) {
  char path[512], out[1024];
  uvssh_key_t* none = NULL;

  setup();
  path_of(path, sizeof(path), "k");
  CHECK_EQ(run(out, sizeof(out),
               "ssh-keygen -q -t ed25519 -a 1 -N secret -f '%s' 2>&1", path),
           0);
  CHECK_EQ(read_key(&none, "k"), UVSSH_EPASSPHRASE);
  CHECK(none == NULL);
  teardown();
}

/* Below our bounds, and in a form that is not read. */
TEST(ssh_keygen_refused) {
  static const struct {
    const char* command;
    int public_err;
  } rows[] = {
    { "ssh-keygen -q -t rsa -b 1024 -N '' -f '%s' 2>&1", UVSSH_EKEYFORMAT },
    { "ssh-keygen -q -t rsa -b 2048 -m PEM -N '' -f '%s' 2>&1", 0 },
    { "ssh-keygen -q -t ecdsa -m PEM -N '' -f '%s' 2>&1", 0 }
  };
  char path[512], out[1024];
  size_t i;

  setup();
  path_of(path, sizeof(path), "k");
  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    uvssh_key_t* none = NULL;
    uvssh_key_t* half = NULL;
    NOTE("%s", rows[i].command);
    CHECK_EQ(run(out, sizeof(out), rows[i].command, path), 0);
    CHECK_EQ(read_key(&none, "k"), UVSSH_EKEYFORMAT);
    CHECK_EQ(read_key(&half, "k.pub"), rows[i].public_err);
    CHECK(none == NULL);
    uvssh_key_unref(half);
    remove_file("k");
    remove_file("k.pub");
  }
  teardown();
}
