/* inside_talk.c: the talk of inside.h: connect, log in by two factors, a
 * channel each way, a command with bytes both ways, keys again, and the end. */
#include "inside_talk.h"

enum { TURNS_MORE = 200 };

struct talk talk;
struct talked talked;

uvssh_req_t* talk_req(int slot) {
  CHECK_EQ(talked.begun[slot], talked.done[slot]);
  return &talked.reqs[slot];
}

int talk_began(int slot, int err) {
  CHECK(err <= 0);
  talked.begun[slot] += err == 0;
  return err == 0;
}

struct peer* talk_done(uvssh_req_t* req, enum point point) {
  int slot = (int) (req - talked.reqs);
  struct peer* p = peer_of(req->session);

  talked.done[slot]++;
  CHECK_EQ(talked.begun[slot], talked.done[slot]);
  CHECK_EQ(p->closes, 0);
  at(p, point);
  return p;
}

/* ---- the place ----------------------------------------------------------- */

static const char* const names[] = {
#define XX(name, type) #name,
  POINTS(XX)
#undef XX
};

const char* point_name(enum point point) {
  return point < POINTS ? names[point] : "no callback";
}

void at(struct peer* p, enum point point) {
  if (point != talk.where || talk.acted || talk.over)
    return;
  talk.acted = 1;
  talk.what->run(p->both, p);
}

/* ---- its end ------------------------------------------------------------- */

static int is_over(const struct both* b) {
  return b->clients[0]->closes == 1 &&
         (b->served_count == 0 || b->served[0]->closes == 1);
}

static void act_outside(struct both* b) {
  struct peer* p = b->clients[0];

  if (talk.where != AT_NOTHING || talk.acted || talk.turn-- > 0)
    return;
  talk.acted = 1;
  talk.what->run(b, talk.at_server ? other_end(p) : p);
}

/* Where the act ends nothing, what it has disturbed may wait for ever. */
static void run(struct both* b) {
  unsigned more = 0;

  while (!is_over(b)) {
    act_outside(b);
    if (!talk.acted || !talk.what->goes_on) {
      both_turn(b, "the end of the talk");
      continue;
    }
    if (more++ == TURNS_MORE) {
      close_it(b->clients[0]);
      close_it(other_end(b->clients[0]));
    }
    uv_run(&b->loop, UV_RUN_NOWAIT);
  }
}

static void close_server(struct both* b) {
  if (uvssh_server_shutdown(&b->server, 0, talk_on_drained) == 0) {
    talk.shut++;
    UNTIL(b, b->drains == 1);
  }
  uvssh_server_close(&b->server, talk_on_closed);
  UNTIL(b, b->server_closes == 1);
  CHECK_EQ(b->drains, talk.shut);
  b->server_closes = 0;
}

static void check(void) {
  int i;

  for (i = 0; i < TALK_REQS; i++)
    if (talked.begun[i] != talked.done[i])
      FAIL("request %d: taken %d times, %d callbacks", i, talked.begun[i],
           talked.done[i]);
  CHECK_EQ(talked.posted, talked.posts);
  for (i = 0; i < 2; i++)
    CHECK_EQ(talked.back_begun[i], talked.back_closes[i]);
}

void talk_all(void) {
  struct both b;

  memset(&talked, 0, sizeof(talked));
  talk.acted = talk.over = talk.shut = 0;
  call_begin();
  both_open(&b);
  talk_server_handlers(&b);
  talk_client_handlers(&b);
  both_listen(&b);
  talk_come(&b, peer_new(&b));
  run(&b);
  close_server(&b);
  talk.over = 1;
  uvssh_key_unref(talked.card);
  CHECK_EQ(talked.releases, talk.way == OVER_OWN);
  call_end();
  UNTIL(&b, call_has_ended());
  both_close(&b);
  check();
}
