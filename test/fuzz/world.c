/* world.c: runs one session on one input. See world.h.
 *
 * It does what lib/loop/attach.c does, without sockets; and it reads the log: a
 * line for each message that leaves, in which two laws can be seen. Nothing
 * leaves behind DISCONNECT, and from our KEXINIT to our NEWKEYS nothing but
 * what belongs to transport and key exchange.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- what a session needs ------------------------------------------------ */

static struct world* world_of(const struct desk* desk) {
  return CONTAINER_OF(session_of(desk), struct world, s);
}

static void on_wake(struct desk* desk) {
  world_of(desk)->dirty = 1;
}

static int on_submit(struct desk* desk, struct job* job) {
  struct world* w = world_of(desk);

  if (!w->jobs_later) {
    job->run(job);
    return 1;
  }
  MUST(w->job == NULL);            /* one a session */
  w->job = job;
  return 0;
}

static uint64_t on_now(const struct desk* desk) {
  return world_of(desk)->now;
}

static const struct desk_ops ops = { on_wake, on_submit, on_now, NULL };

/* ---- laws ---------------------------------------------------------------- */

static int starts_with(const char* text, const char* with) {
  return strncmp(text, with, strlen(with)) == 0;
}

static int belongs_to_exchange(const char* name) {
  return starts_with(name, "KEX") || starts_with(name, "NEWKEYS ") ||
         starts_with(name, "DISCONNECT ") || starts_with(name, "IGNORE ") ||
         starts_with(name, "DEBUG ") || starts_with(name, "UNIMPLEMENTED ");
}

static void on_log(void* arg,
                   uvssh_log_level level,
                   const uvssh_session_t* session,
                   const char* text) {
  struct world* w = (struct world*) arg;
  const char* name = text + 4;

  MUST(strlen(text) < 1024 && strchr(text, '\n') == NULL);
  fuzz_trace(text, strlen(text));
  if (level != UVSSH_LOG_PACKET || !starts_with(text, "out "))
    return;
  MUST(!w->disconnected);
  if (w->in_exchange)
    MUST(belongs_to_exchange(name));
  if (starts_with(name, "KEXINIT "))
    w->in_exchange = 1;
  else if (starts_with(name, "NEWKEYS "))
    w->in_exchange = 0;
  else if (starts_with(name, "DISCONNECT "))
    w->disconnected = 1;
}

/* ---- turns --------------------------------------------------------------- */

static void write_out(struct world* w) {
  uv_buf_t out;

  while (!w->writing && uvssh__session_output(&w->s, &out)) {
    MUST(out.len != 0);
    fuzz_trace(out.base, out.len);
    w->writing = 1;
    if (w->full)
      return;
    w->writing = 0;
    uvssh__session_wrote(&w->s);
  }
}

/* What the peer may send, what is held of it, and what it will be given back
 * are the window together. */
static void window_adds_up(const struct channel* ch) {
  const struct chunk* chunk;
  int64_t sum = ch->credit + ch->window_in;
  size_t at;
  uint32_t n;

  for (chunk = ch->held; chunk != NULL; chunk = chunk->next) {
    for (at = chunk->first; at < chunk->len; at += RUN_HEAD + n) {
      n = get_u32(chunk->data + at) / RUN_UNIT;
      sum += n;
    }
    MUST(at == chunk->len);
  }
  if (ch->open && !ch->close_in && !ch->closing)
    MUST(sum == ch->window_max);
}

/* Every queue has a bound. */
static void nothing_grows(const struct world* w) {
  const struct transport* t = &w->s.transport;
  const struct conn* c = &w->s.conn;
  const struct channel* ch;
  unsigned i;

  MUST(w->s.desk.question_count <= QUESTIONS_MAX);
  MUST(t->unsent <= SEAL_AHEAD_MAX + REPLIES_MAX + 2 * PACKET_MAX);
  MUST(t->deferred_count <= DEFERRED_MAX);
  MUST(t->deferred.len <= DEFERRED_BYTES_MAX + 4 * DEFERRED_MAX);
  MUST(c->count + c->open_count <= 6);
  if (w->s.ending > E_EMPTYING)
    return;
  for (i = 0; i < c->table_size; i++)
    for (ch = c->table[i]; ch != NULL; ch = ch->next)
      window_adds_up(ch);
}

/* What is due has been done: nothing asks to be called again and again. */
static void world_rests(const struct world* w) {
  if (!session_wants_close(&w->s))
    MUST(uvssh__session_deadline(&w->s) > w->now);
}

void world_turn(struct world* w) {
  int rounds = 0;

  do {
    w->dirty = 0;
    uvssh__session_turn(&w->s);
    write_out(w);
    MUST(++rounds < 1000);
  } while (w->dirty);
  world_rests(w);
  nothing_grows(w);
}

/* ---- deeds --------------------------------------------------------------- */

static void job_back(struct world* w) {
  struct job* job = w->job;

  if (job == NULL)
    return;
  w->job = NULL;
  if (job->desk == NULL) {
    MUST(uvssh__job_finish(job) == 0);
    return;
  }
  job->run(job);
  uvssh__session_job(&w->s, job);
}

static void pass_time(struct world* w, uint8_t how) {
  uint64_t deadline = uvssh__session_deadline(&w->s);

  if (how != 255)
    w->now += (uint64_t) how * how;
  else if (deadline != UINT64_MAX && deadline > w->now)
    w->now = deadline;
}

static void set_writes(struct world* w, int full) {
  w->full = full;
  if (full || !w->writing)
    return;
  w->writing = 0;
  uvssh__session_wrote(&w->s);
}

static void lose(struct world* w, uint8_t how) {
  static const int codes[] = { UV_EOF, UV_ECONNRESET, UV_EPIPE, UV_ETIMEDOUT };

  uvssh__session_lost(&w->s, codes[how % ARRAY_SIZE(codes)]);
}

static void deed(struct world* w, unsigned what, uint8_t how) {
  switch ((enum deed) (what % DEEDS)) {
    case DO_TIME: pass_time(w, how); break;
    case DO_MOOD: w->mood = w->mood << 8 | how; break;
    case DO_ANSWER: app_answer(w, how); break;
    case DO_CHANNEL: app_channel(w, how); break;
    case DO_SESSION: app_session(w, how); break;
    case DO_LOGIN: app_login(w, how); break;
    case DO_WRITES: set_writes(w, how & 1); break;
    case DO_PIECES: w->piece = how; break;
    case DO_BATCH: w->batch = how % 16; break;
    case DO_LOSE: lose(w, how); break;
    case DO_HONEST: peer_honest(w, how); break;
    case DO_MEMORY: fuzz_memory_fails(how); break;
    case DO_JOBS:
      w->jobs_later = how & 1;
      job_back(w);
      break;
    case DEEDS: break;
  }
}

static void record(struct world* w, struct input* in) {
  unsigned head = input_u16(in);
  const uint8_t* payload;
  size_t n;

  if (head >= 0x8000) {
    deed(w, head >> 8 & 0x7f, (uint8_t) head);
  } else {
    n = input_take(in, head, &payload);
    if (n != 0)
      peer_say(w, payload, n);
  }
  if (!session_wants_close(&w->s))
    world_turn(w);
}

/* ---- where it begins ----------------------------------------------------- */

static void configure(struct world* w) {
  uvssh_config_t* c = &w->s.desk.config;

  uvssh_config_init(c);
  c->log = on_log;
  c->log_arg = w;
  c->log_level = UVSSH_LOG_PACKET;
  c->banner = "be welcome\n";
  c->kex = uvssh__algo_known(ALGO_KEX);
  c->auth_methods = UVSSH_AUTH_NONE | UVSSH_AUTH_PASSWORD |
                    UVSSH_AUTH_PUBLICKEY;
  c->idle_timeout_ms = 600 * 1000;
  c->keepalive_ms = 20 * 1000;
  c->window_bytes = 64 * 1024;
  c->packet_bytes = 16 * 1024;
  c->queue_bytes = 8 * 1024;
  c->drain_bytes = 2 * 1024;
  c->session_bytes = 256 * 1024;
  c->channels = 6;
  MUST(uvssh_config_check(c, NULL) == 0);
}

static void say_ident(struct world* w) {
  static const uint8_t line[] = "SSH-2.0-peer\r\n";
  uint8_t* copy = fuzz_copy(line, sizeof(line) - 1);

  uvssh__session_feed(&w->s, copy, sizeof(line) - 1);
  free(copy);
}

/* As if the first exchange were over. */
static void skip_exchange(struct world* w) {
  struct transport* t = &w->s.transport;

  uvssh__handshake_free(t);
  t->phase = T_READY;
  t->strict = 1;
  t->kexinit_sent = 0;
  t->peer_ext_info = 1;
  t->session_id_len = 32;
  memset(t->session_id, 7, t->session_id_len);
  t->in.seq = t->out.seq = 0;
  t->kex_finished = w->now;
  w->in_exchange = 0;
  w->known = &w->keys;             /* none of theirs: new ones are due */
  peer_know_keys(w);
  t->hostkey = uvssh_key_ref(fuzz_key(KEY_OF_HOST));
  t->agreed.sign = uvssh__sign_find(STR(KEY_ED25519));
  if (w->is_server)
    return;
  t->extensions = EXTENSION_PING;  /* a client's knows no ping */
  w->s.auth_begun = 1;
  uvssh__auth_begin(&w->s.auth);
}

static void skip_login(struct world* w) {
  struct auth* auth = &w->s.auth;

  auth->user = uvssh__strndup("user", 4);
  MUST(auth->user != NULL);
  MUST(uvssh__auth_succeed(auth) == 0);
}

static void begin(struct world* w, int is_server, enum start start) {
  struct session* s = &w->s;

  memset(w, 0, sizeof(*w));
  w->is_server = is_server;
  w->now = 1000;
  w->hostkeys.key[0] = fuzz_key(KEY_OF_HOST);
  w->hostkeys.count = 1;
  uvssh__pool_init(&w->pool);
  configure(w);
  s->desk.pub = &w->pub;
  s->desk.ops = &ops;
  s->desk.pool = &w->pool;
  s->desk.slots = uvssh__slots_create();
  MUST(s->desk.slots != NULL);
  MUST(uvssh__session_init(s, &app_handlers,
                           is_server ? &w->hostkeys : NULL) == 0);
  w->pub.impl = s;
  uvssh__session_start(s);
  say_ident(w);
  if (!is_server)
    app_client_starts(w);
  w->trusted = start >= AT_LOGIN;
  w->let_in = start == AT_OPEN;
  if (start >= AT_LOGIN)
    skip_exchange(w);
  if (start == AT_OPEN)
    skip_login(w);
  world_turn(w);
}

/* As attach.c: the transport is closed, on_close, and all memory goes. */
static void end(struct world* w) {
  struct slots* slots = w->s.desk.slots;

  uvssh__session_drop(&w->s, 0);
  uvssh__session_closed(&w->s);
  MUST(w->pub.impl == NULL);
  uvssh__session_free(&w->s);
  job_back(w);
  app_check_end(w);
  peer_close(w);
  uvssh__pool_free(&w->pool);
  uvssh__slots_destroy(slots);
}

int world_run(int is_server,
              enum start start,
              const uint8_t* data,
              size_t size) {
  struct world* w = (struct world*) malloc(sizeof(*w));
  struct input in = { data, size };

  MUST(w != NULL);
  fuzz_begin();
  fuzz_memory_hold(1);
  begin(w, is_server, start);
  fuzz_memory_hold(0);
  while (in.left >= 2 && !session_wants_close(&w->s))
    record(w, &in);
  if (!session_wants_close(&w->s)) {
    peer_flush(w);
    world_turn(w);
  }
  end(w);
  free(w);
  return fuzz_end();
}
