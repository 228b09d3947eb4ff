/* Windows, packet sizes and back-pressure. RFC 4254 section 5.2. */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>

static uint8_t zeros[70000];

static struct peer* begin(uint32_t window, int read) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->app->server_config.window_bytes = window;
  p->app->read_served = read;
  peer_open(p);
  peer_reach_open(p);
  return p;
}

static void send_all(struct peer* p, uint32_t id, size_t n) {
  size_t part;

  for (; n != 0; n -= part) {
    part = n < 32768 ? n : 32768;
    peer_data(p, id, zeros, part);
  }
}

TEST(lesson_50_52_the_window_to_the_byte) {
  static const uint32_t windows[] = { 1024, 40000, 65536 };
  struct peer* p;
  uint32_t id;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(windows); i++) {
    p = begin(windows[i], 0);
    id = peer_channel(p, 7, 1000);
    CHECK_EQ(rd_u32(&p->m), windows[i]);
    CHECK_EQ(rd_u32(&p->m), 32768);
    send_all(p, id, windows[i]);
    peer_alive(p);
    CHECK_EQ(p->app->served[0].got[0], 0);
    peer_data(p, id, zeros, 0);    /* nothing is not too much */
    peer_alive(p);
    peer_data(p, id, zeros, 1);
    peer_ended(p, UVSSH_EMESSAGE, 2);
    CHECK_EQ(p->app->served[0].closes, 1);
    peer_end(p);
  }
}

static void too_much(uint8_t number, size_t len) {
  struct peer* p = begin(65536, 0);
  uint32_t id = peer_channel(p, 7, 1000);
  struct buf* m = peer_message(p, number);

  wr_u32(m, id);
  if (number == MSG_CHANNEL_EXTENDED_DATA)
    wr_u32(m, 1);
  wr_str(m, zeros, len);
  peer_send(p);
  if (len <= 32768) {
    peer_alive(p);
  } else {
    peer_ended(p, UVSSH_EMESSAGE, 2);
  }
  peer_end(p);
}

TEST(lesson_52_the_largest_message_to_the_byte) {
  too_much(MSG_CHANNEL_DATA, 32768);
  too_much(MSG_CHANNEL_DATA, 32769);
  too_much(MSG_CHANNEL_EXTENDED_DATA, 32768);
  too_much(MSG_CHANNEL_EXTENDED_DATA, 32769);
}

/* What a channel was told at its beginning holds for it. */
TEST(window_a_smaller_packet_size_is_for_later_channels) {
  struct peer* p = begin(65536, 1);
  uint32_t id = peer_channel(p, 7, 1000);
  uvssh_config_t config;

  uvssh_session_config(&p->side->pub, &config);
  config.packet_bytes = 1024;
  CHECK_EQ(uvssh_session_configure(&p->side->pub, &config), 0);
  peer_data(p, id, zeros, 32768);
  peer_alive(p);
  CHECK_EQ(p->app->served[0].got[0], 32768);
  peer_skip(p);
  id = peer_channel(p, 8, 1000);
  (void) rd_u32(&p->m);
  CHECK_EQ(rd_u32(&p->m), 1024);
  peer_data(p, id, zeros, 1025);
  peer_ended(p, UVSSH_EMESSAGE, 2);
  peer_end(p);
}

TEST(lesson_49_window_adjust_overflow) {
  struct peer* p = begin(65536, 0);
  uint32_t id = peer_channel(p, 7, 1);

  peer_adjust(p, id, 0xfffffffe);
  peer_alive(p);
  peer_adjust(p, id, 0);
  peer_alive(p);
  peer_adjust(p, id, 1);
  peer_ended(p, UVSSH_EMESSAGE, 2);
  peer_again(p);
  peer_open(p);
  peer_reach_open(p);
  id = peer_channel(p, 7, 1);
  peer_adjust(p, id, 0xffffffff);
  peer_ended(p, UVSSH_EMESSAGE, 2);
  peer_end(p);
}

TEST(lesson_51_small_maximum_packets) {
  static const uint32_t sizes[] = { 0, 1, 8, 9, 0xffffffff };
  struct peer* p;
  struct buf* m;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(sizes); i++) {
    NOTE("maximum packet %u", (unsigned) sizes[i]);
    p = begin(65536, 0);
    m = peer_message(p, MSG_CHANNEL_OPEN);
    wr_cstr(m, "session");
    wr_u32(m, 7);
    wr_u32(m, 100000);
    wr_u32(m, sizes[i]);
    peer_send(p);
    if (sizes[i] < 9) {
      peer_ended(p, UVSSH_EMESSAGE, 2);
    } else {
      peer_expect(p, MSG_CHANNEL_OPEN_CONFIRMATION);
      CHECK_EQ(uvssh_channel_send(&p->app->served[0].pub, UVSSH_DATA, zeros,
                                  40000), 0);
      rd_u32(peer_expect(p, MSG_CHANNEL_DATA));
      CHECK_EQ(rd_str(&p->m).len, sizes[i] == 9 ? 9 : 32768);
    }
    peer_end(p);
  }
}

/* Bytes are sent up to the peer's window, to the byte, and go on with it. */
TEST(window_of_the_peer_is_obeyed) {
  struct peer* p = begin(65536, 0);
  uint32_t id = peer_channel(p, 7, 10);
  uvssh_channel_t* ch = &p->app->served[0].pub;
  rd_t* m;

  CHECK_EQ(uvssh_channel_send(ch, UVSSH_DATA, "0123456789abc", 13), 0);
  m = peer_expect(p, MSG_CHANNEL_DATA);
  CHECK_EQ(rd_u32(m), 7);
  CHECK(str_is(rd_str(m), "0123456789"));
  peer_expect_nothing(p);
  CHECK_EQ(uvssh_channel_queue_size(ch), 3);
  CHECK_EQ(uvssh_channel_send(ch, UVSSH_STDERR, "err", 3), 0);
  peer_adjust(p, id, 2);
  m = peer_expect(p, MSG_CHANNEL_DATA);
  (void) rd_u32(m);
  CHECK(str_is(rd_str(m), "ab"));
  peer_adjust(p, id, 100);
  m = peer_expect(p, MSG_CHANNEL_DATA);
  (void) rd_u32(m);
  CHECK(str_is(rd_str(m), "c"));
  m = peer_expect(p, MSG_CHANNEL_EXTENDED_DATA);
  (void) rd_u32(m);
  CHECK_EQ(rd_u32(m), 1);
  CHECK(str_is(rd_str(m), "err"));
  CHECK_EQ(uvssh_channel_queue_size(ch), 0);
  peer_end(p);
}

/* Credit is for what was consumed, and only then. */
TEST(window_credit_follows_consumption) {
  struct peer* p = begin(65536, 0);
  uint32_t id = peer_channel(p, 7, 1000);
  struct app_channel* ch = &p->app->served[0];
  uint64_t credit = 0;

  send_all(p, id, 65536);
  peer_expect_nothing(p);
  pipe_sleep(&p->app->pipe, 100000);
  peer_expect_nothing(p);
  ch->stop_after = 32768;
  CHECK_EQ(uvssh_channel_read_start(&ch->pub, app_read), 0);
  CHECK_EQ(ch->got[0], 0);         /* not inside the call */
  while (peer_next(p) == MSG_CHANNEL_WINDOW_ADJUST) {
    CHECK_EQ(rd_u32(&p->m), 7);
    credit += rd_u32(&p->m);
  }
  CHECK_EQ(ch->got[0], 32768);
  CHECK_EQ(credit, 32768);
  ch->stop_after = 0;
  CHECK_EQ(uvssh_channel_read_start(&ch->pub, app_read), 0);
  while (peer_next(p) == MSG_CHANNEL_WINDOW_ADJUST) {
    (void) rd_u32(&p->m);
    credit += rd_u32(&p->m);
  }
  CHECK_EQ(credit, 65536);
  send_all(p, id, 65536);
  peer_skip(p);
  CHECK_EQ(ch->got[0], 2 * 65536);
  peer_end(p);
}

TEST(window_may_be_changed_for_one_channel) {
  struct peer* p = begin(65536, 1);
  uint32_t id = peer_channel(p, 7, 1000);
  uvssh_channel_t* ch = &p->app->served[0].pub;

  CHECK_EQ(uvssh_channel_set_window(ch, 1023), UV_EINVAL);
  CHECK_EQ(uvssh_channel_set_window(ch, 0x80000000u), UV_EINVAL);
  CHECK_EQ(uvssh_channel_set_window(ch, 200000), 0);
  peer_expect(p, MSG_CHANNEL_WINDOW_ADJUST);
  (void) rd_u32(&p->m);
  CHECK_EQ(rd_u32(&p->m), 200000 - 65536);
  CHECK_EQ(uvssh_channel_set_window(ch, 1024), 0);
  peer_expect_nothing(p);
  send_all(p, id, 200000);         /* was allowed, stays allowed */
  peer_expect(p, MSG_CHANNEL_WINDOW_ADJUST);
  (void) rd_u32(&p->m);
  CHECK_EQ(rd_u32(&p->m), 1024);
  peer_data(p, id, zeros, 1024);
  peer_alive(p);
  CHECK_EQ(p->app->served[0].got[0], 201024);
  peer_end(p);
}

/* Data of a type that nobody knows is dropped, and does not use up the
 * window. */
TEST(lesson_95_unknown_extended_data) {
  static const uint32_t types[] = { 0, 2, 0xffffffff };
  struct peer* p = begin(65536, 1);
  uint32_t id = peer_channel(p, 7, 1000);
  struct buf* m;
  uint64_t window = 65536;
  unsigned i;
  int got;

  for (i = 0; i < 300; i++) {
    m = peer_message(p, MSG_CHANNEL_EXTENDED_DATA);
    wr_u32(m, id);
    wr_u32(m, types[i % 3]);
    wr_str(m, zeros, 10000);
    peer_send(p);
    window -= 10000;
    while ((got = peer_next(p)) >= 0) {
      CHECK_EQ(got, MSG_CHANNEL_WINDOW_ADJUST);
      (void) rd_u32(&p->m);
      window += rd_u32(&p->m);
    }
    CHECK(window >= 10000);
  }
  CHECK_EQ(p->app->served[0].got[0] + p->app->served[0].got[1], 0);
  peer_end(p);
}

/* One channel's reader has stopped; the others go on. */
TEST(window_one_stopped_reader_stops_nobody_else) {
  struct app* a = app_new();
  size_t sent = 0;

  a->server_config.window_bytes = 65536;
  app_login(a);
  a->read_served = 0;
  app_channel(a, 0);
  a->read_served = 1;
  app_channel(a, 1);
  while (uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, zeros, 10000) == 0)
    sent += 10000;
  CHECK(sent >= a->client_config.queue_bytes);
  app_transfer(&a->asked[1], &a->served[1], 1000000);
  app_transfer(&a->served[1], &a->asked[1], 1000000);
  app_transfer(&a->served[0], &a->asked[0], 1000000);
  CHECK_EQ(a->served[0].got[0], 0);
  CHECK_EQ(uvssh_channel_queue_size(&a->asked[0].pub), sent - 65536);
  CHECK_EQ(uvssh_channel_read_start(&a->served[0].pub, app_read), 0);
  pipe_run(&a->pipe);
  CHECK_EQ(a->served[0].got[0], sent);
  CHECK_EQ(a->asked[0].drains, 1);
  app_end(a);
}

/* What a peer was allowed before stays counted until it is used: others get the
 * less. */
TEST(window_that_was_set_smaller_is_counted) {
  enum { START = 65536, CHANNELS = 8 };
  struct peer* p = peer_new(PEER_CLIENT);
  const struct desk* d = &p->side->session.desk;
  uint64_t sum = 0;
  uint32_t ids[CHANNELS];
  unsigned i;

  p->app->server_config.window_bytes = START;
  p->app->server_config.session_bytes = 4 * START;
  peer_open(p);
  peer_reach_open(p);
  for (i = 0; i < CHANNELS; i++) {
    ids[i] = peer_channel(p, i, 1000);
    sum += rd_u32(&p->m);
    CHECK_EQ(uvssh_channel_set_window(&p->app->served[i].pub, 1024), 0);
    CHECK_EQ(d->reserved, sum);
  }
  CHECK(sum <= 4 * START);
  send_all(p, ids[0], START);
  peer_alive(p);
  CHECK_EQ(d->reserved, sum - START + 1024);
  for (i = 0; i < CHANNELS; i++) {
    uvssh_channel_abort(&p->app->served[i].pub);
    peer_u32(p, MSG_CHANNEL_CLOSE, ids[i]);
  }
  pipe_run(&p->app->pipe);
  CHECK_EQ(d->reserved, 0);
  peer_end(p);
}

/* All windows together stay below session_bytes. */
TEST(window_of_many_channels_is_bounded) {
  struct peer* p = peer_new(PEER_CLIENT);
  uint64_t sum = 0;
  struct buf* m;
  uint32_t i;

  p->app->server_config.session_bytes = 4 * 1024 * 1024;
  p->app->server_config.channels = 10000;
  p->app->on_served.on_request = NULL;
  peer_open(p);
  peer_reach_open(p);
  for (i = 0; i < 1000; i++) {
    p->app->served_count = 0;      /* the same object would be in use */
    memset(&p->app->served[0], 0, sizeof(p->app->served[0]));
    app_log_clear(p->app);
    m = peer_message(p, MSG_CHANNEL_OPEN);
    wr_cstr(m, "session");
    wr_u32(m, i);
    wr_u32(m, 1000);
    wr_u32(m, 32768);
    p->app->say_channel = SAY_NOTHING;
    peer_send(p);
    peer_expect_nothing(p);
    {
      uvssh_channel_t* ch = calloc(1, sizeof(*ch));
      uvssh_channel_handlers_t none = { 0 };
      int err = uvssh_channel_accept(p->app->channel_reply, ch, &none);
      if (err != 0) {
        CHECK_EQ(err, UV_ENOMEM);
        free(ch);
        peer_expect(p, MSG_CHANNEL_OPEN_FAILURE);
        (void) rd_u32(&p->m);
        CHECK_EQ(rd_u32(&p->m), UVSSH_OPEN_SHORTAGE);
        break;
      }
      ch->data = p->app->data;
      p->app->data = ch;
      peer_expect(p, MSG_CHANNEL_OPEN_CONFIRMATION);
      (void) rd_u32(&p->m);
      (void) rd_u32(&p->m);
      sum += rd_u32(&p->m);
    }
  }
  CHECK(i > 50 && i < 256);
  CHECK(sum <= 4 * 1024 * 1024);
  pipe_reset(&p->app->pipe);
  while (p->app->data != NULL) {
    uvssh_channel_t* ch = p->app->data;
    p->app->data = ch->data;
    free(ch);
  }
  peer_end(p);
}

/* One byte of this stream, one of that: what the window allows does not cost a
 * chunk for each, nor what is queued a block for each. */
TEST(window_of_alternating_streams_bounds_memory) {
  struct peer* p = begin(65536, 0);
  uint32_t id = peer_channel(p, 7, 0);
  size_t before = heap_bytes();
  struct buf* m;
  unsigned i;

  for (i = 0; i < 65536; i++) {
    m = peer_message(p, i % 2 == 0 ? MSG_CHANNEL_DATA
                                   : MSG_CHANNEL_EXTENDED_DATA);
    wr_u32(m, id);
    if (i % 2 != 0)
      wr_u32(m, UVSSH_STDERR);
    wr_str(m, zeros, 1);
    peer_send(p);
    if (i % 1024 == 0)
      pipe_run(&p->app->pipe);
  }
  peer_alive(p);
  CHECK(heap_bytes() - before < 6 * 65536);
  CHECK_EQ(uvssh_channel_read_start(&p->app->served[0].pub, app_read), 0);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->app->served[0].got[0], 32768);
  CHECK_EQ(p->app->served[0].got[1], 32768);
  before = heap_bytes();
  for (i = 0; i < 65536; i++)
    CHECK_EQ(uvssh_channel_send(&p->app->served[0].pub, (int) (i % 2), zeros,
                                1), 0);
  CHECK(heap_bytes() - before < 96 * 65536);
  peer_end(p);
}
