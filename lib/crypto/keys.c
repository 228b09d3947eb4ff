/* keys.c: one direction's cipher and MAC as one thing that seals and opens
 * whole packets, RFC 4253 section 6.
 *
 *   AEAD              the cipher does it all
 *   CTR and EtM       length in the clear; MAC over it and the ciphertext,
 *                     verified before anything is decrypted
 *   CTR and MAC       MAC over the plaintext; the first block is decrypted for
 *                     its length, the rest before the MAC can be looked at
 *   nothing           as before the first NEWKEYS
 *
 * Failures: UVSSH_EMAC, after which the session must end: the ciphers' states
 * no longer agree with the peer's. UVSSH_ECRYPTO from a library.
 * Never looks at padding_length (packet_in does), and never reads or writes
 * outside 4 + packet_length + tag_size bytes.
 */
#include "crypto/crypto.h"

#include <assert.h>

#define ALIGNMENT 16
#define TAG_MAX 64

static size_t aligned(size_t n) {
  return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int is_aead(const struct keys* keys) {
  return keys->cipher != NULL && keys->cipher->tag_size != 0;
}

/* One block for both states; malloc need not align to 16. */
static int make_room(struct keys* keys) {
  size_t cipher_size = aligned(keys->cipher->state_size);
  size_t mac_size = keys->mac == NULL ? 0 : aligned(keys->mac->state_size);
  uint8_t* base;

  keys->state_size = cipher_size + mac_size + ALIGNMENT - 1;
  keys->allocation = uvssh__calloc(1, keys->state_size);
  if (keys->allocation == NULL)
    return UV_ENOMEM;
  base = keys->allocation;
  while ((uintptr_t) base % ALIGNMENT != 0)
    base++;
  keys->cipher_state = base;
  keys->mac_state = keys->mac == NULL ? NULL : base + cipher_size;
  return 0;
}

int uvssh__keys_init(struct keys* keys,
                     const struct cipher_alg* cipher,
                     const struct mac_alg* mac,
                     const uint8_t* key,
                     const uint8_t* iv,
                     const uint8_t* mac_key,
                     int sealing) {
  int err;

  if (cipher == NULL || key == NULL || (cipher->iv_size != 0 && iv == NULL))
    return UV_EINVAL;
  if (cipher->tag_size != 0)
    mac = NULL;
  else if (mac == NULL || mac_key == NULL)
    return UV_EINVAL;
  err = uvssh__crypto_init();
  if (err != 0)
    return err;

  keys->cipher = cipher;
  keys->mac = mac;
  err = make_room(keys);
  if (err != 0) {
    memset(keys, 0, sizeof(*keys));
    return err;
  }
  keys->block_size = cipher->block_size;
  keys->clear = mac == NULL || mac->etm ? 4 : 0;
  keys->tag_size = mac == NULL ? cipher->tag_size : mac->tag_size;
  err = cipher->init(keys->cipher_state, key, iv, sealing);
  if (err == 0 && mac != NULL)
    err = mac->init(keys->mac_state, mac_key);
  if (err != 0)
    uvssh__keys_free(keys);
  return err;
}

void uvssh__keys_free(struct keys* keys) {
  if (keys->cipher_state != NULL)
    keys->cipher->done(keys->cipher_state);
  if (keys->mac_state != NULL)
    keys->mac->done(keys->mac_state);
  if (keys->allocation != NULL)
    uvssh__free_secret(keys->allocation, keys->state_size);
  memset(keys, 0, sizeof(*keys));
}

size_t uvssh__keys_head(const struct keys* keys) {
  if (keys->cipher == NULL || keys->clear != 0)
    return 4;
  return keys->block_size;
}

int uvssh__open_length(struct keys* keys,
                       uint32_t seq,
                       uint8_t* packet,
                       uint32_t* packet_length) {
  int err = 0;

  if (is_aead(keys))
    return keys->cipher->length(keys->cipher_state, seq, packet, packet_length);
  if (keys->cipher != NULL && !keys->mac->etm)
    err = keys->cipher->crypt(keys->cipher_state, packet, packet,
                              keys->block_size);
  *packet_length = get_u32(packet);
  return err;
}

static int check_mac(struct keys* keys,
                     uint32_t seq,
                     const uint8_t* packet,
                     size_t len) {
  uint8_t tag[TAG_MAX];
  int err;

  assert(keys->tag_size <= sizeof(tag));
  err = keys->mac->tag(keys->mac_state, seq, packet, len, NULL, 0, tag);
  if (err == 0 && !uvssh__equal(tag, packet + len, keys->tag_size))
    err = UVSSH_EMAC;
  uvssh__wipe(tag, keys->tag_size);   /* it would make a forgery right */
  return err;
}

static int open_etm(struct keys* keys,
                    uint32_t seq,
                    uint8_t* packet,
                    size_t len) {
  int err = check_mac(keys, seq, packet, len);
  if (err != 0)
    return err;
  return keys->cipher->crypt(keys->cipher_state, packet + 4, packet + 4,
                             len - 4);
}

static int open_plain_mac(struct keys* keys,
                          uint32_t seq,
                          uint8_t* packet,
                          size_t len) {
  size_t done = keys->block_size;  /* by uvssh__open_length() */
  int err = 0;

  if (len > done)
    err = keys->cipher->crypt(keys->cipher_state, packet + done, packet + done,
                              len - done);
  if (err != 0)
    return err;
  return check_mac(keys, seq, packet, len);
}

int uvssh__open(struct keys* keys,
                uint32_t seq,
                uint8_t* packet,
                uint32_t packet_length) {
  size_t len = 4 + (size_t) packet_length;

  if (keys->cipher == NULL)
    return 0;
  if (is_aead(keys))
    return keys->cipher->open(keys->cipher_state, seq, packet, packet_length);
  if (keys->mac->etm)
    return open_etm(keys, seq, packet, len);
  return open_plain_mac(keys, seq, packet, len);
}

/* A stream cipher encrypts straight from the caller's memory. */
static int seal_etm(struct keys* keys,
                    uint32_t seq,
                    uint8_t* out,
                    size_t head,
                    const uint8_t* body,
                    size_t body_len,
                    size_t tail) {
  const struct cipher_alg* cipher = keys->cipher;
  uint8_t* end = out + head + body_len;
  int err;

  err = cipher->crypt(keys->cipher_state, out + 4, out + 4, head - 4);
  if (err == 0 && body_len != 0)
    err = cipher->crypt(keys->cipher_state, body, out + head, body_len);
  if (err == 0)
    err = cipher->crypt(keys->cipher_state, end, end, tail);
  if (err != 0)
    return err;
  end += tail;
  return keys->mac->tag(keys->mac_state, seq, out, (size_t) (end - out), NULL,
                        0, end);
}

/* The MAC wants the plaintext, so that is copied first. */
static int seal_plain_mac(struct keys* keys,
                          uint32_t seq,
                          uint8_t* out,
                          size_t len) {
  int err = keys->mac->tag(keys->mac_state, seq, out, len, NULL, 0, out + len);
  if (err != 0)
    return err;
  return keys->cipher->crypt(keys->cipher_state, out, out, len);
}

int uvssh__seal(struct keys* keys,
                uint32_t seq,
                uint8_t* out,
                size_t head,
                const uint8_t* body,
                size_t body_len,
                size_t tail) {
  assert(head >= 5);
  if (is_aead(keys))
    return keys->cipher->seal(keys->cipher_state, seq, out, head, body,
                              body_len, tail);
  if (keys->cipher != NULL && keys->mac->etm)
    return seal_etm(keys, seq, out, head, body, body_len, tail);
  if (body_len != 0)
    memcpy(out + head, body, body_len);
  if (keys->cipher == NULL)
    return 0;
  return seal_plain_mac(keys, seq, out, head + body_len + tail);
}
