/* library.c: see library.h. */
#define _GNU_SOURCE
#include "library.h"

#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <string.h>

#include "check.h"

/* They run before a sanitizer is ready to look on. */
#define UNWATCHED                                                             \
  __attribute__((no_sanitize("address"), no_sanitize("undefined"),            \
                 no_sanitize("thread")))

/* ---- who calls ----------------------------------------------------------- */

static const char* const names[] = { "mbedcrypto", "sodium", "libuv.so" };

enum { LIBRARIES = sizeof(names) / sizeof(names[0]) };

static struct { uintptr_t from, to; } ranges[LIBRARIES];

static int on_object(struct dl_phdr_info* info, size_t size, void* arg) {
  const ElfW(Phdr)* p;
  uintptr_t from;
  unsigned i, k;

  for (k = 0; k < LIBRARIES; k++)
    for (i = 0; i < info->dlpi_phnum && strstr(info->dlpi_name, names[k]);
         i++) {
      p = &info->dlpi_phdr[i];
      from = info->dlpi_addr + p->p_vaddr;
      if (p->p_type == PT_LOAD && (p->p_flags & PF_X) != 0) {
        ranges[k].from = from;
        ranges[k].to = from + p->p_memsz;
      }
    }
  return 0;
}

__attribute__((constructor)) static void find_ranges(void) {
  (void) dl_iterate_phdr(on_object, NULL);
}

int library_is_there(const char* name) {
  unsigned k;

  for (k = 0; k < LIBRARIES; k++)
    if (strcmp(names[k], name) == 0)
      return ranges[k].to != 0;
  FAIL("no library is called %s", name);
}

/* ---- which one fails ----------------------------------------------------- */

#define GET(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define SET(x, v) __atomic_store_n(&(x), (v), __ATOMIC_SEQ_CST)

static struct {
  size_t count;
  size_t first;                    /* 0: none */
  size_t last;
  int failed;
  int paused;
} plan;

void library_fail(size_t n, int on) {
  SET(plan.first, 0);
  SET(plan.count, 0);
  SET(plan.failed, 0);
  SET(plan.last, on ? SIZE_MAX : n);
  SET(plan.first, n);
}

void library_pause(int pause) {
  SET(plan.paused, pause);
}

int library_failed(void) {
  return GET(plan.failed);
}

size_t library_count(void) {
  return GET(plan.count);
}

int library_sweep(size_t n, int on) {
  if (n > 1 && !library_failed()) {
    library_fail(0, 0);
    return 0;
  }
  library_fail(n, on);
  return 1;
}

/* Counts the calls of the libraries; 0 where it has to fail. */
UNWATCHED static int may(const void* caller) {
  uintptr_t at = (uintptr_t) caller;
  size_t first = GET(plan.first);
  size_t n;
  unsigned k;

  for (k = 0; k < LIBRARIES; k++)
    if (at >= ranges[k].from && at < ranges[k].to)
      break;
  if (k == LIBRARIES || GET(plan.paused))
    return 1;
  n = __atomic_add_fetch(&plan.count, 1, __ATOMIC_SEQ_CST);
  if (first == 0 || n < first || n > GET(plan.last))
    return 1;
  SET(plan.failed, 1);
  return 0;
}

/* ---- where it leads ------------------------------------------------------ */

/* A sanitizer's own, where there is one. */
extern void* __interceptor_malloc(size_t size) __attribute__((weak));
extern void* __interceptor_calloc(size_t n, size_t size) __attribute__((weak));
extern void* __interceptor_realloc(void* p, size_t size) __attribute__((weak));

static struct {
  void* (*malloc)(size_t size);
  void* (*calloc)(size_t count, size_t size);
  void* (*realloc)(void* old, size_t size);
} next = { __interceptor_malloc, __interceptor_calloc, __interceptor_realloc };

/* dlsym() may allocate, before it knows where: never to be freed. */
static uint8_t early[4096] __attribute__((aligned(16)));
static size_t early_len;

UNWATCHED static void* from_early(size_t size) {
  size_t at = early_len;

  size = (size + 15) & ~(size_t) 15;
  if (size > sizeof(early) - at)
    return NULL;
  early_len += size;
  return early + at;
}

UNWATCHED static void find(void* out, const char* name) {
  static int finding;
  void* symbol;

  if (finding)
    return;
  finding = 1;
  symbol = dlsym(RTLD_NEXT, name);
  memcpy(out, &symbol, sizeof(symbol));
  finding = 0;
}

UNWATCHED void* malloc(size_t size) {
  if (!may(__builtin_return_address(0)))
    return NULL;
  if (next.malloc == NULL)
    find(&next.malloc, "malloc");
  return next.malloc == NULL ? from_early(size) : next.malloc(size);
}

UNWATCHED void* calloc(size_t count, size_t size) {
  if (!may(__builtin_return_address(0)))
    return NULL;
  if (next.calloc == NULL)
    find(&next.calloc, "calloc");
  return next.calloc == NULL ? from_early(count * size)
                             : next.calloc(count, size);
}

UNWATCHED void* realloc(void* old, size_t size) {
  if (!may(__builtin_return_address(0)))
    return NULL;
  if (next.realloc == NULL)
    find(&next.realloc, "realloc");
  return next.realloc == NULL ? NULL : next.realloc(old, size);
}
