/* request_kinds.c: the channel requests of RFC 4254 section 6, RFC 4335 and
 * OpenSSH's PROTOCOL (eow), one row each: who may be asked, how its fields are
 * read and written. Text is left in the message, with a NUL behind it. */
#include "conn/conn.h"

static void no_fields(rd_t* m, uvssh_channel_request_t* ask) {
}

static void write_nothing(struct buf* m, const uvssh_channel_request_t* ask) {
}

/* Reading moves text towards its length: all fields first, then the text. */
static void read_pty(rd_t* m, uvssh_channel_request_t* ask) {
  str_t term = rd_text(m);         /* TERM environment variable value */
  str_t modes;

  ask->pty.cols = rd_u32(m);       /* terminal width, characters */
  ask->pty.rows = rd_u32(m);       /* terminal height, rows */
  ask->pty.width_px = rd_u32(m);   /* terminal width, pixels */
  ask->pty.height_px = rd_u32(m);  /* terminal height, pixels */
  modes = rd_str(m);               /* encoded terminal modes */
  ask->pty.term = text_at(term);
  ask->pty.modes = modes.base;
  ask->pty.modes_len = modes.len;
}

static void write_pty(struct buf* m, const uvssh_channel_request_t* ask) {
  wr_cstr(m, ask->pty.term == NULL ? "" : ask->pty.term);
  wr_u32(m, ask->pty.cols);
  wr_u32(m, ask->pty.rows);
  wr_u32(m, ask->pty.width_px);
  wr_u32(m, ask->pty.height_px);
  wr_str(m, ask->pty.modes, ask->pty.modes_len);
}

static void read_env(rd_t* m, uvssh_channel_request_t* ask) {
  str_t name = rd_text(m);         /* variable name */
  str_t value = rd_text(m);        /* variable value */

  ask->name = text_at(name);
  ask->value = text_at(value);
}

static void write_env(struct buf* m, const uvssh_channel_request_t* ask) {
  wr_cstr(m, ask->name);
  wr_cstr(m, ask->value);
}

static void read_exec(rd_t* m, uvssh_channel_request_t* ask) {
  ask->command = text_at(rd_text(m));
}

static void write_exec(struct buf* m, const uvssh_channel_request_t* ask) {
  wr_cstr(m, ask->command);
}

static void read_subsystem(rd_t* m, uvssh_channel_request_t* ask) {
  ask->subsystem = text_at(rd_text(m));
}

static void write_subsystem(struct buf* m, const uvssh_channel_request_t* ask) {
  wr_cstr(m, ask->subsystem);
}

static void read_window_change(rd_t* m, uvssh_channel_request_t* ask) {
  ask->pty.cols = rd_u32(m);
  ask->pty.rows = rd_u32(m);
  ask->pty.width_px = rd_u32(m);
  ask->pty.height_px = rd_u32(m);
}

static void write_window_change(struct buf* m,
                                const uvssh_channel_request_t* ask) {
  wr_u32(m, ask->pty.cols);
  wr_u32(m, ask->pty.rows);
  wr_u32(m, ask->pty.width_px);
  wr_u32(m, ask->pty.height_px);
}

static void read_signal(rd_t* m, uvssh_channel_request_t* ask) {
  ask->signal = text_at(rd_text(m));  /* without the "SIG" prefix */
}

static void write_signal(struct buf* m, const uvssh_channel_request_t* ask) {
  wr_cstr(m, ask->signal);
}

static void read_number(rd_t* m, uvssh_channel_request_t* ask) {
  ask->number = rd_u32(m);         /* exit_status; break-length */
}

static void write_number(struct buf* m, const uvssh_channel_request_t* ask) {
  wr_u32(m, ask->number);
}

static void read_exit_signal(rd_t* m, uvssh_channel_request_t* ask) {
  str_t name = rd_text(m);         /* signal name */
  str_t message;

  ask->core = rd_bool(m);          /* core dumped */
  message = rd_text(m);            /* error message */
  (void) rd_str(m);                /* language tag */
  ask->signal = text_at(name);
  ask->text = text_at(message);
}

static void write_exit_signal(struct buf* m,
                              const uvssh_channel_request_t* ask) {
  wr_cstr(m, ask->signal);
  wr_bool(m, ask->core);
  wr_cstr(m, ask->text == NULL ? "" : ask->text);
  wr_cstr(m, "");                  /* language tag */
}

static void skip(rd_t* m, uvssh_channel_request_t* ask) {
  (void) rd_rest(m);
}

#define PROCESS (KIND_TO_SERVER | KIND_PROCESS)
#define ENDING (KIND_TO_CLIENT | KIND_NO_REPLY)
#define TELLING (KIND_TO_SERVER | KIND_NO_REPLY)

static const struct request_kind kinds[] = {
  { "pty-req", UVSSH_REQUEST_PTY, KIND_TO_SERVER, read_pty, write_pty },
  { "env", UVSSH_REQUEST_ENV, KIND_TO_SERVER, read_env, write_env },
  { "shell", UVSSH_REQUEST_SHELL, PROCESS, no_fields, write_nothing },
  { "exec", UVSSH_REQUEST_EXEC, PROCESS, read_exec, write_exec },
  { "subsystem", UVSSH_REQUEST_SUBSYSTEM, PROCESS, read_subsystem,
    write_subsystem },
  { "window-change", UVSSH_REQUEST_WINDOW_CHANGE, TELLING, read_window_change,
    write_window_change },
  { "signal", UVSSH_REQUEST_SIGNAL, TELLING, read_signal, write_signal },
  { "break", UVSSH_REQUEST_BREAK, KIND_TO_SERVER, read_number, write_number },
  { "exit-status", UVSSH_REQUEST_EXIT_STATUS, ENDING, read_number,
    write_number },
  { "exit-signal", UVSSH_REQUEST_EXIT_SIGNAL, ENDING, read_exit_signal,
    write_exit_signal },
  { "eow@openssh.com", UVSSH_REQUEST_EOW,
    KIND_TO_SERVER | KIND_TO_CLIENT | KIND_NO_REPLY, no_fields, write_nothing },
  { "auth-agent-req@openssh.com", UVSSH_REQUEST_OTHER, KIND_REFUSED, skip,
    write_nothing },
};

const struct request_kind* uvssh__request_kind(str_t name) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(kinds); i++)
    if (str_is(name, kinds[i].name))
      return &kinds[i];
  return NULL;
}

const struct request_kind* uvssh__request_kind_of(uvssh_request_type type) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(kinds); i++)
    if (kinds[i].type == type && (kinds[i].flags & KIND_REFUSED) == 0)
      return &kinds[i];
  return NULL;
}
