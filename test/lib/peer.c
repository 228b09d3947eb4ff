/* peer.c: see peer.h. */
#include "peer.h"

#include <stdlib.h>

/* ---- a life -------------------------------------------------------------- */

struct peer* peer_new(enum role role) {
  struct peer* p = calloc(1, sizeof(*p));

  CHECK(p != NULL);
  p->app = app_new();
  uvssh__script_init(&p->script, role);
  p->side = role == PEER_CLIENT ? &p->app->pipe.server : &p->app->pipe.client;
  p->mine = p->side->other;
  return p;
}

void peer_cipher(struct peer* p, const char* cipher, const char* mac) {
  CHECK_EQ(uvssh__script_cipher(&p->script, cipher, mac), 0);
}

void peer_open(struct peer* p) {
  struct app* a = p->app;

  p->side->pub.data = a;
  p->mine->scripted = 1;
  if (p->role == PEER_CLIENT)
    CHECK_EQ(pipe_server(&a->pipe, &a->server_config, &a->on_server), 0);
  else
    CHECK_EQ(pipe_client(&a->pipe, &a->client_config, &a->on_client), 0);
}

void peer_again(struct peer* p) {
  struct app* a = p->app;

  pipe_reset(&a->pipe);
  uvssh__script_reset(&p->script);
  a->server_ready = a->client_ready = 0;
  a->auths = a->served_count = 0;
  memset(a->served, 0, sizeof(a->served));
  memset(a->asked, 0, sizeof(a->asked));
  app_log_clear(a);
}

void peer_end(struct peer* p) {
  uvssh__script_reset(&p->script);
  app_end(p->app);
  free(p);
}

/* ---- saying -------------------------------------------------------------- */

void peer_raw(struct peer* p, const void* base, size_t len) {
  pipe_inject(p->mine, base, len);
}

/* What the script has said goes on its way. */
static void said(struct peer* p, int err) {
  CHECK_EQ(err, 0);
  peer_raw(p, p->wire.base, p->wire.len);
  uvssh__buf_reset(&p->wire);
}

struct buf* peer_message(struct peer* p, uint8_t number) {
  return uvssh__script_message(&p->script, number);
}

void peer_send(struct peer* p) {
  said(p, uvssh__script_send(&p->script));
}

void peer_send_bytes(struct peer* p, const void* payload, size_t len) {
  peer_send_odd(p, payload, len, NULL);
}

void peer_send_odd(struct peer* p,
                   const void* payload,
                   size_t len,
                   const struct odd* odd) {
  said(p, uvssh__script_seal(&p->script, payload, len, odd));
}

void peer_hang_up(struct peer* p) {
  p->mine->scripted = 0;
  p->mine->closes = 1;
}

/* ---- hearing ------------------------------------------------------------- */

int peer_next(struct peer* p) {
  struct side* s = p->side;
  size_t used;

  pipe_run(&p->app->pipe);
  if (p->ident_theirs[0] == '\0')
    peer_read_ident(p);
  if (s->len == s->at)
    return -1;
  CHECK_EQ(uvssh__script_take(&p->script, s->wire + s->at, s->len - s->at,
                              &used), 1);
  s->at += used;
  return p->last[0];
}

rd_t* peer_expect(struct peer* p, uint8_t number) {
  int got = peer_next(p);

  while (got == MSG_IGNORE || got == MSG_DEBUG)
    got = peer_next(p);
  CHECK_EQ(got, number);
  return &p->m;
}

void peer_expect_nothing(struct peer* p) {
  CHECK_EQ(peer_next(p), -1);
}

rd_t* peer_await(struct peer* p, uint8_t number) {
  int got;

  do {
    got = peer_next(p);
    CHECK(got >= 0);
  } while (got != number);
  return &p->m;
}

void peer_skip(struct peer* p) {
  while (peer_next(p) >= 0)
    ;
}

void peer_ended(struct peer* p, int status, unsigned reason) {
  struct side* s = p->side;
  int last = -1;
  int got;

  while ((got = peer_next(p)) >= 0) {
    CHECK(last != MSG_DISCONNECT);
    last = got;
  }
  if (reason != 0) {
    CHECK_EQ(last, MSG_DISCONNECT);
    p->m = rd_of(p->last + 1, 4);
    CHECK_EQ(rd_u32(&p->m), reason);
  } else {
    CHECK(last != MSG_DISCONNECT);
  }
  peer_hang_up(p);
  pipe_run(&p->app->pipe);
  CHECK_EQ(s->up, 0);
  CHECK_EQ(s->closes, 1);
  CHECK_EQ(s->end.status, status);
  CHECK_EQ(s->end.by_peer, status == UV_EOF || status == UVSSH_EDISCONNECT);
}

void peer_alive(struct peer* p) {
  uint32_t seq = p->seq_out;

  peer_message(p, 9);              /* there is no such message */
  peer_send(p);
  CHECK_EQ(rd_u32(peer_await(p, MSG_UNIMPLEMENTED)), seq);
  CHECK_EQ(p->side->closes, 0);
}

/* ---- key exchange -------------------------------------------------------- */

void peer_say_ident(struct peer* p) {
  said(p, uvssh__script_say_ident(&p->script));
}

void peer_read_ident(struct peer* p) {
  struct side* s = p->side;
  size_t used;

  if (s->len == s->at)
    return;
  CHECK_EQ(uvssh__script_take_ident(&p->script, s->wire + s->at,
                                    s->len - s->at, &used), 1);
  s->at += used;
}

void peer_say_kexinit(struct peer* p) {
  said(p, uvssh__script_say_kexinit(&p->script));
}

void peer_read_kexinit(struct peer* p) {
  peer_expect(p, MSG_KEXINIT);
  uvssh__script_hear_kexinit(&p->script);
}

/* A test may have changed the key since the last one. */
static void expect_init(struct peer* p) {
  peer_expect(p, p->kex->group_exchange ? MSG_KEX_DH_GEX_INIT
                                        : MSG_KEX_ECDH_INIT);
  p->hostkey = p->app->pipe.hostkeys.key[0];
}

void peer_make_reply(struct peer* p, struct buf* signature) {
  expect_init(p);
  CHECK_EQ(uvssh__script_make_signature(&p->script, signature), 0);
}

void peer_agree_group(struct peer* p) {
  if (!p->kex->group_exchange)
    return;
  if (p->role == PEER_CLIENT) {
    said(p, uvssh__script_say_request(&p->script));
    peer_expect(p, MSG_KEX_DH_GEX_GROUP);
    CHECK_EQ(uvssh__script_hear_group(&p->script), 0);
    return;
  }
  peer_expect(p, MSG_KEX_DH_GEX_REQUEST);
  said(p, uvssh__script_say_group(&p->script));
}

void peer_say_kex(struct peer* p) {
  if (p->role == PEER_CLIENT) {
    said(p, uvssh__script_say_init(&p->script));
    return;
  }
  expect_init(p);
  said(p, uvssh__script_say_reply(&p->script));
}

void peer_read_kex(struct peer* p) {
  peer_expect(p, p->kex->group_exchange ? MSG_KEX_DH_GEX_REPLY
                                        : MSG_KEX_ECDH_REPLY);
  CHECK_EQ(uvssh__script_hear_reply(&p->script), 0);
}

void peer_say_newkeys(struct peer* p) {
  said(p, uvssh__script_say_newkeys(&p->script));
}

void peer_read_newkeys(struct peer* p) {
  peer_expect(p, MSG_NEWKEYS);
}

static void exchange(struct peer* p) {
  peer_say_kexinit(p);
  if (!p->has_theirs)
    peer_read_kexinit(p);
  peer_agree_group(p);
  peer_say_kex(p);
  if (p->role == PEER_CLIENT)
    peer_read_kex(p);
  if (p->role == PEER_CLIENT)
    peer_read_newkeys(p);
  peer_say_newkeys(p);
  if (p->role == PEER_SERVER)
    peer_read_newkeys(p);
}

void peer_rekey(struct peer* p) {
  exchange(p);
}

void peer_reach_service(struct peer* p) {
  peer_say_ident(p);
  exchange(p);
  if (p->ext_info)
    peer_expect(p, MSG_EXT_INFO);
  pipe_run(&p->app->pipe);
}

void peer_reach_auth(struct peer* p) {
  peer_reach_service(p);
  if (p->role == PEER_CLIENT) {
    wr_cstr(peer_message(p, MSG_SERVICE_REQUEST), "ssh-userauth");
    peer_send(p);
    peer_expect(p, MSG_SERVICE_ACCEPT);
    return;
  }
  CHECK(str_is(rd_str(peer_expect(p, MSG_SERVICE_REQUEST)), "ssh-userauth"));
  wr_cstr(peer_message(p, MSG_SERVICE_ACCEPT), "ssh-userauth");
  peer_send(p);
  pipe_run(&p->app->pipe);
  CHECK(p->side->started);
  CHECK_EQ(p->side->start_status, 0);
}

void peer_reach_open(struct peer* p) {
  struct buf* m;

  peer_reach_auth(p);
  if (p->role == PEER_CLIENT) {
    m = peer_message(p, MSG_USERAUTH_REQUEST);
    wr_cstr(m, "bob");
    wr_cstr(m, "ssh-connection");
    wr_cstr(m, "none");
    peer_send(p);
    peer_expect(p, MSG_USERAUTH_SUCCESS);
    peer_expect(p, MSG_GLOBAL_REQUEST);  /* its host keys */
    CHECK_EQ(p->app->server_ready, 1);
    return;
  }
  p->app->method = UVSSH_AUTH_NONE;
  app_attempt(p->app, "bob");
  peer_expect(p, MSG_USERAUTH_REQUEST);
  peer_message(p, MSG_USERAUTH_SUCCESS);
  peer_send(p);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->app->client_ready, 1);
}

/* ---- connection ---------------------------------------------------------- */

uint32_t peer_channel(struct peer* p, uint32_t id, uint32_t window) {
  struct buf* m = peer_message(p, MSG_CHANNEL_OPEN);
  rd_t* r;

  wr_cstr(m, "session");
  wr_u32(m, id);
  wr_u32(m, window);
  wr_u32(m, 32768);
  peer_send(p);
  r = peer_expect(p, MSG_CHANNEL_OPEN_CONFIRMATION);
  CHECK_EQ(rd_u32(r), id);
  return rd_u32(r);
}

void peer_data(struct peer* p, uint32_t id, const void* base, size_t len) {
  struct buf* m = peer_message(p, MSG_CHANNEL_DATA);

  wr_u32(m, id);
  wr_str(m, base, len);
  peer_send(p);
}

void peer_u32(struct peer* p, uint8_t number, uint32_t id) {
  wr_u32(peer_message(p, number), id);
  peer_send(p);
}

void peer_adjust(struct peer* p, uint32_t id, uint32_t bytes) {
  struct buf* m = peer_message(p, MSG_CHANNEL_WINDOW_ADJUST);

  wr_u32(m, id);
  wr_u32(m, bytes);
  peer_send(p);
}

void peer_request(struct peer* p,
                  uint32_t id,
                  const char* name,
                  int want_reply,
                  const void* extra,
                  size_t len) {
  struct buf* m = peer_message(p, MSG_CHANNEL_REQUEST);

  wr_u32(m, id);
  wr_cstr(m, name);
  wr_bool(m, want_reply);
  wr_bytes(m, extra, len);
  peer_send(p);
}
