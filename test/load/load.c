/* load.c: the run, what it says, and what it looks at. See load.h. */
#include "load.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { SHOWN = 20, TELL_S = 5 };   /* failures printed; seconds a line */

void load_fail(struct load* l, const char* format, ...) {
  char text[512];
  va_list args;

  va_start(args, format);
  vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  if (__atomic_add_fetch(&l->failures, 1, __ATOMIC_SEQ_CST) <= SHOWN)
    printf("load: WRONG: %s\n", text);
}

/* KiB that are resident, and this process's part of them; 0 where /proc does
 * not tell. */
static void memory(unsigned long* rss, unsigned long* pss) {
  FILE* file = fopen("/proc/self/smaps_rollup", "r");
  char line[256];

  *rss = *pss = 0;
  if (file == NULL)
    return;
  while (fgets(line, sizeof(line), file) != NULL) {
    (void) sscanf(line, "Rss: %lu", rss);
    (void) sscanf(line, "Pss: %lu", pss);
  }
  fclose(file);
}

void load_tell(struct load* l, unsigned second, uint64_t exchanges_live) {
  unsigned long long exchanges = l->r.exchanges + exchanges_live;
  unsigned long long ended = l->r.sessions_ended;
  size_t ours = l->o.library_bytes();
  unsigned long rss, pss;

  if (l->o.csv == NULL && second % TELL_S != 0)
    return;
  memory(&rss, &pss);
  if (l->o.csv != NULL) {
    fprintf(l->o.csv, "%u,%lu,%lu,%zu,%u,%u,%llu,%llu,%llu\n", second, rss, pss,
            ours / 1024, l->sessions_live, l->channels_live, ended,
            (unsigned long long) l->r.bytes, exchanges);
    fflush(l->o.csv);
  }
  if (second % TELL_S == 0) {
    printf("load: %u s: %u sessions, %u channels, %llu sessions ended, %llu "
           "MiB echoed, %llu exchanges, %lu MiB resident, %zu MiB of it ours\n",
           second, l->sessions_live, l->channels_live, ended,
           (unsigned long long) l->r.bytes >> 20, exchanges, rss >> 10,
           ours >> 20);
    fflush(stdout);
  }
}

/* Two a session, and some. */
static void descriptors(struct load* l) {
  rlim_t wanted = 2 * l->o.sessions + 100;
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
    return;
  limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
    (void) getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < wanted) {
    l->o.sessions = (unsigned) (limit.rlim_cur - 100) / 2;
    printf("load: %u sessions only, for there are %lu descriptors\n",
           l->o.sessions, (unsigned long) limit.rlim_cur);
  }
}

static void check_end(struct load* l) {
  if (l->r.served_ended != l->r.sessions_ended)
    load_fail(l, "%llu sessions ended at the server, %llu at the clients",
              (unsigned long long) l->r.served_ended,
              (unsigned long long) l->r.sessions_ended);
  if (l->channels_live != 0 || l->sessions_live != 0)
    load_fail(l, "%u channels, %u sessions never ended", l->channels_live,
              l->sessions_live);
}

int load_run(const struct load_options* options, struct load_result* result) {
  size_t before = options->library_bytes();
  struct load l;

  memset(&l, 0, sizeof(l));
  l.o = *options;
  descriptors(&l);
  if (l.o.csv != NULL)
    fprintf(l.o.csv, "second,rss_kib,pss_kib,library_kib,sessions,channels,"
                     "sessions_ended,bytes,exchanges\n");
  if (uvssh_key_generate(&l.host_key, UVSSH_KEY_ED25519, 0) != 0 ||
      uvssh_key_generate(&l.user_key, UVSSH_KEY_ED25519, 0) != 0 ||
      load_server_start(&l) != 0)
    abort();
  load_clients(&l);
  load_server_stop();
  check_end(&l);
  uvssh_key_unref(l.host_key);
  uvssh_key_unref(l.user_key);
  if (l.o.library_bytes() != before)
    load_fail(&l, "%zu bytes of the library are left",
              l.o.library_bytes() - before);
  *result = l.r;
  result->sessions = l.o.sessions;
  return (int) l.failures;
}
