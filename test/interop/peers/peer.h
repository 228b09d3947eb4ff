/* peer.h: what the peers in C share: the options of the contract (README.md),
 * how they end, the pattern, and the clock that ends what stands still. */
#ifndef PEER_H
#define PEER_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
  EXIT_WRONG = 1,
  EXIT_USAGE = 2,
  EXIT_CANNOT = 77,
  EXIT_TIMEOUT = 124,
  EXIT_SIGNALLED = 254,
  EXIT_FAILED = 255
};

enum { HASH_BYTES = crypto_hash_sha256_BYTES, HASH_HEX = 2 * HASH_BYTES + 1 };

#define LARGE "67108864"           /* bytes of a source that is cut off */

typedef struct {
  const char* role;
  const char* host;
  unsigned port;
  const char* user;
  const char* password;
  const char* key;
  const char* known;
  const char* host_key;
  const char* authorized;
  const char* kex;
  const char* hostkey;
  const char* cipher;
  const char* mac;
  const char* compression;
  unsigned patience;
  uint64_t rekey_bytes;
  int rekey;
  const char* action;              /* "", where there is none */
  const char* text;                /* of the action, "" */
  uint64_t size;                   /* of up, down and both */
} peer_options_t;

/** Read the command line; what is not in the contract ends with EXIT_USAGE. */
void peer_parse(peer_options_t* o, int argc, char** argv);

/** One line on stderr, and the end. */
__attribute__((format(printf, 1, 2), noreturn))
void peer_failed(const char* format, ...);
__attribute__((format(printf, 1, 2), noreturn))
void peer_wrong(const char* format, ...);
__attribute__((format(printf, 1, 2), noreturn))
void peer_cannot(const char* format, ...);

/** Something has moved. What does not call it for `patience` seconds, ends the
 * process with EXIT_TIMEOUT. The first call starts the clock. */
void peer_progress(const peer_options_t* o);

/** Each name of a comma list, until one is not known: peer_cannot(). */
void peer_each(const char* kind,
               const char* list,
               int (*known)(void* arg, const char* kind, const char* name),
               void* arg);

/** Print `kind` and those of the names that are known. */
void peer_list(const char* kind,
               const char* list,
               int (*known)(void* arg, const char* kind, const char* name),
               void* arg);

/** Names that a library may know, in comma lists; kind as in the contract. */
const char* peer_names(const char* kind);

/** The line of stderr; NULL: "-". An AEAD cipher has no mac. */
void peer_negotiated(const char* kex,
                     const char* hostkey,
                     const char* cipher,
                     const char* mac);

void peer_nonblocking(int fd);

/** A TCP connection to host and port, which does not block. */
int peer_connect(const peer_options_t* o);

/** Let it go with a reset. */
void peer_reset(int fd);

/** What stdin has now; 0: its end; -1: nothing yet. */
ssize_t peer_stdin(void* out, size_t len);

/** Write all to a descriptor; failed: the reader has gone. */
void peer_write(int fd, const void* data, size_t len);

/** Bytes of the pattern, from `at` on. */
void pattern_fill(uint64_t at, uint8_t* out, size_t len);

typedef struct {                   /* a stream of the pattern, one way */
  uint64_t at, size;
  int differs;
  crypto_hash_sha256_state hash;
} pattern_t;

void pattern_init(pattern_t* p, uint64_t size);

/** The next bytes to send, at most len; 0: that was all. */
size_t pattern_next(pattern_t* p, uint8_t* out, size_t len);

/** The same bytes again: not all of the last could be sent. */
void pattern_taken(pattern_t* p, const uint8_t* data, size_t len);

/** What came; counts as long as it does not differ. */
void pattern_check(pattern_t* p, const uint8_t* data, size_t len);

/** The SHA-256 of all that was taken or checked, in hex. */
void pattern_hex(pattern_t* p, char hex[HASH_HEX]);

#endif
