/* base64.c: RFC 4648 section 4 over libsodium, whose time does not depend on
 * the bytes.
 *
 * Happy path: canonical base64; characters of `skip` are passed over.
 * Failures: a foreign character, wrong padding, bits left over:
 * UVSSH_EKEYFORMAT, and nothing is appended. UV_ENOMEM.
 */
#include "key/key.h"

#include <sodium.h>

/* libsodium passes over NUL where it passes over anything, and takes 0xab and
 * 0xaf for '+' and '/'. Looks at every byte, whatever it finds. */
static int is_ascii(str_t text) {
  uint8_t odd = 0;
  size_t i;

  for (i = 0; i < text.len; i++)
    odd |= (uint8_t) (((text.base[i] - 1u) | text.base[i]) & 0x80);
  return sodium_is_zero(&odd, 1);
}

int uvssh__base64_read(struct buf* out, str_t text, const char* skip) {
  size_t room = text.len / 4 * 3 + 3;
  size_t len;
  const char* end;
  const char* from = (const char*) text.base;
  uint8_t* to = uvssh__buf_reserve(out, room);

  if (to == NULL)
    return UV_ENOMEM;
  if (text.len == 0)
    return 0;
  if (!is_ascii(text) ||
      sodium_base642bin(to, room, from, text.len, skip, &len, &end,
                        sodium_base64_VARIANT_ORIGINAL) != 0 ||
      end != from + text.len)
    return UVSSH_EKEYFORMAT;
  out->len += len;
  return 0;
}

void uvssh__base64_write(struct buf* out, str_t bytes, int padding) {
  int variant = padding ? sodium_base64_VARIANT_ORIGINAL
                        : sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
  size_t room = sodium_base64_encoded_len(bytes.len, variant);
  uint8_t* to = uvssh__buf_reserve(out, room);   /* with its NUL */

  if (to == NULL)
    return;
  sodium_bin2base64((char*) to, room, bytes.base, bytes.len, variant);
  out->len += room - 1;
}
