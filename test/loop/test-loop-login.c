/* test-loop-login.c: uvssh_client_login() against our own server: the host key,
 * each method, their order, the end at every step. */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "both.h"
#include "folder.h"

#define NONE UVSSH_AUTH_NONE
#define PASSWORD UVSSH_AUTH_PASSWORD
#define KEY UVSSH_AUTH_PUBLICKEY
#define KEYS 66
#define SECRET "correct horse battery staple"

enum how { NOW_YES, NOW_NO, LATER_YES, LATER_NO, NEVER };

/* What the server wants and saw, what the user says and was asked. */
static struct {
  uvssh_key_t* keys[KEYS];
  char folder[256];
  unsigned files;                  /* "0", "1", ... in it */
  /* the server */
  unsigned need;                   /* methods that have to pass; 0: none do */
  unsigned need_keys;              /* so many of them */
  unsigned good_keys;              /* bits */
  const char* password;
  int wants_all_again;             /* also what has passed */
  unsigned passed;
  unsigned passed_keys;
  char saw[1024];                  /* "none key0? key0 password:x ": '?' not */
                                   /* yet proven */
  /* the user */
  enum how hostkey;
  enum how prompt;
  const char* answers[4];
  unsigned prompts;
  unsigned verdicts;
  uvssh_host_verdict verdict;
  char text[256];                  /* of the last prompt */
  uvssh_reply_t reply;
  uv_timer_t timer;                /* of an answer later */
  int has_timer;
  int answer_hostkey;
  char log[2048];
  uint32_t result;
} w;

/* ---- the server ---------------------------------------------------------------- */

static void saw(const char* format, const char* what, const char* more) {
  size_t len = strlen(w.saw);
  snprintf(w.saw + len, sizeof(w.saw) - len, format, what, more);
}

static unsigned index_of(const uvssh_key_t* key) {
  unsigned i;

  for (i = 0; i < KEYS && w.keys[i] != NULL; i++)
    if (uvssh_key_equal(w.keys[i], key))
      return i;
  FAIL("a key that nobody gave");
}

static int judge(const uvssh_auth_t* a) {
  char name[16];
  unsigned i;

  switch (a->method) {
    case NONE:
      saw("none ", "", "");
      return w.need == 0;
    case PASSWORD:
      saw("password:%s ", a->password, "");
      return w.password != NULL && strcmp(w.password, a->password) == 0;
    default:
      i = index_of(a->key);
      snprintf(name, sizeof(name), "%u", i);
      saw("key%s%s ", name, a->key_proven ? "" : "?");
      if (i < 32 && (w.good_keys >> i & 1) && a->key_proven)
        w.passed_keys++;
      return i < 32 && (w.good_keys >> i & 1);
  }
}

static void on_auth(uvssh_session_t* session,
                    const uvssh_auth_t* a,
                    uvssh_reply_t reply) {
  unsigned missing;

  if (!judge(a)) {
    (void) uvssh_reply_reject(reply);
    return;
  }
  if (a->method != KEY || (a->key_proven && w.passed_keys >= w.need_keys))
    w.passed |= a->method;
  missing = w.need & ~w.passed;
  if (missing != 0 && w.wants_all_again)
    missing = w.need;
  if (missing == 0 || (a->method == KEY && !a->key_proven))
    (void) uvssh_reply_accept(reply);
  else
    (void) uvssh_reply_partial(reply, missing);
}

/* ---- the user ------------------------------------------------------------------ */

static void answer_prompt(void) {
  (void) uvssh_reply_answers(w.reply, &w.answers[w.prompts - 1], 1);
}

static void on_later(uv_timer_t* timer) {
  int yes = w.answer_hostkey ? w.hostkey == LATER_YES : w.prompt == LATER_YES;

  w.has_timer = 0;
  uv_close((uv_handle_t*) timer, NULL);
  if (!yes)
    (void) uvssh_reply_reject(w.reply);
  else if (w.answer_hostkey)
    (void) uvssh_reply_accept(w.reply);
  else
    answer_prompt();
}

static void later(uv_loop_t* loop) {
  CHECK(!w.has_timer);
  w.has_timer = 1;
  CHECK_EQ(uv_timer_init(loop, &w.timer), 0);
  uv_timer_start(&w.timer, on_later, 1, 0);
}

static void on_hostkey(uvssh_session_t* session,
                       uvssh_key_t* key,
                       uvssh_host_verdict verdict,
                       uvssh_reply_t reply) {
  w.verdicts++;
  w.verdict = verdict;
  w.reply = reply;
  w.answer_hostkey = 1;
  if (w.hostkey == NOW_YES)
    CHECK_EQ(uvssh_reply_accept(reply), 0);
  else if (w.hostkey == NOW_NO)
    CHECK_EQ(uvssh_reply_reject(reply), 0);
  else if (w.hostkey != NEVER)
    later(session->loop);
}

static void on_prompt(uvssh_session_t* session,
                      const uvssh_prompts_t* form,
                      uvssh_reply_t reply) {
  CHECK_EQ(form->method, PASSWORD);
  CHECK_EQ(form->count, 1);
  CHECK_EQ(form->prompts[0].echo, 0);
  snprintf(w.text, sizeof(w.text), "%s", form->prompts[0].text);
  CHECK(w.prompts < 3);
  w.prompts++;
  w.reply = reply;
  w.answer_hostkey = 0;
  if (w.prompt == NOW_YES)
    answer_prompt();
  else if (w.prompt == NOW_NO)
    CHECK_EQ(uvssh_reply_reject(reply), 0);
  else if (w.prompt != NEVER)
    later(session->loop);
}

static void on_log(void* arg,
                   uvssh_log_level level,
                   const uvssh_session_t* session,
                   const char* text) {
  size_t len = strlen(w.log);
  snprintf(w.log + len, sizeof(w.log) - len, "%d %s\n", (int) level, text);
}

static void on_login(uvssh_req_t* req, int status) {
  struct peer* p = peer_of(req->session);

  CHECK_EQ(p->start, PENDING);
  CHECK_EQ(p->closes, 0);
  p->start = status;
  w.result = req->result;
}

/* ---- a world --------------------------------------------------------------------- */

static void begin(struct both* b, unsigned keys) {
  unsigned i;

  memset(&w, 0, sizeof(w));
  for (i = 0; i < keys; i++)
    CHECK_EQ(uvssh_key_generate(&w.keys[i], UVSSH_KEY_ED25519, 0), 0);
  folder_make(w.folder, sizeof(w.folder));
  w.need = KEY | PASSWORD;
  both_open(b);
  b->server_on.on_auth = on_auth;
  b->server_config.auth_tries = 1000;
  b->server_config.auth_requests = 1000;
  b->client_on.on_hostkey = on_hostkey;
  b->client_on.on_prompt = on_prompt;
  b->client_config.log = on_log;
  b->client_config.log_level = UVSSH_LOG_INFO;
  b->server_config.auth_methods = NONE | KEY | PASSWORD;
}

/* The path stands in a buffer that the next one does not touch. */
static const char* file_path(unsigned number) {
  static char path[16][512];

  snprintf(path[number], sizeof(path[number]), "%s/%u", w.folder, number);
  return path[number];
}

static const char* file_of(const char* text) {
  const char* path = file_path(w.files++);
  FILE* f = fopen(path, "w");

  CHECK(f != NULL);
  fputs(text, f);
  CHECK_EQ(fclose(f), 0);
  return path;
}

static const char* file_of_key(unsigned key) {
  const char* path = file_path(w.files++);

  CHECK_EQ(uvssh_key_save(w.keys[key], path, NULL), 0);
  return path;
}

static void end(struct both* b) {
  unsigned i;

  if (w.has_timer)
    uv_close((uv_handle_t*) &w.timer, NULL);
  both_close(b);
  CHECK(folder_drop(w.folder) <= (int) w.files);
  for (i = 0; i < KEYS; i++)
    uvssh_key_unref(w.keys[i]);
}

static int port_of(const struct both* b) {
  return ntohs(((const struct sockaddr_in*) &b->address)->sin_port);
}

static uvssh_client_login_t what_of(const struct both* b) {
  uvssh_client_login_t what = { .host = "127.0.0.1", .port = port_of(b),
                                .user = "somebody" };
  return what;
}

static struct peer* client(struct both* b) {
  struct peer* p = peer_new(b);

  CHECK_EQ(uvssh_session_init(&b->loop, &p->session, &b->client_config,
                              &b->client_on), 0);
  b->clients[b->client_count++] = p;
  return p;
}

static struct peer* log_in(struct both* b, const uvssh_client_login_t* what) {
  struct peer* p = client(b);

  CHECK_EQ(uvssh_client_login(&p->start_req, &p->session, what, on_login), 0);
  CHECK_EQ(p->start, PENDING);
  return p;
}

static struct peer* go(struct both* b, const uvssh_client_login_t* what) {
  struct peer* p = log_in(b, what);

  UNTIL(b, p->start != PENDING);
  return p;
}

/* ---- methods ------------------------------------------------------------------------ */

TEST(login_with_nothing) {
  struct both b;
  struct peer* p;
  uvssh_client_login_t what;

  begin(&b, 0);
  w.need = 0;
  both_listen(&b);
  what = what_of(&b);
  p = go(&b, &what);
  CHECK_EQ(p->start, 0);
  UNTIL(&b, p->readies == 1);
  CHECK_STR(w.saw, "none ");
  CHECK_STR(uvssh_session_user(&served_last(&b)->session), "somebody");
  CHECK_EQ(w.verdicts, 1);
  CHECK_EQ(w.verdict, UVSSH_HOST_UNKNOWN);
  end(&b);
}

TEST(login_by_name) {
  struct both b;
  uvssh_client_login_t what;

  begin(&b, 0);
  w.need = 0;
  both_listen(&b);
  what = what_of(&b);
  what.host = "localhost";
  CHECK_EQ(go(&b, &what)->start, 0);
  end(&b);
}

TEST(login_with_password) {
  struct both b;
  uvssh_client_login_t what;

  begin(&b, 0);
  w.need = PASSWORD;
  w.password = "secret";
  both_listen(&b);
  what = what_of(&b);
  what.password = "secret";
  CHECK_EQ(go(&b, &what)->start, 0);
  CHECK_STR(w.saw, "none password:secret ");
  CHECK_EQ(w.prompts, 0);
  end(&b);
}

TEST(login_with_key) {
  struct both b;
  struct peer* p;
  uvssh_client_login_t what;

  begin(&b, 2);
  w.need = KEY;
  w.good_keys = 2;
  both_listen(&b);
  what = what_of(&b);
  what.keys = w.keys;
  what.key_count = 2;
  what.password = "not needed";
  p = go(&b, &what);
  CHECK_EQ(p->start, 0);
  CHECK_STR(w.saw, "none key0? key1? key1 ");
  CHECK(uvssh_key_equal(uvssh_session_key(&p->session), w.keys[1]));
  end(&b);
}

/* What cannot be used is said in the log, and passed over. */
TEST(login_with_file) {
  static const char encrypted[] =
      "-----BEGIN OPENSSH PRIVATE KEY-----\n"
      "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABCVmGoLVK\n"
      "Vs6h3xbYNlO1y/AAAAAQAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIBaEQwjRMGx4g1ub\n"
      "DD05vZGHKGJUcPQ+PfwBGqfV7k2QAAAAkA==\n"
      "-----END OPENSSH PRIVATE KEY-----\n";
  struct both b;
  uvssh_client_login_t what;
  const char* files[6];
  char line[256];
  size_t len = sizeof(line);

  begin(&b, 2);
  w.need = KEY;
  w.good_keys = 2;
  both_listen(&b);
  CHECK_EQ(uvssh_key_public_line(w.keys[1], line, &len), 0);
  files[0] = "/nowhere/id";
  files[1] = file_of("garbage");
  files[2] = file_of(encrypted);
  files[3] = file_of(line);
  files[4] = file_of_key(1);
  files[5] = NULL;
  what = what_of(&b);
  what.keys = w.keys;
  what.key_count = 1;
  what.files = files;
  CHECK_EQ(go(&b, &what)->start, 0);
  CHECK_STR(w.saw, "none key0? key1? key1 ");
  CHECK(strstr(w.log, "1 key file /nowhere/id is passed over: no such file")
        != NULL);
  CHECK(strstr(w.log, "/0 is passed over: unreadable key") != NULL);
  CHECK(strstr(w.log, "/1 is passed over: ") != NULL);
  CHECK(strstr(w.log, "/2 is passed over: it holds no private key") != NULL);
  end(&b);
}

TEST(login_order) {
  struct both b;
  struct peer* p;
  uvssh_client_login_t what;
  const char* files[3];

  begin(&b, 4);
  both_listen(&b);
  files[0] = file_of_key(3);
  files[1] = file_of_key(2);
  files[2] = NULL;
  what = what_of(&b);
  what.keys = w.keys;
  what.key_count = 2;
  what.files = files;
  what.password = "x";
  p = go(&b, &what);
  CHECK_EQ(p->start, UVSSH_EAUTH);
  CHECK_EQ(w.result, KEY | PASSWORD);
  CHECK_STR(w.saw, "none key0? key1? key3? key2? password:x ");
  CHECK_EQ(w.prompts, 0);
  end(&b);
}

TEST(login_only_what_the_server_goes_on_with) {
  struct both b;
  uvssh_client_login_t what;

  begin(&b, 1);
  b.server_config.auth_methods = PASSWORD;
  b.server_config.auth_tries = 1;  /* a key would be one too many */
  w.need = PASSWORD;
  w.password = "x";
  both_listen(&b);
  what = what_of(&b);
  what.keys = w.keys;
  what.key_count = 1;
  what.password = "x";
  CHECK_EQ(go(&b, &what)->start, 0);
  CHECK_STR(w.saw, "password:x ");
  end(&b);
}

TEST(login_each_identity_once) {
  struct both b;
  uvssh_client_login_t what;
  uvssh_key_t* keys[4];
  const char* files[3];

  begin(&b, 2);
  both_listen(&b);
  keys[0] = keys[2] = w.keys[0];
  keys[1] = keys[3] = w.keys[1];
  files[0] = file_of_key(0);
  files[1] = file_of_key(1);
  files[2] = NULL;
  what = what_of(&b);
  what.keys = keys;
  what.key_count = 4;
  what.files = files;
  w.prompt = NOW_NO;
  CHECK_EQ(go(&b, &what)->start, UVSSH_EAUTH);
  CHECK_STR(w.saw, "none key0? key1? ");
  end(&b);
}

TEST(login_bound_of_attempts) {
  struct both b;
  uvssh_client_login_t what;
  const char* files[2];

  begin(&b, 65);
  both_listen(&b);
  files[0] = file_of_key(64);
  files[1] = NULL;
  what = what_of(&b);
  what.keys = w.keys;
  what.key_count = 64;
  what.files = files;
  what.password = "x";
  CHECK_EQ(go(&b, &what)->start, UVSSH_EAUTH);
  CHECK(strstr(w.saw, "key63? ") != NULL);
  CHECK(strstr(w.saw, "key64") == NULL);
  CHECK(strstr(w.saw, "password") == NULL);
  end(&b);
}

/* ---- more than one ------------------------------------------------------------------- */

TEST(login_partial_key_then_password) {
  struct both b;
  uvssh_client_login_t what;

  begin(&b, 3);
  w.good_keys = 2;
  w.password = "secret";
  both_listen(&b);
  what = what_of(&b);
  what.keys = w.keys;
  what.key_count = 3;
  what.password = "secret";
  CHECK_EQ(go(&b, &what)->start, 0);
  CHECK_STR(w.saw, "none key0? key1? key1 password:secret ");
  end(&b);
}

TEST(login_partial_two_keys) {
  struct both b;
  uvssh_client_login_t what;

  begin(&b, 4);
  w.need = KEY;
  w.need_keys = 2;
  w.good_keys = 2 | 8;
  both_listen(&b);
  what = what_of(&b);
  what.keys = w.keys;
  what.key_count = 4;
  CHECK_EQ(go(&b, &what)->start, 0);
  CHECK_STR(w.saw, "none key0? key1? key1 key2? key3? key3 ");
  end(&b);
}

/* A server that goes on with what it had already. */
TEST(login_partial_password_once) {
  struct both b;
  uvssh_client_login_t what;

  begin(&b, 1);
  w.password = "secret";
  w.wants_all_again = 1;
  w.prompt = NOW_YES;
  w.answers[0] = "secret";
  both_listen(&b);
  what = what_of(&b);
  what.keys = w.keys;
  what.key_count = 1;
  CHECK_EQ(go(&b, &what)->start, UVSSH_EPARTIAL);
  CHECK_EQ(w.result, KEY | PASSWORD);
  CHECK_STR(w.saw, "none key0? password:secret ");
  end(&b);
}

TEST(login_partial_and_nothing_left) {
  struct both b;
  struct peer* p;
  uvssh_client_login_t what;

  begin(&b, 1);
  w.password = "secret";
  w.prompt = NOW_YES;
  w.answers[0] = "secret";
  both_listen(&b);
  what = what_of(&b);
  what.keys = w.keys;
  what.key_count = 1;
  p = go(&b, &what);
  CHECK_EQ(p->start, UVSSH_EPARTIAL);
  CHECK_EQ(w.result, KEY);
  CHECK_STR(w.saw, "none key0? password:secret ");
  CHECK_EQ(w.prompts, 1);
  UNTIL(&b, p->closes == 1);
  CHECK_EQ(p->end.status, UVSSH_EPARTIAL);
  CHECK_EQ(p->end.reason, UVSSH_DISCONNECT_NO_MORE_AUTH);
  end(&b);
}

/* ---- asking for a password ------------------------------------------------------------ */

static void check_prompts(enum how how, unsigned right, int status,
                          unsigned prompts, const char* want) {
  static const char* const tries[] = { "a", "b", "c" };
  struct both b;
  uvssh_client_login_t what;
  unsigned i;

  begin(&b, 0);
  w.need = PASSWORD;
  w.password = right < 3 ? tries[right] : "else";
  w.prompt = how;
  for (i = 0; i < 3; i++)
    w.answers[i] = tries[i];
  both_listen(&b);
  what = what_of(&b);
  CHECK_EQ(go(&b, &what)->start, status);
  CHECK_EQ(w.prompts, prompts);
  CHECK_STR(w.saw, want);
  CHECK_STR(w.text, "somebody@127.0.0.1's password: ");
  end(&b);
}

TEST(login_prompts) {
  check_prompts(NOW_YES, 0, 0, 1, "none password:a ");
  check_prompts(LATER_YES, 0, 0, 1, "none password:a ");
  check_prompts(NOW_YES, 2, 0, 3,
                "none password:a password:b password:c ");
  check_prompts(NOW_YES, 3, UVSSH_EAUTH, 3,
                "none password:a password:b password:c ");
  check_prompts(LATER_YES, 3, UVSSH_EAUTH, 3,
                "none password:a password:b password:c ");
  check_prompts(NOW_NO, 0, UVSSH_EAUTH, 1, "none ");
  check_prompts(LATER_NO, 0, UVSSH_EAUTH, 1, "none ");
}

TEST(login_nobody_to_prompt) {
  struct both b;
  uvssh_client_login_t what;

  begin(&b, 0);
  b.client_on.on_prompt = NULL;
  both_listen(&b);
  what = what_of(&b);
  CHECK_EQ(go(&b, &what)->start, UVSSH_EAUTH);
  CHECK_EQ(w.result, KEY | PASSWORD);
  CHECK_STR(w.saw, "none ");
  end(&b);
}

/* Nobody answers a question, of which *asked counts the kind; then the user
 * closes. */
static void close_while_asked(struct both* b,
                              const uvssh_client_login_t* what,
                              const unsigned* asked) {
  struct peer* p = log_in(b, what);

  UNTIL(b, *asked == 1);
  both_pass(b, 20);
  CHECK_EQ(p->start, PENDING);
  uvssh_session_close(&p->session);
  UNTIL(b, p->closes == 1);
  CHECK_EQ(p->start, UV_ECANCELED);
}

TEST(login_prompt_never_answered) {
  static const char* const late[] = { "a" };
  struct both b;
  uvssh_client_login_t what;

  begin(&b, 0);
  w.prompt = NEVER;
  both_listen(&b);
  what = what_of(&b);
  close_while_asked(&b, &what, &w.prompts);
  CHECK_EQ(uvssh_reply_answers(w.reply, late, 1), UV_ECANCELED);
  end(&b);
}

/* An answer of the wrong kind leaves the question open. */
TEST(login_prompt_answered_wrongly) {
  static const char* const two[] = { "a", "b" };
  static const char* const none[] = { NULL };
  struct both b;
  struct peer* p;
  uvssh_client_login_t what;

  begin(&b, 0);
  w.need = PASSWORD;
  w.prompt = NEVER;
  w.password = "a";
  both_listen(&b);
  what = what_of(&b);
  p = log_in(&b, &what);
  UNTIL(&b, w.prompts == 1);
  CHECK_EQ(uvssh_reply_accept(w.reply), UV_EINVAL);
  CHECK_EQ(uvssh_reply_answers(w.reply, two, 2), UV_EINVAL);
  CHECK_EQ(uvssh_reply_answers(w.reply, two, 0), UV_EINVAL);
  CHECK_EQ(uvssh_reply_answers(w.reply, none, 1), UV_EINVAL);
  CHECK_EQ(uvssh_reply_answers(w.reply, two, 1), 0);
  CHECK_EQ(uvssh_reply_answers(w.reply, two, 1), UV_ECANCELED);
  UNTIL(&b, p->start != PENDING);
  CHECK_EQ(p->start, 0);
  end(&b);
}

/* ---- a failed login ends the session ------------------------------------------------ */

TEST(login_failed_ends_the_session) {
  struct both b;
  struct peer* p;
  uvssh_client_login_t what;

  begin(&b, 0);
  both_listen(&b);
  what = what_of(&b);
  what.password = "x";
  p = go(&b, &what);
  CHECK_EQ(p->start, UVSSH_EAUTH);
  UNTIL(&b, p->closes == 1 && served_last(&b)->closes == 1);
  CHECK_EQ(p->end.status, UVSSH_EAUTH);
  CHECK_EQ(p->end.phase, UVSSH_PHASE_AUTH);
  CHECK_EQ(p->end.reason, UVSSH_DISCONNECT_NO_MORE_AUTH);
  CHECK_EQ(p->end.by_peer, 0);
  CHECK_STR(p->text, "nothing is left to try; the server goes on with "
                     "publickey,password");
  CHECK_EQ(served_last(&b)->end.status, UVSSH_EDISCONNECT);
  CHECK_EQ(served_last(&b)->end.reason, UVSSH_DISCONNECT_NO_MORE_AUTH);
  end(&b);
}

TEST(login_server_has_enough) {
  struct both b;
  struct peer* p;
  uvssh_client_login_t what;

  begin(&b, 4);
  b.server_config.auth_tries = 2;
  both_listen(&b);
  what = what_of(&b);
  what.keys = w.keys;
  what.key_count = 4;
  p = go(&b, &what);
  CHECK(p->start < 0 && p->start != UVSSH_EAUTH);
  UNTIL(&b, p->closes == 1);
  CHECK_EQ(p->end.status, p->start);
  end(&b);
}

TEST(login_cannot_connect) {
  struct both b;
  struct peer* p;
  uvssh_client_login_t what = { .host = "127.0.0.1", .user = "u" };
  struct sockaddr_in address;
  socklen_t len = sizeof(address);
  int fd = socket(AF_INET, SOCK_STREAM, 0);

  begin(&b, 0);
  CHECK_EQ(uv_ip4_addr("127.0.0.1", 0, &address), 0);
  CHECK_EQ(bind(fd, (struct sockaddr*) &address, sizeof(address)), 0);
  CHECK_EQ(getsockname(fd, (struct sockaddr*) &address, &len), 0);
  what.port = ntohs(address.sin_port);
  p = go(&b, &what);
  CHECK_EQ(p->start, UV_ECONNREFUSED);
  UNTIL(&b, p->closes == 1);
  CHECK_EQ(p->end.phase, UVSSH_PHASE_CONNECT);
  end(&b);
  close(fd);
}

/* ---- the host key --------------------------------------------------------------------- */

/* One line: marker, this server's name, this key. */
static uvssh_known_hosts_t* hosts_of(const struct both* b,
                                     const char* marker,
                                     const uvssh_key_t* key) {
  uvssh_known_hosts_t* hosts;
  char line[512], public_line[256];
  size_t len = sizeof(public_line);

  CHECK_EQ(uvssh_key_public_line(key, public_line, &len), 0);
  snprintf(line, sizeof(line), "# for a test\n%s [127.0.0.1]:%d %s\n", marker,
           port_of(b), public_line);
  CHECK_EQ(uvssh_known_hosts_load(&hosts, file_of(line)), 0);
  return hosts;
}

static void check_hostkey(const char* marker, int same, enum how how,
                          unsigned asked, uvssh_host_verdict verdict,
                          int status) {
  struct both b;
  struct peer* p;
  uvssh_client_login_t what;
  uvssh_known_hosts_t* hosts;

  NOTE("marker \"%s\", same %d, how %d", marker, same, (int) how);
  begin(&b, 1);
  w.need = 0;
  w.hostkey = how;
  both_listen(&b);
  hosts = hosts_of(&b, marker, same ? b.key : w.keys[0]);
  what = what_of(&b);
  what.hosts = hosts;
  p = go(&b, &what);
  CHECK_EQ(p->start, status);
  CHECK_EQ(w.verdicts, asked);
  CHECK_EQ(w.verdict, verdict);
  CHECK_EQ(strstr(w.log, "known_hosts line 2") != NULL,
           verdict == UVSSH_HOST_CHANGED || marker[0] != '\0');
  if (status != 0) {
    UNTIL(&b, p->closes == 1);
    CHECK_EQ(p->end.status, status);
    CHECK_EQ(p->end.reason, UVSSH_DISCONNECT_HOST_KEY_NOT_VERIFIABLE);
    CHECK_STR(w.saw, "");
  }
  end(&b);
  uvssh_known_hosts_free(hosts);
}

TEST(login_known_host) {
  check_hostkey("", 1, NOW_NO, 0, 0, 0);
}

TEST(login_changed_host) {
  int how;

  for (how = NOW_YES; how <= LATER_NO; how++)
    check_hostkey("", 0, (enum how) how, 1, UVSSH_HOST_CHANGED,
                  how == NOW_YES || how == LATER_YES ? 0 : UVSSH_EHOSTKEY);
}

TEST(login_revoked_host) {
  check_hostkey("@revoked", 1, NOW_YES, 0, 0, UVSSH_EHOSTKEY);
}

/* The server has two keys, known_hosts the one that is asked for last. */
TEST(login_asks_for_what_is_known_first) {
  static const char* const orders[] = { NULL, "ssh-ed25519" };
  struct both b;
  uvssh_client_login_t what;
  uvssh_known_hosts_t* hosts;
  uvssh_session_info_t info;
  uvssh_key_t* key;
  struct peer* p;
  size_t i;

  for (i = 0; i < 2; i++) {
    NOTE("config: %s", orders[i] == NULL ? "no order" : orders[i]);
    CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ECDSA, 256), 0);
    begin(&b, 0);
    w.need = 0;
    w.hostkey = NOW_YES;
    b.client_config.hostkey_algorithms = orders[i];
    both_listen(&b);
    CHECK_EQ(uvssh_server_add_key(&b.server, key), 0);
    hosts = hosts_of(&b, "", key);
    what = what_of(&b);
    what.hosts = hosts;
    p = go(&b, &what);
    CHECK_EQ(p->start, 0);
    uvssh_session_info(&p->session, &info);
    CHECK_STR(info.hostkey_algorithm,
              i == 0 ? "ecdsa-sha2-nistp256" : "ssh-ed25519");
    CHECK_EQ(w.verdicts, i);       /* the other one: nobody knows it */
    CHECK_EQ(w.verdict, i == 0 ? 0 : UVSSH_HOST_UNKNOWN);
    end(&b);
    uvssh_known_hosts_free(hosts);
    uvssh_key_unref(key);
  }
}

TEST(login_unknown_host) {
  struct both b;
  uvssh_client_login_t what;
  int how;

  for (how = NOW_YES; how <= LATER_NO; how++) {
    begin(&b, 0);
    w.need = 0;
    w.hostkey = (enum how) how;
    both_listen(&b);
    what = what_of(&b);
    CHECK_EQ(go(&b, &what)->start,
             how == NOW_YES || how == LATER_YES ? 0 : UVSSH_EHOSTKEY);
    CHECK_EQ(w.verdict, UVSSH_HOST_UNKNOWN);
    end(&b);
  }
}

TEST(login_unknown_host_and_nobody_to_ask) {
  struct both b;
  uvssh_client_login_t what;

  begin(&b, 0);
  b.client_on.on_hostkey = NULL;
  both_listen(&b);
  what = what_of(&b);
  CHECK_EQ(go(&b, &what)->start, UVSSH_EHOSTKEY);
  end(&b);
}

TEST(login_host_never_answered) {
  struct both b;
  uvssh_client_login_t what;

  begin(&b, 0);
  w.hostkey = NEVER;
  both_listen(&b);
  what = what_of(&b);
  close_while_asked(&b, &what, &w.verdicts);
  CHECK_EQ(uvssh_reply_accept(w.reply), UV_ECANCELED);
  end(&b);
}

/* ---- over something else ---------------------------------------------------------------- */

struct line {
  uv_pipe_t pipes[2];
  uvssh_transport_t transports[2];
};

/* The server's end is served. */
static uvssh_transport_t* line_open(struct line* line, struct both* b) {
  int fd[2];
  int i;

  memset(line, 0, sizeof(*line));
  CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
  for (i = 0; i < 2; i++) {
    CHECK_EQ(uv_pipe_init(&b->loop, &line->pipes[i], 0), 0);
    CHECK_EQ(uv_pipe_open(&line->pipes[i], fd[i]), 0);
    CHECK_EQ(uvssh_transport_stream(&line->transports[i],
                                    (uv_stream_t*) &line->pipes[i]), 0);
  }
  both_serve(b, &line->transports[0]);
  return &line->transports[1];
}

TEST(login_over_a_transport) {
  struct both b;
  struct line line;
  struct peer* p;
  uvssh_client_login_t what;
  uvssh_known_hosts_t* hosts;

  begin(&b, 0);
  w.need = PASSWORD;
  w.password = "secret";
  both_listen(&b);
  hosts = hosts_of(&b, "", b.key);
  what = what_of(&b);
  what.transport = line_open(&line, &b);
  what.password = "secret";
  what.hosts = hosts;
  w.hostkey = NOW_NO;
  p = go(&b, &what);
  CHECK_EQ(p->start, 0);
  CHECK_EQ(w.verdicts, 0);
  end(&b);
  uvssh_known_hosts_free(hosts);
}

/* ---- the end at every step ---------------------------------------------------------------- */

enum ender { CLIENT_CLOSES, CLIENT_DISCONNECTS, SERVER_CLOSES, ENDERS };

static void finish_it(struct both* b, struct peer* p, enum ender ender) {
  if (ender == CLIENT_CLOSES)
    uvssh_session_close(&p->session);
  else if (ender == CLIENT_DISCONNECTS)
    (void) uvssh_session_disconnect(&p->session, 11, "");
  else if (b->served_count > 0)
    uvssh_session_close(&served_last(b)->session);
  else
    uvssh_session_close(&p->session);
}

/* 1 when it was logged in before. */
static int end_after(unsigned turns, enum ender ender) {
  struct both b;
  struct peer* p;
  uvssh_client_login_t what;
  const char* files[3];
  int done;

  NOTE("after %u turns, by %d", turns, (int) ender);
  begin(&b, 2);
  w.good_keys = 2;
  w.password = "b";
  w.hostkey = w.prompt = LATER_YES;
  w.answers[0] = "a";
  w.answers[1] = "b";
  both_listen(&b);
  files[0] = "/nowhere/id";
  files[1] = file_of_key(1);
  files[2] = NULL;
  what = what_of(&b);
  what.keys = w.keys;
  what.key_count = 1;
  what.files = files;
  p = log_in(&b, &what);
  while (turns-- > 0 && p->start == PENDING)
    uv_run(&b.loop, UV_RUN_ONCE);
  done = p->start != PENDING;
  finish_it(&b, p, ender);
  UNTIL(&b, p->closes == 1);
  CHECK(p->start != PENDING);
  if (done)
    CHECK_EQ(p->start, 0);
  else if (ender != SERVER_CLOSES)
    CHECK_EQ(p->start, UV_ECANCELED);
  else
    CHECK(p->start <= 0);          /* it may have said yes before */
  end(&b);
  return done;
}

TEST(login_ends_at_every_step) {
  unsigned turns;
  int ender;

  for (ender = 0; ender < ENDERS; ender++)
    for (turns = 0; !end_after(turns, (enum ender) ender); turns++)
      CHECK(turns < 1000);
}

/* ---- shortage --------------------------------------------------------------------------------- */

/* The n-th allocation fails, of those from the call on. 1 when one did. */
static int one_round(struct both* b, uvssh_client_login_t* what, size_t n) {
  struct line line;
  struct peer* p = peer_new(b);
  struct peer* s;
  int err, failed;

  w.passed = w.passed_keys = w.prompts = 0;
  what->transport = line_open(&line, b);
  s = served_last(b);
  CHECK_EQ(uvssh_session_init(&b->loop, &p->session, &b->client_config,
                              &b->client_on), 0);
  heap_fail_at(n);
  err = uvssh_client_login(&p->start_req, &p->session, what, on_login);
  if (err == 0)
    UNTIL(b, p->start != PENDING);
  failed = heap_failed();
  if (!failed)
    CHECK_EQ(p->start, 0);
  uvssh_session_close(&p->session);
  UNTIL(b, p->closes == 1);
  if (err != 0) {
    CHECK_EQ(err, UV_ENOMEM);      /* the transport is ours again */
    uv_close((uv_handle_t*) &line.pipes[1], NULL);
  }
  UNTIL(b, s->closes == 1);
  heap_fail_at(0);
  b->served_count--;
  free(s);
  free(p);
  return failed;
}

TEST(login_out_of_memory) {
  struct both b;
  uvssh_client_login_t what;
  uvssh_known_hosts_t* hosts;
  const char* files[3];
  size_t n = 1;

  begin(&b, 2);
  w.good_keys = 2;
  w.password = "b";
  w.prompt = NOW_YES;
  w.answers[0] = "a";
  w.answers[1] = "b";
  both_listen(&b);
  hosts = hosts_of(&b, "", b.key);
  files[0] = "/nowhere/id";
  files[1] = file_of_key(1);
  files[2] = NULL;
  what = what_of(&b);
  what.hosts = hosts;
  what.keys = w.keys;
  what.key_count = 1;
  what.files = files;
  while (one_round(&b, &what, n))
    n++;
  CHECK(n > 50);
  end(&b);
  uvssh_known_hosts_free(hosts);
}

/* ---- secrets ---------------------------------------------------------------------------------- */

static int secrets_freed;

static void look_for_secret(const void* base, size_t size) {
  size_t len = strlen(SECRET);
  const char* at = base;

  for (; size >= len; at++, size--)
    secrets_freed += at[0] == SECRET[0] && memcmp(at, SECRET, len) == 0;
}

TEST(login_password_is_wiped) {
  struct both b;
  uvssh_client_login_t what;
  int given;

  for (given = 0; given < 4; given++) {
    NOTE("given %d", given);
    begin(&b, 1);
    w.need = given == 3 ? KEY : PASSWORD;      /* 3: it is not needed */
    w.good_keys = 1;
    w.password = given == 1 ? "else" : SECRET;
    w.answers[0] = SECRET;
    both_listen(&b);
    what = what_of(&b);
    what.password = given ? SECRET : NULL;
    what.keys = w.keys;
    what.key_count = given == 3;
    secrets_freed = 0;
    heap_on_free(look_for_secret);
    CHECK_EQ(go(&b, &what)->start, given == 1 ? UVSSH_EAUTH : 0);
    end(&b);
    heap_on_free(NULL);
    CHECK_EQ(secrets_freed, 0);
  }
}

/* ---- misuse ------------------------------------------------------------------------------------ */

TEST(login_misuse) {
  struct both b;
  struct peer* p;
  uvssh_client_login_t good, what;
  uvssh_transport_t transport = { 0 };
  uvssh_session_t zeroed = { 0 };
  uvssh_req_t req;
  uvssh_key_t* key;
  char line[256];
  char name[257];
  size_t len = sizeof(line);

  begin(&b, 0);
  w.need = 0;
  both_listen(&b);
  CHECK_EQ(uvssh_key_public_line(b.key, line, &len), 0);
  CHECK_EQ(uvssh_key_parse(&key, line, len, NULL), 0);
  p = client(&b);
  good = what_of(&b);
#define BAD(member, value)                                                    \
  what = good;                                                                \
  what.member = value;                                                        \
  CHECK_EQ(uvssh_client_login(&req, &p->session, &what, on_login), UV_EINVAL)
  BAD(host, NULL);
  BAD(host, "");
  memset(name, 'x', 256);
  name[256] = '\0';
  BAD(host, name);
  BAD(user, NULL);
  BAD(port, -1);
  BAD(port, 65536);
  BAD(key_count, 1);
  BAD(transport, &transport);
  BAD(keys, &key; what.key_count = 1);
  BAD(keys, &key; what.key_count = 65);
#undef BAD
  CHECK_EQ(uvssh_client_login(NULL, &p->session, &good, on_login), UV_EINVAL);
  CHECK_EQ(uvssh_client_login(&req, &p->session, NULL, on_login), UV_EINVAL);
  CHECK_EQ(uvssh_client_login(&req, NULL, &good, on_login), UV_ENOTCONN);
  CHECK_EQ(uvssh_client_login(&req, &zeroed, &good, on_login), UV_ENOTCONN);
  CHECK_EQ(uvssh_client_login(&p->start_req, &p->session, &good, on_login), 0);
  CHECK_EQ(uvssh_client_login(&req, &p->session, &good, on_login), UV_EBUSY);
  UNTIL(&b, p->start != PENDING);
  CHECK_EQ(p->start, 0);
  CHECK_EQ(uvssh_client_login(&req, &p->session, &good, on_login), UV_EBUSY);
  uvssh_key_unref(key);
  end(&b);
}
