/* ecdsa.c: ecdsa-sha2-nistp256, -384, -521: RFC 5656 section 3, FIPS 186-4, by
 * mbedTLS. One row a curve.
 *
 * Happy path: a public key is an uncompressed point; a signature is r and s as
 * mpints in a string. The nonce is that of RFC 6979, so that none is ever
 * biased or used twice; the random source blinds.
 * Failures: another curve's name, a point that is compressed, not on the curve
 * or infinity, a secret that does not make the public half, an r or s that is
 * not canonical: UVSSH_EKEYFORMAT. A wrong signature: UVSSH_ECRYPTO.
 *
 * mbedTLS's objects live for one call: a group keeps a table that is made on
 * first use, and a key belongs to every thread.
 * Never trusts a stored public half for signing: it is made from the secret.
 */
#include "key/key.h"

#include <mbedtls/ecdsa.h>

#define SCALAR_MAX 66              /* bytes of a number below the order */
#define POINT_MAX (1 + 2 * SCALAR_MAX)
#define UNCOMPRESSED 4

struct curve {
  const char* name;
  mbedtls_ecp_group_id id;
  mbedtls_md_type_t md;            /* of the hash of its algorithm */
  size_t size;                     /* bytes of a coordinate, and of a scalar */
};

struct ecdsa {
  const struct curve* curve;
  uint8_t public_key[POINT_MAX];   /* as on the wire */
  uint8_t secret[SCALAR_MAX];
  int has_secret;
};

static size_t point_size(const struct curve* curve) {
  return 1 + 2 * curve->size;
}

/* ---- mbedTLS's objects --------------------------------------------------- */

struct work {
  mbedtls_ecp_group group;
  mbedtls_ecp_point q;
  mbedtls_mpi d, r, s;
};

static int work_begin(struct work* w, const struct curve* curve) {
  mbedtls_ecp_group_init(&w->group);
  mbedtls_ecp_point_init(&w->q);
  mbedtls_mpi_init(&w->d);
  mbedtls_mpi_init(&w->r);
  mbedtls_mpi_init(&w->s);
  return mbedtls_ecp_group_load(&w->group, curve->id);
}

static void work_end(struct work* w) {
  mbedtls_ecp_group_free(&w->group);
  mbedtls_ecp_point_free(&w->q);
  mbedtls_mpi_free(&w->d);
  mbedtls_mpi_free(&w->r);
  mbedtls_mpi_free(&w->s);
}

static int read_point(struct work* w, const struct curve* curve, str_t point) {
  int rc;

  if (point.len != point_size(curve) || point.base[0] != UNCOMPRESSED)
    return UVSSH_EKEYFORMAT;
  rc = mbedtls_ecp_point_read_binary(&w->group, &w->q, point.base, point.len);
  if (rc == 0)
    rc = mbedtls_ecp_check_pubkey(&w->group, &w->q);
  return uvssh__mbedtls_read_status(rc);
}

/* Of d and q in w. */
static int keep_pair(struct ecdsa* k,
                     const struct curve* curve,
                     const struct work* w) {
  size_t len;
  int rc = mbedtls_ecp_point_write_binary(&w->group, &w->q,
                                          MBEDTLS_ECP_PF_UNCOMPRESSED, &len,
                                          k->public_key, POINT_MAX);

  if (rc == 0 && len != point_size(curve))
    return UVSSH_ECRYPTO;
  if (rc == 0)
    rc = mbedtls_mpi_write_binary(&w->d, k->secret, curve->size);
  if (rc != 0)
    return uvssh__mbedtls_status(rc);
  k->curve = curve;
  k->has_secret = 1;
  return 0;
}

/* ---- keys ---------------------------------------------------------------- */

static int ecdsa_generate(const struct key_type* type,
                          void* state,
                          unsigned bits) {
  const struct curve* curve = type->variant;
  struct work w;
  int rc = work_begin(&w, curve);
  int err;

  if (rc == 0)
    rc = mbedtls_ecp_gen_keypair(&w.group, &w.d, &w.q, uvssh__mbedtls_random,
                                 NULL);
  err = rc != 0 ? uvssh__mbedtls_status(rc) : keep_pair(state, curve, &w);
  work_end(&w);
  return err;
}

static int ecdsa_read_public(const struct key_type* type,
                             void* state,
                             rd_t* blob) {
  const struct curve* curve = type->variant;
  struct ecdsa* k = state;
  str_t name = rd_str(blob);       /* curve identifier */
  str_t point = rd_str(blob);      /* Q */
  struct work w;
  int err;

  if (rd_end(blob) != 0 || !str_is(name, curve->name))
    return UVSSH_EKEYFORMAT;
  err = uvssh__mbedtls_status(work_begin(&w, curve));
  if (err == 0)
    err = read_point(&w, curve, point);
  work_end(&w);
  if (err != 0)
    return err;
  k->curve = curve;
  memcpy(k->public_key, point.base, point.len);
  return 0;
}

static void ecdsa_write_public(const void* state, struct buf* blob) {
  const struct ecdsa* k = state;

  wr_cstr(blob, k->curve->name);
  wr_str(blob, k->public_key, point_size(k->curve));
}

/* The public half is d G, whatever the file says. */
static int from_secret(struct ecdsa* k,
                       const struct curve* curve,
                       str_t secret) {
  struct work w;
  int rc = work_begin(&w, curve);
  int err;

  if (rc == 0)
    rc = mbedtls_mpi_read_binary(&w.d, secret.base, secret.len);
  if (rc == 0)
    rc = mbedtls_ecp_check_privkey(&w.group, &w.d);
  if (rc == 0)
    rc = mbedtls_ecp_mul(&w.group, &w.q, &w.d, &w.group.G,
                         uvssh__mbedtls_random, NULL);
  err = rc != 0 ? uvssh__mbedtls_read_status(rc) : keep_pair(k, curve, &w);
  work_end(&w);
  return err;
}

static int ecdsa_read_private(const struct key_type* type,
                              void* state,
                              rd_t* section) {
  const struct curve* curve = type->variant;
  struct ecdsa* k = state;
  str_t name = rd_str(section);
  str_t point = rd_str(section);
  str_t secret = uvssh__rd_mpint(section);
  str_t ours;
  int err;

  if (section->bad || !str_is(name, curve->name) || secret.len == 0 ||
      secret.len > curve->size)
    return UVSSH_EKEYFORMAT;
  err = from_secret(k, curve, secret);
  if (err != 0)
    return err;
  ours.base = k->public_key;
  ours.len = point_size(curve);
  return str_eq(point, ours) ? 0 : UVSSH_EKEYFORMAT;
}

static void ecdsa_write_private(const void* state, struct buf* section) {
  const struct ecdsa* k = state;

  ecdsa_write_public(state, section);
  uvssh__wr_mpint(section, k->secret, k->curve->size);
}

static int ecdsa_has_secret(const void* state) {
  const struct ecdsa* k = state;
  return k->has_secret;
}

/* ---- signatures ---------------------------------------------------------- */

static int write_signature(const struct work* w,
                           const struct curve* curve,
                           struct buf* signature) {
  const mbedtls_mpi* const numbers[] = { &w->r, &w->s };
  uint8_t bytes[SCALAR_MAX];
  size_t i;
  int rc;

  for (i = 0; i < ARRAY_SIZE(numbers); i++) {
    rc = mbedtls_mpi_write_binary(numbers[i], bytes, curve->size);
    if (rc != 0)
      return uvssh__mbedtls_status(rc);
    uvssh__wr_mpint(signature, bytes, curve->size);
  }
  return signature->bad ? UV_ENOMEM : 0;
}

static int ecdsa_sign(const void* state,
                      const struct sign_alg* alg,
                      const uint8_t* data,
                      size_t len,
                      struct buf* signature) {
  const struct ecdsa* k = state;
  uint8_t hash[HASH_SIZE_MAX];
  struct work w;
  int rc = work_begin(&w, k->curve);
  int err;

  uvssh__hash(alg->hash, data, len, hash);
  if (rc == 0)
    rc = mbedtls_mpi_read_binary(&w.d, k->secret, k->curve->size);
  if (rc == 0)
    rc = mbedtls_ecdsa_sign_det_ext(&w.group, &w.r, &w.s, &w.d, hash,
                                    alg->hash->size, k->curve->md,
                                    uvssh__mbedtls_random, NULL);
  err = rc != 0 ? uvssh__mbedtls_status(rc)
                : write_signature(&w, k->curve, signature);
  work_end(&w);
  return err;
}

/* Of r and s in w: 0 and numbers of the order and above are refused there. */
static int verify(struct work* w,
                  const struct ecdsa* k,
                  const uint8_t* hash,
                  size_t hash_len) {
  str_t point = { k->public_key, point_size(k->curve) };
  int err = read_point(w, k->curve, point);

  return err != 0 ? err
                  : uvssh__mbedtls_status(mbedtls_ecdsa_verify(
                        &w->group, hash, hash_len, &w->q, &w->r, &w->s));
}

static int ecdsa_verify(const void* state,
                        const struct sign_alg* alg,
                        const uint8_t* data,
                        size_t len,
                        str_t signature) {
  const struct ecdsa* k = state;
  rd_t m = rd_of(signature.base, signature.len);
  str_t r = uvssh__rd_mpint(&m);
  str_t s = uvssh__rd_mpint(&m);
  uint8_t hash[HASH_SIZE_MAX];
  struct work w;
  int err;
  int rc;

  if (rd_end(&m) != 0 || r.len > k->curve->size || s.len > k->curve->size)
    return UVSSH_EKEYFORMAT;
  rc = work_begin(&w, k->curve);
  if (rc == 0)
    rc = mbedtls_mpi_read_binary(&w.r, r.base, r.len);
  if (rc == 0)
    rc = mbedtls_mpi_read_binary(&w.s, s.base, s.len);
  err = uvssh__mbedtls_status(rc);
  if (err == 0) {
    uvssh__hash(alg->hash, data, len, hash);
    err = verify(&w, k, hash, alg->hash->size);
  }
  work_end(&w);
  return err;
}

static void ecdsa_wipe(void* state) {
  uvssh__wipe(state, sizeof(struct ecdsa));
}

/* ---- rows ---------------------------------------------------------------- */

#define ROW(its_bits, its_hash)                                               \
  static const struct curve nistp##its_bits = {                               \
    .name = "nistp" #its_bits,                                                \
    .id = MBEDTLS_ECP_DP_SECP##its_bits##R1,                                  \
    .md = MBEDTLS_MD_##its_hash,                                              \
    .size = (its_bits + 7) / 8                                                \
  };                                                                          \
                                                                              \
  const struct key_type uvssh__ecdsa_nistp##its_bits = {                      \
    .name = KEY_ECDSA "nistp" #its_bits,                                      \
    .type = UVSSH_KEY_ECDSA,                                                  \
    .bits = its_bits,                                                         \
    .variant = &nistp##its_bits,                                              \
    .state_size = sizeof(struct ecdsa),                                       \
    .generate = ecdsa_generate,                                               \
    .read_public = ecdsa_read_public,                                         \
    .write_public = ecdsa_write_public,                                       \
    .read_private = ecdsa_read_private,                                       \
    .write_private = ecdsa_write_private,                                     \
    .has_secret = ecdsa_has_secret,                                           \
    .sign = ecdsa_sign,                                                       \
    .verify = ecdsa_verify,                                                   \
    .check = ecdsa_verify,                                                    \
    .wipe = ecdsa_wipe                                                        \
  }

ROW(256, SHA256);
ROW(384, SHA384);
ROW(521, SHA512);
