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
/* The default list of host key algorithms, those first whose keys this host is
 * known by, as ssh does it: otherwise a server could show a key that nobody has
 * seen instead of the one that is known. UV_EINVAL: no such host; UV_ENOMEM. */
int uvssh__known_hosts_order(str_t text,
                             const char* host,
                             int port,
                             struct buf* list) MUST_CHECK;
/* Appends such a line with its end. UV_EINVAL: this host cannot stand in one;
 * UV_ENOMEM. */
int uvssh__known_hosts_line(struct buf* out,
                            const char* host,
                            int port,
                            const uvssh_key_t* key) MUST_CHECK;

/* Appends the text as it is when this host has these keys, and no others: lines
 * of it alone with other keys are gone, missing ones are added. UV_EINVAL, also
 * for more than 64; UV_EPERM: lines of it are made by hand; UV_ENOENT: it has
 * none of the keys; UV_ENOMEM. */
int uvssh__known_hosts_renew(struct buf* out,
                             str_t text,
                             const char* host,
                             int port,
                             uvssh_key_t* const* keys,
                             unsigned count) MUST_CHECK;

#endif
