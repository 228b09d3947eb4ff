/* bench-primitive-login.h: what the calls of libsodium cost that one login
 * cannot do without, timed inside the run that they are compared with: a
 * machine's speed drifts by a third within minutes, and is another one while a
 * client works on the other half of the same core.
 *
 * They are those of a server with curve25519-sha256, an Ed25519 host key and a
 * user's Ed25519 key:
 *   agreeing   key pair, shared secret, exchange hash, the four hashes that
 *              make keys for chacha20-poly1305, signature of the host
 *   proving    verification of the user's signature
 *
 * Every LOGIN_EVERY-th login they run once more, each half by itself and in a
 * callback of its own, behind a read(), as the real ones do. So they find the
 * caches as cold as those find them, and run once, not in a loop. One thread.
 *
 * Not counted: small packets, and anything that is not a primitive. */
#ifndef BENCH_PRIMITIVE_LOGIN_H
#define BENCH_PRIMITIVE_LOGIN_H

#include "bench-primitive.h"

enum { LOGIN_EVERY = 16 };

struct login_sample {
  uint64_t seen[2];                /* logins, by either half */
  struct primitive_time agreeing;
  struct primitive_time proving;
  double cpu;                      /* s, of the process, when the first came */
};

/* 0 or -1. Behind primitive_init(). */
int login_primitive_init(void);
/* The first connection is here. */
void login_primitive_begin(struct login_sample* s);
/* One more login; where it is its turn, that half runs. */
void login_agrees(struct login_sample* s);
void login_proves(struct login_sample* s);
/* One line of JSON on stderr, for so many logins: the processor time of each
 * without what measuring took, and that of the primitives. */
void login_primitive_print(const struct login_sample* s, uint64_t logins);
/* Calls that failed; not 0: no figure counts. */
int login_primitive_failures(void);

#endif
