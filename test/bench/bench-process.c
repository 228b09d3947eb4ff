/* bench-process.c: what another process, and this one, have used, from /proc.
 *
 * Happy path: /proc is read once for who is whose child; from each process of
 * the tree comes the time of its CPU clock (nanoseconds) and that of the
 * children it has waited for (clock ticks, mostly 10 ms), and, where it is
 * asked for, its share of the memory.
 *
 * Failures: a process that ends meanwhile counts as it is with its parent. A
 * child of a child that nobody has waited for yet is not missed: it is there.
 *
 * Never: on another system than Linux; UV_ENOTSUP says so. */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE               /* clock_getcpuclockid */
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "bench-process.h"

double usage_own(void) {
  uv_rusage_t used;

  if (uv_getrusage(&used) != 0)
    return 0;
  return (double) (used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         (double) (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

#ifdef __linux__

#include <dirent.h>
#include <time.h>
#include <unistd.h>

struct process {
  int pid;
  int parent;
  int of_tree;
  double ticks;                    /* of its own */
  double ticks_of_children;        /* that it has waited for */
};

/* "PID (NAME) S PARENT ...": the name may hold anything, also ')'. */
static int read_stat(int pid, struct process* p) {
  char path[64];
  char text[1024];
  unsigned long long own[2], reaped[2];
  const char* rest;
  size_t n;
  FILE* f;

  snprintf(path, sizeof(path), "/proc/%d/stat", pid);
  f = fopen(path, "re");
  if (f == NULL)
    return -1;
  n = fread(text, 1, sizeof(text) - 1, f);
  fclose(f);
  text[n] = '\0';
  rest = strrchr(text, ')');
  if (rest == NULL ||
      sscanf(rest, ") %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu "
             "%llu %llu", &p->parent, &own[0], &own[1], &reaped[0],
             &reaped[1]) != 5)
    return -1;
  p->pid = pid;
  p->ticks = (double) (own[0] + own[1]);
  p->ticks_of_children = (double) (reaped[0] + reaped[1]);
  return 0;
}

/* All processes; *list is the caller's. */
static size_t read_all(struct process** list) {
  DIR* dir = opendir("/proc");
  struct dirent* entry;
  struct process* more;
  struct process p;
  size_t count = 0, room = 0;

  *list = NULL;
  while (dir != NULL && (entry = readdir(dir)) != NULL) {
    memset(&p, 0, sizeof(p));
    if (atoi(entry->d_name) <= 0 || read_stat(atoi(entry->d_name), &p) != 0)
      continue;
    if (count == room) {
      room = room == 0 ? 256 : 2 * room;
      more = realloc(*list, room * sizeof(*more));
      if (more == NULL)
        break;
      *list = more;
    }
    (*list)[count++] = p;
  }
  if (dir != NULL)
    closedir(dir);
  return count;
}

/* The root and who descends from it. 0: there is no root. */
static int mark_tree(struct process* list, size_t count, int root) {
  size_t i, k;
  int grown = 0, found = 0;

  for (i = 0; i < count; i++)
    if (list[i].pid == root)
      found = grown = list[i].of_tree = 1;
  while (grown)
    for (grown = 0, i = 0; i < count; i++)
      for (k = 0; !list[i].of_tree && k < count; k++)
        if (list[k].of_tree && list[k].pid == list[i].parent)
          grown = list[i].of_tree = 1;
  return found;
}

/* To the nanosecond where the kernel lets us, else in ticks. */
static double own_seconds(const struct process* p) {
  struct timespec t;
  clockid_t clock;

  if (clock_getcpuclockid(p->pid, &clock) == 0 && clock_gettime(clock, &t) == 0)
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
  return p->ticks / (double) sysconf(_SC_CLK_TCK);
}

static void add_memory(int pid, struct usage* usage) {
  char line[256];
  char path[64];
  unsigned long kib;
  FILE* f;

  snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
  f = fopen(path, "re");
  while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
    if (sscanf(line, "Pss: %lu kB", &kib) == 1)
      usage->pss_kib += (double) kib;
    else if (sscanf(line, "Rss: %lu kB", &kib) == 1)
      usage->rss_kib += (double) kib;
  }
  if (f != NULL)
    fclose(f);
}

int usage_of(uint64_t pid, int with_memory, struct usage* usage) {
  struct process* list;
  size_t count = read_all(&list);
  int found = mark_tree(list, count, (int) pid);
  size_t i;

  memset(usage, 0, sizeof(*usage));
  for (i = 0; i < count; i++) {
    if (!list[i].of_tree)
      continue;
    usage->processes++;
    usage->cpu_s += own_seconds(&list[i]) +
                    list[i].ticks_of_children / (double) sysconf(_SC_CLK_TCK);
    if (with_memory)
      add_memory(list[i].pid, usage);
  }
  free(list);
  return found ? 0 : UV_ESRCH;
}

#else

int usage_of(uint64_t pid, int with_memory, struct usage* usage) {
  memset(usage, 0, sizeof(*usage));
  return UV_ENOTSUP;
}

#endif
