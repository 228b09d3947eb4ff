/* watch.h: what exec.c shows to who looks for a fault. */
#ifndef WATCH_H
#define WATCH_H

#include <uvssh.h>

/* A line on stderr for each packet. */
void watch_packets(uvssh_config_t* config);

/* What host and we have agreed on, as such lines. */
void watch_tell(const uvssh_session_t* session);

/* What a recording of this connection is read with goes to the end of the file
 * that SSHKEYLOGFILE names. 0, or a complaint has been made. */
int watch_keys(uvssh_config_t* config);

#endif
