/* command_win.c: "cmd.exe /d /s /c", which takes the rest of its line as it is,
 * between the first and the last quote. */
#include "loop/loop.h"

#include <stdio.h>

static int run_shell(char* file,
                     char* line,
                     uv_loop_t* loop,
                     uv_process_t* process,
                     uv_stdio_container_t stdio[3],
                     uv_exit_cb cb) {
  char* args[] = { file, (char*) (uintptr_t) "/d", (char*) (uintptr_t) "/s",
                   (char*) (uintptr_t) "/c", line, NULL };
  uv_process_options_t options;

  memset(&options, 0, sizeof(options));
  options.file = file;
  options.args = args;
  options.exit_cb = cb;
  options.stdio = stdio;
  options.stdio_count = 3;
  options.flags = UV_PROCESS_WINDOWS_VERBATIM_ARGUMENTS |
                  UV_PROCESS_WINDOWS_HIDE;
  return uv_spawn(loop, process, &options);
}

/* COMSPEC: a bare name would be looked for in the current folder first. */
int uvssh__command_spawn(const char* command,
                         uv_loop_t* loop,
                         uv_process_t* process,
                         uv_pipe_t* in,
                         uv_pipe_t* out,
                         uv_exit_cb cb) {
  static const char format[] = "\"%s\"";
  size_t room = sizeof(format) + strlen(command);
  uv_stdio_container_t stdio[3];
  char file[512];
  size_t file_room = sizeof(file);
  char* line;
  int err = uv_os_getenv("COMSPEC", file, &file_room);

  if (err != 0)
    return err;
  line = (char*) uvssh__malloc(room);
  if (line == NULL)
    return UV_ENOMEM;
  snprintf(line, room, format, command);
  stdio[0].flags = (uv_stdio_flags) (UV_CREATE_PIPE | UV_READABLE_PIPE);
  stdio[0].data.stream = (uv_stream_t*) out;
  stdio[1].flags = (uv_stdio_flags) (UV_CREATE_PIPE | UV_WRITABLE_PIPE);
  stdio[1].data.stream = (uv_stream_t*) in;
  stdio[2].flags = UV_INHERIT_FD;
  stdio[2].data.fd = 2;
  err = run_shell(file, line, loop, process, stdio, cb);
  uvssh__free(line);
  return err;
}

/* Not told here: the end of its output is the end. */
int uvssh__command_holds(const uv_stream_t* in) {
  return 1;
}
