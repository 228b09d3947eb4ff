/* micro-pair.h: a server and a client in memory, over test/lib/pipe.h, and how
 * long each of them takes: no socket, no kernel, no clock of theirs.
 *
 *   struct pair* p = pair_new();
 *   p->config.ciphers = "aes256-gcm@openssh.com";
 *   pair_login(p, "noop");        from the first byte until the client has gone
 *   ... p->server_ns, p->client_ns
 *   pair_login(p, NULL);          until both are logged in, with a channel
 *   pair_leave(p);
 *   pair_free(p);
 *
 * What one has sent is decrypted where it was written, as it is where a socket
 * was read into a buffer of the loop. Whatever goes wrong ends the program.
 */
#ifndef MICRO_PAIR_H
#define MICRO_PAIR_H

#include "pipe.h"

struct pair {
  struct pipe pipe;
  uvssh_config_t config;           /* of both, from the next login on */
  uvssh_key_t* user_key;
  uvssh_channel_t served;          /* the server's end */
  uvssh_channel_t asked;           /* the client's */
  const char* command;             /* NULL: none, and it stays */
  uvssh_req_t step;
  uint64_t bytes_read;             /* by the server's channel */
  uint64_t requests;               /* it was asked for */
  int exit_status;                 /* -1: not told yet */
  int done;                        /* what was wanted of pair_login() */
  double server_ns;                /* since the pair is new; */
  double client_ns;                /* set them to 0 when you like */
};

struct pair* pair_new(void);
void pair_free(struct pair* p);
/* Curve25519, an Ed25519 host key, an Ed25519 user key, a session channel; with
 * a command: exec, exit status, close, disconnect. */
void pair_login(struct pair* p, const char* command);
/* Both are closed, whatever they were about. */
void pair_leave(struct pair* p);

/* What the server writes now is dropped; so many bytes. */
size_t pair_drop_output(struct pair* p);
/* The client's transport seals one message. */
void pair_say(struct pair* p, const uint8_t* payload, size_t len);
/* What it has sealed, appended at out; returns how much. */
size_t pair_take(struct pair* p, uint8_t* out, size_t room);

#endif
