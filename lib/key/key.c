/* key.c: the counted, immutable key object, the table of types and that of
 * signature algorithms, and what people see of a key. RFC 4253 section 6.6.
 *
 * Happy path: an object is made complete, then shared; nothing in it changes
 * but the count, so any thread may read it.
 * Failures: UVSSH_EKEYFORMAT for a blob or signature that is not exact,
 * UVSSH_ECRYPTO for a signature that is wrong, UV_EINVAL for a caller's
 * mistake, UV_ENOMEM.
 *
 * Never accepts a byte behind a blob or a signature.
 */
#include "key/key.h"

/* Of several with one uvssh_key_type the first is the usual one. */
static const struct key_type* const types[] = {
  &uvssh__ed25519,
  &uvssh__ecdsa_nistp256,
  &uvssh__ecdsa_nistp384,
  &uvssh__ecdsa_nistp521,
  &uvssh__rsa
};

static const struct sign_alg algorithms[] = {
  { KEY_ED25519, &uvssh__ed25519, COST_LIGHT, NULL },
  { KEY_ECDSA "nistp256", &uvssh__ecdsa_nistp256, COST_HEAVY, &uvssh__sha256 },
  { KEY_ECDSA "nistp384", &uvssh__ecdsa_nistp384, COST_HEAVY, &uvssh__sha384 },
  { KEY_ECDSA "nistp521", &uvssh__ecdsa_nistp521, COST_HEAVY, &uvssh__sha512 },
  { "rsa-sha2-512", &uvssh__rsa, COST_HEAVY, &uvssh__sha512 },
  { "rsa-sha2-256", &uvssh__rsa, COST_HEAVY, &uvssh__sha256 }
};

#define LIST_MAX 512

static uv_once_t once = UV_ONCE_INIT;
static char default_list[LIST_MAX];

static void make_list(void) {
  size_t i;
  for (i = 0; i < ARRAY_SIZE(algorithms); i++)
    uvssh__algo_append(default_list, LIST_MAX, algorithms[i].name);
}

const char* uvssh__sign_default(void) {
  uv_once(&once, make_list);
  return default_list;
}

const struct sign_alg* uvssh__sign_find(str_t name) {
  size_t i;
  for (i = 0; i < ARRAY_SIZE(algorithms); i++)
    if (str_is(name, algorithms[i].name))
      return &algorithms[i];
  return NULL;
}

const struct sign_alg* uvssh__sign_next(const uvssh_key_t* key,
                                        const struct sign_alg* prev) {
  const struct sign_alg* end = algorithms + ARRAY_SIZE(algorithms);
  const struct sign_alg* alg = prev == NULL ? algorithms : prev + 1;

  while (alg < end && !uvssh__key_fits(key, alg))
    alg++;
  return alg < end ? alg : NULL;
}

const struct key_type* uvssh__key_type_find(str_t name) {
  size_t i;
  for (i = 0; i < ARRAY_SIZE(types); i++)
    if (str_is(name, types[i]->name))
      return types[i];
  return NULL;
}

/* ---- the object ---------------------------------------------------------- */

static size_t aligned(size_t n) {
  return (n + 15) / 16 * 16;
}

int uvssh__key_create(uvssh_key_t** key,
                      const struct key_type* type,
                      str_t blob) {
  size_t head = aligned(sizeof(**key));
  size_t state_size = aligned(type->state_size);
  size_t size = head + state_size + blob.len;
  uint8_t* base = uvssh__calloc(1, size);
  uvssh_key_t* k = (void*) base;

  if (base == NULL)
    return UV_ENOMEM;
  memcpy(base + head + state_size, blob.base, blob.len);
  k->type = type;
  k->state = base + head;
  k->blob = base + head + state_size;
  k->blob_len = blob.len;
  k->size = size;
  k->refs = 1;
  *key = k;
  return 0;
}

uvssh_key_t* uvssh_key_ref(uvssh_key_t* key) {
  if (key != NULL)
    __atomic_add_fetch(&key->refs, 1, __ATOMIC_RELAXED);
  return key;
}

void uvssh_key_unref(uvssh_key_t* key) {
  if (key == NULL || __atomic_sub_fetch(&key->refs, 1, __ATOMIC_ACQ_REL) != 0)
    return;
  if (key->release != NULL)
    key->release(key->sign_arg);
  key->type->wipe(key->state);
  uvssh__free_secret(key, key->size);
}

int uvssh_key_external(uvssh_key_t** key,
                       const uvssh_key_t* public_half,
                       uvssh_sign_cb sign,
                       void* arg,
                       void (*release)(void* arg)) {
  str_t blob;
  int err;

  if (key == NULL || public_half == NULL || sign == NULL)
    return UV_EINVAL;
  blob.base = public_half->blob;
  blob.len = public_half->blob_len;
  err = uvssh__key_from_blob(key, blob);
  if (err != 0)
    return err;
  (*key)->sign = sign;
  (*key)->sign_arg = arg;
  (*key)->release = release;
  return 0;
}

int uvssh__key_from_blob(uvssh_key_t** key, str_t blob) {
  rd_t r = rd_of(blob.base, blob.len);
  const struct key_type* type = uvssh__key_type_find(rd_str(&r));
  uvssh_key_t* made;
  int err;

  if (r.bad || type == NULL)
    return UVSSH_EKEYFORMAT;
  err = uvssh__crypto_init();
  if (err == 0)
    err = uvssh__key_create(&made, type, blob);
  if (err != 0)
    return err;
  err = type->read_public(type, made->state, &r);
  if (err == 0)
    *key = made;
  else
    uvssh_key_unref(made);
  return err;
}

/* A state is plain memory and may move until its key is complete. */
static int key_of_state(uvssh_key_t** key,
                        const struct key_type* type,
                        const void* state) {
  struct buf blob = { 0 };
  int err = UV_ENOMEM;

  wr_cstr(&blob, type->name);
  type->write_public(state, &blob);
  if (!blob.bad)
    err = uvssh__key_create(key, type, str_of_buf(&blob));
  if (err == 0)
    memcpy((*key)->state, state, type->state_size);
  uvssh__buf_free(&blob);
  return err;
}

static const struct key_type* type_of_size(uvssh_key_type type, unsigned bits) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(types); i++)
    if (types[i]->type == type &&
        (bits == 0 || types[i]->bits == 0 || types[i]->bits == bits))
      return types[i];
  return NULL;
}

int uvssh_key_generate(uvssh_key_t** key, uvssh_key_type type, unsigned bits) {
  const struct key_type* row = type_of_size(type, bits);
  void* state;
  int err;

  if (key == NULL || row == NULL)
    return UV_EINVAL;
  err = uvssh__crypto_init();
  if (err != 0)
    return err;
  state = uvssh__calloc(1, row->state_size);
  if (state == NULL)
    return UV_ENOMEM;
  err = row->generate(row, state, bits);
  if (err == 0)
    err = key_of_state(key, row, state);
  if (err != 0)                    /* otherwise it is the key's now */
    row->wipe(state);
  uvssh__free_secret(state, row->state_size);
  uvssh__wipe_stack();
  return err;
}

/* ---- signatures ---------------------------------------------------------- */

int uvssh__key_fits(const uvssh_key_t* key, const struct sign_alg* alg) {
  return key->type == alg->type;
}

/* A fault of the processor, or of memory: from one such signature of RSA's, or
 * two of ECDSA's, anybody computes the secret; and no peer should be the first
 * to see that any is wrong. */
static int check_own(const uvssh_key_t* key,
                     const struct sign_alg* alg,
                     const void* data,
                     size_t len,
                     str_t bare) {
  int err = key->type->check(key->state, alg, data, len, bare);

  return err == 0 || err == UV_ENOMEM ? err : UVSSH_ECRYPTO;
}

int uvssh__key_sign(const uvssh_key_t* key,
                    const struct sign_alg* alg,
                    const void* data,
                    size_t len,
                    struct buf* signature) {
  struct buf bare = { 0 };
  int err;

  if (!uvssh__key_fits(key, alg) || !key->type->has_secret(key->state))
    return UV_EINVAL;
  err = key->type->sign(key->state, alg, data, len, &bare);
  if (err == 0)
    err = check_own(key, alg, data, len, str_of_buf(&bare));
  if (err == 0) {
    wr_cstr(signature, alg->name);
    wr_str(signature, bare.base, bare.len);
    err = signature->bad ? UV_ENOMEM : 0;
  }
  uvssh__buf_free(&bare);
  uvssh__wipe_stack();
  return err;
}

int uvssh__key_verify(const uvssh_key_t* key,
                      const struct sign_alg* alg,
                      const void* data,
                      size_t len,
                      str_t signature) {
  rd_t r = rd_of(signature.base, signature.len);
  str_t name = rd_str(&r);
  str_t bare = rd_str(&r);

  if (rd_end(&r) != 0 || !str_is(name, alg->name) || !uvssh__key_fits(key, alg))
    return UVSSH_EKEYFORMAT;
  return key->type->verify(key->state, alg, data, len, bare);
}

/* ---- what people see ----------------------------------------------------- */

int uvssh_key_has_secret(const uvssh_key_t* key) {
  return key != NULL &&
         (key_is_external(key) || key->type->has_secret(key->state));
}

int uvssh_key_equal(const uvssh_key_t* a, const uvssh_key_t* b) {
  return a != NULL && b != NULL && a->blob_len == b->blob_len &&
         memcmp(a->blob, b->blob, a->blob_len) == 0;
}

const char* uvssh_key_name(const uvssh_key_t* key) {
  return key == NULL ? "" : key->type->name;
}

const uint8_t* uvssh_key_blob(const uvssh_key_t* key, size_t* len) {
  *len = key == NULL ? 0 : key->blob_len;
  return key == NULL ? NULL : key->blob;
}

/* Text out as uv_cwd() does it; takes the buffer's memory. */
static int text_out(struct buf* text, char* out, size_t* len) {
  int err = 0;

  wr_u8(text, 0);
  if (text->bad)
    err = UV_ENOMEM;
  else if (out == NULL || *len < text->len)
    err = UV_ENOBUFS;
  else
    memcpy(out, text->base, text->len);
  if (err == UV_ENOBUFS)
    *len = text->len;
  else if (err == 0)
    *len = text->len - 1;
  uvssh__buf_free(text);
  return err;
}

int uvssh_key_fingerprint(const uvssh_key_t* key, char* out, size_t* len) {
  uint8_t hash[HASH_SIZE_MAX];
  struct buf text = { 0 };
  str_t digest = { hash, uvssh__sha256.size };

  if (key == NULL || len == NULL || (out == NULL && *len != 0))
    return UV_EINVAL;
  uvssh__hash(&uvssh__sha256, key->blob, key->blob_len, hash);
  uvssh__buf_put(&text, "SHA256:", 7);
  uvssh__base64_write(&text, digest, 0);
  return text_out(&text, out, len);
}

int uvssh_key_public_line(const uvssh_key_t* key, char* out, size_t* len) {
  struct buf text = { 0 };
  str_t blob;

  if (key == NULL || len == NULL || (out == NULL && *len != 0))
    return UV_EINVAL;
  blob.base = key->blob;
  blob.len = key->blob_len;
  uvssh__buf_put(&text, key->type->name, strlen(key->type->name));
  wr_u8(&text, ' ');
  uvssh__base64_write(&text, blob, 1);
  return text_out(&text, out, len);
}
