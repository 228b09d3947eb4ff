/* message.c: the messages that may come at any time. RFC 4253 section 11.
 *
 * What the peer says in them is for people: it is escaped, cut, and at most
 * logged. */
#include "transport/transport.h"

enum { TEXT_MAX = 256, FIRST_IGNORED_MAX = 8 };

void uvssh__disconnect_send(struct transport* t,
                            unsigned reason,
                            const char* text) {
  struct buf* m = uvssh__message(t, MSG_DISCONNECT);
  size_t len = strlen(text);

  wr_u32(m, reason);
  wr_str(m, text, len < TEXT_MAX ? len : TEXT_MAX);
  wr_cstr(m, "");                  /* language tag */
  uvssh__send(t);
}

void uvssh__unimplemented_send(struct transport* t) {
  struct buf* m = uvssh__message(t, MSG_UNIMPLEMENTED);

  wr_u32(m, t->in.seq - 1);        /* of the packet that has just come */
  uvssh__send(t);
}

int uvssh__on_disconnect(struct transport* t, rd_t* m) {
  char text[TEXT_MAX * 2];
  uint32_t reason = rd_u32(m);     /* reason code */
  str_t description = rd_str(m);
  (void) rd_str(m);                /* language tag */

  /* It ends the session in any case, and nothing may be answered (RFC 4253
   * section 11.1); some peers leave out the language. */
  t->peer_reason = reason;
  if (description.len > TEXT_MAX)
    description.len = TEXT_MAX;
  uvssh__escape(text, sizeof(text), description.base, description.len);
  uvssh__free(t->peer_text);
  t->peer_text = uvssh__strndup(text, strlen(text));
  return UVSSH_EDISCONNECT;
}

/* Before the first keys are in use, without a strict exchange, only a few. */
static int count_ignored(struct transport* t) {
  if (t->session_id_len != 0 && t->phase == T_READY)
    return 0;
  return ++t->ignored > FIRST_IGNORED_MAX && !t->rekeying ? UVSSH_EUNEXPECTED
                                                          : 0;
}

/* Its body is one string, and RFC 4253 section 11.2 says to ignore it: it is
 * not even looked at. Paramiko's send_ignore() writes bytes without their
 * length. */
int uvssh__on_ignore(struct transport* t, rd_t* m) {
  (void) rd_rest(m);
  return count_ignored(t);
}

int uvssh__on_debug(struct transport* t, rd_t* m) {
  char text[TEXT_MAX * 2];
  int always_display = rd_bool(m);
  str_t message = rd_str(m);
  (void) rd_str(m);                /* language tag */

  if (rd_end(m) != 0)
    return UVSSH_EMESSAGE;
  if (message.len > TEXT_MAX)
    message.len = TEXT_MAX;
  uvssh__log(&t->desk->log, UVSSH_LOG_INFO, "peer says%s: %s",
             always_display ? " (to be shown)" : "",
             uvssh__escape(text, sizeof(text), message.base, message.len));
  return count_ignored(t);
}

int uvssh__on_unimplemented(struct transport* t, rd_t* m) {
  uint32_t seq = rd_u32(m);        /* packet sequence number of ours */

  if (rd_end(m) != 0)
    return UVSSH_EMESSAGE;
  uvssh__log(&t->desk->log, UVSSH_LOG_INFO, "peer does not implement #%u",
             (unsigned) seq);
  return count_ignored(t);
}
