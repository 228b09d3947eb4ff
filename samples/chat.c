/* chat.c: a room that ordinary ssh clients join: `ssh -p 2222 localhost`.
 *
 * One process, one loop, one file, on the public API only. It has four parts:
 *
 *   1. The room      who is here, and how a line reaches all of them
 *   2. The line      what a person types, with a terminal and without
 *   3. The server    who may come in, sessions, channels, the end
 *   4. The program   options, the host key, addresses
 *
 * A line is one counted payload, sent to a group: the queue of every reader
 * points to it. A queue that is full takes no more: that reader's lines are
 * counted, and it is told once it reads again. So nobody waits for a slow
 * reader, and the room's memory has a bound.
 *
 * It never keeps what was said, logs no line and no name, and wipes what was a
 * person's when the person leaves. */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE               /* vasprintf, wcwidth, getopt_long */
#endif

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <wchar.h>
#include <wctype.h>

#include <uvssh.h>

enum {
  NICK_CHARS = 16,
  LINE_CHARS = 1000,               /* most characters in a line */
  PEOPLE = 500,                    /* most sessions that are logged in */
  UTF8_BYTES = 4,                  /* most for a character */
  COLUMNS = 80,                    /* of a terminal that does not say */
  NARROW = 40,                     /* with fewer the prompt has no name */
  ADDRESSES = 16,                  /* most --listen */
  PATH_BYTES = 4096,
  DRAIN_MS = 5000                  /* at the end: time to say good-bye */
};

/* A person is a session with one channel. All from `channel` on lives from the
 * opening of the channel to its end, and is wiped then. */
typedef struct {
  uvssh_session_t session;
  uvssh_channel_t channel;
  uvssh_member_t member;           /* of the group of its kind */
  int joined;                      /* has a shell: reads and is heard */
  int pty;                         /* has a terminal: we edit for it */
  int columns;                     /* of the terminal */
  int drawn;                       /* prompt and line stand in the last row */
  int stale;                       /* and are to be drawn anew */
  int escape;                      /* inside a key's escape sequence: how far */
  int too_long;                    /* more was typed than a line holds */
  mbstate_t utf8;                  /* a character that has not come whole */
  wchar_t nick[NICK_CHARS + 1];
  wchar_t line[LINE_CHARS + 1];    /* what is being typed; ends in 0 */
  size_t len;                      /* characters in it */
} person_t;

static struct {
  uvssh_server_t server;
  uvssh_group_t terminals;         /* lines that end in CR LF */
  uvssh_group_t plain;             /* lines that end in LF */
  uv_signal_t signals[2];
  uvssh_key_t** keys;              /* who may come in; NULL: everybody */
  size_t key_count;
} room;

/* ---------------------------------------------------------------------------
 * 1. The room
 * ------------------------------------------------------------------------- */

/* Walks over those who have joined. */
static person_t* next_person(const person_t* prev) {
  const uvssh_session_t* s = prev == NULL ? NULL : &prev->session;
  person_t* p;

  while ((s = uvssh_server_next(&room.server, s)) != NULL) {
    p = s->data;
    if (p->joined)
      return p;
  }

  return NULL;
}

/* Text as it is; copied. Not 0: the queue is full, or the channel is ending. */
static int put(person_t* p, const char* text) {
  return uvssh_channel_send(&p->channel, UVSSH_DATA, text, strlen(text));
}

/* The line that is being typed makes room for one from elsewhere; redraw()
 * brings it back. */
static void hide(person_t* p) {
  if (p->drawn && put(p, "\r\033[K") == 0) {
    p->drawn = 0;
    p->stale = 1;
  }
}

/* BEGIN lost */
static void tell_lost(person_t* p) {
  unsigned long long lost = p->member.lost;
  char text[80];

  if (lost == 0)
    return;

  hide(p);
  snprintf(text, sizeof(text), "* you were slow: %llu line%s lost%s", lost,
           lost == 1 ? "" : "s", p->pty ? "\r\n" : "\n");
  if (put(p, text) == 0)
    p->member.lost = 0;
}
/* END lost */

/* Ends in CR LF, for terminals; NULL: there is no memory for it. */
static char* make_line(const char* format, va_list args) {
  char* body = NULL;
  char* line = NULL;

  if (vasprintf(&body, format, args) < 0)
    return NULL;
  if (asprintf(&line, "%s\r\n", body) < 0)
    line = NULL;
  free(body);
  return line;
}

/* ... and then in LF, for everybody else. */
static void make_plain(char* line) {
  if (line != NULL)
    memcpy(line + strlen(line) - 2, "\n", 2);
}

/* One line to one person. */
__attribute__((format(printf, 2, 3)))
static void tell(person_t* p, const char* format, ...) {
  va_list args;
  char* line;

  va_start(args, format);
  line = make_line(format, args);
  va_end(args);
  if (!p->pty)
    make_plain(line);

  tell_lost(p);
  hide(p);
  if (line == NULL || put(p, line) != 0)
    p->member.lost++;
  free(line);
}

/* BEGIN group */
static void send_line(uvssh_group_t* group, const char* line,
                      const person_t* but) {
  uvssh_payload_t* payload = NULL;
  uvssh_member_t* m = NULL;

  if (line != NULL)
    uvssh_payload_create(&payload, line, strlen(line));
  while ((m = uvssh_group_next(group, m)) != NULL) {
    tell_lost(m->data);
    hide(m->data);
    m->lost += payload == NULL;    /* there is no memory for it */
  }
  uvssh_group_send(group, UVSSH_DATA, payload,
                   but != NULL ? &but->member : NULL);
  uvssh_payload_unref(payload);
}
/* END group */

/* One line to everybody, but for one person or NULL. */
__attribute__((format(printf, 2, 3)))
static void tell_all(const person_t* but, const char* format, ...) {
  va_list args;
  char* line;

  va_start(args, format);
  line = make_line(format, args);
  va_end(args);
  send_line(&room.terminals, line, but);
  make_plain(line);
  send_line(&room.plain, line, but);
  free(line);
}

static person_t* find_person(const wchar_t* nick) {
  person_t* p = NULL;

  while ((p = next_person(p)) != NULL)
    if (wcscasecmp(p->nick, nick) == 0)
      break;

  return p;
}

/* Letters and digits of any script, and - _ . : nothing that is invisible, and
 * nothing that could be taken for the room's own "*" or a name's ":". */
static int is_nick_char(wchar_t c) {
  return (iswalnum((wint_t) c) && wcwidth(c) > 0) ||
         (c != 0 && wcschr(L"-_.", c) != NULL);
}

static int is_nick(const wchar_t* name) {
  size_t n;

  for (n = 0; name[n] != 0; n++)
    if (n == NICK_CHARS || !is_nick_char(name[n]))
      return 0;

  return n > 0;
}

/* What can be used of the name at login, with a number when it is taken. */
static void choose_nick(person_t* p, const char* user) {
  wchar_t name[NICK_CHARS + 1];
  mbstate_t state;
  size_t bytes = strlen(user);
  size_t len = 0;
  size_t n;
  unsigned i;
  wchar_t c;

  memset(&state, 0, sizeof(state));
  for (; bytes > 0 && len < NICK_CHARS; user += n, bytes -= n) {
    n = mbrtowc(&c, user, bytes, &state);
    if (n == (size_t) -1 || n == (size_t) -2) {
      memset(&state, 0, sizeof(state));
      n = 1;                       /* no character begins here: skip a byte */
    } else if (is_nick_char(c)) {
      name[len++] = c;
    }
  }
  name[len] = 0;

  if (len == 0)
    wcscpy(name, L"guest");

  wcscpy(p->nick, name);
  for (i = 2; find_person(p->nick) != NULL; i++)
    swprintf(p->nick, NICK_CHARS + 1, L"%.*ls%u", NICK_CHARS - 4, name, i);
}

static void join(person_t* p) {
  person_t* other = NULL;
  unsigned n = 1;

  while ((other = next_person(other)) != NULL)
    n++;

  choose_nick(p, uvssh_session_user(&p->session));
  p->member.data = p;
  uvssh_group_join(p->pty ? &room.terminals : &room.plain, &p->member,
                   &p->channel);
  p->joined = 1;
  p->stale = 1;
  tell(p, "* you are %ls, one of %u here; /help says what you can type",
       p->nick, n);
  tell_all(p, "* %ls joined", p->nick);
}

static void leave(person_t* p) {
  if (!p->joined)
    return;

  hide(p);
  p->joined = 0;
  uvssh_group_leave(&p->member);
  uvssh_channel_exit(&p->channel, 0, 0);
  tell_all(NULL, "* %ls left", p->nick);
}

/* ---------------------------------------------------------------------------
 * 2. The line
 * ------------------------------------------------------------------------- */

#define CTRL_KEY(letter) ((letter) & 0x1f)

static int columns_of(wchar_t c) {
  int n = wcwidth(c);
  /* Younger than the C library's tables: an emoji, or a letter. */
  return n >= 0 ? n : c >= 0x1f000 ? 2 : 1;
}

/* Prompt and line, drawn over the last row. Of a line that is longer than the
 * row the end is shown: it never wraps, so one "erase" always removes it. */
static void draw(person_t* p) {
  char out[(NICK_CHARS + LINE_CHARS) * UTF8_BYTES + 16];
  const wchar_t* nick = p->columns < NARROW ? L"" : p->nick;
  const wchar_t* from = p->line;
  const wchar_t* c;
  int width = 2;                   /* of "> " */

  for (c = nick; *c != 0; c++)
    width += columns_of(*c);
  for (c = from; *c != 0; c++)
    width += columns_of(*c);
  while (*from != 0 && width >= p->columns)
    width -= columns_of(*from++);

  if (snprintf(out, sizeof(out), "\r%ls> %ls\033[K", nick, from) > 0 &&
      put(p, out) == 0) {
    p->drawn = 1;
    p->stale = 0;
  }
}

/* After anything that may have written to terminals: each once, however many
 * lines came. A queue that is full leaves it to on_drain. */
static void redraw(void) {
  person_t* p = NULL;

  while ((p = next_person(p)) != NULL)
    if (p->pty && p->stale)
      draw(p);
}

/* Others' text: nothing in it moves their cursor, colours or rings. A backslash
 * stays single, since here nobody needs to tell "\n" from an escaped LF. */
static const char* harmless(char* out, size_t size, const wchar_t* text) {
  char raw[LINE_CHARS * UTF8_BYTES + 1];
  size_t n = wcstombs(raw, text, sizeof(raw) - 1);
  char* from;
  char* to;

  raw[n == (size_t) -1 ? 0 : n] = '\0';
  uvssh_escape(out, size, raw);
  for (from = to = out; *from != '\0'; *to++ = *from++)
    if (from[0] == '\\' && from[1] == '\\')
      from++;
  *to = '\0';
  return out;
}

enum { HARMLESS_BYTES = 10 * LINE_CHARS + 1 };   /* \u{10ffff}, each */

static void do_names(person_t* p, const wchar_t* rest) {
  person_t* other = NULL;
  char* text = NULL;
  size_t len;
  unsigned n = 0;
  FILE* list = open_memstream(&text, &len);

  if (list == NULL)
    return;
  while ((other = next_person(other)) != NULL)
    fprintf(list, "%s%ls", n++ == 0 ? "" : ", ", other->nick);
  if (fclose(list) == 0)
    tell(p, "* %u here: %s", n, text);
  free(text);
}

static void do_nick(person_t* p, const wchar_t* rest) {
  person_t* owner;

  if (!is_nick(rest)) {
    tell(p, "* a name is 1 to %d letters, digits or - _ . without spaces",
         NICK_CHARS);
    return;
  }

  owner = find_person(rest);
  if (owner != NULL && owner != p) {
    tell(p, "* the name %ls is taken", owner->nick);
    return;
  }

  tell_all(NULL, "* %ls is now %ls", p->nick, rest);
  wcscpy(p->nick, rest);
}

static void do_quit(person_t* p, const wchar_t* rest) {
  leave(p);
}

static void do_help(person_t* p, const wchar_t* rest);

static const struct {
  const wchar_t* name;
  const char* help;
  void (*run)(person_t* p, const wchar_t* rest);
} commands[] = {
  { L"names", "/names      who is here", do_names },
  { L"nick", "/nick NAME  take another name", do_nick },
  { L"quit", "/quit       leave (or ^D on an empty line)", do_quit },
  { L"help", "/help       this; //text says \"/text\"", do_help },
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void do_help(person_t* p, const wchar_t* rest) {
  unsigned i;

  for (i = 0; i < COMMANDS; i++)
    tell(p, "* %s", commands[i].help);
  if (p->pty)
    tell(p, "* ^U clears the line, ^W a word, ^L the screen, ^C forgets it");
}

static void command(person_t* p, wchar_t* text) {
  char out[HARMLESS_BYTES];
  wchar_t* rest = text + wcscspn(text, L" ");
  unsigned i;

  if (*rest != 0)
    *rest++ = 0;
  rest += wcsspn(rest, L" ");

  for (i = 0; i < COMMANDS; i++) {
    if (wcscmp(text, commands[i].name) == 0) {
      commands[i].run(p, rest);
      return;
    }
  }

  harmless(out, sizeof(out), text);
  tell(p, "* there is no command /%s; /help lists what there is", out);
}

/* Whoever has a terminal sees the own line as the others see it. */
static void talk(person_t* p, const wchar_t* text) {
  char out[HARMLESS_BYTES];

  tell_all(p->pty ? NULL : p, "%ls: %s", p->nick,
           harmless(out, sizeof(out), text));
}

static void clear_line(person_t* p, size_t len) {
  p->len = len;
  p->line[len] = 0;
  p->too_long = 0;
  p->stale = 1;
}

/* What stands in the row stays there, as a line of its own. */
static void keep_row(person_t* p) {
  draw(p);
  put(p, "\r\n");
  p->drawn = 0;
}

static void enter(person_t* p) {
  if (p->too_long && !p->pty) {
    tell(p, "* not sent: a line holds at most %d characters", LINE_CHARS);
  } else if (p->line[0] == '/' && p->line[1] != '/') {
    if (p->pty)
      keep_row(p);
    command(p, p->line + 1);
  } else if (p->len > 0) {
    talk(p, p->line + (p->line[0] == '/'));
  }

  clear_line(p, 0);
}

static void insert(person_t* p, wchar_t c) {
  if (p->len < LINE_CHARS) {
    p->line[p->len++] = c;
    p->line[p->len] = 0;
    return;
  }

  if (p->pty && !p->too_long) {
    put(p, "\a");
    tell(p, "* a line holds at most %d characters, the rest is not taken",
         LINE_CHARS);
  }
  p->too_long = 1;
}

/* One character, with the marks that are drawn over it. */
static void erase_character(person_t* p) {
  size_t n = p->len;

  while (n > 0 && columns_of(p->line[n - 1]) == 0)
    n--;
  clear_line(p, n > 0 ? n - 1 : 0);
}

static void erase_word(person_t* p) {
  size_t n = p->len;

  while (n > 0 && p->line[n - 1] == ' ')
    n--;
  while (n > 0 && p->line[n - 1] != ' ')
    n--;
  clear_line(p, n);
}

static void forget_line(person_t* p) {
  if (p->len == 0)
    tell(p, "* ^D or /quit leaves");
  clear_line(p, 0);
}

/* Arrow and function keys send ESC [ ... letter or ESC O letter; Alt and a key
 * ESC key. None of them does anything here. 1: c was a part of one. */
static int in_escape(person_t* p, wchar_t c) {
  enum { NONE, ESC, CSI, SS3 };
  int before = p->escape;

  if (c == 0x1b)
    p->escape = ESC;
  else if (before == ESC && (c == '[' || c == 'O'))
    p->escape = c == '[' ? CSI : SS3;
  else if (c < ' ' || before != CSI || (c >= '@' && c <= '~'))
    p->escape = NONE;

  /* A control key is never swallowed: Enter always enters. */
  return c == 0x1b || (c >= ' ' && before != NONE);
}

/* One key of a terminal. */
static void type_key(person_t* p, wchar_t c) {
  if (in_escape(p, c))
    return;

  p->stale = 1;
  switch (c) {
    case '\r':
    case '\n':
      enter(p);
      break;
    case '\b':
    case 0x7f:
      erase_character(p);
      break;
    case CTRL_KEY('W'):
      erase_word(p);
      break;
    case CTRL_KEY('U'):
      clear_line(p, 0);
      break;
    case CTRL_KEY('C'):
      forget_line(p);
      break;
    case CTRL_KEY('D'):
      if (p->len == 0)
        leave(p);
      break;
    case CTRL_KEY('L'):
      put(p, "\033[H\033[2J");
      break;
    case '\t':
      insert(p, ' ');
      break;
    default:
      if (!iswcntrl((wint_t) c))
        insert(p, c);
  }
}

/* One character of somebody without a terminal: lines end in LF or CR LF. */
static void type_plain(person_t* p, wchar_t c) {
  if (c == '\n')
    enter(p);
  else if (c != '\r')
    insert(p, c == 0 ? 0xfffd : c);
}

/* 1: with this byte a character is complete. Bytes that are not UTF-8 become
 * U+FFFD; one that is ASCII always stands for itself. */
static int decode(person_t* p, char byte, wchar_t* c) {
  size_t n;

  if ((byte & 0x80) == 0)
    memset(&p->utf8, 0, sizeof(p->utf8));

  n = mbrtowc(c, &byte, 1, &p->utf8);
  if (n == (size_t) -2)
    return 0;

  if (n == (size_t) -1) {
    memset(&p->utf8, 0, sizeof(p->utf8));
    *c = 0xfffd;
  }

  return 1;
}

static void on_read(uvssh_channel_t* channel, int stream, ssize_t nread,
                    const uv_buf_t* buf) {
  person_t* p = channel->data;
  ssize_t i;
  wchar_t c;

  for (i = 0; i < nread && p->joined; i++) {
    if (!decode(p, buf->base[i], &c))
      continue;
    if (p->pty)
      type_key(p, c);
    else
      type_plain(p, c);
  }

  if (nread < 0) {
    if (nread == UV_EOF && p->joined && !p->pty)
      enter(p);                    /* the last line needs no end */
    leave(p);
  }

  redraw();
}

/* ---------------------------------------------------------------------------
 * 3. The server
 * ------------------------------------------------------------------------- */

/* The compiler may not leave this out, as it may a memset() before free(). */
static void wipe(void* base, size_t len) {
  volatile unsigned char* p = base;

  while (len-- > 0)
    *p++ = 0;
}

/* BEGIN drain */
/* The queue has room again. */
static void on_drain(uvssh_channel_t* channel) {
  tell_lost(channel->data);
  redraw();
}
/* END drain */

static void set_columns(person_t* p, const uvssh_pty_t* pty) {
  p->columns = pty->cols > 0 && pty->cols <= 1000 ? (int) pty->cols : COLUMNS;
  p->stale = 1;
}

/* `ssh HOST COMMAND`, sftp, scp: accepted only to say why not. A plain "no"
 * would leave the person with "exec request failed". */
static void refuse_command(uvssh_channel_t* channel) {
  static const char hint[] =
      "chat: nothing to run here, only people to talk to: "
      "ssh -p PORT NAME@HOST\r\n";

  uvssh_channel_send(channel, UVSSH_STDERR, hint, sizeof(hint) - 1);
  uvssh_channel_exit(channel, 1, 0);
}

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  person_t* p = channel->data;

  switch (ask->type) {
    case UVSSH_REQUEST_PTY:
      if (p->joined) {             /* too late: without one */
        uvssh_reply_reject(reply);
        break;
      }
      p->pty = 1;
      set_columns(p, &ask->pty);
      uvssh_reply_accept(reply);
      break;
    case UVSSH_REQUEST_WINDOW_CHANGE:
      set_columns(p, &ask->pty);
      uvssh_reply_accept(reply);
      redraw();
      break;
    case UVSSH_REQUEST_SHELL:      /* the library lets only one through */
      uvssh_reply_accept(reply);
      if (uvssh_channel_read_start(channel, on_read) == 0)
        join(p);
      redraw();
      break;
    case UVSSH_REQUEST_EXEC:
    case UVSSH_REQUEST_SUBSYSTEM:
      uvssh_reply_accept(reply);
      refuse_command(channel);
      break;
    default:
      uvssh_reply_reject(reply);
  }
}

static void on_channel_close(uvssh_channel_t* channel, int status) {
  person_t* p = channel->data;

  leave(p);
  redraw();
  wipe(&p->channel, sizeof(*p) - offsetof(person_t, channel));
}

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* ask,
                       uvssh_reply_t reply) {
  static const uvssh_channel_handlers_t handlers = {
    .on_request = on_request,
    .on_drain = on_drain,
    .on_close = on_channel_close
  };
  person_t* p = session->data;

  if (ask->type != UVSSH_CHANNEL_SESSION)
    uvssh_channel_reject(reply, UVSSH_OPEN_PROHIBITED, "only a shell");
  else if (uvssh_channel_accept(reply, &p->channel, &handlers) == 0)
    p->channel.data = p;           /* else one is open: refused by that */
}

/* BEGIN auth */
/* "none" is enough, and so is any key or password, unless --keys was given:
 * then only PUBLICKEY gets here, first as a question, then as a proof. */
static void on_auth(uvssh_session_t* session, const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  size_t i;

  if (room.keys == NULL) {
    uvssh_reply_accept(reply);
    return;
  }

  for (i = 0; i < room.key_count; i++) {
    if (uvssh_key_equal(attempt->key, room.keys[i])) {
      uvssh_reply_accept(reply);
      return;
    }
  }

  uvssh_reply_reject(reply);
}
/* END auth */

static void on_ready(uvssh_session_t* session) {
  uvssh_session_t* s = NULL;
  unsigned n = 0;

  while ((s = uvssh_server_next(&room.server, s)) != NULL)
    n += uvssh_session_is_ready(s) != 0;

  if (n > PEOPLE)
    uvssh_session_disconnect(session, UVSSH_DISCONNECT_TOO_MANY,
                             "the room is full");
}

static void on_session_close(uvssh_session_t* session,
                             const uvssh_end_t* end) {
  free(session->data);
}

static void on_connection(uvssh_server_t* server, int status) {
  static const uvssh_session_handlers_t handlers = {
    .on_auth = on_auth,
    .on_ready = on_ready,
    .on_channel = on_channel,
    .on_close = on_session_close
  };
  person_t* p;

  if (status != 0) {
    fprintf(stderr, "chat: somebody could not come in: %s\n",
            uvssh_strerror(status));
    return;
  }

  p = calloc(1, sizeof(*p));
  if (p == NULL)
    return;                        /* what is not accepted here is closed */

  p->session.data = p;
  if (uvssh_server_accept(server, &p->session, &handlers) != 0)
    free(p);
}

static void on_empty(uvssh_server_t* server) {
  uvssh_server_close(server, NULL);
}

/* The first SIGINT or SIGTERM says good-bye, the second does not wait. */
static void on_signal(uv_signal_t* handle, int signum) {
  uvssh_session_t* s = NULL;
  person_t* p;

  if (uvssh_server_shutdown(&room.server, DRAIN_MS, on_empty) != 0) {
    uvssh_server_close(&room.server, NULL);
    return;
  }

  tell_all(NULL, "* the room closes");
  while ((s = uvssh_server_next(&room.server, s)) != NULL) {
    p = s->data;
    if (p->joined)
      uvssh_channel_exit(&p->channel, 0, 0);
    else
      uvssh_session_disconnect(s, UVSSH_DISCONNECT_BY_APPLICATION,
                               "the room closes");
    p->joined = 0;
  }
}

/* ---------------------------------------------------------------------------
 * 4. The program
 * ------------------------------------------------------------------------- */

static void on_log(void* arg, uvssh_log_level level,
                   const uvssh_session_t* session, const char* text) {
  fprintf(stderr, "chat: %s\n", text);
}

/* One line on stderr, and the status to exit with. */
__attribute__((format(printf, 2, 3)))
static int complain(int status, const char* format, ...) {
  va_list args;

  va_start(args, format);
  fputs("chat: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  return status;
}

typedef struct {
  int port;
  const char* addresses[ADDRESSES];
  unsigned address_count;          /* 0: 127.0.0.1 and ::1 */
  const char* host_key;
  const char* keys;
} options_t;

static const char help[] =
    "usage: chat [OPTIONS]\n"
    "A chat room for ssh clients: ssh -p 2222 localhost\n"
    "\n"
    "  --port N         listen on this port; 0: any that is free (2222)\n"
    "  --listen ADDR    listen on this IP address; may be repeated\n"
    "                   (127.0.0.1 and ::1: only this machine)\n"
    "  --host-key FILE  the key that proves who this server is; made when\n"
    "                   there is none (chat_host_ed25519_key in\n"
    "                   $XDG_STATE_HOME/uvssh or ~/.local/state/uvssh)\n"
    "  --keys FILE      let only the owners of these keys in, one\n"
    "                   \"ssh-ed25519 AAAA...\" a line (everybody: no key and\n"
    "                   no password is asked for)\n"
    "  --help           this text\n"
    "  --version        the version\n";

static int parse_port(const char* text) {
  char* end;
  long port;

  if (*text < '0' || *text > '9')
    return -1;
  errno = 0;
  port = strtol(text, &end, 10);
  return errno == 0 && *end == '\0' && port <= 65535 ? (int) port : -1;
}

/* 1 an address, 2 one that only this machine reaches, 0 none. */
static int address_kind(const char* text) {
  static const unsigned char loopback6[16] = { [15] = 1 };
  unsigned char bytes[16];

  if (uv_inet_pton(AF_INET, text, bytes) == 0)
    return bytes[0] == 127 ? 2 : 1;
  if (uv_inet_pton(AF_INET6, text, bytes) == 0)
    return memcmp(bytes, loopback6, sizeof(bytes)) == 0 ? 2 : 1;
  return 0;
}

/* From here on a function returns 0, or the status to exit with. */
static int parse_options(options_t* o, int argc, char** argv) {
  static const struct option known[] = {
    { "port", required_argument, NULL, 'p' },
    { "listen", required_argument, NULL, 'l' },
    { "host-key", required_argument, NULL, 'k' },
    { "keys", required_argument, NULL, 'a' },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'v' },
    { NULL, 0, NULL, 0 }
  };
  int at;
  int c;

  opterr = 0;
  while (at = optind, (c = getopt_long(argc, argv, "+:", known, NULL)) != -1) {
    switch (c) {
      case 'p':
        o->port = parse_port(optarg);
        if (o->port < 0)
          return complain(2, "--port %s: give a number from 0 to 65535",
                          optarg);
        break;
      case 'l':
        if (address_kind(optarg) == 0)
          return complain(2, "--listen %s: give an IP address, as 127.0.0.1",
                          optarg);
        if (o->address_count == ADDRESSES)
          return complain(2, "--listen: at most %d of them", ADDRESSES);
        o->addresses[o->address_count++] = optarg;
        break;
      case 'k':
        o->host_key = optarg;
        break;
      case 'a':
        o->keys = optarg;
        break;
      case 'h':
        fputs(help, stdout);
        exit(0);
      case 'v':
        printf("chat (uvssh %s)\n", uvssh_version_string());
        exit(0);
      case ':':
        return complain(2, "%s needs a value; see --help", argv[at]);
      default:
        return complain(2, "unknown option %s; see --help", argv[at]);
    }
  }

  if (optind < argc)
    return complain(2, "unknown argument %s; see --help", argv[optind]);
  return 0;
}

static int add_key(const char* line, size_t len) {
  uvssh_key_t** keys;
  int err;

  keys = realloc(room.keys, (room.key_count + 1) * sizeof(*keys));
  if (keys == NULL)
    return UV_ENOMEM;

  room.keys = keys;
  err = uvssh_key_parse(&keys[room.key_count], line, len, NULL);
  if (err == 0)
    room.key_count++;
  return err;
}

/* The plain lines of an authorized_keys file. */
static int load_keys(const char* path) {
  FILE* file = fopen(path, "re");
  char* line = NULL;
  size_t size = 0;
  unsigned number;
  ssize_t n;
  int err;

  if (file == NULL)
    return complain(1, "--keys %s: %s; name a file that can be read", path,
                    strerror(errno));

  for (number = 1; (n = getline(&line, &size, file)) != -1; number++) {
    if (line[0] == '#' || line[strspn(line, " \t\r\n")] == '\0')
      continue;
    err = add_key(line, (size_t) n);
    if (err != 0)
      complain(0, "%s line %u is left out: %s; only plain lines "
                  "\"ssh-ed25519 AAAA...\" count", path, number,
               uvssh_strerror(err));
  }
  free(line);
  fclose(file);

  if (room.key_count == 0)
    return complain(1, "--keys %s: no key in it, nobody could come in; add "
                       "the line of an id_ed25519.pub", path);
  return 0;
}

/* In the XDG state folder, which is made if need be. */
static int default_host_key(char* path, size_t size) {
  const char* state = getenv("XDG_STATE_HOME");
  const char* home = getenv("HOME");
  char* slash;
  int n;

  if (state != NULL && state[0] == '/')
    n = snprintf(path, size, "%s/uvssh/chat_host_ed25519_key", state);
  else if (home != NULL && home[0] == '/')
    n = snprintf(path, size, "%s/.local/state/uvssh/chat_host_ed25519_key",
                 home);
  else
    return complain(1, "no place for the host key, HOME is not set; give "
                       "--host-key FILE");
  if (n < 0 || (size_t) n >= size)
    return complain(1, "the path of the host key is too long; give "
                       "--host-key FILE");

  for (slash = path + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
    *slash = '\0';
    (void) mkdir(path, 0700);      /* where it fails the key file tells */
    *slash = '/';
  }
  return 0;
}

static const char* key_advice(int err) {
  switch (err) {
    case UV_EPERM:
      return "others may read it; make it yours alone with chmod 600";
    case UV_ENOENT:
      return "make its folder first, or give another --host-key";
    case UV_EINVAL:
      return "it holds no private key; give another --host-key";
    case UVSSH_EKEYFORMAT:
      return "it is no key of ssh-keygen's; move it away to get a new one, or "
             "give another --host-key";
    case UVSSH_EPASSPHRASE:
      return "remove its passphrase with ssh-keygen -p, or give another "
             "--host-key";
    default:
      return "give a --host-key that you may read and write";
  }
}

static int add_host_key(const char* path) {
  int err = uvssh_server_add_key_file(&room.server, path);
  size_t len;
  char print[128];
  uvssh_key_t* key;

  if (err == 0)
    err = uvssh_key_load(&key, path, NULL);
  if (err != 0)
    return complain(1, "host key %s: %s; %s", path, uvssh_strerror(err),
                    key_advice(err));

  len = sizeof(print);
  if (uvssh_key_fingerprint(key, print, &len) == 0)
    printf("host key:  %s\n           in %s\n", print, path);
  uvssh_key_unref(key);
  return 0;
}

/* The port that the kernel has chosen. */
static int port_of_server(void) {
  struct sockaddr_storage name;
  int len = sizeof(name);

  if (uvssh_server_getsockname(&room.server, (struct sockaddr*) &name, &len))
    return 0;
  return ntohs(name.ss_family == AF_INET6
                   ? ((struct sockaddr_in6*) &name)->sin6_port
                   : ((struct sockaddr_in*) &name)->sin_port);
}

static int listen_on(const char* address, int* port) {
  int err = uvssh_server_listen(&room.server, address, *port, on_connection);

  if (err == 0 && *port == 0)
    *port = port_of_server();
  return err;
}

static int complain_address(const char* address, int port, int err) {
  const char* advice = "give another --listen";

  if (err == UV_EADDRINUSE)
    advice = "something listens there already; give another --port";
  else if (err == UV_EACCES)
    advice = "ports below 1024 need privileges; give another --port";
  return complain(1, "%s port %d: %s; %s", address, port, uvssh_strerror(err),
                  advice);
}

/* This machine alone, on both of its own addresses. A machine without IPv6
 * goes on without it, but never next to somebody else's ::1. */
static int listen_here(int port) {
  int chosen = port;
  int err = listen_on("127.0.0.1", &chosen);

  if (err != 0)
    return complain_address("127.0.0.1", port, err);

  err = listen_on("::1", &chosen);
  if (err == UV_EADDRINUSE && port != 0)
    return complain_address("::1", port, err);

  if (err == 0)
    printf("listening: 127.0.0.1 and ::1, port %d\n", chosen);
  else
    printf("listening: 127.0.0.1, port %d (not ::1: %s)\n", chosen,
           uvssh_strerror(err));
  printf("join with: ssh -p %d %s\n", chosen,
         err == 0 ? "localhost" : "127.0.0.1");
  return 0;
}

static int listen_there(const options_t* o) {
  char host[256];
  size_t len = sizeof(host);
  int port = o->port;
  const char* address;
  unsigned i;
  int err;

  for (i = 0; i < o->address_count; i++) {
    address = o->addresses[i];
    err = listen_on(address, &port);
    if (err != 0)
      return complain_address(address, port, err);

    printf("listening: %s, port %d\n", address, port);
    if (address_kind(address) == 1)
      complain(0, "%s is open to the network: who reaches it %s", address,
               o->keys != NULL ? "with one of the keys can come in"
                               : "can come in and read along");
    if (address[strspn(address, "0.:")] == '\0' &&
        uv_os_gethostname(host, &len) == 0)
      address = host;              /* all of its addresses: by its name */
    printf("join with: ssh -p %d %s\n", port, address);
  }
  return 0;
}

static int init_server(uv_loop_t* loop, const options_t* o) {
  uvssh_config_t config;
  int err;

  uvssh_config_init(&config);
  config.log = on_log;
  config.auth_methods = UVSSH_AUTH_PUBLICKEY;
  if (o->keys == NULL)
    config.auth_methods |= UVSSH_AUTH_NONE | UVSSH_AUTH_PASSWORD;
  config.keepalive_ms = 30000;     /* with the count of 3: gone after 2 min */
  /* BEGIN limits */
  config.channels = 1;
  /* What one person can send at once fits the queue of a reader, so whoever
   * reads at all loses nothing to somebody who pastes a book. */
  config.window_bytes = 8 * 1024;
  config.window_most_bytes = 8 * 1024;
  config.queue_bytes = 256 * 1024;
  config.drain_bytes = 64 * 1024;
  /* END limits */

  if ((err = uvssh_group_init(&room.plain, UVSSH_SLOW_SKIP, 0)) != 0 ||
      (err = uvssh_group_init(&room.terminals, UVSSH_SLOW_SKIP, 0)) != 0 ||
      (err = uvssh_server_init(loop, &room.server, &config)) != 0)
    return complain(1, "no server: %s", uvssh_strerror(err));
  return 0;
}

/* The handles are not counted: the loop ends when the server has closed. */
static void watch_signals(uv_loop_t* loop) {
  static const int numbers[] = { SIGINT, SIGTERM };
  int i;

  for (i = 0; i < 2; i++) {
    uv_signal_init(loop, &room.signals[i]);
    uv_signal_start(&room.signals[i], on_signal, numbers[i]);
    uv_unref((uv_handle_t*) &room.signals[i]);
  }
}

static int start(uv_loop_t* loop, const options_t* o) {
  char path[PATH_BYTES];
  const char* host_key = o->host_key != NULL ? o->host_key : path;
  int status = 0;

  if (setlocale(LC_CTYPE, "C.UTF-8") == NULL &&
      setlocale(LC_CTYPE, "en_US.UTF-8") == NULL)
    return complain(1, "characters need a UTF-8 locale; install C.UTF-8");

  if (o->keys != NULL)
    status = load_keys(o->keys);
  if (status == 0 && o->host_key == NULL)
    status = default_host_key(path, sizeof(path));
  if (status == 0)
    status = init_server(loop, o);
  if (status == 0)
    status = add_host_key(host_key);
  if (status != 0)
    return status;

  watch_signals(loop);             /* before anybody is told that we are here */
  return o->address_count == 0 ? listen_here(o->port) : listen_there(o);
}

/* Until a signal has closed the server. It leaves nothing in the loop. */
static int run(uv_loop_t* loop) {
  int i;

  uv_run(loop, UV_RUN_DEFAULT);
  for (i = 0; i < 2; i++)
    uv_close((uv_handle_t*) &room.signals[i], NULL);
  uv_run(loop, UV_RUN_DEFAULT);
  return uv_loop_close(loop) == 0 ? 0 : 1;
}

int main(int argc, char** argv) {
  options_t options = { .port = 2222 };
  uv_loop_t* loop = uv_default_loop();
  int status;

  setvbuf(stdout, NULL, _IOLBF, 0);          /* also into a pipe */
  status = parse_options(&options, argc, argv);
  if (status == 0)
    status = start(loop, &options);
  if (status == 0)
    status = run(loop);

  while (room.key_count > 0)
    uvssh_key_unref(room.keys[--room.key_count]);
  free(room.keys);
  return status;
}
