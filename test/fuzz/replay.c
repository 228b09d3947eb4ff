/* replay.c: main() of a target without libFuzzer: each file of the folders that
 * are named, and each file that is named, goes through the target once. The
 * empty input is always the first.
 *
 *   ok NAME
 *   FAILED NAME why
 *   N passed, N failed        the last line
 *
 * What a target finds ends the program before that line.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096 };

static struct {
  unsigned passed;
  unsigned failed;
} count;

static void passed(const char* name) {
  printf("ok %s\n", name);
  fflush(stdout);
  count.passed++;
}

static void failed(const char* name, const char* why) {
  printf("FAILED %s %s\n", name, why);
  fflush(stdout);
  count.failed++;
}

static void run_file(const char* path, const char* name, size_t size) {
  uint8_t* data = (uint8_t*) malloc(size == 0 ? 1 : size);
  FILE* file = fopen(path, "rb");
  size_t got = 0;

  if (file != NULL && data != NULL)
    got = fread(data, 1, size, file);
  if (file == NULL || data == NULL || got != size) {
    failed(name, "cannot be read");
  } else {
    (void) LLVMFuzzerTestOneInput(data, size);
    passed(name);
  }
  if (file != NULL)
    fclose(file);
  free(data);
}

static int is_wanted(const struct dirent* entry) {
  return entry->d_name[0] != '.';
}

static void run_path(const char* path);

/* In the order of the names, so that two runs are the same. */
static void run_folder(const char* path) {
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
    run_path(inside);
    free(entry[i]);
  }
  free(entry);
}

static void run_path(const char* path) {
  const char* slash = strrchr(path, '/');
  const char* name = slash == NULL ? path : slash + 1;
  struct stat info;

  if (stat(path, &info) != 0)
    failed(name, "is not there");
  else if (S_ISDIR(info.st_mode))
    run_folder(path);
  else
    run_file(path, name, (size_t) info.st_size);
}

int main(int argc, char** argv) {
  static const uint8_t none[1];
  int i;

  (void) LLVMFuzzerInitialize(&argc, &argv);
  (void) LLVMFuzzerTestOneInput(none, 0);
  passed("empty");
  for (i = 1; i < argc; i++)
    run_path(argv[i]);
  printf("%u passed, %u failed\n", count.passed, count.failed);
  return count.failed == 0 ? 0 : 1;
}
