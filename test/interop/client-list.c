/* client-list.c: which algorithms the library has.
 *
 * There is no function that lists them, so every name that is in use in the
 * world is tried in a configuration. */
#include <stdio.h>
#include <string.h>

#include "client.h"

static const char* const kexes[] = {
  "mlkem768x25519-sha256", "sntrup761x25519-sha512",
  "sntrup761x25519-sha512@openssh.com", "curve25519-sha256",
  "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
  "ecdh-sha2-nistp521", "diffie-hellman-group-exchange-sha256",
  "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512",
  "diffie-hellman-group14-sha256", "diffie-hellman-group14-sha1", NULL
};
static const char* const hostkeys[] = {
  "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa", NULL
};
static const char* const ciphers[] = {
  "chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com",
  "aes128-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr",
  "aes256-cbc", "aes128-cbc", "3des-cbc", NULL
};
static const char* const macs[] = {
  "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com",
  "umac-128-etm@openssh.com", "hmac-sha1-etm@openssh.com", "hmac-sha2-256",
  "hmac-sha2-512", "umac-128@openssh.com", "hmac-sha1", NULL
};

static void on_close(uvssh_session_t* s, const uvssh_end_t* end) {
}

static int known(uv_loop_t* loop, const uvssh_config_t* config) {
  static const uvssh_session_handlers_t handlers = { .on_close = on_close };
  uvssh_session_t s;
  int err = 0;

  memset(&s, 0, sizeof(s));
  err = uvssh_session_init(loop, &s, config, &handlers);
  if (err == 0)
    uvssh_session_close(&s);
  uv_run(loop, UV_RUN_DEFAULT);
  return err == 0;
}

static void list(uv_loop_t* loop,
                 const char* title,
                 const char* const names[],
                 uvssh_config_t* config,
                 const char** setting) {
  const char* before = " ";

  fputs(title, stdout);
  for (size_t i = 0; names[i] != NULL; i++) {
    *setting = names[i];
    if (!known(loop, config))
      continue;
    printf("%s%s", before, names[i]);
    before = ",";
  }
  *setting = NULL;
  putchar('\n');
}

int list_algorithms(uv_loop_t* loop) {
  uvssh_config_t config;

  uvssh_config_init(&config);
  list(loop, "kex", kexes, &config, &config.kex);
  list(loop, "hostkey", hostkeys, &config, &config.hostkey_algorithms);
  list(loop, "cipher", ciphers, &config, &config.ciphers);
  list(loop, "mac", macs, &config, &config.macs);
  return uv_loop_close(loop) == 0 ? 0 : EXIT_UNEXPECTED;
}
