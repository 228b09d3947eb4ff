/* memory.h: secrets that were told (watch.h), looked for in all memory that
 * this process can write to: heap with what was freed, stacks of all threads,
 * data of all libraries.
 *
 *   memory_forget();
 *   ... sessions come, and are gone ...
 *   CHECK_EQ(memory_look(text, sizeof(text)), 0);
 *
 * A secret is remembered under a mask, so that what remembers it is not found.
 * It is looked for in pieces of 16 bytes: half a key is a find, too.
 *
 * Never: what the kernel holds, and registers. */
#ifndef MEMORY_H
#define MEMORY_H

#include "watch.h"

#define MEMORY_PIECE 16
#define MEMORY_SECRET_MAX 64

void memory_forget(void);
/* Secrets remembered since, of one kind. */
size_t memory_known(enum watch_kind kind);
/* Longer ones than MEMORY_SECRET_MAX are several. */
void memory_remember(enum watch_kind kind, const void* base, size_t len);
/* The first secret of this kind in the clear, for controls: its length. */
size_t memory_recall(enum watch_kind kind, uint8_t out[MEMORY_SECRET_MAX]);
/* Finds, and in `text` which and where: "2 cipher key ([heap])". */
size_t memory_look(char* text, size_t size);
const char* memory_kind(enum watch_kind kind);

#endif
