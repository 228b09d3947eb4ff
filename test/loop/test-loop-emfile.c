/* No descriptor is left: the server loses connections, and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "both.h"

enum { CROWD = 40 };

static struct rlimit before;

/* From here on the process may have so many descriptors more. */
static void leave_room(int n) {
  struct rlimit limit;
  int fd = open("/dev/null", O_RDONLY);
  int next;

  CHECK(fd >= 0);
  CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  for (next = fd; n > 0; next++)
    n -= next == fd || fcntl(next, F_GETFD) < 0;
  limit = before;
  limit.rlim_cur = (rlim_t) next;
  close(fd);
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void on_tick(uv_timer_t* timer) {
}

/* How many of them the server has closed. */
static unsigned dropped(const int* fds) {
  unsigned n = 0;
  char byte;
  int i;
  ssize_t got;

  for (i = 0; i < CROWD; i++) {
    got = fds[i] < 0 ? -1 : recv(fds[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    n += got == 0 || (got < 0 && errno != EAGAIN);
  }
  return n;
}

TEST(emfile_crowd) {
  struct both b;
  uv_timer_t tick;
  int fds[CROWD];
  int i;

  both_open(&b);
  both_listen(&b);
  both_login(&b);
  uv_timer_init(&b.loop, &tick);
  uv_timer_start(&tick, on_tick, 5, 5);
  for (i = 0; i < CROWD; i++)
    fds[i] = socket(AF_INET, SOCK_STREAM, 0);
  leave_room(6);
  for (i = 0; i < CROWD; i++)
    CHECK_EQ(connect(fds[i], (struct sockaddr*) &b.address,
                     sizeof(struct sockaddr_in)), 0);
  UNTIL(&b, b.served_count - 1 + dropped(fds) >= CROWD);
  CHECK(b.served_count > 1);
  CHECK(b.served_count <= 1 + 6);
  CHECK(uvssh_session_is_ready(&b.served[0]->session));

  for (i = 0; i < CROWD; i++)
    close(fds[i]);
  for (i = 1; i < (int) b.served_count; i++)
    UNTIL(&b, b.served[i]->closes == 1);
  both_login(&b);                  /* the limit is as low as it was */
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  both_login(&b);
  uv_close((uv_handle_t*) &tick, NULL);
  both_close(&b);
}

/* Waiting for room to write takes a descriptor, where there is one. */
static void on_done(uvssh_req_t* req, int status) {
  *(int*) req->data = status;
}

TEST(emfile_while_writing) {
  enum { BULK = 32 << 20 };
  struct both b;
  uv_buf_t buf = uv_buf_init(calloc(1, BULK), BULK);
  int done = PENDING;
  uvssh_req_t req = { .data = &done };
  struct peer* p;
  char* bytes = buf.base;

  both_open(&b);
  both_listen(&b);
  p = both_channel(&b, "");
  CHECK_EQ(uvssh_channel_read_start(&p->channel, peer_read), 0);
  leave_room(0);
  CHECK(open("/dev/null", O_RDONLY) < 0 && errno == EMFILE);
  CHECK_EQ(uvssh_channel_write(&req, &b.served[0]->channel, UVSSH_DATA, &buf, 1,
                               on_done), 0);
  UNTIL(&b, p->got == BULK);
  UNTIL(&b, done != PENDING);
  CHECK_EQ(done, 0);
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  both_close(&b);
  free(bytes);
}
