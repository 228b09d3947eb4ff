/* soak.c: the load of load.h for as long as one likes, with a line a second
 * into a file. scripts/soak runs it.
 *
 *   soak SECONDS CSV [SESSIONS [CHANNELS [SEED]]]
 *
 * Exit status: 0, or 1 when something went wrong. */
#include <malloc.h>
#include <stdlib.h>

#include "load.h"

/* ---- the library's heap: counted, and nothing else ----------------------- */

static size_t bytes;

static size_t library_bytes(void) {
  return __atomic_load_n(&bytes, __ATOMIC_RELAXED);
}

static void* took(void* base) {
  __atomic_add_fetch(&bytes, malloc_usable_size(base), __ATOMIC_RELAXED);
  return base;
}

static void* take(size_t size) {
  return took(malloc(size));
}

static void* take_zeroed(size_t count, size_t size) {
  return took(calloc(count, size));
}

static void* take_again(void* old, size_t size) {
  size_t before = malloc_usable_size(old);
  void* base = realloc(old, size);

  if (base == NULL)
    return NULL;
  __atomic_sub_fetch(&bytes, before, __ATOMIC_RELAXED);
  return took(base);
}

static void give(void* base) {
  __atomic_sub_fetch(&bytes, malloc_usable_size(base), __ATOMIC_RELAXED);
  free(base);
}

/* -------------------------------------------------------------------------- */

static unsigned number(int argc, char** argv, int i, unsigned other) {
  return argc > i ? (unsigned) strtoul(argv[i], NULL, 10) : other;
}

int main(int argc, char** argv) {
  struct load_options o = {
    .seconds = number(argc, argv, 1, 0),
    .sessions = number(argc, argv, 3, 500),
    .channels = number(argc, argv, 4, 4),
    .seed = number(argc, argv, 5, 1),
    .library_bytes = library_bytes
  };
  struct load_result r;
  int failures;

  if (argc < 3 || o.seconds == 0 || o.sessions == 0 || o.channels == 0 ||
      o.channels > CHANNELS_MAX) {
    fprintf(stderr, "usage: soak SECONDS CSV [SESSIONS [CHANNELS [SEED]]]\n");
    return 2;
  }
  o.csv = fopen(argv[2], "w");
  if (o.csv == NULL) {
    perror(argv[2]);
    return 2;
  }
  if (uvssh_replace_allocator(take, take_again, take_zeroed, give) != 0)
    return 2;
  failures = load_run(&o, &r);
  fclose(o.csv);
  printf("soak: %d wrong; %llu sessions, %llu channels, %llu MiB, %llu "
         "exchanges\n", failures, (unsigned long long) r.sessions_ended,
         (unsigned long long) r.channels_ended,
         (unsigned long long) r.bytes >> 20, (unsigned long long) r.exchanges);
  return failures != 0;
}
