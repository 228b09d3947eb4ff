/* config.c: the defaults, what can be, and copies that own their strings. */
#include "desk/desk.h"

enum { SOFTWARE_MAX = 200, BANNER_MAX = 65536 };
#define PACKETS_MAX ((uint64_t) 1 << 31)
#define PENALTIES_MAX ((unsigned) 1 << 24)
#define MS_MAX ((uint64_t) 1 << 40)

void uvssh_config_init(uvssh_config_t* config) {
  const uvssh_config_t defaults = {
    .software = "uvssh_" UVSSH_VERSION_STRING,
    .preauth_total = 128,
    .preauth_per_source = 32,
    .source_prefix4 = 32,
    .source_prefix6 = 64,
    .penalty_sources = 65536,
    .penalty_least_ms = 15 * 1000,
    .penalty_most_ms = 10 * 60 * 1000,
    .penalty_login_ms = 5 * 1000,
    .penalty_silent_ms = 1 * 1000,
    .penalty_timeout_ms = 10 * 1000,
    .penalty_protocol_ms = 10 * 1000,
    .log_level = UVSSH_LOG_ERROR,
    .auth_methods = UVSSH_AUTH_PUBLICKEY,
    .auth_tries = 6,
    .auth_requests = 128,
    .auth_rejection_ms = 300,
    .connect_timeout_ms = 30 * 1000,
    .ident_timeout_ms = 10 * 1000,
    .kex_timeout_ms = 20 * 1000,
    .login_timeout_ms = 60 * 1000,
    .reply_timeout_ms = 60 * 1000,
    .linger_ms = 10 * 1000,
    .keepalive_count = 3,
    .rekey_bytes = (uint64_t) 1 << 30,
    .rekey_packets = PACKETS_MAX,
    .rekey_ms = 60 * 60 * 1000,
    .window_bytes = 2 * 1024 * 1024,
    .window_most_bytes = 32 * 1024 * 1024,
    .packet_bytes = 32 * 1024,
    .queue_bytes = 1024 * 1024,
    .drain_bytes = 256 * 1024,
    .channels = 256,
    .preauth_bytes = 256 * 1024,
    .preauth_packets = 1000,
    .session_bytes = 128 * 1024 * 1024,
    .handle_bytes = 1024 * 1024,
    .handle_messages = 4096,
  };
  *config = defaults;
}

/* RFC 4253 section 4.2: printable US-ASCII without blanks and minus signs; we
 * allow the minus sign, as everybody does. */
static int software_ok(const char* text) {
  size_t i;

  for (i = 0; text[i] != '\0'; i++)
    if (text[i] < 33 || text[i] > 126 || i >= SOFTWARE_MAX)
      return 0;
  return i > 0;
}

static int list_ok(enum algo kind, const char* list) {
  return list == NULL || uvssh__algo_check(kind, list) == 0;
}

static int lists_ok(const uvssh_config_t* c) {
  return list_ok(ALGO_KEX, c->kex) && list_ok(ALGO_CIPHER, c->ciphers) &&
         list_ok(ALGO_MAC, c->macs) &&
         list_ok(ALGO_COMPRESSION, c->compression) &&
         (c->hostkey_algorithms == NULL ||
          uvssh__sign_check(c->hostkey_algorithms) == 0);
}

static int times_ok(const uvssh_config_t* c) {
  return c->auth_rejection_ms < MS_MAX && c->connect_timeout_ms < MS_MAX &&
         c->ident_timeout_ms < MS_MAX && c->kex_timeout_ms < MS_MAX &&
         c->login_timeout_ms < MS_MAX && c->reply_timeout_ms < MS_MAX &&
         c->idle_timeout_ms < MS_MAX && c->linger_ms < MS_MAX &&
         c->keepalive_ms < MS_MAX && c->rekey_ms < MS_MAX;
}

static int penalties_ok(const uvssh_config_t* c) {
  return c->penalty_sources <= PENALTIES_MAX && c->penalty_most_ms < MS_MAX &&
         c->penalty_least_ms <= c->penalty_most_ms &&
         c->penalty_login_ms < MS_MAX && c->penalty_silent_ms < MS_MAX &&
         c->penalty_timeout_ms < MS_MAX && c->penalty_protocol_ms < MS_MAX;
}

static int numbers_ok(const uvssh_config_t* c) {
  return c->packet_bytes >= 1024 && c->packet_bytes <= 32 * 1024 &&
         c->window_bytes >= 1024 && c->window_bytes <= INT32_MAX &&
         c->window_most_bytes <= INT32_MAX &&
         c->drain_bytes >= 1 && c->drain_bytes <= c->queue_bytes &&
         c->rekey_packets <= PACKETS_MAX && c->source_prefix4 <= 32 &&
         c->source_prefix6 <= 128 &&
         c->session_bytes >= c->window_bytes && c->preauth_bytes >= 4096 &&
         c->preauth_packets >= 16 && c->handle_bytes >= 1 &&
         c->handle_messages >= 1;
}

int uvssh__config_check(const uvssh_config_t* c) {
  if (c->software == NULL || !software_ok(c->software))
    return UV_EINVAL;
  if (c->banner != NULL && strlen(c->banner) > BANNER_MAX / 2)
    return UV_EINVAL;
  return lists_ok(c) && times_ok(c) && numbers_ok(c) && penalties_ok(c)
             ? 0
             : UV_EINVAL;
}

/* The strings of a config, as a walk over their places. */
static const char** string_at(uvssh_config_t* c, unsigned i) {
  switch (i) {
    case 0: return &c->software;
    case 1: return &c->banner;
    case 2: return &c->kex;
    case 3: return &c->hostkey_algorithms;
    case 4: return &c->ciphers;
    case 5: return &c->macs;
    case 6: return &c->compression;
    default: return NULL;
  }
}

int uvssh__config_copy(uvssh_config_t* out, const uvssh_config_t* in) {
  uvssh_config_t defaults;
  const char** place;
  unsigned i;
  int err;

  if (in == NULL) {
    uvssh_config_init(&defaults);
    in = &defaults;
  }
  err = uvssh__config_check(in);
  if (err != 0)
    return err;
  *out = *in;
  for (i = 0; (place = string_at(out, i)) != NULL; i++) {
    if (*place == NULL)
      continue;
    *place = uvssh__strndup(*place, strlen(*place));
    if (*place == NULL)
      err = UV_ENOMEM;
  }
  if (err != 0)
    uvssh__config_free(out);
  return err;
}

void uvssh__config_free(uvssh_config_t* config) {
  const char** place;
  unsigned i;

  for (i = 0; (place = string_at(config, i)) != NULL; i++) {
    uvssh__free((void*) (uintptr_t) *place);
    *place = NULL;
  }
}

void uvssh__config_update(uvssh_config_t* config, const uvssh_config_t* in) {
  uvssh_config_t updated = *in;

  updated.software = config->software;
  updated.banner = config->banner;
  updated.kex = config->kex;
  updated.hostkey_algorithms = config->hostkey_algorithms;
  updated.ciphers = config->ciphers;
  updated.macs = config->macs;
  updated.compression = config->compression;
  updated.require_strict = config->require_strict;
  updated.refuse_trivial_auth = config->refuse_trivial_auth;
  updated.preauth_total = config->preauth_total;
  updated.preauth_per_source = config->preauth_per_source;
  updated.source_prefix4 = config->source_prefix4;
  updated.source_prefix6 = config->source_prefix6;
  updated.penalty_sources = config->penalty_sources;
  updated.penalty_least_ms = config->penalty_least_ms;
  updated.penalty_most_ms = config->penalty_most_ms;
  updated.penalty_login_ms = config->penalty_login_ms;
  updated.penalty_silent_ms = config->penalty_silent_ms;
  updated.penalty_timeout_ms = config->penalty_timeout_ms;
  updated.penalty_protocol_ms = config->penalty_protocol_ms;
  updated.handle_bytes = config->handle_bytes;
  updated.handle_messages = config->handle_messages;
  updated.log_level = config->log_level;
  updated.log = config->log;
  updated.log_arg = config->log_arg;
  *config = updated;
}
