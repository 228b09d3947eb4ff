/* keylog.c: a line for each key exchange, with which a program such as
 * Wireshark reads a recorded connection. RFC 4253 sections 7.1, 7.2.
 *
 *   <cookie of the client's KEXINIT> SHARED_SECRET <K>        both in hex
 *
 * K without its length: an mpint, or the string of a hybrid method.
 *
 * Happy path: the config has a callback; the line is wiped when it returns.
 * Failures: without memory the line is left out, and the log says so.
 *
 * Never: writes anywhere itself; looks at the environment.
 */
#include "transport/transport.h"

/* No table is looked into, for what is written is a secret. */
static void wr_hex(struct buf* line, const uint8_t* base, size_t len) {
  size_t i;

  for (i = 0; i < 2 * len; i++) {
    unsigned nibble = (unsigned) base[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15;
    unsigned letter = (9 - nibble) >> 8 & ('a' - '0' - 10);

    wr_u8(line, (uint8_t) ('0' + nibble + letter));
  }
}

void uvssh__keylog(const struct transport* t, const struct exchange* x) {
  static const char type[] = " SHARED_SECRET ";
  const uvssh_config_t* c = &t->desk->config;
  const struct buf* kexinit =
      t->desk->is_server ? &t->hs->i_peer : &t->hs->i_ours;
  struct buf line = { .secret = 1 };

  if (c->keylog == NULL)
    return;
  wr_hex(&line, kexinit->base + 1, KEXINIT_COOKIE);
  wr_bytes(&line, type, sizeof(type) - 1);
  wr_hex(&line, x->k.base + 4, x->k.len - 4);
  wr_u8(&line, '\0');
  if (line.bad)
    uvssh__log(&t->desk->log, UVSSH_LOG_ERROR, "no memory for the key log");
  else
    c->keylog(c->keylog_arg, t->desk->pub, (const char*) line.base);
  uvssh__buf_free(&line);
}
