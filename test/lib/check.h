/* check.h: the frame of every test program, and its manual.
 *
 * A test program is one file of tests, check.c and the library:
 *
 *   #include "check.h"
 *
 *   TEST(buf_grows) {
 *     struct buf b = { 0 };
 *     uvssh__buf_put(&b, "abc", 3);
 *     CHECK_EQ(b.len, 3);
 *     CHECK_MEM(b.base, b.len, "abc", 3);
 *     uvssh__buf_free(&b);
 *   }
 *
 * There is no list to add it to and no main() to write. The tests run in the
 * order of the file, in one process:
 *
 *   program                   all of them
 *   program NAME ...          those
 *   program -k TEXT           those with TEXT in their name
 *   program --list            their names
 *
 * and say, a line each,
 *
 *   ok NAME
 *   FAILED NAME file:line what was checked and what it was
 *   skipped NAME: reason
 *   N passed, N failed        the last line
 *
 * Exit status: 0; 1 when a test failed; 77 when all were skipped (meson shows
 * that as a skip); 2 for arguments that name no test.
 *
 * Checks
 *   A check that fails prints, and leaves the test at once by longjmp(): what
 *   comes after it does not run, what the test holds stays held. So it may
 *   stand in a callback, under uv_run() too; that loop is then lost, so a test
 *   makes a loop of its own. Only on the thread of the test: on another one it
 *   ends the whole program (carry results over and check them in the test).
 *   Every argument is evaluated once.
 *
 * Heap
 *   The library allocates from here (uvssh_replace_allocator()). A test that
 *   passed must have given back all it took, or it fails with "leaked";
 *   HEAP_KEPT() in it says that it keeps some by design. Fresh memory is filled
 *   with 0xa5, and a block above 1 GiB is out of memory at once. libuv,
 *   libsodium and mbedTLS keep their own allocators: what those hold is for
 *   the leak check of the sanitizers.
 *
 *   To let every allocation fail in turn, and at last none:
 *
 *     HEAP_SWEEP(n) {
 *       int err = thing_open(&thing);
 *       CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
 *       if (err == 0)
 *         thing_close(&thing);
 *     }
 *
 *   Each round must undo all it did. Set up outside of it what has to stay.
 *
 *   To see what is let go of, such as a secret that should be gone by then:
 *   heap_on_free().
 *
 * Never: a wall clock, a network, a file.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TEST(name)                                                            \
  static void test_##name(void);                                              \
  static struct check_test row_##name = { #name, test_##name, NULL };         \
  __attribute__((constructor)) static void add_##name(void) {                 \
    check_add(&row_##name);                                                   \
  }                                                                           \
  static void test_##name(void)

/* ---- checks -------------------------------------------------------------- */

#define CHECK(cond)                                                           \
  ((cond) ? (void) 0 : check_fail(__FILE__, __LINE__, "%s", #cond))

/* Integers of any type, compared as 64 bits. Codes are shown with their names:
 * "err == 0: -5004 (UVSSH_EMESSAGE), 0". */
#define CHECK_EQ(a, b)                                                        \
  check_eq(__FILE__, __LINE__, #a " == " #b, (long long) (a), (long long) (b))

/* Texts that end in NUL; NULL equals only NULL. */
#define CHECK_STR(a, b)                                                       \
  check_str(__FILE__, __LINE__, #a " == " #b, (a), (b))

/* Bytes, shown in hex from a little before the first that differs. */
#define CHECK_MEM(a, a_len, b, b_len)                                         \
  check_mem(__FILE__, __LINE__, #a " == " #b, (a), (a_len), (b), (b_len))

/* FAIL("no %s", what): always. SKIP("no IPv6 here"): leaves the test too. */
#define FAIL(...) check_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(...) check_skip(__VA_ARGS__)

/* Where in a table or a loop we are: shown behind the next check that fails in
 * this test. NOTE("row %zu", i); NOTE("") says nothing again. */
#define NOTE(...) check_note(__VA_ARGS__)

/* ---- heap ---------------------------------------------------------------- */

/* This test keeps memory of the library, or lets the library keep it. */
#define HEAP_KEPT() check_heap_kept()

/* Runs its block with n = 1, 2, ...: the n-th allocation in it fails. The
 * round in which none failed is the last one. No `break` out of it. */
#define HEAP_SWEEP(n) for (size_t n = 1; heap_sweep(n); n++)

/* The n-th allocation from now on fails, that one only; 0: none does. malloc,
 * calloc and realloc count. Off again at the start of every test. */
void heap_fail_at(size_t n);
/* The n-th and every later one, until heap_fail_at(0). */
void heap_fail_from(size_t n);
/* Whether it has failed since. */
int heap_failed(void);
/* How many there were since heap_fail_at(), those that failed included. */
size_t heap_count(void);
/* Blocks that the library holds now. */
size_t heap_live(void);
/* Bytes in them, rounded up as malloc() does. */
size_t heap_bytes(void);
/* Called with each block before it is freed, or given to realloc() (which may
 * leave its old bytes behind); NULL: not. On the thread that frees. Off again
 * at the start of every test. */
typedef void (*heap_free_cb)(const void* base, size_t size);
void heap_on_free(heap_free_cb cb);

/* ---- how much ------------------------------------------------------------ */

/* A sweep runs about one case in check_share(): 1 unless UVSSH_TEST_SHARE says
 * otherwise, as it does where a sanitizer or valgrind makes all slow. */
unsigned check_share(void);
/* For short sweeps, which only valgrind makes long: one case in so many. */
unsigned check_stride(void);
/* UVSSH_TEST_RELEASE is set: more seeds, longer walks (scripts/test
 * --release). */
int check_release(void);

/* ---- what the macros stand on -------------------------------------------- */

struct check_test {
  const char* name;
  void (*run)(void);
  struct check_test* next;
};

void check_add(struct check_test* test);
void check_fail(const char* file, int line, const char* format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
void check_eq(const char* file,
              int line,
              const char* what,
              long long a,
              long long b);
void check_str(const char* file,
               int line,
               const char* what,
               const char* a,
               const char* b);
void check_mem(const char* file,
               int line,
               const char* what,
               const void* a,
               size_t a_len,
               const void* b,
               size_t b_len);
void check_skip(const char* format, ...)
    __attribute__((noreturn, format(printf, 1, 2)));
void check_note(const char* format, ...) __attribute__((format(printf, 1, 2)));
void check_heap_kept(void);
int heap_sweep(size_t n);

#endif
