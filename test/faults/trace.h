/* trace.h: what app_script() says in each direction, byte for byte, and so how
 * it has to end where its wire is cut at one of them.
 *
 *   struct trace t;
 *   trace_make(&t, NULL);            two undisturbed runs
 *   a = trace_app(NULL); ... app_script(a);
 *   trace_check(&t, a, 1, n, UV_EOF);   the server's byte n did not arrive
 *
 * Nothing here knows the script: every message of it is noted with where it
 * lies and what its sender had read when it was sent. So a new stage, message
 * or request joins by itself. Who had read a message whole has answered it; who
 * has not waits for it, until the wire ends or its own deadline.
 */
#ifndef TRACE_H
#define TRACE_H

#include "app.h"

#define TRACE_MESSAGES 256

struct trace_message {
  uint8_t number;                  /* 0: the identification */
  unsigned stage;                  /* of the script */
  uint64_t start;
  uint64_t end;
  uint64_t cause;                  /* what its sender had read by then */
};

struct trace_wire {                /* what one side sends */
  struct trace_message message[TRACE_MESSAGES];
  unsigned count;
  uint64_t total;
};

struct trace_thing {               /* a request, or a channel's on_close */
  int in_use;
  int by_server;
  int status;
  uint64_t heard;                  /* what its session had read when it was */
  unsigned stage;                  /* over, and where the script was */
  uint64_t taken;                  /* the transport had to take so much for */
                                   /* it; 0: the peer's answer tells that */
};

struct trace {
  struct trace_wire wire[2];       /* 0: the server's, 1: the client's */
  struct trace_thing request[APP_REQUESTS];
  struct trace_thing served[APP_CHANNELS];
  struct trace_thing asked[APP_CHANNELS];
  struct app* app;                 /* while it is made */
};

/* The script with little data, patient, and a different time for each deadline
 * of each side. cipher: its name; NULL: the default. */
struct app* trace_app(const char* cipher);
void trace_make(struct trace* t, const char* cipher);

/* The script has run, and byte n of one side, and all behind it, did not
 * arrive. status: what the side that sent it was told of its wire; 0: nothing,
 * nor was the other. Checks how both ended, and all that they had asked. */
void trace_check(const struct trace* t,
                 const struct app* a,
                 int of_server,
                 uint64_t n,
                 int status);
/* The last byte that is worth to be cut. */
uint64_t trace_total(const struct trace* t, int of_server);
/* "in USERAUTH_REQUEST 1", for NOTE(). */
const char* trace_where(const struct trace* t, int of_server, uint64_t n);

#endif
