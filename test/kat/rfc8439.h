/* rfc8439.h: the AEAD of RFC 8439 made of the four libsodium calls that
 * chacha20-poly1305@openssh.com is made of, so that vectors of the one say
 * something of the other. SSH's ChaCha20 has a counter of 64 bits and a nonce
 * of 8: the nonce's first 4 bytes here are the counter's upper half.
 */
#ifndef KAT_RFC8439_H
#define KAT_RFC8439_H

#include <sodium.h>

#include "base/base.h"

static inline uint64_t rfc8439_counter(const uint8_t nonce[12], uint32_t low) {
  uint64_t high = (uint64_t) nonce[0] | (uint64_t) nonce[1] << 8 |
                  (uint64_t) nonce[2] << 16 | (uint64_t) nonce[3] << 24;
  return high << 32 | low;
}

static inline void rfc8439_tag(uint8_t tag[16],
                               const uint8_t key[32],
                               const uint8_t nonce[12],
                               const uint8_t* aad,
                               size_t aad_len,
                               const uint8_t* text,
                               size_t len) {
  static const uint8_t zero[16];
  crypto_onetimeauth_poly1305_state s;
  uint8_t block[64] = { 0 };
  uint8_t sizes[16] = { 0 };
  size_t i;

  crypto_stream_chacha20_xor_ic(block, block, 64, nonce + 4,
                                rfc8439_counter(nonce, 0), key);
  for (i = 0; i < 8; i++) {
    sizes[i] = (uint8_t) ((uint64_t) aad_len >> (8 * i));
    sizes[8 + i] = (uint8_t) ((uint64_t) len >> (8 * i));
  }
  crypto_onetimeauth_poly1305_init(&s, block);
  crypto_onetimeauth_poly1305_update(&s, aad, aad_len);
  crypto_onetimeauth_poly1305_update(&s, zero, (16 - aad_len % 16) % 16);
  crypto_onetimeauth_poly1305_update(&s, text, len);
  crypto_onetimeauth_poly1305_update(&s, zero, (16 - len % 16) % 16);
  crypto_onetimeauth_poly1305_update(&s, sizes, 16);
  crypto_onetimeauth_poly1305_final(&s, tag);
}

/* out has len + 16 bytes. */
static inline void rfc8439_seal(uint8_t* out,
                                const uint8_t key[32],
                                const uint8_t nonce[12],
                                const uint8_t* aad,
                                size_t aad_len,
                                const uint8_t* text,
                                size_t len) {
  crypto_stream_chacha20_xor_ic(out, text, len, nonce + 4,
                                rfc8439_counter(nonce, 1), key);
  rfc8439_tag(out + len, key, nonce, aad, aad_len, out, len);
}

#endif
