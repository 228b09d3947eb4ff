/* A whole session in which the libraries below get no memory: for AES-GCM by
 * mbedTLS, as on a machine without AES instructions. It ends; no packet, host
 * or user is believed for that. */
#include "library.h"
#include "trace.h"

/* libsodium's own: this program is such a machine. */
int crypto_aead_aes256gcm_is_available(void);
int crypto_aead_aes256gcm_is_available(void) {
  return 0;
}

static const char gcm[] = "aes256-gcm@openssh.com";

/* Later ones may not need any. */
static void need_mbedtls(void) {
  struct keys keys = { 0 };
  uint8_t zero[64] = { 0 };

  if (!library_is_there("mbedcrypto"))
    SKIP("mbedTLS is no shared object here");
  library_fail(0, 0);
  CHECK_EQ(uvssh__keys_init(&keys, &uvssh__aes256_gcm, NULL, zero, zero, zero,
                            1), 0);
  uvssh__keys_free(&keys);
  if (library_count() == 0)
    SKIP("no allocation for AES-GCM is seen: this mbedTLS needs none, or "
         "valgrind leads it elsewhere");
}

static int is_told(int status) {
  return status == UVSSH_EDISCONNECT || status == UV_EOF;
}

/* One side could not make its keys; the other one is told. */
static void check_end(const struct app* a) {
  int server = a->pipe.server.end.status;
  int client = a->pipe.client.end.status;

  CHECK((server == UV_ENOMEM && is_told(client)) ||
        (client == UV_ENOMEM && is_told(server)));
  CHECK(!app_script_is_complete(a));
}

TEST(bar_3_mbedtls_gets_no_memory_once) {
  struct app* a = app_new();
  size_t last = 0;

  need_mbedtls();
  a->client_config.ciphers = gcm;
  LIBRARY_SWEEP(n) {
    NOTE("allocation %zu of the libraries", n);
    app_script(a);
    last = n;
    if (library_failed())
      check_end(a);
    else
      CHECK(app_script_is_complete(a));
    app_script_again(a);
  }
  CHECK(last > 12);                /* three exchanges, two sides, both ways */
  app_end(a);
}

TEST(bar_3_mbedtls_gets_no_memory_from_then_on) {
  struct app* a = app_new();

  need_mbedtls();
  a->client_config.ciphers = gcm;
  LIBRARY_SWEEP_ON(n) {
    NOTE("allocation %zu of the libraries, and all behind it", n);
    app_script(a);
    CHECK_EQ(app_script_is_complete(a), !library_failed());
    app_script_again(a);
  }
  app_end(a);
}

/* With one of our own behind it, each in turn: what is half made is undone. */
TEST(bar_3_and_then_we_get_none) {
  struct app* a = app_new();
  size_t n;

  need_mbedtls();
  a->client_config.ciphers = gcm;
  a->unit = 10;
  for (n = 1; n <= 12; n++)
    HEAP_SWEEP(k) {
      NOTE("allocation %zu of the libraries, %zu of ours", n, k);
      library_fail(n, 0);
      app_script(a);
      CHECK(library_failed() || heap_failed());
      CHECK(!app_script_is_complete(a));
      app_script_again(a);
    }
  library_fail(0, 0);
  app_end(a);
}

/* What was changed on its way is refused, whatever there is no memory for. */
TEST(lesson_70_no_memory_of_mbedtls_is_no_verdict) {
  static struct trace trace;
  struct app* a = trace_app(gcm);
  const struct trace_wire* w = &trace.wire[1];
  unsigned i;

  need_mbedtls();
  trace_make(&trace, gcm);
  for (i = 4; i + 1 < w->count; i++)
    LIBRARY_SWEEP(n) {
      NOTE("message %u of the client, allocation %zu of the libraries", i, n);
      a->pipe.client.flip_at = w->message[i].end - 1;
      app_script(a);
      CHECK(!app_script_is_complete(a));
      if (!library_failed())
        CHECK_EQ(a->pipe.server.end.status, UVSSH_EMAC);
      app_script_again(a);
    }
  app_end(a);
}
