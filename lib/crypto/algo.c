/* algo.c: the tables of algorithms, best first, and the only place where a
 * name becomes an object. A name itself stands in its object alone; the default
 * lists are made of the tables.
 *
 * Never lists "none" as cipher or MAC: it does not exist here.
 */
#include "crypto/crypto.h"

#include <assert.h>

static const struct kex_alg* const kexes[] = {
  &uvssh__curve25519,
  &uvssh__curve25519_libssh
};

static const struct cipher_alg* const ciphers[] = {
  &uvssh__chacha20_poly1305,
  &uvssh__aes256_gcm,
  &uvssh__aes256_ctr
};

static const struct mac_alg* const macs[] = {
  &uvssh__hmac_sha256_etm,
  &uvssh__hmac_sha256
};

static const char* const compressions[] = { "none" };

#define LIST_MAX 1024

static uv_once_t once = UV_ONCE_INIT;
static char lists[ALGO_COMPRESSION + 1][LIST_MAX];

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

  for (i = 0; i < ARRAY_SIZE(kexes); i++)
    uvssh__algo_append(lists[ALGO_KEX], LIST_MAX, kexes[i]->name);
  for (i = 0; i < ARRAY_SIZE(ciphers); i++)
    uvssh__algo_append(lists[ALGO_CIPHER], LIST_MAX, ciphers[i]->name);
  for (i = 0; i < ARRAY_SIZE(macs); i++)
    uvssh__algo_append(lists[ALGO_MAC], LIST_MAX, macs[i]->name);
  for (i = 0; i < ARRAY_SIZE(compressions); i++)
    uvssh__algo_append(lists[ALGO_COMPRESSION], LIST_MAX, compressions[i]);
}

const char* uvssh__algo_default(enum algo kind) {
  uv_once(&once, make_lists);
  return lists[kind];
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

int uvssh__algo_check(enum algo kind, const char* list) {
  str_t known = str_of(uvssh__algo_default(kind));
  str_t rest, name;
  int found = 0;

  if (list == NULL)
    return UV_EINVAL;
  rest = str_of(list);
  while (uvssh__namelist_next(&rest, &name)) {
    if (!uvssh__namelist_has(known, name))
      return UV_EINVAL;
    found = 1;
  }
  /* More names are put behind a list: no comma may end it. */
  return found && rest.base[-1] != ',' ? 0 : UV_EINVAL;
}
