/* world_app.c: the user of the library. It says yes and reads, unless its mood
 * says something else: each decision uses up three bits of it, so an input
 * without DO_MOOD meets an app that accepts all.
 *
 * Objects are allocated one by one and given back in the callback that says so:
 * whoever touches them later is found. What is promised is counted: each
 * request completes once, each channel and the session close once.
 */
#include "world.h"

#include <stdlib.h>

struct app_channel {
  uvssh_channel_t ch;
  struct world* w;
  struct app_channel* next;
  int told_end;
  int closed;                      /* by us: no more is read */
};

struct app_request {
  uvssh_req_t req;
  struct world* w;
  struct app_channel* opening;
  uint8_t* bytes;                  /* lent */
};

enum mood { M_YES, M_LATER, M_NO, M_OTHER, M_STOP, M_SEND, M_CLOSE, M_END };

static enum mood decide(struct world* w) {
  enum mood m = (enum mood) (w->mood & 7);

  w->mood >>= 3;
  return m;
}

/* ---- requests ------------------------------------------------------------ */

static void channel_gone(struct app_channel* c);

static void on_done(uvssh_req_t* req, int status) {
  struct app_request* r = (struct app_request*) req->data;
  struct world* w = r->w;

  MUST(status <= 0 && req->session == &w->pub && req->text != NULL);
  MUST(w->request_count > 0);
  w->request_count--;
  if (r->opening != NULL && status != 0) {
    MUST(r->opening->ch.impl == NULL);
    channel_gone(r->opening);
  }
  free(r->bytes);
  free(r);
  if (decide(w) == M_END)
    uvssh_session_close(&w->pub);
}

static struct app_request* request_new(struct world* w) {
  struct app_request* r;

  if (w->request_count >= REQUESTS)
    return NULL;
  r = (struct app_request*) calloc(1, sizeof(*r));
  MUST(r != NULL);
  r->w = w;
  r->req.data = r;
  w->request_count++;
  return r;
}

/* What the call said: the callback comes, or never will. */
static void request_started(struct app_request* r, int err) {
  MUST(err <= 0);
  if (err == 0)
    return;
  r->w->request_count--;
  free(r->bytes);
  free(r);
}

/* ---- channels ------------------------------------------------------------ */

static struct app_channel* channel_new(struct world* w) {
  struct app_channel* c = (struct app_channel*) calloc(1, sizeof(*c));

  MUST(c != NULL);
  c->w = w;
  c->ch.data = c;
  c->next = w->channels;
  w->channels = c;
  w->channel_count++;
  return c;
}

static void channel_gone(struct app_channel* c) {
  struct app_channel** at = &c->w->channels;

  while (*at != c)
    at = &(*at)->next;
  *at = c->next;
  c->w->channel_count--;
  free(c);
}

static void on_channel_close(uvssh_channel_t* channel, int status) {
  struct app_channel* c = (struct app_channel*) channel->data;
  struct world* w = c->w;

  MUST(status <= 0 && channel->impl == NULL);
  channel_gone(c);
  if (decide(w) == M_END)
    (void) uvssh_session_disconnect(&w->pub, UVSSH_DISCONNECT_BY_APPLICATION,
                                    "enough");
}

static void channel_close(struct app_channel* c, int abort) {
  c->closed = 1;
  if (abort)
    uvssh_channel_abort(&c->ch);
  else
    uvssh_channel_close(&c->ch);
}

static void on_read(uvssh_channel_t* channel,
                    int stream,
                    ssize_t nread,
                    const uv_buf_t* buf) {
  struct app_channel* c = (struct app_channel*) channel->data;
  struct world* w = c->w;

  MUST(nread != 0 && !c->told_end && !c->closed);
  if (nread < 0) {
    c->told_end = 1;
  } else {
    MUST(buf->len == (size_t) nread && buf->len <= 16 * 1024);
    MUST(stream == UVSSH_DATA || stream == UVSSH_STDERR);
  }
  switch (decide(w)) {
    case M_STOP: (void) uvssh_channel_read_stop(channel); break;
    case M_CLOSE: channel_close(c, nread & 1); break;
    case M_SEND:
      if (nread > 0)
        (void) uvssh_channel_send(channel, UVSSH_DATA, buf->base, buf->len);
      break;
    case M_END: uvssh_session_close(&w->pub); break;
    default: break;
  }
}

static void on_drain(uvssh_channel_t* channel) {
  struct app_channel* c = (struct app_channel*) channel->data;

  if (decide(c->w) == M_CLOSE)
    channel_close(c, 0);
}

/* ---- questions ----------------------------------------------------------- */

static void answer_channel(struct world* w, uvssh_reply_t reply, enum mood m);

static void said_yes(struct world* w, enum about about) {
  if (about == ABOUT_LOGIN)
    w->let_in = 1;
  if (about == ABOUT_HOSTKEY)
    w->trusted = 1;
}

static void answer(struct world* w,
                   uvssh_reply_t reply,
                   enum about about,
                   enum mood m) {
  static const char* const words[] = { "new", "words" };
  static const uvssh_prompt_t prompt = { "choose another", 0 };
  static const uvssh_prompts_t form = { UVSSH_AUTH_PASSWORD, NULL, NULL,
                                        &prompt, 1 };

  switch (m) {
    case M_NO:
      (void) uvssh_reply_reject(reply);
      break;
    case M_OTHER:
      (void) uvssh_reply_partial(reply, UVSSH_AUTH_PASSWORD);
      break;
    case M_SEND:
      (void) uvssh_reply_prompt(reply, &form);
      break;
    case M_STOP:
      (void) uvssh_channel_reject(reply, UVSSH_OPEN_SHORTAGE, "no");
      break;
    case M_CLOSE:
      answer_channel(w, reply, decide(w));
      break;
    default:
      if (about == ABOUT_CHANNEL)
        answer_channel(w, reply, decide(w));
      else if (about == ABOUT_FORM)
        (void) uvssh_reply_answers(reply, words, m == M_LATER ? 2 : 1);
      else if (uvssh_reply_accept(reply) == 0)
        said_yes(w, about);
      break;
  }
}

static void ask(struct world* w, uvssh_reply_t reply, enum about about) {
  enum mood m = decide(w);

  MUST(reply.serial == 0 || uvssh_reply_session(reply) == &w->pub);
  if (m == M_END) {
    uvssh_session_close(&w->pub);
  } else if (m != M_LATER) {
    answer(w, reply, about, m);
  } else if (w->question_count < QUESTIONS) {
    w->questions[w->question_count].reply = reply;
    w->questions[w->question_count].about = about;
    w->question_count++;
  }
}

static void on_channel_request(uvssh_channel_t* channel,
                               const uvssh_channel_request_t* what,
                               uvssh_reply_t reply) {
  struct app_channel* c = (struct app_channel*) channel->data;
  uint32_t value;
  size_t n = 0;

  MUST(!c->closed);
  n += what->name == NULL ? 0 : strlen(what->name);
  n += what->value == NULL ? 0 : strlen(what->value);
  n += what->command == NULL ? 0 : strlen(what->command);
  n += what->subsystem == NULL ? 0 : strlen(what->subsystem);
  n += what->signal == NULL ? 0 : strlen(what->signal);
  n += what->text == NULL ? 0 : strlen(what->text);
  n += what->pty.term == NULL ? 0 : strlen(what->pty.term);
  MUST(n < PACKET_MAX && what->extra_len < PACKET_MAX);
  if (what->type == UVSSH_REQUEST_PTY)
    (void) uvssh_pty_mode(&what->pty, 128, &value);
  ask(c->w, reply, ABOUT_OTHER);
}

static const uvssh_channel_handlers_t channel_handlers = {
  on_channel_request, on_drain, on_channel_close
};

static void answer_channel(struct world* w, uvssh_reply_t reply, enum mood m) {
  struct app_channel* c = channel_new(w);

  if (uvssh_channel_accept(reply, &c->ch, &channel_handlers) != 0) {
    MUST(c->ch.impl == NULL);
    channel_gone(c);
    return;
  }
  if (m != M_STOP)
    MUST(uvssh_channel_read_start(&c->ch, on_read) == 0);
  if (m == M_CLOSE)
    channel_close(c, 1);
}

void app_answer(struct world* w, uint8_t how) {
  struct question_of_app q;
  unsigned which = how >> 3;

  if (w->question_count == 0)
    return;
  which %= w->question_count;
  q = w->questions[which];
  w->questions[which] = w->questions[--w->question_count];
  answer(w, q.reply, q.about, (enum mood) (how & 7));
}

/* ---- the session --------------------------------------------------------- */

static struct world* world_of(uvssh_session_t* session) {
  return CONTAINER_OF(session, struct world, pub);
}

static void on_hostkey(uvssh_session_t* session,
                       uvssh_key_t* key,
                       uvssh_host_verdict verdict,
                       uvssh_reply_t reply) {
  MUST(uvssh_key_equal(key, fuzz_key(KEY_OF_HOST)));  /* it was proven */
  ask(world_of(session), reply, ABOUT_HOSTKEY);
}

static void on_prompt(uvssh_session_t* session,
                      const uvssh_prompts_t* form,
                      uvssh_reply_t reply) {
  MUST(form->count == 1 && form->instruction != NULL);
  ask(world_of(session), reply, ABOUT_FORM);
}

static void on_banner(uvssh_session_t* session, const char* text) {
  MUST(strlen(text) < 64 * 1024 + 1);
}

static void on_auth(uvssh_session_t* session,
                    const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  MUST(attempt->user != NULL && strlen(attempt->user) < PACKET_MAX);
  MUST((attempt->method == UVSSH_AUTH_PASSWORD) == (attempt->password != NULL));
  if (attempt->key_proven)
    MUST(uvssh_key_equal(attempt->key, fuzz_key(KEY_OF_USER)));
  ask(world_of(session), reply,
      attempt->method == UVSSH_AUTH_PUBLICKEY && !attempt->key_proven
          ? ABOUT_PROBE
          : ABOUT_LOGIN);
}

static void on_ready(uvssh_session_t* session) {
  struct world* w = world_of(session);

  MUST(++w->readies == 1 && uvssh_session_is_ready(session));
  MUST(w->is_server ? w->let_in : w->trusted);
}

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* what,
                       uvssh_reply_t reply) {
  MUST(world_of(session)->readies == 1);
  if (what->type == UVSSH_CHANNEL_OTHER)
    MUST(strchr(what->name, '@') != NULL);
  if (what->type == UVSSH_CHANNEL_DIRECT_TCPIP) {
    MUST(strlen(what->host) + strlen(what->origin_host) < PACKET_MAX);
    MUST(what->port >= 0 && what->port < 65536);
    MUST(what->origin_port >= 0 && what->origin_port < 65536);
  }
  ask(world_of(session), reply, ABOUT_CHANNEL);
}

static void on_request(uvssh_session_t* session,
                       const uvssh_session_request_t* what,
                       uvssh_reply_t reply) {
  MUST(strlen(what->name) < PACKET_MAX);
  ask(world_of(session), reply, ABOUT_OTHER);
}

/* Nobody here can prove that another key is his. */
static void on_hostkeys(uvssh_session_t* session,
                        uvssh_key_t* const* keys,
                        unsigned count) {
  MUST(!world_of(session)->is_server && world_of(session)->trusted);
  MUST(count == 1 && uvssh_key_equal(keys[0], fuzz_key(KEY_OF_HOST)));
}

static void on_close(uvssh_session_t* session, const uvssh_end_t* end) {
  struct world* w = world_of(session);
  uvssh_session_info_t info;
  uvssh_config_t config;

  MUST(++w->closes == 1 && session->impl == NULL && end->text != NULL);
  MUST(w->channel_count == 0);     /* theirs come before */
  uvssh_session_info(session, &info);
  uvssh_session_config(session, &config);
  (void) uvssh_session_user(session);
}

const uvssh_session_handlers_t app_handlers = {
  .on_hostkey = on_hostkey,
  .on_prompt = on_prompt,
  .on_banner = on_banner,
  .on_auth = on_auth,
  .on_ready = on_ready,
  .on_channel = on_channel,
  .on_request = on_request,
  .on_hostkeys = on_hostkeys,
  .on_close = on_close
};

void app_check_end(const struct world* w) {
  MUST(w->closes == 1 && w->channel_count == 0 && w->request_count == 0);
}

/* ---- deeds --------------------------------------------------------------- */

static struct app_channel* channel_at(struct world* w, unsigned which) {
  struct app_channel* c = w->channels;

  if (c == NULL)
    return NULL;
  for (which %= w->channel_count; which != 0; which--)
    c = c->next;
  return c;
}

static void channel_write(struct world* w, struct app_channel* c, size_t n) {
  struct app_request* r = request_new(w);
  uv_buf_t bufs[3];

  if (r == NULL)
    return;
  r->bytes = (uint8_t*) calloc(1, n);
  MUST(r->bytes != NULL);
  bufs[0] = uv_buf_init((char*) r->bytes, (unsigned) n / 3);
  bufs[1] = uv_buf_init(NULL, 0);
  bufs[2] = uv_buf_init((char*) r->bytes + n / 3, (unsigned) (n - n / 3));
  request_started(r, uvssh_channel_write(&r->req, &c->ch, UVSSH_DATA, bufs, 3,
                                         on_done));
}

static void channel_send(struct app_channel* c, int stream, size_t n) {
  uint8_t* bytes = (uint8_t*) calloc(1, n);

  MUST(bytes != NULL);
  (void) uvssh_channel_send(&c->ch, stream, bytes, n);
  free(bytes);
}

static void channel_payload(struct app_channel* c) {
  uvssh_payload_t* payload;

  if (uvssh_payload_create(&payload, "one for all", 11) != 0)
    return;
  (void) uvssh_channel_send_payload(&c->ch, UVSSH_DATA, payload);
  uvssh_payload_unref(payload);
}

static void channel_ask(struct world* w, struct app_channel* c, int silent) {
  static const uvssh_channel_request_t kinds[] = {
    { .type = UVSSH_REQUEST_OTHER, .name = "x@example.com" },
    { .type = UVSSH_REQUEST_PTY, .pty = { .term = "xterm", .cols = 80 } },
    { .type = UVSSH_REQUEST_ENV, .name = "LANG", .value = "C" },
    { .type = UVSSH_REQUEST_EXEC, .command = "true" },
    { .type = UVSSH_REQUEST_SUBSYSTEM, .subsystem = "sftp" },
    { .type = UVSSH_REQUEST_SIGNAL, .signal = "TERM" },
    { .type = UVSSH_REQUEST_WINDOW_CHANGE, .pty = { .cols = 81 } },
    { .type = UVSSH_REQUEST_EXIT_SIGNAL, .signal = "HUP", .text = "why" },
  };
  const uvssh_channel_request_t* what = &kinds[decide(w)];
  struct app_request* r = silent ? NULL : request_new(w);

  if (silent)
    (void) uvssh_channel_request(NULL, &c->ch, what, NULL);
  else if (r != NULL)
    request_started(r, uvssh_channel_request(&r->req, &c->ch, what, on_done));
}

static void channel_relay(struct world* w,
                          struct app_channel* from,
                          struct app_channel* to) {
  struct app_request* r = request_new(w);

  if (r != NULL)
    request_started(r, uvssh_channel_relay(&r->req, &from->ch, &to->ch,
                                           on_done));
}

static void channel_shutdown(struct world* w, struct app_channel* c) {
  struct app_request* r = request_new(w);

  if (r != NULL)
    request_started(r, uvssh_channel_shutdown(&r->req, &c->ch, on_done));
}

void app_channel(struct world* w, uint8_t how) {
  struct app_channel* c = channel_at(w, how >> 5);

  if (c == NULL)
    return;
  switch (how & 15) {
    case 0: (void) uvssh_channel_read_start(&c->ch, on_read); break;
    case 1: (void) uvssh_channel_read_stop(&c->ch); break;
    case 2: channel_send(c, UVSSH_DATA, 100); break;
    case 3: channel_send(c, UVSSH_DATA, 9000); break;
    case 4: channel_send(c, UVSSH_STDERR, 700); break;
    case 5: channel_write(w, c, 30); break;
    case 6: channel_write(w, c, 40000); break;
    case 7: channel_payload(c); break;
    case 8: channel_shutdown(w, c); break;
    case 9: (void) uvssh_channel_shutdown(NULL, &c->ch, NULL); break;
    case 10:
      if (uvssh_channel_exit(&c->ch, 3, (how & 16) != 0 ? 15 : 0) == 0)
        c->closed = 1;
      break;
    case 11: channel_close(c, 0); break;
    case 12: channel_close(c, 1); break;
    case 13: channel_ask(w, c, (how & 16) != 0); break;
    case 14: channel_relay(w, c, channel_at(w, (how & 16) != 0)); break;
    default:
      (void) uvssh_channel_set_window(&c->ch, (how & 16) != 0 ? 1 << 18 : 1024);
      break;
  }
}

static void session_open(struct world* w) {
  static const uvssh_channel_open_t kinds[] = {
    { .type = UVSSH_CHANNEL_SESSION },
    { .type = UVSSH_CHANNEL_DIRECT_TCPIP, .host = "host", .port = 22 },
    { .type = UVSSH_CHANNEL_OTHER, .name = "x@example.com" },
  };
  const uvssh_channel_open_t* what =
      w->is_server ? &kinds[2] : &kinds[w->channel_count % 2];
  struct app_request* r = w->channel_count < CHANNELS ? request_new(w) : NULL;
  int err;

  if (r == NULL)
    return;
  r->opening = channel_new(w);
  err = uvssh_channel_open(&r->req, &w->pub, &r->opening->ch, what,
                           &channel_handlers, on_done);
  if (err != 0)
    channel_gone(r->opening);
  request_started(r, err);
}

static void session_ask(struct world* w) {
  static const uvssh_session_request_t what = { UVSSH_GLOBAL_OTHER,
                                                "x@example.com", "abc", 3 };
  struct app_request* r = request_new(w);

  if (r != NULL)
    request_started(r, uvssh_session_request(&r->req, &w->pub, &what, on_done));
}

static void session_ping(struct world* w) {
  struct app_request* r = request_new(w);

  if (r != NULL)
    request_started(r, uvssh_session_ping(&r->req, &w->pub, on_done));
}

static void session_rekey(struct world* w) {
  struct app_request* r = request_new(w);

  if (r != NULL)
    request_started(r, uvssh_session_rekey(&r->req, &w->pub, on_done));
}

static void session_configure(struct world* w, uint8_t how) {
  uvssh_config_t config;

  uvssh_session_config(&w->pub, &config);
  config.reply_timeout_ms = how;
  config.linger_ms = how & 0x40 ? 0 : 1000;
  config.auth_rejection_ms = how;
  config.channels = how & 0x80 ? 2 : 6;
  (void) uvssh_session_configure(&w->pub, &config);
}

void app_session(struct world* w, uint8_t how) {
  switch (how & 7) {
    case 0: session_open(w); break;
    case 1: session_ask(w); break;
    case 2: session_rekey(w); break;
    case 3: (void) uvssh_session_rekey(NULL, &w->pub, NULL); break;
    case 4: session_configure(w, how); break;
    case 5: (void) uvssh_session_disconnect(&w->pub, 11, "bye"); break;
    case 6: uvssh_session_close(&w->pub); break;
    default:
      if ((how & 8) != 0)
        session_ping(w);
      else if ((how & 16) != 0)
        (void) uvssh_client_no_more_sessions(&w->pub);
      break;
  }
}

void app_login(struct world* w, uint8_t how) {
  struct app_request* r = w->is_server ? NULL : request_new(w);
  const char* user = (how & 4) != 0 ? "other" : "user";

  if (r == NULL)
    return;
  if (how % 3 == 0)
    request_started(r, uvssh_auth_none(&r->req, &w->pub, user, on_done));
  else if (how % 3 == 1)
    request_started(r, uvssh_auth_password(&r->req, &w->pub, user, "word",
                                           on_done));
  else
    request_started(r, uvssh_auth_publickey(&r->req, &w->pub, user,
                                            fuzz_key(KEY_OF_USER), on_done));
}

/* As uvssh_client_start() does. */
void app_client_starts(struct world* w) {
  struct app_request* r = request_new(w);

  uvssh__request_begin(&r->req, &w->s.desk, NULL, on_done);
  w->s.start_req = &r->req;
}
