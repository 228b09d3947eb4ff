/* 2 000 connections that never log in, from many addresses of 127.0.0.0/8, and
 * come back as soon as they are closed; 20 logins from elsewhere. The clock
 * stands, so no timeout of theirs helps: what is counted is turns of the loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "both.h"
#include "loop/loop.h"
#include "test/test.h"

/* Later versions of libuv (1.50, not 1.44) accept one connection a turn: all
 * that were in the kernel's queue before come first. */
enum { ATTACKERS = 2000, LOGINS = 20, A_STEP = 16, A_BURST = 500,
       TURNS_MAX = 400 + ATTACKERS };

enum says { SAYS_NOTHING, SAYS_IDENT, SAYS_A_BYTE, SAYS_KEXINIT, SAYS_ALL };

/* `sources` of 127.0.0.0/8, what they say, and whether they come again. */
static const struct row {
  const char* name;
  unsigned sources;
  enum says says;
} rows[] = {
  { "silent", ATTACKERS, SAYS_NOTHING },
  { "silent, 100 sources", 100, SAYS_NOTHING },
  { "silent, 8 sources", 8, SAYS_NOTHING },
  { "identification only", ATTACKERS, SAYS_IDENT },
  { "a byte a step", ATTACKERS, SAYS_A_BYTE },
  { "KEXINIT only", ATTACKERS, SAYS_KEXINIT },
  { "some of each", ATTACKERS, SAYS_ALL },
};

struct attacker {
  int fd;                          /* -1: closed */
  enum says says;
  size_t said;
};

static struct attacker attackers[ATTACKERS];
static char text[4096];            /* identification and KEXINIT */
static size_t ident_len, text_len;

/* ---- the server's sessions ----------------------------------------------- */

struct guest {
  uvssh_session_t session;         /* first */
};

static unsigned guests, guests_most, readies, evicted;

static void on_guest(uvssh_server_t* server, int status) {
  struct both* b = server->data;
  struct guest* g = (struct guest*) calloc(1, sizeof(*g));

  CHECK_EQ(status, 0);
  CHECK(g != NULL);
  CHECK_EQ(uvssh_server_accept(server, &g->session, &b->server_on), 0);
  if (++guests > guests_most)
    guests_most = guests;
}

static void on_guest_ready(uvssh_session_t* session) {
  readies++;
}

static void on_guest_close(uvssh_session_t* session, const uvssh_end_t* end) {
  CHECK(end->status != UV_ETIMEDOUT);
  evicted += end->status == UVSSH_ELIMIT;
  guests--;
  free(session);
}

/* ---- the attackers ------------------------------------------------------- */

static void come(struct both* b, unsigned i, unsigned sources) {
  struct attacker* a = &attackers[i];
  struct sockaddr_in from;
  char name[20];
  unsigned n = 256 + i % sources;

  snprintf(name, sizeof(name), "127.1.%u.%u", n / 256, n % 256);
  CHECK_EQ(uv_ip4_addr(name, 0, &from), 0);
  a->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  a->said = 0;
  CHECK(a->fd >= 0);
  CHECK_EQ(bind(a->fd, (struct sockaddr*) &from, sizeof(from)), 0);
  if (connect(a->fd, (struct sockaddr*) &b->address, sizeof(from)) != 0)
    CHECK_EQ(errno, EINPROGRESS);
}

static void go(struct attacker* a) {
  if (a->fd >= 0)
    close(a->fd);
  a->fd = -1;
}

static size_t wants_to_say(const struct attacker* a) {
  switch (a->says) {
    case SAYS_IDENT: return ident_len;
    case SAYS_A_BYTE: return a->said + 1 < ident_len ? a->said + 1 : a->said;
    case SAYS_KEXINIT: return text_len;
    default: return 0;
  }
}

/* One says what it has to say, and sees whether it was closed. */
static void step(struct both* b, unsigned i, const struct row* row) {
  struct attacker* a = &attackers[i];
  size_t to = wants_to_say(a);
  char byte[512];
  ssize_t n;

  if (a->fd < 0) {
    come(b, i, row->sources);
    return;
  }
  if (to > a->said && send(a->fd, text + a->said, to - a->said,
                           MSG_NOSIGNAL) == (ssize_t) (to - a->said))
    a->said = to;
  while ((n = recv(a->fd, byte, sizeof(byte), 0)) > 0)
    ;
  if (n == 0 || (errno != EAGAIN && errno != ENOTCONN))
    go(a);
}

/* A turn of the loop, and so many steps of theirs. */
static void turn(struct both* b, const struct row* row, unsigned steps) {
  static unsigned next;
  unsigned i;

  for (i = 0; i < steps; i++)
    step(b, next++ % ATTACKERS, row);
  uv_run(&b->loop, UV_RUN_NOWAIT);
  CHECK(uvssh__server_of(&b->server)->limit.count <= 128);
}

/* What a peer says first, from one that does. */
static void learn_text(void) {
  static struct script s;

  uvssh__script_init(&s, PEER_CLIENT);
  CHECK_EQ(uvssh__script_say_ident(&s), 0);
  ident_len = s.wire.len;
  CHECK_EQ(uvssh__script_say_kexinit(&s), 0);
  text_len = s.wire.len;
  CHECK(text_len <= sizeof(text));
  memcpy(text, s.wire.base, text_len);
  uvssh__script_reset(&s);
}

/* ---- 20 of 20 ------------------------------------------------------------ */

static unsigned log_in(struct both* b, const struct row* row, unsigned i) {
  struct peer* p;
  char from[20];
  unsigned turns = 0;

  snprintf(from, sizeof(from), "127.99.0.%u", i + 1);
  p = both_client_from(b, GOAL_LOGIN, from);
  turn(b, row, A_BURST);           /* right behind it */
  while (p->auth == PENDING && p->closes == 0 && turns++ < TURNS_MAX)
    turn(b, row, A_STEP);
  NOTE("login %u, %s: %s after %u turns", i, row->name,
       p->closes ? uvssh_err_name(p->end.status) : "", turns);
  CHECK_EQ(p->auth, 0);
  return turns;
}

static void besiege(const struct row* row) {
  struct both b;
  unsigned i, n, most = 0;
  size_t bytes;

  guests = guests_most = readies = evicted = 0;
  both_open(&b);
  both_clock(&b);
  uvssh_config_init(&b.server_config);
  b.server_config.auth_methods = UVSSH_AUTH_NONE;
  b.server_on.on_ready = on_guest_ready;
  b.server_on.on_close = on_guest_close;
  b.on_connection = on_guest;
  both_listen(&b);
  bytes = heap_bytes();
  for (i = 0; i < ATTACKERS; i++) {
    attackers[i].fd = -1;
    attackers[i].says = row->says == SAYS_ALL ? i % SAYS_ALL : row->says;
  }
  for (i = 0; i < 2 * ATTACKERS; i += 64)
    turn(&b, row, 64);
  for (i = 0; i < LOGINS; i++) {
    n = log_in(&b, row, i);
    most = n > most ? n : most;
  }
  printf("%s: %d logins, at most %u turns each; %u of theirs had to go; at "
         "most %u sessions, %zu KiB\n", row->name, LOGINS, most, evicted,
         guests_most, (heap_bytes() - bytes) / 1024);
  CHECK_EQ(readies, LOGINS);
  CHECK(evicted > ATTACKERS / 4);
  CHECK(guests_most <= 128 + LOGINS + 2 * A_STEP);
  for (i = 0; i < ATTACKERS; i++)
    go(&attackers[i]);
  both_close(&b);
  CHECK_EQ(guests, 0);
}

TEST(silent_crowds_keep_nobody_out) {
  unsigned i;

  learn_text();
  for (i = 0; i < ARRAY_SIZE(rows); i++)
    besiege(&rows[i]);
}
