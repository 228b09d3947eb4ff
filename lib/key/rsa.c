/* rsa.c: ssh-rsa keys, whose signatures are rsa-sha2-512 and rsa-sha2-256: RFC
 * 8332, RFC 8017 section 8.2 (PKCS#1 v1.5), by mbedTLS.
 *
 * Happy path: a public key is e and n, a signature as long as n. What is there
 * of a private key is checked against all the rest, and the numbers of the
 * Chinese remainder are made anew.
 * Failures: a size or an exponent out of bounds, before any work is done with
 * it; a signature that is longer; numbers that do not belong together:
 * UVSSH_EKEYFORMAT. A wrong signature: UVSSH_ECRYPTO.
 * A shorter signature is one whose leading zeros were left out, which RFC 8332
 * section 3 lets a verifier take.
 *
 * The key's object is only read: mbedTLS writes into what it works with (its
 * blinding, its squares), so every call works with a copy, on any thread.
 * Never makes or takes a signature with SHA-1.
 */
#include "key/key.h"

#include <mbedtls/rsa.h>
#include <mbedtls/version.h>

#define BITS_MIN 2048
#define BITS_MAX 16384             /* mbedTLS may be built for less: 8192 */
#define BITS_DEFAULT 3072
#define EXPONENT 65537
#define EXPONENT_BITS_MAX 33       /* no more than a peer may make us pay */

struct rsa {
  mbedtls_rsa_context* numbers;    /* only read */
  int has_secret;
};

#if MBEDTLS_VERSION_NUMBER < 0x03000000
# define rsa_init(r) mbedtls_rsa_init(r, MBEDTLS_RSA_PKCS_V15, 0)
# define rsa_pkcs1_sign(r, md, len, hash, out)                                \
   mbedtls_rsa_pkcs1_sign(r, uvssh__mbedtls_random, NULL,                     \
                          MBEDTLS_RSA_PRIVATE, md, len, hash, out)
# define rsa_pkcs1_verify(r, md, len, hash, signature)                        \
   mbedtls_rsa_pkcs1_verify(r, uvssh__mbedtls_random, NULL,                   \
                            MBEDTLS_RSA_PUBLIC, md, len, hash, signature)
#else                              /* PKCS#1 v1.5 is what it begins with */
# define rsa_init(r) mbedtls_rsa_init(r)
# define rsa_pkcs1_sign(r, md, len, hash, out)                                \
   mbedtls_rsa_pkcs1_sign(r, uvssh__mbedtls_random, NULL, md, len, hash, out)
# define rsa_pkcs1_verify mbedtls_rsa_pkcs1_verify
#endif

/* ---- numbers ------------------------------------------------------------- */

/* Of a number without leading zero bytes. */
static size_t bits_of(str_t number) {
  size_t bits = number.len * 8;
  unsigned mask;

  if (number.len == 0)
    return 0;
  for (mask = 0x80; (number.base[0] & mask) == 0; mask >>= 1)
    bits--;
  return bits;
}

static int size_ok(size_t bits) {
  return bits >= BITS_MIN && bits <= BITS_MAX && bits <= MBEDTLS_MPI_MAX_BITS;
}

static int is_odd(str_t number) {
  return number.len != 0 && (number.base[number.len - 1] & 1) != 0;
}

/* Before anything is computed with them. */
static int bounds_ok(str_t e, str_t n) {
  return size_ok(bits_of(n)) && is_odd(n) && is_odd(e) && bits_of(e) >= 2 &&
         bits_of(e) <= EXPONENT_BITS_MAX;
}

static void write_number(struct buf* out, const mbedtls_mpi* number) {
  struct buf bytes = { .secret = 1 };
  size_t size = mbedtls_mpi_size(number);
  uint8_t* at = uvssh__buf_reserve(&bytes, size);

  if (at == NULL || mbedtls_mpi_write_binary(number, at, size) != 0)
    out->bad = 1;
  else
    uvssh__wr_mpint(out, at, size);
  bytes.len = at == NULL ? 0 : size;
  uvssh__buf_free(&bytes);
}

/* ---- the object ---------------------------------------------------------- */

static int make_numbers(struct rsa* k) {
  k->numbers = (mbedtls_rsa_context*) uvssh__calloc(1, sizeof(*k->numbers));
  if (k->numbers == NULL)
    return UV_ENOMEM;
  rsa_init(k->numbers);
  return 0;
}

static void rsa_wipe(void* state) {
  struct rsa* k = state;

  if (k->numbers == NULL)
    return;
  mbedtls_rsa_free(k->numbers);    /* which wipes what it frees */
  uvssh__free_secret(k->numbers, sizeof(*k->numbers));
  k->numbers = NULL;
}

static int rsa_generate(const struct key_type* type,
                        void* state,
                        unsigned bits) {
  struct rsa* k = state;
  int err;

  if (bits == 0)
    bits = BITS_DEFAULT;
  if (!size_ok(bits) || bits % 2 != 0)
    return UV_EINVAL;
  err = make_numbers(k);
  if (err != 0)
    return err;
  k->has_secret = 1;
  return uvssh__mbedtls_status(mbedtls_rsa_gen_key(
      k->numbers, uvssh__mbedtls_random, NULL, bits, EXPONENT));
}

static int rsa_read_public(const struct key_type* type,
                           void* state,
                           rd_t* blob) {
  struct rsa* k = state;
  str_t e = uvssh__rd_mpint(blob);
  str_t n = uvssh__rd_mpint(blob);
  int err;
  int rc;

  if (rd_end(blob) != 0 || !bounds_ok(e, n))
    return UVSSH_EKEYFORMAT;
  err = make_numbers(k);
  if (err != 0)
    return err;
  rc = mbedtls_rsa_import_raw(k->numbers, n.base, n.len, NULL, 0, NULL, 0,
                              NULL, 0, e.base, e.len);
  if (rc == 0)
    rc = mbedtls_rsa_complete(k->numbers);
  if (rc == 0)
    rc = mbedtls_rsa_check_pubkey(k->numbers);
  return uvssh__mbedtls_read_status(rc);
}

static void rsa_write_public(const void* state, struct buf* blob) {
  const struct rsa* k = state;
  mbedtls_mpi n, e;

  mbedtls_mpi_init(&n);
  mbedtls_mpi_init(&e);
  if (mbedtls_rsa_export(k->numbers, &n, NULL, NULL, NULL, &e) != 0)
    blob->bad = 1;
  write_number(blob, &e);
  write_number(blob, &n);
  mbedtls_mpi_free(&n);
  mbedtls_mpi_free(&e);
}

/* ---- private keys -------------------------------------------------------- */

enum { N, E, D, IQMP, P, Q, NUMBERS };   /* in the order of the file */

/* What the file has for q^-1 mod p is what mbedTLS made. */
static int check_inverse(const struct rsa* k, str_t iqmp) {
  struct buf made = { .secret = 1 };
  struct buf want = { .secret = 1 };
  mbedtls_mpi qp;
  int rc;
  int err;

  mbedtls_mpi_init(&qp);
  rc = mbedtls_rsa_export_crt(k->numbers, NULL, NULL, &qp);
  err = uvssh__mbedtls_read_status(rc);
  if (err == 0) {
    write_number(&made, &qp);
    uvssh__wr_mpint(&want, iqmp.base, iqmp.len);
    if (made.bad || want.bad)
      err = UV_ENOMEM;
    else if (made.len != want.len ||
             !uvssh__equal(made.base, want.base, made.len))
      err = UVSSH_EKEYFORMAT;
  }
  mbedtls_mpi_free(&qp);
  uvssh__buf_free(&made);
  uvssh__buf_free(&want);
  return err;
}

/* As they are in a key: e the number's inverse, n the product, and so on. */
static int import(struct rsa* k, const str_t number[NUMBERS]) {
  int rc = mbedtls_rsa_import_raw(
      k->numbers, number[N].base, number[N].len, number[P].base, number[P].len,
      number[Q].base, number[Q].len, number[D].base, number[D].len,
      number[E].base, number[E].len);

  if (rc == 0)
    rc = mbedtls_rsa_complete(k->numbers);
  if (rc == 0)
    rc = mbedtls_rsa_check_privkey(k->numbers);
  return rc != 0 ? uvssh__mbedtls_read_status(rc)
                 : check_inverse(k, number[IQMP]);
}

static int rsa_read_private(const struct key_type* type,
                            void* state,
                            rd_t* section) {
  struct rsa* k = state;
  str_t number[NUMBERS];
  int fits = 1;
  int err;
  size_t i;

  for (i = 0; i < NUMBERS; i++) {
    number[i] = uvssh__rd_mpint(section);
    fits &= number[i].len != 0 && number[i].len <= number[N].len;
  }
  if (section->bad || !fits || !bounds_ok(number[E], number[N]))
    return UVSSH_EKEYFORMAT;
  err = make_numbers(k);
  if (err == 0)
    err = import(k, number);
  k->has_secret = err == 0;
  return err;
}

static void rsa_write_private(const void* state, struct buf* section) {
  const struct rsa* k = state;
  mbedtls_mpi number[NUMBERS];
  size_t i;

  for (i = 0; i < NUMBERS; i++)
    mbedtls_mpi_init(&number[i]);
  if (mbedtls_rsa_export(k->numbers, &number[N], &number[P], &number[Q],
                         &number[D], &number[E]) != 0 ||
      mbedtls_rsa_export_crt(k->numbers, NULL, NULL, &number[IQMP]) != 0)
    section->bad = 1;
  for (i = 0; i < NUMBERS; i++) {
    write_number(section, &number[i]);
    mbedtls_mpi_free(&number[i]);
  }
}

static int rsa_has_secret(const void* state) {
  const struct rsa* k = state;
  return k->has_secret;
}

/* ---- signatures ---------------------------------------------------------- */

static mbedtls_md_type_t md_of(const struct sign_alg* alg) {
  return alg->hash == &uvssh__sha512 ? MBEDTLS_MD_SHA512 : MBEDTLS_MD_SHA256;
}

static int rsa_sign(const void* state,
                    const struct sign_alg* alg,
                    const uint8_t* data,
                    size_t len,
                    struct buf* signature) {
  const struct rsa* k = state;
  uint8_t hash[HASH_SIZE_MAX];
  size_t size = mbedtls_rsa_get_len(k->numbers);
  uint8_t* out = uvssh__buf_reserve(signature, size);
  mbedtls_rsa_context work;
  int rc;

  if (out == NULL)
    return UV_ENOMEM;
  uvssh__hash(alg->hash, data, len, hash);
  rsa_init(&work);
  rc = mbedtls_rsa_copy(&work, k->numbers);
  if (rc == 0)
    rc = rsa_pkcs1_sign(&work, md_of(alg), (unsigned) alg->hash->size, hash,
                        out);
  mbedtls_rsa_free(&work);
  if (rc == 0)
    signature->len += size;
  return uvssh__mbedtls_status(rc);
}

/* signature: as long as n. */
static int verify(const struct rsa* k,
                  const struct sign_alg* alg,
                  const uint8_t* hash,
                  const uint8_t* signature) {
  mbedtls_rsa_context work;
  int rc;

  rsa_init(&work);
  rc = mbedtls_rsa_copy(&work, k->numbers);
  if (rc == 0)
    rc = rsa_pkcs1_verify(&work, md_of(alg), (unsigned) alg->hash->size, hash,
                          signature);
  mbedtls_rsa_free(&work);
  return uvssh__mbedtls_status(rc);
}

static int rsa_verify(const void* state,
                      const struct sign_alg* alg,
                      const uint8_t* data,
                      size_t len,
                      str_t signature) {
  const struct rsa* k = state;
  uint8_t hash[HASH_SIZE_MAX];
  size_t size = mbedtls_rsa_get_len(k->numbers);
  struct buf padded = { 0 };
  uint8_t* whole;
  int err;

  if (signature.len == 0 || signature.len > size)
    return UVSSH_EKEYFORMAT;
  whole = uvssh__buf_reserve(&padded, size);
  if (whole == NULL)
    return UV_ENOMEM;
  memset(whole, 0, size - signature.len);
  memcpy(whole + size - signature.len, signature.base, signature.len);
  uvssh__hash(alg->hash, data, len, hash);
  err = verify(k, alg, hash, whole);
  uvssh__buf_free(&padded);
  return err;
}

const struct key_type uvssh__rsa = {
  .name = KEY_RSA,
  .type = UVSSH_KEY_RSA,
  .state_size = sizeof(struct rsa),
  .generate = rsa_generate,
  .read_public = rsa_read_public,
  .write_public = rsa_write_public,
  .read_private = rsa_read_private,
  .write_private = rsa_write_private,
  .has_secret = rsa_has_secret,
  .sign = rsa_sign,
  .verify = rsa_verify,
  .check = rsa_verify,
  .wipe = rsa_wipe
};
