/* Identification lines that are right, odd, or an attack. RFC 4253 section
 * 4.2. */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>

/* Says `text` and nothing else; the session must refuse it. */
static void refused(struct peer* p, const void* text, size_t len) {
  static const size_t chunks[] = { 0, 1, 100 };
  size_t i;

  for (i = 0; i < ARRAY_SIZE(chunks); i++) {
    peer_open(p);
    p->mine->chunk = chunks[i];
    peer_raw(p, text, len);
    pipe_run(&p->app->pipe);
    CHECK_EQ(p->side->closes, 1);
    CHECK_EQ(p->side->end.status, UVSSH_EVERSION);
    CHECK_EQ(p->side->end.phase, UVSSH_PHASE_IDENT);
    peer_again(p);
  }
}

static void refused_text(struct peer* p, const char* text) {
  NOTE("%s", text);
  refused(p, text, strlen(text));
}

/* With this line a whole key exchange must work. */
static void accepted(struct peer* p, const char* before, const char* ident) {
  p->ident = ident;
  peer_open(p);
  peer_raw(p, before, strlen(before));
  peer_reach_service(p);
  peer_again(p);
}

static char* repeated(char* out, const char* start, char c, size_t len) {
  size_t n = strlen(start);

  memcpy(out, start, n);
  memset(out + n, c, len - n);
  out[len] = '\0';
  return out;
}

TEST(lesson_60_ident_refused_by_server) {
  struct peer* p = peer_new(PEER_CLIENT);
  char line[400];

  refused_text(p, "GET / HTTP/1.0\r\n");
  refused_text(p, "\r\n");
  refused_text(p, "\n");
  refused_text(p, "hello\r\nSSH-2.0-x\r\n");
  refused_text(p, "SSH-1.5-x\r\n");
  refused_text(p, "SSH-1.99-x\r\n");
  refused_text(p, "SSH-2.1-x\r\n");
  refused_text(p, "SSH-2.0\r\n");
  refused_text(p, "SSH-2.0-\r\n");
  refused_text(p, "SSH-20.0-x\r\n");
  refused_text(p, "ssh-2.0-x\r\n");
  refused_text(p, " SSH-2.0-x\r\n");
  refused_text(p, repeated(line, "SSH-2.0-", 'x', 256));
  refused_text(p, repeated(line, "", 'x', 256));
  strcpy(repeated(line, "SSH-2.0-", 'x', 254) + 254, "\r\n");
  refused_text(p, line);
  refused(p, "SSH-2.0-a\0b\r\n", 13);
  refused(p, "\0SSH-2.0-ab\r\n", 13);
  peer_end(p);
}

TEST(lesson_60_ident_accepted_by_server) {
  struct peer* p = peer_new(PEER_CLIENT);
  char line[400];

  accepted(p, "", "SSH-2.0-x");
  accepted(p, "", "SSH-2.0-x with a comment");
  accepted(p, "", repeated(line, "SSH-2.0-", 'x', 253));
  peer_end(p);
}

TEST(lesson_60_ident_with_a_lone_line_feed) {
  struct peer* p = peer_new(PEER_CLIENT);

  peer_open(p);
  peer_raw(p, "SSH-2.0-peer\n", 13);
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  peer_say_kex(p);
  peer_read_kex(p);
  peer_end(p);
}

TEST(lesson_60_ident_refused_by_client) {
  struct peer* p = peer_new(PEER_SERVER);
  char line[400];

  refused_text(p, "SSH-1.5-x\r\n");
  refused_text(p, "SSH-1.99\r\n");
  refused_text(p, "SSH-1.99-\r\n");
  refused_text(p, "SSH-2.1-x\r\n");
  refused_text(p, "SSH-\r\n");
  strcpy(repeated(line, "SSH-2.0-", 'x', 254) + 254, "\r\n");
  refused_text(p, line);
  refused(p, "SSH-2.0-a\0b\r\n", 13);
  peer_end(p);
}

TEST(lesson_60_ident_accepted_by_client) {
  struct peer* p = peer_new(PEER_SERVER);

  accepted(p, "", "SSH-2.0-x");
  accepted(p, "", "SSH-1.99-x");
  accepted(p, "Welcome\r\n\n\r\nSSH is here\n", "SSH-2.0-x");
  peer_end(p);
}

TEST(lesson_60_lines_before_a_servers_ident_are_limited) {
  struct peer* p = peer_new(PEER_SERVER);
  char* lines = malloc(10000);

  CHECK(lines != NULL);
  memset(lines, '\n', 1025);
  lines[1025] = '\0';
  refused(p, lines, 1025);
  lines[1024] = '\0';
  accepted(p, lines, "SSH-2.0-x");
  memset(lines, 'x', 8193);
  refused(p, lines, 8193);
  strcpy(lines + 8191, "\n");
  accepted(p, lines, "SSH-2.0-x");
  free(lines);
  peer_end(p);
}

TEST(lesson_60_a_line_without_end_is_refused_while_it_grows) {
  struct peer* p = peer_new(PEER_CLIENT);
  char block[1000];
  unsigned i;

  memset(block, 'x', sizeof(block));
  peer_open(p);
  for (i = 0; i < 1000; i++)
    peer_raw(p, block, sizeof(block));
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->end.status, UVSSH_EVERSION);
  CHECK(p->mine->delivered <= 1000000);
  peer_end(p);
}

TEST(ident_that_does_not_come) {
  struct peer* p = peer_new(PEER_CLIENT);

  peer_open(p);
  peer_raw(p, "SSH-2.0-", 8);
  pipe_sleep(&p->app->pipe, 9999);
  CHECK_EQ(p->side->closes, 0);
  pipe_sleep(&p->app->pipe, 1);
  CHECK_EQ(p->side->closes, 1);
  CHECK_EQ(p->side->end.status, UV_ETIMEDOUT);
  peer_again(p);
  peer_open(p);
  peer_raw(p, "SSH-2.0-", 8);
  peer_hang_up(p);
  pipe_run(&p->app->pipe);
  CHECK_EQ(p->side->end.status, UVSSH_ENOBANNER);
  CHECK_EQ(p->side->end.by_peer, 1);
  peer_end(p);
}
