/* A broadcast: a thread without a loop sends to sessions on two loops in two
 * other threads. Nothing but its handles wakes them. */
#include "both.h"

enum { ROOMS = 2, LISTENERS = 4, MESSAGES = 500 };

struct room {
  uv_thread_t thread;
  struct both b;
  unsigned total;                  /* numbers that its clients have read */
};

struct listener {
  struct room* room;
  uvssh_handle_t* handle;          /* of the server's end */
  uint64_t channel_id;
  uint32_t next;                   /* the number that must come now */
  uint8_t part[4];
  size_t part_len;
};

static struct room rooms[ROOMS];
static struct listener listeners[ROOMS][LISTENERS];
static uv_barrier_t ready;

static void on_numbers(uvssh_channel_t* channel,
                       int stream,
                       ssize_t nread,
                       const uv_buf_t* buf) {
  struct listener* l = peer_of(channel->session)->data;
  uint32_t number;
  ssize_t i;

  for (i = 0; i < nread; i++) {
    l->part[l->part_len++] = (uint8_t) buf->base[i];
    if (l->part_len < sizeof(number))
      continue;
    l->part_len = 0;
    memcpy(&number, l->part, sizeof(number));
    CHECK_EQ(number, l->next);
    l->next++;
    l->room->total++;
  }
}

static void listener_open(struct listener* l, struct room* room) {
  struct peer* client = both_channel(&room->b, "");
  struct peer* server = served_last(&room->b);

  l->room = room;
  l->channel_id = server->channel.id;
  CHECK_EQ(uvssh_handle_create(&l->handle, &server->session), 0);
  client->data = l;
  CHECK_EQ(uvssh_channel_read_start(&client->channel, on_numbers), 0);
}

/* A check that fails here ends the whole program. */
static void live(void* arg) {
  struct room* room = arg;
  int i;

  both_open(&room->b);
  room->b.server_config.handle_bytes = 1024;
  both_listen(&room->b);
  for (i = 0; i < LISTENERS; i++)
    listener_open(&listeners[room - rooms][i], room);
  uv_barrier_wait(&ready);
  UNTIL(&room->b, room->total == LISTENERS * MESSAGES);
  both_close(&room->b);
}

static void say(struct listener* l, uint32_t number) {
  int err;

  do {
    err = uvssh_handle_send(l->handle, l->channel_id, UVSSH_DATA, &number,
                            sizeof(number));
    if (err == UV_ENOBUFS)
      uv_sleep(0);
  } while (err == UV_ENOBUFS);
  CHECK_EQ(err, 0);
}

static void speak(void* arg) {
  uint32_t number;
  int i;

  uv_barrier_wait(&ready);
  for (number = 0; number < MESSAGES; number++)
    for (i = 0; i < ROOMS * LISTENERS; i++)
      say(&listeners[i % ROOMS][i / ROOMS], number);
}

TEST(handle_broadcast_to_two_loops) {
  uv_thread_t speaker;
  int i;

  CHECK_EQ(uv_barrier_init(&ready, ROOMS + 1), 0);
  for (i = 0; i < ROOMS; i++)
    CHECK_EQ(uv_thread_create(&rooms[i].thread, live, &rooms[i]), 0);
  CHECK_EQ(uv_thread_create(&speaker, speak, NULL), 0);
  CHECK_EQ(uv_thread_join(&speaker), 0);
  for (i = 0; i < ROOMS; i++)
    CHECK_EQ(uv_thread_join(&rooms[i].thread), 0);
  for (i = 0; i < ROOMS * LISTENERS; i++) {
    CHECK_EQ(listeners[i % ROOMS][i / ROOMS].next, MESSAGES);
    uvssh_handle_unref(listeners[i % ROOMS][i / ROOMS].handle);
  }
  uv_barrier_destroy(&ready);
}
