/* What only RSA keys have: bounds, numbers that belong together, faults that
 * would tell the secret, leading zeros. What holds for every type is in
 * test-key-types.c. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS   /* a fault is made inside */

#include "check.h"

#include <stdlib.h>

#include <mbedtls/rsa.h>

#include "keys.h"

static const char message[] = "what is signed";

static const struct sign_alg* sha512(void) {
  return uvssh__sign_find(STR("rsa-sha2-512"));
}

/* ---- lesson 74: bounds --------------------------------------------------- */

/* An mpint of so many bits: the highest one, and the low ones of `low`. */
static void wr_bits(struct buf* b, unsigned bits, unsigned low) {
  uint8_t bytes[2100] = { 0 };
  size_t len = (bits + 7) / 8;

  if (bits != 0)
    bytes[0] = (uint8_t) (1 << (bits - 1) % 8);
  if (len != 0)
    bytes[len - 1] = (uint8_t) (bytes[len - 1] | low);
  uvssh__wr_mpint(b, bytes, len);
}

static int read_blob(const struct buf* blob) {
  uvssh_key_t* key = NULL;
  uint8_t* copy = malloc(blob->len);
  str_t exact = { copy, blob->len };
  int err;

  CHECK(copy != NULL);
  memcpy(copy, blob->base, blob->len);
  err = uvssh__key_from_blob(&key, exact);
  CHECK_EQ(key != NULL, err == 0);
  uvssh_key_unref(key);
  free(copy);
  return err;
}

TEST(lesson_74_rsa_bounds) {
  static const struct {
    unsigned e_bits, e_low;        /* bits 0: zero */
    unsigned n_bits, n_low;
    int good;
  } rows[] = {
    { 17, 1, 2048, 1, 1 }, { 17, 1, 3072, 1, 1 }, { 17, 1, 4096, 1, 1 },
    { 17, 1, 8192, 1, 1 }, { 17, 1, 2049, 1, 1 }, { 17, 1, 2055, 1, 1 },
    { 2, 1, 2048, 1, 1 },  { 3, 1, 2048, 1, 1 },  { 33, 1, 2048, 1, 1 },
    { 17, 1, 0, 0, 0 },    { 17, 1, 1, 1, 0 },    { 17, 1, 512, 1, 0 },
    { 17, 1, 1023, 1, 0 }, { 17, 1, 1024, 1, 0 }, { 17, 1, 2047, 1, 0 },
    { 17, 1, 16385, 1, 0 }, { 17, 1, 16800, 1, 0 }, { 17, 1, 2048, 0, 0 },
    { 0, 0, 2048, 1, 0 },  { 1, 1, 2048, 1, 0 },  { 2, 0, 2048, 1, 0 },
    { 17, 0, 2048, 1, 0 }, { 34, 1, 2048, 1, 0 }, { 65, 1, 2048, 1, 0 },
    { 2048, 1, 2048, 1, 0 }, { 8192, 1, 8192, 1, 0 },
    { 16800, 1, 2048, 1, 0 },
    { 17, 1, MBEDTLS_MPI_MAX_BITS + 1, 1, 0 }
  };
  size_t i;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    struct buf blob = { 0 };
    wr_cstr(&blob, "ssh-rsa");
    wr_bits(&blob, rows[i].e_bits, rows[i].e_low);
    wr_bits(&blob, rows[i].n_bits, rows[i].n_low);
    NOTE("e of %u bits, n of %u", rows[i].e_bits, rows[i].n_bits);
    CHECK_EQ(read_blob(&blob), rows[i].good ? 0 : UVSSH_EKEYFORMAT);
    uvssh__buf_free(&blob);
  }
}

/* One number has one form; e is in front of n. */
TEST(rsa_blob_forms) {
  static const uint8_t e[] = { 0, 1, 0, 1 };   /* a zero in front */
  uint8_t n[258] = { 0, 0x80 };
  size_t i;

  n[256] = 1;
  for (i = 0; i < 6; i++) {
    struct buf blob = { 0 };
    wr_cstr(&blob, "ssh-rsa");
    if (i == 4)
      wr_str(&blob, n, 257);                   /* n in front */
    if (i == 1)
      wr_str(&blob, e, 4);
    else
      wr_str(&blob, e + 1, 3);
    if (i == 2)
      wr_str(&blob, n + 1, 256);               /* negative */
    else if (i == 3)
      wr_str(&blob, "", 0);
    else if (i != 4)
      wr_str(&blob, n, 257);
    if (i == 5)
      wr_str(&blob, n, 257);                   /* something behind it */
    NOTE("form %zu", i);
    CHECK_EQ(read_blob(&blob), i == 0 ? 0 : UVSSH_EKEYFORMAT);
    uvssh__buf_free(&blob);
  }
}

/* ---- lesson 69: a fault -------------------------------------------------- */

static mbedtls_rsa_context* numbers_of(const uvssh_key_t* key) {
  return *(mbedtls_rsa_context**) key->state;    /* what rsa.c has first */
}

static void flip(mbedtls_mpi* number, size_t bit) {
  CHECK_EQ(mbedtls_mpi_set_bit(number, bit,
                               (unsigned char) !mbedtls_mpi_get_bit(number,
                                                                    bit)), 0);
}

TEST(lesson_69_rsa_faulty_signature) {
  static const size_t bits[] = { 0, 1, 77, 500, 1000 };
  uvssh_key_t* key = key_of_row(key_row_of("ssh-rsa"));
  mbedtls_rsa_context* rsa = numbers_of(key);
  mbedtls_mpi* const numbers[] = { &rsa->DP, &rsa->DQ, &rsa->QP, &rsa->P,
                                   &rsa->Q, &rsa->N };
  struct buf signature = { 0 };
  size_t i, j;

  for (i = 0; i < ARRAY_SIZE(numbers); i++) {
    for (j = 0; j < ARRAY_SIZE(bits); j++) {
      flip(numbers[i], bits[j]);
      NOTE("number %zu, bit %zu", i, bits[j]);
      CHECK_EQ(uvssh__key_sign(key, sha512(), message, sizeof(message),
                               &signature), UVSSH_ECRYPTO);
      CHECK_EQ(signature.len, 0);
      flip(numbers[i], bits[j]);
    }
  }
  CHECK_EQ(uvssh__key_sign(key, sha512(), message, sizeof(message), &signature),
           0);
  uvssh__buf_free(&signature);
  uvssh_key_unref(key);
}

/* ---- leading zeros, RFC 8332 section 3 ----------------------------------- */

/* Signs numbers until a signature begins with a zero; PKCS#1 v1.5 makes one
 * for a text, so which it is does not change. */
static uint32_t sign_until_zero(const uvssh_key_t* key, struct buf* signature) {
  uint32_t i;

  for (i = 0; i < 4096; i++) {
    uvssh__buf_reset(signature);
    CHECK_EQ(uvssh__key_sign(key, sha512(), &i, sizeof(i), signature), 0);
    if (signature->base[signature->len - 256] == 0)
      return i;
  }
  FAIL("no signature began with a zero");
}

TEST(rsa_signature_leading_zeros) {
  uvssh_key_t* key = key_of_row(key_row_of("ssh-rsa"));
  struct buf whole = { 0 };
  uint32_t text = sign_until_zero(key, &whole);
  const uint8_t* bare = whole.base + whole.len - 256;
  size_t cut;

  for (cut = 0; cut < 4; cut++) {  /* 0: one more; 1: as it is; 2: without */
    struct buf other = { 0 };
    wr_cstr(&other, "rsa-sha2-512");
    wr_u32(&other, (uint32_t) (257 - cut));
    if (cut == 0)
      wr_u8(&other, 0);
    wr_bytes(&other, bare + (cut == 0 ? 0 : cut - 1),
             256 - (cut == 0 ? 0 : cut - 1));
    NOTE("%zu bytes", 257 - cut);
    CHECK_EQ(uvssh__key_verify(key, sha512(), &text, sizeof(text),
                               str_of_buf(&other)),
             cut == 0   ? UVSSH_EKEYFORMAT
             : cut == 3 ? UVSSH_ECRYPTO
                        : 0);
    uvssh__buf_free(&other);
  }
  uvssh__buf_free(&whole);
  uvssh_key_unref(key);
}

/* Numbers that are no signature: 0, 1, n - 1, n, n + 1, all ones. */
TEST(rsa_signature_of_no_use) {
  uvssh_key_t* key = key_of_row(key_row_of("ssh-rsa"));
  uint8_t n[256], bare[256];
  size_t i;

  CHECK_EQ(mbedtls_mpi_write_binary(&numbers_of(key)->N, n, sizeof(n)), 0);
  for (i = 0; i < 6; i++) {
    struct buf signature = { 0 };
    memset(bare, i == 5 ? 0xff : 0, sizeof(bare));
    if (i >= 2 && i <= 4)
      memcpy(bare, n, sizeof(bare));
    bare[255] = (uint8_t) (bare[255] + (i == 1 || i == 4) - (i == 2));
    wr_cstr(&signature, "rsa-sha2-512");
    wr_str(&signature, bare, sizeof(bare));
    NOTE("row %zu", i);
    CHECK_EQ(uvssh__key_verify(key, sha512(), message, sizeof(message),
                               str_of_buf(&signature)), UVSSH_ECRYPTO);
    uvssh__buf_free(&signature);
  }
  uvssh_key_unref(key);
}

/* ---- numbers that do not belong together --------------------------------- */

enum { N, E, D, IQMP, P, Q, NUMBERS };

static void write_numbers(struct buf* section, mbedtls_mpi number[NUMBERS]) {
  uint8_t bytes[1025];
  size_t i;

  for (i = 0; i < NUMBERS; i++) {
    CHECK_EQ(mbedtls_mpi_write_binary(&number[i], bytes, sizeof(bytes)), 0);
    uvssh__wr_mpint(section, bytes, sizeof(bytes));
  }
}

static int parse_numbers(mbedtls_mpi number[NUMBERS]) {
  struct buf section = { 0 };
  uint64_t room[8] = { 0 };
  rd_t r;
  int err;

  CHECK(uvssh__rsa.state_size <= sizeof(room));
  write_numbers(&section, number);
  r = rd_of(section.base, section.len);
  err = uvssh__rsa.read_private(&uvssh__rsa, room, &r);
  CHECK_EQ(uvssh__rsa.has_secret(room), err == 0);
  uvssh__rsa.wipe(room);
  uvssh__buf_free(&section);
  return err;
}

/* Each number larger by 1, 2, or an eighth; two of them in each other's place;
 * zero. */
TEST(rsa_private_numbers) {
  uvssh_key_t* key = key_of_row(key_row_of("ssh-rsa"));
  const mbedtls_rsa_context* rsa = numbers_of(key);
  const mbedtls_mpi* const from[] = { &rsa->N, &rsa->E,  &rsa->D,
                                      &rsa->QP, &rsa->P, &rsa->Q };
  mbedtls_mpi number[NUMBERS];
  size_t i, j;

  for (i = 0; i < NUMBERS; i++)
    mbedtls_mpi_init(&number[i]);
  for (i = 0; i < NUMBERS; i++)
    CHECK_EQ(mbedtls_mpi_copy(&number[i], from[i]), 0);
  CHECK_EQ(parse_numbers(number), 0);
  for (i = 0; i < NUMBERS; i++) {
    for (j = 0; j < 4; j++) {
      NOTE("number %zu, change %zu", i, j);
      CHECK_EQ(j < 2 ? mbedtls_mpi_add_int(&number[i], &number[i], (int) j + 1)
                     : mbedtls_mpi_lset(&number[i], (int) j - 2), 0);
      CHECK_EQ(parse_numbers(number), UVSSH_EKEYFORMAT);
      CHECK_EQ(mbedtls_mpi_copy(&number[i], from[i]), 0);
    }
    for (j = 0; j < i; j++) {
      NOTE("number %zu and %zu", i, j);
      mbedtls_mpi_swap(&number[i], &number[j]);
      CHECK_EQ(parse_numbers(number), UVSSH_EKEYFORMAT);
      mbedtls_mpi_swap(&number[i], &number[j]);
    }
  }
  CHECK_EQ(parse_numbers(number), 0);
  for (i = 0; i < NUMBERS; i++)
    mbedtls_mpi_free(&number[i]);
  uvssh_key_unref(key);
}
