/* peer.c: see peer.h. */
#include "peer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- ends --------------------------------------------------------------- */

static void last_line(const char* what, const char* format, va_list args) {
  char text[512];
  int len = 0;

  vsnprintf(text, sizeof(text), format, args);
  len = (int) strcspn(text, "\n");
  fflush(stdout);
  fprintf(stderr, "%s: %.*s\n", what, len, text);
}

#define END_WITH(what, code)                                                   \
  do {                                                                         \
    va_list args;                                                              \
    va_start(args, format);                                                    \
    last_line(what, format, args);                                             \
    va_end(args);                                                              \
    _exit(code);                                                               \
  } while (0)

void peer_failed(const char* format, ...) {
  END_WITH("failed", EXIT_FAILED);
}

void peer_wrong(const char* format, ...) {
  END_WITH("failed", EXIT_WRONG);
}

void peer_cannot(const char* format, ...) {
  END_WITH("cannot", EXIT_CANNOT);
}

static void on_alarm(int number) {
  static const char text[] = "timeout: no progress\n";

  if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
    _exit(EXIT_TIMEOUT);
  _exit(EXIT_TIMEOUT);
}

void peer_progress(const peer_options_t* o) {
  static int ready;

  if (!ready)
    signal(SIGALRM, on_alarm);
  ready = 1;
  alarm(o->patience);
}

/* ---- the command line --------------------------------------------------- */

enum kind { TEXT, NUMBER, NUMBER64, FLAG };

#define AT(field) offsetof(peer_options_t, field)

static const struct option {
  const char* name;
  enum kind kind;
  size_t offset;
} options[] = {
  { "--host", TEXT, AT(host) },
  { "--port", NUMBER, AT(port) },
  { "--user", TEXT, AT(user) },
  { "--password", TEXT, AT(password) },
  { "--key", TEXT, AT(key) },
  { "--known", TEXT, AT(known) },
  { "--host-key", TEXT, AT(host_key) },
  { "--authorized", TEXT, AT(authorized) },
  { "--kex", TEXT, AT(kex) },
  { "--hostkey", TEXT, AT(hostkey) },
  { "--cipher", TEXT, AT(cipher) },
  { "--mac", TEXT, AT(mac) },
  { "--compression", TEXT, AT(compression) },
  { "--patience", NUMBER, AT(patience) },
  { "--rekey-bytes", NUMBER64, AT(rekey_bytes) },
  { "--rekey", FLAG, AT(rekey) },
};

__attribute__((noreturn))
static void usage(const char* why) {
  fprintf(stderr, "usage: PEER client|server|list ..., see README.md: %s\n",
          why);
  exit(EXIT_USAGE);
}

static uint64_t number(const char* text) {
  char* end = NULL;
  unsigned long long n = strtoull(text, &end, 10);

  if (*end != '\0' || end == text || *text == '-')
    usage(text);
  return n;
}

static const struct option* find_option(const char* name) {
  for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
    if (strcmp(options[i].name, name) == 0)
      return &options[i];
  usage(name);
}

static void set_option(peer_options_t* o,
                       const struct option* option,
                       const char* value) {
  char* at = (char*) o + option->offset;

  if (option->kind == TEXT)
    memcpy(at, &value, sizeof(value));
  else if (option->kind == NUMBER64)
    *(uint64_t*) (void*) at = number(value);
  else
    *(unsigned*) (void*) at = (unsigned) number(value);
}

static void set_action(peer_options_t* o, int count, char** words) {
  static const char* const forms[] = { "exec", "subsystem", "up",
                                       "down", "both", "close" };
  int known = count == 1 && strcmp(words[0], "shell") == 0;

  for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
    known |= count == 2 && strcmp(words[0], forms[i]) == 0;
  if (!known)
    usage(count == 0 ? "no action" : words[0]);
  o->action = words[0];
  o->text = count == 2 ? words[1] : "";
  if (strcmp(o->action, "up") == 0 || strcmp(o->action, "down") == 0 ||
      strcmp(o->action, "both") == 0)
    o->size = number(o->text);
}

void peer_parse(peer_options_t* o, int argc, char** argv) {
  int i = 2;

  memset(o, 0, sizeof(*o));
  o->role = argc > 1 ? argv[1] : "";
  o->host = "127.0.0.1";
  o->user = o->action = o->text = "";
  o->patience = 60;
  for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
    const struct option* option = find_option(argv[i]);
    if (option->kind == FLAG)
      set_option(o, option, "1");
    else if (++i == argc)
      usage(option->name);
    else
      set_option(o, option, argv[i]);
  }
  if (strcmp(o->role, "client") == 0)
    set_action(o, argc - i, argv + i);
  else if (strcmp(o->role, "list") != 0 &&
           (strcmp(o->role, "server") != 0 || o->host_key == NULL || i < argc))
    usage(o->role);
  if (o->key == NULL && o->password == NULL && strcmp(o->role, "client") == 0)
    usage("--key or --password");
  if (sodium_init() < 0)
    peer_failed("no randomness");
  signal(SIGPIPE, SIG_IGN);
}

/* ---- algorithms --------------------------------------------------------- */

const char* peer_names(const char* kind) {
  if (strcmp(kind, "kex") == 0)
    return "curve25519-sha256,curve25519-sha256@libssh.org,"
           "mlkem768x25519-sha256,sntrup761x25519-sha512,"
           "sntrup761x25519-sha512@openssh.com,ecdh-sha2-nistp256,"
           "ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
           "diffie-hellman-group-exchange-sha256,"
           "diffie-hellman-group14-sha256,diffie-hellman-group16-sha512,"
           "diffie-hellman-group18-sha512,diffie-hellman-group14-sha1,"
           "diffie-hellman-group1-sha1";
  if (strcmp(kind, "hostkey") == 0)
    return "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,"
           "ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256,ssh-rsa";
  if (strcmp(kind, "cipher") == 0)
    return "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,"
           "aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr,"
           "aes256-cbc,aes192-cbc,aes128-cbc,3des-cbc";
  if (strcmp(kind, "compression") == 0)
    return "none,zlib@openssh.com,zlib";
  return "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,"
         "hmac-sha1-etm@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1";
}

/* The next name of a comma list; 0: there is none. */
static int next_name(const char** list, char* name, size_t size) {
  size_t len = *list == NULL ? 0 : strcspn(*list, ",");

  if (len == 0 || len >= size)
    return 0;
  memcpy(name, *list, len);
  name[len] = '\0';
  *list += len + ((*list)[len] == ',');
  return 1;
}

void peer_each(const char* kind,
               const char* list,
               int (*known)(void* arg, const char* kind, const char* name),
               void* arg) {
  char name[128];

  while (next_name(&list, name, sizeof(name)))
    if (!known(arg, kind, name))
      peer_cannot("%s %s", kind, name);
}

void peer_list(const char* kind,
               const char* list,
               int (*known)(void* arg, const char* kind, const char* name),
               void* arg) {
  const char* between = " ";
  char name[128];

  fputs(kind, stdout);
  while (next_name(&list, name, sizeof(name))) {
    if (!known(arg, kind, name))
      continue;
    printf("%s%s", between, name);
    between = ",";
  }
  putchar('\n');
}

void peer_negotiated(const char* kex,
                     const char* hostkey,
                     const char* cipher,
                     const char* mac) {
  if (cipher != NULL &&
      (strstr(cipher, "gcm") != NULL || strstr(cipher, "poly1305") != NULL))
    mac = NULL;
  fprintf(stderr, "negotiated kex=%s hostkey=%s cipher=%s mac=%s\n",
          kex == NULL ? "-" : kex, hostkey == NULL ? "-" : hostkey,
          cipher == NULL ? "-" : cipher, mac == NULL ? "-" : mac);
}

/* ---- descriptors -------------------------------------------------------- */

void peer_nonblocking(int fd) {
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
    peer_failed("descriptor %d stays blocking", fd);
}

int peer_connect(const peer_options_t* o) {
  struct sockaddr_in to;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  int one = 1;

  memset(&to, 0, sizeof(to));
  to.sin_family = AF_INET;
  to.sin_port = htons((uint16_t) o->port);
  if (inet_pton(AF_INET, o->host, &to.sin_addr) != 1)
    peer_failed("%s: not an address", o->host);
  if (fd < 0 || connect(fd, (struct sockaddr*) &to, sizeof(to)) != 0)
    peer_failed("no connection to %s:%u", o->host, o->port);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  peer_nonblocking(fd);
  return fd;
}

void peer_reset(int fd) {
  struct linger now = { .l_onoff = 1, .l_linger = 0 };

  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(fd);
}

ssize_t peer_stdin(void* out, size_t len) {
  struct pollfd ready = { .fd = STDIN_FILENO, .events = POLLIN };
  ssize_t n = 0;

  if (poll(&ready, 1, 0) <= 0)
    return -1;
  n = read(STDIN_FILENO, out, len);
  return n < 0 ? 0 : n;
}

void peer_write(int fd, const void* data, size_t len) {
  const char* at = data;

  while (len > 0) {
    ssize_t n = write(fd, at, len);
    if (n <= 0)
      peer_failed("descriptor %d cannot be written", fd);
    at += n;
    len -= (size_t) n;
  }
}

/* ---- the pattern -------------------------------------------------------- */

void pattern_fill(uint64_t at, uint8_t* out, size_t len) {
  for (size_t i = 0; i < len; i++)
    out[i] = (uint8_t) ((at + i) / 8 >> (at + i) % 8 * 8);
}

void pattern_init(pattern_t* p, uint64_t size) {
  memset(p, 0, sizeof(*p));
  p->size = size;
  crypto_hash_sha256_init(&p->hash);
}

size_t pattern_next(pattern_t* p, uint8_t* out, size_t len) {
  if (len > p->size - p->at)
    len = (size_t) (p->size - p->at);
  pattern_fill(p->at, out, len);
  return len;
}

void pattern_taken(pattern_t* p, const uint8_t* data, size_t len) {
  crypto_hash_sha256_update(&p->hash, data, len);
  p->at += len;
}

void pattern_check(pattern_t* p, const uint8_t* data, size_t len) {
  uint8_t want[4096];

  crypto_hash_sha256_update(&p->hash, data, len);
  while (len > 0 && !p->differs) {
    size_t n = pattern_next(p, want, len < sizeof(want) ? len : sizeof(want));
    p->differs = n == 0 || memcmp(want, data, n) != 0;
    if (p->differs)
      return;
    p->at += n;
    data += n;
    len -= n;
  }
}

void pattern_hex(pattern_t* p, char hex[HASH_HEX]) {
  uint8_t sum[HASH_BYTES];

  crypto_hash_sha256_final(&p->hash, sum);
  sodium_bin2hex(hex, HASH_HEX, sum, sizeof(sum));
}
