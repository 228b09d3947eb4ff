/* ident.c: the identification strings, RFC 4253 section 4.2.
 *
 * Happy path: our line leaves at once, with our KEXINIT behind it; the peer's
 * line is kept for the exchange hash.
 * Failures: a line that is too long, holds a NUL, or names another protocol;
 * from a client also any line before it; from a server more than 1024.
 *
 * 4.2 asks for CR LF; a lone LF is accepted, as by everybody. */
#include "transport/transport.h"

#include <stdio.h>

void uvssh__ident_send(struct transport* t) {
  char line[IDENT_MAX + 2];
  int len = snprintf(t->ident_ours, sizeof(t->ident_ours) - 2, "SSH-2.0-%s",
                     t->desk->config.software);

  if (len < 0 || (size_t) len >= sizeof(t->ident_ours) - 2) {
    desk_fail(t->desk, UV_EINVAL);
    return;
  }
  memcpy(line, t->ident_ours, (size_t) len);
  memcpy(line + len, "\r\n", 2);
  uvssh__send_raw(t, line, (size_t) len + 2);
  uvssh__kex_start(t);
}

/* A whole line, without its end. 1: it was the identification. */
static int on_line(struct transport* t, const char* line, size_t len) {
  char text[IDENT_MAX * 4];

  if (len < 4 || memcmp(line, "SSH-", 4) != 0) {
    if (t->desk->is_server || ++t->ident_lines > IDENT_LINES_MAX)
      return UVSSH_EVERSION;
    return 0;
  }
  if (memchr(line, 0, len) != NULL || len > IDENT_MAX - 2)
    return UVSSH_EVERSION;
  uvssh__log(&t->desk->log, UVSSH_LOG_INFO, "peer is %s",
             uvssh__escape(text, sizeof(text), line, len));
  /* A server may say 1.99 and means 2.0: RFC 4253 section 5.1. */
  if (!(len > 8 && memcmp(line, "SSH-2.0-", 8) == 0) &&
      !(len > 9 && memcmp(line, "SSH-1.99-", 9) == 0 && !t->desk->is_server))
    return UVSSH_EVERSION;
  memcpy(t->ident_peer, line, len);
  t->ident_peer[len] = '\0';
  return 1;
}

/* Lines collect in the tail; one that grows beyond any limit is refused when
 * it does, not when it ends. */
int uvssh__ident_feed(struct transport* t, uint8_t** p, size_t* n) {
  size_t max = t->desk->is_server ? IDENT_MAX : IDENT_LINE_MAX;
  const uint8_t* end;
  size_t take;
  int is_ident;

  while (*n > 0) {
    end = (const uint8_t*) memchr(*p, '\n', *n);
    take = end == NULL ? *n : (size_t) (end - *p) + 1;
    if (take > max - t->tail.len)
      return UVSSH_EVERSION;
    uvssh__buf_put(&t->tail, *p, take);
    if (t->tail.bad)
      return UV_ENOMEM;
    *p += take;
    *n -= take;
    if (end == NULL)
      return 0;
    take = t->tail.len - 1;
    if (take > 0 && t->tail.base[take - 1] == '\r')
      take--;
    is_ident = on_line(t, (const char*) t->tail.base, take);
    uvssh__buf_reset(&t->tail);
    if (is_ident < 0)
      return is_ident;
    if (is_ident) {
      t->phase = T_KEXINIT;
      t->kex_started = desk_now(t->desk);  /* until now nobody could answer */
      return 0;
    }
  }
  return 0;
}
