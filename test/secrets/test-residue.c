/* After a session and its keys are gone, none of its secrets is anywhere in
 * the memory of this process: private keys, ephemeral and shared secrets,
 * derived keys, passwords, key files. Whatever ended it, and when.
 *
 * Server and client are both here, so both roles' memory is looked at. It is
 * looked at twice: while the loop and its buffers still serve another session,
 * and when all is gone. */
#include <fcntl.h>
#if defined(__GLIBC__)
# include <malloc.h>
#endif
#include <mbedtls/rsa.h>
#include <mbedtls/version.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include "both.h"
#include "folder.h"
#include "loop/loop.h"
#include "memory.h"

enum { PASSWORD_LEN = 32, CROWD = 8 };

void watch_secret(enum watch_kind kind, const void* base, size_t len) {
  memory_remember(kind, base, len);
}

void watch_public(const void* base, size_t len) {
}

/* ---- what is not ours to wipe -------------------------------------------- */

/* Since 3.6.5 mbedTLS frees what it worked in to invert q modulo p, with the
 * result in it (mbedtls_mpi_gcd_modinv_odd()). Nobody else gets at that: in the
 * two calls that do this, and nowhere else, what is freed is wiped here. */
#if defined(__GLIBC__) && MBEDTLS_VERSION_NUMBER >= 0x03060500
static _Thread_local int inverts;

void __libc_free(void* ptr);

void free(void* ptr) {
  if (inverts && ptr != NULL)
    sodium_memzero(ptr, malloc_usable_size(ptr));
  __libc_free(ptr);
}
#else
static int inverts;
#endif

int __real_mbedtls_rsa_gen_key(mbedtls_rsa_context* rsa,
                               int (*rng)(void*, unsigned char*, size_t),
                               void* arg, unsigned bits, int exponent);
int __wrap_mbedtls_rsa_gen_key(mbedtls_rsa_context* rsa,
                               int (*rng)(void*, unsigned char*, size_t),
                               void* arg, unsigned bits, int exponent);
int __real_mbedtls_rsa_complete(mbedtls_rsa_context* rsa);
int __wrap_mbedtls_rsa_complete(mbedtls_rsa_context* rsa);

int __wrap_mbedtls_rsa_gen_key(mbedtls_rsa_context* rsa,
                               int (*rng)(void*, unsigned char*, size_t),
                               void* arg, unsigned bits, int exponent) {
  int rc;

  inverts = 1;
  rc = __real_mbedtls_rsa_gen_key(rsa, rng, arg, bits, exponent);
  inverts = 0;
  return rc;
}

int __wrap_mbedtls_rsa_complete(mbedtls_rsa_context* rsa) {
  int rc;

  inverts = 1;
  rc = __real_mbedtls_rsa_complete(rsa);
  inverts = 0;
  return rc;
}

static void look(const char* when) {
  char text[1024];
  size_t finds = memory_look(text, sizeof(text));

  if (finds != 0)
    FAIL("%s: %zu pieces of secrets are left: %s", when, finds, text);
}

/* ---- passwords: only ever in the clear while they are used --------------- */

struct password {
  uint8_t masked[PASSWORD_LEN];
  uint8_t mask[PASSWORD_LEN];
};

static struct password old_one, new_one;

/* Yours to give back with password_drop(). */
static char* password_get(const struct password* p) {
  char* text = malloc(PASSWORD_LEN + 1);
  size_t i;

  CHECK(text != NULL);
  for (i = 0; i < PASSWORD_LEN; i++)
    text[i] = (char) (p->masked[i] ^ p->mask[i]);
  text[PASSWORD_LEN] = '\0';
  return text;
}

static void password_drop(char* text) {
  sodium_memzero(text, PASSWORD_LEN);
  free(text);
}

static int password_is(const struct password* p, const char* text) {
  size_t i;

  for (i = 0; i < PASSWORD_LEN; i++)
    if ((uint8_t) text[i] != (p->masked[i] ^ p->mask[i]))
      return 0;
  return text[i] == '\0';
}

/* Printable, and another one each time. */
static void password_make(struct password* p) {
  uint8_t text[PASSWORD_LEN];
  size_t i;

  randombytes_buf(p->mask, sizeof(p->mask));
  randombytes_buf(text, sizeof(text));
  for (i = 0; i < PASSWORD_LEN; i++) {
    text[i] = (uint8_t) ('A' + text[i] % 58);
    p->masked[i] = text[i] ^ p->mask[i];
  }
  memory_remember(WATCH_PASSWORD, text, sizeof(text));
  sodium_memzero(text, sizeof(text));
}

/* ---- a server that judges ------------------------------------------------ */

static uvssh_reply_t undecided;    /* of SLOWLY */
static enum { JUSTLY, SLOWLY, CHANGE, BY_KEY } judge;

static void on_auth(uvssh_session_t* session,
                    const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  static const uvssh_prompts_t form = { .instruction = "another, please" };
  int ok = attempt->method == UVSSH_AUTH_NONE || attempt->key != NULL ||
           (attempt->password != NULL && password_is(&old_one,
                                                     attempt->password));

  if (judge == BY_KEY)
    ok = attempt->key != NULL;
  if (attempt->new_password != NULL)
    ok = ok && password_is(&new_one, attempt->new_password);
  else if (judge == CHANGE && attempt->password != NULL) {
    CHECK_EQ(uvssh_reply_prompt(reply, &form), 0);
    return;
  }
  if (judge == SLOWLY)
    undecided = reply;
  else if (ok)
    CHECK_EQ(uvssh_reply_accept(reply), 0);
  else
    CHECK_EQ(uvssh_reply_reject(reply), 0);
}

static void on_prompt(uvssh_session_t* session,
                      const uvssh_prompts_t* form,
                      uvssh_reply_t reply) {
  char* text = password_get(&new_one);
  const char* answers[1];

  answers[0] = text;
  CHECK_EQ(uvssh_reply_answers(reply, answers, 1), 0);
  password_drop(text);
}

/* ---- one world a case ---------------------------------------------------- */

static void on_done(uvssh_req_t* req, int status);
static struct peer* started(struct both* b);
static void log_in(struct both* b, struct peer* p);

/* With a session that stays to the end, of which nothing is remembered, nor of
 * the server's key. */
static void begin(struct both* b, const char* cipher, const char* mac) {
  judge = JUSTLY;
  memset(&undecided, 0, sizeof(undecided));
  both_open(b);
  b->server_on.on_auth = on_auth;
  b->client_on.on_prompt = on_prompt;
  if (cipher != NULL)
    b->client_config.ciphers = cipher;
  if (mac != NULL)
    b->client_config.macs = mac;
  both_listen(b);
  memory_forget();
  password_make(&old_one);
  log_in(b, started(b));
  memory_forget();
  password_make(&old_one);
  password_make(&new_one);
}

/* All sessions but the one that stays are gone, or going. */
static void finish(struct both* b, const char* when) {
  unsigned i;

  for (i = 1; i < b->client_count; i++)
    UNTIL(b, b->clients[i]->closes == 1);
  for (i = 1; i < b->served_count; i++)
    UNTIL(b, b->served[i]->closes == 1);
  CHECK_EQ(b->clients[0]->closes, 0);
  look(when);
  both_close(b);
  look("all is closed");
}

static void on_done(uvssh_req_t* req, int status) {
  peer_of(req->session)->auth = status;
}

static void try_password(struct peer* p, const struct password* which) {
  char* text = password_get(which);

  p->auth = PENDING;
  CHECK_EQ(uvssh_auth_password(&p->auth_req, &p->session, "someone", text,
                               on_done), 0);
  password_drop(text);
}

static struct peer* started(struct both* b) {
  struct peer* p = both_client(b, GOAL_START);

  UNTIL(b, p->start != PENDING);
  CHECK_EQ(p->start, 0);
  return p;
}

static void log_in(struct both* b, struct peer* p) {
  try_password(p, &old_one);
  UNTIL(b, p->auth != PENDING);
  CHECK_EQ(p->auth, 0);
  UNTIL(b, p->readies == 1 && served_last(b)->readies == 1);
}

static void log_in_by_key(struct both* b, struct peer* p, uvssh_key_t* key) {
  CHECK_EQ(uvssh_auth_publickey(&p->auth_req, &p->session, "someone", key,
                                on_done), 0);
  UNTIL(b, p->auth != PENDING);
  CHECK_EQ(p->auth, 0);
  UNTIL(b, p->readies == 1 && served_last(b)->readies == 1);
}

static void on_rekeyed(uvssh_req_t* req, int status) {
  peer_of(req->session)->extra = status == 0;
}

static void rekey(struct both* b, struct peer* p) {
  CHECK_EQ(uvssh_session_rekey(&p->ask_req, &p->session, on_rekeyed), 0);
  UNTIL(b, p->extra == 1);
}

static void part(struct both* b, struct peer* p) {
  CHECK_EQ(uvssh_session_disconnect(&p->session, 11, "bye"), 0);
  UNTIL(b, p->closes == 1 && served_last(b)->closes == 1);
}

/* ---- controls: what is left is found ------------------------------------- */

/* As deep as a callback of libuv's leaves it, and some. */
static __attribute__((noinline)) void leave_on_the_stack(void) {
  uint8_t room[24576];

  memset(room, 1, sizeof(room));
  CHECK_EQ(memory_recall(WATCH_CIPHER_KEY, room + 64), 64);
  __asm__ __volatile__("" : : "r"(room) : "memory");
}

static __attribute__((noinline)) void clean_the_stack(void) {
  uint8_t room[16384];

  memset(room, 0, sizeof(room));
  __asm__ __volatile__("" : : "r"(room) : "memory");
}

TEST(residue_control) {
  uint8_t key[MEMORY_SECRET_MAX];
  uint8_t* freed;
  char text[1024];

  memory_forget();
  randombytes_buf(key, sizeof(key));
  memory_remember(WATCH_CIPHER_KEY, key, sizeof(key));
  sodium_memzero(key, sizeof(key));
  look("nothing is left");

  leave_on_the_stack();
  CHECK(memory_look(text, sizeof(text)) != 0);
  CHECK(strstr(text, "in [stack]") != NULL);
  uvssh__wipe_stack();
  look("the stack is clean");

  freed = malloc(200000);          /* not one that goes to the kernel */
  CHECK(freed != NULL);
  memory_recall(WATCH_CIPHER_KEY, freed + 100);
  clean_the_stack();
  CHECK_EQ(memory_look(text, sizeof(text)), 4);
  CHECK(strstr(text, "4 cipher key") != NULL);
  sodium_memzero(freed, 200000);
  free(freed);
  clean_the_stack();               /* of registers that were saved there */
  look("the heap is clean");
}

/* ---- whole sessions ------------------------------------------------------ */

static const struct {
  const char* cipher;
  const char* mac;                 /* NULL: none is needed */
} mixes[] = {
  { "chacha20-poly1305@openssh.com", NULL },
  { "aes256-gcm@openssh.com", NULL },
  { "aes256-ctr", "hmac-sha2-256-etm@openssh.com" },
  { "aes256-ctr", "hmac-sha2-256" },
  { "aes128-gcm@openssh.com", NULL },
  { "aes192-ctr", "hmac-sha2-512-etm@openssh.com" },
  { "aes128-ctr", "hmac-sha2-512" }
};

static void send_and_rekey(struct both* b, struct peer* p) {
  static const char text[] = "not secret at all";

  CHECK_EQ(uvssh_channel_send(&p->channel, UVSSH_DATA, text, sizeof(text)), 0);
  rekey(b, p);
  CHECK_EQ(uvssh_channel_send(&p->channel, UVSSH_DATA, text, sizeof(text)), 0);
}

static void on_open(uvssh_req_t* req, int status) {
  peer_of(req->session)->open = status;
}

static void open_channel(struct both* b, struct peer* p) {
  static const uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_SESSION };

  CHECK_EQ(uvssh_channel_open(&p->open_req, &p->session, &p->channel, &what,
                              &b->client_channel_on, on_open), 0);
  UNTIL(b, p->open != PENDING);
  CHECK_EQ(p->open, 0);
}

/* Of user keys; one row a type. */
static const struct { uvssh_key_type type; unsigned bits; } types[] = {
  { UVSSH_KEY_ED25519, 256 }, { UVSSH_KEY_ECDSA, 256 },
  { UVSSH_KEY_ECDSA, 521 }, { UVSSH_KEY_RSA, 2048 }
};

TEST(residue_of_a_session) {
  struct both b;
  uvssh_key_t* key;
  struct peer* p;
  size_t i, k;
  int by_key;

  for (i = 0; i < 2 * sizeof(mixes) / sizeof(mixes[0]); i++) {
    k = i / 2 % (sizeof(types) / sizeof(types[0]));
    by_key = i % 2 != 0;
    NOTE("%s, %s %d", mixes[i / 2].cipher, by_key ? "key" : "password",
         (int) types[k].type);
    begin(&b, mixes[i / 2].cipher, mixes[i / 2].mac);
    CHECK_EQ(uvssh_key_generate(&key, types[k].type, types[k].bits), 0);
    p = started(&b);
    if (by_key)
      log_in_by_key(&b, p, key);
    else
      log_in(&b, p);
    uvssh_key_unref(key);
    open_channel(&b, p);
    send_and_rekey(&b, p);
    part(&b, p);
    /* Two exchanges, two sides, two directions. */
    CHECK_EQ(memory_known(WATCH_EPHEMERAL), 4);
    CHECK_EQ(memory_known(WATCH_SHARED), 4);
    CHECK_EQ(memory_known(WATCH_KEM_SHARED), 4);
    CHECK_EQ(memory_known(WATCH_HYBRID), 4);
    CHECK_EQ(memory_known(WATCH_CIPHER_KEY), 8);
    CHECK_EQ(memory_known(WATCH_MAC_KEY), mixes[i / 2].mac == NULL ? 0 : 8);
    CHECK_EQ(memory_known(WATCH_NUMBER) >= 2,
             by_key && types[k].type != UVSSH_KEY_ED25519);
    finish(&b, "a whole session");
  }
}

static uint64_t rekeys_of(const struct peer* p) {
  uvssh_session_info_t info;

  uvssh_session_info(&p->session, &info);
  return info.rekeys;
}

/* Many at once: exchanges and signatures are made on the thread pool, whose
 * stacks stay. */
TEST(residue_of_many) {
  struct both b;
  struct peer* p[CROWD];
  int i;

  begin(&b, NULL, NULL);
  for (i = 0; i < CROWD; i++)
    p[i] = both_client(&b, GOAL_START);
  for (i = 0; i < CROWD; i++) {
    UNTIL(&b, p[i]->start != PENDING);
    try_password(p[i], &old_one);
  }
  for (i = 0; i < CROWD; i++)
    UNTIL(&b, p[i]->readies == 1);
  for (i = 0; i < CROWD; i++)
    CHECK_EQ(uvssh_session_rekey(NULL, &p[i]->session, NULL), 0);
  for (i = 0; i < CROWD; i++)
    UNTIL(&b, rekeys_of(p[i]) == 1);
  for (i = 0; i < CROWD; i++)
    uvssh_session_close(&p[i]->session);
  finish(&b, "many sessions");
}

/* ---- key files ----------------------------------------------------------- */

static void remember_file(const char* path) {
  char text[4096];
  int file = open(path, O_RDONLY);
  ssize_t n = file < 0 ? -1 : read(file, text, sizeof(text));
  char* line;
  char* end;

  close(file);
  CHECK(n > 0 && (size_t) n < sizeof(text));
  text[n] = '\0';
  /* From the third line on it is the private section. */
  line = strchr(strchr(text, '\n') + 1, '\n') + 1;
  line = strchr(line, '\n') + 1;
  for (; (end = strchr(line, '\n')) != NULL && *line != '-'; line = end + 1)
    memory_remember(WATCH_KEY_FILE, line, (size_t) (end - line));
  sodium_memzero(text, sizeof(text));
}

/* On the stack of a thread that has done nothing else, and stays: no later call
 * covers what these leave. */
struct reader {
  const char* path;
  uv_sem_t looked;
  uv_sem_t done;
  int err;
};

static void load_and_stay(void* arg) {
  struct reader* r = arg;
  uvssh_key_t* key = NULL;

  r->err = uvssh_key_load(&key, r->path, NULL);
  uvssh_key_unref(key);
  uv_sem_post(&r->done);
  uv_sem_wait(&r->looked);
}

static void write_and_stay(void* arg) {
  struct reader* r = arg;
  uvssh_key_t* key = NULL;

  r->err = uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0);
  if (r->err == 0)
    r->err = uvssh_key_save(key, r->path, NULL);
  uvssh_key_unref(key);
  uv_sem_post(&r->done);
  uv_sem_wait(&r->looked);
}

/* As a job does it: the secrets are the job's, its stack is the pool's. */
static const struct kex_alg* kex_of_thread;

static void exchange_and_stay(void* arg) {
  struct reader* r = arg;
  struct buf c = { 0 }, s = { 0 };
  struct buf k_s = { .secret = 1 }, k_c = { .secret = 1 };
  struct buf secret = { .secret = 1 };

  r->err = kex_of_thread->start(STR(""), &secret, &c);
  if (r->err == 0)
    r->err = kex_of_thread->respond(STR(""), str_of_buf(&c), &s, &k_s);
  if (r->err == 0)
    r->err = kex_of_thread->finish(STR(""), str_of_buf(&secret),
                                   str_of_buf(&s), &k_c);
  uvssh__buf_free(&c);
  uvssh__buf_free(&s);
  uvssh__buf_free(&k_s);
  uvssh__buf_free(&k_c);
  uvssh__buf_free(&secret);
  uv_sem_post(&r->done);
  uv_sem_wait(&r->looked);
}

static size_t finds_of(struct reader* r, uv_thread_cb work, char text[1024]) {
  uv_thread_t thread;
  size_t finds;

  CHECK_EQ(uv_sem_init(&r->looked, 0), 0);
  CHECK_EQ(uv_sem_init(&r->done, 0), 0);
  CHECK_EQ(uv_thread_create(&thread, work, r), 0);
  uv_sem_wait(&r->done);
  if (work == write_and_stay)
    remember_file(r->path);
  clean_the_stack();               /* of what remembered it */
  finds = memory_look(text, 1024);
  uv_sem_post(&r->looked);
  CHECK_EQ(uv_thread_join(&thread), 0);
  uv_sem_destroy(&r->looked);
  uv_sem_destroy(&r->done);
  CHECK_EQ(r->err, 0);
  return finds;
}

TEST(residue_on_a_thread) {
  struct reader r;
  char folder[512];
  char path[600];
  char text[1024];
  size_t finds;

  memory_forget();
  folder_make(folder, sizeof(folder));
  snprintf(path, sizeof(path), "%s/id", folder);
  r.path = path;
  finds = finds_of(&r, write_and_stay, text);
  if (finds == 0)
    finds = finds_of(&r, load_and_stay, text);
  kex_of_thread = &uvssh__curve25519;
  if (finds == 0)
    finds = finds_of(&r, exchange_and_stay, text);
  kex_of_thread = &uvssh__mlkem768x25519;
  if (finds == 0)
    finds = finds_of(&r, exchange_and_stay, text);
  kex_of_thread = &uvssh__sntrup761x25519;
  if (finds == 0)
    finds = finds_of(&r, exchange_and_stay, text);
  kex_of_thread = &uvssh__ecdh_nistp256;
  if (finds == 0)
    finds = finds_of(&r, exchange_and_stay, text);
  kex_of_thread = &uvssh__dh_modp2048;
  if (finds == 0)
    finds = finds_of(&r, exchange_and_stay, text);
  folder_drop(folder);
  CHECK(memory_known(WATCH_KEY_FILE) >= 2);
  CHECK(finds != 0 || memory_known(WATCH_SHARED) == 6);
  CHECK(finds != 0 || memory_known(WATCH_KEM_SHARED) == 4);
  if (finds != 0)
    FAIL("%zu pieces of secrets are left: %s", finds, text);
}

/* Through all of uvssh_client_login(): a file that is no use, one that is. */
static void log_in_by_file(struct both* b, const char* path) {
  const char* files[] = { "/nowhere/at/all", path, NULL };
  char* text = password_get(&old_one);
  uvssh_client_login_t what = { .host = "127.0.0.1", .user = "someone",
                                .files = files, .password = text };
  struct peer* p = both_client(b, GOAL_CONNECT);

  UNTIL(b, p->connected);
  CHECK_EQ(uvssh_transport_stream(&p->transport, (uv_stream_t*) &p->tcp), 0);
  what.transport = &p->transport;
  CHECK_EQ(uvssh_client_login(&p->auth_req, &p->session, &what, on_done), 0);
  password_drop(text);
  UNTIL(b, p->auth != PENDING);
  CHECK_EQ(p->auth, 0);
  part(b, p);
}

static void key_file(uvssh_key_type type, unsigned bits) {
  struct both b;
  uvssh_key_t* key;
  char folder[512];
  char path[600];

  begin(&b, NULL, NULL);
  folder_make(folder, sizeof(folder));
  snprintf(path, sizeof(path), "%s/id", folder);
  CHECK_EQ(uvssh_key_generate(&key, type, bits), 0);
  CHECK_EQ(uvssh_key_save(key, path, NULL), 0);
  uvssh_key_unref(key);
  remember_file(path);
  CHECK(memory_known(WATCH_KEY_FILE) >= 2);
  judge = BY_KEY;                  /* otherwise "none" will do */
  log_in_by_file(&b, path);
  CHECK_EQ(memory_known(WATCH_NUMBER) >= 2, type != UVSSH_KEY_ED25519);
  folder_drop(folder);
  finish(&b, "a login by file");
}

TEST(residue_of_key_files) {
  size_t i;

  for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
    NOTE("type %d, %u bits", (int) types[i].type, types[i].bits);
    key_file(types[i].type, types[i].bits);
  }
}

static void listen_with_it(struct both* b) {
  int len = sizeof(b->address);

  b->server.data = b;
  CHECK_EQ(uvssh_server_listen(&b->server, "127.0.0.1", 0, both_accept), 0);
  CHECK_EQ(uvssh_server_getsockname(&b->server,
                                    (struct sockaddr*) &b->address, &len), 0);
}

/* The server's, from its file, and all that was made with it. */
TEST(residue_of_a_host_key) {
  struct both b;
  char folder[512];
  char path[600];

  judge = JUSTLY;
  memory_forget();
  password_make(&old_one);
  folder_make(folder, sizeof(folder));
  snprintf(path, sizeof(path), "%s/host_key", folder);
  both_open(&b);
  b.server_on.on_auth = on_auth;
  CHECK_EQ(uvssh_server_init(&b.loop, &b.server, &b.server_config), 0);
  b.server.data = &b;
  CHECK_EQ(uvssh_server_add_key_file(&b.server, path), 0);
  uvssh_server_close(&b.server, NULL);
  CHECK_EQ(uv_run(&b.loop, UV_RUN_DEFAULT), 0);
  remember_file(path);
  CHECK_EQ(uvssh_server_init(&b.loop, &b.server, &b.server_config), 0);
  CHECK_EQ(uvssh_server_add_key_file(&b.server, path), 0);
  uvssh_key_unref(b.key);
  b.key = NULL;
  listen_with_it(&b);
  part(&b, both_login(&b));
  folder_drop(folder);
  both_close(&b);
  CHECK(memory_known(WATCH_SEED) >= 3);
  CHECK(memory_known(WATCH_SCALAR) >= 3);
  CHECK(memory_known(WATCH_KEY_FILE) >= 2);
  look("the server is closed");
}

/* ---- ends ---------------------------------------------------------------- */

static void end_close(struct both* b, struct peer* p) {
  uvssh_session_close(&p->session);
}

static void end_served(struct both* b, struct peer* p) {
  uvssh_session_close(&served_last(b)->session);
}

static void end_lost(struct both* b, struct peer* p) {
  uv_os_fd_t fd;

  CHECK_EQ(uv_fileno((uv_handle_t*) &p->tcp, &fd), 0);
  CHECK_EQ(shutdown(fd, SHUT_RDWR), 0);
}

static void at_hostkey(struct both* b) {
  struct peer* p = both_client(b, GOAL_START);

  UNTIL(b, p->extra == 7);
}

static void keep_asking(uvssh_session_t* session,
                        uvssh_key_t* key,
                        uvssh_host_verdict verdict,
                        uvssh_reply_t reply) {
  peer_of(session)->extra = 7;
}

static void at_kex(struct both* b) {
  struct peer* p = both_client(b, GOAL_START);

  /* The server's half is done, the client's is not. */
  UNTIL(b, memory_known(WATCH_CIPHER_KEY) != 0);
  CHECK_EQ(p->start, PENDING);
}

static void at_keys(struct both* b) {
  started(b);
}

static void at_verdict(struct both* b) {
  struct peer* p = started(b);

  judge = SLOWLY;
  try_password(p, &old_one);
  UNTIL(b, undecided.serial != 0);
}

static void at_refusal(struct both* b) {
  struct peer* p = started(b);

  try_password(p, &new_one);
  UNTIL(b, p->auth != PENDING);
  CHECK_EQ(p->auth, UVSSH_EAUTH);
}

static void at_change(struct both* b) {
  struct peer* p = started(b);

  judge = CHANGE;
  log_in(b, p);
}

static void at_login(struct both* b) {
  log_in(b, started(b));
}

static void at_rekey(struct both* b) {
  struct peer* p = started(b);
  size_t before;

  log_in(b, p);
  before = memory_known(WATCH_EPHEMERAL);
  CHECK_EQ(uvssh_session_rekey(NULL, &p->session, NULL), 0);
  UNTIL(b, memory_known(WATCH_EPHEMERAL) > before);
}

/* What our client never sends. */
static void say_password(struct peer* p, const char* user, int change,
                         int oddly) {
  struct transport* t = &attach_of(&p->session)->session.transport;
  struct buf* m = uvssh__message(t, MSG_USERAUTH_REQUEST);
  char* text = password_get(&old_one);

  wr_cstr(m, user);
  wr_cstr(m, "ssh-connection");
  wr_cstr(m, "password");
  wr_bool(m, change);
  wr_cstr(m, text);
  if (change)
    wr_cstr(m, text);
  if (oddly)
    wr_cstr(m, text);              /* more than belongs there */
  uvssh__send(t);
  password_drop(text);
}

static void at_second(struct both* b) {
  struct peer* p = started(b);

  judge = SLOWLY;
  say_password(p, "someone", 0, 0);
  say_password(p, "someone", 0, 0);
  UNTIL(b, undecided.serial != 0);
}

static void at_unasked_change(struct both* b) {
  struct peer* p = started(b);
  uint64_t packets;
  uvssh_session_info_t info;

  uvssh_session_info(&p->session, &info);
  packets = info.packets_in;
  say_password(p, "someone", 1, 0);
  do {
    both_turn(b, "an answer");
    uvssh_session_info(&p->session, &info);
  } while (info.packets_in == packets);
}

static void at_malformed(struct both* b) {
  struct peer* p = started(b);

  say_password(p, "someone", 0, 1);
  UNTIL(b, p->closes == 1);
}

static void at_late(struct both* b) {
  struct peer* p = started(b);

  log_in(b, p);
  say_password(p, "someone", 0, 0);
  rekey(b, p);
}

static void at_early(struct both* b) {
  struct peer* p = both_client(b, GOAL_START);

  UNTIL(b, p->start == 0);
  say_password(p, "someone", 0, 0);
  say_password(p, "someone", 0, 0);
}

/* Behind our own DISCONNECT the server still reads. */
static void at_goodbye(struct both* b) {
  struct peer* p = started(b);

  log_in(b, p);
  CHECK_EQ(uvssh_session_disconnect(&served_last(b)->session, 11, "bye"), 0);
  say_password(p, "someone", 0, 0);
  UNTIL(b, p->closes == 1);
}

static const struct {
  const char* name;
  void (*go)(struct both* b);
} places[] = {
  { "while keys are exchanged", at_kex },
  { "while the host key is asked about", at_hostkey },
  { "behind the first exchange", at_keys },
  { "before the verdict", at_verdict },
  { "with two passwords at once", at_second },
  { "refused", at_refusal },
  { "with a changed password", at_change },
  { "with a change that nobody asked for", at_unasked_change },
  { "with a password and something behind it", at_malformed },
  { "logged in", at_login },
  { "while keys are exchanged again", at_rekey },
  { "with a password behind the login", at_late },
  { "with passwords that nobody waits for", at_early },
  { "with a password behind the end", at_goodbye }
};

static const struct {
  const char* name;
  void (*go)(struct both* b, struct peer* p);
} ends[] = {
  { "the client closes", end_close },
  { "the server closes", end_served },
  { "the connection breaks", end_lost }
};

TEST(residue_of_every_end) {
  struct both b;
  struct peer* p;
  size_t i, k;

  for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
    for (k = 0; k < sizeof(ends) / sizeof(ends[0]); k++) {
      NOTE("%s, %s", places[i].name, ends[k].name);
      begin(&b, NULL, NULL);
      if (places[i].go == at_hostkey)
        b.client_on.on_hostkey = keep_asking;
      places[i].go(&b);
      p = b.clients[b.client_count - 1];
      if (p->closes == 0)
        ends[k].go(&b, p);
      UNTIL(&b, p->closes == 1 || served_last(&b)->closes == 1);
      /* Who is asking its user does not read, and has not heard. */
      uvssh_session_close(&p->session);
      uvssh_session_close(&served_last(&b)->session);
      finish(&b, ends[k].name);
    }
  }
}
