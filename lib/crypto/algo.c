/* algo.c: the tables of algorithms, best first, and the only place where a
 * name becomes an object. A name itself stands in its object alone; the default
 * lists are made of the tables.
 *
 * Never lists "none" as cipher or MAC: it does not exist here.
 */
#include "crypto/crypto.h"

#include <assert.h>

static const struct kex_alg* const kexes[] = {
  &uvssh__mlkem768x25519,
  &uvssh__sntrup761x25519,
  &uvssh__sntrup761x25519_openssh,
  &uvssh__curve25519,
  &uvssh__curve25519_libssh,
  &uvssh__ecdh_nistp256,
  &uvssh__ecdh_nistp384,
  &uvssh__ecdh_nistp521,
  &uvssh__dh_gex,
  &uvssh__dh_modp4096,
  &uvssh__dh_modp2048
};

static const struct cipher_alg* const ciphers[] = {
  &uvssh__chacha20_poly1305,
  &uvssh__aes256_gcm,
  &uvssh__aes128_gcm,
  &uvssh__aes256_ctr,
  &uvssh__aes192_ctr,
  &uvssh__aes128_ctr
};

static const struct mac_alg* const macs[] = {
  &uvssh__hmac_sha256_etm,
  &uvssh__hmac_sha512_etm,
  &uvssh__hmac_sha256,
  &uvssh__hmac_sha512
};

static const struct compression_alg none = { .name = "none" };

static const struct compression_alg* const compressions[] = {
  &none,
#if defined(UVSSH_ZLIB)
  &uvssh__zlib_openssh,
  &uvssh__zlib
#endif
};

#define LIST_MAX 1024

static uv_once_t once = UV_ONCE_INIT;
static char known[ALGO_COMPRESSION + 1][LIST_MAX];
static char server_kexes[LIST_MAX];

void uvssh__algo_append(char* list, size_t size, const char* name) {
  size_t len = strlen(list);
  size_t n = strlen(name);

  assert(len + n + 2 <= size);
  if (len != 0)
    list[len++] = ',';
  memcpy(list + len, name, n + 1);
}

static void make_lists(void) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(kexes); i++) {
    uvssh__algo_append(known[ALGO_KEX], LIST_MAX, kexes[i]->name);
    if (!kexes[i]->modular)        /* a client would pay far less than we */
      uvssh__algo_append(server_kexes, LIST_MAX, kexes[i]->name);
  }
  for (i = 0; i < ARRAY_SIZE(ciphers); i++)
    uvssh__algo_append(known[ALGO_CIPHER], LIST_MAX, ciphers[i]->name);
  for (i = 0; i < ARRAY_SIZE(macs); i++)
    uvssh__algo_append(known[ALGO_MAC], LIST_MAX, macs[i]->name);
  for (i = 0; i < ARRAY_SIZE(compressions); i++)
    uvssh__algo_append(known[ALGO_COMPRESSION], LIST_MAX,
                       compressions[i]->name);
}

const char* uvssh__algo_known(enum algo kind) {
  uv_once(&once, make_lists);
  return known[kind];
}

const char* uvssh__algo_default(enum algo kind, int is_server) {
  uv_once(&once, make_lists);
  if (kind == ALGO_COMPRESSION)
    return none.name;
  return kind == ALGO_KEX && is_server ? server_kexes : known[kind];
}

const struct kex_alg* uvssh__kex_find(str_t name) {
  size_t i;
  for (i = 0; i < ARRAY_SIZE(kexes); i++)
    if (str_is(name, kexes[i]->name))
      return kexes[i];
  return NULL;
}

const struct cipher_alg* uvssh__cipher_find(str_t name) {
  size_t i;
  for (i = 0; i < ARRAY_SIZE(ciphers); i++)
    if (str_is(name, ciphers[i]->name))
      return ciphers[i];
  return NULL;
}

const struct mac_alg* uvssh__mac_find(str_t name) {
  size_t i;
  for (i = 0; i < ARRAY_SIZE(macs); i++)
    if (str_is(name, macs[i]->name))
      return macs[i];
  return NULL;
}

const struct compression_alg* uvssh__compression_find(str_t name) {
  size_t i;
  for (i = 0; i < ARRAY_SIZE(compressions); i++)
    if (str_is(name, compressions[i]->name))
      return compressions[i];
  return NULL;
}
