/* loops.c: one port, several loops, each in a thread of its own. Whoever comes
 * is told which loop it is, and gets every byte back.
 *
 * usage: loops [PORT [HOST_KEY_FILE [LOOPS]]]     then: ssh -p 2222 127.0.0.1
 *
 * Any key whose owner signs may come in. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uvssh.h>

/* BEGIN worker */
enum { LOOPS = 64 };

/* What a loop has for itself: nothing in here needs a lock. */
typedef struct {
  uvssh_server_t server;
  unsigned number;
  unsigned sessions;
} worker_t;

/* What all have: nothing of it is changed once they run, but each worker by its
 * own loop. */
static struct {
  worker_t workers[LOOPS];
  const char* host_key;
  uv_signal_t signals[2];          /* on the first loop */
  int port;
} all;
/* END worker */

/* ---- A session: it stays on the loop that it came to --------------------- */

typedef struct {
  uvssh_session_t session;
  uvssh_channel_t channel;
  uvssh_req_t req;
  worker_t* worker;
  unsigned number;
} peer_t;

static void on_eof(uvssh_req_t* req, int status) {
  uvssh_channel_exit(req->channel, status == 0 ? 0 : 1, 0);
}

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  peer_t* peer = channel->session->data;
  char line[64];

  uvssh_reply_accept(reply);
  if (ask->type != UVSSH_REQUEST_SHELL && ask->type != UVSSH_REQUEST_EXEC)
    return;
  if (uvssh_channel_relay(&peer->req, channel, channel, on_eof) != 0)
    return;
  snprintf(line, sizeof(line), "loop %u: session %u\r\n",
           peer->worker->number, peer->number);
  uvssh_channel_send(channel, UVSSH_STDERR, line, strlen(line));
}

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* ask,
                       uvssh_reply_t reply) {
  static const uvssh_channel_handlers_t handlers = { .on_request = on_request };
  peer_t* peer = session->data;

  uvssh_channel_accept(reply, &peer->channel, &handlers);
}

static void on_auth(uvssh_session_t* session, const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  uvssh_reply_accept(reply);
}

static void on_close(uvssh_session_t* session, const uvssh_end_t* end) {
  free(session->data);
}

/* BEGIN connection */
static void on_connection(uvssh_server_t* server, int status) {
  static const uvssh_session_handlers_t handlers = {
    .on_auth = on_auth, .on_channel = on_channel, .on_close = on_close
  };
  peer_t* peer = status == 0 ? calloc(1, sizeof(*peer)) : NULL;

  if (peer == NULL)
    return;
  peer->session.data = peer;
  peer->worker = server->data;
  peer->number = ++peer->worker->sessions;
  if (uvssh_server_accept(server, &peer->session, &handlers) != 0)
    free(peer);
}
/* END connection */

/* ---- The loops ----------------------------------------------------------- */

/* BEGIN signal */
static void on_signal(uv_signal_t* handle, int signum) {
  uvssh_loops_stop(handle->data);
}

static void watch_signals(uvssh_loops_t* loops, uv_loop_t* loop) {
  static const int signums[] = { SIGINT, SIGTERM };
  int i;

  for (i = 0; i < 2; i++) {
    uv_signal_init(loop, &all.signals[i]);
    uv_signal_start(&all.signals[i], on_signal, signums[i]);
    uv_unref((uv_handle_t*) &all.signals[i]);
    all.signals[i].data = loops;
  }
}
/* END signal */

/* BEGIN begin */
/* In the thread of loop `index`; the next one begins when this returns, so it
 * finds the key that the first has made, and the port that it was given. */
static int begin(uvssh_loops_t* loops, unsigned index, uv_loop_t* loop) {
  worker_t* worker = &all.workers[index];
  struct sockaddr_in name;
  int len = sizeof(name);
  int err = uvssh_server_init(loop, &worker->server, NULL);

  worker->server.data = worker;
  worker->number = index;
  if (err == 0)
    err = uvssh_server_add_key_file(&worker->server, all.host_key);
  if (err == 0)
    err = uvssh_loops_listen(loops, &worker->server, "127.0.0.1", all.port,
                             on_connection);
  if (err != 0 || index != 0)
    return err;
  watch_signals(loops, loop);
  err = uvssh_server_getsockname(&worker->server, (struct sockaddr*) &name,
                                 &len);
  all.port = ntohs(name.sin_port);           /* it was 0: any */
  return err;
}

static void on_empty(uvssh_server_t* server) {
  uvssh_server_close(server, NULL);
}

/* In that thread, too: for each stop, so the second one does not wait; and
 * where begin() failed: then the server may not be open, which is harmless. */
static void end(uvssh_loops_t* loops, unsigned index, uv_loop_t* loop) {
  uvssh_server_t* server = &all.workers[index].server;

  if (uvssh_server_shutdown(server, 1000, on_empty) != 0)
    uvssh_server_close(server, NULL);
}
/* END begin */

/* ---- Around it: arguments ------------------------------------------------ */

static int number(const char* text, long least, long most) {
  char* rest;
  long n = strtol(text, &rest, 10);

  return *text == '\0' || *rest != '\0' || n < least || n > most ? -1 : (int) n;
}

int main(int argc, char** argv) {
  static uvssh_loops_t loops;
  int port = argc > 1 ? number(argv[1], 0, 65535) : 2222;
  int count = argc > 3 ? number(argv[3], 1, LOOPS) : 2;
  int err;

  if (argc > 4 || port < 0 || count < 0) {
    fprintf(stderr, "usage: loops [PORT [HOST_KEY_FILE [LOOPS]]]; PORT is "
                    "0..65535, LOOPS 1..%d\n", LOOPS);
    return 2;
  }
  all.port = port;
  all.host_key = argc > 2 ? argv[2] : "host_key";
  /* BEGIN main */
  err = uvssh_loops_start(&loops, (unsigned) count, begin, end);
  if (err != 0) {
    fprintf(stderr, "loops: port %d, host key %s: %s\n", port, all.host_key,
            uvssh_strerror(err));
    return 1;
  }
  printf("loops: %u of them; ssh -p %d 127.0.0.1\n", loops.count, all.port);
  fflush(stdout);
  return uvssh_loops_join(&loops) != 0;      /* until the end */
  /* END main */
}
