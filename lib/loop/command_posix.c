/* command_posix.c: "/bin/sh -c", with exec as OpenSSH has it, so that signals
 * reach the command and no shell waits behind it.
 *
 * Two real pipes, not libuv's pair of sockets: a process that goes and has not
 * read all is then the end (EOF), as it is for OpenSSH, and no ECONNRESET; and
 * it may open /dev/stdin. */
#include "loop/loop.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int run_shell(char* line,
                     uv_loop_t* loop,
                     uv_process_t* process,
                     const uv_file ends[2],
                     uv_exit_cb cb) {
  char* args[] = { (char*) (uintptr_t) "sh", (char*) (uintptr_t) "-c", line,
                   NULL };
  uv_process_options_t options;
  uv_stdio_container_t stdio[3];

  memset(&options, 0, sizeof(options));
  options.file = "/bin/sh";
  options.args = args;
  options.exit_cb = cb;
  options.stdio = stdio;
  options.stdio_count = 3;
  stdio[0].flags = stdio[1].flags = stdio[2].flags = UV_INHERIT_FD;
  stdio[0].data.fd = ends[0];
  stdio[1].data.fd = ends[1];
  stdio[2].data.fd = 2;
  return uv_spawn(loop, process, &options);
}

static void close_pair(const uv_file pair[2], int err) {
  if (err != 0)
    return;
  close(pair[0]);
  close(pair[1]);
}

/* Its ends: those of the process. */
static int open_pipes(uv_pipe_t* in, uv_pipe_t* out, uv_file ends[2]) {
  uv_file to[2];
  uv_file from[2];
  int no_to = uv_pipe(to, 0, UV_NONBLOCK_PIPE);
  int no_from = uv_pipe(from, UV_NONBLOCK_PIPE, 0);
  int err = no_to != 0 ? no_to : no_from;

  if (err == 0)
    err = uv_pipe_open(out, to[1]);
  if (err != 0) {
    close_pair(to, no_to);
    close_pair(from, no_from);
    return err;
  }
  err = uv_pipe_open(in, from[0]);
  if (err != 0) {
    close(to[0]);                  /* the other is out's now */
    close_pair(from, 0);
    return err;
  }
  ends[0] = to[0];
  ends[1] = from[1];
  return 0;
}

int uvssh__command_spawn(const char* command,
                         uv_loop_t* loop,
                         uv_process_t* process,
                         uv_pipe_t* in,
                         uv_pipe_t* out,
                         uv_exit_cb cb) {
  static const char format[] = "exec %s";
  size_t room = sizeof(format) + strlen(command);
  char* line = (char*) uvssh__malloc(room);
  uv_file ends[2];
  int err = line == NULL ? UV_ENOMEM : open_pipes(in, out, ends);

  if (err == 0) {
    snprintf(line, room, format, command);
    err = run_shell(line, loop, process, ends, cb);
    close_pair(ends, 0);
  }
  uvssh__free(line);
  return err;
}

int uvssh__command_holds(const uv_stream_t* in) {
  uv_os_fd_t fd;
  int bytes = 0;

  return uv_fileno((const uv_handle_t*) in, &fd) == 0 &&
         ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0;
}
