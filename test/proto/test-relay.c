/* One channel's data into another, with back-pressure. */
#include "app.h"

TEST(relay_echoes_and_stops_for_a_stalled_reader) {
  struct app* a = app_new();
  struct app_req relay;
  size_t sent = 0;
  size_t before;

  a->server_config.window_bytes = a->client_config.window_bytes = 65536;
  a->server_config.queue_bytes = 100000;
  a->server_config.drain_bytes = 50000;
  app_login(a);
  a->read_served = 0;
  app_channel(a, 0);
  CHECK_EQ(uvssh_channel_relay(app_req(a, &relay, "relay"), &a->served[0].pub,
                               &a->served[0].pub, app_done), 0);
  CHECK_EQ(uvssh_channel_read_start(&a->served[0].pub, app_read), UV_EBUSY);
  CHECK_EQ(uvssh_channel_read_stop(&a->asked[0].pub), 0);
  before = heap_bytes();
  a->asked[0].pattern = 1;
  while (sent < 3000000) {
    uint8_t block[10000];
    int err;
    app_pattern(block, sent, sizeof(block));
    err = uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, block,
                             sizeof(block));
    if (err == UV_ENOBUFS && a->asked[0].got[0] == 0) {
      pipe_run(&a->pipe);
      if (uvssh_channel_queue_size(&a->asked[0].pub) <
          a->client_config.queue_bytes)
        continue;
      /* All is full: nothing grows, and nothing is lost. */
      CHECK(heap_bytes() < before + 2 * 1024 * 1024);
      CHECK_EQ(uvssh_channel_read_start(&a->asked[0].pub, app_read), 0);
    } else if (err == 0) {
      sent += sizeof(block);
      continue;
    }
    pipe_run(&a->pipe);
  }
  CHECK_EQ(uvssh_channel_shutdown(NULL, &a->asked[0].pub, NULL), 0);
  pipe_run(&a->pipe);
  CHECK_EQ(a->asked[0].got[0], sent);
  CHECK_EQ(relay.done, 1);
  CHECK_EQ(relay.status, 0);
  app_end(a);
}

/* The source's peer has sent all, and closed; the target still takes it. */
TEST(relay_between_channels_ends_when_all_has_left) {
  struct app* a = app_new();
  struct app_req relay;
  uint8_t block[60000];

  a->client_config.window_bytes = 16384;
  app_login(a);
  a->read_served = 0;
  app_channel(a, 0);
  app_channel(a, 1);
  CHECK_EQ(uvssh_channel_relay(app_req(a, &relay, "relay"), &a->served[0].pub,
                               &a->served[1].pub, app_done), 0);
  CHECK_EQ(uvssh_channel_read_stop(&a->asked[1].pub), 0);
  app_pattern(block, 0, sizeof(block));
  a->asked[1].pattern = 1;
  CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, block,
                              sizeof(block)), 0);
  uvssh_channel_close(&a->asked[0].pub);
  pipe_run(&a->pipe);
  CHECK_EQ(relay.done, 0);
  CHECK_EQ(a->asked[1].got[0], 0);
  CHECK_EQ(uvssh_channel_read_start(&a->asked[1].pub, app_read), 0);
  pipe_run(&a->pipe);
  CHECK_EQ(a->asked[1].got[0], sizeof(block));
  CHECK_EQ(relay.done, 1);
  CHECK_EQ(relay.status, 0);
  CHECK_EQ(a->served[0].closes, 1);
  app_end(a);
}

static void relay_ended_by(unsigned how) {
  struct app* a = app_new();
  struct app_req relay;

  app_login(a);
  a->read_served = 0;
  app_channel(a, 0);
  app_channel(a, 1);
  CHECK_EQ(uvssh_channel_relay(app_req(a, &relay, "relay"), &a->served[0].pub,
                               &a->served[1].pub, app_done), 0);
  if (how == 0)
    uvssh_channel_close(&a->served[0].pub);
  else if (how == 1)
    uvssh_channel_abort(&a->served[1].pub);
  else if (how == 2)
    uvssh_session_close(&a->pipe.server.pub);
  else
    uvssh_session_close(&a->pipe.client.pub);
  pipe_run(&a->pipe);
  CHECK_EQ(relay.done, 1);
  CHECK_EQ(relay.status, how == 3 ? UV_EOF : UV_ECANCELED);
  app_end(a);
}

TEST(relay_ends_with_either_channel_or_the_session) {
  unsigned how;

  for (how = 0; how < 4; how++) {
    NOTE("way %u", how);
    relay_ended_by(how);
  }
}

/* Two sessions of one loop. The one that is written to has said DISCONNECT, and
 * waits for its peer: nothing may follow. */
TEST(relay_sends_nothing_behind_disconnect) {
  struct app* a = app_new();
  struct app* b = app_new();
  struct session* to = &b->pipe.server.session;
  struct slots* own = b->pipe.slots;
  struct app_req relay;
  uint64_t packets;

  b->pipe.slots = a->pipe.slots;
  app_login(a);
  app_login(b);
  a->read_served = b->read_served = 0;
  app_channel(a, 0);
  app_channel(b, 0);
  CHECK_EQ(uvssh_channel_relay(app_req(a, &relay, "relay"), &a->served[0].pub,
                               &b->served[0].pub, app_done), 0);
  CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, "x", 1), 0);
  pipe_run(&a->pipe);
  uvssh__session_fail(to, UVSSH_EMAC);
  packets = to->transport.out.packets;
  CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, "y", 1), 0);
  pipe_run(&a->pipe);
  CHECK_EQ(to->transport.out.packets, packets);
  CHECK_EQ(relay.done, 0);
  pipe_finish(&b->pipe);
  pipe_run(&a->pipe);
  CHECK_EQ(relay.done, 1);
  CHECK_EQ(relay.status, UVSSH_EMAC);
  CHECK_EQ(b->asked[0].got[0], 1);
  CHECK_EQ(uvssh_channel_is_open(&a->served[0].pub), 1);
  pipe_reset(&b->pipe);
  b->pipe.slots = own;
  app_end(b);
  app_end(a);
}
