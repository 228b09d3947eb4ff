/* Memory that runs out while a message of ours waits for new keys. */
#include "served.h"

#include <stdlib.h>

/* A request of 4000 bytes during an exchange, whose n-th allocation fails; then
 * the exchange's job comes back, before a turn has seen it. 0: none failed. */
static int fail_nth(size_t n, const uint8_t* extra) {
  uvssh_channel_request_t what = { .type = UVSSH_REQUEST_OTHER,
    .name = "x@example.com", .extra = extra, .extra_len = 4000 };
  uint32_t id;
  struct peer* p = begin(1000, &id);
  int failed;

  p->app->pipe.jobs = JOBS_HELD;
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  peer_say_kex(p);
  pipe_run(&p->app->pipe);
  heap_fail_at(n);
  (void) uvssh_channel_request(NULL, served(p), &what, NULL);
  failed = heap_failed();
  heap_fail_at(0);
  pipe_release_jobs(&p->app->pipe);
  peer_read_kex(p);
  peer_read_newkeys(p);
  if (failed) {
    peer_ended(p, UV_ENOMEM, 11);
  } else {
    peer_say_newkeys(p);
    CHECK_EQ(rd_u32(peer_expect(p, MSG_CHANNEL_REQUEST)), 9);
    peer_alive(p);
  }
  peer_end(p);
  return failed;
}

/* What was kept of the message, a length without its bytes, is not sent. */
TEST(rekey_message_that_waits_finds_no_memory) {
  uint8_t* extra = (uint8_t*) calloc(1, 4000);
  size_t n = 1;

  CHECK(extra != NULL);
  while (fail_nth(n, extra)) {
    NOTE("allocation %zu", n);
    n++;
  }
  CHECK(n > 2);
  free(extra);
}
