/* flow.c: see flow.h. */
#include "flow.h"

enum { MEMORY_MOST = 16 << 20, ROUNDS = 30 };

struct flow {
  size_t got;
  size_t total;
  struct peer* rekey[2];           /* NULL: not */
  unsigned rekeys;
  ssize_t end;
};

static uint8_t byte_at(size_t i) {
  return (uint8_t) (i * 31 + (i >> 8) * 7 + (i >> 16));
}

static void fill(uint8_t* out, size_t from, size_t n) {
  size_t i;

  for (i = 0; i < n; i++)
    out[i] = byte_at(from + i);
}

/* At every eighth of the way one side asks for new keys. */
static void rekey_sometimes(struct flow* f) {
  struct peer* p = f->rekey[f->rekeys % 2];
  int err;

  if (p == NULL || f->got < f->total / 8 * (f->rekeys + 1))
    return;
  f->rekeys++;
  err = uvssh_session_rekey(NULL, &p->session, NULL);
  CHECK(err == 0 || err == UV_EBUSY);
}

static void on_flow(uvssh_channel_t* channel,
                    int stream,
                    ssize_t nread,
                    const uv_buf_t* buf) {
  struct flow* f = peer_of(channel->session)->data;
  ssize_t i;

  CHECK_EQ(f->end, 0);
  if (nread < 0) {
    f->end = nread;
    return;
  }
  for (i = 0; i < nread; i++)
    if ((uint8_t) buf->base[i] != byte_at(f->got + (size_t) i))
      FAIL("byte %zu is wrong", f->got + (size_t) i);
  f->got += (size_t) nread;
  CHECK(f->got <= f->total);
  rekey_sometimes(f);
}

static void on_done(uvssh_req_t* req, int status) {
  *(int*) req->data = status;
}

void flow_echo(struct both* b,
               struct peer* client,
               struct peer* served,
               size_t bytes) {
  struct flow f = { .total = bytes, .rekey = { client, served } };
  uint8_t* base = malloc(bytes);
  uv_buf_t buf = uv_buf_init((char*) base, (unsigned) bytes);
  int done = PENDING;
  uvssh_req_t req = { .data = &done };
  uvssh_session_info_t info;

  client->data = &f;
  fill(base, 0, bytes);
  CHECK_EQ(uvssh_channel_read_start(&client->channel, on_flow), 0);
  CHECK_EQ(uvssh_channel_write(&req, &client->channel, UVSSH_DATA, &buf, 1,
                               on_done), 0);
  CHECK_EQ(uvssh_channel_shutdown(NULL, &client->channel, NULL), 0);
  UNTIL(b, client->channel_closes == 1);
  CHECK_EQ(done, 0);
  CHECK_EQ(f.got, bytes);
  CHECK_EQ(f.end, UV_EOF);
  uvssh_session_info(&client->session, &info);
  CHECK(info.rekeys >= 2);
  free(base);
}

/* The loop never blocks: whoever has nothing to do would stay in it. */
void flow_rest(struct both* b, unsigned ms) {
  unsigned i;

  for (i = 0; i < ms; i++) {
    uv_run(&b->loop, UV_RUN_NOWAIT);
    uv_sleep(1);
  }
  uv_run(&b->loop, UV_RUN_NOWAIT);
}

/* ---- nobody reads -------------------------------------------------------- */

/* Bytes that were taken now. */
static size_t send_some(struct peer* from, size_t at) {
  uint8_t chunk[16384];
  size_t n = 0;

  for (;;) {
    fill(chunk, at + n, sizeof(chunk));
    if (uvssh_channel_send(&from->channel, UVSSH_DATA, chunk,
                           sizeof(chunk)) != 0)
      return n;
    n += sizeof(chunk);
  }
}

void flow_pressure(struct both* b,
                   struct peer* from,
                   struct peer* to,
                   size_t least) {
  struct flow f = { .rekey = { NULL, NULL } };
  uvssh_transport_t* t = flow_transport(to);
  size_t before = heap_bytes();
  size_t most = before;
  size_t n;
  int still = 0;

  to->data = &f;
  CHECK_EQ(uvssh_channel_read_start(&to->channel, on_flow), 0);
  CHECK_EQ(t->ops->read_stop(t), 0);
  while (still < ROUNDS) {
    n = send_some(from, f.total);
    f.total += n;
    still = n == 0 ? still + 1 : 0;
    flow_rest(b, 2);
    most = heap_bytes() > most ? heap_bytes() : most;
    CHECK(f.total < 128 << 20);
  }
  CHECK(!uv_is_active((uv_handle_t*) &attach_of(&to->session)->loop->idle));
  CHECK_EQ(f.got, 0);
  CHECK(f.total >= least);
  CHECK(most - before < MEMORY_MOST);
  CHECK_EQ(t->ops->read_start(t), 0);
  UNTIL(b, f.got == f.total);
}
