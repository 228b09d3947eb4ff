/* Two sessions in memory log in, in pieces of every size, with every cipher. */
#include "app.h"

static const size_t chunks[] = { 1, 2, 3, 5, 7, 16, 61, 1000, 0 };

static const struct {
  const char* cipher;
  const char* mac;
} suites[] = {
  { "chacha20-poly1305@openssh.com", NULL },
  { "aes256-gcm@openssh.com", NULL },
  { "aes256-ctr", "hmac-sha2-256" },
  { "aes256-ctr", "hmac-sha2-256-etm@openssh.com" },
};

static const unsigned methods[] = { UVSSH_AUTH_NONE, UVSSH_AUTH_PASSWORD,
                                    UVSSH_AUTH_PUBLICKEY };

static void whole_script(size_t suite, size_t chunk, unsigned method) {
  struct app* a = app_new();
  uvssh_session_info_t info;
  struct app_req exec;

  a->client_config.ciphers = suites[suite].cipher;
  a->client_config.macs = suites[suite].mac;
  a->method = method;
  pipe_chunk(&a->pipe, chunk, 0);
  app_login(a);
  CHECK_STR(uvssh_session_user(&a->pipe.server.pub), "bob");
  CHECK((uvssh_session_key(&a->pipe.server.pub) != NULL) ==
        (method == UVSSH_AUTH_PUBLICKEY));
  uvssh_session_info(&a->pipe.server.pub, &info);
  CHECK_STR(info.cipher_in, suites[suite].cipher);
  CHECK_STR(info.mac_out, suites[suite].mac == NULL ? "" : suites[suite].mac);
  CHECK_EQ(info.strict, 1);

  app_channel(a, 0);
  CHECK_EQ(uvssh_channel_exec(app_req(a, &exec, "exec"), &a->asked[0].pub,
                              "list", app_done), 0);
  pipe_run(&a->pipe);
  app_transfer(&a->asked[0], &a->served[0], chunk == 1 ? 3000 : 50000);
  app_transfer(&a->served[0], &a->asked[0], chunk == 1 ? 3000 : 50000);
  CHECK_EQ(uvssh_channel_send(&a->served[0].pub, UVSSH_STDERR, "oops", 4), 0);
  CHECK_EQ(uvssh_channel_shutdown(NULL, &a->asked[0].pub, NULL), 0);
  CHECK_EQ(uvssh_channel_exit(&a->served[0].pub, 7, 0), 0);
  pipe_run(&a->pipe);
  CHECK_STR(a->asked[0].text[1], "oops");
  CHECK_EQ(a->asked[0].exit_status, 7);
  CHECK_EQ(a->asked[0].end, UV_EOF);
  CHECK_EQ(a->asked[0].closes, 1);
  CHECK_EQ(a->served[0].closes, 1);
  CHECK_EQ(a->asked[0].status, 0);
  CHECK_EQ(uvssh_session_disconnect(&a->pipe.client.pub,
                                    UVSSH_DISCONNECT_BY_APPLICATION, "bye"), 0);
  pipe_finish(&a->pipe);
  CHECK_EQ(a->pipe.client.end.status, 0);
  CHECK_EQ(a->pipe.server.end.status, UVSSH_EDISCONNECT);
  CHECK_EQ(a->pipe.server.end.reason, UVSSH_DISCONNECT_BY_APPLICATION);
  CHECK_EQ(a->pipe.server.end.by_peer, 1);
  CHECK_STR(a->pipe.server.end.text, "bye");
  app_end(a);
}

TEST(login_every_cipher_method_and_chunk) {
  size_t i, k, m;

  for (i = 0; i < ARRAY_SIZE(suites); i++)
    for (k = 0; k < ARRAY_SIZE(chunks); k++)
      for (m = 0; m < ARRAY_SIZE(methods); m++) {
        NOTE("suite %zu, chunks of %zu, method %zu", i, chunks[k], m);
        whole_script(i, chunks[k], methods[m]);
      }
}
