/* mlkem_sodium.c: ML-KEM-768 of libsodium, 1.0.22 or later, instead of our own:
 * the meson option `mlkem`. The same three functions as mlkem.c, with the same
 * private keys.
 *
 * Failures: a public key that fails the check of FIPS 203 section 7.2 is
 * UVSSH_EKEX; whatever else it may say, UVSSH_ECRYPTO.
 *
 * Never takes libsodium's own randomness: seeds come from the caller.
 */
#include "crypto/crypto.h"

#include <sodium.h>

_Static_assert(crypto_kem_mlkem768_PUBLICKEYBYTES == MLKEM_EK &&
               crypto_kem_mlkem768_SECRETKEYBYTES == MLKEM_DK &&
               crypto_kem_mlkem768_CIPHERTEXTBYTES == MLKEM_CT &&
               crypto_kem_mlkem768_SHAREDSECRETBYTES == MLKEM_SHARED &&
               crypto_kem_mlkem768_SEEDBYTES == MLKEM_SEED, "table 3");

int uvssh__mlkem_keygen(uint8_t ek[MLKEM_EK],
                        uint8_t dk[MLKEM_DK],
                        const uint8_t seed[MLKEM_SEED]) {
  return crypto_kem_mlkem768_seed_keypair(ek, dk, seed) == 0 ? 0
                                                             : UVSSH_ECRYPTO;
}

int uvssh__mlkem_encaps(uint8_t ct[MLKEM_CT],
                        uint8_t shared[MLKEM_SHARED],
                        const uint8_t ek[MLKEM_EK],
                        const uint8_t m[32]) {
  return crypto_kem_mlkem768_enc_deterministic(ct, shared, ek, m) == 0
             ? 0
             : UVSSH_EKEX;
}

int uvssh__mlkem_decaps(uint8_t shared[MLKEM_SHARED],
                        const uint8_t dk[MLKEM_DK],
                        const uint8_t ct[MLKEM_CT]) {
  return crypto_kem_mlkem768_dec(shared, ct, dk) == 0 ? 0 : UVSSH_ECRYPTO;
}
