/* Without memory, at every allocation in turn, nothing is believed that would
 * not have been believed with it: no host, no user, no packet. */
#include "../proto/auth.h"
#include "trace.h"

static struct trace trace;

static const struct trace_message* find(const struct trace_wire* w,
                                        uint8_t number) {
  unsigned i;

  for (i = 0; i < w->count; i++)
    if (w->message[i].number == number)
      return &w->message[i];
  FAIL("%s was not said", uvssh__msg_name(number));
}

static void never(struct app* a) {
  CHECK_EQ(a->client_ready, 0);
  CHECK_EQ(a->server_ready, 0);
  CHECK_EQ(a->auths, 0);
  CHECK(a->pipe.client.end.status != 0 || !a->pipe.client.closes);
}

/* The server's answer with its key, value and signature, changed in some byte:
 * without memory, too, the client ends. */
TEST(lesson_72_no_memory_is_no_verdict_on_a_host) {
  struct app* a;
  const struct trace_message* m;
  uint64_t at;

  trace_make(&trace, NULL);
  m = find(&trace.wire[0], MSG_KEX_ECDH_REPLY);
  for (at = m->start + 10; at < m->end - 11; at += check_share()) {
    a = trace_app(NULL);
    HEAP_SWEEP(n) {
      NOTE("byte %u, allocation %zu", (unsigned) (at - m->start), n);
      a->pipe.server.flip_at = at;
      app_script(a);
      never(a);
      app_script_again(a);
    }
    app_end(a);
  }
}

/* The user does not know this host. */
static void on_hostkey(uvssh_session_t* session, uvssh_key_t* key,
                       uvssh_host_verdict verdict, uvssh_reply_t reply) {
  app_tried(app_of(session), uvssh_reply_reject(reply));
}

TEST(lesson_72_no_memory_is_no_yes_to_a_host) {
  struct app* a = trace_app(NULL);

  a->on_client.on_hostkey = on_hostkey;
  HEAP_SWEEP(n) {
    NOTE("allocation %zu", n);
    app_script(a);
    never(a);
    app_script_again(a);
  }
  app_end(a);
}

TEST(lesson_72_no_memory_is_no_yes_to_a_user) {
  struct app* a = trace_app(NULL);

  a->say_auth = SAY_NO;
  a->server_config.auth_rejection_ms = 0;
  HEAP_SWEEP(n) {
    NOTE("allocation %zu", n);
    app_script(a);
    CHECK_EQ(a->client_ready + a->server_ready, 0);
    app_script_again(a);
  }
  app_end(a);
}

/* A packet that is not the client's: every message behind the first NEWKEYS, in
 * its last byte (the tag) and in one of its middle. */
TEST(lesson_70_no_memory_is_no_verdict_on_a_packet) {
  struct app* a = trace_app(NULL);
  const struct trace_wire* w = &trace.wire[1];
  unsigned i, k;

  trace_make(&trace, NULL);
  for (i = 6; i + 1 < w->count; i += 9)
    for (k = 0; k < 2; k++)
      HEAP_SWEEP(n) {
        NOTE("message %u of the client, allocation %zu", i, n);
        a->pipe.client.flip_at = k == 0 ? w->message[i].end - 1
                                        : w->message[i].start + 8;
        app_script(a);
        CHECK(!app_script_is_complete(a));
        if (!heap_failed())
          CHECK_EQ(a->pipe.server.end.status, UVSSH_EMAC);
        app_script_again(a);
      }
  app_end(a);
}

/* ---- a peer that lies about who it is ------------------------------------ */

/* Its signature is wrong in one byte; every allocation of the server fails. */
static void offer_wrong(size_t at, size_t n) {
  struct peer* p = begin(SAY_YES);
  struct buf signature = { 0 };
  unsigned proven;

  NOTE("byte %zu, allocation %zu", at, n);
  sign(p, "bob", p->app->user_key, &signature);
  CHECK(at < signature.len);
  signature.base[at] ^= 1;
  say_signed(p, "bob", p->app->user_key, &signature);
  heap_fail_at(n);
  pipe_run(&p->app->pipe);
  heap_fail_at(0);
  proven = strstr(p->app->log, "signed") != NULL;
  CHECK_EQ(proven, 0);
  CHECK_EQ(p->app->server_ready, 0);
  peer_end(p);
}

TEST(lesson_70_no_memory_is_no_verdict_on_a_signature) {
  size_t at, n;

  for (at = 0; at < 83; at += 5)   /* 4, 11, 4, 64 */
    for (n = 1; n < 30; n++)
      offer_wrong(at, n);
}
