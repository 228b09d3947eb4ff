/* app.h: a server and a client for tests, over a pipe: they say yes to
 * everything, and note what happened.
 *
 *   struct app* a = app_new();
 *   a->client_config.ciphers = "aes256-ctr";
 *   app_login(a);                    both sides are ready
 *   app_channel(a, 0);               a->asked[0] is open, a->served[0] too
 *   CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, "x", 1), 0);
 *   pipe_run(&a->pipe);
 *   CHECK_STR(a->log, "...");
 *   app_end(a);
 *
 * A test changes the configs and the handlers before app_login(), and the
 * `say` members at any time. app_script() is a whole session, for those who
 * disturb it (app_script.c). What is sent with app_pattern() is checked byte
 * for byte where it is read.
 */
#ifndef APP_H
#define APP_H

#include "pipe.h"

#define APP_CHANNELS 8
#define APP_REQUESTS 24

enum say { SAY_YES, SAY_NO, SAY_NOTHING };

struct app_req {                   /* a request, and what became of it */
  uvssh_req_t req;
  struct app* app;
  const char* name;                /* NULL: not in the log */
  int done;
  int status;
  int refused;                     /* by the call itself: it will not be done */
  uint64_t begun;                  /* what its session had read when it began */
  uint64_t heard;                  /* ... and when it was done, */
  uint64_t said;                   /* what it had sealed then, */
  unsigned stage;                  /* and where the script was */
};

struct app_channel {
  uvssh_channel_t pub;
  struct app* app;
  char name[4];                    /* "s0": a server's; "c0" */
  int in_use;
  int closes;
  int status;                      /* of on_close */
  uint64_t heard;                  /* what its session had read by then, */
  unsigned stage;                  /* and where the script was */
  size_t got[2];                   /* bytes read, by stream */
  int pattern;                     /* they are app_pattern()'s */
  char text[2][64];                /* the first of them */
  int stop_after;                  /* read_stop once so much was read; 0 */
  int ends;                        /* the reader was told the end ... */
  ssize_t end;                     /* ... by this */
  int drains;
  uint32_t exit_status;
  uvssh_reply_t reply;             /* of the last request */
  struct app_req open;
};

struct app {
  struct pipe pipe;
  uvssh_config_t server_config;
  uvssh_config_t client_config;
  uvssh_session_handlers_t on_server;
  uvssh_session_handlers_t on_client;
  uvssh_channel_handlers_t on_served;
  uvssh_channel_handlers_t on_asked;
  enum say say_auth;
  enum say say_channel;
  enum say say_request;
  int read_served;                 /* served channels are read at once */
  int partial;                     /* a password is half of a login */
  unsigned method;                 /* UVSSH_AUTH_*: how to log in */
  uvssh_key_t* user_key;
  uvssh_reply_t auth_reply;        /* the last one */
  uvssh_reply_t channel_reply;
  uvssh_reply_t global_reply;
  unsigned auths;
  int server_ready;
  int client_ready;
  unsigned served_count;
  struct app_channel served[APP_CHANNELS];
  struct app_channel asked[APP_CHANNELS];
  struct app_req login;
  int tolerant;                    /* calls may fail: it is disturbed */
  unsigned refused;                /* ... and these have */
  /* At the start of every callback; or NULL. */
  void (*on_any)(struct app* a, uvssh_session_t* session,
                 uvssh_channel_t* channel);
  unsigned callbacks;              /* so far */
  size_t unit;                     /* app_script() sends so many pieces of */
                                   /* data for one; 0: 1000 */
  int patient;                     /* where bytes are lost it goes no */
                                   /* further, nor says that it leaves */
  unsigned stage;                  /* it is in; 0: not begun */
  struct app_req reqs[APP_REQUESTS];   /* of app_script() */
  unsigned req_count;
  void* data;                      /* the test's */
  char log[16384];                 /* "auth none; ready; ..." of the server, */
                                   /* and of channels by name */
};

struct app* app_new(void);
/* Both sessions, not yet run. */
void app_open(struct app* a);
/* Runs until the key exchange is done and the client may log in. */
void app_start(struct app* a);
/* One attempt by a->method; runs. */
void app_attempt(struct app* a, const char* user);
/* All of it; both are ready then. */
void app_login(struct app* a);
/* Opens asked[i], which becomes served[i]; runs. */
void app_channel(struct app* a, unsigned i);
/* A session from the first byte to the last: a login by password and key, a
 * command with data both ways, an exchange of keys from either side, an echo,
 * the end. Sets `tolerant`; what it asks for is in reqs. Then all must be over,
 * and have completed once. */
void app_script(struct app* a);
/* All of it was done, by either side. */
int app_script_is_complete(const struct app* a);
/* Back to before it, with key and configs as they are. */
void app_script_again(struct app* a);
/* Closes and frees. */
void app_end(struct app* a);
/* What it has read so far; 0: it is over. */
uint64_t app_heard(const uvssh_session_t* session);
struct app* app_of(const uvssh_session_t* session);

void app_note(struct app* a, const char* format, ...)
    __attribute__((format(printf, 2, 3)));
void app_log_clear(struct app* a);

/* A request that is noted; the name goes into the log when it is done. */
uvssh_req_t* app_req(struct app* a, struct app_req* r, const char* name);
void app_done(uvssh_req_t* req, int status);
/* A call of the library came to this: 0, unless `tolerant`. */
void app_tried(struct app* a, int err);
/* A channel that is about to be; 's' or 'c', for its name. */
void app_channel_begin(struct app* a,
                       struct app_channel* ch,
                       char role,
                       unsigned i);
void app_opened(uvssh_req_t* req, int status);

/* Byte i of a stream, and n of them from i on. */
uint8_t app_byte(size_t i);
void app_pattern(uint8_t* out, size_t i, size_t n);

/* Sends n pattern bytes through a channel, as fast as it takes them; the other
 * side reads and checks them. */
void app_transfer(struct app_channel* from, struct app_channel* to, size_t n);
void app_read(uvssh_channel_t* channel,
              int stream,
              ssize_t nread,
              const uv_buf_t* buf);

#endif
