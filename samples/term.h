/* term.h: the local terminal of exec.c. One at a time, on one thread. */
#ifndef TERM_H
#define TERM_H

#include <uvssh.h>

/* Descriptors 0, 1 and 2 are open from here on, and at exit they are as they
 * were. Call it first. 0 or UV_*. */
int term_begin(void);

/* The terminal back to what it was; 1: it had been changed, so the cursor may
 * be anywhere. Safe in a signal handler, and when nothing is to be done. */
int term_restore(void);

/* Standard input, a terminal, takes every key as it is. 0 or UV_*. */
int term_raw(void);

/* TERM, size and modes of standard input, for a PTY request; static memory. */
void term_describe(uvssh_pty_t* pty);

/* Asks on /dev/tty, without echo. cb once: a line without its end, shown and
 * then wiped; NULL: there was none. 0 or UV_*, and then no cb. */
typedef void (*term_cb)(const char* line);
int term_ask(uv_loop_t* loop, const char* prompt, term_cb cb);

/* Asks no longer: no cb. Does nothing when nobody is asked. */
void term_ask_stop(void);

#endif
