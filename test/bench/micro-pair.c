/* micro-pair.c: see micro-pair.h. */
#include "micro-pair.h"

#include <stdio.h>
#include <stdlib.h>

#include "../fuzz/fuzz.h"

/* What a check of test/lib/ ends with: ../fuzz/checks.c. */
void fuzz_broken(const char* file, int line, const char* what) {
  fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
  abort();
}

static struct pair* pair_of(const uvssh_session_t* session) {
  return (struct pair*) session->data;
}

/* ---- the server ---------------------------------------------------------- */

static void on_auth(uvssh_session_t* session,
                    const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  CHECK_EQ(uvssh_reply_accept(reply), 0);
}

static void on_read(uvssh_channel_t* channel,
                    int stream,
                    ssize_t nread,
                    const uv_buf_t* buf) {
  if (nread > 0)
    pair_of(channel->session)->bytes_read += (uint64_t) nread;
}

static void on_served_request(uvssh_channel_t* channel,
                              const uvssh_channel_request_t* ask,
                              uvssh_reply_t reply) {
  pair_of(channel->session)->requests++;
  if (ask->type != UVSSH_REQUEST_EXEC)
    return;
  CHECK_EQ(uvssh_reply_accept(reply), 0);
  CHECK_EQ(uvssh_channel_exit(channel, 0, 0), 0);
}

static const uvssh_channel_handlers_t on_served = { .on_request =
                                                        on_served_request };

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* ask,
                       uvssh_reply_t reply) {
  struct pair* p = pair_of(session);

  memset(&p->served, 0, sizeof(p->served));
  CHECK_EQ(uvssh_channel_accept(reply, &p->served, &on_served), 0);
  CHECK_EQ(uvssh_channel_read_start(&p->served, on_read), 0);
}

static const uvssh_session_handlers_t on_server = { .on_auth = on_auth,
                                                    .on_channel = on_channel };

/* ---- the client ---------------------------------------------------------- */

static void on_hostkey(uvssh_session_t* session,
                       uvssh_key_t* key,
                       uvssh_host_verdict verdict,
                       uvssh_reply_t reply) {
  CHECK_EQ(uvssh_reply_accept(reply), 0);
}

static const uvssh_session_handlers_t on_client = { .on_hostkey = on_hostkey };

static void on_asked_request(uvssh_channel_t* channel,
                             const uvssh_channel_request_t* ask,
                             uvssh_reply_t reply) {
  if (ask->type == UVSSH_REQUEST_EXIT_STATUS)
    pair_of(channel->session)->exit_status = (int) ask->number;
}

static void on_asked_close(uvssh_channel_t* channel, int status) {
  struct pair* p = pair_of(channel->session);

  if (p->command == NULL)
    return;                          /* pair_leave() */
  CHECK_EQ(status, 0);
  p->done = 1;
  CHECK_EQ(uvssh_session_disconnect(channel->session,
                                    UVSSH_DISCONNECT_BY_APPLICATION, ""), 0);
}

static const uvssh_channel_handlers_t on_asked = {
  .on_request = on_asked_request, .on_close = on_asked_close
};

static void on_exec(uvssh_req_t* req, int status) {
  CHECK_EQ(status, 0);
}

static void on_open(uvssh_req_t* req, int status) {
  struct pair* p = CONTAINER_OF(req, struct pair, step);

  CHECK_EQ(status, 0);
  if (p->command == NULL) {
    p->done = 1;
    return;
  }
  CHECK_EQ(uvssh_channel_read_start(&p->asked, on_read), 0);
  CHECK_EQ(uvssh_channel_exec(req, &p->asked, p->command, on_exec), 0);
}

static void on_login(uvssh_req_t* req, int status) {
  static const uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_SESSION };
  struct pair* p = CONTAINER_OF(req, struct pair, step);

  CHECK_EQ(status, 0);
  memset(&p->asked, 0, sizeof(p->asked));
  CHECK_EQ(uvssh_channel_open(req, &p->pipe.client.pub, &p->asked, &what,
                              &on_asked, on_open), 0);
}

/* ---- both ---------------------------------------------------------------- */

struct pair* pair_new(void) {
  struct pair* p = calloc(1, sizeof(*p));

  CHECK(p != NULL);
  pipe_init(&p->pipe);
  CHECK_EQ(uvssh_key_generate(&p->user_key, UVSSH_KEY_ED25519, 0), 0);
  uvssh_config_init(&p->config);
  p->config.kex = "curve25519-sha256";
  p->config.rekey_bytes = 0;       /* the same keys however long it takes */
  p->config.rekey_ms = 0;
  return p;
}

void pair_free(struct pair* p) {
  pipe_free(&p->pipe);
  uvssh_key_unref(p->user_key);
  free(p);
}

/* All that one has sent to the other, and what that makes it do. */
static int carry(struct side* from, struct side* to, double* spent) {
  uint64_t began = uv_hrtime();
  size_t n = from->len - from->at;

  if (n != 0 && to->up && uvssh__session_wants_input(&to->session)) {
    uvssh__session_feed(&to->session, from->wire + from->at, n);
    from->at = from->len;
  } else if (!to->up) {
    from->at = from->len;
    n = 0;
  } else {
    n = 0;
  }
  n += pipe_turn(to) != 0;
  *spent += (double) (uv_hrtime() - began);
  return n != 0;
}

static void run(struct pair* p) {
  struct side* server = &p->pipe.server;
  struct side* client = &p->pipe.client;
  int moved;

  do {
    moved = carry(client, server, &p->server_ns);
    moved |= carry(server, client, &p->client_ns);
    if (!client->up && server->up && !server->session.lost) {
      uvssh__session_lost(&server->session, UV_EOF);
      moved = 1;
    }
    if (!server->up && client->up && !client->session.lost) {
      uvssh__session_lost(&client->session, UV_EOF);
      moved = 1;
    }
  } while (moved);
}

static void begin(struct pair* p, const char* command) {
  p->command = command;
  p->done = 0;
  p->exit_status = -1;
  pipe_reset(&p->pipe);
  p->pipe.server.pub.data = p->pipe.client.pub.data = p;
}

void pair_login(struct pair* p, const char* command) {
  uint64_t t[3];

  begin(p, command);
  t[0] = uv_hrtime();
  CHECK_EQ(pipe_server(&p->pipe, &p->config, &on_server), 0);
  t[1] = uv_hrtime();
  CHECK_EQ(pipe_client(&p->pipe, &p->config, &on_client), 0);
  t[2] = uv_hrtime();
  p->server_ns += (double) (t[1] - t[0]);
  p->client_ns += (double) (t[2] - t[1]);
  run(p);
  CHECK(p->pipe.client.started);
  t[0] = uv_hrtime();
  CHECK_EQ(uvssh_auth_publickey(&p->step, &p->pipe.client.pub, "root",
                                p->user_key, on_login), 0);
  p->client_ns += (double) (uv_hrtime() - t[0]);
  run(p);
  CHECK(p->done);
  if (command == NULL)
    return;
  CHECK_EQ(p->exit_status, 0);
  CHECK(!p->pipe.server.up && !p->pipe.client.up);
}

void pair_leave(struct pair* p) {
  pipe_reset(&p->pipe);
}

/* ---- messages ------------------------------------------------------------ */

size_t pair_drop_output(struct pair* p) {
  struct session* s = &p->pipe.server.session;
  size_t n = 0;
  uv_buf_t out;

  while (uvssh__session_output(s, &out)) {
    n += out.len;
    uvssh__session_wrote(s);
  }
  return n;
}

void pair_say(struct pair* p, const uint8_t* payload, size_t len) {
  struct transport* t = &p->pipe.client.session.transport;
  struct buf* m = uvssh__message(t, payload[0]);

  wr_bytes(m, payload + 1, len - 1);
  uvssh__send(t);
}

size_t pair_take(struct pair* p, uint8_t* out, size_t room) {
  struct transport* t = &p->pipe.client.session.transport;
  size_t n = 0;
  uv_buf_t buf;

  while (uvssh__output_next(t, &buf)) {
    CHECK(buf.len <= room - n);
    memcpy(out + n, buf.base, buf.len);
    n += buf.len;
    uvssh__output_done(t);
  }
  return n;
}
