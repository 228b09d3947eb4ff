/* random.c: the one-time set-up, and the only way to randomness.
 *
 * Happy path: sodium_init() once by uv_once, from any thread; random bytes come
 * from the system's own generator, for every call.
 * Failure: a system without randomness is UVSSH_ECRYPTO here; libsodium ends
 * the process when it fails later.
 *
 * Never keeps random bytes for later, so a fork duplicates none.
 */
#include "crypto/crypto.h"

#include <sodium.h>

static uv_once_t once = UV_ONCE_INIT;
static int once_status;

void (*uvssh__random_source)(void* out, size_t len) = randombytes_buf;

static void set_up(void) {
  once_status = sodium_init() < 0 ? UVSSH_ECRYPTO : 0;
}

int uvssh__crypto_init(void) {
  uv_once(&once, set_up);
  return once_status;
}

void uvssh__random(void* out, size_t len) {
  uvssh__random_source(out, len);
}

int uvssh__equal(const void* a, const void* b, size_t len) {
  return len == 0 || sodium_memcmp(a, b, len) == 0;
}
