/* key-blob.c: a fuzz target: public keys and signatures as they come in
 * messages: a key blob, then a signature, each as a string, then what is
 * signed.
 *
 * No signature is right that our key has not made: what the input brings does
 * not verify with the key of the host, unless it is the one of these bytes.
 */
#include "fuzz.h"

#include <stdlib.h>

/* Only the very signature is right: Ed25519 has one for a text and a key, since
 * libsodium refuses those that are not canonical. */
static void forged(str_t signature, str_t text) {
  const struct sign_alg* alg = uvssh__sign_find(STR(KEY_ED25519));
  uvssh_key_t* key = fuzz_key(KEY_OF_HOST);
  struct buf right = { 0 };

  MUST(uvssh__key_sign(key, alg, text.base, text.len, &right) == 0);
  if (uvssh__key_verify(key, alg, text.base, text.len, signature) == 0)
    MUST(str_eq(signature, str_of_buf(&right)));
  uvssh__buf_free(&right);
}

/* Of every type: what is a key comes back as it was, and its algorithms say
 * yes or no. */
static void look_at(const uvssh_key_t* key, str_t blob, str_t signature,
                    str_t text) {
  const struct sign_alg* alg = NULL;
  unsigned algorithms = 0;
  size_t len;
  const uint8_t* p = uvssh_key_blob(key, &len);

  MUST(len == blob.len && memcmp(p, blob.base, len) == 0);
  MUST(!uvssh_key_has_secret(key));
  while ((alg = uvssh__sign_next(key, alg)) != NULL) {
    MUST(uvssh__key_fits(key, alg));
    MUST(uvssh__key_verify(key, alg, text.base, text.len, signature) <= 0);
    algorithms++;
  }
  MUST(algorithms != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uvssh_key_t* key = NULL;
  uint8_t* copy;
  str_t blob;
  str_t signature;
  str_t text;
  rd_t r;

  fuzz_begin();
  copy = fuzz_copy(data, size);
  r = rd_of(copy, size);
  blob = rd_str(&r);
  signature = rd_str(&r);
  text = rd_rest(&r);
  if (uvssh__key_from_blob(&key, blob) == 0)
    look_at(key, blob, signature, text);
  uvssh_key_unref(key);
  forged(signature, text);
  free(copy);
  return fuzz_end();
}
