/* watch.h: where secrets are made in the library, and where something that
 * came of one is public.
 *
 * The linker puts the functions of watch.c around those of libsodium and of the
 * library that are named in meson.build (--wrap): the library is as it is.
 * Each program has its own idea of what to do with what it is told:
 * test-residue.c remembers it, secret-time.c tells valgrind.
 *
 * A secret's kinds are the rows of enum watch_kind: whoever adds an algorithm
 * tells of what is new here, in watch.c. */
#ifndef WATCH_H
#define WATCH_H

#include <stddef.h>
#include <stdint.h>

enum watch_kind {
  WATCH_EPHEMERAL,                 /* X25519's secret of one exchange */
  WATCH_SHARED,                    /* what both have of it */
  WATCH_KEM_EPHEMERAL,             /* what a KEM draws for one exchange */
  WATCH_KEM_SHARED,                /* what both have of it */
  WATCH_KEM_VECTOR,                /* polynomials that are made of the first */
  WATCH_HYBRID,                    /* K, of both kinds' */
  WATCH_CIPHER_KEY,
  WATCH_IV,
  WATCH_MAC_KEY,
  WATCH_PACKET_KEY,                /* Poly1305's, of one packet */
  WATCH_SEED,                      /* of a private key */
  WATCH_SCALAR,                    /* what is made of it */
  WATCH_NUMBER,                    /* of a key, or of an exchange, in mbedTLS */
  WATCH_PASSWORD,
  WATCH_KEY_FILE,                  /* its lines */
  WATCH_KINDS
};

/* From any thread. Bytes are shown. */
void watch_secret(enum watch_kind kind, const void* base, size_t len);
/* Came of a secret, and anybody may know it: a public key, a signature, a
 * ciphertext, a verdict. */
void watch_public(const void* base, size_t len);

#endif
