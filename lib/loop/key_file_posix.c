/* key_file_posix.c: as ssh does: a private key that others can read is none. */
#include "loop/loop.h"

int uvssh__key_file_check(const char* path) {
  uv_fs_t req;
  int err = uv_fs_stat(NULL, &req, path, NULL);

  if (err == 0 && (req.statbuf.st_mode & 077) != 0)
    err = UV_EPERM;
  uv_fs_req_cleanup(&req);
  return err;
}
