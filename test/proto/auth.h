/* auth.h: what a client says to log in, for tests of a server, and what it is
 * answered. RFC 4252. */
#ifndef AUTH_H
#define AUTH_H

#include "peer.h"

static inline struct buf* request(struct peer* p, const char* user,
                           const char* method) {
  struct buf* m = peer_message(p, MSG_USERAUTH_REQUEST);

  wr_cstr(m, user);
  wr_cstr(m, "ssh-connection");
  wr_cstr(m, method);
  return m;
}

static inline void none(struct peer* p, const char* user) {
  (void) request(p, user, "none");
  peer_send(p);
}

static inline void password(struct peer* p, const char* user,
                            const char* text) {
  struct buf* m = request(p, user, "password");

  wr_bool(m, 0);
  wr_cstr(m, text);
  peer_send(p);
}

static inline void change(struct peer* p, const char* user, const char* text) {
  struct buf* m = request(p, user, "password");

  wr_bool(m, 1);
  wr_cstr(m, text);
  wr_cstr(m, "new");
  peer_send(p);
}

static inline void wr_blob(struct buf* m, const uvssh_key_t* key) {
  size_t len;
  const uint8_t* blob = uvssh_key_blob(key, &len);

  wr_str(m, blob, len);
}

static inline void probe(struct peer* p, const char* user,
                         const uvssh_key_t* key) {
  struct buf* m = request(p, user, "publickey");

  wr_bool(m, 0);
  wr_cstr(m, "ssh-ed25519");
  wr_blob(m, key);
  peer_send(p);
}

/* RFC 4252 section 7, made here. */
static inline void sign(struct peer* p, const char* user,
                        const uvssh_key_t* key, struct buf* signature) {
  struct buf data = { 0 };

  wr_str(&data, p->session_id, 32);
  wr_u8(&data, MSG_USERAUTH_REQUEST);
  wr_cstr(&data, user);
  wr_cstr(&data, "ssh-connection");
  wr_cstr(&data, "publickey");
  wr_bool(&data, 1);
  wr_cstr(&data, "ssh-ed25519");
  wr_blob(&data, key);
  CHECK_EQ(uvssh__key_sign(key, uvssh__sign_find(STR("ssh-ed25519")), data.base,
                           data.len, signature), 0);
  uvssh__buf_free(&data);
}

static inline void say_signed(struct peer* p, const char* user,
                              const uvssh_key_t* key, struct buf* signature) {
  struct buf* m = request(p, user, "publickey");

  wr_bool(m, 1);
  wr_cstr(m, "ssh-ed25519");
  wr_blob(m, key);
  wr_str(m, signature->base, signature->len);
  uvssh__buf_free(signature);
  peer_send(p);
}

static inline void proof(struct peer* p, const char* user,
                         const uvssh_key_t* key) {
  struct buf signature = { 0 };

  sign(p, user, key, &signature);
  say_signed(p, user, key, &signature);
}

static inline struct peer* begin(enum say say) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->app->say_auth = say;
  peer_open(p);
  peer_reach_auth(p);
  return p;
}

/* The next message is FAILURE with these. */
static inline void failed(struct peer* p, const char* methods, int partial) {
  rd_t* m = peer_expect(p, MSG_USERAUTH_FAILURE);
  str_t list = rd_str(m);

  CHECK_MEM(list.base, list.len, methods, strlen(methods));
  CHECK_EQ(rd_bool(m), partial);
  CHECK_EQ(rd_end(m), 0);
}

static const char all[] = "publickey,password";

/* Nothing comes before its time, and then it does. */
static inline void failed_after(struct peer* p, uint64_t ms) {
  pipe_sleep(&p->app->pipe, ms - 1);
  peer_expect_nothing(p);
  pipe_sleep(&p->app->pipe, 1);
  failed(p, all, 0);
}

#endif
