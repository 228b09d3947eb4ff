/* The allocator hook, sizes of 0, overflow, and zeroing. */
#include "check.h"

#include <stdlib.h>

#include "base/base.h"

TEST(mem_replace_refuses_null) {
  CHECK_EQ(uvssh_replace_allocator(NULL, realloc, calloc, free), UV_EINVAL);
  CHECK_EQ(uvssh_replace_allocator(malloc, NULL, calloc, free), UV_EINVAL);
  CHECK_EQ(uvssh_replace_allocator(malloc, realloc, NULL, free), UV_EINVAL);
  CHECK_EQ(uvssh_replace_allocator(malloc, realloc, calloc, NULL), UV_EINVAL);

  /* and the one in use stayed */
  size_t live = heap_live();
  void* p = uvssh__malloc(1);
  CHECK_EQ(heap_live(), live + 1);
  uvssh__free(p);
  CHECK_EQ(heap_live(), live);
}

TEST(mem_zero_is_one) {
  char* p = uvssh__malloc(0);
  CHECK(p != NULL);
  *p = 1;                          /* one byte is there */
  p = uvssh__realloc(p, 0);
  CHECK(p != NULL);                /* and realloc to 0 frees nothing */
  CHECK_EQ(*p, 1);
  uvssh__free(p);

  p = uvssh__calloc(0, 8);
  CHECK(p != NULL);
  uvssh__free(p);
  p = uvssh__calloc(8, 0);
  CHECK(p != NULL);
  uvssh__free(p);
  p = uvssh__realloc(NULL, 0);
  CHECK(p != NULL);
  uvssh__free(p);
  uvssh__free(NULL);
}

TEST(mem_calloc_zeroes_and_sees_overflow) {
  static const uint8_t zero[24];
  uint8_t* p = uvssh__calloc(3, 8);
  CHECK_MEM(p, 24, zero, 24);
  uvssh__free(p);

  CHECK(uvssh__calloc(SIZE_MAX, 2) == NULL);
  CHECK(uvssh__calloc(2, SIZE_MAX) == NULL);
  CHECK(uvssh__calloc(SIZE_MAX / 2 + 1, 2) == NULL);
}

TEST(mem_realloc_keeps_contents) {
  char* p = uvssh__realloc(NULL, 4);
  memcpy(p, "abc", 4);
  p = uvssh__realloc(p, 4000);
  CHECK_STR(p, "abc");

  heap_fail_at(1);
  CHECK(uvssh__realloc(p, 8000) == NULL);
  CHECK_STR(p, "abc");             /* the old block is still ours */
  uvssh__free(p);
}

TEST(mem_strndup) {
  char* p = uvssh__strndup("hello", 4);
  CHECK_STR(p, "hell");
  uvssh__free(p);
  p = uvssh__strndup(NULL, 0);
  CHECK_STR(p, "");
  uvssh__free(p);
  CHECK(uvssh__strndup("", SIZE_MAX) == NULL);
  heap_fail_at(1);
  CHECK(uvssh__strndup("hello", 5) == NULL);
}

TEST(mem_wipe) {
  static const uint8_t zero[32];
  uint8_t bytes[34];

  memset(bytes, 7, sizeof(bytes));
  uvssh__wipe(bytes + 1, 32);
  CHECK_EQ(bytes[0], 7);
  CHECK_MEM(bytes + 1, 32, zero, 32);
  CHECK_EQ(bytes[33], 7);
  uvssh__wipe(bytes, 0);
  CHECK_EQ(bytes[0], 7);
  uvssh__wipe(NULL, 0);
}

static size_t freed;

static void freed_is_wiped(const void* base, size_t size) {
  static const uint8_t zero[40];
  CHECK(size >= 40);
  CHECK_MEM(base, 40, zero, 40);
  freed += 1;
}

TEST(mem_free_secret) {
  uint8_t* p = uvssh__malloc(40);
  memset(p, 's', 40);
  freed = 0;
  heap_on_free(freed_is_wiped);
  uvssh__free_secret(p, 40);
  CHECK_EQ(freed, 1);
  uvssh__free_secret(NULL, 40);
  CHECK_EQ(freed, 1);
}
