/* What holds for each type of key: made, read, written, shown, signed with, and
 * everything else refused. One row a type: lib/keys.c. */
#include "check.h"

#include <stdlib.h>

#include "keys.h"

static const char message[] = "what is signed";

#define FOR_ROWS(row)                                                         \
  for (const struct key_row* row = key_rows; row < key_rows + KEY_ROWS; row++)

/* Every algorithm there is. */
#define FOR_ALGORITHMS(alg)                                                   \
  str_t alg##_list = str_of(uvssh__sign_default()), alg##_name;               \
  for (const struct sign_alg* alg;                                            \
       uvssh__namelist_next(&alg##_list, &alg##_name) &&                      \
       (alg = uvssh__sign_find(alg##_name)) != NULL;)

static str_t blob_of(const uvssh_key_t* key) {
  str_t blob;

  blob.base = uvssh_key_blob(key, &blob.len);
  return blob;
}

static int is_of_row(const struct key_row* row, const struct sign_alg* alg) {
  return uvssh__namelist_has(str_of(row->algorithms), str_of(alg->name));
}

/* ---- keys ---------------------------------------------------------------- */

TEST(types_read_and_shown) {
  char out[1024];
  size_t len;

  FOR_ROWS(row) {
    uvssh_key_t* key = key_of_row(row);
    uvssh_key_t* half = NULL;
    NOTE("%s", row->name);
    CHECK_STR(uvssh_key_name(key), row->name);
    len = sizeof(out);
    CHECK_EQ(uvssh_key_public_line(key, out, &len), 0);
    CHECK_STR(out, row->line);
    len = sizeof(out);
    CHECK_EQ(uvssh_key_fingerprint(key, out, &len), 0);
    CHECK_STR(out, row->fingerprint);
    CHECK_EQ(uvssh_key_parse(&half, row->line, strlen(row->line), NULL), 0);
    CHECK(uvssh_key_has_secret(key) && !uvssh_key_has_secret(half));
    CHECK(uvssh_key_equal(key, half));
    uvssh_key_unref(half);
    uvssh_key_unref(key);
  }
}

TEST(types_written_and_read) {
  FOR_ROWS(row) {
    uvssh_key_t* key = key_of_row(row);
    uvssh_key_t* again = NULL;
    struct buf text = { 0 };
    NOTE("%s", row->name);
    CHECK_EQ(uvssh__key_write(key, "test", &text), 0);
    CHECK_EQ(text.len, strlen(row->text));
    CHECK_EQ(uvssh_key_parse(&again, (char*) text.base, text.len, NULL), 0);
    CHECK(uvssh_key_has_secret(again) && uvssh_key_equal(key, again));
    uvssh__buf_free(&text);
    uvssh_key_unref(again);
    uvssh_key_unref(key);
  }
}

TEST(types_generated) {
  FOR_ROWS(row) {
    uvssh_key_t* key = NULL;
    struct buf signature = { 0 };
    const struct sign_alg* alg;
    NOTE("%s", row->name);
    CHECK_EQ(uvssh_key_generate(&key, row->type, row->bits), 0);
    CHECK_STR(uvssh_key_name(key), row->name);
    alg = uvssh__sign_next(key, NULL);
    CHECK_EQ(uvssh__key_sign(key, alg, message, sizeof(message), &signature),
             0);
    CHECK_EQ(uvssh__key_verify(key, alg, message, sizeof(message),
                               str_of_buf(&signature)), 0);
    uvssh__buf_free(&signature);
    uvssh_key_unref(key);
  }
}

TEST(types_generated_refused) {
  static const struct { uvssh_key_type type; unsigned bits; } rows[] = {
    { UVSSH_KEY_ECDSA, 1 }, { UVSSH_KEY_ECDSA, 255 }, { UVSSH_KEY_ECDSA, 512 },
    { UVSSH_KEY_ECDSA, 520 }, { UVSSH_KEY_ECDSA, 2048 }, { UVSSH_KEY_RSA, 256 },
    { UVSSH_KEY_RSA, 1024 }, { UVSSH_KEY_RSA, 2046 }, { UVSSH_KEY_RSA, 2047 },
    { UVSSH_KEY_RSA, 2049 }, { UVSSH_KEY_RSA, 16386 },
    { UVSSH_KEY_RSA, 0xfffffffe }, { UVSSH_KEY_ED25519, 521 }
  };
  uvssh_key_t* key = NULL;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    NOTE("row %zu", i);
    CHECK_EQ(uvssh_key_generate(&key, rows[i].type, rows[i].bits), UV_EINVAL);
  }
  CHECK(key == NULL);
}

/* ECDSA's first size is 256; an RSA key of 3072 bits takes too long here. */
TEST(types_usual_size) {
  uvssh_key_t* key = NULL;

  CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ECDSA, 0), 0);
  CHECK_STR(uvssh_key_name(key), "ecdsa-sha2-nistp256");
  uvssh_key_unref(key);
}

/* ---- blobs --------------------------------------------------------------- */

/* A blob in memory that ends where it does. */
static int read_blob(uvssh_key_t** key, const uint8_t* base, size_t len) {
  uint8_t* copy = malloc(len + (len == 0));
  str_t blob = { copy, len };
  int err;

  CHECK(copy != NULL);
  if (len != 0)
    memcpy(copy, base, len);
  err = uvssh__key_from_blob(key, blob);
  free(copy);
  return err;
}

TEST(types_blob_truncated_or_longer) {
  FOR_ROWS(row) {
    uvssh_key_t* key = key_of_row(row);
    uvssh_key_t* none = NULL;
    str_t blob = blob_of(key);
    uint8_t longer[600];
    size_t len;
    for (len = 0; len < blob.len; len++) {
      NOTE("%s, %zu bytes", row->name, len);
      CHECK_EQ(read_blob(&none, blob.base, len), UVSSH_EKEYFORMAT);
    }
    memcpy(longer, blob.base, blob.len);
    longer[blob.len] = 0;
    CHECK_EQ(read_blob(&none, longer, blob.len + 1), UVSSH_EKEYFORMAT);
    CHECK(none == NULL);
    uvssh_key_unref(key);
  }
}

/* Another key, or none; never one that takes our signature. A point with one
 * bit turned is not on its curve but by chance. */
TEST(types_blob_flipped) {
  FOR_ROWS(row) {
    uvssh_key_t* key = key_of_row(row);
    const struct sign_alg* alg = uvssh__sign_next(key, NULL);
    struct buf signature = { 0 };
    uint8_t blob[600];
    size_t len = blob_of(key).len;
    size_t bit;
    CHECK_EQ(uvssh__key_sign(key, alg, message, sizeof(message), &signature),
             0);
    memcpy(blob, blob_of(key).base, len);
    for (bit = 0; bit < len * 8; bit++) {
      uvssh_key_t* other = NULL;
      int err;
      blob[bit / 8] ^= (uint8_t) (1 << bit % 8);
      NOTE("%s, bit %zu", row->name, bit);
      err = read_blob(&other, blob, len);
      CHECK(err == 0 || err == UVSSH_EKEYFORMAT);
      if (row->type == UVSSH_KEY_ECDSA)
        CHECK_EQ(err, UVSSH_EKEYFORMAT);
      if (err == 0 && bit % 16 == 0)
        CHECK_EQ(uvssh__key_verify(other, alg, message, sizeof(message),
                                   str_of_buf(&signature)), UVSSH_ECRYPTO);
      CHECK(!uvssh_key_equal(key, other));
      uvssh_key_unref(other);
      blob[bit / 8] ^= (uint8_t) (1 << bit % 8);
    }
    uvssh__buf_free(&signature);
    uvssh_key_unref(key);
  }
}

/* The fields of one type under the name of another. */
TEST(lesson_75_76_blob_of_another_type) {
  FOR_ROWS(row) {
    FOR_ROWS(other) {
      uvssh_key_t* key = key_of_row(row);
      uvssh_key_t* made = NULL;
      struct buf blob = { 0 };
      size_t head = 4 + strlen(row->name);
      wr_cstr(&blob, other->name);
      wr_bytes(&blob, blob_of(key).base + head, blob_of(key).len - head);
      NOTE("%s as %s", row->name, other->name);
      CHECK_EQ(read_blob(&made, blob.base, blob.len),
               row == other ? 0 : UVSSH_EKEYFORMAT);
      uvssh__buf_free(&blob);
      uvssh_key_unref(made);
      uvssh_key_unref(key);
    }
  }
}

/* A line whose name is another than the one in its key. */
TEST(lesson_76_line_of_another_type) {
  char text[1024];

  FOR_ROWS(row) {
    FOR_ROWS(other) {
      uvssh_key_t* key = NULL;
      int n = snprintf(text, sizeof(text), "%s%s", other->name,
                       strchr(row->line, ' '));
      NOTE("%s as %s", row->name, other->name);
      CHECK_EQ(uvssh_key_parse(&key, text, (size_t) n, NULL),
               row == other ? 0 : UVSSH_EKEYFORMAT);
      uvssh_key_unref(key);
    }
  }
}

/* ---- private key files --------------------------------------------------- */

/* The bytes of a row's file, with an empty comment: no bit of it is free. */
static void bytes_of(const struct key_row* row, struct buf* bytes) {
  static const char begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
  static const char end[] = "-----END OPENSSH PRIVATE KEY-----";
  uvssh_key_t* key = key_of_row(row);
  struct buf text = { 0 };
  str_t body;

  CHECK_EQ(uvssh__key_write(key, "", &text), 0);
  body.base = text.base + sizeof(begin);
  body.len = text.len - sizeof(begin) - sizeof(end);
  CHECK_EQ(uvssh__base64_read(bytes, body, "\n"), 0);
  uvssh__buf_free(&text);
  uvssh_key_unref(key);
}

static int parse_bytes(const struct buf* bytes) {
  struct buf text = { 0 };
  uvssh_key_t* key = NULL;
  int err;

  wr_bytes(&text, "-----BEGIN OPENSSH PRIVATE KEY-----\n", 36);
  uvssh__base64_write(&text, str_of_buf(bytes), 1);
  wr_bytes(&text, "\n-----END OPENSSH PRIVATE KEY-----\n", 35);
  err = uvssh_key_parse(&key, (char*) text.base, text.len, NULL);
  CHECK_EQ(key != NULL, err == 0);
  uvssh_key_unref(key);
  uvssh__buf_free(&text);
  return err;
}

/* One bit in a byte, another one in each. */
TEST(types_file_flipped) {
  FOR_ROWS(row) {
    struct buf bytes = { 0 };
    size_t step = row->type == UVSSH_KEY_RSA ? 13 : 2;
    size_t i;
    bytes_of(row, &bytes);
    CHECK_EQ(parse_bytes(&bytes), 0);
    for (i = 0; i < bytes.len; i += step * check_share()) {
      NOTE("%s, byte %zu", row->name, i);
      bytes.base[i] ^= (uint8_t) (1 << i * 5 % 8);
      CHECK_EQ(parse_bytes(&bytes), UVSSH_EKEYFORMAT);
      bytes.base[i] ^= (uint8_t) (1 << i * 5 % 8);
    }
    uvssh__buf_free(&bytes);
  }
}

TEST(types_file_truncated) {
  FOR_ROWS(row) {
    struct buf bytes = { 0 };
    size_t whole;
    bytes_of(row, &bytes);
    whole = bytes.len;
    for (bytes.len = 0; bytes.len < whole; bytes.len += 3) {
      NOTE("%s, %zu bytes", row->name, bytes.len);
      CHECK_EQ(parse_bytes(&bytes), UVSSH_EKEYFORMAT);
    }
    bytes.len = whole;
    uvssh__buf_free(&bytes);
  }
}

/* ---- signatures ---------------------------------------------------------- */

/* Which algorithm fits which key, and in which order they are tried. */
TEST(types_and_algorithms) {
  FOR_ROWS(row) {
    uvssh_key_t* key = key_of_row(row);
    str_t rest = str_of(row->algorithms);
    const struct sign_alg* next = NULL;
    str_t name;
    FOR_ALGORITHMS(alg)
      CHECK_EQ(uvssh__key_fits(key, alg), is_of_row(row, alg));
    while (uvssh__namelist_next(&rest, &name)) {
      next = uvssh__sign_next(key, next);
      CHECK(next != NULL && str_is(name, next->name));
      CHECK_EQ(next->cost, row->type == UVSSH_KEY_ED25519 ? COST_LIGHT
                                                          : COST_HEAVY);
    }
    CHECK(uvssh__sign_next(key, next) == NULL);
    uvssh_key_unref(key);
  }
}

/* Each key with each algorithm, and the signature under each name. */
TEST(lesson_75_signature_of_another_algorithm) {
  FOR_ROWS(row) {
    uvssh_key_t* key = key_of_row(row);
    FOR_ALGORITHMS(alg) {
      struct buf signature = { 0 };
      int fits = is_of_row(row, alg);
      rd_t r;
      str_t bare;
      NOTE("%s with %s", row->name, alg->name);
      CHECK_EQ(uvssh__key_sign(key, alg, message, sizeof(message), &signature),
               fits ? 0 : UV_EINVAL);
      r = rd_of(signature.base, signature.len);
      (void) rd_str(&r);
      bare = rd_str(&r);
      FOR_ALGORITHMS(other) {
        struct buf renamed = { 0 };
        int same_key = is_of_row(row, other);
        wr_cstr(&renamed, other->name);
        wr_str(&renamed, bare.base, bare.len);
        NOTE("%s with %s as %s", row->name, alg->name, other->name);
        if (fits && alg != other)
          CHECK_EQ(uvssh__key_verify(key, alg, message, sizeof(message),
                                     str_of_buf(&renamed)), UVSSH_EKEYFORMAT);
        if (fits)
          CHECK_EQ(uvssh__key_verify(key, other, message, sizeof(message),
                                     str_of_buf(&renamed)),
                   alg == other ? 0 : same_key ? UVSSH_ECRYPTO
                                               : UVSSH_EKEYFORMAT);
        uvssh__buf_free(&renamed);
      }
      uvssh__buf_free(&signature);
    }
    uvssh_key_unref(key);
  }
}

struct made {
  uvssh_key_t* key;
  const struct sign_alg* alg;
  struct buf signature;
};

static void make(struct made* m, const struct key_row* row) {
  memset(m, 0, sizeof(*m));
  m->key = key_of_row(row);
  m->alg = uvssh__sign_next(m->key, NULL);
  CHECK_EQ(uvssh__key_sign(m->key, m->alg, message, sizeof(message),
                           &m->signature), 0);
}

static void unmake(struct made* m) {
  uvssh__buf_free(&m->signature);
  uvssh_key_unref(m->key);
}

static int verify(const struct made* m, const void* signature, size_t len) {
  uint8_t* copy = malloc(len + (len == 0));
  str_t exact = { copy, len };
  int err;

  CHECK(copy != NULL);
  if (len != 0)
    memcpy(copy, signature, len);
  err = uvssh__key_verify(m->key, m->alg, message, sizeof(message), exact);
  free(copy);
  return err;
}

/* A bit in every other byte; those of lengths and names, and where an mpint has
 * to be canonical, make no signature. */
TEST(lesson_71_types_signature_flipped) {
  FOR_ROWS(row) {
    struct made m;
    size_t i;
    make(&m, row);
    for (i = 0; i < m.signature.len; i += 2 * check_share()) {
      int err;
      m.signature.base[i] ^= (uint8_t) (1 << i * 3 % 8);
      NOTE("%s, byte %zu", row->name, i);
      err = verify(&m, m.signature.base, m.signature.len);
      CHECK(err == UVSSH_ECRYPTO || err == UVSSH_EKEYFORMAT);
      m.signature.base[i] ^= (uint8_t) (1 << i * 3 % 8);
    }
    CHECK_EQ(verify(&m, m.signature.base, m.signature.len), 0);
    unmake(&m);
  }
}

TEST(types_signature_truncated_or_longer) {
  FOR_ROWS(row) {
    struct made m;
    size_t len;
    make(&m, row);
    for (len = 0; len < m.signature.len; len++) {
      NOTE("%s, %zu bytes", row->name, len);
      CHECK_EQ(verify(&m, m.signature.base, len), UVSSH_EKEYFORMAT);
    }
    wr_u8(&m.signature, 0);
    CHECK_EQ(verify(&m, m.signature.base, m.signature.len), UVSSH_EKEYFORMAT);
    unmake(&m);
  }
}

TEST(types_signature_of_another_message) {
  FOR_ROWS(row) {
    struct made m;
    make(&m, row);
    NOTE("%s", row->name);
    CHECK_EQ(uvssh__key_verify(m.key, m.alg, message, sizeof(message) - 1,
                               str_of_buf(&m.signature)), UVSSH_ECRYPTO);
    CHECK_EQ(uvssh__key_verify(m.key, m.alg, NULL, 0,
                               str_of_buf(&m.signature)), UVSSH_ECRYPTO);
    unmake(&m);
  }
}

TEST(types_out_of_memory) {
  FOR_ROWS(row) {
    struct made m;
    make(&m, row);
    NOTE("%s", row->name);
    HEAP_SWEEP(n) {
      struct buf signature = { 0 };
      int err = uvssh__key_sign(m.key, m.alg, message, sizeof(message),
                                &signature);
      CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
      uvssh__buf_free(&signature);
    }
    HEAP_SWEEP(n) {
      int err = uvssh__key_verify(m.key, m.alg, message, sizeof(message),
                                  str_of_buf(&m.signature));
      CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    }
    HEAP_SWEEP(n) {
      uvssh_key_t* key = NULL;
      int err = uvssh_key_parse(&key, row->text, strlen(row->text), NULL);
      CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
      uvssh_key_unref(key);
    }
    HEAP_SWEEP(n) {
      struct buf text = { 0 };
      int err = uvssh__key_write(m.key, "", &text);
      CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
      uvssh__buf_free(&text);
    }
    unmake(&m);
  }
}

/* What a curve's key takes from the heap when it is made; RSA's is the same
 * way, and takes a second a round. */
TEST(types_generated_out_of_memory) {
  FOR_ROWS(row) {
    if (row->type == UVSSH_KEY_RSA)
      continue;
    NOTE("%s", row->name);
    HEAP_SWEEP(n) {
      uvssh_key_t* key = NULL;
      int err = uvssh_key_generate(&key, row->type, row->bits);
      CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
      uvssh_key_unref(key);
    }
  }
}

/* ---- any thread ---------------------------------------------------------- */

static int went_wrong;

static void sign_and_verify(void* arg) {
  const struct made* m = arg;
  struct buf signature = { 0 };
  int i;

  for (i = 0; i < 4; i++) {
    if (uvssh__key_sign(m->key, m->alg, &i, sizeof(i), &signature) != 0 ||
        uvssh__key_verify(m->key, m->alg, &i, sizeof(i),
                          str_of_buf(&signature)) != 0)
      __atomic_store_n(&went_wrong, 1, __ATOMIC_RELAXED);
    uvssh__buf_reset(&signature);
  }
  uvssh__buf_free(&signature);
}

TEST(types_used_by_threads) {
  uv_thread_t threads[3];
  size_t i;

  went_wrong = 0;
  FOR_ROWS(row) {
    struct made m;
    make(&m, row);
    for (i = 0; i < ARRAY_SIZE(threads); i++)
      CHECK_EQ(uv_thread_create(&threads[i], sign_and_verify, &m), 0);
    for (i = 0; i < ARRAY_SIZE(threads); i++)
      CHECK_EQ(uv_thread_join(&threads[i]), 0);
    NOTE("%s", row->name);
    CHECK(!went_wrong);
    unmake(&m);
  }
}
