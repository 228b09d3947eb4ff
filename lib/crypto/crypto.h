/* crypto.h: algorithms as const objects, found by name in algo.c alone.
 *
 *   hash.c              sha256, sha512; the hash of tables
 *   kex_x25519.c        curve25519-sha256 and its @libssh.org name
 *   cipher_chacha.c     chacha20-poly1305@openssh.com
 *   cipher_gcm.c        aes256-gcm@openssh.com
 *   cipher_ctr.c        aes256-ctr
 *   mac_hmac.c          hmac-sha2-256 and its -etm form
 *   keys.c              one direction's cipher and MAC as one thing that seals
 *                       and opens whole packets
 *   hmac_sha1.c         for the hashed names of known_hosts, and nothing else
 *   random.c            the only way to randomness; the one-time set-up
 *   algo.c              the tables: name -> object, best first
 *
 * libsodium and mbedTLS appear only in this folder and in key/. Results are 0
 * or a code; a result that is not exactly 0 is a failure, and nothing that
 * came with it may be used.
 */
#ifndef UVSSH_CRYPTO_H
#define UVSSH_CRYPTO_H

#include "wire/wire.h"

/* ---- random.c ------------------------------------------------------------ */

/* Once in the process, from any thread; 0 or UVSSH_ECRYPTO. */
int uvssh__crypto_init(void) MUST_CHECK;

/* From the system, for every call (nothing is cached over a fork). Tests put a
 * deterministic source in its place. */
extern void (*uvssh__random_source)(void* out, size_t len);
void uvssh__random(void* out, size_t len);

/* Compares in constant time; 1: equal. */
int uvssh__equal(const void* a, const void* b, size_t len) MUST_CHECK;

/* ---- hash.c -------------------------------------------------------------- */

#define HASH_SIZE_MAX 64

struct hash_state {                /* room for any of them */
  uint64_t opaque[32];
};

struct hash_alg {
  const char* name;
  size_t size;
  void (*init)(struct hash_state* state);
  void (*update)(struct hash_state* state, const void* base, size_t len);
  void (*final)(struct hash_state* state, uint8_t* out); /* and wipes state */
};

extern const struct hash_alg uvssh__sha256;
extern const struct hash_alg uvssh__sha512;

/* For tables whose keys a peer chooses: who does not know the secret cannot
 * make two of them collide. */
#define TABLE_SECRET 16
uint64_t uvssh__table_hash(const uint8_t secret[TABLE_SECRET],
                           const void* base,
                           size_t len);

/* ---- hmac_sha1.c --------------------------------------------------------- */

#define HMAC_SHA1_SIZE 20

/* 0 or UVSSH_ECRYPTO. */
int uvssh__hmac_sha1(const uint8_t key[HMAC_SHA1_SIZE],
                     str_t text,
                     uint8_t out[HMAC_SHA1_SIZE]) MUST_CHECK;

/* ---- key exchange -------------------------------------------------------- */

#define KEX_SECRET_MAX 32          /* grows with the methods */

enum cost {                        /* what a job of it costs */
  COST_LIGHT,                      /* tens of microseconds: may run inline */
  COST_HEAVY,                      /* always on the thread pool */
  COSTS
};

/* K comes out encoded as it enters the hash: mpint, or string for hybrids.
 * A public value of the wrong length, a low-order point or an all-zero shared
 * secret is UVSSH_EKEX (RFC 8731 section 3). Buffers named k are `secret`. */
struct kex_alg {
  const char* name;
  const struct hash_alg* hash;
  enum cost cost;
  /* The client's ephemeral secret, and what it sends in message 30. */
  int (*start)(uint8_t secret[KEX_SECRET_MAX], struct buf* client_public);
  /* The server's whole part: what it sends in message 31, and K. */
  int (*respond)(str_t client_public,
                 struct buf* server_public,
                 struct buf* k);
  /* The client's second half. */
  int (*finish)(const uint8_t secret[KEX_SECRET_MAX],
                str_t server_public,
                struct buf* k);
};

/* ---- ciphers and MACs ---------------------------------------------------- */

/* A packet, RFC 4253 section 6:
 *   [u32 packet_length][u8 padding_length][payload][padding][tag or MAC]
 * `seq` is the direction's packet sequence number. */
struct cipher_alg {
  const char* name;
  size_t key_size;
  size_t iv_size;
  size_t block_size;               /* padding makes a multiple of this */
  size_t tag_size;                 /* 0: no AEAD, a MAC is needed */
  size_t state_size;
  /* 0, UV_ENOMEM or UVSSH_ECRYPTO; state is zeroed memory, aligned to 16. */
  int (*init)(void* state, const uint8_t* key, const uint8_t* iv, int sealing);
  void (*done)(void* state);       /* gives back what a library holds */
  /* AEAD only. `packet` begins at packet_length. length() looks at 4 bytes and
   * changes nothing; open() verifies first, then decrypts in place the len
   * (packet_length's value) bytes behind these 4; the tag follows. */
  int (*length)(void* state, uint32_t seq, const uint8_t* packet,
                uint32_t* packet_length);
  int (*open)(void* state, uint32_t seq, uint8_t* packet, size_t len);
  /* As uvssh__seal(). */
  int (*seal)(void* state, uint32_t seq, uint8_t* out, size_t head,
              const uint8_t* body, size_t body_len, size_t tail);
  /* Stream ciphers (CTR) only; in may be out. */
  int (*crypt)(void* state, const uint8_t* in, uint8_t* out, size_t len);
};

struct mac_alg {
  const char* name;
  size_t key_size;
  size_t tag_size;
  size_t state_size;
  int etm;                         /* encrypt-then-MAC; length in the clear */
  int (*init)(void* state, const uint8_t* key);
  void (*done)(void* state);
  /* MAC over seq, then a, then b. */
  int (*tag)(void* state, uint32_t seq, const uint8_t* a, size_t a_len,
             const uint8_t* b, size_t b_len, uint8_t* tag);
};

/* ---- keys.c: one direction of a session ---------------------------------- */

/* Zeroed: packets in the clear, as before the first NEWKEYS. The state is one
 * allocation, wiped when freed. */
struct keys {
  const struct cipher_alg* cipher; /* NULL: in the clear */
  const struct mac_alg* mac;       /* NULL: AEAD or in the clear */
  void* cipher_state;
  void* mac_state;
  size_t state_size;
  void* allocation;
  size_t block_size;               /* read these three; 0 means 8 for block */
  size_t clear;                    /* 4: packet_length is outside the blocks */
  size_t tag_size;
};

/* What is missing of key material is UV_EINVAL; keys must be zeroed. */
int uvssh__keys_init(struct keys* keys,
                     const struct cipher_alg* cipher,
                     const struct mac_alg* mac,   /* NULL for AEAD */
                     const uint8_t* key,
                     const uint8_t* iv,
                     const uint8_t* mac_key,
                     int sealing) MUST_CHECK;
void uvssh__keys_free(struct keys* keys);         /* zeroed again */

/* Bytes of a packet that must be there before its length is known. */
size_t uvssh__keys_head(const struct keys* keys);
/* packet_length of the packet that begins here. Call it once a packet: with a
 * CTR cipher without EtM it decrypts the first block in place. The value is
 * the peer's and is to be bounded by the caller before anything else. */
int uvssh__open_length(struct keys* keys,
                       uint32_t seq,
                       uint8_t* packet,
                       uint32_t* packet_length) MUST_CHECK;
/* Verify and decrypt in place 4 + packet_length + tag_size bytes. The caller
 * has checked packet_length: >= 5, and the block multiple. UVSSH_EMAC. No
 * plaintext is written where an AEAD tag or an EtM MAC is wrong. */
int uvssh__open(struct keys* keys,
                uint32_t seq,
                uint8_t* packet,
                uint32_t packet_length) MUST_CHECK;
/* Seal one packet into out, where the plaintext's first `head` bytes and its
 * last `tail` bytes (the padding) already stand in their places; the body_len
 * bytes between them are read from body (may be NULL for 0; never overlaps
 * out). out has room for all and tag_size. The one copy on the way out is the
 * encryption, where the cipher can do it. */
int uvssh__seal(struct keys* keys,
                uint32_t seq,
                uint8_t* out,
                size_t head,
                const uint8_t* body,
                size_t body_len,
                size_t tail) MUST_CHECK;

/* ---- the objects --------------------------------------------------------- */

extern const struct kex_alg uvssh__curve25519;
extern const struct kex_alg uvssh__curve25519_libssh;
extern const struct cipher_alg uvssh__chacha20_poly1305;
extern const struct cipher_alg uvssh__aes256_gcm;
/* mbedTLS's, also where the processor could do better: for tests, no row. */
extern const struct cipher_alg uvssh__aes256_gcm_portable;
extern const struct cipher_alg uvssh__aes256_ctr;
extern const struct mac_alg uvssh__hmac_sha256_etm;
extern const struct mac_alg uvssh__hmac_sha256;

/* ---- algo.c: the only place where names become objects ------------------- */

enum algo { ALGO_KEX, ALGO_CIPHER, ALGO_MAC, ALGO_COMPRESSION };

/* The default list, best first. A comma list. */
const char* uvssh__algo_default(enum algo kind);
/* 0 when every name of the list is known (and there is one); UV_EINVAL. */
int uvssh__algo_check(enum algo kind, const char* list);
const struct kex_alg* uvssh__kex_find(str_t name);        /* or NULL */
const struct cipher_alg* uvssh__cipher_find(str_t name);  /* or NULL */
const struct mac_alg* uvssh__mac_find(str_t name);        /* or NULL */
/* Adds a name to a comma list that ends in NUL; size is what list has. */
void uvssh__algo_append(char* list, size_t size, const char* name);

#endif
