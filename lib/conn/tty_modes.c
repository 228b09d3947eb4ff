/* tty_modes.c: encoded terminal modes, RFC 4254 section 8: opcodes 1..159 with
 * a uint32 each; 0 ends; from 160 on nothing is known, so reading stops. */
#include "conn/conn.h"

int uvssh_pty_mode(const uvssh_pty_t* pty, uint8_t opcode, uint32_t* value) {
  rd_t r = rd_of(pty->modes, pty->modes_len);
  uint32_t argument;
  uint8_t op;

  while (rd_left(&r) != 0) {
    op = rd_u8(&r);
    if (op == 0 || op >= 160)
      break;
    argument = rd_u32(&r);
    if (r.bad)
      break;
    if (op == opcode) {
      *value = argument;
      return 0;
    }
  }
  return UV_ENOENT;
}
