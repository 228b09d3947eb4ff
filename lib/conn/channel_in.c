/* channel_in.c: data of the peer. RFC 4254 section 5.2.
 *
 * Happy path: a reader is there and nothing is held: it is shown the bytes
 * where they were decrypted. Otherwise they are copied and held, at most what
 * the window allows (window.c).
 * Failures: more than the window or the packet size allows ends the session:
 * dropping would corrupt what the reader sees. */
#include "conn/conn.h"

enum { CHUNK_SHARED = 1024 };      /* not above the least packet_bytes */

static int is_stopped(const struct channel* ch) {
  return !ch->reading || ch->closing || ch->pub == NULL ||
         ch->conn->desk->ended == ENDED;
}

/* ---- held bytes ---------------------------------------------------------- */

/* With so much room at least, and more where small pieces keep coming: else
 * the chunks themselves would outweigh what the window allows. */
static struct chunk* chunk_new(struct channel* ch, size_t len) {
  struct chunk* last = ch->held == NULL ? NULL : ch->held_last;
  size_t cap = last == NULL ? 0 : last->cap * 2;
  struct chunk* chunk;

  if (cap > CHUNK_SHARED)
    cap = CHUNK_SHARED;
  if (cap < len)
    cap = len;
  chunk = (struct chunk*) uvssh__malloc(sizeof(*chunk) + cap);
  if (chunk == NULL)
    return NULL;
  memset(chunk, 0, sizeof(*chunk));
  chunk->cap = cap;
  if (last == NULL)
    ch->held = chunk;
  else
    last->next = chunk;
  ch->held_last = chunk;
  return chunk;
}

static uint32_t run_of(const struct chunk* chunk, size_t at) {
  return get_u32(chunk->data + at);
}

static void add_run(struct chunk* chunk, int stream) {
  chunk->last = chunk->len;
  put_u32(chunk->data + chunk->last, (uint32_t) stream);
  chunk->len += RUN_HEAD;
}

/* Streams that take turns cost a head each time, not a chunk. */
static int hold(struct channel* ch, int stream, str_t data) {
  struct chunk* chunk = ch->held == NULL ? NULL : ch->held_last;
  int goes_on = chunk != NULL &&
                (int) (run_of(chunk, chunk->last) & RUN_STREAM) == stream;
  size_t need = data.len + (goes_on ? 0 : RUN_HEAD);

  if (chunk == NULL || chunk->cap - chunk->len < need) {
    chunk = chunk_new(ch, data.len + RUN_HEAD);
    goes_on = 0;
  }
  if (chunk == NULL)
    return UV_ENOMEM;
  if (!goes_on)
    add_run(chunk, stream);
  memcpy(chunk->data + chunk->len, data.base, data.len);
  chunk->len += data.len;
  put_u32(chunk->data + chunk->last,
          run_of(chunk, chunk->last) + (uint32_t) data.len * RUN_UNIT);
  return 0;
}

static struct chunk* take_held(struct channel* ch) {
  struct chunk* chunk = ch->held;

  ch->held = chunk->next;
  if (ch->held == NULL)
    ch->held_last = NULL;
  return chunk;
}

static void put_back(struct channel* ch, struct chunk* chunk) {
  chunk->next = ch->held;
  if (ch->held == NULL)
    ch->held_last = chunk;
  ch->held = chunk;
}

void uvssh__channel_drop_held(struct channel* ch) {
  struct chunk* chunk;

  while (ch->held != NULL) {
    chunk = take_held(ch);
    uvssh__free(chunk);
  }
}

static void show(struct channel* ch, int stream, uint8_t* base, size_t len) {
  uv_buf_t buf = uv_buf_init((char*) base, (unsigned) len);

  if (ch->relay_to != NULL)
    uvssh__relay_data(ch, stream, base, (ssize_t) len);
  else
    ch->read(ch->pub, stream, (ssize_t) len, &buf);
}

static void show_end(struct channel* ch, int status) {
  uv_buf_t none = uv_buf_init(NULL, 0);

  ch->told = 1;
  if (ch->relay_to != NULL)
    uvssh__relay_data(ch, UVSSH_DATA, NULL, status);
  else
    ch->read(ch->pub, UVSSH_DATA, status, &none);
}

/* What the reader is told. The transport's own end says nothing of the channel:
 * anybody on the way can bring it about, so it must not look like the end of
 * what the peer had to say. */
static int end_of(const struct channel* ch, int status) {
  if (ch->eof_in && ch->held == NULL)
    return UV_EOF;
  return status == UV_EOF ? UV_ECONNRESET : status;
}

/* The first run. In the callback the rest may be dropped: what is shown is not
 * among it. */
static void show_held(struct channel* ch) {
  struct chunk* chunk = take_held(ch);
  uint32_t run = run_of(chunk, chunk->first);
  uint8_t* base = chunk->data + chunk->first + RUN_HEAD;
  size_t len = run / RUN_UNIT;

  chunk->first += RUN_HEAD + len;
  uvssh__window_consumed(ch, len);
  show(ch, (int) (run & RUN_STREAM), base, len);
  if (chunk->first == chunk->len || ch->closing)
    uvssh__free(chunk);
  else
    put_back(ch, chunk);
}

void uvssh__channel_deliver(struct channel* ch) {
  unsigned shown = 0;

  while (ch->held != NULL && !is_stopped(ch)) {
    show_held(ch);
    if (ch->held != NULL && desk_is_late(ch->conn->desk, ++shown)) {
      uvssh__channel_touch(ch);    /* the rest in another turn */
      return;
    }
  }
  if (ch->held == NULL && !is_stopped(ch) && !ch->told &&
      (ch->eof_in || ch->conn->draining))
    show_end(ch, end_of(ch, ch->conn->drain_status));
}

/* The session ends by a failure: who reads, hears of it. */
void uvssh__channel_tell_end(struct channel* ch, int status) {
  if (status != 0 && ch->reading && !ch->closing && !ch->told)
    show_end(ch, end_of(ch, status));
}

/* ---- messages ------------------------------------------------------------ */

/* 0: *ch may take so many bytes, or is NULL where they are late. */
static int find(struct conn* c, uint32_t id, size_t len, struct channel** out) {
  struct channel* ch = uvssh__mux_find(c, id);

  *out = NULL;
  if (ch == NULL)
    return mux_is_gone(c, id) ? 0 : UVSSH_EUNEXPECTED;
  if (!ch->open || ch->close_in || (ch->eof_in && !ch->close_out))
    return UVSSH_EUNEXPECTED;
  if (len > ch->window_in || len > ch->packet_in)
    return UVSSH_EMESSAGE;
  uvssh__window_arrived(ch, (uint32_t) len);
  if (!ch->close_out && !ch->closing && len != 0)
    *out = ch;
  return 0;
}

static int take(struct channel* ch, int stream, str_t data) {
  if (ch->held != NULL || is_stopped(ch))
    return hold(ch, stream, data);
  uvssh__window_consumed(ch, data.len);
  show(ch, stream, (uint8_t*) (uintptr_t) data.base, data.len);
  return 0;
}

int uvssh__on_channel_data(struct conn* c, rd_t* m) {
  struct channel* ch;
  uint32_t id = rd_u32(m);         /* recipient channel */
  str_t data = rd_str(m);          /* data */
  int err = rd_end(m);

  if (err == 0)
    err = find(c, id, data.len, &ch);
  if (err != 0 || ch == NULL)
    return err;
  return take(ch, UVSSH_DATA, data);
}

int uvssh__on_channel_extended_data(struct conn* c, rd_t* m) {
  struct channel* ch;
  uint32_t id = rd_u32(m);         /* recipient channel */
  uint32_t code = rd_u32(m);       /* data_type_code */
  str_t data = rd_str(m);          /* data */
  int err = rd_end(m);

  if (err == 0)
    err = find(c, id, data.len, &ch);
  if (err != 0 || ch == NULL)
    return err;
  if (code == UVSSH_STDERR)
    return take(ch, UVSSH_STDERR, data);
  uvssh__window_consumed(ch, data.len);  /* nobody knows it: dropped */
  return 0;
}

/* ---- the reader ---------------------------------------------------------- */

/* Open, or over for the peer while bytes are held: those may still be read. */
static struct channel* readable(const uvssh_channel_t* channel) {
  struct channel* ch = channel == NULL ? NULL : (struct channel*) channel->impl;

  return ch == NULL || !ch->open || ch->closing ? NULL : ch;
}

void uvssh__channel_read(struct channel* ch, uvssh_read_cb cb) {
  ch->read = cb;
  ch->reading = 1;
  ch->began = 1;
  if (ch->held != NULL || ch->eof_in || ch->conn->draining)
    uvssh__channel_touch(ch);
}

int uvssh_channel_read_start(uvssh_channel_t* channel, uvssh_read_cb cb) {
  struct channel* ch = readable(channel);

  if (cb == NULL)
    return UV_EINVAL;
  if (ch == NULL)
    return UV_ENOTCONN;
  if (ch->relay_to != NULL || ch->holder != NULL)
    return UV_EBUSY;
  uvssh__channel_read(ch, cb);
  return 0;
}

int uvssh_channel_read_stop(uvssh_channel_t* channel) {
  struct channel* ch = readable(channel);

  if (ch == NULL)
    return UV_ENOTCONN;
  if (ch->relay_to == NULL && ch->holder == NULL)
    ch->reading = 0;
  return 0;
}
