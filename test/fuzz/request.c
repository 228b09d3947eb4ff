/* request.c: a fuzz target: the fields of channel requests and of channels that
 * are opened (lib/conn/request_kinds.c, open_kinds.c), terminal modes and names
 * of signals.
 *
 * Input: a number that says which kind, then the fields. What was read is
 * written, and read again: the same. Fields of a kind are looked at by a reader
 * of nothing but cursors, too: it says the same of what is too short or long.
 */
#include "fuzz.h"

#include "conn/conn.h"

#include <stdlib.h>

static const struct {
  const char* name;
  const char* fields;              /* u: uint32, b: boolean, s: text, */
} requests[] = {                   /* d: bytes */
  { "pty-req", "suuuud" }, { "env", "ss" }, { "shell", "" }, { "exec", "s" },
  { "subsystem", "s" }, { "window-change", "uuuu" }, { "signal", "s" },
  { "break", "u" }, { "exit-status", "u" }, { "exit-signal", "sbsd" },
  { "eow@openssh.com", "" },
};

static const struct {
  const char* name;
  const char* fields;
} opens[] = {
  { "session", "" }, { "direct-tcpip", "susu" }, { "x@y", "r" },
};

/* 1: the bytes are these fields, all of them, and texts have no NUL. */
static int naive_fits(str_t bytes, const char* fields) {
  size_t at = 0, n;

  for (; *fields != '\0'; fields++) {
    n = *fields == 'b' ? 1 : 4;
    if (*fields == 'r')
      return 1;
    if (bytes.len - at < n)
      return 0;
    if (*fields == 's' || *fields == 'd') {
      n = get_u32(bytes.base + at);
      at += 4;
      if (bytes.len - at < n)
        return 0;
      if (*fields == 's' && n != 0 && memchr(bytes.base + at, 0, n) != NULL)
        return 0;
    }
    at += n;
  }
  return at == bytes.len;
}

static int same(const char* a, const char* b) {
  return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* ---- requests ------------------------------------------------------------ */

/* Behind a byte of others, as fields lie behind want_reply. Given back with
 * free(). */
static uint8_t* room_for(str_t bytes, rd_t* m) {
  uint8_t* copy = (uint8_t*) malloc(bytes.len + 1);

  MUST(copy != NULL);
  copy[0] = 1;
  if (bytes.len != 0)
    memcpy(copy + 1, bytes.base, bytes.len);
  *m = rd_of(copy + 1, bytes.len);
  return copy;
}

static void is_same_request(const uvssh_channel_request_t* a,
                            const uvssh_channel_request_t* b) {
  MUST(same(a->name, b->name) && same(a->value, b->value));
  MUST(same(a->command, b->command) && same(a->subsystem, b->subsystem));
  MUST(same(a->signal, b->signal) && same(a->text, b->text));
  MUST(same(a->pty.term, b->pty.term) && a->number == b->number);
  MUST(a->core == b->core && a->pty.modes_len == b->pty.modes_len);
  MUST(a->pty.cols == b->pty.cols && a->pty.rows == b->pty.rows);
  MUST(a->pty.width_px == b->pty.width_px);
  MUST(a->pty.height_px == b->pty.height_px);
  MUST(a->pty.modes_len == 0 ||
       memcmp(a->pty.modes, b->pty.modes, a->pty.modes_len) == 0);
}

/* RFC 4254 section 8, one look for each opcode. */
static void modes(const uvssh_pty_t* pty) {
  size_t i;
  unsigned op;

  for (op = 0; op < 256; op++) {
    uint32_t value = 7, want = 7;
    int found = 0;

    for (i = 0; !found && pty->modes_len - i >= 5 && pty->modes[i] != 0 &&
                pty->modes[i] < 160; i += 5) {
      found = pty->modes[i] == op;
      want = found ? get_u32(pty->modes + i + 1) : 7;
    }
    MUST(uvssh_pty_mode(pty, (uint8_t) op, &value) ==
         (found ? 0 : UV_ENOENT));
    MUST(value == want);
  }
}

static void request(unsigned which, str_t bytes) {
  const struct request_kind* kind;
  uvssh_channel_request_t ask, again;
  struct buf out = { 0 };
  uint8_t* copy;
  rd_t m, n;

  which %= (unsigned) ARRAY_SIZE(requests);
  kind = uvssh__request_kind(str_of(requests[which].name));
  memset(&ask, 0, sizeof(ask));
  memset(&again, 0, sizeof(again));
  copy = room_for(bytes, &m);
  kind->read(&m, &ask);
  MUST((rd_end(&m) == 0) == naive_fits(bytes, requests[which].fields));
  if (rd_end(&m) == 0) {
    MUST(uvssh__request_kind_of(kind->type) == kind);
    wr_u8(&out, 1);
    kind->write(&out, &ask);
    n = rd_of(out.base + 1, out.len - 1);
    kind->read(&n, &again);
    MUST(rd_end(&n) == 0);
    is_same_request(&ask, &again);
    if (kind->type == UVSSH_REQUEST_PTY)
      modes(&ask.pty);
  }
  uvssh__buf_free(&out);
  free(copy);
}

/* ---- opens --------------------------------------------------------------- */

static void open_one(unsigned which, str_t bytes) {
  const struct open_kind* kind;
  uvssh_channel_open_t what, again;
  struct buf out = { 0 };
  uint8_t* copy;
  rd_t m, n;

  which %= (unsigned) ARRAY_SIZE(opens);
  kind = uvssh__open_kind(str_of(opens[which].name));
  memset(&what, 0, sizeof(what));
  memset(&again, 0, sizeof(again));
  copy = room_for(bytes, &m);
  kind->read(&m, &what);
  if (rd_end(&m) == 0) {
    MUST(naive_fits(bytes, opens[which].fields));
    MUST(what.port >= 0 && what.port <= 65535);
    MUST(what.origin_port >= 0 && what.origin_port <= 65535);
    wr_u8(&out, 1);
    kind->write(&out, &what);
    n = rd_of(out.base + 1, out.len - 1);
    kind->read(&n, &again);
    MUST(rd_end(&n) == 0);
    MUST(same(what.host, again.host) && what.port == again.port);
    MUST(same(what.origin_host, again.origin_host));
    MUST(what.origin_port == again.origin_port);
    MUST(what.extra_len == again.extra_len);
  }
  uvssh__buf_free(&out);
  free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct input in = { data, size };
  uint8_t what = input_u8(&in);
  str_t bytes = { in.at, in.left };

  fuzz_begin();
  MUST(strlen(uvssh__signal_name(what)) > 0);
  if (what < 128)
    request(what, bytes);
  else
    open_one(what, bytes);
  return fuzz_end();
}
