/* peer.c: a script on a pipe: its life, and what it hears.
 *
 * Happy path: a function that reads opens the pipe's end for reading, runs the
 * loop until the script has a message, and closes the end again.
 * Failure: the first one is kept, with a text for people, and is the answer of
 * every later call.
 *
 * Never: lets time go by, aborts.
 */
#include "test/test.h"

#include <stdio.h>

/* ---- failing ------------------------------------------------------------- */

int uvssh__peer_fail(uvssh_test_peer_t* peer,
                     int err,
                     const char* format,
                     ...) {
  va_list args;

  if (peer->status != 0)
    return peer->status;
  va_start(args, format);
  vsnprintf(peer->error, sizeof(peer->error), format, args);
  va_end(args);
  peer->status = err;
  return err;
}

const char* uvssh_test_peer_error(const uvssh_test_peer_t* peer) {
  return peer->error;
}

/* ---- a life -------------------------------------------------------------- */

static void on_bytes(void* owner, const uint8_t* base, ssize_t nread) {
  uvssh_test_peer_t* peer = (uvssh_test_peer_t*) owner;

  if (nread < 0) {
    peer->lost = (int) nread;
    return;
  }
  uvssh__buf_put(&peer->in, base, (size_t) nread);
  if (peer->in.bad)
    peer->lost = UV_ENOMEM;
}

static void peer_free(uvssh_test_peer_t* peer) {
  uvssh__script_reset(&peer->script);
  uvssh__buf_free(&peer->in);
  uvssh_key_unref(peer->hostkey);
  uvssh__free_secret(peer, sizeof(*peer));
}

int uvssh_test_peer_open(uvssh_test_peer_t** out,
                         uv_loop_t* loop,
                         uvssh_test_role role,
                         uvssh_transport_t* t,
                         const uvssh_test_pipe_t* options) {
  uint64_t now, due;
  uvssh_test_peer_t* peer;
  int err;

  if (out == NULL || uvssh_clock_next(loop, &now, &due) < 0)
    return UV_EINVAL;
  if (uvssh__crypto_init() != 0)
    return UVSSH_ECRYPTO;
  peer = (uvssh_test_peer_t*) uvssh__calloc(1, sizeof(*peer));
  if (peer == NULL)
    return UV_ENOMEM;
  uvssh__script_init(&peer->script,
                     role == UVSSH_TEST_CLIENT ? PEER_CLIENT : PEER_SERVER);
  peer->loop = loop;
  peer->at_point = -1;
  err = role == UVSSH_TEST_CLIENT
            ? 0
            : uvssh_key_generate(&peer->hostkey, UVSSH_KEY_ED25519, 0);
  peer->script.hostkey = peer->hostkey;
  if (err == 0)
    err = uvssh__pipe_end(loop, &peer->end, on_bytes, peer, t, options);
  if (err != 0) {
    peer_free(peer);
    return err;
  }
  *out = peer;
  return 0;
}

void uvssh_test_peer_close(uvssh_test_peer_t* peer) {
  if (peer == NULL)
    return;
  uvssh__end_close(peer->end);
  peer_free(peer);
}

/* ---- what has come ------------------------------------------------------- */

typedef int (*take_cb)(uvssh_test_peer_t* peer, size_t* used);

static int take_ident(uvssh_test_peer_t* peer, size_t* used) {
  return uvssh__script_take_ident(&peer->script, peer->in.base + peer->at,
                                  peer->in.len - peer->at, used);
}

static int take_message(uvssh_test_peer_t* peer, size_t* used) {
  return uvssh__script_take(&peer->script, peer->in.base + peer->at,
                            peer->in.len - peer->at, used);
}

static int take(uvssh_test_peer_t* peer, take_cb what) {
  size_t used = 0;
  int got = peer->in.len == peer->at ? 0 : what(peer, &used);

  peer->at += used;
  if (peer->at == peer->in.len) {
    uvssh__buf_reset(&peer->in);
    peer->at = 0;
  }
  return got;
}

/* Runs until there is one. 1; 0: none comes; or a code. */
static int hear(uvssh_test_peer_t* peer, take_cb what) {
  struct rest rest = { 0, 0 };
  int got = take(peer, what);

  while (got == 0 && peer->lost == 0) {
    uvssh__end_read(peer->end, 1);
    if (!uvssh__test_turn(peer->loop, &rest))
      break;
    got = take(peer, what);
  }
  uvssh__end_read(peer->end, 0);
  if (got == 0 && (got = take(peer, what)) == 0)
    got = peer->lost;
  if (got < 0 && got != UV_EOF)
    return uvssh__peer_fail(peer, got, "reading from the session: %s",
                            uvssh_strerror(got));
  return got;
}

int uvssh__peer_take_ident(uvssh_test_peer_t* peer) {
  int got = hear(peer, take_ident);

  if (got == 1)
    return 0;
  return uvssh__peer_fail(peer, got == 0 ? UV_ETIMEDOUT : got,
                          "expected an identification, got %s",
                          got == 0 ? "nothing" : "the end");
}

/* ---- messages ------------------------------------------------------------ */

int uvssh_test_peer_next(uvssh_test_peer_t* peer) {
  int got = peer->status != 0 ? peer->status : hear(peer, take_message);

  return got == 1 ? peer->script.last[0] : got;
}

static int is_noise(int got) {
  return got == MSG_IGNORE || got == MSG_DEBUG;
}

static int next_for(uvssh_test_peer_t* peer, int wanted) {
  int got;

  do {
    got = uvssh_test_peer_next(peer);
  } while (is_noise(got) && got != wanted);
  return got;
}

/* "CHANNEL_DATA (94)"; what DISCONNECT says is said, too. */
static const char* describe(const uvssh_test_peer_t* peer,
                            int got,
                            char out[250]) {
  rd_t m = peer->script.m;
  uint32_t reason;
  char text[160];
  str_t said;

  if (got == 0 || got == UV_EOF)
    return got == 0 ? "nothing" : "the end";
  if (got == MSG_DISCONNECT) {
    reason = rd_u32(&m);
    said = rd_str(&m);
    uvssh__escape(text, sizeof(text), said.base, said.len);
    snprintf(out, 250, "DISCONNECT (1), reason %u, \"%s\"", (unsigned) reason,
             text);
  } else {
    snprintf(out, 250, "%s (%d)", uvssh__msg_name((uint8_t) got), got);
  }
  return out;
}

/* The code of `got`, which is not what was wanted. */
static int mismatch(uvssh_test_peer_t* peer, const char* wanted, int got) {
  char text[250];

  if (peer->status != 0)
    return peer->status;
  return uvssh__peer_fail(peer,
                          got > 0    ? UVSSH_EUNEXPECTED
                          : got == 0 ? UV_ETIMEDOUT
                                     : got,
                          "expected %s, got %s", wanted,
                          describe(peer, got, text));
}

int uvssh_test_peer_expect(uvssh_test_peer_t* peer, int number) {
  int got = next_for(peer, number);
  char wanted[64];

  if (got == number && got > 0)
    return 0;
  snprintf(wanted, sizeof(wanted), "%s (%d)",
           uvssh__msg_name((uint8_t) number), number);
  return mismatch(peer, wanted, got);
}

int uvssh_test_peer_await(uvssh_test_peer_t* peer, int number) {
  char wanted[64];
  int got;

  do {
    got = uvssh_test_peer_next(peer);
  } while (got > 0 && got != number);
  if (got > 0)
    return 0;
  snprintf(wanted, sizeof(wanted), "%s (%d) some time",
           uvssh__msg_name((uint8_t) number), number);
  return mismatch(peer, wanted, got);
}

int uvssh_test_peer_expect_nothing(uvssh_test_peer_t* peer) {
  int got = next_for(peer, 0);

  return got == 0 ? 0 : mismatch(peer, "nothing", got);
}

/* Who has said DISCONNECT waits for the other to go first. */
static int read_end(uvssh_test_peer_t* peer, int* last, uint32_t* reason) {
  int got;
  rd_t m;

  while ((got = uvssh_test_peer_next(peer)) > 0) {
    m = peer->script.m;
    *last = got;
    *reason = got == MSG_DISCONNECT ? rd_u32(&m) : 0;
  }
  if (got == 0 && *last == MSG_DISCONNECT) {
    uvssh__end_finish(peer->end);
    got = uvssh_test_peer_next(peer);
  }
  return got;
}

int uvssh_test_peer_expect_end(uvssh_test_peer_t* peer, uint32_t reason) {
  uint32_t said = 0;
  int last = 0;
  int got = read_end(peer, &last, &said);

  if (got != UV_EOF)
    return mismatch(peer, "the end", got);
  if (said != reason)
    return uvssh__peer_fail(peer, UVSSH_EUNEXPECTED,
                            "expected the end with reason %u, got %u",
                            (unsigned) reason, (unsigned) said);
  return 0;
}
