/* config.h: everything that can be set, with safe defaults. */
#ifndef UVSSH_CONFIG_H
#define UVSSH_CONFIG_H

#include "uvssh/types.h"
#include "uvssh/version.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  UVSSH_AUTH_NONE = 1,
  UVSSH_AUTH_PASSWORD = 2,
  UVSSH_AUTH_PUBLICKEY = 4
};

typedef enum {
  UVSSH_LOG_ERROR,
  UVSSH_LOG_INFO,
  UVSSH_LOG_PACKET    /* one line a packet: direction, name, sequence, size */
} uvssh_log_level;

/* text: one line without its end; nothing secret in it, what the peer said is
 * escaped. The session is shown, or NULL. It must not call the library. */
typedef void (*uvssh_log_cb)(void* arg,
                             uvssh_log_level level,
                             const uvssh_session_t* session,
                             const char* text);

typedef struct uvssh_packet_s {    /* one packet, as it is when unsealed */
  int outgoing;                    /* 1: ours */
  unsigned number;                 /* of the message, RFC 4250 section 4.1 */
  const char* name;                /* "CHANNEL_DATA"; static; "message": one */
                                   /* that has none */
  uint32_t sequence;
  size_t size;                     /* of the message; 0: of a login, which is */
                                   /* told only where trace_payload is set */
  const uint8_t* payload;          /* shown; NULL where it is not */
} uvssh_packet_t;

/* Comes for each packet, in any call of yours. It must not call the library. */
typedef void (*uvssh_trace_cb)(void* arg,
                               const uvssh_session_t* session,
                               const uvssh_packet_t* packet);

/* line: one of a key log file, without its end. Whoever has it reads all of the
 * session: shown, and wiped afterwards. It must not call the library. */
typedef void (*uvssh_keylog_cb)(void* arg,
                                const uvssh_session_t* session,
                                const char* line);

/* Copied where it is given, its strings too. Start from uvssh_config_init().
 * Times in milliseconds, 0: never, unless a comment says otherwise. */
typedef struct {
  /* fixed when a server or session begins */
  const char* software;            /* after "SSH-2.0-"; "uvssh_0.1.0" */
  const char* banner;              /* server, before login; NULL: none */
  const char* kex;                 /* comma lists, best first, or "+a", "-a", */
                                   /* "^a" as uvssh_config_check() tells; */
                                   /* NULL: default */
  const char* hostkey_algorithms;
  const char* ciphers;
  const char* macs;
  const char* compression;
  int require_strict;              /* refuse peers without strict kex; 0 */
  int refuse_trivial_auth;         /* client: a server that wants neither */
                                   /* password nor signature is refused; 0 */
  unsigned preauth_total;          /* server: most sessions not logged in; */
                                   /* 128; 0: no limit */
  unsigned preauth_per_source;     /* server: the same from one source; 32 */
  unsigned source_prefix4;         /* bits of an IPv4 address that are a */
                                   /* source; 32 */
  unsigned source_prefix6;         /* the same for IPv6; 64 */
  unsigned penalty_sources;        /* server: most sources that are noted for */
                                   /* what follows; 65536; 0: none is */
  uint64_t penalty_least_ms;       /* so much gathered shuts a source out, */
                                   /* until it has run off; 15 s */
  uint64_t penalty_most_ms;        /* and no more is gathered; 10 min */
  uint64_t penalty_login_ms;       /* for a session that logged in wrongly, */
                                   /* and in the end not at all; 5 s */
  uint64_t penalty_silent_ms;      /* ... that left without trying; 1 s */
  uint64_t penalty_timeout_ms;     /* ... that let a timeout pass; 10 s */
  uint64_t penalty_protocol_ms;    /* ... that broke the protocol; 10 s */
  uint32_t handle_bytes;           /* most that the handles of a session have */
                                   /* to send and that has not left; 1 MiB */
  unsigned handle_messages;        /* most sends and posts of handles that */
                                   /* wait for the loop, and most sends that */
                                   /* have not left; 4096 */
  uvssh_log_level log_level;       /* UVSSH_LOG_ERROR */
  uvssh_log_cb log;                /* NULL: no log */
  void* log_arg;                   /* shown to log; lent */
  uvssh_trace_cb trace;            /* each packet; NULL: nobody is told */
  void* trace_arg;                 /* shown to trace; lent */
  int trace_payload;               /* with its bytes, passwords too; 0 */
  uvssh_keylog_cb keylog;          /* the secret of each key exchange, for */
                                   /* programs that read recorded sessions; */
                                   /* NULL: nobody is told */
  void* keylog_arg;                /* shown to keylog; lent */
  /* from here on also uvssh_session_configure() */
  unsigned auth_methods;           /* server: those on_auth is asked about; */
                                   /* UVSSH_AUTH_PUBLICKEY */
  unsigned auth_tries;             /* server: failures before the end; 6 */
  unsigned auth_requests;          /* server: requests of any outcome; 128 */
  uint64_t auth_rejection_ms;      /* server: a refusal takes this long; 300 */
  uint64_t connect_timeout_ms;     /* client: until a host took us; 30 s */
  uint64_t ident_timeout_ms;       /* until the peer said who it is; 10 s */
  uint64_t kex_timeout_ms;         /* one key exchange, first or later; 20 s */
  uint64_t login_timeout_ms;       /* from the start to login; 60 s; in a */
                                   /* client only the peer's time counts */
  uint64_t reply_timeout_ms;       /* server: then an open question is */
                                   /* answered no; 60 s */
  uint64_t idle_timeout_ms;        /* no data of the peer for so long; 0 */
  uint64_t linger_ms;              /* most that disconnect takes, and that a */
                                   /* closing channel waits for the peer to */
                                   /* take more; 10 s; 0: at once */
  uint64_t keepalive_ms;           /* ask after so much silence; 0 */
  unsigned keepalive_count;        /* unanswered ones before the end; 3 */
  uint64_t rekey_bytes;            /* in one direction; 1 GiB */
  uint64_t rekey_packets;          /* in one direction; 2^31, at most that, */
                                   /* and that is what 0 means */
  uint64_t rekey_ms;               /* 1 h */
  uint32_t window_bytes;           /* a channel's window at its beginning: */
                                   /* most unread bytes held; 2 MiB */
  uint32_t window_most_bytes;      /* and so far it grows where it is what */
                                   /* the peer waits for; 32 MiB; not above */
                                   /* window_bytes: never */
  uint32_t packet_bytes;           /* most data in one message; 32 KiB, at */
                                   /* most that */
  uint32_t queue_bytes;            /* at this, send() is UV_ENOBUFS; 1 MiB */
  uint32_t drain_bytes;            /* on_drain when the queue is below this */
                                   /* again; 256 KiB */
  unsigned channels;               /* most channels a session; 256 */
  uint32_t preauth_bytes;          /* server: most bytes read before login; */
                                   /* 256 KiB */
  uint32_t preauth_packets;        /* server: most packets; 1000 */
  uint64_t session_bytes;          /* most held and queued, all channels; */
                                   /* 128 MiB */
} uvssh_config_t;

/**
 * The defaults above.
 *
 * config  overwritten; holds pointers to static text only
 * thread  any      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN void uvssh_config_init(uvssh_config_t* config);

/**
 * Can this be? Every function that takes a config asks the same, and logs the
 * text as an error where the answer is no.
 *
 * Lists of algorithms are as in ssh_config(5): "a,b"; "+a,b" behind the default
 * list; "^a,b" in front of it; "-a,b*" the default list without these. Only
 * behind '-' may stand wildcards, * and ?.
 *
 * error   out, only where it is not 0: the field, what is wrong, and what could
 *         be; NULL: do not say
 * return  0; UV_EINVAL a server or a client could not take it
 * thread  any      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_config_check(const uvssh_config_t* config,
                                    uvssh_text_error_t* error);

/**
 * How far all windows of the process may grow together; 256 MiB.
 *
 * It bounds what peers may make the process hold beyond the windows that their
 * channels began with. One window gets at most a quarter of what the others
 * leave. What has grown stays: with a smaller budget less grows from now on.
 *
 * bytes   0: no window grows
 * thread  any      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN void uvssh_window_budget_set(uint64_t bytes);

/** How much of it is used now. Any thread. Inside callbacks: yes. */
UVSSH_EXTERN uint64_t uvssh_window_budget_used(void);

#ifdef __cplusplus
}
#endif
#endif
