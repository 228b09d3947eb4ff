/* world_rows.c: the table of messages, and their fields in and out. */
#include "world_rows.h"

static const struct row rows[] = {
  { MSG_DISCONNECT, NULL, "uss" },               /* RFC 4253 section 11 */
  { MSG_IGNORE, NULL, "s" },
  { MSG_UNIMPLEMENTED, NULL, "u" },
  { MSG_DEBUG, NULL, "bss" },
  { MSG_SERVICE_REQUEST, NULL, "S" },
  { MSG_SERVICE_ACCEPT, NULL, "S" },
  { MSG_EXT_INFO, NULL, "isA" },                 /* one extension */
  { MSG_EXT_INFO, NULL, "iss" },
  { MSG_NEWCOMPRESS, NULL, "" },
  { MSG_KEXINIT, NULL, "cxAeemmoollbu" },
  { MSG_NEWKEYS, NULL, "" },
  { MSG_KEX_ECDH_INIT, NULL, "P" },
  { MSG_KEX_ECDH_REPLY, NULL, "KPG" },
  { MSG_KEX_DH_GEX_GROUP, NULL, "MM" },          /* RFC 4419 */
  { MSG_KEX_DH_GEX_INIT, NULL, "M" },
  { MSG_KEX_DH_GEX_REPLY, NULL, "KMG" },
  { MSG_KEX_DH_GEX_REQUEST, NULL, "BBB" },
  { MSG_USERAUTH_REQUEST, "none", "USw" },       /* RFC 4252 */
  { MSG_USERAUTH_REQUEST, "password", "USwbs" },
  { MSG_USERAUTH_REQUEST, "password", "USwbss" },
  { MSG_USERAUTH_REQUEST, "publickey", "USwbAK" },
  { MSG_USERAUTH_REQUEST, "publickey", "USwbAKG" },
  { MSG_USERAUTH_REQUEST, AUTH_HOSTBOUND, "USwbAKK" },
  { MSG_USERAUTH_REQUEST, AUTH_HOSTBOUND, "USwbAKKG" },
  { MSG_USERAUTH_REQUEST, "x@y", "USwr" },
  { MSG_USERAUTH_FAILURE, NULL, "sb" },
  { MSG_USERAUTH_SUCCESS, NULL, "" },
  { MSG_USERAUTH_BANNER, NULL, "ss" },
  { MSG_USERAUTH_PK_OK, NULL, "AK" },
  { MSG_USERAUTH_PASSWD_CHANGEREQ, NULL, "ss" },
  { MSG_USERAUTH_PASSWD_CHANGEREQ + 1, NULL, "is" },
  { MSG_GLOBAL_REQUEST, "keepalive@openssh.com", "wb" },
  { MSG_GLOBAL_REQUEST, "tcpip-forward", "wbsu" },
  { MSG_GLOBAL_REQUEST, "cancel-tcpip-forward", "wbsu" },
  { MSG_GLOBAL_REQUEST, "no-more-sessions@openssh.com", "wb" },
  { MSG_GLOBAL_REQUEST, HOSTKEYS_TELL, "wbK" },
  { MSG_GLOBAL_REQUEST, HOSTKEYS_TELL, "wbKK" },
  { MSG_GLOBAL_REQUEST, HOSTKEYS_PROVE, "wbK" },
  { MSG_GLOBAL_REQUEST, "x@y", "wbr" },
  { MSG_REQUEST_SUCCESS, NULL, "r" },
  { MSG_REQUEST_SUCCESS, NULL, "G" },            /* a host key's proof */
  { MSG_REQUEST_FAILURE, NULL, "" },
  { MSG_CHANNEL_OPEN, "session", "whzz" },       /* RFC 4254 */
  { MSG_CHANNEL_OPEN, "direct-tcpip", "whzzsusu" },
  { MSG_CHANNEL_OPEN, "forwarded-tcpip", "whzzsusu" },
  { MSG_CHANNEL_OPEN, "x11", "whzzsu" },
  { MSG_CHANNEL_OPEN, "auth-agent@openssh.com", "whzz" },
  { MSG_CHANNEL_OPEN, "x@y", "whzzr" },
  { MSG_CHANNEL_OPEN_CONFIRMATION, NULL, "hhzz" },
  { MSG_CHANNEL_OPEN_FAILURE, NULL, "huss" },
  { MSG_CHANNEL_WINDOW_ADJUST, NULL, "hz" },
  { MSG_CHANNEL_DATA, NULL, "hs" },
  { MSG_CHANNEL_EXTENDED_DATA, NULL, "hus" },
  { MSG_CHANNEL_EOF, NULL, "h" },
  { MSG_CHANNEL_CLOSE, NULL, "h" },
  { MSG_CHANNEL_REQUEST, "pty-req", "hwbsuuuus" },
  { MSG_CHANNEL_REQUEST, "env", "hwbss" },
  { MSG_CHANNEL_REQUEST, "shell", "hwb" },
  { MSG_CHANNEL_REQUEST, "exec", "hwbs" },
  { MSG_CHANNEL_REQUEST, "subsystem", "hwbs" },
  { MSG_CHANNEL_REQUEST, "window-change", "hwbuuuu" },
  { MSG_CHANNEL_REQUEST, "signal", "hwbs" },
  { MSG_CHANNEL_REQUEST, "break", "hwbu" },
  { MSG_CHANNEL_REQUEST, "exit-status", "hwbu" },
  { MSG_CHANNEL_REQUEST, "exit-signal", "hwbsbss" },
  { MSG_CHANNEL_REQUEST, "eow@openssh.com", "hwb" },
  { MSG_CHANNEL_REQUEST, "auth-agent-req@openssh.com", "hwb" },
  { MSG_CHANNEL_REQUEST, "x@y", "hwbr" },
  { MSG_CHANNEL_SUCCESS, NULL, "h" },
  { MSG_CHANNEL_FAILURE, NULL, "h" },
  { MSG_PING, NULL, "s" },
  { MSG_PONG, NULL, "s" },
};

void rows_check(void) {
  const char* nameless = uvssh__msg_name(255);
  unsigned number;
  size_t i;

  for (number = 0; number < 255; number++) {
    if (strcmp(uvssh__msg_name((uint8_t) number), nameless) == 0)
      continue;
    for (i = 0; i < ARRAY_SIZE(rows) && rows[i].number != number; i++)
      ;
    MUST(i < ARRAY_SIZE(rows));    /* a message without a row */
  }
}

const struct row* row_at(unsigned which) {
  return &rows[which % ARRAY_SIZE(rows)];
}

/* ---- in ------------------------------------------------------------------ */

static size_t width(char kind) {
  switch (kind) {
    case 'b': return 1;
    case 'c': return 16;
    case 'u': case 'h': case 'z': case 'i': case 'B': return 4;
    default: return 0;
  }
}

static int read_field(rd_t* m, const struct row* row, struct field* f) {
  const uint8_t* from = m->at;
  str_t name;

  f->is_string = f->kind != 'r' && width(f->kind) == 0;
  if (f->kind == 'r') {
    f->len = rd_rest(m).len;
  } else if (f->is_string) {
    name = rd_str(m);
    f->len = 4 + name.len;
    if (f->kind == 'w' && !str_is(name, row->name) &&
        strcmp(row->name, "x@y") != 0)
      return 0;
  } else {
    f->len = width(f->kind);
    (void) rd_take(m, f->len);
  }
  return !m->bad && from != NULL;
}

static int fits(str_t payload, const struct row* row, struct fields* out) {
  rd_t m = rd_of(payload.base, payload.len);
  const char* kind;

  out->count = 0;
  if (rd_u8(&m) != row->number)
    return 0;
  for (kind = row->fields; *kind != '\0'; kind++) {
    struct field* f = &out->at[out->count++];
    f->kind = *kind;
    f->at = (size_t) (m.at - payload.base);
    if (!read_field(&m, row, f))
      return 0;
  }
  return rd_end(&m) == 0;
}

const struct row* row_read(str_t payload, struct fields* fields) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(rows); i++)
    if (fits(payload, &rows[i], fields))
      return &rows[i];
  return NULL;
}

/* ---- out ----------------------------------------------------------------- */

#define PICK(list, random) ((list)[(random) % ARRAY_SIZE(list)])

static const uint32_t numbers[] = {
  0, 1, 2, 3, 4, 5, 7, 8, 16, 22, 255, 256, 1023, 1024, 16384, 32768, 35000,
  65535, 65536, 1 << 20, 1 << 21, 0x7fffffff, 0x80000000, 0xfffffffe,
  0xffffffff
};

static const uint32_t sizes[] = {
  0, 1, 9, 100, 1000, 1024, 4096, 16384, 32768, 65536, 1 << 20, 1 << 21,
  0x7fffffff, 0xffffffff
};

static const uint32_t bits[] = { 2048, 2048, 2048, 8192, 3072, 1024, 0,
                                 0xffffffff };

static const char* const texts[] = {
  "", "a", "user", "word", "xterm", "LANG", "C", "true", "sftp", "TERM", "INT",
  "HUP", "host.example", "192.0.2.1", "::1", "publickey", "password",
  "publickey,password", "server-sig-algs", "en", "\x1b[2J\x07", "\xff\xfe\xc2",
  "a\nb\r", "none", "ssh-ed25519", "x@y", "0", "ping@openssh.com",
  "publickey-hostbound@openssh.com", "ext-info-in-auth@openssh.com"
};

static const char* const users[] = { "user", "user", "other", "", "root\n" };
static const char* const services[] = { "ssh-userauth", "ssh-connection", "" };
static const char* const kexes[] = {
  "curve25519-sha256", "curve25519-sha256@libssh.org",
  "curve25519-sha256,ext-info-c,ext-info-s",
  "x,curve25519-sha256,kex-strict-c-v00@openssh.com,kex-strict-c",
  "x,curve25519-sha256,kex-strict-s-v00@openssh.com,kex-strict-s", "x", "",
  "diffie-hellman-group-exchange-sha256,kex-strict-s,kex-strict-c",
  "diffie-hellman-group-exchange-sha256", "ecdh-sha2-nistp256",
  "ecdh-sha2-nistp384", "diffie-hellman-group14-sha256"
};
static const char* const ciphers[] = {
  "chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes256-ctr",
  "x,aes256-ctr", "aes128-gcm@openssh.com", "aes128-ctr", "none", ""
};
static const char* const macs[] = {
  "hmac-sha2-256", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512", "none", ""
};

static void write_key(struct buf* m, uint64_t random) {
  size_t len;
  const uint8_t* blob = uvssh_key_blob(
      fuzz_key(random % 2 == 0 ? KEY_OF_USER : KEY_OF_HOST), &len);

  wr_str(m, blob, len);
}

static void write_signature(struct buf* m) {
  static const uint8_t zero[64];

  wr_u32(m, 4 + 11 + 4 + 64);
  wr_cstr(m, KEY_ED25519);
  wr_str(m, zero, sizeof(zero));
}

static void write_filler(struct buf* m, size_t len, int fill, int counted) {
  uint8_t* at;

  if (counted)
    wr_u32(m, (uint32_t) len);
  at = uvssh__buf_reserve(m, len);
  if (at != NULL) {
    memset(at, fill, len);
    m->len += len;
  }
}

/* Small ones, one that is a group's p, and what is as large. */
static void write_mpint(struct buf* m, uint64_t random) {
  uint8_t small[2] = { 0, (uint8_t) (random >> 8) };
  str_t p = uvssh__dh_group(2048).p;

  if (random % 4 < 2)
    uvssh__wr_mpint(m, small, sizeof(small));
  else if (random % 4 == 2)
    uvssh__wr_mpint(m, p.base, p.len);
  else
    write_filler(m, p.len, (int) (random >> 8) % 256, 1);
}

static void write_text(struct buf* m, uint64_t random) {
  if (random % 16 == 15)           /* much of the same */
    write_filler(m, (size_t) (random >> 8) % 700, 'x', 1);
  else
    wr_cstr(m, PICK(texts, random >> 8));
}

void field_write(struct buf* m, const struct row* row, char kind,
                 uint64_t random) {
  switch (kind) {
    case 'b': wr_u8(m, (uint8_t) (random % 4 == 3 ? random >> 8 : random % 2));
              break;
    case 'u': wr_u32(m, PICK(numbers, random)); break;
    case 'h': wr_u32(m, random % 8 == 7 ? PICK(numbers, random >> 8)
                                        : (uint32_t) random % 8 / 2); break;
    case 'z': wr_u32(m, PICK(sizes, random)); break;
    case 'i': wr_u32(m, random % 8 == 7 ? PICK(numbers, random >> 8) : 1);
              break;
    case 'c': write_filler(m, 16, 5, 0); break;
    case 'r': write_filler(m, (size_t) random % 40, 'r', 0); break;
    case 'w': wr_cstr(m, row->name); break;
    case 'U': wr_cstr(m, PICK(users, random)); break;
    case 'S': wr_cstr(m, PICK(services, random)); break;
    case 'A': wr_cstr(m, random % 8 == 7 ? "ssh-rsa" : KEY_ED25519); break;
    case 'K': write_key(m, random); break;
    case 'G': write_signature(m); break;
    case 'P': write_filler(m, 32, (int) (random % 3) * 4, 1); break;
    case 'M': write_mpint(m, random); break;
    case 'B': wr_u32(m, PICK(bits, random)); break;
    case 'x': wr_cstr(m, PICK(kexes, random)); break;
    case 'e': wr_cstr(m, PICK(ciphers, random)); break;
    case 'm': wr_cstr(m, PICK(macs, random)); break;
    case 'o': wr_cstr(m, random % 8 == 7 ? "zlib" : "none"); break;
    case 'l': wr_cstr(m, ""); break;
    default: write_text(m, random); break;
  }
}

void row_write(struct buf* m, const struct row* row, uint64_t random) {
  const char* kind;

  wr_u8(m, row->number);
  for (kind = row->fields; *kind != '\0'; kind++) {
    random = (random ^ random >> 29) * 0xbf58476d1ce4e5b9;
    field_write(m, row, *kind, random >> 16);
  }
}
