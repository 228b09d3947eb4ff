/* micro-message: what a message of the peer costs a server, from the bytes of
 * its packet until all that it makes the server say has been sealed.
 *
 *   micro-message [--json] [--ms N]
 *
 * A session in memory is logged in and has a channel with a reader. Batches of
 * packets are fed to it: in the clear (keys are taken away behind the login, so
 * what is left is framing, the table of what is legal, the handler, the user's
 * callback, the answer), and sealed. "bare" are the primitive calls that
 * opening those packets, and sealing the answers, cannot do without, in the
 * same rounds (bench-timing.h).
 *
 * Counted at the end: what arrived is what was said.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench-timing.h"
#include "micro-bare.h"
#include "micro-pair.h"

enum { ROOM = 512 * 1024, BATCH_BYTES = 128 * 1024, BATCH_MAX = 64 };

struct row {
  const char* name;
  void (*write)(struct buf* m, uint32_t channel);
  size_t data;                     /* read by the channel */
  unsigned requests;               /* the channel's user is asked about */
  void (*after)(struct session* s);  /* each message; they are fed one by one */
};

/* ---- messages ------------------------------------------------------------ */

static const uint8_t zeros[32768];

static void data(struct buf* m, uint32_t channel, size_t n) {
  wr_u8(m, MSG_CHANNEL_DATA);
  wr_u32(m, channel);
  wr_str(m, zeros, n);
}

static void data_1(struct buf* m, uint32_t channel) {
  data(m, channel, 1);
}

static void data_100(struct buf* m, uint32_t channel) {
  data(m, channel, 100);
}

static void data_32k(struct buf* m, uint32_t channel) {
  data(m, channel, sizeof(zeros));
}

static void window_adjust(struct buf* m, uint32_t channel) {
  wr_u8(m, MSG_CHANNEL_WINDOW_ADJUST);
  wr_u32(m, channel);
  wr_u32(m, 1);
}

static void ignore(struct buf* m, uint32_t channel) {
  wr_u8(m, MSG_IGNORE);
  wr_str(m, zeros, 16);
}

static void ping(struct buf* m, uint32_t channel) {
  wr_u8(m, MSG_PING);
  wr_str(m, zeros, 16);
}

static void global_request(struct buf* m, uint32_t channel) {
  wr_u8(m, MSG_GLOBAL_REQUEST);
  wr_cstr(m, "keepalive@openssh.com");
  wr_bool(m, 1);
}

static void channel_request(struct buf* m, uint32_t channel) {
  wr_u8(m, MSG_CHANNEL_REQUEST);
  wr_u32(m, channel);
  wr_cstr(m, "window-change");
  wr_bool(m, 0);
  wr_u32(m, 80);
  wr_u32(m, 24);
  wr_u32(m, 0);
  wr_u32(m, 0);
}

/* OpenSSH's of 9.2, and what is known of it here. */
static void kexinit(struct buf* m, uint32_t channel) {
  static const char* const lists[] = {
    "sntrup761x25519-sha512@openssh.com,curve25519-sha256,"
    "curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,"
    "ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,"
    "diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,"
    "diffie-hellman-group14-sha256,ext-info-c",
    "ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,"
    "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,"
    "sk-ssh-ed25519@openssh.com,rsa-sha2-512,rsa-sha2-256",
    "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,"
    "aes128-gcm@openssh.com,aes256-gcm@openssh.com",
    "umac-64-etm@openssh.com,umac-128-etm@openssh.com,"
    "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,"
    "hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,"
    "hmac-sha2-256,hmac-sha2-512,hmac-sha1",
    "none,zlib@openssh.com,zlib"
  };
  static const unsigned order[] = { 0, 1, 2, 2, 3, 3, 4, 4 };
  size_t i;

  wr_u8(m, MSG_KEXINIT);
  wr_bytes(m, zeros, 16);          /* cookie */
  for (i = 0; i < ARRAY_SIZE(order); i++)
    wr_cstr(m, lists[order[i]]);
  wr_cstr(m, "");                  /* languages */
  wr_cstr(m, "");
  wr_bool(m, 0);                   /* first_kex_packet_follows */
  wr_u32(m, 0);
}

/* The exchange that has begun is forgotten. */
static void forget_exchange(struct session* s) {
  struct transport* t = &s->transport;

  uvssh__handshake_free(t);
  t->phase = T_READY;
  t->rekeying = 0;
  t->kexinit_sent = 0;
}

static const struct row rows[] = {
  { "CHANNEL_DATA, 1 byte", data_1, 1, 0, NULL },
  { "CHANNEL_DATA, 100 bytes", data_100, 100, 0, NULL },
  { "CHANNEL_DATA, 32 KiB", data_32k, sizeof(zeros), 0, NULL },
  { "CHANNEL_WINDOW_ADJUST", window_adjust, 0, 0, NULL },
  { "CHANNEL_REQUEST", channel_request, 0, 1, NULL },
  { "GLOBAL_REQUEST and answer", global_request, 0, 0, NULL },
  { "PING and PONG", ping, 0, 0, NULL },
  { "IGNORE, 16 bytes", ignore, 0, 0, NULL },
  { "KEXINIT both ways", kexinit, 0, 0, forget_exchange },
};

/* ---- one row ------------------------------------------------------------- */

struct cell {
  const struct row* row;
  struct pair* clear;
  struct pair* sealed;
  const struct bare* bare;
  struct buf payload;
  size_t in;                       /* bytes of its sealed packet, */
  size_t out;                      /* and of the answer to one; 0: none */
  size_t tag;
  double spent;
  uint64_t said[2];
};

static uint8_t wire[ROOM];
static uint8_t hot[BARE_ROOM];
static uint8_t valid[BARE_ROOM];

static void bare(void* arg, size_t n) {
  struct cell* c = (struct cell*) arg;

  for (; n != 0; n--) {
    c->bare->open(valid, c->in - c->tag);
    if (c->out != 0)
      c->bare->seal(hot, c->out - c->tag);
  }
}

static void feed(struct pair* p, uint8_t* at, size_t len) {
  CHECK(uvssh__session_wants_input(&p->pipe.server.session));
  uvssh__session_feed(&p->pipe.server.session, at, len);
}

/* All that is timed is the server's. */
static void hear(struct cell* c, struct pair* p, size_t n) {
  struct session* s = &p->pipe.server.session;
  size_t len = 0;
  size_t i;
  uint64_t began;

  for (i = 0; i < n; i++)
    pair_say(p, c->payload.base, c->payload.len);
  len = pair_take(p, wire, sizeof(wire));
  c->in = len / n;
  began = uv_hrtime();
  if (c->row->after == NULL)
    feed(p, wire, len);
  for (i = 0; c->row->after != NULL && i < n; i++) {
    feed(p, wire + i * c->in, c->in);
    c->row->after(s);
  }
  uvssh__session_turn(s);
  c->out = pair_drop_output(p) / n;
  c->spent = (double) (uv_hrtime() - began);
  CHECK_EQ(s->ending, E_RUNNING);
}

static void hear_clear(void* arg, size_t n) {
  struct cell* c = (struct cell*) arg;
  size_t in = c->in;
  size_t out = c->out;

  c->said[0] += n;
  hear(c, c->clear, n);
  c->in = in;
  c->out = out;
}

static void hear_sealed(void* arg, size_t n) {
  struct cell* c = (struct cell*) arg;

  c->said[1] += n;
  hear(c, c->sealed, n);
  if (c->out < c->tag + 8)         /* window credit, once in many */
    c->out = 0;
}

static double spent(void* arg) {
  return ((struct cell*) arg)->spent;
}

static const struct lap laps[] = {
  { .run = bare, .base = 0 },
  { .run = hear_clear, .base = 0, .spent = spent },
  { .run = hear_sealed, .base = 0, .spent = spent },
};

static uint32_t channel_number(const struct pair* p) {
  return ((const struct channel*) p->served.impl)->id;
}

/* The keys of the login are forgotten. */
static void make_clear(struct pair* p) {
  uvssh__keys_free(&p->pipe.server.session.transport.in.keys);
  uvssh__keys_free(&p->pipe.server.session.transport.out.keys);
  uvssh__keys_free(&p->pipe.client.session.transport.out.keys);
}

/* A log in the loop would be measured, too. */
static struct pair* logged_in(const struct bare* b) {
  struct pair* p = pair_new();

  p->config.ciphers = b->cipher;
  if (b->mac != NULL)
    p->config.macs = b->mac;
  pair_login(p, NULL);
  CHECK_EQ(channel_number(p), 0);
  return p;
}

static void check_counts(const struct cell* c) {
  const struct pair* pairs[] = { c->clear, c->sealed };
  size_t i;

  for (i = 0; i < ARRAY_SIZE(pairs); i++) {
    CHECK_EQ(pairs[i]->bytes_read, c->said[i] * c->row->data);
    CHECK_EQ(pairs[i]->requests, c->said[i] * c->row->requests);
  }
}

static void measure(const struct row* row,
                    const struct bare* b,
                    uint64_t ms,
                    struct lap_result* r) {
  struct cell c = { .row = row, .bare = b };
  size_t batch;

  c.clear = logged_in(b);
  c.sealed = logged_in(b);
  make_clear(c.clear);
  c.tag = c.sealed->pipe.server.session.transport.in.keys.tag_size;
  row->write(&c.payload, 0);
  CHECK(!c.payload.bad);
  hear_sealed(&c, 1);              /* how long its packets are */
  memset(valid, 0, sizeof(valid));
  b->seal(valid, c.in - c.tag);
  batch = BATCH_BYTES / c.in;
  if (batch > BATCH_MAX)
    batch = BATCH_MAX;
  timing_run(laps, ARRAY_SIZE(laps), &c, batch, ms, r);
  check_counts(&c);
  uvssh__buf_free(&c.payload);
  pair_free(c.clear);
  pair_free(c.sealed);
}

/* ---- output -------------------------------------------------------------- */

static void show(const struct row* row,
                 const struct bare* b,
                 const struct lap_result* r,
                 int json) {
  if (json)
    printf("{\"bench\": \"micro-message\", \"message\": \"%s\", "
           "\"cipher\": \"%s\", \"clear_ns\": %.1f, \"bare_ns\": %.1f, "
           "\"sealed_ns\": %.1f, \"ratio\": %.4f}\n",
           row->name, b->name, r[1].ns, r[0].ns, r[2].ns, r[2].ratio);
  else
    printf("%-26s %-18s %9.0f %9.0f %9.0f %9.3f\n", row->name, b->name,
           r[1].ns, r[0].ns, r[2].ns, r[2].ratio);
  fflush(stdout);
}

int main(int argc, char** argv) {
  struct timing_options o;
  struct lap_result r[ARRAY_SIZE(laps)];
  uint8_t key[BARE_KEY] = { 0 };
  uint8_t iv[BARE_IV] = { 0 };
  size_t i;
  size_t k;

  timing_options(&o, argc, argv);
  if (bare_set_up(key, iv) != 0)
    abort();
  if (!o.json)
    printf("A message of the peer, in nanoseconds. Clear: no encryption at "
           "all. Bare: only\nthe encryption. Sealed: both, as a server "
           "does.\n\n%-26s %-18s %9s %9s %9s %9s\n",
           "message", "cipher", "clear", "bare", "sealed", "/bare");
  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    for (k = 0; k < bare_count; k++) {
      if (bares[k].cipher == NULL || !bare_is_here(&bares[k]))
        continue;
      measure(&rows[i], &bares[k], o.ms, r);
      show(&rows[i], &bares[k], r, o.json);
    }
  }
  bare_free();
  return bare_failures() != 0;
}
