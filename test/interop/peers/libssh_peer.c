/* libssh_peer.c: libssh by the contract of README.md: the program, and what its
 * client (libssh_client.c) and its server (libssh_server.c) share.
 *
 * What it cannot: start one exchange on demand, close a channel without EOF
 * before (libssh sends it by itself), tell how often keys were exchanged. */
#include "libssh_peer.h"

#include <string.h>

int piece_write(piece_t* piece, ssh_session session, ssh_channel channel) {
  uint32_t window = ssh_channel_window_size(channel);
  size_t len = piece->len - piece->at;
  int n = 0;

  if (len == 0 || window == 0 ||
      (ssh_get_status(session) & SSH_WRITE_PENDING) != 0)
    return 0;
  if (len > window)
    len = window;
  n = ssh_channel_write(channel, piece->bytes + piece->at, (uint32_t) len);
  if (n <= 0)
    return 0;
  piece->at += (size_t) n;
  return 1;
}

int session_ended(ssh_session session) {
  return (ssh_get_status(session) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0;
}

int knows(void* arg, const char* kind, const char* name) {
  enum ssh_options_e option =
    strcmp(kind, "kex") == 0       ? SSH_OPTIONS_KEY_EXCHANGE
    : strcmp(kind, "hostkey") == 0 ? SSH_OPTIONS_HOSTKEYS
    : strcmp(kind, "cipher") == 0  ? SSH_OPTIONS_CIPHERS_C_S
    : strcmp(kind, "mac") == 0     ? SSH_OPTIONS_HMAC_C_S
                                   : SSH_OPTIONS_COMPRESSION_C_S;
  ssh_session session = ssh_new();
  int ok = session != NULL && ssh_options_set(session, option, name) == SSH_OK;

  ssh_free(session);
  return ok;
}

void tell_negotiated(const peer_options_t* o,
                     ssh_session session,
                     ssh_key key) {
  enum ssh_keytypes_e type = ssh_key_type(key);
  const char* name = ssh_key_type_to_char(type);

  if (o->hostkey != NULL && strchr(o->hostkey, ',') == NULL)
    name = o->hostkey;
  else if (type == SSH_KEYTYPE_RSA)
    name = NULL;
  peer_negotiated(ssh_get_kex_algo(session), name, ssh_get_cipher_in(session),
                  ssh_get_hmac_in(session));
}

int main(int argc, char** argv) {
  static const char* const kinds[] = { "kex", "hostkey", "cipher", "mac",
                                       "compression" };
  peer_options_t o;

  peer_parse(&o, argc, argv);
  ssh_init();
  if (strcmp(o.role, "list") == 0) {
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
      peer_list(kinds[i], peer_names(kinds[i]), knows, NULL);
    return 0;
  }
  peer_each("kex", o.kex, knows, NULL);
  peer_each("hostkey", o.hostkey, knows, NULL);
  peer_each("cipher", o.cipher, knows, NULL);
  peer_each("mac", o.mac, knows, NULL);
  peer_each("compression", o.compression, knows, NULL);
  return strcmp(o.role, "client") == 0 ? run_client(&o) : run_server(&o);
}
