/* transport.h: RFC 4253, RFC 8308 and the strict key exchange: bytes become
 * messages, messages become bytes.
 *
 *   ident.c       "SSH-2.0-..."; both ways
 *   packet_in.c   finds, opens and checks one packet after the other
 *   packet_out.c  messages, sealing, output blocks, what waits for new keys
 *   kexinit.c     our offer, the peer's, and what they have in common
 *   kex.c         one exchange from KEXINIT to NEWKEYS; hash and keys
 *   kex_server.c  our half as a server
 *   kex_client.c  our half as a client
 *   kex_group.c   what a group exchange has before it, both halves
 *   compression.c  which payloads are compressed
 *   ext_info.c    RFC 8308
 *   trace.c       what is told of each packet, where somebody listens
 *   keylog.c      K, for who may read along
 *   message.c     DISCONNECT, IGNORE, DEBUG, UNIMPLEMENTED
 *
 * It knows no socket, no timer and no clock; desk_now() is its time.
 */
#ifndef UVSSH_TRANSPORT_INTERNAL_H
#define UVSSH_TRANSPORT_INTERNAL_H

#include "desk/desk.h"

#define IDENT_MAX 255              /* RFC 4253 section 4.2, with CR LF */
#define IDENT_LINES_MAX 1024       /* before a server's identification */
#define IDENT_LINE_MAX 8192
#define PACKET_PREAUTH_MAX 35000   /* RFC 4253 section 6.1 */
#define PACKET_MAX (256 * 1024)
#define DATA_MAX (32 * 1024)       /* most channel data in a message of ours */
#define MESSAGE_MAX 34000          /* what every peer takes, RFC 4253 6.1 */
#define SEAL_AHEAD_MAX (8 * DATA_MAX) /* channel data sealed and not written */
#define REPLIES_MAX (64 * 1024)    /* unsent replies before reading pauses */
#define DEFERRED_MAX 256           /* messages that wait for our NEWKEYS */
#define DEFERRED_BYTES_MAX (64 * 1024)

enum transport_phase {
  T_IDENT,                         /* the peer has not said who it is */
  T_KEXINIT,                       /* waiting for the peer's KEXINIT */
  T_KEX,                           /* waiting for a message of the method */
  T_GROUP,                         /* ... for the first one of an exchange of */
                                   /* groups, which says what group */
  T_GROUP_KEX,                     /* ... for its second one */
  T_NEWKEYS,                       /* waiting for the peer's NEWKEYS */
  T_READY                          /* no exchange, or only our KEXINIT sent */
};

struct half {                      /* one direction */
  struct keys keys;
  uint32_t seq;
  uint64_t bytes;                  /* since the beginning */
  uint64_t packets;
  uint64_t key_bytes;              /* since NEWKEYS */
  uint64_t key_packets;
  struct compressor* compressor;   /* NULL: payloads are as they are */
};

#define HOSTKEYS_MAX 8             /* more than there are types */

struct hostkeys {                  /* of a server; kept; the first of a type */
                                   /* is shown, the others are told */
  uvssh_key_t* key[HOSTKEYS_MAX];
  unsigned count;
};

struct offer {                     /* what one exchange agreed on */
  const struct kex_alg* kex;
  const struct sign_alg* sign;
  const struct cipher_alg* cipher[2]; /* client to server, server to client */
  const struct mac_alg* mac[2];
  const struct compression_alg* compression[2];
};

/* What a job costs that does the exchange's work and the host key's. */
static inline enum cost offer_cost(const struct offer* o) {
  return o->kex->cost > o->sign->cost ? o->kex->cost : o->sign->cost;
}

/* What the exchange hash is made of. A job owns one, with copies of all it
 * needs; a client keeps it while the host key is asked about. */
struct exchange {
  const struct kex_alg* kex;
  const struct sign_alg* sign;
  struct buf prefix;               /* V_C, V_S, I_C, I_S, as strings */
  struct buf k_s;
  struct buf group;                /* group exchange: min, n, max, p, g */
  struct buf q_c, q_s, k, signature;
  uint8_t h[HASH_SIZE_MAX];
};

/* Exists only while an exchange runs. */
struct handshake {
  struct buf i_ours;               /* KEXINIT payloads, for the hash */
  struct buf i_peer;
  struct offer offer;
  int skip_guess;                  /* the peer guessed wrong: skip one */
  struct buf group;                /* as in struct exchange */
  struct buf secret;               /* client's ephemeral */
  struct buf q_c;                  /* client's public value */
  struct keys next_in;             /* in use from the peer's NEWKEYS on */
  struct question question;        /* client: may this be the host key? */
  uvssh_key_t* hostkey;            /* client: what is asked about */
  struct exchange asked;           /* client: goes on when it is accepted */
};

enum {                             /* what an EXT_INFO may name */
  EXTENSION_PING = 1,
  EXTENSION_HOSTBOUND = 2,         /* from a server */
  EXTENSION_IN_AUTH = 4            /* from a client */
};

struct transport {
  struct desk* desk;
  enum transport_phase phase;
  int strict;                      /* agreed in the first exchange */
  int rekeying;                    /* an exchange, and not the first */
  int kexinit_sent;                /* ours, and our NEWKEYS has not followed */
  int in_since_newkeys;            /* packets since the peer's, up to 2 */
  int peer_ext_info;               /* it offered ext-info-c, -s */
  unsigned extensions;             /* EXTENSION_*: what its EXT_INFO names */
  struct half in;
  struct half out;

  char ident_ours[IDENT_MAX];      /* without CR LF; ends in NUL */
  char ident_peer[IDENT_MAX];
  unsigned ident_lines;            /* that came before */

  /* Input that waits: an unfinished packet, or all that came while paused.
   * Grows with the bytes received, never with a length announced. */
  struct buf tail;
  size_t tail_at;                  /* what before this is done with */
  uint32_t packet_length;          /* of the packet that begins; 0: unknown */

  /* Sealed blocks: the first of `blocks` may be lent to the transport. */
  struct block* blocks;
  struct block* last;
  int in_flight;
  int unsealed;                    /* a packet could not be sealed, and half */
                                   /* of it may have been: nothing leaves now */
  size_t unsent;                   /* bytes in blocks that are not in flight */
  size_t deflated;                 /* what compressing these took, as if it */
                                   /* were bytes; and those in flight */
  size_t deflated_in_flight;
  size_t unsent_replies;           /* sealed since something is in flight */
  uint64_t sealed_end;             /* offset behind all that was sealed */
  uint64_t written_end;            /* offset behind all that was written */
  uint8_t padding[32];             /* random, from KEXINIT on; encrypted */
                                   /* anyway */

  struct buf deferred;             /* u32 length, payload; while kexinit_sent */
  unsigned deferred_count;

  struct handshake* hs;
  const struct hostkeys* hostkeys; /* server */
  uvssh_key_t* hostkey;            /* of the first exchange, in both roles */
  struct offer agreed;             /* names for uvssh_session_info() */
  uint8_t session_id[HASH_SIZE_MAX];
  size_t session_id_len;
  char* sig_algs;                  /* the peer's server-sig-algs; NULL: none */
  uint64_t kex_started;            /* ms */
  uint64_t kex_finished;
  uint64_t rekeys;
  uvssh_req_t* rekey_req;          /* completes when both NEWKEYS are through */
  int rekey_done;                  /* the request above is due */

  /* What the peer said in DISCONNECT. */
  unsigned peer_reason;
  char* peer_text;                 /* escaped; NULL: nothing */
  char* failure;                   /* what there was nothing in common for, in */
                                   /* words, escaped; NULL */
  unsigned ignored;                /* messages skipped in a first exchange */
};

void uvssh__transport_init(struct transport* t,
                           struct desk* desk,
                           const struct hostkeys* hostkeys);
void uvssh__transport_free(struct transport* t);

/* ---- ident.c ------------------------------------------------------------- */

/* Queues our identification line and, right behind it, KEXINIT. */
void uvssh__ident_send(struct transport* t);
/* Takes what belongs to the identification off *p; 0 or a code; the phase is
 * T_KEXINIT when it is complete. */
int uvssh__ident_feed(struct transport* t, uint8_t** p, size_t* n) MUST_CHECK;

/* ---- packet_in.c --------------------------------------------------------- */

/* The next message. 1: *m holds it, in place in *p or in the tail, until the
 * next call; 0: more bytes are needed, and all of *p is kept; or a code. */
int uvssh__packet_next(struct transport* t,
                       uint8_t** p,
                       size_t* n,
                       rd_t* m) MUST_CHECK;
/* Input is paused: keep all of it for later. */
int uvssh__packet_keep(struct transport* t, const uint8_t* p, size_t n)
    MUST_CHECK;
/* Gives back what is no longer needed. */
void uvssh__packet_tidy(struct transport* t);
static inline size_t packet_kept(const struct transport* t) {
  return t->tail.len - t->tail_at;
}

/* ---- packet_out.c -------------------------------------------------------- */

/* Begin a message of ours; write its fields into the buffer, then send. Only
 * one at a time. Whatever goes wrong ends the session through desk_fail(). */
struct buf* uvssh__message(struct transport* t, uint8_t number);
/* 1 when what was written so far may be sent; otherwise it is given up. */
int uvssh__message_fits(struct transport* t) MUST_CHECK;
/* Seals it, or keeps it until our NEWKEYS where it has to wait (RFC 4253
 * section 7.1; from OpenSSH 10.4 on a peer is cut off that does not). */
void uvssh__send(struct transport* t);
/* 1 while channel data may be sealed: no exchange, and the transport keeps
 * up. */
int uvssh__can_send_data(const struct transport* t);
/* Seal one message out of a head (its first bytes) and a body that is read
 * only once. Only while uvssh__can_send_data(). */
void uvssh__send_data(struct transport* t,
                      const uint8_t* head,
                      size_t head_len,
                      const uint8_t* body,
                      size_t body_len);
/* Our NEWKEYS has left: so does what waited for it. */
void uvssh__send_deferred(struct transport* t);
/* Bytes that are not packets: the identification. */
void uvssh__send_raw(struct transport* t, const void* base, size_t len);
/* The next bytes for the transport, in flight from now on; 0: there are none,
 * or some are in flight. */
int uvssh__output_next(struct transport* t, uv_buf_t* out);
/* Those bytes have been taken. */
void uvssh__output_done(struct transport* t);
/* 1 when so many replies wait that the peer is to be heard no more. */
int uvssh__replies_pile_up(const struct transport* t);

/* ---- compression.c ------------------------------------------------------- */

/* New keys of this direction: a new stream, or none. */
int uvssh__compression_newkeys(struct transport* t,
                               struct half* half,
                               const struct compression_alg* alg) MUST_CHECK;
/* Behind USERAUTH_SUCCESS, both roles: what was delayed begins. */
int uvssh__compression_login(struct transport* t) MUST_CHECK;
void uvssh__compression_stop(struct half* half);
/* The payload as it goes out: lent until the next call. */
int uvssh__deflate(struct compressor* c,
                   const uint8_t* head,
                   size_t head_len,
                   const uint8_t* body,
                   size_t body_len,
                   str_t* payload) MUST_CHECK;
/* The message that was in a payload, of at most `most` bytes: *m lasts until
 * the next call. */
int uvssh__inflate(struct compressor* c, str_t payload, size_t most, rd_t* m)
    MUST_CHECK;

/* ---- kexinit.c ----------------------------------------------------------- */

#define KEXINIT_COOKIE 16          /* random bytes, behind its number */

/* Builds and sends our KEXINIT; t->hs exists. */
void uvssh__kexinit_send(struct transport* t);
/* Reads the peer's, and fills t->hs->offer. */
int uvssh__kexinit_read(struct transport* t, rd_t* m) MUST_CHECK;

/* ---- kex.c --------------------------------------------------------------- */

/* Starts an exchange: our KEXINIT leaves. */
void uvssh__kex_start(struct transport* t);
int uvssh__on_kexinit(struct transport* t, rd_t* m) MUST_CHECK;
int uvssh__on_newkeys(struct transport* t, rd_t* m) MUST_CHECK;
/* 1: skip this message, the peer's wrong guess; once an exchange. */
int uvssh__kex_skip_guess(struct transport* t, uint8_t number);
/* H, over what both sides have said: RFC 4253 section 8, RFC 5656 section 4. */
int uvssh__exchange_init(struct exchange* x, const struct transport* t)
    MUST_CHECK;
void uvssh__exchange_hash(struct exchange* x);
void uvssh__exchange_free(struct exchange* x);
/* "mpint p, mpint g" of a group exchange; empty. */
static inline str_t exchange_group(const struct exchange* x) {
  str_t s = { x->group.base, x->group.len };

  if (s.len != 0) {
    s.base += 3 * 4;               /* behind min, n, max */
    s.len -= 3 * 4;
  }
  return s;
}
/* Both directions' keys from K and H; ours are in use behind our NEWKEYS, which
 * this sends. */
int uvssh__kex_newkeys(struct transport* t, struct exchange* x) MUST_CHECK;
void uvssh__handshake_free(struct transport* t);
/* 1 when bytes, packets or time ask for new keys. */
int uvssh__rekey_is_due(const struct transport* t);

/* ---- kex_server.c, kex_client.c, kex_group.c ----------------------------- */

/* Server: the first of our keys for this algorithm; in later exchanges only the
 * first one's, whatever has been added since: a client holds to it. NULL: none,
 * and then the algorithm is not offered. */
uvssh_key_t* uvssh__hostkey_for(const struct transport* t,
                                const struct sign_alg* alg);
int uvssh__on_kex_init(struct transport* t, rd_t* m) MUST_CHECK;
int uvssh__kex_client_begin(struct transport* t) MUST_CHECK;
/* Makes the ephemeral key, and says the public one. */
int uvssh__kex_client_start(struct transport* t) MUST_CHECK;
int uvssh__on_kex_reply(struct transport* t, rd_t* m) MUST_CHECK;
int uvssh__on_kex_31(struct transport* t, rd_t* m) MUST_CHECK;
int uvssh__on_group_request(struct transport* t, rd_t* m) MUST_CHECK;
int uvssh__group_request_send(struct transport* t) MUST_CHECK;
/* 1 while the user thinks about a host key: input waits. */
static inline int kex_is_asking(const struct transport* t) {
  return t->hs != NULL && question_is_open(&t->hs->question);
}

/* ---- ext_info.c ---------------------------------------------------------- */

/* Right behind our first NEWKEYS, to a peer that knows it. */
void uvssh__ext_info_send(struct transport* t);
/* Server: once more behind the client's first USERAUTH_REQUEST, where it has
 * said that it takes that. */
void uvssh__ext_info_send_in_auth(struct transport* t);
int uvssh__on_ext_info(struct transport* t, rd_t* m) MUST_CHECK;
/* 1 when the server takes signatures of this algorithm, or has not said. */
int uvssh__sig_alg_allowed(const struct transport* t, const char* name);
/* Client: the best algorithm of this key that the server takes from users, or
 * NULL, which the log tells. */
const struct sign_alg* uvssh__sign_for(const struct transport* t,
                                       const uvssh_key_t* key);

/* ---- trace.c, keylog.c --------------------------------------------------- */

/* 1 when uvssh__trace() is to be called for each packet: desk->traced. */
int uvssh__trace_is_wanted(const struct desk* desk);
/* One packet; its message in two pieces, of which the first is not empty. */
void uvssh__trace(const struct transport* t,
                  int outgoing,
                  uint32_t seq,
                  str_t head,
                  str_t body);
/* K of an exchange, to whom the config names. */
void uvssh__keylog(const struct transport* t, const struct exchange* x);

/* ---- message.c ----------------------------------------------------------- */

void uvssh__disconnect_send(struct transport* t,
                            unsigned reason,
                            const char* text);
void uvssh__unimplemented_send(struct transport* t);
int uvssh__on_disconnect(struct transport* t, rd_t* m) MUST_CHECK;
int uvssh__on_ignore(struct transport* t, rd_t* m) MUST_CHECK;
int uvssh__on_debug(struct transport* t, rd_t* m) MUST_CHECK;
int uvssh__on_unimplemented(struct transport* t, rd_t* m) MUST_CHECK;

#endif
