/* test-loop-known-hosts.c: known_hosts on disk, also as ssh-keygen reads and
 * writes it, where there is one. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uvssh.h>

#include "check.h"
#include "folder.h"

static char folder[256];
static char path[512];
static uvssh_key_t* key;
static uvssh_key_t* other;
static char line[256];             /* key's */

static void begin(void) {
  size_t len = sizeof(line);

  folder_make(folder, sizeof(folder));
  snprintf(path, sizeof(path), "%s/known_hosts", folder);
  CHECK_EQ(uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0), 0);
  CHECK_EQ(uvssh_key_generate(&other, UVSSH_KEY_ED25519, 0), 0);
  CHECK_EQ(uvssh_key_public_line(key, line, &len), 0);
}

static void end(void) {
  CHECK(folder_drop(folder) <= 1);  /* nothing beside it */
  uvssh_key_unref(key);
  uvssh_key_unref(other);
}

static void write_file(const char* text) {
  FILE* f = fopen(path, "w");

  CHECK(f != NULL);
  fputs(text, f);
  CHECK_EQ(fclose(f), 0);
}

static void check_file(const char* want) {
  char text[4096];
  FILE* f = fopen(path, "r");
  size_t n;

  CHECK(f != NULL);
  n = fread(text, 1, sizeof(text) - 1, f);
  text[n] = '\0';
  CHECK_EQ(fclose(f), 0);
  CHECK_STR(text, want);
}

static uvssh_known_hosts_t* load(void) {
  uvssh_known_hosts_t* hosts = NULL;

  CHECK_EQ(uvssh_known_hosts_load(&hosts, path), 0);
  CHECK(hosts != NULL);
  return hosts;
}

static uvssh_host_verdict ask(const uvssh_known_hosts_t* hosts,
                              const char* host,
                              int port,
                              const uvssh_key_t* which) {
  return uvssh_known_hosts_check(hosts, host, port, which, NULL);
}

/* ---- disk ------------------------------------------------------------------- */

TEST(hosts_none_and_the_first) {
  uvssh_known_hosts_t* hosts;
  char want[512];
  struct stat s;
  unsigned number = 7;

  begin();
  hosts = load();
  CHECK_EQ(uvssh_known_hosts_check(hosts, "host", 0, key, &number),
           UVSSH_HOST_UNKNOWN);
  CHECK_EQ(number, 0);
  CHECK_EQ(uvssh_known_hosts_add(hosts, "Host", 0, key), 0);
  CHECK_EQ(uvssh_known_hosts_add(hosts, "host", 2222, other), 0);
  CHECK_EQ(uvssh_known_hosts_check(hosts, "host", 22, key, &number),
           UVSSH_HOST_KNOWN);
  CHECK_EQ(number, 1);
  CHECK_EQ(uvssh_known_hosts_check(hosts, "HOST", 2222, key, &number),
           UVSSH_HOST_CHANGED);
  CHECK_EQ(number, 2);
  CHECK_EQ(stat(path, &s), 0);
  CHECK_EQ(s.st_mode & 0777, 0600);
  uvssh_known_hosts_free(hosts);

  hosts = load();                  /* the file has it too */
  CHECK_EQ(ask(hosts, "host", 0, key), UVSSH_HOST_KNOWN);
  CHECK_EQ(ask(hosts, "host", 2222, other), UVSSH_HOST_KNOWN);
  uvssh_known_hosts_free(hosts);
  snprintf(want, sizeof(want), "host %s\n", line);
  unlink(path);
  hosts = load();
  CHECK_EQ(uvssh_known_hosts_add(hosts, "host", 22, key), 0);
  check_file(want);
  uvssh_known_hosts_free(hosts);
  end();
}

static void check_added(const char* before, const char* between) {
  uvssh_known_hosts_t* hosts;
  char want[1024];
  unsigned number;

  begin();
  write_file(before);
  hosts = load();
  CHECK_EQ(uvssh_known_hosts_add(hosts, "host", 22, key), 0);
  snprintf(want, sizeof(want), "%s%shost %s\n", before, between, line);
  check_file(want);
  CHECK_EQ(uvssh_known_hosts_check(hosts, "host", 22, key, &number),
           UVSSH_HOST_KNOWN);
  CHECK_EQ(number, before[0] == '\0' ? 1 : 2);
  uvssh_known_hosts_free(hosts);
  end();
}

TEST(hosts_added_behind_what_is_there) {
  check_added("", "");
  check_added("# a comment\n", "");
  check_added("# a comment without an end", "\n");
}

/* Somebody else has written to the file since it was read. */
TEST(hosts_added_behind_what_came_meanwhile) {
  uvssh_known_hosts_t* hosts;
  char want[512];

  begin();
  hosts = load();
  write_file("# mine");
  CHECK_EQ(uvssh_known_hosts_add(hosts, "host", 22, key), 0);
  snprintf(want, sizeof(want), "# mine\nhost %s\n", line);
  check_file(want);
  uvssh_known_hosts_free(hosts);
  end();
}

/* A disk that is full halfway through the line. */
TEST(hosts_not_added) {
  static const char before[] = "# a comment of forty bytes or so, it seems\n";
  struct rlimit limit, old;
  uvssh_known_hosts_t* hosts;

  begin();
  write_file(before);
  hosts = load();
  CHECK_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  limit = old;
  limit.rlim_cur = sizeof(before) + 20;
  signal(SIGXFSZ, SIG_IGN);
  CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  CHECK(uvssh_known_hosts_add(hosts, "host", 22, key) < 0);
  CHECK_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, SIG_DFL);
  check_file(before);
  CHECK_EQ(ask(hosts, "host", 22, key), UVSSH_HOST_UNKNOWN);
  CHECK_EQ(uvssh_known_hosts_add(hosts, "host", 22, key), 0);
  CHECK_EQ(ask(hosts, "host", 22, key), UVSSH_HOST_KNOWN);
  uvssh_known_hosts_free(hosts);

  unlink(path);
  hosts = load();                  /* its folder goes */
  CHECK_EQ(rmdir(folder), 0);
  CHECK_EQ(uvssh_known_hosts_add(hosts, "host", 22, key), UV_ENOENT);
  CHECK_EQ(ask(hosts, "host", 22, key), UVSSH_HOST_UNKNOWN);
  CHECK_EQ(mkdir(folder, 0700), 0);
  uvssh_known_hosts_free(hosts);
  end();
}

TEST(hosts_cannot_be_read) {
  uvssh_known_hosts_t* hosts = NULL;
  int fd;

  begin();
  CHECK_EQ(uvssh_known_hosts_load(&hosts, folder), UV_EISDIR);
  fd = open(path, O_WRONLY | O_CREAT, 0600);
  CHECK(fd >= 0);
  CHECK_EQ(ftruncate(fd, 4 * 1024 * 1024 + 1), 0);
  CHECK_EQ(uvssh_known_hosts_load(&hosts, path), UV_EFBIG);
  CHECK(hosts == NULL);
  CHECK_EQ(ftruncate(fd, 4 * 1024 * 1024), 0);
  CHECK_EQ(close(fd), 0);
  hosts = load();
  uvssh_known_hosts_free(hosts);
  if (geteuid() != 0) {
    CHECK_EQ(chmod(path, 0), 0);
    hosts = NULL;
    CHECK_EQ(uvssh_known_hosts_load(&hosts, path), UV_EACCES);
    CHECK(hosts == NULL);
  }
  end();
}

TEST(hosts_default_path) {
  uvssh_known_hosts_t* hosts;
  char home[512], ssh[600];
  const char* old = getenv("HOME");

  begin();
  snprintf(home, sizeof(home), "%s", old == NULL ? "" : old);
  snprintf(ssh, sizeof(ssh), "%s/.ssh", folder);
  CHECK_EQ(mkdir(ssh, 0700), 0);
  snprintf(path, sizeof(path), "%s/.ssh/known_hosts", folder);
  CHECK_EQ(setenv("HOME", folder, 1), 0);
  CHECK_EQ(uvssh_known_hosts_load(&hosts, NULL), 0);
  CHECK_EQ(uvssh_known_hosts_add(hosts, "host", 22, key), 0);
  uvssh_known_hosts_free(hosts);
  hosts = load();
  CHECK_EQ(ask(hosts, "host", 22, key), UVSSH_HOST_KNOWN);
  uvssh_known_hosts_free(hosts);
  CHECK_EQ(setenv("HOME", home, 1), 0);
  unlink(path);
  CHECK_EQ(rmdir(ssh), 0);
  end();
}

TEST(hosts_misuse) {
  uvssh_known_hosts_t* hosts;
  unsigned number = 7;

  begin();
  CHECK_EQ(uvssh_known_hosts_load(NULL, path), UV_EINVAL);
  hosts = load();
  CHECK_EQ(uvssh_known_hosts_add(NULL, "host", 22, key), UV_EINVAL);
  CHECK_EQ(uvssh_known_hosts_add(hosts, NULL, 22, key), UV_EINVAL);
  CHECK_EQ(uvssh_known_hosts_add(hosts, "host", 22, NULL), UV_EINVAL);
  CHECK_EQ(uvssh_known_hosts_add(hosts, "a b", 22, key), UV_EINVAL);
  CHECK_EQ(uvssh_known_hosts_add(hosts, "*", 22, key), UV_EINVAL);
  CHECK_EQ(access(path, F_OK), -1);
  CHECK_EQ(uvssh_known_hosts_check(NULL, "host", 22, key, &number),
           UVSSH_HOST_UNKNOWN);
  CHECK_EQ(number, 0);
  CHECK_EQ(ask(hosts, NULL, 22, key), UVSSH_HOST_UNKNOWN);
  CHECK_EQ(ask(hosts, "host", 22, NULL), UVSSH_HOST_UNKNOWN);
  uvssh_known_hosts_free(hosts);
  uvssh_known_hosts_free(NULL);
  end();
}

TEST(hosts_out_of_memory) {
  uvssh_known_hosts_t* hosts;
  char text[512];

  begin();
  snprintf(text, sizeof(text), "host %s\n", line);
  write_file(text);
  HEAP_SWEEP(n) {
    int err = uvssh_known_hosts_load(&hosts, path);
    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    if (err == 0)
      uvssh_known_hosts_free(hosts);
  }
  HEAP_SWEEP(n) {
    int err;
    heap_fail_at(0);
    write_file("# nothing\n");
    hosts = load();
    heap_fail_at(n);
    err = uvssh_known_hosts_add(hosts, "host", 22, key);
    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    CHECK_EQ(ask(hosts, "host", 22, key),
             err == 0 ? UVSSH_HOST_KNOWN : UVSSH_HOST_UNKNOWN);
    if (err != 0) {
      check_file("# nothing\n");
      CHECK_EQ(uvssh_known_hosts_add(hosts, "host", 22, key), 0);
      CHECK_EQ(ask(hosts, "host", 22, key), UVSSH_HOST_KNOWN);
    }
    uvssh_known_hosts_free(hosts);
  }
  end();
}

/* ---- ssh-keygen ---------------------------------------------------------------- */

/* What a command prints; its exit status. */
static int run(char* out, size_t size, const char* command) {
  FILE* f = popen(command, "r");
  size_t n;

  CHECK(f != NULL);
  n = fread(out, 1, size - 1, f);
  out[n] = '\0';
  return pclose(f);
}

static void need_keygen(void) {
  char out[256];

  if (run(out, sizeof(out), "command -v ssh-keygen") != 0)
    SKIP("no ssh-keygen here");
}

/* What it finds of `name` in our file. */
static int find(const char* name, char* out, size_t size) {
  char command[1024];

  snprintf(command, sizeof(command), "ssh-keygen -l -F '%s' -f '%s' 2>&1", name,
           path);
  return run(out, size, command);
}

TEST(hosts_ssh_keygen_finds_ours) {
  uvssh_known_hosts_t* hosts;
  char out[1024], fingerprint[128];
  size_t len = sizeof(fingerprint);

  need_keygen();
  begin();
  write_file("# without an end");
  hosts = load();
  CHECK_EQ(uvssh_known_hosts_add(hosts, "Host.Example", 22, key), 0);
  CHECK_EQ(uvssh_known_hosts_add(hosts, "host.example", 2222, other), 0);
  CHECK_EQ(uvssh_known_hosts_add(hosts, "2001:db8::1", 22, key), 0);
  CHECK_EQ(find("host.example", out, sizeof(out)), 0);
  CHECK_EQ(uvssh_key_fingerprint(key, fingerprint, &len), 0);
  CHECK(strstr(out, fingerprint) != NULL);
  CHECK_EQ(find("[host.example]:2222", out, sizeof(out)), 0);
  len = sizeof(fingerprint);
  CHECK_EQ(uvssh_key_fingerprint(other, fingerprint, &len), 0);
  CHECK(strstr(out, fingerprint) != NULL);
  CHECK_EQ(find("2001:db8::1", out, sizeof(out)), 0);
  CHECK(find("else.example", out, sizeof(out)) != 0);
  uvssh_known_hosts_free(hosts);
  end();
}

TEST(hosts_ssh_keygen_hashes) {
  uvssh_known_hosts_t* hosts;
  char out[1024], command[1024], old[600];

  need_keygen();
  begin();
  hosts = load();
  CHECK_EQ(uvssh_known_hosts_add(hosts, "host.example", 22, key), 0);
  CHECK_EQ(uvssh_known_hosts_add(hosts, "host.example", 2222, other), 0);
  uvssh_known_hosts_free(hosts);
  snprintf(command, sizeof(command), "ssh-keygen -H -f '%s' 2>&1", path);
  CHECK_EQ(run(out, sizeof(out), command), 0);
  snprintf(old, sizeof(old), "%s.old", path);
  unlink(old);
  snprintf(command, sizeof(command), "cat '%s'", path);
  CHECK_EQ(run(out, sizeof(out), command), 0);
  CHECK(strstr(out, "example") == NULL);
  CHECK_MEM(out, 3, "|1|", 3);
  hosts = load();
  CHECK_EQ(ask(hosts, "HOST.example", 22, key), UVSSH_HOST_KNOWN);
  CHECK_EQ(ask(hosts, "host.example", 22, other), UVSSH_HOST_CHANGED);
  CHECK_EQ(ask(hosts, "host.example", 2222, other), UVSSH_HOST_KNOWN);
  CHECK_EQ(ask(hosts, "host.example", 2222, key), UVSSH_HOST_CHANGED);
  CHECK_EQ(ask(hosts, "else.example", 22, key), UVSSH_HOST_UNKNOWN);
  uvssh_known_hosts_free(hosts);
  end();
}

/* ---- a host's keys change --------------------------------------------------- */

TEST(hosts_are_renewed) {
  uvssh_key_t* both[2];
  uvssh_known_hosts_t* hosts;
  char text[600], want[600];

  begin();
  both[0] = other;
  both[1] = key;
  snprintf(text, sizeof(text), "# mine\nhost %s\n", line);
  write_file(text);
  hosts = load();
  CHECK_EQ(uvssh_known_hosts_update(hosts, "host", 0, both, 2), 0);
  CHECK_EQ(ask(hosts, "host", 0, key), UVSSH_HOST_KNOWN);
  CHECK_EQ(ask(hosts, "host", 0, other), UVSSH_HOST_KNOWN);
  CHECK_EQ(uvssh_known_hosts_update(hosts, "host", 0, both, 2), 0);
  CHECK_EQ(uvssh_known_hosts_update(hosts, "host", 0, both, 1), 0);
  CHECK_EQ(ask(hosts, "host", 0, key), UVSSH_HOST_CHANGED);
  CHECK_EQ(ask(hosts, "host", 0, other), UVSSH_HOST_KNOWN);
  CHECK_EQ(uvssh_known_hosts_update(hosts, "host", 0, &both[1], 1), UV_ENOENT);
  CHECK_EQ(uvssh_known_hosts_update(hosts, "other", 0, both, 2), UV_ENOENT);
  CHECK_EQ(uvssh_known_hosts_update(hosts, "host", 0, NULL, 2), UV_EINVAL);
  CHECK_EQ(uvssh_known_hosts_update(hosts, "host", 0, both, 0), UV_ENOENT);
  CHECK_EQ(uvssh_known_hosts_update(NULL, "host", 0, both, 2), UV_EINVAL);
  uvssh_known_hosts_free(hosts);
  end();
  begin();                         /* what others have added meanwhile stays */
  snprintf(text, sizeof(text), "host %s\n", line);
  write_file(text);
  hosts = load();
  snprintf(want, sizeof(want), "host %s\nhost ssh-rsa x\n", line);
  write_file(want);
  CHECK_EQ(uvssh_known_hosts_update(hosts, "host", 0, &key, 1), 0);
  check_file(want);
  uvssh_known_hosts_free(hosts);
  end();
}
