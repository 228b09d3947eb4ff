/* Hashes and HMAC: FIPS 180-4's examples, RFC 4231. */
#include "hex.h"

#include <stdlib.h>

#include "crypto/crypto.h"

static const struct {
  const char* text;
  size_t repeat;
  const char* sha256;
  const char* sha512;
} hashes[] = {
  { "", 1,
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
    "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e" },
  { "abc", 1,
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
  { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    "204a8fc6dda82f0a0ced7beb8e08a41657c16ef468b228a8279be331a703c335"
    "96fd15c13b1b07f9aa1d3bea57789ca031ad85c7a71dd70354ec631238ca3445" },
  { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
    "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu", 1,
    "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
    "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
    "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909" },
  { "aaaaaaaaaa", 100000,
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
    "de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b" },
};

static void check_hash(const struct hash_alg* alg,
                       const char* text,
                       size_t repeat,
                       const char* expected) {
  uint8_t want[HASH_SIZE_MAX];
  uint8_t got[HASH_SIZE_MAX];
  struct hash_state state;
  size_t i;

  CHECK_EQ(hex_read(want, sizeof(want), expected), alg->size);
  alg->init(&state);
  for (i = 0; i < repeat; i++)
    alg->update(&state, text, strlen(text));
  alg->final(&state, got);
  CHECK_MEM(got, alg->size, want, alg->size);
}

TEST(hash_fips180) {
  size_t i;

  CHECK_EQ(uvssh__crypto_init(), 0);
  for (i = 0; i < ARRAY_SIZE(hashes); i++) {
    NOTE("row %zu", i);
    check_hash(&uvssh__sha256, hashes[i].text, hashes[i].repeat,
               hashes[i].sha256);
    check_hash(&uvssh__sha512, hashes[i].text, hashes[i].repeat,
               hashes[i].sha512);
  }
}

/* RFC 4231. Ours takes keys as long as its hash: shorter ones end in zeros,
 * which is the same key, and what is longer than a block is hashed first. */
static const struct {
  const char* key;
  const char* data;
  const char* sha256;              /* row 5 has 16 bytes of it */
  const char* sha512;
} hmacs[] = {
  { "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
    "4869205468657265",
    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
    "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854" },
  { "4a656665",
    "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
    "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" },
  { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
    "dddddddddddddddddddddddddddddddd",
    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
    "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb" },
  { "0102030405060708090a0b0c0d0e0f10111213141516171819",
    "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
    "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db"
    "a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd" },
  { "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
    "546573742057697468205472756e636174696f6e",
    "a3b6167473100ee06e0c796c2955552b",
    "415fad6271580a531d4179bc891d87a6" },
  { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a6520"
    "4b6579202d2048617368204b6579204669727374",
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
    "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598" },
  { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "5468697320697320612074657374207573696e672061206c6172676572207468616e"
    "20626c6f636b2d73697a65206b657920616e642061206c6172676572207468616e20"
    "626c6f636b2d73697a6520646174612e20546865206b6579206e6565647320746f20"
    "626520686173686564206265666f7265206265696e6720757365642062792074686520"
    "484d414320616c676f726974686d2e",
    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944"
    "b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58" },
};

static void make_key(const struct hash_alg* hash,
                     uint8_t* key,
                     const char* text) {
  uint8_t raw[256];
  struct hash_state state;
  size_t len = hex_read(raw, sizeof(raw), text);

  memset(key, 0, hash->size);
  if (len <= hash->size) {
    memcpy(key, raw, len);
    return;
  }
  CHECK(len > 128);                /* a block of either */
  hash->init(&state);
  hash->update(&state, raw, len);
  hash->final(&state, key);
}

/* The first 4 bytes stand where the sequence number does; the rest is cut at
 * every place into a and b. */
static void check_hmac(const struct mac_alg* mac,
                       const uint8_t* key,
                       const char* data_text,
                       const char* tag_text) {
  uint8_t data[256], want[64], tag[64];
  size_t len = hex_read(data, sizeof(data), data_text);
  size_t n = hex_read(want, sizeof(want), tag_text);
  void* state = malloc(mac->state_size);
  size_t cut;

  CHECK(state != NULL && n <= mac->tag_size);
  CHECK_EQ(mac->init(state, key), 0);
  for (cut = 4; cut <= len; cut++) {
    CHECK_EQ(mac->tag(state, get_u32(data), data + 4, cut - 4, data + cut,
                      len - cut, tag), 0);
    CHECK_MEM(tag, n, want, n);
  }
  mac->done(state);
  free(state);
}

TEST(hmac_rfc4231) {
  uint8_t key[64];
  size_t i;

  for (i = 0; i < ARRAY_SIZE(hmacs); i++) {
    NOTE("row %zu", i);
    make_key(&uvssh__sha256, key, hmacs[i].key);
    check_hmac(&uvssh__hmac_sha256, key, hmacs[i].data, hmacs[i].sha256);
    check_hmac(&uvssh__hmac_sha256_etm, key, hmacs[i].data, hmacs[i].sha256);
    make_key(&uvssh__sha512, key, hmacs[i].key);
    check_hmac(&uvssh__hmac_sha512, key, hmacs[i].data, hmacs[i].sha512);
    check_hmac(&uvssh__hmac_sha512_etm, key, hmacs[i].data, hmacs[i].sha512);
  }
}
