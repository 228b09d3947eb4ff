/* listen.c: a server's sockets: its own, those of the user, and those that
 * share their address with sockets of other loops.
 *
 * What cannot be bound or does not listen is closed again, and the code told.
 * Never: takes a connection (accept.c does). */
#include "loop/loop.h"

enum { BACKLOG = 1024 };

static void on_listener_closed(uv_handle_t* handle) {
  struct listener* l = (struct listener*) handle->data;
  struct server* server = l->server;

  l->gone = 1;
  uvssh__listener_release(l);
  uvssh__server_handle_closed(server);
}

static void listener_close(struct listener* l) {
  queue_remove(&l->link);
  l->owed = 0;
  l->held = 0;
  if (l->is_ours) {
    l->server->handles++;
    uv_close(&l->own.handle, on_listener_closed);
    return;
  }
  l->stream->data = NULL;          /* the user closes it */
  l->gone = 1;
  uvssh__listener_release(l);
}

void uvssh__listeners_close(struct server* server) {
  while (!queue_empty(&server->listeners))
    listener_close(CONTAINER_OF(server->listeners.next, struct listener, link));
}

static int listen_on(struct listener* l) {
  int err;

  l->stream->data = l;
  err = uv_listen(l->stream, BACKLOG, uvssh__listener_heard);
  if (err != 0)
    return err;
  queue_push(&l->server->listeners, &l->link);
  return 0;
}

static int may_listen(struct server* server, uvssh_connection_cb cb) {
  if (server == NULL)
    return UV_ENOTCONN;
  if (server->closing || server->draining)
    return UV_ECANCELED;
  return cb == NULL || server->hostkeys.count == 0 ? UV_EINVAL : 0;
}

static struct listener* listener_new(struct server* server,
                                     uvssh_connection_cb cb) {
  struct listener* l = (struct listener*) uvssh__calloc(1, sizeof(*l));

  if (l == NULL)
    return NULL;
  queue_init(&l->link);
  l->server = server;
  l->cb = cb;
  return l;
}

union address {
  struct sockaddr any;
  struct sockaddr_in four;
  struct sockaddr_in6 six;
};

static int address_of(const char* host, int port, union address* address) {
  if (host == NULL || port < 0 || port > 65535)
    return UV_EINVAL;
  if (uv_ip4_addr(host, port, &address->four) != 0 &&
      uv_ip6_addr(host, port, &address->six) != 0)
    return UV_EINVAL;
  return 0;
}

/* A listener with a socket of ours; share: before it is bound. */
static int socket_new(struct server* server,
                      int family,
                      int share,
                      uvssh_connection_cb cb,
                      struct listener** out) {
  struct listener* l = listener_new(server, cb);
  int err;

  if (l == NULL)
    return UV_ENOMEM;
  err = uv_tcp_init_ex(server->loop->uv, &l->own.tcp, (unsigned) family);
  if (err != 0) {
    uvssh__free(l);
    return err;
  }
  l->is_ours = 1;
  l->stream = &l->own.stream;
  l->stream->data = l;
  err = share ? uvssh__socket_share(&l->own.tcp) : 0;
  if (err != 0)
    listener_close(l);
  else
    *out = l;
  return err;
}

static int bind_to(struct listener* l, const union address* address) {
  return uv_tcp_bind(&l->own.tcp, &address->any,
                     address->any.sa_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0);
}

static int listen_at(uvssh_server_t* pub,
                     const char* host,
                     int port,
                     int share,
                     uvssh_connection_cb cb) {
  struct server* server = uvssh__server_of(pub);
  union address address;
  struct listener* l;
  int err = may_listen(server, cb);

  if (err == 0)
    err = address_of(host, port, &address);
  if (err == 0)
    err = socket_new(server, share ? address.any.sa_family : AF_UNSPEC, share,
                     cb, &l);
  if (err != 0)
    return err;
  err = bind_to(l, &address);
  if (err == 0)
    err = listen_on(l);
  if (err != 0)
    listener_close(l);
  return err;
}

int uvssh_server_listen(uvssh_server_t* pub,
                        const char* host,
                        int port,
                        uvssh_connection_cb cb) {
  return listen_at(pub, host, port, 0, cb);
}

int uvssh_server_listen_shared(uvssh_server_t* pub,
                               const char* host,
                               int port,
                               uvssh_connection_cb cb) {
  return listen_at(pub, host, port, 1, cb);
}

/* ---- for several loops --------------------------------------------------- */

static struct listener* newest(const struct server* server) {
  return CONTAINER_OF(server->listeners.prev, struct listener, link);
}

static int port_of(const struct listener* l, int* port) {
  union address name;
  int len = sizeof(name);
  int err = uv_tcp_getsockname(&l->own.tcp, &name.any, &len);

  if (err == 0)
    *port = ntohs(name.any.sa_family == AF_INET6 ? name.six.sin6_port
                                                 : name.four.sin_port);
  return err;
}

/* Bound without sharing, and closed again: UV_EADDRINUSE where somebody listens
 * there just now. libuv tells that in the next call. */
static int may_bind(struct server* server, const char* host, int port) {
  union address address;
  struct listener* l;
  int err = address_of(host, port, &address);

  if (err == 0)
    err = socket_new(server, AF_UNSPEC, 0, NULL, &l);
  if (err != 0)
    return err;
  err = bind_to(l, &address);
  if (err == 0)
    err = port_of(l, &port);
  listener_close(l);
  return err;
}

int uvssh__listen_first(uvssh_server_t* pub,
                        const char* host,
                        int port,
                        uvssh_connection_cb cb,
                        struct share* share) {
  struct server* server = uvssh__server_of(pub);
  int err = may_listen(server, cb);
  int shares;

  if (err == 0)
    err = may_bind(server, host, port);
  if (err == 0)
    err = listen_at(pub, host, port, 1, cb);
  shares = err != UV_ENOTSUP;
  if (!shares)
    err = listen_at(pub, host, port, 0, cb);
  if (err != 0)
    return err;
  memset(share, 0, sizeof(*share));
  err = port_of(newest(server), &share->port);
  if (err == 0 && !shares) {
    err = uvssh__socket_copy(&newest(server)->own.handle, &share->socket);
    share->has_socket = err == 0;
    err = err == UV_ENOTSUP ? 0 : err;     /* then the others are told */
  }
  if (err != 0)
    listener_close(newest(server));
  return err;
}

static int listen_copy(uvssh_server_t* pub,
                       uv_os_sock_t socket,
                       uvssh_connection_cb cb) {
  struct server* server = uvssh__server_of(pub);
  struct listener* l;
  int err = may_listen(server, cb);

  if (err == 0)
    err = socket_new(server, AF_UNSPEC, 0, cb, &l);
  if (err != 0)
    return err;
  err = uvssh__socket_open(&l->own.tcp, socket);
  if (err == 0)
    err = listen_on(l);
  if (err != 0)
    listener_close(l);
  return err;
}

int uvssh__listen_next(uvssh_server_t* pub,
                       const char* host,
                       const struct share* share,
                       uvssh_connection_cb cb) {
  if (share->has_socket)
    return listen_copy(pub, share->socket, cb);
  return listen_at(pub, host, share->port, 1, cb);
}

void uvssh__listen_end(struct share* share) {
  if (share->has_socket)
    uvssh__socket_close(share->socket);
  share->has_socket = 0;
}

/* ---- a stream of the user's ---------------------------------------------- */

int uvssh_server_listen_stream(uvssh_server_t* pub,
                               uv_stream_t* stream,
                               uvssh_connection_cb cb) {
  struct server* server = uvssh__server_of(pub);
  struct listener* l;
  int err = may_listen(server, cb);

  if (err != 0)
    return err;
  if (stream == NULL ||
      (stream->type != UV_TCP && stream->type != UV_NAMED_PIPE))
    return UV_EINVAL;
  l = listener_new(server, cb);
  if (l == NULL)
    return UV_ENOMEM;
  l->stream = stream;
  err = listen_on(l);
  if (err != 0)
    listener_close(l);
  return err;
}

int uvssh_server_getsockname(const uvssh_server_t* pub,
                             struct sockaddr* name,
                             int* namelen) {
  const struct server* server = uvssh__server_of(pub);
  const struct listener* l;

  if (server == NULL || queue_empty(&server->listeners))
    return UV_ENOTCONN;
  l = CONTAINER_OF(server->listeners.next, struct listener, link);
  if (l->stream->type != UV_TCP)
    return UV_ENOTSUP;
  return uv_tcp_getsockname((const uv_tcp_t*) l->stream, name, namelen);
}
