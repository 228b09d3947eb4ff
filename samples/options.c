/* options.c: the command line of exec.c: who, where, what. POSIX only. */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE               /* asprintf */
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "complain.h"
#include "options.h"

static const char help[] =
    "usage: exec [OPTIONS] [USER@]HOST [COMMAND...]\n"
    "Run a command on a host, as ssh does; without one, a shell.\n"
    "\n"
    "  -p PORT         22\n"
    "  -l USER         who to be there; who you are here\n"
    "  -i KEYFILE      log in with this key; may be repeated\n"
    "                  (id_ed25519, id_ecdsa, id_rsa of ~/.ssh)\n"
    "  -F FINGERPRINT  the host's key is this one: SHA256:...\n"
    "  -k FILE         the keys that hosts have (~/.ssh/known_hosts)\n"
    "  -t              the command gets a terminal: this one\n"
    "  -b              batch: never ask for a password\n"
    "  -v              show each packet\n"
    "  -K              a key log for Wireshark, to the file SSHKEYLOGFILE\n"
    "  -h              this text\n";

/* One line, and the end. */
#define WRONG(...) exit(complain(__VA_ARGS__))

static char* home_file(const char* name) {
  char home[4096];
  char* path = NULL;
  size_t len = sizeof(home);
  int err = uv_os_homedir(home, &len);

  if (err != 0 || asprintf(&path, "%s/.ssh/%s", home, name) < 0)
    WRONG("no home folder; give -i KEYFILE and -k FILE");
  return path;
}

static int parse_port(const char* text) {
  char* end;
  long port = strtol(text, &end, 10);

  if (*text < '0' || *text > '9' || *end != '\0' || port < 1 || port > 65535)
    WRONG("-p %s: give a number from 1 to 65535", text);
  return (int) port;
}

/* 32 bytes in base64 behind the name of the hash. */
static const char* parse_fingerprint(const char* text) {
  static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
                               "uvwxyz0123456789+/";

  if (strncmp(text, "SHA256:", 7) != 0 || strspn(text + 7, base64) != 43 ||
      text[50] != '\0')
    WRONG("-F %s: give SHA256: and 43 characters, as ssh-keygen -l prints it",
          text);
  return text;
}

/* Of who runs this; NULL: nobody knows. */
static char* own_name(void) {
  uv_passwd_t me;
  char* name;

  if (uv_os_get_passwd(&me) != 0)
    return NULL;
  name = strdup(me.username);
  uv_os_free_passwd(&me);
  return name;
}

static void parse_host(options_t* o, char* text) {
  char* at = strrchr(text, '@');
  const char* user = o->user == NULL && at == NULL ? own_name() : o->user;

  o->host = at == NULL ? text : at + 1;
  if (at != NULL) {
    *at = '\0';
    user = text;
  }
  o->user = user == NULL ? "" : user;
  if (*o->user == '\0')
    WRONG("nobody knows who you are; give -l USER");
  if (*o->host == '\0')
    WRONG("there is no host; see -h");
}

/* The words with a space between them, as ssh sends them. */
static void parse_command(options_t* o, int count, char** words) {
  size_t len = 0, at = 0;
  int i;

  if (count <= 0)
    return;
  for (i = 0; i < count; i++)
    len += strlen(words[i]) + 1;
  o->command = calloc(1, len);
  if (o->command == NULL)
    WRONG("no memory");
  for (i = 0; i < count; i++)
    at += (size_t) snprintf(o->command + at, len - at, i > 0 ? " %s" : "%s",
                            words[i]);
}

static void parse_one(options_t* o, int c) {
  switch (c) {
    case 'p': o->port = parse_port(optarg); break;
    case 'l': o->user = optarg; break;
    case 'k': o->known_hosts = optarg; break;
    case 'F': o->fingerprint = parse_fingerprint(optarg); break;
    case 't': o->terminal = 1; break;
    case 'b': o->batch = 1; break;
    case 'v': o->verbose = 1; break;
    case 'K': o->keylog = 1; break;
    case 'i':
      if (o->key_count == OPTIONS_KEYS)
        WRONG("-i: at most %d of them", OPTIONS_KEYS);
      o->keys[o->key_count++] = optarg;
      o->keys_given = 1;
      break;
    case 'h':
      fputs(help, stdout);
      exit(0);
    case ':':
      WRONG("-%c needs a value; see -h", optopt);
    default:
      WRONG("unknown option -%c; see -h", optopt);
  }
}

void options_parse(options_t* o, int argc, char** argv) {
  int c;

  memset(o, 0, sizeof(*o));
  o->port = 22;
  opterr = 0;
  while ((c = getopt(argc, argv, "+:p:l:i:F:k:tbvKh")) != -1)
    parse_one(o, c);

  if (optind == argc)
    WRONG("which host? see -h");
  if (o->fingerprint != NULL && o->known_hosts != NULL)
    WRONG("-F and -k: give one of them");
  if (o->terminal && !isatty(STDIN_FILENO))
    WRONG("-t: standard input is no terminal; leave -t away");
  parse_host(o, argv[optind]);
  parse_command(o, argc - optind - 1, argv + optind + 1);
  if (o->fingerprint == NULL && o->known_hosts == NULL)
    o->known_hosts = home_file("known_hosts");
  if (!o->keys_given) {
    o->keys[o->key_count++] = home_file("id_ed25519");
    o->keys[o->key_count++] = home_file("id_ecdsa");
    o->keys[o->key_count++] = home_file("id_rsa");
  }
}
