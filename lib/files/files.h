/* files.h: files that people write, as text: text in, answer out.
 *
 *   known_hosts.c   OpenSSH's list of host keys
 *
 * Pure: files are read and written in loop/. Every byte is hostile: what
 * cannot be read matches nothing.
 */
#ifndef UVSSH_FILES_INTERNAL_H
#define UVSSH_FILES_INTERNAL_H

#include "key/key.h"
#include "uvssh/known_hosts.h"

enum { HOST_TEXT_MAX = 255 };      /* bytes of a host's name; none is longer */

/* As uvssh_known_hosts_check(), of a file's text. */
uvssh_host_verdict uvssh__known_hosts_check(str_t text,
                                            const char* host,
                                            int port,
                                            const uvssh_key_t* key,
                                            unsigned* line);
/* Appends such a line with its end. UV_EINVAL: this host cannot stand in one;
 * UV_ENOMEM. */
int uvssh__known_hosts_line(struct buf* out,
                            const char* host,
                            int port,
                            const uvssh_key_t* key) MUST_CHECK;

#endif
