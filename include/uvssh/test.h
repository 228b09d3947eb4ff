/* test.h: test your servers and clients without sockets and without waiting.
 *
 * A library of its own, beside uvssh: pkg-config uvssh-test. It is static, and
 * for test programs only. <uvssh.h> does not include this.
 *
 * - A clock that you move: uvssh_test_advance(&loop, 60001).
 * - A pipe: two transports, joined in memory, with reads as small as you like,
 *   that breaks where you like.
 * - A peer: the other end of a session, under your control. It speaks SSH up to
 *   a point, and then says what you like, also what no peer may say.
 *
 * All of it runs in your uv_loop_t, on its thread, with what else is there. */
#ifndef UVSSH_TEST_H
#define UVSSH_TEST_H

#include "uvssh/clock.h"
#include "uvssh/key.h"
#include "uvssh/transport.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- time ---------------------------------------------------------------- */

/**
 * Take the time of the loop's servers and sessions into the test's hand.
 *
 * Timeouts then come in uvssh_test_advance() alone. Your own uv_timer_t go on
 * as before.
 *
 * loop    without server and session; uv_loop_close() is UV_EBUSY from here
 *         until uvssh_test_clock_end()
 * return  0; UV_EBUSY it has one; UV_EINVAL; UV_ENOMEM; UVSSH_ECRYPTO
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_test_clock(uv_loop_t* loop);

/**
 * Let so much time go by: runs the loop until nothing moves, goes to the next
 * timeout, runs the loop again, and so on until ms have passed. 0 runs it only.
 *
 * What the library has sent to the thread pool is waited for; for what you have
 * sent there yourself, or to another process, run the loop before.
 *
 * return  0; UV_EINVAL no uvssh_test_clock(); UV_ETIMEDOUT the loop does not
 *         come to rest: an idle handle of yours, a ping-pong without end
 * thread  loop      inside callbacks: no, it runs the loop      since 0.1
 */
UVSSH_EXTERN int uvssh_test_advance(uv_loop_t* loop, uint64_t ms);

/**
 * Give the loop its own time back; also while sessions are still there: they
 * keep the test's until they are closed, and it can still be moved.
 *
 * return  0; UV_EINVAL no uvssh_test_clock(), or given back
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_test_clock_end(uv_loop_t* loop);

/* ---- a pipe -------------------------------------------------------------- */

typedef struct {                   /* zeroed: all at once, never breaks */
  size_t chunk;                    /* most bytes a read; 0: 65536 */
  size_t room;                     /* bytes on the way, each way, before who
                                      writes waits for who reads; 0: 65536 */
  uint64_t cut_after;              /* it breaks behind so many bytes of `a`;
                                      0: never */
  int cut_status;                  /* as of uvssh_test_pipe_cut() */
} uvssh_test_pipe_t;

/**
 * Two transports that are each other's other end. Bytes arrive in the turns of
 * the loop, in order, a piece each way a turn.
 *
 * a, b     yours, as any transport; overwritten but for data. One that no
 *          session has taken you close yourself: a.ops->close(&a)
 * options  copied; NULL: the defaults
 * return   0; UV_EINVAL; UV_ENOMEM
 * thread   loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_test_pipe(uv_loop_t* loop,
                                 uvssh_transport_t* a,
                                 uvssh_transport_t* b,
                                 const uvssh_test_pipe_t* options);

/**
 * Break it behind what this end has written so far; or take it back at
 * options.cut_after.
 *
 * status  UV_EOF: the other end reads that, and hears no more of this one;
 *         another code, UV_ECONNRESET: both read that, and can write no more;
 *         0: silence, nothing arrives any more, either way
 * return  0; UV_EINVAL: no end of such a pipe, or closed
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_test_pipe_cut(uvssh_transport_t* end, int status);

/**
 * Keep back what this end writes, or let it go again. Who writes more than
 * there is room for waits.
 *
 * return  0; UV_EINVAL: no end of such a pipe, or closed
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_test_pipe_hold(uvssh_transport_t* end, int hold);

/* ---- a peer -------------------------------------------------------------- */

typedef enum { UVSSH_TEST_CLIENT, UVSSH_TEST_SERVER } uvssh_test_role;

/* Numbers of messages; any other number can be said and expected, too. */
enum {
  UVSSH_TEST_DISCONNECT = 1,                     /* RFC 4253 */
  UVSSH_TEST_IGNORE = 2,
  UVSSH_TEST_UNIMPLEMENTED = 3,
  UVSSH_TEST_DEBUG = 4,
  UVSSH_TEST_SERVICE_REQUEST = 5,
  UVSSH_TEST_SERVICE_ACCEPT = 6,
  UVSSH_TEST_EXT_INFO = 7,                       /* RFC 8308 */
  UVSSH_TEST_KEXINIT = 20,
  UVSSH_TEST_NEWKEYS = 21,
  UVSSH_TEST_USERAUTH_REQUEST = 50,              /* RFC 4252 */
  UVSSH_TEST_USERAUTH_FAILURE = 51,
  UVSSH_TEST_USERAUTH_SUCCESS = 52,
  UVSSH_TEST_USERAUTH_BANNER = 53,
  UVSSH_TEST_GLOBAL_REQUEST = 80,                /* RFC 4254 */
  UVSSH_TEST_REQUEST_SUCCESS = 81,
  UVSSH_TEST_REQUEST_FAILURE = 82,
  UVSSH_TEST_CHANNEL_OPEN = 90,
  UVSSH_TEST_CHANNEL_OPEN_CONFIRMATION = 91,
  UVSSH_TEST_CHANNEL_OPEN_FAILURE = 92,
  UVSSH_TEST_CHANNEL_WINDOW_ADJUST = 93,
  UVSSH_TEST_CHANNEL_DATA = 94,
  UVSSH_TEST_CHANNEL_EXTENDED_DATA = 95,
  UVSSH_TEST_CHANNEL_EOF = 96,
  UVSSH_TEST_CHANNEL_CLOSE = 97,
  UVSSH_TEST_CHANNEL_REQUEST = 98,
  UVSSH_TEST_CHANNEL_SUCCESS = 99,
  UVSSH_TEST_CHANNEL_FAILURE = 100
};

/* The other end of your session. What goes wrong stays: every later call
 * answers with the same code, and uvssh_test_peer_error() says what it was. So
 * a test may ask once, at its end.
 *
 * Functions that read run the loop until the message is there or nothing moves
 * any more; no time goes by meanwhile. Not inside callbacks. In between the
 * peer does not read, and your session waits when there is no more room. */
typedef struct uvssh_test_peer_s uvssh_test_peer_t;

/**
 * A peer, and the transport that leads to it.
 *
 * It speaks curve25519-sha256, ssh-ed25519 and aes256-gcm@openssh.com. As a
 * server it has a host key of its own.
 *
 * peer     out: yours until uvssh_test_peer_close(), also after the loop
 * loop     after uvssh_test_clock()
 * role     the peer's: UVSSH_TEST_CLIENT to test your server
 * t        as of uvssh_test_pipe(): for your session
 * options  of the pipe; its `a` is the peer; NULL: the defaults
 * return   0; UV_EINVAL; UV_ENOMEM; UVSSH_ECRYPTO
 * thread   loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_test_peer_open(uvssh_test_peer_t** peer,
                                      uv_loop_t* loop,
                                      uvssh_test_role role,
                                      uvssh_transport_t* t,
                                      const uvssh_test_pipe_t* options);

/**
 * It leaves: your session reads UV_EOF behind what it has said. It is freed;
 * NULL is fine.
 *
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN void uvssh_test_peer_close(uvssh_test_peer_t* peer);

/**
 * What went wrong first, in words: "expected CHANNEL_SUCCESS (99), got
 * CHANNEL_FAILURE (100)"; "" as long as nothing has.
 *
 * return  text that lives as long as the peer
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN const char* uvssh_test_peer_error(const uvssh_test_peer_t* peer);

/**
 * Another cipher and MAC for the next key exchange; "hmac-sha2-256-etm@..." is
 * for aes256-ctr.
 *
 * mac     NULL for chacha20-poly1305@openssh.com and aes256-gcm@openssh.com
 * return  0; UV_EINVAL: unknown here, or no pair
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_test_peer_cipher(uvssh_test_peer_t* peer,
                                        const char* cipher,
                                        const char* mac);

/**
 * Another identification than "SSH-2.0-peer"; before it is said.
 *
 * ident   without line end; copied; at most 250 bytes
 * return  0; UV_EINVAL; UV_ENOMEM
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_test_peer_ident(uvssh_test_peer_t* peer,
                                       const char* ident);

typedef enum {                     /* each goes through those before it */
  UVSSH_TEST_AT_IDENT,             /* lines are exchanged */
  UVSSH_TEST_AT_KEYS,              /* and keys */
  UVSSH_TEST_AT_SERVICE,           /* "ssh-userauth" is accepted */
  UVSSH_TEST_AT_LOGIN              /* logged in */
} uvssh_test_point;

typedef struct {                   /* neither password nor key: "none" */
  const char* user;                /* a server: NULL takes any */
  const char* password;
  const uvssh_key_t* key;          /* a client signs with it; a server takes
                                      it, whatever was signed */
} uvssh_test_login_t;

/**
 * Behave, up to this point.
 *
 * A server waits for your client's requests, so they must be on their way or
 * follow in its callbacks; what is not as in `login` it refuses.
 *
 * login   what a client logs in with; what a server lets in, NULL: everything;
 *         only looked at for UVSSH_TEST_AT_LOGIN
 * return  0; UV_EINVAL: it is beyond that, or login is missing; what went wrong
 * thread  loop      inside callbacks: no      since 0.1
 */
UVSSH_EXTERN int uvssh_test_peer_reach(uvssh_test_peer_t* peer,
                                       uvssh_test_point point,
                                       const uvssh_test_login_t* login);

/**
 * A channel: a client opens one of type "session"; a server waits for your
 * client to open one, of any type, and confirms it.
 *
 * The peer's own numbers count from 0. Its packets are of at most 32768 bytes.
 *
 * window  bytes that it takes before it says CHANNEL_WINDOW_ADJUST itself
 * id      out: your session's number, to say in messages; may be NULL
 * return  0; what went wrong
 * thread  loop      inside callbacks: no      since 0.1
 */
UVSSH_EXTERN int uvssh_test_peer_channel(uvssh_test_peer_t* peer,
                                         uint32_t window,
                                         uint32_t* id);

/**
 * A whole key exchange, begun by the peer.
 *
 * return  0; UV_EINVAL: before the first one; what went wrong
 * thread  loop      inside callbacks: no      since 0.1
 */
UVSSH_EXTERN int uvssh_test_peer_rekey(uvssh_test_peer_t* peer);

/* ---- what it says -------------------------------------------------------- */

/**
 * Write a message: begin with its number, put its fields, send it.
 *
 * return  0; what went wrong. Fields that had no memory are an error of send
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_test_peer_begin(uvssh_test_peer_t* peer, int number);
UVSSH_EXTERN void uvssh_test_peer_put_u8(uvssh_test_peer_t* peer, int value);
UVSSH_EXTERN void uvssh_test_peer_put_u32(uvssh_test_peer_t* peer,
                                          uint32_t value);
/* A string of RFC 4251: its length, its bytes. */
UVSSH_EXTERN void uvssh_test_peer_put_string(uvssh_test_peer_t* peer,
                                             const void* base,
                                             size_t len);
UVSSH_EXTERN void uvssh_test_peer_put_text(uvssh_test_peer_t* peer,
                                           const char* text);
/* As they are. */
UVSSH_EXTERN void uvssh_test_peer_put_bytes(uvssh_test_peer_t* peer,
                                            const void* base,
                                            size_t len);
UVSSH_EXTERN int uvssh_test_peer_send(uvssh_test_peer_t* peer);

/**
 * A message that you have built: its number and all that follows.
 *
 * return  0; what went wrong
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_test_peer_say(uvssh_test_peer_t* peer,
                                     const void* payload,
                                     size_t len);

/**
 * Bytes on the wire, in no packet and under no key.
 *
 * return  0; what went wrong
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_test_peer_raw(uvssh_test_peer_t* peer,
                                     const void* base,
                                     size_t len);

/**
 * CHANNEL_DATA; and CHANNEL_REQUEST, where `fields` is all behind want_reply.
 *
 * id      your session's number of the channel, of uvssh_test_peer_channel()
 * return  0; what went wrong
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_test_peer_data(uvssh_test_peer_t* peer,
                                      uint32_t id,
                                      const void* base,
                                      size_t len);
UVSSH_EXTERN int uvssh_test_peer_request(uvssh_test_peer_t* peer,
                                         uint32_t id,
                                         const char* name,
                                         int want_reply,
                                         const void* fields,
                                         size_t len);

/* ---- what it hears ------------------------------------------------------- */

/**
 * The next message.
 *
 * return  its number; 0: none comes; UV_EOF: the session has closed; what went
 *         wrong. Neither 0 nor UV_EOF stays.
 * thread  loop      inside callbacks: no      since 0.1
 */
UVSSH_EXTERN int uvssh_test_peer_next(uvssh_test_peer_t* peer);

/**
 * The next message must be this; or it must come, whatever comes before it; or
 * there must be none. IGNORE and DEBUG are skipped unless asked for.
 *
 * return  0; UVSSH_EUNEXPECTED; UV_ETIMEDOUT nothing came; UV_EOF; what went
 *         wrong
 * thread  loop      inside callbacks: no      since 0.1
 */
UVSSH_EXTERN int uvssh_test_peer_expect(uvssh_test_peer_t* peer, int number);
UVSSH_EXTERN int uvssh_test_peer_await(uvssh_test_peer_t* peer, int number);
UVSSH_EXTERN int uvssh_test_peer_expect_nothing(uvssh_test_peer_t* peer);

/**
 * The session must close, whatever it says before; and its last message must be
 * DISCONNECT with this reason. It is then the peer who goes first.
 *
 * reason  0: it must not be DISCONNECT
 * return  0; UVSSH_EUNEXPECTED; UV_ETIMEDOUT it is still there; what went wrong
 * thread  loop      inside callbacks: no      since 0.1
 */
UVSSH_EXTERN int uvssh_test_peer_expect_end(uvssh_test_peer_t* peer,
                                            uint32_t reason);

/**
 * Read the fields of the message that came last, in order. A field that is not
 * there is an error that stays, UVSSH_EMESSAGE, and reads as 0 or empty.
 *
 * return  a string: bytes until the next message is read, without NUL
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_test_peer_get_u8(uvssh_test_peer_t* peer);
UVSSH_EXTERN uint32_t uvssh_test_peer_get_u32(uvssh_test_peer_t* peer);
UVSSH_EXTERN const void* uvssh_test_peer_get_string(uvssh_test_peer_t* peer,
                                                    size_t* len);

/**
 * The next field must be this number; or a string of this text.
 *
 * return  0; UVSSH_EUNEXPECTED; UVSSH_EMESSAGE; what went wrong
 * thread  loop      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_test_peer_expect_u32(uvssh_test_peer_t* peer,
                                            uint32_t value);
UVSSH_EXTERN int uvssh_test_peer_expect_text(uvssh_test_peer_t* peer,
                                             const char* text);

#ifdef __cplusplus
}
#endif
#endif
