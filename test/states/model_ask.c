/* model_ask.c: what the peer asks for, and the answers, in order: RFC 4254
 * sections 4, 5.4 and 6; see model.h. */
#include "model.h"

enum { WAITING_MAX = 64 };

static void say_answer(struct model* m, uint32_t id, int verdict) {
  if (id == GLOBAL)
    model_say(m, verdict > 0 ? 81 : 82, "%s", "");
  else
    model_say(m, verdict > 0 ? 99 : 100, "%u",
              (unsigned) model_channel(m, id)->peer_id);
}

static struct model_question* first_of(struct model* m, uint32_t id,
                                       unsigned* count) {
  struct model_question* first = NULL;
  unsigned i;

  *count = 0;
  for (i = 0; i < m->question_count; i++) {
    if (m->questions[i].about != ABOUT_ASK || m->questions[i].channel != id)
      continue;
    if (first == NULL)
      first = &m->questions[i];
    ++*count;
  }
  return first;
}

/* verdict 0: the user is asked. NULL: it was answered at once, or the end. */
static struct model_question* put(struct model* m, uint32_t id, int verdict) {
  struct model_question* q;
  unsigned count;

  if (first_of(m, id, &count) == NULL && verdict != 0) {
    say_answer(m, id, verdict);
    return NULL;
  }
  if (count >= WAITING_MAX) {
    model_end(m, 2);
    return NULL;
  }
  q = model_put(m, ABOUT_ASK);
  q->channel = id;
  q->verdict = verdict;
  if (verdict != 0) {
    m->numbers--;                  /* nobody is asked */
    q->number = 0;
    q->deadline = UINT64_MAX;
  }
  return q;
}

void model_answered(struct model* m, struct model_question* q, int verdict) {
  uint32_t id = q->channel;
  unsigned count;

  q->verdict = verdict;
  q->deadline = UINT64_MAX;
  q->number = 0;
  if (q->is_process && id != GLOBAL)
    model_channel(m, id)->has_process = verdict > 0;
  while ((q = first_of(m, id, &count)) != NULL && q->verdict != 0) {
    say_answer(m, id, q->verdict);
    model_drop(m, q);
  }
}

/* The user is asked, and may want to think. */
static void ask_user(struct model* m, uint32_t id, int want_reply,
                     int is_process, str_t name) {
  struct model_question* q = want_reply ? put(m, id, 0) : NULL;

  if (want_reply && q == NULL)
    return;
  if (id == GLOBAL)
    notes_add(&m->events, "global %.*s", (int) (name.len < 30 ? name.len : 30),
              name.len == 0 ? "" : (const char*) name.base);
  else
    notes_add(&m->events, "request %u %.*s", (unsigned) id,
              (int) (name.len < 30 ? name.len : 30),
              name.len == 0 ? "" : (const char*) name.base);
  if (is_process)
    model_channel(m, id)->has_process = 1;
  if (!want_reply)
    return;
  q->is_process = is_process;
  if (m->say_request != SAY_NOTHING)
    model_answered(m, q, m->say_request == SAY_YES ? 1 : -1);
}

/* OpenSSH's: the verdict; 0: nobody's. No key that is asked about here is the
 * server's. */
static int known_global(struct model* m, str_t name, str_t body) {
  static const struct {
    const char* name;
    int to_server, to_client;
    const char* types;
    int verdict;
  } rows[] = {
    { "keepalive@openssh.com", 1, 1, "tb*", -1 },
    { "no-more-sessions@openssh.com", 1, 0, "tb", 1 },
    { "hostkeys-prove-00@openssh.com", 1, 0, "tbl", -1 },
    { "hostkeys-00@openssh.com", 0, 1, "tbl", 1 },
  };
  struct fields f;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(rows) && !str_is(name, rows[i].name); i++)
    ;
  if (i == ARRAY_SIZE(rows))
    return 0;
  if (!(m->is_server ? rows[i].to_server : rows[i].to_client))
    return -1;
  if (!message_parse(rows[i].types, body, &f))
    model_end(m, 2);
  else if (str_is(name, "no-more-sessions@openssh.com"))
    m->no_sessions = 1;
  return rows[i].verdict;
}

void model_hear_global(struct model* m, str_t body) {
  struct fields f;
  int verdict;

  if (!message_parse("tb*", body, &f)) {
    model_end(m, 2);
    return;
  }
  verdict = known_global(m, f.s[0], body);
  if (verdict == 0 && !m->is_server)
    verdict = -1;                  /* a client's user has no callback here */
  if (verdict == 0)
    ask_user(m, GLOBAL, (int) f.u[1], 0, f.s[0]);
  else if (f.u[1] && !m->over)
    (void) put(m, GLOBAL, verdict);
}

int model_has_at(str_t name) {
  return name.len != 0 && memchr(name.base, '@', name.len) != NULL;
}

/* Who may be asked: RFC 4254 section 6, RFC 4335; 0: nobody. */
static int is_for(const struct message_row* row, int server) {
  static const struct { const char* name; int server, client; } kinds[] = {
    { "pty-req", 1, 0 }, { "env", 1, 0 }, { "shell", 1, 0 }, { "exec", 1, 0 },
    { "subsystem", 1, 0 }, { "window-change", 1, 0 }, { "signal", 1, 0 },
    { "break", 1, 0 }, { "exit-status", 0, 1 }, { "exit-signal", 0, 1 },
    { "eow@openssh.com", 1, 1 }, { "auth-agent-req@openssh.com", 0, 0 },
  };
  size_t i;

  for (i = 0; i < ARRAY_SIZE(kinds); i++)
    if (strcmp(row->key_text, kinds[i].name) == 0)
      return server ? kinds[i].server : kinds[i].client;
  FAIL("who is asked for %s?", row->key_text);
}

void model_hear_request(struct model* m, struct model_channel* c,
                        const struct message_row* row,
                        const struct fields* f) {
  str_t name = f->s[1];
  int known = row->key_text != NULL;
  int is_process = known && (strcmp(row->key_text, "shell") == 0 ||
                             strcmp(row->key_text, "exec") == 0 ||
                             strcmp(row->key_text, "subsystem") == 0);

  if (c->closing || !c->has_user || (is_process && c->has_process) ||
      str_is(name, "keepalive@openssh.com") ||
      !(known ? is_for(row, m->is_server) : model_has_at(name))) {
    if (f->u[2])
      (void) put(m, c->id, -1);
    return;
  }
  ask_user(m, c->id, (int) f->u[2], is_process, name);
}
