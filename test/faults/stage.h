/* stage.h: a server and its clients that a call may fail under.
 *
 * Everything that can go wrong is told to the stage, and ends what it was told
 * of; nothing is asserted but what holds always: a callback comes once for each
 * request that was taken, on_close once for each session and channel, what said
 * no has begun nothing and works when it is asked again.
 *
 * The talk of a client: log in (known_hosts, key files, a password in reserve);
 * a channel; a command; a write and a shutdown; bytes from another thread;
 * echo; a channel the other way; a global request; keys again. Then the server
 * shuts down, keepalives come meanwhile, and disconnects the client.
 *
 * Time is the stage's: it goes on to the next deadline when nothing moves any
 * more. A time is asserted nowhere.
 */
#ifndef STAGE_H
#define STAGE_H

#include <uvssh.h>
#include <uvssh/test.h>

#include "calls.h"

enum { SIDES = 8, CODES = 64 };

struct ask {                       /* a request that may have been taken */
  uvssh_req_t req;
  int begun;
  int done;
  int status;
};

struct stage;

struct side {                      /* one end of a session */
  uvssh_session_t session;         /* first */
  struct stage* stage;
  int is_client;
  int is_base;                     /* not over a channel */
  struct side* above;              /* the session over `jump` */
  int in_use;                      /* its on_close has to come */
  int closes;
  uvssh_end_t end;
  uvssh_transport_t transport;
  union {
    uv_handle_t handle;
    uv_pipe_t pipe;
  } in, out;                       /* given to it */
  uvssh_channel_t channel;         /* the client's */
  uvssh_channel_t back;            /* the server's */
  uvssh_channel_t jump;            /* the one that the next session is over */
  int channel_opens, channel_closes, channel_status;
  int back_opens, back_closes;
  int jump_opens, jump_closes;
  struct ask login, open, exec, write, eof, global, rekey;
  struct ask back_open, back_write, jump_open;
  size_t got, back_got;
  int exit_seen;
  int posted, post_ran;
  int talked;                      /* all of its talk */
};

struct scene {                     /* one way to get from here to there */
  const char* name;
  void (*listen)(struct stage* s); /* the server, made and waiting */
  void (*prepare)(struct stage* s, struct side* client);
  void (*begin)(struct stage* s, struct side* client);
  unsigned crowd;                  /* of calls_crowd() */
  unsigned patience;               /* turns without anything, before and */
  unsigned patience_later;         /* after login: time goes on */
  int goes_on;                     /* over a channel, one session more */
  const enum call* only;           /* NULL: all; ends in CALLS */
  uint64_t drain_ms;               /* how long the server waits at the end */
};

struct stage {
  const struct scene* scene;
  uv_loop_t loop;
  uvssh_config_t config;
  uvssh_session_handlers_t server_on, client_on;
  uvssh_channel_handlers_t channel_on;
  uvssh_server_t server;
  int server_closes;
  int drains;
  uv_pipe_t listener;
  struct sockaddr_storage address;
  char folder[256];
  char host_key[300], id[300], known[300], socket[300];
  uvssh_known_hosts_t* hosts;
  struct side* sides[SIDES];
  unsigned side_count;
  int codes[CODES];                /* all that was told and is no 0 */
  unsigned code_count;
  unsigned events;                 /* callbacks */
  unsigned turns, idle, steps;
  int logged_in;                   /* who came last */
  int quiet;                       /* only time can bring something */
};

#define STAGE_UNTIL(s, cond)                                                  \
  while (!(cond))                                                             \
  stage_turn((s), #cond)

/* A call that fails is one that has begun nothing: it is made once more. */
#define STAGE_AGAIN(s, call)                                                  \
  do {                                                                        \
    if (stage_tell((s), (call)) != 0)                                         \
      CHECK_EQ((call), 0);                                                    \
  } while (0)

void stage_turn(struct stage* s, const char* wanted);
/* Keeps the code, and hands it on. */
int stage_tell(struct stage* s, int code);
int stage_was_told(const struct stage* s, int code);

void stage_open(struct stage* s, const struct scene* scene);
/* A client begins its talk; set_pause(1) to (0): what the test itself needs. */
struct side* stage_come(struct stage* s, void (*set_pause)(int));
/* 1: it has talked, with whom is above it; 0: it has ended. */
int stage_talk(struct stage* s, struct side* client);
/* The server is shut down, and the client goes. */
void stage_leave(struct stage* s, struct side* client);
/* Checks all that holds always. */
void stage_close(struct stage* s);

struct side* side_new(struct stage* s, int is_client);
/* Logs in, over `transport` or to `host`. */
int side_login(struct side* client,
               const char* host,
               uvssh_transport_t* transport);
void side_serve(struct side* served, uvssh_transport_t* transport);
void side_handlers(struct stage* s);
/* The client said and heard all it had to. */
void side_check(const struct side* client);

void stage_on_connection(uvssh_server_t* server, int status);
void stage_on_drained(uvssh_server_t* server);
void stage_on_closed(uvssh_server_t* server);

/* `jump` of this side is open. */
void scene_go_on(struct side* p);

extern const struct scene scene_tcp, scene_stream, scene_pair, scene_command,
    scene_jump;

#endif
