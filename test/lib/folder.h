/* folder.h: a folder on disk for a test that needs files. POSIX. */
#ifndef FOLDER_H
#define FOLDER_H

#include <stddef.h>

/* A new one, in TMPDIR or /tmp; out: its path. */
void folder_make(char* out, size_t size);
/* Removes it and the files in it; how many they were. */
int folder_drop(const char* path);

#endif
