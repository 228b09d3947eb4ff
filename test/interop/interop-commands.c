/* interop-commands.c: what the test server does with a session channel.
 *
 *   noop          exit 0            exit N       exit-status N
 *   signal NAME   exit-signal       stderr       "out" and "err", apart
 *   env  pty      what was received; pty then reports changes until "q" or EOF
 *   info          what was agreed   rekey        start an exchange, then answer
 *   later         accepted only after a job of the thread pool
 *   sessions      how many the server has
 *   bye           disconnect with a text
 *   sink, source N, sendsource N, echo, cat: see interop-streams.c
 * A shell echoes lines; "exit" leaves. The subsystem "echo" is `echo`.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interop.h"

/* ---- the thread pool ---------------------------------------------------- */

static void work(uv_work_t* w) {
}

static void after_work(uv_work_t* w, int status) {
  job_t* job = (job_t*) w;

  job->done(job);
  if (job->run != NULL)
    job->run->job = NULL;
  free(job);
}

void job_start(uv_loop_t* loop,
               void (*done)(job_t*),
               run_t* run,
               uvssh_reply_t reply,
               int verdict) {
  job_t* job = calloc(1, sizeof(*job));

  if (job == NULL)
    return;
  job->done = done;
  job->run = run;
  job->reply = reply;
  job->verdict = verdict;
  if (run != NULL)
    run->job = job;
  if (uv_queue_work(loop, &job->work, work, after_work) != 0)
    after_work(&job->work, UV_ENOMEM);
}

/* ---- the small ones ----------------------------------------------------- */

static void run_noop(run_t* r, const char* arg) {
  uvssh_channel_exit(&r->channel, 0, 0);
}

static void run_exit(run_t* r, const char* arg) {
  uvssh_channel_exit(&r->channel, atoi(arg), 0);
}

static void run_signal(run_t* r, const char* arg) {
  int number = strcmp(arg, "TERM") == 0   ? SIGTERM
               : strcmp(arg, "KILL") == 0 ? SIGKILL
                                          : SIGHUP;
  uvssh_channel_exit(&r->channel, 0, number);
}

static void run_stderr(run_t* r, const char* arg) {
  run_say(r, "out\n");
  uvssh_channel_send(&r->channel, UVSSH_STDERR, "err\n", 4);
  uvssh_channel_exit(&r->channel, 3, 0);
}

static void run_env(run_t* r, const char* arg) {
  run_say(r, r->notes);
  uvssh_channel_exit(&r->channel, 0, 0);
}

static void on_pty_key(uvssh_channel_t* c,
                       int stream,
                       ssize_t nread,
                       const uv_buf_t* buf) {
  if (nread == UV_EOF || (nread > 0 && memchr(buf->base, 'q', buf->len)))
    uvssh_channel_exit(c, 0, 0);
}

static void run_pty(run_t* r, const char* arg) {
  r->watching = 1;
  run_say(r, r->notes);
  run_say(r, "watching\n");
  uvssh_channel_read_start(&r->channel, on_pty_key);
}

static void run_info(run_t* r, const char* arg) {
  uvssh_session_info_t info;
  char text[768];

  uvssh_session_info(r->channel.session, &info);
  snprintf(text, sizeof(text),
           "kex=%s hostkey=%s cipher=%s/%s mac=%s/%s strict=%d rekeys=%llu "
           "peer=%s\n",
           info.kex, info.hostkey_algorithm, info.cipher_in, info.cipher_out,
           info.mac_in, info.mac_out, info.strict,
           (unsigned long long) info.rekeys, info.peer_software);
  run_say(r, text);
  uvssh_channel_exit(&r->channel, 0, 0);
}

static void on_rekeyed(uvssh_req_t* req, int status) {
  run_t* r = ((peer_t*) req->session->data)->rekeying;

  if (r != NULL && status == 0)
    run_info(r, "");
}

static void run_rekey(run_t* r, const char* arg) {
  peer_t* p = r->channel.session->data;

  p->rekeying = r;
  if (uvssh_session_rekey(&p->rekey, &p->ssh, on_rekeyed) != 0)
    uvssh_channel_exit(&r->channel, 1, 0);
}

static void run_later(run_t* r, const char* arg) {
  run_say(r, "later\n");
  uvssh_channel_exit(&r->channel, 0, 0);
}

static void run_sessions(run_t* r, const char* arg) {
  uvssh_session_t* s = NULL;
  char text[32];
  int n = 0;

  while ((s = uvssh_server_next(r->channel.session->server, s)) != NULL)
    n++;
  snprintf(text, sizeof(text), "%d\n", n);
  run_say(r, text);
  uvssh_channel_exit(&r->channel, 0, 0);
}

static void run_bye(run_t* r, const char* arg) {
  uvssh_session_disconnect(r->channel.session, UVSSH_DISCONNECT_BY_APPLICATION,
                           "told to leave");
}

/* ---- the shell ---------------------------------------------------------- */

static void shell_line(run_t* r) {
  r->line[r->line_len] = '\0';
  r->line_len = 0;
  if (strcmp(r->line, "exit") == 0) {
    uvssh_channel_exit(&r->channel, 0, 0);
    return;
  }
  run_say(r, r->line);
  run_say(r, r->tty ? "\r\n" : "\n");
}

static void on_shell(uvssh_channel_t* c,
                     int stream,
                     ssize_t nread,
                     const uv_buf_t* buf) {
  run_t* r = c->data;

  if (nread == UV_EOF)
    uvssh_channel_exit(c, 0, 0);
  for (ssize_t i = 0; i < nread && uvssh_channel_is_open(c); i++) {
    if (buf->base[i] == '\n' || buf->base[i] == '\r')
      shell_line(r);
    else if (r->line_len < sizeof(r->line) - 1)
      r->line[r->line_len++] = buf->base[i];
  }
}

static void run_shell(run_t* r, const char* arg) {
  run_say(r, r->tty ? "shell\r\n" : "shell\n");
  uvssh_channel_read_start(&r->channel, on_shell);
}

/* ---- requests ----------------------------------------------------------- */

static const struct command {
  const char* name;
  void (*run)(run_t* r, const char* arg);
} commands[] = {
  { "sink", run_sink },         { "source", run_source },
  { "echo", run_echo },         { "sendsource", run_sendsource },
  { "cat", run_cat },           { "noop", run_noop },
  { "exit", run_exit },         { "signal", run_signal },
  { "stderr", run_stderr },     { "env", run_env },
  { "pty", run_pty },           { "info", run_info },
  { "rekey", run_rekey },       { "later", run_later },
  { "sessions", run_sessions }, { "bye", run_bye },
};

static void after_later(job_t* job) {
  uvssh_reply_accept(job->reply);
  if (job->run != NULL)
    run_later(job->run, "");
}

static void on_exec(run_t* r, const char* line, uvssh_reply_t reply) {
  size_t len = strcspn(line, " ");
  const char* arg = line[len] == ' ' ? line + len + 1 : "";

  for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
    if (strlen(commands[i].name) != len ||
        strncmp(commands[i].name, line, len) != 0)
      continue;
    if (commands[i].run == run_later) {
      job_start(r->channel.session->loop, after_later, r, reply, 0);
      return;
    }
    uvssh_reply_accept(reply);
    commands[i].run(r, arg);
    return;
  }
  uvssh_reply_reject(reply);
}

/* A line for `env` and `pty`; once `pty` runs, it goes out at once. */
static void note(run_t* r, const char* what, const char* a, const char* b) {
  size_t used = r->watching ? 0 : strlen(r->notes);

  snprintf(r->notes + used, sizeof(r->notes) - used, "%s%s%s\n", what, a, b);
  if (r->watching)
    run_say(r, r->notes);
}

static void note_pty(run_t* r, const char* what, const uvssh_pty_t* pty) {
  char size[96];
  uint32_t erase = 0;

  uvssh_pty_mode(pty, 3, &erase);  /* VERASE, as an example */
  snprintf(size, sizeof(size), "%ux%u erase=%u ", pty->cols, pty->rows, erase);
  note(r, what, size, pty->term == NULL ? "" : pty->term);
}

static void on_request(uvssh_channel_t* c,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  run_t* r = c->data;
  char number[16];
  int yes = 1;

  switch (ask->type) {
    case UVSSH_REQUEST_EXEC:
      on_exec(r, ask->command, reply);
      return;
    case UVSSH_REQUEST_SHELL:
      uvssh_reply_accept(reply);
      run_shell(r, "");
      return;
    case UVSSH_REQUEST_SUBSYSTEM:
      yes = strcmp(ask->subsystem, "echo") == 0;
      if (yes)
        run_echo(r, "");
      break;
    case UVSSH_REQUEST_PTY:
      r->tty = 1;
      note_pty(r, "pty ", &ask->pty);
      break;
    case UVSSH_REQUEST_WINDOW_CHANGE:
      note_pty(r, "window ", &ask->pty);
      break;
    case UVSSH_REQUEST_ENV:
      note(r, ask->name, "=", ask->value);
      break;
    case UVSSH_REQUEST_SIGNAL:
      note(r, "signal ", ask->signal, "");
      break;
    case UVSSH_REQUEST_BREAK:
      snprintf(number, sizeof(number), "%u", (unsigned) ask->number);
      note(r, "break ", number, "");
      break;
    default:
      yes = 0;
  }
  if (yes)
    uvssh_reply_accept(reply);
  else
    uvssh_reply_reject(reply);
}

static void on_close(uvssh_channel_t* c, int status) {
  run_t* r = c->data;
  peer_t* p = c->session->data;

  if (p->rekeying == r)
    p->rekeying = NULL;
  if (r->job != NULL)
    r->job->run = NULL;
  for (int i = 0; i < RUN_BLOCKS; i++)
    free(r->blocks[i]);
  free(r);
}

int run_accept(uvssh_reply_t reply) {
  static const uvssh_channel_handlers_t handlers = { .on_request = on_request,
                                                     .on_drain = run_drain,
                                                     .on_close = on_close };
  run_t* r = calloc(1, sizeof(*r));
  int err = r == NULL ? UV_ENOMEM : 0;

  if (err == 0) {
    r->channel.data = r;
    err = uvssh_channel_accept(reply, &r->channel, &handlers);
  }
  if (err != 0)
    free(r);
  return err;
}
