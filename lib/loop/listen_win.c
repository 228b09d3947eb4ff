/* listen_win.c: on Windows a socket belongs to one loop, by its completion
 * port, and SO_REUSEADDR spreads nothing: several loops do not listen on one
 * address. */
#include "loop/loop.h"

int uvssh__socket_share(const uv_tcp_t* tcp) {
  (void) tcp;
  return UV_ENOTSUP;
}

int uvssh__socket_copy(const uv_handle_t* handle, uv_os_sock_t* copy) {
  (void) handle;
  (void) copy;
  return UV_ENOTSUP;
}

int uvssh__socket_open(uv_tcp_t* tcp, uv_os_sock_t socket) {
  (void) tcp;
  (void) socket;
  return UV_ENOTSUP;
}

void uvssh__socket_close(uv_os_sock_t socket) {
  (void) socket;
}
