/* watch.c: -v and -K of exec.c: each packet in a line, and a key log file for
 * Wireshark or tshark (-o ssh.keylog_file:FILE). POSIX only.
 *
 * Such a file opens all that was said, passwords too: so it takes an option and
 * a variable to have one, and others cannot read it where it is new. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "complain.h"
#include "watch.h"

/* A terminal that takes every key needs the \r. */
static const char* line_end(void) {
  return isatty(STDERR_FILENO) ? "\r\n" : "\n";
}

static void on_packet(void* arg,
                      const uvssh_session_t* session,
                      const uvssh_packet_t* packet) {
  fprintf(stderr, "exec: %s #%u %u %s", packet->outgoing ? "out" : "in ",
          (unsigned) packet->sequence, packet->number, packet->name);
  if (packet->size != 0)
    fprintf(stderr, " %zu bytes", packet->size);
  fputs(line_end(), stderr);
}

void watch_packets(uvssh_config_t* config) {
  config->trace = on_packet;
}

void watch_tell(const uvssh_session_t* session) {
  uvssh_session_info_t info;

  uvssh_session_info(session, &info);
  fprintf(stderr, "exec: %s: %s%s%s, %s, in %s %s, out %s %s%s",
          info.peer_software, info.kex,
          info.post_quantum ? " (post-quantum)" : "",
          info.strict ? " (strict)" : "", info.hostkey_algorithm,
          info.cipher_in, info.mac_in, info.cipher_out, info.mac_out,
          line_end());
}

/* BEGIN keylog */
/* One write a line: other programs may use the file as well. */
static void on_keylog(void* arg,
                      const uvssh_session_t* session,
                      const char* line) {
  if (dprintf(*(int*) arg, "%s\n", line) < 0)
    complain("SSHKEYLOGFILE: %s; leave -K away", strerror(errno));
}

int watch_keys(uvssh_config_t* config) {
  static int fd;                   /* open to the end */
  const char* path = getenv("SSHKEYLOGFILE");

  if (path == NULL || *path == '\0')
    return complain("-K: no file; name it in the variable SSHKEYLOGFILE");
  fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return complain("SSHKEYLOGFILE=%s: %s; name a file that you may write",
                    path, strerror(errno));
  config->keylog = on_keylog;
  config->keylog_arg = &fd;
  return 0;
}
/* END keylog */
