/* hostkeys-00 and hostkeys-prove-00@openssh.com as a client: what a server may
 * tell of its keys, and what it must prove before the user hears of it. */
#include "peer.h"

#include <stdio.h>

#define TELL "hostkeys-00@openssh.com"
#define PROVE "hostkeys-prove-00@openssh.com"

enum { MADE = 33 };                /* one more than a client keeps */

static uvssh_key_t* made[MADE];
static struct { unsigned calls, count; uvssh_key_t* key[64]; } heard;

static void on_hostkeys(uvssh_session_t* session, uvssh_key_t* const* keys,
                        unsigned count) {
  unsigned i;

  heard.calls++;
  heard.count = count;
  for (i = 0; i < count; i++)
    heard.key[i] = uvssh_key_ref(keys[i]);
}

static int has_heard(const uvssh_key_t* key) {
  unsigned i;

  for (i = 0; i < heard.count; i++)
    if (uvssh_key_equal(heard.key[i], key))
      return 1;
  return 0;
}

static void forget(void) {
  while (heard.count > 0)
    uvssh_key_unref(heard.key[--heard.count]);
  heard.calls = 0;
}

static struct peer* begin(int listens) {
  struct peer* p = peer_new(PEER_SERVER);
  unsigned i;

  for (i = 0; i < MADE; i++)
    CHECK_EQ(uvssh_key_generate(&made[i], UVSSH_KEY_ED25519, 0), 0);
  forget();
  if (listens)
    p->app->on_client.on_hostkeys = on_hostkeys;
  peer_open(p);
  peer_reach_open(p);
  return p;
}

static void again(struct peer* p) {
  forget();
  peer_again(p);
  peer_open(p);
  peer_reach_open(p);
}

static void end(struct peer* p) {
  unsigned i;

  for (i = 0; i < MADE; i++)
    uvssh_key_unref(made[i]);
  forget();
  peer_end(p);
}

static void wr_blob(struct buf* m, const uvssh_key_t* key) {
  size_t len;
  const uint8_t* blob = uvssh_key_blob(key, &len);

  wr_str(m, blob, len);
}

static struct buf* tell(struct peer* p) {
  struct buf* m = peer_message(p, MSG_GLOBAL_REQUEST);

  wr_cstr(m, TELL);
  wr_bool(m, 0);
  return m;
}

/* Tells its own key and the first `count` of those made. */
static void tell_some(struct peer* p, unsigned count) {
  struct buf* m = tell(p);
  unsigned i;

  wr_blob(m, p->hostkey);
  for (i = 0; i < count; i++)
    wr_blob(m, made[i]);
  peer_send(p);
  pipe_run(&p->app->pipe);
}

static void expect_these(struct peer* p, uvssh_key_t* const* keys,
                         unsigned count) {
  rd_t* m = peer_expect(p, MSG_GLOBAL_REQUEST);
  str_t blob;
  unsigned i;

  CHECK(str_is(rd_str(m), PROVE));
  CHECK_EQ(rd_bool(m), 1);
  for (i = 0; i < count; i++) {
    blob.base = uvssh_key_blob(keys[i], &blob.len);
    CHECK(str_eq(rd_str(m), blob));
  }
  CHECK_EQ(rd_end(m), 0);
}

static void expect_question(struct peer* p, unsigned count) {
  expect_these(p, made, count);
}

static void wr_proof(struct peer* p, struct buf* m, const uvssh_key_t* signer,
                     const uvssh_key_t* of, const char* text) {
  struct buf data = { 0 };
  struct buf signature = { 0 };

  wr_cstr(&data, text);
  wr_str(&data, p->session_id, 32);
  wr_blob(&data, of);
  CHECK_EQ(uvssh__key_sign(signer, uvssh__sign_next(signer, NULL), data.base,
                           data.len, &signature), 0);
  wr_str(m, signature.base, signature.len);
  uvssh__buf_free(&data);
  uvssh__buf_free(&signature);
}

static void prove_these(struct peer* p, uvssh_key_t* const* keys,
                        unsigned count) {
  struct buf* m = peer_message(p, MSG_REQUEST_SUCCESS);
  unsigned i;

  for (i = 0; i < count; i++)
    wr_proof(p, m, keys[i], keys[i], PROVE);
}

static void prove(struct peer* p, unsigned count) {
  prove_these(p, made, count);
}

static void sent(struct peer* p) {
  peer_send(p);
  pipe_run(&p->app->pipe);
}

TEST(hostkeys_are_proven_before_they_are_told) {
  static const unsigned counts[] = { 1, 2, 5, HOSTKEYS_TOLD_MAX - 1 };
  struct peer* p = begin(1);
  unsigned i, k;

  for (i = 0; i < ARRAY_SIZE(counts); i++) {
    NOTE("%u", counts[i]);
    tell_some(p, counts[i]);
    expect_question(p, counts[i]);
    CHECK_EQ(heard.calls, 0);
    prove(p, counts[i]);
    sent(p);
    CHECK_EQ(heard.calls, 1);
    CHECK_EQ(heard.count, counts[i] + 1);
    CHECK(has_heard(p->hostkey));
    for (k = 0; k < counts[i]; k++)
      CHECK(has_heard(made[k]));
    tell_some(p, counts[i]);       /* once is enough */
    peer_alive(p);
    CHECK_EQ(heard.calls, 1);
    again(p);
  }
  end(p);
}

/* The session stands on it: nothing is to be proven. */
TEST(hostkeys_the_one_in_use_is_known) {
  struct peer* p = begin(1);

  tell_some(p, 0);
  peer_expect_nothing(p);
  CHECK_EQ(heard.calls, 1);
  CHECK_EQ(heard.count, 1);
  CHECK(has_heard(p->hostkey));
  end(p);
}

static void nothing_is_told(struct peer* p) {
  sent(p);
  peer_alive(p);
  CHECK_EQ(heard.calls, 0);
  again(p);
}

static struct buf* asked(struct peer* p) {
  tell_some(p, 2);
  expect_question(p, 2);
  return peer_message(p, MSG_REQUEST_SUCCESS);
}

TEST(hostkeys_without_a_proof_are_not_told) {
  struct peer* p = begin(1);
  struct buf* m;

  m = asked(p);                    /* one is missing */
  wr_proof(p, m, made[0], made[0], PROVE);
  nothing_is_told(p);
  (void) asked(p);                 /* both */
  nothing_is_told(p);
  m = asked(p);                    /* in the wrong order */
  wr_proof(p, m, made[1], made[1], PROVE);
  wr_proof(p, m, made[0], made[0], PROVE);
  nothing_is_told(p);
  m = asked(p);                    /* by another key */
  wr_proof(p, m, made[0], made[0], PROVE);
  wr_proof(p, m, made[0], made[1], PROVE);
  nothing_is_told(p);
  m = asked(p);                    /* of another one */
  wr_proof(p, m, made[0], made[0], PROVE);
  wr_proof(p, m, made[1], made[0], PROVE);
  nothing_is_told(p);
  m = asked(p);                    /* for something else */
  wr_proof(p, m, made[0], made[0], PROVE);
  wr_proof(p, m, made[1], made[1], TELL);
  nothing_is_told(p);
  (void) asked(p);
  prove(p, 2);
  wr_u8(&p->message, 0);           /* and a byte more */
  nothing_is_told(p);
  (void) asked(p);
  prove(p, 2);
  p->message.base[p->message.len - 1] ^= 1;
  nothing_is_told(p);
  m = asked(p);
  wr_cstr(m, "");
  wr_cstr(m, "ssh-ed25519");
  nothing_is_told(p);
  (void) asked(p);                 /* in another session */
  p->session_id[3] ^= 1;
  prove(p, 2);
  p->session_id[3] ^= 1;
  nothing_is_told(p);
  (void) asked(p);                 /* it would rather not */
  peer_message(p, MSG_REQUEST_FAILURE);
  nothing_is_told(p);
  end(p);
}

TEST(hostkeys_a_list_that_is_not_sound) {
  struct peer* p = begin(1);

  wr_blob(tell(p), made[0]);       /* not the one in use */
  nothing_is_told(p);
  (void) tell(p);                  /* none */
  nothing_is_told(p);
  wr_blob(tell(p), p->hostkey);    /* one twice */
  wr_blob(&p->message, made[0]);
  wr_blob(&p->message, made[0]);
  nothing_is_told(p);
  wr_blob(tell(p), p->hostkey);
  wr_blob(&p->message, p->hostkey);
  nothing_is_told(p);
  tell_some(p, HOSTKEYS_TOLD_MAX); /* too many */
  peer_alive(p);
  CHECK_EQ(heard.calls, 0);
  again(p);
  wr_u32(tell(p), 7);              /* no strings */
  peer_send(p);
  peer_ended(p, UVSSH_EMESSAGE, 2);
  end(p);
}

/* What this client would not take in an exchange it hears of all the same:
 * whoever keeps a file of keys would drop it otherwise. */
TEST(hostkeys_of_types_that_are_not_wanted) {
  struct peer* p = begin(1);
  uvssh_key_t* ecdsa;
  struct buf* m;

  CHECK_EQ(uvssh_key_generate(&ecdsa, UVSSH_KEY_ECDSA, 256), 0);
  p->app->client_config.hostkey_algorithms = "ssh-ed25519";
  again(p);
  m = tell(p);
  wr_cstr(m, "");
  wr_cstr(m, "no key");
  wr_blob(m, ecdsa);
  wr_blob(m, p->hostkey);
  wr_blob(m, made[0]);
  sent(p);
  expect_these(p, (uvssh_key_t*[]) { ecdsa, made[0] }, 2);
  prove_these(p, (uvssh_key_t*[]) { ecdsa, made[0] }, 2);
  sent(p);
  CHECK_EQ(heard.calls, 1);
  CHECK_EQ(heard.count, 3);
  CHECK(has_heard(made[0]) && has_heard(p->hostkey) && has_heard(ecdsa));
  uvssh_key_unref(ecdsa);
  end(p);
}

/* So many strings, none of them a key, are no list. */
TEST(hostkeys_of_no_kind_without_end) {
  struct peer* p = begin(1);
  struct buf* m;
  unsigned i;

  m = tell(p);
  wr_blob(m, p->hostkey);
  for (i = 0; i < 2000; i++)
    wr_cstr(m, "no key");
  sent(p);
  CHECK_EQ(heard.calls, 0);
  CHECK_EQ(p->side->closes, 0);
  end(p);
}

TEST(hostkeys_nobody_listens) {
  struct peer* p = begin(0);

  tell_some(p, 2);
  peer_expect_nothing(p);
  peer_alive(p);
  end(p);
}

/* It ends while the proof is out, and while it is looked at. */
TEST(hostkeys_and_the_session_ends) {
  struct peer* p = begin(1);
  unsigned i;

  for (i = 0; i < 2; i++) {
    (void) asked(p);
    if (i == 1)
      p->app->pipe.jobs = JOBS_HELD;
    if (i == 1)
      prove(p, 2);
    if (i == 1)
      sent(p);
    uvssh_session_close(&p->side->pub);
    pipe_run(&p->app->pipe);
    CHECK_EQ(p->side->closes, 1);
    p->app->pipe.jobs = JOBS_NOW;
    pipe_release_jobs(&p->app->pipe);
    CHECK_EQ(heard.calls, 0);
    again(p);
  }
  end(p);
}

static void on_hostkey(uvssh_session_t* session, uvssh_key_t* key,
                       uvssh_host_verdict verdict, uvssh_reply_t reply) {
  CHECK_EQ(uvssh_reply_accept(reply), 0);
}

/* All of it between our own, a key of each type; each may be the exchange's. */
TEST(hostkeys_from_a_server_of_ours) {
  static const char* const algorithms[] = { "ssh-ed25519", "rsa-sha2-512",
                                            "ecdsa-sha2-nistp256" };
  struct app* a;
  struct hostkeys* keys;
  char list[200];
  size_t i, k;

  for (i = 0; i < ARRAY_SIZE(algorithms); i++) {
    NOTE("%s", algorithms[i]);
    forget();
    a = app_new();
    keys = &a->pipe.hostkeys;
    CHECK_EQ(uvssh_key_generate(&keys->key[1], UVSSH_KEY_ECDSA, 256), 0);
    CHECK_EQ(uvssh_key_generate(&keys->key[2], UVSSH_KEY_RSA, 2048), 0);
    keys->count = 3;
    a->on_client.on_hostkey = on_hostkey;
    a->on_client.on_hostkeys = on_hostkeys;
    snprintf(list, sizeof(list), "^%s", algorithms[i]);
    a->client_config.hostkey_algorithms = list;
    app_login(a);
    pipe_run(&a->pipe);
    CHECK_EQ(heard.calls, 1);
    CHECK_EQ(heard.count, 3);
    for (k = 0; k < 3; k++)
      CHECK(has_heard(keys->key[k]));
    forget();
    app_end(a);
  }
}
