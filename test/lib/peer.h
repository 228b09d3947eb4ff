/* peer.h: a scripted peer of one session under test, in either role. It can say
 * anything, also what no peer may say.
 *
 *   struct peer* p = peer_new(PEER_CLIENT);      the session is a server
 *   p->strict = STRICT_NONE;
 *   p->app->server_config.auth_tries = 2;
 *   peer_open(p);
 *   peer_reach_service(p);           identification and keys
 *   wr_cstr(peer_message(p, MSG_SERVICE_REQUEST), "ssh-userauth");
 *   peer_send(p);
 *   peer_expect(p, MSG_SERVICE_ACCEPT);
 *   peer_ended(p, UVSSH_EUNEXPECTED, 2);         it must have ended like this
 *   peer_end(p);
 *
 * What it does is lib/test/script.c, which users get, too, on a loop; here its
 * bytes are carried by pipe.h, and a failure ends the test. What the session
 * says is read with peer_next(); what it wants to hear is noted by app.h, whose
 * other side this is.
 */
#ifndef PEER_H
#define PEER_H

#include "app.h"
#include "test/test.h"

struct peer {
  struct app* app;
  struct side* side;               /* of the session under test */
  struct side* mine;
  union {
    struct script script;          /* lib/test/test.h */
    struct {
      SCRIPT_FIELDS
    };
  };
};

struct peer* peer_new(enum role role);
void peer_cipher(struct peer* p, const char* cipher, const char* mac);
/* The session under test is there; nothing is said yet. */
void peer_open(struct peer* p);
void peer_end(struct peer* p);
/* For the next round: as new, but with all that was set. */
void peer_again(struct peer* p);

/* ---- saying -------------------------------------------------------------- */

/* Begin a message; then wr_*() and peer_send(). */
struct buf* peer_message(struct peer* p, uint8_t number);
void peer_send(struct peer* p);
void peer_send_bytes(struct peer* p, const void* payload, size_t len);
void peer_send_odd(struct peer* p,
                   const void* payload,
                   size_t len,
                   const struct odd* odd);
void peer_raw(struct peer* p, const void* base, size_t len);
/* It leaves: the session gets EOF behind what is on the way. */
void peer_hang_up(struct peer* p);

/* ---- hearing ------------------------------------------------------------- */

/* Runs; the next message's number, or -1: there is none. p->m is its body. */
int peer_next(struct peer* p);
/* The next one must be this; IGNORE and DEBUG are none. Its body. */
rd_t* peer_expect(struct peer* p, uint8_t number);
/* There must be none. */
void peer_expect_nothing(struct peer* p);
/* Skips to this number; fails where it does not come. */
rd_t* peer_await(struct peer* p, uint8_t number);
/* Skips what there is. */
void peer_skip(struct peer* p);
/* The session must have said DISCONNECT with this reason, last (0: none), and
 * must end, once, with this status. */
void peer_ended(struct peer* p, int status, unsigned reason);
/* It must be there, and answer. */
void peer_alive(struct peer* p);

/* ---- key exchange, step by step ------------------------------------------ */

void peer_say_ident(struct peer* p);
void peer_read_ident(struct peer* p);
void peer_say_kexinit(struct peer* p);
void peer_read_kexinit(struct peer* p);
/* In a group exchange: 34 and 31, said or read; else nothing. */
void peer_agree_group(struct peer* p);
/* A client's 30, a server's 31 (after reading 30); 32 and 33 then. */
void peer_say_kex(struct peer* p);
/* A client reads 31 and checks the signature. */
void peer_read_kex(struct peer* p);
void peer_say_newkeys(struct peer* p);
void peer_read_newkeys(struct peer* p);
/* A server's signature and the keys, for who sends 31 itself. */
void peer_make_reply(struct peer* p, struct buf* signature);

/* All of it: the session waits for the service, or has asked for it. */
void peer_reach_service(struct peer* p);
/* ... and has it. */
void peer_reach_auth(struct peer* p);
/* ... and is logged in by "none". */
void peer_reach_open(struct peer* p);
/* A whole re-exchange, begun by the peer; or whose KEXINIT of the session has
 * come already (it is the next message). */
void peer_rekey(struct peer* p);

/* ---- connection ---------------------------------------------------------- */

/* As a client: opens a session channel with its id and this window; returns
 * the session's id. */
uint32_t peer_channel(struct peer* p, uint32_t id, uint32_t window);
void peer_data(struct peer* p, uint32_t id, const void* base, size_t len);
void peer_u32(struct peer* p, uint8_t number, uint32_t id);
void peer_adjust(struct peer* p, uint32_t id, uint32_t bytes);
/* A channel request; extra may be NULL. */
void peer_request(struct peer* p,
                  uint32_t id,
                  const char* name,
                  int want_reply,
                  const void* extra,
                  size_t len);

#endif
