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

static struct {
  unsigned lines;
  unsigned packets;
} heard;

static void on_log(void* arg, uvssh_log_level level,
                   const uvssh_session_t* session, const char* text) {
  size_t i;

  CHECK(arg == &heard);
  heard.lines++;
  heard.packets += level == UVSSH_LOG_PACKET;
  CHECK(strstr(text, "secret") == NULL);       /* the password */
  for (i = 0; text[i] != '\0'; i++)
    CHECK((uint8_t) text[i] >= 32 && text[i] != 127);
}

/* The loudest log changes nothing, tells no password, and is one line a call. */
TEST(lesson_56_105_log_at_its_loudest) {
  struct app* a;
  size_t m;

  memset(&heard, 0, sizeof(heard));
  for (m = 0; m < ARRAY_SIZE(methods); m++) {
    a = app_new();
    a->server_config.log = a->client_config.log = on_log;
    a->server_config.log_arg = a->client_config.log_arg = &heard;
    a->server_config.log_level = a->client_config.log_level = UVSSH_LOG_PACKET;
    a->client_config.software = "evil%s%n_client";
    a->method = methods[m];
    app_login(a);
    app_channel(a, 0);
    app_transfer(&a->asked[0], &a->served[0], 1000);
    CHECK_EQ(uvssh_session_disconnect(&a->pipe.client.pub, 11,
                                      "\x1b[2Jsecre\nt"), 0);
    pipe_finish(&a->pipe);
    app_end(a);
  }
  CHECK(heard.packets > 50);
  CHECK(heard.lines > heard.packets);
}
