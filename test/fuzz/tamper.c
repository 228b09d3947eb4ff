/* tamper.c: a fuzz target: a server and a client of ours with their own keys,
 * and somebody between them who flips, drops, adds, repeats and reorders bytes
 * and whole packets, holds them back, and cuts.
 *
 * Input: which ciphers the client takes, which the server, other choices; then
 * records of four bytes: what, a, b, c (enum deed).
 *
 * Laws: of what was sealed nothing is accepted from the first byte on that is
 * not as it was sent; what a reader gets is what was written, and it hears of
 * an end only when there was one; where both are ready they agree on all, by
 * strict key exchange, and on the best that both take; and where nobody
 * meddled all of it arrives.
 */
#include "app.h"
#include "fuzz.h"

#include <stdlib.h>

enum { CHANNELS = 4, BOUNDS = 4096, REQUESTS = 12 };

enum deed { FLIP, DROP, ADD, REPEAT, SWAP, DROP_PACKET, REPEAT_PACKET,
            SWAP_PACKETS, HOLD, CUT, CHUNK, TIME, WRITE, OPEN, REKEY, ASK,
            SHUTDOWN, CLOSE, LEAVE, DEEDS };

struct meddling {                  /* waits until its bytes are on the way */
  int due;
  enum deed what;
  uint64_t at;                     /* in what the sender has said */
  size_t n;                        /* bytes, or packets before it */
  uint8_t how;
};

struct way {                       /* from one side to the other */
  struct buf said;                 /* all that was put on it, as it was */
  uint64_t bounds[BOUNDS];         /* where packets begin */
  unsigned bound_count;
  uint64_t delivered;              /* at the last step */
  size_t waiting;
  uint64_t wrong_at;               /* the first byte that is not as it was */
  struct meddling m;
  size_t chunk;
  int held;
};

struct run {
  struct app* app;
  struct way way[2];               /* 0: the server's */
  size_t wrote[2][CHANNELS];       /* by the client, by the server */
  int ended[2][CHANNELS];
  struct app_req reqs[REQUESTS];
  int quiet;                       /* nobody meddles, and none goes */
  int login_begun;
};

static struct run* run_of(struct pipe* p) {
  return (struct run*) CONTAINER_OF(p, struct app, pipe)->data;
}

static struct side* side_at(struct run* r, unsigned which) {
  return which == 0 ? &r->app->pipe.server : &r->app->pipe.client;
}

/* ---- what is on the way -------------------------------------------------- */

static uint8_t* wire_at(struct side* s, size_t i) {
  return s->wire + s->at + i;
}

static void note_new(struct way* w, const struct side* s) {
  size_t now = s->len - s->at;
  size_t before = w->waiting - (size_t) (s->delivered - w->delivered);

  MUST(now >= before);
  if (now != before) {
    wr_bytes(&w->said, s->wire + s->len - (now - before), now - before);
    fuzz_trace(s->wire + s->len - (now - before), now - before);
  }
  MUST(!w->said.bad);
}

/* Where the first packet under keys begins, or UINT64_MAX. */
static uint64_t sealed_from(const struct way* w) {
  const uint8_t* base = w->said.base;
  const uint8_t* end = base == NULL ? NULL
                                    : (const uint8_t*) memchr(base, '\n',
                                                              w->said.len);
  size_t at;

  if (end == NULL)
    return UINT64_MAX;
  for (at = (size_t) (end - base) + 1; at + 6 <= w->said.len;) {
    int last = base[at + 5] == MSG_NEWKEYS;
    at += 4 + get_u32(base + at);
    if (last)
      return at;
  }
  return UINT64_MAX;
}

static void find_wrong(struct way* w, const struct side* s) {
  size_t n = s->len - s->at;
  size_t i;

  if (w->wrong_at < s->delivered)
    return;                        /* it has been read */
  w->wrong_at = UINT64_MAX;
  for (i = 0; i < n; i++) {
    uint64_t at = s->delivered + i;
    if (at >= w->said.len || w->said.base[at] != s->wire[s->at + i]) {
      w->wrong_at = at;
      return;
    }
  }
}

static void remove_bytes(struct side* s, size_t i, size_t n) {
  memmove(wire_at(s, i), wire_at(s, i + n), s->len - s->at - i - n);
  s->len -= n;
}

static void add_bytes(struct side* s, size_t i, const void* base, size_t n) {
  uint8_t* copy = fuzz_copy((const uint8_t*) base, n);
  size_t behind = s->len - s->at - i;

  pipe_inject(s, copy, n);         /* makes room */
  memmove(wire_at(s, i + n), wire_at(s, i), behind);
  memcpy(wire_at(s, i), copy, n);
  free(copy);
}

static void swap_bytes(struct side* s, size_t i, size_t n, size_t m) {
  uint8_t* copy = fuzz_copy(wire_at(s, i), n);

  memmove(wire_at(s, i), wire_at(s, i + n), m);
  memcpy(wire_at(s, i + m), copy, n);
  free(copy);
}

/* ---- meddling ------------------------------------------------------------ */

static void meddle_bytes(struct way* w, struct side* s) {
  static const uint8_t zeros[256];
  struct meddling* m = &w->m;
  size_t i = (size_t) (m->at - s->delivered);
  size_t have = s->len - s->at;

  if (m->at < s->delivered)
    m->due = 0;                    /* too late */
  if (!m->due || i + m->n * (m->what == SWAP ? 2 : 1) > have)
    return;
  m->due = 0;
  switch (m->what) {
    case FLIP: *wire_at(s, i) ^= m->how; break;
    case DROP: remove_bytes(s, i, m->n); break;
    case ADD: add_bytes(s, i, zeros, m->n); break;
    case REPEAT: add_bytes(s, i, wire_at(s, i), m->n); break;
    default: swap_bytes(s, i, m->n, m->n); break;
  }
}

/* Whole packets, while nothing else is wrong: the places are still right. */
static void meddle_packets(struct way* w, struct side* s) {
  struct meddling* m = &w->m;
  unsigned b = 0;
  size_t i, n, more;

  while (b < w->bound_count && w->bounds[b] < s->delivered)
    b++;
  b += (unsigned) m->n;
  if (w->wrong_at != UINT64_MAX)
    m->due = 0;
  if (!m->due || b + 2 >= w->bound_count ||
      w->bounds[b + 2] - s->delivered > s->len - s->at)
    return;
  m->due = 0;
  i = (size_t) (w->bounds[b] - s->delivered);
  n = (size_t) (w->bounds[b + 1] - w->bounds[b]);
  more = (size_t) (w->bounds[b + 2] - w->bounds[b + 1]);
  if (m->what == DROP_PACKET)
    remove_bytes(s, i, n);
  else if (m->what == REPEAT_PACKET)
    add_bytes(s, i, wire_at(s, i), n);
  else
    swap_bytes(s, i, n, more);
}

/* ---- laws ---------------------------------------------------------------- */

/* Of two lists the first one's best that the other has. */
static const char* best(const char* client, const char* server) {
  static char name[100];
  size_t n;

  for (; *client != '\0'; client += client[n] == ',' ? n + 1 : n) {
    n = strcspn(client, ",");
    memcpy(name, client, n);
    name[n] = '\0';
    if (strstr(server, name) != NULL)
      return name;
  }
  return NULL;
}

static const char* list_or(const char* list, enum algo kind) {
  return list == NULL ? uvssh__algo_known(kind) : list;
}

static const char* best_cipher(const struct app* a) {
  return best(list_or(a->client_config.ciphers, ALGO_CIPHER),
              list_or(a->server_config.ciphers, ALGO_CIPHER));
}

static void agree(struct run* r) {
  const struct pipe* p = &r->app->pipe;
  const struct transport* c = &p->client.session.transport;
  const struct transport* s = &p->server.session.transport;
  unsigned i;

  if (!p->client.up || !p->server.up || !p->client.session.is_ready ||
      !p->server.session.is_ready)
    return;
  MUST(c->session_id_len == 32 &&
       memcmp(c->session_id, s->session_id, 32) == 0);
  MUST(c->strict && s->strict);
  for (i = 0; i < 2; i++) {
    MUST(strcmp(c->agreed.cipher[i]->name, best_cipher(r->app)) == 0);
    MUST(c->agreed.cipher[i] == s->agreed.cipher[i]);
    MUST(c->agreed.mac[i] == s->agreed.mac[i]);
  }
}

static void accepted_is_right(struct run* r, unsigned which) {
  const struct way* w = &r->way[which];
  const struct side* to = side_at(r, which)->other;

  if (to->up && w->wrong_at != UINT64_MAX && w->wrong_at >= sealed_from(w))
    MUST(to->session.transport.in.bytes <= w->wrong_at);
}

static void channels_are_right(struct run* r) {
  unsigned i;

  for (i = 0; i < CHANNELS; i++) {
    struct app_channel* asked = &r->app->asked[i];
    struct app_channel* served = &r->app->served[i];

    asked->pattern = served->pattern = 1;
    MUST(served->got[0] <= r->wrote[0][i] && asked->got[0] <= r->wrote[1][i]);
    if (served->ends && served->end == UV_EOF)
      MUST(r->ended[0][i]);
    if (asked->ends && asked->end == UV_EOF)
      MUST(r->ended[1][i]);
  }
}

/* ---- steps --------------------------------------------------------------- */

static void begin_login(struct run* r) {
  struct app* a = r->app;
  struct side* c = &a->pipe.client;
  uvssh_req_t* req;

  if (r->login_begun || !c->up || !c->started || c->start_status != 0)
    return;
  r->login_begun = 1;
  req = app_req(a, &a->login, NULL);
  if (a->method == UVSSH_AUTH_PASSWORD)
    (void) uvssh_auth_password(req, &c->pub, "bob", "secret", app_done);
  else
    (void) uvssh_auth_publickey(req, &c->pub, "bob", a->user_key, app_done);
}

static void step_way(struct run* r, unsigned which) {
  struct way* w = &r->way[which];
  struct side* s = side_at(r, which);

  if (s->is_cut || s->other->closes != 0) {
    s->stop = 0;                   /* what is left is lost */
    return;
  }
  note_new(w, s);
  if (w->m.due && w->m.what >= DROP_PACKET)
    meddle_packets(w, s);
  else if (w->m.due)
    meddle_bytes(w, s);
  find_wrong(w, s);
  accepted_is_right(r, which);
  w->delivered = s->delivered;
  w->waiting = s->len - s->at;
  s->stop = w->held || w->waiting == 0;
  s->chunk = w->chunk != 0 && w->chunk < w->waiting ? w->chunk : w->waiting;
}

static void on_step(struct pipe* p) {
  struct run* r = run_of(p);

  app_log_clear(r->app);
  step_way(r, 0);
  step_way(r, 1);
  agree(r);
  channels_are_right(r);
  begin_login(r);
}

static void on_log(void* arg, uvssh_log_level level,
                   const uvssh_session_t* session, const char* text) {
  struct run* r = (struct run*) arg;
  struct side* s = CONTAINER_OF(session, struct side, pub);
  struct way* w = &r->way[s == &r->app->pipe.client];

  if (strncmp(text, "out ", 4) == 0 && w->bound_count < BOUNDS)
    w->bounds[w->bound_count++] = s->session.transport.sealed_end;
}

/* ---- deeds --------------------------------------------------------------- */

static struct app_req* request(struct run* r) {
  unsigned i;

  for (i = 0; i < REQUESTS; i++)
    if (r->reqs[i].app == NULL || r->reqs[i].done) {
      (void) app_req(r->app, &r->reqs[i], NULL);
      return &r->reqs[i];
    }
  return NULL;
}

static void started(struct app_req* req, int err) {
  if (err != 0)
    req->done = 1;
}

static void on_opened(uvssh_req_t* req, int status) {
  struct app_channel* ch = CONTAINER_OF(req, struct app_channel, open.req);

  app_done(req, status);
  if (status == 0)
    (void) uvssh_channel_read_start(&ch->pub, app_read);
}

static void open_channel(struct run* r, unsigned i) {
  static const uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_SESSION };
  struct app* a = r->app;
  struct app_channel* ch = &a->asked[i];

  /* One after the other, so that asked[i] is served[i]. */
  if (ch->in_use || (i > 0 && !a->served[i - 1].in_use) ||
      a->served_count != i || !a->pipe.client.up)
    return;
  ch->app = a;
  ch->name[0] = 'c';
  ch->name[1] = (char) ('0' + i);
  ch->in_use = uvssh_channel_open(app_req(a, &ch->open, NULL),
                                  &a->pipe.client.pub, &ch->pub, &what,
                                  &a->on_asked, on_opened) == 0;
}

static struct app_channel* channel_at(struct run* r, unsigned by_server,
                                      unsigned i) {
  return by_server ? &r->app->served[i] : &r->app->asked[i];
}

static void write_to(struct run* r, unsigned by_server, unsigned i, size_t n) {
  struct app_channel* ch = channel_at(r, by_server, i);
  uint8_t* bytes = (uint8_t*) malloc(n + 1);

  MUST(bytes != NULL);
  app_pattern(bytes, r->wrote[by_server][i], n);
  if (ch->in_use && !r->ended[by_server][i] &&
      uvssh_channel_send(&ch->pub, UVSSH_DATA, bytes, n) == 0)
    r->wrote[by_server][i] += n;
  free(bytes);
}

static void end_channel(struct run* r, unsigned by_server, unsigned i,
                        enum deed how) {
  struct app_channel* ch = channel_at(r, by_server, i);

  if (!ch->in_use || ch->pub.impl == NULL)
    return;
  if (how == CLOSE) {
    r->quiet = 0;
    r->ended[by_server][i] = 1;
    uvssh_channel_close(&ch->pub);
  } else if (uvssh_channel_shutdown(NULL, &ch->pub, NULL) == 0) {
    r->ended[by_server][i] = 1;    /* not where it is still to be opened */
  }
}

static void rekey(struct run* r, struct side* s) {
  struct app_req* req = request(r);

  if (req != NULL)
    started(req, uvssh_session_rekey(&req->req, &s->pub, app_done));
}

static void ask(struct run* r, struct side* s) {
  static const uvssh_session_request_t what = { .type = UVSSH_GLOBAL_OTHER,
                                                .name = "x@example.com" };
  struct app_req* req = request(r);

  if (req != NULL)
    started(req, uvssh_session_request(&req->req, &s->pub, &what, app_done));
}

static void meddle(struct run* r, unsigned which, enum deed what, uint8_t a,
                   uint8_t b, uint8_t c) {
  struct way* w = &r->way[which];

  r->quiet = 0;
  w->m.due = 1;
  w->m.what = what;
  w->m.at = side_at(r, which)->delivered + ((unsigned) (a >> 1) << 8 | b);
  w->m.how = c == 0 ? 1 : c;
  w->m.n = what == FLIP         ? 1
           : what < DROP_PACKET ? 1 + (size_t) c
                                : (size_t) b % 8;
}

static void cut(struct run* r, struct side* s, uint8_t b, uint8_t c) {
  r->quiet = 0;
  s->cut_at = s->delivered + b;
  s->cut = (enum cut) (c % 3);
}

static void pass(struct run* r, uint8_t a) {
  if (r->way[0].held || r->way[1].held)
    r->quiet = 0;                  /* nobody hears, and gives up */
  if (a == 255)
    (void) pipe_wait(&r->app->pipe);
  else
    pipe_sleep(&r->app->pipe, (uint64_t) a * a);
}

static void deed(struct run* r, const uint8_t rec[4]) {
  enum deed what = (enum deed) (rec[0] % DEEDS);
  unsigned which = rec[1] & 1;
  unsigned i = (rec[1] >> 1) % CHANNELS;
  struct side* s = side_at(r, which);

  switch (what) {
    case HOLD: r->way[which].held = rec[2] & 1; break;
    case CUT: cut(r, s, rec[2], rec[3]); break;
    case CHUNK: r->way[which].chunk = (size_t) rec[2] * 3; break;
    case TIME: pass(r, rec[1]); break;
    case WRITE: write_to(r, which, i, (size_t) rec[2] << 6 | rec[3]); break;
    case OPEN: open_channel(r, i); break;
    case REKEY: rekey(r, s); break;
    case ASK: ask(r, s); break;
    case SHUTDOWN: case CLOSE: end_channel(r, which, i, what); break;
    case LEAVE:
      r->quiet = 0;
      memset(r->ended, 1, sizeof(r->ended));
      (void) uvssh_session_disconnect(&s->pub, 11, "bye");
      break;
    default: meddle(r, which, what, rec[1], rec[2], rec[3]); break;
  }
  if ((rec[1] & 0x80) == 0 || what < HOLD)
    pipe_run(&r->app->pipe);
}

/* ---- the whole ----------------------------------------------------------- */

static void configure(struct run* r, struct input* in) {
  static const char* const ciphers[] = {
    NULL, "chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com",
    "aes256-ctr", "aes256-ctr,aes256-gcm@openssh.com",
    "aes128-gcm@openssh.com", "aes192-ctr,aes128-ctr"
  };
  static const char* const macs[] = {
    NULL, "hmac-sha2-256", "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512,hmac-sha2-512-etm@openssh.com"
  };
  uvssh_config_t* c = &r->app->client_config;
  uvssh_config_t* s = &r->app->server_config;
  unsigned client = input_u8(in), server = input_u8(in), more = input_u8(in);

  c->ciphers = ciphers[client % ARRAY_SIZE(ciphers)];
  s->ciphers = ciphers[server % ARRAY_SIZE(ciphers)];
  c->macs = s->macs = macs[more % ARRAY_SIZE(macs)];
  c->log = s->log = on_log;
  c->log_arg = s->log_arg = r;
  c->log_level = s->log_level = UVSSH_LOG_PACKET;
  c->window_bytes = s->window_bytes = 32 * 1024;
  if ((more & 0x10) != 0)
    c->rekey_packets = 20;
  if ((more & 0x20) != 0)
    s->rekey_packets = 15;
  if ((more & 0x40) != 0)
    r->app->method = UVSSH_AUTH_PASSWORD;
  if ((more & 0x80) != 0) {
    r->app->pipe.jobs = JOBS_LATER;
    r->app->pipe.job_steps = 3;
  }
}

/* Nobody meddled: it works, and all arrives. */
static void all_arrived(struct run* r) {
  struct app* a = r->app;
  unsigned i;

  if (!r->quiet || best_cipher(a) == NULL)
    return;
  MUST(a->pipe.client.up && a->pipe.server.up);
  MUST(a->login.done && a->login.status == 0 && a->client_ready == 1);
  for (i = 0; i < CHANNELS; i++) {
    MUST(a->served[i].got[0] == r->wrote[0][i]);
    MUST(a->asked[i].got[0] == r->wrote[1][i]);
    MUST(a->served[i].ends == r->ended[0][i]);
  }
  for (i = 0; i < REQUESTS; i++)
    MUST(r->reqs[i].app == NULL || r->reqs[i].done);
}

static void run(struct run* r, struct input in) {
  struct pipe* p = &r->app->pipe;
  unsigned i;

  r->app->data = r;
  r->app->tolerant = 1;
  r->quiet = 1;
  r->way[0].wrong_at = r->way[1].wrong_at = UINT64_MAX;
  configure(r, &in);
  p->on_step = on_step;
  app_open(r->app);
  while (in.left >= 4) {
    deed(r, in.at);
    in.at += 4;
    in.left -= 4;
  }
  r->way[0].held = r->way[1].held = 0;
  pipe_run(p);
  all_arrived(r);
  for (i = 0; i < 2; i++)
    side_at(r, i)->stop = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct input in = { data, size };
  struct run* r = (struct run*) calloc(1, sizeof(*r));
  unsigned i;

  MUST(r != NULL);
  fuzz_begin();
  r->app = app_new();
  run(r, in);
  r->app->pipe.on_step = NULL;
  app_end(r->app);
  for (i = 0; i < 2; i++)
    uvssh__buf_free(&r->way[i].said);
  free(r);
  return fuzz_end();
}
