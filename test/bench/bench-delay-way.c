/* bench-delay-way.c: what is read on one side is written on the other, so much
 * later, at any rate: each piece has its own time. The end of a stream takes as
 * long as its bytes do; a failure of one side ends both at once.
 *
 * Held are at most `most` bytes each way: rate times delay have to fit, or the
 * proxy is what is measured. A full way is not read from, and counted. */
#include "bench-delay-way.h"

#include <stdlib.h>

enum { PIECE = 256 * 1024, HANDLES = 4 };

struct piece {
  struct piece* next;
  struct way* way;
  uint64_t due;                    /* uv_hrtime() */
  size_t len;                      /* 0: the end */
  union {
    uv_write_t write;
    uv_shutdown_t shutdown;
  } req;
  char bytes[];
};

struct way {
  struct pair* pair;
  uv_stream_t* from;
  uv_stream_t* to;
  uv_timer_t timer;
  struct piece* first;
  struct piece* last;
  struct piece* room;              /* the next read goes here */
  uint64_t held;
  int paused;
  int ended;                       /* the end has left, too */
};

struct pair {
  struct delayer* delayer;
  struct pair* next;
  uv_tcp_t near;
  uv_tcp_t far;
  uv_connect_t connect;
  struct way up;                   /* from the one who connected */
  struct way down;
  unsigned open;                   /* handles */
  int closing;
};

/* ---- the end ------------------------------------------------------------- */

static void way_free(struct way* w) {
  struct piece* piece;

  while (w->first != NULL) {
    piece = w->first;
    w->first = piece->next;
    free(piece);
  }
  free(w->room);
}

static void on_closed(uv_handle_t* handle) {
  struct pair* p = handle->data;
  struct pair** at = &p->delayer->pairs;

  if (--p->open != 0)
    return;
  while (*at != p)
    at = &(*at)->next;
  *at = p->next;
  way_free(&p->up);
  way_free(&p->down);
  free(p);
}

static void pair_close(struct pair* p) {
  if (p->closing)
    return;
  p->closing = 1;
  uv_close((uv_handle_t*) &p->near, on_closed);
  uv_close((uv_handle_t*) &p->far, on_closed);
  uv_close((uv_handle_t*) &p->up.timer, on_closed);
  uv_close((uv_handle_t*) &p->down.timer, on_closed);
}

/* ---- one way ------------------------------------------------------------- */

static void way_read(struct way* w);

static void on_written(uv_write_t* req, int status) {
  struct piece* piece = req->data;
  struct way* w = piece->way;

  w->held -= piece->len;
  free(piece);
  if (status != 0) {
    pair_close(w->pair);
  } else if (w->paused && !w->pair->closing &&
             w->held <= w->pair->delayer->most / 2) {
    w->paused = 0;
    way_read(w);
  }
}

static void on_shut(uv_shutdown_t* req, int status) {
  struct piece* piece = req->data;
  struct way* w = piece->way;

  free(piece);
  w->ended = 1;
  if (status != 0 || (w->pair->up.ended && w->pair->down.ended))
    pair_close(w->pair);
}

static void piece_leave(struct piece* piece) {
  struct way* w = piece->way;
  uv_buf_t buf = uv_buf_init(piece->bytes, (unsigned) piece->len);
  int err;

  if (piece->len == 0) {
    piece->req.shutdown.data = piece;
    err = uv_shutdown(&piece->req.shutdown, w->to, on_shut);
  } else {
    piece->req.write.data = piece;
    err = uv_write(&piece->req.write, w->to, &buf, 1, on_written);
  }
  if (err == 0)
    return;
  free(piece);
  pair_close(w->pair);
}

static void on_due(uv_timer_t* timer);

static void arm(struct way* w) {
  uint64_t now = uv_hrtime();
  uint64_t wait = w->first->due > now ? w->first->due - now : 0;

  uv_timer_start(&w->timer, on_due, (wait + 999999) / 1000000, 0);
}

static void on_due(uv_timer_t* timer) {
  struct pair* p = timer->data;
  struct way* w = timer == &p->up.timer ? &p->up : &p->down;
  uint64_t now = uv_hrtime();
  struct piece* piece;

  while (w->first != NULL && w->first->due <= now && !p->closing) {
    piece = w->first;
    w->first = piece->next;
    piece_leave(piece);
  }
  if (w->first != NULL && !p->closing)
    arm(w);
}

static void way_add(struct way* w, size_t len) {
  struct piece* piece = w->room;
  struct piece* small = realloc(piece, sizeof(*piece) + len);

  piece = small == NULL ? piece : small;
  w->room = NULL;
  piece->next = NULL;
  piece->way = w;
  piece->len = len;
  piece->due = uv_hrtime() + w->pair->delayer->delay_ns;
  w->held += len;
  if (w->held > w->pair->delayer->most_held)
    w->pair->delayer->most_held = w->held;
  if (w->first != NULL) {
    w->last->next = piece;
    w->last = piece;
    return;
  }
  w->first = w->last = piece;
  arm(w);
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  struct pair* p = handle->data;
  struct way* w = handle == (uv_handle_t*) &p->near ? &p->up : &p->down;

  if (w->room == NULL)
    w->room = malloc(sizeof(*w->room) + PIECE);
  *buf = w->room == NULL ? uv_buf_init(NULL, 0)
                         : uv_buf_init(w->room->bytes, PIECE);
}

static void on_read(uv_stream_t* stream, ssize_t nread, const uv_buf_t* buf) {
  struct pair* p = stream->data;
  struct way* w = stream == (uv_stream_t*) &p->near ? &p->up : &p->down;

  if (nread == 0)
    return;
  if (nread < 0 && nread != UV_EOF) {
    pair_close(p);
    return;
  }
  way_add(w, nread < 0 ? 0 : (size_t) nread);
  if (nread < 0 || w->held >= p->delayer->most) {
    uv_read_stop(stream);
    w->paused = nread > 0;
    p->delayer->pauses += nread > 0;
  }
}

static void way_read(struct way* w) {
  if (uv_read_start(w->from, on_alloc, on_read) != 0)
    pair_close(w->pair);
}

/* ---- connections --------------------------------------------------------- */

static void on_connect(uv_connect_t* req, int status) {
  struct pair* p = req->data;

  if (status != 0) {
    pair_close(p);
    return;
  }
  way_read(&p->up);
  way_read(&p->down);
}

static void way_init(struct way* w, struct pair* p, uv_tcp_t* from,
                     uv_tcp_t* to) {
  w->pair = p;
  w->from = (uv_stream_t*) from;
  w->to = (uv_stream_t*) to;
  uv_timer_init(from->loop, &w->timer);
  w->timer.data = p;
}

static void on_connection(uv_stream_t* server, int status) {
  struct delayer* d = server->data;
  struct pair* p = status == 0 ? calloc(1, sizeof(*p)) : NULL;

  if (p == NULL)
    return;
  p->delayer = d;
  p->next = d->pairs;
  d->pairs = p;
  d->connections++;
  p->open = HANDLES;
  uv_tcp_init(server->loop, &p->near);
  uv_tcp_init(server->loop, &p->far);
  p->near.data = p->far.data = p->connect.data = p;
  way_init(&p->up, p, &p->near, &p->far);
  way_init(&p->down, p, &p->far, &p->near);
  if (uv_accept(server, (uv_stream_t*) &p->near) != 0 ||
      uv_tcp_connect(&p->connect, &p->far, (const struct sockaddr*) &d->target,
                     on_connect) != 0) {
    pair_close(p);
    return;
  }
  uv_tcp_nodelay(&p->near, 1);
  uv_tcp_nodelay(&p->far, 1);
}

int delayer_listen(struct delayer* d, uv_loop_t* loop, int* port) {
  struct sockaddr_in name;
  int len = sizeof(name);
  int err = uv_tcp_init(loop, &d->server);

  if (err != 0)
    return err;
  d->server.data = d;
  uv_ip4_addr("127.0.0.1", *port, &name);
  err = uv_tcp_bind(&d->server, (const struct sockaddr*) &name, 0);
  if (err == 0)
    err = uv_listen((uv_stream_t*) &d->server, 128, on_connection);
  if (err == 0)
    err = uv_tcp_getsockname(&d->server, (struct sockaddr*) &name, &len);
  *port = ntohs(name.sin_port);
  return err;
}

void delayer_close(struct delayer* d) {
  struct pair* p;

  if (!uv_is_closing((uv_handle_t*) &d->server))
    uv_close((uv_handle_t*) &d->server, NULL);
  for (p = d->pairs; p != NULL; p = p->next)
    pair_close(p);
}
