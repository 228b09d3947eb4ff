/* Key re-exchange between two sessions: by whom, when, and what waits. RFC 4253
 * section 9. */
#include "app.h"

static uint64_t rekeys(struct app* a) {
  uvssh_session_info_t server;
  uvssh_session_info_t client;

  uvssh_session_info(&a->pipe.server.pub, &server);
  uvssh_session_info(&a->pipe.client.pub, &client);
  CHECK_EQ(server.rekeys, client.rekeys);
  return server.rekeys;
}

static const char* const ciphers[] = { "chacha20-poly1305@openssh.com",
                                       "aes256-gcm@openssh.com", "aes256-ctr" };

static void rekey(struct app* a, struct app_req* r, struct side* s) {
  CHECK_EQ(uvssh_session_rekey(app_req(a, r, "rekey"), &s->pub, app_done), 0);
}

TEST(rekey_by_either_side_and_both_at_once) {
  struct app* a = app_new();
  struct app_req one, two;
  size_t len;
  uint8_t id[32];

  app_login(a);
  memcpy(id, uvssh_session_id(&a->pipe.server.pub, &len), 32);
  CHECK_EQ(len, 32);
  rekey(a, &one, &a->pipe.client);
  CHECK_EQ(uvssh_session_rekey(NULL, &a->pipe.client.pub, NULL), UV_EBUSY);
  pipe_run(&a->pipe);
  CHECK(one.done && one.status == 0);
  rekey(a, &one, &a->pipe.server);
  pipe_run(&a->pipe);
  CHECK(one.done && one.status == 0);
  CHECK_EQ(rekeys(a), 2);
  rekey(a, &one, &a->pipe.server);
  rekey(a, &two, &a->pipe.client);
  pipe_run(&a->pipe);
  CHECK(one.done && one.status == 0 && two.done && two.status == 0);
  CHECK_EQ(rekeys(a), 3);
  CHECK_MEM(id, 32, uvssh_session_id(&a->pipe.server.pub, &len), 32);
  CHECK_MEM(id, 32, uvssh_session_id(&a->pipe.client.pub, &len), 32);
  app_end(a);
}

/* A host key that comes while a session runs is for new ones: this one's client
 * holds to what it has accepted. */
TEST(rekey_with_the_key_of_the_first_exchange) {
  struct app* a = app_new();
  struct hostkeys* keys = &a->pipe.hostkeys;
  uvssh_session_info_t info;
  struct app_req req;
  unsigned i;

  uvssh_key_unref(keys->key[0]);
  CHECK_EQ(uvssh_key_generate(&keys->key[0], UVSSH_KEY_ECDSA, 0), 0);
  app_login(a);
  CHECK_EQ(uvssh_key_generate(&keys->key[keys->count++], UVSSH_KEY_ED25519, 0),
           0);
  for (i = 0; i < 2; i++) {
    rekey(a, &req, i == 0 ? &a->pipe.server : &a->pipe.client);
    pipe_run(&a->pipe);
    CHECK(req.done && req.status == 0);
    uvssh_session_info(&a->pipe.client.pub, &info);
    CHECK_STR(info.hostkey_algorithm, "ecdsa-sha2-nistp256");
  }
  CHECK_EQ(rekeys(a), 2);
  app_end(a);
}

TEST(rekey_not_before_login) {
  struct app* a = app_new();

  app_start(a);
  CHECK_EQ(uvssh_session_rekey(NULL, &a->pipe.client.pub, NULL), UV_ENOTCONN);
  app_end(a);
}

static void torture(struct app* a, size_t n) {
  app_login(a);
  app_channel(a, 0);
  app_channel(a, 1);
  app_transfer(&a->asked[0], &a->served[0], n);
  app_transfer(&a->served[1], &a->asked[1], n);
}

/* Little by little, so that each message is an occasion. */
static void trickle(struct app* a, unsigned n) {
  while (n-- > 0) {
    app_transfer(&a->asked[0], &a->served[0], 20);
    pipe_run(&a->pipe);
  }
}

TEST(rekey_every_packet_of_both_during_data) {
  static const size_t chunks[] = { 1, 7, 61, 1000, 0 };
  struct app* a;
  size_t i, k;

  for (i = 0; i < ARRAY_SIZE(ciphers); i++)
    for (k = i % check_stride(); k < ARRAY_SIZE(chunks); k += check_stride()) {
      NOTE("%s, chunks of %zu", ciphers[i], chunks[k]);
      a = app_new();
      a->server_config.ciphers = ciphers[i];
      a->server_config.rekey_packets = a->client_config.rekey_packets = 1;
      pipe_chunk(&a->pipe, chunks[k], 0);
      torture(a, 200000);
      trickle(a, 100);
      CHECK(rekeys(a) > 100);
      app_end(a);
    }
}

TEST(rekey_by_bytes_during_data) {
  struct app* a;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(ciphers); i++) {
    a = app_new();
    a->server_config.ciphers = ciphers[i];
    a->server_config.rekey_bytes = 65536;
    a->client_config.rekey_bytes = 50000;
    pipe_chunk(&a->pipe, 20000, 1);
    torture(a, 2000000);
    CHECK(rekeys(a) >= 4);         /* what is sealed in one turn goes on */
    CHECK(rekeys(a) < 1000);
    app_end(a);
  }
}

TEST(rekey_by_time) {
  struct app* a = app_new();

  a->server_config.rekey_ms = 1000;
  a->client_config.rekey_ms = 0;
  app_login(a);
  CHECK_EQ(rekeys(a), 0);
  pipe_sleep(&a->pipe, 999);
  CHECK_EQ(rekeys(a), 0);
  pipe_sleep(&a->pipe, 1);
  CHECK_EQ(rekeys(a), 1);
  pipe_sleep(&a->pipe, 10000);
  CHECK_EQ(rekeys(a), 11);
  app_end(a);
}

TEST(rekey_thousand_times_and_the_heap_is_flat) {
  struct app* a = app_new();
  struct app_req req;
  size_t bytes = 0;
  size_t live = 0;
  unsigned times = 1000 / check_stride();
  unsigned i;

  app_login(a);
  for (i = 0; i < times; i++) {
    if (i == 10) {
      bytes = heap_bytes();
      live = heap_live();
    }
    rekey(a, &req, i % 2 == 0 ? &a->pipe.server : &a->pipe.client);
    app_log_clear(a);
    pipe_run(&a->pipe);
    CHECK(req.done && req.status == 0);
  }
  CHECK_EQ(heap_live(), live);
  CHECK_EQ(heap_bytes(), bytes);
  CHECK_EQ(rekeys(a), times);
  app_end(a);
}

TEST(rekey_that_is_never_answered_times_out) {
  struct app* a = app_new();
  struct app_req req;

  a->client_config.kex_timeout_ms = 5000;
  app_login(a);
  a->pipe.server.stop = 1;
  rekey(a, &req, &a->pipe.client);
  pipe_sleep(&a->pipe, 4999);
  CHECK_EQ(req.done, 0);
  pipe_sleep(&a->pipe, 1);
  pipe_finish(&a->pipe);
  CHECK_EQ(req.status, UV_ETIMEDOUT);
  CHECK_EQ(a->pipe.client.end.status, UV_ETIMEDOUT);
  app_end(a);
}

/* What is sent during an exchange waits, and leaves in its order. */
TEST(rekey_holds_what_is_sent_meanwhile) {
  struct app* a = app_new();
  uvssh_channel_request_t ask = { .type = UVSSH_REQUEST_ENV, .name = "A",
                                  .value = "b" };
  struct app_req one, two, three;
  uvssh_req_t write;

  app_login(a);
  app_channel(a, 0);
  rekey(a, &one, &a->pipe.client);
  CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, "x", 1), 0);
  CHECK_EQ(uvssh_channel_request(app_req(a, &two, "env"), &a->asked[0].pub,
                                 &ask, app_done), 0);
  CHECK_EQ(uvssh_channel_exec(app_req(a, &three, "exec"), &a->asked[0].pub,
                              "ls", app_done), 0);
  memset(&write, 0, sizeof(write));
  CHECK_EQ(uvssh_channel_queue_size(&a->asked[0].pub), 1);
  pipe_run(&a->pipe);
  CHECK(one.done && two.done && three.done);
  CHECK_EQ(a->served[0].got[0], 1);
  CHECK_EQ(two.status, 0);
  CHECK_EQ(three.status, 0);
  app_end(a);
}

/* The peer's last window was on its way when we began: what it sent is
 * consumed during the exchange, and credited behind it. */
TEST(rekey_does_not_lose_credit) {
  struct app* a = app_new();
  uint8_t block[4096];
  size_t i;

  a->server_config.window_bytes = 16384;
  app_login(a);
  app_channel(a, 0);
  a->served[0].pattern = 1;
  for (i = 0; i < 10; i++) {
    app_pattern(block, i * sizeof(block), sizeof(block));
    CHECK_EQ(uvssh_channel_send(&a->asked[0].pub, UVSSH_DATA, block,
                                sizeof(block)), 0);
  }
  while (pipe_turn(&a->pipe.client))
    ;                              /* a whole window is on the way */
  CHECK_EQ(uvssh_session_rekey(NULL, &a->pipe.server.pub, NULL), 0);
  pipe_run(&a->pipe);
  CHECK_EQ(a->served[0].got[0], 10 * sizeof(block));
  app_end(a);
}

TEST(rekey_completes_with_slow_jobs_and_held_ones) {
  struct app* a = app_new();
  struct app_req req;

  a->pipe.jobs = JOBS_LATER;
  a->pipe.job_steps = 5;
  app_login(a);
  rekey(a, &req, &a->pipe.client);
  pipe_run(&a->pipe);
  CHECK(req.done && req.status == 0);
  a->pipe.jobs = JOBS_HELD;
  rekey(a, &req, &a->pipe.client);
  pipe_run(&a->pipe);
  CHECK_EQ(req.done, 0);
  CHECK_EQ(a->pipe.waiting_count, 1);
  uvssh_session_close(&a->pipe.server.pub);
  pipe_finish(&a->pipe);
  CHECK(req.done);
  CHECK_EQ(req.status, UV_EOF);
  pipe_release_jobs(&a->pipe);     /* its session has gone long ago */
  app_end(a);
}
