/* scenes.c: the ways from a client to the server: each transport that there is.
 * What the test itself needs of libuv and the system is not asked whether it
 * fails. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "stage.h"

#define CHILD "UVSSH_CHILD"

/* ---- the server ---------------------------------------------------------- */

static void make_server(struct stage* s) {
  STAGE_AGAIN(s, uvssh_server_init(&s->loop, &s->server, &s->config));
  s->server.data = s;
  STAGE_AGAIN(s, uvssh_server_add_key_file(&s->server, s->host_key));
}

static int port_of(const struct stage* s) {
  return ntohs(((const struct sockaddr_in*) &s->address)->sin_port);
}

/* The file is made with its first line, and read anew. */
static void know_host(struct stage* s) {
  uvssh_known_hosts_t* made = NULL;
  uvssh_key_t* key = NULL;

  STAGE_AGAIN(s, uvssh_key_load(&key, s->host_key, NULL));
  STAGE_AGAIN(s, uvssh_known_hosts_load(&made, s->known));
  STAGE_AGAIN(s, uvssh_known_hosts_add(made, CALLS_HOST, port_of(s), key));
  uvssh_known_hosts_free(made);
  STAGE_AGAIN(s, uvssh_known_hosts_load(&s->hosts, s->known));
  uvssh_key_unref(key);
}

static void listen_tcp(struct stage* s) {
  int len = sizeof(s->address);

  make_server(s);
  STAGE_AGAIN(s, uvssh_server_listen(&s->server, "127.0.0.1", 0,
                                     stage_on_connection));
  STAGE_AGAIN(s, uvssh_server_getsockname(
                     &s->server, (struct sockaddr*) &s->address, &len));
  know_host(s);
}

/* ---- by name ------------------------------------------------------------- */

static void prepare_nothing(struct stage* s, struct side* client) {
}

static void begin_tcp(struct stage* s, struct side* client) {
  STAGE_AGAIN(s, side_login(client, CALLS_HOST, NULL));
}

const struct scene scene_tcp = {
  "tcp", listen_tcp, prepare_nothing, begin_tcp, 5, 3, 3, 0, NULL, 3000
};

/* ---- one session over another -------------------------------------------- */

void scene_go_on(struct side* p) {
  struct stage* s = p->stage;
  struct side* above = side_new(s, p->is_client);

  p->above = above;
  STAGE_AGAIN(s, uvssh_transport_channel(&above->transport, &p->jump));
  if (p->is_client)
    STAGE_AGAIN(s, side_login(above, CALLS_HOST, &above->transport));
  else
    side_serve(above, &above->transport);
}

const struct scene scene_jump = {
  "jump", listen_tcp, prepare_nothing, begin_tcp, 0, 3, 3, 1, NULL, 3000
};

/* ---- a stream that was listened on --------------------------------------- */

static struct sockaddr_un socket_name(const struct stage* s) {
  struct sockaddr_un name;

  memset(&name, 0, sizeof(name));
  name.sun_family = AF_UNIX;
  CHECK(strlen(s->socket) < sizeof(name.sun_path));
  memcpy(name.sun_path, s->socket, strlen(s->socket));
  return name;
}

static void listen_stream(struct stage* s) {
  make_server(s);
  calls_pause(1);
  CHECK_EQ(uv_pipe_init(&s->loop, &s->listener, 0), 0);
  CHECK_EQ(uv_pipe_bind(&s->listener, s->socket), 0);
  calls_pause(0);
  STAGE_AGAIN(s, uvssh_server_listen_stream(
                     &s->server, (uv_stream_t*) &s->listener,
                     stage_on_connection));
}

static void prepare_stream(struct stage* s, struct side* client) {
  struct sockaddr_un name = socket_name(s);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  CHECK(fd >= 0);
  CHECK_EQ(connect(fd, (struct sockaddr*) &name, sizeof(name)), 0);
  CHECK_EQ(uv_pipe_init(&s->loop, &client->in.pipe, 0), 0);
  CHECK_EQ(uv_pipe_open(&client->in.pipe, fd), 0);
}

static void begin_stream(struct stage* s, struct side* client) {
  STAGE_AGAIN(s, uvssh_transport_stream(&client->transport,
                                        (uv_stream_t*) &client->in.pipe));
  STAGE_AGAIN(s, side_login(client, CALLS_HOST, &client->transport));
}

const struct scene scene_stream = {
  "stream", listen_stream, prepare_stream, begin_stream, 5, 3, 3, 0, NULL, 3000
};

/* ---- two pipes ----------------------------------------------------------- */

static void join(struct stage* s, uv_pipe_t* in, uv_pipe_t* out) {
  uv_file ends[2];

  CHECK_EQ(uv_pipe(ends, UV_NONBLOCK_PIPE, UV_NONBLOCK_PIPE), 0);
  CHECK_EQ(uv_pipe_init(&s->loop, in, 0), 0);
  CHECK_EQ(uv_pipe_init(&s->loop, out, 0), 0);
  CHECK_EQ(uv_pipe_open(in, ends[0]), 0);
  CHECK_EQ(uv_pipe_open(out, ends[1]), 0);
}

static void prepare_pair(struct stage* s, struct side* client) {
  client->above = side_new(s, 0);
  join(s, &client->in.pipe, &client->above->out.pipe);
  join(s, &client->above->in.pipe, &client->out.pipe);
}

static void pair_of(struct side* p) {
  STAGE_AGAIN(p->stage, uvssh_transport_pair(&p->transport,
                                             (uv_stream_t*) &p->in.pipe,
                                             (uv_stream_t*) &p->out.pipe));
}

static void begin_pair(struct stage* s, struct side* client) {
  pair_of(client->above);
  side_serve(client->above, &client->above->transport);
  pair_of(client);
  STAGE_AGAIN(s, side_login(client, CALLS_HOST, &client->transport));
}

const struct scene scene_pair = {
  "pair", make_server, prepare_pair, begin_pair, 5, 3, 3, 0, NULL, 3000
};

/* ---- a command ----------------------------------------------------------- */

/* 0: at an end. */
static int carry(int from, int to) {
  char piece[16384];
  ssize_t n = read(from, piece, sizeof(piece));
  ssize_t done = 0;
  ssize_t some = 1;

  while (done < n && some > 0) {
    some = write(to, piece + done, (size_t) (n - done));
    done += some;
  }
  return n > 0 && some > 0;
}

/* This program as the command: between its standard streams and the port. */
__attribute__((constructor)) static void maybe_child(void) {
  const char* port = getenv(CHILD);
  int fd = port == NULL ? -1 : socket(AF_INET, SOCK_STREAM, 0);
  struct pollfd wait[2] = { { .fd = 0, .events = POLLIN },
                            { .fd = fd, .events = POLLIN } };
  struct sockaddr_in to;
  int on = 1;

  if (port == NULL)
    return;
  memset(&to, 0, sizeof(to));
  to.sin_family = AF_INET;
  to.sin_port = htons((uint16_t) atoi(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (struct sockaddr*) &to, sizeof(to)) != 0)
    _exit(1);
  (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  while (poll(wait, 2, -1) > 0)
    if ((wait[0].revents != 0 && !carry(0, fd)) ||
        (wait[1].revents != 0 && !carry(fd, 1)))
      break;
  _exit(0);
}

static void begin_command(struct stage* s, struct side* client) {
  char line[1024], path[512];
  size_t len = sizeof(path);

  CHECK_EQ(uv_exepath(path, &len), 0);
  snprintf(line, sizeof(line), "env " CHILD "=%d '%s'", port_of(s), path);
  STAGE_AGAIN(s, uvssh_transport_command(&client->transport, &s->loop, line));
  STAGE_AGAIN(s, side_login(client, CALLS_HOST, &client->transport));
}

/* The rest is as over TCP, and slower. */
static const enum call of_command[] = {
  CALL_uv_pipe, CALL_uv_pipe_open, CALL_uv_spawn, CALL_uv_process_kill,
  CALL_uv_read_start, CALL_uv_fileno, CALL_close, CALL_fork, CALL_ioctl,
  CALL_pipe2, CALL_read, CALL_write, CALLS
};

const struct scene scene_command = {
  "command", listen_tcp, prepare_nothing, begin_command, 0, 300, 25, 0,
  of_command, 0
};
