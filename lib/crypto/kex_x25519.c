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

#include <assert.h>
#include <sodium.h>

#define SIZE X25519_SIZE

_Static_assert(SIZE == crypto_scalarmult_SCALARBYTES, "a secret");
_Static_assert(SIZE == crypto_scalarmult_BYTES, "a public value");

int uvssh__x25519_pair(uint8_t secret[SIZE], struct buf* public_value) {
  uint8_t* out = uvssh__buf_reserve(public_value, SIZE);

  if (out == NULL)
    return UV_ENOMEM;
  uvssh__random(secret, SIZE);
  if (crypto_scalarmult_base(out, secret) != 0)
    return UVSSH_ECRYPTO;
  public_value->len += SIZE;
  return 0;
}

int uvssh__x25519(uint8_t out[SIZE],
                  const uint8_t secret[SIZE],
                  const uint8_t peer[SIZE]) {
  return crypto_scalarmult(out, secret, peer) == 0 ? 0 : UVSSH_EKEX;
}

static int shared(const uint8_t secret[SIZE], str_t peer, struct buf* k) {
  uint8_t q[SIZE];
  int err;

  k->secret = 1;
  if (peer.len != SIZE)
    return UVSSH_EKEX;
  err = uvssh__x25519(q, secret, peer.base);
  if (err == 0)
    uvssh__wr_mpint(k, q, SIZE);
  uvssh__wipe(q, sizeof(q));
  uvssh__wipe_stack();             /* that of a pool's thread stays */
  if (err != 0)
    return err;
  return k->bad ? UV_ENOMEM : 0;
}

static int x25519_start(str_t group,
                        struct buf* secret,
                        struct buf* client_public) {
  uint8_t* out;
  int err;

  secret->secret = 1;
  out = uvssh__buf_reserve(secret, SIZE);
  if (out == NULL)
    return UV_ENOMEM;
  err = uvssh__x25519_pair(out, client_public);
  if (err == 0)
    secret->len += SIZE;
  return err;
}

static int x25519_respond(str_t group,
                          str_t client_public,
                          struct buf* server_public,
                          struct buf* k) {
  uint8_t secret[SIZE];
  int err;

  if (client_public.len != SIZE)   /* before any work is done for it */
    return UVSSH_EKEX;
  err = uvssh__x25519_pair(secret, server_public);
  if (err == 0)
    err = shared(secret, client_public, k);
  uvssh__wipe(secret, sizeof(secret));
  return err;
}

static int x25519_finish(str_t group,
                         str_t secret,
                         str_t server_public,
                         struct buf* k) {
  assert(secret.len == SIZE);
  return shared(secret.base, server_public, k);
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
