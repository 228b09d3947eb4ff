/* known_hosts.h: which key a host had before: OpenSSH's file, read and written.
 *
 * Plain data, for one thread at a time. Lines that cannot be read are kept as
 * they are and match nothing. */
#ifndef UVSSH_KNOWN_HOSTS_H
#define UVSSH_KNOWN_HOSTS_H

#include "uvssh/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Read a file; one that is not there is an empty list.
 *
 * Blocks on the disk. Files of more than 4 MiB are UV_EFBIG.
 *
 * hosts   out; yours, until uvssh_known_hosts_free(); untouched on failure
 * path    copied; NULL: ~/.ssh/known_hosts
 * return  0; UV_EACCES, UV_EISDIR, ...; UV_EFBIG; UV_ENOMEM
 * thread  any      inside callbacks: no, it blocks      since 0.1
 */
UVSSH_EXTERN int uvssh_known_hosts_load(uvssh_known_hosts_t** hosts,
                                        const char* path);

/**
 * What the list says of this key of this host.
 *
 * KNOWN: a line has it. REVOKED: a @revoked line has it. CHANGED: there are
 * lines with other keys of this type. UNKNOWN: none of these. @cert-authority
 * lines match nothing yet.
 *
 * host    as the user wrote it; names without regard to case
 * port    0: 22
 * line    out: the number of the line that decided, from 1; 0: none; NULL: do
 *         not tell
 * thread  any, one at a time      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN uvssh_host_verdict
uvssh_known_hosts_check(const uvssh_known_hosts_t* hosts,
                        const char* host,
                        int port,
                        const uvssh_key_t* key,
                        unsigned* line);

/**
 * Add a line: to the list, and to the end of the file that was loaded.
 *
 * Blocks on the disk. A file that is not there is made, mode 0600; its folder
 * is not.
 *
 * return  0; UV_EINVAL a host that cannot stand in such a line; UV_EACCES, ...:
 *         neither list nor file has it; UV_ENOMEM
 * thread  any, one at a time      inside callbacks: no, it blocks   since 0.1
 */
UVSSH_EXTERN int uvssh_known_hosts_add(uvssh_known_hosts_t* hosts,
                                       const char* host,
                                       int port,
                                       const uvssh_key_t* key);

/**
 * A host has these keys from now on, and no others: those that are missing are
 * added, and lines of this host with other keys are taken out. What on_hostkeys
 * tells is meant for this.
 *
 * Only where one of the keys stands there already, and only lines that name
 * this host alone and have no marker are changed: where others match it too,
 * nothing is. Lines that cannot be read stay. The file is read again, and a new
 * one, mode 0600, takes its place at once; what is added just then is lost.
 * Blocks on the disk.
 *
 * keys    1..64
 * return  0, also when nothing had to change; UV_ENOENT none of the keys is
 *         known; UV_EPERM lines of it are made by hand; UV_EINVAL; UV_EACCES,
 *         ...: all is as it was; UV_ENOMEM
 * thread  any, one at a time      inside callbacks: no, it blocks   since 0.1
 */
UVSSH_EXTERN int uvssh_known_hosts_update(uvssh_known_hosts_t* hosts,
                                          const char* host,
                                          int port,
                                          uvssh_key_t* const* keys,
                                          unsigned count);

/** NULL is fine. */
UVSSH_EXTERN void uvssh_known_hosts_free(uvssh_known_hosts_t* hosts);

#ifdef __cplusplus
}
#endif
#endif
