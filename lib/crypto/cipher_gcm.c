/* cipher_gcm.c: aes256-gcm@openssh.com and aes128-gcm@openssh.com, RFC 5647 as
 * OpenSSH speaks it.
 *
 * packet_length stays in the clear and is authenticated. The nonce is 4 fixed
 * bytes and a counter of 8, which counts packets from a start that the key
 * exchange gave; the sequence number is not used.
 *
 * libsodium's code where the processor has AES and carry-less multiplication,
 * else mbedTLS's, and that always for 128 bits, which libsodium has not. Both
 * take contiguous input: the body is copied once, then encrypted in place.
 *
 * Failure: a wrong tag is UVSSH_EMAC, the packet's bytes are lost (zeroed) and
 * no plaintext is left behind.
 * Never uses a nonce twice: the counter moves with each packet, and sessions
 * re-key long before it could come round.
 */
#include "crypto/crypto.h"

#include <assert.h>
#include <mbedtls/gcm.h>
#include <sodium.h>

#define TAG 16
#define IV 12

_Static_assert(TAG == crypto_aead_aes256gcm_ABYTES &&
                   IV == crypto_aead_aes256gcm_NPUBBYTES,
               "libsodium's sizes are RFC 5647's");

struct gcm {
  union {
    crypto_aead_aes256gcm_state sodium;
    mbedtls_gcm_context mbedtls;
  } key;
  uint8_t iv[IV];
  int portable;                    /* mbedTLS */
};

_Static_assert(_Alignof(struct gcm) <= 16, "states are aligned to 16");

static int set_key(void* state,
                   const uint8_t* key,
                   unsigned bits,
                   const uint8_t* iv) {
  struct gcm* s = state;
  int rc;

  memcpy(s->iv, iv, IV);
  s->portable = 1;
  mbedtls_gcm_init(&s->key.mbedtls);
  rc = mbedtls_gcm_setkey(&s->key.mbedtls, MBEDTLS_CIPHER_ID_AES, key, bits);
  if (rc == MBEDTLS_ERR_CIPHER_ALLOC_FAILED)
    return UV_ENOMEM;
  return rc == 0 ? 0 : UVSSH_ECRYPTO;
}

static int init_portable(void* state,
                         const uint8_t* key,
                         const uint8_t* iv,
                         int sealing) {
  return set_key(state, key, 256, iv);
}

static int init_128(void* state,
                    const uint8_t* key,
                    const uint8_t* iv,
                    int sealing) {
  return set_key(state, key, 128, iv);
}

static int init_256(void* state,
                    const uint8_t* key,
                    const uint8_t* iv,
                    int sealing) {
  struct gcm* s = state;
  if (!crypto_aead_aes256gcm_is_available())
    return set_key(state, key, 256, iv);
  memcpy(s->iv, iv, IV);
  if (crypto_aead_aes256gcm_beforenm(&s->key.sodium, key) != 0)
    return UVSSH_ECRYPTO;
  return 0;
}

static void gcm_done(void* state) {
  struct gcm* s = state;
  if (s->portable)
    mbedtls_gcm_free(&s->key.mbedtls);
  uvssh__wipe(s, sizeof(*s));
}

/* RFC 5647 section 7.1; the first 4 bytes never change. It came of the key
 * exchange: no branch on its carries. */
static void count_packet(struct gcm* s) {
  unsigned carry = 1;
  size_t i;

  for (i = IV; i > 4; i--) {
    carry += s->iv[i - 1];
    s->iv[i - 1] = (uint8_t) carry;
    carry >>= 8;
  }
}

static int gcm_length(void* state,
                      uint32_t seq,
                      const uint8_t* packet,
                      uint32_t* packet_length) {
  *packet_length = get_u32(packet);
  return 0;
}

static int open_portable(struct gcm* s, uint8_t* packet, size_t len) {
  uint8_t* p = packet + 4;
  int rc = mbedtls_gcm_auth_decrypt(&s->key.mbedtls, len, s->iv, IV, packet, 4,
                                    p + len, TAG, p, p);
  if (rc == 0)
    return 0;
  uvssh__wipe(p, len);             /* as mbedTLS does; not to depend on it */
  return rc == MBEDTLS_ERR_GCM_AUTH_FAILED ? UVSSH_EMAC : UVSSH_ECRYPTO;
}

static int gcm_open(void* state, uint32_t seq, uint8_t* packet, size_t len) {
  struct gcm* s = state;
  uint8_t* p = packet + 4;
  int err;

  if (s->portable)
    err = open_portable(s, packet, len);
  else
    err = crypto_aead_aes256gcm_decrypt_detached_afternm(
              p, NULL, p, len, p + len, packet, 4, s->iv, &s->key.sodium) == 0
              ? 0
              : UVSSH_EMAC;
  if (err == 0)
    count_packet(s);
  return err;
}

static int gcm_seal(void* state,
                    uint32_t seq,
                    uint8_t* out,
                    size_t head,
                    const uint8_t* body,
                    size_t body_len,
                    size_t tail) {
  struct gcm* s = state;
  uint8_t* p = out + 4;
  size_t len = head - 4 + body_len + tail;
  int rc;

  assert(head >= 4);
  if (body_len != 0)
    memcpy(out + head, body, body_len);
  if (s->portable)
    rc = mbedtls_gcm_crypt_and_tag(&s->key.mbedtls, MBEDTLS_GCM_ENCRYPT, len,
                                   s->iv, IV, out, 4, p, p, TAG, p + len);
  else
    rc = crypto_aead_aes256gcm_encrypt_detached_afternm(
        p, p + len, NULL, p, len, out, 4, NULL, s->iv, &s->key.sodium);
  if (rc != 0)
    return UVSSH_ECRYPTO;
  count_packet(s);
  return 0;
}

#define ROW(object, its_name, its_key_size, its_init)                         \
  const struct cipher_alg object = {                                          \
    .name = its_name,                                                         \
    .key_size = its_key_size,                                                 \
    .iv_size = IV,                                                            \
    .block_size = 16,                                                         \
    .tag_size = TAG,                                                          \
    .state_size = sizeof(struct gcm),                                         \
    .init = its_init,                                                         \
    .done = gcm_done,                                                         \
    .length = gcm_length,                                                     \
    .open = gcm_open,                                                         \
    .seal = gcm_seal                                                          \
  }

ROW(uvssh__aes256_gcm, "aes256-gcm@openssh.com", 32, init_256);
ROW(uvssh__aes128_gcm, "aes128-gcm@openssh.com", 16, init_128);
ROW(uvssh__aes256_gcm_portable, "aes256-gcm, portable", 32, init_portable);
