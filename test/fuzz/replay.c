/* replay.c: main() of a target without libFuzzer: each file of the folders that
 * are named, and each file that is named, goes through the target; the empty
 * input is always the first. Where a target has a mutator of its own, so do
 * some inputs that it makes of each file, the same ones every time.
 *
 *   # NAME                    it begins: where one ended all, it is the last
 *   ok NAME
 *   FAILED NAME why
 *   N passed, N failed        the last line
 *
 * Everything runs twice, the second time in the opposite order, and has to do
 * the same: fuzz_trace(). What a target finds ends the program before the last
 * line.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096, CHILDREN = 16, CHILD_BYTES = 8192 };

size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                               unsigned seed) __attribute__((weak));
size_t LLVMFuzzerCustomCrossOver(const uint8_t* data1, size_t size1,
                                 const uint8_t* data2, size_t size2,
                                 uint8_t* out, size_t max_size, unsigned seed)
    __attribute__((weak));

struct file {
  char* name;
  uint8_t* data;
  size_t size;
  uint64_t trace;
};

static struct {
  struct file* file;
  size_t count;
  unsigned passed;
  unsigned failed;
  uint64_t random;
} all;

static void* must(void* p) {
  MUST(p != NULL);
  return p;
}

static void failed(const char* name, const char* why) {
  printf("FAILED %s %s\n", name, why);
  fflush(stdout);
  all.failed++;
}

/* ---- files --------------------------------------------------------------- */

static void add(const char* name, uint8_t* data, size_t size) {
  struct file* f;

  if (all.count % 64 == 0)
    all.file = (struct file*) must(
        realloc(all.file, (all.count + 64) * sizeof(*all.file)));
  f = &all.file[all.count++];
  f->name = (char*) must(strdup(name));
  f->data = data;
  f->size = size;
}

static void add_file(const char* path, const char* name, size_t size) {
  uint8_t* data = (uint8_t*) must(malloc(size == 0 ? 1 : size));
  FILE* file = fopen(path, "rb");
  size_t got = file == NULL ? 0 : fread(data, 1, size, file);

  if (file != NULL)
    fclose(file);
  if (file != NULL && got == size) {
    add(name, data, size);
  } else {
    failed(name, "cannot be read");
    free(data);
  }
}

static int is_wanted(const struct dirent* entry) {
  return entry->d_name[0] != '.';
}

static void add_path(const char* path);

/* In the order of the names, so that two runs are the same. */
static void add_folder(const char* path) {
  char inside[PATH_BYTES];
  struct dirent** entry;
  int n = scandir(path, &entry, is_wanted, alphasort);
  int i;

  if (n <= 0) {
    failed(path, n == 0 ? "is empty" : "cannot be listed");
    return;
  }
  for (i = 0; i < n; i++) {
    (void) snprintf(inside, sizeof(inside), "%s/%s", path, entry[i]->d_name);
    add_path(inside);
    free(entry[i]);
  }
  free(entry);
}

static void add_path(const char* path) {
  const char* slash = strrchr(path, '/');
  const char* name = slash == NULL ? path : slash + 1;
  struct stat info;

  if (stat(path, &info) != 0)
    failed(name, "is not there");
  else if (S_ISDIR(info.st_mode))
    add_folder(path);
  else
    add_file(path, name, (size_t) info.st_size);
}

/* ---- what is made of them ------------------------------------------------ */

static unsigned any(void) {
  all.random = all.random * 6364136223846793005u + 1442695040888963407u;
  return (unsigned) (all.random >> 33);
}

/* As plain as can be: a byte changes, comes or goes. */
size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size) {
  size_t at = size == 0 ? 0 : any() % size;
  unsigned how = any() % 4;

  if (how == 0 && size > 1) {
    memmove(data + at, data + at + 1, size - at - 1);
    return size - 1;
  }
  if (how == 1 && size < max_size) {
    memmove(data + at + 1, data + at, size - at);
    data[at] = (uint8_t) any();
    return size + 1;
  }
  if (size != 0)
    data[at] = (uint8_t) any();
  return size;
}

static void run(const uint8_t* data, size_t size) {
  uint8_t* copy = fuzz_copy(data, size);

  (void) LLVMFuzzerTestOneInput(copy, size);
  free(copy);
}

/* A child of this file and the next one, and its own child, and so on. */
static void run_children(size_t i) {
  static uint8_t data[CHILD_BYTES];
  static uint8_t crossed[CHILD_BYTES];
  const struct file* f = &all.file[i];
  const struct file* other = &all.file[(i + 1) % all.count];
  size_t size = f->size < CHILD_BYTES ? f->size : CHILD_BYTES;
  unsigned n;

  all.random = i;
  memcpy(data, f->data, size);
  for (n = 0; n < CHILDREN; n++) {
    if (n % 4 == 3) {
      size = LLVMFuzzerCustomCrossOver(data, size, other->data, other->size,
                                       crossed, CHILD_BYTES, any());
      memcpy(data, crossed, size);
    } else {
      size = LLVMFuzzerCustomMutator(data, size, CHILD_BYTES, any());
    }
    MUST(size <= CHILD_BYTES);
    run(data, size);
  }
}

/* ---- runs ---------------------------------------------------------------- */

static uint64_t run_file(size_t i) {
  uint64_t trace;

  run(all.file[i].data, all.file[i].size);
  trace = fuzz_traced();
  if (LLVMFuzzerCustomMutator == NULL)
    return trace;
  run_children(i);
  return trace ^ fuzz_traced();
}

static void run_again(size_t i) {
  struct file* f = &all.file[i];

  if (run_file(i) != f->trace) {
    failed(f->name, "was not the same the second time");
  } else {
    printf("ok %s\n", f->name);
    fflush(stdout);
    all.passed++;
  }
  free(f->name);
  f->name = NULL;
}

int main(int argc, char** argv) {
  size_t n;
  int i;

  (void) LLVMFuzzerInitialize(&argc, &argv);
  add("empty", (uint8_t*) must(malloc(1)), 0);
  for (i = 1; i < argc; i++)
    add_path(argv[i]);
  for (n = 0; n < all.count; n++) {
    printf("# %s\n", all.file[n].name);
    fflush(stdout);
    all.file[n].trace = run_file(n);
  }
  for (n = all.count; n != 0; n--)
    run_again(n - 1);
  for (n = 0; n < all.count; n++)
    free(all.file[n].data);
  free(all.file);
  printf("%u passed, %u failed\n", all.passed, all.failed);
  return all.failed == 0 ? 0 : 1;
}
