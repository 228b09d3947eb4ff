/* Many sessions that come and go, for a minute: nothing is lost, doubled, out
 * of order, or left behind. See load.h; scripts/soak runs it for longer. */
#include "check.h"
#include "load.h"

enum { SECONDS = 60, SESSIONS = 500, CHANNELS = 4 };

static unsigned share(unsigned whole, unsigned least) {
  unsigned part = whole / check_share();

  return part < least ? least : part;
}

TEST(load_comes_and_goes) {
  struct load_options o = {
    .seconds = share(SECONDS, 10), .sessions = share(SESSIONS, 40),
    .channels = CHANNELS, .seed = 1, .library_bytes = heap_bytes
  };
  struct load_result r;
  unsigned i;

  CHECK_EQ(load_run(&o, &r), 0);
  printf("load: %llu sessions of %llu MiB in all, %llu channels, %llu exchanges"
         " of keys, %llu pauses, %llu waits\n",
         (unsigned long long) r.sessions_ended,
         (unsigned long long) r.bytes >> 20,
         (unsigned long long) r.channels_ended,
         (unsigned long long) r.exchanges, (unsigned long long) r.pauses,
         (unsigned long long) r.waits);
  /* Something was tested: each place had a whole life, with its exchanges. */
  CHECK_EQ(r.most_channels, r.sessions * CHANNELS);
  CHECK(r.sessions_whole >= r.sessions);
  CHECK(r.exchanges >= r.sessions);
  CHECK(r.bytes >= (uint64_t) r.sessions * REKEY_BYTES);
  CHECK(r.channels_ended > r.sessions_ended * CHANNELS);
  CHECK(r.logins_by_key > 0 && r.logins_by_key < r.sessions_ended);
  CHECK(r.pauses > 0);
  CHECK(r.waits > 0);
  for (i = 0; i < load_mix_count; i++)
    CHECK(r.agreed[i] > 0);
}
