/* load_client.c: the clients: who comes, what is sent, and that it comes back.
 * See load.h. */
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum {
  MESSAGE_MAX = 40000,
  LIFE_LEAST = REKEY_BYTES + REKEY_BYTES / 4,
  LIFE_MORE = 2 * REKEY_BYTES,     /* at most that beyond */
  FLOW_MAX = 500000,
  LOGINS_MAX = 64,                 /* at a time */
  TICK_MS = 10
};

enum way { SEND, WRITE, PAYLOAD, WAYS };

struct flow {                      /* a channel, used again and again */
  uvssh_channel_t channel;         /* first */
  struct link* link;
  uvssh_req_t ask;                 /* open, then exec */
  uvssh_req_t write;
  char* lent;                      /* of the write under way, or NULL */
  enum way way;
  int busy;                        /* from open to on_close */
  int told;                        /* all is sent, EOF behind it */
  int paused;
  uint64_t key;
  uint64_t total, sent, got;
  uint64_t ahead;                  /* most that is on its way */
};

struct link {                      /* a session */
  uvssh_session_t session;         /* first */
  struct place* place;
  uvssh_req_t login;
  struct flow flows[CHANNELS_MAX];
  unsigned busy;
  uint64_t life;                   /* bytes that it still will begin */
  uint64_t carried;
  uint64_t moved_at;               /* second */
  unsigned mix;
  int by_key;
  int in;                          /* logged in */
  int leaving;
};

struct place {
  struct link* link;               /* NULL: nobody here now */
  unsigned whole;                  /* lives */
};

const struct load_mix load_mixes[] = {
  { "chacha20-poly1305@openssh.com", "hmac-sha2-256", "curve25519-sha256" },
  { "aes256-gcm@openssh.com", "hmac-sha2-256", "curve25519-sha256" },
  { "aes256-ctr", "hmac-sha2-256-etm@openssh.com", "curve25519-sha256" },
  { "aes256-ctr", "hmac-sha2-256", "curve25519-sha256@libssh.org" },
  { "aes128-gcm@openssh.com", "hmac-sha2-512", "mlkem768x25519-sha256" },
  { "aes192-ctr", "hmac-sha2-512-etm@openssh.com", "ecdh-sha2-nistp256" },
  { "aes128-ctr", "hmac-sha2-512", "curve25519-sha256" }
};
const unsigned load_mix_count = sizeof(load_mixes) / sizeof(load_mixes[0]);

static struct {
  struct load* load;
  uv_loop_t loop;
  uv_timer_t tick;
  struct place* places;
  uint64_t seed;
  uint64_t began;
  unsigned second;
  unsigned logging_in;
  unsigned missing;                /* places that nobody has come to yet */
  int over;                        /* nothing new begins */
  char bytes[MESSAGE_MAX];
} crowd;

static struct link* link_of(uvssh_session_t* session) {
  return (struct link*) (void*) session;
}

static struct flow* flow_of(uvssh_channel_t* channel) {
  return (struct flow*) (void*) channel;
}

static uint32_t pick(uint32_t n) {
  return load_pick(&crowd.seed, n);
}

static int failed(void) {
  return __atomic_load_n(&crowd.load->failures, __ATOMIC_SEQ_CST) != 0;
}

static void expect(int err, const char* what) {
  if (err != 0)
    load_fail(crowd.load, "client: %s: %s", what, uvssh_strerror(err));
}

/* ---- what is sent -------------------------------------------------------- */

static void pump(struct flow* f);

static void on_written(uvssh_req_t* req, int status) {
  struct flow* f = req->data;

  expect(status, "the write");
  free(f->lent);
  f->lent = NULL;
  if (status == 0)
    pump(f);
}

/* In pieces. */
static int write_some(struct flow* f, size_t n) {
  size_t half = n > 1 ? n / 2 : n;
  uv_buf_t bufs[2];
  int err;

  f->lent = malloc(n);
  if (f->lent == NULL)
    abort();
  load_fill(f->lent, f->key, f->sent, n);
  f->write.data = f;
  bufs[0] = uv_buf_init(f->lent, (unsigned) half);
  bufs[1] = uv_buf_init(f->lent + half, (unsigned) (n - half));
  err = uvssh_channel_write(&f->write, &f->channel, UVSSH_DATA, bufs,
                            n > half ? 2 : 1, on_written);
  if (err != 0) {
    free(f->lent);
    f->lent = NULL;
  }
  return err;
}

static int send_payload(struct flow* f, size_t n) {
  uvssh_payload_t* payload;
  int err = uvssh_payload_create(&payload, crowd.bytes, n);

  if (err != 0)
    return err;
  err = uvssh_channel_send_payload(&f->channel, UVSSH_DATA, payload);
  uvssh_payload_unref(payload);
  return err;
}

/* One message: 0, or UV_ENOBUFS: on_drain will come. */
static int say(struct flow* f) {
  size_t n = 1 + pick(MESSAGE_MAX);
  int err;

  if (n > f->total - f->sent)
    n = (size_t) (f->total - f->sent);
  if (f->way == WRITE) {
    err = write_some(f, n);
  } else {
    load_fill(crowd.bytes, f->key, f->sent, n);
    err = f->way == SEND
              ? uvssh_channel_send(&f->channel, UVSSH_DATA, crowd.bytes, n)
              : send_payload(f, n);
  }
  if (err == 0)
    f->sent += n;
  else if (err == UV_ENOBUFS)
    crowd.load->r.waits++;
  else
    expect(err, "a message");
  return err;
}

static void pump(struct flow* f) {
  while (!f->told && f->lent == NULL && f->sent < f->total &&
         f->sent - f->got < f->ahead)
    if (say(f) != 0)
      return;
  if (!f->told && f->sent == f->total) {
    f->told = 1;
    expect(uvssh_channel_shutdown(NULL, &f->channel, NULL), "shutdown");
  }
}

static void on_drain(uvssh_channel_t* channel) {
  pump(flow_of(channel));
}

/* ---- what comes back ----------------------------------------------------- */

static void on_read(uvssh_channel_t* channel,
                    int stream,
                    ssize_t nread,
                    const uv_buf_t* buf) {
  struct flow* f = flow_of(channel);
  size_t at;

  if (nread < 0) {
    expect(nread == UV_EOF ? 0 : (int) nread, "read");
    return;
  }
  at = load_wrong(buf->base, f->key, f->got, (size_t) nread);
  if (at < (size_t) nread)
    load_fail(crowd.load, "client: byte %llu of %llu is wrong (%s)",
              (unsigned long long) (f->got + at),
              (unsigned long long) f->total, load_mixes[f->link->mix].ciphers);
  f->got += (uint64_t) nread;
  f->link->carried += (uint64_t) nread;
  f->link->moved_at = crowd.second;
  crowd.load->r.bytes += (uint64_t) nread;
  if (f->got > f->sent)
    load_fail(crowd.load, "client: more came back than was sent");
  if (pick(200) == 0) {
    f->paused = 1;
    crowd.load->r.pauses++;
    expect(uvssh_channel_read_stop(channel), "read_stop");
  }
  pump(f);
}

/* ---- a channel ----------------------------------------------------------- */

static void flow_begin(struct flow* f);

static void leave(struct link* k) {
  k->leaving = 1;
  expect(uvssh_session_disconnect(&k->session, UVSSH_DISCONNECT_BY_APPLICATION,
                                  "done"), "disconnect");
}

/* Whether another channel is due: as long as there is life left; when all is
 * over, only where nobody has lived a whole life yet. */
static int goes_on(const struct link* k) {
  return k->life > 0 && (!crowd.over || k->place->whole == 0);
}

static void flow_next(struct flow* f) {
  struct link* k = f->link;

  if (goes_on(k))
    flow_begin(f);
  else if (k->busy == 0)
    leave(k);
}

static void on_flow_close(uvssh_channel_t* channel, int status) {
  struct flow* f = flow_of(channel);

  expect(status, "end of a channel");
  if (f->got != f->total)
    load_fail(crowd.load, "client: %llu of %llu bytes came back",
              (unsigned long long) f->got, (unsigned long long) f->total);
  f->busy = 0;
  f->paused = 0;
  f->link->busy--;
  crowd.load->channels_live--;
  crowd.load->r.channels_ended++;
  if (status == 0)
    flow_next(f);
}

static void on_exec(uvssh_req_t* req, int status) {
  expect(status, "exec");
}

static void on_open(uvssh_req_t* req, int status) {
  static const char* const ways[] = { "relay", "send", "write" };
  struct flow* f = req->data;

  expect(status, "open");
  if (status != 0)
    return;
  expect(uvssh_channel_exec(&f->ask, &f->channel, ways[pick(3)], on_exec),
         "exec");
  expect(uvssh_channel_read_start(&f->channel, on_read), "read_start");
  pump(f);                         /* not waiting for the answer */
}

static void flow_begin(struct flow* f) {
  static const uvssh_channel_handlers_t on = {
    .on_drain = on_drain, .on_close = on_flow_close
  };
  static const uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_SESSION };
  static const uint32_t aheads[] = { 1, 10000, 60000, 150000 };
  struct link* k = f->link;

  memset(f, 0, sizeof(*f));
  f->link = k;
  f->busy = 1;
  f->key = load_mixed(crowd.seed);
  f->way = (enum way) pick(WAYS);
  f->total = pick(8) == 0 ? pick(10) : pick(FLOW_MAX);
  f->ahead = aheads[pick(4)];
  f->ask.data = f;
  k->life -= f->total < k->life ? f->total : k->life;
  k->busy++;
  if (++crowd.load->channels_live > crowd.load->r.most_channels)
    crowd.load->r.most_channels = crowd.load->channels_live;
  expect(uvssh_channel_open(&f->ask, &k->session, &f->channel, &what, &on,
                            on_open), "open");
}

/* ---- a session ----------------------------------------------------------- */

static void on_hostkey(uvssh_session_t* session,
                       uvssh_key_t* key,
                       uvssh_host_verdict verdict,
                       uvssh_reply_t reply) {
  if (!uvssh_key_equal(key, crowd.load->host_key))
    load_fail(crowd.load, "client: not the server's key");
  expect(uvssh_reply_accept(reply), "reply to the host key");
}

/* A side that has sent so many bytes begins an exchange, and sends no more of
 * them until it is done: nobody can be late by more than a message or two of
 * each channel. */
static void check_exchanges(const struct link* k) {
  uvssh_session_info_t info;

  uvssh_session_info(&k->session, &info);
  if (info.rekeys < k->carried / (REKEY_BYTES + REKEY_BYTES / 8))
    load_fail(crowd.load, "client: %llu bytes, but %llu exchanges",
              (unsigned long long) k->carried,
              (unsigned long long) info.rekeys);
  if (strcmp(info.cipher_in, load_mixes[k->mix].ciphers) != 0 ||
      strcmp(info.cipher_out, load_mixes[k->mix].ciphers) != 0)
    load_fail(crowd.load, "client: \"%s\" was agreed", info.cipher_in);
  crowd.load->r.exchanges += info.rekeys;
}

static void on_close(uvssh_session_t* session, const uvssh_end_t* end) {
  struct link* k = link_of(session);

  if (end->status != 0 || !k->leaving)
    load_fail(crowd.load, "client: a session ended with %s in phase %d: %s",
              uvssh_err_name(end->status), (int) end->phase, end->text);
  if (k->busy != 0)
    load_fail(crowd.load, "client: %u channels outlive a session", k->busy);
  check_exchanges(k);
  crowd.load->r.sessions_ended++;
  crowd.load->r.agreed[k->mix]++;
  crowd.load->sessions_live--;
  if (k->life == 0) {
    crowd.load->r.sessions_whole++;
    k->place->whole++;
  }
  if (!k->in)
    crowd.logging_in--;
  k->place->link = NULL;
  free(k);
}

static void work(struct link* k) {
  unsigned i;

  k->moved_at = crowd.second;
  for (i = 0; i < crowd.load->o.channels; i++)
    flow_begin(&k->flows[i]);
}

static void on_login(uvssh_req_t* req, int status) {
  struct link* k = link_of(req->session);
  unsigned i;

  expect(status, "login");
  if (status != 0)
    return;
  k->in = 1;
  crowd.logging_in--;
  crowd.load->r.logins_by_key += (uint64_t) k->by_key;
  if (crowd.missing == 0) {
    work(k);
    return;
  }
  if (--crowd.missing == 0)
    for (i = 0; i < crowd.load->o.sessions; i++)
      work(crowd.places[i].link);
}

static void configure(uvssh_config_t* config, const struct link* k) {
  static const uint32_t windows[] = { 2000, 33000, 1 << 17, 1 << 21, 1 << 21 };
  static const uint32_t packets[] = { 1024, 9000, 1 << 15, 1 << 15 };
  static const uint32_t queues[] = { 4096, 1 << 16, 1 << 20 };

  uvssh_config_init(config);
  config->kex = load_mixes[k->mix].kex;
  config->ciphers = load_mixes[k->mix].ciphers;
  config->macs = load_mixes[k->mix].macs;
  config->rekey_bytes = REKEY_BYTES;
  config->window_bytes = windows[pick(5)];
  config->packet_bytes = packets[pick(4)];
  config->queue_bytes = queues[pick(3)];
  config->drain_bytes = config->queue_bytes / 4;
  /* See the server's. */
  config->connect_timeout_ms = 0;
  config->ident_timeout_ms = config->kex_timeout_ms = 0;
  config->login_timeout_ms = config->linger_ms = STILL_S * 1000;
}

static void arrive(struct place* place) {
  static const uvssh_session_handlers_t on = {
    .on_hostkey = on_hostkey, .on_close = on_close
  };
  struct link* k = calloc(1, sizeof(*k));
  uvssh_client_login_t what = { .host = "127.0.0.1", .user = USER };
  uvssh_config_t config;
  unsigned i;
  int err;

  if (k == NULL)
    abort();
  k->place = place;
  k->mix = pick(load_mix_count);
  k->life = LIFE_LEAST + pick(LIFE_MORE);
  k->by_key = pick(2) == 0;
  k->moved_at = crowd.second;
  for (i = 0; i < CHANNELS_MAX; i++)
    k->flows[i].link = k;
  configure(&config, k);
  what.port = crowd.load->port;
  what.keys = &crowd.load->user_key;
  what.key_count = k->by_key ? 1 : 0;
  what.password = k->by_key ? NULL : PASSWORD;
  err = uvssh_session_init(&crowd.loop, &k->session, &config, &on);
  expect(err, "session_init");
  if (err != 0) {
    free(k);
    return;
  }
  place->link = k;
  crowd.logging_in++;
  crowd.load->sessions_live++;
  expect(uvssh_client_login(&k->login, &k->session, &what, on_login), "login");
}

/* ---- time ---------------------------------------------------------------- */

/* A session that gets nothing while time goes by: it will not be waited for. */
static void check_moves(const struct link* k) {
  const struct flow* f;
  unsigned i;

  if (crowd.second - k->moved_at < STILL_S)
    return;
  load_fail(crowd.load, "client: a session stands still (%s, %s)",
            load_mixes[k->mix].ciphers, k->leaving ? "leaving" : "at work");
  for (i = 0; i < crowd.load->o.channels; i++) {
    f = &k->flows[i];
    printf("  channel %u: %s, %llu of %llu sent, %llu back%s\n", i,
           f->busy ? "open" : "closed", (unsigned long long) f->sent,
           (unsigned long long) f->total, (unsigned long long) f->got,
           f->paused ? ", paused" : "");
  }
  printf("0 passed, 1 failed\n");
  fflush(stdout);
  _Exit(1);
}

static void on_second(void) {
  uvssh_session_info_t info;
  uint64_t exchanges = 0;
  struct link* k;
  unsigned i;

  crowd.second++;
  crowd.over = crowd.second >= crowd.load->o.seconds;
  for (i = 0; i < crowd.load->o.sessions; i++) {
    k = crowd.places[i].link;
    if (k == NULL)
      continue;
    check_moves(k);
    uvssh_session_info(&k->session, &info);
    exchanges += info.rekeys;
  }
  load_tell(crowd.load, crowd.second, exchanges);
}

static void wake_readers(struct link* k) {
  unsigned i;

  for (i = 0; i < crowd.load->o.channels; i++)
    if (k->flows[i].paused && pick(2) == 0) {
      k->flows[i].paused = 0;
      expect(uvssh_channel_read_start(&k->flows[i].channel, on_read),
             "read again");
    }
}

/* 1 when somebody is here or is still to come. */
static int visit(struct place* place) {
  if (place->link != NULL)
    wake_readers(place->link);
  else if (crowd.logging_in < LOGINS_MAX && !failed() &&
           (!crowd.over || place->whole == 0))
    arrive(place);
  return place->link != NULL ||
         (place->whole == 0 && !failed());
}

static void on_tick(uv_timer_t* timer) {
  unsigned i;
  int here = 0;

  if (uv_now(&crowd.loop) - crowd.began >= 1000 * (uint64_t) crowd.second +
                                               1000)
    on_second();
  for (i = 0; i < crowd.load->o.sessions; i++)
    here |= visit(&crowd.places[i]);
  if (crowd.over && !here)
    uv_close((uv_handle_t*) timer, NULL);
}

void load_clients(struct load* l) {
  memset(&crowd, 0, sizeof(crowd));
  crowd.load = l;
  crowd.seed = load_mixed(l->o.seed);
  crowd.missing = l->o.sessions;
  crowd.places = calloc(l->o.sessions, sizeof(*crowd.places));
  if (crowd.places == NULL || uv_loop_init(&crowd.loop) != 0)
    abort();
  crowd.began = uv_now(&crowd.loop);
  uv_timer_init(&crowd.loop, &crowd.tick);
  uv_timer_start(&crowd.tick, on_tick, 0, TICK_MS);
  uv_run(&crowd.loop, UV_RUN_DEFAULT);
  if (uv_loop_close(&crowd.loop) != 0)
    load_fail(l, "client: something is left in the loop");
  free(crowd.places);
}
