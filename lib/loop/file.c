/* file.c: a file, whole. Blocks: libuv's file functions without a callback. */
#include "loop/loop.h"

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
