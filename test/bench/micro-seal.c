/* micro-seal: what sealing and opening a packet costs, as a multiple of the
 * bare primitive calls that it cannot do without (micro-bare.h).
 *
 *   micro-seal [--json] [--ms N]
 *
 * Two layers of ours: the cipher (uvssh__seal, uvssh__open of keys.c), and the
 * whole packet layer of a transport: uvssh__send_data into output blocks until
 * they have been written, uvssh__packet_next over them. All are timed in the
 * same rounds (bench-timing.h), N milliseconds (200) for each cipher and size.
 * The primitive has one hot buffer; a batch of ours is what one write gathers.
 *
 * Each packet that was opened must be what was sealed; a call that fails makes
 * the exit status 1.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench-timing.h"
#include "micro-bare.h"
#include "transport/transport.h"

enum {
  BATCH_MAX = 64,
  HEAD = 9,                        /* of CHANNEL_DATA, before its data */
  BEFORE = 5 + HEAD                /* packet_length, padding_length, HEAD */
};

static const size_t sizes[] = { 20,   100,  180,  300,   1024,
                                4096, 8192, 16384, 32768 };

/* A transport with nothing around it. */
struct end {
  struct desk desk;
  struct transport t;
};

struct cell {
  const struct bare* bare;
  size_t size;                     /* of the data */
  size_t len;                      /* of the packet without its tag */
  size_t tail;                     /* padding */
  struct keys sealing;             /* of the cipher layer */
  struct keys opening;
  uint32_t sealed;
  uint32_t opened;
  struct end from;                 /* of the packet layer */
  struct end to;
  struct pool pool;
};

static uint8_t key[BARE_KEY];
static uint8_t nonce[BARE_IV];
static uint8_t hot[BARE_ROOM];    /* plaintext, changed in place */
static uint8_t valid[BARE_ROOM];  /* a packet that opens */
static uint8_t body[32768];
static uint8_t out[BATCH_MAX][BARE_ROOM];
static const uint8_t head[HEAD] = { MSG_CHANNEL_DATA };
static int failures;               /* of calls that cannot fail */

/* ---- the laps ------------------------------------------------------------ */

static void bare_seal(void* arg, size_t n) {
  struct cell* c = (struct cell*) arg;

  while (n-- != 0)
    c->bare->seal(hot, c->len);
}

static void bare_open(void* arg, size_t n) {
  struct cell* c = (struct cell*) arg;

  while (n-- != 0)
    c->bare->open(valid, c->len);
}

static void cipher_seal(void* arg, size_t n) {
  struct cell* c = (struct cell*) arg;
  uint8_t* p;
  size_t i;

  for (i = 0; i < n; i++) {
    p = out[i];
    put_u32(p, (uint32_t) (c->len - 4));
    p[4] = (uint8_t) c->tail;
    memcpy(p + 5, head, HEAD);
    memcpy(p + BEFORE + c->size, nonce, c->tail < 16 ? c->tail : 16);
    failures += uvssh__seal(&c->sealing, c->sealed++, p, BEFORE, body, c->size,
                            c->tail) != 0;
  }
}

static void cipher_open(void* arg, size_t n) {
  struct cell* c = (struct cell*) arg;
  uint32_t length = 0;
  size_t i;

  for (i = 0; i < n; i++) {
    failures += uvssh__open_length(&c->opening, c->opened, out[i],
                                   &length) != 0 ||
                length != c->len - 4 ||
                uvssh__open(&c->opening, c->opened, out[i], length) != 0;
    c->opened++;
  }
}

/* The blocks of the round before are written by now. */
static void packet_send(void* arg, size_t n) {
  struct cell* c = (struct cell*) arg;
  uv_buf_t written;

  while (uvssh__output_next(&c->from.t, &written))
    uvssh__output_done(&c->from.t);
  while (n-- != 0)
    uvssh__send_data(&c->from.t, head, HEAD, body, c->size);
}

static void packet_next(void* arg, size_t n) {
  struct cell* c = (struct cell*) arg;
  struct block* block = c->from.t.blocks;
  uint8_t* p;
  size_t left;
  rd_t m;

  for (; block != NULL; block = block->next) {
    p = block->data;
    left = block->len;
    while (uvssh__packet_next(&c->to.t, &p, &left, &m) == 1) {
      failures += rd_left(&m) != HEAD + c->size || m.at[0] != head[0];
      n--;
    }
  }
  failures += n != 0;
}

static const struct lap laps[] = {
  { .run = bare_seal, .base = 0 },
  { .run = cipher_seal, .base = 0 },
  { .run = packet_send, .base = 0 },
  { .run = bare_open, .base = 3 },
  { .run = cipher_open, .base = 3 },
  { .run = packet_next, .base = 3 },
};

static const char* const names[] = { "bare seal",   "cipher seal",
                                     "packet send", "bare open",
                                     "cipher open", "packet next" };

/* ---- one cell ------------------------------------------------------------ */

static void on_wake(struct desk* desk) {
}

static uint64_t on_now(const struct desk* desk) {
  return 1000;
}

static const struct desk_ops ops = { on_wake, NULL, on_now, NULL };

static void end_open(struct end* e, struct cell* c, int sealing) {
  struct half* half = sealing ? &e->t.out : &e->t.in;

  uvssh_config_init(&e->desk.config);
  e->desk.ops = &ops;
  e->desk.pool = &c->pool;
  e->desk.logged_in = 1;
  queue_init(&e->desk.questions);
  queue_init(&e->desk.done);
  uvssh__transport_init(&e->t, &e->desk, NULL);
  e->t.phase = T_READY;
  failures += uvssh__keys_init(&half->keys,
                               uvssh__cipher_find(str_of(c->bare->cipher)),
                               c->bare->mac == NULL
                                   ? NULL
                                   : uvssh__mac_find(str_of(c->bare->mac)),
                               key, nonce, key, sealing) != 0;
}

/* mbedTLS's GCM has no name in SSH: only its cipher layer is measured. */
static void cell_open(struct cell* c) {
  const struct cipher_alg* cipher = &uvssh__aes256_gcm_portable;
  const struct mac_alg* mac = NULL;
  size_t clear = 4;

  uvssh__pool_init(&c->pool);
  if (c->bare->cipher != NULL) {
    cipher = uvssh__cipher_find(str_of(c->bare->cipher));
    end_open(&c->from, c, 1);
    end_open(&c->to, c, 0);
  }
  if (c->bare->mac != NULL) {
    mac = uvssh__mac_find(str_of(c->bare->mac));
    clear = mac->etm ? 4 : 0;
  }
  c->tail = cipher->block_size - (BEFORE - clear + c->size) %
                                     cipher->block_size;
  if (c->tail < 4)
    c->tail += cipher->block_size;
  c->len = BEFORE + c->size + c->tail;
  failures += uvssh__keys_init(&c->sealing, cipher, mac, key, nonce, key,
                               1) != 0;
  failures += uvssh__keys_init(&c->opening, cipher, mac, key, nonce, key,
                               0) != 0;
  memset(valid, 0, sizeof(valid));
  c->bare->seal(valid, c->len);
}

static void cell_close(struct cell* c) {
  uvssh__keys_free(&c->sealing);
  uvssh__keys_free(&c->opening);
  if (c->bare->cipher != NULL) {
    uvssh__transport_free(&c->from.t);
    uvssh__transport_free(&c->to.t);
  }
  uvssh__pool_free(&c->pool);
}

static size_t batch_of(const struct cell* c) {
  size_t n = SEAL_AHEAD_MAX / c->size;

  return n > BATCH_MAX ? BATCH_MAX : n;
}

static void measure(struct cell* c, uint64_t ms, struct lap_result* r) {
  static const struct lap without[] = {  /* the packet layer */
    { .run = bare_seal, .base = 0 },
    { .run = cipher_seal, .base = 0 },
    { .run = bare_open, .base = 2 },
    { .run = cipher_open, .base = 2 },
  };
  struct lap_result four[ARRAY_SIZE(without)];

  cell_open(c);
  if (c->bare->cipher != NULL) {
    timing_run(laps, ARRAY_SIZE(laps), c, batch_of(c), ms, r);
  } else {
    timing_run(without, ARRAY_SIZE(without), c, batch_of(c), ms, four);
    memset(r, 0, ARRAY_SIZE(laps) * sizeof(*r));
    r[0] = four[0];
    r[1] = four[1];
    r[3] = four[2];
    r[4] = four[3];
  }
  failures += c->from.desk.failed != 0 || c->to.desk.failed != 0;
  cell_close(c);
}

/* ---- output -------------------------------------------------------------- */

static double gib(const struct lap_result* r, size_t size) {
  return r->ns / (double) size * TIMING_GIB / 1e9;
}

static void show_json(const struct cell* c, const struct lap_result* r) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(laps); i++)
    if (r[i].ns > 0)
      printf("{\"bench\": \"micro-seal\", \"cipher\": \"%s\", \"bytes\": %zu, "
             "\"what\": \"%s\", \"ns\": %.1f, \"s_gib\": %.4f, "
             "\"ratio\": %.4f}\n",
             c->bare->name, c->size, names[i], r[i].ns, gib(&r[i], c->size),
             r[i].ratio);
}

static void show_line(const char* what, const char* unit) {
  printf("\n  %-11s %-5s", what, unit);
}

/* What a lap has in each column. */
static void show_lap(size_t i, struct lap_result r[][ARRAY_SIZE(laps)]) {
  size_t k;

  if (r[0][i].ns <= 0)
    return;
  show_line(names[i], "ns");
  for (k = 0; k < ARRAY_SIZE(sizes); k++)
    printf("%8.0f", r[k][i].ns);
  show_line("", "s/GiB");
  for (k = 0; k < ARRAY_SIZE(sizes); k++)
    printf("%8.2f", gib(&r[k][i], sizes[k]));
  if (laps[i].base == i)
    return;
  show_line("", "/bare");
  for (k = 0; k < ARRAY_SIZE(sizes); k++)
    printf("%8.3f", r[k][i].ratio);
}

static void run_row(const struct bare* bare,
                    const struct timing_options* o) {
  struct lap_result results[ARRAY_SIZE(sizes)][ARRAY_SIZE(laps)];
  size_t i;

  for (i = 0; i < ARRAY_SIZE(sizes); i++) {
    struct cell c = { .bare = bare, .size = sizes[i] };

    measure(&c, o->ms, results[i]);
    if (o->json)
      show_json(&c, results[i]);
  }
  if (!o->json) {
    printf("\n%-19s", bare->name);
    for (i = 0; i < ARRAY_SIZE(sizes); i++)
      printf("%8zu", sizes[i]);
    for (i = 0; i < ARRAY_SIZE(laps); i++)
      show_lap(i, results);
    printf("\n");
  }
  fflush(stdout);
}

int main(int argc, char** argv) {
  struct timing_options o;
  size_t i;

  timing_options(&o, argc, argv);
  if (uvssh__crypto_init() != 0)
    abort();
  uvssh__random(key, sizeof(key));
  uvssh__random(nonce, sizeof(nonce));
  if (bare_set_up(key, nonce) != 0)
    abort();
  if (!o.json)
    printf("Sealing and opening, by bytes of data in a packet. \"/bare\" is a "
           "multiple of\nthe bare primitive in the same rounds: below 1 is "
           "faster.\n");
  for (i = 0; i < bare_count; i++)
    if (bare_is_here(&bares[i]))
      run_row(&bares[i], &o);
  bare_free();
  failures += bare_failures();
  if (failures != 0)
    fprintf(stderr, "micro-seal: %d calls failed\n", failures);
  return failures != 0;
}
