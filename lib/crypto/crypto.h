/* crypto.h: algorithms as const objects, found by name in algo.c alone.
 *
 *   hash.c              sha256, sha384, sha512; the hash of tables
 *   kex_x25519.c        curve25519-sha256 and its @libssh.org name
 *   kex_hybrid.c        mlkem768x25519-sha256, sntrup761x25519-sha512
 *   kex_nist.c          ecdh-sha2-nistp256, -384, -521
 *   kex_dh.c            diffie-hellman-group14-sha256, -group16-sha512 and
 *                       -group-exchange-sha256
 *   dh_group.c          known groups; which of them, and whether it is one
 *   mlkem.c             ML-KEM-768; its parts: mlkem_poly.c, mlkem_bytes.c,
 *                       mlkem_sample.c, keccak.c. Or mlkem_sodium.c alone
 *   sntrup.c            sntrup761; its parts: sntrup_poly.c, sntrup_invert.c,
 *                       sntrup_bytes.c, sntrup_sample.c
 *   cipher_chacha.c     chacha20-poly1305@openssh.com
 *   cipher_gcm.c        aes256-gcm@openssh.com, aes128-gcm@openssh.com
 *   cipher_ctr.c        aes256-ctr, aes192-ctr, aes128-ctr
 *   mac_hmac.c          hmac-sha2-256, hmac-sha2-512, and their -etm forms
 *   compress_zlib.c     zlib@openssh.com, zlib
 *   keys.c              one direction's cipher and MAC as one thing that seals
 *                       and opens whole packets
 *   hmac_sha1.c         for the hashed names of known_hosts, and nothing else
 *   random.c            the only way to randomness; the one-time set-up
 *   mbedtls.c           what calls into mbedTLS's big numbers need
 *   algo.c              the tables: name -> object, best first
 *   prefs.c             what a person writes for a list of names
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

/* ---- mbedtls.c ----------------------------------------------------------- */

/* As mbedTLS wants a source of randomness; arg is not looked at. */
int uvssh__mbedtls_random(void* arg,
                          unsigned char* out,
                          size_t len) MUST_CHECK;
/* What mbedTLS returned: 0, UV_ENOMEM or UVSSH_ECRYPTO. */
int uvssh__mbedtls_status(int rc) MUST_CHECK;
/* ... of what was read of a key: UVSSH_EKEYFORMAT in place of UVSSH_ECRYPTO. */
int uvssh__mbedtls_read_status(int rc) MUST_CHECK;

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

/* All of it at once. */
void uvssh__hash(const struct hash_alg* alg,
                 const void* base,
                 size_t len,
                 uint8_t* out);

extern const struct hash_alg uvssh__sha256;
extern const struct hash_alg uvssh__sha384;
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

enum cost {                        /* what a job of it costs */
  COST_LIGHT,                      /* a quarter ms at most: may be inline */
  COST_HEAVY,                      /* always on the thread pool */
  COSTS
};

/* K comes out encoded as it enters the hash: mpint, or string for hybrids.
 * A public value of the wrong length, a low-order point or an all-zero shared
 * secret is UVSSH_EKEX (RFC 8731 section 3). The buffers come empty; those
 * named secret and k become `secret`, and what stands in any of them after a
 * failure means nothing.
 *
 * group: "mpint p, mpint g" as message 31 of a group exchange has them; empty
 * for every other method. A public value is what stands in the message behind
 * its length: an mpint has the frame of a string. */
struct kex_alg {
  const char* name;
  const struct hash_alg* hash;
  enum cost cost;                  /* of respond() and of finish() */
  enum cost start_cost;
  int post_quantum;                /* what is recorded today stays secret */
  int modular;                     /* integers modulo p: dear for a server */
  int group_exchange;              /* RFC 4419: the server names the group */
  /* The client's ephemeral secret, and what it sends first. */
  int (*start)(str_t group, struct buf* secret, struct buf* client_public);
  /* The server's whole part: what it answers, and K. */
  int (*respond)(str_t group,
                 str_t client_public,
                 struct buf* server_public,
                 struct buf* k);
  /* The client's second half. */
  int (*finish)(str_t group,
                str_t secret,
                str_t server_public,
                struct buf* k);
};

/* ---- kex_x25519.c: for the methods that are hybrids of it ---------------- */

#define X25519_SIZE 32             /* of a secret, a public value, a result */

/* A new secret; its public value is appended. 0, UV_ENOMEM, UVSSH_ECRYPTO. */
int uvssh__x25519_pair(uint8_t secret[X25519_SIZE],
                       struct buf* public_value) MUST_CHECK;
/* 0, or UVSSH_EKEX: the result is all zero, and not to be used. */
int uvssh__x25519(uint8_t out[X25519_SIZE],
                  const uint8_t secret[X25519_SIZE],
                  const uint8_t peer[X25519_SIZE]) MUST_CHECK;

/* ---- dh_group.c: integers modulo a safe prime ---------------------------- */

#define GEX_BITS_MIN 2048          /* RFC 8270 */
#define GEX_BITS_WISH 4096         /* a client's; about 150 bits of strength */
#define GEX_BITS_MAX 8192

struct dh_group {                  /* lent; without leading zeroes */
  str_t p;
  str_t g;
};

/* One of RFC 3526: 2048, 3072 or 4096 bits. */
struct dh_group uvssh__dh_group(uint32_t bits);
/* Of "mpint p, mpint g". 0 or UVSSH_EMESSAGE. */
int uvssh__dh_group_read(str_t text, struct dh_group* group) MUST_CHECK;
/* A server's: appends "mpint p, mpint g". UVSSH_EKEX: there is none. */
int uvssh__gex_choose(uint32_t min,
                      uint32_t wish,
                      uint32_t max,
                      struct buf* group) MUST_CHECK;
/* A client's: 0 or UVSSH_EKEX. Takes its time about one that nobody knows. */
int uvssh__gex_check(str_t text, uint32_t min, uint32_t max) MUST_CHECK;

/* ---- mlkem.c: ML-KEM-768, FIPS 203 --------------------------------------- */

#define MLKEM_SEED 64              /* d, z */
#define MLKEM_EK 1184              /* the public key */
#define MLKEM_DK 2400              /* the private key, with all of the public */
#define MLKEM_CT 1088              /* a ciphertext */
#define MLKEM_SHARED 32            /* what both know in the end */

/* 0; libsodium's may be UVSSH_ECRYPTO. Seeds and m are random, secret, and
 * never used twice. Secrets on the stack are wiped by name; what a compiler
 * spilled is the caller's to wipe. */
int uvssh__mlkem_keygen(uint8_t ek[MLKEM_EK],
                        uint8_t dk[MLKEM_DK],
                        const uint8_t seed[MLKEM_SEED]) MUST_CHECK;
/* 0, or UVSSH_EKEX: no public key, though of the right length. */
int uvssh__mlkem_encaps(uint8_t ct[MLKEM_CT],
                        uint8_t shared[MLKEM_SHARED],
                        const uint8_t ek[MLKEM_EK],
                        const uint8_t m[32]) MUST_CHECK;
/* A wrong ciphertext gives a secret that its sender cannot know. */
int uvssh__mlkem_decaps(uint8_t shared[MLKEM_SHARED],
                        const uint8_t dk[MLKEM_DK],
                        const uint8_t ct[MLKEM_CT]) MUST_CHECK;

/* ---- mlkem_poly.c, mlkem_bytes.c, mlkem_sample.c: its parts -------------- */

#define MLKEM_Q 3329
#define MLKEM_N 256                /* coefficients */
#define MLKEM_ROW (MLKEM_N / 8)
#define MLKEM_K 3                  /* polynomials of a vector */
#define MLKEM_DU 10                /* bits of a coefficient of u, and of v */
#define MLKEM_DV 4
#define MLKEM_POLY (12 * MLKEM_N / 8)

/* "Reduced" is |x| <= q / 2, "canonical" is 0 <= x < q. */
struct mlkem_poly {
  int16_t c[MLKEM_N];
};

/* Where coefficient i stands in the transform's domain: eight rows, of every
 * eighth one, which a compiler's vectors can work on. */
static inline unsigned mlkem_slot(unsigned i) {
  return i % 8 * MLKEM_ROW + i / 8;
}

void uvssh__mlkem_add(struct mlkem_poly* to, const struct mlkem_poly* p);
void uvssh__mlkem_subtract(struct mlkem_poly* from, const struct mlkem_poly* p);
void uvssh__mlkem_canonical(struct mlkem_poly* p);
void uvssh__mlkem_ntt(struct mlkem_poly* p);           /* reduced */
void uvssh__mlkem_inverse_ntt(struct mlkem_poly* p);   /* times 2^16, |x| < q */
/* The sum of the products a[i] b[i] in the transform's domain, over 2^16. One
 * of them |x| <= q, the other reduced; |out| < q. b is the secret one. */
void uvssh__mlkem_dot(struct mlkem_poly* out,
                      const struct mlkem_poly a[MLKEM_K],
                      const struct mlkem_poly b[MLKEM_K]);
void uvssh__mlkem_to_montgomery(struct mlkem_poly* p); /* times 2^16 */

/* Those that write bytes make p canonical. The 12 bits are of the transform's
 * domain, all the others are not. */
void uvssh__mlkem_encode(uint8_t out[MLKEM_POLY], struct mlkem_poly* p);
/* 1, or 0: not canonical. */
int uvssh__mlkem_decode(struct mlkem_poly* p,
                        const uint8_t in[MLKEM_POLY]) MUST_CHECK;
/* bits: MLKEM_DU or MLKEM_DV; 32 bytes a bit. */
void uvssh__mlkem_compress(uint8_t* out, struct mlkem_poly* p, unsigned bits);
void uvssh__mlkem_decompress(struct mlkem_poly* p, const uint8_t* in,
                             unsigned bits);
void uvssh__mlkem_from_message(struct mlkem_poly* p, const uint8_t m[32]);
void uvssh__mlkem_to_message(uint8_t m[32], struct mlkem_poly* p);

/* SampleNTT of rho, first, second: all of them public. */
void uvssh__mlkem_uniform(struct mlkem_poly* p,
                          const uint8_t rho[32],
                          unsigned first,
                          unsigned second);
/* SamplePolyCBD of PRF(seed, number): |x| <= 2. */
void uvssh__mlkem_small(struct mlkem_poly* p,
                        const uint8_t seed[32],
                        unsigned number);

/* A value of which no compiler knows a thing, such as that it is 0 or 1: so it
 * makes no branch of what is done with it. */
static inline uint32_t opaque(uint32_t v) {
#if defined(__GNUC__)
  __asm__("" : "+r"(v));
  return v;
#else
  volatile uint32_t kept = v;
  return kept;
#endif
}

/* ---- sntrup.c: sntrup761, Streamlined NTRU Prime ------------------------- */

#define SNTRUP_EK 1158             /* the public key */
#define SNTRUP_DK 1763             /* the private key, with all of the public */
#define SNTRUP_CT 1039             /* a ciphertext */
#define SNTRUP_SHARED 32

/* Randomness comes from uvssh__random(), in the order of the specification's
 * reference. Wiped as with ML-KEM. A wrong ciphertext gives a secret that its
 * sender cannot know. 0, or UVSSH_ECRYPTO: no randomness. */
int uvssh__sntrup_keygen(uint8_t ek[SNTRUP_EK],
                         uint8_t dk[SNTRUP_DK]) MUST_CHECK;
void uvssh__sntrup_encaps(uint8_t ct[SNTRUP_CT],
                          uint8_t shared[SNTRUP_SHARED],
                          const uint8_t ek[SNTRUP_EK]);
void uvssh__sntrup_decaps(uint8_t shared[SNTRUP_SHARED],
                          const uint8_t dk[SNTRUP_DK],
                          const uint8_t ct[SNTRUP_CT]);

/* ---- sntrup_poly.c, _invert.c, _bytes.c, _sample.c: its parts ------------ */

#define SNTRUP_P 761
#define SNTRUP_Q 4591
#define SNTRUP_W 286               /* coefficients of f and r that are not 0 */
#define SNTRUP_ROOM 768            /* P, and zeroes behind it, for vectors */
#define SNTRUP_SMALL 191           /* bytes of a small polynomial, */
#define SNTRUP_POLY 1158           /* of any one, */
#define SNTRUP_ROUNDED 1007        /* of one of multiples of 3 */

/* Reduced: |x| <= (q - 1) / 2. Small: |x| <= 1. */
struct sntrup_poly {
  int16_t c[SNTRUP_ROOM];
};

/* The nearest multiple of q or 3 is taken away, for any number: a product with
 * the reciprocal finds it (unit tests try each value). */
static inline int16_t sntrup_mod_q(int16_t a) {
  int16_t high = (int16_t) (a * 29235 >> 16);    /* 2^27 / q */
  return (int16_t) (a - ((high + (1 << 10)) >> 11) * SNTRUP_Q);
}

static inline int16_t sntrup_mod_3(int16_t a) {
  return (int16_t) (a - ((a * 43691 + (1 << 16)) >> 17) * 3);
}

/* One factor reduced, the other small; out may be a factor. */
void uvssh__sntrup_multiply(struct sntrup_poly* out,
                            const struct sntrup_poly* a,
                            const struct sntrup_poly* small);
/* Of two small ones, modulo 3. */
void uvssh__sntrup_multiply_3(struct sntrup_poly* out,
                              const struct sntrup_poly* a,
                              const struct sntrup_poly* b);
/* Three times a reduced one, modulo q; that modulo 3. */
void uvssh__sntrup_triple_mod_3(struct sntrup_poly* p);
/* To multiples of 3. */
void uvssh__sntrup_round(struct sntrup_poly* p);

/* 1 / (3 in) modulo q, of a small one that is not 0. */
void uvssh__sntrup_invert_triple(struct sntrup_poly* out,
                                 const struct sntrup_poly* in);
/* 1 / in modulo 3; 0: it has none. */
int uvssh__sntrup_invert_3(struct sntrup_poly* out,
                           const struct sntrup_poly* in) MUST_CHECK;

void uvssh__sntrup_encode_small(uint8_t out[SNTRUP_SMALL],
                                const struct sntrup_poly* p);
void uvssh__sntrup_decode_small(struct sntrup_poly* p,
                                const uint8_t in[SNTRUP_SMALL]);
void uvssh__sntrup_encode(uint8_t out[SNTRUP_POLY],
                          const struct sntrup_poly* p);
void uvssh__sntrup_decode(struct sntrup_poly* p,
                          const uint8_t in[SNTRUP_POLY]);
void uvssh__sntrup_encode_rounded(uint8_t out[SNTRUP_ROUNDED],
                                  const struct sntrup_poly* p);
void uvssh__sntrup_decode_rounded(struct sntrup_poly* p,
                                  const uint8_t in[SNTRUP_ROUNDED]);

void uvssh__sntrup_sort(uint32_t v[SNTRUP_P]);
/* Any small one; one with exactly W coefficients that are not 0. */
void uvssh__sntrup_small(struct sntrup_poly* p);
void uvssh__sntrup_short(struct sntrup_poly* p);

/* ---- keccak.c: SHA-3 and SHAKE, FIPS 202 --------------------------------- */

#define SHAKE128_RATE 168          /* bytes of a block */
#define SHAKE256_RATE 136
#define KECCAK_SHA3 0x06           /* suffixes, with the padding's first bit */
#define KECCAK_SHAKE 0x1f

struct keccak {
  uint64_t lane[25];
  unsigned rate;
  unsigned at;                     /* bytes of the block that are used */
};

void uvssh__keccak_init(struct keccak* k, unsigned rate);
void uvssh__keccak_absorb(struct keccak* k, const void* base, size_t len);
/* Between the last absorb and the first squeeze. */
void uvssh__keccak_pad(struct keccak* k, uint8_t suffix);
void uvssh__keccak_squeeze(struct keccak* k, void* base, size_t len);

void uvssh__sha3(void* out, size_t size, const void* base, size_t len);
/* Of a, then b. */
void uvssh__shake256(void* out, size_t size, str_t a, str_t b);

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

/* ---- compression --------------------------------------------------------- */

/* One stream a direction. Buffers are `secret`; both functions append. "none"
 * has no functions. */
struct compression_alg {
  const char* name;
  int delayed;                     /* from USERAUTH_SUCCESS on, not NEWKEYS */
  int (*open)(void** state, int deflating);      /* UV_ENOMEM, UVSSH_ECRYPTO */
  void (*close)(void* state, int deflating);
  /* A payload, flushed, so that the peer gets all of it. */
  int (*deflate)(void* state, const uint8_t* head, size_t head_len,
                 const uint8_t* body, size_t body_len, struct buf* out);
  /* Back again, at most `most` bytes: UVSSH_ECOMPRESSION. */
  int (*inflate)(void* state, str_t in, size_t most, struct buf* out);
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

extern const struct kex_alg uvssh__mlkem768x25519;
extern const struct kex_alg uvssh__sntrup761x25519;
extern const struct kex_alg uvssh__sntrup761x25519_openssh;
extern const struct kex_alg uvssh__curve25519;
extern const struct kex_alg uvssh__curve25519_libssh;
extern const struct kex_alg uvssh__ecdh_nistp256;
extern const struct kex_alg uvssh__ecdh_nistp384;
extern const struct kex_alg uvssh__ecdh_nistp521;
extern const struct kex_alg uvssh__dh_gex;
extern const struct kex_alg uvssh__dh_modp4096;
extern const struct kex_alg uvssh__dh_modp2048;
extern const struct cipher_alg uvssh__chacha20_poly1305;
extern const struct cipher_alg uvssh__aes256_gcm;
extern const struct cipher_alg uvssh__aes128_gcm;
/* mbedTLS's, also where the processor could do better: for tests, no row. */
extern const struct cipher_alg uvssh__aes256_gcm_portable;
extern const struct cipher_alg uvssh__aes256_ctr;
extern const struct cipher_alg uvssh__aes192_ctr;
extern const struct cipher_alg uvssh__aes128_ctr;
extern const struct mac_alg uvssh__hmac_sha256_etm;
extern const struct mac_alg uvssh__hmac_sha512_etm;
extern const struct mac_alg uvssh__hmac_sha256;
extern const struct mac_alg uvssh__hmac_sha512;
extern const struct compression_alg uvssh__zlib_openssh;
extern const struct compression_alg uvssh__zlib;

/* ---- algo.c: the only place where names become objects ------------------- */

enum algo { ALGO_KEX, ALGO_CIPHER, ALGO_MAC, ALGO_COMPRESSION };

/* All names, best first. A comma list. */
const char* uvssh__algo_known(enum algo kind);
/* Those of them that a side offers where its config says nothing. */
const char* uvssh__algo_default(enum algo kind, int is_server);
const struct kex_alg* uvssh__kex_find(str_t name);        /* or NULL */
const struct cipher_alg* uvssh__cipher_find(str_t name);  /* or NULL */
const struct mac_alg* uvssh__mac_find(str_t name);        /* or NULL */
const struct compression_alg* uvssh__compression_find(str_t name); /* or NULL */
/* Adds a name to a comma list that ends in NUL; size is what list has. */
void uvssh__algo_append(char* list, size_t size, const char* name);

/* ---- prefs.c: "a,b", "+a", "-a", "^a" ------------------------------------ */

#define PREFS_MAX 1024             /* all names of any kind */

/* The list that a person's text means; `known` has all of `defaults`. 0, or
 * UV_EINVAL and *bad: the name that is not known, which may be empty; base
 * NULL: nothing would be left. */
int uvssh__prefs_apply(const char* text,
                       const char* defaults,
                       const char* known,
                       char list[PREFS_MAX],
                       str_t* bad) MUST_CHECK;

#endif
