/* load_server.c: the server's side: every byte comes back, in one of three
 * ways. See load.h. */
#include <stdlib.h>
#include <string.h>

#include "load.h"

struct guest {
  uvssh_session_t session;         /* first */
};

struct lane {                      /* a channel; freed in its on_close */
  uvssh_channel_t channel;         /* first */
  uvssh_req_t relay;
  unsigned writes;                 /* under way */
  int ended;                       /* EOF came */
  unsigned count;
};

struct copy {                      /* bytes of one write */
  uvssh_req_t req;
  char base[];
};

static struct {
  struct load* load;
  uv_loop_t loop;
  uv_async_t stop;
  uv_thread_t thread;
  uvssh_server_t server;
  uint64_t seed;
} host;

static struct lane* lane_of(uvssh_channel_t* channel) {
  return (struct lane*) (void*) channel;
}

static void expect(int err, const char* what) {
  if (err != 0)
    load_fail(host.load, "server: %s: %s", what, uvssh_strerror(err));
}

/* ---- echo: a relay ------------------------------------------------------- */

static void on_relayed(uvssh_req_t* req, int status) {
  expect(status, "the relay");
  expect(uvssh_channel_exit(req->channel, 0, 0), "exit behind the relay");
}

static void echo_relay(struct lane* lane) {
  expect(uvssh_channel_relay(&lane->relay, &lane->channel, &lane->channel,
                             on_relayed), "relay");
}

/* ---- echo: send, over both streams --------------------------------------- */

static void on_read_send(uvssh_channel_t* channel,
                         int stream,
                         ssize_t nread,
                         const uv_buf_t* buf) {
  struct lane* lane = lane_of(channel);
  uvssh_config_t config;

  if (nread < 0) {
    expect(nread == UV_EOF ? 0 : (int) nread, "read");
    expect(uvssh_channel_exit(channel, 0, 0), "exit");
    return;
  }
  stream = lane->count++ % 3 == 0 ? UVSSH_STDERR : UVSSH_DATA;
  expect(uvssh_channel_send(channel, stream, buf->base, (size_t) nread),
         "send");
  uvssh_session_config(channel->session, &config);
  if (uvssh_channel_queue_size(channel) >= config.queue_bytes)
    expect(uvssh_channel_read_stop(channel), "read_stop");
}

static void on_drain(uvssh_channel_t* channel) {
  /* Of the other ways it comes too; there a reader is not ours to start. */
  if (lane_of(channel)->count != 0)
    expect(uvssh_channel_read_start(channel, on_read_send), "read again");
}

static void echo_send(struct lane* lane) {
  expect(uvssh_channel_read_start(&lane->channel, on_read_send), "read_start");
}

/* ---- echo: write --------------------------------------------------------- */

static void on_read_write(uvssh_channel_t* channel,
                          int stream,
                          ssize_t nread,
                          const uv_buf_t* buf);

static void on_written(uvssh_req_t* req, int status) {
  struct lane* lane = lane_of(req->channel);

  expect(status, "the write");
  lane->writes--;
  free(req->data);
  if (lane->writes == 0 && !lane->ended)
    expect(uvssh_channel_read_start(&lane->channel, on_read_write),
           "read again");
}

static void on_read_write(uvssh_channel_t* channel,
                          int stream,
                          ssize_t nread,
                          const uv_buf_t* buf) {
  struct lane* lane = lane_of(channel);
  struct copy* copy;
  uv_buf_t whole;

  if (nread < 0) {
    lane->ended = 1;
    expect(nread == UV_EOF ? 0 : (int) nread, "read");
    expect(uvssh_channel_exit(channel, 0, 0), "exit");
    return;
  }
  copy = calloc(1, sizeof(*copy) + (size_t) nread);
  if (copy == NULL)
    abort();
  memcpy(copy->base, buf->base, (size_t) nread);
  copy->req.data = copy;
  whole = uv_buf_init(copy->base, (unsigned) nread);
  expect(uvssh_channel_write(&copy->req, channel, UVSSH_DATA, &whole, 1,
                             on_written), "write");
  if (++lane->writes >= 4)
    expect(uvssh_channel_read_stop(channel), "read_stop");
}

static void echo_write(struct lane* lane) {
  expect(uvssh_channel_read_start(&lane->channel, on_read_write),
         "read_start");
}

/* ---- a channel ----------------------------------------------------------- */

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  static const struct {
    const char* command;
    void (*echo)(struct lane* lane);
  } ways[] = {
    { "relay", echo_relay }, { "send", echo_send }, { "write", echo_write }
  };
  size_t i;

  for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
    if (ask->type == UVSSH_REQUEST_EXEC &&
        strcmp(ask->command, ways[i].command) == 0) {
      expect(uvssh_reply_accept(reply), "reply to exec");
      ways[i].echo(lane_of(channel));
      return;
    }
  load_fail(host.load, "server: a request that nobody sends");
  (void) uvssh_reply_reject(reply);
}

static void on_lane_close(uvssh_channel_t* channel, int status) {
  struct lane* lane = lane_of(channel);

  expect(status, "end of a channel");
  if (lane->writes != 0)
    load_fail(host.load, "server: %u writes outlive a channel", lane->writes);
  free(lane);
}

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* ask,
                       uvssh_reply_t reply) {
  static const uvssh_channel_handlers_t on = {
    .on_request = on_request, .on_drain = on_drain, .on_close = on_lane_close
  };
  struct lane* lane = calloc(1, sizeof(*lane));
  int err;

  if (lane == NULL)
    abort();
  err = uvssh_channel_accept(reply, &lane->channel, &on);
  expect(err, "channel_accept");
  if (err != 0)
    free(lane);
}

/* ---- a session ----------------------------------------------------------- */

static void on_auth(uvssh_session_t* session,
                    const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  int ok = attempt->method == UVSSH_AUTH_PUBLICKEY
               ? uvssh_key_equal(attempt->key, host.load->user_key)
               : strcmp(attempt->password, PASSWORD) == 0;

  if (!ok || strcmp(attempt->user, USER) != 0)
    load_fail(host.load, "server: who is that?");
  expect(uvssh_reply_accept(reply), "reply to a login");
}

static void on_close(uvssh_session_t* session, const uvssh_end_t* end) {
  if (end->status != UVSSH_EDISCONNECT || !end->by_peer ||
      end->phase != UVSSH_PHASE_OPEN ||
      end->reason != UVSSH_DISCONNECT_BY_APPLICATION)
    load_fail(host.load, "server: a session ended with %s in phase %d: %s",
              uvssh_err_name(end->status), (int) end->phase, end->text);
  host.load->r.served_ended++;
  free((struct guest*) (void*) session);
}

/* Now and then windows and queues that are small. */
static void configure(uvssh_session_t* session) {
  static const uint32_t windows[] = { 3000, 20000, 1 << 17, 1 << 21, 1 << 21 };
  static const uint32_t packets[] = { 1024, 5000, 1 << 15, 1 << 15 };
  static const uint32_t queues[] = { 4096, 1 << 16, 1 << 20 };
  uvssh_config_t config;

  uvssh_session_config(session, &config);
  config.window_bytes = windows[load_pick(&host.seed, 5)];
  config.packet_bytes = packets[load_pick(&host.seed, 4)];
  config.queue_bytes = queues[load_pick(&host.seed, 3)];
  config.drain_bytes = config.queue_bytes / 4;
  expect(uvssh_session_configure(session, &config), "configure");
}

static void on_connection(uvssh_server_t* server, int status) {
  static const uvssh_session_handlers_t on = {
    .on_auth = on_auth, .on_channel = on_channel, .on_close = on_close
  };
  struct guest* guest;
  int err;

  expect(status, "a connection");
  if (status != 0)
    return;
  guest = calloc(1, sizeof(*guest));
  if (guest == NULL)
    abort();
  err = uvssh_server_accept(server, &guest->session, &on);
  expect(err, "accept");
  if (err != 0)
    free(guest);
  else
    configure(&guest->session);
}

/* ---- the server ---------------------------------------------------------- */

static void on_closed(uvssh_server_t* server) {
  uv_close((uv_handle_t*) &host.stop, NULL);
}

static void on_empty(uvssh_server_t* server) {
  uvssh_server_close(server, on_closed);
}

static void on_stop(uv_async_t* async) {
  expect(uvssh_server_shutdown(&host.server, 60000, on_empty), "shutdown");
}

static void live(void* arg) {
  uv_run(&host.loop, UV_RUN_DEFAULT);
  if (uv_loop_close(&host.loop) != 0)
    load_fail(host.load, "server: something is left in the loop");
}

static int begin(struct load* l) {
  struct sockaddr_in name;
  int len = sizeof(name);
  uvssh_config_t config;
  int err;

  uvssh_config_init(&config);
  config.auth_methods = UVSSH_AUTH_PUBLICKEY | UVSSH_AUTH_PASSWORD;
  config.auth_rejection_ms = 0;    /* of "none", which asks what there is */
  config.preauth_total = 0;
  config.preauth_per_source = 0;
  config.rekey_bytes = REKEY_BYTES;
  /* The machine is meant to be busy: only what stands still is an end. */
  config.ident_timeout_ms = config.kex_timeout_ms = 0;
  config.login_timeout_ms = config.linger_ms = STILL_S * 1000;
  err = uvssh_server_init(&host.loop, &host.server, &config);
  if (err == 0)
    err = uvssh_server_add_key(&host.server, l->host_key);
  if (err == 0)
    err = uvssh_server_listen(&host.server, "127.0.0.1", 0, on_connection);
  if (err == 0)
    err = uvssh_server_getsockname(&host.server, (struct sockaddr*) &name,
                                   &len);
  l->port = err == 0 ? ntohs(name.sin_port) : 0;
  return err;
}

int load_server_start(struct load* l) {
  int err;

  memset(&host, 0, sizeof(host));
  host.load = l;
  host.seed = load_mixed(l->o.seed + 1);
  err = uv_loop_init(&host.loop);
  if (err == 0)
    err = uv_async_init(&host.loop, &host.stop, on_stop);
  if (err == 0)
    err = begin(l);
  return err != 0 ? err : uv_thread_create(&host.thread, live, NULL);
}

void load_server_stop(void) {
  uv_async_send(&host.stop);
  uv_thread_join(&host.thread);
}
