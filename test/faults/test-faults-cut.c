/* A whole session, cut at every byte, either way. Everything ends, once, in the
 * right order, and with the code, phase and reason that follow from what had
 * arrived by then; nothing is left. */
#include "trace.h"

static struct trace trace;

/* How the wire ends there. */
static const struct how {
  enum cut cut;
  int late;                        /* once all that was answered has arrived */
  int status;
} eof = { CUT_EOF, 0, UV_EOF },
  both = { CUT_BOTH, 1, UV_EOF },
  reset = { CUT_RESET, 1, UV_ECONNRESET },
  silence = { CUT_SILENCE, 0, 0 };

static struct app* cut_at(int of_server, uint64_t n, enum cut cut, int late) {
  struct app* a = trace_app(NULL);
  struct side* s = of_server ? &a->pipe.server : &a->pipe.client;

  NOTE("%s", trace_where(&trace, of_server, n));
  s->cut_at = n;
  s->cut = cut;
  s->cut_late = late;
  app_script(a);
  CHECK_EQ(s->delivered, n);
  CHECK(!app_script_is_complete(a) || n + 200 > trace_total(&trace, of_server));
  return a;
}

static void cut_everywhere(int of_server, struct how how) {
  struct app* a;
  uint64_t n;

  trace_make(&trace, NULL);
  for (n = 0; n < trace_total(&trace, of_server); n += check_share()) {
    a = cut_at(of_server, n, how.cut, how.late);
    trace_check(&trace, a, of_server, n, how.status);
    app_end(a);
  }
}

TEST(bar_1_cut_servers_bytes_eof) {
  cut_everywhere(1, eof);
}

TEST(bar_1_cut_clients_bytes_eof) {
  cut_everywhere(0, eof);
}

TEST(bar_1_cut_servers_bytes_both_ways) {
  cut_everywhere(1, both);
}

TEST(bar_1_cut_clients_bytes_both_ways) {
  cut_everywhere(0, both);
}

TEST(bar_1_cut_servers_bytes_reset) {
  cut_everywhere(1, reset);
}

TEST(bar_1_cut_clients_bytes_reset) {
  cut_everywhere(0, reset);
}

TEST(bar_1_cut_servers_bytes_silence) {
  cut_everywhere(1, silence);
}

TEST(bar_1_cut_clients_bytes_silence) {
  cut_everywhere(0, silence);
}

/* What is on its way back when the reset comes is lost, too: how far the other
 * one came is not known then, but why it ends is. */
static void reset_at_once(int of_server) {
  struct app* a;
  const struct side* to;
  const struct side* from;
  uint64_t n;

  trace_make(&trace, NULL);
  for (n = 1; n < trace_total(&trace, of_server); n += check_share()) {
    a = cut_at(of_server, n, CUT_RESET, 0);
    from = of_server ? &a->pipe.server : &a->pipe.client;
    to = from->other;
    CHECK_EQ(to->end.status,
             to->end.phase == UVSSH_PHASE_IDENT ? UVSSH_ENOBANNER
                                                : UV_ECONNRESET);
    if (from->end.status != 0)
      CHECK_EQ(from->end.status, UV_ECONNRESET);
    app_end(a);
  }
}

TEST(bar_1_reset_at_once_servers_bytes) {
  reset_at_once(1);
}

TEST(bar_1_reset_at_once_clients_bytes) {
  reset_at_once(0);
}
