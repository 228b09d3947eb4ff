/* Every call fails once below the functions that read and write files: keys and
 * known_hosts. Each says that very error, or does without; what failed has left
 * nothing, and works when it is asked again. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uvssh.h>

#include "calls.h"
#include "folder.h"

struct row {
  enum call call;
  int error;
  int survives;                    /* nobody notices */
};

#define UV(name, error) { CALL_uv_##name, UV_##error, 0 }
#define SYS(name, error, survives) { CALL_##name, error, survives }

static const struct row rows[] = {
  UV(fs_close, EIO), UV(fs_close, ENOSPC),
  UV(fs_fstat, EIO), UV(fs_fstat, ENOMEM),
  UV(fs_fsync, EIO), UV(fs_fsync, ENOSPC), UV(fs_fsync, EROFS),
  UV(fs_ftruncate, EIO),
  UV(fs_link, EEXIST), UV(fs_link, ENOSPC), UV(fs_link, EMLINK),
  UV(fs_link, EPERM), UV(fs_link, ENOTSUP), UV(fs_link, ENOSYS),
  UV(fs_open, EACCES), UV(fs_open, EMFILE), UV(fs_open, ENFILE),
  UV(fs_open, EIO), UV(fs_open, EISDIR), UV(fs_open, ENOSPC),
  UV(fs_open, EROFS), UV(fs_open, ELOOP), UV(fs_open, ENOMEM),
  UV(fs_read, EIO), UV(fs_read, EISDIR), UV(fs_read, ENOMEM),
  UV(fs_rename, EIO),
  UV(fs_stat, EACCES), UV(fs_stat, EIO), UV(fs_stat, ENOENT),
  UV(fs_unlink, EIO), UV(fs_unlink, EROFS),
  UV(fs_write, ENOSPC), UV(fs_write, EIO), UV(fs_write, EFBIG),
  UV(os_homedir, ENOENT), UV(os_homedir, ENOBUFS), UV(os_homedir, ENOMEM),
  SYS(open, EINTR, 0), SYS(open, EMFILE, 0),
  SYS(read, EINTR, 1), SYS(read, SHORT_RESULT, 1), SYS(read, EIO, 0),
  SYS(write, EINTR, 1), SYS(write, SHORT_RESULT, 1), SYS(write, ENOSPC, 0),
};

static struct {
  char folder[256];
  char path[300];                  /* the file that it is about */
  uvssh_key_t* key;
  uvssh_key_t* other;
  uvssh_known_hosts_t* hosts;
  uv_loop_t loop;
  uvssh_server_t server;
} w;

/* ---- files --------------------------------------------------------------- */

static void put(const char* path, const char* text) {
  FILE* f = fopen(path, "w");

  CHECK(f != NULL);
  fputs(text, f);
  CHECK_EQ(fclose(f), 0);
}

static long size_of(const char* path) {
  struct stat st;

  return stat(path, &st) == 0 ? (long) st.st_size : -1;
}

static unsigned files(void) {
  DIR* dir = opendir(w.folder);
  unsigned n = 0;

  CHECK(dir != NULL);
  while (readdir(dir) != NULL)
    n++;
  closedir(dir);
  return n - 2;
}

static unsigned open_fds(void) {
  unsigned n = 0;
  int fd;

  for (fd = 0; fd < 64; fd++)
    n += fcntl(fd, F_GETFD) >= 0;
  return n;
}

/* ---- what is done -------------------------------------------------------- */

struct deed {
  const char* name;
  void (*prepare)(void);
  int (*run)(void);
  void (*undo)(void);              /* of a run that was well */
  int leaves;                      /* files in the folder, when it was not */
};

static void key_on_disk(void) {
  CHECK_EQ(uvssh_key_save(w.key, w.path, NULL), 0);
}

static void nothing_on_disk(void) {
}

static int save(void) {
  return uvssh_key_save(w.key, w.path, NULL);
}

static int load(void) {
  return uvssh_key_load(&w.other, w.path, NULL);
}

static void check_key(void) {
  if (w.other == NULL)
    CHECK_EQ(uvssh_key_load(&w.other, w.path, NULL), 0);
  CHECK(uvssh_key_equal(w.key, w.other));
  uvssh_key_unref(w.other);
  w.other = NULL;
}

static int add_key_file(void) {
  return uvssh_server_add_key_file(&w.server, w.path);
}

/* It has the one of the file now. */
static void check_has_key(void) {
  uvssh_key_t* key;

  CHECK_EQ(uvssh_key_load(&key, w.path, NULL), 0);
  CHECK_EQ(uvssh_server_add_key(&w.server, key), UV_EINVAL);
  uvssh_key_unref(key);
}

static void hosts_on_disk(void) {
  put(w.path, "# nothing yet");
  CHECK_EQ(uvssh_known_hosts_load(&w.hosts, w.path), 0);
}

static void no_hosts_on_disk(void) {
  CHECK_EQ(uvssh_known_hosts_load(&w.hosts, w.path), 0);
}

static int add_host(void) {
  long before = size_of(w.path);
  int err = uvssh_known_hosts_add(w.hosts, "host", 22, w.key);

  if (err == 0)
    return 0;
  CHECK(size_of(w.path) == before || calls_count(CALL_uv_fs_ftruncate) != 0 ||
        (before < 0 && size_of(w.path) == 0));
  CHECK_EQ(uvssh_known_hosts_check(w.hosts, "host", 22, w.key, NULL),
           UVSSH_HOST_UNKNOWN);
  return err;
}

static void check_host(void) {
  uvssh_known_hosts_t* again = NULL;

  CHECK_EQ(uvssh_known_hosts_check(w.hosts, "host", 22, w.key, NULL),
           UVSSH_HOST_KNOWN);
  CHECK_EQ(uvssh_known_hosts_load(&again, w.path), 0);
  CHECK_EQ(uvssh_known_hosts_check(again, "host", 22, w.key, NULL),
           UVSSH_HOST_KNOWN);
  uvssh_known_hosts_free(again);
}

/* The host has our key, and one that it has no longer. */
static void old_hosts_on_disk(void) {
  uvssh_key_t* old;
  char line[256];
  char text[600];
  size_t len = sizeof(line);
  int n;

  CHECK_EQ(uvssh_key_public_line(w.key, line, &len), 0);
  n = snprintf(text, sizeof(text), "host %s\n", line);
  CHECK_EQ(uvssh_key_generate(&old, UVSSH_KEY_ED25519, 0), 0);
  len = sizeof(line);
  CHECK_EQ(uvssh_key_public_line(old, line, &len), 0);
  uvssh_key_unref(old);
  snprintf(text + n, sizeof(text) - (size_t) n, "host %s\n", line);
  put(w.path, text);
  CHECK_EQ(uvssh_known_hosts_load(&w.hosts, w.path), 0);
}

static int renew_host(void) {
  long before = size_of(w.path);
  int err = uvssh_known_hosts_update(w.hosts, "host", 22, &w.key, 1);

  CHECK_EQ(size_of(w.path), err == 0 ? before / 2 : before);
  return err;
}

static int load_hosts(void) {
  uvssh_known_hosts_t* list = NULL;
  int err = uvssh_known_hosts_load(&list, NULL);

  CHECK((err == 0) == (list != NULL));
  uvssh_known_hosts_free(list);
  return err;
}

static const struct deed deeds[] = {
  { "save", nothing_on_disk, save, check_key, 0 },
  { "load", key_on_disk, load, check_key, 1 },
  { "add_key_file", key_on_disk, add_key_file, check_has_key, 1 },
  { "add_key_file of none", nothing_on_disk, add_key_file, check_has_key, -1 },
  { "known_hosts_load", nothing_on_disk, load_hosts, nothing_on_disk, 0 },
  { "known_hosts_add", hosts_on_disk, add_host, check_host, 1 },
  { "known_hosts_add to none", no_hosts_on_disk, add_host, check_host, -1 },
  { "known_hosts_update", old_hosts_on_disk, renew_host, check_host, 1 },
};

/* ---- one case ------------------------------------------------------------ */

static void begin(void) {
  if (access("/dev/shm", W_OK) == 0)
    (void) setenv("TMPDIR", "/dev/shm", 1);
  memset(&w, 0, sizeof(w));
  folder_make(w.folder, sizeof(w.folder));
  snprintf(w.path, sizeof(w.path), "%s/file", w.folder);
  (void) setenv("HOME", w.folder, 1);
  CHECK_EQ(uvssh_key_generate(&w.key, UVSSH_KEY_ED25519, 0), 0);
  CHECK_EQ(uv_loop_init(&w.loop), 0);
  CHECK_EQ(uvssh_server_init(&w.loop, &w.server, NULL), 0);
}

static void end(void) {
  uvssh_server_close(&w.server, NULL);
  CHECK_EQ(uv_run(&w.loop, UV_RUN_DEFAULT), 0);
  CHECK_EQ(uv_loop_close(&w.loop), 0);
  uvssh_known_hosts_free(w.hosts);
  uvssh_key_unref(w.key);
  (void) folder_drop(w.folder);
}

static void judge(const struct deed* deed, const struct row* row, int err) {
  int told = row->error < 0 ? row->error : uv_translate_sys_error(row->error);

  if (row->survives)
    CHECK_EQ(err, 0);
  if (err != 0 && (told != UV_EEXIST || err != UV_ENOENT))
    CHECK_EQ(err, told);           /* that is: somebody made one, and is gone */
  if (err != 0 && deed->leaves >= 0 && row->call != CALL_uv_fs_unlink)
    CHECK_EQ(files(), deed->leaves);
}

static int run(const struct deed* deed,
               const struct row* row,
               const struct fault* f) {
  unsigned fds;
  int fired, err;

  begin();
  deed->prepare();
  fds = open_fds();
  calls_arm(f);
  err = deed->run();
  fired = calls_fired();
  CHECK_EQ(open_fds(), fds);
  if (fired)
    judge(deed, row, err);
  else
    CHECK_EQ(err, 0);
  calls_disarm();
  if (err != 0)
    CHECK_EQ(deed->run(), 0);
  deed->undo();
  end();
  return fired;
}

TEST(files_every_call_fails) {
  unsigned i, k, cases = 0;

  for (i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
    for (k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
      struct fault f = { rows[k].call, 0, rows[k].error };

      do {
        f.nth++;
        cases++;
        NOTE("%s: %s no. %u: %d", deeds[i].name, calls_name(f.call), f.nth,
             f.error);
      } while (run(&deeds[i], &rows[k], &f));
    }
  }
  printf("# %u cases\n", cases);
}
