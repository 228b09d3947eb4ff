/* calls_uv.c: libuv's functions as lib/ calls them, through the linker's
 * --wrap. One that fails is not made, and leaves what libuv's own leaves when
 * it fails: a request of the file functions that can be cleaned up, a
 * descriptor that is closed, a connection that is taken. */
#include <uv.h>

#include "calls.h"

#define REAL(name) __real_##name
#define WRAP(name) __wrap_##name

/* Declared, defined; nothing is made when it fails. */
#define PLAIN(name, params, args)                                             \
  int REAL(name) params;                                                      \
  int WRAP(name) params;                                                      \
  int WRAP(name) params {                                                     \
    int err = calls_hit(CALL_##name);                                         \
    return err != 0 ? err : REAL(name) args;                                  \
  }

/* Made, and then it is said to have failed. */
#define LATE(name, params, args)                                              \
  int REAL(name) params;                                                      \
  int WRAP(name) params;                                                      \
  int WRAP(name) params {                                                     \
    int err = calls_hit(CALL_##name);                                         \
    int done = REAL(name) args;                                               \
    return err != 0 ? err : done;                                             \
  }

/* A function of files: req is the second. */
#define FILE_CALL(name, params, args)                                         \
  int REAL(name) params;                                                      \
  int WRAP(name) params;                                                      \
  int WRAP(name) params {                                                     \
    int err = calls_hit(CALL_##name);                                         \
    if (err == 0)                                                             \
      return REAL(name) args;                                                 \
    memset(req, 0, sizeof(*req));                                             \
    req->type = UV_FS;                                                        \
    req->result = err;                                                        \
    return err;                                                               \
  }

PLAIN(uv_async_init,
      (uv_loop_t* loop, uv_async_t* async, uv_async_cb cb),
      (loop, async, cb))
PLAIN(uv_cancel, (uv_req_t* req), (req))
PLAIN(uv_cond_init, (uv_cond_t* cond), (cond))
PLAIN(uv_fileno, (const uv_handle_t* handle, uv_os_fd_t* fd), (handle, fd))
PLAIN(uv_getaddrinfo,
      (uv_loop_t* loop,
       uv_getaddrinfo_t* req,
       uv_getaddrinfo_cb cb,
       const char* node,
       const char* service,
       const struct addrinfo* hints),
      (loop, req, cb, node, service, hints))
PLAIN(uv_listen,
      (uv_stream_t* stream, int backlog, uv_connection_cb cb),
      (stream, backlog, cb))
PLAIN(uv_loop_init, (uv_loop_t* loop), (loop))
PLAIN(uv_mutex_init, (uv_mutex_t* mutex), (mutex))
PLAIN(uv_os_homedir, (char* buffer, size_t* size), (buffer, size))
PLAIN(uv_pipe_open, (uv_pipe_t* pipe, uv_file file), (pipe, file))
PLAIN(uv_poll_start,
      (uv_poll_t* handle, int events, uv_poll_cb cb),
      (handle, events, cb))
PLAIN(uv_process_kill, (uv_process_t* process, int signum), (process, signum))
PLAIN(uv_queue_work,
      (uv_loop_t* loop,
       uv_work_t* req,
       uv_work_cb work_cb,
       uv_after_work_cb after_work_cb),
      (loop, req, work_cb, after_work_cb))
PLAIN(uv_read_start,
      (uv_stream_t* stream, uv_alloc_cb alloc_cb, uv_read_cb read_cb),
      (stream, alloc_cb, read_cb))
PLAIN(uv_spawn,
      (uv_loop_t* loop,
       uv_process_t* process,
       const uv_process_options_t* options),
      (loop, process, options))
PLAIN(uv_tcp_bind,
      (uv_tcp_t* tcp, const struct sockaddr* address, unsigned flags),
      (tcp, address, flags))
PLAIN(uv_tcp_connect,
      (uv_connect_t* req,
       uv_tcp_t* tcp,
       const struct sockaddr* address,
       uv_connect_cb cb),
      (req, tcp, address, cb))
PLAIN(uv_tcp_getpeername,
      (const uv_tcp_t* tcp, struct sockaddr* name, int* len),
      (tcp, name, len))
PLAIN(uv_tcp_getsockname,
      (const uv_tcp_t* tcp, struct sockaddr* name, int* len),
      (tcp, name, len))
PLAIN(uv_tcp_init, (uv_loop_t* loop, uv_tcp_t* tcp), (loop, tcp))
PLAIN(uv_tcp_init_ex,
      (uv_loop_t* loop, uv_tcp_t* tcp, unsigned flags),
      (loop, tcp, flags))
PLAIN(uv_tcp_nodelay, (uv_tcp_t* tcp, int on), (tcp, on))
PLAIN(uv_tcp_open, (uv_tcp_t* tcp, uv_os_sock_t socket), (tcp, socket))
PLAIN(uv_thread_create,
      (uv_thread_t* thread, uv_thread_cb entry, void* arg),
      (thread, entry, arg))

LATE(uv_accept, (uv_stream_t* server, uv_stream_t* client), (server, client))

FILE_CALL(uv_fs_fstat,
          (uv_loop_t* loop, uv_fs_t* req, uv_file file, uv_fs_cb cb),
          (loop, req, file, cb))
FILE_CALL(uv_fs_fsync,
          (uv_loop_t* loop, uv_fs_t* req, uv_file file, uv_fs_cb cb),
          (loop, req, file, cb))
FILE_CALL(uv_fs_ftruncate,
          (uv_loop_t* loop,
           uv_fs_t* req,
           uv_file file,
           int64_t offset,
           uv_fs_cb cb),
          (loop, req, file, offset, cb))
FILE_CALL(uv_fs_link,
          (uv_loop_t* loop,
           uv_fs_t* req,
           const char* path,
           const char* to,
           uv_fs_cb cb),
          (loop, req, path, to, cb))
FILE_CALL(uv_fs_open,
          (uv_loop_t* loop,
           uv_fs_t* req,
           const char* path,
           int flags,
           int mode,
           uv_fs_cb cb),
          (loop, req, path, flags, mode, cb))
FILE_CALL(uv_fs_read,
          (uv_loop_t* loop,
           uv_fs_t* req,
           uv_file file,
           const uv_buf_t bufs[],
           unsigned nbufs,
           int64_t offset,
           uv_fs_cb cb),
          (loop, req, file, bufs, nbufs, offset, cb))
FILE_CALL(uv_fs_rename,
          (uv_loop_t* loop,
           uv_fs_t* req,
           const char* path,
           const char* to,
           uv_fs_cb cb),
          (loop, req, path, to, cb))
FILE_CALL(uv_fs_stat,
          (uv_loop_t* loop, uv_fs_t* req, const char* path, uv_fs_cb cb),
          (loop, req, path, cb))
FILE_CALL(uv_fs_unlink,
          (uv_loop_t* loop, uv_fs_t* req, const char* path, uv_fs_cb cb),
          (loop, req, path, cb))
FILE_CALL(uv_fs_write,
          (uv_loop_t* loop,
           uv_fs_t* req,
           uv_file file,
           const uv_buf_t bufs[],
           unsigned nbufs,
           int64_t offset,
           uv_fs_cb cb),
          (loop, req, file, bufs, nbufs, offset, cb))

/* The descriptor is gone either way. */
int REAL(uv_fs_close)(uv_loop_t* loop, uv_fs_t* req, uv_file file, uv_fs_cb cb);
int WRAP(uv_fs_close)(uv_loop_t* loop, uv_fs_t* req, uv_file file, uv_fs_cb cb);
int WRAP(uv_fs_close)(uv_loop_t* loop,
                      uv_fs_t* req,
                      uv_file file,
                      uv_fs_cb cb) {
  int err = calls_hit(CALL_uv_fs_close);
  int done = REAL(uv_fs_close)(loop, req, file, cb);

  return err != 0 ? err : done;
}

int REAL(uv_poll_init)(uv_loop_t* loop, uv_poll_t* handle, int fd);
int WRAP(uv_poll_init)(uv_loop_t* loop, uv_poll_t* handle, int fd);
int WRAP(uv_poll_init)(uv_loop_t* loop, uv_poll_t* handle, int fd) {
  int err = calls_hit(CALL_uv_poll_init);

  if (err != 0)
    return err;
  calls_ask_epoll(1);
  err = REAL(uv_poll_init)(loop, handle, fd);
  calls_ask_epoll(0);
  return err;
}

int REAL(uv_pipe)(uv_file fds[2], int read_flags, int write_flags);
int WRAP(uv_pipe)(uv_file fds[2], int read_flags, int write_flags);
int WRAP(uv_pipe)(uv_file fds[2], int read_flags, int write_flags) {
  int err = calls_hit(CALL_uv_pipe);

  if (err == 0)
    err = REAL(uv_pipe)(fds, read_flags, write_flags);
  if (err == 0) {
    calls_own_pipe(fds[0]);
    calls_own_pipe(fds[1]);
  }
  return err;
}
