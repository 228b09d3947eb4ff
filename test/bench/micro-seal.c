/* micro-seal: what sealing and opening a packet costs, as a multiple of the
 * bare primitive calls that it cannot do without.
 *
 *   micro-seal [--json] [--ms N]
 *
 * A machine's speed drifts, so the bare calls are not measured before or after:
 * each round times a batch of bare calls, of seals and of opens, one after the
 * other on hot buffers, and gives two ratios. Shown is the median over the
 * rounds of about N milliseconds (200) for each cipher and size.
 *
 * Bare is, over a whole packet of the same size:
 *   chacha20-poly1305   the length's 4 bytes, the Poly1305 key, ChaCha20,
 *                       Poly1305, in place
 *   aes256-gcm          one call, in place
 *   aes256-ctr          AES-CTR in place, HMAC from a prepared state
 * and for opening the same in the other direction, out of place.
 */
#include <mbedtls/aes.h>
#include <mbedtls/gcm.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/crypto.h"

#define BATCH_MAX 64
#define BATCH_BYTES 16384
#define ROUNDS_MAX 20000
#define HEAD 14                    /* CHANNEL_DATA up to its data */
#define ROOM (32768 + 512)

static const size_t sizes[] = { 20, 100, 180, 300, 1024, 4096, 8192, 32768 };

/* ---- bare ---------------------------------------------------------------- */

static uint8_t key[64];
static uint8_t nonce[16];
static uint8_t hot[ROOM];          /* plaintext, changed in place */
static uint8_t valid[ROOM];        /* a packet that opens */
static uint8_t plain[ROOM];
static crypto_aead_aes256gcm_state gcm_key;
static mbedtls_gcm_context gcm_portable;
static mbedtls_aes_context aes;
static crypto_auth_hmacsha256_state hmac_key;
static int failures;               /* of calls that cannot fail */

static void chacha_bare_seal(uint8_t* p, size_t len) {
  uint8_t poly[32] = { 0 };
  crypto_stream_chacha20_xor_ic(p, p, 4, nonce, 0, key + 32);
  crypto_stream_chacha20_xor_ic(poly, poly, 32, nonce, 0, key);
  crypto_stream_chacha20_xor_ic(p + 4, p + 4, len - 4, nonce, 1, key);
  crypto_onetimeauth_poly1305(p + len, p, len, poly);
}

static void chacha_bare_open(const uint8_t* p, size_t len) {
  uint8_t poly[32] = { 0 };
  crypto_stream_chacha20_xor_ic(plain, p, 4, nonce, 0, key + 32);
  crypto_stream_chacha20_xor_ic(poly, poly, 32, nonce, 0, key);
  failures += crypto_onetimeauth_poly1305_verify(p + len, p, len, poly) != 0;
  crypto_stream_chacha20_xor_ic(plain + 4, p + 4, len - 4, nonce, 1, key);
}

static void gcm_bare_seal(uint8_t* p, size_t len) {
  failures += crypto_aead_aes256gcm_encrypt_detached_afternm(
      p + 4, p + len, NULL, p + 4, len - 4, p, 4, NULL, nonce, &gcm_key) != 0;
}

static void gcm_bare_open(const uint8_t* p, size_t len) {
  failures += crypto_aead_aes256gcm_decrypt_detached_afternm(
      plain + 4, NULL, p + 4, len - 4, p + len, p, 4, nonce, &gcm_key) != 0;
}

static void portable_bare_seal(uint8_t* p, size_t len) {
  failures += mbedtls_gcm_crypt_and_tag(&gcm_portable, MBEDTLS_GCM_ENCRYPT,
                                        len - 4, nonce, 12, p, 4, p + 4, p + 4,
                                        16, p + len) != 0;
}

static void portable_bare_open(const uint8_t* p, size_t len) {
  failures += mbedtls_gcm_auth_decrypt(&gcm_portable, len - 4, nonce, 12, p, 4,
                                       p + len, 16, p + 4, plain + 4) != 0;
}

static void ctr(const uint8_t* in, uint8_t* out, size_t len) {
  static uint8_t stream[16];
  uint8_t counter[16];
  size_t used = 0;

  memcpy(counter, nonce, 16);
  failures += mbedtls_aes_crypt_ctr(&aes, len, &used, counter, stream, in,
                                    out) != 0;
}

static void hmac(const uint8_t* p, size_t len, uint8_t* tag) {
  crypto_auth_hmacsha256_state s = hmac_key;
  crypto_auth_hmacsha256_update(&s, nonce, 4);
  crypto_auth_hmacsha256_update(&s, p, len);
  crypto_auth_hmacsha256_final(&s, tag);
}

static void etm_bare_seal(uint8_t* p, size_t len) {
  ctr(p + 4, p + 4, len - 4);
  hmac(p, len, p + len);
}

static void etm_bare_open(const uint8_t* p, size_t len) {
  uint8_t tag[32];
  hmac(p, len, tag);
  failures += sodium_memcmp(tag, p + len, 32) != 0;
  ctr(p + 4, plain + 4, len - 4);
}

static void mac_bare_seal(uint8_t* p, size_t len) {
  hmac(p, len, p + len);
  ctr(p, p, len);
}

static void mac_bare_open(const uint8_t* p, size_t len) {
  uint8_t tag[32];
  ctr(p, plain, len);
  hmac(plain, len, tag);
  failures += sodium_memcmp(tag, p + len, 32) != 0;
}

static const struct row {
  const char* name;
  const struct cipher_alg* cipher;
  const struct mac_alg* mac;
  void (*bare_seal)(uint8_t* packet, size_t len);
  void (*bare_open)(const uint8_t* packet, size_t len);
} rows[] = {
  { "chacha20-poly1305", &uvssh__chacha20_poly1305, NULL, chacha_bare_seal,
    chacha_bare_open },
  { "aes256-gcm", &uvssh__aes256_gcm, NULL, gcm_bare_seal, gcm_bare_open },
  { "aes256-gcm mbedtls", &uvssh__aes256_gcm_portable, NULL, portable_bare_seal,
    portable_bare_open },
  { "aes256-ctr etm", &uvssh__aes256_ctr, &uvssh__hmac_sha256_etm,
    etm_bare_seal, etm_bare_open },
  { "aes256-ctr mac", &uvssh__aes256_ctr, &uvssh__hmac_sha256, mac_bare_seal,
    mac_bare_open },
};

static void set_up(void) {
  if (uvssh__crypto_init() != 0)
    abort();
  uvssh__random(key, sizeof(key));
  uvssh__random(nonce, sizeof(nonce));
  mbedtls_gcm_init(&gcm_portable);
  mbedtls_aes_init(&aes);
  failures += mbedtls_gcm_setkey(&gcm_portable, MBEDTLS_CIPHER_ID_AES, key,
                                 256) != 0;
  failures += mbedtls_aes_setkey_enc(&aes, key, 256) != 0;
  crypto_auth_hmacsha256_init(&hmac_key, key, 32);
  if (crypto_aead_aes256gcm_is_available())
    crypto_aead_aes256gcm_beforenm(&gcm_key, key);
}

/* ---- one cell ------------------------------------------------------------ */

struct cell {
  const struct row* row;
  size_t size;                     /* of the data */
  size_t len;                      /* of the packet without its tag */
  size_t tail;
  size_t batch;
  struct keys sealing;
  struct keys opening;
  uint32_t seq;
};

struct result {
  double bare_seal_ns;
  double bare_open_ns;
  double seal;                     /* multiples of bare */
  double open;
  size_t rounds;
};

struct round {
  double bare_seal, bare_open, seal, open;
};

static uint8_t body[32768];
static uint8_t out[BATCH_MAX][ROOM];
static struct round rounds[ROUNDS_MAX];

static void seal_one(struct cell* c, uint8_t* p, uint32_t seq) {
  put_u32(p, (uint32_t) (c->len - 4));
  memset(p + 4, 0, HEAD - 4);
  memset(p + HEAD + c->size, 0, c->tail);
  failures += uvssh__seal(&c->sealing, seq, p, HEAD, body, c->size,
                          c->tail) != 0;
}

static void open_one(struct cell* c, uint8_t* p, uint32_t seq) {
  uint32_t packet_length = 0;
  failures += uvssh__open_length(&c->opening, seq, p, &packet_length) != 0;
  failures += packet_length != c->len - 4;
  failures += uvssh__open(&c->opening, seq, p, packet_length) != 0;
}

static void run_round(struct cell* c, struct round* r) {
  double n = (double) c->batch;
  uint64_t t[5];
  size_t i;

  t[0] = uv_hrtime();
  for (i = 0; i < c->batch; i++)
    c->row->bare_seal(hot, c->len);
  t[1] = uv_hrtime();
  for (i = 0; i < c->batch; i++)
    seal_one(c, out[i], c->seq + (uint32_t) i);
  t[2] = uv_hrtime();
  for (i = 0; i < c->batch; i++)
    c->row->bare_open(valid, c->len);
  t[3] = uv_hrtime();
  for (i = 0; i < c->batch; i++)
    open_one(c, out[i], c->seq + (uint32_t) i);
  t[4] = uv_hrtime();

  c->seq += (uint32_t) c->batch;
  r->bare_seal = (double) (t[1] - t[0]) / n;
  r->seal = (double) (t[2] - t[1]) / n;
  r->bare_open = (double) (t[3] - t[2]) / n;
  r->open = (double) (t[4] - t[3]) / n;
}

static int by_value(const void* a, const void* b) {
  double x = *(const double*) a;
  double y = *(const double*) b;
  return x < y ? -1 : x > y;
}

static double median(size_t n, double (*of)(const struct round* r)) {
  static double values[ROUNDS_MAX];
  size_t i;

  for (i = 0; i < n; i++)
    values[i] = of(&rounds[i]);
  qsort(values, n, sizeof(values[0]), by_value);
  return values[n / 2];
}

static double of_bare_seal(const struct round* r) {
  return r->bare_seal;
}

static double of_bare_open(const struct round* r) {
  return r->bare_open;
}

static double of_seal(const struct round* r) {
  return r->seal / r->bare_seal;
}

static double of_open(const struct round* r) {
  return r->open / r->bare_open;
}

static void prepare(struct cell* c) {
  const struct row* row = c->row;
  size_t block = row->cipher->block_size;
  size_t clear = row->mac != NULL && !row->mac->etm ? 0 : 4;

  c->tail = block - (HEAD - clear + c->size) % block;
  if (c->tail < 4)
    c->tail += block;
  c->len = HEAD + c->size + c->tail;
  c->batch = BATCH_BYTES / c->len;
  if (c->batch == 0)
    c->batch = 1;
  if (c->batch > BATCH_MAX)
    c->batch = BATCH_MAX;
  failures += uvssh__keys_init(&c->sealing, row->cipher, row->mac, key, nonce,
                               key, 1) != 0;
  failures += uvssh__keys_init(&c->opening, row->cipher, row->mac, key, nonce,
                               key, 0) != 0;
  memset(valid, 0, sizeof(valid));
  row->bare_seal(valid, c->len);
}

static struct result measure(struct cell* c, uint64_t ms) {
  struct result result = { 0 };
  uint64_t end;
  size_t n = 0;
  int warm;

  prepare(c);
  for (warm = 0; warm < 20; warm++)
    run_round(c, &rounds[0]);
  end = uv_hrtime() + ms * 1000000;
  while (n < ROUNDS_MAX && (n < 9 || uv_hrtime() < end))
    run_round(c, &rounds[n++]);
  uvssh__keys_free(&c->sealing);
  uvssh__keys_free(&c->opening);
  result.rounds = n;
  result.bare_seal_ns = median(n, of_bare_seal);
  result.bare_open_ns = median(n, of_bare_open);
  result.seal = median(n, of_seal);
  result.open = median(n, of_open);
  return result;
}

/* ---- output -------------------------------------------------------------- */

static void show_json(const struct cell* c, const struct result* r) {
  printf("{\"bench\": \"micro-seal\", \"cipher\": \"%s\", \"bytes\": %zu, "
         "\"rounds\": %zu, \"batch\": %zu, \"bare_seal_ns\": %.1f, "
         "\"bare_open_ns\": %.1f, \"seal_ratio\": %.3f, "
         "\"open_ratio\": %.3f}\n",
         c->row->name, c->size, r->rounds, c->batch, r->bare_seal_ns,
         r->bare_open_ns, r->seal, r->open);
}

static void show_table(const struct row* row, const struct result* results) {
  size_t i;

  printf("\n%-18s", row->name);
  for (i = 0; i < ARRAY_SIZE(sizes); i++)
    printf("%9zu", sizes[i]);
  printf("\n%-18s", "  bare seal, ns");
  for (i = 0; i < ARRAY_SIZE(sizes); i++)
    printf("%9.0f", results[i].bare_seal_ns);
  printf("\n%-18s", "  seal / bare");
  for (i = 0; i < ARRAY_SIZE(sizes); i++)
    printf("%9.2f", results[i].seal);
  printf("\n%-18s", "  bare open, ns");
  for (i = 0; i < ARRAY_SIZE(sizes); i++)
    printf("%9.0f", results[i].bare_open_ns);
  printf("\n%-18s", "  open / bare");
  for (i = 0; i < ARRAY_SIZE(sizes); i++)
    printf("%9.2f", results[i].open);
  printf("\n");
}

static void run_row(const struct row* row, uint64_t ms, int json) {
  struct result results[ARRAY_SIZE(sizes)];
  size_t i;

  for (i = 0; i < ARRAY_SIZE(sizes); i++) {
    struct cell c = { .row = row, .size = sizes[i] };
    results[i] = measure(&c, ms);
    if (json)
      show_json(&c, &results[i]);
  }
  if (!json)
    show_table(row, results);
  fflush(stdout);
}

int main(int argc, char** argv) {
  uint64_t ms = 200;
  int json = 0;
  size_t i;
  int arg;

  for (arg = 1; arg < argc; arg++) {
    if (strcmp(argv[arg], "--json") == 0) {
      json = 1;
    } else if (strcmp(argv[arg], "--ms") == 0 && arg + 1 < argc) {
      ms = strtoul(argv[++arg], NULL, 10);
    } else {
      fprintf(stderr, "usage: micro-seal [--json] [--ms N]\n");
      return 2;
    }
  }
  set_up();
  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    if (rows[i].bare_seal == gcm_bare_seal &&
        !crypto_aead_aes256gcm_is_available())
      continue;
    run_row(&rows[i], ms, json);
  }
  mbedtls_gcm_free(&gcm_portable);
  mbedtls_aes_free(&aes);
  if (failures != 0)
    fprintf(stderr, "micro-seal: %d calls failed\n", failures);
  return failures != 0;
}
