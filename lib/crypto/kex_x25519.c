/* kex_x25519.c: curve25519-sha256 and its @libssh.org name, RFC 8731, RFC 7748.
 *
 * Happy path: 32 bytes each way; K is the shared secret as an mpint.
 * Failures: a public value that is not 32 bytes long, or one of low order,
 * whose shared secret is all zero: UVSSH_EKEX. UV_ENOMEM.
 *
 * Never keeps an ephemeral secret longer than the call that used it up; the
 * client's lives in the caller's memory between start() and finish().
 */
#include "crypto/crypto.h"

#include <sodium.h>

#define SIZE crypto_scalarmult_BYTES

_Static_assert(SIZE == 32 && crypto_scalarmult_SCALARBYTES <= KEX_SECRET_MAX,
               "room for a scalar");

static int key_pair(uint8_t secret[KEX_SECRET_MAX], struct buf* public_value) {
  uint8_t* out = uvssh__buf_reserve(public_value, SIZE);
  if (out == NULL)
    return UV_ENOMEM;
  uvssh__random(secret, SIZE);
  if (crypto_scalarmult_base(out, secret) != 0)
    return UVSSH_ECRYPTO;
  public_value->len += SIZE;
  return 0;
}

static int shared(const uint8_t secret[KEX_SECRET_MAX],
                  str_t peer,
                  struct buf* k) {
  uint8_t q[SIZE];
  int err = 0;

  k->secret = 1;
  if (peer.len != SIZE)
    return UVSSH_EKEX;
  if (crypto_scalarmult(q, secret, peer.base) != 0)   /* all zero */
    err = UVSSH_EKEX;
  else
    uvssh__wr_mpint(k, q, SIZE);
  uvssh__wipe(q, sizeof(q));
  uvssh__wipe_stack();             /* that of a pool's thread stays */
  if (err != 0)
    return err;
  return k->bad ? UV_ENOMEM : 0;
}

static int x25519_start(uint8_t secret[KEX_SECRET_MAX],
                        struct buf* client_public) {
  return key_pair(secret, client_public);
}

static int x25519_respond(str_t client_public,
                          struct buf* server_public,
                          struct buf* k) {
  uint8_t secret[KEX_SECRET_MAX];
  int err;

  if (client_public.len != SIZE)   /* before any work is done for it */
    return UVSSH_EKEX;
  err = key_pair(secret, server_public);
  if (err == 0)
    err = shared(secret, client_public, k);
  uvssh__wipe(secret, sizeof(secret));
  return err;
}

static int x25519_finish(const uint8_t secret[KEX_SECRET_MAX],
                         str_t server_public,
                         struct buf* k) {
  return shared(secret, server_public, k);
}

const struct kex_alg uvssh__curve25519 = {
  .name = "curve25519-sha256",
  .hash = &uvssh__sha256,
  .cost = COST_LIGHT,
  .start = x25519_start,
  .respond = x25519_respond,
  .finish = x25519_finish
};

const struct kex_alg uvssh__curve25519_libssh = {
  .name = "curve25519-sha256@libssh.org",
  .hash = &uvssh__sha256,
  .cost = COST_LIGHT,
  .start = x25519_start,
  .respond = x25519_respond,
  .finish = x25519_finish
};
