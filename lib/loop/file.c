/* file.c: a file, whole. Blocks: libuv's file functions without a callback. */
#include "loop/loop.h"

#include <stdio.h>

enum { PATH_MAX_BYTES = 4096 };

int uvssh__file_open(const char* path, int flags) {
  uv_fs_t req;
  int file = uv_fs_open(NULL, &req, path, flags, 0600, NULL);

  uv_fs_req_cleanup(&req);
  return file;
}

int uvssh__file_close(int file) {
  uv_fs_t req;
  int err = uv_fs_close(NULL, &req, file, NULL);

  uv_fs_req_cleanup(&req);
  return err;
}

int uvssh__file_read(int file, struct buf* text, size_t max) {
  uv_fs_t req;
  uv_buf_t buf;
  int n;

  do {
    if (uvssh__buf_reserve(text, 4096) == NULL)
      return UV_ENOMEM;
    buf = uv_buf_init((char*) text->base + text->len, 4096);
    n = uv_fs_read(NULL, &req, file, &buf, 1, -1, NULL);
    uv_fs_req_cleanup(&req);
    if (n > 0)
      text->len += (size_t) n;
    if (text->len > max)
      return UV_EFBIG;
  } while (n > 0 || n == UV_EINTR);  /* libuv asks again for all but reads */
  return n;
}

int uvssh__file_write(int file, str_t text) {
  uv_fs_t req;
  uv_buf_t buf;
  size_t done = 0;
  int n;

  while (done < text.len) {
    buf = uv_buf_init((char*) (uintptr_t) text.base + done,
                      (unsigned) (text.len - done));
    n = uv_fs_write(NULL, &req, file, &buf, 1, -1, NULL);
    uv_fs_req_cleanup(&req);
    if (n < 0)
      return n;
    done += (size_t) n;
  }
  n = uv_fs_fsync(NULL, &req, file, NULL);
  uv_fs_req_cleanup(&req);
  return n;
}

/* The name beside it is new each time: what a crash left is in nobody's way. */
int uvssh__file_make(const char* path,
                     str_t text,
                     int (*publish)(const char* made, const char* path)) {
  char made[PATH_MAX_BYTES];
  unsigned chance;
  uv_fs_t req;
  int file;
  int err;
  int n;

  uvssh__random(&chance, sizeof(chance));
  n = snprintf(made, sizeof(made), "%s.%08x.new", path, chance);
  if (n < 0 || (size_t) n >= sizeof(made))
    return UV_ENAMETOOLONG;
  file = uvssh__file_open(made,
                          UV_FS_O_WRONLY | UV_FS_O_CREAT | UV_FS_O_EXCL);
  if (file < 0)
    return file;
  err = uvssh__file_write(file, text);
  n = uvssh__file_close(file);
  if (err == 0)
    err = n;
  if (err == 0)
    err = publish(made, path);
  (void) uv_fs_unlink(NULL, &req, made, NULL);
  uv_fs_req_cleanup(&req);
  return err;
}
