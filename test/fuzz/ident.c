/* ident.c: a fuzz target: the identification of a client or of a server, in
 * pieces of any size. First byte: role; second: size of the pieces, 0: all.
 *
 * The pieces make no difference: whole and cut input end alike.
 */
#include "place.h"

#include <stdlib.h>

struct result {
  int err;
  enum transport_phase phase;
  size_t left;
  char ident[IDENT_MAX];
};

static void read_ident(int is_server,
                       struct input in,
                       size_t piece,
                       struct result* out) {
  struct place p;
  const uint8_t* at;
  uint8_t* copy;
  uint8_t* rest;
  size_t n;

  place_open(&p, is_server);
  out->err = 0;
  out->left = 0;
  while (out->err == 0 && in.left != 0 && p.t.phase == T_IDENT) {
    n = input_take(&in, piece, &at);
    rest = copy = fuzz_copy(at, n);
    out->err = uvssh__ident_feed(&p.t, &rest, &n);
    MUST(n == 0 || out->err != 0 || p.t.phase == T_KEXINIT);
    out->left = n + in.left;
    free(copy);
  }
  MUST(p.t.tail.len <= IDENT_LINE_MAX);
  out->phase = p.t.phase;
  memcpy(out->ident, p.t.ident_peer, sizeof(out->ident));
  if (p.t.phase == T_KEXINIT)
    MUST(strlen(out->ident) > 8 && strlen(out->ident) <= IDENT_MAX - 2);
  place_close(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct input in = { data, size };
  int is_server = input_u8(&in) & 1;
  size_t piece = input_u8(&in);
  struct result whole;
  struct result cut;

  fuzz_begin();
  read_ident(is_server, in, SIZE_MAX, &whole);
  read_ident(is_server, in, piece == 0 ? 1 : piece, &cut);
  MUST(whole.err == cut.err && whole.phase == cut.phase);
  MUST(whole.err != 0 || whole.left == cut.left);
  MUST(memcmp(whole.ident, cut.ident, sizeof(cut.ident)) == 0);
  return fuzz_end();
}
