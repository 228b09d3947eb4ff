/* term.c: the local terminal of exec.c: raw, without echo, and as it was.
 *
 * What is changed is put back on every way out that leaves a choice: the end of
 * main(), exit(), a crash, abort(), SIGQUIT, and ^Z, after which it is changed
 * again. SIGINT, SIGTERM and SIGHUP are exec.c's: it ends in order. POSIX only.
 *
 * The modes for a PTY request are RFC 4254 section 8 (IUTF8: RFC 8160). */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE               /* explicit_bzero, and IUCLC of termios.h */
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "term.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct {
  volatile sig_atomic_t fd;        /* whose modes are changed; -1: none */
  volatile sig_atomic_t raw;
  struct termios before;
  struct termios now;
  int flags[3];                    /* of descriptors 0 to 2: libuv makes them */
                                   /* non-blocking, for other programs too */
} term = { .fd = -1 };

static struct {
  uv_tty_t tty;
  term_cb cb;                      /* NULL: nobody is asked */
  int closing;
  size_t len;
  char line[1024];
  char prompt[1024];
} ask;

static struct {
  int signum;
  struct sigaction before;
} crashes[] = {
  { .signum = SIGABRT }, { .signum = SIGBUS }, { .signum = SIGFPE },
  { .signum = SIGILL }, { .signum = SIGQUIT }, { .signum = SIGSEGV }
};

/* ---- Changed, and as it was ---------------------------------------------- */

/* Also from the background, where it would stop us otherwise. The rest of a
 * password must not become a command of the shell behind us. */
int term_restore(void) {
  int saved = errno;
  int changed = term.fd >= 0;
  sigset_t ttou;
  sigset_t mask;

  if (changed) {
    sigemptyset(&ttou);
    sigaddset(&ttou, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &ttou, &mask);
    if (!term.raw)
      tcflush(term.fd, TCIFLUSH);
    tcsetattr(term.fd, TCSANOW, &term.before);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    term.fd = -1;
    term.raw = 0;
  }

  errno = saved;
  return changed;
}

static void at_exit(void) {
  int fd;

  term_restore();
  for (fd = 0; fd < 3; fd++)
    fcntl(fd, F_SETFL, term.flags[fd]);
}

static void handle(int signum, void (*handler)(int)) {
  struct sigaction action;

  memset(&action, 0, sizeof(action));
  action.sa_handler = handler;
  action.sa_flags = SA_NODEFER | SA_RESTART;   /* it raises it again */
  sigaction(signum, &action, NULL);
}

/* Whoever was there before us (a sanitizer) is next, or the default. */
static void on_crash(int signum) {
  size_t i;

  at_exit();
  for (i = 0; i < COUNT(crashes); i++)
    if (crashes[i].signum == signum)
      sigaction(signum, &crashes[i].before, NULL);
  raise(signum);
}

static void on_stop(int signum) {
  int saved = errno;
  int fd = term.fd;
  int raw = term.raw;

  term_restore();
  handle(signum, SIG_DFL);
  raise(signum);                   /* returns when we go on */
  handle(signum, on_stop);
  if (fd >= 0) {
    tcsetattr(fd, TCSADRAIN, &term.now);
    term.raw = raw;
    term.fd = fd;
    if (!raw && write(fd, ask.prompt, strlen(ask.prompt)) < 0)
      saved = errno;
  }
  errno = saved;
}

/* A signal that was ignored when we started stays so. */
static void handle_all(void) {
  static int done;
  struct sigaction before;
  size_t i;

  if (done)
    return;
  done = 1;
  for (i = 0; i < COUNT(crashes); i++)
    if (sigaction(crashes[i].signum, NULL, &crashes[i].before) == 0 &&
        crashes[i].before.sa_handler != SIG_IGN)
      handle(crashes[i].signum, on_crash);
  if (sigaction(SIGTSTP, NULL, &before) == 0 && before.sa_handler == SIG_DFL)
    handle(SIGTSTP, on_stop);
}

int term_begin(void) {
  int fd;

  do                               /* or the next socket becomes one of them */
    fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd < 3);
  if (fd < 0)
    return uv_translate_sys_error(errno);
  close(fd);

  for (fd = 0; fd < 3; fd++)
    term.flags[fd] = fcntl(fd, F_GETFL);
  atexit(at_exit);
  return 0;
}

/* From the modes that are there to those that change() makes of them. */
static int change(int fd, int when, void (*edit)(struct termios*)) {
  term_restore();
  if (tcgetattr(fd, &term.before) != 0)
    return uv_translate_sys_error(errno);

  handle_all();
  term.now = term.before;
  edit(&term.now);
  term.fd = fd;                    /* first: a signal may come in between */
  if (tcsetattr(fd, when, &term.now) == 0)
    return 0;
  term.fd = -1;
  return uv_translate_sys_error(errno);
}

static void without_echo(struct termios* modes) {
  modes->c_lflag &= ~(tcflag_t) (ECHO | ECHOE | ECHOK | ECHONL);
}

int term_raw(void) {
  int err = change(STDIN_FILENO, TCSADRAIN, cfmakeraw);

  term.raw = err == 0;
  return err;
}

/* ---- A password ---------------------------------------------------------- */

static void on_tty_close(uv_handle_t* handle) {
  ask.closing = 0;
}

void term_ask_stop(void) {
  if (ask.cb == NULL)
    return;
  ask.cb = NULL;
  ask.closing = 1;
  term_restore();
  uv_close((uv_handle_t*) &ask.tty, on_tty_close);
  explicit_bzero(ask.line, sizeof(ask.line));
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  *buf = uv_buf_init(ask.line + ask.len,
                     (unsigned) (sizeof(ask.line) - ask.len));
}

/* The terminal gives whole lines; one that does not fit is none. */
static void on_line(uv_stream_t* tty, ssize_t nread, const uv_buf_t* buf) {
  uv_buf_t end = uv_buf_init("\n", 1);
  term_cb cb = ask.cb;
  char line[sizeof(ask.line)];
  char* newline = NULL;

  if (nread > 0) {
    ask.len += (size_t) nread;
    newline = memchr(ask.line, '\n', ask.len);
    if (newline == NULL && ask.len < sizeof(ask.line))
      return;
  }
  if (nread == 0)
    return;

  if (newline != NULL) {
    *newline = '\0';
    memcpy(line, ask.line, sizeof(line));
  }
  uv_try_write(tty, &end, 1);      /* the user's own was not shown */
  term_ask_stop();
  cb(newline == NULL ? NULL : line);
  explicit_bzero(line, sizeof(line));
}

int term_ask(uv_loop_t* loop, const char* prompt, term_cb cb) {
  uv_os_fd_t own = -1;
  uv_buf_t buf;
  int fd;
  int err;

  if (ask.cb != NULL || ask.closing)
    return UV_EBUSY;
  fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0)
    return uv_translate_sys_error(errno);
  err = uv_tty_init(loop, &ask.tty, fd, 0);
  if (err != 0) {
    close(fd);
    return err;
  }
  uv_fileno((uv_handle_t*) &ask.tty, &own);
  if (own != fd)
    close(fd);                     /* libuv has opened it anew, for itself */

  ask.cb = cb;
  ask.len = 0;
  snprintf(ask.prompt, sizeof(ask.prompt), "%s", prompt);
  err = change(own, TCSAFLUSH, without_echo);    /* forgets what was typed */
  buf = uv_buf_init(ask.prompt, (unsigned) strlen(ask.prompt));
  if (err == 0 && (err = uv_try_write((uv_stream_t*) &ask.tty, &buf, 1)) >= 0)
    err = uv_read_start((uv_stream_t*) &ask.tty, on_alloc, on_line);
  if (err != 0)
    term_ask_stop();
  return err;
}

/* ---- What a PTY request says --------------------------------------------- */

typedef struct {
  uint8_t* to;
  size_t len;
} modes_t;

static void put(modes_t* modes, unsigned opcode, unsigned long value) {
  uint8_t* p = modes->to + modes->len;

  p[0] = (uint8_t) opcode;
  p[1] = (uint8_t) (value >> 24);
  p[2] = (uint8_t) (value >> 16);
  p[3] = (uint8_t) (value >> 8);
  p[4] = (uint8_t) value;
  modes->len += 5;
}

static void put_keys(modes_t* modes, const struct termios* t) {
  static const struct { uint8_t opcode; uint8_t index; } keys[] = {
    { 1, VINTR }, { 2, VQUIT }, { 3, VERASE }, { 4, VKILL }, { 5, VEOF },
    { 6, VEOL }, { 7, VEOL2 }, { 8, VSTART }, { 9, VSTOP }, { 10, VSUSP },
#ifdef VDSUSP
    { 11, VDSUSP },
#endif
    { 12, VREPRINT }, { 13, VWERASE }, { 14, VLNEXT },
#ifdef VSTATUS
    { 17, VSTATUS },
#endif
    { 18, VDISCARD }
  };
  cc_t key;
  size_t i;

  for (i = 0; i < COUNT(keys); i++) {
    key = t->c_cc[keys[i].index];
    put(modes, keys[i].opcode, key == (cc_t) _POSIX_VDISABLE ? 255 : key);
  }
}

static void put_flags(modes_t* modes, const struct termios* t) {
  const struct { uint8_t opcode; tcflag_t word, bit; } flags[] = {
    { 30, t->c_iflag, IGNPAR }, { 31, t->c_iflag, PARMRK },
    { 32, t->c_iflag, INPCK },  { 33, t->c_iflag, ISTRIP },
    { 34, t->c_iflag, INLCR },  { 35, t->c_iflag, IGNCR },
    { 36, t->c_iflag, ICRNL },
#ifdef IUCLC
    { 37, t->c_iflag, IUCLC },
#endif
    { 38, t->c_iflag, IXON },   { 39, t->c_iflag, IXANY },
    { 40, t->c_iflag, IXOFF },  { 41, t->c_iflag, IMAXBEL },
#ifdef IUTF8
    { 42, t->c_iflag, IUTF8 },
#endif
    { 50, t->c_lflag, ISIG },   { 51, t->c_lflag, ICANON },
    { 53, t->c_lflag, ECHO },   { 54, t->c_lflag, ECHOE },
    { 55, t->c_lflag, ECHOK },  { 56, t->c_lflag, ECHONL },
    { 57, t->c_lflag, NOFLSH }, { 58, t->c_lflag, TOSTOP },
    { 59, t->c_lflag, IEXTEN }, { 60, t->c_lflag, ECHOCTL },
    { 61, t->c_lflag, ECHOKE }, { 62, t->c_lflag, PENDIN },
    { 70, t->c_oflag, OPOST },  { 72, t->c_oflag, ONLCR },
    { 73, t->c_oflag, OCRNL },  { 74, t->c_oflag, ONOCR },
    { 75, t->c_oflag, ONLRET }, { 92, t->c_cflag, PARENB },
    { 93, t->c_cflag, PARODD }
  };
  size_t i;

  for (i = 0; i < COUNT(flags); i++)
    put(modes, flags[i].opcode, (flags[i].word & flags[i].bit) != 0);
  put(modes, 90, (t->c_cflag & CSIZE) == CS7);
  put(modes, 91, (t->c_cflag & CSIZE) == CS8);
}

static void put_speeds(modes_t* modes, const struct termios* t) {
  static const struct { speed_t code; unsigned baud; } speeds[] = {
    { B1200, 1200 },   { B2400, 2400 },   { B4800, 4800 },
    { B9600, 9600 },   { B19200, 19200 }, { B38400, 38400 },
    { B57600, 57600 }, { B115200, 115200 }
  };
  size_t i;

  for (i = 0; i < COUNT(speeds); i++) {
    if (speeds[i].code == cfgetispeed(t))
      put(modes, 128, speeds[i].baud);
    if (speeds[i].code == cfgetospeed(t))
      put(modes, 129, speeds[i].baud);
  }
}

void term_describe(uvssh_pty_t* pty) {
  static uint8_t bytes[512];       /* at most 5 for each mode */
  const char* name = getenv("TERM");
  modes_t modes = { bytes, 0 };
  struct termios now;
  struct winsize size;

  memset(pty, 0, sizeof(*pty));
  pty->term = name != NULL && *name != '\0' ? name : "dumb";
  if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
    pty->cols = size.ws_col;
    pty->rows = size.ws_row;
    pty->width_px = size.ws_xpixel;
    pty->height_px = size.ws_ypixel;
  }
  if (tcgetattr(STDIN_FILENO, &now) == 0) {
    put_keys(&modes, &now);
    put_flags(&modes, &now);
    put_speeds(&modes, &now);
  }
  bytes[modes.len++] = 0;          /* the end */
  pty->modes = bytes;
  pty->modes_len = modes.len;
}
