/* OpenSSH's known_hosts as text: which line speaks of which host and key. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

#include "files/files.h"

/* Three keys with names that a test's text may use: $A, $B (ssh-ed25519) and
 * one of another type, $R (ssh-rsa), that is too short to be any. */
static uvssh_key_t* key_a;
static char line_a[128], line_b[128];
static const char line_r[] = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQE=";

static void keys_begin(void) {
  uvssh_key_t* key_b;
  size_t len = sizeof(line_a);

  CHECK_EQ(uvssh_key_generate(&key_a, UVSSH_KEY_ED25519, 0), 0);
  CHECK_EQ(uvssh_key_generate(&key_b, UVSSH_KEY_ED25519, 0), 0);
  CHECK_EQ(uvssh_key_public_line(key_a, line_a, &len), 0);
  len = sizeof(line_b);
  CHECK_EQ(uvssh_key_public_line(key_b, line_b, &len), 0);
  uvssh_key_unref(key_b);
}

static void keys_end(void) {
  uvssh_key_unref(key_a);
}

/* text with its $A, $B, $R replaced. */
static void fill(struct buf* out, const char* text) {
  const char* with;

  for (; *text != '\0'; text++) {
    if (*text != '$') {
      wr_u8(out, (uint8_t) *text);
      continue;
    }
    text++;
    with = *text == 'A' ? line_a : *text == 'B' ? line_b : line_r;
    wr_bytes(out, with, strlen(with));
  }
  CHECK_EQ(out->bad, 0);
}

/* What the text says of $A at host:port; *line: where. */
static uvssh_host_verdict ask(const char* text,
                              const char* host,
                              int port,
                              unsigned* line) {
  struct buf b = { 0 };
  uvssh_host_verdict verdict;

  fill(&b, text);
  verdict = uvssh__known_hosts_check(str_of_buf(&b), host, port, key_a, line);
  uvssh__buf_free(&b);
  return verdict;
}

struct row {
  const char* text;
  const char* host;
  int port;
  uvssh_host_verdict verdict;
  unsigned line;
};

static void check_rows(const struct row* rows, size_t count) {
  unsigned line;
  size_t i;

  keys_begin();
  for (i = 0; i < count; i++) {
    NOTE("row %zu: %s", i, rows[i].text);
    CHECK_EQ(ask(rows[i].text, rows[i].host, rows[i].port, &line),
             rows[i].verdict);
    CHECK_EQ(line, rows[i].line);
  }
  keys_end();
}

#define UNKNOWN UVSSH_HOST_UNKNOWN
#define CHANGED UVSSH_HOST_CHANGED
#define REVOKED UVSSH_HOST_REVOKED
#define KNOWN UVSSH_HOST_KNOWN

TEST(known_hosts_lines) {
  static const struct row rows[] = {
    { "", "host", 22, UNKNOWN, 0 },
    { "\n\n", "host", 22, UNKNOWN, 0 },
    { "host $A\n", "host", 22, KNOWN, 1 },
    { "host $A", "host", 22, KNOWN, 1 },
    { "host $A", "host", 0, KNOWN, 1 },
    { "host $A\r\n", "host", 22, KNOWN, 1 },
    { "host $A\r comment\n", "host", 22, KNOWN, 1 },
    { "host $A\n@revoked host $A\r x\r\n", "host", 22, REVOKED, 2 },
    { "\xef\xbb\xbfhost $A\n", "host", 22, UNKNOWN, 0 },
    { "host\t$A\tsomebody's key, he said\n", "host", 22, KNOWN, 1 },
    { "  \t host   $A  \n", "host", 22, KNOWN, 1 },
    { "# host $A\n#\n \t# x\nhost $A\n", "host", 22, KNOWN, 4 },
    { "#host $A\n", "#host", 22, UNKNOWN, 0 },
    { "other $A\n", "host", 22, UNKNOWN, 0 },
    { "host $B\n", "host", 22, CHANGED, 1 },
    { "host $R\n", "host", 22, UNKNOWN, 0 },
    { "host $R\nhost $A\n", "host", 22, KNOWN, 2 },
    { "host $B\nhost $A\n", "host", 22, KNOWN, 2 },
    { "host $A\nhost $B\n", "host", 22, KNOWN, 1 },
    { "host $A\nhost $A\n", "host", 22, KNOWN, 1 },
    { "x $A\nhost $B\nhost $B\n", "host", 22, CHANGED, 2 },
    { "a,host,b $A\n", "host", 22, KNOWN, 1 },
    { "a,,host $A\n", "host", 22, KNOWN, 1 },
    { "a, host $A\n", "host", 22, UNKNOWN, 0 },
    { "HOST $A\n", "host", 22, KNOWN, 1 },
    { "hOSt.Example $A\n", "HosT.eXAMPLE", 22, KNOWN, 1 },
    { "192.0.2.1 $A\n", "192.0.2.1", 22, KNOWN, 1 },
    { "fe80::1%eth0 $A\n", "fe80::1%eth0", 22, KNOWN, 1 },
  };
  check_rows(rows, ARRAY_SIZE(rows));
}

TEST(known_hosts_unreadable) {
  static const struct row rows[] = {
    { "host\n", "host", 22, UNKNOWN, 0 },
    { "host ssh-ed25519\n", "host", 22, UNKNOWN, 0 },
    { "host ssh-ed25519 !\n", "host", 22, UNKNOWN, 0 },
    { "host ssh-ed25519 AAAA\n", "host", 22, UNKNOWN, 0 },
    { "host ssh-ed25519 AAAAB3NzaC1yc2EAAAADAQABAAAAAQE=\n", "host", 22,
      UNKNOWN, 0 },
    { "host $Ax\n", "host", 22, UNKNOWN, 0 },
    { "host x$A\n", "host", 22, UNKNOWN, 0 },
    { "$A\n", "ssh-ed25519", 22, UNKNOWN, 0 },
    { "\x01\xff\x80 $A\nhost $A\n", "host", 22, KNOWN, 2 },
  };
  check_rows(rows, ARRAY_SIZE(rows));
}

TEST(known_hosts_patterns) {
  static const struct row rows[] = {
    { "* $A\n", "host", 22, KNOWN, 1 },
    { "*.example $A\n", "a.b.example", 22, KNOWN, 1 },
    { "*.example $A\n", ".example", 22, KNOWN, 1 },
    { "*.example $A\n", "example", 22, UNKNOWN, 0 },
    { "h?st $A\n", "host", 22, KNOWN, 1 },
    { "h?st $A\n", "hst", 22, UNKNOWN, 0 },
    { "host? $A\n", "host", 22, UNKNOWN, 0 },
    { "*st*s* $A\n", "host.s", 22, KNOWN, 1 },
    { "a*b*c $A\n", "aXbXbc", 22, KNOWN, 1 },
    { "a*b*c $A\n", "aXbXcb", 22, UNKNOWN, 0 },
    { "*,!host $A\n", "host", 22, UNKNOWN, 0 },
    { "!host,* $A\n", "host", 22, UNKNOWN, 0 },
    { "!host,* $A\n", "other", 22, KNOWN, 1 },
    { "!host $A\n", "other", 22, UNKNOWN, 0 },
    { "!h*,host $A\n*t $A\n", "host", 22, KNOWN, 2 },
    { "host $A\n", "h*", 22, UNKNOWN, 0 },
    { "host $A\n", "ho?t", 22, UNKNOWN, 0 },
    { "host,other $A\n", "host,other", 22, UNKNOWN, 0 },
  };
  check_rows(rows, ARRAY_SIZE(rows));
}

TEST(known_hosts_ports) {
  static const struct row rows[] = {
    { "[host]:2222 $A\n", "host", 2222, KNOWN, 1 },
    { "[host]:2222 $A\n", "host", 22, UNKNOWN, 0 },
    { "[host]:2222 $A\n", "host", 2223, UNKNOWN, 0 },
    { "[host]:2222 $B\n", "host", 2222, CHANGED, 1 },
    { "[host]:22 $A\n", "host", 22, UNKNOWN, 0 },
    { "[::1]:2222 $A\n", "::1", 2222, KNOWN, 1 },
    { "[*]:2222 $A\n", "host", 2222, KNOWN, 1 },
    { "[host]:* $A\n", "host", 2222, KNOWN, 1 },
    { "* $B\n", "host", 2222, CHANGED, 1 },
    /* "checking without port identifier" */
    { "host $A\n", "host", 2222, KNOWN, 1 },
    { "host $B\n", "host", 2222, UNKNOWN, 0 },
    { "[host]:2222 $B\nhost $A\n", "host", 2222, CHANGED, 1 },
    { "@revoked host $A\n", "host", 2222, REVOKED, 1 },
    { "host $A\n", "host", -1, UNKNOWN, 0 },
    { "host $A\n", "host", 65536, UNKNOWN, 0 },
    { "* $A\n", "", 22, UNKNOWN, 0 },
  };
  check_rows(rows, ARRAY_SIZE(rows));
}

TEST(known_hosts_markers) {
  static const struct row rows[] = {
    { "@revoked host $A\n", "host", 22, REVOKED, 1 },
    { "@revoked * $A\n", "host", 22, REVOKED, 1 },
    { "host $A\n@revoked host $A\n", "host", 22, REVOKED, 2 },
    { "@revoked host $A\nhost $A\n", "host", 22, REVOKED, 1 },
    { " @revoked\thost $A\n", "host", 22, REVOKED, 1 },
    { "@revoked other $A\nhost $A\n", "host", 22, KNOWN, 2 },
    { "@revoked host $B\n", "host", 22, UNKNOWN, 0 },
    { "@revoked host $B\nhost $A\n", "host", 22, KNOWN, 2 },
    { "@cert-authority host $A\n", "host", 22, UNKNOWN, 0 },
    { "@cert-authority host $B\n", "host", 22, UNKNOWN, 0 },
    { "@other host $A\n", "host", 22, UNKNOWN, 0 },
    { "@revoked\n", "host", 22, UNKNOWN, 0 },
    { "@revoked @revoked host $A\n", "host", 22, UNKNOWN, 0 },
    { "@REVOKED host $A\nhost $A\n", "host", 22, KNOWN, 2 },
  };
  check_rows(rows, ARRAY_SIZE(rows));
}

static void hash_name(char* out, size_t size, const char* name) {
  uint8_t salt[HMAC_SHA1_SIZE], tag[HMAC_SHA1_SIZE];
  struct buf b = { 0 };

  memset(salt, 7, sizeof(salt));
  CHECK_EQ(uvssh__hmac_sha1(salt, str_of(name), tag), 0);
  wr_bytes(&b, "|1|", 3);
  uvssh__base64_write(&b, (str_t) { salt, sizeof(salt) }, 1);
  wr_u8(&b, '|');
  uvssh__base64_write(&b, (str_t) { tag, sizeof(tag) }, 1);
  wr_u8(&b, 0);
  CHECK(!b.bad && b.len <= size);
  memcpy(out, b.base, b.len);
  uvssh__buf_free(&b);
}

TEST(known_hosts_hashed) {
  char plain[128], with_port[128], text[1024];
  unsigned line;

  keys_begin();
  hash_name(plain, sizeof(plain), "host.example");
  hash_name(with_port, sizeof(with_port), "[host.example]:2222");
  snprintf(text, sizeof(text), "%s $A\n", plain);
  CHECK_EQ(ask(text, "host.example", 22, &line), KNOWN);
  CHECK_EQ(ask(text, "HOST.example", 22, &line), KNOWN);
  CHECK_EQ(ask(text, "host.example", 2222, &line), KNOWN);
  CHECK_EQ(ask(text, "host.exampl", 22, &line), UNKNOWN);
  snprintf(text, sizeof(text), "%s $B\n", with_port);
  CHECK_EQ(ask(text, "host.example", 2222, &line), CHANGED);
  CHECK_EQ(ask(text, "host.example", 22, &line), UNKNOWN);
  snprintf(text, sizeof(text), "@revoked %s $A\n", plain);
  CHECK_EQ(ask(text, "host.example", 22, &line), REVOKED);
  /* one name a line; and nothing but the whole of it */
  snprintf(text, sizeof(text), "%s,host.example $A\n", plain);
  CHECK_EQ(ask(text, "host.example", 22, &line), UNKNOWN);
  snprintf(text, sizeof(text), "|2%s $A\n", plain + 2);
  CHECK_EQ(ask(text, "host.example", 22, &line), UNKNOWN);
  plain[strlen(plain) - 5] ^= 1;
  snprintf(text, sizeof(text), "%s $A\n", plain);
  CHECK_EQ(ask(text, "host.example", 22, &line), UNKNOWN);
  CHECK_EQ(ask("|1| $A\n|1|| $A\n|1|a|b $A\n| $A\n"
               "|1|CATLU2ySk4mhsHWDnN+pi4kNtfU=| $A\n",
               "host.example", 22, &line), UNKNOWN);
  keys_end();
}

/* RFC 2202, cases 1 and 6 with a key of 20 bytes. */
TEST(known_hosts_hmac) {
  static const uint8_t want[] = { 0xb6, 0x17, 0x31, 0x86, 0x55, 0x05, 0x72,
                                  0x64, 0xe2, 0x8b, 0xc0, 0xb6, 0xfb, 0x37,
                                  0x8c, 0x8e, 0xf1, 0x46, 0xbe, 0x00 };
  uint8_t key[HMAC_SHA1_SIZE], tag[HMAC_SHA1_SIZE];

  memset(key, 0x0b, sizeof(key));
  CHECK_EQ(uvssh__hmac_sha1(key, str_of("Hi There"), tag), 0);
  CHECK_MEM(tag, sizeof(tag), want, sizeof(want));
}

/* before, 100 KiB of `filler`, and behind. */
static void check_long(const char* before,
                       const char* filler,
                       const char* behind,
                       uvssh_host_verdict verdict) {
  struct buf b = { 0 };
  unsigned line;

  NOTE("%s...%s...%s", before, filler, behind);
  fill(&b, before);
  while (b.len < 100 * 1024)
    wr_bytes(&b, filler, strlen(filler));
  fill(&b, behind);
  CHECK_EQ(uvssh__known_hosts_check(str_of_buf(&b), "host", 22, key_a, &line),
           verdict);
  uvssh__buf_free(&b);
}

TEST(known_hosts_long_lines) {
  char host[300];
  char text[2048];
  unsigned line;

  keys_begin();
  check_long("host $A ", "x", "\nhost $B\n", KNOWN);
  check_long("", "x.example,", "host $A", KNOWN);
  check_long("", "x.example,", "host $B", CHANGED);
  check_long("host $A\n@revoked ", "x.example,", "host $A", REVOKED);
  check_long("host $A\n@revoked * $A ", "x", "\n", REVOKED);
  check_long("host ssh-ed25519 ", "A", "\nhost $A\n", KNOWN);
  memset(host, 'a', sizeof(host));
  host[256] = '\0';
  CHECK_EQ(ask("* $A\n", host, 22, &line), UNKNOWN);
  host[255] = '\0';
  CHECK_EQ(ask("* $A\n", host, 65535, &line), KNOWN);
  memset(text, '*', 1023);
  strcpy(text + 1022, ",host $A\n");
  CHECK_EQ(ask(text, "host", 22, &line), KNOWN);
  text[1022] = '*';
  strcpy(text + 1023, ",host $A\n");
  CHECK_EQ(ask(text, "host", 22, &line), UNKNOWN);
  keys_end();
}

/* A NUL ends its line, as for ssh: what is behind it is not there. */
TEST(known_hosts_nul) {
  struct buf b = { 0 };
  unsigned line;

  keys_begin();
  wr_bytes(&b, "ho\0st ", 6);
  fill(&b, "$A\nhost");
  wr_u8(&b, 0);
  fill(&b, " $A\n");
  CHECK_EQ(uvssh__known_hosts_check(str_of_buf(&b), "ho", 22, key_a, &line),
           UNKNOWN);
  CHECK_EQ(uvssh__known_hosts_check(str_of_buf(&b), "host", 22, key_a, &line),
           UNKNOWN);
  uvssh__buf_reset(&b);
  wr_bytes(&b, "x\0,", 3);
  fill(&b, "host $A\n");
  CHECK_EQ(uvssh__known_hosts_check(str_of_buf(&b), "host", 22, key_a, &line),
           UNKNOWN);
  fill(&b, "host $A");
  wr_bytes(&b, "\0x\n", 3);
  CHECK_EQ(uvssh__known_hosts_check(str_of_buf(&b), "host", 22, key_a, &line),
           KNOWN);
  fill(&b, "@revoked host $A");
  wr_bytes(&b, "\0\n", 2);
  CHECK_EQ(uvssh__known_hosts_check(str_of_buf(&b), "host", 22, key_a, &line),
           REVOKED);
  uvssh__buf_free(&b);
  keys_end();
}

TEST(known_hosts_line_is_known) {
  static const char* const good[] = { "host", "HOST.Example", "192.0.2.1",
                                      "fe80::1%eth0", "::1", "b\xc3\xbc.de" };
  static const char* const bad[] = { "", " ", "a b", "a\tb", "a\nb", "a,b",
                                     "*", "h?st", "!host", "#host", "|1|a|b",
                                     "@revoked", "[host]", "a\x7f", "a\"" };
  static const int ports[] = { 0, 22, 1, 65535 };
  struct buf b = { 0 };
  unsigned line;
  size_t i, k;

  keys_begin();
  for (i = 0; i < ARRAY_SIZE(good); i++)
    for (k = 0; k < ARRAY_SIZE(ports); k++) {
      NOTE("%s %d", good[i], ports[k]);
      uvssh__buf_reset(&b);
      CHECK_EQ(uvssh__known_hosts_line(&b, good[i], ports[k], key_a), 0);
      CHECK_EQ(b.base[b.len - 1], '\n');
      CHECK_EQ(uvssh__known_hosts_check(str_of_buf(&b), good[i], ports[k],
                                        key_a, &line), KNOWN);
    }
  for (i = 0; i < ARRAY_SIZE(bad); i++) {
    NOTE("%s", bad[i]);
    uvssh__buf_reset(&b);
    CHECK_EQ(uvssh__known_hosts_line(&b, bad[i], 22, key_a), UV_EINVAL);
    CHECK_EQ(b.len, 0);
  }
  CHECK_EQ(uvssh__known_hosts_line(&b, "host", 65536, key_a), UV_EINVAL);
  CHECK_EQ(uvssh__known_hosts_line(&b, "host", -1, key_a), UV_EINVAL);
  uvssh__buf_free(&b);
  keys_end();
}

/* ---- the order of host key algorithms ------------------------------------ */

#define ED "ssh-ed25519"
#define EC "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"
#define RSA "rsa-sha2-512,rsa-sha2-256"

TEST(known_hosts_order) {
  static const struct {
    const char* text;
    const char* host;
    int port;
    const char* list;
  } rows[] = {
    { "", "host", 22, ED "," EC "," RSA },
    { "host $A\n", "host", 22, ED "," EC "," RSA },
    { "host $R\n", "host", 22, RSA "," ED "," EC },
    { "host $R\nhost $A\n", "host", 0, ED "," RSA "," EC },
    { "host ecdsa-sha2-nistp384 x\nhost $R", "HOST", 22,
      "ecdsa-sha2-nistp384," RSA "," ED ",ecdsa-sha2-nistp256,"
      "ecdsa-sha2-nistp521" },
    { "other $R\n#host $R\n", "host", 22, ED "," EC "," RSA },
    { "@revoked host $R\n", "host", 22, ED "," EC "," RSA },
    { "@cert-authority host $R\n", "host", 22, ED "," EC "," RSA },
    { "[host]:2222 $R\n", "host", 22, ED "," EC "," RSA },
    { "[host]:2222 $R\n", "host", 2222, RSA "," ED "," EC },
    { "host $R\n", "host", 2222, RSA "," ED "," EC },
    { "[host]:2222 $A\nhost $R\n", "host", 2222, ED "," EC "," RSA },
    { "h*,!host $R\n", "host", 22, ED "," EC "," RSA },
    { "*,!other $R\n", "host", 22, RSA "," ED "," EC },
    { "host ssh-dss x\n", "host", 22, ED "," EC "," RSA }
  };
  size_t i;

  keys_begin();
  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    struct buf text = { 0 }, list = { 0 };
    NOTE("row %zu: %s", i, rows[i].text);
    fill(&text, rows[i].text);
    CHECK_EQ(uvssh__known_hosts_order(str_of_buf(&text), rows[i].host,
                                      rows[i].port, &list), 0);
    CHECK_MEM(list.base, list.len, rows[i].list, strlen(rows[i].list));
    uvssh__buf_free(&list);
    uvssh__buf_free(&text);
  }
  keys_end();
}

TEST(known_hosts_order_refused) {
  struct buf list = { 0 };

  CHECK_EQ(uvssh__known_hosts_order(STR(""), "", 22, &list), UV_EINVAL);
  CHECK_EQ(uvssh__known_hosts_order(STR(""), "host", 65536, &list), UV_EINVAL);
  HEAP_SWEEP(n) {
    int err = uvssh__known_hosts_order(STR(""), "host", 22, &list);
    CHECK_EQ(err, heap_failed() ? UV_ENOMEM : 0);
    uvssh__buf_free(&list);
  }
}

/* A key that cannot be looked at for lack of memory is not an unknown one. */
TEST(known_hosts_out_of_memory) {
  struct buf b = { 0 };
  unsigned line;

  keys_begin();
  fill(&b, "host $B\n@revoked host $A\n");
  HEAP_SWEEP(n) {
    CHECK_EQ(uvssh__known_hosts_check(str_of_buf(&b), "host", 22, key_a, &line),
             REVOKED);
  }
  uvssh__buf_reset(&b);
  fill(&b, "host $B\n");
  HEAP_SWEEP(n) {
    CHECK_EQ(uvssh__known_hosts_check(str_of_buf(&b), "host", 22, key_a, &line),
             CHANGED);
  }
  uvssh__buf_free(&b);
  keys_end();
}

/* ---- a host's keys change ------------------------------------------------ */

/* The host has $A from now on, and, where there is a second, that. */
static const struct {
  const char* was;
  const char* is;                  /* NULL: err */
  int err;
} renewals[] = {
  { "h $A\n", "h $A\n", 0 },
  { "h $A", "h $A\n", 0 },
  { "h $A\nh $B\n", "h $A\n", 0 },
  { "h $B\nh $A x\n", "h $A x\n", 0 },
  { "H $A\nh $B\nh $B\n", "H $A\n", 0 },
  { "# h $B\n\nh $A\ni $B\nh,i\nh\n", NULL, UV_EPERM },
  { "# h $B\n\nh $A\ni $B\n h $B", "# h $B\n\nh $A\ni $B\n", 0 },
  { "h $A\nh $R\nh nonsense x\nh ssh-ed25519 !\n",
    "h $A\nh $R\nh nonsense x\nh ssh-ed25519 !\n", 0 },  /* unreadable */
  { "h $A\n[h]:2222 $B\n", "h $A\n[h]:2222 $B\n", 0 },
  { "h $A\n* $B\n", NULL, UV_EPERM },
  { "h $A\nh,i $B\n", NULL, UV_EPERM },
  { "h,i $A\n", NULL, UV_EPERM },
  { "h $A\n!h $B\n", "h $A\n!h $B\n", 0 },
  { "h $A\n@revoked h $B\n", NULL, UV_EPERM },
  { "h $A\n@cert-authority * $B\n", NULL, UV_EPERM },
  { "h $A\n@cert-authority i $B\n", "h $A\n@cert-authority i $B\n", 0 },
  { "", NULL, UV_ENOENT },
  { "h $B\n", NULL, UV_ENOENT },
  { "i $A\n", NULL, UV_ENOENT },
};

TEST(known_hosts_renewed) {
  struct buf was, is, out;
  size_t i;

  keys_begin();
  for (i = 0; i < ARRAY_SIZE(renewals); i++) {
    NOTE("row %zu: %s", i, renewals[i].was);
    memset(&was, 0, sizeof(was));
    memset(&is, 0, sizeof(is));
    memset(&out, 0, sizeof(out));
    fill(&was, renewals[i].was);
    CHECK_EQ(uvssh__known_hosts_renew(&out, str_of_buf(&was), "h", 22, &key_a,
                                      1), renewals[i].err);
    if (renewals[i].is != NULL) {
      fill(&is, renewals[i].is);
      CHECK_MEM(out.base, out.len, is.base, is.len);
    }
    uvssh__buf_free(&was);
    uvssh__buf_free(&is);
    uvssh__buf_free(&out);
  }
  keys_end();
}
