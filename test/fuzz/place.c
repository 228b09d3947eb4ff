/* place.c: see place.h. Time stands still, jobs run at once, and the log is
 * listened to, so that its lines are made. */
#include "place.h"

static void on_wake(struct desk* desk) {
}

static int on_submit(struct desk* desk, struct job* job) {
  job->run(job);
  return 1;
}

static uint64_t on_now(const struct desk* desk) {
  return 1000;
}

static void on_log(void* arg,
                   uvssh_log_level level,
                   const uvssh_session_t* session,
                   const char* text) {
  MUST(strlen(text) < 1024);
  fuzz_trace(text, strlen(text));
}

static const struct desk_ops ops = { on_wake, on_submit, on_now, NULL };

void place_open(struct place* p, int is_server) {
  memset(p, 0, sizeof(*p));
  uvssh_config_init(&p->desk.config);
  p->desk.ops = &ops;
  p->desk.pool = &p->pool;
  p->desk.is_server = is_server;
  p->desk.log.cb = on_log;
  p->desk.log.level = UVSSH_LOG_INFO;
  queue_init(&p->desk.questions);
  queue_init(&p->desk.done);
  p->hostkeys.key[0] = fuzz_key(KEY_OF_HOST);
  p->hostkeys.count = 1;
  uvssh__pool_init(&p->pool);
  uvssh__transport_init(&p->t, &p->desk, is_server ? &p->hostkeys : NULL);
}

void place_drop_output(struct place* p) {
  uv_buf_t out;

  while (uvssh__output_next(&p->t, &out))
    uvssh__output_done(&p->t);
}

void place_close(struct place* p) {
  uvssh__transport_free(&p->t);
  uvssh__pool_free(&p->pool);
}
