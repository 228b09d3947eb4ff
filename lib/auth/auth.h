/* auth.h: the authentication protocol, RFC 4252, in both roles.
 *
 *   auth.c          beginning and end, both roles
 *   auth_server.c   requests, verdicts, refusals at a constant time, counts
 *   auth_methods.c  the server's table of methods: one row each
 *   auth_client.c   the other side
 *   auth_pubkey.c   the signed blob, both sides (RFC 4252 section 7), bound
 *                   to the server's key or not
 *
 * It never says yes where the user has not, and keeps nothing of one user
 * name for another.
 */
#ifndef UVSSH_AUTH_INTERNAL_H
#define UVSSH_AUTH_INTERNAL_H

#include "transport/transport.h"
#include "uvssh/client.h"

#define AUTH_HOSTBOUND "publickey-hostbound-v00@openssh.com"

enum auth_phase {
  A_SERVICE,                       /* no service yet */
  A_IDLE,
  A_WAIT,                          /* server: a verdict or its time is */
                                   /* awaited; client: a request is out */
  A_QUERY,                         /* client: would this key do? */
  A_SIGNED,                        /* client: signature sent */
  A_DONE
};

struct attempt {                   /* server: what is being judged */
  unsigned method;
  int free_of_charge;              /* the first "none" */
  uvssh_key_t* key;
  int proven;
  int hostbound;                   /* the server's key is signed, too */
  const struct sign_alg* sign;
};

/* Exists until login. */
struct login {
  /* server */
  unsigned passed;                 /* methods; 0 again for another user */
  unsigned next;                   /* after partial success: only these */
  unsigned failures;
  unsigned requests;
  int none_seen;
  int change_asked;                /* this user was told to change */
  int banner_sent;
  int informed;                    /* EXT_INFO behind the first request */
  uint64_t asked_at;
  uint64_t refuse_at;              /* 0: no refusal waits */
  struct attempt attempt;
  struct buf pending;              /* one message that came meanwhile */
  /* client */
  uvssh_req_t* req;
  uvssh_key_t* key;
  const struct sign_alg* sign;
  struct buf secret;               /* the password, for its change */
  int has_secret;
  unsigned method;                 /* what is tried */
  unsigned methods;                /* that can continue, as we were told last */
  unsigned changes;                /* that this password was refused with */
  unsigned banner_bytes;
  unsigned banners;
  struct question question;        /* both: the verdict; the new password, */
                                   /* the signature */
};

struct auth {
  struct desk* desk;
  struct transport* transport;
  enum auth_phase phase;
  char* user;                      /* NULL: none yet; the next one, or ours */
  char brief[32];                  /* where it is that short */
  uvssh_key_t* key;                /* that signed, for uvssh_session_key() */
  unsigned late;                   /* requests after success */
  unsigned method;                 /* UVSSH_AUTH_* that logged in */
  int trivial;                     /* client: it asked for nothing */
  struct login* login;             /* NULL once logged in */
};

int uvssh__auth_init(struct auth* auth,
                     struct desk* desk,
                     struct transport* transport) MUST_CHECK;
void uvssh__auth_free(struct auth* auth);
/* Copied. 0 or UV_ENOMEM. */
int uvssh__auth_set_user(struct auth* auth, str_t user) MUST_CHECK;
/* Completes what is pending with this. */
void uvssh__auth_end(struct auth* auth, int status);

/* Both roles. */
int uvssh__on_service_request(struct auth* auth, rd_t* m) MUST_CHECK;
int uvssh__on_service_accept(struct auth* auth, rd_t* m) MUST_CHECK;
int uvssh__on_userauth_request(struct auth* auth, rd_t* m) MUST_CHECK;
int uvssh__on_userauth_failure(struct auth* auth, rd_t* m) MUST_CHECK;
int uvssh__on_userauth_success(struct auth* auth, rd_t* m) MUST_CHECK;
int uvssh__on_userauth_banner(struct auth* auth, rd_t* m) MUST_CHECK;
int uvssh__on_userauth_60(struct auth* auth, rd_t* m) MUST_CHECK;

/* Server: when something is due, and doing it; what waited for a verdict. */
uint64_t uvssh__auth_deadline(const struct auth* auth);
int uvssh__auth_tick(struct auth* auth) MUST_CHECK;
/* Client: the first keys are in use. */
void uvssh__auth_begin(struct auth* auth);
/* Client: one attempt begins; then one of the three. As client.h. */
int uvssh__auth_client_start(struct auth* auth,
                             uvssh_req_t* req,
                             const char* user,
                             unsigned method,
                             uvssh_req_cb cb) MUST_CHECK;
/* Client: the attempt is over; methods: what can continue. */
void uvssh__auth_client_done(struct auth* auth, int status, unsigned methods);
/* ... and its callback has come: the key goes. Not before: a signer may be on
 * the stack, and what it stands on goes with the key. */
void uvssh__auth_client_tidy(struct auth* auth);
/* The fields of a USERAUTH_REQUEST up to the method's name. */
struct buf* uvssh__auth_request(struct auth* auth, const char* method);
void uvssh__auth_client_none(struct auth* auth);
void uvssh__auth_client_password(struct auth* auth, const char* password);
void uvssh__auth_client_publickey(struct auth* auth, uvssh_key_t* key);
/* Logged in: phase, flags, and what is needed no more; compression begins. */
int uvssh__auth_succeed(struct auth* auth) MUST_CHECK;

/* ---- auth_methods.c ------------------------------------------------------ */

/* Puts the attempt to the user, or refuses it. Strings are secret. */
int uvssh__auth_ask(struct auth* auth,
                    const char* password,
                    const char* new_password) MUST_CHECK;
int uvssh__auth_refuse(struct auth* auth) MUST_CHECK;
/* 1 when the user would be asked about this method now. */
int uvssh__auth_method_open(const struct auth* auth, unsigned method);
/* Reads and judges what follows the method's name. */
int uvssh__auth_method(struct auth* auth, str_t name, rd_t* m) MUST_CHECK;
/* "publickey,password", and back; unknown names are skipped. */
void uvssh__auth_method_names(unsigned methods, struct buf* list);
unsigned uvssh__auth_methods_of(str_t list);

/* ---- auth_pubkey.c ------------------------------------------------------- */

int uvssh__auth_publickey_read(struct auth* auth, rd_t* m) MUST_CHECK;
int uvssh__auth_hostbound_read(struct auth* auth, rd_t* m) MUST_CHECK;
/* Client: would this key do? And, when it would, the signature. */
void uvssh__auth_publickey_ask(struct auth* auth);
int uvssh__auth_publickey_sign(struct auth* auth) MUST_CHECK;
/* What is signed: session id, then the request up to the key. */
void uvssh__auth_signed_data(const struct auth* auth,
                             const struct sign_alg* sign,
                             const uvssh_key_t* key,
                             struct buf* data);

#endif
