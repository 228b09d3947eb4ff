/* What only ECDSA keys have: points, curves, r and s, nonces, faults that would
 * tell the secret. What holds for every type is in test-key-types.c. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS   /* numbers are looked at inside */

#include "check.h"

#include <stdlib.h>

#include <mbedtls/ecp.h>

#include "keys.h"

static const char message[] = "what is signed";

static const struct {
  const char* name;
  const char* curve;
  mbedtls_ecp_group_id id;
  size_t size;
} curves[] = {
  { "ecdsa-sha2-nistp256", "nistp256", MBEDTLS_ECP_DP_SECP256R1, 32 },
  { "ecdsa-sha2-nistp384", "nistp384", MBEDTLS_ECP_DP_SECP384R1, 48 },
  { "ecdsa-sha2-nistp521", "nistp521", MBEDTLS_ECP_DP_SECP521R1, 66 }
};

#define FOR_CURVES(c) for (size_t c = 0; c < ARRAY_SIZE(curves); c++)

static const struct sign_alg* algorithm(size_t c) {
  return uvssh__sign_find(str_of(curves[c].name));
}

/* The point of a row's key, uncompressed. */
static str_t point_of(const uvssh_key_t* key) {
  rd_t r;
  size_t len;
  const uint8_t* blob = uvssh_key_blob(key, &len);

  r = rd_of(blob, len);
  (void) rd_str(&r);
  (void) rd_str(&r);
  return rd_str(&r);
}

/* ---- points -------------------------------------------------------------- */

static int read_point(const char* name,
                      const char* curve,
                      const uint8_t* point,
                      size_t len) {
  struct buf blob = { 0 };
  uvssh_key_t* key = NULL;
  int err;

  wr_cstr(&blob, name);
  wr_cstr(&blob, curve);
  wr_str(&blob, point, len);
  err = uvssh__key_from_blob(&key, str_of_buf(&blob));
  CHECK_EQ(key != NULL, err == 0);
  uvssh_key_unref(key);
  uvssh__buf_free(&blob);
  return err;
}

/* lesson 75: the curve of the name, that of the field, and the point's. */
TEST(lesson_75_ecdsa_curves) {
  FOR_CURVES(name) {
    FOR_CURVES(field) {
      FOR_CURVES(point) {
        uvssh_key_t* key = key_of_row(key_row_of(curves[point].name));
        str_t q = point_of(key);
        NOTE("%s, %s, %s", curves[name].name, curves[field].curve,
             curves[point].curve);
        CHECK_EQ(read_point(curves[name].name, curves[field].curve, q.base,
                            q.len),
                 name == field && field == point ? 0 : UVSSH_EKEYFORMAT);
        uvssh_key_unref(key);
      }
    }
  }
}

/* Every first byte; compressed and hybrid forms of a good point among them. */
TEST(ecdsa_point_forms) {
  FOR_CURVES(c) {
    uvssh_key_t* key = key_of_row(key_row_of(curves[c].name));
    str_t q = point_of(key);
    size_t compressed = 1 + curves[c].size;
    uint8_t point[200];
    size_t len;
    unsigned form;
    memcpy(point, q.base, q.len);
    for (form = 0; form < 256; form++) {
      point[0] = (uint8_t) form;
      NOTE("%s, form %u", curves[c].curve, form);
      CHECK_EQ(read_point(curves[c].name, curves[c].curve, point, q.len),
               form == 4 ? 0 : UVSSH_EKEYFORMAT);
      CHECK_EQ(read_point(curves[c].name, curves[c].curve, point, compressed),
               UVSSH_EKEYFORMAT);
      CHECK_EQ(read_point(curves[c].name, curves[c].curve, point, 1),
               UVSSH_EKEYFORMAT);
    }
    point[0] = 4;
    for (len = 0; len <= sizeof(point); len++)
      if (len != q.len)
        CHECK_EQ(read_point(curves[c].name, curves[c].curve, point, len),
                 UVSSH_EKEYFORMAT);
    uvssh_key_unref(key);
  }
}

/* On the curve modulo p, and not below it; the origin; the other half: -Q is
 * a point, too. */
TEST(ecdsa_point_values) {
  FOR_CURVES(c) {
    uvssh_key_t* key = key_of_row(key_row_of(curves[c].name));
    size_t size = curves[c].size;
    mbedtls_ecp_group group;
    mbedtls_mpi y;
    uint8_t point[133];
    mbedtls_ecp_group_init(&group);
    mbedtls_mpi_init(&y);
    CHECK_EQ(mbedtls_ecp_group_load(&group, curves[c].id), 0);
    NOTE("%s", curves[c].curve);

    memcpy(point, point_of(key).base, 1 + 2 * size);
    CHECK_EQ(mbedtls_mpi_read_binary(&y, point + 1 + size, size), 0);
    CHECK_EQ(mbedtls_mpi_sub_mpi(&y, &group.P, &y), 0);
    CHECK_EQ(mbedtls_mpi_write_binary(&y, point + 1 + size, size), 0);
    CHECK_EQ(read_point(curves[c].name, curves[c].curve, point, 1 + 2 * size),
             0);
    CHECK_EQ(mbedtls_mpi_write_binary(&group.P, point + 1, size), 0);
    CHECK_EQ(read_point(curves[c].name, curves[c].curve, point, 1 + 2 * size),
             UVSSH_EKEYFORMAT);
    memset(point + 1, 0xff, 2 * size);
    CHECK_EQ(read_point(curves[c].name, curves[c].curve, point, 1 + 2 * size),
             UVSSH_EKEYFORMAT);
    memset(point + 1, 0, 2 * size);
    CHECK_EQ(read_point(curves[c].name, curves[c].curve, point, 1 + 2 * size),
             UVSSH_EKEYFORMAT);

    mbedtls_mpi_free(&y);
    mbedtls_ecp_group_free(&group);
    uvssh_key_unref(key);
  }
}

/* ---- secrets ------------------------------------------------------------- */

static int read_secret(size_t c, str_t point, const mbedtls_mpi* d) {
  const struct key_type* type = uvssh__key_type_find(str_of(curves[c].name));
  struct buf section = { 0 };
  uint8_t bytes[80];
  uint64_t room[64] = { 0 };
  rd_t r;
  int err;

  CHECK(type != NULL && type->state_size <= sizeof(room));
  CHECK_EQ(mbedtls_mpi_write_binary(d, bytes, sizeof(bytes)), 0);
  wr_cstr(&section, curves[c].curve);
  wr_str(&section, point.base, point.len);
  uvssh__wr_mpint(&section, bytes, sizeof(bytes));
  r = rd_of(section.base, section.len);
  err = type->read_private(type, room, &r);
  type->wipe(room);
  uvssh__buf_free(&section);
  return err;
}

/* 1 makes the base point, n - 1 its negative; 0, n and n + 1 are no secrets,
 * and no other one makes this point. */
TEST(ecdsa_secrets) {
  FOR_CURVES(c) {
    mbedtls_ecp_group group;
    mbedtls_mpi d;
    uint8_t point[133];
    str_t base = { point, 0 };
    mbedtls_ecp_group_init(&group);
    mbedtls_mpi_init(&d);
    CHECK_EQ(mbedtls_ecp_group_load(&group, curves[c].id), 0);
    CHECK_EQ(mbedtls_ecp_point_write_binary(&group, &group.G,
                                            MBEDTLS_ECP_PF_UNCOMPRESSED,
                                            &base.len, point, sizeof(point)),
             0);
    NOTE("%s", curves[c].curve);
    CHECK_EQ(mbedtls_mpi_lset(&d, 1), 0);
    CHECK_EQ(read_secret(c, base, &d), 0);
    CHECK_EQ(mbedtls_mpi_lset(&d, 2), 0);
    CHECK_EQ(read_secret(c, base, &d), UVSSH_EKEYFORMAT);
    CHECK_EQ(mbedtls_mpi_lset(&d, 0), 0);
    CHECK_EQ(read_secret(c, base, &d), UVSSH_EKEYFORMAT);
    CHECK_EQ(mbedtls_mpi_copy(&d, &group.N), 0);
    CHECK_EQ(read_secret(c, base, &d), UVSSH_EKEYFORMAT);
    CHECK_EQ(mbedtls_mpi_add_int(&d, &group.N, 1), 0);   /* as 1, and more */
    CHECK_EQ(read_secret(c, base, &d), UVSSH_EKEYFORMAT);
    CHECK_EQ(mbedtls_mpi_shift_l(&d, 90), 0);            /* more bytes */
    CHECK_EQ(read_secret(c, base, &d), UVSSH_EKEYFORMAT);
    CHECK_EQ(mbedtls_mpi_lset(&d, 1), 0);
    base.len--;
    CHECK_EQ(read_secret(c, base, &d), UVSSH_EKEYFORMAT);
    mbedtls_mpi_free(&d);
    mbedtls_ecp_group_free(&group);
  }
}

/* What a key file of ours has for the secret, with all its leading zeros. */
static void secret_of(const uvssh_key_t* key, size_t size, uint8_t* secret) {
  struct buf section = { 0 };
  str_t d;
  rd_t r;

  key->type->write_private(key->state, &section);
  r = rd_of(section.base, section.len);
  (void) rd_str(&r);
  (void) rd_str(&r);
  d = uvssh__rd_mpint(&r);
  CHECK_EQ(rd_end(&r), 0);
  memset(secret, 0, size - d.len);
  memcpy(secret + size - d.len, d.base, d.len);
  uvssh__buf_free(&section);
}

static uint8_t* find(void* room, size_t size, const uint8_t* what, size_t len) {
  uint8_t* at = room;

  for (; size >= len; at++, size--)
    if (memcmp(at, what, len) == 0)
      return at;
  FAIL("the state has no such bytes");
}

/* A secret in which a bit has turned, and a public half. */
TEST(lesson_69_ecdsa_faulty_signature) {
  FOR_CURVES(c) {
    uvssh_key_t* key = key_of_row(key_row_of(curves[c].name));
    uint8_t secret[66];
    struct buf signature = { 0 };
    uint8_t* at[2];
    size_t i, bit;
    secret_of(key, curves[c].size, secret);
    at[0] = find(key->state, key->type->state_size, secret, curves[c].size);
    at[1] = find(key->state, key->type->state_size, point_of(key).base,
                 point_of(key).len);
    for (i = 0; i < 2; i++) {
      for (bit = 8; bit < 200; bit += 37) {
        at[i][bit / 8] ^= (uint8_t) (1 << bit % 8);
        NOTE("%s, place %zu, bit %zu", curves[c].curve, i, bit);
        CHECK_EQ(uvssh__key_sign(key, algorithm(c), message, sizeof(message),
                                 &signature), UVSSH_ECRYPTO);
        CHECK_EQ(signature.len, 0);
        at[i][bit / 8] ^= (uint8_t) (1 << bit % 8);
      }
    }
    CHECK_EQ(uvssh__key_sign(key, algorithm(c), message, sizeof(message),
                             &signature), 0);
    uvssh__buf_free(&signature);
    uvssh_key_unref(key);
  }
}

/* ---- r and s ------------------------------------------------------------- */

static int verify(size_t c,
                  const uvssh_key_t* key,
                  const struct buf* r,
                  const struct buf* s,
                  int trailing) {
  struct buf bare = { 0 };
  struct buf signature = { 0 };
  int err;

  wr_bytes(&bare, r->base, r->len);
  wr_bytes(&bare, s->base, s->len);
  if (trailing)
    wr_u8(&bare, 0);
  wr_cstr(&signature, curves[c].name);
  wr_str(&signature, bare.base, bare.len);
  err = uvssh__key_verify(key, algorithm(c), message, sizeof(message),
                          str_of_buf(&signature));
  uvssh__buf_free(&bare);
  uvssh__buf_free(&signature);
  return err;
}

/* Forms of one number: as it is; a zero byte in front that it does not need;
 * zero; the order; as it is and the order; longer than any; negative. */
enum form { AS_IS, PADDED, ZERO, ORDER, MORE, LONG, NEGATIVE, FORMS };

static int is_malformed(enum form form) {
  return form == PADDED || form == LONG || form == NEGATIVE;
}

static void write_form(struct buf* out,
                       enum form form,
                       size_t c,
                       const mbedtls_mpi* order,
                       str_t value) {
  uint8_t bytes[100] = { 0 };
  mbedtls_mpi sum;

  mbedtls_mpi_init(&sum);
  CHECK_EQ(mbedtls_mpi_read_binary(&sum, value.base, value.len), 0);
  CHECK_EQ(mbedtls_mpi_add_mpi(&sum, &sum, order), 0);
  memcpy(bytes + 2, value.base, value.len);
  switch (form) {
    case AS_IS:
      uvssh__wr_mpint(out, value.base, value.len);
      break;
    case PADDED:
      wr_str(out, bytes, value.len + 2);
      break;
    case ZERO:
      wr_u32(out, 0);
      break;
    case ORDER:
      CHECK_EQ(mbedtls_mpi_write_binary(order, bytes, sizeof(bytes)), 0);
      uvssh__wr_mpint(out, bytes, sizeof(bytes));
      break;
    case MORE:
      CHECK_EQ(mbedtls_mpi_write_binary(&sum, bytes, sizeof(bytes)), 0);
      uvssh__wr_mpint(out, bytes, sizeof(bytes));
      break;
    case LONG:
      bytes[0] = 1;
      wr_str(out, bytes, curves[c].size + 1);
      break;
    default:
      bytes[2] |= 0x80;
      wr_str(out, bytes + 2, value.len);
  }
  mbedtls_mpi_free(&sum);
}

/* r and s of a signature of ours. */
static void sign(size_t c,
                 const uvssh_key_t* key,
                 str_t text,
                 struct buf* signature,
                 str_t* r,
                 str_t* s) {
  rd_t m;
  str_t bare;

  CHECK_EQ(uvssh__key_sign(key, algorithm(c), text.base, text.len, signature),
           0);
  m = rd_of(signature->base, signature->len);
  (void) rd_str(&m);
  bare = rd_str(&m);
  m = rd_of(bare.base, bare.len);
  *r = uvssh__rd_mpint(&m);
  *s = uvssh__rd_mpint(&m);
  CHECK_EQ(rd_end(&m), 0);
}

TEST(ecdsa_signature_forms) {
  FOR_CURVES(c) {
    uvssh_key_t* key = key_of_row(key_row_of(curves[c].name));
    struct buf signature = { 0 };
    str_t text = { (const uint8_t*) message, sizeof(message) };
    mbedtls_ecp_group group;
    str_t r, s;
    unsigned i, j;
    mbedtls_ecp_group_init(&group);
    CHECK_EQ(mbedtls_ecp_group_load(&group, curves[c].id), 0);
    sign(c, key, text, &signature, &r, &s);
    for (i = 0; i < FORMS; i++) {
      for (j = 0; j < FORMS; j++) {
        struct buf a = { 0 }, b = { 0 };
        int err;
        write_form(&a, (enum form) i, c, &group.N, r);
        write_form(&b, (enum form) j, c, &group.N, s);
        NOTE("%s, r of form %u, s of form %u", curves[c].curve, i, j);
        err = verify(c, key, &a, &b, 0);
        if (i == AS_IS && j == AS_IS)
          CHECK_EQ(err, 0);
        else if (is_malformed((enum form) i) || is_malformed((enum form) j))
          CHECK_EQ(err, UVSSH_EKEYFORMAT);
        else                       /* the sum may be a byte longer */
          CHECK(err == UVSSH_ECRYPTO || err == UVSSH_EKEYFORMAT);
        CHECK_EQ(verify(c, key, &a, &b, 1), UVSSH_EKEYFORMAT);
        uvssh__buf_free(&a);
        uvssh__buf_free(&b);
      }
    }
    mbedtls_ecp_group_free(&group);
    uvssh__buf_free(&signature);
    uvssh_key_unref(key);
  }
}

/* ---- lesson 68: nonces --------------------------------------------------- */

/* k = (hash + r d) / s. */
static void nonce_of(mbedtls_mpi* k,
                     const mbedtls_ecp_group* group,
                     const mbedtls_mpi* d,
                     const uint8_t hash[64],
                     str_t r,
                     str_t s) {
  mbedtls_mpi z, inverse;

  mbedtls_mpi_init(&z);
  mbedtls_mpi_init(&inverse);
  CHECK_EQ(mbedtls_mpi_read_binary(&z, hash, 64), 0);
  CHECK_EQ(mbedtls_mpi_read_binary(k, r.base, r.len), 0);
  CHECK_EQ(mbedtls_mpi_mul_mpi(k, k, d), 0);
  CHECK_EQ(mbedtls_mpi_add_mpi(k, k, &z), 0);
  CHECK_EQ(mbedtls_mpi_read_binary(&z, s.base, s.len), 0);
  CHECK_EQ(mbedtls_mpi_inv_mod(&inverse, &z, &group->N), 0);
  CHECK_EQ(mbedtls_mpi_mul_mpi(k, k, &inverse), 0);
  CHECK_EQ(mbedtls_mpi_mod_mpi(k, k, &group->N), 0);
  mbedtls_mpi_free(&z);
  mbedtls_mpi_free(&inverse);
}

/* P-521's nonces have 521 bits, and each of the upper 9 is 1 in about half of
 * them: those of PuTTY before 0.81 had none. All are different. */
TEST(lesson_68_p521_nonces) {
  enum { COUNT = 60 };
  uvssh_key_t* key = key_of_row(key_row_of("ecdsa-sha2-nistp521"));
  size_t count = check_release() ? 10000 : COUNT / check_share() + 24;
  unsigned ones[9] = { 0 };
  uint8_t secret[66], hash[HASH_SIZE_MAX];
  mbedtls_ecp_group group;
  mbedtls_mpi d, k;
  uint32_t i;
  size_t bit;

  mbedtls_ecp_group_init(&group);
  mbedtls_mpi_init(&d);
  mbedtls_mpi_init(&k);
  CHECK_EQ(mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP521R1), 0);
  secret_of(key, 66, secret);
  CHECK_EQ(mbedtls_mpi_read_binary(&d, secret, 66), 0);
  for (i = 0; i < count; i++) {
    struct buf signature = { 0 };
    str_t text = { (const uint8_t*) &i, sizeof(i) };
    str_t r, s;
    sign(2, key, text, &signature, &r, &s);
    uvssh__hash(&uvssh__sha512, text.base, text.len, hash);
    nonce_of(&k, &group, &d, hash, r, s);
    for (bit = 0; bit < 9; bit++)
      ones[bit] += (unsigned) mbedtls_mpi_get_bit(&k, 512 + bit);
    uvssh__buf_free(&signature);
  }
  for (bit = 0; bit < 9; bit++) {
    NOTE("bit %zu is 1 in %u of %zu", 512 + bit, ones[bit], count);
    CHECK(ones[bit] > count / 6 && ones[bit] < count - count / 6);
  }
  mbedtls_mpi_free(&d);
  mbedtls_mpi_free(&k);
  mbedtls_ecp_group_free(&group);
  uvssh_key_unref(key);
}
