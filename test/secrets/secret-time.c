/* secret-time.c: to be run under valgrind's memcheck: secrets are memory that
 * is not initialised, and wherever a branch, an index or a system call depends
 * on one, memcheck says so. test-time.py runs it and reads what was said.
 *
 * What is secret and what is public of it: watch.c, and here: passwords and the
 * text of key files are secret from the beginning, but for their length.
 *
 * Without valgrind it does the same and can find nothing. */
#include <sodium.h>
#include <valgrind/memcheck.h>

#include "both.h"
#include "crypto/crypto.h"
#include "keys.h"
#include "watch.h"

static unsigned told[WATCH_KINDS]; /* so that a test that tests nothing fails */

void watch_secret(enum watch_kind kind, const void* base, size_t len) {
  __atomic_add_fetch(&told[kind], 1, __ATOMIC_RELAXED);
  VALGRIND_MAKE_MEM_UNDEFINED(base, len);
}

void watch_public(const void* base, size_t len) {
  VALGRIND_MAKE_MEM_DEFINED(base, len);
}

/* ---- exceptions, each by the function that makes it ---------------------- */

/* C's texts end in NUL: how long one is, is public, nothing else of it. */
size_t __wrap_strlen(const char* text);

size_t __wrap_strlen(const char* text) {
  size_t n = 0;
  char c;

  for (;; n++) {
    c = text[n];
    VALGRIND_MAKE_MEM_DEFINED(&c, 1);
    if (c == '\0')
      return n;
  }
}

/* libsodium's decoder asks of each character whether it is base64: its time is
 * that of the length, where all of them are. The text is public to it, and what
 * comes out is as secret as it was. */
static size_t decoded_secret_at;   /* of the container, what is secret in it */
static size_t decoded_secret_len;

int __real_sodium_base642bin(unsigned char* bin,
                             size_t room,
                             const char* text,
                             size_t text_len,
                             const char* skip,
                             size_t* bin_len,
                             const char** end,
                             int variant);
int __wrap_sodium_base642bin(unsigned char* bin,
                             size_t room,
                             const char* text,
                             size_t text_len,
                             const char* skip,
                             size_t* bin_len,
                             const char** end,
                             int variant);

int __wrap_sodium_base642bin(unsigned char* bin,
                             size_t room,
                             const char* text,
                             size_t text_len,
                             const char* skip,
                             size_t* bin_len,
                             const char** end,
                             int variant) {
  int rc;

  VALGRIND_MAKE_MEM_DEFINED(text, text_len);
  rc = __real_sodium_base642bin(bin, room, text, text_len, skip, bin_len, end,
                                variant);
  if (rc == 0 && decoded_secret_len != 0)
    watch_secret(WATCH_SEED, bin + decoded_secret_at, decoded_secret_len);
  return rc;
}

/* Whether anything was odd among all bytes, is a verdict. */
int __real_sodium_is_zero(const unsigned char* base, size_t len);
int __wrap_sodium_is_zero(const unsigned char* base, size_t len);

int __wrap_sodium_is_zero(const unsigned char* base, size_t len) {
  int zero = __real_sodium_is_zero(base, len);

  VALGRIND_MAKE_MEM_DEFINED(&zero, sizeof(zero));
  return zero;
}

/* ---- each test: how many findings it made -------------------------------- */

static unsigned findings_before;

static void begin(void) {
  memset(told, 0, sizeof(told));
  findings_before = VALGRIND_COUNT_ERRORS;
}

static unsigned findings(void) {
  return VALGRIND_COUNT_ERRORS - findings_before;
}

static void secret_bytes(void* base, size_t len) {
  randombytes_buf(base, len);
  VALGRIND_MAKE_MEM_UNDEFINED(base, len);
}

/* ---- controls: what must be found ---------------------------------------- */

static volatile unsigned sink;
static volatile uint8_t table[256];

static __attribute__((noinline)) void branch(const uint8_t* secret) {
  if (secret[0] & 1)
    sink++;
}

static __attribute__((noinline)) void look_up(const uint8_t* secret) {
  sink += table[secret[1]];
}

static __attribute__((noinline)) void compare(const uint8_t* secret) {
  static const uint8_t guess[32] = { 1, 2, 3 };

  if (memcmp(secret, guess, sizeof(guess)) == 0)
    sink++;
}

static __attribute__((noinline)) void compare_well(const uint8_t* secret) {
  static const uint8_t guess[32] = { 1, 2, 3 };

  if (uvssh__equal(secret, guess, sizeof(guess)))
    sink++;
}

TEST(time_control) {
  static void (*const wrong[])(const uint8_t* secret) = { branch, look_up,
                                                          compare };
  uint8_t secret[32];
  size_t i;

  if (!RUNNING_ON_VALGRIND)
    SKIP("not under valgrind");
  for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
    NOTE("control %zu", i);
    secret_bytes(secret, sizeof(secret));
    begin();
    wrong[i](secret);
    CHECK(findings() != 0);
  }
  secret_bytes(secret, sizeof(secret));
  begin();
  compare_well(secret);
  CHECK_EQ(findings(), 0);
}

/* ---- keys ---------------------------------------------------------------- */

static void secret_random(void* out, size_t len) {
  randombytes_buf(out, len);
  if (len == crypto_sign_SEEDBYTES)
    VALGRIND_MAKE_MEM_UNDEFINED(out, len);
}

static void sign_with(const uvssh_key_t* key) {
  static const char text[] = "what is signed";
  const struct sign_alg* alg = uvssh__sign_next(key, NULL);
  struct buf signature = { 0 };

  CHECK_EQ(uvssh__key_sign(key, alg, text, sizeof(text), &signature), 0);
  CHECK_EQ(uvssh__key_verify(key, alg, text, sizeof(text),
                             str_of_buf(&signature)), 0);
  uvssh__buf_free(&signature);
}

/* Made, used, written to a text, and read from it again. */
TEST(time_of_a_key) {
  void (*source)(void*, size_t) = uvssh__random_source;
  struct buf text = { .secret = 1 };
  uvssh_key_t* key;
  uvssh_key_t* again;
  char* from;
  char* to;

  begin();
  uvssh__random_source = secret_random;
  CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0), 0);
  uvssh__random_source = source;
  sign_with(key);
  CHECK_EQ(uvssh__key_write(key, "", &text), 0);

  /* All between the two lines is secret; of what it decodes to, the seed and
   * the public half behind it, in front of an empty comment and padding. */
  VALGRIND_MAKE_MEM_DEFINED(text.base, text.len);
  from = memchr(text.base, '\n', text.len);
  to = (char*) text.base + text.len - 35;
  CHECK(from != NULL && memcmp(to, "\n-----END", 9) == 0);
  VALGRIND_MAKE_MEM_UNDEFINED(from + 1, to - from - 1);
  decoded_secret_at = 161;
  decoded_secret_len = 32;
  CHECK_EQ(uvssh_key_parse(&again, (char*) text.base, text.len, NULL), 0);
  decoded_secret_len = 0;
  CHECK(uvssh_key_equal(key, again));
  sign_with(again);
  CHECK(told[WATCH_SEED] >= 3);
  CHECK(told[WATCH_SCALAR] >= 2);
  CHECK_EQ(findings(), 0);
  uvssh_key_unref(again);
  uvssh_key_unref(key);
  uvssh__buf_free(&text);
}

/* Of ECDSA and RSA only what mbedTLS does itself may look at the secret
 * (libraries.supp): nothing of ours before it, nor behind it. What is read from
 * a file is checked with mbedTLS, and not watched. */
TEST(time_of_blinded_signatures) {
  size_t i;

  for (i = 0; i < KEY_ROWS; i++) {
    uvssh_key_t* key;
    if (key_rows[i].type == UVSSH_KEY_ED25519)
      continue;
    NOTE("%s", key_rows[i].name);
    key = key_of_row(&key_rows[i]);
    begin();
    sign_with(key);
    CHECK(told[WATCH_NUMBER] >= 2);
    CHECK_EQ(findings(), 0);
    uvssh_key_unref(key);
  }
}

/* ---- packets ------------------------------------------------------------- */

static const struct {
  const char* name;
  const struct cipher_alg* cipher;
  const struct mac_alg* mac;
} suites[] = {
  { "chacha", &uvssh__chacha20_poly1305, NULL },
  { "gcm", &uvssh__aes256_gcm, NULL },
  { "gcm portable", &uvssh__aes256_gcm_portable, NULL },
  { "ctr etm", &uvssh__aes256_ctr, &uvssh__hmac_sha256_etm },
  { "ctr mac", &uvssh__aes256_ctr, &uvssh__hmac_sha256 },
  { "gcm 128", &uvssh__aes128_gcm, NULL },
  { "ctr 192 etm 512", &uvssh__aes192_ctr, &uvssh__hmac_sha512_etm },
  { "ctr 128 mac 512", &uvssh__aes128_ctr, &uvssh__hmac_sha512 }
};

/* mbedTLS has tables for where the processor cannot do AES, and a table is not
 * read in constant time. */
static int is_known_to_tell(const struct cipher_alg* cipher) {
  CHECK_EQ(uvssh__crypto_init(), 0);
  return cipher != &uvssh__chacha20_poly1305 &&
         !crypto_aead_aes256gcm_is_available();
}

/* Its content is secret, too: as a password is. */
static void carry(struct keys* sealing, struct keys* opening, size_t body_len,
                  int spoil) {
  uint8_t body[6000];
  uint8_t out[6100];
  size_t clear = sealing->clear;
  size_t tail = 4 + 16 - (6 + body_len + 4 - clear) % 16;
  uint32_t n = (uint32_t) (2 + body_len + tail);
  uint32_t len;
  int err;

  put_u32(out, n);
  out[4] = (uint8_t) tail;
  out[5] = 90;
  randombytes_buf(out + 6 + body_len, tail);
  secret_bytes(body, sizeof(body));
  CHECK_EQ(uvssh__seal(sealing, 3, out, 6, body, body_len, tail), 0);
  if (spoil)
    out[4 + n + sealing->tag_size - 1] ^= 1;
  CHECK_EQ(uvssh__open_length(opening, 3, out, &len), 0);
  CHECK_EQ(len, n);
  err = uvssh__open(opening, 3, out, len);
  CHECK_EQ(err, spoil ? UVSSH_EMAC : 0);
  VALGRIND_MAKE_MEM_DEFINED(body, sizeof(body));
  if (!spoil)
    CHECK_MEM(out + 6, body_len, body, body_len);
}

TEST(time_of_packets) {
  static const size_t sizes[] = { 0, 1, 30, 200, 500, 700, 4100, 5000 };
  struct keys sealing, opening;
  uint8_t key[64], iv[16], mac_key[32];
  size_t i, k;

  for (i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
    if (is_known_to_tell(suites[i].cipher))
      continue;
    NOTE("%s", suites[i].name);
    memset(&sealing, 0, sizeof(sealing));
    memset(&opening, 0, sizeof(opening));
    secret_bytes(key, sizeof(key));
    secret_bytes(iv, sizeof(iv));
    secret_bytes(mac_key, sizeof(mac_key));
    begin();
    CHECK_EQ(uvssh__keys_init(&sealing, suites[i].cipher, suites[i].mac, key,
                              iv, mac_key, 1), 0);
    CHECK_EQ(uvssh__keys_init(&opening, suites[i].cipher, suites[i].mac, key,
                              iv, mac_key, 0), 0);
    for (k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
      carry(&sealing, &opening, sizes[k], 0);
    carry(&sealing, &opening, 100, 1);
    uvssh__keys_free(&sealing);
    uvssh__keys_free(&opening);
    CHECK_EQ(findings(), 0);
  }
}

/* ---- key exchange -------------------------------------------------------- */

/* Both sides agree, unless somebody changes what the server says. */
static void exchange(const struct kex_alg* kex, int spoil) {
  struct buf c = { 0 }, s = { 0 };
  struct buf k_s = { .secret = 1 }, k_c = { .secret = 1 };
  struct buf secret = { .secret = 1 };

  CHECK_EQ(kex->start(STR(""), &secret, &c), 0);
  CHECK_EQ(kex->respond(STR(""), str_of_buf(&c), &s, &k_s), 0);
  if (spoil)
    s.base[0] ^= 1;
  CHECK_EQ(kex->finish(STR(""), str_of_buf(&secret), str_of_buf(&s), &k_c), 0);
  if (!spoil)
    CHECK_EQ(k_s.len, k_c.len);
  CHECK_EQ(k_s.len == k_c.len && uvssh__equal(k_s.base, k_c.base, k_s.len),
           !spoil);
  uvssh__buf_free(&secret);
  uvssh__buf_free(&c);
  uvssh__buf_free(&s);
  uvssh__buf_free(&k_s);
  uvssh__buf_free(&k_c);
}

TEST(time_of_an_exchange) {
  static const struct {
    const struct kex_alg* kex;
    unsigned drawn;                /* by a KEM, in one exchange */
    unsigned shared;
  } rows[] = {
    { &uvssh__curve25519, 0, 0 },
    { &uvssh__mlkem768x25519, 2, 2 },
    { &uvssh__sntrup761x25519, 4, 2 }
  };
  size_t i;

  for (i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
    size_t row = i / 2;            /* what was changed must not show either */
    NOTE("%s", rows[row].kex->name);
    begin();
    exchange(rows[row].kex, i % 2);
    CHECK_EQ(told[WATCH_EPHEMERAL], 2);
    CHECK_EQ(told[WATCH_SHARED], 2);
    CHECK_EQ(told[WATCH_KEM_EPHEMERAL], rows[row].drawn);
    CHECK_EQ(told[WATCH_KEM_SHARED], rows[row].shared);
    CHECK_EQ(findings(), 0);
  }
}

/* What mbedTLS does with its numbers stands in libraries.supp. */
TEST(time_of_an_exchange_of_numbers) {
  static const struct kex_alg* const methods[] = {
    &uvssh__ecdh_nistp256, &uvssh__ecdh_nistp521, &uvssh__dh_modp2048
  };
  size_t i;

  for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
    NOTE("%s", methods[i]->name);
    begin();
    exchange(methods[i], 0);
    CHECK(told[WATCH_NUMBER] >= 4);
    CHECK_EQ(findings(), 0);
  }
}

/* ---- whole sessions ------------------------------------------------------ */

static const char password[] = "a password of some length";

static void on_auth(uvssh_session_t* session,
                    const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  int ok = attempt->key != NULL;

  if (attempt->password != NULL)
    ok = strlen(attempt->password) == sizeof(password) - 1 &&
         uvssh__equal(attempt->password, password, sizeof(password) - 1);
  CHECK_EQ(ok ? uvssh_reply_accept(reply) : uvssh_reply_reject(reply), 0);
}

static void on_done(uvssh_req_t* req, int status) {
  peer_of(req->session)->auth = status;
}

static void log_in(struct both* b, struct peer* p, int by_key) {
  char text[sizeof(password)];
  uvssh_key_t* key;

  if (by_key) {
    CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0), 0);
    CHECK_EQ(uvssh_auth_publickey(&p->auth_req, &p->session, "someone", key,
                                  on_done), 0);
    uvssh_key_unref(key);
  } else {
    memcpy(text, password, sizeof(text));
    watch_secret(WATCH_PASSWORD, text, sizeof(text) - 1);
    CHECK_EQ(uvssh_auth_password(&p->auth_req, &p->session, "someone", text,
                                 on_done), 0);
  }
  both_pass(b, 0);
  CHECK_EQ(p->auth, 0);
}

static void on_open(uvssh_req_t* req, int status) {
  peer_of(req->session)->open = status;
}

static void talk(struct both* b, int by_key) {
  static const uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_SESSION };
  struct peer* p = both_joined(b, GOAL_START, "", NULL);
  uvssh_session_info_t info;

  CHECK_EQ(p->start, 0);
  log_in(b, p, by_key);
  CHECK_EQ(uvssh_channel_open(&p->open_req, &p->session, &p->channel, &what,
                              &b->client_channel_on, on_open), 0);
  CHECK_EQ(uvssh_session_rekey(NULL, &p->session, NULL), 0);
  both_pass(b, 0);
  CHECK_EQ(uvssh_channel_send(&p->channel, UVSSH_DATA, "data", 4), 0);
  both_pass(b, 0);
  uvssh_session_info(&p->session, &info);
  CHECK_EQ(info.rekeys, 1);
  CHECK_EQ(uvssh_session_disconnect(&p->session, 11, "bye"), 0);
  both_pass(b, 0);
}

TEST(time_of_sessions) {
  struct both b;
  size_t i;

  for (i = 0; i < 2 * sizeof(suites) / sizeof(suites[0]); i++) {
    if (uvssh__cipher_find(str_of(suites[i / 2].cipher->name)) == NULL ||
        is_known_to_tell(suites[i / 2].cipher))
      continue;                    /* the first: that for tests only */
    NOTE("%s, %s", suites[i / 2].name, i % 2 ? "key" : "password");
    begin();
    both_open(&b);
    both_clock(&b);
    b.server_on.on_auth = on_auth;
    b.client_config.ciphers = suites[i / 2].cipher->name;
    if (suites[i / 2].mac != NULL)
      b.client_config.macs = suites[i / 2].mac->name;
    both_server(&b);
    talk(&b, i % 2 != 0);
    both_close(&b);
    CHECK_EQ(told[WATCH_EPHEMERAL], 4);
    CHECK_EQ(told[WATCH_SHARED], 4);
    CHECK_EQ(told[WATCH_KEM_EPHEMERAL], 4);
    CHECK_EQ(told[WATCH_KEM_SHARED], 4);
    CHECK_EQ(told[WATCH_HYBRID], 4);
    CHECK_EQ(told[WATCH_CIPHER_KEY], 8);
    CHECK(told[WATCH_SEED] != 0);
    CHECK(i % 2 || told[WATCH_PASSWORD] == 2);
    CHECK_EQ(findings(), 0);
  }
}
