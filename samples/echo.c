/* echo.c: every byte comes back, however slowly its sender reads.
 *
 * usage: echo [PORT [HOST_KEY_FILE]]     then: ssh -p 2222 127.0.0.1 < file
 *
 * Any key whose owner signs may come in. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <uvssh.h>

/* ---- The echo: eight calls ----------------------------------------------- */

/* BEGIN echo */
/* BEGIN channels */
typedef struct {
  uvssh_session_t session;
  uvssh_channel_t channel;
  uvssh_req_t req;
} peer_t;

static void on_eof(uvssh_req_t* req, int status) {
  uvssh_channel_exit(req->channel, status == 0 ? 0 : 1, 0);
}

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  peer_t* peer = channel->session->data;

  uvssh_reply_accept(reply);
  if (ask->type == UVSSH_REQUEST_SHELL || ask->type == UVSSH_REQUEST_EXEC)
    uvssh_channel_relay(&peer->req, channel, channel, on_eof);
}

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* ask,
                       uvssh_reply_t reply) {
  static const uvssh_channel_handlers_t handlers = { .on_request = on_request };
  peer_t* peer = session->data;

  uvssh_channel_accept(reply, &peer->channel, &handlers);
}
/* END channels */

/* BEGIN sessions */
static void on_auth(uvssh_session_t* session, const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  uvssh_reply_accept(reply);
}

static void on_close(uvssh_session_t* session, const uvssh_end_t* end) {
  free(session->data);
}

static void on_connection(uvssh_server_t* server, int status) {
  static const uvssh_session_handlers_t handlers = {
    .on_auth = on_auth, .on_channel = on_channel, .on_close = on_close
  };
  peer_t* peer = status == 0 ? calloc(1, sizeof(*peer)) : NULL;

  if (peer == NULL)
    return;
  peer->session.data = peer;
  if (uvssh_server_accept(server, &peer->session, &handlers) != 0)
    free(peer);
}

static int start(uvssh_server_t* server, const uvssh_config_t* config,
                 int port, const char* host_key) {
  int err = uvssh_server_init(uv_default_loop(), server, config);

  if (err == 0)
    err = uvssh_server_add_key_file(server, host_key);
  if (err == 0)
    err = uvssh_server_listen(server, "127.0.0.1", port, on_connection);
  return err;
}
/* END sessions */
/* END echo */

/* ---- Around it: arguments, the port, SIGINT and SIGTERM ------------------ */

/* BEGIN end */
static void on_empty(uvssh_server_t* server) {
  uvssh_server_close(server, NULL);
}

static void on_signal(uv_signal_t* handle, int signum) {
  if (uvssh_server_shutdown(handle->data, 1000, on_empty) != 0)
    uvssh_server_close(handle->data, NULL);  /* the second: do not wait */
}
/* END end */

int main(int argc, char** argv) {
  static const int signums[] = { SIGINT, SIGTERM };
  static uv_signal_t signals[2];
  static uvssh_server_t server;
  const char* host_key = argc > 2 ? argv[2] : "host_key";
  const char* port_text = argc > 1 ? argv[1] : "2222";
  char* rest;
  long port = strtol(port_text, &rest, 10);
  uvssh_config_t config;
  struct sockaddr_in name;
  int len = sizeof(name);
  int err;
  int i;

  if (argc > 3 || *port_text == '\0' || *rest != '\0' || port < 0 ||
      port > 65535) {
    fprintf(stderr, "usage: echo [PORT [HOST_KEY_FILE]]; PORT is 0..65535\n");
    return 2;
  }
  uvssh_config_init(&config);
  config.window_bytes = 8 << 20;   /* held for a sender that does not read */
  err = start(&server, &config, (int) port, host_key);
  if (err == 0)
    err = uvssh_server_getsockname(&server, (struct sockaddr*) &name, &len);
  if (err != 0) {
    fprintf(stderr, "echo: port %ld, host key %s: %s\n", port, host_key,
            uvssh_strerror(err));
    return 1;
  }

  for (i = 0; i < 2; i++) {
    uv_signal_init(uv_default_loop(), &signals[i]);
    uv_signal_start(&signals[i], on_signal, signums[i]);
    uv_unref((uv_handle_t*) &signals[i]);    /* does not keep the loop going */
    signals[i].data = &server;
  }
  printf("echo: ssh -p %d 127.0.0.1\n", ntohs(name.sin_port));
  fflush(stdout);
  return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
