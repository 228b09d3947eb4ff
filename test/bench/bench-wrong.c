/* bench-wrong.c: a server that is wrong, so that it can be seen whether
 * bench-client notices.
 *
 *   bench-wrong HOST_KEY        the port stands in the first line it prints
 *
 * It knows the commands of bench-server. Who logs in says by their name what
 * goes wrong:
 *
 *   short    a byte of source, or a line of relay for one of its receivers, is
 *            missing; sink stops after a byte
 *   long     there is a byte, or a line, too many; sink answers
 *   flip     a bit of a byte is another one
 *   status   the exit status is 3
 *   early    the connection ends at the first byte, or before noop has ended
 *   back     the sender of a relay hears itself
 *   still    nothing comes any more
 *
 * Anybody else is served rightly: what is said about the others is then no
 * fault of this program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uvssh.h>

enum { SOURCE_MOST = 65536, THE_LINE = 3 };

struct peer {
  uvssh_session_t session;         /* first */
  uvssh_channel_t channel;
  struct peer* next;               /* of those that relay */
  const char* command;             /* static */
  uint64_t got;                    /* bytes */
  uint64_t lines;
  size_t have;
  char line[SOURCE_MOST];
};

static struct peer* relays;

static int goes(const struct peer* p, const char* wrong) {
  return strcmp(uvssh_session_user(&p->session), wrong) == 0;
}

static void say(struct peer* p, const void* base, size_t len) {
  if (uvssh_channel_send(&p->channel, UVSSH_DATA, base, len) != 0)
    uvssh_session_close(&p->session);
}

static void end(struct peer* p) {
  if (goes(p, "early"))
    uvssh_session_close(&p->session);
  else if (!goes(p, "still"))
    uvssh_channel_exit(&p->channel, goes(p, "status") ? 3 : 0, 0);
}

/* ---- the commands -------------------------------------------------------- */

static void run_source(struct peer* p, size_t n) {
  static uint8_t bytes[SOURCE_MOST + 1];

  n += (size_t) goes(p, "long");
  n -= (size_t) goes(p, "short");
  memset(bytes, 0, sizeof(bytes));
  bytes[n / 2] ^= (uint8_t) goes(p, "flip");
  say(p, bytes, n);
  end(p);
}

static void do_echo(struct peer* p, const char* base, size_t len) {
  memcpy(p->line, base, len);      /* at most packet_bytes */
  p->line[len / 2] ^= (char) goes(p, "flip");
  say(p, p->line, len);
  if (goes(p, "long"))
    say(p, "x", 1);
}

static void relay_line(struct peer* from) {
  int nth = from->lines++ == THE_LINE;
  struct peer* to;
  int first = 1;

  from->line[from->have - 2] ^= (char) (nth && goes(from, "flip"));
  for (to = relays; to != NULL; to = to->next) {
    if (to == from && !goes(from, "back"))
      continue;
    if (!(nth && first && goes(from, "short")))
      say(to, from->line, from->have);
    if (nth && first && goes(from, "long"))
      say(to, from->line, from->have);
    first = first && to == from;
  }
}

static void do_relay(struct peer* p, const char* base, size_t len) {
  for (; len > 0; base++, len--) {
    p->line[p->have++] = *base;
    if (*base == '\n' && p->have > 2)
      relay_line(p);
    if (*base == '\n' || p->have == sizeof(p->line))
      p->have = 0;
  }
}

static void on_read(uvssh_channel_t* channel, int stream, ssize_t nread,
                    const uv_buf_t* buf) {
  struct peer* p = channel->data;

  if (nread < 0) {
    end(p);
    return;
  }
  p->got += (uint64_t) nread;
  if (goes(p, "early"))
    uvssh_session_close(&p->session);
  else if (goes(p, "still"))
    return;
  else if (strcmp(p->command, "echo") == 0)
    do_echo(p, buf->base, (size_t) nread);
  else if (strcmp(p->command, "relay") == 0)
    do_relay(p, buf->base, (size_t) nread);
  else if (goes(p, "short"))
    uvssh_channel_exit(channel, 0, 0);
  else if (goes(p, "long"))
    say(p, "x", 1);
}

static void begin(struct peer* p, const char* command) {
  static const char* const reading[] = { "sink", "echo", "relay" };
  size_t i;

  if (strncmp(command, "source ", 7) == 0)
    run_source(p, (size_t) strtoull(command + 7, NULL, 10) % SOURCE_MOST);
  else if (strcmp(command, "noop") == 0)
    end(p);
  for (i = 0; i < 3; i++)
    if (strcmp(command, reading[i]) == 0) {
      p->command = reading[i];
      uvssh_channel_read_start(&p->channel, on_read);
    }
  if (strcmp(command, "relay") == 0) {
    p->next = relays;
    relays = p;
  }
}

/* ---- sessions ------------------------------------------------------------ */

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  uvssh_reply_accept(reply);
  if (ask->type == UVSSH_REQUEST_EXEC)
    begin(channel->data, ask->command);
}

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* ask,
                       uvssh_reply_t reply) {
  static const uvssh_channel_handlers_t on = { .on_request = on_request };
  struct peer* p = session->data;

  p->channel.data = p;
  uvssh_channel_accept(reply, &p->channel, &on);
}

static void on_auth(uvssh_session_t* session, const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  uvssh_reply_accept(reply);
}

static void on_close(uvssh_session_t* session, const uvssh_end_t* why) {
  struct peer** p;

  for (p = &relays; *p != NULL; p = &(*p)->next)
    if (*p == session->data) {
      *p = (*p)->next;
      break;
    }
  free(session->data);
}

static void on_connection(uvssh_server_t* server, int status) {
  static const uvssh_session_handlers_t on = {
    .on_auth = on_auth, .on_channel = on_channel, .on_close = on_close
  };
  struct peer* p = status == 0 ? calloc(1, sizeof(*p)) : NULL;

  if (p == NULL)
    return;
  p->session.data = p;
  if (uvssh_server_accept(server, &p->session, &on) != 0)
    free(p);
}

int main(int argc, char** argv) {
  static uvssh_server_t server;
  uvssh_config_t config;
  struct sockaddr_in name;
  int len = sizeof(name);
  int err;

  if (argc != 2) {
    fputs("usage: bench-wrong HOST_KEY\n", stderr);
    return 2;
  }
  uvssh_config_init(&config);
  config.penalty_sources = 0;
  err = uvssh_server_init(uv_default_loop(), &server, &config);
  if (err == 0)
    err = uvssh_server_add_key_file(&server, argv[1]);
  if (err == 0)
    err = uvssh_server_listen(&server, "127.0.0.1", 0, on_connection);
  if (err == 0)
    err = uvssh_server_getsockname(&server, (struct sockaddr*) &name, &len);
  if (err != 0) {
    fprintf(stderr, "bench-wrong: %s\n", uvssh_strerror(err));
    return 1;
  }
  printf("listening: 127.0.0.1, port %d\n", ntohs(name.sin_port));
  fflush(stdout);
  return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
