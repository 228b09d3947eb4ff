/* world_mutate.c: changes an input of world.h as what it is: records, among
 * them messages, which are made of fields (world_rows.h).
 *
 *   records    dropped, doubled, repeated, copied, swapped, moved; deeds and
 *              messages added; a message split in two, two made one; a whole
 *              key exchange put in
 *   messages   one field as it may be, or as it may not; a length that lies;
 *              another number; cut short; more behind it
 *   crossing   the beginning and the end of one input around a part of another
 *
 * One input in eight is left to libFuzzer's own ways, for what is no record.
 * Without libFuzzer replay.c uses this, too.
 *
 * Never: a record that is not whole; anything that is not a function of input
 * and seed.
 */
#include "world_rows.h"

enum { RECORDS = 256, ARENA = 1 << 17, ROUNDS = 4 };

size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

struct records {
  str_t at[RECORDS];
  unsigned count;
};

static struct {                    /* what records are made in, for one call */
  uint8_t bytes[ARENA];
  size_t len;
  uint64_t random;
} all;

static uint64_t any(void) {
  all.random ^= all.random >> 12;
  all.random ^= all.random << 25;
  all.random ^= all.random >> 27;
  return all.random * 2685821657736338717u >> 8;
}

static unsigned below(size_t n) {
  return (unsigned) (any() % n);
}

static void begin(unsigned seed) {
  static int checked;

  if (!checked)
    rows_check();
  checked = 1;
  all.len = 0;
  all.random = seed * 0x9e3779b97f4a7c15u + 1;
  fuzz_memory_fails(0);
}

/* ---- records ------------------------------------------------------------- */

static void split(struct records* r, const uint8_t* data, size_t size) {
  struct input in = { data, size };
  const uint8_t* none;
  unsigned head;

  r->count = 0;
  while (in.left >= 2 && r->count < RECORDS / 2) {
    r->at[r->count].base = in.at;
    head = input_u16(&in);
    if (head < 0x8000)
      (void) input_take(&in, head, &none);
    r->at[r->count].len = (size_t) (in.at - r->at[r->count].base);
    r->count++;
  }
}

static size_t join(const struct records* r, uint8_t* out, size_t max) {
  size_t len = 0;
  unsigned i;

  for (i = 0; i < r->count && r->at[i].len <= max - len; i++) {
    memmove(out + len, r->at[i].base, r->at[i].len);
    len += r->at[i].len;
  }
  return len;
}

static int is_message(str_t record) {
  return record.len > 2 && record.base[0] < 0x80;
}

static str_t payload_of(str_t record) {
  str_t s = { record.base + 2, record.len - 2 };
  return s;
}

static void insert(struct records* r, unsigned at, str_t record) {
  if (r->count == RECORDS || record.len == 0)
    return;
  memmove(&r->at[at + 1], &r->at[at], (r->count - at) * sizeof(r->at[0]));
  r->at[at] = record;
  r->count++;
}

static void take_out(struct records* r, unsigned at) {
  r->count--;
  memmove(&r->at[at], &r->at[at + 1], (r->count - at) * sizeof(r->at[0]));
}

/* Empty when there is no room, or it is too long to be a record. */
static str_t message_of(const void* payload, size_t len) {
  str_t s = { all.bytes + all.len, 0 };

  if (len == 0 || len >= 0x8000 || len + 2 > ARENA - all.len)
    return s;
  all.bytes[all.len] = (uint8_t) (len >> 8);
  all.bytes[all.len + 1] = (uint8_t) len;
  memcpy(all.bytes + all.len + 2, payload, len);
  s.len = len + 2;
  all.len += s.len;
  return s;
}

static str_t deed_of(enum deed what, uint8_t how) {
  str_t s = { all.bytes + all.len, 0 };

  if (ARENA - all.len < 2)
    return s;
  all.bytes[all.len] = (uint8_t) (0x80 | (unsigned) what);
  all.bytes[all.len + 1] = how;
  s.len = 2;
  all.len += 2;
  return s;
}

static str_t any_deed(void) {
  static const uint8_t plain[] = { 0, 1, 2, 3, 255 };
  uint8_t how = (uint8_t) any();

  if (below(2) == 0)
    how = plain[below(sizeof(plain))];
  return deed_of((enum deed) below(DEEDS), how);
}

static str_t any_message(void) {
  struct buf m = { 0 };
  str_t s;

  row_write(&m, row_at(below(1 << 16)), any());
  MUST(!m.bad);
  s = message_of(m.base, m.len);
  uvssh__buf_free(&m);
  return s;
}

/* ---- the inside of a message --------------------------------------------- */

static void by_libfuzzer(struct buf* m, const uint8_t* base, size_t len) {
  uint8_t* at = uvssh__buf_reserve(m, len + 32);

  MUST(at != NULL);
  if (len != 0)
    memcpy(at, base, len);
  m->len += LLVMFuzzerMutate(at, len, len + 32);
}

static void change_number(struct buf* m, const uint8_t* at) {
  uint32_t value = get_u32(at);

  switch (below(5)) {
    case 0: value++; break;
    case 1: value--; break;
    case 2: value ^= 1u << below(32); break;
    case 3: value = (uint32_t) any(); break;
    default: value <<= 1; break;
  }
  wr_u32(m, value);
}

static void change_string(struct buf* m, const uint8_t* at, size_t len) {
  size_t start = m->len;

  switch (below(4)) {
    case 0:                        /* a length that lies */
      change_number(m, at);
      wr_bytes(m, at + 4, len - 4);
      break;
    case 1:                        /* twice as long */
      wr_u32(m, (uint32_t) (2 * (len - 4)));
      wr_bytes(m, at + 4, len - 4);
      wr_bytes(m, at + 4, len - 4);
      break;
    default:
      wr_u32(m, 0);
      by_libfuzzer(m, at + 4, len - 4);
      put_u32(m->base + start, (uint32_t) (m->len - start - 4));
      break;
  }
}

static void change_field(struct buf* m, const struct row* row,
                         const struct field* f, const uint8_t* at) {
  if (below(2) == 0)
    field_write(m, row, f->kind, any());
  else if (f->is_string)
    change_string(m, at, f->len);
  else if (f->len == 4)
    change_number(m, at);
  else
    by_libfuzzer(m, at, f->len);
}

/* 0: it has no fields that we know. */
static int with_other_field(struct buf* m, str_t payload) {
  struct fields fields;
  const struct row* row = row_read(payload, &fields);
  const struct field* f;

  if (row == NULL || fields.count == 0)
    return 0;
  f = &fields.at[below(fields.count)];
  wr_bytes(m, payload.base, f->at);
  change_field(m, row, f, payload.base + f->at);
  wr_bytes(m, payload.base + f->at + f->len, payload.len - f->at - f->len);
  return 1;
}

static str_t changed(str_t record) {
  str_t payload = payload_of(record);
  struct buf m = { 0 };
  unsigned how = below(16);
  str_t s;

  if (how == 0) {                  /* another number, the same body */
    wr_u8(&m, row_at(below(1 << 16))->number);
    wr_bytes(&m, payload.base + 1, payload.len - 1);
  } else if (how == 1) {
    wr_bytes(&m, payload.base, 1 + below(payload.len));
  } else if (how == 2) {
    wr_bytes(&m, payload.base, payload.len);
    wr_bytes(&m, payload.base, 1 + below(payload.len));
  } else if (how < 5 || !with_other_field(&m, payload)) {
    by_libfuzzer(&m, payload.base, payload.len);
  }
  MUST(!m.bad);
  s = message_of(m.base, m.len);
  uvssh__buf_free(&m);
  return s;
}

/* ---- the ways ------------------------------------------------------------ */

static void drop(struct records* r, unsigned at) {
  unsigned n = below(4) == 0 ? 1 + below(8) : 1;

  while (n-- != 0 && at < r->count)
    take_out(r, at);
}

static void repeat(struct records* r, unsigned at) {
  unsigned n = below(8) == 0 ? 2 + below(24) : 1;

  while (n-- != 0)
    insert(r, at, r->at[at]);
}

static void copy(struct records* r, unsigned at) {
  insert(r, below(r->count + 1u), r->at[at]);
}

static void swap(struct records* r, unsigned at) {
  unsigned other = below(2) == 0 ? below(r->count) : (at + 1) % r->count;
  str_t s = r->at[at];

  r->at[at] = r->at[other];
  r->at[other] = s;
}

static void move(struct records* r, unsigned at) {
  str_t s = r->at[at];

  take_out(r, at);
  insert(r, below(r->count + 1u), s);
}

static void add_deed(struct records* r, unsigned at) {
  insert(r, at + below(2), any_deed());
}

static void add_message(struct records* r, unsigned at) {
  insert(r, at + below(2), any_message());
}

/* KEXINIT, the method's message, NEWKEYS. */
static void add_exchange(struct records* r, unsigned at) {
  insert(r, at, deed_of(DO_HONEST, 3));
  insert(r, at, deed_of(DO_HONEST, 1));
  insert(r, at, deed_of(DO_HONEST, 0));
}

static void change(struct records* r, unsigned at) {
  str_t s = is_message(r->at[at]) ? changed(r->at[at]) : any_deed();

  if (s.len != 0)
    r->at[at] = s;
}

static void cut(struct records* r, unsigned at) {
  str_t s = is_message(r->at[at]) ? payload_of(r->at[at]) : STR("");
  size_t n;

  if (s.len < 2)
    return;
  n = 1 + below(s.len - 1);
  r->at[at] = message_of(s.base, n);
  insert(r, at + 1, message_of(s.base + n, s.len - n));
}

static void glue(struct records* r, unsigned at) {
  struct buf m = { 0 };
  str_t a, b;

  if (at + 1 == r->count || !is_message(r->at[at]) ||
      !is_message(r->at[at + 1]))
    return;
  a = payload_of(r->at[at]);
  b = payload_of(r->at[at + 1]);
  wr_bytes(&m, a.base, a.len);
  wr_bytes(&m, b.base, b.len);
  MUST(!m.bad);
  a = message_of(m.base, m.len);
  uvssh__buf_free(&m);
  if (a.len == 0)
    return;
  r->at[at] = a;
  take_out(r, at + 1);
}

static void (*const ways[])(struct records* r, unsigned at) = {
  drop, drop, repeat, copy, swap, move, add_deed, add_deed, add_message,
  add_message, add_exchange, cut, glue, change, change, change, change, change,
  change
};

/* ---- libFuzzer's entries ------------------------------------------------- */

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                               unsigned seed) {
  static struct records r;
  static uint8_t out[ARENA];
  unsigned rounds;

  begin(seed);
  if (below(8) == 0)
    return LLVMFuzzerMutate(data, size, max_size);
  split(&r, data, size);
  for (rounds = 1 + below(ROUNDS); rounds != 0; rounds--) {
    if (r.count == 0)
      insert(&r, 0, below(2) == 0 ? any_message() : any_deed());
    else
      ways[below(ARRAY_SIZE(ways))](&r, below(r.count));
  }
  size = join(&r, out, max_size < ARENA ? max_size : ARENA);
  memcpy(data, out, size);
  return size;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t* data1, size_t size1,
                                 const uint8_t* data2, size_t size2,
                                 uint8_t* out, size_t max_size,
                                 unsigned seed) {
  static struct records a, b;
  unsigned at, from, n;

  begin(seed);
  split(&a, data1, size1);
  split(&b, data2, size2);
  at = below(a.count + 1u);
  if (below(2) == 0)               /* in place of what was there */
    a.count = at;
  from = below(b.count + 1u);
  n = below(b.count - from + 1u);
  while (n-- != 0)
    insert(&a, at, b.at[from + n]);
  return join(&a, out, max_size);
}
