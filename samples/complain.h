/* complain.h: how exec.c says that something went wrong. */
#ifndef COMPLAIN_H
#define COMPLAIN_H

enum { FAILED = 255 };             /* the exit status then, as ssh's */

/* One line on stderr, once: the first reason is the one that counts. The
 * terminal is as it was before. Returns FAILED. */
__attribute__((format(printf, 1, 2)))
int complain(const char* format, ...);

/* 1 when there was reason to. */
int complained(void);

/* What to do about this code; static text. */
const char* advice(int err);

#endif
