/* messages.c: see messages.h. */
#include "messages.h"

const char value_key[] = "(the user's key)";
const char value_signature[] = "(its signature)";
const char value_pairs[] = "(a pair)";
const char value_extensions[] = "(three pairs)";
const char value_hostkey[] = "(the server's key)";

#define N(n) { (n), NULL }
#define T(text) { 0, (text) }
#define NONE { N(0) }
#define BOB T("bob"), T("ssh-connection")
#define CHANNEL N(0)

const struct message_row message_rows[] = {
  /* RFC 4253 sections 10 and 11, RFC 8308 */
  { 1, FROM_BOTH, "disconnect", "uss", -1, NULL, { N(11), T("bye"), T("") } },
  { 2, FROM_BOTH, "ignore", "s", -1, NULL, { T("noise") } },
  { 3, FROM_BOTH, "unimplemented", "u", -1, NULL, NONE },
  { 4, FROM_BOTH, "debug", "bss", -1, NULL, { N(1), T("text"), T("en") } },
  { 5, FROM_CLIENT, "service userauth", "t", 0, "ssh-userauth",
    { T("ssh-userauth") } },
  { 5, FROM_CLIENT, "service other", "t", 0, NULL, { T("ssh-connection") } },
  { 6, FROM_SERVER, "service accept", "t", -1, NULL, { T("ssh-userauth") } },
  { 7, FROM_BOTH, "ext-info", "ux", -1, NULL, { N(1), T(value_pairs) } },
  { 7, FROM_BOTH, "ext-info extensions", "ux", -1, NULL,
    { N(3), T(value_extensions) } },

  /* RFC 4253 sections 7 and 8, RFC 5656: written by the exchange itself */
  { 20, FROM_BOTH, "kexinit", "knnnnnnnnnnbu", -1, NULL, NONE },
  { 21, FROM_BOTH, "newkeys", "", -1, NULL, NONE },
  { 30, FROM_CLIENT, "kex init", "s", -1, NULL, { T("x") } },
  { 31, FROM_SERVER, "kex reply", "sss", -1, NULL, { T("x"), T("x"), T("x") } },
  { 31, FROM_SERVER, "group", "ss", -1, NULL, { T("x"), T("x") } },
  { 32, FROM_CLIENT, "group init", "s", -1, NULL, { T("x") } },
  { 33, FROM_SERVER, "group reply", "sss", -1, NULL,
    { T("x"), T("x"), T("x") } },
  { 34, FROM_CLIENT, "group request", "uuu", -1, NULL,
    { N(2048), N(2048), N(8192) } },

  /* RFC 4252, RFC 4256 */
  { 50, FROM_CLIENT, "login none", "ttt", 2, "none", { BOB, T("none") } },
  { 50, FROM_CLIENT, "login password", "tttp", 2, "password",
    { BOB, T("password"), N(0), T("secret") } },
  { 50, FROM_CLIENT, "login changed password", "tttp", 2, "password",
    { BOB, T("password"), N(1), T("secret"), T("newer") } },
  { 50, FROM_CLIENT, "login key", "tttq", 2, "publickey",
    { BOB, T("publickey"), N(0), T("ssh-ed25519"), T(value_key) } },
  { 50, FROM_CLIENT, "login signed", "tttq", 2, "publickey",
    { BOB, T("publickey"), N(1), T("ssh-ed25519"), T(value_key),
      T(value_signature) } },
#define BOUND T("publickey-hostbound-v00@openssh.com")
  { 50, FROM_CLIENT, "login bound key", "tttw", 2,
    "publickey-hostbound-v00@openssh.com",
    { BOB, BOUND, N(0), T("ssh-ed25519"), T(value_key), T(value_hostkey) } },
  { 50, FROM_CLIENT, "login bound signed", "tttw", 2,
    "publickey-hostbound-v00@openssh.com",
    { BOB, BOUND, N(1), T("ssh-ed25519"), T(value_key), T(value_hostkey),
      T(value_signature) } },
  { 50, FROM_CLIENT, "login bound elsewhere", "tttw", 2,
    "publickey-hostbound-v00@openssh.com",
    { BOB, BOUND, N(1), T("ssh-ed25519"), T(value_key), T(value_key),
      T(value_signature) } },
  { 50, FROM_CLIENT, "login prompts", "ttt*", 2, NULL,
    { BOB, T("keyboard-interactive"), T("") } },
  { 50, FROM_CLIENT, "login hostbased", "ttt*", 2, NULL,
    { BOB, T("hostbased"), T("") } },
  { 50, FROM_CLIENT, "login unknown", "ttt*", 2, NULL,
    { BOB, T("x@y"), T("more") } },
  { 51, FROM_SERVER, "login failure", "nb", -1, NULL,
    { T("publickey,password"), N(0) } },
  { 51, FROM_SERVER, "login partial", "nb", -1, NULL,
    { T("password"), N(1) } },
  { 52, FROM_SERVER, "login success", "", -1, NULL, NONE },
  { 53, FROM_SERVER, "banner", "ts", -1, NULL, { T("welcome"), T("") } },
  { 60, FROM_SERVER, "pk ok", "ss", -1, NULL,
    { T("ssh-ed25519"), T(value_key) } },
  { 60, FROM_SERVER, "change password", "ts", -1, NULL,
    { T("too old"), T("") } },
  { 60, FROM_SERVER, "info request", "tttu", -1, NULL,
    { T("x"), T("x"), T(""), N(0) } },
  { 61, FROM_CLIENT, "info response", "u", -1, NULL, NONE },

  /* RFC 4254 section 4 */
  { 80, FROM_BOTH, "global keepalive", "tb*", 0, "keepalive@openssh.com",
    { T("keepalive@openssh.com"), N(1), T("") } },
  { 80, FROM_BOTH, "global listen", "tb*", 0, NULL,
    { T("tcpip-forward"), N(1), T("more") } },
  { 80, FROM_BOTH, "global cancel", "tb*", 0, NULL,
    { T("cancel-tcpip-forward"), N(1), T("") } },
  { 80, FROM_BOTH, "global sessions", "tb", 0, "no-more-sessions@openssh.com",
    { T("no-more-sessions@openssh.com"), N(0) } },
  { 80, FROM_BOTH, "global hostkeys", "tbl", 0, "hostkeys-00@openssh.com",
    { T("hostkeys-00@openssh.com"), N(0), T("a key") } },
  { 80, FROM_BOTH, "global prove", "tbl", 0, "hostkeys-prove-00@openssh.com",
    { T("hostkeys-prove-00@openssh.com"), N(1), T("a key") } },
  { 80, FROM_BOTH, "global unknown", "tb*", 0, NULL,
    { T("x@y"), N(1), T("more") } },
  { 80, FROM_BOTH, "global without a name", "tb*", 0, NULL,
    { T(""), N(1), T("") } },
  { 81, FROM_BOTH, "request success", "*", -1, NULL, { T("more") } },
  { 82, FROM_BOTH, "request failure", "", -1, NULL, NONE },

  /* RFC 4254 section 5.1 */
#define OPENING N(9), N(1000), N(32768)
  { 90, FROM_CLIENT, "open session", "tuuu", 0, "session",
    { T("session"), OPENING } },
  { 90, FROM_CLIENT, "open direct", "tuuutPtP", 0, "direct-tcpip",
    { T("direct-tcpip"), OPENING, T("host"), N(80), T("::1"), N(4000) } },
  { 90, FROM_BOTH, "open forwarded", "tuuu*", 0, NULL,
    { T("forwarded-tcpip"), OPENING, T("more") } },
  { 90, FROM_BOTH, "open socket", "tuuu*", 0, NULL,
    { T("direct-streamlocal@openssh.com"), OPENING, T("more") } },
  { 90, FROM_BOTH, "open forwarded socket", "tuuu*", 0, NULL,
    { T("forwarded-streamlocal@openssh.com"), OPENING, T("more") } },
  { 90, FROM_BOTH, "open x11", "tuuu*", 0, NULL,
    { T("x11"), OPENING, T("more") } },
  { 90, FROM_BOTH, "open agent", "tuuu*", 0, NULL,
    { T("auth-agent@openssh.com"), OPENING, T("") } },
  { 90, FROM_BOTH, "open other", "tuuu*", 0, NULL,
    { T("x@y"), OPENING, T("more") } },
  { 90, FROM_BOTH, "open unknown", "tuuu*", 0, NULL,
    { T("unknown"), OPENING, T("") } },
  { 91, FROM_BOTH, "confirmation", "uuuu*", -1, NULL,
    { CHANNEL, N(7), N(1000), N(32768), T("") } },
  { 92, FROM_BOTH, "open failure", "uuss", -1, NULL,
    { CHANNEL, N(1), T("no"), T("") } },

  /* RFC 4254 sections 5.2, 5.3 */
  { 93, FROM_BOTH, "window", "uu", -1, NULL, { CHANNEL, N(10) } },
  { 94, FROM_BOTH, "data", "us", -1, NULL, { CHANNEL, T("data") } },
  { 95, FROM_BOTH, "extended data", "uus", -1, NULL,
    { CHANNEL, N(1), T("data") } },
  { 96, FROM_BOTH, "eof", "u", -1, NULL, { CHANNEL } },
  { 97, FROM_BOTH, "close", "u", -1, NULL, { CHANNEL } },

  /* RFC 4254 sections 5.4 and 6, RFC 4335 */
#define ASK(name) CHANNEL, T(name), N(1)
#define TELL(name) CHANNEL, T(name), N(0)
  { 98, FROM_BOTH, "request pty", "utbtuuuus", 1, "pty-req",
    { ASK("pty-req"), T("vt100"), N(80), N(24), N(0), N(0), T("") } },
  { 98, FROM_BOTH, "request env", "utbtt", 1, "env",
    { ASK("env"), T("A"), T("b") } },
  { 98, FROM_BOTH, "request shell", "utb", 1, "shell", { ASK("shell") } },
  { 98, FROM_BOTH, "request exec", "utbt", 1, "exec",
    { ASK("exec"), T("ls") } },
  { 98, FROM_BOTH, "request subsystem", "utbt", 1, "subsystem",
    { ASK("subsystem"), T("sftp") } },
  { 98, FROM_BOTH, "request window", "utbuuuu", 1, "window-change",
    { TELL("window-change"), N(80), N(24), N(0), N(0) } },
  { 98, FROM_BOTH, "request signal", "utbt", 1, "signal",
    { TELL("signal"), T("TERM") } },
  { 98, FROM_BOTH, "request break", "utbu", 1, "break",
    { ASK("break"), N(500) } },
  { 98, FROM_BOTH, "request exit status", "utbu", 1, "exit-status",
    { TELL("exit-status"), N(3) } },
  { 98, FROM_BOTH, "request exit signal", "utbtbts", 1, "exit-signal",
    { TELL("exit-signal"), T("KILL"), N(0), T("text"), T("") } },
  { 98, FROM_BOTH, "request eow", "utb", 1, "eow@openssh.com",
    { TELL("eow@openssh.com") } },
  { 98, FROM_BOTH, "request agent", "utb*", 1, "auth-agent-req@openssh.com",
    { ASK("auth-agent-req@openssh.com"), T("") } },
  { 98, FROM_BOTH, "request x11", "utb*", 1, NULL,
    { ASK("x11-req"), T("more") } },
  { 98, FROM_BOTH, "request flow", "utb*", 1, NULL,
    { TELL("xon-xoff"), T("1") } },
  { 98, FROM_BOTH, "request keepalive", "utb*", 1, NULL,
    { ASK("keepalive@openssh.com"), T("") } },
  { 98, FROM_BOTH, "request other", "utb*", 1, NULL,
    { ASK("x@y"), T("more") } },
  { 98, FROM_BOTH, "request without a name", "utb*", 1, NULL,
    { ASK(""), T("") } },
  { 99, FROM_BOTH, "channel success", "u", -1, NULL, { CHANNEL } },
  { 100, FROM_BOTH, "channel failure", "u", -1, NULL, { CHANNEL } },

  /* ping@openssh.com */
  { 192, FROM_BOTH, "ping", "s", -1, NULL, { T("data") } },
  { 193, FROM_BOTH, "pong", "s", -1, NULL, { T("data") } },
};

const unsigned message_rows_count = ARRAY_SIZE(message_rows);

/* ---- reading ------------------------------------------------------------- */

static int has_nul(str_t s) {
  return s.len != 0 && memchr(s.base, 0, s.len) != NULL;
}

/* RFC 4251 section 6: names of 1 to 64 printable bytes; one comma at the end
 * is overlooked. */
static int is_list(str_t s) {
  size_t name = 0;
  size_t names = 1;
  size_t i;

  if (s.len != 0 && s.base[s.len - 1] == ',' && --s.len == 0)
    return 0;
  for (i = 0; i < s.len; i++) {
    names += s.base[i] == ',';
    if (s.base[i] == ',' ? name == 0 : s.base[i] < 33 || s.base[i] > 126)
      return 0;
    name = s.base[i] == ',' ? 0 : name + 1;
    if (name > 64)
      return 0;
  }
  return (s.len == 0 || name != 0) && s.len <= 16384 && names <= 1024;
}

static uint32_t take_number(rd_t* r, struct fields* f) {
  uint32_t n = rd_u32(r);

  f->u[f->count++] = n;
  return n;
}

static str_t take_string(rd_t* r, struct fields* f) {
  str_t s = rd_str(r);

  f->s[f->count++] = s;
  return s;
}

static void take_text(rd_t* r, struct fields* f) {
  if (has_nul(take_string(r, f)))
    r->bad = 1;
}

static uint32_t take_bool(rd_t* r, struct fields* f) {
  uint32_t yes = rd_bool(r) ? 1 : 0;

  f->u[f->count++] = yes;
  return yes;
}

static void take_pairs(rd_t* r, struct fields* f) {
  uint32_t n = f->count == 0 ? 0 : f->u[f->count - 1];

  f->s[f->count++] = str_of("");
  f->s[f->count - 1].base = r->at;
  f->s[f->count - 1].len = rd_left(r);
  for (; n > 0 && !r->bad; n--) {
    (void) rd_str(r);
    (void) rd_str(r);
  }
}

static void take_one(char type, rd_t* r, struct fields* f) {
  switch (type) {
    case 'u': (void) take_number(r, f); break;
    case 'P':
      if (take_number(r, f) > 65535)
        r->bad = 1;
      break;
    case 'b': (void) take_bool(r, f); break;
    case 's': (void) take_string(r, f); break;
    case 't': take_text(r, f); break;
    case 'n':
      if (!is_list(take_string(r, f)))
        r->bad = 1;
      break;
    case 'k':
      (void) rd_take(r, 16);
      f->count++;
      break;
    case 'p':
      if (take_bool(r, f))
        take_text(r, f);
      take_text(r, f);
      break;
    case 'q':
      if (take_bool(r, f)) {
        (void) take_string(r, f);
        (void) take_string(r, f);
        (void) take_string(r, f);
      } else {
        (void) take_string(r, f);
        (void) take_string(r, f);
      }
      break;
    case 'x': take_pairs(r, f); break;
    case 'l':
      f->s[f->count].base = r->at;
      f->s[f->count++].len = rd_left(r);
      while (rd_left(r) != 0)
        (void) rd_str(r);
      break;
    case 'w': {
      uint32_t is_signed = take_bool(r, f);

      (void) take_string(r, f);
      (void) take_string(r, f);
      (void) take_string(r, f);
      if (is_signed)
        (void) take_string(r, f);
      break;
    }
    default:                       /* '*' */
      f->s[f->count++] = rd_rest(r);
      break;
  }
}

static rd_t take_all(const char* types, str_t body, struct fields* f) {
  rd_t r = rd_of(body.base, body.len);

  memset(f, 0, sizeof(*f));
  for (; *types != '\0' && !r.bad; types++)
    take_one(*types, &r, f);
  return r;
}

int message_parse(const char* types, str_t body, struct fields* f) {
  rd_t r = take_all(types, body, f);

  return rd_end(&r) == 0;
}

int message_prefix(const char* types, str_t body, struct fields* f) {
  rd_t r = take_all(types, body, f);

  return !r.bad;
}

/* Where its key cannot be read it is read, and found wanting, as any. */
static int fits(const struct message_row* row, str_t body) {
  struct fields f;
  char head[8];
  size_t n = (size_t) row->key + 1;

  if (row->key < 0 || row->key_text == NULL)
    return 1;
  memcpy(head, row->types, n);
  head[n] = '\0';
  return message_prefix(head, body, &f) &&
         str_is(f.s[row->key], row->key_text);
}

const struct message_row* message_find(const uint8_t* payload, size_t len) {
  str_t body = { payload + 1, len - 1 };
  unsigned i;

  for (i = 0; i < message_rows_count; i++)
    if (message_rows[i].number == payload[0] && fits(&message_rows[i], body))
      return &message_rows[i];
  return NULL;
}

/* ---- writing ------------------------------------------------------------- */

static void write_key(const uvssh_key_t* key, struct buf* m) {
  size_t len;
  const uint8_t* blob = uvssh_key_blob(key, &len);

  wr_str(m, blob, len);
}

/* RFC 4252 section 7: of the session id and all that stands before. */
static void write_signature(struct peer* p, struct buf* m) {
  struct buf data = { 0 };
  struct buf signature = { 0 };

  wr_str(&data, p->session_id, p->id_len);
  wr_bytes(&data, m->base, m->len);
  CHECK_EQ(uvssh__key_sign(p->app->user_key,
                           uvssh__sign_find(STR("ssh-ed25519")), data.base,
                           data.len, &signature), 0);
  wr_str(m, signature.base, signature.len);
  uvssh__buf_free(&data);
  uvssh__buf_free(&signature);
}

static void write_text(struct peer* p, struct buf* m, const char* text) {
  if (text == value_key) {
    write_key(p->app->user_key, m);
  } else if (text == value_hostkey) {
    write_key(p->app->pipe.hostkeys.key[0], m);
  } else if (text == value_extensions) {
    wr_cstr(m, "ping@openssh.com");
    wr_cstr(m, "0");
    wr_cstr(m, "publickey-hostbound@openssh.com");
    wr_cstr(m, "0");
    wr_cstr(m, "ext-info-in-auth@openssh.com");
    wr_cstr(m, "0");
  } else if (text == value_signature) {
    write_signature(p, m);
  } else if (text == value_pairs) {
    wr_cstr(m, "server-sig-algs");
    wr_cstr(m, "rsa-sha2-256,ssh-ed25519");
  } else {
    wr_cstr(m, text);
  }
}

static void write_one(struct peer* p, struct buf* m, char type,
                      const struct value** v) {
  const struct value* next = *v;
  uint32_t yes;

  switch (type) {
    case 'u': case 'P':
      wr_u32(m, next->number);
      break;
    case 'b':
      wr_bool(m, next->number != 0);
      break;
    case 'p': case 'q': case 'w':
      yes = (next++)->number;
      wr_bool(m, yes != 0);
      write_text(p, m, (next++)->text);
      if (type != 'p')
        write_text(p, m, (next++)->text);
      if (type == 'w')
        write_text(p, m, (next++)->text);
      if (yes != 0)
        write_text(p, m, (next++)->text);
      *v = next;
      return;
    case '*':
      wr_bytes(m, next->text == NULL ? "" : next->text,
               next->text == NULL ? 0 : strlen(next->text));
      break;
    case 'k':
      wr_bytes(m, "0123456789abcdef", 16);
      break;
    default:
      write_text(p, m, next->text == NULL ? "" : next->text);
      break;
  }
  *v = next + 1;
}

struct buf* message_write_with(struct peer* p,
                               const struct message_row* row,
                               const struct value* values) {
  struct buf* m = peer_message(p, row->number);
  const struct value* v = values;
  const char* type;

  for (type = row->types; *type != '\0'; type++)
    write_one(p, m, *type, &v);
  return m;
}

struct buf* message_write(struct peer* p, const struct message_row* row) {
  return message_write_with(p, row, row->values);
}

/* ---- rows ---------------------------------------------------------------- */

const struct message_row* message_row(uint8_t number) {
  unsigned i;

  for (i = 0; i < message_rows_count; i++)
    if (message_rows[i].number == number)
      return &message_rows[i];
  return NULL;
}

const struct message_row* message_named(const char* name) {
  unsigned i;

  for (i = 0; i < message_rows_count; i++)
    if (strcmp(message_rows[i].name, name) == 0)
      return &message_rows[i];
  FAIL("no message is named \"%s\"", name);
}
