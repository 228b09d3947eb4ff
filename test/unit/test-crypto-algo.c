/* The tables of algorithms, randomness, comparison and hashes in pieces. */
#include "check.h"

#include "crypto/crypto.h"

TEST(algo_defaults) {
  CHECK_STR(uvssh__algo_default(ALGO_KEX, 1),
            "mlkem768x25519-sha256,sntrup761x25519-sha512,"
            "sntrup761x25519-sha512@openssh.com,curve25519-sha256,"
            "curve25519-sha256@libssh.org,ecdh-sha2-nistp256,"
            "ecdh-sha2-nistp384,ecdh-sha2-nistp521");
  CHECK_STR(uvssh__algo_default(ALGO_KEX, 0),
            "mlkem768x25519-sha256,sntrup761x25519-sha512,"
            "sntrup761x25519-sha512@openssh.com,curve25519-sha256,"
            "curve25519-sha256@libssh.org,ecdh-sha2-nistp256,"
            "ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
            "diffie-hellman-group-exchange-sha256,"
            "diffie-hellman-group16-sha512,diffie-hellman-group14-sha256");
  CHECK_STR(uvssh__algo_default(ALGO_CIPHER, 0),
            "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,"
            "aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr");
  CHECK_STR(uvssh__algo_default(ALGO_MAC, 0),
            "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,"
            "hmac-sha2-256,hmac-sha2-512");
  CHECK_STR(uvssh__algo_default(ALGO_COMPRESSION, 0), "none");
}

/* Every name of a default list is found, and is the object's own. */
TEST(algo_found) {
  str_t list, name;

  list = str_of(uvssh__algo_known(ALGO_KEX));
  while (uvssh__namelist_next(&list, &name)) {
    const struct kex_alg* kex = uvssh__kex_find(name);
    CHECK(kex != NULL && str_is(name, kex->name) && name.len <= NAME_BYTES_MAX);
    CHECK(kex->hash->size <= HASH_SIZE_MAX && kex->start != NULL);
  }
  list = str_of(uvssh__algo_default(ALGO_CIPHER, 0));
  while (uvssh__namelist_next(&list, &name)) {
    const struct cipher_alg* cipher = uvssh__cipher_find(name);
    CHECK(cipher != NULL && str_is(name, cipher->name));
    CHECK(cipher->tag_size != 0 ? cipher->seal != NULL : cipher->crypt != NULL);
  }
  list = str_of(uvssh__algo_default(ALGO_MAC, 0));
  while (uvssh__namelist_next(&list, &name)) {
    const struct mac_alg* mac = uvssh__mac_find(name);
    CHECK(mac != NULL && str_is(name, mac->name));
  }
}

TEST(algo_not_found) {
  static const char* const names[] = {
    "", "none", "NONE", "aes256-ctr ", "aes256-ct", "aes256-ctrx",
    "aes256-cbc", "hmac-sha1", "aes256-gcm, portable", "*"
  };
  size_t i;

  for (i = 0; i < ARRAY_SIZE(names); i++) {
    NOTE("\"%s\"", names[i]);
    CHECK(uvssh__kex_find(str_of(names[i])) == NULL);
    CHECK(uvssh__cipher_find(str_of(names[i])) == NULL);
    CHECK(uvssh__mac_find(str_of(names[i])) == NULL);
  }
  CHECK(uvssh__cipher_find(STR("aes256-ctr\0")) == NULL);
}

TEST(random_differs) {
  uint8_t a[32], b[32];

  CHECK_EQ(uvssh__crypto_init(), 0);
  CHECK_EQ(uvssh__crypto_init(), 0);
  uvssh__random(a, sizeof(a));
  uvssh__random(b, sizeof(b));
  CHECK(memcmp(a, b, sizeof(a)) != 0);
}

static void sevens(void* out, size_t len) {
  memset(out, 7, len);
}

TEST(random_source) {
  void (*source)(void*, size_t) = uvssh__random_source;
  uint8_t a[3] = { 0 };

  uvssh__random_source = sevens;
  uvssh__random(a, sizeof(a));
  uvssh__random_source = source;
  CHECK_MEM(a, 3, "\7\7\7", 3);
}

TEST(equal) {
  CHECK(uvssh__equal("abc", "abc", 3));
  CHECK(!uvssh__equal("abc", "abd", 3));
  CHECK(!uvssh__equal("abc", "bbc", 3));
  CHECK(uvssh__equal("abc", "abd", 2));
  CHECK(uvssh__equal(NULL, NULL, 0));
}

static void hash_in_pieces(const struct hash_alg* alg) {
  uint8_t text[300], whole[HASH_SIZE_MAX], parts[HASH_SIZE_MAX];
  struct hash_state state;
  size_t step, at, i;

  for (i = 0; i < sizeof(text); i++)
    text[i] = (uint8_t) (i * 5);
  alg->init(&state);
  alg->update(&state, text, sizeof(text));
  alg->final(&state, whole);
  for (step = 1; step < 140; step++) {
    alg->init(&state);
    for (at = 0; at + step <= sizeof(text); at += step)
      alg->update(&state, text + at, step);
    alg->update(&state, text + at, sizeof(text) - at);
    alg->update(&state, NULL, 0);
    alg->final(&state, parts);
    CHECK_MEM(parts, alg->size, whole, alg->size);
    for (i = 0; i < ARRAY_SIZE(state.opaque); i++)
      CHECK_EQ(state.opaque[i], 0);
  }
}

TEST(hash_pieces) {
  CHECK_STR(uvssh__sha256.name, "sha256");
  CHECK_STR(uvssh__sha512.name, "sha512");
  hash_in_pieces(&uvssh__sha256);
  hash_in_pieces(&uvssh__sha512);
}
