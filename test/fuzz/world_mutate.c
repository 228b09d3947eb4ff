/* world_mutate.c: for libFuzzer only: changes an input of world.h record by
 * record, so that lengths stay right and a session comes far.
 *
 * One input in four is left to libFuzzer's own ways, for what is not right.
 */
#include "world.h"

enum { RECORDS = 128, ROOM = 1 << 15 };

size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t* data,
                               size_t size,
                               size_t max_size,
                               unsigned seed);

static struct {
  uint8_t bytes[ROOM];
  size_t len;
} out;

struct records {
  str_t at[RECORDS];
  unsigned count;
};

static void split(struct records* r, const uint8_t* data, size_t size) {
  struct input in = { data, size };
  const uint8_t* none;
  unsigned head;

  r->count = 0;
  while (in.left >= 2 && r->count < RECORDS) {
    r->at[r->count].base = in.at;
    head = input_u16(&in);
    if (head < 0x8000)
      (void) input_take(&in, head, &none);
    r->at[r->count].len = (size_t) (in.at - r->at[r->count].base);
    r->count++;
  }
}

static void put(const uint8_t* base, size_t len) {
  if (len > sizeof(out.bytes) - out.len)
    return;
  memcpy(out.bytes + out.len, base, len);
  out.len += len;
}

static void put_deed(unsigned seed) {
  uint8_t bytes[2];

  bytes[0] = (uint8_t) (0x80 | seed % DEEDS);
  bytes[1] = (uint8_t) (seed / DEEDS);
  put(bytes, 2);
}

/* The message of this record, changed, behind its new length. */
static void put_changed(str_t record) {
  uint8_t* at = out.bytes + out.len;
  size_t len = record.len - 2;
  size_t room = sizeof(out.bytes) - out.len;

  if (room < len + 64)
    return;
  memcpy(at + 2, record.base + 2, len);
  len = LLVMFuzzerMutate(at + 2, len, len + 32);
  if (len >= 0x8000)
    return;
  at[0] = (uint8_t) (len >> 8);
  at[1] = (uint8_t) len;
  out.len += len + 2;
}

static void change(const struct records* r, unsigned seed) {
  unsigned which = seed / 8 % r->count;
  unsigned other = seed / 1024 % r->count;
  unsigned i;

  for (i = 0; i < r->count; i++) {
    str_t record = r->at[i];

    switch (i == which ? seed % 8 : 7) {
      case 0: break;               /* without it */
      case 1: put(record.base, record.len);
              put(r->at[other].base, r->at[other].len); break;
      case 2: put(r->at[other].base, r->at[other].len); break;
      case 3: put_deed(seed / 1024); put(record.base, record.len); break;
      case 4: case 5: case 6:
        if (record.base[0] < 0x80)
          put_changed(record);
        else
          put_deed(seed / 1024);
        break;
      default: put(record.base, record.len); break;
    }
  }
  if (which == r->count - 1 && seed % 8 == 7)
    put_deed(seed / 1024);
}

size_t LLVMFuzzerCustomMutator(uint8_t* data,
                               size_t size,
                               size_t max_size,
                               unsigned seed) {
  struct records r;

  split(&r, data, size);
  if (r.count == 0 || seed % 4 == 0)
    return LLVMFuzzerMutate(data, size, max_size);
  out.len = 0;
  change(&r, seed / 4);
  if (out.len > max_size)
    out.len = max_size;
  if (out.len == 0)
    put_deed(seed);
  memcpy(data, out.bytes, out.len);
  return out.len;
}
