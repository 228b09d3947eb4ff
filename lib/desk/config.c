/* config.c: the defaults, and copies that own their strings. In a copy every
 * list of algorithms is NULL or plain: "+a" and the like are worked out.
 *
 * Failures: what cannot be (config_check.c), out of memory. */
#include "desk/desk.h"

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
    .rekey_packets = (uint64_t) 1 << 31,
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

int uvssh__config_check_log(const uvssh_config_t* config,
                            int is_server,
                            const struct log* log) {
  uvssh_text_error_t error;
  int err = uvssh__config_check(config, is_server, &error);

  if (err != 0)
    uvssh__log(log, UVSSH_LOG_ERROR, "%s", error.text);
  return err;
}

/* Strings of `c` that are lent become our own. */
static int own_strings(uvssh_config_t* c) {
  const char** place;
  unsigned i;
  int err = 0;

  for (i = 0; (place = string_at(c, i)) != NULL; i++) {
    if (*place == NULL)
      continue;
    *place = uvssh__strndup(*place, strlen(*place));
    if (*place == NULL)
      err = UV_ENOMEM;
  }
  if (err != 0)
    uvssh__config_free(c);
  return err;
}

int uvssh__config_copy(uvssh_config_t* out,
                       const uvssh_config_t* in,
                       int is_server) {
  uvssh_text_error_t error;
  struct config_lists room;
  struct log log = { 0 };
  int err;

  if (in == NULL) {
    uvssh_config_init(out);
    return own_strings(out);
  }
  log.cb = in->log;
  log.arg = in->log_arg;
  log.level = in->log_level;
  err = uvssh__config_check_log(in, is_server, &log);
  if (err != 0)
    return err;
  *out = *in;
  err = uvssh__config_plain(out, is_server, &room, &error);
  return err != 0 ? err : own_strings(out);
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
  updated.trace = config->trace;
  updated.trace_arg = config->trace_arg;
  updated.trace_payload = config->trace_payload;
  updated.keylog = config->keylog;
  updated.keylog_arg = config->keylog_arg;
  *config = updated;
}
