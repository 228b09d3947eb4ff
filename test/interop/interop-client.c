/* interop-client.c: the client that real servers are tested with.
 *
 * On the public API only; it obeys the contract of peers/README.md: command
 * line, output, exit status. It connects, checks the host key, logs in with the
 * one method it was given, and begins its action. All that it does then is in
 * client-talk.c (a channel), client-copy.c (exec, shell, subsystem),
 * client-transfer.c (up, down, both) and client-close.c (close).
 *
 * It ends through its loop, which must hold nothing then. Never use it outside
 * of tests: the password is on the command line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

static client_t client;

void client_moves(client_t* c, const char* where) {
  c->where = where;
  uv_timer_again(&c->patience);
}

void client_fail(client_t* c, int status, const char* kind, const char* why) {
  if (c->ending)
    return;
  fprintf(stderr, "%s: %s\n", kind, why);
  client_abort(c, status);
}

void client_abort(client_t* c, int status) {
  c->ending = 1;
  c->status = status;
  uvssh_session_close(&c->ssh);
}

void client_leave(client_t* c, int status) {
  if (c->ending)
    return;
  c->ending = 1;
  c->status = status;
  c->where = "the end";
  if (uvssh_session_disconnect(&c->ssh, UVSSH_DISCONNECT_BY_APPLICATION,
                               "done") != 0)
    uvssh_session_close(&c->ssh);
}

static void on_patience(uv_timer_t* timer) {
  client_t* c = timer->data;

  fprintf(stderr, "timeout: %s\n", c->where);
  if (c->ending)
    exit(EXIT_TIMEOUT);            /* not even that comes to an end */
  client_abort(c, EXIT_TIMEOUT);
}

/* ---- logging in --------------------------------------------------------- */

static const char* or_dash(const char* name) {
  return *name == '\0' ? "-" : name;
}

static void say_what_was_agreed(const client_t* c) {
  uvssh_session_info_t info;

  uvssh_session_info(&c->ssh, &info);
  fprintf(stderr, "negotiated kex=%s hostkey=%s cipher=%s mac=%s "
          "compression=%s strict=%d peer=%s\n",
          or_dash(info.kex), or_dash(info.hostkey_algorithm),
          or_dash(info.cipher_out), or_dash(info.mac_out),
          or_dash(info.compression_out), info.strict, info.peer_software);
}

static void on_logged_in(uvssh_req_t* req, int status) {
  client_t* c = req->data;

  if (status != 0) {
    client_fail(c, EXIT_FAILED, "failed", uvssh_strerror(status));
    return;
  }
  client_moves(c, "the channel");
  say_what_was_agreed(c);
  c->opts.action->start(c, c->opts.argument);
}

static void on_started(uvssh_req_t* req, int status) {
  client_t* c = req->data;
  const options_t* o = &c->opts;
  int err = status;

  client_moves(c, "login");
  if (err != 0)
    ;
  else if (c->key != NULL)
    err = uvssh_auth_publickey(req, &c->ssh, o->user, c->key, on_logged_in);
  else if (o->password != NULL)
    err = uvssh_auth_password(req, &c->ssh, o->user, o->password, on_logged_in);
  else
    err = uvssh_auth_none(req, &c->ssh, o->user, on_logged_in);
  if (err != 0)
    client_fail(c, EXIT_FAILED, "failed", uvssh_strerror(err));
}

static void on_hostkey(uvssh_session_t* s,
                       uvssh_key_t* key,
                       uvssh_host_verdict verdict,
                       uvssh_reply_t reply) {
  const client_t* c = s->data;
  char print[128];
  size_t len = sizeof(print);

  if (c->opts.known != NULL &&
      uvssh_key_fingerprint(key, print, &len) == 0 &&
      strcmp(print, c->opts.known) == 0)
    uvssh_reply_accept(reply);
  else
    uvssh_reply_reject(reply);
}

static void on_close(uvssh_session_t* s, const uvssh_end_t* end) {
  client_t* c = s->data;
  uvssh_session_info_t info;

  uvssh_session_info(s, &info);
  if (!c->ending) {
    fprintf(stderr, "failed: %s, phase %d, by %s, reason %u %s\n",
            uvssh_err_name(end->status), (int) end->phase,
            end->by_peer ? "the peer" : "us", end->reason, end->text);
    c->ending = 1;
    c->status = EXIT_FAILED;
  }
  fprintf(stderr, "exchanges %llu\n", (unsigned long long) info.rekeys);
  if (c->on_end != NULL)
    c->on_end(c);
  uv_close((uv_handle_t*) &c->patience, NULL);
}

static void on_log(void* arg,
                   uvssh_log_level level,
                   const uvssh_session_t* s,
                   const char* text) {
  fprintf(stderr, "log %s\n", text);
}

/* ---- from here to there ------------------------------------------------- */

static void check(int err, const char* what) {
  if (err == 0)
    return;
  fprintf(stderr, "failed: %s: %s\n", what, uvssh_strerror(err));
  exit(EXIT_FAILED);
}

static void prepare(client_t* c) {
  options_t* o = &c->opts;

  if (o->log != NULL) {
    o->config.log = on_log;
    o->config.log_level = *o->log == 'p'   ? UVSSH_LOG_PACKET
                          : *o->log == 'i' ? UVSSH_LOG_INFO
                                           : UVSSH_LOG_ERROR;
  }
  if (o->key != NULL)
    check(uvssh_key_load(&c->key, o->key, NULL), o->key);
}

static void start(client_t* c) {
  static const uvssh_session_handlers_t handlers = { .on_hostkey = on_hostkey,
                                                     .on_close = on_close };
  uint64_t patience = (uint64_t) c->opts.patience * 1000;
  int err = 0;

  check(uv_timer_init(c->loop, &c->patience), "timer");
  c->patience.data = c;
  check(uv_timer_start(&c->patience, on_patience, patience, patience), "timer");
  check(uvssh_session_init(c->loop, &c->ssh, &c->opts.config, &handlers),
        "session");
  c->ssh.data = c;
  c->req.data = c;
  c->where = "connection and key exchange";
  err = uvssh_client_connect(&c->req, &c->ssh, c->opts.host,
                             (int) c->opts.port, on_started);
  if (err != 0)
    client_fail(c, EXIT_FAILED, "failed", uvssh_strerror(err));
}

int main(int argc, char** argv) {
  client_t* c = &client;
  int status = 0;

  if (argc == 2 && strcmp(argv[1], "list") == 0)
    return list_algorithms();
  c->loop = uv_default_loop();
  options_parse(&c->opts, argc, argv);
  prepare(c);
  start(c);
  uv_run(c->loop, UV_RUN_DEFAULT);
  uvssh_key_unref(c->key);
  status = uv_loop_close(c->loop);
  check(status, "something is still open");
  return c->status;
}
