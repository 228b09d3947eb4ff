/* open_kinds.c: the table of channel types: one row each, with the fields that
 * stand behind the maximum packet size. RFC 4254 sections 6.1, 7.2. */
#include "conn/conn.h"

enum { PORT_MAX = 65535, HOST_MAX = 1024 };

static void no_fields(rd_t* m, uvssh_channel_open_t* what) {
}

static void read_direct_tcpip(rd_t* m, uvssh_channel_open_t* what) {
  str_t host = rd_text(m);         /* host to connect */
  uint32_t port = rd_u32(m);       /* port to connect */
  str_t origin = rd_text(m);       /* originator IP address */
  uint32_t origin_port = rd_u32(m);  /* originator port */

  if (port > PORT_MAX || origin_port > PORT_MAX)
    m->bad = 1;
  if (m->bad)
    return;
  what->host = text_at(host);
  what->port = (int) port;
  what->origin_host = text_at(origin);
  what->origin_port = (int) origin_port;
}

static void read_other(rd_t* m, uvssh_channel_open_t* what) {
  str_t rest = rd_rest(m);

  what->extra = rest.base;
  what->extra_len = rest.len;
}

static int check_nothing(const uvssh_channel_open_t* what) {
  return 0;
}

static int is_port(int port) {
  return port >= 0 && port <= PORT_MAX;
}

static int check_direct_tcpip(const uvssh_channel_open_t* what) {
  const char* origin = what->origin_host;

  return what->host != NULL && strlen(what->host) <= HOST_MAX &&
                 (origin == NULL || strlen(origin) <= HOST_MAX) &&
                 is_port(what->port) && is_port(what->origin_port)
             ? 0
             : UV_EINVAL;
}

static int check_other(const uvssh_channel_open_t* what) {
  return what->name == NULL || strlen(what->name) > NAME_BYTES_MAX ||
                 (what->extra == NULL && what->extra_len != 0) ||
                 what->extra_len > DATA_MAX
             ? UV_EINVAL
             : 0;
}

static void write_nothing(struct buf* m, const uvssh_channel_open_t* what) {
}

static void write_direct_tcpip(struct buf* m,
                               const uvssh_channel_open_t* what) {
  wr_cstr(m, what->host);
  wr_u32(m, (uint32_t) what->port);
  wr_cstr(m, what->origin_host == NULL ? "127.0.0.1" : what->origin_host);
  wr_u32(m, (uint32_t) what->origin_port);
}

static void write_other(struct buf* m, const uvssh_channel_open_t* what) {
  wr_bytes(m, what->extra, what->extra_len);
}

/* Strings are shown: they become text where they lie. */
static const struct open_kind kinds[] = {
  { "session", UVSSH_CHANNEL_SESSION, 1, 0, no_fields, check_nothing,
    write_nothing },                         /* RFC 4254 section 6.1 */
  { "direct-tcpip", UVSSH_CHANNEL_DIRECT_TCPIP, 1, 0, read_direct_tcpip,
    check_direct_tcpip, write_direct_tcpip },  /* RFC 4254 section 7.2 */
};

static const struct open_kind other = {
  NULL, UVSSH_CHANNEL_OTHER, 1, 1, read_other, check_other, write_other
};

int uvssh__open_is_unasked(str_t name) {
  static const char* const names[] = { "auth-agent",
    "auth-agent@openssh.com", "forwarded-streamlocal@openssh.com",
    "forwarded-tcpip", "x11" };
  size_t i;

  for (i = 0; i < ARRAY_SIZE(names); i++)
    if (str_is(name, names[i]))
      return 1;
  return 0;
}

const struct open_kind* uvssh__open_kind(str_t name) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(kinds); i++)
    if (str_is(name, kinds[i].name))
      return &kinds[i];
  return &other;
}

const struct open_kind* uvssh__open_kind_of(const uvssh_channel_open_t* what) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(kinds); i++)
    if (kinds[i].type == what->type)
      return &kinds[i];
  return what->type == UVSSH_CHANNEL_OTHER ? &other : NULL;
}
