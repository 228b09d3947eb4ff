/* fuzz.h: what every fuzz target stands on, and its manual.
 *
 * A target is one file with LLVMFuzzerTestOneInput(), which calls fuzz_begin()
 * first and fuzz_end() last:
 *
 *   int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
 *     fuzz_begin();
 *     ... parse, MUST(what has to hold) ...
 *     return fuzz_end();
 *   }
 *
 * It is linked with libFuzzer (scripts/fuzz), or with replay.c, whose main()
 * runs the files of a corpus through it, in every build.
 *
 * An execution is a function of its input: randomness comes from a counter that
 * begins anew with each, time is a variable. What the library allocates is
 * counted, and all of it has to be back at the end.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "key/key.h"

/* Whatever does not hold ends the program: that is what libFuzzer looks for. */
#define MUST(cond) \
  ((cond) ? (void) 0 : fuzz_broken(__FILE__, __LINE__, #cond))

void fuzz_broken(const char* file, int line, const char* what)
    __attribute__((noreturn));

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
int LLVMFuzzerInitialize(int* argc, char*** argv);

/* Randomness from its beginning. */
void fuzz_begin(void);
/* All memory is back. Returns 0. */
int fuzz_end(void);

/* What an execution did goes into one number: each allocation, how much
 * randomness, and what targets add, such as bytes that leave and lines of the
 * log. replay.c runs an input twice: the number is the same, or something is no
 * function of the input. Reads all n bytes, as a sanitizer wants. */
void fuzz_trace(const void* base, size_t n);
uint64_t fuzz_traced(void);

/* The n-th allocation from now on fails, that one only; 0: none does. What the
 * target itself does with the library's memory is left out between hold(1) and
 * hold(0). */
void fuzz_memory_fails(unsigned n);
void fuzz_memory_hold(int hold);

/* The bytes in memory of exactly their size, so that one byte beyond is found.
 * Given back with free(). */
uint8_t* fuzz_copy(const uint8_t* data, size_t size);

/* Two keys with secrets, the same in every execution: a host's, a user's. */
enum { KEY_OF_HOST, KEY_OF_USER };
uvssh_key_t* fuzz_key(int which);

/* ---- the input as a stream of small decisions, then of bytes ------------- */

struct input {
  const uint8_t* at;
  size_t left;
};

static inline uint8_t input_u8(struct input* in) {
  if (in->left == 0)
    return 0;
  in->left--;
  return *in->at++;
}

static inline unsigned input_u16(struct input* in) {
  unsigned high = input_u8(in);
  return high << 8 | input_u8(in);
}

/* At most n bytes; how many they are. */
static inline size_t input_take(struct input* in, size_t n, const uint8_t** p) {
  if (n > in->left)
    n = in->left;
  *p = in->at;
  if (n != 0)                      /* NULL + 0 is undefined */
    in->at += n;
  in->left -= n;
  return n;
}

#endif
