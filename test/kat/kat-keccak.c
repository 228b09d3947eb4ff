/* SHA-3 and SHAKE: FIPS 202. Each length from 0 to 400 bytes, so some blocks of
 * every rate and the places where they end, against hashes of hashes that
 * Python's hashlib made; and the same however it is cut. */
#include "hex.h"

#include "crypto/crypto.h"

enum { LONGEST = 400, SQUEEZED = 200 };

static const struct {
  const char* name;
  unsigned rate;
  uint8_t suffix;
  size_t size;
  const char* empty;               /* the first bytes of the empty message's */
  const char* all;                 /* SHA3-256 of those of all lengths */
} rows[] = {
  { "SHA3-256", 136, KECCAK_SHA3, 32,
    "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
    "82cc357ecce5ab3860135ced892c73217b47a35a8d8916ac689bed1ce7fd1336" },
  { "SHA3-512", 72, KECCAK_SHA3, 64,
    "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a6",
    "2e953a2ed8c68eca217a8c7de7c9c688b2c7fb7326812508101c23fd18f66e3c" },
  { "SHAKE128", SHAKE128_RATE, KECCAK_SHAKE, SQUEEZED,
    "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26",
    "2bd9f6e3cdb4c96a79136fbb824ea6d9ffdabd841dbe1aa448bebefe21196f83" },
  { "SHAKE256", SHAKE256_RATE, KECCAK_SHAKE, SQUEEZED,
    "46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f",
    "c94e2e3119171383a7f97f28f561395ec271e8a5791a69545452d2bdecb88ba4" }
};

/* One of the rows, absorbed to `cut` and then the rest, squeezed likewise. */
static void digest(uint8_t* out, size_t row, const uint8_t* base, size_t len,
                   size_t cut) {
  size_t half = cut < rows[row].size ? cut : rows[row].size;
  struct keccak k;

  uvssh__keccak_init(&k, rows[row].rate);
  uvssh__keccak_absorb(&k, base, cut);
  uvssh__keccak_absorb(&k, base + cut, len - cut);
  uvssh__keccak_pad(&k, rows[row].suffix);
  uvssh__keccak_squeeze(&k, out, half);
  uvssh__keccak_squeeze(&k, out + half, rows[row].size - half);
}

static void message(uint8_t* out, size_t len) {
  size_t i;

  for (i = 0; i < len; i++)
    out[i] = (uint8_t) (7 * i + len);
}

TEST(keccak_each_length) {
  uint8_t text[LONGEST], out[SQUEEZED], want[32], got[32];
  struct keccak all;
  size_t row, len;

  for (row = 0; row < ARRAY_SIZE(rows); row++) {
    NOTE("%s", rows[row].name);
    uvssh__keccak_init(&all, rows[0].rate);
    for (len = 0; len <= LONGEST; len++) {
      message(text, len);
      digest(out, row, text, len, 0);
      if (len == 0) {
        hex_read(want, sizeof(want), rows[row].empty);
        CHECK_MEM(out, sizeof(want), want, sizeof(want));
      }
      uvssh__keccak_absorb(&all, out, rows[row].size);
    }
    uvssh__keccak_pad(&all, KECCAK_SHA3);
    uvssh__keccak_squeeze(&all, got, sizeof(got));
    hex_read(want, sizeof(want), rows[row].all);
    CHECK_MEM(got, sizeof(got), want, sizeof(want));
  }
}

TEST(keccak_however_it_is_cut) {
  uint8_t text[LONGEST], whole[SQUEEZED], cut[SQUEEZED];
  struct keccak k;
  size_t row, i;

  message(text, LONGEST);
  for (row = 0; row < ARRAY_SIZE(rows); row++) {
    digest(whole, row, text, LONGEST, 0);
    for (i = 0; i <= LONGEST; i++) {
      NOTE("%s, at %zu", rows[row].name, i);
      digest(cut, row, text, LONGEST, i);
      CHECK_MEM(cut, rows[row].size, whole, rows[row].size);
    }
    uvssh__keccak_init(&k, rows[row].rate);    /* and byte by byte */
    for (i = 0; i < LONGEST; i++)
      uvssh__keccak_absorb(&k, text + i, 1);
    uvssh__keccak_pad(&k, rows[row].suffix);
    for (i = 0; i < rows[row].size; i++)
      uvssh__keccak_squeeze(&k, cut + i, 1);
    CHECK_MEM(cut, rows[row].size, whole, rows[row].size);
  }
}

TEST(keccak_in_one_call) {
  uint8_t text[LONGEST], want[SQUEEZED], got[SQUEEZED];
  size_t len;

  for (len = 0; len <= LONGEST; len++) {
    NOTE("%zu bytes", len);
    message(text, len);
    digest(want, 0, text, len, 0);
    uvssh__sha3(got, 32, text, len);
    CHECK_MEM(got, 32, want, 32);
    digest(want, 1, text, len, 0);
    uvssh__sha3(got, 64, text, len);
    CHECK_MEM(got, 64, want, 64);
    digest(want, 3, text, len, 0);
    uvssh__shake256(got, SQUEEZED, (str_t) { text, len / 3 },
                    (str_t) { text + len / 3, len - len / 3 });
    CHECK_MEM(got, SQUEEZED, want, SQUEEZED);
  }
}
