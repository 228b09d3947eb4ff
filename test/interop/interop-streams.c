/* interop-streams.c: the commands of the test server that move many bytes.
 *
 *   sink          swallow until EOF, then print the SHA-256 of it
 *   source N      N bytes of the pattern by lent writes, then exit 0
 *   sendsource N  the same by copied sends and on_drain
 *   echo          a relay of the channel to itself
 *   cat           the same by one write request for each read
 *
 * The pattern: see pattern.h. */
#include <stdlib.h>
#include <string.h>

#include "interop.h"
#include "pattern.h"

enum { CAT_HIGH = 1 << 20, CAT_LOW = 1 << 18 };

void run_say(run_t* r, const char* text) {
  uvssh_channel_send(&r->channel, UVSSH_DATA, text, strlen(text));
}

static void on_leave(uvssh_req_t* req, int status) {
  if (status == 0)
    uvssh_channel_exit(req->channel, 0, 0);
}

/* Exit once all has left: a client may read as late as it likes, and
 * uvssh_channel_exit() alone would wait for linger_ms only. */
void run_leave(run_t* r) {
  uvssh_channel_shutdown(&r->req, &r->channel, on_leave);
}

static void on_sink(uvssh_channel_t* c,
                    int stream,
                    ssize_t nread,
                    const uv_buf_t* buf) {
  run_t* r = c->data;
  uint8_t sum[crypto_hash_sha256_BYTES];
  char hex[2 * sizeof(sum) + 1];

  if (nread > 0) {
    crypto_hash_sha256_update(&r->hash, (const uint8_t*) buf->base, buf->len);
  } else if (nread == UV_EOF) {
    crypto_hash_sha256_final(&r->hash, sum);
    run_say(r, sodium_bin2hex(hex, sizeof(hex), sum, sizeof(sum)));
    run_say(r, "\n");
    uvssh_channel_exit(c, 0, 0);
  }
}

void run_sink(run_t* r, const char* arg) {
  crypto_hash_sha256_init(&r->hash);
  uvssh_channel_read_start(&r->channel, on_sink);
}

static size_t next_block(run_t* r, uint8_t* out) {
  uint64_t left = r->size - r->at;
  size_t len = left < RUN_BLOCK ? (size_t) left : RUN_BLOCK;

  pattern_fill(out, r->at, len);
  r->at += len;
  return len;
}

static void on_source(uvssh_req_t* req, int status);

static void write_block(run_t* r, block_t* block) {
  uv_buf_t buf = uv_buf_init((char*) block->bytes,
                             (unsigned) next_block(r, block->bytes));

  if (uvssh_channel_write(&block->req, &r->channel, UVSSH_DATA, &buf, 1,
                          on_source) == 0)
    r->writing++;
}

static void on_source(uvssh_req_t* req, int status) {
  run_t* r = req->channel->data;

  r->writing--;
  if (status != 0)
    return;
  if (r->at < r->size)
    write_block(r, (block_t*) req);
  else if (r->writing == 0)
    uvssh_channel_exit(&r->channel, 0, 0);
}

void run_source(run_t* r, const char* arg) {
  r->size = strtoull(arg, NULL, 10);
  for (int i = 0; i < RUN_BLOCKS && r->at < r->size; i++) {
    r->blocks[i] = calloc(1, sizeof(block_t));
    if (r->blocks[i] != NULL)
      write_block(r, r->blocks[i]);
  }
  if (r->writing == 0)
    uvssh_channel_exit(&r->channel, r->size != 0, 0);
}

static void send_on(run_t* r) {
  uint8_t block[RUN_BLOCK];

  while (r->at < r->size) {
    uint64_t before = r->at;
    size_t len = next_block(r, block);
    if (uvssh_channel_send(&r->channel, UVSSH_DATA, block, len) != 0) {
      r->at = before;              /* UV_ENOBUFS: on_drain will come */
      return;
    }
  }
  r->copied = 0;
  run_leave(r);
}

void run_sendsource(run_t* r, const char* arg) {
  r->size = strtoull(arg, NULL, 10);
  r->copied = 1;
  send_on(r);
}

void run_drain(uvssh_channel_t* c) {
  run_t* r = c->data;
  if (r->copied)
    send_on(r);
}

static void on_relayed(uvssh_req_t* req, int status) {
  if (status == 0)
    uvssh_channel_exit(req->channel, 0, 0);
}

void run_echo(run_t* r, const char* arg) {
  uvssh_channel_relay(&r->req, &r->channel, &r->channel, on_relayed);
}

static void on_cat(uvssh_channel_t* c,
                   int stream,
                   ssize_t nread,
                   const uv_buf_t* buf);

static void on_cat_written(uvssh_req_t* req, int status) {
  uvssh_channel_t* c = req->channel;
  run_t* r = c->data;

  free(req);
  if (status == 0 && r->stopped && uvssh_channel_queue_size(c) < CAT_LOW) {
    r->stopped = 0;
    uvssh_channel_read_start(c, on_cat);
  }
}

static void on_cat(uvssh_channel_t* c,
                   int stream,
                   ssize_t nread,
                   const uv_buf_t* buf) {
  run_t* r = c->data;
  uvssh_req_t* req = NULL;
  uv_buf_t copy;

  if (nread == UV_EOF)
    run_leave(r);
  if (nread < 0)
    return;
  req = malloc(sizeof(*req) + buf->len);
  if (req == NULL)
    return;
  memset(req, 0, sizeof(*req));
  copy = uv_buf_init((char*) (req + 1), (unsigned) buf->len);
  memcpy(copy.base, buf->base, buf->len);
  if (uvssh_channel_write(req, c, UVSSH_DATA, &copy, 1, on_cat_written) != 0)
    free(req);
  if (uvssh_channel_queue_size(c) >= CAT_HIGH) {
    r->stopped = 1;
    uvssh_channel_read_stop(c);
  }
}

void run_cat(run_t* r, const char* arg) {
  uvssh_channel_read_start(&r->channel, on_cat);
}
