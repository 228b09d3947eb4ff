/* A peer that says the same thing 100 000 times (10^6 where UVSSH_TEST_RELEASE
 * is set), in memory: it costs what is said, and nothing stays. A table: one
 * row a flood.
 *
 * Checked of each: the heap after it is what it was before; at its highest it
 * stays below a bound; so many answers come, and so many callbacks, and not
 * many more bytes than were sent; the session answers afterwards, or has ended
 * as the row says, before it had done much.
 */
#include <stdio.h>
#include <stdlib.h>

#include "peer.h"

enum { BATCH = 1000, POOL = 256, PEAK = 1024 * 1024, AT_ONCE = 100 };

/* Whole batches; what a flood holds is measured from the third on. */
static unsigned often(void) {
  unsigned n = (check_release() ? 1000000u : 100000u) / check_share();

  return n < 4 * BATCH ? 4 * BATCH : n - n % BATCH;
}

/* ---- the application ----------------------------------------------------- */

static struct channels {
  uvssh_channel_t pub[POOL];
  unsigned used;
  unsigned open;
} pool;

static size_t callbacks, read_bytes;
static int accepts;

static uvssh_channel_handlers_t channel_on;

static void answer(uvssh_reply_t reply) {
  callbacks++;
  if (reply.serial != 0)
    CHECK_EQ(uvssh_reply_accept(reply), 0);
}

static void on_global(uvssh_session_t* session,
                      const uvssh_session_request_t* ask,
                      uvssh_reply_t reply) {
  answer(reply);
}

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  answer(reply);
}

static void on_read(uvssh_channel_t* channel,
                    int stream,
                    ssize_t nread,
                    const uv_buf_t* buf) {
  callbacks++;
  if (nread > 0)
    read_bytes += (size_t) nread;
}

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* ask,
                       uvssh_reply_t reply) {
  uvssh_channel_t* ch;

  callbacks++;
  if (!accepts) {
    CHECK_EQ(uvssh_channel_reject(reply, UVSSH_OPEN_PROHIBITED, "no"), 0);
    return;
  }
  CHECK(pool.open < POOL);
  while (pool.pub[pool.used % POOL].impl != NULL)
    pool.used++;
  ch = &pool.pub[pool.used++ % POOL];
  pool.open++;
  CHECK_EQ(uvssh_channel_accept(reply, ch, &channel_on), 0);
  CHECK_EQ(uvssh_channel_read_start(ch, on_read), 0);
}

static void on_channel_close(uvssh_channel_t* channel, int status) {
  callbacks++;
  pool.open--;
}

/* ---- what is said -------------------------------------------------------- */

static uint32_t channel;           /* the session's number for it */
static uint32_t next;              /* ... for the one it opens next */

static void say_u32(struct peer* p, uint8_t number, uint32_t value) {
  wr_u32(peer_message(p, number), value);
  peer_send(p);
}

static void say_ping(struct peer* p, unsigned i) {
  static const uint8_t data[256];

  wr_str(peer_message(p, MSG_PING), data, i % (sizeof(data) + 1));
  peer_send(p);
}

static void say_pong(struct peer* p, unsigned i) {
  wr_cstr(peer_message(p, MSG_PONG), "");
  peer_send(p);
}

static void say_ignore(struct peer* p, unsigned i) {
  wr_cstr(peer_message(p, MSG_IGNORE), "nothing to see here");
  peer_send(p);
}

static void say_debug(struct peer* p, unsigned i) {
  wr_bool(peer_message(p, MSG_DEBUG), 1);
  wr_cstr(&p->message, "\033[2Jtext\n");
  wr_cstr(&p->message, "");
  peer_send(p);
}

static void say_unimplemented(struct peer* p, unsigned i) {
  say_u32(p, MSG_UNIMPLEMENTED, i);
}

static void say_unknown(struct peer* p, unsigned i) {
  peer_message(p, (uint8_t) (i % 2 ? 9 : 200));
  peer_send(p);
}

static void say_unmatched(struct peer* p, unsigned i) {
  static const uint8_t numbers[] = { 81, 82, 99, 100 };

  peer_message(p, numbers[i % 4]);
  if (i % 4 >= 2)
    wr_u32(&p->message, channel);
  peer_send(p);
}

static void say_adjust(struct peer* p, unsigned i) {
  peer_adjust(p, channel, 1);
}

static void say_adjust_too_much(struct peer* p, unsigned i) {
  peer_adjust(p, channel, UINT32_MAX / 8);
}

static void say_global(struct peer* p, unsigned i) {
  wr_cstr(peer_message(p, MSG_GLOBAL_REQUEST), "flood@example.org");
  wr_bool(&p->message, 0);
  peer_send(p);
}

static void say_global_reply(struct peer* p, unsigned i) {
  wr_cstr(peer_message(p, MSG_GLOBAL_REQUEST), "flood@example.org");
  wr_bool(&p->message, 1);
  peer_send(p);
}

static void say_keepalive(struct peer* p, unsigned i) {
  wr_cstr(peer_message(p, MSG_GLOBAL_REQUEST), "keepalive@openssh.com");
  wr_bool(&p->message, 1);
  peer_send(p);
}

static void say_request(struct peer* p, unsigned i) {
  peer_request(p, channel, "flood@example.org", 0, NULL, 0);
}

static void say_request_reply(struct peer* p, unsigned i) {
  peer_request(p, channel, "flood@example.org", 1, NULL, 0);
}

static void say_request_refused(struct peer* p, unsigned i) {
  peer_request(p, channel, "flood", 1, NULL, 0);
}

static void say_window_change(struct peer* p, unsigned i) {
  static const uint8_t sizes[16];
  peer_request(p, channel, "window-change", 0, sizes, sizeof(sizes));
}

static void open_one(struct peer* p, const char* type, uint32_t id) {
  wr_cstr(peer_message(p, MSG_CHANNEL_OPEN), type);
  wr_u32(&p->message, id);
  wr_u32(&p->message, 1000);
  wr_u32(&p->message, 1000);
  peer_send(p);
}

static void say_open(struct peer* p, unsigned i) {
  open_one(p, "session", i);
}

static void say_open_unknown(struct peer* p, unsigned i) {
  open_one(p, "flood", i);
}

/* Opened and closed, and what comes too late for it: nobody else gets that. */
static void say_open_and_close(struct peer* p, unsigned i) {
  open_one(p, "session", i);
  say_u32(p, MSG_CHANNEL_CLOSE, next);
  if (next > channel + AT_ONCE) {
    peer_data(p, next - AT_ONCE, "late", 4);
    peer_adjust(p, next - AT_ONCE, 1);
  }
  next++;
}

static void say_byte(struct peer* p, unsigned i) {
  peer_data(p, channel, "x", 1);
}

static void say_empty(struct peer* p, unsigned i) {
  peer_data(p, channel, "", 0);
}

static void say_strange(struct peer* p, unsigned i) {
  static const uint32_t codes[] = { 0, 2, 3, UINT32_MAX };

  wr_u32(peer_message(p, MSG_CHANNEL_EXTENDED_DATA), channel);
  wr_u32(&p->message, codes[i % 4]);
  wr_cstr(&p->message, "twenty-four bytes of it.");
  peer_send(p);
}

static void say_userauth(struct peer* p, unsigned i) {
  wr_cstr(peer_message(p, MSG_USERAUTH_REQUEST), "bob");
  wr_cstr(&p->message, "ssh-connection");
  wr_cstr(&p->message, "none");
  peer_send(p);
}

static void say_service(struct peer* p, unsigned i) {
  wr_cstr(peer_message(p, MSG_SERVICE_REQUEST), "ssh-userauth");
  peer_send(p);
}

static void say_ext_info(struct peer* p, unsigned i) {
  wr_u32(peer_message(p, MSG_EXT_INFO), 0);
  peer_send(p);
}

/* ---- the table ----------------------------------------------------------- */

enum where { IN_KEX, AT_AUTH, IN_OPEN, IN_FULL };

struct flood {
  const char* name;
  enum where where;
  void (*say)(struct peer* p, unsigned i);
  unsigned answers;                /* of each, in hundredths */
  unsigned calls;                  /* callbacks of each */
  int ends;                        /* it ends the session with this ... */
  unsigned after;                  /* ... at the latest at so many */
  int accepts;                     /* the user takes channels */
};

#define GOES_ON(text, place, what, percent, count)                            \
  { .name = text, .where = place, .say = say_##what, .answers = percent,      \
    .calls = count }
#define ENDS(text, place, what, code, count)                                  \
  { .name = text, .where = place, .say = say_##what, .ends = code,            \
    .after = count }
#define OPENS(text, place, what, percent, count)                              \
  { .name = text, .where = place, .say = say_##what, .answers = percent,      \
    .calls = count, .accepts = 1 }

static const struct flood floods[] = {
  ENDS("lesson_88 PING in the first exchange", IN_KEX, ping, UVSSH_ELIMIT,
       1001),
  ENDS("PONG in the first exchange", IN_KEX, pong, UVSSH_ELIMIT, 1001),
  ENDS("IGNORE in the first exchange", IN_KEX, ignore, UVSSH_EUNEXPECTED, 9),
  ENDS("DEBUG in the first exchange", IN_KEX, debug, UVSSH_EUNEXPECTED, 9),
  ENDS("UNIMPLEMENTED in the first exchange", IN_KEX, unimplemented,
       UVSSH_EUNEXPECTED, 9),
  ENDS("unknown in the first exchange", IN_KEX, unknown, UVSSH_ELIMIT, 1001),
  ENDS("lesson_88 PING before login", AT_AUTH, ping, UVSSH_ELIMIT, 1001),
  ENDS("lesson_97 IGNORE before login", AT_AUTH, ignore, UVSSH_ELIMIT, 1001),
  ENDS("DEBUG before login", AT_AUTH, debug, UVSSH_ELIMIT, 1001),
  ENDS("unknown before login", AT_AUTH, unknown, UVSSH_EUNEXPECTED, 2),
  ENDS("lesson_21 the service before login", AT_AUTH, service, UVSSH_EAUTH,
       129),
  ENDS("EXT_INFO before login", AT_AUTH, ext_info, UVSSH_EUNEXPECTED, 1),

  GOES_ON("lesson_88 PING", IN_OPEN, ping, 100, 0),
  GOES_ON("PONG", IN_OPEN, pong, 0, 0),
  GOES_ON("IGNORE", IN_OPEN, ignore, 0, 0),
  GOES_ON("DEBUG", IN_OPEN, debug, 0, 0),
  GOES_ON("UNIMPLEMENTED", IN_OPEN, unimplemented, 0, 0),
  GOES_ON("unknown", IN_OPEN, unknown, 100, 0),
  GOES_ON("lesson_89 unmatched replies", IN_OPEN, unmatched, 0, 0),
  GOES_ON("lesson_16 WINDOW_ADJUST of 1", IN_OPEN, adjust, 0, 0),
  ENDS("lesson_49 WINDOW_ADJUST beyond", IN_OPEN, adjust_too_much,
       UVSSH_EMESSAGE, 9),
  GOES_ON("global requests", IN_OPEN, global, 0, 1),
  GOES_ON("global requests with an answer", IN_OPEN, global_reply, 100, 1),
  GOES_ON("keepalives", IN_OPEN, keepalive, 100, 0),
  GOES_ON("channel requests", IN_OPEN, request, 0, 1),
  GOES_ON("channel requests with an answer", IN_OPEN, request_reply, 100, 1),
  GOES_ON("channel requests, refused", IN_OPEN, request_refused, 100, 0),
  GOES_ON("lesson_57 window-change", IN_OPEN, window_change, 0, 1),
  GOES_ON("lesson_90 opens, refused by the user", IN_OPEN, open, 100, 1),
  GOES_ON("lesson_90 opens of no type", IN_OPEN, open_unknown, 100, 0),
  GOES_ON("lesson_93 opens beyond the limit", IN_FULL, open, 100, 0),
  OPENS("lesson_92 opens and closes", IN_OPEN, open_and_close, 200, 3),
  GOES_ON("data, a byte each", IN_OPEN, byte, 1, 1),
  GOES_ON("data without a byte", IN_OPEN, empty, 0, 0),
  GOES_ON("lesson_95 extended data of no type", IN_OPEN, strange, 5, 0),
  ENDS("USERAUTH after login", IN_OPEN, userauth, UVSSH_EUNEXPECTED, 17),
  ENDS("the service after login", IN_OPEN, service, UVSSH_EUNEXPECTED, 1),
  ENDS("EXT_INFO after login", IN_OPEN, ext_info, UVSSH_EUNEXPECTED, 1),
};

/* ---- a flood ------------------------------------------------------------- */

static size_t peak;

static void on_step(struct pipe* pipe) {
  if (heap_bytes() > peak)
    peak = heap_bytes();
}

static struct peer* flood_peer(const struct flood* f) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->strict = f->where == IN_KEX ? STRICT_NONE : STRICT_BOTH;
  p->app->on_server.on_request = on_global;
  p->app->on_server.on_channel = on_channel;
  channel_on.on_request = on_request;
  channel_on.on_close = on_channel_close;
  memset(&pool, 0, sizeof(pool));
  accepts = 1;
  if (f->where == IN_FULL)
    p->app->server_config.channels = 1;
  peer_open(p);
  return p;
}

static void flood_begin(struct peer* p, const struct flood* f) {
  if (f->where == IN_KEX) {
    peer_say_ident(p);
    peer_say_kexinit(p);
    peer_read_kexinit(p);
  } else if (f->where == AT_AUTH) {
    peer_reach_auth(p);
  } else {
    peer_reach_open(p);
    channel = peer_channel(p, 0, 1000);
    next = channel + 1;
  }
  accepts = f->accepts;
  callbacks = read_bytes = 0;
}

/* Answers that were read; the session may have ended. */
static unsigned hear(struct peer* p) {
  unsigned n = 0;
  int number;

  while ((number = peer_next(p)) >= 0)
    n += number != MSG_DISCONNECT;
  return n;
}

static void check_end(struct peer* p, const struct flood* f, unsigned said,
                      uint64_t packets) {
  struct session* s = &p->side->session;

  CHECK_EQ(s->end.status, f->ends);
  CHECK(s->transport.in.packets - packets <= f->after);
  CHECK(said >= 1);
  peer_hang_up(p);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->closes, 1);
}

/* One batch; 1: the session goes on. */
static int batch(struct peer* p, const struct flood* f, unsigned from,
                 unsigned* heard) {
  unsigned step = f->accepts ? AT_ONCE : BATCH;
  unsigned i;

  for (i = 0; i < BATCH; i++) {
    f->say(p, from + i);
    if (i % step == step - 1)
      *heard += hear(p);
  }
  return p->side->session.ending == E_RUNNING;
}

static void run_flood(const struct flood* f) {
  struct peer* p = flood_peer(f);
  struct session* s = &p->side->session;
  unsigned n = f->ends ? 2 * BATCH : often();
  unsigned i, heard = 0;
  uint64_t packets, in, out;
  size_t before = 0;

  flood_begin(p, f);
  packets = s->transport.in.packets;
  in = s->transport.in.bytes;
  out = s->transport.out.bytes;
  for (i = 0; i < n; i += BATCH) {
    if (i == 2 * BATCH) {
      before = peak = heap_bytes();
      p->app->pipe.on_step = on_step;
    }
    if (!batch(p, f, i, &heard))
      break;
  }
  p->app->pipe.on_step = NULL;
  in = s->transport.in.bytes - in;
  out = s->transport.out.bytes - out;
  printf("%-38s %7u said, %7u answers, %7zu callbacks, %5zu KiB at most\n",
         f->name, i, heard, callbacks,
         before == 0 ? 0 : (peak - before) / 1024);
  if (f->ends) {
    check_end(p, f, i + BATCH, packets);
  } else {
    CHECK_EQ(i, n);
    CHECK(heap_bytes() <= before + 512);
    CHECK(peak - before <= PEAK);
    CHECK_EQ(callbacks, (size_t) n * f->calls);
    CHECK(heard <= (uint64_t) n * f->answers / 100);
    CHECK(f->answers % 100 != 0 || heard == (uint64_t) n * f->answers / 100);
    CHECK(out <= in + in / 2);     /* a refusal has a text */
    peer_alive(p);
  }
  peer_end(p);
}

TEST(messages_cost_what_they_are) {
  unsigned i;

  for (i = 0; i < ARRAY_SIZE(floods); i++) {
    NOTE("%s", floods[i].name);
    run_flood(&floods[i]);
  }
}

/* ---- re-exchanges back to back ------------------------------------------- */

TEST(messages_rekeys_back_to_back) {
  unsigned n = 100 + (check_release() ? 20000u : 2000u) / check_share();
  struct peer* p = peer_new(PEER_CLIENT);
  size_t before = 0;
  unsigned i;

  peer_open(p);
  peer_reach_open(p);
  for (i = 0; i < n; i++) {
    if (i == 10)
      before = heap_bytes();
    p->has_theirs = 0;
    peer_rekey(p);
    pipe_run(&p->app->pipe);
  }
  CHECK_EQ(p->side->session.transport.rekeys, n);
  CHECK(heap_bytes() <= before + 512);
  peer_alive(p);
  peer_end(p);
}

/* ---- who never reads ----------------------------------------------------- */

static const struct {
  const char* name;
  void (*say)(struct peer* p, unsigned i);
} mute[] = {
  { "PING", say_ping },
  { "unknown", say_unknown },
  { "global requests", say_global_reply },
  { "channel requests", say_request_reply },
  { "opens", say_open_unknown },
};

/* What was taken is one block; behind it replies pile up to their bound, then
 * nothing is read any more, and what has come waits once. */
TEST(messages_to_one_who_never_reads) {
  static const struct flood open_one_channel = { .where = IN_OPEN };
  enum { MOST = 1200 * 1024 };     /* 64 KiB of replies, 512 KiB of input in a
                                      buffer that doubles, and blocks */
  unsigned n = often() / 5 < 4 * BATCH ? 4 * BATCH : often() / 5;
  struct peer* p;
  unsigned i, k;
  size_t before;

  for (k = 0; k < ARRAY_SIZE(mute); k++) {
    NOTE("%s", mute[k].name);
    p = flood_peer(&open_one_channel);
    flood_begin(p, &open_one_channel);
    p->side->hold = 1;
    before = peak = heap_bytes();
    p->app->pipe.on_step = on_step;
    for (i = 0; i < n; i++) {       /* enough for 64 KiB of replies */
      mute[k].say(p, i);
      if (i % BATCH == 0)
        pipe_run(&p->app->pipe);
    }
    pipe_run(&p->app->pipe);
    p->app->pipe.on_step = NULL;
    printf("%-38s %7u said, %5zu KiB at most\n", mute[k].name, i,
           (peak - before) / 1024);
    CHECK_EQ(uvssh__session_wants_input(&p->side->session), 0);
    CHECK(peak - before <= MOST);
    p->side->hold = 0;
    peer_skip(p);
    peer_alive(p);
    peer_end(p);
  }
}

static size_t send_all(uvssh_channel_t* ch) {
  static const uint8_t bytes[30000];
  size_t sent = 0;
  int err;

  do {
    err = uvssh_channel_send(ch, UVSSH_DATA, bytes, sizeof(bytes));
    sent += err == 0 ? sizeof(bytes) : 0;
  } while (err == 0 && sent < 64 << 20);
  CHECK_EQ(err, UV_ENOBUFS);
  return sent;
}

/* What the application sends to him: its queue, and what is sealed ahead. */
TEST(messages_of_ours_to_one_who_never_reads) {
  static const struct flood open_one_channel = { .where = IN_OPEN };
  struct peer* p = flood_peer(&open_one_channel);
  size_t before, sent = 0;
  int i;

  flood_begin(p, &open_one_channel);
  peer_adjust(p, channel, 1 << 30);
  pipe_run(&p->app->pipe);
  p->side->hold = 1;
  before = heap_bytes();
  for (i = 0; i < 20; i++) {
    sent += send_all(&pool.pub[0]);
    pipe_run(&p->app->pipe);
  }
  printf("%zu KiB were taken, %zu KiB are held\n", sent / 1024,
         (heap_bytes() - before) / 1024);
  CHECK(sent <= 2 * 1024 * 1024);
  CHECK(heap_bytes() - before <= 2 * 1024 * 1024 + 512 * 1024);
  p->side->hold = 0;
  peer_skip(p);
  peer_alive(p);
  peer_end(p);
}

/* He does not answer our KEXINIT, and reads: what is sent waits in its queue,
 * what he asks for is refused or waits, and the exchange has its time. */
TEST(lesson_87_an_exchange_that_is_never_answered_holds_one_queue) {
  static const struct flood open_one_channel = { .where = IN_OPEN };
  struct peer* p = flood_peer(&open_one_channel);
  size_t before, sent;

  flood_begin(p, &open_one_channel);
  peer_adjust(p, channel, 1 << 30);
  pipe_run(&p->app->pipe);
  CHECK_EQ(uvssh_session_rekey(NULL, &p->side->pub, NULL), 0);
  peer_read_kexinit(p);
  before = heap_bytes();
  sent = send_all(&pool.pub[0]);
  CHECK(sent <= 1024 * 1024 + 32 * 1024);
  CHECK_EQ(uvssh_channel_send(&pool.pub[0], UVSSH_DATA, "x", 1), UV_ENOBUFS);
  CHECK(heap_bytes() - before <= sent + 512 * 1024);
  pipe_sleep(&p->app->pipe, 20 * 1000 - 1);
  peer_expect_nothing(p);
  CHECK_EQ(p->side->session.ending, E_RUNNING);
  pipe_sleep(&p->app->pipe, 1);
  peer_ended(p, UV_ETIMEDOUT, 11);
  CHECK_EQ(pool.open, 0);
  peer_end(p);
}
