/* model.c: see model.h. The oracle's letters, and the exchange of keys. */
#include "model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { IGNORED_MAX = 8, DEFERRED_LINES_MAX = 256 };

void notes_add(struct notes* n, const char* format, ...) {
  va_list args;

  CHECK(n->count < NOTES_MAX);
  va_start(args, format);
  vsnprintf(n->line[n->count++], sizeof(n->line[0]), format, args);
  va_end(args);
}

void model_begin(struct model* m) {
  struct model fresh = { 0 };

  fresh.is_server = m->is_server;
  fresh.strict = m->strict;
  fresh.guess_is_wrong = m->guess_is_wrong;
  fresh.group = m->group;
  fresh.config = m->config;
  fresh.now = m->now;
  fresh.say_hostkey = m->say_hostkey;
  fresh.say_auth = m->say_auth;
  fresh.say_form = m->say_form;
  fresh.say_channel = m->say_channel;
  fresh.say_request = m->say_request;
  fresh.jobs_held = m->jobs_held;
  free(m->waiting);
  *m = fresh;
  m->place = m->is_server ? S1 : C1;
  m->quiet = 1;
  m->started_at = m->now;
}

void model_free(struct model* m) {
  free(m->waiting);
  m->waiting = NULL;
}

void model_step(struct model* m) {
  unsigned i;

  m->wire.count = m->events.count = 0;
  m->any_order = 0;
  for (i = 0; i < CHANNELS_MAX; i++)
    memset(m->channels[i].sent, 0, sizeof(m->channels[i].sent));
}

void model_end(struct model* m, unsigned reason) {
  if (m->over)
    return;
  m->over = 1;
  m->reason = reason;
}

/* ---- saying -------------------------------------------------------------- */

static int may_always(unsigned number) {
  return number <= 4 || (number >= 20 && number <= 49);
}

void model_say(struct model* m, unsigned number, const char* format, ...) {
  char rest[48];
  va_list args;

  va_start(args, format);
  vsnprintf(rest, sizeof(rest), format, args);
  va_end(args);
  if (!m->quiet || may_always(number)) {
    notes_add(&m->wire, "%u%s%s", number, rest[0] != '\0' ? " " : "", rest);
  } else if (m->deferred.count >= DEFERRED_LINES_MAX) {
    model_end(m, 2);
  } else {
    notes_add(&m->deferred, "%u%s%s", number, rest[0] != '\0' ? " " : "",
              rest);
  }
}

/* ---- pauses -------------------------------------------------------------- */

int model_is_paused(const struct model* m) {
  return m->place >= LOOKING;
}

static void keep(struct model* m, const uint8_t* payload, size_t len,
                 int as_due) {
  m->waiting = realloc(m->waiting, m->waiting_len + 9 + len);
  CHECK(m->waiting != NULL);
  put_u32(m->waiting + m->waiting_len, (uint32_t) len);
  put_u32(m->waiting + m->waiting_len + 4, m->seq);
  m->waiting[m->waiting_len + 8] = (uint8_t) as_due;
  memcpy(m->waiting + m->waiting_len + 9, payload, len);
  m->waiting_len += 9 + len;
}

void model_go_on(struct model* m) {
  uint8_t* all = m->waiting;
  size_t len = m->waiting_len;
  size_t at = 0;
  uint32_t n;

  m->waiting = NULL;
  m->waiting_len = 0;
  m->has_early = 0;
  if (len != 0)                    /* several at once: some callbacks come */
    m->any_order = 1;              /* from the loop only, others now */
  m->batch++;
  while (at < len) {
    n = get_u32(all + at);
    m->seq = get_u32(all + at + 4);
    model_hear(m, all + at + 9, n, all[at + 8]);
    at += 9 + n;
  }
  free(all);
  if (--m->batch == 0 && !m->over && !m->unsure)
    model_login_due(m);
}

/* ---- questions ----------------------------------------------------------- */

struct model_question* model_put(struct model* m, enum about about) {
  struct model_question* q = &m->questions[m->question_count++];

  CHECK(m->question_count < ASKED_MAX);
  memset(q, 0, sizeof(*q));
  q->about = about;
  q->deadline = UINT64_MAX;
  if (m->is_server && m->config->reply_timeout_ms != 0)
    q->deadline = m->now + m->config->reply_timeout_ms;
  q->number = ++m->numbers;
  return q;
}

void model_drop(struct model* m, struct model_question* q) {
  size_t i = (size_t) (q - m->questions);

  m->question_count--;
  memmove(q, q + 1, (m->question_count - i) * sizeof(*q));
}

struct model_question* model_about(struct model* m, enum about about) {
  unsigned i;

  for (i = 0; i < m->question_count; i++)
    if (m->questions[i].about == about)
      return &m->questions[i];
  return NULL;
}

/* ---- keys ---------------------------------------------------------------- */

void model_ident(struct model* m) {
  notes_add(&m->wire, "20");
  m->exchange_at = m->now;
}

static int either(const struct model* m, int first, int again) {
  return m->first_done ? again : first;
}

static void hear_kexinit(struct model* m, str_t body, int as_due) {
  struct fields f;

  if (!m->quiet) {                 /* whatever stands in theirs */
    m->quiet = 1;
    m->exchange_at = m->now;
    model_say(m, 20, "%s", "");
  }
  if (!message_parse("knnnnnnnnnnbu", body, &f)) {
    model_end(m, 2);
    return;
  }
  if (!as_due) {
    m->unsure = 1;
    return;
  }
  if (m->strict && m->heard != 1 && !m->first_done) {
    model_end(m, 2);               /* it counts from the first message on */
    return;
  }
  m->skip = m->guess_is_wrong;
  if (m->is_server) {
    m->place = m->group ? either(m, S2G, S10G) : either(m, S2, S10);
  } else {
    m->place = m->group ? either(m, C2G, C12G) : either(m, C2, C12);
    model_say(m, m->group ? 34 : 30, "%s", "");
  }
}

void model_newkeys(struct model* m) {
  unsigned i;

  notes_add(&m->wire, "21");
  m->quiet = 0;
  m->place = m->is_server ? (m->first_done ? S11 : S3)
                          : (m->first_done ? C13 : C3);
  if (!m->first_done)
    notes_add(&m->wire, "7");
  for (i = 0; i < m->deferred.count; i++)
    notes_add(&m->wire, "%s", m->deferred.line[i]);
  m->deferred.count = 0;
  m->any_order = 1;
}

static void reply_is_made(struct model* m) {
  model_say(m, m->group ? 33 : 31, "%s", "");
  model_newkeys(m);
}

static void reply_is_checked(struct model* m) {
  if (m->first_done) {
    model_newkeys(m);
    return;
  }
  notes_add(&m->events, "hostkey");
  if (m->say_hostkey == SAY_YES) {
    m->exchange_at = m->now;
    model_newkeys(m);
  } else if (m->say_hostkey == SAY_NO) {
    model_end(m, 9);
  } else {
    m->place = m->group ? C2Kv : C2v;
    (void) model_put(m, ABOUT_HOSTKEY);
  }
}

/* Groups of 2048, 3072, 4096, 6144 and 8192 bits; min, wish, max. */
static int has_group(uint32_t min, uint32_t wish, uint32_t max) {
  static const uint32_t sizes[] = { 2048, 3072, 4096, 6144, 8192 };
  size_t i;

  for (i = 0; i < ARRAY_SIZE(sizes); i++)
    if (sizes[i] >= min && sizes[i] <= max)
      return min <= wish && wish <= max;
  return 0;
}

static void hear_request(struct model* m, str_t body) {
  struct fields f;

  if (!message_parse("uuu", body, &f)) {
    model_end(m, 2);
  } else if (!has_group(f.u[0], f.u[1], f.u[2])) {
    model_end(m, 3);
  } else {
    model_say(m, 31, "%s", "");
    m->place = either(m, S2K, S10K);
  }
}

static void group_is_checked(struct model* m) {
  model_say(m, 32, "%s", "");
  m->place = either(m, C2K, C12K);
}

/* Another one may be as good. */
static void hear_group(struct model* m, str_t body, int as_due) {
  struct fields f;

  if (!message_parse("ss", body, &f))
    model_end(m, 2);
  else if (!as_due)
    m->unsure = 1;
  else if (m->jobs_held)
    m->place = either(m, C2Gp, C12Gp);
  else
    group_is_checked(m);
}

static int behind_reply(const struct model* m) {
  if (m->is_server)
    return m->group ? either(m, S2Kp, S10Kp) : either(m, S2p, S10p);
  return m->group ? either(m, C2Kp, C12Kp) : either(m, C2p, C12p);
}

static void hear_method(struct model* m, unsigned number, str_t body,
                        int as_due) {
  struct fields f;

  if (!message_parse(m->is_server ? "s" : "sss", body, &f)) {
    model_end(m, 2);
  } else if (!as_due && ((number == 30 && f.s[0].len == 32) || number == 32)) {
    m->unsure = 1;
  } else if (!as_due && !m->jobs_held) {
    model_end(m, 3);
  } else if (!as_due) {
    m->unsure = 1;
  } else if (m->jobs_held) {
    m->place = behind_reply(m);
  } else if (m->is_server) {
    reply_is_made(m);
  } else {
    reply_is_checked(m);
  }
}

static void hear_newkeys(struct model* m, str_t body) {
  if (body.len != 0) {
    model_end(m, 2);
    return;
  }
  m->rekeys += m->first_done ? 1 : 0;
  m->place = m->is_server ? (m->first_done ? S8 : S4)
                          : (m->first_done ? C10 : C4);
  if (!m->is_server && !m->first_done)
    model_say(m, 5, "ssh-userauth");
  if (m->rekey_asked)
    notes_add(&m->events, "rekeyed 0");
  m->rekey_asked = 0;
  m->first_done = 1;
  m->fresh = 2;
}

void model_release_jobs(struct model* m) {
  m->jobs_held = 0;
  switch (m->place) {
    case S2p: case S10p: case S2Kp: case S10Kp: reply_is_made(m); break;
    case C2p: case C12p: case C2Kp: case C12Kp: reply_is_checked(m); break;
    case C2Gp: case C12Gp: group_is_checked(m); break;
    case S5p: case C7p: model_signed(m); break;
    default: return;
  }
  model_login_due(m);
  if (!model_is_paused(m))
    model_go_on(m);
  model_pump(m);
}

/* ---- hearing ------------------------------------------------------------- */

/* RFC 4253 section 11: these may come at any time, and change nothing. */
static void hear_noise(struct model* m, unsigned number, str_t body) {
  const char* types = number == 2 ? "" : number == 3 ? "u" : number == 4 ? "bss"
                                                                         : "s";
  struct fields f;

  if (number == 2 ? 0 : !message_parse(types, body, &f))
    model_end(m, 2);
  else if (number <= 4 && !m->first_done && ++m->ignored > IGNORED_MAX)
    model_end(m, 2);
}

static void hear_ping(struct model* m, str_t body) {
  struct fields f;

  if (!message_parse("s", body, &f))
    model_end(m, 2);
  else
    model_say(m, 193, "%u", (unsigned) f.s[0].len);
}

/* RFC 8308: the list of signatures binds a client. */
static void hear_sig_algs(struct model* m, str_t value) {
  struct fields list;
  uint8_t head[4];
  struct buf copy = { 0 };

  put_u32(head, (uint32_t) value.len);
  wr_bytes(&copy, head, 4);
  wr_bytes(&copy, value.base, value.len);
  if (!message_parse("n", str_of_buf(&copy), &list))
    model_end(m, 2);
  else
    m->key_is_refused = !uvssh__namelist_has(value, STR("ssh-ed25519"));
  uvssh__buf_free(&copy);
}

static void hear_ext_info(struct model* m, str_t body) {
  int is_first = m->place == S4 || m->place == C4;
  struct fields f;
  rd_t r;
  str_t name;
  str_t value;

  if (!message_parse("ux", body, &f) || f.u[0] > 64) {
    model_end(m, 2);
    return;
  }
  r = rd_of(body.base, body.len);
  (void) rd_u32(&r);
  while (rd_left(&r) != 0) {
    name = rd_str(&r);
    value = rd_str(&r);
    if (!m->is_server && str_is(name, "server-sig-algs"))
      hear_sig_algs(m, value);
    if (!is_first || !str_is(value, "0"))
      continue;
    m->has_ping |= str_is(name, "ping@openssh.com");
    m->is_bound |= !m->is_server &&
                   str_is(name, "publickey-hostbound@openssh.com");
    m->wants_info |= m->is_server &&
                     str_is(name, "ext-info-in-auth@openssh.com");
  }
}

static void hear_accepted(struct model* m, unsigned number, str_t body,
                          int as_due) {
  if (number == 20)
    hear_kexinit(m, body, as_due);
  else if (number == 21)
    hear_newkeys(m, body);
  else if (number == 34)
    hear_request(m, body);
  else if (number == 31 && m->group)
    hear_group(m, body, as_due);
  else if (number >= 30 && number <= 33)
    hear_method(m, number, body, as_due);
  else if (number == 7)
    hear_ext_info(m, body);
  else if (number < 80)
    model_hear_auth(m, number, body, as_due);
  else
    model_hear_conn(m, number, body);
}

/* Before their KEXINIT nobody knows that it will be strict. */
static char letter(const struct model* m, unsigned number) {
  char c = oracle_cell(m->place, number);
  int known = m->strict && m->place != S1 && m->place != C1;

  if (m->success_is_next && number != 52 && number != 1)
    return 'D';
  if (number == 7 && c == 'A' && m->fresh == 0)
    return 'D';
  if (c == 'i')
    return known ? 'D' : 'I';
  if (c == 'u')
    return known ? 'D' : 'U';
  return c;
}

static void hear(struct model* m, const uint8_t* payload, size_t len,
                 int as_due) {
  unsigned number = payload[0];
  str_t body = { payload + 1, len - 1 };
  char c;

  if (m->skip && number >= 30 && number <= 49) {
    m->skip = 0;
    return;
  }
  c = letter(m, number);
  switch (c) {
    case 'D': case '7':
      model_end(m, c == 'D' ? 2 : 7);
      break;
    case 'C':
      model_end(m, 0);
      break;
    case 'U':
      model_say(m, 3, "%u", (unsigned) m->seq);
      break;
    case 'I':
      if (number == 50)
        model_hear_auth(m, number, body, 0);
      else
        hear_noise(m, number, body);
      break;
    case 'P':
      hear_ping(m, body);
      break;
    case 'Q':
      if (model_may_wait(m, number, body))
        keep(m, payload, len, as_due);
      break;
    case 'E':
      hear_ext_info(m, body);
      if (m->was_informed)         /* once in the login, as we have asked */
        m->success_is_next = 1;
      m->was_informed = 1;
      break;
    default:
      hear_accepted(m, number, body, as_due);
      break;
  }
}

void model_hear(struct model* m, const uint8_t* payload, size_t len,
                int as_due) {
  if (m->over || m->unsure)
    return;
  if (model_is_paused(m)) {
    keep(m, payload, len, as_due);
    return;
  }
  m->heard++;
  hear(m, payload, len, as_due);
  m->fresh -= m->fresh != 0;
  if (m->over || m->unsure)
    return;
  if (m->batch == 0)               /* a refusal waits for the next turn */
    model_login_due(m);
  model_pump(m);
}
