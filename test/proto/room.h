/* room.h: a group in a server's session, whose client is a script: each reader
 * is a channel with a window of its own, and what it got is kept. */
#ifndef ROOM_H
#define ROOM_H

#include "peer.h"

#include <stdlib.h>

enum { LEN = 100, BOUND = 1000, GOT = 8192 };

struct reader {
  uvssh_channel_t pub;
  uvssh_member_t member;
  struct room* room;
  uint32_t id;                     /* the session's number of it */
  int drains, closes;
  int was_member;                  /* in on_close */
  char got[GOT];                   /* what its peer has */
  size_t len;
  int got_eof, got_close;
  unsigned from;                   /* the first line that was for it, */
  unsigned not_for_it;             /* and how many were for the others */
  unsigned lines;                  /* that it got, the last of which was */
  unsigned last;
};

struct room {                      /* a session, whose peer is a script */
  struct peer* p;
  uvssh_group_t group;
  struct reader* readers;
  unsigned count;
  unsigned max;
  unsigned packets;                /* of data, that the peer has read */
  void (*on_data)(struct reader* r, str_t data);   /* NULL: it is kept */
};

/* ---- a room -------------------------------------------------------------- */

static inline void on_drain(uvssh_channel_t* channel) {
  ((struct reader*) channel->data)->drains++;
}

static inline void on_close(uvssh_channel_t* channel, int status) {
  struct reader* r = channel->data;

  r->closes++;
  r->was_member = r->member.channel != NULL;
}

static const uvssh_channel_handlers_t channel_on = { .on_drain = on_drain,
                                                     .on_close = on_close };

static inline void on_channel(uvssh_session_t* session,
                              const uvssh_channel_open_t* ask,
                              uvssh_reply_t reply) {
  struct room* room = app_of(session)->data;
  struct reader* r = &room->readers[room->count++];

  CHECK(room->count <= room->max);
  r->room = room;
  r->pub.data = r->member.data = r;
  CHECK_EQ(uvssh_channel_accept(reply, &r->pub, &channel_on), 0);
}

static inline struct room* room_new(uvssh_slow policy,
                                    size_t bound,
                                    unsigned max) {
  struct room* room = calloc(1, sizeof(*room));

  CHECK(room != NULL);
  room->readers = calloc(max, sizeof(*room->readers));
  CHECK(room->readers != NULL);
  room->max = max;
  room->p = peer_new(PEER_CLIENT);
  room->p->app->data = room;
  room->p->app->on_server.on_channel = on_channel;
  room->p->app->server_config.channels = max;
  room->p->app->server_config.window_bytes = 1024;
  peer_open(room->p);
  peer_reach_open(room->p);
  CHECK_EQ(uvssh_group_init(&room->group, policy, bound), 0);
  return room;
}

static inline void room_end(struct room* room) {
  uvssh_group_end(&room->group);
  peer_end(room->p);
  free(room->readers);
  free(room);
}

/* Another reader, which has joined; its peer calls it by its place here. */
static inline struct reader* enter(struct room* room, uint32_t window) {
  struct reader* r = &room->readers[room->count];

  r->id = peer_channel(room->p, room->count, window);
  CHECK_EQ(uvssh_group_join(&room->group, &r->member, &r->pub), 0);
  return r;
}

static inline void note_data(struct room* room, rd_t* m) {
  struct reader* r = &room->readers[rd_u32(m)];
  int is_stderr = room->p->last[0] == MSG_CHANNEL_EXTENDED_DATA;
  uint32_t code = is_stderr ? rd_u32(m) : UVSSH_STDERR;
  str_t data = rd_str(m);
  size_t i;

  CHECK_EQ(rd_end(m), 0);
  CHECK_EQ(code, UVSSH_STDERR);
  room->packets++;
  if (room->on_data != NULL) {
    room->on_data(r, data);
    return;
  }
  CHECK(r->len + data.len <= GOT);
  memcpy(r->got + r->len, data.base, data.len);
  for (i = 0; i < data.len && is_stderr; i++)
    r->got[r->len + i] = (char) (r->got[r->len + i] - 'a' + 'A');
  r->len += data.len;
}

/* All that the peer has been sent. */
static inline void hear(struct room* room) {
  int number;

  while ((number = peer_next(room->p)) >= 0) {
    if (number == MSG_CHANNEL_DATA || number == MSG_CHANNEL_EXTENDED_DATA)
      note_data(room, &room->p->m);
    else if (number == MSG_CHANNEL_EOF)
      room->readers[rd_u32(&room->p->m)].got_eof = 1;
    else if (number == MSG_CHANNEL_CLOSE)
      room->readers[rd_u32(&room->p->m)].got_close = 1;
  }
}

/* ---- payloads that can be told from each other --------------------------- */

static inline void line_text(char* out, unsigned number, size_t len) {
  memset(out, '.', len);
  out[0] = (char) ('0' + number / 100 % 10);
  out[1] = (char) ('0' + number / 10 % 10);
  out[2] = (char) ('0' + number % 10);
}

static inline uvssh_payload_t* line(unsigned number) {
  uvssh_payload_t* payload;
  char text[LEN];

  line_text(text, number, LEN);
  CHECK_EQ(uvssh_payload_create(&payload, text, LEN), 0);
  return payload;
}

static inline int say(struct room* room, unsigned number) {
  uvssh_payload_t* payload = line(number);
  int n = uvssh_group_send(&room->group, UVSSH_DATA, payload, NULL);

  uvssh_payload_unref(payload);
  return n;
}

static inline void give_window(struct room* room, struct reader* r) {
  peer_adjust(room->p, r->id, 1000 * 1000);
}

#endif
