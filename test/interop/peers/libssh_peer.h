/* libssh_peer.h: what the client and the server on libssh share. */
#ifndef LIBSSH_PEER_H
#define LIBSSH_PEER_H

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include "peer.h"

enum { PIECE = 32 * 1024, WAIT_MS = 20 };

typedef struct {                   /* bytes on their way to a channel */
  uint8_t bytes[PIECE];
  size_t at, len;
} piece_t;

/** Write what the window and the socket take now. 1: something has moved. */
int piece_write(piece_t* piece, ssh_session session, ssh_channel channel);

/** Is it the last that will come from it? */
int session_ended(ssh_session session);

/** A name that libssh can be told to use. */
int knows(void* arg, const char* kind, const char* name);

/** The line of stderr. key: the host key; with an RSA key and a free choice of
 * signatures nobody tells which. */
void tell_negotiated(const peer_options_t* o, ssh_session session, ssh_key key);

/** libssh_client.c, libssh_server.c; return: the exit status. */
int run_client(const peer_options_t* o);
int run_server(const peer_options_t* o);

#endif
