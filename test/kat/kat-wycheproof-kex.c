/* Wycheproof's vectors for key exchange (see wycheproof.h):
 *
 *   ecdh_secp*_ecpoint  through ecdh-sha2-nistp*; compressed points, which may
 *                       be right elsewhere, are refused with the wrong ones
 *   primality           through the check of a group: each number as p, and as
 *                       the q of p = 2 q + 1
 */
#include "wycheproof.h"

#include <mbedtls/bignum.h>

static int any(const struct json* j, size_t group) {
  return 1;
}

/* ---- ecdh ---------------------------------------------------------------- */

static int run_ecdh(const struct kex_alg* kex, size_t size,
                    const struct json* j, size_t test) {
  struct field public_key = field_of(j, test, "public");
  struct field secret = field_of(j, test, "private");
  struct field shared = field_of(j, test, "shared");
  int good = is_valid(j, test) && public_key.len == 1 + 2 * size;
  str_t peer = { public_key.base, public_key.len };
  struct buf k = { 0 };
  struct buf want = { 0 };
  uint8_t scalar[66] = { 0 };
  size_t extra = secret.len > size ? secret.len - size : 0;

  memcpy(scalar + size - (secret.len - extra), secret.base + extra,
         secret.len - extra);
  CHECK_EQ(kex->finish(STR(""), (str_t) { scalar, size }, peer, &k),
           good ? 0 : UVSSH_EKEX);
  if (good)
    uvssh__wr_mpint(&want, shared.base, shared.len);
  CHECK_MEM(k.base, k.len, want.base, want.len);
  uvssh__buf_free(&k);
  uvssh__buf_free(&want);
  free(public_key.base);
  free(secret.base);
  free(shared.base);
  return good;
}

#define CURVE(name, file, alg, size, tests, good)                             \
  static int run_##name(const struct json* j, size_t group, size_t test) {    \
    return run_ecdh(&alg, size, j, test);                                     \
  }                                                                           \
  TEST(wycheproof_ecdh_##name) {                                              \
    struct json j;                                                            \
    load(&j, "ecdh_" file "_ecpoint", tests);                                 \
    CHECK_EQ(for_each(&j, any, run_##name), good);                            \
    json_free(&j);                                                            \
  }

CURVE(nistp256, "secp256r1", uvssh__ecdh_nistp256, 32, 355, 330)
CURVE(nistp384, "secp384r1", uvssh__ecdh_nistp384, 48, 790, 771)
CURVE(nistp521, "secp521r1", uvssh__ecdh_nistp521, 66, 661, 632)

/* ---- primality ----------------------------------------------------------- */

enum { SURE = 40 };                /* rounds */

static int check_group(const mbedtls_mpi* p) {
  uint8_t bytes[512];
  struct buf text = { 0 };
  int err;

  CHECK_EQ(mbedtls_mpi_write_binary(p, bytes, sizeof(bytes)), 0);
  uvssh__wr_mpint(&text, bytes, sizeof(bytes));
  uvssh__wr_mpint(&text, (const uint8_t*) "\2", 1);
  err = uvssh__gex_check(str_of_buf(&text), 4, 8192);
  uvssh__buf_free(&text);
  return err;
}

static int is_prime(const mbedtls_mpi* n) {
  return mbedtls_mpi_is_prime_ext(n, SURE, uvssh__mbedtls_random, NULL) == 0;
}

/* Bytes whose highest bit is set are a negative number there. */
static int run_prime(const struct json* j, size_t group, size_t test) {
  struct field value = field_of(j, test, "value");
  int valid = is_valid(j, test);
  int safe = 0;
  mbedtls_mpi p, q;

  mbedtls_mpi_init(&p);
  mbedtls_mpi_init(&q);
  if ((value.base[0] & 0x80) == 0 && value.len != 1) {
    CHECK_EQ(mbedtls_mpi_read_binary(&p, value.base, value.len), 0);
    CHECK_EQ(mbedtls_mpi_copy(&q, &p), 0);
    CHECK_EQ(mbedtls_mpi_shift_r(&q, 1), 0);
    safe = valid && mbedtls_mpi_get_bit(&p, 0) && is_prime(&q);
    CHECK_EQ(check_group(&p), safe ? 0 : UVSSH_EKEX);
    CHECK_EQ(mbedtls_mpi_shift_l(&p, 1), 0);
    CHECK_EQ(mbedtls_mpi_set_bit(&p, 0, 1), 0);
    safe = valid && is_prime(&p);
    CHECK_EQ(check_group(&p), safe ? 0 : UVSSH_EKEX);
  }
  mbedtls_mpi_free(&p);
  mbedtls_mpi_free(&q);
  free(value.base);
  return 1;
}

TEST(lesson_65_wycheproof_primality) {
  struct json j;

  load(&j, "primality", 317);
  CHECK_EQ(for_each(&j, any, run_prime), 317);
  json_free(&j);
}
