/* connect.c: from a host's name to a connected socket: RFC 8305 sections 4
 * and 5, over the addresses that the system's resolver gives.
 *
 * Happy path: the name is resolved in the thread pool; its addresses are
 * interleaved by family, the resolver's first family first; one is tried, the
 * next after 250 ms or as soon as one has failed; the first that connects is
 * the session's, the others are closed.
 * Failures: the name is unknown; all addresses failed (the last one's code);
 * config.connect_timeout_ms has passed. Each ends the session in phase CONNECT,
 * with a text that says what was tried.
 * Closing the session at any point cancels what can be cancelled; a resolver
 * that is running cannot, and on_close waits for it.
 *
 * Its times are deadlines of the session's own timer. Never calls the user. */
#include "loop/loop.h"

#include <stdio.h>

enum {
  ADDRESSES_MAX = 32,              /* more are not tried */
  ATTEMPT_DELAY_MS = 250,          /* RFC 8305 section 8 */
  PORT_DEFAULT = 22
};

struct candidate {                 /* an address that is being tried */
  struct queue link;               /* on connecting->tried */
  struct connecting* of;
  uv_connect_t req;
  uv_tcp_t tcp;
};

struct connecting {
  struct attach* attach;           /* NULL: it needs us no more */
  uv_getaddrinfo_t resolver;
  int resolving;
  struct addrinfo* found;          /* order[] points into it */
  const struct sockaddr* order[ADDRESSES_MAX];
  unsigned count;
  unsigned next;                   /* of order[] */
  struct queue tried;              /* struct candidate: connecting */
  unsigned pending;                /* libuv still has: sockets, the resolver */
  int over;                        /* decided: only these are waited for */
  int timed;                       /* the deadline is set */
  uint64_t deadline;
  uint64_t next_at;                /* when the next address is due */
  int last;                        /* what the last failure was */
  int port;
  char host[HOST_TEXT_MAX + 1];
};

/* ---- the end of it ------------------------------------------------------- */

static void release(struct connecting* c) {
  struct attach* a = c->attach;

  if (!c->over || c->pending != 0)
    return;
  if (c->found != NULL)
    uv_freeaddrinfo(c->found);
  uvssh__free(c);
  if (a == NULL)
    return;
  a->connecting = NULL;
  uvssh__attach_closed(a);
}

static void on_candidate_closed(uv_handle_t* handle) {
  struct candidate* k = (struct candidate*) handle->data;
  struct connecting* c = k->of;

  uvssh__free(k);
  c->pending--;
  release(c);
}

static void candidate_close(struct candidate* k) {
  queue_remove(&k->link);
  uv_close((uv_handle_t*) &k->tcp, on_candidate_closed);
}

static void finish(struct connecting* c) {
  c->over = 1;
  while (!queue_empty(&c->tried))
    candidate_close(CONTAINER_OF(c->tried.next, struct candidate, link));
}

void uvssh__connecting_close(struct attach* a) {
  struct connecting* c = a->connecting;

  finish(c);
  if (c->resolving)
    (void) uv_cancel((uv_req_t*) &c->resolver);
  release(c);
}

static void give_up(struct connecting* c, int status) {
  char host[HOST_TEXT_MAX * 4 + 1];
  char text[sizeof(host) + 128];

  uvssh__escape(host, sizeof(host), c->host, strlen(c->host));
  if (c->count == 0)
    snprintf(text, sizeof(text), "%s: %s", host, uvssh_strerror(status));
  else
    snprintf(text, sizeof(text), "%s port %d: %s (%u of %u addresses tried)",
             host, c->port, uvssh_strerror(status), c->next, c->count);
  uvssh__session_unreached(&c->attach->session, status, text);
}

/* ---- one address after the other ----------------------------------------- */

static void try_next(struct connecting* c);

static void won(struct connecting* c, struct candidate* k) {
  struct attach* a = c->attach;

  queue_remove(&k->link);
  k->of = NULL;
  c->pending--;
  c->attach = NULL;
  a->connecting = NULL;
  a->winner = k;
  finish(c);
  release(c);
  (void) uvssh_transport_stream(&a->own, (uv_stream_t*) &k->tcp);
  uvssh__attach_start(a, &a->own);
}

static void on_connect(uv_connect_t* req, int status) {
  struct candidate* k = CONTAINER_OF(req, struct candidate, req);
  struct connecting* c = k->of;

  if (c->over || session_wants_close(&c->attach->session))
    return;                        /* whoever ends it closes it */
  if (status == 0) {
    won(c, k);
    return;
  }
  candidate_close(k);
  c->last = status;
  try_next(c);
}

/* 0 when it is on its way. */
static int try_address(struct connecting* c, const struct sockaddr* address) {
  struct candidate* k = (struct candidate*) uvssh__calloc(1, sizeof(*k));
  int err;

  if (k == NULL)
    return UV_ENOMEM;
  k->of = c;
  err = uv_tcp_init(c->attach->loop->uv, &k->tcp);
  if (err != 0) {
    uvssh__free(k);
    return err;
  }
  k->tcp.data = k;
  c->pending++;
  queue_push(&c->tried, &k->link);
  err = uv_tcp_connect(&k->req, &k->tcp, address, on_connect);
  if (err != 0)
    candidate_close(k);
  return err;
}

/* What fails at once makes room for the one behind it. */
static void try_next(struct connecting* c) {
  int err = 1;

  while (err != 0 && c->next < c->count) {
    err = try_address(c, c->order[c->next++]);
    if (err != 0)
      c->last = err;
  }
  c->next_at = UINT64_MAX;
  if (c->next < c->count)
    c->next_at = loop_now(c->attach->loop) + ATTEMPT_DELAY_MS;
  if (queue_empty(&c->tried))
    give_up(c, c->last);
  desk_wake(&c->attach->session.desk);   /* times have changed */
}

/* ---- which addresses ----------------------------------------------------- */

static int is_usable(const struct addrinfo* at) {
  return at->ai_addr != NULL &&
         (at->ai_family == AF_INET || at->ai_family == AF_INET6);
}

/* The next of this family (is_it), or not of it, from *at on; or NULL. */
static const struct sockaddr* take(const struct addrinfo** at,
                                   int family,
                                   int is_it) {
  const struct addrinfo* here = *at;

  while (here != NULL &&
         (!is_usable(here) || (here->ai_family == family) != is_it))
    here = here->ai_next;
  *at = here == NULL ? NULL : here->ai_next;
  return here == NULL ? NULL : here->ai_addr;
}

/* RFC 8305 section 4: the families in turn. */
static void arrange(struct connecting* c) {
  const struct addrinfo* at[2] = { c->found, c->found };
  const struct addrinfo* first = c->found;
  const struct sockaddr* address;
  unsigned side = 0;
  unsigned missed = 0;

  while (first != NULL && !is_usable(first))
    first = first->ai_next;
  while (first != NULL && missed < 2 && c->count < ADDRESSES_MAX) {
    address = take(&at[side], first->ai_family, side == 0);
    missed = address == NULL ? missed + 1 : 0;
    if (address != NULL)
      c->order[c->count++] = address;
    side = !side;
  }
}

static void on_resolved(uv_getaddrinfo_t* req,
                        int status,
                        struct addrinfo* found) {
  struct connecting* c = CONTAINER_OF(req, struct connecting, resolver);

  c->resolving = 0;
  c->pending--;
  c->attach->loop->errands--;
  c->found = found;
  if (c->over) {
    release(c);
    return;
  }
  if (session_wants_close(&c->attach->session))
    return;
  if (status == 0)
    arrange(c);
  if (c->count == 0)
    give_up(c, status == 0 ? UV_EAI_NODATA : status);
  else
    try_next(c);
}

/* ---- time ---------------------------------------------------------------- */

uint64_t uvssh__connecting_deadline(const struct attach* a) {
  const struct connecting* c = a->connecting;

  if (!c->timed || session_wants_close(&a->session))
    return UINT64_MAX;
  return c->deadline < c->next_at ? c->deadline : c->next_at;
}

/* The time counts from the loop's first turn: before it its clock may be
 * old. */
void uvssh__connecting_turn(struct attach* a) {
  struct connecting* c = a->connecting;
  uint64_t limit = a->session.desk.config.connect_timeout_ms;
  uint64_t now = loop_now(a->loop);

  if (session_wants_close(&a->session))
    return;
  if (!c->timed) {
    c->timed = 1;
    c->deadline = limit == 0 ? UINT64_MAX : now + limit;
  }
  if (c->deadline <= now)
    give_up(c, UV_ETIMEDOUT);
  else if (c->next_at <= now)
    try_next(c);
}

/* ---- the beginning ------------------------------------------------------- */

int uvssh__client_may_start(const struct attach* a) {
  if (a == NULL || a->session.desk.ended)
    return UV_ENOTCONN;
  if (a->session.desk.is_server || a->session.started || a->connecting != NULL)
    return UV_EBUSY;
  return 0;
}

static int resolve(struct connecting* c) {
  struct addrinfo hints;
  char service[16];

  memset(&hints, 0, sizeof(hints));
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  snprintf(service, sizeof(service), "%d", c->port);
  return uv_getaddrinfo(c->attach->loop->uv, &c->resolver, on_resolved, c->host,
                        service, &hints);
}

static int connecting_start(struct attach* a, const char* host, int port) {
  struct connecting* c = (struct connecting*) uvssh__calloc(1, sizeof(*c));
  int err;

  if (c == NULL)
    return UV_ENOMEM;
  c->attach = a;
  c->port = port == 0 ? PORT_DEFAULT : port;
  c->deadline = c->next_at = UINT64_MAX;
  queue_init(&c->tried);
  memcpy(c->host, host, strlen(host) + 1);
  err = resolve(c);
  if (err != 0) {
    uvssh__free(c);
    return err;
  }
  c->resolving = 1;
  c->pending = 1;
  a->loop->errands++;
  a->connecting = c;
  return 0;
}

int uvssh_client_connect(uvssh_req_t* req,
                         uvssh_session_t* session,
                         const char* host,
                         int port,
                         uvssh_req_cb cb) {
  struct attach* a = session == NULL ? NULL : attach_of(session);
  int err;

  if (req == NULL || host == NULL || host[0] == '\0' ||
      strlen(host) > HOST_TEXT_MAX || port < 0 || port > 65535)
    return UV_EINVAL;
  err = uvssh__client_may_start(a);
  if (err == 0)
    err = connecting_start(a, host, port);
  if (err != 0)
    return err;
  uvssh__request_begin(req, &a->session.desk, NULL, cb);
  a->session.start_req = req;
  desk_wake(&a->session.desk);
  return 0;
}
