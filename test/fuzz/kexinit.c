/* kexinit.c: a fuzz target: the peer's KEXINIT, in both roles. First byte:
 * role (1), a later exchange (2), strict asked for (4), own lists (8).
 *
 * What was agreed on is there, and stands in both offers.
 */
#define _GNU_SOURCE                /* memmem */
#include "place.h"

#include <stdlib.h>

static void agreed(const struct place* p) {
  const struct offer* o = &p->t.hs->offer;
  unsigned i;

  MUST(o->kex != NULL && o->sign != NULL);
  MUST(memmem(p->t.hs->i_ours.base, p->t.hs->i_ours.len, o->kex->name,
              strlen(o->kex->name)) != NULL);
  MUST(memmem(p->t.hs->i_peer.base, p->t.hs->i_peer.len, o->kex->name,
              strlen(o->kex->name)) != NULL);
  for (i = 0; i < 2; i++) {
    MUST(o->cipher[i] != NULL);
    MUST(memmem(p->t.hs->i_peer.base, p->t.hs->i_peer.len, o->cipher[i]->name,
                strlen(o->cipher[i]->name)) != NULL);
    MUST((o->cipher[i]->tag_size == 0) == (o->mac[i] != NULL));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct input in = { data, size };
  uint8_t what = input_u8(&in);
  struct place p;
  uint8_t* copy;
  rd_t m;

  fuzz_begin();
  if (in.left == 0)
    return fuzz_end();
  place_open(&p, what & 1);
  p.desk.config.require_strict = (what & 4) != 0;
  if ((what & 8) != 0) {
    p.desk.config.ciphers = "aes256-ctr";
    p.desk.config.macs = "hmac-sha2-256";
    p.desk.config.kex = "curve25519-sha256@libssh.org";
  }
  if ((what & 2) != 0)
    p.t.session_id_len = 32;
  uvssh__kex_start(&p.t);
  MUST(p.t.hs != NULL && p.desk.failed == 0);
  p.t.in.seq = 1;
  p.t.phase = T_KEXINIT;
  copy = fuzz_copy(in.at, in.left);
  m = rd_of(copy, in.left);
  (void) rd_u8(&m);                /* its number, which dispatch has read */
  if (uvssh__on_kexinit(&p.t, &m) == 0) {
    MUST(p.t.phase == (p.t.hs->offer.kex->group_exchange ? T_GROUP : T_KEX));
    agreed(&p);
  }
  place_close(&p);
  free(copy);
  return fuzz_end();
}
