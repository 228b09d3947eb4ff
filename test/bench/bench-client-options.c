/* bench-client-options.c: the command line of bench-client.
 *
 * Happy path: one table says each option: its name, whom it is for, what its
 * value may be; the same table makes --help. An option of another workload is
 * refused, and not ignored: what was asked for would not be what is measured.
 *
 * Failures: one line that says what is wrong and what would be right, and the
 * exit status 2. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench-client.h"

struct options options = {
  .host = "127.0.0.1",
  .user = "root",
  .bytes = 1u << 30,
  .connections = 1,
  .size = 100,
  .receivers = 100,
  .lines = 500,
  .timeout = 60,
  .window_most = 32
};

static const struct {
  const char* name;
  unsigned what;
  const char* help;
} workloads[] = {
  { "up", DO_UP, "upload: bytes to the command sink" },
  { "down", DO_DOWN, "download: bytes from the command source" },
  { "login", DO_LOGIN, "connect, log in, run noop, leave; again and again" },
  { "idle", DO_IDLE, "open sessions that do nothing, and keep them" },
  { "echo", DO_ECHO, "messages there and back" },
  { "relay", DO_RELAY, "lines from one sender to many receivers" }
};

enum kind { NUMBER, TEXT, FLAG, WORD };

struct row {
  const char* name;
  const char* value;               /* what it is called in --help */
  unsigned what;                   /* for these */
  enum kind kind;
  void* target;
  uint64_t least, most;            /* NUMBER */
  const char* help;
};

#define WITH_LINKS (DO_ALL & ~DO_RUN)

static const struct row rows[] = {
  { "-p", "PORT", DO_ALL, NUMBER, &options.port, 1, 65535,
    "the server's port; needed" },
  { "-i", "FILE", DO_ALL, TEXT, &options.key_file, 0, 0,
    "private key; needed, but for --no-login" },
  { "-l", "USER", DO_ALL, TEXT, &options.user, 0, 0, "log in as; root" },
  { "--host", "ADDRESS", DO_ALL, TEXT, &options.host, 0, 0,
    "a numeric address; 127.0.0.1" },
  { "-c", "CIPHERS", DO_ALL, TEXT, &options.ciphers, 0, 0,
    "comma list; all that uvssh has" },
  { "-m", "MACS", DO_ALL, TEXT, &options.macs, 0, 0, "the same of MACs" },
  { "--kex", "NAMES", DO_ALL, TEXT, &options.kex, 0, 0,
    "the same of key exchanges" },
  { "--commands", "native|shell", WITH_LINKS, WORD, NULL, 0, 0,
    "shell: the server runs a shell, which gets\n"
    "cat, head and true; native" },
  { "--sources", "N", WITH_LINKS, NUMBER, &options.sources, 1, 200,
    "addresses to connect from, 127.0.0.2 and\n"
    "following; 1: the usual one; 8 or more" },
  { "--server-pid", "PID", WITH_LINKS, NUMBER, &options.server_pid, 1,
    INT32_MAX, "print what this process has used (Linux)" },
  { "--timeout", "S", WITH_LINKS, NUMBER, &options.timeout, 1, 86400,
    "give up when nothing moves for so long; 60" },
  { "--json", NULL, WITH_LINKS, FLAG, &options.json, 0, 0,
    "one JSON object a line instead of a table" },
  { "--bytes", "N", DO_UP | DO_DOWN, NUMBER, &options.bytes, 1,
    (uint64_t) 1 << 44, "in all, with K, M or G of 1024; 1G" },
  { "--window-most", "MIB", DO_UP | DO_DOWN, NUMBER, &options.window_most, 0,
    2047, "so far the window of a channel may grow;\n"
          "32; 0: it stays at 2 MiB" },
  { "--connections", "N", DO_UP | DO_DOWN | DO_ECHO, NUMBER,
    &options.connections, 1, 10000, "at the same time; 1" },
  { "--count", "N", DO_LOGIN | DO_IDLE | DO_ECHO, NUMBER, &options.count, 1,
    100000000, "logins (1000), sessions (1000), or\n"
               "rounds of each connection (5000)" },
  { "--in-flight", "N", DO_LOGIN | DO_IDLE | DO_ECHO, NUMBER,
    &options.in_flight, 1, 10000, "logins at the same time (1; idle: 32), or\n"
                                  "messages of a connection (1)" },
  { "--echo", NULL, DO_LOGIN, FLAG, &options.echo, 0, 0,
    "meanwhile another session sends a message\n"
    "to and fro every 5 ms" },
  { "--size", "N", DO_ECHO | DO_RELAY, NUMBER, &options.size, 1, 1 << 20,
    "bytes of a message, or of a line; 100" },
  { "--receivers", "N", DO_RELAY, NUMBER, &options.receivers, 1, 10000,
    "100" },
  { "--lines", "N", DO_RELAY, NUMBER, &options.lines, 1, 100000000, "500" },
  { "--rate", "N", DO_RELAY, NUMBER, &options.rate, 0, 1000000,
    "lines a second; 0: as fast as they leave; 0" },
  { "--no-login", "silent|ident", DO_IDLE, WORD, NULL, 0, 0,
    "connections that say nothing, or only who\n"
    "they are" },
  { "--seconds", "N", DO_IDLE, NUMBER, &options.seconds, 1, 86400,
    "stay so long; until standard input ends" }
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]),
       WORKLOADS = sizeof(workloads) / sizeof(workloads[0]) };

/* ---- --help -------------------------------------------------------------- */

static void print_row(const struct row* row) {
  char left[40];
  const char* line = row->help;
  int n;

  snprintf(left, sizeof(left), "%s%s%s", row->name,
           row->value == NULL ? "" : " ", row->value == NULL ? "" : row->value);
  for (; *line != '\0'; line += n, line += *line == '\n') {
    n = (int) strcspn(line, "\n");
    printf("  %-26s %.*s\n", line == row->help ? left : "", n, line);
  }
}

/* Those that are for all, then those of some. */
static void print_rows(int of_all) {
  size_t i, k;

  for (i = 0; i < ROWS; i++) {
    if (((rows[i].what & WITH_LINKS) == WITH_LINKS) != of_all)
      continue;
    print_row(&rows[i]);
    if (of_all)
      continue;
    printf("  %-26s (", "");
    for (k = 0; k < WORKLOADS; k++)
      if (rows[i].what & workloads[k].what)
        printf("%s%s", rows[i].what & (workloads[k].what - 1) ? ", " : "",
               workloads[k].name);
    puts(")");
  }
}

static void print_help(void) {
  size_t i;

  puts("usage: bench-client WORKLOAD [OPTION ...]\n"
       "       bench-client [OPTION ...] COMMAND ...\n"
       "\n"
       "Measures an SSH server on this machine. Each number that moves is "
       "checked.\n"
       "The second form runs one command as ssh does: standard input goes to "
       "it,\nwhat it says comes to standard output, its exit status is "
       "ours.\n\nworkloads:");
  for (i = 0; i < WORKLOADS; i++)
    printf("  %-8s %s\n", workloads[i].name, workloads[i].help);
  puts("\noptions of all:");
  print_rows(1);
  puts("\noptions of some:");
  print_rows(0);
  puts("\n"
       "The server has to know the commands sink (swallow until EOF), source\n"
       "N (send N bytes: zeros, or each its place modulo 256), echo, noop and\n"
       "relay (each line to all others that run it), as bench-server does, or\n"
       "to run a shell. Host keys are NOT checked: this is for servers of\n"
       "your own, on this machine.\n"
       "\n"
       "Exit status: 0; 1 something was wrong: a byte, a login, a line, the\n"
       "server; 2 wrong use. A result stands on standard output, progress on\n"
       "standard error.");
}

/* ---- parsing ------------------------------------------------------------- */

__attribute__((format(printf, 1, 2), noreturn)) static void misuse(
    const char* text, ...) {
  va_list args;

  fputs("bench-client: ", stderr);
  va_start(args, text);
  vfprintf(stderr, text, args);
  va_end(args);
  fputs("; see bench-client --help\n", stderr);
  exit(2);
}

static uint64_t parse_number(const struct row* row, const char* text) {
  static const char units[] = "KMG";
  char* end;
  const char* unit;
  unsigned long long n;
  int shift = 0;

  if (*text < '0' || *text > '9' || strlen(text) > 18)
    misuse("%s %s: give a number", row->name, text);
  n = strtoull(text, &end, 10);
  if (*end != '\0' && row->target == &options.bytes &&
      (unit = strchr(units, *end)) != NULL && n < 1u << 24) {
    shift = 10 * (int) (unit - units + 1);
    end++;
  }
  n <<= shift;
  if (*end != '\0')
    misuse("%s %s: give a number", row->name, text);
  if (n < row->least || n > row->most)
    misuse("%s %s: give a number from %llu to %llu", row->name, text,
           (unsigned long long) row->least, (unsigned long long) row->most);
  return n;
}

static void parse_word(const struct row* row, const char* text) {
  if (strcmp(row->name, "--commands") == 0 && strcmp(text, "native") == 0)
    options.shell = 0;
  else if (strcmp(row->name, "--commands") == 0 && strcmp(text, "shell") == 0)
    options.shell = 1;
  else if (strcmp(row->name, "--no-login") == 0 && strcmp(text, "silent") == 0)
    options.no_login = SILENT;
  else if (strcmp(row->name, "--no-login") == 0 && strcmp(text, "ident") == 0)
    options.no_login = IDENT;
  else
    misuse("%s %s: give %s", row->name, text, row->value);
}

static const struct row* find_row(const char* name) {
  size_t i;

  for (i = 0; i < ROWS; i++)
    if (strcmp(rows[i].name, name) == 0) {
      if ((rows[i].what & options.what) == 0)
        misuse("%s is not for %s", name, options.name);
      return &rows[i];
    }
  misuse("unknown option %s", name);
}

/* The number of words it took. */
static int parse_option(int left, char** words) {
  const struct row* row = find_row(words[0]);

  if (row->kind == FLAG) {
    *(int*) row->target = 1;
    return 1;
  }
  if (left < 2 || *words[1] == '\0')
    misuse("%s needs a value: %s", row->name, row->value);
  if (row->kind == NUMBER)
    *(uint64_t*) row->target = parse_number(row, words[1]);
  else if (row->kind == TEXT)
    *(const char**) row->target = words[1];
  else
    parse_word(row, words[1]);
  return 2;
}

/* The words with a space between them, as ssh sends them. */
static void parse_command(int count, char** words) {
  size_t room = 1, at = 0;
  char* command;
  int i;

  for (i = 0; i < count; i++)
    room += strlen(words[i]) + 1;
  command = need(1, room);
  for (i = 0; i < count; i++)
    at += (size_t) snprintf(command + at, room - at, i > 0 ? " %s" : "%s",
                            words[i]);
  options.command = command;
}

static void check_together(void) {
  if (options.port == 0)
    misuse("-p PORT is missing");
  if (options.key_file == NULL && options.no_login == LOGIN)
    misuse("-i FILE is missing");
  if (options.what == DO_RUN && options.command == NULL)
    misuse("which workload, or which command?");
  if (options.bytes < options.connections)
    misuse("--bytes %llu: give one for each connection",
           (unsigned long long) options.bytes);
  if (options.what == DO_RELAY && options.shell)
    misuse("relay: a shell has no such command");
  if (options.what == DO_RELAY && (options.size < 40 || options.size > 32768))
    misuse("--size %llu: a line has 40 to 32768 bytes",
           (unsigned long long) options.size);
  if (options.what == DO_ECHO && options.size < 8 && options.in_flight > 1)
    misuse("--in-flight: a message needs 8 bytes to be told from the next");
}

void options_parse(int argc, char** argv) {
  int i = 1;
  size_t k;

  if (argc == 2 &&
      (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
    print_help();
    exit(0);
  }
  options.what = DO_RUN;
  options.name = "a single command";
  for (k = 0; argc > 1 && k < WORKLOADS; k++)
    if (strcmp(argv[1], workloads[k].name) == 0) {
      options.what = workloads[k].what;
      options.name = workloads[k].name;
      i = 2;
    }
  if (argc > 1 && i == 1 && *argv[1] != '-')
    misuse("unknown workload %s", argv[1]);
  while (i < argc && *argv[i] == '-')
    i += parse_option(argc - i, argv + i);
  if (i < argc && options.what != DO_RUN)
    misuse("what is %s?", argv[i]);
  if (i < argc)
    parse_command(argc - i, argv + i);
  check_together();
}
