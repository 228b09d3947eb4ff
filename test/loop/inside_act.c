/* inside_act.c: what is done inside a callback. A row is a way to end
 * something, or to call something. */
#include "inside.h"

static uvssh_req_t rekey_req;

void close_it(struct peer* p) {
  uvssh_session_close(&p->session);
  p->extra = 1;
}

struct peer* other_end(struct peer* p) {
  struct both* b = p->both;

  return p != b->clients[0] ? b->clients[0]
                            : b->served_count > 0 ? b->served[0] : p;
}

static void disconnect(struct both* b, struct peer* p) {
  (void) uvssh_session_disconnect(&p->session, 11, "inside");
}

static void close_session(struct both* b, struct peer* p) {
  close_it(p);
}

static void close_session_twice(struct both* b, struct peer* p) {
  close_it(p);
  close_it(p);
}

static void disconnect_and_close(struct both* b, struct peer* p) {
  disconnect(b, p);
  close_it(p);
}

static void close_channel(struct both* b, struct peer* p) {
  uvssh_channel_close(&p->channel);
}

static void abort_channel(struct both* b, struct peer* p) {
  uvssh_channel_abort(&p->channel);
  uvssh_channel_abort(&p->channel);
}

static void close_and_abort_channel(struct both* b, struct peer* p) {
  uvssh_channel_close(&p->channel);
  uvssh_channel_abort(&p->channel);
}

static void exit_channel(struct both* b, struct peer* p) {
  (void) uvssh_channel_exit(&p->channel, 3, 0);
}

static void rekey(struct both* b, struct peer* p) {
  (void) uvssh_session_rekey(&rekey_req, &p->session, NULL);
}

static void close_server(struct both* b, struct peer* p) {
  uvssh_server_close(&b->server, talk_on_closed);
}

static void shut_server_down(struct both* b, struct peer* p) {
  talk.shut += uvssh_server_shutdown(&b->server, 0, talk_on_drained) == 0;
}

static void shut_down_and_close(struct both* b, struct peer* p) {
  shut_server_down(b, p);
  close_server(b, p);
}

static void close_other_end(struct both* b, struct peer* p) {
  close_it(other_end(p));
}

static void disconnect_other_end(struct both* b, struct peer* p) {
  disconnect(b, other_end(p));
}

static void close_both_ends(struct both* b, struct peer* p) {
  close_it(p);
  close_it(other_end(p));
}

static void close_all(struct both* b, struct peer* p) {
  close_server(b, p);
  close_both_ends(b, p);
  close_channel(b, p);
}

static void call_all(struct both* b, struct peer* p) {
  call_everything(b, p);
}

static void call_all_and_close_all(struct both* b, struct peer* p) {
  call_everything(b, p);
  close_all(b, p);
}

static void close_all_and_call_all(struct both* b, struct peer* p) {
  close_all(b, p);
  call_everything(b, p);
}

const struct act acts[] = {
  { "close the session", close_session, 0, 0 },
  { "close the session twice", close_session_twice, 0, 0 },
  { "disconnect", disconnect, 0, 0 },
  { "disconnect and close", disconnect_and_close, 0, 0 },
  { "close the channel", close_channel, 0, 0 },
  { "abort the channel", abort_channel, 0, 0 },
  { "close and abort the channel", close_and_abort_channel, 0, 0 },
  { "exit the channel", exit_channel, 0, 0 },
  { "exchange keys", rekey, 0, 0 },
  { "close the server", close_server, 1, 0 },
  { "shut the server down", shut_server_down, 0, 0 },
  { "shut the server down and close it", shut_down_and_close, 1, 0 },
  { "close the other end", close_other_end, 0, 0 },
  { "disconnect the other end", disconnect_other_end, 0, 0 },
  { "close both ends", close_both_ends, 0, 0 },
  { "close all", close_all, 1, 0 },
  { "call everything", call_all, 0, 1 },
  { "call everything and close all", call_all_and_close_all, 1, 1 },
  { "close all and call everything", close_all_and_call_all, 1, 1 },
};
const unsigned act_count = sizeof(acts) / sizeof(acts[0]);
