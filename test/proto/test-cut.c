/* A whole session, cut at every byte, either way: EOF, a reset, or silence.
 * Everything ends, once, with the right code, and nothing is left. */
#include "app.h"

static int is_complete(const struct app* a) {
  return a->asked[0].exit_status == 3 && a->asked[1].got[0] == 5000 &&
         a->pipe.client.end.status == 0;
}

static void check_cut(const struct side* s, int is_sender, enum cut cut) {
  if (s->end.status == 0)          /* it had ended by itself */
    return;
  if (cut == CUT_SILENCE)
    CHECK(s->end.status == UV_ETIMEDOUT || s->end.status == UV_EOF ||
          s->end.status == UVSSH_ENOBANNER ||
          s->end.status == UVSSH_EDISCONNECT);
  else if (cut == CUT_RESET)
    CHECK(s->end.status == UV_ECONNRESET || s->end.status == UV_EOF ||
          s->end.status == UVSSH_ENOBANNER ||
          s->end.status == UVSSH_EDISCONNECT);
  else
    CHECK(s->end.status == UV_EOF || s->end.status == UVSSH_ENOBANNER ||
          s->end.status == UVSSH_EDISCONNECT);
}

/* At every `step`-th byte, and of the bulk at some only. */
static void cut_everywhere(int of_server, enum cut cut, unsigned step) {
  struct app* a = app_new();
  uint64_t total, n;

  app_script(a);
  total = of_server ? a->pipe.server.delivered : a->pipe.client.delivered;
  app_end(a);
  for (n = 0; n < total; n += n > 4000 && n + 3000 < total ? 97 : step) {
    NOTE("%s cut at byte %u of %u", of_server ? "server" : "client",
         (unsigned) n, (unsigned) total);
    a = app_new();
    (of_server ? &a->pipe.server : &a->pipe.client)->cut_at = n;
    (of_server ? &a->pipe.server : &a->pipe.client)->cut = cut;
    app_script(a);
    CHECK(!is_complete(a) || n + 200 > total);
    check_cut(&a->pipe.server, of_server, cut);
    check_cut(&a->pipe.client, !of_server, cut);
    app_end(a);
  }
}

TEST(bar_1_cut_servers_bytes_eof) {
  cut_everywhere(1, CUT_EOF, 1);
}

TEST(bar_1_cut_clients_bytes_eof) {
  cut_everywhere(0, CUT_EOF, 1);
}

TEST(bar_1_cut_servers_bytes_reset) {
  cut_everywhere(1, CUT_RESET, 7);
}

TEST(bar_1_cut_clients_bytes_reset) {
  cut_everywhere(0, CUT_RESET, 7);
}

TEST(bar_1_cut_servers_bytes_silence) {
  cut_everywhere(1, CUT_SILENCE, 7);
}

TEST(bar_1_cut_clients_bytes_silence) {
  cut_everywhere(0, CUT_SILENCE, 7);
}
