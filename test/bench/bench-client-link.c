/* bench-client-link.c: one connection that logs in and runs one command, on the
 * public functions of the library.
 *
 * Happy path: a TCP connection from the next of several loopback addresses,
 * uvssh_client_login() over it (it asks for the methods, shows the key, signs),
 * a session channel, exec; when the channel has closed, the connection closes.
 *
 * Several addresses, because one has only 28 000 ports, a port that was closed
 * rests for a minute, and looking for a free one among few becomes slow
 * (IP_BIND_ADDRESS_NO_PORT lets the kernel look when the destination is known).
 * Where 127.0.0.2 is no address of this machine, all come from one.
 *
 * Failures: whatever ends a link before its user wanted that stands in
 * link->failure, in words, and on_end comes.
 *
 * Never: host keys are not checked. What is measured is on this machine. */
#include <stdio.h>
#include <string.h>

#ifdef __linux__
# include <netinet/in.h>
# include <sys/socket.h>
#endif

#include "bench-client-link.h"

enum { SOURCES_LEAST = 8, PER_SOURCE = 1500, SOURCES_MOST = 200 };

static struct {
  uvssh_key_t* key;
  uvssh_config_t config;
  struct sockaddr_storage to;
  unsigned sources;
  unsigned next;                   /* source; of all threads */
} links;

static struct link* link_of(uvssh_session_t* session) {
  return (struct link*) (void*) session;
}

/* The first reason is the one that counts. */
static void note(struct link* link, const char* what, int err,
                 const char* text) {
  if (link->leaving || *link->failure != '\0')
    return;
  snprintf(link->failure, sizeof(link->failure), "%s: %s%s%s", what,
           uvssh_strerror(err), *text == '\0' ? "" : ": ", text);
}

/* What ended the session is for on_session_close() to say. */
static void give_up(struct link* link, const char* what, int err) {
  if (uvssh_session_is_ready(&link->session))
    note(link, what, err, "");
  uvssh_session_close(&link->session);
}

/* ---- the address --------------------------------------------------------- */

/* 0: stay with one address. */
static int source_usable(void) {
#ifdef __linux__
  return strncmp(options.host, "127.", 4) == 0;
#else
  return 0;
#endif
}

void link_sources(uint64_t connections) {
  uint64_t wanted = options.sources;

  if (wanted == 0)
    wanted = connections / PER_SOURCE + 1;
  if (options.sources == 0 && wanted < SOURCES_LEAST)
    wanted = SOURCES_LEAST;
  if (wanted > SOURCES_MOST)
    wanted = SOURCES_MOST;
  links.sources = source_usable() ? (unsigned) wanted : 1;
}

static int bind_source(uv_tcp_t* tcp) {
#ifdef __linux__
  struct sockaddr_in from;
  unsigned n = __atomic_fetch_add(&links.next, 1, __ATOMIC_RELAXED);
  uv_os_fd_t fd;
  int on = 1;
  int err;

  memset(&from, 0, sizeof(from));
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(0x7f000002 + n % links.sources);
# ifdef IP_BIND_ADDRESS_NO_PORT
  if (uv_fileno((uv_handle_t*) tcp, &fd) == 0)
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
# endif
  err = uv_tcp_bind(tcp, (const struct sockaddr*) &from, 0);
  if (err != UV_EADDRNOTAVAIL)
    return err;
  links.sources = 1;               /* this machine has only 127.0.0.1 */
#endif
  return 0;
}

int link_dial(uv_loop_t* loop, uv_tcp_t* tcp, uv_connect_t* req,
              uv_connect_cb cb) {
  const struct sockaddr* to = (const struct sockaddr*) &links.to;
  int err = uv_tcp_init_ex(loop, tcp, to->sa_family);

  if (err != 0) {
    uv_tcp_init(loop, tcp);        /* something to close */
    return err;
  }
  if (links.sources > 1 && to->sa_family == AF_INET)
    err = bind_source(tcp);
  return err != 0 ? err : uv_tcp_connect(req, tcp, to, cb);
}

/* ---- what is configured -------------------------------------------------- */

static void read_key(void) {
  int err = uvssh_key_load(&links.key, options.key_file, NULL);

  if (err != 0)
    fail("%s: %s; give -i a private key file of OpenSSH's format, Ed25519, "
         "without a passphrase", options.key_file, uvssh_strerror(err));
  if (!uvssh_key_has_secret(links.key))
    fail("%s holds only the public half; give -i the private key",
         options.key_file);
}

void link_init(void) {
  int port = (int) options.port;

  if (uv_ip4_addr(options.host, port, (struct sockaddr_in*) &links.to) != 0 &&
      uv_ip6_addr(options.host, port, (struct sockaddr_in6*) &links.to) != 0)
    fail("--host %s is no address; give numbers, such as 127.0.0.1",
         options.host);
  if (options.no_login == LOGIN)
    read_key();
  uvssh_config_init(&links.config);
  links.config.ciphers = options.ciphers;
  links.config.macs = options.macs;
  links.config.kex = options.kex;
  links.config.window_most_bytes = (uint32_t) (options.window_most << 20);
  /* A server with hundreds of logins at once may be slow. */
  links.config.ident_timeout_ms = 60000;
  links.config.kex_timeout_ms = 60000;
  links.config.login_timeout_ms = 120000;
  links.sources = 1;
}

void link_free(void) {
  uvssh_key_unref(links.key);
}

/* ---- the way in ---------------------------------------------------------- */

static void on_exec(uvssh_req_t* req, int status) {
  struct link* link = req->data;

  if (status != 0)
    give_up(link, "the server does not run the command", status);
  else if (!link->leaving && link->on->on_ready != NULL)
    link->on->on_ready(link);
}

void link_exec(struct link* link) {
  int err = uvssh_channel_exec(&link->step, &link->channel, link->command,
                               on_exec);

  if (err != 0)
    give_up(link, "the command cannot be asked for", err);
}

static void on_read(uvssh_channel_t* channel, int stream, ssize_t nread,
                    const uv_buf_t* buf) {
  struct link* link = channel->data;

  if (nread > 0 && link->on->on_read != NULL)
    link->on->on_read(link, stream, buf->base, (size_t) nread);
}

static void on_drain(uvssh_channel_t* channel) {
  struct link* link = channel->data;

  if (link->on->on_drain != NULL)
    link->on->on_drain(link);
}

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  struct link* link = channel->data;

  if (ask->type == UVSSH_REQUEST_EXIT_STATUS)
    link->exit_status = ask->number > 255 ? 255 : (int) ask->number;
  uvssh_reply_reject(reply);
}

static void on_channel_close(uvssh_channel_t* channel, int status) {
  struct link* link = channel->data;

  if (status != 0) {
    give_up(link, "the channel ended", status);
    return;
  }
  if (!link->leaving && *link->failure == '\0' && link->on->on_done != NULL)
    link->on->on_done(link);
  link_leave(link);
}

static void on_open(uvssh_req_t* req, int status) {
  struct link* link = req->data;

  if (status == 0)
    status = uvssh_channel_read_start(&link->channel, on_read);
  if (status != 0)
    give_up(link, "the server opens no channel", status);
  else if (link->on->on_open != NULL)
    link->on->on_open(link);
  else
    link_exec(link);
}

static void on_login(uvssh_req_t* req, int status) {
  static const uvssh_channel_handlers_t on = {
    .on_request = on_request, .on_drain = on_drain,
    .on_close = on_channel_close
  };
  static const uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_SESSION };
  struct link* link = req->data;

  if (status != 0) {
    note(link, "login", status, req->text == NULL ? "" : req->text);
    return;                        /* on_session_close() is next */
  }
  status = uvssh_channel_open(&link->step, &link->session, &link->channel,
                              &what, &on, on_open);
  if (status != 0)
    give_up(link, "no channel", status);
}

/* Of this machine, and nobody looks at it: see --help. */
static void on_hostkey(uvssh_session_t* session, uvssh_key_t* key,
                       uvssh_host_verdict verdict, uvssh_reply_t reply) {
  uvssh_reply_accept(reply);
}

static void on_tcp_close(uv_handle_t* handle) {
  struct link* link = handle->data;

  link->on->on_end(link);
}

static void hang_up(struct link* link) {
  link->u.handle.data = link;
  uv_close(&link->u.handle, on_tcp_close);
}

static void on_session_close(uvssh_session_t* session,
                             const uvssh_end_t* end) {
  struct link* link = link_of(session);

  note(link, "the connection ended", end->status, end->text);
  if (link->given)
    link->on->on_end(link);
  else
    hang_up(link);
}

/* ---- the connection ------------------------------------------------------ */

/* 0: the session ends the link. */
static int log_in(struct link* link) {
  static const uvssh_session_handlers_t on = {
    .on_hostkey = on_hostkey, .on_close = on_session_close
  };
  uvssh_client_login_t what = { .host = options.host };
  uv_loop_t* loop = link->u.handle.loop;
  int err;

  err = uvssh_transport_stream(&link->transport, &link->u.stream);
  if (err == 0)
    err = uvssh_session_init(loop, &link->session, &links.config, &on);
  if (err != 0)
    return err;
  what.port = (int) options.port;
  what.transport = &link->transport;
  what.user = options.user;
  what.keys = &links.key;
  what.key_count = 1;
  link->step.data = link;
  link->channel.data = link;
  err = uvssh_client_login(&link->step, &link->session, &what, on_login);
  link->given = err == 0;
  if (err != 0) {
    note(link, "login", err, "");
    uvssh_session_close(&link->session);
  }
  return 0;
}

static void on_connect(uv_connect_t* req, int status) {
  struct link* link = req->data;
  int leaving = link->leaving;

  if (!leaving && status == 0)
    status = log_in(link);
  if (status == 0 && !leaving)
    return;
  note(link, "connect", status, "");
  hang_up(link);
}

void link_start(struct link* link, uv_loop_t* loop, const char* command,
                const struct link_handlers* on) {
  int err;

  memset(link->failure, 0, sizeof(link->failure));
  link->on = on;
  link->command = command;
  link->exit_status = -1;
  link->leaving = link->given = 0;
  link->connect.data = link;
  err = link_dial(loop, &link->u.tcp, &link->connect, on_connect);
  if (err != 0) {
    note(link, "connect", err, "");
    hang_up(link);
  }
}

void link_leave(struct link* link) {
  link->leaving = 1;
  uvssh_session_close(&link->session);
}
