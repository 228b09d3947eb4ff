/* pool.c: output blocks of two sizes, kept for the next session that writes. An
 * idle session owns none. */
#include "desk/desk.h"

enum { POOL_KEEP_SMALL = 64, POOL_KEEP_BIG = 4 };

void uvssh__pool_init(struct pool* pool) {
  memset(pool, 0, sizeof(*pool));
  pool->scratch.secret = 1;        /* passwords pass through it */
}

static void free_list(struct block* block) {
  struct block* next;

  for (; block != NULL; block = next) {
    next = block->next;
    uvssh__free(block);
  }
}

void uvssh__pool_free(struct pool* pool) {
  free_list(pool->small);
  free_list(pool->big);
  uvssh__buf_free(&pool->scratch);
  memset(pool, 0, sizeof(*pool));
}

static struct block* take(struct block** list, unsigned* count) {
  struct block* block = *list;

  if (block != NULL) {
    *list = block->next;
    *count -= 1;
    block->next = NULL;
    block->len = 0;
  }
  return block;
}

struct block* uvssh__block_get(struct pool* pool, size_t room) {
  struct block* block = NULL;
  size_t cap = room;

  if (room <= BLOCK_SMALL) {
    cap = BLOCK_SMALL;
    block = take(&pool->small, &pool->small_count);
  } else if (room <= BLOCK_BIG) {
    cap = BLOCK_BIG;
    block = take(&pool->big, &pool->big_count);
  }
  if (block != NULL)
    return block;
  if (cap > SIZE_MAX - sizeof(*block))
    return NULL;
  block = (struct block*) uvssh__malloc(sizeof(*block) + cap);
  if (block == NULL)
    return NULL;
  block->next = NULL;
  block->cap = cap;
  block->len = 0;
  block->data = (uint8_t*) (block + 1);
  return block;
}

void uvssh__block_put(struct pool* pool, struct block* block) {
  if (block->cap == BLOCK_SMALL && pool->small_count < POOL_KEEP_SMALL) {
    block->next = pool->small;
    pool->small = block;
    pool->small_count++;
  } else if (block->cap == BLOCK_BIG && pool->big_count < POOL_KEEP_BIG) {
    block->next = pool->big;
    pool->big = block;
    pool->big_count++;
  } else {
    uvssh__free(block);
  }
}
