/* A whole session without memory at every allocation, once and from there on.
 * It ends with UV_ENOMEM, or goes on where only one call was refused; whatever
 * began completes once, and all is given back. (That nothing is believed for it
 * is in test-faults-verdict.c.) */
#include "app.h"
#include "crypto/crypto.h"

/* ---- what may become of it ----------------------------------------------- */

static struct {
  unsigned server;                 /* ended by it */
  unsigned client;
  unsigned refused;                /* went on; some call, or request, failed */
  unsigned unharmed;
} seen;

static int is_told(int status) {
  return status == UVSSH_EDISCONNECT || status == UV_EOF ||
         status == UVSSH_ENOBANNER;
}

static int some_request_failed(const struct app* a) {
  unsigned i;

  for (i = 1; i < a->req_count; i++)   /* 0 is meant to */
    if (a->reqs[i].done && a->reqs[i].status != 0)
      return 1;
  return a->asked[0].open.status != 0 || a->asked[1].open.status != 0;
}

/* One allocation failed: of one side. The other one is told. */
static void check_once(const struct app* a) {
  int server = a->pipe.server.end.status;
  int client = a->pipe.client.end.status;

  if (!a->pipe.client.closes || !a->pipe.server.closes) {
    CHECK_EQ(a->stage, 0);         /* the session could not be made */
  } else if (server == UV_ENOMEM) {
    CHECK(is_told(client));
    seen.server++;
  } else if (client == UV_ENOMEM) {
    CHECK(is_told(server));
    seen.client++;
  } else {
    CHECK_EQ(client, 0);
    CHECK_EQ(server, UVSSH_EDISCONNECT);
    if (app_script_is_complete(a)) {
      seen.unharmed++;
    } else {
      seen.refused++;
      CHECK(a->refused != 0 || some_request_failed(a));
    }
  }
}

/* ---- once ---------------------------------------------------------------- */

static void sweep(struct app* a) {
  uvssh_key_t* key = a->user_key;
  size_t last = 0;

  memset(&seen, 0, sizeof(seen));
  HEAP_SWEEP(n) {
    NOTE("allocation %zu", n);
    app_script(a);
    last = n;
    if (heap_failed())
      check_once(a);
    else
      CHECK(app_script_is_complete(a));
    app_script_again(a);
    CHECK(a->user_key == key);
  }
  CHECK(last > 100);
  CHECK(seen.server > 20 && seen.client > 20 && seen.refused > 5);
}

TEST(bar_3_every_allocation_fails_once) {
  struct app* a = app_new();

  sweep(a);
  app_end(a);
}

TEST(bar_3_and_with_compression) {
  struct app* a;

  if (uvssh__compression_find(STR("zlib")) == NULL)
    SKIP("built without zlib");
  a = app_new();
  a->server_config.compression = "zlib,zlib@openssh.com";
  a->client_config.compression = "zlib@openssh.com";
  sweep(a);
  a->client_config.compression = "zlib";
  sweep(a);
  app_end(a);
}

/* Byte by byte more of them are needed: each unfinished packet is kept. */
TEST(bar_3_and_with_jobs_that_are_away) {
  struct app* a = app_new();

  a->pipe.jobs = JOBS_LATER;
  a->pipe.job_steps = 3;
  sweep(a);
  app_end(a);
}

static void on_sign(void* arg, const char* algorithm, const uv_buf_t* data,
                    uvssh_reply_t reply) {
  struct buf signature = { 0 };
  int err = uvssh__key_sign(arg, uvssh__sign_find(str_of(algorithm)),
                            (const uint8_t*) data->base, data->len, &signature);

  if (err == 0)
    err = uvssh_reply_signature(reply, signature.base, signature.len);
  else
    err = uvssh_reply_reject(reply);
  CHECK(err == 0 || heap_failed());
  uvssh__buf_free(&signature);
}

TEST(bar_3_and_with_a_secret_elsewhere) {
  struct app* a = app_new();
  uvssh_key_t* secret = a->user_key;

  CHECK_EQ(uvssh_key_external(&a->user_key, secret, on_sign, secret, NULL), 0);
  sweep(a);
  app_end(a);
  uvssh_key_unref(secret);
}

/* ---- from there on ------------------------------------------------------- */

static int is_out(int status) {
  return status == UV_ENOMEM || is_told(status);
}

/* Returns 0 when there were fewer than n. */
static int run_from(struct app* a, size_t n) {
  int failed;

  NOTE("allocation %zu and all behind it", n);
  heap_fail_from(n);
  app_script(a);
  failed = heap_failed();
  heap_fail_at(0);
  if (failed && a->pipe.client.closes) {
    CHECK(is_out(a->pipe.server.end.status));
    CHECK(is_out(a->pipe.client.end.status) ||
          a->pipe.client.end.status == 0);
  }
  CHECK(failed || app_script_is_complete(a));
  return failed;
}

TEST(bar_3_every_allocation_fails_from_then_on) {
  struct app* a = app_new();
  size_t n;

  for (n = 1; run_from(a, n); n++)
    app_script_again(a);
  CHECK(n > 100);
  app_end(a);
}

/* ---- whatever is called then --------------------------------------------- */

static void poke_session(struct app* a, struct side* s) {
  uvssh_session_request_t global = { .type = UVSSH_GLOBAL_OTHER,
                                     .name = "x@example.com" };
  uvssh_session_info_t info;
  uvssh_config_t config;
  size_t len;

  uvssh_session_config(&s->pub, &config);
  uvssh_session_info(&s->pub, &info);
  (void) uvssh_session_configure(&s->pub, &config);
  (void) uvssh_session_id(&s->pub, &len);
  (void) uvssh_session_user(&s->pub);
  (void) uvssh_session_key(&s->pub);
  (void) uvssh_session_is_ready(&s->pub);
  (void) uvssh_session_request(NULL, &s->pub, &global, NULL);
  (void) uvssh_session_rekey(NULL, &s->pub, NULL);
  (void) uvssh_reply_reject(a->auth_reply);
  (void) uvssh_reply_accept(a->global_reply);
  (void) uvssh_channel_reject(a->channel_reply, UVSSH_OPEN_CONNECT_FAILED, "");
}

static void poke_channel(struct app_channel* ch) {
  uvssh_channel_request_t what = { .type = UVSSH_REQUEST_ENV, .name = "A",
                                   .value = "b" };

  if (!ch->in_use || ch->closes)
    return;
  (void) uvssh_channel_request(NULL, &ch->pub, &what, NULL);
  (void) uvssh_channel_send(&ch->pub, UVSSH_DATA, "abc", 3);
  (void) uvssh_channel_read_stop(&ch->pub);
  (void) uvssh_channel_read_start(&ch->pub, app_read);
  (void) uvssh_channel_queue_size(&ch->pub);
  (void) uvssh_channel_shutdown(NULL, &ch->pub, NULL);
  (void) uvssh_channel_exit(&ch->pub, 1, 0);
}

static int poked;

static void poke(struct pipe* p) {
  struct app* a = CONTAINER_OF(p, struct app, pipe);
  unsigned i;

  if (!heap_failed() || poked > 2)
    return;
  poked++;
  poke_session(a, &p->server);
  poke_session(a, &p->client);
  for (i = 0; i < APP_CHANNELS; i++) {
    poke_channel(&a->served[i]);
    poke_channel(&a->asked[i]);
  }
}

/* Behind a failure every function may be called: each on_close comes once. */
TEST(bar_3_whatever_is_called_then) {
  struct app* a = app_new();
  size_t n;

  a->unit = 10;
  HEAP_SWEEP(k) {
    poked = 0;
    a->pipe.on_step = poke;
    NOTE("allocation %zu", k);
    app_script(a);
    app_script_again(a);
  }
  for (n = 1;; n++) {
    poked = 0;
    a->pipe.on_step = poke;
    if (!run_from(a, n))
      break;
    app_script_again(a);
  }
  app_end(a);
}

/* ---- a password that is asked for twice ---------------------------------- */

static void ask_for_new(uvssh_session_t* session, const uvssh_auth_t* attempt,
                        uvssh_reply_t reply) {
  static const uvssh_prompt_t prompt = { "New: ", 0 };
  static const uvssh_prompts_t form = { UVSSH_AUTH_PASSWORD, "", "old", &prompt,
                                        1 };
  struct app* a = app_of(session);

  a->auths++;
  if (attempt->method != UVSSH_AUTH_PASSWORD) {
    app_tried(a, uvssh_reply_reject(reply));
    return;
  }
  CHECK_STR(attempt->password, "half");
  if (attempt->new_password == NULL) {
    app_tried(a, uvssh_reply_prompt(reply, &form));
    return;
  }
  CHECK_STR(attempt->new_password, "whole");
  app_tried(a, uvssh_reply_partial(reply, UVSSH_AUTH_PUBLICKEY));
}

static void say_new(uvssh_session_t* session, const uvssh_prompts_t* form,
                    uvssh_reply_t reply) {
  static const char* const answers[] = { "whole" };

  app_tried(app_of(session), uvssh_reply_answers(reply, answers, 1));
}

/* The old one goes with the new one, or nothing does. */
TEST(bar_3_and_with_a_new_password) {
  struct app* a = app_new();

  a->unit = 10;
  a->server_config.auth_rejection_ms = 0;
  a->on_server.on_auth = ask_for_new;
  a->on_client.on_prompt = say_new;
  HEAP_SWEEP(n) {
    NOTE("allocation %zu", n);
    app_script(a);
    if (!heap_failed()) {
      CHECK_EQ(a->reqs[0].status, UVSSH_EPARTIAL);
      CHECK(a->auths >= 3);
    }
    app_script_again(a);
  }
  app_end(a);
}
