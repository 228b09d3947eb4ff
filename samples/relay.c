/* relay.c: what one ssh client types, every other client reads.
 *
 * usage: relay [PORT [HOST_KEY_FILE]]    then: ssh -p 2222 127.0.0.1
 *
 * The bare thing: no names, no echo, no line editing (chat.c has them). Any key
 * whose owner signs may come in; who reads too slowly loses some of it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <uvssh.h>

typedef struct {
  uvssh_session_t session;
  uvssh_channel_t channel;
  uvssh_member_t member;
} client_t;

static uvssh_server_t server;
static uvssh_group_t everybody;

/* BEGIN relay */
static void on_read(uvssh_channel_t* channel, int stream, ssize_t nread,
                    const uv_buf_t* buf) {
  client_t* client = channel->session->data;
  uvssh_payload_t* payload;

  if (nread < 0) {
    uvssh_channel_exit(channel, 0, 0);
  } else if (uvssh_payload_create(&payload, buf->base, (size_t) nread) == 0) {
    uvssh_group_send(&everybody, UVSSH_DATA, payload, &client->member);
    uvssh_payload_unref(payload);
  }
}

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  client_t* client = channel->session->data;

  if (ask->type == UVSSH_REQUEST_SHELL) {
    uvssh_channel_read_start(channel, on_read);
    uvssh_group_join(&everybody, &client->member, channel);
  }
  if (ask->type == UVSSH_REQUEST_SHELL || ask->type == UVSSH_REQUEST_PTY)
    uvssh_reply_accept(reply);
  else
    uvssh_reply_reject(reply);
}
/* END relay */

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* ask,
                       uvssh_reply_t reply) {
  static const uvssh_channel_handlers_t handlers = { .on_request = on_request };
  client_t* client = session->data;

  if (ask->type == UVSSH_CHANNEL_SESSION)    /* a second one: in use, so no */
    uvssh_channel_accept(reply, &client->channel, &handlers);
  else
    uvssh_reply_reject(reply);
}

static void on_auth(uvssh_session_t* session, const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  uvssh_reply_accept(reply);
}

static void on_close(uvssh_session_t* session, const uvssh_end_t* end) {
  free(session->data);
}

static void on_connection(uvssh_server_t* from, int status) {
  static const uvssh_session_handlers_t handlers = {
    .on_auth = on_auth, .on_channel = on_channel, .on_close = on_close
  };
  client_t* client = status == 0 ? calloc(1, sizeof(*client)) : NULL;

  if (client == NULL)
    return;
  client->session.data = client;
  if (uvssh_server_accept(from, &client->session, &handlers) != 0)
    free(client);
}

static void on_empty(uvssh_server_t* from) {
  uvssh_server_close(from, NULL);
}

static void on_signal(uv_signal_t* handle, int signum) {
  if (uvssh_server_shutdown(&server, 1000, on_empty) != 0)
    uvssh_server_close(&server, NULL);       /* the second: do not wait */
}

int main(int argc, char** argv) {
  static const int signums[] = { SIGINT, SIGTERM };
  static uv_signal_t signals[2];
  uv_loop_t* loop = uv_default_loop();
  const char* host_key = argc > 2 ? argv[2] : "host_key";
  const char* port_text = argc > 1 ? argv[1] : "2222";
  char* rest;
  long port = strtol(port_text, &rest, 10);
  struct sockaddr_in name;
  int len = sizeof(name);
  int err;
  int i;

  if (argc > 3 || *port_text == '\0' || *rest != '\0' || port < 0 ||
      port > 65535) {
    fprintf(stderr, "usage: relay [PORT [HOST_KEY_FILE]]; PORT is 0..65535\n");
    return 2;
  }
  if ((err = uvssh_group_init(&everybody, UVSSH_SLOW_SKIP, 0)) != 0 ||
      (err = uvssh_server_init(loop, &server, NULL)) != 0 ||
      (err = uvssh_server_add_key_file(&server, host_key)) != 0 ||
      (err = uvssh_server_listen(&server, "127.0.0.1", (int) port,
                                 on_connection)) != 0 ||
      (err = uvssh_server_getsockname(&server, (struct sockaddr*) &name,
                                      &len)) != 0) {
    fprintf(stderr, "relay: port %ld, host key %s: %s\n", port, host_key,
            uvssh_strerror(err));
    return 1;
  }

  for (i = 0; i < 2; i++) {
    uv_signal_init(loop, &signals[i]);
    uv_signal_start(&signals[i], on_signal, signums[i]);
    uv_unref((uv_handle_t*) &signals[i]);    /* does not keep the loop going */
  }
  printf("relay: ssh -p %d 127.0.0.1\n", ntohs(name.sin_port));
  fflush(stdout);
  return uv_run(loop, UV_RUN_DEFAULT);
}
