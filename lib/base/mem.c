/* mem.c: the allocator hook, and zeroing that stays.
 *
 * Every allocation of the library itself goes through here, so a test counts
 * them and lets the n-th fail, and a user puts them where they like.
 *
 * A size of 0 means 1, so NULL always and only means "out of memory", and
 * realloc(ptr, 0) never frees: C leaves both open.
 *
 * Never: locks (the hook is set before anything else runs), aborts.
 */
#include "base/base.h"

#include <stdlib.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

static struct {
  uv_malloc_func malloc;
  uv_realloc_func realloc;
  uv_calloc_func calloc;
  uv_free_func free;
} allocator = { malloc, realloc, calloc, free };

int uvssh_replace_allocator(uv_malloc_func malloc_func,
                            uv_realloc_func realloc_func,
                            uv_calloc_func calloc_func,
                            uv_free_func free_func) {
  if (malloc_func == NULL || realloc_func == NULL || calloc_func == NULL ||
      free_func == NULL) {
    return UV_EINVAL;
  }

  allocator.malloc = malloc_func;
  allocator.realloc = realloc_func;
  allocator.calloc = calloc_func;
  allocator.free = free_func;
  return 0;
}

void* uvssh__malloc(size_t size) {
  return allocator.malloc(size == 0 ? 1 : size);
}

void* uvssh__calloc(size_t count, size_t size) {
  if (count == 0 || size == 0)
    return allocator.calloc(1, 1);
  if (count > SIZE_MAX / size)     /* a user's function may not look */
    return NULL;
  return allocator.calloc(count, size);
}

void* uvssh__realloc(void* ptr, size_t size) {
  if (ptr == NULL)
    return uvssh__malloc(size);
  return allocator.realloc(ptr, size == 0 ? 1 : size);
}

void uvssh__free(void* ptr) {
  if (ptr != NULL)
    allocator.free(ptr);
}

/* glibc gives back by itself only what is free at the heap's end, and a single
 * small piece there, anybody's, is enough that it is nothing. */
void uvssh__give_back(void) {
#if defined(__GLIBC__)
  if (allocator.malloc == malloc)
    (void) malloc_trim(0);
#endif
}

char* uvssh__strndup(const void* base, size_t len) {
  char* copy;

  if (len == SIZE_MAX)
    return NULL;
  copy = uvssh__malloc(len + 1);
  if (copy == NULL)
    return NULL;
  if (len != 0)
    memcpy(copy, base, len);
  copy[len] = '\0';
  return copy;
}

#if defined(__GNUC__)

void uvssh__wipe(void* ptr, size_t size) {
  if (size == 0)
    return;
  memset(ptr, 0, size);
  /* Claims to read the memory, so the stores before it must happen. */
  __asm__ __volatile__("" : : "r"(ptr) : "memory");
}

#else

/* Volatile: the compiler cannot know that it is memset that is called. */
static void* (*volatile wipe_func)(void*, int, size_t) = memset;

void uvssh__wipe(void* ptr, size_t size) {
  if (size != 0)
    wipe_func(ptr, 0, size);
}

#endif

/* Of all that is called from where this is, nothing is deeper. A session is
 * freed at a turn's end, and has worked below libuv's frame around epoll, which
 * takes 12 KiB in 1.44 and 15 in 1.50. */
enum { STACK_BYTES = 32768 };

NOINLINE void uvssh__wipe_stack(void) {
  uint8_t below[STACK_BYTES];

  uvssh__wipe(below, sizeof(below));
}

void uvssh__free_secret(void* ptr, size_t size) {
  if (ptr == NULL)
    return;
  uvssh__wipe(ptr, size);
  uvssh__free(ptr);
}
