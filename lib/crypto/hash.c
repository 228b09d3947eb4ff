/* hash.c: SHA-256, SHA-384 and SHA-512, FIPS 180-4; SipHash for tables.
 *
 * libsodium's: here it is 10 % quicker than mbedTLS, and cannot fail. SHA-384,
 * which it has not, is mbedTLS's; without its hardware hooks (_ALT) that does
 * not fail either.
 *
 * Never leaves a state behind: final wipes it.
 */
#include "crypto/crypto.h"

#include <mbedtls/sha512.h>
#include <mbedtls/version.h>
#include <sodium.h>

#if MBEDTLS_VERSION_NUMBER < 0x03000000
# define mbedtls_sha512_starts mbedtls_sha512_starts_ret
# define mbedtls_sha512_update mbedtls_sha512_update_ret
# define mbedtls_sha512_finish mbedtls_sha512_finish_ret
#endif

#define SHA384_BYTES 48

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct hash_state),
               "room for SHA-256");
_Static_assert(sizeof(crypto_hash_sha512_state) <= sizeof(struct hash_state),
               "room for SHA-512");
_Static_assert(sizeof(mbedtls_sha512_context) <= sizeof(struct hash_state),
               "room for SHA-384");
_Static_assert(crypto_hash_sha512_BYTES <= HASH_SIZE_MAX, "room for a hash");
_Static_assert(crypto_shorthash_KEYBYTES == TABLE_SECRET, "its secret");
_Static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "its result");

void uvssh__hash(const struct hash_alg* alg,
                 const void* base,
                 size_t len,
                 uint8_t* out) {
  struct hash_state state;

  alg->init(&state);
  alg->update(&state, base, len);
  alg->final(&state, out);
}

static void sha256_init(struct hash_state* state) {
  crypto_hash_sha256_init((void*) state);
}

static void sha256_update(struct hash_state* state,
                          const void* base,
                          size_t len) {
  if (len != 0)
    crypto_hash_sha256_update((void*) state, base, len);
}

static void sha256_final(struct hash_state* state, uint8_t* out) {
  crypto_hash_sha256_final((void*) state, out);
  uvssh__wipe(state, sizeof(*state));
}

static void sha384_init(struct hash_state* state) {
  mbedtls_sha512_init((void*) state);
  (void) mbedtls_sha512_starts((void*) state, 1);
}

static void sha384_update(struct hash_state* state,
                          const void* base,
                          size_t len) {
  if (len != 0)
    (void) mbedtls_sha512_update((void*) state, base, len);
}

static void sha384_final(struct hash_state* state, uint8_t* out) {
  uint8_t whole[crypto_hash_sha512_BYTES];  /* what 2.28 writes may vary */

  (void) mbedtls_sha512_finish((void*) state, whole);
  memcpy(out, whole, SHA384_BYTES);
  uvssh__wipe(whole, sizeof(whole));
  uvssh__wipe(state, sizeof(*state));
}

static void sha512_init(struct hash_state* state) {
  crypto_hash_sha512_init((void*) state);
}

static void sha512_update(struct hash_state* state,
                          const void* base,
                          size_t len) {
  if (len != 0)
    crypto_hash_sha512_update((void*) state, base, len);
}

static void sha512_final(struct hash_state* state, uint8_t* out) {
  crypto_hash_sha512_final((void*) state, out);
  uvssh__wipe(state, sizeof(*state));
}

const struct hash_alg uvssh__sha256 = {
  .name = "sha256",
  .size = crypto_hash_sha256_BYTES,
  .init = sha256_init,
  .update = sha256_update,
  .final = sha256_final
};

const struct hash_alg uvssh__sha384 = {
  .name = "sha384",
  .size = SHA384_BYTES,
  .init = sha384_init,
  .update = sha384_update,
  .final = sha384_final
};

const struct hash_alg uvssh__sha512 = {
  .name = "sha512",
  .size = crypto_hash_sha512_BYTES,
  .init = sha512_init,
  .update = sha512_update,
  .final = sha512_final
};

uint64_t uvssh__table_hash(const uint8_t secret[TABLE_SECRET],
                           const void* base,
                           size_t len) {
  uint8_t out[crypto_shorthash_BYTES];
  uint64_t hash;

  crypto_shorthash(out, (const uint8_t*) base, len, secret);
  memcpy(&hash, out, sizeof(hash));
  return hash;
}
