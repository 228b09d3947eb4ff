/* bench-serve.c: the commands of bench-server.
 *
 *   sink       swallows what comes until EOF
 *   source N   N bytes, byte k of them is k mod 256; not held up by EOF
 *   echo       what comes goes back, until EOF
 *   noop       nothing
 *   relay      every line goes to all other channels that run it; while one of
 *              them reads too slowly, nobody is read: no line is lost
 *
 * All end with exit-status 0. Whatever else a client asks is refused. */
#include "bench-serve.h"
#include "bench-timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  SOURCE_PIECE = 256 * 1024,       /* of one write; lent, so never copied */
  SOURCE_WRITES = 4,               /* in flight */
  QUEUE_FULL = 768 * 1024,         /* of a relay: then nobody is read */
  QUEUE_MOST = 1024 * 1024,
  LINE_MAX_BYTES = 4096,           /* longer ones are relayed in pieces */
  LONG_MS = 3600 * 1000,
  OVER = 1
};

struct peer {
  uvssh_session_t session;
  struct served* served;
};

struct source {
  uvssh_req_t reqs[SOURCE_WRITES];
  unsigned in_flight;
  uint64_t left;
};

struct line {                      /* the beginning of one */
  size_t len;
  char bytes[LINE_MAX_BYTES];
};

struct run {
  uvssh_channel_t channel;
  struct served* served;
  uvssh_member_t member;           /* of served->relays */
  int is_full;
  struct source* source;
  struct line* line;               /* NULL: nothing waits for its end */
  uvssh_req_t req;                 /* the echo's */
  struct primitive_sample sample;
  uint64_t moved;                  /* bytes, for the line on stderr */
  double cpu;                      /* s, of the process, when it began */
};

static uint8_t pattern[SOURCE_PIECE];

/* ---- what a transfer cost ------------------------------------------------ */

static void measure_begin(struct run* run, int opening) {
  uvssh_session_info_t info;

  run->sample.data = run->served->options->primitive;
  if (run->sample.data == 0)
    return;
  uvssh_session_info(run->channel.session, &info);
  run->sample.opening = opening;
  run->sample.bare =
      opening ? primitive_find(info.cipher_in, info.mac_in)
              : primitive_find(info.cipher_out, info.mac_out);
  run->cpu = timing_cpu();
}

static void moved(struct run* run, uint64_t n) {
  run->moved += n;
  primitive_carried(&run->sample, n);
}

/* One line a transfer, for people and machines. Only true of one at a time: the
 * CPU is the process's. */
static void measure_end(struct run* run) {
  const struct primitive_sample* s = &run->sample;
  double gib = (double) run->moved / TIMING_GIB;
  double cpu;

  if (s->bare == NULL || run->moved == 0)
    return;
  cpu = (timing_cpu() - run->cpu - primitive_spent(s)) / gib;
  fprintf(stderr,
          "{\"bench\": \"transfer\", \"way\": \"%s\", \"cipher\": \"%s\", "
          "\"packet\": %zu, \"gib\": %.3f, \"cpu_s_gib\": %.4f, "
          "\"primitive_s_gib\": %.4f, \"rest_s_gib\": %.4f}\n",
          s->opening ? "up" : "down", s->bare->cipher, s->data, gib, cpu,
          primitive_per_gib(s), cpu - primitive_per_gib(s));
}

/* ---- relay --------------------------------------------------------------- */

/* Counts what was read; at its end the command is over. */
static int is_more(struct run* run, ssize_t nread) {
  if (nread < 0) {
    uvssh_channel_exit(&run->channel, 0, 0);
    return 0;
  }
  run->served->counts.messages++;
  run->served->counts.bytes_in += (uint64_t) nread;
  return 1;
}

static void on_relay_read(uvssh_channel_t* channel,
                          int stream,
                          ssize_t nread,
                          const uv_buf_t* buf);

static struct run* next_relay(struct served* s, const struct run* prev) {
  uvssh_member_t* m;

  m = uvssh_group_next(&s->relays, prev == NULL ? NULL : &prev->member);
  return m == NULL ? NULL : m->data;
}

static void relay_pause(struct served* s) {
  struct run* run = NULL;

  s->counts.pauses++;
  while ((run = next_relay(s, run)) != NULL)
    uvssh_channel_read_stop(&run->channel);
}

static void relay_resume(struct served* s) {
  struct run* run = NULL;

  while ((run = next_relay(s, run)) != NULL)
    uvssh_channel_read_start(&run->channel, on_relay_read);
}

/* on_drain will come: the queue has reached queue_bytes. */
static void note_full(struct run* run) {
  if (run->is_full || uvssh_channel_queue_size(&run->channel) < QUEUE_FULL)
    return;
  run->is_full = 1;
  if (run->served->full++ == 0)
    relay_pause(run->served);
}

static void note_room(struct run* run) {
  if (!run->is_full)
    return;
  run->is_full = 0;
  if (--run->served->full == 0)
    relay_resume(run->served);
}

/* Often enough that no queue goes from QUEUE_FULL to QUEUE_MOST unseen. */
static void look_at_queues(struct served* s, size_t len) {
  struct run* run = NULL;

  s->unchecked += len;
  if (s->unchecked < (QUEUE_MOST - QUEUE_FULL) / 2)
    return;
  s->unchecked = 0;
  while ((run = next_relay(s, run)) != NULL)
    note_full(run);
}

static void relay_lines(struct run* from, const char* base, size_t len) {
  struct served* s = from->served;
  uvssh_payload_t* payload;
  int taken;

  if (len == 0 || uvssh_payload_create(&payload, base, len) != 0)
    return;
  taken = uvssh_group_send(&s->relays, UVSSH_DATA, payload, &from->member);
  uvssh_payload_unref(payload);
  if (taken > 0)
    s->counts.bytes_out += (uint64_t) taken * len;
  look_at_queues(s, len);
}

/* Whole lines leave at once; the beginning of one waits for its end. */
static void relay_take(struct run* run, const char* base, size_t len) {
  size_t whole = len;

  if (run->line == NULL) {
    while (whole > 0 && base[whole - 1] != '\n')
      whole--;
    relay_lines(run, base, whole);
    base += whole;
    len -= whole;
    if (len == 0)
      return;
    run->line = calloc(1, sizeof(*run->line));
    if (run->line == NULL) {
      uvssh_channel_abort(&run->channel);      /* rather than half a line */
      return;
    }
  }
  for (; len > 0; base++, len--) {
    run->line->bytes[run->line->len++] = *base;
    if (*base != '\n' && run->line->len < sizeof(run->line->bytes))
      continue;
    relay_lines(run, run->line->bytes, run->line->len);
    run->line->len = 0;
  }
  if (run->line->len != 0)
    return;
  free(run->line);
  run->line = NULL;
}

static void on_relay_read(uvssh_channel_t* channel,
                          int stream,
                          ssize_t nread,
                          const uv_buf_t* buf) {
  struct run* run = channel->data;

  if (is_more(run, nread))
    relay_take(run, buf->base, (size_t) nread);
}

static int begin_relay(struct run* run) {
  int err;

  run->member.data = run;
  err = uvssh_group_join(&run->served->relays, &run->member, &run->channel);
  if (err != 0 || run->served->full != 0)
    return err;                    /* it begins with the others */
  return uvssh_channel_read_start(&run->channel, on_relay_read);
}

/* ---- sink, source, echo, noop -------------------------------------------- */

static void on_sink_read(uvssh_channel_t* channel,
                         int stream,
                         ssize_t nread,
                         const uv_buf_t* buf) {
  struct run* run = channel->data;

  if (is_more(run, nread))
    moved(run, (uint64_t) nread);
}

static int begin_sink(struct run* run) {
  measure_begin(run, 1);
  return uvssh_channel_read_start(&run->channel, on_sink_read);
}

static void on_piece_left(uvssh_req_t* req, int status);

static int source_piece(struct run* run, uvssh_req_t* req) {
  struct source* source = run->source;
  size_t n = source->left < SOURCE_PIECE ? source->left : SOURCE_PIECE;
  uv_buf_t buf = uv_buf_init((char*) pattern, (unsigned) n);
  int err;

  err = uvssh_channel_write(req, &run->channel, UVSSH_DATA, &buf, 1,
                            on_piece_left);
  if (err != 0)
    return err;
  source->left -= n;
  source->in_flight++;
  run->served->counts.bytes_out += n;
  moved(run, n);
  return 0;
}

static void on_piece_left(uvssh_req_t* req, int status) {
  struct run* run = req->data;

  run->source->in_flight--;
  if (status == 0 && run->source->left > 0)
    status = source_piece(run, req);
  if (status == 0 && run->source->in_flight == 0)
    uvssh_channel_exit(&run->channel, 0, 0);
}

static int begin_source(struct run* run, const char* count) {
  char* rest;
  uint64_t left = strtoull(count, &rest, 10);
  int err = 0;
  unsigned i;

  if (*count < '0' || *count > '9' || *rest != '\0')
    return UV_EINVAL;
  if (run->source == NULL)         /* else one that failed left it */
    run->source = calloc(1, sizeof(*run->source));
  if (run->source == NULL)
    return UV_ENOMEM;
  run->source->left = left;
  measure_begin(run, 0);
  for (i = 0; i < SOURCE_WRITES && run->source->left > 0 && err == 0; i++) {
    run->source->reqs[i].data = run;
    err = source_piece(run, &run->source->reqs[i]);
  }
  return err != 0 ? err : i == 0 ? OVER : 0;
}

static void on_echo_end(uvssh_req_t* req, int status) {
  uvssh_channel_exit(req->channel, status == 0 ? 0 : 1, 0);
}

/* 0; OVER: it has ended, when it is answered; UV_*. */
static int begin(struct run* run, const char* command) {
  uvssh_channel_t* channel = &run->channel;

  run->served->counts.commands++;
  if (strcmp(command, "sink") == 0)
    return begin_sink(run);
  if (strncmp(command, "source ", 7) == 0)
    return begin_source(run, command + 7);
  if (strcmp(command, "echo") == 0)
    return uvssh_channel_relay(&run->req, channel, channel, on_echo_end);
  if (strcmp(command, "relay") == 0)
    return begin_relay(run);
  if (strcmp(command, "noop") == 0)
    return OVER;
  return UV_EINVAL;
}

/* ---- sessions ------------------------------------------------------------ */

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  struct served* served = ((struct run*) channel->data)->served;
  int err = UV_EINVAL;

  if (served->options->login_primitive)
    login_proves(&served->login);
  if (ask->type == UVSSH_REQUEST_EXEC)
    err = begin(channel->data, ask->command);
  if (err < 0)
    uvssh_reply_reject(reply);
  else
    uvssh_reply_accept(reply);
  if (err == OVER)
    uvssh_channel_exit(channel, 0, 0);
}

static void on_drain(uvssh_channel_t* channel) {
  note_room(channel->data);
}

static void on_channel_close(uvssh_channel_t* channel, int status) {
  struct run* run = channel->data;

  measure_end(run);
  note_room(run);
  free(run->source);
  free(run->line);
  free(run);
}

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* ask,
                       uvssh_reply_t reply) {
  static const uvssh_channel_handlers_t handlers = {
    .on_request = on_request, .on_drain = on_drain, .on_close = on_channel_close
  };
  struct peer* peer = session->data;
  struct run* run;

  if (peer->served->options->login_primitive)
    login_agrees(&peer->served->login);
  run = ask->type == UVSSH_CHANNEL_SESSION ? calloc(1, sizeof(*run)) : NULL;
  if (run == NULL) {
    uvssh_reply_reject(reply);
    return;
  }
  run->served = peer->served;
  run->channel.data = run;
  if (uvssh_channel_accept(reply, &run->channel, &handlers) != 0)
    free(run);
}

static void on_auth(uvssh_session_t* session,
                    const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  const struct peer* peer = session->data;
  const struct serve_options* o = peer->served->options;
  unsigned i;

  for (i = 0; i < o->key_count; i++)
    if (uvssh_key_equal(o->keys[i], attempt->key))
      break;
  if (i < o->key_count || o->key_count == 0)
    uvssh_reply_accept(reply);
  else
    uvssh_reply_reject(reply);
}

static void on_ready(uvssh_session_t* session) {
  ((struct peer*) session->data)->served->counts.sessions++;
}

static void on_close(uvssh_session_t* session, const uvssh_end_t* end) {
  struct peer* peer = session->data;

  peer->served->counts.now--;
  free(peer);
}

static void on_connection(uvssh_server_t* server, int status) {
  static const uvssh_session_handlers_t handlers = { .on_auth = on_auth,
                                                     .on_ready = on_ready,
                                                     .on_channel = on_channel,
                                                     .on_close = on_close };
  struct served* s = server->data;
  struct peer* peer = status == 0 ? calloc(1, sizeof(*peer)) : NULL;

  if (peer == NULL)
    return;
  login_primitive_begin(&s->login);
  peer->served = s;
  peer->session.data = peer;
  if (uvssh_server_accept(server, &peer->session, &handlers) != 0) {
    free(peer);
    return;
  }
  if (++s->counts.now > s->counts.most)
    s->counts.most = s->counts.now;
}

/* Everybody is on 127.0.0.1, and a crowd is what is measured: no limit by
 * source, no waiting, no times. */
static void configure(uvssh_config_t* config, uint64_t window_most) {
  uvssh_config_init(config);
  config->window_most_bytes = (uint32_t) window_most;
  config->preauth_total = 0;
  config->preauth_per_source = 0;
  config->penalty_sources = 0;
  config->auth_rejection_ms = 0;
  config->queue_bytes = QUEUE_FULL;
  config->ident_timeout_ms = LONG_MS;
  config->kex_timeout_ms = LONG_MS;
  config->login_timeout_ms = LONG_MS;
}

int served_init(struct served* s,
                uv_loop_t* loop,
                const struct serve_options* options,
                int port) {
  uvssh_config_t config;
  size_t i;
  int err;

  for (i = 0; i < sizeof(pattern); i++)
    pattern[i] = (uint8_t) i;
  memset(s, 0, sizeof(*s));
  s->loop = loop;
  s->options = options;
  s->server.data = s;
  configure(&config, options->window_most);
  err = watch_init(&s->watch, loop, options->exact);
  if (err != 0)
    return err;
  err = uvssh_group_init(&s->relays, UVSSH_SLOW_SKIP, QUEUE_MOST);
  if (err == 0)
    err = uvssh_server_init(loop, &s->server, &config);
  if (err != 0)
    return err;
  watch_start(&s->watch);
  err = uvssh_server_add_key_file(&s->server, options->host_key);
  if (err == 0)
    err = options->loops == NULL
              ? uvssh_server_listen(&s->server, "127.0.0.1", port,
                                    on_connection)
              : uvssh_loops_listen(options->loops, &s->server, "127.0.0.1",
                                   port, on_connection);
  if (err != 0)
    uvssh_server_close(&s->server, NULL);
  return err;
}

static void on_closed(uvssh_server_t* server) {
  watch_stop(&((struct served*) server->data)->watch);
}

void served_close(struct served* s) {
  uvssh_server_close(&s->server, on_closed);
}
