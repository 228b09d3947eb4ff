/* exec.c: run a command on a host, or a shell with -t, as ssh does.
 *
 * usage: exec [-bKtv] [-p PORT] [-l USER] [-i KEYFILE]...
 *             [-F FINGERPRINT | -k KNOWN_HOSTS] [USER@]HOST [COMMAND...]
 *
 * Standard input, output and error are the command's; its exit status is ours.
 * 255 is our own failure, or a command that was killed, with one line that says
 * what to do. It has four parts:
 *
 *   1. How it ends     one line, one status
 *   2. Host and login  which key may the host have, and who are we
 *   3. The channel     a terminal, a command, its exit status
 *   4. The program     keys, signals, main()
 *
 * The bytes are carried in carry.c, the terminal is in term.c, the command line
 * in options.c, what -v and -K show in watch.c. A host whose key is not known
 * is never accepted, and a password comes from the terminal only. */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE               /* asprintf, strsignal */
#endif

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uvssh.h>

#include "carry.h"
#include "complain.h"
#include "options.h"
#include "term.h"
#include "watch.h"

static struct {
  options_t options;
  uvssh_known_hosts_t* hosts;      /* NULL with -F */

  uvssh_session_t session;
  uvssh_channel_t channel;
  uvssh_req_t step;                /* login, open, ...: one after the other */
  uvssh_reply_t asked;             /* waits for what is typed */
  int prompts;                     /* so far */
  uv_signal_t signals[4];
  char* left_out;                  /* key file that was no use, and why */
  int status;                      /* to exit with */
  int ended;                       /* the command: its status is known */
  char killed[64];                 /* by which signal; "": by none */
  int done;                        /* the command: all its output has come */
  int over;                        /* what comes now is no failure */
  int closed;                      /* the session */
} run;

/* ---------------------------------------------------------------------------
 * 1. How it ends
 * ------------------------------------------------------------------------- */

/* Behind the command's last output. */
static void tell_end(void) {
  if (run.done && *run.killed != '\0')
    complain("killed by signal %s", run.killed);
  else if (run.done && !run.ended)
    complain("%s did not say how the command has ended; look there whether it "
             "has done its work", run.options.host);
}

/* All is done: nothing keeps the loop going. */
static void finish(void) {
  size_t i;

  tell_end();
  carry_close();
  for (i = 0; i < 4; i++)
    if (uv_is_active((uv_handle_t*) &run.signals[i]))
      uv_close((uv_handle_t*) &run.signals[i], NULL);
}

/* BEGIN close */
/* The last callback of the session: here its end has a reason. What kept one
 * from connecting is a whole sentence already. */
static void on_session_close(uvssh_session_t* session,
                             const uvssh_end_t* end) {
  int status = run.over ? 0 : end->status;

  if (status != 0 && end->phase == UVSSH_PHASE_CONNECT && *end->text != '\0')
    complain("%s; %s", end->text, advice(status));
  else if (status != 0)
    complain("%s port %d: %s%s%s; %s", run.options.host, run.options.port,
             uvssh_strerror(status), *end->text == '\0' ? "" : ": ", end->text,
             advice(status));

  run.closed = 1;
  term_ask_stop();
  carry_finish(finish);
}
/* END close */

/* Good-bye in order; on_session_close() is next. */
static void leave(void) {
  run.over = 1;
  uvssh_session_disconnect(&run.session, UVSSH_DISCONNECT_BY_APPLICATION, "");
}

/* ---------------------------------------------------------------------------
 * 2. Host and login
 * ------------------------------------------------------------------------- */

/* What to add to known_hosts, or how to go on without it. */
static void complain_unknown(uvssh_key_t* key, const char* print) {
  const options_t* o = &run.options;
  char host[300];
  char line[4096];                 /* RSA keys are long */
  size_t len = sizeof(line);

  snprintf(host, sizeof(host), o->port == 22 ? "%s" : "[%s]:%d", o->host,
           o->port);
  if (uvssh_key_public_line(key, line, &len) != 0)
    *line = '\0';
  complain("the key of %s is not known: %s; if that is right give -F %s, or "
           "add to %s: %s %s", o->host, print, print, o->known_hosts, host,
           line);
}

/* BEGIN hostkey */
/* What known_hosts knows does not come here; nor, with -F, is it asked. */
static void on_hostkey(uvssh_session_t* session, uvssh_key_t* key,
                       uvssh_host_verdict verdict, uvssh_reply_t reply) {
  const options_t* o = &run.options;
  char print[128] = "";
  size_t len = sizeof(print);
  unsigned line = 0;

  uvssh_key_fingerprint(key, print, &len);
  if (o->fingerprint != NULL && strcmp(print, o->fingerprint) == 0) {
    uvssh_reply_accept(reply);
    return;
  }

  uvssh_reply_reject(reply);
  if (run.hosts != NULL)
    uvssh_known_hosts_check(run.hosts, o->host, o->port, key, &line);
  if (o->fingerprint != NULL)
    complain("%s HAS ANOTHER KEY, %s, not that of -F; do not go on before you "
             "know why", o->host, print);
  else if (verdict == UVSSH_HOST_CHANGED)
    complain("THE KEY OF %s HAS CHANGED, it is %s, not that of line %u of %s: "
             "SOMEBODY MAY BE LISTENING IN; ask who runs the host, and only if "
             "it has a new key remove that line", o->host, print, line,
             o->known_hosts);
  else
    complain_unknown(key, print);
}
/* END hostkey */

static void on_typed(const char* line) {
  const char* answers[] = { line };

  if (line == NULL || uvssh_reply_answers(run.asked, answers, 1) != 0)
    uvssh_reply_reject(run.asked);
}

/* BEGIN prompt */
/* The password, or a new one. The answer comes later; whoever types may take
 * their time. The library asks for it three times at most. */
static void on_prompt(uvssh_session_t* session, const uvssh_prompts_t* form,
                      uvssh_reply_t reply) {
  const char* words = form->instruction == NULL ? "" : form->instruction;
  char said[256];
  char text[512];
  char prompt[1024];
  int err = UV_ENOTSUP;

  if (form->count == 1 && !run.options.batch) {
    uvssh_escape(said, sizeof(said), words);
    uvssh_escape(text, sizeof(text), form->prompts[0].text);
    if (*said != '\0')             /* why there has to be a new one */
      snprintf(prompt, sizeof(prompt), "%s says: %s\n%s", run.options.host,
               said, text);
    else
      snprintf(prompt, sizeof(prompt), "%s%s", run.prompts++ == 0 ? "" :
               "That is not it.\n", text);
    run.asked = reply;
    err = term_ask(session->loop, prompt, on_typed);
  }
  if (err != 0)
    uvssh_reply_reject(reply);
}
/* END prompt */

/* The host's words before login. */
static void on_banner(uvssh_session_t* session, const char* text) {
  char line[512];
  char shown[1024];
  size_t n;

  for (; *text != '\0'; text += text[n] == '\n' ? n + 1 : n) {
    n = strcspn(text, "\r\n");
    snprintf(line, sizeof(line), "%.*s", (int) (n < 500 ? n : 500), text);
    fprintf(stderr, "%s\n", uvssh_escape(shown, sizeof(shown), line));
    n += text[n] == '\r';
  }
}

/* ---------------------------------------------------------------------------
 * 3. The channel
 * ------------------------------------------------------------------------- */

/* BEGIN ask */
/* What the host tells: how the command has ended. */
static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  if (ask->type == UVSSH_REQUEST_EXIT_STATUS) {
    run.status = ask->number > FAILED ? FAILED : (int) ask->number;
    run.ended = 1;
  } else if (ask->type == UVSSH_REQUEST_EXIT_SIGNAL) {
    uvssh_escape(run.killed, sizeof(run.killed), ask->signal);
  }
  uvssh_reply_reject(reply);       /* nothing else; most want no answer */
}
/* END ask */

static void tell_and_leave(void) {
  tell_end();
  leave();
}

/* All that the host sends has come. */
static void on_channel_close(uvssh_channel_t* channel, int status) {
  if (status != 0 || run.over)
    return;                        /* the session's end says why */
  run.over = run.done = 1;
  carry_finish(tell_and_leave);
}

/* BEGIN start */
/* The host has said no, or could not be asked. Where something has ended, its
 * on_close says why. */
static void refused(const char* what, int status, const char* todo) {
  if (status == UV_ECANCELED || !uvssh_session_is_ready(&run.session))
    return;
  complain("%s gives %s no %s: %s; %s", run.options.host, run.options.user,
           what, uvssh_strerror(status), todo);
  leave();
}

static void on_started(uvssh_req_t* req, int status) {
  if (status == 0)
    carry_input(&run.channel);
  else
    refused(run.options.command == NULL ? "shell" : "such command", status,
            "ask who runs the host");
}

static void start_command(void) {
  uvssh_channel_request_t ask = { .type = UVSSH_REQUEST_SHELL };
  int err;

  if (run.options.command != NULL)
    err = uvssh_channel_exec(&run.step, &run.channel, run.options.command,
                             on_started);
  else
    err = uvssh_channel_request(&run.step, &run.channel, &ask, on_started);
  if (err != 0)
    on_started(&run.step, err);
}

static void on_terminal(uvssh_req_t* req, int status) {
  if (status == 0)
    status = term_raw();
  if (status == 0)
    start_command();
  else
    refused("terminal", status, "try without -t");
}

static void on_open(uvssh_req_t* req, int status) {
  uvssh_channel_request_t ask = { .type = UVSSH_REQUEST_PTY };

  if (status == 0)                 /* before anything can come */
    status = uvssh_channel_read_start(&run.channel, carry_output);
  if (status != 0) {
    refused("channel", status, "ask who runs the host");
  } else if (run.options.terminal) {
    term_describe(&ask.pty);
    status = uvssh_channel_request(req, &run.channel, &ask, on_terminal);
    if (status != 0)
      on_terminal(req, status);
  } else {
    start_command();
  }
}

/* on_session_close() is next, but here is what would have been taken. */
static void complain_login(unsigned methods) {
  const char* takes = "nothing that can be given yet";

  if (methods & UVSSH_AUTH_PASSWORD)
    takes = methods & UVSSH_AUTH_PUBLICKEY ? "keys and passwords" : "passwords";
  else if (methods & UVSSH_AUTH_PUBLICKEY)
    takes = "keys";
  complain("%s does not let %s in, it takes %s; give another -i KEYFILE or "
           "-l USER%s", run.options.host, run.options.user, takes,
           run.left_out == NULL ? "" : run.left_out);
}

static void on_login(uvssh_req_t* req, int status) {
  static const uvssh_channel_handlers_t handlers = {
    .on_request = on_request, .on_close = on_channel_close
  };
  static const uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_SESSION };

  if (status == UVSSH_EAUTH || status == UVSSH_EPARTIAL)
    complain_login(req->result);
  if (status != 0)
    return;                        /* on_session_close() is next */
  if (run.options.verbose)
    watch_tell(&run.session);
  status = uvssh_channel_open(req, &run.session, &run.channel, &what, &handlers,
                              on_open);
  if (status != 0)
    on_open(req, status);
}
/* END start */

/* ---------------------------------------------------------------------------
 * 4. The program
 * ------------------------------------------------------------------------- */

static void on_output_failure(int err) {
  if (err != UV_EPIPE)             /* otherwise its reader wants no more */
    complain("the output cannot be written: %s; the command was left alone",
             uvssh_strerror(err));
  carry_close();
  if (run.closed)
    finish();
  else
    leave();
}

/* BEGIN signals */
static void on_signal(uv_signal_t* handle, int signum) {
  uvssh_channel_request_t ask = { .type = UVSSH_REQUEST_WINDOW_CHANGE };

  if (signum == SIGWINCH) {        /* when nothing is open yet: no harm */
    term_describe(&ask.pty);
    uvssh_channel_request(NULL, &run.channel, &ask, NULL);
    return;
  }
  complain("stopped by a signal (%s)", strsignal(signum));
  carry_close();
  if (run.closed)
    finish();                      /* only the last output was still to go */
  else
    uvssh_session_close(&run.session);
}
/* END signals */

/* What was ignored when we started (nohup) stays so. */
static int catch_signals(uv_loop_t* loop) {
  static const int signums[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH };
  struct sigaction before;
  int err = 0;
  size_t i;

  signal(SIGPIPE, SIG_IGN);        /* a write says UV_EPIPE instead */
  for (i = 0; err == 0 && i < 4; i++) {
    err = uv_signal_init(loop, &run.signals[i]);
    if (err == 0 && sigaction(signums[i], NULL, &before) == 0 &&
        before.sa_handler != SIG_IGN &&
        (signums[i] != SIGWINCH || run.options.terminal))
      err = uv_signal_start(&run.signals[i], on_signal, signums[i]);
  }
  return err;
}

/* A key file that is no use: named by the user it is a failure; otherwise it
 * is told when logging in fails. */
static int cannot_use(const char* path, int err) {
  const char* text = uvssh_strerror(err);
  const char* what = "name a file that you may read";

  if (err == UVSSH_EKEYFORMAT)
    what = "private keys of ssh-keygen can be used: Ed25519, ECDSA, RSA";
  else if (err == UVSSH_EPASSPHRASE)
    what = "ssh-keygen -p takes the passphrase away, none is asked for yet";

  if (run.options.keys_given)
    return complain("-i %s: %s; %s", path, text, what);
  if (err != UV_ENOENT && run.left_out == NULL &&
      asprintf(&run.left_out, " (%s is left out: %s; %s)", path, text,
               what) < 0)
    run.left_out = NULL;
  return 0;
}

/* BEGIN login */
/* From here on a function returns 0, or the status to exit with. */
static int load_keys(uvssh_key_t** keys, unsigned* count) {
  uvssh_key_t* key;
  unsigned i;
  int err;

  for (i = 0; i < run.options.key_count; i++) {
    err = uvssh_key_load(&key, run.options.keys[i], NULL);
    if (err == 0 && !uvssh_key_has_secret(key)) {
      uvssh_key_unref(key);
      err = UVSSH_EKEYFORMAT;
    }
    if (err == 0)
      keys[(*count)++] = key;
    else if (cannot_use(run.options.keys[i], err) != 0)
      return FAILED;
  }
  return 0;
}

static int start(uv_loop_t* loop, uvssh_key_t** keys, unsigned key_count) {
  static const uvssh_session_handlers_t handlers = {
    .on_hostkey = on_hostkey, .on_prompt = on_prompt, .on_banner = on_banner,
    .on_close = on_session_close
  };
  uvssh_client_login_t login = {
    .host = run.options.host,
    .port = run.options.port,
    .user = run.options.user,
    .hosts = run.hosts,
    .keys = keys,
    .key_count = key_count
  };
  uvssh_config_t config;
  int err;

  uvssh_config_init(&config);
  config.linger_ms = 2000;         /* for a host that does not close either */
  if (run.options.verbose)
    watch_packets(&config);
  if (run.options.keylog && watch_keys(&config) != 0)
    return FAILED;
  err = uvssh_session_init(loop, &run.session, &config, &handlers);
  if (err != 0)
    return complain("%s; %s", uvssh_strerror(err), advice(err));
  err = uvssh_client_login(&run.step, &run.session, &login, on_login);
  if (err != 0) {
    complain("%s; check host and user", uvssh_strerror(err));
    uvssh_session_close(&run.session);
  }
  return 0;
}
/* END login */

static int begin(uv_loop_t* loop, uvssh_key_t** keys, unsigned* key_count) {
  const char* path = run.options.known_hosts;
  int err;

  if (path != NULL && (err = uvssh_known_hosts_load(&run.hosts, path)) != 0)
    return complain("%s: %s; give -k FILE or -F FINGERPRINT", path,
                    uvssh_strerror(err));
  if (load_keys(keys, key_count) != 0)
    return FAILED;
  if ((err = carry_init(loop, on_output_failure)) != 0 ||
      (err = catch_signals(loop)) != 0)
    return complain("standard input or output: %s; redirect them",
                    uvssh_strerror(err));
  return start(loop, keys, *key_count);
}

int main(int argc, char** argv) {
  uvssh_key_t* keys[OPTIONS_KEYS];
  unsigned key_count = 0;
  uv_loop_t* loop;
  int err = term_begin();          /* before anything opens a descriptor */

  run.status = FAILED;
  if (err != 0)
    return complain("/dev/null: %s; there has to be one", uvssh_strerror(err));
  options_parse(&run.options, argc, argv);

  loop = uv_default_loop();
  if (loop == NULL)
    return complain("no event loop; close some files and programs");
  if (begin(loop, keys, &key_count) == 0)
    uv_run(loop, UV_RUN_DEFAULT);
  while (key_count > 0)
    uvssh_key_unref(keys[--key_count]);
  uvssh_known_hosts_free(run.hosts);
  free(run.options.command);
  free(run.left_out);
  return complained() ? FAILED : run.status;
}
