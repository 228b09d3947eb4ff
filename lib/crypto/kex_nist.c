/* kex_nist.c: ecdh-sha2-nistp256, -384, -521: RFC 5656 section 4, by mbedTLS.
 * One row a curve.
 *
 * Happy path: an uncompressed point each way; K is the x coordinate of the
 * shared point as an mpint.
 * Failures: a public value of another length, a compressed point, infinity, one
 * that is not on the curve: UVSSH_EKEX. UV_ENOMEM.
 *
 * mbedTLS computes with secrets in time that depends on them a little; it is
 * given randomness to blind each multiplication. Weaker than X25519 here, which
 * is why these stand behind it.
 * Never keeps an ephemeral secret longer than the call that used it up; the
 * client's lives in the caller's memory between start() and finish().
 */
#include "crypto/crypto.h"

#include <assert.h>
#include <mbedtls/ecdh.h>

#define SIZE_MAX_OF_ANY 66         /* bytes of a coordinate, and of a secret */
#define UNCOMPRESSED 4             /* SEC 1 section 2.3.3 */

struct curve {
  mbedtls_ecp_group_id id;
  size_t size;                     /* bytes of a coordinate, and of a secret */
};

static const struct curve p256 = { MBEDTLS_ECP_DP_SECP256R1, 32 };
static const struct curve p384 = { MBEDTLS_ECP_DP_SECP384R1, 48 };
static const struct curve p521 = { MBEDTLS_ECP_DP_SECP521R1, 66 };

struct work {                      /* mbedTLS's objects, for one call */
  mbedtls_ecp_group group;
  mbedtls_ecp_point ours, theirs;
  mbedtls_mpi d, z;
};

static int work_begin(struct work* w, const struct curve* c) {
  mbedtls_ecp_group_init(&w->group);
  mbedtls_ecp_point_init(&w->ours);
  mbedtls_ecp_point_init(&w->theirs);
  mbedtls_mpi_init(&w->d);
  mbedtls_mpi_init(&w->z);
  return uvssh__mbedtls_status(mbedtls_ecp_group_load(&w->group, c->id));
}

static void work_end(struct work* w) {
  mbedtls_ecp_group_free(&w->group);
  mbedtls_ecp_point_free(&w->ours);
  mbedtls_ecp_point_free(&w->theirs);
  mbedtls_mpi_free(&w->d);         /* and wipes it */
  mbedtls_mpi_free(&w->z);
  uvssh__wipe_stack();             /* that of a pool's thread stays */
}

/* A new d, and our point, which is appended to public_value. */
static int make_pair(struct work* w,
                     const struct curve* c,
                     struct buf* public_value) {
  size_t size = 1 + 2 * c->size;
  uint8_t* out = uvssh__buf_reserve(public_value, size);
  size_t len = 0;
  int rc;

  if (out == NULL)
    return UV_ENOMEM;
  rc = mbedtls_ecp_gen_keypair(&w->group, &w->d, &w->ours,
                               uvssh__mbedtls_random, NULL);
  if (rc == 0)
    rc = mbedtls_ecp_point_write_binary(&w->group, &w->ours,
                                        MBEDTLS_ECP_PF_UNCOMPRESSED, &len, out,
                                        size);
  if (rc != 0)
    return uvssh__mbedtls_status(rc);
  if (len != size)
    return UVSSH_ECRYPTO;
  public_value->len += size;
  return 0;
}

/* What is no point is the peer's fault, but for
 * memory. Newer versions of mbedTLS read compressed points, too: not here. */
static int read_point(struct work* w, const struct curve* c, str_t peer) {
  int err;
  int rc;

  if (peer.len != 1 + 2 * c->size || peer.base[0] != UNCOMPRESSED)
    return UVSSH_EKEX;
  rc = mbedtls_ecp_point_read_binary(&w->group, &w->theirs, peer.base,
                                     peer.len);
  if (rc == 0)
    rc = mbedtls_ecp_check_pubkey(&w->group, &w->theirs);
  err = uvssh__mbedtls_status(rc);
  return err == UVSSH_ECRYPTO ? UVSSH_EKEX : err;
}

static int multiply(struct work* w, const struct curve* c, struct buf* k) {
  uint8_t z[SIZE_MAX_OF_ANY];
  int rc = mbedtls_ecdh_compute_shared(&w->group, &w->z, &w->theirs,
                                       &w->d, uvssh__mbedtls_random, NULL);

  if (rc == 0)
    rc = mbedtls_mpi_write_binary(&w->z, z, c->size);
  if (rc == 0)
    uvssh__wr_mpint(k, z, c->size);
  uvssh__wipe(z, sizeof(z));
  if (rc != 0)
    return uvssh__mbedtls_status(rc);
  return k->bad ? UV_ENOMEM : 0;
}

static int nist_start(const struct curve* c,
                      struct buf* secret,
                      struct buf* client_public) {
  struct work w;
  uint8_t* out;
  int err = work_begin(&w, c);

  secret->secret = 1;
  out = uvssh__buf_reserve(secret, c->size);
  if (err == 0 && out == NULL)
    err = UV_ENOMEM;
  if (err == 0)
    err = make_pair(&w, c, client_public);
  if (err == 0)
    err = uvssh__mbedtls_status(mbedtls_mpi_write_binary(&w.d, out, c->size));
  if (err == 0)
    secret->len += c->size;
  work_end(&w);
  return err;
}

static int nist_respond(const struct curve* c,
                        str_t client_public,
                        struct buf* server_public,
                        struct buf* k) {
  struct work w;
  int err = work_begin(&w, c);

  k->secret = 1;
  if (err == 0)                    /* before any work is done for it */
    err = read_point(&w, c, client_public);
  if (err == 0)
    err = make_pair(&w, c, server_public);
  if (err == 0)
    err = multiply(&w, c, k);
  work_end(&w);
  return err;
}

static int nist_finish(const struct curve* c,
                       str_t secret,
                       str_t server_public,
                       struct buf* k) {
  struct work w;
  int err = work_begin(&w, c);

  assert(secret.len == c->size);
  k->secret = 1;
  if (err == 0)
    err = read_point(&w, c, server_public);
  if (err == 0)
    err = uvssh__mbedtls_status(mbedtls_mpi_read_binary(&w.d, secret.base,
                                                        secret.len));
  if (err == 0)
    err = multiply(&w, c, k);
  work_end(&w);
  return err;
}

/* ---- the three ----------------------------------------------------------- */

#define METHOD(curve, text, alg)                                              \
  static int curve##_start(str_t group, struct buf* secret,                   \
                           struct buf* client_public) {                       \
    return nist_start(&curve, secret, client_public);                         \
  }                                                                           \
  static int curve##_respond(str_t group, str_t client_public,                \
                             struct buf* server_public, struct buf* k) {      \
    return nist_respond(&curve, client_public, server_public, k);             \
  }                                                                           \
  static int curve##_finish(str_t group, str_t secret, str_t server_public,   \
                            struct buf* k) {                                  \
    return nist_finish(&curve, secret, server_public, k);                     \
  }                                                                           \
  const struct kex_alg uvssh__ecdh_nist##curve = {                            \
    .name = text,                                                             \
    .hash = alg,                                                              \
    .cost = COST_HEAVY,                                                       \
    .start_cost = COST_HEAVY,                                                 \
    .start = curve##_start,                                                   \
    .respond = curve##_respond,                                               \
    .finish = curve##_finish                                                  \
  };

METHOD(p256, "ecdh-sha2-nistp256", &uvssh__sha256)
METHOD(p384, "ecdh-sha2-nistp384", &uvssh__sha384)
METHOD(p521, "ecdh-sha2-nistp521", &uvssh__sha512)
