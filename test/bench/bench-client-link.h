/* bench-client-link.h: one connection that logs in and runs one command. */
#ifndef BENCH_CLIENT_LINK_H
#define BENCH_CLIENT_LINK_H

#include "bench-client.h"

/* So many connections that are to be there together come at the same time: a
 * server may refuse crowds that have not logged in. */
enum { LINKS_AT_ONCE = 32 };

struct link;

struct link_handlers {             /* NULL: not wanted */
  void (*on_open)(struct link* link);       /* the command waits for */
                                   /* link_exec(); NULL: it does not */
  void (*on_ready)(struct link* link);      /* the command has begun */
  void (*on_read)(struct link* link, int stream, const char* base, size_t len);
  void (*on_drain)(struct link* link);
  void (*on_done)(struct link* link);       /* the command has ended, and all */
                                   /* that it sent has come */
  void (*on_end)(struct link* link);        /* last, exactly once, also where */
                                   /* nothing began: failure says why */
};

struct link {                      /* yours, zeroed, until on_end */
  uvssh_session_t session;         /* first */
  uvssh_channel_t channel;
  uvssh_transport_t transport;
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
  } u;
  uv_connect_t connect;
  uvssh_req_t step;                /* login, open, exec: one after the other */
  const struct link_handlers* on;
  const char* command;             /* lent */
  void* data;                      /* yours */
  int exit_status;                 /* -1: none was told */
  int given;                       /* the transport, to the session */
  int leaving;                     /* what ends now ends because we want it */
  char failure[200];               /* in on_end; "": none */
};

/* Reads the key, once, before the first link. */
void link_init(void);
void link_free(void);

/* Connects, logs in, opens a session channel, runs the command. */
void link_start(struct link* link,
                uv_loop_t* loop,
                const char* command,
                const struct link_handlers* on);

/* In on_open or later. */
void link_exec(struct link* link);

/* Closes the connection; on_end follows. Twice is fine. After on_done it comes
 * by itself. */
void link_leave(struct link* link);

/* How many addresses connections come from, for so many of them. */
void link_sources(uint64_t connections);

/* A connection alone, from the next address. 0, or UV_*: the handle is to be
 * closed. */
int link_dial(uv_loop_t* loop,
              uv_tcp_t* tcp,
              uv_connect_t* req,
              uv_connect_cb cb);

#endif
