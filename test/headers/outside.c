/* outside.c: a program outside the tree, C and C++ at once.
 *
 * test-outside.py compiles it against the installed library, as a user would:
 * a server with a key listens on a port, and closes again.
 */
#include <stdio.h>
#include <string.h>
#include <uvssh.h>

static int connections;
static int closed;

static void on_connection(uvssh_server_t* server, int status) {
  (void) server;
  (void) status;
  connections += 1;
}

static void on_server_closed(uvssh_server_t* server) {
  (void) server;
  closed += 1;
}

static int check(const char* what, int err) {
  if (err != 0)
    printf("%s: %s\n", what, uvssh_strerror(err));
  return err != 0;
}

static int has_port(const uvssh_server_t* server) {
  struct sockaddr_storage name;
  int len = (int) sizeof(name);

  memset(&name, 0, sizeof(name));
  if (check("getsockname", uvssh_server_getsockname(
                               server, (struct sockaddr*) &name, &len)))
    return 0;
  return ((struct sockaddr_in*) &name)->sin_port != 0;
}

int main(void) {
  static uvssh_server_t server;
  uvssh_key_t* key = NULL;
  char print[128];
  size_t len = sizeof(print);
  uv_loop_t loop;

  if (strcmp(uvssh_version_string(), UVSSH_VERSION_STRING) != 0) {
    printf("runs with %s\n", uvssh_version_string());
    return 1;
  }
  if (check("loop", uv_loop_init(&loop)) ||
      check("key", uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0)) ||
      check("fingerprint", uvssh_key_fingerprint(key, print, &len)) ||
      check("init", uvssh_server_init(&loop, &server, NULL)) ||
      check("add_key", uvssh_server_add_key(&server, key)) ||
      check("listen",
            uvssh_server_listen(&server, "127.0.0.1", 0, on_connection)) ||
      !has_port(&server)) {
    return 1;
  }
  uvssh_key_unref(key);
  uvssh_server_close(&server, on_server_closed);
  uv_run(&loop, UV_RUN_DEFAULT);
  if (check("loop is empty", uv_loop_close(&loop)))
    return 1;
  printf("uvssh %s, %s\n", uvssh_version_string(), print);
  return closed == 1 && connections == 0 ? 0 : 1;
}
