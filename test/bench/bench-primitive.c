/* bench-primitive.c: see bench-primitive.h. */
#include "bench-primitive.h"

#include <string.h>
#include <uv.h>

#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#endif

static uint64_t ticks_began;
static uint64_t ns_began;
static uint8_t hot[BARE_ROOM];

uint64_t primitive_ticks(void) {
#if defined(__x86_64__) || defined(__i386__)
  return __rdtsc();
#elif defined(__aarch64__)
  uint64_t t;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(t));
  return t;
#else
  return uv_hrtime();
#endif
}

/* By what has passed since the start. */
double primitive_seconds(double n) {
  double ns = (double) (uv_hrtime() - ns_began);
  double all = (double) (primitive_ticks() - ticks_began);

  return all <= 0 ? 0 : n * ns / all / 1e9;
}

int primitive_init(void) {
  static const uint8_t key[BARE_KEY] = { 1, 2, 3 };
  static const uint8_t iv[BARE_IV] = { 4, 5, 6 };

  ns_began = uv_hrtime();
  ticks_began = primitive_ticks();
  return bare_set_up(key, iv);
}

const struct bare* primitive_find(const char* cipher, const char* mac) {
  size_t i;

  for (i = 0; i < bare_count; i++)
    if (bares[i].cipher != NULL && strcmp(bares[i].cipher, cipher) == 0 &&
        (bares[i].mac == NULL || strcmp(bares[i].mac, mac) == 0))
      return bare_is_here(&bares[i]) ? &bares[i] : NULL;
  return NULL;
}

/* RFC 4253 section 6. What block size divides is without the length where that
 * is sent in the clear or by itself. */
static size_t packet_len(const struct bare* b, size_t data) {
  size_t block = strncmp(b->cipher, "chacha", 6) == 0 ? 8 : 16;
  size_t apart = b->mac == NULL || strstr(b->mac, "-etm") != NULL ? 4 : 0;
  size_t used = 4 + 1 + 9 + data;
  size_t padding = block - (used - apart) % block;

  return used + (padding < 4 ? padding + block : padding);
}

/* One during which somebody else had the processor counts as an average one. */
void primitive_note(struct primitive_time* t, uint64_t one, uint64_t all) {
  uint64_t more = all - one;

  if (t->least == 0 || one < t->least)
    t->least = one;
  if (one > 3 * t->least) {
    one = t->count == 0 ? t->least : t->ticks / t->count;
    more = more < one ? more : one;
  }
  t->spent += one + more;
  t->ticks += one;
  t->count++;
}

static void measure(struct primitive_sample* s) {
  size_t len = packet_len(s->bare, s->data);
  uint64_t t[3];

  t[0] = primitive_ticks();
  s->bare->seal(hot, len);
  t[1] = primitive_ticks();
  if (s->opening)
    s->bare->open(hot, len);
  t[2] = primitive_ticks();
  primitive_note(&s->time, s->opening ? t[2] - t[1] : t[1] - t[0],
                 t[2] - t[0]);
}

void primitive_carried(struct primitive_sample* s, uint64_t bytes) {
  uint64_t every = (uint64_t) s->data * PRIMITIVE_EVERY;

  if (s->bare == NULL || s->data == 0)
    return;
  for (s->carried += bytes; s->carried >= every; s->carried -= every)
    measure(s);
}

double primitive_each(const struct primitive_time* t) {
  if (t->count == 0)
    return 0;
  return primitive_seconds((double) t->ticks) / (double) t->count;
}

double primitive_per_gib(const struct primitive_sample* s) {
  if (s->time.count == 0)
    return 0;
  return primitive_each(&s->time) * 1073741824.0 / (double) s->data;
}

double primitive_spent(const struct primitive_sample* s) {
  return primitive_seconds((double) s->time.spent);
}
