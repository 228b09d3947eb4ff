/* base.h: what every room stands on, and what knows nothing of SSH.
 *
 *   mem.c    the allocator hook; wiping
 *   buf.c    bytes that grow; out of memory is remembered, not returned
 *   queue.h  part of this file: an intrusive list
 *   slot.c   numbers that name living things and are never used twice
 *   log.c    the log callback, and text made harmless for a terminal
 *   err.c    codes, their names and their texts
 */
#ifndef UVSSH_BASE_H
#define UVSSH_BASE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "uvssh/errno.h"
#include "uvssh/types.h"
#include "uvssh/config.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) \
  ((type*) (void*) ((char*) (ptr) - offsetof(type, member)))

#if defined(__GNUC__)
# define MUST_CHECK __attribute__((warn_unused_result))
# define NOINLINE __attribute__((noinline))
# define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#else
# define MUST_CHECK
# define NOINLINE
# define PRINTF_LIKE(f, a)
#endif

/* ---- mem.c: as the C functions, through uvssh_replace_allocator() -------- */

void* uvssh__malloc(size_t size) MUST_CHECK;
void* uvssh__calloc(size_t count, size_t size) MUST_CHECK;
void* uvssh__realloc(void* ptr, size_t size) MUST_CHECK;
void uvssh__free(void* ptr);                     /* NULL is fine */
/* Much has been freed, and little is left: to the system with it, where the C
 * library does not do so by itself. Takes milliseconds for 50 MB. */
void uvssh__give_back(void);
char* uvssh__strndup(const void* base, size_t len) MUST_CHECK; /* adds NUL */

/* Zero that the compiler may not drop. */
void uvssh__wipe(void* ptr, size_t size);
void uvssh__free_secret(void* ptr, size_t size); /* wipe, then free */
/* Zero what functions that have returned left on the stack: registers full of
 * a secret, which a compiler spills, and a dynamic linker saves. */
NOINLINE void uvssh__wipe_stack(void);

/* ---- buf.c --------------------------------------------------------------- */

/* Zeroed is empty and ready. `bad` stays set once memory ran out: writers go
 * on harmlessly, and whoever uses the result checks it once. `secret` wipes
 * whatever it lets go: on grow, reset and free. */
struct buf {
  uint8_t* base;
  size_t len;
  size_t cap;
  int secret;
  int bad;
};

/* Room for n more bytes behind len; NULL: out of memory, and `bad` is set. */
uint8_t* uvssh__buf_reserve(struct buf* b, size_t n);
void uvssh__buf_put(struct buf* b, const void* base, size_t n);
void uvssh__buf_shift(struct buf* b, size_t n);  /* drop n bytes in front */
void uvssh__buf_reset(struct buf* b);            /* empty, keeps its memory */
void uvssh__buf_free(struct buf* b);             /* empty, and as if zeroed */

/* ---- an intrusive list: a ring with a head ------------------------------- */

struct queue {
  struct queue* next;
  struct queue* prev;
};

static inline void queue_init(struct queue* q) {
  q->next = q->prev = q;
}

static inline int queue_empty(const struct queue* q) {
  return q->next == q;
}

static inline void queue_push(struct queue* q, struct queue* item) {
  item->next = q;
  item->prev = q->prev;
  q->prev->next = item;
  q->prev = item;
}

/* Afterwards the item is a list of its own: removing twice is harmless. */
static inline void queue_remove(struct queue* item) {
  item->prev->next = item->next;
  item->next->prev = item->prev;
  queue_init(item);
}

/* All of `from` into `to`, which is initialised here; `from` is left empty.
 * Whoever walks a list while callbacks change it walks such a private one. */
static inline void queue_move(struct queue* from, struct queue* to) {
  queue_init(to);
  if (queue_empty(from))
    return;
  *to = *from;
  to->next->prev = to->prev->next = to;
  queue_init(from);
}

/* All of `from` to the front of `to`; `from` is left empty. */
static inline void queue_put_back(struct queue* from, struct queue* to) {
  if (queue_empty(from))
    return;
  from->prev->next = to->next;
  to->next->prev = from->prev;
  to->next = from->next;
  from->next->prev = to;
  queue_init(from);
}

/* ---- slot.c: a value that names a thing, and outlives it harmlessly ------ */

/* A table has a number of its own in the process, and belongs to one thread
 * at a time: that which entered it last (uvssh__slots_enter). A slot holds a
 * pointer and a serial that is never used again, so a stale value finds
 * nothing. Bound: one slot an open question. */
struct slots;

struct slots* uvssh__slots_create(void);         /* NULL: out of memory */
void uvssh__slots_destroy(struct slots* slots);
/* The calling thread runs this table's loop from now on. */
void uvssh__slots_enter(struct slots* slots);
/* 0 and *reply, or UV_ENOMEM. */
int uvssh__slots_add(struct slots* slots, void* thing, uvssh_reply_t* reply);
void uvssh__slots_remove(struct slots* slots, const uvssh_reply_t* reply);
/* 0 and *thing; UV_ECANCELED gone; UV_EINVAL on another thread than the
 * table's. Any thread. */
int uvssh__slots_find(const uvssh_reply_t* reply, void** thing);

/* ---- log.c --------------------------------------------------------------- */

struct log {
  uvssh_log_cb cb;                               /* NULL: nobody listens */
  void* arg;
  uvssh_log_level level;
  const uvssh_session_t* session;                /* or NULL */
};

/* Text of the peer goes through uvssh_escape() first; no secret ever. */
void uvssh__log(const struct log* log,
                uvssh_log_level level,
                const char* format,
                ...) PRINTF_LIKE(3, 4);
static inline int log_wants(const struct log* log, uvssh_log_level level) {
  return log->cb != NULL && level <= log->level;
}
/* As uvssh_escape(), of len bytes that may hold NUL; returns out. */
char* uvssh__escape(char* out, size_t size, const void* base, size_t len);

#endif
