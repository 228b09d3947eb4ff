/* The oracle: which message is legal when, from whom. The table below is
 * written from the rules (RFC 4250 to 4254, 8308, the strict key exchange), not
 * from lib/session/dispatch.c: every number, in every state, in both roles,
 * strict and not, with a body that is right, empty, or random.
 *
 *   D  the session ends, DISCONNECT says 2     7  ... says 7
 *   C  it ends in silence                      U  UNIMPLEMENTED, it goes on
 *   I  consumed in silence                     A  accepted
 *   Q  waits for the verdict; one more: D      P  PONG
 *   i  D where the exchange is strict, else I  u  D where it is, else U
 *   E  accepted, when 52 follows
 *
 * Keyboard-interactive and group exchange are not built, so their states do
 * not occur, and their messages are those of nobody. */
#include "peer.h"

#include <stdio.h>

enum place {
  S1, S2, S3, S4, S5, S6, S8, S9, S10, S11, SERVER_PLACES,
  C1 = 0, C2, C3, C4, C5, C6N, C6P, C7, C8, C10, C11, C12, C13, CLIENT_PLACES
};

static const struct {
  unsigned from, to;
  const char* server;              /* S1 2 3 4 5 6 8 9 10 11 */
  const char* client;              /* C1 2 3 4 5 6n 6p 7 8 10 11 12 13 */
} oracle[] = {
  { 0, 0,     "DDDDDDDDDD", "DDDDDDDDDDDDD" },
  { 1, 1,     "CCCCCCCCCC", "CCCCCCCCCCCCC" },
  { 2, 4,     "iiiIIIIIII", "iiiIIIIIIIIII" },
  { 5, 5,     "DDDAAQDDDD", "DDDDDDDDDDDDD" },
  { 6, 6,     "DDDDDDDDDD", "DDDADDDDDDDDD" },
  { 7, 7,     "DDDADDDDDD", "DDDADEEEEDDDD" },
  { 8, 8,     "DDDDDDDDDD", "DDDDDDDDDDDDD" },
  { 9, 19,    "uuuUUUUUUU", "uuuUUUUUUUUUU" },
  { 20, 20,   "ADDDDDAADD", "ADDDDDDDDAADD" },
  { 21, 21,   "DDADDDDDDA", "DDADDDDDDDDDA" },
  { 22, 29,   "uuuUUUUUUU", "uuuUUUUUUUUUU" },
  { 30, 30,   "DADDDDDDAD", "DDDDDDDDDDDDD" },
  { 31, 31,   "DDDDDDDDDD", "DADDDDDDDDDAD" },
  { 32, 49,   "DDDDDDDDDD", "DDDDDDDDDDDDD" },
  { 50, 50,   "DDDDAQIDDD", "DDDDDDDDDDDDD" },
  { 51, 51,   "DDDDDDDDDD", "DDDDDAAAADDDD" },
  { 52, 52,   "DDDDDDDDDD", "DDDDDAADADDDD" },
  { 53, 53,   "DDDDDDDDDD", "DDDDAAAAADDDD" },
  { 54, 59,   "DDDDUUDDDD", "DDDDUUUUUDDDD" },
  { 60, 60,   "DDDDDDDDDD", "DDDDDDAADDDDD" },
  { 61, 61,   "DDDDDDDDDD", "DDDDDDDDDDDDD" },
  { 62, 62,   "DDDDUUDDDD", "DDDDUUUUUDDDD" },
  { 63, 66,   "DDDDDDDDDD", "DDDDDDDDDDDDD" },
  { 67, 79,   "DDDDUUDDDD", "DDDDUUUUUDDDD" },
  { 80, 80,   "DDDDDDAADD", "DDDDDDDDDAADD" },
  { 81, 82,   "DDDDDDIIDD", "DDDDDDDDDIIDD" },
  { 83, 89,   "DDDDDDUUDD", "DDDDDDDDDUUDD" },
  { 90, 90,   "DDDDDDAADD", "DDDDDDDDDAADD" },
  { 91, 92,   "DDDDDDDDDD", "DDDDDDDDDDDDD" },  /* nothing is opening */
  { 93, 98,   "DDDDDDAADD", "DDDDDDDDDAADD" },  /* one channel is open */
  { 99, 100,  "DDDDDDIIDD", "DDDDDDDDDIIDD" },
  { 101, 127, "DDDDDDUUDD", "DDDDDDDDDUUDD" },
  { 128, 191, "uuuDDDUUDD", "uuuDDDDDDUUDD" },
  { 192, 192, "iiiIIIPIII", "iiiIIIIIIPIII" },
  { 193, 193, "iiiIIIIIII", "iiiIIIIIIIIII" },
  { 194, 255, "uuuDDDUUDD", "uuuDDDDDDUUDD" },
};

static char cell(enum role peer, int place, unsigned type) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(oracle); i++)
    if (type >= oracle[i].from && type <= oracle[i].to)
      return (peer == PEER_CLIENT ? oracle[i].server : oracle[i].client)[place];
  FAIL("no row for %u", type);
}

/* ---- the way to each state ----------------------------------------------- */

static void login_request(struct peer* p, const char* service) {
  struct buf* m = peer_message(p, MSG_USERAUTH_REQUEST);

  wr_cstr(m, "bob");
  wr_cstr(m, service);
  wr_cstr(m, "none");
}

static void begin_rekey(struct peer* p) {
  CHECK_EQ(uvssh_session_rekey(NULL, &p->side->pub, NULL), 0);
  peer_read_kexinit(p);
}

static void reach_server(struct peer* p, int place) {
  p->app->say_auth = SAY_YES;
  switch (place) {
    case S1: case S2: case S3:
      peer_say_ident(p);
      if (place >= S2) {
        peer_say_kexinit(p);
        peer_read_kexinit(p);
      }
      if (place == S3) {
        peer_say_kex(p);
        peer_read_kex(p);
        peer_read_newkeys(p);
        peer_expect(p, MSG_EXT_INFO);
      }
      break;
    case S4:
      peer_reach_service(p);
      break;
    case S5: case S6:
      peer_reach_auth(p);
      if (place == S5)
        break;
      p->app->say_auth = SAY_NOTHING;
      login_request(p, "ssh-connection");
      peer_send(p);
      break;
    default:
      peer_reach_open(p);
      CHECK_EQ(peer_channel(p, 5, 1000), 0);
      if (place >= S9)
        begin_rekey(p);
      if (place >= S10)
        peer_say_kexinit(p);
      if (place == S11) {
        peer_say_kex(p);
        peer_read_kex(p);
        peer_read_newkeys(p);
      }
      break;
  }
}

/* The session's channel 0 is open. */
static void confirm(struct peer* p) {
  struct buf* m;
  rd_t* r;

  app_channel(p->app, 0);
  r = peer_expect(p, MSG_CHANNEL_OPEN);
  CHECK(str_is(rd_str(r), "session"));
  CHECK_EQ(rd_u32(r), 0);
  m = peer_message(p, MSG_CHANNEL_OPEN_CONFIRMATION);
  wr_u32(m, 0);
  wr_u32(m, 5);
  wr_u32(m, 1000);
  wr_u32(m, 32768);
  peer_send(p);
  pipe_run(&p->app->pipe);
}

static void wr_key(struct peer* p, struct buf* m) {
  size_t len;
  const uint8_t* blob = uvssh_key_blob(p->app->user_key, &len);

  wr_cstr(m, "ssh-ed25519");
  wr_str(m, blob, len);
}

static void reach_attempt(struct peer* p, int place) {
  p->app->method = place == C6N   ? UVSSH_AUTH_NONE
                   : place == C6P ? UVSSH_AUTH_PASSWORD
                                  : UVSSH_AUTH_PUBLICKEY;
  peer_reach_auth(p);
  if (place == C5)
    return;
  app_attempt(p->app, "bob");
  peer_expect(p, MSG_USERAUTH_REQUEST);
  if (place != C8)
    return;
  wr_key(p, peer_message(p, MSG_USERAUTH_PK_OK));
  peer_send(p);
  peer_expect(p, MSG_USERAUTH_REQUEST);
}

static void reach_client(struct peer* p, int place) {
  switch (place) {
    case C1: case C2: case C3:
      peer_say_ident(p);
      if (place >= C2) {
        peer_say_kexinit(p);
        peer_read_kexinit(p);
      }
      if (place == C3)
        peer_say_kex(p);
      break;
    case C4:
      peer_reach_service(p);
      break;
    case C5: case C6N: case C6P: case C7: case C8:
      reach_attempt(p, place);
      break;
    default:
      peer_reach_open(p);
      confirm(p);
      if (place >= C11)
        begin_rekey(p);
      if (place >= C12)
        peer_say_kexinit(p);
      if (place == C13) {
        peer_say_kex(p);
        peer_read_newkeys(p);
      }
      break;
  }
  if (place == C2 || place == C12)
    pipe_run(&p->app->pipe);       /* its 30 may stay unread: see make() */
}

static const enum state server_states[] = {
  ST_KEXINIT, ST_KEX, ST_NEWKEYS, ST_SERVICE, ST_AUTH, ST_WAIT, ST_OPEN,
  ST_REKEY_SENT, ST_REKEY_KEX, ST_REKEY_NEWKEYS
};

static const enum state client_states[] = {
  ST_KEXINIT, ST_KEX, ST_NEWKEYS, ST_SERVICE, ST_AUTH, ST_WAIT, ST_WAIT,
  ST_QUERY, ST_SIGNED, ST_OPEN, ST_REKEY_SENT, ST_REKEY_KEX, ST_REKEY_NEWKEYS
};

static enum state state_of(const struct peer* p) {
  return uvssh__session_state(&p->side->session);
}

/* ---- messages ------------------------------------------------------------ */

static void texts(struct buf* m, unsigned n) {
  while (n-- > 0)
    wr_cstr(m, "x");
}

static void numbers(struct buf* m, unsigned n) {
  while (n-- > 0)
    wr_u32(m, 0);
}

static void valid_transport(struct peer* p, unsigned type, struct buf* m) {
  switch (type) {
    case MSG_DISCONNECT:
      wr_u32(m, 11);
      texts(m, 2);
      break;
    case MSG_IGNORE: case MSG_KEX_ECDH_INIT:
      texts(m, 1);
      break;
    case MSG_UNIMPLEMENTED: case MSG_EXT_INFO:
      numbers(m, 1);
      break;
    case MSG_DEBUG:
      wr_bool(m, 0);
      texts(m, 2);
      break;
    case MSG_SERVICE_REQUEST: case MSG_SERVICE_ACCEPT:
      wr_cstr(m, "ssh-userauth");
      break;
    case MSG_KEX_ECDH_REPLY:
      texts(m, 3);
      break;
    default:
      break;
  }
}

static void valid_auth(struct peer* p, unsigned type, int place,
                       struct buf* m) {
  switch (type) {
    case MSG_USERAUTH_REQUEST:
      login_request(p, "ssh-connection");
      break;
    case MSG_USERAUTH_FAILURE:
      wr_cstr(m, "publickey");
      wr_bool(m, 0);
      break;
    case MSG_USERAUTH_BANNER:
      texts(m, 2);
      break;
    case 60:
      if (p->role == PEER_SERVER && place == C6P)
        texts(m, 2);
      else
        wr_key(p, m);
      break;
    case 61:
      numbers(m, 1);
      break;
    default:
      break;
  }
}

static void valid_conn(struct peer* p, unsigned type, struct buf* m) {
  switch (type) {
    case MSG_GLOBAL_REQUEST:
      wr_cstr(m, "x@y");
      wr_bool(m, 1);
      break;
    case MSG_CHANNEL_OPEN:
      wr_cstr(m, "session");
      wr_u32(m, 9);
      wr_u32(m, 1000);
      wr_u32(m, 32768);
      break;
    case MSG_CHANNEL_OPEN_CONFIRMATION:
      numbers(m, 3);
      wr_u32(m, 32768);
      break;
    case MSG_CHANNEL_OPEN_FAILURE:
      numbers(m, 2);
      texts(m, 2);
      break;
    case MSG_CHANNEL_WINDOW_ADJUST:
      numbers(m, 2);
      break;
    case MSG_CHANNEL_DATA:
      numbers(m, 1);
      texts(m, 1);
      break;
    case MSG_CHANNEL_EXTENDED_DATA:
      numbers(m, 1);
      wr_u32(m, 1);
      texts(m, 1);
      break;
    case MSG_CHANNEL_EOF: case MSG_CHANNEL_CLOSE:
    case MSG_CHANNEL_SUCCESS: case MSG_CHANNEL_FAILURE:
      numbers(m, 1);
      break;
    case MSG_CHANNEL_REQUEST:
      numbers(m, 1);
      wr_cstr(m, "x@y");
      wr_bool(m, 1);
      break;
    case MSG_PING: case MSG_PONG:
      texts(m, 1);
      break;
    default:
      break;
  }
}

enum body { VALID, EMPTY, RANDOM, BODIES };

/* Sends it; what exchanges keys is real where it is accepted. */
static void say(struct peer* p, unsigned type, int place, enum body body,
                char what) {
  struct buf* m;
  unsigned n;

  if (body == VALID && type == MSG_KEXINIT) {
    peer_say_kexinit(p);
    return;
  }
  if (body == VALID && what == 'A' &&
      (type == MSG_KEX_ECDH_INIT || type == MSG_KEX_ECDH_REPLY)) {
    peer_say_kex(p);
    return;
  }
  if (body != RANDOM && what == 'A' && type == MSG_NEWKEYS) {
    peer_say_newkeys(p);
    return;
  }
  m = peer_message(p, (uint8_t) type);
  if (body == RANDOM)
    for (n = 1 + (unsigned) (pipe_random(&p->app->pipe) % 40); n > 0; n--)
      wr_u8(m, (uint8_t) pipe_random(&p->app->pipe));
  if (body == VALID) {
    valid_transport(p, type, m);
    valid_auth(p, type, place, m);
    valid_conn(p, type, m);
  }
  peer_send(p);
}

/* Its body is not looked at, or may be anything. */
static int takes_any_body(unsigned type, char what) {
  return type == MSG_DISCONNECT || type == MSG_IGNORE ||
         type == MSG_REQUEST_SUCCESS || what == 'U' ||
         (type == MSG_USERAUTH_REQUEST && what == 'I');
}

static int takes_no_body(unsigned type) {
  return type == MSG_NEWKEYS || type == MSG_USERAUTH_SUCCESS ||
         type == MSG_REQUEST_FAILURE;
}

/* ---- outcomes ------------------------------------------------------------ */

static void expect_end(struct peer* p, unsigned reason) {
  int err;

  peer_skip(p);
  err = p->side->session.end.status;
  if (reason == 2)
    CHECK(err == UVSSH_EUNEXPECTED || err == UVSSH_EMESSAGE ||
          err == UVSSH_ELIMIT || err == UVSSH_EPACKET);
  else
    CHECK_EQ(err, UVSSH_ESERVICE);
  CHECK_EQ(p->last[0], MSG_DISCONNECT);
  CHECK_EQ(get_u32(p->last + 1), reason);
  peer_hang_up(p);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->closes, 1);
  CHECK_EQ(p->side->end.reason, reason);
  CHECK_EQ(p->side->end.by_peer, 0);
}

/* What an accepted message leads to. */
static enum state next_state(const struct peer* p, unsigned type,
                             enum state from) {
  switch (type) {
    case MSG_SERVICE_REQUEST: case MSG_SERVICE_ACCEPT:
      return ST_AUTH;
    case MSG_KEXINIT:
      return from == ST_KEXINIT ? ST_KEX : ST_REKEY_KEX;
    case MSG_NEWKEYS:
      return from == ST_NEWKEYS ? ST_SERVICE : ST_OPEN;
    case MSG_KEX_ECDH_INIT: case MSG_KEX_ECDH_REPLY:
      return from == ST_KEX ? ST_NEWKEYS : ST_REKEY_NEWKEYS;
    case MSG_USERAUTH_REQUEST: case MSG_USERAUTH_SUCCESS:
      return ST_OPEN;
    case MSG_USERAUTH_FAILURE:
      return ST_AUTH;
    case MSG_USERAUTH_PK_OK:
      return from == ST_QUERY ? ST_SIGNED : ST_WAIT;
    default:
      return from;
  }
}

static int answer_of(unsigned type) {
  switch (type) {
    case MSG_SERVICE_REQUEST: return MSG_SERVICE_ACCEPT;
    case MSG_USERAUTH_REQUEST: return MSG_USERAUTH_SUCCESS;
    case MSG_GLOBAL_REQUEST: return MSG_REQUEST_SUCCESS;
    case MSG_CHANNEL_CLOSE: return MSG_CHANNEL_CLOSE;
    default: return -1;
  }
}

static void expect_accepted(struct peer* p, unsigned type, enum state from) {
  int want = from == ST_REKEY_SENT ? -1 : answer_of(type);

  if (p->role == PEER_SERVER && type == MSG_GLOBAL_REQUEST && want >= 0)
    want = MSG_REQUEST_FAILURE;    /* no callback is set */
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->closes, 0);
  CHECK_EQ(state_of(p), next_state(p, type, from));
  if (want >= 0)
    peer_expect(p, (uint8_t) want);
}

static void expect_unchanged(struct peer* p, enum state from) {
  CHECK_EQ(p->side->closes, 0);
  CHECK_EQ(state_of(p), from);
}

static void expect_cell(struct peer* p, unsigned type, int place, char what,
                        enum state from, uint32_t seq) {
  switch (what) {
    case 'D':
      expect_end(p, 2);
      break;
    case 'C':
      peer_ended(p, UVSSH_EDISCONNECT, 0);
      break;
    case 'U':
      CHECK_EQ(rd_u32(peer_expect(p, MSG_UNIMPLEMENTED)), seq);
      expect_unchanged(p, from);
      break;
    case 'P':
      peer_expect(p, MSG_PONG);
      expect_unchanged(p, from);
      break;
    case 'I':
      peer_expect_nothing(p);
      expect_unchanged(p, from);
      break;
    case 'Q':
      peer_expect_nothing(p);
      expect_unchanged(p, from);
      say(p, type, place, VALID, what);
      expect_end(p, 2);
      break;
    case 'E':
      peer_expect_nothing(p);
      expect_unchanged(p, from);
      peer_message(p, place == C7 ? MSG_USERAUTH_FAILURE
                                  : MSG_USERAUTH_SUCCESS);
      peer_send(p);
      if (place == C7)
        expect_end(p, 2);
      else
        expect_accepted(p, MSG_USERAUTH_SUCCESS, from);
      break;
    default:
      expect_accepted(p, type, from);
      break;
  }
}

static void one_case(struct peer* p, int place, unsigned type, enum body body) {
  char what = cell(p->role, place, type);
  int retroactive = 0;
  enum state from;
  uint32_t seq;

  peer_open(p);
  if (p->role == PEER_CLIENT)
    reach_server(p, place);
  else
    reach_client(p, place);
  /* All that is said on the way is heard, but for the 30 that 31 answers. */
  pipe_run(&p->app->pipe);
  if (!(p->role == PEER_SERVER && (place == C2 || place == C12)) ||
      type != MSG_KEX_ECDH_REPLY || body != VALID)
    peer_skip(p);
  from = state_of(p);
  CHECK_EQ(from, p->role == PEER_CLIENT ? server_states[place]
                                        : client_states[place]);
  if (what == 'i' || what == 'u') {
    /* Before their KEXINIT nobody knows that it will be strict. */
    retroactive = p->strict != STRICT_NONE && place == 0;
    if (p->strict != STRICT_NONE && !retroactive)
      what = 'D';
    else
      what = what == 'i' ? 'I' : 'U';
  }
  if (body != VALID && !takes_any_body(type, what) && what != 'D' &&
      !(body == EMPTY && takes_no_body(type))) {
    what = 'D';
    retroactive = 0;
  }
  seq = p->seq_out;
  say(p, type, place, body, what);
  expect_cell(p, type, place, what, from, seq);
  if (retroactive) {
    peer_say_kexinit(p);
    expect_end(p, 2);
  }
  if (p->role == PEER_CLIENT && place < S5)
    CHECK_EQ(p->app->auths, 0);
  peer_again(p);
}

static void on_prompt(uvssh_session_t* session,
                      const uvssh_prompts_t* form,
                      uvssh_reply_t reply) {
}

static void every_number(enum role role, enum strict strict, int place) {
  static const char* const bodies[] = { "valid", "empty", "random" };
  struct peer* p = peer_new(role);
  unsigned type;
  enum body body;

  p->strict = strict;
  p->app->on_client.on_prompt = on_prompt;
  p->app->pipe.seed = (uint64_t) place;
  for (type = 0; type < 256; type++)
    for (body = VALID; body < BODIES; body++) {
      NOTE("%s place %d, message %u, %s body, strict %d",
           role == PEER_CLIENT ? "server" : "client", place, type,
           bodies[body], strict == STRICT_BOTH);
      one_case(p, place, type, body);
    }
  peer_end(p);
}

#define PLACE(role, place)                                                    \
  TEST(sec_1_4_6_7_8_##place##_every_message_strict) {                        \
    every_number(role, STRICT_BOTH, place);                                   \
  }                                                                           \
  TEST(sec_1_4_6_7_8_##place##_every_message_not_strict) {                    \
    every_number(role, STRICT_NONE, place);                                   \
  }

PLACE(PEER_CLIENT, S1)
PLACE(PEER_CLIENT, S2)
PLACE(PEER_CLIENT, S3)
PLACE(PEER_CLIENT, S4)
PLACE(PEER_CLIENT, S5)
PLACE(PEER_CLIENT, S6)
PLACE(PEER_CLIENT, S8)
PLACE(PEER_CLIENT, S9)
PLACE(PEER_CLIENT, S10)
PLACE(PEER_CLIENT, S11)
PLACE(PEER_SERVER, C1)
PLACE(PEER_SERVER, C2)
PLACE(PEER_SERVER, C3)
PLACE(PEER_SERVER, C4)
PLACE(PEER_SERVER, C5)
PLACE(PEER_SERVER, C6N)
PLACE(PEER_SERVER, C6P)
PLACE(PEER_SERVER, C7)
PLACE(PEER_SERVER, C8)
PLACE(PEER_SERVER, C10)
PLACE(PEER_SERVER, C11)
PLACE(PEER_SERVER, C12)
PLACE(PEER_SERVER, C13)

/* "ssh-connection", or any other service, may not be asked for. */
static void other_service(struct peer* p, int place, const char* name) {
  peer_open(p);
  reach_server(p, place);
  peer_skip(p);
  wr_cstr(peer_message(p, MSG_SERVICE_REQUEST), name);
  peer_send(p);
  expect_end(p, place >= S4 && place <= S6 ? 7 : 2);
  peer_again(p);
}

TEST(states_other_services_are_refused) {
  struct peer* p = peer_new(PEER_CLIENT);
  int place;

  for (place = S1; place < SERVER_PLACES; place++) {
    NOTE("place %d", place);
    other_service(p, place, "ssh-connection");
    other_service(p, place, "");
  }
  peer_open(p);
  reach_server(p, S5);
  login_request(p, "ssh-userauth");
  peer_send(p);
  expect_end(p, 7);
  CHECK_EQ(p->app->auths, 0);
  peer_end(p);
}
