/* client-options.c: the command line of the test client. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

enum kind { TEXT, U32, U64, FLAG };

#define CONF(field) offsetof(options_t, config.field)
#define OWN(field) offsetof(options_t, field)

static const struct option {
  const char* name;
  enum kind kind;
  size_t offset;
} table[] = {
  { "--host", TEXT, OWN(host) },
  { "--port", U32, OWN(port) },
  { "--user", TEXT, OWN(user) },
  { "--password", TEXT, OWN(password) },
  { "--key", TEXT, OWN(key) },
  { "--known", TEXT, OWN(known) },
  { "--patience", U32, OWN(patience) },
  { "--rekey", FLAG, OWN(rekey) },
  { "--log", TEXT, OWN(log) },
  { "--kex", TEXT, CONF(kex) },
  { "--hostkey", TEXT, CONF(hostkey_algorithms) },
  { "--cipher", TEXT, CONF(ciphers) },
  { "--mac", TEXT, CONF(macs) },
  { "--compression", TEXT, CONF(compression) },
  { "--require-strict", FLAG, CONF(require_strict) },
  { "--rekey-bytes", U64, CONF(rekey_bytes) },
  { "--rekey-packets", U64, CONF(rekey_packets) },
  { "--window-bytes", U32, CONF(window_bytes) },
  { "--packet-bytes", U32, CONF(packet_bytes) },
};

static const action_t actions[] = {
  { "exec", 1, copy_exec },           { "shell", 0, copy_shell },
  { "subsystem", 1, copy_subsystem }, { "up", 1, transfer_up },
  { "down", 1, transfer_down },       { "both", 1, transfer_both },
  { "close", 1, close_by },
};

void options_usage(void) {
  fputs("usage: interop-client client --port P --user U --known SHA256:...\n"
        "         [--password PW | --key FILE] [OPTION ...] ACTION\n"
        "       interop-client list\n"
        "see test/interop/peers/README.md\n",
        stderr);
  exit(EXIT_USAGE);
}

static void set_option(options_t* opts,
                       const struct option* o,
                       const char* value) {
  char* at = (char*) opts + o->offset;
  char* end = NULL;
  unsigned long long n = 1;

  if (o->kind == TEXT) {
    memcpy(at, &value, sizeof(value));
    return;
  }
  if (o->kind != FLAG)
    n = strtoull(value, &end, 10);
  if (end != NULL && (*end != '\0' || end == value))
    options_usage();
  if (o->kind == U64)
    *(uint64_t*) (void*) at = n;
  else
    *(unsigned*) (void*) at = (unsigned) n;
}

static const struct option* find_option(const char* name) {
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
    if (strcmp(table[i].name, name) == 0)
      return &table[i];
  return NULL;
}

static void set_action(options_t* opts, int argc, char** argv) {
  for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
    if (argc > 0 && strcmp(actions[i].name, argv[0]) == 0 &&
        argc == 1 + actions[i].arguments) {
      opts->action = &actions[i];
      opts->argument = argc == 2 ? argv[1] : NULL;
      return;
    }
  options_usage();
}

void options_parse(options_t* opts, int argc, char** argv) {
  const struct option* o = NULL;
  int i = 2;

  if (argc < 2 || strcmp(argv[1], "client") != 0)
    options_usage();
  uvssh_config_init(&opts->config);
  opts->host = "127.0.0.1";
  opts->patience = 60;
  while (i < argc && (o = find_option(argv[i])) != NULL) {
    if (o->kind != FLAG && i + 1 == argc)
      options_usage();
    set_option(opts, o, o->kind == FLAG ? "" : argv[i + 1]);
    i += o->kind == FLAG ? 1 : 2;
  }
  set_action(opts, argc - i, argv + i);
  if (opts->port == 0 || opts->user == NULL || opts->patience == 0)
    options_usage();
}
