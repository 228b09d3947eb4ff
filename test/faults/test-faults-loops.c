/* What several loops call fails once, with every error that it may have, at
 * each of its places from the start of three loops to their end: see calls.h,
 * and uvssh/loops.h.
 *
 * Either the start says so, and then nothing is left and it may be done again;
 * or nobody notices: then each loop serves. No leak of memory or descriptors.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uvssh.h>

#include "calls.h"

enum { LOOPS = 3 };

struct row {
  enum call call;
  int error;                       /* of libuv; of the system: errno */
  int is_told;                     /* this very code, by the start; else that */
                                   /* or another is, or nobody notices */
};

#define UV(name, error) { CALL_uv_##name, UV_##error, 1 }
#define SYS(name, error, is_told) { CALL_##name, error, is_told }

static const struct row rows[] = {
  UV(async_init, EMFILE), UV(async_init, ENOMEM),
  UV(cond_init, ENOMEM), UV(cond_init, EAGAIN),
  UV(fileno, EBADF),
  UV(listen, EADDRINUSE),
  UV(loop_init, ENOMEM), UV(loop_init, EMFILE),
  UV(tcp_bind, EADDRINUSE), UV(tcp_bind, EACCES),
  UV(tcp_getsockname, ENOBUFS),
  UV(tcp_init_ex, EMFILE), UV(tcp_init_ex, ENOMEM),
  UV(tcp_open, EBADF), UV(tcp_open, EEXIST),
  UV(thread_create, EAGAIN), UV(thread_create, ENOMEM),
  SYS(bind, EADDRINUSE, 1), SYS(bind, EACCES, 1),
  SYS(fcntl, EMFILE, 1),
  SYS(listen, EADDRINUSE, 1),
  SYS(setsockopt, ENOPROTOOPT, 0), SYS(setsockopt, ENOBUFS, 1),
  SYS(socket, EMFILE, 1), SYS(socket, ENFILE, 1),
};

static struct {
  uvssh_loops_t loops;             /* first */
  uvssh_server_t servers[LOOPS];
  uvssh_key_t* key;
  int port;
} w;

/* ---- what is served: nobody logs in -------------------------------------- */

static void on_close(uvssh_session_t* session, const uvssh_end_t* end) {
  free(session);
}

static void on_connection(uvssh_server_t* server, int status) {
  static const uvssh_session_handlers_t on = { .on_close = on_close };
  uvssh_session_t* session = calloc(1, sizeof(*session));

  CHECK(session != NULL);
  CHECK_EQ(status, 0);
  CHECK_EQ(uvssh_server_accept(server, session, &on), 0);
}

static int begin(uvssh_loops_t* loops, unsigned index, uv_loop_t* loop) {
  uvssh_server_t* server = &w.servers[index];
  struct sockaddr_in name;
  int len = sizeof(name);
  int err = uvssh_server_init(loop, server, NULL);

  if (err == 0)
    err = uvssh_server_add_key(server, w.key);
  if (err != 0)
    return err;
  err = uvssh_loops_listen(loops, server, "127.0.0.1", 0, on_connection);
  if (err != 0) {                  /* it does not, not even a little */
    CHECK_EQ(uvssh_server_getsockname(server, (struct sockaddr*) &name, &len),
             UV_ENOTCONN);
    return err;
  }
  err = uvssh_server_getsockname(server, (struct sockaddr*) &name, &len);
  if (err == 0)
    w.port = ntohs(name.sin_port);
  return err;
}

static void end(uvssh_loops_t* loops, unsigned index, uv_loop_t* loop) {
  uvssh_server_close(&w.servers[index], NULL);
}

static void visit(void) {
  struct sockaddr_in name;
  char word[4];
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  CHECK(fd >= 0);
  CHECK_EQ(uv_ip4_addr("127.0.0.1", w.port, &name), 0);
  CHECK_EQ(connect(fd, (struct sockaddr*) (void*) &name, sizeof(name)), 0);
  CHECK_EQ(recv(fd, word, sizeof(word), MSG_WAITALL), 4);
  CHECK_MEM(word, 4, "SSH-", 4);
  close(fd);
}

/* ---- one case ------------------------------------------------------------ */

static unsigned char reached[sizeof(rows) / sizeof(rows[0])];
static unsigned passes;

static unsigned open_fds(void) {
  unsigned n = 0;
  int fd;

  for (fd = 0; fd < 128; fd++)
    n += fcntl(fd, F_GETFD) >= 0;
  return n;
}

static void serve_and_stop(void) {
  int i;

  for (i = 0; i < 2 * LOOPS; i++)
    visit();
  uvssh_loops_stop(&w.loops);
  CHECK_EQ(uvssh_loops_join(&w.loops), 0);
}

/* 1: the call was made so many times. */
static int run(const struct row* row, const struct fault* f) {
  unsigned fds = open_fds();
  int code = f->error < 0 ? f->error : uv_translate_sys_error(f->error);
  int fired, err, i;

  calls_arm(f);
  err = uvssh_loops_start(&w.loops, LOOPS, begin, end);
  calls_disarm();
  fired = calls_fired();
  if (err == 0) {
    CHECK(!fired || !row->is_told);
  } else {
    CHECK(fired);
    if (row->is_told)
      CHECK_EQ(err, code);
    CHECK(w.loops.impl == NULL);
    for (i = 0; i < LOOPS; i++)
      CHECK(w.servers[i].impl == NULL);
    CHECK_EQ(open_fds(), fds);
    CHECK_EQ(uvssh_loops_start(&w.loops, LOOPS, begin, end), 0);
  }
  serve_and_stop();
  CHECK_EQ(open_fds(), fds);
  return fired;
}

static void sweep(unsigned i) {
  static unsigned number;
  unsigned share = check_share();
  struct fault f = { rows[i].call, 1 + number++ % share, rows[i].error };

  for (;; f.nth += share) {
    NOTE("%s no. %u: %d", calls_name(f.call), f.nth, f.error);
    if (!run(&rows[i], &f))
      return;
    reached[i] = 1;
  }
}

static void sweep_all(int no_share) {
  unsigned i;

  passes++;
  calls_no_share(no_share);
  CHECK_EQ(uvssh_key_generate(&w.key, UVSSH_KEY_ED25519, 0), 0);
  CHECK_EQ(uvssh_loops_start(&w.loops, LOOPS, begin, end), 0);
  serve_and_stop();                /* what libuv makes once is there now */
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    sweep(i);
  uvssh_key_unref(w.key);
  calls_no_share(0);
}

TEST(calls_of_loops_with_a_socket_each) {
  sweep_all(0);
}

TEST(calls_of_loops_with_one_socket) {
  sweep_all(1);
}

TEST(calls_of_loops_are_all_reached) {
  unsigned i;

  if (passes != 2 || check_share() != 1)
    SKIP("not all of them were asked for");
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    if (!reached[i])
      FAIL("%s is never made", calls_name(rows[i].call));
}
