/* model_auth.c: logging in. RFC 4252; see model.h.
 *
 * What the model cannot know is whether a signature is right: play.c says so
 * (as_due), and one that was changed on its way is wrong. */
#include "model.h"

#include <stdio.h>

enum { LATE_MAX = 16, BANNERS_MAX = 16, BANNER_BYTES = 64 * 1024,
       CHANGES_MAX = 8 };

#define BOUND_METHOD "publickey-hostbound-v00@openssh.com"

/* ---- server -------------------------------------------------------------- */

static void refuse(struct model* m, int free_of_charge) {
  uint64_t step = m->config->auth_rejection_ms;
  uint64_t took = m->now - m->asked_at;

  m->place = S6;
  if (free_of_charge) {
    model_refuse_now(m);
    return;
  }
  m->failures++;
  m->refuse_at = m->now;
  if (step != 0)
    m->refuse_at = m->asked_at +
                   step * (took == 0 ? 1 : (took + step - 1) / step);
}

static void say_failure(struct model* m, int partial) {
  unsigned which = m->next != 0 ? m->next : m->config->auth_methods;

  which &= ~(unsigned) UVSSH_AUTH_NONE;
  model_say(m, 51, "%u %d", which, partial);
  m->place = S5;
}

void model_refuse_now(struct model* m) {
  m->refuse_at = 0;
  say_failure(m, 0);
  model_go_on(m);
}

void model_login_due(struct model* m) {
  while (!m->over && m->refuse_at != 0 && m->refuse_at <= m->now) {
    if (m->failures >= m->config->auth_tries) {
      m->refuse_at = 0;
      model_end(m, 14);
      return;
    }
    model_refuse_now(m);
  }
}

static int free_none(const struct model* m) {
  return m->method == UVSSH_AUTH_NONE && m->none_seen == 1;
}

/* What came meanwhile is forgotten: RFC 4252 section 5.1. */
static void succeed(struct model* m) {
  if (m->has_early)
    m->waiting_len = 0;
  m->has_early = 0;
  model_say(m, 52, "%s", "");
  m->place = S8;
  m->logged_in = 1;
  m->login_method = (int) m->method;
  model_say(m, 80, "0");           /* its keys */
  notes_add(&m->events, "ready");
}

/* Also of a partial one: SAY_NOTHING means that here. */
void model_verdict(struct model* m, enum say say) {
  if (say == SAY_NO) {
    refuse(m, free_none(m));
  } else if (m->is_probe) {
    model_say(m, 60, "key");
    m->place = S5;
  } else if (say == SAY_YES) {
    succeed(m);
  } else {
    m->passed |= m->method;
    m->next = UVSSH_AUTH_PASSWORD | UVSSH_AUTH_PUBLICKEY;
    say_failure(m, 1);
  }
}

static void ask(struct model* m, const char* text) {
  if ((m->config->auth_methods & m->method) == 0 ||
      (m->next != 0 && (m->next & m->method) == 0)) {
    refuse(m, free_none(m));
    return;
  }
  notes_add(&m->events, "auth %s", text);
  m->place = S6;
  if (m->say_auth == SAY_NOTHING)
    (void) model_put(m, ABOUT_LOGIN);
  else
    model_verdict(m, m->say_auth);
}

void model_signed(struct model* m) {
  if (!m->is_server) {
    model_say(m, 50, "%s signed", m->is_bound ? BOUND_METHOD : "publickey");
    m->place = C8;
    return;
  }
  m->place = S6;
  ask(m, "signed");
}

static void hear_password(struct model* m, str_t body) {
  struct fields f;

  if (!message_parse("tttp", body, &f)) {
    model_end(m, 2);
    return;
  }
  if (f.u[3] && !m->change_asked) {
    refuse(m, 0);
    return;
  }
  ask(m, f.u[3] ? "changed password" : "password");
}

/* An Ed25519 key as RFC 8709 writes it. */
static int is_key(str_t blob) {
  rd_t r = rd_of(blob.base, blob.len);
  str_t name = rd_str(&r);
  str_t key = rd_str(&r);

  return rd_end(&r) == 0 && str_is(name, "ssh-ed25519") && key.len == 32;
}

/* How far a body is looked at before its turn, which it may never have. */
int model_may_wait(struct model* m, unsigned number, str_t body) {
  struct fields f;

  if (number == 50 ? !message_prefix("ttt", body, &f)
                   : !message_parse("t", body, &f)) {
    model_end(m, 2);
    return 0;
  }
  if (number == 5 && !str_is(f.s[0], "ssh-userauth")) {
    model_end(m, 7);
    return 0;
  }
  if (m->has_early) {
    model_end(m, 2);
    return 0;
  }
  m->has_early = 1;
  return 1;
}

static void hear_key(struct model* m, str_t body, int as_due) {
  struct fields f;
  int is_bound;

  (void) message_prefix("ttt", body, &f);
  is_bound = str_is(f.s[2], BOUND_METHOD);
  if (!message_parse(is_bound ? "tttw" : "tttq", body, &f)) {
    model_end(m, 2);
    return;
  }
  m->is_probe = !f.u[3];
  if (!str_is(f.s[4], "ssh-ed25519") || !is_key(f.s[5]) ||
      (is_bound && (!is_key(f.s[6]) || str_eq(f.s[6], f.s[5]))) ||
      (m->config->auth_methods & m->method) == 0)
    refuse(m, 0);
  else if (m->is_probe && !as_due)
    m->unsure = 1;                 /* is that a point of the curve? */
  else if (m->is_probe)
    ask(m, "probe");
  else if (!as_due && m->jobs_held)
    m->unsure = 1;
  else if (!as_due)
    refuse(m, 0);
  else if (m->jobs_held)
    m->place = S5p;
  else
    model_signed(m);
}

/* RFC 4252 section 5: another user begins anew. */
static void set_user(struct model* m, str_t user) {
  if (str_is(user, m->user))
    return;
  CHECK(user.len < sizeof(m->user));
  memcpy(m->user, user.base, user.len);
  m->user[user.len] = '\0';
  m->passed = m->next = 0;
  m->change_asked = 0;
}

static int count(struct model* m) {
  if (++m->requests <= m->config->auth_requests)
    return 1;
  model_end(m, 14);
  return 0;
}

static void hear_login(struct model* m, str_t body, int as_due) {
  struct fields f;
  int ok = message_prefix("ttt", body, &f);

  if (m->logged_in) {
    if (++m->late > LATE_MAX)
      model_end(m, 2);
    return;
  }
  if (!ok) {
    model_end(m, 2);
    return;
  }
  if (!count(m))
    return;
  if (!str_is(f.s[1], "ssh-connection")) {
    model_end(m, 7);
    return;
  }
  set_user(m, f.s[0]);
  if (m->wants_info)
    model_say(m, 7, "%s", "");
  m->wants_info = 0;
  m->asked_at = m->now;
  m->is_probe = 0;
  m->method = str_is(f.s[2], "none")        ? UVSSH_AUTH_NONE
              : str_is(f.s[2], "password")  ? UVSSH_AUTH_PASSWORD
              : str_is(f.s[2], "publickey") ||
                      str_is(f.s[2], BOUND_METHOD)
                  ? UVSSH_AUTH_PUBLICKEY
                                            : 0;
  if (m->method == UVSSH_AUTH_NONE) {
    if (!message_parse("ttt", body, &f)) {
      model_end(m, 2);
      return;
    }
    m->none_seen += m->none_seen < 2;
    ask(m, "none");
  } else if (m->method == UVSSH_AUTH_PASSWORD) {
    hear_password(m, body);
  } else if (m->method == UVSSH_AUTH_PUBLICKEY) {
    hear_key(m, body, as_due);
  } else {
    refuse(m, 0);
  }
}

static void hear_service(struct model* m, str_t body) {
  struct fields f;

  if (!message_parse("t", body, &f)) {
    model_end(m, 2);
  } else if (!str_is(f.s[0], "ssh-userauth")) {
    model_end(m, 7);
  } else if (count(m)) {
    model_say(m, 6, "%s", "");
    m->place = S5;
  }
}

/* ---- client -------------------------------------------------------------- */

static void login_done(struct model* m, int status) {
  struct model_question* q = model_about(m, ABOUT_FORM);

  if (q != NULL)
    model_drop(m, q);
  notes_add(&m->events, "login %s", uvssh_err_name(status));
  m->place = C5;
}

static void hear_failure(struct model* m, str_t body) {
  struct fields f;

  if (!message_parse("nb", body, &f))
    model_end(m, 2);
  else
    login_done(m, f.u[1] ? UVSSH_EPARTIAL : UVSSH_EAUTH);
}

static void hear_success(struct model* m, str_t body) {
  if (body.len != 0) {
    model_end(m, 2);
    return;
  }
  if (m->place == C6N && m->config->refuse_trivial_auth) {
    model_end(m, 14);
    return;
  }
  notes_add(&m->events, "ready");
  login_done(m, 0);
  m->success_is_next = 0;
  m->place = C10;
  m->logged_in = 1;
  m->login_method = (int) m->method;
}

static void hear_banner(struct model* m, str_t body) {
  struct fields f;

  if (!message_parse("ts", body, &f) || ++m->banners > BANNERS_MAX ||
      f.s[0].len > BANNER_BYTES - m->banner_bytes) {
    model_end(m, 2);
    return;
  }
  m->banner_bytes += (unsigned) f.s[0].len;
  notes_add(&m->events, "banner");
}

static void hear_key_is_fine(struct model* m, str_t body, int as_due) {
  struct fields f;

  if (!message_parse("ss", body, &f) || !as_due)
    model_end(m, 2);
  else if (m->jobs_held)
    m->place = C7p;
  else
    model_signed(m);
}

void model_form(struct model* m, enum say say) {
  if (say == SAY_YES)
    model_say(m, 50, "password changed");
  else
    login_done(m, UVSSH_EAUTH);
}

static void hear_form(struct model* m, str_t body) {
  struct fields f;

  if (!message_parse("ts", body, &f) || model_about(m, ABOUT_FORM) != NULL ||
      ++m->changes > CHANGES_MAX) {
    model_end(m, 2);
    return;
  }
  notes_add(&m->events, "prompt");
  if (m->say_form == SAY_NOTHING)
    (void) model_put(m, ABOUT_FORM);
  else
    model_form(m, m->say_form);
}

/* ---- both ---------------------------------------------------------------- */

static void hear_60(struct model* m, str_t body, int as_due) {
  if (m->place == C7)
    hear_key_is_fine(m, body, as_due);
  else
    hear_form(m, body);
}

void model_hear_auth(struct model* m, unsigned number, str_t body, int as_due) {
  struct fields f;

  switch (number) {
    case 5: hear_service(m, body); break;
    case 6:
      if (!message_parse("t", body, &f) || !str_is(f.s[0], "ssh-userauth"))
        model_end(m, 2);
      else
        m->place = C5;
      break;
    case 50: hear_login(m, body, as_due); break;
    case 51: hear_failure(m, body); break;
    case 52: hear_success(m, body); break;
    case 53: hear_banner(m, body); break;
    default: hear_60(m, body, as_due); break;
  }
}
