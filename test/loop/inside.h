/* inside.h: a talk between a client and a server with every kind of callback in
 * it, and the place where the test does something inside one of them.
 *
 * A new callback is a row of POINTS and an at() where it comes; a new way to
 * end or to call something is a row of acts (inside_act.c). */
#ifndef INSIDE_H
#define INSIDE_H

#include "both.h"

/* Its name here, and in include/: a typedef, or a member of a struct. */
#define POINTS(XX)                                                            \
  XX(CONNECTION, "uvssh_connection_cb")                                       \
  XX(SERVER_AUTH, "on_auth")                                                  \
  XX(SERVER_READY, "on_ready")                                                \
  XX(SERVER_GLOBAL, "on_request")                                             \
  XX(SERVER_CHANNEL, "on_channel")                                            \
  XX(SERVER_OPEN, "uvssh_req_cb")                                             \
  XX(SERVER_REQUEST, "on_request")                                            \
  XX(SERVER_READ, "uvssh_read_cb")                                            \
  XX(SERVER_READ_END, "uvssh_read_cb")                                        \
  XX(SERVER_DRAIN, "on_drain")                                                \
  XX(SERVER_WRITE, "uvssh_req_cb")                                            \
  XX(SERVER_RELAY, "uvssh_req_cb")                                            \
  XX(SERVER_CHANNEL_CLOSE, "on_close")                                        \
  XX(SERVER_CLOSE, "on_close")                                                \
  XX(SERVER_DRAINED, "uvssh_server_cb")                                       \
  XX(SERVER_CLOSED, "uvssh_server_cb")                                        \
  XX(CLIENT_HOSTKEY, "on_hostkey")                                            \
  XX(CLIENT_BANNER, "on_banner")                                              \
  XX(CLIENT_HOSTKEYS, "on_hostkeys")                                          \
  XX(CLIENT_START, "uvssh_req_cb")                                            \
  XX(CLIENT_SIGN, "uvssh_sign_cb")                                            \
  XX(CLIENT_KEY, "uvssh_req_cb")                                              \
  XX(CLIENT_RELEASE, "release")                                               \
  XX(CLIENT_PROMPT, "on_prompt")                                              \
  XX(CLIENT_AUTH, "uvssh_req_cb")                                             \
  XX(CLIENT_READY, "on_ready")                                                \
  XX(CLIENT_CHANNEL, "on_channel")                                            \
  XX(CLIENT_OPEN, "uvssh_req_cb")                                             \
  XX(CLIENT_GLOBAL, "uvssh_req_cb")                                           \
  XX(CLIENT_REQUEST, "uvssh_req_cb")                                          \
  XX(CLIENT_POST, "uvssh_post_cb")                                            \
  XX(CLIENT_EXIT, "on_request")                                               \
  XX(CLIENT_READ, "uvssh_read_cb")                                            \
  XX(CLIENT_READ_END, "uvssh_read_cb")                                        \
  XX(CLIENT_WRITE, "uvssh_req_cb")                                            \
  XX(CLIENT_SHUTDOWN, "uvssh_req_cb")                                         \
  XX(CLIENT_REKEY, "uvssh_req_cb")                                            \
  XX(CLIENT_CHANNEL_CLOSE, "on_close")                                        \
  XX(CLIENT_CLOSE, "on_close")                                                \
  XX(OWN_READ_START, "read_start")                                            \
  XX(OWN_READ_STOP, "read_stop")                                              \
  XX(OWN_WRITE, "write")                                                      \
  XX(OWN_CLOSE, "close")                                                      \
  XX(OWN_PEERNAME, "peername")

enum point {
#define XX(name, type) AT_##name,
  POINTS(XX)
#undef XX
  POINTS,
  AT_NOTHING
};

enum way {                         /* how the client comes */
  OVER_OWN,                        /* a transport of the test, step by step */
  BY_LOGIN,                        /* uvssh_client_login(), over TCP */
  WAYS
};

struct act {
  const char* name;
  void (*run)(struct both* b, struct peer* p);
  int takes_server;                /* the server is closed by it */
  int goes_on;                     /* nothing ends by it */
};

extern const struct act acts[];
extern const unsigned act_count;

/* What the talk is about now. */
struct talk {
  enum way way;
  enum point where;
  const struct act* what;
  unsigned turn;                   /* with AT_NOTHING: so many turns first; */
                                   /* AT_CONNECTION, 1: before the accept */
  int at_server;                   /* with AT_NOTHING: at the served end */
  int acted;
  int shut;                        /* the server, so many times */
  int over;                        /* closing what is left */
  char id_file[300];               /* a key for the login */
};
extern struct talk talk;

const char* point_name(enum point point);
/* One whole talk; checks that each callback came once, and the loop's end. */
void talk_all(void);
void at(struct peer* p, enum point point);
/* `extra`: the session was closed here: it must not be asked again. */
void close_it(struct peer* p);
struct peer* other_end(struct peer* p);
void talk_on_drained(uvssh_server_t* server);
void talk_on_closed(uvssh_server_t* server);

/* Every function that may be called inside callbacks, but those that end
 * something; and the end of what it has begun. */
void call_everything(struct both* b, struct peer* p);
void call_begin(void);
void call_end(void);
int call_has_ended(void);

/* inside_own.c: a transport as a user writes it, over a socket. */
int own_connect(struct both* b,
                struct peer* p,
                void (*connected)(struct peer*));
void own_close_unused(struct peer* p);

#endif
