/* The system's randomness fails: what can be waited for is waited for; all else
 * ends the process before a weak key is made. libsodium asks getrandom(); what
 * it does without is a file. In children, for the library keeps the answer. */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uvssh.h>

#include "check.h"

enum { NEVER, ONCE, LATER, ALWAYS };         /* LATER: all but the first */

static struct {
  int error;
  int when;
  unsigned count;
} chance;

ssize_t caught_getrandom(void* base, size_t len, unsigned flags)
    __asm__("getrandom");
int caught_getentropy(void* base, size_t len) __asm__("getentropy");

static int fails(void) {
  int is_first = chance.count++ == 0;

  if (chance.when == NEVER || (chance.when == ONCE && !is_first) ||
      (chance.when == LATER && is_first))
    return 0;
  errno = chance.error;
  return 1;
}

/* Not random at all: so it is seen that these bytes are the ones. */
ssize_t caught_getrandom(void* base, size_t len, unsigned flags) {
  if (fails())
    return -1;
  memset(base, 0x11, len);
  return (ssize_t) len;
}

int caught_getentropy(void* base, size_t len) {
  if (fails())
    return -1;
  memset(base, 0x11, len);
  return 0;
}

/* 0: a key was made, 1: it was refused, 2: nothing of ours was asked. */
static int make_key(void) {
  uvssh_key_t* key = NULL;
  int err = uvssh_key_generate(&key, UVSSH_KEY_ED25519, 0);

  uvssh_key_unref(key);
  return chance.count == 0 ? 2 : err != 0;
}

/* The child's exit status, or -1: it ended by SIGABRT. */
static int try(int when, int error) {
  int status;
  pid_t child = fork();

  CHECK(child >= 0);
  if (child == 0) {
    chance.when = when;
    chance.error = error;
    _exit(make_key());
  }
  CHECK_EQ(waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status)) {
    CHECK_EQ(WTERMSIG(status), SIGABRT);
    return -1;
  }
  return WEXITSTATUS(status);
}

TEST(random_that_is_interrupted) {
  int plain = try(NEVER, 0);

  if (plain == 2)
    SKIP("this libsodium asks neither getrandom() nor getentropy()");
  CHECK_EQ(plain, 0);
  CHECK_EQ(try(ONCE, EINTR), 0);
  CHECK_EQ(try(ONCE, EAGAIN), 0);
}

/* From the first time on libsodium takes /dev/urandom; behind that there is
 * nothing else. */
TEST(random_that_fails) {
  if (try(NEVER, 0) == 2)
    SKIP("this libsodium asks neither getrandom() nor getentropy()");
  CHECK_EQ(try(ALWAYS, ENOSYS), 0);
  CHECK_EQ(try(LATER, EIO), -1);
  CHECK_EQ(try(LATER, ENOSYS), -1);
}
