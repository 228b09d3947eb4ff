/* known_hosts_file.c: known_hosts on disk. Blocks.
 *
 * A line is added with one write to the end of the file, so that two programs
 * that add at once both have theirs; behind a last line without an end it
 * begins with one. What could not be written whole is taken away again. */
#include "loop/loop.h"

#include <stdio.h>

enum { FILE_MAX = 4 * 1024 * 1024, PATH_MAX_BYTES = 4096 };

struct uvssh_known_hosts_s {
  char* path;
  struct buf text;                 /* the file's; at most FILE_MAX, and what */
                                   /* was added */
};

static int default_path(char path[PATH_MAX_BYTES]) {
  static const char name[] = "/.ssh/known_hosts";
  size_t len = PATH_MAX_BYTES - sizeof(name);
  int err = uv_os_homedir(path, &len);

  if (err == 0)
    memcpy(path + len, name, sizeof(name));
  return err;
}

static int read_text(const char* path, struct buf* text) {
  int file = uvssh__file_open(path, UV_FS_O_RDONLY);
  int err;

  if (file == UV_ENOENT)
    return 0;
  if (file < 0)
    return file;
  err = uvssh__file_read(file, text, FILE_MAX);
  (void) uvssh__file_close(file);
  return err;
}

int uvssh_known_hosts_load(uvssh_known_hosts_t** hosts, const char* path) {
  uvssh_known_hosts_t* made;
  char standard[PATH_MAX_BYTES];
  int err = uvssh__crypto_init();

  if (hosts == NULL)
    return UV_EINVAL;
  if (err == 0 && path == NULL) {
    err = default_path(standard);
    path = standard;
  }
  if (err != 0)
    return err;
  made = (uvssh_known_hosts_t*) uvssh__calloc(1, sizeof(*made));
  if (made == NULL)
    return UV_ENOMEM;
  made->path = uvssh__strndup(path, strlen(path));
  err = made->path == NULL ? UV_ENOMEM : read_text(path, &made->text);
  if (err != 0) {
    uvssh_known_hosts_free(made);
    return err;
  }
  *hosts = made;
  return 0;
}

uvssh_host_verdict uvssh_known_hosts_check(const uvssh_known_hosts_t* hosts,
                                           const char* host,
                                           int port,
                                           const uvssh_key_t* key,
                                           unsigned* line) {
  uvssh_host_verdict verdict = UVSSH_HOST_UNKNOWN;
  unsigned number = 0;

  if (hosts != NULL && host != NULL && key != NULL)
    verdict = uvssh__known_hosts_check(str_of_buf(&hosts->text), host, port,
                                       key, &number);
  if (line != NULL)
    *line = number;
  return verdict;
}

int uvssh__known_hosts_prefer(const uvssh_known_hosts_t* hosts,
                              const char* host,
                              int port,
                              const char** list) {
  struct buf names = { 0 };
  int err = uvssh__known_hosts_order(str_of_buf(&hosts->text), host, port,
                                     &names);

  if (err == 0) {
    *list = uvssh__strndup(names.base, names.len);
    err = *list == NULL ? UV_ENOMEM : 0;
  }
  uvssh__buf_free(&names);
  return err;
}

/* ---- adding -------------------------------------------------------------- */

static int size_of(int file, uint64_t* size) {
  uv_fs_t req;
  int err = uv_fs_fstat(NULL, &req, file, NULL);

  *size = err == 0 ? req.statbuf.st_size : 0;
  uv_fs_req_cleanup(&req);
  return err;
}

/* 1 when the file's last line has no end; or a code. */
static int is_open_ended(int file, uint64_t size) {
  uv_fs_t req;
  char last = '\n';
  uv_buf_t buf = uv_buf_init(&last, 1);
  int n;

  if (size == 0)
    return 0;
  n = uv_fs_read(NULL, &req, file, &buf, 1, (int64_t) size - 1, NULL);
  uv_fs_req_cleanup(&req);
  return n < 0 ? n : last != '\n';
}

/* Only where nobody has added behind it meanwhile. */
static void take_away(int file, uint64_t size, size_t at_most) {
  uv_fs_t req;
  uint64_t now;

  if (size_of(file, &now) != 0 || now <= size || now - size > at_most)
    return;
  (void) uv_fs_ftruncate(NULL, &req, file, (int64_t) size, NULL);
  uv_fs_req_cleanup(&req);
}

/* line: begins with a line end, which is written where one is missing. */
static int append(const char* path, str_t line) {
  int file = uvssh__file_open(path,
                              UV_FS_O_RDWR | UV_FS_O_APPEND | UV_FS_O_CREAT);
  uint64_t size;
  int err;

  if (file < 0)
    return file;
  err = size_of(file, &size);
  if (err == 0)
    err = is_open_ended(file, size);
  if (err == 0) {
    line.base++;
    line.len--;
  }
  if (err >= 0)
    err = uvssh__file_write(file, line);
  if (err < 0)
    take_away(file, size, line.len);
  (void) uvssh__file_close(file);  /* what was written is on the disk */
  return err < 0 ? err : 0;
}

int uvssh_known_hosts_add(uvssh_known_hosts_t* hosts,
                          const char* host,
                          int port,
                          const uvssh_key_t* key) {
  struct buf line = { 0 };
  int err;

  if (hosts == NULL || host == NULL || key == NULL)
    return UV_EINVAL;
  wr_u8(&line, '\n');
  err = uvssh__known_hosts_line(&line, host, port, key);
  if (err == 0 && uvssh__buf_reserve(&hosts->text, line.len) == NULL) {
    hosts->text.bad = 0;           /* the list is as it was */
    err = UV_ENOMEM;
  }
  if (err == 0)
    err = append(hosts->path, str_of_buf(&line));
  if (err == 0 && hosts->text.len != 0 &&
      hosts->text.base[hosts->text.len - 1] != '\n')
    wr_u8(&hosts->text, '\n');
  if (err == 0)
    wr_bytes(&hosts->text, line.base + 1, line.len - 1);
  uvssh__buf_free(&line);
  return err;
}

/* ---- replacing ----------------------------------------------------------- */

static int replace(const char* made, const char* path) {
  uv_fs_t req;
  int err = uv_fs_rename(NULL, &req, made, path, NULL);

  uv_fs_req_cleanup(&req);
  return err;
}

int uvssh_known_hosts_update(uvssh_known_hosts_t* hosts,
                             const char* host,
                             int port,
                             uvssh_key_t* const* keys,
                             unsigned count) {
  struct buf was = { 0 };
  struct buf text = { 0 };
  unsigned i;
  int err = hosts == NULL || host == NULL || keys == NULL ? UV_EINVAL : 0;

  for (i = 0; err == 0 && i < count; i++)
    if (keys[i] == NULL)
      err = UV_EINVAL;
  if (err == 0)
    err = read_text(hosts->path, &was);
  if (err == 0)
    err = uvssh__known_hosts_renew(&text, str_of_buf(&was), host, port, keys,
                                   count);
  if (err == 0 && !str_eq(str_of_buf(&was), str_of_buf(&text)))
    err = uvssh__file_make(hosts->path, str_of_buf(&text), replace);
  uvssh__buf_free(&was);
  if (err != 0) {
    uvssh__buf_free(&text);
    return err;
  }
  uvssh__buf_free(&hosts->text);
  hosts->text = text;
  return 0;
}

void uvssh_known_hosts_free(uvssh_known_hosts_t* hosts) {
  if (hosts == NULL)
    return;
  uvssh__free(hosts->path);
  uvssh__buf_free(&hosts->text);
  uvssh__free(hosts);
}
