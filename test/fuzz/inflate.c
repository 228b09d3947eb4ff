/* inflate.c: a fuzz target: what a peer sends as compressed payloads. First
 * byte: how long a payload is; second: how much may come out, in KiB.
 *
 * No more comes out than may; and what comes out can be compressed, and comes
 * back the same.
 */
#include "fuzz.h"

#include <stdlib.h>

static void there_and_back(const struct buf* text) {
  const struct compression_alg* alg = uvssh__compression_find(STR("zlib"));
  struct buf squeezed = { .secret = 1 };
  struct buf back = { .secret = 1 };
  void* deflating;
  void* inflating;

  MUST(alg->open(&deflating, 1) == 0);
  MUST(alg->open(&inflating, 0) == 0);
  MUST(alg->deflate(deflating, text->base, text->len / 2,
                    text->base + text->len / 2, text->len - text->len / 2,
                    &squeezed) == 0);
  MUST(alg->inflate(inflating, str_of_buf(&squeezed), text->len, &back) == 0);
  MUST(back.len == text->len && memcmp(back.base, text->base, back.len) == 0);
  alg->close(deflating, 1);
  alg->close(inflating, 0);
  uvssh__buf_free(&squeezed);
  uvssh__buf_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const struct compression_alg* alg = uvssh__compression_find(STR("zlib"));
  struct input in = { data, size };
  size_t piece = (size_t) input_u8(&in) + 1;
  size_t most = ((size_t) input_u8(&in) + 1) * 1024;
  struct buf out = { .secret = 1 };
  const uint8_t* at;
  uint8_t* copy;
  str_t payload;
  void* state;
  int err = 0;

  fuzz_begin();
  if (alg == NULL)                 /* built without zlib */
    return fuzz_end();
  MUST(alg->open(&state, 0) == 0);
  while (err == 0 && in.left != 0) {
    payload.len = input_take(&in, piece, &at);
    payload.base = copy = fuzz_copy(at, payload.len);
    uvssh__buf_reset(&out);
    err = alg->inflate(state, payload, most, &out);
    MUST(err == 0 || err == UVSSH_ECOMPRESSION);
    MUST(out.len <= most + (err == 0 ? 0 : 1));
    MUST(out.cap <= 2 * most + 2048);
    fuzz_trace(out.base, out.len);
    if (err == 0 && out.len > 1)
      there_and_back(&out);
    free(copy);
  }
  alg->close(state, 0);
  uvssh__buf_free(&out);
  return fuzz_end();
}
