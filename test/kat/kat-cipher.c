/* Ciphers: chacha20-poly1305@openssh.com (draft-ietf-sshm-chacha20-poly1305,
 * appendix A), what it is made of (RFC 8439), AES-GCM packets made with
 * OpenSSL's AES, AES-CTR (NIST SP 800-38A, F.5).
 */
#include "hex.h"

#include <sodium.h>
#include <stdlib.h>

#include "crypto/crypto.h"
#include "rfc8439.h"

static void* make_state(const struct cipher_alg* alg,
                        const uint8_t* key,
                        const uint8_t* iv,
                        int sealing) {
  void* state = NULL;

  CHECK_EQ(uvssh__crypto_init(), 0);
  CHECK_EQ(posix_memalign(&state, 16, alg->state_size), 0);
  memset(state, 0, alg->state_size);
  CHECK_EQ(alg->init(state, key, iv, sealing), 0);
  return state;
}

static void drop_state(const struct cipher_alg* alg, void* state) {
  alg->done(state);
  free(state);
}

/* Seals a plaintext packet whose body begins at `head`, compares, opens. */
static void check_packet(const struct cipher_alg* alg,
                         void* sealer,
                         void* opener,
                         uint32_t seq,
                         size_t head,
                         const uint8_t* plain,
                         size_t len,
                         const uint8_t* sealed) {
  uint8_t out[256];
  uint8_t body[256];
  size_t total = len + alg->tag_size;
  uint32_t packet_length;

  CHECK(total <= sizeof(out));
  memcpy(out, plain, head);
  memcpy(body, plain + head, len - head);
  CHECK_EQ(alg->seal(sealer, seq, out, head, body, len - head, 0), 0);
  CHECK_MEM(out, total, sealed, total);

  CHECK_EQ(alg->length(opener, seq, out, &packet_length), 0);
  CHECK_EQ(packet_length, len - 4);
  CHECK_EQ(alg->open(opener, seq, out, len - 4), 0);
  CHECK_MEM(out + 4, len - 4, plain + 4, len - 4);
}

TEST(chacha20_poly1305_openssh) {
  const struct cipher_alg* alg = &uvssh__chacha20_poly1305;
  uint8_t key[64], plain[76], sealed[92];
  void* state;
  size_t head;

  hex_read(key, sizeof(key),
           "8bbff6855fc102338c373e73aac0c914f076a905b2444a32eecaffeae22becc5"
           "e9b7a7a5825a8249346ec1c28301cf394543fc7569887d76e168f37562ac0740");
  CHECK_EQ(hex_read(plain, sizeof(plain),
           "00000048065e00000000000000384c6f72656d20697073756d20646f6c6f7220"
           "73697420616d65742c20636f6e7365637465747572206164697069736963696e"
           "6720656c69744e43e804dc6c"), 76);
  CHECK_EQ(hex_read(sealed, sizeof(sealed),
           "2c3ecce4a5bc05895bf07a7ba956b6c68829ac7c83b780b7000ecde745afc705"
           "bbc378ce03a280236b87b53bed5839662302b164b6286a48cd1e097138e3cb90"
           "9b8b2b829dd18d2a35ff82d995349e855bf02c298ef775f2d1a7e8b8"), 92);
  state = make_state(alg, key, NULL, 1);
  for (head = 5; head <= 76; head++)
    check_packet(alg, state, state, 7, head, plain, 76, sealed);
  drop_state(alg, state);
}

TEST(chacha20_rfc8439) {
  uint8_t key[32], nonce[8], text[128], want[128], got[128];
  size_t n;

  hex_read(key, 32, "000102030405060708090a0b0c0d0e0f"
                    "101112131415161718191a1b1c1d1e1f");
  /* 2.4.2: the nonce 000000000000004a00000000, whose first 4 bytes belong to
   * the counter of the form that SSH uses */
  hex_read(nonce, 8, "0000004a00000000");
  n = hex_read(text, sizeof(text),
           "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
           "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
           "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
           "637265656e20776f756c642062652069742e");
  CHECK_EQ(hex_read(want, sizeof(want),
           "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b"
           "f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8"
           "07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736"
           "5af90bbf74a35be6b40b8eedf2785e42874d"), n);
  crypto_stream_chacha20_xor_ic(got, text, n, nonce, 1, key);
  CHECK_MEM(got, n, want, n);
}

TEST(poly1305_rfc8439) {
  static const char text[] = "Cryptographic Forum Research Group";
  uint8_t key[32], want[16], got[16];

  hex_read(key, 32, "85d6be7857556d337f4452fe42d506a8"
                    "0103808afb0db2fd4abff6af4149f51b");
  hex_read(want, 16, "a8061dc1305136c6c22b8baf0c0127a9");
  crypto_onetimeauth_poly1305(got, (const uint8_t*) text, sizeof(text) - 1,
                              key);
  CHECK_MEM(got, 16, want, 16);
}

/* 2.8.2, made of the calls that cipher_chacha.c is made of. */
TEST(aead_rfc8439) {
  uint8_t key[32], nonce[12], aad[12], text[128], want[128], got[144];
  size_t n;

  hex_read(key, 32, "808182838485868788898a8b8c8d8e8f"
                    "909192939495969798999a9b9c9d9e9f");
  hex_read(nonce, 12, "070000004041424344454647");
  hex_read(aad, 12, "50515253c0c1c2c3c4c5c6c7");
  n = hex_read(text, sizeof(text),
           "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
           "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
           "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
           "637265656e20776f756c642062652069742e");
  hex_read(want, sizeof(want),
           "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
           "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
           "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
           "3ff4def08e4b7a9de576d26586cec64b6116");
  rfc8439_seal(got, key, nonce, aad, 12, text, n);
  CHECK_MEM(got, n, want, n);
  hex_read(want, 16, "1ae10b594f09e26a7e902ecbd0600691");
  CHECK_MEM(got + n, 16, want, 16);
}

/* Three packets in a row; the counter of 8 bytes comes round between the second
 * and the third, and the 4 bytes before it stay. */
static const struct {
  const char* plain;
  const char* sealed;              /* with 256 bits of key */
  const char* sealed_128;
} gcm_packets[] = {
  { "000000100400070e151c232a31383f464d545b62",
    "00000010e0100b1d4864b138ec29c117762d2daa14e82fa7fbb90e24ec87b22cb3d62e4a",
    "00000010e59a11a33fb3a74f9dc6aa7cf3e321e0a570fa631bb0cd274c40826551780de0"
  },
  { "000000200401080f161d242b323940474e555c636a71787f868d949ba2a9b0b7bec5ccd3",
    "00000020a0beca40ea3257062867531b65488619fc892c372c6db66796f5b4e69b27ad11"
    "8a438a2c1b36ba9eb0aeca12d381c0b2",
    "00000020d4327a4848db02ea82b1f44c04094646a16088797a76c1b023209a3da40e8c07"
    "64f212d131662d344e6eb8d00427fff1" },
  { "0000003004020910171e252c333a41484f565d646b727980878e959ca3aab1b8bfc6cdd4"
    "dbe2e9f0f7fe050c131a21282f363d44",
    "0000003018bb5526347a90908a01fa7b1e8c38bff9e264c57ec30089c09f748c849c8788"
    "14309458a460a6e093e1e0e67dbc4ec85fa24ba4d4e541855a50f437165c4510",
    "000000308e5fc78d5091114360fc6b6b3e9c26c407faac7794ee36e9dc129d104ba84fbb"
    "621ace37560bd19c816a05703961b4d63b9f0e2dec8bed3905f6fe9ff000669a" },
};

static void check_gcm(const struct cipher_alg* alg) {
  uint8_t key[32], iv[12], plain[128], sealed[128];
  void *sealer, *opener;
  size_t i, n;

  for (i = 0; i < sizeof(key); i++)
    key[i] = (uint8_t) i;
  hex_read(iv, sizeof(iv), "a0a1a2a3fffffffffffffffe");
  sealer = make_state(alg, key, iv, 1);
  opener = make_state(alg, key, iv, 0);
  for (i = 0; i < ARRAY_SIZE(gcm_packets); i++) {
    NOTE("packet %zu", i);
    n = hex_read(plain, sizeof(plain), gcm_packets[i].plain);
    CHECK_EQ(hex_read(sealed, sizeof(sealed),
                      alg->key_size == 16 ? gcm_packets[i].sealed_128
                                          : gcm_packets[i].sealed), n + 16);
    check_packet(alg, sealer, opener, (uint32_t) (1000 - i), 5 + i, plain, n,
                 sealed);
  }
  drop_state(alg, sealer);
  drop_state(alg, opener);
}

TEST(aes256_gcm_packets) {
  check_gcm(&uvssh__aes256_gcm);
}

TEST(aes256_gcm_packets_portable) {
  check_gcm(&uvssh__aes256_gcm_portable);
}

TEST(aes128_gcm_packets) {
  check_gcm(&uvssh__aes128_gcm);
}

static const struct {
  const struct cipher_alg* alg;
  const char* key;
  const char* sealed;
} ctrs[] = {                       /* F.5.5, F.5.3, F.5.1 */
  { &uvssh__aes256_ctr,
    "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
    "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
    "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6" },
  { &uvssh__aes192_ctr,
    "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
    "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e94"
    "1e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050" },
  { &uvssh__aes128_ctr,
    "2b7e151628aed2a6abf7158809cf4f3c",
    "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
    "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee" },
};

/* Both ways, in two pieces of every size. */
static void check_ctr(const struct cipher_alg* alg,
                      const char* key_text,
                      const char* sealed_text) {
  uint8_t key[32], iv[16], plain[64], sealed[64], got[64];
  size_t cut;

  CHECK_EQ(hex_read(key, 32, key_text), alg->key_size);
  hex_read(iv, 16, "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
  hex_read(plain, 64, "6bc1bee22e409f96e93d7e117393172a"
                      "ae2d8a571e03ac9c9eb76fac45af8e51"
                      "30c81c46a35ce411e5fbc1191a0a52ef"
                      "f69f2445df4f9b17ad2b417be66c3710");
  hex_read(sealed, 64, sealed_text);
  for (cut = 0; cut <= 64; cut++) {
    void* state = make_state(alg, key, iv, 1);
    CHECK_EQ(alg->crypt(state, plain, got, cut), 0);
    CHECK_EQ(alg->crypt(state, plain + cut, got + cut, 64 - cut), 0);
    CHECK_MEM(got, 64, sealed, 64);
    drop_state(alg, state);

    state = make_state(alg, key, iv, 0);
    CHECK_EQ(alg->crypt(state, got, got, cut), 0);
    CHECK_EQ(alg->crypt(state, got + cut, got + cut, 64 - cut), 0);
    CHECK_MEM(got, 64, plain, 64);
    drop_state(alg, state);
  }
}

TEST(aes_ctr_sp800_38a) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(ctrs); i++) {
    NOTE("%s", ctrs[i].alg->name);
    check_ctr(ctrs[i].alg, ctrs[i].key, ctrs[i].sealed);
  }
}
