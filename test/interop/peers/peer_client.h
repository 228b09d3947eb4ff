/* peer_client.h: what a client does by the contract of README.md, once for the
 * libraries that are used from C. The actions are in peer_client.c; what only
 * the library can do is behind lib_*(), which the file of each library has.
 *
 * All of lib_*() end the process (peer.h) where the connection is lost. */
#ifndef PEER_CLIENT_H
#define PEER_CLIENT_H

#include "peer.h"

typedef struct client client_t;    /* logged in; the library's */
typedef struct channel channel_t;  /* a session channel; the library's */

typedef struct {                   /* how a command has ended */
  int told;                        /* a status has come, or nobody can tell */
  int status;                      /* -1: none */
  char signal[32];                 /* "": none */
} ending_t;

/** Do what the options ask for; return: the exit status. */
int client_act(client_t* c, const peer_options_t* o);

/* ---- what each library has ---------------------------------------------- */

channel_t* lib_open(client_t* c);

/** exec, shell or subsystem; until it is answered. */
void lib_ask(channel_t* ch, const char* kind, const char* text);

/** An exec whose answer is not waited for, where the library can. */
void lib_ask_unheard(channel_t* ch, const char* command);

/** How much of it was taken; 0: nothing now; -1: nothing, and nothing may be
 * read either until the socket takes more. */
ssize_t lib_write(channel_t* ch, const void* data, size_t len);

/** 1: EOF is sent; 0 and -1 as above. */
int lib_send_eof(channel_t* ch);

/** What has come on stdout (0) or stderr (1); 0: nothing yet; -1: the end. */
ssize_t lib_read(channel_t* ch, int stream, void* out, size_t len);

/** One turn; waits only where nothing has moved. */
void lib_turn(channel_t* ch, int moved);

/** Until the other side has closed; what else comes on stdout is dropped. */
void lib_until_closed(channel_t* ch);

/** After lib_until_closed(). */
void lib_ending(channel_t* ch, ending_t* end);

/** Close it, hear the other side close it, and free it. */
void lib_close(channel_t* ch);

/** Leave the server with DISCONNECT, or without a word. */
void lib_leave(client_t* c, int abruptly);

#endif
