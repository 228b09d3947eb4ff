/* client-close.c: ends of a channel and of a session, in every order.
 *
 * After the end of a channel a second one runs `noop`: the session is as good
 * as before. How each order goes stands in peers/README.md. */
#include <stdio.h>
#include <string.h>

#include "client.h"

static struct {
  char came[128];                  /* the output, as far as it fits */
  size_t len;
} got;

static const char busy[] = "source 67108864";
static const char of_nothing[] =
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";

static void collect(client_t* c, int stream, const uv_buf_t* buf) {
  size_t room = sizeof(got.came) - got.len;
  size_t len = buf->len < room ? buf->len : room;

  memcpy(got.came + got.len, buf->base, len);
  got.len += len;
}

static int came(client_t* c, const char* text) {
  if (got.len == strlen(text) && memcmp(got.came, text, got.len) == 0)
    return 1;
  client_fail(c, EXIT_UNEXPECTED, "failed", "other output came");
  return 0;
}

static void done(client_t* c) {
  printf("closed %s\n", c->opts.argument);
  client_leave(c, 0);
}

static void on_second_closed(client_t* c) {
  if (talk_ended(c, 0) == 0)
    done(c);
}

static void once_more(client_t* c) {
  talk_t talk = { .type = UVSSH_REQUEST_EXEC,
                  .what = "noop",
                  .on_closed = on_second_closed };
  talk_begin(c, &talk);
}

/* ---- one order each ----------------------------------------------------- */

static void say_hello(client_t* c) {
  uvssh_channel_send(&c->channel, UVSSH_DATA, "hello", 5);
}

/* uvssh_channel_abort() sends CLOSE without EOF before it. */
static void on_hello(client_t* c, int stream, const uv_buf_t* buf) {
  collect(c, stream, buf);
  if (got.len >= 5 && came(c, "hello"))
    uvssh_channel_abort(&c->channel);
}

static void on_server_closed(client_t* c) {
  if (talk_ended(c, 7) == 0)
    once_more(c);
}

static void close_at_once(client_t* c) {
  uvssh_channel_close(&c->channel);
}

static void send_eof(client_t* c) {
  uvssh_channel_shutdown(NULL, &c->channel, NULL);
}

static void on_hash_closed(client_t* c) {
  if (came(c, of_nothing) && talk_ended(c, 0) == 0)
    once_more(c);
}

static void disconnect(client_t* c, int stream, const uv_buf_t* buf) {
  if (!c->ending)
    done(c);
}

static void vanish(client_t* c, int stream, const uv_buf_t* buf) {
  if (c->ending)
    return;
  printf("closed %s\n", c->opts.argument);
  client_abort(c, 0);
}

static const struct order {
  const char* name;
  talk_t talk;
} orders[] = {
  { "client-first",
    { .what = "cat",
      .on_started = say_hello,
      .on_data = on_hello,
      .on_closed = once_more } },
  { "server-first", { .what = "exit 7", .on_closed = on_server_closed } },
  { "both",
    { .what = "noop", .on_asked = close_at_once, .on_closed = once_more } },
  { "eof-first",
    { .what = "sink",
      .on_started = send_eof,
      .on_data = collect,
      .on_closed = on_hash_closed } },
  { "disconnect", { .what = busy, .on_data = disconnect } },
  { "abort", { .what = busy, .on_data = vanish } },
};

void close_by(client_t* c, const char* how) {
  for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
    if (strcmp(orders[i].name, how) == 0) {
      talk_t talk = orders[i].talk;
      talk.type = UVSSH_REQUEST_EXEC;
      talk_begin(c, &talk);
      return;
    }
  client_fail(c, EXIT_USAGE, "failed", "no such order");
}
