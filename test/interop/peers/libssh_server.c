/* libssh_server.c: libssh as a server, by the contract of README.md. A process
 * for each connection; in it one loop that asks libssh what has come. */
#include "libssh_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libssh/server.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN = 256 };

typedef struct run_s run_t;

typedef struct {                   /* a connection */
  const peer_options_t* o;
  ssh_session session;
  ssh_key authorized, host_key;
  struct ssh_server_callbacks_struct callbacks;
  run_t* runs;
} conn_t;

struct run_s {                     /* a session channel */
  run_t* next;
  conn_t* conn;
  ssh_channel channel;
  struct ssh_channel_callbacks_struct callbacks;
  int (*step)(run_t* r);           /* 1: something has moved; NULL: none yet */
  pattern_t pattern;
  piece_t out;
  char line[1024];
  size_t line_len;
  int status;                      /* what to leave with */
  char signal[32];
  int leaving;                     /* once `out` has gone */
  int left, closed;                /* by us, by the client */
};

/* ---- what a channel runs ------------------------------------------------ */

static int leave(run_t* r, int status) {
  r->status = status;
  r->leaving = 1;
  return 1;
}

static void say(run_t* r, const char* text) {
  size_t len = strlen(text);

  if (len > PIECE - r->out.len)
    return;
  memcpy(r->out.bytes + r->out.len, text, len);
  r->out.len += len;
}

/* What has come; 0: nothing yet; -1: EOF. */
static int take(run_t* r, void* out, size_t len) {
  int n = ssh_channel_read_nonblocking(r->channel, out, (uint32_t) len, 0);

  if (n > 0)
    return n;
  return n == SSH_EOF || ssh_channel_is_eof(r->channel) ? -1 : 0;
}

static int step_sink(run_t* r) {
  uint8_t data[PIECE];
  char hex[HASH_HEX];
  int n = take(r, data, sizeof(data));

  if (n > 0)
    crypto_hash_sha256_update(&r->pattern.hash, data,
                              (unsigned long long) n);
  if (n >= 0)
    return n > 0;
  pattern_hex(&r->pattern, hex);
  say(r, hex);
  say(r, "\n");
  return leave(r, 0);
}

static int step_source(run_t* r) {
  if (r->out.at < r->out.len)
    return piece_write(&r->out, r->conn->session, r->channel);
  r->out.at = 0;
  r->out.len = pattern_next(&r->pattern, r->out.bytes, PIECE);
  r->pattern.at += r->out.len;
  return r->out.len == 0 ? leave(r, 0) : 1;
}

static int step_echo(run_t* r) {
  int n = 0;

  if (r->out.at < r->out.len)
    return piece_write(&r->out, r->conn->session, r->channel);
  n = take(r, r->out.bytes, PIECE);
  r->out.at = 0;
  r->out.len = n > 0 ? (size_t) n : 0;
  return n < 0 ? leave(r, 0) : n > 0;
}

static int step_shell(run_t* r) {
  char one = '\0';
  int n = 0;

  if (r->out.at < r->out.len)
    return piece_write(&r->out, r->conn->session, r->channel);
  r->out.at = r->out.len = 0;
  n = take(r, &one, 1);
  if (n <= 0)
    return n < 0 ? leave(r, 0) : 0;
  if (one != '\n' && one != '\r') {
    if (r->line_len < sizeof(r->line) - 2)
      r->line[r->line_len++] = one;
    return 1;
  }
  r->line[r->line_len] = '\0';
  r->line_len = 0;
  if (strcmp(r->line, "exit") == 0)
    return leave(r, 0);
  say(r, r->line);
  say(r, "\n");
  return 1;
}

static int step_stderr(run_t* r) {
  say(r, "out\n");
  ssh_channel_write_stderr(r->channel, "err\n", 4);
  return leave(r, 3);
}

static int step_exit(run_t* r) {
  return leave(r, atoi(r->line));
}

static int step_signal(run_t* r) {
  snprintf(r->signal, sizeof(r->signal), "%.*s", (int) sizeof(r->signal) - 1,
           r->line);
  return leave(r, 0);
}

static int step_left(run_t* r) {
  char data[PIECE];
  return take(r, data, sizeof(data)) > 0;
}

/* One step of a channel: what it runs, or its leaving. */
static int step(run_t* r) {
  if (r->closed && !r->left) {
    ssh_channel_close(r->channel);
    r->left = 1;
    return 1;
  }
  if (r->left || r->step == NULL)
    return r->left ? step_left(r) : 0;
  if (!r->leaving)
    return r->step(r);
  if (r->out.at < r->out.len)
    return piece_write(&r->out, r->conn->session, r->channel);
  if (r->signal[0] != '\0')
    ssh_channel_request_send_exit_signal(r->channel, r->signal, 0, "", "");
  else
    ssh_channel_request_send_exit_status(r->channel, r->status);
  ssh_channel_send_eof(r->channel);
  ssh_channel_close(r->channel);
  r->left = 1;
  return 1;
}

/* ---- requests ----------------------------------------------------------- */

static int begin(run_t* r, int (*function)(run_t* r), const char* arg) {
  if (r->step != NULL || function == NULL)
    return 1;                      /* one command a channel */
  snprintf(r->line, sizeof(r->line), "%s", arg);
  pattern_init(&r->pattern, strtoull(arg, NULL, 10));
  r->step = function;
  return 0;
}

static int on_exec(ssh_session s, ssh_channel ch, const char* line, void* arg) {
  static const struct {
    const char* name;
    int (*step)(run_t* r);
  } commands[] = {
    { "noop", step_exit },     { "exit", step_exit },
    { "signal", step_signal }, { "stderr", step_stderr },
    { "sink", step_sink },     { "source", step_source },
    { "echo", step_echo },     { "cat", step_echo },
  };
  size_t len = strcspn(line, " ");

  for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
    if (strlen(commands[i].name) == len &&
        memcmp(commands[i].name, line, len) == 0)
      return begin(arg, commands[i].step, line[len] == ' ' ? line + len + 1
                                                           : "");
  return 1;
}

static int on_shell(ssh_session s, ssh_channel ch, void* arg) {
  run_t* r = arg;

  if (begin(r, step_shell, "") != 0)
    return 1;
  say(r, "shell\n");
  return 0;
}

static int on_subsystem(ssh_session s,
                        ssh_channel ch,
                        const char* name,
                        void* arg) {
  return strcmp(name, "echo") == 0 ? begin(arg, step_echo, "") : 1;
}

static void on_close(ssh_session s, ssh_channel ch, void* arg) {
  run_t* r = arg;
  r->closed = 1;
}

static ssh_channel on_open(ssh_session s, void* arg) {
  conn_t* c = arg;
  run_t* r = calloc(1, sizeof(*r));

  if (r == NULL)
    return NULL;
  r->conn = c;
  r->channel = ssh_channel_new(s);
  r->callbacks.userdata = r;
  r->callbacks.channel_exec_request_function = on_exec;
  r->callbacks.channel_shell_request_function = on_shell;
  r->callbacks.channel_subsystem_request_function = on_subsystem;
  r->callbacks.channel_close_function = on_close;
  ssh_callbacks_init(&r->callbacks);
  ssh_set_channel_callbacks(r->channel, &r->callbacks);
  r->next = c->runs;
  c->runs = r;
  return r->channel;
}

/* ---- logging in --------------------------------------------------------- */

static int logged_in(conn_t* c, const char* user, const char* method) {
  fprintf(stderr, "login %s %s\n", user, method);
  tell_negotiated(c->o, c->session, c->host_key);
  return SSH_AUTH_SUCCESS;
}

static int on_password(ssh_session s,
                       const char* user,
                       const char* password,
                       void* arg) {
  conn_t* c = arg;

  if (c->o->password == NULL || strcmp(password, c->o->password) != 0)
    return SSH_AUTH_DENIED;
  return logged_in(c, user, "password");
}

static int on_publickey(ssh_session s,
                        const char* user,
                        struct ssh_key_struct* key,
                        char state,
                        void* arg) {
  conn_t* c = arg;

  if (c->authorized == NULL ||
      ssh_key_cmp(key, c->authorized, SSH_KEY_CMP_PUBLIC) != 0)
    return SSH_AUTH_DENIED;
  if (state == SSH_PUBLICKEY_STATE_NONE)
    return SSH_AUTH_SUCCESS;       /* asked, not yet signed */
  return state == SSH_PUBLICKEY_STATE_VALID ? logged_in(c, user, "publickey")
                                            : SSH_AUTH_DENIED;
}

/* ---- a connection ------------------------------------------------------- */

static void free_runs(conn_t* c) {
  for (run_t** at = &c->runs; *at != NULL;) {
    run_t* r = *at;
    if (!r->left || !r->closed) {
      at = &r->next;
      continue;
    }
    *at = r->next;
    ssh_remove_channel_callbacks(r->channel, &r->callbacks);
    ssh_channel_free(r->channel);
    free(r);
  }
}

static void loop(conn_t* c, ssh_event event) {
  while (!session_ended(c->session)) {
    int moved = 0;
    for (run_t* r = c->runs; r != NULL; r = r->next)
      moved |= step(r);
    free_runs(c);
    if (moved)
      peer_progress(c->o);
    if (ssh_event_dopoll(event, moved ? 0 : WAIT_MS) == SSH_ERROR)
      break;
  }
}

static int serve(conn_t* c, ssh_bind bind, int fd) {
  ssh_event event = ssh_event_new();

  peer_progress(c->o);
  c->session = ssh_new();
  if (c->o->rekey_bytes != 0)
    ssh_options_set(c->session, SSH_OPTIONS_REKEY_DATA, &c->o->rekey_bytes);
  if (c->o->compression != NULL) { /* its bind has no option of that name */
    ssh_options_set(c->session, SSH_OPTIONS_COMPRESSION_C_S,
                    c->o->compression);
    ssh_options_set(c->session, SSH_OPTIONS_COMPRESSION_S_C,
                    c->o->compression);
  }
  if (event == NULL || ssh_bind_accept_fd(bind, c->session, fd) != SSH_OK)
    peer_failed("%s", ssh_get_error(bind));
  c->callbacks.userdata = c;
  c->callbacks.auth_password_function = on_password;
  c->callbacks.auth_pubkey_function = on_publickey;
  c->callbacks.channel_open_request_session_function = on_open;
  ssh_callbacks_init(&c->callbacks);
  ssh_set_server_callbacks(c->session, &c->callbacks);
  ssh_set_auth_methods(
    c->session, (c->o->password == NULL ? 0 : SSH_AUTH_METHOD_PASSWORD) |
                  (c->authorized == NULL ? 0 : SSH_AUTH_METHOD_PUBLICKEY));
  if (ssh_handle_key_exchange(c->session) != SSH_OK)
    peer_failed("%s", ssh_get_error(c->session));
  ssh_set_blocking(c->session, 0);
  ssh_event_add_session(event, c->session);
  loop(c, event);
  return 0;
}

/* ---- the program -------------------------------------------------------- */

static volatile sig_atomic_t stop;

static void on_term(int number) {
  stop = 1;
}

static void set(ssh_bind bind, enum ssh_bind_options_e option, const char* v) {
  if (v != NULL && ssh_bind_options_set(bind, option, v) != SSH_OK)
    peer_cannot("%s", ssh_get_error(bind));
}

static ssh_bind prepare(const peer_options_t* o) {
  ssh_bind bind = ssh_bind_new();
  int no = 0;

  if (bind == NULL ||
      ssh_bind_options_set(bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no) != 0)
    peer_failed("no memory");
  set(bind, SSH_BIND_OPTIONS_HOSTKEY, o->host_key);
  set(bind, SSH_BIND_OPTIONS_KEY_EXCHANGE, o->kex);
  set(bind, SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS, o->hostkey);
  set(bind, SSH_BIND_OPTIONS_CIPHERS_C_S, o->cipher);
  set(bind, SSH_BIND_OPTIONS_CIPHERS_S_C, o->cipher);
  set(bind, SSH_BIND_OPTIONS_HMAC_C_S, o->mac);
  set(bind, SSH_BIND_OPTIONS_HMAC_S_C, o->mac);
  return bind;
}

static int listen_on(const peer_options_t* o) {
  struct sockaddr_in at;
  socklen_t len = sizeof(at);
  int fd = socket(AF_INET, SOCK_STREAM, 0);

  memset(&at, 0, sizeof(at));
  at.sin_family = AF_INET;
  at.sin_port = htons((uint16_t) o->port);
  if (inet_pton(AF_INET, o->host, &at.sin_addr) != 1)
    peer_failed("%s: not an address", o->host);
  if (fd < 0 || bind(fd, (struct sockaddr*) &at, sizeof(at)) != 0 ||
      listen(fd, 64) != 0 ||
      getsockname(fd, (struct sockaddr*) &at, &len) != 0)
    peer_failed("port %u: %s", o->port, strerror(errno));
  peer_nonblocking(fd);
  printf("listening %d\n", ntohs(at.sin_port));
  fflush(stdout);
  return fd;
}

static pid_t children[CHILDREN];

static void reap(void) {
  pid_t pid = 0;

  while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
    for (int i = 0; i < CHILDREN; i++)
      if (children[i] == pid)
        children[i] = 0;
}

static void spawn(conn_t* c, ssh_bind bind, int listener, int fd) {
  int one = 1;
  int i = 0;

  while (i < CHILDREN && children[i] != 0)
    i++;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  peer_nonblocking(fd);
  if (i < CHILDREN && (children[i] = fork()) == 0) {
    signal(SIGTERM, SIG_DFL);
    close(listener);
    _exit(serve(c, bind, fd));
  }
  close(fd);
}

/* libssh would listen, and then agree with nobody. */
static void check_host_key(const peer_options_t* o, ssh_key key) {
  const char* name = ssh_key_type_to_char(ssh_key_type(key));

  if (o->hostkey != NULL && ssh_key_type(key) != SSH_KEYTYPE_RSA &&
      (name == NULL || strstr(o->hostkey, name) == NULL))
    peer_cannot("offer hostkey %s with this key", o->hostkey);
}

int run_server(const peer_options_t* o) {
  conn_t c = { .o = o };
  struct sigaction action = { .sa_handler = on_term };
  ssh_bind bind = prepare(o);
  struct pollfd ready = { .events = POLLIN };

  if (o->authorized != NULL &&
      ssh_pki_import_pubkey_file(o->authorized, &c.authorized) != SSH_OK)
    peer_failed("%s: not a public key", o->authorized);
  if (ssh_pki_import_privkey_file(o->host_key, NULL, NULL, NULL,
                                  &c.host_key) != SSH_OK)
    peer_failed("%s: not a key", o->host_key);
  check_host_key(o, c.host_key);
  sigaction(SIGTERM, &action, NULL);
  ready.fd = listen_on(o);
  for (unsigned idle = 0; !stop && idle < 10 * o->patience; idle++) {
    reap();
    if (poll(&ready, 1, 1000) <= 0)
      continue;
    for (int fd = 0; (fd = accept(ready.fd, NULL, NULL)) >= 0; idle = 0)
      spawn(&c, bind, ready.fd, fd);
  }
  for (int i = 0; i < CHILDREN; i++)
    if (children[i] != 0)
      kill(children[i], SIGTERM);
  if (!stop)
    fputs("timeout: nobody connects\n", stderr);
  return stop ? 0 : EXIT_TIMEOUT;
}
