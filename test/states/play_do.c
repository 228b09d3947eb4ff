/* play_do.c: what the user of the session does, at his own time; see play.h. */
#include "play.h"

#include <stdio.h>

static struct play_request* request_new(struct play* pl, const char* what) {
  struct play_request* r = pl->requests;

  while (r->in_use)
    CHECK(++r < pl->requests + ARRAY_SIZE(pl->requests));
  memset(r, 0, sizeof(*r));
  r->play = pl;
  r->in_use = 1;
  snprintf(r->what, sizeof(r->what), "%s", what);
  return r;
}

static void on_done(uvssh_req_t* req, int status) {
  struct play_request* r = CONTAINER_OF(req, struct play_request, req);

  CHECK(r->in_use);
  r->in_use = 0;
  notes_add(&r->play->events, "%s %s", r->what, uvssh_err_name(status));
}

static const struct play_reply* find_reply(const struct play* pl,
                                           unsigned number) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(pl->replies); i++)
    if (pl->replies[i].number == number)
      return &pl->replies[i];
  return NULL;                     /* it was answered at once */
}

static void done(struct play* pl) {
  play_listen(pl);
  play_compare(pl);
}

void play_release_jobs(struct play* pl) {
  play_step(pl);
  pl->p->app->pipe.jobs = JOBS_NOW;
  model_release_jobs(&pl->m);
  pipe_release_jobs(&pl->p->app->pipe);
  done(pl);
}

static enum about about_number(struct play* pl, unsigned number) {
  unsigned i;

  for (i = 0; i < pl->m.question_count; i++)
    if (pl->m.questions[i].number == number)
      return pl->m.questions[i].about;
  return ABOUT_ASK;
}

static int give(struct play* pl, uvssh_reply_t reply, enum about about,
                enum say say) {
  static const char* const words[] = { "newer" };

  if (about == ABOUT_CHANNEL && say == SAY_YES) {
    play_accept_channel(pl, reply);
    return 0;
  }
  if (about == ABOUT_FORM && say == SAY_YES)
    return uvssh_reply_answers(reply, words, 1);
  if (about == ABOUT_LOGIN && say == SAY_NOTHING)
    return uvssh_reply_partial(reply,
                               UVSSH_AUTH_PASSWORD | UVSSH_AUTH_PUBLICKEY);
  return say == SAY_YES ? uvssh_reply_accept(reply)
                        : uvssh_reply_reject(reply);
}

void play_answer(struct play* pl, unsigned number, enum say say) {
  enum about about = about_number(pl, number);
  const struct play_reply* r = find_reply(pl, number);
  int want;

  if (r == NULL)
    return;
  play_step(pl);
  want = model_answer(&pl->m, number, say);
  CHECK_EQ(give(pl, r->reply, about, say), want);
  done(pl);
}

void play_rekey(struct play* pl) {
  struct play_request* r = request_new(pl, "rekeyed");
  int want;

  play_step(pl);
  want = model_rekey(&pl->m);
  CHECK_EQ(uvssh_session_rekey(&r->req, &pl->p->side->pub, on_done), want);
  r->in_use = want == 0;
  done(pl);
}

static int attempt(struct play* pl, unsigned method, struct play_request* r) {
  uvssh_session_t* s = &pl->p->side->pub;

  if (method == UVSSH_AUTH_NONE)
    return uvssh_auth_none(&r->req, s, "bob", on_done);
  if (method == UVSSH_AUTH_PASSWORD)
    return uvssh_auth_password(&r->req, s, "bob", "secret", on_done);
  return uvssh_auth_publickey(&r->req, s, "bob", pl->p->app->user_key, on_done);
}

void play_attempt(struct play* pl, unsigned method) {
  struct play_request* r = request_new(pl, "login");
  int want;

  play_step(pl);
  want = model_attempt(&pl->m, method);
  CHECK_EQ(attempt(pl, method, r), want);
  r->in_use = want == 0;
  done(pl);
}

static void on_opened(uvssh_req_t* req, int status) {
  struct play_request* r = CONTAINER_OF(req, struct play_request, req);
  struct play_channel* c = CONTAINER_OF(req->channel, struct play_channel, pub);

  on_done(req, status);
  if (status == 0)
    CHECK_EQ(uvssh_channel_read_start(&c->pub, play_on_read), 0);
  else
    c->in_use = 0;
  CHECK(r->play == c->play);
}

void play_open(struct play* pl) {
  struct play_request* r = request_new(pl, "opened");
  struct play_channel* c = play_channel_new(pl);
  uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_SESSION };
  int want;

  play_step(pl);
  if (pl->m.is_server) {
    what.type = UVSSH_CHANNEL_OTHER;
    what.name = "x@y";
  }
  want = model_open(&pl->m);
  CHECK_EQ(uvssh_channel_open(&r->req, &pl->p->side->pub, &c->pub, &what,
                              &play_channel_handlers, on_opened), want);
  c->in_use = r->in_use = want == 0;
  if (want == 0)
    snprintf(r->what, sizeof(r->what), "opened %u", (unsigned) (c->pub.id - 1));
  done(pl);
}

void play_global(struct play* pl, int want_reply) {
  struct play_request* r = request_new(pl, "answered g");
  uvssh_session_request_t what = { .type = UVSSH_GLOBAL_OTHER, .name = "x@y" };
  int want;

  play_step(pl);
  want = model_global(&pl->m, want_reply);
  CHECK_EQ(uvssh_session_request(want_reply ? &r->req : NULL,
                                 &pl->p->side->pub, &what,
                                 want_reply ? on_done : NULL), want);
  r->in_use = want == 0 && want_reply;
  done(pl);
}

void play_ask(struct play* pl, struct model_channel* c, int want_reply) {
  struct play_request* r = request_new(pl, "");
  uvssh_channel_request_t what = { .type = UVSSH_REQUEST_OTHER, .name = "x@y" };
  int want;

  play_step(pl);
  snprintf(r->what, sizeof(r->what), "answered %u", (unsigned) c->id);
  want = model_ask(&pl->m, c, "x@y", want_reply);
  CHECK_EQ(uvssh_channel_request(want_reply ? &r->req : NULL,
                                 &play_channel(pl, c->id)->pub, &what,
                                 want_reply ? on_done : NULL), want);
  r->in_use = want == 0 && want_reply;
  done(pl);
}

void play_send(struct play* pl, struct model_channel* c, enum what stream,
               uint32_t len) {
  static const uint8_t block[8192];
  int want;

  CHECK(len <= sizeof(block));
  play_step(pl);
  want = model_send(&pl->m, c, stream, len);
  CHECK_EQ(uvssh_channel_send(&play_channel(pl, c->id)->pub,
                              stream == WHAT_STDERR ? UVSSH_STDERR
                                                    : UVSSH_DATA,
                              block, len), want);
  done(pl);
}

void play_shutdown(struct play* pl, struct model_channel* c) {
  int want;

  play_step(pl);
  want = model_shutdown(&pl->m, c);
  CHECK_EQ(uvssh_channel_shutdown(NULL, &play_channel(pl, c->id)->pub, NULL),
           want);
  done(pl);
}

void play_exit(struct play* pl, struct model_channel* c) {
  uint32_t id = c->id;
  int want;

  play_step(pl);
  want = model_exit(&pl->m, c);
  CHECK_EQ(uvssh_channel_exit(&play_channel(pl, id)->pub, 3, 0), want);
  done(pl);
}

void play_close(struct play* pl, struct model_channel* c, int drop) {
  struct play_channel* user = play_channel(pl, c->id);

  play_step(pl);
  model_close(&pl->m, c, drop);
  if (drop)
    uvssh_channel_abort(&user->pub);
  else
    uvssh_channel_close(&user->pub);
  done(pl);
}

/* Nothing is due at the very end of it: a step later it would be. */
void play_sleep(struct play* pl, uint64_t ms) {
  play_step(pl);
  model_sleep(&pl->m, ms);
  pipe_sleep(&pl->p->app->pipe, ms);
  done(pl);
}
