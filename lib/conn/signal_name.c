/* signal_name.c: the names of RFC 4254 section 6.10; the numbers are the
 * system's. */
#include "conn/conn.h"

#include <signal.h>

static const struct {
  int number;
  const char* name;
} signals[] = {
  { SIGABRT, "ABRT" },
  { SIGFPE, "FPE" },
  { SIGILL, "ILL" },
  { SIGINT, "INT" },
  { SIGSEGV, "SEGV" },
  { SIGTERM, "TERM" },
#ifdef SIGALRM
  { SIGALRM, "ALRM" },
#endif
#ifdef SIGHUP
  { SIGHUP, "HUP" },
#endif
#ifdef SIGKILL
  { SIGKILL, "KILL" },
#endif
#ifdef SIGPIPE
  { SIGPIPE, "PIPE" },
#endif
#ifdef SIGQUIT
  { SIGQUIT, "QUIT" },
#endif
#ifdef SIGUSR1
  { SIGUSR1, "USR1" },
  { SIGUSR2, "USR2" },
#endif
};

const char* uvssh__signal_name(int signum) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(signals); i++)
    if (signals[i].number == signum)
      return signals[i].name;
  return "OTHER@uvssh";
}
