/* key.h: keys as rows of functions.
 *
 *   key.c        the counted, immutable object; the table of types and of
 *                signature algorithms; blobs, fingerprints, public lines
 *   ed25519.c    ssh-ed25519, RFC 8032, RFC 8709
 *   ecdsa.c      ecdsa-sha2-nistp256, -384, -521, RFC 5656
 *   rsa.c        ssh-rsa keys, whose signatures are rsa-sha2-*, RFC 8332
 *   openssh.c    "-----BEGIN OPENSSH PRIVATE KEY-----" (PROTOCOL.key), both
 *                ways, and one-line public keys
 *   base64.c     RFC 4648 over libsodium
 *
 * Pure: text in, key out. Files are read in loop/key_file.c.
 */
#ifndef UVSSH_KEY_INTERNAL_H
#define UVSSH_KEY_INTERNAL_H

#include "crypto/crypto.h"
#include "uvssh/key.h"

/* One block: this, the state, the blob. Wiped when the last reference goes. */
struct uvssh_key_s {
  const struct key_type* type;
  void* state;                     /* type->state_size bytes */
  const uint8_t* blob;
  size_t blob_len;
  size_t size;                     /* of the block */
  unsigned refs;                   /* atomic */
  uvssh_sign_cb sign;              /* the secret is elsewhere; or NULL */
  void* sign_arg;
  void (*release)(void* arg);      /* or NULL */
};

/* Its public half as on the wire; as the key, lent. */
static inline str_t key_blob(const uvssh_key_t* key) {
  str_t blob = { key->blob, key->blob_len };
  return blob;
}

static inline void wr_key(struct buf* b, const uvssh_key_t* key) {
  wr_str(b, key->blob, key->blob_len);
}

/* 1 when its signatures come from uvssh_key_external()'s function. */
static inline int key_is_external(const uvssh_key_t* key) {
  return key->sign != NULL;
}

struct sign_alg;

/* One row: one type of key. The state is plain memory, zeroed at first, and
 * may move until the key is complete. */
struct key_type {
  const char* name;                /* as in its blob: "ssh-ed25519" */
  uvssh_key_type type;
  unsigned bits;                   /* of all such keys; 0: of each its own */
  const void* variant;             /* what only its own functions know */
  size_t state_size;               /* what follows the key object */
  int (*generate)(const struct key_type* type, void* state, unsigned bits);
  /* The blob's fields behind the name; all of them, or UVSSH_EKEYFORMAT. */
  int (*read_public)(const struct key_type* type, void* state, rd_t* blob);
  void (*write_public)(const void* state, struct buf* blob);
  /* The private section of an OpenSSH key file behind the name. */
  int (*read_private)(const struct key_type* type, void* state, rd_t* section);
  void (*write_private)(const void* state, struct buf* section);
  int (*has_secret)(const void* state);
  /* Only the signature itself, without its name. */
  int (*sign)(const void* state, const struct sign_alg* alg,
              const uint8_t* data, size_t len, struct buf* signature);
  /* 0 only when it is right. */
  int (*verify)(const void* state, const struct sign_alg* alg,
                const uint8_t* data, size_t len, str_t signature);
  /* 0 when a signature that was just made may leave. */
  int (*check)(const void* state, const struct sign_alg* alg,
               const uint8_t* data, size_t len, str_t signature);
  void (*wipe)(void* state);       /* and gives back what it holds */
};

struct sign_alg {                  /* one row: one signature algorithm */
  const char* name;                /* "rsa-sha2-256" is not its key's name */
  const struct key_type* type;
  enum cost cost;
  const struct hash_alg* hash;     /* NULL: the type's own affair */
};

#define KEY_ED25519 "ssh-ed25519"
#define KEY_ECDSA "ecdsa-sha2-"    /* and the curve */
#define KEY_RSA "ssh-rsa"
extern const struct key_type uvssh__ed25519;
extern const struct key_type uvssh__ecdsa_nistp256;
extern const struct key_type uvssh__ecdsa_nistp384;
extern const struct key_type uvssh__ecdsa_nistp521;
extern const struct key_type uvssh__rsa;

const struct key_type* uvssh__key_type_find(str_t name);  /* or NULL */
/* A key whose state is still zero; nobody else may see it yet. */
int uvssh__key_create(uvssh_key_t** key,
                      const struct key_type* type,
                      str_t blob) MUST_CHECK;

/* Best first, for server-sig-algs and server_host_key_algorithms. */
const char* uvssh__sign_default(void);
const struct sign_alg* uvssh__sign_find(str_t name); /* or NULL */
/* The algorithms of a key, best first: the one behind prev, or the first of
 * all (NULL); NULL at the end. */
const struct sign_alg* uvssh__sign_next(const uvssh_key_t* key,
                                        const struct sign_alg* prev);

/* A public key from its blob, RFC 4253 section 6.6: UVSSH_EKEYFORMAT, also for
 * trailing bytes and a length that is not exact; UV_ENOMEM. */
int uvssh__key_from_blob(uvssh_key_t** key, str_t blob) MUST_CHECK;
/* 1 when this key can be used with this algorithm. */
int uvssh__key_fits(const uvssh_key_t* key, const struct sign_alg* alg);
/* signature := string algorithm, string signature (RFC 4253 section 6.6). One
 * that came out wrong is UVSSH_ECRYPTO, and nothing is written. */
int uvssh__key_sign(const uvssh_key_t* key,
                    const struct sign_alg* alg,
                    const void* data,
                    size_t len,
                    struct buf* signature) MUST_CHECK;
/* 0 only when `signature`, encoded as above, is alg's, exact, and right;
 * UVSSH_EKEYFORMAT malformed or of another name; UVSSH_ECRYPTO wrong. */
int uvssh__key_verify(const uvssh_key_t* key,
                      const struct sign_alg* alg,
                      const void* data,
                      size_t len,
                      str_t signature) MUST_CHECK;

/* base64.c: RFC 4648, canonical. What is in skip (may be NULL) is passed over
 * when reading; anything odd is UVSSH_EKEYFORMAT. Both append to out. */
int uvssh__base64_read(struct buf* out,
                       str_t text,
                       const char* skip) MUST_CHECK;
void uvssh__base64_write(struct buf* out, str_t bytes, int padding);

/* OpenSSH's private key file as text with line ends; `text` is secret. */
int uvssh__key_write(const uvssh_key_t* key,
                     const char* comment,
                     struct buf* text) MUST_CHECK;

#endif
