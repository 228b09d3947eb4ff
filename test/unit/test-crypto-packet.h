/* test-crypto-packet.h: packets for the tests of lib/crypto, and what they must
 * look like: the same ciphers once more, as plainly as their documents put it,
 * with the libraries' simplest calls.
 *
 * Every buffer is exactly as large as what it holds, so that a sanitizer sees
 * one byte too far.
 */
#ifndef TEST_CRYPTO_PACKET_H
#define TEST_CRYPTO_PACKET_H

#include "check.h"

#include <mbedtls/aes.h>
#include <mbedtls/gcm.h>
#include <mbedtls/md.h>
#include <sodium.h>
#include <stdlib.h>

#include "crypto/crypto.h"

enum { REF_CLEAR, REF_CHACHA, REF_GCM, REF_CTR_ETM, REF_CTR_MAC };

struct suite {
  const char* name;
  const struct cipher_alg* cipher;
  const struct mac_alg* mac;
  int reference;
  int verifies_first;              /* no plaintext before the tag is right */
};

static const struct suite suites[] = {
  { "clear", NULL, NULL, REF_CLEAR, 0 },
  { "chacha", &uvssh__chacha20_poly1305, NULL, REF_CHACHA, 1 },
  { "gcm", &uvssh__aes256_gcm, NULL, REF_GCM, 1 },
  { "gcm portable", &uvssh__aes256_gcm_portable, NULL, REF_GCM, 1 },
  { "ctr etm", &uvssh__aes256_ctr, &uvssh__hmac_sha256_etm, REF_CTR_ETM, 1 },
  { "ctr mac", &uvssh__aes256_ctr, &uvssh__hmac_sha256, REF_CTR_MAC, 0 },
  { "gcm 128", &uvssh__aes128_gcm, NULL, REF_GCM, 1 },
  { "ctr 192 etm 512", &uvssh__aes192_ctr, &uvssh__hmac_sha512_etm,
    REF_CTR_ETM, 1 },
  { "ctr 128 mac 512", &uvssh__aes128_ctr, &uvssh__hmac_sha512, REF_CTR_MAC,
    0 },
};

/* One direction, and its double that the reference works with. */
struct direction {
  const struct suite* suite;
  struct keys sealing;
  struct keys opening;
  uint8_t key[64];
  uint8_t iv[16];
  uint8_t mac_key[64];
};

struct packet {
  uint8_t* plain;                  /* whole, without tag */
  uint8_t* sealed;                 /* plain_len + tag_size bytes */
  size_t plain_len;
  size_t tag_size;
  size_t head;
  size_t body_len;
  size_t tail;
};

static uint32_t pattern_state = 1;

static inline uint8_t pattern(void) {
  pattern_state = pattern_state * 1664525 + 1013904223;
  return (uint8_t) (pattern_state >> 24);
}

static inline void fill(uint8_t* p, size_t len) {
  size_t i;
  for (i = 0; i < len; i++)
    p[i] = pattern();
}

static inline uint8_t* exactly(size_t size) {
  uint8_t* p = malloc(size == 0 ? 1 : size);
  CHECK(p != NULL);
  return p;
}

static inline void direction_open(struct direction* d, const struct suite* s) {
  memset(d, 0, sizeof(*d));
  d->suite = s;
  fill(d->key, sizeof(d->key));
  fill(d->iv, sizeof(d->iv));
  fill(d->mac_key, sizeof(d->mac_key));
  if (s->cipher == NULL)
    return;
  CHECK_EQ(uvssh__keys_init(&d->sealing, s->cipher, s->mac, d->key, d->iv,
                            d->mac_key, 1), 0);
  CHECK_EQ(uvssh__keys_init(&d->opening, s->cipher, s->mac, d->key, d->iv,
                            d->mac_key, 0), 0);
}

static inline void direction_close(struct direction* d) {
  uvssh__keys_free(&d->sealing);
  uvssh__keys_free(&d->opening);
}

/* ---- the reference ------------------------------------------------------- */

static inline void ref_chacha(const struct direction* d, uint32_t seq,
                              uint8_t* p, size_t len) {
  uint8_t nonce[8] = { 0 };
  uint8_t poly[32] = { 0 };

  put_u32(nonce + 4, seq);
  crypto_stream_chacha20_xor_ic(poly, poly, 32, nonce, 0, d->key);
  crypto_stream_chacha20_xor_ic(p, p, 4, nonce, 0, d->key + 32);
  crypto_stream_chacha20_xor_ic(p + 4, p + 4, len - 4, nonce, 1, d->key);
  crypto_onetimeauth_poly1305(p + len, p, len, poly);
}

static inline unsigned ref_bits(const struct direction* d) {
  return (unsigned) d->suite->cipher->key_size * 8;
}

/* The counter is what the caller says: the number of packets before. */
static inline void ref_gcm(const struct direction* d, uint64_t count,
                           uint8_t* p, size_t len) {
  mbedtls_gcm_context gcm;
  uint8_t iv[12];
  uint64_t n = 0;
  size_t i;

  for (i = 4; i < 12; i++)
    n = n << 8 | d->iv[i];
  n += count;
  memcpy(iv, d->iv, 4);
  for (i = 0; i < 8; i++)
    iv[4 + i] = (uint8_t) (n >> (56 - 8 * i));
  mbedtls_gcm_init(&gcm);
  CHECK_EQ(mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, d->key,
                              ref_bits(d)), 0);
  CHECK_EQ(mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, len - 4, iv, 12,
                                     p, 4, p + 4, p + 4, 16, p + len), 0);
  mbedtls_gcm_free(&gcm);
}

/* Counter mode by hand, from block number `block` on. */
static inline void ref_ctr(const struct direction* d, uint64_t block,
                           uint8_t* p, size_t len) {
  mbedtls_aes_context aes;
  uint8_t counter[16], stream[16];
  size_t i, j;

  mbedtls_aes_init(&aes);
  CHECK_EQ(mbedtls_aes_setkey_enc(&aes, d->key, ref_bits(d)), 0);
  for (i = 0; i < len; i++) {
    if (i % 16 == 0) {
      uint64_t carry = block + i / 16;
      for (j = 16; j > 0; j--) {
        carry += d->iv[j - 1];
        counter[j - 1] = (uint8_t) carry;
        carry >>= 8;
      }
      CHECK_EQ(mbedtls_aes_crypt_ecb(&aes, MBEDTLS_AES_ENCRYPT, counter,
                                     stream), 0);
    }
    p[i] ^= stream[i % 16];
  }
  mbedtls_aes_free(&aes);
}

static inline void ref_hmac(const struct direction* d, uint32_t seq,
                            uint8_t* p, size_t len) {
  size_t size = d->suite->mac->key_size;
  mbedtls_md_context_t md;
  uint8_t number[4];

  put_u32(number, seq);
  mbedtls_md_init(&md);
  CHECK_EQ(mbedtls_md_setup(&md,
                            mbedtls_md_info_from_type(size == 32
                                                          ? MBEDTLS_MD_SHA256
                                                          : MBEDTLS_MD_SHA512),
                            1), 0);
  CHECK_EQ(mbedtls_md_hmac_starts(&md, d->mac_key, size), 0);
  CHECK_EQ(mbedtls_md_hmac_update(&md, number, 4), 0);
  CHECK_EQ(mbedtls_md_hmac_update(&md, p, len), 0);
  CHECK_EQ(mbedtls_md_hmac_finish(&md, p + len), 0);
  mbedtls_md_free(&md);
}

/* Makes p, len bytes of plaintext, what it must become with its tag. `packets`
 * and `blocks` went before it in this direction. */
static inline void ref_seal(const struct direction* d, uint32_t seq,
                            uint64_t packets, uint64_t blocks,
                            uint8_t* p, size_t len) {
  switch (d->suite->reference) {
    case REF_CHACHA:
      ref_chacha(d, seq, p, len);
      break;
    case REF_GCM:
      ref_gcm(d, packets, p, len);
      break;
    case REF_CTR_ETM:
      ref_ctr(d, blocks, p + 4, len - 4);
      ref_hmac(d, seq, p, len);
      break;
    case REF_CTR_MAC:
      ref_hmac(d, seq, p, len);
      ref_ctr(d, blocks, p, len);
      break;
    default:
      break;
  }
}

/* ---- packets ------------------------------------------------------------- */

/* RFC 4253 section 6: at least 4 bytes, then up to a whole block. */
static inline size_t padding(const struct keys* keys, size_t unpadded) {
  size_t block = keys->block_size == 0 ? 8 : keys->block_size;
  size_t n = block - (unpadded - keys->clear) % block;
  return n < 4 ? n + block : n;
}

/* A plaintext packet of these sizes, not sealed yet. */
static inline void packet_make(struct packet* p, const struct keys* keys,
                               size_t head, size_t body_len) {
  p->head = head;
  p->body_len = body_len;
  p->tail = padding(keys, head + body_len);
  p->plain_len = head + body_len + p->tail;
  p->tag_size = keys->tag_size;
  p->plain = exactly(p->plain_len);
  p->sealed = exactly(p->plain_len + p->tag_size);
  fill(p->plain, p->plain_len);
  put_u32(p->plain, (uint32_t) (p->plain_len - 4));
  p->plain[4] = (uint8_t) p->tail;
  memset(p->sealed, 0xee, p->plain_len + p->tag_size);
}

static inline void packet_seal(struct packet* p, struct keys* keys,
                               uint32_t seq) {
  uint8_t* body = exactly(p->body_len);
  size_t behind = p->head + p->body_len;

  memcpy(p->sealed, p->plain, p->head);
  memcpy(body, p->plain + p->head, p->body_len);
  memcpy(p->sealed + behind, p->plain + behind, p->tail);
  CHECK_EQ(uvssh__seal(keys, seq, p->sealed, p->head,
                       p->body_len == 0 ? NULL : body, p->body_len, p->tail),
           0);
  CHECK_MEM(body, p->body_len, p->plain + p->head, p->body_len);
  free(body);
}

static inline void packet_free(struct packet* p) {
  free(p->plain);
  free(p->sealed);
}

/* What packet_in does: the length, then the rest. */
static inline int packet_open(struct keys* keys, uint32_t seq, uint8_t* p,
                              size_t len) {
  uint32_t packet_length;
  int err = uvssh__open_length(keys, seq, p, &packet_length);

  if (err != 0)
    return err;
  if (packet_length != len - 4 - keys->tag_size)
    return UVSSH_EPACKET;
  return uvssh__open(keys, seq, p, packet_length);
}

#endif
