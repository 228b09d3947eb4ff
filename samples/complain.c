/* complain.c: how exec.c says that something went wrong: one line, which ends
 * with what to do about it. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <uvssh.h>

#include "complain.h"
#include "term.h"

static int told;

int complained(void) {
  return told;
}

int complain(const char* format, ...) {
  va_list args;

  if (told)
    return FAILED;
  told = 1;
  if (term_restore() && isatty(STDERR_FILENO))
    fputc('\n', stderr);           /* behind what the host or we had shown */
  fputs("exec: ", stderr);
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  return FAILED;
}

const char* advice(int err) {
  switch (err) {
    case UV_EAI_NONAME:
    case UV_EAI_NODATA:
    case UV_EAI_AGAIN:
    case UV_EAI_FAIL:
      return "check the name of the host";
    case UV_ECONNREFUSED:
      return "nothing listens there; check the host and -p PORT";
    case UV_ETIMEDOUT:
    case UV_EHOSTUNREACH:
    case UV_ENETUNREACH:
      return "no answer; check the host, -p PORT and the network";
    case UVSSH_EVERSION:
      return "that is no SSH server; check -p PORT";
    case UVSSH_ENOBANNER:
      return "it is no SSH server, or takes nobody now; check -p PORT or try "
             "again later";
    case UVSSH_ENOALGO:
      return "this program knows fewer algorithms than ssh; try ssh";
    case UVSSH_EPACKET:
    case UVSSH_EMAC:
    case UVSSH_EMESSAGE:
    case UVSSH_EUNEXPECTED:
    case UVSSH_EKEX:
      return "the host breaks the protocol; check -p PORT, or compare with ssh";
    case UVSSH_EHOSTKEY:           /* and nobody was asked */
      return "the key is @revoked in known_hosts, or not the one that the "
             "session began with; do not go on";
    case UV_EOF:
    case UV_EPIPE:
    case UV_ECONNRESET:
      return "the connection is lost; run it again";
    default:
      return "try again; ssh -v may tell more";
  }
}
