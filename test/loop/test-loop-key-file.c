/* Keys on disk. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "both.h"
#include "folder.h"

static char folder[256];
static char path[512];

static void setup(void) {
  folder_make(folder, sizeof(folder));
  snprintf(path, sizeof(path), "%s/key", folder);
}

static uvssh_key_t* make(void) {
  uvssh_key_t* key = NULL;

  CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0), 0);
  return key;
}

static unsigned mode_of(const char* file) {
  struct stat st;

  CHECK_EQ(stat(file, &st), 0);
  return st.st_mode & 07777;
}

static void put(const char* text, size_t len, mode_t mode) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

  CHECK(fd >= 0);
  CHECK_EQ(write(fd, text, len), (ssize_t) len);
  CHECK_EQ(fchmod(fd, mode), 0);
  close(fd);
}

TEST(key_file_save_and_load) {
  static const mode_t masks[] = { 022, 0, 077 };
  mode_t was = umask(0);
  size_t i;

  for (i = 0; i < 3; i++) {
    uvssh_key_t* key = make();
    uvssh_key_t* again = NULL;

    umask(masks[i]);
    setup();
    CHECK_EQ(uvssh_key_save(key, path, NULL), 0);
    CHECK_EQ(mode_of(path), 0600);
    CHECK_EQ(uvssh_key_load(&again, path, NULL), 0);
    CHECK(uvssh_key_equal(key, again));
    CHECK(uvssh_key_has_secret(again));
    uvssh_key_unref(key);
    uvssh_key_unref(again);
    CHECK_EQ(folder_drop(folder), 1);    /* nothing is left beside it */
  }
  umask(was);
}

TEST(key_file_exists) {
  uvssh_key_t* key = make();
  char kept[8] = { 0 };
  int fd;

  setup();
  put("precious", 8, 0600);
  CHECK_EQ(uvssh_key_save(key, path, NULL), UV_EEXIST);
  fd = open(path, O_RDONLY);
  CHECK_EQ(read(fd, kept, 8), 8);
  close(fd);
  CHECK_MEM(kept, 8, "precious", 8);
  CHECK_EQ(folder_drop(folder), 1);
  uvssh_key_unref(key);
}

TEST(key_file_refused) {
  uvssh_key_t* key = make();
  uvssh_key_t* public_half = NULL;
  uvssh_key_t* none = NULL;
  char line[200];
  char name[6000];
  size_t len = sizeof(line);

  CHECK_EQ(uvssh_key_public_line(key, line, &len), 0);
  CHECK_EQ(uvssh_key_parse(&public_half, line, len, NULL), 0);
  setup();
  CHECK_EQ(uvssh_key_save(public_half, path, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_key_save(NULL, path, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_key_save(key, NULL, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_key_save(key, path, "secret"), UV_ENOTSUP);
  CHECK_EQ(uvssh_key_load(NULL, path, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_key_load(&none, NULL, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_key_load(&none, path, NULL), UV_ENOENT);
  CHECK_EQ(uvssh_key_load(&none, folder, NULL), UV_EISDIR);
  snprintf(name, sizeof(name), "%s/none/key", folder);
  CHECK_EQ(uvssh_key_save(key, name, NULL), UV_ENOENT);
  CHECK_EQ(uvssh_key_load(&none, name, NULL), UV_ENOENT);
  memset(name, 'x', sizeof(name));
  name[sizeof(name) - 1] = '\0';
  CHECK_EQ(uvssh_key_save(key, name, NULL), UV_ENAMETOOLONG);
  CHECK_EQ(uvssh_key_load(&none, name, NULL), UV_ENAMETOOLONG);
  CHECK(none == NULL);
  CHECK_EQ(folder_drop(folder), 0);      /* a failure leaves nothing */
  uvssh_key_unref(key);
  uvssh_key_unref(public_half);
}

TEST(key_file_unreadable) {
  uvssh_key_t* key = make();
  uvssh_key_t* none = NULL;

  if (geteuid() == 0) {
    uvssh_key_unref(key);
    SKIP("root reads everything");
  }
  setup();
  CHECK_EQ(uvssh_key_save(key, path, NULL), 0);
  CHECK_EQ(chmod(path, 0), 0);
  CHECK_EQ(uvssh_key_load(&none, path, NULL), UV_EACCES);
  CHECK_EQ(folder_drop(folder), 1);
  setup();
  CHECK_EQ(chmod(folder, 0500), 0);
  CHECK_EQ(uvssh_key_save(key, path, NULL), UV_EACCES);
  CHECK_EQ(folder_drop(folder), 0);
  uvssh_key_unref(key);
}

TEST(key_file_garbage) {
  static const char begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
  uvssh_key_t* none = NULL;
  size_t big = 70 * 1000;
  char* text = calloc(1, big);
  size_t i;

  setup();
  put("", 0, 0600);
  CHECK_EQ(uvssh_key_load(&none, path, NULL), UVSSH_EKEYFORMAT);
  put(begin, sizeof(begin) - 1, 0600);
  CHECK_EQ(uvssh_key_load(&none, path, NULL), UVSSH_EKEYFORMAT);
  put(text, 4096, 0600);           /* zeros */
  CHECK_EQ(uvssh_key_load(&none, path, NULL), UVSSH_EKEYFORMAT);
  for (i = 0; i < big; i++)
    text[i] = (char) (i * i >> 3);
  put(text, 5000, 0600);
  CHECK_EQ(uvssh_key_load(&none, path, NULL), UVSSH_EKEYFORMAT);
  put(text, big, 0600);            /* above 64 KiB */
  CHECK_EQ(uvssh_key_load(&none, path, NULL), UVSSH_EKEYFORMAT);
  CHECK_EQ(uvssh_key_load(&none, "/dev/zero", NULL), UVSSH_EKEYFORMAT);
  CHECK_EQ(uvssh_key_load(&none, "/dev/null", NULL), UVSSH_EKEYFORMAT);
  CHECK(none == NULL);
  free(text);
  CHECK_EQ(folder_drop(folder), 1);
}

TEST(key_file_out_of_memory) {
  uvssh_key_t* key = make();

  setup();
  HEAP_SWEEP(n) {
    int err = uvssh_key_save(key, path, NULL);

    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    CHECK_EQ(unlink(path), err == 0 ? 0 : -1);
  }
  CHECK_EQ(uvssh_key_save(key, path, NULL), 0);
  HEAP_SWEEP(n) {
    uvssh_key_t* again = NULL;
    int err = uvssh_key_load(&again, path, NULL);

    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    CHECK_EQ(again != NULL, err == 0);
    uvssh_key_unref(again);
  }
  CHECK_EQ(folder_drop(folder), 1);
  uvssh_key_unref(key);
}

/* ---- a server's ------------------------------------------------------------------ */

static int server_key(struct both* b) {
  both_open(b);
  CHECK_EQ(uvssh_server_init(&b->loop, &b->server, &b->server_config), 0);
  b->server.data = b;
  return uvssh_server_add_key_file(&b->server, path);
}

TEST(key_file_of_server) {
  struct both b;
  uvssh_key_t* key = NULL;

  setup();
  CHECK_EQ(server_key(&b), 0);
  CHECK_EQ(mode_of(path), 0600);
  CHECK_EQ(uvssh_server_add_key_file(&b.server, path), UV_EINVAL);  /* twice */
  both_close(&b);
  CHECK_EQ(uvssh_key_load(&key, path, NULL), 0);

  CHECK_EQ(server_key(&b), 0);     /* the same one again */
  uvssh_key_unref(b.key);
  b.key = key;
  CHECK_EQ(uvssh_server_add_key(&b.server, b.key), UV_EINVAL);
  CHECK_EQ(uvssh_server_listen(&b.server, "127.0.0.1", 0, both_accept), 0);
  both_close(&b);
  CHECK_EQ(folder_drop(folder), 1);
}

TEST(key_file_open_to_others) {
  static const mode_t wrong[] = { 0640, 0604, 0660, 0644, 0601, 0610, 0777 };
  static const mode_t right[] = { 0600, 0400, 0700 };
  struct both b;
  size_t i;

  setup();
  CHECK_EQ(server_key(&b), 0);
  both_close(&b);
  for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
    NOTE("mode %o", (unsigned) wrong[i]);
    CHECK_EQ(chmod(path, wrong[i]), 0);
    CHECK_EQ(server_key(&b), UV_EPERM);
    both_close(&b);
  }
  for (i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
    NOTE("mode %o", (unsigned) right[i]);
    CHECK_EQ(chmod(path, right[i]), 0);
    CHECK_EQ(server_key(&b), 0);
    both_close(&b);
  }
  CHECK_EQ(folder_drop(folder), 1);
}

TEST(key_file_of_server_refused) {
  struct both b;

  setup();
  put("no key", 6, 0600);
  CHECK_EQ(server_key(&b), UVSSH_EKEYFORMAT);        /* and it stays */
  CHECK_EQ(uvssh_server_add_key_file(&b.server, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_server_add_key_file(&b.server, "none/none/key"), UV_ENOENT);
  CHECK_EQ(mode_of(path), 0600);
  both_close(&b);
  CHECK_EQ(folder_drop(folder), 1);
}

/* Many servers that begin at once, on a path where there is none: one key. */
struct racer {
  uv_thread_t thread;
  int err;
};

static void race(void* arg) {
  struct racer* r = arg;
  uvssh_server_t server = { 0 };
  uv_loop_t loop;

  r->err = uv_loop_init(&loop);
  if (r->err != 0)
    return;
  r->err = uvssh_server_init(&loop, &server, NULL);
  if (r->err != 0)
    return;
  r->err = uvssh_server_add_key_file(&server, path);
  uvssh_server_close(&server, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  if (uv_loop_close(&loop) != 0)
    r->err = UV_EBUSY;
}

TEST(key_file_race) {
  struct racer racers[8];
  uvssh_key_t* key = NULL;
  int round, i;

  for (round = 0; round < 20; round++) {
    setup();
    for (i = 0; i < 8; i++)
      CHECK_EQ(uv_thread_create(&racers[i].thread, race, &racers[i]), 0);
    for (i = 0; i < 8; i++)
      CHECK_EQ(uv_thread_join(&racers[i].thread), 0);
    for (i = 0; i < 8; i++)
      CHECK_EQ(racers[i].err, 0);
    CHECK_EQ(uvssh_key_load(&key, path, NULL), 0);
    uvssh_key_unref(key);
    CHECK_EQ(folder_drop(folder), 1);
  }
}
