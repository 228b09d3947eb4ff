/* script.c: a fuzz target: what the scripted peer that users test with reads
 * (lib/test/script.c, script_kex.c): the other side's identification, packets
 * in the clear and under each cipher, KEXINIT and the method's messages.
 *
 * First byte: cipher (bits 0..2), a server's script (8), under keys (16), and
 * honestly sealed (32). Then the wire; or records of (u16 length, bytes), each
 * a message that is sealed with the right keys.
 */
#include "fuzz.h"

#include "test/test.h"

#include <stdlib.h>

enum { SERVER = 8, KEYS = 16, SEALED = 32 };

static const char* const ciphers[][2] = {
  { "chacha20-poly1305@openssh.com", NULL },
  { "aes256-gcm@openssh.com", NULL },
  { "aes256-ctr", "hmac-sha2-256" },
  { "aes256-ctr", "hmac-sha2-256-etm@openssh.com" },
};

static void make_keys(const struct script* s, int sealing, struct keys* k) {
  static const uint8_t material[64] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

  uvssh__keys_free(k);
  MUST(uvssh__keys_init(k, s->cipher, s->mac, material, material, material,
                        sealing) == 0);
}

/* What a peer does with a message; failures are fine. */
static void hear(struct script* s) {
  int err = 0;

  fuzz_trace(s->last, rd_left(&s->m) + 1);
  if (s->last[0] == MSG_KEXINIT)
    uvssh__script_hear_kexinit(s);
  else if (s->last[0] == MSG_KEX_ECDH_REPLY && s->role == PEER_CLIENT)
    err = uvssh__script_hear_reply(s);
  else if (s->last[0] == MSG_KEX_ECDH_INIT && s->role == PEER_SERVER)
    err = uvssh__script_make_reply(s);
  MUST(err <= 0);
}

static void take_all(struct script* s, uint8_t* at, size_t left) {
  size_t used;
  int err;

  do {
    err = uvssh__script_take(s, at, left, &used);
    MUST(used <= left && (err == 1) == (used != 0));
    if (err == 1) {
      MUST(rd_left(&s->m) < SCRIPT_PACKET_MAX);
      hear(s);
      at += used;
      left -= used;
    }
  } while (err == 1);
}

static void raw(struct script* s, struct input* in, int with_ident) {
  uint8_t* copy = fuzz_copy(in->at, in->left);
  size_t used = 0;

  if (!with_ident ||
      uvssh__script_take_ident(s, copy, in->left, &used) == 1) {
    MUST(used <= in->left && strlen(s->ident_theirs) < 256);
    take_all(s, copy + used, in->left - used);
  }
  free(copy);
}

/* Another script seals what this one takes. */
static void sealed(struct script* s, struct input* in, int under_keys) {
  struct script* other = (struct script*) calloc(1, sizeof(*other));
  const uint8_t* payload;
  uint8_t* copy;
  size_t n, used;

  MUST(other != NULL);
  uvssh__script_init(other, s->role == PEER_SERVER ? PEER_CLIENT : PEER_SERVER);
  other->cipher = s->cipher;
  other->mac = s->mac;
  if (under_keys)
    make_keys(s, 1, &other->out);
  while (in->left > 2) {
    n = input_take(in, input_u16(in), &payload);
    if (n == 0 || payload[0] == MSG_NEWKEYS)
      continue;
    uvssh__buf_reset(&other->wire);
    MUST(uvssh__script_seal(other, payload, n, NULL) == 0);
    copy = fuzz_copy(other->wire.base, other->wire.len);
    MUST(uvssh__script_take(s, copy, other->wire.len, &used) == 1);
    MUST(used == other->wire.len && s->last[0] == payload[0]);
    MUST(rd_left(&s->m) == n - 1 && memcmp(s->m.at, payload + 1, n - 1) == 0);
    free(copy);
    hear(s);
  }
  uvssh__script_reset(other);
  free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct input in = { data, size };
  uint8_t what = input_u8(&in);
  const char* const* names = ciphers[(what & 7u) % ARRAY_SIZE(ciphers)];
  struct script* s = (struct script*) calloc(1, sizeof(*s));

  MUST(s != NULL);
  fuzz_begin();
  uvssh__script_init(s, (what & SERVER) != 0 ? PEER_SERVER : PEER_CLIENT);
  MUST(uvssh__script_cipher(s, names[0], names[1]) == 0);
  s->hostkey = fuzz_key(KEY_OF_HOST);
  MUST(uvssh__script_say_ident(s) == 0 && uvssh__script_say_kexinit(s) == 0);
  if (s->role == PEER_CLIENT)
    MUST(uvssh__script_say_init(s) == 0);
  if ((what & KEYS) != 0)
    make_keys(s, 0, &s->in);
  if ((what & SEALED) != 0)
    sealed(s, &in, (what & KEYS) != 0);
  else
    raw(s, &in, (what & KEYS) == 0);
  uvssh__script_reset(s);
  free(s);
  return fuzz_end();
}
