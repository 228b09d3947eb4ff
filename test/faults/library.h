/* library.h: allocations of the libraries below ours (mbedTLS, libsodium,
 * libuv) that fail, without their help.
 *
 *   if (!library_is_there())
 *     SKIP("...");
 *   LIBRARY_SWEEP(n) {
 *     ...                            the n-th of theirs fails in here
 *   }
 *
 * The program that links library.c has its malloc(), calloc() and realloc():
 * they look who calls, by address, and lead on to those of libc, of a sanitizer
 * or of valgrind. So nothing but the caller's own call fails: neither the
 * test's memory nor ours (heap_fail_at() is for that). Any thread.
 */
#ifndef LIBRARY_H
#define LIBRARY_H

#include <stddef.h>

/* 0: none of them is a shared object here, so its calls are nobody's. */
int library_is_there(const char* name);
/* From now on: the n-th fails, and where `on` all behind it; 0: none does. */
void library_fail(size_t n, int on);
/* What is called in between neither counts nor fails. */
void library_pause(int pause);
int library_failed(void);
/* How many there were since. */
size_t library_count(void);
/* As HEAP_SWEEP(). */
#define LIBRARY_SWEEP(n) for (size_t n = 1; library_sweep(n, 0); n++)
#define LIBRARY_SWEEP_ON(n) for (size_t n = 1; library_sweep(n, 1); n++)
int library_sweep(size_t n, int on);

#endif
