/* listen_posix.c: one address for several loops.
 *
 * Good way: each has a socket of its own, and the kernel chooses one for each
 * connection, by a hash of both addresses and ports. FreeBSD has an option for
 * that; what SO_REUSEPORT means without a word about balance (macOS, the other
 * BSDs) is that the last one gets all, so there it is UV_ENOTSUP.
 * Otherwise: one socket with a descriptor in each loop. Whoever looks first
 * takes what waits. */
#include "loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(SO_REUSEPORT_LB)
enum { SHARE = SO_REUSEPORT_LB };
#elif defined(SO_REUSEPORT) && (defined(__linux__) || defined(__DragonFly__))
enum { SHARE = SO_REUSEPORT };
#else
enum { SHARE = 0 };                /* there is none */
#endif

int uvssh__socket_share(const uv_tcp_t* tcp) {
  uv_os_fd_t fd;
  int on = 1;
  int err = SHARE == 0 ? UV_ENOTSUP : uv_fileno((const uv_handle_t*) tcp, &fd);

  if (err != 0)
    return err;
  if (setsockopt(fd, SOL_SOCKET, SHARE, &on, sizeof(on)) == 0)
    return 0;
  return errno == ENOPROTOOPT ? UV_ENOTSUP : uv_translate_sys_error(errno);
}

int uvssh__socket_copy(const uv_handle_t* handle, uv_os_sock_t* copy) {
  uv_os_fd_t fd;
  int err = uv_fileno(handle, &fd);

  if (err != 0)
    return err;
  *copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return *copy < 0 ? uv_translate_sys_error(errno) : 0;
}

int uvssh__socket_open(uv_tcp_t* tcp, uv_os_sock_t socket) {
  int fd = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  int err = fd < 0 ? uv_translate_sys_error(errno) : uv_tcp_open(tcp, fd);

  if (err != 0 && fd >= 0)
    close(fd);
  return err;
}

void uvssh__socket_close(uv_os_sock_t socket) {
  close(socket);
}
