/* memory.c: see memory.h. */
#include "memory.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "check.h"

enum { SECRETS_MAX = 4096, PIECES_MAX = 4 * SECRETS_MAX, BITS = 16 };

struct secret {
  enum watch_kind kind;
  size_t len;
  uint8_t masked[MEMORY_SECRET_MAX];
};

struct piece {                     /* 16 bytes of a secret */
  const struct secret* secret;
  size_t at;
  uint32_t next;                   /* of the same hash: an index + 1 */
};

static struct {
  uv_mutex_t mutex;
  int ready;
  uint8_t mask[MEMORY_SECRET_MAX];
  struct secret secrets[SECRETS_MAX];
  size_t count;
  size_t known[WATCH_KINDS];
  struct piece pieces[PIECES_MAX];
  uint32_t piece_count;
  uint32_t first[1 << BITS];       /* by hash: an index + 1 */
} kept;

const char* memory_kind(enum watch_kind kind) {
  static const char* const names[WATCH_KINDS] = {
    "ephemeral secret", "shared secret", "KEM's random bytes",
    "KEM's shared secret", "KEM's polynomials", "hybrid's K", "cipher key",
    "IV", "MAC key",
    "packet's MAC key", "seed of a private key", "scalar of a private key",
    "number of a private key", "password", "line of a key file"
  };

  return names[kind];
}

void memory_forget(void) {
  if (!kept.ready) {
    uv_mutex_init(&kept.mutex);
    randombytes_buf(kept.mask, sizeof(kept.mask));
    kept.ready = 1;
  }
  kept.count = 0;
  memset(kept.known, 0, sizeof(kept.known));
}

static void remember_one(enum watch_kind kind,
                         const uint8_t* base,
                         size_t len) {
  struct secret* s = &kept.secrets[kept.count];
  size_t i;

  if (kept.count == SECRETS_MAX || len < MEMORY_PIECE)
    return;
  kept.count++;
  kept.known[kind]++;
  s->kind = kind;
  s->len = len;
  for (i = 0; i < len; i++)
    s->masked[i] = base[i] ^ kept.mask[i];
}

void memory_remember(enum watch_kind kind, const void* base, size_t len) {
  const uint8_t* p = base;
  size_t n;

  uv_mutex_lock(&kept.mutex);
  for (; len != 0; p += n, len -= n) {
    n = len < MEMORY_SECRET_MAX ? len : MEMORY_SECRET_MAX;
    remember_one(kind, p, n);
  }
  uv_mutex_unlock(&kept.mutex);
}

size_t memory_known(enum watch_kind kind) {
  return kept.known[kind];
}

size_t memory_recall(enum watch_kind kind, uint8_t out[MEMORY_SECRET_MAX]) {
  size_t i, k;

  for (i = 0; i < kept.count; i++) {
    if (kept.secrets[i].kind != kind)
      continue;
    for (k = 0; k < kept.secrets[i].len; k++)
      out[k] = kept.secrets[i].masked[k] ^ kept.mask[k];
    return kept.secrets[i].len;
  }
  return 0;
}

/* ---- a table of all pieces, by what their first 8 bytes hash to ---------- */

static uint32_t hash_of(uint64_t x) {
  return (uint32_t) ((x * 0x9e3779b97f4a7c15u) >> (64 - BITS));
}

static void add_piece(const struct secret* s, size_t at) {
  uint64_t x = 0;
  uint32_t hash;
  size_t i;

  for (i = 0; i < 8; i++)          /* never in memory, but for a spill */
    x |= (uint64_t) (s->masked[at + i] ^ kept.mask[at + i]) << (8 * i);
  hash = hash_of(x);
  kept.pieces[kept.piece_count].secret = s;
  kept.pieces[kept.piece_count].at = at;
  kept.pieces[kept.piece_count].next = kept.first[hash];
  kept.first[hash] = ++kept.piece_count;
}

static void index_pieces(void) {
  size_t i, at;

  memset(kept.first, 0, sizeof(kept.first));
  kept.piece_count = 0;
  for (i = 0; i < kept.count; i++)
    for (at = 0; at + MEMORY_PIECE <= kept.secrets[i].len; at += MEMORY_PIECE)
      add_piece(&kept.secrets[i], at);
}

static int is_piece(const struct piece* p, const uint8_t* base) {
  unsigned odd = 0;
  size_t i;

  for (i = 0; i < MEMORY_PIECE; i++)
    odd |= (unsigned) (base[i] ^ p->secret->masked[p->at + i] ^
                       kept.mask[p->at + i]);
  return odd == 0;
}

/* ---- looking ------------------------------------------------------------- */

struct finds {
  size_t count;
  size_t of_kind[WATCH_KINDS];
  char where[WATCH_KINDS][128];    /* the last one's */
};

static void look_at(struct finds* f,
                    const uint8_t* base,
                    size_t len,
                    const char* name) {
  uint64_t x;
  uint32_t next;
  size_t i;

  for (i = 0; i + MEMORY_PIECE <= len; i++) {
    memcpy(&x, base + i, sizeof(x));
    for (next = kept.first[hash_of(x)]; next != 0;
         next = kept.pieces[next - 1].next) {
      const struct piece* p = &kept.pieces[next - 1];
      if (!is_piece(p, base + i))
        continue;
      f->count++;
      f->of_kind[p->secret->kind]++;
      snprintf(f->where[p->secret->kind], sizeof(f->where[0]),
               "from byte %zu, in %s", p->at,
               name[0] == '\0' ? "memory without a name" : name);
    }
  }
}

/* One line of /proc/self/maps. */
static void look_at_line(struct finds* f, const char* line) {
  unsigned long from, to;
  char rights[8] = "";
  char name[64] = "";

  if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %63[^\n]", &from, &to, rights,
             name) < 3)
    return;
  if (rights[0] == 'r' && rights[1] == 'w')
    look_at(f, (const uint8_t*) from, to - from, name);
}

static char maps[1 << 18];         /* no mapping comes while we look */

static void read_maps(void) {
  int file = open("/proc/self/maps", O_RDONLY);
  size_t len = 0;
  ssize_t n;

  CHECK(file >= 0);
  do {
    n = read(file, maps + len, sizeof(maps) - 1 - len);
    CHECK(n >= 0);
    len += (size_t) n;
  } while (n > 0);
  close(file);
  CHECK(len < sizeof(maps) - 1);
  maps[len] = '\0';
}

size_t memory_look(char* text, size_t size) {
  struct finds f;
  char* line;
  size_t at = 0;
  int i;

  memset(&f, 0, sizeof(f));
  index_pieces();
  read_maps();
  for (line = strtok(maps, "\n"); line != NULL; line = strtok(NULL, "\n"))
    look_at_line(&f, line);
  text[0] = '\0';
  for (i = 0; i < WATCH_KINDS; i++)
    if (f.of_kind[i] != 0 && at < size)
      at += (size_t) snprintf(text + at, size - at, "%s%zu %s (%s)",
                              at == 0 ? "" : ", ", f.of_kind[i],
                              memory_kind((enum watch_kind) i), f.where[i]);
  return f.count;
}
