/* check.c: runs tests, and is the library's heap meanwhile. See check.h.
 *
 * The heap is counted with atomics: jobs allocate on threads of the pool, and
 * tests have threads of their own. All else belongs to the thread of main().
 */
#include "check.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "uvssh/errno.h"

#define FRESH 0xa5                 /* what new memory is filled with */
#define SHOWN 24                   /* bytes of each side in a hex line */
#define BLOCK_MAX (1u << 30)       /* more is out of memory at once */

enum { PASSED = 1, FAILED, SKIPPED };   /* 0 is setjmp()'s own */

static struct {
  struct check_test* first;
  struct check_test** last;
  struct check_test* now;
  uv_thread_t thread;
  jmp_buf out;
  char note[256];
  int kept;
} check = { .last = &check.first };

static struct {
  size_t live;
  size_t bytes;
  size_t count;
  size_t fail_at;
  size_t fail_to;                  /* the last of them */
  int failed;
  heap_free_cb on_free;
} heap;

#define GET(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define SET(x, v) __atomic_store_n(&(x), (v), __ATOMIC_SEQ_CST)
#define ADD(x, v) __atomic_add_fetch(&(x), (v), __ATOMIC_SEQ_CST)
#define SUB(x, v) __atomic_sub_fetch(&(x), (v), __ATOMIC_SEQ_CST)

/* ---- heap ---------------------------------------------------------------- */

/* Counts one allocation; 0 when it has to fail. A size of 0 does, as C allows:
 * the library must not come with one. */
static int heap_may(size_t size) {
  size_t n = ADD(heap.count, 1);

  if (n >= GET(heap.fail_at) && n <= GET(heap.fail_to)) {
    SET(heap.failed, 1);
    return 0;
  }
  return size != 0 && size <= BLOCK_MAX;
}

static void* heap_took(void* base) {
  if (base != NULL) {
    ADD(heap.live, 1);
    ADD(heap.bytes, malloc_usable_size(base));
  }
  return base;
}

static void heap_let_go(void* base) {
  heap_free_cb cb = GET(heap.on_free);

  if (cb != NULL)
    cb(base, malloc_usable_size(base));
}

static void* heap_malloc(size_t size) {
  void* base;

  if (!heap_may(size))
    return NULL;
  base = malloc(size);
  if (base != NULL)
    memset(base, FRESH, size);
  return heap_took(base);
}

/* The library looks for overflow first. */
static void* heap_calloc(size_t count, size_t size) {
  if (!heap_may(count * size))
    return NULL;
  return heap_took(calloc(count, size));
}

/* The library never comes with NULL. */
static void* heap_realloc(void* old, size_t size) {
  size_t old_size = malloc_usable_size(old);
  void* base;

  if (!heap_may(size))
    return NULL;
  heap_let_go(old);
  base = realloc(old, size);
  if (base == NULL)
    return NULL;
  if (size > old_size)
    memset((char*) base + old_size, FRESH, size - old_size);
  SUB(heap.bytes, old_size);
  ADD(heap.bytes, malloc_usable_size(base));
  return base;
}

static void heap_free(void* base) {
  heap_let_go(base);
  SUB(heap.bytes, malloc_usable_size(base));
  SUB(heap.live, 1);
  free(base);
}

/* Other threads may allocate meanwhile: none of them meets the number of before
 * with the count of now. */
static void heap_fail(size_t first, size_t last) {
  SET(heap.fail_to, 0);
  SET(heap.failed, 0);
  SET(heap.count, 0);
  SET(heap.fail_at, first);
  SET(heap.fail_to, last);
}

void heap_fail_at(size_t n) {
  heap_fail(n, n);
}

void heap_fail_from(size_t n) {
  heap_fail(n, SIZE_MAX);
}

int heap_failed(void) {
  return GET(heap.failed);
}

size_t heap_count(void) {
  return GET(heap.count);
}

size_t heap_live(void) {
  return GET(heap.live);
}

size_t heap_bytes(void) {
  return GET(heap.bytes);
}

void heap_on_free(heap_free_cb cb) {
  SET(heap.on_free, cb);
}

unsigned check_share(void) {
  const char* text = getenv("UVSSH_TEST_SHARE");
  unsigned long share = text == NULL ? 1 : strtoul(text, NULL, 10);

  return share < 1 || share > 1000000 ? 1 : (unsigned) share;
}

unsigned check_stride(void) {
  return check_share() < 100 ? 1 : 5;
}

int check_release(void) {
  return getenv("UVSSH_TEST_RELEASE") != NULL;
}

int heap_sweep(size_t n) {
  if (n > 1 && !heap_failed()) {
    heap_fail_at(0);
    return 0;
  }
  heap_fail_at(n);
  return 1;
}

/* ---- checks -------------------------------------------------------------- */

static int on_test_thread(void) {
  uv_thread_t self = uv_thread_self();

  return uv_thread_equal(&self, &check.thread);
}

__attribute__((noreturn)) static void leave(int outcome) {
  if (!on_test_thread()) {
    printf("a check on a thread that is not the test's: giving up\n");
    fflush(stdout);
    _Exit(1);
  }
  longjmp(check.out, outcome);
}

void check_fail(const char* file, int line, const char* format, ...) {
  va_list args;

  printf("FAILED %s %s:%d ", check.now->name, file, line);
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  if (check.note[0] != '\0')
    printf(" [%s]", check.note);
  if (heap_failed())
    printf(" [allocation %zu failed]", GET(heap.fail_at));
  printf("\n");
  leave(FAILED);
}

void check_skip(const char* format, ...) {
  va_list args;

  printf("skipped %s: ", check.now->name);
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  printf("\n");
  leave(SKIPPED);
}

void check_note(const char* format, ...) {
  va_list args;

  va_start(args, format);
  vsnprintf(check.note, sizeof(check.note), format, args);
  va_end(args);
}

void check_heap_kept(void) {
  check.kept = 1;
}

/* "-5004 (UVSSH_EMESSAGE)", "7" */
static const char* number_text(char* out, size_t size, long long value) {
  const char* name = "UNKNOWN";

  if (value < 0 && value > UVSSH_ERRNO_LAST)
    name = uvssh_err_name((int) value);
  if (strcmp(name, "UNKNOWN") == 0)
    snprintf(out, size, "%lld", value);
  else
    snprintf(out, size, "%lld (%s)", value, name);
  return out;
}

void check_eq(const char* file,
              int line,
              const char* what,
              long long a,
              long long b) {
  char left[64];
  char right[64];

  if (a == b)
    return;
  check_fail(file,
             line,
             "%s: %s, %s",
             what,
             number_text(left, sizeof(left), a),
             number_text(right, sizeof(right), b));
}

void check_str(const char* file,
               int line,
               const char* what,
               const char* a,
               const char* b) {
  if (a == b || (a != NULL && b != NULL && strcmp(a, b) == 0))
    return;
  check_fail(file,
             line,
             "%s: \"%s\", \"%s\"",
             what,
             a == NULL ? "(NULL)" : a,
             b == NULL ? "(NULL)" : b);
}

static const char* hex_text(char out[3 * SHOWN + 4],
                            const uint8_t* base,
                            size_t from,
                            size_t len) {
  size_t at = 0;
  size_t i;

  out[0] = '\0';
  for (i = from; i < len && i - from < SHOWN; i++)
    at += (size_t) snprintf(out + at, 4, "%02x ", base[i]);
  if (i < len)
    snprintf(out + at, 4, "...");
  return out;
}

void check_mem(const char* file,
               int line,
               const char* what,
               const void* a,
               size_t a_len,
               const void* b,
               size_t b_len) {
  const uint8_t* x = a;
  const uint8_t* y = b;
  char left[3 * SHOWN + 4];
  char right[3 * SHOWN + 4];
  size_t at = 0;
  size_t from;

  while (at < a_len && at < b_len && x[at] == y[at])
    at += 1;
  if (at == a_len && at == b_len)
    return;
  from = at < 8 ? 0 : at - 8;
  check_fail(file,
             line,
             "%s: %zu and %zu bytes, from %zu on: %s, %s (differ at %zu)",
             what,
             a_len,
             b_len,
             from,
             hex_text(left, x, from, a_len),
             hex_text(right, y, from, b_len),
             at);
}

/* ---- running ------------------------------------------------------------- */

void check_add(struct check_test* test) {
  *check.last = test;
  check.last = &test->next;
}

/* Without locals of its own that longjmp() could spoil. */
static int run_guarded(void) {
  int outcome = setjmp(check.out);

  if (outcome != 0)
    return outcome;
  check.now->run();
  return PASSED;
}

static int run_one(struct check_test* test) {
  size_t live = heap_live();
  int outcome;

  check.now = test;
  check.note[0] = '\0';
  check.kept = 0;
  heap_fail_at(0);
  heap_on_free(NULL);

  outcome = run_guarded();
  if (outcome != PASSED)
    return outcome;
  if (!check.kept && heap_live() != live) {
    printf("FAILED %s leaked: %zu blocks before, %zu after\n",
           test->name,
           live,
           heap_live());
    return FAILED;
  }
  printf("ok %s\n", test->name);
  return PASSED;
}

static int is_named(const struct check_test* test, int argc, char** argv) {
  int i;

  if (argc == 1)
    return 1;
  for (i = 1; i < argc; i++) {
    if (strcmp(argv[i], "-k") == 0 && i + 1 < argc) {
      i += 1;
      if (strstr(test->name, argv[i]) != NULL)
        return 1;
    } else if (strcmp(argv[i], test->name) == 0) {
      return 1;
    }
  }
  return 0;
}

static int list(void) {
  struct check_test* test;

  for (test = check.first; test != NULL; test = test->next)
    printf("%s\n", test->name);
  return 0;
}

int main(int argc, char** argv) {
  int outcomes[SKIPPED + 1] = { 0 };
  struct check_test* test;

  if (argc == 2 && strcmp(argv[1], "--list") == 0)
    return list();

  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
  check.thread = uv_thread_self();
  if (uvssh_replace_allocator(
          heap_malloc, heap_realloc, heap_calloc, heap_free) != 0) {
    return 2;
  }

  for (test = check.first; test != NULL; test = test->next) {
    if (is_named(test, argc, argv))
      outcomes[run_one(test)] += 1;
  }

  printf("%d passed, %d failed\n", outcomes[PASSED], outcomes[FAILED]);
  if (outcomes[FAILED] != 0)
    return 1;
  if (outcomes[PASSED] != 0)
    return 0;
  return outcomes[SKIPPED] != 0 ? 77 : 2;
}
