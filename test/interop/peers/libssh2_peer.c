/* libssh2_peer.c: libssh2 as a client, by the contract of README.md. What it
 * does once it is logged in is in peer_client.c.
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
#include <stdlib.h>
#include <string.h>

#include "peer_client.h"

enum { WAIT_MS = 20 };

struct client {
  const peer_options_t* o;
  LIBSSH2_SESSION* session;
  int fd;
};

struct channel {
  client_t* c;
  LIBSSH2_CHANNEL* channel;
};

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
               : strcmp(kind, "mac") == 0     ? LIBSSH2_METHOD_MAC_CS
                                              : LIBSSH2_METHOD_COMP_CS;
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
  prefer(c, "compression", o->compression, LIBSSH2_METHOD_COMP_CS,
         LIBSSH2_METHOD_COMP_SC);
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

channel_t* lib_open(client_t* c) {
  channel_t* ch = calloc(1, sizeof(*ch));

  if (ch == NULL)
    peer_failed("no memory");
  ch->c = c;
  libssh2_session_set_blocking(c->session, 1);
  ch->channel = libssh2_channel_open_session(c->session);
  if (ch->channel == NULL)
    lost(c);
  return ch;
}

void lib_ask(channel_t* ch, const char* kind, const char* text) {
  int shell = strcmp(kind, "shell") == 0;

  check(ch->c, libssh2_channel_process_startup(
                 ch->channel, kind, (unsigned) strlen(kind),
                 shell ? NULL : text, shell ? 0 : (unsigned) strlen(text)));
  libssh2_session_set_blocking(ch->c->session, 0);
}

void lib_ask_unheard(channel_t* ch, const char* command) {
  int err = 0;

  libssh2_session_set_blocking(ch->c->session, 0);
  err = libssh2_channel_exec(ch->channel, command);
  if (err < 0 && err != LIBSSH2_ERROR_EAGAIN)
    lost(ch->c);
}

static int socket_full(channel_t* ch) {
  return (libssh2_session_block_directions(ch->c->session) &
          LIBSSH2_SESSION_BLOCK_OUTBOUND) != 0;
}

void lib_turn(channel_t* ch, int moved) {
  struct pollfd ready = { .fd = ch->c->fd, .events = POLLIN };

  if (moved) {
    peer_progress(ch->c->o);
    return;
  }
  if (socket_full(ch))
    ready.events |= POLLOUT;
  poll(&ready, 1, WAIT_MS);
}

/* Nothing could be sent: 0, or -1 where a packet is half written. After its EOF
 * the server may refuse what comes. */
static int not_sent(channel_t* ch, ssize_t err) {
  if (err == LIBSSH2_ERROR_EAGAIN)
    return socket_full(ch) ? -1 : 0;
  if (!libssh2_channel_eof(ch->channel))
    lost(ch->c);
  return 0;
}

ssize_t lib_write(channel_t* ch, const void* data, size_t len) {
  ssize_t n = libssh2_channel_write_ex(ch->channel, 0, data, len);
  return n < 0 ? not_sent(ch, n) : n;
}

int lib_send_eof(channel_t* ch) {
  int err = libssh2_channel_send_eof(ch->channel);
  return err < 0 ? not_sent(ch, err) : 1;
}

ssize_t lib_read(channel_t* ch, int stream, void* out, size_t len) {
  int id = stream == 0 ? 0 : SSH_EXTENDED_DATA_STDERR;
  ssize_t n = libssh2_channel_read_ex(ch->channel, id, out, len);

  if (n > 0)
    return n;
  if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
    lost(ch->c);
  return libssh2_channel_eof(ch->channel) ? -1 : 0;
}

/* Its EOF must have been read before one can wait for its CLOSE. */
static void hear_out(channel_t* ch) {
  char data[1024];

  while (!libssh2_channel_eof(ch->channel) &&
         lib_read(ch, 0, data, sizeof(data)) >= 0)
    lib_turn(ch, 0);
}

void lib_until_closed(channel_t* ch) {
  hear_out(ch);
  libssh2_session_set_blocking(ch->c->session, 1);
  check(ch->c, libssh2_channel_wait_closed(ch->channel));
}

/* No status is 0, too. */
void lib_ending(channel_t* ch, ending_t* end) {
  char* name = NULL;
  size_t len = 0;

  memset(end, 0, sizeof(*end));
  end->told = 1;
  end->status = libssh2_channel_get_exit_status(ch->channel);
  libssh2_channel_get_exit_signal(ch->channel, &name, &len, NULL, NULL, NULL,
                                  NULL);
  if (name == NULL)
    return;
  snprintf(end->signal, sizeof(end->signal), "%.*s", (int) len, name);
  libssh2_free(ch->c->session, name);
}

void lib_close(channel_t* ch) {
  libssh2_session_set_blocking(ch->c->session, 1);
  check(ch->c, libssh2_channel_close(ch->channel));
  check(ch->c, libssh2_channel_free(ch->channel));
  free(ch);
}

void lib_leave(client_t* c, int abruptly) {
  libssh2_session_set_blocking(c->session, 1);
  if (abruptly)
    peer_reset(c->fd);
  else
    check(c, libssh2_session_disconnect(c->session, "leaving"));
}

/* ---- the program -------------------------------------------------------- */

static int run_client(client_t* c) {
  const peer_options_t* o = c->o;
  int code = 0;

  if (o->rekey || o->rekey_bytes != 0)
    peer_cannot("start an exchange");
  start(c);
  code = client_act(c, o);
  libssh2_session_set_blocking(c->session, 1);
  libssh2_session_disconnect(c->session, "done");
  return code;
}

int main(int argc, char** argv) {
  static const char* const kinds[] = { "kex", "hostkey", "cipher", "mac",
                                       "compression" };
  peer_options_t o;
  client_t c = { .o = &o };
  int code = 0;

  peer_parse(&o, argc, argv);
  if (strcmp(o.role, "server") == 0)
    peer_cannot("be a server");
  if (libssh2_init(0) != 0 || (c.session = libssh2_session_init()) == NULL)
    peer_failed("no memory");
  if (o.compression != NULL || strcmp(o.role, "list") == 0)
    libssh2_session_flag(c.session, LIBSSH2_FLAG_COMPRESS, 1);
  if (strcmp(o.role, "client") == 0)
    code = run_client(&c);
  else
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
      peer_list(kinds[i], peer_names(kinds[i]), knows, c.session);
  libssh2_session_free(c.session);
  libssh2_exit();
  return code;
}
