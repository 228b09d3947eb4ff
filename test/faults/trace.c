/* trace.c: see trace.h. */
#include "trace.h"

#include <stdio.h>

/* ---- making it ----------------------------------------------------------- */

static uint8_t number_of(const char* name, size_t len) {
  unsigned i;

  for (i = 1; i < 256; i++)
    if (strlen(uvssh__msg_name((uint8_t) i)) == len &&
        memcmp(uvssh__msg_name((uint8_t) i), name, len) == 0)
      return (uint8_t) i;
  FAIL("no message is a %.*s", (int) len, name);
}

/* It begins where the one before it ended. */
static void add(struct trace_wire* w, struct trace_message m) {
  CHECK(w->count < TRACE_MESSAGES);
  if (w->count != 0)
    m.start = w->message[w->count - 1].end;
  w->message[w->count++] = m;
}

/* "out KEXINIT #0, 500 bytes", when the packet is counted. */
static void on_log(void* arg, uvssh_log_level level,
                   const uvssh_session_t* session, const char* text) {
  struct trace* t = arg;
  const struct side* s = CONTAINER_OF(session, struct side, pub);
  const struct transport* transport = &s->session.transport;
  struct trace_wire* w = &t->wire[s == &t->app->pipe.client];
  struct trace_message m = { .stage = t->app->stage,
                             .end = transport->out.bytes,
                             .cause = transport->in.bytes };

  if (level != UVSSH_LOG_PACKET || strncmp(text, "out ", 4) != 0)
    return;
  m.number = number_of(text + 4, strcspn(text + 4, " "));
  if (m.number == MSG_KEXINIT && w->count == 1)   /* its line, CR LF */
    w->message[0].end = strlen(transport->ident_ours) + 2;
  add(w, m);
}

struct app* trace_app(const char* cipher) {
  struct app* a = app_new();
  uvssh_config_t* s = &a->server_config;
  uvssh_config_t* c = &a->client_config;

  a->unit = 10;
  a->patient = 1;
  s->ciphers = c->ciphers = cipher;
  s->ident_timeout_ms = 10000;
  c->ident_timeout_ms = 12000;
  s->kex_timeout_ms = 20000;
  c->kex_timeout_ms = 25000;
  s->login_timeout_ms = 50000;
  c->login_timeout_ms = 55000;
  s->idle_timeout_ms = 60000;
  c->idle_timeout_ms = 90000;
  return a;
}

static void note_channel(struct trace_thing* thing,
                         const struct app_channel* ch,
                         int by_server) {
  thing->in_use = ch->in_use;
  thing->by_server = by_server;
  thing->status = ch->status;
  thing->heard = ch->heard;
  thing->stage = ch->stage;
}

static void note_things(struct trace* t) {
  const struct app* a = t->app;
  unsigned i;

  for (i = 0; i < a->req_count; i++) {
    t->request[i].in_use = 1;
    t->request[i].by_server = a->reqs[i].req.session == &a->pipe.server.pub;
    t->request[i].status = a->reqs[i].status;
    t->request[i].heard = a->reqs[i].heard;
    t->request[i].stage = a->reqs[i].stage;
    if (a->reqs[i].heard == a->reqs[i].begun)
      t->request[i].taken = a->reqs[i].said;
  }
  for (i = 0; i < APP_CHANNELS; i++) {
    note_channel(&t->served[i], &a->served[i], 1);
    note_channel(&t->asked[i], &a->asked[i], 0);
  }
}

static void run_once(struct trace* t, const char* cipher, size_t chunk) {
  struct trace_message ident = { 0 };
  struct app* a = trace_app(cipher);

  memset(t, 0, sizeof(*t));
  t->app = a;
  add(&t->wire[0], ident);
  add(&t->wire[1], ident);
  a->server_config.log = a->client_config.log = on_log;
  a->server_config.log_arg = a->client_config.log_arg = t;
  a->server_config.log_level = a->client_config.log_level = UVSSH_LOG_PACKET;
  pipe_chunk(&a->pipe, chunk, 0);
  app_script(a);
  CHECK(app_script_is_complete(a));
  note_things(t);
  t->wire[0].total = a->pipe.server.delivered;
  t->wire[1].total = a->pipe.client.delivered;
  t->wire[0].message[t->wire[0].count - 1].end = t->wire[0].total;
  t->wire[1].message[t->wire[1].count - 1].end = t->wire[1].total;
  app_end(a);
  t->app = NULL;
}

/* Byte by byte, a message's cause is just the message that it answers. In
 * pieces of any size the same is said, or this would tell nothing of them. */
void trace_make(struct trace* t, const char* cipher) {
  static struct trace whole;
  unsigned i, k;

  run_once(&whole, cipher, 0);
  run_once(t, cipher, 1);
  for (k = 0; k < 2; k++) {
    CHECK_EQ(whole.wire[k].count, t->wire[k].count);
    CHECK_EQ(whole.wire[k].total, t->wire[k].total);
    for (i = 0; i < t->wire[k].count; i++) {
      NOTE("message %u of %s", i, k == 0 ? "the server" : "the client");
      CHECK_EQ(whole.wire[k].message[i].number, t->wire[k].message[i].number);
      CHECK_EQ(whole.wire[k].message[i].start, t->wire[k].message[i].start);
    }
  }
}

uint64_t trace_total(const struct trace* t, int of_server) {
  return t->wire[!of_server].total;
}

static const struct trace_message* at_byte(const struct trace_wire* w,
                                           uint64_t n) {
  unsigned i;

  for (i = 0; i + 1 < w->count && w->message[i].end <= n; i++)
    ;
  return &w->message[i];
}

const char* trace_where(const struct trace* t, int of_server, uint64_t n) {
  static char text[80];
  const struct trace_wire* w = &t->wire[!of_server];
  const struct trace_message* m = at_byte(w, n);

  snprintf(text, sizeof(text), "byte %u of %u of %s, in %s (stage %u)",
           (unsigned) n, (unsigned) w->total,
           of_server ? "the server" : "the client",
           m->number == 0 ? "the identification" : uvssh__msg_name(m->number),
           m->stage);
  return text;
}

/* ---- how it has to end --------------------------------------------------- */

struct fate {                      /* of one side */
  int is_server;
  uint64_t heard;                  /* what it has read */
  unsigned stage;                  /* where the script has stopped */
  uint64_t taken;                  /* of what it said, by its transport */
  uint64_t due;                    /* its deadline, from the beginning */
  int left;                        /* it has said DISCONNECT, in peace */
  int status;
  uvssh_phase phase;
  int by_peer;
  unsigned reason;
};

/* How many of these it has read, and how many it has sent. */
static unsigned read_of(const struct trace* t, const struct fate* f,
                        uint8_t number) {
  const struct trace_wire* w = &t->wire[f->is_server];
  unsigned i, n = 0;

  for (i = 0; i < w->count; i++)
    n += w->message[i].number == number && w->message[i].end <= f->heard;
  return n;
}

static unsigned sent_of(const struct trace* t, const struct fate* f,
                        uint8_t number) {
  const struct trace_wire* w = &t->wire[!f->is_server];
  unsigned i, n = 0;

  for (i = 0; i < w->count; i++)
    n += w->message[i].number == number && w->message[i].cause <= f->heard &&
         w->message[i].stage <= f->stage;
  return n;
}

/* All that the other one sent, having read `heard` of us. */
static uint64_t answered(const struct trace_wire* w, uint64_t heard,
                         unsigned stage) {
  uint64_t end = 0;
  unsigned i;

  for (i = 0; i < w->count; i++)
    if (w->message[i].cause <= heard && w->message[i].stage <= stage)
      end = w->message[i].end;
  return end;
}

/* Where it stands: its phase, and which deadline runs. */
static void stand(const struct trace* t, struct fate* f) {
  unsigned exchanges = read_of(t, f, MSG_KEXINIT);
  unsigned begun = sent_of(t, f, MSG_KEXINIT);
  unsigned over = read_of(t, f, MSG_NEWKEYS);
  int is_in = f->is_server ? sent_of(t, f, MSG_USERAUTH_SUCCESS) != 0
                           : read_of(t, f, MSG_USERAUTH_SUCCESS) != 0;

  f->phase = is_in                  ? UVSSH_PHASE_OPEN
             : over != 0            ? UVSSH_PHASE_AUTH
             : read_of(t, f, 0) != 0 ? UVSSH_PHASE_KEX
                                    : UVSSH_PHASE_IDENT;
  if (f->phase == UVSSH_PHASE_IDENT)
    f->due = f->is_server ? 10000 : 12000;
  else if ((begun > exchanges ? begun : exchanges) > over)
    f->due = f->is_server ? 20000 : 25000;
  else if (f->phase == UVSSH_PHASE_AUTH)
    f->due = f->is_server ? 50000 : 55000;
  else
    f->due = f->is_server ? 60000 : 90000;
}

static void ends(struct fate* f, int status, int by_peer, unsigned reason) {
  if (f->left)
    return;
  f->status = f->phase == UVSSH_PHASE_IDENT && by_peer ? UVSSH_ENOBANNER
                                                       : status;
  f->by_peer = by_peer;
  f->reason = reason;
}

/* Whose deadline comes first says so, if the way there is not the one that is
 * cut; before the identification nothing can be said. */
static void silence(struct fate* from, struct fate* to) {
  ends(to, UV_ETIMEDOUT, 0, UVSSH_DISCONNECT_BY_APPLICATION);
  if (to->left || from->left || from->due < to->due)
    ends(from, UV_ETIMEDOUT, 0, UVSSH_DISCONNECT_BY_APPLICATION);
  else if (to->phase == UVSSH_PHASE_IDENT)
    ends(from, UV_EOF, 1, 0);
  else
    ends(from, UVSSH_EDISCONNECT, 1, UVSSH_DISCONNECT_BY_APPLICATION);
}

static void foresee(const struct trace* t, struct fate* from, struct fate* to,
                    uint64_t n, int status) {
  const struct trace_wire* w = &t->wire[!from->is_server];
  const struct trace_message* lost = at_byte(w, n);

  /* Between two stages the wire ends before the next one begins; a silence, or
   * a write that fails, is found out in that. */
  if (n == lost->start && n != 0 && status != 0 && status != UV_EPIPE)
    lost--;
  from->stage = to->stage = lost->stage;
  from->taken = status == UV_EPIPE ? n : UINT64_MAX;
  to->taken = UINT64_MAX;
  to->heard = n;
  from->heard = answered(&t->wire[from->is_server], n, lost->stage);
  stand(t, from);
  stand(t, to);
  from->left = lost->number == MSG_DISCONNECT;
  from->reason = from->left ? UVSSH_DISCONNECT_BY_APPLICATION : 0;
  if (status == 0) {
    silence(from, to);
    return;
  }
  ends(from, status, 1, 0);
  ends(to, status == UV_EPIPE ? UV_EOF : status, 1, 0);
}

/* ---- looking ------------------------------------------------------------- */

static void check_side(const struct side* s, const struct fate* f) {
  CHECK_EQ(s->closes, 1);
  CHECK_EQ(s->end.status, f->status);
  CHECK_EQ(s->end.phase, f->phase);
  CHECK_EQ(s->end.by_peer, f->by_peer);
  CHECK_EQ(s->end.reason, f->reason);
}

/* What was over before is as in the trace; the rest ended with the session. */
static int status_of(const struct trace_thing* thing, const struct fate* f) {
  if (thing->heard <= f->heard && thing->stage <= f->stage &&
      thing->taken <= f->taken)
    return thing->status;
  return f->status != 0 ? f->status : UV_ECANCELED;
}

static void check_channel(const struct app_channel* ch,
                          const struct trace_thing* thing,
                          const struct fate* f) {
  CHECK(!ch->in_use || thing->in_use);
  if (ch->closes)
    CHECK_EQ(ch->status, status_of(thing, f));
}

void trace_check(const struct trace* t, const struct app* a, int of_server,
                 uint64_t n, int status) {
  struct fate fate[2] = { { 0 }, { 0 } };
  const struct fate* server = &fate[!of_server];
  const struct fate* client = &fate[of_server];
  const struct fate* mine;
  unsigned i;

  fate[0].is_server = of_server;
  fate[1].is_server = !of_server;
  foresee(t, &fate[0], &fate[1], n, status);
  check_side(&a->pipe.server, server);
  check_side(&a->pipe.client, client);
  for (i = 0; i < a->req_count; i++) {
    mine = t->request[i].by_server ? server : client;
    CHECK_EQ(a->reqs[i].refused, 0);
    CHECK_EQ(a->reqs[i].status, status_of(&t->request[i], mine));
  }
  for (i = 0; i < APP_CHANNELS; i++) {
    check_channel(&a->served[i], &t->served[i], server);
    check_channel(&a->asked[i], &t->asked[i], client);
  }
}
