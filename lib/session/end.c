/* end.c: how a session ends, whoever ends it.
 *
 * In peace: what is queued leaves (E_EMPTYING), DISCONNECT leaves and the peer
 * closes, or linger_ms have passed (E_SAYING); the transport is closed.
 * By a failure: the same from E_SAYING on.
 * It was never reached: nothing is said either.
 * The wire is gone: nothing is said; what readers that had begun still hold
 * may be read (E_READERS).
 *
 * on_close comes once, last, when the transport is closed. */
#include "session/session.h"

/* RFC 4253 section 11.1; 0: the peer is past being told. */
static unsigned reason_for(int err) {
  switch (err) {
    case UVSSH_EDISCONNECT:
    case UVSSH_ENOBANNER:
    case UV_EOF:
    case UV_ECONNRESET:
    case UV_EPIPE:
      return 0;
    case UVSSH_EVERSION:
      return UVSSH_DISCONNECT_VERSION_NOT_SUPPORTED;
    case UVSSH_EMAC:
      return UVSSH_DISCONNECT_MAC_ERROR;
    case UVSSH_ECOMPRESSION:
      return UVSSH_DISCONNECT_COMPRESSION_ERROR;
    case UVSSH_ENOALGO:
    case UVSSH_EKEX:
      return UVSSH_DISCONNECT_KEY_EXCHANGE_FAILED;
    case UVSSH_EHOSTKEY:
      return UVSSH_DISCONNECT_HOST_KEY_NOT_VERIFIABLE;
    case UVSSH_ESERVICE:
      return UVSSH_DISCONNECT_SERVICE_NOT_AVAILABLE;
    case UVSSH_EAUTH:
    case UVSSH_EPARTIAL:
      return UVSSH_DISCONNECT_NO_MORE_AUTH;
    case UV_ETIMEDOUT:
    case UV_ENOMEM:
    case UVSSH_ECRYPTO:
      return UVSSH_DISCONNECT_BY_APPLICATION;
    default:
      return UVSSH_DISCONNECT_PROTOCOL_ERROR;
  }
}

static void note(struct session* s, int status, int by_peer) {
  if (s->ending > E_EMPTYING)
    return;
  s->end.status = s->ending == E_EMPTYING ? 0 : status;  /* as promised */
  s->end.phase = uvssh__session_phase(s);
  s->was_asking = !queue_empty(&s->desk.questions);
  s->end.by_peer = by_peer;
}

static void stop(struct session* s, enum ending ending) {
  s->ending = ending;
  s->is_ready = 0;
  s->desk.ended = ending == E_READERS ? ENDED_WIRE : ENDED;
  uvssh__job_cancel(&s->desk);
  desk_wake(&s->desk);
}

static void say(struct session* s, unsigned reason, const char* text) {
  uvssh__disconnect_send(&s->transport, reason, text);
  s->end.reason = reason;
  if (s->ending != E_EMPTYING)     /* that has begun to count already */
    s->linger_at = desk_now(&s->desk) + s->desk.config.linger_ms;
  stop(s, E_SAYING);
}

static void log_end(struct session* s, int err) {
  const char* text = s->transport.peer_text != NULL ? s->transport.peer_text
                                                    : s->transport.failure;

  uvssh__log(&s->desk.log,
             err == UVSSH_EDISCONNECT || err == UV_EOF ? UVSSH_LOG_INFO
                                                       : UVSSH_LOG_ERROR,
             "session ends: %s%s%s", uvssh_strerror(err),
             text != NULL ? ": " : "", text != NULL ? text : "");
}

void uvssh__session_fail(struct session* s, int err) {
  unsigned reason = reason_for(err);
  int by_peer = err == UVSSH_EDISCONNECT || err == UV_EOF ||
                err == UV_ECONNRESET || err == UV_EPIPE ||
                err == UVSSH_ENOBANNER;

  if (s->ending > E_EMPTYING)
    return;
  log_end(s, err);
  note(s, err, by_peer);
  if (err == UVSSH_EDISCONNECT) {
    s->end.reason = s->transport.peer_reason;
    s->end_text = s->transport.peer_text;
    s->transport.peer_text = NULL;
  } else if (s->end_text == NULL) {  /* a login may have said why */
    s->end_text = s->transport.failure;
    s->transport.failure = NULL;
  }
  if (reason == 0 || s->lost || s->unwritable) {
    uvssh__session_gone(s, err);
  } else if (s->transport.phase == T_IDENT || s->transport.unsealed) {
    s->end.reason = reason;        /* no packet of ours would be understood */
    stop(s, E_CLOSE);
  } else {
    say(s, reason, uvssh_strerror(err));
  }
}

/* Not logged in. Whoever has not said who he is, has heard our KEXINIT all the
 * same, and may read this. */
void uvssh__session_crowded_out(struct session* s) {
  static const char text[] = "too many connections that are not logged in";

  if (s->ending > E_EMPTYING)
    return;
  uvssh__log(&s->desk.log, UVSSH_LOG_INFO, "session ends: %s", text);
  note(s, UVSSH_ELIMIT, 0);
  say(s, UVSSH_DISCONNECT_TOO_MANY, text);
}

/* Readers that had begun keep what they hold; everything else goes. */
void uvssh__session_gone(struct session* s, int status) {
  s->lost = status;
  if (s->transport.phase == T_IDENT &&
      (status == UV_EOF || status == UV_ECONNRESET || status == UV_EPIPE))
    status = UVSSH_ENOBANNER;      /* reset: our words came too late for it */
  note(s, status, 1);
  stop(s, E_READERS);
  uvssh__conn_drain(&s->conn, status);
}

void uvssh__session_disconnect(struct session* s,
                               unsigned reason,
                               const char* text) {
  size_t len = strlen(text);

  if (s->ending != E_RUNNING)
    return;
  note(s, 0, 0);
  if (len >= sizeof(s->say_text))
    len = sizeof(s->say_text) - 1;
  memcpy(s->say_text, text, len);
  s->say_text[len] = '\0';
  s->say_reason = reason;
  s->linger_at = desk_now(&s->desk) + s->desk.config.linger_ms;
  s->ending = E_EMPTYING;
  s->desk.leaving = 1;
  s->is_ready = 0;
  desk_wake(&s->desk);
}

void uvssh__session_drop(struct session* s, int status) {
  if (s->ending >= E_CLOSE)
    return;
  note(s, status, 0);
  stop(s, E_CLOSE);
}

void uvssh__session_unreached(struct session* s, int err, const char* text) {
  if (s->ending >= E_CLOSE)
    return;
  uvssh__log(&s->desk.log, UVSSH_LOG_ERROR, "session ends: %s", text);
  note(s, err, 0);
  s->end_text = uvssh__strndup(text, strlen(text));
  stop(s, E_CLOSE);
  if (s->start_req != NULL)        /* closing may take longer than this */
    uvssh__request_done(&s->desk, s->start_req, err);
  s->start_req = NULL;
}

void uvssh__session_end_step(struct session* s) {
  int late = s->linger_at <= desk_now(&s->desk);

  switch (s->ending) {
    case E_EMPTYING:
      if (late || !s->desk.logged_in || uvssh__conn_is_quiet(&s->conn))
        say(s, s->say_reason, s->say_text);
      break;
    case E_SAYING:
      if (late || s->lost || s->unwritable)
        stop(s, E_CLOSE);
      break;
    case E_READERS:
      if (!uvssh__conn_is_read(&s->conn))
        break;
      stop(s, E_CLOSE);
      break;
    default:
      break;
  }
}

void uvssh__session_closed(struct session* s) {
  uvssh_session_t* pub = s->desk.pub;
  int status = s->end.status != 0 ? s->end.status : UV_ECANCELED;

  if (s->ending == E_CLOSED)
    return;
  s->desk.ended = ENDED;
  s->is_ready = 0;
  uvssh__job_cancel(&s->desk);
  if (s->start_req != NULL)
    uvssh__request_done(&s->desk, s->start_req, status);
  s->start_req = NULL;
  if (s->transport.rekey_req != NULL)
    uvssh__request_done(&s->desk, s->transport.rekey_req, status);
  s->transport.rekey_req = NULL;
  uvssh__handshake_free(&s->transport);
  uvssh__auth_end(&s->auth, status);
  uvssh__conn_end(&s->conn, s->end.status);
  while (!queue_empty(&s->desk.done))
    uvssh__requests_run(&s->desk);
  s->ending = E_CLOSED;
  s->end.text = s->end_text == NULL ? "" : s->end_text;
  uvssh__session_closing_push(s);
  pub->impl = NULL;
  if (s->desk.on.on_close != NULL)
    s->desk.on.on_close(pub, &s->end);
  uvssh__session_closing_pop(s);
}
