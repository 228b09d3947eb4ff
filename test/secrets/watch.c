/* watch.c: see watch.h. The names are the linker's: "__wrap_" is called where
 * the library calls the function, "__real_" is that function.
 *
 * What is public here, and why:
 *   - public keys, signatures, sealed packets: they are sent
 *   - the exchange hash H: the session identifier is one, and users see it
 *   - of ML-KEM: the seed rho, and so the matrix; whether a public key is one
 *   - of sntrup761: whether a g that was drawn has an inverse: else it is not
 *     used
 *   - verdicts: of MACs, comparisons, an all-zero X25519 result: what follows
 *     from them shows them
 *   - packet_length, once decrypted, and an opened packet (what of it is
 *     secret, such as a password, is told where it is taken out)
 *   - of K as an mpint: how many leading zero bytes it has, its first byte that
 *     is not zero (of which only the top bit is looked at). The length of the
 *     mpint shows that much; RFC 8731 wants this encoding
 *   - the length of a text that ends in NUL
 *   - which characters of a key file are no base64: libsodium's decoder ends
 *     there
 */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS   /* numbers are looked at inside */

#include "watch.h"

#include <mbedtls/ecdsa.h>
#include <mbedtls/gcm.h>
#include <mbedtls/rsa.h>
#include <mbedtls/version.h>
#include <sodium.h>
#include <string.h>

#include "auth/auth.h"

/* ---- X25519 -------------------------------------------------------------- */

int __real_crypto_scalarmult_base(unsigned char* q, const unsigned char* n);
int __wrap_crypto_scalarmult_base(unsigned char* q, const unsigned char* n);
int __real_crypto_scalarmult(unsigned char* q,
                             const unsigned char* n,
                             const unsigned char* p);
int __wrap_crypto_scalarmult(unsigned char* q,
                             const unsigned char* n,
                             const unsigned char* p);

int __wrap_crypto_scalarmult_base(unsigned char* q, const unsigned char* n) {
  int rc;

  watch_secret(WATCH_EPHEMERAL, n, crypto_scalarmult_SCALARBYTES);
  rc = __real_crypto_scalarmult_base(q, n);
  watch_public(&rc, sizeof(rc));
  watch_public(q, crypto_scalarmult_BYTES);
  return rc;
}

int __wrap_crypto_scalarmult(unsigned char* q,
                             const unsigned char* n,
                             const unsigned char* p) {
  int rc = __real_crypto_scalarmult(q, n, p);

  watch_public(&rc, sizeof(rc));
  if (rc == 0)
    watch_secret(WATCH_SHARED, q, crypto_scalarmult_BYTES);
  return rc;
}

void __real_uvssh__wr_mpint(struct buf* b, const uint8_t* base, size_t len);
void __wrap_uvssh__wr_mpint(struct buf* b, const uint8_t* base, size_t len);

void __wrap_uvssh__wr_mpint(struct buf* b, const uint8_t* base, size_t len) {
  size_t i;

  for (i = 0; i < len; i++) {
    watch_public(base + i, 1);
    if (base[i] != 0)
      break;
  }
  __real_uvssh__wr_mpint(b, base, len);
}

void __real_uvssh__exchange_hash(struct exchange* x);
void __wrap_uvssh__exchange_hash(struct exchange* x);

void __wrap_uvssh__exchange_hash(struct exchange* x) {
  if (x->kex->post_quantum)
    watch_secret(WATCH_HYBRID, x->k.base + 4, x->k.len - 4);
  __real_uvssh__exchange_hash(x);
  watch_public(x->h, sizeof(x->h));
}

/* ---- ML-KEM -------------------------------------------------------------- */

enum { PART = 64 };                /* of a vector: enough to know it again */

int __real_uvssh__mlkem_keygen(uint8_t* ek, uint8_t* dk, const uint8_t* seed);
int __wrap_uvssh__mlkem_keygen(uint8_t* ek, uint8_t* dk, const uint8_t* seed);
int __real_uvssh__mlkem_encaps(uint8_t* ct, uint8_t* shared, const uint8_t* ek,
                               const uint8_t* m);
int __wrap_uvssh__mlkem_encaps(uint8_t* ct, uint8_t* shared, const uint8_t* ek,
                               const uint8_t* m);
int __real_uvssh__mlkem_decaps(uint8_t* shared, const uint8_t* dk,
                               const uint8_t* ct);
int __wrap_uvssh__mlkem_decaps(uint8_t* shared, const uint8_t* dk,
                               const uint8_t* ct);

/* libsodium's is not looked into: what it makes of a secret is. */
static void tell_kem_secret(const uint8_t* base, size_t len) {
  watch_secret(WATCH_KEM_EPHEMERAL, base, len);
#if !defined(MLKEM_BUILTIN)
  watch_public(base, len);
#endif
}

int __wrap_uvssh__mlkem_keygen(uint8_t* ek, uint8_t* dk, const uint8_t* seed) {
  int rc;

  tell_kem_secret(seed, MLKEM_SEED);
  rc = __real_uvssh__mlkem_keygen(ek, dk, seed);
  watch_public(&rc, sizeof(rc));
  watch_public(ek, MLKEM_EK);
  watch_secret(WATCH_KEM_VECTOR, dk, MLKEM_K * MLKEM_POLY);
  watch_public(dk + MLKEM_K * MLKEM_POLY, MLKEM_EK + 32);
  return rc;
}

int __wrap_uvssh__mlkem_encaps(uint8_t* ct, uint8_t* shared, const uint8_t* ek,
                               const uint8_t* m) {
  int rc;

  tell_kem_secret(m, 32);
  rc = __real_uvssh__mlkem_encaps(ct, shared, ek, m);
  watch_public(&rc, sizeof(rc));
  watch_public(ct, MLKEM_CT);
  if (rc == 0)
    watch_secret(WATCH_KEM_SHARED, shared, MLKEM_SHARED);
  return rc;
}

int __wrap_uvssh__mlkem_decaps(uint8_t* shared, const uint8_t* dk,
                               const uint8_t* ct) {
  int rc;

#if !defined(MLKEM_BUILTIN)
  watch_public(dk, MLKEM_DK);
#endif
  rc = __real_uvssh__mlkem_decaps(shared, dk, ct);
  watch_public(&rc, sizeof(rc));
  watch_secret(WATCH_KEM_SHARED, shared, MLKEM_SHARED);
  return rc;
}

#if defined(MLKEM_BUILTIN)
void __real_uvssh__mlkem_uniform(struct mlkem_poly* p, const uint8_t* rho,
                                 unsigned first, unsigned second);
void __wrap_uvssh__mlkem_uniform(struct mlkem_poly* p, const uint8_t* rho,
                                 unsigned first, unsigned second);
void __real_uvssh__mlkem_dot(struct mlkem_poly* out, const struct mlkem_poly* a,
                             const struct mlkem_poly* b);
void __wrap_uvssh__mlkem_dot(struct mlkem_poly* out, const struct mlkem_poly* a,
                             const struct mlkem_poly* b);

void __wrap_uvssh__mlkem_uniform(struct mlkem_poly* p, const uint8_t* rho,
                                 unsigned first, unsigned second) {
  watch_public(rho, 32);
  __real_uvssh__mlkem_uniform(p, rho, first, second);
}

void __wrap_uvssh__mlkem_dot(struct mlkem_poly* out, const struct mlkem_poly* a,
                             const struct mlkem_poly* b) {
  unsigned k;

  for (k = 0; k < MLKEM_K; k++)
    watch_secret(WATCH_KEM_VECTOR, b[k].c, PART);
  __real_uvssh__mlkem_dot(out, a, b);
}
#endif

/* ---- sntrup761 ----------------------------------------------------------- */

void __real_uvssh__random(void* out, size_t len);
void __wrap_uvssh__random(void* out, size_t len);
int __real_uvssh__sntrup_keygen(uint8_t* ek, uint8_t* dk);
int __wrap_uvssh__sntrup_keygen(uint8_t* ek, uint8_t* dk);
void __real_uvssh__sntrup_encaps(uint8_t* ct, uint8_t* shared,
                                 const uint8_t* ek);
void __wrap_uvssh__sntrup_encaps(uint8_t* ct, uint8_t* shared,
                                 const uint8_t* ek);
void __real_uvssh__sntrup_decaps(uint8_t* shared, const uint8_t* dk,
                                 const uint8_t* ct);
void __wrap_uvssh__sntrup_decaps(uint8_t* shared, const uint8_t* dk,
                                 const uint8_t* ct);
int __real_uvssh__sntrup_invert_3(struct sntrup_poly* out,
                                  const struct sntrup_poly* in);
int __wrap_uvssh__sntrup_invert_3(struct sntrup_poly* out,
                                  const struct sntrup_poly* in);
void __real_uvssh__sntrup_invert_triple(struct sntrup_poly* out,
                                        const struct sntrup_poly* in);
void __wrap_uvssh__sntrup_invert_triple(struct sntrup_poly* out,
                                        const struct sntrup_poly* in);
void __real_uvssh__sntrup_round(struct sntrup_poly* p);
void __wrap_uvssh__sntrup_round(struct sntrup_poly* p);
void __real_uvssh__sntrup_triple_mod_3(struct sntrup_poly* p);
void __wrap_uvssh__sntrup_triple_mod_3(struct sntrup_poly* p);
void __real_uvssh__sntrup_encode_small(uint8_t* out,
                                       const struct sntrup_poly* p);
void __wrap_uvssh__sntrup_encode_small(uint8_t* out,
                                       const struct sntrup_poly* p);

/* Nothing else draws as much: the numbers of a polynomial, and rho. */
void __wrap_uvssh__random(void* out, size_t len) {
  __real_uvssh__random(out, len);
  if (len == 4 * SNTRUP_P || len == SNTRUP_SMALL)
    watch_secret(WATCH_KEM_EPHEMERAL, out, len);
}

int __wrap_uvssh__sntrup_keygen(uint8_t* ek, uint8_t* dk) {
  int rc = __real_uvssh__sntrup_keygen(ek, dk);

  watch_public(ek, SNTRUP_EK);
  watch_public(dk + 2 * SNTRUP_SMALL, SNTRUP_EK);
  watch_public(dk + SNTRUP_DK - 32, 32);
  return rc;
}

void __wrap_uvssh__sntrup_encaps(uint8_t* ct, uint8_t* shared,
                                 const uint8_t* ek) {
  __real_uvssh__sntrup_encaps(ct, shared, ek);
  watch_public(ct, SNTRUP_CT);
  watch_secret(WATCH_KEM_SHARED, shared, SNTRUP_SHARED);
}

void __wrap_uvssh__sntrup_decaps(uint8_t* shared, const uint8_t* dk,
                                 const uint8_t* ct) {
  __real_uvssh__sntrup_decaps(shared, dk, ct);
  watch_secret(WATCH_KEM_SHARED, shared, SNTRUP_SHARED);
}

int __wrap_uvssh__sntrup_invert_3(struct sntrup_poly* out,
                                  const struct sntrup_poly* in) {
  int found = __real_uvssh__sntrup_invert_3(out, in);

  watch_public(&found, sizeof(found));
  return found;
}

/* 1 / 3 f; h r before it is rounded; c f. */
void __wrap_uvssh__sntrup_invert_triple(struct sntrup_poly* out,
                                        const struct sntrup_poly* in) {
  __real_uvssh__sntrup_invert_triple(out, in);
  watch_secret(WATCH_KEM_VECTOR, out->c, PART);
}

void __wrap_uvssh__sntrup_round(struct sntrup_poly* p) {
  watch_secret(WATCH_KEM_VECTOR, p->c, PART);
  __real_uvssh__sntrup_round(p);
}

void __wrap_uvssh__sntrup_triple_mod_3(struct sntrup_poly* p) {
  watch_secret(WATCH_KEM_VECTOR, p->c, PART);
  __real_uvssh__sntrup_triple_mod_3(p);
}

/* In the memory of a small polynomial eight zeroes in a row would be found
 * anywhere; encoded, 16 bytes are 64 coefficients. */
void __wrap_uvssh__sntrup_encode_small(uint8_t* out,
                                       const struct sntrup_poly* p) {
  __real_uvssh__sntrup_encode_small(out, p);
  watch_secret(WATCH_KEM_VECTOR, out, SNTRUP_SMALL);
}

/* ---- keys of a session --------------------------------------------------- */

int __real_uvssh__keys_init(struct keys* keys,
                            const struct cipher_alg* cipher,
                            const struct mac_alg* mac,
                            const uint8_t* key,
                            const uint8_t* iv,
                            const uint8_t* mac_key,
                            int sealing);
int __wrap_uvssh__keys_init(struct keys* keys,
                            const struct cipher_alg* cipher,
                            const struct mac_alg* mac,
                            const uint8_t* key,
                            const uint8_t* iv,
                            const uint8_t* mac_key,
                            int sealing);
int __real_uvssh__seal(struct keys* keys,
                       uint32_t seq,
                       uint8_t* out,
                       size_t head,
                       const uint8_t* body,
                       size_t body_len,
                       size_t tail);
int __wrap_uvssh__seal(struct keys* keys,
                       uint32_t seq,
                       uint8_t* out,
                       size_t head,
                       const uint8_t* body,
                       size_t body_len,
                       size_t tail);
int __real_uvssh__open_length(struct keys* keys,
                              uint32_t seq,
                              uint8_t* packet,
                              uint32_t* packet_length);
int __wrap_uvssh__open_length(struct keys* keys,
                              uint32_t seq,
                              uint8_t* packet,
                              uint32_t* packet_length);
int __real_uvssh__open(struct keys* keys,
                       uint32_t seq,
                       uint8_t* packet,
                       uint32_t packet_length);
int __wrap_uvssh__open(struct keys* keys,
                       uint32_t seq,
                       uint8_t* packet,
                       uint32_t packet_length);

int __wrap_uvssh__keys_init(struct keys* keys,
                            const struct cipher_alg* cipher,
                            const struct mac_alg* mac,
                            const uint8_t* key,
                            const uint8_t* iv,
                            const uint8_t* mac_key,
                            int sealing) {
  watch_secret(WATCH_CIPHER_KEY, key, cipher->key_size);
  if (cipher->iv_size != 0)
    watch_secret(WATCH_IV, iv, cipher->iv_size);
  if (mac != NULL)
    watch_secret(WATCH_MAC_KEY, mac_key, mac->key_size);
  return __real_uvssh__keys_init(keys, cipher, mac, key, iv, mac_key, sealing);
}

int __wrap_uvssh__seal(struct keys* keys,
                       uint32_t seq,
                       uint8_t* out,
                       size_t head,
                       const uint8_t* body,
                       size_t body_len,
                       size_t tail) {
  int rc = __real_uvssh__seal(keys, seq, out, head, body, body_len, tail);

  watch_public(&rc, sizeof(rc));
  watch_public(out, head + body_len + tail + keys->tag_size);
  return rc;
}

int __wrap_uvssh__open_length(struct keys* keys,
                              uint32_t seq,
                              uint8_t* packet,
                              uint32_t* packet_length) {
  int rc = __real_uvssh__open_length(keys, seq, packet, packet_length);

  watch_public(&rc, sizeof(rc));
  watch_public(packet_length, sizeof(*packet_length));
  return rc;
}

int __wrap_uvssh__open(struct keys* keys,
                       uint32_t seq,
                       uint8_t* packet,
                       uint32_t packet_length) {
  int rc = __real_uvssh__open(keys, seq, packet, packet_length);

  watch_public(&rc, sizeof(rc));
  if (rc == 0)
    watch_public(packet, 4 + (size_t) packet_length);
  return rc;
}

/* ---- GCM: verdicts ------------------------------------------------------- */

typedef unsigned long long u64;    /* as libsodium has it */

int __real_crypto_aead_aes256gcm_decrypt_detached_afternm(
    unsigned char* m, unsigned char* nsec, const unsigned char* c, u64 len,
    const unsigned char* tag, const unsigned char* ad, u64 ad_len,
    const unsigned char* npub, const crypto_aead_aes256gcm_state* state);
int __wrap_crypto_aead_aes256gcm_decrypt_detached_afternm(
    unsigned char* m, unsigned char* nsec, const unsigned char* c, u64 len,
    const unsigned char* tag, const unsigned char* ad, u64 ad_len,
    const unsigned char* npub, const crypto_aead_aes256gcm_state* state);
int __real_mbedtls_gcm_auth_decrypt(mbedtls_gcm_context* context, size_t len,
                                    const unsigned char* iv, size_t iv_len,
                                    const unsigned char* ad, size_t ad_len,
                                    const unsigned char* tag, size_t tag_len,
                                    const unsigned char* in,
                                    unsigned char* out);
int __wrap_mbedtls_gcm_auth_decrypt(mbedtls_gcm_context* context, size_t len,
                                    const unsigned char* iv, size_t iv_len,
                                    const unsigned char* ad, size_t ad_len,
                                    const unsigned char* tag, size_t tag_len,
                                    const unsigned char* in,
                                    unsigned char* out);

int __wrap_crypto_aead_aes256gcm_decrypt_detached_afternm(
    unsigned char* m, unsigned char* nsec, const unsigned char* c, u64 len,
    const unsigned char* tag, const unsigned char* ad, u64 ad_len,
    const unsigned char* npub, const crypto_aead_aes256gcm_state* state) {
  int rc = __real_crypto_aead_aes256gcm_decrypt_detached_afternm(
      m, nsec, c, len, tag, ad, ad_len, npub, state);

  watch_public(&rc, sizeof(rc));
  return rc;
}

int __wrap_mbedtls_gcm_auth_decrypt(mbedtls_gcm_context* context, size_t len,
                                    const unsigned char* iv, size_t iv_len,
                                    const unsigned char* ad, size_t ad_len,
                                    const unsigned char* tag, size_t tag_len,
                                    const unsigned char* in,
                                    unsigned char* out) {
  int rc = __real_mbedtls_gcm_auth_decrypt(context, len, iv, iv_len, ad, ad_len,
                                           tag, tag_len, in, out);

  watch_public(&rc, sizeof(rc));
  return rc;
}

/* ---- Poly1305: a key for each packet ------------------------------------- */

int __real_crypto_onetimeauth_poly1305(unsigned char* out,
                                       const unsigned char* in,
                                       unsigned long long len,
                                       const unsigned char* key);
int __wrap_crypto_onetimeauth_poly1305(unsigned char* out,
                                       const unsigned char* in,
                                       unsigned long long len,
                                       const unsigned char* key);
int __real_crypto_onetimeauth_poly1305_verify(const unsigned char* tag,
                                              const unsigned char* in,
                                              unsigned long long len,
                                              const unsigned char* key);
int __wrap_crypto_onetimeauth_poly1305_verify(const unsigned char* tag,
                                              const unsigned char* in,
                                              unsigned long long len,
                                              const unsigned char* key);

int __wrap_crypto_onetimeauth_poly1305(unsigned char* out,
                                       const unsigned char* in,
                                       unsigned long long len,
                                       const unsigned char* key) {
  watch_secret(WATCH_PACKET_KEY, key, crypto_onetimeauth_poly1305_KEYBYTES);
  return __real_crypto_onetimeauth_poly1305(out, in, len, key);
}

int __wrap_crypto_onetimeauth_poly1305_verify(const unsigned char* tag,
                                              const unsigned char* in,
                                              unsigned long long len,
                                              const unsigned char* key) {
  int rc;

  watch_secret(WATCH_PACKET_KEY, key, crypto_onetimeauth_poly1305_KEYBYTES);
  rc = __real_crypto_onetimeauth_poly1305_verify(tag, in, len, key);
  watch_public(&rc, sizeof(rc));
  return rc;
}

/* ---- Ed25519 ------------------------------------------------------------- */

int __real_crypto_sign_seed_keypair(unsigned char* pk,
                                    unsigned char* sk,
                                    const unsigned char* seed);
int __wrap_crypto_sign_seed_keypair(unsigned char* pk,
                                    unsigned char* sk,
                                    const unsigned char* seed);
int __real_crypto_sign_detached(unsigned char* signature,
                                unsigned long long* signature_len,
                                const unsigned char* data,
                                unsigned long long len,
                                const unsigned char* sk);
int __wrap_crypto_sign_detached(unsigned char* signature,
                                unsigned long long* signature_len,
                                const unsigned char* data,
                                unsigned long long len,
                                const unsigned char* sk);

/* SHA-512 of the seed: the scalar, as it is and as it is used, and what makes
 * the nonces. */
static void tell_scalar(const unsigned char* seed) {
  unsigned char az[crypto_hash_sha512_BYTES];

  crypto_hash_sha512(az, seed, crypto_sign_SEEDBYTES);
  watch_secret(WATCH_SCALAR, az, sizeof(az));
  az[0] &= 248;
  az[31] = (unsigned char) ((az[31] & 63) | 64);
  watch_secret(WATCH_SCALAR, az, 32);
  sodium_memzero(az, sizeof(az));
}

int __wrap_crypto_sign_seed_keypair(unsigned char* pk,
                                    unsigned char* sk,
                                    const unsigned char* seed) {
  int rc;

  watch_secret(WATCH_SEED, seed, crypto_sign_SEEDBYTES);
  tell_scalar(seed);
  rc = __real_crypto_sign_seed_keypair(pk, sk, seed);
  watch_public(pk, crypto_sign_PUBLICKEYBYTES);
  watch_public(sk + crypto_sign_SEEDBYTES, crypto_sign_PUBLICKEYBYTES);
  return rc;
}

int __wrap_crypto_sign_detached(unsigned char* signature,
                                unsigned long long* signature_len,
                                const unsigned char* data,
                                unsigned long long len,
                                const unsigned char* sk) {
  int rc = __real_crypto_sign_detached(signature, signature_len, data, len, sk);

  watch_public(&rc, sizeof(rc));
  watch_public(signature, crypto_sign_BYTES);
  return rc;
}

/* ---- ECDSA and RSA: mbedTLS's big numbers -------------------------------- */

static void tell_number(const mbedtls_mpi* x) {
  unsigned char bytes[512];
  size_t len = mbedtls_mpi_size(x);

  if (len != 0 && len <= sizeof(bytes) &&
      mbedtls_mpi_write_binary(x, bytes, len) == 0) {
    watch_secret(WATCH_NUMBER, bytes, len);
    sodium_memzero(bytes, sizeof(bytes));
  }
  if (len != 0)
    watch_secret(WATCH_NUMBER, x->p, len / sizeof(*x->p) * sizeof(*x->p));
}

static void public_number(const mbedtls_mpi* x) {
  watch_public(x->p, x->n * sizeof(*x->p));
}

int __real_mbedtls_ecdsa_sign_det_ext(
    mbedtls_ecp_group* group, mbedtls_mpi* r, mbedtls_mpi* s,
    const mbedtls_mpi* d, const unsigned char* hash, size_t len,
    mbedtls_md_type_t md, int (*rng)(void*, unsigned char*, size_t), void* arg);
int __wrap_mbedtls_ecdsa_sign_det_ext(
    mbedtls_ecp_group* group, mbedtls_mpi* r, mbedtls_mpi* s,
    const mbedtls_mpi* d, const unsigned char* hash, size_t len,
    mbedtls_md_type_t md, int (*rng)(void*, unsigned char*, size_t), void* arg);

int __wrap_mbedtls_ecdsa_sign_det_ext(
    mbedtls_ecp_group* group, mbedtls_mpi* r, mbedtls_mpi* s,
    const mbedtls_mpi* d, const unsigned char* hash, size_t len,
    mbedtls_md_type_t md, int (*rng)(void*, unsigned char*, size_t),
    void* arg) {
  int rc;

  tell_number(d);
  rc = __real_mbedtls_ecdsa_sign_det_ext(group, r, s, d, hash, len, md, rng,
                                         arg);
  watch_public(&rc, sizeof(rc));
  public_number(r);
  public_number(s);
  return rc;
}

/* ---- NIST's curves and modular groups, in exchanges ---------------------- */

/* Its length, which is public, is not known of what is secret already. */
static void tell_again(const mbedtls_mpi* x) {
  public_number(x);
  tell_number(x);
}

int __real_mbedtls_ecdh_compute_shared(
    mbedtls_ecp_group* group, mbedtls_mpi* z, const mbedtls_ecp_point* q,
    const mbedtls_mpi* d, int (*rng)(void*, unsigned char*, size_t), void* arg);
int __wrap_mbedtls_ecdh_compute_shared(
    mbedtls_ecp_group* group, mbedtls_mpi* z, const mbedtls_ecp_point* q,
    const mbedtls_mpi* d, int (*rng)(void*, unsigned char*, size_t), void* arg);
int __real_mbedtls_mpi_exp_mod(mbedtls_mpi* x, const mbedtls_mpi* a,
                               const mbedtls_mpi* e, const mbedtls_mpi* n,
                               mbedtls_mpi* rr);
int __wrap_mbedtls_mpi_exp_mod(mbedtls_mpi* x, const mbedtls_mpi* a,
                               const mbedtls_mpi* e, const mbedtls_mpi* n,
                               mbedtls_mpi* rr);

int __wrap_mbedtls_ecdh_compute_shared(
    mbedtls_ecp_group* group, mbedtls_mpi* z, const mbedtls_ecp_point* q,
    const mbedtls_mpi* d, int (*rng)(void*, unsigned char*, size_t),
    void* arg) {
  int rc;

  tell_again(d);
  rc = __real_mbedtls_ecdh_compute_shared(group, z, q, d, rng, arg);
  watch_public(&rc, sizeof(rc));
  if (rc == 0)
    tell_again(z);
  return rc;
}

/* Of the library's calls those with a generator make what is sent. */
int __wrap_mbedtls_mpi_exp_mod(mbedtls_mpi* x, const mbedtls_mpi* a,
                               const mbedtls_mpi* e, const mbedtls_mpi* n,
                               mbedtls_mpi* rr) {
  int is_first = mbedtls_mpi_bitlen(a) <= 8;
  int rc;

  tell_again(e);
  rc = __real_mbedtls_mpi_exp_mod(x, a, e, n, rr);
  watch_public(&rc, sizeof(rc));
  if (is_first)
    public_number(x);
  else if (rc == 0)
    tell_again(x);
  return rc;
}

/* Every operation of rsa.c works with a copy. */
int __real_mbedtls_rsa_copy(mbedtls_rsa_context* to,
                            const mbedtls_rsa_context* from);
int __wrap_mbedtls_rsa_copy(mbedtls_rsa_context* to,
                            const mbedtls_rsa_context* from);

int __wrap_mbedtls_rsa_copy(mbedtls_rsa_context* to,
                            const mbedtls_rsa_context* from) {
  int rc = __real_mbedtls_rsa_copy(to, from);

  if (rc == 0 && mbedtls_mpi_size(&to->D) != 0) {
    tell_number(&to->D);
    tell_number(&to->P);
    tell_number(&to->Q);
    tell_number(&to->DP);
    tell_number(&to->DQ);
    tell_number(&to->QP);
  }
  return rc;
}

#if MBEDTLS_VERSION_NUMBER < 0x03000000
# define RSA_SIGN_MODE int mode,
# define RSA_SIGN_MODE_VALUE mode,
#else
# define RSA_SIGN_MODE
# define RSA_SIGN_MODE_VALUE
#endif

int __real_mbedtls_rsa_pkcs1_sign(
    mbedtls_rsa_context* rsa, int (*rng)(void*, unsigned char*, size_t),
    void* arg, RSA_SIGN_MODE mbedtls_md_type_t md, unsigned len,
    const unsigned char* hash, unsigned char* signature);
int __wrap_mbedtls_rsa_pkcs1_sign(
    mbedtls_rsa_context* rsa, int (*rng)(void*, unsigned char*, size_t),
    void* arg, RSA_SIGN_MODE mbedtls_md_type_t md, unsigned len,
    const unsigned char* hash, unsigned char* signature);

int __wrap_mbedtls_rsa_pkcs1_sign(
    mbedtls_rsa_context* rsa, int (*rng)(void*, unsigned char*, size_t),
    void* arg, RSA_SIGN_MODE mbedtls_md_type_t md, unsigned len,
    const unsigned char* hash, unsigned char* signature) {
  int rc = __real_mbedtls_rsa_pkcs1_sign(rsa, rng, arg,
                                         RSA_SIGN_MODE_VALUE md, len, hash,
                                         signature);

  watch_public(&rc, sizeof(rc));
  watch_public(signature, mbedtls_rsa_get_len(rsa));
  return rc;
}

/* ---- comparisons, texts -------------------------------------------------- */

int __real_sodium_memcmp(const void* a, const void* b, size_t len);
int __wrap_sodium_memcmp(const void* a, const void* b, size_t len);
int __real_uvssh__auth_ask(struct auth* auth,
                           const char* password,
                           const char* new_password);
int __wrap_uvssh__auth_ask(struct auth* auth,
                           const char* password,
                           const char* new_password);

int __wrap_sodium_memcmp(const void* a, const void* b, size_t len) {
  int rc = __real_sodium_memcmp(a, b, len);

  watch_public(&rc, sizeof(rc));
  return rc;
}

/* What a server has read; that it has no NUL in it was looked at before. */
int __wrap_uvssh__auth_ask(struct auth* auth,
                           const char* password,
                           const char* new_password) {
  if (password != NULL)
    watch_secret(WATCH_PASSWORD, password, strlen(password));
  if (new_password != NULL)
    watch_secret(WATCH_PASSWORD, new_password, strlen(new_password));
  return __real_uvssh__auth_ask(auth, password, new_password);
}
