/* key_file.c: keys on disk. Blocks.
 *
 * A new key file is made complete beside its place and moved there, so that
 * neither a crash nor a second process finds half a key; it is never readable
 * by others, not even for a moment. */
#include "loop/loop.h"

enum { FILE_MAX = 64 * 1024 };

int uvssh_key_load(uvssh_key_t** key,
                   const char* path,
                   const char* passphrase) {
  struct buf text = { 0 };
  int file;
  int err;

  if (key == NULL || path == NULL)
    return UV_EINVAL;
  text.secret = 1;
  file = uvssh__file_open(path, UV_FS_O_RDONLY);
  if (file < 0)
    return file;
  err = uvssh__file_read(file, &text, FILE_MAX);
  (void) uvssh__file_close(file);
  if (err == UV_EFBIG)
    err = UVSSH_EKEYFORMAT;
  if (err == 0)
    err = uvssh_key_parse(key, (const char*) text.base, text.len, passphrase);
  uvssh__buf_free(&text);
  uvssh__wipe_stack();
  return err;
}

/* link() fails where the name is taken: no race with another process. Where a
 * file system has no links, a look before the move has to do. */
static int publish(const char* made, const char* path) {
  uv_fs_t req;
  int err = uv_fs_link(NULL, &req, made, path, NULL);

  uv_fs_req_cleanup(&req);
  if (err != UV_EPERM && err != UV_ENOTSUP && err != UV_ENOSYS)
    return err;
  err = uv_fs_stat(NULL, &req, path, NULL);
  uv_fs_req_cleanup(&req);
  if (err != UV_ENOENT)
    return err == 0 ? UV_EEXIST : err;
  err = uv_fs_rename(NULL, &req, made, path, NULL);
  uv_fs_req_cleanup(&req);
  return err;
}

int uvssh_key_save(const uvssh_key_t* key,
                   const char* path,
                   const char* passphrase) {
  struct buf text = { 0 };
  int err;

  if (key != NULL && key_is_external(key))
    return UV_ENOTSUP;
  if (key == NULL || path == NULL || !uvssh_key_has_secret(key))
    return UV_EINVAL;
  if (passphrase != NULL)
    return UV_ENOTSUP;
  text.secret = 1;
  err = uvssh__key_write(key, "", &text);
  if (err == 0)
    err = uvssh__file_make(path, str_of_buf(&text), publish);
  uvssh__buf_free(&text);
  uvssh__wipe_stack();
  return err;
}

static int load_private(uvssh_key_t** key, const char* path) {
  int err = uvssh_key_load(key, path, NULL);

  if (err != 0)
    return err;
  err = uvssh__key_file_check(path);
  if (err != 0) {
    uvssh_key_unref(*key);
    *key = NULL;
  }
  return err;
}

/* Somebody else may make one meanwhile: then it is his. */
static int make_private(uvssh_key_t** key, const char* path) {
  int err = uvssh_key_generate(key, UVSSH_KEY_ED25519, 0);

  if (err == 0)
    err = uvssh_key_save(*key, path, NULL);
  if (err != UV_EEXIST)
    return err;
  uvssh_key_unref(*key);
  *key = NULL;
  return load_private(key, path);
}

int uvssh_server_add_key_file(uvssh_server_t* server, const char* path) {
  uvssh_key_t* key = NULL;
  int err;

  if (uvssh__server_of(server) == NULL)
    return UV_ENOTCONN;
  err = path == NULL ? UV_EINVAL : load_private(&key, path);
  if (err == UV_ENOENT)
    err = make_private(&key, path);
  if (err == 0)
    err = uvssh_server_add_key(server, key);
  uvssh_key_unref(key);
  return err;
}
