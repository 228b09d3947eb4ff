/* calls_system.c: system calls, as lib/ makes them and as libuv makes them on
 * its behalf: the program has functions of their names, which the dynamic
 * linker finds first. Each asks whether it has to fail, and hands on to the
 * next one of its name.
 *
 * Under other names in C, so that no declaration of the C library is in the
 * way. */
#define _GNU_SOURCE                /* RTLD_NEXT */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calls.h"

typedef int (*any_function)(void);

static any_function find(const char* name, any_function* found) {
  if (*found == NULL)
    *(void**) (void*) found = dlsym(RTLD_NEXT, name);
  return *found;
}

/* The next function of this name, as what type it has. */
#define NEXT(name, type)                                                      \
  ((type) (void*) find(#name, &(next_##name)))

/* Its type, its name in the program, what it hands on. */
#define CATCH(name, params, args)                                             \
  static any_function next_##name;                                            \
  int caught_##name params __asm__(#name);                                    \
  int caught_##name params {                                                  \
    int error = calls_hit(CALL_##name);                                       \
    int n;                                                                    \
    if (error != 0) {                                                         \
      errno = error;                                                          \
      return -1;                                                              \
    }                                                                         \
    n = NEXT(name, int (*) params) args;                                      \
    if (n >= 0 && CALL_##name == CALL_accept4)                                \
      calls_moved();                                                          \
    return n;                                                                 \
  }

CATCH(accept4,
      (int fd, void* name, void* len, int flags),
      (fd, name, len, flags))
CATCH(bind, (int fd, const void* name, socklen_t len), (fd, name, len))
CATCH(connect, (int fd, const void* name, socklen_t len), (fd, name, len))
CATCH(epoll_wait,
      (int epoll, struct epoll_event* events, int count, int ms),
      (epoll, events, count, ms))
CATCH(epoll_pwait,
      (int epoll,
       struct epoll_event* events,
       int count,
       int ms,
       const void* mask),
      (epoll, events, count, ms, mask))
CATCH(fork, (void), ())
CATCH(getpeername, (int fd, void* name, void* len), (fd, name, len))
CATCH(getsockname, (int fd, void* name, void* len), (fd, name, len))
CATCH(listen, (int fd, int backlog), (fd, backlog))
CATCH(pipe2, (int fds[2], int flags), (fds, flags))
CATCH(socket, (int domain, int type, int protocol), (domain, type, protocol))

static any_function next_epoll_ctl;
int caught_epoll_ctl(int epoll,
                     int op,
                     int fd,
                     struct epoll_event* event) __asm__("epoll_ctl");
int caught_epoll_ctl(int epoll, int op, int fd, struct epoll_event* event) {
  int error = op == EPOLL_CTL_ADD ? calls_hit(CALL_epoll_ctl) : 0;

  if (error == 0)
    return NEXT(epoll_ctl, int (*)(int, int, int, struct epoll_event*))(
        epoll, op, fd, event);
  errno = error;
  return -1;
}

static any_function next_setsockopt;
int caught_setsockopt(int fd,
                      int level,
                      int option,
                      const void* value,
                      socklen_t len) __asm__("setsockopt");
int caught_setsockopt(int fd,
                      int level,
                      int option,
                      const void* value,
                      socklen_t len) {
  int shares = level == SOL_SOCKET && option == SO_REUSEPORT;
  int error = shares && !calls_shares() ? ENOPROTOOPT
                                        : calls_hit(CALL_setsockopt);

  if (error == 0)
    return NEXT(setsockopt, int (*)(int, int, int, const void*, socklen_t))(
        fd, level, option, value, len);
  errno = error;
  return -1;
}

/* ---- bytes --------------------------------------------------------------- */

/* libuv's own wake-ups and signals it must be able to read and write, or it
 * aborts: of pipes only those below are asked about. */
static int carries_bytes(int fd) {
  struct stat st;

  return calls_armed() && fstat(fd, &st) == 0 &&
         (S_ISSOCK(st.st_mode) || S_ISREG(st.st_mode) ||
          (S_ISFIFO(st.st_mode) && calls_owns_pipe(fd)));
}

/* 1: *result is the answer. */
static int fails(enum call call, int fd, size_t* len, ssize_t* result) {
  int error = carries_bytes(fd) ? calls_hit(call) : 0;

  *result = -1;
  if (error == SHORT_RESULT) {
    *len = *len > 1 ? *len / 2 : *len;
    return 0;
  }
  errno = error;
  return error != 0;
}

static ssize_t moved(ssize_t n) {
  if (n > 0)
    calls_moved();
  return n;
}

static any_function next_read;
ssize_t caught_read(int fd, void* base, size_t len) __asm__("read");
ssize_t caught_read(int fd, void* base, size_t len) {
  int before = errno;
  ssize_t n;

  if (fails(CALL_read, fd, &len, &n))
    return n;
  errno = before;
  return moved(NEXT(read, ssize_t (*)(int, void*, size_t))(fd, base, len));
}

static any_function next_write;
ssize_t caught_write(int fd, const void* base, size_t len) __asm__("write");
ssize_t caught_write(int fd, const void* base, size_t len) {
  int before = errno;
  ssize_t n;

  if (fails(CALL_write, fd, &len, &n))
    return n;
  errno = before;
  return moved(NEXT(write, ssize_t (*)(int, const void*, size_t))(fd, base,
                                                                  len));
}

static any_function next_send;
ssize_t caught_send(int fd,
                    const void* base,
                    size_t len,
                    int flags) __asm__("send");
ssize_t caught_send(int fd, const void* base, size_t len, int flags) {
  ssize_t n;

  if (calls_crowded()) {
    errno = EAGAIN;
    return -1;
  }
  if (calls_armed() && fails(CALL_send, fd, &len, &n))
    return n;
  return moved(NEXT(send, ssize_t (*)(int, const void*, size_t, int))(
      fd, base, len, flags));
}

/* ---- descriptors --------------------------------------------------------- */

/* Closed all the same: so it is where close() is interrupted. */
static any_function next_close;
int caught_close(int fd) __asm__("close");
int caught_close(int fd) {
  int error = calls_hit(CALL_close);
  int n = NEXT(close, int (*)(int))(fd);

  if (error == 0)
    return n;
  errno = error;
  return -1;
}

/* Only what gives a new descriptor. */
static int controls(const char* name,
                    any_function* next,
                    int fd,
                    int command,
                    void* arg) {
  int error = command == F_DUPFD_CLOEXEC ? calls_hit(CALL_fcntl) : 0;

  if (error == 0)
    return ((int (*)(int, int, void*)) (void*) find(name, next))(fd, command,
                                                                 arg);
  errno = error;
  return -1;
}

#define CATCH_FCNTL(name)                                                     \
  static any_function next_##name;                                            \
  int caught_##name(int fd, int command, ...) __asm__(#name);                 \
  int caught_##name(int fd, int command, ...) {                               \
    va_list more;                                                             \
    void* arg;                                                                \
    va_start(more, command);                                                  \
    arg = va_arg(more, void*);                                                \
    va_end(more);                                                             \
    return controls(#name, &next_##name, fd, command, arg);                   \
  }

CATCH_FCNTL(fcntl)
CATCH_FCNTL(fcntl64)

static any_function next_ioctl;
int caught_ioctl(int fd, unsigned long request, ...) __asm__("ioctl");
int caught_ioctl(int fd, unsigned long request, ...) {
  int error = request == FIONBIO || request == FIONREAD ? calls_hit(CALL_ioctl)
                                                        : 0;
  va_list more;
  void* arg;

  va_start(more, request);
  arg = va_arg(more, void*);
  va_end(more);
  if (error == 0)
    return NEXT(ioctl, int (*)(int, unsigned long, ...))(fd, request, arg);
  errno = error;
  return -1;
}

static int opens(const char* name,
                 any_function* next,
                 const char* path,
                 int flags,
                 mode_t mode) {
  int error = calls_hit(CALL_open);

  if (error == 0)
    return ((int (*)(const char*, int, ...)) (void*) find(name, next))(
        path, flags, mode);
  errno = error;
  return -1;
}

#define CATCH_OPEN(name)                                                      \
  static any_function next_##name;                                            \
  int caught_##name(const char* path, int flags, ...) __asm__(#name);         \
  int caught_##name(const char* path, int flags, ...) {                       \
    va_list more;                                                             \
    mode_t mode;                                                              \
    va_start(more, flags);                                                    \
    mode = va_arg(more, mode_t);                                              \
    va_end(more);                                                             \
    return opens(#name, &next_##name, path, flags, mode);                     \
  }

CATCH_OPEN(open)
CATCH_OPEN(open64)

/* ---- names --------------------------------------------------------------- */

/* No resolver is asked: CALLS_HOST is 127.0.0.2, where nobody listens, and
 * then 127.0.0.1. */
static any_function next_getaddrinfo;
int caught_getaddrinfo(const char* node,
                       const char* service,
                       const struct addrinfo* hints,
                       struct addrinfo** found) __asm__("getaddrinfo");
int caught_getaddrinfo(const char* node,
                       const char* service,
                       const struct addrinfo* hints,
                       struct addrinfo** found) {
  typedef int (*type)(const char*, const char*, const struct addrinfo*,
                      struct addrinfo**);
  int error = calls_hit(CALL_getaddrinfo);
  struct addrinfo* first;

  if (error != 0)
    return error;
  if (strcmp(node, CALLS_HOST) != 0)
    return NEXT(getaddrinfo, type)(node, service, hints, found);
  error = NEXT(getaddrinfo, type)("127.0.0.2", service, hints, &first);
  if (error != 0)
    return error;
  error = NEXT(getaddrinfo, type)("127.0.0.1", service, hints,
                                  &first->ai_next);
  *found = first;
  return error;
}
