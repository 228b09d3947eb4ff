/* libssh2_peer.c: libssh2 as a client, by the contract of README.md.
 *
 * What it cannot: be a server, start an exchange, close a channel without EOF
 * before (libssh2 sends it by itself), tell an exit status of 0 from none.
 *
 * A packet that is half written must be finished before another is begun, and
 * libssh2_channel_read() may begin one: nothing is read while a write waits
 * for the socket. */
#include <libssh2.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

enum { PIECE = 32 * 1024, WAIT_MS = 20 };

typedef struct {
  const peer_options_t* o;
  LIBSSH2_SESSION* session;
  int fd;
} client_t;

typedef struct {                   /* a session channel */
  client_t* c;
  LIBSSH2_CHANNEL* channel;
  char out[PIECE];
  size_t at, len;
  int ends;                        /* EOF is next */
  int sent_eof;
} run_t;

/* ---- the connection ----------------------------------------------------- */

__attribute__((noreturn))
static void lost(client_t* c) {
  char* why = NULL;

  libssh2_session_last_error(c->session, &why, NULL, 0);
  peer_failed("%s", why == NULL || *why == '\0' ? "the connection is lost"
                                                : why);
}

/* The result of a blocking call. */
static void check(client_t* c, int err) {
  if (err < 0)
    lost(c);
  peer_progress(c->o);
}

static int knows(void* arg, const char* kind, const char* name) {
  int method = strcmp(kind, "kex") == 0       ? LIBSSH2_METHOD_KEX
               : strcmp(kind, "hostkey") == 0 ? LIBSSH2_METHOD_HOSTKEY
               : strcmp(kind, "cipher") == 0  ? LIBSSH2_METHOD_CRYPT_CS
                                              : LIBSSH2_METHOD_MAC_CS;
  const char** names = NULL;
  int n = libssh2_session_supported_algs(arg, method, &names);
  int found = 0;

  for (int i = 0; i < n; i++)
    found |= strcmp(names[i], name) == 0;
  if (n > 0)
    libssh2_free(arg, (void*) names);
  return found;
}

static void prefer(client_t* c, const char* kind, const char* list, int a,
                   int b) {
  if (list == NULL)
    return;
  peer_each(kind, list, knows, c->session);
  if (libssh2_session_method_pref(c->session, a, list) != 0 ||
      libssh2_session_method_pref(c->session, b, list) != 0)
    peer_cannot("%s %s", kind, list);
}

static void check_host_key(client_t* c) {
  const char* hash = libssh2_hostkey_hash(c->session,
                                          LIBSSH2_HOSTKEY_HASH_SHA256);
  char text[64] = "";

  if (hash != NULL)
    sodium_bin2base64(text, sizeof(text), (const unsigned char*) hash, 32,
                      sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
  if (hash == NULL || c->o->known == NULL ||
      strncmp(c->o->known, "SHA256:", 7) != 0 ||
      strcmp(c->o->known + 7, text) != 0)
    peer_failed("the host key is SHA256:%s", text);
}

static void log_in(client_t* c) {
  const peer_options_t* o = c->o;
  unsigned len = (unsigned) strlen(o->user);

  if (o->key != NULL)
    check(c, libssh2_userauth_publickey_fromfile_ex(c->session, o->user, len,
                                                    NULL, o->key, NULL));
  else
    check(c, libssh2_userauth_password_ex(c->session, o->user, len,
                                          o->password,
                                          (unsigned) strlen(o->password),
                                          NULL));
}

static void start(client_t* c) {
  const peer_options_t* o = c->o;

  prefer(c, "kex", o->kex, LIBSSH2_METHOD_KEX, LIBSSH2_METHOD_KEX);
  prefer(c, "hostkey", o->hostkey, LIBSSH2_METHOD_HOSTKEY,
         LIBSSH2_METHOD_HOSTKEY);
  prefer(c, "cipher", o->cipher, LIBSSH2_METHOD_CRYPT_CS,
         LIBSSH2_METHOD_CRYPT_SC);
  prefer(c, "mac", o->mac, LIBSSH2_METHOD_MAC_CS, LIBSSH2_METHOD_MAC_SC);
  peer_progress(o);
  c->fd = peer_connect(o);
  check(c, libssh2_session_handshake(c->session, c->fd));
  check_host_key(c);
  log_in(c);
  peer_negotiated(libssh2_session_methods(c->session, LIBSSH2_METHOD_KEX),
                  libssh2_session_methods(c->session, LIBSSH2_METHOD_HOSTKEY),
                  libssh2_session_methods(c->session, LIBSSH2_METHOD_CRYPT_CS),
                  libssh2_session_methods(c->session, LIBSSH2_METHOD_MAC_CS));
}

/* ---- a channel ---------------------------------------------------------- */

static void open_run(run_t* r, client_t* c) {
  memset(r, 0, sizeof(*r));
  r->c = c;
  libssh2_session_set_blocking(c->session, 1);
  r->channel = libssh2_channel_open_session(c->session);
  if (r->channel == NULL)
    lost(c);
}

static void ask(run_t* r, const char* kind, const char* text) {
  int shell = strcmp(kind, "shell") == 0;

  check(r->c, libssh2_channel_process_startup(
                r->channel, kind, (unsigned) strlen(kind), shell ? NULL : text,
                shell ? 0 : (unsigned) strlen(text)));
  libssh2_session_set_blocking(r->c->session, 0);
}

static void open_command(run_t* r, client_t* c, const char* command) {
  open_run(r, c);
  ask(r, "exec", command);
}

/* One turn; waits only where nothing has moved. */
static void turn(run_t* r, int moved) {
  struct pollfd ready = { .fd = r->c->fd, .events = POLLIN };

  if (moved) {
    peer_progress(r->c->o);
    return;
  }
  if (libssh2_session_block_directions(r->c->session) &
      LIBSSH2_SESSION_BLOCK_OUTBOUND)
    ready.events |= POLLOUT;
  poll(&ready, 1, WAIT_MS);
}

/* Send what is in `out`, then EOF. 1: something has moved; -1: nothing may be
 * read, the socket is full. */
static int write_some(run_t* r) {
  ssize_t n = 0;

  if (r->sent_eof || (r->at == r->len && !r->ends))
    return 0;
  if (r->at < r->len) {
    n = libssh2_channel_write_ex(r->channel, 0, r->out + r->at, r->len - r->at);
    r->at += n > 0 ? (size_t) n : 0;
  } else {
    n = libssh2_channel_send_eof(r->channel);
    r->sent_eof = n == 0;
  }
  if (n == LIBSSH2_ERROR_EAGAIN)
    return libssh2_session_block_directions(r->c->session) &
               LIBSSH2_SESSION_BLOCK_OUTBOUND
             ? -1
             : 0;
  if (n < 0 && !libssh2_channel_eof(r->channel))
    lost(r->c);
  return n >= 0;
}

/* What has come; 0: nothing yet; -1: the end of it. */
static ssize_t read_some(run_t* r, int stream, char* out, size_t len) {
  ssize_t n = libssh2_channel_read_ex(r->channel, stream, out, len);

  if (n > 0)
    return n;
  if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
    lost(r->c);
  return libssh2_channel_eof(r->channel) ? -1 : 0;
}

static void until_closed(run_t* r) {
  libssh2_session_set_blocking(r->c->session, 1);
  check(r->c, libssh2_channel_wait_closed(r->channel));
}

static void free_run(run_t* r) {
  libssh2_session_set_blocking(r->c->session, 1);
  check(r->c, libssh2_channel_close(r->channel));
  check(r->c, libssh2_channel_free(r->channel));
}

/* The name of the signal; NULL: none. */
static const char* signal_of(run_t* r) {
  static char name[32];
  char* text = NULL;
  size_t len = 0;

  libssh2_channel_get_exit_signal(r->channel, &text, &len, NULL, NULL, NULL,
                                  NULL);
  if (text == NULL)
    return NULL;
  snprintf(name, sizeof(name), "%.*s", (int) len, text);
  libssh2_free(r->c->session, text);
  return name;
}

static void expect(run_t* r, int status) {
  const char* name = NULL;

  until_closed(r);
  name = signal_of(r);
  if (name != NULL || libssh2_channel_get_exit_status(r->channel) != status)
    peer_wrong("exit status %d %s, not %d",
               libssh2_channel_get_exit_status(r->channel),
               name == NULL ? "" : name, status);
}

/* ---- exec, shell, subsystem --------------------------------------------- */

static void from_stdin(run_t* r) {
  ssize_t n = 0;

  if (r->at < r->len || r->ends || (n = peer_stdin(r->out, PIECE)) < 0)
    return;
  r->at = 0;
  r->len = (size_t) n;
  r->ends = n == 0;
}

static int attended(client_t* c) {
  static const int streams[] = { 0, SSH_EXTENDED_DATA_STDERR };
  char data[PIECE];
  const char* name = NULL;
  run_t r;
  int status = 0;
  int ended = 0;

  open_run(&r, c);
  ask(&r, c->o->action, c->o->text);
  while (ended < 2) {
    int moved = 0;
    from_stdin(&r);
    moved = write_some(&r);
    ended = 0;
    for (int i = 0; i < 2 && moved >= 0; i++) {
      ssize_t n = read_some(&r, streams[i], data, sizeof(data));
      if (n > 0)
        peer_write(i == 0 ? STDOUT_FILENO : STDERR_FILENO, data, (size_t) n);
      moved |= n > 0;
      ended += n < 0;
    }
    turn(&r, moved > 0);
  }
  until_closed(&r);
  status = libssh2_channel_get_exit_status(r.channel) & 255;
  name = signal_of(&r);
  free_run(&r);
  if (name == NULL)
    return status;
  fprintf(stderr, "signal %s\n", name);
  return EXIT_SIGNALLED;
}

/* ---- up, down, both ----------------------------------------------------- */

static void refill(run_t* r, pattern_t* p) {
  if (r->at < r->len || r->ends)
    return;
  r->at = 0;
  r->len = pattern_next(p, (uint8_t*) r->out, PIECE);
  r->ends = r->len == 0;
  pattern_taken(p, (uint8_t*) r->out, r->len);
}

/* Send to `sink`, and hear that all of it was understood. */
static void drown(run_t* r, client_t* c, pattern_t* p, char hex[HASH_HEX]) {
  char answer[256];
  size_t len = 0;
  ssize_t n = 0;

  open_command(r, c, "sink");
  while (n >= 0) {
    int moved = 0;
    refill(r, p);
    moved = write_some(r);
    n = moved < 0 ? 0 : read_some(r, 0, answer + len, sizeof(answer) - len);
    len += n > 0 ? (size_t) n : 0;
    if (len == sizeof(answer))
      peer_wrong("the server says too much");
    turn(r, moved > 0 || n > 0);
  }
  expect(r, 0);
  pattern_hex(p, hex);
  if (len != HASH_HEX || memcmp(answer, hex, HASH_HEX - 1) != 0)
    peer_wrong("the server got %.*s, not %s", (int) len, answer, hex);
}

static int up(client_t* c) {
  char hex[HASH_HEX];
  pattern_t p;
  run_t r;

  pattern_init(&p, c->o->size);
  drown(&r, c, &p, hex);
  puts(hex);
  free_run(&r);
  return 0;
}

/* down and both: what comes must be the pattern. */
static int receive(client_t* c, int sends) {
  char data[PIECE];
  char command[64] = "echo";
  char hex[HASH_HEX];
  pattern_t in, out;
  run_t r;
  ssize_t n = 0;

  if (!sends)
    snprintf(command, sizeof(command), "source %s", c->o->text);
  pattern_init(&in, c->o->size);
  pattern_init(&out, c->o->size);
  open_command(&r, c, command);
  while (n >= 0) {
    int moved = 0;
    if (sends)
      refill(&r, &out);
    moved = write_some(&r);
    n = moved < 0 ? 0 : read_some(&r, 0, data, sizeof(data));
    if (n > 0)
      pattern_check(&in, (uint8_t*) data, (size_t) n);
    turn(&r, moved > 0 || n > 0);
  }
  expect(&r, 0);
  if (in.differs || in.at != in.size)
    peer_wrong("what came differs at byte %llu", (unsigned long long) in.at);
  pattern_hex(&in, hex);
  puts(hex);
  free_run(&r);
  return 0;
}

/* ---- close -------------------------------------------------------------- */

static void client_first(client_t* c) {
  char back[5];
  size_t len = 0;
  run_t r;

  open_command(&r, c, "cat");
  memcpy(r.out, "hello", r.len = sizeof(back));
  while (len < sizeof(back)) {
    int moved = write_some(&r);
    ssize_t n = moved < 0 ? 0
                          : read_some(&r, 0, back + len, sizeof(back) - len);
    if (n < 0)
      peer_wrong("the server closed");
    len += (size_t) n;
    turn(&r, moved > 0 || n > 0);
  }
  if (memcmp(back, "hello", sizeof(back)) != 0)
    peer_wrong("%.5s came back", back);
  free_run(&r);
}

/* Its EOF must have been read before one can wait for its CLOSE. */
static void hear_out(run_t* r) {
  char data[PIECE];

  while (read_some(r, 0, data, sizeof(data)) >= 0)
    turn(r, 0);
}

static void server_first(client_t* c) {
  run_t r;

  open_command(&r, c, "exit 7");
  hear_out(&r);
  expect(&r, 7);
  free_run(&r);
}

static void both_close(client_t* c) {
  run_t r;
  int err = 0;

  open_run(&r, c);
  libssh2_session_set_blocking(c->session, 0);
  err = libssh2_channel_exec(r.channel, "noop");
  if (err < 0 && err != LIBSSH2_ERROR_EAGAIN)
    lost(c);
  free_run(&r);
}

static void eof_first(client_t* c) {
  char hex[HASH_HEX];
  pattern_t nothing;
  run_t r;

  pattern_init(&nothing, 0);
  drown(&r, c, &nothing, hex);
  free_run(&r);
}

static void leave_busy(client_t* c, int abruptly) {
  char data[PIECE];
  run_t r;

  open_command(&r, c, "source " LARGE);
  while (read_some(&r, 0, data, sizeof(data)) == 0)
    turn(&r, 0);
  libssh2_session_set_blocking(c->session, 1);
  if (!abruptly)
    check(c, libssh2_session_disconnect(c->session, "leaving"));
  if (abruptly)
    peer_reset(c->fd);
}

static int closing(client_t* c) {
  const char* how = c->o->text;
  run_t r;

  if (strcmp(how, "client-first") == 0)
    client_first(c);
  else if (strcmp(how, "server-first") == 0)
    server_first(c);
  else if (strcmp(how, "both") == 0)
    both_close(c);
  else if (strcmp(how, "eof-first") == 0)
    eof_first(c);
  else
    leave_busy(c, strcmp(how, "abort") == 0);
  printf("closed %s\n", how);
  if (strcmp(how, "abort") == 0 || strcmp(how, "disconnect") == 0) {
    fflush(stdout);
    _exit(0);
  }
  open_command(&r, c, "noop");
  hear_out(&r);
  expect(&r, 0);
  free_run(&r);
  return 0;
}

/* ---- the program -------------------------------------------------------- */

static int run_client(client_t* c) {
  const peer_options_t* o = c->o;
  int code = 0;

  if (o->rekey || o->rekey_bytes != 0)
    peer_cannot("start an exchange");
  start(c);
  if (strcmp(o->action, "up") == 0)
    code = up(c);
  else if (strcmp(o->action, "down") == 0)
    code = receive(c, 0);
  else if (strcmp(o->action, "both") == 0)
    code = receive(c, 1);
  else if (strcmp(o->action, "close") == 0)
    code = closing(c);
  else
    code = attended(c);
  libssh2_session_set_blocking(c->session, 1);
  libssh2_session_disconnect(c->session, "done");
  return code;
}

int main(int argc, char** argv) {
  static const char* const kinds[] = { "kex", "hostkey", "cipher", "mac" };
  peer_options_t o;
  client_t c = { .o = &o };
  int code = 0;

  peer_parse(&o, argc, argv);
  if (strcmp(o.role, "server") == 0)
    peer_cannot("be a server");
  if (libssh2_init(0) != 0 || (c.session = libssh2_session_init()) == NULL)
    peer_failed("no memory");
  if (strcmp(o.role, "client") == 0)
    code = run_client(&c);
  else
    for (size_t i = 0; i < 4; i++)
      peer_list(kinds[i], peer_names(kinds[i]), knows, c.session);
  libssh2_session_free(c.session);
  libssh2_exit();
  return code;
}
