/* folder.c: see folder.h. */
#include "folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

enum { RANDOM_PART = 6 };          /* that mkdtemp() fills in */

void folder_make(char* out, size_t size) {
  const char* parent = getenv("TMPDIR");
  int n = snprintf(out, size, "%s/uvssh-test-", parent == NULL ? "/tmp"
                                                               : parent);

  CHECK(n > 0 && (size_t) n + RANDOM_PART < size);
  memset(out + n, 'X', RANDOM_PART);
  out[n + RANDOM_PART] = '\0';
  CHECK(mkdtemp(out) != NULL);
}

int folder_drop(const char* path) {
  DIR* dir = opendir(path);
  struct dirent* entry;
  char name[1024];
  int n = 0;

  CHECK(dir != NULL);
  while ((entry = readdir(dir)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    CHECK((size_t) snprintf(name, sizeof(name), "%s/%s", path,
                            entry->d_name) < sizeof(name));
    CHECK_EQ(unlink(name), 0);
    n++;
  }
  closedir(dir);
  CHECK_EQ(rmdir(path), 0);
  return n;
}
