/* Faults of other implementations that no other test of this folder holds: one
 * test each, by the number of its row in docs/lessons.md. */
#include "auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* CVE-2021-3634: the session identifier is the first hash, for ever. */
TEST(lesson_16_the_session_identifier_never_changes) {
  static const enum role roles[] = { PEER_CLIENT, PEER_SERVER };
  struct transport* t;
  struct peer* p;
  uint8_t first[HASH_SIZE_MAX];
  uint8_t last_h[32];
  size_t i, k;

  for (i = 0; i < ARRAY_SIZE(roles); i++) {
    p = peer_new(roles[i]);
    peer_open(p);
    peer_reach_open(p);
    t = &p->side->session.transport;
    CHECK_MEM(t->session_id, t->session_id_len, p->h, p->id_len);
    memcpy(first, t->session_id, sizeof(first));
    for (k = 0; k < 5; k++) {
      memcpy(last_h, p->h, sizeof(last_h));
      peer_rekey(p);
      peer_alive(p);
      CHECK(memcmp(last_h, p->h, sizeof(last_h)) != 0);
      CHECK_EQ(t->session_id_len, 32);
      CHECK_MEM(t->session_id, sizeof(first), first, sizeof(first));
    }
    peer_end(p);
  }
}

/* CVE-2026-59851: who has proved to hold a key is not let in by that. */
TEST(lesson_30_a_right_signature_is_not_a_login) {
  struct peer* p = begin(SAY_NO);

  proof(p, "root", p->app->user_key);
  failed_after(p, 300);
  CHECK(strstr(p->app->log, "auth publickey root signed") != NULL);
  CHECK(uvssh_session_key(&p->side->pub) == NULL);
  CHECK_EQ(p->app->server_ready, 0);
  p->app->say_auth = SAY_YES;
  proof(p, "bob", p->app->user_key);
  peer_expect(p, MSG_USERAUTH_SUCCESS);
  CHECK_STR(uvssh_session_user(&p->side->pub), "bob");
  peer_end(p);
}

/* ---- 85: a refusal tells nothing ------------------------------------------
 * CVE-2018-15473 and others: of a user who does not exist it was another one,
 * or came sooner. Here it is the same bytes at the same time. */

static const uvssh_key_t* known;

/* bob is there, with one key and one password; nobody else is. */
static void on_auth(uvssh_session_t* session, const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  int yes = strcmp(attempt->user, "bob") == 0;

  if (attempt->method == UVSSH_AUTH_PASSWORD)
    yes &= strcmp(attempt->password, "right") == 0;
  else
    yes &= attempt->key != NULL && uvssh_key_equal(attempt->key, known);
  CHECK_EQ(yes ? uvssh_reply_accept(reply) : uvssh_reply_reject(reply), 0);
}

static void flipped(struct peer* p, const char* user, const uvssh_key_t* key) {
  struct buf signature = { 0 };

  sign(p, user, key, &signature);
  signature.base[signature.len - 1] ^= 1;
  say_signed(p, user, key, &signature);
}

static void other_algorithm(struct peer* p, const char* user) {
  struct buf* m = request(p, user, "publickey");

  wr_bool(m, 0);
  wr_cstr(m, "rsa-sha2-256");
  wr_cstr(m, "not even a key");
  peer_send(p);
}

static void say_reason(struct peer* p, unsigned why, const char* user,
                       const uvssh_key_t* other) {
  switch (why) {
    case 0: password(p, user, "wrong"); break;
    case 1: password(p, user, ""); break;
    case 2: probe(p, user, other); break;
    case 3: proof(p, user, other); break;
    case 4: flipped(p, user, other); break;
    case 5: other_algorithm(p, user); break;
    case 6: change(p, user, "right"); break;
    case 7: (void) request(p, user, "hostbased"); peer_send(p); break;
    case 8:
      (void) request(p, user, "keyboard-interactive");
      peer_send(p);
      break;
    case 9: flipped(p, user, known); break;
    default: (void) request(p, user, ""); peer_send(p); break;
  }
}

TEST(lesson_85_one_refusal_for_every_reason) {
  static const char* const users[] = { "bob", "eve", "", "root\n" };
  struct peer* p = peer_new(PEER_CLIENT);
  uvssh_key_t* other;
  unsigned why;
  size_t i;

  CHECK_EQ(uvssh_key_generate(&other, UVSSH_KEY_ED25519, 0), 0);
  known = p->app->user_key;
  p->app->server_config.auth_tries = 100;
  p->app->on_server.on_auth = on_auth;
  for (i = 0; i < ARRAY_SIZE(users); i++) {
    peer_open(p);
    peer_reach_auth(p);
    none(p, users[i]);
    failed(p, all, 0);
    for (why = 0; why <= 10; why++) {
      NOTE("'%s', reason %u", users[i], why);
      say_reason(p, why, users[i], other);
      failed_after(p, 300);
    }
    peer_again(p);
  }
  uvssh_key_unref(other);
  peer_end(p);
}

/* ---- 46: what a message says stays where it lies --------------------------
 * CVE-2026-48110: strings were copied before the fields were looked at. */

static size_t largest;

static void on_free(const void* base, size_t size) {
  if (size > largest)
    largest = size;
}

/* But for so many bytes that are kept. */
static void copies_only(struct peer* p, size_t kept) {
  size_t before;

  NOTE("message %u", p->message.base[0]);
  pipe_run(&p->app->pipe);
  before = heap_bytes();
  largest = 0;
  heap_on_free(on_free);
  peer_send(p);
  pipe_run(&p->app->pipe);
  heap_on_free(NULL);
  CHECK(largest < 8192);
  CHECK(heap_bytes() < before + kept + 8192);
  CHECK_EQ(p->side->closes, 0);
  pipe_sleep(&p->app->pipe, 300);  /* a refusal leaves */
  peer_skip(p);
}

static char name[30001];

/* The script's own buffers have grown then. */
static void say_much(struct peer* p) {
  wr_cstr(peer_message(p, MSG_IGNORE), name);
  peer_send(p);
  pipe_run(&p->app->pipe);
}

static void before_login(struct peer* p) {
  struct buf* m;

  p->app->say_auth = SAY_NO;
  peer_open(p);
  peer_reach_auth(p);
  say_much(p);
  (void) request(p, "bob", name);
  copies_only(p, 0);
  m = request(p, "bob", "publickey");
  wr_bool(m, 0);
  wr_cstr(m, name);
  wr_cstr(m, "");
  copies_only(p, 0);
  m = request(p, "bob", "publickey");
  wr_bool(m, 0);
  wr_cstr(m, "ssh-ed25519");
  wr_cstr(m, name);
  copies_only(p, 0);
  wr_cstr(peer_message(p, MSG_IGNORE), name);
  copies_only(p, 0);
  (void) request(p, name, "none"); /* who he says he is is kept, once */
  copies_only(p, sizeof(name));
  peer_again(p);
}

static void after_login(struct peer* p) {
  struct buf* m;
  uint32_t id;

  p->app->say_auth = SAY_YES;
  p->app->say_channel = SAY_YES;
  peer_open(p);
  peer_reach_open(p);
  id = peer_channel(p, 9, 1000);
  p->app->say_channel = SAY_NO;
  say_much(p);
  m = peer_message(p, MSG_CHANNEL_OPEN);
  wr_cstr(m, name);
  wr_u32(m, 10);
  wr_u32(m, 1000);
  wr_u32(m, 32768);
  copies_only(p, 0);
  m = peer_message(p, MSG_CHANNEL_REQUEST);
  wr_u32(m, id);
  wr_cstr(m, name);
  wr_bool(m, 1);
  copies_only(p, 0);
  m = peer_message(p, MSG_CHANNEL_REQUEST);
  wr_u32(m, id);
  wr_cstr(m, "exec");
  wr_bool(m, 1);
  wr_cstr(m, name);
  copies_only(p, 0);
  wr_cstr(peer_message(p, MSG_GLOBAL_REQUEST), name);
  wr_bool(&p->message, 1);
  copies_only(p, 0);
  peer_alive(p);
  peer_again(p);
}

TEST(lesson_46_long_texts_are_not_copied) {
  struct peer* p = peer_new(PEER_CLIENT);

  memset(name, 'n', sizeof(name) - 1);
  before_login(p);
  after_login(p);
  peer_end(p);
}

/* ---- 48: more than 32 bits of length -------------------------------------
 * CVE-2026-39834: 4 GiB were 0, again and again. */

#if SIZE_MAX > UINT32_MAX
static void lent(struct app* a, char* base, size_t len) {
  uvssh_channel_t* ch = &a->asked[0].pub;
  struct app_req req;
  uv_buf_t buf;
  size_t window = a->server_config.window_bytes;

  NOTE("%zu bytes", len);
  app_login(a);
  app_channel(a, 0);
  CHECK_EQ(uvssh_channel_read_stop(&a->served[0].pub), 0);
  buf.base = base;
  buf.len = len;
  CHECK_EQ(uvssh_channel_write(app_req(a, &req, NULL), ch, UVSSH_DATA, &buf, 1,
                               app_done), 0);
  CHECK_EQ(uvssh_channel_queue_size(ch), len);
  pipe_run(&a->pipe);              /* what the window takes, and no more */
  CHECK_EQ(uvssh_channel_queue_size(ch), len - window);
  CHECK_EQ(uvssh_channel_read_start(&a->served[0].pub, app_read), 0);
  while (a->served[0].got[0] < 4 * window)
    CHECK(pipe_step(&a->pipe));
  CHECK_EQ(req.done, 0);
  uvssh_channel_abort(ch);
  pipe_run(&a->pipe);
  CHECK_EQ(req.done, 1);
  CHECK_EQ(req.status, UV_ECANCELED);
  CHECK_EQ(a->asked[0].closes, 1);
  app_end(a);
}

TEST(lesson_48_four_gigabytes_in_one_write) {
  static const size_t sizes[] = {
    (size_t) UINT32_MAX, (size_t) UINT32_MAX + 1, (size_t) UINT32_MAX + 2
  };
  char* base = mmap(NULL, sizes[2], PROT_READ,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  size_t i;

  if (base == MAP_FAILED)
    SKIP("no 4 GiB of addresses here");
  for (i = 0; i < ARRAY_SIZE(sizes); i++)
    lent(app_new(), base, sizes[i]);
  munmap(base, sizes[2]);
}

TEST(lesson_48_what_is_copied_has_an_end) {
  struct app* a = app_new();
  uvssh_channel_t* ch = &a->asked[0].pub;
  uvssh_payload_t* payload;
  size_t len;

  app_login(a);
  app_channel(a, 0);
  for (len = (size_t) INT32_MAX + 1; len != 0; len <<= 1) {
    CHECK_EQ(uvssh_channel_send(ch, UVSSH_DATA, "x", len), UV_EINVAL);
    CHECK_EQ(uvssh_channel_send(ch, UVSSH_DATA, "x", len + 1), UV_EINVAL);
    CHECK_EQ(uvssh_payload_create(&payload, "x", len), UV_EINVAL);
  }
  app_end(a);
}
#endif

/* ---- 57: the same request again and again --------------------------------
 * Memory of the one before leaked, in libssh2 (exit-signal). */

static const struct {
  const char* name;
  const char* fields;
  size_t len;
} repeated[] = {
  { "pty-req", "\0\0\0\4vt99\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0", 29 },
  { "env", "\0\0\0\1a\0\0\0\1b", 10 },
  { "shell", "", 0 },
  { "exec", "\0\0\0\2id", 6 },
  { "subsystem", "\0\0\0\4sftp", 8 },
  { "window-change", "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1", 16 },
  { "signal", "\0\0\0\4TERM", 8 },
  { "break", "\0\0\0\1", 4 },
  { "exit-status", "\0\0\0\1", 4 },
  { "exit-signal", "\0\0\0\4TERM\0\0\0\0\1x\0\0\0\0", 18 },
  { "eow@openssh.com", "", 0 },
  { "auth-agent-req@openssh.com", "", 0 },
  { "x@example.com", "abc", 3 },
  { "x", "", 0 },
};

static uint32_t one_channel(struct peer* p) {
  struct buf* m;

  if (p->role == PEER_CLIENT)
    return peer_channel(p, 9, 1000);
  app_channel(p->app, 0);          /* a client's, opened by it */
  peer_expect(p, MSG_CHANNEL_OPEN);
  m = peer_message(p, MSG_CHANNEL_OPEN_CONFIRMATION);
  wr_u32(m, 0);
  wr_u32(m, 9);
  wr_u32(m, 1000);
  wr_u32(m, 32768);
  peer_send(p);
  pipe_run(&p->app->pipe);
  return 0;
}

TEST(lesson_57_each_request_a_thousand_times) {
  static const enum role roles[] = { PEER_CLIENT, PEER_SERVER };
  unsigned times = check_share() < 10 ? 1000 / check_share() : 100;
  struct peer* p;
  size_t i, k;
  size_t bytes = 0;
  unsigned n;
  uint32_t id;

  for (k = 0; k < ARRAY_SIZE(roles); k++)
    for (i = 0; i < ARRAY_SIZE(repeated); i++) {
      NOTE("role %zu, %s", k, repeated[i].name);
      p = peer_new(roles[k]);
      peer_open(p);
      peer_reach_open(p);
      id = one_channel(p);
      for (n = 0; n < times; n++) {
        app_log_clear(p->app);
        peer_request(p, id, repeated[i].name, (int) (n % 2),
                     repeated[i].fields, repeated[i].len);
        if (n == 10)
          bytes = heap_bytes();
        if (n % 10 == 9 || n < 10)
          peer_skip(p);
      }
      peer_alive(p);
      CHECK(heap_bytes() <= bytes + 1024);
      peer_end(p);
    }
}
