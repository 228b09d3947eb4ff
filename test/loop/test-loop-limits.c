/* Limits on who is not logged in, and on what he may do. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "both.h"

/* ---- how many ------------------------------------------------------------------ */

/* It ends without a word: the connection was closed when it was taken. */
static void check_turned_away(struct both* b, struct peer* p) {
  UNTIL(b, p->closes == 1);
  CHECK(p->end.by_peer);
  CHECK(p->end.phase <= UVSSH_PHASE_IDENT);
  CHECK(p->start < 0);
}

static struct peer* started(struct both* b, const char* from) {
  struct peer* p = both_client_from(b, GOAL_START, from);

  UNTIL(b, p->start != PENDING);
  return p;
}

/* Who had to go for a newcomer: his end on both sides. */
static void check_crowded_out(struct both* b, unsigned i, int is_told) {
  struct peer* p = b->clients[i];

  UNTIL(b, b->served[i]->closes == 1 && p->closes == 1);
  CHECK_EQ(b->served[i]->end.status, UVSSH_ELIMIT);
  CHECK_EQ(b->served[i]->end.reason, UVSSH_DISCONNECT_TOO_MANY);
  CHECK_EQ(b->served[i]->end.by_peer, 0);
  if (!is_told)
    return;
  CHECK_EQ(p->end.status, UVSSH_EDISCONNECT);
  CHECK_EQ(p->end.reason, UVSSH_DISCONNECT_TOO_MANY);
}

/* The newcomer is taken, and the oldest goes. */
TEST(limits_total) {
  struct both b;
  int i;

  both_open(&b);
  b.server_config.preauth_total = 3;
  b.server_config.preauth_per_source = 0;
  both_listen(&b);
  for (i = 0; i < 3; i++)
    CHECK_EQ(started(&b, NULL)->start, 0);
  CHECK_EQ(started(&b, NULL)->start, 0);
  CHECK_EQ(b.served_count, 4);
  CHECK_EQ(b.refused, 0);
  check_crowded_out(&b, 0, 1);
  for (i = 1; i < 4; i++)
    CHECK_EQ(b.served[i]->closes, 0);

  uvssh_session_close(&b.clients[2]->session);       /* freed after the end */
  UNTIL(&b, b.served[2]->closes == 1);
  CHECK_EQ(started(&b, NULL)->start, 0);
  CHECK_EQ(b.served[1]->closes, 0);
  CHECK_EQ(started(&b, NULL)->start, 0);
  check_crowded_out(&b, 1, 1);
  both_close(&b);
}

/* One who says nothing is told, too, in the clear. */
TEST(limits_total_silent) {
  struct both b;
  char text[2048];
  size_t len = 0;
  ssize_t n;
  int fd;

  both_open(&b);
  b.server_config.preauth_total = 1;
  both_listen(&b);
  fd = both_socket(&b);
  CHECK(fd >= 0);
  UNTIL(&b, b.served_count == 1);
  CHECK_EQ(started(&b, NULL)->start, 0);
  UNTIL(&b, b.served[0]->closes == 1);
  CHECK_EQ(b.served[0]->end.status, UVSSH_ELIMIT);
  CHECK_EQ(b.served[0]->end.phase, UVSSH_PHASE_IDENT);
  while ((n = read(fd, text + len, sizeof(text) - len)) > 0)
    len += (size_t) n;
  close(fd);
  CHECK_EQ(n, 0);
  CHECK(memmem(text, len, "too many connections", 20) != NULL);
  CHECK_EQ(b.served[1]->closes, 0);
  both_close(&b);
}

TEST(limits_total_after_login) {
  struct both b;
  int i;

  both_open(&b);
  b.server_config.preauth_total = 1;
  both_listen(&b);
  for (i = 0; i < 5; i++)
    both_login(&b);                /* each gives its place back */
  CHECK_EQ(started(&b, NULL)->start, 0);
  both_login(&b);                  /* takes that one's place */
  check_crowded_out(&b, 5, 1);
  for (i = 0; i < 5; i++)
    CHECK_EQ(b.served[i]->closes, 0);
  both_close(&b);
}

/* Whom the user is being asked about stays, and so who is over goes first. */
static void on_auth_later(uvssh_session_t* session,
                          const uvssh_auth_t* attempt,
                          uvssh_reply_t reply) {
  peer_of(session)->extra = 1;
}

enum { HOUSE = 16 };

static uvssh_reply_t replies[HOUSE];
static unsigned reply_count;

static void on_auth_kept(uvssh_session_t* session,
                         const uvssh_auth_t* attempt,
                         uvssh_reply_t reply) {
  replies[reply_count++] = reply;
}

/* Yes to the one who would be the next to go, between two newcomers. */
static void on_connection_accept(uvssh_server_t* server, int status) {
  CHECK_EQ(status, 0);
  both_accept(server, status);
  if (((struct both*) server->data)->served_count == HOUSE + 1)
    CHECK_EQ(uvssh_reply_accept(replies[1]), 0);
}

/* Who has logged in goes for nobody, even before his next turn. */
TEST(limits_total_just_logged_in) {
  struct both b;
  int i, fd[2];

  both_open(&b);
  b.server_config.preauth_total = HOUSE;
  b.server_config.preauth_per_source = 0;
  b.server_on.on_auth = on_auth_kept;
  b.on_connection = on_connection_accept;
  reply_count = 0;
  both_listen(&b);
  for (i = 0; i < HOUSE; i++) {
    (void) both_client(&b, GOAL_LOGIN);
    UNTIL(&b, reply_count == (unsigned) i + 1);
  }
  for (i = 0; i < 2; i++)
    CHECK((fd[i] = both_socket(&b)) >= 0);
  UNTIL(&b, b.served_count == HOUSE + 2 && b.clients[1]->auth != PENDING);
  check_crowded_out(&b, 0, 1);
  CHECK_EQ(b.clients[1]->auth, 0);
  CHECK_EQ(b.served[1]->readies, 1);
  for (i = 1; i < HOUSE; i++)
    CHECK_EQ(b.served[i]->closes, 0);
  for (i = 0; i < 2; i++)
    close(fd[i]);
  both_close(&b);
}

TEST(limits_total_asked) {
  struct both b;
  struct peer* p;
  int i;

  both_open(&b);
  b.server_config.preauth_total = 4;
  b.server_on.on_auth = on_auth_later;
  both_listen(&b);
  p = both_client(&b, GOAL_LOGIN);
  UNTIL(&b, b.served_count == 1 && b.served[0]->extra);
  for (i = 0; i < 3; i++)
    CHECK_EQ(started(&b, NULL)->start, 0);
  for (i = 0; i < 8; i++) {
    CHECK_EQ(started(&b, NULL)->start, 0);
    check_crowded_out(&b, (unsigned) i + 1, 1);
  }
  CHECK_EQ(b.served[0]->closes, 0);
  CHECK_EQ(p->closes, 0);
  both_close(&b);
}

/* Whose end has begun waits for its peer, but not in a newcomer's way. */
TEST(limits_total_ending) {
  struct both b;
  int fd;

  both_open(&b);
  b.server_config.preauth_total = 2;
  both_listen(&b);
  CHECK_EQ(started(&b, NULL)->start, 0);
  fd = both_socket(&b);
  CHECK(fd >= 0);
  CHECK_EQ(send(fd, "SSH-2.0-x\r\n\0\0\0\1", 15, MSG_NOSIGNAL), 15);
  UNTIL(&b, b.served_count == 2 &&
            uvssh_session_is_ready(&b.served[1]->session) == 0);
  both_pass(&b, 20);
  CHECK_EQ(b.served[1]->closes, 0);        /* linger_ms */
  CHECK_EQ(started(&b, NULL)->start, 0);
  UNTIL(&b, b.served[1]->closes == 1);
  CHECK_EQ(b.served[1]->end.status, UVSSH_EPACKET);
  CHECK_EQ(b.served[0]->closes, 0);
  close(fd);
  both_close(&b);
}

TEST(limits_total_off) {
  struct both b;
  int i;

  both_open(&b);
  b.server_config.preauth_total = b.server_config.preauth_per_source = 0;
  both_listen(&b);
  for (i = 0; i < 140; i++)
    CHECK_EQ(started(&b, NULL)->start, 0);
  both_close(&b);
}

TEST(limits_per_source) {
  struct both b;
  int i;

  both_open(&b);
  b.server_config.preauth_per_source = 2;
  both_listen(&b);
  for (i = 0; i < 2; i++)
    CHECK_EQ(started(&b, "127.0.0.2")->start, 0);
  check_turned_away(&b, started(&b, "127.0.0.2"));
  CHECK_EQ(started(&b, "127.0.0.3")->start, 0);
  CHECK_EQ(started(&b, "127.0.0.3")->start, 0);
  check_turned_away(&b, started(&b, "127.0.0.3"));
  check_turned_away(&b, started(&b, "127.0.0.2"));
  both_login(&b);                  /* from 127.0.0.1 */
  uvssh_session_close(&b.clients[0]->session);
  UNTIL(&b, b.served[0]->closes == 1);
  CHECK_EQ(started(&b, "127.0.0.2")->start, 0);
  check_turned_away(&b, started(&b, "127.0.0.2"));
  both_close(&b);
}

TEST(limits_per_source_after_login) {
  struct both b;
  struct peer* p;
  int i;

  both_open(&b);
  b.server_config.preauth_per_source = 1;
  both_listen(&b);
  for (i = 0; i < 5; i++) {
    p = both_client_from(&b, GOAL_LOGIN, "127.0.0.9");
    UNTIL(&b, p->auth != PENDING);
    CHECK_EQ(p->auth, 0);
  }
  both_close(&b);
}

/* A /30: 127.0.0.4 .. 7 are one source. */
TEST(limits_prefix) {
  struct both b;

  both_open(&b);
  b.server_config.preauth_per_source = 1;
  b.server_config.source_prefix4 = 30;
  both_listen(&b);
  CHECK_EQ(started(&b, "127.0.0.4")->start, 0);
  check_turned_away(&b, started(&b, "127.0.0.7"));
  CHECK_EQ(started(&b, "127.0.0.8")->start, 0);
  CHECK_EQ(started(&b, "127.0.0.3")->start, 0);
  both_close(&b);
}

TEST(limits_prefix_of_all) {
  struct both b;

  both_open(&b);
  b.server_config.preauth_per_source = 1;
  b.server_config.source_prefix4 = 0;
  both_listen(&b);
  CHECK_EQ(started(&b, "127.0.0.4")->start, 0);
  check_turned_away(&b, started(&b, "127.200.0.1"));
  both_close(&b);
}

/* What the user does not take leaves no count behind. */
static void on_ignored(uvssh_server_t* server, int status) {
  CHECK_EQ(status, 0);
}

TEST(limits_not_accepted) {
  struct both b;
  int i;

  both_open(&b);
  b.server_config.preauth_total = b.server_config.preauth_per_source = 1;
  b.on_connection = on_ignored;
  both_listen(&b);
  for (i = 0; i < 5; i++)
    check_turned_away(&b, started(&b, NULL));
  both_close(&b);
}

/* ---- how much -------------------------------------------------------------------- */

/* What a peer says that speaks no SSH at all, or too much of it. */
static void say(struct both* b, const char* text, size_t times) {
  int fd = both_socket(b);
  size_t i;

  CHECK(fd >= 0);
  UNTIL(b, b->served_count == 1);
  for (i = 0; i < times; i++)
    if (send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
      CHECK(errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
  UNTIL(b, b->served[0]->closes == 1);
  close(fd);
}

TEST(limits_preauth_bytes) {
  struct both b;
  char line[4096];

  both_open(&b);
  b.server_config.preauth_bytes = 4096;
  b.server_config.linger_ms = 10;
  both_listen(&b);
  memset(line, 'x', sizeof(line));
  line[sizeof(line) - 1] = '\0';
  say(&b, line, 100);
  CHECK(b.served[0]->end.status < 0);
  CHECK_EQ(b.served[0]->end.phase, UVSSH_PHASE_IDENT);
  both_close(&b);
}

/* Real packets: logins that are refused without end. */
static void on_auth_no(uvssh_session_t* session,
                       const uvssh_auth_t* attempt,
                       uvssh_reply_t reply) {
  peer_of(session)->extra++;
  CHECK_EQ(uvssh_reply_reject(reply), 0);
}

static void try_again(uvssh_req_t* req, int status) {
  struct peer* p = peer_of(req->session);

  p->auth = status;
  if (status == UVSSH_EAUTH) {
    p->extra++;
    CHECK_EQ(uvssh_auth_password(req, &p->session, "someone", "wrong",
                                 try_again), 0);
  }
}

static struct peer* try_for_ever(struct both* b) {
  struct peer* p;

  b->server_on.on_auth = on_auth_no;
  both_listen(b);
  p = started(b, NULL);
  p->extra = 0;
  p->auth_req.session = &p->session;
  try_again(&p->auth_req, UVSSH_EAUTH);
  UNTIL(b, p->closes == 1 && b->served[0]->closes == 1);
  return p;
}

TEST(limits_auth_tries) {
  struct both b;
  struct peer* p;

  both_open(&b);
  b.server_config.auth_tries = 4;
  p = try_for_ever(&b);
  CHECK_EQ(b.served[0]->extra, 4);
  CHECK_EQ(p->auth, UVSSH_EDISCONNECT);
  CHECK_EQ(p->end.status, UVSSH_EDISCONNECT);
  CHECK_EQ(p->end.reason, UVSSH_DISCONNECT_NO_MORE_AUTH);
  CHECK_EQ(p->end.by_peer, 1);
  CHECK_EQ(b.served[0]->end.status, UVSSH_EAUTH);
  CHECK_EQ(b.served[0]->end.phase, UVSSH_PHASE_AUTH);
  CHECK_EQ(b.served[0]->end.by_peer, 0);
  both_close(&b);
}

TEST(limits_auth_requests) {
  struct both b;
  struct peer* p;

  both_open(&b);
  b.server_config.auth_tries = 1000;
  b.server_config.auth_requests = 7;       /* the service was one of them */
  p = try_for_ever(&b);
  CHECK_EQ(b.served[0]->extra, 6);
  CHECK_EQ(p->end.reason, UVSSH_DISCONNECT_NO_MORE_AUTH);
  both_close(&b);
}

TEST(limits_preauth_packets) {
  struct both b;
  struct peer* p;

  both_open(&b);
  b.server_config.auth_tries = b.server_config.auth_requests = 1000;
  b.server_config.preauth_packets = 20;
  p = try_for_ever(&b);
  CHECK(b.served[0]->extra > 10);
  CHECK(b.served[0]->extra < 20);
  CHECK_EQ(b.served[0]->end.status, UVSSH_ELIMIT);
  CHECK_EQ(p->end.status, UVSSH_EDISCONNECT);
  both_close(&b);
}

/* ---- channels --------------------------------------------------------------------- */

static void on_open(uvssh_req_t* req, int status) {
  *(int*) req->data = status;
}

static int open_one(struct both* b, struct peer* p, uvssh_channel_t* channel) {
  static const uvssh_channel_open_t type = { .type = UVSSH_CHANNEL_SESSION };
  static const uvssh_channel_handlers_t on = { 0 };
  int status = PENDING;
  uvssh_req_t req = { .data = &status };

  CHECK_EQ(uvssh_channel_open(&req, &p->session, channel, &type, &on, on_open),
           0);
  UNTIL(b, status != PENDING);
  CHECK_EQ(req.result, status == UVSSH_EOPEN ? UVSSH_OPEN_SHORTAGE : 0);
  return status;
}

static uvssh_channel_t served_channels[8];
static unsigned served_next;

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* ask,
                       uvssh_reply_t reply) {
  static const uvssh_channel_handlers_t on = { 0 };
  CHECK_EQ(uvssh_channel_accept(reply, &served_channels[served_next++ % 8],
                                &on), 0);
}

/* At the server; after login it may be more. */
TEST(limits_channels) {
  static uvssh_channel_t channels[8];
  struct both b;
  struct peer* p;
  uvssh_config_t config;

  memset(channels, 0, sizeof(channels));
  memset(served_channels, 0, sizeof(served_channels));
  both_open(&b);
  b.server_config.channels = 2;
  b.server_on.on_channel = on_channel;
  both_listen(&b);
  p = both_login(&b);
  CHECK_EQ(open_one(&b, p, &channels[0]), 0);
  CHECK_EQ(open_one(&b, p, &channels[1]), 0);
  CHECK_EQ(open_one(&b, p, &channels[2]), UVSSH_EOPEN);
  uvssh_session_config(&b.served[0]->session, &config);
  CHECK_EQ(config.channels, 2);
  config.channels = 3;
  CHECK_EQ(uvssh_session_configure(&b.served[0]->session, &config), 0);
  CHECK_EQ(open_one(&b, p, &channels[2]), 0);
  CHECK_EQ(open_one(&b, p, &channels[3]), UVSSH_EOPEN);

  uvssh_channel_abort(&channels[0]);                 /* a place comes back */
  UNTIL(&b, channels[0].impl == NULL && served_channels[0].impl == NULL);
  uv_run(&b.loop, UV_RUN_NOWAIT);
  uv_run(&b.loop, UV_RUN_NOWAIT);
  CHECK_EQ(open_one(&b, p, &channels[0]), 0);
  both_close(&b);
}

/* Our own limit is no matter of the peer's. */
TEST(limits_own_channels) {
  static uvssh_channel_t channels[2];
  static const uvssh_channel_open_t type = { .type = UVSSH_CHANNEL_SESSION };
  static const uvssh_channel_handlers_t on = { 0 };
  struct both b;
  struct peer* p;
  uvssh_req_t req;

  memset(channels, 0, sizeof(channels));
  memset(served_channels, 0, sizeof(served_channels));
  both_open(&b);
  b.client_config.channels = 1;
  b.server_on.on_channel = on_channel;
  both_listen(&b);
  p = both_login(&b);
  CHECK_EQ(open_one(&b, p, &channels[0]), 0);
  CHECK_EQ(uvssh_channel_open(&req, &p->session, &channels[1], &type, &on,
                              on_open), UVSSH_ELIMIT);
  CHECK(channels[1].impl == NULL);
  both_close(&b);
}

/* ---- settings ---------------------------------------------------------------------- */

TEST(limits_configure) {
  struct both b;
  struct peer* p;
  uvssh_session_t* served;
  uvssh_config_t config;
  uvssh_config_t wrong;

  both_open(&b);
  both_listen(&b);
  p = both_login(&b);
  served = &b.served[0]->session;
  uvssh_session_config(served, &config);
  CHECK_STR(config.software, "uvssh_0.1.0");
  wrong = config;
  wrong.packet_bytes = 100;
  CHECK_EQ(uvssh_session_configure(served, &wrong), UV_EINVAL);
  wrong = config;
  wrong.drain_bytes = wrong.queue_bytes + 1;
  CHECK_EQ(uvssh_session_configure(served, &wrong), UV_EINVAL);
  CHECK_EQ(uvssh_session_configure(served, NULL), UV_EINVAL);

  config.software = "other_1";             /* fixed: stays */
  config.preauth_total = 1;
  config.log_level = UVSSH_LOG_PACKET;
  config.idle_timeout_ms = 12345;
  CHECK_EQ(uvssh_session_configure(served, &config), 0);
  memset(&config, 0xdd, sizeof(config));
  uvssh_session_config(served, &config);
  CHECK_STR(config.software, "uvssh_0.1.0");
  CHECK_EQ(config.preauth_total, 128);
  CHECK_EQ(config.log_level, UVSSH_LOG_ERROR);
  CHECK_EQ(config.idle_timeout_ms, 12345);
  uvssh_session_config(&p->session, &config);
  CHECK_EQ(config.idle_timeout_ms, 0);     /* another session's */
  both_close(&b);
}
