/* A session over a channel of another one, and one over that: the client's end
 * and the server's end of the upper session both lie on channels. */
#include <stdio.h>

#include "flow.h"

enum { BULK = 3 << 19, LEVELS = 4 };

/* Level 0 runs over TCP; the others over the channel of the one below. */
struct tower {
  struct both b;
  struct peer* client[LEVELS];
  struct peer* served[LEVELS];
  uvssh_transport_t up[LEVELS];    /* the client's */
  uvssh_transport_t down[LEVELS];  /* the server's */
};

static const uvssh_channel_open_t session = { .type = UVSSH_CHANNEL_SESSION };
static const uvssh_channel_open_t direct = {
  .type = UVSSH_CHANNEL_DIRECT_TCPIP, .host = "inner", .port = 22
};
static const uvssh_channel_open_t other = {
  .type = UVSSH_CHANNEL_OTHER, .name = "jump@example.com"
};

static void on_open(uvssh_req_t* req, int status) {
  peer_of(req->session)->open = status;
}

static void tower_begin(struct tower* w) {
  memset(w, 0, sizeof(*w));
  both_open(&w->b);
}

static void tower_start(struct tower* w) {
  both_listen(&w->b);
  w->client[0] = both_login(&w->b);
  w->served[0] = w->b.served[0];
}

static void open_channel(struct tower* w,
                         int level,
                         const uvssh_channel_open_t* what) {
  struct peer* p = w->client[level];

  CHECK_EQ(uvssh_channel_open(&p->open_req, &p->session, &p->channel, what,
                              &w->b.client_channel_on, on_open), 0);
  UNTIL(&w->b, p->open != PENDING);
  CHECK_EQ(p->open, 0);
}

/* Both ends of the session at `level`, on the channel below; not yet run. */
static void put_on(struct tower* w, int level, enum goal goal) {
  struct peer* below = w->client[level - 1];

  CHECK_EQ(uvssh_transport_channel(&w->down[level],
                                   &w->served[level - 1]->channel), 0);
  CHECK_EQ(uvssh_transport_channel(&w->up[level], &below->channel), 0);
  w->served[level] = both_serve(&w->b, &w->down[level]);
  w->client[level] = both_client_over(&w->b, goal, &w->up[level]);
}

static void put_on_and_log_in(struct tower* w, int level) {
  put_on(w, level, GOAL_LOGIN);
  UNTIL(&w->b, w->client[level]->readies == 1 &&
                   w->served[level]->readies == 1);
}

static void exec(struct tower* w, int level, const char* command) {
  struct peer* p = w->client[level];

  open_channel(w, level, &session);
  CHECK_EQ(uvssh_channel_exec(NULL, &p->channel, command, NULL), 0);
  UNTIL(&w->b, w->served[level]->channels == 1);
}

/* ---- bytes --------------------------------------------------------------- */

/* Keys are exchanged again below, too. */
static void check_tower(const uvssh_channel_open_t* what, int levels) {
  struct tower w;
  struct sockaddr_storage name;
  int len = sizeof(name);
  int i;

  tower_begin(&w);
  w.b.client_config.rekey_bytes = w.b.server_config.rekey_bytes = 1 << 19;
  tower_start(&w);
  for (i = 1; i <= levels; i++) {
    open_channel(&w, i - 1, what);
    put_on_and_log_in(&w, i);
    CHECK_EQ(uvssh_session_peername(&w.client[i]->session,
                                    (struct sockaddr*) &name, &len),
             UV_ENOTSUP);
  }
  exec(&w, levels, "echo");
  flow_echo(&w.b, w.client[levels], w.served[levels], BULK);
  both_close(&w.b);
}

TEST(jump_over_a_session) {
  check_tower(&session, 1);
}

TEST(jump_over_direct_tcpip) {
  check_tower(&direct, 1);
}

TEST(jump_over_another_type) {
  check_tower(&other, 1);
}

TEST(jump_in_a_jump) {
  check_tower(&direct, 2);
}

TEST(jump_in_a_jump_in_a_jump) {
  check_tower(&session, 3);
}

/* With a window below that is smaller than what is written at once. */
TEST(jump_through_a_small_window) {
  struct tower w;

  tower_begin(&w);
  w.b.client_config.window_bytes = w.b.server_config.window_bytes = 20000;
  tower_start(&w);
  open_channel(&w, 0, &session);
  put_on_and_log_in(&w, 1);
  exec(&w, 1, "echo");
  flow_echo(&w.b, w.client[1], w.served[1], BULK);
  both_close(&w.b);
}

/* The transport above is not read: the window below runs dry, and the sender
 * above stops; and the other way round. */
TEST(jump_that_nobody_reads) {
  struct tower w;
  int level;

  for (level = 1; level <= 2; level++) {
    tower_begin(&w);
    w.b.client_config.window_bytes = w.b.server_config.window_bytes = 1 << 19;
    tower_start(&w);
    open_channel(&w, 0, &session);
    put_on_and_log_in(&w, 1);
    if (level == 2) {
      open_channel(&w, 1, &session);
      put_on_and_log_in(&w, 2);
    }
    exec(&w, level, "");
    flow_pressure(&w.b, w.client[level], w.served[level], 1 << 19);
    flow_pressure(&w.b, w.served[level], w.client[level], 1 << 19);
    both_close(&w.b);
  }
}

static void on_done(uvssh_req_t* req, int status) {
  *(int*) req->data = status;
}

/* The session below has queued all it may: what the session above writes is one
 * block at a time, and is not refused. */
static uvssh_channel_t beside[2];

static void on_beside(uvssh_session_t* s,
                      const uvssh_channel_open_t* ask,
                      uvssh_reply_t reply) {
  static const uvssh_channel_handlers_t none = { NULL, NULL, NULL };

  if (ask->type == UVSSH_CHANNEL_OTHER)
    CHECK_EQ(uvssh_channel_accept(reply, &beside[1], &none), 0);
  else
    peer_channel(s, ask, reply);
}

TEST(jump_beside_a_full_queue) {
  enum { FULL = 8 << 20 };
  static const uvssh_channel_handlers_t none = { NULL, NULL, NULL };
  uv_buf_t buf = uv_buf_init(calloc(2, FULL), 2 * FULL);
  char* bytes = buf.base;
  struct tower w;
  int opened = PENDING;
  int done = PENDING;
  uvssh_req_t open_req = { .data = &opened };
  uvssh_req_t req = { .data = &done };

  memset(beside, 0, sizeof(beside));
  tower_begin(&w);
  w.b.client_config.session_bytes = FULL;
  w.b.server_config.window_bytes = 1 << 17;
  w.b.server_on.on_channel = on_beside;
  tower_start(&w);
  CHECK_EQ(uvssh_channel_open(&open_req, &w.client[0]->session, &beside[0],
                              &other, &none, on_done), 0);
  UNTIL(&w.b, opened != PENDING);
  CHECK_EQ(opened, 0);
  open_channel(&w, 0, &session);
  CHECK_EQ(uvssh_channel_write(&req, &beside[0], UVSSH_DATA, &buf, 1, on_done),
           0);
  CHECK_EQ(uvssh_channel_write(&open_req, &w.client[0]->channel, UVSSH_DATA,
                               &buf, 1, on_done), UV_ENOBUFS);
  put_on_and_log_in(&w, 1);
  exec(&w, 1, "echo");
  flow_echo(&w.b, w.client[1], w.served[1], BULK);
  CHECK_EQ(done, PENDING);
  both_close(&w.b);
  CHECK(done != PENDING);
  free(bytes);
}

/* What a server says as stderr is no part of the stream. */
TEST(jump_drops_stderr) {
  struct tower w;

  tower_begin(&w);
  tower_start(&w);
  open_channel(&w, 0, &session);
  UNTIL(&w.b, w.served[0]->channels == 1);
  CHECK_EQ(uvssh_channel_send(&w.served[0]->channel, UVSSH_STDERR, "noise", 5),
           0);
  put_on_and_log_in(&w, 1);
  exec(&w, 1, "echo");
  flow_echo(&w.b, w.client[1], w.served[1], BULK);
  both_close(&w.b);
}

/* ---- ends ---------------------------------------------------------------- */

enum { ACTIONS = 11 };

static void close_peer(struct peer* p) {
  if (p != NULL)
    uvssh_session_close(&p->session);
}

static void leave_peer(struct peer* p) {
  if (p != NULL)
    (void) uvssh_session_disconnect(&p->session, 11, "bye");
}

static void act(struct tower* w, int action) {
  switch (action) {
    case 0: close_peer(w->client[0]); break;
    case 1: close_peer(w->client[1]); break;
    case 2: close_peer(w->served[0]); break;
    case 3: close_peer(w->served[1]); break;
    case 4: leave_peer(w->client[0]); break;
    case 5: leave_peer(w->client[1]); break;
    case 6: leave_peer(w->served[1]); break;
    case 7: close_peer(w->client[0]); close_peer(w->client[1]); break;
    case 8: close_peer(w->client[1]); close_peer(w->client[0]); break;
    case 9:
      if (w->client[0] != NULL)
        uvssh_channel_close(&w->client[0]->channel);
      break;
    default:
      if (w->served[0] != NULL)
        uvssh_channel_abort(&w->served[0]->channel);
      break;
  }
}

static void begin(struct tower* w, enum goal goal) {
  tower_start(w);
  open_channel(w, 0, &direct);
  put_on(w, 1, goal);
  w->client[1]->command = "echo";
}

TEST(jump_closed_at_any_turn) {
  struct tower w;
  int action, turns, i;

  for (action = 0; action < ACTIONS; action++)
    for (turns = 0; turns < 24; turns++) {
      NOTE("action %d after %d turns", action, turns);
      tower_begin(&w);
      begin(&w, GOAL_ASK);
      for (i = 0; i < turns; i++)
        uv_run(&w.b.loop, UV_RUN_NOWAIT);
      act(&w, action);
      both_close(&w.b);
    }
}

/* The last turns of each side happen while the other one still lives. */
TEST(jump_closed_and_left_alone) {
  struct tower w;
  int action;

  for (action = 0; action < ACTIONS; action++) {
    NOTE("action %d", action);
    tower_begin(&w);
    begin(&w, GOAL_ASK);
    UNTIL(&w.b, w.client[1]->ask != PENDING);
    act(&w, action);
    UNTIL(&w.b, w.client[1]->closes == 1 && w.served[1]->closes == 1 &&
                    w.client[0]->channel_closes == 1 &&
                    w.served[0]->channel_closes == 1);
    both_close(&w.b);
  }
}

/* ---- inside callbacks ---------------------------------------------------- */

enum event {
  READY, SERVED_READY, READ, CLOSE, SERVED_CLOSE, CLOSE_BELOW,
  SERVED_CLOSE_BELOW, CHANNEL_CLOSE_BELOW, SERVED_CHANNEL_CLOSE_BELOW, EVENTS
};

static struct {
  struct tower* w;
  int event;
  int action;
  int fired;
} plan;

static void fire(struct peer* p, int level, enum event client, int served) {
  struct tower* w = plan.w;
  int event = p == w->client[level] ? (int) client
              : p == w->served[level] ? served
                                      : -1;

  if (event != plan.event || plan.fired)
    return;
  plan.fired = 1;
  act(w, plan.action);
}

static void ready_and_act(uvssh_session_t* s) {
  peer_ready(s);
  fire(peer_of(s), 1, READY, SERVED_READY);
}

static void close_and_act(uvssh_session_t* s, const uvssh_end_t* end) {
  peer_close(s, end);
  fire(peer_of(s), 1, CLOSE, SERVED_CLOSE);
  fire(peer_of(s), 0, CLOSE_BELOW, SERVED_CLOSE_BELOW);
}

static void channel_close_and_act(uvssh_channel_t* channel, int status) {
  struct peer* p = peer_of(channel->session);

  peer_channel_close(channel, status);
  fire(p, 0, CHANNEL_CLOSE_BELOW, SERVED_CHANNEL_CLOSE_BELOW);
}

static void read_and_act(uvssh_channel_t* channel,
                         int stream,
                         ssize_t nread,
                         const uv_buf_t* buf) {
  struct peer* p = peer_of(channel->session);

  peer_read(channel, stream, nread, buf);
  fire(p, 1, READ, READ);
}

/* As far as the plan lets it. */
static void echo_above(struct tower* w) {
  struct peer* p = w->client[1];

  if (uvssh_channel_open(&p->open_req, &p->session, &p->channel, &session,
                         &w->b.client_channel_on, on_open) != 0)
    return;
  flow_rest(&w->b, 3);
  if (p->open != 0 ||
      uvssh_channel_exec(NULL, &p->channel, "echo", NULL) != 0 ||
      uvssh_channel_read_start(&p->channel, read_and_act) != 0)
    return;
  (void) uvssh_channel_send(&p->channel, UVSSH_DATA, "hi", 2);
  flow_rest(&w->b, 3);
}

static void run_plan(struct tower* w, int event, int action) {
  int turns;

  plan.w = w;
  plan.event = event;
  plan.action = action;
  plan.fired = 0;
  tower_begin(w);
  w->b.client_on.on_ready = w->b.server_on.on_ready = ready_and_act;
  w->b.client_on.on_close = w->b.server_on.on_close = close_and_act;
  w->b.client_channel_on.on_close = channel_close_and_act;
  w->b.server_channel_on.on_close = channel_close_and_act;
  begin(w, GOAL_LOGIN);
  for (turns = 0; turns < 1000 && w->client[1]->auth == PENDING &&
                  w->client[1]->closes == 0; turns++)
    flow_rest(&w->b, 1);
  flow_rest(&w->b, 2);
  echo_above(w);
  both_close(&w->b);
}

TEST(jump_closed_inside_callbacks) {
  struct tower w;
  int event, action;

  for (event = 0; event < EVENTS; event++)
    for (action = 0; action < ACTIONS; action++) {
      NOTE("event %d, action %d", event, action);
      run_plan(&w, event, action);
      CHECK(plan.fired);
    }
}

/* ---- four levels --------------------------------------------------------- */

static unsigned dice;

static unsigned roll(unsigned sides) {
  dice = dice * 1103515245 + 12345;
  return (dice >> 16) % sides;
}

/* At some level but the highest, whose ends all must go then. */
static void break_one(struct tower* w, int levels) {
  int level = (int) roll((unsigned) levels);
  struct peer* p = roll(2) ? w->client[level] : w->served[level];

  switch (roll(4)) {
    case 0: uvssh_session_close(&p->session); break;
    case 1: leave_peer(p); break;
    case 2: uvssh_channel_close(&p->channel); break;
    default: uvssh_channel_abort(&p->channel); break;
  }
}

static void rekey_some(struct tower* w, int levels) {
  int i;

  for (i = 0; i <= levels; i++) {
    if (roll(2))
      (void) uvssh_session_rekey(NULL, &w->client[i]->session, NULL);
    if (roll(2))
      (void) uvssh_session_rekey(NULL, &w->served[i]->session, NULL);
  }
}

/* While bytes go both ways and keys are exchanged on all levels. */
TEST(jump_breaks_somewhere) {
  enum { TOP = 3, SEEDS = 40 };
  static char bytes[1 << 20];
  uv_buf_t buf;
  struct tower w;
  uvssh_req_t req;
  int done, i;
  unsigned seed, turns;

  for (seed = 0; seed < SEEDS; seed++) {
    NOTE("seed %u", seed);
    dice = seed;
    tower_begin(&w);
    w.b.client_config.window_bytes = 4096u << roll(8);
    w.b.server_config.window_bytes = 4096u << roll(8);
    w.b.client_config.rekey_bytes = 1u << (16 + roll(4));
    tower_start(&w);
    for (i = 1; i <= TOP; i++) {
      open_channel(&w, i - 1, roll(2) ? &session : &direct);
      put_on_and_log_in(&w, i);
    }
    exec(&w, TOP, "echo");
    buf = uv_buf_init(bytes, sizeof(bytes));
    done = PENDING;
    req.data = &done;
    CHECK_EQ(uvssh_channel_read_start(&w.client[TOP]->channel, peer_read), 0);
    CHECK_EQ(uvssh_channel_write(&req, &w.client[TOP]->channel, UVSSH_DATA,
                                 &buf, 1, on_done), 0);
    for (turns = roll(64); turns > 0; turns--) {
      if (roll(8) == 0)
        rekey_some(&w, TOP);
      uv_run(&w.b.loop, UV_RUN_NOWAIT);
    }
    for (turns = roll(3) + 1; turns > 0; turns--) {
      break_one(&w, TOP);
      if (roll(2))
        uv_run(&w.b.loop, UV_RUN_NOWAIT);
    }
    UNTIL(&w.b, w.client[TOP]->closes == 1 && w.served[TOP]->closes == 1);
    CHECK(done != PENDING);
    both_close(&w.b);
  }
}

/* ---- what they are told -------------------------------------------------- */

/* The end of the session above is that of the one below: its status, or EOF
 * where it ended in peace, or goes on. A connection that only ended was cut. */
static int told_by(const struct peer* below) {
  return below->closes == 0 || below->end.status == 0 ||
                 below->end.status == UVSSH_EDISCONNECT
             ? UV_EOF
         : below->end.status == UV_EOF ? UV_ECONNRESET
                                       : below->end.status;
}

TEST(jump_end_from_below) {
  static const int actions[] = { 0, 2, 4, 9, 10 };
  struct tower w;
  size_t i;

  for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
    NOTE("action %d", actions[i]);
    tower_begin(&w);
    begin(&w, GOAL_ASK);
    UNTIL(&w.b, w.client[1]->ask != PENDING);
    act(&w, actions[i]);
    UNTIL(&w.b, w.client[1]->closes == 1 && w.served[1]->closes == 1);
    CHECK_EQ(w.client[1]->end.status, told_by(w.client[0]));
    CHECK_EQ(w.served[1]->end.status, told_by(w.served[0]));
    CHECK(w.client[1]->end.by_peer);
    both_close(&w.b);
  }
}

static int hostkeys;

static void on_hostkey_once(uvssh_session_t* s,
                            uvssh_key_t* key,
                            uvssh_host_verdict verdict,
                            uvssh_reply_t reply) {
  if (hostkeys++ == 0)
    (void) uvssh_reply_accept(reply);
}

/* Whose user thinks about the host key reads nothing, and is told the same. */
TEST(jump_end_from_below_while_it_pauses) {
  struct tower w;

  hostkeys = 0;
  tower_begin(&w);
  w.b.client_on.on_hostkey = on_hostkey_once;
  tower_start(&w);
  open_channel(&w, 0, &session);
  put_on(&w, 1, GOAL_START);
  UNTIL(&w.b, hostkeys == 2);
  flow_rest(&w.b, 2);
  act(&w, 2);
  UNTIL(&w.b, w.client[1]->closes == 1 && w.served[1]->closes == 1);
  CHECK_EQ(w.client[0]->end.status, UV_EOF);
  CHECK_EQ(w.client[1]->end.status, told_by(w.client[0]));
  both_close(&w.b);
}

/* Each in the middle of writing: the status is still that of the end. */
TEST(jump_end_from_below_while_it_writes) {
  static const int actions[] = { 0, 2, 9, 10 };
  static char bytes[4 << 20];
  struct tower w;
  uvssh_req_t req;
  uv_buf_t buf;
  int done;
  size_t i;

  for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
    NOTE("action %d", actions[i]);
    tower_begin(&w);
    w.b.server_config.window_bytes = 1 << 16;
    w.b.client_config.window_bytes = 1 << 16;
    begin(&w, GOAL_ASK);
    UNTIL(&w.b, w.client[1]->ask != PENDING);
    buf = uv_buf_init(bytes, sizeof(bytes));
    done = PENDING;
    req.data = &done;
    CHECK_EQ(uvssh_channel_write(&req, &w.client[1]->channel, UVSSH_DATA, &buf,
                                 1, on_done), 0);
    UNTIL(&w.b, w.up[1].ops != NULL && words_of(&w.up[1])->carry != NULL &&
                    attach_of(&w.client[1]->session)->writing);
    act(&w, actions[i]);
    UNTIL(&w.b, w.client[1]->closes == 1 && w.served[1]->closes == 1);
    flow_rest(&w.b, 2);
    CHECK_EQ(w.client[1]->end.status, told_by(w.client[0]));
    CHECK_EQ(w.served[1]->end.status, told_by(w.served[0]));
    CHECK_EQ(done, w.client[1]->end.status);
    both_close(&w.b);
  }
}

/* Answers that pile up make the server above stop to read; then the session
 * below ends. Nothing will be written any more, so the rest is read. */
TEST(jump_ends_while_answers_pile_up) {
  enum { PINGS = 300 };
  static const char noise[1024];
  struct tower w;
  struct session* s;
  struct buf* m;
  int i;

  tower_begin(&w);
  w.b.client_config.window_bytes = 4096;
  tower_start(&w);
  open_channel(&w, 0, &session);
  put_on_and_log_in(&w, 1);
  s = &attach_of(&w.client[1]->session)->session;
  CHECK_EQ(w.up[1].ops->read_stop(&w.up[1]), 0);
  for (i = 0; i < PINGS; i++) {
    m = uvssh__message(&s->transport, MSG_PING);
    wr_str(m, noise, sizeof(noise));
    uvssh__send(&s->transport);
    if (i % 16 == 0)
      flow_rest(&w.b, 1);
  }
  UNTIL(&w.b, !attach_of(&w.served[1]->session)->reading);
  flow_rest(&w.b, 5);
  CHECK(words_of(&w.down[1])->channel->held != NULL);
  uvssh_session_close(&w.client[0]->session);
  UNTIL(&w.b, w.served[1]->closes == 1 && w.served[0]->closes == 1);
  both_close(&w.b);
}

/* It has not said who it is. */
TEST(jump_to_nobody) {
  static const int actions[] = { 0, 2, 4, 9, 10 };
  struct tower w;
  size_t i;

  for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
    NOTE("action %d", actions[i]);
    tower_begin(&w);
    tower_start(&w);
    open_channel(&w, 0, &session);
    CHECK_EQ(uvssh_transport_channel(&w.up[1], &w.client[0]->channel), 0);
    w.client[1] = both_client_over(&w.b, GOAL_START, &w.up[1]);
    flow_rest(&w.b, 2);
    act(&w, actions[i]);
    UNTIL(&w.b, w.client[1]->closes == 1);
    CHECK_EQ(w.client[1]->end.status, UVSSH_ENOBANNER);
    both_close(&w.b);
  }
}

/* The session below goes on. */
TEST(jump_end_from_above) {
  struct tower w;
  int level;

  tower_begin(&w);
  begin(&w, GOAL_ASK);
  UNTIL(&w.b, w.client[1]->ask != PENDING);
  uvssh_session_close(&w.client[1]->session);
  UNTIL(&w.b, w.client[1]->closes == 1 && w.served[1]->closes == 1 &&
                  w.client[0]->channel_closes == 1 &&
                  w.served[0]->channel_closes == 1);
  CHECK_EQ(w.client[0]->channel_status, 0);
  CHECK_EQ(w.served[0]->channel_status, 0);
  for (level = 0; level < 2; level++)
    CHECK_EQ(uvssh_session_is_ready(&w.client[level]->session), level == 0);
  both_close(&w.b);
}

/* What came before the session above began, and the end behind it, wait. */
TEST(jump_begins_late) {
  struct tower w;

  tower_begin(&w);
  tower_start(&w);
  open_channel(&w, 0, &session);
  CHECK_EQ(uvssh_transport_channel(&w.up[1], &w.client[0]->channel), 0);
  CHECK_EQ(uvssh_transport_channel(&w.down[1], &w.served[0]->channel), 0);
  w.served[1] = both_serve(&w.b, &w.down[1]);
  flow_rest(&w.b, 5);
  uvssh_session_close(&w.served[1]->session);
  flow_rest(&w.b, 5);
  CHECK_EQ(w.client[0]->channel_closes, 0);
  w.client[1] = both_client_over(&w.b, GOAL_START, &w.up[1]);
  UNTIL(&w.b, w.client[1]->closes == 1 && w.client[0]->channel_closes == 1);
  CHECK_EQ(w.client[1]->end.status, UV_EOF);
  CHECK(w.client[1]->end.phase >= UVSSH_PHASE_KEX);
  both_close(&w.b);
}

/* The channel has gone before the session above begins. */
TEST(jump_begins_too_late) {
  struct tower w;

  tower_begin(&w);
  tower_start(&w);
  open_channel(&w, 0, &session);
  CHECK_EQ(uvssh_transport_channel(&w.up[1], &w.client[0]->channel), 0);
  uvssh_channel_close(&w.client[0]->channel);
  UNTIL(&w.b, w.client[0]->channel_closes == 1);
  memset(&w.client[0]->channel, 0xee, sizeof(w.client[0]->channel));
  w.client[1] = both_client_over(&w.b, GOAL_START, &w.up[1]);
  UNTIL(&w.b, w.client[1]->closes == 1);
  CHECK_EQ(w.client[1]->end.status, UVSSH_ENOBANNER);
  both_close(&w.b);
}

/* No session gets it. */
TEST(jump_without_a_session) {
  struct tower w;
  int closes;

  for (closes = 0; closes < 2; closes++) {
    tower_begin(&w);
    tower_start(&w);
    open_channel(&w, 0, &session);
    CHECK_EQ(uvssh_transport_channel(&w.up[1], &w.client[0]->channel), 0);
    if (closes) {
      w.up[1].ops->close(&w.up[1]);
      UNTIL(&w.b, w.client[0]->channel_closes == 1);
    }
    both_close(&w.b);
  }
}

TEST(jump_on_another_loop) {
  struct tower w;
  struct both b;
  struct peer* p;

  tower_begin(&w);
  tower_start(&w);
  open_channel(&w, 0, &session);
  CHECK_EQ(uvssh_transport_channel(&w.up[1], &w.client[0]->channel), 0);
  both_open(&b);
  p = both_client_over(&b, GOAL_START, &w.up[1]);
  UNTIL(&b, p->closes == 1);
  CHECK_EQ(p->end.status, UV_EINVAL);
  both_close(&b);
  both_close(&w.b);
}

TEST(jump_arguments) {
  struct tower w;
  uvssh_channel_t none = { 0 };
  uvssh_transport_t t = { .data = &t };
  uvssh_channel_t* channel;
  uvssh_req_t req;

  tower_begin(&w);
  tower_start(&w);
  CHECK_EQ(uvssh_transport_channel(&t, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_transport_channel(&t, &none), UV_ENOTCONN);
  open_channel(&w, 0, &session);
  channel = &w.client[0]->channel;
  CHECK_EQ(uvssh_transport_channel(NULL, channel), UV_EINVAL);
  CHECK_EQ(uvssh_channel_read_start(channel, peer_read), 0);
  CHECK_EQ(uvssh_transport_channel(&t, channel), UV_EBUSY);
  CHECK_EQ(uvssh_channel_read_stop(channel), 0);
  CHECK_EQ(uvssh_transport_channel(&t, channel), 0);
  CHECK(t.data == &t);
  CHECK_EQ(uvssh_transport_channel(&w.up[1], channel), UV_EBUSY);
  CHECK_EQ(uvssh_channel_read_start(channel, peer_read), UV_EBUSY);
  CHECK_EQ(uvssh_channel_read_stop(channel), 0);
  CHECK_EQ(uvssh_channel_relay(&req, channel, channel, NULL), UV_EBUSY);
  UNTIL(&w.b, w.served[0]->channels == 1);
  channel = &w.served[0]->channel;
  CHECK_EQ(uvssh_channel_relay(&req, channel, channel, NULL), 0);
  CHECK_EQ(uvssh_transport_channel(&w.up[1], channel), UV_EBUSY);
  both_close(&w.b);
}

TEST(jump_over_a_half) {
  struct tower w;
  uvssh_channel_t* channel;

  tower_begin(&w);
  tower_start(&w);
  open_channel(&w, 0, &session);
  channel = &w.client[0]->channel;
  CHECK_EQ(uvssh_channel_shutdown(NULL, channel, NULL), 0);
  CHECK_EQ(uvssh_transport_channel(&w.up[1], channel), UV_EPIPE);
  both_close(&w.b);
}

/* ---- memory -------------------------------------------------------------- */

static void on_channel_maybe(uvssh_session_t* s,
                             const uvssh_channel_open_t* ask,
                             uvssh_reply_t reply) {
  struct peer* p = peer_of(s);

  if (uvssh_channel_accept(reply, &p->channel, &p->both->server_channel_on) ==
      0)
    p->channels++;
}

static void on_request_maybe(uvssh_channel_t* channel,
                             const uvssh_channel_request_t* ask,
                             uvssh_reply_t reply) {
  struct peer* p = peer_of(channel->session);

  (void) uvssh_reply_accept(reply);
  (void) uvssh_channel_relay(&p->relay_req, channel, channel, NULL);
}

static void on_auth_maybe(uvssh_req_t* req, int status) {
  peer_of(req->session)->auth = status;
}

static void on_start_maybe(uvssh_req_t* req, int status) {
  struct peer* p = peer_of(req->session);

  p->start = status;
  if (status == 0 && uvssh_auth_none(&p->auth_req, &p->session, "someone",
                                     on_auth_maybe) != 0)
    uvssh_session_close(&p->session);
}

/* A transport that no session got is the caller's. */
static void give_back(struct peer* p, uvssh_transport_t* t) {
  t->ops->close(t);
  if (p->session.impl == NULL)
    free(p);
}

static void serve_maybe(struct tower* w) {
  struct peer* p = peer_new(&w->b);

  CHECK_EQ(uvssh_transport_channel(&w->down[1], &w->served[0]->channel), 0);
  if (uvssh_server_serve(&w->b.server, &p->session, &w->down[1],
                         &w->b.server_on) != 0) {
    CHECK(heap_failed());
    give_back(p, &w->down[1]);
    return;
  }
  w->served[1] = w->b.served[w->b.served_count++] = p;
}

static void dial_maybe(struct tower* w) {
  struct peer* p = peer_new(&w->b);
  int err = uvssh_session_init(&w->b.loop, &p->session, &w->b.client_config,
                               &w->b.client_on);

  CHECK_EQ(uvssh_transport_channel(&w->up[1], &w->client[0]->channel), 0);
  if (err == 0) {
    w->client[1] = w->b.clients[w->b.client_count++] = p;
    err = uvssh_client_start(&p->start_req, &p->session, &w->up[1],
                             on_start_maybe);
  }
  if (err != 0) {
    CHECK(heap_failed());
    give_back(p, &w->up[1]);
  }
}

/* Until the session above is there, or not. */
static int is_above(struct tower* w) {
  UNTIL(&w->b, w->client[1]->auth != PENDING || w->client[1]->closes == 1);
  return w->client[1]->auth == 0;
}

static void talk_above(struct tower* w) {
  struct peer* p = w->client[1];
  uv_buf_t buf = uv_buf_init((char*) "hi", 2);
  int done = PENDING;
  uvssh_req_t req = { .data = &done };

  if (uvssh_channel_open(&p->open_req, &p->session, &p->channel, &session,
                         &w->b.client_channel_on, on_open) != 0)
    return;
  UNTIL(&w->b, p->open != PENDING);
  if (p->open != 0 ||
      uvssh_channel_exec(NULL, &p->channel, "echo", NULL) != 0 ||
      uvssh_channel_read_start(&p->channel, peer_read) != 0 ||
      uvssh_channel_write(&req, &p->channel, UVSSH_DATA, &buf, 1, on_done) != 0)
    return;
  UNTIL(&w->b, p->got == 2 || p->channel_closes == 1);
  UNTIL(&w->b, done != PENDING);
}

/* Every allocation of both sessions fails once, from the beginning of the
 * session above to its end. */
TEST(jump_out_of_memory) {
  struct tower w;

  HEAP_SWEEP(n) {
    heap_fail_at(0);
    tower_begin(&w);
    w.b.server_on.on_channel = on_channel_maybe;
    w.b.server_channel_on.on_request = on_request_maybe;
    w.b.client_config.linger_ms = w.b.server_config.linger_ms = 20;
    tower_start(&w);
    open_channel(&w, 0, &direct);
    UNTIL(&w.b, w.served[0]->channels == 1);
    heap_fail_at(n);
    serve_maybe(&w);
    dial_maybe(&w);
    if (w.served[1] != NULL && w.client[1] != NULL &&
        w.client[1]->closes == 0 && is_above(&w))
      talk_above(&w);
    both_close(&w.b);
  }
}
