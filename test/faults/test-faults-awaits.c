/* Whatever is waited for, the end comes first: a row for each question that may
 * stay open, for each thing that takes turns of the loop, and for each way to
 * end. Answers that come afterwards are harmless.
 *
 * In memory, with the test's clock. Connecting, logging in and key files are
 * closed in every turn by test-loop-inside.c. */
#include "awaits.h"

static const char* const questions[] = {
  "host key", "attempt", "prompt", "signature", "channel", "channel request",
  "global request", "nothing"
};

/* ---- ways to end --------------------------------------------------------- */

static void close_client(void) {
  uvssh_session_close(&aw.b.clients[0]->session);
}

static void close_served(void) {
  if (aw.b.served_count > 0)
    uvssh_session_close(&aw.b.served[0]->session);
}

static void close_both(void) {
  close_client();
  close_served();
}

static void disconnect_client(void) {
  (void) uvssh_session_disconnect(&aw.b.clients[0]->session, 11, "x");
}

static void disconnect_served(void) {
  if (aw.b.served_count > 0)
    (void) uvssh_session_disconnect(&aw.b.served[0]->session, 11, "x");
}

static void disconnect_both(void) {
  disconnect_client();
  disconnect_served();
}

static void close_channels(void) {
  uvssh_channel_close(&aw.b.clients[0]->channel);
  if (aw.b.served_count > 0)
    uvssh_channel_abort(&aw.b.served[0]->channel);
}

static void close_server(void) {
  uvssh_server_close(&aw.b.server, both_on_server_close);
}

static void on_drained(uvssh_server_t* server) {
  aw.drains++;
}

static void shut_down(void) {
  CHECK_EQ(uvssh_server_shutdown(&aw.b.server, 0, on_drained), 0);
  aw.shut = 1;
}

static void break_off(void) {
  (void) uvssh_test_pipe_cut(&aw.b.clients[0]->transport, UV_ECONNRESET);
}

static void leave(void) {
  (void) uvssh_test_pipe_cut(&aw.b.clients[0]->transport, UV_EOF);
}

static void keep_silent(void) {
  (void) uvssh_test_pipe_cut(&aw.b.clients[0]->transport, 0);
}

static void do_nothing(void) {
}

static const struct {
  const char* name;
  void (*run)(void);
} ends[] = {
  { "close the client", close_client },
  { "close the served", close_served },
  { "close both", close_both },
  { "disconnect the client", disconnect_client },
  { "disconnect the served", disconnect_served },
  { "disconnect both", disconnect_both },
  { "close the channels", close_channels },
  { "close the server", close_server },
  { "shut the server down", shut_down },
  { "a reset", break_off },
  { "an end of bytes", leave },
  { "silence", keep_silent },
  { "time alone", do_nothing },
};
enum { ENDS = sizeof(ends) / sizeof(ends[0]) };

/* ---- after the end ------------------------------------------------------- */

static void answer_late(void) {
  static const uvssh_prompt_t prompt = { "x", 0 };
  static const uvssh_prompts_t form = { UVSSH_AUTH_PASSWORD, "", "", &prompt,
                                        1 };
  const char* answer = "x";
  uvssh_channel_t channel = { 0 };

  CHECK(uvssh_reply_session(aw.reply) == NULL);
  CHECK_EQ(uvssh_reply_accept(aw.reply), UV_ECANCELED);
  CHECK_EQ(uvssh_reply_reject(aw.reply), UV_ECANCELED);
  CHECK_EQ(uvssh_reply_partial(aw.reply, UVSSH_AUTH_PASSWORD), UV_ECANCELED);
  CHECK_EQ(uvssh_reply_prompt(aw.reply, &form), UV_ECANCELED);
  CHECK_EQ(uvssh_reply_answers(aw.reply, &answer, 1), UV_ECANCELED);
  CHECK_EQ(uvssh_reply_signature(aw.reply, "x", 1), UV_ECANCELED);
  CHECK_EQ(uvssh_channel_accept(aw.reply, &channel, &aw.b.server_channel_on),
           UV_ECANCELED);
  CHECK_EQ(uvssh_channel_reject(aw.reply, UVSSH_OPEN_SHORTAGE, "x"),
           UV_ECANCELED);
}

/* Each request that was taken has come back. */
static void check_client(const struct peer* p) {
  CHECK(p->start != PENDING);
  if (p->start == 0)
    CHECK(p->auth != PENDING);
  if (p->auth == 0)
    CHECK(p->open != PENDING);
  if (p->open == 0)
    CHECK(p->ask != PENDING);
}

static void end(void) {
  unsigned i;

  for (i = 0; i < aw.b.client_count; i++)
    uvssh_session_close(&aw.b.clients[i]->session);
  both_pass(&aw.b, 0);
  for (i = 0; i < aw.b.client_count; i++) {
    UNTIL(&aw.b, aw.b.clients[i]->closes == 1);  /* a process goes first */
    check_client(aw.b.clients[i]);
  }
  CHECK_EQ(aw.globals, 0);
  both_pass(&aw.b, 1);
  CHECK_EQ(aw.drains, aw.shut);
  if (aw.b.server.impl == NULL)
    aw.b.server_closes = 0;
  both_close(&aw.b);
  uvssh_key_unref(aw.card);
}

/* A client's question is a person's: it has no deadline, and its session reads
 * on behind the answer. */
static void wait_for_the_user(void) {
  if (aw.held > ASK_SIGN || aw.held == ASK_AUTH || aw.b.clients[0]->closes != 0)
    return;
  CHECK_EQ(uvssh_reply_reject(aw.reply), 0);
  both_pass(&aw.b, 3600 * 1000);
}

TEST(awaits_of_an_answer) {
  unsigned held, i;

  for (held = 0; held < ASK_NOTHING; held++) {
    for (i = 0; i < ENDS; i++) {
      NOTE("%s: %s", questions[held], ends[i].name);
      awaits_begin((enum question) held);
      awaits_come(NULL);
      both_pass(&aw.b, 0);
      CHECK(aw.asked);
      CHECK(uvssh_reply_session(aw.reply) != NULL);
      ends[i].run();
      both_pass(&aw.b, 0);
      both_pass(&aw.b, 3600 * 1000);          /* whatever waits for time */
      if (ends[i].run != do_nothing && ends[i].run != close_channels) {
        wait_for_the_user();
        CHECK_EQ(aw.b.clients[0]->closes, 1);
        CHECK_EQ(aw.b.served[0]->closes, 1);
        answer_late();
      }
      end();
    }
  }
}

/* In the callback that asks, and behind it: it is answered, and closed. */
TEST(awaits_answered_and_closed_at_once) {
  unsigned held, i;

  for (held = 0; held < ASK_NOTHING; held++) {
    for (i = 0; i < ENDS; i++) {
      NOTE("%s: %s", questions[held], ends[i].name);
      awaits_begin((enum question) held);
      awaits_come(NULL);
      both_pass(&aw.b, 0);
      (void) uvssh_reply_reject(aw.reply);
      ends[i].run();
      answer_late();
      both_pass(&aw.b, 0);
      end();
    }
  }
}

/* ---- in every turn ------------------------------------------------------- */

enum { CROWD = 8, TURNS = 60 };

static uvssh_transport_t command;

/* More at once than run inline: jobs wait, and are away. */
static void crowd(void) {
  int i;

  for (i = 0; i < CROWD; i++)
    awaits_come(NULL);
}

/* One that never speaks. */
static void start_command(void) {
  CHECK_EQ(uvssh_transport_command(&command, &aw.b.loop, "cat >/dev/null"), 0);
  awaits_come(&command);
}

static void one(void) {
  awaits_come(NULL);
}

static const struct {
  const char* name;
  void (*begin)(void);
  unsigned turns;
} starts[] = {
  { "one client", one, TURNS },
  { "jobs", crowd, TURNS },
  { "a command", start_command, 6 },
};

static int is_for_a_pipe(unsigned end) {
  return ends[end].run == break_off || ends[end].run == leave ||
         ends[end].run == keep_silent;
}

TEST(awaits_in_every_turn) {
  unsigned share = check_share();
  unsigned i, k, turn, n, number = 0;

  for (k = 0; k < sizeof(starts) / sizeof(starts[0]); k++) {
    for (i = 0; i < ENDS; i++) {
      if (starts[k].begin == start_command && is_for_a_pipe(i))
        continue;
      for (turn = number++ % share; turn < starts[k].turns; turn += share) {
        NOTE("%s: %s in turn %u", starts[k].name, ends[i].name, turn);
        awaits_begin(ASK_NOTHING);
        starts[k].begin();
        for (n = 0; n < turn; n++)
          uv_run(&aw.b.loop, UV_RUN_NOWAIT);
        ends[i].run();
        both_pass(&aw.b, 0);
        both_pass(&aw.b, 60 * 1000);
        end();
      }
    }
  }
}

/* ---- a session over a channel -------------------------------------------- */

static const uvssh_channel_open_t direct = {
  .type = UVSSH_CHANNEL_DIRECT_TCPIP, .host = "inner", .port = 22
};

static uvssh_transport_t up;

/* Nobody answers at its other end. */
static void on_jump(uvssh_req_t* req, int status) {
  struct peer* p = peer_of(req->session);

  CHECK_EQ(p->open, PENDING);
  p->open = status;
  if (status != 0)
    return;
  CHECK_EQ(uvssh_transport_channel(&up, &p->channel), 0);
  awaits_come(&up);
}

/* The channel is being opened, is open, carries: closed in every turn. */
TEST(awaits_of_a_jump) {
  unsigned share = check_share();
  unsigned i, turn, n, number = 0;
  struct peer* p;

  for (i = 0; i < ENDS; i++) {
    for (turn = number++ % share; turn < 30; turn += share) {
      NOTE("%s in turn %u", ends[i].name, turn);
      awaits_begin(ASK_NOTHING);
      p = both_joined(&aw.b, GOAL_LOGIN, "", NULL);
      CHECK_EQ(p->auth, 0);
      p->ask = 0;                  /* nothing is asked for on the channel */
      CHECK_EQ(uvssh_channel_open(&p->open_req, &p->session, &p->channel,
                                  &direct, &aw.b.client_channel_on, on_jump),
               0);
      for (n = 0; n < turn; n++)
        uv_run(&aw.b.loop, UV_RUN_NOWAIT);
      ends[i].run();
      both_pass(&aw.b, 0);
      both_pass(&aw.b, 60 * 1000);
      end();
    }
  }
}
