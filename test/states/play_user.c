/* play_user.c: the user of the session, and what he hears; see play.h. He
 * answers as the model's mind says, or keeps the reply for later. */
#include "play.h"

static struct play* play_of(const uvssh_session_t* session) {
  return (struct play*) app_of(session)->data;
}

static struct play* play_of_channel(uvssh_channel_t* channel) {
  return CONTAINER_OF(channel, struct play_channel, pub)->play;
}

struct play_channel* play_channel(struct play* pl, uint32_t id) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(pl->channels); i++)
    if (pl->channels[i].in_use &&
        pl->channels[i].pub.id == (uint64_t) id + 1)
      return &pl->channels[i];
  FAIL("the user has no channel %u", (unsigned) id);
}

struct play_channel* play_channel_new(struct play* pl) {
  struct play_channel* c = pl->channels;

  while (c->in_use)
    CHECK(++c < pl->channels + ARRAY_SIZE(pl->channels));
  memset(c, 0, sizeof(*c));
  c->play = pl;
  c->in_use = 1;
  return c;
}

void play_user_is_done(const struct play* pl) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(pl->channels); i++)
    CHECK(!pl->channels[i].in_use);
  for (i = 0; i < ARRAY_SIZE(pl->requests); i++)
    CHECK(!pl->requests[i].in_use);
}

static void compare_channel(struct play* pl, const struct model_channel* c) {
  const uvssh_channel_t* pub = &play_channel(pl, c->id)->pub;
  int is_live = !c->opening && !c->closing && !c->close_in;
  uint64_t left = 0;
  unsigned i;

  for (i = 0; i < c->item_count; i++)
    if (c->items[i].what <= WHAT_STDERR)
      left += c->items[i].len;
  CHECK_EQ(uvssh_channel_is_open(pub), is_live);
  CHECK_EQ(uvssh_channel_queue_size(pub), is_live ? left : 0);
  /* All was read, so the peer may go on to send. */
  if (is_live && !c->eof_in && !pl->m.quiet)
    CHECK(c->window_in != 0);
}

void play_compare_channels(struct play* pl) {
  unsigned i;

  for (i = 0; i < CHANNELS_MAX; i++)
    if (pl->m.channels[i].used && pl->m.channels[i].has_user)
      compare_channel(pl, &pl->m.channels[i]);
}

/* ---- questions ----------------------------------------------------------- */

static int is_waiting(const struct play* pl, unsigned number) {
  unsigned i;

  for (i = 0; number != 0 && i < pl->m.question_count; i++)
    if (pl->m.questions[i].number == number)
      return 1;
  return 0;
}

/* In the place of one that nobody can answer any more. */
static void keep(struct play* pl, uvssh_reply_t reply) {
  struct play_reply* r;
  unsigned i = ++pl->numbers;

  do
    r = &pl->replies[i++ % ARRAY_SIZE(pl->replies)];
  while (is_waiting(pl, r->number));
  r->number = pl->numbers;
  r->reply = reply;
}

static void answer(struct play* pl, uvssh_reply_t reply, enum say say) {
  if (say == SAY_NOTHING)
    keep(pl, reply);
  else
    CHECK_EQ(say == SAY_YES ? uvssh_reply_accept(reply)
                            : uvssh_reply_reject(reply), 0);
}

static void on_hostkey(uvssh_session_t* session, uvssh_key_t* key,
                       uvssh_host_verdict verdict, uvssh_reply_t reply) {
  struct play* pl = play_of(session);

  CHECK(uvssh_key_equal(key, pl->p->hostkey));
  notes_add(&pl->events, "hostkey");
  answer(pl, reply, pl->m.say_hostkey);
}

static void on_prompt(uvssh_session_t* session, const uvssh_prompts_t* form,
                      uvssh_reply_t reply) {
  static const char* const words[] = { "newer" };
  struct play* pl = play_of(session);

  notes_add(&pl->events, "prompt");
  if (pl->m.say_form == SAY_YES)
    CHECK_EQ(uvssh_reply_answers(reply, words, 1), 0);
  else
    answer(pl, reply, pl->m.say_form);
}

static void on_banner(uvssh_session_t* session, const char* text) {
  notes_add(&play_of(session)->events, "banner");
}

static void on_auth(uvssh_session_t* session, const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  struct play* pl = play_of(session);

  CHECK(!uvssh_session_is_ready(session));
  CHECK_EQ(attempt->key != NULL, attempt->method == UVSSH_AUTH_PUBLICKEY);
  notes_add(&pl->events, "auth %s",
            attempt->method == UVSSH_AUTH_NONE        ? "none"
            : attempt->key != NULL                    ? (attempt->key_proven
                                                             ? "signed"
                                                             : "probe")
            : attempt->new_password != NULL           ? "changed password"
                                                      : "password");
  answer(pl, reply, pl->m.say_auth);
}

static void on_ready(uvssh_session_t* session) {
  notes_add(&play_of(session)->events, "ready");
}

static void on_global(uvssh_session_t* session,
                      const uvssh_session_request_t* ask, uvssh_reply_t reply) {
  struct play* pl = play_of(session);

  CHECK(uvssh_session_is_ready(session));
  notes_add(&pl->events, "global %.30s", ask->name);
  if (reply.serial == 0)
    return;
  if (pl->m.say_request != SAY_NOTHING)
    pl->numbers++;
  answer(pl, reply, pl->m.say_request);
}

/* ---- channels ------------------------------------------------------------ */

static const char* request_name(const uvssh_channel_request_t* ask) {
  static const char* const names[] = {
    "", "pty-req", "env", "shell", "exec", "subsystem", "window-change",
    "signal", "break", "exit-status", "exit-signal", "eow@openssh.com"
  };

  return ask->type == UVSSH_REQUEST_OTHER ? ask->name : names[ask->type];
}

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  struct play* pl = play_of_channel(channel);

  notes_add(&pl->events, "request %u %.30s", (unsigned) (channel->id - 1),
            request_name(ask));
  if (reply.serial == 0)
    return;
  if (pl->m.say_request != SAY_NOTHING)
    pl->numbers++;
  answer(pl, reply, pl->m.say_request);
}

void play_on_read(uvssh_channel_t* channel, int stream, ssize_t nread,
                  const uv_buf_t* buf) {
  struct play* pl = play_of_channel(channel);

  if (nread > 0)
    notes_add(&pl->events, "data %u %d %u", (unsigned) (channel->id - 1),
              stream, (unsigned) nread);
  else if (nread == UV_EOF)
    notes_add(&pl->events, "end %u", (unsigned) (channel->id - 1));
  else
    notes_add(&pl->events, "end %u %s", (unsigned) (channel->id - 1),
              uvssh_err_name((int) nread));
}

static void on_channel_close(uvssh_channel_t* channel, int status) {
  struct play_channel* c = CONTAINER_OF(channel, struct play_channel, pub);

  CHECK(c->in_use);
  CHECK(channel->impl == NULL);
  c->in_use = 0;
  notes_add(&c->play->events, "closed %u %s", (unsigned) (channel->id - 1),
            uvssh_err_name(status));
}

const uvssh_channel_handlers_t play_channel_handlers = {
  .on_request = on_request, .on_close = on_channel_close
};

void play_accept_channel(struct play* pl, uvssh_reply_t reply) {
  struct play_channel* c = play_channel_new(pl);

  CHECK_EQ(uvssh_channel_accept(reply, &c->pub, &play_channel_handlers), 0);
  CHECK_EQ(uvssh_channel_read_start(&c->pub, play_on_read), 0);
}

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* ask, uvssh_reply_t reply) {
  static const char* const names[] = { "", "session", "direct-tcpip" };
  struct play* pl = play_of(session);

  CHECK(uvssh_session_is_ready(session));
  notes_add(&pl->events, "open %.30s",
            ask->type == UVSSH_CHANNEL_OTHER ? ask->name : names[ask->type]);
  if (pl->m.say_channel == SAY_NOTHING) {
    keep(pl, reply);
    return;
  }
  pl->numbers++;
  if (pl->m.say_channel == SAY_YES)
    play_accept_channel(pl, reply);
  else
    CHECK_EQ(uvssh_channel_reject(reply, UVSSH_OPEN_CONNECT_FAILED, "no"), 0);
}

void play_set_handlers(struct play* pl) {
  struct app* a = pl->p->app;
  uvssh_session_handlers_t* on = pl->m.is_server ? &a->on_server
                                                 : &a->on_client;

  memset(on, 0, sizeof(*on));
  on->on_ready = on_ready;
  if (pl->m.is_server) {
    on->on_auth = on_auth;
    on->on_channel = on_channel;
    on->on_request = on_global;
  } else {
    on->on_hostkey = on_hostkey;
    on->on_prompt = on_prompt;
    on->on_banner = on_banner;
  }
}
