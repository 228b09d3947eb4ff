/* client-transfer.c: many bytes up, down, or both ways at once, by hash.
 *
 * What is sent goes by lent writes, BLOCKS at a time. What comes is compared
 * with the pattern byte by byte, and its SHA-256 is printed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "pattern.h"

enum { BLOCK = 64 * 1024, BLOCKS = 4 };

typedef struct {
  uvssh_req_t req;
  uint8_t bytes[BLOCK];
} block_t;

static struct {
  crypto_hash_sha256_state sum;    /* of what was sent, or of what came */
  uint64_t size;
  uint64_t sent, came;
  unsigned writing;
  block_t blocks[BLOCKS];
  char answer[crypto_hash_sha256_BYTES * 2 + 2];  /* up: what the server says */
  size_t answer_len;
} t;

static const char* digest(void) {
  static char hex[crypto_hash_sha256_BYTES * 2 + 1];
  uint8_t out[crypto_hash_sha256_BYTES];

  crypto_hash_sha256_final(&t.sum, out);
  return sodium_bin2hex(hex, sizeof(hex), out, sizeof(out));
}

/* ---- sending ------------------------------------------------------------ */

static void write_block(client_t* c, block_t* block);

static void on_written(uvssh_req_t* req, int status) {
  client_t* c = req->data;

  t.writing--;
  if (status != 0)
    return;                        /* the channel has closed; on_close tells */
  client_moves(c, "sending");
  if (t.sent < t.size)
    write_block(c, (block_t*) req);
  else if (t.writing == 0)
    uvssh_channel_shutdown(NULL, &c->channel, NULL);
}

static void write_block(client_t* c, block_t* block) {
  uint64_t left = t.size - t.sent;
  size_t len = left < BLOCK ? (size_t) left : BLOCK;
  uv_buf_t buf = uv_buf_init((char*) block->bytes, (unsigned) len);
  int err = 0;

  pattern_fill(block->bytes, t.sent, len);
  block->req.data = c;
  err = uvssh_channel_write(&block->req, &c->channel, UVSSH_DATA, &buf, 1,
                            on_written);
  if (err != 0) {
    client_fail(c, EXIT_UNEXPECTED, "failed", uvssh_strerror(err));
    return;
  }
  t.sent += len;
  t.writing++;
}

static void send_all(client_t* c) {
  for (int i = 0; i < BLOCKS && t.sent < t.size; i++)
    write_block(c, &t.blocks[i]);
  if (t.size == 0)
    uvssh_channel_shutdown(NULL, &c->channel, NULL);
}

/* ---- up ----------------------------------------------------------------- */

static void hash_what_is_sent(void) {
  uint8_t block[BLOCK];

  for (uint64_t at = 0; at < t.size; at += BLOCK) {
    size_t len = t.size - at < BLOCK ? (size_t) (t.size - at) : BLOCK;
    pattern_fill(block, at, len);
    crypto_hash_sha256_update(&t.sum, block, len);
  }
}

static void on_answer(client_t* c, int stream, const uv_buf_t* buf) {
  size_t room = sizeof(t.answer) - 1 - t.answer_len;
  size_t len = buf->len < room ? buf->len : room;

  if (stream != UVSSH_DATA)
    return;
  memcpy(t.answer + t.answer_len, buf->base, len);
  t.answer_len += len;
}

static void on_up_closed(client_t* c) {
  const char* want = digest();

  if (talk_ended(c, 0) != 0)
    return;
  if (t.answer_len != strlen(want) + 1 ||
      memcmp(t.answer, want, strlen(want)) != 0) {
    client_fail(c, EXIT_UNEXPECTED, "failed", "the server has another hash");
    return;
  }
  puts(want);
  client_leave(c, 0);
}

/* ---- down, both --------------------------------------------------------- */

static void on_pattern(client_t* c, int stream, const uv_buf_t* buf) {
  uint8_t want[BLOCK];
  size_t at = 0;

  if (stream != UVSSH_DATA)
    return;
  while (at < buf->len) {
    size_t len = buf->len - at < BLOCK ? buf->len - at : BLOCK;
    pattern_fill(want, t.came + at, len);
    if (memcmp(want, buf->base + at, len) != 0) {
      client_fail(c, EXIT_UNEXPECTED, "failed", "other bytes came");
      return;
    }
    at += len;
  }
  crypto_hash_sha256_update(&t.sum, (const uint8_t*) buf->base, buf->len);
  t.came += buf->len;
}

static void on_down_closed(client_t* c) {
  char text[96];

  if (t.came != t.size) {
    snprintf(text, sizeof(text), "%llu bytes came, not %llu",
             (unsigned long long) t.came, (unsigned long long) t.size);
    client_fail(c, EXIT_UNEXPECTED, "failed", text);
  } else if (talk_ended(c, 0) == 0) {
    puts(digest());
    client_leave(c, 0);
  }
}

/* ---- the actions -------------------------------------------------------- */

static int begin(client_t* c, const char* bytes) {
  char* end = NULL;

  t.size = strtoull(bytes, &end, 10);
  crypto_hash_sha256_init(&t.sum);
  if (end != bytes && *end == '\0')
    return 0;
  client_fail(c, EXIT_USAGE, "failed", "a number of bytes is needed");
  return -1;
}

void transfer_up(client_t* c, const char* bytes) {
  talk_t talk = { .type = UVSSH_REQUEST_EXEC,
                  .what = "sink",
                  .on_started = send_all,
                  .on_data = on_answer,
                  .on_closed = on_up_closed };
  if (begin(c, bytes) != 0)
    return;
  hash_what_is_sent();
  talk_begin(c, &talk);
}

void transfer_down(client_t* c, const char* bytes) {
  static char command[64];
  talk_t talk = { .type = UVSSH_REQUEST_EXEC,
                  .what = command,
                  .on_data = on_pattern,
                  .on_closed = on_down_closed };
  if (begin(c, bytes) != 0)
    return;
  snprintf(command, sizeof(command), "source %llu",
           (unsigned long long) t.size);
  talk_begin(c, &talk);
}

void transfer_both(client_t* c, const char* bytes) {
  talk_t talk = { .type = UVSSH_REQUEST_EXEC,
                  .what = "echo",
                  .on_started = send_all,
                  .on_data = on_pattern,
                  .on_closed = on_down_closed };
  if (begin(c, bytes) == 0)
    talk_begin(c, &talk);
}
