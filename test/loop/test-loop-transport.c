/* What a server listens on besides addresses, and what sessions run over
 * besides sockets. */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "both.h"

/* ---- bytes there and back ------------------------------------------------- */

enum { BULK = 300 * 1000 };

static char bulk[BULK];

static void on_sent(uvssh_req_t* req, int status) {
  peer_of(req->session)->extra = status;
}

/* The peer's "echo" gives all of it back. */
static void check_echo(struct both* b, struct peer* p) {
  uv_buf_t buf = uv_buf_init(bulk, BULK);
  uvssh_req_t req;

  UNTIL(b, p->ask != PENDING);
  CHECK_EQ(p->ask, 0);
  p->extra = PENDING;
  CHECK_EQ(uvssh_channel_read_start(&p->channel, peer_read), 0);
  CHECK_EQ(uvssh_channel_write(&req, &p->channel, UVSSH_DATA, &buf, 1, on_sent),
           0);
  CHECK_EQ(uvssh_channel_shutdown(NULL, &p->channel, NULL), 0);
  UNTIL(b, p->channel_closes == 1);
  CHECK_EQ(p->extra, 0);
  CHECK_EQ(p->got, BULK);
  CHECK_EQ(p->read_end, UV_EOF);
}

static struct peer* echo_over(struct both* b, uvssh_transport_t* t) {
  struct peer* p = both_client_over(b, GOAL_ASK, t);

  p->command = "echo";
  check_echo(b, p);
  return p;
}

/* ---- listening on a stream of the user's ----------------------------------- */

static void on_closed(uv_handle_t* handle) {
  *(int*) handle->data += 1;
}

/* The stream is lent: it is not closed with the server. */
static void close_lent(struct both* b, uv_handle_t* stream) {
  int closes = 0;

  CHECK(!uv_is_closing(stream));
  uvssh_server_close(&b->server, both_on_server_close);
  UNTIL(b, b->server_closes == 1);
  CHECK(!uv_is_closing(stream));
  b->server_closes = 0;
  stream->data = &closes;
  uv_close(stream, on_closed);
  UNTIL(b, closes == 1);
}

TEST(transport_listen_tcp) {
  struct both b;
  struct sockaddr_in any;
  struct peer* p;
  uv_tcp_t tcp;
  int len = sizeof(b.address);

  both_open(&b);
  both_server(&b);
  CHECK_EQ(uv_tcp_init(&b.loop, &tcp), 0);
  CHECK_EQ(uv_ip4_addr("127.0.0.1", 0, &any), 0);
  CHECK_EQ(uv_tcp_bind(&tcp, (struct sockaddr*) &any, 0), 0);
  CHECK_EQ(uvssh_server_listen_stream(&b.server, (uv_stream_t*) &tcp,
                                      both_accept), 0);
  CHECK_EQ(uvssh_server_getsockname(&b.server, (struct sockaddr*) &b.address,
                                    &len), 0);
  p = both_client(&b, GOAL_ASK);
  p->command = "echo";
  check_echo(&b, p);
  close_lent(&b, (uv_handle_t*) &tcp);
  both_close(&b);
}

static void on_pipe_connect(uv_connect_t* connect, int status) {
  *(int*) connect->data = status;
}

TEST(transport_listen_pipe) {
  struct both b;
  char folder[] = "uvssh-loop-XXXXXX";
  char path[64];
  uv_pipe_t listener;
  uv_pipe_t pipe;
  uv_connect_t connect;
  uvssh_transport_t t;
  struct sockaddr_storage name;
  int len = sizeof(name);
  int connected = PENDING;
  struct peer* p;

  CHECK(mkdtemp(folder) != NULL);
  snprintf(path, sizeof(path), "%s/socket", folder);
  both_open(&b);
  both_server(&b);
  CHECK_EQ(uv_pipe_init(&b.loop, &listener, 0), 0);
  CHECK_EQ(uv_pipe_bind(&listener, path), 0);
  CHECK_EQ(uvssh_server_listen_stream(&b.server, (uv_stream_t*) &listener,
                                      both_accept), 0);
  CHECK_EQ(uvssh_server_getsockname(&b.server, (struct sockaddr*) &name, &len),
           UV_ENOTSUP);
  CHECK_EQ(uv_pipe_init(&b.loop, &pipe, 0), 0);
  connect.data = &connected;
  uv_pipe_connect(&connect, &pipe, path, on_pipe_connect);
  UNTIL(&b, connected != PENDING);
  CHECK_EQ(connected, 0);
  CHECK_EQ(uvssh_transport_stream(&t, (uv_stream_t*) &pipe), 0);
  p = echo_over(&b, &t);
  len = sizeof(name);
  CHECK_EQ(uvssh_session_peername(&p->session, (struct sockaddr*) &name, &len),
           UV_ENOTSUP);
  uvssh_session_close(&p->session);
  UNTIL(&b, p->closes == 1);
  close_lent(&b, (uv_handle_t*) &listener);
  both_close(&b);
  unlink(path);
  CHECK_EQ(rmdir(folder), 0);
}

TEST(transport_listen_wrong_stream) {
  struct both b;
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_timer_t timer;
  } wrong;

  both_open(&b);
  both_server(&b);
  CHECK_EQ(uv_timer_init(&b.loop, &wrong.timer), 0);
  CHECK_EQ(uvssh_server_listen_stream(&b.server, &wrong.stream, both_accept),
           UV_EINVAL);
  CHECK_EQ(uvssh_server_listen_stream(&b.server, NULL, both_accept), UV_EINVAL);
  uv_close(&wrong.handle, NULL);
  both_close(&b);
}

/* The first port that is free, a pipe, and the first again. */
TEST(transport_several_listeners) {
  struct both b;
  struct sockaddr_in any;
  uv_tcp_t tcp;
  int first, i;
  int len;

  both_open(&b);
  both_listen(&b);
  first = ntohs(((struct sockaddr_in*) &b.address)->sin_port);
  CHECK_EQ(uvssh_server_listen(&b.server, "127.0.0.1", 0, both_accept), 0);
  CHECK_EQ(uv_tcp_init(&b.loop, &tcp), 0);
  CHECK_EQ(uv_ip4_addr("127.0.0.1", 0, &any), 0);
  CHECK_EQ(uv_tcp_bind(&tcp, (struct sockaddr*) &any, 0), 0);
  CHECK_EQ(uvssh_server_listen_stream(&b.server, (uv_stream_t*) &tcp,
                                      both_accept), 0);
  for (i = 0; i < 2; i++) {
    both_login(&b);
    len = sizeof(b.address);
    CHECK_EQ(uv_tcp_getsockname(&tcp, (struct sockaddr*) &b.address, &len), 0);
  }
  len = sizeof(b.address);
  CHECK_EQ(uvssh_server_getsockname(&b.server, (struct sockaddr*) &b.address,
                                    &len), 0);
  CHECK_EQ(ntohs(((struct sockaddr_in*) &b.address)->sin_port), first);
  close_lent(&b, (uv_handle_t*) &tcp);
  both_close(&b);
}

/* ---- serving what is connected already --------------------------------------- */

TEST(transport_serve_socketpair) {
  struct both b;
  uvssh_transport_t t[2];
  uv_pipe_t pipes[2];
  int fds[2];
  int i;

  both_open(&b);
  both_server(&b);
  CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
  for (i = 0; i < 2; i++) {
    CHECK_EQ(uv_pipe_init(&b.loop, &pipes[i], 0), 0);
    CHECK_EQ(uv_pipe_open(&pipes[i], fds[i]), 0);
    CHECK_EQ(uvssh_transport_stream(&t[i], (uv_stream_t*) &pipes[i]), 0);
  }
  both_serve(&b, &t[0]);
  echo_over(&b, &t[1]);
  both_close(&b);
  CHECK(uv_is_closing((uv_handle_t*) &pipes[0]));    /* it was given */
}

TEST(transport_serve_refused) {
  struct both b;
  uvssh_transport_t t;
  uvssh_session_t session = { 0 };
  uv_tcp_t tcp;

  both_open(&b);
  both_listen(&b);
  both_login(&b);
  CHECK_EQ(uv_tcp_init(&b.loop, &tcp), 0);
  CHECK_EQ(uvssh_transport_stream(&t, (uv_stream_t*) &tcp), 0);
  CHECK_EQ(uvssh_server_serve(&b.server, NULL, &t, &b.server_on), UV_EINVAL);
  CHECK_EQ(uvssh_server_serve(&b.server, &session, NULL, &b.server_on),
           UV_EINVAL);
  CHECK_EQ(uvssh_server_serve(&b.server, &session, &t, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_server_serve(&b.server, &b.served[0]->session, &t,
                              &b.server_on), UV_EBUSY);
  uvssh_server_close(&b.server, both_on_server_close);
  CHECK_EQ(uvssh_server_serve(&b.server, &session, &t, &b.server_on),
           UV_ECANCELED);
  UNTIL(&b, b.server_closes == 1);
  b.server_closes = 0;
  uv_close((uv_handle_t*) &tcp, NULL);               /* still ours */
  both_close(&b);
}

/* A stream that is not connected: the session ends, and says so once. */
TEST(transport_serve_unconnected) {
  struct both b;
  uvssh_transport_t t;
  struct peer* p;
  uv_tcp_t tcp;

  both_open(&b);
  both_server(&b);
  CHECK_EQ(uv_tcp_init(&b.loop, &tcp), 0);
  CHECK_EQ(uvssh_transport_stream(&t, (uv_stream_t*) &tcp), 0);
  p = both_serve(&b, &t);
  UNTIL(&b, p->closes == 1);
  CHECK(p->end.status < 0);
  both_close(&b);
}

/* ---- four functions of the user's --------------------------------------------- */

enum {
  NOW = 0,                         /* all is answered inside the calls */
  LATER = 1,                       /* ... or from the loop */
  WRITE_FAILS = 2,
  READ_FAILS = 4,
  NAMED = 8,
  CLOSE_HELD = 16                  /* that it is closed is for the test to say */
};

struct wire {
  uvssh_transport_t t;
  struct wire* other;
  uv_idle_t idle;
  int how;
  int reading;
  int wrote;                       /* owed */
  int closed;
  int gone;                        /* uvssh_transport_closed() was called */
  int writes;
  uint8_t* bytes;                  /* have come, are not read */
  size_t len;
};

static void deliver(struct wire* w) {
  uint8_t* bytes;
  size_t len;

  while (w->reading && w->len != 0 && !w->closed) {
    bytes = w->bytes;
    len = w->len;
    w->bytes = NULL;
    w->len = 0;
    uvssh_transport_feed(&w->t, (ssize_t) len, bytes);
    memset(bytes, 0xee, len);
    free(bytes);
  }
  if (w->reading && w->other->closed && !w->closed)
    uvssh_transport_feed(&w->t, UV_EOF, NULL);
}

static int wire_read_start(uvssh_transport_t* t) {
  struct wire* w = t->data;

  if (w->how & READ_FAILS)
    return UV_EIO;
  w->reading = 1;
  if (w->how & LATER)
    return 0;
  uvssh_transport_feed(t, 0, NULL);        /* ignored */
  deliver(w);
  return 0;
}

static int wire_read_stop(uvssh_transport_t* t) {
  ((struct wire*) t->data)->reading = 0;
  return 0;
}

static int wire_write(uvssh_transport_t* t,
                      const uv_buf_t bufs[],
                      unsigned nbufs) {
  struct wire* w = t->data;
  struct wire* to = w->other;
  unsigned i;

  CHECK(!w->wrote);                /* one at a time */
  CHECK(!w->closed);
  if (w->how & WRITE_FAILS && w->writes++ > 2)
    return UV_EIO;
  for (i = 0; i < nbufs && !to->closed; i++) {
    to->bytes = realloc(to->bytes, to->len + bufs[i].len);
    memcpy(to->bytes + to->len, bufs[i].base, bufs[i].len);
    to->len += bufs[i].len;
  }
  w->wrote = 1;
  if (w->how & LATER)
    return 0;
  deliver(to);
  w->wrote = 0;
  uvssh_transport_wrote(t, 0);
  uvssh_transport_wrote(t, 0);             /* once too often: harmless */
  return 0;
}

static void on_idle_closed(uv_handle_t* handle) {
  struct wire* w = handle->data;

  w->gone = 1;
  uvssh_transport_closed(&w->t);
}

static void wire_close(uvssh_transport_t* t) {
  struct wire* w = t->data;

  CHECK(!w->closed);
  w->closed = 1;
  free(w->bytes);
  w->bytes = NULL;
  if (w->how & LATER) {
    uv_close((uv_handle_t*) &w->idle, on_idle_closed);
    return;
  }
  if (w->how & CLOSE_HELD)
    return;
  deliver(w->other);
  w->gone = 1;
  uvssh_transport_closed(t);
}

static int wire_peername(const uvssh_transport_t* t,
                         struct sockaddr* name,
                         int* len) {
  CHECK(*len >= (int) sizeof(struct sockaddr_in));
  *len = sizeof(struct sockaddr_in);
  return uv_ip4_addr("192.0.2.7", 7, (struct sockaddr_in*) name);
}

static const uvssh_transport_ops_t named = { wire_read_start, wire_read_stop,
                                             wire_write, wire_close,
                                             wire_peername };
static const uvssh_transport_ops_t unnamed = { wire_read_start, wire_read_stop,
                                               wire_write, wire_close, NULL };

static void on_idle(uv_idle_t* idle) {
  struct wire* w = idle->data;
  int wrote = w->wrote;

  deliver(w);
  w->wrote = 0;
  if (wrote)
    uvssh_transport_wrote(&w->t, 0);
}

static void wires_init(struct both* b, struct wire w[2], int how) {
  int i;

  memset(w, 0, 2 * sizeof(*w));
  for (i = 0; i < 2; i++) {
    w[i].how = how;
    w[i].other = &w[1 - i];
    w[i].t.data = &w[i];
    w[i].t.ops = how & NAMED ? &named : &unnamed;
    if (!(how & LATER))
      continue;
    CHECK_EQ(uv_idle_init(&b->loop, &w[i].idle), 0);
    w[i].idle.data = &w[i];
    uv_idle_start(&w[i].idle, on_idle);
  }
}

/* Nor does on_close come from inside that call, however late it is. */
TEST(transport_own_says_late_that_it_is_closed) {
  struct both b;
  struct wire w[2];
  struct peer* p;
  int i;

  both_open(&b);
  both_server(&b);
  wires_init(&b, w, CLOSE_HELD);
  p = both_serve(&b, &w[0].t);
  echo_over(&b, &w[1].t);
  uvssh_session_close(&p->session);
  uvssh_session_close(&b.clients[0]->session);
  while (!w[0].closed || !w[1].closed)
    both_turn(&b, "close");
  for (i = 0; i < 3; i++)
    uv_run(&b.loop, UV_RUN_NOWAIT);
  uvssh_transport_closed(&w[0].t);
  uvssh_transport_closed(&w[1].t);
  CHECK_EQ(p->closes, 0);
  CHECK_EQ(b.clients[0]->closes, 0);
  UNTIL(&b, p->closes == 1 && b.clients[0]->closes == 1);
  both_close(&b);
}

/* No handle of libuv's is active in the first one. */
TEST(transport_own) {
  static const int how[] = { NOW, LATER, NOW | NAMED };
  struct both b;
  struct wire w[2];
  struct sockaddr_in name;
  struct peer* p;
  int len;
  size_t i;

  for (i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
    NOTE("how %d", how[i]);
    both_open(&b);
    both_server(&b);
    wires_init(&b, w, how[i]);
    p = both_serve(&b, &w[0].t);
    echo_over(&b, &w[1].t);
    len = sizeof(name);
    CHECK_EQ(uvssh_session_peername(&p->session, (struct sockaddr*) &name,
                                    &len), how[i] & NAMED ? 0 : UV_ENOTSUP);
    if (how[i] & NAMED)
      CHECK_EQ(ntohs(name.sin_port), 7);
    both_close(&b);
    CHECK(w[0].gone && w[1].gone);
  }
}

TEST(transport_own_client_leaves) {
  struct both b;
  struct wire w[2];
  struct peer* p;
  struct peer* client;
  int how;

  for (how = NOW; how <= LATER; how++) {
    NOTE("how %d", how);
    both_open(&b);
    both_server(&b);
    wires_init(&b, w, how);
    p = both_serve(&b, &w[0].t);
    client = echo_over(&b, &w[1].t);
    CHECK_EQ(uvssh_session_disconnect(&client->session, 11, "bye"), 0);
    UNTIL(&b, p->closes == 1 && client->closes == 1);
    CHECK_EQ(p->end.status, UVSSH_EDISCONNECT);
    CHECK_STR(p->text, "bye");
    CHECK_EQ(client->end.status, 0);
    both_close(&b);
  }
}

/* A function that fails ends the session with its code. */
TEST(transport_own_fails) {
  static const int how[] = { NOW | WRITE_FAILS, LATER | WRITE_FAILS,
                             NOW | READ_FAILS, LATER | READ_FAILS };
  struct both b;
  struct wire w[2];
  struct peer* p;
  size_t i;

  for (i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
    NOTE("how %d", how[i]);
    both_open(&b);
    both_server(&b);
    wires_init(&b, w, how[i]);
    w[1].how &= LATER;
    p = both_serve(&b, &w[0].t);
    both_client_over(&b, GOAL_LOGIN, &w[1].t);
    UNTIL(&b, p->closes == 1);
    CHECK_EQ(p->end.status, UV_EIO);
    both_close(&b);
    CHECK(w[0].gone && w[1].gone);
  }
}

/* Both ends are closed at once, in every state that the loop passes through. */
TEST(transport_own_closed_at_any_turn) {
  struct both b;
  struct wire w[2];
  int turns, how;
  int i;

  for (turns = 0; turns < 80; turns++) {
    how = turns % 2;
    NOTE("how %d, %d turns", how, turns / 2);
    both_open(&b);
    both_server(&b);
    wires_init(&b, w, how);
    both_serve(&b, &w[0].t);
    both_client_over(&b, GOAL_ASK, &w[1].t)->command = "echo";
    for (i = 0; i < turns / 2; i++)
      uv_run(&b.loop, UV_RUN_NOWAIT);
    uvssh_session_close(&(turns % 4 < 2 ? b.served : b.clients)[0]->session);
    both_close(&b);
    CHECK(w[0].gone && w[1].gone);
  }
}
