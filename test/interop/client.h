/* client.h: what the files of the test client share. */
#ifndef CLIENT_H
#define CLIENT_H

#include <sodium.h>
#include <uvssh.h>

typedef struct client_s client_t;

enum {                             /* exit status, peers/README.md */
  EXIT_UNEXPECTED = 1,
  EXIT_USAGE = 2,
  EXIT_NO_STATUS = 254,
  EXIT_FAILED = 255,
  EXIT_TIMEOUT = 124
};

/* One channel and the program that runs in it; hooks may be NULL. */
typedef struct {
  uvssh_request_type type;         /* EXEC, SHELL, SUBSYSTEM */
  const char* what;                /* command or subsystem */
  void (*on_asked)(client_t* c);   /* the request has been sent */
  void (*on_started)(client_t* c); /* and accepted */
  void (*on_data)(client_t* c, int stream, const uv_buf_t* buf);
  void (*on_eof)(client_t* c);
  void (*on_closed)(client_t* c);
} talk_t;

typedef struct {
  const char* name;
  int arguments;
  void (*start)(client_t* c, const char* argument);
} action_t;

typedef struct {
  uvssh_config_t config;
  const char* host;
  unsigned port;
  const char* user;
  const char* password;
  const char* key;                 /* file */
  const char* known;               /* fingerprint of the host key */
  const char* log;                 /* "error", "info", "packet" */
  unsigned patience;               /* seconds */
  int rekey;
  const action_t* action;
  const char* argument;
} options_t;

struct client_s {
  uv_loop_t* loop;
  options_t opts;
  uvssh_session_t ssh;
  uvssh_req_t req;                 /* login, then channel requests */
  uvssh_req_t rekey;
  uvssh_key_t* key;
  uv_timer_t patience;
  const char* where;               /* what is waited for, for `timeout:` */
  int status;                      /* to exit with */
  int ending;                      /* our disconnect or close is under way */
  void (*on_end)(client_t* c);     /* told before the loop runs out; or NULL */

  uvssh_channel_t channel;         /* of the talk */
  talk_t talk;
  int has_status;
  uint32_t exit_status;
  char exit_signal[32];            /* "" for none */
};

/* client-options.c */
void options_parse(options_t* opts, int argc, char** argv);
void options_usage(void);

/* client-list.c */
int list_algorithms(void);

/* interop-client.c */

/** Something has moved: patience begins anew. */
void client_moves(client_t* c, const char* where);

/** Say a last line and leave with this status; the first one counts. */
void client_fail(client_t* c, int status, const char* kind, const char* why);

/** All is done: disconnect in peace, and leave with this status. */
void client_leave(client_t* c, int status);

/** The session goes as it is, without a word. */
void client_abort(client_t* c, int status);

/* client-talk.c */

/** Open a channel and ask. Failures leave with 255. */
void talk_begin(client_t* c, const talk_t* talk);

/** on_closed: 0 where the program ended with this status, or a failure. */
int talk_ended(client_t* c, uint32_t exit_status);

/* client-copy.c */
void copy_exec(client_t* c, const char* command);
void copy_shell(client_t* c, const char* none);
void copy_subsystem(client_t* c, const char* name);

/* client-transfer.c */
void transfer_up(client_t* c, const char* bytes);
void transfer_down(client_t* c, const char* bytes);
void transfer_both(client_t* c, const char* bytes);

/* client-close.c */
void close_by(client_t* c, const char* how);

#endif
