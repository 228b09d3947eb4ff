/* libssh_client.c: libssh as a client, by the contract of README.md. */
#include "libssh_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  const peer_options_t* o;
  ssh_session session;
  ssh_event event;
} client_t;

typedef struct {                   /* a session channel */
  client_t* c;
  ssh_channel channel;
  struct ssh_channel_callbacks_struct callbacks;
  int status;                      /* -1: none has come */
  char signal[32];
  int closed;                      /* by the other side */
  piece_t out;
  int sent_eof;
} run_t;

/* ---- the connection ----------------------------------------------------- */

__attribute__((noreturn))
static void lost(client_t* c) {
  const char* why = ssh_get_error(c->session);
  peer_failed("%s", *why == '\0' ? "the connection is lost" : why);
}

static void check(client_t* c, int err) {
  if (err != SSH_OK)
    lost(c);
  peer_progress(c->o);
}

static void set(client_t* c, enum ssh_options_e option, const void* value) {
  if (value != NULL && ssh_options_set(c->session, option, value) != SSH_OK)
    peer_cannot("%s", ssh_get_error(c->session));
}

static void configure(client_t* c) {
  const peer_options_t* o = c->o;
  long seconds = (long) o->patience;
  int no = 0;
  int fd = 0;

  set(c, SSH_OPTIONS_PROCESS_CONFIG, &no);
  set(c, SSH_OPTIONS_HOST, o->host);
  set(c, SSH_OPTIONS_USER, o->user);
  set(c, SSH_OPTIONS_TIMEOUT, &seconds);
  set(c, SSH_OPTIONS_KEY_EXCHANGE, o->kex);
  set(c, SSH_OPTIONS_HOSTKEYS, o->hostkey);
  set(c, SSH_OPTIONS_CIPHERS_C_S, o->cipher);
  set(c, SSH_OPTIONS_CIPHERS_S_C, o->cipher);
  set(c, SSH_OPTIONS_HMAC_C_S, o->mac);
  set(c, SSH_OPTIONS_HMAC_S_C, o->mac);
  if (o->rekey_bytes != 0)
    set(c, SSH_OPTIONS_REKEY_DATA, &o->rekey_bytes);
  fd = peer_connect(o);
  set(c, SSH_OPTIONS_FD, &fd);
}

static void check_host_key(client_t* c) {
  unsigned char* hash = NULL;
  char* text = NULL;
  ssh_key key = NULL;
  size_t len = 0;

  check(c, ssh_get_server_publickey(c->session, &key));
  check(c, ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &len));
  text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, len);
  if (text == NULL || c->o->known == NULL || strcmp(text, c->o->known) != 0)
    peer_failed("the host key is %s", text == NULL ? "?" : text);
  ssh_string_free_char(text);
  ssh_clean_pubkey_hash(&hash);
  ssh_key_free(key);
}

static void log_in(client_t* c) {
  ssh_key key = NULL;
  int result = 0;

  if (c->o->key != NULL) {
    if (ssh_pki_import_privkey_file(c->o->key, NULL, NULL, NULL, &key) != 0)
      peer_failed("%s: not a key", c->o->key);
    result = ssh_userauth_publickey(c->session, NULL, key);
    ssh_key_free(key);
  } else {
    result = ssh_userauth_password(c->session, NULL, c->o->password);
  }
  if (result != SSH_AUTH_SUCCESS)
    peer_failed("login: %s", ssh_get_error(c->session));
}

static void start(client_t* c) {
  ssh_key key = NULL;

  c->session = ssh_new();
  c->event = ssh_event_new();
  if (c->session == NULL || c->event == NULL)
    peer_failed("no memory");
  configure(c);
  check(c, ssh_connect(c->session));
  check_host_key(c);
  log_in(c);
  check(c, ssh_get_server_publickey(c->session, &key));
  tell_negotiated(c->o, c->session, key);
  ssh_key_free(key);
  check(c, ssh_event_add_session(c->event, c->session));
}

/* ---- a channel ---------------------------------------------------------- */

static void on_status(ssh_session s, ssh_channel ch, int status, void* arg) {
  run_t* r = arg;
  r->status = status;
}

static void on_signal(ssh_session s,
                      ssh_channel ch,
                      const char* name,
                      int core,
                      const char* text,
                      const char* language,
                      void* arg) {
  run_t* r = arg;
  snprintf(r->signal, sizeof(r->signal), "%s", name);
}

static void on_close(ssh_session s, ssh_channel ch, void* arg) {
  run_t* r = arg;
  r->closed = 1;
}

static void open_run(run_t* r, client_t* c) {
  memset(r, 0, sizeof(*r));
  r->c = c;
  r->status = -1;
  r->channel = ssh_channel_new(c->session);
  if (r->channel == NULL)
    lost(c);
  r->callbacks.userdata = r;
  r->callbacks.channel_exit_status_function = on_status;
  r->callbacks.channel_exit_signal_function = on_signal;
  r->callbacks.channel_close_function = on_close;
  ssh_callbacks_init(&r->callbacks);
  check(c, ssh_set_channel_callbacks(r->channel, &r->callbacks));
  ssh_set_blocking(c->session, 1);
  check(c, ssh_channel_open_session(r->channel));
}

static void ask(run_t* r, const char* kind, const char* text) {
  int err = strcmp(kind, "exec") == 0
              ? ssh_channel_request_exec(r->channel, text)
            : strcmp(kind, "shell") == 0
              ? ssh_channel_request_shell(r->channel)
              : ssh_channel_request_subsystem(r->channel, text);

  check(r->c, err);
  ssh_set_blocking(r->c->session, 0);
}

static void open_command(run_t* r, client_t* c, const char* command) {
  open_run(r, c);
  ask(r, "exec", command);
}

/* One turn; waits only where nothing has moved. */
static void turn(run_t* r, int moved) {
  if (moved)
    peer_progress(r->c->o);
  ssh_event_dopoll(r->c->event, moved ? 0 : WAIT_MS);
}

/* What has come; 0: nothing yet; -1: the end of it. */
static int read_some(run_t* r, int is_stderr, void* out, size_t len) {
  int n = ssh_channel_read_nonblocking(r->channel, out, (uint32_t) len,
                                       is_stderr);
  if (n > 0 || (n == 0 && !ssh_channel_is_eof(r->channel) && !r->closed))
    return n;
  if (n == SSH_ERROR || session_ended(r->c->session))
    lost(r->c);
  return n == SSH_AGAIN ? 0 : -1;
}

static void send_eof(run_t* r) {
  if (!r->sent_eof && ssh_channel_send_eof(r->channel) == SSH_ERROR)
    lost(r->c);
  r->sent_eof = 1;
}

static void until_closed(run_t* r) {
  while (!r->closed) {
    turn(r, 0);
    if (!r->closed && session_ended(r->c->session))
      lost(r->c);
  }
}

static void free_run(run_t* r) {
  ssh_channel_close(r->channel);
  until_closed(r);
  ssh_remove_channel_callbacks(r->channel, &r->callbacks);
  ssh_channel_free(r->channel);
}

static void expect(run_t* r, int status) {
  until_closed(r);
  if (r->status != status || r->signal[0] != '\0')
    peer_wrong("exit status %d %s, not %d", r->status, r->signal, status);
}

/* ---- exec, shell, subsystem --------------------------------------------- */

static int from_stdin(run_t* r) {
  ssize_t n = 0;

  if (r->sent_eof || r->closed)
    return 0;
  if (r->out.at < r->out.len)
    return piece_write(&r->out, r->c->session, r->channel);
  n = peer_stdin(r->out.bytes, PIECE);
  if (n < 0)
    return 0;
  r->out.at = 0;
  r->out.len = (size_t) n;
  if (n == 0)
    send_eof(r);
  return 1;
}

static int attended(client_t* c) {
  char data[PIECE];
  run_t r;
  int ended[2] = { 0, 0 };
  int moved = 0;

  open_run(&r, c);
  ask(&r, c->o->action, c->o->text);
  while (!ended[0] || !ended[1]) {
    moved = from_stdin(&r);
    for (int i = 0; i < 2; i++) {
      int n = ended[i] ? -1 : read_some(&r, i, data, sizeof(data));
      if (n > 0)
        peer_write(i == 0 ? STDOUT_FILENO : STDERR_FILENO, data, (size_t) n);
      moved |= n > 0;
      ended[i] = n < 0;
    }
    turn(&r, moved);
  }
  until_closed(&r);
  free_run(&r);
  if (r.signal[0] != '\0')
    fprintf(stderr, "signal %s\n", r.signal);
  else if (r.status >= 0)
    return r.status & 255;
  else if (strcmp(c->o->action, "exec") != 0)
    return 0;
  else
    fputs("no status\n", stderr);
  return EXIT_SIGNALLED;
}

/* ---- up, down, both ----------------------------------------------------- */

static int send_some(run_t* r, pattern_t* p) {
  if (r->closed || r->sent_eof)
    return 0;
  if (r->out.at == r->out.len) {
    r->out.at = 0;
    r->out.len = pattern_next(p, r->out.bytes, PIECE);
    pattern_taken(p, r->out.bytes, r->out.len);
    if (r->out.len == 0) {
      send_eof(r);
      return 1;
    }
  }
  return piece_write(&r->out, r->c->session, r->channel);
}

/* Send to `sink`, and hear that all of it was understood. */
static void drown(run_t* r, client_t* c, pattern_t* p, char hex[HASH_HEX]) {
  char answer[256];
  size_t len = 0;
  int n = 0;

  open_command(r, c, "sink");
  while (n >= 0) {
    int moved = send_some(r, p);
    n = read_some(r, 0, answer + len, sizeof(answer) - len);
    len += n > 0 ? (size_t) n : 0;
    if (len == sizeof(answer))
      peer_wrong("the server says too much");
    turn(r, moved || n > 0);
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
  uint8_t data[PIECE];
  char command[64] = "echo";
  char hex[HASH_HEX];
  pattern_t in, out;
  run_t r;
  int n = 0;

  if (!sends)
    snprintf(command, sizeof(command), "source %s", c->o->text);
  pattern_init(&in, c->o->size);
  pattern_init(&out, c->o->size);
  open_command(&r, c, command);
  while (n >= 0) {
    int moved = sends ? send_some(&r, &out) : 0;
    n = read_some(&r, 0, data, sizeof(data));
    if (n > 0)
      pattern_check(&in, data, (size_t) n);
    turn(&r, moved || n > 0);
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
  memcpy(r.out.bytes, "hello", r.out.len = 5);
  while (len < sizeof(back)) {
    int moved = piece_write(&r.out, c->session, r.channel);
    int n = read_some(&r, 0, back + len, sizeof(back) - len);
    if (n < 0)
      peer_wrong("the server closed");
    len += (size_t) n;
    turn(&r, moved || n > 0);
  }
  if (memcmp(back, "hello", 5) != 0)
    peer_wrong("%.5s came back", back);
  free_run(&r);
}

static void server_first(client_t* c) {
  run_t r;

  open_command(&r, c, "exit 7");
  expect(&r, 7);
  free_run(&r);
}

static void both_close(client_t* c) {
  run_t r;

  open_run(&r, c);
  ssh_set_blocking(c->session, 0);
  if (ssh_channel_request_exec(r.channel, "noop") == SSH_ERROR)
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
  if (abruptly)
    peer_reset(ssh_get_fd(c->session));
  else
    ssh_disconnect(c->session);
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
  expect(&r, 0);
  free_run(&r);
  return 0;
}

/* ---- the client ---------------------------------------------------------- */

int run_client(const peer_options_t* o) {
  client_t c = { .o = o };
  int code = 0;

  if (o->rekey)
    peer_cannot("start an exchange on demand");
  peer_progress(o);
  start(&c);
  if (strcmp(o->action, "up") == 0)
    code = up(&c);
  else if (strcmp(o->action, "down") == 0)
    code = receive(&c, 0);
  else if (strcmp(o->action, "both") == 0)
    code = receive(&c, 1);
  else if (strcmp(o->action, "close") == 0)
    code = closing(&c);
  else
    code = attended(&c);
  ssh_event_remove_session(c.event, c.session);
  ssh_event_free(c.event);
  ssh_disconnect(c.session);
  ssh_free(c.session);
  return code;
}
