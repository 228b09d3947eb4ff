/* micro-bare.h: the calls of libsodium and mbedTLS that a packet of each cipher
 * cannot do without, and nothing else: what micro-seal and micro-message call
 * bare. (bench-primitive.h has the two of them that are timed inside whole
 * transfers, and the clock for that.)
 *
 * Over a whole packet [u32 length][...], its tag behind it:
 *   chacha20-poly1305   the length's 4 bytes, the Poly1305 key, ChaCha20,
 *                       Poly1305
 *   aes256-gcm          one call
 *   aes256-ctr          AES-CTR, HMAC from a prepared state
 * seal() works in place; open() verifies and decrypts into a buffer of its own,
 * so that the same packet opens again.
 */
#ifndef MICRO_BARE_H
#define MICRO_BARE_H

#include <stddef.h>
#include <stdint.h>

enum {
  BARE_KEY = 64,
  BARE_IV = 16,
  BARE_ROOM = 32768 + 512          /* of a packet, at least */
};

struct bare {
  const char* name;                /* for people */
  const char* cipher;              /* as SSH names it; NULL: it does not */
  const char* mac;                 /* NULL: an AEAD cipher needs none */
  void (*seal)(uint8_t* packet, size_t len);  /* len: without the tag */
  void (*open)(const uint8_t* packet, size_t len);
};

extern const struct bare bares[];
extern const size_t bare_count;

/* 0 or -1. */
int bare_set_up(const uint8_t key[BARE_KEY], const uint8_t iv[BARE_IV]);
void bare_free(void);
/* Calls that failed so far; not 0: no figure counts. */
int bare_failures(void);
/* 0 where this processor cannot do it. */
int bare_is_here(const struct bare* b);

#endif
