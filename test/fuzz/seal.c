/* seal.c: a fuzz target: packets that we seal, against the plain reference of
 * test/unit/test-crypto-packet.h; then opened again, and opened with one bit
 * wrong.
 *
 * Input: the cipher, 4 bytes of the first sequence number, 16 of material; then
 * records: two bytes of body's size (highest bit: with a bit wrong, the last
 * packet of all), head's size; the body is what follows.
 */
#include "../unit/test-crypto-packet.h"
#include "fuzz.h"

struct count {
  uint64_t packets;
  uint64_t blocks;
};

static void direction_of(struct direction* d, unsigned which,
                         const uint8_t* material, size_t n) {
  size_t i;

  pattern_state = 1;
  for (i = 0; i < n; i++)
    pattern_state = pattern_state * 31 + material[i];
  direction_open(d, &suites[which % ARRAY_SIZE(suites)]);
}

/* The packet's whole plaintext becomes what the input says. */
static void make(struct packet* p, const struct direction* d,
                 struct input* in, size_t head, size_t body_len) {
  const uint8_t* body;
  size_t n;

  packet_make(p, &d->sealing, head, body_len);
  n = input_take(in, body_len, &body);
  if (n != 0)
    memcpy(p->plain + head, body, n);
}

static void is_as_reference(const struct direction* d, struct count* count,
                            uint32_t seq, const struct packet* p) {
  size_t total = p->plain_len + p->tag_size;
  uint8_t* want = exactly(total);

  memcpy(want, p->plain, p->plain_len);
  ref_seal(d, seq, count->packets, count->blocks, want, p->plain_len);
  CHECK_MEM(p->sealed, total, want, total);
  fuzz_trace(want, total);
  count->packets += 1;
  count->blocks += (p->plain_len - d->sealing.clear) / 16;
  free(want);
}

/* Not opened; and where the tag comes first nothing is decrypted: a byte is as
 * it came, or wiped. */
static void is_refused(struct direction* d, uint32_t seq, struct packet* p,
                       size_t bit) {
  size_t total = p->plain_len + p->tag_size;
  uint8_t* as_sent;
  size_t i;

  if (d->suite->cipher == NULL)
    return;
  p->sealed[bit / 8 % total] ^= (uint8_t) (1u << bit % 8);
  as_sent = fuzz_copy(p->sealed, total);
  MUST(packet_open(&d->opening, seq, p->sealed, total) < 0);
  for (i = 4; d->suite->verifies_first && i < total; i++)
    MUST(p->sealed[i] == as_sent[i] || p->sealed[i] == 0);
  free(as_sent);
}

/* 0: it was the last one. */
static int one(struct direction* d, struct count* count, uint32_t seq,
               struct input* in) {
  unsigned size = input_u16(in);
  size_t head = 5 + (size_t) input_u8(in) % 30;
  struct packet p;

  make(&p, d, in, head, size & 0x7fff);
  packet_seal(&p, &d->sealing, seq);
  is_as_reference(d, count, seq, &p);
  if ((size & 0x8000) != 0) {
    is_refused(d, seq, &p, input_u16(in));
  } else {
    MUST(packet_open(&d->opening, seq, p.sealed, p.plain_len + p.tag_size) ==
         0);
    MUST(memcmp(p.sealed + 4, p.plain + 4, p.plain_len - 4) == 0);
  }
  packet_free(&p);
  return (size & 0x8000) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct input in = { data, size };
  unsigned which = input_u8(&in);
  uint32_t seq = input_u16(&in) << 16;
  struct count count = { 0, 0 };
  struct direction d;
  const uint8_t* material;
  size_t n;

  seq |= input_u16(&in);
  n = input_take(&in, 16, &material);
  fuzz_begin();
  direction_of(&d, which, material, n);
  while (in.left != 0 && one(&d, &count, seq, &in))
    seq++;
  direction_close(&d);
  return fuzz_end();
}
