/* client-talk.c: one channel of the test client: open, ask, read, end. */
#include <stdio.h>
#include <string.h>

#include "client.h"

static void on_read(uvssh_channel_t* ch,
                    int stream,
                    ssize_t nread,
                    const uv_buf_t* buf) {
  client_t* c = ch->data;

  client_moves(c, "data");
  if (nread > 0 && c->talk.on_data != NULL)
    c->talk.on_data(c, stream, buf);
  else if (nread == UV_EOF && c->talk.on_eof != NULL)
    c->talk.on_eof(c);
}

static void on_request(uvssh_channel_t* ch,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  client_t* c = ch->data;

  if (ask->type == UVSSH_REQUEST_EXIT_STATUS) {
    c->has_status = 1;
    c->exit_status = ask->number;
  } else if (ask->type == UVSSH_REQUEST_EXIT_SIGNAL) {
    uvssh_escape(c->exit_signal, sizeof(c->exit_signal), ask->signal);
  }
}

static void on_close(uvssh_channel_t* ch, int status) {
  client_t* c = ch->data;

  if (c->ending)
    return;
  client_moves(c, "after the channel");
  if (status != 0)
    client_fail(c, EXIT_FAILED, "failed", uvssh_strerror(status));
  else if (c->talk.on_closed != NULL)
    c->talk.on_closed(c);
}

static void on_answer(uvssh_req_t* req, int status) {
  client_t* c = req->data;

  if (c->ending || status == UV_ECANCELED)
    return;                        /* on_close tells, where we closed */
  if (status != 0) {
    client_fail(c, EXIT_FAILED, "failed", uvssh_strerror(status));
    return;
  }
  client_moves(c, "the program");
  if (c->opts.rekey) {
    status = uvssh_session_rekey(NULL, &c->ssh, NULL);
    if (status != 0 && status != UV_EBUSY)
      client_fail(c, EXIT_FAILED, "failed", uvssh_strerror(status));
  }
  if (c->talk.on_started != NULL)
    c->talk.on_started(c);
}

static void on_open(uvssh_req_t* req, int status) {
  client_t* c = req->data;
  uvssh_channel_request_t ask = { .type = c->talk.type };

  if (c->ending)
    return;
  client_moves(c, "the request");
  if (ask.type == UVSSH_REQUEST_EXEC)
    ask.command = c->talk.what;
  else if (ask.type == UVSSH_REQUEST_SUBSYSTEM)
    ask.subsystem = c->talk.what;
  if (status == 0)
    status = uvssh_channel_request(req, &c->channel, &ask, on_answer);
  if (status == 0)
    status = uvssh_channel_read_start(&c->channel, on_read);
  if (status != 0)
    client_fail(c, EXIT_FAILED, "failed", uvssh_strerror(status));
  else if (c->talk.on_asked != NULL)
    c->talk.on_asked(c);
}

void talk_begin(client_t* c, const talk_t* talk) {
  static const uvssh_channel_handlers_t handlers = { .on_request = on_request,
                                                     .on_close = on_close };
  uvssh_channel_open_t what = { .type = UVSSH_CHANNEL_SESSION };
  int err = 0;

  memset(&c->channel, 0, sizeof(c->channel));
  c->channel.data = c;
  c->talk = *talk;
  c->has_status = 0;
  c->exit_signal[0] = '\0';
  err = uvssh_channel_open(&c->req, &c->ssh, &c->channel, &what, &handlers,
                           on_open);
  if (err != 0)
    client_fail(c, EXIT_FAILED, "failed", uvssh_strerror(err));
}

int talk_ended(client_t* c, uint32_t exit_status) {
  char text[96];

  if (c->has_status && c->exit_status == exit_status)
    return 0;
  if (c->has_status)
    snprintf(text, sizeof(text), "exit status %u, not %u",
             (unsigned) c->exit_status, (unsigned) exit_status);
  else
    snprintf(text, sizeof(text), "no exit status%s%s",
             *c->exit_signal ? ", but signal " : "", c->exit_signal);
  client_fail(c, EXIT_UNEXPECTED, "failed", text);
  return -1;
}
