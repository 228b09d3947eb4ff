/* interop-server.c: the server that real clients are driven against.
 *
 * On the public API only. It prints events, one a line, for run.py:
 *   listening on PORT
 *   ready USER
 *   closed NAME phase=.. by_peer=.. reason=.. rekeys=.. cipher=.. mac=..
 *     strict=.. peer=.. kex=.. hostkey=.. compression=.. text=..
 *   accept NAME            a connection that could not be taken
 * SIGTERM closes at once, SIGINT drains; both end with exit code 0 when
 * nothing is left open in the loop.
 *
 * The commands are in interop-commands.c and interop-streams.c. Never use it
 * outside of tests: the password is on the command line. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interop.h"

enum { KEYS_MAX = 8 };

typedef struct {
  const char* at[KEYS_MAX];
  unsigned count;
} names_t;

static struct {
  uvssh_config_t config;
  names_t host_keys;               /* files, one of each type */
  const char* listen;
  const char* auth;                /* comma list, as in RFC 4252 */
  names_t authorized;              /* .pub files */
  const char* password;
  const char* change_password;     /* the only new one that will do */
  const char* log;                 /* "error", "info", "packet" */
  unsigned port;
  int partial;                     /* publickey and password, both */
  int later_auth;                  /* verdicts come from the thread pool */
} opts;

static uvssh_server_t server;
static uvssh_key_t* authorized[KEYS_MAX];
static uv_signal_t signals[2];

enum { DRAIN_MS = 60 * 1000 };
enum kind { TEXT, NAMES, U32, U64, FLAG };

#define CONF(field) offsetof(__typeof__(opts), config.field)
#define OWN(field) offsetof(__typeof__(opts), field)

static const struct option {
  const char* name;
  enum kind kind;
  size_t offset;
} options[] = {
  { "--host-key", NAMES, OWN(host_keys) },
  { "--listen", TEXT, OWN(listen) },
  { "--port", U32, OWN(port) },
  { "--auth", TEXT, OWN(auth) },
  { "--authorized", NAMES, OWN(authorized) },
  { "--password", TEXT, OWN(password) },
  { "--change-password", TEXT, OWN(change_password) },
  { "--partial", FLAG, OWN(partial) },
  { "--later-auth", FLAG, OWN(later_auth) },
  { "--log", TEXT, OWN(log) },
  { "--banner", TEXT, CONF(banner) },
  { "--software", TEXT, CONF(software) },
  { "--kex", TEXT, CONF(kex) },
  { "--hostkey", TEXT, CONF(hostkey_algorithms) },
  { "--ciphers", TEXT, CONF(ciphers) },
  { "--macs", TEXT, CONF(macs) },
  { "--compression", TEXT, CONF(compression) },
  { "--require-strict", FLAG, CONF(require_strict) },
  { "--auth-tries", U32, CONF(auth_tries) },
  { "--preauth-total", U32, CONF(preauth_total) },
  { "--preauth-per-source", U32, CONF(preauth_per_source) },
  { "--penalty-sources", U32, CONF(penalty_sources) },
  { "--rekey-bytes", U64, CONF(rekey_bytes) },
  { "--rekey-packets", U64, CONF(rekey_packets) },
  { "--rekey-ms", U64, CONF(rekey_ms) },
  { "--ident-timeout-ms", U64, CONF(ident_timeout_ms) },
  { "--login-timeout-ms", U64, CONF(login_timeout_ms) },
  { "--idle-timeout-ms", U64, CONF(idle_timeout_ms) },
  { "--keepalive-ms", U64, CONF(keepalive_ms) },
  { "--window-bytes", U32, CONF(window_bytes) },
  { "--packet-bytes", U32, CONF(packet_bytes) },
  { "--queue-bytes", U32, CONF(queue_bytes) },
};

static void add_name(names_t* names, const char* name) {
  if (names->count == KEYS_MAX) {
    fprintf(stderr, "interop-server: %s: one too many\n", name);
    exit(2);
  }
  names->at[names->count++] = name;
}

static void set_option(const struct option* o, const char* value) {
  char* at = (char*) &opts + o->offset;
  char* end = NULL;
  unsigned long long n = 0;

  if (o->kind == TEXT) {
    memcpy(at, &value, sizeof(value));
    return;
  }
  if (o->kind == NAMES) {
    add_name((names_t*) (void*) at, value);
    return;
  }
  n = o->kind == FLAG ? 1 : strtoull(value, &end, 10);
  if (end != NULL && (*end != '\0' || end == value)) {
    fprintf(stderr, "interop-server: %s wants a number\n", o->name);
    exit(2);
  }
  if (o->kind == U64)
    *(uint64_t*) (void*) at = n;
  else
    *(unsigned*) (void*) at = (unsigned) n;
}

static void parse_options(int argc, char** argv) {
  size_t n = sizeof(options) / sizeof(options[0]);

  for (int i = 1; i < argc; i++) {
    size_t k = 0;
    while (k < n && strcmp(options[k].name, argv[i]) != 0)
      k++;
    if (k == n || (options[k].kind != FLAG && i + 1 == argc)) {
      fprintf(stderr, "interop-server: %s: unknown option, or no value\n",
              argv[i]);
      exit(2);
    }
    set_option(&options[k], options[k].kind == FLAG ? "" : argv[++i]);
  }
}

static unsigned methods_of(const char* list) {
  return (strstr(list, "none") != NULL ? (unsigned) UVSSH_AUTH_NONE : 0u) |
         (strstr(list, "password") != NULL ? (unsigned) UVSSH_AUTH_PASSWORD
                                           : 0u) |
         (strstr(list, "publickey") != NULL ? (unsigned) UVSSH_AUTH_PUBLICKEY
                                            : 0u);
}

static int is_authorized(const uvssh_key_t* key) {
  for (unsigned i = 0; i < opts.authorized.count; i++)
    if (uvssh_key_equal(key, authorized[i]))
      return 1;
  return 0;
}

/* The methods that are still needed, 0: logged in, -1: no. */
static int judge(const uvssh_auth_t* a) {
  unsigned both = UVSSH_AUTH_PASSWORD | UVSSH_AUTH_PUBLICKEY;
  const char* pw = opts.password;
  int ok = 0;

  if (a->method == UVSSH_AUTH_NONE)
    ok = 1;
  else if (a->method == UVSSH_AUTH_PUBLICKEY)
    ok = is_authorized(a->key);
  else if (a->method == UVSSH_AUTH_PASSWORD && pw != NULL)
    ok = strcmp(a->password, pw) == 0 &&
         (opts.change_password == NULL ||
          (a->new_password != NULL &&
           strcmp(a->new_password, opts.change_password) == 0));
  if (!ok)
    return -1;
  return opts.partial ? (int) (both & ~(a->passed | a->method)) : 0;
}

static void answer(uvssh_reply_t reply, int verdict) {
  if (verdict < 0)
    uvssh_reply_reject(reply);
  else if (verdict > 0)
    uvssh_reply_partial(reply, (unsigned) verdict);
  else
    uvssh_reply_accept(reply);
}

static void after_auth(job_t* job) {
  answer(job->reply, job->verdict);
}

static void on_auth(uvssh_session_t* s,
                    const uvssh_auth_t* a,
                    uvssh_reply_t reply) {
  static const uvssh_prompt_t prompt = { "New password: ", 0 };
  static const uvssh_prompts_t form = {
    .instruction = "Your password has expired.",
    .prompts = &prompt,
    .count = 1
  };

  if (a->method == UVSSH_AUTH_PASSWORD && opts.change_password != NULL &&
      opts.password != NULL && a->new_password == NULL &&
      strcmp(a->password, opts.password) == 0)
    uvssh_reply_prompt(reply, &form);
  else if (opts.later_auth)
    job_start(s->loop, after_auth, NULL, reply, judge(a));
  else
    answer(reply, judge(a));
}

static void on_ready(uvssh_session_t* s) {
  char name[128];
  printf("ready %s\n", uvssh_escape(name, sizeof(name), uvssh_session_user(s)));
}

static void on_channel(uvssh_session_t* s,
                       const uvssh_channel_open_t* ask,
                       uvssh_reply_t reply) {
  if (ask->type != UVSSH_CHANNEL_SESSION)
    uvssh_channel_reject(reply, UVSSH_OPEN_UNKNOWN_TYPE, "sessions only");
  else if (run_accept(reply) != 0)
    uvssh_reply_reject(reply);
}

static void on_close(uvssh_session_t* s, const uvssh_end_t* end) {
  uvssh_session_info_t info;

  uvssh_session_info(s, &info);
  printf("closed %s phase=%d by_peer=%d reason=%u rekeys=%llu cipher=%s "
         "mac=%s strict=%d peer=%s kex=%s hostkey=%s compression=%s text=%s\n",
         uvssh_err_name(end->status), (int) end->phase, end->by_peer,
         end->reason, (unsigned long long) info.rekeys, info.cipher_in,
         info.mac_in, info.strict, info.peer_software, info.kex,
         info.hostkey_algorithm, info.compression_in, end->text);
  free(s->data);
}

static void on_connection(uvssh_server_t* srv, int status) {
  static const uvssh_session_handlers_t handlers = { .on_auth = on_auth,
                                                     .on_ready = on_ready,
                                                     .on_channel = on_channel,
                                                     .on_close = on_close };
  peer_t* p = NULL;

  if (status == 0) {
    p = calloc(1, sizeof(*p));
    status = p == NULL ? UV_ENOMEM
                       : uvssh_server_accept(srv, &p->ssh, &handlers);
  }
  if (status != 0) {
    printf("accept %s\n", uvssh_err_name(status));
    free(p);
    return;
  }
  p->ssh.data = p;
}

static void on_closed(uvssh_server_t* srv) {
  uv_close((uv_handle_t*) &signals[0], NULL);
  uv_close((uv_handle_t*) &signals[1], NULL);
}

static void on_drained(uvssh_server_t* srv) {
  puts("drained");
  uvssh_server_close(srv, on_closed);
}

static void on_signal(uv_signal_t* handle, int number) {
  if (number == SIGTERM)
    uvssh_server_close(&server, on_closed);
  else
    uvssh_server_shutdown(&server, DRAIN_MS, on_drained);
}

static void on_log(void* arg,
                   uvssh_log_level level,
                   const uvssh_session_t* s,
                   const char* text) {
  fprintf(stderr, "%p %s\n", (const void*) s, text);
}

static void check(int err, const char* what) {
  if (err == 0)
    return;
  fprintf(stderr, "interop-server: %s: %s\n", what, uvssh_strerror(err));
  exit(1);
}

static void load_keys(void) {
  for (unsigned i = 0; i < opts.authorized.count; i++)
    check(uvssh_key_load(&authorized[i], opts.authorized.at[i], NULL),
          opts.authorized.at[i]);
  for (unsigned i = 0; i < opts.host_keys.count; i++)
    check(uvssh_server_add_key_file(&server, opts.host_keys.at[i]),
          opts.host_keys.at[i]);
}

static void start(uv_loop_t* loop) {
  struct sockaddr_storage name;
  int len = (int) sizeof(name);

  check(uvssh_server_init(loop, &server, &opts.config), "server");
  load_keys();
  check(uvssh_server_listen(&server, opts.listen, (int) opts.port,
                            on_connection),
        opts.listen);
  for (int i = 0; i < 2; i++) {
    check(uv_signal_init(loop, &signals[i]), "signal");
    check(uv_signal_start(&signals[i], on_signal, i == 0 ? SIGTERM : SIGINT),
          "signal");
  }
  check(uvssh_server_getsockname(&server, (struct sockaddr*) &name, &len),
        "port");
  printf("listening on %d\n",
         ntohs(((const struct sockaddr_in*) &name)->sin_port));
}

int main(int argc, char** argv) {
  uv_loop_t* loop = uv_default_loop();

  setvbuf(stdout, NULL, _IOLBF, 0);
  uvssh_config_init(&opts.config);
  opts.config.penalty_sources = 0;         /* all come from one address */
  opts.listen = "127.0.0.1";
  opts.auth = "publickey";
  parse_options(argc, argv);
  if (opts.host_keys.count == 0)
    add_name(&opts.host_keys, "interop_host_key");
  opts.config.auth_methods = methods_of(opts.auth);
  if (opts.log != NULL) {
    opts.config.log = on_log;
    opts.config.log_level = opts.log[0] == 'p'   ? UVSSH_LOG_PACKET
                            : opts.log[0] == 'i' ? UVSSH_LOG_INFO
                                                 : UVSSH_LOG_ERROR;
  }
  start(loop);
  uv_run(loop, UV_RUN_DEFAULT);
  for (unsigned i = 0; i < opts.authorized.count; i++)
    uvssh_key_unref(authorized[i]);
  check(uv_loop_close(loop), "something is still open");
  return 0;
}
