/* compress_zlib.c: zlib (RFC 4253 section 6.2) and zlib@openssh.com, RFC 1950
 * and 1951: one stream a direction, flushed behind every packet.
 *
 * Happy path: deflate() turns a payload into bytes from which the peer gets all
 * of it back at once; inflate() is the way back.
 * Failures: a stream that is none, that ends, or makes more than it may:
 * UVSSH_ECOMPRESSION, and never a byte more than that. UV_ENOMEM.
 *
 * Its memory comes from the library's allocator, and is wiped when it goes:
 * the last 32 KiB of what was said lie in it.
 * Never keeps a limit of its own: the caller says how much may come out.
 */
#define ZLIB_CONST
#include "crypto/crypto.h"

#include <assert.h>
#include <limits.h>
#include <zlib.h>

enum { LEVEL = 6, PIECE = 1024 };

struct block {                     /* in front of what zlib gets */
  _Alignas(16) size_t size;        /* of all of it */
};

static voidpf on_alloc(voidpf opaque, uInt items, uInt size) {
  struct block* b;
  size_t n = (size_t) items * size;

  if (size != 0 && n / size != items)
    return Z_NULL;
  b = (struct block*) uvssh__calloc(1, sizeof(*b) + n);
  if (b == NULL)
    return Z_NULL;
  b->size = sizeof(*b) + n;
  return b + 1;
}

static void on_free(voidpf opaque, voidpf address) {
  struct block* b = (struct block*) address - 1;
  uvssh__free_secret(b, b->size);
}

static int zlib_open(void** state, int deflating) {
  z_stream* z = (z_stream*) uvssh__calloc(1, sizeof(*z));
  int rc;

  if (z == NULL)
    return UV_ENOMEM;
  z->zalloc = on_alloc;
  z->zfree = on_free;
  rc = deflating ? deflateInit(z, LEVEL) : inflateInit(z);
  if (rc != Z_OK) {
    uvssh__free(z);
    return rc == Z_MEM_ERROR ? UV_ENOMEM : UVSSH_ECRYPTO;
  }
  *state = z;
  return 0;
}

static void zlib_close(void* state, int deflating) {
  z_stream* z = (z_stream*) state;

  (void) (deflating ? deflateEnd(z) : inflateEnd(z));
  uvssh__free_secret(z, sizeof(*z));
}

static int squeeze(z_stream* z,
                   const uint8_t* base,
                   size_t len,
                   int flush,
                   struct buf* out) {
  size_t room;
  int rc;

  assert(len <= UINT_MAX);
  z->next_in = base;
  z->avail_in = (uInt) len;
  do {
    z->next_out = uvssh__buf_reserve(out, PIECE);
    if (z->next_out == NULL)
      return UV_ENOMEM;
    room = out->cap - out->len;
    z->avail_out = (uInt) room;
    rc = deflate(z, flush);
    out->len += room - z->avail_out;
    if (rc != Z_OK && rc != Z_BUF_ERROR)  /* the latter: nothing was left */
      return UVSSH_ECRYPTO;
  } while (z->avail_out == 0);
  return 0;
}

static int zlib_deflate(void* state,
                        const uint8_t* head,
                        size_t head_len,
                        const uint8_t* body,
                        size_t body_len,
                        struct buf* out) {
  z_stream* z = (z_stream*) state;
  int err = 0;

  if (body_len == 0)
    return squeeze(z, head, head_len, Z_PARTIAL_FLUSH, out);
  err = squeeze(z, head, head_len, Z_NO_FLUSH, out);
  if (err != 0)
    return err;
  return squeeze(z, body, body_len, Z_PARTIAL_FLUSH, out);
}

static int zlib_inflate(void* state, str_t in, size_t most, struct buf* out) {
  z_stream* z = (z_stream*) state;
  size_t begin = out->len;
  size_t room;
  int rc;

  assert(in.len <= UINT_MAX);
  z->next_in = in.base;
  z->avail_in = (uInt) in.len;
  do {
    z->next_out = uvssh__buf_reserve(out, PIECE);
    if (z->next_out == NULL)
      return UV_ENOMEM;
    room = out->cap - out->len;
    if (room > most + 1 - (out->len - begin))  /* one more tells of too many */
      room = most + 1 - (out->len - begin);
    z->avail_out = (uInt) room;
    rc = inflate(z, Z_SYNC_FLUSH);
    out->len += room - z->avail_out;
    if (rc == Z_MEM_ERROR)
      return UV_ENOMEM;
    if ((rc != Z_OK && rc != Z_BUF_ERROR) || out->len - begin > most)
      return UVSSH_ECOMPRESSION;
  } while (z->avail_out == 0);
  return z->avail_in == 0 ? 0 : UVSSH_ECOMPRESSION;
}

#define ROW(object, its_name, is_delayed)                                     \
  const struct compression_alg object = {                                     \
    .name = its_name,                                                         \
    .delayed = is_delayed,                                                    \
    .open = zlib_open,                                                        \
    .close = zlib_close,                                                      \
    .deflate = zlib_deflate,                                                  \
    .inflate = zlib_inflate                                                   \
  }

ROW(uvssh__zlib_openssh, "zlib@openssh.com", 1);
ROW(uvssh__zlib, "zlib", 0);
