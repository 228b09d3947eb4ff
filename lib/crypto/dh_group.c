/* dh_group.c: groups of integers modulo a safe prime, those of RFC 3526 and RFC
 * 7919, and what others name in a group exchange (RFC 4419, RFC 8270).
 *
 * Happy path: a server answers with the smallest of its groups that is as large
 * as was wished; a client knows that group, so that checking costs nothing.
 * Failures: a wish that no group fulfils; a group outside of what was asked
 * for, whose p is even, or not prime, or not a safe one, or whose g is out of
 * range: UVSSH_EKEX.
 *
 * Never takes more than ROUNDS + 1 exponentiations to judge a group, and four
 * for a large one that nobody knows: a second or two at 8192 bits, a job's work.
 */
#include "crypto/crypto.h"

#include <mbedtls/bignum.h>
#include <mbedtls/dhm.h>

/* A composite passes a round of Miller and Rabin with at most 1/4, one that was
 * drawn at random hardly ever. This is about a server's list of primes: it knows
 * K anyway. So the largest, which take a second, get fewer. */
enum { ROUNDS = 10, LARGE_BITS = 4096, LARGE_ROUNDS = 3 };

static const uint8_t p2048[] = MBEDTLS_DHM_RFC3526_MODP_2048_P_BIN;
static const uint8_t p3072[] = MBEDTLS_DHM_RFC3526_MODP_3072_P_BIN;
static const uint8_t p4096[] = MBEDTLS_DHM_RFC3526_MODP_4096_P_BIN;
static const uint8_t f2048[] = MBEDTLS_DHM_RFC7919_FFDHE2048_P_BIN;
static const uint8_t f3072[] = MBEDTLS_DHM_RFC7919_FFDHE3072_P_BIN;
static const uint8_t f4096[] = MBEDTLS_DHM_RFC7919_FFDHE4096_P_BIN;
static const uint8_t f6144[] = MBEDTLS_DHM_RFC7919_FFDHE6144_P_BIN;
static const uint8_t f8192[] = MBEDTLS_DHM_RFC7919_FFDHE8192_P_BIN;
static const uint8_t two[] = { 2 };  /* generates all of them */

/* Ours come first, by size; the rest are only known. */
static const struct known {
  const uint8_t* p;
  uint32_t bits;
} known[] = {
  { p2048, 2048 }, { p3072, 3072 }, { p4096, 4096 }, { f6144, 6144 },
  { f8192, 8192 },
  { f2048, 2048 }, { f3072, 3072 }, { f4096, 4096 }
};

enum { OURS = 5 };

_Static_assert(sizeof(p2048) * 8 == 2048 && sizeof(p4096) * 8 == 4096 &&
               sizeof(f8192) * 8 == GEX_BITS_MAX, "their sizes");

static struct dh_group group_of(const struct known* k) {
  struct dh_group group = { { k->p, k->bits / 8 }, { two, sizeof(two) } };
  return group;
}

struct dh_group uvssh__dh_group(uint32_t bits) {
  const struct known* k = known;

  while (k->bits != bits)
    k++;
  return group_of(k);
}

int uvssh__dh_group_read(str_t text, struct dh_group* group) {
  rd_t r = rd_of(text.base, text.len);

  group->p = uvssh__rd_mpint(&r);
  group->g = uvssh__rd_mpint(&r);
  return rd_end(&r);
}

/* ---- a server's choice --------------------------------------------------- */

int uvssh__gex_choose(uint32_t min,
                      uint32_t wish,
                      uint32_t max,
                      struct buf* group) {
  const struct known* found = NULL;
  struct dh_group g;
  size_t i;

  if (min > wish || wish > max)
    return UVSSH_EKEX;
  for (i = 0; i < OURS; i++) {
    if (known[i].bits < min || known[i].bits > max)
      continue;
    found = &known[i];             /* the largest, where none is large enough */
    if (found->bits >= wish)
      break;
  }
  if (found == NULL)
    return UVSSH_EKEX;
  g = group_of(found);
  uvssh__wr_mpint(group, g.p.base, g.p.len);
  uvssh__wr_mpint(group, g.g.base, g.g.len);
  return group->bad ? UV_ENOMEM : 0;
}

/* ---- a client's check ---------------------------------------------------- */

static uint32_t bits_of(str_t number) {
  uint32_t bits = 8 * (uint32_t) number.len;
  uint8_t first;

  if (number.len == 0)
    return 0;
  first = number.base[0];          /* not 0 */
  for (; (first & 0x80) == 0; first = (uint8_t) (first << 1))
    bits--;
  return bits;
}

static int is_known(str_t p) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(known); i++)
    if (str_eq(p, group_of(&known[i]).p))
      return 1;
  return 0;
}

struct numbers {
  mbedtls_mpi p, q, g, x;
};

/* 0, or what mbedTLS says; NOT_ACCEPTABLE: it is none. With q = (p - 1) / 2
 * prime one exponentiation shows that p is (Pocklington): 2^(p-1) = 1 mod p,
 * and 2^2 - 1 has no factor in common with p. */
static int judge_prime(struct numbers* n) {
  int rounds = mbedtls_mpi_bitlen(&n->p) > LARGE_BITS ? LARGE_ROUNDS : ROUNDS;
  mbedtls_mpi_uint rest;
  int rc = mbedtls_mpi_mod_int(&rest, &n->p, 3);

  if (rc == 0 && rest == 0)
    return MBEDTLS_ERR_MPI_NOT_ACCEPTABLE;
  if (rc == 0)
    rc = mbedtls_mpi_copy(&n->q, &n->p);
  if (rc == 0)
    rc = mbedtls_mpi_shift_r(&n->q, 1);
  if (rc == 0)
    rc = mbedtls_mpi_is_prime_ext(&n->q, rounds, uvssh__mbedtls_random, NULL);
  if (rc == 0)
    rc = mbedtls_mpi_shift_l(&n->q, 1);   /* p is odd: p - 1 */
  if (rc == 0)
    rc = mbedtls_mpi_lset(&n->x, 2);
  if (rc == 0)
    rc = mbedtls_mpi_exp_mod(&n->x, &n->x, &n->q, &n->p, NULL);
  if (rc == 0 && mbedtls_mpi_cmp_int(&n->x, 1) != 0)
    return MBEDTLS_ERR_MPI_NOT_ACCEPTABLE;
  return rc;
}

/* 1 < g < p - 1; p has its size, and is odd. */
static int judge(struct numbers* n, const struct dh_group* group) {
  int rc = mbedtls_mpi_read_binary(&n->p, group->p.base, group->p.len);

  if (rc == 0)
    rc = mbedtls_mpi_read_binary(&n->g, group->g.base, group->g.len);
  if (rc == 0)
    rc = mbedtls_mpi_sub_int(&n->x, &n->p, 1);
  if (rc != 0)
    return rc;
  if (mbedtls_mpi_cmp_int(&n->g, 1) <= 0 ||
      mbedtls_mpi_cmp_mpi(&n->g, &n->x) >= 0)
    return MBEDTLS_ERR_MPI_NOT_ACCEPTABLE;
  return is_known(group->p) ? 0 : judge_prime(n);
}

int uvssh__gex_check(str_t text, uint32_t min, uint32_t max) {
  struct dh_group group;
  struct numbers n;
  int err;

  if (uvssh__dh_group_read(text, &group) != 0 || bits_of(group.p) < min ||
      bits_of(group.p) > max || group.g.len > group.p.len ||
      (group.p.base[group.p.len - 1] & 1) == 0)
    return UVSSH_EKEX;
  mbedtls_mpi_init(&n.p);
  mbedtls_mpi_init(&n.q);
  mbedtls_mpi_init(&n.g);
  mbedtls_mpi_init(&n.x);
  err = uvssh__mbedtls_status(judge(&n, &group));
  mbedtls_mpi_free(&n.p);
  mbedtls_mpi_free(&n.q);
  mbedtls_mpi_free(&n.g);
  mbedtls_mpi_free(&n.x);
  return err == UVSSH_ECRYPTO ? UVSSH_EKEX : err;
}
