/* ECDSA: RFC 6979 sections A.2.5 to A.2.7, the rows whose hash is that of SSH's
 * algorithm: the secret makes the public half, and the very signature. */
#include "hex.h"

#include <stdio.h>

#include "key/key.h"

static const struct {
  const char* algorithm;
  const char* secret;
  const char* x;
  const char* y;
  const char* message;
  const char* r;
  const char* s;
} rows[] = {
  { "nistp256",
    "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
    "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
    "sample",
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8" },
  { "nistp256",
    "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
    "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
    "test",
    "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
    "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083" },
  { "nistp384",
    "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8"
    "96d5724e4c70a825f872c9ea60d2edf5",
    "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64"
    "def8f0ea9055866064a254515480bc13",
    "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1"
    "288b231c3ae0d4fe7344fd2533264720",
    "sample",
    "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c"
    "81a648152e44acf96e36dd1e80fabe46",
    "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94f"
    "a329c145786e679e7b82c71a38628ac8" },
  { "nistp521",
    "00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75"
    "caa896eb32f1f47c70855836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b8"
    "3538",
    "01894550d0785932e00eaa23b694f213f8c3121f86dc97a04e5a7167db4e5bcd"
    "371123d46e45db6b5d5370a7f20fb633155d38ffa16d2bd761dcac474b9a2f50"
    "23a4",
    "00493101c962cd4d2fddf782285e64584139c2f91b47f87ff82354d6630f746a"
    "28a0db25741b5b34a828008b22acc23f924faafbd4d33f81ea66956dfeaa2bfd"
    "fcf5",
    "sample",
    "00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f"
    "174e25a1ee9017b5d450606add152b534931d7d4e8455cc91f9b15bf05ec36e3"
    "77fa",
    "00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af"
    "282623eaa63e5b5c0723d8b8c37ff0777b1a20f8ccb1dccc43997f1ee0e44da4"
    "a67a" }
};

static void wr_number(struct buf* b, const char* text) {
  uint8_t number[66];

  uvssh__wr_mpint(b, number, hex_read(number, sizeof(number), text));
}

/* The point, as a key blob and the private section have it. */
static void wr_public(struct buf* b, size_t i) {
  uint8_t point[133] = { 4 };
  size_t n = hex_read(point + 1, 66, rows[i].x);

  CHECK_EQ(hex_read(point + 1 + n, 66, rows[i].y), n);
  wr_cstr(b, rows[i].algorithm);
  wr_str(b, point, 1 + 2 * n);
}

static uvssh_key_t* key_of(size_t i, const char* name) {
  const struct key_type* type = uvssh__key_type_find(str_of(name));
  struct buf blob = { 0 };
  struct buf section = { 0 };
  uvssh_key_t* key = NULL;
  rd_t r;

  CHECK(type != NULL);
  CHECK_EQ(uvssh__crypto_init(), 0);
  wr_cstr(&blob, name);
  wr_public(&blob, i);
  wr_public(&section, i);
  wr_number(&section, rows[i].secret);
  CHECK_EQ(uvssh__key_create(&key, type, str_of_buf(&blob)), 0);
  r = rd_of(section.base, section.len);
  CHECK_EQ(type->read_private(type, key->state, &r), 0);
  uvssh__buf_free(&blob);
  uvssh__buf_free(&section);
  return key;
}

TEST(ecdsa_rfc6979) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    struct buf signature = { 0 };
    struct buf bare = { 0 };
    struct buf want = { 0 };
    const struct sign_alg* alg;
    uvssh_key_t* key;
    char name[64];
    NOTE("%s, \"%s\"", rows[i].algorithm, rows[i].message);
    snprintf(name, sizeof(name), "ecdsa-sha2-%s", rows[i].algorithm);
    key = key_of(i, name);
    alg = uvssh__sign_find(str_of(name));
    CHECK_EQ(uvssh__key_sign(key, alg, rows[i].message,
                             strlen(rows[i].message), &signature), 0);
    wr_number(&bare, rows[i].r);
    wr_number(&bare, rows[i].s);
    wr_cstr(&want, name);
    wr_str(&want, bare.base, bare.len);
    CHECK_MEM(signature.base, signature.len, want.base, want.len);
    uvssh__buf_free(&signature);
    uvssh__buf_free(&bare);
    uvssh__buf_free(&want);
    uvssh_key_unref(key);
  }
}
