/* While one session is flooded, the others are served: an echo comes back after
 * so many turns of the loop, whatever comes in beside it, as fast as one turn
 * takes it. Turns are counted, and messages. */
#include <stdio.h>

#include "both.h"
#include "loop/loop.h"

enum { ECHOES = 20, TURNS_MAX = 12, FULL = 1024 * 1024 };

static uint32_t channel;

static void begin(uvssh_test_peer_t* flood, int number) {
  CHECK_EQ(uvssh_test_peer_begin(flood, number), 0);
}

static void say_ping(uvssh_test_peer_t* flood) {
  begin(flood, 192);
  uvssh_test_peer_put_text(flood, "ping");
}

static void say_ignore(uvssh_test_peer_t* flood) {
  begin(flood, UVSSH_TEST_IGNORE);
  uvssh_test_peer_put_text(flood, "");
}

static void say_adjust(uvssh_test_peer_t* flood) {
  begin(flood, UVSSH_TEST_CHANNEL_WINDOW_ADJUST);
  uvssh_test_peer_put_u32(flood, channel);
  uvssh_test_peer_put_u32(flood, 1);
}

static void say_global(uvssh_test_peer_t* flood) {
  begin(flood, UVSSH_TEST_GLOBAL_REQUEST);
  uvssh_test_peer_put_text(flood, "keepalive@openssh.com");
  uvssh_test_peer_put_u8(flood, 1);
}

static void say_request(uvssh_test_peer_t* flood) {
  begin(flood, UVSSH_TEST_CHANNEL_REQUEST);
  uvssh_test_peer_put_u32(flood, channel);
  uvssh_test_peer_put_text(flood, "flood@example.org");
  uvssh_test_peer_put_u8(flood, 1);
}

static void say_open(uvssh_test_peer_t* flood) {
  begin(flood, UVSSH_TEST_CHANNEL_OPEN);
  uvssh_test_peer_put_text(flood, "flood");
  uvssh_test_peer_put_u32(flood, 1);
  uvssh_test_peer_put_u32(flood, 1000);
  uvssh_test_peer_put_u32(flood, 1000);
}

static void say_strange(uvssh_test_peer_t* flood) {
  begin(flood, UVSSH_TEST_CHANNEL_EXTENDED_DATA);
  uvssh_test_peer_put_u32(flood, channel);
  uvssh_test_peer_put_u32(flood, 7);
  uvssh_test_peer_put_text(flood, "");
}

static void say_reply(uvssh_test_peer_t* flood) {
  begin(flood, UVSSH_TEST_REQUEST_SUCCESS);
}

static const struct {
  const char* name;
  void (*say)(uvssh_test_peer_t* flood);
} floods[] = {
  { "PING", say_ping },
  { "IGNORE", say_ignore },
  { "WINDOW_ADJUST", say_adjust },
  { "global requests", say_global },
  { "channel requests", say_request },
  { "opens", say_open },
  { "extended data of no type", say_strange },
  { "replies to nothing", say_reply },
};

/* What the flooded session has read so far. */
static uint64_t packets_in(struct peer* served) {
  return attach_of(&served->session)->session.transport.in.packets;
}

/* All that a turn takes, and more, is always on its way; answers are read, or
 * its session would rest soon. */
static void flow_on(uvssh_test_peer_t* flood, unsigned row, uint64_t* said,
                    struct peer* served) {
  uint64_t on_the_way = *said - packets_in(served);

  for (; on_the_way < FULL / 32; on_the_way++) {
    floods[row].say(flood);
    CHECK_EQ(uvssh_test_peer_send(flood), 0);
    ++*said;
  }
}

static void flood_one(unsigned row) {
  static const uvssh_test_pipe_t wide = { .chunk = 512 * 1024,
                                          .room = 64 * 1024 * 1024 };
  static const uvssh_test_login_t login = { .user = "someone" };
  struct both b;
  struct peer* echo;
  struct peer* served;
  uvssh_transport_t transport;
  uvssh_test_peer_t* flood;
  uint64_t said, before, most_packets = 0;
  unsigned i, turns, most = 0;

  both_open(&b);
  both_clock(&b);
  both_server(&b);
  echo = both_joined(&b, GOAL_ASK, "echo", NULL);
  CHECK_EQ(echo->ask, 0);
  CHECK_EQ(uvssh_channel_read_start(&echo->channel, peer_read), 0);
  CHECK_EQ(uvssh_test_peer_open(&flood, &b.loop, UVSSH_TEST_CLIENT, &transport,
                                &wide), 0);
  served = both_serve(&b, &transport);
  CHECK_EQ(uvssh_test_peer_reach(flood, UVSSH_TEST_AT_LOGIN, &login), 0);
  CHECK_EQ(uvssh_test_peer_channel(flood, 1 << 20, &channel), 0);
  said = packets_in(served);
  for (i = 0; i < ECHOES / check_share() + 1; i++) {
    CHECK_EQ(uvssh_channel_send(&echo->channel, UVSSH_DATA, "x", 1), 0);
    for (turns = 0; echo->got <= i; turns++) {
      CHECK(turns <= TURNS_MAX);
      flow_on(flood, row, &said, served);
      before = packets_in(served);
      uv_run(&b.loop, UV_RUN_NOWAIT);
      if (packets_in(served) - before > most_packets)
        most_packets = packets_in(served) - before;
    }
    most = turns > most ? turns : most;
  }
  printf("%-26s %7u came in, at most %5u a turn; an echo took at most %u "
         "turns\n", floods[row].name, (unsigned) packets_in(served),
         (unsigned) most_packets, most);
  CHECK(packets_in(served) > 1000);
  CHECK_EQ(served->closes, 0);
  uvssh_test_peer_close(flood);
  both_close(&b);
}

TEST(others_are_served) {
  unsigned i;

  for (i = 0; i < ARRAY_SIZE(floods); i++) {
    NOTE("%s", floods[i].name);
    flood_one(i);
  }
}
