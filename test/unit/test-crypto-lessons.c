/* Faults of other implementations that no other test of this folder holds: one
 * test each, by the number of its row in docs/lessons.md. */
#include "check.h"

#include "crypto/crypto.h"
#include "key/key.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- 31: two processes, two streams of randomness ------------------------
 * CVE-2014-0017: children of a fork shared the state of a generator. */

struct drawn {
  uint8_t cookie[16];
  uint8_t secret[32];
  uint8_t blob[64];
};

static void draw(struct drawn* d) {
  struct buf secret = { 0 };
  struct buf q_c = { 0 };
  uvssh_key_t* key;
  size_t len;
  const uint8_t* blob;

  memset(d, 0, sizeof(*d));
  uvssh__random(d->cookie, sizeof(d->cookie));
  if (uvssh__curve25519.start(STR(""), &secret, &q_c) != 0 ||
      uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0) != 0)
    _exit(1);
  memcpy(d->secret, secret.base, sizeof(d->secret));
  blob = uvssh_key_blob(key, &len);
  memcpy(d->blob, blob, len < sizeof(d->blob) ? len : sizeof(d->blob));
  uvssh_key_unref(key);
  uvssh__buf_free(&secret);
  uvssh__buf_free(&q_c);
}

static void child(int fd) {
  struct drawn d;

  draw(&d);
  _exit(write(fd, &d, sizeof(d)) == (ssize_t) sizeof(d) ? 0 : 1);
}

TEST(lesson_31_children_of_a_fork_draw_differently) {
  struct drawn d[3];
  size_t i, k;
  int fds[2];
  int status;
  pid_t pid;

  CHECK_EQ(uvssh__crypto_init(), 0);
  draw(&d[2]);                     /* as before, and the parent's own */
  CHECK_EQ(pipe(fds), 0);
  for (i = 0; i < 2; i++) {
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
      child(fds[1]);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    CHECK_EQ(read(fds[0], &d[i], sizeof(d[i])), sizeof(d[i]));
  }
  close(fds[0]);
  close(fds[1]);
  draw(&d[2]);
  for (i = 0; i < 3; i++)
    for (k = 0; k < i; k++) {
      CHECK(memcmp(d[i].cookie, d[k].cookie, sizeof(d[i].cookie)) != 0);
      CHECK(memcmp(d[i].secret, d[k].secret, sizeof(d[i].secret)) != 0);
      CHECK(memcmp(d[i].blob, d[k].blob, sizeof(d[i].blob)) != 0);
    }
}

/* ---- 81, 82, 96: names that are nowhere ---------------------------------- */

TEST(lesson_81_82_96_what_is_not_built_cannot_be_asked_for) {
  static const char* const names[] = {
    "none", "aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc",
    "blowfish-cbc", "cast128-cbc", "arcfour", "arcfour128", "arcfour256", "des-cbc",
    "rijndael-cbc@lysator.liu.se", "hmac-md5", "hmac-md5-96", "hmac-sha1",
    "hmac-sha1-96", "hmac-sha1-etm@openssh.com", "hmac-ripemd160",
    "umac-64@openssh.com", "diffie-hellman-group1-sha1",
    "diffie-hellman-group14-sha1", "diffie-hellman-group18-sha512",
    "diffie-hellman-group-exchange-sha1",
    "ssh-dss", "ssh-rsa", "delayed-zlib", "zip"
  };
  unsigned kind;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(names); i++) {
    NOTE("%s", names[i]);
    CHECK(uvssh__kex_find(str_of(names[i])) == NULL);
    CHECK(uvssh__cipher_find(str_of(names[i])) == NULL);
    CHECK(uvssh__mac_find(str_of(names[i])) == NULL);
    CHECK(uvssh__sign_find(str_of(names[i])) == NULL);
    for (kind = ALGO_KEX; kind <= ALGO_COMPRESSION; kind++)
      CHECK(strcmp(names[i], "none") == 0 ||
            !uvssh__namelist_has(str_of(uvssh__algo_known((enum algo) kind)),
                                 str_of(names[i])));
  }
}

/* ---- 106: the nonces of AES-GCM ------------------------------------------
 * RFC 5647 as OpenSSH does it: 4 bytes that stay and 8 that count packets; a
 * sequence number that goes back to 0, as in a strict exchange, is no matter. */

enum { SIZE = 4 + 16 + 16, PACKETS = 1000 };

static void gcm(struct keys* keys, const struct cipher_alg* alg,
                const uint8_t* iv, int sealing) {
  static const uint8_t key[32] = { 7 };

  memset(keys, 0, sizeof(*keys));
  CHECK_EQ(uvssh__keys_init(keys, alg, NULL, key, iv, NULL, sealing), 0);
}

/* Always the same packet, with the same sequence number. */
static void seal(struct keys* keys, uint8_t* out) {
  memset(out, 0, SIZE);
  put_u32(out, 16);
  out[4] = 10;
  CHECK_EQ(uvssh__seal(keys, 0, out, 10, NULL, 0, 10), 0);
}

static int by_bytes(const void* a, const void* b) {
  return memcmp(a, b, SIZE);
}

static void nonces(const struct cipher_alg* alg) {
  static uint8_t packets[PACKETS][SIZE];
  static uint8_t copy[PACKETS][SIZE];
  static const uint8_t start[12] = { 1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff,
                                     0xff, 0xff, 0xfe, 0xff };
  static const uint8_t wrapped[12] = { 1, 2, 3, 4 };
  uint8_t end[12] = { 1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff,
                      0xff, 0xff, 0xff, 0xff };
  struct keys a, b;
  uint32_t length;
  size_t i;

  gcm(&a, alg, start, 1);
  gcm(&b, alg, start, 0);
  for (i = 0; i < PACKETS; i++) {
    seal(&a, packets[i]);
    memcpy(copy[i], packets[i], SIZE);
    CHECK_EQ(uvssh__open_length(&b, (uint32_t) i, copy[i], &length), 0);
    CHECK_EQ(length, 16);
    CHECK_EQ(uvssh__open(&b, (uint32_t) i, copy[i], length), 0);
  }
  uvssh__keys_free(&a);
  uvssh__keys_free(&b);
  qsort(packets, PACKETS, SIZE, by_bytes);
  for (i = 1; i < PACKETS; i++)
    CHECK(memcmp(packets[i - 1], packets[i], SIZE) != 0);

  /* The count comes round within its 8 bytes. */
  gcm(&a, alg, end, 1);
  gcm(&b, alg, wrapped, 1);
  seal(&a, packets[0]);
  seal(&a, packets[1]);
  seal(&b, packets[2]);
  CHECK_MEM(packets[1], SIZE, packets[2], SIZE);
  uvssh__keys_free(&a);
  uvssh__keys_free(&b);
}

TEST(lesson_106_nonces_count_packets_and_never_repeat) {
  CHECK_EQ(uvssh__crypto_init(), 0);
  nonces(&uvssh__aes256_gcm);
  nonces(&uvssh__aes256_gcm_portable);
}
