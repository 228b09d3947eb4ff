/* Channel requests that we send, byte for byte. RFC 4254 sections 6.2 to 6.10,
 * RFC 4335 section 3, OpenSSH's PROTOCOL section 2.1. A new kind is a row. */
#include "peer.h"

enum { CLIENT = 1, SERVER = 2, ASKS = 4 };  /* who may; with an answer, too */

static const uint8_t modes[] = { 53, 0, 0, 0, 1, 0 };

#define BYTES(text) (text), sizeof(text) - 1

static const struct row {
  uvssh_channel_request_t what;
  const char* name;
  const char* fields;
  size_t len;
  int who;
} rows[] = {
  { { .type = UVSSH_REQUEST_PTY,
      .pty = { "xterm", 80, 24, 640, 480, modes, sizeof(modes) } },
    "pty-req",
    BYTES("\0\0\0\5xterm\0\0\0\x50\0\0\0\x18\0\0\2\x80\0\0\1\xe0"
          "\0\0\0\6\x35\0\0\0\1\0"),
    CLIENT | ASKS },
  { { .type = UVSSH_REQUEST_PTY }, "pty-req",
    BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), CLIENT | ASKS },
  { { .type = UVSSH_REQUEST_ENV, .name = "LANG", .value = "C" }, "env",
    BYTES("\0\0\0\4LANG\0\0\0\1C"), CLIENT | ASKS },
  { { .type = UVSSH_REQUEST_SHELL }, "shell", BYTES(""), CLIENT | ASKS },
  { { .type = UVSSH_REQUEST_EXEC, .command = "ls -l" }, "exec",
    BYTES("\0\0\0\5ls -l"), CLIENT | ASKS },
  { { .type = UVSSH_REQUEST_SUBSYSTEM, .subsystem = "sftp" }, "subsystem",
    BYTES("\0\0\0\4sftp"), CLIENT | ASKS },
  { { .type = UVSSH_REQUEST_WINDOW_CHANGE,
      .pty = { NULL, 132, 50, 0, 1, NULL, 0 } }, "window-change",
    BYTES("\0\0\0\x84\0\0\0\x32\0\0\0\0\0\0\0\1"), CLIENT },
  { { .type = UVSSH_REQUEST_SIGNAL, .signal = "TERM" }, "signal",
    BYTES("\0\0\0\4TERM"), CLIENT },
  { { .type = UVSSH_REQUEST_BREAK, .number = 500 }, "break",
    BYTES("\0\0\1\xf4"), CLIENT | ASKS },
  { { .type = UVSSH_REQUEST_EXIT_STATUS, .number = 0xfffffffe }, "exit-status",
    BYTES("\xff\xff\xff\xfe"), SERVER },
  { { .type = UVSSH_REQUEST_EXIT_SIGNAL, .signal = "KILL", .core = 7,
      .text = "gone" }, "exit-signal",
    BYTES("\0\0\0\4KILL\1\0\0\0\4gone\0\0\0\0"), SERVER },
  { { .type = UVSSH_REQUEST_EXIT_SIGNAL, .signal = "HUP" }, "exit-signal",
    BYTES("\0\0\0\3HUP\0\0\0\0\0\0\0\0\0"), SERVER },
  { { .type = UVSSH_REQUEST_EOW }, "eow@openssh.com", BYTES(""),
    CLIENT | SERVER },
  { { .type = UVSSH_REQUEST_OTHER, .name = "x@example.com", .extra = "a\0b",
      .extra_len = 3 }, "x@example.com", BYTES("a\0b"),
    CLIENT | SERVER | ASKS },
};

/* Logged in, with a channel: the session's number of it, the peer's is 9. */
static struct peer* begin(enum role role, uint32_t* id) {
  struct peer* p = peer_new(role);
  struct buf* m;
  rd_t* r;

  peer_open(p);
  peer_reach_open(p);
  if (role == PEER_CLIENT) {
    *id = peer_channel(p, 9, 1000);
    return p;
  }
  app_channel(p->app, 0);
  r = peer_expect(p, MSG_CHANNEL_OPEN);
  CHECK(str_is(rd_str(r), "session"));
  *id = rd_u32(r);
  m = peer_message(p, MSG_CHANNEL_OPEN_CONFIRMATION);
  wr_u32(m, *id);
  wr_u32(m, 9);
  wr_u32(m, 1000);
  wr_u32(m, 32768);
  peer_send(p);
  pipe_run(&p->app->pipe);
  return p;
}

static void hear(struct peer* p, const struct row* row, int want_reply) {
  rd_t* m = peer_expect(p, MSG_CHANNEL_REQUEST);
  str_t rest;

  CHECK_EQ(rd_u32(m), 9);
  CHECK(str_is(rd_str(m), row->name));
  CHECK_EQ(rd_bool(m), want_reply);
  rest = rd_rest(m);
  CHECK_MEM(rest.base, rest.len, row->fields, row->len);
}

static void say_row(struct peer* p,
                    uvssh_channel_t* ch,
                    uint32_t id,
                    const struct row* row,
                    int role) {
  struct app_req asked = { 0 };
  int may = row->who & role;

  CHECK_EQ(uvssh_channel_request(NULL, ch, &row->what, NULL),
           may ? 0 : UV_EINVAL);
  if (may)
    hear(p, row, 0);
  app_req(p->app, &asked, NULL);
  if (!may || (row->who & ASKS) == 0) {
    CHECK_EQ(uvssh_channel_request(&asked.req, ch, &row->what, app_done),
             UV_EINVAL);
    peer_expect_nothing(p);
    CHECK_EQ(asked.done, 0);
    return;
  }
  CHECK_EQ(uvssh_channel_request(&asked.req, ch, &row->what, app_done), 0);
  hear(p, row, 1);
  CHECK_EQ(asked.done, 0);
  peer_u32(p, row->len % 2 == 0 ? MSG_CHANNEL_SUCCESS : MSG_CHANNEL_FAILURE,
           id);
  pipe_run(&p->app->pipe);
  CHECK_EQ(asked.done, 1);
  CHECK_EQ(asked.status, row->len % 2 == 0 ? 0 : UVSSH_EREQUEST);
}

static void say_all(enum role role) {
  uint32_t id = 0;
  struct peer* p = begin(role, &id);
  uvssh_channel_t* ch = role == PEER_CLIENT ? &p->app->served[0].pub
                                            : &p->app->asked[0].pub;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    NOTE("row %zu, %s", i, rows[i].name);
    say_row(p, ch, id, &rows[i], role == PEER_CLIENT ? SERVER : CLIENT);
  }
  peer_alive(p);
  peer_end(p);
}

TEST(request_fields_of_a_client) {
  say_all(PEER_SERVER);
}

TEST(request_fields_of_a_server) {
  say_all(PEER_CLIENT);
}

/* Where one field that must be there is not, nothing leaves. */
TEST(request_fields_that_must_be_there) {
  static const uvssh_channel_request_t bad[] = {
    { .type = UVSSH_REQUEST_ENV, .name = "LANG" },
    { .type = UVSSH_REQUEST_ENV, .value = "C" },
    { .type = UVSSH_REQUEST_EXEC },
    { .type = UVSSH_REQUEST_SUBSYSTEM },
    { .type = UVSSH_REQUEST_SIGNAL },
    { .type = UVSSH_REQUEST_PTY, .pty = { .modes_len = 1 } },
    { .type = UVSSH_REQUEST_OTHER, .name = "x@y", .extra_len = 1 },
    { .type = UVSSH_REQUEST_OTHER, .name = "x@y", .extra = "",
      .extra_len = SIZE_MAX },
    { .type = UVSSH_REQUEST_OTHER },
  };
  uint32_t id = 0;
  struct peer* p = begin(PEER_SERVER, &id);
  size_t i;

  for (i = 0; i < ARRAY_SIZE(bad); i++) {
    NOTE("row %zu", i);
    CHECK_EQ(uvssh_channel_request(NULL, &p->app->asked[0].pub, &bad[i], NULL),
             UV_EINVAL);
    peer_expect_nothing(p);
  }
  peer_end(p);
}
