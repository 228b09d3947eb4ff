/* Memory over real sockets: nothing grows with sessions that have gone, and
 * what one costs that stays. Figures are printed; their bounds are those of
 * the security goals. */
#include <stdio.h>
#include <unistd.h>

#include "both.h"

static void settle(struct both* b) {
  int i;

  for (i = 0; i < 5; i++)
    uv_run(&b->loop, UV_RUN_NOWAIT);
}

/* Peers whose last callback has come are the test's to free. */
static void forget(struct both* b) {
  unsigned i;

  for (i = 0; i < b->client_count; i++) {
    UNTIL(b, b->clients[i]->closes == 1);
    free(b->clients[i]);
  }
  for (i = 0; i < b->served_count; i++) {
    UNTIL(b, b->served[i]->closes == 1);
    free(b->served[i]);
  }
  b->client_count = b->served_count = 0;
  settle(b);
}

/* One whole life; each of the ways to go in turn. */
static void one_session(struct both* b, int round) {
  struct peer* p = both_channel(b, "echo");

  CHECK_EQ(uvssh_channel_read_start(&p->channel, peer_read), 0);
  CHECK_EQ(uvssh_channel_send(&p->channel, UVSSH_DATA, "some bytes", 10), 0);
  UNTIL(b, p->got == 10);
  switch (round % 4) {
    case 0:
      uvssh_session_close(&p->session);
      break;
    case 1:
      CHECK_EQ(uvssh_session_disconnect(&p->session, 11, "bye"), 0);
      break;
    case 2:
      uvssh_session_close(&b->served[0]->session);
      break;
    default:
      CHECK_EQ(uvssh_channel_shutdown(NULL, &p->channel, NULL), 0);
      UNTIL(b, p->channel_closes == 1);
      CHECK_EQ(uvssh_session_disconnect(&p->session, 11, "bye"), 0);
      break;
  }
  forget(b);
}

TEST(memory_1000_sessions) {
  struct both b;
  size_t blocks = 0;
  size_t bytes = 0;
  int i;

  both_open(&b);
  both_listen(&b);
  for (i = 0; i < 1020; i++) {
    if (i == 20) {                 /* what a loop keeps is there by now */
      blocks = heap_live();
      bytes = heap_bytes();
    }
    one_session(&b, i);
  }
  printf("before and after 1000 sessions: %zu and %zu bytes in %zu and %zu "
         "blocks\n", bytes, heap_bytes(), blocks, heap_live());
  CHECK_EQ(heap_live(), blocks);
  CHECK(heap_bytes() <= bytes + 512);      /* malloc() rounds as it likes */
  both_close(&b);
}

TEST(memory_1000_channels) {
  static const uvssh_channel_open_t type = { .type = UVSSH_CHANNEL_SESSION };
  struct both b;
  struct peer* p;
  struct peer* served;
  size_t blocks = 0;
  int i;

  both_open(&b);
  both_listen(&b);
  p = both_login(&b);
  served = b.served[0];
  for (i = 1; i <= 1020; i++) {
    if (i == 20) {
      settle(&b);
      blocks = heap_live();
    }
    CHECK_EQ(uvssh_channel_open(&p->open_req, &p->session, &p->channel, &type,
                                &b.client_channel_on, NULL), 0);
    UNTIL(&b, uvssh_channel_is_open(&p->channel));
    uvssh_channel_close(i % 2 ? &p->channel : &served->channel);
    UNTIL(&b, p->channel_closes == i && served->channel_closes == i);
  }
  settle(&b);
  CHECK_EQ(heap_live(), blocks);
  CHECK_EQ(p->channel.id, 1020);
  p->channel_closes = served->channel_closes = served->channels = 1;
  p->open = 0;
  both_close(&b);
}

enum { MANY = 50 };

TEST(memory_of_idle_sessions) {
  struct both b;
  size_t before;
  size_t each;
  int i;

  both_open(&b);
  both_listen(&b);
  for (i = 0; i < 4; i++)
    both_channel(&b, "");
  before = heap_bytes();
  for (i = 0; i < MANY; i++)
    both_channel(&b, "");
  settle(&b);
  each = (heap_bytes() - before) / MANY / 2;
  printf("a session that is logged in, idle, with one channel: %zu bytes\n",
         each);
  CHECK(each <= 8 * 1024);
  both_close(&b);
}

TEST(memory_before_login) {
  struct both b;
  size_t before;
  size_t each;
  int fds[MANY];
  int i;

  both_open(&b);
  b.server_config.preauth_per_source = 0;
  both_listen(&b);
  both_login(&b);
  before = heap_bytes();
  for (i = 0; i < MANY; i++) {
    fds[i] = both_socket(&b);
    CHECK(fds[i] >= 0);
    CHECK_EQ(write(fds[i], "SSH-2.0-idle\r\n", 14), 14);
    UNTIL(&b, b.served_count == (unsigned) i + 2);
  }
  settle(&b);
  each = (heap_bytes() - before) / MANY;
  printf("a session that has said who it is, and no more: %zu bytes\n", each);
  CHECK(each <= 8 * 1024);
  for (i = 0; i < MANY; i++)
    close(fds[i]);
  both_close(&b);
}

/* All that a loop keeps goes with its last object. */
TEST(memory_nothing_is_left) {
  size_t blocks = heap_live();
  struct both b;
  int i;

  for (i = 0; i < 3; i++) {
    both_open(&b);
    both_listen(&b);
    both_channel(&b, "echo");
    both_close(&b);
    CHECK_EQ(heap_live(), blocks);
  }
}
