/* fuzz.c: a counting heap, randomness that repeats itself, and the keys that
 * all executions share.
 *
 * Never: random bytes that anybody may use for anything else.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#define BLOCK_MAX ((size_t) 64 << 20)  /* nothing here needs more at once */

static struct {
  size_t live;                     /* blocks that the library holds */
  size_t kept;                     /* the keys: those stay */
  unsigned fail_in;                /* allocations; 0: none fails */
  int hold;
  uint64_t random;
  uint64_t trace;
  uvssh_key_t* key[2];
} all;

void fuzz_broken(const char* file, int line, const char* what) {
  fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
  abort();
}

/* ---- what was done ------------------------------------------------------ */

static void trace_number(uint64_t n) {
  all.trace = (all.trace ^ n) * 0x100000001b3;
  all.trace ^= all.trace >> 31;
}

void fuzz_trace(const void* base, size_t n) {
  const uint8_t* p = (const uint8_t*) base;
  size_t i;

  trace_number(n);
  for (i = 0; i < n; i++)
    all.trace = (all.trace ^ p[i]) * 0x100000001b3;
}

uint64_t fuzz_traced(void) {
  return all.trace;
}

/* ---- heap --------------------------------------------------------------- */

static int fails(size_t size) {
  trace_number(size);
  return !all.hold && all.fail_in != 0 && --all.fail_in == 0;
}

static void* took(void* base) {
  MUST(base != NULL);
  all.live++;
  return base;
}

static void* heap_malloc(size_t size) {
  MUST(size <= BLOCK_MAX);
  return fails(size) ? NULL : took(malloc(size));
}

static void* heap_calloc(size_t count, size_t size) {
  MUST(count <= BLOCK_MAX / size);
  return fails(count * size) ? NULL : took(calloc(count, size));
}

static void* heap_realloc(void* old, size_t size) {
  void* base;

  MUST(size <= BLOCK_MAX);
  if (fails(size))
    return NULL;
  base = realloc(old, size);
  MUST(base != NULL);
  return base;
}

static void heap_free(void* base) {
  MUST(all.live != 0);
  all.live--;
  free(base);
}

uint8_t* fuzz_copy(const uint8_t* data, size_t size) {
  uint8_t* copy = (uint8_t*) malloc(size == 0 ? 1 : size);

  MUST(copy != NULL);
  if (size != 0)
    memcpy(copy, data, size);
  return copy;
}

/* ---- randomness --------------------------------------------------------- */

/* xorshift64*: evenly spread is all that is asked of it. */
static void random_bytes(void* out, size_t len) {
  uint8_t* p = (uint8_t*) out;
  size_t i;

  trace_number(len);
  for (i = 0; i < len; i++) {
    all.random ^= all.random >> 12;
    all.random ^= all.random << 25;
    all.random ^= all.random >> 27;
    p[i] = (uint8_t) ((all.random * 2685821657736338717u) >> 56);
  }
}

/* ---- the frame ---------------------------------------------------------- */

int LLVMFuzzerInitialize(int* argc, char*** argv) {
  size_t i;

  MUST(uvssh_replace_allocator(heap_malloc, heap_realloc, heap_calloc,
                               heap_free) == 0);
  MUST(uvssh__crypto_init() == 0);
  uvssh__random_source = random_bytes;
  all.random = 1;
  for (i = 0; i < ARRAY_SIZE(all.key); i++)
    MUST(uvssh_key_generate(&all.key[i], UVSSH_KEY_ED25519, 0) == 0);
  all.kept = all.live;
  return 0;
}

void fuzz_begin(void) {
  all.random = 88172645463325252u;
  all.trace = 0;
  all.fail_in = 0;
  all.hold = 0;
}

void fuzz_memory_fails(unsigned n) {
  all.fail_in = n;
}

void fuzz_memory_hold(int hold) {
  all.hold = hold;
}

int fuzz_end(void) {
  MUST(all.live == all.kept);
  return 0;
}

uvssh_key_t* fuzz_key(int which) {
  return all.key[which];
}
