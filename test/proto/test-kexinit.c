/* KEXINIT: malformed, without anything in common, and the guess that may come
 * with it. RFC 4253 sections 7 and 7.1. */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>

static const enum role roles[] = { PEER_CLIENT, PEER_SERVER };

/* What peer_say_kexinit() would say, without its packet. */
static size_t golden(struct peer* p, uint8_t* out, size_t size) {
  size_t at = p->mine->len;

  peer_say_kexinit(p);
  p->mine->len = at;               /* not said after all */
  p->seq_out--;
  CHECK(p->i_mine.len <= size);
  memcpy(out, p->i_mine.base, p->i_mine.len);
  return p->i_mine.len;
}

static void said(struct peer* p, const uint8_t* payload, size_t len) {
  peer_send_bytes(p, payload, len);
  peer_ended(p, UVSSH_EMESSAGE, 2);
  peer_again(p);
}

static void begin(struct peer* p) {
  peer_open(p);
  peer_say_ident(p);
  pipe_run(&p->app->pipe);
}

TEST(lesson_42_43_kexinit_cut_or_longer_by_a_byte) {
  uint8_t payload[1000];
  struct peer* p;
  size_t i, n, len;

  for (i = 0; i < ARRAY_SIZE(roles); i++) {
    p = peer_new(roles[i]);
    begin(p);
    len = golden(p, payload, sizeof(payload) - 8);
    peer_again(p);
    for (n = 1; n <= len + 8; n++) {
      if (n == len)
        continue;
      NOTE("role %zu, %zu of %zu bytes", i, n, len);
      begin(p);
      memset(payload + len, 0, 8);
      said(p, payload, n);
    }
    peer_end(p);
  }
}

/* One of the ten lists is this. */
static void list_is(struct peer* p, unsigned list, const char* text, int status,
                    unsigned reason) {
  p->lists[list] = text;
  begin(p);
  peer_say_kexinit(p);
  if (status != 0)
    peer_ended(p, status, reason);
  else
    peer_await(p, MSG_KEXINIT);
  CHECK_EQ(p->side->closes, status != 0);
  p->lists[list] = NULL;
  peer_again(p);
}

TEST(lesson_58_lists_that_are_no_lists) {
  static char long_name[66], many[2 * 1025], big[16386], commas[16000];
  const char* bad[] = { ",", ",a", "a,,b", "a,b,,", "a b", "a\tb", "a\x7f",
                        "\xc3\xa9", long_name, many, big, commas };
  struct peer* p;
  size_t i, k;
  unsigned list;

  memset(long_name, 'n', 65);
  memset(commas, ',', sizeof(commas) - 1);
  for (i = 0; i < sizeof(many) - 2; i += 2)
    memcpy(many + i, "a,", 2);
  many[sizeof(many) - 2] = 'a';
  for (i = 0; i < sizeof(big) - 1; i++)
    big[i] = i % 60 == 59 ? ',' : 'b';
  for (k = 0; k < ARRAY_SIZE(roles); k++) {
    p = peer_new(roles[k]);
    for (list = 0; list < LISTS; list++)
      for (i = 0; i < ARRAY_SIZE(bad); i++) {
        NOTE("role %zu, list %u, text %zu", k, list, i);
        list_is(p, list, bad[i], UVSSH_EMESSAGE, 2);
      }
    list_is(p, LIST_KEX, "curve25519-sha256,", 0, 0);
    list_is(p, LIST_LANG_CS, "en,de", 0, 0);
    peer_end(p);
  }
}

/* The eight choices are independent: each alone can fail. */
TEST(lesson_81_nothing_in_common) {
  static const char* const others[] = { "", "none", "x@example.com",
                                        "kex-strict-c,ext-info-c" };
  struct peer* p;
  unsigned list;
  size_t i, k;

  for (k = 0; k < ARRAY_SIZE(roles); k++) {
    p = peer_new(roles[k]);
    peer_cipher(p, "aes256-ctr", "hmac-sha2-256");
    for (list = LIST_KEX; list <= LIST_COMP_SC; list++)
      for (i = 0; i < ARRAY_SIZE(others); i++) {
        if (list >= LIST_COMP_CS && strcmp(others[i], "none") == 0)
          continue;
        NOTE("role %zu, list %u, '%s'", k, list, others[i]);
        list_is(p, list, others[i], UVSSH_ENOALGO, 3);
      }
    /* A MAC is not needed with an AEAD cipher. */
    peer_cipher(p, "aes256-gcm@openssh.com", NULL);
    list_is(p, LIST_MAC_CS, "", 0, 0);
    list_is(p, LIST_MAC_SC, "none", 0, 0);
    peer_end(p);
  }
}

/* The client's first that the server has, each way for itself. */
TEST(kexinit_each_direction_is_chosen_alone) {
  struct peer* p = peer_new(PEER_CLIENT);
  uvssh_session_info_t info;

  p->lists[LIST_CIPHER_CS] = "3des-cbc,aes256-ctr,aes256-gcm@openssh.com";
  p->lists[LIST_CIPHER_SC] = "chacha20-poly1305@openssh.com,aes256-ctr";
  p->lists[LIST_MAC_CS] =
      "hmac-md5,hmac-sha2-256-etm@openssh.com,hmac-sha2-256";
  begin(p);
  peer_say_kexinit(p);
  peer_read_kexinit(p);
  peer_say_kex(p);
  peer_read_kex(p);
  uvssh_session_info(&p->side->pub, &info);
  CHECK_STR(info.cipher_out, "chacha20-poly1305@openssh.com");
  CHECK_STR(info.mac_out, "");
  CHECK_STR(p->side->session.transport.agreed.cipher[0]->name, "aes256-ctr");
  CHECK_STR(p->side->session.transport.agreed.mac[0]->name,
            "hmac-sha2-256-etm@openssh.com");
  peer_end(p);
}

/* ---- the guess, RFC 4253 section 7 --------------------------------------- */

/* Its guess is right where nothing else is said: ours begins with the same. */
static struct peer* guesser(enum role role) {
  struct peer* p = peer_new(role);

  p->app->server_config.kex = p->app->client_config.kex = "curve25519-sha256";
  return p;
}

static void junk_guess(struct peer* p) {
  wr_cstr(peer_message(p, p->role == PEER_CLIENT ? MSG_KEX_ECDH_INIT
                                                 : MSG_KEX_ECDH_REPLY),
          "for another method");
  peer_send(p);
}

static void finish_exchange(struct peer* p) {
  peer_read_kexinit(p);
  peer_say_kex(p);
  if (p->role == PEER_CLIENT) {
    peer_read_kex(p);
    peer_read_newkeys(p);
  }
  peer_say_newkeys(p);
  if (p->role == PEER_SERVER)
    peer_read_newkeys(p);
}

static void wrong_guess(struct peer* p, const char* kex, const char* hostkey) {
  p->lists[LIST_KEX] = kex;
  p->lists[LIST_HOSTKEY] = hostkey;
  p->follows = 1;
  p->strict = kex == NULL ? STRICT_BOTH : STRICT_NONE;
  p->ext_info = kex == NULL;
  peer_say_kexinit(p);
  junk_guess(p);
  finish_exchange(p);
  peer_skip(p);
  CHECK_EQ(p->side->closes, 0);
}

static const char other_kex[] =
    "ecdh-sha2-nistp256,curve25519-sha256";
static const char other_hostkey[] = "rsa-sha2-512,ssh-ed25519";

TEST(lesson_14_wrong_guess_at_first_and_later) {
  struct peer* p;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(roles); i++) {
    NOTE("role %zu", i);
    p = guesser(roles[i]);
    begin(p);
    wrong_guess(p, other_kex, NULL);
    peer_again(p);
    begin(p);
    wrong_guess(p, NULL, other_hostkey);
    peer_again(p);
    /* in a re-exchange */
    p->lists[LIST_KEX] = p->lists[LIST_HOSTKEY] = NULL;
    p->follows = 0;
    peer_open(p);
    peer_reach_open(p);
    wrong_guess(p, other_kex, NULL);
    wrong_guess(p, NULL, other_hostkey);
    peer_alive(p);
    peer_end(p);
  }
}

TEST(lesson_14_right_guess_is_not_skipped) {
  struct peer* p = guesser(PEER_CLIENT);

  p->follows = 1;
  begin(p);
  peer_say_kexinit(p);
  peer_say_kex(p);                 /* before theirs is read */
  peer_read_kexinit(p);
  peer_read_kex(p);
  peer_read_newkeys(p);
  peer_say_newkeys(p);
  peer_alive(p);
  /* The same again, in a re-exchange. */
  peer_again(p);
  peer_open(p);
  peer_reach_open(p);
  peer_say_kexinit(p);
  peer_say_kex(p);
  peer_read_kexinit(p);
  peer_read_kex(p);
  peer_read_newkeys(p);
  peer_say_newkeys(p);
  peer_alive(p);
  peer_end(p);
}

TEST(lesson_14_only_one_message_is_skipped) {
  struct peer* p;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(roles); i++) {
    p = guesser(roles[i]);
    p->lists[LIST_KEX] = other_kex;
    p->follows = 1;
    begin(p);
    peer_say_kexinit(p);
    junk_guess(p);
    peer_await(p, MSG_KEXINIT);
    pipe_run(&p->app->pipe);
    CHECK_EQ(p->side->session.ending, E_RUNNING);
    junk_guess(p);
    peer_skip(p);
    CHECK(p->side->session.ending != E_RUNNING);
    peer_end(p);
  }
}

/* No packet follows although one was announced: what comes must be a message
 * of the method all the same. */
TEST(lesson_14_announced_guess_that_is_something_else) {
  struct peer* p = guesser(PEER_CLIENT);

  p->lists[LIST_KEX] = other_kex;
  p->follows = 1;
  begin(p);
  peer_say_kexinit(p);
  peer_message(p, MSG_NEWKEYS);
  peer_send(p);
  peer_ended(p, UVSSH_EUNEXPECTED, 2);
  peer_end(p);
}

TEST(lesson_15_thousand_wrong_guesses_and_the_heap_is_flat) {
  struct peer* p = guesser(PEER_CLIENT);
  size_t bytes = 0;
  unsigned i;

  peer_open(p);
  peer_reach_open(p);
  for (i = 0; i < 1000; i++) {
    wrong_guess(p, other_kex, NULL);
    if (i == 10)
      bytes = heap_bytes();
  }
  CHECK_EQ(heap_bytes(), bytes);
  peer_end(p);
}

/* ---- strict -------------------------------------------------------------- */

static int strict_with(struct peer* p, enum strict strict, const char* cipher) {
  uvssh_session_info_t info;
  unsigned i;

  peer_cipher(p, cipher, NULL);
  p->strict = strict;
  peer_open(p);
  peer_reach_open(p);
  for (i = 0; i < 3; i++) {        /* each NEWKEYS resets, or none does */
    peer_alive(p);
    peer_rekey(p);
    peer_alive(p);
  }
  uvssh_session_info(&p->side->pub, &info);
  peer_again(p);
  return info.strict;
}

TEST(lesson_9_strict_in_either_spelling) {
  static const char chacha[] = "chacha20-poly1305@openssh.com";
  static const char gcm[] = "aes256-gcm@openssh.com";
  struct peer* p;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(roles); i++) {
    p = peer_new(roles[i]);
    CHECK_EQ(strict_with(p, STRICT_BOTH, chacha), 1);
    CHECK_EQ(strict_with(p, STRICT_V00, chacha), 1);
    CHECK_EQ(strict_with(p, STRICT_STANDARD, chacha), 1);
    CHECK_EQ(strict_with(p, STRICT_NONE, chacha), 0);
    CHECK_EQ(strict_with(p, STRICT_BOTH, gcm), 1);
    CHECK_EQ(strict_with(p, STRICT_NONE, gcm), 0);
    peer_end(p);
  }
}

TEST(lesson_9_the_other_roles_mark_is_none) {
  struct peer* p = peer_new(PEER_CLIENT);
  uvssh_session_info_t info;

  p->lists[LIST_KEX] = "curve25519-sha256,kex-strict-s-v00@openssh.com,"
                       "kex-strict-s";
  p->strict = STRICT_NONE;
  p->ext_info = 0;
  peer_open(p);
  peer_reach_service(p);
  uvssh_session_info(&p->side->pub, &info);
  CHECK_EQ(info.strict, 0);
  peer_end(p);
}

TEST(lesson_9_require_strict) {
  struct peer* p;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(roles); i++) {
    p = peer_new(roles[i]);
    p->app->server_config.require_strict = 1;
    p->app->client_config.require_strict = 1;
    p->strict = STRICT_NONE;
    begin(p);
    peer_say_kexinit(p);
    peer_ended(p, UVSSH_ENOALGO, 3);
    peer_again(p);
    p->strict = STRICT_V00;
    peer_open(p);
    peer_reach_service(p);
    peer_end(p);
  }
}

/* Paramiko (3.4 to 3.5 were seen) goes by the last mark, and knows only the
 * older name of it. */
TEST(lesson_9_the_older_mark_is_last) {
  static const char* const last[] = { ",kex-strict-s-v00@openssh.com",
                                      ",kex-strict-c-v00@openssh.com" };
  struct peer* p;
  size_t i, len;
  str_t list;
  rd_t m;

  for (i = 0; i < ARRAY_SIZE(roles); i++) {
    p = peer_new(roles[i]);
    peer_open(p);
    peer_read_ident(p);
    peer_read_kexinit(p);
    m = rd_of(p->i_theirs.base, p->i_theirs.len);
    (void) rd_take(&m, 1 + 16);    /* its number, the cookie */
    list = uvssh__rd_namelist(&m);
    len = strlen(last[i]);
    CHECK(list.len > len);
    CHECK_MEM(list.base + list.len - len, len, last[i], len);
    peer_end(p);
  }
}

/* Marks in a later KEXINIT mean nothing. */
TEST(lesson_9_marks_in_a_later_kexinit) {
  struct peer* p;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(roles); i++) {
    p = peer_new(roles[i]);
    peer_cipher(p, "chacha20-poly1305@openssh.com", NULL);
    p->strict = STRICT_NONE;
    peer_open(p);
    peer_reach_open(p);
    p->lists[LIST_KEX] = "curve25519-sha256,ext-info-c,ext-info-s,"
                         "kex-strict-c,kex-strict-s";
    peer_rekey(p);                 /* the peer's numbers go on */
    peer_alive(p);
    peer_end(p);
  }
}
