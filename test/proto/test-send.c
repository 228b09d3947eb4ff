/* What a caller sends: order, completion, bounds. RFC 4254 section 5.2. */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>

static char block[40000];

static struct app* begin(void) {
  struct app* a = app_new();

  app_login(a);
  app_channel(a, 0);
  app_log_clear(a);
  return a;
}

static void written(struct app* a, struct app_req* r, const char* name,
                    uvssh_channel_t* ch, char* base, size_t len) {
  uv_buf_t buf = uv_buf_init(base, (unsigned) len);

  CHECK_EQ(uvssh_channel_write(app_req(a, r, name), ch, UVSSH_DATA, &buf, 1,
                               app_done), 0);
}

TEST(send_arguments) {
  struct app* a = begin();
  uvssh_channel_t* ch = &a->asked[0].pub;
  uv_buf_t buf = uv_buf_init(block, 1);
  uvssh_channel_t zero;
  uvssh_req_t req;

  memset(&zero, 0, sizeof(zero));
  memset(&req, 0, sizeof(req));
  CHECK_EQ(uvssh_channel_send(ch, 2, "x", 1), UV_EINVAL);
  CHECK_EQ(uvssh_channel_send(ch, -1, "x", 1), UV_EINVAL);
  CHECK_EQ(uvssh_channel_send(ch, UVSSH_STDERR, "x", 1), UV_EINVAL);
  CHECK_EQ(uvssh_channel_send(ch, UVSSH_DATA, NULL, 1), UV_EINVAL);
  CHECK_EQ(uvssh_channel_send(ch, UVSSH_DATA, "x", (size_t) INT32_MAX + 1),
           UV_EINVAL);
  CHECK_EQ(uvssh_channel_send(ch, UVSSH_DATA, NULL, 0), 0);
  CHECK_EQ(uvssh_channel_send(&zero, UVSSH_DATA, "x", 1), UV_ENOTCONN);
  CHECK_EQ(uvssh_channel_send(NULL, UVSSH_DATA, "x", 1), UV_ENOTCONN);
  CHECK_EQ(uvssh_channel_write(NULL, ch, UVSSH_DATA, &buf, 1, app_done),
           UV_EINVAL);
  CHECK_EQ(uvssh_channel_write(&req, ch, UVSSH_DATA, NULL, 1, app_done),
           UV_EINVAL);
  CHECK_EQ(uvssh_channel_write(&req, ch, UVSSH_DATA, &buf, 0, app_done),
           UV_EINVAL);
  CHECK_EQ(uvssh_channel_write(&req, ch, UVSSH_DATA, &buf, 1025, app_done),
           UV_EINVAL);
  CHECK_EQ(uvssh_channel_send_payload(ch, UVSSH_DATA, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_channel_exit(ch, 0, 0), UV_ENOTCONN);   /* a client */
  CHECK_EQ(uvssh_channel_is_open(ch), 1);
  CHECK_EQ(uvssh_channel_is_open(&zero), 0);
  CHECK_EQ(uvssh_channel_is_open(NULL), 0);
  uvssh_channel_close(&zero);
  uvssh_channel_abort(NULL);
  app_end(a);
}

/* Lent, copied and shared bytes leave in the order they were given. */
TEST(send_keeps_its_order) {
  struct app* a = begin();
  uvssh_channel_t* ch = &a->asked[0].pub;
  struct app_req w1, w2, w3, eof;
  uvssh_payload_t* payload;
  uv_buf_t bufs[5];

  CHECK_EQ(uvssh_payload_create(&payload, "payload;", 8), 0);
  a->pipe.client.hold = 1;         /* the transport is backed up */
  written(a, &w1, "w1", ch, "write1;", 7);
  CHECK_EQ(uvssh_channel_send(ch, UVSSH_DATA, "send1;", 6), 0);
  CHECK_EQ(uvssh_channel_send_payload(ch, UVSSH_DATA, payload), 0);
  bufs[0] = uv_buf_init("a", 1);
  bufs[1] = uv_buf_init(NULL, 0);
  bufs[2] = uv_buf_init("bc", 2);
  bufs[3] = uv_buf_init(NULL, 0);
  bufs[4] = uv_buf_init("d;", 2);
  CHECK_EQ(uvssh_channel_write(app_req(a, &w2, "w2"), ch, UVSSH_DATA, bufs, 5,
                               app_done), 0);
  bufs[0] = uv_buf_init("ruined", 6);    /* the array was copied */
  CHECK_EQ(uvssh_channel_write(app_req(a, &w3, "w3"), ch, UVSSH_DATA, bufs + 1,
                               1, app_done), 0);
  CHECK_EQ(uvssh_channel_send(ch, UVSSH_DATA, "send2;", 6), 0);
  CHECK_EQ(uvssh_channel_shutdown(app_req(a, &eof, "eof"), ch, app_done), 0);
  CHECK_EQ(uvssh_channel_send(ch, UVSSH_DATA, "x", 1), UV_EPIPE);
  CHECK_EQ(uvssh_channel_shutdown(NULL, ch, NULL), UV_EPIPE);
  uvssh_payload_unref(payload);
  CHECK_STR(a->log, "");
  a->pipe.client.hold = 0;
  pipe_run(&a->pipe);
  CHECK_STR(a->served[0].text[0],
            "write1;send1;payload;abcd;send2;");
  CHECK_EQ(w1.status | w2.status | w3.status | eof.status, 0);
  CHECK_EQ(a->served[0].end, UV_EOF);
  CHECK(strstr(a->log, "w1 0; w2 0; w3 0; eof 0;") != NULL);
  CHECK_EQ(uvssh_channel_is_open(ch), 1);
  app_end(a);
}

/* A lent write is done when the transport has taken it, not before. */
TEST(send_write_completes_when_it_is_taken) {
  struct app* a = begin();
  struct app_req one, two;

  a->pipe.client.hold = 1;
  written(a, &one, "one", &a->asked[0].pub, block, sizeof(block));
  pipe_run(&a->pipe);
  written(a, &two, "two", &a->asked[0].pub, block, sizeof(block));
  pipe_run(&a->pipe);
  CHECK_EQ(one.done, 0);
  a->pipe.client.hold = 0;
  pipe_turn(&a->pipe.client);
  CHECK_EQ(one.done, 1);
  pipe_run(&a->pipe);
  CHECK_EQ(two.done, 1);
  CHECK_EQ(a->served[0].got[0], 2 * sizeof(block));
  app_end(a);
}

/* While the transport is backed up data waits in its queue, and only there. */
TEST(send_waits_while_the_transport_is_backed_up) {
  struct app* a = begin();
  uvssh_channel_t* ch = &a->asked[0].pub;
  size_t sent = 0;
  int err = 0;

  a->client_config.queue_bytes = 1024 * 1024;
  a->pipe.client.hold = 1;
  CHECK_EQ(uvssh_channel_send(ch, UVSSH_DATA, "x", 1), 0);
  pipe_run(&a->pipe);
  while (err == 0) {
    err = uvssh_channel_send(ch, UVSSH_DATA, block, sizeof(block));
    sent += err == 0 ? sizeof(block) : 0;
    pipe_run(&a->pipe);
  }
  CHECK_EQ(err, UV_ENOBUFS);
  CHECK_EQ(uvssh_channel_queue_size(ch), sent);
  CHECK(sent >= 1024 * 1024 && sent < 1024 * 1024 + sizeof(block));
  CHECK_EQ(a->asked[0].drains, 0);
  a->pipe.client.hold = 0;
  pipe_run(&a->pipe);
  CHECK_EQ(a->asked[0].drains, 1);
  CHECK_EQ(a->served[0].got[0], sent + 1);
  app_end(a);
}

/* One bound over all channels, for copies and lent writes. */
TEST(send_session_bound) {
  struct app* a = app_new();
  struct app_req* writes = calloc(200, sizeof(*writes));
  uv_buf_t buf = uv_buf_init(block, sizeof(block));
  unsigned i;
  int err = 0;

  CHECK(writes != NULL);
  a->client_config.session_bytes = 2 * 1024 * 1024;
  app_login(a);
  app_channel(a, 0);
  app_channel(a, 1);
  a->pipe.client.hold = 1;
  CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, "x", 1), 0);
  pipe_run(&a->pipe);
  for (i = 0; i < 200 && err == 0; i++)
    err = uvssh_channel_write(app_req(a, &writes[i], NULL), &a->asked[0].pub,
                              UVSSH_DATA, &buf, 1, app_done);
  CHECK_EQ(err, UV_ENOBUFS);
  CHECK(i < 60);
  CHECK_EQ(uvssh_channel_send(&a->asked[1].pub, UVSSH_DATA, "x", 1),
           UV_ENOBUFS);
  a->pipe.client.hold = 0;
  pipe_run(&a->pipe);
  CHECK_EQ(a->asked[1].drains, 1); /* it was refused: it hears of it */
  CHECK_EQ(uvssh_channel_send(&a->asked[1].pub, UVSSH_DATA, "x", 1), 0);
  pipe_run(&a->pipe);
  CHECK_EQ(a->served[1].got[0], 1);
  app_end(a);
  free(writes);
}

TEST(send_drain_comes_once_a_time_it_was_full) {
  struct app* a = app_new();
  unsigned i;

  a->client_config.queue_bytes = 1000;
  a->client_config.drain_bytes = 500;
  app_login(a);
  app_channel(a, 0);
  for (i = 0; i < 3; i++) {
    a->pipe.client.hold = 1;
    CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, "x", 1), 0);
    pipe_run(&a->pipe);
    CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, block, 999), 0);
    CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, block, 5000), 0);
    CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, block, 1),
             UV_ENOBUFS);
    a->pipe.client.hold = 0;
    pipe_run(&a->pipe);
    CHECK_EQ(a->asked[0].drains, i + 1);
  }
  /* Not for a queue that was never full. */
  a->pipe.client.hold = 1;
  CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, block, 1), 0);
  pipe_run(&a->pipe);
  CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, block, 999), 0);
  a->pipe.client.hold = 0;
  pipe_run(&a->pipe);
  CHECK_EQ(a->asked[0].drains, 3);
  app_end(a);
}

/* Whole or not at all: what could not be kept has not been sent either. */
TEST(send_without_memory_is_whole_or_not_at_all) {
  struct app* a = app_new();
  size_t sent, n;
  int err;

  for (n = 1; n < 6; n++) {
    a->server_config.window_bytes = 16384;   /* a part of it can leave */
    app_login(a);
    a->read_served = 0;
    app_channel(a, 0);
    heap_fail_at(n);
    err = uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, block, 30000);
    heap_fail_at(0);
    sent = err == 0 ? 30000 : 0;
    CHECK(err == 0 || err == UV_ENOMEM);
    if (a->pipe.client.session.desk.failed == 0) {
      CHECK_EQ(uvssh_channel_read_start(&a->served[0].pub, app_read), 0);
      pipe_run(&a->pipe);
      CHECK_EQ(a->served[0].got[0], sent);
    }
    app_end(a);
    a = app_new();
  }
  app_end(a);
}

/* Small neighbours are put together, large ones are not copied; nothing is
 * lost, whatever the sizes are. */
TEST(send_writes_of_many_sizes) {
  static const unsigned sizes[] = { 0, 1, 2, 13, 100, 2047, 2048, 2049, 4096,
                                    32767, 32768, 32769, 40000 };
  struct app* a = begin();
  struct app_req reqs[40];
  uv_buf_t bufs[8];
  static uint8_t bytes[40][8][40000];
  size_t at = 0;
  unsigned i, k;

  a->served[0].pattern = 1;
  for (i = 0; i < 40; i++) {
    for (k = 0; k < 8; k++) {
      bufs[k].len = sizes[pipe_random(&a->pipe) % ARRAY_SIZE(sizes)];
      bufs[k].base = (char*) bytes[i][k];
      app_pattern(bytes[i][k], at, bufs[k].len);
      at += bufs[k].len;
    }
    CHECK_EQ(uvssh_channel_write(app_req(a, &reqs[i], NULL), &a->asked[0].pub,
                                 UVSSH_DATA, bufs, 8, app_done), 0);
    if (i % 3 == 0)
      pipe_step(&a->pipe);
  }
  pipe_run(&a->pipe);
  for (i = 0; i < 40; i++)
    CHECK(reqs[i].done && reqs[i].status == 0);
  CHECK_EQ(a->served[0].got[0], at);
  app_end(a);
}

/* Those of one turn of the loop: in few packets. Alone each leaves at once. */
TEST(send_small_ones_leave_together) {
  struct app* a = begin();
  const struct transport* t = &a->pipe.client.session.transport;
  uint64_t packets = t->out.packets;
  unsigned i;

  for (i = 0; i < 200; i++)
    CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, block, 10), 0);
  pipe_run(&a->pipe);
  CHECK_EQ(a->served[0].got[0], 2000);
  CHECK(t->out.packets - packets < 20);
  for (i = 0; i < 10; i++) {
    packets = t->out.packets;
    CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, block, 10), 0);
    CHECK_EQ(t->out.packets - packets, 1);
    pipe_run(&a->pipe);
  }
  app_end(a);
}

/* What waits for that alone does not make a queue full. */
TEST(send_small_ones_fill_no_queue) {
  struct app* a = app_new();
  unsigned i;

  a->client_config.queue_bytes = 1000;
  a->client_config.drain_bytes = 500;
  app_login(a);
  app_channel(a, 0);
  for (i = 0; i < 1000; i++)
    CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, block, 100), 0);
  pipe_run(&a->pipe);
  CHECK_EQ(a->served[0].got[0], 100000);
  app_end(a);
}

/* A peer that asks without end and never reads stalls itself alone. */
TEST(bar_16_replies_that_pile_up_pause_the_reading) {
  struct peer* p = peer_new(PEER_CLIENT);
  uint8_t data[256] = { 0 };
  size_t bytes;
  unsigned i;

  peer_open(p);
  peer_reach_open(p);
  p->side->hold = 1;
  wr_str(peer_message(p, MSG_PING), data, sizeof(data));
  peer_send(p);
  pipe_run(&p->app->pipe);
  bytes = heap_bytes();
  for (i = 0; i < 10000; i++) {
    wr_str(peer_message(p, MSG_PING), data, sizeof(data));
    peer_send(p);
  }
  pipe_run(&p->app->pipe);
  CHECK_EQ(uvssh__session_wants_input(&p->side->session), 0);
  CHECK(heap_bytes() < bytes + 1024 * 1024);
  p->side->hold = 0;
  peer_skip(p);
  CHECK_EQ(p->heard[MSG_PONG], 10001);
  peer_alive(p);
  peer_end(p);
}

/* All that was asked is here, so nobody comes to remind us; and all replies
 * that wait are in one block, so there is no other write that would. */
TEST(what_waited_for_replies_to_leave_goes_on) {
  struct peer* p = peer_new(PEER_CLIENT);
  static const uint8_t data[20000];
  unsigned i;

  peer_open(p);
  peer_reach_open(p);
  p->side->hold = 1;
  for (i = 0; i < 21; i++) {
    wr_str(peer_message(p, MSG_PING), data, sizeof(data));
    peer_send(p);
    if (i == 0)
      pipe_run(&p->app->pipe);
  }
  pipe_run(&p->app->pipe);
  CHECK_EQ(uvssh__session_wants_input(&p->side->session), 0);
  p->side->hold = 0;
  peer_skip(p);
  CHECK_EQ(p->heard[MSG_PONG], 21);
  peer_end(p);
}

/* Nothing is left to do for it: the turn that wrote it was the last. */
TEST(a_reply_that_has_left_costs_no_turn) {
  struct peer* p = peer_new(PEER_CLIENT);
  unsigned writes;

  peer_open(p);
  peer_reach_open(p);
  pipe_run(&p->app->pipe);
  writes = p->side->writes;
  wr_cstr(peer_message(p, MSG_PING), "x");
  peer_send(p);
  while (p->side->writes == writes)
    CHECK(pipe_step(&p->app->pipe));
  CHECK_EQ(p->side->dirty, 0);
  peer_alive(p);
  peer_end(p);
}

TEST(lesson_89_unmatched_replies_cost_nothing) {
  static const uint8_t numbers[] = { 81, 82, 99, 100, 93, 193 };
  struct peer* p = peer_new(PEER_CLIENT);
  size_t bytes = 0;
  uint32_t id;
  unsigned i, k;

  peer_open(p);
  peer_reach_open(p);
  id = peer_channel(p, 7, 1000);
  for (i = 0; i < 100000; i++) {
    if (i == 1000) {
      pipe_run(&p->app->pipe);
      bytes = heap_bytes();
    }
    k = i % ARRAY_SIZE(numbers);
    (void) peer_message(p, numbers[k]);
    if (numbers[k] == 193)
      wr_cstr(&p->message, "");
    else if (numbers[k] >= 93)
      wr_u32(&p->message, id);
    if (numbers[k] == 93)
      wr_u32(&p->message, 1);
    peer_send(p);
    if (i % 1000 == 0)
      pipe_run(&p->app->pipe);
  }
  pipe_run(&p->app->pipe);
  CHECK_EQ(heap_bytes(), bytes);
  peer_alive(p);
  peer_end(p);
}
