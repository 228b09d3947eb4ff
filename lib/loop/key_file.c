/* key_file.c: keys on disk. Blocks: libuv's file functions without a callback.
 *
 * A new key file is made complete beside its place and moved there, so that
 * neither a crash nor a second process finds half a key; it is never readable
 * by others, not even for a moment. */
#include "loop/loop.h"

#include <fcntl.h>
#include <stdio.h>

enum { FILE_MAX = 64 * 1024, PATH_MAX_BYTES = 4096 };

static int read_all(uv_file file, struct buf* text) {
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
    if (text->len > FILE_MAX)
      return UVSSH_EKEYFORMAT;
  } while (n > 0);
  return n;
}

static uv_file open_file(const char* path, int flags) {
  uv_fs_t req;
  int file = uv_fs_open(NULL, &req, path, flags, 0600, NULL);

  uv_fs_req_cleanup(&req);
  return file;
}

static int close_file(uv_file file) {
  uv_fs_t req;
  int err = uv_fs_close(NULL, &req, file, NULL);

  uv_fs_req_cleanup(&req);
  return err;
}

int uvssh_key_load(uvssh_key_t** key,
                   const char* path,
                   const char* passphrase) {
  struct buf text = { 0 };
  uv_file file;
  int err;

  if (key == NULL || path == NULL)
    return UV_EINVAL;
  text.secret = 1;
  file = open_file(path, UV_FS_O_RDONLY);
  if (file < 0)
    return file;
  err = read_all(file, &text);
  (void) close_file(file);
  if (err == 0)
    err = uvssh_key_parse(key, (const char*) text.base, text.len, passphrase);
  uvssh__buf_free(&text);
  return err;
}

static int write_all(uv_file file, const struct buf* text) {
  uv_fs_t req;
  uv_buf_t buf;
  size_t done = 0;
  int n;

  while (done < text->len) {
    buf = uv_buf_init((char*) text->base + done, (unsigned) (text->len - done));
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

static void remove_file(const char* path) {
  uv_fs_t req;

  (void) uv_fs_unlink(NULL, &req, path, NULL);
  uv_fs_req_cleanup(&req);
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

/* The name beside it is new each time: what a crash left is in nobody's way. */
static int save_text(const struct buf* text, const char* path) {
  char made[PATH_MAX_BYTES];
  unsigned chance;
  uv_file file;
  int err;
  int n;

  uvssh__random(&chance, sizeof(chance));
  n = snprintf(made, sizeof(made), "%s.%08x.new", path, chance);
  if (n < 0 || (size_t) n >= sizeof(made))
    return UV_ENAMETOOLONG;
  file = open_file(made, UV_FS_O_WRONLY | UV_FS_O_CREAT | UV_FS_O_EXCL);
  if (file < 0)
    return file;
  err = write_all(file, text);
  n = close_file(file);
  if (err == 0)
    err = n;
  if (err == 0)
    err = publish(made, path);
  remove_file(made);
  return err;
}

int uvssh_key_save(const uvssh_key_t* key,
                   const char* path,
                   const char* passphrase) {
  struct buf text = { 0 };
  int err;

  if (key == NULL || path == NULL || !uvssh_key_has_secret(key))
    return UV_EINVAL;
  if (passphrase != NULL)
    return UV_ENOTSUP;
  text.secret = 1;
  err = uvssh__key_write(key, "", &text);
  if (err == 0)
    err = save_text(&text, path);
  uvssh__buf_free(&text);
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
