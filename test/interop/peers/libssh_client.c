/* libssh_client.c: libssh as a client, by the contract of README.md. What it
 * does once it is logged in is in peer_client.c. */
#include "libssh_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer_client.h"

struct client {
  const peer_options_t* o;
  ssh_session session;
  ssh_event event;
};

struct channel {
  client_t* c;
  ssh_channel channel;
  struct ssh_channel_callbacks_struct callbacks;
  ending_t end;                    /* what of it has come */
  int closed;                      /* by the other side */
};

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
  set(c, SSH_OPTIONS_COMPRESSION_C_S, o->compression);
  set(c, SSH_OPTIONS_COMPRESSION_S_C, o->compression);
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

static void on_status(ssh_session s, ssh_channel of, int status, void* arg) {
  channel_t* ch = arg;
  (void) s;
  (void) of;
  ch->end.told = status >= 0;
  ch->end.status = status;
}

static void on_signal(ssh_session s,
                      ssh_channel of,
                      const char* name,
                      int core,
                      const char* text,
                      const char* language,
                      void* arg) {
  channel_t* ch = arg;
  (void) s;
  (void) of;
  (void) core;
  (void) text;
  (void) language;
  snprintf(ch->end.signal, sizeof(ch->end.signal), "%s", name);
}

static void on_close(ssh_session s, ssh_channel of, void* arg) {
  channel_t* ch = arg;
  (void) s;
  (void) of;
  ch->closed = 1;
}

static void listen_to(channel_t* ch) {
  ch->callbacks.userdata = ch;
  ch->callbacks.channel_exit_status_function = on_status;
  ch->callbacks.channel_exit_signal_function = on_signal;
  ch->callbacks.channel_close_function = on_close;
  ssh_callbacks_init(&ch->callbacks);
  check(ch->c, ssh_set_channel_callbacks(ch->channel, &ch->callbacks));
}

channel_t* lib_open(client_t* c) {
  channel_t* ch = calloc(1, sizeof(*ch));

  if (ch == NULL)
    peer_failed("no memory");
  ch->c = c;
  ch->end.status = -1;
  ch->channel = ssh_channel_new(c->session);
  if (ch->channel == NULL)
    lost(c);
  listen_to(ch);
  ssh_set_blocking(c->session, 1);
  check(c, ssh_channel_open_session(ch->channel));
  return ch;
}

void lib_ask(channel_t* ch, const char* kind, const char* text) {
  int err = strcmp(kind, "exec") == 0
              ? ssh_channel_request_exec(ch->channel, text)
            : strcmp(kind, "shell") == 0
              ? ssh_channel_request_shell(ch->channel)
              : ssh_channel_request_subsystem(ch->channel, text);

  check(ch->c, err);
  ssh_set_blocking(ch->c->session, 0);
}

void lib_ask_unheard(channel_t* ch, const char* command) {
  ssh_set_blocking(ch->c->session, 0);
  if (ssh_channel_request_exec(ch->channel, command) == SSH_ERROR)
    lost(ch->c);
}

void lib_turn(channel_t* ch, int moved) {
  if (moved)
    peer_progress(ch->c->o);
  ssh_event_dopoll(ch->c->event, moved ? 0 : WAIT_MS);
}

/* What the window and the socket take now. Never -1: libssh keeps what is half
 * written by itself. */
ssize_t lib_write(channel_t* ch, const void* data, size_t len) {
  uint32_t window = ssh_channel_window_size(ch->channel);
  int n = 0;

  if (ch->closed || window == 0 ||
      (ssh_get_status(ch->c->session) & SSH_WRITE_PENDING) != 0)
    return 0;
  if (len > window)
    len = window;
  n = ssh_channel_write(ch->channel, data, (uint32_t) len);
  return n > 0 ? n : 0;
}

int lib_send_eof(channel_t* ch) {
  if (ch->closed)
    return 0;
  if (ssh_channel_send_eof(ch->channel) == SSH_ERROR)
    lost(ch->c);
  return 1;
}

ssize_t lib_read(channel_t* ch, int stream, void* out, size_t len) {
  int n = ssh_channel_read_nonblocking(ch->channel, out, (uint32_t) len,
                                       stream);
  if (n > 0 || (n == 0 && !ssh_channel_is_eof(ch->channel) && !ch->closed))
    return n;
  if (n == SSH_ERROR || session_ended(ch->c->session))
    lost(ch->c);
  return n == SSH_AGAIN ? 0 : -1;
}

void lib_until_closed(channel_t* ch) {
  while (!ch->closed) {
    lib_turn(ch, 0);
    if (!ch->closed && session_ended(ch->c->session))
      lost(ch->c);
  }
}

void lib_ending(channel_t* ch, ending_t* end) {
  *end = ch->end;
}

void lib_close(channel_t* ch) {
  ssh_channel_close(ch->channel);
  lib_until_closed(ch);
  ssh_remove_channel_callbacks(ch->channel, &ch->callbacks);
  ssh_channel_free(ch->channel);
  free(ch);
}

void lib_leave(client_t* c, int abruptly) {
  if (abruptly)
    peer_reset(ssh_get_fd(c->session));
  else
    ssh_disconnect(c->session);
}

/* ---- the client ---------------------------------------------------------- */

int run_client(const peer_options_t* o) {
  client_t c = { .o = o };
  int code = 0;

  if (o->rekey)
    peer_cannot("start an exchange on demand");
  peer_progress(o);
  start(&c);
  code = client_act(&c, o);
  ssh_event_remove_session(c.event, c.session);
  ssh_event_free(c.event);
  ssh_disconnect(c.session);
  ssh_free(c.session);
  return code;
}
