/* kex_dh.c: diffie-hellman-group14-sha256, -group16-sha512 (RFC 4253 section 8,
 * RFC 8268) and diffie-hellman-group-exchange-sha256 (RFC 4419), by mbedTLS.
 *
 * Happy path: e and f as mpints; K = g^xy mod p as an mpint. The exponents have
 * 512 bits, twice the strength of the longest key that is made of K, and at
 * least twice that of any of these groups.
 * Failures: e or f that is no canonical mpint, not in 2..p-2, or has fewer than
 * 4 bits set: UVSSH_EKEX. UV_ENOMEM. So K is never 1 or p-1, p being safe.
 *
 * An exponent is used for one exchange, so there is nothing to blind it with
 * that would not cost more than it hides; its highest bit is always set, so
 * that its length tells nothing.
 * Never judges a group: dh_group.c does.
 */
#include "crypto/crypto.h"

#include <assert.h>
#include <mbedtls/bignum.h>

#define EXPONENT 64                /* bytes */
#define BITS_SET_MIN 4

struct work {                      /* mbedTLS's numbers, for one call */
  mbedtls_mpi p, g, top;           /* top: p - 1 */
  mbedtls_mpi x, ours, theirs, k;
  size_t size;                     /* bytes of p */
};

static int read_number(mbedtls_mpi* number, str_t bytes) {
  return uvssh__mbedtls_status(mbedtls_mpi_read_binary(number, bytes.base,
                                                       bytes.len));
}

static int work_begin(struct work* w, const struct dh_group* group) {
  int err;

  mbedtls_mpi_init(&w->p);
  mbedtls_mpi_init(&w->g);
  mbedtls_mpi_init(&w->top);
  mbedtls_mpi_init(&w->x);
  mbedtls_mpi_init(&w->ours);
  mbedtls_mpi_init(&w->theirs);
  mbedtls_mpi_init(&w->k);
  w->size = group->p.len;
  err = read_number(&w->p, group->p);
  if (err == 0)
    err = read_number(&w->g, group->g);
  return err != 0 ? err : uvssh__mbedtls_status(mbedtls_mpi_sub_int(&w->top,
                                                                    &w->p, 1));
}

static void work_end(struct work* w) {
  mbedtls_mpi_free(&w->p);
  mbedtls_mpi_free(&w->g);
  mbedtls_mpi_free(&w->top);
  mbedtls_mpi_free(&w->x);         /* and wipes it */
  mbedtls_mpi_free(&w->ours);
  mbedtls_mpi_free(&w->theirs);
  mbedtls_mpi_free(&w->k);
  uvssh__wipe_stack();             /* that of a pool's thread stays */
}

/* What a message has behind the length of an mpint. */
static int append(struct buf* out, const mbedtls_mpi* number) {
  size_t at = out->len;
  size_t size = mbedtls_mpi_size(number);
  size_t pad = mbedtls_mpi_bitlen(number) % 8 == 0;
  uint8_t* to = uvssh__buf_reserve(out, size + pad);
  int err;

  if (to == NULL)
    return UV_ENOMEM;
  err = uvssh__mbedtls_status(mbedtls_mpi_write_binary(number, to, size + pad));
  if (err == 0)
    out->len = at + size + pad;
  return err;
}

/* 1 < number < p - 1 */
static int in_range(const struct work* w, const mbedtls_mpi* number) {
  return mbedtls_mpi_cmp_int(number, 1) > 0 &&
         mbedtls_mpi_cmp_mpi(number, &w->top) < 0;
}

static int has_few_bits(const mbedtls_mpi* number) {
  size_t bits = mbedtls_mpi_bitlen(number);
  unsigned set = 0;
  size_t i;

  for (i = 0; i < bits && set < BITS_SET_MIN; i++)
    set += mbedtls_mpi_get_bit(number, i) != 0;
  return set < BITS_SET_MIN;
}

/* A new x in secret, and g^x mod p appended to public_value. */
static int make_pair(struct work* w,
                     uint8_t secret[EXPONENT],
                     struct buf* public_value) {
  int err;

  uvssh__random(secret, EXPONENT);
  secret[0] |= 0x80;
  err = read_number(&w->x, (str_t) { secret, EXPONENT });
  if (err == 0)
    err = uvssh__mbedtls_status(mbedtls_mpi_exp_mod(&w->ours, &w->g, &w->x,
                                                    &w->p, NULL));
  return err == 0 ? append(public_value, &w->ours) : err;
}

static int read_public(struct work* w, str_t peer) {
  str_t value;
  int err;

  if (uvssh__mpint_value(peer, &value) != 0 || value.len > w->size)
    return UVSSH_EKEX;
  err = read_number(&w->theirs, value);
  if (err != 0)
    return err;
  return in_range(w, &w->theirs) && !has_few_bits(&w->theirs) ? 0 : UVSSH_EKEX;
}

static int power(struct work* w, struct buf* k) {
  struct buf bytes = { .secret = 1 };
  uint8_t* out;
  int err = uvssh__mbedtls_status(mbedtls_mpi_exp_mod(&w->k, &w->theirs,
                                                      &w->x, &w->p, NULL));

  if (err != 0)
    return err;
  out = uvssh__buf_reserve(&bytes, w->size);
  if (out == NULL)
    return UV_ENOMEM;
  err = uvssh__mbedtls_status(mbedtls_mpi_write_binary(&w->k, out, w->size));
  if (err == 0)
    uvssh__wr_mpint(k, out, w->size);
  uvssh__buf_free(&bytes);
  return err == 0 && k->bad ? UV_ENOMEM : err;
}

static int dh_start(const struct dh_group* group,
                    struct buf* secret,
                    struct buf* client_public) {
  struct work w;
  uint8_t* out;
  int err = work_begin(&w, group);

  secret->secret = 1;
  out = uvssh__buf_reserve(secret, EXPONENT);
  if (err == 0 && out == NULL)
    err = UV_ENOMEM;
  if (err == 0)
    err = make_pair(&w, out, client_public);
  if (err == 0)
    secret->len += EXPONENT;
  work_end(&w);
  return err;
}

static int dh_respond(const struct dh_group* group,
                      str_t client_public,
                      struct buf* server_public,
                      struct buf* k) {
  uint8_t secret[EXPONENT];
  struct work w;
  int err = work_begin(&w, group);

  k->secret = 1;
  if (err == 0)                    /* before any work is done for it */
    err = read_public(&w, client_public);
  if (err == 0)
    err = make_pair(&w, secret, server_public);
  if (err == 0)
    err = power(&w, k);
  uvssh__wipe(secret, sizeof(secret));
  work_end(&w);
  return err;
}

static int dh_finish(const struct dh_group* group,
                     str_t secret,
                     str_t server_public,
                     struct buf* k) {
  struct work w;
  int err = work_begin(&w, group);

  assert(secret.len == EXPONENT);
  k->secret = 1;
  if (err == 0)
    err = read_public(&w, server_public);
  if (err == 0)
    err = read_number(&w.x, secret);
  if (err == 0)
    err = power(&w, k);
  work_end(&w);
  return err;
}

/* ---- the three ----------------------------------------------------------- */

#define FIXED(bits, text, alg)                                                \
  static int fixed##bits##_start(str_t none, struct buf* secret,              \
                                 struct buf* client_public) {                 \
    struct dh_group group = uvssh__dh_group(bits);                            \
    return dh_start(&group, secret, client_public);                           \
  }                                                                           \
  static int fixed##bits##_respond(str_t none, str_t client_public,           \
                                   struct buf* server_public,                 \
                                   struct buf* k) {                           \
    struct dh_group group = uvssh__dh_group(bits);                            \
    return dh_respond(&group, client_public, server_public, k);               \
  }                                                                           \
  static int fixed##bits##_finish(str_t none, str_t secret,                   \
                                  str_t server_public, struct buf* k) {       \
    struct dh_group group = uvssh__dh_group(bits);                            \
    return dh_finish(&group, secret, server_public, k);                       \
  }                                                                           \
  const struct kex_alg uvssh__dh_modp##bits = {                               \
    .name = text,                                                             \
    .hash = alg,                                                              \
    .cost = COST_HEAVY,                                                       \
    .start_cost = COST_HEAVY,                                                 \
    .modular = 1,                                                             \
    .start = fixed##bits##_start,                                             \
    .respond = fixed##bits##_respond,                                         \
    .finish = fixed##bits##_finish                                            \
  };

FIXED(2048, "diffie-hellman-group14-sha256", &uvssh__sha256)
FIXED(4096, "diffie-hellman-group16-sha512", &uvssh__sha512)

static int gex_start(str_t text, struct buf* secret, struct buf* e) {
  struct dh_group group;
  int err = uvssh__dh_group_read(text, &group);

  return err == 0 ? dh_start(&group, secret, e) : err;
}

static int gex_respond(str_t text, str_t e, struct buf* f, struct buf* k) {
  struct dh_group group;
  int err = uvssh__dh_group_read(text, &group);

  return err == 0 ? dh_respond(&group, e, f, k) : err;
}

static int gex_finish(str_t text, str_t secret, str_t f, struct buf* k) {
  struct dh_group group;
  int err = uvssh__dh_group_read(text, &group);

  return err == 0 ? dh_finish(&group, secret, f, k) : err;
}

const struct kex_alg uvssh__dh_gex = {
  .name = "diffie-hellman-group-exchange-sha256",
  .hash = &uvssh__sha256,
  .cost = COST_HEAVY,
  .start_cost = COST_HEAVY,
  .modular = 1,
  .group_exchange = 1,
  .start = gex_start,
  .respond = gex_respond,
  .finish = gex_finish
};
