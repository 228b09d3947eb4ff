/* both.h: a server and clients of it, on one loop: what the tests of this
 * folder begin with.
 *
 *   struct both b;
 *   both_open(&b);                     settings may be changed from here on
 *   both_listen(&b);
 *   struct peer* client = both_login(&b);
 *   ...
 *   both_close(&b);
 *
 * Handlers that a test does not set say yes to everything and count what they
 * are told. both_close() closes all that is left, and checks that each object
 * had its last callback once, and that the loop can be closed.
 *
 * Never: a time that a test waits for without an event; nor does a session yield
 * because the machine is slow: the clock of lib/loop/pace.c stands still.
 */
#ifndef BOTH_H
#define BOTH_H

#include <stdlib.h>
#include <uvssh.h>
#include <uvssh/test.h>

#include "check.h"

#define PENDING 1                  /* a status that has not come */
#define PEERS_MAX 512

/* How far a client of both_client() goes by itself. */
enum goal {
  GOAL_CONNECT,                    /* to on_connect, without a session's start */
  GOAL_START,
  GOAL_LOGIN,
  GOAL_CHANNEL,
  GOAL_ASK                         /* `command` is asked for */
};

struct peer {                      /* one end of a session, in either role */
  uvssh_session_t session;         /* first: a session's pointer is its peer's */
  uvssh_channel_t channel;
  struct both* both;
  enum goal goal;
  const char* command;
  uv_connect_t connect;
  uv_tcp_t tcp;
  int has_tcp;
  uvssh_transport_t transport;
  uvssh_req_t start_req;
  uvssh_req_t auth_req;
  uvssh_req_t open_req;
  uvssh_req_t ask_req;
  uvssh_req_t relay_req;
  int connected;
  int start;                       /* the status of each, or PENDING */
  int auth;
  int open;
  int ask;
  int relay;
  int readies;                     /* how often these came */
  int closes;
  int channels;
  int channel_closes;
  int channel_status;
  uvssh_end_t end;                 /* its text is `text` */
  char text[512];
  size_t got;                      /* by peer_read() */
  ssize_t read_end;                /* 0: none yet */
  int extra;                       /* the test's own */
  void* data;
};

struct both {
  uv_loop_t loop;
  uvssh_config_t server_config;
  uvssh_config_t client_config;
  uvssh_session_handlers_t server_on;
  uvssh_session_handlers_t client_on;
  uvssh_channel_handlers_t server_channel_on;
  uvssh_channel_handlers_t client_channel_on;
  uvssh_connection_cb on_connection;
  uvssh_key_t* key;
  uvssh_server_t server;
  struct sockaddr_storage address;
  struct peer* served[PEERS_MAX];  /* in the order of accept */
  unsigned served_count;
  struct peer* clients[PEERS_MAX];
  unsigned client_count;
  int refused;                     /* connection callbacks with a failure */
  int server_closes;
  int drains;
  int rests;                       /* turns of a loop with nothing to do */
  int has_clock;
  void* data;                      /* the test's own */
};

/* Turns the loop until `cond`; fails when the loop has nothing left to do. */
#define UNTIL(b, cond)                                                        \
  while (!(cond))                                                             \
  both_turn((b), #cond)

void both_turn(struct both* b, const char* wanted);
/* Lets so much time go by; no test may ask how much it was. With both_clock()
 * it is exact, and takes none. */
void both_pass(struct both* b, uint64_t ms);
void both_open(struct both* b);
/* Behind both_open(): time goes by in both_pass() only. */
void both_clock(struct both* b);
void both_server(struct both* b);  /* init and key */
void both_listen(struct both* b);  /* that, and 127.0.0.1 on some port */
void both_close(struct both* b);

/* An object that is not started. */
struct peer* peer_new(struct both* b);
/* A client on its way; `from`: bound to this address first, or NULL. */
struct peer* both_client(struct both* b, enum goal goal);
struct peer* both_client_from(struct both* b, enum goal goal, const char* from);
/* Over something else, at both ends; given. */
struct peer* both_client_over(struct both* b,
                              enum goal goal,
                              uvssh_transport_t* transport);
struct peer* both_serve(struct both* b, uvssh_transport_t* transport);
/* The same with its goal reached, and the server's end of it. */
struct peer* both_login(struct both* b);
struct peer* both_channel(struct both* b, const char* command);
struct peer* served_last(struct both* b);
/* A client and the server over a pipe of uvssh/test.h, whose `a` is the
 * server's: transport of each. With both_clock(); has run until it rests. */
struct peer* both_joined(struct both* b,
                         enum goal goal,
                         const char* command,
                         const uvssh_test_pipe_t* options);
/* Accepts into a new peer; what both.on_connection does unless set. */
void both_accept(uvssh_server_t* server, int status);
/* A plain socket that is connected to the server; -1: errno says why. */
int both_socket(const struct both* b);

static inline struct peer* peer_of(uvssh_session_t* session) {
  return (struct peer*) (void*) session;
}

/* Handlers, which a test may call from its own. */
void peer_auth(uvssh_session_t* session,
               const uvssh_auth_t* attempt,
               uvssh_reply_t reply);
void peer_ready(uvssh_session_t* session);
void peer_channel(uvssh_session_t* session,
                  const uvssh_channel_open_t* ask,
                  uvssh_reply_t reply);
void peer_close(uvssh_session_t* session, const uvssh_end_t* end);
/* "echo": the channel to itself; "read": peer_read(); else nothing. */
void peer_request(uvssh_channel_t* channel,
                  const uvssh_channel_request_t* ask,
                  uvssh_reply_t reply);
void peer_channel_close(uvssh_channel_t* channel, int status);
void peer_read(uvssh_channel_t* channel,
               int stream,
               ssize_t nread,
               const uv_buf_t* buf);
void both_on_server_close(uvssh_server_t* server);

#endif
