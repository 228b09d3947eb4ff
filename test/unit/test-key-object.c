/* Keys as objects: made, counted, compared, shown; blobs that are none. */
#include "check.h"

#include "key/key.h"

static uvssh_key_t* make(void) {
  uvssh_key_t* key = NULL;
  CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0), 0);
  return key;
}

static str_t blob_of(const uvssh_key_t* key) {
  str_t blob;
  blob.base = uvssh_key_blob(key, &blob.len);
  return blob;
}

TEST(key_generate) {
  uvssh_key_t* a = make();
  uvssh_key_t* b = NULL;

  CHECK_EQ(uvssh_key_generate(&b, UVSSH_KEY_ED25519, 256), 0);
  CHECK(uvssh_key_has_secret(a));
  CHECK(uvssh_key_equal(a, a));
  CHECK(!uvssh_key_equal(a, b));
  CHECK_STR(uvssh_key_name(a), "ssh-ed25519");
  CHECK_EQ(blob_of(a).len, 51);
  uvssh_key_unref(a);
  uvssh_key_unref(b);
}

TEST(key_generate_refused) {
  uvssh_key_t* untouched = (uvssh_key_t*) 8;
  uvssh_key_t* key = untouched;

  CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 2048), UV_EINVAL);
  CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 255), UV_EINVAL);
  CHECK_EQ(uvssh_key_generate(&key, (uvssh_key_type) 0, 0), UV_EINVAL);
  CHECK_EQ(uvssh_key_generate(&key, (uvssh_key_type) 99, 0), UV_EINVAL);
  CHECK_EQ(uvssh_key_generate(NULL, UVSSH_KEY_ED25519, 0), UV_EINVAL);
  CHECK(key == untouched);
}

TEST(key_of_blob) {
  uvssh_key_t* a = make();
  uvssh_key_t* b = NULL;

  CHECK_EQ(uvssh__key_from_blob(&b, blob_of(a)), 0);
  CHECK(uvssh_key_equal(a, b));
  CHECK(!uvssh_key_has_secret(b));
  CHECK_MEM(blob_of(a).base, blob_of(a).len, blob_of(b).base, blob_of(b).len);
  uvssh_key_unref(a);
  CHECK_EQ(blob_of(b).len, 51);    /* a copy of its own */
  uvssh_key_unref(b);
}

/* A blob in memory that ends where it does. */
static int read_blob(uvssh_key_t** key, const uint8_t* base, size_t len) {
  uint8_t* copy = uvssh__malloc(len);
  str_t blob = { copy, len };
  int err;

  CHECK(copy != NULL);
  memcpy(copy, base, len);
  err = uvssh__key_from_blob(key, blob);
  uvssh__free(copy);
  return err;
}

TEST(key_blob_truncated) {
  uvssh_key_t* key = make();
  uvssh_key_t* none = NULL;
  size_t len;

  for (len = 0; len < blob_of(key).len; len++) {
    NOTE("%zu bytes", len);
    CHECK_EQ(read_blob(&none, blob_of(key).base, len), UVSSH_EKEYFORMAT);
  }
  CHECK(none == NULL);
  uvssh_key_unref(key);
}

TEST(key_blob_trailing) {
  uvssh_key_t* key = make();
  uvssh_key_t* none = NULL;
  uint8_t more[80] = { 0 };
  size_t len;

  memcpy(more, blob_of(key).base, 51);
  for (len = 52; len <= sizeof(more); len++)
    CHECK_EQ(read_blob(&none, more, len), UVSSH_EKEYFORMAT);
  uvssh_key_unref(key);
}

/* Its frame has no bit to spare; in the 32 bytes any bit makes another key. */
TEST(key_blob_flipped) {
  uvssh_key_t* key = make();
  uint8_t blob[51];
  size_t bit;

  for (bit = 0; bit < sizeof(blob) * 8; bit++) {
    uvssh_key_t* other = NULL;
    memcpy(blob, blob_of(key).base, sizeof(blob));
    blob[bit / 8] ^= (uint8_t) (1 << bit % 8);
    NOTE("bit %zu", bit);
    CHECK_EQ(read_blob(&other, blob, sizeof(blob)),
             bit / 8 < 19 ? UVSSH_EKEYFORMAT : 0);
    CHECK(!uvssh_key_equal(key, other));
    uvssh_key_unref(other);
  }
  uvssh_key_unref(key);
}

/* 31 or 33 bytes of key, with every length right. */
TEST(key_blob_wrong_size) {
  static const uint8_t zero[64];
  size_t len;

  for (len = 0; len <= sizeof(zero); len++) {
    uvssh_key_t* key = NULL;
    struct buf blob = { 0 };
    wr_cstr(&blob, "ssh-ed25519");
    wr_str(&blob, zero, len);
    CHECK_EQ(read_blob(&key, blob.base, blob.len),
             len == 32 ? 0 : UVSSH_EKEYFORMAT);
    uvssh_key_unref(key);
    uvssh__buf_free(&blob);
  }
}

TEST(key_null) {
  size_t len = 7;
  char text[100];

  CHECK(uvssh_key_ref(NULL) == NULL);
  uvssh_key_unref(NULL);
  CHECK(!uvssh_key_has_secret(NULL));
  CHECK(!uvssh_key_equal(NULL, NULL));
  CHECK_STR(uvssh_key_name(NULL), "");
  CHECK(uvssh_key_blob(NULL, &len) == NULL);
  CHECK_EQ(len, 0);
  len = sizeof(text);
  CHECK_EQ(uvssh_key_fingerprint(NULL, text, &len), UV_EINVAL);
  CHECK_EQ(uvssh_key_public_line(NULL, text, &len), UV_EINVAL);
}

TEST(key_out_of_memory) {
  str_t blob;
  uint8_t bytes[51];
  uvssh_key_t* first = make();

  memcpy(bytes, blob_of(first).base, 51);
  uvssh_key_unref(first);
  blob.base = bytes;
  blob.len = sizeof(bytes);
  HEAP_SWEEP(n) {
    uvssh_key_t* key = NULL;
    int err = uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0);
    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    CHECK_EQ(key != NULL, err == 0);
    uvssh_key_unref(key);
  }
  HEAP_SWEEP(n) {
    uvssh_key_t* key = NULL;
    int err = uvssh__key_from_blob(&key, blob);
    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    uvssh_key_unref(key);
  }
}

/* ---- counted ------------------------------------------------------------- */

static uint8_t watched[32];
static int shown;

static void look_for_secret(const void* base, size_t size) {
  const uint8_t* p = base;
  size_t i;

  for (i = 0; i + sizeof(watched) <= size; i++)
    if (memcmp(p + i, watched, sizeof(watched)) == 0)
      shown += 1;
}

static void known_random(void* out, size_t len) {
  memset(out, 0x5c, len);
}

TEST(key_wiped) {
  void (*source)(void*, size_t) = uvssh__random_source;
  struct buf text = { 0 };
  uvssh_key_t* key;
  uvssh_key_t* again = NULL;

  memset(watched, 0x5c, sizeof(watched));
  shown = 0;
  heap_on_free(look_for_secret);
  uvssh__random_source = known_random;
  key = make();
  uvssh__random_source = source;
  CHECK_EQ(uvssh__key_write(key, "comment", &text), 0);
  CHECK_EQ(uvssh_key_parse(&again, (char*) text.base, text.len, NULL), 0);
  CHECK(uvssh_key_equal(key, again));
  uvssh__buf_free(&text);
  CHECK_EQ(shown, 0);
  look_for_secret(key, key->size);   /* that the test would see it */
  CHECK(shown > 0);
  shown = 0;
  uvssh_key_unref(key);
  uvssh_key_unref(again);
  heap_on_free(NULL);
  CHECK_EQ(shown, 0);
}

static void ref_and_unref(void* arg) {
  int i;
  for (i = 0; i < 20000; i++)
    uvssh_key_unref(uvssh_key_ref(arg));
}

TEST(key_counted_from_threads) {
  uvssh_key_t* key = make();
  uv_thread_t threads[4];
  size_t i;

  for (i = 0; i < ARRAY_SIZE(threads); i++)
    CHECK_EQ(uv_thread_create(&threads[i], ref_and_unref, key), 0);
  for (i = 0; i < ARRAY_SIZE(threads); i++)
    CHECK_EQ(uv_thread_join(&threads[i]), 0);
  CHECK_EQ(key->refs, 1);
  uvssh_key_unref(key);
}

/* ---- shown --------------------------------------------------------------- */

/* Bytes from 0 up; the texts are ssh-keygen's. */
static uvssh_key_t* counting_key(void) {
  struct buf blob = { 0 };
  uvssh_key_t* key;
  uint8_t bytes[32];
  size_t i;

  for (i = 0; i < sizeof(bytes); i++)
    bytes[i] = (uint8_t) i;
  wr_cstr(&blob, "ssh-ed25519");
  wr_str(&blob, bytes, sizeof(bytes));
  CHECK_EQ(uvssh__key_from_blob(&key, str_of_buf(&blob)), 0);
  uvssh__buf_free(&blob);
  return key;
}

#define FINGERPRINT "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"
#define LINE "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERI" \
             "TFBUWFxgZGhscHR4f"

static void check_text(int (*show)(const uvssh_key_t*, char*, size_t*),
                       const uvssh_key_t* key,
                       const char* want) {
  size_t need = strlen(want) + 1;
  char out[200];
  size_t room, len;

  for (room = 0; room < need + 3; room++) {
    NOTE("room %zu", room);
    memset(out, 'x', sizeof(out));
    len = room;
    CHECK_EQ(show(key, out, &len), room < need ? UV_ENOBUFS : 0);
    CHECK_EQ(len, room < need ? need : need - 1);
    if (room >= need)
      CHECK_STR(out, want);
    CHECK_EQ(out[room], 'x');
  }
  len = 0;
  CHECK_EQ(show(key, NULL, &len), UV_ENOBUFS);
  CHECK_EQ(len, need);
  len = 5;
  CHECK_EQ(show(key, NULL, &len), UV_EINVAL);
  CHECK_EQ(show(key, out, NULL), UV_EINVAL);
}

TEST(key_shown) {
  uvssh_key_t* key = counting_key();

  check_text(uvssh_key_fingerprint, key, FINGERPRINT);
  check_text(uvssh_key_public_line, key, LINE);
  HEAP_SWEEP(n) {
    char out[200];
    size_t len = sizeof(out);
    int err = uvssh_key_fingerprint(key, out, &len);
    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
  }
  uvssh_key_unref(key);
}
