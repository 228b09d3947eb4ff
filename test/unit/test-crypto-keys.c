/* A direction's keys: what they need, what they say of themselves, and that
 * they are gone when they are freed.
 */
#include "test-crypto-packet.h"

TEST(keys_missing) {
  static const uint8_t bytes[64] = { 1 };
  struct keys k = { 0 };
  const struct cipher_alg* gcm = &uvssh__aes256_gcm;
  const struct cipher_alg* ctr = &uvssh__aes256_ctr;
  const struct mac_alg* mac = &uvssh__hmac_sha256;

  CHECK_EQ(uvssh__keys_init(&k, NULL, NULL, bytes, bytes, bytes, 1), UV_EINVAL);
  CHECK_EQ(uvssh__keys_init(&k, gcm, NULL, NULL, bytes, NULL, 1), UV_EINVAL);
  CHECK_EQ(uvssh__keys_init(&k, gcm, NULL, bytes, NULL, NULL, 1), UV_EINVAL);
  CHECK_EQ(uvssh__keys_init(&k, ctr, NULL, bytes, bytes, bytes, 1), UV_EINVAL);
  CHECK_EQ(uvssh__keys_init(&k, ctr, mac, bytes, bytes, NULL, 1), UV_EINVAL);
  CHECK_EQ(uvssh__keys_init(&k, ctr, mac, bytes, NULL, bytes, 1), UV_EINVAL);
  CHECK(k.cipher == NULL && k.allocation == NULL);
  uvssh__keys_free(&k);            /* zeroed: harmless */
}

TEST(keys_say) {
  static const struct {
    size_t block_size, clear, tag_size, head;
  } want[] = {
    { 0, 0, 0, 4 }, { 8, 4, 16, 4 }, { 16, 4, 16, 4 }, { 16, 4, 16, 4 },
    { 16, 4, 32, 4 }, { 16, 0, 32, 16 }, { 16, 4, 16, 4 }, { 16, 4, 64, 4 },
    { 16, 0, 64, 16 }
  };
  struct direction d;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(suites); i++) {
    direction_open(&d, &suites[i]);
    NOTE("%s", suites[i].name);
    CHECK_EQ(d.opening.block_size, want[i].block_size);
    CHECK_EQ(d.opening.clear, want[i].clear);
    CHECK_EQ(d.opening.tag_size, want[i].tag_size);
    CHECK_EQ(uvssh__keys_head(&d.opening), want[i].head);
    CHECK_EQ((uintptr_t) d.opening.cipher_state % 16, 0);
    CHECK_EQ((uintptr_t) d.opening.mac_state % 16, 0);
    direction_close(&d);
    CHECK(d.opening.cipher == NULL && d.opening.tag_size == 0);
  }
}

/* A MAC that was negotiated beside an AEAD cipher is not used. */
TEST(keys_aead_ignores_mac) {
  static const uint8_t bytes[64] = { 1 };
  struct keys k = { 0 };

  CHECK_EQ(uvssh__keys_init(&k, &uvssh__aes256_gcm, &uvssh__hmac_sha256, bytes,
                            bytes, bytes, 1), 0);
  CHECK(k.mac == NULL && k.tag_size == 16 && k.clear == 4);
  uvssh__keys_free(&k);
}

TEST(keys_out_of_memory) {
  static const uint8_t bytes[64] = { 1 };
  size_t i;

  for (i = 1; i < ARRAY_SIZE(suites); i++) {
    HEAP_SWEEP(n) {
      struct keys k = { 0 };
      int err = uvssh__keys_init(&k, suites[i].cipher, suites[i].mac, bytes,
                                 bytes, bytes, 1);
      CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
      uvssh__keys_free(&k);
      CHECK(k.allocation == NULL);
    }
  }
}

static size_t freed_blocks;
static size_t freed_set;

static void look_at_freed(const void* base, size_t size) {
  const uint8_t* p = base;
  size_t i;

  freed_blocks += 1;
  for (i = 0; i < size; i++)
    freed_set += p[i] != 0;
}

/* The block is of the size that was asked for, rounded up by malloc(): what is
 * behind was never ours, and is zero because calloc() made it so. */
TEST(keys_wiped) {
  struct direction d;
  struct packet p;
  size_t i;

  for (i = 1; i < ARRAY_SIZE(suites); i++) {
    direction_open(&d, &suites[i]);
    packet_make(&p, &d.sealing, 6, 500);
    packet_seal(&p, &d.sealing, 0);
    CHECK_EQ(packet_open(&d.opening, 0, p.sealed, p.plain_len + p.tag_size), 0);
    packet_free(&p);
    freed_blocks = freed_set = 0;
    NOTE("%s", suites[i].name);
    heap_on_free(look_at_freed);
    direction_close(&d);
    heap_on_free(NULL);
    CHECK_EQ(freed_blocks, 2);
    CHECK_EQ(freed_set, 0);
  }
}
