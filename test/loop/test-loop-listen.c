/* Listening: addresses, ports, what cannot be. */
#include <arpa/inet.h>
#include <unistd.h>

#include "both.h"

static int family_of(const uvssh_server_t* server, int* port) {
  struct sockaddr_storage name;
  int len = sizeof(name);

  CHECK_EQ(uvssh_server_getsockname(server, (struct sockaddr*) &name, &len), 0);
  *port = ntohs(name.ss_family == AF_INET6
                    ? ((struct sockaddr_in6*) &name)->sin6_port
                    : ((struct sockaddr_in*) &name)->sin_port);
  return name.ss_family;
}

/* 0, or why there is none. */
static int listen6(struct both* b, int port) {
  int len = sizeof(b->address);
  int err = uvssh_server_listen(&b->server, "::1", port, both_accept);

  if (err == 0)
    err = uvssh_server_getsockname(&b->server, (struct sockaddr*) &b->address,
                                   &len);
  return err;
}

TEST(listen_ipv4) {
  struct both b;
  struct sockaddr_in peer;
  int len = sizeof(peer);
  int port = 0;

  both_open(&b);
  both_listen(&b);
  CHECK_EQ(family_of(&b.server, &port), AF_INET);
  CHECK(port > 0);
  both_login(&b);
  CHECK_EQ(uvssh_session_peername(&served_last(&b)->session,
                                  (struct sockaddr*) &peer, &len), 0);
  CHECK_EQ(peer.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
  CHECK_EQ(len, sizeof(peer));
  both_close(&b);
}

TEST(listen_ipv6) {
  struct both b;
  struct sockaddr_in6 peer;
  int len = sizeof(peer);
  int port = 0;
  int err;

  both_open(&b);
  both_server(&b);
  err = listen6(&b, 0);
  if (err != 0) {
    both_close(&b);
    SKIP("no IPv6 here: %s", uv_strerror(err));
  }
  CHECK_EQ(family_of(&b.server, &port), AF_INET6);
  CHECK(port > 0);
  both_login(&b);
  CHECK_EQ(uvssh_session_peername(&served_last(&b)->session,
                                  (struct sockaddr*) &peer, &len), 0);
  CHECK_EQ(peer.sin6_family, AF_INET6);
  both_close(&b);
}

/* The same port on both: "::1" and "::" are IPv6 alone. */
TEST(listen_both) {
  struct both b;
  struct both_address {
    struct sockaddr_storage four;
  } was;
  int port;
  int err;

  both_open(&b);
  both_listen(&b);
  was.four = b.address;
  CHECK_EQ(family_of(&b.server, &port), AF_INET);
  err = uvssh_server_listen(&b.server, "::1", port, both_accept);
  if (err != 0) {
    both_close(&b);
    SKIP("no IPv6 here: %s", uv_strerror(err));
  }
  CHECK_EQ(family_of(&b.server, &port), AF_INET);  /* the first one's */
  both_login(&b);
  memset(&b.address, 0, sizeof(b.address));
  CHECK_EQ(uv_ip6_addr("::1", port, (struct sockaddr_in6*) &b.address), 0);
  both_login(&b);
  b.address = was.four;
  both_login(&b);
  CHECK_EQ(b.served_count, 3);
  both_close(&b);
}

TEST(listen_any_ipv6_is_no_ipv4) {
  struct both b;
  int port;
  int err;

  both_open(&b);
  both_server(&b);
  err = uvssh_server_listen(&b.server, "::", 0, both_accept);
  if (err != 0) {
    both_close(&b);
    SKIP("no IPv6 here: %s", uv_strerror(err));
  }
  CHECK_EQ(family_of(&b.server, &port), AF_INET6);
  CHECK_EQ(uvssh_server_listen(&b.server, "0.0.0.0", port, both_accept), 0);
  both_close(&b);
}

static int crowd_came, other_came;

static void on_crowd(uvssh_server_t* server, int status) {
  crowd_came++;                    /* nobody is taken */
}

static void on_other(uvssh_server_t* server, int status) {
  other_came++;
}

/* With the smallest house one newcomer a turn is taken: a crowd at one socket
 * does not keep out who comes to another. */
TEST(listen_takes_turns) {
  enum { CROWD = 40, EACH = 4 };
  struct both b;
  uv_tcp_t tcp;
  struct sockaddr_storage crowd;
  int fd[CROWD + EACH];
  int i, len = sizeof(b.address);

  crowd_came = other_came = 0;
  both_open(&b);
  b.server_config.preauth_total = 1;
  b.on_connection = on_crowd;
  both_listen(&b);
  crowd = b.address;
  CHECK_EQ(uv_tcp_init(&b.loop, &tcp), 0);
  CHECK_EQ(uv_ip4_addr("127.0.0.1", 0, (struct sockaddr_in*) &b.address), 0);
  CHECK_EQ(uv_tcp_bind(&tcp, (struct sockaddr*) &b.address, 0), 0);
  CHECK_EQ(uv_tcp_getsockname(&tcp, (struct sockaddr*) &b.address, &len), 0);
  CHECK_EQ(uvssh_server_listen_stream(&b.server, (uv_stream_t*) &tcp, on_other),
           0);
  for (i = 0; i < CROWD + EACH; i++) {
    if (i == EACH)
      b.address = crowd;
    CHECK((fd[i] = both_socket(&b)) >= 0);
  }
  UNTIL(&b, other_came == EACH);
  CHECK(crowd_came <= 3 * EACH);
  UNTIL(&b, crowd_came == CROWD);
  for (i = 0; i < CROWD + EACH; i++)
    close(fd[i]);
  uv_close((uv_handle_t*) &tcp, NULL);
  both_close(&b);
}

TEST(listen_port_in_use) {
  struct both a;
  struct both b;
  int port;

  both_open(&a);
  both_listen(&a);
  CHECK_EQ(family_of(&a.server, &port), AF_INET);
  both_open(&b);
  both_server(&b);
  CHECK_EQ(uvssh_server_listen(&b.server, "127.0.0.1", port, both_accept),
           UV_EADDRINUSE);
  CHECK_EQ(uvssh_server_listen(&a.server, "127.0.0.1", port, both_accept),
           UV_EADDRINUSE);
  both_login(&a);                  /* it goes on */
  both_close(&b);
  both_close(&a);
}

TEST(listen_not_ours) {
  struct both b;

  both_open(&b);
  both_server(&b);                 /* RFC 5737: nobody's */
  CHECK_EQ(uvssh_server_listen(&b.server, "192.0.2.1", 0, both_accept),
           UV_EADDRNOTAVAIL);
  both_close(&b);
}

TEST(listen_refused) {
  static const char* const hosts[] = {
    "", "localhost", "127.0.0.1 ", " 127.0.0.1", "127.0.0", "127.0.0.256",
    "0x7f.0.0.1", "::1::", "[::1]", "127.0.0.1:22", "*", "fe80::g"
  };
  struct both b;
  struct sockaddr_storage name;
  int len = sizeof(name);
  size_t i;

  both_open(&b);
  both_server(&b);
  for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
    NOTE("\"%s\"", hosts[i]);
    CHECK_EQ(uvssh_server_listen(&b.server, hosts[i], 0, both_accept),
             UV_EINVAL);
  }
  NOTE("%s", "");
  CHECK_EQ(uvssh_server_listen(&b.server, NULL, 0, both_accept), UV_EINVAL);
  CHECK_EQ(uvssh_server_listen(&b.server, "127.0.0.1", -1, both_accept),
           UV_EINVAL);
  CHECK_EQ(uvssh_server_listen(&b.server, "127.0.0.1", 65536, both_accept),
           UV_EINVAL);
  CHECK_EQ(uvssh_server_listen(&b.server, "127.0.0.1", 0, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_server_getsockname(&b.server, (struct sockaddr*) &name, &len),
           UV_ENOTCONN);
  both_close(&b);
}

TEST(listen_without_key) {
  struct both b;
  uvssh_session_t session = { 0 };
  uvssh_transport_t transport = { 0 };

  both_open(&b);
  CHECK_EQ(uvssh_server_init(&b.loop, &b.server, NULL), 0);
  b.server.data = &b;
  CHECK_EQ(uvssh_server_listen(&b.server, "127.0.0.1", 0, both_accept),
           UV_EINVAL);
  CHECK_EQ(uvssh_server_serve(&b.server, &session, &transport, &b.server_on),
           UV_EINVAL);
  CHECK_EQ(uvssh_server_add_key(&b.server, b.key), 0);
  CHECK_EQ(uvssh_server_listen(&b.server, "127.0.0.1", 0, both_accept), 0);
  both_close(&b);
}

TEST(listen_keys) {
  struct both b;
  uvssh_key_t* public_half = NULL;
  uvssh_key_t* other = NULL;
  char line[200];
  size_t len = sizeof(line);
  unsigned i;

  both_open(&b);
  CHECK_EQ(uvssh_server_init(&b.loop, &b.server, NULL), 0);
  b.server.data = &b;
  CHECK_EQ(uvssh_key_public_line(b.key, line, &len), 0);
  CHECK_EQ(uvssh_key_parse(&public_half, line, len, NULL), 0);
  CHECK_EQ(uvssh_key_generate(&other, UVSSH_KEY_ED25519, 0), 0);
  CHECK_EQ(uvssh_server_add_key(&b.server, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_server_add_key(&b.server, public_half), UV_EINVAL);
  CHECK_EQ(uvssh_server_add_key(&b.server, b.key), 0);
  CHECK_EQ(uvssh_server_add_key(&b.server, other), 0);   /* of that type, too */
  CHECK_EQ(uvssh_server_add_key(&b.server, b.key), UV_EINVAL);
  CHECK_EQ(uvssh_server_add_key(&b.server, other), UV_EINVAL);
  for (i = 2; i <= 8; i++) {
    uvssh_key_unref(other);
    CHECK_EQ(uvssh_key_generate(&other, UVSSH_KEY_ED25519, 0), 0);
    CHECK_EQ(uvssh_server_add_key(&b.server, other),
             i < 8 ? 0 : UV_EINVAL);
  }
  uvssh_key_unref(public_half);
  uvssh_key_unref(other);
  both_close(&b);
}

/* What is not taken in the callback is closed; what is not waiting cannot be
 * taken. */
static void on_ignored(uvssh_server_t* server, int status) {
  struct both* b = server->data;

  CHECK_EQ(status, 0);
  b->drains++;
}

TEST(listen_not_accepted) {
  struct both b;
  struct peer* client;
  uvssh_session_t session = { 0 };

  both_open(&b);
  b.on_connection = on_ignored;
  both_listen(&b);
  CHECK_EQ(uvssh_server_accept(&b.server, &session, &b.server_on), UV_EAGAIN);
  client = both_client(&b, GOAL_LOGIN);
  UNTIL(&b, client->closes == 1);
  CHECK(client->start < 0);
  CHECK_EQ(b.drains, 1);
  CHECK(client->end.by_peer);
  both_close(&b);
}

static void on_wrong(uvssh_server_t* server, int status) {
  struct both* b = server->data;
  uvssh_session_t session = { 0 };

  CHECK_EQ(uvssh_server_accept(server, NULL, &b->server_on), UV_EINVAL);
  CHECK_EQ(uvssh_server_accept(server, &session, NULL), UV_EINVAL);
  if (b->served_count > 0)
    CHECK_EQ(uvssh_server_accept(server, &b->served[0]->session,
                                 &b->server_on), UV_EBUSY);
  both_accept(server, status);
  CHECK_EQ(uvssh_server_accept(server, &session, &b->server_on), UV_EAGAIN);
}

TEST(listen_accept_wrongly) {
  struct both b;

  both_open(&b);
  b.on_connection = on_wrong;
  both_listen(&b);
  both_login(&b);
  both_login(&b);
  both_close(&b);
}

/* libuv listens no more while something accepted is not taken. */
TEST(listen_goes_on_without_memory) {
  struct both b;
  int fds[3];
  int i;

  both_open(&b);
  both_listen(&b);
  for (i = 0; i < 3; i++)
    fds[i] = both_socket(&b);
  heap_fail_at(1);
  UNTIL(&b, b.refused == 1 && b.served_count == 2);
  heap_fail_at(0);
  for (i = 0; i < 3; i++)
    close(fds[i]);
  both_login(&b);
  for (i = 0; i < 2; i++)
    UNTIL(&b, b.served[i]->closes == 1);
  fds[0] = both_socket(&b);        /* and its server goes meanwhile */
  heap_fail_at(1);
  UNTIL(&b, b.refused == 2);
  both_close(&b);
  close(fds[0]);
}

/* Its server goes, or stops, in the very callback. */
static void on_closing(uvssh_server_t* server, int status) {
  struct both* b = server->data;
  uvssh_session_t session = { 0 };

  b->drains++;
  if (b->data != NULL)
    CHECK_EQ(uvssh_server_shutdown(server, 1000, NULL), 0);
  else
    uvssh_server_close(server, both_on_server_close);
  CHECK_EQ(uvssh_server_accept(server, &session, &b->server_on), UV_EAGAIN);
}

TEST(listen_closed_in_callback) {
  struct both b;
  struct peer* client;
  int round;

  for (round = 0; round < 2; round++) {
    both_open(&b);
    b.on_connection = on_closing;
    b.data = round == 1 ? &b : NULL;
    both_listen(&b);
    client = both_client(&b, GOAL_LOGIN);
    UNTIL(&b, client->closes == 1);
    CHECK_EQ(b.drains, 1);
    if (round == 0) {
      UNTIL(&b, b.server_closes == 1);
      b.server_closes = 0;         /* both_close() finds none */
    }
    both_close(&b);
  }
}
