/* test.h: what users test their servers and clients with; a library of its own,
 * over the public functions of uvssh and a copy of what is pure in it.
 *
 *   clock.c       a loop's time, moved by the test
 *   pipe.c        two transports, or a transport and a script, joined in memory
 *   script.c      one end of SSH as bytes in, bytes out: lines and packets
 *   script_kex.c  ... and its key exchange
 *   peer.c        a script on a pipe of a loop
 *   peer_say.c    what it says, and what it reads
 *   peer_reach.c  ... by itself, up to a point
 *
 * A script says anything, also what no peer may say, and checks what it hears.
 * Keys, hash and exchange are computed here, not by lib/transport/: only the
 * algorithms are the library's. test/lib/peer.h runs one without a loop.
 */
#ifndef UVSSH_TEST_INTERNAL_H
#define UVSSH_TEST_INTERNAL_H

#include "key/key.h"
#include "uvssh/test.h"

/* ---- clock.c ------------------------------------------------------------- */

struct rest {                      /* zeroed before the first turn */
  unsigned rests;                  /* turns in a row in which nothing moved */
  unsigned turns;
};

/* Runs the loop once; 1: there may be more. */
int uvssh__test_turn(uv_loop_t* loop, struct rest* rest);

/* ---- pipe.c -------------------------------------------------------------- */

struct joint;
typedef void (*end_cb)(void* owner, const uint8_t* base, ssize_t nread);

struct end {
  struct joint* joint;
  struct end* other;
  uvssh_transport_t* t;            /* or NULL, and: */
  end_cb cb;                       /* instead of a transport's feed */
  void* owner;
  struct buf way;                  /* written, and on its way to the other: at
                                      most the room, and one write */
  size_t at;
  uint64_t sent;                   /* bytes put on the way, and taken from it */
  uint64_t taken;
  uint64_t cut_at;                 /* UINT64_MAX: never */
  int cut_status;
  int is_cut;                      /* what it writes is lost */
  int held;
  int owes;                        /* wrote() is to be said */
  int reading;
  int broken;                      /* what it reads and writes from now on */
  int told;                        /* it has read its end */
  int closed;
};

/* One end of a new pipe; b: a transport. */
int uvssh__pipe_end(uv_loop_t* loop,
                    struct end** a,
                    end_cb cb,
                    void* owner,
                    uvssh_transport_t* b,
                    const uvssh_test_pipe_t* options) MUST_CHECK;
int uvssh__end_write(struct end* e, const void* base, size_t len) MUST_CHECK;
void uvssh__end_read(struct end* e, int reading);
/* It says no more: the other end reads UV_EOF. */
void uvssh__end_finish(struct end* e);
void uvssh__end_close(struct end* e);

/* ---- script.c ------------------------------------------------------------ */

enum role { PEER_CLIENT, PEER_SERVER };          /* the script's own */

enum strict {
  STRICT_BOTH,                     /* both spellings */
  STRICT_V00,
  STRICT_STANDARD,
  STRICT_NONE
};

enum { LIST_KEX, LIST_HOSTKEY, LIST_CIPHER_CS, LIST_CIPHER_SC, LIST_MAC_CS,
       LIST_MAC_SC, LIST_COMP_CS, LIST_COMP_SC, LIST_LANG_CS, LIST_LANG_SC,
       LISTS };

enum { SCRIPT_PACKET_MAX = 300000 };

/* A macro, so that struct peer of the tests has them as its own. */
#define SCRIPT_FIELDS                                                         \
  enum role role;                                                             \
  enum strict strict;                                                         \
  int ext_info;                    /* 1: say that we know it */               \
  int follows;                     /* first_kex_packet_follows */             \
  const char* ident;                                                          \
  const char* lists[LISTS];        /* NULL: the default */                    \
  const struct kex_alg* kex;       /* the one that is offered */              \
  const struct cipher_alg* cipher; /* both ways */                            \
  const struct mac_alg* mac;       /* NULL with AEAD */                       \
  const uvssh_key_t* hostkey;      /* a server's */                           \
                                                                              \
  int is_strict;                   /* agreed */                               \
  int has_theirs;                  /* their KEXINIT has been read */          \
  struct keys in, out;                                                        \
  struct keys next_in, next_out;                                              \
  uint32_t seq_in, seq_out;                                                   \
  int has_length;                  /* of the packet that begins to come */    \
  uint32_t length;                                                            \
  char ident_theirs[256];                                                     \
  struct buf i_mine, i_theirs;     /* KEXINIT */                              \
  struct buf q_c, q_s, k_s, k;                                                \
  struct buf group;                /* min, n, max, p, g of a group exchange */\
  struct buf secret;                                                          \
  uint8_t h[HASH_SIZE_MAX];                                                   \
  uint8_t session_id[HASH_SIZE_MAX];                                          \
  size_t id_len;                                                              \
  int has_id;                                                                 \
  struct buf message;              /* that is written */                      \
  struct buf wire;                 /* sealed, for whoever carries it */       \
  uint8_t last[SCRIPT_PACKET_MAX]; /* that was read */                        \
  rd_t m;                          /* its body */                             \
  uint64_t heard[256];             /* messages read, by number */

struct script {
  SCRIPT_FIELDS
};

/* s is zeroed. What is set by it or later stays over uvssh__script_reset(). */
void uvssh__script_init(struct script* s, enum role role);
void uvssh__script_reset(struct script* s);
/* mac: NULL with AEAD. UV_EINVAL: no such algorithm. */
int uvssh__script_cipher(struct script* s,
                         const char* cipher,
                         const char* mac) MUST_CHECK;

/* Saying: all of them append to s->wire. 0; UV_ENOMEM, UVSSH_ECRYPTO. */
struct buf* uvssh__script_message(struct script* s, uint8_t number);
int uvssh__script_send(struct script* s) MUST_CHECK;
/* A packet that need not be right. */
struct odd {
  int set_padding;                 /* padding_length is `padding` ... */
  unsigned padding;                /* ... and so many bytes are there ... */
  unsigned padding_bytes;          /* ... or these, when not 0 */
  int set_length;                  /* packet_length says `length` */
  uint32_t length;
  size_t flip;                     /* 1 + the byte whose lowest bit is wrong */
};
int uvssh__script_seal(struct script* s,
                       const void* payload,
                       size_t len,
                       const struct odd* odd) MUST_CHECK; /* or NULL */

/* Hearing. 1: there is one; 0: not all of it has come; or a code.
 * at: what has come, the same bytes again until they are used; opened there. */
int uvssh__script_take_ident(struct script* s,
                             const uint8_t* at,
                             size_t len,
                             size_t* used) MUST_CHECK;
/* The next message into s->last, with s->m behind its number. */
int uvssh__script_take(struct script* s,
                       uint8_t* at,
                       size_t len,
                       size_t* used) MUST_CHECK;

/* ---- script_kex.c -------------------------------------------------------- */

/* say: as above. make: only writes the message, into s->message. hear: of the
 * message that was taken last. */
int uvssh__script_say_ident(struct script* s) MUST_CHECK;
int uvssh__script_make_kexinit(struct script* s) MUST_CHECK;
int uvssh__script_say_kexinit(struct script* s) MUST_CHECK;
void uvssh__script_hear_kexinit(struct script* s);
/* What a group exchange has before it: a client's 34, reading the group; a
 * server's group, which answers the 34 that was taken last. */
int uvssh__script_make_request(struct script* s) MUST_CHECK;
int uvssh__script_say_request(struct script* s) MUST_CHECK;
int uvssh__script_hear_group(struct script* s) MUST_CHECK;
int uvssh__script_make_group(struct script* s) MUST_CHECK;
int uvssh__script_say_group(struct script* s) MUST_CHECK;
/* A client's 30, and the answer with its signature checked; 32 and 33 in a group
 * exchange. */
int uvssh__script_make_init(struct script* s) MUST_CHECK;
int uvssh__script_say_init(struct script* s) MUST_CHECK;
int uvssh__script_hear_reply(struct script* s) MUST_CHECK;
/* A server's: reads 30, makes the keys and signs; and 31. */
int uvssh__script_make_signature(struct script* s,
                                 struct buf* signature) MUST_CHECK;
int uvssh__script_make_reply(struct script* s) MUST_CHECK;
int uvssh__script_say_reply(struct script* s) MUST_CHECK;
/* Behind our NEWKEYS. */
void uvssh__script_change_keys(struct script* s);
int uvssh__script_say_newkeys(struct script* s) MUST_CHECK;

/* ---- peer.c, peer_say.c, peer_reach.c ------------------------------------ */

struct uvssh_test_peer_s {
  struct script script;
  uv_loop_t* loop;
  struct end* end;
  struct buf in;                   /* read, and not a message yet */
  size_t at;
  int lost;                        /* the session's end has closed, or broke */
  int at_point;                    /* -1: nothing is said yet */
  uint32_t channels;               /* opened so far */
  uvssh_key_t* hostkey;            /* a server's */
  char ident[256];
  int status;                      /* what went wrong first, and its text */
  char error[400];
};

/* Notes what went wrong, if it is the first; returns what was. */
int uvssh__peer_fail(uvssh_test_peer_t* peer,
                     int err,
                     const char* format,
                     ...) PRINTF_LIKE(3, 4);
/* What the script has said leaves; err: what that came to. */
int uvssh__peer_said(uvssh_test_peer_t* peer, int err);
/* As uvssh_test_peer_expect() of a message that the exchange needs. */
int uvssh__peer_take_ident(uvssh_test_peer_t* peer) MUST_CHECK;

#endif
