/* Opening what is not right: bits turned, bytes missing, packets out of order,
 * lengths that are the peer's invention. Never accepted, never read too far.
 */
#include "test-crypto-packet.h"

/* A fresh direction with one packet sealed as number `seq`. */
static void one_packet(struct direction* d,
                       struct packet* p,
                       const struct suite* suite,
                       uint32_t seq,
                       size_t body_len) {
  pattern_state = 99;
  direction_open(d, suite);
  packet_make(p, &d->sealing, 6, body_len);
  packet_seal(p, &d->sealing, seq);
}

static void close_both(struct direction* d, struct packet* p) {
  direction_close(d);
  packet_free(p);
}

/* Opens a packet that must be refused; the length is taken as known, as an
 * attacker who turns no bit of it leaves it. */
static int open_known_length(struct keys* keys,
                             uint32_t seq,
                             uint8_t* p,
                             size_t plain_len) {
  uint32_t ignored;
  int err = uvssh__open_length(keys, seq, p, &ignored);

  if (err != 0)
    return err;
  return uvssh__open(keys, seq, p, (uint32_t) (plain_len - 4));
}

static int all_zero(const uint8_t* p, size_t len) {
  size_t i;
  for (i = 0; i < len; i++)
    if (p[i] != 0)
      return 0;
  return 1;
}

/* What is left in the buffer is the ciphertext, or nothing. */
static void check_nothing_shown(const uint8_t* left,
                                const uint8_t* given,
                                size_t plain_len) {
  if (!all_zero(left + 4, plain_len - 4))
    CHECK_MEM(left, plain_len, given, plain_len);
}

static void flip_each_bit(const struct suite* suite, size_t body_len) {
  struct direction d;
  struct packet p;
  size_t bit, total;

  one_packet(&d, &p, suite, 3, body_len);
  total = p.plain_len + p.tag_size;
  close_both(&d, &p);
  for (bit = 0; bit < total * 8; bit += body_len < 100 ? 1 : 5) {
    uint8_t* given = exactly(total);
    one_packet(&d, &p, suite, 3, body_len);
    NOTE("%s: bit %zu of %zu bytes", suite->name, bit, total);
    p.sealed[bit / 8] ^= (uint8_t) (1 << bit % 8);
    memcpy(given, p.sealed, total);
    CHECK_EQ(open_known_length(&d.opening, 3, p.sealed, p.plain_len),
             UVSSH_EMAC);
    if (suite->verifies_first)
      check_nothing_shown(p.sealed, given, p.plain_len);
    free(given);
    close_both(&d, &p);
  }
}

TEST(open_flipped_bits) {
  size_t i;

  for (i = 1; i < ARRAY_SIZE(suites); i++) {
    flip_each_bit(&suites[i], 0);
    flip_each_bit(&suites[i], 40);
    flip_each_bit(&suites[i], 700);
  }
}

TEST(open_flipped_tag_of_large_packet) {
  struct direction d;
  struct packet p;
  size_t i, at;

  for (i = 1; i < ARRAY_SIZE(suites); i++) {
    for (at = 0; at < suites[i].cipher->tag_size; at++) {
      NOTE("%s: tag byte %zu", suites[i].name, at);
      one_packet(&d, &p, &suites[i], 3, 32768);
      p.sealed[p.plain_len + at] ^= 0x10;
      CHECK_EQ(open_known_length(&d.opening, 3, p.sealed, p.plain_len),
               UVSSH_EMAC);
      close_both(&d, &p);
    }
  }
}

/* GCM counts for itself and does not look at the sequence number. */
TEST(open_wrong_seq) {
  struct direction d;
  struct packet p;
  size_t i;

  for (i = 1; i < ARRAY_SIZE(suites); i++) {
    if (suites[i].reference == REF_GCM)
      continue;
    NOTE("%s", suites[i].name);
    one_packet(&d, &p, &suites[i], 3, 40);
    CHECK_EQ(open_known_length(&d.opening, 4, p.sealed, p.plain_len),
             UVSSH_EMAC);
    close_both(&d, &p);
    one_packet(&d, &p, &suites[i], 3, 40);
    CHECK_EQ(open_known_length(&d.opening, 0x80000003, p.sealed, p.plain_len),
             UVSSH_EMAC);
    close_both(&d, &p);
  }
}

TEST(open_twice) {
  struct direction d;
  struct packet p;
  size_t i;

  for (i = 1; i < ARRAY_SIZE(suites); i++) {
    uint8_t* copy;
    NOTE("%s", suites[i].name);
    one_packet(&d, &p, &suites[i], 3, 40);
    copy = exactly(p.plain_len + p.tag_size);
    memcpy(copy, p.sealed, p.plain_len + p.tag_size);
    CHECK_EQ(open_known_length(&d.opening, 3, p.sealed, p.plain_len), 0);
    CHECK_EQ(open_known_length(&d.opening, 4, copy, p.plain_len), UVSSH_EMAC);
    free(copy);
    close_both(&d, &p);
  }
}

/* The second packet first, with the number it was sealed under. */
TEST(open_skipping_one) {
  struct direction d;
  struct packet p, q;
  size_t i;

  for (i = 1; i < ARRAY_SIZE(suites); i++) {
    if (suites[i].reference == REF_CHACHA)   /* stateless: seq is all it has */
      continue;
    NOTE("%s", suites[i].name);
    one_packet(&d, &p, &suites[i], 0, 40);
    packet_make(&q, &d.sealing, 6, 40);
    packet_seal(&q, &d.sealing, 1);
    if (suites[i].reference == REF_CTR_ETM) {   /* the MAC is right */
      CHECK_EQ(open_known_length(&d.opening, 1, q.sealed, q.plain_len), 0);
      CHECK(memcmp(q.sealed + 4, q.plain + 4, q.plain_len - 4) != 0);
    } else {
      CHECK_EQ(open_known_length(&d.opening, 1, q.sealed, q.plain_len),
               UVSSH_EMAC);
    }
    packet_free(&q);
    close_both(&d, &p);
  }
}

/* A packet cut to any shorter length, its last bytes taken for the tag. */
TEST(open_truncated) {
  struct direction d;
  struct packet p;
  size_t i, len;

  for (i = 1; i < ARRAY_SIZE(suites); i++) {
    size_t least = suites[i].reference == REF_CTR_MAC ? 16 : 4;
    for (len = least; len < 4 + 44; len++) {
      uint8_t* cut;
      one_packet(&d, &p, &suites[i], 3, 100);
      NOTE("%s: %zu of %zu", suites[i].name, len, p.plain_len);
      cut = exactly(len + p.tag_size);
      memcpy(cut, p.sealed, len + p.tag_size);
      CHECK_EQ(open_known_length(&d.opening, 3, cut, len), UVSSH_EMAC);
      free(cut);
      close_both(&d, &p);
    }
  }
}

/* Noise of every small length, in memory that ends where the packet does. */
TEST(open_noise) {
  struct direction d;
  size_t i, len;

  for (i = 1; i < ARRAY_SIZE(suites); i++) {
    for (len = 0; len <= 600; len++) {
      uint8_t* p;
      size_t head, total;
      direction_open(&d, &suites[i]);
      head = uvssh__keys_head(&d.opening);
      total = 4 + len + d.opening.tag_size;
      if (total < head)
        total = head;
      p = exactly(total);
      fill(p, total);
      NOTE("%s: %zu", suites[i].name, len);
      CHECK_EQ(open_known_length(&d.opening, 0, p, 4 + len), UVSSH_EMAC);
      free(p);
      direction_close(&d);
    }
  }
}

/* A key of the wrong kind anywhere: nothing opens. */
TEST(open_wrong_key) {
  struct direction d, e;
  struct packet p;
  size_t i;

  for (i = 1; i < ARRAY_SIZE(suites); i++) {
    one_packet(&d, &p, &suites[i], 3, 40);
    direction_open(&e, &suites[i]);
    NOTE("%s", suites[i].name);
    CHECK_EQ(open_known_length(&e.opening, 3, p.sealed, p.plain_len),
             UVSSH_EMAC);
    direction_close(&e);
    close_both(&d, &p);
  }
}

TEST(open_clear) {
  struct keys none = { 0 };
  uint8_t p[] = { 0, 0, 0, 12, 10, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
  uint32_t packet_length;

  CHECK_EQ(uvssh__keys_head(&none), 4);
  CHECK_EQ(uvssh__open_length(&none, 0, p, &packet_length), 0);
  CHECK_EQ(packet_length, 12);
  CHECK_EQ(uvssh__open(&none, 0, p, packet_length), 0);
  CHECK_EQ(p[5], 0x15);
}
