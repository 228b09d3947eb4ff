/* handle.c: what other threads send and post.
 *
 * Happy path: a message is put into the session's box under its lock; the box
 * is put into the mail of the loop, and the first one in it wakes the loop, one
 * wake-up for all that comes until it looks. There bytes go into the channel's
 * queue as they are (the sender made the only copy), and posts run.
 * The end: with the session the box is detached; what it holds is done with, on
 * the loop's thread, posts with NULL; from then on it takes nothing.
 *
 * A box has a lock of its own, so senders to different sessions meet only when
 * they wake the loop. Locks are taken in this order: box, mail. No callback is
 * called under a lock.
 *
 * While a box is attached its session holds the loop, so the loop can be woken
 * under the box's lock. */
#include "loop/loop.h"

struct uvssh_handle_s {            /* one a session: all its handles are it */
  unsigned refs;                   /* atomic */
  int is_server;                   /* fixed, these three */
  size_t bytes_max;
  unsigned count_max;
  struct queue link;               /* of loop->mail, under its lock */
  uv_mutex_t lock;                 /* of what follows */
  struct attach* attach;           /* NULL: the session has gone; written on */
                                   /* the loop's thread only */
  struct queue messages;           /* for the loop; at most count_max */
  unsigned count;
  unsigned unsent;                 /* sends taken and not left; the same */
  size_t bytes;                    /* in these; at most bytes_max */
  int is_posted;                   /* it is in the mail */
};

struct message {
  struct queue link;
  uvssh_handle_t* handle;          /* who counts the bytes */
  uvssh_post_cb cb;                /* NULL: bytes */
  void* arg;
  uint64_t channel_id;
  struct copy copy;                /* last: its bytes follow */
};

/* ---- on the loop --------------------------------------------------------- */

/* The bytes have left, or were dropped. */
static void on_release(struct copy* copy) {
  struct message* m = CONTAINER_OF(copy, struct message, copy);
  uvssh_handle_t* h = m->handle;

  uv_mutex_lock(&h->lock);
  h->unsent--;
  h->bytes -= copy->len;
  uv_mutex_unlock(&h->lock);
  uvssh__free(m);
}

static void do_message(struct message* m, struct attach* a) {
  struct conn* c = a == NULL ? NULL : &a->session.conn;

  if (m->cb != NULL) {
    m->cb(a == NULL ? NULL : a->session.desk.pub, m->arg);
    uvssh__free(m);
  } else if (c == NULL || m->channel_id == 0 || m->channel_id > UINT32_MAX) {
    on_release(&m->copy);
  } else {
    uvssh__channel_queue_given(c, (uint32_t) (m->channel_id - 1), &m->copy);
  }
}

/* So many of those that wait; who is out of the box does not count in it. */
static void do_some(uvssh_handle_t* h, struct attach* a, unsigned count) {
  struct queue due;
  struct message* m;
  unsigned i;

  queue_init(&due);
  uv_mutex_lock(&h->lock);
  for (i = 0; i < count; i++) {
    m = CONTAINER_OF(h->messages.next, struct message, link);
    queue_remove(&m->link);
    queue_push(&due, &m->link);
  }
  h->count -= count;
  uv_mutex_unlock(&h->lock);
  while (!queue_empty(&due)) {
    m = CONTAINER_OF(due.next, struct message, link);
    queue_remove(&m->link);
    do_message(m, a);
  }
}

static void tell_loop(uvssh_handle_t* h);

/* All that waits now; what comes meanwhile waits for the next time. So does
 * what is left when the loop has been held for long enough: it stays in the
 * box, before what has come. Without a session at once, all of it. */
static void do_messages(uvssh_handle_t* h, struct attach* a) {
  unsigned left;
  unsigned n;

  uv_mutex_lock(&h->lock);
  h->is_posted = 0;
  left = h->count;
  uv_mutex_unlock(&h->lock);
  while (left > 0) {
    n = left < LATE_STRIDE ? left : LATE_STRIDE;
    do_some(h, a, n);
    left -= n;
    if (left > 0 && a != NULL && uvssh__loop_is_late(a->loop))
      break;
  }
  if (left == 0)
    return;
  uv_mutex_lock(&h->lock);
  tell_loop(h);
  uv_mutex_unlock(&h->lock);
}

static void on_mail(uv_async_t* async) {
  struct loop* loop = (struct loop*) async->data;
  struct queue due;
  uvssh_handle_t* h;

  uvssh__slots_enter(loop->slots);
  loop_begin(loop);
  uv_mutex_lock(&loop->mail_lock);
  queue_move(&loop->mail, &due);
  while (!queue_empty(&due)) {
    h = CONTAINER_OF(due.next, struct uvssh_handle_s, link);
    queue_remove(&h->link);
    uv_mutex_unlock(&loop->mail_lock);
    do_messages(h, h->attach);     /* nothing is freed in here */
    uv_mutex_lock(&loop->mail_lock);
    if (!queue_empty(&due) && uvssh__loop_is_late(loop)) {
      queue_put_back(&due, &loop->mail);
      uv_async_send(&loop->async);
    }
  }
  uv_mutex_unlock(&loop->mail_lock);
  loop_end(loop);
}

static int mail_open(struct loop* loop) {
  int err;

  if (loop->has_mail)
    return 0;
  err = uv_mutex_init(&loop->mail_lock);
  if (err != 0)
    return err;
  err = uv_async_init(loop->uv, &loop->async, on_mail);
  if (err != 0) {
    uv_mutex_destroy(&loop->mail_lock);
    return err;
  }
  queue_init(&loop->mail);
  loop->async.data = loop;
  uv_unref((uv_handle_t*) &loop->async);
  loop->has_mail = 1;
  return 0;
}

void uvssh__mail_free(struct loop* loop) {
  if (loop->has_mail)
    uv_mutex_destroy(&loop->mail_lock);
}

void uvssh__handle_detach(uvssh_handle_t* h) {
  struct loop* loop = h->attach->loop;

  uv_mutex_lock(&h->lock);
  h->attach = NULL;
  uv_mutex_lock(&loop->mail_lock);
  queue_remove(&h->link);
  uv_mutex_unlock(&loop->mail_lock);
  uv_mutex_unlock(&h->lock);
  do_messages(h, NULL);
}

static int handle_new(struct attach* a) {
  const uvssh_config_t* config = &a->session.desk.config;
  uvssh_handle_t* h = (uvssh_handle_t*) uvssh__calloc(1, sizeof(*h));
  int err;

  if (h == NULL)
    return UV_ENOMEM;
  err = uv_mutex_init(&h->lock);
  if (err != 0) {
    uvssh__free(h);
    return err;
  }
  h->refs = 1;
  h->is_server = a->session.desk.is_server;
  h->bytes_max = config->handle_bytes;
  h->count_max = config->handle_messages;
  queue_init(&h->link);
  queue_init(&h->messages);
  h->attach = a;
  a->handle = h;
  return 0;
}

int uvssh_handle_create(uvssh_handle_t** handle, uvssh_session_t* session) {
  struct attach* a;
  int err;

  if (handle == NULL || session == NULL)
    return UV_EINVAL;
  a = attach_of(session);
  if (a == NULL || a->session.ending != E_RUNNING || a->session.desk.ended)
    return UV_ENOTCONN;
  err = mail_open(a->loop);
  if (err == 0 && a->handle == NULL)
    err = handle_new(a);
  if (err == 0)
    *handle = uvssh_handle_ref(a->handle);
  return err;
}

/* ---- on any thread ------------------------------------------------------- */

uvssh_handle_t* uvssh_handle_ref(uvssh_handle_t* h) {
  if (h != NULL)
    __atomic_add_fetch(&h->refs, 1, __ATOMIC_RELAXED);
  return h;
}

/* The last one goes after the session's own: nothing is left in it. */
void uvssh_handle_unref(uvssh_handle_t* h) {
  if (h == NULL || __atomic_sub_fetch(&h->refs, 1, __ATOMIC_ACQ_REL) != 0)
    return;
  uv_mutex_destroy(&h->lock);
  uvssh__free(h);
}

/* Under the box's lock. */
static void tell_loop(uvssh_handle_t* h) {
  struct loop* loop = h->attach->loop;
  int is_first;

  if (h->is_posted)
    return;
  h->is_posted = 1;
  uv_mutex_lock(&loop->mail_lock);
  is_first = queue_empty(&loop->mail);
  queue_push(&loop->mail, &h->link);
  if (is_first)
    uv_async_send(&loop->async);
  uv_mutex_unlock(&loop->mail_lock);
}

/* 0: it is the loop's from here on. */
static int put(uvssh_handle_t* h, struct message* m) {
  size_t len = m->copy.len;
  int is_send = m->cb == NULL;
  int err = 0;

  m->handle = h;
  uv_mutex_lock(&h->lock);
  if (h->attach == NULL) {
    err = UV_ENOTCONN;
  } else if (h->count >= h->count_max || len > h->bytes_max - h->bytes ||
             (is_send && h->unsent >= h->count_max)) {
    err = UV_ENOBUFS;
  } else {
    h->count++;
    h->unsent += is_send ? 1 : 0;
    h->bytes += len;
    queue_push(&h->messages, &m->link);
    tell_loop(h);
  }
  uv_mutex_unlock(&h->lock);
  return err;
}

static int put_or_free(uvssh_handle_t* h, struct message* m) {
  int err = put(h, m);

  if (err != 0)
    uvssh__free(m);
  return err;
}

int uvssh_handle_post(uvssh_handle_t* h, uvssh_post_cb cb, void* arg) {
  struct message* m;

  if (h == NULL || cb == NULL)
    return UV_EINVAL;
  m = (struct message*) uvssh__calloc(1, sizeof(*m));
  if (m == NULL)
    return UV_ENOMEM;
  m->cb = cb;
  m->arg = arg;
  return put_or_free(h, m);
}

int uvssh_handle_send(uvssh_handle_t* h,
                      uint64_t channel_id,
                      int stream,
                      const void* base,
                      size_t len) {
  struct message* m;

  if (h == NULL || (base == NULL && len != 0))
    return UV_EINVAL;
  if (stream != UVSSH_DATA && (stream != UVSSH_STDERR || !h->is_server))
    return UV_EINVAL;
  if (len > h->bytes_max || len > INT32_MAX)
    return UV_EMSGSIZE;
  m = (struct message*) uvssh__malloc(sizeof(*m) + len);
  if (m == NULL)
    return UV_ENOMEM;
  memset(m, 0, sizeof(*m));
  m->channel_id = channel_id;
  m->copy.item.stream = (uint8_t) stream;
  m->copy.cap = m->copy.len = len;
  m->copy.release = on_release;
  if (len != 0)
    memcpy(m->copy.data, base, len);
  return put_or_free(h, m);
}
