/* Sealing: every cipher, size and header against the plain reference, and back.
 */
#include "test-crypto-packet.h"

struct count {
  uint64_t packets;
  uint64_t blocks;
};

/* Seals, compares with the reference, opens. */
static void round_trip(struct direction* d,
                       struct count* count,
                       uint32_t seq,
                       size_t head,
                       size_t body_len) {
  struct packet p;
  uint8_t* want;
  size_t total;

  NOTE("%s: head %zu, body %zu", d->suite->name, head, body_len);
  packet_make(&p, &d->sealing, head, body_len);
  packet_seal(&p, &d->sealing, seq);
  total = p.plain_len + p.tag_size;

  want = exactly(total);
  memcpy(want, p.plain, p.plain_len);
  ref_seal(d, seq, count->packets, count->blocks, want, p.plain_len);
  CHECK_MEM(p.sealed, total, want, total);
  count->packets += 1;
  count->blocks += (p.plain_len - d->sealing.clear) / 16;

  CHECK_EQ(packet_open(&d->opening, seq, p.sealed, total), 0);
  CHECK_MEM(p.sealed + 4, p.plain_len - 4, p.plain + 4, p.plain_len - 4);
  free(want);
  packet_free(&p);
}

TEST(seal_every_size) {
  struct direction d;
  size_t i, body;

  for (i = 0; i < ARRAY_SIZE(suites); i++) {
    struct count count = { 0, 0 };
    uint32_t seq = UINT32_MAX - 100;   /* it comes round */
    direction_open(&d, &suites[i]);
    for (body = 0; body <= 2000; body += body < 600 ? 1 : 7)
      round_trip(&d, &count, seq++, 14, body);
    direction_close(&d);
  }
}

TEST(seal_every_head) {
  static const size_t bodies[] = { 0, 1, 100, 181, 182, 183, 440, 448, 1024,
                                   4095, 4096, 4097, 4608, 8192, 32768 };
  struct direction d;
  size_t i, j, head;

  for (i = 0; i < ARRAY_SIZE(suites); i++) {
    struct count count = { 0, 0 };
    uint32_t seq = 0;
    direction_open(&d, &suites[i]);
    for (head = 5; head <= 30; head++)
      for (j = 0; j < ARRAY_SIZE(bodies); j++)
        round_trip(&d, &count, seq++, head, bodies[j]);
    direction_close(&d);
  }
}

/* Around what the pieces are made of: 256, 512, 4 KiB, and the largest. */
TEST(seal_boundaries) {
  static const size_t middles[] = { 192, 256, 448, 512, 960, 1024, 4096, 4288,
                                    4352, 4608, 5120, 32768 };
  struct direction d;
  size_t i, j, near;

  for (i = 0; i < ARRAY_SIZE(suites); i++) {
    struct count count = { 0, 0 };
    uint32_t seq = 0;
    direction_open(&d, &suites[i]);
    for (j = 0; j < ARRAY_SIZE(middles); j++)
      for (near = middles[j] - 80; near <= middles[j] + 80; near++)
        round_trip(&d, &count, seq++, 14, near);
    direction_close(&d);
  }
}

/* A head as large as the packet: what is in `out` already is sealed in place.
 * And one too large for the pieces. */
TEST(seal_large_heads) {
  static const size_t heads[] = { 100, 195, 196, 197, 198, 300, 5000, 32000 };
  struct direction d;
  size_t i, j;

  for (i = 0; i < ARRAY_SIZE(suites); i++) {
    struct count count = { 0, 0 };
    uint32_t seq = 0;
    direction_open(&d, &suites[i]);
    for (j = 0; j < ARRAY_SIZE(heads); j++) {
      round_trip(&d, &count, seq++, heads[j], 0);
      round_trip(&d, &count, seq++, heads[j], 4096);
      round_trip(&d, &count, seq++, heads[j], 9000);
    }
    direction_close(&d);
  }
}

/* More padding than is needed, up to what padding_length can say and beyond. */
TEST(seal_large_padding) {
  struct direction d;
  size_t i, n, total;
  uint8_t *want, *out, *body;

  for (i = 0; i < ARRAY_SIZE(suites); i++) {
    uint32_t seq = 0;
    for (n = 0; n <= 304; n += 16) {
      size_t len = 16 + 8192 + n;
      NOTE("%s: padding %zu", suites[i].name, n);
      direction_open(&d, &suites[i]);
      total = len + d.sealing.tag_size;
      want = exactly(total);
      out = exactly(total);
      body = exactly(8192);
      fill(want, len);
      put_u32(want, (uint32_t) (len - 4));
      memcpy(out, want, len);
      memset(out + 16, 0, 8192);
      memcpy(body, want + 16, 8192);
      CHECK_EQ(uvssh__seal(&d.sealing, seq, out, 16, body, 8192, n), 0);
      ref_seal(&d, seq, 0, 0, want, len);
      CHECK_MEM(out, total, want, total);
      free(want);
      free(out);
      free(body);
      direction_close(&d);
      seq++;
    }
  }
}

/* libsodium's and mbedTLS's GCM read each other, over a counter that comes
 * round. */
TEST(seal_gcm_both_libraries) {
  struct direction a, b;
  struct packet p;
  uint32_t i;

  pattern_state = 7;
  direction_open(&a, &suites[2]);
  pattern_state = 7;
  direction_open(&b, &suites[3]);
  CHECK_MEM(a.key, 32, b.key, 32);
  for (i = 0; i < 600; i++) {
    packet_make(&p, &a.sealing, 6, i * 3);
    packet_seal(&p, &a.sealing, i);
    CHECK_EQ(packet_open(&b.opening, i, p.sealed, p.plain_len + 16), 0);
    CHECK_MEM(p.sealed, p.plain_len, p.plain, p.plain_len);
    packet_seal(&p, &b.sealing, i);
    CHECK_EQ(packet_open(&a.opening, i, p.sealed, p.plain_len + 16), 0);
    CHECK_MEM(p.sealed, p.plain_len, p.plain, p.plain_len);
    packet_free(&p);
  }
  direction_close(&a);
  direction_close(&b);
}

/* The user's memory may lie anywhere. */
TEST(seal_unaligned) {
  struct direction d;
  size_t i, at;
  uint8_t *want, *out, *body;

  for (i = 0; i < ARRAY_SIZE(suites); i++) {
    for (at = 0; at < 16; at++) {
      NOTE("%s: %zu", suites[i].name, at);
      direction_open(&d, &suites[i]);
      want = exactly(16 + 8192 + 64);
      out = exactly(at + 16 + 8192 + 64);
      body = exactly(at + 8192);
      fill(want, 16 + 8192);
      put_u32(want, 12 + 8192);
      memcpy(out + at, want, 16);
      memcpy(body + at, want + 16, 8192);
      CHECK_EQ(uvssh__seal(&d.sealing, 5, out + at, 16, body + at, 8192, 0), 0);
      ref_seal(&d, 5, 0, 0, want, 16 + 8192);
      CHECK_MEM(out + at, 16 + 8192 + d.sealing.tag_size, want,
                16 + 8192 + d.sealing.tag_size);
      free(want);
      free(out);
      free(body);
      direction_close(&d);
    }
  }
}
